"""A slow, obviously right enumeration in rational arithmetic: the judge of all others.

A cell is a list of inequalities ``a . x + c >= 0`` over `fractions.Fraction`.  Its vertices come from
solving every d of them and keeping the solutions that satisfy the rest.  It counts as full-dimensional
when its vertices do not lie in one hyperplane.  Nothing is shared with the library: no split, no
incidence, no float.
"""

from __future__ import annotations

from fractions import Fraction
from itertools import combinations

Row = tuple[Fraction, ...]


def solve(rows: list[Row]) -> tuple[Fraction, ...] | None:
    """Return the one point where all d `rows` vanish, or None."""
    dim = len(rows)
    m = [[*list(r[:dim]), -r[dim]] for r in rows]
    for col in range(dim):
        pivot = next((r for r in range(col, dim) if m[r][col] != 0), None)
        if pivot is None:
            return None
        m[col], m[pivot] = m[pivot], m[col]
        m[col] = [x / m[col][col] for x in m[col]]
        for r in range(dim):
            if r != col and m[r][col] != 0:
                m[r] = [x - m[r][col] * y for x, y in zip(m[r], m[col], strict=True)]
    return tuple(row[dim] for row in m)


def rank(vectors: list[list[Fraction]]) -> int:
    """Return the rank of `vectors`."""
    m, found = [list(v) for v in vectors], 0
    for col in range(len(m[0]) if m else 0):
        pivot = next((r for r in range(found, len(m)) if m[r][col] != 0), None)
        if pivot is None:
            continue
        m[found], m[pivot] = m[pivot], m[found]
        for r in range(found + 1, len(m)):
            f = m[r][col] / m[found][col]
            m[r] = [x - f * y for x, y in zip(m[r], m[found], strict=True)]
        found += 1
    return found


def at(row: Row, x: tuple[Fraction, ...]) -> Fraction:
    """Return the value of an affine form."""
    return sum((a * b for a, b in zip(row[:-1], x, strict=True)), row[-1])


def vertices(cell: list[Row]) -> list[tuple[Fraction, ...]]:
    """Return all vertices of a bounded `cell`."""
    dim, found = len(cell[0]) - 1, set()
    for rows in combinations(cell, dim):
        x = solve(list(rows))
        if x is not None and all(at(r, x) >= 0 for r in cell):
            found.add(x)
    return sorted(found)


def full(points: list[tuple[Fraction, ...]]) -> bool:
    """Return whether `points` span the whole space."""
    if not points:
        return False
    dim = len(points[0])
    return rank([[a - b for a, b in zip(p, points[0], strict=True)] for p in points[1:]]) == dim


def tight_only(cell: list[Row], points: list[tuple[Fraction, ...]]) -> list[Row]:
    """Return the inequalities of `cell` that touch it."""
    return [row for row in dict.fromkeys(cell) if any(at(row, p) == 0 for p in points)]


def box_rows(lower: list[float], upper: list[float]) -> list[Row]:
    """Return the inequalities of a box."""
    rows = []
    for k, (a, b) in enumerate(zip(lower, upper, strict=True)):
        unit = [Fraction(int(j == k)) for j in range(len(lower))]
        rows.append((*unit, -Fraction(a)))
        rows.append((*(-x for x in unit), Fraction(b)))
    return rows


def regions(layers: list, domain: list[Row]) -> dict[tuple[int, ...], list[tuple[Fraction, ...]]]:
    """Return the activation regions of the ReLU network ``[(W, b), ...]``: pattern -> vertices."""
    dim = len(domain[0]) - 1
    exact = [
        ([[Fraction(float(x)) for x in row] for row in w], [Fraction(float(x)) for x in b])
        for w, b in layers
    ]
    start = [(*tuple(Fraction(int(j == k)) for j in range(dim)), Fraction(0)) for k in range(dim)]
    cells = [(domain, start, ())]
    for w, b in exact[:-1]:
        entering, cells = cells, []
        for cell, forms, pattern in entering:
            z = [
                tuple(sum((x * f[j] for x, f in zip(row, forms, strict=True)), Fraction(0))
                      + (bias if j == dim else 0) for j in range(dim + 1))
                for row, bias in zip(w, b, strict=True)
            ]  # fmt: skip
            parts = [(cell, ())]
            for form in z:
                before, parts = parts, []
                for part, bits in before:
                    points = vertices(part)
                    values = [at(form, p) for p in points]
                    if any(v > 0 for v in values) and any(v < 0 for v in values):
                        low = [*part, tuple(-x for x in form)]
                        high = [*part, form]
                        for rows, bit in ((low, 0), (high, 1)):
                            inside = vertices(rows)
                            assert full(inside)
                            parts.append((tight_only(rows, inside), (*bits, bit)))
                    else:
                        parts.append((part, (*bits, int(any(v > 0 for v in values)))))
            zero = (Fraction(0),) * (dim + 1)
            for part, bits in parts:
                after = [f if bit else zero for f, bit in zip(z, bits, strict=True)]
                cells.append((part, after, pattern + bits))
    return {pattern: vertices(cell) for cell, _, pattern in cells}
