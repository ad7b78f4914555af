"""Activations as tables: breakpoints and slopes, one short list per coordinate.

A layer of ``n`` coordinates stores its activations as ragged arrays in Arrow's list layout.
Coordinate ``i`` has the breakpoints ``breakpoints[offsets[i]:offsets[i + 1]]``, increasing, and one
slope more than breakpoints, ``slopes[offsets[i] + i : offsets[i + 1] + i + 1]``.  ``starts[i]`` is the
intercept of its leftmost piece; the other intercepts follow from continuity, exactly:
``intercept[k + 1] = intercept[k] + (slope[k] - slope[k + 1]) * breakpoint[k]``.

**Jumps.**  An activation that is not continuous (Hardshrink, Threshold, sign) says all its intercepts
itself, in `own_intercepts`.  At the breakpoint it has the value of the piece on the left.  That is a whole
region's value where the pre-activation is constant, as behind another jump; so an activation that has
another value there is read as two (`polyenum.models.activations.TwoSided`).

A coordinate without breakpoints is affine: no unit, nothing to split on.

**Maxima.**  The largest of some coordinates is one unit, whose piece is the number of the largest (the first
of those that are equal everywhere).  Each member of such a group is a coordinate with slopes 0 and 1, the
second for the largest: it passes the maximum on, the others nothing, and the next affine map adds them up.
A member's hyperplane is where it ties with the largest of the others; its side says whether it is the
largest.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from polyenum.errors import NetworkError
from polyenum.networks.checks import check_table
from polyenum.networks.rows import check_rows, checked_count, checked_sizes
from polyenum.options import found


@dataclass(frozen=True, eq=False)
class ActivationTable:
    """The activations of the ``n`` coordinates of one layer.

    Attributes
    ----------
    offsets : (n + 1,) int64
        Where each coordinate's breakpoints begin.
    breakpoints : (m,) float64
        All breakpoints, increasing within a coordinate.
    slopes : (m + n,) float64
        All slopes, left to right within a coordinate.
    starts : (n,) float64
        The intercept of each coordinate's leftmost piece.
    groups : (n,) int64, optional
        The number of the maximum of which each coordinate is a member, -1 where of none.  The members of
        a group stand side by side; each has the breakpoint 0 and the slopes 0 and 1.
    own_intercepts : (m + n,) float64, optional
        The intercepts of the coordinates that jump, in the order of `slopes`; NaN for all others.

    Raises
    ------
    NetworkError
        If the arrays are of other types, do not fit each other, or describe no activations.

    Examples
    --------
    >>> relu = ActivationTable.uniform(2, breakpoints=[0.0], slopes=[0.0, 1.0])
    >>> relu(np.array([[-1.0, 2.0]]))
    array([[0., 2.]])
    """

    offsets: NDArray[np.int64]
    breakpoints: NDArray[np.float64]
    slopes: NDArray[np.float64]
    starts: NDArray[np.float64]
    groups: NDArray[np.int64] | None = None
    own_intercepts: NDArray[np.float64] | None = None

    def __post_init__(self) -> None:
        check_table(self)

    @staticmethod
    def maxima(sizes: Sequence[int]) -> ActivationTable:
        """Return the table of maxima over groups of the given sizes; a group of one passes through.

        Raises
        ------
        NetworkError
            If a group has no members.
        """
        sizes_ = np.array(checked_sizes(sizes), np.int64)
        alone = np.repeat(sizes_ == 1, sizes_)
        groups = np.where(alone, -1, np.repeat(np.arange(len(sizes_)), sizes_))
        rows = [_checked_row(0, [0.0], [0.0, 1.0], 0.0), _checked_row(0, [], [1.0], 0.0)]
        table = _assembled(rows, alone.astype(np.int64))
        return replace(table, groups=groups if (groups >= 0).any() else None)

    @staticmethod
    def uniform(
        n: int,
        *,
        breakpoints: Sequence[float],
        slopes: Sequence[float],
        start: float | Sequence[float] = 0.0,
    ) -> ActivationTable:
        """Return the table that gives all `n` coordinates the same activation; see `from_rows`."""
        row = (breakpoints, slopes, start)
        count = checked_count("n", n, [row])
        return _assembled([_checked_row(0, *row)], np.zeros(count, np.int64))

    @staticmethod
    def identity(n: int) -> ActivationTable:
        """Return the table of `n` coordinates that pass through unchanged."""
        return ActivationTable.uniform(n, breakpoints=[], slopes=[1.0])

    @staticmethod
    def relu(n: int) -> ActivationTable:
        """Return the table of `n` ReLUs."""
        return ActivationTable.uniform(n, breakpoints=[0.0], slopes=[0.0, 1.0])

    @staticmethod
    def from_rows(
        rows: Sequence[tuple[Sequence[float], Sequence[float], float | Sequence[float]]],
    ) -> ActivationTable:
        """Return the table with one (breakpoints, slopes, start) per coordinate.

        `start` is the intercept of the leftmost piece; where the activation jumps, it is the list of the
        intercepts of all pieces.  A breakpoint between two equal pieces is none and is left out.

        Raises
        ------
        NetworkError
            If the numbers do not describe a piecewise-linear function.
        """
        check_rows(rows)
        # Layers repeat one row many times, so each is looked at once.
        seen: dict[int, int] = {}
        which = [seen.setdefault(id(row), len(seen)) for row in rows]
        first = np.unique(which, return_index=True)[1].tolist()
        return _assembled([_checked_row(i, *rows[i]) for i in first], np.array(which, np.int64))

    @staticmethod
    def concatenate(tables: Sequence[ActivationTable]) -> ActivationTable:
        """Return the table of all coordinates of several tables, one after the other."""
        _check_tables(tables)
        ends = np.cumsum([0] + [len(t.breakpoints) for t in tables])
        offsets = [t.offsets[1:] + end for t, end in zip(tables, ends, strict=False)]
        groups, first = [], 0
        for t in tables:  # numbered from 0 in each
            own_groups = np.full(len(t), -1) if t.groups is None else t.groups
            groups.append(np.where(own_groups >= 0, own_groups + first, -1))
            first += int(own_groups.max(initial=-1)) + 1
        numbers = np.concatenate(groups)
        own = np.concatenate(
            [
                np.full(len(t.slopes), np.nan) if t.own_intercepts is None else t.own_intercepts
                for t in tables
            ]
        )
        return ActivationTable(
            np.concatenate([np.zeros(1, np.int64), *offsets]),
            np.concatenate([t.breakpoints for t in tables]),
            np.concatenate([t.slopes for t in tables]),
            np.concatenate([t.starts for t in tables]),
            numbers if (numbers >= 0).any() else None,
            None if np.isnan(own).all() else own,
        )

    def __len__(self) -> int:
        return len(self.starts)

    @cached_property
    def slope_offsets(self) -> NDArray[np.int64]:
        """(n + 1,) int64: where each coordinate's slopes begin."""
        return self.offsets + np.arange(len(self) + 1)

    @cached_property
    def exact_intercepts(self) -> list[Fraction]:
        """The intercepts in the order of `slopes`, as rational numbers."""
        found = np.empty(len(self.slopes), object)
        for coordinates, which in self._equal_coordinates:
            places = self.slope_offsets[coordinates, None] + np.arange(
                self.slope_offsets[coordinates[0] + 1] - self.slope_offsets[coordinates[0]]
            )
            first = np.unique(which, return_index=True)[1]
            values = np.empty((len(first), places.shape[1]), object)
            for row, i in zip(values, coordinates[first].tolist(), strict=True):
                row[:] = self._exact_intercepts_of(i)
            found[places] = values[which]
        return found.tolist()

    @cached_property
    def _equal_coordinates(self) -> list[tuple[NDArray[np.int64], NDArray[np.int64]]]:
        """The coordinates with as many breakpoints as each other, and for each the number of its activation."""
        counts = np.diff(self.offsets)
        found = []
        for k in np.unique(counts).tolist():
            at = np.flatnonzero(counts == k)
            pieces = self.slope_offsets[at, None] + np.arange(k + 1)
            columns = [self.starts[at, None], self.slopes[pieces]]
            columns.append(self.breakpoints[self.offsets[at, None] + np.arange(k)])
            if self.own_intercepts is not None:
                columns.append(self.own_intercepts[pieces])
            bits = np.ascontiguousarray(np.hstack(columns)).view(np.int64)
            if (bits == bits[0]).all():
                found.append((at, np.zeros(len(at), np.int64)))
            else:
                found.append((at, np.unique(bits, axis=0, return_inverse=True)[1].ravel()))
        return found

    def _exact_intercepts_of(self, i: int) -> list[Fraction]:
        """Return the intercepts of one coordinate."""
        at = slice(self.slope_offsets[i], self.slope_offsets[i + 1])
        slopes = self.slopes[at]
        if self.own_intercepts is not None and not np.isnan(self.own_intercepts[at.start]):
            return [Fraction(float(x)) for x in self.own_intercepts[at]]
        found = [Fraction(float(self.starts[i]))]
        for k, b in enumerate(self.breakpoints[self.offsets[i] : self.offsets[i + 1]]):
            jump = Fraction(float(slopes[k])) - Fraction(float(slopes[k + 1]))
            found.append(found[-1] + jump * Fraction(float(b)))
        return found

    @cached_property
    def intercepts(self) -> NDArray[np.float64]:
        """(m + n,) float64: `exact_intercepts`, each rounded once."""
        return np.array([float(q) for q in self.exact_intercepts], np.float64)

    @cached_property
    def intercept_errors(self) -> NDArray[np.float64]:
        """(m + n,) float64: bounds on what rounding did to `intercepts`; 0 where it did nothing."""
        rounded, exact = self.intercepts.tolist(), self.exact_intercepts
        off = [x != q for x, q in zip(rounded, exact, strict=True)]
        return np.where(off, np.spacing(np.abs(self.intercepts)), 0.0)

    @cached_property
    def jumps(self) -> NDArray[np.bool_]:
        """(m,) bool: the breakpoints at which the activation jumps."""
        found = np.zeros(len(self.breakpoints), np.bool_)
        if self.own_intercepts is None:
            return found
        left = np.arange(len(found)) + self.breakpoint_coordinate
        for k in np.flatnonzero(~np.isnan(self.own_intercepts[left])).tolist():
            at = slice(left[k], left[k] + 2)
            found[k] = not _meet(
                self.breakpoints[k], self.slopes[at].tolist(), self.own_intercepts[at].tolist()
            )
        return found

    @cached_property
    def breakpoint_coordinate(self) -> NDArray[np.int64]:
        """(m,) int64: the coordinate to which each breakpoint belongs."""
        return np.repeat(np.arange(len(self)), np.diff(self.offsets))

    @cached_property
    def unit_coordinates(self) -> NDArray[np.int64]:
        """The units of this layer: the coordinates with a breakpoint, and each maximum's first member."""
        has_breakpoints = np.diff(self.offsets) > 0
        if self.groups is not None:
            has_breakpoints[1:] &= (self.groups[1:] < 0) | (self.groups[1:] != self.groups[:-1])
        return np.flatnonzero(has_breakpoints)

    @cached_property
    def is_relu(self) -> NDArray[np.bool_]:
        """(n,) bool: whether a coordinate is 0 below 0 and linear above, and no member of a maximum."""
        found = np.zeros(len(self), np.bool_)
        one = np.flatnonzero(np.diff(self.offsets) == 1)
        at = self.slope_offsets[one]
        found[one] = (
            (self.breakpoints[self.offsets[one]] == 0)
            & (self.slopes[at] == 0)
            & (self.slopes[at + 1] > 0)
            & (self.starts[one] == 0)
        )
        if self.groups is not None:
            found &= self.groups < 0
        found[self.breakpoint_coordinate[self.jumps]] = False
        return found

    @cached_property
    def group_ranges(self) -> NDArray[np.int64]:
        """(maxima, 2) int64: where the hyperplanes of each maximum's members begin and end."""
        if self.groups is None:
            return np.zeros((0, 2), np.int64)
        members = np.flatnonzero(self.groups >= 0)
        own = self.groups[members]
        first = np.flatnonzero(np.append(True, own[1:] != own[:-1]))
        last = np.append(first[1:], len(own)) - 1
        return np.column_stack([self.offsets[members[first]], self.offsets[members[last]] + 1])

    @cached_property
    def _groups_by_size(self) -> list[NDArray[np.int64]]:
        """The hyperplanes of all maxima, (maxima, size) each, for every size."""
        sizes = np.diff(self.group_ranges, axis=1)[:, 0]
        return [self.group_ranges[sizes == size, :1] + np.arange(size) for size in np.unique(sizes)]

    def sides(self, z: ArrayLike) -> NDArray[np.bool_]:
        """Return, for pre-activations `z` of shape (..., n), where each exceeds each breakpoint.

        Returns
        -------
        (..., m) bool
        """
        z = np.asarray(z, np.float64)
        found = z[..., self.breakpoint_coordinate] > self.breakpoints
        for members in self._groups_by_size:
            values = z[..., self.breakpoint_coordinate[members]]
            largest = values.argmax(axis=-1)[..., None]
            found[..., members] = largest == np.arange(members.shape[1])
        return found

    @cached_property
    def piece_type(self) -> np.dtype[np.unsignedinteger]:
        """The smallest unsigned integers that number all pieces of each unit: uint8 up to 256 pieces."""
        most = int(np.diff(self.offsets).max(initial=0))
        members = int(np.diff(self.group_ranges, axis=1).max(initial=1)) - 1
        return np.min_scalar_type(max(most, members))

    def patterns(self, sides: NDArray[np.bool_]) -> NDArray[np.unsignedinteger]:
        """Return the piece of each unit, (..., units) `piece_type`, from the `sides` (..., m) of hyperplanes."""
        found = self.pieces(sides)
        for members in self._groups_by_size:
            on = np.asarray(sides, np.bool_)[..., members]
            found[..., self.breakpoint_coordinate[members[:, 0]]] = on.argmax(axis=-1)
        return found[..., self.unit_coordinates]

    def owner(self, sides: NDArray[Any]) -> NDArray[np.int64]:
        """Return, for each hyperplane of a member, that of the largest one under `sides` (m,); -1 of others.

        Returns
        -------
        (m,) int64
        """
        found = np.full(len(self.breakpoints), -1)
        for members in self._groups_by_size:
            on = np.asarray(sides, np.bool_)[members].argmax(axis=1)
            found[members] = members[np.arange(len(members)), on][:, None]
        return found

    def pieces(self, sides: NDArray[np.bool_]) -> NDArray[np.unsignedinteger]:
        """Return the piece of each coordinate, (..., n) `piece_type`, from its `sides` (..., m)."""
        return ragged_sum(np.asarray(sides), self.offsets).astype(self.piece_type)

    def __call__(self, z: ArrayLike) -> NDArray[np.float64]:
        """Return the activations of pre-activations `z` of shape (..., n)."""
        z = np.asarray(z, np.float64)
        piece = self.slope_offsets[:-1] + self.pieces(self.sides(z))
        return self.slopes[piece] * z + self.intercepts[piece]


