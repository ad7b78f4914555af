"""What is the same point, and the same facet, for different regions: told by sign vectors.

A vertex or facet of the complex is where certain hyperplanes are tight, while every other hyperplane
has a known side.  This sign vector (the region's sides with the tight hyperplanes blanked out) is a
function of the point, and no two vertices, nor two facets, have the same one.  So equality is a matter
of bits and never of coordinates.

Sign vectors are found through a hash and then compared whole.  The hash of a region is the sum, modulo
2**64, of each byte of its packed sides times a random number of that byte; a tight hyperplane's own bit
is taken out again and a random number of the hyperplane is put in.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from polyenum.cells.compiled import compiled, popcount


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
def blanked(total, label, region, sides, byte_keys, tight_keys, domain_sides):
    """Return the hash `total` of a region's sign vector with `label` blanked out as well."""
    total += tight_keys[domain_sides + label]
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
def same_sign_vector(region_a, tight_a, count_a, region_b, tight_b, count_b, sides):
    """Return whether two sign vectors are equal.

    Parameters
    ----------
    region_a, region_b : int
    tight_a, tight_b : int32 arrays
        Their first `count_a` and `count_b` entries are the labels that are blanked out.
    sides : (regions, bytes) uint8
    """
    if count_a != count_b:
        return False
    differing = 0
    for i in range(count_a):
        label, found = tight_a[i], False
        for j in range(count_b):
            found |= tight_b[j] == label
        if not found:
            return False
        if label >= 0:
            byte, place = label >> 3, label & 7
            differing += (sides[region_a, byte] ^ sides[region_b, byte]) >> place & 1
    # Outside the blanked bits nothing may differ.
    for byte in range(sides.shape[1]):
        differing -= popcount(np.uint64(sides[region_a, byte] ^ sides[region_b, byte]))
    return differing == 0


@compiled(inline="always")
def with_owners(tight, count, region, sides, groups):
    """Append to tight labels the largest member of each maximum that a tight one ties with; return how many.

    From the region of another of these members the same ties are told by that one's own labels, with
    the roles exchanged; all members that tie are the same from everywhere.
    """
    if not len(groups):
        return count
    total = count
    for i in range(count):
        label = tight[i]
        if label >= 0 and groups[label, 0] >= 0:
            own = groups[label, 0]
            while not (sides[region, own >> 3] >> (own & 7)) & 1:
                own += 1
            known = False
            for j in range(count, total):
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
