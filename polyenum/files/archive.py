"""npz files from anywhere: what an archive claims is checked before anything of that size is made."""

from __future__ import annotations

import math
import zipfile
from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from polyenum.errors import FileError

_HEADERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}


def read_archive(
    file: Path,
    *,
    what: str,
    most_bytes: int,
    compressed: bool = False,
    only: Collection[str] | None = None,
) -> dict[str, NDArray[Any]]:
    """Return the arrays of real numbers in an npz file, by name.

    Parameters
    ----------
    file : path
    what : str
        What it is to be, for errors.
    most_bytes : int
        That all of them may take together.
    compressed : bool
        Whether an entry may be compressed.
    only : collection of str, optional
        The names to return, where there are such; all entries are checked.

    Raises
    ------
    FileError
        If it is no such file, is damaged, or holds anything but arrays of numbers.
    """
    found = {}
    try:
        with zipfile.ZipFile(file) as archive:
            entries = archive.infolist()
            _check_count(file, len(entries))
            _check_entries(entries, compressed)
            sizes = [_check_array(archive, entry) for entry in entries]
            if sum(sizes) > most_bytes:
                raise ValueError(
                    f"its arrays would take {sum(sizes):,} bytes, more than {most_bytes:,}"
                )
            for entry in entries:
                name = entry.filename.removesuffix(".npy")
                if only is None or name in only:
                    with archive.open(entry) as stream:
                        found[name] = np.lib.format.read_array(stream, allow_pickle=False)
    except MemoryError:
        raise
    except Exception as error:  # zipfile, zlib, NumPy's parser: each has its own for damaged bytes
        raise FileError(f"{file}: not {what}, or damaged ({error})") from None
    return found


# The end record of a zip file: its mark, and where in it the number of all entries stands.
_END = b"PK\5\6"
_COUNT_AT = 10
_LONGEST_END = 22 + 0xFFFF


def _check_count(file: Path, count: int) -> None:
    """Raise unless a zip file has as many entries as its end record says.

    An entry whose comment or extra field claims to be longer takes up those that follow it.
    """
    with file.open("rb") as stream:
        stream.seek(max(0, file.stat().st_size - _LONGEST_END))
        tail = stream.read()
    at = tail.rfind(_END)
    claimed = int.from_bytes(tail[at + _COUNT_AT : at + _COUNT_AT + 2], "little")
    if at < 0 or claimed != count:
        raise ValueError(f"it says that it has {claimed:,} entries, and has {count:,}")


def _check_entries(entries: list[zipfile.ZipInfo], compressed: bool) -> None:
    """Raise unless all entries can be arrays, each of another name."""
    names = set()
    allowed = {zipfile.ZIP_STORED} | ({zipfile.ZIP_DEFLATED} if compressed else set())
    for entry in entries:
        if not entry.filename.endswith(".npy"):
            raise ValueError(f"{entry.filename!r} is no array")
        if entry.filename in names:
            raise ValueError(f"{entry.filename!r} is there twice")
        names.add(entry.filename)
        if entry.flag_bits & 1:
            raise ValueError(f"{entry.filename!r} is encrypted")
        if entry.compress_type not in allowed:
            raise ValueError(f"{entry.filename!r} is compressed")


def _check_array(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> int:
    """Return the bytes that an array takes; raise unless it is as long as its shape says."""
    with archive.open(entry) as stream:
        version = np.lib.format.read_magic(stream)
        if version not in _HEADERS:
            raise ValueError(f"{entry.filename!r} is of version {version}")
        shape, _, dtype = _HEADERS[version](stream)
        begin = stream.tell()
    if any(isinstance(n, bool) or n < 0 for n in shape):
        raise ValueError(f"{entry.filename!r} has the shape {shape}")
    if dtype.kind not in "buif" or dtype.shape:
        raise ValueError(f"{entry.filename!r} holds {dtype}, no plain arrays of real numbers")
    size = math.prod(shape) * dtype.itemsize
    if size != entry.file_size - begin:
        raise ValueError(
            f"{entry.filename!r} is not of the size that it claims: {math.prod(shape):,} elements"
        )
    return size
