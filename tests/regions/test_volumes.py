"""Volumes and centroids: against rational numbers, of known shapes, and of boxes of all sizes."""

from __future__ import annotations

import math
from fractions import Fraction
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.spatial import ConvexHull

import polyenum as pe
from polyenum.proof.exact_volume import polytope_volume
from polyenum.proof.rational import RationalForms, meeting_point
from polyenum.regions import volumes
from polyenum.regions.volumes import Incidence, measure
from tests.cells.test_invariants import box_of
from tests.helpers.strategies import Layers, degenerate_networks, generic_networks, share


def domain_complex(domain: pe.Domain) -> pe.RegionComplex:
    """Return the complex of one region, the whole domain: of a network without units."""
    return pe.enumerate_regions([(np.eye(domain.input_dim), None)], domain)


@pytest.fixture(autouse=True)
def _no_hulls(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nothing fall back on Qhull: the incidences of certified cells are those of polytopes."""
    if "hulls" not in request.fixturenames:
        monkeypatch.setattr(volumes, "hull_volume", lambda points: pytest.fail("not a polytope"))


@pytest.fixture
def hulls() -> None:
    """Allow the fallback."""


def tight_labels(cx: pe.RegionComplex, i: int) -> list[list[int]]:
    """Return the labels that are tight at each corner of region `i`."""
    labels = cx.labels[cx.label_offsets[i] : cx.label_offsets[i + 1]]
    bits = np.arange(len(labels))
    masks = cx.corner_masks[cx.vertex_offsets[i] : cx.vertex_offsets[i + 1]]
    on = masks[:, bits >> 6] >> (bits & 63).astype(np.uint64) & np.uint64(1)
    return [labels[row.astype(np.bool_)].tolist() for row in on]


def check_against_rational(cx: pe.RegionComplex, regions: list[int]) -> None:
    """Hold volumes against rational ones, up to what the rounding of the region's corners allows.

    A polytope within e of another differs from it by less than their bounding boxes grown by e.
    """
    forms = RationalForms(cx.network, cx.domain)
    for i in regions:
        sides = cx.sides_of(slice(i, i + 1))[0]
        tight = tight_labels(cx, i)
        exact = [meeting_point([forms.label(k, sides) for k in labels]) for labels in tight]
        stored = cx.corner_points[cx.vertex_offsets[i] : cx.vertex_offsets[i + 1]]
        off = max(
            abs(Fraction(float(a)) - b)
            for p, q in zip(stored, exact, strict=True)
            for a, b in zip(p, q, strict=True)
        )
        width = [Fraction(float(w)) + 2 * off for w in np.ptp(stored, axis=0)]
        box, grown = math.prod(width), math.prod(w + 2 * off for w in width)
        volume = polytope_volume(exact, tight, cx.dim)
        allowed = grown - box + box / 2**48 + Fraction(5e-324)
        assert abs(Fraction(float(cx.volumes[i])) - volume) <= allowed


def some_regions(cx: pe.RegionComplex, most: int) -> list[int]:
    """Return up to so many regions, of up to so many corners that rational numbers do not take long."""
    few = np.flatnonzero(np.diff(cx.vertex_offsets) <= 36)
    return few[np.linspace(0, len(few) - 1, min(most, len(few))).astype(int)].tolist()


def check_moments(cx: pe.RegionComplex, volume: float, centroid: NDArray[np.float64]) -> None:
    """Check that the regions' volumes and centroids make up the whole's."""
    assert cx.volumes.sum() == pytest.approx(volume, rel=1e-12)
    mean = cx.volumes @ cx.centroids / volume
    size = np.abs(cx.domain.vertices).max()
    np.testing.assert_allclose(mean, centroid, rtol=0, atol=1e-12 * size)


def check_inside(cx: pe.RegionComplex) -> None:
    """Check that each centroid is a number in its region's bounding box."""
    starts = cx.vertex_offsets[:-1]
    assert (cx.centroids >= np.minimum.reduceat(cx.corner_points, starts)).all()
    assert (cx.centroids <= np.maximum.reduceat(cx.corner_points, starts)).all()


@given(generic_networks(dims=(1, 4), depth=(1, 2), width=6))
@share(0.5)
def test_generic_regions_against_rational_numbers(layers: Layers) -> None:
    cx = pe.enumerate_regions(layers, box_of(layers))
    check_against_rational(cx, some_regions(cx, 5))
    check_moments(cx, 2.0**cx.dim, np.zeros(cx.dim))
    check_inside(cx)


@given(degenerate_networks(dims=(2, 4), depth=(1, 3), width=6))
def test_degenerate_regions_against_rational_numbers(layers: Layers) -> None:
    """Many hyperplanes through a vertex, several that carry one facet, some that hold the whole region."""
    cx = pe.enumerate_regions(layers, box_of(layers))
    check_against_rational(cx, some_regions(cx, 5))
    check_moments(cx, 2.0**cx.dim, np.zeros(cx.dim))
    check_inside(cx)


@given(degenerate_networks(dims=(5, 5), depth=(1, 2), width=5, kinds=("ternary", "quarters")))
@share(0.25)
def test_regions_in_five_dimensions_against_rational_numbers(layers: Layers) -> None:
    cx = pe.enumerate_regions(layers, box_of(layers))
    check_against_rational(cx, some_regions(cx, 1))
    check_moments(cx, 32.0, np.zeros(5))


@given(
    st.one_of(
        generic_networks(dims=(6, 6), depth=(1, 2), width=4),
        degenerate_networks(dims=(6, 6), depth=(1, 2), width=4, kinds=("ternary", "bias-free")),
    )
)
@share(0.25)
def test_regions_in_six_dimensions_against_qhull(layers: Layers) -> None:
    cx = pe.enumerate_regions(layers, box_of(layers))
    check_moments(cx, 2.0**cx.dim, np.zeros(cx.dim))
    i = int(cx.volumes.argmax())
    assert cx.volumes[i] == pytest.approx(ConvexHull(cx[i].vertices).volume, rel=1e-9)


@given(
    st.one_of(generic_networks(dims=(1, 5), width=6), degenerate_networks(dims=(1, 4), width=6)),
    st.integers(0, 2**32 - 1),
)
@share(0.5)
def test_one_region_alone(layers: Layers, seed: int) -> None:
    """One region's volume and centroid are bit by bit its entries of all, and do not need these."""
    cx = pe.enumerate_regions(layers, box_of(layers))
    chosen = np.random.default_rng(seed).integers(0, len(cx), 5).tolist()
    alone = [(cx[i].volume, cx[i].centroid) for i in chosen]
    assert "_measures" not in vars(cx)
    for i, (volume, centroid) in zip(chosen, alone, strict=True):
        assert volume == cx.volumes[i] == cx[i].volume
        assert centroid.tolist() == cx.centroids[i].tolist() == cx[i].centroid.tolist()


@pytest.mark.parametrize("dim", [1, 2, 3, 4, 5, 6, 8])
def test_shapes_of_every_dimension(dim: int) -> None:
    """Cubes and simplices are simple; no vertex of a cross polytope is, from three dimensions on."""
    units = np.eye(dim)
    shapes = [
        (pe.Box(-1, 1, dim=dim), 2.0**dim, np.zeros(dim)),
        (pe.Hull([np.zeros(dim), *units]), 1 / math.factorial(dim), np.full(dim, 1 / (dim + 1))),
    ]
    if dim <= 6:
        cross = pe.Hull([*units, *-units])
        shapes.append((cross, 2.0**dim / math.factorial(dim), np.zeros(dim)))
    if dim > 1:
        # A pyramid over a cube: only its apex is not simple.
        base = [np.append(p, 0) for p in product([-1.0, 1], repeat=dim - 1)]
        middle = np.append(np.zeros(dim - 1), 1 / (dim + 1))
        shapes.append((pe.Hull([*base, units[-1]]), 2.0 ** (dim - 1) / dim, middle))
    for shape, volume, centroid in shapes:
        whole = domain_complex(shape)
        assert whole.volumes[0] == pytest.approx(volume, rel=1e-14)
        np.testing.assert_allclose(whole.centroids[0], centroid, rtol=0, atol=1e-14)


@given(st.integers(3, 5), st.integers(0, 2**32 - 1))
def test_hulls_of_integer_points_against_qhull(dim: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    points = random.integers(-2, 3, (dim + 7, dim)).astype(float)
    if np.linalg.matrix_rank(points - points[0]) < dim:
        return
    hull = pe.Hull(points)
    whole = domain_complex(hull)
    assert whole.volumes[0] == pytest.approx(ConvexHull(points).volume, rel=1e-12)
    creases = [(random.normal(size=(3, dim)), random.normal(size=3)), (np.ones((1, 3)), [0])]
    check_moments(pe.enumerate_regions(creases, hull), whole.volumes[0], whole.centroids[0])


@given(st.integers(3, 6), st.sampled_from([2**10, 2**20]), st.integers(0, 2**32 - 1))
def test_needles_lose_no_more_than_their_length(dim: int, length: int, seed: int) -> None:
    """Simplices with integer vertices, aslant and so many times longer than wide, of known volume."""
    random = np.random.default_rng(seed)
    edges = random.integers(-3, 4, (dim, dim))
    edges += edges[0] * length * random.integers(1, 4, (dim, 1))
    try:
        hull = pe.Hull([np.zeros(dim), *edges])
    except pe.DomainError:  # flat
        return
    points = [[Fraction(x) for x in point] for point in [[0] * dim, *edges.tolist()]]
    volume = polytope_volume(points, [set(range(dim + 1)) - {v} for v in range(dim + 1)], dim)
    off = abs(Fraction(float(domain_complex(hull).volumes[0])) / volume - 1)
    assert off <= 2.0**-53 * 2**10 * length


def test_more_facets_than_a_word_has_bits() -> None:
    """A pyramid over a polygon of 75 sides and its mirror image: two vertices on 75 facets each."""
    angles = np.linspace(0, 2 * np.pi, 75, endpoint=False)
    around = np.column_stack([np.cos(angles), np.sin(angles), np.ones(75)])
    double = domain_complex(pe.HPolytope([*around, *(around * [1, 1, -1])], np.ones(150)))
    assert double.volumes[0] == pytest.approx(2 / 3 * 75 * np.tan(np.pi / 75))
    np.testing.assert_allclose(double.centroids, 0, atol=1e-12)


@given(
    generic_networks(dims=(1, 4), depth=(1, 2), width=5),
    st.lists(st.sampled_from([-660, -540, -150, 0, 150, 515]), min_size=4, max_size=4),
)
def test_domains_stretched_by_powers_of_two(layers: Layers, exponents: list[int]) -> None:
    """Tiny, huge and flat domains: volumes that under- or overflow, and centroids that do not."""
    box = box_of(layers)
    scale = np.array(exponents[: box.dim])
    (weight, bias), *rest = [(np.float64(w), np.float64(b)) for w, b in layers]
    stretched = [(np.ldexp(weight, -scale), bias), *rest]
    corner = np.ldexp(1.0, scale)
    plain = pe.enumerate_regions(layers, box)
    cx = pe.enumerate_regions(stretched, pe.Box(-corner, corner))
    np.testing.assert_array_equal(cx.patterns, plain.patterns)
    with np.errstate(over="ignore", under="ignore"):
        expected = np.ldexp(plain.volumes, scale.sum())
    np.testing.assert_allclose(cx.volumes, expected, rtol=1e-9, atol=5e-324)
    np.testing.assert_allclose(np.ldexp(cx.centroids, -scale), plain.centroids, rtol=0, atol=1e-9)
    check_inside(cx)
    # Its share is a number even where the volume is none.
    part = pe.enumerate_regions(stretched, pe.Box(-corner, corner), max_regions=1)
    assert part.covered == pytest.approx(plain.volumes[0] / 2.0**box.dim)


def as_float(x: Fraction) -> float:
    """Return the nearest float64."""
    try:
        return float(x)
    except OverflowError:
        return math.inf


@pytest.mark.parametrize("dim", [1, 2, 3, 6])
@pytest.mark.parametrize(
    "width", [5e-324, 1e-323, 1e-200, 1e-162, 1e-108, 1e-54, 1e52, 1e155, 1e300]
)
def test_boxes_of_all_sizes(dim: int, width: float) -> None:
    """The volume of a box is rounded once, into subnormals too; its middle is in the middle."""
    for low, high in ((0.0, width), (-width, width), (-width, 0.0)):
        whole = domain_complex(pe.Box(low, high, dim=dim))
        exact = as_float((Fraction(high) - Fraction(low)) ** dim)
        assert whole.volumes[0] == pytest.approx(exact, rel=1e-14, abs=0)
        middle = float((Fraction(high) + Fraction(low)) / 2)
        rounding = max(1e-14 * width, 5e-324)
        np.testing.assert_allclose(whole.centroids[0], middle, rtol=0, atol=rounding)
        check_inside(whole)


@given(
    st.integers(2, 4),
    st.sampled_from([2.0**-52, 2.0**-50, 1e-100, 1e-300]),
    st.integers(0, 2**32 - 1),
)
def test_slabs_thinner_than_floats(dim: int, thickness: float, seed: int) -> None:
    """Between hyperplanes a hair's breadth apart: a volume of 0 or more, and a centroid in its place."""
    normal = np.random.default_rng(seed).normal(size=dim)
    normal /= np.abs(normal).max()
    slab = [(np.stack([normal, normal]), np.array([0, -thickness])), (np.ones((1, 2)), [0])]
    cx = pe.enumerate_regions(slab, pe.Box(-1, 1, dim=dim))
    assert len(cx) == 3
    assert cx.volumes.sum() == pytest.approx(2.0**dim)
    check_inside(cx)
    thin = int(cx.volumes.argmin())
    assert 0 <= cx.volumes[thin] <= 2.0**dim * max(thickness, 2.0**-48)
    assert abs(cx.centroids[thin] @ normal) <= 2.0**-48


def test_polygons_flattened_by_rounding() -> None:
    """Rounding turns some of their triangles over; the centroid is between the vertices all the same."""
    random = np.random.default_rng(0)
    offsets, labels = np.array([0, 4]), np.array([0, 1])
    for angle in random.uniform(0, 7, 500):
        along, across = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
        way = np.concatenate(
            [np.sort(random.uniform(-1, 1, 2)), np.sort(random.uniform(-1, 1, 2))[::-1]]
        )
        points = np.outer(way, along) + np.outer([0, 0, 1e-16, 1e-16], across)
        found = measure(Incidence(offsets, labels, np.zeros((4, 1), np.uint64)), points)
        assert 0 <= found.volumes()[0] < 1e-14
        assert (points.min(axis=0) <= found.centroids[0]).all()
        assert (found.centroids[0] <= points.max(axis=0)).all()


@pytest.mark.usefixtures("hulls")
@pytest.mark.parametrize("dim", [3, 4])
def test_incidences_of_no_polytope_get_their_hull(dim: int) -> None:
    """Uncertified cells may come to such: here a cube's vertex is not known to lie on a facet."""
    cube = domain_complex(pe.Box(-1, 1, dim=dim))
    masks = cube.corner_masks.copy()
    masks[0, 0] &= masks[0, 0] - np.uint64(1)
    found = measure(Incidence(cube.vertex_offsets, cube.label_offsets, masks), cube.corner_points)
    assert found.volumes()[0] == pytest.approx(2.0**dim)
    np.testing.assert_allclose(found.centroids, 0, atol=1e-12)
    # A flat one has no hull that Qhull measures.
    flat = cube.corner_points.copy()
    flat[:, 0] = flat[:, 1]
    found = measure(Incidence(cube.vertex_offsets, cube.label_offsets, masks), flat)
    assert found.volumes().tolist() == [0.0]


@pytest.mark.usefixtures("hulls")
@pytest.mark.parametrize("seed", range(3))
def test_any_incidences_end(seed: int) -> None:
    """Whatever a file says, there is an answer, and it is the hull's at most."""
    random = np.random.default_rng(seed)
    for dim in (3, 4, 5):
        cube = domain_complex(pe.Box(-1, 1, dim=dim))
        masks = random.integers(0, 4**dim, (2**dim, 1)).astype(np.uint64)
        x = Incidence(cube.vertex_offsets, cube.label_offsets, masks)
        found = measure(x, cube.corner_points)
        assert np.isfinite(found.volumes()).all()
        assert (np.abs(found.centroids) <= 1).all()


def test_cells_without_vertices() -> None:
    cx = pe.enumerate_regions(
        [(np.eye(3), np.zeros(3)), (np.ones((1, 3)), [0])], pe.Box(-1, 1, dim=3), engine="lp"
    )
    assert cx[0].volume == pytest.approx(1)
    with pytest.raises(pe.RegionError, match="LP cells hold no vertices"):
        _ = cx.volumes
    with pytest.raises(pe.RegionError, match="LP cells hold no vertices"):
        _ = cx[0].centroid
