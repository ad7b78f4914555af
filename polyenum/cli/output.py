"""What commands print: a table for people, or JSON for machines."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from polyenum.regions.complex import RegionComplex


def show(
    title: str, rows: Iterable[tuple[str, Any]], *, as_json: bool, data: dict[str, Any]
) -> None:
    """Print a table of names and values, or the data as one JSON object."""
    if as_json:
        print(json.dumps(data, allow_nan=True))
        return
    table = Table(title=Text(title), box=box.SIMPLE, show_header=False, title_justify="left")
    # Names may be as long as a domain: they are folded, so that values always have room.
    table.add_column(style="bold", overflow="fold", max_width=40)
    table.add_column(overflow="fold", min_width=12)
    for name, value in rows:
        table.add_row(name, Text(number(value)))
    Console().print(table)


def describe(cx: RegionComplex, title: str, json: bool, more: dict[str, Any]) -> None:
    """Print what a complex is."""
    data: dict[str, Any] = {
        "activation_regions": len(cx),
        "linear_regions": cx.linear_region_count if cx.complete else None,
        "complete": cx.complete,
        "dim": cx.dim,
        "engine": cx.engine,
        "certified": cx.certificate.certified,
        "units": cx.network.unit_count,
        "bytes": cx.nbytes,
        **more,
    }
    rows: list[tuple[str, Any]] = [
        ("activation regions", len(cx)),
        *([("linear regions", cx.linear_region_count)] if cx.complete else []),
        ("complete", cx.complete),
        ("domain", repr(cx.domain)),
        ("network", repr(cx.network)),
        ("engine", cx.engine),
        ("certificate", repr(cx.certificate)),
        *([("seconds", more["seconds"])] if "seconds" in more else []),
    ]
    show(title, rows, as_json=json, data=data)


def number(value: Any) -> str:
    """Return a value as people read it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:.6g}"
    return str(value)


def wants_progress(quiet: bool) -> bool:
    """Return whether to show a progress bar: on a terminal, unless asked not to."""
    import sys

    return not quiet and sys.stderr.isatty()
