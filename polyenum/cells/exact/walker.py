"""The walk in rational arithmetic throughout: slow, and the arbiter of the fast one."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from polyenum.arithmetic.integers import quotient
from polyenum.arithmetic.polytope import ExactPolytope
from polyenum.cells.depth_first import DepthFirstWalker
from polyenum.cells.found import RegionArrays, SignCounts, offsets_of
from polyenum.domains import Domain
from polyenum.networks import PiecewiseLinearNetwork
from polyenum.networks.exact_forms import ExactForms


class ExactCell(NamedTuple):
    """A pending cell: its sides so far, the next hyperplane being ``len(sides)``, and its cuts."""

    polytope: ExactPolytope
    sides: bytes
    cuts: int


class _Rounded(NamedTuple):
    """A region as it is handed out."""

    sides: bytes
    labels: list[int]
    points: list[list[float]]
    masks: list[int]
    forms: list[float]


class ExactEngine:
    """Cells as rational vertices.

    Parameters
    ----------
    network : PiecewiseLinearNetwork
    domain : Domain
    """

    name = "exact"
    certified = True
    has_vertices = True
    parallel = False

    def __init__(self, network: PiecewiseLinearNetwork, domain: Domain) -> None:
        self._network, self._domain = network, domain
        self._walkers: list[ExactWalker] = []

    def root(self) -> ExactCell:
        """Return the whole domain as a pending cell."""
        whole = self._domain.polytope
        tight = [frozenset(-1 - side for side in at) for at in whole.tight]
        return ExactCell(ExactPolytope(whole.dim, whole.points, tight), b"", 0)

    def walker(self) -> ExactWalker:
        """Return a new walker."""
        walker = ExactWalker(self._network, self._domain)
        self._walkers.append(walker)
        return walker

    def map_error(self) -> NDArray[np.float64]:
        """Return bounds on the rounding of the maps stored so far: (2, outputs)."""
        none = np.zeros((2, self._network.output_dim))
        return np.max([none, *(walker.map_error for walker in self._walkers)], axis=0)


class ExactWalker(DepthFirstWalker[ExactCell]):
    """Walks subtrees depth first; see `polyenum.cells.engine.CellWalker` for its methods.

    Parameters
    ----------
    network : PiecewiseLinearNetwork
    domain : Domain

    Attributes
    ----------
    map_error : (2, outputs) float64
        The largest rounding of a stored map, of its coefficients and its constants.
    """

    def __init__(self, network: PiecewiseLinearNetwork, domain: Domain) -> None:
        super().__init__()
        self._network = network
        self._forms = ExactForms(network, domain)
        self.map_error = np.zeros((2, network.output_dim))
        self._found: list[_Rounded] = []

    def _descend(self, cell: ExactCell) -> ExactCell | None:
        """Split `cell` by all hyperplanes; return its first part, and leave the others on the stack.

        None where a cell that was to be tried with the last members of a maximum has no such part.
        """
        polytope, cuts = cell.polytope, cell.cuts
        count = self._network.hyperplane_count
        sides = np.zeros(count, np.uint8)
        sides[: len(cell.sides)] = np.frombuffer(cell.sides, np.uint8)
        signs, h, groups = 0, len(cell.sides) - 1, self._network.groups
        while h + 1 < count:
            h += 1
            if groups[h, 0] >= 0:
                found = self._try_members(polytope, sides, h, cuts)
                if found is None:
                    self._done += 0.5**cuts
                    return None
                polytope, cuts = found
                h = int(groups[h, 1]) - 1
                continue
            self.halt()
            form, _ = self._forms.hyperplane(h, sides)
            signs += len(polytope.points)
            low, high = polytope.split(form, h)
            if low is not None and high is not None and low is not high:
                cuts += 1
                sides[h] = 1
                self._stack.append(ExactCell(high, sides[: h + 1].tobytes(), cuts))
                sides[h] = 0
            elif low is None:
                sides[h] = 1
            polytope = low or high  # type: ignore[assignment]
        self._signs = self._signs.plus(SignCounts(exact_signs=signs, exact_cells=1))
        return ExactCell(polytope, sides.tobytes(), cuts)

    def _try_members(
        self, whole: ExactPolytope, sides: NDArray[np.uint8], start: int, cuts: int
    ) -> tuple[ExactPolytope, int] | None:
        """Return the part of a cell where the first member of a maximum, from `start` on, is the largest.

        The cell itself waits on the stack, to be tried with the next.
        """
        first, end = self._network.groups[start].tolist()
        for own in range(start, end):
            self.halt()
            sides[first:end] = 0
            sides[own] = 1
            rivals = [j for j in range(first, end) if j != own]
            part: ExactPolytope | None = whole
            mixed = False
            for j in rivals:
                low, high = whole.split(self._forms.hyperplane(j, sides)[0], j)
                if low is None or (low is high and j < own):
                    part = None
                    break
                mixed |= high is not None and low is not high
            if part is None:
                continue
            if mixed and own + 1 < end:
                cuts += 1
                sides[own] = 0
                self._stack.append(ExactCell(whole, sides[: own + 1].tobytes(), cuts))
                sides[own] = 1
            for j in rivals:
                low, high = part.split(self._forms.hyperplane(j, sides)[0], j)
                if low is None or (low is high and j < own):
                    return None
                part = low
            return part, cuts
        return None

    def _keep(self, region: ExactCell) -> None:
        """Store a region."""
        self._found.append(self._round(region))

    def _round(self, region: ExactCell) -> _Rounded:
        """Return a region with its vertices and map rounded."""
        polytope = region.polytope
        own = sorted(frozenset().union(*polytope.tight))
        bit = {label: k for k, label in enumerate(own)}
        points, masks = [], []
        for v in polytope.vertex_order():
            *whole, w = polytope.points[v]
            rounded = [quotient(x, w) for x in whole]
            points.append([x for x, _ in rounded])
            self.largest_radius = max(self.largest_radius, *(e for _, e in rounded))
            masks.append(sum(1 << bit[label] for label in polytope.tight[v]))
        forms = self._output_forms(np.frombuffer(region.sides, np.uint8))
        return _Rounded(region.sides, own, points, masks, forms)

    def take_found(self) -> RegionArrays:
        """Return the regions stored since the last call, their vertices and maps rounded."""
        regions, self._found = self._found, []
        n, dim = len(regions), self._forms.domain.dim
        points = [point for r in regions for point in r.points]
        masks = [mask for r in regions for mask in r.masks]
        words = max((-(-len(r.labels) // 64) for r in regions), default=1)
        sides = np.array([np.frombuffer(r.sides, np.uint8) for r in regions], np.uint8)
        return RegionArrays(
            packed_sides=np.packbits(
                sides.reshape(n, self._network.hyperplane_count), axis=1, bitorder="little"
            ),
            maps=np.array([r.forms for r in regions]).reshape(n, dim + 1, self._network.output_dim),
            vertex_offsets=offsets_of([len(r.points) for r in regions]),
            corner_points=np.array(points).reshape(-1, dim),
            corner_masks=np.array(
                [[m >> 64 * w & (1 << 64) - 1 for w in range(words)] for m in masks], np.uint64
            ).reshape(-1, words),
            label_offsets=offsets_of([len(r.labels) for r in regions]),
            labels=np.array([label for r in regions for label in r.labels], np.int32),
            inside=np.zeros((n, 0)),
        )

    def _output_forms(self, sides: NDArray[np.uint8]) -> list[float]:
        numbers, exponent = self._forms.after_activation(len(self._network.stages) - 1, sides)
        found = []
        for row, form in enumerate(numbers):
            for output, number in enumerate(form):
                rounded, error = quotient(int(number), 1 << exponent)
                found.append(rounded)
                constant = int(row == len(numbers) - 1)
                self.map_error[constant, output] = max(self.map_error[constant, output], error)
        return found
