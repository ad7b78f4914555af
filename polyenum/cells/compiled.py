"""The one decorator of all compiled functions."""

from __future__ import annotations

from typing import Any

import numba as nb
from numba.core import types
from numba.extending import intrinsic


def compiled(**options: Any) -> Any:
    """Return a decorator that compiles a function of arrays and numbers.

    No GIL, cached on disk, fused multiply-adds allowed (the error bounds hold with and without), and
    no reference counting: such a function may look at arrays but not make any, which saves an atomic
    operation per view (half the time of the 2-D walk).
    """
    usual = {"_nrt": False, "nogil": True, "cache": True, "error_model": "numpy"}
    return nb.njit(**usual | {"fastmath": {"contract"}} | options)


@intrinsic
def popcount(typingctx, word):  # type: ignore[no-untyped-def]
    """Return the number of bits set in a 64-bit `word`."""

    def codegen(context, builder, signature, args):  # type: ignore[no-untyped-def]
        return builder.ctpop(args[0])

    return types.uint64(types.uint64), codegen
