"""Operators of ATen that only move numbers: what goes where is found by moving the elements' numbers.

So torch itself says what padding, indexing, scattering or shuffling does.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from polyenum.errors import NetworkError
from polyenum.models import operators as op
from polyenum.models.tensor import SymbolicTensor
from polyenum.models.torch.operators import added_at

MOVES = {
    "clone", "cat", "concat", "stack", "flip", "roll", "rot90", "repeat", "index", "index_select", "gather",
    "take", "slice_scatter", "select_scatter", "diagonal_scatter", "index_put", "masked_fill",
    "masked_scatter", "masked_select", "constant_pad_nd", "pixel_shuffle", "pixel_unshuffle", "channel_shuffle",
    "native_channel_shuffle", "tril", "triu", "im2col", "where", "scatter", "index_copy", "index_fill", "put",
    "diag_embed", "block_diag", "copy", "fill", "zero", "_unsafe_index", "_unsafe_index_put", "unsafe_split",
    "unsafe_split_with_sizes", "unsafe_chunk", "_reshape_copy", "lift_fresh_copy",
    *(f"{kind}_pad{d}d" for kind in ("reflection", "replication") for d in (1, 2, 3)),
    *(f"{kind}{d}d" for kind in ("upsample_nearest", "_upsample_nearest_exact") for d in (1, 2, 3)),
    *(f"{view}_copy" for view in (
        "view", "alias", "detach", "diagonal", "expand", "permute", "select", "slice", "split",
        "split_with_sizes", "squeeze", "t", "transpose", "unbind", "unfold", "unsqueeze",
    )),
}  # fmt: skip

# Arguments that are places, and not what is moved.
_PLACES = {"index", "indices", "mask", "condition"}
# Numbers that are put somewhere.
_FILLINGS = {"value", "fill_value", "self", "other"}


def move(title: str, function: Any, args: tuple, kwargs: dict[str, Any], read: Any) -> Any:
    """Return what an operator that moves numbers gives: a value, or a list of them.

    Parameters
    ----------
    title : str
    function : torch._ops.OpOverload
    args, kwargs : tuple, dict
        The operator's, tensors of torch.
    read : callable
        Gives a `SymbolicTensor` or an array for a tensor.
    """
    import torch

    names = [a.name for a in function._schema.arguments]
    given = {**dict(zip(names, args, strict=False)), **kwargs}
    if given.get("accumulate") or "reduce" in given:
        return _added(title, given, read)
    parts: list[Any] = [op.constant_tensor(np.zeros(1))]
    first = 1

    def number(value: Any) -> Any:
        nonlocal first
        if isinstance(value, (list, tuple)):
            return [number(v) for v in value]
        if value is None:
            return None
        known = read(value) if isinstance(value, torch.Tensor) else np.asarray(float(value))
        if not isinstance(known, SymbolicTensor):
            known = op.constant_tensor(known)
        parts.append(known.reshaped((known.size,)))
        first += known.size
        found = torch.arange(first - known.size, first, dtype=torch.float64)
        return found.reshape(known.shape) if isinstance(value, torch.Tensor) else found.item()

    def replaced(name: str, value: Any) -> Any:
        tensors = isinstance(value, torch.Tensor) or (
            isinstance(value, (list, tuple)) and any(isinstance(v, torch.Tensor) for v in value)
        )
        if name in _PLACES:
            return torch.utils._pytree.tree_map_only(torch.Tensor, lambda t: t.cpu(), value)
        filling = name in _FILLINGS and isinstance(value, (int, float))
        return number(value) if tensors or filling else value

    moved = [replaced(name, value) for name, value in zip(names, args, strict=False)]
    named = {
        k: replaced(k, v)
        for k, v in kwargs.items()
        if k not in ("dtype", "device", "layout", "out")
    }
    found = function(*moved, **named)
    pool = op.joined(parts, 0)
    if isinstance(found, (list, tuple)):
        return [_taken(pool, t) for t in found]
    return _taken(pool, found)


def _added(title: str, given: dict[str, Any], read: Any) -> Any:
    """Return a tensor to some of whose elements values are added."""
    import torch

    if "indices" not in given:
        raise NetworkError(
            f"{title}: putting numbers where others are, together with them, is not supported"
        )
    x, values = read(given["self"]), read(given["values"])
    indices = [None if i is None else i.cpu() for i in given["indices"]]
    numbered = torch.arange(int(np.prod(x.shape))).reshape(x.shape)
    places = torch.ops.aten.index.Tensor(numbered, indices).numpy()
    return added_at(title, x, places, op.broadcast(values, places.shape))


def _taken(pool: Any, numbers: Any) -> Any:
    places = numbers.numpy().astype(np.int64)
    return op.rearrange(pool, lambda a: a[places])
