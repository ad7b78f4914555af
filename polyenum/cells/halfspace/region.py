"""Which hyperplanes bound a region, and what is beyond: linear programs instead of incidences."""

from __future__ import annotations

from fractions import Fraction
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from polyenum.arithmetic.integers import Form, integers, value
from polyenum.arithmetic.linear_program import maximise
from polyenum.arithmetic.rounding import SMALLEST, UNIT
from polyenum.cells.halfspace.forms import LayerForms, scaled
from polyenum.cells.halfspace.opposite import positive_opposite
from polyenum.cells.halfspace.simplex import NO, UNDECIDED, becomes_positive
from polyenum.domains import Domain
from polyenum.domains.box import BoxShaped
from polyenum.networks import PiecewiseLinearNetwork
from polyenum.networks.exact_forms import ExactForms
from polyenum.networks.rays import ExactRays


class FacetFound(NamedTuple):
    """One facet of a region.

    Attributes
    ----------
    label : int
        The hyperplane, or ``-1 - side``, that carries it.
    vanishing : tuple of int
        All labels whose forms are 0 on the whole facet.
    beyond : (hyperplanes,) uint8 or None
        The sides of the region beyond it; None on the domain's boundary and where an activation jumps.
    """

    label: int
    vanishing: tuple[int, ...]
    beyond: NDArray[np.uint8] | None


