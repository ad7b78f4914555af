"""Numbers, sums and comparisons, in rational numbers: nothing is rounded here."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Any, NamedTuple

from polyenum.domains.vnnlib.expressions import shown
from polyenum.errors import DomainError

_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,5})?", re.ASCII)
_LONGEST_NUMBER, _LARGEST_EXPONENT = 1000, 2000

# Of numerators and denominators: sums of unlike fractions grow with each.
_MOST_BITS = 20_000


class Affine(NamedTuple):
    """The sum of some constants, each times a number, and of a number."""

    factors: dict[str, Fraction]
    constant: Fraction


class Row(NamedTuple):
    """The inequality ``factors . names <= bound``, or ``<`` where it is `strict`."""

    names: tuple[str, ...]
    factors: tuple[Fraction, ...]
    bound: Fraction
    strict: bool

    def negated(self) -> Row:
        """Return the inequality that holds where this one does not."""
        return Row(self.names, tuple(-f for f in self.factors), -self.bound, not self.strict)


def number(word: str) -> Fraction:
    """Return the rational number that a decimal literal says.

    Raises
    ------
    DomainError
        If it is none, or too long.
    """
    if word.lstrip("+-").lower() in ("nan", "inf", "infinity"):
        raise DomainError(f"{word!r} is not a finite number")
    if len(word) > _LONGEST_NUMBER:
        raise DomainError(f"{shown(word)} has {len(word):,} characters, more than a number needs")
    if not _NUMBER.fullmatch(word):
        if word[:1].isdigit() or word[:1] in "+-.#":
            raise DomainError(
                f"{shown(word)} is not a number as VNN-LIB has them: 10, -0.5, 1e-3, (- 5) or (/ 1 3)"
            )
        raise DomainError(f"{shown(word)} is neither a number nor a declared constant")
    found = Decimal(word)
    if found and abs(found.adjusted()) > _LARGEST_EXPONENT:
        raise DomainError(f"{shown(word)} is beyond the range of float64")
    return Fraction(found)


def total(head: str, parts: Sequence[Affine], owned: Sequence[bool]) -> Affine:
    """Return the sum of terms, or the first less the others, or minus the only one.

    Parameters
    ----------
    head : {"+", "-"}
    parts : sequence of Affine
    owned : sequence of bool
        Which of them nobody else holds, so that one may be changed: sums within sums are many.
    """
    signs = [1] * len(parts)
    if head == "-":
        signs = [-1] if len(parts) == 1 else [1] + [-1] * (len(parts) - 1)
    may = [k for k in range(len(parts)) if owned[k] and signs[k] == 1]
    base = max(may, key=lambda k: len(parts[k].factors), default=-1)
    factors = parts[base].factors if base >= 0 else {}
    constant = Fraction(0)
    for k, (sign, part) in enumerate(zip(signs, parts, strict=True)):
        constant = _short(constant + sign * part.constant)
        if k != base:
            for name, factor in part.factors.items():
                factors[name] = _short(factors.get(name, Fraction(0)) + sign * factor)
    return Affine(factors, constant)


def scaled(term: Affine, factor: Fraction) -> Affine:
    """Return a term times a number."""
    return Affine(
        {name: _short(f * factor) for name, f in term.factors.items()},
        _short(term.constant * factor),
    )


def product(parts: Sequence[Affine]) -> Affine:
    """Return the product of terms, of which one at most is no number.

    Raises
    ------
    DomainError
        If two are none.
    """
    found = Affine({}, Fraction(1))
    for part in parts:
        if any(found.factors.values()) and any(part.factors.values()):
            names = " and ".join(sorted({*found.factors, *part.factors})[:4])
            raise DomainError(f"a product of {names} is not linear; '*' takes one constant at most")
        one, other = (found, part) if any(found.factors.values()) else (part, found)
        found = scaled(one, other.constant)
    return found


def quotient(parts: Sequence[Affine]) -> Affine:
    """Return the first term divided by the others, which are numbers.

    Raises
    ------
    DomainError
        If one is none, or 0.
    """
    found, *divisors = parts
    for divisor in divisors:
        if any(divisor.factors.values()):
            raise DomainError(
                f"a division by {' and '.join(sorted(divisor.factors)[:4])} is not linear"
            )
        if not divisor.constant:
            raise DomainError("a division by 0")
        found = scaled(found, 1 / divisor.constant)
    return found


# What is asserted of left - right, and whether strictly.
_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "<=": operator.le,
    ">=": operator.ge,
    "<": operator.lt,
    ">": operator.gt,
}


def comparison(head: str, left: Affine, right: Affine) -> Row | bool:
    """Return the inequality ``left head right``, or its truth where it says nothing of any constant.

    Raises
    ------
    DomainError
        If it is about inputs and outputs at once.
    """
    if head in (">=", ">"):
        left, right = right, left
    factors = dict(left.factors)
    for name, factor in right.factors.items():
        factors[name] = _short(factors.get(name, Fraction(0)) - factor)
    used = {name: factor for name, factor in factors.items() if factor}
    bound = _short(right.constant - left.constant)
    strict = head in ("<", ">")
    if not used:
        return _COMPARISONS["<" if strict else "<="](0, bound)
    return Row(tuple(used), tuple(used.values()), bound, strict)


def _short(found: Fraction) -> Fraction:
    if max(found.numerator.bit_length(), found.denominator.bit_length()) > _MOST_BITS:
        raise DomainError(
            f"its numbers grow to fractions of more than {_MOST_BITS:,} bits; write them as decimals"
        )
    return found
