"""Calls in a traced module: functions and methods of torch, under their names there.

A reader is ``function(title, input, ...)`` with the parameters that torch gives it; a new call is a line in
`CALLS`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from polyenum.errors import NetworkError
from polyenum.networks.reading import operators as op
from polyenum.networks.reading import pieces
from polyenum.networks.reading import windows as win
from polyenum.networks.reading.tensor import SymbolicTensor, checked_size
from polyenum.networks.reading.torch_numbers import many, padded


def prelu(title: str, x: SymbolicTensor, weight: NDArray) -> Any:
    slopes = np.ravel(weight)
    if len(slopes) == 1:
        return op.activate(x, pieces.leaky(slopes[0]), title)
    if len(x.shape) < 2 or x.shape[1] != len(slopes):
        raise NetworkError(f"{title}: takes {len(slopes)} channels, found shape {x.shape}")
    each = np.broadcast_to(slopes.reshape(-1, *[1] * (len(x.shape) - 2)), x.shape).ravel()
    return op.activate(x, [pieces.leaky(float(a)) for a in each], title)


def max_pool(
    title: str, x: SymbolicTensor, kernel_size: Any, stride: Any = None, padding: Any = 0,
    dilation: Any = 1, ceil_mode: bool = False, return_indices: bool = False, *, d: int,
) -> Any:  # fmt: skip
    if return_indices:
        raise NetworkError(f"{title}: the indices of a maximum are not piecewise linear")
    kernel = many(kernel_size, d)
    cover = win.windows(
        x.shape[-d:],
        kernel,
        kernel if stride in (None, []) else many(stride, d),
        [(p, p) for p in many(padding, d)],
        many(dilation, d),
        title,
        ceil=ceil_mode,
    )
    return win.max_pool(x, cover, d, title)


def avg_pool(
    title: str, x: SymbolicTensor, kernel_size: Any, stride: Any = None, padding: Any = 0,
    ceil_mode: bool = False, count_include_pad: bool = True, divisor_override: int | None = None,
    *, d: int,
) -> Any:  # fmt: skip
    kernel = many(kernel_size, d)
    cover = win.windows(
        x.shape[-d:],
        kernel,
        kernel if stride in (None, []) else many(stride, d),
        [(p, p) for p in many(padding, d)],
        (1,) * d,
        title,
        ceil=ceil_mode,
    )
    return win.average_pool(
        x, cover, d, title, count_padding=count_include_pad, divisor=divisor_override
    )


def adaptive(title: str, x: SymbolicTensor, output_size: Any, *, d: int, largest: bool) -> Any:
    sizes = output_size if isinstance(output_size, (list, tuple)) else (output_size,) * d
    shape = x.shape[-d:]
    wanted = [n if s is None else int(s) for s, n in zip(sizes, shape, strict=True)]
    cover = win.adaptive_windows(shape, wanted, title)
    if largest:
        return win.max_pool(x, cover, d, title)
    return win.average_pool(x, cover, d, title, count_padding=False)


def _convolve(
    title: str, x: SymbolicTensor, weight: NDArray, bias: NDArray | None = None, stride: Any = 1,
    padding: Any = 0, dilation: Any = 1, groups: int = 1,
) -> Any:  # fmt: skip
    d = weight.ndim - 2
    around = many(dilation, d)
    x, pairs = padded(title, x, padding, "zeros", weight.shape[2:], around)
    return win.convolution(
        x,
        weight,
        bias,
        title,
        stride=many(stride, d),
        padding=pairs,
        dilation=around,
        groups=groups,
    )


def _convolve_transposed(
    title: str, x: SymbolicTensor, weight: NDArray, bias: NDArray | None = None, stride: Any = 1,
    padding: Any = 0, output_padding: Any = 0, groups: int = 1, dilation: Any = 1,
) -> Any:  # fmt: skip
    d = weight.ndim - 2
    return win.transposed_convolution(
        x, weight, bias, title, stride=many(stride, d), padding=many(padding, d),
        output_padding=many(output_padding, d), dilation=many(dilation, d), groups=groups,
    )  # fmt: skip


def pad(
    title: str, x: SymbolicTensor, pad: Any, mode: str = "constant", value: float | None = None
) -> Any:
    flat = [int(p) for p in pad]
    axes = len(flat) // 2
    pairs = [(0, 0)] * (len(x.shape) - axes) + [
        (flat[2 * k], flat[2 * k + 1]) for k in reversed(range(axes))
    ]
    return op.pad_axes(x, pairs, mode, float(value or 0.0), title)


def upsample(
    title: str, x: SymbolicTensor, size: Any = None, scale_factor: Any = None, mode: str = "nearest",
    align_corners: bool | None = None, recompute_scale_factor: bool | None = None, antialias: bool = False,
) -> Any:  # fmt: skip
    d = len(x.shape) - 2
    if mode not in ("nearest", "linear", "bilinear", "trilinear") or antialias:
        raise NetworkError(
            f"{title}: mode {mode!r} is not supported; nearest, linear, bilinear and trilinear are"
        )
    grid = x.shape[2:]
    if size is not None:
        sizes = many(size, d)
        steps = [n / s for n, s in zip(grid, sizes, strict=True)]
    else:
        factors = scale_factor if isinstance(scale_factor, (list, tuple)) else (scale_factor,) * d
        sizes = tuple(int(n * f) for n, f in zip(grid, factors, strict=True))
        steps = [1 / f for f in factors]
        if recompute_scale_factor:
            steps = [n / s for n, s in zip(grid, sizes, strict=True)]
    if mode == "nearest":
        at = [
            np.minimum(np.floor(np.arange(s) * step).astype(int), n - 1)
            for n, s, step in zip(grid, sizes, steps, strict=True)
        ]
        return op.rearrange(x, lambda a: a[np.ix_(range(a.shape[0]), range(a.shape[1]), *at)])
    matrices = []
    for n, s, step in zip(grid, sizes, steps, strict=True):
        if align_corners:
            place = np.arange(s) * ((n - 1) / (s - 1) if s > 1 else 0.0)
        else:
            place = np.maximum((np.arange(s) + 0.5) * step - 0.5, 0.0)
        low = np.minimum(np.floor(place).astype(int), n - 1)
        high = np.minimum(low + 1, n - 1)
        share = place - low
        matrix = np.zeros((s, n))
        np.add.at(matrix, (np.arange(s), low), 1 - share)
        np.add.at(matrix, (np.arange(s), high), share)
        matrices.append(matrix)
    return op.interpolate(x, sizes, matrices, title)


def _elementwise(row: Any) -> Callable[..., Any]:
    return lambda title, x, inplace=False: op.activate(x, row, title)


def _threshold(title: str, x: Any, threshold: float, value: float, inplace: bool = False) -> Any:
    return op.activate(x, pieces.threshold(threshold, value), title)


def _hardtanh(
    title: str, x: Any, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False
) -> Any:
    return op.clip(x, min_val, max_val, title)


def _clamp(title: str, x: Any, min: Any = None, max: Any = None) -> Any:
    return op.clip(x, min, max, title)


def _rrelu_call(
    title: str,
    x: Any,
    lower: float = 1 / 8,
    upper: float = 1 / 3,
    training: bool = False,
    inplace: bool = False,
) -> Any:
    if training:
        raise NetworkError(f"{title} is in training mode, where it is random; call .eval() first")
    return op.activate(x, pieces.leaky((lower + upper) / 2), title)


def _dropout_call(
    title: str, x: Any, p: float = 0.5, training: bool = True, inplace: bool = False
) -> Any:
    if training and p > 0:
        raise NetworkError(f"{title} is in training mode, where it is random; call .eval() first")
    return x


def _batch_norm_call(
    title: str, x: SymbolicTensor, running_mean: Any, running_var: Any, weight: Any = None, bias: Any = None,
    training: bool = False, momentum: float = 0.1, eps: float = 1e-5,
) -> Any:  # fmt: skip
    if training or running_mean is None:
        raise NetworkError(
            f"{title} is in training mode, where it depends on the batch; call .eval() first"
        )
    return op.normalise(title, x, running_mean, running_var, weight, bias, eps)


def _add(sign: int) -> Callable[..., Any]:
    def add(title: str, x: Any, y: Any, alpha: float = 1) -> Any:
        if alpha != 1:
            y = op.multiply(y, np.asarray(alpha), title)
        return op.add(x, y, title, sign=sign)

    return add


def _addmm(title: str, bias: Any, x: Any, y: Any, beta: float = 1, alpha: float = 1) -> Any:
    product = op.matrix_product(x, y, title)
    if alpha != 1:
        product = op.multiply(product, np.asarray(alpha), title)
    if beta != 1:
        bias = op.multiply(bias, np.asarray(beta), title)
    return op.add(product, bias, title)


def _get_item(title: str, x: Any, index: Any) -> Any:
    if not isinstance(x, SymbolicTensor):
        return x[index]
    return op.rearrange(x, lambda a: a[index])


def _reshape(title: str, x: Any, *shape: Any) -> Any:
    wanted = shape[0] if len(shape) == 1 and isinstance(shape[0], (list, tuple)) else shape
    return op.rearrange(x, lambda a: a.reshape(tuple(int(n) for n in wanted)))


def flatten(title: str, x: Any, start_dim: int = 0, end_dim: int = -1) -> Any:
    n = len(x.shape)
    if not (-n <= start_dim < n and -n <= end_dim < n):
        raise NetworkError(
            f"{title}: axes {start_dim} to {end_dim} do not exist, found shape {x.shape}"
        )
    begin, end = start_dim % n, end_dim % n
    shape = (*x.shape[:begin], math.prod(x.shape[begin : end + 1]), *x.shape[end + 1 :])
    return op.rearrange(x, lambda a: a.reshape(shape))


def unflatten(title: str, x: Any, dim: int, sizes: Sequence[int]) -> Any:
    at = dim % len(x.shape)
    return op.rearrange(x, lambda a: a.reshape((*a.shape[:at], *sizes, *a.shape[at + 1 :])))


def _squeeze(title: str, x: Any, dim: Any = None) -> Any:
    axes = range(len(x.shape)) if dim is None else dim if isinstance(dim, (list, tuple)) else (dim,)
    gone = {a % len(x.shape) for a in axes if x.shape[a] == 1}
    shape = [n for k, n in enumerate(x.shape) if k not in gone]
    return op.rearrange(x, lambda a: a.reshape(shape))


def _permute(title: str, x: Any, *dims: Any) -> Any:
    order = dims[0] if len(dims) == 1 and isinstance(dims[0], (list, tuple)) else dims
    return op.rearrange(x, lambda a: a.transpose(order))


def _split(title: str, x: Any, split_size_or_sections: Any, dim: int = 0) -> list[Any]:
    n, size = x.shape[dim], split_size_or_sections
    ends = (
        np.cumsum(size).tolist() if isinstance(size, (list, tuple)) else [*range(size, n, size), n]
    )
    return op.parts(x, ends, dim)


def _chunk(title: str, x: Any, chunks: int, dim: int = 0) -> list[Any]:
    return _split(title, x, -(-x.shape[dim] // chunks), dim)


def _size(title: str, x: Any, dim: int | None = None) -> Any:
    return x.shape if dim is None else x.shape[dim]


def _get_attribute(title: str, x: Any, name: str) -> Any:
    if name == "shape":
        return x.shape
    if name == "ndim":
        return len(x.shape)
    if name in ("T", "mT"):
        return op.rearrange(x, lambda a: a.swapaxes(-1, -2))
    if name in ("data", "values"):
        return x
    if name in ("dtype", "device"):
        return None
    raise NetworkError(f"{title}: the attribute {name!r} of a tensor is not supported")


def _axes(x: Any, dim: Any) -> list[int]:
    if dim is None:
        return list(range(len(x.shape)))
    return list(dim) if isinstance(dim, (list, tuple)) else [dim]


def _total(mean: bool) -> Callable[..., Any]:
    return lambda title, x, dim=None, keepdim=False, dtype=None: op.total(
        x, _axes(x, dim), title, keep=keepdim, mean=mean
    )


class _Largest:
    """The values of a maximum over an axis, as torch returns them: with indices, which nothing may use."""

    def __init__(self, values: Any) -> None:
        self.values = values

    def __getitem__(self, k: int) -> Any:
        if k != 0:
            raise NetworkError("the indices of a maximum are not piecewise linear")
        return self.values


def _extreme(sign: int) -> Callable[..., Any]:
    def extreme(title: str, x: Any, dim: Any = None, keepdim: bool = False) -> Any:
        if isinstance(dim, (SymbolicTensor, np.ndarray)):
            return op.maximum(x, dim, title, sign=sign)
        found = op.maximum_over(x, _axes(x, dim), title, keep=keepdim, sign=sign)
        return found if dim is None else _Largest(found)

    return extreme


def _extreme_only(sign: int) -> Callable[..., Any]:
    return lambda title, x, dim=(), keepdim=False: op.maximum_over(
        x, _axes(x, None if dim == () else dim), title, keep=keepdim, sign=sign
    )


def _transpose(title: str, x: Any, dim0: int, dim1: int) -> Any:
    return op.rearrange(x, lambda a: a.swapaxes(dim0, dim1))


def _expand(title: str, x: Any, *sizes: Any) -> Any:
    wanted = sizes[0] if len(sizes) == 1 and isinstance(sizes[0], (list, tuple)) else sizes
    lead = len(wanted) - len(x.shape)
    shape = [x.shape[k - lead] if n == -1 else n for k, n in enumerate(wanted)]
    return op.broadcast(x, shape)


def _repeat(title: str, x: Any, *counts: Any) -> Any:
    wanted = counts[0] if len(counts) == 1 and isinstance(counts[0], (list, tuple)) else counts
    checked_size([math.prod(x.shape), *wanted], title)
    return op.rearrange(x, lambda a: np.tile(a, wanted))


def _same(title: str, x: Any, *args: Any, **kwargs: Any) -> Any:
    return x


def pixel_shuffle(title: str, x: Any, r: int) -> Any:
    n, c, h, w = x.shape
    return op.rearrange(
        x,
        lambda a: (
            a.reshape(n, c // r**2, r, r, h, w)
            .transpose(0, 1, 4, 2, 5, 3)
            .reshape(n, c // r**2, h * r, w * r)
        ),
    )


CALLS: dict[str, Callable[..., Any]] = {
    "linear": lambda title, x, weight, bias=None: op.linear(x, weight, bias, title),
    "matmul": lambda title, x, y: op.matrix_product(x, y, title),
    "mm": lambda title, x, y: op.matrix_product(x, y, title),
    "addmm": _addmm,
    "add": _add(1), "iadd": _add(1), "add_": _add(1), "radd": _add(1),
    "sub": _add(-1), "isub": _add(-1), "sub_": _add(-1), "subtract": _add(-1),
    "rsub": lambda title, x, y, alpha=1: _add(-1)(title, y, x, alpha),
    "mul": lambda title, x, y: op.multiply(x, y, title),
    "imul": lambda title, x, y: op.multiply(x, y, title),
    "multiply": lambda title, x, y: op.multiply(x, y, title),
    "truediv": lambda title, x, y: op.divide(x, y, title),
    "div": lambda title, x, y: op.divide(x, y, title),
    "divide": lambda title, x, y: op.divide(x, y, title),
    "neg": lambda title, x: op.scale(x, np.asarray(-1.0), title),
    "relu": _elementwise(pieces.RELU), "relu_": _elementwise(pieces.RELU),
    "relu6": _elementwise(pieces.RELU6), "abs": _elementwise(pieces.ABS), "absolute": _elementwise(pieces.ABS),
    "hardsigmoid": _elementwise(pieces.HARD_SIGMOID),
    "leaky_relu": lambda title, x, negative_slope=0.01, inplace=False: op.activate(
        x, pieces.leaky(negative_slope), title
    ),
    "prelu": prelu,
    "rrelu": _rrelu_call,
    "hardtanh": _hardtanh,
    "clamp": _clamp, "clip": _clamp, "clamp_": _clamp,
    "clamp_min": lambda title, x, min: op.clip(x, min, None, title),
    "clamp_max": lambda title, x, max: op.clip(x, None, max, title),
    "softshrink": lambda title, x, lambd=0.5: op.activate(x, pieces.shrink(lambd, lambd, title), title),
    "hardshrink": lambda title, x, lambd=0.5: op.activate(x, pieces.shrink(lambd, 0.0, title), title),
    "threshold": _threshold,
    "threshold_": _threshold,
    "_threshold": _threshold,
    "sign": lambda title, x: op.activate(x, pieces.SIGN, title),
    "maximum": lambda title, x, y: op.maximum(x, y, title),
    "minimum": lambda title, x, y: op.maximum(x, y, title, sign=-1),
    "max": _extreme(1), "min": _extreme(-1), "amax": _extreme_only(1), "amin": _extreme_only(-1),
    "sum": _total(False), "mean": _total(True),
    "dropout": _dropout_call,
    "batch_norm": _batch_norm_call,
    "conv1d": _convolve, "conv2d": _convolve, "conv3d": _convolve,
    "conv_transpose1d": _convolve_transposed, "conv_transpose2d": _convolve_transposed,
    "conv_transpose3d": _convolve_transposed,
    "pad": pad, "interpolate": upsample, "pixel_shuffle": pixel_shuffle,
    "cat": lambda title, parts, dim=0: op.joined(parts, dim),
    "concat": lambda title, parts, dim=0: op.joined(parts, dim),
    "stack": lambda title, parts, dim=0: op.joined(
        [op.rearrange(p, lambda a: np.expand_dims(a, dim)) for p in parts], dim
    ),
    "split": _split, "chunk": _chunk,
    "unbind": lambda title, x, dim=0: [
        op.rearrange(x, partial(np.take, indices=k, axis=dim)) for k in range(x.shape[dim])
    ],
    "getitem": _get_item, "getattr": _get_attribute, "size": _size,
    "dim": lambda title, x: len(x.shape), "numel": lambda title, x: x.size,
    "len": lambda title, x: x.shape[0],
    "reshape": _reshape, "view": _reshape, "flatten": flatten, "unflatten": unflatten,
    "view_as": lambda title, x, y: op.rearrange(x, lambda a: a.reshape(y.shape)),
    "squeeze": _squeeze,
    "unsqueeze": lambda title, x, dim: op.rearrange(x, lambda a: np.expand_dims(a, dim)),
    "permute": _permute, "transpose": _transpose, "swapaxes": _transpose, "swapdims": _transpose,
    "movedim": lambda title, x, source, destination: op.rearrange(
        x, lambda a: np.moveaxis(a, source, destination)
    ),
    "t": lambda title, x: op.rearrange(x, lambda a: a.T),
    "expand": _expand, "repeat": _repeat,
    "expand_as": lambda title, x, y: op.broadcast(x, y.shape),
    "flip": lambda title, x, *dims: op.rearrange(
        x, lambda a: np.flip(a, tuple(dims[0]) if isinstance(dims[0], (list, tuple)) else dims)
    ),
    "roll": lambda title, x, shifts, dims=None: op.rearrange(x, lambda a: np.roll(a, shifts, dims)),
    "narrow": lambda title, x, dim, start, length: op.rearrange(
        x, lambda a: a.take(range(start, start + length), axis=dim)
    ),
    "select": lambda title, x, dim, index: op.rearrange(x, lambda a: a.take(index, axis=dim)),
    "index_select": lambda title, x, dim, index: op.rearrange(x, lambda a: a.take(index, axis=dim)),
    "contiguous": _same, "clone": _same, "detach": _same, "float": _same, "double": _same, "to": _same,
    "type": _same, "identity": _same, "requires_grad_": _same, "cpu": _same,
    **{f"max_pool{d}d": partial(max_pool, d=d) for d in (1, 2, 3)},
    **{f"avg_pool{d}d": partial(avg_pool, d=d) for d in (1, 2, 3)},
    **{f"adaptive_avg_pool{d}d": partial(adaptive, d=d, largest=False) for d in (1, 2, 3)},
    **{f"adaptive_max_pool{d}d": partial(adaptive, d=d, largest=True) for d in (1, 2, 3)},
}  # fmt: skip
