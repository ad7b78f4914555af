"""The shortest step in the 2-norm: least-distance programming by non-negative least squares.

Lawson and Hanson, *Solving Least Squares Problems*, 1974, chapter 23.  The answer is ``z = G.T @ w`` with
multipliers ``w >= 0``; with bounds on ``z`` it is that, cut off at the bounds.  So which coordinates are at
their bounds is guessed, the others' program is solved, and its multipliers say which are at their bounds:
Newton's method for the dual, which ends when nothing changes.
"""

from __future__ import annotations

import warnings
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from polyenum.convex.violation import LeastViolation
from polyenum.errors import NumericalError

# By how much, relative to the farthest row, least squares may break a row before it is not believed.
TRUST = 1e-8
# How often coordinates are taken to their bounds or away before another method is asked.
MOST_GUESSES = 30


class _Answer(NamedTuple):
    """The shortest step, and the multipliers of the rows."""

    step: NDArray[np.float64]
    multipliers: NDArray[np.float64]


class Euclidean:
    """A least-squares program for the shortest step; see `polyenum.convex.nearest.Solver` for its methods.

    Parameters
    ----------
    lower, upper : (dim,) float64
        Bounds on the step, with 0 between them; possibly infinite.
    """

    def __init__(self, lower: NDArray[np.float64], upper: NDArray[np.float64]) -> None:
        self._lower, self._upper = lower, upper
        self._violation: LeastViolation | None = None
        self.clear()

    def clear(self) -> None:
        """Forget all rows."""
        self._rows, self._bounds = np.zeros((0, len(self._lower))), np.zeros(0)
        self._equations = 0

    def add(
        self, rows: NDArray[np.float64], bounds: NDArray[np.float64], equations: int = 0
    ) -> None:
        """Add rows; see `polyenum.convex.nearest.Solver`."""
        self._equations += equations
        self._rows = np.vstack([self._rows, rows])
        self._bounds = np.append(self._bounds, bounds)

    def shortest(self) -> NDArray[np.float64] | None:
        """Return the shortest ``z``, or None where no ``z`` satisfies all rows."""
        # An equation is two opposite inequalities.
        g = np.vstack([self._rows, -self._rows[: self._equations]])
        h = np.append(self._bounds, -self._bounds[: self._equations])
        if h.max(initial=0.0) <= 0.0:
            return np.zeros(len(self._lower))
        at = np.zeros(len(self._lower), np.int8)  # -1 at the lower bound, 1 at the upper one
        for _ in range(MOST_GUESSES):
            free = at == 0
            step = np.where(at < 0, self._lower, self._upper)
            answer = _least_distance(g[:, free], h - g[:, ~free] @ step[~free])
            if answer is None:
                break
            step[free] = answer.step
            wanted = g.T @ answer.multipliers
            wanted[free] = answer.step
            best = np.clip(wanted, self._lower, self._upper)
            # What remains is rounding, or the answer.
            if np.abs(best - step).max() <= 1e-12 * np.abs(step).max():
                return best
            at = (wanted > self._upper).astype(np.int8) - (wanted < self._lower)
        return self._slowly()

    def _slowly(self) -> NDArray[np.float64] | None:
        """Return the shortest ``z`` where least squares say that there is none, or do not settle."""
        if self._violation is None:
            self._violation = LeastViolation(len(self._lower))
        scale = float(np.abs(self._bounds).max())
        self._violation.clear()
        self._violation.add(self._rows, self._bounds / scale, self._equations)
        if self._violation.between(self._lower / scale, self._upper / scale).least > TRUST:
            return None
        return self._by_interior_points()

    def _by_interior_points(self) -> NDArray[np.float64] | None:
        import cvxpy

        scale = float(np.abs(self._bounds).max())
        z = cvxpy.Variable(len(self._lower))
        first = self._equations
        constraints = [self._rows[first:] @ z >= self._bounds[first:] / scale]
        if first:
            constraints.append(self._rows[:first] @ z == self._bounds[:first] / scale)
        for sign, bound in ((1.0, self._upper), (-1.0, -self._lower)):
            held = np.flatnonzero(np.isfinite(bound))
            if len(held):
                constraints.append(sign * z[held] <= bound[held] / scale)
        problem = cvxpy.Problem(cvxpy.Minimize(cvxpy.sum_squares(z)), constraints)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of an inaccurate solution, which is refused below
                problem.solve(solver=cvxpy.CLARABEL)
        except cvxpy.SolverError as error:
            raise NumericalError(f"the nearest point was not found: {error}") from None
        if problem.status in (cvxpy.INFEASIBLE, cvxpy.INFEASIBLE_INACCURATE):
            return None
        if z.value is None or problem.status != cvxpy.OPTIMAL:
            raise NumericalError(f"the nearest point was not found: {problem.status}")
        return np.clip(scale * np.asarray(z.value, np.float64), self._lower, self._upper)


def _least_distance(g: NDArray[np.float64], h: NDArray[np.float64]) -> _Answer | None:
    """Return the shortest ``z`` with ``g @ z >= h``; None where there is none, or none is found."""
    from scipy.optimize import nnls

    scale = float(np.abs(h).max())
    if h.max() <= 0.0:
        return _Answer(np.zeros(g.shape[1]), np.zeros(len(h)))
    # In an orthonormal basis of the rows' span the program is as small as their number.
    basis, _ = np.linalg.qr(g.T)
    system = np.vstack([(g @ basis).T, h / scale])
    target = np.zeros(len(system))
    target[-1] = 1.0
    try:
        weights, _ = nnls(system, target, maxiter=100 * len(h) + 100)
    except RuntimeError:  # it did not settle
        return None
    residual = system @ weights - target
    if -residual[-1] < 1e-14:
        return None
    step = scale * (basis @ (residual[:-1] / -residual[-1]))
    # Of rows that contradict each other the residual is 0, but for rounding: then the step breaks them.
    if (g @ step - h).min() < -TRUST * scale:
        return None
    return _Answer(step, scale * weights / -residual[-1])
