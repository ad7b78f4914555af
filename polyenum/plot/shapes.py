"""What both backends draw: polygons, facets and lines as plain arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from polyenum.plot.coloring import Coloring, facet_labels
from polyenum.ragged import rows_and_steps
from polyenum.regions.complex import RegionComplex

if TYPE_CHECKING:
    from polyenum.sampling.report import SamplingReport


def corner_regions(cx: RegionComplex) -> NDArray[np.int64]:
    """Return the region of each corner, (corners,) int64."""
    return np.repeat(np.arange(len(cx)), np.diff(cx.vertex_offsets))


def corner_heights(cx: RegionComplex, output: int = 0) -> NDArray[np.float64]:
    """Return an output at each corner, (corners,) float64, by the map of its own region."""
    owner = corner_regions(cx)
    points = cx.vertices[cx.vertex_ids]
    return np.einsum("nk,nk->n", cx.weights[owner, output], points) + cx.biases[owner, output]


def even_levels(cx: RegionComplex, count: int, output: int = 0) -> list[float]:
    """Return so many values of an output, evenly between its least and its largest."""
    values = corner_heights(cx, output)
    return np.linspace(values.min(), values.max(), count + 2)[1:-1].tolist()


def fans(offsets: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return polygons, whose corners begin and end at `offsets`, cut into triangles.

    Returns
    -------
    triangles : (n, 3) int64
        Corners of each triangle: a fan from each polygon's first corner.
    owner : (n,) int64
        The polygon of each triangle.
    """
    owner, step = rows_and_steps(np.diff(offsets) - 2)
    start = offsets[:-1][owner]
    return np.column_stack([start, start + step + 1, start + step + 2]), owner


def describe(cx: RegionComplex, index: int) -> str:
    """Return a line for the hover text of a region."""
    weight = ", ".join(f"{x:.4g}" for x in cx.weights[index, 0])
    pattern = "".join(map(str, cx.patterns_of(np.array([index]))[0]))
    if len(pattern) > 48:
        pattern = pattern[:45] + "..."
    return (
        f"region {index}<br>slope [{weight}], bias {cx.biases[index, 0]:.4g}<br>pattern {pattern}"
    )


def rings(
    corners: NDArray[np.float64], offsets: NDArray[np.int64], regions: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return the closed outlines of `regions` one after the other, with a row of NaN between them."""
    counts = np.diff(offsets)[regions]
    # Each ring: its corners, the first again, and a gap.
    owner, step = rows_and_steps(counts + 2)
    at = offsets[regions][owner] + np.where(step == counts[owner], 0, step)
    gap = step == counts[owner] + 1
    found = corners[np.where(gap, 0, at)].copy()
    found[gap] = np.nan
    return found


def creases(cx: RegionComplex) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return the pieces of all bent hyperplanes of a 2-D complex, each once.

    Returns
    -------
    ends : (n, 2, 2) float64
    unit : (n,) int64
        The unit whose bent hyperplane it is (the first, where several coincide).
    """
    table, (owner, label) = cx.facet_table, facet_labels(cx)
    bit = table.bit.astype(np.int64)
    # Within the domain, and from the first of the two regions (or from the only one, at a jump).
    inner = (label >= 0) & ((table.neighbor < 0) | (owner < table.neighbor))
    owner, bit, label = owner[inner], bit[inner], label[inner]
    counts = np.diff(cx.vertex_offsets)[owner]
    row, step = rows_and_steps(counts)
    corner = cx.vertex_offsets[owner][row] + step
    word = cx.corner_masks[corner, bit[row] >> 6]
    tight = (word >> (bit[row] & 63).astype(np.uint64) & np.uint64(1)).astype(np.bool_)
    ends = cx.vertices[cx.vertex_ids[corner[tight]]].reshape(-1, 2, 2)
    return ends, cx.network.hyperplane_unit[label].astype(np.int64)


def creases_by_layer(cx: RegionComplex) -> list[tuple[str, NDArray[np.float64]]]:
    """Return name and pieces (n, 2, 2) of the bent hyperplanes of each layer that has some."""
    ends, unit = creases(cx)
    layer = cx.network.unit_layer[unit]
    return [(f"layer {k + 1}", ends[layer == k]) for k in np.unique(layer).tolist()]


def boundary_faces(cx: RegionComplex, shrink: float) -> tuple[list[NDArray[np.float64]], list[int]]:
    """Return the facets of all cells of a 3-D complex as polygons, each cell shrunken to its centroid.

    Returns
    -------
    faces : list of (n, 3) float64
        In cyclic order.
    owner : list of int
        The cell of each.
    """
    faces, owner = [], []
    for i in range(len(cx)):
        centre = cx.centroids[i]
        corners = cx.vertices[cx.vertex_ids[cx.vertex_offsets[i] : cx.vertex_offsets[i + 1]]]
        for facet in cx._facet_rows(i):
            points = corners[facet.members]
            middle = points.mean(axis=0)
            # The plane's two directions: around its normal.
            _, _, axes = np.linalg.svd(points - middle)
            angle = np.arctan2((points - middle) @ axes[1], (points - middle) @ axes[0])
            faces.append(centre + shrink * (points[np.argsort(angle)] - centre))
            owner.append(i)
    return faces, owner


def sampled_image(report: SamplingReport, colors: Coloring) -> NDArray[np.float64]:
    """Return what a sampled grid shows: an image (resolution, resolution) of numbers into the colours.

    Each sampled region has the colour of the exact region in which its first point lies.  Points outside of the
    domain are NaN.
    """
    n = report.setup.resolution
    low, high = report.complex.domain.bounding_box()
    at = np.rint((report.points - low) / (high - low) * (n - 1)).astype(np.int64)
    _, first, label = np.unique(report.labels, return_index=True, return_inverse=True)
    image = np.full((n, n), np.nan)
    image[at[:, 1], at[:, 0]] = colors.of[report.located[first]][label]
    return image
