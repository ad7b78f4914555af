"""The vertex cells as an engine."""

from __future__ import annotations

import numpy as np

# Compiled code calls BLAS through it.  If a thread is the first to load it, and memory is short, that never ends.
import scipy.linalg.cython_blas  # noqa: F401
from numpy.typing import NDArray

from polyenum.cells.bounds.tables import build_tables
from polyenum.cells.vertex.walker import PendingCell, VertexWalker, root_cell
from polyenum.domains import Domain
from polyenum.networks import PiecewiseLinearNetwork


class VertexEngine:
    """Cells as float64 vertices with error bounds and bitmasks of tight hyperplanes, compiled.

    Parameters
    ----------
    network : PiecewiseLinearNetwork
    domain : Domain
    certified : bool
        Whether to take signs from floats only beyond their error bounds.

    Raises
    ------
    NetworkError
        If the forms can exceed the range of float64 on the domain.
    """

    name = "vertex"
    has_vertices = True
    parallel = True

    def __init__(self, network: PiecewiseLinearNetwork, domain: Domain, *, certified: bool) -> None:
        self.certified = certified
        self._network, self._domain = network, domain
        self._tables = build_tables(network, domain)
        self._walkers: list[VertexWalker] = []

    def root(self) -> PendingCell:
        """Return the whole domain as a pending cell."""
        return root_cell(self._domain)

    def walker(self) -> VertexWalker:
        """Return a new walker."""
        walker = VertexWalker(self._network, self._domain, self._tables, certified=self.certified)
        self._walkers.append(walker)
        return walker

    def map_error(self) -> NDArray[np.float64]:
        """Return bounds on the errors of the stored maps: (2, outputs), coefficients and constants."""
        none = np.zeros((2, self._network.output_dim))
        return np.max([none, *(walker.map_error for walker in self._walkers)], axis=0)
