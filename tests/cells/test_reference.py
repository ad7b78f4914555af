"""Against the rational reference: the same patterns, the same vertices, no exception."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given

import polyenum as pe
from tests.helpers import reference
from tests.helpers.strategies import Layers, degenerate_networks, generic_networks


def check(layers: Layers, lower: list[float], upper: list[float]) -> None:
    """Compare both engines' patterns and vertices of `layers` on a box with the reference."""
    expected = reference.regions(layers, reference.box_rows(lower, upper))
    for engine in ("vertex", "exact"):
        compare(pe.enumerate_regions(layers, pe.Box(lower, upper), engine=engine), expected)
    assert pe.count_regions(layers, pe.Box(lower, upper)) == len(expected)


def compare(cx: pe.RegionComplex, expected: dict) -> None:
    """Compare a complex with the reference's regions."""
    assert cx.certificate.certified
    found = [tuple(map(int, p)) for p in cx.patterns]
    assert found == sorted(expected)
    points = set()
    for region, pattern in zip(cx, found, strict=True):
        exact = expected[pattern]
        points |= set(exact)
        near = np.array([[float(x) for x in v] for v in exact])
        mine = region.vertices
        assert len(mine) == len(near)
        gap = np.abs(mine[:, None, :] - near[None, :, :]).max(axis=2)
        assert gap.min(axis=0).max() <= cx.vertex_error + 2.0**-52 * np.abs(near).max()
    assert len(cx.vertices) == len(points)


@given(degenerate_networks())
@example([(np.array([[1.0], [1.0]]), np.zeros(2)), (np.ones((1, 2)), np.zeros(1))])
def test_degenerate_networks_match_the_reference(layers: Layers) -> None:
    dim = layers[0][0].shape[1]
    check(layers, [-1.0] * dim, [1.0] * dim)


@given(generic_networks(dims=(1, 3), depth=(1, 3), width=4))
def test_generic_networks_match_the_reference(layers: Layers) -> None:
    dim = layers[0][0].shape[1]
    check(layers, [-1.0] * dim, [1.0] * dim)


@given(degenerate_networks(dims=(4, 4), depth=(1, 2), width=3))
def test_four_dimensions_match_the_reference(layers: Layers) -> None:
    check(layers, [-1.0] * 4, [1.0] * 4)


LINE = (np.ones((1, 1)), np.zeros(1))


@pytest.mark.parametrize(
    ("name", "layers"),
    [
        ("hyperplanes on the domain's sides", [([[1, 0], [0, 1]], [1, -1]), ([[1, 1]], [0])]),
        ("a hyperplane through two corners", [([[1, 1], [1, -1]], [0, 0]), ([[1, 1]], [0])]),
        ("touching a corner only", [([[1, 1]], [2]), ([[1]], [0])]),
        (
            "four lines through one point",
            [([[1, 0], [0, 1], [1, 1], [1, -1]], [0] * 4), ([[1] * 4], [0])],
        ),
        ("coincident lines", [([[1, 2], [-2, -4], [0.5, 1]], [0] * 3), ([[1, 1, 1]], [0])]),
        ("a dead layer", [([[1, 1]], [-9]), ([[1], [-1], [0]], [0, 0, 0]), ([[1, 1, 1]], [0])]),
        (
            "zero on a region, alive beside it",
            [([[1, 0], [0, 1]], [0, 0]), ([[1, -1], [1, 1]], [0, 0]), ([[1, 1]], [0])],
        ),
    ],
)
def test_named_cases(name: str, layers: Layers) -> None:
    exact = [(np.array(w, float), np.array(b, float)) for w, b in layers]
    check(exact, [-1.0, -1.0], [1.0, 1.0])
    assert pe.enumerate_regions(exact, pe.Box(-1, 1, dim=2)).euler_characteristic == 1


@pytest.mark.parametrize("scale", [1e-30, 1e-12, 1e30])
def test_scaled_weights_leave_the_regions(scale: float) -> None:
    random = np.random.default_rng(3)
    layers = [
        (random.normal(size=(5, 2)) * scale, random.uniform(-1, 1, 5) * scale),
        (random.normal(size=(4, 5)) / scale, random.uniform(-1, 1, 4)),
        (np.ones((1, 4)), np.zeros(1)),
    ]
    check(layers, [-1.0, -1.0], [1.0, 1.0])


@pytest.mark.parametrize("width", [1e-12, 1e-300, 5e-324])
def test_cells_thinner_than_floats_are_dense(width: float) -> None:
    """Strips of a width of 1e-300, at 0 and, where no float is inside, at 1."""
    strip = [([[1.0, 0], [-1, 0], [1, 1]], [0.0, width, 0.5]), (np.ones((1, 3)), [0])]
    check([(np.array(w), np.array(b)) for w, b in strip], [-1.0, -1.0], [1.0, 1.0])
    beside = [
        (np.array([[1.0, 0], [0, 1]]), np.array([1.0, 0])),
        (np.array([[1.0, 0], [1, 0], [1, 1]]), np.array([-2.0, -2, 0])),
        (np.array([[1.0, -1, 1], [0, 1, 0]]), np.array([-width, 0])),
        (np.ones((1, 2)), np.zeros(1)),
    ]
    check(beside, [0.0, -1.0], [3.0, 1.0])


def test_far_from_the_origin_and_narrow() -> None:
    layers = [([[1.0, 1], [1, -1], [3, 1]], [-2e6, 0, -4e6 + 2e-8]), (np.ones((1, 3)), [0])]
    exact = [(np.array(w), np.array(b)) for w, b in layers]
    check(exact, [1e6 - 1e-8, 1e6 - 1e-8], [1e6 + 1e-8, 1e6 + 1e-8])
