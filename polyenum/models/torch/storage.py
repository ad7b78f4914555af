"""What is known of the memory that tensors of torch share.

Tensors of torch are views of storages: a slice and the tensor that it was taken from are one memory, and what is
written to one is seen by the other.  So it is a storage of which something is known, element by element, and a
tensor reads its own elements from there, as its offset and strides say.  Views need no reader then, and in-place
operations on views are like any others.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from polyenum.errors import NetworkError
from polyenum.models import operators as op
from polyenum.models.tensor import SymbolicTensor
from polyenum.models.torch.numbers import numbers


@dataclass(frozen=True)
class Refused:
    """Numbers that depend on the input, but are not a piecewise-linear function of it that could be read.

    They are an error only where the outputs need them.

    Attributes
    ----------
    reason : str
    """

    reason: str


Known = SymbolicTensor | Refused


@dataclass(eq=False)
class _Cell:
    """One storage: what its elements are, flat, and the storage itself, which keeps its address taken."""

    storage: Any
    dtype: Any
    value: Known


class Storages:
    """All storages that hold numbers that depend on the input."""

    def __init__(self) -> None:
        self._cells: dict[int, _Cell] = {}

    def holds(self, tensor: Any) -> bool:
        """Return whether the tensor's memory holds numbers that depend on the input."""
        return tensor.untyped_storage()._cdata in self._cells

    def read(self, tensor: Any) -> Known | None:
        """Return what is known of a tensor; None if nothing in its memory depends on the input."""
        cell = self._cells.get(tensor.untyped_storage()._cdata)
        if cell is None or not tensor.numel():
            return None
        if isinstance(cell.value, Refused):
            return cell.value
        if tensor.dtype != cell.dtype or cell.value.size != _length(tensor):
            return Refused(
                "a tensor's memory is read as numbers of another kind, which is not supported"
            )
        index = _elements(tensor)
        shape = tuple(tensor.shape)
        if index is None:
            return cell.value.reshaped(shape)
        return cell.value.rearrange(lambda a: a[index])

    def prepare(self, tensor: Any) -> None:
        """Take note of a constant tensor's memory, before something that depends on the input is written there."""
        if self.holds(tensor) or not tensor.numel():
            return
        import torch

        length = _length(tensor)
        flat = torch.as_strided(tensor.detach(), (length,), (1,), 0)
        values = numbers(flat, "a constant").astype(np.float64)
        # What was never written may be anything, and is not read.
        self._set(tensor, op.constant_tensor(np.where(np.isfinite(values), values, 0.0)))

    def write(self, tensor: Any, value: Known) -> None:
        """Set a tensor's elements."""
        if not tensor.numel():
            return
        cell = self._cells.get(tensor.untyped_storage()._cdata)
        index = _elements(tensor)
        if isinstance(value, Refused):
            self._set(tensor, value)
            return
        if value.size != tensor.numel():
            raise NetworkError(
                f"{value.shape} numbers were read for a tensor of shape {tuple(tensor.shape)}"
            )
        flat = value.reshaped((value.size,))
        if index is None:
            self._set(tensor, flat)
            return
        length = _length(tensor)
        if cell is None or cell.dtype != tensor.dtype:
            before: Known = op.constant_tensor(np.zeros(length))
        else:
            before = cell.value
        if isinstance(before, Refused):
            return
        order = np.arange(length)
        order[index.ravel()] = length + np.arange(value.size)
        self._set(tensor, op.rearrange(op.joined([before, flat], 0), lambda a: a[order]))

    def _set(self, tensor: Any, value: Known) -> None:
        storage = tensor.untyped_storage()
        self._cells[storage._cdata] = _Cell(storage, tensor.dtype, value)


def _length(tensor: Any) -> int:
    return int(tensor.untyped_storage().nbytes() // tensor.element_size())


def _elements(tensor: Any) -> NDArray[np.int64] | None:
    """Return which elements of its storage a tensor has, of its shape; None if all in their order."""
    if tensor.is_contiguous() and tensor.numel() == _length(tensor):
        return None
    found = np.full(tuple(tensor.shape), tensor.storage_offset(), np.int64)
    for axis, (n, step) in enumerate(zip(tensor.shape, tensor.stride(), strict=True)):
        spread = [1] * tensor.dim()
        spread[axis] = n
        found = found + (np.arange(n) * step).reshape(spread)
    return found
