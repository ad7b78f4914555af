"""Ragged arrays in Arrow's list layout: offsets, and one flat array."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def rows_and_steps(counts: NDArray[np.integer]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return for each element of a ragged array its row, and its place within that row.

    Parameters
    ----------
    counts : (rows,) int
        How many elements each row has.

    Examples
    --------
    >>> row, step = rows_and_steps(np.array([2, 0, 3]))
    >>> row.tolist(), step.tolist()
    ([0, 0, 2, 2, 2], [0, 1, 0, 1, 2])
    """
    row = np.repeat(np.arange(len(counts)), counts)
    return row, np.arange(len(row)) - (np.cumsum(counts) - counts)[row]
