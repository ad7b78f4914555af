"""Nodes that are not as their operator's definition says are refused before anything is made of them.

Runtimes rely on it: one that is given a node without an input that it needs may end the process.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from polyenum.errors import NetworkError


def check_versions(model: Any, path: Path) -> None:
    """Raise where a model, or a function of it, is of an operator set that onnx does not know.

    Raises
    ------
    NetworkError
    """
    import onnx

    newest = onnx.defs.onnx_opset_version()
    for imports in (model.opset_import, *(f.opset_import for f in model.functions)):
        for o in imports:
            if o.domain in ("", "ai.onnx") and not 1 <= o.version <= newest:
                raise NetworkError(
                    f"{path}: is of operator set {o.version}; known are 1 to {newest} (a newer onnx may know more)"
                )


def check_node(proto: Any, version: int, title: str) -> None:
    """Raise unless a node of ONNX's own operators has the inputs and attributes that it may have.

    Raises
    ------
    NetworkError
        It says what is wrong.
    """
    import onnx

    try:
        schema = onnx.defs.get_schema(proto.op_type, version, "")
    except onnx.defs.SchemaError:
        raise NetworkError(f"{title}: operator set {version} has no such operator") from None
    count = len(proto.input)
    if not schema.min_input <= count <= schema.max_input:
        raise NetworkError(
            f"{title}: takes {schema.min_input} to {schema.max_input} inputs, found {count}"
        )
    optional = onnx.defs.OpSchema.FormalParameterOption.Optional
    for k, name in enumerate(proto.input):
        formal = schema.inputs[min(k, len(schema.inputs) - 1)]
        if not name and formal.option != optional:
            raise NetworkError(f"{title}: its input {formal.name!r} is missing")
    if not schema.min_output <= len(proto.output) <= schema.max_output:
        raise NetworkError(
            f"{title}: has {schema.min_output} to {schema.max_output} outputs, found {len(proto.output)}"
        )
    found = set()
    for a in proto.attribute:
        if a.name not in schema.attributes:
            raise NetworkError(f"{title}: has no attribute {a.name!r} in operator set {version}")
        if int(schema.attributes[a.name].type.value) != a.type:
            kinds = onnx.AttributeProto.AttributeType
            kind = kinds.Name(a.type) if a.type in kinds.values() else a.type
            raise NetworkError(f"{title}: its attribute {a.name!r} cannot be of type {kind}")
        found.add(a.name)
    for name, attribute in schema.attributes.items():
        if attribute.required and name not in found:
            raise NetworkError(f"{title}: its attribute {name!r} is missing")
