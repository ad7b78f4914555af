"""Views of one region and of one facet; nothing is stored in them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from polyenum import options
from polyenum.convex import polyhedron, programs
from polyenum.errors import RegionError

if TYPE_CHECKING:
    from polyenum.regions.complex import RegionComplex


@dataclass(frozen=True, eq=False)
class Facet:
    """One facet of a region.

    Facets are equal if all that is said of them is; they can be members of sets.

    Attributes
    ----------
    units : tuple of int
        The units that are at a breakpoint on the whole facet (a ReLU: whose pre-activation is 0 there).  Some may
        be so on the whole region, or touch it without changing sides.
    flips : tuple of int or None
        The units on another piece of their activation in the neighbor; all of them are among `units`.  None where
        there is no neighbor.
    sides : tuple of int
        The sides of the domain that the facet lies on: of a box side ``2 k`` is the lower one of axis ``k`` and
        ``2 k + 1`` the upper one; of a polytope side ``i`` is row ``i``.
    vertices : (n,) int64
        The facet's vertices, as indices into the complex's ``vertices``; none in a complex of LP cells, which
        holds no vertices.
    neighbor : int or None
        The region on the other side; None at the domain's boundary, and where an activation jumps: there
        regions do not meet facet to facet.
    """

    units: tuple[int, ...]
    flips: tuple[int, ...] | None
    sides: tuple[int, ...]
    vertices: NDArray[np.int64]
    neighbor: int | None

    def _key(self) -> tuple[Any, ...]:
        return self.units, self.flips, self.sides, self.vertices.tobytes(), self.neighbor

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Facet) and self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())


class FacetRow(NamedTuple):
    """One facet of a region, as `Facet` but by labels: hyperplanes, and ``-1 - side`` for sides of the domain.

    Attributes
    ----------
    label : int
        The first label that carries it, and is not 0 on the whole region.
    vanishing : tuple of int
        All labels that are 0 on the whole facet.
    members : (n,) int64
        Its vertices, counted within the region.
    neighbor : int
        -1 where there is none.
    """

    label: int
    vanishing: tuple[int, ...]
    members: NDArray[np.int64]
    neighbor: int


class Region:
    """One activation region: a view into a `RegionComplex`.

    Parameters
    ----------
    cx : RegionComplex
    index : int
    """

    __slots__ = ("_complex", "index")

    def __init__(self, cx: RegionComplex, index: int) -> None:
        self._complex = cx
        self.index = index

    @property
    def vertices(self) -> NDArray[np.float64]:
        """(n, dim) float64: the vertices, in the domain's coordinates; in 2-D in cyclic order.

        A complex of LP cells holds none: they are computed here from `halfspaces`, in no order.

        Raises
        ------
        RegionError
            If they would be too many (LP cells beyond dimension 12).
        """
        if self._complex.has_vertices:
            return self._complex.vertices[self.vertex_ids]
        return polyhedron.vertices_of(*self.halfspaces, self.interior_point)

    @property
    def interior_point(self) -> NDArray[np.float64]:
        """(dim,) float64: a point inside, proven to be there.

        Raises
        ------
        RegionError
            If none was found, as in a region thinner than float64 numbers lie.
        """
        point = self._complex.interior_points[self.index]
        if np.isnan(point).any():
            raise RegionError(
                f"region {self.index}: no float64 point was found inside; it is thinner than these numbers lie"
            )
        return point

    @property
    def chebyshev_ball(self) -> tuple[NDArray[np.float64], float]:
        """Centre, (dim,) float64, and radius of a largest ball inside (the Chebyshev centre)."""
        return polyhedron.chebyshev_ball(*self.halfspaces)

    @property
    def vertex_ids(self) -> NDArray[np.int64]:
        """(n,) int64: the vertices as indices into the complex's ``vertices``."""
        offsets = self._complex.vertex_offsets
        return self._complex.vertex_ids[offsets[self.index] : offsets[self.index + 1]].astype(
            np.int64
        )

    @property
    def pattern(self) -> NDArray[np.unsignedinteger]:
        """(units,) uint8: which piece of its activation each unit is on (ReLU: 0 off, 1 on).

        uint16 or uint32 where a unit has more than 256 pieces.
        """
        return self._complex.patterns_of(np.array([self.index]))[0]

    @property
    def weight(self) -> NDArray[np.float64]:
        """(outputs, dim) float64: the affine map's linear part, in the domain's coordinates."""
        return self._complex.weights[self.index]

    @property
    def bias(self) -> NDArray[np.float64]:
        """(outputs,) float64: the affine map's constant."""
        return self._complex.biases[self.index]

    @property
    def volume(self) -> float:
        """The length, area or volume, in the domain's coordinates.

        This one alone is computed, unless the complex has all already.

        Raises
        ------
        RegionError
            If it would take too long (LP cells beyond dimension 8).
        """
        if self._complex.has_vertices:
            return self._complex.measures_of(self.index)[0]
        return polyhedron.volume_of(self.vertices)

    @property
    def centroid(self) -> NDArray[np.float64]:
        """(dim,) float64: the centre of mass; computed like `volume`.

        Raises
        ------
        RegionError
            If the complex is of LP cells.
        """
        return self._complex.measures_of(self.index)[1]

    @property
    def halfspaces(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """``A`` (facets, dim) and ``b`` (facets,), float64: the region is ``A t <= b``, no row to spare.

        Row ``i`` belongs to ``facets[i]``, has length 1, and its numbers are the real ones, rounded correctly.
        """
        return self._complex.halfspaces_of(self.index)

    @property
    def facets(self) -> list[Facet]:
        """The facets, with what carries them and who is on the other side."""
        return self._complex.facets_of(self.index)

    @property
    def neighbors(self) -> NDArray[np.int64]:
        """(n,) int64: the regions that share a facet with this one, increasing."""
        found = self._complex.facet_table
        row = found.neighbor[found.offsets[self.index] : found.offsets[self.index + 1]]
        return np.unique(row[row >= 0]).astype(np.int64)

    @property
    def polygon(self) -> Any:
        """The region as a ``shapely.Polygon`` (2-D only)."""
        return self._complex.polygons[self.index]

    # -- convex problems -------------------------------------------------------------------------

    def constraints(self, x: Any, y: Any = None) -> list[Any]:
        """Return constraints with which any convex problem can be posed over the region.

        Parameters
        ----------
        x : cvxpy expression of shape (dim,)
            To lie in the region, in the domain's coordinates.
        y : cvxpy expression of shape (outputs,), optional
            To be the network's value at `x`.

        Returns
        -------
        list of cvxpy constraints

        Examples
        --------
        The largest value of a network's output on a region:

        >>> import cvxpy, polyenum as pe
        >>> net = [([[1.0, 0], [0, 1.0]], [0, 0]), ([[1.0, 1]], [0])]
        >>> region = pe.enumerate_regions(net, pe.Box(-1, 1, dim=2))[3]
        >>> x, y = cvxpy.Variable(2), cvxpy.Variable(1)
        >>> problem = cvxpy.Problem(cvxpy.Maximize(y[0]), region.constraints(x, y))
        >>> round(float(problem.solve(solver=cvxpy.CLARABEL)), 6)
        2.0
        """
        found = programs.constraints(*self.halfspaces, x)
        if y is not None:
            found.append(y == self.weight @ x + self.bias)
        return found

    def project(self, point: ArrayLike, *, norm: float = 2) -> NDArray[np.float64]:
        """Return the point of the region nearest to `point`, (dim,) float64.

        It is exact up to rounding, in units of the distance; and it breaks no row of `halfspaces` by more than
        rounding.

        Parameters
        ----------
        point : (dim,) float
        norm : 1, 2 or numpy.inf
        """
        return programs.project(*self.halfspaces, point, norm=norm)

    def distance(self, other: Region, *, norm: float = 2) -> float:
        """Return the distance to another region, up to the solver's accuracy.

        Parameters
        ----------
        other : Region
        norm : 1, 2 or numpy.inf
        """
        options.norm("norm", norm)
        if not isinstance(other, Region):
            raise RegionError(f"other must be a Region, found {options.found(other)}")
        if other.interior_point.shape != self.interior_point.shape:
            raise RegionError("the two regions lie in different dimensions")
        one, two = (
            programs.Polyhedron(*region.halfspaces, region.interior_point)
            for region in (self, other)
        )
        return programs.distance(one, two, norm=norm)

    def inscribed_ellipsoid(self) -> programs.Ellipsoid:
        """Return the ellipsoid of largest volume inside the region (Löwner and John).

        Boyd and Vandenberghe, *Convex Optimization*, 2004, section 8.4.2.
        """
        return programs.inscribed_ellipsoid(*self.halfspaces, *self.chebyshev_ball)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Region):
            return NotImplemented
        return self._complex is other._complex and self.index == other.index

    def __hash__(self) -> int:
        return hash((id(self._complex), self.index))

    def __repr__(self) -> str:
        if not self._complex.has_vertices:
            on = int(np.count_nonzero(self.pattern))
            return (
                f"Region({self.index} of {len(self._complex):,}: "
                f"{on} of {self._complex.network.unit_count} units on)"
            )
        corners = np.diff(self._complex.vertex_offsets[self.index : self.index + 2])[0]
        on = int(np.count_nonzero(self.pattern))
        return (
            f"Region({self.index} of {len(self._complex):,}: {corners} vertices, "
            f"{on} of {self._complex.network.unit_count} units on)"
        )
