"""Where the regions are: their maps, their corners, and a point inside each."""

from __future__ import annotations

import math
from fractions import Fraction
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from polyenum.proof import enclosure
from polyenum.proof.batch import Batch
from polyenum.proof.case import Case
from polyenum.proof.claims import NEAR, UNDERFLOWS
from polyenum.proof.rational import meeting_point, value_at
from polyenum.proof.rounding import SAFE, SMALLEST, UNIT, gamma

_TOLD_APART = Fraction(2) ** -1000


def check_geometry(case: Case, batch: Batch) -> None:
    """Check maps, corners and interior points of some regions."""
    with np.errstate(all="ignore"):
        rows = enclosure.entering(case.domain, case.exponents)
        forms, outputs = enclosure.through(case.layout, batch.sides, rows)
        check_maps(case, batch, outputs)
        Corners(case, batch, forms).check()
        check_interior(case, batch, rows)


def check_maps(case: Case, batch: Batch, outputs: enclosure.Pair) -> None:
    """Check the affine maps against the network's under the claimed patterns."""
    cx, dim = case.cx, case.dim
    stored = cx.maps[batch.begin : batch.end]
    claim = np.concatenate([np.tile(case.map_limits[:1], (dim, 1)), case.map_limits[1:]])
    value, error = (np.broadcast_to(a, stored.shape) for a in outputs)
    # Coefficients are compared in scaled coordinates, where underflow may round the stored ones.
    exponents = np.append(case.exponents, 0)[:, None]
    there = np.ldexp(stored, exponents)
    error = error + np.where(np.ldexp(there, -exponents) == stored, 0.0, SMALLEST)
    off = (np.abs(there - value) + error) * SAFE
    off += np.where(off > 0, 2 * SMALLEST, 0.0)
    # Beyond doubt within the claim, or to be compared exactly.
    sure = off <= np.nextafter(np.ldexp(claim, exponents), -1.0, where=claim > 0, out=claim * 0)
    whole = sure.all(axis=(1, 2))
    # Rounded up, also where it underflows.
    back = np.nextafter(np.ldexp(off[whole], -exponents), np.inf).max(
        initial=0.0, where=off[whole] > 0
    )
    case.map_error = max(case.map_error, float(back))
    for i in np.flatnonzero(~whole).tolist():
        exact = case.rational.outputs(batch.sides[i])
        for k, u in np.ndindex(stored.shape[1:]):
            off_by = abs(Fraction(float(stored[i, k, u])) - exact[u][k])
            limit = float(
                claim[k, u]
            )  # infinite where nothing is claimed, and the weights allow all
            if math.isfinite(limit) and off_by > Fraction(limit):
                case.find(batch.begin + i, f"its affine map is off by {_shown(off_by)}")
            case.map_error = max(case.map_error, _rounded_up(off_by))


