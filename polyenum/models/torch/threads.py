"""Threads that a forward starts, or gives work to."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from multiprocessing.pool import ThreadPool
from typing import Any

# What gives a function, the first argument, to a pool of threads.
_HANDS_OVER = [
    (ThreadPoolExecutor, "submit"),
    *((ThreadPool, name) for name in ("apply_async", "_map_async", "imap", "imap_unordered")),
]


class _Here(threading.local):
    """What a thread does for the threads that it gives work to: a context for each piece, or nothing."""

    watch: Callable[[], AbstractContextManager[Any]] | None = None


_here = _Here()
_lock = threading.Lock()
_patched: list[tuple[Any, str, Any]] = []
_users = 0


@contextmanager
def following(watch: Callable[[], AbstractContextManager[Any]]) -> Iterator[None]:
    """Do inside ``watch()`` what this thread lets other threads do.

    Parameters
    ----------
    watch : callable
        Gives a new context for every piece of work.
    """
    before = _here.watch
    _patch(1)
    _here.watch = watch
    try:
        yield
    finally:
        _here.watch = before
        _patch(-1)


def _watched(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that is watched as this thread is, wherever it runs."""
    watch = _here.watch
    if watch is None:
        return function

    def work(*args: Any, **kwargs: Any) -> Any:
        before = _here.watch
        if before is watch:  # by the thread itself, or because this is the one that watches
            return function(*args, **kwargs)
        _here.watch = watch
        try:
            with watch():
                return function(*args, **kwargs)
        finally:
            _here.watch = before

    return work


def _patch(more: int) -> None:
    """Put our methods in place for the first user, and take them away after the last."""
    global _users
    with _lock:
        _users += more
        if _users and not _patched:
            begin = threading.Thread.start

            def start(thread: threading.Thread) -> None:
                thread.run = _watched(thread.run)  # type: ignore[method-assign]
                begin(thread)

            _replace(threading.Thread, "start", start)
            for kind, name in _HANDS_OVER:
                _replace(kind, name, _handing(getattr(kind, name)))
        while _patched and not _users:
            kind, name, method = _patched.pop()
            if method is None:
                delattr(kind, name)
            else:
                setattr(kind, name, method)


def _replace(kind: Any, name: str, method: Any) -> None:
    _patched.append((kind, name, kind.__dict__.get(name)))
    setattr(kind, name, method)


def _handing(method: Callable[..., Any]) -> Callable[..., Any]:
    def hand(pool: Any, function: Any, /, *args: Any, **kwargs: Any) -> Any:
        return method(pool, _watched(function), *args, **kwargs)

    return hand
