"""Timing things in turn, so that a machine whose speed drifts is as slow for all."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any


def alternate(rounds: int, *functions: Callable[[], Any]) -> list[list[float]]:
    """Return the seconds of each function in each of `rounds` rounds, after one that does not count.

    A pause before each lets the threads of the one before go to sleep (BLAS threads spin on).
    """
    for function in functions:
        function()
    seconds: list[list[float]] = [[] for _ in functions]
    for _ in range(rounds):
        for function, found in zip(functions, seconds, strict=True):
            time.sleep(0.1)
            began = time.perf_counter()
            function()
            found.append(time.perf_counter() - began)
    return seconds


def ratio(slow: Sequence[float], fast: Sequence[float]) -> float:
    """Return the median of the ratios, round by round."""
    return statistics.median(a / b for a, b in zip(slow, fast, strict=True))


def report(what: str, figure: str, target: str, *, met: bool) -> None:
    """Print one line."""
    print(f"{'ok  ' if met else 'MISS'} {what:<58} {figure:<34} target {target}", flush=True)
