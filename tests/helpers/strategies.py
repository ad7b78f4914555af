"""Random networks, generic and degenerate, as ``[(W, b), ...]``."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st


def share(part: float) -> settings:
    """Return settings with a part of the profile's examples, for tests whose examples take long."""
    return settings(max_examples=max(1, round(part * settings().max_examples)))


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


KINDS = (
    "ternary",
    "bias-free",
    "quarters",
    "float16",
    "scaled",
    "thin",
    "thinnest",
    "sides",
    "pencil",
    "subnormal",
    "huge",
)


@st.composite
def degenerate_networks(
    draw: st.DrawFn,
    *,
    dims: tuple[int, int] = (1, 3),
    depth: tuple[int, int] = (1, 3),
    width: int = 4,
    kinds: tuple[str, ...] = KINDS,
) -> Layers:
    """Small networks with the degeneracies that float enumeration goes wrong on.

    Weights in {-1, 0, 1}, in float16, of sizes from 1e-30 to 1e30, or from 5e-324 to 1e90; zero biases;
    duplicated, opposite and dead units; parallel and coincident hyperplanes, some of them 1e-12 or 1e-300
    apart; hyperplanes on the sides of the box [-1, 1]^d; many hyperplanes through one vertex or edge.
    """
    dim = draw(st.integers(*dims))
    hidden = draw(st.lists(st.integers(1, width), min_size=depth[0], max_size=depth[1]))
    kind = draw(st.sampled_from(kinds))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    layers = []
    widths = [dim, *hidden, 1]
    for m, n in zip(widths[:-1], widths[1:], strict=True):
        weight, bias = layer_of(kind, n, m, random, first=not layers)
        twin = draw(st.sampled_from([None, 1, -1, 2, 0]))
        if twin is not None and n > 1:
            weight[-1], bias[-1] = twin * weight[0], twin * bias[0]
        layers.append((weight, bias))
    return layers


def layer_of(
    kind: str, n: int, m: int, random: np.random.Generator, *, first: bool
) -> tuple[Any, Any]:
    """Return one layer of n units on m inputs."""
    if kind == "float16":
        weight = random.normal(size=(n, m)).astype(np.float16)
        return weight, random.uniform(-1, 1, n).astype(np.float16)
    if kind == "scaled":
        size = 10.0 ** random.integers(-30, 31, n)
        return random.normal(size=(n, m)) * size[:, None], random.uniform(-1, 1, n) * size
    if kind == "quarters":
        return random.integers(-4, 5, (n, m)) / 4, random.integers(-4, 5, n) / 4
    if kind in ("subnormal", "huge"):
        sizes = [5e-324, 2.0**-1071, 2.0**-1030, 2.0**-537, 2.0**-300]
        if kind == "huge":
            sizes = [2.0**300, 2.0**-300, 2.0**-600]
        weight, bias = (
            random.integers(-3, 4, shape)
            * np.where(random.random(shape) < 0.6, 1.0, random.choice(sizes, shape))
            for shape in ((n, m), n)
        )
        return weight, bias * random.choice([0.0, 0.5, 1.0])
    weight = random.integers(-1, 2, (n, m)).astype(float)
    bias = random.integers(-1, 2, n).astype(float)
    if kind == "bias-free":
        bias[:] = 0
    if kind in ("thin", "thinnest"):
        # Parallel hyperplanes a hair's breadth apart; for floats near 1 the thinnest coincide.
        weight[1::2] = weight[: n - n % 2 : 2]
        bias[1::2] = bias[: n - n % 2 : 2] + (1e-12 if kind == "thin" else 0)
        if kind == "thinnest":
            bias = np.where(random.random(n) < 0.5, bias, bias * 1e-300)
    if kind == "sides" and first:
        weight = np.eye(m)[random.integers(0, m, n)] * random.choice([-1.0, 1, 2], (n, 1))
        bias = random.choice([-1.0, 0, 1, 2], n)
    if kind == "pencil" and first:
        # All through a line of m - 2 dimensions (the origin in 2-D), as in the pencil of a book.
        weight[:, 2:] = 0
        bias[:] = 0
        weight[:, :2] = random.integers(-3, 4, (n, min(m, 2)))
    return weight, bias


@st.composite
def near_miss_networks(
    draw: st.DrawFn,
    *,
    dims: tuple[int, int] = (1, 3),
    depth: tuple[int, int] = (1, 3),
    width: int = 4,
) -> Layers:
    """Networks whose hyperplanes pass a corner of [-1, 1]^d, or one inner point, within some ulps.

    All numbers have full mantissas, so that every form and value of the deeper layers is rounded.
    """
    dim = draw(st.integers(*dims))
    hidden = draw(st.lists(st.integers(1, width), min_size=depth[0], max_size=depth[1]))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    point = random.choice([-1.0, 1.0], dim)
    if draw(st.booleans()):
        point = random.uniform(-1, 1, dim)
    layers = []
    at = point
    for m, n in zip([dim, *hidden[:-1]], hidden, strict=True):
        weight = random.normal(size=(n, m))
        bias = -(weight @ at)
        # Some generic ones among them keep the deeper layers alive.
        bias = np.where(random.random(n) < 0.3, random.uniform(-1, 1, n), bias)
        for _ in range(2):
            off = random.integers(-1, 2, n)
            bias = np.where(off == 0, bias, np.nextafter(bias, np.copysign(np.inf, off)))
        layers.append((weight, bias))
        at = np.maximum(weight @ at + bias, 0)
    layers.append((random.normal(size=(1, hidden[-1])), np.zeros(1)))
    return layers
