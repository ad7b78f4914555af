"""`check` proves what is right, and finds every kind of wrong."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given

import polyenum as pe
from benchmarks.networks import bunny, random_network
from polyenum.cells.found import RegionArrays
from polyenum.proof.lattice import LatticeError, faces
from tests.helpers.strategies import Layers, degenerate_networks, generic_networks

NET = random_network([2, 8, 8, 2], seed=4)
BOX = pe.Box(-1, 1, dim=2)
FIELDS = (
    "packed_sides", "map_error", "vertex_offsets", "corner_points",
    "corner_masks", "label_offsets", "labels",
)  # fmt: skip


def rebuilt(cx: pe.RegionComplex, **changes: Any) -> pe.RegionComplex:
    """Return a copy of `cx` with some of its arrays exchanged."""
    arrays = {name: np.copy(array) for name, array in cx.arrays._asdict().items()}
    others = {
        name: getattr(cx, name)
        for name in ("network", "domain", "complete", "engine", "certificate", "vertex_error")
    } | {"map_error": np.copy(cx.map_error)}
    for name, value in changes.items():
        (arrays if name in arrays else others)[name] = value
    return pe.RegionComplex(arrays=RegionArrays(**arrays), **others)


def without_region(cx: pe.RegionComplex, i: int) -> pe.RegionComplex:
    """Return a copy of `cx` that lacks region `i`."""
    v, m = cx.vertex_offsets, cx.label_offsets
    corners, labels = np.r_[v[i] : v[i + 1]], np.r_[m[i] : m[i + 1]]
    return rebuilt(
        cx,
        packed_sides=np.delete(cx.packed_sides, i, axis=0),
        maps=np.delete(cx.maps, i, axis=0),
        vertex_offsets=np.delete(v, i) - np.where(np.arange(len(v) - 1) >= i, len(corners), 0),
        label_offsets=np.delete(m, i) - np.where(np.arange(len(m) - 1) >= i, len(labels), 0),
        corner_points=np.delete(cx.corner_points, corners, axis=0),
        corner_masks=np.delete(cx.corner_masks, corners, axis=0),
        labels=np.delete(cx.labels, labels),
        inside=np.delete(cx.inside, i, axis=0),
    )


@pytest.fixture(scope="module", params=["2-D", "3-D", "through the origin"])
def case(request: pytest.FixtureRequest) -> tuple[pe.RegionComplex, Any, pe.Domain]:
    """A complex with its network and domain."""
    net: Any = NET
    if request.param == "3-D":
        net = random_network([3, 5, 5, 2], seed=2)
    if request.param == "through the origin":
        net = [(np.array([[1.0, 0], [0, 1], [1, 1], [2, 2]]), None), (np.ones((1, 4)), None)]
    box = pe.Box(-1, 1, dim=3 if request.param == "3-D" else 2)
    return pe.enumerate_regions(net, box), net, box


def test_the_whole_is_proven(case: tuple) -> None:
    cx, net, box = case
    report = pe.check(cx, net, box)
    assert report.regions == len(cx)
    assert report.complete
    assert report.euler_characteristic == 1
    assert report.facets == cx.facet_table.offsets[-1]
    assert report.volume_gap < 1e-12
    assert pe.check(cx).regions == len(cx)
    pe.check(rebuilt(cx), net, box)  # the copies below differ in nothing but what they change


@pytest.mark.parametrize("seed", range(8))
def test_a_removed_region_is_found(case: tuple, seed: int) -> None:
    cx, net, box = case
    i = int(np.random.default_rng(seed).integers(len(cx)))
    with pytest.raises(pe.CheckError, match=r"facet .* has 0 neighbours"):
        pe.check(without_region(cx, i), net, box)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("distance", [1e-6, 1e-3, 1.0])
def test_a_moved_vertex_is_found(case: tuple, seed: int, distance: float) -> None:
    cx, net, box = case
    random = np.random.default_rng(seed)
    points = cx.corner_points.copy()
    points[random.integers(len(points)), random.integers(cx.dim)] += distance
    with pytest.raises(pe.CheckError, match="a vertex is off by"):
        pe.check(rebuilt(cx, corner_points=points), net, box)


@pytest.mark.parametrize("seed", range(8))
def test_a_flipped_bit_is_found(case: tuple, seed: int) -> None:
    cx, net, box = case
    random = np.random.default_rng(seed)
    h = int(random.integers(cx.network.hyperplane_count))
    sides = cx.packed_sides.copy()
    sides[random.integers(len(cx)), h >> 3] ^= 1 << (h & 7)
    with pytest.raises(pe.CheckError):
        pe.check(rebuilt(cx, packed_sides=sides), net, box)


@pytest.mark.parametrize("seed", range(4))
def test_an_altered_map_is_found(case: tuple, seed: int) -> None:
    cx, net, box = case
    random = np.random.default_rng(seed)
    maps = cx.maps.copy()
    entry = tuple(random.integers(maps.shape))
    maps[entry] += 1e-9 + 4 * cx.map_error.max()
    with pytest.raises(pe.CheckError, match="affine map is off"):
        pe.check(rebuilt(cx, maps=maps), net, box)


@pytest.mark.parametrize("seed", range(4))
def test_a_lost_or_invented_incidence_is_found(case: tuple, seed: int) -> None:
    cx, net, box = case
    random = np.random.default_rng(seed)
    masks = cx.corner_masks.copy()
    corner = int(random.integers(len(masks)))
    region = int(np.searchsorted(cx.vertex_offsets, corner, side="right")) - 1
    labels = int(np.diff(cx.label_offsets)[region])
    masks[corner, 0] ^= np.uint64(1 << int(random.integers(labels)))
    with pytest.raises(pe.CheckError):
        pe.check(rebuilt(cx, corner_masks=masks), net, box)


def test_a_doubled_region_is_found(case: tuple) -> None:
    cx, net, box = case
    sides = cx.packed_sides.copy()
    sides[1] = sides[0]
    with pytest.raises(pe.CheckError, match="same pattern"):
        pe.check(rebuilt(cx, packed_sides=sides), net, box)


def test_a_wrong_neighbour_is_found(case: tuple) -> None:
    cx, net, box = case
    for change in (-1, len(cx) - 1):
        other = rebuilt(cx)
        inner = int(np.flatnonzero(other.facet_table.neighbor >= 0)[0])
        assert other.facet_table.neighbor[inner] != change
        other.facet_table.neighbor[inner] = change
        with pytest.raises(pe.CheckError, match="keeps facet_table"):
            pe.check(other, net, box)


def test_wrongly_shared_vertices_are_found(case: tuple) -> None:
    cx, net, box = case
    other = rebuilt(cx)
    other.vertex_ids[0] = other.vertex_ids[1]
    with pytest.raises(pe.CheckError, match="vert"):
        pe.check(other, net, box)


def test_another_network_or_domain_is_found(case: tuple) -> None:
    cx, _, box = case
    with pytest.raises(pe.CheckError):
        pe.check(cx, cx.network, pe.Box(-1, 1.5, dim=box.dim))
    with pytest.raises(pe.CheckError):
        pe.check(cx, cx.network, pe.Box(-1, 0.75, dim=box.dim))
    first, *rest = cx.network.stages
    weight = first.weight.copy()
    weight[0, 0] *= 1 + 2.0**-20
    moved = pe.Stage(weight, first.bias, first.activation, first.name)
    with pytest.raises(pe.CheckError):
        pe.check(cx, pe.PiecewiseLinearNetwork([moved, *rest]), box)


def test_what_does_not_fit_is_refused() -> None:
    cx = pe.enumerate_regions(NET, BOX)
    with pytest.raises(pe.NetworkError, match="the complex is of"):
        pe.check(cx, random_network([2, 7, 8, 2]), BOX)
    with pytest.raises(pe.DomainError, match="takes 2 inputs"):
        pe.check(cx, NET, pe.Box(-1, 1, dim=3))
    with pytest.raises(pe.CheckError, match="do not fit"):
        pe.check(rebuilt(cx, labels=cx.labels[:-1]), NET, BOX)


def test_a_part_is_checked_as_a_part() -> None:
    part = pe.enumerate_regions(NET, BOX, max_regions=20)
    report = pe.check(part, NET, BOX)
    assert (report.regions, report.complete) == (20, False)
    with pytest.raises(pe.CheckError, match="neighbours"):
        pe.check(rebuilt(part, complete=True), NET, BOX)
    for chunk in pe.iter_regions(NET, BOX, chunk_size=30):
        assert not pe.check(chunk, NET, BOX).complete


@given(degenerate_networks(depth=(1, 3), width=6))
def test_degenerate_networks_are_proven(layers: Layers) -> None:
    box = pe.Box(-1, 1, dim=layers[0][0].shape[1])
    try:
        cx = pe.enumerate_regions(layers, box)
    except pe.NetworkError as error:
        # Products of huge weights are refused before any work.
        assert "pre-activations on this domain can be as large" in str(error)  # noqa: PT017
        sizes = [np.abs(np.asarray(w)).sum() + 1 for w, _ in layers]
        assert np.log10(sizes).sum() > 250
        return
    pe.check(cx, layers, box)


@given(generic_networks(dims=(1, 4), depth=(1, 3), width=6))
def test_generic_networks_are_proven(layers: Layers) -> None:
    box = pe.Box(-1, 1, dim=layers[0][0].shape[1])
    pe.check(pe.enumerate_regions(layers, box), layers, box)


def test_other_activations_and_embedded_domains_are_proven() -> None:
    import torch

    torch.manual_seed(0)
    net = torch.nn.Sequential(
        torch.nn.Linear(5, 6), torch.nn.Hardtanh(), torch.nn.Linear(6, 6),
        torch.nn.LeakyReLU(), torch.nn.Linear(6, 3), torch.nn.ReLU6(),
    )  # fmt: skip
    random = np.random.default_rng(0)
    plane = pe.Slice.through(*random.normal(size=(3, 5)))
    for domain in (plane, pe.Segment(*random.normal(size=(2, 5)))):
        pe.check(pe.enumerate_regions(net, domain), net, domain)
    hull = pe.Hull(random.integers(-3, 4, (9, 5)).astype(float))
    pe.check(pe.enumerate_regions(net, hull, max_regions=200), net, hull)


@pytest.mark.parametrize("name", ["bunny_sdf_2d_4x32", "bunny_sdf_3d_3x16"])
def test_the_bunny_is_proven(name: str) -> None:
    net = bunny(name)
    if net is None:
        pytest.skip("the bunny's file is not at hand")
    box = pe.Box(-0.5, 0.5, dim=2 if "2d" in name else 3)
    if box.dim == 3:
        box = pe.Box(-0.2, 0.2, dim=3)
    report = pe.check(pe.enumerate_regions(net, box), net, box)
    assert report.complete


def test_faces_of_a_cube_and_of_nonsense() -> None:
    cube = [sum(1 << v for v in range(8) if (v >> k & 1) == b) for k in range(3) for b in (0, 1)]
    assert [len(level) for level in faces(255, cube, 3)] == [8, 12, 6, 1]
    for k in range(6):
        with pytest.raises(LatticeError):
            faces(255, cube[:k] + cube[k + 1 :], 3)
    with pytest.raises(LatticeError):
        faces(255, cube, 2)
    with pytest.raises(LatticeError):
        faces(255, cube, 4)
    with pytest.raises(LatticeError):
        faces(7, [3, 5], 2)


def test_findings_are_listed() -> None:
    cx = pe.enumerate_regions(NET, BOX)
    points = cx.corner_points + 1.0
    with pytest.raises(pe.CheckError, match=r"and [\d,]+ more findings") as caught:
        pe.check(rebuilt(cx, corner_points=points), NET, BOX)
    assert len(caught.value.findings) == 21
    assert caught.value.findings[0].startswith("region 0: ")
