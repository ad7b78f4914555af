"""The inputs and outputs of a module of torch: which they are, and their shapes."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from polyenum.errors import NetworkError, OptionError
from polyenum.models.choices import Chosen, positions, refuse_missing, shapes_by_name
from polyenum.models.tensor import SymbolicTensor
from polyenum.models.torch.shapes import fx_graph, guess_shapes
from polyenum.models.torch.state import undisturbed


@dataclass(frozen=True)
class Inputs:
    """What a module's forward is called with.

    Attributes
    ----------
    names : tuple of str
        The parameters that are the network's inputs, in its order.
    shapes : tuple of tuple of int
        Of each, without the batch axis.
    by_position : tuple of str
        The parameters that are given by position, in the forward's order; the others by name.
    """

    names: tuple[str, ...]
    shapes: tuple[tuple[int, ...], ...]
    by_position: tuple[str, ...]

    def call(self, module: Any, tensors: Sequence[Any]) -> Any:
        """Return what the module returns for these inputs."""
        given = dict(zip(self.names, tensors, strict=True))
        positional = [given.pop(name) for name in self.by_position]
        return module(*positional, **given)


@dataclass(frozen=True)
class Reading:
    """What running a module said.

    Attributes
    ----------
    output : SymbolicTensor
        All chosen outputs, flat.
    positions : list of int
        Which of the module's outputs these are.
    dtype : torch.dtype
        Of the inputs.
    unit : float
        The unit roundoff of the coarsest floats in it.
    left_out : set of int
        Operators that were left out, as the last ones.
    """

    output: SymbolicTensor
    positions: list[int]
    dtype: Any
    unit: float
    left_out: set[int]


def find_inputs(module: Any, chosen: Chosen, input_shape: Any) -> Inputs:
    """Return a module's inputs.

    Raises
    ------
    NetworkError, OptionError
        If the module has no such inputs, or does not say a shape that was not given.
    """
    parameters = _parameters(module)
    required = [p.name for p in parameters if p.default is inspect.Parameter.empty]
    known = [p.name for p in parameters]
    if chosen is not None:
        names = [known[k] for k in positions(chosen, known, "inputs")]
    else:
        names = required or known[:1]
    if not names:
        raise NetworkError(f"the forward of {type(module).__name__} takes no input")
    missing = [name for name in required if name not in names]
    refuse_missing(chosen, missing, "which has no default value")
    by_position = []
    for p in parameters:
        if p.name not in names or p.kind is inspect.Parameter.KEYWORD_ONLY:
            break
        by_position.append(p.name)
    given = shapes_by_name(input_shape, names)
    if given and len(given) < len(names):
        without = next(name for name in names if name not in given)
        raise OptionError(
            f"input_shape must give a shape for each input, found none for {without!r}"
        )
    if given:
        shapes = [given[name] for name in names]
    else:
        with undisturbed(module):
            shapes = guess_shapes(module, names)
    return Inputs(tuple(names), tuple(shapes), tuple(by_position))


def _parameters(module: Any) -> list[inspect.Parameter]:
    """Return the parameters of a module's forward that can be tensors."""
    try:
        found = list(inspect.signature(module.forward).parameters.values())
    except (TypeError, ValueError):
        found = [inspect.Parameter("input", inspect.Parameter.POSITIONAL_ONLY)]
    graph = fx_graph(module)
    placeholders = [n for n in graph.nodes if n.op == "placeholder"] if graph is not None else []
    kinds = {p.kind for p in found}
    if inspect.Parameter.VAR_POSITIONAL in kinds and not any(
        p.kind <= inspect.Parameter.POSITIONAL_OR_KEYWORD for p in found
    ):
        names = [str(n.target) for n in placeholders] or ["input"]
        return [inspect.Parameter(name, inspect.Parameter.POSITIONAL_ONLY) for name in names]
    skipped = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return [p for p in found if p.kind not in skipped]


def input_tensors(
    module: Any, inputs: Inputs, dtype: Any, x: NDArray[np.float64] | None = None
) -> list[Any]:
    """Return the inputs, from one flat vector if it is given."""
    import torch

    device = next((p.device for p in module.parameters()), None)
    if x is None:
        x = np.random.default_rng(0).normal(size=sum(int(np.prod(s)) for s in inputs.shapes))
    found, begin = [], 0
    for shape in inputs.shapes:
        size = int(np.prod(shape))
        part = torch.tensor(x[begin : begin + size], dtype=dtype, device=device)
        found.append(part.reshape(1, *shape))
        begin += size
    return found


def flat_outputs(found: Any) -> tuple[list[str], list[Any]]:
    """Return the tensors that a module returned, with their names where they have some."""
    import torch
    from torch.utils._pytree import tree_flatten_with_path

    names, tensors = [], []
    for path, leaf in tree_flatten_with_path(found)[0]:
        if leaf is None:
            continue
        if not isinstance(leaf, torch.Tensor):
            raise NetworkError(
                f"the module must return one or more tensors, found {type(leaf).__name__}"
            )
        last = getattr(path[-1], "key", getattr(path[-1], "name", None)) if path else None
        names.append(last if isinstance(last, str) else "")
        tensors.append(leaf)
    if not tensors:
        raise NetworkError("the module returns nothing")
    return names, tensors
