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

from polyenum.cells.compiled import compiled
from polyenum.cells.vertex.candidates import find_candidates
from polyenum.cells.vertex.forms import copy, correct_next, start_next
from polyenum.cells.vertex.output import emit, is_accurate
from polyenum.cells.vertex.raw import classify_raw
from polyenum.cells.vertex.signs import classify, copy_signs
from polyenum.cells.vertex.split import drop_unused_labels, split_polygon, split_polytope
from polyenum.cells.vertex.stack import pop, push_upper, room_for_split
from polyenum.cells.vertex.state import (
    A_CELL,
    A_ROOT,
    BASE,
    BUDGET,
    CERTIFIED,
    CUTS,
    DEPTH,
    DONE,
    FLOAT_SIGNS,
    GROW,
    HAND,
    IN_HAND,
    INACCURATE,
    LABELS,
    LAYER,
    MEMBER,
    MORE_WORDS,
    NEXT,
    NOTHING,
    OUTPUT_FULL,
    OVERRIDE,
    REGIONS,
    UNDECIDED,
    UNDECIDED_AT,
    VERTICES,
)
from polyenum.cells.vertex.tighten import loosen, tighten
from polyenum.cells.vertex.vertices import solve_unsure


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
        DONE, BUDGET, OUTPUT_FULL, UNDECIDED, GROW, MORE_WORDS, INACCURATE, where the region in hand is to be
        computed exactly, or MEMBER, where a maximum's member is due.
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
        alive = True
        entering = c[IN_HAND] == A_ROOT
        layer = 0 if entering else c[LAYER]
        if entering:
            copy(t.first, 0, s.forms, 0, t.form[1])
        while not entering and layer < t.layers and c[NEXT] < s.candidate_count[layer]:
            h = s.candidates[t.hyper[layer] + c[NEXT]]
            if t.group_first[h] >= 0:
                return MEMBER
            low, high, unsure = 0, 0, 0
            twin = t.twin[h, 0] >= 0
            if twin:
                low, high = copy_signs(h, t, s)
            elif not c[CERTIFIED]:
                low, high, unsure = classify_raw(dims, layer, h, t, s)
            if c[CERTIFIED] and not twin:
                low, high, unsure = classify(dims, layer, h, t, s)
                if unsure > 0 and c[OVERRIDE] == 0:
                    if solve_unsure(dims, t, s):
                        low, high, unsure = classify(dims, layer, h, t, s)
                    if unsure > 0 and tighten(dims, layer, t, s):
                        solve_unsure(dims, t, s)
                        low, high, unsure = classify(dims, layer, h, t, s)
            if unsure > 0:
                c[UNDECIDED_AT] = h
                return UNDECIDED
            tested = 0 if twin else c[VERTICES]
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
                    c[FLOAT_SIGNS] += tested
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
            c[FLOAT_SIGNS] += tested
            side = 1 if high > 0 else 0
            if s.sides[h] != side:
                s.sides[h] = side
                correct_next(dims, layer, h, 2.0 * side - 1.0, t, s)
            c[OVERRIDE] = 0
            c[NEXT] += 1
        if alive and not entering and layer < t.layers:
            # All of this layer is decided; its forms of the next layer are those of the cell.
            layer += 1
            c[LAYER] = layer
            c[NEXT] = t.hyper[layer]
            entering = layer < t.layers
        while entering and layer < t.layers:
            loosen(layer, t, s)
            if layer == c[LAYER]:
                alive = find_candidates(dims, layer, c[NEXT], t, s)
                c[NEXT] = 0
                if not alive:
                    break
            start_next(dims, layer, t, s)
            if layer == c[LAYER]:
                break
            layer += 1
        if not alive:
            s.done[0] += 0.5 ** c[CUTS]
            c[IN_HAND] = NOTHING
            continue
        c[IN_HAND] = A_CELL
        if c[LAYER] < t.layers:
            continue
        if store:
            if not is_accurate(dims, t, s):
                return INACCURATE
            if not emit(dims, words, t, s):
                return OUTPUT_FULL
        c[REGIONS] += 1
        s.done[0] += 0.5 ** c[CUTS]
        c[IN_HAND] = NOTHING
