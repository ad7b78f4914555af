"""Named arrays and a header in one npz file, written in one piece and read with suspicion.

Arrays are stored as they are, without compression, so that a file never takes more memory than its own size.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from polyenum.errors import FileError
from polyenum.files.archive import read_archive
from polyenum.files.output import written

HEADER = "header"
MOST_HEADER_BYTES = 1 << 24


def write(file: Path, header: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> None:
    """Write a header and arrays; whatever the file was before is there until all is written."""
    text = np.frombuffer(json.dumps(header).encode(), np.uint8)
    with written(file) as stream:
        np.savez(stream, **{HEADER: text}, **arrays)  # type: ignore[arg-type]


def read(
    file: Path, *, only_header: bool = False
) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """Return the header and the arrays of a file; or, with `only_header`, none of these.

    The arrays are contiguous, in the machine's byte order.

    Raises
    ------
    FileError
        If it is damaged, or no such file; nothing larger than the file is made before.
    """
    if not file.is_file():
        raise FileError(f"{file}: no such file")
    arrays = read_archive(
        file,
        what="a file that polyenum saved",
        most_bytes=file.stat().st_size,
        only=(HEADER,) if only_header else None,
    )
    if HEADER not in arrays:
        raise FileError(f"{file}: not a file that polyenum saved: it has no header")
    text = arrays.pop(HEADER)
    try:
        if text.dtype != np.uint8 or text.ndim != 1 or text.size > MOST_HEADER_BYTES:
            raise ValueError("its type or size")
        header = json.loads(text.tobytes().decode())
        if not isinstance(header, dict):
            raise TypeError("it is no table")
    except (ValueError, TypeError, RecursionError) as error:
        raise FileError(f"{file}: its header is damaged ({error})") from None
    for name, array in arrays.items():
        if not array.dtype.isnative:
            raise FileError(
                f"{file}: {name} is of type {array.dtype}, another machine's byte order"
            )
    return header, {name: np.asarray(array, order="C") for name, array in arrays.items()}
