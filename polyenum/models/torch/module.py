"""Reading any ``torch.nn.Module`` that torch can run: it is run once (`torch_trace`), and compared afterwards."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import torch
from scipy import sparse

from polyenum.errors import NetworkError, OptionError
from polyenum.models.choices import Chosen, positions
from polyenum.models.lowering import lower
from polyenum.models.operators import constant_tensor, joined
from polyenum.models.tensor import SymbolicTensor
from polyenum.models.torch.check import check_module, refuse_chance
from polyenum.models.torch.inputs import (
    Inputs,
    Reading,
    find_inputs,
    flat_outputs,
    input_tensors,
)
from polyenum.models.torch.numbers import numbers
from polyenum.models.torch.state import undisturbed
from polyenum.models.torch.storage import Refused
from polyenum.models.torch.trace import Recorder
from polyenum.networks.network import PiecewiseLinearNetwork


def from_module(
    module: Any,
    *,
    input_shape: Sequence[Any] | None = None,
    inputs: Chosen = None,
    outputs: Chosen = None,
    ignore_output_activation: bool = False,
    check: bool = True,
    progress: bool = False,
) -> PiecewiseLinearNetwork:
    """Return the network that a ``torch.nn.Module`` computes in eval mode; see `polyenum.load`.

    Raises
    ------
    NetworkError
        For an operation that is not piecewise linear or not known, one in training mode whose eval mode
        differs, a shape that does not fit, a number that is not finite, a module that torch cannot run or that is
        not the network that was read.
    """
    module = getattr(module, "_orig_mod", module)  # of torch.compile
    _check_ready(module)
    taken = find_inputs(module, inputs, input_shape)
    reading = _read(module, taken, outputs)
    network = lower(reading.output, ignore_output_activation=ignore_output_activation)
    refuse_chance(module, taken, reading)
    if check:
        check_module(module, taken, reading, network, progress=progress)
    return network


def _check_ready(module: Any) -> None:
    """Raise if a module has layers that cannot be what they are in eval mode."""
    for name, layer in module.named_modules():
        kind = type(layer).__name__
        title = f"layer '{name}' ({kind})" if name else kind
        tensors = [*layer._parameters.values(), *layer._buffers.values()]
        if any(torch.nn.parameter.is_lazy(t) for t in tensors):
            raise NetworkError(f"{title} has no weights yet; call the module once")
        if any(t is not None and t.is_meta for t in tensors):
            raise NetworkError(f"{title} has no numbers (its tensors are on the meta device)")
        if isinstance(layer, torch.nn.modules.batchnorm._BatchNorm) and layer.running_mean is None:
            raise NetworkError(
                f"{title} keeps no running statistics and depends on the batch; use track_running_stats=True"
            )
        if not layer.training:
            continue
        if isinstance(layer, torch.nn.modules.batchnorm._NormBase) and layer.track_running_stats:
            raise NetworkError(
                f"{title} is in training mode, where it depends on the batch; call .eval() first"
            )
        random = isinstance(layer, torch.nn.modules.dropout._DropoutNd) and layer.p > 0
        if random or isinstance(layer, torch.nn.RReLU):
            raise NetworkError(
                f"{title} is in training mode, where it is random; call .eval() first"
            )


def _read(module: Any, inputs: Inputs, outputs: Chosen) -> Reading:
    failures = []
    with undisturbed(module):
        for dtype in _dtypes(module):
            recorder = Recorder(module)
            try:
                return _run(module, recorder, inputs, outputs, dtype)
            except (NetworkError, OptionError):
                raise
            except Exception as error:
                if recorder.refusal is not None:
                    raise recorder.refusal from error
                failures.append((recorder.failed, error))
    shapes = ", ".join(str((1, *shape)) for shape in inputs.shapes)
    where, failure = failures[0]
    raise NetworkError(
        f"{where or type(module).__name__}: torch cannot run this on an input of shape {shapes}, with a batch "
        f"axis of 1 ({str(failure).strip() or type(failure).__name__}). input_shape= is without the batch axis"
    ) from failure


def _run(module: Any, recorder: Recorder, inputs: Inputs, outputs: Chosen, dtype: Any) -> Reading:
    given = input_tensors(module, inputs, dtype)
    sizes = [t.numel() for t in given]
    whole = SymbolicTensor.inputs((sum(sizes),))
    ends = np.cumsum(sizes)
    for t, begin, end in zip(given, ends - sizes, ends, strict=True):
        part = whole.rearrange(partial(np.take, indices=np.arange(begin, end)))
        recorder.input(t, part.reshaped(tuple(t.shape)))
    with recorder.recording():
        found = inputs.call(module, given)
    if recorder.refusal is not None:  # and the module caught it
        raise recorder.refusal
    names, tensors = flat_outputs(found)
    taken = positions(outputs, names, "outputs")
    values = [_output(recorder, tensors[k], names[k] or str(k)) for k in taken]
    if not any(v.terms for v in values):
        if not any(recorder.storages.holds(tensors[k]) for k in taken):
            raise NetworkError(
                "the module must return a tensor that depends on its input; what it returns is constant"
            )
        nothing = sparse.csr_array((values[0].size, whole.size))
        # A sum would leave a term of zeros out; it says that the output is one of this input.
        values[0] = replace(values[0], terms=dict.fromkeys(whole.terms, nothing))
    unit = max(torch.finfo(d).eps / 2 for d in recorder.precisions)
    return Reading(_concatenated(values), taken, dtype, unit, recorder.left_out)


def _output(recorder: Recorder, tensor: Any, name: str) -> SymbolicTensor:
    """Return what is known of an output."""
    if not tensor.numel():
        raise NetworkError(f"output {name} has no elements: shape {tuple(tensor.shape)}")
    recorder.depends(tensor)
    value = recorder.storages.read(tensor)
    if isinstance(value, Refused):
        raise NetworkError(value.reason)
    return constant_tensor(numbers(tensor, "an output")) if value is None else value


def _concatenated(values: list[SymbolicTensor]) -> SymbolicTensor:
    """Return several outputs as one vector; activations that were left out stay marked."""
    flat = [replace(v, shape=(v.size,), dropped="") for v in values]
    whole = flat[0] if len(flat) == 1 else joined(flat, 0)
    return replace(whole, dropped=next((v.dropped for v in values if v.dropped), ""))


def _dtypes(module: Any) -> list[Any]:
    """Return the floats that a module may take, the likeliest first."""
    own = [t.dtype for t in [*module.parameters(), *module.buffers()] if t.is_floating_point()]
    found = [*own[:1], torch.float64, torch.float32, torch.float16, torch.bfloat16]
    return list(dict.fromkeys(found))
