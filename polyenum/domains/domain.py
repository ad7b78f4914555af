"""A domain: a bounded convex polytope, with an optional affine embedding into the input space."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from polyenum.arithmetic.integers import Form, integers, quotient, to_fractions, value
from polyenum.arithmetic.polytope import ExactPolytope
from polyenum.arithmetic.rounding import SMALLEST, SPACING
from polyenum.errors import DomainError
from polyenum.options import numbers

# A box of this dimension has 4,096 vertices.
LARGEST_VERTEX_DIM = 12

# No coordinate of a domain exceeds this, so that sums and differences of them do not overflow.
LARGEST_COORDINATE = 2.0**1000

# Half the distance of the smallest numbers is what rounding to one of them loses.


class Domain:
    """A full-dimensional polytope in its own coordinates ``t``, embedded as ``x = origin + basis t``.

    The engine sees the exact vertices and sides; float64 views come with bounds on their rounding.

    Parameters
    ----------
    sides : sequence of Form
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
        self.sides = sides
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
        for number, point in enumerate(self.polytope.points):
            refuse_far(to_fractions(point), f"vertex {number} of the domain")
        rounded = [[quotient(x, p[-1]) for x in p[:-1]] for p in self.polytope.points]
        vertices = np.array([[x for x, _ in row] for row in rounded])
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

    def checked_points(self, t: ArrayLike) -> NDArray[np.float64]:
        """Return coordinates `t` as a float64 array (..., dim); infinite and NaN ones stay.

        Raises
        ------
        DomainError
            If they are not numbers, or have another shape.
        """
        points = numbers("points", t, DomainError)
        if points.ndim == 0 or points.shape[-1] != self.dim:
            raise DomainError(
                f"points of {self!r} need {self.dim} coordinates each, an array of shape "
                f"(..., {self.dim}); found shape {points.shape}"
            )
        return points

    def embed(self, t: ArrayLike) -> NDArray[np.float64]:
        """Return the points of the input space, (..., input_dim), for coordinates `t` (..., dim).

        Raises
        ------
        DomainError
            If `t` is no array of such points.
        """
        points = self.checked_points(t)
        if self.basis is None or self.origin is None:
            return points
        return points @ self.basis.T + self.origin

    def side_forms(self) -> NDArray[np.float64]:
        """Return the sides as float64 rows ``(a, c)``, ``a . t + c >= 0`` inside, largest coefficient 1.

        Each entry is rounded once: by a factor of 1 + 2**-53 at most, or, where it is smaller than
        2**-1022, by 2**-1075.
        """
        rows = []
        for form in self.sides:
            largest = max(abs(x) for x in form[:-1])
            rows.append([x / largest for x in form])
        return np.array(rows, np.float64)

    def contains(self, t: ArrayLike) -> NDArray[np.bool_]:
        """Return whether coordinates `t` (..., dim) lie in the closed domain, decided exactly.

        Raises
        ------
        DomainError
            If `t` is no array of such points.
        """
        points = self.checked_points(t)
        flat = points.reshape(-1, self.dim)
        # A NaN or infinite coordinate is inside nothing.
        finite = np.asarray(np.isfinite(flat).all(axis=1))
        inside, unsure = self._within_floats(np.where(finite[:, None], flat, 0.0))
        inside &= finite
        for i in np.flatnonzero(unsure & finite):
            point = integers([*flat[i].tolist(), 1.0])
            inside[i] = all(value(form, point) >= 0 for form in self.sides)
        return np.asarray(inside.reshape(points.shape[:-1]))

    def _within_floats(
        self, points: NDArray[np.float64]
    ) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Return which `points` (n, dim) are inside for sure, and of which floats cannot tell.

        The value of a side at a point is ``V = sum a_k t_k + c``, with ``|a_k| <= 1``.  Let u = 2**-53,
        d = dim, s = 2**-1074, S = ``sum |a_k t_k| + |c|`` and T = ``sum |t_k|``.  Each term meets at most
        d + 2 roundings: of its coefficient, of its product, and of at most d sums.  A coefficient, c and a
        product may also underflow, each by s/2; a coefficient's loss is multiplied by ``t_k``.  Sums lose
        nothing to underflow.  So the computed value errs by at most
        ``gamma(d + 2) S + 0.51 s (T + 2 d + 2)``, and the computed S does likewise.  The bound below is
        ``4 (d + 4) u`` times the computed S, more than twice the first term, and ``s (T + 2 d + 8)``,
        of which its own roundings (T's, and two underflows of s/2) leave more than the second.

        Where the computed S is at most 2**1020 no partial sum overflows; elsewhere floats do not tell.
        """
        forms = self.side_forms()
        rows, constants = forms[:, :-1], forms[:, -1]
        with np.errstate(over="ignore", invalid="ignore", under="ignore"):
            values = points @ rows.T + constants
            sizes = np.abs(points) @ np.abs(rows).T + np.abs(constants)
            absolute = SMALLEST * (np.abs(points).sum(axis=1) + 2 * self.dim + 8)
            bounds = (2 * self.dim + 8) * SPACING * sizes + absolute[:, None]
            known = sizes <= 2.0**1020
            inside = np.asarray((known & (values > bounds)).all(axis=1))
            outside = np.asarray((known & (values < -bounds)).any(axis=1))
        return inside, ~inside & ~outside

    def has_inside(self, t: ArrayLike) -> bool:
        """Return whether the point `t` (dim,) lies strictly inside, decided exactly."""
        found = self.checked_points(t)
        if not np.isfinite(found).all():
            return False
        point = integers([*found.tolist(), 1.0])
        return all(value(form, point) > 0 for form in self.sides)

    def same_as(self, other: Domain) -> bool:
        """Return whether `other` has the same sides, in the same order, and the same embedding."""
        embeddings = ((self.origin, other.origin), (self.basis, other.basis))
        return self.sides == other.sides and all(
            a is b if a is None or b is None else np.array_equal(a, b) for a, b in embeddings
        )


def domain_numbers(values: ArrayLike, name: str, *ndims: int) -> NDArray[np.float64]:
    """Return `values` as a finite float64 array with as many axes as one of `ndims`.

    Raises
    ------
    DomainError
        If they are not.
    """
    array = numbers(name, values, DomainError)
    if array.ndim not in ndims:
        kinds = " or ".join(("a number", "a vector", "a matrix")[n] for n in ndims)
        raise DomainError(f"{name}: expected {kinds}, found an array of shape {array.shape}")
    if not np.all(np.isfinite(array)):
        raise DomainError(
            f"{name}: every number must be finite, found {array[~np.isfinite(array)][0]}"
        )
    return array


def coordinates(values: ArrayLike, name: str, *ndims: int) -> NDArray[np.float64]:
    """Return `values` as `domain_numbers` does, none of them beyond `LARGEST_COORDINATE`.

    Raises
    ------
    DomainError
        If one is, or they are not such numbers.
    """
    array = domain_numbers(values, name, *ndims)
    far = np.argwhere(np.abs(array) > LARGEST_COORDINATE)
    if len(far):
        place = far[0].tolist()
        words = ("row", "axis")[2 - len(place) :]
        parts = [f"{word} {number}" for word, number in zip(words, place, strict=True)]
        raise _too_far(", ".join([name, *parts]), f"{array[tuple(place)]:g}")
    return array


def refuse_far(point: Sequence[Fraction], name: str) -> None:
    """Refuse a point with a coordinate beyond `LARGEST_COORDINATE`.

    Raises
    ------
    DomainError
        If there is one.
    """
    for k, x in enumerate(point):
        if abs(x) > LARGEST_COORDINATE:
            # Decimal, for the number may be beyond the range of float64.
            raise _too_far(f"{name}, axis {k}", f"{Decimal(x.numerator) / x.denominator:.6g}")


def _too_far(name: str, found: str) -> DomainError:
    return DomainError(
        f"{name}: the coordinates of a domain are at most 2**1000 = {LARGEST_COORDINATE:.3g} in "
        f"magnitude, found {found}; scale the inputs down"
    )


def as_domain(name: str, value: Any, *, input_dim: int | None = None) -> Domain:
    """Return a domain, which lies in a network's inputs if `input_dim` says how many there are.

    Raises
    ------
    DomainError
        If it is none, or lies elsewhere.
    """
    if not isinstance(value, Domain) or type(value) is Domain:
        raise DomainError(
            f"{name}: the domain must be a Box, HPolytope, Hull, Slice or Segment, such as "
            f"pe.Box(-1, 1, dim=2); found {type(value).__name__}"
        )
    if input_dim is not None and value.input_dim != input_dim:
        raise DomainError(
            f"the network takes {input_dim} inputs, but {value!r} lies in {value.input_dim} dimensions"
        )
    return value
