"""What the readers of torch's modules and of its calls share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from polyenum.errors import NetworkError
from polyenum.networks.reading import operators as op
from polyenum.networks.reading.tensor import SymbolicTensor


def numbers(tensor: Any, title: str) -> NDArray[Any]:
    tensor = tensor.detach().cpu()
    if tensor.is_complex() or tensor.is_quantized:
        raise NetworkError(f"{title}: weights must be real floats, found {tensor.dtype}")
    return np.array(tensor.double().numpy() if tensor.is_floating_point() else tensor.numpy())


def optional(tensor: Any, title: str) -> NDArray[Any] | None:
    return None if tensor is None else numbers(tensor, title)


def many(value: Any, d: int) -> tuple[int, ...]:
    return tuple(int(v) for v in value) if isinstance(value, (list, tuple)) else (int(value),) * d


def padded(
    title: str,
    x: SymbolicTensor,
    padding: Any,
    mode: str,
    kernel: Sequence[int],
    dilation: Sequence[int],
) -> tuple[SymbolicTensor, list[tuple[int, int]]]:
    """Return the input, and its zero padding, of a convolution: other modes are done beforehand."""
    d = len(kernel)
    if isinstance(padding, str):
        if padding == "valid":
            pairs = [(0, 0)] * d
        else:  # "same": as torch does it, the odd one at the end
            spans = [e * (k - 1) for k, e in zip(kernel, dilation, strict=True)]
            pairs = [(s // 2, s - s // 2) for s in spans]
    else:
        pairs = [(p, p) for p in many(padding, d)]
    if mode == "zeros":
        return x, pairs
    modes = {"reflect": "reflect", "replicate": "edge", "circular": "wrap"}
    if mode not in modes:
        raise NetworkError(f"{title}: padding mode {mode!r} is not supported")
    return op.rearrange(
        x,
        lambda a: np.pad(a, [(0, 0), (0, 0), *pairs], mode=modes[mode]),  # type: ignore[call-overload]
    ), [(0, 0)] * d
