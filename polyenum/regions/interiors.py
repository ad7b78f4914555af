"""A float64 point inside of each region, proven to be there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from polyenum.networks.forward import proven_sides
from polyenum.networks.sides import ExactPoints

if TYPE_CHECKING:
    from polyenum.regions.complex import RegionComplex

_BATCH = 4096
# How many mixtures of a thin region's vertices are tried.
_TRIES = 16


def interior_points(cx: RegionComplex) -> NDArray[np.float64]:
    """Return a point inside of each region, NaN where none is found: (regions, dim) float64."""
    if not cx.has_vertices:
        return cx.inside
    counts = np.diff(cx.vertex_offsets)
    scale = 1 / counts[:, None]
    points = np.add.reduceat(
        cx.corner_points * np.repeat(scale, counts, axis=0), cx.vertex_offsets[:-1]
    )
    for begin in range(0, len(cx), _BATCH):
        part = slice(begin, begin + _BATCH)
        sides, unsure = proven_sides(cx.network, cx.domain, points[part])
        wrong = unsure | (sides != cx.sides_of(part)).any(axis=1)
        wrong |= ~cx.domain.contains(points[part])
        for i in (begin + np.flatnonzero(wrong)).tolist():
            points[i] = _point_in(cx, i, points[i])
    return points


def _point_in(cx: RegionComplex, index: int, first: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return a point inside of one region, decided exactly: `first`, or another mixture of its vertices."""
    corners = cx.corner_points[cx.vertex_offsets[index] : cx.vertex_offsets[index + 1]]
    own = cx.sides_of(np.array([index]))[0]
    labels, on = cx._incidences(index)
    # Units that vanish on the whole region are at their breakpoint everywhere in it.
    vanishing = np.zeros(len(own), np.bool_)
    vanishing[[label for label in labels[on.all(axis=0)].tolist() if label >= 0]] = True
    exact = ExactPoints(cx.network, cx.domain)
    random = np.random.default_rng(0)
    point = first
    for _ in range(_TRIES):
        if cx.domain.contains(point):
            sides, known = exact.sides(point)
            if (known | vanishing).all() and (sides == own).all():
                return point
        weights = random.dirichlet(np.ones(len(corners)))
        point = weights @ corners
    return np.full(cx.dim, np.nan)
