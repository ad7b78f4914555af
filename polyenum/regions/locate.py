"""Finding the region of a point, exactly."""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from polyenum.domains import Domain
from polyenum.networks import PiecewiseLinearNetwork
from polyenum.networks.forward import proven_sides
from polyenum.networks.sides import ExactPoints


class Locator:
    """Finds regions by the sides of a point.

    A float64 forward pass carries a bound on its rounding; a point with a pre-activation within the
    bound of its breakpoint is evaluated in rational arithmetic.  A point on a boundary belongs to the
    first region, in the complex's order, whose closure contains it.

    Parameters
    ----------
    network, domain
    packed : (regions, bytes) uint8
        The regions' sides, eight a byte, first in bit 0.
    """

    def __init__(
        self, network: PiecewiseLinearNetwork, domain: Domain, packed: NDArray[np.uint8]
    ) -> None:
        self._network = network
        self._domain = domain
        self._packed = packed
        self._index = {row.tobytes(): i for i, row in enumerate(packed)}

    @cached_property
    def _exact(self) -> ExactPoints:
        return ExactPoints(self._network, self._domain)

    def __call__(self, points: NDArray[np.float64]) -> NDArray[np.int64]:
        """Return the region of each of `points` (n, dim), -1 outside of all."""
        found = np.full(len(points), -1, np.int64)
        inside = np.flatnonzero(self._domain.contains(points))
        for begin in range(0, len(inside), 4096):
            rows = inside[begin : begin + 4096]
            sides, unsure = proven_sides(self._network, self._domain, points[rows])
            packed = np.packbits(sides, axis=1, bitorder="little")
            for row, key, doubt in zip(rows, packed, unsure, strict=True):
                found[row] = (
                    self._exactly(points[row]) if doubt else self._index.get(key.tobytes(), -1)
                )
        return found

    def _exactly(self, point: NDArray[np.float64]) -> int:
        """Return the first region whose closure contains `point`, -1 if none does."""
        # Where an activation jumps, the regions on both sides contain it, with other later signs: so what comes
        # later is held against the regions on that side alone.
        jumps = self._network.jumps
        queue: list[frozenset[int]] = [frozenset()]
        found = []
        for above in queue:
            sides, known = self._exact.sides(point, above=above)
            packed = np.packbits(sides, bitorder="little")
            mask = np.packbits(known | jumps, bitorder="little")
            match = ~np.any((self._packed ^ packed) & mask, axis=1)
            if match.any():
                found.append(int(np.argmax(match)))
            for h in np.flatnonzero(jumps & ~known & ~sides).tolist():
                if above | {h} not in queue:
                    queue.append(above | {h})
        return min(found, default=-1)
