"""The domain as a polytope: its sides, which are what it is, and its vertices, which follow from them."""

from __future__ import annotations

from fractions import Fraction
from functools import cached_property

from polyenum.domains import Domain
from polyenum.proof.exact_volume import polytope_volume
from polyenum.proof.lattice import LatticeError, faces
from polyenum.proof.rational import meeting_point, value_at


class DomainShape:
    """The vertices and the volume of a domain.

    Where each side bounds one coordinate (a box) they are read off.  Otherwise the domain's own vertices are
    taken, and `problem` proves that they are the vertices of these sides.

    Parameters
    ----------
    domain : Domain
    """

    def __init__(self, domain: Domain) -> None:
        self._domain = domain
        self.dim = domain.dim
        self.bounds = _box_bounds(domain)

    @cached_property
    def points(self) -> list[list[Fraction]]:
        """The domain's vertices, as it has them."""
        return [[Fraction(x, p[-1]) for x in p[:-1]] for p in self._domain.polytope.points]

    def reach(self) -> list[Fraction]:
        """Return the largest absolute value that each coordinate takes."""
        if self.bounds is not None:
            return [max(abs(low), abs(high)) for low, high in self.bounds]
        return [max(map(abs, column)) for column in zip(*self.points, strict=True)]

    def problem(self) -> str | None:
        """Return what is wrong with the domain's vertices, if anything is.

        They are right if each is the one point where its sides meet, beyond no side and on no other, and
        all faces that they make are complete (`lattice.faces`).
        """
        if self.bounds is not None:
            empty = any(low >= high for low, high in self.bounds)
            return "the domain's sides leave nothing" if empty else None
        sides = [[Fraction(x) for x in form] for form in self._domain.sides]
        members = [0] * len(sides)
        for v, (point, tight) in enumerate(
            zip(self.points, self._domain.polytope.tight, strict=True)
        ):
            values = [value_at(side, point) for side in sides]
            on = [k for k, value in enumerate(values) if value == 0]
            if min(values) < 0 or on != sorted(tight):
                return f"vertex {v} of the domain is not on the sides that it is said to be on"
            if meeting_point([sides[k] for k in on]) is None:
                return f"the sides at vertex {v} of the domain do not meet in one point"
            for k in on:
                members[k] |= 1 << v
        try:
            faces((1 << len(self.points)) - 1, members, self.dim)
        except LatticeError as error:
            return f"the domain's vertices are not all that its sides have: {error}"
        return None

    @cached_property
    def volume(self) -> Fraction:
        """The volume: of a box the product of its widths."""
        if self.bounds is not None:
            product = Fraction(1)
            for low, high in self.bounds:
                product *= high - low
            return product
        return polytope_volume(self.points, self._domain.polytope.tight, self.dim)


def _box_bounds(domain: Domain) -> list[tuple[Fraction, Fraction]] | None:
    """Return the least and the largest value of each coordinate, if every side bounds just one."""
    low: list[Fraction | None] = [None] * domain.dim
    high: list[Fraction | None] = [None] * domain.dim
    for *normal, constant in domain.sides:
        read = [k for k, a in enumerate(normal) if a]
        if len(read) != 1:
            return None
        k = read[0]
        bound = Fraction(-constant, normal[k])
        if normal[k] > 0:
            low[k] = bound if low[k] is None else max(low[k], bound)  # type: ignore[type-var]
        else:
            high[k] = bound if high[k] is None else min(high[k], bound)  # type: ignore[type-var]
    found = [(a, b) for a, b in zip(low, high, strict=True) if a is not None and b is not None]
    return found if len(found) == domain.dim else None
