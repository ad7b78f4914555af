"""Rows of regions, what carries their facets, and points inside: against exact arithmetic."""

from __future__ import annotations

from decimal import Decimal, getcontext
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import polyenum as pe
from benchmarks.networks import random_network
from polyenum.arithmetic.integers import unit_row
from polyenum.models.load import load
from polyenum.networks.exact_forms import ExactForms
from polyenum.networks.pullback import PulledBack
from polyenum.networks.rays import ExactRays
from polyenum.proof.rational import RationalForms
from tests.helpers.strategies import Layers, degenerate_networks, generic_networks, share

ANY = st.one_of(
    generic_networks(dims=(1, 3), depth=(1, 3), width=5),
    degenerate_networks(dims=(1, 3), depth=(1, 3)),
)
ENGINES = st.sampled_from(["vertex", "lp"])


def enumerated(layers: Layers, engine: str = "vertex") -> pe.RegionComplex:
    box = pe.Box(-1, 1, dim=np.shape(layers[0][0])[1])
    return pe.enumerate_regions(layers, box, engine=engine, threads=1)


@given(
    st.lists(st.integers(-(10**30), 10**30), min_size=2, max_size=5).filter(lambda f: any(f[:-1]))
)
def test_unit_rows_are_rounded_correctly(form: list[int]) -> None:
    getcontext().prec = 120
    length = sum(Decimal(a) ** 2 for a in form[:-1]).sqrt()
    for x, found in zip(form, unit_row(tuple(form)), strict=True):
        exact = Decimal(x) / length
        for other in (np.nextafter(found, -np.inf), np.nextafter(found, np.inf)):
            assert abs(Decimal(found) - exact) <= abs(Decimal(float(other)) - exact)


@given(ANY, ENGINES)
@share(0.5)
def test_rows_are_those_of_the_real_regions(layers: Layers, engine: str) -> None:
    """A row's numbers are its exact ones, scaled to length 1; the region's points satisfy it."""
    cx = enumerated(layers, engine)
    rational = RationalForms(cx.network, cx.domain)
    for region in cx[:12]:
        A, b = region.halfspaces
        assert len(A) == len(region.facets) > cx.dim
        np.testing.assert_allclose(np.linalg.norm(A, axis=1), 1.0, rtol=1e-14)
        sides = cx.sides_of(np.array([region.index]))[0]
        for row, bound, facet in zip(A, b, cx._facet_rows(region.index), strict=True):
            exact = rational.label(facet.label, sides)
            sign = -1 if facet.label < 0 or sides[facet.label] else 1
            expected = unit_row(tuple(sign * x for x in integral(exact)))
            assert [*row.tolist(), -bound] == expected
        inside = cx.interior_points[region.index]
        if np.isfinite(inside).all():
            assert (A @ inside < b + 1e-12 * (1 + np.abs(b))).all()


def integral(row: list[Fraction]) -> list[int]:
    scale = max(x.denominator for x in row)
    assert all(scale % x.denominator == 0 for x in row)
    return [int(x * scale) for x in row]


def test_a_row_that_cancels_in_floats() -> None:
    """A named fault: the second layer's form is 0 x + 0 y in floats, and a facet's in truth."""
    net = [([[0.7, 0.1], [0.1, 0.2], [0.8, 0.3]], [0, 0, 0]), ([[1.0, 1, -1]], [0]), ([[1.0]], [0])]
    box = pe.Box(0, 1, dim=2)
    for engine in ("vertex", "lp"):
        cx = pe.enumerate_regions(net, box, engine=engine)
        for region in cx:
            A, _ = region.halfspaces
            np.testing.assert_allclose(np.linalg.norm(A, axis=1), 1.0)
            assert region.chebyshev_ball[1] > 0
            region.inscribed_ellipsoid()
            assert np.isfinite(region.project([3.0, 0.0])).all()
    rows = {(r.index, f.units) for r in pe.enumerate_regions(net, box) for f in r.facets if f.units}
    if len(cx) == 2:
        assert rows == {(0, (3,)), (1, (3,))}


