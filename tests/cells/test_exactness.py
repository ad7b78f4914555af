"""Engines against each other where the reference is too slow; options; what raw floats get wrong."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import polyenum as pe
from benchmarks.networks import random_network
from polyenum.networks.exact_forms import ExactForms
from tests.helpers.strategies import (
    Layers,
    degenerate_networks,
    generic_networks,
    near_miss_networks,
    share,
)


def compare(layers: Layers, domain: pe.Domain) -> None:
    """Compare the vertex cells with the exact cells, and have the result proven."""
    fast = pe.enumerate_regions(layers, domain)
    slow = pe.enumerate_regions(layers, domain, engine="exact")
    np.testing.assert_array_equal(fast.packed_sides, slow.packed_sides)
    np.testing.assert_array_equal(np.diff(fast.vertex_offsets), np.diff(slow.vertex_offsets))
    assert len(fast.vertices) == len(slow.vertices)
    assert (np.diff(fast.facet_table.offsets) == np.diff(slow.facet_table.offsets)).all()
    np.testing.assert_array_equal(fast.adjacent_pairs, slow.adjacent_pairs)
    slack = np.concatenate(
        [
            np.tile(fast.map_error[:1] + slow.map_error[:1], (domain.dim, 1)),
            fast.map_error[1:] + slow.map_error[1:],
        ]
    )
    assert (np.abs(fast.maps - slow.maps) <= slack * (1 + 1e-9)).all()
    np.testing.assert_array_equal(fast.linear_regions, slow.linear_regions)
    assert slow.certificate.float_signs == 0
    pe.check(fast, layers, domain)
    pe.check(slow, layers, domain)


@given(degenerate_networks(dims=(1, 3), depth=(1, 3), width=8))
@share(0.8)
def test_degenerate_networks(layers: Layers) -> None:
    compare(layers, pe.Box(-1, 1, dim=layers[0][0].shape[1]))


@given(degenerate_networks(dims=(4, 4), depth=(1, 3), width=5))
@share(0.4)
def test_degenerate_networks_in_four_dimensions(layers: Layers) -> None:
    compare(layers, pe.Box(-1, 1, dim=4))


@given(generic_networks(dims=(1, 3), depth=(1, 3), width=8))
@share(0.4)
def test_generic_networks(layers: Layers) -> None:
    compare(layers, pe.Box(-1, 1, dim=layers[0][0].shape[1]))


@given(degenerate_networks(dims=(1, 4), depth=(3, 3), width=10, kinds=("ternary", "float16")))
@share(0.1)
def test_three_layers_of_ten(layers: Layers) -> None:
    dim = layers[0][0].shape[1]
    compare(layers, pe.Box(-1, 1, dim=dim))


@given(near_miss_networks())
def test_hyperplanes_that_miss_a_vertex_by_an_ulp(layers: Layers) -> None:
    compare(layers, pe.Box(-1, 1, dim=layers[0][0].shape[1]))


@st.composite
def far_domains(draw: st.DrawFn) -> tuple[Layers, pe.Box]:
    """A degenerate network moved, with its box, far from the origin and made small or large."""
    layers = draw(
        degenerate_networks(dims=(1, 2), kinds=("ternary", "quarters", "sides", "pencil"))
    )
    (weight, bias), *rest = layers
    dim = weight.shape[1]
    size = 2.0 ** draw(st.integers(-30, 30))
    shift = np.array(draw(st.lists(st.integers(-(2**20), 2**20), min_size=dim, max_size=dim)))
    shift = shift * size
    moved = [(weight, bias * size - weight @ shift), *[(w, b * size) for w, b in rest]]
    return moved, pe.Box(shift - size, shift + size)


@given(far_domains())
def test_far_and_tiny_or_huge_domains(case: tuple[Layers, pe.Box]) -> None:
    compare(*case)


@given(degenerate_networks(dims=(3, 3), depth=(1, 2), width=5), st.integers(0, 2**32 - 1))
@share(0.4)
def test_slices_and_hulls(layers: Layers, seed: int) -> None:
    random = np.random.default_rng(seed)
    corners = random.integers(-2, 3, (4, 3)).astype(float)
    if np.linalg.matrix_rank(corners[1:] - corners[0]) == 3:
        compare(layers, pe.Slice.through(*corners[:3]))
        compare(layers, pe.Hull(corners))


@pytest.mark.parametrize("seed", range(3))
def test_duplicated_and_opposite_units_at_some_width(seed: int) -> None:
    random = np.random.default_rng(seed)
    layers = []
    for m, n in ((2, 12), (12, 12), (12, 1)):
        weight, bias = random.normal(size=(n, m)), random.normal(size=n)
        weight[n // 2 :], bias[n // 2 :] = -3 * weight[: n - n // 2], -3 * bias[: n - n // 2]
        layers.append((weight, bias))
    compare(layers, pe.Box(-1, 1, dim=2))


def test_a_cell_that_outgrows_the_first_buffers() -> None:
    """A cube with its corners cut off, and the corners' corners; the cell is always the upper part."""
    rows = [np.append(s * np.eye(3)[k], 1.0) for k in range(3) for s in (1, -1)]
    for depth in range(4):
        shape = pe.HPolytope(np.array(rows)[:, :3], np.array(rows)[:, 3])
        corners = list(zip(shape.vertices, shape.polytope.tight, strict=True))
        for corner, tight in corners:
            outwards = np.sum([rows[side][:3] for side in tight], axis=0)
            rows.append(np.append(outwards, outwards @ corner - 0.05 * 8.0**-depth))
    cuts = np.array(rows[6:])
    layers = [(-cuts[:, :3], cuts[:, 3]), (np.zeros((1, len(cuts))), np.zeros(1))]
    cx = pe.enumerate_regions(layers, pe.Box(-1, 1, dim=3))
    expected = pe.HPolytope(np.array(rows)[:, :3], np.array(rows)[:, 3]).vertices
    inner = cx[-1]
    assert inner.pattern.all()
    assert len(expected) == len(inner.vertices) == 8 * 3**4
    gap = np.abs(expected[:, None, :] - inner.vertices[None, :, :]).max(axis=2).min(axis=1)
    assert gap.max() <= cx.vertex_error
    assert cx.volumes.sum() == pytest.approx(8)


