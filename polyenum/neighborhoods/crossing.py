"""From one region through a facet into the next: proven, however many hyperplanes meet there.

A facet of a region R is crossed at a point of its relative interior: on its hyperplane, and strictly on R's
side of every other one, but for those that contain the whole facet.  What lies just beyond such a point is one
region, the neighbour.  The facet's nearest point will not do: it may lie on an edge, where many regions meet.

Where to look for such a point is a guess in floats, and so is the reason why there is none.  What is taken from
it is proven: by float values beyond their error bounds, or in rational arithmetic.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from polyenum.arithmetic.integers import Form, Point, integers, value
from polyenum.arithmetic.linear_program import InfeasibleError, maximise
from polyenum.cells.halfspace.opposite import positive_opposite
from polyenum.convex.exactly import LARGEST_EXACT_DIM
from polyenum.domains import Box, Domain
from polyenum.neighborhoods.interior import Interior
from polyenum.neighborhoods.inwards import NEAR, find_inwards
from polyenum.neighborhoods.local import LocalForms, Rows
from polyenum.neighborhoods.relations import positive_relation
from polyenum.networks import PiecewiseLinearNetwork
from polyenum.networks.forward import proven_sides
from polyenum.networks.rays import ExactRays


@dataclass(frozen=True)
class OpenRegion:
    """A region whose rows are known.

    Attributes
    ----------
    sides : (hyperplanes,) uint8
    rows : Rows
        Not negative on the region: first those of `hyperplanes`, then those of `domain_sides`.
    lengths : (n,) float64
        The length of each row's coefficients, in the 2-norm.
    hyperplanes : (m,) int64
        Which hyperplanes the first rows are: those that are not constant on the region.
    vanishing : (k,) int64
        The hyperplanes whose forms are 0 on the whole region.
    domain_sides : (s,) int64
        Which sides of the domain the last rows are: all, or those of a box that are near.
    """

    sides: NDArray[np.uint8]
    rows: Rows
    lengths: NDArray[np.float64]
    hyperplanes: NDArray[np.int64]
    vanishing: NDArray[np.int64]
    domain_sides: NDArray[np.int64]

    def within(self, box: Box, which: NDArray[np.int64]) -> OpenRegion:
        """Return the region with sides of a box as rows: ``2 k`` is low in axis ``k``, ``2 k + 1`` high."""
        axis, high = which >> 1, which & 1
        forms = np.zeros((len(which), self.rows.forms.shape[1]))
        forms[np.arange(len(which)), axis] = 1.0 - 2.0 * high
        forms[:, -1] = np.where(high, box.upper[axis], -box.lower[axis])
        rows = Rows(
            np.vstack([self.rows.forms, forms]),
            np.vstack([self.rows.errors, np.zeros((len(which), 2))]),
        )
        lengths = np.append(self.lengths, np.ones(len(which)))
        return replace(self, rows=rows, lengths=lengths, domain_sides=which)


class Neighbor(NamedTuple):
    """What is beyond a facet.

    Attributes
    ----------
    sides : (hyperplanes,) uint8
    inside : (inputs,) float64
        A point of the region's interior, proven to be there; NaN where none was found.
    """

    sides: NDArray[np.uint8]
    inside: NDArray[np.float64]


Outcome = Neighbor | Literal["nothing", "unknown"]
"""Of a crossing: "nothing" where it is proven that there is no facet, or nothing of the domain beyond it."""


class Crossing:
    """Crosses facets of the regions of a network.

    Parameters
    ----------
    network : PiecewiseLinearNetwork
    domain : Domain or None
    forms : LocalForms
    bounds : ((inputs,) float64, (inputs,) float64)
        Facets are looked for within these.
    """

    def __init__(
        self,
        network: PiecewiseLinearNetwork,
        domain: Domain | None,
        forms: LocalForms,
        bounds: tuple[NDArray[np.float64], NDArray[np.float64]],
    ) -> None:
        self._bounds = bounds
        self._network, self._domain, self._forms = network, domain, forms
        self.interior = Interior(network, domain, forms.exact)

    @cached_property
    def _rays(self) -> ExactRays:
        return ExactRays(self._network)

    def __call__(
        self, region: OpenRegion, row: int, near: NDArray[np.float64], size: float
    ) -> Outcome:
        """Return the region beyond the facet of a row.

        Parameters
        ----------
        region : OpenRegion
        row : int
            One of the hyperplanes'; it may have no facet.
        near : (inputs,) float64
            The nearest point of the facet, up to rounding.
        size : float
            The size of the distances at hand.

        Notes
        -----
        Of a box the sides far from `near` need no proof: no point that is looked at comes more than half the
        way there, but for those of the rational program, which has all sides.
        """
        exact = len(near) <= LARGEST_EXACT_DIM
        if isinstance(self._domain, Box):
            gap = np.stack([near - self._domain.lower, self._domain.upper - near], axis=1).ravel()
            region = region.within(self._domain, np.flatnonzero(exact | ~(gap > NEAR * size)))
        units = region.rows.forms / region.lengths[:, None]
        gaps = units[:, :-1] @ near + units[:, -1]
        around = np.flatnonzero(gaps < NEAR * size)
        around = around[around != row]
        guess = find_inwards(units[row, :-1], units[around, :-1], gaps[around] / (NEAR * size))
        if guess.direction is not None:
            slope = units[:, :-1] @ guess.direction
            closing = (slope < 0) & (gaps > NEAR * size)
            reach = float((gaps[closing] / -slope[closing]).min(initial=np.inf))
            # Farther than all that is at hand nothing is gained.
            most = float(gaps[gaps > NEAR * size].min(initial=np.inf))
            most = max(size, float(np.abs(near).max()), most if np.isfinite(most) else 1.0)
            reach = min(reach, most, self._room(near, guess.direction))
            if guess.near_only:
                reach = min(reach, 2 * NEAR * size)
            point = near + 0.5 * reach * guess.direction
            found = self._beyond(region, row, point, units[row, :-1])
            if found != "unknown":
                return found
        elif self._has_no_facet(region, row, around[guess.against]):
            return "nothing"
        if exact:
            return self._by_rational_program(region, row)
        return "unknown"

    def _room(self, near: NDArray[np.float64], direction: NDArray[np.float64]) -> float:
        """Return how far a direction leads from `near` to the sides of a box that are not near."""
        if not isinstance(self._domain, Box):
            return np.inf
        gap = np.where(direction < 0, near - self._domain.lower, self._domain.upper - near)
        ahead = (direction != 0) & (gap > 0)
        return float((gap[ahead] / np.abs(direction[ahead])).min(initial=np.inf))

    def _beyond(
        self, region: OpenRegion, row: int, point: NDArray[np.float64], normal: NDArray[np.float64]
    ) -> Outcome:
        """Return what is beyond a facet at a `point` of it, where that can be proven."""
        positive = self._positive_near(region, row, point)
        if positive.all() and not len(region.vanishing):
            sides = self._network.across(region.sides, int(region.hyperplanes[row]))
            return Neighbor(sides, self._point_inside(region, row, point, normal, sides))
        if positive.all():
            found = self._region_beyond(region, row, point, normal)
            if found is not None:
                return found
        form = self._form(region, row)
        inwards = integers(map(float, normal))
        rise = sum(a * x for a, x in zip(form[:-1], inwards, strict=True))
        if rise <= 0:
            return "unknown"
        # The point of the hyperplane that is opposite.
        *start, scale = integers([*map(float, point), 1.0])
        height = value(form, (*start, scale))
        moved = [x * rise - height * n for x, n in zip(start, inwards, strict=True)]
        unsure = region.domain_sides[~positive[len(region.hyperplanes) :]]
        return self._ahead(region, row, form, (*moved, scale * rise), inwards, unsure.tolist())

    def forms_of(self, region: OpenRegion) -> list[Form]:
        """Return all rows of a region exactly, not negative on it, and then all sides of the domain."""
        wanted = region.hyperplanes.tolist()
        found = self._forms.exact.hyperplanes(region.sides, wanted)
        forms = [
            form if region.sides[h] else tuple(-x for x in form)
            for h, form in zip(wanted, found, strict=True)
        ]
        return forms + ([] if self._domain is None else list(self._domain.sides))

    # -- in floats -------------------------------------------------------------------------------

    def _positive_near(
        self, region: OpenRegion, row: int, point: NDArray[np.float64]
    ) -> NDArray[np.bool_]:
        """Return which rows are positive at the point of a row's hyperplane that is opposite to `point`."""
        (forms, errors), own = region.rows, np.array([row])
        return positive_opposite(forms, errors, region.lengths, own, point[None])[0]

    def _region_beyond(
        self, region: OpenRegion, row: int, point: NDArray[np.float64], normal: NDArray[np.float64]
    ) -> Neighbor | None:
        """Return what is beyond a facet on which no other form vanishes, but units vanish on the whole region.

        It is any region that differs from this one in nothing but the facet's own side and those units': the
        first of these on which two such regions differ has one form on both, a multiple of the facet's own,
        and hence one side.
        """
        own = int(region.hyperplanes[row])
        expected = self._network.across(region.sides, own)
        free = np.zeros(len(expected), np.bool_)
        free[region.vanishing] = True
        for inside in self._points_beyond(region, row, point, normal):
            sides, unsure = proven_sides(self._network, None, inside[None])
            if unsure[0]:
                continue
            if ((sides[0] == expected) | free).all() and self.interior.holds(sides[0], inside):
                return Neighbor(sides[0].view(np.uint8), inside)
        return None

    def _points_beyond(
        self, region: OpenRegion, row: int, point: NDArray[np.float64], normal: NDArray[np.float64]
    ) -> Iterator[NDArray[np.float64]]:
        """Yield points beyond a facet, nearer and nearer to a `point` of it."""
        gaps = (region.rows.forms[:, :-1] @ point + region.rows.forms[:, -1]) / region.lengths
        # Those that contain the facet are at 0 there, but for rounding.
        apart = self._positive_near(region, row, point)
        apart[row] = False
        step = 0.5 * float(gaps[apart].min(initial=np.inf))
        if not np.isfinite(step):
            step = max(float(np.abs(point).max()), 1.0)
        for _ in range(16):
            yield point - step * normal
            step /= 8

    def _point_inside(
        self,
        region: OpenRegion,
        row: int,
        point: NDArray[np.float64],
        normal: NDArray[np.float64],
        sides: NDArray[np.uint8],
    ) -> NDArray[np.float64]:
        """Return a point of the region `sides`, just beyond a facet; NaN where none is found."""
        for inside in self._points_beyond(region, row, point, normal):
            if self.interior.holds(sides, inside):
                return inside
        return np.full(len(point), np.nan)

    # -- exactly ---------------------------------------------------------------------------------

    def _form(self, region: OpenRegion, row: int) -> Form:
        """Return a row exactly, not negative on the region."""
        if row >= len(region.hyperplanes):
            assert self._domain is not None
            return self._domain.sides[int(region.domain_sides[row - len(region.hyperplanes)])]
        h = int(region.hyperplanes[row])
        form = self._forms.exact.hyperplanes(region.sides, [h])[0]
        return form if region.sides[h] else tuple(-x for x in form)

    def _ahead(
        self,
        region: OpenRegion,
        row: int,
        form: Form,
        at: Point,
        inwards: tuple[int, ...],
        domain_sides: list[int],
    ) -> Outcome:
        """Return what is beyond a facet at an exact point of its hyperplane.

        Parameters
        ----------
        region : OpenRegion
        row : int
        form : Form
            The row, exactly.
        at : Point
        inwards : tuple of int
            A direction in which the row increases.
        domain_sides : list of int
            The sides of the domain that may not be positive at the point.
        """
        outwards = [-n for n in inwards]
        own = self._rays(at, outwards, region.sides)
        sign = np.where(region.sides == 1, own.value, -own.value)
        vanishing = np.flatnonzero(own.value == 0)
        if (sign < 0).any():
            return "unknown"  # not a point of the region
        forms = self._forms.exact.hyperplanes(region.sides, vanishing.tolist())
        if not all(is_multiple(other, form) for other in forms):
            return "unknown"  # on an edge
        for side in domain_sides:
            assert self._domain is not None
            other = self._domain.sides[side]
            here = value(other, at)
            if here < 0 or (here == 0 and not is_multiple(other, form)):
                return "unknown"
            if here == 0:
                return "nothing"  # the facet lies on the domain's boundary
        sides = self._rays(at, outwards).sides
        normal = region.rows.forms[row, :-1] / region.lengths[row]
        point = np.array([float(x / at[-1]) for x in at[:-1]])
        return Neighbor(sides, self._point_inside(region, row, point, normal, sides))

    def _has_no_facet(self, region: OpenRegion, row: int, others: NDArray[np.int64]) -> bool:
        """Return whether others prove that a row has no facet.

        Let ``a`` be its form, and ``r_i >= 0`` the others'.  If ``sum y_i r_i = m a + k``, with ``y > 0``,
        ``k <= 0`` and some ``r_i`` not parallel to ``a``, then where ``a`` is 0 that ``r_i`` is 0 too, or there
        is nothing at all: less than a facet.
        """
        forms = [self._form(region, int(i)) for i in others]
        own = self._form(region, row)
        found = positive_relation(forms, own)
        if found is None:
            return False
        weights, multiple = found
        constant = sum(w * f[-1] for w, f in zip(weights, forms, strict=True)) - multiple * own[-1]
        return constant < 0 or (constant == 0 and not all(is_multiple(f, own) for f in forms))

    def _by_rational_program(self, region: OpenRegion, row: int) -> Outcome:
        """Look for a point inside of a facet, anywhere within the bounds, by the rational simplex."""
        every = self.forms_of(region)
        form = every[row]
        forms = [f for f in every if not is_multiple(f, form)]
        low, high = ([Fraction(x) for x in bound.tolist()] for bound in self._bounds)
        dim = len(low)
        # Variables: the point, and how far inside of all rows it is.
        rows = [(*f[:-1], -1, f[-1]) for f in forms]
        rows += [(*form[:-1], 0, form[-1]), (*(-x for x in form[:-1]), 0, -form[-1])]
        try:
            most, corner = maximise(
                rows,
                [*low, Fraction(0)],
                [*high, Fraction(1)],
                (*[0] * dim, 1, 0),
            )
        except InfeasibleError:
            return "nothing"
        if most <= 0:
            return "nothing"
        inwards = integers(form[:-1])
        domain_sides = region.domain_sides.tolist()
        return self._ahead(region, row, form, integers([*corner[:-1], 1]), inwards, domain_sides)


def is_multiple(form: Form, other: Form) -> bool:
    """Return whether a form is a multiple of another one, which is not constant; 0 is."""
    k = next(i for i, x in enumerate(other[:-1]) if x)
    return all(x * other[k] == form[k] * y for x, y in zip(form, other, strict=True))


def parallel(form: Form, other: Form) -> bool:
    """Return whether the coefficients of a form are a multiple of another one's."""
    return is_multiple((*form[:-1], 0), (*other[:-1], 0))
