"""The commands."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated, Any

import typer

import polyenum as pe
from polyenum.cli import arguments, counting
from polyenum.cli.exit_codes import DIFFERS, INCOMPLETE
from polyenum.cli.output import show, wants_progress
from polyenum.cli.pictures import backend, check_picture, write_picture
from polyenum.errors import CheckError, DomainError, IncompleteError, OptionError

app = typer.Typer(
    help="The linear regions of piecewise-linear neural networks, exactly.",
    epilog="Exit codes: 0 done; 1 a sampled count or a saved result is wrong; 2 bad arguments or files; "
    "3 stopped before the end, by --max-regions, Ctrl-C, SIGTERM or for want of memory.",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)

Model = Annotated[
    Path, typer.Argument(help="A model: .onnx, .npz, .safetensors, or a .pt state dict.")
]
Boxes = Annotated[
    list[str] | None,
    typer.Option(
        "--box",
        help="LOW:HIGH for all axes, or one for each (again, or with commas).",
        metavar="LOW:HIGH",
    ),
]
Points = Annotated[
    tuple[Path, Path, Path] | None,
    typer.Option(
        "--slice",
        help="Three .npy points: the plane through them; --box is then in its coordinates, by default 0:1.",
    ),
]
VnnLib = Annotated[
    Path | None, typer.Option("--vnnlib", help="A property whose set of inputs is the domain.")
]
InputShape = Annotated[
    str | None,
    typer.Option("--input-shape", help="Of one input, where the file leaves it open: 1,28,28."),
]
IgnoreOutput = Annotated[
    bool,
    typer.Option("--ignore-output-activation", help="Leave out a softmax or the like at the end."),
]
MaxRegions = Annotated[int | None, typer.Option(help="Stop after so many regions.")]
Threads = Annotated[int | None, typer.Option(help="By default one per processor.")]
Engine = Annotated[str, typer.Option(help="auto, vertex, lp, shapely or exact.")]
Uncertified = Annotated[
    bool, typer.Option("--uncertified", help="Take the signs of floats without proofs.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress bar.")]


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


@app.command()
def count(
    model: Model,
    box: Boxes = None,
    slice_: Points = None,
    vnnlib: VnnLib = None,
    input_shape: InputShape = None,
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
    net = arguments.network_of(model, input_shape, ignore_output_activation)
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


@app.command("enumerate")
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
    ignore_output_activation: IgnoreOutput = False,
    max_regions: MaxRegions = None,
    threads: Threads = None,
    engine: Engine = "auto",
    uncertified: Uncertified = False,
    json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Enumerate the regions and write them to a file."""
    from polyenum.regions.tables import check_writable, write

    net = arguments.network_of(model, input_shape, ignore_output_activation)
    domain = arguments.domain_of(net, box or [], slice_, vnnlib)
    check_writable(output, domain.dim, inputs=_inputs(model, vnnlib, slice_))
    began = time.perf_counter()
    cx = pe.enumerate_regions(
        net, domain, max_regions=max_regions, threads=threads, engine=engine,
        certified=not uncertified, progress=wants_progress(quiet or json),
    )  # fmt: skip
    seconds = time.perf_counter() - began
    if not len(cx):
        raise IncompleteError(f"no region was found, so {output} was not written")
    write(cx, output)
    _describe(cx, str(output), json, {"seconds": seconds, "file": str(output)})
    if not cx.complete:
        raise typer.Exit(INCOMPLETE)


@app.command()
def info(
    file: Annotated[Path, typer.Argument(help="A model, or regions that enumerate saved.")],
    input_shape: InputShape = None,
    ignore_output_activation: IgnoreOutput = False,
    json: AsJson = False,
) -> None:
    """Say what is in a model, or in a file of regions."""
    from polyenum import theory

    if arguments.is_saved(file):
        _describe(arguments.saved(file), file.name, json, {"file": str(file)})
        return
    net = arguments.network_of(file, input_shape, ignore_output_activation)
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


@app.command()
def verify(
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
    ignore_output_activation: IgnoreOutput = False,
    threads: Threads = None,
    engine: Engine = "auto",
    json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Hold a sampled count against the exact regions; exit code 1 where it differs."""
    net = arguments.network_of(model, input_shape, ignore_output_activation)
    domain = arguments.domain_of(net, box or [], slice_, vnnlib)
    if output is not None:
        check_picture(output, _inputs(model, vnnlib, slice_))
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


@app.command()
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
    ignore_output_activation: IgnoreOutput = False,
    threads: Threads = None,
    quiet: Quiet = False,
) -> None:
    """Draw the regions of a model, or of a saved result."""
    from polyenum import plot as pictures

    check_picture(output, _inputs(file, vnnlib, slice_), title=title)
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
        net = arguments.network_of(file, input_shape, ignore_output_activation)
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


@app.command()
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
    ignore_output_activation: IgnoreOutput = False,
    json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Prove a saved result again, from itself alone; exit code 1 where it is wrong."""
    cx = arguments.saved(file)
    net = cx.network
    if model is not None:
        net = arguments.network_of(model, input_shape, ignore_output_activation)
    try:
        report = pe.check(cx, net, cx.domain, progress=wants_progress(quiet or json))
    except CheckError as error:
        rows = [("proven", "no"), *(("found", finding) for finding in error.findings)]
        show(file.name, rows, as_json=json, data={"proven": False, "findings": error.findings})
        raise typer.Exit(DIFFERS) from None
    found = {name: getattr(report, name) for name in report.__dataclass_fields__}
    rows = [("proven", "yes"), *((name.replace("_", " "), value) for name, value in found.items())]
    show(file.name, rows, as_json=json, data={"proven": True, **found})


@app.command()
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


@app.command()
def demo(
    output: Annotated[Path, typer.Option("--output", "-o", help="Where the figures go.")] = Path(
        "demo_output"
    ),
) -> None:
    """Train small networks, count their regions exactly and by sampling, and draw them."""
    from polyenum.demo import main as run_demo

    run_demo(["--output", str(output)])


def _describe(cx: pe.RegionComplex, title: str, json: bool, more: dict[str, Any]) -> None:
    """Print what a complex is."""
    data: dict[str, Any] = {
        "activation_regions": len(cx),
        "linear_regions": cx.linear_region_count if cx.complete else None,
        "complete": cx.complete,
        "dim": cx.dim,
        "engine": cx.engine,
        "certified": cx.certificate.certified,
        "units": cx.network.unit_count,
        "bytes": cx.nbytes,
        **more,
    }
    rows: list[tuple[str, Any]] = [
        ("activation regions", len(cx)),
        *([("linear regions", cx.linear_region_count)] if cx.complete else []),
        ("complete", cx.complete),
        ("domain", repr(cx.domain)),
        ("network", repr(cx.network)),
        ("engine", cx.engine),
        ("certificate", repr(cx.certificate)),
        *([("seconds", more["seconds"])] if "seconds" in more else []),
    ]
    show(title, rows, as_json=json, data=data)


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


def _inputs(model: Path, vnnlib: Path | None, points: tuple[Path, ...] | None) -> list[Path]:
    """Return the files that a command reads, which no result may take the place of."""
    named = [file for file in (model, vnnlib, *(points or ())) if file is not None]
    if model.name.lower().endswith((".onnx", ".onnx.gz")) and model.is_file():
        from polyenum.models.onnx.file import data_files

        named += data_files(model)
    return named
