"""Level sets and decision boundaries, piece by piece, against a slow construction in fractions."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from fractions import Fraction
from itertools import combinations, permutations
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import polyenum as pe
from benchmarks.networks import random_network
from polyenum.regions import edge_breaks, vertex_values
from polyenum.regions.contenders import sure_winners
from tests.cells.test_jumps import ROWS, with_jumps
from tests.helpers.reference import Row, at, box_rows, vertices
from tests.helpers.strategies import (
    degenerate_networks,
    generic_networks,
    near_miss_networks,
    share,
)

Point = tuple[Fraction, ...]
# A point, and the sides of the units that jump: the same place is another point beyond a jump.
Place = tuple[Point, bytes]


class Polygon(NamedTuple):
    """A region: its corners in cyclic order, and its outputs as affine forms."""

    corners: list[Point]
    outputs: list[Row]
    jumps: bytes

    def edges(self) -> Iterator[tuple[Point, Point]]:
        """Yield the pairs of neighbouring corners."""
        return zip(self.corners, self.corners[1:] + self.corners[:1], strict=True)


class Piece(NamedTuple):
    """A piece as it should be."""

    region: int
    ends: frozenset[Place]
    outputs: tuple[int, int]


def polygons(cx: pe.RegionComplex) -> list[Polygon]:
    """Return all regions of [-1, 1]^2 from nothing but their sides, in rational arithmetic."""
    domain = box_rows([-1.0, -1.0], [1.0, 1.0])
    net = cx.network
    found = []
    for sides in cx.sides_of(slice(None)).tolist():
        forms = [
            (Fraction(1), Fraction(0), Fraction(0)),
            (Fraction(0), Fraction(1), Fraction(0)),
        ]
        rows, first = list(domain), 0
        for stage in net.stages:
            table = stage.activation
            weight = [[Fraction(float(x)) for x in row] for row in stage.weight]
            z = [
                tuple(
                    sum((w * f[k] for w, f in zip(row, forms, strict=True)), Fraction(0))
                    + (Fraction(float(b)) if k == 2 else 0)
                    for k in range(3)
                )
                for row, b in zip(weight, stage.bias, strict=True)
            ]
            own = sides[first : first + len(table.breakpoints)]
            first += len(own)
            coordinate = table.breakpoint_coordinate.tolist()
            groups = [-1] * len(table) if table.groups is None else table.groups.tolist()
            piece = [0] * len(table)
            for h, (c, side) in enumerate(zip(coordinate, own, strict=True)):
                piece[c] += side
                if groups[c] >= 0:
                    (largest,) = (
                        b
                        for b, s in zip(coordinate, own, strict=True)
                        if s and groups[b] == groups[c]
                    )
                    rows.append(tuple(x - y for x, y in zip(z[largest], z[c], strict=True)))
                    continue
                gap = (*z[c][:2], z[c][2] - Fraction(float(table.breakpoints[h])))
                rows.append(gap if side else tuple(-x for x in gap))
            forms = []
            for c, form in enumerate(z):
                k = int(table.slope_offsets[c]) + piece[c]
                slope = Fraction(float(table.slopes[k]))
                scaled = [slope * x for x in form]
                forms.append((*scaled[:2], scaled[2] + table.exact_intercepts[k]))
        jumps = bytes(side for side, jump in zip(sides, net.jumps, strict=True) if jump)
        rows = [row for row in dict.fromkeys(rows) if any(row)]
        found.append(Polygon(cyclic(vertices(rows)), forms, jumps))
    return found


def cyclic(points: list[Point]) -> list[Point]:
    """Return the vertices of a convex polygon, sorted before, in cyclic order."""
    (x0, y0), (x1, y1) = points[0], points[-1]

    def above(p: Point) -> bool:
        return (x1 - x0) * (p[1] - y0) > (y1 - y0) * (p[0] - x0)

    return [p for p in points if not above(p)] + [p for p in reversed(points) if above(p)]


def between(p: Point, q: Point, share: Fraction) -> Point:
    """Return the point at a share of the way from p to q."""
    return tuple(a + share * (b - a) for a, b in zip(p, q, strict=True))


def on_edge(p: Point, q: Point, f: list[Row]) -> list[tuple[Point, Point, list[int]]]:
    """Return the parts of a segment with those of `f` that are the largest there, all of them."""
    cuts = {Fraction(0), Fraction(1)}
    for g, h in combinations(f, 2):
        a, b = at(g, p) - at(h, p), at(g, q) - at(h, q)
        if a * b < 0:
            cuts.add(a / (a - b))
    found: list[tuple[Point, Point, list[int]]] = []
    inner = sorted(cuts)
    for s, t in zip(inner[:-1], inner[1:], strict=True):
        middle = between(p, q, (s + t) / 2)
        values = [at(g, middle) for g in f]
        top = [k for k, value in enumerate(values) if value == max(values)]
        if found and found[-1][2] == top:
            found[-1] = (found[-1][0], between(p, q, t), top)
        else:
            found.append((between(p, q, s), between(p, q, t), top))
    return found


def inside(polygon: Polygon, f: list[Row], i: int, j: int) -> tuple[Point, Point] | None:
    """Return the segment of a polygon on which functions i and j are equal and the largest; not on an edge."""
    difference = tuple(x - y for x, y in zip(f[i], f[j], strict=True))
    values = [at(difference, p) for p in polygon.corners]
    if min(values) >= 0 or max(values) <= 0:
        return None
    ends = {p for p, value in zip(polygon.corners, values, strict=True) if value == 0}
    for (p, q), a, b in zip(polygon.edges(), values, values[1:] + values[:1], strict=True):
        if a * b < 0:
            ends.add(between(p, q, a / (a - b)))
    p, q = sorted(ends)
    for g in f:
        a, b = (
            at(f[i], p) - at(g, p),
            at(f[i], q) - at(g, q),
        )
        if (a < 0 and b < 0) or (a <= 0 and b <= 0 and a + b < 0):
            return None
        if a * b < 0:
            cut = between(p, q, a / (a - b))
            p, q = (cut, q) if a < 0 else (p, cut)
    return None if p == q else (p, q)


def largest_towards(f: list[Row], tied: list[int], way: Point) -> set[int]:
    """Return those of some tied functions that grow fastest."""
    slopes = [f[k][0] * way[0] + f[k][1] * way[1] for k in tied]
    return {k for k, slope in zip(tied, slopes, strict=True) if slope == max(slopes)}


def expected(
    regions: list[Polygon], functions: Callable[[Polygon], list[Row]], *, touching: bool
) -> tuple[list[Piece], list[int]]:
    """Return all pieces where the largest function changes, and the flat regions."""
    found, flat = set(), set()
    beside: dict[tuple[frozenset[Place], tuple[int, ...]], list[tuple[int, set[int]]]]
    beside = defaultdict(list)
    for r, polygon in enumerate(regions):
        f = functions(polygon)
        for p, q in polygon.edges():
            (far, *_) = (x for x in polygon.corners if x not in (p, q))
            for start, end, top in on_edge(p, q, f):
                values = {k: at(f[k], far) for k in top}
                winners = {k for k in top if values[k] == max(values.values())}
                if len(winners) > 1:
                    flat.add(r)
                ends = frozenset({(start, polygon.jumps), (end, polygon.jumps)})
                beside[ends, tuple(top)].append((r, winners))
        for i, j in combinations(range(len(f)), 2):
            line = inside(polygon, f, i, j)
            if line is None:
                continue
            middle = between(*line, Fraction(1, 2))
            values = [at(g, middle) for g in f]
            tied = [k for k, value in enumerate(values) if value == max(values)]
            way = tuple(x - y for x, y in zip(f[i][:2], f[j][:2], strict=True))
            one = largest_towards(f, tied, way)
            other = largest_towards(f, tied, tuple(-x for x in way))
            if len(one) > 1 or len(other) > 1:
                flat.add(r)
            ends = frozenset((p, polygon.jumps) for p in line)
            found.add(Piece(r, ends, tuple(sorted((min(one), min(other))))))
    for (ends, top), sides in beside.items():
        if len(top) == 1:
            continue
        first, last = sides[0], sides[-1]
        if touching:
            belongs = all(len(winners) == 1 for _, winners in sides)
        else:
            belongs = len(sides) == 2 and not first[1] & last[1]
        if belongs:
            found.add(
                Piece(min(first[0], last[0]), ends, tuple(sorted((min(first[1]), min(last[1])))))
            )
    return sorted(found, key=lambda piece: (piece.region, sorted(piece.ends))), sorted(flat)


def matched(segments: Any, should: list[Piece], tolerance: float) -> dict[int, Place] | None:
    """Return which place each point is, if pieces can be matched with those expected, and points one to one."""
    outputs = segments.outputs
    fits: list[list[tuple[int, tuple[Place, ...]]]] = []
    for k, region in enumerate(segments.regions.tolist()):
        fits.append([])
        for n, piece in enumerate(should):
            if piece.region != region:
                continue
            if outputs is not None and tuple(outputs[k].tolist()) != piece.outputs:
                continue
            for ends in permutations(piece.ends):
                if all(
                    abs(Fraction(float(x)) - y) <= tolerance
                    for got, place in zip(segments.ends[k], ends, strict=True)
                    for x, y in zip(got, place[0], strict=True)
                ):
                    fits[-1].append((n, ends))

    def search(k: int, names: dict[int, Place], used: set[int]) -> dict[int, Place] | None:
        if k == len(fits):
            return names
        for n, ends in fits[k]:
            more = dict(zip(segments.pieces[k].tolist(), ends, strict=True))
            whole = {**names, **more}
            agrees = all(names.get(point, place) == place for point, place in more.items())
            if n in used or not agrees or len({*whole.values()}) < len(whole):
                continue
            found = search(k + 1, whole, used | {n})
            if found is not None:
                return found
        return None

    return search(0, {}, set())


def compare(
    segments: Any,
    cx: pe.RegionComplex,
    regions: list[Polygon],
    wanted: tuple[list[Piece], list[int]],
) -> None:
    """Hold pieces against those expected: regions, outputs, ends, and which ends are the same point."""
    should, flat = wanted
    assert segments.flat.tolist() == flat
    assert segments.regions.tolist() == [piece.region for piece in should]
    names = matched(segments, should, segments.error)
    assert names is not None, f"no way to match {segments.ends.tolist()} with {should}"
    assert len(names) == len(segments.points)
    if cx.network.has_jumps:
        return
    # Lines close: two pieces meet in a point inside, unless it is a vertex; more only where three outputs meet.
    corners = {corner for polygon in regions for corner in polygon.corners}
    degree = Counter(segments.pieces.ravel().tolist())
    for n, (point, _) in names.items():
        if point not in corners and max(map(abs, point)) < 1:
            assert degree[n] == 2 or (degree[n] > 2 and segments.outputs is not None)


def levels_of(cx: pe.RegionComplex, regions: list[Polygon], data: st.DataObject) -> float:
    """Draw a level: the value at a vertex, if float64 holds it, or in the middle of a region, or 0."""
    choices = [0.0, float(cx(cx.interior_points[:1])[0, 0])]
    exact = [at(polygon.outputs[0], p) for polygon in regions for p in polygon.corners]
    choices += [float(x) for x in exact if abs(x) < 1e300 and Fraction(float(x)) == x]
    return data.draw(st.sampled_from(choices))


def check_level(cx: pe.RegionComplex, level: float, regions: list[Polygon] | None = None) -> None:
    regions = regions or polygons(cx)
    constant = (Fraction(0), Fraction(0), Fraction(level))
    wanted = expected(regions, lambda p: [p.outputs[0], constant], touching=True)
    found = cx.level_set(level)
    assert found.error <= 33 * (cx.vertex_error + 2.0**-52)
    compare(found, cx, regions, wanted)


def check_decision(cx: pe.RegionComplex, regions: list[Polygon] | None = None) -> None:
    regions = regions or polygons(cx)
    zero = (Fraction(0),) * 3
    single = cx.network.output_dim == 1
    wanted = expected(regions, lambda p: p.outputs + [zero] * single, touching=False)
    found = cx.decision_boundary()
    assert (found.outputs is None) == single
    compare(found, cx, regions, wanted)


def enumerated(net: Any) -> pe.RegionComplex:
    return pe.enumerate_regions(net, pe.Box(-1, 1, dim=2), threads=1)


small = st.one_of(
    generic_networks(dims=(2, 2), depth=(1, 2), width=5, outputs=1),
    degenerate_networks(dims=(2, 2), depth=(1, 2), width=3),
    near_miss_networks(dims=(2, 2), depth=(1, 2), width=3),
)


@st.composite
def with_outputs(draw: st.DrawFn) -> list:
    """Networks of two to four outputs, of which some may be equal, twice another, constant or opposite.

    Half of them are about 0 at one point, or exactly, so that many of the outputs meet there.
    """
    layers = draw(small)
    count = draw(st.integers(2, 4))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    width = np.shape(layers[-1][0])[1]
    if draw(st.booleans()):
        weight, bias = random.integers(-2, 3, (count, width)) / 1, random.integers(-1, 2, count) / 1
    else:
        weight, bias = random.normal(size=(count, width)), random.uniform(-0.5, 0.5, count)
    if draw(st.booleans()):
        hidden = pe.PiecewiseLinearNetwork.from_arrays([*layers[:-1], (np.eye(width), None)])
        bias = -(weight @ np.maximum(hidden(random.integers(-2, 3, 2) / 4), 0))
    twin = draw(st.sampled_from([None, 1, 2, 0, -1]))
    if twin is not None:
        weight[-1], bias[-1] = twin * weight[0], twin * bias[0]
    return [*layers[:-1], (weight, bias)]


@given(small, st.data())
def test_level_sets(layers: list, data: st.DataObject) -> None:
    cx = enumerated(layers)
    regions = polygons(cx)
    check_level(cx, levels_of(cx, regions, data), regions)


@given(with_outputs())
def test_decision_boundaries(layers: list) -> None:
    check_decision(enumerated(layers))


@share(0.5)
@given(small)
def test_the_only_output_changes_its_sign(layers: list) -> None:
    check_decision(enumerated(layers))


@given(
    st.one_of(small, with_outputs()),
    st.lists(st.sampled_from(["hardshrink", "threshold", "sign", "relu"]), min_size=1, max_size=3),
    st.data(),
)
def test_across_jumps(layers: list, kinds: list[str], data: st.DataObject) -> None:
    """The regions on the two sides of a jump have points of their own, and their own sides of the level."""
    cx = enumerated(with_jumps(layers, kinds))
    regions = polygons(cx)
    check_level(cx, levels_of(cx, regions, data), regions)
    check_decision(cx, regions)


@share(0.5)
@given(st.integers(0, 2**32 - 1), st.integers(2, 4), st.data())
def test_behind_maxima(seed: int, outputs: int, data: st.DataObject) -> None:
    random = np.random.default_rng(seed)
    table = pe.ActivationTable.maxima([3, 2])
    stages = [
        pe.Stage(random.integers(-2, 3, (5, 2)) / 2, random.integers(-1, 2, 5) / 2, table),
        pe.Stage(
            # All members of a maximum with one weight: one of them passes it on.
            random.integers(-1, 2, (outputs, 2))[:, [0, 0, 0, 1, 1]].astype(float),
            random.integers(-1, 2, outputs) / 2,
            pe.ActivationTable.identity(outputs),
        ),
    ]
    cx = enumerated(pe.PiecewiseLinearNetwork(stages))
    regions = polygons(cx)
    check_level(cx, levels_of(cx, regions, data), regions)
    check_decision(cx, regions)


@share(0.5)
@given(generic_networks(dims=(2, 2), depth=(1, 3), width=5, outputs=3))
def test_engines_agree_bit_for_bit_on_what_there_is(layers: list) -> None:
    box = pe.Box(-1, 1, dim=2)
    found = [
        pe.enumerate_regions(layers, box, engine=engine).decision_boundary()
        for engine in ("vertex", "exact")
    ]
    for name in ("regions", "flat", "outputs"):
        np.testing.assert_array_equal(*(getattr(f, name) for f in found))
    assert len(found[0].points) == len(found[1].points)


def test_a_dead_region_is_flat_and_has_no_lines() -> None:
    """Its stored map is 1e-16 noise; the true one is 0."""
    hidden = (
        [
            [-2.0653015691733536, -1.5289178255964235],
            [-2.923102794053825, -1.1331176435058707],
            [0.9030832179893343, 2.47001900129858],
            [-2.3716592180699543, -1.3708304907452507],
            [-0.7558780098765058, 1.1841052905826002],
        ],
        [-0.13823190567464913, 0.6674081116167953, -0.2502173788957538, 0.4536923163818529, 0.6780263489776414],
    )  # fmt: skip
    cx = enumerated([hidden, ([[0.0, -1.0, -2.0, 1.0, -2.0]], [0.0])])
    assert not cx[0].pattern.any()
    assert np.abs(cx[0].weight).max() > 0
    for found in (cx.level_set(), cx.decision_boundary()):
        assert found.flat.tolist() == [0]
        assert 0 not in found.regions
        inner = (np.abs(found.points) < 1).all(axis=1)
        degree = np.bincount(found.pieces.ravel(), minlength=len(inner))
        # Lines end at the flat region's border.
        border = {tuple(p) for p in cx[0].vertices.tolist()}
        loose = found.points[inner & (degree == 1)]
        edges = list(zip(cx[0].vertices, np.roll(cx[0].vertices, -1, axis=0), strict=True))
        for p in loose:
            assert tuple(p) in border or any(
                abs(np.cross([*(b - a), 0], [*(p - a), 0])[2]) < 1e-12 for a, b in edges
            )


def test_touching_is_a_level_and_no_decision() -> None:
    """|x| is 0 along an edge, without a change of sign; x y' has a change there."""
    absolute = [([[1.0, 0], [-1, 0]], [0, 0]), ([[1.0, 1]], [0.0])]
    cx = enumerated(absolute)
    found = cx.level_set()
    assert found.regions.tolist() == [0]
    assert sorted(found.ends[0].tolist()) == [[0, -1], [0, 1]]
    assert len(cx.decision_boundary()) == 0
    bent = [([[1.0, 0], [-1, 0]], [0, 0]), ([[2.0, -1]], [0.0])]
    assert (
        enumerated(bent).decision_boundary().ends.tolist()
        == enumerated(bent).level_set().ends.tolist()
    )
    assert len(enumerated(bent).level_set()) == 1
    # The same as a choice between two outputs.
    assert len(enumerated([absolute[0], ([[1.0, 1], [0, 0]], [0, 0])]).decision_boundary()) == 0
    assert len(enumerated([bent[0], ([[2.0, -1], [0, 0]], [0, 0])]).decision_boundary()) == 1


