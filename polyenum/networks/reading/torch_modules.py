"""Modules of torch.nn: a reader is ``function(title, module, input)``; a new module is a line in `MODULES`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from polyenum.errors import NetworkError
from polyenum.networks.reading import operators as op
from polyenum.networks.reading import pieces
from polyenum.networks.reading import torch_calls as calls
from polyenum.networks.reading import windows as win
from polyenum.networks.reading.tensor import SymbolicTensor
from polyenum.networks.reading.torch_numbers import numbers, optional, padded


def _linear(title: str, layer: Any, x: SymbolicTensor) -> Any:
    return op.linear(x, numbers(layer.weight, title), optional(layer.bias, title), title)


def _batch_norm(title: str, layer: Any, x: SymbolicTensor) -> Any:
    if layer.training:
        raise NetworkError(
            f"{title} is in training mode, where it depends on the batch; call .eval() first"
        )
    if layer.running_mean is None:
        raise NetworkError(
            f"{title} keeps no running statistics and depends on the batch; "
            "use track_running_stats=True"
        )
    return op.normalise(
        title,
        x,
        numbers(layer.running_mean, title),
        numbers(layer.running_var, title),
        optional(layer.weight, title),
        optional(layer.bias, title),
        layer.eps,
    )


def _nothing(title: str, layer: Any, x: Any) -> Any:
    return x


def _dropout(title: str, layer: Any, x: Any) -> Any:
    if layer.training and layer.p > 0:
        raise NetworkError(f"{title} is in training mode, where it is random; call .eval() first")
    return x


def _rrelu(title: str, layer: Any, x: Any) -> Any:
    if layer.training:
        raise NetworkError(f"{title} is in training mode, where it is random; call .eval() first")
    return op.activate(x, pieces.leaky((layer.lower + layer.upper) / 2), title)


def _norm_refused(title: str, layer: Any, x: Any) -> Any:
    raise NetworkError(
        f"{title} divides by the spread of its own input, which is not piecewise linear; "
        "BatchNorm in eval mode is supported"
    )


def _conv(title: str, layer: Any, x: SymbolicTensor) -> Any:
    kernel = layer.kernel_size
    x, padding = padded(title, x, layer.padding, layer.padding_mode, kernel, layer.dilation)
    return win.convolution(
        x,
        numbers(layer.weight, title),
        optional(layer.bias, title),
        title,
        stride=layer.stride,
        padding=padding,
        dilation=layer.dilation,
        groups=layer.groups,
    )


def _conv_transpose(title: str, layer: Any, x: SymbolicTensor) -> Any:
    return win.transposed_convolution(
        x,
        numbers(layer.weight, title),
        optional(layer.bias, title),
        title,
        stride=layer.stride,
        padding=layer.padding,
        output_padding=layer.output_padding,
        dilation=layer.dilation,
        groups=layer.groups,
    )


def _pad_module(title: str, layer: Any, x: SymbolicTensor) -> Any:
    kind = type(layer).__name__
    mode = next(
        m for m in ("Zero", "Constant", "Reflection", "Replication", "Circular") if m in kind
    )
    named = {"Zero": "constant", "Constant": "constant", "Reflection": "reflect",
             "Replication": "replicate", "Circular": "circular"}[mode]  # fmt: skip
    return calls.pad(title, x, layer.padding, named, getattr(layer, "value", 0.0))


def _pool_module(kind: str, d: int) -> Callable[..., Any]:
    def read(title: str, layer: Any, x: SymbolicTensor) -> Any:
        if kind == "max":
            return calls.max_pool(
                title, x, layer.kernel_size, layer.stride, layer.padding, layer.dilation,
                layer.ceil_mode, layer.return_indices, d=d,
            )  # fmt: skip
        if kind == "avg":
            return calls.avg_pool(
                title, x, layer.kernel_size, layer.stride, layer.padding, layer.ceil_mode,
                layer.count_include_pad, getattr(layer, "divisor_override", None), d=d,
            )  # fmt: skip
        return calls.adaptive(title, x, layer.output_size, d=d, largest=kind == "adaptive max")

    return read


MODULES: dict[str, Callable[[str, Any, Any], Any]] = {
    "Linear": _linear,
    "Identity": _nothing,
    "Flatten": lambda title, layer, x: calls.flatten(title, x, layer.start_dim, layer.end_dim),
    "Unflatten": lambda title, layer, x: calls.unflatten(title, x, layer.dim, layer.unflattened_size),
    "ReLU": lambda title, layer, x: op.activate(x, pieces.RELU, title),
    "ReLU6": lambda title, layer, x: op.activate(x, pieces.RELU6, title),
    "LeakyReLU": lambda title, layer, x: op.activate(x, pieces.leaky(layer.negative_slope), title),
    "PReLU": lambda title, layer, x: calls.prelu(title, x, numbers(layer.weight, title)),
    "RReLU": _rrelu,
    "Hardtanh": lambda title, layer, x: op.activate(x, pieces.clamp(layer.min_val, layer.max_val), title),
    "Hardsigmoid": lambda title, layer, x: op.activate(x, pieces.HARD_SIGMOID, title),
    "Softshrink": lambda title, layer, x: op.activate(
        x, pieces.shrink(layer.lambd, layer.lambd, title), title
    ),
    "Hardshrink": lambda title, layer, x: op.activate(x, pieces.shrink(layer.lambd, 0.0, title), title),
    "Threshold": lambda title, layer, x: op.activate(
        x, pieces.threshold(layer.threshold, layer.value), title
    ),
    **{f"BatchNorm{d}d": _batch_norm for d in (1, 2, 3)},
    **{f"Dropout{d}": _dropout for d in ("", "1d", "2d", "3d")},
    "AlphaDropout": _dropout,
    "FeatureAlphaDropout": _dropout,
    **{f"Conv{d}d": _conv for d in (1, 2, 3)},
    **{f"ConvTranspose{d}d": _conv_transpose for d in (1, 2, 3)},
    **{f"MaxPool{d}d": _pool_module("max", d) for d in (1, 2, 3)},
    **{f"AvgPool{d}d": _pool_module("avg", d) for d in (1, 2, 3)},
    **{f"AdaptiveAvgPool{d}d": _pool_module("adaptive avg", d) for d in (1, 2, 3)},
    **{f"AdaptiveMaxPool{d}d": _pool_module("adaptive max", d) for d in (1, 2, 3)},
    **{
        f"{kind}Pad{d}d": _pad_module
        for kind in ("Zero", "Constant", "Reflection", "Replication", "Circular")
        for d in (1, 2, 3)
    },
    "Upsample": lambda title, layer, x: calls.upsample(
        title, x, layer.size, layer.scale_factor, layer.mode, layer.align_corners
    ),
    "UpsamplingNearest2d": lambda title, layer, x: calls.upsample(title, x, layer.size, layer.scale_factor),
    "UpsamplingBilinear2d": lambda title, layer, x: calls.upsample(
        title, x, layer.size, layer.scale_factor, "bilinear", True
    ),
    "PixelShuffle": lambda title, layer, x: calls.pixel_shuffle(title, x, layer.upscale_factor),
    **dict.fromkeys(("LayerNorm", "RMSNorm", "GroupNorm", "LocalResponseNorm"), _norm_refused),
    **{f"InstanceNorm{d}d": _norm_refused for d in (1, 2, 3)},
}  # fmt: skip
