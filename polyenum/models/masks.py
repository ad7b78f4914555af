"""Conditions on tensors, as in ``where(x > 0, x, 0.1 * x)``.

Where both sides are multiples of what is compared, plus constants, that is an activation of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from polyenum.errors import NetworkError
from polyenum.models import operators as op
from polyenum.models.tensor import Block, Mask, Row, SymbolicTensor, exact_product, exact_sum

Numbers = NDArray[np.float64]


def greater(x: op.Value, y: op.Value, name: str) -> Mask:
    """Return where ``x > y``; at least one of them depends on the input."""
    shape = op.common_shape(x, y, name)
    if op.is_constant(x):
        # -y > -x
        x, y = op.scale(y, np.asarray(-1.0), name), 0.0 - np.asarray(x, np.float64)
    elif not op.is_constant(y):
        x, y = op.add(x, y, name, sign=-1), np.zeros(())
    return Mask(op.as_tensor(op.broadcast(x, shape)), np.broadcast_to(op.finite(y, name), shape))


def opposite(mask: Mask) -> Mask:
    """Return where a condition does not hold."""
    return replace(mask, negated=not mask.negated)


def as_numbers(mask: Mask, name: str) -> op.Value:
    """Return 1 where a condition holds, and 0 elsewhere."""
    return choose(mask, np.ones(()), np.zeros(()), name)


def choose(mask: Mask, yes: op.Value, no: op.Value, name: str) -> op.Value:
    """Return `yes` where a condition holds, and `no` elsewhere.

    Raises
    ------
    NetworkError
        If neither both of them, nor their difference, are multiples of what is compared plus constants.
    """
    shape = np.broadcast_shapes(mask.shape, yes.shape, no.shape)
    tensor = op.as_tensor(op.broadcast(mask.tensor, shape))
    bound = np.broadcast_to(mask.bound, shape).ravel()
    above, below = (_sides(x, shape, name) for x in ((no, yes) if mask.negated else (yes, no)))
    high, low = _multiple(above, tensor), _multiple(below, tensor)
    if high is not None and low is not None:
        return op.activate(tensor, _rows(bound, low, high), name)
    more = _multiple(op.as_tensor(op.add(above, below, name, sign=-1)), tensor)
    if more is None:
        raise NetworkError(
            f"{name}: a condition that depends on the input is read only where what it chooses from are multiples "
            "of what it compares, plus constants, or differ by that; of others no activation is known"
        )
    zero = np.zeros(len(bound))
    return op.add(below, op.activate(tensor, _rows(bound, (zero, zero), more), name), name)


def _sides(x: op.Value, shape: Sequence[int], name: str) -> SymbolicTensor:
    if op.is_constant(x):
        op.finite(x, name)
    found = op.as_tensor(op.broadcast(x, shape))
    found.check_usable(name)
    return found


def _rows(bound: Numbers, low: tuple[Numbers, Numbers], high: tuple[Numbers, Numbers]) -> list[Row]:
    """Return the activations of one slope and intercept up to a bound, and others above it."""
    # Layers repeat a few rows many times.
    numbers = list(map(tuple, np.array([bound, *low, *high]).T.tolist()))
    rows = {key: _row(*key) for key in set(numbers)}
    return [rows[key] for key in numbers]


def _row(bound: float, s: float, c: float, t: float, d: float) -> Row:
    if (s, c) == (t, d):
        return [], [s], c
    b = Fraction(bound)
    meet = Fraction(s) * b + Fraction(c) == Fraction(t) * b + Fraction(d)
    return [bound], [s, t], c if meet else [c, d]


def _multiple(value: SymbolicTensor, tensor: SymbolicTensor) -> tuple[Numbers, Numbers] | None:
    """Return ``s`` and ``c`` with ``value = s * tensor + c``, exactly and element by element, or None."""
    found = _directly(value, tensor)
    if found is not None or len(value.terms) != 1:
        return found
    # Where a product would be rounded, the factor is in front of a stage that is the tensor.
    ((block, matrix),) = value.terms.items()
    if not _passes_through(block) or (np.diff(matrix.indptr) > 1).any():
        return None
    assert block.before is not None
    full = np.diff(matrix.indptr) == 1
    taken, factor = np.zeros((2, value.size))
    taken[full], factor[full] = matrix.indices, matrix.data
    behind = block.before.rearrange(lambda a: a.ravel()[taken.astype(np.int64)])
    same = _directly(behind, tensor)
    if same is None or (np.abs(same[0]) != 1)[full].any() or same[1][full].any():
        return None
    return factor * same[0], value.constant


def _passes_through(block: Block) -> bool:
    table = block.activation
    return (
        block.before is not None
        and table is not None
        and not len(table.breakpoints)
        and bool((table.slopes == 1).all())
        and not table.starts.any()
        and table.groups is None
        and table.own_intercepts is None
    )


def _directly(value: SymbolicTensor, tensor: SymbolicTensor) -> tuple[Numbers, Numbers] | None:
    """Return what `_multiple` does, for tensors of the same blocks."""
    blocks = list(dict.fromkeys([*tensor.terms, *value.terms]))
    slopes = np.zeros(tensor.size)
    if blocks:
        ours, theirs = (
            sparse.hstack(
                [x.terms.get(b, sparse.csr_array((x.size, b.size))) for b in blocks], format="csr"
            )
            for x in (value, tensor)
        )
        theirs.eliminate_zeros()
        rows = np.flatnonzero(np.diff(theirs.indptr))
        first = theirs.indptr[rows]
        slopes[rows] = ours[rows, theirs.indices[first]] / theirs.data[first]
        diagonal = sparse.diags_array(slopes, format="csr")
        if not exact_product(diagonal, theirs) or (diagonal @ theirs - ours).data.any():
            return None
    else:
        diagonal = sparse.diags_array(slopes, format="csr")
    shift = slopes * tensor.constant
    rest = value.constant - shift
    exact = exact_product(diagonal, tensor.constant[:, None])
    return (slopes, rest) if exact and exact_sum(value.constant, -shift, rest) else None