def test_three_outputs_meet_in_one_point() -> None:
    net = [([[1.0, 0.0]], [2.0]), ([[0.0], [0.0], [0.0]], [0, 0, 0])]
    weight = np.array([[1.0, 0], [-1, 1], [0, -1]])
    net = [(np.eye(2), [2.0, 2]), (weight, -weight @ [2.25, 2.125])]
    found = enumerated(net).decision_boundary()
    assert found.outputs is not None
    assert sorted(found.outputs.tolist()) == [[0, 1], [0, 2], [1, 2]]
    degree = np.bincount(found.pieces.ravel())
    assert found.points[degree == 3].tolist() == [[0.25, 0.125]]
    assert len(found.points) == 4


def test_three_outputs_meet_on_an_edge() -> None:
    """-x, x, and one that is -y below the edge y = 0, and touches the others from below at (0, 0)."""
    hidden = ([[1.0, 0], [0, 1], [0, 1]], [2.0, 2, 0])
    outputs = np.array([[-1.0, 0, 0], [1, 0, 0], [0, -1, -5], [0, -0.5, -1.5]])
    # The last is less below the edge, more above it, and equal on it: nowhere the largest but in (0, 0).
    for count in (3, 4):
        cx = enumerated([hidden, (outputs[:count], [2.0, -2, 2, 1][:count])])
        check_decision(cx)
        found = cx.decision_boundary()
        assert found.outputs is not None
        assert sorted(found.outputs.tolist()) == [[0, 1], [0, 2], [1, 2]]
        degree = np.bincount(found.pieces.ravel())
        assert found.points[degree == 3].tolist() == [[0, 0]]
        assert len(found.points) == 4


