"""Networks that print as the code that makes them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from polyenum.errors import NetworkError
from polyenum.models import activations as pieces
from polyenum.models.activations import TwoSided
from polyenum.models.tensor import Row
from polyenum.networks import ActivationTable, PiecewiseLinearNetwork, Stage
from polyenum.networks.checks import exact_float64
from polyenum.options import choice, found

ROWS: dict[str, Row | TwoSided] = {
    "relu": pieces.RELU,
    "leaky_relu": pieces.leaky(0.125),
    "abs": pieces.ABS,
    "hardtanh": pieces.clamp(-1, 1),
    "softshrink": pieces.shrink(0.5, 0.5, "softshrink"),
    "hardshrink": pieces.shrink(0.5, 0.0, "hardshrink"),
    "sign": pieces.SIGN,
}

ACTIVATIONS = (*ROWS, "maxout")
"""The activations that `network` and `networks` know; "maxout" takes the larger of each two coordinates."""


class ReadableNetwork(PiecewiseLinearNetwork):
    """A network whose ``repr`` is the call of `network` that makes it again, every number exact."""

    def __repr__(self) -> str:
        return self.code

    code = ""


def network(layers: Sequence[tuple[Any, Any]], *, activation: str = "relu") -> ReadableNetwork:
    """Return a network of dense layers with one activation between them.

    Parameters
    ----------
    layers : sequence of (weight, bias)
        After the last one there is no activation.
    activation : str
        One of `ACTIVATIONS`.  With "maxout" each layer but the last has two rows for a unit, one after the other,
        and the next layer one column for a unit.

    Raises
    ------
    OptionError
        If the activation is not known.
    NetworkError
        If shapes do not fit, or something is no number.

    Examples
    --------
    >>> network([([[1.0], [-1.0]], [0.0, 0.5]), ([[1.0, 2.0]], [0.0])], activation="abs")
    network([([[1.0], [-1.0]], [0.0, 0.5]), ([[1.0, 2.0]], [0.0])], activation='abs')
    """
    choice("activation", activation, ACTIVATIONS)
    given = _given(layers)
    plain = PiecewiseLinearNetwork.from_arrays(_doubled(given, activation))
    table = _table(activation)
    stages = [
        Stage(stage.weight, stage.bias, table(len(stage.bias)), stage.name)
        for stage in plain.stages[:-1]
    ]
    made = ReadableNetwork([*stages, plain.stages[-1]])
    option = "" if activation == "relu" else f", activation={activation!r}"
    rows = ", ".join(f"({_numbers(w)}, {_numbers(b)})" for w, b in given)
    object.__setattr__(made, "code", f"network([{rows}]{option})")
    return made


def _given(layers: Any) -> list[tuple[Any, Any]]:
    """Return the layers as pairs of arrays.

    Raises
    ------
    NetworkError
        If they are none.
    """
    if not isinstance(layers, (list, tuple)):
        raise NetworkError(f"layers must be a list [(W, b), ...], found {found(layers)}")
    pairs = []
    for i, layer in enumerate(layers):
        if not isinstance(layer, (list, tuple)) or len(layer) != 2:
            raise NetworkError(f"layers[{i}]: expected a pair (weight, bias), found {found(layer)}")
        arrays = []
        for name, part, axes in (("weight", layer[0], 2), ("bias", layer[1], 1)):
            exact_float64(part, f"layers[{i}]: {name}")
            array = np.asarray(part)
            if array.ndim != axes:
                raise NetworkError(
                    f"layers[{i}]: the {name} needs {axes} axes, found shape {array.shape}"
                )
            arrays.append(array)
        pairs.append((arrays[0], arrays[1]))
    return pairs


def _doubled(layers: list[tuple[Any, Any]], activation: str) -> list[tuple[Any, Any]]:
    """Return the layers with the rows and columns that an activation of two coordinates a unit needs."""
    found = []
    two_sided = isinstance(ROWS.get(activation), TwoSided)
    for i, (weight, bias) in enumerate(layers):
        if activation == "maxout" and i:
            weight = np.repeat(weight, 2, axis=1)
        elif two_sided:
            # Minus an unsigned integer is none.
            weight, bias = (exact_float64(x, f"layer {i}") for x in (weight, bias))
            weight = np.hstack([weight, weight]) if i else weight
            if i + 1 < len(layers):
                weight, bias = np.vstack([weight, -weight]), np.concatenate([bias, -bias])
        found.append((weight, bias))
    return found


def _table(activation: str) -> Callable[[int], ActivationTable]:
    if activation == "maxout":
        return lambda n: ActivationTable.maxima([2] * (n // 2) + [1] * (n % 2))
    rows = ROWS[activation]
    if isinstance(rows, TwoSided):
        return lambda n: ActivationTable.from_rows(
            [rows.above] * (n // 2) + [rows.below] * (n // 2)
        )
    breakpoints, slopes, start = rows
    return lambda n: ActivationTable.uniform(n, breakpoints=breakpoints, slopes=slopes, start=start)


def _numbers(array: NDArray[Any]) -> str:
    """Return an array as code that gives the same numbers."""
    if array.dtype in (np.float16, np.float32):
        # As the float64 numbers that they are.
        array = array.astype(np.float64)
    return repr(array.tolist())
