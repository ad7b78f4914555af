"""Sample points: grids and random ones, in a domain's coordinates."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from polyenum import options
from polyenum.domains import Domain
from polyenum.domains.domain import as_domain
from polyenum.errors import OptionError
from polyenum.sampling.setup import Setup

MOST_POINTS = 10**8


def grid(domain: Domain, resolution: int) -> NDArray[np.float64]:
    """Return the points of a regular grid on a domain's bounding box that lie in the domain.

    Parameters
    ----------
    domain : Domain
    resolution : int
        Points along each axis, both ends included.

    Returns
    -------
    (n, dim) float64
        The last axis runs fastest.

    Examples
    --------
    >>> import polyenum as pe
    >>> grid(pe.Box(0, 1, dim=2), 2).tolist()
    [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]
    """
    as_domain("domain", domain)
    resolution = options.whole("resolution", resolution, least=2)
    check_grid(domain, resolution)
    low, high = domain.bounding_box()
    axes = [np.linspace(a, b, resolution) for a, b in zip(low, high, strict=True)]
    points = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, domain.dim)
    return points[domain.contains(points)]


def check_grid(domain: Domain, resolution: int) -> None:
    """Raise unless a grid of that resolution can be held.

    Raises
    ------
    OptionError
    """
    # The power itself may have any number of digits.
    if domain.dim * math.log(resolution) > math.log(MOST_POINTS) + 1e-9:
        raise OptionError(
            f"resolution: a grid of {options.found(resolution)} points along each of {domain.dim} axes has more "
            f"than {MOST_POINTS:,}; sampling='random' does without a grid"
        )


def check_count(domain: Domain, setup: Setup) -> None:
    """Raise unless so many points can be held.

    Raises
    ------
    OptionError
    """
    if setup.sampling == "grid":
        check_grid(domain, setup.resolution)
    else:
        options.whole("resolution", setup.resolution, most=MOST_POINTS)


def random_points(domain: Domain, count: int, *, seed: int = 0) -> NDArray[np.float64]:
    """Return points drawn uniformly from a domain, (count, dim) float64.

    Drawn from the bounding box; those outside of the domain are drawn again.

    Raises
    ------
    OptionError
        If hardly any point of the bounding box lies in the domain.
    """
    as_domain("domain", domain)
    count = options.whole("count", count, most=MOST_POINTS)
    seed = options.seed("seed", seed)
    random = np.random.default_rng(seed)
    low, high = domain.bounding_box()
    parts: list[NDArray[np.float64]] = []
    found = drawn = 0
    while found < count:
        points = random.uniform(low, high, (max(count - found, 1000), domain.dim))
        inside = points[domain.contains(points)][: count - found]
        parts.append(inside)
        found, drawn = found + len(inside), drawn + len(points)
        if drawn > 1000 * (found + 100):
            raise OptionError(
                f"of {drawn:,} points of the bounding box of {domain!r} only {found:,} lie in it: too thin to "
                "be sampled so"
            )
    return np.concatenate(parts)
