"""Walking on several threads, with the regions in one order whatever their number.

A *task* is a list of pending cells with a budget of regions.  A task that has found as many gives the
rest of its stack back as two tasks, the smaller cells and the largest ones, which take its place.
What a task does depends on nothing but itself, so the same tasks arise on any number of threads, and
their results, read in the tasks' order, are the depth-first order: lexicographic in the sides of the
hyperplanes, "off" before "on".

The first budgets are small, so that all threads have work soon, and double from task to task.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field

from polyenum.cells.vertex.tables import build_tables
from polyenum.cells.vertex.walker import Found, PendingCell, SignCounts, Walker, root_cell
from polyenum.domains import Domain
from polyenum.enumeration.progress import Progress
from polyenum.networks import PiecewiseLinearNetwork

FIRST_BUDGET = 512
LARGEST_BUDGET = 32_768
SLICE_SECONDS = 0.05


@dataclass(eq=False)
class Task:
    """Some pending cells, and what came of them."""

    cells: list[PendingCell]
    budget: int
    future: Future[None] | None = None
    regions: int = 0
    found: list[Found] = field(default_factory=list)
    rest: list[Task] = field(default_factory=list)

    def divide(self, leftover: list[PendingCell]) -> None:
        """Make of `leftover` the tasks that take this one's place, in order."""
        budget = min(2 * self.budget, LARGEST_BUDGET)
        weights = [0.5**cell.cuts for cell in leftover]
        half, cut = sum(weights) / 2, len(leftover)
        while cut > 1 and half > 0:
            cut -= 1
            half -= weights[cut]
        for part in (leftover[:cut], leftover[cut:]):
            if part:
                self.rest.append(Task(part, budget))


class Walk:
    """The enumeration of one network on one domain.

    Parameters
    ----------
    network : PiecewiseLinearNetwork
    domain : Domain
    store : bool
        Whether to keep the regions, or to count them only.
    threads : int
    progress : Progress
    run_ahead : int, optional
        How many tasks beyond the first unread one may be under way; bounds the memory of a stream.

    Attributes
    ----------
    regions : int
        Regions in the chunks read so far.
    share : float
        The finished share of the tree, in [0, 1]: each cut halves a cell's weight.
    complete : bool
        Whether everything was walked and read.
    """

    def __init__(
        self,
        network: PiecewiseLinearNetwork,
        domain: Domain,
        *,
        store: bool,
        threads: int,
        progress: Progress,
        run_ahead: int | None = None,
    ) -> None:
        self.regions = 0
        self.share = 0.0
        self.complete = False
        self.signs = SignCounts(0, 0)
        self.tables = build_tables(network, domain)
        self._network = network
        self._domain = domain
        self._store = store
        self._threads = threads
        self._progress = progress
        self._run_ahead = run_ahead
        self._tasks = [Task([root_cell(domain)], FIRST_BUDGET)]
        self._idle: list[Walker] = []
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._seen = 0

    def chunks(self) -> Iterator[Found | None]:
        """Yield the regions chunk by chunk, in order; None for a chunk that was only counted.

        Closing the iterator stops the threads.  On Ctrl-C it yields what has been found, which may
        leave gaps, and ends with `complete` False.
        """
        pool = ThreadPoolExecutor(self._threads, thread_name_prefix="polyenum")
        try:
            with self._progress:
                while self._tasks:
                    try:
                        self._submit(pool)
                        self._wait()
                    except KeyboardInterrupt:
                        self._stop.set()
                        wait([t.future for t in self._tasks if t.future])
                        for task in list(self._tasks):
                            yield from self._read(task)
                        return
                    while self._tasks and self._finished(self._tasks[0]):
                        task = self._tasks.pop(0)
                        if task.future is not None:
                            task.future.result()
                        self._tasks[:0] = task.rest
                        yield from self._read(task)
                self.complete = True
        finally:
            self._stop.set()
            pool.shutdown(wait=True, cancel_futures=True)

    @staticmethod
    def _finished(task: Task) -> bool:
        return task.future is not None and task.future.done()

    def _read(self, task: Task) -> Iterator[Found | None]:
        self.regions += task.regions
        if not self._store:
            yield None
        while task.found:
            yield task.found.pop(0)

    def _submit(self, pool: ThreadPoolExecutor) -> None:
        """Start the first waiting tasks while threads are free; put what tasks left in their place."""
        at, busy = 0, 0
        while at < len(self._tasks):
            task = self._tasks[at]
            if task.rest and at > 0 and self._finished(task):
                self._tasks[at + 1 : at + 1] = task.rest
                task.rest = []
            busy += task.future is not None and not task.future.done()
            at += 1
        for task in self._tasks[: self._run_ahead]:
            if busy >= self._threads:
                break
            if task.future is None:
                task.future = pool.submit(self._work, task)
                busy += 1

    def _wait(self) -> None:
        futures = [t.future for t in self._tasks if t.future and not t.future.done()]
        if not futures or self._finished(self._tasks[0]):
            return
        while not wait(futures, timeout=0.1, return_when=FIRST_COMPLETED).done:
            self._progress.show(self.share, self._seen)
        self._progress.show(self.share, self._seen)

    def _work(self, task: Task) -> None:
        """Walk one task to its budget; runs on a thread of the pool."""
        with self._lock:
            walker = self._idle.pop() if self._idle else None
        if walker is None:
            walker = Walker(self._network, self._domain, self.tables)
        if self._store:
            walker.reserve(task.budget)
        walker.load(task.cells)
        task.cells = []
        step, done = 256, False
        while not done and task.regions < task.budget and not self._stop.is_set():
            began = time.perf_counter()
            done = walker.run(min(step, task.budget - task.regions), store=self._store)
            took = time.perf_counter() - began
            step = max(16, min(4 * step, int(step * SLICE_SECONDS / max(took, 1e-6))))
            task.regions += walker.regions
            if self._store and (done or task.regions >= task.budget or walker.output_full):
                task.found.append(walker.take_found())
            signs = walker.take_signs()
            with self._lock:
                self.share += walker.take_done()
                self._seen += walker.regions
                self.signs = SignCounts(
                    self.signs.floats + signs.floats, self.signs.exact + signs.exact
                )
        if self._store and self._stop.is_set():
            task.found.append(walker.take_found())
        if not done:
            task.divide(walker.leftover())
        with self._lock:
            self._idle.append(walker)


def thread_count(threads: int | None) -> int:
    """Return `threads`, or the number of processors that this process may use."""
    if threads is not None:
        return threads
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
