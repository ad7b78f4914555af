"""What arguments mean: networks, domains, saved regions."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from polyenum.domains import Box, Domain, Slice, load_vnnlib
from polyenum.errors import DomainError, FileError, NetworkError, OptionError
from polyenum.files import arrays as storage
from polyenum.models.load import load
from polyenum.networks import PiecewiseLinearNetwork
from polyenum.regions.complex import RegionComplex
from polyenum.regions.opening import open_regions
from polyenum.regions.storage import FORMAT

MOST_BYTES = 1 << 30


def network_of(
    file: Path,
    shapes: Sequence[str] | None,
    ignore_output_activation: bool,
    *,
    inputs: Sequence[str] | None = None,
    outputs: Sequence[str] | None = None,
    check: bool = True,
) -> PiecewiseLinearNetwork:
    """Return the network of a model file; errors name the options of the command line."""
    given = [_shape(text) for text in shapes or []]
    try:
        return load(
            file,
            input_shape=given[0] if len(given) == 1 else given or None,
            inputs=list(inputs) if inputs else None,
            outputs=list(outputs) if outputs else None,
            check=check,
            ignore_output_activation=ignore_output_activation,
        )
    except (NetworkError, OptionError) as error:
        if is_saved(file):
            raise FileError(
                f"{file}: holds saved regions, and this command takes a model"
            ) from None
        if isinstance(error, NetworkError):
            raise NetworkError(_as_options(str(error))) from None
        raise


def _shape(text: str) -> list[int]:
    if not re.fullmatch(r"[0-9]{1,18}( *, *[0-9]{1,18})*", text):
        raise OptionError(
            f"--input-shape must be whole numbers with commas, as 1,28,28; found {text!r}"
        )
    return [int(n) for n in text.split(",")]


def _as_options(message: str) -> str:
    """Return a message with the command line's options in place of Python's arguments."""
    message = message.replace("ignore_output_activation=True", "--ignore-output-activation")
    message = re.sub(r"\bcheck=False\b", "--no-check", message)
    shape = r"\binput_shape=\(([0-9]+(?:, [0-9]+)*),?\)"
    message = re.sub(shape, lambda found: "--input-shape " + found[1].replace(" ", ""), message)
    return re.sub(r"\binput_shape=(?=[,;. ]|$)", "--input-shape", message)


def is_saved(file: Path) -> bool:
    """Return whether a file holds saved regions; else it is to be a model."""
    if file.suffix.lower() != ".npz" or not file.is_file():
        return False
    try:
        header, _ = storage.read(file, only_header=True)
    except FileError:
        return False
    return header.get("format") == FORMAT


def saved(file: Path) -> RegionComplex:
    """Return the regions in a file."""
    return open_regions(file)


def domain_of(
    network: PiecewiseLinearNetwork,
    boxes: Sequence[str],
    points: tuple[Path, Path, Path] | None,
    vnnlib: Path | None,
) -> Domain:
    """Return the domain that the options name.

    Raises
    ------
    DomainError
        If they name none, or several.
    """
    domains = domains_of(network, boxes, points, vnnlib)
    if len(domains) > 1:
        raise DomainError(
            f"{vnnlib}: names {len(domains):,} sets of inputs, and this command takes one; polyenum count counts "
            "them all, and pe.load_vnnlib returns a list of them"
        )
    return domains[0]


def domains_of(
    network: PiecewiseLinearNetwork,
    boxes: Sequence[str],
    points: tuple[Path, Path, Path] | None,
    vnnlib: Path | None,
) -> list[Domain]:
    """Return the domains that the options name: one, or those of a property with several sets of inputs.

    Raises
    ------
    DomainError
        If they name none, or contradict each other.
    """
    if vnnlib is not None:
        if boxes or points is not None:
            raise DomainError("--vnnlib says the whole domain; leave out --box and --slice")
        return [domain for domain, _ in load_vnnlib(vnnlib, as_list=True)]
    return [_named_domain(network, boxes, points)]


def _named_domain(
    network: PiecewiseLinearNetwork, boxes: Sequence[str], points: tuple[Path, Path, Path] | None
) -> Domain:
    ranges = [_range(text) for part in boxes for text in part.split(",")]
    if points is not None:
        low, high = _bounds(ranges or [(0.0, 1.0)], 2)
        return Slice.through(*(_point(file) for file in points), lower=low, upper=high)
    if not ranges:
        raise DomainError(
            "no domain: give --box LOW:HIGH (for all axes, or one for each), --slice A.npy B.npy C.npy, or "
            "--vnnlib FILE"
        )
    low, high = _bounds(ranges, network.input_dim)
    return Box(low, high)


def _range(text: str) -> tuple[float, float]:
    low, colon, high = text.partition(":")
    try:
        if not colon:
            raise ValueError
        return _number(low), _number(high)
    except ValueError:
        raise DomainError(f"--box must be LOW:HIGH, as -2:2, found {text!r}") from None


def _number(text: str) -> float:
    """Return the number that a text is, as C and JSON write numbers: without underscores and foreign digits."""
    if not text.isascii() or "_" in text:
        raise ValueError
    return float(text)


def _bounds(
    ranges: Sequence[tuple[float, float]], dim: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    if len(ranges) not in (1, dim):
        raise DomainError(
            f"--box: {len(ranges)} ranges for {dim} axes; give one for all, or one for each"
        )
    pairs = np.array([*ranges] * (dim if len(ranges) == 1 else 1), np.float64)
    return pairs[:, 0], pairs[:, 1]


def _point(file: Path) -> NDArray[np.float64]:
    if not file.is_file():
        raise DomainError(f"{file}: no such file")
    if file.suffix.lower() != ".npy":
        raise DomainError(f"{file}: not an .npy file of numbers; numpy.save writes one")
    try:
        # A map, so that a size that is only claimed takes no memory.
        array = np.load(file, mmap_mode="r", allow_pickle=False)
        if not isinstance(array, np.ndarray) or array.nbytes > MOST_BYTES:
            raise ValueError("no array of a point")
        return np.array(array, np.float64).ravel()
    except (ValueError, TypeError, EOFError, OSError):
        raise DomainError(
            f"{file}: not an .npy file of numbers, or damaged; numpy.save writes one"
        ) from None


def input_files(model: Path, vnnlib: Path | None, points: tuple[Path, ...] | None) -> list[Path]:
    """Return the files that a command reads, which no result may take the place of."""
    named = [file for file in (model, vnnlib, *(points or ())) if file is not None]
    if model.name.lower().endswith((".onnx", ".onnx.gz")) and model.is_file():
        from polyenum.models.onnx.file import data_files

        named += data_files(model)
    return named
