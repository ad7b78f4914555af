"""What layers do, on symbolic tensors: the operators that torch and ONNX models share.

All tensors have their batch axis in front, of length 1.  Constants are NumPy arrays; an operator given
only constants computes with them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from polyenum.errors import NetworkError
from polyenum.models.activations import TwoSided
from polyenum.models.tensor import (
    MOST_ELEMENTS,
    MOST_SYMBOLIC,
    Mask,
    Row,
    SymbolicTensor,
    checked_size,
)
from polyenum.networks.activation import ActivationTable

Value = Any
"""A `SymbolicTensor`, or an array where nothing depends on the input."""


def is_constant(x: Any) -> bool:
    """Return whether `x` does not depend on the network's input."""
    return not isinstance(x, (SymbolicTensor, Mask))


def rearrange(x: Value, move: Callable[[NDArray], NDArray]) -> Value:
    """Return `x` with its elements moved as `move` moves those of an array."""
    return x.rearrange(move) if isinstance(x, SymbolicTensor) else np.asarray(move(np.asarray(x)))


def constant_tensor(array: Any) -> SymbolicTensor:
    """Return numbers as a tensor that depends on nothing."""
    numbers = np.asarray(array, np.float64)
    return SymbolicTensor(numbers.shape, {}, np.ravel(numbers))


def as_tensor(x: Value) -> SymbolicTensor:
    """Return `x`, or numbers as a tensor that depends on nothing."""
    return x if isinstance(x, SymbolicTensor) else constant_tensor(x)


def parts(x: Value, ends: Sequence[int], axis: int) -> list[Value]:
    """Return the pieces of `x` along an axis that end at `ends`, the first beginning at 0."""
    starts = [0, *ends[:-1]]
    return [
        rearrange(x, partial(np.take, indices=np.arange(begin, end), axis=axis))
        for begin, end in zip(starts, ends, strict=True)
    ]


def joined(parts: Sequence[Value], axis: int) -> Value:
    """Return the concatenation of tensors along an axis."""
    if all(is_constant(p) for p in parts):
        return np.concatenate([np.asarray(p) for p in parts], axis)
    tensors = [as_tensor(p) for p in parts]
    ends = np.cumsum([0] + [t.size for t in tensors])
    if any(t.terms for t in tensors) and int(ends[-1]) > MOST_SYMBOLIC:
        checked_size([int(ends[-1])], "a concatenation", most=MOST_SYMBOLIC)
    numbers = [
        np.arange(a, b).reshape(t.shape)
        for t, a, b in zip(tensors, ends[:-1], ends[1:], strict=True)
    ]
    order = np.concatenate(numbers, axis)
    for t in tensors:
        t.check_usable("a concatenation")
    blocks = {block: None for t in tensors for block in t.terms}
    terms = {
        block: sparse.vstack(
            [
                t.terms.get(block, sparse.csr_array((t.size, block.size), dtype=np.float64))
                for t in tensors
            ],
            format="csr",
        )[order.ravel()]
        for block in blocks
    }
    constant = np.concatenate([t.constant for t in tensors])[order.ravel()]
    path = list(dict.fromkeys(step for t in tensors for step in t.path))
    return SymbolicTensor(order.shape, terms, constant, path, any(t.rounded for t in tensors))


def broadcast(x: Value, shape: Sequence[int]) -> Value:
    """Return `x` repeated to a shape."""
    checked_size(shape, "a tensor")
    return rearrange(x, lambda a: np.broadcast_to(a, tuple(shape)))


def add(x: Value, y: Value, name: str, *, sign: int = 1) -> Value:
    """Return ``x + sign * y`` with NumPy's broadcasting."""
    if is_constant(x) and is_constant(y):
        return np.asarray(x) + sign * np.asarray(y)
    shape = common_shape(x, y, name)
    x, y = (as_tensor(broadcast(v, shape)) for v in (x, y))
    if not y.terms:
        return x.affine(sparse.eye_array(x.size, format="csr"), sign * y.constant, shape, name)
    return x.plus(y, name, sign=sign)


