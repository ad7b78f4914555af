"""A linear program with bounded columns and few rows, in one HiGHS model that is kept."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from polyenum.errors import NumericalError

# No presolve: each answer starts from the last basis, which more rows or other bounds leave feasible for the
# dual simplex method.  It has to perturb costs, most of which are 0: else it takes 100 times the iterations.
_OPTIONS: dict[str, Any] = {
    "output_flag": False,
    "presolve": "off",
    "solver": "simplex",
    "simplex_strategy": 1,
    "parallel": "off",
    "primal_feasibility_tolerance": 1e-10,
    "dual_feasibility_tolerance": 1e-10,
    "small_matrix_value": 1e-12,
}
# Rarely (once in 6,000 small programs that contradict themselves) it ends with an error instead: then from
# the beginning, and in other ways.
_RETRIES: tuple[dict[str, Any], ...] = (
    {"simplex_strategy": 4},
    {"solver": "ipm"},
)


class Solution(NamedTuple):
    """Values of the columns, and multipliers of the rows (at least 0 where the lower bound holds)."""

    values: NDArray[np.float64]
    multipliers: NDArray[np.float64]


class Program:
    """The least ``cost @ x`` with bounds on ``x`` and on ``matrix @ x``.

    Parameters
    ----------
    cost, lower, upper : (columns,) float64
        Bounds may be infinite.
    """

    def __init__(
        self,
        cost: NDArray[np.float64],
        lower: NDArray[np.float64],
        upper: NDArray[np.float64],
    ) -> None:
        import highspy

        # The class itself adds callbacks, and prints a banner as it does.
        self._model: Any = highspy.Highs.__base__()  # type: ignore[misc]
        self._set(_OPTIONS)
        lp = highspy.HighsLp()
        lp.num_col_, lp.num_row_ = len(cost), 0
        lp.col_cost_, lp.col_lower_, lp.col_upper_ = cost, lower, upper
        self._model.passModel(lp)
        self._columns = np.arange(len(cost), dtype=np.int32)
        self._bounds = np.stack([lower, upper])
        status = highspy.HighsModelStatus
        self._optimal = status.kOptimal
        self._infeasible = (status.kInfeasible, status.kUnboundedOrInfeasible)

    def _set(self, options: dict[str, Any]) -> None:
        for name, option in options.items():
            self._model.setOptionValue(name, option)

    def bound(self, lower: NDArray[np.float64], upper: NDArray[np.float64]) -> None:
        """Give the columns other bounds."""
        new = np.stack([lower, upper])
        changed = np.flatnonzero((new != self._bounds).any(axis=0)).astype(np.int32)
        if len(changed):
            self._model.changeColsBounds(len(changed), changed, *new[:, changed])
            self._bounds = new

    def clear(self) -> None:
        """Remove all rows."""
        count = self._model.getNumRow()
        if count:
            self._model.deleteRows(count, np.arange(count, dtype=np.int32))

    def add(
        self,
        matrix: NDArray[np.float64],
        lower: NDArray[np.float64],
        upper: NDArray[np.float64],
    ) -> None:
        """Add rows."""
        rows, width = matrix.shape
        self._model.addRows(
            rows,
            lower,
            upper,
            matrix.size,
            np.arange(0, matrix.size, width, dtype=np.int32),
            np.tile(self._columns, rows),
            matrix.ravel(),
        )

    def solve(self) -> Solution | None:
        """Return the solution; None where bounds and rows contradict each other.

        Raises
        ------
        NumericalError
            If HiGHS finds neither.
        """
        model = self._model
        model.run()
        status = model.getModelStatus()
        for options in _RETRIES:
            if status == self._optimal or status in self._infeasible:
                break
            model.clearSolver()
            self._set(options)
            model.run()
            status = model.getModelStatus()
            self._set(_OPTIONS)
        if status in self._infeasible:
            return None
        if status != self._optimal:
            raise NumericalError(
                f"the nearest point was not found: HiGHS ended with {model.modelStatusToString(status)!r}"
            )
        found = model.getSolution()
        return Solution(np.array(found.col_value), np.array(found.row_dual))
