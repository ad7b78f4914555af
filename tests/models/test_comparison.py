"""The comparison of what was read with the model: it finds what differs, and nothing else."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import sparse

import polyenum as pe
from polyenum.models.comparison import compare

Layers = list[tuple[np.ndarray, np.ndarray]]


def layers(*widths: int, seed: int = 0) -> Layers:
    """Return weights that float16 holds."""
    rng = np.random.default_rng(seed)
    return [
        (
            (rng.normal(size=(b, a)) / np.sqrt(a)).astype(np.float16).astype(np.float64),
            rng.normal(size=b).astype(np.float16).astype(np.float64),
        )
        for a, b in zip(widths[:-1], widths[1:], strict=True)
    ]


def model(weights: Layers, kind: Any, *, slope: float = 0.0) -> Callable[[np.ndarray], np.ndarray]:
    """Return the ReLU network of these weights, computed in floats of some kind."""

    def evaluate(x: np.ndarray) -> np.ndarray:
        y = x.astype(kind)
        for i, (w, b) in enumerate(weights):
            y = w.astype(kind) @ y + b.astype(kind)
            if i < len(weights) - 1:
                y = np.where(y > 0, y, y * kind(slope) if slope else kind(0))
        return y

    return evaluate


KINDS = {np.float16: 2.0**-11, np.float32: 2.0**-24, np.float64: 2.0**-53}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", range(5))
def test_rounding_is_no_difference(kind: Any, seed: int) -> None:
    for widths in ((2, 20, 20, 1), (5, 40, 40, 40, 40, 40, 3), (200, 50, 10)):
        weights = layers(*widths, seed=seed)
        compare(pe.load(weights), model(weights, kind), name="model", precision=KINDS[kind])


@pytest.mark.parametrize("seed", range(5))
def test_small_differences_are_found(seed: int) -> None:
    weights = layers(3, 30, 30, 2, seed=seed)
    net = pe.load(weights)
    changed = [(w.copy(), b.copy()) for w, b in weights]
    changed[1][1][:5] += 2.0**-8
    for kind in (np.float32, np.float64):
        with pytest.raises(
            pe.NetworkError, match=r"^net: .*Output \d differs by .* at the point \["
        ):
            compare(net, model(changed, kind), name="net", precision=KINDS[kind])
    with pytest.raises(pe.NetworkError, match="is not the model"):
        compare(net, model(weights, np.float64, slope=1e-6), name="net", precision=2.0**-53)


def test_the_largest_difference_is_told() -> None:
    net = pe.load(layers(2, 4, 3))
    found: dict[float, np.ndarray] = {}

    def evaluate(x: np.ndarray) -> np.ndarray:
        off = np.abs(x).sum() * np.array([1.0, 3.0, 2.0])
        if len(found) < 9:
            found[float(off[1])] = x
        return net(x) + off

    with pytest.raises(pe.NetworkError) as caught:
        compare(net, evaluate, name="m", precision=2.0**-24)
    largest = max(found)
    assert f"Output 1 differs by {largest:.6g}" in str(caught.value)
    assert np.array2string(found[largest], separator=", ") in str(caught.value)


def jumping(bias: float) -> pe.PiecewiseLinearNetwork:
    """Return ``step(0 x + bias)``, a unit that is at its breakpoint everywhere if `bias` is 0."""
    step = pe.ActivationTable.from_rows([([0.0], [0.0, 0.0], [0.0, 1.0])])
    last = pe.ActivationTable.identity(1)
    one = np.eye(1)
    return pe.PiecewiseLinearNetwork(
        [
            pe.Stage(0 * one, np.array([bias]), step),
            pe.Stage(one, np.zeros(1), last),
        ]
    )


@pytest.mark.parametrize("large", [2.0**7, 2.0**10])
def test_numbers_that_cancel_are_rounding(large: float) -> None:
    """A network shows neither the large number nor that it was taken away; of 2**21 too little is left."""
    weights = layers(3, 10, 4)
    outputs = model(weights, np.float32)

    def cancelling(x: np.ndarray, y: float = large) -> np.ndarray:
        return (outputs(x) + np.float32(y)) - np.float32(y)

    net = pe.load(weights)
    compare(net, cancelling, name="m", precision=2.0**-24)
    with pytest.raises(pe.NetworkError, match="is not the model"):
        compare(net, lambda x: cancelling(x, 2.0**21), name="m", precision=2.0**-24)
    with pytest.raises(pe.NetworkError, match="is not the model"):
        compare(net, lambda x: cancelling(x) + 2.0**-6, name="m", precision=2.0**-24)
    with pytest.raises(pe.NetworkError, match="is not the model"):
        compare(net, lambda x: np.round(outputs(x) * 16) / 16, name="m", precision=2.0**-24)


def test_points_at_a_jump_are_not_judged() -> None:
    wrong: Callable[[np.ndarray], np.ndarray] = lambda x: np.ones(1)  # noqa: E731
    with pytest.raises(pe.NetworkError, match=r"cannot be compared .* jumps"):
        compare(jumping(0.0), wrong, name="m", precision=2.0**-24)
    with pytest.raises(pe.NetworkError, match="is not the model"):
        compare(jumping(-1.0), wrong, name="m", precision=2.0**-24)
    compare(jumping(0.0), lambda x: np.zeros(1), name="m", precision=2.0**-24)


def test_overflow_is_no_difference_but_nothing_else() -> None:
    net = pe.load([([[2.0**125]], [0.0]), ([[1.0]], [0.0])])

    def single(x: np.ndarray) -> np.ndarray:
        with np.errstate(over="ignore"):
            y = np.float32(2.0**125) * x.astype(np.float32)
        return np.maximum(y, 0)

    compare(net, single, name="m", precision=2.0**-24)
    too_large = pe.load([([[2.0**140]], [0.0]), ([[1.0]], [0.0])])
    with pytest.raises(pe.NetworkError, match="too large"):
        compare(too_large, lambda x: np.full(1, np.inf), name="m", precision=2.0**-24)
    small = pe.load(layers(1, 2, 1))
    for nothing in (np.nan, np.inf):
        with pytest.raises(pe.NetworkError, match="the model gives"):
            compare(small, lambda x, y=nothing: np.full(1, y), name="m", precision=2.0**-24)


@pytest.mark.parametrize(("least", "most"), [(0.0, 0.5), (0.5, 5.0), (5.0, np.inf)])
def test_inputs_of_all_sizes_are_compared(least: float, most: float) -> None:
    """What differs only for small, or only for large inputs."""
    net = pe.load(layers(3, 8, 2))

    def wrong_there(x: np.ndarray) -> np.ndarray:
        return net(x) * (2 if least <= np.abs(x).max() < most else 1)

    with pytest.raises(pe.NetworkError, match="is not the model"):
        compare(net, wrong_there, name="m", precision=2.0**-24)


def test_waves_are_no_rounding() -> None:
    """A model that is uneven everywhere, by far more than its floats are."""
    net = pe.load(layers(3, 10, 4))
    with pytest.raises(pe.NetworkError, match="is not the model"):
        compare(net, lambda x: net(x) + 0.1 * np.sin(1e6 * x.sum()), name="m", precision=2.0**-24)


def shifted_step() -> pe.PiecewiseLinearNetwork:
    """Return the step function of ``(x + 2**20) - 2**20``, which single precision knows from about 2 on."""
    one, step = np.eye(1), pe.ActivationTable.from_rows([([0.0], [0.0, 0.0], [0.0, 1.0])])
    identity = pe.ActivationTable.identity(1)
    return pe.PiecewiseLinearNetwork(
        [
            pe.Stage(one, np.array([2.0**20]), identity),
            pe.Stage(one, np.array([-(2.0**20)]), step),
            pe.Stage(one, np.zeros(1), identity),
        ]
    )


def test_inputs_of_a_size_that_cannot_be_judged() -> None:
    """Large inputs can be, but of small ones nothing is known."""

    def wrong_in_the_middle(x: np.ndarray) -> np.ndarray:
        return np.where(np.abs(x) < 2, x <= 0, x > 0)

    with pytest.raises(pe.NetworkError, match=r"cannot be compared .* jumps"):
        compare(shifted_step(), wrong_in_the_middle, name="m", precision=2.0**-24)
    compare(shifted_step(), lambda x: x > 0, name="m", precision=2.0**-24)


def test_half_precision_has_few_numbers() -> None:
    """Above 65504 there are none, and below 2**-14 few."""
    large = [(np.array([[2.0**14, -(2.0**13)]]), np.zeros(1)), (np.eye(1), np.zeros(1))]
    small = [(np.eye(2) * 2.0**-20, np.zeros(2)), (np.ones((1, 2)) * 2.0**15, np.zeros(1))]
    with np.errstate(over="ignore"):
        for weights in (large, small):
            compare(pe.load(weights), model(weights, np.float16), name="m", precision=2.0**-11)
    for weights in (large, small):  # of which single precision has enough
        with pytest.raises(pe.NetworkError, match="is not the model"), np.errstate(over="ignore"):
            compare(pe.load(weights), model(weights, np.float16), name="m", precision=2.0**-24)


def test_rounding_decides_a_unit_s_side() -> None:
    """A sum that single precision knows to 1/16 ends on the other side of a breakpoint, and goes on from there."""
    offsets = np.linspace(-0.5, 0.5, 50)
    spread = np.ones((50, 1))
    weights = [
        (spread, np.full(50, 2.0**20)),
        (np.eye(50), offsets.astype(np.float32) - 2.0**20),
        (np.eye(50), np.zeros(50)),
    ]

    def single(x: np.ndarray) -> np.ndarray:
        y = x.astype(np.float32) + np.float32(2.0**20)
        y = (y - np.float32(2.0**20)) + offsets.astype(np.float32)
        return np.maximum(y, 0)

    compare(pe.load(weights), single, name="m", precision=2.0**-24)


def test_the_largest_of_many_differences_is_told() -> None:
    """Also where it is not among those that are followed through all stages."""
    first, last = layers(2, 4, 100)
    for numbers in last:
        numbers[99] *= 2.0**10
    net = pe.load([first, last])
    off = np.full(100, 0.01)
    off[99] = 0.02
    with pytest.raises(pe.NetworkError, match=r"Output 99 differs by 0\.02"):
        compare(net, lambda x: net(x) + off, name="m", precision=2.0**-24)


def test_models_that_are_no_function() -> None:
    net = pe.load(layers(2, 3, 2))
    rng = np.random.default_rng(0)
    with pytest.raises(pe.NetworkError, match="different outputs for the same input"):
        compare(net, lambda x: rng.normal(size=2), name="m", precision=2.0**-24)
    with pytest.raises(pe.NetworkError, match="gives 3 outputs, what was read gives 2"):
        compare(net, lambda x: np.zeros(3), name="m", precision=2.0**-24)


def test_it_costs_little() -> None:
    weights = layers(784, 256, 256, 10)
    net, outputs = pe.load(weights), model(weights, np.float64)
    compare(net, outputs, name="m", precision=2.0**-53)
    began = time.process_time()
    for _ in range(10):
        compare(net, net, name="m", precision=2.0**-24)
    assert (time.process_time() - began) / 10 < 0.05  # 8 ms on an idle machine


def test_large_sparse_maps() -> None:
    wide = sparse.random_array(
        (30_000, 30_000), density=5e-4, rng=np.random.default_rng(0), format="csr"
    )
    identity = pe.ActivationTable.identity(30_000)
    relu = pe.ActivationTable.relu(30_000)
    zero = np.zeros(30_000)
    net = pe.PiecewiseLinearNetwork([pe.Stage(wide, zero, relu), pe.Stage(wide, zero, identity)])
    narrow = sparse.csr_array(wide, dtype=np.float32)

    def right(x: np.ndarray) -> np.ndarray:
        return narrow @ np.maximum(narrow @ x.astype(np.float32), 0)

    compare(net, right, name="m", precision=2.0**-24)
    with pytest.raises(pe.NetworkError, match="Output 7 differs"):
        compare(net, lambda x: right(x) + (np.arange(30_000) == 7), name="m", precision=2.0**-24)
