"""The sum of the volumes, against the domain's volume in rational numbers."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from fractions import Fraction

import numpy as np

from polyenum.domains import Domain
from polyenum.proof.case import Case
from polyenum.proof.geometry import owners, tight_labels
from polyenum.proof.lattice import faces
from polyenum.proof.rational import meeting_point


def check_volumes(case: Case) -> float:
    """Check the volumes' sum; return how far it is off, relative to the domain's volume."""
    cx = case.cx
    whole = domain_volume(case.domain)
    off = abs(Fraction(float(math.fsum(cx.volumes.tolist()))) - whole)
    # A polytope within e of another differs in volume by less than their bounding boxes grown by e.
    starts = cx.vertex_offsets[:-1]
    high = np.maximum.reduceat(cx.corner_points, starts)
    width = high - np.minimum.reduceat(cx.corner_points, starts)
    wide = width + 2 * cx.vertex_error
    grown = wide + 2 * cx.vertex_error
    dim = case.domain.dim
    rounding = 2.0**-40 * math.factorial(dim) * grown.prod(axis=1)
    allowed = float((grown.prod(axis=1) - width.prod(axis=1) + rounding).sum())
    if off > Fraction(allowed):
        case.findings.append(
            f"the volumes' sum is off by {float(off):.3g}; at most {allowed:.3g} can be rounding"
        )
    return float(off / whole)


def check_exact_volumes(case: Case) -> None:
    """Check the sum of the regions' volumes in rational numbers: that none is missing, if it is the domain's."""
    total = Fraction(0)
    for region in range(len(case.cx)):
        sides = case.cx.sides_of(slice(region, region + 1))[0]
        owner = owners(case, region, region + 1)
        tight = tight_labels(case, region, region + 1, owner)
        points = [meeting_point([case.rational.label(k, sides) for k in own]) for own in tight]
        total += polytope_volume([p for p in points if p is not None], tight, case.domain.dim)
    whole = domain_volume(case.domain)
    if total != whole:
        case.findings.append(
            f"the regions leave a share of {float(1 - total / whole):.3g} uncovered"
        )


def domain_volume(domain: Domain) -> Fraction:
    """Return the domain's volume."""
    polytope = domain.polytope
    points = [[Fraction(x, p[-1]) for x in p[:-1]] for p in polytope.points]
    return polytope_volume(points, polytope.tight, domain.dim)


def polytope_volume(
    points: Sequence[Sequence[Fraction]], tight: Sequence[Iterable[int]], dim: int
) -> Fraction:
    """Return the volume of a polytope: pyramids from the first vertex of each face over its facets.

    Parameters
    ----------
    points : the vertices
    tight : the hyperplanes on which each vertex lies
    dim : int
    """
    members: dict[int, int] = {}
    for v, labels in enumerate(tight):
        for label in labels:
            members[label] = members.get(label, 0) | 1 << v
    whole = (1 << len(points)) - 1
    levels = faces(whole, members.values(), dim)

    def total(face: int, k: int, apexes: list[int]) -> Fraction:
        apex = (face & -face).bit_length() - 1
        if k == 0:
            rows = [[a - b for a, b in zip(points[v], points[apex], strict=True)] for v in apexes]
            return abs(_determinant(rows))
        below = [f for f in levels[k - 1] if f & face == f and not f >> apex & 1]
        return sum((total(f, k - 1, [*apexes, apex]) for f in below), Fraction(0))

    return total(whole, dim, []) / math.factorial(dim)


def _determinant(rows: list[list[Fraction]]) -> Fraction:
    """Return the determinant of a square matrix, which is overwritten."""
    result = Fraction(1)
    for k in range(len(rows)):
        pivot = next((i for i in range(k, len(rows)) if rows[i][k]), None)
        if pivot is None:
            return Fraction(0)
        if pivot != k:
            rows[k], rows[pivot] = rows[pivot], rows[k]
            result = -result
        result *= rows[k][k]
        for i in range(k + 1, len(rows)):
            factor = rows[i][k] / rows[k][k]
            rows[i] = [x - factor * y for x, y in zip(rows[i], rows[k], strict=True)]
    return result
