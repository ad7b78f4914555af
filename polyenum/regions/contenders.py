"""Of some functions, which are the largest somewhere on a region, and their exact order at its vertices.

All that follows from signs of differences at vertices follows from these orders, which are integers: a
difference is affine on a region, so its signs at the vertices say where on the region it has which sign.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from polyenum.ragged import rows_and_steps
from polyenum.regions.vertex_values import VertexValues

if TYPE_CHECKING:
    from polyenum.regions.complex import RegionComplex


class Contenders:
    """The regions on whose closure the largest column is not one and the same throughout.

    A *column* is one of the functions in `VertexValues`.  The corners of these regions are numbered from
    0, those of one region side by side and in its order.

    Parameters
    ----------
    cx : RegionComplex
    values : VertexValues

    Attributes
    ----------
    regions : (rows,) int64
        Increasing.  Of every other region one column is proven to be the largest at all vertices, hence on
        the whole region.
    starts, counts : (rows,) int64
        The corners of each.
    corner : (corners,) int64
        The number of each corner in the complex.
    vertex : (corners,) int64
    survives : (rows, columns) bool
        False where a column is proven to be less than another one on the whole closed region.
    """

    def __init__(self, cx: RegionComplex, values: VertexValues) -> None:
        self._values = values
        winner = sure_winners(values)[cx.vertex_ids]
        first, last = (f.reduceat(winner, cx.vertex_offsets[:-1]) for f in (np.minimum, np.maximum))
        regions = np.flatnonzero((first != last) | (first < 0))
        survives = self._survivors(cx, regions)
        several = survives.sum(axis=1) > 1
        self.regions, self.survives = regions[several], survives[several]
        self.counts = np.diff(cx.vertex_offsets)[self.regions]
        self.starts = np.cumsum(self.counts) - self.counts
        row, step = rows_and_steps(self.counts)
        self.corner = cx.vertex_offsets[self.regions][row] + step
        self.vertex = cx.vertex_ids[self.corner].astype(np.int64)
        self._vertices, self._at = np.unique(self.vertex, return_inverse=True)
        self._contends = np.zeros((len(self._vertices), survives.shape[1]), np.bool_)
        if len(row):
            order = np.argsort(self._at, kind="stable")
            begin = np.searchsorted(self._at[order], np.arange(len(self._vertices)))
            np.logical_or.reduceat(self.survives[row[order]], begin, axis=0, out=self._contends)
        self._orders = self._exact_orders()

    def _survivors(self, cx: RegionComplex, regions: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Return which columns are not proven to be less, everywhere on a region, than another."""
        counts = np.diff(cx.vertex_offsets)[regions]
        row, step = rows_and_steps(counts)
        vertex = cx.vertex_ids[cx.vertex_offsets[regions][row] + step]
        begin = np.cumsum(counts) - counts
        if not len(begin):
            return np.zeros((0, self._values.low.shape[1]), np.bool_)
        low = np.minimum.reduceat(self._values.low[vertex], begin, axis=0)
        high = np.maximum.reduceat(self._values.high[vertex], begin, axis=0)
        # Where a value is beyond float64 the comparison is false, and the column survives.
        return np.asarray(~(high < low.max(axis=1, keepdims=True)))

    def _exact_orders(self) -> NDArray[np.int64]:
        """Return numbers (vertices, columns) that compare as the true values do at each vertex.

        Those of columns that do not contend at a vertex mean nothing.
        """
        with np.errstate(invalid="ignore"):
            low = np.where(self._contends, self._values.low[self._vertices], -np.inf)
            order = np.argsort(low, axis=1, kind="stable")
            high = np.take_along_axis(self._values.high[self._vertices], order, axis=1)
            low = np.take_along_axis(low, order, axis=1)
            contends = np.take_along_axis(self._contends, order, axis=1)
            # Intervals that are disjoint one by one, in the order of their lower ends, are in order.
            sure = (high[:, :-1] < low[:, 1:]) | ~contends[:, :-1]
        found = np.empty(order.shape, np.int64)
        np.put_along_axis(found, order, np.arange(order.shape[1])[None], axis=1)
        unsure = np.asarray(~sure.all(axis=1))
        # Region by region: one exact map serves all vertices that are met there first.
        for k in np.flatnonzero(unsure[self._at]).tolist():
            at = int(self._at[k])
            if unsure[at]:
                unsure[at] = False
                exact = self._values.exact(int(self.corner[k])).values
                own = np.flatnonzero(self._contends[at]).tolist()
                place = {x: n for n, x in enumerate(sorted({exact[c] for c in own}))}
                found[at, own] = [place[exact[c]] for c in own]
        return found

    def orders(
        self, corner: NDArray[np.int64] | int, column: NDArray[np.int64] | list[int]
    ) -> NDArray[np.int64]:
        """Return the exact order of columns at corners, (n,): to be compared at one vertex, among survivors."""
        return self._orders[self._at[corner], column]

    def contending(self, corner: int) -> NDArray[np.int64]:
        """Return the columns that survive in some region at the vertex of a corner."""
        return np.flatnonzero(self._contends[self._at[corner]])


def sure_winners(values: VertexValues) -> NDArray[np.int64]:
    """Return the column that is proven to be the largest at each vertex, -1 where none is: (vertices,)."""
    rows = np.arange(len(values.low))
    top = values.low.argmax(axis=1)
    others = values.high.copy()
    others[rows, top] = -np.inf
    return np.where(others.max(axis=1) < values.low[rows, top], top, -1)
