"""Finding the region of a point, exactly."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from polyenum.domains import Domain
from polyenum.networks import PiecewiseLinearNetwork


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

    def __call__(self, points: NDArray[np.float64]) -> NDArray[np.int64]:
        """Return the region of each of `points` (n, dim), -1 outside of all."""
        found = np.full(len(points), -1, np.int64)
        inside = np.flatnonzero(self._domain.contains(points))
        for begin in range(0, len(inside), 4096):
            rows = inside[begin : begin + 4096]
            sides, unsure = self._sides(points[rows])
            packed = np.packbits(sides, axis=1, bitorder="little")
            for row, key, doubt in zip(rows, packed, unsure, strict=True):
                found[row] = (
                    self._exactly(points[row]) if doubt else self._index.get(key.tobytes(), -1)
                )
        return found

    def _sides(self, points: NDArray[np.float64]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Return the sides of points, and for which points rounding may have decided one."""
        u = 2.0**-53
        value = self._domain.embed(points)
        error = np.zeros_like(value)
        if self._domain.basis is not None and self._domain.origin is not None:
            size = np.abs(points) @ np.abs(self._domain.basis.T) + np.abs(self._domain.origin)
            error = 2 * (self._domain.dim + 4) * u * size
        found, unsure = [], np.zeros(len(points), np.bool_)
        for stage in self._network.stages:
            w, table = stage.weight, stage.activation
            z = value @ w.T + stage.bias
            size = np.abs(value) @ np.abs(w.T) + np.abs(stage.bias)
            error = error @ np.abs(w.T) + 2 * (w.shape[1] + 4) * u * size
            gap = np.abs(z[:, table.breakpoint_coordinate] - table.breakpoints)
            slack = error[:, table.breakpoint_coordinate] + 4 * u * np.abs(table.breakpoints)
            unsure |= np.any(gap <= slack, axis=1)
            sides = table.sides(z)
            found.append(sides)
            piece = table.slope_offsets[:-1] + table.pieces(sides)
            slope, intercept = table.slopes[piece], table.intercepts[piece]
            value = slope * z + intercept
            error = np.abs(slope) * error + 8 * u * (np.abs(slope * z) + np.abs(intercept))
        return np.concatenate(found, axis=1), unsure

    def _exactly(self, point: NDArray[np.float64]) -> int:
        """Return the first region whose closure contains `point`, -1 if none does."""
        t = [Fraction(float(x)) for x in point]
        value = t
        if self._domain.basis is not None and self._domain.origin is not None:
            value = [
                sum(
                    (Fraction(float(b)) * x for b, x in zip(row, t, strict=True)),
                    Fraction(float(o)),
                )
                for row, o in zip(self._domain.basis, self._domain.origin, strict=True)
            ]
        sides: list[bool] = []
        known: list[bool] = []
        for stage in self._network.stages:
            table = stage.activation
            z = [
                sum(
                    (Fraction(float(row[k])) * value[k] for k in np.flatnonzero(row)),
                    Fraction(float(b)),
                )
                for row, b in zip(stage.weight, stage.bias, strict=True)
            ]
            value = []
            for i, x in enumerate(z):
                bps = [float(b) for b in table.breakpoints[table.offsets[i] : table.offsets[i + 1]]]
                above = [x > b for b in bps]
                sides += above
                known += [x != b for b in bps]
                piece = int(table.slope_offsets[i]) + sum(above)
                value.append(
                    Fraction(float(table.slopes[piece])) * x + table.exact_intercepts[piece]
                )
        packed = np.packbits(np.array(sides, np.bool_), bitorder="little")
        mask = np.packbits(np.array(known, np.bool_), bitorder="little")
        match = ~np.any((self._packed ^ packed) & mask, axis=1)
        return int(np.argmax(match)) if match.any() else -1
