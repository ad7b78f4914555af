"""Reading ``torch.nn.Sequential``: one small reader per module type, in one table.

Nothing here imports torch: a module that is at hand has brought it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from polyenum.errors import NetworkError
from polyenum.networks.activation import ActivationTable
from polyenum.networks.network import PiecewiseLinearNetwork, Stage


def is_torch_module(thing: object) -> bool:
    """Return whether `thing` is a ``torch.nn.Module``."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(thing, torch.nn.Module)


def from_sequential(module: Any) -> PiecewiseLinearNetwork:
    """Return the network that a ``torch.nn.Sequential`` (nested too) computes in eval mode.

    Weights keep their exact values.  BatchNorm becomes the affine map ``scale * x + shift`` with
    ``scale = weight / sqrt(running_var + eps)`` and ``shift = bias - running_mean * scale``, each
    rounded to float64 once.  Constants such as LeakyReLU's slope are the Python floats given.

    Raises
    ------
    NetworkError
        For a layer that is not piecewise linear or not known, one in training mode whose eval mode
        differs, a shape that does not fit, or a number that is not finite.
    """
    stages: list[Stage] = []
    for name, layer in _leaves(module, ""):
        kind = type(layer).__name__
        title = f"layer '{name}' ({kind})" if name else f"layer {kind}"
        if kind not in _READERS or not type(layer).__module__.startswith("torch.nn."):
            raise NetworkError(
                f"{title} is not supported; known are {', '.join(sorted(_READERS))}, "
                "and Sequential of these"
            )
        _READERS[kind](layer, title, stages)
    if not stages:
        raise NetworkError("the module has no layer with weights; add at least one Linear")
    return PiecewiseLinearNetwork(stages)


def _leaves(module: Any, prefix: str) -> Iterator[tuple[str, Any]]:
    if type(module).__name__ != "Sequential":
        yield prefix, module
        return
    for name, child in module.named_children():
        yield from _leaves(child, f"{prefix}.{name}" if prefix else name)


def _numbers(tensor: Any, title: str) -> NDArray[np.float64]:
    tensor = tensor.detach()
    if tensor.is_complex() or tensor.is_quantized:
        raise NetworkError(f"{title}: weights must be real floats, found {tensor.dtype}")
    return np.array(tensor.cpu().double().numpy(), np.float64)


def _read_linear(layer: Any, title: str, stages: list[Stage]) -> None:
    weight = _numbers(layer.weight, title)
    bias = np.zeros(len(weight)) if layer.bias is None else _numbers(layer.bias, title)
    stages.append(Stage(weight, bias, ActivationTable.identity(len(weight)), title))


def _read_batch_norm(layer: Any, title: str, stages: list[Stage]) -> None:
    if layer.training:
        raise NetworkError(
            f"{title} is in training mode, where it depends on the batch; call .eval() first"
        )
    if layer.running_mean is None:
        raise NetworkError(
            f"{title} keeps no running statistics and depends on the batch; "
            "use track_running_stats=True"
        )
    mean, var = _numbers(layer.running_mean, title), _numbers(layer.running_var, title)
    scale = 1 / np.sqrt(var + layer.eps)
    if layer.affine:
        scale = _numbers(layer.weight, title) * scale
    shift = -mean * scale
    if layer.affine:
        shift = shift + _numbers(layer.bias, title)
    _check_width(len(scale), title, stages)
    stages.append(Stage(np.diag(scale), shift, ActivationTable.identity(len(scale)), title))


def _read_nothing(layer: Any, title: str, stages: list[Stage]) -> None:
    """Read a layer that changes nothing."""


def _read_dropout(layer: Any, title: str, stages: list[Stage]) -> None:
    if layer.training and layer.p > 0:
        raise NetworkError(f"{title} is in training mode, where it is random; call .eval() first")


def _read_flatten(layer: Any, title: str, stages: list[Stage]) -> None:
    if layer.start_dim not in (0, 1) or layer.end_dim != -1:
        raise NetworkError(
            f"{title}: only Flatten(1, -1) keeps vectors as they are, found "
            f"Flatten({layer.start_dim}, {layer.end_dim})"
        )


def _check_width(n: int, title: str, stages: list[Stage]) -> None:
    if stages and len(stages[-1].bias) != n:
        raise NetworkError(
            f"{title}: takes {n} inputs, but the layer before has {len(stages[-1].bias)} outputs"
        )


def _activate(rows: Callable[[Any, int], Any]) -> Callable[[Any, str, list[Stage]], None]:
    """Return the reader of an activation from its (breakpoints, slopes, start)."""

    def read(layer: Any, title: str, stages: list[Stage]) -> None:
        if not stages:
            raise NetworkError(
                f"{title} comes before any layer with weights; put an nn.Linear in front"
            )
        before = stages[-1]
        n = len(before.bias)
        if len(before.activation.breakpoints) or not np.all(before.activation.slopes == 1):
            before = Stage(np.eye(n), np.zeros(n), ActivationTable.identity(n), title)
        else:
            stages.pop()
        found = rows(layer, n)
        table = (
            ActivationTable.from_rows(found)
            if isinstance(found, list)
            else ActivationTable.uniform(n, breakpoints=found[0], slopes=found[1], start=found[2])
        )
        _check_width(len(table), title, [before])
        stages.append(Stage(before.weight, before.bias, table, before.name))

    return read


def _prelu_rows(layer: Any, n: int) -> Any:
    slopes = _numbers(layer.weight, "PReLU")
    if len(slopes) == 1:
        slopes = np.repeat(slopes, n)
    return [([0.0], [float(a), 1.0], 0.0) for a in slopes]


_READERS: dict[str, Callable[[Any, str, list[Stage]], None]] = {
    "Linear": _read_linear,
    "BatchNorm1d": _read_batch_norm,
    "Identity": _read_nothing,
    "Dropout": _read_dropout,
    "Flatten": _read_flatten,
    "ReLU": _activate(lambda layer, n: ([0.0], [0.0, 1.0], 0.0)),
    "LeakyReLU": _activate(lambda layer, n: ([0.0], [float(layer.negative_slope), 1.0], 0.0)),
    "PReLU": _activate(_prelu_rows),
    "ReLU6": _activate(lambda layer, n: ([0.0, 6.0], [0.0, 1.0, 0.0], 0.0)),
    "Hardtanh": _activate(
        lambda layer, n: (
            [float(layer.min_val), float(layer.max_val)],
            [0.0, 1.0, 0.0],
            float(layer.min_val),
        )
    ),
    "Hardsigmoid": _activate(lambda layer, n: ([-3.0, 3.0], [0.0, 1 / 6, 0.0], 0.0)),
}
