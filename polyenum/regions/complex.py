"""All regions together: structure of arrays, with what is costly computed when first asked for.

Ragged things are in Arrow's list layout, offsets and one flat array.  Region ``i`` owns the *corners*
``vertex_offsets[i] : vertex_offsets[i + 1]``; a corner is a vertex as one region sees it.
``vertex_ids`` says which corners are the same point; ``vertices`` has each point once.  The labels that
are tight somewhere on region ``i`` are ``labels[label_offsets[i] : label_offsets[i + 1]]``; bit ``k`` of
a corner's mask says whether the ``k``-th of them is tight there.  A label is a hyperplane of the network
(0 or more) or side ``-1 - label`` of the domain.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import cached_property
from typing import TYPE_CHECKING, Any, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from polyenum.cells.found import RegionArrays
from polyenum.domains import Domain
from polyenum.errors import RegionError
from polyenum.networks import PiecewiseLinearNetwork
from polyenum.options import chosen, numbers, place
from polyenum.regions.certificate import Certificate
from polyenum.regions.faces import count_faces
from polyenum.regions.facets import Facets, carrying_bits, find_facets
from polyenum.regions.fitting import misfit
from polyenum.regions.halfspaces import Halfspaces, ProgramFacets
from polyenum.regions.identity import hash_keys, hash_regions
from polyenum.regions.interiors import interior_points
from polyenum.regions.level_sets import decision_boundary, level_set
from polyenum.regions.linear_regions import linear_labels
from polyenum.regions.locate import Locator
from polyenum.regions.region import Facet, FacetRow, Region
from polyenum.regions.shared_vertices import Corners, share_vertices
from polyenum.regions.storage import save_regions
from polyenum.regions.tables import to_frame, to_geojson
from polyenum.regions.volumes import Incidence, Measures, measure, measure_domain

if TYPE_CHECKING:
    from scipy.sparse import csr_array

    from polyenum.regions.halfspaces import Halfspaces, ProgramFacets
    from polyenum.regions.level_sets import Segments
    from polyenum.regions.locate import Locator


class RegionComplex:
    """The activation regions of a network on a domain.

    Made by `enumerate_regions`.  ``complex[i]`` is a `Region`, ``len(complex)`` their number; they are
    in lexicographic order of their patterns.

    Attributes
    ----------
    network : PiecewiseLinearNetwork
    domain : Domain
    complete : bool
        Whether these are all regions; False when ``max_regions`` or Ctrl-C stopped the walk.
    engine : str
        The cells that did the work: "vertex", "lp", "exact" or "shapely".
    certificate : Certificate
        Whether every sign was proven, and how many were decided how.
    map_error : (2, outputs) float64
        Bounds on what rounding did to any entry of `weights` and of `biases`; proven if certified.
    vertex_error : float
        A bound on what rounding did to any coordinate of any vertex; proven if certified.
    packed_sides : (regions, bytes) uint8
        For every hyperplane, eight a byte and the first in bit 0, whether the region lies above it.
    maps : (regions, dim + 1, outputs) float64
        The affine maps in the domain's coordinates: `weights`, transposed, then `biases`.
    vertex_offsets, label_offsets : (regions + 1,) int64
    labels : int32
    corner_points : (corners, dim) float64
    corner_masks : (corners, words) uint64
    inside : (regions, dim) float64
        A point inside each region where there are no vertices (LP cells), else of shape (regions, 0).
    """

    def __init__(
        self,
        network: PiecewiseLinearNetwork,
        domain: Domain,
        arrays: RegionArrays,
        *,
        complete: bool,
        engine: str,
        certificate: Certificate,
        map_error: NDArray[np.float64],
        vertex_error: float,
    ) -> None:
        self.network = network
        self.domain = domain
        self.complete = complete
        self.engine = engine
        self.certificate = certificate
        self.map_error = map_error
        self.vertex_error = vertex_error
        self.packed_sides = arrays.packed_sides
        self.maps = arrays.maps
        self.vertex_offsets = arrays.vertex_offsets
        self.corner_points = arrays.corner_points
        self.corner_masks = arrays.corner_masks
        self.label_offsets = arrays.label_offsets
        self.labels = arrays.labels
        self.inside = arrays.inside

    @property
    def arrays(self) -> RegionArrays:
        """All that was found, as flat arrays; what else a complex says follows from them."""
        return RegionArrays(*(getattr(self, name) for name in RegionArrays._fields))

    # What is made when asked for, and holds no results of its own.
    helpers = ("_locator", "_halfspaces", "_program_facets")

    def __getstate__(self) -> dict[str, Any]:
        """Return what a copy or a pickle takes along: all but the helpers, which are made again."""
        return {name: x for name, x in self.__dict__.items() if name not in self.helpers}

    # -- regions ---------------------------------------------------------------------------------

    def __len__(self) -> int:
        return len(self.packed_sides)

    @overload
    def __getitem__(self, index: int) -> Region: ...
    @overload
    def __getitem__(self, index: slice) -> list[Region]: ...
    def __getitem__(self, index: int | slice) -> Region | list[Region]:
        """Return the region `index`, or the list of the regions of a slice."""
        if isinstance(index, slice):
            return [Region(self, i) for i in range(*index.indices(len(self)))]
        return Region(self, self._number(index))

    def _number(self, index: Any) -> int:
        """Return the number of a region, from 0, for an index as a list has it.

        Raises
        ------
        IndexError
            If there is no such region.
        RegionError
            If the index is no integer.
        """
        return place("region", index, len(self), "a complex")

    def __iter__(self) -> Iterator[Region]:
        return (Region(self, i) for i in range(len(self)))

    @property
    def dim(self) -> int:
        """The dimension of the domain's coordinates."""
        return self.domain.dim

    # -- patterns and maps -----------------------------------------------------------------------

    def sides_of(self, regions: NDArray[np.int64] | slice) -> NDArray[np.bool_]:
        """Return, for each of some `regions`, on which side of each hyperplane it lies: (n, hyperplanes)."""
        packed = self.packed_sides[chosen("regions", regions, len(self))]
        count = self.network.hyperplane_count
        return np.unpackbits(packed, axis=1, count=count, bitorder="little").view(np.bool_)

    def patterns_of(self, regions: NDArray[np.int64] | slice) -> NDArray[np.unsignedinteger]:
        """Return the activation patterns of some regions: (n, units), of the type of `patterns`."""
        sides = self.sides_of(regions)
        if self.network.hyperplane_count == self.network.unit_count:
            return sides.view(np.uint8)
        return self.network.pieces(sides)

    @cached_property
    def patterns(self) -> NDArray[np.unsignedinteger]:
        """(regions, units) uint8: which piece of its activation each unit is on (ReLU: 0 off, 1 on).

        uint16 or uint32 where a unit has more than 256 pieces.
        """
        return self.patterns_of(slice(None))

    @property
    def weights(self) -> NDArray[np.float64]:
        """(regions, outputs, dim) float64: the maps' linear parts, in the domain's coordinates."""
        return self.maps[:, :-1].transpose(0, 2, 1)

    @property
    def biases(self) -> NDArray[np.float64]:
        """(regions, outputs) float64: the maps' constants."""
        return self.maps[:, -1]

    def input_maps(
        self, regions: NDArray[np.int64] | slice = slice(None)
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the affine maps of `regions` on the network's whole input space.

        For a slice or a segment these say more than `weights`, which are in its own coordinates.

        Returns
        -------
        weights : (n, outputs, inputs) float64
        biases : (n, outputs) float64
        """
        return self.network.affine_maps(self.sides_of(regions))

    # -- geometry --------------------------------------------------------------------------------

    @property
    def has_vertices(self) -> bool:
        """Whether the vertices of all regions are held; LP cells do without."""
        return self.inside.shape[1] == 0

    def _need_vertices(self) -> None:
        if not self.has_vertices:
            raise RegionError(
                "LP cells hold no vertices: engine='vertex' does, up to dimension 8, and "
                "complex[i].vertices finds those of one region"
            )

    @cached_property
    def _corners(self) -> Corners:
        self._need_vertices()
        sides = len(self.domain.sides)
        keys = hash_keys(self.packed_sides.shape[1], self.network.hyperplane_count, sides)
        hashes = np.empty(len(self), np.uint64)
        packed, groups, readers = (
            self.packed_sides,
            np.zeros((0, 2), np.int64),
            np.zeros(0, np.int64),
        )
        starts = np.zeros(self.network.hyperplane_count + 1, np.int64)
        if self.network.has_maxima:
            groups, sources = self.network.groups, self.network.sources
            readers = np.flatnonzero(sources >= 0)
            readers = readers[np.argsort(sources[readers], kind="stable")]
            starts = np.searchsorted(sources[readers], np.arange(len(starts)))
            # The largest of outputs of ReLUs that are all off is none.
            above = self.sides_of(slice(None)).copy()
            above[:, readers] &= above[:, sources[readers]]
            packed = np.packbits(above, axis=1, bitorder="little")
        hash_regions(packed, keys[0], hashes)
        return Corners(
            packed,
            self.vertex_offsets,
            self.corner_masks,
            self.label_offsets,
            self.labels,
            hashes,
            *keys,
            sides,
            groups,
            starts,
            readers,
            self.network.jumps,
        )

    @cached_property
    def _shared(self) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
        ids, first = share_vertices(self._corners)
        return ids, self.corner_points[first]

    @property
    def vertices(self) -> NDArray[np.float64]:
        """(vertices, dim) float64: every vertex of the complex once, in the domain's coordinates."""
        return self._shared[1]

    @property
    def vertex_ids(self) -> NDArray[np.int32]:
        """(corners,) int32: which of `vertices` each region's corners are."""
        return self._shared[0]

    def _measure(self, begin: int, end: int) -> Measures:
        """Return the volumes and centroids of the regions from `begin` to `end`."""
        self._need_vertices()
        corner, last = self.vertex_offsets[[begin, end]]
        incidence = Incidence(
            self.vertex_offsets[begin : end + 1] - corner,
            self.label_offsets[begin : end + 1] - self.label_offsets[begin],
            self.corner_masks[corner:last],
        )
        return measure(incidence, self.corner_points[corner:last])

    @cached_property
    def _measures(self) -> Measures:
        return self._measure(0, len(self))

    def measures_of(self, index: int) -> tuple[float, NDArray[np.float64]]:
        """Return volume and centroid of region `index`, at the cost of this one unless all are known."""
        index = self._number(index)
        if "_measures" in self.__dict__:
            return float(self.volumes[index]), self.centroids[index]
        found = self._measure(index, index + 1)
        return float(found.volumes()[0]), found.centroids[0]

    @cached_property
    def interior_points(self) -> NDArray[np.float64]:
        """(regions, dim) float64: a point inside each region, proven to be there.

        The mean of its vertices, or a point near it; for LP cells the point that proved the region.  NaN
        where none was found, as in a region thinner than float64 numbers lie.
        """
        return interior_points(self)

    @cached_property
    def volumes(self) -> NDArray[np.float64]:
        """(regions,) float64: lengths, areas or volumes, in the domain's coordinates.

        All are computed when first asked for, at the cost of each region's faces of all dimensions.  For regions
        of random networks this is 0.8 us a region in 3-D, 3 us in 4-D, 60 us in 6-D and 1 ms in 8-D.
        ``complex[i].volume`` computes one alone.

        On random networks the computation's own error was below 1e-13 of the volume in 2-D to 8-D, and below
        1e-15 of the bounding box's volume where that was measured, up to 5-D.  Rounded vertices add more for
        small and thin regions: up to 1e-12 there, and all digits of a slab as thin as the rounding of its
        vertices.  A volume beyond the range of float64 is infinite; one below it is 0 or subnormal.
        """
        return self._measures.volumes()

    @property
    def centroids(self) -> NDArray[np.float64]:
        """(regions, dim) float64: centres of mass, computed with `volumes`.

        Each lies inside its region, up to rounding, and inside its bounding box.
        """
        return self._measures.centroids

    @cached_property
    def covered(self) -> float:
        """The share of the domain's volume that these regions cover: 1 for a complete complex."""
        if self.complete:
            return 1.0
        whole = measure_domain(self.domain)
        # In units of the domain's: its volume itself may be beyond float64.
        return float(self._measures.volumes(whole.exponents[0]).sum() / whole.fractions[0])

    @cached_property
    def polygons(self) -> NDArray[Any]:
        """(regions,) array of ``shapely.Polygon`` (2-D only).

        Raises
        ------
        RegionError
            In other dimensions.
        """
        if self.dim != 2:
            raise RegionError(f"polygons are for 2 dimensions; this complex has {self.dim}")
        import shapely

        counts = np.diff(self.vertex_offsets)
        starts = self.vertex_offsets[:-1]
        # A ring ends where it begins.
        ring = np.arange(counts.sum() + len(self)) - np.repeat(np.arange(len(self)), counts + 1)
        offsets = np.concatenate([[0], np.cumsum(counts + 1)])
        ring[offsets[1:] - 1] = starts
        points = self.vertices[self.vertex_ids[ring]]
        return shapely.from_ragged_array(
            shapely.GeometryType.POLYGON, points, (offsets, np.arange(len(self) + 1))
        )

    # -- adjacency -------------------------------------------------------------------------------

    @cached_property
    def facet_table(self) -> Facets:
        """All regions' facets as arrays; ``complex[i].facets`` is the readable view."""
        if not self.has_vertices:
            return self._program_facets.table()
        return find_facets(self._corners, self.dim)

    @cached_property
    def adjacent_pairs(self) -> NDArray[np.int32]:
        """(pairs, 2) int32: the regions that share a facet, each pair once, the lower first."""
        table = self.facet_table
        owner = np.repeat(np.arange(len(self), dtype=np.int32), np.diff(table.offsets))
        once = owner < table.neighbor
        return np.column_stack([owner[once], table.neighbor[once]])

    @cached_property
    def adjacency(self) -> csr_array:
        """(regions, regions) sparse bool: which regions share a facet."""
        from scipy.sparse import coo_array

        pairs = self.adjacent_pairs
        i, j = np.concatenate([pairs, pairs[:, ::-1]]).T
        return coo_array((np.ones(len(i), np.bool_), (i, j)), shape=(len(self), len(self))).tocsr()

    def facets_of(self, index: int) -> list[Facet]:
        """Return the facets of region `index`."""
        index = self._number(index)
        found = []
        ids = np.zeros(0, np.int32)
        if self.has_vertices:
            ids = self.vertex_ids[self.vertex_offsets[index] : self.vertex_offsets[index + 1]]
        unit = self.network.hyperplane_unit
        for facet in self._facet_rows(index):
            known = facet.neighbor >= 0
            differing: NDArray[Any] = np.zeros(0, np.int64)
            if known:
                here, there = self.patterns_of(np.array([index, facet.neighbor]))
                differing = np.flatnonzero(here != there)
            found.append(
                Facet(
                    units=tuple(sorted({int(unit[h]) for h in facet.vanishing if h >= 0})),
                    flips=tuple(differing.tolist()) if known else None,
                    sides=tuple(sorted(-1 - h for h in facet.vanishing if h < 0)),
                    vertices=ids[facet.members].astype(np.int64),
                    neighbor=facet.neighbor if known else None,
                )
            )
        return found

    def _facet_rows(self, index: int) -> Iterator[FacetRow]:
        """Yield the facets of region `index`."""
        if not self.has_vertices:
            for facet in self._program_facets.of(index):
                neighbor = self._program_facets.neighbor(facet)
                yield FacetRow(facet.label, facet.vanishing, np.zeros(0, np.int64), neighbor)
            return
        labels, on = self._incidences(index)
        table = self.facet_table
        for f in range(table.offsets[index], table.offsets[index + 1]):
            members = on[:, table.bit[f]]
            vanishing = labels[on[members].all(axis=0)]
            yield FacetRow(
                int(labels[table.bit[f]]),
                tuple(vanishing.tolist()),
                np.flatnonzero(members),
                int(table.neighbor[f]),
            )

    def _incidences(self, index: int) -> tuple[NDArray[np.int32], NDArray[np.bool_]]:
        """Return the labels of region `index`, and at which of its vertices each is tight: (vertices, labels)."""
        labels = self.labels[self.label_offsets[index] : self.label_offsets[index + 1]]
        masks = self.corner_masks[self.vertex_offsets[index] : self.vertex_offsets[index + 1]]
        bits = np.arange(len(labels))
        on = masks[:, bits >> 6] >> (bits & 63).astype(np.uint64) & np.uint64(1)
        return labels, on.astype(np.bool_)

    def halfspaces_of(self, index: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return ``A`` and ``b`` of region `index`: it is ``A t <= b``, one row per facet.

        The rows of ``A`` have length 1.  Each number is that of the real region, rounded correctly.
        """
        index = self._number(index)
        if self.has_vertices:
            labels = self.labels[self.label_offsets[index] : self.label_offsets[index + 1]]
            carrying = labels[carrying_bits(self._corners, self.dim, index)].tolist()
        else:
            carrying = [facet.label for facet in self._program_facets.of(index)]
        inside = self._halfspaces.rows(index, carrying)
        return 0.0 - inside[:, :-1], inside[:, -1].copy()

    @cached_property
    def _halfspaces(self) -> Halfspaces:
        return Halfspaces(self)

    @cached_property
    def _program_facets(self) -> ProgramFacets:
        return ProgramFacets(self)

    @cached_property
    def f_vector(self) -> tuple[int, ...]:
        """The numbers of faces of dimension 0, 1, ..., dim of the complex.

        A face is told by its sign vector.  Their alternating sum is the Euler characteristic.
        """
        return count_faces(self)

    @property
    def euler_characteristic(self) -> int:
        """The alternating sum of `f_vector`: 1 for a complete complex without jumps.

        Where an activation jumps, the complex is that of the domain cut open along the jumps.
        """
        return sum((-1) ** k * n for k, n in enumerate(self.f_vector))

    # -- linear regions --------------------------------------------------------------------------

    @cached_property
    def linear_regions(self) -> NDArray[np.int32]:
        """(regions,) int32: the linear region to which each activation region belongs.

        A linear region is a maximal connected union of activation regions with the same affine map,
        connected through facets.  Maps are compared exactly.  They are numbered from 0 in the order
        of their first activation region.
        """
        coefficients, constants = self.map_error
        error = np.vstack([np.tile(coefficients, (self.dim, 1)), constants])
        return linear_labels(
            self.network,
            self.domain,
            self.sides_of(slice(None)),
            self.adjacent_pairs,
            self.maps.reshape(len(self), error.size),
            error.ravel(),
        )

    @property
    def linear_region_count(self) -> int:
        """The number of linear regions."""
        return int(self.linear_regions.max(initial=-1)) + 1

    # -- level sets ------------------------------------------------------------------------------

    def level_set(self, level: float = 0.0, *, output: int = 0) -> Segments:
        """Return where an output has a value, as lines (2-D only).

        Which pieces there are, and which of their ends are the same point, is decided exactly.  A piece lies
        in a region that the set cuts in two, or on an edge of one, also where the output only touches the
        value there.  Regions on all of which the output has the value are listed in ``flat``; no piece lies
        in one or on its edge.  A point where the output touches the value, and nothing around it, is none.
        So at a point inside the domain two pieces meet, unless it is a vertex, or lies where an activation
        jumps: the regions on the two sides of a jump have ends and edges of their own.

        Parameters
        ----------
        level : float
            Taken as the exact number that this float64 is.
        output : int

        Returns
        -------
        Segments
            With ``points`` (m, 2) float64, ``pieces`` (n, 2) int64 and ``ends`` (n, 2, 2) float64,
            ``regions`` (n,) int64 and ``flat`` (k,) int64.

        Raises
        ------
        RegionError
            If there is no such output, or the complex is not in 2-D or without vertices.
        OptionError
            If the level is not a number that float64 holds, or the output no integer.

        Examples
        --------
        >>> import polyenum as pe
        >>> net = [([[1.0, 0], [0, 1.0]], [0, 0]), ([[1.0, 1]], [-0.5])]
        >>> cx = pe.enumerate_regions(net, pe.Box(-1, 1, dim=2))
        >>> zero = cx.level_set()
        >>> zero.regions.tolist(), len(zero.points)
        ([1, 2, 3], 4)
        >>> cx.level_set(-0.5).flat.tolist()
        [0]
        """
        return level_set(self, level, output)

    def decision_boundary(self) -> Segments:
        """Return where the largest output changes, or the only one its sign, as lines (2-D only).

        As exact as `level_set`.  A piece has other largest outputs on its two sides, none in common; it lies
        in a region or on an edge between two.  Where one output touches the largest from below, or the only
        one touches 0 without a change of sign, there is none.  Regions on some part of which several outputs
        are the largest, equal to each other (or the only one is 0), are listed in ``flat``: such a part has
        its outputs in common with what is beside it, and no piece between them.  Across a jump of an
        activation the largest output may change without a tie; that is no piece.

        Returns
        -------
        Segments
            As from `level_set`, with ``outputs`` (n, 2) int64, the largest on the two sides.

        Raises
        ------
        RegionError
            If the complex is not in 2-D, or without vertices.

        Examples
        --------
        >>> import polyenum as pe
        >>> net = [([[1.0, 0], [0, 1.0]], [0, 0]), ([[1.0, 0], [0, 1], [0, 0]], [0, 0, 0.5])]
        >>> pe.enumerate_regions(net, pe.Box(-1, 1, dim=2)).decision_boundary().outputs.tolist()
        [[1, 2], [0, 2], [0, 1], [0, 2], [1, 2]]
        """
        return decision_boundary(self)

    # -- points ----------------------------------------------------------------------------------

    @cached_property
    def _locator(self) -> Locator:
        return Locator(self.network, self.domain, self.packed_sides)

    def _as_points(self, points: ArrayLike) -> NDArray[np.float64]:
        array = numbers("points", points, RegionError)
        if array.ndim == 0 or array.shape[-1] != self.dim:
            raise RegionError(
                f"points need {self.dim} coordinates each, those of the domain; found an array of "
                f"shape {array.shape}"
            )
        return array

    def locate(self, points: ArrayLike) -> NDArray[np.int64]:
        """Return the region of each point.

        Parameters
        ----------
        points : (..., dim) float
            In the domain's coordinates.

        Returns
        -------
        (...) int64
            The index of the region; -1 outside the domain (or outside what an incomplete complex
            covers).  A point on a boundary gets the first of the regions that meet there.
        """
        array = self._as_points(points)
        flat = self._locator(array.reshape(-1, self.dim))
        return flat.reshape(array.shape[:-1])

    def __call__(self, points: ArrayLike) -> NDArray[np.float64]:
        """Return the network's value at points, (..., outputs), through the regions' affine maps.

        Parameters
        ----------
        points : (..., dim) float
            In the domain's coordinates.  A point in no region gets NaN.
        """
        array = self._as_points(points)
        flat = array.reshape(-1, self.dim)
        index = self._locator(flat)
        value = np.full((len(flat), self.biases.shape[1]), np.nan)
        known = np.flatnonzero(index >= 0)
        own = index[known]
        value[known] = np.einsum("nok,nk->no", self.weights[own], flat[known]) + self.biases[own]
        return value.reshape(*array.shape[:-1], value.shape[1])

    # -- files -----------------------------------------------------------------------------------

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write all of this, network and domain included, to a file; `open_regions` reads it again.

        The file is written whole, or what was there before stays.

        Parameters
        ----------
        path : path
            Of an ``.npz`` file.

        Raises
        ------
        FileError
            If it cannot be written, or the domain is of a kind of somebody's own.
        """
        save_regions(self, path)

    def to_frame(self) -> Any:
        """Return a pandas.DataFrame with a row for each region.

        Its columns: pattern (a string), linear_region, facets, and, where there are vertices, volume and vertices;
        x0, x1, ... of a point inside (the centroid where there are vertices); the affine map's weight0_0, ...,
        bias0, ...

        Raises
        ------
        MissingExtraError
            If pandas is not installed.
        """
        return to_frame(self)

    def to_geojson(self) -> dict[str, Any]:
        """Return a GeoJSON FeatureCollection: a polygon for each region, with its pattern and map (2-D only)."""
        return to_geojson(self)

    def fits(self, network: PiecewiseLinearNetwork, domain: Domain) -> bool:
        """Return whether the arrays fit each other, and a network and domain: nothing is out of range."""
        return misfit(self, network, domain) is None

    # -- what it looks like ----------------------------------------------------------------------

    @property
    def nbytes(self) -> int:
        """Bytes of the stored arrays, without what is computed when asked for."""
        arrays = (
            self.packed_sides, self.maps, self.vertex_offsets, self.corner_points,
            self.corner_masks, self.label_offsets, self.labels,
        )  # fmt: skip
        return sum(a.nbytes for a in arrays)

    def __repr__(self) -> str:
        state = "" if self.complete else ", incomplete"
        return (
            f"RegionComplex({len(self):,} regions in {self.dim}-D, {self.network.unit_count} units, "
            f"{self.domain!r}, {self.engine} cells{state})"
        )

    def _repr_html_(self) -> str:
        rows = [
            ("activation regions", f"{len(self):,}"),
            ("complete", "yes" if self.complete else "no"),
            ("dimension", str(self.dim)),
            ("domain", repr(self.domain)),
            ("network", repr(self.network)),
            ("engine", self.engine),
            ("stored", f"{self.nbytes / 1e6:.1f} MB"),
        ]
        import html

        cells = "".join(
            f"<tr><th style='text-align:left'>{a}</th><td>{html.escape(b)}</td></tr>"
            for a, b in rows
        )
        return f"<table><caption>RegionComplex</caption>{cells}</table>"


def as_complex(name: str, value: Any) -> RegionComplex:
    """Return a complex.

    Raises
    ------
    RegionError
        If it is none.
    """
    if not isinstance(value, RegionComplex):
        raise RegionError(
            f"{name} must be a RegionComplex, as enumerate_regions makes them; found "
            f"{type(value).__name__}"
        )
    return value
