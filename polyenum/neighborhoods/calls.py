"""What users call: the regions around a point, and its distances to boundaries."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from polyenum import options
from polyenum.convex.nearest import DUAL, nearest, solver_for
from polyenum.domains import Domain
from polyenum.domains.domain import LARGEST_COORDINATE, as_domain
from polyenum.errors import DomainError, NetworkError, OptionError
from polyenum.models.load import load
from polyenum.neighborhoods.found import NearestPoint, Neighborhood, NeighborhoodRegion
from polyenum.neighborhoods.interior import Interior
from polyenum.neighborhoods.local import LocalForms
from polyenum.neighborhoods.search import Explorer, RegionFound, TargetFound
from polyenum.networks import PiecewiseLinearNetwork
from polyenum.progress import bar

__all__ = [
    "NearestPoint",
    "Neighborhood",
    "NeighborhoodRegion",
    "boundary_distance",
    "decision_distance",
    "neighborhood",
]


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
    explorer = Explorer(network, point, norm=norm, radius=radius, domain=domain)
    found: list[RegionFound] = []
    ended = True
    with bar(progress, max_regions, "regions") as shown:
        try:
            for region in explorer.run():
                assert isinstance(region, RegionFound)
                if max_regions is not None and len(found) == max_regions:
                    ended = False
                    break
                found.append(region)
                _advance(shown, region.distance)
        except KeyboardInterrupt:
            ended = False
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
    limit = np.inf if max_regions is None else max_regions
    with bar(progress, max_regions, "regions") as shown, suppress(KeyboardInterrupt):
        for seen, found in enumerate(explorer.run()):
            if isinstance(found, TargetFound) and found.distance <= explorer.proven:
                return NearestPoint(found.distance, found.point, True)
            if isinstance(found, TargetFound) or seen >= limit:
                break
            _advance(shown, found.distance)
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
    options.norm("norm", norm)
    options.flag("progress", progress)
    point = options.numbers("x", x, NetworkError)
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
    options.real("radius", radius, above=0, infinite=True)
    options.whole_or_none("max_regions", max_regions)
    if domain is None:
        return network, point
    as_domain("domain", domain)
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


def _advance(shown: Any, distance: float) -> None:
    shown.update(1)
    shown.set_postfix_str(f"distance {distance:.4g}", refresh=False)
