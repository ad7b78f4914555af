"""The walk over vertex cells, compiled: depth first, one cell in hand, the others on a stack.

A cell holds, in flat arrays,

- its vertices: coordinates and a radius, the largest error of any coordinate, in one row of
  ``dim + 1`` numbers; in 2-D they are in cyclic order;
- for each vertex a bitmask of the hyperplanes that are tight there, ``words`` 64-bit words wide;
- ``labels``: bit ``k`` of the masks is hyperplane ``labels[k]``, a hyperplane of the network if it is
  at least 0 and side ``-1 - labels[k]`` of the domain if not.  The list is complete: what only
  touches the cell, or vanishes on all of it, is in it as well.

The forms of layer ``l`` are the same for all cells that come from one cell entering layer ``l``; they
stand in ``forms[form[l]:]``.  Those of layer ``l + 1`` belong to the cell in hand: neighbouring cells'
forms differ by rank one, so a cut or a decided sign corrects them by one outer product, and a
pending cell takes a copy along to the stack.

Signs are taken from float64 only beyond their error bounds (`tables` derives the forms' bounds,
`vertex_value` and `cut_edge` the vertices').  Where a bound does not suffice the walk returns
``UNDECIDED``; the caller decides exactly, writes its answer into ``decided_*``, and calls again.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from polyenum.cells.array_table import ArrayTable
from polyenum.cells.compiled import compiled, popcount
from polyenum.cells.vertex.tables import Tables

DONE, BUDGET, OUTPUT_FULL, UNDECIDED, GROW, MORE_WORDS = range(6)

# The slots of `control`, the walk's few counters.
(
    DEPTH,  # pending cells on the stack
    BASE,  # the lowest of them that is still to be walked here
    IN_HAND,  # NOTHING, A_CELL or A_ROOT
    LAYER,
    NEXT,  # next candidate of the layer
    VERTICES,  # vertices of the cell in hand
    LABELS,
    CUTS,  # cuts that led to the cell in hand
    HAND,  # which of the two buffers holds it
    TOP_VERTEX,  # stack tops
    TOP_LABEL,
    TOP_SIDE,
    TOP_FORM,
    OUT_REGIONS,
    OUT_VERTICES,
    OUT_LABELS,
    REGIONS,  # regions found in this call
    FLOAT_SIGNS,
    UNDECIDED_AT,  # the hyperplane whose sign is not decided
    OVERRIDE,  # 1 when decided_* hold answers for it
    CONTROL_SIZE,
) = range(21)

NOTHING, A_CELL, A_ROOT = range(3)  # a root: a cell from elsewhere, its forms yet to be computed

# The columns of `pending`.
(P_VERTEX, P_VERTICES, P_LABEL, P_LABELS, P_SIDE, P_FORM, P_LAYER, P_NEXT, P_CUTS, P_SIZE) = range(10)

UNIT = 2.0**-53
SMALLEST = 5e-324
LOW, HIGH = 1e-120, 1e120  # between these no product of two numbers under- or overflows


class State(ArrayTable):
    """Everything that the walk changes; `Walker` makes it and grows it."""

    layout = {
        "control": ("int64", 1),
        "done": ("float64", 1),  # [finished share of the tree]
        "sides": ("uint8", 1),  # per hyperplane: 1 where the cell in hand lies above it
        "side_words": ("uint64", 1),  # the same memory, eight sides a word
        "forms": ("float64", 1),
        "candidates": ("int64", 1),  # hyperplanes to test, layer l from hyper[l]
        "candidate_count": ("int64", 1),
        "box": ("float64", 2),  # (2, widest layer): scratch
        "bounds": ("float64", 2),  # (2, dim): scratch
        "active": ("int64", 1),  # (widest layer): scratch
        "scale": ("float64", 1),  # (widest layer): scratch
        "outer": ("float64", 2),  # (dim + 1, widest layer): scratch
        "cuts_box": ("uint8", 1),  # (hyperplanes of the widest layer + 8): scratch, flags
        "cuts_box_words": ("uint64", 1),  # the same memory, eight flags a word
        "hand_points": ("float64", 3),  # (2, capacity, dim + 1)
        "hand_masks": ("uint64", 3),  # (2, capacity, words)
        "hand_labels": ("int32", 1),  # (capacity of labels)
        "used": ("uint64", 1),  # (words): scratch
        "kept_before": ("int64", 1),  # (words): scratch
        "value": ("float64", 2),  # (2, capacity): value and its bound at each vertex
        "sign": ("int8", 1),
        "decided_value": ("float64", 2),  # (2, capacity): exact answers, rounded, and bound
        "decided_sign": ("int8", 1),  # 2: no answer
        "solve": ("float64", 3),  # scratch of `solve_vertex`
        "pending": ("int64", 2),  # (capacity, P_SIZE)
        "stack_points": ("float64", 2),
        "stack_masks": ("uint64", 2),
        "stack_labels": ("int32", 1),
        "stack_sides": ("uint8", 1),
        "stack_forms": ("float64", 1),
        "out_sides": ("uint8", 2),  # (capacity, bytes): eight sides a byte, the first in bit 0
        "out_forms": ("float64", 2),  # (capacity, (dim + 1) * outputs)
        "out_vertex_end": ("int64", 1),
        "out_label_end": ("int64", 1),
        "out_points": ("float64", 2),  # (capacity, dim)
        "out_masks": ("uint64", 2),  # (capacity, words)
        "out_labels": ("int32", 1),
    }


@compiled()
def copy(source, start, target, to, count):
    """Copy ``source[start : start + count]`` to ``target[to:]``."""
    a, b = source[start : start + count], target[to : to + count]
    for k in range(count):
        b[k] = a[k]


@compiled()
def start_next(dims, layer, t, s):
    """Compute the forms of ``layer + 1`` from scratch, for the sides in ``sides``."""
    d = len(dims)
    n, m = t.row[layer + 1] - t.row[layer], t.row[layer + 2] - t.row[layer + 1]
    z, out = t.form[layer], t.form[layer + 1]
    weight = t.weight[t.weight_at[layer] : t.weight_at[layer + 1]]
    slope, intercept = s.box[0], s.box[1]
    active = s.active
    count = 0
    base = t.row[layer]
    if t.plain[layer]:
        sides = s.sides[t.hyper[layer] : t.hyper[layer] + n]
        slope0, slope1 = t.first_slope[base : base + n], t.last_slope[base : base + n]
        intercept0 = t.first_intercept[base : base + n]
        intercept1 = t.last_intercept[base : base + n]
        for i in range(n):
            slope[i] = slope1[i] if sides[i] else slope0[i]
            intercept[i] = intercept1[i] if sides[i] else intercept0[i]
    else:
        for i in range(n):
            at, end = t.first_hyper[base + i], t.first_hyper[base + i + 1]
            piece = at + base + i
            for h in range(at, end):
                piece += s.sides[h]
            slope[i] = t.slope[piece]
            intercept[i] = t.intercept[piece]
    if m < 8:
        # Too few outputs to vectorise over: a dot product for each.
        for u in range(m):
            for i in range(n):
                s.scale[i] = slope[i] * weight[i * m + u]
            for k in range(d + 1):
                row = s.forms[z + k * n : z + (k + 1) * n]
                s.forms[out + k * m + u] = dot(s.scale, row, n)
            for i in range(n):
                s.scale[i] = weight[i * m + u]
            constant = dot(s.scale, intercept, n) + t.bias[t.row[layer + 1] + u]
            s.forms[out + d * m + u] += constant
        return
    for i in range(n):
        active[count] = i
        count += slope[i] != 0.0 or intercept[i] != 0.0
    for k in range(d + 1):
        row = s.forms[out + k * m : out + (k + 1) * m]
        own = s.forms[z + k * n : z + (k + 1) * n]
        terms = s.outer[k]
        for j in range(count):
            terms[j] = slope[active[j]] * own[active[j]]
        if k == d:
            for j in range(count):
                terms[j] += intercept[active[j]]
            copy(t.bias, t.row[layer + 1], row, 0, m)
        else:
            for u in range(m):
                row[u] = 0.0
    for k in range(0, d - 1, 3):
        add_rows_to_three(s.forms, out + k * m, m, weight, s.outer, k, active, count)
    for k in range((d + 1) - (d + 1) % 3, d + 1):
        add_rows(s.forms, out + k * m, m, weight, s.outer, k, active, count)


@compiled(fastmath={"contract", "reassoc", "nsz"})
def dot(x, y, n):
    """Return the sum of ``x[i] * y[i]``, in any order."""
    total = 0.0
    for i in range(n):
        total += x[i] * y[i]
    return total


@compiled()
def add_rows_to_three(forms, at, m, weight, outer, k, active, count):
    """Add to three rows of ``forms``, from ``at``, an outer product: four coordinates at a time.

    So many that a pass does twelve multiply-adds for seven loads and three stores; one row at a time
    it is two loads a multiply-add.
    """
    row0, row1, row2 = forms[at : at + m], forms[at + m : at + 2 * m], forms[at + 2 * m : at + 3 * m]
    whole = count - count % 4
    for j in range(0, whole, 4):
        a0, a1, a2, a3 = outer[k, j], outer[k, j + 1], outer[k, j + 2], outer[k, j + 3]
        b0, b1, b2, b3 = outer[k + 1, j], outer[k + 1, j + 1], outer[k + 1, j + 2], outer[k + 1, j + 3]
        c0, c1, c2, c3 = outer[k + 2, j], outer[k + 2, j + 1], outer[k + 2, j + 2], outer[k + 2, j + 3]
        w0 = weight[active[j] * m : (active[j] + 1) * m]
        w1 = weight[active[j + 1] * m : (active[j + 1] + 1) * m]
        w2 = weight[active[j + 2] * m : (active[j + 2] + 1) * m]
        w3 = weight[active[j + 3] * m : (active[j + 3] + 1) * m]
        for u in range(m):
            x0, x1, x2, x3 = w0[u], w1[u], w2[u], w3[u]
            row0[u] += a0 * x0 + a1 * x1 + a2 * x2 + a3 * x3
            row1[u] += b0 * x0 + b1 * x1 + b2 * x2 + b3 * x3
            row2[u] += c0 * x0 + c1 * x1 + c2 * x2 + c3 * x3
    for j in range(whole, count):
        w = weight[active[j] * m : (active[j] + 1) * m]
        a, b, c = outer[k, j], outer[k + 1, j], outer[k + 2, j]
        for u in range(m):
            row0[u] += a * w[u]
            row1[u] += b * w[u]
            row2[u] += c * w[u]


@compiled()
def add_rows(forms, at, m, weight, outer, k, active, count):
    """Do as `add_rows_to_three` for one row."""
    row = forms[at : at + m]
    whole = count - count % 4
    for j in range(0, whole, 4):
        a0, a1, a2, a3 = outer[k, j], outer[k, j + 1], outer[k, j + 2], outer[k, j + 3]
        w0 = weight[active[j] * m : (active[j] + 1) * m]
        w1 = weight[active[j + 1] * m : (active[j + 1] + 1) * m]
        w2 = weight[active[j + 2] * m : (active[j + 2] + 1) * m]
        w3 = weight[active[j + 3] * m : (active[j + 3] + 1) * m]
        for u in range(m):
            row[u] += a0 * w0[u] + a1 * w1[u] + a2 * w2[u] + a3 * w3[u]
    for j in range(whole, count):
        w = weight[active[j] * m : (active[j] + 1) * m]
        a = outer[k, j]
        for u in range(m):
            row[u] += a * w[u]


@compiled()
def correct_next(dims, layer, h, direction, t, s):
    """Change the next layer's forms by what crossing hyperplane `h` changes.

    ``direction`` is 1 for crossing upwards, -1 downwards: the rank-one term
    ``direction * outgoing weights (x) (slope jump * form + intercept jump)``.
    """
    d = len(dims)
    n, m = t.row[layer + 1] - t.row[layer], t.row[layer + 2] - t.row[layer + 1]
    i, out = t.hyper_row[h], t.form[layer + 1]
    w = t.weight[t.weight_at[layer] + i * m : t.weight_at[layer] + (i + 1) * m]
    for k in range(d + 1):
        jump = t.slope_jump[h] * s.forms[t.form[layer] + k * n + i]
        if k == d:
            jump += t.intercept_jump[h]
        jump *= direction
        row = s.forms[out + k * m : out + (k + 1) * m]
        for u in range(m):
            row[u] += jump * w[u]


@compiled()
def find_candidates(dims, layer, first, t, s):
    """Find which hyperplanes of `layer`, from `first` on, can cut the cell in hand.

    Sides of the others, and a guess for the candidates' (that at the bounding box's centre), go to
    ``sides``.

    A form is ``a . centre + c`` at the centre and changes by at most ``|a| . half`` within the box;
    the box holds the true cell, since it is widened by the vertices' radii.  Rounding of the value at
    the centre is at most ``gamma(dim + 3) (|a| . |centre| + |c| + |threshold|)``.
    """
    d = len(dims)
    c = s.control
    n = t.row[layer + 1] - t.row[layer]
    z = t.form[layer]
    points = s.hand_points[c[HAND]]
    count = c[VERTICES]
    begin, end = max(first, t.hyper[layer]), t.hyper[layer + 1]
    shift = begin - t.hyper[layer]
    flags, sides = s.cuts_box[: end - begin], s.sides[begin:end]
    threshold = t.threshold[begin:end]
    gamma = (d + 6) * UNIT
    reach = 0.0
    centre, half = s.bounds[0], s.bounds[1]
    for k in range(d):
        low, high, radius = points[0, k], points[0, k], 0.0
        for v in range(count):
            low = min(low, points[v, k])
            high = max(high, points[v, k])
            radius = max(radius, points[v, d])
        centre[k] = low + 0.5 * (high - low)
        wide = (max(high - centre[k], centre[k] - low) + radius) * (1 + 8 * UNIT) + SMALLEST
        size = wide + abs(centre[k])
        reach += size * (1 + 8 * UNIT)
        half[k] = wide + gamma * size
    constant = s.forms[z + d * n : z + (d + 1) * n]
    coef_error = t.coef_error[t.row[layer] : t.row[layer + 1]]
    const_error = t.const_error[t.row[layer] : t.row[layer + 1]]
    if d == 2 and t.plain[layer]:
        # All in one pass, which vectorises: half the time of the general way below.
        x, y, dx, dy = centre[0], centre[1], half[0], half[1]
        a = s.forms[z + shift : z + n]
        b = s.forms[z + n + shift : z + 2 * n]
        c0, e0, e1 = constant[shift:], const_error[shift:], coef_error[shift:]
        for h in range(end - begin):
            value = c0[h] + a[h] * x + b[h] * y - threshold[h]
            slack = (abs(c0[h]) + abs(threshold[h])) * gamma + e0[h] + e1[h] * reach
            slack += abs(a[h]) * dx + abs(b[h]) * dy
            sides[h] = value > 0
            flags[h] = not abs(value) * (1 - 8 * UNIT) > slack * (1 + 64 * UNIT) + 2 * SMALLEST
    else:
        middle, spread = s.box[0, :n], s.box[1, :n]
        for u in range(n):
            middle[u] = constant[u]
            spread[u] = abs(constant[u]) * gamma + const_error[u] + coef_error[u] * reach
        for k in range(d):
            row = s.forms[z + k * n : z + (k + 1) * n]
            x, dx = centre[k], half[k]
            for u in range(n):
                middle[u] += row[u] * x
                spread[u] += abs(row[u]) * dx
        for h in range(end - begin):
            u = t.hyper_row[begin + h]
            value = middle[u] - threshold[h]
            slack = spread[u] + abs(threshold[h]) * gamma
            sides[h] = value > 0
            flags[h] = not abs(value) * (1 - 8 * UNIT) > slack * (1 + 64 * UNIT) + d * SMALLEST
    found = t.hyper[layer]
    for h in range(end - begin, end - begin + 8):
        s.cuts_box[h] = 0
    for word in range((end - begin + 7) // 8):
        if s.cuts_box_words[word] == 0:
            continue
        for h in range(8 * word, 8 * word + 8):
            if s.cuts_box[h]:
                s.candidates[found] = begin + h
                found += 1
    s.candidate_count[layer] = found - t.hyper[layer]


@compiled()
def label_form(dims, label, t, s, out):
    """Write the form that vanishes on hyperplane `label` to ``out``; return bounds on its error.

    Returns
    -------
    coef_error, const_error : float
        The sides of the domain are rounded once, relative to a largest entry of 1.
    """
    d = len(dims)
    if label < 0:
        for k in range(d + 1):
            out[k] = t.sides[-1 - label, k]
        return UNIT, UNIT * abs(out[d]) + SMALLEST
    layer = 0
    while t.hyper[layer + 1] <= label:
        layer += 1
    n = t.row[layer + 1] - t.row[layer]
    i = t.hyper_row[label]
    for k in range(d + 1):
        out[k] = s.forms[t.form[layer] + k * n + i]
    out[d] -= t.threshold[label]
    return (
        t.coef_error[t.row[layer] + i],
        t.const_error[t.row[layer] + i] + UNIT * abs(out[d]) + SMALLEST,
    )


@compiled()
def solve_vertex(dims, labels, mask, t, s, point):
    """Solve a vertex afresh from d of its tight hyperplanes; keep it if its bound is smaller.

    Bounds that compound over cuts are reset so.  With the float system ``M x = r``, an approximate
    inverse ``B`` and any approximate solution ``x``, the exact solution ``x*`` of the exact system
    ``(M + dM) x* = r + dr`` satisfies ``|x* - x| <= |B| rho / (1 - beta)`` in the largest norm, where
    ``rho`` bounds ``|(M + dM) x - (r + dr)|`` and ``beta`` bounds the norm of ``I - B (M + dM)``
    (Rump, "Verification methods", Acta Numerica 19, 2010, section 10).  Both are computed below with
    all their own rounding: gamma(d + 3) times the sum of absolute terms.
    """
    d = len(dims)
    a, b = s.solve[0], s.solve[1]  # the system, and its inverse
    work, error, form = s.solve[2], s.solve[3, 0], s.solve[3, 1]
    used = 0
    # Gauss-Jordan with full row exchange, one tight hyperplane at a time; dependent ones fall out.
    for bit in range(len(labels)):
        if used == d:
            break
        if not (mask[bit >> 6] >> np.uint64(bit & 63)) & np.uint64(1):
            continue
        coef, const = label_form(dims, labels[bit], t, s, form)
        largest = 0.0
        for k in range(d):
            largest = max(largest, abs(form[k]))
        if not largest > 0.0:
            continue
        for k in range(d + 1):
            a[used, k] = form[k] / largest
        error[2 * used] = coef / largest * (1 + 8 * UNIT) + 2 * UNIT
        error[2 * used + 1] = const / largest * (1 + 8 * UNIT) + 2 * UNIT * abs(a[used, d])
        # Reduce a copy by the pivots found so far, to see whether it is independent of them.
        for k in range(d):
            work[used, k] = a[used, k]
            work[used, d + 1 + k] = 0.0
        work[used, d + 1 + used] = 1.0
        for p in range(used):
            column = int(work[p, d])
            f = work[used, column]
            if f != 0.0:
                for k in range(d):
                    work[used, k] -= f * work[p, k]
                    work[used, d + 1 + k] -= f * work[p, d + 1 + k]
        column = 0
        for k in range(d):
            if abs(work[used, k]) > abs(work[used, column]):
                column = k
        pivot = work[used, column]
        if not abs(pivot) > 64 * UNIT:  # only a guess which rows to use: what follows proves or gives up
            continue
        for k in range(d):
            work[used, k] /= pivot
            work[used, d + 1 + k] /= pivot
        work[used, d] = column
        for p in range(used):
            f = work[p, column]
            if f != 0.0:
                for k in range(d):
                    work[p, k] -= f * work[used, k]
                    work[p, d + 1 + k] -= f * work[used, d + 1 + k]
        used += 1
    if used < d:
        return
    for p in range(d):
        column = int(work[p, d])
        for k in range(d):
            b[column, k] = work[p, d + 1 + k]
    x = form
    for k in range(d):
        x[k] = 0.0
        for i in range(d):
            x[k] -= b[k, i] * a[i, d]
    # One step of refinement, then the residual's bound.
    rho = s.solve[3, 2]
    for turn in range(2):
        for i in range(d):
            r, size, reach = a[i, d], abs(a[i, d]), 0.0
            for k in range(d):
                r += a[i, k] * x[k]
                size += abs(a[i, k] * x[k])
                reach += abs(x[k])
            rho[i] = r
            if turn == 1:
                rho[i] = (
                    abs(r) + (d + 4) * UNIT * size + error[2 * i] * reach + error[2 * i + 1]
                ) * (1 + 64 * UNIT) + 8 * d * SMALLEST
        if turn == 0:
            for k in range(d):
                step = 0.0
                for i in range(d):
                    step += b[k, i] * rho[i]
                x[k] -= step
    beta, bound = 0.0, 0.0
    for k in range(d):
        row_sum, total = 0.0, 0.0
        for j in range(d):
            r = 1.0 if j == k else 0.0
            size = r
            for i in range(d):
                r -= b[k, i] * a[i, j]
                size += abs(b[k, i] * a[i, j]) * (d + 4) * UNIT + abs(b[k, i]) * error[2 * i]
            row_sum += abs(r) + size - (1.0 if j == k else 0.0) + (d + 4) * UNIT
        for i in range(d):
            total += abs(b[k, i]) * rho[i]
        beta = max(beta, row_sum * (1 + 64 * UNIT))
        bound = max(bound, total)
    if not beta < 0.5:
        return
    bound = bound / (1 - beta) * (1 + 64 * UNIT)
    if bound < point[d]:
        for k in range(d):
            point[k] = x[k]
        point[d] = bound


@compiled()
def cut_edge(dims, p, q, zp, ep, zq, eq, out):
    """Write the point where a form vanishes between vertices `p` and `q`, and its radius, to `out`.

    The form's values are ``zp`` and ``zq``, of opposite signs, within ``ep`` and ``eq``.  Put
    ``x = |zp|``, ``y = |zq|``, ``D = x + y``.  The true fraction of the edge is ``x' / (x' + y')`` with
    ``|x' - x| <= ep`` and ``|y' - y| <= eq``, so it differs from ``x / D`` by at most
    ``(ep y + eq x) / (D (D - ep - eq))``, and by 1 in any case.  The true point is a convex
    combination of the true ends; hence the radius: the larger of the ends', the edge's length times
    that error, and the rounding of the formula, ``8 u`` times the larger end's size.
    """
    d = len(dims)
    x, y = abs(zp), abs(zq)
    total = x + y
    fraction = x / total
    gap = total - ep - eq
    slip = 1.0
    if gap > 0.0:
        slip = min(1.0, (ep * (y / total) + eq * fraction) / gap * (1 + 32 * UNIT) + 8 * UNIT)
    length, size = 0.0, 0.0
    for k in range(d):
        length = max(length, abs(q[k] - p[k]))
        size = max(size, max(abs(p[k]), abs(q[k])))
    if LOW < total < HIGH and LOW < size < HIGH:
        # Exact whenever the numbers are short, as with integer weights.
        for k in range(d):
            out[k] = (p[k] * y + q[k] * x) / total
    else:
        for k in range(d):
            out[k] = p[k] * (y / total) + q[k] * fraction
    out[d] = (
        max(p[d], q[d]) + slip * (length + p[d] + q[d]) + 8 * UNIT * size
    ) * (1 + 32 * UNIT) + 4 * SMALLEST


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
    coef, const = t.coef_error[t.row[layer] + i], t.const_error[t.row[layer] + i]
    threshold = t.threshold[h]
    constant = s.forms[z + d * n]
    steep = d * coef
    for k in range(d):
        steep += abs(s.forms[z + k * n])
    gamma = (d + 4) * UNIT
    points = s.hand_points[c[HAND]]
    base = abs(constant) + abs(threshold)
    low, high, unsure = 0, 0, 0
    for v in range(c[VERTICES]):
        value, size, reach = constant, base, 0.0
        for k in range(d):
            term = s.forms[z + k * n] * points[v, k]
            value += term
            size += abs(term)
            reach += abs(points[v, k])
        value -= threshold
        error = (gamma * size + coef * reach + const + steep * points[v, d]) * (1 + 64 * UNIT)
        if error > 0.0:
            error += 8 * d * SMALLEST
        elif value == 0.0 and reach > 0.0 and size == 0.0 and steep > 0.0:
            error = 8 * d * SMALLEST  # every product may have underflowed
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
def solve_unsure(dims, t, s):
    """Solve afresh the vertices whose sign is undecided; return whether any bound got smaller."""
    c = s.control
    hand, better = c[HAND], False
    for v in range(c[VERTICES]):
        if s.sign[v] == 2:
            point = s.hand_points[hand, v]
            before = point[len(dims)]
            labels = s.hand_labels[: c[LABELS]]
            solve_vertex(dims, labels, s.hand_masks[hand, v], t, s, point)
            better |= point[len(dims)] < before
    return better


@compiled()
def drop_unused_labels(words, s):
    """Renumber the labels of the cell in hand, without those that are tight nowhere."""
    c = s.control
    hand, count = c[HAND], c[VERTICES]
    kept = 0
    for w in range(words):
        used = np.uint64(0)
        for v in range(count):
            used |= s.hand_masks[hand, v, w]
        s.used[w] = used
        s.kept_before[w] = kept
        for bit in range(64 * w, min(64 * w + 64, c[LABELS])):
            if used >> np.uint64(bit & 63) & np.uint64(1):
                s.hand_labels[kept] = s.hand_labels[bit]
                kept += 1
    c[LABELS] = kept
    for v in range(count):
        for w in range(words):
            rest = s.hand_masks[hand, v, w]
            s.hand_masks[hand, v, w] = np.uint64(0)
            while rest:
                lower = (rest & (~rest + np.uint64(1))) - np.uint64(1)
                rest &= rest - np.uint64(1)
                # The bit's new place: how many used bits lie below it; never above the old place.
                bit = s.kept_before[w] + popcount(s.used[w] & lower)
                s.hand_masks[hand, v, bit >> 6] |= np.uint64(1) << np.uint64(bit & 63)


@compiled()
def copy_vertex(dims, words, point, mask, to_point, to_mask):
    """Copy one vertex."""
    for k in range(len(dims) + 1):
        to_point[k] = point[k]
    for w in range(words):
        to_mask[w] = mask[w]


@compiled()
def new_vertex(dims, words, p, q, word, bit, labels, floor, t, s, to_point, to_mask):
    """Write the vertex on the edge from `p` to `q` where the current hyperplane cuts it."""
    hand = s.control[HAND]
    for w in range(words):
        to_mask[w] = s.hand_masks[hand, p, w] & s.hand_masks[hand, q, w]
    to_mask[word] |= bit
    cut_edge(
        dims,
        s.hand_points[hand, p],
        s.hand_points[hand, q],
        s.value[0, p],
        s.value[1, p],
        s.value[0, q],
        s.value[1, q],
        to_point,
    )
    if to_point[len(dims)] > floor:
        solve_vertex(dims, labels, to_mask, t, s, to_point)


@compiled()
def spans_edge(dims, words, p, q, count, masks):
    """Return whether vertices `p` and `q` span an edge of the cell in hand.

    In a simple vertex, of just d tight hyperplanes, any d - 1 of them leave one edge; so sharing
    d - 1 suffices.  Otherwise no third vertex may be tight on all that both are tight on.
    """
    d = len(dims)
    shared, at_p, at_q = 0, 0, 0
    for w in range(words):
        shared += popcount(masks[p, w] & masks[q, w])
        at_p += popcount(masks[p, w])
        at_q += popcount(masks[q, w])
    if shared < d - 1:
        return False
    if at_p == d or at_q == d:
        return True
    for v in range(count):
        if v == p or v == q:
            continue
        inside = True
        for w in range(words):
            common = masks[p, w] & masks[q, w]
            if common & ~masks[v, w]:
                inside = False
                break
        if inside:
            return False
    return True


@compiled()
def split_polygon(dims, words, bit_at, floor, t, s):
    """Split the polygon in hand: the lower part stays in hand, the upper goes to the stack's top.

    Returns
    -------
    int
        The number of vertices of the upper part.
    """
    c = s.control
    hand, count = c[HAND], c[VERTICES]
    points, masks = s.hand_points[hand], s.hand_masks[hand]
    low_points, low_masks = s.hand_points[1 - hand], s.hand_masks[1 - hand]
    word, bit = bit_at >> 6, np.uint64(1) << np.uint64(bit_at & 63)
    labels = s.hand_labels[: c[LABELS]]
    low, high = 0, c[TOP_VERTEX]
    for v in range(count):
        sign = s.sign[v]
        if sign <= 0:
            copy_vertex(dims, words, points[v], masks[v], low_points[low], low_masks[low])
            if sign == 0:
                low_masks[low, word] |= bit
            low += 1
        if sign >= 0:
            copy_vertex(
                dims, words, points[v], masks[v], s.stack_points[high], s.stack_masks[high]
            )
            if sign == 0:
                s.stack_masks[high, word] |= bit
            high += 1
        after = v + 1 if v + 1 < count else 0
        if sign * s.sign[after] < 0:
            new_vertex(
                dims, words, v, after, word, bit, labels, floor, t, s,
                low_points[low], low_masks[low],
            )  # fmt: skip
            copy_vertex(
                dims, words, low_points[low], low_masks[low],
                s.stack_points[high], s.stack_masks[high],
            )  # fmt: skip
            low += 1
            high += 1
    c[VERTICES] = low
    c[HAND] = 1 - hand
    return high - c[TOP_VERTEX]


@compiled()
def split_polytope(dims, words, bit_at, floor, t, s):
    """Split the cell in hand, in any dimension; otherwise as `split_polygon`."""
    c = s.control
    hand, count = c[HAND], c[VERTICES]
    points, masks = s.hand_points[hand], s.hand_masks[hand]
    low_points, low_masks = s.hand_points[1 - hand], s.hand_masks[1 - hand]
    word, bit = bit_at >> 6, np.uint64(1) << np.uint64(bit_at & 63)
    labels = s.hand_labels[: c[LABELS]]
    low, high = 0, c[TOP_VERTEX]
    for v in range(count):
        sign = s.sign[v]
        if sign <= 0:
            copy_vertex(dims, words, points[v], masks[v], low_points[low], low_masks[low])
            if sign == 0:
                low_masks[low, word] |= bit
            low += 1
        if sign >= 0:
            copy_vertex(
                dims, words, points[v], masks[v], s.stack_points[high], s.stack_masks[high]
            )
            if sign == 0:
                s.stack_masks[high, word] |= bit
            high += 1
    for p in range(count):
        if s.sign[p] >= 0:
            continue
        for q in range(count):
            if s.sign[q] <= 0 or not spans_edge(dims, words, p, q, count, masks):
                continue
            if low >= len(low_points) or high >= len(s.stack_points):
                return -1
            new_vertex(
                dims, words, p, q, word, bit, labels, floor, t, s,
                low_points[low], low_masks[low],
            )  # fmt: skip
            copy_vertex(
                dims, words, low_points[low], low_masks[low],
                s.stack_points[high], s.stack_masks[high],
            )  # fmt: skip
            low += 1
            high += 1
    c[VERTICES] = low
    c[HAND] = 1 - hand
    return high - c[TOP_VERTEX]


@compiled()
def pop(dims, words, t, s):
    """Take the stack's top cell in hand."""
    c = s.control
    c[DEPTH] -= 1
    record = s.pending[c[DEPTH]]
    c[VERTICES], c[LABELS], c[LAYER] = record[P_VERTICES], record[P_LABELS], record[P_LAYER]
    c[NEXT], c[CUTS] = record[P_NEXT], record[P_CUTS]
    c[TOP_VERTEX], c[TOP_LABEL] = record[P_VERTEX], record[P_LABEL]
    c[TOP_SIDE], c[TOP_FORM] = record[P_SIDE], record[P_FORM]
    count, top, hand = c[VERTICES], c[TOP_VERTEX], c[HAND]
    for v in range(count):
        copy_vertex(
            dims, words, s.stack_points[top + v], s.stack_masks[top + v],
            s.hand_points[hand, v], s.hand_masks[hand, v],
        )  # fmt: skip
    labels, layer = c[LABELS], c[LAYER]
    copy(s.stack_labels, c[TOP_LABEL], s.hand_labels, 0, labels)
    first, end = t.hyper[layer], t.hyper[layer + 1]
    copy(s.stack_sides, c[TOP_SIDE], s.sides, first, end - first)
    out, size = t.form[layer + 1], t.form[layer + 2] - t.form[layer + 1]
    copy(s.stack_forms, c[TOP_FORM], s.forms, out, size)
    c[IN_HAND] = A_CELL


