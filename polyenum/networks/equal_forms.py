"""Which coordinates have the same affine form on a region, told from how they are computed.

Two coordinates with the same weights on inputs that are themselves equal, and the same bias, are equal
(value numbering, as compilers do it).  Convolutions make many of these: windows on a blank background, or
on features that are constant on a region.  That float64 cannot prove, and rational arithmetic would
compute both to find out.

It may miss coordinates that are equal for other reasons; it never calls others equal.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from polyenum.domains import Domain
from polyenum.networks import PiecewiseLinearNetwork
from polyenum.ragged import rows_and_steps

ZERO = 0
"""The number of the function that is 0."""


class EqualForms:
    """Numbers the forms of a network's coordinates: equal numbers, equal forms.

    Parameters
    ----------
    network : PiecewiseLinearNetwork
    domain : Domain
    """

    def __init__(self, network: PiecewiseLinearNetwork, domain: Domain) -> None:
        from scipy.sparse import csr_array

        self._network = network
        self._weights = [csr_array(stage.weight) for stage in network.stages]
        if domain.basis is None or domain.origin is None:
            self._inputs = np.arange(1, network.input_dim + 1)
        else:
            rows = np.column_stack([domain.basis, domain.origin]) + 0.0  # no -0.0
            self._inputs = _numbered(rows.view(np.int64), 1)
            self._inputs[~rows.any(axis=1)] = ZERO

    def before_activation(
        self, layer: int, sides: NDArray[np.uint8], at: NDArray[np.int64]
    ) -> NDArray[np.int64]:
        """Return numbers of the forms of coordinates `at` of stage `layer` before its activation.

        Parameters
        ----------
        layer : int
        sides : (hyperplanes of earlier stages or more,) uint8
        at : (n,) int64

        Returns
        -------
        (n,) int64
            To be compared within one call only.
        """
        weight = self._weights[layer]
        starts = weight.indptr.astype(np.int64)
        counts = np.diff(starts)[at]
        row, step = rows_and_steps(counts)
        entries = step + starts[at][row]
        columns, values = weight.indices[entries].astype(np.int64), weight.data[entries]
        if layer:
            read, where = np.unique(columns, return_inverse=True)
            numbers = self._after_activation(layer - 1, sides, read)[where]
        else:
            numbers = self._inputs[columns]
        kept = (numbers != ZERO) & (values != 0)
        row, numbers, values = row[kept], numbers[kept], values[kept]
        bias = self._network.stages[layer].bias[at] + 0.0
        # One row of integers each: the bias, then the terms in the order of their numbers.
        order = np.lexsort((values, numbers, row))
        row, numbers, values = row[order], numbers[order], values[order]
        counts = np.bincount(row, minlength=len(at))
        row, column = rows_and_steps(counts)
        keys = np.zeros((len(at), 1 + 2 * int(counts.max(initial=0))), np.int64)
        keys[:, 0] = bias.view(np.int64)
        keys[row, 1 + 2 * column] = numbers
        keys[row, 2 + 2 * column] = values.view(np.int64)
        found = _numbered(keys, int(numbers.max(initial=0)) + 1)
        found[(counts == 0) & (bias == 0)] = ZERO
        # One input, unchanged.
        if len(row):
            same = (counts[row] == 1) & (values == 1) & (bias[row] == 0)
            found[row[same]] = numbers[same]
        return found

    def _after_activation(
        self, layer: int, sides: NDArray[np.uint8], at: NDArray[np.int64]
    ) -> NDArray[np.int64]:
        table = self._network.stages[layer].activation
        begin, end = self._network.hyperplane_offsets[layer : layer + 2]
        piece = table.slope_offsets[:-1] + table.pieces(np.asarray(sides[begin:end], np.bool_))
        slope, intercept = table.slopes[piece[at]] + 0.0, table.intercepts[piece[at]] + 0.0
        found = np.zeros(len(at), np.int64)
        steep = np.flatnonzero(slope)
        found[steep] = self.before_activation(layer, sides, at[steep])
        # A function that is 0 has no slope that matters.
        slope[found == ZERO] = 0.0
        keys = np.column_stack([slope.view(np.int64), intercept.view(np.int64), found])
        changed = ((slope != 1) & (slope != 0)) | (intercept != 0)
        found[changed] = _numbered(keys[changed], int(found.max(initial=0)) + 1)
        return found


def _numbered(keys: NDArray[Any], first: int) -> NDArray[np.int64]:
    """Return one number for each distinct row of integers, counted from `first`."""
    if not len(keys):
        return np.zeros(0, np.int64)
    rows = np.ascontiguousarray(keys).view(f"V{keys.dtype.itemsize * keys.shape[1]}")[:, 0]
    return np.unique(rows, return_inverse=True)[1].astype(np.int64) + first
