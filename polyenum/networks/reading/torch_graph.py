"""Reading any ``torch.nn.Module`` that torch.fx can trace, or that torch.export has made.

A module of torch.nn is read by a function of `torch_modules`, a call by one of `torch_calls`.  What does not
depend on the input is computed by torch.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

from polyenum.errors import NetworkError
from polyenum.networks.network import PiecewiseLinearNetwork
from polyenum.networks.reading import pieces
from polyenum.networks.reading.lowering import lower
from polyenum.networks.reading.tensor import SymbolicTensor
from polyenum.networks.reading.torch_calls import CALLS
from polyenum.networks.reading.torch_export import (
    OPERATORS,
    aten_name,
    flatten_inputs,
    is_exported,
)
from polyenum.networks.reading.torch_modules import MODULES
from polyenum.networks.reading.torch_numbers import numbers


def is_torch_module(thing: object) -> bool:
    """Return whether `thing` is a ``torch.nn.Module``."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(thing, torch.nn.Module)


def from_module(
    module: Any,
    *,
    input_shape: Sequence[int] | None = None,
    ignore_output_activation: bool = False,
) -> PiecewiseLinearNetwork:
    """Return the network that a ``torch.nn.Module`` computes in eval mode.

    Parameters
    ----------
    module : torch.nn.Module
    input_shape : sequence of int, optional
        Of one input, without the batch axis; not needed where a Linear or BatchNorm1d says it.
    ignore_output_activation : bool
        Leave out a last operation that is not piecewise linear.

    Raises
    ------
    NetworkError
        For an operation that is not piecewise linear or not known, one in training mode whose eval mode
        differs, a shape that does not fit, a number that is not finite, or a module that cannot be traced.
    """
    import torch.fx

    if type(module).__module__.startswith("torch.nn.modules"):
        module = torch.nn.Sequential(module) if type(module).__name__ in MODULES else module
    try:
        graph = module.graph if is_exported(module) else torch.fx.Tracer().trace(module)
    except Exception as error:
        raise NetworkError(
            f"torch.fx cannot trace {type(module).__name__}: {error}. Its forward must not depend on the "
            "values of its input (no `if` on them)"
        ) from error
    nodes = list(graph.nodes)
    inputs = [n for n in nodes if n.op == "placeholder" and (n.users or not n.args)]
    if len(inputs) != 1:
        names = ", ".join(n.name for n in inputs)
        raise NetworkError(f"the module must take one input, found {len(inputs)}: {names}")
    shape = tuple(input_shape) if input_shape is not None else _guess_shape(module, inputs[0])
    values: dict[Any, Any] = {}
    for node in nodes:
        if node.op == "placeholder":
            if node is inputs[0]:
                values[node] = SymbolicTensor.inputs((1, *shape))
            else:
                values[node] = node.args[0] if node.args else None
        elif node.op == "get_attr":
            values[node] = _attribute(module, node.target)
        elif node.op == "output":
            return lower(
                _output(torch.fx.node.map_arg(node.args[0], values.__getitem__)),
                ignore_output_activation=ignore_output_activation,
            )
        else:
            args, kwargs = torch.fx.node.map_arg((node.args, node.kwargs), values.__getitem__)
            values[node] = _evaluate(module, node, args, kwargs)
    raise NetworkError("the module returns nothing")


def _output(found: Any) -> SymbolicTensor:
    if isinstance(found, (list, tuple)) and len(found) == 1:
        found = found[0]
    if not isinstance(found, SymbolicTensor):
        raise NetworkError(
            f"the module must return one tensor that depends on its input, found {type(found).__name__}"
        )
    return found


