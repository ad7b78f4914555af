"""Convex polytopes with rational vertices, and the split of one by a hyperplane.

Double description (Motzkin et al. 1953; Fukuda and Prodon, "Double description method revisited",
1996): a polytope is its vertices, each with the set of hyperplanes that are tight there.  Two
vertices span an edge when no third one is tight on all that both are tight on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from polyenum.arithmetic.integers import Form, Point, primitive, to_fractions, value


@dataclass(frozen=True)
class ExactPolytope:
    """A full-dimensional polytope.

    Attributes
    ----------
    dim : int
    points : list of Point
        The vertices.
    tight : list of frozenset
        For each vertex, the labels of all hyperplanes that contain it.
    """

    dim: int
    points: list[Point]
    tight: list[frozenset[int]]

    def signs(self, form: Form) -> list[int]:
        """Return the sign of `form`, -1, 0 or 1, at each vertex."""
        values = [value(form, point) for point in self.points]
        return [(v > 0) - (v < 0) for v in values]

    def adjacent(self, i: int, j: int) -> bool:
        """Return whether the vertices `i` and `j` span an edge."""
        common = self.tight[i] & self.tight[j]
        if len(common) < self.dim - 1:
            return False
        return not any(common <= other for k, other in enumerate(self.tight) if k != i and k != j)

    def vertex_order(self) -> list[int]:
        """Return the vertices of a polygon counter-clockwise; in other dimensions as they are."""
        if self.dim != 2:
            return list(range(len(self.points)))
        at: dict[int, list[int]] = {}
        for v, tight in enumerate(self.tight):
            for label in tight:
                at.setdefault(label, []).append(v)
        ends: list[set[int]] = [set() for _ in self.points]
        for pair in at.values():
            if len(pair) == 2:
                a, b = pair
                ends[a].add(b)
                ends[b].add(a)
        order = [0, min(ends[0])]
        while len(order) < len(self.points):
            order.append(next(v for v in ends[order[-1]] if v != order[-2]))
        p, q, r = (to_fractions(self.points[v]) for v in order[:3])
        turn = (q[0] - p[0]) * (r[1] - p[1]) - (q[1] - p[1]) * (r[0] - p[0])
        return order if turn > 0 else order[::-1]

    def split(self, form: Form, label: int) -> tuple[ExactPolytope | None, ExactPolytope | None]:
        """Return the parts where `form` is at most and at least 0, None where a part is flat.

        Both are the whole, the same object, where `form` vanishes on all of it.

        Every vertex of a part at which `form` is 0 has `label` among its tight hyperplanes, also
        when the hyperplane only touches the polytope and cuts nothing.
        """
        values = [value(form, point) for point in self.points]
        touched = [t | {label} if v == 0 else t for t, v in zip(self.tight, values, strict=True)]
        low = [i for i, v in enumerate(values) if v < 0]
        high = [i for i, v in enumerate(values) if v > 0]
        if not low or not high:
            whole = ExactPolytope(self.dim, self.points, touched)
            return (whole if not high else None), (whole if high or not low else None)
        new_points, new_tight = [], []
        for i in low:
            for j in high:
                if self.adjacent(i, j):
                    p, q = self.points[i], self.points[j]
                    s, t = values[j], -values[i]
                    new_points.append(primitive([s * x + t * y for x, y in zip(p, q, strict=True)]))
                    new_tight.append(self.tight[i] & self.tight[j] | {label})
        parts = []
        for keep in ([v <= 0 for v in values], [v >= 0 for v in values]):
            points = [p for p, k in zip(self.points, keep, strict=True) if k]
            tight = [t for t, k in zip(touched, keep, strict=True) if k]
            parts.append(ExactPolytope(self.dim, points + new_points, tight + new_tight))
        return parts[0], parts[1]

    def facets(self) -> dict[frozenset[int], frozenset[int]]:
        """Return the facets: the set of vertex indices of each, with the labels that carry it."""
        everything = frozenset(range(len(self.points)))
        members: dict[frozenset[int], set[int]] = {}
        for label in frozenset().union(*self.tight):
            on = frozenset(i for i, t in enumerate(self.tight) if label in t)
            members.setdefault(on, set()).add(label)
        members.pop(everything, None)
        return {
            on: frozenset(labels)
            for on, labels in members.items()
            if not any(on < other for other in members)
        }


def box(lower: Sequence[int], upper: Sequence[int], scale: int) -> ExactPolytope:
    """Return the box ``[lower / scale, upper / scale]``; side ``2k`` is low in axis k, ``2k + 1`` high."""
    dim = len(lower)
    points, tight = [], []
    for corner in range(1 << dim):
        high = [corner >> k & 1 for k in range(dim)]
        points.append(primitive([upper[k] if high[k] else lower[k] for k in range(dim)] + [scale]))
        tight.append(frozenset(2 * k + high[k] for k in range(dim)))
    return ExactPolytope(dim, points, tight)
