"""`check`: prove a finished result again, from the result alone.

What is proven, and why it suffices (docs/exactness.md has it in full):

1. Every corner of every region is the one point where its tight hyperplanes meet, and every hyperplane
   of the network has, there, the side that the region's pattern says, or 0 exactly where it is tight.
   So the hull Q of a region's corners lies in the set P of all points with its pattern.
2. The faces of Q, from those incidences, are complete (`lattice`, `simple`).  Its facets lie on hyperplanes
   of P, so Q is P; and P has interior points, one of which is also evaluated through the network itself.
3. Patterns are distinct, so interiors are disjoint.
4. Every facet lies on a side of the domain or has the sign vector of exactly one other region's facet.
   So no region is missing: the union of all is closed, and its boundary inside the domain would have
   to consist of faces of codimension 2, which separate nothing.
5. Where an activation jumps, regions do not meet facet to facet.  Then the volumes' sum, in rational
   numbers, is the domain's.
6. What the complex keeps of what was computed from its arrays (`derived`) is what follows from them.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from polyenum import options
from polyenum.domains import Domain
from polyenum.domains.domain import as_domain
from polyenum.errors import NetworkError, RegionError
from polyenum.models.load import load
from polyenum.networks import PiecewiseLinearNetwork
from polyenum.proof.batch import Batch, batches
from polyenum.proof.case import Case, error_of
from polyenum.proof.claims import contradictions, exaggerations
from polyenum.proof.derived import differences, stale
from polyenum.proof.geometry import check_geometry
from polyenum.proof.gluing import Gluing
from polyenum.proof.structure import check_structure
from polyenum.proof.volume import check_exact_volumes, check_volumes
from polyenum.regions.complex import RegionComplex, as_complex
from polyenum.regions.fitting import misfit


@dataclass(frozen=True)
class CheckReport:
    """What a successful `check` has proven.

    Attributes
    ----------
    regions, corners, facets : int
        How many were checked.
    complete : bool
        Whether it is proven that there is no other region; False for a part of a complex.
    euler_characteristic : int
        Of the union of all regions: 1 where complete and no activation jumps.
    float_signs : int
        Signs proven by float64 enclosures.
    exact_signs : int
        Signs that took rational arithmetic.
    volume_gap : float
        How far the volumes' sum is from the domain's volume, relative to it.
    vertex_error : float
        How far any coordinate of a vertex is off at most: proven here, whatever the complex claims.
    map_error : float
        The same of any entry of a map.
    seconds : float
    """

    regions: int
    corners: int
    facets: int
    complete: bool
    euler_characteristic: int
    float_signs: int
    exact_signs: int
    volume_gap: float
    vertex_error: float
    map_error: float
    seconds: float


def check(
    cx: RegionComplex, net: Any = None, domain: Domain | None = None, *, progress: bool = False
) -> CheckReport:
    """Prove a result again, from the result alone, with code of its own.

    Proven, for the real numbers that the weights and the domain are: every region has the pattern it
    says, and interior points; its vertices, facets and affine map are right, within the complex's
    ``vertex_error`` and ``map_error``; every facet has exactly one neighbour or lies on a side of the
    domain, and is stored so; and, if the complex says that it is complete, there is no other region.
    Regions are in order, and whatever the complex has computed from all this (volumes, linear regions,
    adjacency, ...) is computed again and compared.

    A complex with ``certified=False`` claims no errors.  Its vertices may then miss their hyperplanes by
    2**-20 of the domain's size, and its maps be off by a similar share.

    Parameters
    ----------
    cx : RegionComplex
    net : torch.nn.Module, [(W, b), ...], path or PiecewiseLinearNetwork, optional
        The network that the result is claimed for; by default the complex's own.
    domain : Domain, optional
        The domain that it is claimed for; by default the complex's own.
    progress : bool
        Whether to show a progress bar.

    Returns
    -------
    CheckReport

    Raises
    ------
    RegionError
        If `cx` is no complex, or comes from LP cells.
    DomainError
        If `domain` is none, or does not fit the network.
    NetworkError
        If the complex is of a network of another shape.
    CheckError
        If anything is not as claimed; its ``findings`` say what.

    Examples
    --------
    >>> import polyenum as pe
    >>> net = [([[1.0, 0], [0, 1.0]], [0, 0]), ([[1.0, 1]], [0])]
    >>> box = pe.Box(-1, 1, dim=2)
    >>> report = pe.check(pe.enumerate_regions(net, box))
    >>> report.regions, report.complete, report.euler_characteristic
    (4, True, 1)
    """
    as_complex("cx", cx)
    domain = cx.domain if domain is None else as_domain("domain", domain)
    options.flag("progress", progress)
    network = cx.network if net is None else load(net)
    as_domain("domain", domain, input_dim=network.input_dim)
    _refuse_others(cx, network, domain)
    began = time.perf_counter()
    problem = misfit(cx, network, domain)
    if problem is not None:
        raise error_of(
            [f"the arrays of the complex do not fit each other, or the domain: {problem}"]
        )
    if not len(cx):
        raise RegionError("the complex holds no regions, so there is nothing to prove")
    found = contradictions(cx) + differences(cx, network, domain)
    if found:
        raise error_of(found)
    case = Case(cx, network, domain)
    case.findings += exaggerations(cx, case.layout, domain, case.size)
    wrong_domain = case.shape.problem()
    if wrong_domain is not None:
        case.findings.append(wrong_domain)
    check_structure(case)
    case.raise_findings()
    gluing = Gluing(case)
    for begin, end in batches(case, progress):
        batch = Batch(case, begin, end)
        check_geometry(case, batch)
        gluing.add(batch)
    case.raise_findings()
    gluing.match()
    case.raise_findings()
    case.findings += stale(cx, case.fresh)
    gap = float("nan")
    if cx.complete:
        gap = check_volumes(case)
        if case.layout.jumps.any():
            check_exact_volumes(case)
        else:
            gluing.check_euler()
    case.raise_findings()
    return CheckReport(
        regions=len(cx),
        corners=len(cx.corner_points),
        facets=gluing.facet_count,
        complete=cx.complete,
        euler_characteristic=gluing.euler_characteristic,
        float_signs=case.float_signs,
        exact_signs=case.exact_signs,
        volume_gap=gap,
        vertex_error=case.vertex_error,
        map_error=case.map_error,
        seconds=time.perf_counter() - began,
    )


def _refuse_others(cx: RegionComplex, network: PiecewiseLinearNetwork, domain: Domain) -> None:
    """Raise where a complex is of another kind, or obviously of another network or domain."""
    inside = getattr(cx, "inside", None)
    if getattr(inside, "ndim", 0) == 2 and not cx.has_vertices:
        raise RegionError(
            "LP cells hold no vertices, on which the proof rests; engine='vertex' does, up to dimension 8"
        )
    claimed = (cx.network.hyperplane_count, cx.network.output_dim, cx.dim)
    if claimed != (network.hyperplane_count, network.output_dim, domain.dim):
        raise NetworkError(
            f"the complex is of {cx.network!r} in {cx.dim} dimensions, not of {network!r} in "
            f"{domain.dim}"
        )
