"""How sample points are told apart: which of them lie in one region, as the usual recipes have it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from polyenum.sampling.floats import NumPyFloats
from polyenum.sampling.setup import Setup

Method = Callable[[NumPyFloats, NDArray[np.float64], Setup], NDArray[np.int64]]


def by_unique(floats: NumPyFloats, points: NDArray[np.float64], setup: Setup) -> NDArray[np.int64]:
    """Tell regions apart by ``np.unique`` of raw gradients."""
    return _distinct(floats.gradients(points))


def by_rounding(
    floats: NumPyFloats, points: NDArray[np.float64], setup: Setup
) -> NDArray[np.int64]:
    """Tell regions apart by ``np.unique`` of rounded gradients."""
    # With many decimals nothing is rounded, and NumPy warns of the power of ten.
    gradients = floats.gradients(points)
    with np.errstate(all="ignore"):
        rounded = gradients.round(setup.decimals)
    return _distinct(np.where(np.isfinite(rounded), rounded, gradients))


def by_slopes(floats: NumPyFloats, points: NDArray[np.float64], setup: Setup) -> NDArray[np.int64]:
    """Start a new region in 1-D where the slopes of neighbouring points are not `isclose`."""
    order = np.argsort(points[:, 0], kind="stable")
    slopes = floats.gradients(points[order])
    new = ~np.isclose(slopes[1:], slopes[:-1], rtol=setup.rtol, atol=setup.atol).all(axis=1)
    found = np.zeros(len(points), np.int64)
    found[order[1:]] = np.cumsum(new)
    return found


def by_patterns(
    floats: NumPyFloats, points: NDArray[np.float64], setup: Setup
) -> NDArray[np.int64]:
    """Tell regions apart by activation patterns of the forward pass in floats."""
    keys = np.ascontiguousarray(floats.patterns(points))
    if not keys.size:
        return np.zeros(len(points), np.int64)
    rows = keys.view(f"V{keys.shape[1]}")[:, 0]
    return np.unique(rows, return_inverse=True)[1].astype(np.int64)


def _distinct(values: NDArray[np.floating]) -> NDArray[np.int64]:
    """Return which of the distinct rows each row is: (n,)."""
    # 0.0 and -0.0 are one gradient.
    return np.unique(values + 0.0, axis=0, return_inverse=True)[1].reshape(-1).astype(np.int64)


BY_NAME: dict[str, Method] = {
    "unique": by_unique,
    "rounded": by_rounding,
    "slopes": by_slopes,
    "patterns": by_patterns,
}
