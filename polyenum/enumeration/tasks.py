"""Walking on several threads, with the regions in one order whatever their number.

A *task* is one pending cell, or a walk under way, with a budget of regions.  A task that has found as
many gives the largest cells on its stack away: they become tasks of their own, in order after the task
that goes on with the rest.  What a task does depends on nothing but itself, so the same tasks arise on
any number of threads, and their results, read in the tasks' order, are the depth-first order:
lexicographic in the sides of the hyperplanes, "off" before "on".

The first budgets are small, so that all threads have work soon, and grow from task to task.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from polyenum.cells.engine import CellWalker, Engine, Halted
from polyenum.cells.found import RegionArrays, SignCounts
from polyenum.enumeration.progress import Progress

FIRST_BUDGET = 256
GROWTH = 2
LARGEST_BUDGET = 32_768
SLICE_SECONDS = 0.05
# How long an interrupted walk waits for its threads; what one of them has not handed in by then is lost.
PATIENCE_SECONDS = 0.5
# Held back, so that there is room to end in when memory runs out.
SPARE_BYTES = 1 << 24

INTERRUPTED = "interrupted"
OUT_OF_MEMORY = "out of memory"


@dataclass(eq=False)
class Task:
    """A pending cell or, if there is a walker, a walk under way; and what came of it."""

    cell: Any
    budget: int
    walker: CellWalker | None = None
    state: str = "waiting"  # then "running", then "done"
    regions: int = 0
    share: float = 0.0
    found: list[RegionArrays] = field(default_factory=list)
    rest: list[Task] = field(default_factory=list)


class Walk:
    """One enumeration.

    Parameters
    ----------
    engine : Engine
    store : bool
        Whether to keep the regions, or to count them only.
    threads : int
    progress : Progress
    run_ahead : int, optional
        How many tasks beyond the first unread one may be under way; bounds the memory of a stream.
    enough : int, optional
        After how many regions the reader will stop: no task is to look for more.

    Attributes
    ----------
    regions : int
        Regions in the chunks read so far.
    share : float
        The share of the tree in the chunks read so far, in [0, 1]: each cut halves a cell's weight.
    complete : bool
        Whether everything was walked and read.
    ended_by : str or None
        `INTERRUPTED` or `OUT_OF_MEMORY`, if that ended it before its time.
    signs : SignCounts
        How the signs were decided so far.
    largest_radius : float
        A bound on the error of every coordinate of every vertex stored so far.
    """

    def __init__(
        self,
        engine: Engine,
        *,
        store: bool,
        threads: int,
        progress: Progress,
        run_ahead: int | None = None,
        enough: int | None = None,
    ) -> None:
        self.regions = 0
        self.share = 0.0
        self._share_seen = 0.0
        self.complete = False
        self.ended_by: str | None = None
        self.signs = SignCounts()
        self.largest_radius = 0.0
        self.engine = engine
        self._store = store
        self._threads = threads
        self._progress = progress
        self._run_ahead = run_ahead
        self._largest_budget = min(LARGEST_BUDGET, enough or LARGEST_BUDGET)
        self._tasks = [Task(engine.root(), min(FIRST_BUDGET, self._largest_budget))]
        # Cells in Python take a thousand times as long: a walk of a few regions is long enough a step.
        self._least_step = 16 if engine.parallel else 1
        self._idle: list[CellWalker] = []
        self._change = threading.Condition()
        self._stopped = False
        self._spare: Any = np.empty(SPARE_BYTES, np.uint8)
        self._failure: BaseException | None = None
        self._seen = 0

    def chunks(self) -> Generator[RegionArrays | None, None, None]:
        """Yield the regions chunk by chunk, in order; None for a chunk that was only counted.

        Closing the iterator stops the threads.  After `end` it yields what has been found, which may leave
        gaps, and ends with `complete` False.
        """
        threads = self._start_threads()
        try:
            with self._progress:
                while self._tasks:
                    done = self._next_done()
                    if done is None:
                        self._stop(threads)
                        for task in self._tasks:
                            # One that still runs belongs to its thread.
                            if task.state != "running":
                                yield from self._read(task)
                        return
                    yield from self._read(done)
                self._progress.show(1.0, self._seen)
                self.complete = True
        finally:
            self._stop(threads)

    def _start_threads(self) -> list[threading.Thread]:
        """Start the threads, or as many as there is room for."""
        threads: list[threading.Thread] = []
        for i in range(self._threads):
            thread = threading.Thread(target=self._run, name=f"polyenum-{i}", daemon=True)
            try:
                thread.start()
            except (RuntimeError, MemoryError):
                if not threads:
                    self.end(OUT_OF_MEMORY)
                break
            threads.append(thread)
        return threads

    def _stop(self, threads: list[threading.Thread]) -> None:
        with self._change:
            self._stopped = True
            self._change.notify_all()
        until = time.monotonic() + PATIENCE_SECONDS
        for thread in threads:
            # A walk in rational arithmetic, or a compiler, may be deep in one step: a daemon ends alone.
            thread.join(max(0.0, until - time.monotonic()) if self.ended_by else None)

    def end(self, why: str) -> None:
        """Ask the walk to end soon; may be called from a signal handler, and from any thread."""
        self.ended_by = self.ended_by or why
        self._spare = None

    def _halt(self) -> None:
        """Raise `Halted` if the walk is to end: what walkers look at between their steps."""
        if self._stopped or self.ended_by:
            raise Halted

    @contextmanager
    def stopped_by_ctrl_c(self) -> Iterator[None]:
        """Make Ctrl-C end the walk while this lasts; a second one acts as usual.

        An exception could strike anywhere, also between two halves of a change.
        """
        previous = signal.getsignal(signal.SIGINT)
        if threading.current_thread() is not threading.main_thread() or previous is None:
            yield
            return

        def stop(*_: object) -> None:
            self.end(INTERRUPTED)
            signal.signal(signal.SIGINT, previous)

        signal.signal(signal.SIGINT, stop)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, previous)

    @contextmanager
    def ended_by_want_of_memory(self) -> Iterator[None]:
        """Make an error for want of memory in the reader end the walk, and what is read with it."""
        try:
            yield
        except MemoryError:
            self.end(OUT_OF_MEMORY)

    def _next_done(self) -> Task | None:
        """Wait until the first task is done, and take it off the list; None when the walk is to end."""
        while not self.ended_by:
            with self._change:
                if self._tasks[0].state != "done" and self._failure is None:
                    self._change.wait(0.1)
                if self._failure is not None:
                    raise self._failure
                if self._tasks[0].state == "done":
                    task = self._tasks.pop(0)
                    self._change.notify_all()
                    return task
            self._progress.show(self._share_seen, self._seen)
        return None

    def _read(self, task: Task) -> Iterator[RegionArrays | None]:
        self.regions += task.regions
        self.share += task.share
        if not self._store:
            yield None
        while task.found:
            yield task.found.pop(0)

    def _run(self) -> None:
        """Do tasks until there are none; the body of each thread."""
        try:
            while (task := self._take()) is not None:
                self._work(task)
                with self._change:
                    at = self._tasks.index(task)
                    self._tasks[at + 1 : at + 1] = task.rest
                    task.rest = []
                    task.state = "done"
                    self._change.notify_all()
        except MemoryError:
            self.end(OUT_OF_MEMORY)
        except BaseException as error:  # handed to the thread that reads
            with self._change:
                self._failure = error
                self._change.notify_all()

    def _take(self) -> Task | None:
        """Wait for a task and return it; None when there will be none."""
        with self._change:
            while not self._stopped and not self.ended_by and self._failure is None:
                for task in self._tasks[: self._run_ahead]:
                    if task.state == "waiting":
                        task.state = "running"
                        return task
                if all(task.state == "done" for task in self._tasks):
                    return None
                self._change.wait()
        return None

    def _work(self, task: Task) -> None:
        """Walk one task to its budget, or until the walk is to end."""
        walker = task.walker
        if walker is None:
            with self._change:
                idle = self._idle.pop() if self._idle else None
            walker = idle or self.engine.walker()
            walker.halt = self._halt
            walker.load(task.cell)
        done = False
        with suppress(Halted):
            try:
                done = self._walk_on(task, walker)
            except MemoryError:
                self.end(OUT_OF_MEMORY)
        if self._store:
            self._take_found(task, walker)
        if done:
            with self._change:
                self._idle.append(walker)
        else:
            task.rest = self._rest(task, walker)

    def _rest(self, task: Task, walker: CellWalker) -> list[Task]:
        """Return what is left of a task as tasks of their own, in order."""
        budget = min(GROWTH * task.budget, self._largest_budget)
        unfinished = [Task(None, budget, walker)]
        if self.ended_by or self._stopped:
            return unfinished
        try:
            given = [Task(cell, budget) for cell in walker.give_away_half()]
        except MemoryError:
            self.end(OUT_OF_MEMORY)
            return unfinished
        if walker.pending():
            return unfinished + given
        with self._change:
            self._idle.append(walker)
        return given

    def _walk_on(self, task: Task, walker: CellWalker) -> bool:
        """Walk a task to its budget; return whether nothing of it is left to do."""
        if self._store:
            walker.reserve(task.budget)
        step, done = 2 * self._least_step, False
        while not done and task.regions < task.budget and not self._stopped:
            self._halt()
            began = time.perf_counter()
            try:
                done = walker.run(min(step, task.budget - task.regions), store=self._store)
            finally:
                task.regions += walker.regions
                self._count(task, walker)
            took = time.perf_counter() - began
            longer = min(4 * step, int(step * SLICE_SECONDS / max(took, 1e-6)))
            step = max(self._least_step, longer)
            if walker.output_full:
                task.found.append(walker.take_found())
        return done

    def _count(self, task: Task, walker: CellWalker) -> None:
        """Add what a walker did since the last call to the sums."""
        signs, share = walker.take_signs(), walker.take_done()
        with self._change:
            task.share += share
            self._share_seen += share
            self._seen += walker.regions
            self.signs = self.signs.plus(signs)

    def _take_found(self, task: Task, walker: CellWalker) -> None:
        """Take the regions that a walker holds, if there is room for a copy."""
        try:
            task.found.append(walker.take_found())
        except MemoryError:
            self.end(OUT_OF_MEMORY)
        task.regions = sum(found.regions for found in task.found)
        with self._change:
            self.largest_radius = max(self.largest_radius, walker.largest_radius)


def thread_count(threads: int | None) -> int:
    """Return `threads`, or the number of processors that this process may use."""
    if threads is not None:
        return threads
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
