"""Pre-activation forms in float64, a whole layer at a time, with the domain-wide error bounds."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from polyenum.arithmetic.rounding import SMALLEST, UNIT
from polyenum.cells.bounds.tables import Tables, build_tables
from polyenum.domains import Domain
from polyenum.networks import PiecewiseLinearNetwork
from polyenum.networks.weights import rows_through


class LayerForms:
    """The forms of the layers of a network on a domain, for given sides.

    Parameters
    ----------
    network : PiecewiseLinearNetwork
    domain : Domain

    Attributes
    ----------
    tables : Tables
        Whose ``coef_error`` and ``const_error`` hold for all forms returned here.
    """

    def __init__(self, network: PiecewiseLinearNetwork, domain: Domain) -> None:
        self.tables: Tables = build_tables(network, domain)
        t = self.tables
        self.count = int(t.layers)
        self._dim = domain.dim
        self._first = t.first.reshape(domain.dim + 1, -1)
        self._weights = [stage.weight for stage in network.stages[1:]]
        self._activations = [stage.activation for stage in network.stages]

    def first(self) -> NDArray[np.float64]:
        """Return the forms of layer 0: (dim + 1, width)."""
        return self._first

    def after(
        self, layer: int, forms: NDArray[np.float64], sides: NDArray[np.uint8]
    ) -> NDArray[np.float64]:
        """Return the forms of ``layer + 1`` from those of `layer` and the sides of its hyperplanes."""
        t, table = self.tables, self._activations[layer]
        piece = table.slope_offsets[:-1] + table.pieces(sides.view(np.bool_))
        active = forms * table.slopes[piece]
        active[-1] += table.intercepts[piece]
        if layer == len(self._weights):  # the outputs
            return active
        result = rows_through(self._weights[layer], active)
        result[-1] += t.bias[t.row[layer + 1] : t.row[layer + 2]]
        return result

    def hyperplanes(
        self, layer: int, forms: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the forms that vanish on the hyperplanes of `layer`, and bounds on their errors.

        Each is scaled by a power of two to a largest coefficient of about 1.

        Returns
        -------
        (hyperplanes, dim + 1) float64
        (hyperplanes, 2) float64
            Of the coefficients and of the constants.
        """
        t = self.tables
        begin, end = t.hyper[layer], t.hyper[layer + 1]
        coordinate = t.hyper_row[begin:end]
        rows = np.ascontiguousarray(forms[:, coordinate].T)
        rows[:, -1] -= t.threshold[begin:end]
        at = t.row[layer] + coordinate
        const = t.const_error[at] + UNIT * np.abs(rows[:, -1])
        return scaled(rows, np.column_stack([t.coef_error[at], const]))

    def differences(
        self, layer: int, forms: NDArray[np.float64], own: int, rivals: NDArray[np.int64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the forms of members of a maximum less that of member `own`, and bounds on their errors.

        Scaled like `hyperplanes`.

        Parameters
        ----------
        layer : int
        forms : (dim + 1, width) float64
        own : int
            A hyperplane of `layer`, counted from its first.
        rivals : (n,) int64
            Others of the same maximum.
        """
        t = self.tables
        coordinate = t.hyper_row[t.hyper[layer] + np.append(rivals, own)]
        values = forms[:, coordinate].T
        at = t.row[layer] + coordinate
        rows = np.ascontiguousarray(values[:-1] - values[-1])
        # One rounding of each coefficient.
        coef = t.coef_error[at[:-1]] + t.coef_error[at[-1]]
        coef = (coef + UNIT * np.abs(rows[:, :-1]).max(axis=1, initial=0.0)) * (1 + 2.0**-50)
        const = t.const_error[at[:-1]] + t.const_error[at[-1]]
        const = (const + UNIT * np.abs(rows[:, -1])) * (1 + 2.0**-50) + SMALLEST
        return scaled(rows, np.column_stack([coef, const]))


def scaled(
    rows: NDArray[np.float64], errors: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return `rows` (n, dim + 1), and their errors, times powers of two that make them of size 1."""
    largest = np.abs(rows[:, :-1]).max(axis=1, initial=0.0)
    # The constant must stay far from the end of the range as well.
    most = 1000 - np.frexp(np.maximum(np.abs(rows[:, -1]), errors.max(axis=1, initial=0.0)))[1]
    exponent = np.minimum(np.clip(-np.frexp(largest)[1], -900, 900), most)
    # Scaling down may underflow, by less than the smallest number.
    lost = 2 * SMALLEST * (exponent < 0)
    return np.ldexp(rows, exponent[:, None]), np.ldexp(errors, exponent[:, None]) + lost[:, None]