def test_certificates_tell_how() -> None:
    net = random_network([2, 10, 10, 1])
    box = pe.Box(-1, 1, dim=2)
    count = len(pe.enumerate_regions(net, box))
    fast = pe.enumerate_regions(net, box).certificate
    assert fast.certified
    assert fast.exact_signs == fast.exact_cells == 0
    assert fast.float_signs > count
    assert fast.box_signs > 0
    slow = pe.enumerate_regions(net, box, engine="exact").certificate
    assert slow.certified
    assert slow.exact_signs > 0
    assert slow.float_signs == slow.box_signs == 0
    raw = pe.enumerate_regions(net, box, certified=False)
    assert not raw.certificate.certified
    assert len(raw) == count
    pencil = np.array([[3.0**13, 1], [3.0**13, 2], [1, -3], [2, 5]]), np.array([0.0, 0, 0, 0])
    mixed = pe.enumerate_regions(
        [pencil, (np.ones((1, 4)), [0])], pe.Box(-0.75, 1, dim=2)
    ).certificate
    assert mixed.certified
    assert mixed.exact_cells > 0
    assert mixed.exact_signs >= mixed.exact_cells
    assert "certified=True" in repr(mixed)


def test_engines_everywhere() -> None:
    net, box = random_network([2, 6, 6, 1]), pe.Box(-1, 1, dim=2)
    count = pe.count_regions(net, box)
    assert pe.count_regions(net, box, engine="exact") == count
    assert pe.count_regions(net, box, engine="vertex", certified=False) == count
    assert sum(len(c) for c in pe.iter_regions(net, box, engine="exact", chunk_size=9)) == count
    part = pe.enumerate_regions(net, box, engine="exact", max_regions=5)
    assert (len(part), part.complete) == (5, False)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"engine": "lp2"}, "engine must be one of"),
        ({"engine": "exact", "certified": False}, "always certified"),
        ({"certified": 1}, "certified must be True or False"),
    ],
)
def test_bad_options(options: dict, message: str) -> None:
    net, box = random_network([2, 3, 1]), pe.Box(-1, 1, dim=2)
    for function in (pe.enumerate_regions, pe.count_regions, pe.iter_regions):
        with pytest.raises(pe.OptionError, match=message):
            function(net, box, **options)


