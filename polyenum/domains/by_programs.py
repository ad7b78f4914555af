"""Half-space polytopes of many dimensions: proven bounded and full-dimensional without their vertices.

A linear program in floats guesses; rational arithmetic proves, or finds the answer itself.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from polyenum.arithmetic.integers import Form, integers, meet, value
from polyenum.arithmetic.linear_program import InfeasibleError, maximise
from polyenum.errors import DomainError

# Where floats give no proof, the rational simplex takes seconds in 20 dimensions, minutes in 40.
LARGEST_EXACT_DIM = 40


def interior_point(forms: Sequence[Form]) -> list[Fraction]:
    """Return a point at which all `forms` are positive: a Chebyshev centre where floats can tell.

    Raises
    ------
    DomainError
        If there is none.
    """
    found = strictly_inside(forms)
    if found is None:
        raise DomainError("the domain is empty or flat: no point satisfies all sides strictly")
    return found


def strictly_inside(forms: Sequence[Form]) -> list[Fraction] | None:
    """Return a point at which all `forms` are positive, None if it is proven that there is none.

    Raises
    ------
    DomainError
        If neither is proven, in many dimensions.
    """
    near = _centre(forms)
    if near is not None:
        point = integers([*near, Fraction(1)])
        if all(value(form, point) > 0 for form in forms):
            return near
    dim = len(forms[0]) - 1
    _refuse_large(dim, "has an interior")
    return _with_slack(forms, [True] * len(forms))


def _centre(forms: Sequence[Form]) -> list[Fraction] | None:
    """Return what a linear program in floats takes for a Chebyshev centre, None if it has no answer."""
    from scipy.optimize import linprog

    try:
        rows = _floats(forms)
    except OverflowError:
        return None
    dim = len(forms[0]) - 1
    length = np.linalg.norm(rows[:, :-1], axis=1)
    # maximise s with a . x + c >= s |a|; an unbounded polytope still gets a point with s = 1.
    answer = linprog(
        np.append(np.zeros(dim), -1.0),
        A_ub=np.column_stack([-rows[:, :-1], length]),
        b_ub=rows[:, -1],
        bounds=[(None, None)] * dim + [(None, 1.0)],
    )
    if answer.x is None or not np.isfinite(answer.x).all():
        return None
    return [Fraction(float(x)) for x in answer.x[:-1]]


def is_empty(forms: Sequence[Form], strict: Sequence[bool]) -> bool:
    """Return whether no point has all `forms` at least 0, those that are `strict` above it: decided exactly.

    Raises
    ------
    DomainError
        If there are too many dimensions to tell.
    """
    _refuse_large(len(forms[0]) - 1, "is empty")
    return _with_slack(forms, strict) is None


def greatest(forms: Sequence[Form], objective: Form) -> Fraction:
    """Return the maximum of `objective` where `forms` are at least 0: a large number if it is unbounded."""
    dim, reach = len(objective) - 1, _reach([*forms, objective])
    return maximise(forms, [-reach] * dim, [reach] * dim, objective)[0]


def _with_slack(forms: Sequence[Form], strict: Sequence[bool]) -> list[Fraction] | None:
    """Return a point at which all `forms` are at least 0, the `strict` ones above it; None if there is none."""
    dim = len(forms[0]) - 1
    slack = [(*f[:-1], -int(s), f[-1]) for f, s in zip(forms, strict, strict=True)]
    reach = _reach([*slack, (*[0] * dim, -1, 1)])
    try:
        top, corner = maximise(
            slack,
            [-reach] * dim + [Fraction(0)],
            [reach] * dim + [Fraction(1)],
            (*[0] * dim, 1, 0),
        )
    except InfeasibleError:
        return None
    return corner[:-1] if top > 0 else None


def bounds(forms: Sequence[Form]) -> tuple[list[Fraction], list[Fraction]]:
    """Return lower and upper bounds on every coordinate where all `forms` are at least 0.

    A side that bounds one axis is taken as it is; each other bound is the optimum of a linear program,
    proven by its multipliers: ``x_k <= sum y_i c_i`` where ``e_k + sum y_i a_i = 0``, ``y >= 0``.

    Raises
    ------
    DomainError
        If there are none: the polytope is unbounded.
    """
    dim = len(forms[0]) - 1
    found: list[list[Fraction | None]] = [[None] * dim, [None] * dim]
    for form in forms:
        axes = [k for k in range(dim) if form[k]]
        if len(axes) == 1:
            (k,) = axes
            upper, bound = int(form[k] < 0), Fraction(-form[-1], form[k])
            known = found[upper][k]
            better = known is None or (bound < known if upper else bound > known)
            found[upper][k] = bound if better else known
    rows = _floats(forms)
    for upper in (0, 1):
        for k in range(dim):
            if found[upper][k] is None:
                sign = 1 if upper else -1
                most = _proven_maximum(forms, rows, k, sign)
                if most is None:
                    most = _exact_maximum(forms, k, sign)
                found[upper][k] = sign * most
    lower, upper_bounds = ([x for x in row if x is not None] for row in found)
    return lower, upper_bounds


def _proven_maximum(
    forms: Sequence[Form], rows: NDArray[np.float64], k: int, sign: int
) -> Fraction | None:
    """Return the maximum of ``sign x_k`` where a float program's multipliers prove it."""
    from scipy.optimize import linprog

    dim = len(forms[0]) - 1
    goal = np.zeros(dim)
    goal[k] = -sign
    answer = linprog(
        goal, A_ub=-rows[:, :-1], b_ub=rows[:, -1], bounds=(None, None), method="highs-ds"
    )
    if answer.status != 0:
        return None
    used = np.flatnonzero(answer.ineqlin.marginals).tolist()
    equations = [(*(forms[i][axis] for i in used), sign if axis == k else 0) for axis in range(dim)]
    prices = meet(equations, len(used))
    if prices is None or min(prices) < 0 or any(value(e, prices) for e in equations):
        return None
    return Fraction(sum(y * forms[i][-1] for y, i in zip(prices, used, strict=False)), prices[-1])


