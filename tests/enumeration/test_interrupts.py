"""Ctrl-C, SIGTERM and want of memory: a walk ends soon, with what it has, and says so."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import polyenum as pe
from benchmarks.networks import random_network
from polyenum import plot
from polyenum.cells.vertex.walker import VertexWalker
from polyenum.enumeration.tasks import Walk
from polyenum.interrupts import interrupts_put_off
from polyenum.regions import collect as assemble

NET = [([[1.0, 0], [0, 1.0]], [0.1, 0]), ([[1.0, 1]], [0])]
BOX = pe.Box(-1, 1, dim=2)
ENGINES = ("vertex", "lp", "exact", "shapely")


def ctrl_c() -> None:
    os.kill(os.getpid(), signal.SIGINT)


def later(seconds: float) -> threading.Timer:
    timer = threading.Timer(seconds, ctrl_c)
    timer.start()
    return timer


@pytest.fixture
def before_the_first_region(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C comes as the threads start, before any takes a task."""
    start = Walk._start_threads

    def interrupted(self: Walk) -> Any:
        self._threads = 0
        ctrl_c()
        return start(self)

    monkeypatch.setattr(Walk, "_start_threads", interrupted)


@pytest.mark.usefixtures("before_the_first_region")
@pytest.mark.parametrize("engine", ENGINES)
def test_before_the_first_region(engine: str, tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match="interrupted with 0 regions"):
        cx = pe.enumerate_regions(NET, BOX, engine=engine)
    assert (len(cx), cx.complete, cx.engine) == (0, False, engine)
    with pytest.warns(UserWarning, match="interrupted with 0 regions"):
        count = pe.count_regions(NET, BOX, engine=engine)
    assert (count, count.complete, count.share) == (0, False, 0.0)
    with pytest.warns(UserWarning, match="interrupted with 0 regions"):
        assert list(pe.iter_regions(NET, BOX, engine=engine)) == []
    cx.save(tmp_path / "none.npz")
    for part in (cx, pe.open_regions(tmp_path / "none.npz")):
        assert list(part) == []
        assert part.fits(part.network, part.domain)
        assert part.patterns.shape == (0, 2)
        assert part.locate([[0.0, 0.0]]).tolist() == [-1]
        assert part.linear_region_count == 0
        if part.has_vertices:
            with pytest.raises(pe.RegionError, match="the complex holds no regions"):
                plot.partition(part)
        assert part.adjacency.shape == (0, 0)
        assert len(part.interior_points) == len(part.to_frame()) == 0
        if part.has_vertices:
            assert (part.covered, part.f_vector) == (0.0, (0, 0, 0))
            assert part.vertices.shape == (0, 2)
            assert len(part.volumes) == len(part.polygons) == 0
            assert len(part.level_set().pieces) == len(part.decision_boundary().pieces) == 0
            assert part.to_geojson()["features"] == []


DEEP = random_network([4, 64, 64, 64, 1])
CUBE = pe.Box(-1, 1, dim=4)


@pytest.mark.parametrize("engine", ["vertex", "lp", "exact"])
@pytest.mark.parametrize("call", [pe.enumerate_regions, pe.count_regions])
def test_it_ends_within_a_second(engine: str, call: Callable[..., Any]) -> None:
    pe.enumerate_regions(NET, pe.Box(-1, 1, dim=2), engine=engine)
    pe.count_regions(DEEP, pe.Box(-0.01, 0.01, dim=4), engine=engine, max_regions=3)  # compiled
    later(0.8)
    began = time.perf_counter()
    with pytest.warns(UserWarning, match="interrupted with"):
        found = call(DEEP, CUBE, engine=engine)
    assert time.perf_counter() - began < 0.8 + 1.0
    assert not found.complete
    if call is pe.enumerate_regions and len(found):
        inside = found.interior_points[:20]
        np.testing.assert_array_equal(DEEP.patterns(inside), found.patterns[:20])


