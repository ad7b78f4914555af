"""The nearest point of a polyhedron in rational arithmetic: for the few programs that floats do not settle.

Floats answer within about 1e-9 of the distances at hand.  Where rows are almost parallel that moves a
solution by far more, or lets a program seem to have none.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from polyenum.arithmetic.integers import Form
from polyenum.arithmetic.linear_program import InfeasibleError, maximise

Vector = list[Fraction]

# In so many dimensions a program takes some milliseconds.
LARGEST_EXACT_DIM = 10
# Rows that meet at a smaller angle than this, but not 0, make float solutions doubtful.
_SMALL_ANGLE = 1e-3
_NO_ANGLE = 1e-12


def is_doubtful(units: NDArray[np.float64], are_parallel: Callable[[int, int], bool]) -> bool:
    """Return whether it is doubtful where rows meet: they are almost dependent, or more than needed.

    Of rows more than needed any few may be almost dependent.  Those that are parallel count as one row; opposite
    ones leave room or none by a rounding.

    Parameters
    ----------
    units : (n, dim) float64
        Of length 1.
    are_parallel : callable
        Whether two rows, parallel as far as floats can tell, are so exactly.
    """
    kept: list[int] = []
    for i, unit in enumerate(units):
        others = [
            j for j in kept if np.linalg.norm(unit - (unit @ units[j]) * units[j]) <= _NO_ANGLE
        ]
        if not all(unit @ units[j] > 0 and are_parallel(i, j) for j in others):
            return True
        if not others:
            kept.append(i)
    if len(kept) < 2:
        return False
    sizes = np.linalg.svd(units[kept], compute_uv=False)
    return len(kept) > len(sizes) or bool((sizes < _SMALL_ANGLE).any())


def nearest_exactly(
    forms: Sequence[Form], equation: int | None, x: NDArray[np.float64], norm: float, reach: float
) -> tuple[float, NDArray[np.float64]] | None:
    """Return the shortest step from `x` to where all `forms` are at least 0, rounded; None if there is none.

    Parameters
    ----------
    forms : sequence of Form
    equation : int, optional
        A form that is to be 0.
    x : (dim,) float64
    norm : 1, 2 or numpy.inf
    reach : float
        No farther than this along any axis.

    Returns
    -------
    length : float
    step : (dim,) float64

    Examples
    --------
    >>> nearest_exactly([(1, 1, -2), (1, 0, 0)], None, np.zeros(2), 2, 9.0)
    (1.4142135623730951, array([1., 1.]))
    >>> nearest_exactly([(1, 0, -2), (-1, 0, 1)], None, np.zeros(2), 1, 9.0) is None
    True
    """
    at = [Fraction(v) for v in x.tolist()]
    rows = [
        [
            *map(Fraction, form[:-1]),
            sum((a * v for a, v in zip(form, at, strict=False)), Fraction(form[-1])),
        ]
        for form in forms
    ]
    if equation is not None:
        rows = [rows[equation], *rows[:equation], *rows[equation + 1 :]]
    step = (
        _least_squares(rows, int(equation is not None))
        if norm == 2
        else _by_program(rows, int(equation is not None), norm, Fraction(reach))
    )
    if step is None or max(map(abs, step)) > reach:
        return None
    rounded = np.array([float(v) for v in step])
    if norm == 2:
        square = sum((v * v for v in step), Fraction(0))
        return _root(square), rounded
    sizes = [abs(v) for v in step]
    return float(sum(sizes) if norm == 1 else max(sizes)), rounded


def _root(square: Fraction) -> float:
    """Return a square root, rounded."""
    if not square:
        return 0.0
    shift = max(0, 256 - square.numerator.bit_length() + square.denominator.bit_length()) // 2 + 1
    return float(
        Fraction(math.isqrt((square.numerator << 2 * shift) // square.denominator), 1 << shift)
    )


def _dot(a: Sequence[Fraction], b: Sequence[Fraction]) -> Fraction:
    return sum((x * y for x, y in zip(a, b, strict=True)), Fraction(0))


def _least_squares(rows: list[Vector], equations: int) -> Vector | None:
    """Return the ``z`` of least square with ``a . z + c >= 0`` for all rows, 0 for the first few.

    The dual active set method (Goldfarb and Idnani, "A numerically stable dual method for solving strictly
    convex quadratic programs", Math. Program. 27, 1983), where nothing is rounded: violated rows are taken in one
    after the other, and the distance grows with each.
    """
    dim = len(rows[0]) - 1
    z: Vector = [Fraction(0)] * dim
    active: list[int] = []
    sign: dict[int, int] = {}
    prices: Vector = []
    while True:
        entering, orientation = _violated(rows, equations, z, active)
        if entering is None:
            return z
        normal = [orientation * a for a in rows[entering][:-1]]
        price = Fraction(0)
        while True:
            normals = [[sign[i] * a for a in rows[i][:-1]] for i in active]
            weights = _projection(normals, normal)
            direction = [
                a - sum((w * n[k] for w, n in zip(weights, normals, strict=True)), Fraction(0))
                for k, a in enumerate(normal)
            ]
            short = orientation * (_dot(rows[entering][:-1], z) + rows[entering][-1])
            full = -short / _dot(direction, normal) if any(direction) else None
            drops = [
                (p / w, k)
                for k, (p, w, i) in enumerate(zip(prices, weights, active, strict=True))
                if w > 0 and i >= equations
            ]
            partial, leaving = min(drops, default=(None, -1))
            if full is None and partial is None:
                return None
            length = partial if full is None or (partial is not None and partial < full) else full
            assert length is not None
            prices = [p - length * w for p, w in zip(prices, weights, strict=True)]
            price += length
            if full is not None:
                z = [v + length * d for v, d in zip(z, direction, strict=True)]
            if full is not None and length == full:
                active.append(entering)
                sign[entering] = orientation
                prices.append(price)
                break
            del active[leaving], prices[leaving]


def _violated(
    rows: list[Vector], equations: int, z: Vector, active: list[int]
) -> tuple[int | None, int]:
    """Return the first row that does not hold at `z`, equations first, and which way round it is to be taken."""
    for i, row in enumerate(rows):
        if i in active:
            continue
        found = _dot(row[:-1], z) + row[-1]
        if found < 0:
            return i, 1
        if found > 0 and i < equations:
            return i, -1
    return None, 1


def _projection(normals: list[Vector], target: Vector) -> Vector:
    """Return the combination of independent `normals` that is nearest to `target`: solves the normal equations."""
    n = len(normals)
    system = [[_dot(a, b) for b in normals] + [_dot(a, target)] for a in normals]
    for k in range(n):
        pivot = next(i for i in range(k, n) if system[i][k])
        system[k], system[pivot] = system[pivot], system[k]
        system[k] = [v / system[k][k] for v in system[k]]
        for i in range(n):
            if i != k and system[i][k]:
                factor = system[i][k]
                system[i] = [v - factor * w for v, w in zip(system[i], system[k], strict=True)]
    return [row[-1] for row in system]


def _by_program(rows: list[Vector], equations: int, norm: float, reach: Fraction) -> Vector | None:
    """Do as `_least_squares` in the 1- or infinity-norm: by the rational simplex, with sizes as variables."""
    dim = len(rows[0]) - 1
    count = 1 if norm == math.inf else dim
    program: list[tuple[Fraction, ...]] = []
    none = [Fraction(0)] * count
    for i, row in enumerate(rows):
        program.append((*row[:-1], *none, row[-1]))
        if i < equations:
            program.append((*(-v for v in row[:-1]), *none, -row[-1]))
    for k in range(dim):
        size = [Fraction(int(j == (0 if count == 1 else k))) for j in range(count)]
        for turn in (1, -1):
            axis = [Fraction(turn * (j == k)) for j in range(dim)]
            program.append((*axis, *size, Fraction(0)))
    goal = (*[Fraction(0)] * dim, *[Fraction(-1)] * count, Fraction(0))
    lower = [-reach] * dim + none
    try:
        _, corner = maximise(program, lower, [reach] * (dim + count), goal)  # type: ignore[arg-type]
    except InfeasibleError:
        return None
    return corner[:dim]
