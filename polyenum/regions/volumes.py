"""Volumes and centroids of regions.

Each region is fitted to a box first: its lower corner moves to the origin, and along each axis it is divided
by a power of 2, so that its width is from a half to 1.  So nothing over- or underflows, however large, small
or flat the region is.  In 2-D the shoelace formula measures it, in more dimensions `polyenum.regions.pyramids`.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from polyenum.cells.compiled import compiled
from polyenum.cells.vertex.walker import root_cell
from polyenum.convex.polyhedron import volume_of
from polyenum.domains import Domain
from polyenum.errors import RegionError
from polyenum.regions.facets import carrying_labels, is_simple
from polyenum.regions.pyramids import CONTRADICTION, DONE, MORE_FACES, Faces, measure_polytope


class Incidence(NamedTuple):
    """Which labels are tight at the corners of regions, ragged by region; see `RegionComplex`."""

    vertex_offsets: NDArray[np.int64]
    label_offsets: NDArray[np.int64]
    masks: NDArray[np.uint64]


class Measures(NamedTuple):
    """Volumes and centroids.

    Attributes
    ----------
    fractions : (regions,) float64
        The volumes are ``fractions * 2.0 ** exponents``, which may be beyond the range of float64.
    exponents : (regions,) int32
    centroids : (regions, dim) float64
    """

    fractions: NDArray[np.float64]
    exponents: NDArray[np.int32]
    centroids: NDArray[np.float64]

    def volumes(self, unit: int = 0) -> NDArray[np.float64]:
        """Return the volumes divided by ``2 ** unit``: 0, subnormal or infinite where float64 has no better."""
        with np.errstate(over="ignore", under="ignore"):
            return np.ldexp(self.fractions, self.exponents - unit)


def measure(x: Incidence, points: NDArray[np.float64]) -> Measures:
    """Return the volume and the centroid of every region.

    In three or more dimensions the cost of one is that of its faces of all dimensions.

    Parameters
    ----------
    x : Incidence
    points : (corners, dim) float64
        In 2-D in cyclic order.
    """
    regions, dim = len(x.vertex_offsets) - 1, points.shape[1]
    found = Measures(np.empty(regions), np.empty(regions, np.int32), np.empty((regions, dim)))
    most = int(np.diff(x.vertex_offsets).max(initial=1))
    box, centre = np.empty((4, dim)), np.empty(dim)
    if dim <= 2:
        measure_flat(x.vertex_offsets, points, np.empty((most, dim)), box, centre, *found)
        return found
    members = np.empty((64 * x.masks.shape[1], (most + 63) // 64), np.uint64)
    carrying = np.empty(64 * x.masks.shape[1], np.int64)
    # Of many labels only few carry facets, and each number of words is compiled anew.
    few = x.masks.shape[1] == 1
    words = 1 if few else (most_facets(x, dim, members, carrying) + 63) // 64
    room = [2 * most, 4 * most]
    at = 0
    while at < regions:
        faces = Faces.of(most, dim, words, room)
        at, status, need = measure_polytopes(
            (0,) * dim, (0,) * words, x, points, at, members, carrying, faces, box, centre, *found
        )
        if status != DONE:
            room[status - MORE_FACES] = max(need, 2 * room[status - MORE_FACES])
    for r in np.flatnonzero(np.isnan(found.fractions)):
        found.fractions[r] = hull_volume(points[x.vertex_offsets[r] : x.vertex_offsets[r + 1]])
    return found


def measure_domain(domain: Domain) -> Measures:
    """Return the volume and the centroid of a domain, as if it was one region."""
    cell = root_cell(domain)
    incidence = Incidence(
        np.array([0, len(cell.points)]), np.array([0, len(cell.labels)]), cell.masks
    )
    return measure(incidence, np.ascontiguousarray(cell.points[:, :-1]))


def hull_volume(points: NDArray[np.float64]) -> float:
    """Return the volume of the hull of points, in the units of `fit`: 0 if Qhull finds them flat.

    For regions with the incidences of no polytope, to which uncertified cells may come.
    """
    fitted = np.empty_like(points)
    fit(points, 0, len(points), np.empty((4, points.shape[1])), fitted)
    try:
        return volume_of(fitted)
    except RegionError:
        return 0.0


# The rows of `box`, each with a number for every axis.
LOW, UNIT, UP, UP_AGAIN = range(4)


@compiled(inline="always")
def power_of_two(exponent):
    """Return ``2.0 ** exponent``, for exponents from -1022 to 1023: its bits."""
    return np.int64((exponent + 1023) << 52).view(np.float64)


@compiled()
def fit(points, begin, end, box, local):
    """Write the points from `begin` to `end`, fitted to a box, to `local`.

    Returns
    -------
    taken : int
        The power of 2 that undoes it.
    flat : bool
        Whether they all have one coordinate in common, as in a region thinner than float64 numbers lie.

    A difference of two large numbers may overflow; half of it does not, and large numbers have halves.
    """
    taken, flat = 0, False
    for i in range(points.shape[1]):
        low, high = points[begin, i], points[begin, i]
        for v in range(begin + 1, end):
            low, high = min(low, points[v, i]), max(high, points[v, i])
        flat |= low == high
        unit = 0.5 if max(-low, high) >= 1.0 else 1.0
        exponent = math.frexp(high * unit - low * unit)[1]
        # In two steps: 2**1074 is beyond float64.
        half = exponent // 2
        down, again = power_of_two(-half), power_of_two(half - exponent)
        for v in range(begin, end):
            local[v - begin, i] = (points[v, i] * unit - low * unit) * down * again
        box[LOW, i], box[UNIT, i] = low, unit
        box[UP, i], box[UP_AGAIN, i] = power_of_two(half), power_of_two(exponent - half)
        taken += exponent + (unit < 1.0)
    return taken, flat


@compiled()
def unfit(local, box, out):
    """Write to `out` where the point `local` was before `fit`.

    A point between the corners of the box stays there, for rounding keeps the order of numbers.
    """
    for i in range(len(out)):
        low, unit = box[LOW, i], box[UNIT, i]
        out[i] = (low * unit + local[i] * box[UP, i] * box[UP_AGAIN, i]) / unit


@compiled()
def mean(points, n, out):
    """Write the mean of the first `n` of `points` to `out`."""
    for i in range(len(out)):
        out[i] = 0.0
        for v in range(n):
            out[i] += points[v, i] / n


@compiled()
def measure_flat(offsets, points, local, box, centre, fractions, exponents, centroids):
    """Measure segments, or polygons in cyclic order."""
    for r in range(len(fractions)):
        begin, end = offsets[r], offsets[r + 1]
        exponents[r], _ = fit(points, begin, end, box, local)
        if points.shape[1] == 1:
            fractions[r] = abs(local[1, 0] - local[0, 0])
            mean(local, 2, centre)
        else:
            fractions[r] = measure_polygon(local, end - begin, centre)
        unfit(centre, box, centroids[r])


@compiled()
def measure_polygon(points, n, centre):
    """Return the area of the polygon of the first `n` of `points`; write its centroid to `centre`.

    It is cut into triangles from its first vertex.  Where rounding turns a thin one over, its area still counts
    as positive, so that the centroid remains inside.
    """
    x0, y0 = points[0, 0], points[0, 1]
    area, cx, cy = 0.0, 0.0, 0.0
    for v in range(1, n - 1):
        ax, ay = points[v, 0] - x0, points[v, 1] - y0
        bx, by = points[v + 1, 0] - x0, points[v + 1, 1] - y0
        cross = abs(ax * by - ay * bx)
        area += cross
        cx += cross * (ax + bx)
        cy += cross * (ay + by)
    if area > 0.0:
        centre[0], centre[1] = x0 + cx / area / 3, y0 + cy / area / 3
    else:
        mean(points, n, centre)
    return area / 2


@compiled()
def most_facets(x, dim, members, carrying):
    """Return the largest number of facets of a region."""
    most = 1
    for r in range(len(x.vertex_offsets) - 1):
        most = max(most, carrying_labels(x, r, dim, members, carrying, 0))
    return most


@compiled()
def write_keys(dim, words, x, region, members, carrying, keys):
    """Write, for each corner of `region`, the set of the region's facets that hold it."""
    begin, end = x.vertex_offsets[region], x.vertex_offsets[region + 1]
    if is_simple(x, region, dim):
        # Every label is a facet's and no two share one.
        for v in range(begin, end):
            for w in range(len(words)):
                keys[v - begin, w] = x.masks[v, w]
        return
    facets = carrying_labels(x, region, dim, members, carrying, 0)
    for v in range(end - begin):
        for w in range(len(words)):
            keys[v, w] = np.uint64(0)
        for f in range(facets):
            on = members[carrying[f], v >> 6] >> np.uint64(v & 63) & np.uint64(1)
            keys[v, f >> 6] |= on << np.uint64(f & 63)


@compiled()
def measure_polytopes(
    dims,
    words,
    x,
    points,
    at,
    members,
    carrying,
    faces,
    box,
    centre,
    fractions,
    exponents,
    centroids,
):
    """Measure the regions from `at` on; return how far that came, what was not enough, and how many would do."""
    half = len(dims) & 1
    for r in range(at, len(fractions)):
        begin, end = x.vertex_offsets[r], x.vertex_offsets[r + 1]
        exponents[r], flat = fit(points, begin, end, box, faces.points)
        write_keys(len(dims), words, x, r, members, carrying, faces.vertex_keys)
        status, need = measure_polytope(dims, words, faces, end - begin)
        if status != DONE and status != CONTRADICTION:
            return r, status, need
        fractions[r] = faces.volume[half, 0] if status == DONE else np.nan
        if flat:
            fractions[r] = 0.0
        if fractions[r] > 0.0:
            unfit(faces.centroid[half, 0], box, centroids[r])
        else:
            mean(faces.points, end - begin, centre)
            unfit(centre, box, centroids[r])
    return len(fractions), DONE, 0
