"""Train, count and draw."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def demo(
    output: Annotated[Path, typer.Option("--output", "-o", help="Where the figures go.")] = Path(
        "demo_output"
    ),
) -> None:
    """Train small networks, count their regions exactly and by sampling, and draw them."""
    from polyenum.demo import main as run_demo

    run_demo(["--output", str(output)])
