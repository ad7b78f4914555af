"""Reading ONNX models: one reader per operator, in one table.

A reader is ``function(node, inputs)`` and returns the outputs' values; a new operator is a few lines.
Inputs are symbolic tensors or, where they do not depend on the network's input, NumPy arrays.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from polyenum.errors import NetworkError, missing_extra
from polyenum.networks.network import PiecewiseLinearNetwork
from polyenum.networks.reading import operators as op
from polyenum.networks.reading import pieces
from polyenum.networks.reading import windows as win
from polyenum.networks.reading.lowering import lower
from polyenum.networks.reading.tensor import SymbolicTensor, checked_size

# protobuf itself stops at 2 GB.
MOST_BYTES = 2**31


def load_onnx(
    path: Path,
    *,
    input_shape: Sequence[int] | None = None,
    ignore_output_activation: bool = False,
) -> PiecewiseLinearNetwork:
    """Return the network of an ONNX file.

    Nothing in the file is executed; tensors kept in files of their own must lie in the file's folder.

    Parameters
    ----------
    path : Path
    input_shape : sequence of int, optional
        Of one input, without the batch axis, where the file leaves it open.
    ignore_output_activation : bool
        Leave out a last operation that is not piecewise linear.

    Raises
    ------
    NetworkError
        If the file is damaged, or an operator is not supported; it is named.
    """
    try:
        import onnx
        from google.protobuf.message import DecodeError
    except ImportError:
        raise missing_extra("onnx", "onnx") from None
    if path.stat().st_size > MOST_BYTES:
        raise NetworkError(f"{path}: larger than ONNX files can be ({MOST_BYTES:,} bytes)")
    try:
        model = onnx.load_model(str(path), load_external_data=False)
    except (DecodeError, ValueError, RuntimeError) as error:
        raise NetworkError(f"{path}: not an ONNX model, or damaged ({error})") from None
    graph = model.graph
    if not graph.node and not graph.input:
        raise NetworkError(f"{path}: not an ONNX model, or damaged (it has no graph)")
    version = max((o.version for o in model.opset_import if o.domain in ("", "ai.onnx")), default=1)
    values: dict[str, Any] = {"": None}
    for tensor in graph.initializer:
        values[tensor.name] = tensor_numbers(tensor, path)
    if graph.sparse_initializer:
        raise NetworkError(f"{path}: sparse initializers are not supported")
    inputs = [i for i in graph.input if i.name not in values]
    if len(inputs) != 1:
        names = ", ".join(repr(i.name) for i in inputs)
        raise NetworkError(f"{path}: the model must have one input, found {len(inputs)}: {names}")
    if not graph.output:
        raise NetworkError(f"{path}: the model has no output")
    values[inputs[0].name] = SymbolicTensor.inputs(_input_shape(inputs[0], input_shape, path))
    for index, node in enumerate(graph.node):
        title = f"node {node.name or index} ({node.op_type})"
        for name in node.input:
            if name not in values:
                raise NetworkError(f"{title}: its input {name!r} is not computed before it")
        found = _evaluate(Node(node, title, version, path), [values[name] for name in node.input])
        values.update(zip(node.output, found, strict=False))
    name = graph.output[0].name
    if len(graph.output) > 1:
        names = ", ".join(repr(o.name) for o in graph.output)
        raise NetworkError(
            f"{path}: the model must have one output, found {len(graph.output)}: {names}"
        )
    if not isinstance(values.get(name), SymbolicTensor):
        raise NetworkError(f"{path}: the output {name!r} does not depend on the input")
    return lower(values[name], ignore_output_activation=ignore_output_activation)


class Node:
    """One node: its title for errors, its attributes by name, and the version of its operator set."""

    def __init__(self, node: Any, title: str, version: int, path: Path) -> None:
        import onnx

        self.kind, self.title, self.version, self.outputs = (
            node.op_type,
            title,
            version,
            len(node.output),
        )
        self.domain = node.domain
        self._attributes: dict[str, Any] = {}
        for a in node.attribute:
            if a.type == onnx.AttributeProto.TENSOR:
                self._attributes[a.name] = tensor_numbers(a.t, path)
            elif a.type in (onnx.AttributeProto.GRAPH, onnx.AttributeProto.GRAPHS):
                raise NetworkError(f"{title}: control flow is not supported")
            else:
                value = onnx.helper.get_attribute_value(a)
                self._attributes[a.name] = value.decode() if isinstance(value, bytes) else value

    def get(self, name: str, default: Any = None) -> Any:
        """Return an attribute, or the default."""
        return self._attributes.get(name, default)


def tensor_numbers(tensor: Any, path: Path) -> NDArray[Any]:
    """Return a tensor of the file at `path`: floats as float64, exactly.

    Raises
    ------
    NetworkError
        If it is damaged, too large, or its data lies outside the model's folder.
    """
    import onnx
    from onnx import numpy_helper

    title = f"tensor {tensor.name!r}"
    shape = list(tensor.dims)
    if math.prod(shape):
        checked_size(shape, title)
    if tensor.data_location == onnx.TensorProto.EXTERNAL:
        raw = _external(tensor, title, path)
        tensor = onnx.TensorProto.FromString(tensor.SerializeToString())
        del tensor.external_data[:]
        tensor.data_location = onnx.TensorProto.DEFAULT
        tensor.raw_data = raw
    try:
        array = numpy_helper.to_array(tensor)
    except (ValueError, TypeError, NotImplementedError, AttributeError, KeyError) as error:
        raise NetworkError(f"{title}: damaged ({error})") from None
    if array.dtype.kind in "biu":
        return np.array(array, np.int64)
    if array.dtype.kind == "f" or array.dtype.name == "bfloat16":
        return np.array(array, np.float64)
    raise NetworkError(f"{title}: numbers of type {array.dtype} are not supported")


def _external(tensor: Any, title: str, path: Path) -> bytes:
    """Return the bytes that a tensor keeps in a file of the model's folder."""
    where = {entry.key: entry.value for entry in tensor.external_data}
    folder = path.resolve().parent
    target = (folder / where.get("location", "")).resolve()
    if not target.is_relative_to(folder) or not target.is_file():
        raise NetworkError(
            f"{title}: its data is to be in {where.get('location')!r}, which is no file of the model's folder"
        )
    size = target.stat().st_size
    try:
        offset = int(where.get("offset", 0))
        length = int(where.get("length", size - offset))
    except ValueError:
        raise NetworkError(f"{title}: its place in {target.name!r} is damaged") from None
    if offset < 0 or length < 0 or offset + length > size:
        raise NetworkError(
            f"{title}: bytes {offset:,} to {offset + length:,} of {target.name!r}, which has {size:,}"
        )
    with target.open("rb") as file:
        file.seek(offset)
        return file.read(length)


