"""The strategies that users get: what they draw, how it shrinks and prints, and that they find bugs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import find, given, settings
from hypothesis import strategies as st

import polyenum as pe
from polyenum.testing import (
    ACTIVATIONS,
    WEIGHT_KINDS,
    ReadableNetwork,
    domains,
    network,
    networks,
    points_inside,
    regions,
)
from polyenum.testing.domains import DOMAIN_KINDS
from tests.helpers.strategies import share

ANY = networks(
    inputs=(1, 4), outputs=(1, 2), activations=ACTIVATIONS, dtypes=("float16", "float32", "float64")
)


@given(ANY)
def test_networks_print_as_the_code_that_makes_them(net: ReadableNetwork) -> None:
    again = eval(repr(net), {"network": network})
    assert len(again.stages) == len(net.stages)
    for a, b in zip(net.stages, again.stages, strict=True):
        np.testing.assert_array_equal(a.weight, b.weight)
        np.testing.assert_array_equal(a.bias, b.bias)
        np.testing.assert_array_equal(a.activation.slopes, b.activation.slopes)
        np.testing.assert_array_equal(a.activation.intercepts, b.activation.intercepts)


@share(0.5)
@given(ANY, st.data())
def test_what_is_drawn_can_be_enumerated(net: ReadableNetwork, data: st.DataObject) -> None:
    kinds = [k for k in DOMAIN_KINDS if k != "slice" or net.input_dim > 1]
    if net.input_dim == 4:
        kinds = ["box", "segment"]
    domain = data.draw(domains(net.input_dim, kinds=kinds))
    cx = pe.enumerate_regions(net, domain)
    assert cx.complete
    region = data.draw(regions(cx))
    point = data.draw(points_inside(region))
    if region.volume > 1e-6:
        assert cx.locate(point) == region.index
    assert domain.contains(data.draw(points_inside(domain)))


def test_every_kind_is_drawn_as_it_says() -> None:
    for kind in WEIGHT_KINDS:
        find(networks(inputs=3, depth=2, width=4, weights=kind), lambda net: net.unit_count == 8)
    free = networks(inputs=2, weights="bias_free", width=3, depth=1)
    assert not find(free, lambda net: net.stages[0].weight.any()).stages[0].bias.any()
    twins = find(
        networks(inputs=2, weights="duplicated", width=2, depth=1),
        lambda net: net.stages[0].weight[1].any(),
    )
    assert np.linalg.matrix_rank(twins.stages[0].weight) == 1
    half = find(networks(dtypes="float16", weights="normal"), lambda net: True)
    for stage in half.stages:
        np.testing.assert_array_equal(stage.weight, stage.weight.astype(np.float16))


def test_examples_shrink_to_short_ones() -> None:
    """Two units whose creases cross in the box."""
    net = find(networks(inputs=2), lambda net: pe.count_regions(net, pe.Box(-1, 1, dim=2)) >= 4)
    assert net.unit_count <= 3
    assert max(np.abs(s.weight).max() for s in net.stages) <= 2


def test_refusals() -> None:
    with pytest.raises(pe.OptionError, match=r"width must be .*found \(3, 2\)"):
        networks(width=(3, 2))
    with pytest.raises(pe.OptionError, match=r"weights must be among 'integer'.*found 'odd'"):
        networks(weights="odd")
    with pytest.raises(pe.OptionError, match="kinds must be among 'box'"):
        domains(2, kinds="ball")
    with pytest.raises(pe.OptionError, match=r"activation must be one of 'relu'.*found 'tanh'"):
        network([([[1.0]], [0.0])], activation="tanh")


GUIDE = Path(__file__).parents[2] / "docs" / "property_testing.md"
EXAMPLE = Path(__file__).parents[2] / "examples" / "property_testing.py"


def test_the_guide_s_theorem_holds_and_its_conjecture_does_not(tmp_path: Path) -> None:
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-v",
            "-p",
            "no:cacheprovider",
            "-p",
            "no:xdist",
            str(EXAMPLE),
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert "1 failed, 1 passed" in done.stdout, done.stdout
    assert "FAILED" in done.stdout
    assert "test_conjecture_neighbors_have_different_maps" in done.stdout.split("FAILED")[-1]
    assert "net=network([" in done.stdout


def test_the_guide_shows_the_example_s_code() -> None:
    guide, example = GUIDE.read_text(), EXAMPLE.read_text()
    for name in ("test_theorem_across", "test_conjecture_neighbors"):
        body = example[example.index(f"def {name}") :].split("\n\n\n")[0]
        lines = [line for line in body.splitlines()[1:] if '"""' not in line]
        assert all(line in guide for line in lines)


@settings(max_examples=1)
@given(networks(inputs=2, weights="normal", depth=1))
def test_networks_are_usable_wherever_networks_are(net: ReadableNetwork) -> None:
    assert pe.load(net) is net
    assert pe.boundary_distance(net, [0.0, 0.0]).distance >= 0
