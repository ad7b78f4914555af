"""A domain: a bounded convex polytope, with an optional affine embedding into the input space."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from polyenum.cells.exact.numbers import Form, integers, quotient, to_fractions
from polyenum.cells.exact.polytope import ExactPolytope
from polyenum.errors import DomainError

# A box of this dimension has 4,096 vertices.
LARGEST_VERTEX_DIM = 12


class Domain:
    """A full-dimensional polytope in its own coordinates ``t``, embedded as ``x = origin + basis t``.

    The engine sees the exact vertices and sides; float64 views come with bounds on their rounding.

    Parameters
    ----------
    sides : list of Form
        Integer forms ``a . t + c >= 0``.
    origin : (m,) float64, optional
    basis : (m, d) float64, optional
        The embedding; without it ``x = t``.
    """

    def __init__(
        self,
        sides: Sequence[Form],
        *,
        origin: NDArray[np.float64] | None = None,
        basis: NDArray[np.float64] | None = None,
    ) -> None:
        self.sides = list(sides)
        self.origin = origin
        self.basis = basis

    @cached_property
    def polytope(self) -> ExactPolytope:
        """The exact vertices and their incidences; labels number the sides.

        Made when first asked for: a box has 2**dim vertices.

        Raises
        ------
        DomainError
            If there would be too many.
        """
        if self.dim > LARGEST_VERTEX_DIM:
            raise DomainError(
                f"{self!r} has dimension {self.dim}: too many vertices, about 2**dimension; they are "
                f"kept up to dimension {LARGEST_VERTEX_DIM}"
            )
        return self._make_polytope()

    def _make_polytope(self) -> ExactPolytope:
        raise NotImplementedError

    @cached_property
    def _rounded(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        rounded = [[quotient(x, p[-1]) for x in p[:-1]] for p in self.polytope.points]
        vertices = np.array([[x for x, _ in row] for row in rounded])
        if not np.all(np.isfinite(vertices)):
            raise DomainError("the domain has a vertex beyond the range of float64")
        return vertices, np.array([max(e for _, e in row) for row in rounded])

    @property
    def dim(self) -> int:
        """The dimension of the domain's own coordinates."""
        return len(self.sides[0]) - 1

    @property
    def input_dim(self) -> int:
        """The dimension of the space in which the domain lies."""
        return self.dim if self.basis is None else len(self.basis)

    @property
    def vertices(self) -> NDArray[np.float64]:
        """(n, dim) float64: the vertices, in the domain's coordinates, rounded to nearest."""
        return self._rounded[0]

    @property
    def vertex_radii(self) -> NDArray[np.float64]:
        """(n,) float64: what rounding did to `vertices`, at most, in any coordinate."""
        return self._rounded[1]

    def bounding_box(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return lower and upper bounds on every coordinate, (dim,) float64 each, that hold exactly."""
        low = (self.vertices - self.vertex_radii[:, None]).min(axis=0)
        high = (self.vertices + self.vertex_radii[:, None]).max(axis=0)
        exact = not self.vertex_radii.any()
        return (low, high) if exact else (np.nextafter(low, -np.inf), np.nextafter(high, np.inf))

    def interior_point(self) -> list[Fraction]:
        """Return a point of the interior, exactly: the mean of the vertices."""
        points = self.polytope.points
        columns = zip(*(to_fractions(p) for p in points), strict=True)
        return [sum(column, Fraction(0)) / len(points) for column in columns]

    def embed(self, t: ArrayLike) -> NDArray[np.float64]:
        """Return the points of the input space, (..., input_dim), for coordinates `t` (..., dim)."""
        points = np.asarray(t, np.float64)
        if self.basis is None or self.origin is None:
            return points
        return points @ self.basis.T + self.origin

    def side_forms(self) -> NDArray[np.float64]:
        """Return the sides as float64 rows ``(a, c)``, ``a . t + c >= 0`` inside, largest entry 1.

        Each entry is rounded once.
        """
        rows = []
        for form in self.sides:
            largest = max(abs(x) for x in form[:-1])
            rows.append([x / largest for x in form])
        return np.array(rows, np.float64)

    def contains(self, t: ArrayLike) -> NDArray[np.bool_]:
        """Return whether coordinates `t` (..., dim) lie in the closed domain, decided exactly."""
        points = np.asarray(t, np.float64)
        flat = points.reshape(-1, self.dim)
        forms = self.side_forms()
        value = flat @ forms[:, :-1].T + forms[:, -1]
        size = np.abs(flat) @ np.abs(forms[:, :-1]).T + np.abs(forms[:, -1])
        bound = (2 * self.dim + 8) * np.finfo(float).eps * size
        inside = np.asarray((value > bound).all(axis=1))
        # A NaN or infinite coordinate is inside nothing.
        unsure = (value >= -bound).all(axis=1) & ~inside & np.isfinite(flat).all(axis=1)
        for i in np.flatnonzero(unsure):
            point = integers([*map(float, flat[i]), 1.0])
            inside[i] = all(
                sum(a * x for a, x in zip(form, point, strict=True)) >= 0 for form in self.sides
            )
        return np.asarray(inside.reshape(points.shape[:-1]))


def domain_numbers(values: ArrayLike, name: str, ndim: int) -> NDArray[np.float64]:
    """Return `values` as a finite float64 array of `ndim` axes.

    Raises
    ------
    DomainError
        If they are not.
    """
    try:
        array = np.array(values, np.float64)
    except (TypeError, ValueError):
        raise DomainError(f"{name}: expected real numbers, found {values!r:.80}") from None
    if array.ndim != ndim:
        axes = ("a number", "a vector", "a matrix")[ndim]
        raise DomainError(f"{name}: expected {axes}, found an array of shape {array.shape}")
    if not np.all(np.isfinite(array)):
        raise DomainError(
            f"{name}: every number must be finite, found {array[~np.isfinite(array)][0]}"
        )
    return array