def test_a_thread_that_does_not_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is left alone, as one that compiles; the regions of finished tasks are there."""
    free = threading.Event()

    def stuck(*_: object, **__: object) -> bool:
        free.wait(30)
        return True

    monkeypatch.setattr(VertexWalker, "run", stuck)
    later(0.2)
    began = time.perf_counter()
    with pytest.warns(UserWarning, match="interrupted with 0 regions"):
        found = pe.enumerate_regions(NET, BOX)
    took = time.perf_counter() - began
    free.set()
    assert took < 2
    assert len(found) == 0


def test_a_stream_ends_cleanly() -> None:
    net = random_network([4, 64, 64, 1])
    pe.count_regions(net, pe.Box(-0.01, 0.01, dim=4))
    later(0.5)
    with pytest.warns(UserWarning, match="interrupted with .* the chunks are not complete"):
        sizes = [
            len(chunk) for chunk in pe.iter_regions(net, pe.Box(-1, 1, dim=4), chunk_size=1000)
        ]
    assert set(sizes[:-1]) == {1000}
    assert 0 < sizes[-1] <= 1000
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_ctrl_c_in_the_callers_own_code_is_the_callers() -> None:
    chunks = pe.iter_regions(random_network([2, 40, 40, 1]), BOX, chunk_size=50)
    next(chunks)

    def work() -> None:
        ctrl_c()
        time.sleep(1)

    with pytest.raises(KeyboardInterrupt):
        work()
    assert len(next(chunks)) == 50
    chunks.close()


def after(
    calls: int, error: type[BaseException], function: Callable[..., Any]
) -> Callable[..., Any]:
    """Return a function that raises from so many calls on."""
    left = [calls]

    def replaced(*args: Any, **options: Any) -> Any:
        left[0] -= 1
        if left[0] < 0:
            raise error("planted")
        return function(*args, **options)

    return replaced


BIG = random_network([2, 60, 60, 60, 1], seed=5)


@pytest.mark.parametrize("calls", [0, 1, 2, 3])
@pytest.mark.parametrize(
    ("owner", "name"),
    [
        (VertexWalker, "run"),
        (VertexWalker, "take_found"),
        (VertexWalker, "load"),
        (VertexWalker, "give_away_half"),
        (assemble.Collected, "add"),
    ],
)
def test_out_of_memory(
    owner: Any, name: str, calls: int, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    """Wherever it strikes, what was found until then is right, and some of it is there."""
    whole = pe.enumerate_regions(BIG, BOX, threads=1)
    everything = {row.tobytes(): k for k, row in enumerate(whole.packed_sides)}
    with monkeypatch.context() as patch:
        patch.setattr(owner, name, after(calls, MemoryError, getattr(owner, name)))
        with pytest.warns(UserWarning, match="out of memory with .* the complex is not complete"):
            part = pe.enumerate_regions(BIG, BOX, threads=2)
    assert not part.complete
    assert len(part) < len(whole)
    assert (len(part) > 0) or calls <= 1
    assert part.fits(part.network, part.domain)
    at = [everything[row.tobytes()] for row in part.packed_sides]
    np.testing.assert_allclose(part.volumes, whole.volumes[at], rtol=1e-9)
    with monkeypatch.context() as patch:
        patch.setattr(VertexWalker, "run", after(calls, MemoryError, VertexWalker.run))
        with pytest.warns(UserWarning, match="out of memory"):
            count = pe.count_regions(BIG, BOX, threads=2)
        assert not count.complete
        assert count < len(whole)
        with pytest.warns(UserWarning, match="out of memory"):
            assert sum(len(c) for c in pe.iter_regions(BIG, BOX)) == 0


def test_no_thread_can_be_started(monkeypatch: pytest.MonkeyPatch) -> None:
    start = threading.Thread.start
    monkeypatch.setattr(threading.Thread, "start", after(1, RuntimeError, start))
    assert pe.count_regions(NET, BOX, threads=4) == 4  # on the one that started
    with pytest.warns(UserWarning, match="out of memory with 0 regions"):
        assert pe.count_regions(NET, BOX, threads=4) == 0


LIMITED = """
import resource, sys
import numpy as np
import polyenum as pe
from benchmarks.networks import random_network
from polyenum.cli.main import run
net = random_network([5, 64, 64, 1])
pe.enumerate_regions(net, pe.Box(-0.01, 0.01, dim=5), threads=2)
size = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (size + (300 << 20),) * 2)
if sys.argv[1:]:
    np.savez(sys.argv[1], **{f"W{i}": s.weight for i, s in enumerate(net.stages)})
    sys.exit(run(["enumerate", sys.argv[1], "--box", "-1:1", "--threads", "2", "-o", sys.argv[2]]))
