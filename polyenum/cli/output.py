"""What commands print: a table for people, or JSON for machines."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text


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
