"""Proving that two regions have the same affine map, in modular arithmetic.

All weights are dyadic rationals, so a map's entries times ``2**exponent`` are integers, and the
difference of two entries is one integer ``D``, with ``|D|`` below a known bound.  ``D`` is 0 if and only
if it is 0 modulo primes whose product exceeds that bound (Chinese remainder theorem).  The primes are
below ``2**20``, so that float64 matrix products of residues are exact: a product is below ``2**40`` and
sums of up to ``2**13`` of them stay below ``2**53``; longer sums are taken in parts.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from polyenum.arithmetic.integer_matrix import SparseIntegers
from polyenum.domains import Domain
from polyenum.networks import PiecewiseLinearNetwork
from polyenum.networks.stages import Scaled, entering, scaled, scaled_weight
from polyenum.networks.weights import Weight, rows_through

_PART = 1 << 13


class ModularMaps:
    """The affine maps of a network's regions, modulo enough primes to tell any two apart.

    Parameters
    ----------
    network : PiecewiseLinearNetwork
    domain : Domain
    """

    def __init__(self, network: PiecewiseLinearNetwork, domain: Domain) -> None:
        self._network = network
        self._start = entering(domain)
        self._weights = [scaled_weight(s.weight) for s in network.stages]
        self._biases = [scaled(s.bias) for s in network.stages]
        self._slopes = [scaled(s.activation.slopes) for s in network.stages]
        self._intercepts = [scaled(s.activation.exact_intercepts) for s in network.stages]
        self.primes = _primes(self._bits())

    def _bits(self) -> int:
        """Return a bound on log2 of twice any entry of a map, times its power of two."""
        numbers, exponent = self._start
        size = np.array([max(abs(x) for x in column) for column in numbers.T], object)
        for i, stage in enumerate(self._network.stages):
            weights, more = self._weights[i]
            if isinstance(weights, SparseIntegers):
                size = abs(weights).after(size[None])[0]
            else:
                size = np.abs(weights) @ size
            exponent += more
            biases, own = self._biases[i]
            common = max(exponent, own)
            size = (size << (common - exponent)) + (np.abs(biases) << (common - own))
            slopes, slope_exponent = self._slopes[i]
            intercepts, own = self._intercepts[i]
            at = stage.activation.slope_offsets
            pairs = list(zip(at[:-1], at[1:], strict=True))
            steep = np.array([max(abs(slopes[a:b])) for a, b in pairs], object)
            high = np.array([max(abs(intercepts[a:b])) for a, b in pairs], object)
            exponent = common + slope_exponent
            common = max(exponent, own)
            size = ((size * steep) << (common - exponent)) + (high << (common - own))
            exponent = common
        return int(max(size)).bit_length() + 2

    def residues(self, sides: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Return the maps on `sides` (n, hyperplanes), as residues.

        Returns
        -------
        (n, primes * (dim + 1) * outputs) float64
            Two rows are equal if and only if the maps are.
        """
        return np.concatenate(
            [self._modulo(sides, p).reshape(len(sides), -1) for p in self.primes], 1
        )

    def _modulo(self, sides: NDArray[np.bool_], prime: int) -> NDArray[np.float64]:
        offsets = self._network.hyperplane_offsets
        start = _residues(self._start, prime)
        forms = np.broadcast_to(start, (len(sides), *start.shape))
        for i, stage in enumerate(self._network.stages):
            forms = _product(forms, self._weight_residues(i, prime), prime)
            forms[:, -1] += _residues(self._biases[i], prime)
            table = stage.activation
            piece = table.slope_offsets[:-1] + table.pieces(sides[:, offsets[i] : offsets[i + 1]])
            forms = forms * _residues(self._slopes[i], prime)[piece][:, None, :]
            forms[:, -1] += _residues(self._intercepts[i], prime)[piece]
            forms %= prime
        return forms

    def _weight_residues(self, layer: int, prime: int) -> Weight:
        numbers, exponent = self._weights[layer]
        if not isinstance(numbers, SparseIntegers):
            return _residues((numbers, exponent), prime)
        from scipy.sparse import csr_array

        data = _residues((numbers.data, exponent), prime)
        shape = (len(numbers.starts) - 1, numbers.width)
        return csr_array((data, numbers.columns, numbers.starts), shape=shape)


def _residues(numbers: Scaled, prime: int) -> NDArray[np.float64]:
    integers, exponent = numbers
    inverse = pow(pow(2, exponent, prime), -1, prime)
    return (integers % prime * inverse % prime).astype(np.float64)


def _product(rows: NDArray[np.float64], weight: Weight, prime: int) -> NDArray[np.float64]:
    total = np.zeros((*rows.shape[:-1], weight.shape[0]))
    for k in range(0, weight.shape[1], _PART):
        total += rows_through(weight[:, k : k + _PART], rows[..., k : k + _PART]) % prime
    return total


def _primes(bits: int) -> list[int]:
    """Return odd primes below 2**20, largest first, whose product exceeds ``2**bits``."""
    found: list[int] = []
    candidate = (1 << 20) - 1
    while sum(math.log2(p) for p in found) <= bits:
        if all(candidate % q for q in range(3, math.isqrt(candidate) + 1, 2)):
            found.append(candidate)
        candidate -= 2
    return found
