"""Best-first search over regions, by their distance to a point."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from itertools import count
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from polyenum.arithmetic.integers import Form
from polyenum.arithmetic.rounding import SMALLEST, SPACING, UNIT
from polyenum.convex.exactly import LARGEST_EXACT_DIM, is_doubtful, nearest_exactly
from polyenum.convex.nearest import DUAL, Nearest, can_vanish, length_of, nearest, solver_for
from polyenum.domains import Box, Domain
from polyenum.domains.domain import LARGEST_COORDINATE
from polyenum.errors import NumericalError
from polyenum.neighborhoods.crossing import Crossing, OpenRegion, parallel
from polyenum.neighborhoods.local import LocalForms, Rows
from polyenum.networks import PiecewiseLinearNetwork


class RegionFound(NamedTuple):
    """A region of the search.

    Attributes
    ----------
    sides : (hyperplanes,) uint8
    distance : float
    inside : (inputs,) float64
        A point of its interior, whose signs are proven; NaN where none was found.
    """

    sides: NDArray[np.uint8]
    distance: float
    inside: NDArray[np.float64]


class TargetFound(NamedTuple):
    """The nearest point at which a target form is at least 0.

    Attributes
    ----------
    target : int
    distance : float
    point : (inputs,) float64
    """

    target: int
    distance: float
    point: NDArray[np.float64]


@dataclass
class _Opened:
    """A region under search: steps ``z`` with ``rows @ z + values >= 0``, rows of dual norm 1, lead into it."""

    region: OpenRegion
    rows: NDArray[np.float64]
    values: NDArray[np.float64]
    targets: NDArray[np.float64]  # (targets, inputs + 1)
    forms: list[Form] | None = (
        None  # the rows and the domain's sides exactly, where they were needed
    )


class Explorer:
    """Finds regions, nearest first, by crossing facets.

    The nearest point of a region lies on a facet that it shares with a region nearer still, so crossing
    facets in the order of their distances finds all regions in the order of theirs.  A facet first
    waits with a bound, the distance of its hyperplane, and is looked for when that bound comes up, only
    until a better bound puts it behind others.

    Parameters
    ----------
    network : PiecewiseLinearNetwork
    x : (inputs,) float64
    norm : 1, 2 or numpy.inf
    radius : float
        Nothing farther is looked at.
    domain : Domain, optional
        To stay in; of the network's input space.
    targets : (targets, outputs) int64, optional
        Combinations of the outputs whose nearest nonnegative points are looked for as well.

    Attributes
    ----------
    reached : float
        Everything nearer than this has been looked at.
    proven : float
        The distance of the nearest facet of which it is not proven what is beyond, or that nothing is; infinite
        where there is none.  All regions nearer than this, and than `reached`, are found.
    """

    def __init__(
        self,
        network: PiecewiseLinearNetwork,
        x: NDArray[np.float64],
        *,
        norm: float,
        radius: float,
        domain: Domain | None = None,
        targets: NDArray[np.int64] | None = None,
    ) -> None:
        self.reached = 0.0
        self.proven = np.inf
        self._network, self._x, self._norm, self._radius = network, x, norm, radius
        self._forms = LocalForms(network)
        reach = min(radius, LARGEST_COORDINATE)
        around = np.nextafter(x - reach, -np.inf), np.nextafter(x + reach, np.inf)
        self._crossing = Crossing(network, domain, self._forms, around)
        # A box bounds the steps; the sides of other domains are rows.
        everywhere = np.full(len(x), np.inf)
        self._lower, self._upper = -everywhere, everywhere
        sides = np.zeros((0, len(x) + 1))
        self._in_box = isinstance(domain, Box)
        if isinstance(domain, Box):
            self._box = domain.lower, domain.upper
            self._lower, self._upper = domain.lower - x, domain.upper - x
        elif domain is not None:
            sides = domain.side_forms()
        # Programs are solved in units in which the squares of all lengths at hand are numbers.
        largest = max(float(np.abs(x).max()), radius if np.isfinite(radius) else 0.0)
        self._unit = (
            1.0 if 2.0**-300 < largest < 2.0**300 or not largest else 2.0 ** np.frexp(largest)[1]
        )
        self._solver = solver_for(len(x), norm, self._lower / self._unit, self._upper / self._unit)
        self._noise = 4 * SPACING * length_of(x, norm)
        self._targets = targets
        unit = UNIT
        self._domain_rows = Rows(
            sides,
            np.column_stack([np.full(len(sides), unit), unit * np.abs(sides[:, -1]) + SMALLEST]),
        )
        self._seen: set[bytes] = set()
        self._order = count()
        self._heap: list[tuple] = []

    def run(self) -> Iterator[RegionFound | TargetFound]:
        """Yield regions and targets, nearest first, until all within the radius are found."""
        first = RegionFound(*self._first())
        self._seen.add(first.sides.tobytes())
        yield first
        self._open(first)
        while self._heap:
            key, _, kind, opened, row, step, taken = heapq.heappop(self._heap)
            if key > self._radius:
                break
            self.reached = max(self.reached, key)
            if step is None:
                self._locate(key, kind, opened, row, taken)
                continue
            if kind == "target":
                yield TargetFound(row, key, self._x + step)
                continue
            found = self._cross(opened, row, step, key)
            if found is not None:
                self._seen.add(found.sides.tobytes())
                yield found
                self._open(found)
        self.reached = self._radius

    def _first(self) -> tuple[NDArray[np.uint8], float, NDArray[np.float64]]:
        sides, inside = self._crossing.interior.region_of(self._x)
        return sides, 0.0, inside

    def _open(self, region: RegionFound) -> None:
        """Compute a region's rows, and let its facets and targets wait with the bounds they have."""
        hyperplanes, outputs = self._forms(region.sides)
        # What is constant on the region has no hyperplane.
        real = np.flatnonzero(hyperplanes.forms[:, :-1].any(axis=1))
        rows = Rows(
            np.vstack([hyperplanes.forms[real], self._domain_rows.forms]),
            np.vstack([hyperplanes.errors[real], self._domain_rows.errors]),
        )
        opened = OpenRegion(
            region.sides,
            rows,
            np.linalg.norm(rows.forms[:, :-1], axis=1),
            real,
            np.flatnonzero(~hyperplanes.forms.any(axis=1)),
            np.arange(len(self._domain_rows.forms)),
        )
        dual = DUAL[self._norm]
        length = np.linalg.norm(rows.forms[:, :-1], dual, axis=1)
        # Before they are divided, so that what is 0 stays 0 where floats hold the numbers.
        at_x = rows.forms[:, :-1] @ self._x + rows.forms[:, -1]
        values = at_x / length
        scaled = rows.forms[:, :-1] / length[:, None]
        targets = np.zeros((0, len(self._x) + 1))
        if self._targets is not None:
            targets = self._forms.combined(outputs, region.sides, self._targets).forms
        under_search = _Opened(opened, scaled, values, targets)
        # Beyond a row that is not 0 within the domain and the radius there is nothing to be crossed into.
        count = len(real)
        bounds = np.maximum(np.abs(values[:count]), region.distance)
        met = self._can_be_met(
            rows.forms[:count], rows.errors[:count], at_x[:count], length[:count]
        )
        for row in np.flatnonzero(met).tolist():
            self._wait(float(bounds[row]), "facet", under_search, row)
        for k, target in enumerate(targets):
            size = float(np.linalg.norm(target[:-1], dual))
            value = float(target[:-1] @ self._x + target[-1])
            if size > 0 or value >= 0:
                bound = -value / size if value < 0 < size else 0.0
                self._wait(max(bound, region.distance), "target", under_search, k)

    def _can_be_met(
        self,
        forms: NDArray[np.float64],
        errors: NDArray[np.float64],
        values: NDArray[np.float64],
        length: NDArray[np.float64],
    ) -> NDArray[np.bool_]:
        """Return which forms may be 0 in the box, if there is one, and within the radius; if unsure, True.

        Parameters
        ----------
        forms : (n, inputs + 1) float64
        errors : (n, 2) float64
        values : (n,) float64
            Of the forms, at the point.
        length : (n,) float64
            Of their coefficients, in the dual norm.
        """
        size = np.abs(forms[:, :-1]) @ np.abs(self._x) + np.abs(forms[:, -1])
        doubt = (len(self._x) + 8) * SPACING * size + errors[:, 1]
        doubt += errors[:, 0] * (float(np.abs(self._x).sum()) + min(self._radius, 2.0**1000))
        met: NDArray[np.bool_] = ~(np.abs(values) * (1 - 1e-9) > length * self._radius + 2 * doubt)
        if self._in_box:
            met &= can_vanish(forms, errors, *self._box)
        return met

    def _wait(
        self,
        key: float,
        kind: str,
        opened: _Opened,
        row: int,
        step: NDArray[np.float64] | None = None,
        taken: list[int] | None = None,
    ) -> None:
        heapq.heappush(self._heap, (key, next(self._order), kind, opened, row, step, taken or []))

    def _locate(self, key: float, kind: str, opened: _Opened, row: int, taken: list[int]) -> None:
        """Look for the nearest point of a facet or target, and let it wait for its turn."""
        rows, values, equation = opened.rows, opened.values, row
        if kind == "facet" and self._is_known(opened, row):
            return
        if kind == "target":
            target = opened.targets[row]
            size = float(np.linalg.norm(target[:-1], DUAL[self._norm])) or 1.0
            rows = np.vstack([rows, target[:-1] / size])
            values = np.append(values, (target[:-1] @ self._x + target[-1]) / size)
        found: Nearest | None = None
        with np.errstate(all="ignore"), suppress(NumericalError, np.linalg.LinAlgError):
            found = nearest(
                self._solver,
                rows,
                values / self._unit,
                equation=equation if kind == "facet" else None,
                norm=self._norm,
                taken=taken,
                patience=(self._heap[0][0] if self._heap else self._radius) / self._unit,
                noise=self._noise / self._unit,
            )
            step = None if found.step is None else found.step * self._unit
            found = Nearest(found.length * self._unit, step, found.taken)
        if len(self._x) <= LARGEST_EXACT_DIM and self._is_doubtful(found, kind, opened, row):
            found = self._exactly(kind, opened, row)
        if found is None:
            self.proven = min(self.proven, key)
            return
        key = max(key, found.length)
        if key <= self._radius and found.length < np.inf:
            self._wait(key, kind, opened, row, found.step, found.taken)

    def _is_doubtful(self, found: Nearest | None, kind: str, opened: _Opened, row: int) -> bool:
        """Return whether an answer in floats, or that there is none, may be wrong by more than floats are."""
        if found is None or found.length == np.inf:
            return True
        if found.step is None:
            return False  # a bound, from rows that are still to be taken in
        size, step = max(found.length, self._noise), found.step
        # A row that a program's accuracy lets be violated counts as met too.
        near = 1e-6 * size + 4 * self._noise
        # Rows, then sides of a box, then the target, as in `_rows_of`.
        gaps, every = np.abs(opened.rows @ step + opened.values), opened.rows
        if self._in_box:
            room = np.stack([step - self._lower, self._upper - step], axis=1).ravel()
            gaps = np.append(gaps, room)
            every = np.vstack([every, np.repeat(np.eye(len(step)), 2, axis=0)])
        met = np.flatnonzero(gaps <= near).tolist()
        if kind == "target" and opened.targets[row, :-1].any():
            met.append(len(every))
            every = np.vstack([every, opened.targets[row, :-1]])
        units = every[met] / np.linalg.norm(every[met], axis=1)[:, None]
        forms = self._rows_of(kind, opened, row)
        return is_doubtful(units, lambda i, j: parallel(forms()[met[i]], forms()[met[j]]))

    def _rows_of(self, kind: str, opened: _Opened, row: int) -> Callable[[], list[Form]]:
        """Return what returns a region's rows exactly, made once; a target's own comes last."""

        @cache
        def forms() -> list[Form]:
            if opened.forms is None:
                opened.forms = self._crossing.forms_of(opened.region)
            if kind != "target":
                return opened.forms
            assert self._targets is not None
            numbers = self._forms.exact.outputs(opened.region.sides, self._targets[[row]])[0]
            return [*opened.forms, tuple(numbers[0].tolist())]

        return forms

    def _exactly(self, kind: str, opened: _Opened, row: int) -> Nearest:
        """Return the nearest point of a facet or target in rational arithmetic."""
        forms = self._rows_of(kind, opened, row)()
        equation = row if kind == "facet" else None
        reach = min(self._radius, LARGEST_COORDINATE)
        found = nearest_exactly(forms, equation, self._x, self._norm, reach)
        if found is None:
            return Nearest(np.inf, None, [])
        return Nearest(found[0], found[1], [])

    def _is_known(self, opened: _Opened, row: int) -> bool:
        """Return whether the region beyond a facet has been found already.

        If a region with all the same sides but one exists, no other can be beyond that facet: the first
        further unit to change its side would be a multiple of the facet's own form there, of the wrong sign.
        """
        hyperplane = int(opened.region.hyperplanes[row])
        beyond = self._network.across(opened.region.sides, hyperplane)
        return beyond.tobytes() in self._seen

    def _cross(
        self, opened: _Opened, row: int, step: NDArray[np.float64], distance: float
    ) -> RegionFound | None:
        """Return the region beyond a facet, if it is new."""
        if self._is_known(opened, row):
            return None
        size = max(float(np.abs(step).max()), 1e-9 * float(np.abs(self._x).max()), 1e-300)
        found = self._crossing(opened.region, row, self._x + step, size)
        if found == "unknown":
            self.proven = min(self.proven, distance)
            return None
        if found == "nothing" or found.sides.tobytes() in self._seen:
            return None
        return RegionFound(found.sides, distance, found.inside)
