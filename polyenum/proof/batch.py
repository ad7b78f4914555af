"""Some consecutive regions of a case, and which labels are tight at which of their corners."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from polyenum.proof.case import Case

_MOST_VALUES = 1 << 17


class Batch:
    """The regions ``begin`` to ``end`` of a case.

    Parameters
    ----------
    case : Case
    begin, end : int

    Attributes
    ----------
    sides : (n, hyperplanes) bool
    starts : (n + 1,) int64
        Where each region's corners begin, counted from the batch's first.
    owner : (corners,) int64
        Each corner's region, counted from `begin`.
    points : (corners, dim) float64
    masks : (corners, words) uint64
    count : (corners,) int64
        How many labels are tight.
    at : (corners + 1,) int64
        Where each corner's labels begin in `label`.
    corner, label, bit : (incidences,) int64
        A corner, a label that is tight there, and which of its region's labels that is.
    """

    def __init__(self, case: Case, begin: int, end: int) -> None:
        cx = case.cx
        self.begin, self.end = begin, end
        self.sides = cx.sides_of(slice(begin, end))
        first, last = int(cx.vertex_offsets[begin]), int(cx.vertex_offsets[end])
        self.first = first
        self.starts = cx.vertex_offsets[begin : end + 1] - first
        self.owner = np.repeat(np.arange(end - begin), np.diff(self.starts))
        self.points = cx.corner_points[first:last]
        self.masks = cx.corner_masks[first:last]
        little = np.ascontiguousarray(self.masks, "<u8").view(np.uint8)
        most = int(np.diff(cx.label_offsets[begin : end + 1]).max())
        bits = np.unpackbits(little, axis=1, count=most, bitorder="little")
        self.corner, self.bit = np.nonzero(bits)
        self.label = cx.labels[cx.label_offsets[begin:end][self.owner[self.corner]] + self.bit]
        self.label = self.label.astype(np.int64)
        self.count = np.bincount(self.corner, minlength=len(self.points))
        self.at = np.concatenate([[0], np.cumsum(self.count)])

    def __len__(self) -> int:
        return self.end - self.begin

    def labels_at(self, corner: int) -> list[int]:
        """Return the labels that are tight at a corner."""
        return self.label[self.at[corner] : self.at[corner + 1]].tolist()


def batches(case: Case, progress: bool) -> Iterable[tuple[int, int]]:
    """Return ranges of regions, each of some hundred thousand values, which stay in the cache."""
    offsets, width = case.cx.vertex_offsets, case.layout.count + 1
    ranges, begin = [], 0
    per_region = (case.dim + 1) * width
    while begin < len(case.cx):
        most = offsets[begin] + _MOST_VALUES // width
        end = int(np.searchsorted(offsets, most, side="right")) - 1
        end = min(end, begin + _MOST_VALUES // per_region, len(case.cx))
        end = max(end, begin + 1)
        ranges.append((begin, end))
        begin = end
    if progress:
        from tqdm.auto import tqdm

        return tqdm(ranges, desc="check")
    return ranges
