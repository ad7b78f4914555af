"""Where a cell is split in two by a hyperplane: polygons in cyclic order, polytopes by their edges."""

from __future__ import annotations

import numpy as np

from polyenum.cells.compiled import compiled, popcount
from polyenum.cells.vertex.raw import cut_edge_raw
from polyenum.cells.vertex.state import CERTIFIED, HAND, LABELS, TOP_VERTEX, VERTICES
from polyenum.cells.vertex.vertices import cut_edge, solve_vertex


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
def keep_vertex(dims, words, v, bit_at, low, high, s):
    """Copy vertex `v` to the part it belongs to, at `low` or `high`; to both, and tight, on the cut."""
    hand, sign = s.control[HAND], s.sign[v]
    word, bit = bit_at >> 6, np.uint64(1) << np.uint64(bit_at & 63)
    point, mask = s.hand_points[hand, v], s.hand_masks[hand, v]
    if sign <= 0:
        copy_vertex(
            dims, words, point, mask, s.hand_points[1 - hand, low], s.hand_masks[1 - hand, low]
        )
        if sign == 0:
            s.hand_masks[1 - hand, low, word] |= bit
    if sign >= 0:
        copy_vertex(dims, words, point, mask, s.stack_points[high], s.stack_masks[high])
        if sign == 0:
            s.stack_masks[high, word] |= bit


@compiled()
def new_vertex(dims, words, p, q, bit_at, floor, low, high, t, s):
    """Write the vertex where the hyperplane cuts the edge from `p` to `q` to both parts."""
    hand = s.control[HAND]
    to_point, to_mask = s.hand_points[1 - hand, low], s.hand_masks[1 - hand, low]
    for w in range(words):
        to_mask[w] = s.hand_masks[hand, p, w] & s.hand_masks[hand, q, w]
    to_mask[bit_at >> 6] |= np.uint64(1) << np.uint64(bit_at & 63)
    at_p, at_q = s.hand_points[hand, p], s.hand_points[hand, q]
    (zp, zq), (ep, eq) = (s.value[0, p], s.value[0, q]), (s.value[1, p], s.value[1, q])
    if s.control[CERTIFIED]:
        cut_edge(dims, at_p, at_q, zp, ep, zq, eq, to_point)
        if to_point[len(dims)] > floor:
            solve_vertex(dims, s.hand_labels[: s.control[LABELS]], to_mask, t, s, to_point)
    else:
        cut_edge_raw(dims, at_p, at_q, zp, zq, to_point)
    copy_vertex(dims, words, to_point, to_mask, s.stack_points[high], s.stack_masks[high])


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
    count = c[VERTICES]
    low, high = 0, c[TOP_VERTEX]
    for v in range(count):
        keep_vertex(dims, words, v, bit_at, low, high, s)
        low += s.sign[v] <= 0
        high += s.sign[v] >= 0
        after = v + 1 if v + 1 < count else 0
        if s.sign[v] * s.sign[after] < 0:
            new_vertex(dims, words, v, after, bit_at, floor, low, high, t, s)
            low += 1
            high += 1
    c[VERTICES] = low
    c[HAND] = 1 - c[HAND]
    return high - c[TOP_VERTEX]


@compiled()
def split_polytope(dims, words, bit_at, floor, t, s):
    """Split the cell in hand, in any dimension; otherwise as `split_polygon`."""
    c = s.control
    count, masks, room = c[VERTICES], s.hand_masks[c[HAND]], s.hand_points.shape[1]
    low, high = 0, c[TOP_VERTEX]
    for v in range(count):
        keep_vertex(dims, words, v, bit_at, low, high, s)
        low += s.sign[v] <= 0
        high += s.sign[v] >= 0
    for p in range(count):
        if s.sign[p] >= 0:
            continue
        for q in range(count):
            if s.sign[q] <= 0 or not spans_edge(dims, words, p, q, count, masks):
                continue
            # Both parts are in hand sooner or later.
            if max(low, high - c[TOP_VERTEX]) >= room or high >= len(s.stack_points):
                return -1
            new_vertex(dims, words, p, q, bit_at, floor, low, high, t, s)
            low += 1
            high += 1
    c[VERTICES] = low
    c[HAND] = 1 - c[HAND]
    return high - c[TOP_VERTEX]
