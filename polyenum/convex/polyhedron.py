"""A bounded polyhedron ``A x <= b``: its largest inscribed ball, and its vertices."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from polyenum.errors import RegionError

# Beyond this a region of a generic network has more than some thousand vertices.
LARGEST_VERTEX_DIM = 12
LARGEST_VOLUME_DIM = 8


def chebyshev_ball(
    A: NDArray[np.float64], b: NDArray[np.float64]
) -> tuple[NDArray[np.float64], float]:
    """Return centre and radius of a largest ball inside (the Chebyshev centre), in the 2-norm.

    Maximises ``r`` subject to ``a_i . x + |a_i| r <= b_i`` (Boyd and Vandenberghe, *Convex
    Optimization*, 2004, section 8.5.1).

    Parameters
    ----------
    A : (rows, dim) float64
    b : (rows,) float64

    Raises
    ------
    RegionError
        If the solver finds none, or floats do not hold the rows.
    """
    from scipy.optimize import linprog

    dim = A.shape[1]
    _need_finite(b)
    length = np.linalg.norm(A, axis=1)
    rows = np.column_stack([A / length[:, None], np.ones(len(A))])
    cost = np.append(np.zeros(dim), -1.0)
    bounds = [(None, None)] * dim + [(0.0, None)]
    solved = linprog(cost, A_ub=rows, b_ub=b / length, bounds=bounds, method="highs")
    if solved.x is None:
        raise RegionError(f"no inscribed ball was found: {solved.message}")
    return solved.x[:dim], float(solved.x[dim])


def vertices_of(
    A: NDArray[np.float64], b: NDArray[np.float64], inside: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the vertices, (n, dim) float64, in no order.

    By duality about a point `inside` (Barber, Dobkin and Huhdanpaa, "The Quickhull algorithm", ACM
    TOMS 22, 1996, through scipy).

    Raises
    ------
    RegionError
        If the dimension is so large that they would be too many.
    """
    dim = A.shape[1]
    if dim > LARGEST_VERTEX_DIM:
        raise RegionError(
            f"a region in {dim} dimensions has about 2**{dim} vertices or more; they are listed up to "
            f"dimension {LARGEST_VERTEX_DIM}; halfspaces and chebyshev_ball work in any"
        )
    _need_finite(b)
    if dim == 1:
        if not (A < 0).any() or not (A > 0).any():
            raise RegionError("the region has no facet on one of its sides, so it is unbounded")
        ends = b / A[:, 0]
        return np.array([[ends[A[:, 0] < 0].max()], [ends[A[:, 0] > 0].min()]])
    from scipy.spatial import HalfspaceIntersection, QhullError

    length = np.linalg.norm(A, axis=1)
    centre, radius = chebyshev_ball(A, b)
    if not radius > 0:
        centre, radius = inside, 1.0
    # In units of the inner ball, so that Qhull's tolerances fit thin and small regions.
    rows = np.column_stack([A / length[:, None], -(b - A @ centre) / length / radius])
    try:
        found = HalfspaceIntersection(rows, np.zeros(dim)).intersections
    except (QhullError, ValueError) as error:
        raise RegionError(
            f"the region is too thin for Qhull: {str(error).splitlines()[0]}"
        ) from None
    points = centre + radius * found
    # One for each simplicial facet of the dual; a vertex on more than dim facets comes several times.
    kept = np.unique(np.round(found, 9), axis=0, return_index=True)[1]
    return np.ascontiguousarray(points[np.sort(kept)])


def volume_of(vertices: NDArray[np.float64]) -> float:
    """Return the volume of a hull.

    Raises
    ------
    RegionError
        If the dimension is so large that it would take too long.
    """
    dim = vertices.shape[1]
    if dim == 1:
        return float(np.ptp(vertices))
    if dim > LARGEST_VOLUME_DIM:
        raise RegionError(
            f"the volume of a region takes time like the factorial of its dimension, here {dim}; it is "
            f"computed up to dimension {LARGEST_VOLUME_DIM}"
        )
    from scipy.spatial import ConvexHull, QhullError

    try:
        return float(ConvexHull(vertices).volume)
    except (QhullError, ValueError) as error:
        raise RegionError(
            f"the region is too thin for Qhull: {str(error).splitlines()[0]}"
        ) from None


def _need_finite(b: NDArray[np.float64]) -> None:
    """Raise where a facet is farther away than floats reach.

    Raises
    ------
    RegionError
        If one is.
    """
    if not np.isfinite(b).all():
        raise RegionError("a facet of the region lies beyond the range of float64")
