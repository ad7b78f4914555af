"""Pictures of exact regions, with matplotlib or plotly behind one set of functions.

Each function returns the library's own figure object: ``figure.savefig(...)`` in matplotlib, ``figure.show()`` or
``figure.write_html(...)`` in plotly.  Needs the extra ``plot``.

Options that are the same everywhere: `title`; `backend`, "matplotlib" or "plotly"; `theme`, "light" or "dark".
They raise `OptionError` for other values, `RegionError` for a complex of another dimension, and
`MissingExtraError` where the library is not installed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from polyenum import options
from polyenum.errors import OptionError, RegionError, missing_extra
from polyenum.plot.coloring import COLORS, coloring
from polyenum.plot.shapes import even_levels
from polyenum.plot.themes import Theme, theme_of
from polyenum.regions.complex import RegionComplex, as_complex
from polyenum.regions.level_sets import output_of
from polyenum.sampling.curve import SamplingCurve
from polyenum.sampling.report import SamplingReport

if TYPE_CHECKING:
    from polyenum.sampling.curve import SamplingCurve
    from polyenum.sampling.report import SamplingReport

__all__ = [
    "COLORS",
    "adjacency",
    "animation",
    "cells_3d",
    "creases",
    "decision_boundary",
    "function_1d",
    "histogram",
    "level_sets",
    "partition",
    "sampled_and_exact",
    "sampling",
    "sampling_curve",
    "surface",
]

MOST_LEVELS = 10_000

Function = Callable[[NDArray[np.float64]], NDArray[np.float64]]


def function_1d(
    cx: RegionComplex,
    *,
    target: Function | None = None,
    title: str = "",
    backend: str = "matplotlib",
    theme: str = "light",
) -> Any:
    """Draw a function of one input: each exact piece in its colour, its breakpoints marked.

    Parameters
    ----------
    cx : RegionComplex
        In 1-D; the first output is drawn.
    target : callable, optional
        A function of (n, 1) points to draw behind it.
    title, backend, theme
        See `polyenum.plot`.
    """
    _need_dim(cx, 1, "function_1d")
    if target is not None:
        target = _checked_target(target)
    return _backend(backend).function_1d(cx, target, *_look(title, theme))


def partition(
    cx: RegionComplex,
    *,
    color: Any = "neighbors",
    title: str = "",
    backend: str = "matplotlib",
    theme: str = "light",
) -> Any:
    """Draw the regions of a 2-D complex as polygons.

    Parameters
    ----------
    cx : RegionComplex
    color : str or (regions,) array
        "neighbors": different from all neighbours; "pattern": by a hash of the pattern, so the same region has the
        same colour in other pictures; "linear": linear regions; "active": units that are on; "slope": the norm of
        the gradient; "layer": that of the last unit that cut it; "volume"; or a number for each region.
    title, backend, theme
        See `polyenum.plot`.
    """
    _need_dim(cx, 2, "partition")
    return _backend(backend).partition(cx, coloring(cx, color), *_look(title, theme))


def creases(
    cx: RegionComplex, *, title: str = "", backend: str = "matplotlib", theme: str = "light"
) -> Any:
    """Draw the units' bent hyperplanes in a 2-D complex, coloured by layer."""
    _need_dim(cx, 2, "creases")
    return _backend(backend).creases(cx, *_look(title, theme))


def level_sets(
    cx: RegionComplex,
    levels: Sequence[float] | int = 7,
    *,
    output: int = 0,
    color: Any = None,
    title: str = "",
    backend: str = "matplotlib",
    theme: str = "light",
) -> Any:
    """Draw where an output has certain values, over the regions of a 2-D complex: exact, not from a grid.

    Parameters
    ----------
    cx : RegionComplex
    levels : sequence of float, or int
        The values, or how many of them, evenly between least and largest.
    output : int
    color
        As in `partition`, of the regions; by default all are alike.
    title, backend, theme
        See `polyenum.plot`.
    """
    _need_dim(cx, 2, "level_sets")
    output = output_of(output, cx.biases.shape[1])
    sets = [
        (f"{level:.4g}", cx.level_set(level, output=output))
        for level in _chosen(cx, levels, output)
    ]
    shown = None if color is None else coloring(cx, color)
    return _backend(backend).level_sets(cx, sets, shown, *_look(title, theme))


def decision_boundary(
    cx: RegionComplex,
    *,
    color: Any = None,
    title: str = "",
    backend: str = "matplotlib",
    theme: str = "light",
) -> Any:
    """Draw where the largest output changes, or the only one its sign, over the regions of a 2-D complex.

    Parameters
    ----------
    cx : RegionComplex
    color
        As in `partition`, of the regions; by default all are alike.
    title, backend, theme
        See `polyenum.plot`.
    """
    _need_dim(cx, 2, "decision_boundary")
    sets = [("decision boundary", cx.decision_boundary())]
    shown = None if color is None else coloring(cx, color)
    return _backend(backend).level_sets(cx, sets, shown, *_look(title, theme))


