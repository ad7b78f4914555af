"""`explore`: the page in a notebook, and served."""

from __future__ import annotations

from typing import Any

from polyenum.domains import Domain
from polyenum.errors import import_extra
from polyenum.options import flag, text, whole
from polyenum.playground.session import Session
from polyenum.plot.themes import theme_of


def explore(net: Any = None, domain: Domain | None = None, *, theme: str = "light") -> Any:
    """Return a page to play with: choose what to learn, train, move a unit, and watch the exact regions move.

    In a notebook it shows itself; ``polyenum explore`` serves it to a browser.  A notebook loads Bokeh and
    Panel from the net; without one, call ``panel.extension("plotly", inline=True)`` before.

    Parameters
    ----------
    net : whatever `load` takes, optional
        A network to look at; by default one is made and trained on the page.
    domain : Domain, optional
        Of one or two dimensions, as a box or a slice; by default [-2, 2]^d, for a network of one or two inputs.
    theme : {"light", "dark"}

    Returns
    -------
    panel.Column

    Raises
    ------
    MissingExtraError
        If Panel is not installed.
    NetworkError, DomainError
        If the network has more inputs and no domain is given, or that has more dimensions.
    OptionError
        If there is no such theme.
    """
    return _page(theme)(net, domain, theme).view


def serve(
    net: Any = None,
    domain: Domain | None = None,
    *,
    theme: str = "light",
    port: int = 0,
    address: str = "localhost",
    show: bool = True,
) -> Any:
    """Serve the page, each reader their own, until interrupted.

    Parameters
    ----------
    net, domain, theme
        As in `explore`.
    port : int
        0 takes a free one.
    address : str
        On which to listen: this machine only, unless another is given.
    show : bool
        Whether to open a browser.
    """
    whole("port", port, least=0, most=65535)
    text("address", address)
    flag("show", show)
    page = _page(theme)
    Session(net, domain)  # so that what is wrong is said here, not in a browser
    import panel as pn

    return pn.serve(
        lambda: page(net, domain, theme).view,
        port=port,
        address=address,
        show=show,
        title="polyenum",
        start=True,
    )


def _page(theme: str) -> Any:
    theme_of(theme)
    import_extra("panel", "explore").extension(
        "plotly", theme="dark" if theme == "dark" else "default"
    )
    from polyenum.playground.page import Page

    return Page
