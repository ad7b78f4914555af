"""The volume of one polytope in rational numbers."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from fractions import Fraction

from polyenum.proof.lattice import LatticeError, faces


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
