"""The program: its commands under their names."""

from __future__ import annotations

from typing import Annotated

import typer

import polyenum as pe
from polyenum.cli.commands import check, count, demo, enumeration, explore, info, plot, sample

app = typer.Typer(
    help="The linear regions of piecewise-linear neural networks, exactly.",
    epilog="Exit codes: 0 done; 1 a sampled count or a saved result is wrong; 2 bad arguments or files; "
    "3 stopped before the end, by --max-regions, Ctrl-C, SIGTERM or for want of memory.",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        print(f"polyenum {pe.__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Hold the options of the program itself."""


app.command("count")(count.count)
app.command("enumerate")(enumeration.enumerate_)
app.command("info")(info.info)
app.command("sample")(sample.sample)
app.command("plot")(plot.plot)
app.command("check")(check.check)
app.command("explore")(explore.explore)
app.command("demo")(demo.demo)