def _check_tables(tables: Any) -> None:
    """Raise unless `tables` are a list of at least one table.

    Raises
    ------
    NetworkError
    """
    good = isinstance(tables, (list, tuple)) and len(tables) > 0
    if not good or not all(isinstance(t, ActivationTable) for t in tables):
        raise NetworkError(f"tables must be a list of ActivationTable, found {found(tables)}")


class _Row(NamedTuple):
    """One coordinate's activation, checked: own intercepts are NaN where it does not jump."""

    breakpoints: list[float]
    slopes: list[float]
    start: float
    own: list[float]


def _checked_row(
    i: int, bps: Sequence[float], slps: Sequence[float], start: float | Sequence[float]
) -> _Row:
    """Return the activation of coordinate `i`; see `ActivationTable.from_rows`."""
    jumps = isinstance(start, Sequence)
    values = list(start) if isinstance(start, Sequence) else [start]
    if jumps and len(values) != len(slps):
        raise NetworkError(
            f"activation of coordinate {i}: {len(slps)} slopes need as many intercepts, "
            f"found {len(values)}"
        )
    if len(slps) != len(bps) + 1:
        raise NetworkError(
            f"activation of coordinate {i}: {len(bps)} breakpoints need "
            f"{len(bps) + 1} slopes, found {len(slps)}"
        )
    if not np.all(np.isfinite([*bps, *slps, *values])):
        raise NetworkError(f"activation of coordinate {i} holds a NaN or an infinity")
    if any(b <= a for a, b in zip(bps[:-1], bps[1:], strict=True)):
        raise NetworkError(
            f"activation of coordinate {i}: breakpoints must increase, found {list(bps)}"
        )
    kept = [
        k
        for k in range(len(bps))
        if slps[k] != slps[k + 1] or (jumps and values[k] != values[k + 1])
    ]
    pieces = [0] + [k + 1 for k in kept]
    if jumps and all(_meet(bps[k], slps[k : k + 2], values[k : k + 2]) for k in kept):
        jumps = False
    return _Row(
        [float(bps[k]) for k in kept],
        [float(slps[k]) for k in pieces],
        float(values[0]),
        [float(values[k]) if jumps else np.nan for k in pieces],
    )


