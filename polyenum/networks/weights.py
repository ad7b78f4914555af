"""Weights of affine maps: dense arrays, or scipy's csr arrays where most entries are zero.

A convolution's matrix holds a few weights in each row of thousands of entries; all that computes with
weights goes through these functions, so that none of it is ever made dense.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from scipy.sparse import csr_array

Weight: TypeAlias = "NDArray[np.float64] | csr_array"


def is_sparse(weight: Weight) -> bool:
    """Return whether a weight is a csr array."""
    return not isinstance(weight, np.ndarray)


def rows_through(weight: Weight, rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return ``rows @ weight.T``, (..., outputs), for `rows` of shape (..., inputs)."""
    if isinstance(weight, np.ndarray):
        return rows @ weight.T
    product = weight @ rows.reshape(-1, rows.shape[-1]).T
    return np.ascontiguousarray(product.T).reshape(*rows.shape[:-1], weight.shape[0])


def columns_through(weight: Weight, columns: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return ``weight @ columns``, (..., outputs, k), for `columns` of shape (..., inputs, k)."""
    if isinstance(weight, np.ndarray):
        return weight @ columns
    return rows_through(weight, columns.swapaxes(-1, -2)).swapaxes(-1, -2)


def dense_rows(weight: Weight, at: Any = slice(None)) -> NDArray[np.float64]:
    """Return rows of a weight as a dense array (rows, inputs)."""
    rows = weight[at]
    return rows if isinstance(rows, np.ndarray) else rows.toarray()


def nonzeros(weight: Weight) -> NDArray[np.float64]:
    """Return the entries that are held: all of a dense weight, the nonzero ones of a sparse one."""
    return weight if isinstance(weight, np.ndarray) else weight.data


def inputs_read(weight: Weight, row: int) -> NDArray[np.int64]:
    """Return the inputs that a row reads: where its weights are not 0."""
    if isinstance(weight, np.ndarray):
        return np.flatnonzero(weight[row])
    return weight.indices[weight.indptr[row] : weight.indptr[row + 1]].astype(np.int64)


def largest_entries(weight: Weight) -> NDArray[np.float64]:
    """Return of each row the first of the entries of largest magnitude, 0 where all are 0: (outputs,)."""
    if isinstance(weight, np.ndarray):
        first = np.abs(weight).argmax(axis=1)
        return weight[np.arange(len(weight)), first]
    found = np.zeros(weight.shape[0])
    used = np.flatnonzero(np.diff(weight.indptr))
    if len(used):
        size = np.abs(weight.data)
        largest = np.maximum.reduceat(size, weight.indptr[used])
        row = np.repeat(np.arange(len(used)), np.diff(weight.indptr)[used])
        at = np.flatnonzero(size == largest[row])
        found[used] = weight.data[at[np.unique(row[at], return_index=True)[1]]]
    return found
