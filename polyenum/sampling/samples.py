"""Sample points, and which sampled region each is in."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from polyenum.domains import Domain
from polyenum.sampling.floats import NumPyFloats
from polyenum.sampling.methods import BY_NAME
from polyenum.sampling.points import grid, random_points
from polyenum.sampling.setup import Setup


def sample(
    domain: Domain, setup: Setup, floats: NumPyFloats
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return the sample points, (n, dim) float64, and the sampled region of each, (n,) int64."""
    if setup.sampling == "grid":
        points = grid(domain, setup.resolution)
    else:
        points = random_points(domain, setup.resolution, seed=setup.seed)
    return points, BY_NAME[setup.method](floats, points, setup)
