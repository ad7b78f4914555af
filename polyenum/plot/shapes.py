"""What both backends draw: colours, polygons and facets as plain arrays."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from polyenum.complex.region_complex import RegionComplex

PALETTE = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442", "#7F7F7F")
"""The colours of Okabe and Ito, "Color universal design" (2008), safe for colour-blind readers."""


def neighbor_colors(cx: RegionComplex) -> NDArray[np.int64]:
    """Return an index into `PALETTE` for each region, (regions,) int64, different for neighbours.

    The first colour, counted from the region's number, that no earlier neighbour has; where all are
    taken (possible beyond 1-D and 2-D trees of neighbours) one repeats.
    """
    color = np.full(len(cx), -1, np.int64)
    rows = cx.adjacency
    for i in range(len(cx)):
        taken = set(color[rows.indices[rows.indptr[i] : rows.indptr[i + 1]]].tolist())
        n = len(PALETTE)
        color[i] = next((c % n for c in range(i, i + n) if c % n not in taken), i % n)
    return color


def corner_heights(cx: RegionComplex) -> NDArray[np.float64]:
    """Return the first output at each corner, (corners,) float64, by the map of its own region."""
    owner = np.repeat(np.arange(len(cx)), np.diff(cx.vertex_offsets))
    points = cx.vertices[cx.vertex_ids]
    return np.einsum("nk,nk->n", cx.weights[owner, 0], points) + cx.biases[owner, 0]


def fans(cx: RegionComplex) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the polygons cut into triangles.

    Returns
    -------
    triangles : (n, 3) int64
        Corners of each triangle: a fan from each polygon's first corner.
    owner : (n,) int64
        The region of each triangle.
    """
    counts = np.diff(cx.vertex_offsets) - 2
    owner = np.repeat(np.arange(len(cx)), counts)
    start = cx.vertex_offsets[:-1][owner]
    step = np.arange(len(owner)) - np.repeat(np.cumsum(counts) - counts, counts)
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