def _input_shape(value: Any, wanted: Sequence[int] | None, path: Path) -> tuple[int, ...]:
    if not value.type.HasField("tensor_type") or not value.type.tensor_type.HasField("shape"):
        if wanted is None:
            raise NetworkError(f"{path}: the input {value.name!r} has no shape; give input_shape=")
        return (1, *wanted)
    dims = [d.dim_value if d.HasField("dim_value") else 0 for d in value.type.tensor_type.shape.dim]
    if wanted is not None:
        return (1, *wanted)
    # The batch: open, or as the file has it, which must be one.
    if dims and dims[0] <= 0:
        dims[0] = 1
    if any(d <= 0 for d in dims):
        raise NetworkError(
            f"{path}: the input {value.name!r} has shape {dims} with 0 where the file leaves it open; "
            "give input_shape=, without the batch axis"
        )
    if len(dims) > 1 and dims[0] > 1:
        raise NetworkError(
            f"{path}: the input {value.name!r} has shape {dims}, a batch of {dims[0]}; export it with a "
            "batch of 1, or give input_shape="
        )
    return tuple(dims)


def _evaluate(node: Node, inputs: list[Any]) -> list[Any]:
    if node.domain not in ("", "ai.onnx"):
        raise NetworkError(f"{node.title}: operators of {node.domain!r} are not supported")
    reader = _READERS.get(node.kind)
    if reader is None:
        tensor = next((x for x in inputs if isinstance(x, SymbolicTensor)), None)
        if node.kind.lower() in pieces.NOT_PIECEWISE_LINEAR and tensor is not None:
            tensor.check_usable(node.title)
            return [
                SymbolicTensor(
                    tensor.shape,
                    tensor.terms,
                    tensor.constant,
                    tensor.path,
                    tensor.rounded,
                    node.title,
                )
            ]
        raise NetworkError(
            f"{node.title} is not supported; known operators are {', '.join(sorted(_READERS))}"
        )
    try:
        found = reader(node, *inputs)
    except (TypeError, ValueError, IndexError, OverflowError, ZeroDivisionError) as error:
        raise NetworkError(f"{node.title}: {error}") from error
    return found if isinstance(found, list) else [found]


