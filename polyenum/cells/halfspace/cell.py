"""One cell: its half-spaces, and what is known to be inside."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray


@dataclass
class HalfspaceCell:
    """A convex cell.

    Attributes
    ----------
    sides : (hyperplanes,) uint8
        Those found so far.
    layer, hyperplane : int
        The next to be tested.
    cuts : int
        How many cuts led here.
    labels : list of int
        What the rows are: hyperplanes, or ``-1 - side``.  The cell lies on the side that `sides` says.
    rows : (n, dim + 1) float64
        The cell is where all are at least 0, within the domain's bounding box.
    errors : (n, 2) float64
        Bounds on the errors of their coefficients and constants.
    points : (k, dim) float64
        Points of the cell's interior, each proven to be there.
    exact_point : list of Fraction, optional
        One for a cell so thin that no float64 point was found; `points` is then empty.
    forms : (dim + 1, width) float64
        Of `layer`.
    """

    sides: NDArray[np.uint8]
    layer: int
    hyperplane: int
    cuts: int
    labels: list[int]
    rows: NDArray[np.float64]
    errors: NDArray[np.float64]
    points: NDArray[np.float64]
    exact_point: list[Fraction] | None
    forms: NDArray[np.float64] = field(repr=False)

    def rest(self, hyperplane: int) -> HalfspaceCell:
        """Return a copy that goes on with another hyperplane."""
        return replace(self, sides=self.sides.copy(), hyperplane=hyperplane, cuts=self.cuts + 1)

    def part(
        self,
        h: int,
        side: int,
        row: NDArray[np.float64],
        error: NDArray[np.float64],
        points: NDArray[np.float64],
        exact_point: list[Fraction] | None,
    ) -> HalfspaceCell:
        """Return the part on one `side` of hyperplane `h`, of form `row`, with points inside that part."""
        sides = self.sides.copy()
        sides[h] = side
        return HalfspaceCell(
            sides,
            self.layer,
            h + 1,
            self.cuts + 1,
            [*self.labels, h],
            np.vstack([self.rows, row if side else -row]),
            np.vstack([self.errors, error]),
            points,
            None if len(points) else exact_point,
            self.forms,
        )
