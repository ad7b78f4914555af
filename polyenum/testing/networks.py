"""Random networks that shrink to small ones with short numbers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from polyenum.errors import OptionError
from polyenum.options import choices, found
from polyenum.testing.readable import ACTIVATIONS, ReadableNetwork, network

# Inputs, layers, units or outputs.
LARGEST = 10_000

Layer = tuple[NDArray[Any], NDArray[Any]]

WEIGHT_KINDS = ("integer", "quarters", "sparse", "bias_free", "duplicated", "normal")
"""What weights `networks` draws.

- "integer": -2 to 2, so hyperplanes often coincide or meet in one point.
- "quarters": multiples of 1/4 from -2 to 2.
- "sparse": quarters, most of them 0.
- "bias_free": quarters, biases 0: all first-layer hyperplanes go through the origin.
- "duplicated": quarters; half of the units are multiples of others, or dead.
- "normal": normal with variance 2 / fan-in, biases uniform in (-1, 1): generic, with full mantissas.
"""

_DTYPES: dict[str, type] = {"float16": np.float16, "float32": np.float32, "float64": np.float64}


def networks(
    *,
    inputs: int | tuple[int, int] = (1, 3),
    depth: int | tuple[int, int] = (1, 3),
    width: int | tuple[int, int] = (1, 6),
    outputs: int | tuple[int, int] = 1,
    weights: str | Sequence[str] = WEIGHT_KINDS,
    activations: str | Sequence[str] = "relu",
    dtypes: str | Sequence[str] = "float64",
) -> st.SearchStrategy[ReadableNetwork]:
    """Return a strategy of networks.

    They shrink towards fewer layers and units, integer weights, and zeros; a failing one prints as a call of
    `polyenum.testing.network` that makes it again.

    Parameters
    ----------
    inputs, depth, width, outputs : int or (least, most)
        Of inputs, hidden layers, units in each of these, and outputs.
    weights : str or sequence of str
        Kinds of weights, `WEIGHT_KINDS`; one is drawn for each network.
    activations : str or sequence of str
        From `ACTIVATIONS`; one is drawn for each network.
    dtypes : str or sequence of str
        "float16", "float32" or "float64": to what numbers weights are rounded.

    Raises
    ------
    OptionError
        If an option has an impossible value.

    Examples
    --------
    >>> from hypothesis import find
    >>> find(networks(inputs=2, depth=1), lambda net: net.unit_count >= 2)
    network([([[0.0, 0.0], [0.0, 0.0]], [0.0, 0.0]), ([[0.0, 0.0]], [0.0])])
    """
    ranges = {
        name: _range(name, value)
        for name, value in (
            ("inputs", inputs),
            ("depth", depth),
            ("width", width),
            ("outputs", outputs),
        )
    }
    kinds = choices("weights", weights, WEIGHT_KINDS)
    names = choices("activations", activations, ACTIVATIONS)
    types = choices("dtypes", dtypes, tuple(_DTYPES))
    return _networks(ranges, kinds, names, types)


@st.composite
def _networks(
    draw: st.DrawFn,
    ranges: dict[str, tuple[int, int]],
    kinds: Sequence[str],
    activations: Sequence[str],
    dtypes: Sequence[str],
) -> ReadableNetwork:
    kind, activation = draw(st.sampled_from(kinds)), draw(st.sampled_from(activations))
    dtype = _DTYPES[draw(st.sampled_from(dtypes))]
    depth = draw(st.integers(*ranges["depth"]))
    widths = [draw(st.integers(*ranges["inputs"]))]
    widths += [draw(st.integers(*ranges["width"])) for _ in range(depth)]
    widths.append(draw(st.integers(*ranges["outputs"])))
    layers: list[Layer] = []
    for i, (m, n) in enumerate(zip(widths[:-1], widths[1:], strict=True)):
        rows = 2 * n if activation == "maxout" and i < depth else n
        weight, bias = _LAYERS[kind](draw, rows, m)
        layers.append((weight.astype(dtype), bias.astype(dtype)))
    return network(layers, activation=activation)


def _array(draw: st.DrawFn, numbers: st.SearchStrategy[float], *shape: int) -> NDArray[Any]:
    size = int(np.prod(shape))
    return np.array(draw(st.lists(numbers, min_size=size, max_size=size)), float).reshape(shape)


_INTEGERS = st.integers(-2, 2).map(float)
_QUARTERS = st.integers(-8, 8).map(lambda k: k / 4)
_MOSTLY_ZERO = st.one_of(st.just(0.0), st.just(0.0), _QUARTERS)


def _drawn(
    weight: st.SearchStrategy[float], bias: st.SearchStrategy[float]
) -> Callable[[st.DrawFn, int, int], Layer]:
    return lambda draw, n, m: (_array(draw, weight, n, m), _array(draw, bias, n))


def _duplicated(draw: st.DrawFn, n: int, m: int) -> Layer:
    weight, bias = _array(draw, _QUARTERS, n, m), _array(draw, _QUARTERS, n)
    for i in range(1, n, 2):
        factor = draw(st.sampled_from([1.0, -1.0, 2.0, 0.0]))
        weight[i], bias[i] = factor * weight[i - 1], factor * bias[i - 1]
    return weight, bias


def _normal(draw: st.DrawFn, n: int, m: int) -> Layer:
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    return random.normal(size=(n, m)) * np.sqrt(2 / m), random.uniform(-1, 1, n)


_LAYERS: dict[str, Callable[[st.DrawFn, int, int], Layer]] = {
    "integer": _drawn(_INTEGERS, _INTEGERS),
    "quarters": _drawn(_QUARTERS, _QUARTERS),
    "sparse": _drawn(_MOSTLY_ZERO, _QUARTERS),
    "bias_free": _drawn(_QUARTERS, st.just(0.0)),
    "duplicated": _duplicated,
    "normal": _normal,
}


def _range(name: str, value: int | tuple[int, int]) -> tuple[int, int]:
    low, high = value if isinstance(value, (tuple, list)) and len(value) == 2 else (value, value)
    whole = all(isinstance(x, (int, np.integer)) and not isinstance(x, bool) for x in (low, high))
    if not whole or not 1 <= low <= high <= LARGEST:
        raise OptionError(
            f"{name} must be a whole number from 1 to {LARGEST:,}, or (least, most), found {found(value)}"
        )
    return int(low), int(high)
