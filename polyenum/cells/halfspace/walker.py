"""The walk over half-space cells: depth first, unit by unit, with a linear program only where needed.

For each hyperplane of a layer that a cell enters, cheap proofs come first: bounds over the domain's
bounding box say that it does not cut; points known to be inside, on both of its sides, say that it does.
Otherwise a linear program asks for the side on which no point is known yet.  What its answer cannot
prove, rational arithmetic decides.
"""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from polyenum.arithmetic.integers import Form, quotient
from polyenum.arithmetic.linear_program import maximise
from polyenum.arithmetic.rounding import SMALLEST, UNIT
from polyenum.cells.depth_first import DepthFirstWalker
from polyenum.cells.found import RegionArrays, SignCounts, offsets_of
from polyenum.cells.halfspace.cell import HalfspaceCell
from polyenum.cells.halfspace.forms import LayerForms
from polyenum.cells.halfspace.simplex import UNDECIDED, YES, becomes_positive
from polyenum.domains import Domain
from polyenum.networks import PiecewiseLinearNetwork
from polyenum.networks.exact_forms import ExactForms
from polyenum.networks.pullback import PulledBack

# Points kept per cell: enough for most cuts to be seen without a program, few enough to be cheap.
MOST_POINTS = 32

Inside = NDArray[np.float64] | list[Fraction]
"""A point that is proven to be inside: in float64 where one was found, else in rational numbers."""


