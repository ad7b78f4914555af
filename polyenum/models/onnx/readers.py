"""What is done with each ONNX operator: one table.

An entry says which inputs of the operator may depend on the network's input, and the function that reads it
then: ``function(node, *inputs)``.  Operators that only move elements are in `moves`.
"""

from __future__ import annotations

from collections.abc import Callable, Container
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from polyenum.errors import NetworkError
from polyenum.models import activations as pieces
from polyenum.models import operators as op
from polyenum.models.onnx import conditions as conditions
from polyenum.models.onnx import layers as layers
from polyenum.models.onnx import moves as moves
from polyenum.models.onnx import sequences as sequences
from polyenum.models.onnx.nodes import TO_NUMPY, Node

# However many there are.
ALL: Container[int] = range(2**63)
FIRST: Container[int] = (0,)


class Reader(NamedTuple):
    """How an operator is read.

    Attributes
    ----------
    variable : container of int
        Which of its inputs may depend on the network's.
    function : callable
    """

    variable: Container[int]
    function: Callable[..., Any]


def _activation(row: Any) -> Reader:
    return Reader(FIRST, lambda node, x: op.activate(x, row, node.title))


def _hard_sigmoid(node: Node, x: Any) -> Any:
    slope, middle = float(node.get("alpha", 0.2)), float(node.get("beta", 0.5))
    if slope <= 0:
        raise NetworkError(f"{node.title}: alpha must be positive, found {slope}")
    return op.activate(
        x, ([-middle / slope, (1 - middle) / slope], [0.0, slope, 0.0], 0.0), node.title
    )


def _shrink(node: Node, x: Any) -> Any:
    width, bias = float(node.get("lambd", 0.5)), float(node.get("bias", 0.0))
    return op.activate(x, pieces.shrink(width, bias, node.title), node.title)


def _thresholded_relu(node: Node, x: Any) -> Any:
    return op.activate(x, pieces.threshold(float(node.get("alpha", 1.0)), 0.0), node.title)


def _prelu(node: Node, x: Any, slope: Any) -> Any:
    if op.common_shape(x, slope, node.title) != tuple(x.shape):
        raise NetworkError(f"{node.title}: slopes of shape {slope.shape} do not fit {x.shape}")
    if slope.size == 1:
        return op.activate(x, pieces.leaky(float(slope.ravel()[0])), node.title)
    each = np.broadcast_to(slope, x.shape).ravel()
    return op.activate(x, [pieces.leaky(float(a)) for a in each], node.title)


def _clip(node: Node, x: Any, low: Any = None, high: Any = None) -> Any:
    bounds = [None if b is None or not np.size(b) else float(np.ravel(b)[0]) for b in (low, high)]
    if any(b is not None and np.isnan(b) for b in bounds):
        raise NetworkError(f"{node.title}: a bound is no number")
    a, b = (
        None if c is None or (np.isinf(c) and (c > 0) == bool(k)) else c
        for k, c in enumerate(bounds)
    )
    if a is not None and b is not None and a < b:
        return op.activate(x, pieces.clamp(a, b), node.title)
    return op.clip(x, a, b, node.title)


def _folded(sign: int) -> Callable[..., Any]:
    """Return the reader of Max or Min of any number of inputs."""

    def read(node: Node, *inputs: Any) -> Any:
        if len(inputs) == 1:
            return inputs[0]
        if len(inputs) == 2:
            return op.maximum(*inputs, node.title, sign=sign)
        shape = np.broadcast_shapes(*(x.shape for x in inputs))
        parts = [op.rearrange(op.broadcast(x, shape), lambda a: a[None]) for x in inputs]
        return op.maximum_over(op.joined(parts, 0), [0], node.title, keep=False, sign=sign)

    return read


def _sum(node: Node, *inputs: Any) -> Any:
    found = inputs[0]
    for x in inputs[1:]:
        found = op.add(found, x, node.title)
    return found


