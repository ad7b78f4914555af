"""The walk on shapely polygons, a block of cells at a time, cut by shapely's own operations.

Independent of the compiled cells on purpose: forms are composed by matrix products, polygons are cut by
GEOS, and nothing is shared but the domain.  In plain float64: a vertex counts as on a line when it is
within `TOLERANCE` of it, relative to the domain's size.  So it is not certified, and it is wrong about
cells thinner than that.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import shapely
from numpy.typing import NDArray

from polyenum.cells.engine import go_on
from polyenum.cells.found import RegionArrays, SignCounts, offsets_of
from polyenum.domains import Domain
from polyenum.networks import ActivationTable, PiecewiseLinearNetwork
from polyenum.networks.weights import rows_through

TOLERANCE = 1e-9
MOST_CELLS = 4096


class Block(NamedTuple):
    """Cells side by side, in the walk's order, all of them before hyperplane `hyperplane` of `layer`.

    Attributes
    ----------
    layer, hyperplane : int
    polygons : (n,) array of shapely.Polygon
    sides : (n, hyperplanes) bool
    forms : (n, 3, width) float64
        The pre-activations of `layer`.
    cuts : (n,) int64
    """

    layer: int
    hyperplane: int
    polygons: NDArray[Any]
    sides: NDArray[np.bool_]
    forms: NDArray[np.float64]
    cuts: NDArray[np.int64]

    def take(self, rows: Any) -> Block:
        """Return the block of some cells."""
        return self._replace(
            polygons=self.polygons[rows],
            sides=self.sides[rows],
            forms=self.forms[rows],
            cuts=self.cuts[rows],
        )


class PolygonEngine:
    """Cells as shapely polygons.

    Parameters
    ----------
    network : PiecewiseLinearNetwork
    domain : Domain
        Of dimension 2.
    """

    name = "shapely"
    certified = False
    has_vertices = True
    parallel = False

    def __init__(self, network: PiecewiseLinearNetwork, domain: Domain) -> None:
        self._network, self._domain = network, domain

    def root(self) -> Block:
        """Return the whole domain as a block of one cell."""
        domain, stage = self._domain, self._network.stages[0]
        rows = np.vstack([np.eye(2), np.zeros(2)])
        if domain.basis is not None and domain.origin is not None:
            rows = np.vstack([domain.basis.T, domain.origin])
        forms = rows_through(stage.weight, rows)
        forms[-1] += stage.bias
        return Block(
            0,
            0,
            np.array([shapely.MultiPoint(domain.vertices).convex_hull]),
            np.zeros((1, self._network.hyperplane_count), np.bool_),
            forms[None],
            np.zeros(1, np.int64),
        )

    def walker(self) -> PolygonWalker:
        """Return a new walker."""
        return PolygonWalker(self._network, self._domain)

    def map_error(self) -> NDArray[np.float64]:
        """Return what the maps are off by; nothing is known."""
        return np.zeros((2, self._network.output_dim))


class PolygonWalker:
    """Walks blocks of cells; see `polyenum.cells.engine.CellWalker` for its methods.

    Parameters
    ----------
    network : PiecewiseLinearNetwork
    domain : Domain
    """

    output_full = False
    largest_radius = 0.0

    def __init__(self, network: PiecewiseLinearNetwork, domain: Domain) -> None:
        self.regions = 0
        self.halt: Callable[[], None] = go_on
        self._network, self._domain = network, domain
        self._size = float(np.abs(domain.vertices).max())
        self._side_rows = domain.side_forms()
        self._stack: list[Block] = []
        self._found: list[Block] = []
        self._done = 0.0
        self._floats = 0

    def load(self, cell: Block) -> None:
        """Take `cell`, a block, as the work to do."""
        self._stack = [cell]

    def reserve(self, regions: int) -> None:
        """Do nothing: the output grows as needed."""

    def run(self, budget: int, *, store: bool) -> bool:
        """Walk until `budget` or some more regions are found; return whether nothing is left to do."""
        self.regions = 0
        while self._stack and self.regions < budget:
            block = self._stack.pop()
            if len(block.polygons) > MOST_CELLS:
                middle = len(block.polygons) // 2
                self._stack += [block.take(slice(middle, None)), block.take(slice(middle))]
                continue
            if block.layer < len(self._network.stages):
                self._stack.append(self._through_layer(block))
                continue
            self.regions += len(block.polygons)
            self._done += float((0.5**block.cuts).sum())
            if store:
                self._found.append(block)
        return not self._stack

    def _through_layer(self, block: Block) -> Block:
        """Cut the cells of a block by the hyperplanes of its layer; return them before the next layer."""
        stage = self._network.stages[block.layer]
        table, first = stage.activation, int(self._network.hyperplane_offsets[block.layer])
        ends = dict(table.group_ranges.tolist())
        k = 0
        while k < len(table.breakpoints):
            if k in ends:
                block = self._try_members(block, first + k, first + ends[k], table)
                k = ends[k]
                continue
            forms = block.forms[:, :, table.breakpoint_coordinate[k]].copy()
            forms[:, 2] -= table.breakpoints[k]
            block = self._cut(block, first + k, forms)
            k += 1
        own = block.sides[:, first : first + len(table.breakpoints)]
        piece = table.slope_offsets[:-1] + table.pieces(own)
        forms = block.forms * table.slopes[piece][:, None, :]
        forms[:, -1] += table.intercepts[piece]
        layer = block.layer + 1
        if layer < len(self._network.stages):
            after = self._network.stages[layer]
            forms = rows_through(after.weight, forms)
            forms[:, -1] += after.bias
        return block._replace(layer=layer, forms=forms)

    def _try_members(self, block: Block, first: int, end: int, table: ActivationTable) -> Block:
        """Return the parts of all cells where each member of a maximum is the largest, member by member."""
        found = []
        at = table.breakpoint_coordinate
        offset = int(self._network.hyperplane_offsets[block.layer])
        for own in range(first, end):
            part = block.take(slice(None))
            part = part._replace(
                sides=part.sides.copy(), cuts=part.cuts + (end - first).bit_length()
            )
            part.sides[:, own] = True
            for j in range(first, end):
                if j == own or not len(part.polygons):
                    continue
                forms = part.forms[:, :, at[j - offset]] - part.forms[:, :, at[own - offset]]
                part = self._cut(part, j, forms, equal_above=j < own)
                part = part.take(~part.sides[:, j])
            found.append(part)
        return Block(
            block.layer,
            end,
            *(np.concatenate(arrays) for arrays in zip(*(p[2:] for p in found), strict=True)),
        )

    def _cut(
        self, block: Block, h: int, forms: NDArray[np.float64], *, equal_above: bool = False
    ) -> Block:
        """Cut every cell of a block by hyperplane `h`; the parts stand side by side, the lower first.

        `forms` (n, 3) vanish there; where one does on a whole cell, that is below, or above if
        `equal_above`.
        """
        self.halt()
        points, owner = shapely.get_coordinates(block.polygons, return_index=True)
        value = np.einsum("nk,nk->n", points, forms[owner, :2]) + forms[owner, 2]
        slack = TOLERANCE * self._size * np.abs(forms[:, :2]).sum(axis=1)
        self._floats += len(value)
        starts = np.searchsorted(owner, np.arange(len(forms)))
        above = np.maximum.reduceat(value, starts) > slack
        below = np.minimum.reduceat(value, starts) < -slack
        sides = block.sides.copy()
        sides[:, h] = ~below if equal_above else above & ~below
        block = block._replace(sides=sides)
        cut = np.flatnonzero(above & below)
        if not len(cut):
            return block
        lower, upper = (
            # Where a line goes through a vertex up to rounding, GEOS finds the vertex twice.
            shapely.remove_repeated_points(
                shapely.intersection(block.polygons[cut], self._half_planes(forms[cut] * sign)),
                tolerance=TOLERANCE * self._size,
            )
            for sign in (-1.0, 1.0)
        )
        whole = (shapely.get_type_id(lower) == 3) & (shapely.get_type_id(upper) == 3)
        whole &= (shapely.area(lower) > 0) & (shapely.area(upper) > 0)
        cut, lower, upper = cut[whole], lower[whole], upper[whole]
        copies = np.ones(len(forms), np.int64)
        copies[cut] = 2
        result = block.take(np.repeat(np.arange(len(forms)), copies))
        at = np.cumsum(copies)[cut] - 1
        result.polygons[at - 1], result.polygons[at] = lower, upper
        result.sides[at - 1, h], result.sides[at, h] = False, True
        result.cuts[at - 1] += 1
        result.cuts[at] += 1
        return result

    def _half_planes(self, forms: NDArray[np.float64]) -> NDArray[Any]:
        """Return large rectangles on the side where ``a . x + c >= 0``, of which an edge is on the line."""
        length = np.linalg.norm(forms[:, :2], axis=1, keepdims=True)
        normal = forms[:, :2] / length
        foot = -normal * forms[:, 2:] / length
        along = np.column_stack([-normal[:, 1], normal[:, 0]])
        far = 4 * self._size + np.abs(foot).max(axis=1, keepdims=True)
        corners = [foot - far * along, foot + far * along]
        corners += [corners[1] + far * normal, corners[0] + far * normal]
        return shapely.polygons(np.stack(corners, axis=1))

    def take_done(self) -> float:
        """Return the share of the tree finished since the last call."""
        done, self._done = self._done, 0.0
        return done

    def take_signs(self) -> SignCounts:
        """Return how many signs were decided since the last call."""
        signs, self._floats = SignCounts(float_signs=self._floats), 0
        return signs

    def take_found(self) -> RegionArrays:
        """Return the regions stored since the last call, with the labels within `TOLERANCE` of vertices."""
        blocks, self._found = self._found, []
        count, outputs = self._network.hyperplane_count, self._network.output_dim
        sides = np.concatenate([np.zeros((0, count), np.bool_), *(b.sides for b in blocks)])
        forms = np.concatenate([np.zeros((0, 3, outputs)), *(b.forms for b in blocks)])
        polygons = shapely.normalize(
            np.concatenate([np.zeros(0, object), *(b.polygons for b in blocks)])
        )
        # Counter-clockwise; the ring's last point repeats its first.
        polygons = shapely.orient_polygons(polygons)
        points, owner = shapely.get_coordinates(polygons, return_index=True)
        last = np.append(np.diff(owner) > 0, True)[: len(owner)]
        points, owner = points[~last], owner[~last]
        tight = self._tight(sides, points, owner)
        vertices = np.bincount(owner, minlength=len(sides))
        starts = np.concatenate([[0], np.cumsum(vertices)])
        present = np.logical_or.reduceat(tight, starts[:-1], axis=0) if len(sides) else tight[:0]
        # Labels are numbered within each region.
        bit = np.cumsum(present, axis=1) - 1
        words = int(present.sum(axis=1).max(initial=1) + 63) // 64
        masks = np.zeros((len(points), words), np.uint64)
        corner, column = np.nonzero(tight)
        place = bit[owner[corner], column]
        np.bitwise_or.at(
            masks, (corner, place >> 6), np.uint64(1) << (place & 63).astype(np.uint64)
        )
        labels = np.nonzero(present)[1].astype(np.int32)
        labels[labels >= count] = count - 1 - labels[labels >= count]
        return RegionArrays(
            packed_sides=np.packbits(sides, axis=1, bitorder="little"),
            maps=forms,
            vertex_offsets=offsets_of(vertices),
            corner_points=points,
            corner_masks=masks,
            label_offsets=offsets_of(present.sum(axis=1)),
            labels=labels,
            inside=np.zeros((len(sides), 0)),
        )

    def _tight(
        self, sides: NDArray[np.bool_], points: NDArray[np.float64], owner: NDArray[np.int64]
    ) -> NDArray[np.bool_]:
        """Return which hyperplanes, then which sides of the domain, go through each point."""
        found = []
        block = PolygonEngine(self._network, self._domain).root()
        forms = np.broadcast_to(block.forms, (len(sides), *block.forms.shape[1:]))
        offsets = self._network.hyperplane_offsets
        for i, stage in enumerate(self._network.stages):
            table = stage.activation
            if i:
                forms = rows_through(stage.weight, forms)
                forms[:, -1] += stage.bias
            own = forms[:, :, table.breakpoint_coordinate].copy()
            own[:, -1] -= table.breakpoints
            for begin, end in table.group_ranges.tolist():
                largest = sides[:, offsets[i] + begin : offsets[i] + end].argmax(axis=1) + begin
                row = np.arange(len(sides))
                own[:, :, begin:end] -= own[row, :, largest][:, :, None]
                own[row, 2, largest] = np.inf  # tight nowhere
            value = np.einsum("nk,nkh->nh", points, own[owner, :2]) + own[owner, 2]
            slack = TOLERANCE * self._size * np.abs(own[:, :2]).sum(axis=1)
            found.append(np.abs(value) <= slack[owner])
            piece = table.slope_offsets[:-1] + table.pieces(sides[:, offsets[i] : offsets[i + 1]])
            forms = forms * table.slopes[piece][:, None, :]
            forms[:, -1] += table.intercepts[piece]
        rows = self._side_rows
        at_sides = points @ rows[:, :2].T + rows[:, 2]
        size = np.abs(rows[:, :2]).sum(axis=1)
        found.append(np.abs(at_sides) <= TOLERANCE * self._size * size)
        return np.concatenate(found, axis=1)

    def pending(self) -> int:
        """Return how many blocks are on the stack."""
        return len(self._stack)

    def give_away_half(self) -> list[Block]:
        """Give nothing away: a block is as much work as a thread likes at a time."""
        return []
