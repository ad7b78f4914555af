"""What a property asserts of the outputs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from polyenum.domains.domain import domain_numbers
from polyenum.errors import DomainError
from polyenum.options import has_mask, numbers


@dataclass(frozen=True, eq=False)
class OutputProperty:
    """What a VNN-LIB file asserts of the outputs: a union of polyhedra ``A y <= b``.

    By the format's convention these are the outputs that would *violate* the property.

    Attributes
    ----------
    polyhedra : list of (A, b)
        (rows, outputs) and (rows,) float64; outputs in any one of them satisfy the assertions.  Without any,
        none do.
    strict : list of (rows,) bool, optional
        Which rows of each polyhedron are ``<`` and not ``<=``; by default none.

    Raises
    ------
    DomainError
        If shapes do not fit, or a number is not finite.

    Examples
    --------
    >>> prop = OutputProperty([(np.array([[1.0, -1.0]]), np.array([0.0]))])  # y_0 <= y_1
    >>> prop.contains([[0.0, 1.0], [1.0, 0.0]])
    array([ True, False])
    """

    polyhedra: list[tuple[NDArray[np.float64], NDArray[np.float64]]]
    strict: list[NDArray[np.bool_]] | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.polyhedra, (list, tuple)):
            raise DomainError(
                f"polyhedra must be a list of pairs (A, b), found {type(self.polyhedra).__name__}"
            )
        found = [_polyhedron(pair, i) for i, pair in enumerate(self.polyhedra)]
        widths = {A.shape[1] for A, _ in found}
        if len(widths) > 1:
            raise DomainError(f"polyhedra must have one number of outputs, found {sorted(widths)}")
        object.__setattr__(self, "polyhedra", found)
        object.__setattr__(self, "strict", _strict(self.strict, [len(b) for _, b in found]))

    def contains(self, y: ArrayLike) -> NDArray[np.bool_]:
        """Return which outputs `y`, (..., outputs), satisfy the assertions, decided exactly.

        NaN and infinite ones satisfy none.

        Raises
        ------
        DomainError
            If they are no such numbers.
        """
        values = numbers("y", y, DomainError)
        width = self.polyhedra[0][0].shape[1] if self.polyhedra else None
        if values.ndim == 0 or width not in (None, values.shape[-1]):
            count = "some" if width is None else str(width)
            raise DomainError(
                f"y: the property is about {count} outputs, so an array needs shape (..., {count}), found "
                f"{values.shape}"
            )
        flat = values.reshape(-1, values.shape[-1])
        finite = np.isfinite(flat).all(axis=1)
        found = np.zeros(len(flat), np.bool_)
        assert self.strict is not None
        for (A, b), strict in zip(self.polyhedra, self.strict, strict=True):
            rest = np.flatnonzero(finite & ~found)
            found[rest] = _within(flat[rest], A, b, strict)
        return found.reshape(values.shape[:-1])

    def __repr__(self) -> str:
        sizes = sorted({len(b) for _, b in self.polyhedra})
        if not sizes:
            return "OutputProperty(polyhedra=0)"
        of = f"{sizes[0]}" if len(sizes) == 1 else f"{sizes[0]} to {sizes[-1]}"
        return f"OutputProperty(polyhedra={len(self.polyhedra)}, half-spaces={of})"


def _polyhedron(pair: Any, i: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    try:
        A, b = pair
    except Exception:  # what somebody's own methods raise, too
        raise DomainError(
            f"polyhedra[{i}] must be a pair (A, b), found {type(pair).__name__}"
        ) from None
    normals = domain_numbers(A, f"polyhedra[{i}]: A", 2)
    offsets = domain_numbers(b, f"polyhedra[{i}]: b", 1)
    if len(normals) != len(offsets):
        raise DomainError(
            f"polyhedra[{i}]: A of shape {normals.shape} needs b of shape ({len(normals)},), found "
            f"{offsets.shape}"
        )
    return normals, offsets


def _strict(given: Any, sizes: Sequence[int]) -> list[NDArray[np.bool_]]:
    if given is None:
        return [np.zeros(n, np.bool_) for n in sizes]
    try:
        rows = [np.asarray(row) for row in given]
        masked = has_mask(given) or any(map(has_mask, given))
    except Exception:  # what somebody's own methods raise, too
        rows, masked = [], True
    if (
        masked
        or [row.shape for row in rows] != [(n,) for n in sizes]
        or any(row.dtype != np.bool_ and row.size for row in rows)
    ):
        raise DomainError(
            "strict must hold, for each of the polyhedra, an array with True or False for each of its rows"
        )
    return [row.astype(np.bool_) for row in rows]


def _within(
    points: NDArray[np.float64],
    A: NDArray[np.float64],
    b: NDArray[np.float64],
    strict: NDArray[np.bool_],
) -> NDArray[np.bool_]:
    """Return which points (n, outputs) satisfy all rows.

    A row's value meets at most ``outputs + 1`` roundings, each of 2**-53 of ``|A| |y| + |b|`` at most, and
    a product may underflow; four times that is allowed for.  What floats do not decide, fractions do.
    """
    with np.errstate(over="ignore", invalid="ignore", under="ignore"):
        values = points @ A.T - b
        sizes = np.abs(points) @ np.abs(A).T + np.abs(b)
        bounds = 4 * (A.shape[1] + 2) * (np.finfo(float).eps * sizes + 2.0**-1074)
        known = (sizes <= 2.0**1000) & (np.abs(values) > bounds)
    inside = np.asarray((~known | (values < 0)).all(axis=1))
    for i in np.flatnonzero(inside & ~known.all(axis=1)).tolist():
        y = [Fraction(x) for x in points[i].tolist()]
        for row in np.flatnonzero(~known[i]).tolist():
            terms = zip(A[row].tolist(), y, strict=True)
            value = sum((Fraction(a) * x for a, x in terms if a), -Fraction(float(b[row])))
            if value > 0 or (strict[row] and value == 0):
                inside[i] = False
    return inside
