"""Comparing a network with the module of torch that it was read from.

The module runs twice at each point: in its own floats, exactly as a user runs it, and in float64, where what was
read can be held against it far more sharply.  For the latter no module is copied: numbers that depend on the input
are float64, and what they meet is made so.  Constants that the module computes in its own floats stay as they are.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils._pytree import tree_leaves, tree_map_only

from polyenum.errors import NetworkError
from polyenum.models.comparison import compare
from polyenum.models.torch.inputs import Inputs, Reading, flat_outputs, input_tensors
from polyenum.models.torch.operators import operator_name
from polyenum.models.torch.state import undisturbed
from polyenum.models.torch.trace import Watched, is_random, watching, written
from polyenum.networks.network import PiecewiseLinearNetwork

_DOUBLE = float(np.finfo(np.float64).eps) / 2


class _CannotRunError(NetworkError):
    """A module cannot be run at some point."""


class Rerun(Watched):
    """Runs a module again, with some changes.

    Attributes
    ----------
    left_out : set of int
        Operators whose input is passed on.
    doubled : bool
        Compute in float64 what depends on a float64 number.
    predictable : bool
        Raise where something is random.
    rounded : bool
        Whether numbers were written where only coarser floats are.
    """

    def __init__(self, left_out: set[int], *, doubled: bool = False, predictable: bool = False):
        super().__init__()
        self.left_out, self.doubled, self.predictable = left_out, doubled, predictable
        self.rounded = False

    def run(self, function: Any, args: tuple, kwargs: dict[str, Any]) -> Any:
        self.count += 1
        name = operator_name(function)
        if self.count in self.left_out:
            targets = written(function, args, kwargs)
            if targets:
                return targets[0].copy_(args[0])
            return (args[0].clone(),) * 2 if name == "log_sigmoid_forward" else args[0].clone()
        if self.predictable and is_random(function):
            raise NetworkError(name)
        if self.doubled:
            return self._doubled(function, name, args, kwargs)
        return function(*args, **kwargs)

    def smooth(self, name: str, function: Any, args: tuple, kwargs: dict[str, Any]) -> Any:
        self.count += 1
        return args[0].clone() if self.count in self.left_out else function(*args, **kwargs)

    def _doubled(self, function: Any, name: str, args: tuple, kwargs: dict[str, Any]) -> Any:
        tensors = [t for t in tree_leaves((args, kwargs)) if isinstance(t, torch.Tensor)]
        if not any(t.dtype == torch.float64 for t in tensors):
            return function(*args, **kwargs)
        kept = {id(t) for t in written(function, args, kwargs)}

        def raised(t: Any) -> Any:
            coarse = t.is_floating_point() and t.dtype != torch.float64
            if coarse and id(t) in kept:
                self.rounded = True
            return t.double() if coarse and id(t) not in kept else t

        args, kwargs = tree_map_only(torch.Tensor, raised, (args, kwargs))
        asked = kwargs.get("dtype")
        if asked is not None and asked.is_floating_point:
            kwargs = {**kwargs, "dtype": torch.float64}
        return function(*args, **kwargs)


def refuse_chance(module: Any, inputs: Inputs, reading: Reading) -> None:
    """Raise if a module in training mode is random there: it was read in eval mode.

    Raises
    ------
    NetworkError
    """
    if not any(m.training for m in module.modules()):
        return
    rerun = Rerun(set(), predictable=True)
    with undisturbed(module, training=True), watching(rerun):
        try:
            inputs.call(module, input_tensors(module, inputs, reading.dtype))
        except NetworkError as error:
            raise NetworkError(
                f"{type(module).__name__} is in training mode, where it is random ({error}); call .eval() first"
            ) from None
        except Exception:
            return  # it cannot run in this mode, and in eval mode it ran


def check_module(
    module: Any,
    inputs: Inputs,
    reading: Reading,
    network: PiecewiseLinearNetwork,
    *,
    progress: bool,
) -> None:
    """Compare the network with what the module computes.

    Raises
    ------
    NetworkError
        If they differ, or the module cannot be run.
    """
    name = type(module).__name__
    failure: Exception | None = None
    ran = False
    for doubled in (False, True):
        if doubled and reading.unit <= _DOUBLE:
            continue
        rerun = Rerun(reading.left_out, doubled=doubled)
        unit = _DOUBLE if doubled else reading.unit
        with undisturbed(module):
            evaluate = _evaluation(module, inputs, reading, rerun)
            try:
                evaluate(np.zeros(network.input_dim))
                compare(network, evaluate, name=name, precision=unit, progress=progress)
            except _CannotRunError as error:
                failure = failure or error
                continue
            except NetworkError:
                if not rerun.rounded:
                    raise
            ran = True
    if not ran:
        raise NetworkError(
            f"{name} cannot be run at every point, so what was read cannot be compared with it ({failure}). It "
            "must take any numbers, and give the same outputs for them each time; check=False loads it without "
            "this comparison"
        ) from failure
    if any(m.training for m in module.modules()):
        _check_training(module, inputs, reading, network)


def _check_training(
    module: Any, inputs: Inputs, reading: Reading, network: PiecewiseLinearNetwork
) -> None:
    """Raise if a module in training mode computes something else there."""
    name = type(module).__name__
    with undisturbed(module, training=True):
        evaluate = _evaluation(module, inputs, reading, Rerun(reading.left_out))
        try:
            compare(network, evaluate, name=name, precision=reading.unit, count=1)
        except NetworkError as error:
            raise NetworkError(
                f"{name} is in training mode, where it computes something else than in eval mode; "
                f"call .eval() first ({error})"
            ) from error


def _evaluation(
    module: Any, inputs: Inputs, reading: Reading, rerun: Rerun
) -> Callable[[NDArray[np.float64]], NDArray[np.float64]]:
    """Return the function that the module computes, of flat vectors; `_CannotRunError` where it fails."""
    dtype = torch.float64 if rerun.doubled else reading.dtype

    def run(x: NDArray[np.float64]) -> NDArray[np.float64]:
        rerun.count = 0
        given = input_tensors(module, inputs, dtype, x)
        with ExitStack() as stack:
            if rerun.doubled or rerun.left_out:
                stack.enter_context(watching(rerun))
            found = inputs.call(module, given)
        _, tensors = flat_outputs(found)
        parts = [tensors[k].detach().cpu().double().reshape(-1) for k in reading.positions]
        return torch.cat(parts).numpy()

    def evaluate(x: NDArray[np.float64]) -> NDArray[np.float64]:
        try:
            return run(x)
        except Exception as error:  # whatever a module raises
            raise _CannotRunError(f"{type(error).__name__}: {error}") from error

    return evaluate
