"""Domains whose own coordinates fill a box: two numbers an axis say everything about them."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from fractions import Fraction
from typing import overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from polyenum.arithmetic.integers import Form, point_of
from polyenum.arithmetic.polytope import ExactPolytope, box
from polyenum.domains.domain import Domain, coordinates
from polyenum.errors import DomainError, OptionError
from polyenum.options import whole

# Of boxes: one with more axes does not fit into memory.
LARGEST_DIM = 10**8


class BoxSides(Sequence[Form]):
    """The sides of a box, each made when it is asked for: all of them are ``2 d (d + 1)`` numbers.

    Side ``2k`` is the lower one of axis ``k``, side ``2k + 1`` the upper one.

    Parameters
    ----------
    lower, upper : (d,) float64
    """

    def __init__(self, lower: NDArray[np.float64], upper: NDArray[np.float64]) -> None:
        self._bounds = (lower, upper)

    def __len__(self) -> int:
        return 2 * len(self._bounds[0])

    @overload
    def __getitem__(self, index: int) -> Form: ...

    @overload
    def __getitem__(self, index: slice) -> list[Form]: ...

    def __getitem__(self, index: int | slice) -> Form | list[Form]:
        sides = range(len(self))[index]
        if isinstance(sides, range):
            return [self._side(i) for i in sides]
        return self._side(sides)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, BoxSides):
            return all(map(np.array_equal, self._bounds, other._bounds))
        if isinstance(other, Sequence):
            return len(self) == len(other) and all(map(operator.eq, self, other))
        return NotImplemented

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"BoxSides({short(self._bounds[0])}, {short(self._bounds[1])})"

    def _side(self, number: int) -> Form:
        k, high = divmod(number, 2)
        dim = len(self) // 2
        # In lowest terms, so that the integers of the form have no common divisor.
        p, q = float(self._bounds[high][k]).as_integer_ratio()
        coefficient, constant = (-q, p) if high else (q, -p)
        return (*[0] * k, coefficient, *[0] * (dim - 1 - k), constant)


class BoxShaped(Domain):
    """A domain with ``lower <= t <= upper`` for its own coordinates ``t``.

    Parameters
    ----------
    lower, upper : (d,) float64
        What `box_bounds` returned.
    origin, basis : optional
        As in `Domain`.
    """

    def __init__(
        self,
        lower: NDArray[np.float64],
        upper: NDArray[np.float64],
        *,
        origin: NDArray[np.float64] | None = None,
        basis: NDArray[np.float64] | None = None,
    ) -> None:
        super().__init__(BoxSides(lower, upper), origin=origin, basis=basis)
        self.lower, self.upper = lower, upper

    def _make_polytope(self) -> ExactPolytope:
        dim = self.dim
        *bounds, scale = point_of([*self.lower.tolist(), *self.upper.tolist()])
        return box(bounds[:dim], bounds[dim:], scale)

    @property
    def dim(self) -> int:
        """The dimension of the domain's own coordinates."""
        return len(self.lower)

    def bounding_box(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return lower and upper bounds on every coordinate: the box itself."""
        return self.lower, self.upper

    def interior_point(self) -> list[Fraction]:
        """Return the centre, exactly."""
        pairs = zip(self.lower.tolist(), self.upper.tolist(), strict=True)
        return [(Fraction(a) + Fraction(b)) / 2 for a, b in pairs]

    def side_forms(self) -> NDArray[np.float64]:
        """Return the sides as float64 rows ``(a, c)``, ``a . t + c >= 0`` inside: exact for a box."""
        dim = self.dim
        rows, axes = np.zeros((2 * dim, dim + 1)), np.arange(dim)
        rows[2 * axes, axes], rows[2 * axes + 1, axes] = 1.0, -1.0
        # 0 - x and not -x, which would be -0 for 0.
        rows[::2, -1], rows[1::2, -1] = 0.0 - self.lower, self.upper
        return rows

    def contains(self, t: ArrayLike) -> NDArray[np.bool_]:
        """Return whether coordinates `t` (..., dim) lie in the closed box: comparisons are exact.

        Raises
        ------
        DomainError
            If `t` is no array of such points.
        """
        points = self.checked_points(t)
        return np.asarray(((points >= self.lower) & (points <= self.upper)).all(axis=-1))

    def has_inside(self, t: ArrayLike) -> bool:
        """Return whether the point `t` (dim,) lies strictly inside, decided exactly."""
        point = self.checked_points(t)
        return bool(((point > self.lower) & (point < self.upper)).all())


def box_bounds(
    lower: ArrayLike, upper: ArrayLike, dim: int | None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the bounds of a box, (d,) float64 each, after checking everything that can be wrong.

    Parameters
    ----------
    lower, upper : float or (d,) float
    dim : int, optional
        Needed where both bounds are scalars.

    Raises
    ------
    DomainError
        If the box is empty, flat, unbounded or too large, or has no one dimension.
    """
    if dim is not None:
        try:
            dim = whole("dim", dim, most=LARGEST_DIM)
        except OptionError as error:
            raise DomainError(str(error)) from None
    found = []
    for name, bound in (("lower", lower), ("upper", upper)):
        array = coordinates(bound, name, 0, 1)
        found.append(array)
    lengths = {len(b) for b in found if b.ndim} | ({int(dim)} if dim is not None else set())
    if len(lengths) != 1:
        raise DomainError(
            "the box needs one dimension: give dim= with scalar bounds, or bounds of one length; "
            f"found lower, upper and dim of lengths {sorted(lengths)}"
        )
    n = lengths.pop()
    if n == 0:
        raise DomainError("lower, upper: the box has dimension 0; give at least one axis")
    low, high = (np.array(np.broadcast_to(b, n)) for b in found)
    wrong = np.flatnonzero(~(low < high))
    if len(wrong):
        k = int(wrong[0])
        raise DomainError(
            f"axis {k}: the lower bound {low[k]} must be below the upper bound {high[k]}, "
            "or the box is empty or flat"
        )
    return low, high


def short(bounds: NDArray[np.float64]) -> str:
    """Return the numbers as text, of many only the first three and the last."""
    if len(bounds) <= 6:
        return "[" + ", ".join(f"{x:g}" for x in bounds) + "]"
    first = ", ".join(f"{x:g}" for x in bounds[:3])
    return f"[{first}, ..., {bounds[-1]:g}]"