def _exact_maximum(forms: Sequence[Form], k: int, sign: int) -> Fraction:
    """Return the maximum of ``sign x_k`` by the rational simplex.

    Raises
    ------
    DomainError
        If there is none.
    """
    dim = len(forms[0]) - 1
    _refuse_large(dim, "is bounded")
    reach = _reach(forms)
    objective = [0] * (dim + 1)
    objective[k] = sign
    top, _ = maximise(forms, [-reach] * dim, [reach] * dim, tuple(objective))
    if top >= reach:
        raise DomainError(
            f"the domain is unbounded: no side bounds coordinate {k} from "
            f"{'above' if sign > 0 else 'below'}; add sides until it is bounded"
        )
    return top


def _reach(forms: Sequence[Form]) -> Fraction:
    """Return a number that exceeds every coordinate of every vertex (Cramer's rule, Hadamard's bound)."""
    dim = len(forms[0]) - 1
    lengths = sorted((1 + math.isqrt(sum(x * x for x in form)) for form in forms), reverse=True)
    return Fraction(math.prod(lengths[:dim]) + 1)


def _refuse_large(dim: int, what: str) -> None:
    if dim > LARGEST_EXACT_DIM:
        raise DomainError(
            f"floats do not prove that this polytope of dimension {dim} {what}, and rational arithmetic "
            f"does so up to dimension {LARGEST_EXACT_DIM}; rows that bound one coordinate each help"
        )


def _floats(forms: Sequence[Form]) -> NDArray[np.float64]:
    """Return `forms` as float64 rows with largest coefficient 1."""
    return np.array([[x / max(abs(a) for a in form[:-1]) for x in form] for form in forms])
