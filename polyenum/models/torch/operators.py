"""Operators of ATen that compute: under their names there, without overload.

A reader is ``function(title, ...)`` with the parameters of the operator; tensors are `SymbolicTensor`, or arrays
where they do not depend on the input.  It returns a value, or a list of them for an operator with several results.
A new operator is a line in `OPERATORS`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from polyenum.errors import NetworkError
from polyenum.models import activations as pieces
from polyenum.models import operators as op
from polyenum.models import windows as win
from polyenum.models.tensor import SymbolicTensor


def many(value: Any, d: int) -> tuple[int, ...]:
    """Return one number for each of `d` axes."""
    given = value if isinstance(value, (list, tuple)) else (value,)
    return tuple(int(v) for v in given) * (d if len(given) == 1 else 1)


def _constant(value: Any, title: str, what: str) -> None:
    if isinstance(value, SymbolicTensor):
        raise NetworkError(f"{title}: {what} that depends on the input is not piecewise linear")


def _cover(
    title: str, x: SymbolicTensor, kernel_size: Any, stride: Any, padding: Any, dilation: Any,
    ceil_mode: bool, *, d: int,
) -> Any:  # fmt: skip
    """Return the windows of a pool over the last `d` axes."""
    kernel = many(kernel_size, d)
    return win.windows(
        x.shape[-d:],
        kernel,
        many(stride, d) if len(stride) else kernel,
        [(p, p) for p in many(padding, d)],
        many(dilation, d),
        title,
        ceil=ceil_mode,
    )


def _max_pool(
    title: str, x: SymbolicTensor, kernel_size: Any, stride: Any = (), padding: Any = 0,
    dilation: Any = 1, ceil_mode: bool = False, *, d: int,
) -> Any:  # fmt: skip
    cover = _cover(title, x, kernel_size, stride, padding, dilation, ceil_mode, d=d)
    return win.max_pool(x, cover, d, title)


def _average_pool(
    title: str, x: SymbolicTensor, kernel_size: Any, stride: Any = (), padding: Any = 0, *rest: Any, d: int
) -> Any:  # fmt: skip
    given: list[Any] = [*rest, *(False, True, None)[len(rest) :]]
    ceil_mode, count_include_pad, divisor_override = given
    cover = _cover(title, x, kernel_size, stride, padding, 1, ceil_mode, d=d)
    return win.average_pool(
        x, cover, d, title, count_padding=count_include_pad, divisor=divisor_override
    )


def _adaptive(title: str, x: SymbolicTensor, output_size: Any, *, d: int, largest: bool) -> Any:
    cover = win.adaptive_windows(x.shape[-d:], many(output_size, d), title)
    if largest:
        return win.max_pool(x, cover, d, title)
    return win.average_pool(x, cover, d, title, count_padding=False)


def _convolution(
    title: str, x: Any, weight: Any, bias: Any, stride: Any, padding: Any, dilation: Any, *rest: Any
) -> Any:  # fmt: skip
    transposed, output_padding, groups = rest
    _constant(weight, title, "a weight")
    _constant(bias, title, "a bias")
    d = weight.ndim - 2
    if transposed:
        return win.transposed_convolution(
            x, weight, bias, title, stride=many(stride, d), padding=many(padding, d),
            output_padding=many(output_padding, d), dilation=many(dilation, d), groups=groups,
        )  # fmt: skip
    return win.convolution(
        x, weight, bias, title, stride=many(stride, d), padding=[(p, p) for p in many(padding, d)],
        dilation=many(dilation, d), groups=groups,
    )  # fmt: skip


def _interpolate(
    title: str, x: SymbolicTensor, output_size: Any, align_corners: bool, *scales: Any, function: Any, d: int,
    **named: Any,
) -> Any:  # fmt: skip
    """Return an interpolation, which is one along each axis: torch says which, given unit vectors."""
    import torch

    sizes = [int(n) for n in output_size]
    factors = [*scales, *named.values(), *[None] * d][:d]
    matrices = []
    for axis, n in enumerate(x.shape[-d:]):
        only = [axis == k for k in range(d)]
        units = torch.eye(n, dtype=torch.float64).reshape([n, 1, *(n if o else 1 for o in only)])
        found = function(
            units,
            [s if o else 1 for s, o in zip(sizes, only, strict=True)],
            align_corners,
            *(f if o else None for f, o in zip(factors, only, strict=True)),
        )
        matrices.append(found.reshape(n, sizes[axis]).T.numpy())
    return op.interpolate(x, sizes, matrices, title)


def _batch_norm(
    title: str, x: Any, weight: Any, bias: Any, mean: Any, var: Any, training: bool, *rest: Any
) -> Any:
    if training or mean is None:
        raise NetworkError(
            f"{title} divides by the spread of its own input, which is not piecewise linear; one that keeps "
            "running statistics (track_running_stats=True) does not in eval mode"
        )
    return op.normalise(title, x, mean, var, weight, bias, float(rest[1]))


def _spread(title: str, *args: Any, **kwargs: Any) -> Any:
    raise NetworkError(
        f"{title} divides by the spread of its own input, which is not piecewise linear; "
        "BatchNorm in eval mode is supported"
    )


def _each(row: Any) -> Callable[..., Any]:
    return lambda title, x: op.activate(x, row, title)


def _prelu(title: str, x: SymbolicTensor, weight: Any) -> Any:
    _constant(weight, title, "a slope")
    slopes = np.broadcast_to(weight, x.shape).ravel()
    if (slopes == slopes[0]).all():
        return op.activate(x, pieces.leaky(slopes[0]), title)
    return op.activate(x, [pieces.leaky(float(a)) for a in slopes], title)


def _rrelu(title: str, x: Any, noise: Any, lower: float = 1 / 8, upper: float = 1 / 3,
           training: bool = False, generator: Any = None) -> Any:  # fmt: skip
    if training:
        raise NetworkError(f"{title} is in training mode, where it is random; call .eval() first")
    return op.activate(x, pieces.leaky((lower + upper) / 2), title)


def _clamp(title: str, x: Any, min: Any = None, max: Any = None) -> Any:
    if isinstance(min, SymbolicTensor) or isinstance(max, SymbolicTensor) or op.is_constant(x):
        found = x if min is None else op.maximum(x, min, title)
        return found if max is None else op.maximum(found, max, title, sign=-1)
    return op.clip(x, min, max, title)


def _add(sign: int) -> Callable[..., Any]:
    def add(title: str, x: Any, y: Any, alpha: float = 1) -> Any:
        if alpha != 1:
            y = op.multiply(y, np.asarray(alpha), title)
        return op.add(x, y, title, sign=sign)

    return add


def _subtract_from(title: str, x: Any, y: Any, alpha: float = 1) -> Any:
    return _add(-1)(title, y, x, alpha)


def _divide(title: str, x: Any, y: Any, rounding_mode: str | None = None) -> Any:
    if rounding_mode is not None:
        raise NetworkError(f"{title}: a division that rounds jumps without end")
    return op.divide(x, y, title)


def _scaled_sum(product: Callable[..., Any]) -> Callable[..., Any]:
    def read(title: str, bias: Any, x: Any, y: Any, beta: float = 1, alpha: float = 1) -> Any:
        found = product(title, x, y)
        if alpha != 1:
            found = op.multiply(found, np.asarray(alpha), title)
        if beta != 1:
            bias = op.multiply(bias, np.asarray(beta), title)
        return found if beta == 0 else op.add(found, bias, title)

    return read


def _matrix_product(title: str, x: Any, y: Any) -> Any:
    return op.matrix_product(x, y, title)


def _batched_product(title: str, x: Any, y: Any) -> Any:
    """Return ``x[b] @ y[b]`` for each b, one of them constant."""
    if isinstance(x, SymbolicTensor) and isinstance(y, SymbolicTensor):
        raise NetworkError(
            f"{title}: a product of two tensors that both depend on the input is not piecewise linear"
        )
    (b, n, _), m = x.shape, y.shape[2]
    if isinstance(x, SymbolicTensor):
        weights = op.finite(y, title)
        blocks = [sparse.kron(sparse.eye_array(n), sparse.csr_array(w.T)) for w in weights]
        tensor = x
    else:
        weights = op.finite(x, title)
        blocks = [sparse.kron(sparse.csr_array(w), sparse.eye_array(m)) for w in weights]
        tensor = y
    return tensor.affine(sparse.block_diag(blocks, format="csr"), None, (b, n, m), title)


def _vector_product(title: str, x: Any, y: Any) -> Any:
    """Return the product of two vectors."""
    product = op.multiply(x, y, title)
    return op.total(product, [0], title, keep=False, mean=False)


def _between(title: str, x: Any, end: Any, weight: Any) -> Any:
    return op.add(x, op.multiply(op.add(end, x, title, sign=-1), weight, title), title)


def _plus_product(title: str, x: Any, y: Any, z: Any, value: float = 1) -> Any:
    return _add(1)(title, x, op.multiply(y, z, title), value)


def _plus_quotient(title: str, x: Any, y: Any, z: Any, value: float = 1) -> Any:
    return _add(1)(title, x, op.divide(y, z, title), value)


def _axes(x: Any, dim: Any) -> list[int]:
    if dim is None or (isinstance(dim, (list, tuple)) and not dim):
        return list(range(len(x.shape)))
    return list(dim) if isinstance(dim, (list, tuple)) else [dim]


def _total(mean: bool) -> Callable[..., Any]:
    return lambda title, x, dim=None, keepdim=False, dtype=None: op.total(
        x, _axes(x, dim), title, keep=keepdim, mean=mean
    )


def _extreme(sign: int) -> Callable[..., Any]:
    return lambda title, x, dim=None, keepdim=False: op.maximum_over(
        x, _axes(x, dim), title, keep=keepdim, sign=sign
    )


def _extremes(title: str, x: Any, dim: Any = None, keepdim: bool = False) -> list[Any]:
    return [_extreme(sign)(title, x, dim, keepdim) for sign in (-1, 1)]


def _cumulative_sum(title: str, x: Any, dim: int, dtype: Any = None) -> Any:
    if not x.shape:
        return x
    last = op.rearrange(x, lambda a: np.moveaxis(a, dim, -1))
    sums = op.linear(last, np.tri(last.shape[-1]), None, title)
    return op.rearrange(sums, lambda a: np.moveaxis(a, -1, dim))


def _vector_norm(
    title: str, x: Any, ord: float = 2, dim: Any = None, keepdim: bool = False, dtype: Any = None
) -> Any:
    if ord not in (1, np.inf, -np.inf):
        raise NetworkError(
            f"{title}: a norm of order {ord} is not piecewise linear; 1, inf and -inf are"
        )
    size = op.activate(x, pieces.ABS, title)
    if ord == 1:
        return op.total(size, _axes(x, dim), title, keep=keepdim, mean=False)
    return op.maximum_over(size, _axes(x, dim), title, keep=keepdim, sign=1 if ord > 0 else -1)


def _norm(
    title: str, x: Any, p: Any = 2, dim: Any = None, keepdim: bool = False, dtype: Any = None
) -> Any:
    return _vector_norm(title, x, 2 if p is None else p, dim, keepdim)


def added_at(title: str, x: Any, places: NDArray[np.int64], y: Any) -> Any:
    """Return `x` with the elements of `y` added to those at `places`."""
    spread = sparse.csr_array(
        (np.ones(places.size), (places.ravel(), np.arange(places.size))),
        shape=(x.size, places.size),
    )
    if op.is_constant(y):
        return op.add(x, (spread @ np.ravel(y)).reshape(x.shape), title)
    return op.add(x, y.affine(spread, None, x.shape, title), title)


def _index_add(title: str, x: Any, dim: int, index: Any, source: Any, alpha: float = 1) -> Any:
    _constant(index, title, "an index")
    places = np.arange(np.size(x) if op.is_constant(x) else x.size).reshape(x.shape)
    source = source if alpha == 1 else op.multiply(source, np.asarray(alpha), title)
    return added_at(title, x, np.take(places, np.ravel(index), axis=dim), source)


def _scatter_add(title: str, x: Any, dim: int, index: Any, source: Any) -> Any:
    _constant(index, title, "an index")
    where = list(np.meshgrid(*(np.arange(n) for n in index.shape), indexing="ij"))
    where[dim] = index
    places = np.arange(np.size(x) if op.is_constant(x) else x.size).reshape(x.shape)[tuple(where)]
    inside = tuple(slice(n) for n in index.shape)
    return added_at(title, x, places, op.rearrange(source, lambda a: a[inside]))


def _folded(
    title: str, x: SymbolicTensor, output_size: Any, kernel_size: Any, dilation: Any, padding: Any, stride: Any
) -> Any:  # fmt: skip
    """Return sums of columns at the places that they were taken from, which torch finds by taking them."""
    import torch

    batched = len(x.shape) == 3
    lead = x.shape[:-2] if batched else (1,)
    channels = x.shape[-2] // int(np.prod(kernel_size))
    shape = (lead[0], channels, *(int(n) for n in output_size))
    places = torch.arange(1, int(np.prod(shape)) + 1, dtype=torch.float64).reshape(shape)
    taken = torch.nn.functional.unfold(places, kernel_size, dilation, padding, stride)
    rows = taken.numpy().astype(np.int64).ravel()
    columns = np.flatnonzero(rows)
    matrix = sparse.csr_array(
        (np.ones(len(columns)), (rows[columns] - 1, columns)), shape=(int(np.prod(shape)), x.size)
    )
    return x.affine(matrix, None, shape if batched else shape[1:], title)


def _same(title: str, x: Any, *args: Any, **kwargs: Any) -> Any:
    return x


def operator(function: Any) -> Callable[..., Any] | None:
    """Return the reader of an operator of ATen, if there is one."""
    name = operator_name(function)
    if name in INTERPOLATIONS:
        return partial(_interpolate, function=function, d=INTERPOLATIONS[name])
    return OPERATORS.get(name)


def operator_name(function: Any) -> str:
    """Return the name of an operator without overload, and without library if that is ATen."""
    library, _, name = function._schema.name.partition("::")
    return name if library == "aten" else function._schema.name


OPERATORS: dict[str, Callable[..., Any]] = {
    "relu": _each(pieces.RELU), "relu6": _each(pieces.RELU6), "abs": _each(pieces.ABS),
    "hardsigmoid": _each(pieces.HARD_SIGMOID), "sign": _each(pieces.SIGN), "sgn": _each(pieces.SIGN),
    "leaky_relu": lambda title, x, negative_slope=0.01: op.activate(x, pieces.leaky(negative_slope), title),
    "_prelu_kernel": _prelu, "rrelu_with_noise": _rrelu,
    "hardtanh": lambda title, x, min_val=-1, max_val=1: op.clip(x, min_val, max_val, title),
    "clamp": _clamp, "clamp_min": lambda title, x, min: _clamp(title, x, min),
    "clamp_max": lambda title, x, max: _clamp(title, x, None, max),
    "threshold": lambda title, x, at, value: op.activate(x, pieces.threshold(at, value), title),
    "softshrink": lambda title, x, lambd=0.5: op.activate(x, pieces.shrink(lambd, lambd, title), title),
    "hardshrink": lambda title, x, lambd=0.5: op.activate(x, pieces.shrink(lambd, 0.0, title), title),
    **{name: lambda title, x, y: op.maximum(x, y, title) for name in ("maximum", "fmax")},
    **{name: lambda title, x, y: op.maximum(x, y, title, sign=-1) for name in ("minimum", "fmin")},
    "max": _extreme(1), "min": _extreme(-1), "amax": _extreme(1), "amin": _extreme(-1), "aminmax": _extremes,
    "neg": lambda title, x: op.scale(x, np.asarray(-1.0), title),
    "add": _add(1), "sub": _add(-1), "rsub": _subtract_from,
    "mul": lambda title, x, y: op.multiply(x, y, title), "div": _divide, "true_divide": _divide,
    "reciprocal": lambda title, x: op.divide(np.ones(()), x, title),
    "lerp": _between, "addcmul": _plus_product, "addcdiv": _plus_quotient,
    "mm": _matrix_product, "mv": _matrix_product, "bmm": _batched_product,
    "dot": _vector_product, "vdot": _vector_product,
    "addmm": _scaled_sum(_matrix_product), "addmv": _scaled_sum(_matrix_product),
    "baddbmm": _scaled_sum(_batched_product),
    "sum": _total(False), "mean": _total(True), "cumsum": _cumulative_sum,
    "linalg_vector_norm": _vector_norm, "norm": _norm,
    "col2im": _folded, "index_add": _index_add, "scatter_add": _scatter_add,
    "convolution": _convolution,
    "native_batch_norm": _batch_norm,
    "_native_batch_norm_legit_no_training": lambda title, x, weight, bias, mean, var, momentum, eps: (
        _batch_norm(title, x, weight, bias, mean, var, False, momentum, eps)
    ),
    "_batch_norm_no_update": lambda title, x, weight, bias, mean, var, momentum, eps: (
        _batch_norm(title, x, weight, bias, mean, var, False, momentum, eps)
    ),
    "cudnn_batch_norm": _batch_norm, "miopen_batch_norm": _batch_norm,
    **dict.fromkeys(("native_layer_norm", "native_group_norm", "_fused_rms_norm"), _spread),
    "avg_pool2d": partial(_average_pool, d=2), "avg_pool3d": partial(_average_pool, d=3),
    "max_pool2d_with_indices": partial(_max_pool, d=2), "max_pool3d_with_indices": partial(_max_pool, d=3),
    **{f"_adaptive_avg_pool{d}d": partial(_adaptive, d=d, largest=False) for d in (2, 3)},
    **{f"adaptive_max_pool{d}d": partial(_adaptive, d=d, largest=True) for d in (2, 3)},
    "_to_copy": _same,
}  # fmt: skip

# Those that are read by running them, with the number of their axes.
INTERPOLATIONS = {
    "upsample_linear1d": 1, "upsample_bilinear2d": 2, "upsample_trilinear3d": 3, "upsample_bicubic2d": 2,
    "_upsample_bilinear2d_aa": 2, "_upsample_bicubic2d_aa": 2,
}  # fmt: skip

# Operators of one input whose results have its shape and are not piecewise linear.
SMOOTH = {*pieces.SMOOTH, "_softmax", "_log_softmax", "log_sigmoid_forward"}

# In place, these leave nothing of their first tensor.
OVERWRITES = {"copy", "fill", "zero"}

# New numbers, of which only shape and type come from a tensor.
NEW = {
    "zeros_like", "ones_like", "full_like", "empty_like", "new_zeros", "new_ones", "new_full", "new_empty",
    "new_empty_strided",
}  # fmt: skip