class RegionBounds:
    """Finds the facets of regions that are known by their sides.

    Parameters
    ----------
    network : PiecewiseLinearNetwork
    domain : Domain
    """

    def __init__(self, network: PiecewiseLinearNetwork, domain: Domain) -> None:
        self._network, self._domain = network, domain
        self._forms = LayerForms(network, domain)
        self._exact = ExactForms(network, domain)
        self._rays = ExactRays(network, domain)
        self._offsets = network.hyperplane_offsets
        box = np.array(domain.bounding_box())
        # Beyond the sides of the domain, so that these are rows like all others.
        self._wide = box + np.array([[-1.0], [1.0]]) * (box[1] - box[0])
        rows = domain.side_forms()
        size = np.abs(rows[:, :-1]).max(axis=1)
        errors = UNIT * np.column_stack([size, np.abs(rows[:, -1])]) + SMALLEST
        self._side_rows, self._side_errors = scaled(rows, errors)
        dim = domain.dim
        self._scratch, self._basis = np.zeros((dim + 3, dim)), np.zeros(dim, np.int64)

    def hyperplanes(
        self, sides: NDArray[np.uint8]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the forms of all hyperplanes for given `sides`, and bounds on their errors.

        Returns
        -------
        (hyperplanes, dim + 1) float64
        (hyperplanes, 2) float64
        """
        forms = self._forms.first()
        found = []
        sources = self._network.sources
        for layer in range(self._forms.count):
            at = slice(self._offsets[layer], self._offsets[layer + 1])
            own = sides[at]
            rows, errors = self._less_the_largest(layer, forms, own)
            # Members that are 0 bound nothing.
            if self._network.has_maxima:
                zero = np.flatnonzero((sources[at] >= 0) & (sides[sources[at]] == 0) & (own == 0))
                rows[zero], errors[zero] = 0.0, 0.0
                rows[zero, -1] = -1.0
            found.append((rows, errors))
            forms = self._forms.after(layer, forms, own)
        if not found:
            return np.zeros((0, self._domain.dim + 1)), np.zeros((0, 2))
        return np.vstack([rows for rows, _ in found]), np.vstack([errors for _, errors in found])

    def _less_the_largest(
        self, layer: int, forms: NDArray[np.float64], sides: NDArray[np.uint8]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the forms of a layer's hyperplanes; of a maximum's members, less the largest's.

        That one's own becomes the constant 1.
        """
        rows, errors = self._forms.hyperplanes(layer, forms)
        if self._network.stages[layer].activation.groups is None:
            return rows, errors
        owner = self._network.stages[layer].activation.owner(sides)
        for own in np.unique(owner[owner >= 0]).tolist():
            rivals = np.flatnonzero((owner == own) & (np.arange(len(owner)) != own))
            rows[rivals], errors[rivals] = self._forms.differences(layer, forms, own, rivals)
            rows[own], errors[own] = 0.0, 0.0
            rows[own, -1] = 1.0
        return rows, errors

    def _rows(
        self,
        hyperplanes: tuple[NDArray[np.float64], NDArray[np.float64]],
        sides: NDArray[np.uint8],
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the forms of all labels, positive inside the region, and bounds on their errors.

        The domain's sides come last, in reverse: a negative label counts from the end.
        """
        rows, errors = hyperplanes
        sign = np.where(sides == 1, 1.0, -1.0)
        rows = np.vstack([rows * sign[:, None], self._side_rows[::-1]])
        return rows, np.vstack([errors, self._side_errors[::-1]])

    def facets(
        self, sides: NDArray[np.uint8], labels: list[int], inside: NDArray[np.float64]
    ) -> list[FacetFound]:
        """Return the facets of a region.

        Parameters
        ----------
        sides : (hyperplanes,) uint8
        labels : list of int
            Labels that may carry facets; with the domain's sides they must bound the region.
        inside : (dim,) float64
            A point inside; NaN where none is known.
        """
        own = self.hyperplanes(sides)
        found: dict[int, FacetFound] = {}
        if np.isfinite(inside).all():
            found = self._hit_by_rays(own, sides, labels, inside)
        kept = list(labels)
        for label in labels:
            if label in found:
                continue
            others = [other for other in kept if other != label]
            beyond = self._point_beyond(own, sides, others, label, inside)
            if beyond is None:
                kept = others
            else:
                found[label] = self._describe(sides, own, label, inside, beyond)
        return [found[label] for label in labels if label in found]

    def _hit_by_rays(
        self,
        hyperplanes: tuple[NDArray[np.float64], NDArray[np.float64]],
        sides: NDArray[np.uint8],
        labels: list[int],
        inside: NDArray[np.float64],
    ) -> dict[int, FacetFound]:
        """Return facets that rays from a point inside hit, one towards each label's hyperplane.

        What a ray hits first is a facet, if it is proven that no other form is 0 there.
        """
        rows, errors = self._rows(hyperplanes, sides)
        lengths = np.linalg.norm(rows[:, :-1], axis=1)
        values = rows[:, :-1] @ inside + rows[:, -1]
        aims = np.array(labels)  # a negative label counts from the end
        aims = aims[(lengths[aims] > 0) & (values[aims] > 0)]
        rays = -rows[aims, :-1] / lengths[aims, None]
        slopes = rays @ rows[:, :-1].T
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            reach = np.where((slopes < 0) & (values > 0), values / -slopes, np.inf)
        hit = reach.argmin(axis=1)
        far = reach[np.arange(len(aims)), hit]
        _, first = np.unique(np.where(np.isfinite(far), hit, -1), return_index=True)
        first = first[np.isfinite(far[first])]
        points = inside + far[first, None] * rays[first]
        proven = positive_opposite(rows, errors, lengths, hit[first], points).all(axis=1)
        found = {}
        for row in hit[first][proven].tolist():
            label = row if row < len(sides) else row - len(rows)
            across = self._network.across(sides, label) if label >= 0 else None
            found[label] = FacetFound(label, (label,), self._unless_jumping(sides, across))
        return {label: facet for label, facet in found.items() if label in set(labels)}

    def _point_beyond(
        self,
        hyperplanes: tuple[NDArray[np.float64], NDArray[np.float64]],
        sides: NDArray[np.uint8],
        others: list[int],
        label: int,
        inside: NDArray[np.float64],
    ) -> NDArray[np.float64] | list[Fraction] | None:
        """Return a point beyond `label` and inside all `others`; None if there is none."""
        box = self._wide
        if isinstance(self._domain, BoxShaped):
            # The sides of a box bound the variables; the one in question is moved out.
            box = np.array(self._domain.bounding_box())
            if label < 0:
                axis, high = divmod(-1 - label, 2)
                box[high, axis] = self._wide[high, axis]
            others = [other for other in others if other >= 0]
        if np.isfinite(inside).all():
            every, errors = self._rows(hyperplanes, sides)
            rows = np.ascontiguousarray(every[others]).reshape(-1, every.shape[1])
            row, error, point = every[label], errors[label], np.empty(len(inside))
            answer = becomes_positive(
                rows, np.ascontiguousarray(errors[others]).reshape(-1, 2), len(rows), box,
                -row, error[0], error[1], inside, self._scratch, self._basis, point,
            )  # fmt: skip
            if answer != UNDECIDED:
                return None if answer == NO else point
        exact = [self._oriented(sides, other) for other in others]
        lower, upper = ([Fraction(x) for x in bound.tolist()] for bound in box)
        outwards = tuple(-x for x in self._oriented(sides, label))
        top, corner = maximise(exact, lower, upper, outwards)
        return corner if top > 0 else None

    def _oriented(self, sides: NDArray[np.uint8], label: int) -> Form:
        form = self._exact.label(label, sides)
        return form if label < 0 or sides[label] else tuple(-x for x in form)

    def _describe(
        self,
        sides: NDArray[np.uint8],
        hyperplanes: tuple[NDArray[np.float64], NDArray[np.float64]],
        label: int,
        inside: NDArray[np.float64],
        beyond: NDArray[np.float64] | list[Fraction],
    ) -> FacetFound:
        """Return the facet that is between a point `inside` of the region and one `beyond`.

        The segment between them crosses the facet in its relative interior: it is strictly inside of all other
        rows that the region needs.
        """
        if isinstance(beyond, np.ndarray):
            if self._only_this_vanishes(hyperplanes, sides, label, inside, beyond):
                across = self._network.across(sides, label) if label >= 0 else None
                return FacetFound(label, (label,), self._unless_jumping(sides, across))
            beyond = [Fraction(x) for x in beyond.tolist()]
        start = self._inside_exactly(sides, inside)
        form = self._oriented(sides, label)
        at_start, at_end = _value(form, start), _value(form, beyond)
        step = at_start / (at_start - at_end)
        direction = [y - x for x, y in zip(start, beyond, strict=True)]
        point = integers([*(x + step * d for x, d in zip(start, direction, strict=True)), 1])
        outwards = integers(direction)
        own = self._rays(point, outwards, sides)
        vanishing = [-1 - k for k, side in enumerate(self._domain.sides) if value(side, point) == 0]
        across = None if vanishing else self._rays(point, outwards).sides
        vanishing += np.flatnonzero(own.value == 0).tolist()
        return FacetFound(label, tuple(vanishing), self._unless_jumping(sides, across))

    def _unless_jumping(
        self, sides: NDArray[np.uint8], across: NDArray[np.uint8] | None
    ) -> NDArray[np.uint8] | None:
        """Return the sides beyond a facet; None where an activation jumps there."""
        if across is None or (across != sides)[self._network.jumps].any():
            return None
        return across

    def _only_this_vanishes(
        self,
        hyperplanes: tuple[NDArray[np.float64], NDArray[np.float64]],
        sides: NDArray[np.uint8],
        label: int,
        inside: NDArray[np.float64],
        beyond: NDArray[np.float64],
    ) -> bool:
        """Return whether floats prove that no other form is 0 where the segment crosses the facet."""
        rows, errors = self._rows(hyperplanes, sides)
        start, end = (float(rows[label, :-1] @ x + rows[label, -1]) for x in (inside, beyond))
        if not start > 0 > end:
            return False
        point = inside + start / (start - end) * (beyond - inside)
        lengths = np.linalg.norm(rows[:, :-1], axis=1)
        own = np.array([label % len(rows)])
        return bool(positive_opposite(rows, errors, lengths, own, point[None]).all())

    def _inside_exactly(
        self, sides: NDArray[np.uint8], inside: NDArray[np.float64]
    ) -> list[Fraction]:
        """Return a point of the region's interior: `inside`, or in a very thin region another."""
        labels = [*range(-len(self._side_rows), len(sides))]
        forms = [self._oriented(sides, label) for label in labels]
        rows = [form for form in forms if any(form)]
        if np.isfinite(inside).all():
            point = [Fraction(x) for x in inside.tolist()]
            if all(_value(row, point) > 0 for row in rows):
                return point
        lower, upper = ([Fraction(x) for x in bound.tolist()] for bound in self._wide)
        # The mean of points of which each is strictly inside of one row.
        corners = [maximise(rows, lower, upper, row)[1] for row in rows]
        return [sum(xs, Fraction(0)) / len(corners) for xs in zip(*corners, strict=True)]


def _value(form: Form, point: list[Fraction]) -> Fraction:
    return sum((a * x for a, x in zip(form[:-1], point, strict=True)), Fraction(form[-1]))
