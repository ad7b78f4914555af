"""Networks from files: model files are data, and nothing in them is executed."""

from __future__ import annotations

import os
import re
import warnings
import zipfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from polyenum.errors import FileError, NetworkError, OptionError, import_extra, missing_extra
from polyenum.files.archive import read_archive
from polyenum.models.tensor import MOST_ELEMENTS
from polyenum.networks.network import PiecewiseLinearNetwork


def load_file(
    path: str | os.PathLike[str],
    *,
    input_shape: Any = None,
    inputs: Sequence[str | int] | None = None,
    outputs: Sequence[str | int] | None = None,
    ignore_output_activation: bool = False,
    check: bool = True,
    progress: bool = False,
) -> PiecewiseLinearNetwork:
    """Return the network in a file; see `polyenum.load`."""
    file = Path(path)
    if file.is_dir():
        raise NetworkError(f"{file}: is a folder, not a model file")
    if not file.is_file():
        raise NetworkError(f"{file}: no such file")
    kind = file.suffix.lower()
    if kind == ".onnx" or file.name.lower().endswith(".onnx.gz"):
        from polyenum.models.onnx.graph import load_onnx

        return load_onnx(
            file, input_shape=input_shape, inputs=inputs, outputs=outputs, check=check, progress=progress,
            ignore_output_activation=ignore_output_activation,
        )  # fmt: skip
    if kind == ".pt2":
        raise NetworkError(
            f"{file}: a .pt2 file keeps pickles beside its weights, so it is not read; load it yourself "
            "with torch.export.load(...).module() and pass the module"
        )
    if kind not in _ARRAYS:
        raise NetworkError(
            f"{file}: unknown kind of file {kind!r}; known are .onnx, .onnx.gz, {', '.join(sorted(_ARRAYS))}"
        )
    if inputs is not None or outputs is not None:
        raise OptionError(
            f"inputs and outputs choose among those of a torch module or an ONNX file; {file} holds weights only"
        )
    return stack_of_layers(_ARRAYS[kind](file), str(file))


def _read_npz(file: Path) -> dict[str, Any]:
    try:
        return dict(
            read_archive(
                file,
                what="an npz file of plain arrays",
                most_bytes=8 * MOST_ELEMENTS,
                compressed=True,
            )
        )
    except FileError as error:
        raise NetworkError(str(error)) from None


def _read_safetensors(file: Path) -> dict[str, Any]:
    try:
        from safetensors import SafetensorError, safe_open
    except ImportError:
        raise missing_extra("safetensors", "safetensors") from None
    try:
        with safe_open(file, framework="pt") as data:
            return {name: data.get_tensor(name) for name in data.keys()}  # noqa: SIM118
    except (SafetensorError, ValueError, OSError) as error:
        raise NetworkError(f"{file}: not a safetensors file, or damaged ({error})") from None