class HalfspaceWalker(DepthFirstWalker[HalfspaceCell]):
    """Walks subtrees; see `polyenum.cells.engine.CellWalker` for its methods.

    Parameters
    ----------
    network : PiecewiseLinearNetwork
    domain : Domain
    forms : LayerForms
    box : (2, dim) float64
        Bounds of the domain.

    Attributes
    ----------
    programs : int
        Linear programs solved so far.
    tests : int
        Hyperplanes tested against a cell so far.
    asked : int
        Those for which a program, or rational arithmetic, was needed.
    """

    def __init__(
        self,
        network: PiecewiseLinearNetwork,
        domain: Domain,
        forms: LayerForms,
        box: NDArray[np.float64],
    ) -> None:
        super().__init__()
        self.programs = self.tests = self.asked = 0
        self._network, self._domain = network, domain
        self._forms, self._box = forms, box
        self._exact = ExactForms(network, domain)
        self._offsets = network.hyperplane_offsets.tolist()
        self._groups, self._sources = network.groups, network.sources
        dim = domain.dim
        self._scratch = np.zeros((dim + 3, dim))
        self._basis = np.zeros(dim, np.int64)
        self._found: list[HalfspaceCell] = []
        self._outputs = PulledBack(network, domain)
        self._map_error = np.zeros((2, network.output_dim))

    def _descend(self, cell: HalfspaceCell) -> HalfspaceCell | None:
        """Split `cell` by all hyperplanes; return its first part, and leave the others on the stack.

        None where a cell that was to be tried with the last members of a maximum has no such part.
        """
        while cell.layer < self._forms.count:
            found = self._through_layer(cell)
            if found is None:
                self._done += 0.5**cell.cuts
                return None
            cell = found
            begin, end = self._offsets[cell.layer : cell.layer + 2]
            cell.forms = self._forms.after(cell.layer, cell.forms, cell.sides[begin:end])
            cell.layer += 1
        return cell

    def _through_layer(self, cell: HalfspaceCell) -> HalfspaceCell | None:
        """Split `cell` by the rest of its layer's hyperplanes; return its first part, None if it has none."""
        begin, end = self._offsets[cell.layer : cell.layer + 2]
        if cell.hyperplane >= end:
            return cell
        rows, errors = self._forms.hyperplanes(cell.layer, cell.forms)
        over_box = signs_over_box(rows, errors, self._box)
        at_points = signs_at(rows, errors, cell.points)
        for h in range(cell.hyperplane, end):
            k = h - begin
            if self._groups[h, 0] >= 0:
                if h > self._groups[h, 0] and h != cell.hyperplane:
                    continue  # a member of a maximum that is decided
                found = self._try_members(cell, h)
                if found is None:
                    return None
                cell = found
                at_points = signs_at(rows, errors, cell.points)
                continue
            self.halt()
            self.tests += 1
            if over_box[k] != UNSURE:
                cell.sides[h] = over_box[k] > 0
                self._count(boxes=1)
                continue
            row, error = rows[k], errors[k]
            keep = [np.flatnonzero(at_points[:, k] == sign) for sign in (-1, 1)]
            new: list[Inside | None] = [None, None]
            self.asked += not (len(keep[0]) and len(keep[1]))
            for side in (0, 1):
                if not len(keep[side]):
                    new[side] = self._point_on(side, cell, h, row, error)
            there = [len(keep[side]) > 0 or new[side] is not None for side in (0, 1)]
            if not all(there):
                cell.sides[h] = there[1]
                continue
            if all(point is None for point in new):
                self._count(floats=1)
            parts = []
            for side in (0, 1):
                point = new[side]
                points = cell.points[keep[side][:MOST_POINTS]]
                exact_point = None
                if isinstance(point, list):
                    exact_point = point
                elif point is not None:
                    points = np.vstack([points, point])
                parts.append(cell.part(h, side, row, error, points, exact_point))
            self._stack.append(parts[1])
            cell = parts[0]
            at_points = at_points[keep[0][:MOST_POINTS]]
            if isinstance(new[0], np.ndarray):
                at_points = np.vstack([at_points, signs_at(rows, errors, new[0][None])])
        cell.hyperplane = end
        return cell

    def _try_members(self, cell: HalfspaceCell, start: int) -> HalfspaceCell | None:
        """Return the part of `cell` where the first member of a maximum, from `start` on, is the largest.

        The cell itself waits on the stack, to be tried with the next.
        """
        first, end = self._groups[start].tolist()
        for own in range(start, end):
            part = self._largest_part(cell, own, first, end)
            if part is None:
                continue
            if part.cuts > cell.cuts and own + 1 < end:
                part.cuts = cell.cuts + 1
                rest = cell.rest(own + 1)
                rest.sides[first:end] = 0
                self._stack.append(rest)
            else:
                part.cuts = cell.cuts
            part.hyperplane = end
            return part
        return None

    def _largest_part(
        self, cell: HalfspaceCell, own: int, first: int, end: int
    ) -> HalfspaceCell | None:
        """Return the part of `cell` where member `own` of a maximum is the largest, None if there is none."""
        rivals = np.array([j for j in range(first, end) if j != own])
        begin = self._offsets[cell.layer]
        rows, errors = self._forms.differences(cell.layer, cell.forms, own - begin, rivals - begin)
        over_box = signs_over_box(rows, errors, self._box)
        part = replace(cell, sides=cell.sides.copy())
        part.sides[first:end] = 0
        part.sides[own] = 1
        off = [s >= 0 and not cell.sides[s] for s in self._sources[first:end].tolist()]
        if off[own - first] and (own > first or not all(off)):
            return None  # it is 0, and not the first that counts
        for j, row, error, sign in zip(rivals.tolist(), rows, errors, over_box, strict=True):
            if off[j - first]:
                continue
            self.halt()
            self.tests += 1
            if sign == 1 or (sign == 0 and j < own):
                self._count(boxes=1)
                return None
            if sign != UNSURE:
                self._count(boxes=1)
                continue
            signs = signs_at(row[None], error[None], part.points)[:, 0]
            keep = [np.flatnonzero(signs == s) for s in (-1, 1)]
            new: list[Inside | None] = [None, None]
            self.asked += not (len(keep[0]) and len(keep[1]))
            for side in (0, 1):
                if not len(keep[side]):
                    new[side] = self._point_on(side, part, j, row, error)
            there = [len(keep[side]) > 0 or new[side] is not None for side in (0, 1)]
            if not there[0] and (there[1] or j < own):
                return None
            if not there[1]:
                continue
            points, point = part.points[keep[0][:MOST_POINTS]], new[0]
            if isinstance(point, np.ndarray):
                points = np.vstack([points, point])
            exact_point = point if isinstance(point, list) else None
            part = part.part(j, 0, row, error, points, exact_point)
        return part

    def _count(self, *, boxes: int = 0, floats: int = 0, exact: int = 0) -> None:
        counts = SignCounts(boxes, floats, exact, exact)
        self._signs = self._signs.plus(counts)

    def _point_on(
        self,
        side: int,
        cell: HalfspaceCell,
        h: int,
        row: NDArray[np.float64],
        error: NDArray[np.float64],
    ) -> Inside | None:
        """Return a point of the cell's interior on one `side` of hyperplane `h`; None if there is none."""
        if len(cell.points):
            point = np.empty(len(row) - 1)
            self.programs += 1
            answer = becomes_positive(
                cell.rows,
                cell.errors,
                len(cell.rows),
                self._box,
                row if side else -row,
                error[0],
                error[1],
                cell.points[-1],
                self._scratch,
                self._basis,
                point,
            )
            if answer != UNDECIDED:
                self._count(floats=1)
                return point if answer == YES else None
        self._count(exact=1)
        return self._exact_point_on(side, cell, h)

    def _exact_point_on(self, side: int, cell: HalfspaceCell, h: int) -> Inside | None:
        """Do as `_point_on` in rational arithmetic."""
        form = self._oriented(h, cell, side)
        inside = cell.exact_point or [Fraction(x) for x in cell.points[-1].tolist()]
        start = _value(form, inside)
        if start > 0:
            return cell.points[-1] if len(cell.points) else inside
        rows = [
            self._oriented(label, cell, label < 0 or int(cell.sides[label]))
            for label in cell.labels
        ]
        lower, upper = ([Fraction(x) for x in bound.tolist()] for bound in self._box)
        top, corner = maximise(rows, lower, upper, form)
        if top <= 0:
            return None
        step = Fraction(1, 2) if start == 0 else top / (top - start) / 2
        point = [x + step * (y - x) for x, y in zip(corner, inside, strict=True)]
        near = np.array([float(x) for x in point])
        rounded = [Fraction(x) for x in near.tolist()]
        strictly = all(_value(r, rounded) > 0 for r in [*rows, form]) and all(
            a < x < b for a, x, b in zip(lower, rounded, upper, strict=True)
        )
        return near if strictly else point

    def _oriented(self, label: int, cell: HalfspaceCell, side: int) -> Form:
        """Return the exact form of a label that is positive on one `side`."""
        form = self._exact.label(label, cell.sides)
        return form if label < 0 or side else tuple(-x for x in form)

    def _keep(self, region: HalfspaceCell) -> None:
        """Store a region."""
        if self._forms.tables.loose[0]:
            region.forms = self._exact_outputs(region.sides)
        self._found.append(region)

    def take_found(self) -> RegionArrays:
        """Return the regions stored since the last call: a point inside each, and no vertices."""
        regions, self._found = self._found, []
        n, dim = len(regions), self._domain.dim
        sides = np.array([r.sides for r in regions], np.uint8).reshape(
            n, self._network.hyperplane_count
        )
        forms = np.array([r.forms for r in regions]).reshape(n, dim + 1, self._network.output_dim)
        # What may carry a facet: the hyperplanes that cut, and all sides of the domain.
        around = -1 - np.arange(len(self._domain.sides), dtype=np.int32)
        own = [np.array([h for h in r.labels if h >= 0], np.int32) for r in regions]
        candidates = [part for labels in own for part in (around, labels)]
        # Where a cell is so thin that only a rational point was found, no float64 point is known to be inside.
        nowhere = np.full(dim, np.nan)
        inside = [nowhere if r.exact_point else r.points[-1] for r in regions]
        return RegionArrays(
            packed_sides=np.packbits(sides, axis=1, bitorder="little"),
            maps=forms,
            vertex_offsets=np.zeros(n + 1, np.int64),
            corner_points=np.zeros((0, dim)),
            corner_masks=np.zeros((0, 1), np.uint64),
            label_offsets=offsets_of([len(around) + len(labels) for labels in own]),
            labels=np.concatenate([around[:0], *candidates]),
            inside=np.array(inside).reshape(n, dim),
        )

    def _exact_outputs(self, sides: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Return the outputs' forms of a region, each number rounded once: (dim + 1, outputs)."""
        count = self._network.output_dim
        numbers, exponent = self._outputs.outputs(sides, np.eye(count, dtype=np.int64))
        found = [quotient(int(x), 1 << exponent) for x in numbers.T.ravel()]
        values, errors = np.array(found).T.reshape(2, -1, count)
        self._map_error[0] = np.maximum(self._map_error[0], errors[:-1].max(axis=0))
        self._map_error[1] = np.maximum(self._map_error[1], errors[-1])
        return values

    @property
    def map_error(self) -> NDArray[np.float64]:
        """Bounds on the errors of the maps stored so far: (2, outputs), coefficients and constants."""
        t = self._forms.tables
        if t.loose[0]:
            return self._map_error
        last = slice(int(t.row[-2]), int(t.row[-1]))
        return np.stack([t.coef_error[last], t.const_error[last]])


UNSURE = 2


def signs_over_box(
    rows: NDArray[np.float64], errors: NDArray[np.float64], box: NDArray[np.float64]
) -> NDArray[np.int8]:
    """Return the sign of each form over a whole box, UNSURE where it may have both.

    The bound is that of `cells.vertex.candidates.test_box`.  A form that is exactly 0 has sign 0.

    Parameters
    ----------
    rows : (n, dim + 1) float64
    errors : (n, 2) float64
    box : (2, dim) float64
    """
    dim = box.shape[1]
    centre = box[0] + 0.5 * (box[1] - box[0])
    half = np.maximum(box[1] - centre, centre - box[0]) * (1 + 8 * UNIT) + SMALLEST
    size = np.abs(centre) + half
    value = rows[:, :-1] @ centre + rows[:, -1]
    # What is added to a half width may underflow before it is multiplied.
    slack = np.abs(rows[:, :-1]) @ (half + (dim + 6) * UNIT * size + SMALLEST)
    slack += (dim + 6) * UNIT * np.abs(rows[:, -1])
    with np.errstate(over="ignore"):
        slack += errors[:, 0] * size.sum() * (1 + 2 * dim * UNIT) + errors[:, 1]
    slack = slack * (1 + (dim + 64) * UNIT) + 4 * (dim + 1) * SMALLEST
    signs = np.where(value > slack, 1, np.where(value < -slack, -1, UNSURE))
    return np.where(rows.any(axis=1) | errors.any(axis=1), signs, 0).astype(np.int8)


def signs_at(
    rows: NDArray[np.float64], errors: NDArray[np.float64], points: NDArray[np.float64]
) -> NDArray[np.int8]:
    """Return the sign of each form at each point, 0 where it is not proven: (points, forms).

    The bound is that of `cells.lp.simplex.proven_positive`.
    """
    dim = points.shape[1]
    value = points @ rows[:, :-1].T + rows[:, -1]
    size = np.abs(points)
    bound = (dim + 4) * UNIT * (size @ np.abs(rows[:, :-1]).T + np.abs(rows[:, -1]))
    with np.errstate(over="ignore"):
        bound += size.sum(axis=1)[:, None] * errors[:, 0] + errors[:, 1]
    bound = bound * (1 + (dim + 64) * UNIT) + 1e-300
    return (value > bound).astype(np.int8) - (value < -bound)


def _value(form: Form, point: list[Fraction]) -> Fraction:
    return sum((a * x for a, x in zip(form[:-1], point, strict=True)), Fraction(form[-1]))
