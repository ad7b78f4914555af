"""What a network's stored numbers say about its hyperplanes, derived here from these numbers alone.

The library knows the same (`PiecewiseLinearNetwork.groups`, `.sources`, `.jumps`,
`ActivationTable.exact_intercepts`), and the walk relies on it.  So a check does not.
"""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from polyenum.networks import ActivationTable, PiecewiseLinearNetwork, Stage
from polyenum.proof.rounding import SMALLEST


class StageLayout:
    """One stage: whose hyperplanes are whose.

    Parameters
    ----------
    stage : Stage

    Attributes
    ----------
    weight : (n, m) float64, dense or sparse
    bias : (n,) float64
    offsets : (n + 1,) int64
        Where each coordinate's hyperplanes begin.
    coordinate : (hyperplanes,) int64
    thresholds : (hyperplanes,) float64
    slopes : float64
        Those of coordinate ``i`` begin at ``offsets[i] + i``, as all that is said of pieces.
    exact_intercepts : list of Fraction
    intercepts, intercept_errors : float64
        They are rounded, and how far off that is at most.
    maxima : list of (int, int)
        Where the hyperplanes of each maximum's members begin and end.
    jumps : (hyperplanes,) bool
        Where the two pieces that meet have different values.
    """

    def __init__(self, stage: Stage) -> None:
        table = stage.activation
        self.weight, self.bias = stage.weight, stage.bias
        self.offsets = np.asarray(table.offsets, np.int64)
        self.coordinate = np.repeat(np.arange(len(self.offsets) - 1), np.diff(self.offsets))
        self.thresholds, self.slopes = table.breakpoints, table.slopes
        self.exact_intercepts, jumps = _intercepts(table)
        self.jumps = np.array(jumps, np.bool_)
        self.intercepts = np.array([_rounded(x) for x in self.exact_intercepts], np.float64)
        self.intercept_errors = np.array(
            [
                0.0 if math.isfinite(y) and Fraction(y) == x else 2.0**-52 * abs(y) + SMALLEST
                for x, y in zip(self.exact_intercepts, self.intercepts.tolist(), strict=True)
            ],
            np.float64,
        )
        self.maxima: list[tuple[int, int]] = []
        if table.groups is not None:
            number = table.groups[self.coordinate]
            for k in range(len(number)):
                if number[k] >= 0 and (k == 0 or number[k] != number[k - 1]):
                    end = k + 1
                    while end < len(number) and number[end] == number[k]:
                        end += 1
                    self.maxima.append((k, end))

    def pieces(self, sides: NDArray[np.bool_]) -> NDArray[np.int64]:
        """Return where in `slopes` each coordinate's piece is, (..., n), for `sides` (..., hyperplanes)."""
        before = np.zeros((*sides.shape[:-1], sides.shape[-1] + 1), np.int64)
        np.cumsum(sides, axis=-1, out=before[..., 1:])
        above = before[..., self.offsets[1:]] - before[..., self.offsets[:-1]]
        return self.offsets[:-1] + np.arange(len(self.offsets) - 1) + above


class Layout:
    """All stages, and all hyperplanes, numbered across the network.

    Parameters
    ----------
    network : PiecewiseLinearNetwork

    Attributes
    ----------
    stages : list of StageLayout
    offsets : (stages + 1,) int64
        Where each stage's hyperplanes begin.
    count : int
        The number of hyperplanes.
    thresholds : (count,) float64
    jumps : (count,) bool
    groups : (count, 2) int64
        Where the hyperplanes of a member's maximum begin and end; -1 for all others.
    sources : (count,) int64
        The hyperplane of the ReLU whose positive multiple a maximum's member is, if all its members are
        such, of different ReLUs; else -1.
    """

    def __init__(self, network: PiecewiseLinearNetwork) -> None:
        self.stages = [StageLayout(stage) for stage in network.stages]
        self.offsets = np.cumsum([0] + [len(s.coordinate) for s in self.stages])
        self.count = int(self.offsets[-1])
        self.thresholds = np.concatenate([s.thresholds for s in self.stages])
        self.jumps = np.concatenate([s.jumps for s in self.stages])
        self.groups = np.full((self.count, 2), -1)
        self.sources = np.full(self.count, -1)
        for i, stage in enumerate(self.stages):
            first = int(self.offsets[i])
            for begin, end in stage.maxima:
                self.groups[first + begin : first + end] = first + begin, first + end
                found = self._relus(i, stage.coordinate[begin:end]) if i else None
                if found is not None:
                    self.sources[first + begin : first + end] = found
        self.maxima = sorted({(a, b) for a, b in self.groups.tolist() if a >= 0})

    def _relus(self, i: int, members: NDArray[np.int64]) -> list[int] | None:
        """Return the hyperplanes of the ReLUs that `members` of stage `i` are positive multiples of."""
        stage, before = self.stages[i], self.stages[i - 1]
        found = []
        for member in members.tolist():
            row = stage.weight[[member]]
            row = row[0] if isinstance(row, np.ndarray) else row.toarray()[0]
            read = np.flatnonzero(row)
            if len(read) != 1 or row[read[0]] < 0 or stage.bias[member] != 0:
                return None
            c = int(read[0])
            h, piece = int(before.offsets[c]), int(before.offsets[c]) + c
            relu = (
                before.offsets[c + 1] == h + 1
                and before.thresholds[h] == 0
                and before.slopes[piece] == 0
                and before.slopes[piece + 1] > 0
                and before.exact_intercepts[piece] == 0 == before.exact_intercepts[piece + 1]
                and not any(begin <= h < end for begin, end in before.maxima)
            )
            if not relu:
                return None
            found.append(int(self.offsets[i - 1]) + h)
        return found if len(set(found)) == len(found) else None


def _intercepts(table: ActivationTable) -> tuple[list[Fraction], list[bool]]:
    """Return the intercepts of all pieces, and at which breakpoints they do not meet."""
    intercepts: list[Fraction] = []
    jumps: list[bool] = []
    slopes = table.slopes.tolist()
    breakpoints = table.breakpoints.tolist()
    own = None if table.own_intercepts is None else table.own_intercepts.tolist()
    offsets = table.offsets.tolist()
    for i, start in enumerate(table.starts.tolist()):
        said = own is not None and not math.isnan(own[offsets[i] + i])
        intercepts.append(Fraction(own[offsets[i] + i] if own is not None and said else start))
        for h in range(offsets[i], offsets[i + 1]):
            bend = Fraction(slopes[h + i]) - Fraction(slopes[h + i + 1])
            follows = intercepts[-1] + bend * Fraction(breakpoints[h]) if bend else intercepts[-1]
            intercepts.append(Fraction(own[h + i + 1]) if own is not None and said else follows)
            jumps.append(intercepts[-1] != follows)
    return intercepts, jumps


def _rounded(x: Fraction) -> float:
    """Return the float64 next to `x`, or an infinity."""
    try:
        return float(x)
    except OverflowError:
        return math.inf if x > 0 else -math.inf
