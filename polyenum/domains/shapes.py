"""The domains that people name: box, half-space polytope, hull of points, slice, segment."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from numpy.typing import ArrayLike, NDArray

from polyenum.arithmetic.integers import Form, Point, integers, meet, point_of, quotient, value
from polyenum.arithmetic.polytope import ExactPolytope
from polyenum.domains.box import BoxShaped, box_bounds, short
from polyenum.domains.by_programs import bounds, interior_point
from polyenum.domains.domain import (
    LARGEST_COORDINATE,
    Domain,
    coordinates,
    domain_numbers,
    refuse_far,
)
from polyenum.errors import DomainError
from polyenum.options import numbers

# Of polytopes whose vertices are computed, in rational arithmetic: 6 s for 18 sides in 8-D.
LARGEST_DIM = 8


class Box(BoxShaped):
    """The box ``lower <= x <= upper``.

    Parameters
    ----------
    lower, upper : float or (d,) float
        One bound for all axes, or one per axis.
    dim : int, optional
        The dimension; needed when both bounds are scalars.

    Raises
    ------
    DomainError
        If the box is empty, flat or unbounded, or has no one dimension.

    Examples
    --------
    >>> Box(-2, 2, dim=2)
    Box([-2, -2], [2, 2])
    """

    def __init__(self, lower: ArrayLike, upper: ArrayLike, *, dim: int | None = None) -> None:
        super().__init__(*box_bounds(lower, upper, dim))

    def __repr__(self) -> str:
        return f"Box({short(self.lower)}, {short(self.upper)})"


class HPolytope(Domain):
    """The polytope ``A x <= b``.

    Side ``i`` is row ``i``.  Redundant rows are allowed.  Beyond 8 dimensions its vertices are not computed;
    linear programs, proven in rational arithmetic, show that it is bounded and full-dimensional.

    Parameters
    ----------
    A : (rows, d) float
    b : (rows,) float

    Raises
    ------
    DomainError
        If the polytope is empty, flat or unbounded.

    Examples
    --------
    >>> HPolytope([[-1, 0], [0, -1], [1, 1]], [0, 0, 1])
    HPolytope(dim=2, 3 sides, 3 vertices)
    """

    def __init__(self, A: ArrayLike, b: ArrayLike) -> None:
        normals = domain_numbers(A, "A", 2)
        offsets = domain_numbers(b, "b", 1)
        if len(normals) != len(offsets) or normals.shape[1] == 0:
            raise DomainError(
                f"A of shape {normals.shape} needs b of shape ({len(normals)},), "
                f"found {offsets.shape}"
            )
        if not normals.any(axis=1).all():
            row = int(np.flatnonzero(~normals.any(axis=1))[0])
            raise DomainError(f"row {row} of A is zero; every row must bound something")
        forms = [
            integers([*map(float, -a), float(c)]) for a, c in zip(normals, offsets, strict=True)
        ]
        for row, form in enumerate(forms):
            if abs(form[-1]) > int(LARGEST_COORDINATE) * sum(map(abs, form[:-1])):
                raise DomainError(
                    f"row {row} of A: its hyperplane has no point whose coordinates are at most 2**1000, "
                    f"for its largest coefficient is {np.abs(normals[row]).max():g} and its b is "
                    f"{offsets[row]:g}; leave the row out if it bounds nothing, or scale the inputs"
                )
        self.A, self.b = normals, offsets
        super().__init__(forms)
        if self.dim <= LARGEST_DIM:
            self.polytope = polytope_of(forms)
            _ = self.vertices  # raises where one is too far away
        else:
            self._interior = interior_point(forms)
            self._bounds = bounds(forms)
            for bound in self._bounds:
                refuse_far(bound, "a bound of the domain")

    def _make_polytope(self) -> ExactPolytope:
        raise DomainError(
            f"{self!r}: the vertices of an HPolytope are computed up to dimension {LARGEST_DIM}"
        )

    def bounding_box(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return lower and upper bounds on every coordinate, (dim,) float64 each, that hold exactly."""
        if self.dim <= LARGEST_DIM:
            return super().bounding_box()
        low, high = ([quotient(*x.as_integer_ratio()) for x in bound] for bound in self._bounds)
        return (
            np.array([x if not e else np.nextafter(x, -np.inf) for x, e in low]),
            np.array([x if not e else np.nextafter(x, np.inf) for x, e in high]),
        )

    def interior_point(self) -> list[Fraction]:
        """Return a point of the interior, exactly."""
        return super().interior_point() if self.dim <= LARGEST_DIM else self._interior

    def __repr__(self) -> str:
        shape = f"dim={self.dim}, {len(self.b)} sides"
        if self.dim <= LARGEST_DIM:
            shape += f", {len(self.vertices)} vertices"
        return f"HPolytope({shape})"