def _integers(x: Any, node: Node) -> list[int]:
    if not op.is_constant(x):
        raise NetworkError(f"{node.title}: shapes and indices must not depend on the input")
    return [int(n) for n in np.ravel(x)]


def _attribute_or_input(node: Node, name: str, inputs: Sequence[Any], at: int) -> list[int] | None:
    """Return integers that older versions keep in an attribute and newer ones in an input."""
    if len(inputs) > at and inputs[at] is not None:
        return _integers(inputs[at], node)
    found = node.get(name)
    return None if found is None else list(found)


def _gemm(node: Node, a: Any, b: Any, c: Any = None) -> Any:
    if node.get("transA", 0):
        a = op.rearrange(a, lambda x: x.T)
    if node.get("transB", 0):
        b = op.rearrange(b, lambda x: x.T)
    alpha, beta = float(node.get("alpha", 1.0)), float(node.get("beta", 1.0))
    if alpha != 1:
        a = op.multiply(a, np.asarray(alpha), node.title)
    found = op.matrix_product(a, b, node.title)
    if c is None:
        return found
    if beta != 1:
        c = op.multiply(c, np.asarray(beta), node.title)
    return op.add(found, c, node.title)


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


def _conv(node: Node, x: Any, weight: Any, bias: Any = None) -> Any:
    d = weight.ndim - 2
    stride = node.get("strides") or [1] * d
    dilation = node.get("dilations") or [1] * d
    pads = _pads(node, x.shape[2:], weight.shape[2:], stride, dilation)
    return win.convolution(
        x, weight, bias, node.title, stride=stride, padding=pads, dilation=dilation,
        groups=node.get("group", 1),
    )  # fmt: skip


def _conv_transpose(node: Node, x: Any, weight: Any, bias: Any = None) -> Any:
    d = weight.ndim - 2
    pads = node.get("pads") or [0] * (2 * d)
    if (
        pads[:d] != pads[d:]
        or node.get("auto_pad", "NOTSET") != "NOTSET"
        or node.get("output_shape")
    ):
        raise NetworkError(
            f"{node.title}: only equal pads before and after each axis are supported"
        )
    return win.transposed_convolution(
        x, weight, bias, node.title, stride=node.get("strides") or [1] * d, padding=pads[:d],
        output_padding=node.get("output_padding") or [0] * d, dilation=node.get("dilations") or [1] * d,
        groups=node.get("group", 1),
    )  # fmt: skip


def _pool(node: Node, x: Any) -> Any:
    if node.outputs > 1:
        raise NetworkError(f"{node.title}: the indices of a maximum are not piecewise linear")
    kernel = node.get("kernel_shape")
    d = len(kernel)
    stride, dilation = node.get("strides") or [1] * d, node.get("dilations") or [1] * d
    pads = _pads(node, x.shape[-d:], kernel, stride, dilation)
    cover = win.windows(
        x.shape[-d:],
        kernel,
        stride,
        pads,
        dilation,
        node.title,
        ceil=bool(node.get("ceil_mode", 0)),
    )
    if node.kind == "MaxPool":
        return win.max_pool(x, cover, d, node.title)
    counted = bool(node.get("count_include_pad", 0))
    return win.average_pool(x, cover, d, node.title, count_padding=counted)


def _global_pool(node: Node, x: Any) -> Any:
    axes = list(range(2, len(x.shape)))
    if node.kind == "GlobalMaxPool":
        return op.maximum_over(x, axes, node.title, keep=True)
    return op.total(x, axes, node.title, keep=True, mean=True)


def _batch_norm(node: Node, x: Any, scale: Any, bias: Any, mean: Any, var: Any) -> Any:
    if node.get("training_mode", 0) or node.outputs > 1:
        raise NetworkError(f"{node.title} is in training mode, where it depends on the batch")
    return op.normalise(node.title, x, mean, var, scale, bias, float(node.get("epsilon", 1e-5)))


def _activation(row: Any) -> Callable[..., Any]:
    return lambda node, x: op.activate(x, row, node.title)


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
    each = np.broadcast_to(np.asarray(slope), x.shape).ravel()
    return op.activate(x, [pieces.leaky(float(a)) for a in each], node.title)


def _clip(node: Node, x: Any, low: Any = None, high: Any = None) -> Any:
    low = node.get("min") if low is None else low
    high = node.get("max") if high is None else high
    return op.clip(x, low, high, node.title)


