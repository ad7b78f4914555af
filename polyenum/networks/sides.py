"""On which side of every hyperplane a point lies, exactly."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from polyenum.domains import Domain
from polyenum.networks import PiecewiseLinearNetwork
from polyenum.networks.stages import ExactStages, Scaled, aligned, entering, scaled


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
