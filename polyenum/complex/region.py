"""Views of one region and of one facet; nothing is stored in them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from polyenum.complex.region_complex import RegionComplex


@dataclass(frozen=True)
class Facet:
    """One facet of a region.

    Attributes
    ----------
    units : tuple of int
        The units whose zero sets (bent hyperplanes) carry the facet; crossing it flips all of them.
    sides : tuple of int
        The sides of the domain that carry it.
    vertices : (n,) int64
        The facet's vertices, as indices into the complex's ``vertices``.
    neighbor : int or None
        The region on the other side; None at the domain's boundary.
    """

    units: tuple[int, ...]
    sides: tuple[int, ...]
    vertices: NDArray[np.int64]
    neighbor: int | None


class Region:
    """One activation region: a view into a `RegionComplex`.

    Parameters
    ----------
    complex : RegionComplex
    index : int
    """

    __slots__ = ("_complex", "index")

    def __init__(self, complex: RegionComplex, index: int) -> None:
        self._complex = complex
        self.index = index

    @property
    def vertices(self) -> NDArray[np.float64]:
        """(n, dim) float64: the vertices, in the domain's coordinates; in 2-D in cyclic order."""
        return self._complex.vertices[self.vertex_ids]

    @property
    def vertex_ids(self) -> NDArray[np.int64]:
        """(n,) int64: the vertices as indices into the complex's ``vertices``."""
        offsets = self._complex.vertex_offsets
        return self._complex.vertex_ids[offsets[self.index] : offsets[self.index + 1]].astype(
            np.int64
        )

    @property
    def pattern(self) -> NDArray[np.uint8]:
        """(units,) uint8: which piece of its activation each unit is on (ReLU: 0 off, 1 on)."""
        return self._complex.patterns_of(np.array([self.index]))[0]

    @property
    def weight(self) -> NDArray[np.float64]:
        """(outputs, dim) float64: the affine map's linear part, in the domain's coordinates."""
        return self._complex.weights[self.index]

    @property
    def bias(self) -> NDArray[np.float64]:
        """(outputs,) float64: the affine map's constant."""
        return self._complex.biases[self.index]

    @property
    def volume(self) -> float:
        """The length, area or volume, in the domain's coordinates."""
        return float(self._complex.volumes[self.index])

    @property
    def centroid(self) -> NDArray[np.float64]:
        """(dim,) float64: the centre of mass."""
        return self._complex.centroids[self.index]

    @property
    def halfspaces(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """``A`` (facets, dim) and ``b`` (facets,), float64: the region is ``A t <= b``, no row to spare.

        Row ``i`` belongs to ``facets[i]``.
        """
        return self._complex.halfspaces_of(self.index)

    @property
    def facets(self) -> list[Facet]:
        """The facets, with what carries them and who is on the other side."""
        return self._complex.facets_of(self.index)

    @property
    def neighbors(self) -> NDArray[np.int64]:
        """(n,) int64: the regions that share a facet with this one, increasing."""
        found = self._complex.facet_table
        row = found.neighbor[found.offsets[self.index] : found.offsets[self.index + 1]]
        return np.unique(row[row >= 0]).astype(np.int64)

    @property
    def polygon(self) -> Any:
        """The region as a ``shapely.Polygon`` (2-D only)."""
        return self._complex.polygons[self.index]

    def __repr__(self) -> str:
        corners = np.diff(self._complex.vertex_offsets[self.index : self.index + 2])[0]
        on = int(np.count_nonzero(self.pattern))
        return (
            f"Region({self.index} of {len(self._complex):,}: {corners} vertices, "
            f"{on} of {self._complex.network.unit_count} units on)"
        )