@given(ANY, ENGINES)
@share(0.5)
def test_units_on_facets_and_units_that_flip(layers: Layers, engine: str) -> None:
    cx = enumerated(layers, engine)
    network, domain = cx.network, cx.domain
    rational = RationalForms(network, domain)
    vertex = cx if engine == "vertex" else enumerated(layers)
    np.testing.assert_array_equal(cx.packed_sides, vertex.packed_sides)
    for region in cx[:10]:
        sides = cx.sides_of(np.array([region.index]))[0]
        expected = {(f.units, f.sides, f.neighbor) for f in vertex[region.index].facets}
        assert {(f.units, f.sides, f.neighbor) for f in region.facets} == expected
        for facet in region.facets:
            if facet.neighbor is None:
                assert facet.flips is None
            else:
                differing = np.flatnonzero(cx.patterns[region.index] != cx.patterns[facet.neighbor])
                assert facet.flips == tuple(differing.tolist())
                assert set(facet.flips) <= set(facet.units)
            if engine == "lp":
                continue
            # A unit is listed if and only if its form is 0 at all exact vertices of the facet.
            points = [exact_corner(cx, rational, sides, region.index, v) for v in facet.vertices]
            for h in range(network.hyperplane_count):
                row = rational.label(h, sides)
                zero = all(
                    sum(a * x for a, x in zip(row, [*p, 1], strict=True)) == 0 for p in points
                )
                assert zero == (int(network.hyperplane_unit[h]) in facet.units)


def exact_corner(
    cx: pe.RegionComplex, rational: RationalForms, sides: np.ndarray, index: int, vertex: int
) -> list[Fraction]:
    """Return a region's vertex exactly: where its tight labels vanish."""
    from polyenum.proof.rational import meeting_point

    ids = cx.vertex_ids[cx.vertex_offsets[index] : cx.vertex_offsets[index + 1]]
    labels, on = cx._incidences(index)
    tight = labels[on[int(np.flatnonzero(ids == vertex)[0])]]
    point = meeting_point([rational.label(int(label), sides) for label in tight])
    assert point is not None
    return point


def test_equal_facets_are_equal() -> None:
    cx = pe.enumerate_regions(random_network([2, 4, 1], seed=0), pe.Box([-1, -1], [1, 1]))
    again = pe.enumerate_regions(random_network([2, 4, 1], seed=0), pe.Box([-1, -1], [1, 1]))
    assert cx[0].facets == again[0].facets
    assert len({*cx[0].facets, *again[0].facets}) == len(cx[0].facets) > 2
    assert cx[0] == cx[0] != again[0]
    assert len({cx[0], cx[0], cx[1]}) == 2


def test_units_that_touch_or_end_at_a_facet() -> None:
    """Named faults: a unit that is 0 on both sides' border without flipping, and one that is 0 on a whole side."""
    fold = [([[1.0], [-1.0]], [0, 0]), ([[1.0, 1.0]], [0]), ([[1.0]], [0])]
    for engine in ("vertex", "lp"):
        cx = enumerated(fold, engine)
        (facet,) = [f for f in cx[0].facets if f.neighbor is not None]
        assert (facet.units, facet.flips) == ((0, 1, 2), (0, 1))
        chain = enumerated([([[1.0]], [0]), ([[1.0]], [0]), ([[1.0]], [0])], engine)
        for region in chain:
            (facet,) = [f for f in region.facets if f.neighbor is not None]
            assert (facet.units, facet.flips) == ((0, 1), (0, 1))
        # A hyperplane on a side of the domain.
        side = enumerated([([[1.0, 0]], [-1.0]), ([[1.0]], [0])], engine)
        (facet,) = [f for f in side[0].facets if f.units]
        assert (facet.units, facet.flips, facet.sides, facet.neighbor) == ((0,), None, (1,), None)