def test_outputs_equal_on_a_part_of_a_region() -> None:
    """Two outputs are one and the same, and the largest where the third is not: that part is flat."""
    found = enumerated([([[1.0, 0]], [2.0]), ([[1.0], [1], [0]], [-2, -2, 0])]).decision_boundary()
    assert found.flat.tolist() == [0]
    assert found.outputs is not None
    assert found.outputs.tolist() == [[0, 2]]
    assert sorted(found.ends[0].tolist()) == [[0, -1], [0, 1]]


def test_a_jump_is_no_crossing() -> None:
    """Its function is 1 and -1 on the two sides of x = 0, and never 0."""
    table = pe.ActivationTable.from_rows([ROWS["sign"]])
    stages = [
        pe.Stage(np.array([[1.0, 0]]), np.zeros(1), table),
        pe.Stage(np.array([[1.0]]), np.zeros(1), pe.ActivationTable.identity(1)),
    ]
    cx = enumerated(pe.PiecewiseLinearNetwork(stages))
    assert len(cx) == 2
    assert len(cx.level_set()) == len(cx.level_set().flat) == len(cx.decision_boundary()) == 0
    assert cx.level_set(-1).flat.tolist() == [0]
    assert cx.level_set(1.0).flat.tolist() == [1]


@pytest.mark.parametrize("scale", [1e-320, 1e-300, 1e-160, 1e150, 1e300])
def test_levels_of_tiny_and_huge_numbers(scale: float) -> None:
    """Values that underflow, or nearly overflow, have the signs that they have."""
    net = [([[1.0, 0.5], [-0.25, 1.0]], [0.125, 0]), ([[scale, -scale]], [0.0])]
    cx = enumerated(net)
    for level in (0.0, scale / 4, -scale / 4, 5e-324):
        check_level(cx, level)
    check_decision(cx)