def _evaluate(module: Any, node: Any, args: tuple, kwargs: dict) -> Any:
    torch = sys.modules["torch"]
    symbolic = any(isinstance(x, SymbolicTensor) for x in _leaves((args, kwargs)))
    if node.op == "call_module":
        layer = module.get_submodule(node.target)
        kind = type(layer).__name__
        title = f"layer '{node.target}' ({kind})"
        if not symbolic:
            return layer(*args, **kwargs)
        if kind == "GuardsFn":  # of torch.export, on the shapes of its examples
            return None
        known = type(layer).__module__.startswith("torch.nn.") and kind in MODULES
        if not known:
            return _unknown(kind, title, args, f"known are {', '.join(sorted(MODULES))}")
        return MODULES[kind](title, layer, *args)
    aten = ""
    if node.op == "call_method":
        name, function = node.target, None
    else:
        name, function = getattr(node.target, "__name__", str(node.target)), node.target
        aten = aten_name(function)
        name = aten or name
        if name == "tree_flatten_spec":
            return flatten_inputs(args[0])
        if name == "tree_unflatten":
            return args[0]
    if not symbolic:
        return (
            function(*args, **kwargs) if function else getattr(args[0], name)(*args[1:], **kwargs)
        )
    title = f"{node.name} ({name})"
    read = OPERATORS.get(name) if aten else None
    read = read or CALLS.get(name)
    if read is None:
        return _unknown(name, title, args, f"known calls are {', '.join(sorted(CALLS))}")
    args, kwargs = torch.fx.node.map_aggregate((args, kwargs), _plain)
    try:
        return read(title, *args, **kwargs)
    except (TypeError, ValueError, IndexError) as error:
        raise NetworkError(f"{title}: {error}") from error


def _unknown(kind: str, title: str, args: tuple, known: str) -> SymbolicTensor:
    """Return the input as if the last, unknown operation were not there, marked; or raise."""
    tensor = next((x for x in args if isinstance(x, SymbolicTensor)), None)
    if kind.lower() in pieces.NOT_PIECEWISE_LINEAR and tensor is not None:
        tensor.check_usable(title)
        return SymbolicTensor(
            tensor.shape, tensor.terms, tensor.constant, tensor.path, tensor.rounded, title
        )
    raise NetworkError(f"{title} is not supported; {known}, and what torch.fx traces to these")


def _leaves(thing: Any) -> list[Any]:
    if isinstance(thing, (list, tuple)):
        return [leaf for x in thing for leaf in _leaves(x)]
    if isinstance(thing, dict):
        return [leaf for x in thing.values() for leaf in _leaves(x)]
    if isinstance(thing, slice):
        return [thing.start, thing.stop, thing.step]
    return [thing]


def _plain(x: Any) -> Any:
    """Return a constant tensor as an array, exactly; anything else as it is."""
    torch = sys.modules["torch"]
    return numbers(x, "a constant") if isinstance(x, torch.Tensor) else x


def _attribute(module: Any, target: str) -> Any:
    for name in target.split("."):
        module = getattr(module, name)
    return module


_KEEP_SIZE = {
    "Identity", "Dropout", "AlphaDropout", "ReLU", "LeakyReLU", "ReLU6", "Hardtanh", "Flatten", "relu",
    "leaky_relu", "flatten", "view", "reshape", "dropout",
}  # fmt: skip


def _guess_shape(module: Any, start: Any) -> tuple[int, ...]:
    """Return the input's shape, from a layer that the input reaches with all its elements."""
    example = start.meta.get("val")
    if example is not None:
        return tuple(int(n) for n in example.shape[1:])
    first, has_layers = "", any(p.numel() for p in module.parameters())
    nodes = list(start.users)
    for node in nodes:
        kind = getattr(node.target, "__name__", str(node.target))
        layer = None
        if node.op == "call_module":
            layer = module.get_submodule(node.target)
            kind = type(layer).__name__
        if kind == "Linear" and layer is not None:
            return (int(layer.in_features),)
        if kind == "BatchNorm1d" and layer is not None:
            return (int(layer.num_features),)
        if kind == "linear" and getattr(node.args[1], "op", "") == "get_attr":
            return (int(_attribute(module, node.args[1].target).shape[1]),)
        if kind in _KEEP_SIZE:
            nodes += [user for user in node.users if user not in nodes]
        elif kind not in ("size", "getattr", "dim", "output"):
            first = first or (
                f"layer '{node.target}' ({kind})" if layer is not None else f"{node.name} ({kind})"
            )
    if not first and not has_layers:
        raise NetworkError("the module has no layer with weights; add at least one Linear")
    raise NetworkError(
        f"{first or 'the module'} does not say the shape of its input: pass the module as "
        "pe.load(module, input_shape=(channels, height, width)), without the batch axis"
    )
