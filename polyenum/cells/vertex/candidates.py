"""Which hyperplanes can cut the cell that enters a layer: a bounding test, vectorised over units."""

from __future__ import annotations

from polyenum.arithmetic.rounding import SMALLEST, UNIT
from polyenum.cells.compiled import compiled
from polyenum.cells.vertex.raw import test_box_raw
from polyenum.cells.vertex.rivals import find_rivals
from polyenum.cells.vertex.state import BOX_SIGNS, CERTIFIED, HAND, VERTICES


@compiled()
def find_candidates(dims, layer, first, t, s):
    """Find which hyperplanes of `layer`, from `first` on, can cut the cell in hand.

    Sides of the others, and a guess for the candidates' (that at the bounding box's centre), go to
    ``sides``.

    Returns
    -------
    bool
        False if the cell turned out to be empty; see `rivals.find_rivals`.
    """
    c = s.control
    begin, end = max(first, t.hyper[layer]), t.hyper[layer + 1]
    reach = bounding_box(dims, s)
    if c[CERTIFIED]:
        test_box(dims, layer, begin, end, reach, t, s)
    else:
        test_box_raw(dims, layer, begin, end, t, s)
    alive = True
    if t.maxima[layer]:
        alive = find_rivals(dims, layer, begin, reach, t, s)
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
    c[BOX_SIGNS] += end - begin - s.candidate_count[layer]
    return alive


@compiled()
def bounding_box(dims, s):
    """Write centre and half widths of a box that holds the true cell in hand to ``bounds``.

    The vertices' radii and all rounding are in the half widths.

    Returns
    -------
    float
        A bound on the 1-norm of the box's points.
    """
    d = len(dims)
    c = s.control
    points = s.hand_points[c[HAND]]
    centre, half = s.bounds[0], s.bounds[1]
    reach = 0.0
    for k in range(d):
        low, high, radius = points[0, k], points[0, k], 0.0
        for v in range(c[VERTICES]):
            low = min(low, points[v, k])
            high = max(high, points[v, k])
            radius = max(radius, points[v, d])
        centre[k] = low + 0.5 * (high - low)
        half[k] = (max(high - centre[k], centre[k] - low) + radius) * (1 + 8 * UNIT) + SMALLEST
        reach += (half[k] + abs(centre[k])) * (1 + 8 * UNIT)
    return reach


@compiled()
def test_box(dims, layer, begin, end, reach, t, s):
    """Flag in ``cuts_box`` the hyperplanes from `begin` to `end` that may vanish in the box.

    A form is ``a . centre + c`` at the centre and changes by at most ``|a| . half`` within the box.
    The value at the centre errs by at most ``gamma(dim + 3) (|a| . |centre| + |c| + |threshold|)``
    (rounding of the sum; its first part is added to the half widths here) and
    ``coef_error |x|_1 + const_error`` (rounding of the form).  What is added to a half width may underflow,
    and is then multiplied by a coefficient of any size; so the smallest number is added there.  Each of
    the ``2 d + 3`` products here may lose half of it as well.
    """
    d = len(dims)
    n = t.row[layer + 1] - t.row[layer]
    z = t.form[layer]
    shift = begin - t.hyper[layer]
    flags, sides = s.cuts_box[: end - begin], s.sides[begin:end]
    threshold = t.threshold[begin:end]
    gamma = (d + 6) * UNIT
    centre, half = s.bounds[0], s.bounds[1]
    for k in range(d):
        half[k] += gamma * (half[k] + abs(centre[k])) + SMALLEST
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
            flags[h] = not abs(value) * (1 - 8 * UNIT) > slack * (1 + 64 * UNIT) + 8 * SMALLEST
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
            flags[h] = (
                not abs(value) * (1 - 8 * UNIT) > slack * (1 + 64 * UNIT) + 4 * (d + 1) * SMALLEST
            )