def test_a_vertex_an_ulp_beside_the_level() -> None:
    """The level is the value at a vertex, or the next float: at the vertex, or not."""
    net = [([[1.0, 0.0], [0.0, 1.0]], [-0.3, -0.7]), ([[1.0, 1.0]], [0.1])]
    cx = enumerated(net)
    for level in (0.1, np.nextafter(0.1, 1), np.nextafter(0.1, 0)):
        check_level(cx, float(level))
    assert cx.level_set(0.1).flat.tolist() == [0]
    assert cx.level_set(np.nextafter(0.1, 1)).flat.tolist() == []
    assert len(cx.level_set(np.nextafter(0.1, 0))) == 0


@share(0.5)
@given(st.one_of(small, with_outputs()))
def test_values_at_vertices_lie_within_their_bounds(layers: list) -> None:
    cx = enumerated(layers)
    outputs = np.arange(cx.network.output_dim)
    values = vertex_values.VertexValues(cx, outputs, 0.5)
    corners = range(0, len(cx.corner_points), max(1, len(cx.corner_points) // 20))
    for corner in corners:
        vertex = cx.vertex_ids[corner]
        exact = values.exact(corner).values
        assert exact[-1] == 0.5
        for k, x in enumerate(exact):
            low, high = Fraction(values.low[vertex, k]), Fraction(values.high[vertex, k])
            assert low <= x <= high
            assert abs(Fraction(values.value[vertex, k]) - x) <= values.error[vertex, k]


def test_on_a_slice_of_a_larger_space() -> None:
    """Points are in the slice's own coordinates, and lines close there too."""
    net = random_network([5, 12, 12, 3], seed=4)
    corners = np.random.default_rng(0).normal(size=(3, 5))
    domain = pe.Slice.through(*corners, lower=-1, upper=2)
    cx = pe.enumerate_regions(net, domain, threads=1)
    level = float(np.median(cx(cx.centroids)[:, 1]))
    found = cx.level_set(level, output=1)
    assert len(found) > 5
    np.testing.assert_allclose(net(domain.embed(found.points))[:, 1], level, atol=1e-10)
    low, high = domain.bounding_box()
    inside = ((found.points > low) & (found.points < high)).all(axis=1)
    np.testing.assert_array_equal(np.bincount(found.pieces.ravel()), np.where(inside, 2, 1))
    boundary = cx.decision_boundary()
    values = np.sort(net(domain.embed(boundary.points)), axis=1)
    np.testing.assert_allclose(values[:, -1], values[:, -2], atol=1e-10)


def test_the_bound_on_values_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without it the noise of a float is a sign."""
    net = [([[1.0, 1.0], [1.0, 1.0 + 2.0**-52]], [0.1, 0.1]), ([[3.0, -3.0]], [0.3])]
    cx = enumerated(net)
    level = float(cx(cx.vertices[:1])[0, 0])
    check_level(cx, level)
    monkeypatch.setattr(vertex_values, "gamma", lambda n: 0.0)
    monkeypatch.setattr(vertex_values, "SMALLEST", 0.0)
    cx.map_error, cx.vertex_error = np.zeros((2, 1)), 0.0
    with pytest.raises(AssertionError, match=r"no way to match|flat|regions"):
        check_level(cx, level)


def test_the_bound_on_points_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without it a line that is all but parallel to an edge ends on it somewhere."""
    # On x = 0 it is 0.7 (2**-50 y + 0.1) - 0.07, of which 0.7 * 0.1 - 0.07 is no float.
    cx = enumerated([([[1.0, 0.0], [1.0, 2.0**-50]], [0, 0.1]), ([[-0.7, 0.7]], [-0.07])])
    regions = polygons(cx)
    check_level(cx, 0.0, regions)
    constant = (Fraction(0),) * 3
    wanted = expected(regions, lambda p: [p.outputs[0], constant], touching=True)
    by_floats = edge_breaks.Edges._crossings

    def believed(edges: Any, edge: Any) -> Any:
        found, sure = by_floats(edges, edge)
        return found, np.ones_like(sure)

    monkeypatch.setattr(edge_breaks.Edges, "_crossings", believed)
    found = cx.level_set()
    with pytest.raises(AssertionError, match="no way to match"):
        compare(found, cx, regions, wanted)
    monkeypatch.undo()
    compare(cx.level_set(), cx, regions, wanted)


def test_deep_networks_need_few_exact_values() -> None:
    """Bounds for every pattern would prove nothing there; those that a complex comes with do."""
    cx = enumerated(random_network([2, *[20] * 20, 1]))
    level = float(cx(cx.interior_points[:1])[0, 0])
    values = vertex_values.VertexValues(cx, np.zeros(1, np.int64), level)
    assert (sure_winners(values) < 0).sum() <= 2
    exact = [values.exact(corner) for corner in range(0, len(cx.corner_points), 37)]
    vertex = cx.vertex_ids[::37]
    for known, low, high in zip(exact, values.low[vertex], values.high[vertex], strict=True):
        assert low[0] <= known.values[0] <= high[0]


def test_what_has_no_level_sets() -> None:
    cx = enumerated(random_network([2, 8, 2]))
    for level in (np.nan, np.inf, "0", None, 2**53 + 1, Fraction(1, 3), [0.0], 10**400, 1j):
        with pytest.raises(pe.OptionError, match="level must be a finite number"):
            cx.level_set(level)
    for level in (0, np.float32(0.1), Fraction(1, 4), np.array(0.5)):
        assert len(cx.level_set(level).regions) == len(cx.level_set(float(level)).regions)
    for output in (0.0, "0", None):
        with pytest.raises(pe.OptionError, match="output must be an integer"):
            cx.level_set(output=output)
    with pytest.raises(
        pe.RegionError, match="output 2 of a network with 2 outputs: they are 0 to 1"
    ):
        cx.level_set(output=2)
    with pytest.raises(pe.RegionError, match="in 2-D"):
        pe.enumerate_regions(random_network([3, 4, 2]), pe.Box(-1, 1, dim=3)).decision_boundary()
    np.testing.assert_array_equal(cx.level_set(output=-1).ends, cx.level_set(output=1).ends)


def test_parts_and_raw_complexes_have_some_too() -> None:
    net = random_network([2, 16, 16, 3])
    box = pe.Box(-1, 1, dim=2)
    whole = enumerated(net).decision_boundary()
    part = pe.enumerate_regions(net, box, max_regions=20).decision_boundary()
    assert part.outputs is not None
    inner = whole.regions < 20
    np.testing.assert_array_equal(part.regions, whole.regions[inner])
    for options in ({"certified": False}, {"engine": "shapely"}):
        raw = pe.enumerate_regions(net, box, **options).decision_boundary()
        np.testing.assert_array_equal(raw.regions, whole.regions)


@share(0.25)
@given(st.one_of(small, with_outputs()), st.sampled_from(["vertex", "shapely"]))
def test_raw_complexes_contradict_themselves_in_peace(layers: list, engine: str) -> None:
    box = pe.Box(-1, 1, dim=2)
    raw = pe.enumerate_regions(layers, box, certified=False, engine=engine)
    for found in (raw.level_set(), raw.decision_boundary()):
        assert len(found.ends) == len(found.regions)
