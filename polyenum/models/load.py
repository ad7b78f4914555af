"""The one way in: a network from a file, a torch module or arrays."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Any

from polyenum.errors import NetworkError, OptionError
from polyenum.models.choices import check_choice, check_shape
from polyenum.networks import PiecewiseLinearNetwork
from polyenum.options import file_path, flag


def load(
    net: Any,
    *,
    input_shape: Sequence[Any] | dict[str, Any] | None = None,
    inputs: Sequence[str | int] | None = None,
    outputs: Sequence[str | int] | None = None,
    ignore_output_activation: bool = False,
    check: bool = True,
    progress: bool = False,
) -> PiecewiseLinearNetwork:
    """Return a network from a file, a torch module or arrays.

    Weights keep their exact values, in float64.  What rounds, and how, is in `PiecewiseLinearNetwork.describe`:
    batch normalisation is folded into its neighbours, and averages and divisions multiply by rounded
    reciprocals.  Files are data: nothing in them is executed.

    Parameters
    ----------
    net : path, torch.nn.Module, sequence of (weight, bias), or PiecewiseLinearNetwork
        A path ends in ``.onnx`` or ``.onnx.gz``, ``.npz`` (arrays ``W0, b0, W1, ...``), ``.safetensors`` or
        ``.pt``/``.pth`` (state dicts; of plain stacks of Linear layers, with a ReLU after each but the last).  A
        module is run: once to read it, and some dozens of times to find its input's shape and to compare it.  It
        must not depend on the values of its input.  What it keeps in itself is set back afterwards; what it keeps
        elsewhere (global variables, iterators, files) is not.  A list of pairs means a ReLU after every layer but
        the last.
    input_shape : sequence of int, sequence or dict of such, optional
        The shape of one input, without the batch axis, where the model does not say it; for a model that takes
        several inputs a shape for each, in a sequence or by name.
    inputs, outputs : sequence of str or int, optional
        Which of a model's inputs and outputs are the network's, by name or position, in this order.  Several are
        one vector, one after the other.  By default all outputs, and all inputs that have no default value.
    ignore_output_activation : bool
        Leave out a sigmoid, softmax or the like at the very end, with a warning.
    check : bool
        Compare the network with the model itself at a few random points, and refuse what differs by more than
        rounding explains.
    progress : bool
        Show a bar on stderr while it is compared.

    Raises
    ------
    NetworkError
        If it is none of these, not piecewise linear, or damaged; the operation is named.
    OptionError
        If it has no such inputs or outputs, or no input of that name or number for a shape.

    Examples
    --------
    >>> load([([[1.0], [-1.0]], [0, 0]), ([[1.0, 1.0]], [0])])
    PiecewiseLinearNetwork(1 -> 2 -> 1, 2 units, 7 parameters)
    """
    for name, value in (
        ("ignore_output_activation", ignore_output_activation),
        ("check", check),
        ("progress", progress),
    ):
        flag(name, value)
    check_shape(input_shape)
    check_choice("inputs", inputs)
    check_choice("outputs", outputs)
    if isinstance(net, (list, tuple, PiecewiseLinearNetwork)) and (inputs, outputs) != (None, None):
        raise OptionError(
            "inputs and outputs choose among those of a torch module or an ONNX file; this network has one of each"
        )
    if isinstance(net, PiecewiseLinearNetwork):
        return net
    torch = sys.modules.get("torch")
    chosen: dict[str, Any] = {
        "input_shape": input_shape,
        "inputs": inputs,
        "outputs": outputs,
        "ignore_output_activation": ignore_output_activation,
        "check": check,
        "progress": progress,
    }
    if torch is not None and isinstance(net, torch.nn.Module):
        from polyenum.models.torch.module import from_module

        return from_module(net, **chosen)
    if isinstance(net, (str, os.PathLike)):
        net = file_path("net", net, NetworkError)
        from polyenum.models.files import load_file

        return load_file(net, **chosen)
    if isinstance(net, (list, tuple)):
        return PiecewiseLinearNetwork.from_arrays(net)
    raise NetworkError(
        f"cannot read a network from {type(net).__name__}; give a torch.nn.Module, the path of a model file, "
        "a list [(W, b), ...] or a PiecewiseLinearNetwork"
    )
