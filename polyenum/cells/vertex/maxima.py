"""Units that are the largest of several coordinates: the cell is split into one part per member.

The part where member ``i`` is the largest is cut out by ``z_j - z_i <= 0`` for every other member ``j``:
convex, and nothing is cut that does not bound it.  So a cell that meets a maximum is tried with one
member after the other: what waits on the stack is the whole cell, to be tried with the next member.

A trial first looks at the signs of all ``z_j - z_i`` and changes nothing (CHECKING): it may show that
``i`` is the largest everywhere, or nowhere inside.  Then it cuts (CUTTING).  Where two members are equal
on the whole cell, the first of them counts as the larger.
"""

from __future__ import annotations

import numpy as np

from polyenum.arithmetic.rounding import SMALLEST, UNIT
from polyenum.cells.compiled import compiled
from polyenum.cells.vertex.forms import correct_next
from polyenum.cells.vertex.split import drop_unused_labels, split_polygon, split_polytope
from polyenum.cells.vertex.stack import push_copy, room_for_split
from polyenum.cells.vertex.state import (
    CHECKING,
    CUTS,
    CUTTING,
    DEAD,
    FLOAT_SIGNS,
    GROW,
    HAND,
    IN_HAND,
    LABELS,
    LAYER,
    MEMBER,
    MIXED,
    MORE_WORDS,
    MOVED,
    NEXT,
    NOTHING,
    OVERRIDE,
    RIVAL,
    TRIAL,
    UNDECIDED,
    UNDECIDED_AT,
    VERTICES,
)
from polyenum.cells.vertex.tighten import tighten
from polyenum.cells.vertex.vertices import label_form, solve_unsure
from polyenum.cells.vertex.walk import walk


@compiled()
def signs_of_rival(dims, layer, h, j, t, s):
    """Take the sign of member `j` less `h`, on trial, at every vertex of the cell in hand.

    The bound is that of `signs.classify`.

    Returns
    -------
    low, high, unsure : int
    """
    d = len(dims)
    c = s.control
    if s.ties_known[layer] and s.tie[j] == s.tie[h]:
        for v in range(c[VERTICES]):
            s.sign[v] = 0
        return 0, 0, 0
    form = s.difference
    coef, const = label_form(dims, j, t, s, form)
    steep = d * coef
    for k in range(d):
        steep += abs(form[k])
    gamma = (d + 4) * UNIT
    points = s.hand_points[c[HAND]]
    low, high, unsure = 0, 0, 0
    for v in range(c[VERTICES]):
        value, size, reach = form[d], abs(form[d]), 0.0
        for k in range(d):
            term = form[k] * points[v, k]
            value += term
            size += abs(term)
            reach += abs(points[v, k])
        error = (gamma * size + coef * reach + const + steep * points[v, d]) * (1 + 64 * UNIT)
        if steep > 0.0 and (reach > 0.0 or points[v, d] > 0.0):
            error += 8 * d * SMALLEST
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
def solved_signs(dims, layer, h, j, t, s):
    """Do as `signs_of_rival`; where that is not decided, solve the vertices afresh, with tighter bounds."""
    low, high, unsure = signs_of_rival(dims, layer, h, j, t, s)
    if unsure > 0 and s.control[OVERRIDE] == 0:
        if solve_unsure(dims, t, s):
            low, high, unsure = signs_of_rival(dims, layer, h, j, t, s)
        if unsure > 0 and tighten(dims, layer, t, s):
            solve_unsure(dims, t, s)
            low, high, unsure = signs_of_rival(dims, layer, h, j, t, s)
    return low, high, unsure


