"""One region as a convex set: balls, vertices, projections, ellipsoids."""

from __future__ import annotations

import cvxpy
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import polyenum as pe
from benchmarks.networks import random_network
from tests.helpers.strategies import Layers, generic_networks, share


@given(generic_networks(dims=(1, 4), depth=(1, 2), width=5))
@share(0.15)
def test_lp_regions_have_the_vertices_of_vertex_regions(layers: Layers) -> None:
    box = pe.Box(-1, 1, dim=np.shape(layers[0][0])[1])
    exact = pe.enumerate_regions(layers, box, engine="vertex")
    found = pe.enumerate_regions(layers, box, engine="lp")
    some = slice(None, None, 1 + len(exact) // 20)
    for mine, other in zip(found[some], exact[some], strict=True):
        if other.chebyshev_ball[1] < 1e-6:
            continue
        vertices = mine.vertices
        assert len(vertices) == len(other.vertices)
        gap = np.abs(vertices[:, None] - other.vertices[None]).max(axis=2).min(axis=1)
        assert gap.max() < 1e-6
        assert mine.volume == pytest.approx(other.volume, rel=1e-6)
        assert mine.chebyshev_ball[1] == pytest.approx(other.chebyshev_ball[1], abs=1e-9)


@pytest.fixture(scope="module", params=["vertex", "lp"])
def cx(request: pytest.FixtureRequest) -> pe.RegionComplex:
    net = random_network([3, 6, 6, 2], seed=2)
    return pe.enumerate_regions(net, pe.Box(-1, 1, dim=3), engine=request.param)


def test_chebyshev_balls_touch_and_stay_inside(cx: pe.RegionComplex) -> None:
    for region in cx[::7]:
        centre, radius = region.chebyshev_ball
        A, b = region.halfspaces
        room = (b - A @ centre) / np.linalg.norm(A, axis=1)
        assert radius > 0
        assert room.min() == pytest.approx(radius, abs=1e-9)
        assert np.count_nonzero(room < radius + 1e-7) >= 2


@pytest.mark.parametrize("norm", [1, 2, np.inf])
def test_projections_are_nearest(cx: pe.RegionComplex, norm: float) -> None:
    random = np.random.default_rng(0)
    region = cx[len(cx) // 2]
    A, b = region.halfspaces
    centre, radius = region.chebyshev_ball
    for target in random.normal(size=(4, 3)) * 2:
        found = region.project(target, norm=norm)
        assert ((A @ found - b) / np.linalg.norm(A, axis=1)).max() < 1e-6
        best = np.linalg.norm(found - target, norm)
        weights = random.dirichlet(np.ones(len(region.vertices)), 500)
        others = weights @ region.vertices
        assert best <= np.linalg.norm(others - target, norm, axis=1).min() + 1e-6
    np.testing.assert_allclose(region.project(centre, norm=norm), centre, atol=1e-5 * radius)


@pytest.mark.parametrize("norm", [1, 2, np.inf])
@pytest.mark.parametrize("far", [1.0, 1e6, 1e12])
def test_far_points_are_projected_into_the_region(norm: float, far: float) -> None:
    square = pe.enumerate_regions(
        [([[1.0, 0.0]], [0.0]), ([[1.0]], [0.0])], pe.Box([-1, -1], [1, 1])
    )
    right = square[square.locate([0.5, 0.0])]
    found = right.project([1 + far, 1 + far], norm=norm)
    np.testing.assert_allclose(found, [1, 1], rtol=0, atol=1e-15 * (1 + far))
    A, b = right.halfspaces
    assert (A @ found - b).max() <= 1e-15


@pytest.mark.parametrize("norm", [1, np.inf])
def test_solvers_print_nothing(
    cx: pe.RegionComplex, norm: float, capfd: pytest.CaptureFixture[str]
) -> None:
    cx[0].distance(cx[len(cx) - 1], norm=norm)
    cx[0].project([5.0, 5.0, 5.0], norm=norm)
    _ = cx[0].chebyshev_ball
    assert capfd.readouterr() == ("", "")


def test_distances(cx: pe.RegionComplex) -> None:
    region = cx[0]
    neighbor = cx[int(region.neighbors[0])]
    assert region.distance(neighbor) == pytest.approx(0, abs=1e-6)
    far = max(cx, key=lambda r: float(np.abs(r.interior_point - region.interior_point).max()))
    for norm in (1, 2, np.inf):
        apart = region.distance(far, norm=norm)
        between = np.linalg.norm(region.vertices[:, None] - far.vertices[None], norm, axis=2).min()
        assert apart <= between + 1e-6
        assert apart == pytest.approx(far.distance(region, norm=norm), abs=1e-5)


def test_ellipsoids_fill_the_inside(cx: pe.RegionComplex) -> None:
    region = cx[len(cx) // 3]
    A, b = region.halfspaces
    length = np.linalg.norm(A, axis=1)
    centre, shape = region.inscribed_ellipsoid()
    reach = (A @ centre + np.linalg.norm(A @ shape, axis=1) - b) / length
    assert reach.max() < 1e-5
    assert np.linalg.det(shape) >= region.chebyshev_ball[1] ** 3 * (1 - 1e-4)


def test_images_can_be_optimised_over(cx: pe.RegionComplex) -> None:
    region = cx[5]
    x, y = cvxpy.Variable(3), cvxpy.Variable(2)
    top = cvxpy.Problem(cvxpy.Maximize(y[0]), region.constraints(x, y)).solve()
    corners = region.vertices @ region.weight.T + region.bias
    assert top == pytest.approx(corners[:, 0].max(), abs=1e-6)


def test_what_would_explode_says_so() -> None:
    cx = pe.enumerate_regions(random_network([14, 3, 1]), pe.Box(-1, 1, dim=14))
    with pytest.raises(pe.RegionError, match=r"2\*\*14 vertices"):
        _ = cx[0].vertices
    cx = pe.enumerate_regions(random_network([10, 2, 1]), pe.Box(-1, 1, dim=10))
    assert len(cx[0].vertices) > 500
    with pytest.raises(pe.RegionError, match="factorial"):
        _ = cx[0].volume
    with pytest.raises(pe.RegionError, match="the proof rests"):
        pe.check(cx)


@given(st.sampled_from([0, 3, "2", None]))
def test_bad_norms(norm: object) -> None:
    region = pe.enumerate_regions(random_network([2, 3, 1]), pe.Box(-1, 1, dim=2))[0]
    with pytest.raises(pe.OptionError, match="norm must be"):
        region.project([0, 0], norm=norm)  # type: ignore[arg-type]
    with pytest.raises(pe.RegionError, match=r"shape \(2,\)"):
        region.project([0, 0, 0])
