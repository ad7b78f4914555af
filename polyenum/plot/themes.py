"""Light and dark."""

from __future__ import annotations

from typing import NamedTuple

from polyenum.options import choice


class Theme(NamedTuple):
    """The colours of everything that is not data.

    Attributes
    ----------
    paper, ink : str
        The ground, and lines and text on it.
    faint : str
        Grids and what only helps.
    plain : str
        Regions that are not to be told apart.
    gap : str
        Between polygons.
    lines : tuple of str
        Colours of lines that stand for different things, of Okabe and Ito, less those too near the ground.
    template : str
        plotly's name.
    """

    paper: str
    ink: str
    faint: str
    plain: str
    gap: str
    lines: tuple[str, ...]
    template: str


THEMES = {
    "light": Theme(
        "white", "black", "#D9D9D9", "#E8EEF3", "white",
        ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#7F7F7F", "#E69F00"),
        "plotly_white",
    ),
    "dark": Theme(
        "#111418", "#F2F2F2", "#3A4048", "#2A313A", "#111418",
        ("#56B4E9", "#E69F00", "#009E73", "#CC79A7", "#9F9F9F", "#F0E442"),
        "plotly_dark",
    ),
}  # fmt: skip


def theme_of(name: str) -> Theme:
    """Return the theme of that name.

    Raises
    ------
    OptionError
        If there is none.
    """
    return THEMES[choice("theme", name, tuple(THEMES))]
