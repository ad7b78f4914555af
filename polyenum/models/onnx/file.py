"""ONNX files as data: the model of a file, and the numbers of its tensors.

Nothing in a file is executed, and tensors that it keeps in files of their own must lie in its folder.
"""

from __future__ import annotations

import gzip
import math
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from polyenum.errors import NetworkError, missing_extra
from polyenum.files.unpacking import unpacked
from polyenum.models.tensor import checked_size

# protobuf itself stops at 2 GB.
MOST_BYTES = 2**31


def open_model(path: Path) -> Any:
    """Return the ``onnx.ModelProto`` of a ``.onnx`` or ``.onnx.gz`` file, without its external data.

    Raises
    ------
    NetworkError
        If it is damaged, too large, or no model.
    """
    try:
        import onnx
        from google.protobuf.message import DecodeError
    except ImportError:
        raise missing_extra("onnx", "onnx") from None
    try:
        model = onnx.load_model_from_string(_content(path))
    except (DecodeError, ValueError, RuntimeError) as error:
        if isinstance(error, NetworkError):
            raise
        raise NetworkError(f"{path}: not an ONNX model, or damaged ({error})") from None
    if not model.graph.node and not model.graph.input:
        raise NetworkError(f"{path}: not an ONNX model, or damaged (it has no graph)")
    if not model.graph.output:
        raise NetworkError(f"{path}: the model has no output")
    if model.graph.sparse_initializer:
        raise NetworkError(f"{path}: sparse initializers are not supported")
    if not all(isinstance(text, str) for text in _texts(model)):
        raise NetworkError(f"{path}: not an ONNX model, or damaged (a name is not UTF-8)")
    return model


def data_files(path: Path) -> list[Path]:
    """Return the files beside an ONNX file in which it says that its tensors are.

    Raises
    ------
    NetworkError
        If it is damaged, too large, or no model.
    """
    model = open_model(path)
    found = {
        entry.value
        for holder in (model.graph, *model.functions)
        for tensor in _stored(holder)
        for entry in tensor.external_data
        if entry.key == "location"
    }
    folder = path.resolve().parent  # as `_external` has it: a model may be a link
    return [folder / name for name in sorted(found) if "\0" not in name]


def _stored(holder: Any) -> Iterator[Any]:
    """Yield the tensors of a graph or a function, those in its nodes and branches too."""
    yield from getattr(holder, "initializer", ())
    for node in holder.node:
        for attribute in node.attribute:
            yield attribute.t
            yield from attribute.tensors
            for inner in (attribute.g, *attribute.graphs):
                yield from _stored(inner)


def _texts(model: Any) -> Iterator[Any]:
    """Yield the names in a model, which protobuf gives as bytes where they are damaged."""
    for kind in (model.graph.input, model.graph.output, model.graph.initializer):
        yield from (x.name for x in kind)
    for holder in (model.graph, *model.functions):
        for node in holder.node:
            yield from (node.name, node.op_type, node.domain, *node.input, *node.output)
            yield from (a.name for a in node.attribute)
    for imported in model.opset_import:
        yield imported.domain
    for function in model.functions:
        yield from (function.name, function.domain, *function.input, *function.output)


def _content(path: Path) -> bytes:
    if path.stat().st_size > MOST_BYTES:
        raise NetworkError(f"{path}: larger than ONNX files can be ({MOST_BYTES:,} bytes)")
    try:
        found = unpacked(path, MOST_BYTES)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise NetworkError(f"{path}: not a gzip file, or damaged ({error})") from None
    if found is None:
        raise NetworkError(
            f"{path}: unpacks to more than ONNX files can have ({MOST_BYTES:,} bytes)"
        )
    return found


def tensor_numbers(tensor: Any, path: Path) -> NDArray[Any]:
    """Return a tensor of the file at `path`, with the numbers' own type.

    Raises
    ------
    NetworkError
        If it is damaged, too large, holds no numbers, or its data lies outside the model's folder.
    """
    import onnx
    from onnx import numpy_helper

    title = f"tensor {tensor.name!r}" if tensor.name else "a tensor without a name"
    shape = list(tensor.dims)
    if math.prod(shape):
        checked_size(shape, title)
    if tensor.data_location == onnx.TensorProto.EXTERNAL:
        raw = _external(tensor, title, path)
        tensor = onnx.TensorProto.FromString(tensor.SerializeToString())
        del tensor.external_data[:]
        tensor.data_location = onnx.TensorProto.DEFAULT
        tensor.raw_data = raw
    try:
        array = numpy_helper.to_array(tensor)
    except (ValueError, TypeError, NotImplementedError, AttributeError, KeyError) as error:
        raise NetworkError(f"{title}: damaged ({error})") from None
    if array.dtype.kind not in "biuf" and not is_small_number(array.dtype):
        raise NetworkError(f"{title}: numbers of type {array.dtype} are not supported")
    return array


def is_small_number(kind: np.dtype[Any]) -> bool:
    """Return whether a type is one of the numbers that NumPy itself lacks: bfloat16, float8, int4, ..."""
    return kind.kind == "V" and kind.name.startswith(("bfloat", "float", "int", "uint"))


def as_float64(array: NDArray[Any]) -> NDArray[Any]:
    """Return floats as float64, integers as int64, exactly; booleans as they are."""
    if array.dtype.kind == "f" or array.dtype.name.startswith(("bfloat", "float")):
        return np.asarray(array, np.float64)
    if array.dtype.kind == "b":
        return array
    if array.dtype.kind == "u" and array.size and int(array.max()) >= 2**63:
        raise NetworkError("integers beyond 2**63 are not supported")
    return np.asarray(array, np.int64)


def _external(tensor: Any, title: str, path: Path) -> bytes:
    """Return the bytes that a tensor keeps in a file of the model's folder."""
    where = {entry.key: entry.value for entry in tensor.external_data}
    folder = path.resolve().parent
    try:
        target = (folder / where.get("location", "")).resolve()
        found = target.is_relative_to(folder) and target.is_file()
        size = target.stat().st_size if found else 0
    except (
        OSError,
        ValueError,
        RuntimeError,
    ):  # no name that the system takes, or links in a circle
        found = False
    if not found:
        name = where.get("location", "")
        shown = name if len(name) <= 200 else f"{name[:200]}..."
        raise NetworkError(
            f"{title}: its data is to be in {shown!r}, which is no file of the model's folder"
        )
    try:
        offset = int(where.get("offset", 0))
        length = int(where.get("length", size - offset))
    except ValueError:
        raise NetworkError(f"{title}: its place in {target.name!r} is damaged") from None
    if offset < 0 or length < 0 or offset + length > size:
        raise NetworkError(
            f"{title}: bytes {offset:,} to {offset + length:,} of {target.name!r}, which has {size:,}"
        )
    try:
        with target.open("rb") as file:
            file.seek(offset)
            return file.read(length)
    except OSError as error:
        raise NetworkError(
            f"{title}: its file {target.name!r} cannot be read ({error.strerror})"
        ) from None
