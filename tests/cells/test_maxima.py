"""Max pooling and maxout: regions of the argmax, from every engine, against a tournament of ReLUs."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import polyenum as pe
from tests.helpers.modules import MaxoutModule, maxout_modules
from tests.models.test_reading_torch import gradients_match, same_as_torch


@st.composite
def maxout_networks(draw: st.DrawFn, dims: tuple[int, int] = (1, 3)) -> pe.PiecewiseLinearNetwork:
    """Return a network of maxima, of ReLUs beside them, and of maxima of these."""
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    integers = draw(st.booleans())

    def numbers(*shape: int) -> np.ndarray:
        if integers:
            return random.integers(-2, 3, shape).astype(float)
        return random.normal(size=shape)

    width = dim = draw(st.integers(*dims))
    stages = []
    for _ in range(draw(st.integers(1, 2))):
        sizes = draw(st.lists(st.integers(1, 4), min_size=1, max_size=2))
        relus = draw(st.integers(0, 2))
        table = pe.ActivationTable.concatenate(
            [pe.ActivationTable.maxima(sizes), *[pe.ActivationTable.relu(relus)] * bool(relus)]
        )
        n = sum(sizes) + relus
        weight, bias = numbers(n, width), numbers(n)
        if draw(st.booleans()):  # a member twice
            weight[n - 1 - relus], bias[n - 1 - relus] = weight[0], bias[0]
        stages.append(pe.Stage(weight, bias, table))
        columns = np.repeat(np.arange(len(sizes)), sizes)
        gather = np.zeros((n, len(sizes) + relus))
        gather[np.arange(n), np.append(columns, len(sizes) + np.arange(relus))] = 1.0
        out = draw(st.integers(1, 3))
        stages.append(
            pe.Stage(
                numbers(out, len(sizes) + relus) @ gather.T,
                numbers(out),
                pe.ActivationTable.relu(out),
            )
        )
        width = out
    stages.append(pe.Stage(numbers(1, width), numbers(1), pe.ActivationTable.identity(1)))
    net = pe.PiecewiseLinearNetwork(stages)
    assert net.input_dim == dim
    return net


@st.composite
def pooled_networks(draw: st.DrawFn, dims: tuple[int, int] = (1, 3)) -> pe.PiecewiseLinearNetwork:
    """Return a network of maxima over outputs of ReLUs, as max pooling has them; the windows may overlap."""
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    integers = draw(st.booleans())

    def numbers(*shape: int) -> np.ndarray:
        if integers:
            return random.integers(-2, 3, shape).astype(float)
        return random.normal(size=shape)

    dim, units = draw(st.integers(*dims)), draw(st.integers(2, 5))
    windows = [
        random.permutation(units)[: draw(st.integers(2, min(3, units)))]
        for _ in range(draw(st.integers(1, 3)))
    ]
    sizes = [len(w) for w in windows]
    read = np.zeros((sum(sizes), units))
    read[np.arange(sum(sizes)), np.concatenate(windows)] = draw(st.sampled_from([1.0, 0.5]))
    gather = np.zeros((len(sizes), sum(sizes)))
    gather[np.repeat(np.arange(len(sizes)), sizes), np.arange(sum(sizes))] = 1.0
    return pe.PiecewiseLinearNetwork(
        [
            pe.Stage(numbers(units, dim), numbers(units), pe.ActivationTable.relu(units)),
            pe.Stage(read, np.zeros(sum(sizes)), pe.ActivationTable.maxima(sizes)),
            pe.Stage(numbers(2, len(sizes)) @ gather, numbers(2), pe.ActivationTable.relu(2)),
            pe.Stage(numbers(1, 2), numbers(1), pe.ActivationTable.identity(1)),
        ]
    )


NETWORKS = maxout_networks() | pooled_networks()


def unit_box(net: pe.PiecewiseLinearNetwork) -> pe.Box:
    """Return [-1, 1]^d."""
    return pe.Box(-1, 1, dim=net.input_dim)


def neighbours(cx: pe.RegionComplex) -> set[frozenset[bytes]]:
    """Return which sides are beside which."""
    keys = [row.tobytes() for row in cx.packed_sides]
    return {frozenset((keys[i], keys[j])) for i, j in cx.adjacent_pairs.tolist()}


@given(NETWORKS)
def test_vertex_cells_equal_exact_cells(net: pe.PiecewiseLinearNetwork) -> None:
    box = unit_box(net)
    cx, exact = pe.enumerate_regions(net, box), pe.enumerate_regions(net, box, engine="exact")
    np.testing.assert_array_equal(cx.packed_sides, exact.packed_sides)
    assert neighbours(cx) == neighbours(exact)
    assert len({tuple(p) for p in cx.patterns}) == len(cx)
    assert cx.vertices.shape == exact.vertices.shape
    for found in (cx, exact):
        assert pe.check(found, net, box).regions == len(cx)
        if net.input_dim > 1:
            assert found.euler_characteristic == 1


@given(NETWORKS)
@settings(max_examples=25)
def test_lp_cells_equal_vertex_cells(net: pe.PiecewiseLinearNetwork) -> None:
    box = unit_box(net)
    cx, lp = pe.enumerate_regions(net, box), pe.enumerate_regions(net, box, engine="lp")
    np.testing.assert_array_equal(cx.packed_sides, lp.packed_sides)
    assert neighbours(cx) == neighbours(lp)


@given(maxout_networks(dims=(2, 2)) | pooled_networks(dims=(2, 2)))
@settings(max_examples=25)
def test_shapely_cells_equal_vertex_cells(net: pe.PiecewiseLinearNetwork) -> None:
    box = unit_box(net)
    cx, other = pe.enumerate_regions(net, box), pe.enumerate_regions(net, box, engine="shapely")
    wide = {row.tobytes() for row in cx.packed_sides[cx.volumes > 1e-6]}
    found = {row.tobytes() for row in other.packed_sides}
    assert wide <= found <= {row.tobytes() for row in cx.packed_sides}
    assert other.volumes.sum() == pytest.approx(4)


@given(NETWORKS)
def test_maps_volumes_and_points(net: pe.PiecewiseLinearNetwork) -> None:
    box = unit_box(net)
    cx = pe.enumerate_regions(net, box)
    assert cx.volumes.sum() == pytest.approx(2.0**net.input_dim)
    points = np.random.default_rng(0).uniform(-1, 1, (200, net.input_dim))
    assert (cx.locate(points) >= 0).all()
    np.testing.assert_allclose(cx(points), net(points), rtol=1e-9, atol=1e-9)
    for region in list(cx)[:10]:
        a, b = region.halfspaces
        assert (a @ region.centroid <= b + 1e-12).all()
        for facet in region.facets:
            assert facet.units or facet.sides
            if facet.neighbor is not None:
                assert region.index in cx[facet.neighbor].neighbors


@given(maxout_modules())
@settings(max_examples=30)
def test_a_tournament_of_relus_has_the_same_regions(module: MaxoutModule) -> None:
    """``max(a, b) = b + relu(a - b)``, nested, cuts more; merged by the argmax it is the same."""
    net, box = same_as_torch(module, (2,)), pe.Box(-1, 1, dim=2)
    cx = pe.enumerate_regions(net, box)
    finer = pe.enumerate_regions(pe.load(module.tournament(), input_shape=(2,)), box)
    assert len(finer) >= len(cx)
    at = cx.locate(finer.centroids)
    merged = np.bincount(at[at >= 0], weights=finer.volumes[at >= 0], minlength=len(cx))
    np.testing.assert_allclose(merged, cx.volumes, rtol=1e-7, atol=1e-9)
    gradients_match(module, cx)


def test_a_maximum_is_one_unit() -> None:
    """Three members that meet at the origin: three regions, where a tournament has four."""
    planes = np.array([[1.0, 0], [-1, 1], [-1, -1]])
    stages = [
        pe.Stage(planes, np.zeros(3), pe.ActivationTable.maxima([3])),
        pe.Stage(np.ones((1, 3)), np.zeros(1), pe.ActivationTable.identity(1)),
    ]
    net = pe.PiecewiseLinearNetwork(stages)
    cx = pe.enumerate_regions(net, pe.Box(-1, 1, dim=2))
    assert (net.unit_count, net.hyperplane_count) == (1, 3)
    assert cx.patterns.ravel().tolist() == [0, 1, 2]
    assert len(cx.adjacent_pairs) == 3
    assert cx.weights[:, 0].tolist() == planes.tolist()
    assert {f.units for region in cx for f in region.facets if f.neighbor is not None} == {(0,)}
    # The point where all meet is one vertex of all three.
    (origin,) = np.flatnonzero((cx.vertices == 0).all(axis=1))
    assert all(origin in region.vertex_ids for region in cx)


def test_maxima_of_many_members() -> None:
    """More than 256 pieces take a wider type than a byte."""
    model = nn.Sequential(nn.Conv2d(1, 1, 1), nn.MaxPool2d(17))
    with torch.no_grad():
        model[0].weight[:] = 1.0
    net = pe.load(model, input_shape=(1, 17, 17))
    line = pe.Segment(np.eye(289)[3], np.eye(289)[288])
    cx = pe.enumerate_regions(net, line)
    assert cx.patterns.dtype == np.uint16
    assert cx.patterns.tolist() == [[3], [288]]
    with pytest.raises(pe.NetworkError, match="1 member or more"):
        pe.ActivationTable.maxima([2, 0])


@pytest.mark.parametrize("engine", ["vertex", "lp"])
def test_outputs_of_one_relu_that_compete(engine: str) -> None:
    """A named fault: beyond the ReLU's hyperplane it was taken for known which of its multiples is the largest."""
    stages = [
        pe.Stage(np.array([[1.0], [-1.0]]), np.zeros(2), pe.ActivationTable.relu(2)),
        pe.Stage(np.array([[1.0, 0], [3, 0], [0, 1]]), np.zeros(3), pe.ActivationTable.maxima([3])),
        pe.Stage(np.ones((1, 3)), np.zeros(1), pe.ActivationTable.identity(1)),
    ]
    net, box = pe.PiecewiseLinearNetwork(stages), pe.Box(-1, 1, dim=1)
    cx = pe.enumerate_regions(net, box, engine=engine)
    assert cx.patterns.tolist() == [[0, 1, 2], [1, 0, 1]]
    assert [f.neighbor for r in cx for f in r.facets if f.neighbor is not None] == [1, 0]
    near = pe.neighborhood(net, [-0.5], radius=1)
    assert near.patterns.tolist() == [[0, 1, 2], [1, 0, 1]]
    if engine == "vertex":
        pe.check(cx, net, box)


