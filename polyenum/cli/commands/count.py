"""Count regions."""

from __future__ import annotations

import time
from typing import Any

import typer

import polyenum as pe
from polyenum.cli import arguments, counting
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
from polyenum.cli.output import show, wants_progress


def count(
    model: Model,
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
    """Count the activation regions; nothing is stored.

    Where a --vnnlib names several sets of inputs, those on each and their sum; --max-regions is for each.
    """
    net = arguments.network_of(
        model,
        input_shape,
        ignore_output_activation,
        inputs=inputs,
        outputs=outputs,
        check=not no_check,
    )
    domains = arguments.domains_of(net, box or [], slice_, vnnlib)
    if len(domains) > 1:
        counting.count_each(
            model.name, net, domains, as_json=json, max_regions=max_regions, threads=threads, engine=engine,
            certified=not uncertified, progress=wants_progress(quiet or json),
        )  # fmt: skip
        return
    (domain,) = domains
    began = time.perf_counter()
    found = pe.count_regions(
        net, domain, max_regions=max_regions, threads=threads, engine=engine,
        certified=not uncertified, progress=wants_progress(quiet or json),
    )  # fmt: skip
    seconds = time.perf_counter() - began
    rows: list[tuple[str, Any]] = [
        ("activation regions", int(found)),
        ("complete", found.complete),
        ("domain", repr(domain)),
        ("network", repr(net)),
        ("seconds", seconds),
    ]
    if not found.complete:
        rows.insert(2, ("share of the tree", f"{found.share:.2%}"))
    data = {
        "activation_regions": int(found), "complete": found.complete, "share": found.share,
        "seconds": seconds, "dim": domain.dim, "units": net.unit_count,
    }  # fmt: skip
    show(model.name, rows, as_json=json, data=data)
    if not found.complete:
        raise typer.Exit(INCOMPLETE)
