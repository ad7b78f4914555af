"""Volume and centroid of a polytope as sums over its faces, each face once.

A face is the union of the pyramids from one of its vertices, its *apex*, over those of its facets that do not
hold the apex.  So ``k`` times the volume of a face of dimension ``k`` is the sum, over these facets, of the
apex's distance from the facet times the facet's volume.  No term is negative: nothing cancels.  The centroid
of a pyramid divides the way from its apex to its base's centroid as ``k`` to 1.

Faces are made from the vertices upwards, and only two dimensions are held at a time.  A face is known by its
*key*, the set of the polytope's facets that hold it.  At a *simple* vertex, one on exactly ``dim`` facets,
every subset of these is the key of a face.  So a face with a simple vertex is a facet of the faces whose keys
lack one member of its own.  Around other faces, each vertex outside gives a candidate: the smallest face that
holds both has what their keys share as its key.  The candidates that hold no other one are the faces sought
(Kaibel and Pfetsch, "Computing the face lattice of a polytope from its vertex-facet incidences",
Computational Geometry 23, 2002).

The apex is the lowest vertex.  Faces are made in the order of their apexes: facets are taken in the order of
theirs, so the first facet that is met of a face holds the face's lowest vertex.

A distance is the length of what is left of a vector without its part along an orthonormal basis of the
facet's directions.  A face takes over the basis of its largest pyramid's base, which is the safest, and adds
the direction of its apex.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from polyenum.cells.array_table import ArrayTable
from polyenum.cells.compiled import compiled, popcount

# What came of a polytope: done, or what there was not enough of, or incidences that no polytope has.
DONE, MORE_FACES, MORE_VECTORS, CONTRADICTION = range(4)


class Faces(ArrayTable):
    """Scratch: the faces of two consecutive dimensions, those of dimension ``k`` in half ``k % 2``."""

    layout = {
        "points": ("float64", 2),  # (vertices, dim): the polytope's
        "vertex_keys": ("uint64", 2),  # (vertices, words): the facets that hold each vertex
        "keys": ("uint64", 3),  # (2, faces, words)
        "simple": ("uint8", 2),  # (2, faces): whether the face has a simple vertex
        "apex": ("uint32", 2),  # (2, faces)
        "volume": ("float64", 2),  # (2, faces)
        "centroid": ("float64", 3),  # (2, faces, dim)
        "basis": ("float64", 3),  # (2, vectors, dim): face i of dimension k has those from i * k on
        "largest": ("int64", 1),  # (faces): of the pyramids of a face; see `add_pyramid`
        "table": ("int32", 1),  # faces by the hashes of their keys, or -1
        "candidates": ("uint64", 2),  # (vertices + dim + 1, words): keys of the faces around one
        "vector": ("float64", 1),  # (dim)
    }

    @classmethod
    def of(cls, vertices: int, dim: int, words: int, room: Sequence[int]) -> Faces:
        """Return scratch for polytopes of so many `vertices`, with `room` for so many faces and vectors."""
        faces, vectors = room
        return cls(
            points=np.empty((vertices, dim)),
            vertex_keys=np.empty((vertices, words), np.uint64),
            keys=np.empty((2, faces, words), np.uint64),
            simple=np.empty((2, faces), np.uint8),
            apex=np.empty((2, faces), np.uint32),
            volume=np.empty((2, faces)),
            centroid=np.empty((2, faces, dim)),
            basis=np.empty((2, vectors, dim)),
            largest=np.empty(faces, np.int64),
            table=np.empty(4 << (faces - 1).bit_length(), np.int32),
            candidates=np.empty((vertices + dim + 1, words), np.uint64),
            vector=np.empty(dim),
        )


@compiled()
def measure_polytope(dims, words, t, vertices):
    """Measure the polytope of the first `vertices` of ``t.points`` and ``t.vertex_keys``.

    Parameters
    ----------
    dims, words : tuples as long as the dimension, and as the keys' words
        So both are known when this is compiled.
    t : Faces
    vertices : int

    Returns
    -------
    status : int
        `DONE`: the polytope's are ``t.volume[dim % 2, 0]`` and ``t.centroid[dim % 2, 0]``.
    need : int
        How many faces or vectors would do, if there were not enough.
    """
    d = len(dims)
    if vertices > len(t.largest):
        return MORE_FACES, vertices
    all_simple = True
    for v in range(vertices):
        size = 0
        for w in range(len(words)):
            t.keys[0, v, w] = t.vertex_keys[v, w]
            size += popcount(t.vertex_keys[v, w])
        t.simple[0, v] = size == d
        all_simple &= size == d
        t.apex[0, v] = v
        t.volume[0, v] = 1.0
        for i in range(d):
            t.centroid[0, v, i] = t.points[v, i]
    below = vertices
    for k in range(1, d + 1):
        # A face of dimension k has more than k facets, and a facet with a simple vertex lies in as many
        # faces as its key has members.  So this is the most if all vertices are simple, else a guess.
        limit = max(1, below * (d - k + 1) // (k + 1))
        while True:
            if limit > len(t.largest):
                return MORE_FACES, limit
            if k < d and limit * k > t.basis.shape[1]:
                return MORE_VECTORS, limit * k
            count = make_faces(dims, words, t, k, below, limit, vertices, all_simple)
            if count <= limit:
                break
            if all_simple:
                return CONTRADICTION, 0
            limit *= 2
        for f in range(count):
            if t.largest[f] < 0:
                return CONTRADICTION, 0
            finish_face(dims, t, k, f)
        below = count
    whole = below == 1
    for w in range(len(words)):
        whole &= t.keys[d & 1, 0, w] == 0
    return (DONE if whole else CONTRADICTION), 0


@compiled()
def make_faces(dims, words, t, k, below, limit, vertices, all_simple):
    """Make the faces of dimension `k` from the `below` ones of their facets; add up their pyramids.

    Returns
    -------
    int
        How many there are; more than `limit` if these are not all.
    """
    d = len(dims)
    low, high = (k - 1) & 1, k & 1
    room = 4
    while room < 2 * limit:
        room *= 2
    for slot in range(room):
        t.table[slot] = -1
    count = 0
    for g in range(below):
        own, simple = t.apex[low, g], t.simple[low, g]
        if simple:
            around = keys_less_one(words, t, low, g)
        else:
            around = keys_around(words, t, low, g, vertices)
        for c in range(around):
            slot = slot_of(words, t, high, t.candidates[c], np.uint64(room - 1))
            f = np.int64(t.table[slot])
            if f >= 0:
                if not all_simple:
                    t.simple[high, f] |= simple
                if t.apex[high, f] != own:
                    add_pyramid(dims, t, k, f, g)
            elif count == limit:
                return limit + 1
            else:
                t.table[slot] = count
                for w in range(len(words)):
                    t.keys[high, count, w] = t.candidates[c, w]
                t.simple[high, count], t.apex[high, count] = simple, own
                t.volume[high, count], t.largest[count] = 0.0, -1
                for i in range(d):
                    t.centroid[high, count, i] = 0.0
                count += 1
    return count


@compiled(inline="always")
def keys_less_one(words, t, half, g):
    """Write the keys of the faces that face `g`, which has a simple vertex, is a facet of; return how many."""
    found = 0
    for w in range(len(words)):
        rest = t.keys[half, g, w]
        while rest:
            bit = rest & (~rest + np.uint64(1))
            rest ^= bit
            for i in range(len(words)):
                t.candidates[found, i] = t.keys[half, g, i]
            t.candidates[found, w] ^= bit
            found += 1
    return found


@compiled()
def keys_around(words, t, half, g, vertices):
    """Write the keys of the faces that face `g` is a facet of; return how many."""
    found = 0
    for v in range(vertices):
        inside = True
        for w in range(len(words)):
            shared = t.keys[half, g, w] & t.vertex_keys[v, w]
            inside &= shared == t.keys[half, g, w]
            t.candidates[found, w] = shared
        if inside:
            continue
        # The larger key has the smaller face.
        kept, new = 0, True
        for i in range(found):
            within, around = True, True
            for w in range(len(words)):
                within &= (t.candidates[found, w] & ~t.candidates[i, w]) == 0
                around &= (t.candidates[i, w] & ~t.candidates[found, w]) == 0
            if within:
                new = False
                break
            if not around:
                for w in range(len(words)):
                    t.candidates[kept, w] = t.candidates[i, w]
                kept += 1
        if new:
            for w in range(len(words)):
                t.candidates[kept, w] = t.candidates[found, w]
            found = kept + 1
    return found


@compiled(inline="always")
def slot_of(words, t, half, key, wrap):
    """Return where in the table the face of a `key` is, or where it belongs."""
    slot = np.uint64(0)
    for w in range(len(words)):
        slot = (slot ^ slot >> np.uint64(32) ^ key[w]) * np.uint64(0x9E3779B97F4A7C15)
    slot = (slot ^ slot >> np.uint64(32)) & wrap
    while True:
        f = t.table[slot]
        if f < 0:
            return slot
        same = True
        for w in range(len(words)):
            same &= t.keys[half, f, w] == key[w]
        if same:
            return slot
        slot = (slot + np.uint64(1)) & wrap


@compiled(inline="always")
def add_pyramid(dims, t, k, f, g):
    """Add to face `f` of dimension `k` the pyramid from its apex over its facet `g`, up to a factor ``1 / k``.

    ``t.largest`` is the largest share so far, with the facet's number in place of the last 32 bits: its
    mantissa then has 20, and one maximum finds both.  (A branch that waits for the share, and that nothing
    predicts, costs a fifth of the time.)
    """
    low, high = (k - 1) & 1, k & 1
    share = height(dims, t, low, g, k - 1, t.apex[high, f]) * t.volume[low, g]
    t.volume[high, f] += share
    for i in range(len(dims)):
        t.centroid[high, f, i] += share * t.centroid[low, g, i]
    mark = np.float64(share).view(np.int64) >> 32 << 32 | g
    t.largest[f] = max(t.largest[f], mark)


@compiled(inline="always")
def height(dims, t, half, g, count, apex):
    """Return the distance of the point `apex` from the affine hull of face `g` of dimension `count`.

    Its square is what Pythagoras leaves of the square of the distance from the face's own apex, if that is
    a 64th or more: this loses 6 bits of 53.  Else it is the residual's.
    """
    base = t.apex[half, g]
    larger, whole = magnified(dims, t, apex, base), 0.0
    for i in range(len(dims)):
        whole += ((t.points[apex, i] - t.points[base, i]) * larger) ** 2
    left = whole
    for j in range(g * count, (g + 1) * count):
        along = 0.0
        for i in range(len(dims)):
            along += (t.points[apex, i] - t.points[base, i]) * larger * t.basis[half, j, i]
        left -= along * along
    if left * 64 < whole:
        for i in range(len(dims)):
            t.vector[i] = (t.points[apex, i] - t.points[base, i]) * larger
        left = take_along(dims, t, half, g, count)[1]
    return math.sqrt(left) / larger


@compiled(inline="always")
def magnified(dims, t, p, q):
    """Return a power of 2 that makes two points' distance large enough to be squared; 1 nearly always."""
    largest = 0.0
    for i in range(len(dims)):
        largest = max(largest, abs(t.points[p, i] - t.points[q, i]))
    larger = 1.0
    while 0.0 < largest < 2.0**-300:
        largest *= 2.0**300
        larger *= 2.0**300
    return larger


