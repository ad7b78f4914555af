"""The forms of the cell in hand in double the precision, where float64 proves nothing: in deep networks.

They stand beside those that the walk computes with: these are corrected from cut to cut, which only works as
long as nothing else changes them.  Signs, vertices and outputs are taken from the better ones.

A form is carried through the layers as an unevaluated sum ``high + low`` of two float64 numbers (Dekker,
"A floating-point technique for extending the available precision", Numer. Math. 18, 1971), for the sides of
the cell in hand; at the end the high part stands for it.  So its error is one rounding of the form itself, where
`tighten` has one of every term of every layer.

The bound
---------
Adding one product ``a b`` to a sum, with ``a`` such a pair and ``b`` a float64 number, is: the product of the high
parts and its error, exactly; the product of the low part, rounded; two additions to the low part, rounded; and
the renormalisation, exact.  Each rounding is of a number of at most ``4 u`` times the sum or the term, so all
together err by at most ``16 u^2`` times the sum of absolute terms.  With ``k`` terms and four operations
for slope and intercept ``16 (k + 4) u^2`` covers all.  Where a product is so small that its error term
underflows, a few times the smallest number are lost; ``8 (k + 4)`` times it, and times the weight where it is
multiplied on, are added.
"""

from __future__ import annotations

from polyenum.arithmetic.rounding import INFLATE, SMALLEST, UNIT
from polyenum.cells.compiled import compiled

# Beyond this a factor is not split into halves without overflow.
_LARGEST = 2.0**900


@compiled(fastmath=False, inline="always")
def product_error(a, b, product):
    """Return the rounding error of ``a * b``, exactly (Veltkamp and Dekker)."""
    c = 134217729.0 * a
    a_high = c - (c - a)
    a_low = a - a_high
    c = 134217729.0 * b
    b_high = c - (c - b)
    b_low = b - b_high
    return ((a_high * b_high - product) + a_high * b_low + a_low * b_high) + a_low * b_low


@compiled(inline="always")
def sharpest(layer, s):
    """Return the best forms of a layer: those of double precision where they are there."""
    if s.refined[layer]:
        return s.high
    return s.forms


@compiled(fastmath=False)
def refine(dims, layer, t, s):
    """Compute the forms of all layers up to `layer` afresh, with bounds for the cell in hand.

    Returns
    -------
    bool
        Whether any was not computed so already.
    """
    better = False
    if not s.refined[0]:
        for k in range(t.form[1]):
            s.high[k], s.low[k] = t.first[k], 0.0
        for i in range(t.row[1]):
            s.fine_coef[i], s.fine_const[i] = t.coef_error[i], t.const_error[i]
        s.refined[0] = 1
    for below in range(layer):
        if s.refined[below + 1]:
            continue
        add_terms(dims, below, t, s)
        if not bound_high(dims, below + 1, t, s):
            return better
        s.refined[below + 1] = 1
        better = True
    return better


@compiled(fastmath=False)
def add_terms(dims, layer, t, s):
    """Compute the forms of ``layer + 1`` in pairs, from those of `layer`, and the bounds on their errors."""
    d = len(dims)
    n, m = t.row[layer + 1] - t.row[layer], t.row[layer + 2] - t.row[layer + 1]
    base, above = t.row[layer], t.row[layer + 1]
    z, out = t.form[layer], t.form[layer + 1]
    weight, shift = t.weight_at[layer], t.target_at[layer] - t.weight_at[layer]
    coef, const = s.fine_coef[above : above + m], s.fine_const[above : above + m]
    sizes, terms, extent = s.fine_work[0], s.fine_work[1], s.fine_work[2]
    const_sizes = s.fine_work[3]
    for u in range(m):
        coef[u], const[u], sizes[u], terms[u], extent[u] = 0.0, 0.0, 0.0, 4.0, 1.0
        const_sizes[u] = abs(t.bias[above + u])
        for k in range(d + 1):
            s.high[out + k * m + u] = t.bias[above + u] if k == d else 0.0
            s.low[out + k * m + u] = 0.0
    for i in range(n):
        at, end = t.first_hyper[base + i], t.first_hyper[base + i + 1]
        piece = at + base + i
        for h in range(at, end):
            piece += s.sides[h]
        slope, intercept = t.slope[piece], t.intercept[piece]
        if slope == 0.0 and intercept == 0.0:
            continue
        largest, constant = 0.0, 0.0
        for k in range(d + 1):
            a, b = s.high[z + k * n + i], s.low[z + k * n + i]
            if slope != 1.0:
                p = a * slope
                b = b * slope + product_error(a, slope, p)
                a = p
            if k == d and intercept != 0.0:
                total = a + intercept
                part = total - a
                b += (a - (total - part)) + (intercept - part)
                a = total
            s.pair[0, k], s.pair[1, k] = a, b
            if k < d:
                largest = max(largest, abs(a) + abs(b))
            else:
                constant = abs(a) + abs(b) + 2 * abs(intercept)
        steep = abs(slope)
        own_coef = steep * s.fine_coef[base + i]
        own_const = steep * s.fine_const[base + i] + t.intercept_error[piece]
        begin = t.entry[base + i] if t.sparse[layer] else weight + i * m
        stop = t.entry_end[base + i] if t.sparse[layer] else weight + (i + 1) * m
        for k in range(d + 1):
            a, b = s.pair[0, k], s.pair[1, k]
            row = out + k * m
            for e in range(begin, stop):
                u = t.target[e + shift] if t.sparse[layer] else e - begin
                w = t.weight[e]
                p = a * w
                rest = product_error(a, w, p) + b * w
                high = s.high[row + u]
                total = high + p
                part = total - high
                low = s.low[row + u] + (((high - (total - part)) + (p - part)) + rest)
                s.high[row + u] = total + low
                s.low[row + u] = low - (s.high[row + u] - total)
        for e in range(begin, stop):
            u = t.target[e + shift] if t.sparse[layer] else e - begin
            w = abs(t.weight[e])
            coef[u] += w * own_coef
            const[u] += w * own_const
            sizes[u] += w * largest
            const_sizes[u] += w * constant
            terms[u] += 1.0
            extent[u] += w
    for u in range(m):
        rounding = 16 * terms[u] * UNIT * UNIT
        tiny = 8 * terms[u] * SMALLEST * extent[u]
        coef[u] = (coef[u] + rounding * sizes[u] + tiny) * INFLATE
        const[u] = (const[u] + rounding * const_sizes[u] + tiny) * INFLATE


@compiled(fastmath=False)
def bound_high(dims, layer, t, s):
    """Bound the errors of the high parts alone, which stand for the forms of `layer` from now on.

    Returns
    -------
    bool
        False where a number is too large to be split.
    """
    d = len(dims)
    n, z, row = t.row[layer + 1] - t.row[layer], t.form[layer], t.row[layer]
    for k in range((d + 1) * n):
        if not abs(s.high[z + k]) < _LARGEST:
            return False
    for i in range(n):
        largest = 0.0
        for k in range(d):
            largest = max(largest, abs(s.high[z + k * n + i]))
        constant = abs(s.high[z + d * n + i])
        coef = s.fine_coef[row + i] + UNIT * largest
        const = s.fine_const[row + i] + UNIT * constant
        s.coef_error[row + i] = coef * INFLATE + SMALLEST
        s.const_error[row + i] = const * INFLATE + SMALLEST
    return True