def _folded(sign: int) -> Callable[..., Any]:
    """Return the reader of Max or Min of any number of inputs."""

    def read(node: Node, *inputs: Any) -> Any:
        if len(inputs) == 1:
            return inputs[0]
        if len(inputs) == 2:
            return op.maximum(*inputs, node.title, sign=sign)
        shape = np.broadcast_shapes(
            *(np.shape(x) if op.is_constant(x) else x.shape for x in inputs)
        )
        parts = [op.rearrange(op.broadcast(x, shape), lambda a: a[None]) for x in inputs]
        return op.maximum_over(op.joined(parts, 0), [0], node.title, keep=False, sign=sign)

    return read


def _sum(node: Node, *inputs: Any) -> Any:
    found = inputs[0]
    for x in inputs[1:]:
        found = op.add(found, x, node.title)
    return found


def _divide(node: Node, x: Any, y: Any) -> Any:
    if (
        op.is_constant(x)
        and op.is_constant(y)
        and np.asarray(x).dtype.kind == np.asarray(y).dtype.kind == "i"
    ):
        return np.asarray(x) // np.asarray(y)
    return op.divide(x, y, node.title)


def _flatten(node: Node, x: Any) -> Any:
    axis = node.get("axis", 1)
    axis = axis + len(x.shape) if axis < 0 else axis
    return op.rearrange(x, lambda a: a.reshape(math.prod(a.shape[:axis]), -1))


def _reshape(node: Node, x: Any, shape: Any = None) -> Any:
    wanted = _attribute_or_input(node, "shape", [x, shape], 1) or []
    if not node.get("allowzero", 0):
        wanted = [x.shape[k] if n == 0 else n for k, n in enumerate(wanted)]
    return op.rearrange(x, lambda a: a.reshape(wanted))


def _transpose(node: Node, x: Any) -> Any:
    return op.rearrange(x, lambda a: a.transpose(node.get("perm")))