def test_members_that_are_not_added_up_are_refused() -> None:
    maxima = pe.Stage(np.eye(2), np.zeros(2), pe.ActivationTable.maxima([2]), "pool")
    unequal = pe.Stage(np.array([[1.0, -3], [0, 1]]), np.zeros(2), pe.ActivationTable.relu(2))
    with pytest.raises(pe.NetworkError, match=r"pool: .* layer 1 must give all of them one weight"):
        pe.PiecewiseLinearNetwork([maxima, unequal])
    with pytest.raises(pe.NetworkError, match=r"pool: the last stage has maxima"):
        pe.PiecewiseLinearNetwork([maxima])


def test_joined_tables_leave_their_parts_alone() -> None:
    pair = pe.ActivationTable.maxima([2])
    both = pe.ActivationTable.concatenate([pair, pair])
    assert pair.groups is not None
    assert both.groups is not None
    assert (pair.groups.tolist(), both.groups.tolist()) == ([0, 0], [0, 0, 1, 1])
    stages = [
        pe.Stage(np.array([[1.0, 0], [-1, 0], [0, 1], [0, -1]]), np.zeros(4), both),
        pe.Stage(np.ones((1, 4)), np.zeros(1), pe.ActivationTable.identity(1)),
    ]
    assert pe.count_regions(pe.PiecewiseLinearNetwork(stages), pe.Box(-1, 1, dim=2)) == 4


