"""How accurate the vertices and maps of a certified result are, at least.

Error bounds compound with depth.  Signs do not suffer: what a bound does not prove is decided exactly.  But
coordinates and maps are handed out as floats, and a bound as large as the number itself says nothing.  So what is
not as accurate as this is computed again in double the precision, or exactly and rounded once.
"""

from __future__ import annotations

import math

import numpy as np

from polyenum.arithmetic.rounding import SMALLEST
from polyenum.domains import Domain
from polyenum.networks import PiecewiseLinearNetwork
from polyenum.networks.forward import bounded_values

# Of a vertex, as a share of the largest coordinate of the domain's points.
VERTEX_SHARE = 2.0**-22
# Of a map's values on the domain, as a share of the largest value of any output at some points.
MAP_SHARE = 2.0**-24
# So many points that products with them are small enough for one thread of BLAS: the others would spin for a
# while beside a short walk.
_MOST_POINTS, _LEAST_POINTS, _ONE_THREAD = 8, 2, 2**18
_CORNERS_UP_TO = 8
_UNDERFLOWS = 2.0**10 * SMALLEST


def map_limits(network: PiecewiseLinearNetwork, domain: Domain) -> np.ndarray:
    """Return how much each output's values may be off on the domain: (outputs,) float64, all the same.

    Always the same for the same network and domain.
    """
    random = np.random.default_rng(0)
    low, high = domain.bounding_box()
    widest = max(math.prod(stage.weight.shape) for stage in network.stages)
    count = min(max(_ONE_THREAD // widest, _LEAST_POINTS), _MOST_POINTS)
    if domain.dim <= _CORNERS_UP_TO:
        corners = domain.vertices
        points = random.dirichlet(np.ones(len(corners)), count) @ corners
    else:
        middle = np.array([float(x) for x in domain.interior_point()])
        points = low + random.random((count, domain.dim)) * (high - low)
        points = np.vstack([middle, points[domain.contains(points)]])
    with np.errstate(all="ignore"):
        value, error, _, _ = bounded_values(network, domain, points)
        # What is surely there: floats may be off by more than a value is large.
        least = np.abs(value) - error
        least = np.where(np.isfinite(least), np.maximum(least, 0.0), 0.0)
    reach = float(np.maximum(np.abs(low), np.abs(high)).sum())
    # Bounds never are 0 where products may underflow.
    return np.full(network.output_dim, MAP_SHARE * least.max() + _UNDERFLOWS * (reach + 1))
