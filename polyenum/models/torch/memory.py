"""Memory that torch does not have alone: another tensor, or NumPy, sees or changes it past all operators."""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Iterable
from typing import Any


def has_memory(tensor: Any) -> bool:
    """Return whether a tensor is a view of one storage; sparse ones and those of MKL-DNN are not."""
    try:
        tensor.untyped_storage()
    except (NotImplementedError, RuntimeError):
        return False
    return True


class Memory:
    """Where the numbers that depend on the input are, and which memory was handed out.

    Parameters
    ----------
    own : iterable of torch.Tensor
        Tensors that were there before; NumPy may have had their memory.
    arrays : iterable of numpy.ndarray
        Those that the module has. Where they are, NumPy still has it.
    """

    def __init__(self, own: Iterable[Any], arrays: Iterable[Any]) -> None:
        places = [(a.__array_interface__["data"][0], a.nbytes) for a in arrays]
        self._own = set()
        self._lent: dict[int, Any] = {}
        for storage in (t.untyped_storage() for t in own if has_memory(t)):
            self._own.add(storage._cdata)
            begin = storage.data_ptr()
            if any(begin < p + n and p < begin + storage.nbytes() for p, n in places):
                self._lent[storage._cdata] = storage
        self._begins: list[int] = []
        self._storages: dict[int, Any] = {}

    def note(self, tensor: Any) -> None:
        """Say that a tensor's memory holds numbers that depend on the input."""
        storage = tensor.untyped_storage()
        begin = storage.data_ptr()
        if begin and begin not in self._storages:
            insort(self._begins, begin)
        self._storages[begin] = storage

    def is_shared(self, tensor: Any) -> bool:
        """Return whether a tensor of another storage has its numbers where some depend on the input."""
        if not has_memory(tensor) or not self._begins:
            return False
        storage = tensor.untyped_storage()
        begin = storage.data_ptr()
        k = bisect_right(self._begins, begin) - 1
        if not begin or k < 0:
            return False
        known = self._storages[self._begins[k]]
        # The known storage may have moved since.
        inside = known.data_ptr() <= begin < known.data_ptr() + known.nbytes()
        return known._cdata != storage._cdata and inside

    def lend(self, tensor: Any) -> None:
        """Say that something besides torch has a tensor's memory."""
        if has_memory(tensor):
            storage = tensor.untyped_storage()
            self._lent[storage._cdata] = storage

    def is_lent(self, tensor: Any, *, before: bool) -> bool:
        """Return whether something besides torch has a tensor's memory; `before` we knew of it, maybe."""
        storage = tensor.untyped_storage()
        if storage._cdata in self._lent:
            return True
        # Torch lets no memory grow that it shares with NumPy.
        return before and not storage.resizable() and storage._cdata not in self._own
