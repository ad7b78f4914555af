"""ONNX operators that only move elements: what they do is seen by moving the elements' numbers.

``onnx.reference`` applies the operator to arrays of numbers, from 1 up, of all elements that may appear in
the result; where it fills in something of its own there is a 0.  So one reader serves all of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from polyenum.errors import NetworkError
from polyenum.models import operators as op
from polyenum.models.onnx import reference as reference
from polyenum.models.onnx.nodes import Node
from polyenum.models.tensor import MOST_SYMBOLIC, SymbolicTensor, checked_size

# The inputs whose elements are moved; () stands for all of them.
MOVED: dict[str, tuple[int, ...]] = {
    "CenterCropPad": (0,),
    "Compress": (0,),
    "Concat": (),
    "DepthToSpace": (0,),
    "Expand": (0,),
    "Flatten": (0,),
    "Gather": (0,),
    "GatherElements": (0,),
    "GatherND": (0,),
    "OneHot": (2,),
    "Reshape": (0,),
    "ReverseSequence": (0,),
    "Scatter": (0, 2),
    "ScatterElements": (0, 2),
    "ScatterND": (0, 2),
    "Slice": (0,),
    "SpaceToDepth": (0,),
    "Split": (0,),
    "Squeeze": (0,),
    "TensorScatter": (0, 1),
    "Tile": (0,),
    "Transpose": (0,),
    "Trilu": (0,),
    "Unsqueeze": (0,),
    "Where": (1, 2),
}


def move_node(node: Node, *inputs: Any) -> list[Any]:
    """Return `move`, as readers are called."""
    return move(node, inputs)


def move(node: Node, inputs: Sequence[Any]) -> list[Any]:
    """Return the outputs of a node that moves elements of its inputs `MOVED`; the others are constant."""
    at = MOVED[node.kind] or tuple(range(len(inputs)))
    if node.kind == "Scatter":
        node = node.renamed("ScatterElements")
    numbered = list(inputs)
    first = 1
    for k in at:
        if k < len(inputs) and inputs[k] is not None:
            size = int(inputs[k].size)
            numbered[k] = np.arange(first, first + size).reshape(inputs[k].shape)
            first += size
    _check_growth(node, numbered)
    _check_indices(node, numbered)
    taken = reference.run(node, numbered)
    if len(at) == 1 and all((numbers > 0).all() for numbers in taken):
        return [_select(op.as_tensor(inputs[at[0]]), numbers - 1) for numbers in taken]
    whole = _all_elements([inputs[k] for k in at if k < len(inputs) and inputs[k] is not None])
    return [_select(whole, numbers) for numbers in taken]


def scatter(node: Node, *inputs: Any) -> Any:
    """Return ScatterElements or ScatterND, also those that add to what is there or keep the largest.

    Raises
    ------
    NetworkError
        If they multiply.
    """
    how = node.get("reduction", "none")
    if how in ("none", None):
        return move(node, inputs)
    if how not in ("add", "max", "min"):
        raise NetworkError(f"{node.title}: reduction={how!r} is not piecewise linear")
    _check_indices(node, inputs)
    data, updates = op.as_tensor(inputs[0]), op.as_tensor(inputs[2])
    indices: NDArray[Any] = inputs[1]
    places = np.arange(data.size).reshape(data.shape)
    if node.kind == "ScatterND":
        index = np.where(indices < 0, indices + np.array(data.shape[: indices.shape[-1]]), indices)
        to = places[tuple(index[..., k] for k in range(index.shape[-1]))].ravel()
    else:
        axis = node.get("axis", 0) % len(data.shape)
        grid = list(np.indices(indices.shape))
        grid[axis] = np.where(indices < 0, indices + data.shape[axis], indices)
        to = places[tuple(grid)].ravel()
    if to.size != updates.size:
        raise NetworkError(f"{node.title}: {updates.size} updates for {to.size} indices")
    both = _all_elements([data, updates], zero=False)
    if how == "add":
        one = sparse.eye_array(data.size, format="csr")
        target = sparse.csr_array(
            (np.ones(to.size), (to, np.arange(to.size))), shape=(data.size, to.size)
        )
        return both.affine(sparse.hstack([one, target], format="csr"), None, data.shape, node.title)
    order = np.argsort(to, kind="stable")
    ends = np.searchsorted(to[order], np.arange(data.size), side="right")
    groups = [
        np.append(k, data.size + order[begin:end])
        for k, (begin, end) in enumerate(zip([0, *ends[:-1]], ends, strict=True))
    ]
    return op.largest(both, groups, data.shape, node.title, sign=1 if how == "max" else -1)


def _check_growth(node: Node, inputs: Sequence[Any]) -> None:
    """Raise before a result is made that would be too large."""
    if node.kind == "Expand":
        wanted = [int(n) for n in np.ravel(inputs[1])]
        checked_size(
            np.broadcast_shapes(inputs[0].shape, tuple(wanted)), node.title, most=MOST_SYMBOLIC
        )
    elif node.kind == "Tile":
        many = np.ravel(inputs[1]).tolist()
        checked_size(
            [n * k for n, k in zip(inputs[0].shape, many, strict=True)],
            node.title,
            most=MOST_SYMBOLIC,
        )
    elif node.kind == "OneHot":
        checked_size(
            [*inputs[0].shape, int(np.ravel(inputs[1])[0])], node.title, most=MOST_SYMBOLIC
        )
    elif node.kind == "CenterCropPad":
        checked_size([max(1, int(n)) for n in np.ravel(inputs[1])], node.title, most=MOST_SYMBOLIC)
    elif node.kind in ("Gather", "GatherND"):
        checked_size(
            [inputs[0].size // max(1, inputs[0].shape[0]), inputs[1].size],
            node.title,
            most=MOST_SYMBOLIC,
        )
    elif node.kind == "Where":
        checked_size(
            np.broadcast_shapes(*(x.shape for x in inputs)), node.title, most=MOST_SYMBOLIC
        )


def _check_indices(node: Node, inputs: Sequence[Any]) -> None:
    """Raise where an index lies outside of its axis, which the reference would bring inside."""
    if node.kind in ("GatherND", "ScatterND"):
        first = node.get("batch_dims", 0) if node.kind == "GatherND" else 0
        lengths = np.array(inputs[0].shape[first : first + inputs[1].shape[-1]])
    elif node.kind in ("Gather", "GatherElements", "ScatterElements"):
        lengths = np.array(inputs[0].shape[node.get("axis", 0)])
    else:
        return
    index = inputs[1]
    if index.dtype.kind not in "iu" or ((index < -lengths) | (index >= lengths)).any():
        raise NetworkError(
            f"{node.title}: its indices must be integers of axes of length {lengths.tolist()}"
        )


def _all_elements(values: Sequence[Any], *, zero: bool = True) -> SymbolicTensor:
    """Return all elements of tensors and arrays in one row, after a 0 if `zero`."""
    flat = [op.rearrange(op.as_tensor(x), np.ravel) for x in values if x.size]
    start = [op.constant_tensor(np.zeros(1))] if zero else []
    return op.as_tensor(op.joined([*start, *flat], 0))


def _select(whole: SymbolicTensor, numbers: NDArray[Any]) -> Any:
    """Return some elements; none at all depend on nothing."""
    taken = np.asarray(numbers, np.int64)
    if not taken.size:
        return np.zeros(taken.shape)
    return whole.rearrange(lambda _: taken)
