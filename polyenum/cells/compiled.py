"""The one decorator of all compiled functions, and where compiled code is kept."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba as nb
from numba.core import types
from numba.core.caching import FunctionCache
from numba.extending import intrinsic

_SOURCES = tuple(
    (path.stat().st_mtime_ns, path.stat().st_size)
    for folder in ("arithmetic", "cells", "regions")
    for path in sorted((Path(__file__).parents[1] / folder).rglob("*.py"))
)


class _Kept(FunctionCache):  # type: ignore[misc]
    """One function's compiled code on disk: a convenience, so no failure of the disk is one of the walk.

    numba takes a compiled function from disk while its own file is unchanged, whatever became of the
    functions that it calls; this one looks at all of ours.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__(function)
        self._cache_file._source_stamp = _SOURCES

    def load_overload(self, signature: Any, context: Any) -> Any:
        """Return what is on disk, None where there is nothing, or it cannot be read."""
        try:
            return super().load_overload(signature, context)
        except Exception as error:  # whatever a damaged pickle raises
            _say_not_kept(error)
            return None

    def save_overload(self, signature: Any, data: Any) -> None:
        """Keep a compiled function, where there is room."""
        try:
            super().save_overload(signature, data)
        except OSError as error:
            _say_not_kept(error)


_said = False


def _say_not_kept(reason: Exception) -> None:
    """Warn, once in a process, that compiled code is not kept."""
    global _said
    if _said:
        return
    _said = True
    warnings.warn(
        f"compiled code cannot be kept on disk ({reason}), so every process compiles again, which takes "
        "10 to 30 s; NUMBA_CACHE_DIR can name a folder for it",
        stacklevel=2,
    )


def _keep(made: Any, function: Callable[..., Any]) -> None:
    """Let numba keep the code of a compiled function, if it finds a folder that can be written."""
    try:
        made._cache = _Kept(function)
    except (RuntimeError, OSError) as error:
        found = "no folder can be written" if "no locator" in str(error) else str(error)
        _say_not_kept(OSError(found))


def compiled(**options: Any) -> Any:
    """Return a decorator that compiles a function of arrays and numbers.

    No GIL, cached on disk where that can be written, fused multiply-adds allowed (the error bounds hold
    with and without), and no reference counting: such a function may look at arrays but not make any, which
    saves an atomic operation per view (half the time of the 2-D walk).
    """

    def decorate(function: Callable[..., Any]) -> Any:
        made = nb.njit(**usual | {"fastmath": {"contract"}} | options)(function)
        _keep(made, function)
        return made

    usual = {"_nrt": False, "nogil": True, "error_model": "numpy"}
    return decorate


@intrinsic
def popcount(typingctx, word):  # type: ignore[no-untyped-def]
    """Return the number of bits set in a 64-bit `word`."""

    def codegen(context, builder, signature, args):  # type: ignore[no-untyped-def]
        return builder.ctpop(args[0])

    return types.uint64(types.uint64), codegen
