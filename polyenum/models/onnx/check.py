"""What an ONNX model itself computes, by onnxruntime where it is installed, else by ``onnx.reference``.

Only nodes that were read are computed, so nothing in a file runs that has not been understood first, and the
model is handed over with its tensors in it, so that no file is opened.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from polyenum.errors import NetworkError
from polyenum.interrupts import interrupts_put_off
from polyenum.models.onnx.functions import all_nodes, called_functions, with_own_numbers
from polyenum.models.onnx.nodes import Node

# Runtimes no longer keep to the rules of operator sets before this one.
OLDEST_RUN, CONVERTED_TO = 7, 13
# Constants that differ by no more units of roundoff of their largest number are the same; so many are looked at.
CONSTANT_UNITS, MOST_CONSTANTS = 32, 2**22
_UNITS = {"float64": 2.0**-53, "float32": 2.0**-24, "float16": 2.0**-11, "bfloat16": 2.0**-8}


def self_contained(
    model: Any,
    nodes: Sequence[Any],
    tensors: Mapping[str, NDArray[Any]],
    shapes: Mapping[str, tuple[int, ...]],
    ends: Sequence[str],
    path: Path,
) -> Any:
    """Return a model of some nodes of another, with all tensors in it and inputs of the shapes that were read.

    Parameters
    ----------
    model : ModelProto
    nodes : sequence of NodeProto
    tensors : dict of str to ndarray
        The initializers that the nodes use.
    shapes : dict of str to shape
        Of the inputs.
    ends : sequence of str
        The names of the outputs.
    path : Path
        Of the model; tensors of nodes, functions and branches may lie in files of its folder.

    Raises
    ------
    NetworkError
        If such a tensor lies elsewhere.
    """
    from onnx import TensorProto, helper, numpy_helper

    kinds = {i.name: i.type.tensor_type.elem_type or 1 for i in model.graph.input}
    inputs = [
        helper.make_tensor_value_info(n, kinds[n], list(shape)) for n, shape in shapes.items()
    ]
    # Not every runtime can hand over every kind of float.
    as_double = [f"{name} as float64" for name in ends]
    nodes = [with_own_numbers(node, path) for node in nodes]
    functions = called_functions(nodes, model.functions)
    nodes += [
        *(
            helper.make_node("Cast", [n], [d], to=TensorProto.DOUBLE)
            for n, d in zip(ends, as_double, strict=True)
        ),
    ]
    outputs = [helper.make_tensor_value_info(name, TensorProto.DOUBLE, None) for name in as_double]
    initializers = [numpy_helper.from_array(np.ascontiguousarray(x).reshape(x.shape), n)
                    for n, x in tensors.items()]  # fmt: skip
    graph = helper.make_graph(list(nodes), "read", inputs, outputs, initializers)
    return helper.make_model(
        graph,
        opset_imports=list(model.opset_import),
        functions=[with_own_numbers(f, path) for f in functions],
        ir_version=min(max(model.ir_version, 4), 10),
    )


def rounded_alike(
    model: Any,
    nodes: Sequence[Any],
    values: Mapping[str, Any],
    tensors: Mapping[str, NDArray[Any]],
    path: Path,
) -> dict[str, NDArray[Any]]:
    """Return the constants that a runtime computes a few units of roundoff beside those that were read.

    Functions like cosines are not rounded to the nearest number, and two ways to compute them differ.  Where they
    do by no more than that, what was read may take the runtime's place.

    Parameters
    ----------
    model : ModelProto
    nodes : sequence of NodeProto
        Those that depend on constants only.
    values : dict of str to ndarray
        What they give, as it was read.
    tensors : dict of str to ndarray
        The initializers that the model uses.
    path : Path
    """
    ours = {
        name: values[name]
        for node in nodes if node.op_type != "Constant"
        for name in node.output
        if name and isinstance(values.get(name), np.ndarray) and values[name].dtype.name in _UNITS
    }  # fmt: skip
    if not ours or sum(x.size for x in ours.values()) > MOST_CONSTANTS:
        return {}
    try:
        made = self_contained(model, nodes, tensors, {}, list(ours), path)
        theirs = evaluator(made, str(path))(np.zeros(0))
    except NetworkError:  # they are compared with all the rest then
        return {}
    if len(theirs) != sum(x.size for x in ours.values()):
        return {}
    found, first = {}, 0
    for name, x in ours.items():
        mine, other = np.ravel(x).astype(np.float64), theirs[first : first + x.size]
        first += x.size
        if not np.array_equal(mine, other) and np.isfinite(mine).all():
            bound = CONSTANT_UNITS * _UNITS[x.dtype.name] * np.abs(mine).max()
            if (np.abs(mine - other) <= bound).all():
                found[name] = x
    return found


def with_full_shapes(
    nodes: Sequence[Any], values: Mapping[str, Any], version: int, path: Path
) -> list[Any]:
    """Return nodes of an old operator set with operands that need none of its rules for broadcasting.

    Before operator set 7 an operand's axes go along those that `axis` says, and a PRelu's slopes along the
    channels, which `version_converter` leaves as it is.
    """
    from onnx import TensorProto, helper

    if version >= OLDEST_RUN:
        return list(nodes)
    found = []
    for k, node in enumerate(nodes):
        given: list[Any] = [values.get(name) for name in node.input]
        if len(given) == 2 and all(hasattr(x, "shape") for x in given):
            shape = Node(node, node.op_type, version, path).modern(given)[1].shape
            if shape != given[1].shape:
                name, wanted = f"operand of {k}", f"shape of the operand of {k}"
                node = _copy_without(node, ("axis", "broadcast"))
                numbers = helper.make_tensor(wanted, TensorProto.INT64, [len(shape)], shape)
                found.append(helper.make_node("Constant", [], [wanted], value=numbers))
                found.append(helper.make_node("Reshape", [node.input[1], wanted], [name]))
                node.input[1] = name
        found.append(node)
    return found


def _copy_without(node: Any, attributes: Sequence[str]) -> Any:
    copy = type(node)()
    copy.CopyFrom(node)
    kept = [a for a in copy.attribute if a.name not in attributes]
    del copy.attribute[:]
    copy.attribute.extend(kept)
    return copy


def evaluator(model: Any, name: str) -> Callable[[NDArray[np.float64]], NDArray[np.float64]]:
    """Return the function that computes a model's outputs, one after the other, from its inputs likewise.

    Parameters
    ----------
    model : ModelProto
        With inputs of known shapes; see `self_contained`.
    name : str
        For errors.
    """
    from onnx import helper

    cuts, first = [], 0
    for value in model.graph.input:
        kind = value.type.tensor_type
        shape = tuple(d.dim_value for d in kind.shape.dim)
        size = int(np.prod(shape, dtype=np.int64))
        numbers = helper.tensor_dtype_to_np_dtype(kind.elem_type)
        cuts.append((value.name, slice(first, first + size), shape, numbers))
        first += size
    run = _runner(model, name)

    def evaluate(x: NDArray[np.float64]) -> NDArray[np.float64]:
        feeds = {n: x[at].reshape(shape).astype(numbers) for n, at, shape, numbers in cuts}
        try:
            found = run(feeds)
        except Exception as error:  # whatever a runtime says
            raise _not_comparable(name, error) from None
        return np.concatenate([np.ravel(np.asarray(y)).astype(np.float64) for y in found])

    return evaluate


def unit_roundoff(model: Any, tensors: dict[str, NDArray[Any]]) -> float:
    """Return the unit roundoff of the least precise floats that a model computes with."""
    from onnx import TensorProto as Kinds

    units = {
        Kinds.DOUBLE: 2.0**-53,
        Kinds.FLOAT: 2.0**-24,
        Kinds.FLOAT16: 2.0**-11,
        Kinds.BFLOAT16: 2.0**-8,
    }
    found = [units.get(i.type.tensor_type.elem_type, 2.0**-24) for i in model.graph.input]
    found += [_UNITS[x.dtype.name] for x in tensors.values() if x.dtype.name in _UNITS]
    for nodes in (model.graph.node, *(f.node for f in model.functions)):
        for node in all_nodes(nodes):
            for a in node.attribute:
                if a.name == "to":
                    found.append(units.get(a.i, 2.0**-53))
                elif a.HasField("t"):
                    found.append(units.get(a.t.data_type, 2.0**-53))
    return max(found)


def _runner(model: Any, name: str) -> Callable[[dict[str, Any]], list[Any]]:
    """Return a function from named inputs to the outputs."""
    try:
        version = max(
            (o.version for o in model.opset_import if o.domain in ("", "ai.onnx")), default=1
        )
        if version < OLDEST_RUN:
            model = _converted(model)
        session = _session(model)
        if session is None:
            return _by_reference(model)
    except Exception as error:  # whatever a runtime says
        raise _not_comparable(name, error) from None
    reference: list[Callable[[dict[str, Any]], list[Any]]] = []

    def run(feeds: dict[str, Any]) -> list[Any]:
        if not reference:
            try:
                return list(session.run(None, feeds))
            except Exception:  # it takes models that it cannot run
                reference.append(_by_reference(model))
        return reference[0](feeds)

    return run


def _by_reference(model: Any) -> Callable[[dict[str, Any]], list[Any]]:
    """Return the function that runs a model by ``onnx.reference``."""
    from onnx.reference import ReferenceEvaluator
    from onnx.reference.op_run import OpRun

    # The reference's own looks at two axes, however many there are.
    class GlobalMaxPool(OpRun):  # type: ignore[misc]
        op_domain = ""

        def _run(self, x: Any) -> tuple[Any]:
            flat = np.sort(x.reshape(*x.shape[:2], -1), axis=-1)
            return (flat[..., -1].reshape(*x.shape[:2], *[1] * (x.ndim - 2)),)

    # Functions and branches are made by the class alone.
    class Reference(ReferenceEvaluator):  # type: ignore[misc]
        def __init__(self, *given: Any, **options: Any) -> None:
            super().__init__(*given, **{**options, "new_ops": [GlobalMaxPool]})

    made = Reference(model)

    def run(feeds: dict[str, Any]) -> list[Any]:
        with np.errstate(all="ignore"):
            return list(made.run(None, feeds))

    return run


def _converted(model: Any) -> Any:
    """Return a model of an old operator set as one of a newer."""
    from onnx import ModelProto, helper, shape_inference, version_converter

    old = ModelProto()
    old.CopyFrom(model)
    # The converter looks for shapes among the inputs.
    old.graph.input.extend(
        helper.make_tensor_value_info(t.name, t.data_type, list(t.dims))
        for t in old.graph.initializer
    )
    return version_converter.convert_version(shape_inference.infer_shapes(old), CONVERTED_TO)


def _session(model: Any) -> Any:
    """Return onnxruntime's session of a model; None where it is not installed, or lacks an operator."""
    try:
        from importlib import import_module

        with interrupts_put_off():
            onnxruntime = import_module("onnxruntime")
    except ImportError:
        return None
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 4
    try:
        return onnxruntime.InferenceSession(
            model.SerializeToString(),
            options,
            providers=["CPUExecutionProvider"],
            enable_fallback=0,  # which prints
        )
    except Exception:  # the reference knows all operators
        return None


def _not_comparable(name: str, error: Exception) -> NetworkError:
    reason = (
        str(error).strip().splitlines()[0][:200] if str(error).strip() else type(error).__name__
    )
    return NetworkError(
        f"{name}: what was read cannot be compared with the model itself ({reason}); check=False loads it without "
        "this comparison"
    )