def multiply(x: Value, y: Value, name: str) -> Value:
    """Return ``x * y`` with NumPy's broadcasting; one of them is constant.

    Raises
    ------
    NetworkError
        If both depend on the input.
    """
    if is_constant(x) and is_constant(y):
        return np.asarray(x) * np.asarray(y)
    if not is_constant(x) and not is_constant(y):
        raise NetworkError(
            f"{name}: a product of two tensors that both depend on the input is not piecewise linear"
        )
    x, factor = (y, x) if is_constant(x) else (x, y)
    return scale(x, np.asarray(factor), name)


def divide(x: Value, y: Value, name: str) -> Value:
    """Return ``x / y``, `y` constant: a product with the rounded reciprocal."""
    if is_constant(x) and is_constant(y):
        return np.asarray(x) / np.asarray(y)
    if not is_constant(y):
        raise NetworkError(
            f"{name}: a division by a tensor that depends on the input is not piecewise linear"
        )
    divisor = np.asarray(y, np.float64)
    if (divisor == 0).any():
        raise NetworkError(f"{name}: a division by zero")
    return scale(x, 1 / divisor, name)


def scale(
    x: Value,
    factor: NDArray,
    name: str,
    *,
    shift: NDArray | None = None,
    rounds: bool = False,
) -> SymbolicTensor:
    """Return ``factor * x + shift``, broadcast."""
    shape = common_shape(x, factor, name)
    x = as_tensor(broadcast(x, shape))
    diagonal = np.broadcast_to(finite(factor, name), shape).ravel()
    offset = None if shift is None else np.broadcast_to(finite(shift, name), shape).ravel()
    matrix = sparse.diags_array(diagonal, format="csr")
    return x.affine(matrix, offset, shape, name, rounds=rounds)


def common_shape(x: Any, y: Any, name: str) -> tuple[int, ...]:
    """Return the shape to which both broadcast.

    Raises
    ------
    NetworkError
        If there is none.
    """
    try:
        return tuple(
            np.broadcast_shapes(
                np.shape(x) if is_constant(x) else x.shape,
                np.shape(y) if is_constant(y) else y.shape,
            )
        )
    except ValueError:
        shapes = [np.shape(v) if is_constant(v) else v.shape for v in (x, y)]
        raise NetworkError(f"{name}: shapes {shapes[0]} and {shapes[1]} do not fit") from None


def linear(x: SymbolicTensor, weight: NDArray, bias: NDArray | None, name: str) -> SymbolicTensor:
    """Return ``x @ weight.T + bias`` over the last axis."""
    weight = finite(weight, name)
    if weight.ndim != 2 or 0 in weight.shape:
        raise NetworkError(
            f"{name}: the weight must be a non-empty matrix (outputs, inputs), found shape {weight.shape}"
        )
    out, inner = weight.shape
    if not x.shape or x.shape[-1] != inner:
        raise NetworkError(
            f"{name}: takes {inner} inputs, but the layer before has "
            f"{x.shape[-1] if x.shape else 0} outputs (shape {x.shape})"
        )
    if bias is not None and np.shape(bias) != (out,):
        raise NetworkError(
            f"{name}: a weight of shape {weight.shape} needs a bias of shape ({out},), "
            f"found {np.shape(bias)}"
        )
    rows = x.size // inner
    matrix = sparse.kron(sparse.eye_array(rows), sparse.csr_array(weight), format="csr")
    offset = None if bias is None else np.tile(finite(bias, name), rows)
    return x.affine(matrix, offset, (*x.shape[:-1], out), name)