def test_equal_members_count_once() -> None:
    weight = np.array([[1.0, 1], [1, 1], [-1, 0], [1, 1]])
    stages = [
        pe.Stage(weight, np.zeros(4), pe.ActivationTable.maxima([4])),
        pe.Stage(np.ones((1, 4)), np.zeros(1), pe.ActivationTable.identity(1)),
    ]
    box = pe.Box(-1, 1, dim=2)
    for engine in ("vertex", "exact", "lp", "shapely"):
        cx = pe.enumerate_regions(pe.PiecewiseLinearNetwork(stages), box, engine=engine)
        assert sorted(cx.patterns.ravel().tolist()) == [0, 2], engine


def test_neighborhood_crosses_maxima() -> None:
    torch.manual_seed(1)
    net = pe.load(MaxoutModule(2, [(3, 3)]).double(), input_shape=(2,))
    box = pe.Box(-1, 1, dim=2)
    cx = pe.enumerate_regions(net, box)
    x = np.array([0.1, 0.2])
    near = pe.neighborhood(net, x, radius=0.5, norm=2, domain=box)
    assert near.complete
    inside = {tuple(r.pattern) for r in cx if np.linalg.norm(r.project(x) - x) < 0.5 - 1e-6}
    assert len(inside) > 2
    assert inside <= {tuple(p) for p in near.patterns} <= {tuple(p) for p in cx.patterns}


