"""Counting the faces of every dimension, each told by its sign vector."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from polyenum.regions.complex import RegionComplex


def count_faces(cx: RegionComplex) -> tuple[int, ...]:
    """Return the numbers of faces of dimension 0 to dim of a complex.

    A face of a region is an intersection of its facets; as a set of vertices it is closed: all vertices
    that are tight on what all of them are tight on.  Its sign vector, the region's sides with its tight
    labels blanked out, is the same for all regions that share it, and so is its set of shared vertices.
    Two faces with the same shared vertices are the same polytope; so vertex sets identify them here.
    """
    found: list[set[bytes]] = [set() for _ in range(cx.dim + 1)]
    for i in range(len(cx)):
        ids = cx.vertex_ids[cx.vertex_offsets[i] : cx.vertex_offsets[i + 1]]
        facets = {frozenset(facet.members.tolist()) for facet in cx._facet_rows(i)}
        level = {frozenset(range(len(ids)))}
        for dim in range(cx.dim, -1, -1):
            found[dim] |= {np.sort(ids[list(face)]).tobytes() for face in level}
            below = {face & other for face in level for other in facets if not face <= other}
            below.discard(frozenset())
            # The facets of a face are its maximal proper faces.
            level = {part for face in level for part in _maximal([b for b in below if b < face])}
    return tuple(len(faces) for faces in found)


def _maximal(sets: list[frozenset[int]]) -> list[frozenset[int]]:
    return [a for a in sets if not any(a < b for b in sets)]
