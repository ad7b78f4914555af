"""The exact tier of a check: a pattern's affine forms, points and values as rational numbers.

Written apart from `polyenum.cells.exact` on purpose: a mistake there must not hide itself here.
"""

from __future__ import annotations

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

    def label(self, label: int, sides: NDArray[np.bool_]) -> Row:
        """Return the form that vanishes on hyperplane `label`, or on side ``-1 - label``."""
        if label < 0:
            return [Fraction(x) for x in self._domain.sides[-1 - label]]
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
        row = [Fraction(int(x), 2**exponent) for x in form]
        row[-1] -= Fraction(float(own.thresholds[k]))
        return row

    def outputs(self, sides: NDArray[np.bool_]) -> list[Row]:
        """Return the forms of the network's outputs."""
        forms, exponent = self._after_activation(len(self._layout.stages) - 1, sides)
        return [[Fraction(int(x), 2**exponent) for x in row] for row in forms]


def value_at(row: Row, point: Sequence[Fraction]) -> Fraction:
    """Return the value of a form at a point."""
    return sum((a * x for a, x in zip(row[:-1], point, strict=True)), row[-1])


def meeting_point(rows: Sequence[Row]) -> list[Fraction] | None:
    """Return the one point at which all `rows` vanish; None where there is none, or more than one.

    Gaussian elimination in rational numbers.
    """
    dim = len(rows[0]) - 1
    reduced: list[tuple[int, Row]] = []
    for row in rows:
        rest = list(row)
        for column, other in reduced:
            if rest[column]:
                factor = rest[column]
                rest = [x - factor * y for x, y in zip(rest, other, strict=True)]
        pivot = next((k for k in range(dim) if rest[k]), None)
        if pivot is None:
            if rest[dim]:
                return None
            continue
        scale = rest[pivot]
        rest = [x / scale for x in rest]
        for i, (column, other) in enumerate(reduced):
            factor = other[pivot]
            if factor:
                reduced[i] = column, [x - factor * y for x, y in zip(other, rest, strict=True)]
        reduced.append((pivot, rest))
    if len(reduced) < dim:
        return None
    return [-row[dim] for _, row in sorted(reduced, key=lambda item: item[0])]
