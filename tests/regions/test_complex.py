"""The complex and its views: shapes, names, points, linear regions, what is said of them."""

from __future__ import annotations

import numpy as np
import pytest
import shapely

import polyenum as pe
from benchmarks.networks import random_network
from polyenum.networks.modular import ModularMaps


@pytest.fixture(scope="module")
def cx() -> pe.RegionComplex:
    return pe.enumerate_regions(random_network([2, 8, 8, 3], seed=1), pe.Box(-1, 1, dim=2))


def test_shapes(cx: pe.RegionComplex) -> None:
    n = len(cx)
    assert cx.patterns.shape == (n, 16)
    assert cx.patterns.dtype == np.uint8
    assert cx.weights.shape == (n, 3, 2)
    assert cx.biases.shape == (n, 3)
    assert cx.volumes.shape == (n,)
    assert cx.adjacency.shape == (n, n)
    assert cx.vertices.shape[1] == 2
    assert cx.nbytes > 0


def test_views(cx: pe.RegionComplex) -> None:
    region = cx[7]
    assert region.index == 7
    assert cx[-1].index == len(cx) - 1
    assert [r.index for r in cx[2:5]] == [2, 3, 4]
    assert len(list(cx)) == len(cx)
    with pytest.raises(IndexError):
        cx[len(cx)]
    np.testing.assert_array_equal(region.pattern, cx.patterns[7])
    np.testing.assert_array_equal(region.weight, cx.weights[7])
    np.testing.assert_array_equal(region.bias, cx.biases[7])
    assert region.volume == cx.volumes[7]
    assert set(region.neighbors) == set(cx.adjacency[[7]].indices)
    assert {f.neighbor for f in region.facets} - {None} == set(region.neighbors)


def test_polygons(cx: pe.RegionComplex) -> None:
    polygons = cx.polygons
    assert shapely.is_valid(polygons).all()
    np.testing.assert_allclose(shapely.area(polygons), cx.volumes, rtol=1e-9)
    assert shapely.area(shapely.union_all(polygons)) == pytest.approx(4)
    assert shapely.is_ccw(shapely.get_exterior_ring(polygons)).all()
    np.testing.assert_allclose(
        shapely.get_coordinates(shapely.centroid(polygons)), cx.centroids, atol=1e-9
    )
    assert cx[3].polygon.equals(polygons[3])
    line = pe.enumerate_regions(random_network([1, 3, 1]), pe.Box(-1, 1, dim=1))
    with pytest.raises(pe.RegionError, match="2 dimensions"):
        _ = line.polygons


def test_points(cx: pe.RegionComplex) -> None:
    grid = np.stack(np.meshgrid(*[np.linspace(-1, 1, 41)] * 2), axis=-1)
    found = cx.locate(grid)
    assert found.shape == (41, 41)
    assert (found >= 0).all()
    np.testing.assert_allclose(cx(grid), cx.network(grid), atol=1e-12)
    assert cx.locate([1.5, 0]) == -1
    assert np.isnan(cx([1.5, 0])).all()
    assert cx.locate(np.zeros((0, 2))).shape == (0,)
    assert cx(np.zeros((0, 2))).shape == cx.network(np.zeros((0, 2))).shape
    assert cx(np.zeros((3, 0, 2))).shape == (3, 0, cx.network.output_dim)
    with pytest.raises(pe.RegionError, match="2 coordinates"):
        cx.locate([1.0, 2.0, 3.0])


def test_points_on_boundaries_get_the_first_region() -> None:
    net = [(np.eye(2), np.zeros(2)), (np.ones((1, 2)), [0])]
    cx = pe.enumerate_regions(net, pe.Box(-1, 1, dim=2))
    assert cx.locate([[0, 0], [0.5, 0], [0, 0.5], [0.5, 0.5], [1, 1]]).tolist() == [0, 2, 1, 3, 3]
    # The pattern "off, on, ..." of a zero pre-activation may belong to no region at all.
    touching = [([[1.0, 0]], [0]), ([[-1.0]], [0]), ([[1.0]], [0])]
    cx = pe.enumerate_regions(touching, pe.Box(0, 1, dim=2))
    assert len(cx) == 1
    assert cx.locate([[0, 0.5], [0.5, 0.5]]).tolist() == [0, 0]


def test_points_on_a_jump_get_a_region_that_meets_there() -> None:
    """What comes after a jump has another value on each of its sides."""
    step, keep = ([0.0], [0.0, 0.0], [-2.0, 2.0]), ([], [1.0], 0.0)
    net = pe.PiecewiseLinearNetwork(
        [
            pe.Stage(
                np.array([[1.0], [1.0]]), np.zeros(2), pe.ActivationTable.from_rows([step, keep])
            ),
            pe.Stage(np.array([[-1.0, 6.0]]), np.zeros(1), pe.ActivationTable.relu(1)),
            pe.Stage(np.array([[1.0]]), np.zeros(1), pe.ActivationTable.identity(1)),
        ]
    )
    cx = pe.enumerate_regions(net, pe.Box(-1, 1, dim=1))
    # On the left the ReLU is on from -1/3, on the right from 1/3.
    assert cx.patterns.tolist() == [[0, 0], [0, 1], [1, 0], [1, 1]]
    assert cx.locate([[0.0], [-0.5], [-0.25], [0.25], [0.5]]).tolist() == [1, 0, 1, 2, 3]
    backwards = pe.PiecewiseLinearNetwork(
        [
            net.stages[0],
            pe.Stage(np.array([[1.0, 6.0]]), np.zeros(1), pe.ActivationTable.relu(1)),
            net.stages[2],
        ]
    )
    other = pe.enumerate_regions(backwards, pe.Box(-1, 1, dim=1))
    for region in (other[int(other.locate([[0.0]])[0])], cx[1]):
        assert region.vertices.min() <= 0 <= region.vertices.max()