def surface(
    cx: RegionComplex,
    *,
    color: Any = "neighbors",
    levels: Sequence[float] | int = 0,
    title: str = "",
    backend: str = "matplotlib",
    theme: str = "light",
) -> Any:
    """Draw a function of two inputs as a surface, one exact facet per region; the first output is drawn.

    Parameters
    ----------
    cx : RegionComplex
    color
        As in `partition`.
    levels : sequence of float, or int
        As in `level_sets`, to be drawn on the surface; by default none.  matplotlib shows them also where
        a part of the surface is in front of them.
    title, backend, theme
        See `polyenum.plot`.
    """
    _need_dim(cx, 2, "surface")
    sets = []
    if not isinstance(levels, (int, np.integer)) or levels != 0:
        sets = [(level, cx.level_set(level)) for level in _chosen(cx, levels, 0)]
    return _backend(backend).surface(cx, coloring(cx, color), sets, *_look(title, theme))


def cells_3d(
    cx: RegionComplex,
    *,
    color: Any = "neighbors",
    shrink: float = 0.85,
    title: str = "",
    backend: str = "matplotlib",
    theme: str = "light",
) -> Any:
    """Draw the cells of a 3-D complex, each shrunken towards its centroid so that one sees between them.

    Parameters
    ----------
    cx : RegionComplex
    color
        As in `partition`.
    shrink : float
        In (0, 1]; 1 leaves no gaps.
    title, backend, theme
        See `polyenum.plot`.
    """
    _need_dim(cx, 3, "cells_3d")
    shrink = options.real("shrink", shrink, above=0, most=1)
    return _backend(backend).cells_3d(cx, coloring(cx, color), shrink, *_look(title, theme))


def adjacency(
    cx: RegionComplex,
    *,
    color: Any = "layer",
    title: str = "",
    backend: str = "matplotlib",
    theme: str = "light",
) -> Any:
    """Draw the graph of neighbours over the regions of a 2-D complex; parameters are those of `partition`."""
    _need_dim(cx, 2, "adjacency")
    return _backend(backend).adjacency(cx, coloring(cx, color), *_look(title, theme))


def histogram(
    cx: RegionComplex,
    *,
    of: str = "volume",
    title: str = "",
    backend: str = "matplotlib",
    theme: str = "light",
) -> Any:
    """Draw the distribution of the regions' volumes or numbers of facets, in any dimension.

    Parameters
    ----------
    cx : RegionComplex
    of : {"volume", "facets"}
    title, backend, theme
        See `polyenum.plot`.
    """
    as_complex("cx", cx)
    options.choice("of", of, ("volume", "facets"))
    _need_regions(cx, "histogram")
    if of == "volume":
        values = cx.volumes[cx.volumes > 0]
        return _backend(backend).histogram(values, "volume", True, *_look(title, theme))
    counts = np.diff(cx.facet_table.offsets).astype(np.float64)
    return _backend(backend).histogram(counts, "facets", False, *_look(title, theme))


def animation(
    complexes: Sequence[RegionComplex],
    *,
    names: Sequence[str] | None = None,
    color: str = "pattern",
    title: str = "",
    backend: str = "plotly",
    theme: str = "light",
) -> Any:
    """Draw 2-D complexes one after the other, as over training or over a changing weight.

    Parameters
    ----------
    complexes : sequence of RegionComplex
    names : sequence of str, optional
        Of the frames; by default their numbers.
    color : str
        As in `partition`; with "pattern" a region keeps its colour from frame to frame.
    title, backend, theme
        See `polyenum.plot`.

    Returns
    -------
    plotly.graph_objects.Figure with a slider, or matplotlib.animation.FuncAnimation
    """
    if not isinstance(complexes, (list, tuple)) or not len(complexes):
        raise OptionError(
            f"complexes must be a list of at least one complex, found {options.found(complexes)}"
        )
    for k, cx in enumerate(complexes):
        _need_dim(cx, 2, "animation", f"complexes[{k}]")
    if names is None:
        names = [str(k) for k in range(len(complexes))]
    good = isinstance(names, (list, tuple)) and all(isinstance(name, str) for name in names)
    if not good or len(names) != len(complexes):
        raise OptionError(
            f"names: {len(complexes)} complexes need as many strings, found {options.found(names)}"
        )
    frames = [(name, cx, coloring(cx, color)) for name, cx in zip(names, complexes, strict=True)]
    return _backend(backend).animation(frames, *_look(title, theme))


