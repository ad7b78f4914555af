"""The affine forms of a network's pre-activations, exactly, for given sides of its hyperplanes."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from polyenum.cells.exact.matrix import IntegerMatrix
from polyenum.cells.exact.numbers import Form
from polyenum.domains import Domain
from polyenum.networks import PiecewiseLinearNetwork

Scaled = tuple[NDArray[Any], int]
"""An object array of integers and an exponent ``e``: the numbers are ``integers * 2**-e``."""


def scaled(values: Any) -> Scaled:
    """Return float64 or dyadic rational `values` exactly, as integers over one power of two."""
    array = np.asarray(values, object)
    ratios = [x.as_integer_ratio() for x in array.ravel().tolist()]
    exponent = max((q.bit_length() - 1 for _, q in ratios), default=0)
    numbers = np.empty(len(ratios), object)
    numbers[:] = [p << (exponent - q.bit_length() + 1) for p, q in ratios]
    return numbers.reshape(array.shape), exponent


def _align(x: Scaled, exponent: int) -> NDArray[Any]:
    numbers, own = x
    return numbers << (exponent - own) if exponent > own else numbers


class ExactForms:
    """The pre-activations of every layer as exact affine forms in the domain's coordinates.

    Parameters
    ----------
    network : PiecewiseLinearNetwork
    domain : Domain
    cache : int
        How many layers' forms to remember.
    """

    def __init__(
        self, network: PiecewiseLinearNetwork, domain: Domain, *, cache: int = 512
    ) -> None:
        self.network = network
        self.domain = domain
        self._cache: OrderedDict[bytes, Scaled] = OrderedDict()
        self._cache_size = cache
        weights = [scaled(stage.weight) for stage in network.stages]
        self._weights = [(IntegerMatrix(numbers.T), exponent) for numbers, exponent in weights]
        self._biases = [scaled(stage.bias) for stage in network.stages]
        self._slopes = [scaled(stage.activation.slopes) for stage in network.stages]
        self._intercepts = [scaled(stage.activation.exact_intercepts) for stage in network.stages]
        self._thresholds = [scaled(stage.activation.breakpoints) for stage in network.stages]

    def before_activation(self, layer: int, sides: NDArray[np.uint8]) -> Scaled:
        """Return the forms of stage `layer` before its activation, (dim + 1, width).

        Parameters
        ----------
        layer : int
        sides : (hyperplanes of earlier stages or more,) uint8
        """
        prefix = sides[: self.network.hyperplane_offsets[layer]]
        key = bytes([layer & 255, layer >> 8]) + np.asarray(prefix, np.uint8).tobytes()
        found = self._cache.get(key)
        if found is None:
            if layer == 0:
                found = self._first()
            else:
                found = self._through(layer, self.after_activation(layer - 1, sides))
            self._cache[key] = found
            if len(self._cache) > self._cache_size:
                self._cache.popitem(last=False)
        else:
            self._cache.move_to_end(key)
        return found

    def after_activation(self, layer: int, sides: NDArray[np.uint8]) -> Scaled:
        """Return the forms of stage `layer` after its activation, (dim + 1, width)."""
        numbers, exponent = self.before_activation(layer, sides)
        table = self.network.stages[layer].activation
        at = self.network.hyperplane_offsets
        pieces = table.pieces(np.asarray(sides[at[layer] : at[layer + 1]], np.bool_))
        piece = table.slope_offsets[:-1] + pieces
        slopes, slope_exponent = self._slopes[layer]
        intercepts, intercept_exponent = self._intercepts[layer]
        result = numbers * slopes[piece]
        common = max(exponent + slope_exponent, intercept_exponent)
        result = _align((result, exponent + slope_exponent), common)
        result[-1] = result[-1] + _align((intercepts[piece], intercept_exponent), common)
        return result, common

    def _first(self) -> Scaled:
        if self.domain.basis is None or self.domain.origin is None:
            dim = self.domain.dim
            identity = np.zeros((dim + 1, dim), object)
            for k in range(dim):
                identity[k, k] = 1
            return self._through(0, (identity, 0))
        embedded = np.vstack([self.domain.basis.T, self.domain.origin])
        return self._through(0, scaled(embedded))

    def _through(self, layer: int, forms: Scaled) -> Scaled:
        weights, weight_exponent = self._weights[layer]
        numbers, exponent = forms
        result = weights.after(numbers)
        exponent += weight_exponent
        biases, bias_exponent = self._biases[layer]
        common = max(exponent, bias_exponent)
        result = _align((result, exponent), common)
        result[-1] = result[-1] + _align((biases, bias_exponent), common)
        return result, common

    def hyperplane(self, h: int, sides: NDArray[np.uint8]) -> tuple[Form, int]:
        """Return the form that vanishes on hyperplane `h`, and the exponent of its scale.

        The form's values are ``value * 2**-exponent``.  That of a member of a maximum is it less the
        largest, which `sides` says.
        """
        offsets = self.network.hyperplane_offsets
        layer = int(np.searchsorted(offsets, h, side="right")) - 1
        table = self.network.stages[layer].activation
        numbers, exponent = self.before_activation(layer, sides)
        k = h - int(offsets[layer])
        thresholds, own = self._thresholds[layer]
        common = max(exponent, own)
        shift = common - exponent
        form = numbers[:, table.breakpoint_coordinate[k]]
        begin, end = self.network.groups[h].tolist()
        if begin >= 0:  # a member of a maximum, less the largest
            largest = begin + int(np.argmax(sides[begin:end])) - int(offsets[layer])
            form = form - numbers[:, table.breakpoint_coordinate[largest]]
        *column, constant = form.tolist()
        constant = (constant << shift) - (thresholds[k] << (common - own))
        return (*(x << shift for x in column), constant), common

    def label(self, label: int, sides: NDArray[np.uint8]) -> Form:
        """Return the form of a facet label: hyperplane `label`, or side ``-1 - label``."""
        return self.domain.sides[-1 - label] if label < 0 else self.hyperplane(label, sides)[0]