def _read_state_dict(file: Path) -> dict[str, Any]:
    import pickle

    torch = import_extra("torch", "torch")
    _refuse_more_than(file, _unpacked(file))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of pickles that are refused anyway
            found = torch.load(file, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise NetworkError(
            f"{file}: holds more than weights, which would have to be executed, so it was not read; save "
            f"model.state_dict() instead, or pass the module itself ({str(error).splitlines()[0]})"
        ) from None
    except (RuntimeError, ValueError, EOFError, OSError, KeyError, zipfile.BadZipFile) as error:
        raise NetworkError(f"{file}: not a file of torch.save, or damaged ({error})") from None
    if isinstance(found, Mapping) and isinstance(found.get("state_dict"), Mapping):
        found = found["state_dict"]
    if not isinstance(found, Mapping) or not all(
        isinstance(v, torch.Tensor) for v in found.values()
    ):
        raise NetworkError(
            f"{file}: expected a state dict of tensors, found {type(found).__name__}"
        )
    _refuse_no_weights(file, found)
    _refuse_more_than(file, sum(t.numel() * t.element_size() for t in found.values()))
    return dict(found)


def _unpacked(file: Path) -> int:
    """Return how many bytes the entries of a zip archive say that they have; 0 if it is none."""
    try:
        with zipfile.ZipFile(file) as archive:
            return sum(entry.file_size for entry in archive.infolist())
    except Exception:  # zipfile has several for damaged bytes, of which torch says more
        return 0


def _refuse_more_than(file: Path, size: int) -> None:
    """Raise if a small file would take much memory.

    Raises
    ------
    NetworkError
    """
    most = max(8 * MOST_ELEMENTS, file.stat().st_size)
    if size > most:
        raise NetworkError(
            f"{file}: its tensors would take {size:,} bytes, more than {most:,}, and the file has fewer; save "
            "copies that share nothing, uncompressed"
        )


def _refuse_no_weights(file: Path, found: Mapping[Any, Any]) -> None:
    """Raise if tensors in a state dict have no names, or no numbers of their own.

    Raises
    ------
    NetworkError
    """
    import torch

    for key, tensor in found.items():
        if not isinstance(key, str):
            raise NetworkError(
                f"{file}: the names in a state dict are text, such as '0.weight'; found {key!r}"
            )
        if tensor.device.type == "meta":
            raise NetworkError(
                f"{file}: {key!r} has a shape, and no numbers (it is on the device 'meta')"
            )
        if tensor.layout != torch.strided or tensor.is_quantized or tensor.is_nested:
            raise NetworkError(
                f"{file}: {key!r} is sparse, quantized or nested; save it as a plain tensor"
            )
        held = tensor.untyped_storage().nbytes() // tensor.element_size()
        if tensor.numel() > held:
            raise NetworkError(
                f"{file}: {key!r} has {tensor.numel()} elements, of which the file holds {held} and repeats them; "
                "save a copy that has them all (tensor.contiguous())"
            )


_ARRAYS: dict[str, Callable[[Path], dict[str, Any]]] = {
    ".npz": _read_npz,
    ".safetensors": _read_safetensors,
    ".pt": _read_state_dict,
    ".pth": _read_state_dict,
}


def stack_of_layers(arrays: Mapping[str, Any], name: str) -> PiecewiseLinearNetwork:
    """Return the ReLU network of named arrays: ``W0, b0, W1, ...`` or ``0.weight, 0.bias, 2.weight, ...``.

    Such arrays do not say what is between the layers, so only plain stacks of Linear layers with a ReLU
    after each but the last are taken; the layers' widths must chain.

    Raises
    ------
    NetworkError
        If the names or shapes say otherwise.
    """
    layers: dict[str, dict[str, Any]] = {}
    short_names = False
    for key, array in arrays.items():
        if re.search("[0-9]{19}", key):
            raise NetworkError(
                f"{name}: a number in the name {key[:80]!r} is too long for a layer's"
            )
        short = re.fullmatch(r"([Wb])_?([0-9]+)", key)
        if short:
            prefix, part = str(int(short[2])), "weight" if short[1] == "W" else "bias"
            short_names = True
        else:
            prefix, _, part = key.rpartition(".")
        if part not in ("weight", "bias"):
            raise NetworkError(
                f"{name}: holds {key!r}, so it is no plain stack of Linear layers; pass the module with these "
                "weights loaded (or arrays named W0, b0, W1, ...)"
            )
        if part in layers.setdefault(prefix, {}):
            raise NetworkError(
                f"{name}: holds the {part} of layer {prefix!r} twice, under two names"
            )
        layers[prefix][part] = array
    ordered = sorted(layers, key=_natural)
    for prefix in ordered:
        shape = tuple(layers[prefix].get("weight", np.zeros(0)).shape)
        if len(shape) != 2:
            raise NetworkError(
                f"{name}: {prefix or 'a layer'!r} has a weight of shape {shape}, so it is no Linear layer; pass "
                "the module with these weights loaded"
            )
    if not ordered:
        raise NetworkError(f"{name}: holds no arrays")
    _refuse_gaps(ordered, name, by_one=short_names)
    return PiecewiseLinearNetwork.from_arrays(
        [(layers[p]["weight"], layers[p].get("bias")) for p in ordered]
    )


# In a torch.nn.Sequential the layers are numbered with what is between them: an activation, and a dropout.
_LARGEST_STEP = 3


def _refuse_gaps(prefixes: Sequence[str], name: str, *, by_one: bool) -> None:
    """Refuse numbered layers of which some are missing.

    ``fc1, fc2`` count by one, and so do ``W0, W1`` (`by_one`).  ``0, 2, 4`` are the layers of a Sequential, with
    what has no weights between them: any small step, as long as all are the same.

    Raises
    ------
    NetworkError
        If the numbers leave some out.
    """
    children: dict[tuple[str, ...], set[int]] = {}
    alone: set[tuple[str, ...]] = set()
    for prefix in prefixes:
        parts = re.split(r"([0-9]+)", prefix)
        for i in range(1, len(parts), 2):
            parent = tuple(parts[:i])
            children.setdefault(parent, set()).add(int(parts[i]))
            if parts[i - 1][-1:] in ("", ".") and parts[i + 1][:1] in ("", "."):
                alone.add(parent)
    for parent, found in children.items():
        numbers = sorted(found)
        indices = parent in alone
        steps = {b - a for a, b in zip(numbers[:-1], numbers[1:], strict=True)}
        largest = _LARGEST_STEP if indices and not by_one else 1
        late = numbers[0] > 1 and (indices or len(numbers) > 1)
        if late or len(steps) > 1 or max(steps, default=1) > largest:
            shown = ", ".join(map(str, numbers[:8])) + (", ..." if numbers[8:] else "")
            where = f" {''.join(parent)!r}" if "".join(parent) else ""
            raise NetworkError(
                f"{name}: the numbers of its layers{where} are {shown}, so some layers seem to be missing; number "
                "them without gaps, or pass the module with these weights loaded"
            )


def _natural(name: str) -> list[tuple[int, int | str]]:
    """Return a key that sorts numbers within names as numbers."""
    return [
        (0, int(p)) if p.isascii() and p.isdigit() else (1, p)
        for p in re.split(r"([0-9]+)", name)
        if p
    ]
