"""Proofs at a point of a facet: which rows are positive where another one is 0?"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from polyenum.arithmetic.rounding import SMALLEST, UNIT


def positive_opposite(
    rows: NDArray[np.float64],
    errors: NDArray[np.float64],
    lengths: NDArray[np.float64],
    own: NDArray[np.int64],
    points: NDArray[np.float64],
) -> NDArray[np.bool_]:
    """Return which rows are proven positive at the point of a row's hyperplane that is opposite to a given point.

    The row's value at the point is at most ``v``, so along its normal ``a`` its hyperplane is within
    ``v / |a|``, and on the way another row changes by at most that times its own length.  Rounding: a value errs
    by ``gamma(n + 3)`` times the sum of absolute terms, by the smallest number for each product, and by
    the errors of the form; all are taken twice.

    Parameters
    ----------
    rows : (m, n + 1) float64
        Affine forms, the constant last.
    errors : (m, 2) float64
        Bounds on the errors of their coefficients, and of their constants.
    lengths : (m,) float64
        The lengths of their coefficients in the 2-norm.
    own : (k,) int64
        For each point, the row whose hyperplane it is near.  That row itself counts as positive.
    points : (k, n) float64

    Returns
    -------
    (k, m) bool
    """
    n, at = points.shape[1], np.arange(len(points))
    a, c = rows[:, :-1], rows[:, -1]
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        found = points @ a.T + c
        doubt = np.abs(points) @ np.abs(a).T + np.abs(c)
        doubt = (n + 4) * (UNIT * doubt + SMALLEST)
        doubt += np.abs(points).sum(axis=1)[:, None] * errors[:, 0] + errors[:, 1]
        doubt *= 2
        # The lengths of the real rows, by the errors of their coefficients.
        shortest = lengths[own] * (1 - 2.0**-40) - n * errors[own, 0]
        away = (np.abs(found[at, own]) + doubt[at, own]) / shortest * (1 + 2.0**-40) + SMALLEST
        away[~(shortest > 0)] = np.inf
        longest = lengths * (1 + 2.0**-40) + n * errors[:, 0]
        positive = found > doubt + 2 * away[:, None] * longest + n * SMALLEST
    positive[at, own] = True
    return positive
