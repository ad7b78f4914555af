"""`check`: prove a finished result again, from the result alone.

What is proven, and why it suffices (docs/exactness.md has it in full):

1. Every corner of every region is the one point where its tight hyperplanes meet, and every hyperplane
   of the network has, there, the side that the region's pattern says, or 0 exactly where it is tight.
   So the hull Q of a region's corners lies in the set P of all points with its pattern.
2. The faces of Q, from those incidences, are complete (`lattice`).  Its facets lie on hyperplanes of P,
   so Q is P; and P has interior points, one of which is also evaluated through the network itself.
3. Patterns are distinct, so interiors are disjoint.
4. Every facet lies on a side of the domain or has the sign vector of exactly one other region's facet.
   So no region is missing: the union of all is closed, and its boundary inside the domain would have
   to consist of faces of codimension 2, which separate nothing.
5. Where an activation jumps, regions do not meet facet to facet.  Then the volumes' sum, in rational
   numbers, is the domain's.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from polyenum.domains import Domain
from polyenum.errors import CheckError, DomainError, NetworkError, RegionError
from polyenum.networks import load
from polyenum.proof.case import Case
from polyenum.proof.geometry import check_geometry
from polyenum.proof.gluing import Gluing
from polyenum.proof.volume import check_exact_volumes, check_volumes

if TYPE_CHECKING:
    from polyenum.complex.region_complex import RegionComplex

_MOST_FINDINGS = 20
_BATCH_VALUES = 1 << 21


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
    seconds: float


def check(cx: RegionComplex, net: Any, domain: Domain, *, progress: bool = False) -> CheckReport:
    """Prove a result again, from the result alone, with code of its own.

    Proven, for the real numbers that the weights and the domain are: every region has the pattern it
    says, and interior points; its vertices, facets and affine map are right, within the complex's
    ``vertex_error`` and ``map_error``; every facet has exactly one neighbour or lies on a side of the
    domain, and is stored so; and, if the complex says that it is complete, there is no other region.

    Parameters
    ----------
    cx : RegionComplex
    net : torch.nn.Sequential, [(W, b), ...] or PiecewiseLinearNetwork
        The network that the result is claimed for.
    domain : Domain
        The domain that it is claimed for.
    progress : bool
        Whether to show a progress bar.

    Returns
    -------
    CheckReport

    Raises
    ------
    RegionError
        If the complex comes from LP cells.
    CheckError
        If anything is not as claimed; its ``findings`` say what.

    Examples
    --------
    >>> import polyenum as pe
    >>> net = [([[1.0, 0], [0, 1.0]], [0, 0]), ([[1.0, 1]], [0])]
    >>> box = pe.Box(-1, 1, dim=2)
    >>> report = pe.check(pe.enumerate_regions(net, box), net, box)
    >>> report.regions, report.complete, report.euler_characteristic
    (4, True, 1)
    """
    network = load(net)
    if domain.input_dim != network.input_dim:
        raise DomainError(
            f"the network takes {network.input_dim} inputs, but {domain!r} lies in "
            f"{domain.input_dim} dimensions"
        )
    if not cx.has_vertices:
        raise RegionError(
            "LP cells hold no vertices, on which the proof rests; engine='vertex' does, up to dimension 8"
        )
    claimed = (cx.network.hyperplane_count, cx.network.output_dim, cx.dim)
    if claimed != (network.hyperplane_count, network.output_dim, domain.dim):
        raise NetworkError(
            f"the complex is of {cx.network!r} in {cx.dim} dimensions, not of {network!r} in "
            f"{domain.dim}"
        )
    began = time.perf_counter()
    case = Case(cx, network, domain)
    gluing = Gluing(case)
    gap = float("nan")
    if check_structure(case):
        for begin, end in batches(case, progress):
            gluing.add(begin, end, check_geometry(case, begin, end))
        gluing.match_facets()
        if not case.findings:
            gluing.check_neighbors()
            gluing.check_vertices()
        if cx.complete and not case.findings:
            gap = check_volumes(case)
            if not network.has_jumps:
                gluing.check_euler()
            elif not case.findings:
                check_exact_volumes(case)
    if case.findings:
        first, *others = case.findings
        more = f" (and {len(others):,} more findings)" if others else ""
        listed = case.findings[:_MOST_FINDINGS]
        if len(others) >= _MOST_FINDINGS:
            listed.append(f"and {len(case.findings) - _MOST_FINDINGS:,} more")
        raise CheckError(f"the result is not what it claims to be: {first}{more}", listed)
    return CheckReport(
        regions=len(cx),
        corners=len(cx.corner_points),
        facets=gluing.facet_count,
        complete=cx.complete,
        euler_characteristic=gluing.euler_characteristic(),
        float_signs=case.float_signs,
        exact_signs=case.exact_signs,
        volume_gap=gap,
        seconds=time.perf_counter() - began,
    )


def check_structure(case: Case) -> bool:
    """Check that the arrays fit each other, so that nothing can be out of range, and patterns differ."""
    cx, n = case.cx, len(case.cx.packed_sides)
    if not cx.fits(case.network, case.domain):
        case.findings.append("the arrays of the complex do not fit each other, or the domain")
        return False
    patterns = cx.packed_sides[:, : -(-case.network.hyperplane_count // 8)]
    if len({row.tobytes() for row in patterns}) < n:
        case.findings.append("two regions have the same pattern")
    for begin, end in sorted({(a, b) for a, b in case.network.groups.tolist() if a >= 0}):
        largest = cx.sides_of(slice(None))[:, begin:end].sum(axis=1)
        for region in np.flatnonzero(largest != 1).tolist():
            case.find(region, f"{largest[region]} members of a maximum are the largest, not one")
        source = case.network.sources[begin]
        if source >= 0:
            # The largest is an output of a ReLU that is on, or the first where all are off.
            sides = cx.sides_of(slice(None))
            on = sides[:, case.network.sources[begin:end]]
            expected = np.where(
                on.any(axis=1), (sides[:, begin:end] & on).any(axis=1), sides[:, begin]
            )
            for region in np.flatnonzero(~expected).tolist():
                case.find(region, "the largest member of a maximum is 0, and not the first of them")
    return True


def batches(case: Case, progress: bool) -> Iterable[tuple[int, int]]:
    """Return ranges of regions, each of some million values."""
    offsets, width = case.cx.vertex_offsets, case.network.hyperplane_count + 1
    ranges, begin = [], 0
    per_region = (case.domain.dim + 1) * width
    while begin < len(case.cx):
        most = offsets[begin] + _BATCH_VALUES // width
        end = int(np.searchsorted(offsets, most, side="right")) - 1
        end = min(end, begin + _BATCH_VALUES // per_region, len(case.cx))
        end = max(end, begin + 1)
        ranges.append((begin, end))
        begin = end
    if progress:
        from tqdm.auto import tqdm

        return tqdm(ranges, desc="check")
    return ranges
