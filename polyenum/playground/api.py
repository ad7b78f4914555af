"""`explore`: the page in a notebook, and served."""

from __future__ import annotations

from typing import Any

from polyenum.errors import missing_extra


def explore(net: Any = None) -> Any:
    """Return a page to play with: choose what to learn, train, move a unit, and watch the exact regions move.

    In a notebook it shows itself; ``polyenum explore`` serves it to a browser.

    Parameters
    ----------
    net : whatever `load` takes, optional
        A network of one or two inputs to look at; by default one is made and trained on the page.

    Returns
    -------
    panel.Row

    Raises
    ------
    MissingExtraError
        If Panel is not installed.
    NetworkError
        If the network has more inputs.
    """
    try:
        import panel as pn
    except ImportError:
        raise missing_extra("panel", "explore") from None
    pn.extension("plotly")
    from polyenum.playground.page import Page

    return Page(net).view()


def serve(net: Any = None, *, port: int = 0, address: str = "localhost", show: bool = True) -> Any:
    """Serve the page, each reader their own, until interrupted.

    Parameters
    ----------
    net
        As in `explore`.
    port : int
        0 takes a free one.
    address : str
        On which to listen: this machine only, unless another is given.
    show : bool
        Whether to open a browser.
    """
    try:
        import panel as pn
    except ImportError:
        raise missing_extra("panel", "explore") from None
    pn.extension("plotly")
    from polyenum.playground.page import Page

    return pn.serve(
        lambda: Page(net).view(),
        port=port,
        address=address,
        show=show,
        title="polyenum",
        start=True,
    )
