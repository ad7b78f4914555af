"""Layers that look at windows of a grid: convolutions and pools."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from polyenum.errors import NetworkError
from polyenum.models.operators import average, finite, largest
from polyenum.models.tensor import SymbolicTensor, checked_size
from polyenum.ragged import rows_and_steps


def windows(
    shape: Sequence[int],
    kernel: Sequence[int],
    stride: Sequence[int],
    padding: Sequence[tuple[int, int]],
    dilation: Sequence[int],
    name: str,
    *,
    ceil: bool = False,
) -> NDArray[np.int64]:
    """Return which elements of a grid each window covers.

    Parameters
    ----------
    shape : (d,) int
        Of the grid.
    kernel, stride, dilation : (d,) int
    padding : (d,) pairs
        Before and after each axis.
    ceil : bool
        Whether windows may reach beyond the padding's end; each begins before it.

    Returns
    -------
    (windows..., kernel elements) int64
        Numbers of grid elements, -1 where the window covers padding, -2 beyond the padding.
    """
    columns = []
    for n, k, s, (before, after), d in zip(shape, kernel, stride, padding, dilation, strict=True):
        if min(k, s, d) < 1 or before < 0 or after < 0:
            raise NetworkError(
                f"{name}: kernel, stride and dilation must be at least 1, padding at least 0"
            )
        reach = n + before + after - d * (k - 1) - 1
        count = (-(-reach // s) if ceil else reach // s) + 1
        if ceil and (count - 1) * s >= n + before:
            count -= 1
        if reach < 0 or count < 1:
            raise NetworkError(
                f"{name}: the kernel {list(kernel)} is larger than the input {list(shape)}"
            )
        at = np.arange(count)[:, None] * s + np.arange(k) * d - before
        outside = np.where(at < n + after, -1, -2)
        columns.append(np.where((at >= 0) & (at < n), at, outside))
    checked_size(
        [math.prod(c.shape[0] for c in columns), math.prod(c.shape[1] for c in columns)], name
    )
    found = np.zeros((1,) * (2 * len(columns)), np.int64)
    worst = np.zeros_like(found)
    for axis, (column, n) in enumerate(zip(columns, shape, strict=True)):
        spread = [1] * (2 * len(columns))
        spread[axis], spread[len(columns) + axis] = column.shape
        found = found * n + np.maximum(column, 0).reshape(spread)
        worst = np.minimum(worst, column.reshape(spread).clip(max=0))
    found = np.where(worst < 0, worst, found)
    return found.reshape(*(c.shape[0] for c in columns), -1)


def convolution(
    x: SymbolicTensor,
    weight: NDArray,
    bias: NDArray | None,
    name: str,
    *,
    stride: Sequence[int],
    padding: Sequence[tuple[int, int]],
    dilation: Sequence[int],
    groups: int,
) -> SymbolicTensor:
    """Return the convolution of ``x`` (batch, channels, ...) with ``weight`` (out, in / groups, ...).

    As torch and ONNX have it: the cross-correlation.
    """
    weight = finite(weight, name)
    d = weight.ndim - 2
    if len(x.shape) != d + 2:
        raise NetworkError(
            f"{name}: a weight of shape {weight.shape} needs an input (batch, channels, {d} axes), "
            f"found shape {x.shape}"
        )
    channels, grid = x.shape[1], x.shape[2:]
    out, inner = weight.shape[:2]
    if groups < 1 or channels != inner * groups or out % groups:
        raise NetworkError(
            f"{name}: takes {inner * groups} channels in {groups} groups, found {channels}"
        )
    cover = windows(grid, weight.shape[2:], stride, padding, dilation, name)
    matrix = _window_matrix(cover, weight.reshape(out, inner, -1), math.prod(grid), groups)
    offset = None if bias is None else np.repeat(finite(bias, name), math.prod(cover.shape[:-1]))
    return _for_each(x, matrix, offset, (out, *cover.shape[:-1]), name)


def transposed_convolution(
    x: SymbolicTensor,
    weight: NDArray,
    bias: NDArray | None,
    name: str,
    *,
    stride: Sequence[int],
    padding: Sequence[int],
    output_padding: Sequence[int],
    dilation: Sequence[int],
    groups: int,
) -> SymbolicTensor:
    """Return the transposed convolution with ``weight`` (in, out / groups, ...): the gradient of a convolution."""
    weight = finite(weight, name)
    d = weight.ndim - 2
    if len(x.shape) != d + 2 or x.shape[1] != weight.shape[0] or weight.shape[0] % groups:
        raise NetworkError(
            f"{name}: a weight of shape {weight.shape} does not fit an input of shape {x.shape}"
        )
    kernel = weight.shape[2:]
    grid = tuple(
        (n - 1) * s - 2 * p + e * (k - 1) + o + 1
        for n, s, p, e, k, o in zip(
            x.shape[2:], stride, padding, dilation, kernel, output_padding, strict=True
        )
    )
    checked_size(grid, name)
    # As many windows as the input has places; output padding may leave room for more.
    cover = windows(grid, kernel, stride, [(p, p) for p in padding], dilation, name)
    cover = cover[tuple(slice(0, n) for n in x.shape[2:])]
    forward = _window_matrix(cover, weight.reshape(*weight.shape[:2], -1), math.prod(grid), groups)
    out = weight.shape[1] * groups
    offset = None if bias is None else np.repeat(finite(bias, name), math.prod(grid))
    return _for_each(x, forward.T, offset, (out, *grid), name)


def _for_each(
    x: SymbolicTensor, matrix: Any, offset: NDArray | None, shape: tuple[int, ...], name: str
) -> SymbolicTensor:
    """Return an affine map of each element of a batch, of the given shape each."""
    batch = x.shape[0]
    if batch != 1:
        checked_size((batch, matrix.nnz or 1), f"{name}: the matrix")
        matrix = sparse.kron(sparse.eye_array(batch), matrix, format="csr")
        offset = None if offset is None else np.tile(offset, batch)
    return x.affine(matrix, offset, (batch, *shape), name)


def _window_matrix(
    cover: NDArray[np.int64], weight: NDArray[np.float64], grid: int, groups: int
) -> Any:
    """Return the matrix of a convolution, (out * windows, in * grid), from the elements its windows cover."""
    out, inner, elements = weight.shape
    flat = cover.reshape(-1, cover.shape[-1])
    place, element = np.nonzero(flat >= 0)
    each = len(place) * inner
    checked_size((out, each) if each else (1,), "a convolution's matrix")
    # Rows of one output channel differ from those of another in their weights, and their group's columns.
    counts = np.bincount(place, minlength=len(flat))
    row, step = rows_and_steps(counts * inner)
    channel, nth = np.divmod(step, counts[row])
    at = (np.cumsum(counts) - counts)[row] + nth
    columns = channel * grid + flat[place, element][at]
    picked = channel * elements + element[at]
    group = np.arange(out) // (out // groups)
    index = np.int32 if max(out * each, inner * groups * grid) < 2**31 else np.int64
    columns, first = columns.astype(index), (group * inner * grid).astype(index)
    ends = np.cumsum(np.tile(counts * inner, out))
    matrix = sparse.csr_array(
        (
            np.take(weight.reshape(out, -1), picked, axis=1).ravel(),
            (first[:, None] + columns).ravel(),
            np.concatenate([np.zeros(1, index), ends.astype(index)]),
        ),
        shape=(out * len(flat), inner * groups * grid),
    )
    matrix.has_sorted_indices = matrix.has_canonical_format = True
    return matrix


def _groups(flat: NDArray[np.int64], images: int, grid: int) -> list[NDArray[np.int64]]:
    """Return the elements that each window covers, for each of so many images."""
    inside = flat >= 0
    ends = np.cumsum(inside.sum(axis=1))[:-1]
    one = flat[inside]
    return [part for c in range(images) for part in np.split(one + c * grid, ends)]


def average_pool(
    x: SymbolicTensor,
    cover: NDArray[np.int64],
    d: int,
    name: str,
    *,
    count_padding: bool,
    divisor: int | None = None,
) -> SymbolicTensor:
    """Return averages over windows of the last `d` axes; see `windows`."""
    lead, places = x.shape[: len(x.shape) - d], cover.shape[:-1]
    grid = math.prod(x.shape[len(lead) :])
    flat = cover.reshape(-1, cover.shape[-1])
    counted = (flat >= -1).sum(axis=1) if count_padding else (flat >= 0).sum(axis=1)
    if divisor is not None:
        counted = np.full(len(flat), divisor)
    groups = _groups(flat, math.prod(lead), grid)
    return average(x, groups, np.tile(counted, math.prod(lead)), (*lead, *places), name)


def adaptive_windows(shape: Sequence[int], sizes: Sequence[int], name: str) -> NDArray[np.int64]:
    """Return the windows of adaptive pooling: as many as `sizes` says, -2 where a window is shorter."""
    columns = []
    for n, size in zip(shape, sizes, strict=True):
        if size < 1:
            raise NetworkError(f"{name}: output sizes must be at least 1, found {list(sizes)}")
        begin = np.arange(size) * n // size
        end = -(-(np.arange(size) + 1) * n // size)
        column = begin[:, None] + np.arange((end - begin).max())
        columns.append(np.where(column < end[:, None], column, -2))
    found = np.full([len(c) for c in columns] + [math.prod(c.shape[1] for c in columns)], -2)
    for place in product(*(range(len(c)) for c in columns)):
        rows = [c[i] for c, i in zip(columns, place, strict=True)]
        mesh = np.meshgrid(*rows, indexing="ij")
        inside = np.all([m >= 0 for m in mesh], axis=0)
        cells = np.ravel_multi_index([np.maximum(m, 0) for m in mesh], tuple(shape))
        found[place] = np.where(inside, cells, -2).ravel()
    return found


def max_pool(x: SymbolicTensor, cover: NDArray[np.int64], d: int, name: str) -> SymbolicTensor:
    """Return the largest elements of windows of the last `d` axes; see `windows`."""
    lead, places = x.shape[: len(x.shape) - d], cover.shape[:-1]
    grid = math.prod(x.shape[len(lead) :])
    flat = cover.reshape(-1, cover.shape[-1])
    groups = _groups(flat, math.prod(lead), grid)
    if (flat < 0).all(axis=1).any():
        raise NetworkError(f"{name}: a window covers nothing but padding")
    return largest(x, groups, (*lead, *places), name)
