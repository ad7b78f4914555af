"""The exact tier of a check: a pattern's affine forms, points and values as rational numbers.

Written apart from `polyenum.cells.exact` on purpose: a mistake there must not hide itself here.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from polyenum.domains import Domain
from polyenum.networks import PiecewiseLinearNetwork
from polyenum.networks.weights import Weight
from polyenum.proof.layout import Layout

Row = list[Fraction]
"""An affine form ``a . t + c``: the coefficients, then the constant."""


def _dyadic(values: Any) -> tuple[NDArray[Any], int]:
    """Return integers and an exponent ``e`` with ``values == integers / 2**e``."""
    fractions = [Fraction(x) for x in np.asarray(values, object).ravel()]
    exponent = max((x.denominator.bit_length() - 1 for x in fractions), default=0)
    integers = np.array([int(x * 2**exponent) for x in fractions] + [None], object)[:-1]
    return integers.reshape(np.shape(values)), exponent


def _product(weight: Weight, integers: NDArray[Any], forms: NDArray[Any]) -> NDArray[Any]:
    """Return ``weight @ forms`` for the `integers` that stand for the weight's entries."""
    if isinstance(weight, np.ndarray):
        return integers @ forms
    result = np.zeros((weight.shape[0], forms.shape[1]), object)
    row = np.repeat(np.arange(weight.shape[0]), np.diff(weight.indptr))
    np.add.at(result, row, integers[:, None] * forms[weight.indices])
    return result


