"""Volumes and centroids, from the incidence of vertices and hyperplanes.

In 2-D the shoelace formula.  Otherwise the pulling triangulation (Cohen and Hickey, "Two algorithms for
determining volumes of convex polyhedra", JACM 26, 1979): a face is the pyramid from its first vertex over
those of its facets that do not contain it, down to edges.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from polyenum.cells.compiled import compiled, popcount
from polyenum.complex.facets import fill_members, is_simple
from polyenum.complex.sharing import Corners


def measure(
    corners: Corners, points: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the volume and the centroid of every region.

    Parameters
    ----------
    corners : Corners
    points : (corners, dim) float64

    Returns
    -------
    volumes : (regions,) float64
    centroids : (regions, dim) float64
    """
    regions, dim = len(corners.sides), points.shape[1]
    volumes, centroids = np.zeros(regions), np.zeros((regions, dim))
    if dim == 1:
        ends = points.reshape(-1, 2)
        return np.abs(ends[:, 1] - ends[:, 0]), ends.mean(axis=1, keepdims=True)
    if dim == 2:
        measure_polygons(corners.vertex_offsets, points, volumes, centroids)
        return volumes, centroids
    most = int(np.diff(corners.vertex_offsets).max(initial=1))
    words = (most + 63) // 64
    rows = 64 * corners.masks.shape[1]
    measure_polytopes(
        corners,
        points,
        volumes,
        centroids,
        np.empty((rows, words), np.uint64),
        np.empty((dim + 1, words), np.uint64),
        np.empty(words, np.uint64),
        np.empty((2, dim + 1), np.int64),
        np.empty((dim, dim)),
        float(math.factorial(dim)),
    )
    return volumes, centroids


@compiled()
def measure_polygons(offsets, points, volumes, centroids):
    """Write area and centroid of polygons in cyclic order."""
    for r in range(len(volumes)):
        begin, end = offsets[r], offsets[r + 1]
        x0, y0 = points[begin, 0], points[begin, 1]
        area, cx, cy = 0.0, 0.0, 0.0
        for v in range(begin + 1, end - 1):
            ax, ay = points[v, 0] - x0, points[v, 1] - y0
            bx, by = points[v + 1, 0] - x0, points[v + 1, 1] - y0
            cross = ax * by - ay * bx
            area += cross
            cx += cross * (ax + bx)
            cy += cross * (ay + by)
        volumes[r] = abs(area) / 2
        if area != 0.0:
            centroids[r, 0] = x0 + cx / area / 3
            centroids[r, 1] = y0 + cy / area / 3
        else:
            centroids[r, 0], centroids[r, 1] = x0, y0


@compiled(inline="always")
def first_vertex(face, words):
    """Return the lowest vertex of a nonempty bitset."""
    for w in range(words):
        if face[w]:
            return 64 * w + popcount((face[w] & (~face[w] + np.uint64(1))) - np.uint64(1))
    return -1


@compiled(inline="always")
def is_facet_of(face, bit, members, count, words, size, simple, scratch):
    """Return whether label `bit` cuts a facet from `face`, and is the first label to do so.

    The facet, a maximal proper face, is left in `scratch`.  In a simple polytope every label that
    meets a face, and does not contain it, cuts a facet from it, and no two cut the same.
    """
    n = 0
    for w in range(words):
        scratch[w] = face[w] & members[bit, w]
        n += popcount(scratch[w])
    if n == 0 or n == size:
        return False
    if simple:
        return True
    for other in range(count):
        if other == bit:
            continue
        inside, more, total = True, 0, 0
        for w in range(words):
            part = face[w] & members[other, w]
            inside &= (scratch[w] & ~part) == 0
            total += popcount(part)
        more = total - n
        if inside and ((more > 0 and total < size) or (more == 0 and other < bit)):
            return False
    return True


@compiled()
def determinant(m, n):
    """Return the determinant of ``m[:n, :n]``, which is overwritten (partial pivoting)."""
    result = 1.0
    for k in range(n):
        pivot = k
        for i in range(k + 1, n):
            if abs(m[i, k]) > abs(m[pivot, k]):
                pivot = i
        if m[pivot, k] == 0.0:
            return 0.0
        if pivot != k:
            result = -result
            for j in range(n):
                m[k, j], m[pivot, j] = m[pivot, j], m[k, j]
        result *= m[k, k]
        for i in range(k + 1, n):
            f = m[i, k] / m[k, k]
            for j in range(k + 1, n):
                m[i, j] -= f * m[k, j]
    return result


@compiled()
def measure_polytopes(
    x, points, volumes, centroids, members, faces, scratch, at, matrix, factorial
):
    """Write volume and centroid of every region.

    ``faces[k]`` is the face of dimension ``k`` in hand, a bitset of vertices; ``at[0, k]`` its apex
    and ``at[1, k]`` the next label to try on it.
    """
    dim = points.shape[1]
    for r in range(len(volumes)):
        begin, end = x.vertex_offsets[r], x.vertex_offsets[r + 1]
        count, words = fill_members(x, r, members)
        simple = is_simple(x, r, dim)
        for w in range(words):
            faces[dim, w] = np.uint64(0)
        for v in range(end - begin):
            faces[dim, v >> 6] |= np.uint64(1) << np.uint64(v & 63)
        at[0, dim] = first_vertex(faces[dim], words)
        at[1, dim] = 0
        level = dim
        total = 0.0
        while level <= dim:
            if level == 1:
                # An edge: its two ends finish a simplex with the apexes above.
                a = at[0, 1]
                b = a
                for v in range(end - begin):
                    if v != a and faces[1, v >> 6] >> np.uint64(v & 63) & np.uint64(1):
                        b = v
                base = begin + at[0, dim]
                for row in range(dim):
                    p = begin + (b if row == dim - 1 else at[0, dim - 1 - row])
                    for k in range(dim):
                        matrix[row, k] = points[p, k] - points[base, k]
                size = abs(determinant(matrix, dim))
                total += size
                for k in range(dim):
                    mean = points[begin + b, k]
                    for j in range(1, dim + 1):
                        mean += points[begin + at[0, j], k]
                    centroids[r, k] += size * (mean / (dim + 1) - points[begin, k])
                level += 1
                continue
            bit = at[1, level]
            if bit == count:
                level += 1
                continue
            at[1, level] = bit + 1
            apex = at[0, level]
            if members[bit, apex >> 6] >> np.uint64(apex & 63) & np.uint64(1):
                continue
            size_face = 0
            for w in range(words):
                size_face += popcount(faces[level, w])
            if not is_facet_of(
                faces[level], bit, members, count, words, size_face, simple, scratch
            ):
                continue
            level -= 1
            for w in range(words):
                faces[level, w] = scratch[w]
            at[0, level] = first_vertex(faces[level], words)
            at[1, level] = 0
        volumes[r] = total / factorial
        for k in range(dim):
            if total > 0.0:
                centroids[r, k] = points[begin, k] + centroids[r, k] / total
            else:
                centroids[r, k] = points[begin, k]
