"""Nodes of ONNX models, brought to the newest form of their operators.

Older operator sets keep in attributes what newer ones take as inputs, and have rules of their own for
broadcasting.  Here both are rewritten once, so that readers know one form only.
"""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from polyenum.errors import NetworkError
from polyenum.models import operators as op
from polyenum.models.onnx.file import tensor_numbers

# The floats to which what depends on the input may be cast, by their numbers in ONNX.
TO_NUMPY = {1: "float32", 10: "float16", 11: "float64"}

_REDUCTIONS = (
    "ReduceL1", "ReduceL2", "ReduceLogSum", "ReduceLogSumExp", "ReduceMax", "ReduceMean", "ReduceMin",
    "ReduceProd", "ReduceSum", "ReduceSumSquare",
)  # fmt: skip

# The attributes that are inputs today, and which.
_INPUTS_TODAY: dict[str, dict[str, int]] = {
    "Clip": {"min": 1, "max": 2},
    "DFT": {"axis": 2},
    "Pad": {"pads": 1, "paddings": 1, "value": 2},
    "Reshape": {"shape": 1},
    "Slice": {"starts": 1, "ends": 2, "axes": 3},
    "Split": {"split": 1},
    "Squeeze": {"axes": 1},
    "TopK": {"k": 1},
    "Unsqueeze": {"axes": 1},
    "Upsample": {"scales": 1},
    **{name: {"axes": 1} for name in _REDUCTIONS},
}

# Operators that broadcast by `broadcast` and `axis` before operator set 7.
_OLD_BROADCAST = {"Add", "And", "Div", "Equal", "Greater", "Less", "Mul", "Or", "Pow", "Sub", "Xor"}


class Node:
    """One node: its title for errors, its attributes by name, and the version of its operator set.

    Attributes
    ----------
    kind, domain, title : str
    version : int
    outputs : int
        How many outputs it names.
    rewritten : bool
        Whether attributes have become inputs.
    types : list of str
        The types of the inputs' numbers, "" of sequences and of what is missing.
    result_type : str
        The type of the outputs that depend on the network's input, "" where it is that of such an input.
    """

    def __init__(
        self, node: Any, title: str, version: int, path: Path, given: dict[str, Any] | None = None
    ) -> None:
        """Read a node; `given` are the attributes of the call, inside a function of the model."""
        import onnx

        self.kind, self.domain, self.title, self.version = (
            node.op_type, "" if node.domain == "ai.onnx" else node.domain, title, version,
        )  # fmt: skip
        self.outputs, self.rewritten = len(node.output), False
        self.types: list[str] = []
        self.result_type = ""
        self.graphs: dict[str, Any] = {}
        self._attributes: dict[str, Any] = {}
        kinds = onnx.AttributeProto
        for a in node.attribute:
            if a.ref_attr_name:
                if given is not None and a.ref_attr_name in given:
                    self._attributes[a.name] = given[a.ref_attr_name]
            elif a.type == kinds.TENSOR:
                self._attributes[a.name] = tensor_numbers(a.t, path)
            elif a.type == kinds.GRAPH:
                self.graphs[a.name] = a.g
            elif a.type in (
                kinds.FLOAT,
                kinds.INT,
                kinds.STRING,
                kinds.FLOATS,
                kinds.INTS,
                kinds.STRINGS,
            ):
                self._attributes[a.name] = _plain(onnx.helper.get_attribute_value(a))
            else:
                raise NetworkError(
                    f"{title}: its attribute {a.name!r} is of a kind that is not supported"
                )
        self._attributes.pop("consumed_inputs", None)

    def get(self, name: str, default: Any = None) -> Any:
        """Return an attribute, or the default."""
        return self._attributes.get(name, default)

    @property
    def attributes(self) -> dict[str, Any]:
        """All attributes by name, but graphs."""
        return self._attributes

    def renamed(self, kind: str) -> Node:
        """Return the same node as one of another operator, which does the same."""
        found = copy.copy(self)
        found.kind = kind
        return found

    def modern(self, inputs: list[Any]) -> list[Any]:
        """Return the inputs as the newest version of the operator takes them, and adapt the attributes."""
        found = list(inputs)
        if self.kind == "Upsample" and "height_scale" in self._attributes:
            scales = [
                1.0,
                1.0,
                self._attributes.pop("height_scale"),
                self._attributes.pop("width_scale"),
            ]
            self._attributes["scales"] = scales
        for name, at in _INPUTS_TODAY.get(self.kind, {}).items():
            if name in self._attributes and not (len(found) > at and found[at] is not None):
                found += [None] * (at + 1 - len(found))
                found[at] = np.asarray(self._attributes.pop(name))
                self.rewritten = True
        if self.kind == "Tile" and len(found) == 3:
            found = [found[0], _tiles(found, self.title)]
        if self.version < 7 and self.kind in _OLD_BROADCAST and len(found) == 2:
            found[1] = self._old_operand(*found)
        if self.version < 7 and self.kind == "PRelu" and len(found) == 2 and np.ndim(found[1]) == 1:
            found[1] = np.reshape(found[1], (-1, *[1] * (len(np.shape(found[0])) - 2)))
        return found

    def _old_operand(self, x: Any, y: Any) -> Any:
        """Return the second operand as it must be for NumPy's broadcasting to do what versions below 7 say."""
        shape, own = x.shape, y.shape
        axis = self._attributes.pop("axis", None)
        if not self._attributes.pop("broadcast", 0):
            if shape != own:
                raise NetworkError(
                    f"{self.title}: shapes {shape} and {own} differ, and broadcast=1 is not set, which "
                    f"operator set {self.version} needs"
                )
            return y
        if np.prod(own, dtype=np.int64) == 1:
            return op.rearrange(y, lambda a: a.reshape(()))
        start = len(shape) - len(own) if axis is None else axis
        start += len(shape) if start < 0 and axis is not None else 0
        if start < 0 or shape[start : start + len(own)] != own:
            raise NetworkError(
                f"{self.title}: shape {own} is no part of {shape} that begins at axis {start}, as broadcast=1 "
                f"means in operator set {self.version}"
            )
        rest = len(shape) - start - len(own)
        return op.rearrange(y, lambda a: a.reshape(*own, *[1] * rest))


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    if isinstance(value, (str, int, float)):
        return value
    return [_plain(x) for x in value]


def _tiles(inputs: list[Any], title: str) -> NDArray[np.int64]:
    """Return the repeats of an old Tile, which takes one count and one axis."""
    counts = np.ones(len(inputs[0].shape), np.int64)
    counts[int(np.ravel(inputs[2])[0])] = int(np.ravel(inputs[1])[0])
    return counts