def sampling(
    report: SamplingReport, *, title: str = "", backend: str = "matplotlib", theme: str = "light"
) -> Any:
    """Draw exact regions in 1-D or 2-D with the sample points on them; those without a point are marked.

    Parameters
    ----------
    report : SamplingReport
        From `verify_sampling`.
    title, backend, theme
        See `polyenum.plot`.
    """
    _need_report(report)
    if report.complex.dim not in (1, 2):
        raise RegionError(
            f"sampling is drawn in 1-D and 2-D; this one has {report.complex.dim} dimensions"
        )
    return _backend(backend).sampling(report, *_look(title, theme))


def sampled_and_exact(
    report: SamplingReport,
    *,
    color: Any = "neighbors",
    title: str = "",
    backend: str = "matplotlib",
    theme: str = "light",
) -> Any:
    """Draw what a grid of samples shows beside the exact regions, in 2-D.

    Parameters
    ----------
    report : SamplingReport
        From `verify_sampling` with ``sampling="grid"``.
    color
        As in `partition`, of the exact regions; sampled ones have the colour of the exact one that they are of.
    title, backend, theme
        See `polyenum.plot`.
    """
    _need_report(report)
    _need_dim(report.complex, 2, "sampled_and_exact", "report.complex")
    if report.setup.sampling != "grid":
        raise OptionError("sampled_and_exact shows a grid; this report is of random points")
    colors = coloring(report.complex, color)
    return _backend(backend).sampled_and_exact(report, colors, *_look(title, theme))


def sampling_curve(
    curve: SamplingCurve, *, title: str = "", backend: str = "matplotlib", theme: str = "light"
) -> Any:
    """Draw sampled counts against the number of sample points, with the exact count as a line.

    Parameters
    ----------
    curve : SamplingCurve
        From `SamplingReport.curve`.
    title, backend, theme
        See `polyenum.plot`.
    """
    if not isinstance(curve, SamplingCurve):
        raise OptionError(
            f"curve must be what SamplingReport.curve returns, found {options.found(curve)}"
        )
    return _backend(backend).sampling_curve(curve, *_look(title, theme))


def _chosen(cx: RegionComplex, levels: Sequence[float] | int, output: int) -> list[float]:
    """Return the levels to draw."""
    if isinstance(levels, (bool, int, np.integer)):
        return even_levels(cx, options.whole("levels", levels, most=MOST_LEVELS), output)
    found = options.numbers("levels", levels, OptionError)
    if found.ndim != 1 or not np.isfinite(found).all():
        raise OptionError(
            f"levels must be finite values in a list, or how many, found {options.found(levels)}"
        )
    return found.tolist()


def _checked_target(target: Any) -> Function:
    """Return a target that is held to what it promises when it is called."""
    if not callable(target):
        raise OptionError(
            f"target must be a function of (n, 1) points, found {options.found(target)}"
        )

    def checked(points: NDArray[np.float64]) -> NDArray[np.float64]:
        try:
            values = options.numbers("target", target(points), OptionError)
        except (TypeError, ValueError) as error:
            if isinstance(error, OptionError):
                raise
            raise OptionError(
                f"target: cannot be called with an array of points ({error})"
            ) from error
        if values.size != len(points):
            raise OptionError(
                f"target must return a number for each of {len(points)} points, found shape {values.shape}"
            )
        return values

    return checked


def _look(title: str, theme: str) -> tuple[str, Theme]:
    """Return title and theme, checked."""
    return options.text("title", title), theme_of(theme)


def _need_report(report: SamplingReport) -> None:
    if not isinstance(report, SamplingReport):
        raise OptionError(
            f"report must be what verify_sampling returns, found {options.found(report)}"
        )


def _need_dim(cx: RegionComplex, dim: int, name: str, argument: str = "cx") -> None:
    as_complex(argument, cx)
    if cx.dim != dim:
        raise RegionError(f"{name} draws complexes in {dim}-D; this one has {cx.dim} dimensions")
    if not cx.has_vertices:
        raise RegionError(f"{name} draws vertices, which {cx.engine} cells do not hold")
    _need_regions(cx, name)


def _need_regions(cx: RegionComplex, name: str) -> None:
    if not len(cx):
        raise RegionError(f"{name} has nothing to draw: the complex holds no regions")


def _backend(name: str) -> ModuleType:
    options.choice("backend", name, ("matplotlib", "plotly"))
    try:
        if name == "plotly":
            from polyenum.plot import with_plotly

            return with_plotly
        from polyenum.plot import with_matplotlib
    except ImportError as error:
        raise missing_extra(name, "plot") from error
    return with_matplotlib
