"""Threads, limits, streams, interrupts: the same regions in the same order."""

from __future__ import annotations

import _thread
import subprocess
import sys
import threading
import time
from typing import Any

import numpy as np
import pytest

import polyenum as pe
from benchmarks.networks import bunny, random_network
from polyenum.enumeration import tasks

NET = random_network([2, 40, 40, 40, 1], seed=5)
BOX = pe.Box(-1, 1, dim=2)


@pytest.fixture(scope="module")
def whole() -> pe.RegionComplex:
    return pe.enumerate_regions(NET, BOX, threads=1)


def test_threads_change_nothing(whole: pe.RegionComplex) -> None:
    assert len(whole) > 1000  # more than the first tasks' budgets: the walk is divided
    for threads in (2, 5):
        other = pe.enumerate_regions(NET, BOX, threads=threads)
        np.testing.assert_array_equal(other.packed_sides, whole.packed_sides)
        np.testing.assert_array_equal(other.corner_points, whole.corner_points)
        np.testing.assert_array_equal(other.weights, whole.weights)
    assert pe.count_regions(NET, BOX, threads=3) == len(whole)


def test_order_is_lexicographic(whole: pe.RegionComplex) -> None:
    patterns = [p.tobytes() for p in whole.patterns]
    assert patterns == sorted(patterns)


@pytest.mark.parametrize("chunk_size", [1, 7, 500, 10**6])
def test_chunks_are_the_whole(whole: pe.RegionComplex, chunk_size: int) -> None:
    chunks = []
    for chunk in pe.iter_regions(NET, BOX, chunk_size=chunk_size):
        chunks.append(chunk)
        if len(chunks) == 300:
            break
    sizes = {len(c) for c in chunks[:-1]}
    assert sizes <= {chunk_size}
    found = np.concatenate([c.patterns for c in chunks])
    np.testing.assert_array_equal(found, whole.patterns[: len(found)])
    vertices = chunks[0][0].vertices
    np.testing.assert_array_equal(vertices, whole[0].vertices)
    assert chunks[0].complete == (chunk_size >= len(whole))


@pytest.mark.parametrize("limit", [1, 300, 1000])
def test_limit_keeps_the_first(whole: pe.RegionComplex, limit: int) -> None:
    part = pe.enumerate_regions(NET, BOX, max_regions=limit)
    assert (len(part), part.complete) == (limit, False)
    np.testing.assert_array_equal(part.packed_sides, whole.packed_sides[:limit])
    assert part.covered == pytest.approx(whole.volumes[:limit].sum() / 4)
    assert "incomplete" in repr(part)
    count = pe.count_regions(NET, BOX, max_regions=limit)
    assert (count, count.complete) == (limit, False)
    assert 0 < count.share < 1
    assert "stopped" in repr(count)


