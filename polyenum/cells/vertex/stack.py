"""The stack of pending cells."""

from __future__ import annotations

from polyenum.cells.compiled import compiled
from polyenum.cells.vertex.forms import add_entries, copy
from polyenum.cells.vertex.split import copy_vertex
from polyenum.cells.vertex.state import (
    A_CELL,
    CUTS,
    DEPTH,
    HAND,
    IN_HAND,
    LABELS,
    LAYER,
    NEXT,
    P_CUTS,
    P_FORM,
    P_LABEL,
    P_LABELS,
    P_LAYER,
    P_NEXT,
    P_SIDE,
    P_VERTEX,
    P_VERTICES,
    TOP_FORM,
    TOP_LABEL,
    TOP_SIDE,
    TOP_VERTEX,
    VERTICES,
)


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
        if t.sparse[layer]:
            copy(low, 0, high, 0, m)
            if guess:
                add_entries(layer, i, -jump, low, t)
            else:
                add_entries(layer, i, jump, high, t)
        elif guess:
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
def push_copy(dims, words, t, s):
    """Let the cell in hand wait on the stack as it is, for the next candidate."""
    c = s.control
    hand, count, top, layer = c[HAND], c[VERTICES], c[TOP_VERTEX], c[LAYER]
    for v in range(count):
        copy_vertex(
            dims, words, s.hand_points[hand, v], s.hand_masks[hand, v],
            s.stack_points[top + v], s.stack_masks[top + v],
        )  # fmt: skip
    record = s.pending[c[DEPTH]]
    record[P_VERTEX], record[P_VERTICES] = top, count
    record[P_LABEL], record[P_LABELS] = c[TOP_LABEL], c[LABELS]
    record[P_SIDE], record[P_FORM] = c[TOP_SIDE], c[TOP_FORM]
    record[P_LAYER], record[P_NEXT], record[P_CUTS] = layer, c[NEXT] + 1, c[CUTS]
    copy(s.hand_labels, 0, s.stack_labels, c[TOP_LABEL], c[LABELS])
    first, end = t.hyper[layer], t.hyper[layer + 1]
    copy(s.sides, first, s.stack_sides, c[TOP_SIDE], end - first)
    out, size = t.form[layer + 1], t.form[layer + 2] - t.form[layer + 1]
    copy(s.forms, out, s.stack_forms, c[TOP_FORM], size)
    c[TOP_VERTEX] += count
    c[TOP_LABEL] += c[LABELS]
    c[TOP_SIDE] += end - first
    c[TOP_FORM] += size
    c[DEPTH] += 1


@compiled()
def room_for_split(t, s):
    """Return whether buffers and stack have room for what a split of the cell in hand needs at least.

    For a polygon it is all that a split can need: without error bounds, signs may alternate from
    vertex to vertex, and each edge be cut.
    """
    c = s.control
    layer = c[LAYER]
    return (
        c[DEPTH] < len(s.pending)
        and 2 * c[VERTICES] + 2 <= s.hand_points.shape[1]
        and c[TOP_VERTEX] + 2 * c[VERTICES] + 2 <= len(s.stack_points)
        and c[TOP_LABEL] + c[LABELS] + 1 <= len(s.stack_labels)
        and c[TOP_SIDE] + t.hyper[layer + 1] - t.hyper[layer] <= len(s.stack_sides)
        and c[TOP_FORM] + t.form[layer + 2] - t.form[layer + 1] <= len(s.stack_forms)
    )
