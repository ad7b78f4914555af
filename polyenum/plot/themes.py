"""Light and dark."""

from __future__ import annotations

from typing import NamedTuple

from polyenum.errors import OptionError


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
    template : str
        plotly's name.
    """

    paper: str
    ink: str
    faint: str
    plain: str
    gap: str
    template: str


THEMES = {
    "light": Theme("white", "black", "#D9D9D9", "#E8EEF3", "white", "plotly_white"),
    "dark": Theme("#111418", "#F2F2F2", "#3A4048", "#2A313A", "#111418", "plotly_dark"),
}


def theme_of(name: str) -> Theme:
    """Return the theme of that name.

    Raises
    ------
    OptionError
        If there is none.
    """
    if name not in THEMES:
        raise OptionError(f"theme must be one of {', '.join(map(repr, THEMES))}, found {name!r}")
    return THEMES[name]
