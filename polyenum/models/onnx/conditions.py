"""Comparisons of what depends on the input, and the operators that take what they say."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from polyenum.errors import NetworkError
from polyenum.models import masks
from polyenum.models.onnx.nodes import TO_NUMPY, Node
from polyenum.models.tensor import Mask


def comparison(*, turned: bool, negated: bool) -> Callable[..., Mask]:
    """Return the reader of a comparison: ``x > y``, or turned ``y > x``, or the opposite of either."""

    def read(node: Node, x: Any, y: Any) -> Mask:
        found = masks.greater(*((y, x) if turned else (x, y)), node.title)
        return masks.opposite(found) if negated else found

    return read


def with_masks(node: Node, inputs: Sequence[Any]) -> list[Any]:
    """Return the inputs of a node with numbers in place of conditions.

    Raises
    ------
    NetworkError
        If the model itself has not made numbers of a condition.
    """
    if any(isinstance(x, Mask) and not x.numeric for x in inputs):
        raise NetworkError(
            f"{node.title}: a condition that depends on the input is supported only in Where, Not, and Cast"
        )
    return [masks.as_numbers(x, node.title) if isinstance(x, Mask) else x for x in inputs]


def masked(node: Node, inputs: Sequence[Any]) -> Any:
    """Return the output of a node that takes conditions as they are; None of any other.

    A product with a condition is a choice between the other factor and 0.
    """
    x = inputs[0]
    if node.kind == "Not":
        return masks.opposite(x)
    if node.kind == "Cast" and node.get("to") in TO_NUMPY:
        node.result_type = TO_NUMPY[node.get("to")]
        return replace(x, numeric=True)
    if node.kind == "Where" and not any(isinstance(y, Mask) for y in inputs[1:]):
        return masks.choose(x, inputs[1], inputs[2], node.title)
    if node.kind == "Mul":
        factor, mask = inputs if isinstance(inputs[1], Mask) else inputs[::-1]
        if mask.numeric and not isinstance(factor, Mask):
            return masks.choose(mask, factor, np.zeros(()), node.title)
    return None
