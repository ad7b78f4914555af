"""Named arrays and a header in one npz file, written in one piece and read with suspicion.

Arrays are stored as they are, without compression, so that a file never takes more memory than its own size.
"""

from __future__ import annotations

import json
import math
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from polyenum.errors import FileError
from polyenum.storage.output import written

HEADER = "header"
MOST_HEADER_BYTES = 1 << 24


def write(file: Path, header: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> None:
    """Write a header and arrays; whatever the file was before is there until all is written."""
    text = np.frombuffer(json.dumps(header).encode(), np.uint8)
    with written(file) as stream:
        np.savez(stream, **{HEADER: text}, **arrays)  # type: ignore[arg-type]


def _check_size(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> None:
    """Refuse an array that claims another size than it has, before anything of that size is made."""
    with archive.open(entry) as stream:
        version = np.lib.format.read_magic(stream)
        if version != (1, 0):
            raise ValueError(f"{entry.filename} is of version {version}")
        shape, _, dtype = np.lib.format.read_array_header_1_0(stream)
        if dtype.hasobject or math.prod(shape) * dtype.itemsize != entry.file_size - stream.tell():
            raise ValueError(f"{entry.filename} is not of the size that it claims")


def read(
    file: Path, *, only_header: bool = False
) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """Return the header and the arrays of a file; or, with `only_header`, none of these.

    Raises
    ------
    FileError
        If it is damaged, or no such file; nothing larger than the file is made before.
    """
    if not file.is_file():
        raise FileError(f"{file}: no such file")
    try:
        with zipfile.ZipFile(file) as archive:
            for entry in archive.infolist():
                if (
                    entry.compress_type != zipfile.ZIP_STORED
                    or entry.file_size > file.stat().st_size
                ):
                    raise FileError(
                        f"{file}: not a file that polyenum saved: {entry.filename!r} is compressed"
                    )
                _check_size(archive, entry)
        with np.load(file, allow_pickle=False) as data:
            if HEADER not in data.files:
                raise FileError(f"{file}: not a file that polyenum saved: it has no header")
            names = [HEADER] if only_header else data.files
            arrays = {name: data[name] for name in names}
    except (
        zipfile.BadZipFile,
        ValueError,
        EOFError,
        OSError,
        KeyError,
        NotImplementedError,
    ) as error:
        if isinstance(error, FileError):
            raise
        raise FileError(f"{file}: not a file that polyenum saved, or damaged ({error})") from None
    text = arrays.pop(HEADER)
    try:
        if text.dtype != np.uint8 or text.size > MOST_HEADER_BYTES:
            raise ValueError("its type or size")
        header = json.loads(text.tobytes().decode())
        if not isinstance(header, dict):
            raise TypeError("it is no table")
    except (ValueError, TypeError, RecursionError) as error:
        raise FileError(f"{file}: its header is damaged ({error})") from None
    return header, arrays
