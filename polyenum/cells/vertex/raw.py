"""The same tests without error bounds, for ``certified=False``: a float's sign is taken as it is."""

from __future__ import annotations

from polyenum.cells.compiled import compiled
from polyenum.cells.vertex.state import HAND, VERTICES


@compiled()
def classify_raw(dims, layer, h, t, s):
    """Do as `signs.classify`, with the sign of the rounded value; nothing is ever unsure."""
    d = len(dims)
    c = s.control
    n = t.row[layer + 1] - t.row[layer]
    z = t.form[layer] + t.hyper_row[h]
    constant = s.forms[z + d * n] - t.threshold[h]
    points = s.hand_points[c[HAND]]
    low, high = 0, 0
    for v in range(c[VERTICES]):
        value = constant
        for k in range(d):
            value += s.forms[z + k * n] * points[v, k]
        sign = (value > 0.0) - (value < 0.0)
        s.value[0, v] = value
        s.sign[v] = sign
        low += sign == -1
        high += sign == 1
    return low, high, 0


@compiled()
def test_box_raw(dims, layer, begin, end, t, s):
    """Do as `candidates.test_box`, for the box in ``bounds`` as it is."""
    d = len(dims)
    n = t.row[layer + 1] - t.row[layer]
    z, shift = t.form[layer], begin - t.hyper[layer]
    flags, sides = s.cuts_box[: end - begin], s.sides[begin:end]
    threshold = t.threshold[begin:end]
    constant = s.forms[z + d * n : z + (d + 1) * n]
    centre, half = s.bounds[0], s.bounds[1]
    if d == 2 and t.plain[layer]:
        x, y, dx, dy = centre[0], centre[1], half[0], half[1]
        a, b = s.forms[z + shift : z + n], s.forms[z + n + shift : z + 2 * n]
        c0 = constant[shift:]
        for h in range(end - begin):
            value = c0[h] + a[h] * x + b[h] * y - threshold[h]
            sides[h] = value > 0
            flags[h] = not abs(value) > abs(a[h]) * dx + abs(b[h]) * dy
        return
    middle, spread = s.box[0, :n], s.box[1, :n]
    for u in range(n):
        middle[u], spread[u] = constant[u], 0.0
    for k in range(d):
        row = s.forms[z + k * n : z + (k + 1) * n]
        for u in range(n):
            middle[u] += row[u] * centre[k]
            spread[u] += abs(row[u]) * half[k]
    for h in range(end - begin):
        u = t.hyper_row[begin + h]
        value = middle[u] - threshold[h]
        sides[h] = value > 0
        flags[h] = not abs(value) > spread[u]


@compiled()
def cut_edge_raw(dims, p, q, zp, zq, out):
    """Write the point where a form of values `zp` and `zq` vanishes between `p` and `q` to `out`."""
    d = len(dims)
    x, y = abs(zp), abs(zq)
    for k in range(d):
        out[k] = (p[k] * y + q[k] * x) / (x + y)
    out[d] = 0.0
