"""ONNX layers: products, convolutions, pools, reductions and resizing, on symbolic tensors.

Each reader is ``function(node, *inputs)`` with the inputs in the newest form of the operator; those that may
not depend on the network's input are arrays of float64, int64 or bool.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from scipy import sparse

from polyenum.errors import NetworkError
from polyenum.models import activations as pieces
from polyenum.models import operators as op
from polyenum.models import windows as win
from polyenum.models.contraction import contract, einsum
from polyenum.models.onnx import reference as reference
from polyenum.models.onnx.nodes import Node
from polyenum.models.resizing import AxisPlan, Manner, resize
from polyenum.models.tensor import checked_size

# Trying each input of a linear operator costs one call of the reference each.
MOST_TRIALS, MOST_TRIED = 1024, 2**20
MOST_SAMPLES = 16


def matmul(node: Node, x: Any, y: Any) -> Any:
    """Return MatMul; a constant with several matrices meets the axes of the tensor as NumPy has it."""
    if op.is_constant(x) == op.is_constant(y):
        return op.matrix_product(x, y, node.title)
    constant = x if op.is_constant(x) else y
    if constant.ndim == 2 or (constant.ndim == 1 and constant is y):
        return op.matrix_product(x, y, node.title)
    axes = []
    for which, v in enumerate((x, y)):
        rank = len(v.shape)
        last = ["k"] if rank == 1 else (["i", "k"] if which == 0 else ["k", "j"])
        axes.append([*(f"{n}" for n in reversed(range(rank - len(last)))), *last])
    lead = max(axes, key=len)[: max(len(a) for a in axes) - 2]
    result = [*lead, *("i" for a in axes[0] if a == "i"), *("j" for a in axes[1] if a == "j")]
    if constant is x:
        return contract(y, axes[1], x, axes[0], result, node.title)
    return contract(x, axes[0], y, axes[1], result, node.title)


def gemm(node: Node, a: Any, b: Any, c: Any = None) -> Any:
    """Return ``alpha a b + beta c``, either factor transposed on request."""
    if len(a.shape) != 2 or len(b.shape) != 2:
        raise NetworkError(f"{node.title}: takes matrices, found shapes {a.shape} and {b.shape}")
    if node.get("transA", 0):
        a = op.rearrange(a, lambda x: x.T)
    if node.get("transB", 0):
        b = op.rearrange(b, lambda x: x.T)
    alpha, beta = float(node.get("alpha", 1.0)), float(node.get("beta", 1.0))
    if alpha != 1:
        a = op.multiply(a, np.asarray(alpha), node.title)
    found = op.matrix_product(a, b, node.title)
    if c is None or beta == 0:
        return found
    if beta != 1:
        c = op.multiply(c, np.asarray(beta), node.title)
    if op.common_shape(found, c, node.title) != tuple(found.shape):
        raise NetworkError(
            f"{node.title}: shape {c.shape} of C does not fit the product's {found.shape}"
        )
    return op.add(found, c, node.title)


def einstein(node: Node, *inputs: Any) -> Any:
    """Return Einsum, of which one input depends on the network's."""
    return einsum(inputs, node.get("equation", ""), node.title)


