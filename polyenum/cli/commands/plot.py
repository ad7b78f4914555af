"""Draw regions."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

import polyenum as pe
from polyenum.cli import arguments
from polyenum.cli.exit_codes import INCOMPLETE
from polyenum.cli.options import (
    Boxes,
    ChosenInputs,
    ChosenOutputs,
    IgnoreOutput,
    InputShape,
    NoCheck,
    Points,
    Quiet,
    Threads,
    VnnLib,
)
from polyenum.cli.output import wants_progress
from polyenum.cli.pictures import backend, check_picture, write_picture
from polyenum.errors import DomainError, OptionError


def plot(
    file: Annotated[Path, typer.Argument(help="A model, or regions that enumerate saved.")],
    output: Annotated[Path, typer.Option("--output", "-o", help=".png, .svg, .pdf or .html.")],
    kind: Annotated[
        str,
        typer.Option(
            help="auto, function, partition, surface, creases, levels, decision, adjacency, cells, histogram."
        ),
    ] = "auto",
    color: Annotated[
        str,
        typer.Option(
            help="Of regions: neighbors, pattern, linear, active, slope, layer or volume."
        ),
    ] = "",
    theme: Annotated[str, typer.Option(help="light or dark.")] = "light",
    title: Annotated[str, typer.Option()] = "",
    box: Boxes = None,
    slice_: Points = None,
    vnnlib: VnnLib = None,
    input_shape: InputShape = None,
    inputs: ChosenInputs = None,
    outputs: ChosenOutputs = None,
    no_check: NoCheck = False,
    ignore_output_activation: IgnoreOutput = False,
    threads: Threads = None,
    quiet: Quiet = False,
) -> None:
    """Draw the regions of a model, or of a saved result."""
    from polyenum import plot as pictures

    check_picture(output, arguments.input_files(file, vnnlib, slice_), title=title)
    if kind != "auto" and kind not in _KINDS:
        raise OptionError(f"--kind must be auto, {', '.join(_KINDS)}, found {kind!r}")
    cx = None
    if arguments.is_saved(file):
        if box or slice_ is not None or vnnlib is not None:
            raise DomainError(
                f"{file}: saved regions have their domain; leave out --box, --slice, --vnnlib"
            )
        cx = arguments.saved(file)
        dim = cx.dim
    else:
        net = arguments.network_of(
            file,
            input_shape,
            ignore_output_activation,
            inputs=inputs,
            outputs=outputs,
            check=not no_check,
        )
        domain = arguments.domain_of(net, box or [], slice_, vnnlib)
        dim = domain.dim
    if kind == "auto":
        kind = {1: "function", 2: "partition", 3: "cells"}.get(dim, "histogram")
    function, needed = _KINDS[kind]
    if needed not in (0, dim):
        raise DomainError(
            f"--kind {kind} is for {needed} dimensions; this domain has {dim} (--slice takes a plane)"
        )
    options: dict[str, Any] = {"title": title, "backend": backend(output), "theme": theme}
    if color:
        if kind in ("function", "creases", "histogram"):
            raise OptionError(f"--color: a picture of kind {kind} has colours of its own")
        options["color"] = color
    if cx is None:
        cx = pe.enumerate_regions(net, domain, threads=threads, progress=wants_progress(quiet))
        if not len(cx):
            # What stopped it before the first region has been said.
            raise typer.Exit(INCOMPLETE)
    write_picture(getattr(pictures, function)(cx, **options), output)
    if not cx.complete:
        raise typer.Exit(INCOMPLETE)


# The function of polyenum.plot, and the dimension that it needs; 0 where it takes any.
_KINDS = {
    "function": ("function_1d", 1),
    "partition": ("partition", 2),
    "surface": ("surface", 2),
    "creases": ("creases", 2),
    "levels": ("level_sets", 2),
    "decision": ("decision_boundary", 2),
    "adjacency": ("adjacency", 2),
    "cells": ("cells_3d", 3),
    "histogram": ("histogram", 0),
}
