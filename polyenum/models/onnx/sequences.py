"""ONNX's sequences of tensors: Python lists, since their lengths are known while a model is read."""

from __future__ import annotations

from typing import Any

import numpy as np

from polyenum.errors import NetworkError
from polyenum.models import operators as op
from polyenum.models.onnx.nodes import Node


def constructed(node: Node, *tensors: Any) -> list[list[Any]]:
    """Return the sequence of some tensors."""
    return [list(tensors)]


def at(node: Node, sequence: Any, position: Any) -> Any:
    """Return one element."""
    return [_checked(sequence, node)[_place(node, position, len(sequence))]]


def inserted(node: Node, sequence: Any, tensor: Any, position: Any = None) -> list[list[Any]]:
    """Return a sequence with one element more, at its end where no position is given."""
    found = list(_checked(sequence, node))
    place = len(found) if position is None else _place(node, position, len(found) + 1)
    return [[*found[:place], tensor, *found[place:]]]


def erased(node: Node, sequence: Any, position: Any = None) -> list[list[Any]]:
    """Return a sequence with one element less, the last where no position is given."""
    found = list(_checked(sequence, node))
    del found[_place(node, -1 if position is None else position, len(found))]
    return [found]


def length(node: Node, sequence: Any) -> Any:
    """Return how many elements there are."""
    return [np.asarray(len(_checked(sequence, node)), np.int64)]


def split(node: Node, x: Any, lengths: Any = None) -> list[list[Any]]:
    """Return the parts of a tensor along an axis."""
    axis = node.get("axis", 0)
    n = x.shape[axis]
    if lengths is None:
        ends = list(range(1, n + 1))
    elif np.ndim(lengths) == 0:
        step = int(lengths)
        if step < 1:
            raise NetworkError(f"{node.title}: parts must have at least one element, found {step}")
        ends = [min(k + step, n) for k in range(0, n, step)]
    else:
        ends = np.cumsum(np.ravel(lengths)).tolist()
        if ends[-1] != n or min(np.ravel(lengths)) < 1:
            raise NetworkError(
                f"{node.title}: parts {np.ravel(lengths).tolist()} of an axis of length {n}"
            )
    found = op.parts(x, ends, axis)
    if lengths is None and not node.get("keepdims", 1):
        found = [op.rearrange(part, lambda a: np.squeeze(a, axis)) for part in found]
    return [found]


def concatenated(node: Node, sequence: Any) -> Any:
    """Return the elements of a sequence as one tensor."""
    found = _checked(sequence, node)
    axis = node.get("axis", 0)
    if node.get("new_axis", 0):
        found = [op.rearrange(x, lambda a: np.expand_dims(a, axis)) for x in found]
    return [op.joined(found, axis)]


def _checked(sequence: Any, node: Node) -> list[Any]:
    if not isinstance(sequence, list):
        raise NetworkError(f"{node.title}: takes a sequence, found a tensor")
    return sequence


def _place(node: Node, position: Any, count: int) -> int:
    if not op.is_constant(position):
        raise NetworkError(f"{node.title}: the position must not depend on the input")
    k = int(np.ravel(position)[0])
    if not -count <= k < count:
        raise NetworkError(f"{node.title}: position {k} in a sequence of {count}")
    return k % count
