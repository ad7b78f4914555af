"""Convex problems over bounded polyhedra ``A x <= b``, posed with cvxpy."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from polyenum import options
from polyenum.convex.nearest import DUAL, nearest, solver_for
from polyenum.errors import RegionError


class Polyhedron(NamedTuple):
    """A bounded polyhedron ``A x <= b``, and a point inside it.

    Attributes
    ----------
    A : (rows, dim) float64
    b : (rows,) float64
    inside : (dim,) float64
    """

    A: NDArray[np.float64]
    b: NDArray[np.float64]
    inside: NDArray[np.float64]


class Ellipsoid(NamedTuple):
    """The ellipsoid of all ``center + shape @ u`` with ``|u| <= 1``.

    Attributes
    ----------
    center : (dim,) float64
    shape : (dim, dim) float64
        Symmetric, positive definite.
    """

    center: NDArray[np.float64]
    shape: NDArray[np.float64]


def constraints(A: NDArray[np.float64], b: NDArray[np.float64], x: Any) -> list[Any]:
    """Return the constraint that puts a cvxpy expression `x` into a polyhedron, its rows of length 1."""
    length = np.linalg.norm(A, axis=1)
    return [(A / length[:, None]) @ x <= b / length]


# How many steps a projection takes at most.
_STEPS = 3


def project(
    A: NDArray[np.float64], b: NDArray[np.float64], point: ArrayLike, *, norm: float
) -> NDArray[np.float64]:
    """Return the point of a polyhedron that is nearest to `point`; see `Region.project`."""
    options.norm("norm", norm)
    dim = A.shape[1]
    target = options.numbers("point", point, RegionError, shape=(dim,))
    if not np.isfinite(target).all():
        raise RegionError(f"point: every number must be finite, found {options.found(point)}")
    if (A @ target <= b).all():
        return target.copy()
    # Rows of length 1 in the dual norm, as distances from the point.
    length = np.linalg.norm(A, DUAL[norm], axis=1)
    rows, bounds = -A / length[:, None], b / length
    # The step from a far point is rounded in units of its length; the steps after that are short.
    for _ in range(_STEPS):
        values = rows @ target + bounds
        if (values >= 0).all():
            break
        found = nearest(
            solver_for(dim, norm), rows, values, equation=None, norm=norm, taken=[], patience=np.inf
        )
        if found.step is None:
            raise RegionError("the solver found no point of the region; it is too thin for floats")
        target = target + found.step
    return target


def distance(one: Polyhedron, other: Polyhedron, *, norm: float) -> float:
    """Return the distance of two polyhedra; see `Region.distance`."""
    import cvxpy as cp

    centre = one.inside
    scale = float(np.abs(other.inside - centre).max()) or 1.0
    u, v = cp.Variable(len(centre)), cp.Variable(len(centre))
    problem = cp.Problem(
        cp.Minimize(cp.norm(u - v, norm)),
        _scaled(one, u, centre, scale) + _scaled(other, v, centre, scale),
    )
    _solve(problem, linear=norm != 2)
    return float(scale * max(problem.value, 0.0))


def inscribed_ellipsoid(
    A: NDArray[np.float64], b: NDArray[np.float64], centre: NDArray[np.float64], radius: float
) -> Ellipsoid:
    """Return the largest ellipsoid inside a polyhedron; see `Region.inscribed_ellipsoid`.

    Parameters
    ----------
    A : (rows, dim) float64
    b : (rows,) float64
    centre : (dim,) float64
    radius : float
        Of a largest ball inside, around `centre`.
    """
    import cvxpy as cp

    dim = len(centre)
    length = np.linalg.norm(A, axis=1)
    rows, offsets = A / length[:, None], (b - A @ centre) / length / radius
    shape, middle = cp.Variable((dim, dim), PSD=True), cp.Variable(dim)
    within = [cp.norm(shape @ a) + a @ middle <= c for a, c in zip(rows, offsets, strict=True)]
    _solve(cp.Problem(cp.Maximize(cp.log_det(shape)), within), linear=False)
    return Ellipsoid(centre + radius * middle.value, radius * shape.value)


def _scaled(x: Polyhedron, u: Any, centre: NDArray[np.float64], scale: float) -> list[Any]:
    """Return the constraints that put ``centre + scale * u`` into a polyhedron."""
    A, b = x.A, x.b
    length = np.linalg.norm(A, axis=1)
    return [(A / length[:, None]) @ u <= (b - A @ centre) / length / scale]


def _solve(problem: Any, *, linear: bool) -> None:
    """Solve with HiGHS where all is linear, else with Clarabel; with SCS where that fails.

    HiGHS comes with SciPy: on its own it prints a banner.
    """
    import cvxpy as cp

    failure = ""
    for solver in (cp.SCIPY if linear else cp.CLARABEL, cp.SCS):
        try:
            problem.solve(solver=solver)
        except (cp.SolverError, ValueError, ArithmeticError) as error:
            failure = str(error)
            continue
        except BaseException as error:
            # Clarabel panics on data that mean nothing, and that is no Exception.
            if type(error).__name__ != "PanicException":
                raise
            failure = f"{solver} gave up"
            continue
        if problem.status in (cp.OPTIMAL, cp.OPTIMAL_INACCURATE):
            return
        failure = f"{solver} ended with status {problem.status!r}"
    raise RegionError(f"no solver found the optimum: {failure}")
