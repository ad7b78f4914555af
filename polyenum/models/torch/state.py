"""A module of torch, run without a trace: what runs it here leaves it as it was.

What a module refers to is gone through, as far as it is data: modules, objects' attributes, containers in
containers, tensors, arrays and generators of random numbers.  Each is remembered once, and set back where it
changed.  No method that a user wrote is called for it: objects and containers are read as Python holds them.
"""

from __future__ import annotations

import random
import sys
import types
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

# These hold no numbers of a module's own, or are shared by all of a program.
_NO_DATA = (
    type, types.ModuleType, types.FunctionType, types.BuiltinFunctionType, types.CodeType, types.FrameType,
    types.GeneratorType, types.CoroutineType, str, bytes, int, float, complex, type(None), range,
)  # fmt: skip

_WAYS = (types.GetSetDescriptorType, types.MemberDescriptorType)
_PLAIN = frozenset({str, bytes, int, float, bool, complex, type(None)})
# Python's own objects, as loggers, threads and files, belong to all of a program; these are plain ones.
_NOT_FOLLOWED = sys.stdlib_module_names - {"argparse", "collections", "types"}


@contextmanager
def undisturbed(module: Any, *, training: bool = False) -> Iterator[None]:
    """Run a module in eval mode without gradients, and set it back to what it was.

    What a forward may change is restored: the modes of all its modules; their attributes and those of the objects
    that they refer to, and of the objects that these refer to; what is in lists, dicts, sets and queues, however
    deep; the numbers in tensors and arrays; and the states of random numbers, of torch, NumPy and Python.

    What a forward keeps elsewhere is not: in global variables, attributes of classes, variables of functions,
    iterators and files, and in the attributes of a TorchScript module, which Python does not hold.

    Parameters
    ----------
    module : torch.nn.Module
    training : bool
        Leave the modes as they are.
    """
    import torch

    saved = _Saved(module)
    devices = range(torch.cuda.device_count()) if torch.cuda.is_initialized() else []
    chance, arrays_chance = random.getstate(), np.random.get_state()  # noqa: NPY002
    with torch.random.fork_rng(devices), torch.inference_mode(False), torch.no_grad():
        try:
            if not training:
                for m in module.modules():
                    m.training = False
            yield
        finally:
            saved.restore()
            random.setstate(chance)
            np.random.set_state(arrays_chance)  # noqa: NPY002


class _Saved:
    """What a module refers to, directly or not, and how each of it is set back."""

    def __init__(self, module: Any) -> None:
        import torch

        # Objects are kept, so that no other gets the address of one.
        self._seen: dict[int, Any] = {}
        self._back: list[Callable[[], None]] = []
        self._waiting: list[Any] = []
        for m in module.modules():
            if isinstance(m, torch.jit.ScriptModule):
                # It keeps its attributes in C++, where its forward cannot add any.
                self._back.append(_set_training(m, m.training))
                self._waiting += [*m.parameters(recurse=False), *m.buffers(recurse=False)]
                self._seen[id(m)] = m
            else:
                self._waiting.append(m)
        while self._waiting:
            x = self._waiting.pop()
            if issubclass(type(x), _NO_DATA) or id(x) in self._seen:
                continue
            self._seen[id(x)] = x
            self._save(x)

    def restore(self) -> None:
        """Set all of it back."""
        for back in self._back:
            back()

    def _save(self, x: Any) -> None:
        import torch

        kind = type(x)
        if isinstance(x, torch.Tensor):
            if not torch.nn.parameter.is_lazy(x) and not x.is_meta:
                self._back.append(_tensor_back(x))
        elif isinstance(x, np.ndarray):
            if x.dtype.hasobject:
                self._waiting += [*np.ravel(np.asarray(x))]
            self._back.append(_array_back(x))
        elif issubclass(kind, dict):
            self._container(x, OrderedDict if issubclass(kind, OrderedDict) else dict)
        elif issubclass(kind, (list, set, deque)):
            self._container(x, next(k for k in (list, set, deque) if issubclass(kind, k)))
        elif issubclass(kind, (tuple, frozenset)):
            self._waiting += [*(tuple if issubclass(kind, tuple) else frozenset).__iter__(x)]
        elif issubclass(kind, bytearray):
            self._back.append(_contents_back(x, bytearray, bytes(x)))
        elif isinstance(x, types.MethodType):
            self._waiting.append(x.__self__)
        else:
            self._generator(x)
        self._attributes(x)

    def _container(self, x: Any, kind: Any) -> None:
        if issubclass(kind, dict):
            held = [*kind.items(x)]
            self._waiting += [part for pair in held for part in pair if type(part) not in _PLAIN]
        else:
            held = [*kind.__iter__(x)]
            self._waiting += [part for part in held if type(part) not in _PLAIN]
        self._back.append(_contents_back(x, kind, held))

    def _generator(self, x: Any) -> None:
        """Remember the state of random numbers."""
        import torch

        if isinstance(x, torch.Generator):
            state = x.get_state()
            self._back.append(lambda: x.set_state(state))
        elif isinstance(x, random.Random) and not isinstance(x, random.SystemRandom):
            numbers = random.Random.getstate(x)
            self._back.append(lambda: random.Random.setstate(x, numbers))
        elif isinstance(x, np.random.RandomState):
            legacy = np.random.RandomState.get_state(x)
            self._back.append(lambda: np.random.RandomState.set_state(x, legacy))
        elif isinstance(x, np.random.Generator):
            bits, inner = x.bit_generator, x.bit_generator.state
            self._back.append(lambda: setattr(bits, "state", inner))

    def _attributes(self, x: Any) -> None:
        """Remember an object's attributes, in its dict and in its slots."""
        home = type(x).__module__
        if isinstance(home, str) and home.split(".")[0] in _NOT_FOLLOWED:
            return
        for owner in type(x).__mro__:
            # Python's own way to the dict: a class may have a property of that name.
            way: Any = vars(owner).get("__dict__")
            attributes = way.__get__(x) if type(way) in _WAYS else None
            if type(attributes) is dict and id(attributes) not in self._seen:
                self._seen[id(attributes)] = attributes
                self._container(attributes, dict)
            if "__slots__" not in vars(owner):
                continue
            for slot in vars(owner).values():
                if type(slot) is types.MemberDescriptorType:
                    self._slot(x, slot)

    def _slot(self, x: Any, slot: Any) -> None:
        try:
            value = slot.__get__(x)
        except AttributeError:  # it is not set
            return
        self._waiting.append(value)

        def back() -> None:
            slot.__set__(x, value)

        self._back.append(back)


