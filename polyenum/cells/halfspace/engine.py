"""The LP cells as an engine."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from polyenum.arithmetic.rounding import SMALLEST, UNIT
from polyenum.cells.halfspace.cell import HalfspaceCell
from polyenum.cells.halfspace.forms import LayerForms
from polyenum.cells.halfspace.walker import HalfspaceWalker
from polyenum.domains import Box, Domain, Slice
from polyenum.networks import PiecewiseLinearNetwork


class HalfspaceEngine:
    """Cells as half-spaces and points inside, for any dimension.

    Parameters
    ----------
    network : PiecewiseLinearNetwork
    domain : Domain

    Raises
    ------
    NetworkError
        If the forms can exceed the range of float64 on the domain.
    """

    name = "lp"
    certified = True
    has_vertices = False
    parallel = False

    def __init__(self, network: PiecewiseLinearNetwork, domain: Domain) -> None:
        self._network, self._domain = network, domain
        self._forms = LayerForms(network, domain)
        self._box = np.array(domain.bounding_box())
        self.walkers: list[HalfspaceWalker] = []

    def root(self) -> HalfspaceCell:
        """Return the whole domain as a pending cell."""
        domain = self._domain
        forms, dim = self._forms.first(), domain.dim
        # The sides of a box are the bounds that every program has anyway.
        boxed = isinstance(domain, (Box, Slice))
        labels = [] if boxed else [-1 - side for side in range(len(domain.sides))]
        rows = np.zeros((0, dim + 1)) if boxed else domain.side_forms()
        size = np.abs(rows[:, :-1]).max(axis=1, initial=0.0)
        errors = UNIT * np.column_stack([size, np.abs(rows[:, -1])])
        middle = domain.interior_point()
        near = np.array([float(x) for x in middle])
        strictly = domain.has_inside(near)
        return HalfspaceCell(
            np.zeros(self._network.hyperplane_count, np.uint8),
            0,
            0,
            0,
            labels,
            rows,
            errors + SMALLEST,
            near[None] if strictly else np.zeros((0, dim)),
            None if strictly else middle,
            forms,
        )

    def walker(self) -> HalfspaceWalker:
        """Return a new walker."""
        walker = HalfspaceWalker(self._network, self._domain, self._forms, self._box)
        self.walkers.append(walker)
        return walker

    def map_error(self) -> NDArray[np.float64]:
        """Return bounds on the errors of the stored maps: (2, outputs), coefficients and constants."""
        none = np.zeros((2, self._network.output_dim))
        return np.max([none, *(walker.map_error for walker in self.walkers)], axis=0)
