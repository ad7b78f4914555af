"""Compiled functions where nothing can be kept on disk: a read-only home, a full disk, a damaged cache."""

from __future__ import annotations

import errno
import warnings
from typing import Any

import numpy as np
import pytest
from numba.core import caching

from polyenum.cells import compiled as module
from polyenum.cells.compiled import compiled


def total(numbers: Any) -> float:
    found = 0.0
    for x in numbers:
        found += x
    return found


@pytest.fixture(autouse=True)
def unsaid(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_said", False)


def no_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(caching.CacheImpl, "_locator_classes", [])


def full_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(caching.IndexDataCacheFile, "save", fail)


def damaged(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise EOFError("Ran out of input")

    monkeypatch.setattr(caching.IndexDataCacheFile, "load", fail)


@pytest.mark.parametrize("fault", [no_folder, full_disk, damaged])
def test_it_does_without(
    fault: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:  # fmt: skip
    monkeypatch.setattr("numba.core.config.CACHE_DIR", str(tmp_path))
    fault(monkeypatch)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        for _ in range(2):
            assert compiled()(total)(np.arange(4.0)) == 6.0
    messages = [str(w.message) for w in said]
    assert len(messages) == 1, messages
    assert "every process compiles again" in messages[0]
    assert "NUMBA_CACHE_DIR" in messages[0]


def test_it_is_kept(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    monkeypatch.setattr("numba.core.config.CACHE_DIR", str(tmp_path))
    for hits in (0, 1):
        function = compiled()(total)
        assert function(np.arange(4.0)) == 6.0
        assert sum(function.stats.cache_hits.values()) == hits