class Hull(Domain):
    """The convex hull of points.

    Parameters
    ----------
    points : (n, d) float

    Raises
    ------
    DomainError
        If the points lie in a hyperplane.

    Examples
    --------
    >>> Hull([[0, 0], [1, 0], [0, 1], [0.2, 0.2]])
    Hull(dim=2, 3 sides, 3 vertices)
    """

    def __init__(self, points: ArrayLike) -> None:
        array = coordinates(points, "points", 2)
        if array.shape[1] == 0 or len(array) <= array.shape[1]:
            raise DomainError(
                f"a hull in {array.shape[1]} dimensions needs at least {array.shape[1] + 1} "
                f"points, found {len(array)}"
            )
        if array.shape[1] > LARGEST_DIM:
            raise DomainError(
                f"a Hull of dimension {array.shape[1]}: its sides are found up to dimension {LARGEST_DIM}; "
                "name them yourself with an HPolytope, or use a Box or a Slice"
            )
        self.points = array
        exact = sorted({point_of(map(float, p)) for p in array})
        forms = _hull_sides(exact)
        super().__init__(forms)
        tight = [frozenset(i for i, f in enumerate(forms) if value(f, p) == 0) for p in exact]
        corner = [
            k
            for k, t in enumerate(tight)
            if len(t) >= array.shape[1]
            and meet((forms[i] for i in sorted(t)), array.shape[1]) is not None
        ]
        self.polytope = ExactPolytope(
            array.shape[1], [exact[k] for k in corner], [tight[k] for k in corner]
        )

    def __repr__(self) -> str:
        return f"Hull(dim={self.dim}, {len(self.sides)} sides, {len(self.vertices)} vertices)"


class Slice(BoxShaped):
    """The flat piece ``x = origin + basis t``, ``lower <= t <= upper``, of a larger space.

    Its coordinates are ``t``: regions, vertices and maps of the result are in them.

    Parameters
    ----------
    origin : (m,) float
    basis : (m, d) float
        Independent columns.
    lower, upper : float or (d,) float
        The box in the coordinates ``t``.

    Raises
    ------
    DomainError
        If shapes do not fit or the columns of `basis` are dependent.

    Examples
    --------
    >>> Slice.through([0, 0, 0], [1, 0, 0], [0, 1, 1])
    Slice(dim=2 in 3, [0, 0], [1, 1])
    """

    def __init__(
        self,
        origin: ArrayLike,
        basis: ArrayLike,
        *,
        lower: ArrayLike = 0.0,
        upper: ArrayLike = 1.0,
    ) -> None:
        start = coordinates(origin, "origin", 1)
        columns = domain_numbers(basis, "basis", 2)
        if len(columns) != len(start) or columns.shape[1] == 0:
            raise DomainError(
                f"an origin in {len(start)} dimensions needs a basis of shape ({len(start)}, d), "
                f"found {columns.shape}"
            )
        if not _independent(columns):
            raise DomainError(
                f"the {columns.shape[1]} columns of the basis are dependent; the slice would be "
                "flatter than its coordinates (are the points on one line?)"
            )
        low, high = box_bounds(lower, upper, columns.shape[1])
        _refuse_far_images(start, columns, low, high)
        super().__init__(low, high, origin=start, basis=columns)

    @staticmethod
    def through(
        first: ArrayLike,
        second: ArrayLike,
        third: ArrayLike,
        *,
        lower: ArrayLike = 0.0,
        upper: ArrayLike = 1.0,
    ) -> Slice:
        """Return the plane through three points: they are at ``t`` = (0, 0), (1, 0) and (0, 1).

        The basis is the differences of the points, rounded to float64.
        """
        a, b, c = (
            coordinates(numbers(name, point, DomainError).ravel(), name, 1)
            for name, point in (("first", first), ("second", second), ("third", third))
        )
        if not len(a) == len(b) == len(c):
            raise DomainError(
                f"the three points need one length, found {len(a)}, {len(b)} and {len(c)}"
            )
        return Slice(a, np.stack([b - a, c - a], axis=1), lower=lower, upper=upper)

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}(dim={self.dim} in {self.input_dim}, "
            f"{short(self.lower)}, {short(self.upper)})"
        )


class Segment(Slice):
    """The segment from `start` to `end`: ``x = start + t (end - start)``, ``0 <= t <= 1``.

    Examples
    --------
    >>> Segment([0, 0], [3, 4])
    Segment(dim=1 in 2, [0], [1])
    """

    def __init__(self, start: ArrayLike, end: ArrayLike) -> None:
        a, b = coordinates(start, "start", 1), coordinates(end, "end", 1)
        if len(a) != len(b):
            raise DomainError(f"the ends need one length, found {len(a)} and {len(b)}")
        super().__init__(a, (b - a)[:, None])


