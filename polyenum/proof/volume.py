"""The sum of the volumes, against the domain's volume in rational numbers."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np

from polyenum.proof.batch import Batch, batches
from polyenum.proof.case import Case
from polyenum.proof.exact_volume import polytope_volume
from polyenum.proof.rational import meeting_point
from polyenum.proof.rounding import SMALLEST


def check_volumes(case: Case) -> float:
    """Check the sum of volumes computed in floats; return how far it is off, relative to the domain's.

    Both in scaled coordinates, in which neither is beyond the range of floats.
    """
    cx, dim = case.cx, case.dim
    whole = case.shape.volume / Fraction(2) ** int(case.exponents.sum())
    points = case.scaled(cx.corner_points)
    volumes = case.fresh._measures.volumes(int(case.exponents.sum()))
    total = math.fsum(volumes.tolist())
    if not math.isfinite(total):
        case.findings.append("the volumes' sum is not finite")
        return math.nan
    off = abs(Fraction(total) - whole)
    # A polytope within e of another differs in volume by less than their bounding boxes grown by e.
    starts = cx.vertex_offsets[:-1]
    width = np.maximum.reduceat(points, starts) - np.minimum.reduceat(points, starts)
    grown = width + 4 * case.scaled(np.full(dim, case.vertex_error))
    with np.errstate(over="ignore"):
        rounding = 2.0**-40 * math.factorial(dim) * grown.prod(axis=1) + SMALLEST
        allowed = float((grown.prod(axis=1) - width.prod(axis=1) + rounding).sum())
    if math.isfinite(allowed) and off > Fraction(allowed):
        case.findings.append(
            f"the volumes' sum is off by {float(off / whole):.3g} of the domain's volume; at most "
            f"{allowed / float(whole):.3g} of it can be rounding"
        )
    return float(off / whole)


def check_exact_volumes(case: Case) -> None:
    """Check the sum of the regions' volumes in rational numbers: that none is missing, if it is the domain's."""
    total = Fraction(0)
    for begin, end in batches(case, progress=False):
        batch = Batch(case, begin, end)
        for i in range(len(batch)):
            corners = range(int(batch.starts[i]), int(batch.starts[i + 1]))
            tight = [batch.labels_at(c) for c in corners]
            points = [meeting_point(case.rows(own, batch.sides[i])) for own in tight]
            total += polytope_volume([p for p in points if p is not None], tight, case.dim)
    whole = case.shape.volume
    if total != whole:
        case.findings.append(
            f"the regions leave a share of {float(1 - total / whole):.3g} uncovered"
        )
