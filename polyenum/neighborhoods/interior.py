"""Points inside regions, proven; and the region of a point that may lie on many hyperplanes."""

from __future__ import annotations

import itertools
from fractions import Fraction
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from polyenum.arithmetic.integers import integers, point_of, value
from polyenum.domains import Box, Domain
from polyenum.errors import NumericalError
from polyenum.networks import PiecewiseLinearNetwork
from polyenum.networks.forward import proven_sides
from polyenum.networks.pullback import PulledBack
from polyenum.networks.rays import ExactRays
from polyenum.networks.sides import ExactPoints


class Interior:
    """Proves that points are inside regions.

    Parameters
    ----------
    network : PiecewiseLinearNetwork
    domain : Domain or None
    exact : PulledBack
        Of `network`.
    """

    def __init__(
        self, network: PiecewiseLinearNetwork, domain: Domain | None, exact: PulledBack
    ) -> None:
        self._network, self._domain, self._exact = network, domain, exact

    @cached_property
    def _points(self) -> ExactPoints:
        return ExactPoints(self._network, None)

    def holds(self, sides: NDArray[np.uint8], point: NDArray[np.float64]) -> bool:
        """Return whether a point is proven to be inside the region of `sides`, and in the domain."""
        if self._domain is not None and not self._domain.contains(point):
            return False
        found, unsure = proven_sides(self._network, None, point[None])
        if not unsure[0]:
            return bool(np.array_equal(found[0], sides))
        exact, known = self._points.sides(point)
        return bool(np.array_equal(exact, sides)) and self._vanish(sides, ~known)

    def region_of(self, x: NDArray[np.float64]) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
        """Return the sides of a region that `x` belongs to, one of those that meet there, and a point inside.

        The region is the one just ahead of `x` in a random direction: into the domain, and along no hyperplane.

        Returns
        -------
        sides : (hyperplanes,) uint8
        inside : (inputs,) float64
            NaN where none was found.
        """
        sides, unsure = proven_sides(self._network, None, x[None])
        if not unsure[0] and (self._domain is None or self._domain.has_inside(x)):
            return sides[0].view(np.uint8), x
        rays = ExactRays(self._network)
        random = np.random.default_rng(0)
        for _ in range(16):
            direction = self._inwards(x, random)
            ahead = rays(point_of(map(float, x)), integers(direction))
            if self._vanish(ahead.sides, (ahead.value == 0) & (ahead.slope == 0)):
                return ahead.sides, self._inside(ahead.sides, x, direction)
        raise NumericalError("no direction was found that lies in no hyperplane; move x a little")

    def _vanish(self, sides: NDArray[np.uint8], which: NDArray[np.bool_]) -> bool:
        """Return whether hyperplanes' forms are 0 on the whole region of `sides`."""
        forms = self._exact.hyperplanes(sides, np.flatnonzero(which).tolist())
        return not any(any(form) for form in forms)

    def _inwards(self, x: NDArray[np.float64], random: np.random.Generator) -> list[Fraction]:
        """Return a random direction, from `x` to a point inside of the domain where there is one.

        In rational numbers: a domain may be so thin that no float64 point is inside.
        """
        if self._domain is None:
            return [Fraction(v) for v in random.uniform(-1, 1, len(x)).tolist()]
        middle = self._domain.interior_point()
        low, high = ([Fraction(v) for v in b.tolist()] for b in self._domain.bounding_box())
        start = [Fraction(v) for v in x.tolist()]
        for shrink in itertools.count():
            shares = random.uniform(-0.25, 0.25, len(x)) * 2.0**-shrink
            target = [
                m + Fraction(s) * (b - a)
                for m, s, a, b in zip(middle, shares.tolist(), low, high, strict=True)
            ]
            point = integers([*target, 1])
            if isinstance(self._domain, Box):
                inside = all(a < v < b for a, v, b in zip(low, target, high, strict=True))
            else:
                inside = all(value(side, point) > 0 for side in self._domain.sides)
            if inside:
                return [b - a for a, b in zip(start, target, strict=True)]
        raise AssertionError("unreachable")

    def _inside(
        self, sides: NDArray[np.uint8], x: NDArray[np.float64], direction: list[Fraction]
    ) -> NDArray[np.float64]:
        """Return a point inside on the ray from `x`; NaN where none is found."""
        start = [Fraction(v) for v in x.tolist()]
        for exponent in range(0, 64, 4):
            step = Fraction(1, 1 << exponent)
            near = np.array([float(v + step * d) for v, d in zip(start, direction, strict=True)])
            if self.holds(sides, near):
                return near
        return np.full(len(x), np.nan)
