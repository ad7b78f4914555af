"""What can be said of a complex before any geometry: that patterns differ, and are in order."""

from __future__ import annotations

import numpy as np

from polyenum.proof.case import Case


def check_structure(case: Case) -> None:
    """Check the patterns, their order, and that each label is tight somewhere.

    Where this finds something, the rest would speak about another complex.
    """
    cx, layout = case.cx, case.layout
    n, count = len(cx), layout.count
    sides = cx.sides_of(slice(None))
    if count % 8 and (cx.packed_sides[:, -1] >> (count % 8)).any():
        region = int(np.flatnonzero(cx.packed_sides[:, -1] >> (count % 8))[0])
        case.find(region, "its packed sides have a bit beyond the last hyperplane")
    for begin, end in layout.maxima:
        largest = sides[:, begin:end].sum(axis=1)
        for region in np.flatnonzero(largest != 1).tolist():
            case.find(region, f"{largest[region]} members of a maximum are the largest, not one")
        if layout.sources[begin] >= 0:
            # The largest is an output of a ReLU that is on, or the first where all are off.
            on = sides[:, layout.sources[begin:end]]
            expected = np.where(
                on.any(axis=1), (sides[:, begin:end] & on).any(axis=1), sides[:, begin]
            )
            for region in np.flatnonzero(~expected).tolist():
                case.find(region, "the largest member of a maximum is 0, and not the first of them")
    # In order: "off" before "on", the first hyperplane most significant; of a maximum's members the first
    # comes first, whose side is "on".
    key = np.packbits(sides ^ (layout.groups[:, 0] >= 0), axis=1)
    if n > 1 and count:
        before, after = key[:-1], key[1:]
        differ = before != after
        column = differ.argmax(axis=1)
        rows = np.arange(n - 1)
        for r in np.flatnonzero(before[rows, column] >= after[rows, column]).tolist():
            if differ[r].any():
                case.find(r + 1, "it is out of order: its pattern comes before the last one's")
            else:
                case.find(r + 1, "it has the same pattern as the region before")
    elif n > 1:
        case.find(1, "it has the same pattern as the region before: there are no hyperplanes")
    used = np.bitwise_or.reduceat(cx.corner_masks, cx.vertex_offsets[:-1], axis=0)
    labels = np.diff(cx.label_offsets)
    little = np.ascontiguousarray(used, "<u8").view(np.uint8)
    tight = np.unpackbits(little, axis=1, bitorder="little").sum(axis=1, dtype=np.int64)
    for region in np.flatnonzero(tight != labels).tolist():
        case.find(region, "one of its labels is tight at none of its corners")
