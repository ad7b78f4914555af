"""The point of a polyhedron that is nearest to a given point, in the 1-, 2- or infinity-norm.

Few of the many rows matter: the program starts with none of them and takes in those that its solution
violates, until it violates none.
"""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from polyenum.errors import NumericalError

# How far, relative to the distance, a solution may be beyond a row: the solvers' own accuracy.
SLACK = 1e-9
DUAL = {1: np.inf, 2: 2, np.inf: 1}


class Solver(Protocol):
    """Finds the shortest ``z`` with ``rows @ z >= bounds``, of which the first few hold as equations."""

    def shortest(
        self, rows: NDArray[np.float64], bounds: NDArray[np.float64], equations: int
    ) -> NDArray[np.float64] | None:
        """Return ``z``, or None where no ``z`` satisfies all rows."""


def nearest(
    solver: Solver,
    rows: NDArray[np.float64],
    values: NDArray[np.float64],
    *,
    equation: int | None,
    norm: float,
    limit: float,
) -> NDArray[np.float64] | None:
    """Return the shortest step ``z`` into a polyhedron.

    Parameters
    ----------
    solver : Solver
        For `norm`.
    rows : (n, dim) float64
        The normals, each of length 1 in the dual norm: ``rows @ z`` is a distance.
    values : (n,) float64
        The polyhedron is ``rows @ z + values >= 0``.
    equation : int, optional
        A row that is to be 0.
    norm : 1, 2 or numpy.inf
    limit : float
        Give up where the step must be longer.

    Returns
    -------
    (dim,) float64 or None
        None where there is none, or it is longer than `limit`.
    """
    taken = [] if equation is None else [equation]
    if equation is None:
        if values.min(initial=0.0) >= 0:
            return np.zeros(rows.shape[1])
        taken = [int(values.argmin())]
    for _ in range(len(rows) + 1):
        step = solver.shortest(rows[taken], -values[taken], int(equation is not None))
        if step is None:
            return None
        length = float(np.linalg.norm(step, norm))
        if length > limit * (1 + SLACK):
            return None
        gaps = rows @ step + values
        gaps[taken] = 0.0
        violated = np.flatnonzero(gaps < -SLACK * max(length, 1e-12))
        if not len(violated):
            return step
        taken += violated[np.argsort(gaps[violated])][:8].tolist()
    raise NumericalError(
        "the nearest point was not found: its rows contradict each other numerically"
    )


class Euclidean:
    """The 2-norm: least-distance programming by non-negative least squares.

    Lawson and Hanson, *Solving Least Squares Problems*, 1974, chapter 23.
    """

    def shortest(
        self, rows: NDArray[np.float64], bounds: NDArray[np.float64], equations: int
    ) -> NDArray[np.float64] | None:
        """Return the shortest ``z``; see `Solver`."""
        from scipy.optimize import nnls

        # An equation is two opposite inequalities.
        g = np.vstack([rows, -rows[:equations]])
        h = np.append(bounds, -bounds[:equations])
        scale = float(np.abs(h).max())
        if scale == 0.0:
            return np.zeros(rows.shape[1])
        # In an orthonormal basis of the rows' span the program is as small as their number.
        basis, _ = np.linalg.qr(g.T)
        system = np.vstack([(g @ basis).T, h / scale])
        target = np.zeros(len(system))
        target[-1] = 1.0
        weights, _ = nnls(system, target, maxiter=100 * len(h) + 100)
        residual = system @ weights - target
        if -residual[-1] < 1e-14:
            return None
        return scale * (basis @ (residual[:-1] / -residual[-1]))


class Polyhedral:
    """The 1- and the infinity-norm: linear programs, one HiGHS model kept and warm-started.

    Columns are the step ``z`` and its length; rows are added for each question and taken out again.

    Parameters
    ----------
    dim : int
    norm : 1 or numpy.inf
    """

    def __init__(self, dim: int, norm: float) -> None:
        import highspy

        self._dim, self._infinite = dim, highspy.kHighsInf
        lengths = 1 if norm == np.inf else dim
        model: Any = highspy.Highs()  # type: ignore[no-untyped-call]
        model.setOptionValue("output_flag", False)
        model.setOptionValue("primal_feasibility_tolerance", 1e-10)
        model.setOptionValue("dual_feasibility_tolerance", 1e-10)
        lp = highspy.HighsLp()
        lp.num_col_ = dim + lengths
        lp.num_row_ = 2 * dim
        lp.col_cost_ = np.append(np.zeros(dim), np.ones(lengths))
        lp.col_lower_ = np.append(np.full(dim, -self._infinite), np.zeros(lengths))
        lp.col_upper_ = np.full(dim + lengths, self._infinite)
        lp.row_lower_ = np.zeros(2 * dim)
        lp.row_upper_ = np.full(2 * dim, self._infinite)
        # Rows 2 k and 2 k + 1: length - z_k >= 0 and length + z_k >= 0.
        length_of = dim + (np.zeros(dim, np.int32) if lengths == 1 else np.arange(dim))
        lp.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
        lp.a_matrix_.start_ = 2 * np.arange(2 * dim + 1)
        axis = np.repeat(np.arange(dim), 2)
        lp.a_matrix_.index_ = np.column_stack([axis, np.repeat(length_of, 2)]).ravel()
        lp.a_matrix_.value_ = np.tile([-1.0, 1.0, 1.0, 1.0], dim)
        model.passModel(lp)
        self._model, self._optimal = model, highspy.HighsModelStatus.kOptimal
        self._infeasible = highspy.HighsModelStatus.kInfeasible

    def shortest(
        self, rows: NDArray[np.float64], bounds: NDArray[np.float64], equations: int
    ) -> NDArray[np.float64] | None:
        """Return the shortest ``z``; see `Solver`."""
        model, dim = self._model, self._dim
        # In units of the distance to the farthest hyperplane, so that tolerances fit.
        scale = float(np.abs(bounds).max()) or 1.0
        first = model.getNumRow()
        columns = np.arange(dim, dtype=np.int32)
        for i, (row, bound) in enumerate(zip(rows, bounds / scale, strict=True)):
            upper = bound if i < equations else self._infinite
            model.addRow(bound, upper, dim, columns, row)
        model.run()
        status = model.getModelStatus()
        step = np.array(model.getSolution().col_value[:dim]) * scale
        model.deleteRows(len(rows), np.arange(first, first + len(rows), dtype=np.int32))
        if status == self._infeasible:
            return None
        if status != self._optimal:
            raise NumericalError(f"HiGHS ended with {model.modelStatusToString(status)!r}")
        return step


def solver_for(dim: int, norm: float) -> Solver:
    """Return the solver of a norm."""
    return Euclidean() if norm == 2 else Polyhedral(dim, norm)
