"""Reading a module of torch while it runs.

For this the module runs once, as torch runs it: with its hooks, parametrizations, defaults and conditions.  What
torch is asked for, down to the operators of ATen, passes through here; where an operator's tensors depend on the
input, what it does to them is done to their affine functions too (`operators`, `moves`), and remembered for the
memory that it wrote (`storage`).  What does not depend on the input is computed by torch.  A condition on a number
that depends on the input would make other networks elsewhere, so it is refused.
"""

from __future__ import annotations

import os
import sys
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map_only

from polyenum.errors import NetworkError
from polyenum.models.activations import SMOOTH_CALLS
from polyenum.models.operators import constant_tensor
from polyenum.models.tensor import SymbolicTensor, checked_size
from polyenum.models.torch.memory import Memory, has_memory
from polyenum.models.torch.moves import MOVES, move
from polyenum.models.torch.numbers import numbers
from polyenum.models.torch.operators import (
    NEW,
    OVERWRITES,
    SMOOTH,
    operator,
    operator_name,
)
from polyenum.models.torch.storage import Known, Refused, Storages
from polyenum.models.torch.threads import following

# What gives a tensor's memory to others, past all operators.
_MEMORY_OUT = {
    "numpy", "__array__", "__dlpack__", "data_ptr", "const_data_ptr", "mutable_data_ptr", "storage",
    "untyped_storage", "_typed_storage",
}  # fmt: skip
# What gives a tensor's numbers to Python.
_NUMBERS_OUT = {
    *_MEMORY_OUT, "tolist", "__reduce_ex__", "__deepcopy__", "__float__", "__int__", "__bool__", "__index__",
    "__complex__", "item", "apply_", "map_", "map2_",
}  # fmt: skip
# What is no number of a tensor: its shape, its type and the like.
_ABOUT = (bool, int, str, torch.dtype, torch.device, torch.layout, torch.memory_format, type(None))
_SEVERAL_LAYERS = {"Sequential", "ModuleList", "ModuleDict"}


class Watched(ABC):
    """A run of a module whose operators all pass through `run`.

    Attributes
    ----------
    count : int
        How many operators ran; a call of `SMOOTH_CALLS` is one.
    busy : bool
        Whether what torch is asked for now comes from here.
    call : str
        What the module called, by the name that users know.
    refusal : NetworkError, optional
        The first that was raised; the module may catch it, and go on.
    used : int
        How many operators were given numbers that depend on the input.
    """

    def __init__(self) -> None:
        self.count = 0
        self.busy = False
        self.call = ""
        self.refusal: NetworkError | None = None
        self.used = 0

    @abstractmethod
    def run(self, function: Any, args: tuple, kwargs: dict[str, Any]) -> Any:
        """Run one operator of ATen."""

    @abstractmethod
    def smooth(self, name: str, function: Any, args: tuple, kwargs: dict[str, Any]) -> Any:
        """Run a call that torch makes of several operators, as one."""

    def leaves_torch(self, name: str, tensor: Any) -> None:  # noqa: B027 (who does not listen need not say so)
        """Hear that Python takes a tensor's numbers."""

    def returns(self, name: str, args: tuple, found: Any, since: int) -> None:  # noqa: B027
        """Hear what a call returned, that began when `used` was `since`."""

    def fails(self, args: tuple) -> None:  # noqa: B027
        """Hear that torch cannot do what is asked for, with these arguments."""


@contextmanager
def watching(watched: Watched) -> Iterator[None]:
    """Let all that torch is asked for pass through `watched`."""
    with _Calls(watched), _Operators(watched):
        yield