@given(ANY, ENGINES)
@share(0.5)
def test_interior_points_are_inside(layers: Layers, engine: str) -> None:
    cx = enumerated(layers, engine)
    rational = RationalForms(cx.network, cx.domain)
    for region in cx[:20]:
        point = cx.interior_points[region.index]
        if np.isnan(point).any():
            with pytest.raises(pe.RegionError, match="thinner"):
                _ = region.interior_point
            continue
        sides = cx.sides_of(np.array([region.index]))[0]
        exact = [*(Fraction(x) for x in point.tolist()), Fraction(1)]
        for h in range(cx.network.hyperplane_count):
            row = rational.label(h, sides)
            number = sum(a * x for a, x in zip(row, exact, strict=True))
            assert not any(row) or ((number > 0) == bool(sides[h]) and number != 0)


def test_no_point_is_claimed_inside_of_what_holds_none() -> None:
    """A region between two neighbouring float64 numbers."""
    low = 0.75
    high = float(np.nextafter(low, 1))
    net = [([[1.0], [1.0]], [-low, -high]), ([[1.0, 1]], [0])]
    for engine in ("vertex", "lp"):
        cx = enumerated(net, engine)
        assert len(cx) == 3
        assert np.isnan(cx.interior_points[1]).all()
        assert np.isfinite(cx.interior_points[[0, 2]]).all()
        assert [f.neighbor for f in cx[1].facets] in ([0, 2], [2, 0])


@given(degenerate_networks(dims=(1, 3), depth=(1, 3)), st.integers(0, 2**32 - 1))
def test_forms_carried_back_are_those_carried_forward(layers: Layers, seed: int) -> None:
    network = load(layers)
    box = pe.Box(-1, 1, dim=network.input_dim)
    sides = np.random.default_rng(seed).integers(0, 2, network.hyperplane_count).astype(np.uint8)
    forward, back = ExactForms(network, box), PulledBack(network)
    wanted = list(range(network.hyperplane_count))
    for h, form in zip(wanted, back.hyperplanes(sides, wanted), strict=True):
        other = forward.hyperplane(h, sides)[0]
        assert all(
            a * other[k] == form[k] * b
            for k in range(len(form))
            for a, b in zip(form, other, strict=True)
        )
        assert [x > 0 for x in form] == [x > 0 for x in other]


@given(ANY, st.integers(0, 2**32 - 1))
@share(0.5)
def test_what_is_ahead_of_a_vertex(layers: Layers, seed: int) -> None:
    """Just ahead of a vertex in a random direction lies a region that has this vertex."""
    cx = enumerated(layers)
    rays = ExactRays(cx.network, cx.domain)
    random = np.random.default_rng(seed)
    rational = RationalForms(cx.network, cx.domain)
    region = cx[int(random.integers(len(cx)))]
    sides = cx.sides_of(np.array([region.index]))[0]
    vertex = int(random.choice(region.vertex_ids))
    corner = exact_corner(cx, rational, sides, region.index, vertex)
    scale = max(x.denominator for x in corner)
    scale = int(np.prod([x.denominator for x in corner], dtype=object)) if scale > 1 else 1
    towards = [Fraction(float(x)) for x in region.centroid]
    direction = [b - a for a, b in zip(corner, towards, strict=True)]
    whole = int(np.prod([x.denominator for x in direction], dtype=object))
    ahead = rays((*(int(x * scale) for x in corner), scale), [int(x * whole) for x in direction])
    found = np.packbits(ahead.sides, bitorder="little")
    if np.isfinite(cx.interior_points[region.index]).all() and region.volume > 1e-9:
        np.testing.assert_array_equal(found, cx.packed_sides[region.index])


def test_one_region_of_many_inputs() -> None:
    """The facets of one region are found without those of the others."""
    net = random_network([60, 12, 12, 1], seed=1)
    box = pe.Box(-0.05, 0.05, dim=60)
    cx = pe.enumerate_regions(net, box, engine="lp", max_regions=30)
    A, b = cx[3].halfspaces
    assert len(A) == len(b) == len(cx[3].facets)
    assert list(cx._program_facets._found) == [3]
    assert (A @ cx[3].interior_point < b).all()
