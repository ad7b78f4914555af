"""Facets and adjacency: which hyperplanes carry a region's facets, and who is on the other side."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from polyenum.cells.compiled import compiled, popcount
from polyenum.regions.identity import CLEARED, blanked, canonical, mixed, same_sign_vector
from polyenum.regions.shared_vertices import Corners


class Facets(NamedTuple):
    """All regions' facets, ragged by region.

    Attributes
    ----------
    offsets : (regions + 1,) int64
    bit : (facets,) int32
        The first local label, counted within its region, that carries the facet.
    neighbor : (facets,) int32
        The region on the other side; -1 at the domain's boundary, where an activation jumps, or where the
        complex ends.
    """

    offsets: NDArray[np.int64]
    bit: NDArray[np.int32]
    neighbor: NDArray[np.int32]


def find_facets(corners: Corners, dim: int) -> Facets:
    """Return the facets of all regions, each matched with its neighbour.

    A set of labels carries a facet when the vertices that they are tight on are a maximal proper
    subset of the region's; labels that are tight on every vertex belong to units that vanish on the
    whole region and carry nothing.
    """
    regions = len(corners.sides)
    offsets = np.zeros(regions + 1, np.int64)
    bit = np.empty(len(corners.labels), np.int32)
    members = _member_sets(corners)
    list_facets(corners, dim, members, offsets, bit)
    bit = bit[: offsets[-1]].copy()
    neighbor = np.full(len(bit), -1, np.int32)
    hashes = np.zeros(len(bit), np.uint64)
    owner = np.repeat(np.arange(regions, dtype=np.int32), np.diff(offsets))
    table = np.full(1 << int(2 * len(bit) + 2).bit_length(), -1, np.int32)
    tight = np.empty((2, 2 * len(members) + len(corners.readers)), np.int32)
    match_facets(corners, members, offsets, bit, owner, neighbor, hashes, table, tight)
    return Facets(offsets, bit, neighbor)


def carrying_bits(corners: Corners, dim: int, region: int) -> NDArray[np.int32]:
    """Return the local labels that carry the facets of one region."""
    first, last = corners.label_offsets[region : region + 2]
    bit = np.empty(last - first, np.int32)
    count = carrying_labels(corners, region, dim, _member_sets(corners), bit, 0)
    return bit[:count]


def _member_sets(corners: Corners) -> NDArray[np.uint64]:
    """Return room for the vertex sets of a region's labels."""
    most = int(np.diff(corners.vertex_offsets).max(initial=1))
    return np.empty((64 * corners.masks.shape[1], (most + 63) // 64), np.uint64)


@compiled()
def fill_members(x, region, members):
    """Write, for each local label of `region`, the bitset of the vertices it is tight on."""
    begin, end = x.vertex_offsets[region], x.vertex_offsets[region + 1]
    count = x.label_offsets[region + 1] - x.label_offsets[region]
    words = (end - begin + 63) // 64
    for bit in range(count):
        for w in range(words):
            members[bit, w] = np.uint64(0)
        word, place = bit >> 6, np.uint64(bit & 63)
        for v in range(end - begin):
            on = x.masks[begin + v, word] >> place & np.uint64(1)
            members[bit, v >> 6] |= on << np.uint64(v & 63)
    return count, words


@compiled(inline="always")
def contains(members, a, b, words):
    """Return whether the vertex set of label `a` contains that of label `b`."""
    for w in range(words):
        if members[b, w] & ~members[a, w]:
            return False
    return True


@compiled(inline="always")
def size_of(members, bit, words):
    """Return how many vertices label `bit` is tight on."""
    total = 0
    for w in range(words):
        total += popcount(members[bit, w])
    return total


@compiled()
def is_simple(x, region, dim):
    """Return whether exactly `dim` labels are tight at every vertex of `region`."""
    for v in range(x.vertex_offsets[region], x.vertex_offsets[region + 1]):
        tight = 0
        for w in range(x.masks.shape[1]):
            tight += popcount(x.masks[v, w])
        if tight != dim:
            return False
    return True


@compiled()
def carrying_labels(x, region, dim, members, out, found):
    """Write the carrying label of every facet of `region` to ``out[found:]``; return the new `found`."""
    begin, end = x.vertex_offsets[region], x.vertex_offsets[region + 1]
    count, words = fill_members(x, region, members)
    simple = is_simple(x, region, dim)
    for bit in range(count):
        # Where every vertex is simple, every label is a facet's and no two share one.
        carries = True
        if not simple:
            size = size_of(members, bit, words)
            carries = dim <= size < end - begin
            for other in range(count):
                if not carries:
                    break
                if other != bit and contains(members, other, bit, words):
                    more = size_of(members, other, words)
                    if more == size:
                        carries = other > bit  # the same facet: the first label stands for it
                    else:
                        carries = more == end - begin
        if carries:
            out[found] = bit
            found += 1
    return found


@compiled()
def list_facets(x, dim, members, offsets, out):
    """Write the carrying label of every facet of every region to `out`."""
    found = 0
    for region in range(len(x.sides)):
        found = carrying_labels(x, region, dim, members, out, found)
        offsets[region + 1] = found


@compiled(inline="always")
def facet_labels(x, region, members, bit, count, words, out):
    """Write all labels that are tight on the whole facet of label `bit`; return how many."""
    found = 0
    for other in range(count):
        if contains(members, other, bit, words):
            out[found] = x.labels[x.label_offsets[region] + other]
            found += 1
    return found


@compiled()
def match_facets(x, members, offsets, bit, owner, neighbor, hashes, table, tight):
    """Find for every facet the other one with the same sign vector."""
    wrap = np.uint64(len(table) - 1)
    for region in range(len(x.sides)):
        count, words = fill_members(x, region, members)
        for f in range(offsets[region], offsets[region + 1]):
            k = facet_labels(x, region, members, bit[f], count, words, tight[0])
            k = canonical(tight[0], k, region, x)
            total = x.hashes[region]
            boundary = False
            for i in range(k):
                boundary |= CLEARED < tight[0, i] < 0
                boundary |= tight[0, i] >= 0 and x.jumps[tight[0, i]]
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
            if boundary:
                continue
            hashes[f] = total
            slot = mixed(total) & wrap
            matched = False
            while table[slot] >= 0:
                g = table[slot]
                if hashes[g] == total and neighbor[g] < 0:
                    other = owner[g]
                    c2, w2 = fill_members(x, other, members)
                    n = facet_labels(x, other, members, bit[g], c2, w2, tight[1])
                    n = canonical(tight[1], n, other, x)
                    matched = same_sign_vector(
                        region, tight[0], k, other, tight[1], n, x.sides, x.jumps
                    )
                    fill_members(x, region, members)
                    if matched:
                        neighbor[f], neighbor[g] = other, region
                        break
                slot = (slot + np.uint64(1)) & wrap
            if not matched:
                table[slot] = f
