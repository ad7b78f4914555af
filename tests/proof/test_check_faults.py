"""What `check` must find, must not refuse, and must not crash on: every field changed in every way."""

from __future__ import annotations

import copy
import pickle
from fractions import Fraction
from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import polyenum as pe
from benchmarks.networks import random_network
from polyenum import errors
from polyenum.arithmetic.polytope import ExactPolytope
from polyenum.models import activations as pieces
from polyenum.proof import enclosure, gluing, signs
from polyenum.proof.layout import Layout
from polyenum.proof.volume import polytope_volume
from tests.cells.test_jumps import ROWS
from tests.helpers.strategies import Layers, degenerate_networks, generic_networks, share
from tests.proof.test_check import FIELDS, rebuilt

ARRAYS = (*FIELDS, "maps", "inside")
SMALL = [(np.array([[1.0, 0], [0, 1], [1, 1]]), [0, 0, 0.3]), (np.ones((1, 3)), [0])]
BOX = pe.Box(-1, 1, dim=2)


def with_maxima() -> pe.PiecewiseLinearNetwork:
    """Return a network of ReLUs and of maxima over them."""
    random = np.random.default_rng(1)
    return pe.PiecewiseLinearNetwork(
        [
            pe.Stage(
                random.normal(size=(6, 2)), random.uniform(-1, 1, 6), pe.ActivationTable.relu(6)
            ),
            pe.Stage(np.eye(6), np.zeros(6), pe.ActivationTable.maxima([3, 3])),
            pe.Stage(np.ones((1, 6)), np.zeros(1), pe.ActivationTable.identity(1)),
        ]
    )


def sign_behind(weight: float) -> pe.PiecewiseLinearNetwork:
    """Return ``sign(weight * relu(x))``, which has one pre-activation on all of x < 0: 0."""
    return pe.PiecewiseLinearNetwork(
        [
            pe.Stage(np.ones((1, 1)), np.zeros(1), pe.ActivationTable.relu(1)),
            pe.Stage(
                np.array([[weight]]), np.zeros(1), pe.ActivationTable.from_rows([ROWS["sign"]])
            ),
            pe.Stage(np.ones((1, 1)), np.zeros(1), pe.ActivationTable.identity(1)),
        ]
    )


def cases() -> list[tuple[pe.RegionComplex, Any, pe.Domain]]:
    """Return complexes of all kinds, each with its network and domain."""
    shapes: list[tuple[Any, pe.Domain]] = [
        (random_network([2, 5, 4, 2], seed=4), BOX),
        (random_network([3, 4, 3, 1], seed=2), pe.Box(-1, 1, dim=3)),
        (random_network([1, 5, 4, 2], seed=4), pe.Box(-1, 1, dim=1)),
        ([(np.array([[1.0, 0], [0, 1], [1, 1], [2, 2]]), None), (np.ones((1, 4)), None)], BOX),
        (sign_behind(-1.0), pe.Box(-1, 1, dim=1)),
        (with_maxima(), BOX),
        (random_network([2, 5, 4, 2], seed=4), pe.Hull([[0, 0], [1, 0], [0, 1.0]])),
    ]
    return [
        (pe.enumerate_regions(net, domain, engine=engine, threads=1), net, domain)
        for net, domain in shapes
        for engine in ("vertex", "exact")
    ]


# -- what is wrong is found, and nothing crashes -----------------------------------------------------