def matrix_product(x: Value, y: Value, name: str) -> Value:
    """Return ``x @ y``, one of them constant, with NumPy's rules (leading axes of the tensor only)."""
    if is_constant(x) and is_constant(y):
        return np.asarray(x) @ np.asarray(y)
    if not is_constant(x) and not is_constant(y):
        raise NetworkError(
            f"{name}: a product of two tensors that both depend on the input is not piecewise linear"
        )
    if is_constant(y):
        y = np.asarray(y)
        if y.ndim == 1:
            return rearrange(linear(x, y[None], None, name), lambda a: a[..., 0])
        if y.ndim > 2 and y.size == math.prod(y.shape[-2:]):
            y = y.reshape(y.shape[-2:])
        if y.ndim != 2:
            raise NetworkError(f"{name}: the constant must be one matrix, found shape {y.shape}")
        return linear(x, y.T, None, name)
    x = np.asarray(x)
    if len(y.shape) == 1:
        return linear(y, x if x.ndim == 2 else x[None], None, name)
    swapped = rearrange(y, lambda a: np.swapaxes(a, -1, -2))
    if x.ndim != 2:
        raise NetworkError(f"{name}: the constant must be one matrix, found shape {x.shape}")
    return rearrange(linear(swapped, x, None, name), lambda a: np.swapaxes(a, -1, -2))


def average(
    x: SymbolicTensor,
    groups: Sequence[NDArray[np.int64]],
    divisors: NDArray,
    shape: Sequence[int],
    name: str,
) -> SymbolicTensor:
    """Return the sums of groups of elements over divisors; each weight is a rounded reciprocal."""
    rows = np.repeat(np.arange(len(groups)), [len(g) for g in groups])
    columns = np.concatenate(groups)
    values = np.repeat(1 / np.asarray(divisors, np.float64), [len(g) for g in groups])
    matrix = sparse.csr_array((values, (rows, columns)), shape=(len(groups), x.size))
    return x.affine(matrix, None, shape, name)


def total(x: Value, axes: Sequence[int], name: str, *, keep: bool, mean: bool) -> Value:
    """Return sums, or means, over axes."""
    if is_constant(x):
        return (np.mean if mean else np.sum)(np.asarray(x), axis=tuple(axes), keepdims=keep)
    groups, shape = _groups_over(x.shape, axes, keep)
    count = groups.shape[1] if mean else 1
    return average(x, list(groups), np.full(len(groups), count), shape, name)


def maximum_over(x: Value, axes: Sequence[int], name: str, *, keep: bool, sign: int = 1) -> Value:
    """Return the largest elements (or, for ``sign=-1``, the smallest) over axes."""
    if is_constant(x):
        return (np.max if sign > 0 else np.min)(np.asarray(x), axis=tuple(axes), keepdims=keep)
    groups, shape = _groups_over(x.shape, axes, keep)
    return largest(x, list(groups), shape, name, sign=sign)


def _groups_over(
    shape: Sequence[int], axes: Sequence[int], keep: bool
) -> tuple[NDArray[np.int64], tuple[int, ...]]:
    axes = sorted(a % len(shape) for a in axes)
    rest = [a for a in range(len(shape)) if a not in axes]
    numbers = np.arange(math.prod(shape)).reshape(shape).transpose([*rest, *axes])
    count = math.prod(shape[a] for a in axes)
    kept = [1 if a in axes else shape[a] for a in range(len(shape))]
    return numbers.reshape(-1, count), tuple(kept if keep else [shape[a] for a in rest])


def largest(
    x: SymbolicTensor,
    groups: Sequence[NDArray[np.int64]],
    shape: Sequence[int],
    name: str,
    *,
    sign: int = 1,
) -> SymbolicTensor:
    """Return the largest element of each group (the smallest for ``sign=-1``), one unit each.

    A constant of -inf, as paddings and masks have it, is never the largest, and left out.
    """
    groups = _without_least(x, groups, name, sign)
    sizes = [len(g) for g in groups]
    members = rearrange(rearrange(x, np.ravel), partial(np.take, indices=np.concatenate(groups)))
    if sign < 0:
        members = scale(members, np.asarray(-1.0), name)
    passed = members.activate(ActivationTable.maxima(sizes), name)
    # All members but the largest pass on 0.
    rows = np.repeat(np.arange(len(groups)), sizes)
    add_up = sparse.csr_array((np.full(len(rows), float(sign)), (rows, np.arange(len(rows)))))
    return passed.affine(add_up, None, shape, name)


