"""Shared vertices: which corner of which region is the same point."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from polyenum.cells.compiled import compiled
from polyenum.regions.identity import blanked, canonical, mixed, same_sign_vector, tight_labels


class Corners(NamedTuple):
    """All regions' corners, ragged by region; see `RegionComplex`."""

    sides: NDArray[np.uint8]
    vertex_offsets: NDArray[np.int64]
    masks: NDArray[np.uint64]
    label_offsets: NDArray[np.int64]
    labels: NDArray[np.int32]
    hashes: NDArray[np.uint64]
    byte_keys: NDArray[np.uint64]
    tight_keys: NDArray[np.uint64]
    domain_sides: int
    groups: NDArray[np.int64]
    reader_offsets: NDArray[np.int64]
    readers: NDArray[np.int64]
    jumps: NDArray[np.bool_]


def share_vertices(corners: Corners) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Number the distinct vertices in the order in which they are first met.

    Returns
    -------
    ids : (corners,) int32
        The vertex of each corner.
    first : (vertices,) int64
        The corner at which each vertex is met first.
    """
    total = int(corners.vertex_offsets[-1])
    ids = np.empty(total, np.int32)
    capacity = max(64, total // 4)
    progress = np.zeros(2, np.int64)  # regions done, vertices found
    first = np.empty(capacity, np.int64)
    first_region = np.empty(capacity, np.int32)
    hashes = np.empty(capacity, np.uint64)
    tight = np.empty((2, 128 * corners.masks.shape[1] + len(corners.readers)), np.int32)
    while True:
        table = np.full(1 << int(2 * capacity - 1).bit_length(), -1, np.int32)
        refill_table(table, hashes, progress[1])
        number_vertices(corners, table, ids, first, first_region, hashes, tight, progress)
        if progress[0] == len(corners.sides):
            return ids, first[: progress[1]].copy()
        capacity *= 2
        first, first_region, hashes = (
            np.concatenate([a, np.empty_like(a)]) for a in (first, first_region, hashes)
        )


@compiled()
def refill_table(table, hashes, count):
    """Enter the first `count` hashes into an empty open-addressing `table`."""
    wrap = np.uint64(len(table) - 1)
    for v in range(count):
        slot = mixed(hashes[v]) & wrap
        while table[slot] >= 0:
            slot = (slot + np.uint64(1)) & wrap
        table[slot] = v


@compiled()
def number_vertices(x, table, ids, first, first_region, hashes, tight, progress):
    """Give each corner its vertex, region by region, until done or out of capacity."""
    wrap = np.uint64(len(table) - 1)
    for region in range(progress[0], len(x.sides)):
        begin, end = x.vertex_offsets[region], x.vertex_offsets[region + 1]
        if progress[1] + end - begin > len(first):
            return
        at, count = x.label_offsets[region], x.label_offsets[region + 1] - x.label_offsets[region]
        for corner in range(begin, end):
            k = tight_labels(x.masks[corner], x.labels, at, count, tight[0])
            k = canonical(tight[0], k, region, x)
            total = x.hashes[region]
            for i in range(k):
                total = blanked(
                    total,
                    tight[0, i],
                    region,
                    x.sides,
                    x.byte_keys,
                    x.tight_keys,
                    x.domain_sides,
                    x.jumps,
                )
            slot = mixed(total) & wrap
            vertex = -1
            while table[slot] >= 0:
                v = table[slot]
                if hashes[v] == total:
                    other, where = first_region[v], first[v]
                    n = tight_labels(
                        x.masks[where],
                        x.labels,
                        x.label_offsets[other],
                        x.label_offsets[other + 1] - x.label_offsets[other],
                        tight[1],
                    )
                    n = canonical(tight[1], n, other, x)
                    if same_sign_vector(region, tight[0], k, other, tight[1], n, x.sides, x.jumps):
                        vertex = v
                        break
                slot = (slot + np.uint64(1)) & wrap
            if vertex < 0:
                vertex = progress[1]
                progress[1] += 1
                table[slot] = vertex
                first[vertex], first_region[vertex], hashes[vertex] = corner, region, total
            ids[corner] = vertex
        progress[0] = region + 1