def _assembled(rows: Sequence[_Row], which: NDArray[np.int64]) -> ActivationTable:
    """Return the table in which coordinate ``i`` has the activation ``rows[which[i]]``."""
    counts = np.array([len(row.breakpoints) for row in rows], np.int64)
    offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(counts[which])])

    def spread(parts: Sequence[Sequence[float]]) -> NDArray[np.float64]:
        if len(parts) == 1:
            return np.tile(np.array(parts[0], np.float64), len(which))
        sizes = np.array([len(part) for part in parts], np.int64)
        begin = (np.cumsum(sizes) - sizes)[which]
        own = sizes[which]
        steps = np.arange(own.sum()) - np.repeat(np.cumsum(own) - own, own)
        flat = np.concatenate([np.array(part, np.float64) for part in parts] or [np.zeros(0)])
        return flat[np.repeat(begin, own) + steps]

    own = spread([row.own for row in rows])
    return ActivationTable(
        offsets,
        spread([row.breakpoints for row in rows]),
        spread([row.slopes for row in rows]),
        np.array([row.start for row in rows], np.float64)[which],
        own_intercepts=None if np.isnan(own).all() else own,
    )


def _meet(place: float, slopes: Sequence[float], intercepts: Sequence[float]) -> bool:
    """Return whether two pieces have the same value at the breakpoint between them, exactly."""
    slope = Fraction(float(slopes[0])) - Fraction(float(slopes[1]))
    step = Fraction(float(intercepts[1])) - Fraction(float(intercepts[0]))
    return slope * Fraction(float(place)) == step


def ragged_sum(values: NDArray[np.bool_], offsets: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return sums over the slices ``values[..., offsets[i]:offsets[i + 1]]``."""
    total = np.zeros((*values.shape[:-1], values.shape[-1] + 1), np.int64)
    np.cumsum(values, axis=-1, out=total[..., 1:])
    return total[..., offsets[1:]] - total[..., offsets[:-1]]
