"""The exact form of single hyperplanes and outputs of a region, where the inputs are many and the rows few.

`forms.ExactForms` carries all coordinates of a layer forward, each a form in all inputs.  Here a row goes
back instead, from its layer to the inputs: its cost is that of a vector times the weights.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from polyenum.arithmetic.integer_matrix import IntegerMatrix, SparseIntegers
from polyenum.arithmetic.integers import Form, primitive
from polyenum.domains import Domain
from polyenum.networks import PiecewiseLinearNetwork
from polyenum.networks.stages import Scaled, aligned, entering, scaled, scaled_weight


class PulledBack:
    """Exact affine forms of some hyperplanes or outputs of a network, for the sides of a region.

    Parameters
    ----------
    network : PiecewiseLinearNetwork
    domain : Domain, optional
        In whose coordinates the forms are; otherwise in the network's inputs.
    """

    def __init__(self, network: PiecewiseLinearNetwork, domain: Domain | None = None) -> None:
        self._network = network
        self._matrices: dict[int, tuple[IntegerMatrix | SparseIntegers, int]] = {}
        tables = [stage.activation for stage in network.stages]
        self._biases = [scaled(stage.bias) for stage in network.stages]
        self._slopes = [scaled(table.slopes) for table in tables]
        self._intercepts = [scaled(table.exact_intercepts) for table in tables]
        self._thresholds = [scaled(table.breakpoints) for table in tables]
        embedded = domain is not None and domain.basis is not None
        self._embedding = entering(domain) if domain is not None and embedded else None

    def hyperplanes(self, sides: NDArray[Any], wanted: Sequence[int]) -> list[Form]:
        """Return the forms that vanish on hyperplanes, for the `sides` (hyperplanes,) of a region.

        Each is scaled by a positive factor to coprime integers, the coefficients first and the constant last.  The
        form of a member of a maximum is it less the largest, which `sides` says.
        """
        offsets = self._network.hyperplane_offsets
        found: dict[int, Form] = {}
        layer_of = np.searchsorted(offsets, wanted, side="right") - 1
        for layer in np.unique(layer_of).tolist():
            own = [h for h, at in zip(wanted, layer_of.tolist(), strict=True) if at == layer]
            table = self._network.stages[layer].activation
            first = int(offsets[layer])
            rows = np.zeros((len(own), len(table)), object)
            thresholds, exponent = self._thresholds[layer]
            constants = np.zeros(len(own), object)
            for i, h in enumerate(own):
                rows[i, table.breakpoint_coordinate[h - first]] += 1
                constants[i] = -thresholds[h - first]
                begin, end = self._network.groups[h].tolist()
                if begin >= 0:
                    largest = begin + int(np.argmax(sides[begin:end])) - first
                    rows[i, table.breakpoint_coordinate[largest]] -= 1
            forms, _ = self._through(layer, sides, (rows, 0), (constants, exponent))
            found |= {h: primitive(row) for h, row in zip(own, forms.tolist(), strict=True)}
        return [found[h] for h in wanted]

    def outputs(self, sides: NDArray[Any], rows: NDArray[Any]) -> Scaled:
        """Return integer combinations `rows` (k, outputs) of the outputs, as forms (k, inputs + 1)."""
        last = len(self._network.stages) - 1
        numbers = np.asarray(rows, object)
        start = np.zeros(len(numbers), object), 0
        return self._through(
            last, sides, *self._before_activation(last, sides, (numbers, 0), start)
        )

    def _before_activation(
        self, layer: int, sides: NDArray[Any], rows: Scaled, constants: Scaled
    ) -> tuple[Scaled, Scaled]:
        """Take rows over what leaves a stage back to what enters its activation."""
        offsets, table = self._network.hyperplane_offsets, self._network.stages[layer].activation
        own = np.asarray(sides[offsets[layer] : offsets[layer + 1]], np.bool_)
        piece = table.slope_offsets[:-1] + table.pieces(own)
        intercepts, exponent = self._intercepts[layer]
        constants = _sum(constants, (rows[0] @ intercepts[piece], rows[1] + exponent))
        slopes, exponent = self._slopes[layer]
        return (rows[0] * slopes[piece], rows[1] + exponent), constants

    def _through(self, layer: int, sides: NDArray[Any], rows: Scaled, constants: Scaled) -> Scaled:
        """Take rows over a stage's pre-activations back to the inputs: (k, inputs + 1)."""
        for below in reversed(range(layer + 1)):
            biases, exponent = self._biases[below]
            constants = _sum(constants, (rows[0] @ biases, rows[1] + exponent))
            matrix, exponent = self._matrix(below)
            rows = matrix.after(rows[0]), rows[1] + exponent
            if below:
                rows, constants = self._before_activation(below - 1, sides, rows, constants)
        if self._embedding is not None:
            numbers, exponent = self._embedding
            constants = _sum(constants, (rows[0] @ numbers[-1], rows[1] + exponent))
            rows = rows[0] @ numbers[:-1].T, rows[1] + exponent
        common = max(rows[1], constants[1])
        whole = np.column_stack([aligned(rows, common), aligned(constants, common)])
        return whole, common

    def _matrix(self, layer: int) -> tuple[IntegerMatrix | SparseIntegers, int]:
        """Return a stage's weight as a matrix that rows over its outputs are multiplied by."""
        if layer not in self._matrices:
            weight = self._network.stages[layer].weight
            backwards = weight if isinstance(weight, np.ndarray) else weight.T.tocsr()
            numbers, exponent = scaled_weight(backwards)
            matrix = numbers if isinstance(numbers, SparseIntegers) else IntegerMatrix(numbers)
            self._matrices[layer] = matrix, exponent
        return self._matrices[layer]


def _sum(x: Scaled, y: Scaled) -> Scaled:
    common = max(x[1], y[1])
    return aligned(x, common) + aligned(y, common), common
