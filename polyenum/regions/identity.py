"""What is the same point, and the same facet, for different regions: told by sign vectors.

A vertex or facet of the complex is where certain hyperplanes are tight, while every other hyperplane
has a known side.  This sign vector (the region's sides with the tight hyperplanes blanked out) is a
function of the point, and no two vertices, nor two facets, have the same one.  So equality is a matter
of bits and never of coordinates.

Where an activation jumps, later units have other forms on its two sides, and equal signs say nothing about
equal places.  So its hyperplane is tight there, but its side stays in the sign vector: the complex is that
of the domain cut open along the jumps.

Sign vectors are found through a hash and then compared whole.  The hash of a region is the sum, modulo
2**64, of each byte of its packed sides times a random number of that byte; a tight hyperplane's own bit
is taken out again and a random number of the hyperplane is put in.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from polyenum.cells.compiled import compiled, popcount

# Below every label.
CLEARED = -(1 << 30)


def hash_keys(
    side_bytes: int, hyperplanes: int, domain_sides: int
) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    """Return the random numbers of the bytes, and of tight labels (-1 - side first, then hyperplanes).

    Returns
    -------
    byte_keys : (side_bytes,) uint64
    tight_keys : (domain_sides + hyperplanes,) uint64
        Label ``k`` is at ``domain_sides + k``.
    """
    random = np.random.default_rng(0x706F6C79)
    words = random.integers(
        0, 2**64, side_bytes + hyperplanes + domain_sides, dtype=np.uint64, endpoint=False
    )
    return words[:side_bytes] | np.uint64(1), words[side_bytes:]


@compiled()
def hash_regions(sides, byte_keys, out):
    """Write the hash of each region's packed sides to `out`."""
    for r in range(len(sides)):
        total = np.uint64(0)
        for b in range(len(byte_keys)):
            total += np.uint64(sides[r, b]) * byte_keys[b]
        out[r] = total


@compiled(inline="always")
def blanked(total, label, region, sides, byte_keys, tight_keys, domain_sides, jumps):
    """Return the hash `total` of a region's sign vector with `label` blanked out (or cleared) as well."""
    if label <= CLEARED:
        label = CLEARED - label
    else:
        total += tight_keys[domain_sides + label]
        if label >= 0 and jumps[label]:
            return total
    if label >= 0:
        place = np.uint64(label & 7)
        bit = np.uint64(sides[region, label >> 3]) >> place & np.uint64(1)
        total -= (bit << place) * byte_keys[label >> 3]
    return total


@compiled(inline="always")
def mixed(word):
    """Return `word` with its bits spread over the whole of it (the finalizer of MurmurHash3)."""
    word ^= word >> np.uint64(33)
    word *= np.uint64(0xFF51AFD7ED558CCD)
    word ^= word >> np.uint64(33)
    word *= np.uint64(0xC4CEB9FE1A85EC53)
    return word ^ (word >> np.uint64(33))


@compiled()
def same_sign_vector(region_a, tight_a, count_a, region_b, tight_b, count_b, sides, jumps):
    """Return whether two sign vectors are equal.

    Parameters
    ----------
    region_a, region_b : int
    tight_a, tight_b : int32 arrays
        Their first `count_a` and `count_b` entries are the labels that are blanked out.
    sides : (regions, bytes) uint8
    jumps : (hyperplanes,) bool
    """
    differing, normal = 0, 0
    for i in range(count_a):
        label, found = tight_a[i], False
        for j in range(count_b):
            found |= tight_b[j] == label
        if label <= CLEARED:
            if not found:
                # A side of 1 that counts as 0: the other's must be 0.
                label = CLEARED - label
                if sides[region_b, label >> 3] >> (label & 7) & 1:
                    return False
                differing += 1
            continue
        if not found:
            return False
        normal += 1
        if label >= 0:
            byte, place = label >> 3, label & 7
            other = (sides[region_a, byte] ^ sides[region_b, byte]) >> place & 1
            if other and jumps[label]:
                return False
            differing += other
    for j in range(count_b):
        label, found = tight_b[j], False
        if label <= CLEARED:
            for i in range(count_a):
                found |= tight_a[i] == label
            if not found:
                label = CLEARED - label
                if sides[region_a, label >> 3] >> (label & 7) & 1:
                    return False
                differing += 1
        else:
            normal -= 1
    if normal != 0:
        return False
    # Outside the blanked bits nothing may differ.
    for byte in range(sides.shape[1]):
        differing -= popcount(np.uint64(sides[region_a, byte] ^ sides[region_b, byte]))
    return differing == 0


@compiled(inline="always")
def largest_member(label, region, x):
    """Return the largest member of the maximum of `label` in a region; -1 where all are 0."""
    own = x.groups[label, 0]
    while own < x.groups[label, 1]:
        if x.sides[region, own >> 3] >> (own & 7) & 1:
            return own
        own += 1
    return -1


@compiled(inline="always")
def canonical(tight, count, region, x):
    """Make tight labels independent of the region from which they are seen, where there are maxima.

    From the regions of different members the same ties are told by different labels, so the largest
    member is appended to those that tie with it.  Where all members are 0, the ReLUs that they are
    outputs of say so: then labels of this maximum are left out, and the side of the largest counts
    as 0, for which ``CLEARED - hyperplane`` is appended.

    Returns
    -------
    int
        How many there are now.
    """
    if not len(x.groups):
        return count
    total = count
    for i in range(count):
        label = tight[i]
        if label < 0:
            continue
        # Largest members that this ReLU is the source of.
        for r in range(x.reader_offsets[label], x.reader_offsets[label + 1]):
            member = x.readers[r]
            if x.sides[region, member >> 3] >> (member & 7) & 1:
                tight[total] = CLEARED - member
                total += 1
    zeros = total
    kept = 0
    for i in range(count):
        label = tight[i]
        keep = True
        if label >= 0 and x.groups[label, 0] >= 0:
            keep = largest_member(label, region, x) >= 0
            for j in range(count, zeros):
                keep &= x.groups[CLEARED - tight[j], 0] != x.groups[label, 0]
        if keep:
            tight[kept] = label
            kept += 1
    for j in range(count, zeros):
        tight[kept + j - count] = tight[j]
    total = kept + zeros - count
    for i in range(kept):
        label = tight[i]
        if label >= 0 and x.groups[label, 0] >= 0:
            own, known = largest_member(label, region, x), False
            for j in range(kept, total):
                known |= tight[j] == own
            if not known:
                tight[total] = own
                total += 1
    return total


@compiled(inline="always")
def tight_labels(mask, labels, first, count, out):
    """Write the labels of the bits of `mask` to `out`; return how many."""
    found = 0
    for w in range((count + 63) >> 6):
        rest = mask[w]
        while rest:
            bit = popcount((rest & (~rest + np.uint64(1))) - np.uint64(1))
            out[found] = labels[first + 64 * w + bit]
            found += 1
            rest &= rest - np.uint64(1)
    return found
