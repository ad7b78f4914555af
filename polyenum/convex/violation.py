"""By how much a step between bounds has to violate rows."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from polyenum.convex.highs import Program


class Violation(NamedTuple):
    """The least violation of the worst row, and a step with it.

    Attributes
    ----------
    least : float
        Not positive means that some step satisfies all rows.
    step : (dim,) float64
    normal : (dim,) float64
    need : float
        A proof: ``normal @ z >= need`` follows from the rows, and falls short of it by `least`
        at every step ``z`` between the bounds.
    """

    least: float
    step: NDArray[np.float64]
    normal: NDArray[np.float64]
    need: float


class LeastViolation:
    """The least ``e`` with ``rows @ z + e >= bounds``, the first few rows as equations, and bounds on ``z``.

    Parameters
    ----------
    dim : int
    """

    def __init__(self, dim: int) -> None:
        zeros = np.zeros(dim)
        self._program = Program(
            np.append(zeros, 1.0), np.append(zeros, 0.0), np.append(zeros, np.inf)
        )
        self._matrix, self._right = np.zeros((0, dim)), np.zeros(0)

    def clear(self) -> None:
        """Forget all rows."""
        self._program.clear()
        self._matrix, self._right = self._matrix[:0], self._right[:0]

    def add(
        self, rows: NDArray[np.float64], bounds: NDArray[np.float64], equations: int = 0
    ) -> None:
        """Add rows; an equation is two of them."""
        matrix = np.vstack([rows, -rows[:equations]])
        right = np.append(bounds, -bounds[:equations])
        # Coefficients of size 1, so that HiGHS drops nothing that counts.
        size = np.abs(matrix).max(axis=1, initial=0.0)
        size[size == 0] = 1.0
        matrix, right = matrix / size[:, None], right / size
        self._program.add(np.column_stack([matrix, 1.0 / size]), right, np.full(len(right), np.inf))
        self._matrix, self._right = (
            np.vstack([self._matrix, matrix]),
            np.append(self._right, right),
        )

    def between(self, lower: NDArray[np.float64], upper: NDArray[np.float64]) -> Violation:
        """Return the least violation by a step between these bounds."""
        self._program.bound(np.append(lower, 0.0), np.append(upper, np.inf))
        found = self._program.solve()
        assert found is not None  # a large violation is always possible
        *step, least = found.values
        weights = found.multipliers
        return Violation(
            float(least),
            np.array(step),
            weights @ self._matrix,
            float(weights @ self._right),
        )
