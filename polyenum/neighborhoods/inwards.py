"""A guess in floats: which way from a point of a facet leads inside of it, or which rows leave no way."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

# Hyperplanes within this share of the distances at hand are looked at: a guess where to look, never a proof.
NEAR = 1e-7
# Programs answer within about 1e-9 of the distances at hand, so what is closer than this share of `NEAR` may be 0.
_TOUCHING = 0.05


class Inwards(NamedTuple):
    """A way inside.

    Attributes
    ----------
    direction : (dim,) float64 or None
        Within the facet's hyperplane, at most about 1 long.
    against : (n,) int64
        Where there is none, the rows that leave no room.
    near_only : bool
        Whether it leads towards some of the rows, and so inside only as far as 1.
    """

    direction: NDArray[np.float64] | None
    against: NDArray[np.int64]
    near_only: bool = False


_NO_ROWS = np.zeros(0, np.int64)


def find_inwards(
    normal: NDArray[np.float64], around: NDArray[np.float64], gaps: NDArray[np.float64]
) -> Inwards:
    """Look for a direction within a hyperplane that leads away from all rows around.

    Parameters
    ----------
    normal : (dim,) float64
        Of the hyperplane, of length 1.
    around : (n, dim) float64
        The rows' normals, of length 1.
    gaps : (n,) float64
        How far away each row's own hyperplane is, of which 1 is near.
    """
    # Those of the same hyperplane contain the facet; they leave no room and take none.
    apart = np.abs(around @ normal) < 1 - 1e-12
    apart |= gaps > _TOUCHING
    others = np.flatnonzero(apart)
    if not len(others):
        return Inwards(np.zeros(len(normal)), _NO_ROWS)
    matrix = np.vstack([normal, around[others]])
    # In an orthonormal basis of the rows' span the program is as small as their number.
    basis, _ = np.linalg.qr(matrix.T)
    small = matrix @ basis
    direct = np.linalg.lstsq(small, np.append(0.0, np.ones(len(others))), rcond=None)[0]
    risen = small @ direct
    if abs(risen[0]) < 1e-9 and risen[1:].min() > 0.25:
        return Inwards(basis @ direct / max(float(np.linalg.norm(direct)), 1.0), _NO_ROWS)
    return _by_program(basis, small, gaps[others], others)


def _by_program(
    basis: NDArray[np.float64],
    small: NDArray[np.float64],
    gaps: NDArray[np.float64],
    others: NDArray[np.int64],
) -> Inwards:
    """Maximise the least distance from the rows, within the hyperplane of the first of them."""
    from scipy.optimize import linprog

    rank = small.shape[1]
    answer = linprog(
        np.append(np.zeros(rank), -1.0),
        A_ub=np.column_stack([-small[1:], np.ones(len(others))]),
        b_ub=np.where(gaps > _TOUCHING, gaps, 0.0),
        A_eq=np.append(small[0], 0.0)[None],
        b_eq=[0.0],
        bounds=[(-1.0, 1.0)] * rank + [(None, 1.0)],
        method="highs-ds",
    )
    if answer.x is None:
        return Inwards(None, _NO_ROWS)
    if answer.x[-1] < 1e-7:
        return Inwards(None, others[answer.ineqlin.marginals < -1e-9])
    direction = answer.x[:-1]
    return Inwards(basis @ direction, _NO_ROWS, bool((small[1:] @ direction < -1e-9).any()))