class Corners:
    """The corners of some regions, under examination.

    Parameters
    ----------
    case : Case
    batch : Batch
    forms : Pair
        The forms of all hyperplanes in each region: (n, dim + 1, hyperplanes), in scaled coordinates.
    """

    def __init__(self, case: Case, batch: Batch, forms: enclosure.Pair) -> None:
        self.case, self.batch = case, batch
        # Less the thresholds, of which each rounds once.
        value, error = forms
        self.value, self.error = value.copy(), error.copy()
        self.value[:, -1] -= case.layout.thresholds
        self.error[:, -1] += UNIT * np.abs(self.value[:, -1])
        self.error[:, -1] += np.where(case.layout.thresholds != 0, SMALLEST, 0.0)
        self.exact: dict[int, list[Fraction] | None] = {}
        # Where the true corners are, in scaled coordinates: within `radius` of `points`.
        self.points = case.scaled(batch.points)
        self.radius = np.full(len(self.points), np.inf)

    def check(self) -> None:
        """Prove that corners are where they are said to be, and have the signs they are said to have."""
        self.place()
        case, batch, m = self.case, self.batch, self.case.layout.count
        proven = np.empty((len(self.points), m + len(case.side_rows)), np.bool_)
        # The forms are positive on their regions' sides.
        turn = np.where(batch.sides, 1.0, -1.0)[:, None, :]
        proven[:, :m] = enclosure.are_above(
            (self.value * turn, self.error), self.points, self.radius, batch.starts
        )
        # A negative label counts from the end, so the sides come last, in reverse.
        own = np.broadcast_to(case.side_rows[::-1].T, (len(batch), *case.side_rows.T.shape))
        slack = np.abs(own) * UNIT + SMALLEST
        proven[:, m:] = enclosure.are_above((own, slack), self.points, self.radius, batch.starts)
        case.float_signs += int(np.count_nonzero(proven))
        proven[batch.corner, batch.label] = True
        for c, column in np.argwhere(~proven).tolist():
            self.prove_sign(c, column if column < m else column - proven.shape[1])
        if not math.isfinite(case.vertex_limit):
            self.check_nearness()

    def place(self) -> None:
        """Prove where the corners are: by floats, or in rational numbers."""
        case, batch, dim = self.case, self.batch, self.case.dim
        found = np.full((len(self.points), dim), np.inf)
        simple = np.flatnonzero(batch.count == dim)
        if len(simple):
            labels = batch.label[batch.at[simple][:, None] + np.arange(dim)]
            rows = self.label_rows(batch.owner[simple], labels)
            found[simple] = enclosure.distance_to_solution(rows, self.points[simple])
        # Scaling may have rounded a subnormal number.
        found += np.where(np.ldexp(self.points, case.exponents) == batch.points, 0, SMALLEST)
        within = (found <= case.limits(case.vertex_limit)) & (found < 1)
        sure = np.asarray(within.all(axis=1))
        self.radius[sure] = found[sure].max(axis=1)
        if sure.any():
            most = float(case.unscaled(found[sure]).max())
            case.vertex_error = max(case.vertex_error, most)
        for c in np.flatnonzero(~sure).tolist():
            point = self.exact_point(c)
            if point is None:
                continue
            pairs = zip(batch.points[c].tolist(), point, strict=True)
            off = max(abs(Fraction(x) - y) for x, y in pairs)
            case.vertex_error = max(case.vertex_error, _rounded_up(off))
            if case.certified and off > Fraction(float(case.cx.vertex_error)):
                case.find(batch.begin + int(batch.owner[c]), f"a vertex is off by {_shown(off)}")
            near = [
                _float(y * Fraction(2) ** -int(e))
                for y, e in zip(point, case.exponents, strict=True)
            ]
            self.points[c] = near
            self.radius[c] = 2 * UNIT * max(map(abs, near)) + SMALLEST

    def exact_point(self, c: int) -> list[Fraction] | None:
        """Return where the tight hyperplanes of a corner meet; None, and a finding, if not in one point."""
        if c in self.exact:
            return self.exact[c]
        case, batch, i = self.case, self.batch, int(self.batch.owner[c])
        labels = batch.labels_at(c)
        point = None
        if batch.begin + i not in case.bad:
            rows = case.rows(labels, batch.sides[i])
            point = meeting_point(rows) if len(rows) >= case.dim else None
            case.exact_signs += len(rows)
            if point is None:
                case.find(batch.begin + i, "a corner's tight hyperplanes do not meet in one point")
        self.exact[c] = point
        return point

    def prove_sign(self, c: int, label: int) -> None:
        """Decide in rational numbers on which side of a hyperplane a corner lies."""
        case, batch, i = self.case, self.batch, int(self.batch.owner[c])
        point = self.exact_point(c)
        if point is None or batch.begin + i in case.bad:
            return
        case.exact_signs += 1
        exact = value_at(case.rational.whole(label, batch.sides[i])[0], point)
        above = bool(batch.sides[i, label]) if label >= 0 else True
        if not (exact > 0 if above else exact < 0):
            what = f"hyperplane {label}" if label >= 0 else f"side {-1 - label} of the domain"
            case.find(
                batch.begin + i,
                f"a corner lies on the wrong side of {what}, or on it though it is not said to be",
            )

    def check_nearness(self) -> None:
        """Check that stored corners are close to their hyperplanes, where no error is claimed.

        The distance is at most `NEAR` times the domain's size, in the largest coordinate.  Hyperplanes
        whose values on the whole domain are below 2**-1000 are left out: floats cannot tell where they are.
        """
        case, batch, dim = self.case, self.batch, self.case.dim
        stored = case.scaled(batch.points)[batch.corner]
        rows, slack = self.label_rows(batch.owner[batch.corner], batch.label[:, None])
        a, e = rows[:, 0], slack[:, 0]
        value = np.abs((a[:, :dim] * stored).sum(axis=1) + a[:, dim])
        size = (np.abs(a[:, :dim]) * np.abs(stored)).sum(axis=1) + np.abs(a[:, dim])
        value += gamma(2 * dim + 4) * size
        value += (e[:, :dim] * np.abs(stored)).sum(axis=1) + e[:, dim] + 8 * dim * SMALLEST
        there = np.minimum(np.ldexp(float(case.size), -case.exponents), 2.0**900)
        allowed = np.maximum(np.abs(a[:, :dim]) - e[:, :dim], 0.0) @ (there * NEAR)
        for k in np.flatnonzero(~(value * SAFE < allowed / SAFE)).tolist():
            i = int(batch.owner[batch.corner[k]])
            if batch.begin + i in case.bad:
                continue
            point = [Fraction(x) for x in batch.points[batch.corner[k]].tolist()]
            label = int(batch.label[k])
            row = case.rational.label(label, batch.sides[i])
            steep = sum(map(abs, row[:-1]), Fraction(0))
            most = steep * case.size
            # A coordinate may be as subnormal as the domain.
            if abs(value_at(row, point)) > Fraction(NEAR) * most + Fraction(
                UNDERFLOWS
            ) * steep and (label < 0 or most > _TOLD_APART):
                case.find(batch.begin + i, f"a vertex lies off hyperplane {label}")

    @cached_property
    def _by_hyperplane(self) -> list[NDArray[np.float64]]:
        """The forms and their errors once more, a row for each region and hyperplane."""
        return [
            np.ascontiguousarray(x.transpose(0, 2, 1)).reshape(-1, x.shape[1])
            for x in (self.value, self.error)
        ]

    def label_rows(self, owner: NDArray[np.int64], labels: NDArray[np.int64]) -> enclosure.Pair:
        """Return the forms of `labels` (n, dim) in the regions `owner`: (n, dim, dim + 1)."""
        m = self.case.layout.count
        if m:
            at = owner[:, None] * m + np.maximum(labels, 0)
            rows, slack = (x.take(at, axis=0) for x in self._by_hyperplane)
        else:
            rows, slack = np.zeros((2, *labels.shape, self.case.dim + 1))
        own = labels < 0
        rows[own] = self.case.side_rows[-1 - labels[own]]
        slack[own] = np.abs(rows[own]) * UNIT + SMALLEST
        return rows, slack


