"""Enumerate regions into a file."""

from __future__ import annotations

import time
import warnings
from pathlib import Path
from typing import Annotated

import typer

import polyenum as pe
from polyenum.cli import arguments
from polyenum.cli.exit_codes import INCOMPLETE
from polyenum.cli.options import (
    AsJson,
    Boxes,
    ChosenInputs,
    ChosenOutputs,
    Engine,
    IgnoreOutput,
    InputShape,
    MaxRegions,
    Model,
    NoCheck,
    Points,
    Quiet,
    Threads,
    Uncertified,
    VnnLib,
)
from polyenum.cli.output import describe, wants_progress
from polyenum.errors import IncompleteError
from polyenum.regions.tables import check_writable, write


def enumerate_(
    model: Model,
    output: Annotated[
        Path,
        typer.Option(
            "--output",
            "-o",
            help=".npz (all of it; check, plot and open_regions read it), .parquet, .csv or, in 2-D, .geojson.",
        ),
    ],
    box: Boxes = None,
    slice_: Points = None,
    vnnlib: VnnLib = None,
    input_shape: InputShape = None,
    inputs: ChosenInputs = None,
    outputs: ChosenOutputs = None,
    no_check: NoCheck = False,
    ignore_output_activation: IgnoreOutput = False,
    max_regions: MaxRegions = None,
    threads: Threads = None,
    engine: Engine = "auto",
    uncertified: Uncertified = False,
    json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Enumerate the regions and write them to a file."""
    net = arguments.network_of(
        model,
        input_shape,
        ignore_output_activation,
        inputs=inputs,
        outputs=outputs,
        check=not no_check,
    )
    domain = arguments.domain_of(net, box or [], slice_, vnnlib)
    check_writable(output, domain.dim, inputs=arguments.input_files(model, vnnlib, slice_))
    began = time.perf_counter()
    cx = pe.enumerate_regions(
        net, domain, max_regions=max_regions, threads=threads, engine=engine,
        certified=not uncertified, progress=wants_progress(quiet or json),
    )  # fmt: skip
    seconds = time.perf_counter() - began
    if not len(cx):
        raise IncompleteError(f"no region was found, so {output} was not written")
    write(cx, output)
    try:
        describe(cx, str(output), json, {"seconds": seconds, "file": str(output)})
    except (MemoryError, KeyboardInterrupt):
        # What ended this is said too, and could be taken for the end of the writing.
        warnings.warn(f"{output} was written before that, and is whole", stacklevel=1)
        raise
    if not cx.complete:
        raise typer.Exit(INCOMPLETE)