def test_more_pieces_than_a_byte_counts() -> None:
    table = pe.ActivationTable.from_rows([(range(299), range(300), 0.0)])
    net = pe.PiecewiseLinearNetwork(
        [
            pe.Stage(np.array([[1.0]]), np.zeros(1), table),
            pe.Stage(np.array([[1.0]]), np.zeros(1), pe.ActivationTable.identity(1)),
        ]
    )
    cx = pe.enumerate_regions(net, pe.Box(-1, 300, dim=1))
    assert cx.patterns.dtype == np.uint16
    np.testing.assert_array_equal(cx.patterns[:, 0], np.arange(300))
    points = np.array([[-0.5], [254.5], [256.5], [298.5]])
    np.testing.assert_array_equal(cx(points), net(points))
    np.testing.assert_array_equal(cx.patterns[cx.locate(points)], net.patterns(points))


def test_linear_regions_merge_what_is_dead() -> None:
    # The second layer is off for x < 0.5, whatever the first does.
    layers = [([[1.0], [1.0]], [0.0, -0.25]), ([[1.0, 0.0]], [-0.5]), ([[1.0]], [0])]
    cx = pe.enumerate_regions(layers, pe.Box(-1, 1, dim=1))
    assert len(cx) == 4
    assert cx.linear_regions.tolist() == [0, 0, 0, 1]
    assert cx.linear_region_count == 2


def test_linear_regions_cancel_exactly() -> None:
    # x = relu(x) - relu(-x), in numbers that do not cancel bit by bit when summed in floats.
    third = 1 / 3
    layers = [
        ([[1.0, 0], [-1.0, 0], [0, 1.0]], [0, 0, 0]),
        ([[third, -third, 0.1], [0.1, -0.1, 0.7]], [5.0, 5.0]),
        ([[0.3, 0.9]], [0]),
    ]
    cx = pe.enumerate_regions(layers, pe.Box(-1, 1, dim=2))
    assert (len(cx), cx.linear_region_count) == (4, 2)


def test_equal_maps_that_do_not_touch_stay_apart() -> None:
    # A hat: flat on both sides of it.
    layers = [([[1.0], [1.0], [1.0]], [0.5, 0, -0.5]), ([[1.0, -2.0, 1.0]], [0])]
    cx = pe.enumerate_regions(layers, pe.Box(-1, 1, dim=1))
    np.testing.assert_array_equal(cx.weights[0], cx.weights[-1])
    assert cx.linear_region_count == 4


def test_modular_maps_tell_nearly_equal_ones_apart() -> None:
    net = pe.PiecewiseLinearNetwork.from_arrays(
        [([[1.0], [1.0 + 2**-52]], [0, 0]), ([[1.0, -1.0]], [0])]
    )
    maps = ModularMaps(net, pe.Box(-1, 1, dim=1))
    off, both = maps.residues(np.array([[False, False], [True, True]]))
    assert (off != both).any()
    assert (maps.residues(np.array([[False, False]]))[0] == off).all()


def test_linear_regions_against_brute_force() -> None:
    random = np.random.default_rng(2)
    for _ in range(15):
        layers = [
            (random.integers(-1, 2, (n, m)).astype(float), random.integers(-1, 2, n).astype(float))
            for m, n in ((2, 5), (5, 4), (4, 1))
        ]
        cx = pe.enumerate_regions(layers, pe.Box(-1, 1, dim=2))
        # Integer weights: float maps are exact.
        parent = list(range(len(cx)))

        def root(i: int, parent: list[int] = parent) -> int:
            while parent[i] != i:
                i = parent[i]
            return i

        weights, biases = cx.input_maps()
        for i, j in cx.adjacent_pairs:
            if (weights[i] == weights[j]).all() and (biases[i] == biases[j]).all():
                parent[root(int(j))] = root(int(i))
        assert cx.linear_region_count == len({root(i) for i in range(len(cx))})


def test_what_is_said(cx: pe.RegionComplex) -> None:
    assert repr(cx).startswith(f"RegionComplex({len(cx)} regions in 2-D, 16 units")
    html = cx._repr_html_()
    assert "<table>" in html
    assert f"{len(cx)}" in html
    assert "PiecewiseLinearNetwork(2 -&gt; 8 -&gt; 8 -&gt; 3" in html
    assert repr(cx[0]).startswith(f"Region(0 of {len(cx)}: ")


def test_a_network_without_units() -> None:
    cx = pe.enumerate_regions([([[1.0, 2.0]], [3.0])], pe.Box(-1, 1, dim=2))
    assert len(cx) == 1
    assert cx.patterns.shape == (1, 0)
    assert cx.weights.tolist() == [[[1.0, 2.0]]]
    assert cx.linear_region_count == 1


def test_values_at_no_points() -> None:
    cx = pe.enumerate_regions(
        [([[1.0, 0.0]], [0.0]), ([[1.0]] * 3, [0.0] * 3)], pe.Box(-1, 1, dim=2)
    )
    assert cx(np.zeros((0, 2))).shape == (0, 3)
    assert cx(np.zeros((4, 0, 2))).shape == (4, 0, 3)
    assert cx.locate(np.zeros((0, 2))).shape == (0,)
    assert np.isnan(cx([[9.0, 9.0]])).all()
    np.testing.assert_array_equal(cx([0.5, 0.0]), [0.5] * 3)