def _split(node: Node, x: Any, sizes: Any = None) -> list[Any]:
    axis = node.get("axis", 0)
    n = x.shape[axis]
    lengths = _attribute_or_input(node, "split", [x, sizes], 1)
    if lengths is None:
        step = -(-n // node.outputs)
        lengths = [min(step, n - k) for k in range(0, n, step)]
    return op.parts(x, np.cumsum(lengths).tolist(), axis)


def _slice(node: Node, x: Any, *inputs: Any) -> Any:
    given = [x, *inputs]
    starts = _attribute_or_input(node, "starts", given, 1) or []
    ends = _attribute_or_input(node, "ends", given, 2) or []
    axes = _attribute_or_input(node, "axes", given, 3) or list(range(len(starts)))
    steps = (
        _integers(given[4], node) if len(given) > 4 and given[4] is not None else [1] * len(starts)
    )
    index = [slice(None)] * len(x.shape)
    for begin, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        n = x.shape[axis]
        # ONNX clamps to the range; going down, "before the first" is None.
        index[axis] = slice(begin, None if step < 0 and end < -n else end, step)
    return op.rearrange(x, lambda a: a[tuple(index)])


def _pad(node: Node, x: Any, pads: Any = None, value: Any = None, axes: Any = None) -> Any:
    flat = _attribute_or_input(node, "pads", [x, pads], 1) or []
    d = len(flat) // 2
    on = list(range(d)) if axes is None else [a % len(x.shape) for a in _integers(axes, node)]
    pairs = [(0, 0)] * len(x.shape)
    for k, axis in enumerate(on):
        pairs[axis] = (flat[k], flat[d + k])
    filling = float(np.ravel(value)[0]) if value is not None else float(node.get("value", 0.0))
    return op.pad_axes(x, pairs, node.get("mode", "constant"), filling, node.title)


def _squeeze(node: Node, x: Any, axes: Any = None) -> Any:
    found = _attribute_or_input(node, "axes", [x, axes], 1)
    gone = [k for k, n in enumerate(x.shape) if n == 1] if found is None else found
    return op.rearrange(x, lambda a: np.squeeze(a, tuple(gone)))


def _unsqueeze(node: Node, x: Any, axes: Any = None) -> Any:
    found = _attribute_or_input(node, "axes", [x, axes], 1) or []
    return op.rearrange(x, lambda a: np.expand_dims(a, tuple(found)))


def _gather(node: Node, x: Any, at: Any) -> Any:
    _integers(at, node)
    return op.rearrange(x, lambda a: a.take(np.asarray(at, np.int64), axis=node.get("axis", 0)))


def _expand(node: Node, x: Any, shape: Any) -> Any:
    return op.broadcast(x, np.broadcast_shapes(x.shape, tuple(_integers(shape, node))))


def _tile(node: Node, x: Any, counts: Any) -> Any:
    many = _integers(counts, node)
    checked_size([n * k for n, k in zip(x.shape, many, strict=True)], node.title)
    return op.rearrange(x, lambda a: np.tile(a, many))


def _reduce(kind: str) -> Callable[..., Any]:
    def read(node: Node, x: Any, axes: Any = None) -> Any:
        found = _attribute_or_input(node, "axes", [x, axes], 1)
        on = list(range(len(x.shape))) if found is None else found
        keep = bool(node.get("keepdims", 1))
        if kind in ("sum", "mean"):
            return op.total(x, on, node.title, keep=keep, mean=kind == "mean")
        return op.maximum_over(x, on, node.title, keep=keep, sign=1 if kind == "max" else -1)

    return read


def _constant(node: Node) -> Any:
    for name in ("value", "value_float", "value_floats", "value_int", "value_ints"):
        if node.get(name) is not None:
            return np.asarray(node.get(name))
    raise NetworkError(f"{node.title}: this kind of constant is not supported")


def _constant_of_shape(node: Node, shape: Any) -> Any:
    wanted = _integers(shape, node)
    checked_size(wanted, node.title)
    value = node.get("value")
    return np.full(wanted, 0.0 if value is None else np.ravel(value)[0])


def _range(node: Node, start: Any, limit: Any, step: Any) -> Any:
    values = [np.ravel(x)[0] for x in (start, limit, step)]
    checked_size([max(1, int((values[1] - values[0]) / values[2]))], node.title)
    return np.arange(*values)


def _dropout(node: Node, x: Any, ratio: Any = None, training: Any = None) -> Any:
    if training is not None and np.any(training):
        raise NetworkError(f"{node.title} is in training mode, where it is random")
    return x


def _same(node: Node, x: Any, *others: Any) -> Any:
    return x


_READERS: dict[str, Callable[..., Any]] = {
    "Abs": _activation(pieces.ABS),
    "Add": lambda node, x, y: op.add(x, y, node.title),
    "AveragePool": _pool,
    "BatchNormalization": _batch_norm,
    "Cast": _same,
    "Clip": _clip,
    "Concat": lambda node, *parts: op.joined(parts, node.get("axis", 1)),
    "Constant": _constant,
    "ConstantOfShape": _constant_of_shape,
    "Conv": _conv,
    "ConvTranspose": _conv_transpose,
    "Div": _divide,
    "Dropout": _dropout,
    "Expand": _expand,
    "Flatten": _flatten,
    "Gather": _gather,
    "Gemm": _gemm,
    "GlobalAveragePool": _global_pool,
    "GlobalMaxPool": _global_pool,
    "HardSigmoid": _hard_sigmoid,
    "Identity": _same,
    "LeakyRelu": lambda node, x: op.activate(x, pieces.leaky(node.get("alpha", 0.01)), node.title),
    "MatMul": lambda node, x, y: op.matrix_product(x, y, node.title),
    "Max": _folded(1),
    "MaxPool": _pool,
    "Mean": lambda node, *xs: op.divide(_sum(node, *xs), np.asarray(float(len(xs))), node.title),
    "Min": _folded(-1),
    "Mul": lambda node, x, y: op.multiply(x, y, node.title),
    "Neg": lambda node, x: op.multiply(x, np.asarray(-1.0), node.title),
    "PRelu": _prelu,
    "Pad": _pad,
    "Range": _range,
    "ReduceMax": _reduce("max"),
    "ReduceMean": _reduce("mean"),
    "ReduceMin": _reduce("min"),
    "ReduceSum": _reduce("sum"),
    "Relu": _activation(pieces.RELU),
    "Reshape": _reshape,
    "Shape": lambda node, x: np.array(x.shape[node.get("start", 0) : node.get("end")], np.int64),
    "Shrink": _shrink,
    "Sign": _activation(pieces.SIGN),
    "Slice": _slice,
    "Split": _split,
    "Squeeze": _squeeze,
    "Sub": lambda node, x, y: op.add(x, y, node.title, sign=-1),
    "Sum": _sum,
    "ThresholdedRelu": _thresholded_relu,
    "Tile": _tile,
    "Transpose": _transpose,
    "Unsqueeze": _unsqueeze,
}
