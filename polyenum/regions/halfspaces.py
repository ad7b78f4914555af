"""Regions as half-spaces: their rows exactly, and facets by linear programs where there are no vertices."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from polyenum.arithmetic.integers import Form, unit_row
from polyenum.arithmetic.linear_program import InfeasibleError
from polyenum.cells.halfspace.region import FacetFound, RegionBounds
from polyenum.errors import RegionError
from polyenum.networks.exact_forms import ExactForms
from polyenum.networks.pullback import PulledBack
from polyenum.regions.facets import Facets

if TYPE_CHECKING:
    from polyenum.regions.complex import RegionComplex

# Up to this dimension all forms of a layer are carried forward, and kept for other regions; beyond it the
# few that are asked for go back to the inputs.
_FORWARD_DIM = 16


def _contradicted(index: int) -> RegionError:
    return RegionError(
        f"region {index}: its hyperplanes are not those of this network on this region, so its complex is not "
        "what it claims to be"
    )


class Halfspaces:
    """The rows of the regions of a complex.

    Parameters
    ----------
    cx : RegionComplex
    """

    def __init__(self, cx: RegionComplex) -> None:
        self._cx = cx

    @cached_property
    def _forward(self) -> ExactForms:
        return ExactForms(self._cx.network, self._cx.domain)

    @cached_property
    def _backward(self) -> PulledBack:
        return PulledBack(self._cx.network, self._cx.domain)

    def rows(self, index: int, labels: list[int]) -> NDArray[np.float64]:
        """Return the forms of some labels on a region: (n, dim + 1) float64.

        Each is not negative on the region, of length 1, and its exact numbers are rounded correctly.
        """
        cx = self._cx
        sides = cx.sides_of(np.array([index]))[0].view(np.uint8)
        wanted = [h for h in labels if h >= 0]
        forms: list[Form]
        if cx.dim <= _FORWARD_DIM:
            forms = [self._forward.hyperplane(h, sides)[0] for h in wanted]
        else:
            forms = self._backward.hyperplanes(sides, wanted)
        of = dict(zip(wanted, forms, strict=True))
        rows = []
        for label in labels:
            if label < 0:
                form = cx.domain.sides[-1 - label]
            else:
                form = of[label] if sides[label] else tuple(-x for x in of[label])
            if not any(form[:-1]):
                raise _contradicted(index)
            rows.append(unit_row(form))
        return np.array(rows).reshape(-1, cx.dim + 1)


class ProgramFacets:
    """The facets of the regions of a complex that holds no vertices, by linear programs, one region at a time.

    Parameters
    ----------
    cx : RegionComplex
    """

    def __init__(self, cx: RegionComplex) -> None:
        self._cx = cx
        self._found: dict[int, list[FacetFound]] = {}

    @cached_property
    def _bounds(self) -> RegionBounds:
        return RegionBounds(self._cx.network, self._cx.domain)

    @cached_property
    def _index(self) -> dict[bytes, int]:
        return {row.tobytes(): i for i, row in enumerate(self._cx.packed_sides)}

    def labels_of(self, index: int) -> list[int]:
        """Return the labels that may carry a facet of a region."""
        cx = self._cx
        return cx.labels[cx.label_offsets[index] : cx.label_offsets[index + 1]].tolist()

    def of(self, index: int) -> list[FacetFound]:
        """Return the facets of one region."""
        if index not in self._found:
            sides = self._cx.sides_of(np.array([index]))[0].view(np.uint8)
            inside = self._cx.interior_points[index]
            try:
                self._found[index] = self._bounds.facets(sides, self.labels_of(index), inside)
            except InfeasibleError:
                raise _contradicted(index) from None
        return self._found[index]

    def neighbor(self, facet: FacetFound) -> int:
        """Return the region beyond a facet; -1 where there is none in the complex."""
        if facet.beyond is None:
            return -1
        packed = np.packbits(facet.beyond, bitorder="little")
        return self._index.get(packed.tobytes(), -1)

    def table(self) -> Facets:
        """Return the facets of all regions; see `polyenum.regions.facets.find_facets`."""
        offsets, bits, neighbors = [0], [], []
        for i in range(len(self._cx)):
            labels = self.labels_of(i)
            for facet in self.of(i):
                bits.append(labels.index(facet.label))
                neighbors.append(self.neighbor(facet))
            offsets.append(len(bits))
        return Facets(
            np.array(offsets, np.int64), np.array(bits, np.int32), np.array(neighbors, np.int32)
        )
