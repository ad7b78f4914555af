"""A forward pass in float64 with a bound on its rounding."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from polyenum.arithmetic.rounding import SMALLEST, UNIT
from polyenum.domains import Domain
from polyenum.networks import PiecewiseLinearNetwork
from polyenum.networks.weights import rows_through


def proven_sides(
    network: PiecewiseLinearNetwork, domain: Domain | None, points: NDArray[np.float64]
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return the sides of points, and for which points rounding may have decided one; see `bounded_values`."""
    _, _, sides, unsure = bounded_values(network, domain, points)
    return sides, unsure


def bounded_values(
    network: PiecewiseLinearNetwork, domain: Domain | None, points: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_], NDArray[np.bool_]]:
    """Return a network's outputs at points, with bounds, and the points' sides.

    Where a side is unsure the activation's steepest slope bounds what becomes of an error, and of a maximum the
    largest error of its members: both are continuous.

    A forward pass with a bound on its rounding: Higham's gamma times the sum of absolute terms, twice, and
    twice the smallest number for each product, which may underflow.  A value beyond the range of float64
    proves nothing.

    Parameters
    ----------
    network : PiecewiseLinearNetwork
    domain : Domain, optional
        Whose coordinates the points have; otherwise those of the network's inputs.
    points : (n, dim) float64

    Returns
    -------
    value : (n, outputs) float64
    error : (n, outputs) float64
        How far it may be off; infinite where an activation may have jumped.
    sides : (n, hyperplanes) bool
    unsure : (n,) bool
        Whether rounding may have decided one of them.
    """
    u, tiny = UNIT, SMALLEST
    value = points if domain is None else domain.embed(points)
    error = np.zeros_like(value)
    if domain is not None and domain.basis is not None and domain.origin is not None:
        size = np.abs(points) @ np.abs(domain.basis.T) + np.abs(domain.origin)
        error = 2 * (domain.dim + 4) * (u * size + tiny)
    found: list[NDArray[np.bool_]] = []
    unsure, jumped = np.zeros((2, len(points)), np.bool_)
    for stage, offset in zip(network.stages, network.hyperplane_offsets.tolist(), strict=False):
        w, table = stage.weight, stage.activation
        z = rows_through(w, value) + stage.bias
        size = rows_through(abs(w), np.abs(value)) + np.abs(stage.bias)
        error = rows_through(abs(w), error) + 2 * (w.shape[1] + 4) * (u * size + tiny)
        gap = np.abs(z[:, table.breakpoint_coordinate] - table.breakpoints)
        slack = error[:, table.breakpoint_coordinate] + 4 * u * np.abs(table.breakpoints)
        sides = table.sides(z)
        for begin, end in table.group_ranges.tolist():
            # Each member against the largest.
            at = table.breakpoint_coordinate[begin:end]
            on = sides[:, begin:end]
            top, doubt = z[:, at][on][:, None], error[:, at][on][:, None]
            gap[:, begin:end] = np.where(on, np.inf, top - z[:, at])
            slack[:, begin:end] = error[:, at] + doubt + 4 * u * (np.abs(z[:, at]) + np.abs(top))
            source = network.sources[offset + begin : offset + end]
            if source[0] >= 0:
                # Outputs of ReLUs that are off are 0, and below the others; the first of them counts.
                gap[:, begin:end][~np.concatenate(found, axis=1)[:, source]] = np.inf
        doubtful = ~(gap > slack)  # also where one is NaN
        unsure |= doubtful.any(axis=1)
        jumped |= doubtful[:, table.jumps].any(axis=1)
        found.append(sides)
        piece = table.slope_offsets[:-1] + table.pieces(sides)
        slope, intercept = table.slopes[piece], table.intercepts[piece]
        value = slope * z + intercept
        for begin, end in table.group_ranges.tolist():
            at = table.breakpoint_coordinate[begin:end]
            error[np.ix_(unsure, at)] = error[np.ix_(unsure, at)].max(axis=1, keepdims=True)
        steep = np.maximum.reduceat(np.abs(table.slopes), table.slope_offsets[:-1])
        error = np.where(unsure[:, None], steep, np.abs(slope)) * error + 8 * (
            u * (np.abs(slope * z) + np.abs(intercept)) + tiny
        )
    error[jumped] = np.inf
    return value, error, np.concatenate(found, axis=1), unsure
