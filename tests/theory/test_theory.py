"""Exact counts beside the theory."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import polyenum as pe
from polyenum import theory
from tests.helpers.strategies import degenerate_networks, generic_networks


@given(st.one_of(generic_networks(dims=(1, 3), depth=(1, 3)), degenerate_networks()))
def test_no_network_has_more_regions_than_the_bounds_say(layers: list) -> None:
    inputs, hidden = np.shape(layers[0][0])[1], [len(b) for _, b in layers[:-1]]
    found = int(pe.count_regions(layers, pe.Box(-100, 100, dim=inputs)))
    upper = theory.bounds(layers)
    assert found <= upper["serra_2018"] <= upper["montufar_2017"] <= 2 ** sum(hidden)
    if inputs == 1:
        assert found <= upper["arora_2018"]
    if len(hidden) == 1:
        assert upper["serra_2018"] == theory.zaslavsky(hidden[0], inputs)


def serra_by_its_formula(inputs: int, hidden: list[int]) -> int:
    total = 0
    for j in itertools.product(*(range(n + 1) for n in hidden)):
        ranks = [
            min([inputs, n, *(hidden[k] - j[k] for k in range(i))]) for i, n in enumerate(hidden)
        ]
        if all(a <= b for a, b in zip(j, ranks, strict=True)):
            total += math.prod(math.comb(n, a) for n, a in zip(hidden, j, strict=True))
    return total


@given(st.integers(1, 4), st.lists(st.integers(1, 5), min_size=1, max_size=4))
def test_serra_is_its_formula(inputs: int, hidden: list[int]) -> None:
    assert theory.serra_2018(inputs, hidden) == serra_by_its_formula(inputs, hidden)


@pytest.mark.parametrize("dim", [1, 2, 3, 4])
@pytest.mark.parametrize("n", [1, 3, 6, 9])
def test_generic_arrangements_attain_zaslavsky(n: int, dim: int) -> None:
    normals, offsets = theory.generic_arrangement(n, dim, seed=n)
    net = [(normals, offsets), (np.ones((1, n)), [0])]
    assert int(pe.count_regions(net, pe.Box(0, 1, dim=dim))) == theory.zaslavsky(n, dim)


@pytest.mark.parametrize(
    ("inputs", "hidden"), [(1, [3, 2, 4]), (1, [1, 5]), (2, [4, 4, 5]), (2, [5, 7]), (3, [6, 7])]
)
def test_folding_attains_montufar(inputs: int, hidden: list[int]) -> None:
    net = theory.folding_network(inputs, hidden)
    cx = pe.enumerate_regions(net, pe.Box(0, 1, dim=inputs))
    assert len(cx) == theory.montufar_2014(inputs, hidden) <= theory.serra_2018(inputs, hidden)
    assert [len(s.bias) for s in net.stages] == [*hidden, 1]


@pytest.mark.parametrize("depth", [1, 2, 7])
def test_tents(depth: int) -> None:
    cx = pe.enumerate_regions(theory.tent_map(depth), pe.Box(0, 1, dim=1))
    assert len(cx) == cx.linear_region_count == 2**depth <= theory.arora_2018([2] * depth)
    assert set(np.abs(cx.weights).ravel()) == {2.0**depth}


def test_random_networks_have_few_regions_on_average() -> None:
    """As many as Hanin and Rolnick say, at most, whatever the depth."""
    random = np.random.default_rng(0)
    for hidden in ([24], [12, 12], [8, 8, 8], [6, 6, 6, 6]):
        counts = []
        for _ in range(30):
            widths = [2, *hidden, 1]
            layers = [
                (random.normal(size=(n, m)) * np.sqrt(2 / m), random.normal(size=n))
                for m, n in zip(widths[:-1], widths[1:], strict=True)
            ]
            counts.append(int(pe.count_regions(layers, pe.Box(-1, 1, dim=2))))
        assert 20 < np.mean(counts) <= theory.hanin_rolnick_2019(2, hidden, volume=4.0)


def test_refusals() -> None:
    with pytest.raises(pe.OptionError, match="hidden must name at least one"):
        theory.serra_2018(2, [])
    with pytest.raises(
        pe.OptionError, match=r"inputs must be a whole number from 1 to 100,000, found 0"
    ):
        theory.montufar_2017(0, [2])
    with pytest.raises(pe.OptionError, match="from 2 to 100,000, found 1"):
        theory.folding_network(2, [1, 3])
    leaky = pe.Stage(
        np.eye(1),
        np.zeros(1),
        pe.ActivationTable.uniform(1, breakpoints=[0], slopes=[0.5, 1]),
        "layer 0",
    )
    net = pe.PiecewiseLinearNetwork(
        [leaky, pe.Stage(np.eye(1), np.zeros(1), pe.ActivationTable.identity(1))]
    )
    with pytest.raises(pe.NetworkError, match="layer 0: not a plain layer of ReLUs"):
        theory.bounds(net)
    assert theory.hanin_rolnick_2019(5, [3]) == 8


def test_bounds_on_a_slice_count_its_own_dimension() -> None:
    random = np.random.default_rng(1)
    net = [
        (random.normal(size=(7, 784)), random.normal(size=7)),
        (random.normal(size=(6, 7)), random.normal(size=6)),
        (random.normal(size=(1, 6)), np.zeros(1)),
    ]
    plane = pe.Slice(np.zeros(784), random.normal(size=(784, 2)), lower=-1, upper=1)
    whole, here = theory.bounds(net), theory.bounds(net, domain=plane)
    assert whole["serra_2018"] == theory.serra_2018(784, [7, 6])
    assert here == {
        "montufar_2017": theory.montufar_2017(2, [7, 6]),
        "serra_2018": theory.serra_2018(2, [7, 6]),
    }
    assert pe.count_regions(net, plane) <= here["serra_2018"] < whole["serra_2018"]
    line = theory.bounds(net, domain=pe.Segment(np.zeros(784), np.ones(784)))
    assert line["arora_2018"] == theory.arora_2018([7, 6])
    with pytest.raises(pe.DomainError, match="lies in 2 dimensions"):
        theory.bounds(net, domain=pe.Box(-1, 1, dim=2))
