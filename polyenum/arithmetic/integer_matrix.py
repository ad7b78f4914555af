"""Products of integer matrices: python-flint's where it is installed, else plain Python integers.

Measured for a (3, 64) by a (64, 64) matrix of 60-bit numbers: 0.13 ms with python-flint, conversions
included, 0.66 ms without.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from polyenum.ragged import rows_and_steps

try:
    from flint import fmpz_mat
except ImportError:
    fmpz_mat = None


class IntegerMatrix:
    """A matrix by which others are multiplied.

    Parameters
    ----------
    numbers : (n, m) object array of int
    """

    def __init__(self, numbers: NDArray[Any]) -> None:
        self._numbers = numbers
        self._fast = (
            None if fmpz_mat is None else fmpz_mat(*numbers.shape, numbers.ravel().tolist())
        )

    def after(self, left: NDArray[Any]) -> NDArray[Any]:
        """Return the product ``left @ numbers``, an object array of int.

        Parameters
        ----------
        left : (k, n) object array of int
        """
        shape = (len(left), self._numbers.shape[1])
        result = np.zeros(shape, object)
        if self._fast is not None:
            product = fmpz_mat(*left.shape, left.ravel().tolist()) * self._fast
            result.reshape(-1)[:] = [int(x) for x in product.entries()]
            return result
        busy = [i for i in range(left.shape[1]) if any(left[:, i])]
        return left[:, busy] @ self._numbers[busy] if busy else result


class SparseIntegers:
    """A matrix of which only the nonzero entries are held, in rows, with the methods of `IntegerMatrix`.

    Parameters
    ----------
    data : (nonzeros,) object array of int
    columns : (nonzeros,) int
    starts : (rows + 1,) int
        Where each row's entries begin.
    width : int
        The number of columns.
    """

    def __init__(
        self, data: NDArray[Any], columns: NDArray[Any], starts: NDArray[Any], width: int
    ) -> None:
        self.data, self.columns, self.starts = data, columns, starts.astype(np.int64)
        self.width = width

    def __abs__(self) -> SparseIntegers:
        return SparseIntegers(np.abs(self.data), self.columns, self.starts, self.width)

    def take(self, rows: NDArray[np.int64]) -> SparseIntegers:
        """Return the matrix of some of the rows."""
        counts = np.diff(self.starts)[rows]
        starts = np.concatenate([[0], np.cumsum(counts)])
        row, step = rows_and_steps(counts)
        entries = step + self.starts[rows][row]
        return SparseIntegers(self.data[entries], self.columns[entries], starts, self.width)

    def of_columns(self, read: NDArray[np.int64]) -> SparseIntegers:
        """Return the matrix of the columns `read` alone, increasing, which must hold all entries."""
        return SparseIntegers(
            self.data, np.searchsorted(read, self.columns), self.starts, len(read)
        )

    def after(self, left: NDArray[Any]) -> NDArray[Any]:
        """Return the product ``left @ matrix.T``, (k, rows) object array of int.

        Parameters
        ----------
        left : (k, columns) object array of int
        """
        result = np.zeros((len(left), len(self.starts) - 1), object)
        used = np.flatnonzero(np.diff(self.starts))
        if len(used):
            terms = left[:, self.columns] * self.data
            result[:, used] = np.add.reduceat(terms, self.starts[used], axis=1)
        return result