def test_threads_and_limits_agree() -> None:
    torch.manual_seed(0)
    net = pe.load(MaxoutModule(2, [(12, 4), (12, 4)]).double(), input_shape=(2,))
    box = pe.Box(-2, 2, dim=2)
    cx = pe.enumerate_regions(net, box, threads=1)
    assert len(cx) > 300
    two = pe.enumerate_regions(net, box, threads=2)
    np.testing.assert_array_equal(cx.packed_sides, two.packed_sides)
    some = pe.enumerate_regions(net, box, max_regions=100)
    np.testing.assert_array_equal(some.packed_sides, cx.packed_sides[:100])
    assert 0 < some.covered < 1
    assert int(pe.count_regions(net, box)) == len(cx)
    assert pe.check(cx, net, box).regions == len(cx)


def test_convolutional_network_with_max_pooling_on_a_slice() -> None:
    torch.manual_seed(0)
    module = nn.Sequential(
        nn.Conv2d(1, 3, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(3, 4, 2), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(4, 3),
    ).double().eval()  # fmt: skip
    images = torch.rand(3, 64, dtype=torch.float64)
    plane = pe.Slice.through(*images, lower=-1, upper=2)
    net = pe.load(module, input_shape=(1, 8, 8))
    cx = pe.enumerate_regions(net, plane)
    assert len(cx) > 100
    assert pe.check(cx, net, plane).regions == len(cx)
    x = torch.from_numpy(plane.embed(cx.centroids)).requires_grad_()
    value = module(x.reshape(-1, 1, 8, 8))
    np.testing.assert_allclose(cx(cx.centroids), value.detach(), rtol=1e-9, atol=1e-9)
    (gradient,) = torch.autograd.grad(value[:, 0].sum(), x)
    wide = cx.volumes > 1e-9
    np.testing.assert_allclose(
        cx.weights[wide, 0], (gradient.numpy() @ plane.basis)[wide], rtol=1e-7, atol=1e-9
    )


def test_a_tampered_maximum_is_found() -> None:
    torch.manual_seed(0)
    net, box = pe.load(MaxoutModule(2, [(2, 3)]).double(), input_shape=(2,)), pe.Box(-1, 1, dim=2)
    cx = pe.enumerate_regions(net, box)
    cx.packed_sides[0] = 0
    with pytest.raises(pe.CheckError, match="0 members of a maximum are the largest"):
        pe.check(cx, net, box)
    cx = pe.enumerate_regions(net, box)
    assert len(cx) > 2
    cx.packed_sides[[0, 1]] = cx.packed_sides[[1, 0]]
    with pytest.raises(pe.CheckError):
        pe.check(cx, net, box)


class Skipping(nn.Module):
    """Maxima that are read by the next layer, and again by later ones."""

    def __init__(self, largest: Callable[[torch.Tensor], torch.Tensor]) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.first, self.second = nn.Linear(2, 8).double(), nn.Linear(4, 4).double()
        self.third, self.largest = nn.Linear(4, 4).double(), largest

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        found = self.largest(self.first(x))
        hidden = torch.relu(self.second(found))
        return torch.cat([torch.relu(self.third(hidden)) + found, hidden - found[:, :1]], 1)


@pytest.mark.parametrize(
    "largest",
    [
        lambda y: nn.functional.max_pool1d(y[:, None], 2)[:, 0],
        lambda y: torch.minimum(y[:, :4], y[:, 4:]),
        lambda y: y.view(-1, 4, 2).amax(2),
        lambda y: torch.cat([y[:, :5].amax(1, keepdim=True), y[:, 5:]], 1),
    ],
)
def test_maxima_are_carried_past_later_layers(
    largest: Callable[[torch.Tensor], torch.Tensor],
) -> None:
    module, box = Skipping(largest), pe.Box(-1, 1, dim=2)
    cx = pe.enumerate_regions(module, box)
    exact = pe.enumerate_regions(module, box, engine="exact")
    np.testing.assert_array_equal(cx.patterns, exact.patterns)
    assert pe.check(cx, module, box).complete
    points = np.random.default_rng(0).uniform(-1, 1, (200, 2))
    with torch.no_grad():
        np.testing.assert_allclose(cx(points), module(torch.tensor(points)).numpy(), atol=1e-12)
