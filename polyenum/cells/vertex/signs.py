"""The sign of one hyperplane at every vertex of a cell, where float64 can prove it."""

from __future__ import annotations

import numpy as np

from polyenum.arithmetic.rounding import SMALLEST, UNIT
from polyenum.cells.compiled import compiled
from polyenum.cells.vertex.refine import sharpest
from polyenum.cells.vertex.state import HAND, LABELS, OVERRIDE, VERTICES


@compiled()
def classify(dims, layer, h, t, s):
    """Take the sign of hyperplane `h` at every vertex of the cell in hand.

    At a vertex ``v`` of radius ``r`` the value errs by at most
    ``gamma(d + 3) (|a| . |v| + |c| + |threshold|)`` (rounding of the sum),
    ``coef_error |v|_1 + const_error`` (rounding of the form), and ``(|a|_1 + d coef_error) r`` (the
    vertex).

    Returns
    -------
    low, high, unsure : int
        How many vertices lie below and above, and at how many the sign is not decided.
    """
    d = len(dims)
    c = s.control
    n = t.row[layer + 1] - t.row[layer]
    i = t.hyper_row[h]
    z = t.form[layer] + i
    forms = sharpest(layer, s)
    coef, const = s.coef_error[t.row[layer] + i], s.const_error[t.row[layer] + i]
    threshold = t.threshold[h]
    constant = forms[z + d * n]
    steep = d * coef
    for k in range(d):
        steep += abs(forms[z + k * n])
    gamma = (d + 4) * UNIT
    points = s.hand_points[c[HAND]]
    base = abs(constant) + abs(threshold)
    low, high, unsure = 0, 0, 0
    for v in range(c[VERTICES]):
        value, size, reach = constant, base, 0.0
        for k in range(d):
            term = forms[z + k * n] * points[v, k]
            value += term
            size += abs(term)
            reach += abs(points[v, k])
        value -= threshold
        error = (gamma * size + coef * reach + const + steep * points[v, d]) * (1 + 64 * UNIT)
        if steep > 0.0 and (reach > 0.0 or points[v, d] > 0.0):
            error += 8 * d * SMALLEST  # products may have underflowed
        sign = 0
        if value > error:
            sign = 1
        elif value < -error:
            sign = -1
        elif error > 0.0:
            sign = 2
            if c[OVERRIDE] == 1 and s.decided_sign[v] != 2:
                sign = s.decided_sign[v]
                value = s.decided_value[0, v]
                error = s.decided_value[1, v]
        s.value[0, v] = value
        s.value[1, v] = error
        s.sign[v] = sign
        low += sign == -1
        high += sign == 1
        unsure += sign == 2
    return low, high, unsure


@compiled()
def copy_signs(h, t, s):
    """Take the signs of hyperplane `h` from the earlier one in the same place, which is decided.

    Returns
    -------
    low, high : int
        How many vertices lie below and above; one of them is 0, since the twin has made its cut.
    """
    c = s.control
    twin, factor = t.twin[h, 0], t.twin[h, 1]
    bit = 0
    while bit < c[LABELS] and s.hand_labels[bit] != twin:
        bit += 1
    sign = factor * (1 if s.sides[twin] else -1)
    tight = 0
    for v in range(c[VERTICES]):
        on = bit < c[LABELS] and s.hand_masks[c[HAND], v, bit >> 6] >> np.uint64(
            bit & 63
        ) & np.uint64(1)
        s.sign[v] = 0 if on else sign
        tight += 1 if on else 0
    off = c[VERTICES] - tight
    return (off, 0) if sign < 0 else (0, off)
