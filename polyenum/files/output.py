"""Files written whole, or not at all; and what is wrong with a file's name, said before any work.

A file is written beside its place under another name, brought to the disk, and renamed.  So what was there
before stays until all of the new one is there, on a full disk and when the process is killed too.  An error
or Ctrl-C removes the unfinished file.  A killed process cannot; who next writes a file of that name does it
then.  Files that are still being written are told by a lock, which ends with the process.
"""

from __future__ import annotations

import glob
import io
import os
import secrets
import stat
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import ModuleType
from typing import Any, BinaryIO

from polyenum.errors import FileError
from polyenum.options import file_path

fcntl: ModuleType | None
try:
    import fcntl
except ImportError:  # on Windows, where a file in use cannot be removed anyway
    fcntl = None

UNFINISHED = ".part"
# Of a name, so that it and what is added stay within the 255 bytes of most file systems.
_NAME_BYTES = 120


def as_path(path: Any) -> Path:
    """Return a path, given as text, bytes or a path.

    Raises
    ------
    FileError
        If it is none.
    """
    return file_path("path", os.fsdecode(path) if isinstance(path, bytes) else path, FileError)


def check_place(
    path: Any, kinds: Sequence[str], *, inputs: Iterable[Any] = (), what: str = "file"
) -> Path:
    """Return the path of a file that is to be written, after seeing that it can be.

    Parameters
    ----------
    path : path
    kinds : sequence of str
        The endings that are known, as ".npz".
    inputs : iterable of paths
        What is read: the file is none of these, under whatever name.
    what : str
        What kinds of files these are, for the message.

    Raises
    ------
    FileError
        If its ending is unknown, it is one of `inputs` or no regular file, or its folder cannot be written.
    """
    file = as_path(path)
    if file.suffix.lower() not in kinds:
        known = f"{', '.join(kinds[:-1])} and {kinds[-1]} are known" if kinds[1:] else kinds[0]
        raise FileError(f"{file}: unknown kind of {what} {file.suffix!r}; {known}")
    for other in inputs:
        if _same(file, as_path(other)):
            raise FileError(
                f"{file}: is the file {str(other)!r} that is read; the result needs another name"
            )
    _check_target(file)
    _try_out(file)
    return file


def check_folder(path: Any) -> Path:
    """Make a folder where there is none, and see that files can be written there; return its path.

    Raises
    ------
    FileError
        If they cannot.
    """
    folder = as_path(path)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FileError(f"{folder}: the folder cannot be made ({_said(error)})") from None
    _try_out(folder / "file")
    return folder


def _try_out(file: Path) -> None:
    """Make an unfinished file beside a file's place, and remove it."""
    handle, unfinished = _create(file)
    # First removed and then unlocked: in between another process would take it for an abandoned one.
    with suppress(OSError):
        os.unlink(unfinished)
    os.close(handle)


@contextmanager
def written(path: Any) -> Iterator[BinaryIO]:
    """Give a stream of bytes that become the file when the block ends without an error.

    An earlier file of that name keeps its permissions, a new one gets those of the user's umask.  A link
    stays, and what it names is written.

    Raises
    ------
    FileError
        If it cannot be written; what was there before is there still.
    """
    file = as_path(path)
    _check_target(file)
    target = Path(os.path.realpath(file))
    handle, unfinished = _create(file)
    try:
        # pandas and pyarrow may close what they write to; the handle is closed here.
        stream = os.fdopen(handle, "wb", closefd=False)
        try:
            yield stream
            stream.close()
            _keep_mode(target, handle)
            os.fsync(handle)
            if fcntl is None:
                os.close(handle)
                handle = -1
            os.replace(unfinished, target)
            _sync_folder(target.parent)
        except OSError as error:
            raise FileError(
                f"{file}: cannot be written ({_said(error)}); what was there before is unchanged"
            ) from None
        finally:
            with suppress(OSError):
                stream.close()
    finally:
        with suppress(OSError):
            os.unlink(unfinished)
        if handle >= 0:
            os.close(handle)


