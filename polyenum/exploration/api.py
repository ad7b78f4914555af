"""What users call: the regions around a point, and its distances to boundaries."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from polyenum import arguments
from polyenum.domains import Domain
from polyenum.domains.domain import LARGEST_COORDINATE
from polyenum.errors import DomainError, NetworkError, OptionError
from polyenum.networks import PiecewiseLinearNetwork, load


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
            arguments.chosen("neighborhood", index, len(self))
            return [self[i] for i in range(*index.indices(len(self)))]
        i = arguments.place("neighborhood region", index, len(self), "a neighborhood")
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
        packed = self.packed_sides[arguments.chosen("regions", regions, len(self))]
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


def neighborhood(
    net: Any,
    x: ArrayLike,
    *,
    radius: float = np.inf,
    max_regions: int | None = None,
    norm: float = 2,
    domain: Domain | None = None,
    progress: bool = False,
) -> Neighborhood:
    """Return the activation regions around a point, nearest first, walking through facets.

    For networks of so many inputs that nobody enumerates everything.  That each region exists is proven by
    a point of it.  Distances, and with them the order and the claim that none is missing, are as
    accurate as the solvers of the linear (norms 1 and infinity) and quadratic (norm 2) programs behind
    them, about 1e-9.  Up to 10 inputs, programs that these do not settle are solved in rational
    arithmetic.  Networks whose activations jump (sign, Threshold, Hardshrink) are refused: across a jump
    regions do not meet facet to facet.

    Parameters
    ----------
    net : torch.nn.Sequential, [(W, b), ...] or PiecewiseLinearNetwork
    x : (inputs,) float
    radius : float
        How far to go.
    max_regions : int, optional
        Stop after so many.  Give this or `radius`.
    norm : 1, 2 or numpy.inf
        In which distances are; the 2-norm by default, as everywhere.
    domain : Domain, optional
        To stay in, a full-dimensional one such as ``Box(0, 1, dim=784)``.
    progress : bool
        Whether to show a progress bar.

    Returns
    -------
    Neighborhood

    Raises
    ------
    OptionError, NetworkError, DomainError
        If something does not fit.

    Examples
    --------
    >>> import polyenum as pe
    >>> net = [([[1.0, 0], [0, 1.0]], [0, 0]), ([[1.0, 1]], [0])]
    >>> near = pe.neighborhood(net, [0.25, 0.5], radius=1)
    >>> len(near), near.complete, near.distances.round(6).tolist()
    (4, True, [0.0, 0.25, 0.5, 0.559017])
    >>> [region.pattern.tolist() for region in near]
    [[1, 1], [0, 1], [1, 0], [0, 0]]
    """
    network, point = _checked(net, x, radius, max_regions, norm, domain, progress)
    radius = float(radius)
    _refuse_jumps(network, "neighborhood")
    if max_regions is None and not np.isfinite(radius):
        raise OptionError("give radius or max_regions, or the walk may not end")
    from polyenum.exploration.explore import Explorer, RegionFound

    explorer = Explorer(network, point, norm=norm, radius=radius, domain=domain)
    found: list[RegionFound] = []
    ended = True
    bar = _bar(progress, max_regions)
    try:
        for region in explorer.run():
            assert isinstance(region, RegionFound)
            if max_regions is not None and len(found) == max_regions:
                ended = False
                break
            found.append(region)
            _advance(bar, region.distance)
    except KeyboardInterrupt:
        ended = False
    finally:
        if bar is not None:
            bar.close()
    sides = np.array([r.sides for r in found]).reshape(len(found), network.hyperplane_count)
    return Neighborhood(
        network,
        point,
        norm=norm,
        radius=radius,
        complete=ended and explorer.proven > explorer.reached,
        complete_radius=min(explorer.reached, explorer.proven),
        packed_sides=np.packbits(sides, axis=1, bitorder="little"),
        distances=np.array([r.distance for r in found]),
        interior_points=np.array([r.inside for r in found]),
    )


def boundary_distance(net: Any, x: ArrayLike, *, norm: float = 2) -> NearestPoint:
    """Return the distance from a point to the nearest boundary of its activation region.

    In the region's interior no unit changes sign, so this is the least of ``|z_i(x)| / |a_i|``, where
    ``z_i`` are the pre-activations, ``a_i`` their gradients at `x`, in the dual norm.

    Parameters
    ----------
    net : torch.nn.Sequential, [(W, b), ...] or PiecewiseLinearNetwork
    x : (inputs,) float
    norm : 1, 2 or numpy.inf

    Returns
    -------
    NearestPoint

    Examples
    --------
    >>> import polyenum as pe
    >>> net = [([[3.0, 4.0]], [0]), ([[1.0]], [0])]
    >>> pe.boundary_distance(net, [3, 4]).distance, pe.boundary_distance(net, [3, 4], norm=1).distance
    (5.0, 6.25)
    """
    network, point = _checked(net, x, np.inf, None, norm, None)
    from polyenum.exploration.interior import Interior
    from polyenum.exploration.local import LocalForms
    from polyenum.exploration.nearest import DUAL, nearest, solver_for

    exact = LocalForms(network)
    sides, _ = Interior(network, None, exact.exact).region_of(point)
    forms = exact(sides)[0].forms
    length = np.linalg.norm(forms[:, :-1], DUAL[norm], axis=1)
    forms = forms[length > 0] / length[length > 0, None]
    if not len(forms):
        return NearestPoint(np.inf, np.full(len(point), np.nan), True)
    values = forms[:, :-1] @ point + forms[:, -1]
    k = int(np.abs(values).argmin())
    found = nearest(
        solver_for(len(point), norm),
        forms[k : k + 1, :-1],
        values[k : k + 1],
        equation=0,
        norm=norm,
        taken=[],
        patience=np.inf,
    )
    assert found.step is not None
    return NearestPoint(float(abs(values[k])), point + found.step, True)


def decision_distance(
    net: Any,
    x: ArrayLike,
    *,
    norm: float = 2,
    radius: float = np.inf,
    max_regions: int | None = 10_000,
    domain: Domain | None = None,
    progress: bool = False,
) -> NearestPoint:
    """Return the distance from a point to the nearest decision boundary.

    That is where another output becomes as large as the largest at `x`; for a single output, where it is no
    longer of the sign that it has at `x`: 0, or beyond.  Regions are walked nearest first; in each, the
    nearest point of the boundary is the solution of one linear or quadratic program.

    Parameters
    ----------
    net, x, norm, domain, progress
        As in `neighborhood`.
    radius : float
        How far to look.
    max_regions : int, optional
        Stop after so many regions; the result's ``complete`` is then False, as it is after Ctrl-C.

    Returns
    -------
    NearestPoint

    Examples
    --------
    >>> import polyenum as pe
    >>> net = [([[1.0, 0], [0, 1.0]], [0, 0]), ([[1.0, 0], [0, 1]], [0, 0])]
    >>> round(pe.decision_distance(net, [3.0, 1.0]).distance, 9)
    1.414213562
    """
    network, point = _checked(net, x, radius, max_regions, norm, domain, progress)
    radius = float(radius)
    _refuse_jumps(network, "decision_distance")
    from polyenum.exploration.explore import Explorer, TargetFound

    outputs = network(point)
    best = int(outputs.argmax())
    sign = 1 if outputs[0] >= 0 else -1

    count = len(outputs)
    targets = np.delete(
        np.eye(count, dtype=np.int64) - np.eye(count, dtype=np.int64)[best], best, axis=0
    )
    if count == 1:
        targets = np.array([[-sign]])
    explorer = Explorer(network, point, norm=norm, radius=radius, domain=domain, targets=targets)
    bar = _bar(progress, max_regions)
    try:
        for seen, found in enumerate(explorer.run()):
            if isinstance(found, TargetFound) and found.distance <= explorer.proven:
                return NearestPoint(found.distance, found.point, True)
            if isinstance(found, TargetFound) or (max_regions is not None and seen >= max_regions):
                break
            _advance(bar, found.distance)
    except KeyboardInterrupt:
        pass
    finally:
        if bar is not None:
            bar.close()
    nearest = min(explorer.reached, explorer.proven)
    return NearestPoint(nearest, np.full(len(point), np.nan), nearest == np.inf)


def _checked(
    net: Any,
    x: ArrayLike,
    radius: float,
    max_regions: int | None,
    norm: float,
    domain: Domain | None,
    progress: bool = False,
) -> tuple[PiecewiseLinearNetwork, NDArray[np.float64]]:
    """Return network and point, after checking everything that can be wrong with the arguments."""
    network = load(net)
    arguments.norm("norm", norm)
    arguments.flag("progress", progress)
    point = arguments.numbers("x", x, NetworkError)
    if point.shape != (network.input_dim,) or not np.isfinite(point).all():
        raise NetworkError(
            f"the network takes {network.input_dim} inputs: x needs shape ({network.input_dim},) and "
            f"finite numbers, found shape {point.shape}"
        )
    if not (np.abs(point) <= LARGEST_COORDINATE).all():
        raise NetworkError(
            f"x has a coordinate of size {np.abs(point).max():.3g}; the largest possible is 2**1000, about "
            f"{LARGEST_COORDINATE:.3g}"
        )
    arguments.real("radius", radius, above=0, infinite=True)
    arguments.whole_or_none("max_regions", max_regions)
    if domain is None:
        return network, point
    arguments.domain("domain", domain)
    if domain.basis is not None or domain.dim != network.input_dim:
        raise DomainError(
            f"the domain must lie in the network's {network.input_dim} inputs and be as thick, found "
            f"{domain!r}"
        )
    if not domain.contains(point):
        raise DomainError(f"x lies outside {domain!r}")
    return network, point


def _refuse_jumps(network: PiecewiseLinearNetwork, call: str) -> None:
    if network.has_jumps:
        unit = int(network.hyperplane_unit[np.argmax(network.jumps)])
        stage = network.stages[int(network.unit_layer[unit])].name
        raise NetworkError(
            f"{stage}: its activation jumps, and {call} crosses facets, beyond which there may be several "
            "regions then; enumerate_regions and boundary_distance work"
        )


def _advance(bar: Any, distance: float) -> None:
    if bar is not None:
        bar.update(1)
        bar.set_postfix_str(f"distance {distance:.4g}", refresh=False)


def _bar(progress: bool, max_regions: int | None) -> Any:
    if not progress:
        return None
    from tqdm.auto import tqdm

    return tqdm(total=max_regions, desc="regions")
