"""The text of a file that is not trusted: plain or compressed, and never larger than a limit."""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path

from polyenum.errors import DomainError
from polyenum.files.unpacking import unpacked

MOST_BYTES = 2**28

_UTF_16 = (b"\xff\xfe", b"\xfe\xff")


def text_of(file: Path) -> str:
    """Return the text of a file, which ends in ``.gz`` if it is compressed.

    Raises
    ------
    DomainError
        If there is none, it is larger than `MOST_BYTES` or no text.
    """
    try:
        if file.is_dir():
            raise DomainError(f"{file}: a folder, not a file")
        if not file.is_file():
            raise DomainError(f"{file}: no such file")
        data = _bytes_of(file)
    except (OSError, ValueError) as error:
        if isinstance(error, DomainError):
            raise
        raise DomainError(f"{file}: cannot be read ({error})") from None
    try:
        text = data.decode("utf-16" if data.startswith(_UTF_16) else "utf-8-sig")
    except UnicodeDecodeError:
        raise DomainError(f"{file}: not a text file, so not VNN-LIB") from None
    if "\0" in text:
        raise DomainError(f"{file}: not a text file, so not VNN-LIB")
    return text


def _bytes_of(file: Path) -> bytes:
    if file.stat().st_size > MOST_BYTES:
        raise DomainError(f"{file}: larger than {MOST_BYTES:,} bytes")
    try:
        data = unpacked(file, MOST_BYTES)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DomainError(f"{file}: not a gzip file, or damaged ({error})") from None
    if data is None:
        raise DomainError(f"{file}: holds more than {MOST_BYTES:,} bytes")
    return data