def _pad(node: Node, x: Any, pads: Any, value: Any = None, axes: Any = None) -> Any:
    flat = [int(p) for p in np.ravel(pads)]
    on = list(range(len(x.shape))) if axes is None else [int(a) for a in np.ravel(axes)]
    if len(flat) != 2 * len(on) or any(not -len(x.shape) <= a < len(x.shape) for a in on):
        raise NetworkError(f"{node.title}: {len(flat)} pads for the axes {on} of shape {x.shape}")
    pairs = [(0, 0)] * len(x.shape)
    for k, axis in enumerate(on):
        pairs[axis] = (flat[k], flat[len(on) + k])
    filling = float(np.ravel(value)[0]) if value is not None and np.size(value) else 0.0
    return op.pad_axes(x, pairs, node.get("mode", "constant"), filling, node.title)


def _cast(node: Node, x: Any, *_: Any) -> Any:
    """Return a cast between floats, which changes nothing but the precision.

    To integers it would cut off, at infinitely many places; to few bits it would round to few numbers.
    """
    from onnx import TensorProto as Kinds

    to = node.get("to")
    if isinstance(to, str):  # of operator sets below 6
        to = Kinds.DataType.Value(to) if to in Kinds.DataType.keys() else to  # noqa: SIM118
    if to not in TO_NUMPY:
        name = Kinds.DataType.Name(to) if to in Kinds.DataType.values() else to
        raise NetworkError(
            f"{node.title}: a cast to {name} of what depends on the input is not piecewise linear (it rounds)"
        )
    node.result_type = TO_NUMPY[to]
    # Another object, of another type.
    return replace(x)


def _cast_like(node: Node, x: Any, like: Any) -> Any:
    kind = node.types[1]
    if kind not in (*TO_NUMPY.values(), node.types[0]):
        raise NetworkError(
            f"{node.title}: a cast to {kind} of what depends on the input is not piecewise linear (it rounds)"
        )
    node.result_type = kind if kind in TO_NUMPY.values() else ""
    return replace(x)


def _dropout(node: Node, x: Any, ratio: Any = None, training: Any = None) -> Any:
    if node.version < 7:
        is_random = not node.get("is_test", 0)
    else:
        share = 0.5 if ratio is None or not np.size(ratio) else float(np.ravel(ratio)[0])
        is_random = training is not None and bool(np.any(training)) and share != 0
    if is_random:
        raise NetworkError(f"{node.title} is in training mode, where it is random")
    return [x, np.ones(x.shape, np.bool_)]


def _same(node: Node, x: Any, *_: Any) -> list[Any]:
    return [x]