def _set_training(module: Any, training: bool) -> Callable[[], None]:
    return lambda: setattr(module, "training", training)


def _contents_back(x: Any, kind: Any, held: Any) -> Callable[[], None]:
    """Return what sets a container's contents back, where others are in it."""

    def back() -> None:
        if kind is bytearray:
            x[:] = held
            return
        now = [*kind.items(x)] if issubclass(kind, dict) else [*kind.__iter__(x)]
        if len(now) == len(held) and all(
            map(_is_pair if issubclass(kind, dict) else _is, now, held)
        ):
            return
        kind.clear(x)
        if issubclass(kind, dict):
            for key, value in held:
                kind.__setitem__(x, key, value)
        elif kind is set:
            set.update(x, held)
        else:
            kind.extend(x, held)

    return back


def _is(a: Any, b: Any) -> bool:
    return a is b


def _is_pair(a: tuple[Any, Any], b: tuple[Any, Any]) -> bool:
    return a[0] is b[0] and a[1] is b[1]


def _array_back(x: Any) -> Callable[[], None]:
    """Return what sets an array of NumPy back."""
    numbers = np.array(x)

    def back() -> None:
        if x.flags.writeable and (x.dtype.hasobject or x.tobytes() != numbers.tobytes()):
            np.copyto(x, numbers)

    return back


def _tensor_back(tensor: Any) -> Callable[[], None]:
    """Return what sets a tensor back: its memory, its shape there and its numbers."""
    import torch

    # It shares the memory, and goes on to do so when the tensor is given another.
    memory = tensor.detach()
    numbers, version = memory.clone(), _version(tensor)
    inference, gradient = tensor.is_inference(), tensor.requires_grad

    def back() -> None:
        if not _same_numbers(memory, numbers, version):
            with torch.inference_mode(inference):
                memory.copy_(numbers)
        if not _same_place(tensor, memory):
            with torch.inference_mode(inference):
                tensor.data = memory
        if tensor.is_leaf and tensor.requires_grad != gradient:
            tensor.requires_grad_(gradient)

    return back


def _same_numbers(memory: Any, numbers: Any, version: int) -> bool:
    """Return whether a tensor has these numbers, bit by bit: what is written through `data` has no version."""
    import torch

    if not _is_plain(memory):
        return version >= 0 and _version(memory) == version
    bits = [x.contiguous().reshape(-1).view(torch.uint8) for x in (memory, numbers)]
    return torch.equal(*bits)


def _is_plain(tensor: Any) -> bool:
    """Return whether a tensor is numbers in a row of memory: not sparse, quantized or nested."""
    import torch

    return tensor.layout == torch.strided and not tensor.is_quantized and not tensor.is_nested


def _same_place(tensor: Any, memory: Any) -> bool:
    if not _is_plain(tensor) or not _is_plain(memory):
        return True
    places = [(x.data_ptr(), x.shape, x.stride(), x.storage_offset()) for x in (tensor, memory)]
    return places[0] == places[1]


def _version(tensor: Any) -> int:
    """Return how often a tensor was written to; -1 where torch does not count that."""
    return -1 if tensor.is_inference() else tensor._version
