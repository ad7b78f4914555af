"""A module of torch, run without a trace: what runs it here leaves it as it was."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

# The attributes of a module that torch keeps its own dicts in, of parameters, buffers and modules.
_DICTS = ("_parameters", "_buffers", "_modules")


@contextmanager
def undisturbed(module: Any, *, training: bool = False) -> Iterator[None]:
    """Run a module in eval mode without gradients, and set it back to what it was.

    What a forward may change is restored: the modes, attributes, parameters and buffers of all its modules, what
    is in their lists and dicts, the numbers in their tensors, and the states of torch's random numbers.

    Parameters
    ----------
    module : torch.nn.Module
    training : bool
        Leave the modes as they are.
    """
    import torch

    saved = [_Saved(m) for m in module.modules()]
    devices = range(torch.cuda.device_count()) if torch.cuda.is_initialized() else []
    with torch.random.fork_rng(devices), torch.inference_mode(False), torch.no_grad():
        try:
            if not training:
                for m in module.modules():
                    m.training = False
            yield
        finally:
            for s in saved:
                s.restore()


class _Saved:
    """One module's attributes, and the numbers in its tensors."""

    def __init__(self, module: Any) -> None:
        import torch

        self.module = module
        self.training = module.training
        self.attributes: dict[str, Any] = {}
        self.inner: dict[str, dict[str, Any]] = {}
        self.containers: list[tuple[Any, Any]] = []
        # A module of TorchScript keeps its attributes in C++, where its forward cannot add any.
        self.scripted = isinstance(module, torch.jit.ScriptModule)
        if self.scripted:
            own = [*module.parameters(recurse=False), *module.buffers(recurse=False)]
            self.tensors = [(t, _version(t), t.detach().clone()) for t in own]
            return
        self.attributes = dict(module.__dict__)
        self.inner = {name: dict(self.attributes[name]) for name in _DICTS}
        self.containers = [
            (x, x.copy())
            for name, x in self.attributes.items()
            if type(x) in (list, dict, set) and name not in _DICTS
        ]
        self.tensors = [(t, _version(t), t.detach().clone()) for t in self._tensors()]

    def _tensors(self) -> list[Any]:
        import torch

        values = [*self.attributes.values()]
        for name in _DICTS:
            values += self.inner[name].values()
        for container, _ in self.containers:
            values += container.values() if isinstance(container, dict) else container
        lazy = torch.nn.parameter.is_lazy
        return [t for t in values if isinstance(t, torch.Tensor) and not lazy(t) and not t.is_meta]

    def restore(self) -> None:
        """Set the module back."""
        import torch

        for tensor, version, numbers in self.tensors:
            if version < 0 and not torch.equal(tensor, numbers):
                with torch.inference_mode():
                    tensor.copy_(numbers)
            elif version >= 0 and _version(tensor) != version:
                tensor.copy_(numbers)
        if self.scripted:
            self.module.training = self.training
            return
        attributes = self.module.__dict__
        attributes.clear()
        attributes.update(self.attributes)
        for name, inner in self.inner.items():
            attributes[name].clear()
            attributes[name].update(inner)
        for container, before in self.containers:
            if isinstance(container, list):
                container[:] = before
            else:
                container.clear()
                container.update(before)


def _version(tensor: Any) -> int:
    """Return how often a tensor was written to; -1 where torch does not count that."""
    return -1 if tensor.is_inference() else tensor._version
