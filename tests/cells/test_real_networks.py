"""ACAS Xu and MNIST; skipped where the files are not at hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime
import pytest

import polyenum as pe

DATA = Path(__file__).parents[3] / "shared" / "data"

pytestmark = pytest.mark.skipif(not DATA.exists(), reason="the files are not at hand")


def acas_xu(name: str, number: int) -> tuple[pe.PiecewiseLinearNetwork, pe.Domain]:
    """Return a network and the box of a property."""
    net = pe.load(DATA / "acasxu" / f"ACASXU_run2a_{name}_batch_2000.onnx")
    domain, prop = pe.load_vnnlib(DATA / "acasxu" / f"prop_{number}.vnnlib")
    assert {a.shape[1] for a, _ in prop.polyhedra} == {5}
    return net, domain


@pytest.mark.parametrize(
    ("name", "number", "regions"), [("1_1", 3, 71_930), ("3_3", 9, 338_599), ("4_5", 10, 41_088)]
)
def test_acas_xu_counts(name: str, number: int, regions: int) -> None:
    assert int(pe.count_regions(*acas_xu(name, number))) == regions


@pytest.mark.parametrize(("name", "number"), [("1_1", 3), ("3_3", 9), ("4_5", 10)])
def test_lp_cells_find_the_regions_of_the_vertex_cells(name: str, number: int) -> None:
    """In a part of each property's box, moved away from its corner."""
    net, domain = acas_xu(name, number)
    low, high = domain.bounding_box()
    size = {"1_1": 0.4, "3_3": 0.25, "4_5": 0.45}[name]
    box = pe.Box(low + 0.3 * (high - low), low + (0.3 + size) * (high - low))
    vertex = pe.enumerate_regions(net, box)
    lp = pe.enumerate_regions(net, box, engine="lp")
    assert 2_800 < len(vertex) == len(lp)
    ours, theirs = (np.unique(cx.packed_sides, axis=0) for cx in (vertex, lp))
    np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("name", ["1_1", "3_3", "4_5"])
def test_forward_equals_onnxruntime(name: str) -> None:
    path = DATA / "acasxu" / f"ACASXU_run2a_{name}_batch_2000.onnx"
    net = pe.load(path)
    session = onnxruntime.InferenceSession(path)
    for seed in range(20):
        x = np.random.default_rng(seed).uniform(-0.6, 0.6, (1, 1, 1, 5)).astype(np.float32)
        (expected,) = session.run(None, {"input": x})
        np.testing.assert_allclose(net(x.ravel()), expected.ravel(), rtol=1e-4, atol=1e-5)


def test_mnist() -> None:
    path = DATA / "mnist-net_256x2.onnx"
    net = pe.load(path)
    domain, prop = pe.load_vnnlib(DATA / "prop_0_0.03.vnnlib")
    assert (net.input_dim, net.output_dim, net.unit_count) == (784, 10, 512)
    assert (domain.dim, len(prop.polyhedra)) == (784, 9)
    session = onnxruntime.InferenceSession(path)
    low, high = domain.bounding_box()
    x = np.random.default_rng(0).uniform(low, high).astype(np.float32)
    (expected,) = session.run(None, {"0": x.reshape(1, 784, 1)})
    np.testing.assert_allclose(net(x), expected.ravel(), rtol=1e-4, atol=1e-4)
    plane = pe.Slice.through(low, high, x)
    cx = pe.enumerate_regions(net, plane)
    assert pe.check(cx, net, plane).regions == len(cx)
