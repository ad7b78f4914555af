"""The entry point: errors in one line, and exit codes that mean something."""

from __future__ import annotations

import os
import signal
import sys
import threading
import traceback
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, NoReturn

from polyenum.cli.exit_codes import BAD_INPUT, DIFFERS, INCOMPLETE, INTERRUPTED, OK
from polyenum.errors import IncompleteError, PolyenumError, missing_extra


def run(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return its exit code."""
    try:
        return _run(arguments)
    except KeyboardInterrupt:  # while the commands are loaded
        _fail("interrupted")
        return INTERRUPTED


def _run(arguments: Sequence[str] | None) -> int:
    try:
        import typer

        from polyenum.cli.app import app
    except ImportError as error:
        if error.name in ("typer", "rich"):
            return _fail(str(missing_extra(error.name, "cli")))
        raise
    warnings.showwarning = _warn
    command = typer.main.get_command(app)
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        with _sigterm_like_ctrl_c():
            code = command.main(given, prog_name="polyenum", standalone_mode=False)
            if sys.stdout is not None:  # as where it is closed
                sys.stdout.flush()
        if code == INTERRUPTED:  # of Ctrl-C, which the parser makes of it
            raise KeyboardInterrupt
        return code if isinstance(code, int) else OK
    except (KeyboardInterrupt, typer.Abort):
        _fail("interrupted")
        return INTERRUPTED
    except SystemExit as stop:
        # The parser leaves so where a reader has stopped reading; 1 would say that a result is wrong.
        return OK if stop.code == DIFFERS else int(stop.code or 0)
    except Exception as error:
        return _code_of(error)


def main() -> NoReturn:
    """Run the command that the program was called with."""
    _open_closed_streams()
    sys.exit(run())


def _open_closed_streams() -> None:
    """Let closed standard streams lead nowhere.

    Otherwise a file that is opened later takes the number of one, and what C code prints gets into a result.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            with suppress(OSError):
                os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "r" if name == "stdin" else "w"))  # noqa: SIM115


def _code_of(error: Exception) -> int:
    """Say in one line what went wrong; return the exit code."""
    if isinstance(error, IncompleteError):
        _fail(str(error))
        return INCOMPLETE
    if isinstance(error, PolyenumError):
        return _fail(str(error))
    if isinstance(error, MemoryError):
        _fail(f"out of memory {f'({error})' if str(error) else ''}")
        return INCOMPLETE
    if isinstance(error, OSError):
        _drop_output()
        if isinstance(error, BrokenPipeError):
            return OK
        return _fail(f"{error.filename or ''}: {error.strerror or error}".lstrip(": "))
    # What the parser says of bad arguments.
    message = getattr(error, "format_message", None)
    if message is not None:
        text = message()
        missing = "Missing command" in text
        return _fail("no command; polyenum --help lists them" if missing else text)
    place = traceback.extract_tb(error.__traceback__)[-1]
    return _fail(
        f"a fault of polyenum, not of its input: {type(error).__name__}: {error} "
        f"({os.path.basename(place.filename)}, line {place.lineno}); please report it"
    )


@contextmanager
def _sigterm_like_ctrl_c() -> Iterator[None]:
    """Make SIGTERM do what Ctrl-C does while this lasts: a walk ends with what it has."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(number: int, frame: Any) -> None:
        on_ctrl_c = signal.getsignal(signal.SIGINT)
        if not callable(on_ctrl_c):
            raise KeyboardInterrupt
        on_ctrl_c(number, frame)

    previous = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        if previous is not None:
            signal.signal(signal.SIGTERM, previous)


def _drop_output() -> None:
    """Let what cannot be printed go nowhere: the interpreter would fail on it once more at its end."""
    if sys.stdout is None:
        return
    with suppress(OSError, ValueError):
        sys.stdout.flush()
        return
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


def _fail(message: str) -> int:
    with suppress(OSError, ValueError):
        print(f"polyenum: {' '.join(message.split())}", file=sys.stderr)
    return BAD_INPUT


def _warn(message: Warning | str, *_: Any, **__: Any) -> None:
    with suppress(OSError, ValueError):
        print(f"polyenum: {' '.join(str(message).split())}", file=sys.stderr)
