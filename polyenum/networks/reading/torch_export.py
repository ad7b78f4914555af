"""Modules that torch.export made: their graphs call the operators of ATen, whose parameters are sometimes others.

What is not in `OPERATORS` is read like the call of that name in `torch_calls`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from polyenum.networks.reading import operators as op
from polyenum.networks.reading import torch_calls as calls


def is_exported(module: Any) -> bool:
    """Return whether a module is a graph of ATen's operators."""
    import torch.fx

    return isinstance(module, torch.fx.GraphModule) and any(
        aten_name(node.target) for node in module.graph.nodes if node.op == "call_function"
    )


def aten_name(target: Any) -> str:
    """Return the name of an operator of ATen, without its overload; "" of anything else."""
    schema = getattr(target, "_schema", None)
    return schema.name.split("::")[-1] if schema is not None else ""


def flatten_inputs(inputs: Any) -> list[Any]:
    """Return the one input of an exported module, as its first node does."""
    (args, kwargs) = inputs
    return [*args, *kwargs.values()]


def _batch_norm(
    title: str, x: Any, weight: Any, bias: Any, mean: Any, var: Any, training: bool, *rest: Any
) -> Any:
    eps = float(rest[1]) if len(rest) > 1 else 1e-5
    return calls.CALLS["batch_norm"](title, x, mean, var, weight, bias, training, 0.1, eps)


def _slice(
    title: str,
    x: Any,
    dim: int = 0,
    start: int | None = None,
    end: int | None = None,
    step: int = 1,
) -> Any:
    index = (*[slice(None)] * (dim % len(x.shape)), slice(start, end, step))
    return op.rearrange(x, lambda a: a[index])


def _upsample(mode: str, corners: bool) -> Callable[..., Any]:
    def read(title: str, x: Any, size: Any, *rest: Any) -> Any:
        align = bool(rest[0]) if corners else None
        scale = rest[-1] if rest else None
        return calls.upsample(title, x, size, None if size is not None else scale, mode, align)

    return read


def _joined(title: str, parts: Any, dim: int = 0) -> Any:
    return op.joined([p for p in parts if 0 not in p.shape], dim)


OPERATORS: dict[str, Callable[..., Any]] = {
    "batch_norm": _batch_norm,
    "_native_batch_norm_legit_no_training": lambda title, x, weight, bias, mean, var, momentum, eps: (
        _batch_norm(title, x, weight, bias, mean, var, False, momentum, eps)
    ),
    "slice": _slice,
    "cat": _joined,
    **dict.fromkeys(("feature_dropout", "alpha_dropout", "feature_alpha_dropout"), calls.CALLS["dropout"]),
    "alias": lambda title, x: x,
    "_to_copy": lambda title, x, **rest: x,
    **{
        f"upsample_{mode}{d}d": _upsample("nearest" if mode == "nearest" else mode, mode != "nearest")
        for mode, d in (("nearest", 1), ("nearest", 2), ("nearest", 3), ("linear", 1), ("bilinear", 2),
                        ("trilinear", 3))
    },
}  # fmt: skip
