"""On which side of every hyperplane a point lies, proven."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from polyenum.domains import Domain
from polyenum.networks import PiecewiseLinearNetwork
from polyenum.networks.weights import inputs_read, rows_through


def proven_sides(
    network: PiecewiseLinearNetwork, domain: Domain | None, points: NDArray[np.float64]
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return the sides of points, and for which points rounding may have decided one.

    A forward pass with a bound on its rounding (Higham's gamma, as in `polyenum.proof.enclosure`).

    Parameters
    ----------
    network : PiecewiseLinearNetwork
    domain : Domain, optional
        Whose coordinates the points have; otherwise those of the network's inputs.
    points : (n, dim) float64

    Returns
    -------
    sides : (n, hyperplanes) bool
    unsure : (n,) bool
    """
    u = 2.0**-53
    value = points if domain is None else domain.embed(points)
    error = np.zeros_like(value)
    if domain is not None and domain.basis is not None and domain.origin is not None:
        size = np.abs(points) @ np.abs(domain.basis.T) + np.abs(domain.origin)
        error = 2 * (domain.dim + 4) * u * size
    found: list[NDArray[np.bool_]] = []
    unsure = np.zeros(len(points), np.bool_)
    for stage, offset in zip(network.stages, network.hyperplane_offsets.tolist(), strict=False):
        w, table = stage.weight, stage.activation
        z = rows_through(w, value) + stage.bias
        size = rows_through(abs(w), np.abs(value)) + np.abs(stage.bias)
        error = rows_through(abs(w), error) + 2 * (w.shape[1] + 4) * u * size
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
        unsure |= np.any(gap <= slack, axis=1)
        found.append(sides)
        piece = table.slope_offsets[:-1] + table.pieces(sides)
        slope, intercept = table.slopes[piece], table.intercepts[piece]
        value = slope * z + intercept
        error = np.abs(slope) * error + 8 * u * (np.abs(slope * z) + np.abs(intercept))
    return np.concatenate(found, axis=1), unsure


def exact_sides(
    network: PiecewiseLinearNetwork,
    domain: Domain | None,
    point: NDArray[np.float64],
    *,
    above: frozenset[int] = frozenset(),
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return the sides of one point in rational arithmetic, and where it is not on the hyperplane.

    On a hyperplane it counts as below, but on those in `above`.

    Returns
    -------
    sides, known : (hyperplanes,) bool
    """
    t = [Fraction(float(x)) for x in point]
    value = t
    if domain is not None and domain.basis is not None and domain.origin is not None:
        value = [
            sum(
                (Fraction(float(b)) * x for b, x in zip(row, t, strict=True)),
                Fraction(float(o)),
            )
            for row, o in zip(domain.basis, domain.origin, strict=True)
        ]
    sides: list[bool] = []
    known: list[bool] = []
    for stage in network.stages:
        table = stage.activation
        z = [
            sum(
                (
                    Fraction(float(stage.weight[i, k])) * value[k]
                    for k in inputs_read(stage.weight, i)
                ),
                Fraction(float(b)),
            )
            for i, b in enumerate(stage.bias)
        ]
        value = []
        for i, x in enumerate(z):
            if table.groups is not None and table.groups[i] >= 0:
                own = table.groups == table.groups[i]
                members = [z[k] for k in np.flatnonzero(own)]
                first = i - int(np.argmax(own))
                own_sides = [x == max(members) and x not in members[:first]]
                known.append(members.count(max(members)) == 1 or x != max(members))
            else:
                bps = [float(b) for b in table.breakpoints[table.offsets[i] : table.offsets[i + 1]]]
                own_sides = [
                    x > b or (x == b and len(sides) + k in above) for k, b in enumerate(bps)
                ]
                known += [x != b for b in bps]
            sides += own_sides
            piece = int(table.slope_offsets[i]) + sum(own_sides)
            value.append(Fraction(float(table.slopes[piece])) * x + table.exact_intercepts[piece])
    return np.array(sides, np.bool_), np.array(known, np.bool_)
