"""Pictures as files: what is wrong with their names before any work, and writing them whole."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from polyenum.errors import OptionError, import_extra
from polyenum.files.output import check_place, written, written_text

KINDS = (".png", ".svg", ".pdf", ".html")


def backend(output: Path) -> str:
    """Return the library that draws into a file of that name."""
    return "plotly" if output.suffix.lower() == ".html" else "matplotlib"


def check_picture(output: Path, inputs: Iterable[Path], *, title: str = "") -> None:
    """Raise unless a picture with that title can be written to a file of that name.

    Raises
    ------
    FileError
        If its ending is unknown, its folder cannot be written, or it is one of the `inputs`.
    MissingExtraError
        If what draws it is not installed.
    OptionError
        If the title cannot be drawn.
    """
    check_place(output, KINDS, inputs=inputs, what="picture")
    import_extra(backend(output), "plot")
    try:
        title.encode()
    except UnicodeEncodeError:
        raise OptionError(f"--title must be text in UTF-8, found {title!r}") from None
    if backend(output) == "matplotlib":
        from matplotlib.cbook import is_math_text
        from matplotlib.mathtext import MathTextParser

        try:
            if is_math_text(title):
                MathTextParser("agg").parse(title)
        except ValueError:
            raise OptionError(
                f"--title: matplotlib cannot read the mathematics in {title!r}; write \\$ for a dollar sign"
            ) from None


def write_picture(figure: Any, output: Path) -> None:
    """Write a figure of either library to a file."""
    if backend(output) == "plotly":
        with written_text(output) as text:
            text.write(figure.to_html())
    else:
        with written(output) as stream:
            figure.savefig(stream, format=output.suffix[1:].lower(), dpi=150)
