"""What every kind of cells offers to the enumeration, so that one walk on threads serves all of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray


class Found(NamedTuple):
    """Regions in the order in which they were found, as flat arrays.

    Attributes
    ----------
    sides : (regions, bytes) uint8
        On which side of each hyperplane, eight a byte, the first in bit 0.
    forms : (regions, (dim + 1) * outputs) float64
        The outputs' affine forms: ``dim`` rows of coefficients, one of constants.
    vertex_count, label_count : (regions,) int64
    points : (vertices, dim) float64
        In 2-D in cyclic order.
    masks : (vertices, words) uint64
        Bit ``k``: the region's ``k``-th label is tight here.
    labels : (labels,) int32
        Hyperplanes of the network, and ``-1 - side`` for sides of the domain.
    inside : (regions, dim) float64
        A point inside each region, from cells that have no vertices, NaN where none was found; else of shape
        (regions, 0).
    """

    sides: NDArray[np.uint8]
    forms: NDArray[np.float64]
    vertex_count: NDArray[np.int64]
    label_count: NDArray[np.int64]
    points: NDArray[np.float64]
    masks: NDArray[np.uint64]
    labels: NDArray[np.int32]
    inside: NDArray[np.float64]


class SignCounts(NamedTuple):
    """How many signs were decided, and how.

    Attributes
    ----------
    boxes : int
        Hyperplanes found not to cut a cell by bounds on the cell's bounding box: one sign each.
    floats : int
        Signs of one hyperplane at one vertex taken from float64.
    exact : int
        Those taken from rational arithmetic.
    exact_cells : int
        Cells for which a hyperplane needed rational arithmetic at some vertex, once per hyperplane.
    """

    boxes: int = 0
    floats: int = 0
    exact: int = 0
    exact_cells: int = 0

    def plus(self, other: SignCounts) -> SignCounts:
        """Return the sums."""
        return SignCounts(*(a + b for a, b in zip(self, other, strict=True)))


class Halted(Exception):  # noqa: N818
    """Raised inside a walker whose walk is to end; what it has found until then can be taken."""


def go_on() -> None:
    """Do nothing: a walk that nobody ends."""


class CellWalker(Protocol):
    """Walks one subtree at a time; used by one thread at a time.

    Attributes
    ----------
    halt : callable
        Raises `Halted` if the walk is to end.  A walker calls it between steps of some milliseconds, and lets
        the error through.
    """

    halt: Callable[[], None]

    def load(self, cell: Any) -> None:
        """Take a pending cell as the work to do; whatever was left is dropped."""

    def reserve(self, regions: int) -> None:
        """Make room for about so many regions of output."""

    def run(self, budget: int, *, store: bool) -> bool:
        """Walk until `budget` more regions are found or the output is full.

        Returns
        -------
        bool
            True when nothing is left to do.
        """

    @property
    def regions(self) -> int:
        """The regions that the last `run` found."""

    @property
    def output_full(self) -> bool:
        """Whether the last `run` ended for want of room in the output."""

    def take_done(self) -> float:
        """Return the share of the tree finished since the last call."""

    def take_signs(self) -> SignCounts:
        """Return how many signs were decided since the last call."""

    def take_found(self) -> Found:
        """Return the regions stored since the last call."""

    @property
    def largest_radius(self) -> float:
        """A bound on the error of every coordinate of every vertex stored so far."""

    def pending(self) -> int:
        """Return how many cells are on the stack."""

    def give_away_half(self) -> list[Any]:
        """Give away the largest pending cells, in the walk's order: after all that stays."""


class Engine(Protocol):
    """One kind of cells, for one network and domain.

    Attributes
    ----------
    name : str
        As in the option ``engine``.
    certified : bool
        Whether every sign is proven.
    has_vertices : bool
        Whether its regions come with vertices; otherwise with a point inside each.
    parallel : bool
        Whether its walkers leave the interpreter to others: several threads gain nothing where they do not.
    """

    @property
    def parallel(self) -> bool: ...

    @property
    def name(self) -> str: ...

    @property
    def certified(self) -> bool: ...

    @property
    def has_vertices(self) -> bool: ...

    def root(self) -> Any:
        """Return the whole domain as a pending cell."""

    def walker(self) -> CellWalker:
        """Return a new walker."""

    def map_error(self) -> NDArray[np.float64]:
        """Return bounds on the errors of the stored maps: (2, outputs), coefficients and constants; 0 of none."""
