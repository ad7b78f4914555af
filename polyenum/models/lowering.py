"""From blocks to stages: each stage computes the blocks of one depth and carries what is needed later."""

from __future__ import annotations

import warnings

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from polyenum.errors import NetworkError
from polyenum.models.tensor import Block, SymbolicTensor
from polyenum.networks.activation import ActivationTable
from polyenum.networks.network import PiecewiseLinearNetwork, Stage
from polyenum.networks.weights import Weight

# A dense matrix of this many numbers takes a gigabyte.
MOST_DENSE = 2**27
# A map stays sparse if it has so many entries, of which at most one in so many is not 0.
SMALLEST_SPARSE, SPARSITY = 2**12, 8


def lower(output: SymbolicTensor, *, ignore_output_activation: bool) -> PiecewiseLinearNetwork:
    """Return the network whose outputs are the elements of a tensor.

    Parameters
    ----------
    output : SymbolicTensor
    ignore_output_activation : bool
        Whether a last activation that is not piecewise linear may have been left out.

    Raises
    ------
    NetworkError
        If the output does not depend on the input, or there is nothing to enumerate.
    """
    if output.dropped:
        if not ignore_output_activation:
            raise NetworkError(
                f"{output.dropped} is not piecewise linear; it is the last operation, so "
                "ignore_output_activation=True leaves it out"
            )
        warnings.warn(
            f"{output.dropped} is not piecewise linear: the network is taken without it",
            stacklevel=5,
        )
    blocks = _blocks(output)
    if not any(block.depth == 0 for block in blocks):
        raise NetworkError("the output does not depend on the input")
    depth = max(block.depth for block in blocks)
    needed = _last_use(blocks, output, depth + 1)
    # The coordinates after each stage: of each block these columns.
    state = {block: np.arange(block.size) for block in blocks if block.depth == 0}
    stages = []
    for d in range(1, depth + 1):
        new = [block for block in blocks if block.depth == d]
        carried = [block for block in state if needed[block] > d]
        stages.append(_stage(state, new, carried))
        state = {block: np.unique(_first_members(block)) for block in carried}
        state |= {block: np.arange(block.size) for block in new}
    if not _is_state(output, state):
        name = output.path[-1] if output.path else "output"
        stages.append(
            _affine_stage(state, [output], ActivationTable.identity(output.size), name, output.path)
        )
    return PiecewiseLinearNetwork(stages)


def _blocks(output: SymbolicTensor) -> list[Block]:
    """Return all blocks that a tensor depends on, the earliest in the model first."""
    found: dict[Block, None] = {}
    stack = [(block, False) for block in reversed(list(output.terms))]
    while stack:
        block, expanded = stack.pop()
        if block in found:
            continue
        if expanded:
            found[block] = None
        else:
            stack.append((block, True))
            if block.before is not None:
                stack += [(b, False) for b in reversed(list(block.before.terms)) if b not in found]
    return list(found)


def _last_use(blocks: list[Block], output: SymbolicTensor, end: int) -> dict[Block, int]:
    """Return the depth of the last block that each one is needed for."""
    used = {block: block.depth for block in blocks}
    for block in blocks:
        if block.before is not None:
            for term in block.before.terms:
                used[term] = max(used[term], block.depth)
    for term in output.terms:
        used[term] = end
    return used


def _first_members(block: Block) -> NDArray[np.int64]:
    """Return for each coordinate of a block the first member of its maximum; itself where it is in none."""
    itself = np.arange(block.size)
    groups = None if block.activation is None else block.activation.groups
    if groups is None:
        return itself
    begins = np.append(True, (groups[1:] != groups[:-1]) | (groups[1:] < 0))
    return np.maximum.accumulate(np.where(begins, itself, 0))


def _passed_on(block: Block) -> SymbolicTensor:
    """Return a block as later stages need it, with the members of each maximum added up.

    Whatever reads a maximum gives all its members one weight; so later the first one's column is the maximum's.
    """
    kept, row = np.unique(_first_members(block), return_inverse=True)
    add_up = sparse.csr_array((np.ones(block.size), (row, np.arange(block.size))))
    return SymbolicTensor((len(kept),), {block: add_up}, np.zeros(len(kept)))


def _stage(state: dict[Block, NDArray[np.int64]], new: list[Block], carried: list[Block]) -> Stage:
    tensors = [_passed_on(block) for block in carried]
    tables = [ActivationTable.identity(tensor.size) for tensor in tensors]
    tensors += [block.before for block in new if block.before is not None]
    tables += [block.activation for block in new if block.activation is not None]
    path = [step for block in new for step in [*block.folded, block.name]]
    return _affine_stage(state, tensors, ActivationTable.concatenate(tables), new[0].name, path)


def _affine_stage(
    state: dict[Block, NDArray[np.int64]],
    tensors: list[SymbolicTensor],
    table: ActivationTable,
    name: str,
    path: list[str],
) -> Stage:
    matrix = sparse.block_array(
        [[_columns(tensor, *held) for held in state.items()] for tensor in tensors], format="csr"
    )
    for tensor in tensors:
        tensor.check_finite(name)
    bias = np.concatenate([tensor.constant for tensor in tensors])
    return Stage(_compact(matrix, name), bias, table, name, tuple(dict.fromkeys(path)))


def _columns(tensor: SymbolicTensor, block: Block, columns: NDArray[np.int64]) -> sparse.csr_array:
    """Return how a tensor depends on some coordinates of a block."""
    if block not in tensor.terms:
        return sparse.csr_array((tensor.size, len(columns)))
    matrix = tensor.terms[block]
    return matrix if len(columns) == block.size else matrix[:, columns]


def _compact(matrix: sparse.csr_array, name: str) -> Weight:
    """Return a weight as it is cheapest to compute with."""
    rows, columns = matrix.shape
    matrix.eliminate_zeros()
    matrix.sort_indices()
    if rows * columns >= SMALLEST_SPARSE and matrix.nnz * SPARSITY <= rows * columns:
        return matrix
    if rows * columns > MOST_DENSE:
        raise NetworkError(f"{name}: a map of {rows:,} by {columns:,} numbers is too large to hold")
    return np.ascontiguousarray(matrix.toarray())


def _is_state(output: SymbolicTensor, state: dict[Block, NDArray[np.int64]]) -> bool:
    """Return whether a tensor is just the state's coordinates in their order, after at least one stage."""
    block = next(iter(state))
    if len(state) != 1 or not block.depth or np.any(output.constant):
        return False
    matrix = output.terms[block]
    return matrix.shape[0] == matrix.shape[1] == matrix.nnz and bool(np.all(matrix.diagonal() == 1))
