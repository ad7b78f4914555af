"""Where the largest of several functions changes, in 2-D: lines through regions, and along their edges.

The functions are the columns of a `VertexValues`: affine on each region, and continuous.  On a region the
largest of them is a convex function, on as many convex *cells* as there are columns that are the largest on
some part of it.  Almost everywhere this is decided by the exact orders at the vertices alone:

- A column that is no larger than another one at every vertex has no cell.
- With two left, one line cuts the region; it ends at vertices where the two are equal, and on edges at
  whose ends they differ in sign.
- With three or more left, the region is cut up in rational numbers.

Columns that are equal at every vertex of a region are equal on all of it: the first stands for them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from polyenum.ragged import rows_and_steps
from polyenum.regions.contenders import Contenders
from polyenum.regions.edge_breaks import Edges, Point
from polyenum.regions.vertex_values import Exact, VertexValues

if TYPE_CHECKING:
    from polyenum.regions.complex import RegionComplex

# Pairs of columns at corners that are held at a time.
_BATCH = 1 << 21


class Changes(NamedTuple):
    """Straight pieces between points.

    Attributes
    ----------
    points : (m, 2) float64
    pieces : (n, 2) int64
    regions : (n,) int64
        Increasing; of a piece on an edge, the lower one.
    columns : (n, 2) int64
        The largest columns on the two sides, the first of those that are equal there; the lower first.
    flat : (k,) int64
        The regions on some part of which, not a line, several columns are the largest.
    error : float
        A bound on what any coordinate of a point is off by.
    """

    points: NDArray[np.float64]
    pieces: NDArray[np.int64]
    regions: NDArray[np.int64]
    columns: NDArray[np.int64]
    flat: NDArray[np.int64]
    error: float


def largest_changes(cx: RegionComplex, values: VertexValues, *, touching: bool) -> Changes:
    """Return where the largest column changes.

    Parameters
    ----------
    cx : RegionComplex
        In 2-D, with vertices.
    values : VertexValues
    touching : bool
        What to do about edges on which several columns are the largest.  False: an edge belongs to the
        result where the columns that are the largest beside it differ altogether on its two sides.  True:
        where on each side on which there is a region one column is the largest, be it the same.
    """
    return _Search(cx, values, touching=touching).result()


class _Search:
    """The pieces found so far, by their ends' codes."""

    def __init__(self, cx: RegionComplex, values: VertexValues, *, touching: bool) -> None:
        self._values, self._touching = values, touching
        self._contenders = Contenders(cx, values)
        self._edges = Edges(cx, values, self._contenders)
        # Of each row, the columns that have a cell, as far as orders say; and which of them stand for several.
        self._alive = self._contenders.survives.copy()
        self._twin = np.zeros_like(self._alive)
        self._pieces: list[NDArray[np.int64]] = [np.zeros((0, 5), np.int64)]

    def _add(self, row: int, ends: list[int], columns: list[int]) -> None:
        self._pieces.append(np.array([[row, *ends, *sorted(columns)]]))

    def result(self) -> Changes:
        tied: list[NDArray[np.int64]] = [np.zeros(0, np.int64)]
        for begin, end in self._batches():
            tied.append(self._compare(begin, end))
        for edge in np.unique(np.concatenate(tied)).tolist():
            self._along(edge)
        for row in np.flatnonzero(self._alive.sum(axis=1) > 2).tolist():
            self._cut_up(row)
        regions = self._contenders.regions
        found = np.concatenate(self._pieces)
        found = found[np.argsort(found[:, 0], kind="stable")]
        codes, pieces = np.unique(found[:, 1:3], return_inverse=True)
        flat = (self._alive & self._twin).any(axis=1)
        return Changes(
            self._edges.coordinates(codes),
            pieces.reshape(-1, 2).astype(np.int64),
            regions[found[:, 0]],
            found[:, 3:],
            regions[flat],
            self._edges.error,
        )

    def _batches(self) -> Iterator[tuple[int, int]]:
        """Yield ranges of rows that are compared at a time."""
        x = self._contenders
        size = np.cumsum(x.survives.sum(axis=1) ** 2 * x.counts)
        begin = 0
        while begin < len(size):
            done = size[begin - 1] if begin else 0
            end = max(begin + 1, int(np.searchsorted(size, done + _BATCH, side="right")))
            yield begin, end
            begin = end

    def _compare(self, begin: int, end: int) -> NDArray[np.int64]:
        """Compare all pairs of columns on some rows, and cut regions in two; return the edges with ties."""
        x, edges = self._contenders, self._edges
        row, i, j = _pairs(x.survives[begin:end])
        row += begin
        pair, step = rows_and_steps(x.counts[row])
        first = np.cumsum(x.counts[row]) - x.counts[row]
        corner = x.starts[row][pair] + step
        sign = np.sign(x.orders(corner, i[pair]) - x.orders(corner, j[pair]))
        following = sign[first[pair] + (step + 1) % x.counts[row][pair]]
        if not len(row):
            return np.zeros(0, np.int64)
        low, high = (f.reduceat(sign, first) for f in (np.minimum, np.maximum))
        equal = (low == 0) & (high == 0)
        self._twin[row[equal], i[equal]] = True
        above = low >= 0
        self._alive[row[above], j[above]] = False
        below = (high <= 0) & ~equal
        self._alive[row[below], i[below]] = False
        two = self._alive.sum(axis=1) == 2
        cut = two[row] & self._alive[row, i] & self._alive[row, j]
        ends = cut[pair] & ((sign == 0) | (sign * following < 0))
        # Two ends of every cut; without certified signs there may be others, and these are no line.
        ends &= (np.bincount(pair[ends], minlength=len(row)) == 2)[pair]
        at = np.flatnonzero(ends)
        on_edge = sign[at] != 0
        edge = edges.of[corner[at]]
        code = np.where(on_edge, edges.first_break(edge), x.vertex[corner[at]])
        own = pair[at[on_edge]]
        edges.pair[edge[on_edge]] = np.column_stack([i[own], j[own]])
        own = pair[at[::2]]
        self._pieces.append(np.column_stack([row[own], code.reshape(-1, 2), i[own], j[own]]))
        return np.unique(edges.of[corner[(sign == 0) & (following == 0)]])

    def _along(self, edge: int) -> None:
        """Look at an edge on all of which two columns are equal."""
        breaks = self._edges.breaks(edge)
        start, end = self._edges.ends[edge].tolist()
        codes = [start, *breaks.codes, end]
        rows = self._edges.rows(edge)
        for k, equal in enumerate(breaks.largest):
            if len(equal) == 1:
                continue
            sides = [self._beside(row, equal, start, end) for row in rows]
            if self._touching:
                belongs = all(len(side) == 1 for side in sides)
            else:
                belongs = len(sides) == 2 and not {*sides[0]} & {*sides[1]}
            if belongs:
                self._add(rows[0], codes[k : k + 2], [sides[0][0], sides[-1][0]])

    def _beside(self, row: int, equal: list[int], start: int, end: int) -> list[int]:
        """Return which of some columns, equal on an edge of a region, are the largest within the region.

        Their differences vanish on the edge, so anywhere off it, inside, they have one sign.
        """
        x = self._contenders
        own = np.arange(x.starts[row], x.starts[row] + x.counts[row])
        off = own[(x.vertex[own] != start) & (x.vertex[own] != end)]
        if not len(off):  # a region of two corners, which floats without bounds may leave
            return equal
        orders = x.orders(int(off[0]), equal)
        return [k for k, order in zip(equal, orders, strict=True) if order == orders.max()]

    def _cut_up(self, row: int) -> None:
        """Find the cells of three or more columns on a region, and the lines between them."""
        x, edges = self._contenders, self._edges
        corners = range(int(x.starts[row]), int(x.starts[row] + x.counts[row]))
        own = np.flatnonzero(self._alive[row]).tolist()
        outline = [self._values.exact(int(x.corner[k])).of(own) for k in corners]
        known: dict[Point, int] = {}
        for corner, exact in zip(corners, outline, strict=True):
            known[exact.point] = int(x.vertex[corner])
            breaks = edges.breaks(int(edges.of[corner]))
            known.update(zip(breaks.points, breaks.codes, strict=True))
        cells = {i: points for k, i in enumerate(own) if (points := _cell(outline, k))}
        self._alive[row] = False
        self._alive[row, list(cells)] = True
        for i, j in ((i, j) for i in cells for j in cells if i < j):
            common = [p for p in cells[i] if p in set(cells[j])]
            if len(common) != 2:
                continue
            for point in common:
                if point not in known:
                    known[point] = edges.new_point(point)
            self._add(row, [known[point] for point in common], [i, j])


def _pairs(
    survives: NDArray[np.bool_],
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Return all pairs of survivors, as rows and the lower and the higher column of each."""
    column = np.nonzero(survives)[1]
    counts = survives.sum(axis=1)
    starts = np.cumsum(counts) - counts
    pair_row, step = rows_and_steps(counts**2)
    i, j = np.divmod(step, counts[pair_row])
    once = i < j
    i, j = (column[starts[pair_row[once]] + k[once]] for k in (i, j))
    return pair_row[once], i, j


def _cell(outline: list[Exact], own: int) -> list[Point]:
    """Return the vertices of the part of a convex polygon where a column is the largest; none of a line."""
    polygon = outline
    for other in range(len(outline[0].values)):
        if other == own:
            continue
        values = [at.values[own] - at.values[other] for at in polygon]
        kept: list[Exact] = []
        for k, (at, value) in enumerate(zip(polygon, values, strict=True)):
            before, before_value = polygon[k - 1], values[k - 1]
            if value * before_value < 0:
                kept.append(before.towards(at, before_value / (before_value - value)))
            if value >= 0:
                kept.append(at)
        if len(kept) < 3:
            return []
        polygon = kept
    return [at.point for at in polygon]
