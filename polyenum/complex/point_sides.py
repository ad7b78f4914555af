"""On which side of every hyperplane a point lies, proven."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from polyenum.cells.exact.stages import ExactStages, Scaled, aligned, entering, scaled
from polyenum.domains import Domain
from polyenum.networks import PiecewiseLinearNetwork
from polyenum.networks.weights import rows_through


def proven_sides(
    network: PiecewiseLinearNetwork, domain: Domain | None, points: NDArray[np.float64]
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return the sides of points, and for which points rounding may have decided one.

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
    sides : (n, hyperplanes) bool
    unsure : (n,) bool
    """
    u, tiny = 2.0**-53, 5e-324
    value = points if domain is None else domain.embed(points)
    error = np.zeros_like(value)
    if domain is not None and domain.basis is not None and domain.origin is not None:
        size = np.abs(points) @ np.abs(domain.basis.T) + np.abs(domain.origin)
        error = 2 * (domain.dim + 4) * (u * size + tiny)
    found: list[NDArray[np.bool_]] = []
    unsure = np.zeros(len(points), np.bool_)
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
        unsure |= ~np.all(gap > slack, axis=1)  # also where one is NaN
        found.append(sides)
        piece = table.slope_offsets[:-1] + table.pieces(sides)
        slope, intercept = table.slopes[piece], table.intercepts[piece]
        value = slope * z + intercept
        error = np.abs(slope) * error + 8 * (u * (np.abs(slope * z) + np.abs(intercept)) + tiny)
    return np.concatenate(found, axis=1), unsure


class ExactPoints:
    """The sides of single points in rational arithmetic.

    All numbers are dyadic, so a point's values are integers up to a power of two; sparse weights stay sparse.

    Parameters
    ----------
    network : PiecewiseLinearNetwork
    domain : Domain, optional
        Whose coordinates the points have; otherwise those of the network's inputs.
    """

    def __init__(self, network: PiecewiseLinearNetwork, domain: Domain | None) -> None:
        self._network, self._domain = network, domain
        self._stages = ExactStages(network)

    def sides(
        self, point: NDArray[np.float64], *, above: frozenset[int] = frozenset()
    ) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Return the sides of a point (dim,), and where it is not on the hyperplane.

        On a hyperplane it counts as below, but on those in `above`.

        Returns
        -------
        sides, known : (hyperplanes,) bool
        """
        numbers, exponent = scaled(point)
        forms: Scaled = numbers[None], exponent
        if self._domain is not None and self._domain.basis is not None:
            embedding, own_exponent = entering(self._domain)
            extended = np.append(numbers, 1 << exponent)[None]
            forms = extended @ embedding, exponent + own_exponent
        sides: list[NDArray[np.bool_]] = []
        known: list[NDArray[np.bool_]] = []
        first = 0
        for i, stage in enumerate(self._network.stages):
            forms = self._stages.affine(i, forms)
            table, thresholds = stage.activation, self._stages.thresholds[i]
            at, z = table.breakpoint_coordinate, forms[0][0]
            common = max(forms[1], thresholds[1])
            gap = aligned((z[at], forms[1]), common) - aligned(thresholds, common)
            own, off = np.asarray(gap > 0, np.bool_), np.asarray(gap != 0, np.bool_)
            for h in above:
                if first <= h < first + len(own) and not off[h - first]:
                    own[h - first] = True
            for begin, end in table.group_ranges.tolist():
                members = z[at[begin:end]].tolist()
                largest = max(members)
                equal = np.array([x == largest for x in members])
                own[begin:end] = np.arange(end - begin) == int(np.argmax(equal))
                off[begin:end] = ~equal | (np.count_nonzero(equal) == 1)
            sides.append(own)
            known.append(off)
            first += len(own)
            piece = table.slope_offsets[:-1] + table.pieces(own)
            forms = self._stages.activated(i, forms, piece)
        return np.concatenate(sides), np.concatenate(known)
