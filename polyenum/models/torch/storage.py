"""What is known of the memory that tensors of torch share.

Tensors of torch are views of storages: a slice and the tensor that it was taken from are one memory, and what is
written to one is seen by the other.  So it is a storage of which something is known, element by element, and a
tensor reads its own elements from there, as its offset and strides say.  Views need no reader then, and in-place
operations on views are like any others.
"""

from __future__ import annotations

from collections.abc import Sequence
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
    """One storage: what its elements are, flat, and the storage itself, which keeps its address taken.

    Where `refused` is not -1, an element cannot be read, for that one of `reasons`.
    """

    storage: Any
    dtype: Any
    value: SymbolicTensor
    refused: NDArray[np.int64]
    reasons: list[Refused]


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
        if tensor.dtype != cell.dtype or cell.value.size != _length(tensor):
            # Where all of it is refused, that is the reason.
            return cell.reasons[cell.refused[0]] if cell.refused.min() >= 0 else _OTHER_KIND
        index = _elements(tensor)
        refused = cell.refused if index is None else cell.refused[index].ravel()
        worst = int(refused.max())
        if worst >= 0:
            return cell.reasons[worst]
        shape = tuple(tensor.shape)
        if index is None:
            return cell.value.reshaped(shape)
        return cell.value.rearrange(lambda a: a[index])

    def prepare(self, tensor: Any) -> None:
        """Take note of a constant tensor's memory, before something that depends on the input is written there.

        What was never written may be anything; numbers that are not finite can be moved, and no more.
        """
        if self.holds(tensor) or not tensor.numel():
            return
        import torch

        flat = torch.as_strided(tensor.detach(), (_length(tensor),), (1,), 0)
        values = numbers(flat, "a constant").astype(np.float64)
        self._set(tensor, op.constant_tensor(values))

    def write(self, tensor: Any, value: Known) -> None:
        """Set a tensor's elements."""
        if not tensor.numel():
            return
        size, index = tensor.numel(), _elements(tensor)
        if isinstance(value, Refused):
            flat, reason = op.constant_tensor(np.zeros(size)), value
        else:
            if value.size != size:
                raise NetworkError(
                    f"{value.shape} numbers were read for a tensor of shape {tuple(tensor.shape)}"
                )
            flat, reason = value.reshaped((size,)), None
        if index is None:
            self._set(tensor, flat)
        else:
            length = _length(tensor)
            before = self._before(tensor, length)
            order = np.arange(length)
            order[index.ravel()] = length + np.arange(size)
            joined = op.joined([before.value, flat], 0)
            joined = op.rearrange(joined, lambda a: a[order])
            self._set(tensor, joined, before.refused, before.reasons)
        cell = self._cells[tensor.untyped_storage()._cdata]
        places = slice(None) if index is None else index.ravel()
        cell.refused[places] = -1 if reason is None else len(cell.reasons)
        cell.reasons += [] if reason is None else [reason]

    def _before(self, tensor: Any, length: int) -> _Cell:
        """Return what a tensor's memory held, of which a part is written now."""
        cell = self._cells.get(tensor.untyped_storage()._cdata)
        if cell is not None and cell.dtype == tensor.dtype and cell.value.size == length:
            return cell
        nothing = op.constant_tensor(np.zeros(length))
        unknown = np.zeros(length, np.int64)
        return _Cell(
            None, tensor.dtype, nothing, unknown, [_NEVER if cell is None else _OTHER_KIND]
        )

    def _set(
        self,
        tensor: Any,
        value: SymbolicTensor,
        refused: NDArray[np.int64] | None = None,
        reasons: Sequence[Refused] = (),
    ) -> None:
        storage = tensor.untyped_storage()
        refused = np.full(value.size, -1) if refused is None else refused.copy()
        self._cells[storage._cdata] = _Cell(storage, tensor.dtype, value, refused, list(reasons))


_OTHER_KIND = Refused(
    "a tensor's memory is read as numbers of another kind, which is not supported"
)
_NEVER = Refused("a tensor's memory is read where nothing was written")


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
