"""Serve the page."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from polyenum.cli import arguments
from polyenum.cli.options import (
    Boxes,
    Points,
)
from polyenum.errors import OptionError


def explore(
    model: Annotated[
        Path | None,
        typer.Argument(help="A model; by default one is made and trained on the page."),
    ] = None,
    box: Boxes = None,
    slice_: Points = None,
    theme: Annotated[str, typer.Option(help="light or dark.")] = "light",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = 0,
    address: Annotated[str, typer.Option(help="Where to listen: this machine only.")] = "localhost",
    no_browser: Annotated[bool, typer.Option("--no-browser", help="Only serve.")] = False,
) -> None:
    """Serve a page to play with: train, move a unit, click a region.

    A model of one or two inputs is shown on -2:2, unless --box says where; a larger one on a --slice.
    """
    from polyenum.playground.calls import serve

    net = None if model is None else arguments.network_of(model, None, False)
    domain = None
    if box or slice_ is not None:
        if net is None:
            raise OptionError("--box and --slice are of a model; give one, or leave them out")
        domain = arguments.domain_of(net, box or [], slice_, None)
    serve(net, domain, theme=theme, port=port, address=address, show=not no_browser)