class Recorder(Watched):
    """What is known of the tensors of a module that runs.

    Attributes
    ----------
    storages : Storages
    precisions : set of torch.dtype
        The floats in which numbers that depend on the input were computed.
    left_out : set of int
        The operators that were left out, which may be the last ones; counted from 1.
    numbers_only : bool
        Whether tensors that are constant, in memory that is not, are constants.
    failed : str
        The first operation that torch could not do.
    memory : Memory
    """

    def __init__(self, module: Any) -> None:
        super().__init__()
        self.storages = Storages()
        self.precisions: set[Any] = set()
        self.left_out: set[int] = set()
        self.numbers_only = False
        self.failed = ""
        values = [v for m in module.modules() for v in vars(m).values()]
        own = [v for v in values if isinstance(v, torch.Tensor)]
        arrays = [v for v in values if isinstance(v, np.ndarray)]
        self.memory = Memory([*module.parameters(), *module.buffers(), *own], arrays)
        self._names = {id(m): name for name, m in module.named_modules()}
        self._running: list[Any] = []

    @contextmanager
    def recording(self) -> Iterator[None]:
        """Watch everything that torch does."""
        hooks = torch.nn.modules.module
        begin = hooks.register_module_forward_pre_hook(lambda m, args: self._running.append(m))
        end = hooks.register_module_forward_hook(lambda m, args, out: self._end(), always_call=True)
        try:
            with watching(self), following(lambda: watching(_OtherThread(self))):
                yield
        finally:
            begin.remove()
            end.remove()

    def _end(self) -> None:
        if self._running:
            self._running.pop()

    def input(self, tensor: Any, value: SymbolicTensor) -> None:
        """Say what an input is."""
        self._know(tensor, value)
        self.precisions.add(tensor.dtype)

    def _know(self, tensor: Any, value: Known) -> None:
        self.storages.write(tensor, value)
        self.memory.note(tensor)

    def title(self, function: str) -> str:
        """Return what errors call the operation that runs."""
        for module in reversed(self._running):
            kind = type(module).__name__
            if kind in _SEVERAL_LAYERS or not type(module).__module__.startswith("torch.nn."):
                break
            name = self._names.get(id(module), "")
            return f"layer '{name}' ({kind})" if name else f"the module ({kind})"
        return self.call or function

    def refuse_numbers(self, what: str) -> None:
        """Raise: Python asks for a number that depends on the input.

        Raises
        ------
        NetworkError
        """
        self.call = self.call or what
        what = "item" if what == "_local_scalar_dense" else what
        raise self.refused(
            f"{self.title(what)}{_place()}: the forward uses the numbers of a tensor that depends on the input "
            f"({what}). It must not depend on the values of its input (no `if` on them, nothing outside torch)"
        )

    def refused(self, message: str) -> NetworkError:
        """Return an error that stays one if the module catches it."""
        error = NetworkError(message)
        self.refusal = self.refusal or error
        return error

    def depends(self, tensor: Any) -> bool:
        """Return whether a tensor's numbers depend on the input.

        Raises
        ------
        NetworkError
            If it is another tensor with the memory of one that does.
        """
        if not has_memory(tensor) or not self._holds(tensor):
            return False
        known = self.storages.read(tensor)
        return isinstance(known, Refused) or (known is not None and bool(known.terms))

    def _holds(self, tensor: Any) -> bool:
        """Return whether a tensor's memory is known to hold numbers that depend on the input."""
        if self.storages.holds(tensor):
            return True
        if self.memory.is_shared(tensor):
            raise self.refused(
                f"{self.title('a tensor')}{_place()}: the forward took the memory of a tensor that depends on "
                "the input out of torch (by DLPack, NumPy or an address) and back. Use that tensor itself"
            )
        return False

    def fails(self, args: tuple) -> None:
        """Remember what it was."""
        if self.failed:
            return
        self.failed = f"{self.title(self.call)}{_place()}"
        layer = self._running[-1] if self._running else None
        given = args[0] if args else None
        if isinstance(layer, torch.nn.Linear) and isinstance(given, torch.Tensor) and given.dim():
            inputs, outputs = layer.in_features, given.shape[-1]
            if inputs != outputs:
                self.failed += f" takes {inputs} inputs, but the layer before has {outputs} outputs"

    def leaves_torch(self, name: str, tensor: Any) -> None:
        """Raise if the numbers depend on the input."""
        if self.depends(tensor):
            self.refuse_numbers(name)
        self.lend(name, tensor)

    def lend(self, name: str, tensor: Any) -> None:
        """Remember a tensor whose memory a call gives away."""
        if name.strip("_") in {n.strip("_") for n in _MEMORY_OUT}:
            self.memory.lend(tensor)

    def returns(self, name: str, args: tuple, found: Any, since: int) -> None:
        """Raise if numbers that depend on the input were used, and no operator was given them."""
        if self.used != since or isinstance(found, _ABOUT):
            return
        given = args[1:] if name.startswith("new") else args
        if not any(self.depends(t) for t in _tensors(given)):
            return
        for leaf in tree_leaves(found):
            if isinstance(leaf, torch.Tensor):
                lost = has_memory(leaf) and not self.storages.holds(leaf)
            else:
                lost = not isinstance(leaf, _ABOUT)
            if lost:
                self.refuse_numbers(name)

    def run(self, function: Any, args: tuple, kwargs: dict[str, Any]) -> Any:
        """Run one operator, and remember what it does."""
        self.count += 1
        tensors = _tensors((args, kwargs))
        name = operator_name(function)
        if is_random(function):
            raise self.refused(
                f"{self.title(name)}{_place()} is random ({name}); if that is dropout in training mode, "
                "call .eval() first"
            )
        plain = [t for t in tensors if has_memory(t)]
        held = [self._holds(t) for t in plain]
        if not any(held):
            return function(*args, **kwargs)
        self.used += 1
        if name == "repeat":
            checked_size([args[0].numel(), *args[1]], self.title(name))
        targeted = written(function, args, kwargs)
        metadata_only = torch.Tag.inplace_view in function.tags
        in_place = bool(targeted) and gives_what_it_writes(function)
        if not metadata_only:
            self._prepare(targeted, name)
        before = [t.untyped_storage()._cdata for t in plain]
        found = function(*args, **kwargs)
        leaves = tree_leaves(found)
        results = [t for t in leaves if isinstance(t, torch.Tensor)]
        if not all(has_memory(t) for t in (*tensors, *results)):
            raise self.refused(
                f"{self.title(name)}{_place()} is not supported ({name}): sparse tensors and those of MKL-DNN "
                "are not read; use plain ones (x.to_dense())"
            )
        if not results and not targeted and any(leaf is not None for leaf in leaves):
            if name.startswith(("size", "sym_", "stride", "numel", "dim", "is_same_size")):
                return found
            self.refuse_numbers(name)
        fresh = [t for t in results if t.untyped_storage()._cdata not in before]
        if metadata_only or name in NEW:
            return found
        targets = targeted if in_place else fresh
        if targets:
            self._write(function, name, args, kwargs, targets)
        if not in_place:
            for t in targeted:
                why = f"{self.title(name)}{_place()} changes its arguments ({name}), which is not supported"
                self._know(t, Refused(why))
        return found

    def _prepare(self, targets: list[Any], name: str) -> None:
        """Take note of what an operator writes to, before it does."""
        for t in filter(has_memory, targets):
            if self.memory.is_lent(t, before=not self.storages.holds(t)):
                raise self.refused(
                    f"{self.title(name)}{_place()} writes numbers that depend on the input to memory that NumPy "
                    "or others have too, past torch. Write to a new tensor (.clone())"
                )
            self.storages.prepare(t)
            self.memory.note(t)

    def _write(
        self, function: Any, name: str, args: tuple, kwargs: dict[str, Any], targets: list[Any]
    ) -> None:
        if written(function, args, kwargs) and gives_what_it_writes(function):
            function, name, kwargs = _out_of_place(function, name, kwargs)
        title = self.title(name)
        if name in OVERWRITES:  # what was there before says nothing
            args = (torch.zeros_like(args[0]), *args[1:])
        known = [self.storages.read(t) for t in _tensors((args, kwargs))]
        refused = next((k for k in known if isinstance(k, Refused)), None)
        if all(k is None or (isinstance(k, SymbolicTensor) and not k.terms) for k in known):
            values: list[Known] = [_constant(t) for t in targets]
        elif refused is not None:
            values = [refused] * len(targets)
        else:
            values = self._tried(function, name, title, args, kwargs)
        rest = Refused(f"{title}{_place()}: of its results only the first is piecewise linear")
        if targets[-1].dtype == torch.int64:
            rest = Refused(f"{title}{_place()}: the indices of a maximum are not piecewise linear")
        if isinstance(values[0], Refused):
            rest = values[0]
        for t, value in zip(targets, [*values, *[rest] * len(targets)], strict=False):
            if not t.dtype.is_floating_point and not isinstance(value, Refused):
                value = Refused(f"{title}{_place()} rounds to {t.dtype}, which jumps without end")
            if t.dtype.is_floating_point:
                self.precisions.add(t.dtype)
            if isinstance(value, SymbolicTensor) and value.size != t.numel():
                value = Refused(
                    f"{title}{_place()} was read with shape {value.shape}, torch has {tuple(t.shape)}"
                )
            self._know(t, value)

    def _tried(
        self, function: Any, name: str, title: str, args: tuple, kwargs: dict[str, Any]
    ) -> list[Known]:
        try:
            return self._values(function, name, title, args, kwargs)
        except NetworkError as error:
            reason = f"{error}{_place()}"
        except (TypeError, ValueError, IndexError, KeyError, RuntimeError) as error:
            reason = f"{title}{_place()} is not supported as it is called here ({name}: {error})"
        if not self.numbers_only:
            # Memory of which only other parts depend on the input.
            self.numbers_only = True
            try:
                return self._values(function, name, title, args, kwargs)
            except (NetworkError, TypeError, ValueError, IndexError, KeyError, RuntimeError):
                pass
            finally:
                self.numbers_only = False
        return [Refused(reason)]

    def _operand(self, value: Any) -> Any:
        """Return what is known of a tensor, an array if it is constant.

        That is what it was before the operator that runs, which may have written to it already.
        """
        known = self.storages.read(value)
        if known is None:
            return numbers(value, "a constant")
        if isinstance(known, SymbolicTensor) and not known.dropped:
            vanishes = not any(m.nnz for m in known.terms.values())
            if not known.terms or (self.numbers_only and vanishes):
                return known.constant.reshape(known.shape)
        return known

    def _values(
        self, function: Any, name: str, title: str, args: tuple, kwargs: dict[str, Any]
    ) -> list[Known]:
        if name in SMOOTH:
            return [self._smooth(title, args)]
        if name == "clone":
            return [self._operand(args[0])]
        if name in MOVES:
            found = move(title, function, args, kwargs, self._operand)
        else:
            read = operator(function)
            if read is None:
                raise NetworkError(
                    f"{title} is not supported, or not piecewise linear (it calls {name})"
                )
            args, kwargs = tree_map_only(torch.Tensor, self._operand, (args, kwargs))
            for unused in ("dtype", "device", "layout", "memory_format", "non_blocking"):
                kwargs.pop(unused, None)
            found = read(title, *args, **kwargs)
        found = found if isinstance(found, list) else [found]
        return [f if isinstance(f, SymbolicTensor) else constant_tensor(f) for f in found]

    def _smooth(self, title: str, args: tuple) -> SymbolicTensor:
        """Return the input as if the operation were not there, marked: it may be the last one."""
        x = self._operand(args[0])
        if not isinstance(x, SymbolicTensor) or any(
            self.storages.read(t) is not None for t in args[1:] if isinstance(t, torch.Tensor)
        ):
            raise NetworkError(f"{title} is not piecewise linear")
        x.check_usable(title)
        self.left_out.add(self.count)
        return replace(x, dropped=title)

    def smooth(self, name: str, function: Any, args: tuple, kwargs: dict[str, Any]) -> Any:
        """Run a call that torch makes of several operators, as one."""
        known = self.storages.read(args[0])
        title = self.title(name)
        found = function(*args, **kwargs)
        self.count += 1
        if isinstance(known, SymbolicTensor):
            known.check_usable(title)
            self.left_out.add(self.count)
            self._know(found, replace(known, dropped=title))
            self.used += 1
        return found


