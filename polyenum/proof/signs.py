"""Sign vectors of faces, many at a time, and which of them are the same.

A sign vector is a region's sides with the tight hyperplanes blanked out, and the tight labels.  Here it is
a `Keys` entry: a region, the tight labels, and the hyperplanes whose side counts as 0.  Equal ones are found
by a hash, a sum modulo 2**64 of random words, and then compared whole; where two that differ have one hash,
other random words are drawn.
"""

from __future__ import annotations

from itertools import count

import numpy as np
from numpy.typing import NDArray

from polyenum.proof.case import Case
from polyenum.ragged import rows_and_steps

_MOST_VALUES = 1 << 23


class Keys:
    """Sign vectors of faces, in order.

    Attributes
    ----------
    region : (n,) int64
    count, label : int64
        How many labels are tight on each face, and which: ragged, increasing within a face.
    zero_count, zero : int64
        The hyperplanes whose side counts as 0, likewise.
    """

    def __init__(self) -> None:
        self._parts: list[tuple[NDArray[np.int64], ...]] = []

    def add(
        self,
        region: NDArray[np.int64],
        count: NDArray[np.int64],
        label: NDArray[np.int64],
        zero_count: NDArray[np.int64] | None = None,
        zero: NDArray[np.int64] | None = None,
    ) -> None:
        """Append faces."""
        if zero_count is None or zero is None:
            zero_count, zero = np.zeros(len(region), np.int64), np.zeros(0, np.int64)
        self._parts.append((region, count, label, zero_count, zero))

    def __len__(self) -> int:
        return sum(len(part[0]) for part in self._parts)

    @property
    def arrays(self) -> tuple[NDArray[np.int64], ...]:
        """All that was added: region, count, label, zero_count, zero."""
        if not self._parts:
            return (np.zeros(0, np.int64),) * 5
        if len(self._parts) > 1:
            self._parts = [tuple(np.concatenate(x) for x in zip(*self._parts, strict=True))]
        return self._parts[0]


class Hashing:
    """Random words for hyperplanes' sides and for tight labels.

    Parameters
    ----------
    case : Case
    seed : int
    """

    def __init__(self, case: Case, seed: int) -> None:
        self._case = case
        self._sides = len(case.domain.sides)
        m = case.layout.count
        words = np.random.default_rng(seed).integers(
            0, 2**64, (2, m + self._sides), dtype=np.uint64, endpoint=False
        )
        self._side, self._tight = words[0, self._sides :], words[1]
        # Where an activation jumps, its side stays.
        self._blank = np.concatenate(
            [np.zeros(self._sides, np.uint64), np.where(case.layout.jumps, 0, self._side)]
        ).astype(np.uint64)

    def regions(self, sides: NDArray[np.bool_]) -> NDArray[np.uint64]:
        """Return the hashes of whole patterns, (n,), for `sides` (n, hyperplanes)."""
        return (sides * self._side).sum(axis=1, dtype=np.uint64)

    def tight(self, sides: NDArray[np.bool_], row: NDArray, label: NDArray) -> NDArray[np.uint64]:
        """Return what each label that is tight on a face of the region of a `row` adds to its hash."""
        found = self._tight[label + self._sides]
        if not len(self._side):
            return found
        above = sides[row, np.maximum(label, 0)]
        return found - above * self._blank[label + self._sides]

    def of(self, keys: Keys) -> NDArray[np.uint64]:
        """Return the hashes of all `keys`."""
        region, counts, label, zero_counts, zero = keys.arrays
        found = np.empty(len(region), np.uint64)
        at = np.concatenate([[0], np.cumsum(counts)])
        zero_at = np.concatenate([[0], np.cumsum(zero_counts)])
        for begin, end in _chunks(len(region), self._case.layout.count):
            own, row = np.unique(region[begin:end], return_inverse=True)
            sides = self._case.cx.sides_of(own)
            total = self.regions(sides)[row]
            face, _ = rows_and_steps(counts[begin:end])
            words = self.tight(sides, row[face], label[at[begin] : at[end]])
            total += _sums(words, counts[begin:end])
            if zero_at[end] > zero_at[begin]:
                face, _ = rows_and_steps(zero_counts[begin:end])
                h = zero[zero_at[begin] : zero_at[end]]
                total -= _sums(sides[row[face], h] * self._side[h], zero_counts[begin:end])
            found[begin:end] = total
        return found


def classes(case: Case, keys: Keys) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Number the distinct sign vectors in the order in which they are first met.

    Returns
    -------
    number : (n,) int64
        Of each of the `keys`.
    first : (classes,) int64
        Where each number is first met.
    """
    for seed in count(1):
        hashes = Hashing(case, seed).of(keys)
        order = np.argsort(hashes, kind="stable")
        again = np.zeros(len(order), np.bool_)
        again[1:] = hashes[order[1:]] == hashes[order[:-1]]
        later = np.flatnonzero(again)
        if _same(case, keys, order[later - 1], order[later]):
            break
    first = order[~again]
    rank = np.empty(len(first), np.int64)
    by_place = np.argsort(first)
    rank[by_place] = np.arange(len(first))
    number = np.empty(len(order), np.int64)
    number[order] = rank[np.cumsum(~again) - 1]
    return number, first[by_place]


def _same(case: Case, keys: Keys, a: NDArray[np.int64], b: NDArray[np.int64]) -> bool:
    """Return whether the keys `a` are the keys `b`, each of each."""
    region, counts, label, zero_counts, zero = keys.arrays
    if (counts[a] != counts[b]).any():
        return False
    at = np.cumsum(counts) - counts
    zero_at = np.cumsum(zero_counts) - zero_counts
    for begin, end in _chunks(len(a), case.layout.count):
        rows = []
        for part in (a[begin:end], b[begin:end]):
            face, step = rows_and_steps(counts[part])
            own = label[at[part][face] + step]
            sides = case.cx.sides_of(region[part]).copy()
            inner = own >= 0
            inner[inner] = ~case.layout.jumps[own[inner]]
            sides[face[inner], own[inner]] = False
            face, step = rows_and_steps(zero_counts[part])
            sides[face, zero[zero_at[part][face] + step]] = False
            rows.append((own, sides))
        if not all(np.array_equal(x, y) for x, y in zip(*rows, strict=True)):
            return False
    return True


def _sums(words: NDArray[np.uint64], counts: NDArray[np.int64]) -> NDArray[np.uint64]:
    """Return the sums, modulo 2**64, of the rows of a ragged array."""
    total = np.concatenate([np.zeros(1, np.uint64), np.cumsum(words, dtype=np.uint64)])
    ends = np.cumsum(counts)
    return total[ends] - total[ends - counts]


def _chunks(n: int, width: int) -> list[tuple[int, int]]:
    step = max(1, _MOST_VALUES // (width + 1))
    return [(begin, min(begin + step, n)) for begin in range(0, n, step)]
