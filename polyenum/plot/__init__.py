"""Pictures of exact regions, with matplotlib or plotly behind one set of functions.

Each function returns the library's own figure object.  Needs the extra ``plot``.
"""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from polyenum.complex.region_complex import RegionComplex
from polyenum.errors import OptionError, RegionError, missing_extra

if TYPE_CHECKING:
    from polyenum.sampling.curve import SamplingCurve
    from polyenum.sampling.report import SamplingReport

__all__ = ["function_1d", "partition", "sampling", "sampling_curve", "surface"]

Function = Callable[[NDArray[np.float64]], NDArray[np.float64]]


def function_1d(
    cx: RegionComplex,
    *,
    target: Function | None = None,
    title: str = "",
    backend: str = "matplotlib",
) -> Any:
    """Draw a function of one input: each exact piece in its colour, its breakpoints marked.

    Parameters
    ----------
    cx : RegionComplex
        In 1-D; the first output is drawn.
    target : callable, optional
        A function of (n, 1) points to draw behind it.
    title : str
    backend : {"matplotlib", "plotly"}

    Returns
    -------
    matplotlib.figure.Figure or plotly.graph_objects.Figure

    Raises
    ------
    RegionError
        If the complex has another dimension.
    MissingExtraError
        If the library is not installed.
    """
    _need_dim(cx, 1, "function_1d")
    return _backend(backend).function_1d(cx, target, title)


def partition(cx: RegionComplex, *, title: str = "", backend: str = "matplotlib") -> Any:
    """Draw the regions of a 2-D complex as polygons; neighbours have different colours.

    Parameters, returns and errors are those of `function_1d`.
    """
    _need_dim(cx, 2, "partition")
    return _backend(backend).partition(cx, title)


def surface(cx: RegionComplex, *, title: str = "", backend: str = "matplotlib") -> Any:
    """Draw a function of two inputs as a surface, one exact facet per region.

    Parameters, returns and errors are those of `function_1d`; the first output is drawn.
    """
    _need_dim(cx, 2, "surface")
    return _backend(backend).surface(cx, title)


def sampling(report: SamplingReport, *, title: str = "", backend: str = "matplotlib") -> Any:
    """Draw exact regions in 1-D or 2-D with the sample points on them; those without a point are marked.

    Parameters
    ----------
    report : SamplingReport
        From `verify_sampling`.
    title, backend
        As in `function_1d`; so are returns and errors.
    """
    if report.complex.dim not in (1, 2):
        raise RegionError(
            f"sampling is drawn in 1-D and 2-D; this one has {report.complex.dim} dimensions"
        )
    return _backend(backend).sampling(report, title)


def sampling_curve(curve: SamplingCurve, *, title: str = "", backend: str = "matplotlib") -> Any:
    """Draw sampled counts against the number of sample points, with the exact count as a line.

    Parameters
    ----------
    curve : SamplingCurve
        From `SamplingReport.curve`.
    title, backend
        As in `function_1d`; so are returns and errors.
    """
    return _backend(backend).sampling_curve(curve, title)


def _need_dim(cx: RegionComplex, dim: int, name: str) -> None:
    if cx.dim != dim:
        raise RegionError(f"{name} draws complexes in {dim}-D; this one has {cx.dim} dimensions")


def _backend(name: str) -> ModuleType:
    if name not in ("matplotlib", "plotly"):
        raise OptionError(f"backend must be 'matplotlib' or 'plotly', found {name!r}")
    try:
        if name == "plotly":
            from polyenum.plot import with_plotly

            return with_plotly
        from polyenum.plot import with_matplotlib
    except ImportError as error:
        raise missing_extra(name, "plot") from error
    return with_matplotlib