@compiled()
def push_upper(dims, h, vertices, t, s):
    """Make the upper part of a split, whose vertices are at the stack's top, a pending cell.

    The cell in hand is the lower part by now; the guess in ``sides`` says to which of the two the
    next layer's forms belong.
    """
    d = len(dims)
    c = s.control
    layer = c[LAYER]
    record = s.pending[c[DEPTH]]
    record[P_VERTEX], record[P_VERTICES] = c[TOP_VERTEX], vertices
    record[P_LABEL], record[P_LABELS] = c[TOP_LABEL], c[LABELS]
    record[P_SIDE], record[P_FORM] = c[TOP_SIDE], c[TOP_FORM]
    record[P_LAYER], record[P_NEXT], record[P_CUTS] = layer, c[NEXT] + 1, c[CUTS]
    copy(s.hand_labels, 0, s.stack_labels, c[TOP_LABEL], c[LABELS])
    first, end = t.hyper[layer], t.hyper[layer + 1]
    guess = s.sides[h]
    copy(s.sides, first, s.stack_sides, c[TOP_SIDE], end - first)
    s.stack_sides[c[TOP_SIDE] + h - first] = 1
    s.sides[h] = 0
    out, size = t.form[layer + 1], t.form[layer + 2] - t.form[layer + 1]
    # The forms in hand are right for the side guessed; the other side's differ by rank one.
    n, m = t.row[layer + 1] - t.row[layer], t.row[layer + 2] - t.row[layer + 1]
    i = t.hyper_row[h]
    w = t.weight[t.weight_at[layer] + i * m : t.weight_at[layer] + (i + 1) * m]
    for k in range(d + 1):
        jump = t.slope_jump[h] * s.forms[t.form[layer] + k * n + i]
        if k == d:
            jump += t.intercept_jump[h]
        low = s.forms[out + k * m : out + (k + 1) * m]
        high = s.stack_forms[c[TOP_FORM] + k * m : c[TOP_FORM] + (k + 1) * m]
        if guess:
            for u in range(m):
                high[u] = low[u]
                low[u] -= jump * w[u]
        else:
            for u in range(m):
                high[u] = low[u] + jump * w[u]
    c[TOP_VERTEX] += vertices
    c[TOP_LABEL] += c[LABELS]
    c[TOP_SIDE] += end - first
    c[TOP_FORM] += size
    c[DEPTH] += 1


