"""Ctrl-C while code runs that would swallow it."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def interrupts_put_off() -> Iterator[None]:
    """Let Ctrl-C wait until the block is done, for blocks that end soon.

    Some extension modules turn a KeyboardInterrupt during their import into an ImportError, or into nothing.

    Raises
    ------
    KeyboardInterrupt
        At the end of the block, if there was an interrupt in it.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[tuple[int, Any]] = []
    previous = signal.getsignal(signal.SIGINT)
    signal.signal(signal.SIGINT, lambda number, frame: came.append((number, frame)))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, previous if previous is not None else signal.SIG_DFL)
    if came and callable(previous):
        previous(*came[-1])
    elif came:
        raise KeyboardInterrupt
