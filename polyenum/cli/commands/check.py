"""Prove a saved result again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

import polyenum as pe
from polyenum.cli import arguments
from polyenum.cli.exit_codes import DIFFERS
from polyenum.cli.options import (
    AsJson,
    ChosenInputs,
    ChosenOutputs,
    IgnoreOutput,
    InputShape,
    NoCheck,
    Quiet,
)
from polyenum.cli.output import show, wants_progress
from polyenum.errors import CheckError


def check(
    file: Annotated[Path, typer.Argument(help="Regions that enumerate saved.")],
    model: Annotated[
        Path | None,
        typer.Option(
            "--model",
            help="The model that they are claimed for; by default the one saved with them.",
        ),
    ] = None,
    input_shape: InputShape = None,
    inputs: ChosenInputs = None,
    outputs: ChosenOutputs = None,
    no_check: NoCheck = False,
    ignore_output_activation: IgnoreOutput = False,
    json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Prove a saved result again, from itself alone; exit code 1 where it is wrong."""
    cx = arguments.saved(file)
    net = cx.network
    if model is not None:
        net = arguments.network_of(
            model,
            input_shape,
            ignore_output_activation,
            inputs=inputs,
            outputs=outputs,
            check=not no_check,
        )
    try:
        report = pe.check(cx, net, cx.domain, progress=wants_progress(quiet or json))
    except CheckError as error:
        rows = [("proven", "no"), *(("found", finding) for finding in error.findings)]
        show(file.name, rows, as_json=json, data={"proven": False, "findings": error.findings})
        raise typer.Exit(DIFFERS) from None
    found = {name: getattr(report, name) for name in report.__dataclass_fields__}
    rows = [("proven", "yes"), *((name.replace("_", " "), value) for name, value in found.items())]
    show(file.name, rows, as_json=json, data={"proven": True, **found})
