"""Where a finished region is written to the output, if its numbers are accurate enough."""

from __future__ import annotations

import numpy as np

from polyenum.cells.accuracy import MAP_SHARE
from polyenum.cells.compiled import compiled
from polyenum.cells.vertex.forms import copy
from polyenum.cells.vertex.refine import refine, sharpest
from polyenum.cells.vertex.split import drop_unused_labels
from polyenum.cells.vertex.state import (
    CERTIFIED,
    HAND,
    LABELS,
    OUT_LABELS,
    OUT_REGIONS,
    OUT_VERTICES,
    SHARPENED,
    VERTICES,
)
from polyenum.cells.vertex.tighten import tighten
from polyenum.cells.vertex.vertices import solve_vertex


@compiled()
def is_accurate(dims, t, s):
    """Return whether vertices and outputs of the cell in hand are surely within the limits of `cells.accuracy`.

    The outputs' bounds for the whole domain often suffice; ``loose`` says that they do not.
    """
    c = s.control
    if c[CERTIFIED] == 0 or c[SHARPENED]:
        return True
    if t.loose[0]:
        return False
    for v in range(c[VERTICES]):
        if not s.hand_points[c[HAND], v, len(dims)] <= t.vertex_limit[0]:
            return False
    return True


@compiled()
def sharpen(dims, t, s):
    """Bring vertices and outputs of the cell in hand within their limits, with better and better bounds.

    Not called from `walk`, which all of this would make slower: a third, where it is never needed.

    Returns
    -------
    bool
        False where no float bound suffices.
    """
    if not (
        precise_vertices(dims, t, s)
        or (tighten(dims, t.layers - 1, t, s) and precise_vertices(dims, t, s))
        or (refine(dims, t.layers - 1, t, s) and precise_vertices(dims, t, s))
    ):
        return False
    if not t.loose[0]:
        return True
    s.tight[t.layers] = s.refined[t.layers] = 0
    tighten(dims, t.layers, t, s)
    return precise_outputs(dims, t, s) or (
        refine(dims, t.layers, t, s) and precise_outputs(dims, t, s)
    )


@compiled()
def precise_vertices(dims, t, s):
    """Return whether all vertices are within the limit, after solving afresh those that were not."""
    d, c = len(dims), s.control
    limit, labels = t.vertex_limit[0], s.hand_labels[: c[LABELS]]
    for v in range(c[VERTICES]):
        point = s.hand_points[c[HAND], v]
        if not point[d] <= limit:
            solve_vertex(dims, labels, s.hand_masks[c[HAND], v], t, s, point)
        if not point[d] <= limit:
            return False
    return True


@compiled()
def precise_outputs(dims, t, s):
    """Return whether the outputs' forms are within their limits on the whole domain.

    The limit is a share of the largest output at some points (`cells.accuracy`), or of the largest of this
    region's own maps on the domain, which may be the only ones that are not 0.
    """
    d, outputs = len(dims), len(t.map_limit)
    first, z = t.row[t.layers], t.form[t.layers]
    forms = sharpest(t.layers, s)
    own = 0.0
    for u in range(outputs):
        steep = 0.0
        for k in range(d):
            steep = max(steep, abs(forms[z + k * outputs + u]))
        steep = max(0.0, steep - s.coef_error[first + u])
        high = max(0.0, abs(forms[z + d * outputs + u]) - s.const_error[first + u])
        own = max(own, steep * t.reach[0] + high)
    for u in range(outputs):
        error = s.coef_error[first + u] * t.reach[0] + s.const_error[first + u]
        if not error <= max(t.map_limit[u], MAP_SHARE * own):
            return False
    return True


@compiled()
def emit(dims, words, t, s):
    """Append the cell in hand to the output; return False where there is no room."""
    d = len(dims)
    c = s.control
    drop_unused_labels(words, s)
    r, v0, l0 = c[OUT_REGIONS], c[OUT_VERTICES], c[OUT_LABELS]
    if (
        r >= len(s.out_packed_sides)
        or v0 + c[VERTICES] > len(s.out_corner_points)
        or l0 + c[LABELS] > len(s.out_labels)
    ):
        return False
    count, hand = c[VERTICES], c[HAND]
    for v in range(count):
        for k in range(d):
            s.out_corner_points[v0 + v, k] = s.hand_points[hand, v, k]
        s.done[1] = max(s.done[1], s.hand_points[hand, v, d])
        for w in range(words):
            s.out_corner_masks[v0 + v, w] = s.hand_masks[hand, v, w]
    copy(s.hand_labels, 0, s.out_labels, l0, c[LABELS])
    packed = s.out_packed_sides[r]
    for w in range(len(packed)):
        # The factor moves bit 0 of byte i to bit i of the top byte.
        packed[w] = (s.side_words[w] * np.uint64(0x0102040810204080)) >> np.uint64(56)
    copy(sharpest(t.layers, s), t.form[t.layers], s.out_maps[r], 0, s.out_maps.shape[1])
    if t.loose[0]:
        first = t.row[t.layers]
        for u in range(len(t.map_limit)):
            s.map_error[0, u] = max(s.map_error[0, u], s.coef_error[first + u])
            s.map_error[1, u] = max(s.map_error[1, u], s.const_error[first + u])
    c[SHARPENED] = 0
    c[OUT_REGIONS] += 1
    c[OUT_VERTICES] += c[VERTICES]
    c[OUT_LABELS] += c[LABELS]
    s.out_vertex_offsets[r + 1] = c[OUT_VERTICES]
    s.out_label_offsets[r + 1] = c[OUT_LABELS]
    return True