def polytope_of(forms: list[Form]) -> ExactPolytope:
    """Return the polytope where every one of `forms` is at least 0; form ``i`` has label ``i``.

    Works in homogeneous coordinates ``(y, w)``, orthant by orthant: the cone over an orthant is a
    simplex, whose corners are the origin and one direction (``w = 0``) per axis.  Each is cut by all
    forms, and the parts' corners are merged.  A direction that survives says "unbounded".

    Raises
    ------
    DomainError
        If it is empty, flat or unbounded.
    """
    dim = len(forms[0]) - 1
    found: dict[Point, None] = {}
    full = False
    for orthant in range(1 << dim):
        signs = [-1 if orthant >> k & 1 else 1 for k in range(dim)]
        points: list[Point] = [tuple([0] * dim + [1])]
        points += [tuple([signs[k] if j == k else 0 for j in range(dim)] + [0]) for k in range(dim)]
        # Coordinate k is zero on label -2 - k, w is zero on label -1.
        labels = [-2 - k for k in range(dim)] + [-1]
        tight = [frozenset(labels) - {-1}]
        tight += [frozenset(labels) - {-2 - k} for k in range(dim)]
        part: ExactPolytope | None = ExactPolytope(dim, points, tight)
        for i, form in enumerate(forms):
            if part is None:
                break
            part = part.split(form, i)[1]
            if part is not None and all(v == 0 for v in part.signs(form)):
                part = None
        if part is None:
            continue
        full = True
        for point in part.points:
            found[point] = None
    if not full:
        raise DomainError("the domain is empty or flat: no point satisfies all sides strictly")
    if any(point[-1] == 0 for point in found):
        raise DomainError("the domain is unbounded; add sides until it is bounded")
    corners, tights = [], []
    for point in sorted(found):
        on = frozenset(i for i, form in enumerate(forms) if value(form, point) == 0)
        # A vertex of an orthant's part is a vertex of the whole where its own sides pin it down.
        if len(on) >= dim and meet((forms[i] for i in sorted(on)), dim) is not None:
            corners.append(point)
            tights.append(on)
    return ExactPolytope(dim, corners, tights)


def _hull_sides(points: list[Point]) -> list[Form]:
    """Return the facets of the convex hull of `points`, by polarity about their mean."""
    dim = len(points[0]) - 1
    coordinates = [[Fraction(x, p[-1]) for x in p[:-1]] for p in points]
    mean = [sum(column, Fraction(0)) / len(points) for column in zip(*coordinates, strict=True)]
    # The polar {y : (p - mean) . y <= 1} has a vertex y for each facet (x - mean) . y = 1.
    polar = [
        integers([*(m - x for x, m in zip(p, mean, strict=True)), Fraction(1)])
        for p in coordinates
        if p != mean
    ]
    try:
        corners = polytope_of(polar).points if len(polar) > dim else []
    except DomainError:
        corners = []
    if not corners:
        raise DomainError("the points lie in a hyperplane; their hull is flat")
    forms = []
    for y in corners:
        # 1 - (x - mean) . y >= 0, times the denominators.
        offset = Fraction(y[-1]) + sum(
            (m * k for m, k in zip(mean, y[:-1], strict=True)), Fraction(0)
        )
        forms.append(integers([*(Fraction(-k) for k in y[:-1]), offset]))
    return forms


def _refuse_far_images(
    origin: NDArray[np.float64],
    basis: NDArray[np.float64],
    lower: NDArray[np.float64],
    upper: NDArray[np.float64],
) -> None:
    """Refuse a slice that reaches beyond `LARGEST_COORDINATE` in the input space.

    The limit is far below the largest float64, so roundings do not matter.

    Raises
    ------
    DomainError
        If it does.
    """
    with np.errstate(over="ignore", under="ignore"):
        reach = np.abs(origin) + np.abs(basis) @ np.maximum(np.abs(lower), np.abs(upper))
    far = np.flatnonzero(~(reach <= LARGEST_COORDINATE))
    if len(far):
        raise DomainError(
            f"input {far[0]}: the slice reaches to {reach[far[0]]:g}, and the coordinates of a domain are "
            f"at most 2**1000 = {LARGEST_COORDINATE:.3g} in magnitude; scale the inputs down"
        )


def _independent(columns: NDArray[np.float64]) -> bool:
    """Return whether the columns are linearly independent, decided exactly."""
    # One that alone is not 0 in some row has the coefficient 0 in every dependence.
    left = columns
    while left.shape[1]:
        nonzero = left != 0
        alone = nonzero[nonzero.sum(axis=1) == 1].any(axis=0)
        if not alone.any():
            break
        left = left[:, ~alone]
    rows = [[Fraction(x) for x in column] for column in left.T.tolist()]
    for i in range(len(rows)):
        pivot = next((k for k, x in enumerate(rows[i]) if x), None)
        if pivot is None:
            return False
        for j in range(i + 1, len(rows)):
            factor = rows[j][pivot] / rows[i][pivot]
            if factor:
                rows[j] = [x - factor * y for x, y in zip(rows[j], rows[i], strict=True)]
    return True
