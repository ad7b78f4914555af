"""A network's numbers without rounding, and the two steps through a stage: its affine map, and its activation."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from polyenum.arithmetic.integer_matrix import IntegerMatrix, SparseIntegers
from polyenum.domains import Domain
from polyenum.networks import PiecewiseLinearNetwork
from polyenum.networks.weights import Weight

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


def scaled_weight(weight: Weight) -> tuple[NDArray[Any] | SparseIntegers, int]:
    """Return a weight exactly, as `scaled` does: of a sparse one, the entries that are held."""
    if isinstance(weight, np.ndarray):
        return scaled(weight)
    data, exponent = scaled(weight.data)
    return SparseIntegers(data, weight.indices, weight.indptr, weight.shape[1]), exponent


def aligned(x: Scaled, exponent: int) -> NDArray[Any]:
    """Return the integers of some numbers over a larger power of two."""
    numbers, own = x
    return numbers << (exponent - own) if exponent > own else numbers


def entering(domain: Domain) -> Scaled:
    """Return a network's inputs as forms in a domain's coordinates, (dim + 1, inputs)."""
    if domain.basis is not None and domain.origin is not None:
        return scaled(np.vstack([domain.basis.T, domain.origin]))
    identity = np.zeros((domain.dim + 1, domain.dim), object)
    for k in range(domain.dim):
        identity[k, k] = 1
    return identity, 0


class ExactStages:
    """A network's stages in integers.

    Forms are (rows, coordinates): rows of coefficients, and one of constants, the last.  A point's values are
    forms of one row.

    Parameters
    ----------
    network : PiecewiseLinearNetwork

    Attributes
    ----------
    weights : list of (matrix, exponent)
    thresholds : list of Scaled
        The activations' breakpoints.
    """

    def __init__(self, network: PiecewiseLinearNetwork) -> None:
        self.weights: list[tuple[IntegerMatrix | SparseIntegers, int]] = []
        for stage in network.stages:
            numbers, exponent = scaled_weight(stage.weight)
            matrix = numbers if isinstance(numbers, SparseIntegers) else IntegerMatrix(numbers.T)
            self.weights.append((matrix, exponent))
        tables = [stage.activation for stage in network.stages]
        self.thresholds = [scaled(table.breakpoints) for table in tables]
        self._biases = [scaled(stage.bias) for stage in network.stages]
        self._slopes = [scaled(table.slopes) for table in tables]
        self._intercepts = [scaled(table.exact_intercepts) for table in tables]

    def affine(
        self,
        layer: int,
        forms: Scaled,
        weights: IntegerMatrix | SparseIntegers | None = None,
        at: NDArray[np.int64] | None = None,
    ) -> Scaled:
        """Return the forms after a stage's affine map.

        Parameters
        ----------
        layer : int
        forms : Scaled
            Of the inputs, or of those that `weights` reads.
        weights, at : optional
            The weights of coordinates `at` alone.
        """
        matrix, exponent = self.weights[layer]
        result = (matrix if weights is None else weights).after(forms[0])
        biases, own = self._biases[layer]
        return _with_constants(
            (result, forms[1] + exponent), (biases if at is None else biases[at], own)
        )

    def activated(self, layer: int, forms: Scaled, piece: NDArray[np.int64]) -> Scaled:
        """Return the forms after a stage's activation, of which `piece` says the piece of each coordinate."""
        slopes, exponent = self._slopes[layer]
        intercepts, own = self._intercepts[layer]
        return _with_constants(
            (forms[0] * slopes[piece], forms[1] + exponent), (intercepts[piece], own)
        )


def _with_constants(forms: Scaled, constants: Scaled) -> Scaled:
    common = max(forms[1], constants[1])
    result = aligned(forms, common)
    result[-1] = result[-1] + aligned(constants, common)
    return result, common