def _without_least(
    x: SymbolicTensor, groups: Sequence[NDArray[np.int64]], name: str, sign: int
) -> Sequence[NDArray[np.int64]]:
    """Return groups without the elements that are constants of -inf (of inf for ``sign=-1``)."""
    least = x.constant == -np.inf * sign
    if not least.any():
        return groups
    for matrix in x.terms.values():
        least &= np.diff(matrix.indptr) == 0
    found = [g[~least[g]] for g in groups]
    if not all(len(g) for g in found):
        raise NetworkError(
            f"{name}: a padding or a mask makes all of which it takes the {'largest' if sign > 0 else 'smallest'} "
            f"{-np.inf * sign}, so its result is not finite"
        )
    return found


def maximum(x: Value, y: Value, name: str, *, sign: int = 1) -> Value:
    """Return the larger (the smaller for ``sign=-1``) of two tensors, element by element."""
    if is_constant(x) and is_constant(y):
        return (np.maximum if sign > 0 else np.minimum)(np.asarray(x), np.asarray(y))
    if is_constant(x) or is_constant(y):
        tensor, bound = (y, x) if is_constant(x) else (x, y)
        return clip(tensor, bound, None, name) if sign > 0 else clip(tensor, None, bound, name)
    shape = common_shape(x, y, name)
    x, y = (as_tensor(broadcast(v, shape)) for v in (x, y))
    pair = joined([rearrange(v, lambda a: a[..., None]) for v in (x, y)], -1)
    return maximum_over(pair, [-1], name, keep=False, sign=sign)


def clip(x: Value, lower: Any, upper: Any, name: str) -> Value:
    """Return `x` no lower than `lower` and no higher than `upper`: numbers, arrays or None."""
    if is_constant(x):
        return np.clip(np.asarray(x), lower, upper)
    shape = x.shape
    for bound in (lower, upper):
        if bound is not None:
            if not is_constant(bound):
                raise NetworkError(f"{name}: the bounds must not depend on the input")
            shape = common_shape(np.zeros(shape), np.asarray(bound), name)
    x = broadcast(x, shape)
    low, high = (
        None if b is None else np.broadcast_to(np.asarray(b, np.float64), shape).ravel()
        for b in (lower, upper)
    )
    rows: list[Row] = []
    for k in range(x.size):
        a = None if low is None or low[k] == -np.inf else float(low[k])
        b = None if high is None or high[k] == np.inf else float(high[k])
        if a is None and b is None:
            rows.append(([], [1.0], 0.0))
        elif a is not None and b is None:
            rows.append(([a], [0.0, 1.0], a))
        elif a is None and b is not None:
            rows.append(([b], [1.0, 0.0], 0.0))
        elif (
            a is not None and b is not None
        ):  # upside down, the upper bound wins, as in torch and ONNX
            rows.append(([a, b], [0.0, 1.0, 0.0], a) if a < b else ([], [0.0], b))
    return activate(x, rows, name)


def activate(x: Value, rows: Row | Sequence[Row] | TwoSided, name: str) -> Value:
    """Return `x` after an activation: one row for all elements, or one each."""
    x = as_tensor(x)
    if isinstance(rows, TwoSided):
        sides = joined([rearrange(y, np.ravel) for y in (x, scale(x, np.asarray(-1.0), name))], 0)
        tables = [
            ActivationTable.uniform(x.size, breakpoints=b, slopes=s, start=i) for b, s, i in rows
        ]
        both = as_tensor(sides).activate(ActivationTable.concatenate(tables), name)
        one = sparse.eye_array(x.size, format="csr")
        return both.affine(sparse.hstack([one, one], format="csr"), None, x.shape, name)
    table = (
        ActivationTable.uniform(x.size, breakpoints=rows[0], slopes=rows[1], start=rows[2])
        if isinstance(rows, tuple)
        else ActivationTable.from_rows(rows)
    )
    return x.activate(table, name)


