"""The faces of simple regions, all at once.

A region is simple here if exactly ``dim`` labels are tight at each of its corners.  Let ``F(S)`` be the
corners at which all labels of a set ``S`` are tight.  If no two corners have the same labels, and every set
of ``dim - 1`` labels that is tight at a corner is tight at exactly two, then the nonempty ``F(S)`` are what
`lattice.faces` finds and proves complete:

- Dropping one of a corner's labels leads along an edge to one other corner, which has all others of its
  labels and not that one.  So ``F(S + a)`` lies in no other ``F(S + b)`` as long as it has an edge: drop
  ``b`` at one of its corners.  Hence the maximal proper parts of ``F(S)`` are all ``F(S + a)``, and all differ.
- ``F(S + a + b)`` lies in exactly two of them, ``F(S + a)`` and ``F(S + b)``.

So the faces of dimension ``dim - k`` are the ``F(S)`` of ``k`` labels each, and each label cuts one facet from
the region.
"""

from __future__ import annotations

from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from polyenum.proof.batch import Batch
from polyenum.proof.case import Case
from polyenum.proof.signs import Hashing


def simple_regions(case: Case, batch: Batch) -> NDArray[np.bool_]:
    """Return which regions are simple: (n,) bool; none of a network with maxima, or with over 64 labels."""
    if case.layout.maxima:
        return np.zeros(len(batch), np.bool_)
    few = np.diff(case.cx.label_offsets[batch.begin : batch.end + 1]) <= 64
    return few & np.logical_and.reduceat(batch.count == case.dim, batch.starts[:-1])


class SimpleFaces:
    """The simple regions of a batch.

    Parameters
    ----------
    case : Case
    batch : Batch
    simple : (n,) bool

    Attributes
    ----------
    corners : (c,) int64
        Their corners.
    labels : (c, dim) int64
        What is tight there.
    """

    def __init__(self, case: Case, batch: Batch, simple: NDArray[np.bool_]) -> None:
        self._case, self._batch = case, batch
        self.corners = np.flatnonzero(simple[batch.owner])
        at = batch.at[self.corners][:, None] + np.arange(case.dim)
        self.labels = batch.label[at]
        self._bits = np.left_shift(np.uint64(1), batch.bit[at].astype(np.uint64))
        self._owner = batch.owner[self.corners]

    def incomplete(self) -> NDArray[np.int64]:
        """Return the regions in which some set of ``dim - 1`` labels is not tight at exactly two corners."""
        whole = np.bitwise_or.reduce(self._bits, axis=1)
        parts = (whole[:, None] ^ self._bits).ravel()
        owner = np.repeat(self._owner, self._case.dim)
        order = np.lexsort((parts, owner))
        parts, owner = parts[order], owner[order]
        new = np.ones(len(parts), np.bool_)
        new[1:] = (parts[1:] != parts[:-1]) | (owner[1:] != owner[:-1])
        starts = np.flatnonzero(new)
        wrong = np.diff(np.append(starts, len(parts))) != 2
        return np.unique(owner[starts[wrong]])

    def hashes(self, hashing: Hashing, level: int) -> NDArray[np.uint64]:
        """Return the hashes of all faces of dimension `level`, most of them several times."""
        words = hashing.tight(self._batch.sides, self._owner[:, None], self.labels)
        base = hashing.regions(self._batch.sides)[self._owner]
        found = [
            base + words[:, list(chosen)].sum(axis=1, dtype=np.uint64)
            for chosen in combinations(range(self._case.dim), self._case.dim - level)
        ]
        return np.unique(np.concatenate(found))
