"""One thread's walk: it owns the arrays of the kernel, grows them, and settles undecided signs."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from polyenum.arithmetic.integers import Point, meeting, quotient, value
from polyenum.arithmetic.rounding import SMALLEST
from polyenum.cells.bounds.tables import Tables
from polyenum.cells.engine import go_on
from polyenum.cells.found import RegionArrays, SignCounts
from polyenum.cells.vertex import state as k
from polyenum.cells.vertex.accurately import walk_accurately
from polyenum.cells.vertex.maxima import walk_with_maxima
from polyenum.cells.vertex.output import sharpen
from polyenum.cells.vertex.refine import refine
from polyenum.cells.vertex.vertices import solve_unsure
from polyenum.cells.vertex.walk import walk
from polyenum.domains import Domain
from polyenum.errors import NumericalError
from polyenum.networks import PiecewiseLinearNetwork
from polyenum.networks.equal_forms import EqualForms
from polyenum.networks.exact_forms import ExactForms

OUTPUT_BYTES = 1 << 26
# A cell that grows beyond this without certified signs is no polytope any more.
RAW_VERTICES = 1 << 14


class PendingCell(NamedTuple):
    """The root of a subtree: all that is needed to walk it, on any thread or machine.

    Attributes
    ----------
    layer, hyperplane : int
        Where the walk goes on: the first hyperplane not yet tested, in this layer.
    sides : (n,) uint8
        The sides found so far; those of `layer` from `hyperplane` on mean nothing.
    points : (v, dim + 1) float64
        The vertices, each with its radius.
    masks : (v, words) uint64
    labels : (m,) int32
    cuts : int
        How many cuts led here: the subtree is ``2**-cuts`` of the tree.
    """

    layer: int
    hyperplane: int
    sides: NDArray[np.uint8]
    points: NDArray[np.float64]
    masks: NDArray[np.uint64]
    labels: NDArray[np.int32]
    cuts: int


def root_cell(domain: Domain) -> PendingCell:
    """Return the whole `domain` as a cell, with nothing tested yet."""
    order = domain.polytope.vertex_order()
    sides = sorted(frozenset().union(*domain.polytope.tight))
    masks = np.zeros((len(domain.vertices), (len(sides) + 63) // 64), np.uint64)
    for v, corner in enumerate(order):
        for bit, side in enumerate(sides):
            if side in domain.polytope.tight[corner]:
                masks[v, bit >> 6] |= np.uint64(1 << (bit & 63))
    points = np.column_stack([domain.vertices, domain.vertex_radii])[order]
    labels = np.array([-1 - side for side in sides], np.int32)
    return PendingCell(0, 0, np.zeros(0, np.uint8), points, masks, labels, 0)


class VertexWalker:
    """Walks subtrees of one network on one domain.

    Parameters
    ----------
    network : PiecewiseLinearNetwork
    domain : Domain
    tables : Tables
        Of this network and domain.
    certified : bool
        Whether to take signs from floats only beyond their error bounds.
    """

    def __init__(
        self, network: PiecewiseLinearNetwork, domain: Domain, tables: Tables, *, certified: bool
    ) -> None:
        self.tables = tables
        self.dims = (0,) * domain.dim
        self.words = 1
        self._certified = certified
        self._exact_signs = self._exact_cells = 0
        # Labels that once pinned down a vertex with these numbers: where to look first.
        self._pins: dict[bytes, list[int]] = {}
        self._network, self._domain = network, domain
        # A vertex within this radius costs nothing worth a fresh solution.
        scale = float(np.abs(domain.vertices).max())
        self._floor = max(2.0**-26 * scale, SMALLEST)
        self._full = False
        self.halt: Callable[[], None] = go_on
        self.state = self._new_state()

    @cached_property
    def _forms(self) -> ExactForms:
        return ExactForms(self._network, self._domain)

    @cached_property
    def _equal(self) -> EqualForms:
        return EqualForms(self._network, self._domain)

    def _new_state(self) -> k.State:
        t, d = self.tables, len(self.dims)
        hand, stack = 32 << d, 256 << d
        widest = int(np.diff(t.row).max())
        hyperplanes = int(t.hyper[-1])
        sides = np.zeros(-(-hyperplanes // 8), np.uint64)
        flags = np.zeros(int(np.diff(t.hyper).max(initial=0)) // 8 + 2, np.uint64)
        return k.State(
            control=np.zeros(k.CONTROL_SIZE, np.int64),
            done=np.zeros(2),
            sides=sides.view(np.uint8)[:hyperplanes],
            side_words=sides,
            forms=np.zeros(t.form[-1]),
            candidates=np.zeros(hyperplanes, np.int64),
            candidate_count=np.zeros(t.layers + 1, np.int64),
            rival=np.zeros(hyperplanes, np.uint8),
            tie=np.zeros(hyperplanes, np.int64),
            ties_known=np.zeros(t.layers + 1, np.uint8),
            guess=np.zeros(hyperplanes, np.int64),
            difference=np.zeros(d + 1),
            box=np.zeros((2, widest)),
            bounds=np.zeros((2, d)),
            active=np.zeros(widest + 1, np.int64),
            coef_error=t.coef_error.copy(),
            const_error=t.const_error.copy(),
            plain_coef=t.coef_error.copy(),
            plain_const=t.const_error.copy(),
            map_error=np.zeros((2, len(t.map_limit))),
            tight=np.zeros(t.layers + 1, np.uint8),
            refined=np.zeros(t.layers + 1, np.uint8),
            high=np.zeros(t.form[-1]),
            low=np.zeros(t.form[-1]),
            fine_coef=np.zeros(t.row[-1]),
            fine_const=np.zeros(t.row[-1]),
            fine_work=np.zeros((4, widest)),
            pair=np.zeros((2, d + 1)),
            tight_work=np.zeros((4, widest)),
            scale=np.zeros(widest),
            outer=np.zeros((d + 1, widest)),
            cuts_box=flags.view(np.uint8),
            cuts_box_words=flags,
            hand_points=np.zeros((2, hand, d + 1)),
            hand_masks=np.zeros((2, hand, self.words), np.uint64),
            hand_labels=np.zeros(64 * self.words, np.int32),
            used=np.zeros(self.words, np.uint64),
            kept_before=np.zeros(self.words, np.int64),
            value=np.zeros((2, hand)),
            sign=np.zeros(hand, np.int8),
            decided_value=np.zeros((2, hand)),
            decided_sign=np.zeros(hand, np.int8),
            solve=np.zeros((4, max(d, 3), 2 * d + 2)),
            pending=np.zeros((64, k.P_SIZE), np.int64),
            stack_points=np.zeros((stack, d + 1)),
            stack_masks=np.zeros((stack, self.words), np.uint64),
            stack_labels=np.zeros(1024, np.int32),
            stack_sides=np.zeros(1024 + int(np.diff(t.hyper).max(initial=0)), np.uint8),
            stack_forms=np.zeros(16 * int(np.diff(t.form).max())),
            **_output(0, 0, 0, self._out_sides_width, self._out_forms_width, d, self.words),
        )

    @property
    def _out_sides_width(self) -> int:
        return -(-int(self.tables.hyper[-1]) // 8)

    @property
    def _out_forms_width(self) -> int:
        return int(self.tables.form[-1] - self.tables.form[-2])

    def load(self, cell: PendingCell) -> None:
        """Take `cell` as the work to do; whatever was left is dropped."""
        needed = cell.masks.shape[1]
        while needed > self.words:
            self._widen()
        while self.state.hand_points.shape[1] < len(cell.points) + 2:
            self._grow_hand()
        s, c = self.state, self.state.control
        c[:] = 0
        s.hand_points[0, : len(cell.points)] = cell.points
        s.hand_masks[0, : len(cell.points)] = 0
        s.hand_masks[0, : len(cell.points), :needed] = cell.masks
        s.hand_labels[: len(cell.labels)] = cell.labels
        s.sides[: len(cell.sides)] = cell.sides
        c[k.VERTICES], c[k.LABELS] = len(cell.points), len(cell.labels)
        c[k.LAYER], c[k.NEXT], c[k.CUTS] = cell.layer, cell.hyperplane, cell.cuts
        c[k.IN_HAND] = k.A_ROOT
        c[k.CERTIFIED] = self._certified

    def reserve(self, regions: int) -> None:
        """Make room for about `regions` regions of output, or as many as fit into OUTPUT_BYTES."""
        d = len(self.dims)
        corner = 8 * (d + self.words) * (2 << d)
        regions = min(regions, max(64, OUTPUT_BYTES // corner))
        if regions <= len(self.state.out_packed_sides):
            return
        self.state = self.state.replace(
            **_output(
                regions,
                regions * ((2 << d) + 2),
                regions * (3 * d + 4),
                self._out_sides_width,
                self._out_forms_width,
                d,
                self.words,
            )
        )

    def run(self, budget: int, *, store: bool) -> bool:
        """Walk until `budget` more regions are found or the output is full.

        Returns
        -------
        bool
            True when nothing is left to do.
        """
        c = self.state.control
        c[k.REGIONS] = 0
        self._full = False
        while True:
            status = self._walk(store)(
                self.dims, self.words, store, budget, self._floor, self.tables, self.state
            )
            if status in (k.DONE, k.BUDGET):
                return status == k.DONE
            self.halt()
            if status == k.UNDECIDED:
                self._decide()
            elif status == k.INACCURATE:
                self._sharpen()
            elif status == k.GROW:
                if not self._certified and self.state.hand_points.shape[1] >= RAW_VERTICES:
                    raise NumericalError(
                        f"a cell with more than {RAW_VERTICES:,} vertices: signs taken from floats "
                        "without bounds have contradicted each other; certified=True does not"
                    )
                self._grow_hand()
                self._grow_stack()
            elif status == k.MORE_WORDS:
                self._widen()
            elif status == k.OUTPUT_FULL:
                if c[k.OUT_REGIONS]:
                    self._full = True
                    return False
                self.reserve(4 * max(16, len(self.state.out_packed_sides)))  # one huge region
            c = self.state.control

    def _walk(self, store: bool) -> Any:
        if self._network.has_maxima:
            return walk_with_maxima
        return walk_accurately if store and self._certified and self.tables.loose[0] else walk

    @property
    def output_full(self) -> bool:
        """Whether the last `run` ended for want of room in the output arrays."""
        return self._full

    @property
    def regions(self) -> int:
        """The regions that the last `run` found."""
        return int(self.state.control[k.REGIONS])

    def take_done(self) -> float:
        """Return the share of the tree finished since the last call."""
        share = float(self.state.done[0])
        self.state.done[0] = 0.0
        return share

    def take_signs(self) -> SignCounts:
        """Return how many signs were decided since the last call."""
        c = self.state.control
        counts = SignCounts(
            int(c[k.BOX_SIGNS]),
            int(c[k.FLOAT_SIGNS]) - self._exact_signs,
            self._exact_signs,
            self._exact_cells,
        )
        c[k.BOX_SIGNS] = c[k.FLOAT_SIGNS] = self._exact_signs = self._exact_cells = 0
        return counts

    @property
    def largest_radius(self) -> float:
        """A bound on the error of every coordinate of every vertex written to the output so far."""
        return float(self.state.done[1])

    @property
    def map_error(self) -> NDArray[np.float64]:
        """Bounds on the errors of the maps in the output so far: (2, outputs), coefficients and constants."""
        t = self.tables
        if self._certified and t.loose[0]:
            return self.state.map_error
        last = slice(int(t.row[-2]), int(t.row[-1]))
        return np.stack([t.coef_error[last], t.const_error[last]])

    def take_found(self) -> RegionArrays:
        """Return copies of the regions in the output arrays, and empty these."""
        s, c = self.state, self.state.control
        r, v, m = c[k.OUT_REGIONS], c[k.OUT_VERTICES], c[k.OUT_LABELS]
        found = RegionArrays(
            packed_sides=s.out_packed_sides[:r].copy(),
            maps=s.out_maps[:r].copy().reshape(r, len(self.dims) + 1, len(self.tables.map_limit)),
            vertex_offsets=s.out_vertex_offsets[: r + 1].copy(),
            corner_points=s.out_corner_points[:v].copy(),
            corner_masks=s.out_corner_masks[:v].copy(),
            label_offsets=s.out_label_offsets[: r + 1].copy(),
            labels=s.out_labels[:m].copy(),
            inside=np.zeros((r, 0)),
        )
        c[k.OUT_REGIONS] = c[k.OUT_VERTICES] = c[k.OUT_LABELS] = 0
        return found

    def pending(self) -> int:
        """Return how many cells are on the stack."""
        return int(self.state.control[k.DEPTH] - self.state.control[k.BASE])

    def give_away_half(self) -> list[PendingCell]:
        """Give away the largest pending cells, half of the stack's share of the tree or just over.

        Returns
        -------
        list of PendingCell
            In the walk's order: they come after all that stays.  Only between two runs that ended for
            their budget.
        """
        s, c, t = self.state, self.state.control, self.tables
        base, depth = int(c[k.BASE]), int(c[k.DEPTH])
        shares = 0.5 ** s.pending[base:depth, k.P_CUTS].astype(float)
        total, given, count = shares.sum(), 0.0, 0
        while count < len(shares) and given < total / 2:
            given += shares[count]
            count += 1
        cells = []
        for record in s.pending[base : base + count]:
            layer = int(record[k.P_LAYER])
            first, own = t.hyper[layer], t.hyper[layer + 1] - t.hyper[layer]
            at, v, m = record[k.P_SIDE], record[k.P_VERTEX], record[k.P_LABEL]
            n = record[k.P_VERTICES]
            cells.append(
                PendingCell(
                    layer,
                    self._hyperplane_at(layer, int(record[k.P_NEXT])),
                    np.concatenate([s.sides[:first], s.stack_sides[at : at + own]]),
                    s.stack_points[v : v + n].copy(),
                    s.stack_masks[v : v + n].copy(),
                    s.stack_labels[m : m + record[k.P_LABELS]].copy(),
                    int(record[k.P_CUTS]),
                )
            )
        c[k.BASE] += count
        return cells[::-1]

    def _hyperplane_at(self, layer: int, candidate: int) -> int:
        t, s = self.tables, self.state
        if candidate < s.candidate_count[layer]:
            return int(s.candidates[t.hyper[layer] + candidate])
        return int(t.hyper[layer + 1])

    def _decide(self) -> None:
        """Settle the signs that the kernel left undecided: with better forms, or in rational arithmetic.

        In the latter case the vertices concerned get their exact coordinates, rounded.
        """
        s, c = self.state, self.state.control
        n, hand = int(c[k.VERTICES]), int(c[k.HAND])
        h = int(c[k.UNDECIDED_AT])
        if self._network.groups[h, 0] >= 0 and not s.ties_known[c[k.LAYER]]:
            self._find_ties(int(c[k.LAYER]))
            return
        if refine(self.dims, int(c[k.LAYER]), self.tables, s):
            solve_unsure(self.dims, self.tables, s)
            return  # the walk takes the signs again
        form, exponent = self._forms.hyperplane(h, s.sides)
        s.decided_sign[:n] = 2
        for v in np.flatnonzero(s.sign[:n] == 2).tolist():
            point = self._corner(v)
            *whole, w = point
            rounded = [quotient(x, w) for x in whole]
            pins = self._pins[s.hand_points[hand, v].tobytes()]
            s.hand_points[hand, v] = [*(x for x, _ in rounded), max(e for _, e in rounded)]
            self._pins[s.hand_points[hand, v].tobytes()] = pins
            exact = value(form, point)
            number, error = quotient(exact, w << exponent)
            sign = (exact > 0) - (exact < 0)
            if sign and number == 0.0:
                number = sign * SMALLEST
            s.decided_sign[v] = sign
            s.decided_value[:, v] = number, error
            self._exact_signs += 1
        self._exact_cells += 1
        c[k.OVERRIDE] = 1

    def _sharpen(self) -> None:
        """Make the vertices and outputs of the region in hand as accurate as is promised, if need be exactly."""
        s, c, t = self.state, self.state.control, self.tables
        c[k.SHARPENED] = 1
        if sharpen(self.dims, t, s):
            return
        hand, dim = int(c[k.HAND]), len(self.dims)
        radii = s.hand_points[hand, : c[k.VERTICES], dim]
        for v in np.flatnonzero(~(radii <= t.vertex_limit[0])).tolist():
            *whole, w = self._corner(v)
            rounded = [quotient(x, w) for x in whole]
            s.hand_points[hand, v] = [*(x for x, _ in rounded), max(e for _, e in rounded)]
        if t.loose[0]:
            last = len(self._network.stages) - 1
            numbers, exponent = self._forms.after_activation(last, s.sides)
            found = [quotient(int(x), 1 << exponent) for x in numbers.ravel()]
            forms, errors = np.array(found).T.reshape(2, dim + 1, -1)
            at = int(t.form[t.layers])
            s.forms[at : at + forms.size] = forms.ravel()
            s.refined[t.layers] = 0
            row = slice(int(t.row[-2]), int(t.row[-1]))
            s.coef_error[row], s.const_error[row] = errors[:-1].max(axis=0), errors[-1]

    def _find_ties(self, layer: int) -> None:
        """Find which rivals of all maxima of `layer` are the same function on the cell in hand."""
        s, t = self.state, self.tables
        first, end = t.hyper[layer], t.hyper[layer + 1]
        rivals = first + np.flatnonzero((t.group_first[first:end] >= 0) & (s.rival[first:end] == 1))
        s.tie[first:end] = -1 - np.arange(end - first)
        s.tie[rivals] = self._equal.before_activation(layer, s.sides, t.hyper_row[rivals])
        s.ties_known[layer] = 1

    def _corner(self, v: int) -> Point:
        """Return vertex `v` of the cell in hand exactly: where its tight hyperplanes meet."""
        s, c = self.state, self.state.control
        mask = s.hand_masks[c[k.HAND], v]
        bits = np.unpackbits(mask.astype("<u8").view(np.uint8), bitorder="little")
        labels = s.hand_labels[: c[k.LABELS]][bits[: c[k.LABELS]] == 1]
        # Hundreds of hyperplanes may be tight in one place, most of them the same: those that pinned
        # down a vertex here before come first.
        here = s.hand_points[c[k.HAND], v].tobytes()
        hint = [label for label in self._pins.get(here, ()) if (labels == label).any()]
        tried = [*hint, *np.sort(labels).tolist()]
        found = meeting((self._forms.label(label, s.sides) for label in tried), len(self.dims))
        if found is None:
            raise AssertionError("a vertex is not pinned down by its tight hyperplanes")
        point, used = found
        if len(self._pins) > 100_000:
            self._pins.clear()
        self._pins[here] = [tried[i] for i in used]
        return point

    def _grow_hand(self) -> None:
        s = self.state
        self.state = s.replace(
            hand_points=_longer(s.hand_points, 1),
            hand_masks=_longer(s.hand_masks, 1),
            value=_longer(s.value, 1),
            sign=_longer(s.sign, 0),
            decided_value=_longer(s.decided_value, 1),
            decided_sign=_longer(s.decided_sign, 0),
        )

    def _grow_stack(self) -> None:
        s = self.state
        names = [name for name in s.names() if name.startswith("stack_")] + ["pending"]
        self.state = s.replace(**{name: _longer(getattr(s, name), 0) for name in names})

    def _widen(self) -> None:
        """Double the words of every mask."""
        s = self.state
        self.words *= 2
        self.state = s.replace(
            hand_masks=_longer(s.hand_masks, 2),
            stack_masks=_longer(s.stack_masks, 1),
            out_corner_masks=_longer(s.out_corner_masks, 1),
            hand_labels=_longer(s.hand_labels, 0),
            used=_longer(s.used, 0),
            kept_before=_longer(s.kept_before, 0),
        )


def _longer(array: NDArray, axis: int) -> NDArray:
    """Return `array` doubled along `axis`, the new half zero."""
    return np.concatenate([array, np.zeros_like(array)], axis=axis)


def _output(
    regions: int, vertices: int, labels: int, sides: int, forms: int, dim: int, words: int
) -> dict[str, Any]:
    return {
        "out_packed_sides": np.empty((regions, sides), np.uint8),
        "out_maps": np.empty((regions, forms)),
        "out_vertex_offsets": np.zeros(regions + 1, np.int64),
        "out_label_offsets": np.zeros(regions + 1, np.int64),
        "out_corner_points": np.empty((vertices, dim)),
        "out_corner_masks": np.empty((vertices, words), np.uint64),
        "out_labels": np.empty(labels, np.int32),
    }
