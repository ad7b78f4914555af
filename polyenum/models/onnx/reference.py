"""Single nodes computed by ``onnx.reference``: on constants, and on numbers of elements."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from polyenum.errors import NetworkError
from polyenum.models.onnx.file import is_small_number
from polyenum.models.onnx.nodes import Node
from polyenum.models.tensor import checked_size

# Their outputs can be larger than their inputs together, by what numbers in the file say.
_GROWING = {
    "BlackmanWindow", "ConstantOfShape", "Einsum", "Expand", "HammingWindow", "HannWindow", "MelWeightMatrix",
    "AffineGrid", "CenterCropPad", "DFT", "GridSample", "MaxUnpool", "OneHot", "Range", "RoiAlign", "Tile",
}  # fmt: skip
# Random, or they look at windows whose padding the file chooses, decode files, or run graphs; or, as LRN, the
# reference computes them wrongly.
_NEVER = {
    "Bernoulli", "ConvInteger", "DeformConv", "ImageDecoder", "LRN", "MaxRoiPool", "Multinomial",
    "QLinearConv", "RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike", "RegexFullMatch",
    "STFT", "SequenceMap", "StringConcat", "StringNormalizer", "StringSplit", "TfIdfVectorizer",
}  # fmt: skip
# They flatten their input before operator set 13, which the reference does not.
_FLATTENED_ONCE = {"Hardmax", "LogSoftmax", "Softmax"}


def compute(node: Node, inputs: Sequence[Any]) -> list[Any]:
    """Return the outputs of a node on arrays, in the numbers' own types.

    Raises
    ------
    NetworkError
        If the operator is random, unknown, or says no on these inputs; or if an output would be too large.
    """
    if node.kind in _NEVER or node.graphs:
        raise NetworkError(f"{node.title} is not supported on constants")
    if node.kind in _FLATTENED_ONCE and node.version < 13 and inputs[0].ndim > 2:
        raise NetworkError(
            f"{node.title} of operator set {node.version} is not supported on constants"
        )
    _check_outputs(node, inputs)
    return run(node, inputs)


def run(node: Node, inputs: Sequence[Any]) -> list[Any]:
    """Return the outputs of a node on arrays; their sizes must be known to be small."""
    import onnx
    from onnx.reference import ReferenceEvaluator

    proto, feeds = _call(node, inputs)
    version = onnx.defs.onnx_opset_version() if node.rewritten else node.version
    try:
        with np.errstate(all="ignore"):
            found = ReferenceEvaluator(proto, opsets={"": version}).run(None, feeds)
    # Its operators are written for whole models, and say no with any kind of error.
    except Exception as error:
        reason = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
        raise NetworkError(f"{node.title}: {reason}") from None
    arrays: list[Any] = []
    for x in found:
        array = np.asarray(x)
        if array.dtype.kind not in "biuf" and not is_small_number(array.dtype):
            raise NetworkError(f"{node.title}: a result of type {array.dtype} is not supported")
        arrays.append(array)
    return arrays


def _call(node: Node, inputs: Sequence[Any]) -> tuple[Any, dict[str, NDArray[Any]]]:
    """Return the node with names of its own, and its inputs by name."""
    from onnx import helper, numpy_helper

    names = ["" if x is None else f"i{k}" for k, x in enumerate(inputs)]
    made = helper.make_node(node.kind, names, [f"o{k}" for k in range(node.outputs)])
    for key, value in node.attributes.items():
        if isinstance(value, np.ndarray):
            value = numpy_helper.from_array(np.ascontiguousarray(value))
        if not (isinstance(value, list) and not value):
            made.attribute.append(helper.make_attribute(key, value))
    return made, {n: np.asarray(x) for n, x in zip(names, inputs, strict=True) if n}


def _check_outputs(node: Node, inputs: Sequence[Any]) -> None:
    """Raise if an output would be too large, before anything of its size is made."""
    if node.kind == "Range":
        start, limit, step = (np.ravel(x)[0] for x in inputs)
        if step == 0:
            raise NetworkError(f"{node.title}: its step is 0")
        checked_size([max(1, math.ceil((float(limit) - float(start)) / float(step)))], node.title)
        return
    if node.kind == "ConstantOfShape":
        checked_size([max(int(n), 1) for n in np.ravel(inputs[0])], node.title)
        return
    if node.kind == "Expand":
        wanted = tuple(int(n) for n in np.ravel(inputs[1]))
        checked_size(np.broadcast_shapes(np.shape(inputs[0]), wanted), node.title)
        return
    for shape in _shapes(node, inputs):
        if shape is not None:
            if 0 not in shape:
                checked_size(shape, node.title)
        elif node.kind in _GROWING:
            raise NetworkError(f"{node.title}: it is not known how large its result would be")


def _shapes(node: Node, inputs: Sequence[Any]) -> list[tuple[int, ...] | None]:
    """Return the shapes that ONNX infers for the outputs, None where it does not."""
    import onnx
    from onnx import helper, numpy_helper, shape_inference

    proto, feeds = _call(node, inputs)
    version = onnx.defs.onnx_opset_version() if node.rewritten else node.version
    try:
        types = {
            n: helper.make_tensor_type_proto(helper.np_dtype_to_tensor_dtype(x.dtype), x.shape)
            for n, x in feeds.items()
        }
        small = {n: numpy_helper.from_array(x) for n, x in feeds.items() if x.size <= 1024}
        found = shape_inference.infer_node_outputs(
            onnx.defs.get_schema(node.kind, version, ""), proto, types, small,
            opset_imports=[helper.make_opsetid("", version)],
        )  # fmt: skip
    except Exception:  # not inferred; whoever needs to know says so
        return [None] * node.outputs
    shapes: list[tuple[int, ...] | None] = []
    for name in proto.output:
        kind = found[name].tensor_type if name in found else None
        dims = kind.shape.dim if kind is not None and kind.HasField("shape") else None
        known = dims is not None and all(d.HasField("dim_value") for d in dims)
        shapes.append(tuple(d.dim_value for d in dims) if dims is not None and known else None)
    return shapes
