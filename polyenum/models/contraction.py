"""Sums of products of a tensor's elements and constants: Einstein sums and batched matrix products."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from polyenum.errors import NetworkError
from polyenum.models.tensor import SymbolicTensor, checked_size


def contract(
    x: SymbolicTensor,
    axes: Sequence[str],
    factor: NDArray[Any],
    factor_axes: Sequence[str],
    result_axes: Sequence[str],
    name: str,
) -> SymbolicTensor:
    """Return the sum of ``x * factor`` over all axes that the result does not have.

    Parameters
    ----------
    x : SymbolicTensor
    axes : (x.ndim,) str
        A letter for each axis of `x`; equal letters go along together.  An axis of length 1 goes along with any.
    factor : ndarray
    factor_axes, result_axes : sequence of str
        Likewise.
    name : str
    """
    lengths: dict[str, int] = {}
    for labels, shape in ((axes, x.shape), (factor_axes, factor.shape)):
        if len(labels) != len(shape):
            raise NetworkError(f"{name}: {len(labels)} axes are named for a shape {tuple(shape)}")
        for label, n in zip(labels, shape, strict=True):
            before = lengths.get(label, 1)
            if n not in (1, before) and before != 1:
                raise NetworkError(f"{name}: axes of length {before} and {n} do not fit")
            lengths[label] = max(before, n)
    order = list(lengths)
    shape = tuple(lengths[label] for label in result_axes)
    checked_size([lengths[label] for label in order], name)
    spread = [
        _along(labels, order, own) for labels, own in ((axes, x.shape), (factor_axes, factor.shape))
    ]
    every = tuple(lengths[label] for label in order)
    source = np.broadcast_to(spread[0], every).ravel()
    weight = np.ravel(factor)[np.broadcast_to(spread[1], every).ravel()]
    target = np.broadcast_to(_along(result_axes, order, shape), every).ravel()
    matrix = sparse.csr_array((weight, (target, source)), shape=(math.prod(shape), x.size))
    return x.affine(matrix, None, shape, name)


def _along(labels: Sequence[str], order: Sequence[str], shape: Sequence[int]) -> NDArray[np.int64]:
    """Return the numbers of the elements of an array with these axes, along all axes in `order`."""
    found = np.zeros([1] * len(order), np.int64)
    step = math.prod(shape)
    for label, n in zip(labels, shape, strict=True):
        step //= n
        line = [1] * len(order)
        line[order.index(label)] = n
        found = found + (np.arange(n) * step).reshape(line)
    return found


def einsum(x: Sequence[Any], equation: str, name: str) -> SymbolicTensor:
    """Return the Einstein sum of tensors of which one depends on the input.

    Raises
    ------
    NetworkError
        If several do, or the equation does not fit.
    """
    left, arrow, right = equation.replace(" ", "").partition("->")
    terms = left.split(",")
    if len(terms) != len(x):
        raise NetworkError(f"{name}: {equation!r} has {len(terms)} terms for {len(x)} inputs")
    variable = [k for k, y in enumerate(x) if isinstance(y, SymbolicTensor)]
    if len(variable) != 1:
        raise NetworkError(
            f"{name}: a product of two tensors that both depend on the input is not piecewise linear"
        )
    labels = [
        _letters(term, len(y.shape), equation, name) for term, y in zip(terms, x, strict=True)
    ]
    used = [a for term in labels for a in term]
    if arrow:
        dots = sorted({a for a in used if len(a) > 1}, reverse=True)
        result = [b for a in right.replace("...", ".") for b in (dots if a == "." else [a])]
    else:
        result = sorted({a for a in used if len(a) > 1}, reverse=True)
        result += sorted(a for a in set(used) if len(a) == 1 and used.count(a) == 1)
    if not set(result) <= set(used) or len(set(result)) < len(result):
        raise NetworkError(f"{name}: the result of {equation!r} has axes that it cannot have")
    at = variable[0]
    factor, factor_axes = np.ones(()), list[str]()
    for k, y in enumerate(x):
        if k != at:
            factor, factor_axes = _outer(factor, factor_axes, np.asarray(y), labels[k])
    return contract(x[at], labels[at], factor, factor_axes, result, name)


def _outer(
    a: NDArray[Any], a_axes: list[str], b: NDArray[Any], b_axes: list[str]
) -> tuple[NDArray[Any], list[str]]:
    """Return the product of two arrays over the axes of both, each axis once."""
    every = list(dict.fromkeys([*a_axes, *b_axes]))
    number = {label: k for k, label in enumerate(every)}
    product = np.einsum(
        a, [number[k] for k in a_axes], b, [number[k] for k in b_axes], list(range(len(every)))
    )
    return product, every


def _letters(term: str, rank: int, equation: str, name: str) -> list[str]:
    """Return a name for each axis; those of an ellipsis are numbered from the last."""
    before, dots, after = term.partition("...")
    if not (before + after).isalpha() and before + after:
        raise NetworkError(f"{name}: the equation {equation!r} is not understood")
    rest = rank - len(before) - len(after)
    if rest < 0 or (rest and not dots):
        raise NetworkError(f"{name}: {term!r} in {equation!r} does not fit a tensor of {rank} axes")
    return [*before, *(f".{k:03d}" for k in reversed(range(rest))), *after]