class _OtherThread(Watched):
    """What runs in another thread than the forward: nothing that depends on the input may."""

    def __init__(self, recorder: Recorder) -> None:
        super().__init__()
        self.recorder = recorder

    def _refuse(self, name: str, tensors: list[Any]) -> None:
        if any(self.recorder.depends(t) for t in tensors):
            raise self.recorder.refused(
                f"{self.call or name}{_place()}: the forward computes with its input in another thread, which is "
                "not supported; let it compute in its own"
            )

    def run(self, function: Any, args: tuple, kwargs: dict[str, Any]) -> Any:
        """Run an operator of other tensors."""
        self._refuse(operator_name(function), _tensors((args, kwargs)))
        return function(*args, **kwargs)

    def smooth(self, name: str, function: Any, args: tuple, kwargs: dict[str, Any]) -> Any:
        """Run a call of other tensors."""
        self._refuse(name, _tensors((args, kwargs)))
        return function(*args, **kwargs)

    def leaves_torch(self, name: str, tensor: Any) -> None:
        """Raise if the numbers depend on the input."""
        self._refuse(name, [tensor])
        self.recorder.lend(name, tensor)


class _Listening:
    """A mode of torch that tells what it hears."""

    def __init__(self, recorder: Watched) -> None:
        super().__init__()
        self.recorder = recorder


