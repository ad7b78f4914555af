"""The sum of the volumes, against the domain's volume in rational numbers."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from fractions import Fraction

import numpy as np

from polyenum.proof.batch import Batch, batches
from polyenum.proof.case import Case
from polyenum.proof.lattice import LatticeError, faces
from polyenum.proof.rational import meeting_point


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
        rounding = 2.0**-40 * math.factorial(dim) * grown.prod(axis=1) + 5e-324
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


def polytope_volume(
    points: Sequence[Sequence[Fraction]], tight: Sequence[Iterable[int]], dim: int
) -> Fraction:
    """Return the volume of a polytope.

    A face is the union of the pyramids from its first vertex over those of its facets that do not contain
    it.  Each face is measured once, relative to the parallelepiped of some of its edges' directions, which
    needs no lengths: a pyramid over a facet has the facet's share times the determinant of
    the facet's directions and one to the apex, divided by the face's dimension.

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
    levels = faces((1 << len(points)) - 1, members.values(), dim)
    scale = math.lcm(*(x.denominator for point in points for x in point))
    whole = [[int(x * scale) for x in point] for point in points]
    # Of each face its directions, rows of a basis, and its volume as a multiple of their parallelepiped's.
    known: dict[int, tuple[list[list[int]], Fraction]] = {v: ([], Fraction(1)) for v in levels[0]}
    for k in range(1, dim + 1):
        for face in levels[k]:
            apex = (face & -face).bit_length() - 1
            basis: list[list[int]] = []
            share, unit, columns = Fraction(0), 0, []
            for facet in levels[k - 1]:
                if facet & face != facet or facet >> apex & 1:
                    continue
                base = (facet & -facet).bit_length() - 1
                step = [a - b for a, b in zip(whole[apex], whole[base], strict=True)]
                directions, part = known[facet]
                rows = [*directions, step]
                if not basis:
                    basis = rows
                    columns = independent_columns(rows)
                    unit = abs(determinant([[row[c] for c in columns] for row in rows]))
                size = abs(determinant([[row[c] for c in columns] for row in rows]))
                share += part * Fraction(size, unit)
            known[face] = basis, share / k
    (top,) = levels[dim]
    basis, share = known[top]
    return share * abs(determinant(basis)) / Fraction(scale) ** dim


def independent_columns(rows: Sequence[Sequence[int]]) -> list[int]:
    """Return as many independent columns as there are rows.

    Raises
    ------
    LatticeError
        If there are fewer: points that should span a face do not.
    """
    reduced: list[list[int]] = [list(row) for row in rows]
    columns: list[int] = []
    for k in range(len(reduced)):
        column = next((c for c, x in enumerate(reduced[k]) if x), None)
        if column is None:
            raise LatticeError(f"the corners of a face of dimension {len(rows)} do not span it")
        columns.append(column)
        for i in range(k + 1, len(reduced)):
            a, b = reduced[k][column], reduced[i][column]
            if b:
                reduced[i] = [a * x - b * y for x, y in zip(reduced[i], reduced[k], strict=True)]
    return columns


def determinant(rows: Sequence[Sequence[int]]) -> int:
    """Return the determinant of a square matrix of integers (Bareiss, Math. Comp. 22, 1968)."""
    m = [list(row) for row in rows]
    sign, previous = 1, 1
    for k in range(len(m) - 1):
        pivot = next((i for i in range(k, len(m)) if m[i][k]), None)
        if pivot is None:
            return 0
        if pivot != k:
            m[k], m[pivot] = m[pivot], m[k]
            sign = -sign
        for i in range(k + 1, len(m)):
            for j in range(k + 1, len(m)):
                m[i][j] = (m[i][j] * m[k][k] - m[i][k] * m[k][j]) // previous
        previous = m[k][k]
    return sign * m[-1][-1] if m else 1
