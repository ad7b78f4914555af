"""What users call: enumerate, iterate or count the activation regions of a network on a domain."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import closing
from typing import TYPE_CHECKING, Any

from polyenum import options
from polyenum.domains import Domain
from polyenum.domains.domain import as_domain
from polyenum.enumeration.engines import check_engine, make_engine
from polyenum.enumeration.progress import Progress
from polyenum.enumeration.tasks import Walk, thread_count
from polyenum.models.load import load
from polyenum.networks import PiecewiseLinearNetwork
from polyenum.regions.collect import Collected

if TYPE_CHECKING:
    from polyenum.cells.engine import Engine
    from polyenum.enumeration.tasks import Walk
    from polyenum.regions.complex import RegionComplex


MOST_THREADS = 1024


class RegionCount(int):
    """A number of regions: an int that knows whether it counted all of them.

    Attributes
    ----------
    complete : bool
        False when the count was stopped by ``max_regions`` or Ctrl-C.
    share : float
        How much of the search tree was finished, in [0, 1]; 1 when complete.
    """

    complete: bool
    share: float

    def __new__(cls, value: int, *, complete: bool = True, share: float = 1.0) -> RegionCount:
        """Return `value` with what is known about it."""
        self = super().__new__(cls, value)
        self.complete = complete
        self.share = share
        return self

    def __repr__(self) -> str:
        if self.complete:
            return int.__repr__(self)
        return f"RegionCount({int(self)}, stopped with {self.share:.2%} of the tree finished)"


def enumerate_regions(
    net: Any,
    domain: Domain,
    *,
    max_regions: int | None = None,
    threads: int | None = None,
    progress: bool = False,
    engine: str = "auto",
    certified: bool = True,
) -> RegionComplex:
    """Return all activation regions of `net` on `domain`, with vertices, maps and adjacency.

    The regions are the maximal full-dimensional sets of the domain on which every unit stays on one
    piece of its activation.  Each sign on which this rests is proven, by floating-point error bounds
    or in rational arithmetic; no tolerance decides what exists.  They come in lexicographic order of
    their patterns.

    Parameters
    ----------
    net : torch.nn.Sequential, [(W, b), ...] or PiecewiseLinearNetwork
    domain : Domain
        A `Box`, `HPolytope`, `Hull`, `Slice` or `Segment`.
    max_regions : int, optional
        Stop after so many regions; the result's ``complete`` is then False, and ``covered`` is the
        share of the domain that it covers.  Ctrl-C stops likewise, with a warning, and so does want of memory.
    threads : int, optional
        By default, one per processor.  The result does not depend on it.  Only the vertex cells use several.
    progress : bool
        Whether to show a progress bar.
    engine : str
        The cells that do the work, the result's ``engine``.  "vertex": vertices in float64 with error
        bounds, and rational arithmetic where these do not suffice; up to dimension 8.  "lp": half-spaces and
        linear programs, proven likewise; any dimension, but no vertices.  "exact": rational vertices
        throughout, hundreds of times slower, independent of all error bounds.  "shapely": shapely
        polygons in plain float64, an independent second opinion in 2-D, never certified.  "auto" is
        "vertex" up to dimension 8 and "lp" beyond.
    certified : bool
        Whether every sign is proven.  False, for "vertex" only, takes the signs of floats as they are:
        a little faster, and possibly wrong on degenerate networks, by slivers that do not exist or regions
        that are lost.

    Returns
    -------
    RegionComplex

    Raises
    ------
    NetworkError
        If the network cannot be read or is not piecewise linear.
    DomainError
        If the domain does not fit the network.
    OptionError
        If an option has an impossible value.

    Examples
    --------
    >>> import polyenum as pe
    >>> tent = [([[1.0], [1.0]], [0.0, -0.5]), ([[2.0, -4.0]], [0.0])]
    >>> cx = pe.enumerate_regions(tent, pe.Box(0, 1, dim=1))
    >>> len(cx), cx.vertices.ravel().tolist(), cx.weights.ravel().tolist()
    (2, [0.0, 0.5, 1.0], [2.0, -2.0])
    """
    network = _checked(net, domain, max_regions, threads, progress)
    check_engine(engine, certified, domain)
    cells = make_engine(engine, network, domain, certified=certified)
    walk = _start(cells, store=True, threads=threads, progress=progress, enough=max_regions)
    collected, total, within = Collected(walk.engine, network, domain), 0, True
    with walk.stopped_by_ctrl_c(), closing(walk.chunks()) as chunks, walk.ended_by_want_of_memory():
        for chunk in chunks:
            assert chunk is not None
            count = chunk.regions
            within = max_regions is None or total + count <= max_regions
            if max_regions is not None and not within:
                chunk = chunk.part(0, max_regions - total)
            collected.add(chunk)
            total += count
            if not within:
                break
    if within and not walk.complete:
        _say_why(walk, total, "the complex is")
    return _complex(collected, walk, complete=within and walk.complete)


def iter_regions(
    net: Any,
    domain: Domain,
    *,
    chunk_size: int = 10_000,
    max_regions: int | None = None,
    threads: int | None = None,
    progress: bool = False,
    engine: str = "auto",
    certified: bool = True,
) -> Iterator[RegionComplex]:
    """Yield the regions of `net` on `domain` in chunks, as they are found, in the same order.

    Memory stays bounded, however many regions there are.  Ctrl-C while a chunk is looked for ends the iteration
    with a warning, after a last chunk of what was found.

    Parameters
    ----------
    net, domain, max_regions, threads, progress, engine, certified
        As in `enumerate_regions`.
    chunk_size : int
        Regions per chunk; the last one may have fewer.

    Yields
    ------
    RegionComplex
        A part of the whole: its ``complete`` is False unless it is all there is, and neighbours in
        other chunks are not known to it.

    Examples
    --------
    >>> import polyenum as pe
    >>> net = [([[1.0], [1.0]], [0.0, -0.5]), ([[2.0, -4.0]], [0.0])]
    >>> [len(chunk) for chunk in pe.iter_regions(net, pe.Box(-1, 1, dim=1), chunk_size=2)]
    [2, 1]
    """
    options.whole("chunk_size", chunk_size)
    network = _checked(net, domain, max_regions, threads, progress)
    check_engine(engine, certified, domain)
    cells = make_engine(engine, network, domain, certified=certified)
    walk = _start(
        cells,
        store=True,
        threads=threads,
        progress=progress,
        ahead=True,
        # Cells that run in Python can take seconds each: their tasks are no longer than a chunk.
        enough=max_regions if cells.parallel else min(chunk_size, max_regions or chunk_size),
    )
    return _chunks(walk, network, domain, int(chunk_size), max_regions)


def _chunks(
    walk: Walk,
    network: PiecewiseLinearNetwork,
    domain: Domain,
    chunk_size: int,
    max_regions: int | None,
) -> Iterator[RegionComplex]:
    collected, size, first = Collected(walk.engine, network, domain), 0, True
    left, within = max_regions, True
    with closing(walk.chunks()) as chunks:
        while True:
            rest = None
            # Not while the caller's own code runs: there Ctrl-C is the caller's.
            with walk.stopped_by_ctrl_c(), walk.ended_by_want_of_memory():
                rest = next(chunks, None)
            if rest is None:
                break
            if left is not None:
                within, rest = rest.regions <= left, rest.part(0, left)
                left -= rest.regions
            while size + rest.regions > chunk_size:
                now, rest = (
                    rest.part(0, chunk_size - size),
                    rest.part(chunk_size - size, rest.regions),
                )
                with walk.ended_by_want_of_memory():
                    collected.add(now)
                yield _complex(collected, walk, complete=False)
                collected, size, first = Collected(walk.engine, network, domain), 0, False
            with walk.ended_by_want_of_memory():
                collected.add(rest)
                size += rest.regions
            if not within:
                break
    if within and not walk.complete:
        _say_why(walk, walk.regions, "the chunks are")
    if size:
        yield _complex(collected, walk, complete=first and within and walk.complete)


def count_regions(
    net: Any,
    domain: Domain,
    *,
    max_regions: int | None = None,
    threads: int | None = None,
    progress: bool = False,
    engine: str = "auto",
    certified: bool = True,
) -> RegionCount:
    """Return the number of activation regions of `net` on `domain`; nothing is stored.

    Parameters
    ----------
    net, domain, max_regions, threads, progress, engine, certified
        As in `enumerate_regions`.

    Returns
    -------
    RegionCount
        An int; its ``complete`` is False when ``max_regions``, or with a warning Ctrl-C or want of memory,
        stopped the count.

    Examples
    --------
    >>> import polyenum as pe
    >>> pe.count_regions([([[1.0, 0], [0, 1.0]], [0, 0]), ([[1.0, 1]], [0])], pe.Box(-1, 1, dim=2))
    4
    """
    network = _checked(net, domain, max_regions, threads, progress)
    check_engine(engine, certified, domain)
    cells = make_engine(engine, network, domain, certified=certified)
    walk = _start(cells, store=False, threads=threads, progress=progress, enough=max_regions)
    regions, share = 0, 0.0
    with walk.stopped_by_ctrl_c(), closing(walk.chunks()) as chunks:
        for _ in chunks:
            if max_regions is not None and walk.regions > max_regions:
                # Of the last chunk only a part counts.
                part = (max_regions - regions) / (walk.regions - regions)
                share += part * (walk.share - share)
                return RegionCount(max_regions, complete=False, share=share)
            regions, share = walk.regions, walk.share
    share = 1.0 if walk.complete else walk.share
    if not walk.complete:
        _say_why(walk, walk.regions, "the count is")
    return RegionCount(walk.regions, complete=walk.complete, share=share)


def _complex(collected: Collected, walk: Walk, *, complete: bool) -> RegionComplex:
    """Return the complex of what was collected from a walk so far."""
    return collected.complex(complete=complete, signs=walk.signs, vertex_error=walk.largest_radius)


def _say_why(walk: Walk, regions: int, what: str) -> None:
    """Warn that a walk ended before its time."""
    warnings.warn(
        f"{walk.ended_by} with {regions:,} regions found and {walk.share:.2%} of the tree finished; {what} "
        "not complete",
        stacklevel=3,
    )


def _checked(
    net: Any, domain: Domain, max_regions: int | None, threads: int | None, progress: bool
) -> PiecewiseLinearNetwork:
    """Return the network, after checking everything that can be wrong with the arguments."""
    options.whole_or_none("max_regions", max_regions)
    options.whole_or_none("threads", threads, most=MOST_THREADS)
    options.flag("progress", progress)
    as_domain("domain", domain)
    network = load(net)
    as_domain("domain", domain, input_dim=network.input_dim)
    return network


def _start(
    engine: Engine,
    *,
    store: bool,
    threads: int | None,
    progress: bool,
    ahead: bool = False,
    enough: int | None = None,
) -> Walk:
    # Walks in Python would only wait for each other: with two threads the LP cells are half as fast.
    count = thread_count(threads) if engine.parallel else 1
    return Walk(
        engine,
        store=store,
        threads=count,
        progress=Progress(shown=progress),
        run_ahead=2 * count + 2 if ahead else None,
        enough=None if enough is None else int(enough) + 1,
    )
