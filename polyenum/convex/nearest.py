"""The point of a polyhedron that is nearest to a given point, in the 1-, 2- or infinity-norm.

Few of the many rows matter: the program starts with none of them and takes in those that its solution
violates, until it violates none.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from polyenum.arithmetic.rounding import SPACING
from polyenum.convex.euclidean import Euclidean
from polyenum.convex.polyhedral import Infinity, Manhattan

# How far, relative to the distance, a solution may be beyond a row: the solvers' own accuracy.
SLACK = 1e-9
# How many violated rows the program takes in at once.
AT_ONCE = 8
DUAL = {1: np.inf, 2: 2, np.inf: 1}


class Solver(Protocol):
    """Finds the shortest ``z`` between its own bounds for which ``rows @ z >= bounds``.

    Rows come one after the other, so that each answer starts from the last one.
    """

    def clear(self) -> None:
        """Forget all rows."""

    def add(
        self, rows: NDArray[np.float64], bounds: NDArray[np.float64], equations: int = 0
    ) -> None:
        """Add rows, of which the first few, if they are the first of all, hold as equations."""

    def shortest(self) -> NDArray[np.float64] | None:
        """Return ``z``, or None where no ``z`` satisfies all rows."""


class Nearest(NamedTuple):
    """How far `nearest` has come.

    Attributes
    ----------
    length : float
        The length of the step, or a lower bound on it; infinite where there is none.
    step : (dim,) float64 or None
        The shortest step, once it is found.
    taken : list of int
        The rows that matter so far, to go on with.
    """

    length: float
    step: NDArray[np.float64] | None
    taken: list[int]


def nearest(
    solver: Solver,
    rows: NDArray[np.float64],
    values: NDArray[np.float64],
    *,
    equation: int | None,
    norm: float,
    taken: list[int],
    patience: float,
    noise: float = 0.0,
) -> Nearest:
    """Look for the shortest step ``z`` into a polyhedron.

    Parameters
    ----------
    solver : Solver
        For `norm`; a box to stay in is its bounds.
    rows : (n, dim) float64
        The normals, each of length 1 in the dual norm: ``rows @ z`` is a distance.
    values : (n,) float64
        The polyhedron is ``rows @ z + values >= 0``.
    equation : int, optional
        A row that is to be 0.
    norm : 1, 2 or numpy.inf
    taken : list of int
        Rows that mattered when last looked; empty at first.
    patience : float
        Return with a bound as soon as the step is known to be longer.
    noise : float
        How wrong `values` may be: rows that are the same but for rounding do not contradict each other.
    """
    taken = list(taken)
    if not taken:
        if equation is None and values.min(initial=0.0) >= -noise:
            return Nearest(0.0, np.zeros(rows.shape[1]), [])
        taken = [int(values.argmin()) if equation is None else equation]
    solver.clear()
    solver.add(rows[taken], -values[taken], int(equation is not None))
    while True:
        step = solver.shortest()
        if step is None:
            return Nearest(np.inf, None, taken)
        length = length_of(step, norm)
        gaps = rows @ step + values
        gaps[taken] = 0.0
        violated = np.flatnonzero(gaps < -SLACK * length - noise)
        if not len(violated):
            return Nearest(length, step, taken)
        new = violated[np.argsort(gaps[violated])][:AT_ONCE].tolist()
        solver.add(rows[new], -values[new])
        taken += new
        if length > patience:
            return Nearest(length, None, taken)


def length_of(step: NDArray[np.float64], norm: float) -> float:
    """Return the length of a step; squares neither underflow nor overflow."""
    largest = float(np.abs(step).max(initial=0.0))
    return largest * float(np.linalg.norm(step / largest, norm)) if largest > 0 else 0.0


def solver_for(
    dim: int,
    norm: float,
    lower: NDArray[np.float64] | None = None,
    upper: NDArray[np.float64] | None = None,
) -> Solver:
    """Return the solver of a norm.

    Parameters
    ----------
    dim : int
    norm : 1, 2 or numpy.inf
    lower, upper : (dim,) float64, optional
        Bounds on the step, with 0 between them: a box around the point, less the point.
    """
    low = np.full(dim, -np.inf) if lower is None else lower
    high = np.full(dim, np.inf) if upper is None else upper
    if norm == 2:
        return Euclidean(low, high)
    return Manhattan(low, high) if norm == 1 else Infinity(low, high)


def can_vanish(
    forms: NDArray[np.float64],
    errors: NDArray[np.float64],
    lower: NDArray[np.float64],
    upper: NDArray[np.float64],
) -> NDArray[np.bool_]:
    """Return which affine forms can be 0 in a box; if unsure, True.

    The computed ends of a form's range err by at most ``gamma(dim + 2)`` times the sum of their terms' sizes,
    by 2**-1075 for each term that underflows, and by what the form itself errs there.

    Parameters
    ----------
    forms : (n, dim + 1) float64
        The coefficients, then the constant.
    errors : (n, 2) float64
        Bounds on the errors of each form's coefficients, and of its constant.
    lower, upper : (dim,) float64
    """
    if not (np.isfinite(lower).all() and np.isfinite(upper).all()):
        return np.ones(len(forms), np.bool_)
    rows, constants = forms[:, :-1], forms[:, -1]
    middle, half = 0.5 * lower + 0.5 * upper, 0.5 * upper - 0.5 * lower
    reach = np.abs(middle) + half
    size = np.abs(rows) @ reach + np.abs(constants)
    doubt = (2 * len(lower) + 16) * SPACING * size + len(lower) * 2.0**-1072
    doubt += (errors[:, 0] * reach.sum() + errors[:, 1]) * (1 + 2.0**-30)
    found: NDArray[np.bool_] = ~(np.abs(rows @ middle + constants) > np.abs(rows) @ half + doubt)
    return found