@compiled()
def room_for_split(t, s):
    """Return whether buffers and stack have room for what a split of the cell in hand needs at least."""
    c = s.control
    layer = c[LAYER]
    return (
        c[DEPTH] < len(s.pending)
        and c[VERTICES] + 2 <= s.hand_points.shape[1]
        and c[TOP_VERTEX] + c[VERTICES] + 2 <= len(s.stack_points)
        and c[TOP_LABEL] + c[LABELS] + 1 <= len(s.stack_labels)
        and c[TOP_SIDE] + t.hyper[layer + 1] - t.hyper[layer] <= len(s.stack_sides)
        and c[TOP_FORM] + t.form[layer + 2] - t.form[layer + 1] <= len(s.stack_forms)
    )


@compiled()
def emit(dims, words, t, s):
    """Append the cell in hand to the output; return False where there is no room."""
    d = len(dims)
    c = s.control
    drop_unused_labels(words, s)
    r, v0, l0 = c[OUT_REGIONS], c[OUT_VERTICES], c[OUT_LABELS]
    if (
        r >= len(s.out_vertex_end)
        or v0 + c[VERTICES] > len(s.out_points)
        or l0 + c[LABELS] > len(s.out_labels)
    ):
        return False
    count, hand = c[VERTICES], c[HAND]
    for v in range(count):
        for k in range(d):
            s.out_points[v0 + v, k] = s.hand_points[hand, v, k]
        for w in range(words):
            s.out_masks[v0 + v, w] = s.hand_masks[hand, v, w]
    copy(s.hand_labels, 0, s.out_labels, l0, c[LABELS])
    packed = s.out_sides[r]
    for w in range(len(packed)):
        # The factor moves bit 0 of byte i to bit i of the top byte.
        packed[w] = (s.side_words[w] * np.uint64(0x0102040810204080)) >> np.uint64(56)
    copy(s.forms, t.form[t.layers], s.out_forms[r], 0, s.out_forms.shape[1])
    c[OUT_REGIONS] += 1
    c[OUT_VERTICES] += c[VERTICES]
    c[OUT_LABELS] += c[LABELS]
    s.out_vertex_end[r] = c[OUT_VERTICES]
    s.out_label_end[r] = c[OUT_LABELS]
    return True


