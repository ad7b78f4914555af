"""What is found around a point: regions, nearest first, and the nearest point of a boundary."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple, overload

import numpy as np
from numpy.typing import NDArray

from polyenum import options
from polyenum.networks import PiecewiseLinearNetwork


class NearestPoint(NamedTuple):
    """The nearest point of a boundary.

    Attributes
    ----------
    distance : float
        Infinite where there is no such boundary.
    point : (inputs,) float64
        NaN where none was found.
    complete : bool
        Whether this is the nearest one, or there is none.  False where ``max_regions`` or `radius` ended the
        search before: then none is nearer than `distance`.
    """

    distance: float
    point: NDArray[np.float64]
    complete: bool


@dataclass(frozen=True, eq=False)
class NeighborhoodRegion:
    """One region of a `Neighborhood`.

    Attributes
    ----------
    index : int
        Its place in the neighborhood.
    sides : (hyperplanes,) bool
        Whether it lies above each hyperplane.
    distance : float
        From the point around which regions were looked for, in the neighborhood's norm.
    interior_point : (inputs,) float64
        A point inside; NaN where none was found.
    network : PiecewiseLinearNetwork
    """

    index: int
    sides: NDArray[np.bool_]
    distance: float
    interior_point: NDArray[np.float64]
    network: PiecewiseLinearNetwork

    @property
    def pattern(self) -> NDArray[np.unsignedinteger]:
        """(units,) uint8: which piece of its activation each unit is on; wider types as in `Neighborhood`."""
        return self.network.pieces(self.sides)

    @property
    def weight(self) -> NDArray[np.float64]:
        """(outputs, inputs) float64: the affine map's linear part."""
        return self.network.affine_maps(self.sides)[0]

    @property
    def bias(self) -> NDArray[np.float64]:
        """(outputs,) float64: the affine map's constant."""
        return self.network.affine_maps(self.sides)[1]

    def __repr__(self) -> str:
        on = int(np.count_nonzero(self.pattern))
        return (
            f"NeighborhoodRegion({self.index}: at distance {self.distance:.6g}, {on} of "
            f"{self.network.unit_count} units on)"
        )


class Neighborhood:
    """The regions around a point, nearest first.

    Made by `neighborhood`.  It is a sequence of `NeighborhoodRegion`: ``near[0]`` is the nearest, ``near[:5]`` a
    list of five, and ``for region in near`` goes through all.

    Attributes
    ----------
    network : PiecewiseLinearNetwork
    x : (inputs,) float64
    norm : 1, 2 or numpy.inf
    radius : float
    complete : bool
        Whether these are all regions within `radius`.
    complete_radius : float
        All regions nearer than this are among them.
    packed_sides : (regions, bytes) uint8
        For every hyperplane, eight a byte and the first in bit 0, whether the region lies above it.
    distances : (regions,) float64
        Each region's distance to `x`, up to the solvers' accuracy of about 1e-9.
    interior_points : (regions, inputs) float64
        A point inside each, whose pattern is proven; NaN where none was found, as in a region thinner than
        float64 numbers lie.
    """

    def __init__(
        self,
        network: PiecewiseLinearNetwork,
        x: NDArray[np.float64],
        *,
        norm: float,
        radius: float,
        complete: bool,
        complete_radius: float,
        packed_sides: NDArray[np.uint8],
        distances: NDArray[np.float64],
        interior_points: NDArray[np.float64],
    ) -> None:
        self.network, self.x, self.norm, self.radius = network, x, norm, radius
        self.complete, self.complete_radius = complete, complete_radius
        self.packed_sides, self.distances = packed_sides, distances
        self.interior_points = interior_points

    def __len__(self) -> int:
        return len(self.distances)

    @overload
    def __getitem__(self, index: int) -> NeighborhoodRegion: ...
    @overload
    def __getitem__(self, index: slice) -> list[NeighborhoodRegion]: ...
    def __getitem__(self, index: int | slice) -> NeighborhoodRegion | list[NeighborhoodRegion]:
        """Return the region `index`, negative ones from the end, or the list of the regions of a slice.

        Raises
        ------
        IndexError
            If there is no such region.
        RegionError
            If the index is neither an integer nor a slice.
        """
        if isinstance(index, slice):
            options.chosen("neighborhood", index, len(self))
            return [self[i] for i in range(*index.indices(len(self)))]
        i = options.place("neighborhood region", index, len(self), "a neighborhood")
        return NeighborhoodRegion(
            i,
            self._sides(slice(i, i + 1))[0],
            float(self.distances[i]),
            self.interior_points[i],
            self.network,
        )

    def __iter__(self) -> Iterator[NeighborhoodRegion]:
        return (self[i] for i in range(len(self)))

    def _sides(self, regions: Any = slice(None)) -> NDArray[np.bool_]:
        count = self.network.hyperplane_count
        packed = self.packed_sides[options.chosen("regions", regions, len(self))]
        return np.unpackbits(packed, axis=1, count=count, bitorder="little").view(np.bool_)

    @property
    def patterns(self) -> NDArray[np.unsignedinteger]:
        """(regions, units) uint8: which piece of its activation each unit is on (ReLU: 0 off, 1 on).

        uint16 or uint32 where a unit has more than 256 pieces.
        """
        return self.network.pieces(self._sides())

    def maps(self, regions: Any = slice(None)) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the affine maps ``weight @ x + bias`` of some regions.

        Returns
        -------
        weights : (n, outputs, inputs) float64
        biases : (n, outputs) float64
        """
        return self.network.affine_maps(self._sides(regions))

    def __repr__(self) -> str:
        state = "complete" if self.complete else f"complete within {self.complete_radius:.6g}"
        return f"Neighborhood({len(self):,} regions within {self.radius:.6g} in the {self.norm}-norm, {state})"
