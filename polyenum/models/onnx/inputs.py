"""Which inputs and outputs of an ONNX graph are the network's, and their shapes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from polyenum.errors import NetworkError
from polyenum.models.choices import Chosen, positions, refuse_missing, shapes_by_name
from polyenum.models.tensor import SymbolicTensor, checked_size


def chosen_outputs(graph: Any, wanted: Chosen) -> list[str]:
    """Return the names of the outputs: all, or those wanted by name or position."""
    known = [o.name for o in graph.output]
    return [known[k] for k in positions(wanted, known, "outputs")]


def chosen_inputs(
    graph: Any,
    wanted: Chosen,
    nodes: Sequence[Any],
    ends: Sequence[str],
    path: Path,
) -> list[Any]:
    """Return the inputs: all that are no initializers, or those wanted, of which none needed may lack."""
    fixed = {t.name for t in graph.initializer}
    free = {i.name: i for i in graph.input if i.name not in fixed}
    if not free:
        raise NetworkError(f"{path}: the model has no input")
    known = list(free)
    names = [known[k] for k in positions(wanted, known, "inputs")]
    read = {name for node in nodes for name in node.input} | set(ends)
    missing = [name for name in free if name in read and name not in names]
    refuse_missing(wanted, missing, "which the outputs need")
    return [free[name] for name in names]


def input_tensors(
    inputs: Sequence[Any],
    wanted: Any,
    path: Path,
) -> dict[str, SymbolicTensor]:
    """Return a tensor for each input; their elements one after the other are the network's inputs."""
    given = shapes_by_name(wanted, [i.name for i in inputs])
    shapes = {i.name: _shape(i, given.get(i.name), path) for i in inputs}
    sizes = [checked_size(shape, f"the input {name!r}" if len(shapes) > 1 else "the input")
             for name, shape in shapes.items()]  # fmt: skip
    whole = SymbolicTensor.inputs((sum(sizes),))
    found, first = {}, 0
    for (name, shape), size in zip(shapes.items(), sizes, strict=True):
        taken = np.arange(first, first + size).reshape(shape)
        found[name] = whole.rearrange(lambda _, taken=taken: taken)  # type: ignore[misc]
        first += size
    return found


def _shape(value: Any, given: tuple[int, ...] | None, path: Path) -> tuple[int, ...]:
    from onnx import TensorProto

    kind = value.type.tensor_type
    if not value.type.HasField("tensor_type") and value.type.WhichOneof("value") is not None:
        raise NetworkError(f"{path}: the input {value.name!r} is no tensor")
    floats = (TensorProto.FLOAT, TensorProto.DOUBLE, TensorProto.FLOAT16, TensorProto.BFLOAT16)
    if kind.elem_type not in (*floats, TensorProto.UNDEFINED):
        kinds = TensorProto.DataType
        known = kind.elem_type in kinds.values()
        name = kinds.Name(kind.elem_type) if known else f"unknown ({kind.elem_type})"
        raise NetworkError(
            f"{path}: the input {value.name!r} holds {name} numbers; regions are those of real numbers, so it "
            "must be a float"
        )
    if not value.type.HasField("tensor_type") or not kind.HasField("shape"):
        if given is None:
            raise NetworkError(f"{path}: the input {value.name!r} has no shape; give input_shape=")
        return (1, *given)
    dims = [d.dim_value if d.HasField("dim_value") else 0 for d in kind.shape.dim]
    if given is not None:
        return _fitting(value, dims, given, path)
    # The batch: open, or as the file has it, which must be one.
    if dims and dims[0] <= 0:
        dims[0] = 1
    if any(d <= 0 for d in dims):
        raise NetworkError(
            f"{path}: the input {value.name!r} has shape {dims} with 0 where the file leaves it open; "
            "give input_shape=, without the batch axis"
        )
    if dims and dims[0] > 1 and math.prod(dims[1:]) > 1:
        raise NetworkError(
            f"{path}: the input {value.name!r} has shape {dims}; where that is a batch of {dims[0]}, give "
            f"input_shape={tuple(dims[1:])} for one of it; where all of it is one input, input_shape={tuple(dims)}"
        )
    return tuple(dims)


def _fitting(value: Any, dims: list[int], given: tuple[int, ...], path: Path) -> tuple[int, ...]:
    """Return the shape that the caller gives, with its batch axis, if it is one of those that a model takes.

    It is either one input without the batch axis, or all of what the file says.

    Raises
    ------
    NetworkError
        If it differs from the file's where the file leaves nothing open.
    """
    for whole, sizes in ((given, dims), ((1, *given), [0, *dims[1:]])):
        if len(whole) == len(dims) and all(
            d <= 0 or d == n for n, d in zip(whole, sizes, strict=True)
        ):
            return whole
    names = [d.dim_param or "?" for d in value.type.tensor_type.shape.dim]
    said = [str(d) if d > 0 else name for d, name in zip(dims, names, strict=True)]
    one, everything = (f"({', '.join(x)}{',' if len(x) == 1 else ''})" for x in (said[1:], said))
    numbers = ", with a number for each name or '?'" if any(d <= 0 for d in dims) else ""
    shorter = f"{one}, without the batch axis, or " if len(said) > 1 else ""
    raise NetworkError(
        f"{path}: the input {value.name!r} has shape {everything} in the model, which input_shape={given} does "
        f"not fit; give {shorter}{everything}{numbers}"
    )
