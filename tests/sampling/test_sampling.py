"""Sampled counts: what the report says, held against brute force and against sampling done by hand."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from torch import nn

import polyenum as pe
from polyenum import plot, sampling
from polyenum.demo import grid_counts, train
from polyenum.sampling.floats import NumPyFloats
from polyenum.testing import networks
from tests.helpers.strategies import generic_networks


def random_layers(widths: list[int], seed: int = 0) -> list[tuple[Any, Any]]:
    random = np.random.default_rng(seed)
    return [
        (random.normal(size=(n, m)) * np.sqrt(2 / m), random.uniform(-1, 1, n))
        for m, n in zip(widths[:-1], widths[1:], strict=True)
    ]


def missed_by_brute_force(cx: pe.RegionComplex, points: np.ndarray) -> set[int]:
    """Return the activation regions of which every point violates a half-space."""
    found = set()
    for region in cx:
        A, b = region.halfspaces
        slack = b - points @ A.T
        # No point on a boundary, so that there is nothing to be argued about.
        assert np.abs(slack).min() > 0
        if not (slack > 0).all(axis=1).any():
            found.add(region.index)
    return found


CASES = {
    "2,32,32,32,1": (random_layers([2, 32, 32, 32, 1]), pe.Box(-1, 1, dim=2), "grid", 61),
    "1-D": (random_layers([1, 15, 15, 1]), pe.Box(-2.01, 2, dim=1), "grid", 300),
    "3-D": (random_layers([3, 8, 8, 2]), pe.Box(-1, 1, dim=3), "random", 2000),
    "hull": (
        random_layers([2, 12, 12, 1]),
        pe.Hull([[-1, -1.01], [1, 0.02], [0, 1.03]]),
        "grid",
        40,
    ),
}


def hold_against_brute_force(net: Any, domain: pe.Domain, where: str, resolution: int) -> int:
    """Hold the missed activation regions against those of brute force; return how many there are."""
    report = pe.verify_sampling(
        net, domain, method="patterns", sampling=where, resolution=resolution
    )
    sides = report.complex.domain.side_forms()
    extended = np.column_stack([report.points, np.ones(len(report.points))])
    inner = report.points[(sides @ extended.T > 0).all(axis=0)]
    # Points on the domain's sides see regions whose brute-force slack is 0 there.
    brute = missed_by_brute_force(report.complex, inner)
    missed = set(report.missed.tolist())
    assert missed <= brute
    on_sides = set(report.located.tolist()) - set(report.complex.locate(inner).tolist())
    assert brute - missed == on_sides
    return len(missed)


@pytest.mark.parametrize("name", CASES)
def test_missed_regions_are_those_of_brute_force(name: str) -> None:
    assert hold_against_brute_force(*CASES[name]) > 1


@pytest.mark.parametrize("widths", [[1, 10, 1], [2, 15, 1], [2, 15, 15, 1]])
def test_missed_regions_of_the_demo_s_networks(widths: list[int]) -> None:
    net, _ = train(widths, epochs=300)
    missed = hold_against_brute_force(net, pe.Box(-2, 2, dim=widths[0]), "grid", 40)
    assert missed > 0 or widths[0] == 1


def test_the_demo_s_networks() -> None:
    """The report of a trained network, by the rule that starts a region where slopes differ."""
    net, _ = train([1, 15, 15, 1], epochs=200)
    report = pe.verify_sampling(net, pe.Box(-2, 2, dim=1), method="slopes", resolution=200)
    assert report.exact_count == report.complex.linear_region_count
    seen = report.exact_count - len(report.missed)
    merged_away = sum(len(m.regions) - 1 for m in report.merged)
    assert report.sampled_count >= seen - merged_away


def test_patterns_on_a_grid_are_torch_s() -> None:
    """What a user's own loop over a grid counts, and what the report counts as sampled."""
    net, _ = train([2, 15, 15, 1], epochs=100)
    patterns, gradients = grid_counts(net, 2, resolution=200)
    box = pe.Box(-2, 2, dim=2)
    by_patterns = pe.verify_sampling(net, box, method="patterns", resolution=200)
    assert abs(by_patterns.sampled_count - patterns) <= 2  # points within an ulp of a crease
    assert by_patterns.sampled_count < by_patterns.exact_count
    by_gradients = pe.verify_sampling(net, box, resolution=200, exact=by_patterns.complex)
    assert by_gradients.setup.floats == "torch"
    assert abs(by_gradients.sampled_count - gradients) <= 2