@contextmanager
def written_text(path: Any) -> Iterator[io.TextIOWrapper]:
    """Do as `written`, for a stream of text in UTF-8."""
    with written(path) as stream:
        text = io.TextIOWrapper(stream, encoding="utf-8", newline="")
        try:
            yield text
            text.flush()
        finally:
            with suppress(OSError, ValueError):
                text.detach()


def _check_target(file: Path) -> None:
    """Raise if what is in the place of a file cannot be replaced.

    Raises
    ------
    FileError
        If it is a folder or a device, or there is no folder for it.
    """
    target = Path(os.path.realpath(file))
    if not os.path.isdir(file.parent):
        raise FileError(f"{file}: cannot be written; there is no folder {str(file.parent)!r}")
    if not os.path.isdir(target.parent):
        raise FileError(f"{file}: is a link into a folder that does not exist, {str(target)!r}")
    try:
        mode = target.stat().st_mode
    except FileNotFoundError:
        return
    except OSError as error:
        raise FileError(f"{file}: cannot be written ({_said(error)})") from None
    if stat.S_ISDIR(mode):
        raise FileError(f"{file}: is a folder; give the name of a file")
    if not stat.S_ISREG(mode):
        raise FileError(f"{file}: is no regular file, so it cannot be written whole")
    if not os.access(target, os.W_OK):
        raise FileError(f"{file}: there is such a file, and it may not be written")


def _create(file: Path) -> tuple[int, Path]:
    """Return an open and locked new file beside what a path names, and its path.

    Raises
    ------
    FileError
        If there can be none.
    """
    target = Path(os.path.realpath(file))
    short = os.fsencode(target.name)[:_NAME_BYTES].decode(errors="ignore")
    _remove_abandoned(target.parent, short)
    while True:
        unfinished = target.parent / f".{short}.{secrets.token_hex(6)}{UNFINISHED}"
        try:
            flags = os.O_CREAT | os.O_EXCL | os.O_RDWR | getattr(os, "O_BINARY", 0)
            handle = os.open(unfinished, flags | getattr(os, "O_CLOEXEC", 0), 0o666)
        except FileExistsError:
            continue
        except OSError as error:
            raise FileError(f"{file}: cannot be written ({_said(error)})") from None
        _lock(handle, wait=True)
        if os.path.exists(unfinished):
            return handle, unfinished
        os.close(handle)  # before it was locked another process took it for an abandoned one


def _remove_abandoned(folder: Path, short: str) -> None:
    """Remove the unfinished files of that name which no process writes any more."""
    for left in folder.glob(f".{glob.escape(short)}.{'[0-9a-f]' * 12}{UNFINISHED}"):
        with suppress(OSError):
            if fcntl is None:
                left.unlink()
                continue
            handle = os.open(left, os.O_RDWR | os.O_NOFOLLOW)
            try:
                if _lock(handle, wait=False):
                    left.unlink()
            finally:
                os.close(handle)


def _lock(handle: int, *, wait: bool) -> bool:
    """Lock a file until it is closed; return whether that was possible."""
    if fcntl is None:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except OSError:
        return False
    return True


def _same(a: Path, b: Path) -> bool:
    """Return whether two paths name one file, through links of any kind."""
    try:
        return os.path.samefile(a, b)
    except OSError:
        return os.path.realpath(a) == os.path.realpath(b)


def _keep_mode(target: Path, handle: int) -> None:
    """Give a new file the permissions of the one that it replaces."""
    if hasattr(os, "fchmod"):
        with suppress(FileNotFoundError, PermissionError):
            os.fchmod(handle, stat.S_IMODE(target.stat().st_mode))


def _sync_folder(folder: Path) -> None:
    """Bring a folder's new name to the disk, on systems that can."""
    if not hasattr(os, "O_DIRECTORY"):
        return
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _said(error: OSError) -> str:
    return error.strerror or str(error)
