"""Counts on several domains, and their sum."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import typer

import polyenum as pe
from polyenum.cli.exit_codes import INCOMPLETE
from polyenum.cli.output import show


def count_each(
    title: str,
    net: pe.PiecewiseLinearNetwork,
    domains: Sequence[pe.Domain],
    *,
    as_json: bool,
    **options: Any,
) -> None:
    """Count the regions on each of several domains and print them with their sum; stop where one is stopped.

    Parameters
    ----------
    title : str
    net : PiecewiseLinearNetwork
    domains : sequence of Domain
    as_json : bool
    **options
        Of `count_regions`.
    """
    began = time.perf_counter()
    counts: list[pe.RegionCount] = []
    for domain in domains:
        counts.append(pe.count_regions(net, domain, **options))
        # --max-regions ends one count, Ctrl-C all of them.
        limit = options.get("max_regions")
        if not counts[-1].complete and (limit is None or counts[-1] < limit):
            break
    seconds = time.perf_counter() - began
    complete = len(counts) == len(domains) and all(count.complete for count in counts)
    rows: list[tuple[str, Any]] = [
        (f"regions of {domain!r}", int(count) if count.complete else repr(count))
        for domain, count in zip(domains, counts, strict=False)
    ]
    rows += [
        ("activation regions", sum(counts)),
        ("complete", complete),
        ("domains", f"{len(counts):,} of {len(domains):,}"),
        ("network", repr(net)),
        ("seconds", seconds),
    ]
    each = [
        {"domain": repr(d), "activation_regions": int(c), "complete": c.complete, "share": c.share, "dim": d.dim}
        for d, c in zip(domains, counts, strict=False)
    ]  # fmt: skip
    data = {
        "activation_regions": int(sum(counts)), "complete": complete, "seconds": seconds, "units": net.unit_count,
        "domains": each,
    }  # fmt: skip
    show(title, rows, as_json=as_json, data=data)
    if not complete:
        raise typer.Exit(INCOMPLETE)
