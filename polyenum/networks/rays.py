"""A network along a ray, exactly: on which side of every hyperplane is what lies just ahead of a point?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from polyenum.arithmetic.integers import Point
from polyenum.domains import Domain
from polyenum.networks import PiecewiseLinearNetwork
from polyenum.networks.stages import ExactStages, Scaled, aligned, entering


class Along(NamedTuple):
    """Every hyperplane's form along a ray.

    Attributes
    ----------
    sides : (hyperplanes,) uint8
        The sides under which the forms are taken.
    value : (hyperplanes,) int8
        The sign of the form at the ray's start.  That of a member of a maximum is it less the largest; the largest
        one's own counts as 1, and a member that is the output of a ReLU that is off as -1.
    slope : (hyperplanes,) int8
        The sign of the form's change along the ray.
    """

    sides: NDArray[np.uint8]
    value: NDArray[np.int8]
    slope: NDArray[np.int8]


class ExactRays:
    """Follows rays through a network in rational arithmetic.

    Along a ray every pre-activation is a form in one variable, however many inputs there are.

    Parameters
    ----------
    network : PiecewiseLinearNetwork
    domain : Domain, optional
        In whose coordinates points and directions are; otherwise in the network's inputs.
    stages : ExactStages, optional
        Those of `network`, where somebody has them already.
    """

    def __init__(
        self,
        network: PiecewiseLinearNetwork,
        domain: Domain | None = None,
        *,
        stages: ExactStages | None = None,
    ) -> None:
        self._network = network
        self._stages = stages or ExactStages(network)
        embedded = domain is not None and domain.basis is not None
        self._embedding = entering(domain) if domain is not None and embedded else None

    def __call__(
        self, start: Point, direction: Sequence[int], sides: NDArray[Any] | None = None
    ) -> Along:
        """Follow the ray from `start` in a `direction` (dim,), infinitely little.

        Parameters
        ----------
        start : Point
        direction : sequence of int
            Only where it points matters, not its length.
        sides : (hyperplanes,) uint8 or bool, optional
            Take the forms under these sides.  By default under those just ahead of `start`: a unit is on where its
            form is positive at `start`, or 0 there and increasing.
        """
        *numbers, scale = start
        points = np.array([[*direction], [*numbers]], object)
        if self._embedding is None:
            forms: Scaled = np.vstack([points, np.zeros((1, points.shape[1]), object)]), 0
        else:
            embedding, exponent = self._embedding
            forms = np.vstack([points @ embedding[:-1], embedding[-1:]]), exponent
        # Rows: per length of the direction, per unit of the start's numbers, and constant.
        count = self._network.hyperplane_count
        chosen = np.zeros(count, np.uint8) if sides is None else np.asarray(sides, np.uint8)
        value, slope = np.zeros(count, np.int8), np.zeros(count, np.int8)
        for i, stage in enumerate(self._network.stages):
            forms = self._stages.affine(i, forms)
            table = stage.activation
            first, end = self._network.hyperplane_offsets[i : i + 2].tolist()
            at = table.breakpoint_coordinate
            thresholds = self._stages.thresholds[i]
            common = max(forms[1], thresholds[1])
            rows = aligned((forms[0][:, at], forms[1]), common)
            here = rows[1] + scale * (rows[2] - aligned(thresholds, common))
            if sides is None:
                ahead = np.where(_zero(here), rows[0], here)
                chosen[first:end] = np.asarray(ahead > 0, np.uint8)
            change = rows[0]
            for begin, stop in table.group_ranges.tolist():
                members = list(zip(here[begin:stop], change[begin:stop], strict=True))
                own = begin + (
                    members.index(max(members))
                    if sides is None
                    else int(np.argmax(chosen[first + begin : first + stop]))
                )
                chosen[first + begin : first + stop] = np.arange(begin, stop) == own
                here[begin:stop] = here[begin:stop] - here[own]
                change[begin:stop] = change[begin:stop] - change[own]
                source = self._network.sources[first + begin : first + stop]
                off = (source >= 0) & (chosen[source] == 0)
                here[begin:stop][off] = -1
                here[own] = 1
            value[first:end], slope[first:end] = _signs(here), _signs(change)
            piece = table.slope_offsets[:-1] + table.pieces(chosen[first:end].view(np.bool_))
            forms = self._stages.activated(i, forms, piece)
        return Along(chosen, value, slope)


def _zero(numbers: NDArray[Any]) -> NDArray[np.bool_]:
    return np.asarray(numbers == 0, np.bool_)


def _signs(numbers: NDArray[Any]) -> NDArray[np.int8]:
    return np.asarray(numbers > 0, np.int8) - np.asarray(numbers < 0, np.int8)
