"""Domains from inequalities of inputs."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from decimal import Decimal
from fractions import Fraction
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from polyenum.arithmetic.integers import Form, integers
from polyenum.domains.by_programs import greatest, is_empty, strictly_inside
from polyenum.domains.domain import Domain
from polyenum.domains.shapes import Box, HPolytope, Slice
from polyenum.domains.vnnlib.names import Names
from polyenum.domains.vnnlib.terms import Row
from polyenum.errors import DomainError

# For each input its lower bound and minus its upper one, and whether they are strict: the larger is the tighter.
_Bound = tuple[Fraction, bool]

# Of the table of a polytope's rows, or of a slice's basis: 400 MB.
_MOST_NUMBERS = 50_000_000


class EmptyError(DomainError):
    """No input satisfies all that is asserted of the inputs."""


class InputSet:
    """The inputs that satisfy some inequalities, in rational numbers until `key` or `domain` rounds them.

    Parameters
    ----------
    names : Names
        Of the inputs.
    """

    def __init__(self, names: Names) -> None:
        self._names = names
        self._tight: dict[tuple[int, int], _Bound] = {}
        self._oblique: dict[Row, None] = {}
        self._fixed: dict[int, Fraction] = {}
        self._wrong: int | None = None

    def with_rows(self, rows: Iterable[Row]) -> InputSet:
        """Return the set of those that satisfy `rows`, too."""
        found = InputSet(self._names)
        found._tight, found._oblique = dict(self._tight), dict(self._oblique)
        found._fixed, found._wrong = dict(self._fixed), self._wrong
        for row in rows:
            if len(row.names) > 1:
                found._oblique[row] = None
            else:
                found._add_bound(row.names[0], row.factors[0], row.bound, row.strict)
        return found

    def _at(self, name: str) -> int:
        place = self._names.place(name)
        assert place is not None
        return place

    def _add_bound(self, name: str, factor: Fraction, bound: Fraction, strict: bool) -> None:
        k, side = self._at(name), int(factor > 0)
        value = bound if abs(factor) == 1 else bound / abs(factor)
        new = (-value, strict)
        mine = self._tight[k, side] = max(self._tight.get((k, side), new), new)
        other = self._tight.get((k, 1 - side))
        if other is None or mine[0] + other[0] < 0:
            return
        if mine[0] + other[0] > 0 or mine[1] or other[1]:
            self._wrong = k if self._wrong is None else self._wrong
        else:
            self._fixed[k] = -mine[0] if side else mine[0]

    # -- in rational numbers ---------------------------------------------------------------------

    def settled(self) -> InputSet:
        """Return the same set with fixed inputs put into the inequalities of several, and without idle ones.

        Where they leave one input it becomes a bound of it.

        Raises
        ------
        EmptyError
            If the set is seen to be empty, without a linear program.
        """
        found = self
        while True:
            found._refuse_contradiction()
            put_in = [found._without_fixed(row) for row in found._oblique]
            rest = {row: None for row in put_in if row is not None}
            bounds = [row for row in rest if len(row.names) == 1]
            if rest.keys() == found._oblique.keys():
                return found
            found = found.with_rows(bounds)
            found._oblique = {row: None for row in rest if len(row.names) > 1}

    def _refuse_contradiction(self) -> None:
        if self._wrong is None:
            return
        name = self._names[self._wrong]
        (below, _), (above, _) = (self._tight[self._wrong, side] for side in (0, 1))
        low, high = _shown(below), _shown(-above)
        raise EmptyError(
            f"{name} is to be above {low} and below {high}, of which one is strict"
            if below == -above
            else f"{name} has a lower bound {low} above its upper bound {high}"
        )

    def _without_fixed(self, row: Row) -> Row | None:
        """Return an inequality with the fixed inputs put in, None if the bounds of each input imply it.

        Raises
        ------
        EmptyError
            If it contradicts them.
        """
        places = [self._at(name) for name in row.names]
        left = [i for i, k in enumerate(places) if k not in self._fixed]
        if len(left) < len(places):
            put_in = (
                f * self._fixed[k]
                for f, k in zip(row.factors, places, strict=True)
                if k in self._fixed
            )
            new = Row(
                tuple(row.names[i] for i in left),
                tuple(row.factors[i] for i in left),
                row.bound - sum(put_in),
                row.strict,
            )
        else:
            new = row
        least, most = (self._extreme(new, sign) for sign in (-1, 1))
        if least is not None and (-least > new.bound or (row.strict and -least == new.bound)):
            raise EmptyError(f"a bound on {_listed(row.names)} together contradicts those of each")
        idle = most is not None and (most < new.bound or (not row.strict and most == new.bound))
        return None if idle else new

    def _extreme(self, row: Row, sign: int) -> Fraction | None:
        """Return the maximum of `sign` times a row's sum within the bounds of each input; None if it has none."""
        found = Fraction(0)
        for name, factor in zip(row.names, row.factors, strict=True):
            side = int(factor * sign > 0)
            bound = self._tight.get((self._at(name), side))
            if bound is None:
                return None
            found += factor * sign * (-bound[0] if side else bound[0])
        return found

    @cached_property
    def _together(self) -> tuple[list[Form], list[bool]]:
        """The inequalities of several inputs, then the bounds of each of these: forms, and which are strict."""
        places = sorted({self._at(name) for row in self._oblique for name in row.names})
        at = {k: i for i, k in enumerate(places)}
        _refuse_large(2 * len(at) + len(self._oblique), len(at))
        forms, strict = [], []
        for row in self._oblique:
            numbers = [Fraction(0)] * len(at) + [row.bound]
            for name, factor in zip(row.names, row.factors, strict=True):
                numbers[at[self._at(name)]] = -factor
            forms.append(integers(numbers))
            strict.append(row.strict)
        for k, i in at.items():
            for side in (0, 1):
                if (k, side) in self._tight:
                    value, is_strict = self._tight[k, side]
                    numbers = [Fraction(0)] * len(at) + [-value]
                    numbers[i] = Fraction(-1 if side else 1)
                    forms.append(integers(numbers))
                    strict.append(is_strict)
        return forms, strict

    @cached_property
    def _has_room(self) -> bool:
        """Whether some inputs satisfy the inequalities of several strictly."""
        return strictly_inside(self._together[0]) is not None

    @property
    def exact_key(self) -> Hashable:
        """What decides `refuse_empty`: two sets with the same one are both empty, or none is."""
        forms, strict = self._together
        return tuple(forms), tuple(strict)

    def refuse_empty(self) -> None:
        """Raise where the inequalities of several inputs leave nothing, decided exactly.

        Raises
        ------
        EmptyError
        DomainError
            If there are too many inputs to tell.
        """
        if not self._oblique:
            return
        if self._has_room:
            return
        forms, strict = self._together
        names = [name for row in self._oblique for name in row.names]
        if is_empty(forms, strict):
            raise EmptyError(
                f"no inputs satisfy all bounds on {_listed(names)} together and on each of them"
            )

    # -- rounded ---------------------------------------------------------------------------------

    @cached_property
    def _box(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Lower and upper bounds, rounded to nearest; infinite where there are none.

        Raises
        ------
        DomainError
            If an input has no bound, of its own or together with others.
        """
        self._refuse_unbounded()
        found = np.full((2, len(self._names)), np.inf)
        for (k, side), (value, _) in self._tight.items():
            found[side, k] = rounded(-value, self._names[k])
        return -found[0] + 0.0, found[1] + 0.0

    def _refuse_unbounded(self) -> None:
        """Raise where an input has no bound; cheap, however many inputs are declared."""
        together = {self._at(name) for row in self._oblique for name in row.names}
        for k in range(len(self._names)):
            for side, word in enumerate(("lower", "upper")):
                if (k, side) not in self._tight and k not in together:
                    raise DomainError(f"{self._names[k]} has no {word} bound")

    @cached_property
    def key(self) -> Hashable:
        """What two sets have in common only where they are the same."""
        low, high = self._box
        rows = frozenset(_half_space(row) for row in self._oblique)
        return low.tobytes(), high.tobytes(), rows

    def domain(self) -> Domain:
        """Return the set as a domain.

        Raises
        ------
        DomainError
            If an input is unbounded, or the set is flat, a point, or a polytope of which an input is fixed.
        """
        low, high = self._box
        if not self._oblique:
            return self._box_domain(low, high)
        fixed = np.flatnonzero(low == high)
        if len(fixed):
            name = self._names[int(fixed[0])]
            together = _listed([name for row in self._oblique for name in row.names])
            raise DomainError(
                f"{name} is fixed, and {together} have a bound together: a polytope in which an input is fixed "
                f"is not supported; leave that bound out, or give {name} an interval"
            )
        self._refuse_flat()
        table = self._table(low, high)
        try:
            return HPolytope(table[:, :-1], table[:, -1])
        except DomainError as error:
            hint = " (its numbers rounded to float64)" if "flat" in str(error) else ""
            open_ = np.flatnonzero(~np.isfinite(low) | ~np.isfinite(high))
            if len(open_) and "unbounded" in str(error):
                k = int(open_[0])
                side = "upper" if np.isfinite(low[k]) else "lower"
                hint = f" ({self._names[k]} has no {side} bound of its own)"
            raise DomainError(f"the inputs: {error}{hint}") from None

    def _table(self, low: NDArray[np.float64], high: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the rows of the polytope, each with its bound."""
        dim = len(self._names)
        bounds = [
            (k, sign, sign * float(bound[k]))
            for k in range(dim)
            for sign, bound in ((-1.0, low), (1.0, high))
            if np.isfinite(bound[k])
        ]
        rows = len(bounds) + len(self._oblique)
        _refuse_large(rows, dim)
        table = np.zeros((rows, dim + 1))
        for i, (k, sign, bound) in enumerate(bounds):
            table[i, k], table[i, -1] = sign, bound + 0.0
        for i, row in enumerate(self._oblique, len(bounds)):
            names, factors, table[i, -1] = _half_space(row)
            for name, factor in zip(names, factors, strict=True):
                table[i, self._at(name)] = factor
        return table

    def _refuse_flat(self) -> None:
        """Raise where the set has no interior, in rational numbers, and say which bound leaves no room."""
        if self._has_room:
            return
        forms, _ = self._together
        for row, form in zip(self._oblique, forms, strict=False):
            if greatest(forms, form) == 0:
                raise DomainError(
                    f"the inputs: the set is not empty, but flat: what is said of {_listed(row.names)} together "
                    "leaves no room, as an equation does; give that bound some room, or leave the set out"
                )

    def _box_domain(self, low: NDArray[np.float64], high: NDArray[np.float64]) -> Domain:
        free = np.flatnonzero(low < high)
        if len(free) == len(low):
            return Box(low, high)
        if not len(free):
            raise DomainError("all inputs are fixed: the domain is a single point")
        if len(low) * len(free) > _MOST_NUMBERS:
            raise DomainError(
                f"{self._names[int(np.flatnonzero(low == high)[0])]} is fixed: the slice over the other "
                f"{len(free):,} of {len(low):,} inputs has a basis of more than {_MOST_NUMBERS:,} numbers; give "
                "fixed inputs a small interval"
            )
        basis = np.zeros((len(low), len(free)))
        basis[free, np.arange(len(free))] = 1.0
        return Slice(np.where(low < high, 0.0, low), basis, lower=low[free], upper=high[free])


class _HalfSpace(NamedTuple):
    """A row, rounded to nearest."""

    names: tuple[str, ...]
    factors: tuple[float, ...]
    bound: float


def _half_space(row: Row) -> _HalfSpace:
    pairs = sorted(zip(row.names, row.factors, strict=True))
    factors = tuple(rounded(factor, name) + 0.0 for name, factor in pairs)
    bound = rounded(row.bound, row.names[0]) + 0.0
    return _HalfSpace(tuple(name for name, _ in pairs), factors, bound)


def _refuse_large(rows: int, dim: int) -> None:
    if rows * (dim + 1) > _MOST_NUMBERS:
        raise DomainError(
            f"a polytope of {rows:,} sides in {dim:,} inputs has more than {_MOST_NUMBERS:,} numbers; leave the "
            "bounds on several inputs together out"
        )


def _listed(names: Iterable[str]) -> str:
    found = list(dict.fromkeys(names))
    return " and ".join(found if len(found) < 5 else [*found[:3], "others"])


def _shown(value: Fraction) -> str:
    try:
        return f"{float(value) + 0.0:.17g}"
    except OverflowError:
        return f"{Decimal(value.numerator) / value.denominator:.6g}"


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
