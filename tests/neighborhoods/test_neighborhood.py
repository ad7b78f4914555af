"""The regions around a point against a full enumeration, and distances against convex programs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import cvxpy
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import polyenum as pe
from benchmarks.networks import random_network
from polyenum.neighborhoods.search import Explorer
from polyenum.networks.sides import ExactPoints
from tests.helpers.strategies import Layers, degenerate_networks, generic_networks, share

NORMS = st.sampled_from([1, 2, np.inf])


def point_for(layers: Layers, seed: int) -> np.ndarray:
    """Return a point of [-1, 1]^d, at full precision."""
    return np.random.default_rng(seed).uniform(-1, 1, np.shape(layers[0][0])[1])


def rows_of(patterns: np.ndarray) -> set[bytes]:
    """Return patterns as a set."""
    return {row.tobytes() for row in patterns}


@given(generic_networks(dims=(1, 4), depth=(1, 3), width=6), st.integers(0, 2**32 - 1))
@share(0.4)
def test_all_regions_within_a_box(layers: Layers, seed: int) -> None:
    x = point_for(layers, seed)
    near = pe.neighborhood(layers, x, radius=0.5, norm=np.inf)
    assert near.complete
    whole = pe.enumerate_regions(layers, pe.Box(x - 0.5, x + 0.5))
    # Regions that only come within rounding of the ball are beside the point.
    safe = whole.patterns[[r.chebyshev_ball[1] > 1e-6 for r in whole]]
    assert rows_of(safe) <= rows_of(near.patterns) <= rows_of(whole.patterns)
    assert (np.diff(near.distances) >= -1e-9).all()
    assert near.distances[0] == 0
    np.testing.assert_array_equal(near.network.patterns(near.interior_points), near.patterns)
    weights, biases = near.maps()
    value = np.einsum("nok,nk->no", weights, near.interior_points) + biases
    np.testing.assert_allclose(value, near.network(near.interior_points), rtol=1e-9, atol=1e-9)


@given(generic_networks(dims=(2, 3), depth=(1, 2), width=5), st.integers(0, 2**32 - 1), NORMS)
@share(0.5)
def test_distances_of_regions(layers: Layers, seed: int, norm: float) -> None:
    x = point_for(layers, seed)
    near = pe.neighborhood(layers, x, radius=0.4, norm=norm)
    whole = pe.enumerate_regions(layers, pe.Box(x - 1, x + 1))
    expected = {}
    for region in whole:
        if region.chebyshev_ball[1] > 1e-4:
            nearest = region.project(x, norm=norm)
            expected[region.pattern.tobytes()] = float(np.linalg.norm(nearest - x, norm))
    found = dict(zip((p.tobytes() for p in near.patterns), near.distances.tolist(), strict=True))
    for key, distance in expected.items():
        if distance < 0.4 - 1e-4:
            assert found[key] == pytest.approx(distance, abs=1e-4)
    for key in set(found) & set(expected):
        assert found[key] == pytest.approx(expected[key], abs=1e-4)


@given(
    degenerate_networks(
        dims=(2, 3), depth=(1, 2), width=4, kinds=("ternary", "quarters", "bias-free")
    ),
    st.integers(0, 2**32 - 1),
)
def test_degenerate_networks_around_generic_points(layers: Layers, seed: int) -> None:
    x = point_for(layers, seed)
    near = pe.neighborhood(layers, x, radius=0.5, norm=np.inf)
    whole = pe.enumerate_regions(layers, pe.Box(x - 0.5, x + 0.5))
    safe = whole.patterns[[r.chebyshev_ball[1] > 1e-6 for r in whole]]
    assert rows_of(near.patterns) <= rows_of(whole.patterns)
    if near.complete:
        assert rows_of(safe) <= rows_of(near.patterns)


@st.composite
def crowded_networks(draw: st.DrawFn) -> tuple[Layers, np.ndarray]:
    """A network many of whose hyperplanes meet in one place, and a point, often one of these."""
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    dim = draw(st.integers(1, 4))
    hidden = draw(st.lists(st.integers(1, 5 if dim < 4 else 4), min_size=1, max_size=3))
    largest, biased = draw(st.sampled_from([(3, False), (3, True), (1, True)]))
    layers = []
    widths = [dim, *hidden, draw(st.integers(1, 3))]
    for m, n in zip(widths[:-1], widths[1:], strict=True):
        weight = random.integers(-largest, largest + 1, (n, m)).astype(float)
        bias = biased * random.integers(-2, 3, n) / random.choice([1.0, 2.0])
        twin = draw(st.sampled_from([None, 1, -1, 2, 0]))
        if twin is not None and n > 1:
            weight[-1], bias[-1] = twin * weight[0], twin * bias[0]
        layers.append((weight, bias))
    x = random.integers(-2, 3, dim) / random.choice([1.0, 2.0, 3.0])
    return layers, x * draw(st.sampled_from([0, 1]))


def distance_to(
    region: pe.Region, x: np.ndarray, norm: float, beyond: tuple[np.ndarray, float] | None = None
) -> float:
    """Return the distance from `x` to a region, or to its part where ``a . y >= b``; infinite if there is none."""
    A, b = region.halfspaces
    y = cvxpy.Variable(len(x))
    constraints = [A @ y <= b]
    if beyond is not None:
        row, bound = beyond
        size = float(np.abs(row).max()) or 1.0
        constraints.append(row / size @ y >= bound / size)
    problem = cvxpy.Problem(cvxpy.Minimize(cvxpy.norm(y - x, norm)), constraints)
    problem.solve(solver=cvxpy.CLARABEL)
    return float(problem.value) if problem.status == cvxpy.OPTIMAL else np.inf


@given(crowded_networks(), st.sampled_from([0.5, 1.0, 3.0]), NORMS)
def test_no_region_is_lost_where_many_hyperplanes_meet(
    case: tuple[Layers, np.ndarray], radius: float, norm: float
) -> None:
    layers, x = case
    near = pe.neighborhood(layers, x, radius=radius, norm=norm)
    assert near.complete
    whole = pe.enumerate_regions(layers, pe.Box(x - 1.5 * radius, x + 1.5 * radius))
    found = dict(zip((p.tobytes() for p in near.patterns), near.distances.tolist(), strict=True))
    assert len(found) == len(near)
    inner = {key for key, distance in found.items() if distance < radius * (1 - 1e-9)}
    assert inner <= rows_of(whole.patterns)
    # A generic network's few regions are compared one by one; CLARABEL takes 10 ms for each.
    for region in whole[:40]:
        distance = distance_to(region, x, norm)
        key = region.pattern.tobytes()
        assert key in found or distance > radius - 1e-4
        if key in found:
            assert found[key] == pytest.approx(distance, abs=1e-4)
    exact = ExactPoints(near.network, None)
    for point, own in zip(near.interior_points, near._sides(), strict=True):
        if np.isfinite(point).all():
            sides, known = exact.sides(point)
            assert (sides == own)[known].all()


@given(crowded_networks(), st.sampled_from([0.5, 1.0, 3.0]), NORMS)
@share(0.6)
def test_nearest_decisions_where_many_hyperplanes_meet(
    case: tuple[Layers, np.ndarray], radius: float, norm: float
) -> None:
    layers, x = case
    found = pe.decision_distance(layers, x, radius=radius, norm=norm)
    whole = pe.enumerate_regions(layers, pe.Box(x - radius, x + radius))
    outputs = whole.network(x)
    best = int(outputs.argmax())
    expected = np.inf
    for region in whole[:40]:
        if len(outputs) == 1:
            sign = 1.0 if outputs[0] >= 0 else -1.0
            pairs = [(-sign * region.weight[0], sign * region.bias[0])]
        else:
            others = [k for k in range(len(outputs)) if k != best]
            pairs = [
                (region.weight[k] - region.weight[best], region.bias[best] - region.bias[k])
                for k in others
            ]
        expected = min(expected, *(distance_to(region, x, norm, pair) for pair in pairs))
    if found.complete and len(whole) <= 40:
        assert found.distance == pytest.approx(expected, abs=1e-4)
    # Whether complete or not, nothing is nearer.
    assert found.distance <= expected + 1e-4


def test_rows_that_only_touch_are_no_facets() -> None:
    """Named faults: three lines through a point, relu(relu(x)), and a fold that closes."""
    fan = [([[1.0, 2], [2, -1], [1, 0]], [0, 0, 0]), ([[1.0, 1, 1]], [0])]
    near = pe.neighborhood(fan, [1.0, 4.0], radius=20, norm=2)
    assert (len(near), near.complete) == (6, True)
    chain = [([[1.0]], [0]), ([[1.0]], [0]), ([[1.0]], [0])]
    assert len(pe.neighborhood(chain, [-1.0], radius=2)) == 2
    fold = [([[1.0], [-1.0]], [0, 0]), ([[1.0, 1.0]], [0]), ([[1.0]], [0])]
    near = pe.neighborhood(fold, [-1.0], radius=2)
    assert near.patterns.tolist() == [[0, 1, 1], [1, 0, 1]]
    # The winner changes in a region that is reached through the fan's point alone.
    corner = [([[1.0, 0], [0, 1], [1, 1]], [0, 0, 0]), ([[1.0, 1, -1]], [-1])]
    found = pe.decision_distance(corner, [-3.0, 1.0])
    exact = min(
        distance_to(r, np.array([-3.0, 1.0]), 2, (r.weight[0], -r.bias[0]))
        for r in pe.enumerate_regions(corner, pe.Box(-9, 9, dim=2))
    )
    assert found.complete
    assert found.distance == pytest.approx(exact, abs=1e-6)


@pytest.mark.parametrize("norm", [1, 2, np.inf])
@pytest.mark.parametrize("size", [1e-3, 1e-5, 1e-8, 1e-10])
def test_slivers_at_the_side_of_a_box(norm: float, size: float) -> None:
    """A named fault: the unit is off in a triangle so thin that float programs find nothing, or another point."""
    net = [([[1.0, size]], [size]), ([[1.0]], [0])]
    box = pe.Box([0, -2], [2, 3])
    near = pe.neighborhood(net, [0.0, 1.0], radius=4, norm=norm, domain=box)
    assert (len(near), near.complete) == (2, True)
    assert near.distances[1] == pytest.approx(2, rel=1e-9)
    found = pe.decision_distance(net[:1], [0.0, 1.0], norm=norm, domain=box)
    assert found.complete
    assert found.distance == pytest.approx(2, rel=1e-9)


def test_rows_that_floats_cannot_tell_apart() -> None:
    """A named fault: hyperplanes at an angle of 1e-20, and the nearest point far from where they meet."""
    net = [([[1.0, 1e20], [-3.0, 2e20]], [0, 0]), ([[1.0, 1]], [0])]
    near = pe.neighborhood(net, [1.0, 0], radius=3, norm=2, domain=pe.Box([0, -1], [3, 2]))
    whole = pe.enumerate_regions(net, pe.Box([0, -1], [3, 2]), engine="exact")
    assert near.complete
    assert rows_of(near.patterns) == rows_of(whole.patterns)


@pytest.mark.parametrize("norm", [1, 2, np.inf])
@pytest.mark.parametrize("size", [5e-324, 1e-308, 1e-200, 1e-160, 1e155, 1e300])
def test_weights_whose_squares_are_no_floats(norm: float, size: float) -> None:
    net = [([[size]], [0.0]), ([[1.0]], [0.0])]
    assert len(pe.neighborhood(net, [0.0], radius=2, norm=norm)) == 2
    assert pe.boundary_distance(net, [1.0], norm=norm).distance == pytest.approx(1)
    two = [([[size], [-size]], [0.0, 0.0])]
    assert pe.decision_distance(two, [1.0], norm=norm).distance == pytest.approx(1)


@pytest.mark.parametrize("norm", [1, 2, np.inf])
@pytest.mark.parametrize("size", [1e-320, 1e-160, 1e160, 1e300])
def test_points_whose_squares_are_no_floats(norm: float, size: float) -> None:
    net = [(np.eye(2), np.zeros(2)), (np.ones((1, 2)), np.zeros(1))]
    near = pe.neighborhood(net, [size, size], radius=3 * size, norm=norm)
    assert (len(near), near.complete) == (4, True)


def test_within_polytopes_from_their_corners() -> None:
    """The point is a corner of the domain, and a hyperplane lies on one of its sides."""
    net = [([[1.0, 0], [1, 1], [1, -1]], [0, 0, 0]), ([[1.0, 1, 1]], [0])]
    triangle = pe.HPolytope([[-1, 0], [0, -1], [1, 1]], [0, 0, 1])
    near = pe.neighborhood(net, [0.0, 0.0], radius=9, norm=2, domain=triangle)
    whole = pe.enumerate_regions(net, triangle)
    assert near.complete
    assert rows_of(near.patterns) == rows_of(whole.patterns)
    assert triangle.contains(near.interior_points).all()


def test_limits_and_domains() -> None:
    net = random_network([4, 10, 10, 3], seed=3)
    x = np.full(4, 0.1)
    some = pe.neighborhood(net, x, max_regions=25)
    assert len(some) == 25
    assert not some.complete
    more = pe.neighborhood(net, x, radius=some.complete_radius * (1 - 1e-9))
    assert more.complete
    assert rows_of(more.patterns) <= rows_of(some.patterns)
    assert "complete within" in repr(some)
    box = pe.Box(0, 0.3, dim=4)
    inside = pe.neighborhood(net, x, radius=10.0, domain=box)
    assert inside.complete
    assert rows_of(inside.patterns) == rows_of(pe.enumerate_regions(net, box).patterns)
    assert box.contains(inside.interior_points).all()


@given(generic_networks(dims=(1, 5), depth=(1, 3), width=6), st.integers(0, 2**32 - 1), NORMS)
def test_nearest_boundaries(layers: Layers, seed: int, norm: float) -> None:
    x = point_for(layers, seed)
    found = pe.boundary_distance(layers, x, norm=norm)
    if np.isinf(found.distance):
        return
    assert np.linalg.norm(found.point - x, norm) == pytest.approx(found.distance, rel=1e-6)
    near = pe.neighborhood(layers, x, radius=found.distance * (1 - 1e-6), norm=norm)
    assert len(near) == 1
    assert near.complete
    near = pe.neighborhood(layers, x, radius=found.distance * (1 + 1e-6) + 1e-9, norm=norm)
    assert len(near) > 1


def test_no_decision_boundary_where_two_almost_parallel_rows_contradict() -> None:
    """One unit: where it is off two outputs are 0.008 apart, and where it is on the gap grows.

    Least squares took the contradiction of two opposite rows for a solution.
    """
    layers = [
        (np.array([[0.8826193, 0.3242538]], np.float32), np.array([-0.7544266], np.float32)),
        (
            np.array([[3.9495661], [0.69596887], [-0.23864216]], np.float32),
            np.array([-0.34878963, -0.61658454, -0.35671335], np.float32),
        ),
    ]
    found = pe.decision_distance(layers, [0.02364325, 0.90092739], radius=0.9)
    assert not found.complete
    assert found.distance == 0.9


@given(
    generic_networks(dims=(2, 3), depth=(1, 2), width=5, outputs=3),
    st.integers(0, 2**32 - 1),
    NORMS,
)
@share(0.5)
def test_nearest_decision_boundaries(layers: Layers, seed: int, norm: float) -> None:
    x = point_for(layers, seed)
    network = pe.enumerate_regions(layers, pe.Box(x - 1, x + 1)).network
    best = int(network(x).argmax())
    found = pe.decision_distance(layers, x, norm=norm, radius=0.9)
    expected = 0.9
    for region in pe.enumerate_regions(layers, pe.Box(x - 1, x + 1)):
        y = cvxpy.Variable(len(x))
        for other in {0, 1, 2} - {best}:
            row = region.weight[other] - region.weight[best]
            beyond = row @ y + region.bias[other] - region.bias[best] >= 0
            problem = cvxpy.Problem(
                cvxpy.Minimize(cvxpy.norm(y - x, norm)), [*region.constraints(y), beyond]
            )
            problem.solve(solver=cvxpy.CLARABEL)
            if problem.status == cvxpy.OPTIMAL:
                expected = min(expected, float(problem.value))
    if found.complete:
        assert found.distance == pytest.approx(expected, abs=1e-4)
        value = network(found.point)
        assert np.sort(value)[-1] - np.sort(value)[-2] < 1e-5 * max(1.0, float(np.abs(value).max()))
    else:
        assert expected > 0.9 - 1e-4


def test_one_output_changes_its_sign() -> None:
    net = [(np.array([[1.0, 0.0]]), np.zeros(1)), (np.ones((1, 1)), np.array([-1.0]))]
    for x, distance in (([3.0, 0], 2.0), ([-1.0, 5], 2.0)):
        found = pe.decision_distance(net, x)
        assert found.distance == pytest.approx(distance)
        np.testing.assert_allclose(found.point, [1.0, x[1]], atol=1e-9)
    never = pe.decision_distance([(np.ones((1, 2)), None), (np.ones((1, 1)), [1.0])], [0.5, 0.5])
    assert never == (np.inf, pytest.approx([np.nan, np.nan], nan_ok=True), True)


def test_points_on_boundaries() -> None:
    net = [(np.array([[1.0, 0], [0, 1]]), np.zeros(2)), (np.ones((1, 2)), np.zeros(1))]
    near = pe.neighborhood(net, [0.0, 0.0], radius=0.5)
    assert len(near) == 4
    assert near.complete
    assert near.distances.max() < 1e-9
    assert pe.boundary_distance(net, [0.0, 1.0]).distance == 0


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({}, pe.OptionError, "radius or max_regions"),
        ({"radius": -1}, pe.OptionError, "radius must be a number above 0"),
        ({"radius": "a"}, pe.OptionError, "radius must be a number above 0"),
        ({"radius": 1, "domain": "x"}, pe.DomainError, "must be a Box"),
        ({"radius": 1, "x": ["a", "b"]}, pe.NetworkError, "real numbers"),
        ({"radius": 1, "norm": 3}, pe.OptionError, "norm must be"),
        ({"radius": 1, "max_regions": 0}, pe.OptionError, "max_regions"),
        ({"radius": 1, "domain": pe.Box(2, 3, dim=2)}, pe.DomainError, "x lies outside"),
        ({"radius": 1, "domain": pe.Segment([0, 0], [1, 1])}, pe.DomainError, "as thick"),
        ({"radius": 1, "x": [0.0]}, pe.NetworkError, r"shape \(2,\)"),
        ({"radius": 1, "x": [0.0, np.nan]}, pe.NetworkError, "finite"),
    ],
)
def test_bad_options(options: dict, error: type[Exception], message: str) -> None:
    arguments = {"x": [0.0, 0.0]} | options
    with pytest.raises(error, match=message):
        pe.neighborhood(random_network([2, 3, 1]), **arguments)


def test_interrupted_decision_distance_is_a_bound(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    net = random_network([2, 12, 12, 3], seed=4)
    whole = pe.decision_distance(net, [0.1, 0.2], progress=True)
    assert whole.complete
    assert "regions" in capsys.readouterr().err
    run = Explorer.run

    def interrupted(self: Explorer) -> Iterator[Any]:
        for count, found in enumerate(run(self)):
            if count == 2:
                raise KeyboardInterrupt
            yield found

    monkeypatch.setattr(Explorer, "run", interrupted)
    part = pe.decision_distance(net, [0.1, 0.2])
    assert not part.complete
    assert 0 < part.distance <= whole.distance


def test_a_neighborhood_is_a_sequence() -> None:
    net = random_network([3, 8, 2], seed=2)
    near = pe.neighborhood(net, [0.1, -0.2, 0.3], radius=0.8)
    assert len(near) > 4
    weights, biases = near.maps()
    network = near.network
    for k, region in enumerate(near):
        assert region.index == k
        assert region.pattern.tolist() == near.patterns[k].tolist()
        assert region.distance == near.distances[k]
        np.testing.assert_allclose(region.weight, weights[k], rtol=1e-13, atol=1e-15)
        np.testing.assert_allclose(region.bias, biases[k], rtol=1e-13, atol=1e-15)
        np.testing.assert_array_equal(region.sides, network.sides(region.interior_point))
        value = region.weight @ region.interior_point + region.bias
        np.testing.assert_allclose(value, network(region.interior_point), atol=1e-12)
    assert [region.index for region in near[1:6:2]] == [1, 3, 5][: len(near[1:6:2])]
    assert near[-1].index == len(near) - 1
    assert [region.index for region in near[::-1]] == list(range(len(near)))[::-1]
    assert near[np.int64(1)].index == 1
    assert "on)" in repr(near[0])
    for beyond in (len(near), -len(near) - 1):
        with pytest.raises(IndexError, match=f"of a neighborhood of {len(near)} regions"):
            near[beyond]
    with pytest.raises(pe.RegionError, match="an index must be an integer or a slice"):
        near["first"]  # type: ignore[call-overload]
    with pytest.raises(AttributeError):
        near[0].distance = 0.0  # type: ignore[misc]


def test_one_norm_by_default() -> None:
    """A diagonal edge is nearer in the infinity-norm than in the others."""
    net = [([[3.0, 4.0]], [0.0]), ([[1.0], [0.0]], [0.0, 0.5])]
    near = pe.neighborhood(net, [3.0, 4.0], radius=6)
    assert near.norm == 2
    assert near.distances.tolist() == pytest.approx([0, 5])
    assert pe.boundary_distance(net, [3.0, 4.0]).distance == 5
    assert pe.decision_distance(net, [3.0, 4.0]).distance == pytest.approx(4.9)
    cx = pe.enumerate_regions(net, pe.Box(-9, 9, dim=2))
    off = cx[int(cx.locate([-3.0, -4.0]))]
    assert np.linalg.norm(off.project([3.0, 4.0]) - [3, 4]) == pytest.approx(5)
