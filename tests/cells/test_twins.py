"""Units with the same hyperplane are told exactly, and cost nothing."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

import polyenum as pe
from polyenum.cells.bounds.twins import find_twins
from polyenum.models.load import load


def twins_of(weight: np.ndarray, bias: np.ndarray) -> list[tuple[int, int]]:
    """Return the twins of the hyperplanes of one ReLU layer."""
    network = load([(weight, bias), (np.ones((1, len(bias))), np.zeros(1))])
    return [tuple(row) for row in find_twins(network.stages[0]).tolist()]


def test_multiples_opposites_and_near_misses() -> None:
    row = np.array([0.1, 0.3, -0.7])
    third, second = np.array([0, 0, 1e-17]), np.array([0, 2.0**-54, 0])
    rows = np.array([row, row, -2 * row, row + third, row + second, 0 * row, 0 * row])
    none, same, opposite = (-1, 1), (0, 1), (0, -1)
    # The fourth is the same number; the fifth differs in the last bit; a dead unit has no hyperplane.
    found = twins_of(rows[:, :2], rows[:, 2])
    assert found == [none, same, opposite, same, none, none, none]
    assert twins_of(np.array([[1.0], [1e300], [-1e-300]]), np.zeros(3)) == [none, same, opposite]


@given(st.integers(1, 3), st.integers(1, 12), st.integers(0, 2**32 - 1))
def test_twins_are_what_fractions_say(dim: int, units: int, seed: int) -> None:
    from fractions import Fraction

    random = np.random.default_rng(seed)
    weight = random.integers(-2, 3, (units, dim)) * 2.0 ** random.integers(-3, 4, (units, 1))
    bias = random.integers(-1, 2, units) * 2.0 ** random.integers(-3, 4, units)
    for h, (twin, factor) in enumerate(twins_of(weight, bias)):
        rows = [[Fraction(x) for x in (*weight[i], bias[i])] for i in range(units)]

        def multiple(g: int, rows: list = rows, h: int = h) -> Fraction | None:
            pivot = next((k for k in range(dim) if rows[g][k]), None)
            if pivot is None:
                return None
            ratio = rows[h][pivot] / rows[g][pivot]
            return ratio if ratio and rows[h] == [ratio * x for x in rows[g]] else None

        earlier = [g for g in range(h) if multiple(g) is not None]
        assert twin == (earlier[0] if earlier else -1)
        if earlier:
            ratio = multiple(twin)
            assert ratio is not None
            assert factor == (1 if ratio > 0 else -1)


def test_breakpoints_of_one_unit_are_no_twins_and_shifted_units_are() -> None:
    table = pe.ActivationTable.uniform(
        3, breakpoints=[-1.0, 1.0], slopes=[0.0, 1.0, 0.0], start=-1.0
    )
    weight, bias = np.array([[1.0, 2], [1, 2], [-2, -4]]), np.array([0.0, 2, 0])
    # Zero sets: x + 2y = -1, 1; -3, -1; 1/2, -1/2.
    found = find_twins(pe.Stage(weight, bias, table, "layer"))
    assert found[:, 0].tolist() == [-1, -1, -1, 0, -1, -1]


def test_twins_take_no_exact_arithmetic() -> None:
    random = np.random.default_rng(0)
    layers = []
    for m, n in ((2, 16), (16, 16)):
        weight, bias = random.normal(size=(n, m)), random.uniform(-1, 1, n)
        half = n // 2
        weight[half:], bias[half:] = -weight[:half], -bias[:half]
        layers.append((weight, bias))
    layers.append((np.ones((1, 16)), np.zeros(1)))
    box = pe.Box(-1, 1, dim=2)
    cx = pe.enumerate_regions(layers, box)
    assert cx.certificate.exact_signs == 0
    assert len(cx) > 40
    np.testing.assert_array_equal(cx.patterns[:, :8], 1 - cx.patterns[:, 8:16])
    np.testing.assert_array_equal(
        cx.packed_sides, pe.enumerate_regions(layers, box, engine="exact").packed_sides
    )
    pe.check(cx, layers, box)
