"""The region that a pattern names, as half-spaces of the whole input space."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from polyenum.networks import PiecewiseLinearNetwork
from polyenum.networks.weights import columns_through, dense_rows


class LocalForms:
    """The affine forms of all hyperplanes and outputs under given sides, in the input's coordinates.

    Parameters
    ----------
    network : PiecewiseLinearNetwork
    """

    def __init__(self, network: PiecewiseLinearNetwork) -> None:
        self._network = network
        first = network.stages[0]
        self._first = np.column_stack([dense_rows(first.weight), first.bias])

    def __call__(self, sides: NDArray[np.bool_]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the forms for the `sides` (hyperplanes,) of a region.

        Returns
        -------
        hyperplanes : (hyperplanes, inputs + 1) float64
            Not negative on the region.
        outputs : (outputs, inputs + 1) float64
        """
        network, forms = self._network, self._first
        found = []
        for i, stage in enumerate(network.stages):
            if i:
                forms = columns_through(stage.weight, forms)
                forms[:, -1] += stage.bias
            table = stage.activation
            begin, end = network.hyperplane_offsets[i : i + 2]
            own = sides[begin:end]
            rows = forms[table.breakpoint_coordinate]
            rows[:, -1] -= table.breakpoints
            owner = table.owner(own)
            # The largest of a maximum has no hyperplane on its own region.
            rows[owner >= 0] -= rows[owner[owner >= 0]]
            found.append(rows * np.where(own, 1.0, -1.0)[:, None])
            piece = table.slope_offsets[:-1] + table.pieces(own)
            forms = forms * table.slopes[piece][:, None]
            forms[:, -1] += table.intercepts[piece]
        return np.concatenate(found), forms