@given(networks(inputs=2, outputs=(1, 2), weights=("quarters", "normal"), dtypes="float32"))
def test_gradients_are_torch_s(net: pe.PiecewiseLinearNetwork) -> None:
    layers: list[nn.Module] = []
    for i, stage in enumerate(net.stages):
        linear = nn.Linear(*reversed(stage.weight.shape)).double()
        with torch.no_grad():
            linear.weight.copy_(torch.from_numpy(stage.weight))
            linear.bias.copy_(torch.from_numpy(stage.bias))
        layers += [linear, nn.ReLU()] if i < len(net.stages) - 1 else [linear]
    module = nn.Sequential(*layers)
    points = np.random.default_rng(0).uniform(-1, 1, (50, 2))
    x = torch.from_numpy(points).requires_grad_()
    expected = [
        torch.autograd.grad(module(x)[:, k].sum(), x)[0].numpy() for k in range(net.output_dim)
    ]
    found = NumPyFloats(net, pe.Box(-1, 1, dim=2), "float64").gradients(points)
    np.testing.assert_allclose(found, np.concatenate(expected, axis=1), rtol=1e-12, atol=1e-12)


def test_gradients_on_a_slice_are_in_its_coordinates() -> None:
    layers = random_layers([5, 6, 2])
    plane = pe.Slice(np.arange(5) / 7, np.random.default_rng(0).normal(size=(5, 2)))
    report = pe.verify_sampling(layers, plane, resolution=5, dtype="float64")
    found = report.floats.gradients(report.points)
    own = report.complex.weights[report.located].reshape(len(found), -1)
    np.testing.assert_allclose(found, own, atol=1e-12)


def module_of(layers: list) -> nn.Sequential:
    """Return a float32 torch module of the layers."""
    found: list[nn.Module] = []
    for weight, bias in layers:
        linear = nn.Linear(*reversed(np.shape(weight)))
        with torch.no_grad():
            linear.weight.copy_(torch.tensor(weight))
            linear.bias.copy_(torch.tensor(bias))
        found += [linear, nn.ReLU()]
    return nn.Sequential(*found[:-1])


@pytest.mark.parametrize("kind", ["NumPy", "torch"])
def test_float_noise_splits_regions(kind: str) -> None:
    """The map is ``(1 + 2**-17) x`` on both sides of 0, on one as the sum of 1 and 128 times 2**-24.

    float32 cannot add 2**-24 to 1, in whatever order it adds (which differs within a batch), so raw gradients
    show two regions or more.
    """
    small = [2.0**-24] * 64
    layers = [
        (np.array([[-1.0]] + [[1.0]] * 129), np.zeros(130)),
        (np.array([[-(1 + 2.0**-17), *small, 1.0, *small]]), np.zeros(1)),
    ]
    net: Any = module_of(layers) if kind == "torch" else layers
    box = pe.Box(-1, 1, dim=1)
    raw = pe.verify_sampling(net, box, resolution=50)
    assert raw.setup.floats == kind
    assert raw.exact_count == 1 < raw.sampled_count
    assert raw.split == {0: raw.sampled_count}
    assert len(raw.complex) == 2
    assert f"1 regions are shown as {raw.sampled_count}" in str(raw)
    rounded = pe.verify_sampling(net, box, resolution=50, method="rounded", exact=raw.complex)
    assert (rounded.sampled_count, rounded.split) == (1, {})
    double = pe.verify_sampling(net, box, resolution=50, dtype="float64")
    assert (double.sampled_count, double.split) == (1, {})


def test_split_regions_are_those_with_several_gradients() -> None:
    layers, domain, *_ = CASES["2,32,32,32,1"]
    raw = pe.verify_sampling(layers, domain, resolution=100)
    patterns = pe.verify_sampling(layers, domain, method="patterns", resolution=100)
    assert len(raw.missed) == len(patterns.missed) > 400
    assert patterns.split == {}
    g = raw.floats.gradients(raw.points)
    assert raw.sampled_count == len(np.unique(g, axis=0))
    counts = {
        int(region): len(np.unique(g[raw.at == region], axis=0)) for region in np.unique(raw.at)
    }
    assert raw.split == {region: count for region, count in counts.items() if count > 1}


def test_gradients_of_torch_and_numpy_agree() -> None:
    layers = random_layers([3, 8, 8, 2])
    box = pe.Box(-1, 1, dim=3)
    found = [
        pe.verify_sampling(net, box, sampling="random", resolution=300)
        for net in (module_of(layers), layers)
    ]
    assert [r.setup.floats for r in found] == ["torch", "NumPy"]
    np.testing.assert_allclose(*(r.floats.gradients(r.points) for r in found), atol=1e-5)


