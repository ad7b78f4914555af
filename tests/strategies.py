"""Random networks, generic and degenerate, as ``[(W, b), ...]``."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

Layers = list[tuple[Any, Any]]


@st.composite
def generic_networks(
    draw: st.DrawFn,
    *,
    dims: tuple[int, int] = (1, 4),
    depth: tuple[int, int] = (1, 4),
    width: int = 8,
    outputs: int = 2,
) -> Layers:
    """Normal weights of std sqrt(2 / fan_in) and biases uniform(-1, 1), in float32 or float64."""
    dim = draw(st.integers(*dims))
    hidden = draw(st.lists(st.integers(1, width), min_size=depth[0], max_size=depth[1]))
    dtype = draw(st.sampled_from([np.float32, np.float64]))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    widths = [dim, *hidden, outputs]
    return [
        (
            (random.normal(size=(n, m)) * np.sqrt(2 / m)).astype(dtype),
            random.uniform(-1, 1, n).astype(dtype),
        )
        for m, n in zip(widths[:-1], widths[1:], strict=True)
    ]


@st.composite
def degenerate_networks(
    draw: st.DrawFn,
    *,
    dims: tuple[int, int] = (1, 3),
    depth: tuple[int, int] = (1, 3),
    width: int = 4,
) -> Layers:
    """Small networks with the degeneracies that float enumeration goes wrong on.

    Weights in {-1, 0, 1} or in float16, zero biases, duplicated, opposite and dead units, parallel and
    coincident hyperplanes, and many hyperplanes through one point.
    """
    dim = draw(st.integers(*dims))
    hidden = draw(st.lists(st.integers(1, width), min_size=depth[0], max_size=depth[1]))
    kind = draw(st.sampled_from(["ternary", "bias-free", "quarters", "float16"]))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    layers = []
    widths = [dim, *hidden, 1]
    for m, n in zip(widths[:-1], widths[1:], strict=True):
        if kind == "float16":
            weight = random.normal(size=(n, m)).astype(np.float16)
            bias = random.uniform(-1, 1, n).astype(np.float16)
        else:
            weight = random.integers(-1, 2, (n, m)).astype(float)
            bias = random.integers(-1, 2, n).astype(float)
            if kind == "bias-free":
                bias[:] = 0
            if kind == "quarters":
                weight, bias = random.integers(-4, 5, (n, m)) / 4, random.integers(-4, 5, n) / 4
        twin = draw(st.sampled_from([None, 1, -1, 2, 0]))
        if twin is not None and n > 1:
            weight[-1], bias[-1] = twin * weight[0], twin * bias[0]
        layers.append((weight, bias))
    return layers
