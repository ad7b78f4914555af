"""Hold sampled counts against exact ones."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

import polyenum as pe
from polyenum.cli import arguments
from polyenum.cli.exit_codes import DIFFERS
from polyenum.cli.options import (
    AsJson,
    Boxes,
    ChosenInputs,
    ChosenOutputs,
    Engine,
    IgnoreOutput,
    InputShape,
    Model,
    NoCheck,
    Points,
    Quiet,
    Threads,
    VnnLib,
)
from polyenum.cli.output import show, wants_progress
from polyenum.cli.pictures import backend, check_picture, write_picture
from polyenum.errors import DomainError


def sample(
    model: Model,
    box: Boxes = None,
    slice_: Points = None,
    vnnlib: VnnLib = None,
    method: Annotated[
        str, typer.Option(help="unique, rounded, slopes (1-D) or patterns.")
    ] = "unique",
    sampling: Annotated[str, typer.Option(help="grid or random.")] = "grid",
    resolution: Annotated[int, typer.Option(help="Points an axis, or random points.")] = 100,
    dtype: Annotated[str, typer.Option(help="float32 or float64.")] = "float32",
    decimals: Annotated[int, typer.Option(min=-300, max=300, help="For rounded.")] = 5,
    rtol: Annotated[float, typer.Option(help="For slopes.")] = 1e-2,
    atol: Annotated[float, typer.Option(help="For slopes.")] = 1e-2,
    seed: Annotated[int, typer.Option(min=0, help="Of random points.")] = 0,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Draw it: .png, .svg, .pdf or .html (1-D and 2-D)."),
    ] = None,
    input_shape: InputShape = None,
    inputs: ChosenInputs = None,
    outputs: ChosenOutputs = None,
    no_check: NoCheck = False,
    ignore_output_activation: IgnoreOutput = False,
    threads: Threads = None,
    engine: Engine = "auto",
    json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Hold a sampled count against the exact regions; exit code 1 where it differs."""
    net = arguments.network_of(
        model,
        input_shape,
        ignore_output_activation,
        inputs=inputs,
        outputs=outputs,
        check=not no_check,
    )
    domain = arguments.domain_of(net, box or [], slice_, vnnlib)
    if output is not None:
        check_picture(output, arguments.input_files(model, vnnlib, slice_))
        if domain.dim > 2:
            raise DomainError(
                f"--output draws in 1-D and 2-D; this domain has {domain.dim} dimensions (--slice takes a plane)"
            )
    report = pe.verify_sampling(
        net, domain, method=method, sampling=sampling, resolution=resolution, dtype=dtype, decimals=decimals,
        rtol=rtol, atol=atol, seed=seed, threads=threads, engine=engine,
        progress=wants_progress(quiet or json),
    )  # fmt: skip
    if output is not None:
        from polyenum import plot as pictures

        write_picture(pictures.sampling(report, backend=backend(output)), output)
    lines = [line.partition(":") for line in str(report).splitlines()]
    rows = [(name, text.strip()) for name, _, text in lines]
    show(model.name, rows, as_json=json, data=report.to_dict() if json else {})
    if len(report.missed) or report.merged or report.split:
        raise typer.Exit(DIFFERS)
