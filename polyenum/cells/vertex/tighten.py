"""Bounds on the forms of the cell in hand, where those for the whole domain do not suffice.

The bounds of `tables` hold for every activation pattern, so they add up all weights; by the sixth layer
they are a thousand times larger than the sum over the units that are on.  For one cell the derivation is
the same, but with that cell's own forms ``A``, ``C``, the slopes ``s`` of the pieces that it is on, and
rounding only from the terms that were added and taken away again: those of the guess, and of the
hyperplanes that could cut (`candidates`).

These are bounds for ``forms``, from which the next layer's are computed.  Where those of double precision are
there (`refine`), signs are taken from them, with their bounds; the next layer's own build on ``plain``.
"""

from __future__ import annotations

from polyenum.arithmetic.rounding import INFLATE, SMALLEST, UNIT
from polyenum.cells.compiled import compiled


@compiled()
def loosen(layer, t, s):
    """Take the bounds for the whole domain again: a new cell enters `layer`."""
    s.ties_known[layer] = 0
    if s.tight[layer] or s.refined[layer]:
        s.tight[layer] = s.refined[layer] = 0
        for i in range(t.row[layer], t.row[layer + 1]):
            s.coef_error[i] = s.plain_coef[i] = t.coef_error[i]
            s.const_error[i] = s.plain_const[i] = t.const_error[i]


@compiled()
def tighten(dims, layer, t, s):
    """Bound the errors of the forms of all layers up to `layer` for the cell in hand.

    Returns
    -------
    bool
        Whether any bound was not tight already.
    """
    better = False
    for below in range(layer):
        if s.tight[below + 1]:
            continue
        tighten_next(dims, below, t, s)
        s.tight[below + 1] = 1
        if not s.refined[below + 1]:
            for i in range(t.row[below + 1], t.row[below + 2]):
                s.coef_error[i], s.const_error[i] = s.plain_coef[i], s.plain_const[i]
            better = True
    return better


@compiled()
def tighten_next(dims, layer, t, s):
    """Bound the errors of the forms of ``layer + 1``, whose cell has all its sides of `layer`."""
    d = len(dims)
    n, m = t.row[layer + 1] - t.row[layer], t.row[layer + 2] - t.row[layer + 1]
    base, z = t.row[layer], t.form[layer]
    first = t.hyper[layer]
    active, varied = s.active, s.outer[0]
    for i in range(n):
        varied[i] = 0.0
    count = s.candidate_count[layer]
    for j in range(first, first + count):
        varied[t.hyper_row[s.candidates[j]]] += 1.0
    if t.maxima[layer]:
        # Two corrections for each maximum, of any of its rivals.
        for h in range(first, t.hyper[layer + 1]):
            if t.group_first[h] >= 0 and s.rival[h]:
                varied[t.hyper_row[h]] += 1.0
                count += 1
    # Per coordinate: what its errors are multiplied by, and the size of what was added up.
    coef, const, coef_size, const_size = (
        s.tight_work[0],
        s.tight_work[1],
        s.tight_work[2],
        s.tight_work[3],
    )
    terms = 0
    for i in range(n):
        at, end = t.first_hyper[base + i], t.first_hyper[base + i + 1]
        piece = at + base + i
        lowest, highest = piece, piece + end - at
        for h in range(at, end):
            piece += s.sides[h]
        steep, high = abs(t.slope[piece]), abs(t.intercept[piece])
        coef[terms] = steep * s.plain_coef[base + i]
        const[terms] = steep * s.plain_const[base + i]
        if varied[i] > 0.0:
            for other in range(lowest, highest + 1):
                steep = max(steep, abs(t.slope[other]))
                high = max(high, abs(t.intercept[other]))
        if steep == 0.0 and high == 0.0:
            continue
        largest = 0.0
        for k in range(d):
            largest = max(largest, abs(s.forms[z + k * n + i]))
        coef_size[terms] = steep * (largest + s.plain_coef[base + i])
        const_size[terms] = steep * (abs(s.forms[z + d * n + i]) + s.plain_const[base + i]) + high
        active[terms] = i
        terms += 1
    if t.sparse[layer]:
        tighten_sparse(layer, terms, coef, const, coef_size, const_size, varied, t, s)
        return
    rounds = (terms + count + 8) * UNIT
    gamma = 4 * rounds / (1 - rounds)
    weight = t.weight[t.weight_at[layer] : t.weight_at[layer + 1]]
    for u in range(m):
        bias = abs(t.bias[t.row[layer + 1] + u])
        a, c, extent = 0.0, gamma * bias, 1.0
        for j in range(terms):
            w = abs(weight[active[j] * m + u])
            a += w * (coef[j] + gamma * coef_size[j])
            c += w * (const[j] + gamma * const_size[j])
            extent += w
        tiny = 8 * (terms + count + 8) * SMALLEST * extent
        own = t.row[layer + 1] + u
        s.plain_coef[own] = min(t.coef_error[own], (a + tiny) * INFLATE)
        s.plain_const[own] = min(t.const_error[own], (c + tiny) * INFLATE)


@compiled()
def tighten_sparse(layer, terms, coef, const, coef_size, const_size, varied, t, s):
    """Do the last part of `tighten_next` for sparse weights."""
    m = t.row[layer + 2] - t.row[layer + 1]
    base, above = t.row[layer], t.row[layer + 1]
    coef_error, const_error = s.plain_coef[above : above + m], s.plain_const[above : above + m]
    rounds, extent = s.box[0], s.box[1]
    shift = t.target_at[layer] - t.weight_at[layer]
    for u in range(m):
        rounds[u], extent[u] = 8.0, 1.0
    for j in range(terms):
        i = s.active[j]
        for e in range(t.entry[base + i], t.entry_end[base + i]):
            rounds[t.target[e + shift]] += 1.0 + varied[i]
    for u in range(m):
        coef_error[u] = 0.0
        const_error[u] = sum_bound(rounds[u]) * abs(t.bias[above + u])
    for j in range(terms):
        i = s.active[j]
        for e in range(t.entry[base + i], t.entry_end[base + i]):
            u, w = t.target[e + shift], abs(t.weight[e])
            gamma = sum_bound(rounds[u])
            coef_error[u] += w * (coef[j] + gamma * coef_size[j])
            const_error[u] += w * (const[j] + gamma * const_size[j])
            extent[u] += w
    for u in range(m):
        tiny = 8 * rounds[u] * SMALLEST * extent[u]
        coef_error[u] = min(t.coef_error[above + u], (coef_error[u] + tiny) * INFLATE)
        const_error[u] = min(t.const_error[above + u], (const_error[u] + tiny) * INFLATE)


@compiled()
def sum_bound(rounds):
    """Return four times Higham's gamma."""
    return 4 * rounds * UNIT / (1 - rounds * UNIT)
