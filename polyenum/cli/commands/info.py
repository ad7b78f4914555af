"""Say what is in a file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

import polyenum as pe
from polyenum import theory
from polyenum.cli import arguments
from polyenum.cli.options import (
    AsJson,
    ChosenInputs,
    ChosenOutputs,
    IgnoreOutput,
    InputShape,
    NoCheck,
)
from polyenum.cli.output import describe, show


def info(
    file: Annotated[Path, typer.Argument(help="A model, or regions that enumerate saved.")],
    input_shape: InputShape = None,
    inputs: ChosenInputs = None,
    outputs: ChosenOutputs = None,
    no_check: NoCheck = False,
    ignore_output_activation: IgnoreOutput = False,
    json: AsJson = False,
) -> None:
    """Say what is in a model, or in a file of regions."""
    if arguments.is_saved(file):
        describe(arguments.saved(file), file.name, json, {"file": str(file)})
        return
    net = arguments.network_of(
        file,
        input_shape,
        ignore_output_activation,
        inputs=inputs,
        outputs=outputs,
        check=not no_check,
    )
    try:
        bounds = theory.bounds(net)
    except pe.NetworkError:
        bounds = {}
    rows: list[tuple[str, Any]] = [
        ("inputs", net.input_dim),
        ("outputs", net.output_dim),
        ("units", net.unit_count),
        *(
            (f"at most ({name})", f"{value:.6e}" if value > 10**15 else value)
            for name, value in bounds.items()
        ),
    ]
    data = {
        "inputs": net.input_dim, "outputs": net.output_dim, "units": net.unit_count,
        "stages": [
            {"name": s.name, "outputs": len(s.bias), "units": len(s.activation.unit_coordinates)}
            for s in net.stages
        ],
        "bounds": {name: str(value) for name, value in bounds.items()},
    }  # fmt: skip
    show(file.name, rows, as_json=json, data=data)
    if not json:
        print(net.describe())
