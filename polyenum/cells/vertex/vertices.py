"""Vertices and their error bounds: cut from an edge, or solved from the hyperplanes tight there."""

from __future__ import annotations

import numpy as np

from polyenum.arithmetic.rounding import SMALLEST, UNIT
from polyenum.cells.compiled import compiled
from polyenum.cells.vertex.refine import sharpest
from polyenum.cells.vertex.state import HAND, HIGH, LABELS, LOW, VERTICES


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
    forms = sharpest(layer, s)
    for k in range(d + 1):
        out[k] = forms[t.form[layer] + k * n + i]
    coef, const = s.coef_error[t.row[layer] + i], s.const_error[t.row[layer] + i]
    if t.group_first[label] >= 0:
        # A member of a maximum, less the largest: one more rounding of each coefficient.
        own = t.group_first[label]
        while s.sides[own] == 0:
            own += 1
        j, largest = t.hyper_row[own], 0.0
        for k in range(d + 1):
            out[k] -= forms[t.form[layer] + k * n + j]
            if k < d:
                largest = max(largest, abs(out[k]))
        coef += s.coef_error[t.row[layer] + j] + 2 * UNIT * largest
        const += s.const_error[t.row[layer] + j]
        return coef * (1 + 4 * UNIT), const * (1 + 4 * UNIT) + 2 * UNIT * abs(out[d]) + SMALLEST
    out[d] -= t.threshold[label]
    return coef, const + UNIT * abs(out[d]) + SMALLEST


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
        # Beyond the relative errors, the quotients may underflow.
        error[2 * used] = coef / largest * (1 + 8 * UNIT) + 2 * UNIT
        error[2 * used + 1] = (
            const / largest * (1 + 8 * UNIT) + 2 * UNIT * abs(a[used, d]) + 2 * SMALLEST
        )
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
        if (
            not abs(pivot) > 64 * UNIT
        ):  # only a guess which rows to use: what follows proves or gives up
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
        # `max` would pass over a NaN.
        if not (row_sum < 0.5 and total < np.inf):
            return
        beta = max(beta, row_sum * (1 + 64 * UNIT))
        bound = max(bound, total)
    if not beta < 0.5:
        return
    bound = bound / (1 - beta) * (1 + 64 * UNIT) + 2 * d * SMALLEST
    if bound < point[d]:
        for k in range(d):
            point[k] = x[k]
        point[d] = bound


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
def cut_edge(dims, p, q, zp, ep, zq, eq, out):
    """Write the point where a form vanishes between vertices `p` and `q`, and its radius, to `out`.

    The form's values are ``zp`` and ``zq``, of opposite signs, within ``ep`` and ``eq``.  Put
    ``x = |zp|``, ``y = |zq|``, ``D = x + y``.  The true fraction of the edge is ``x' / (x' + y')`` with
    ``|x' - x| <= ep`` and ``|y' - y| <= eq``, so it differs from ``x / D`` by at most
    ``(ep y + eq x) / (D (D - ep - eq))``, and by 1 in any case.  The true point is a convex
    combination of the true ends; hence the radius: the larger of the ends', the edge's length times
    that error, and the rounding of the formula, ``8 u`` times the larger end's size.

    Rounding of the divisor ``D - ep - eq`` is at most ``2 u D``, of which twice is taken off.  The values may
    be subnormal, so quotients of them come first and products of quotients after: these underflow only
    where they are far below the ``8 u`` that is added.
    """
    d = len(dims)
    x, y = abs(zp), abs(zq)
    total = x + y
    fraction = x / total
    gap = total - ep - eq - 4 * UNIT * total
    slip = 1.0
    if gap > 0.0:
        doubt = ep / gap * (y / total) + eq / gap * fraction
        slip = min(1.0, doubt * (1 + 32 * UNIT) + 8 * UNIT)
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
    out[d] = (max(p[d], q[d]) + slip * (length + p[d] + q[d]) + 8 * UNIT * size) * (
        1 + 32 * UNIT
    ) + 4 * SMALLEST
