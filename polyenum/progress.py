"""Progress bars of work that counts its steps, which are only loaded where they are shown."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class _Nothing:
    """What stands for a bar that is not shown."""

    def update(self, n: int = 1) -> None:
        """Show nothing."""

    def set_postfix_str(self, s: str, refresh: bool = True) -> None:
        """Show nothing."""


@contextmanager
def bar(shown: bool, total: int | None, what: str) -> Iterator[Any]:
    """Give a tqdm bar on stderr, which is closed at the end; or what takes its calls and shows nothing."""
    if not shown:
        yield _Nothing()
        return
    from tqdm.auto import tqdm

    with tqdm(total=total, desc=what) as found:
        yield found
