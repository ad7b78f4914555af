"""What the walk keeps: its arrays, the slots of its counters, and what it returns."""

from __future__ import annotations

from polyenum.cells.array_table import ArrayTable

DONE, BUDGET, OUTPUT_FULL, UNDECIDED, GROW, MORE_WORDS = range(6)
MEMBER = 6  # a maximum's member is to be tried
MOVED, DEAD = 7, 8  # of its trial
INACCURATE = 9  # the region in hand is to be computed exactly
CHECKING, CUTTING = 1, 2  # its phases

# The slots of `control`, the walk's few counters.
(
    DEPTH,  # pending cells on the stack
    BASE,  # the lowest of them that is still to be walked here
    IN_HAND,  # NOTHING, A_CELL or A_ROOT
    LAYER,
    NEXT,  # next candidate of the layer
    VERTICES,  # vertices of the cell in hand
    LABELS,
    CUTS,  # cuts that led to the cell in hand
    HAND,  # which of the two buffers holds it
    TOP_VERTEX,  # stack tops
    TOP_LABEL,
    TOP_SIDE,
    TOP_FORM,
    OUT_REGIONS,
    OUT_VERTICES,
    OUT_LABELS,
    REGIONS,  # regions found in this call
    FLOAT_SIGNS,  # signs at vertices
    BOX_SIGNS,  # hyperplanes that the bounding test found not to cut a cell
    CERTIFIED,  # 0: take signs from floats without bounds
    UNDECIDED_AT,  # the hyperplane whose sign is not decided
    OVERRIDE,  # 1 when decided_* hold answers for it
    TRIAL,  # 0, or the phase of a trial
    RIVAL,  # the member that the one on trial is compared with next
    MIXED,  # whether any is larger somewhere
    SHARPENED,  # 1 where the region in hand has been computed exactly
    CONTROL_SIZE,
) = range(27)

NOTHING, A_CELL, A_ROOT = range(3)  # a root: a cell from elsewhere, its forms yet to be computed

# The columns of `pending`.
(P_VERTEX, P_VERTICES, P_LABEL, P_LABELS, P_SIDE, P_FORM, P_LAYER, P_NEXT, P_CUTS, P_SIZE) = range(
    10
)

LOW, HIGH = 1e-120, 1e120  # between these no product of two numbers under- or overflows


class State(ArrayTable):
    """Everything that the walk changes; `Walker` makes it and grows it."""

    layout = {
        "control": ("int64", 1),
        "done": ("float64", 1),  # [finished share of the tree, largest radius in the output]
        "sides": ("uint8", 1),  # per hyperplane: 1 where the cell in hand lies above it
        "side_words": ("uint64", 1),  # the same memory, eight sides a word
        "forms": ("float64", 1),
        "candidates": ("int64", 1),  # hyperplanes to test, layer l from hyper[l]
        "candidate_count": ("int64", 1),
        "rival": (
            "uint8",
            1,
        ),  # per hyperplane: 1 for a member that may be the largest in its cell's box
        "tie": (
            "int64",
            1,
        ),  # per hyperplane: members of equal numbers are equal, where that is known
        "ties_known": ("uint8", 1),  # per layer
        "guess": ("int64", 1),  # at a maximum's first hyperplane: whose forms the next layer's are
        "difference": ("float64", 1),  # (dim + 1): scratch
        "box": ("float64", 2),  # (2, widest layer): scratch
        "bounds": ("float64", 2),  # (2, dim): scratch
        "active": ("int64", 1),  # (widest layer): scratch
        "coef_error": ("float64", 1),  # per coordinate: bounds on the errors of the forms in hand
        "const_error": ("float64", 1),
        "map_error": ("float64", 2),  # (2, outputs): the largest of the regions in the output
        "plain_coef": ("float64", 1),  # the same for `forms`, also where there are better ones
        "plain_const": ("float64", 1),
        "tight": ("uint8", 1),  # per layer: whether they are for the cell in hand alone
        "refined": (
            "uint8",
            1,
        ),  # per layer: whether they are in double precision, for the cell in hand
        "high": ("float64", 1),  # better forms, as pairs, in the places of `forms`
        "low": ("float64", 1),
        "fine_coef": ("float64", 1),  # bounds on the errors of the pairs
        "fine_const": ("float64", 1),
        "fine_work": ("float64", 2),  # (4, widest layer): scratch
        "pair": ("float64", 2),  # (2, dim + 1): scratch
        "tight_work": ("float64", 2),  # (4, widest layer): scratch
        "scale": ("float64", 1),  # (widest layer): scratch
        "outer": ("float64", 2),  # (dim + 1, widest layer): scratch
        "cuts_box": ("uint8", 1),  # (hyperplanes of the widest layer + 8): scratch, flags
        "cuts_box_words": ("uint64", 1),  # the same memory, eight flags a word
        "hand_points": ("float64", 3),  # (2, capacity, dim + 1)
        "hand_masks": ("uint64", 3),  # (2, capacity, words)
        "hand_labels": ("int32", 1),  # (capacity of labels)
        "used": ("uint64", 1),  # (words): scratch
        "kept_before": ("int64", 1),  # (words): scratch
        "value": ("float64", 2),  # (2, capacity): value and its bound at each vertex
        "sign": ("int8", 1),
        "decided_value": ("float64", 2),  # (2, capacity): exact answers, rounded, and bound
        "decided_sign": ("int8", 1),  # 2: no answer
        "solve": ("float64", 3),  # scratch of `solve_vertex`
        "pending": ("int64", 2),  # (capacity, P_SIZE)
        "stack_points": ("float64", 2),
        "stack_masks": ("uint64", 2),
        "stack_labels": ("int32", 1),
        "stack_sides": ("uint8", 1),
        "stack_forms": ("float64", 1),
        "out_packed_sides": (
            "uint8",
            2,
        ),  # (capacity, bytes): eight sides a byte, the first in bit 0
        "out_maps": ("float64", 2),  # (capacity, (dim + 1) * outputs)
        "out_vertex_offsets": ("int64", 1),  # (capacity + 1)
        "out_label_offsets": ("int64", 1),  # (capacity + 1)
        "out_corner_points": ("float64", 2),  # (capacity, dim)
        "out_corner_masks": ("uint64", 2),  # (capacity, words)
        "out_labels": ("int32", 1),
    }