@compiled()
def walk(dims, words, store, budget, floor, t, s):
    """Walk until the stack is empty, or something needs the caller.

    Parameters
    ----------
    dims : tuple of dim ints
        Its length is the dimension, known when this is compiled.
    words : int
        Words per mask.
    store : bool
        Whether to write the regions to the output arrays, or only to count them.
    budget : int
        Return after this many regions.
    floor : float
        A vertex whose radius exceeds this is solved afresh.
    t : Tables
    s : State

    Returns
    -------
    int
        DONE, BUDGET, OUTPUT_FULL, UNDECIDED, GROW or MORE_WORDS.
    """
    d = len(dims)
    c = s.control
    while True:
        if c[IN_HAND] == NOTHING:
            if c[DEPTH] == c[BASE]:
                return DONE
            if c[REGIONS] >= budget:
                return BUDGET
            pop(dims, words, t, s)
        entering = c[IN_HAND] == A_ROOT
        layer = 0 if entering else c[LAYER]
        if entering:
            copy(t.first, 0, s.forms, 0, t.form[1])
        while not entering and layer < t.layers and c[NEXT] < s.candidate_count[layer]:
            h = s.candidates[t.hyper[layer] + c[NEXT]]
            low, high, unsure = 0, 0, 1
            for attempt in range(2):
                if attempt == 0 or (unsure > 0 and c[OVERRIDE] == 0 and solve_unsure(dims, t, s)):
                    low, high, unsure = classify(dims, layer, h, t, s)
            if unsure > 0:
                c[UNDECIDED_AT] = h
                return UNDECIDED
            if low + high < c[VERTICES] or (low > 0 and high > 0):
                # The hyperplane is tight somewhere: it needs a label, hence room for one.
                if c[LABELS] == 64 * words:
                    drop_unused_labels(words, s)
                    if c[LABELS] == 64 * words:
                        return MORE_WORDS
                bit = c[LABELS]
                if low > 0 and high > 0:
                    if not room_for_split(t, s):
                        return GROW
                    s.hand_labels[bit] = h
                    c[LABELS] += 1
                    if d == 2:
                        vertices = split_polygon(dims, words, bit, floor, t, s)
                    else:
                        vertices = split_polytope(dims, words, bit, floor, t, s)
                    if vertices < 0:
                        c[LABELS] -= 1
                        return GROW
                    c[FLOAT_SIGNS] += low + high
                    c[CUTS] += 1
                    push_upper(dims, h, vertices, t, s)
                    c[OVERRIDE] = 0
                    c[NEXT] += 1
                    continue
                s.hand_labels[bit] = h
                c[LABELS] += 1
                for v in range(c[VERTICES]):
                    if s.sign[v] == 0:
                        s.hand_masks[c[HAND], v, bit >> 6] |= np.uint64(1) << np.uint64(bit & 63)
            c[FLOAT_SIGNS] += low + high
            side = 1 if high > 0 else 0
            if s.sides[h] != side:
                s.sides[h] = side
                correct_next(dims, layer, h, 2.0 * side - 1.0, t, s)
            c[OVERRIDE] = 0
            c[NEXT] += 1
        if not entering and layer < t.layers:
            # All of this layer is decided; its forms of the next layer are those of the cell.
            layer += 1
            c[LAYER] = layer
            c[NEXT] = t.hyper[layer]
            entering = layer < t.layers
        while entering and layer < t.layers:
            if layer == c[LAYER]:
                find_candidates(dims, layer, c[NEXT], t, s)
                c[NEXT] = 0
            start_next(dims, layer, t, s)
            if layer == c[LAYER]:
                break
            layer += 1
        c[IN_HAND] = A_CELL
        if c[LAYER] < t.layers:
            continue
        if store and not emit(dims, words, t, s):
            return OUTPUT_FULL
        c[REGIONS] += 1
        s.done[0] += 0.5 ** c[CUTS]
        c[IN_HAND] = NOTHING