def check_interior(case: Case, batch: Batch, rows: enclosure.Pair) -> None:
    """Evaluate the network itself at a point of each region, and compare the signs.

    The point is the mean of the corners as they are stored.  Where rounding has moved it out of its
    region (a very thin one), or a unit vanishes on the region, the corners' signs, proven above,
    are what says that their mean is inside.
    """
    points = np.add.reduceat(case.scaled(batch.points), batch.starts[:-1], axis=0)
    points /= np.diff(batch.starts)[:, None]
    extended = np.column_stack([points, np.ones(len(points))])[:, None, :]
    size = np.abs(extended) @ np.abs(rows[0])
    bound = gamma(case.dim + 3) * size + np.abs(extended) @ rows[1]
    bound = bound * SAFE + 8 * (case.dim + 2) * SMALLEST
    (z, error), _ = enclosure.through(case.layout, batch.sides, (extended @ rows[0], bound))
    thresholds = case.layout.thresholds
    value = z[:, 0, :] - thresholds
    error = error[:, 0, :] + gamma(2) * (np.abs(z[:, 0, :]) + np.abs(thresholds))
    error += SMALLEST
    against = np.where(batch.sides, value < -error, value > error)
    for i in np.flatnonzero(against.any(axis=1)).tolist():
        if batch.begin + i not in case.bad:
            check_thin(case, batch, i, np.flatnonzero(against[i]).tolist())


def check_thin(case: Case, batch: Batch, i: int, against: list[int]) -> None:
    """Look exactly at hyperplanes of which the rounded mean of the corners is beyond."""
    sides = batch.sides[i]
    corners = [
        meeting_point(case.rows(batch.labels_at(c), sides))
        for c in range(int(batch.starts[i]), int(batch.starts[i + 1]))
    ]
    known = [point for point in corners if point is not None]
    mean = [sum(xs, Fraction(0)) / len(known) for xs in zip(*known, strict=True)]
    for label in against:
        exact = value_at(case.rational.whole(label, sides)[0], mean)
        if exact and (exact > 0) != bool(sides[label]):
            case.find(batch.begin + i, f"its interior lies beyond hyperplane {label}")


def _float(x: Fraction) -> float:
    """Return the float64 next to `x`, or an infinity."""
    try:
        return float(x)
    except OverflowError:
        return float("inf") if x > 0 else float("-inf")


def _rounded_up(x: Fraction) -> float:
    """Return a float64 that is at least `x`, and 0 for 0."""
    return float(np.nextafter(_float(x), np.inf)) if x else 0.0


def _shown(x: Fraction) -> str:
    """Return a distance in three digits."""
    return f"{_float(x):.3g}" if _float(x) else "less than 5e-324"
