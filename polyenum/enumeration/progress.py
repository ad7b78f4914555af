"""The progress bar: the finished share of the tree, the regions so far, and their rate."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Any


class Progress:
    """A tqdm bar, or nothing at all.

    Parameters
    ----------
    shown : bool
    """

    def __init__(self, *, shown: bool) -> None:
        self._shown = shown
        self._bar: Any = None
        self._began = 0.0

    def __enter__(self) -> Progress:
        if self._shown:
            from tqdm.auto import tqdm

            self._began = time.perf_counter()
            self._bar = tqdm(
                total=1.0,
                desc="regions",
                bar_format="{desc}: {percentage:3.0f}%|{bar}| {elapsed}<{remaining}{postfix}",
            )
        return self

    def show(self, share: float, regions: int) -> None:
        """Show that `share` of the tree is finished and `regions` regions are found."""
        if self._bar is None:
            return
        seconds = max(time.perf_counter() - self._began, 1e-9)
        self._bar.set_postfix_str(f"{regions:,} regions, {regions / seconds:,.0f}/s", refresh=False)
        self._bar.n = min(share, 1.0)
        self._bar.refresh()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None
