"""What every kind of cells offers to the enumeration, so that one walk on threads serves all of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from polyenum.cells.found import RegionArrays, SignCounts


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

    def take_found(self) -> RegionArrays:
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
