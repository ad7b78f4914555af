"""The affine forms of the next layer: from scratch once per cell entering a layer, by rank one after."""

from __future__ import annotations

from polyenum.cells.compiled import compiled


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
    if t.sparse[layer]:
        start_sparse(dims, layer, slope, intercept, t, s)
        return
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


@compiled()
def start_sparse(dims, layer, slope, intercept, t, s):
    """Do as `start_next` for sparse weights."""
    d = len(dims)
    n, m = t.row[layer + 1] - t.row[layer], t.row[layer + 2] - t.row[layer + 1]
    z, out = t.form[layer], t.form[layer + 1]
    for k in range(d + 1):
        row = s.forms[out + k * m : out + (k + 1) * m]
        own = s.forms[z + k * n : z + (k + 1) * n]
        if k == d:
            copy(t.bias, t.row[layer + 1], row, 0, m)
        else:
            for u in range(m):
                row[u] = 0.0
        for i in range(n):
            term = slope[i] * own[i]
            if k == d:
                term += intercept[i]
            if term != 0.0:
                add_entries(layer, i, term, row, t)


@compiled()
def add_entries(layer, i, factor, row, t):
    """Add ``factor`` times the outgoing weights of coordinate `i` of a sparse layer to `row`."""
    c = t.row[layer] + i
    shift = t.target_at[layer] - t.weight_at[layer]
    for e in range(t.entry[c], t.entry_end[c]):
        row[t.target[e + shift]] += factor * t.weight[e]


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
    row0, row1, row2 = (
        forms[at : at + m],
        forms[at + m : at + 2 * m],
        forms[at + 2 * m : at + 3 * m],
    )
    whole = count - count % 4
    for j in range(0, whole, 4):
        a0, a1, a2, a3 = outer[k, j], outer[k, j + 1], outer[k, j + 2], outer[k, j + 3]
        b0, b1, b2, b3 = (
            outer[k + 1, j],
            outer[k + 1, j + 1],
            outer[k + 1, j + 2],
            outer[k + 1, j + 3],
        )
        c0, c1, c2, c3 = (
            outer[k + 2, j],
            outer[k + 2, j + 1],
            outer[k + 2, j + 2],
            outer[k + 2, j + 3],
        )
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
        if t.sparse[layer]:
            add_entries(layer, i, jump, row, t)
            continue
        for u in range(m):
            row[u] += jump * w[u]