def test_no_work_beyond_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cells that are slow look for no more regions than the limit and one."""
    walks = []
    started = tasks.Walk.__init__

    def noted(self: tasks.Walk, *args: Any, **options: Any) -> None:
        walks.append(self)
        started(self, *args, **options)

    monkeypatch.setattr(tasks.Walk, "__init__", noted)
    for limit in (1, 5):
        assert pe.count_regions(NET, BOX, max_regions=limit, engine="lp") == limit
        assert walks[-1].regions == limit + 1


def test_limit_that_is_not_reached(whole: pe.RegionComplex) -> None:
    for limit in (len(whole), 10 * len(whole)):
        assert pe.enumerate_regions(NET, BOX, max_regions=limit).complete
        assert pe.count_regions(NET, BOX, max_regions=limit).complete


def test_interrupt_keeps_what_it_has() -> None:
    net, box = random_network([4, 64, 64, 1]), pe.Box(-1, 1, dim=4)
    pe.count_regions(net, pe.Box(-0.01, 0.01, dim=4))  # compiled before the clock runs
    timer = threading.Timer(0.5, _thread.interrupt_main)
    timer.start()
    began = time.perf_counter()
    with pytest.warns(UserWarning, match="interrupted"):
        part = pe.enumerate_regions(net, box)
    assert time.perf_counter() - began < 5
    assert len(part) > 0
    assert not part.complete
    assert 0 < part.covered < 1
    inside = part.centroids[:100]
    np.testing.assert_array_equal(net.patterns(inside), part.patterns[:100])
    timer = threading.Timer(0.5, _thread.interrupt_main)
    timer.start()
    with pytest.warns(UserWarning, match="interrupted with .* the count is not complete"):
        count = pe.count_regions(net, box)
    assert not count.complete
    assert count > 0


def test_progress_reaches_the_end(capsys: pytest.CaptureFixture[str]) -> None:
    pe.enumerate_regions(NET, BOX, progress=True)
    shown = capsys.readouterr().err
    assert "100%" in shown
    assert "regions" in shown
    pe.enumerate_regions(NET, BOX)
    assert capsys.readouterr().err == ""


def test_an_error_in_a_thread_reaches_the_caller(monkeypatch: pytest.MonkeyPatch) -> None:
    from polyenum.cells.vertex.walker import VertexWalker

    def broken(*_arguments: object, **_options: object) -> bool:
        raise RuntimeError("planted")

    monkeypatch.setattr(VertexWalker, "run", broken)
    with pytest.raises(RuntimeError, match="planted"):
        pe.count_regions(NET, BOX)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"max_regions": 0}, pe.OptionError, "max_regions"),
        ({"threads": -1}, pe.OptionError, "threads"),
        ({"threads": 1.5}, pe.OptionError, "threads"),
        ({"domain": pe.Box(-1, 1, dim=3)}, pe.DomainError, "takes 2 inputs.*3 dimensions"),
        ({"domain": [[-1, 1]] * 2}, pe.DomainError, "Box.*list"),
    ],
)
def test_bad_options(options: dict, error: type[Exception], message: str) -> None:
    arguments = {"domain": BOX} | options
    for function in (pe.enumerate_regions, pe.count_regions):
        with pytest.raises(error, match=message):
            function(NET, **arguments)
    assert issubclass(error, pe.PolyenumError)


def test_bad_chunk_size_before_any_work() -> None:
    with pytest.raises(pe.OptionError, match="chunk_size"):
        pe.iter_regions(NET, BOX, chunk_size=0)


def test_too_many_dimensions() -> None:
    net = [(np.eye(9), None), (np.ones((1, 9)), None)]
    with pytest.raises(pe.DomainError, match="up to dimension 8"):
        pe.count_regions(net, pe.Box(-1, 1, dim=9), engine="vertex")
    assert pe.count_regions(net, pe.Box(-1, 1, dim=9)) == 2**9
    assert (
        pe.count_regions(net, pe.Slice.through(*np.random.default_rng(0).normal(size=(3, 9)))) >= 1
    )


def test_import_is_light() -> None:
    script = (
        "import sys, polyenum; heavy = {'torch', 'cvxpy', 'shapely', 'matplotlib', 'plotly', 'numba'};"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("name", "regions"), [("bunny_sdf_2d_4x32", 1186), ("bunny_sdf_3d_3x16", 22713)]
)
def test_bunnies_have_the_exact_counts(name: str, regions: int) -> None:
    """Counts by rational arithmetic; the networks are not part of every checkout."""
    net = bunny(name)
    if net is None:
        pytest.skip("the bunny's file is not at hand")
    cx = pe.enumerate_regions(net, pe.Box(-0.5, 0.5, dim=net.input_dim))
    assert len(cx) == regions
    assert cx.volumes.sum() == pytest.approx(1)


@pytest.mark.parametrize("engine", ["vertex", "lp"])
def test_chunks_end_at_a_limit(engine: str) -> None:
    random = np.random.default_rng(0)
    net = [
        (random.normal(size=(8, 2)), random.normal(size=8)),
        (random.normal(size=(8, 8)), random.normal(size=8)),
        (random.normal(size=(1, 8)), np.zeros(1)),
    ]
    box = pe.Box(-1, 1, dim=2)
    whole = pe.enumerate_regions(net, box, engine=engine)
    n = len(whole)
    for limit in (1, 7, 10, 23, n - 1, n, n + 5):
        chunks = list(pe.iter_regions(net, box, chunk_size=10, max_regions=limit, engine=engine))
        assert sum(map(len, chunks)) == min(limit, n)
        assert all(len(chunk) == 10 for chunk in chunks[:-1])
        sides = np.concatenate([chunk.packed_sides for chunk in chunks])
        np.testing.assert_array_equal(sides, whole.packed_sides[: len(sides)])
    for limit, complete in ((n - 1, False), (n, True)):
        (chunk,) = pe.iter_regions(net, box, chunk_size=n, max_regions=limit, engine=engine)
        assert chunk.complete == complete
