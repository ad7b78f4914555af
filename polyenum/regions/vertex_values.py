"""The values of some outputs at the vertices of a complex: float64 with bounds, and exact where these fall short.

A vertex has one value for all regions that share it: the network is continuous but for jumps, and a vertex
on a jump is another one on each side of it (`polyenum.regions.identity`).  So each vertex is evaluated once,
by the affine map of any of its regions.

The bound.  Let ``a . x + c`` be the stored map and ``x`` the stored vertex.  The true coefficients are within
``coef`` of ``a``, the true constant within ``const`` of ``c`` (`RegionComplex.map_error`), the true vertex
within ``r`` of ``x`` in each of the ``d`` coordinates (`RegionComplex.vertex_error`).  So the computed value
errs by at most::

    gamma(d + 3) (|a| . |x| + |c|)      rounding of the sum
    + coef |x|_1 + const                rounding of the map
    + (|a|_1 + d coef) r                the vertex

Gradual underflow adds at most the smallest subnormal for each product: ``d`` of the value, and fewer than
``2 d + 8`` of the bound itself.  The rest of the bound's own rounding is relative, and less than ``2**-40``.
"""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from polyenum.arithmetic.integers import Form, meet, point_of, to_fractions, value
from polyenum.arithmetic.rounding import SMALLEST, gamma
from polyenum.networks.exact_forms import ExactForms
from polyenum.networks.stages import Scaled, aligned, scaled

if TYPE_CHECKING:
    from polyenum.regions.complex import RegionComplex

_INFLATE = 1 + 2.0**-40


class Exact(NamedTuple):
    """A point and the values there, in rational numbers.

    Attributes
    ----------
    point : tuple of Fraction
        Its coordinates; equal points are equal tuples.
    values : tuple of Fraction
        One for each column.
    """

    point: tuple[Fraction, ...]
    values: tuple[Fraction, ...]

    def of(self, columns: list[int]) -> Exact:
        """Return the same without the other columns."""
        return Exact(self.point, tuple(self.values[k] for k in columns))

    def towards(self, other: Exact, share: Fraction) -> Exact:
        """Return what is at ``self + share (other - self)``, where all columns are affine in between."""
        point, values = (
            tuple(a + share * (b - a) for a, b in zip(mine, its, strict=True))
            for mine, its in zip(self, other, strict=True)
        )
        return Exact(point, values)


class VertexValues:
    """The values of some *columns* at every vertex: outputs of the network, then perhaps a constant.

    Parameters
    ----------
    cx : RegionComplex
        With vertices.
    outputs : (n,) int64
    constant : float, optional
        The last column, the same everywhere.

    Attributes
    ----------
    value, error : (vertices, columns) float64
        Each value, and a bound on its distance from the true one: proven if the complex is certified.
    rounding : (vertices, columns) float64
        The part of the bound that is the rounding of the sums.
    low, high : (vertices, columns) float64
        Between which the true value lies, the ends included.
    """

    def __init__(
        self, cx: RegionComplex, outputs: NDArray[np.int64], constant: float | None = None
    ) -> None:
        self._cx, self._outputs = cx, outputs
        self._constant: Scaled | None = None
        ids = cx.vertex_ids
        self._corner = np.empty(len(cx.vertices), np.int64)
        self._corner[ids[::-1]] = np.arange(len(ids))[::-1]  # the first of each vertex
        self._region = np.repeat(np.arange(len(cx)), np.diff(cx.vertex_offsets))
        with np.errstate(over="ignore", invalid="ignore"):
            self.value, self.error, self.rounding = self._floats()
            self.low, self.high = _around(self.value, self.error)
        if constant is not None:
            self._constant = scaled([constant])
            column = np.full((len(self.value), 1), constant)
            self.value, self.low, self.high = (
                np.hstack([a, column]) for a in (self.value, self.low, self.high)
            )
            self.error, self.rounding = (
                np.hstack([a, np.zeros_like(column)]) for a in (self.error, self.rounding)
            )
        self._forms = ExactForms(cx.network, cx.domain)
        self._regions: dict[int, tuple[NDArray[np.uint8], list[Form], int]] = {}
        self._known: dict[int, Exact] = {}

    def _floats(self) -> tuple[NDArray[Any], ...]:
        """Return `value`, `error` and `rounding` of outputs, by the map of a region of each vertex."""
        cx, own, x = self._cx, self._outputs, self._cx.vertices
        region = self._region[self._corner]
        a, c = cx.weights[region][:, own], cx.biases[region][:, own]
        coef, const = cx.map_error[:, own]
        d = cx.dim
        found = np.einsum("nok,nk->no", a, x) + c
        size = np.einsum("nok,nk->no", np.abs(a), np.abs(x)) + np.abs(c)
        steep = np.abs(a).sum(axis=2) + d * coef
        rounding = gamma(d + 3) * size
        of_map = coef * np.abs(x).sum(axis=1, keepdims=True) + const
        error = (rounding + of_map + steep * cx.vertex_error) * _INFLATE + 4 * (d + 4) * SMALLEST
        return found, error, rounding

    def exact(self, corner: int) -> Exact:
        """Return the vertex of a corner, and all columns there, in rational numbers."""
        vertex = int(self._cx.vertex_ids[corner])
        found = self._known.get(vertex)
        if found is None:
            found = self._known[vertex] = self._evaluate(corner)
        return found

    def _evaluate(self, corner: int) -> Exact:
        sides, forms, exponent = self._exact_map(int(self._region[corner]))
        labels = self._tight_labels(corner)
        point = meet((self._forms.label(label, sides) for label in labels), self._cx.dim)
        if point is None:
            # Without certified signs a corner may be tight on anything: then it is where it is stored.
            point = point_of(map(float, self._cx.corner_points[corner]))
        scale = point[-1] << exponent
        values = tuple(Fraction(value(form, point), scale) for form in forms)
        return Exact(tuple(to_fractions(point)), values)

    def _exact_map(self, region: int) -> tuple[NDArray[np.uint8], list[Form], int]:
        """Return a region's sides, its columns as forms, and the exponent of their scale."""
        found = self._regions.get(region)
        if found is None:
            sides = self._cx.sides_of(np.array([region]))[0].view(np.uint8)
            forms = self._forms.after_activation(len(self._cx.network.stages) - 1, sides)
            whole, exponent = forms[0][:, self._outputs], forms[1]
            if self._constant is not None:
                common = max(exponent, self._constant[1])
                column = np.zeros((len(whole), 1), object)
                column[-1] = aligned(self._constant, common)
                whole, exponent = np.hstack([aligned((whole, exponent), common), column]), common
            found = sides, [tuple(map(int, form)) for form in whole.T], exponent
            self._regions[region] = found
        return found

    def _tight_labels(self, corner: int) -> list[int]:
        """Return the labels of a corner, increasing: the domain's sides and early layers are simple forms."""
        cx, region = self._cx, self._region[corner]
        labels = cx.labels[cx.label_offsets[region] : cx.label_offsets[region + 1]]
        words = cx.corner_masks[corner].astype("<u8").view(np.uint8)
        bits = np.unpackbits(words, bitorder="little")[: len(labels)]
        return sorted(labels[bits == 1].tolist())


def _around(
    value: NDArray[np.float64], error: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return bounds below and above; one step outwards each, since the sums are rounded too."""
    return np.nextafter(value - error, -np.inf), np.nextafter(value + error, np.inf)