class RationalForms:
    """The pre-activations of a network under given patterns, exactly.

    Parameters
    ----------
    network : PiecewiseLinearNetwork
    domain : Domain
    layout : Layout, optional
        Of the network, if it is at hand.
    """

    def __init__(
        self, network: PiecewiseLinearNetwork, domain: Domain, layout: Layout | None = None
    ) -> None:
        self._layout = layout or Layout(network)
        self._domain = domain
        stages = self._layout.stages
        self._weights = [
            _dyadic(s.weight if isinstance(s.weight, np.ndarray) else s.weight.data) for s in stages
        ]
        self._biases = [_dyadic(stage.bias) for stage in stages]
        self._slopes = [_dyadic(stage.slopes) for stage in stages]
        self._intercepts = [_dyadic(stage.exact_intercepts) for stage in stages]
        self._recent: OrderedDict[tuple[int, bytes], tuple[NDArray[Any], int]] = OrderedDict()

    def _after_weights(self, stage: int, sides: NDArray[np.bool_]) -> tuple[NDArray[Any], int]:
        key = (stage, sides[: self._layout.offsets[stage]].tobytes())
        if key in self._recent:
            self._recent.move_to_end(key)
            return self._recent[key]
        if stage == 0:
            domain = self._domain
            basis = np.eye(domain.dim) if domain.basis is None else domain.basis
            origin = np.zeros(len(basis)) if domain.origin is None else domain.origin
            forms, exponent = _dyadic(np.column_stack([basis, origin]))
        else:
            forms, exponent = self._after_activation(stage - 1, sides)
        weight, weight_exponent = self._weights[stage]
        bias, bias_exponent = self._biases[stage]
        forms = _product(self._layout.stages[stage].weight, weight, forms)
        exponent += weight_exponent
        common = max(exponent, bias_exponent)
        forms = forms * 2 ** (common - exponent)
        forms[:, -1] += bias * 2 ** (common - bias_exponent)
        self._recent[key] = forms, common
        if len(self._recent) > 64:
            self._recent.popitem(last=False)
        return forms, common

    def _after_activation(self, stage: int, sides: NDArray[np.bool_]) -> tuple[NDArray[Any], int]:
        forms, exponent = self._after_weights(stage, sides)
        offsets = self._layout.offsets
        piece = self._layout.stages[stage].pieces(sides[offsets[stage] : offsets[stage + 1]])
        slopes, slope_exponent = self._slopes[stage]
        intercepts, intercept_exponent = self._intercepts[stage]
        forms, exponent = forms * slopes[piece][:, None], exponent + slope_exponent
        common = max(exponent, intercept_exponent)
        forms = forms * 2 ** (common - exponent)
        forms[:, -1] += intercepts[piece] * 2 ** (common - intercept_exponent)
        return forms, common

    def whole(self, label: int, sides: NDArray[np.bool_]) -> tuple[list[int], int]:
        """Return integers and an exponent: `label` gives their quotients by ``2**exponent``."""
        if label < 0:
            return list(self._domain.sides[-1 - label]), 0
        offsets = self._layout.offsets
        stage = int(np.searchsorted(offsets, label, side="right")) - 1
        own, k = self._layout.stages[stage], label - int(offsets[stage])
        forms, exponent = self._after_weights(stage, sides)
        form = forms[own.coordinate[k]]
        for begin, end in own.maxima:
            if begin <= k < end:
                # A member of a maximum, less the one that the pattern says is the largest.
                members = range(int(offsets[stage]) + begin, int(offsets[stage]) + end)
                chosen = next(h for h in members if sides[h]) - int(offsets[stage])
                form = form - forms[own.coordinate[chosen]]
        row = [int(x) for x in form]
        numerator, denominator = float(own.thresholds[k]).as_integer_ratio()
        if numerator:
            more = max(denominator.bit_length() - 1 - exponent, 0)
            row = [x << more for x in row]
            exponent += more
            row[-1] -= numerator * ((1 << exponent) // denominator)
        return row, exponent

    def label(self, label: int, sides: NDArray[np.bool_]) -> Row:
        """Return the form that vanishes on hyperplane `label`, or on side ``-1 - label``."""
        row, exponent = self.whole(label, sides)
        return [Fraction(x, 1 << exponent) for x in row]

    def outputs(self, sides: NDArray[np.bool_]) -> list[Row]:
        """Return the forms of the network's outputs."""
        forms, exponent = self._after_activation(len(self._layout.stages) - 1, sides)
        return [[Fraction(int(x), 2**exponent) for x in row] for row in forms]


def value_at(row: Sequence[Fraction | int], point: Sequence[Fraction]) -> Fraction:
    """Return the value of a form at a point."""
    terms = (a * x for a, x in zip(row[:-1], point, strict=True) if a)
    return sum(terms, Fraction(row[-1]))


def meeting_point(rows: Sequence[Sequence[Fraction | int]]) -> list[Fraction] | None:
    """Return the one point at which all `rows` vanish; None where there is none, or more than one.

    Elimination in integers, rows being forms up to a factor.  Once there are as many independent rows as
    dimensions, the others need only vanish at the point.
    """
    dim = len(rows[0]) - 1
    reduced: list[tuple[int, list[int]]] = []
    others = []
    for given in rows:
        row = _integers(given)
        if len(reduced) == dim:
            others.append(row)
            continue
        for column, other in reduced:
            if row[column]:
                p, q = other[column], row[column]
                row = [p * x - q * y for x, y in zip(row, other, strict=True)]
        pivot = next((k for k in range(dim) if row[k]), None)
        if pivot is None:
            if row[dim]:
                return None
            continue
        divisor = math.gcd(*row)
        row = [x // divisor for x in row]
        for i, (column, other) in enumerate(reduced):
            p, q = row[pivot], other[pivot]
            if q:
                mixed = [p * x - q * y for x, y in zip(other, row, strict=True)]
                reduced[i] = column, mixed
        reduced.append((pivot, row))
    if len(reduced) < dim:
        return None
    point = [Fraction(-row[dim], row[column]) for column, row in sorted(reduced)]
    scale = math.lcm(*(x.denominator for x in point))
    ends = [*(x.numerator * (scale // x.denominator) for x in point), scale]
    if any(sum(a * x for a, x in zip(row, ends, strict=True)) for row in others):
        return None
    return point


def _integers(row: Sequence[Fraction | int]) -> list[int]:
    """Return integers that are proportional to a row, by a positive factor."""
    if all(isinstance(x, int) for x in row):
        return list(row)  # type: ignore[arg-type]
    scale = math.lcm(*(x.denominator for x in row))
    return [x.numerator * (scale // x.denominator) for x in row]
