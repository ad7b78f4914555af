"""The shapes of a module's inputs, from the layers that they reach with all their elements."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from polyenum.errors import NetworkError

_KEEP_SIZE = {
    "Identity", "Dropout", "AlphaDropout", "ReLU", "LeakyReLU", "ReLU6", "Hardtanh", "Flatten", "relu", "relu_",
    "leaky_relu", "flatten", "view", "reshape", "dropout", "clone", "contiguous", "float", "double", "to",
}  # fmt: skip
_NO_USE = ("size", "getattr", "dim", "output")


def fx_graph(module: Any) -> Any:
    """Return the graph of a module that torch.fx or torch.export made, None of any other."""
    import torch.fx

    return module.graph if isinstance(module, torch.fx.GraphModule) else None


def guess_shapes(module: Any, names: Sequence[str]) -> list[tuple[int, ...]]:
    """Return the shape of each input, without the batch axis.

    Raises
    ------
    NetworkError
        If the module does not say it.
    """
    import torch

    if isinstance(module, torch.nn.Linear):
        return [(int(module.in_features),)]
    if isinstance(module, (torch.nn.BatchNorm1d,)):
        return [(int(module.num_features),)]
    graph = fx_graph(module)
    if graph is None:
        graph = _traced(module, names)
    if graph is None:
        return [_by_trial(module, names)]
    starts = {str(n.target): n for n in graph.nodes if n.op == "placeholder"}
    if len(names) == 1 and names[0] not in starts:
        return [_by_trial(module, names)]
    return [_guess(module, starts.get(name), name if len(names) > 1 else "") for name in names]


def _traced(module: Any, names: Sequence[str]) -> Any:
    """Return the graph that torch.fx makes of a module, None if it cannot."""
    import inspect

    import torch.fx

    try:
        others = {
            p.name: p.default
            for p in inspect.signature(module.forward).parameters.values()
            if p.default is not inspect.Parameter.empty and p.name not in names
        }
        return torch.fx.Tracer().trace(module, concrete_args=others or None)
    except Exception:
        return None


def _guess(module: Any, start: Any, name: str) -> tuple[int, ...]:
    example = start.meta.get("val") if start is not None else None
    if example is not None:
        return tuple(int(n) for n in example.shape[1:])
    first, has_layers = "", any(p.numel() for p in module.parameters())
    nodes = list(start.users) if start is not None else []
    for node in nodes:
        kind = getattr(node.target, "__name__", str(node.target))
        layer = None
        if node.op == "call_module":
            layer = module.get_submodule(node.target)
            kind = type(layer).__name__
        found = _taken(module, node, layer, kind)
        if found:
            return (found,)
        if kind in _KEEP_SIZE:
            nodes += [user for user in node.users if user not in nodes]
        elif kind not in _NO_USE:
            first = first or (
                f"layer '{node.target}' ({kind})" if layer is not None else f"{node.name} ({kind})"
            )
    if not first and not has_layers:
        raise NetworkError("the module has no layer with weights; add at least one Linear")
    raise _unknown(first or "the module", name)


def _taken(module: Any, node: Any, layer: Any, kind: str) -> int:
    """Return how many numbers a layer of the graph takes, 0 if it does not say."""
    import torch

    if isinstance(layer, torch.nn.Linear):
        return int(layer.in_features)
    if isinstance(layer, torch.nn.BatchNorm1d):
        return int(layer.num_features)
    if kind == "linear" and layer is None:
        weight = node.args[1] if len(node.args) > 1 else node.kwargs.get("weight")
        if getattr(weight, "op", "") == "get_attr":
            for name in weight.target.split("."):
                module = getattr(module, name)
            return int(module.shape[1])
    return 0


def _unknown(what: str, name: str) -> NetworkError:
    shape = (
        "input_shape=(channels, height, width))"
        if not name
        else "input_shape=[(channels, height, width), ...]) with a shape for each input"
    )
    of = f" {name!r}" if name else ""
    return NetworkError(
        f"{what} does not say the shape of its input{of}: pass the module as pe.load(module, {shape}, without the "
        "batch axis"
    )


def _by_trial(module: Any, names: Sequence[str]) -> tuple[int, ...]:
    """Return the one width with which a module runs, if its first layer takes all of it: for want of a graph."""
    import torch

    if len(names) > 1:
        raise _unknown("the module", names[0])
    widths = []
    for layer in module.modules():
        if isinstance(layer, torch.nn.Linear):
            widths.append(int(layer.in_features))
        elif isinstance(layer, torch.nn.BatchNorm1d):
            widths.append(int(layer.num_features))
    fitting = [n for n in dict.fromkeys(widths) if _fits(module, names[0], n)]
    if len(fitting) != 1:
        raise _unknown("the module", "")
    return (fitting[0],)


def _fits(module: Any, name: str, width: int) -> bool:
    """Return whether a module runs with so many inputs, and its first layer reads all of them in one row."""
    import torch

    dtype = next((p.dtype for p in module.parameters() if p.is_floating_point()), None)
    device = next((p.device for p in module.parameters()), None)
    x = torch.zeros(1, width, dtype=dtype, device=device)
    seen: list[bool] = []

    def look(layer: Any, args: Any) -> None:
        if seen or not isinstance(layer, (torch.nn.Linear, torch.nn.BatchNorm1d)):
            return
        y = args[0] if args else None
        seen.append(isinstance(y, torch.Tensor) and y.numel() == width == y.shape[-1])

    hook = torch.nn.modules.module.register_module_forward_pre_hook(look)
    try:
        module(**{name: x}) if name != "input" else module(x)
    except Exception:
        return False
    finally:
        hook.remove()
    return seen == [True]
