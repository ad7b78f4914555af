"""Sparse affine maps: the same regions as from dense ones, by every kind of cells."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_array
from torch import nn

import polyenum as pe
from polyenum.networks.weights import is_sparse
from tests.helpers.strategies import degenerate_networks, generic_networks, share


def thinned(layers: list, keep: float, seed: int) -> pe.PiecewiseLinearNetwork:
    """Return a network with some weights set to 0."""
    random = np.random.default_rng(seed)
    return pe.PiecewiseLinearNetwork.from_arrays(
        [(np.asarray(w) * (random.random(np.shape(w)) < keep), b) for w, b in layers]
    )


def sparse_of(net: pe.PiecewiseLinearNetwork) -> pe.PiecewiseLinearNetwork:
    """Return the same network with all its weights held sparse."""
    stages = [replace(stage, weight=csr_array(stage.weight)) for stage in net.stages]
    return pe.PiecewiseLinearNetwork(stages)


@share(0.3)
@given(
    st.one_of(generic_networks(dims=(1, 3)), degenerate_networks()),
    st.sampled_from([0.3, 0.7]),
    st.sampled_from(["vertex", "lp", "exact", "shapely"]),
)
def test_sparse_and_dense_networks_have_the_same_regions(
    layers: list, keep: float, engine: str
) -> None:
    net = thinned(layers, keep, 0)
    other = sparse_of(net)
    if engine == "shapely" and (net.input_dim != 2 or net.unit_count > 12):
        engine = "vertex"
    box = pe.Box(-1, 1, dim=net.input_dim)
    dense, sparse = (pe.enumerate_regions(n, box, engine=engine) for n in (net, other))
    if engine == "shapely":
        # Not certified: with other roundings, degenerate networks may come out otherwise.
        assert sparse.volumes.sum() == pytest.approx(dense.volumes.sum())
        return
    np.testing.assert_array_equal(dense.patterns, sparse.patterns)
    error = dense.map_error + sparse.map_error
    assert (np.abs(dense.weights - sparse.weights) <= error[0][:, None]).all()
    assert (np.abs(dense.biases - sparse.biases) <= error[1]).all()
    np.testing.assert_array_equal(dense.facet_table.neighbor, sparse.facet_table.neighbor)
    assert dense.linear_region_count == sparse.linear_region_count
    if sparse.has_vertices:
        assert pe.check(sparse, other, box).complete
    x = np.random.default_rng(0).uniform(-1, 1, (20, net.input_dim))
    np.testing.assert_allclose(net(x), other(x), rtol=1e-12, atol=1e-30)
    np.testing.assert_array_equal(dense.locate(x), sparse.locate(x))


@share(0.2)
@given(generic_networks(dims=(2, 3), depth=(2, 3)))
def test_neighborhoods_are_the_same(layers: list) -> None:
    net = thinned(layers, 0.5, 1)
    x = np.full(net.input_dim, 0.1)
    found = [pe.neighborhood(n, x, radius=0.5) for n in (net, sparse_of(net))]
    assert [len(f) for f in found] == [len(found[0])] * 2
    np.testing.assert_allclose(found[0].distances, found[1].distances, atol=1e-9)


def mnist_size() -> tuple[pe.PiecewiseLinearNetwork, np.ndarray]:
    """Return a CNN on 28 by 28 images and three images with blank margins."""
    torch.manual_seed(0)
    module = nn.Sequential(
        nn.Conv2d(1, 2, 5, stride=2), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(2, 4, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(16, 10),
    ).eval()  # fmt: skip
    images = np.zeros((3, 28, 28))
    random = np.random.default_rng(0)
    for image, (row, column) in zip(images, [(4, 10), (8, 6), (12, 14)], strict=True):
        image[row : row + 10, column : column + 4] = random.uniform(0.5, 1, (10, 4))
        image[row : row + 3, column : column + 10] = 1.0
    return pe.load(module, input_shape=(1, 28, 28)), images.reshape(3, -1)


def test_a_small_cnn_on_the_plane_of_three_images() -> None:
    """Where only one image is not blank, hundreds of differences of a max pool vanish on one line."""
    net, images = mnist_size()
    assert [is_sparse(stage.weight) for stage in net.stages] == [True, True, False, True, False]
    held = sum(
        s.weight.nbytes if not is_sparse(s.weight) else s.weight.data.nbytes for s in net.stages
    )
    assert held < 2e6
    plane = pe.Slice.through(*images)
    cx = pe.enumerate_regions(net, plane)
    assert cx.volumes.sum() == pytest.approx(1.0)
    t = np.random.default_rng(0).uniform(0, 1, (200, 2))
    known = {pattern.tobytes() for pattern in cx.patterns}
    assert all(pattern.tobytes() in known for pattern in net.patterns(plane.embed(t)))
    np.testing.assert_allclose(cx(t[:2]), net(plane.embed(t[:2])), atol=1e-9)


def test_a_small_cnn_is_proven() -> None:
    """A part of each image only, which holds blank margins and the ties that they make."""
    torch.manual_seed(0)
    module = nn.Sequential(
        nn.Conv2d(1, 2, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(2, 3, 2), nn.ReLU(), nn.Flatten(),
        nn.LazyLinear(1),
    )  # fmt: skip
    module(torch.zeros(1, 1, 10, 10))
    net = pe.load(module.eval(), input_shape=(1, 10, 10))
    images = mnist_size()[1].reshape(3, 28, 28)[:, 5:15, 7:17].reshape(3, -1)
    assert is_sparse(net.stages[0].weight)
    plane = pe.Slice.through(*images)
    cx = pe.enumerate_regions(net, plane)
    assert pe.check(cx, net, plane).complete
    dense = [
        replace(s, weight=s.weight.toarray() if is_sparse(s.weight) else s.weight)
        for s in net.stages
    ]
    other = pe.enumerate_regions(pe.PiecewiseLinearNetwork(dense), plane)
    np.testing.assert_array_equal(other.packed_sides, cx.packed_sides)
