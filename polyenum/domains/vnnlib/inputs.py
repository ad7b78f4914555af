"""Domains from inequalities of inputs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from polyenum.domains.domain import Domain
from polyenum.domains.shapes import Box, HPolytope, Slice
from polyenum.domains.vnnlib.terms import Row
from polyenum.errors import DomainError

# For each input its lower bound and minus its upper one, and whether they are strict: the larger is the tighter.
_Bound = tuple[Fraction, bool]


class EmptyError(DomainError):
    """The bounds of an input contradict each other."""


class InputSet:
    """The inputs that satisfy some inequalities.

    Parameters
    ----------
    names : sequence of str
        Of the inputs.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self._names = names
        self._at = {name: k for k, name in enumerate(names)}
        self._tight: dict[tuple[int, int], _Bound] = {}
        self._oblique: dict[Row, None] = {}

    def with_rows(self, rows: Iterable[Row]) -> InputSet:
        """Return the set of those that satisfy `rows`, too."""
        found = InputSet.__new__(InputSet)
        found._names, found._at = self._names, self._at
        found._tight, found._oblique = dict(self._tight), dict(self._oblique)
        for row in rows:
            if len(row.names) > 1:
                found._oblique[row] = None
            else:
                found._add_bound(row.names[0], row.factors[0], row.bound, row.strict)
        return found

    def _add_bound(self, name: str, factor: Fraction, bound: Fraction, strict: bool) -> None:
        side = int(factor > 0)
        value = bound if abs(factor) == 1 else bound / abs(factor)
        key, new = (self._at[name], side), (-value, strict)
        self._tight[key] = max(self._tight.get(key, new), new)

    @cached_property
    def _box(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Lower and upper bounds, rounded to nearest; infinite where there are none.

        Raises
        ------
        EmptyError
            If two contradict each other.
        """
        found = np.full((2, len(self._names)), np.inf)
        for (k, side), (value, _) in self._tight.items():
            found[side, k] = rounded(-value, self._names[k])
        low, high = -found[0] + 0.0, found[1] + 0.0
        for (k, side), (value, strict) in self._tight.items():
            other = self._tight.get((k, 1))
            if side or other is None:
                continue
            gap = -other[0] - value
            if gap < 0 or (gap == 0 and (strict or other[1])):
                name = self._names[k]
                raise EmptyError(
                    f"{name} has a lower bound {low[k]:.17g} above its upper bound {high[k]:.17g}"
                    if gap < 0
                    else f"{name} is to be above {low[k]:.17g} and below {high[k]:.17g}, of which one is strict"
                )
        return low, high

    def _oblique_rows(
        self, fixed: NDArray[np.bool_], at: NDArray[np.float64]
    ) -> tuple[list[Row], list[Row]]:
        """Return the inequalities of several inputs, those that are fixed put in: bounds, and others.

        Raises
        ------
        EmptyError
            If one does not hold.
        """
        bounds: list[Row] = []
        others: list[Row] = []
        for row in self._oblique:
            left = [k for k, name in enumerate(row.names) if not fixed[self._at[name]]]
            bound = row.bound - sum(
                f * Fraction(float(at[self._at[name]]))
                for name, f in zip(row.names, row.factors, strict=True)
                if fixed[self._at[name]]
            )
            names = tuple(row.names[k] for k in left)
            new = Row(names, tuple(row.factors[k] for k in left), bound, row.strict)
            if not left and (bound < 0 or (row.strict and bound == 0)):
                raise EmptyError(
                    f"a bound on {' and '.join(row.names)} together contradicts those of each"
                )
            if left:
                (bounds if len(left) == 1 else others).append(new)
        return bounds, others

    def settled(self) -> InputSet:
        """Return the same set, with the inequalities in which fixed inputs leave one input as its bounds.

        Raises
        ------
        EmptyError
            If it is seen to be empty.
        """
        found = self
        while found._oblique:
            low, high = found._box
            fixed = low == high
            bounds, others = found._oblique_rows(fixed, low)
            changed = found.with_rows(bounds)
            changed._oblique = dict.fromkeys(others)
            if not bounds:
                return changed
            found = changed
        _ = found._box  # raises where bounds contradict each other
        return found

    @cached_property
    def key(self) -> tuple[bytes, bytes, frozenset[tuple[float, ...]]]:
        """What two sets have in common only where they are the same."""
        low, high = self._box
        rows = frozenset(_half_space(row, self._names, self._at) for row in self._oblique)
        return low.tobytes(), high.tobytes(), rows

    def domain(self) -> Domain:
        """Return the set as a domain.

        Raises
        ------
        DomainError
            If an input is unbounded, or the set is empty, flat or a point.
        """
        low, high = self._box
        if not self._oblique:
            return self._box_domain(low, high)
        fixed = np.flatnonzero(low == high)
        if len(fixed):
            together = sorted({name for row in self._oblique for name in row.names})
            raise DomainError(
                f"{self._names[fixed[0]]} is fixed, and {' and '.join(together[:4])} have a bound together: a "
                "polytope in which an input is fixed is not supported; leave that bound out, or give "
                f"{self._names[fixed[0]]} an interval"
            )
        dim = len(self._names)
        rows = [
            np.append(np.eye(dim)[k] * sign, sign * bound[k])
            for k in range(dim)
            for sign, bound in ((-1.0, low), (1.0, high))
            if np.isfinite(bound[k])
        ]
        rows += [np.array(_half_space(row, self._names, self._at)) for row in self._oblique]
        table = np.array(rows) + 0.0
        try:
            return HPolytope(table[:, :-1], table[:, -1])
        except DomainError as error:
            open_ = np.flatnonzero(~np.isfinite(low) | ~np.isfinite(high))
            hint = f" ({self._unbounded(low, int(open_[0]))} of its own)" if len(open_) else ""
            raise DomainError(f"the inputs: {error}{hint}") from None

    def _box_domain(self, low: NDArray[np.float64], high: NDArray[np.float64]) -> Domain:
        open_ = np.flatnonzero(~np.isfinite(low) | ~np.isfinite(high))
        if len(open_):
            raise DomainError(self._unbounded(low, int(open_[0])))
        free = np.flatnonzero(low < high)
        if len(free) == len(low):
            return Box(low, high)
        if not len(free):
            raise DomainError("all inputs are fixed: the domain is a single point")
        basis = np.zeros((len(low), len(free)))
        basis[free, np.arange(len(free))] = 1.0
        return Slice(np.where(low < high, 0.0, low), basis, lower=low[free], upper=high[free])

    def _unbounded(self, low: NDArray[np.float64], k: int) -> str:
        side = "upper" if np.isfinite(low[k]) else "lower"
        return f"{self._names[k]} has no {side} bound"


def _half_space(row: Row, names: Sequence[str], at: dict[str, int]) -> tuple[float, ...]:
    """Return a row over all inputs, and its bound, rounded to nearest."""
    found = np.zeros(len(names) + 1)
    for name, factor in zip(row.names, row.factors, strict=True):
        found[at[name]] = rounded(factor, name)
    found[-1] = rounded(row.bound, row.names[0])
    return tuple((found + 0.0).tolist())


def rounded(value: Fraction, name: str) -> float:
    """Return the nearest float64.

    Raises
    ------
    DomainError
        If there is none.
    """
    try:
        return float(value)
    except OverflowError:
        raise DomainError(f"{name}: a number beyond the range of float64") from None
