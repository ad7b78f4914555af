"""Level sets and decision boundaries of a network in 2-D: exact pieces, one affine map at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from polyenum.errors import RegionError
from polyenum.ragged import rows_and_steps

if TYPE_CHECKING:
    from polyenum.complex.region_complex import RegionComplex


class Segments:
    """Straight pieces, each within one region.

    Attributes
    ----------
    ends : (n, 2, 2) float64
        Two points each, in the domain's coordinates.
    regions : (n,) int64
    """

    def __init__(self, ends: NDArray[np.float64], regions: NDArray[np.int64]) -> None:
        self.ends, self.regions = ends, regions

    def __len__(self) -> int:
        return len(self.ends)


def level_set(cx: RegionComplex, level: float, output: int) -> Segments:
    """Return where an output has a value; see `RegionComplex.level_set`."""
    _need_polygons(cx)
    if not -cx.biases.shape[1] <= output < cx.biases.shape[1]:
        raise RegionError(f"output {output} of a network with {cx.biases.shape[1]} outputs")
    forms = np.column_stack([cx.weights[:, output], cx.biases[:, output] - level])
    return _zeros(cx, forms, np.arange(len(cx)))


def decision_boundary(cx: RegionComplex) -> Segments:
    """Return where the largest output changes; see `RegionComplex.decision_boundary`."""
    _need_polygons(cx)
    count = cx.biases.shape[1]
    if count == 1:
        return level_set(cx, 0.0, 0)
    maps = np.concatenate([cx.weights, cx.biases[..., None]], axis=2)
    owner = np.repeat(np.arange(len(cx)), np.diff(cx.vertex_offsets))
    values = np.einsum("nok,nk->no", cx.weights[owner], cx.corner_points) + cx.biases[owner]
    low = np.minimum.reduceat(values, cx.vertex_offsets[:-1], axis=0)
    high = np.maximum.reduceat(values, cx.vertex_offsets[:-1], axis=0)
    # An output that is always below another's least value is nowhere the largest.
    rivals = high >= low.max(axis=1, keepdims=True)
    ends, regions = [], []
    for i in range(count):
        for j in range(i + 1, count):
            own = np.flatnonzero(rivals[:, i] & rivals[:, j])
            found = _zeros(cx, maps[own, i] - maps[own, j], own)
            kept, clipped = _clip(found, maps, i, [k for k in range(count) if k not in (i, j)])
            ends.append(clipped)
            regions.append(found.regions[kept])
    return Segments(np.concatenate(ends), np.concatenate(regions))


def _need_polygons(cx: RegionComplex) -> None:
    if cx.dim != 2 or not cx.has_vertices:
        raise RegionError(f"level sets are found in 2-D, from vertices; this is {cx!r}")


def _zeros(cx: RegionComplex, forms: NDArray[np.float64], regions: NDArray[np.int64]) -> Segments:
    """Return the segments on which affine forms (n, 3) vanish in the polygons of `regions` (n,)."""
    counts = np.diff(cx.vertex_offsets)[regions]
    row, step = rows_and_steps(counts)
    corner = cx.vertex_offsets[regions][row] + step
    following = cx.vertex_offsets[regions][row] + (step + 1) % counts[row]
    p, q = cx.corner_points[corner], cx.corner_points[following]
    a = np.einsum("nk,nk->n", forms[row, :2], p) + forms[row, 2]
    b = np.einsum("nk,nk->n", forms[row, :2], q) + forms[row, 2]
    # An end counts as above where the form is 0: so every polygon has two crossings or none.
    crossing = (a >= 0) != (b >= 0)
    share = a[crossing] / (a[crossing] - b[crossing])
    points = p[crossing] + share[:, None] * (q - p)[crossing]
    at = row[crossing]
    # Rounding may make a sliver's signs alternate.
    two = np.bincount(at, minlength=len(regions)) == 2
    kept = two[at]
    ends = points[kept].reshape(-1, 2, 2)
    long = (ends[:, 0] != ends[:, 1]).any(axis=1)
    return Segments(ends[long], regions[at[kept].reshape(-1, 2)[:, 0]][long])


def _clip(
    segments: Segments, maps: NDArray[np.float64], own: int, others: list[int]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return which segments have a part where output `own` is no less than the others, and those parts."""
    start, end = np.zeros(len(segments)), np.ones(len(segments))
    p, q = segments.ends[:, 0], segments.ends[:, 1]
    for k in others:
        form = maps[segments.regions, own] - maps[segments.regions, k]
        a = np.einsum("nk,nk->n", form[:, :2], p) + form[:, 2]
        b = np.einsum("nk,nk->n", form[:, :2], q) + form[:, 2]
        with np.errstate(divide="ignore", invalid="ignore"):
            share = a / (a - b)
        start = np.where((a < 0) & (b >= 0), np.maximum(start, share), start)
        end = np.where((a >= 0) & (b < 0), np.minimum(end, share), end)
        end = np.where((a < 0) & (b < 0), -1.0, end)
    kept = np.flatnonzero(start < end)
    ends = [p[kept] + s[kept, None] * (q - p)[kept] for s in (start, end)]
    return kept, np.stack(ends, axis=1)