found = pe.enumerate_regions(net, pe.Box(-1, 1, dim=5), threads=2)
print(len(found), found.complete)
"""


@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="reads its size from /proc")
def test_a_limit_of_memory(tmp_path: Path) -> None:
    """In a process that may take 300 MB more than it has."""
    root = str(Path(__file__).parents[2])
    done = subprocess.run(
        [sys.executable, "-c", LIMITED], cwd=root, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    assert "out of memory with" in done.stderr
    assert "Traceback" not in done.stderr
    count, complete = done.stdout.split()
    assert int(count) > 10_000
    assert complete == "False"
    names = [str(tmp_path / "net.npz"), str(tmp_path / "r.npz")]
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, *names],
        cwd=root,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 3, done.stderr
    assert done.stderr.count("\n") == 1
    assert len(pe.open_regions(names[1])) > 10_000


@pytest.mark.parametrize("which", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("command", ["count", "enumerate", "sample", "plot"])
def test_the_command_line_keeps_what_it_has(which: int, command: str, tmp_path: Path) -> None:
    net = random_network([2, 300, 300, 300, 1])
    arrays = {f"W{i}": s.weight for i, s in enumerate(net.stages)}
    np.savez(tmp_path / "net.npz", **arrays)
    output = {"enumerate": ["-o", "r.npz"], "plot": ["-o", "r.png"], "sample": ["-o", "v.png"]}
    process = subprocess.Popen(
        [sys.executable, "-c", STARTED, command, "net.npz", "--box", "-1:1", *output.get(command, [])],
        cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.readline() == "walking\n"
    process.send_signal(which)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 3, err
    assert "interrupted with" in err
    assert "Traceback" not in err
    left = {"count": set(), "enumerate": {"r.npz"}, "plot": {"r.png"}, "sample": set()}[command]
    assert {f.name for f in tmp_path.iterdir()} == {"net.npz"} | left
    if command == "enumerate":
        part = pe.open_regions(tmp_path / "r.npz")
        assert len(part) > 0
        assert not part.complete
    if command == "count":
        assert "activation regions" in out


STARTED = """
import sys
import threading
import time
from polyenum.cli.main import run
from polyenum.enumeration.tasks import Walk
from polyenum.interrupts import interrupts_put_off
start = Walk._start_threads
def noted(self):
    def told():
        while not self.regions:
            time.sleep(0.01)
        print("walking", flush=True)
    threading.Thread(target=told, daemon=True).start()
    return start(self)
Walk._start_threads = noted
sys.exit(run(sys.argv[1:]))
"""


def test_an_interrupt_that_an_import_would_swallow_comes_after_it() -> None:
    """A named fault: Ctrl-C while onnxruntime was imported was taken for its absence, and was lost."""
    done = []

    def importing() -> None:
        with interrupts_put_off():
            with suppress(KeyboardInterrupt):
                ctrl_c()
                time.sleep(0.05)
            done.append(True)

    with pytest.raises(KeyboardInterrupt):
        importing()
    assert done
    with interrupts_put_off():
        pass


def test_interrupts_elsewhere_are_left_alone() -> None:
    before = signal.getsignal(signal.SIGINT)

    def other() -> None:
        with interrupts_put_off():
            assert signal.getsignal(signal.SIGINT) is before

    thread = threading.Thread(target=other)
    thread.start()
    thread.join()
