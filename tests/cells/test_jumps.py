"""Activations that jump: the same regions from every kind of cells, proven, and cut open along the jumps."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

import polyenum as pe
from polyenum.models import activations as pieces
from polyenum.testing import network
from tests.helpers.strategies import degenerate_networks, generic_networks, share

ROWS = {
    "hardshrink": ([-0.25, 0.25], [1.0, 0.0, 1.0], [0.0, 0.0, 0.0]),
    "threshold": pieces.threshold(0.125, -1.0),
    "sign": ([0.0], [0.0, 0.0], [-1.0, 1.0]),
    "relu": pieces.RELU,
}


def with_jumps(layers: list, kinds: list[str]) -> pe.PiecewiseLinearNetwork:
    """Return a network whose units take their activations from `kinds` in turn."""
    net = pe.PiecewiseLinearNetwork.from_arrays(layers)
    stages = []
    for stage in net.stages[:-1]:
        rows = [ROWS[kinds[k % len(kinds)]] for k in range(len(stage.bias))]
        table = pe.ActivationTable.from_rows(rows)
        stages.append(pe.Stage(stage.weight, stage.bias, table, stage.name))
    return pe.PiecewiseLinearNetwork([*stages, net.stages[-1]])


networks = st.builds(
    with_jumps,
    st.one_of(
        generic_networks(dims=(1, 3), depth=(1, 3), width=4), degenerate_networks(depth=(1, 2))
    ),
    st.lists(st.sampled_from(list(ROWS)), min_size=1, max_size=4).filter(
        lambda kinds: kinds[0] != "relu"
    ),
)


@share(0.25)
@given(networks)
def test_engines_agree_and_the_result_is_proven(net: pe.PiecewiseLinearNetwork) -> None:
    assert net.has_jumps
    box = pe.Box(-1, 1, dim=net.input_dim)
    cx = pe.enumerate_regions(net, box)
    exact = pe.enumerate_regions(net, box, engine="exact")
    np.testing.assert_array_equal(cx.patterns, exact.patterns)
    assert pe.check(cx, net, box).complete
    by_programs = pe.enumerate_regions(net, box, engine="lp")
    np.testing.assert_array_equal(cx.patterns, by_programs.patterns)
    # Where a unit that jumps is at its breakpoint, but on one piece on both sides, only LP cells name a neighbor.
    pairs, others = (set(map(tuple, x.adjacent_pairs.tolist())) for x in (cx, by_programs))
    assert pairs <= others
    sides = cx.sides_of(np.arange(len(cx)))[:, net.jumps]
    for a, b in others - pairs:
        np.testing.assert_array_equal(sides[a], sides[b])


@given(networks)
def test_values_and_points(net: pe.PiecewiseLinearNetwork) -> None:
    box = pe.Box(-1, 1, dim=net.input_dim)
    cx = pe.enumerate_regions(net, box)
    t = np.random.default_rng(0).uniform(-1, 1, (100, net.input_dim))
    at = cx.locate(t)
    assert (at >= 0).all()
    np.testing.assert_array_equal(cx.patterns[at], net.patterns(t))
    largest = np.abs(net(t)).max()
    np.testing.assert_allclose(cx(t), net(t), rtol=1e-9, atol=1e-9 * (1 + largest))
    # Corners belong to some region, and that one's closure holds them.
    near = cx.locate(cx.corner_points)
    assert (near >= 0).all()


def test_across_a_jump_there_is_no_neighbor() -> None:
    """A unit behind a jump has its crease in two places: the regions on both sides do not fit."""
    net = pe.PiecewiseLinearNetwork(
        [
            pe.Stage(
                np.array([[1.0, 0.0], [0.0, 1.0]]),
                np.zeros(2),
                pe.ActivationTable.from_rows([ROWS["sign"], ([], [1.0], 0.0)]),
            ),
            pe.Stage(np.array([[0.5, 1.0]]), np.zeros(1), pe.ActivationTable.relu(1)),
        ]
    )
    box = pe.Box(-1, 1, dim=2)
    cx = pe.enumerate_regions(net, box)
    assert len(cx) == 4
    assert sorted(cx.volumes) == [0.5, 0.5, 1.5, 1.5]
    assert cx.adjacent_pairs.tolist() == [[0, 1], [2, 3]]
    jumping = [f for r in cx for f in r.facets if f.units == (0,)]
    assert len(jumping) == 4
    assert all(f.neighbor is None for f in jumping)
    # Two pieces of plane, each of two regions.
    assert cx.euler_characteristic == 2
    assert pe.check(cx, net, box).complete
    with pytest.raises(pe.NetworkError, match="jumps"):
        pe.neighborhood(net, [0.5, 0.5], radius=1)
    assert pe.boundary_distance(net, [0.25, 0.5]).distance == pytest.approx(0.25)


def test_a_lost_region_is_found_missing() -> None:
    """Where facets have no partners, volumes say that a region is missing."""
    net = with_jumps([(np.eye(2), np.zeros(2)), (np.ones((1, 2)), np.zeros(1))], ["sign"])
    box = pe.Box(-1, 1, dim=2)
    part = pe.enumerate_regions(net, box, max_regions=3)
    part.complete = True
    with pytest.raises(pe.CheckError, match=r"uncovered|sum is off"):
        pe.check(part, net, box)


def test_tables_of_jumps() -> None:
    table = pe.ActivationTable.from_rows([ROWS["sign"], pieces.RELU, pieces.threshold(0, 0)])
    assert table.jumps.tolist() == [True, False, False]
    assert table.is_relu.tolist() == [False, True, True]
    joined = pe.ActivationTable.concatenate([pe.ActivationTable.relu(1), table])
    assert joined.jumps.tolist() == [False, True, False, False]
    np.testing.assert_array_equal(joined([[1.0, 2, -3, 4]]), [[1, 1, 0, 4]])
    with pytest.raises(pe.NetworkError, match="2 slopes need as many intercepts, found 1"):
        pe.ActivationTable.from_rows([([0.0], [1.0, 2.0], [0.0])])


class Behind(nn.Module):
    """An activation of what is constant on whole regions: a sum of signs, with whole weights."""

    def __init__(self, activation: Callable[[torch.Tensor], torch.Tensor]) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first, self.second = nn.Linear(2, 4).double(), nn.Linear(4, 5, bias=False).double()
        with torch.no_grad():
            self.second.weight.copy_(torch.randint(-1, 2, (5, 4)).double())
        self.activation = activation

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.activation(self.second(torch.sign(self.first(x))))


@pytest.mark.parametrize(
    "activation",
    [
        torch.sign,
        lambda z: torch.sign(torch.sign(z)),
        nn.Hardshrink(1.0),
        nn.Hardshrink(2.0),
        lambda z: nn.functional.hardshrink(z, 0.0),
        nn.Softshrink(1.0),
        nn.Threshold(1.0, -7.0),
        nn.Threshold(-1.0, -7.0),
        lambda z: -torch.sign(-z) * 3,
    ],
)
def test_values_at_breakpoints_fill_regions(
    activation: Callable[[torch.Tensor], torch.Tensor],
) -> None:
    """Behind a sign, pre-activations are whole numbers: at a breakpoint on whole regions."""
    module = Behind(activation)
    box = pe.Box(-2, 2, dim=2)
    for engine in ("vertex", "lp", "exact"):
        cx = pe.enumerate_regions(module, box, engine=engine)
        inside = cx.interior_points
        with torch.no_grad():
            wanted = module(torch.tensor(inside)).numpy()
        np.testing.assert_array_equal(cx(inside), wanted)
        np.testing.assert_array_equal(cx.network(inside), wanted)
    assert pe.check(pe.enumerate_regions(module, box), module, box).complete
    # At a breakpoint, where no region is.
    net = pe.load(Alone(activation))
    z = np.arange(-3.0, 4.0)[:, None]
    with torch.no_grad():
        np.testing.assert_array_equal(net(z), activation(torch.tensor(z)).numpy())


class Alone(nn.Module):
    """An activation of one number."""

    def __init__(self, activation: Callable[[torch.Tensor], torch.Tensor]) -> None:
        super().__init__()
        self.first, self.activation = nn.Linear(1, 1).double(), activation
        nn.init.ones_(self.first.weight)
        nn.init.zeros_(self.first.bias)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.activation(self.first(x))


def test_signs_of_readable_networks() -> None:
    layers = [
        ([[1, 0], [0, 1]], [0, 0]),
        (np.array([[1, 1], [1, 0]], np.uint8), [0, 0]),
        ([[1, 5]], [0]),
    ]
    net = network(layers, activation="sign")
    points = np.array([[1.0, -1], [-1, 1], [1, 1], [-1, -1], [2, 0]])
    signs = np.sign(points)
    wanted = np.sign(signs.sum(axis=1)) + 5 * signs[:, 0]
    np.testing.assert_array_equal(net(points)[:, 0], wanted)
    cx = pe.enumerate_regions(net, pe.Box(-2, 2, dim=2))
    np.testing.assert_array_equal(cx(points[:4])[:, 0], wanted[:4])