class _Operators(_Listening, TorchDispatchMode):  # type: ignore[misc]
    """Hands every operator to a recorder."""

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        recorder = self.recorder
        if recorder.busy:
            return func(*args, **(kwargs or {}))
        if torch.is_inference_mode_enabled():  # calls are not taken apart there
            with self:
                parts = func.decompose(*args, **(kwargs or {}))
            if parts is not NotImplemented:
                return parts
        recorder.busy = True
        try:
            return recorder.run(func, args, kwargs or {})
        except NetworkError as error:
            recorder.refusal = recorder.refusal or error
            raise
        finally:
            recorder.busy = False


class _Calls(_Listening, TorchFunctionMode):  # type: ignore[misc]
    """Tells a recorder what is called, by the name that users know, and what leaves torch."""

    def __torch_function__(
        self, func: Any, types: Any, args: tuple = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        recorder, kwargs = self.recorder, kwargs or {}
        name = getattr(func, "__name__", "")
        known = name.strip("_") if name.startswith("__") else name
        if recorder.busy or name == "__get__":
            return func(*args, **kwargs)
        before, since = recorder.call, recorder.used
        recorder.call = known
        try:
            self._leaving(name, known, args)
            if name in SMOOTH_CALLS and args and isinstance(args[0], torch.Tensor):
                recorder.busy = True
                return recorder.smooth(name, func, args, kwargs)
            found = func(*args, **kwargs)
            recorder.returns(known, (*args, kwargs), found, since)
            return found
        except NetworkError as error:
            recorder.refusal = recorder.refusal or error
            raise
        except Exception:
            recorder.fails(args)
            raise
        finally:
            recorder.call = before
            if name in SMOOTH_CALLS:
                recorder.busy = False

    def _leaving(self, name: str, known: str, args: tuple) -> None:
        """Tell which tensors' numbers a call gives to Python."""
        taken: list[Any] = []
        if name in _NUMBERS_OUT:
            taken = _tensors(args)
        elif name in ("__getitem__", "__setitem__"):  # of a list of places torch makes one tensor
            places = args[1] if isinstance(args[1], tuple) else (args[1],)
            taken = _tensors([p for p in places if isinstance(p, list)])
        for t in taken:
            self.recorder.busy = True
            try:
                self.recorder.leaves_torch(known, t)
            finally:
                self.recorder.busy = False


def _tensors(values: Any) -> list[Any]:
    return [t for t in tree_leaves(values) if isinstance(t, torch.Tensor)]


def is_random(function: Any) -> bool:
    """Return whether an operator's results are random."""
    name = operator_name(function)
    seldom = name.startswith("rrelu_with_noise") or "attention" in name
    return torch.Tag.nondeterministic_seeded in function.tags and not seldom


def written(function: Any, args: tuple, kwargs: dict[str, Any]) -> list[Any]:
    """Return the tensors that an operator writes to."""
    found = []
    for k, argument in enumerate(function._schema.arguments):
        if argument.alias_info is not None and argument.alias_info.is_write:
            value = args[k] if k < len(args) else kwargs.get(argument.name)
            found += [t for t in tree_leaves(value) if isinstance(t, torch.Tensor)]
    return found


def gives_what_it_writes(function: Any) -> bool:
    """Return whether what an operator writes to is where its results go, as its schema says.

    Others change their arguments besides, in a way that only they know.
    """
    writes = [a for a in function._schema.arguments if a.alias_info and a.alias_info.is_write]
    return operator_name(function).endswith("_") or any(a.is_out for a in writes)


def _out_of_place(
    function: Any, name: str, kwargs: dict[str, Any]
) -> tuple[Any, str, dict[str, Any]]:
    """Return the operator that gives what this one writes."""
    base, overload = name.rstrip("_"), function._overloadname
    packet = getattr(torch.ops.aten, base, None)
    if packet is None:
        return function, base, kwargs
    outs = {a.name for a in function._schema.arguments if a.is_out}
    if not outs:
        other = getattr(packet, overload, None) or getattr(packet, packet.overloads()[0])
        return other, base, kwargs
    kwargs = {k: v for k, v in kwargs.items() if k not in outs}
    takes = [(a.name, str(a.type)) for a in function._schema.arguments if not a.is_out]
    for other in (getattr(packet, o) for o in packet.overloads()):
        if [(a.name, str(a.type)) for a in other._schema.arguments] == takes:
            return other, base, kwargs
    return function, base, kwargs


def _constant(tensor: Any) -> Known:
    if not tensor.dtype.is_floating_point:
        return Refused("whole numbers in memory that depends on the input")
    return constant_tensor(numbers(tensor, "a constant"))


def _place() -> str:
    """Return where in the user's code the running forward is."""
    frame: Any = sys._getframe(1)
    while frame is not None:
        module = frame.f_globals.get("__name__", "")
        ours = module.startswith("polyenum.")
        if ours and module != __name__:
            return ""
        file = frame.f_code.co_filename
        if not ours and f"{os.sep}torch{os.sep}" not in file and "<" not in file:
            return f" (line {frame.f_lineno} of {os.path.basename(file)})"
        frame = frame.f_back
    return ""
