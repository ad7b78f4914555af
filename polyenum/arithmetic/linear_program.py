"""Linear programs in rational arithmetic, small ones: the arbiter of the LP cells."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from polyenum.arithmetic.integers import Form


class InfeasibleError(Exception):
    """No point satisfies all rows."""


def maximise(
    rows: Sequence[Form],
    lower: Sequence[Fraction],
    upper: Sequence[Fraction],
    objective: Form,
) -> tuple[Fraction, list[Fraction]]:
    """Return the maximum of a form over a polytope, and a vertex where it is attained.

    The polytope is where all `rows` are at least 0 within the box ``lower <= x <= upper``.  Dual simplex
    from the box's best corner, with Bland's rule, so it ends (Chvátal, *Linear Programming*, 1983,
    chapters 3 and 10).

    Raises
    ------
    InfeasibleError
        If the polytope is empty.

    Examples
    --------
    >>> maximise([(-1, -1, 1)], [Fraction(0)] * 2, [Fraction(1)] * 2, (2, 1, 0))
    (Fraction(2, 1), [Fraction(1, 1), Fraction(0, 1)])
    """
    dim, m = len(lower), len(rows)
    # Constraint i is n . x <= b: the rows, then each axis' lower and upper bound.
    gradient = [Fraction(x) for x in objective[:-1]]

    def normal(i: int) -> list[Fraction]:
        if i < m:
            return [Fraction(-x) for x in rows[i][:-1]]
        axis, high = divmod(i - m, 2)
        return [Fraction(0 if k != axis else 1 if high else -1) for k in range(dim)]

    def bound(i: int) -> Fraction:
        if i < m:
            return Fraction(rows[i][-1])
        axis, high = divmod(i - m, 2)
        return upper[axis] if high else -lower[axis]

    basis = [m + 2 * k + (gradient[k] > 0) for k in range(dim)]
    inverse = [
        [Fraction(0 if j != k else 1 if gradient[k] > 0 else -1) for j in range(dim)]
        for k in range(dim)
    ]
    while True:
        at = [bound(i) for i in basis]
        x = [sum((a * b for a, b in zip(row, at, strict=True)), Fraction(0)) for row in inverse]
        entering = next(
            (
                i
                for i in range(m + 2 * dim)
                if i not in basis
                and sum((a * b for a, b in zip(normal(i), x, strict=True)), Fraction(0)) > bound(i)
            ),
            None,
        )
        if entering is None:
            value = sum((a * b for a, b in zip(gradient, x, strict=True)), Fraction(objective[-1]))
            return value, x
        across = normal(entering)
        columns = list(zip(*inverse, strict=True))
        alpha = [
            sum((a * b for a, b in zip(across, column, strict=True)), Fraction(0))
            for column in columns
        ]
        price = [
            sum((a * b for a, b in zip(gradient, column, strict=True)), Fraction(0))
            for column in columns
        ]
        leaving = min(
            (j for j in range(dim) if alpha[j] > 0),
            key=lambda j: (price[j] / alpha[j], basis[j]),
            default=None,
        )
        if leaving is None:
            raise InfeasibleError
        pivot = [x / alpha[leaving] for x in columns[leaving]]
        for k in range(dim):
            inverse[k] = [
                pivot[k] if j == leaving else inverse[k][j] - alpha[j] * pivot[k]
                for j in range(dim)
            ]
        basis[leaving] = entering
