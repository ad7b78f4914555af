"""Real numbers without rounding: float64 is dyadic, so integers with one shared scale do.

A *form* is a tuple of ``d + 1`` integers ``(a_1, ..., a_d, c)``: the function ``a . x + c`` up to a
positive factor.  A *point* is a tuple of ``d + 1`` integers ``(X_1, ..., X_d, w)`` with ``w > 0``: the
point ``X / w``.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from fractions import Fraction

Form = tuple[int, ...]
Point = tuple[int, ...]


def integers(numbers: Iterable[float | Fraction]) -> tuple[int, ...]:
    """Return the integers that are proportional, by a positive factor, to rational `numbers`.

    >>> integers([0.5, -0.25, 3.0])
    (2, -1, 12)
    """
    ratios = [x.as_integer_ratio() for x in numbers]
    scale = math.lcm(*(q for _, q in ratios))
    return primitive([p * (scale // q) for p, q in ratios])


def primitive(numbers: Sequence[int]) -> tuple[int, ...]:
    """Return `numbers` divided by their greatest common divisor."""
    divisor = math.gcd(*numbers) or 1
    return tuple(int(x // divisor) for x in numbers)


def value(form: Form, point: Point) -> int:
    """Return a positive multiple of the value of `form` at `point`: its sign is exact."""
    return sum(a * x for a, x in zip(form, point, strict=True))


def point_of(numbers: Iterable[float | Fraction]) -> Point:
    """Return the exact point with the given coordinates."""
    return integers([*numbers, 1.0])


def to_fractions(point: Point) -> list[Fraction]:
    """Return the coordinates of `point`."""
    return [Fraction(x, point[-1]) for x in point[:-1]]


def quotient(x: int, w: int) -> tuple[float, float]:
    """Return ``x / w``, for ``w > 0``, rounded to nearest, and a bound on the error.

    The bound is 0 when float64 holds the number, and infinite beyond the range of float64.

    >>> quotient(3, 8), quotient(0, 5)
    ((0.375, 0.0), (0.0, 0.0))
    """
    try:
        rounded = x / w  # of two Python integers: correctly rounded
    except OverflowError:
        return math.inf if x > 0 else -math.inf, math.inf
    p, q = rounded.as_integer_ratio()
    return rounded, 0.0 if p * w == x * q else math.ulp(rounded)


def unit_row(form: Form) -> list[float]:
    """Return a form scaled to coefficients of length 1 in the 2-norm, each number rounded correctly.

    The length is a root between two integers; more bits are taken until both give the same float.

    >>> unit_row((3, 4, -10)), unit_row((1, 1, 0))
    ([0.6, 0.8, -2.0], [0.7071067811865476, 0.7071067811865476, 0.0])
    """
    square = sum(a * a for a in form[:-1])
    bits = 128
    while True:
        scaled = square << 2 * bits
        root = math.isqrt(scaled)
        nearest = [quotient(x << bits, root)[0] for x in form]
        if root * root == scaled or nearest == [quotient(x << bits, root + 1)[0] for x in form]:
            return nearest
        bits *= 2


def meet(forms: Iterable[Form], dim: int) -> Point | None:
    """Return the point where `forms` (d or more, in d dimensions) vanish; None if they leave more."""
    found = meeting(forms, dim)
    return None if found is None else found[0]


def meeting(forms: Iterable[Form], dim: int) -> tuple[Point, list[int]] | None:
    """Return the point where `forms` vanish, and the numbers of the first d independent ones.

    None where they leave more than a point; forms beyond those are not looked at.  Fraction-free
    Gauss-Jordan elimination (Bareiss, Math. Comp. 22, 1968).
    """
    rows: list[list[int]] = []
    pivots: list[int] = []
    used: list[int] = []
    for number, form in enumerate(forms):
        row = list(form)
        for pivot, other in zip(pivots, rows, strict=True):
            if row[pivot]:
                p, q = other[pivot], row[pivot]
                row = [p * x - q * y for x, y in zip(row, other, strict=True)]
        column = next((k for k in range(dim) if row[k]), None)
        if column is None:
            continue
        row = list(primitive(row))
        for i, other in enumerate(rows):
            if other[column]:
                p, q = row[column], other[column]
                mixed = [p * x - q * y for x, y in zip(other, row, strict=True)]
                rows[i] = list(primitive(mixed))
        rows.append(row)
        pivots.append(column)
        used.append(number)
        if len(rows) == dim:
            break
    if len(rows) < dim:
        return None
    by_column = dict(zip(pivots, rows, strict=True))
    scale = math.lcm(*(abs(by_column[k][k]) for k in range(dim)))
    point = [-by_column[k][-1] * (scale // by_column[k][k]) for k in range(dim)]
    return primitive([*point, scale]), used
