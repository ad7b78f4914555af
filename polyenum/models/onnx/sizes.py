"""Layers that are too large to hold are refused before any work, from the shapes that ONNX infers."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from polyenum.errors import NetworkError
from polyenum.models.tensor import MOST_ELEMENTS, SymbolicTensor

# Initializers up to this size may say shapes; the numbers of larger ones do not matter here.
_SMALL = 1024
# Of all results together, and of nodes in functions and branches.
MOST_SYMBOLIC_IN_ALL, MOST_CONSTANT_IN_ALL, MOST_NODES = 2**25, 2**27, 20_000


class Budget:
    """How large what is read may become in all, so that a small file cannot take long.

    Attributes
    ----------
    largest : int
        The elements of the largest tensor so far.
    """

    def __init__(self) -> None:
        self.largest, self._nodes, self._symbolic, self._constant = 0, 0, 0, 0

    def count_node(self, where: str) -> None:
        """Count a node of a function or branch.

        Raises
        ------
        NetworkError
            If there are too many.
        """
        self._nodes += 1
        if self._nodes > MOST_NODES:
            raise NetworkError(f"{where}its functions have more than {MOST_NODES:,} nodes in all")

    def count(self, found: Sequence[Any], title: str) -> None:
        """Count the results of a node.

        Raises
        ------
        NetworkError
            If all results together are too large.
        """
        for x in found:
            if not hasattr(x, "shape"):
                continue
            size = math.prod(x.shape)
            self.largest = max(self.largest, size)
            if isinstance(x, SymbolicTensor):
                self._symbolic += size
            else:
                self._constant += size
        for size, most, what in (
            (self._symbolic, MOST_SYMBOLIC_IN_ALL, "depends on the input"),
            (self._constant, MOST_CONSTANT_IN_ALL, "is computed of constants"),
        ):
            if size > most:
                raise NetworkError(
                    f"{title}: with it, what {what} has {size:,} elements in all tensors, more than {most:,}; "
                    "a smaller model would fit"
                )


def refuse_too_large(model: Any, nodes: Sequence[Any], shapes: Mapping[str, Sequence[int]]) -> None:
    """Raise if a layer's map would have more numbers that are not 0 than can be held.

    Where ONNX infers no shape nothing is refused here; the layer itself looks again.

    Raises
    ------
    NetworkError
        It names the layer.
    """
    known = _inferred(model, nodes, shapes)
    for index, node in enumerate(nodes):
        if node.op_type not in ("Conv", "ConvTranspose") or len(node.input) < 2:
            continue
        weight = known.get(node.input[1])
        grid = known.get(node.output[0] if node.op_type == "Conv" else node.input[0])
        if weight is None or not grid or 0 in weight:
            continue
        count = math.prod(grid[2:]) * math.prod(weight) * grid[0]
        if count > MOST_ELEMENTS:
            raise NetworkError(
                f"node {node.name or index} ({node.op_type}): as a map between all of its inputs and outputs it "
                f"would have {count:,} weights, more than {MOST_ELEMENTS:,}; a smaller image would fit"
            )


def _inferred(
    model: Any, nodes: Sequence[Any], shapes: Mapping[str, Sequence[int]]
) -> dict[str, tuple[int, ...]]:
    import onnx
    from onnx import helper

    sizes = {t.name: tuple(t.dims) for t in model.graph.initializer}
    known: dict[str, tuple[int, ...]] = {**sizes, **{k: tuple(v) for k, v in shapes.items()}}
    if not any(n.op_type in ("Conv", "ConvTranspose") for n in nodes):
        return known
    kinds = {t.name: t.data_type for t in model.graph.initializer}
    small = [t for t in model.graph.initializer if math.prod(t.dims) <= _SMALL]
    names = {t.name for t in small}
    inputs = [
        helper.make_tensor_value_info(name, kinds.get(name, onnx.TensorProto.FLOAT), list(shape))
        for name, shape in known.items()
        if name not in names
    ]
    graph = helper.make_graph(nodes, "shapes", inputs, list(model.graph.output)[:0], small)
    bare = helper.make_model(graph, opset_imports=list(model.opset_import))
    bare.ir_version = model.ir_version
    try:
        found = onnx.shape_inference.infer_shapes(bare, data_prop=True)
    except Exception:  # no shapes; the layers look themselves
        return known
    for value in found.graph.value_info:
        dims = value.type.tensor_type.shape.dim
        if value.type.tensor_type.HasField("shape") and all(d.HasField("dim_value") for d in dims):
            known[value.name] = tuple(d.dim_value for d in dims)
    return known