@compiled(inline="always")
def take_along(dims, t, half, g, count):
    """Take the part along the basis of face `g` from ``t.vector``; return its square before and after."""
    whole, left = 0.0, 0.0
    for i in range(len(dims)):
        whole += t.vector[i] ** 2
    for j in range(g * count, (g + 1) * count):
        along = 0.0
        for i in range(len(dims)):
            along += t.vector[i] * t.basis[half, j, i]
        for i in range(len(dims)):
            t.vector[i] -= along * t.basis[half, j, i]
    for i in range(len(dims)):
        left += t.vector[i] ** 2
    return whole, left


@compiled(inline="always")
def finish_face(dims, t, k, f):
    """Turn the sums of face `f` of dimension `k` into its volume and centroid; give it a basis."""
    d = len(dims)
    low, high = (k - 1) & 1, k & 1
    total, apex = t.volume[high, f], t.apex[high, f]
    t.volume[high, f] = total / k
    # A face without volume counts for nothing, but its centroid must be a number.
    rest = 1.0 / (k + 1) if total > 0.0 else 1.0
    for i in range(d):
        middle = t.centroid[high, f, i] / total if total > 0.0 else 0.0
        t.centroid[high, f, i] = rest * t.points[apex, i] + (1.0 - rest) * middle
    if k == d:
        return
    g, first = t.largest[f] & 0xFFFFFFFF, f * k
    base = t.apex[low, g]
    for j in range(k - 1):
        for i in range(d):
            t.basis[high, first + j, i] = t.basis[low, g * (k - 1) + j, i]
    # Only its direction matters, so it may grow until its square is a number.
    larger = magnified(dims, t, apex, base)
    for i in range(d):
        t.vector[i] = (t.points[apex, i] - t.points[base, i]) * larger
    whole, left = take_along(dims, t, low, g, k - 1)
    # Rounding left something along the basis.  Where little is left, this is not little.
    while left * 64 < whole and left > 0.0:
        whole, left = take_along(dims, t, low, g, k - 1)
    scale = 1.0 / math.sqrt(left) if left > 0.0 else 0.0
    for i in range(d):
        t.basis[high, first + k - 1, i] = t.vector[i] * scale
