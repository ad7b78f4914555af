"""Domains: shapes, exact membership, refusals."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import polyenum as pe
from polyenum.cells.exact.numbers import integers, to_fractions, value
from polyenum.domains import programs


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
