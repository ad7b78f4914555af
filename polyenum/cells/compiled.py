"""The one decorator of all compiled functions."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba as nb
from numba.core import types
from numba.extending import intrinsic

_SOURCES = tuple(
    (path.stat().st_mtime_ns, path.stat().st_size)
    for folder in ("cells", "complex")
    for path in sorted((Path(__file__).parents[1] / folder).rglob("*.py"))
)


def compiled(**options: Any) -> Any:
    """Return a decorator that compiles a function of arrays and numbers.

    No GIL, cached on disk, fused multiply-adds allowed (the error bounds hold with and without), and
    no reference counting: such a function may look at arrays but not make any, which saves an atomic
    operation per view (half the time of the 2-D walk).
    """

    def decorate(function: Callable[..., Any]) -> Any:
        made = nb.njit(**usual | {"fastmath": {"contract"}} | options)(function)
        # numba takes a compiled function from disk while its own file is unchanged, whatever became
        # of the functions that it calls; let it look at all of ours.
        cache_file = getattr(made._cache, "_cache_file", None)
        if cache_file is not None:
            cache_file._source_stamp = _SOURCES
        return made

    usual = {"_nrt": False, "nogil": True, "cache": True, "error_model": "numpy"}
    return decorate


@intrinsic
def popcount(typingctx, word):  # type: ignore[no-untyped-def]
    """Return the number of bits set in a 64-bit `word`."""

    def codegen(context, builder, signature, args):  # type: ignore[no-untyped-def]
        return builder.ctpop(args[0])

    return types.uint64(types.uint64), codegen