def test_raw_floats_are_wrong_where_bounds_are_needed() -> None:
    """What certification is for: eight lines through one point."""
    random = np.random.default_rng(0)
    wrong = 0
    for _ in range(20):
        weight = random.normal(size=(8, 2))
        point = random.normal(size=2) / 4
        layers = [(weight, np.zeros(8)), (np.ones((1, 8)), np.zeros(1))]
        shifted = pe.Box(point - 1, point + 1)
        right = pe.count_regions(layers, shifted)
        assert right == pe.count_regions(layers, shifted, engine="exact")
        wrong += pe.count_regions(layers, shifted, certified=False) != right
    assert wrong > 0


def test_raw_floats_that_contradict_each_other_say_so() -> None:
    net = random_network([3, 32, 32, 1])
    free = pe.PiecewiseLinearNetwork.from_arrays([(s.weight, None) for s in net.stages])
    with pytest.raises(pe.NumericalError, match="certified=True does not"):
        pe.count_regions(free, pe.Box(-1, 1, dim=3), certified=False)


def test_coincident_hyperplanes_share_one_facet_and_flip_together() -> None:
    rows = np.array([[1.0, 0], [-2, 0], [3, 0], [0, 1]])
    cx = pe.enumerate_regions([(rows, np.zeros(4)), (np.ones((1, 4)), [0])], pe.Box(-1, 1, dim=2))
    assert len(cx) == 4
    for region in cx:
        inner = {f.units: f.neighbor for f in region.facets if f.neighbor is not None}
        assert set(inner) == {(0, 1, 2), (3,)}
        across = cx[inner[0, 1, 2]].pattern
        assert np.flatnonzero(across != region.pattern).tolist() == [0, 1, 2]


def test_a_hyperplane_on_a_side_of_the_domain_is_no_cut() -> None:
    rows = np.array([[1.0, 0], [-1, 0], [1, 1]])
    layers = [(rows, np.array([1.0, 1, -2])), (np.ones((1, 3)), [0])]
    cx = pe.enumerate_regions(layers, pe.Box(-1, 1, dim=2))
    assert cx.patterns.tolist() == [[1, 1, 0]]
    on_sides = {f.sides: f.units for f in cx[0].facets}
    assert on_sides == {(0,): (0,), (1,): (1,), (2,): (), (3,): ()}


def test_a_unit_that_vanishes_on_a_region_is_off_there() -> None:
    # z = relu(x) - relu(2x)/2 is 0 everywhere; relu(x) - relu(y) only where both are off.
    layers = [
        (np.array([[1.0, 0], [2, 0], [0, 1]]), np.zeros(3)),
        (np.array([[1.0, -0.5, 0], [1, 0, -1]]), np.zeros(2)),
        (np.ones((1, 2)), np.zeros(1)),
    ]
    box = pe.Box(-1, 1, dim=2)
    cx = pe.enumerate_regions(layers, box)
    assert not cx.patterns[:, 3].any()
    off = cx.patterns[(cx.patterns[:, :3] == 0).all(axis=1)]
    assert off.tolist() == [[0, 0, 0, 0, 0]]
    assert cx.euler_characteristic == 1
    pe.check(cx, layers, box)


@pytest.mark.parametrize("share", [0.9, 1.1])
def test_outputs_that_are_mostly_zero_need_no_exact_maps(
    share: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the outputs can be at most says how accurate they must be, not where they happen to be 0."""
    box = pe.Box(-1, 1, dim=2)
    layers = [(s.weight, s.bias) for s in random_network([2, 24, 24, 1], seed=0).stages]
    plain = pe.enumerate_regions(layers, box)
    top = float(plain.network(plain.vertices).max())
    layers[-1] = layers[-1][0], layers[-1][1] - share * top
    monkeypatch.delattr(ExactForms, "after_activation")
    cx = pe.enumerate_regions([*layers, ([[1.0]], [0.0])], box)
    assert len(cx) >= len(plain)
    assert (np.abs(cx.weights).max() > 0) == (share < 1)
    assert pe.check(cx, cx.network, box).complete
