"""The functions that a model brings along: each gets a name of its own, and none may call itself."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from polyenum.errors import NetworkError
from polyenum.models.onnx.file import tensor_numbers

Key = tuple[str, str, str]
"""A function's domain, name and overload."""


def check_functions(model: Any, path: Path) -> None:
    """Give functions that only differ in their overload names of their own, in place.

    Readers of a model and runtimes that know nothing of overloads take the right function then.

    Raises
    ------
    NetworkError
        If two functions have all in common, a call finds no function, or a function calls itself.
    """
    functions: dict[Key, Any] = {}
    for f in model.functions:
        key = _key(f, f.name)
        if key in functions:
            raise NetworkError(f"{path}: two functions are both {_named(key)}; each must be one")
        functions[key] = f
    taken = {(domain, name) for domain, name, _ in functions}
    names: dict[Key, str] = {}
    for key in functions:
        domain, name, overload = key
        if overload:
            name = f"{name}_{overload}"
            while (domain, name) in taken:
                name += "_"
            taken.add((domain, name))
        names[key] = name
    calls: dict[Key, list[Key]] = {}
    for key, f in functions.items():
        calls[key] = _renamed(f.node, names, path)
        f.name = names[key]
        f.overload = ""
    _renamed(model.graph.node, names, path)
    _refuse_circles(calls, path)


def _key(proto: Any, name: str) -> Key:
    return ("" if proto.domain == "ai.onnx" else proto.domain, name, getattr(proto, "overload", ""))


def _named(key: Key) -> str:
    domain, name, overload = key
    return f"{name!r} of {domain!r}" + (f" with the overload {overload!r}" if overload else "")


def _renamed(nodes: Sequence[Any], names: dict[Key, str], path: Path) -> list[Key]:
    """Give calls the functions' new names; return the functions that are called."""
    found = []
    for node in all_nodes(nodes):
        key = _key(node, node.op_type)
        if key in names:
            found.append(key)
            node.op_type, node.overload = names[key], ""
        elif key[2]:
            raise NetworkError(
                f"{path}: node {node.name or node.op_type!r} calls {_named(key)}, which the model lacks"
            )
    return found


def _refuse_circles(calls: dict[Key, list[Key]], path: Path) -> None:
    """Raise if some function calls itself, if only by way of others."""
    left = {key: set(called) for key, called in calls.items()}
    while left:
        done = [key for key, called in left.items() if not called & left.keys()]
        if not done:
            key = next(iter(left))
            passed: list[Key] = []
            while key not in passed:
                passed.append(key)
                key = next(k for k in calls[key] if k in left)
            raise NetworkError(f"{path}: the function {_named(key)} calls itself, so it never ends")
        for key in done:
            del left[key]


def all_nodes(nodes: Sequence[Any]) -> Iterator[Any]:
    """Yield nodes, and those of their branches and loops."""
    stack = list(nodes)[::-1]
    while stack:
        node = stack.pop()
        yield node
        for graph in _graphs(node):
            stack += list(graph.node)[::-1]


def _graphs(node: Any) -> Iterator[Any]:
    for a in node.attribute:
        if a.HasField("g"):
            yield a.g
        yield from a.graphs


def called_functions(nodes: Sequence[Any], functions: Sequence[Any]) -> list[Any]:
    """Return the functions that nodes call, themselves or by way of others."""
    by_name = {_key(f, f.name)[:2]: f for f in functions}
    stack, found = list(nodes), set[tuple[str, str]]()
    while stack:
        for node in all_nodes([stack.pop()]):
            key = _key(node, node.op_type)[:2]
            if key in by_name and key not in found:
                found.add(key)
                stack += by_name[key].node
    return [f for key, f in by_name.items() if key in found]


def with_own_numbers(holder: Any, path: Path) -> Any:
    """Return a copy of a node or a function whose tensors hold their numbers themselves.

    Raises
    ------
    NetworkError
        If a tensor's data is not in the model's folder, or of a kind that cannot be taken over.
    """
    copy = type(holder)()
    copy.CopyFrom(holder)
    for node in all_nodes(copy.node if hasattr(copy, "node") else [copy]):
        for a in node.attribute:
            if a.HasField("t"):
                _embed(a.t, path)
            for tensor in a.tensors:
                _embed(tensor, path)
            sparse = [
                *([a.sparse_tensor] if a.HasField("sparse_tensor") else []),
                *a.sparse_tensors,
            ]
            for graph in _graphs(node):
                for tensor in graph.initializer:
                    _embed(tensor, path)
                sparse += graph.sparse_initializer
            for tensor in sparse:
                _embed(tensor.values, path)
                _embed(tensor.indices, path)
    return copy


def _embed(tensor: Any, path: Path) -> None:
    """Put a tensor's numbers into it, in place, where they are in a file of their own."""
    from onnx import TensorProto, numpy_helper

    if tensor.data_location == TensorProto.EXTERNAL:
        numbers = np.ascontiguousarray(tensor_numbers(tensor, path))
        made = numpy_helper.from_array(numbers.reshape(tuple(tensor.dims)), tensor.name)
        tensor.CopyFrom(made)
