"""The entry point: errors in one line, and exit codes that mean something."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Sequence
from typing import Any, NoReturn

from polyenum.cli.exit_codes import BAD_INPUT, INTERRUPTED, OK
from polyenum.errors import PolyenumError, missing_extra


def run(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return its exit code."""
    try:
        from polyenum.cli.app import app
    except ImportError as error:
        if error.name in ("typer", "rich"):
            return _fail(str(missing_extra(error.name, "cli")))
        raise
    import typer

    warnings.showwarning = _warn
    command = typer.main.get_command(app)
    try:
        code = command.main(
            list(sys.argv[1:] if arguments is None else arguments),
            prog_name="polyenum",
            standalone_mode=False,
        )
        return code if isinstance(code, int) else OK
    except PolyenumError as error:
        return _fail(str(error))
    except BrokenPipeError:
        sys.stderr.close()
        return OK
    except OSError as error:
        return _fail(f"{error.filename or ''}: {error.strerror or error}".lstrip(": "))
    except (KeyboardInterrupt, typer.Abort):
        _fail("interrupted")
        return INTERRUPTED
    except Exception as error:
        # What the parser says of bad arguments.
        message = getattr(error, "format_message", None)
        if message is None:
            raise
        text = message()
        return _fail(
            "no command; polyenum --help lists them" if "Missing command" in text else text
        )


def main() -> NoReturn:
    """Run the command that the program was called with."""
    sys.exit(run())


def _fail(message: str) -> int:
    print(f"polyenum: {' '.join(message.split())}", file=sys.stderr)
    return BAD_INPUT


def _warn(message: Warning | str, *_: Any, **__: Any) -> None:
    print(f"polyenum: {' '.join(str(message).split())}", file=sys.stderr)