@compiled()
def try_member(dims, words, layer, h, floor, t, s):
    """Take the part of the cell in hand where member `h` is the largest, or go on with its trial.

    Returns
    -------
    int
        MOVED: the cell in hand is that part, or still the whole, and the next candidate is due; DEAD:
        there is none, and nobody else is to be tried; or UNDECIDED, GROW, MORE_WORDS: call again.
    """
    d = len(dims)
    c = s.control
    first, end = t.group_first[h], t.group_end[h]
    if c[TRIAL] == 0:
        for g in range(first, end):
            s.sides[g] = 0
        s.sides[h] = 1
        c[TRIAL], c[RIVAL], c[MIXED] = CHECKING, first, 0
    following = c[NEXT] + 1
    more = following < s.candidate_count[layer] and s.candidates[t.hyper[layer] + following] < end
    if c[TRIAL] == CHECKING:
        while c[RIVAL] < end:
            j = c[RIVAL]
            if j != h and s.rival[j]:
                low, high, unsure = solved_signs(dims, layer, h, j, t, s)
                if unsure > 0:
                    c[UNDECIDED_AT] = j
                    return UNDECIDED
                c[OVERRIDE] = 0
                c[FLOAT_SIGNS] += c[VERTICES]
                if low == 0 and (high > 0 or j < h):
                    s.sides[h] = 0
                    c[TRIAL] = 0
                    c[NEXT] = following
                    return MOVED if more else DEAD
                c[MIXED] |= high > 0
            c[RIVAL] += 1
        if c[MIXED] and more:
            if not room_for_split(t, s):
                return GROW
            c[CUTS] += 1
            push_copy(dims, words, t, s)
        c[TRIAL], c[RIVAL] = CUTTING, first
    while c[RIVAL] < end:
        j = c[RIVAL]
        if j != h and s.rival[j]:
            low, high, unsure = solved_signs(dims, layer, h, j, t, s)
            if unsure > 0:
                c[UNDECIDED_AT] = j
                return UNDECIDED
            if low == 0 and (high > 0 or j < h):
                s.sides[h] = 0
                c[TRIAL] = c[OVERRIDE] = 0
                c[FLOAT_SIGNS] += c[VERTICES]
                return DEAD
            tested = c[VERTICES]
            if high > 0 or low < c[VERTICES]:
                if c[LABELS] == 64 * words:
                    drop_unused_labels(words, s)
                    if c[LABELS] == 64 * words:
                        return MORE_WORDS
                bit = c[LABELS]
                if high > 0:
                    if not room_for_split(t, s):
                        return GROW
                    s.hand_labels[bit] = j
                    c[LABELS] += 1
                    # The lower part stays in hand; the upper one is dropped.
                    if d == 2:
                        vertices = split_polygon(dims, words, bit, floor, t, s)
                    else:
                        vertices = split_polytope(dims, words, bit, floor, t, s)
                    if vertices < 0:
                        c[LABELS] -= 1
                        return GROW
                else:
                    s.hand_labels[bit] = j
                    c[LABELS] += 1
                    for v in range(c[VERTICES]):
                        if s.sign[v] == 0:
                            s.hand_masks[c[HAND], v, bit >> 6] |= np.uint64(1) << np.uint64(
                                bit & 63
                            )
            c[FLOAT_SIGNS] += tested
            c[OVERRIDE] = 0
        c[RIVAL] += 1
    guess = s.guess[first]
    if guess != h:
        correct_next(dims, layer, guess, -1.0, t, s)
        correct_next(dims, layer, h, 1.0, t, s)
    c[TRIAL] = 0
    c[NEXT] = following
    while c[NEXT] < s.candidate_count[layer] and s.candidates[t.hyper[layer] + c[NEXT]] < end:
        c[NEXT] += 1
    return MOVED


@compiled()
def walk_with_maxima(dims, words, store, budget, floor, t, s):
    """Do as `walk.walk`, and try the members of maxima.

    A function of its own: with the trials in it, `walk` is a third slower on networks that have none.
    """
    c = s.control
    while True:
        status = walk(dims, words, store, budget, floor, t, s)
        if status != MEMBER:
            return status
        layer = c[LAYER]
        h = s.candidates[t.hyper[layer] + c[NEXT]]
        status = try_member(dims, words, layer, h, floor, t, s)
        if status == DEAD:
            s.done[0] += 0.5 ** c[CUTS]
            c[IN_HAND] = NOTHING
        elif status != MOVED:
            return status