READERS: dict[str, Reader] = {
    "Abs": _activation(pieces.ABS),
    "Add": Reader(ALL, lambda node, x, y: op.add(x, y, node.title)),
    "AffineGrid": Reader(FIRST, layers.tried),
    "AveragePool": Reader(FIRST, layers.pool),
    "BatchNormalization": Reader(FIRST, layers.batch_norm),
    "Cast": Reader(FIRST, _cast),
    "CastLike": Reader(ALL, _cast_like),
    "Clip": Reader(FIRST, _clip),
    "Col2Im": Reader(FIRST, layers.col2im),
    "ConcatFromSequence": Reader(ALL, sequences.concatenated),
    "Conv": Reader(FIRST, layers.conv),
    "ConvTranspose": Reader(FIRST, layers.conv_transpose),
    "CumSum": Reader(FIRST, layers.cumulative_sum),
    "Div": Reader(FIRST, lambda node, x, y: op.divide(x, y, node.title)),
    "Dropout": Reader(FIRST, _dropout),
    "Einsum": Reader(ALL, layers.einstein),
    "Gemm": Reader(ALL, layers.gemm),
    "GlobalAveragePool": Reader(FIRST, layers.global_pool),
    "GlobalLpPool": Reader(FIRST, layers.global_pool),
    "GlobalMaxPool": Reader(FIRST, layers.global_pool),
    "Greater": Reader(ALL, conditions.comparison(turned=False, negated=False)),
    "GreaterOrEqual": Reader(ALL, conditions.comparison(turned=True, negated=True)),
    "GridSample": Reader(FIRST, layers.tried),
    "HardSigmoid": Reader(FIRST, _hard_sigmoid),
    "Identity": Reader(ALL, _same),
    "LeakyRelu": Reader(
        FIRST, lambda node, x: op.activate(x, pieces.leaky(node.get("alpha", 0.01)), node.title)
    ),
    "Less": Reader(ALL, conditions.comparison(turned=True, negated=False)),
    "LessOrEqual": Reader(ALL, conditions.comparison(turned=False, negated=True)),
    "LpPool": Reader(FIRST, layers.pool),
    "MatMul": Reader(ALL, layers.matmul),
    "Max": Reader(ALL, _folded(1)),
    "MaxPool": Reader(FIRST, layers.pool),
    "MaxUnpool": Reader(FIRST, layers.tried),
    "Mean": Reader(
        ALL, lambda node, *xs: op.divide(_sum(node, *xs), np.asarray(float(len(xs))), node.title)
    ),
    "Min": Reader(ALL, _folded(-1)),
    "Mul": Reader(ALL, lambda node, x, y: op.multiply(x, y, node.title)),
    "Neg": Reader(FIRST, lambda node, x: op.multiply(x, np.asarray(-1.0), node.title)),
    "Optional": Reader(ALL, _same),
    "OptionalGetElement": Reader(ALL, _same),
    "PRelu": Reader(FIRST, _prelu),
    "Pad": Reader(FIRST, _pad),
    "ReduceL1": Reader(FIRST, layers.reduce("size")),
    "ReduceMax": Reader(FIRST, layers.reduce("max")),
    "ReduceMean": Reader(FIRST, layers.reduce("mean")),
    "ReduceMin": Reader(FIRST, layers.reduce("min")),
    "ReduceSum": Reader(FIRST, layers.reduce("sum")),
    "Relu": _activation(pieces.RELU),
    "Resize": Reader(FIRST, layers.resized_of_any_version),
    "RotaryEmbedding": Reader(FIRST, layers.tried),
    "RoiAlign": Reader(FIRST, layers.only_average),
    "SequenceAt": Reader(ALL, sequences.at),
    "SequenceConstruct": Reader(ALL, sequences.constructed),
    "SequenceErase": Reader(ALL, sequences.erased),
    "SequenceInsert": Reader(ALL, sequences.inserted),
    "SequenceLength": Reader(ALL, sequences.length),
    "Shrink": Reader(FIRST, _shrink),
    "Sign": _activation(pieces.SIGN),
    "SplitToSequence": Reader(FIRST, sequences.split),
    "Sub": Reader(ALL, lambda node, x, y: op.add(x, y, node.title, sign=-1)),
    "Sum": Reader(ALL, _sum),
    "ThresholdedRelu": Reader(FIRST, _thresholded_relu),
    "Upsample": Reader(FIRST, layers.old_resized),
    **{
        kind: Reader(at or ALL, moves.scatter if kind.startswith("Scatter") else moves.move_node)
        for kind, at in moves.MOVED.items()
    },
}

# What they return depends on the shape and type of these inputs only.
SHAPE_ONLY = {"Shape": 0, "Size": 0, "EyeLike": 0, "CastLike": 1}

# These have a piece for every integer, so infinitely many on the line.
ROUNDING = {"BitShift", "Ceil", "DynamicQuantizeLinear", "Floor", "Mod", "QuantizeLinear", "Round"}

# Left out on request as the very last operation, where what is left is what they are applied to.
NOT_PIECEWISE_LINEAR = {
    "Celu", "Cos", "Elu", "Erf", "Exp", "Gelu", "HardSwish", "Log", "LogSoftmax", "Mish", "Pow", "Selu",
    "Sigmoid", "Sin", "Softmax", "Softplus", "Softsign", "Sqrt", "Swish", "Tanh",
}  # fmt: skip

# Read by these readers also on constants: a file chooses how much they pad, or how large they make things; or
# the reference computes them wrongly.
OWN_ON_CONSTANTS = {
    "AveragePool", "Col2Im", "ConcatFromSequence", "Conv", "ConvTranspose", "Dropout", "GlobalLpPool",
    "GlobalMaxPool", "Identity", "LpPool", "MaxPool", "Optional", "OptionalGetElement", "Pad", "Resize",
    "SequenceAt", "SequenceConstruct", "SequenceErase", "SequenceInsert", "SequenceLength", "SplitToSequence",
    "Upsample",
}  # fmt: skip