def _pads(node: Node, shape: Sequence[int], kernel: Sequence[int], stride: Sequence[int],
          dilation: Sequence[int]) -> list[tuple[int, int]]:  # fmt: skip
    d, auto = len(kernel), node.get("auto_pad", "NOTSET")
    if auto in ("SAME_UPPER", "SAME_LOWER"):
        pairs = []
        for n, k, s, e in zip(shape, kernel, stride, dilation, strict=True):
            whole = max(0, (-(-n // s) - 1) * s + e * (k - 1) + 1 - n)
            low = whole // 2 if auto == "SAME_UPPER" else whole - whole // 2
            pairs.append((low, whole - low))
        return pairs
    pads = node.get("pads") if auto == "NOTSET" else None
    flat = [int(p) for p in pads] if pads else [0] * (2 * d)
    return list(zip(flat[:d], flat[d:], strict=True))


def conv(node: Node, x: Any, weight: Any, bias: Any = None) -> Any:
    """Return Conv."""
    d = weight.ndim - 2
    stride = node.get("strides") or [1] * d
    dilation = node.get("dilations") or [1] * d
    pads = _pads(node, x.shape[2:], weight.shape[2:], stride, dilation)
    return win.convolution(
        x, weight, bias, node.title, stride=stride, padding=pads, dilation=dilation,
        groups=node.get("group", 1),
    )  # fmt: skip


def conv_transpose(node: Node, x: Any, weight: Any, bias: Any = None) -> Any:
    """Return ConvTranspose; its pads are taken away from what it gives without them."""
    d = weight.ndim - 2
    stride = node.get("strides") or [1] * d
    dilation = node.get("dilations") or [1] * d
    extra = list(node.get("output_padding") or [0] * d)
    reach = [
        s * (n - 1) + e * (k - 1) + 1
        for n, s, e, k in zip(x.shape[2:], stride, dilation, weight.shape[2:], strict=True)
    ]
    auto, wanted = node.get("auto_pad", "NOTSET"), node.get("output_shape")
    if wanted is None and auto in ("SAME_UPPER", "SAME_LOWER"):
        wanted = [n * s for n, s in zip(x.shape[2:], stride, strict=True)]
    if wanted is not None:
        whole = [r + e - n for r, e, n in zip(reach, extra, wanted[-d:], strict=True)]
        half = [w // 2 if auto == "SAME_UPPER" else w - w // 2 for w in whole]
        pads = [*half, *(w - h for w, h in zip(whole, half, strict=True))]
    else:
        pads = [0] * (2 * d) if auto == "VALID" else list(node.get("pads") or [0] * (2 * d))
    found = win.transposed_convolution(
        x, weight, bias, node.title, stride=stride, padding=[0] * d,
        output_padding=[0] * d, dilation=dilation, groups=node.get("group", 1),
    )  # fmt: skip
    if any(pads) or any(extra):
        # Places that output padding adds see no weight, only the bias.
        ends = [e - p for e, p in zip(extra, pads[d:], strict=True)]
        ways = [(0, 0), (0, 0), *((-p, e) for p, e in zip(pads[:d], ends, strict=True))]
        return _filled(found, ways, bias, node.title)
    return found


def _filled(x: Any, ways: list[tuple[int, int]], bias: Any, title: str) -> Any:
    """Return `x` with places taken away or added along each axis, the added ones filled with the bias."""
    found = op.pad_axes(x, ways, "constant", 0.0, title)
    if bias is None or all(a <= 0 and b <= 0 for a, b in ways):
        return found
    inside = op.pad_axes(op.constant_tensor(np.ones(x.shape)), ways, "constant", 0.0, title)
    shift = (1 - inside.constant.reshape(found.shape)) * np.reshape(
        bias, (1, -1, *[1] * (len(found.shape) - 2))
    )
    return op.add(found, shift, title)


def pool(node: Node, x: Any) -> Any:
    """Return MaxPool, AveragePool or, with ``p=1``, LpPool."""
    if node.outputs > 1:
        raise NetworkError(f"{node.title}: the indices of a maximum are not piecewise linear")
    kernel = node.get("kernel_shape")
    d = len(kernel)
    stride, dilation = node.get("strides") or [1] * d, node.get("dilations") or [1] * d
    pads = _pads(node, x.shape[-d:], kernel, stride, dilation)
    ceil = bool(node.get("ceil_mode", 0)) and node.get("auto_pad", "NOTSET") == "NOTSET"
    cover = win.windows(x.shape[-d:], kernel, stride, pads, dilation, node.title, ceil=ceil)
    if node.kind == "MaxPool":
        return win.max_pool(x, cover, d, node.title)
    if node.kind == "LpPool":
        _only_first_power(node, 2)
        size = op.activate(x, pieces.ABS, node.title)
        return win.average_pool(size, cover, d, node.title, count_padding=False, divisor=1)
    counted = bool(node.get("count_include_pad", 0))
    return win.average_pool(x, cover, d, node.title, count_padding=counted)


def global_pool(node: Node, x: Any) -> Any:
    """Return the pool over all places of each channel."""
    axes = list(range(2, len(x.shape)))
    if node.kind == "GlobalMaxPool":
        return op.maximum_over(x, axes, node.title, keep=True)
    if node.kind == "GlobalLpPool":
        _only_first_power(node, 2)
        size = op.activate(x, pieces.ABS, node.title)
        return op.total(size, axes, node.title, keep=True, mean=False)
    return op.total(x, axes, node.title, keep=True, mean=True)


def _only_first_power(node: Node, default: int) -> None:
    if node.get("p", default) != 1:
        raise NetworkError(
            f"{node.title}: with p={node.get('p', default)} it is not piecewise linear"
        )


def batch_norm(node: Node, x: Any, scale: Any, bias: Any, mean: Any, var: Any) -> Any:
    """Return BatchNormalization with the statistics given."""
    if node.get("training_mode", 0) or node.outputs > 1:
        raise NetworkError(f"{node.title} is in training mode, where it depends on the batch")
    if not node.get("spatial", 1):
        raise NetworkError(f"{node.title}: spatial=0 is not supported")
    return op.normalise(node.title, x, mean, var, scale, bias, float(node.get("epsilon", 1e-5)))


def reduce(kind: str) -> Callable[..., Any]:
    """Return the reader of a reduction."""

    def read(node: Node, x: Any, axes: Any = None) -> Any:
        on = [int(a) for a in np.ravel(axes)] if axes is not None else []
        rank = len(x.shape)
        if any(not -rank <= a < rank for a in on):
            raise NetworkError(f"{node.title}: axes {on} of a tensor with {rank} axes")
        keep = bool(node.get("keepdims", 1))
        if not on and node.get("noop_with_empty_axes", 0):
            # Nothing is summed up; what is done to each element remains.
            return op.activate(x, pieces.ABS, node.title) if kind == "size" else x
        on = on or list(range(rank))
        if kind == "size":
            x = op.activate(x, pieces.ABS, node.title)
        if kind in ("sum", "mean", "size"):
            return op.total(x, on, node.title, keep=keep, mean=kind == "mean")
        return op.maximum_over(x, on, node.title, keep=keep, sign=1 if kind == "max" else -1)

    return read


def cumulative_sum(node: Node, x: Any, axis: Any) -> Any:
    """Return CumSum along one axis."""
    k = int(np.ravel(axis)[0])
    rank = len(x.shape)
    if not -rank <= k < rank:
        raise NetworkError(f"{node.title}: axis {k} of a tensor with {rank} axes")
    n = x.shape[k]
    checked_size([x.size, n], node.title)
    summed = np.tril(np.ones((n, n)), -1 if node.get("exclusive", 0) else 0)
    if node.get("reverse", 0):
        summed = summed.T
    matrices = [summed if a == k % rank else sparse.eye_array(m) for a, m in enumerate(x.shape)]
    return op.interpolate(x, x.shape, matrices, node.title)


def col2im(node: Node, x: Any, image: Any, block: Any) -> Any:
    """Return Col2Im: each column of a block's elements is added up where its window lies."""
    d = len(np.ravel(block))
    grid, kernel = ([int(n) for n in np.ravel(a)] for a in (image, block))
    pads = node.get("pads") or [0] * (2 * d)
    cover = win.windows(
        grid, kernel, node.get("strides") or [1] * d, list(zip(pads[:d], pads[d:], strict=True)),
        node.get("dilations") or [1] * d, node.title,
    ).reshape(-1, math.prod(kernel))  # fmt: skip
    batch, channels = x.shape[0], x.shape[1] // math.prod(kernel)
    places = x.shape[2]
    if len(cover) != places or channels * math.prod(kernel) != x.shape[1]:
        raise NetworkError(
            f"{node.title}: shape {x.shape} does not fit {len(cover)} blocks of {kernel}"
        )
    place, element = np.nonzero(cover >= 0)
    one = sparse.csr_array(
        (np.ones(len(place)), (cover[place, element], element * places + place)),
        shape=(math.prod(grid), math.prod(kernel) * places),
    )
    whole = sparse.kron(sparse.eye_array(batch * channels), one, format="csr")
    return x.affine(whole, None, (batch, channels, *grid), node.title)


def resized(node: Node, x: Any, roi: Any = None, scales: Any = None, sizes: Any = None) -> Any:
    """Return Resize of operator set 11 and later."""
    rank = len(x.shape)
    axes = [a % rank for a in node.get("axes") or range(rank)]
    factors, lengths = [1.0] * rank, list(x.shape)
    if sizes is not None and np.size(sizes):
        wanted = [int(n) for n in np.ravel(sizes)]
        for a, n in zip(axes, wanted, strict=True):
            lengths[a], factors[a] = n, n / x.shape[a]
        policy = node.get("keep_aspect_ratio_policy", "stretch")
        if policy != "stretch":
            common = (min if policy == "not_larger" else max)(factors[a] for a in axes)
            for a in axes:
                lengths[a], factors[a] = int(common * x.shape[a] + 0.5), common
    elif scales is not None and np.size(scales):
        for a, s in zip(axes, np.ravel(scales).tolist(), strict=True):
            if not 0 < s < 2**20:
                raise NetworkError(f"{node.title}: scales must be positive, found {s}")
            lengths[a], factors[a] = int(s * x.shape[a]), s
    else:
        raise NetworkError(f"{node.title}: neither scales nor sizes are given")
    parts = [(0.0, 1.0)] * rank
    if roi is not None and np.size(roi):
        ends = np.ravel(roi).reshape(2, -1).T.tolist()
        for a, (begin, end) in zip(axes, ends, strict=True):
            parts[a] = (begin, end)
    plans = [AxisPlan(*p) for p in zip(x.shape, lengths, factors, parts, strict=True)]
    how = Manner(
        node.get("mode", "nearest"),
        node.get("coordinate_transformation_mode", "half_pixel"),
        node.get("nearest_mode", "round_prefer_floor"),
        float(node.get("cubic_coeff_a", -0.75)),
        bool(node.get("exclude_outside", 0)),
        bool(node.get("antialias", 0)),
        float(node.get("extrapolation_value", 0.0)),
    )
    return resize(x, plans, how, node.title)


def old_resized(node: Node, x: Any, scales: Any) -> Any:
    """Return Upsample, or Resize of operator set 10: places are counted from the corner."""
    plans = []
    for n, s in zip(x.shape, np.ravel(scales).tolist(), strict=True):
        if not 0 < s < 2**20:
            raise NetworkError(f"{node.title}: scales must be positive, found {s}")
        plans.append(AxisPlan(n, int(s * n), s))
    mode = {"bilinear": "linear"}.get(node.get("mode", "nearest"), node.get("mode", "nearest"))
    return resize(x, plans, Manner(mode, "asymmetric", "floor"), node.title)


def resized_of_any_version(node: Node, *inputs: Any) -> Any:
    """Return Resize."""
    return old_resized(node, *inputs) if node.version < 11 else resized(node, *inputs)


def tried(node: Node, x: Any, *others: Any) -> Any:
    """Return an operator that is linear in its first input: the reference is asked for each unit vector."""
    if x.size > MOST_TRIALS:
        raise NetworkError(
            f"{node.title}: it is read by trying each of its {x.size:,} inputs, and more than {MOST_TRIALS:,} "
            "take too long"
        )
    zero = reference.compute(node, [np.zeros(x.shape), *others])[0]
    if x.size * zero.size > MOST_TRIED:
        raise NetworkError(
            f"{node.title}: a map of {x.size:,} by {zero.size:,} numbers is too large to be tried"
        )
    columns = []
    for k in range(x.size):
        unit = np.zeros(x.size)
        unit[k] = 1.0
        columns.append(np.ravel(reference.run(node, [unit.reshape(x.shape), *others])[0]))
    matrix = sparse.csr_array(np.array(columns, np.float64).T - np.ravel(zero)[:, None])
    return x.affine(matrix, np.ravel(zero).astype(np.float64), zero.shape, node.title)


def only_average(node: Node, x: Any, *others: Any) -> Any:
    """Return RoiAlign, which is linear where it averages."""
    if node.get("mode", "avg") != "avg":
        raise NetworkError(f"{node.title}: mode={node.get('mode')!r} is not supported")
    if node.get("sampling_ratio", 0) > MOST_SAMPLES:
        raise NetworkError(f"{node.title}: sampling_ratio must be at most {MOST_SAMPLES}")
    return tried(node, x, *others)