def changed(array: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Return an array that is changed in some way."""
    way = random.integers(9)
    if not array.size or way == 0:
        return array.astype(random.choice(["float32", "int16", "complex128"]))
    found = np.array(array)
    flat = found.reshape(-1)
    j = random.integers(flat.size)
    if way == 1:
        raw = flat.view(np.uint8)
        raw[random.integers(raw.size)] ^= np.uint8(1 << random.integers(8))
    elif way == 2 and array.dtype.kind == "f":
        flat[j] = random.choice([np.nan, np.inf, -np.inf, -1, 1e300, 0, 1e-320])
    elif way == 2:
        limits = np.iinfo(array.dtype)
        flat[j] = [limits.min, limits.max, 0, 1][random.integers(4)]
    elif way == 3:
        i, j = random.integers(len(array), size=2)
        found[[i, j]] = found[[j, i]]
    elif way == 4:
        return np.delete(found, random.integers(len(array)), axis=0)
    elif way == 5:
        return np.insert(found, j % len(array), found[j % len(array)], axis=0)
    elif way == 6:
        return found[: random.integers(len(array))]
    elif way == 7:
        return found[..., None] if random.random() < 0.5 else flat
    elif array.dtype.kind == "f":
        flat[j] += random.choice([1e-18, 1e-12, 1e-6, 0.1])
    else:
        flat[j] += flat.dtype.type(1)
    return found


def incidences(cx: pe.RegionComplex) -> list[set[int]]:
    """Return the labels that are tight at each corner."""
    found = []
    for i in range(len(cx)):
        labels = cx.labels[cx.label_offsets[i] : cx.label_offsets[i + 1]].tolist()
        for mask in cx.corner_masks[cx.vertex_offsets[i] : cx.vertex_offsets[i + 1], 0].tolist():
            found.append({label for k, label in enumerate(labels) if mask >> k & 1})
    return found


def is_harmless(name: str, cx: pe.RegionComplex, other: pe.RegionComplex) -> bool:
    """Return whether a change left a result right.

    So it is where a claim stays true, a number within its error, and labels only changed their order.
    """
    before, after = getattr(cx, name), getattr(other, name)
    if before.dtype != after.dtype or before.shape != after.shape:
        return False
    if before.tobytes() == after.tobytes() or name == "map_error":
        return True
    if name == "labels":
        return incidences(cx) == incidences(other)
    if name not in ("corner_points", "maps"):
        return False
    claim = cx.vertex_error if name == "corner_points" else cx.map_error.max()
    with np.errstate(all="ignore"):
        return bool((np.abs(before - after) <= 2 * claim).all())


@pytest.mark.parametrize("seed", range(4))
def test_a_changed_field_is_found_or_harmless(seed: int) -> None:
    random = np.random.default_rng(seed)
    found = 0
    examples = cases()
    for _ in range(250):
        cx, net, domain = examples[random.integers(len(examples))]
        other = rebuilt(cx)
        name = ARRAYS[random.integers(len(ARRAYS))]
        with np.errstate(all="ignore"):
            setattr(other, name, changed(getattr(other, name), random))
        try:
            pe.check(other, net, domain)
        except pe.CheckError:
            found += 1
        else:
            assert is_harmless(name, cx, other), name
    assert found > 150


KEPT = (
    "patterns", "vertices", "vertex_ids", "volumes", "centroids", "interior_points", "facet_table",
    "adjacent_pairs", "adjacency", "f_vector", "linear_regions", "covered", "polygons",
)  # fmt: skip


@pytest.mark.parametrize("name", KEPT)
@pytest.mark.parametrize("right", [True, False])
def test_what_is_kept_is_computed_again(name: str, right: bool) -> None:
    cx = pe.enumerate_regions(SMALL, BOX)
    value = getattr(cx, name)
    if not right:
        if isinstance(value, tuple) and name == "facet_table":
            value.bit[0] += 1
        elif isinstance(value, (tuple, float)):
            cx.__dict__[name] = 0.5
        elif name == "adjacency":
            value.data[0] = False
        elif name == "polygons":
            value[0] = value[1]
        else:
            value[-1] += 1
        with pytest.raises(pe.CheckError, match="which is not what follows from the rest"):
            pe.check(cx, SMALL, BOX)
    else:
        assert pe.check(cx, SMALL, BOX).complete


def test_questions_change_nothing() -> None:
    cx = pe.enumerate_regions(SMALL, BOX)
    assert cx.locate(cx[0].interior_point) == 0
    _ = cx[0].halfspaces, cx[0].facets
    assert pe.check(cx, SMALL, BOX).complete
    for copied in (copy.deepcopy(cx), pickle.loads(pickle.dumps(cx))):
        np.testing.assert_array_equal(copied[0].halfspaces[0], cx[0].halfspaces[0])
        assert pe.check(copied, SMALL, BOX).complete


def test_lp_cells_are_copied_after_questions() -> None:
    cx = pe.enumerate_regions(SMALL, BOX, engine="lp")
    rows, facets = cx[0].halfspaces[0], cx[0].facets
    for copied in (copy.deepcopy(cx), pickle.loads(pickle.dumps(cx))):
        np.testing.assert_array_equal(copied[0].halfspaces[0], rows)
        assert copied[0].facets == facets


def test_attributes_that_hide_others_are_found() -> None:
    cx = pe.enumerate_regions(SMALL, BOX)
    cx.locate = lambda points: 0  # type: ignore[assignment, method-assign]
    with pytest.raises(pe.CheckError, match="attribute locate, which hides"):
        pe.check(cx, SMALL, BOX)
    cx = pe.enumerate_regions(SMALL, BOX)
    cx._locator._packed = cx.packed_sides[::-1]  # type: ignore[attr-defined]
    assert pe.check(cx, SMALL, BOX).complete
    assert cx.locate(cx.interior_points).tolist() == list(range(len(cx)))
    for name in ("groups", "sources", "jumps"):
        net = pe.PiecewiseLinearNetwork(with_maxima().stages)
        cx = pe.enumerate_regions(net, BOX)
        value = getattr(net, name)
        value[-1] = not value[-1] if name == "jumps" else value[-1] - 1
        with pytest.raises(pe.CheckError, match=f"network keeps {name}"):
            pe.check(cx, net, BOX)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("vertex_error", np.nan, "vertex_error must be"),
        ("vertex_error", np.inf, "vertex_error must be"),
        ("vertex_error", -1.0, "vertex_error must be"),
        ("vertex_error", None, "vertex_error must be"),
        ("vertex_error", 10**400, "vertex_error must be"),
        ("map_error", np.full((2, 1), 1e308), "a proven complex promises"),
        ("vertex_error", 1e9, "a proven complex promises at most"),
        ("map_error", np.full((2, 1), np.inf), "map_error holds"),
        ("map_error", np.full((2, 1), np.nan), "map_error holds"),
        ("map_error", np.full((2, 1), -1.0), "map_error holds"),
        ("map_error", np.full((2, 1), 1e-3), "a proven complex promises"),
        ("engine", "exact", "counts some"),
        ("engine", "shapely", "makes no result"),
        ("engine", "zeal", "the engine is"),
        ("complete", None, "neither True nor False"),
        ("certificate", pe.Certificate(2), "neither True nor False"),  # type: ignore[arg-type]
        ("certificate", pe.Certificate(False), "certified is False, but vertex_error"),
        ("certificate", pe.Certificate(True, float_signs=-1), "counts of signs"),
        ("certificate", pe.Certificate(True, 1, 2.5), "counts of signs"),  # type: ignore[arg-type]
        ("certificate", (True, 1, 2), "not a Certificate"),
    ],
)
def test_claims_are_checked(name: str, value: Any, message: str) -> None:
    cx = pe.enumerate_regions(SMALL, BOX)
    setattr(cx, name, value)
    with pytest.raises(pe.CheckError, match=message):
        pe.check(cx, SMALL, BOX)


def test_a_claim_does_not_excuse_a_wrong_result() -> None:
    cx = pe.enumerate_regions(SMALL, BOX)
    cx.corner_points += 0.3
    cx.vertex_error = 0.5
    with pytest.raises(pe.CheckError, match=r"explains|a proven complex promises"):
        pe.check(cx, SMALL, BOX)
    # Without a certificate nothing is claimed, and vertices are held against their hyperplanes.
    cx.vertex_error, cx.certificate = 0.0, pe.Certificate(False)
    with pytest.raises(pe.CheckError, match="lies off hyperplane"):
        pe.check(cx, SMALL, BOX)


def test_arrays_of_other_kinds_are_found() -> None:
    for name in ("vertex_offsets", "corner_points", "maps"):
        cx = pe.enumerate_regions(SMALL, BOX)
        setattr(cx, name, np.ma.masked_array(getattr(cx, name)))
        with pytest.raises(pe.CheckError, match=f"{name} must be an array"):
            pe.check(cx, SMALL, BOX)


def test_signs_of_maxima_are_counted() -> None:
    """A named fault: exact signs were taken off those by floats, which had not been counted."""
    maxima = pe.Stage(
        np.array([[0.0, 0], [-3, -3], [-1, -1]]), np.zeros(3), pe.ActivationTable.maxima([3])
    )
    last = pe.Stage(np.ones((1, 3)), np.zeros(1), pe.ActivationTable.identity(1))
    net = pe.PiecewiseLinearNetwork([maxima, last])
    cx = pe.enumerate_regions(net, pe.Box(-1, 1, dim=2), threads=1)
    assert len(cx) == 2
    assert min(cx.certificate) >= 0
    pe.check(cx, net, cx.domain)


def test_order_and_unused_bits() -> None:
    cx = pe.enumerate_regions(
        [(np.array([[1.0]]), [0.0]), (np.ones((1, 1)), [0])], pe.Box(-1, 1, dim=1)
    )
    turned = rebuilt(
        cx,
        packed_sides=cx.packed_sides[::-1].copy(),
        maps=cx.maps[::-1].copy(),
        corner_points=cx.corner_points[[2, 3, 0, 1]],
        corner_masks=cx.corner_masks[[2, 3, 0, 1]],
        labels=cx.labels[[2, 3, 0, 1]],
    )
    with pytest.raises(pe.CheckError, match="out of order"):
        pe.check(turned, cx.network, cx.domain)
    padded = rebuilt(cx)
    padded.packed_sides[-1] |= 128
    with pytest.raises(pe.CheckError, match="bit beyond the last hyperplane"):
        pe.check(padded, cx.network, cx.domain)


def test_another_network_inside_is_found() -> None:
    """All that is proven would be of the given one, and what users read of the other."""
    cx = pe.enumerate_regions(SMALL, BOX)
    other = pe.enumerate_regions([(SMALL[0][0], [0, 0, 0.3]), (np.full((1, 3), 2.0), [0])], BOX)
    cx.network = other.network
    with pytest.raises(pe.CheckError, match="another weight in stage 1"):
        pe.check(cx, SMALL, BOX)
    cx = pe.enumerate_regions(SMALL, BOX)
    cx.domain = pe.Box(-1, 2, dim=2)
    with pytest.raises(pe.CheckError, match="sides of its own domain"):
        pe.check(cx, SMALL, BOX)


def test_other_things_are_refused() -> None:
    cx = pe.enumerate_regions(SMALL, BOX)
    with pytest.raises(pe.RegionError, match="cx must be a RegionComplex"):
        pe.check([], SMALL, BOX)  # type: ignore[arg-type]
    with pytest.raises(pe.DomainError, match="domain must be a Box"):
        pe.check(cx, SMALL, "x")  # type: ignore[arg-type]
    with pytest.raises(pe.RegionError, match="LP cells"):
        pe.check(pe.enumerate_regions(SMALL, BOX, engine="lp"), SMALL, BOX)


# -- what is right is proven -------------------------------------------------------------------------

WIDTHS = [1e-300, 1e-200, 1e-162, 1e-30, 1.0, 1e30, 1e155, 1e300]


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("engine", ["vertex", "exact"])
def test_boxes_of_all_sizes(width: float, engine: str) -> None:
    for dim in (1, 2, 3):
        random = np.random.default_rng(dim)
        net = [
            (random.normal(size=(4, dim)), random.uniform(-1, 1, 4) * width),
            (random.normal(size=(2, 4)), random.uniform(-1, 1, 2) * width),
            (np.ones((1, 2)), [0]),
        ]
        thin = np.where(np.arange(dim) % 2 == 1, width, 1.0)
        far = (pe.Box(1e3 * width, 1.001e3 * width, dim=dim),) if width < 1e300 else ()
        for domain in (pe.Box(-width, width, dim=dim), pe.Box(-thin, thin), *far):
            cx = pe.enumerate_regions(net, domain, engine=engine, threads=1)
            report = pe.check(cx, net, domain)
            assert report.complete
            assert report.volume_gap < 1e-9
            assert report.vertex_error <= cx.vertex_error * (1 + 1e-9) + 1e-323


@pytest.mark.parametrize("weight", [-1.0, 1.0, 0.0])
def test_units_behind_a_jump_that_vanish(weight: float) -> None:
    net, box = sign_behind(weight), pe.Box(-1, 1, dim=1)
    for engine in ("vertex", "exact"):
        assert pe.check(pe.enumerate_regions(net, box, engine=engine), net, box).complete


@share(0.3)
@given(degenerate_networks(depth=(1, 2), width=4), st.integers(0, 2**32 - 1))
def test_subnormal_weights(layers: Layers, seed: int) -> None:
    random = np.random.default_rng(seed)
    tiny = []
    for weight, bias in layers:
        weight = np.array(weight, float)
        weight[random.random(weight.shape) < 0.3] = 5e-324 * random.integers(1, 9)
        tiny.append((weight, bias))
    box = pe.Box(-1, 1, dim=tiny[0][0].shape[1])
    pe.check(pe.enumerate_regions(tiny, box, engine="exact"), tiny, box)


@pytest.mark.parametrize("options", [{"certified": False}, {"engine": "shapely"}])
def test_results_without_proofs_are_proven(options: dict[str, Any]) -> None:
    net = random_network([2, 8, 8, 1], seed=3)
    cx = pe.enumerate_regions(net, BOX, **options)
    report = pe.check(cx, net, BOX)
    assert report.complete
    assert report.vertex_error < 1e-9
    assert report.map_error < 1e-9
    moved = rebuilt(cx)
    moved.corner_points[0, 0] += 1e-3
    with pytest.raises(pe.CheckError, match="lies off hyperplane"):
        pe.check(moved, net, BOX)
    altered = rebuilt(cx)
    altered.maps[0] = 7
    with pytest.raises(pe.CheckError, match="affine map is off"):
        pe.check(altered, net, BOX)


# -- the parts of the proof --------------------------------------------------------------------------


@share(0.1)
@given(generic_networks(dims=(1, 4), depth=(1, 2), width=4))
def test_simple_regions_are_like_all_others(layers: Layers) -> None:
    """The faces found in batches are those found region by region."""
    box = pe.Box(-1, 1, dim=layers[0][0].shape[1])
    cx = pe.enumerate_regions(layers, box)
    batched = pe.check(cx, layers, box)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gluing, "simple_regions", lambda case, batch: np.zeros(len(batch), bool))
        single = pe.check(cx, layers, box)
    assert batched.facets == single.facets
    assert batched.euler_characteristic == single.euler_characteristic == 1


def test_a_lost_corner_leaves_an_edge_with_one_end() -> None:
    net, box = random_network([3, 4, 3, 1], seed=2), pe.Box(-1, 1, dim=3)
    cx = pe.enumerate_regions(net, box)
    region = int(np.diff(cx.vertex_offsets).argmax())
    corner = int(cx.vertex_offsets[region])
    offsets = cx.vertex_offsets.copy()
    offsets[region + 1 :] -= 1
    lost = rebuilt(
        cx,
        vertex_offsets=offsets,
        corner_points=np.delete(cx.corner_points, corner, axis=0),
        corner_masks=np.delete(cx.corner_masks, corner, axis=0),
    )
    with pytest.raises(pe.CheckError, match="an edge does not have two ends") as caught:
        pe.check(lost, net, box)
    assert caught.value.findings[0].startswith(f"region {region}:")


def test_equal_hashes_of_different_faces(monkeypatch: pytest.MonkeyPatch) -> None:
    of, tried = signs.Hashing.of, []

    def first_equal(self: signs.Hashing, keys: signs.Keys) -> np.ndarray:
        tried.append(len(keys))
        hashes = of(self, keys)
        return hashes & np.uint64(3) if len(tried) < 3 else hashes

    monkeypatch.setattr(signs.Hashing, "of", first_equal)
    cx = pe.enumerate_regions(SMALL, BOX)
    assert pe.check(cx, SMALL, BOX).complete
    assert len(tried) == 4  # vertices three times, facets once


def test_own_layout_is_the_networks() -> None:
    nets = [with_maxima(), sign_behind(-1.0), pe.load(random_network([2, 5, 3, 1]))]
    rows = [ROWS["sign"], ROWS["hardshrink"], pieces.threshold(0.125, -1.0), pieces.RELU]
    table = pe.ActivationTable.from_rows([*rows, ([-1.0, 1.0], [0.1, 1.0, 0.3], -0.9)])
    nets.append(pe.PiecewiseLinearNetwork([pe.Stage(np.ones((5, 1)), np.zeros(5), table)]))
    for net in nets:
        layout = Layout(net)
        np.testing.assert_array_equal(layout.groups, net.groups)
        np.testing.assert_array_equal(layout.sources, net.sources)
        np.testing.assert_array_equal(layout.jumps, net.jumps)
        for own, stage in zip(layout.stages, net.stages, strict=True):
            assert own.exact_intercepts == stage.activation.exact_intercepts


@given(st.integers(0, 2**32 - 1))
def test_enclosures_hold_for_subnormal_numbers(seed: int) -> None:
    random = np.random.default_rng(seed)
    scale = 10.0 ** random.integers(-320, -140, (3, 4))
    weight, bias = random.normal(size=(3, 4)) * scale, random.normal(size=3) * 1e-310
    x = random.normal(size=(1, 2, 4)) * 10.0 ** random.integers(-200, 0)
    value, error = enclosure.affine(weight, bias, (x, np.zeros_like(x)))
    for row, k in product(range(2), range(3)):
        terms = zip(weight[k].tolist(), x[0, row].tolist(), strict=True)
        exact = sum((Fraction(a) * Fraction(b) for a, b in terms), Fraction(0))
        exact += Fraction(float(bias[k])) if row else 0
        assert abs(Fraction(float(value[0, row, k])) - exact) <= Fraction(float(error[0, row, k]))


def test_volumes_of_polytopes() -> None:
    for dim in range(1, 6):
        corners = [[Fraction(x) for x in p] for p in product((0, 2), repeat=dim)]
        tight = [[2 * k + (x > 0) for k, x in enumerate(p)] for p in corners]
        assert polytope_volume(corners, tight, dim) == 2**dim
    cross = pe.Hull(np.vstack([np.eye(4), -np.eye(4)])).polytope
    points = [[Fraction(x, p[-1]) for x in p[:-1]] for p in cross.points]
    assert polytope_volume(points, cross.tight, 4) == Fraction(2**4, 24)
    triangle = pe.Hull([[0, 0], [1, 0], [0, 3]]).polytope
    points = [[Fraction(x, p[-1]) for x in p[:-1]] for p in triangle.points]
    assert polytope_volume(points, triangle.tight, 2) == Fraction(3, 2)


def test_a_domain_with_other_vertices_than_its_sides_is_found() -> None:
    net = random_network([3, 4, 1], seed=0)
    hull = pe.Hull(np.vstack([np.eye(3), -np.eye(3)]))
    cx = pe.enumerate_regions(net, hull)
    assert pe.check(cx, net, hull).complete
    whole = hull.polytope
    (*first, scale), *others = whole.points
    for points, tight, message in (
        (whole.points[1:], whole.tight[1:], "not all that its sides have"),
        ([(*first, 2 * scale), *others], whole.tight, "not on the sides"),
        (whole.points, [whole.tight[1], *whole.tight[1:]], "not on the sides"),
    ):
        hull.polytope = ExactPolytope(3, points, tight)
        with pytest.raises(pe.CheckError, match=message):
            pe.check(cx, net, hull)


# -- fits --------------------------------------------------------------------------------------------


def test_fits_looks_at_everything_that_is_indexed_by() -> None:
    cx = pe.enumerate_regions(SMALL, BOX)
    assert cx.fits(cx.network, cx.domain)
    offsets = cx.vertex_offsets.copy()
    offsets[1] -= 2
    masks = cx.corner_masks.copy()
    masks[0, 0] |= np.uint64(1 << 40)
    turned = cx.corner_masks.copy()
    quad = int(np.flatnonzero(np.diff(cx.vertex_offsets) >= 4)[0])
    at = int(cx.vertex_offsets[quad])
    turned[[at, at + 1]] = turned[[at + 1, at]]
    twice = cx.labels.copy()
    twice[1] = twice[0]
    for change in (
        {"corner_masks": masks},
        {"corner_masks": turned},
        {"corner_masks": cx.corner_masks.astype(np.int64)},
        {"vertex_offsets": offsets},
        {"vertex_offsets": cx.vertex_offsets.astype(np.int32)},
        {"labels": twice},
        {"labels": cx.labels + np.int32(100)},
        {"packed_sides": np.repeat(cx.packed_sides, 2, axis=1)},
        {"corner_points": np.where(cx.corner_points == 1, np.nan, cx.corner_points)},
        {"maps": np.full_like(cx.maps, np.inf)},
    ):
        assert not rebuilt(cx, **change).fits(cx.network, cx.domain), change


# -- errors ------------------------------------------------------------------------------------------


def test_errors_survive_pickle() -> None:
    kinds = [
        kind
        for kind in vars(errors).values()
        if isinstance(kind, type) and issubclass(kind, errors.PolyenumError)
    ]
    assert len(kinds) >= 9
    for kind in kinds:
        error = kind("why", ["a", "b"]) if kind is pe.CheckError else kind("why")
        again = pickle.loads(pickle.dumps(error))
        assert type(again) is kind
        assert str(again) == "why"
        assert again.__dict__ == error.__dict__
