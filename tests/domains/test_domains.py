"""Domains: shapes, exact membership, refusals."""

from __future__ import annotations

import time
import tracemalloc
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import polyenum as pe
from polyenum.arithmetic.integers import integers, quotient, to_fractions, value
from polyenum.domains import by_programs as programs
from polyenum.domains.domain import LARGEST_COORDINATE


def absolute(dim: int) -> list:
    """Return a network with a crease on each axis."""
    return [(np.eye(dim), np.zeros(dim)), (np.ones((1, dim)), [0])]


def test_box_bounds() -> None:
    assert pe.Box(-1, [1, 2]).dim == 2
    assert pe.Box([0.1, -1], 2).vertices.min(axis=0).tolist() == [0.1, -1]
    assert repr(pe.Box(-2, 2, dim=9)) == "Box([-2, -2, -2, ..., -2], [2, 2, 2, ..., 2])"


@given(st.integers(1, 4), st.integers(0, 2**32 - 1))
def test_hull_and_halfspaces_agree(dim: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    points = random.integers(-3, 4, (dim + 6, dim)).astype(float)
    if np.linalg.matrix_rank(points - points[0]) < dim:
        with pytest.raises(pe.DomainError, match="hyperplane"):
            pe.Hull(points)
        return
    hull = pe.Hull(points)
    assert {tuple(v) for v in hull.vertices} <= {tuple(p) for p in points}
    assert hull.contains(points).all()
    forms = hull.side_forms()
    again = pe.HPolytope(-forms[:, :-1], forms[:, -1])
    if all(float(c).is_integer() for f in hull.sides for c in np.array(f) / max(map(abs, f[:-1]))):
        assert {tuple(v) for v in again.vertices} == {tuple(v) for v in hull.vertices}
    cx = pe.enumerate_regions(absolute(dim), hull)
    whole = pe.enumerate_regions([(np.ones((1, dim)), [0])], hull)
    assert len(whole) == 1
    assert cx.volumes.sum() == pytest.approx(whole.volumes[0])
    if dim > 1:
        from scipy.spatial import ConvexHull

        assert whole.volumes[0] == pytest.approx(ConvexHull(points).volume)
        assert cx.euler_characteristic == 1


def test_redundant_and_touching_sides() -> None:
    a = [[-1, 0], [0, -1], [1, 1], [1, 0], [1, 1], [1, 0]]
    domain = pe.HPolytope(a, [0, 0, 1, 1, 1, 5])
    assert {tuple(v) for v in domain.vertices} == {(0, 0), (1, 0), (0, 1)}
    cx = pe.enumerate_regions([([[1, -1]], [0]), ([[1]], [0])], domain)
    assert len(cx) == 2
    assert cx.euler_characteristic == 1
    # Two equal sides carry one facet.
    assert (2, 4) in {f.sides for region in cx for f in region.facets}


def test_many_sides() -> None:
    """More facets than one 64-bit word has bits."""
    angles = np.linspace(0, 2 * np.pi, 150, endpoint=False)
    circle = pe.HPolytope(np.column_stack([np.cos(angles), np.sin(angles)]), np.ones(150))
    cx = pe.enumerate_regions(absolute(2), circle)
    assert len(cx) == 4
    assert cx.volumes.sum() == pytest.approx(150 * np.tan(np.pi / 150))
    assert cx.euler_characteristic == 1
    assert sum(len(r.facets) for r in cx) >= 150


def test_many_coincident_units() -> None:
    """More labels on one facet than one 64-bit word has bits."""
    scales = np.arange(1, 101.0)[:, None]
    layers = [(scales * [[1.0, 2.0]], np.zeros(100)), (np.ones((1, 100)), [0])]
    cx = pe.enumerate_regions(layers, pe.Box(-1, 1, dim=2))
    assert len(cx) == 2
    (shared,) = [f for f in cx[0].facets if f.neighbor is not None]
    assert shared.units == tuple(range(100))


def test_contains_is_exact() -> None:
    box = pe.Box(0, 0.1, dim=1)
    inside = box.contains([[0.1], [np.nextafter(0.1, 1)], [0.0], [-5e-324], [np.nan]])
    assert inside.tolist() == [True, False, True, False, False]


def test_slices_and_segments() -> None:
    plane = pe.Slice.through([0, 0, 1], [1, 0, 1], [0, 2, 1], lower=-1, upper=[1, 2])
    assert plane.embed([[1, 0], [0, 1]]).tolist() == [[1, 0, 1], [0, 2, 1]]
    cx = pe.enumerate_regions(absolute(3), plane)
    assert (cx.dim, len(cx)) == (2, 4)
    segment = pe.Segment([-1, -1, 1], [1, 3, 1])
    cx = pe.enumerate_regions(absolute(3), segment)
    assert np.sort(cx.vertices.ravel()).tolist() == [0, 0.25, 0.5, 1]


REFUSED = {
    "flat box": (lambda: pe.Box(1, 1, dim=2), "axis 0.*below"),
    "empty box": (lambda: pe.Box([0, 2], [1, 1]), "axis 1"),
    "unbounded box": (lambda: pe.Box(-np.inf, 1, dim=1), "finite"),
    "no dimension": (lambda: pe.Box(0, 1), "dim="),
    "two dimensions": (lambda: pe.Box([0, 0], [1, 1, 1]), r"lengths \[2, 3\]"),
    "bad dim": (lambda: pe.Box(0, 1, dim=0), "dim must be"),
    "words": (lambda: pe.Box("a", 1, dim=1), "real numbers"),
    "unbounded": (lambda: pe.HPolytope([[1, 0], [0, 1]], [1, 1]), "unbounded"),
    "half-space": (lambda: pe.HPolytope([[1.0]], [1]), "unbounded"),
    "empty": (lambda: pe.HPolytope([[1], [-1]], [-1, 0]), "empty or flat"),
    "flat": (lambda: pe.HPolytope([[1], [-1]], [0, 0]), "empty or flat"),
    "zero row": (lambda: pe.HPolytope([[0, 0], [1, 1]], [1, 1]), "row 0 of A is zero"),
    "rows": (lambda: pe.HPolytope([[1.0]], [1, 2]), r"\(1,\)"),
    "flat hull": (lambda: pe.Hull([[0, 0], [1, 1], [2, 2]]), "hyperplane"),
    "few points": (lambda: pe.Hull([[0, 0], [1, 1]]), "at least 3"),
    "line": (lambda: pe.Slice.through([0, 0], [1, 1], [2, 2]), "dependent"),
    "lengths": (lambda: pe.Slice.through([0, 0], [1, 1, 1], [2, 2]), "one length"),
    "point": (lambda: pe.Segment([1, 2], [1, 2]), "dependent"),
    "basis": (lambda: pe.Slice([0, 0], [[1, 0, 0]]), "basis of shape"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refusals_name_the_thing(name: str) -> None:
    make, message = REFUSED[name]
    with pytest.raises(pe.DomainError, match=message):
        make()


@given(st.integers(1, 4), st.integers(0, 2**32 - 1), st.booleans())
def test_bounds_and_interior_without_vertices(dim: int, seed: int, floats: bool) -> None:
    """What polytopes of many dimensions get from programs is what the vertices say of small ones."""
    random = np.random.default_rng(seed)
    rows = random.integers(-3, 4, (2 * dim + 3, dim)).astype(float)
    rows = rows[rows.any(axis=1)]
    offsets = random.integers(-1, 4, len(rows)).astype(float)
    forms = [integers([*map(float, -a), float(c)]) for a, c in zip(rows, offsets, strict=True)]
    with pytest.MonkeyPatch.context() as patch:
        if not floats:
            patch.setattr(programs, "_proven_maximum", lambda *_: None)
        try:
            domain = pe.HPolytope(rows, offsets)
        except pe.DomainError as error:
            with pytest.raises(pe.DomainError, match=str(error)[:22]):
                (programs.interior_point(forms), programs.bounds(forms))
            return
        inside = programs.interior_point(forms)
        lower, upper = programs.bounds(forms)
    assert all(value(form, integers([*inside, Fraction(1)])) > 0 for form in forms)
    corners = np.array([to_fractions(p) for p in domain.polytope.points])
    # A side that bounds one axis is taken as it is; the others are optimal.
    for k in range(dim):
        own = [i for i in range(len(rows)) if rows[i, k] and not np.delete(rows[i], k).any()]
        assert lower[k] <= corners[:, k].min()
        assert upper[k] >= corners[:, k].max()
        if not any(rows[i, k] < 0 for i in own):
            assert lower[k] == corners[:, k].min()
        if not any(rows[i, k] > 0 for i in own):
            assert upper[k] == corners[:, k].max()


@pytest.mark.parametrize("dim", [9, 11])
def test_polytope_of_many_dimensions(dim: int) -> None:
    """On a sheared box, the sheared network has the regions that the network has on the box."""
    random = np.random.default_rng(dim)
    shear = np.eye(dim) + np.triu(random.integers(-2, 3, (dim, dim)), 1)
    first, second = random.integers(-3, 4, (5, dim)), random.integers(-3, 4, (2, 5))
    net = [(first, [1, 2, 0, -1, 0]), (second, [1, -2]), ([[1, 1]], [0])]
    sheared = [(first @ shear, [1, 2, 0, -1, 0]), *net[1:]]
    domain = pe.HPolytope(np.vstack([shear, -shear]), np.ones(2 * dim))
    assert repr(domain) == f"HPolytope(dim={dim}, {2 * dim} sides)"
    here = pe.enumerate_regions(sheared, domain)
    there = pe.enumerate_regions(net, pe.Box(-1, 1, dim=dim))
    assert here.engine == "lp"
    assert {tuple(p) for p in here.patterns} == {tuple(p) for p in there.patterns}
    assert len(here) == len(there) > 20
    sides = {f.sides for f in here[0].facets if f.sides}
    low, high = domain.bounding_box()
    assert (low < high).all()
    assert sides
    with pytest.raises(pe.DomainError, match="computed up to dimension 8"):
        _ = domain.vertices
    near = pe.neighborhood(sheared, np.zeros(dim), domain=domain, max_regions=8)
    assert len(near) >= 1


MANY = {
    "unbounded": (np.eye(9), np.ones(9), "unbounded: no side bounds coordinate 0 from below"),
    "flat": (np.vstack([np.eye(9), -np.eye(9)]), np.repeat([1, -1], 9), "empty or flat"),
    "empty": (np.vstack([np.eye(9), -np.eye(9)]), np.repeat([1, -2], 9), "empty or flat"),
    "unprovable": (np.eye(300), np.ones(300), "rows that bound one coordinate each help"),
}


@pytest.mark.parametrize("name", MANY)
def test_refusals_in_many_dimensions(name: str) -> None:
    normals, offsets, message = MANY[name]
    with pytest.raises(pe.DomainError, match=message):
        pe.HPolytope(normals, offsets)


def test_hulls_of_many_dimensions_are_refused_at_once() -> None:
    with pytest.raises(pe.DomainError, match="Hull of dimension 9"):
        pe.Hull(np.vstack([np.zeros(9), np.eye(9)]))
    assert pe.Box(-1, 1, dim=784).dim == 784
    with pytest.raises(pe.DomainError, match="too many vertices"):
        _ = pe.Box(-1, 1, dim=784).vertices


def test_thin_polytope_of_many_dimensions() -> None:
    """So thin that the float programs see no interior: rational arithmetic finds it."""
    box = np.vstack([np.eye(9), -np.eye(9)])
    domain = pe.HPolytope(box, [1e-300] * 9 + [0] * 9)
    low, high = domain.bounding_box()
    assert (low == 0).all()
    assert (high == 1e-300).all()
    assert domain.contains([float(x) for x in domain.interior_point()])


def contains_exactly(domain: pe.Domain, t: np.ndarray) -> bool:
    """Return whether a point satisfies all sides, in integers."""
    point = integers([*t.tolist(), 1.0])
    return all(value(form, point) >= 0 for form in domain.sides)


SIZES = (5e-324, 3e-320, 2.0**-1022, 1e-300, 1e-16, 1.0, 1e16, 1e290, LARGEST_COORDINATE)


def number(random: np.random.Generator) -> float:
    """Return a number of any size: a few times one of `SIZES`."""
    size = random.choice(SIZES)
    factor = random.choice([1, 2, 3, random.uniform(1, 2)]) if size < 1e290 else random.uniform()
    return float(size * factor)


def domain_of_sizes(kind: str, dim: int, random: np.random.Generator) -> pe.Domain:
    """Return a domain whose numbers are of all sizes."""
    reach = np.array([number(random) for _ in range(dim)])
    if kind == "box":
        return pe.Box(-reach * random.choice([0, 1], dim), reach)
    if kind == "hull":
        return pe.Hull(
            np.vstack([np.zeros(dim), np.diag(reach), reach * random.uniform(-1, 1, dim)])
        )
    with np.errstate(over="ignore", under="ignore"):
        # Sides of axes, of sizes of their own, and some through the middle.
        scales = np.array([number(random) for _ in range(2 * dim)])
        axes = np.vstack([np.eye(dim), -np.eye(dim)]) * scales[:, None]
        offsets = np.abs(axes) @ reach
        kept = np.isfinite(offsets) & (offsets > 0)
        axes[~kept] = np.sign(axes[~kept])
        offsets[~kept] = (np.abs(axes) @ reach)[~kept]
        oblique = random.uniform(-1, 1, (2, dim)) / np.maximum(reach, 1e-300)
    return pe.HPolytope(np.vstack([axes, oblique]), np.append(offsets, random.choice([0, 0.5], 2)))


@given(st.sampled_from(["box", "hull", "polytope"]), st.integers(1, 4), st.integers(0, 2**32 - 1))
def test_membership_against_rational_numbers(kind: str, dim: int, seed: int) -> None:
    """Points on sides, next to them, and anywhere, of subnormal to huge numbers."""
    random = np.random.default_rng(seed)
    try:
        domain = domain_of_sizes(kind, dim, random)
    except pe.DomainError as error:
        assert "2**1000" in str(error) or "flat" in str(error)  # noqa: PT017
        return
    corners = domain.vertices
    weights = random.dirichlet(np.ones(len(corners)), 8)
    points = [corners, weights @ corners, corners[:-1] * 0.5 + corners[1:] * 0.5]
    points += [np.array([[number(random) for _ in range(dim)]]) * random.choice([-1, 1], dim)]
    points += [random.integers(-3, 4, (8, dim)) * 5e-324]
    near = np.concatenate(points)
    near = np.concatenate([near, np.nextafter(near, random.choice([-np.inf, np.inf], near.shape))])
    expected = [contains_exactly(domain, t) for t in near]
    assert domain.contains(near).tolist() == expected
    for t in near[:6]:
        strictly = all(value(f, integers([*t.tolist(), 1.0])) > 0 for f in domain.sides)
        assert domain.has_inside(t) == strictly


def test_membership_under_underflow_and_overflow() -> None:
    """Products that underflow add up to the other sign; sums that overflow say nothing."""
    side = [-1, -0.6, -0.6, -0.6]
    domain = pe.HPolytope(np.vstack([np.eye(4), -np.eye(4), side]), [*np.ones(8), 0])
    t = np.array([-2, 1, 1, 1]) * 5e-324
    assert not contains_exactly(domain, t)
    assert not domain.contains(t)
    assert domain.contains(-t)
    wide = pe.HPolytope([[1, 0], [-1, 0], [1, 1], [-1, -1]], [1, 1, 1, 1])
    huge = np.finfo(float).max
    assert wide.contains([[0.5, 0.5], [huge, -huge], [huge, huge], [0, np.inf]]).tolist() == [
        True,
        False,
        False,
        False,
    ]
    shear = pe.HPolytope(
        [[1, 1, 1], [-1, -1, -1], [0, 1, 0], [0, -1, 0], [0, 0, 1], [0, 0, -1]], [1] * 6
    )
    assert shear.contains([-0.25, 0.5, 0.5])


@pytest.mark.parametrize(
    "domain",
    [
        pe.Box(0, 1, dim=2),
        pe.Hull([[0, 0], [1, 0], [0, 1]]),
        pe.HPolytope([[-1, 0], [0, -1], [1, 1]], [0, 0, 1]),
        pe.Slice.through([0, 0, 0], [1, 0, 0], [0, 1, 1]),
    ],
    ids=lambda domain: type(domain).__name__,
)
def test_points_of_the_wrong_kind_are_refused(domain: pe.Domain) -> None:
    for call in (domain.contains, domain.embed):
        for bad in ([1.0], 0.5, [[1.0], [2.0]], np.zeros((2, 3)), []):
            with pytest.raises(
                pe.DomainError, match=r"need 2 coordinates each.*\(\.\.\., 2\); found"
            ):
                call(bad)
        for bad in ("word", [["a", "b"]], [1j, 0], [[1, 2], [3]], [10**400, 0], None):
            with pytest.raises(pe.DomainError, match=r"real numbers|found shape \(\)"):
                call(bad)
    assert domain.contains(np.zeros((3, 4, 2))).shape == (3, 4)
    assert domain.contains(np.zeros((0, 2))).shape == (0,)
    assert domain.contains([0, 0]).shape == ()


FAR = {
    "box": (lambda: pe.Box([0, -1e302], 1), r"lower, axis 1: .*2\*\*1000.*found -1e\+302"),
    "scalar": (lambda: pe.Box(0, 1e305, dim=3), r"upper: .*2\*\*1000.*found 1e\+305"),
    "hull": (lambda: pe.Hull([[0, 0], [1, 0], [0, 2e301]]), r"points, row 2, axis 1: .*2e\+301"),
    "origin": (lambda: pe.Slice([1e302, 0], [[1], [1]]), "origin, axis 0"),
    "slice": (lambda: pe.Slice([0, 0], [[1], [1e200]], upper=1e150), r"input 1: .*reaches to inf"),
    "segment": (lambda: pe.Segment([-1e308, 0], [1e308, 0]), "start, axis 0"),
    "through": (lambda: pe.Slice.through([0, 0], [1, 0], [0, 1e303]), "third, axis 1"),
    "vertex": (
        lambda: pe.HPolytope([[-1, 0], [0, -1], [1, 1], [1e-160, -1e-160]], [0, 0, 1, 1e160]),
        "row 3 of A.*leave the row out",
    ),
    "steep": (
        lambda: pe.HPolytope([[1, 1e-20], [-1, 1e-20], [0, -1]], [1e300, 1e300, 0]),
        r"vertex 1 of the domain, axis 1: .*found 1\.0*e\+320",
    ),
    "huge": (lambda: pe.HPolytope([[-1], [1e-160]], [0, 1e160]), "row 1 of A"),
    "many dimensions": (
        lambda: pe.HPolytope(np.vstack([np.eye(9), -np.eye(9)]), [*np.ones(17), 1e302]),
        "row 17 of A",
    ),
    "many dimensions, oblique": (
        lambda: pe.HPolytope(
            np.vstack([np.eye(9)[1:], -np.eye(9)[1:], [1e-2] + [1] * 8, [-1e-2] + [1] * 8]),
            [*np.full(16, 1e300), 1e300, 1e300],
        ),
        "a bound of the domain, axis 0",
    ),
}


@pytest.mark.parametrize("name", FAR)
def test_far_coordinates_are_refused(name: str) -> None:
    make, message = FAR[name]
    with pytest.raises(pe.DomainError, match=message):
        make()


def test_the_largest_coordinates() -> None:
    most = LARGEST_COORDINATE
    box = pe.Box(-most, most, dim=2)
    polytope = pe.HPolytope(np.vstack([np.eye(2), -np.eye(2)]), np.full(4, most))
    for domain in (box, polytope, pe.Hull(box.vertices)):
        assert np.abs(domain.vertices).max() == most
        assert domain.contains([[most, -most], [most, np.nextafter(most, np.inf)]]).tolist() == [
            1,
            0,
        ]
    assert pe.Slice([most / 2] * 2, [[most / 4], [0]], upper=2).embed([2]).tolist() == [
        most,
        most / 2,
    ]


def test_quotients_beyond_float64() -> None:
    for x in (10**400, -(10**400)):
        rounded, error = quotient(x, 3)
        assert rounded == np.copysign(np.inf, x > 0 or -1)
        assert error == np.inf
    assert quotient(1, 10**400) == (0.0, 5e-324)


def test_sides_of_a_box_are_a_sequence() -> None:
    lower, upper = [0.0, -0.75, 5e-324], [0.5, 3.0, 2.0]
    box = pe.Box(lower, upper)
    expected = []
    for k, (low, high) in enumerate(zip(lower, upper, strict=True)):
        axis = [float(k == j) for j in range(3)]
        expected += [integers([*axis, -low]), integers([*(-x for x in axis), high])]
    assert len(box.sides) == 6
    assert list(box.sides) == expected
    assert [box.sides[i] for i in range(-6, 6)] == expected * 2
    assert box.sides[1:5:2] == expected[1:5:2]
    assert expected == box.sides
    assert box.sides == pe.Box(lower, upper).sides
    assert box.sides != pe.Box(lower, [0.5, 3.0, 4.0]).sides
    assert box.sides != expected[:-1]
    for i in (6, -7):
        with pytest.raises(IndexError):
            _ = box.sides[i]
    forms = np.array([[float(Fraction(x, max(map(abs, f[:-1])))) for x in f] for f in expected])
    assert box.side_forms().tolist() == forms.tolist()


@given(st.integers(1, 4), st.integers(0, 2**32 - 1))
def test_boxes_and_slices_are_the_polytopes_of_their_sides(dim: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    ends = np.sort(random.choice([random.normal(), *SIZES[:6], -0.5, 0], (2, dim)), axis=0)
    ends[1] += ends[0] == ends[1]
    low, high = ends
    basis = np.vstack([np.eye(dim), random.normal(size=(2, dim))])
    for domain in (pe.Box(low, high), pe.Slice(np.ones(dim + 2), basis, lower=low, upper=high)):
        general = pe.Domain(list(domain.sides), origin=domain.origin, basis=domain.basis)
        general.polytope = domain.polytope
        assert domain.same_as(general)
        assert general.same_as(domain)
        assert domain.dim == general.dim
        assert domain.interior_point() == general.interior_point()
        centre = np.array([float(x) for x in domain.interior_point()])
        points = np.vstack([domain.vertices, centre, np.nextafter(domain.vertices, np.inf), -high])
        assert domain.contains(points).tolist() == general.contains(points).tolist()
        assert [domain.has_inside(t) for t in points] == [general.has_inside(t) for t in points]
        np.testing.assert_array_equal(domain.bounding_box(), general.bounding_box())
        np.testing.assert_array_equal(domain.side_forms(), general.side_forms())


def test_the_same_domain() -> None:
    plane = pe.Slice([0, 0, 0], np.eye(3)[:, :2])
    others = [
        pe.Slice([0, 0, 1], np.eye(3)[:, :2]),
        pe.Slice([0, 0, 0], np.eye(3)[:, 1:]),
        pe.Slice([0, 0, 0], np.eye(3)[:, :2], upper=2),
        pe.Box(0, 1, dim=2),
        pe.Box(0, 1, dim=3),
        pe.Hull([[0, 0], [1, 0], [0, 1]]),
    ]
    assert plane.same_as(pe.Slice([0, 0, 0], np.eye(3)[:, :2]))
    assert not any(plane.same_as(other) or other.same_as(plane) for other in others)


def test_many_inputs_cost_little() -> None:
    """What is quadratic in the inputs takes minutes here, and 360 GB."""
    dim = 150_528
    tracemalloc.start()
    start = time.process_time()
    box = pe.Box(np.zeros(dim), 1)
    assert repr(box) == "Box([0, 0, 0, ..., 0], [1, 1, 1, ..., 1])"
    assert len(box.sides) == 2 * dim
    assert box.sides[2 * 7 + 1][7] == -1
    assert box.contains(np.full(dim, 0.5))
    assert box.has_inside(np.full(dim, 0.5))
    assert not box.has_inside(np.ones(dim))
    assert box.same_as(pe.Box(0, 1, dim=dim))
    used = time.process_time() - start
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert used < 2
    assert most < 1e8
    assert box.interior_point()[-1] == Fraction(1, 2)


def test_one_region_of_many_inputs_costs_little() -> None:
    """2.5 s were spent on 784 inputs in comparing a point with the sides of the box."""
    dim = 3072
    random = np.random.default_rng(0)
    net = [(random.normal(size=(8, dim)), random.normal(size=8)), (np.ones((1, 8)), [0])]
    x = random.uniform(size=dim)
    tracemalloc.start()
    start = time.process_time()
    counted = pe.count_regions(net, pe.Box(x - 1e-9, x + 1e-9), engine="lp", threads=1)
    used = time.process_time() - start
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert int(counted) == 1
    assert used < 5
    assert most < 1e8


def test_slices_along_many_axes() -> None:
    """A basis of unit vectors is independent without elimination, which takes minutes here."""
    basis = np.eye(600)[:, ::2]
    start = time.process_time()
    assert pe.Slice(np.zeros(600), basis).dim == 300
    assert time.process_time() - start < 2
    with pytest.raises(pe.DomainError, match="dependent"):
        pe.Slice(np.zeros(600), np.column_stack([basis, basis[:, 3]]))
    with pytest.raises(pe.DomainError, match="dependent"):
        pe.Slice(np.zeros(3), np.column_stack([np.eye(3)[0], np.zeros(3)]))
