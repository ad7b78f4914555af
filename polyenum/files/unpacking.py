"""The bytes of a file, which may be packed, up to a limit: a small file may unpack to a huge one."""

from __future__ import annotations

import gzip
from pathlib import Path

_PART = 2**20


def unpacked(file: Path, most: int) -> bytes | None:
    """Return the bytes of a file, unpacked if its name ends in ``.gz``; None if that would be more than `most`.

    The limit is for what is unpacked; the file's own size is the caller's to look at before.

    Raises
    ------
    OSError, EOFError, zlib.error
        If it cannot be read, or is packed and damaged (`gzip.BadGzipFile` is an OSError).
    """
    if file.suffix.lower() != ".gz":
        return file.read_bytes()
    # The first pass keeps nothing, so that what unpacks to too much takes no memory.
    with gzip.open(file) as packed:
        size = 0
        while size <= most and (part := packed.read(_PART)):
            size += len(part)
    if size > most:
        return None
    with gzip.open(file) as packed:
        return packed.read(size)