def normalise(
    title: str,
    x: SymbolicTensor,
    mean: NDArray,
    var: NDArray,
    weight: NDArray | None,
    bias: NDArray | None,
    eps: float,
) -> SymbolicTensor:
    """Return batch normalisation with given statistics: ``weight (x - mean) / sqrt(var + eps) + bias``.

    As the affine map ``scale * x + shift`` with ``scale = weight / sqrt(var + eps)`` and
    ``shift = bias - mean * scale``, each rounded to float64.
    """
    if len(x.shape) < 2 or x.shape[1] != len(mean):
        raise NetworkError(f"{title}: takes {len(mean)} channels, found shape {x.shape}")
    if (var + eps <= 0).any():
        raise NetworkError(f"{title}: a variance is negative")
    factor = 1 / np.sqrt(var + eps)
    if weight is not None:
        factor = weight * factor
    shift = -mean * factor
    if bias is not None:
        shift = shift + bias
    channel = (1, -1, *[1] * (len(x.shape) - 2))
    return scale(x, factor.reshape(channel), title, shift=shift.reshape(channel), rounds=True)


def pad_axes(
    x: SymbolicTensor, pairs: Sequence[tuple[int, int]], mode: str, value: float, title: str
) -> Any:
    """Return `x` with elements before and after each axis (negative: taken away)."""
    crop = tuple(
        slice(max(0, -a), n - max(0, -b)) for (a, b), n in zip(pairs, x.shape, strict=True)
    )
    x = rearrange(x, lambda a: a[crop])
    grow = [(max(0, a), max(0, b)) for a, b in pairs]
    wanted = [a + n + b for (a, b), n in zip(grow, x.shape, strict=True)]
    checked_size(wanted, title, most=MOST_SYMBOLIC if x.terms else MOST_ELEMENTS)
    if mode in ("constant", "constant_0"):
        for axis, (before, after) in enumerate(grow):
            parts: list[Any] = [x]
            for count, first in ((before, True), (after, False)):
                if count:
                    shape = [*x.shape]
                    shape[axis] = count
                    filling = np.full(shape, value)
                    parts = [filling, *parts] if first else [*parts, filling]
            if len(parts) > 1:
                x = joined(parts, axis)
        return x
    modes = {
        "reflect": "reflect",
        "replicate": "edge",
        "edge": "edge",
        "circular": "wrap",
        "wrap": "wrap",
    }
    if mode not in modes:
        raise NetworkError(f"{title}: padding mode {mode!r} is not supported")
    return rearrange(x, lambda a: np.pad(a, grow, mode=modes[mode]))  # type: ignore[call-overload]


def interpolate(
    x: SymbolicTensor, sizes: Sequence[int], matrices: Sequence[NDArray], name: str
) -> SymbolicTensor:
    """Return `x` with each of its last axes multiplied by a matrix (new size, size)."""
    d = len(sizes)
    lead = x.shape[: len(x.shape) - d]
    whole = sparse.eye_array(math.prod(lead), format="csr")
    for matrix in matrices:
        whole = sparse.kron(whole, sparse.csr_array(matrix), format="csr")
    return x.affine(whole, None, (*lead, *sizes), name)


def finite(values: Any, name: str) -> NDArray[np.float64]:
    array = np.asarray(values, np.float64)
    if not np.all(np.isfinite(array)):
        at = tuple(int(k) for k in np.argwhere(~np.isfinite(array))[0])
        raise NetworkError(f"{name}: a weight{list(at)} is {array[at]}, not finite")
    return array
