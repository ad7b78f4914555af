"""What the walkers in Python share: a stack of pending cells, and what they count."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

from polyenum.cells.engine import go_on
from polyenum.cells.found import SignCounts


class _Cell(Protocol):
    @property
    def cuts(self) -> int: ...


Cell = TypeVar("Cell", bound=_Cell)


class DepthFirstWalker(ABC, Generic[Cell]):
    """Walks subtrees depth first; see `polyenum.cells.engine.CellWalker` for its methods."""

    output_full = False

    def __init__(self) -> None:
        self.regions = 0
        self.largest_radius = 0.0
        self.halt: Callable[[], None] = go_on
        self._stack: list[Cell] = []
        self._done = 0.0
        self._signs = SignCounts()

    @abstractmethod
    def _descend(self, cell: Cell) -> Cell | None:
        """Split `cell` by all hyperplanes; return its first part, and leave the others on the stack.

        None where a cell that was to be tried with the last members of a maximum has no such part.
        """

    @abstractmethod
    def _keep(self, region: Cell) -> None:
        """Store a region."""

    def load(self, cell: Cell) -> None:
        """Take `cell` as the work to do."""
        self._stack = [cell]

    def reserve(self, regions: int) -> None:
        """Do nothing: the output grows as needed."""

    def run(self, budget: int, *, store: bool) -> bool:
        """Walk until `budget` more regions are found; return whether nothing is left to do."""
        self.regions = 0
        while self._stack and self.regions < budget:
            region = self._descend(self._stack.pop())
            if region is None:
                continue
            if store:
                self._keep(region)
            self.regions += 1
            self._done += 0.5**region.cuts
        return not self._stack

    def take_done(self) -> float:
        """Return the share of the tree finished since the last call."""
        done, self._done = self._done, 0.0
        return done

    def take_signs(self) -> SignCounts:
        """Return how many signs were decided since the last call."""
        signs, self._signs = self._signs, SignCounts()
        return signs

    def pending(self) -> int:
        """Return how many cells are on the stack."""
        return len(self._stack)

    def give_away_half(self) -> list[Cell]:
        """Give away the largest pending cells, half of the stack's share of the tree or just over."""
        shares = [0.5**cell.cuts for cell in self._stack]
        given, count = 0.0, 0
        while count < len(shares) and given < sum(shares) / 2:
            given += shares[count]
            count += 1
        cells, self._stack = self._stack[:count], self._stack[count:]
        return cells[::-1]
