"""Edges of the complex, the points on them where another column becomes the largest, and all points' numbers.

A point has a *code*, which says what it is and never where it is: a vertex of the complex has its own number,
the first break of edge ``e`` is ``vertices + e``, and any other point is numbered after these as it is found.
What is the same for two regions that share an edge follows from the edge alone: the exact orders of the columns
at its two ends.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from polyenum.arithmetic.integers import quotient
from polyenum.arithmetic.rounding import INFLATE, SMALLEST, UNIT
from polyenum.regions.contenders import Contenders
from polyenum.regions.vertex_values import Exact, VertexValues

if TYPE_CHECKING:
    from polyenum.regions.complex import RegionComplex

Point = tuple[Fraction, ...]

# What the walk leaves vertices off by, relative to the domain's size, before it solves them afresh.
_USUAL = 2.0**-26
_ROUNDED = 2.0**-43


class Breaks(NamedTuple):
    """How the largest column changes along an edge, from its end of lower number to the other.

    Attributes
    ----------
    largest : list of list of int
        The columns that are the largest on each part, equal there, increasing.
    codes : list of int
        The points between one part and the next.
    points : list of tuple of Fraction
        Their coordinates.
    """

    largest: list[list[int]]
    codes: list[int]
    points: list[Point]


class Edges:
    """The edges of the regions in `Contenders`; in 2-D.

    Parameters
    ----------
    cx : RegionComplex
    values : VertexValues
    contenders : Contenders

    Attributes
    ----------
    of : (corners,) int64
        The edge from each corner of the contenders' regions to the next of its region.
    following : (corners,) int64
        The next corner.
    ends : (edges, 2) int64
        Vertices, the lower number first.
    pair : (edges, 2) int64
        Two columns that cross at the first break, where floats are to find it; else -1.
    """

    def __init__(self, cx: RegionComplex, values: VertexValues, contenders: Contenders) -> None:
        self._cx, self._values, self._contenders = cx, values, contenders
        x = contenders
        self._row = np.repeat(np.arange(len(x.starts)), x.counts)
        step = np.arange(len(x.vertex)) - x.starts[self._row]
        self.following = x.starts[self._row] + (step + 1) % x.counts[self._row]
        pairs = np.sort(np.column_stack([x.vertex, x.vertex[self.following]]), axis=1)
        self._vertices = len(cx.vertices)
        keys, self._first, self.of = np.unique(
            pairs[:, 0] * self._vertices + pairs[:, 1], return_index=True, return_inverse=True
        )
        self.ends = np.column_stack(np.divmod(keys, self._vertices)).reshape(-1, 2)
        self.pair = np.full((len(keys), 2), -1)
        self._others = self._vertices + len(keys)
        self._exact: dict[int, Point] = {}
        self._breaks: dict[int, Breaks] = {}
        # The corners from which each edge goes out, side by side.
        self._order = np.argsort(self.of, kind="stable")
        self._begin = np.searchsorted(self.of[self._order], np.arange(len(keys) + 1))

    def first_break(self, edge: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the code of the first break of some edges."""
        return self._vertices + edge

    def new_point(self, point: Point) -> int:
        """Return a new code, of a point in rational coordinates."""
        code = self._others
        self._others += 1
        self._exact[code] = point
        return code

    def rows(self, edge: int) -> list[int]:
        """Return the rows of `Contenders` whose regions have an edge: one or two, increasing."""
        return self._row[self._order[self._begin[edge] : self._begin[edge + 1]]].tolist()

    def breaks(self, edge: int) -> Breaks:
        """Return where along an edge the largest column changes, exactly."""
        found = self._breaks.get(edge)
        if found is None:
            found = self._breaks[edge] = self._find_breaks(edge)
        return found

    def _find_breaks(self, edge: int) -> Breaks:
        x = self._contenders
        p = int(self._first[edge])
        q = int(self.following[p])
        if x.vertex[p] != self.ends[edge, 0]:
            p, q = q, p
        # What is the largest somewhere on the edge contends at both ends.
        own = np.intersect1d(x.contending(p), x.contending(q))
        largest = _upper(own.tolist(), x.orders(p, own).tolist(), x.orders(q, own).tolist())
        if len(largest) == 1:
            return Breaks(largest, [], [])
        start, end = (self._values.exact(int(x.corner[k])).of(own.tolist()) for k in (p, q))
        # The same again where signs are certified; elsewhere floats may have said what is not so.
        largest = _upper(list(range(len(own))), start.values, end.values)
        columns = [equal[0] for equal in largest]
        largest = [[int(own[k]) for k in equal] for equal in largest]
        start, end = start.of(columns), end.of(columns)
        found = Breaks([largest[0]], [], [])
        k = 0
        while k < len(columns) - 1:
            share, k = _next_break(start, end, k)
            found.largest.append(largest[k])
            point = start.towards(end, share).point
            if found.codes:
                found.codes.append(self.new_point(point))
            else:
                found.codes.append(self._vertices + edge)
                self._exact[found.codes[0]] = point
            found.points.append(point)
        return found

    def coordinates(self, codes: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the coordinates of points (n,): (n, dim), each within `error`."""
        found = np.empty((len(codes), self._cx.dim))
        vertex = codes < self._vertices
        found[vertex] = self._cx.vertices[codes[vertex]]
        by_floats = ~vertex & (codes < self._vertices + len(self.ends))
        by_floats[by_floats] = [code not in self._exact for code in codes[by_floats].tolist()]
        at = np.flatnonzero(by_floats)
        edge = codes[at] - self._vertices
        found[at], sure = self._crossings(edge)
        for code in codes[at[~sure]].tolist():
            # Finds the point, and keeps it.
            self.breaks(code - self._vertices)
        exactly = ~vertex
        exactly[at[sure]] = False
        for k in np.flatnonzero(exactly).tolist():
            point = self._exact.get(int(codes[k]))
            if point is not None:
                found[k] = [quotient(x.numerator, x.denominator)[0] for x in point]
        return found

    @property
    def error(self) -> float:
        """A bound on what any coordinate of any point is off by."""
        scale = float(np.abs(self._cx.vertices).max(initial=0.0))
        return max(self._cx.vertex_error, float(self._limit(scale))) * (1 + 2.0**-40)

    def _limit(self, scale: Any) -> Any:
        """Return how far off a point may be that floats find between vertices no larger than `scale`."""
        return 32 * (np.minimum(self._cx.vertex_error, _USUAL * scale) + UNIT * scale + SMALLEST)

    def _crossings(self, edge: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """Return where on some edges their `pair` crosses, and whether that is within the limit.

        Let ``r`` be the vertices' error, ``A`` and ``B`` the absolute differences of the two columns at the
        ends, off by at most ``Ea`` and ``Eb``, rounding included.  The true point is within ``r`` of the
        point at share ``t* = A* / (A* + B*)`` between the stored ends, being a mean of true ends.  And
        ``t - t* = (A B* - B A*) / ((A + B) (A* + B*))``, which is at most
        ``max(Ea, Eb) / (A + B - Ea - Eb)``.  Rounding of ``t`` adds less than ``4 u``, that of the mean less
        than ``8 u`` times the larger end; what underflows adds less than four of the smallest subnormal.

        The bound is mostly due to ``r``, of which far less is used up.  So beyond that the sums' own
        rounding, which is what it is, may move a point by `_ROUNDED` of its size at most.
        """
        value, error = self._values.value, self._values.error
        (p, q), (i, j) = self.ends[edge].T, self.pair[edge].T
        with np.errstate(all="ignore"):
            a, b = np.abs(value[p, i] - value[p, j]), np.abs(value[q, i] - value[q, j])
            a_error = error[p, i] + error[p, j] + 4 * UNIT * a
            b_error = error[q, i] + error[q, j] + 4 * UNIT * b
            # The factor is more than the rounding of these sums.
            rest = (a + b) * (1 - 2.0**-48) - (a_error + b_error) * (1 + 2.0**-48)
            start, end = self._cx.vertices[p], self._cx.vertices[q]
            step = end - start
            found = start + (a / (a + b))[:, None] * step
            length = np.abs(step).max(axis=1, initial=0)
            scale = np.maximum(np.abs(start), np.abs(end)).max(axis=1, initial=0)
            share_error = np.maximum(a_error, b_error) / rest * INFLATE + 4 * UNIT
            off = self._cx.vertex_error + length * share_error + 8 * UNIT * scale + 4 * SMALLEST
            sure = (rest > 0) & (off <= self._limit(scale)) & np.isfinite(a + b)
            sure &= np.isfinite(found).all(axis=1)
            rounding = self._values.rounding
            noise = rounding[p, i] + rounding[p, j] + rounding[q, i] + rounding[q, j]
            sure &= noise * length <= _ROUNDED * scale * rest
        return found, sure


def _upper(columns: list[int], start: Sequence[Any], end: Sequence[Any]) -> list[list[int]]:
    """Return the columns that are below no other at both ends, equal ones together, steepest down first.

    Parameters
    ----------
    columns : list of int
    start, end : sequence
        Their values at the two ends, or numbers in the same order.
    """
    equal: dict[tuple[Any, Any], list[int]] = {}
    for k, a, b in zip(columns, start, end, strict=True):
        equal.setdefault((a, b), []).append(k)
    found: list[list[int]] = []
    best = None
    for (_, b), together in sorted(equal.items(), reverse=True):
        if best is None or b > best:
            found.append(together)
            best = b
    return found


def _next_break(start: Exact, end: Exact, current: int) -> tuple[Fraction, int]:
    """Return where a column is first exceeded along an edge, as a share of it, and by which of the later.

    They come in the order of their slopes; of several that do so at once the last is the steepest.
    """
    a, b = start.values, end.values
    best, chosen = Fraction(2), current
    for k in range(current + 1, len(a)):
        lead, lag = a[current] - a[k], b[k] - b[current]
        share = lead / (lead + lag)
        if share <= best:
            best, chosen = share, k
    return best, chosen
