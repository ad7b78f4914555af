"""Which members of a maximum can be the largest in a cell: a bounding test."""

from __future__ import annotations

from polyenum.arithmetic.rounding import SMALLEST, UNIT
from polyenum.cells.compiled import compiled


@compiled()
def find_rivals(dims, layer, first, reach, t, s):
    """Find which members can be the largest in the bounding box of a cell that enters `layer`.

    A member that is 0, the output of a ReLU that is off, is no rival: the others are no smaller, and where
    they are 0 too their ReLUs' labels say so (`PiecewiseLinearNetwork.sources`).  Where all are, the
    first counts as the largest.

    Writes ``rival`` and ``guess``, the guess's side, and ``cuts_box`` from hyperplane `first` on.  The
    difference of two forms errs by the errors of both, and by one more rounding of its coefficients,
    which the bound of `candidates.test_box` has room for.

    Returns
    -------
    bool
        False if no member that is still to be tried can be the largest: the cell is empty.
    """
    d = len(dims)
    n = t.row[layer + 1] - t.row[layer]
    z, base = t.form[layer], t.row[layer]
    begin, end = t.hyper[layer], t.hyper[layer + 1]
    gamma = (d + 8) * UNIT
    centre, half = s.bounds[0], s.bounds[1]
    alive = True
    g = begin
    while g < end:
        if t.group_first[g] < 0:
            g += 1
            continue
        stop = t.group_end[g]
        best, highest, found = g, 0.0, False
        for h in range(g, stop):
            if t.source[h] >= 0 and not s.sides[t.source[h]]:
                continue
            value = s.forms[z + d * n + t.hyper_row[h]]
            for k in range(d):
                value += s.forms[z + k * n + t.hyper_row[h]] * centre[k]
            if not found or value > highest:
                best, highest, found = h, value, True
        b = t.hyper_row[best]
        rivals, entries = 0, 0
        for h in range(g, stop):
            i = t.hyper_row[h]
            c0, c1 = s.forms[z + d * n + i], s.forms[z + d * n + b]
            value = c0 - c1
            slack = (abs(c0) + abs(c1)) * gamma + t.const_error[base + i] + t.const_error[base + b]
            slack += (t.coef_error[base + i] + t.coef_error[base + b]) * reach
            for k in range(d):
                a = s.forms[z + k * n + i] - s.forms[z + k * n + b]
                value += a * centre[k]
                slack += abs(a) * (half[k] + gamma * (half[k] + abs(centre[k])))
            zero = t.source[h] >= 0 and not s.sides[t.source[h]]
            slack = slack * (1 + 64 * UNIT) + 8 * (d + 1) * SMALLEST
            own = h == best or (not zero and not -value * (1 - 8 * UNIT) > slack)
            s.rival[h] = own
            s.sides[h] = 1 if h == best else 0
            rivals += own
            entries += own and h >= first
        s.guess[g] = best
        undecided = rivals > 1 or g < first
        if stop > first:
            alive = alive and entries > 0
            for h in range(max(g, first), stop):
                s.cuts_box[h - max(begin, first)] = 1 if s.rival[h] and undecided else 0
        g = stop
    return alive
