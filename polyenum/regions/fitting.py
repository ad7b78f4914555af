"""Whether the arrays of a complex fit each other, a network and a domain.

What is compiled indexes without looking, so a complex from anywhere but the walk (a file, somebody's own
arrays) must pass here first.  Nothing here says that a complex is right; `polyenum.check` does.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from polyenum.cells.found import ARRAY_TYPES
from polyenum.domains import Domain
from polyenum.networks import PiecewiseLinearNetwork

if TYPE_CHECKING:
    from polyenum.regions.complex import RegionComplex

# What a complex is made of, each array with its type and number of axes.
ARRAYS: dict[str, tuple[type[np.generic], int]] = {**ARRAY_TYPES, "map_error": (np.float64, 2)}

# Regions whose sides are unpacked together.
_AT_A_TIME = 1 << 16


def misfit(cx: RegionComplex, network: PiecewiseLinearNetwork, domain: Domain) -> str | None:
    """Return what does not fit, in words; None where everything does."""
    for name, (dtype, axes) in ARRAYS.items():
        array = getattr(cx, name, None)
        # Not one of a subclass, such as a masked array: compiled code would not know it.
        if type(array) is not np.ndarray or array.dtype != dtype or array.ndim != axes:
            found = type(array).__name__
            if type(array) is np.ndarray:
                found = f"{array.dtype} with {array.ndim}"
            return f"{name} must be an array of {np.dtype(dtype)} with {axes} axes, found {found}"
    if domain.input_dim != network.input_dim:
        return f"the domain lies in {domain.input_dim} dimensions, the network takes {network.input_dim} inputs"
    checks = (_shapes, _offsets, _numbers, _labels, _masks, _polygons)
    for finds in checks[:3] if not len(cx.packed_sides) else checks:
        for problem in finds(cx, network, domain):
            return problem
    return None


def _shapes(cx: RegionComplex, network: PiecewiseLinearNetwork, domain: Domain) -> Iterator[str]:
    n, dim, outputs = len(cx.packed_sides), domain.dim, network.output_dim
    if n == 0 and cx.complete:
        yield "there are no regions"
    corners, words = cx.corner_masks.shape
    inside = cx.inside.shape[1]
    for name, shape in (
        ("packed_sides", (n, -(-network.hyperplane_count // 8))),
        ("maps", (n, dim + 1, outputs)),
        ("map_error", (2, outputs)),
        ("vertex_offsets", (n + 1,)),
        ("label_offsets", (n + 1,)),
        ("corner_points", (corners, dim)),
        ("inside", (n, dim if inside else 0)),
    ):
        if getattr(cx, name).shape != shape:
            yield f"{name} must be of shape {shape}, found {getattr(cx, name).shape}"
    if inside and corners:
        yield "there are vertices, and points inside regions, which take their place"
    if not inside and words == 0:
        yield "corner_masks has no words"


def _offsets(cx: RegionComplex, network: PiecewiseLinearNetwork, domain: Domain) -> Iterator[str]:
    dim, vertices = domain.dim, cx.inside.shape[1] == 0
    # A polytope has more vertices than dimensions, and more facets; a segment and a polygon as many of both.
    for name, offsets, end, least in (
        ("vertex_offsets", cx.vertex_offsets, len(cx.corner_points), dim + 1 if vertices else 0),
        ("label_offsets", cx.label_offsets, len(cx.labels), dim + 1 if vertices else 1),
    ):
        # Where they do not increase, differences may overflow.
        if (
            offsets[0] != 0
            or offsets[-1] != end
            or (offsets[1:] < offsets[:-1]).any()
            or (np.diff(offsets) < least).any()
        ):
            yield f"{name} must go from 0 to {end} in steps of at least {least}"
        elif dim == 1 and name == "vertex_offsets" and vertices and (np.diff(offsets) != 2).any():
            yield "vertex_offsets must go in steps of 2 in one dimension"


def _numbers(cx: RegionComplex, network: PiecewiseLinearNetwork, domain: Domain) -> Iterator[str]:
    for name in ("corner_points", "maps"):
        if not np.isfinite(getattr(cx, name)).all():
            yield f"{name} holds a number that is not finite"
    # NaN where no point inside is known.
    if np.isinf(cx.inside).any():
        yield "inside holds an infinite number"
    error = getattr(cx, "vertex_error", None)
    if not isinstance(error, (float, np.floating)) or not 0 <= error < math.inf:
        yield f"vertex_error must be a finite number of at least 0, found {error!r}"
    if not (np.isfinite(cx.map_error) & (cx.map_error >= 0)).all():
        yield "map_error holds a number that is not finite or below 0"


def impossible_sides(cx: RegionComplex) -> str | None:
    """Return which sides no region can have, in words; None where all are possible.

    `misfit` must have found nothing.  `polyenum.check` says it of each region; a file is refused for it.
    """
    padding = cx.packed_sides.shape[1] * 8 - cx.network.hyperplane_count
    if padding and (cx.packed_sides[:, -1] >> (8 - padding)).any():
        return "packed_sides has a bit that belongs to no hyperplane"
    stages, offsets = cx.network.stages, cx.network.hyperplane_offsets.tolist()
    if all(len(s.activation.breakpoints) == len(s.activation.unit_coordinates) for s in stages):
        return None
    for begin in range(0, len(cx), _AT_A_TIME):
        sides = cx.sides_of(slice(begin, begin + _AT_A_TIME))
        for stage, first in zip(stages, offsets, strict=False):
            table = stage.activation
            own = sides[:, first : first + len(table.breakpoints)]
            for start, end in table.group_ranges.tolist():
                if (np.count_nonzero(own[:, start:end], axis=1) != 1).any():
                    return "packed_sides must have one largest member of each maximum"
            same = table.breakpoint_coordinate[1:] == table.breakpoint_coordinate[:-1]
            if (own[:, 1:] & ~own[:, :-1] & same).any():
                return "packed_sides has a region above a breakpoint and below a lower one of the same unit"
    return None


def _labels(cx: RegionComplex, network: PiecewiseLinearNetwork, domain: Domain) -> Iterator[str]:
    count, sides = network.hyperplane_count, len(domain.sides)
    if cx.labels.max() >= count or cx.labels.min() < -sides:
        yield f"labels must be from {-sides} to {count - 1}"
        return
    owner = np.repeat(np.arange(len(cx.packed_sides)), np.diff(cx.label_offsets))
    key = np.sort(owner * (count + sides) + cx.labels.astype(np.int64) + sides)
    if (key[1:] == key[:-1]).any():
        yield "a region has a label twice"


def _masks(cx: RegionComplex, network: PiecewiseLinearNetwork, domain: Domain) -> Iterator[str]:
    if cx.inside.shape[1]:
        return
    words = cx.corner_masks.shape[1]
    count = np.diff(cx.label_offsets)
    if count.max() > 64 * words:
        yield f"a region has {count.max()} labels, and corner_masks only {64 * words} bits"
        return
    # Of each word the bits that have a label.
    whole = np.uint64(2**64 - 1)
    used = np.clip(count[:, None] - 64 * np.arange(words), 0, 64).astype(np.uint64)
    known = np.where(used == 0, np.uint64(0), whole >> (np.uint64(64) - np.maximum(used, 1)))
    united = np.bitwise_or.reduceat(cx.corner_masks, cx.vertex_offsets[:-1], axis=0)
    if (united & ~known).any():
        region = int(np.flatnonzero((united & ~known).any(axis=1))[0])
        yield f"a corner of region {region} has a bit in corner_masks that belongs to no label"


def _polygons(cx: RegionComplex, network: PiecewiseLinearNetwork, domain: Domain) -> Iterator[str]:
    """In 2-D a corner and the next share a hyperplane that is not tight on the whole region."""
    if domain.dim != 2 or cx.inside.shape[1]:
        return
    starts = cx.vertex_offsets[:-1]
    after = np.arange(1, len(cx.corner_masks) + 1)
    after[cx.vertex_offsets[1:] - 1] = starts
    common = np.bitwise_and.reduceat(cx.corner_masks, starts, axis=0)
    owner = np.repeat(np.arange(len(starts)), np.diff(cx.vertex_offsets))
    shared = cx.corner_masks & cx.corner_masks[after] & ~common[owner]
    if not shared.any(axis=1).all():
        region = int(owner[np.flatnonzero(~shared.any(axis=1))[0]])
        yield f"the corners of region {region} are not in cyclic order"
