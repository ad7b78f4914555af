"""What is true of every region complex, on networks too large for the reference."""

from __future__ import annotations

from math import comb

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import polyenum as pe
from tests.helpers.strategies import KINDS, Layers, degenerate_networks, generic_networks, share


def box_of(layers: Layers) -> pe.Box:
    """Return the box [-1, 1]^d of the network's inputs."""
    return pe.Box(-1, 1, dim=np.shape(layers[0][0])[1])


@given(generic_networks(dims=(1, 5), width=7))
@share(0.5)
def test_maps_vertices_and_volumes(layers: Layers) -> None:
    box = box_of(layers)
    cx = pe.enumerate_regions(layers, box)
    net = cx.network
    inside = cx.centroids
    np.testing.assert_array_equal(net.patterns(inside), cx.patterns)
    value = np.einsum("nok,nk->no", cx.weights, inside) + cx.biases
    np.testing.assert_allclose(value, net(inside), rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(cx.weights, net.gradients(inside), rtol=1e-9, atol=1e-9)
    assert len(np.unique(cx.patterns, axis=0)) == len(cx)
    assert cx.volumes.sum() == pytest.approx(2.0**box.dim, rel=1e-9)
    assert (cx.volumes > 0).all()
    assert (np.abs(cx.vertices) <= 1 + 1e-9).all()
    corner_owner = np.repeat(np.arange(len(cx)), np.diff(cx.vertex_offsets))
    points = cx.vertices[cx.vertex_ids]
    np.testing.assert_allclose(points, cx.corner_points, rtol=0, atol=1e-7)
    through_map = (
        np.einsum("nok,nk->no", cx.weights[corner_owner], points) + cx.biases[corner_owner]
    )
    np.testing.assert_allclose(through_map, net(points), rtol=1e-6, atol=1e-6)
    np.testing.assert_array_equal(cx.locate(inside), np.arange(len(cx)))
    np.testing.assert_allclose(cx(inside), net(inside), rtol=1e-9, atol=1e-9)
    assert (cx.locate(points) >= 0).all()


@given(
    st.one_of(
        generic_networks(dims=(1, 3)),
        # No cells so thin that no float64 number is inside.
        degenerate_networks(
            depth=(1, 3),
            width=6,
            # Centroids of regions thinner than floats tell are on their border, rounded.
            kinds=tuple(
                k for k in KINDS if k not in ("thin", "thinnest", "scaled", "subnormal", "huge")
            ),
        ),
    )
)
def test_facets_and_euler_characteristic(layers: Layers) -> None:
    cx = pe.enumerate_regions(layers, box_of(layers))
    assert cx.euler_characteristic == 1
    assert cx.f_vector[-1] == len(cx)
    assert cx.f_vector[0] == len(cx.vertices)
    assert (cx.adjacency != cx.adjacency.T).nnz == 0
    for region in cx:
        a, b = region.halfspaces
        assert len(a) == len(region.facets)
        scale = np.abs(a).max(axis=1)
        assert ((region.vertices @ a.T - b) / scale).max() < 1e-7
        assert ((region.centroid @ a.T - b) < 0).all()
        for facet in region.facets:
            assert (facet.neighbor is None) == bool(facet.sides)
            assert len(facet.vertices) >= cx.dim
            if facet.neighbor is not None:
                other = cx[facet.neighbor]
                flipped = np.flatnonzero(region.pattern != other.pattern)
                assert len(flipped) >= 1
                assert set(flipped) <= set(facet.units)
                assert region.index in other.neighbors
                back = [f for f in other.facets if f.neighbor == region.index]
                assert any(set(f.vertices) == set(facet.vertices) for f in back)


@given(generic_networks(dims=(2, 4), depth=(1, 3)))
def test_generic_facets_flip_one_unit(layers: Layers) -> None:
    cx = pe.enumerate_regions(layers, box_of(layers))
    i, j = cx.adjacent_pairs.T
    assert (cx.patterns[i] != cx.patterns[j]).sum(axis=1).max(initial=1) == 1


@given(st.integers(1, 4), st.integers(1, 9), st.integers(0, 2**32 - 1))
def test_one_generic_layer_has_zaslavskys_count(dim: int, units: int, seed: int) -> None:
    """Zaslavsky, "Facing up to arrangements", Memoirs of the AMS 154, 1975."""
    random = np.random.default_rng(seed)
    layers = [
        (random.normal(size=(units, dim)), random.normal(size=units)),
        (np.ones((1, units)), np.zeros(1)),
    ]
    # Large enough for every meeting point of dim hyperplanes of a moderate condition.
    size = 1e9
    assert pe.count_regions(layers, pe.Box(-size, size, dim=dim)) == sum(
        comb(units, k) for k in range(dim + 1)
    )


@pytest.mark.parametrize("depth", [1, 2, 5, 9])
def test_tent_maps_double_their_pieces(depth: int) -> None:
    """Telgarsky, "Benefits of depth in neural networks", COLT 2016."""
    layers = [(np.array([[1.0], [1.0]]), np.array([0, -0.5]))]
    layers += [(np.array([[2.0, -4.0], [2.0, -4.0]]), np.array([0, -0.5]))] * (depth - 1)
    layers += [(np.array([[2.0, -4.0]]), np.zeros(1))]
    cx = pe.enumerate_regions(layers, pe.Box(0, 1, dim=1))
    assert cx.linear_region_count == 2**depth
    np.testing.assert_array_equal(np.sort(cx.vertices.ravel()), np.arange(2**depth + 1) / 2**depth)


@given(generic_networks(dims=(1, 3), depth=(2, 3)), st.integers(0, 2**32 - 1))
def test_symmetries_leave_the_count(layers: Layers, seed: int) -> None:
    random = np.random.default_rng(seed)
    box = box_of(layers)
    count = pe.count_regions(layers, box)
    (w0, b0), (w1, b1), *rest = [(np.float64(w), np.float64(b)) for w, b in layers]
    order = random.permutation(len(b0))
    assert pe.count_regions([(w0[order], b0[order]), (w1[:, order], b1), *rest], box) == count
    scale = 2.0 ** random.integers(-8, 9, len(b0))
    scaled = [(w0 * scale[:, None], b0 * scale), (w1 / scale, b1), *rest]
    assert pe.count_regions(scaled, box) == count
    dead = [
        (np.vstack([w0, np.zeros(w0.shape[1])]), np.append(b0, -1.0)),
        (np.column_stack([w1, np.ones(len(b1))]), b1),
        *rest,
    ]
    assert pe.count_regions(dead, box) == count


@given(generic_networks(dims=(2, 3), depth=(1, 3)))
@settings(max_examples=15)
def test_slices_cut_what_the_box_has(layers: Layers) -> None:
    """On a slice, every region's pattern and map are those of the network there."""
    dim = np.shape(layers[0][0])[1]
    random = np.random.default_rng(0)
    corners = random.uniform(-1, 1, (3, dim))
    plane = pe.Slice.through(*corners) if dim > 1 else pe.Segment(corners[0], corners[1])
    cx = pe.enumerate_regions(layers, plane)
    inside = plane.embed(cx.centroids)
    np.testing.assert_array_equal(cx.network.patterns(inside), cx.patterns)
    np.testing.assert_allclose(cx(cx.centroids), cx.network(inside), rtol=1e-9, atol=1e-9)
    weights, biases = cx.input_maps()
    value = np.einsum("nok,nk->no", weights, inside) + biases
    np.testing.assert_allclose(value, cx.network(inside), rtol=1e-9, atol=1e-9)
    segment = pe.enumerate_regions(layers, pe.Segment(corners[0], corners[1]))
    assert segment.dim == 1
    assert segment.volumes.sum() == pytest.approx(1.0)
    along = cx.locate(np.column_stack([segment.centroids, np.zeros(len(segment))]))
    np.testing.assert_array_equal(cx.patterns[along], segment.patterns)