@given(generic_networks(dims=(1, 2), depth=(1, 2), width=6, outputs=1))
def test_the_counts_add_up(layers: list) -> None:
    domain = pe.Box(-1, 1, dim=layers[0][0].shape[1])
    report = pe.verify_sampling(layers, domain, resolution=30, dtype="float64")
    frame = report.to_frame()
    assert len(frame) == report.exact_count
    assert frame["points"].sum() == len(report.points)
    assert frame["missed"].sum() == len(report.missed)
    assert report.volumes.sum() == pytest.approx(report.complex.volumes.sum())
    # Every sampled region has points; a class of one exact region is neither merged nor missed.
    classes = {(r, c) for r, c in zip(report.at.tolist(), report.labels.tolist(), strict=True)}
    assert len({c for _, c in classes}) == report.sampled_count
    assert sum(len(m.regions) > 1 for m in report.merged) == len(report.merged)
    assert json.loads(json.dumps(report.to_dict()))["exact_count"] == report.exact_count


@pytest.mark.parametrize("seed", [0, 2, 3])
def test_the_resolution_needed_sees_the_smallest_region(seed: int) -> None:
    layers = random_layers([2, 6, 5, 1], seed)
    domain = pe.Box([-1, -0.5], [1, 1.25])
    report = pe.verify_sampling(layers, domain, resolution=5)
    assert report.resolution_needed < 2000
    again = pe.verify_sampling(
        layers, domain, resolution=report.resolution_needed, exact=report.complex
    )
    assert report.smallest not in again.missed


def test_merged_regions() -> None:
    """Two tents: the same slopes come again, elsewhere; slopes 1 % apart are too close for the 1-D rule."""
    tents = [([[1.0]] * 4, [0, -1, -2, -3]), ([[1.0, -2.0, 2.0, -2.0]], [0])]
    report = pe.verify_sampling(tents, pe.Box(0.25, 4, dim=1), resolution=101)
    found = sorted((m.regions, m.same_gradient) for m in report.merged)
    assert found == [((0, 2), True), ((1, 3), True)]
    close = [([[1.0]] * 2, [1, 0]), ([[1.0, 0.005]], [0])]
    report = pe.verify_sampling(close, pe.Box(-1, 1, dim=1), method="slopes", resolution=50)
    assert [(m.regions, m.same_gradient) for m in report.merged] == [((0, 1), False)]
    assert "too close" in str(report)


def test_curves() -> None:
    layers, domain, *_ = CASES["hull"]
    report = pe.verify_sampling(layers, domain, method="patterns", resolution=5)
    curve = report.curve([5, 17, 65, 257])
    assert (np.diff(curve.seen) >= 0).all()  # each grid holds the one before
    assert curve.seen[-1] <= curve.exact == report.exact_count
    assert curve.to_frame().loc[5, "points"] == len(report.points)
    for figure in (
        plot.sampling(report),
        plot.sampling_curve(curve),
        plot.sampling(report, backend="plotly"),
        plot.sampling_curve(curve, backend="plotly"),
    ):
        assert figure is not None


def test_any_dimension() -> None:
    report = pe.verify_sampling(
        random_layers([10, 5, 1]), pe.Box(-1, 1, dim=10), sampling="random", resolution=500
    )
    assert report.complex.engine == "lp"
    assert np.isnan(report.missed_share)
    assert "unknown" in str(report)
    assert (report.missed_inradii > 0).all()


def test_points() -> None:
    triangle = pe.Hull([[0, 0], [1, 0], [0, 1]])
    assert len(sampling.grid(triangle, 3)) == 6
    points = sampling.random_points(triangle, 500, seed=1)
    assert len(points) == 500
    assert triangle.contains(points).all()
    np.testing.assert_array_equal(points, sampling.random_points(triangle, 500, seed=1))


def test_refusals() -> None:
    layers, domain, *_ = CASES["2,32,32,32,1"]
    with pytest.raises(pe.OptionError, match="method must be one of 'unique'"):
        pe.verify_sampling(layers, domain, method="odd")
    with pytest.raises(pe.OptionError, match="compares neighbours on a line"):
        pe.verify_sampling(layers, domain, method="slopes")
    with pytest.raises(pe.OptionError, match="resolution must be"):
        pe.verify_sampling(layers, domain, resolution=1)
    with pytest.raises(pe.OptionError, match="does without a grid"):
        pe.verify_sampling(random_layers([6, 2, 1]), pe.Box(-1, 1, dim=6), resolution=100)
    part = pe.enumerate_regions(layers, domain, max_regions=3)
    with pytest.raises(pe.RegionError, match="not complete"):
        pe.verify_sampling(layers, domain, exact=part)
    with pytest.raises(pe.RegionError, match="another network or domain"):
        pe.verify_sampling(layers, pe.Box(-2, 1, dim=2), exact=part)
