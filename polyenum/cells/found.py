"""What every kind of cells finds: regions as flat arrays, under the names that users and files know them by."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class RegionArrays(NamedTuple):
    """Regions in the order in which they were found, as flat arrays.

    Ragged things are in Arrow's list layout, offsets and one flat array.  Region ``i`` owns the *corners*
    ``vertex_offsets[i] : vertex_offsets[i + 1]``; a corner is a vertex as one region sees it.  The labels that
    are tight somewhere on it are ``labels[label_offsets[i] : label_offsets[i + 1]]``; bit ``k`` of a corner's mask
    says whether the ``k``-th of them is tight there.

    Attributes
    ----------
    packed_sides : (regions, bytes) uint8
        On which side of each hyperplane, eight a byte, the first in bit 0.
    maps : (regions, dim + 1, outputs) float64
        The outputs' affine forms: ``dim`` rows of coefficients, one of constants.
    vertex_offsets, label_offsets : (regions + 1,) int64
        The first is 0.
    corner_points : (corners, dim) float64
        In 2-D in cyclic order.
    corner_masks : (corners, words) uint64
    labels : (labels,) int32
        Hyperplanes of the network, and ``-1 - side`` for sides of the domain.
    inside : (regions, dim) float64
        A point inside each region, from cells that have no vertices, NaN where none was found; else of shape
        (regions, 0).
    """

    packed_sides: NDArray[np.uint8]
    maps: NDArray[np.float64]
    vertex_offsets: NDArray[np.int64]
    corner_points: NDArray[np.float64]
    corner_masks: NDArray[np.uint64]
    label_offsets: NDArray[np.int64]
    labels: NDArray[np.int32]
    inside: NDArray[np.float64]

    @property
    def regions(self) -> int:
        """How many regions these are."""
        return len(self.packed_sides)

    def part(self, begin: int, end: int) -> RegionArrays:
        """Return the regions from `begin` to `end`, as views where that is possible."""
        end = min(end, self.regions)
        v, m = self.vertex_offsets[begin : end + 1], self.label_offsets[begin : end + 1]
        corners, labels = slice(v[0], v[-1]), slice(m[0], m[-1])
        own = slice(begin, end)
        return RegionArrays(
            packed_sides=self.packed_sides[own],
            maps=self.maps[own],
            vertex_offsets=v - v[0],
            corner_points=self.corner_points[corners],
            corner_masks=self.corner_masks[corners],
            label_offsets=m - m[0],
            labels=self.labels[labels],
            inside=self.inside[own],
        )


# The type and the number of axes of each array.
ARRAY_TYPES: dict[str, tuple[type[np.generic], int]] = {
    "packed_sides": (np.uint8, 2),
    "maps": (np.float64, 3),
    "vertex_offsets": (np.int64, 1),
    "corner_points": (np.float64, 2),
    "corner_masks": (np.uint64, 2),
    "label_offsets": (np.int64, 1),
    "labels": (np.int32, 1),
    "inside": (np.float64, 2),
}


def offsets_of(counts: NDArray[np.integer] | list[int]) -> NDArray[np.int64]:
    """Return the offsets, (n + 1,) int64, of `counts`."""
    return np.concatenate([np.zeros(1, np.int64), np.cumsum(counts, dtype=np.int64)])


class SignCounts(NamedTuple):
    """How many signs were decided, and how.

    Attributes
    ----------
    box_signs : int
        Hyperplanes found not to cut a cell by bounds on the cell's bounding box: one sign each.
    float_signs : int
        Signs of one hyperplane at one vertex taken from float64.
    exact_signs : int
        Those taken from rational arithmetic.
    exact_cells : int
        Cells for which a hyperplane needed rational arithmetic at some vertex, once per hyperplane.
    """

    box_signs: int = 0
    float_signs: int = 0
    exact_signs: int = 0
    exact_cells: int = 0

    def plus(self, other: SignCounts) -> SignCounts:
        """Return the sums."""
        return SignCounts(*(a + b for a, b in zip(self, other, strict=True)))
