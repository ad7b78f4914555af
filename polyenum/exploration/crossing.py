"""Directions that lead across a facet and away from everything else that meets there."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def away_from(
    normal: NDArray[np.float64], rows: NDArray[np.float64], held: NDArray[np.int8]
) -> NDArray[np.float64]:
    """Return a direction against `normal` and along all `rows`, if there is one, else against `normal`.

    Parameters
    ----------
    normal : (dim,) float64
    rows : (n, dim) float64
    held : (dim,) int8
        Coordinates that may only grow (1) or shrink (-1), for they are at the end of their range; else 0.
    """
    matrix = np.vstack([normal, rows])
    wanted = np.append(-1.0, np.ones(len(rows)))
    free = held == 0
    # Along the ends of ranges where that will do, else away from all of them.
    for size in (0.0, 1.0):
        away = size * held.astype(np.float64)
        away[free] = np.linalg.lstsq(matrix[:, free], wanted - matrix @ away, rcond=None)[0]
        if np.abs(matrix @ away - wanted).max() <= 0.5:
            return away
        if free.all():
            break
    away = -normal / (normal @ normal)
    away[held * away < 0] = 0.0
    return away
