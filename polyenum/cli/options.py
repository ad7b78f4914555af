"""The options that several commands have: one name, one help, one default."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Model = Annotated[
    Path,
    typer.Argument(
        help="A model: .onnx, .onnx.gz, .npz, .safetensors, or a state dict in a .pt or .pth."
    ),
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
    list[str] | None,
    typer.Option(
        "--input-shape",
        help="Of one input, where the file leaves it open: 1,28,28.  For several inputs once for each.",
    ),
]
ChosenInputs = Annotated[
    list[str] | None,
    typer.Option("--inputs", help="The name of one of its inputs; again for more."),
]
ChosenOutputs = Annotated[
    list[str] | None,
    typer.Option("--outputs", help="The name of one of its outputs; again for more."),
]
NoCheck = Annotated[
    bool, typer.Option("--no-check", help="Do not compare what was read with the model.")
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
