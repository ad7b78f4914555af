"""Best-first search over regions, by their distance to a point."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from polyenum.complex.point_sides import ExactPoints, proven_sides
from polyenum.domains import Box, Domain
from polyenum.exploration.crossing import away_from
from polyenum.exploration.local import LocalForms
from polyenum.exploration.nearest import DUAL, nearest, solver_for, within_reach
from polyenum.networks import PiecewiseLinearNetwork


class RegionFound(NamedTuple):
    """A region of the search.

    Attributes
    ----------
    sides : (hyperplanes,) bool
    distance : float
    inside : (inputs,) float64
        A point of its interior, whose signs are proven.
    """

    sides: NDArray[np.bool_]
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
    """A region whose rows are known: ``rows @ z + values >= 0``, with normals of dual norm 1."""

    sides: NDArray[np.bool_]
    rows: NDArray[np.float64]
    values: NDArray[np.float64]
    hyperplanes: NDArray[np.int64]  # of the first rows; then come sides of a domain that is no box
    targets: NDArray[np.float64]  # (targets, inputs + 1)


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
    targets : callable, optional
        From a region's output forms, (outputs, inputs + 1), the forms whose nearest nonnegative points
        are looked for as well: (targets, inputs + 1).

    Attributes
    ----------
    reached : float
        Everything nearer than this has been found.
    unresolved : int
        Facets whose other side was not found, for the rows there contradict each other in floats.
    """

    def __init__(
        self,
        network: PiecewiseLinearNetwork,
        x: NDArray[np.float64],
        *,
        norm: float,
        radius: float,
        domain: Domain | None = None,
        targets: Callable[[NDArray[np.float64]], NDArray[np.float64]] | None = None,
    ) -> None:
        self.reached = 0.0
        self.unresolved = 0
        self._network, self._x, self._norm, self._radius = network, x, norm, radius
        self._forms = LocalForms(network)
        # A box bounds the steps; the sides of other domains are rows.
        everywhere = np.full(len(x), np.inf)
        self._box, self._domain_rows = (-everywhere, everywhere), np.zeros((0, len(x) + 1))
        if isinstance(domain, Box):
            self._box = domain.bounding_box()
        elif domain is not None:
            self._domain_rows = domain.side_forms()
        self._lower, self._upper = self._box[0] - x, self._box[1] - x
        self._solver = solver_for(len(x), norm, self._lower, self._upper)
        self._noise = 4 * np.finfo(float).eps * float(np.linalg.norm(x, norm))
        self._targets = targets
        self._seen: set[bytes] = set()
        self._order = count()
        self._heap: list[tuple] = []
        self._next: list[RegionFound] = []

    def run(self) -> Iterator[RegionFound | TargetFound]:
        """Yield regions and targets, nearest first, until all within the radius are found."""
        first = self._first()
        self._seen.add(first.sides.tobytes())
        yield first
        self._open(first)
        while self._heap:
            key, _, kind, region, row, step, taken = heapq.heappop(self._heap)
            if key > self._radius:
                break
            self.reached = max(self.reached, key)
            if step is None:
                self._locate(key, kind, region, row, taken)
                continue
            if kind == "target":
                yield TargetFound(row, key, self._x + step)
                continue
            found = self._cross(region, row, step, key)
            if found is not None and found.sides.tobytes() not in self._seen:
                self._seen.add(found.sides.tobytes())
                yield found
                self._open(found)
        self.reached = self._radius

    def _first(self) -> RegionFound:
        """Return the region of the point itself; of those that meet there, any."""
        sides, unsure = proven_sides(self._network, None, self._x[None])
        if not unsure[0]:
            return RegionFound(sides[0], 0.0, self._x)
        random = np.random.default_rng(0)
        size = max(float(np.abs(self._x).max()), 1.0)
        for exponent in range(-40, -10):
            away = 2.0**exponent * size * random.uniform(-1, 1, len(self._x))
            outside = (away < self._lower) | (away > self._upper)
            near = np.clip(self._x + np.where(outside, -away, away), *self._box)
            sides, unsure = proven_sides(self._network, None, near[None])
            if not unsure[0]:
                return RegionFound(sides[0], 0.0, near)
        # Units that vanish around the point are off.
        exact, _ = ExactPoints(self._network, None).sides(near)
        return RegionFound(exact, 0.0, near)

    def _open(self, region: RegionFound) -> None:
        """Compute a region's rows, and let its facets and targets wait with the bounds they have."""
        forms, outputs = self._forms(region.sides)
        dual = DUAL[self._norm]
        length = np.linalg.norm(forms[:, :-1], dual, axis=1)
        real = np.flatnonzero(length > 0)
        domain_length = np.linalg.norm(self._domain_rows[:, :-1], dual, axis=1)
        rows = np.vstack([forms[real], self._domain_rows])
        # Before they are divided, so that what is 0 stays 0 where floats hold the numbers.
        values = rows[:, :-1] @ self._x + rows[:, -1]
        length = np.append(length[real], domain_length)
        rows, values = rows[:, :-1] / length[:, None], values / length
        targets = np.zeros((0, len(self._x) + 1))
        if self._targets is not None:
            targets = self._targets(outputs)
        opened = _Opened(region.sides, rows, values, real, targets)
        # Beyond a row that is not 0 within the radius there is nothing to be crossed into.
        bounds = np.maximum(np.abs(values[: len(real)]), region.distance)
        met = within_reach(rows[: len(real)], values[: len(real)], self._lower, self._upper)
        for row in np.flatnonzero(met & (bounds <= self._radius)).tolist():
            self._wait(float(bounds[row]), "facet", opened, row)
        for k, target in enumerate(targets):
            size = float(np.linalg.norm(target[:-1], dual))
            value = float(target[:-1] @ self._x + target[-1])
            if size > 0 or value >= 0:
                bound = max(-value / size, 0.0) if size > 0 else 0.0
                self._wait(max(bound, region.distance), "target", opened, k)

    def _wait(
        self,
        key: float,
        kind: str,
        region: _Opened,
        row: int,
        step: NDArray[np.float64] | None = None,
        taken: list[int] | None = None,
    ) -> None:
        heapq.heappush(self._heap, (key, next(self._order), kind, region, row, step, taken or []))

    def _locate(self, key: float, kind: str, region: _Opened, row: int, taken: list[int]) -> None:
        """Look for the nearest point of a facet or target, and let it wait for its turn."""
        rows, values, equation = region.rows, region.values, row
        if kind == "facet" and self._beyond(region, row).tobytes() in self._seen:
            return  # already found from elsewhere
        if kind == "target":
            target = region.targets[row]
            size = float(np.linalg.norm(target[:-1], DUAL[self._norm])) or 1.0
            rows = np.vstack([rows, target[:-1] / size])
            values = np.append(values, (target[:-1] @ self._x + target[-1]) / size)
        found = nearest(
            self._solver,
            rows,
            values,
            equation=equation if kind == "facet" else None,
            norm=self._norm,
            taken=taken,
            patience=self._heap[0][0] if self._heap else self._radius,
            noise=self._noise,
        )
        key = max(key, found.length)
        if key <= self._radius and found.length < np.inf:
            self._wait(key, kind, region, row, found.step, found.taken)

    def _beyond(self, region: _Opened, row: int) -> NDArray[np.bool_]:
        """Return the sides beyond a facet, if no other unit vanishes on it."""
        return self._network.across(region.sides, int(region.hyperplanes[row]))

    def _cross(
        self, region: _Opened, row: int, step: NDArray[np.float64], distance: float
    ) -> RegionFound | None:
        """Return the region beyond a facet, at its nearest point, with a proven point of it."""
        expected = self._beyond(region, row)
        if expected.tobytes() in self._seen:
            return None
        gaps = region.rows @ step + region.values
        size = max(float(np.abs(step).max()), 1e-9 * float(np.abs(self._x).max()), 1e-300)
        normal = region.rows[row]
        # Away from the facet's hyperplane and from all others that meet there, except its copies.
        active = np.flatnonzero(gaps < 1e-7 * size)
        cosine = region.rows[active] @ normal
        lengths = np.linalg.norm(region.rows[active], axis=1) * np.linalg.norm(normal)
        active = active[np.abs(cosine) < (1 - 1e-12) * lengths]
        room = np.stack([step - self._lower, self._upper - step])
        held = (room[0] < 1e-7 * size).astype(np.int8) - (room[1] < 1e-7 * size)
        away = away_from(normal, region.rows[active], held)
        slope = np.concatenate([region.rows @ away, away, -away])
        gaps = np.concatenate([gaps, *room])
        closing = (slope < 0) & (gaps > 1e-7 * size)
        reach = float((gaps[closing] / -slope[closing]).min(initial=np.inf))
        reach = min(0.5 * reach, size / max(float(np.abs(away).max()), 1e-300))
        found = None
        for _ in range(24):
            inside = np.clip(self._x + step + reach * away, *self._box)
            sides, unsure = proven_sides(self._network, None, inside[None])
            if not unsure[0]:
                found = RegionFound(sides[0], distance, inside)
                if np.array_equal(sides[0], expected):
                    break
            reach /= 4
        if found is None or found.sides.tobytes() == region.sides.tobytes():
            self.unresolved += 1
            return None
        return found
