"""Level sets and decision boundaries of a network in 2-D: which pieces there are is decided exactly."""

from __future__ import annotations

from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from polyenum.errors import OptionError, RegionError
from polyenum.options import found, has_mask
from polyenum.regions.envelope import Changes, largest_changes
from polyenum.regions.vertex_values import VertexValues

if TYPE_CHECKING:
    from polyenum.regions.complex import RegionComplex


class Segments:
    """Straight pieces, each within one region or on an edge of it.

    Pieces that meet share a point: equal ends are the same number in `pieces`, and the same floats in `ends`.

    Attributes
    ----------
    points : (m, 2) float64
        Each once, in the domain's coordinates.  A vertex of the complex has the coordinates that it has in
        ``complex.vertices``.
    pieces : (n, 2) int64
        The two ends of each piece, as indices into `points`.
    regions : (n,) int64
        The region of each piece, increasing; of two that share it as an edge, the lower one.
    flat : (k,) int64
        The regions on which the set is no line: those that it covers, all or (a decision boundary) in part.
    outputs : (n, 2) int64 or None
        Of a decision boundary, the outputs that are the largest on the two sides, the lower first; where
        several are equal on a side, the first of them.  None for a level set and where there is one output.
    error : float
        A bound on what rounding did to any coordinate of any point; proven if the complex is certified.
    """

    def __init__(self, changes: Changes, *, outputs: bool) -> None:
        self.points, self.pieces, self.regions = changes.points, changes.pieces, changes.regions
        self.flat, self.error = changes.flat, changes.error
        self.outputs = changes.columns if outputs else None

    @property
    def ends(self) -> NDArray[np.float64]:
        """(n, 2, 2) float64: the two points of each piece."""
        return self.points[self.pieces]

    def __len__(self) -> int:
        return len(self.pieces)

    def __repr__(self) -> str:
        return f"Segments({len(self):,} pieces, {len(self.points):,} points, {len(self.flat):,} flat regions)"


def level_set(cx: RegionComplex, level: float, output: int) -> Segments:
    """Return where an output has a value; see `RegionComplex.level_set`."""
    _need_polygons(cx)
    own = np.array([output_of(output, cx.biases.shape[1])])
    values = VertexValues(cx, own, _level_of(level))
    return Segments(largest_changes(cx, values, touching=True), outputs=False)


def decision_boundary(cx: RegionComplex) -> Segments:
    """Return where the largest output changes; see `RegionComplex.decision_boundary`."""
    _need_polygons(cx)
    count = cx.biases.shape[1]
    values = VertexValues(cx, np.arange(count), 0.0 if count == 1 else None)
    return Segments(largest_changes(cx, values, touching=False), outputs=count > 1)


def _need_polygons(cx: RegionComplex) -> None:
    if cx.dim != 2 or not cx.has_vertices:
        raise RegionError(f"level sets are found in 2-D, from vertices; this is {cx!r}")


def output_of(output: Any, count: int) -> int:
    """Return the number of an output, from 0."""
    if isinstance(output, (bool, np.bool_)) or not isinstance(output, (int, np.integer)):
        raise OptionError(f"output must be an integer, found {found(output)}")
    number = int(output)
    if not -count <= number < count:
        raise RegionError(
            f"output {found(number)} of a network with {count} outputs: they are 0 to {count - 1}"
        )
    return number % count


def _level_of(level: Any) -> float:
    """Return a level as the float64 that it is."""
    try:
        real = isinstance(level, Real) or (np.ndim(level) == 0 and not has_mask(level))
        number = float(level) if real and not isinstance(level, (bool, np.bool_, str)) else np.nan
        exact = np.isfinite(number) and bool(number == level)
    except Exception:  # what somebody's own methods raise, too
        exact = False
    if not exact:
        raise OptionError(
            f"level must be a finite number that float64 holds exactly, found {found(level)}"
        )
    return number
