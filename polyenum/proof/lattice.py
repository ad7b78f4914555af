"""The faces of one polytope from its incidences, and a proof that none is missing.

A polytope is given as sets of vertices, one per supporting hyperplane, as bits of an integer.  Each set
is a face, and so is each intersection.  Taking the maximal proper ones as the facets of a face, they
are *all* its facets if every facet of a facet lies in exactly two of them: the facets of a polytope
are connected through their own facets, so a set of them that is closed under crossing is complete.  By
induction from the edges, which must have two ends, up.  The dimensions are right if every chain from a
vertex to the whole has one face of each dimension (Ziegler, *Lectures on Polytopes*, 1995, section 2).
"""

from __future__ import annotations

from collections.abc import Iterable


class LatticeError(Exception):
    """The incidences are not those of a polytope of this dimension."""


def faces(whole: int, sets: Iterable[int], dim: int) -> list[set[int]]:
    """Return the faces of each dimension, 0 to `dim`, as sets of vertices.

    Parameters
    ----------
    whole : int
        All vertices.
    sets : iterable of int
        The vertices on each hyperplane.
    dim : int

    Raises
    ------
    LatticeError
        If the incidences are incomplete or contradict each other.
    """
    distinct = {part for part in sets if part and part != whole}
    found: list[set[int]] = [set() for _ in range(dim + 1)]
    known: dict[int, list[int]] = {}

    def enter(face: int, k: int) -> list[int]:
        """Return the facets of `face`, of dimension `k`, after proving that they are all."""
        if face in found[k]:
            return known[face]
        if k == 0:
            if face.bit_count() != 1:
                raise LatticeError(f"a point with {face.bit_count()} vertices")
            below: list[int] = []
        else:
            below = _maximal({face & part for part in distinct} - {face, 0})
            if k == 1 and (face.bit_count() != 2 or len(below) != 2):
                raise LatticeError(f"an edge with {face.bit_count()} vertices")
        ridges: dict[int, int] = {}
        for facet in below:
            for ridge in enter(facet, k - 1):
                ridges[ridge] = ridges.get(ridge, 0) + 1
        if any(count != 2 for count in ridges.values()) or (k > 1 and not below):
            raise LatticeError(f"a facet is missing from a face of dimension {k}")
        found[k].add(face)
        known[face] = below
        return below

    enter(whole, dim)
    return found


def _maximal(sets: set[int]) -> list[int]:
    ordered = sorted(sets, key=int.bit_count, reverse=True)
    kept: list[int] = []
    for part in ordered:
        if not any(part & other == part for other in kept):
            kept.append(part)
    return kept
