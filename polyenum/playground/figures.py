"""The pictures that move: Bokeh figures whose data is replaced, and whose regions can be clicked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from bokeh.models import ColumnDataSource, HoverTool, LinearColorMapper, TapTool
from bokeh.plotting import figure
from numpy.typing import NDArray

from polyenum.plot.coloring import LINE_SCALE, Coloring, piece_colors, ramp
from polyenum.plot.shapes import corner_heights, creases, sampled_image
from polyenum.plot.themes import Theme
from polyenum.regions.complex import RegionComplex
from polyenum.sampling.report import SamplingReport

TOOLS = "pan,wheel_zoom,reset"


class Line(NamedTuple):
    """A level set or the like: ends (n, 2, 2) of its segments."""

    name: str
    color: str
    ends: NDArray[np.float64]


class Plane:
    """The regions of a 2-D complex, and what is drawn over them.

    Parameters
    ----------
    theme : Theme
    """

    def __init__(self, theme: Theme) -> None:
        # Lists: Bokeh sends each small array in a message of its own, 300 of them in 0.5 s.
        self.cells = ColumnDataSource({"xs": [], "ys": [], "color": []}, name="cells")
        self.lines = ColumnDataSource({"xs": [], "ys": [], "color": [], "name": []}, name="lines")
        self.crease = ColumnDataSource({"xs": [], "ys": []})
        self.points = ColumnDataSource({"x": [], "y": [], "color": []})
        self.figure = _figure(theme, "x", "y", match_aspect=True)
        shown = self.figure.patches(
            "xs", "ys", source=self.cells, color="color", line_color=theme.gap, line_width=0.6,
            nonselection_alpha=0.75, selection_line_color=theme.ink, selection_line_width=2.5,
        )  # fmt: skip
        self.figure.multi_line(
            "xs", "ys", source=self.lines, color=theme.paper, line_width=5, line_cap="round"
        )
        lines = self.figure.multi_line(
            "xs", "ys", source=self.lines, color="color", line_width=2.5, line_cap="round"
        )
        self.figure.multi_line(
            "xs", "ys", source=self.crease, color=theme.paper, line_width=5, line_cap="round"
        )
        self.figure.multi_line("xs", "ys", source=self.crease, color=theme.ink, line_width=2.5)
        self.figure.scatter(
            "x",
            "y",
            source=self.points,
            size=5,
            color="color",
            line_color=theme.paper,
            line_width=0.5,
        )
        self.figure.add_tools(
            TapTool(renderers=[shown]),
            HoverTool(renderers=[lines], tooltips="@name", visible=False),
        )

    def show(self, cx: RegionComplex, colors: Coloring) -> None:
        """Show regions."""
        # What was clicked is another region by now.
        self.cells.selected.indices = []
        corners = cx.vertices[cx.vertex_ids]
        self.cells.data = {
            "xs": _ragged(corners[:, 0], cx.vertex_offsets),
            "ys": _ragged(corners[:, 1], cx.vertex_offsets),
            "color": [colors.colors[k] for k in colors.of],
        }

    def show_crease(self, cx: RegionComplex, unit: int) -> None:
        """Show one unit's bent hyperplane."""
        ends, owner = creases(cx)
        own = ends[owner == unit]
        self.crease.data = {"xs": own[:, :, 0].tolist(), "ys": own[:, :, 1].tolist()}

    def show_lines(self, lines: Sequence[Line]) -> None:
        """Show level sets and the like."""
        parts = [line.ends for line in lines]
        whole = np.concatenate([*parts, np.zeros((0, 2, 2))])
        each = [line for line in lines for _ in line.ends]
        self.lines.data = {
            "xs": whole[:, :, 0].tolist(),
            "ys": whole[:, :, 1].tolist(),
            "color": [line.color for line in each],
            "name": [line.name for line in each],
        }

    def show_points(self, points: NDArray[np.float64], values: NDArray[np.float64]) -> None:
        """Show points (n, 2) with values (n, 1)."""
        self.points.data = {
            "x": points[:, 0].tolist(), "y": points[:, 1].tolist(), "color": _by_value(values[:, 0]),
        }  # fmt: skip


class Curve:
    """A function of one input, its pieces, and what is drawn over them.

    Parameters
    ----------
    theme : Theme
    """

    def __init__(self, theme: Theme) -> None:
        self._theme = theme
        self.pieces = ColumnDataSource({"xs": [], "ys": [], "color": []}, name="pieces")
        self.bends = ColumnDataSource({"x": [], "y": []})
        self.target = ColumnDataSource({"x": [], "y": []})
        self.crease = ColumnDataSource({"xs": [], "ys": []})
        self.points = ColumnDataSource({"x": [], "y": []})
        self.figure = _figure(theme, "x", "f(x)")
        self.figure.multi_line(
            "xs", "ys", source=self.crease, color=theme.ink, line_width=1.5, line_dash="dotted"
        )
        self.figure.scatter("x", "y", source=self.points, size=4, color=theme.faint)
        self.figure.line("x", "y", source=self.target, color="gray", line_dash="dashed")
        shown = self.figure.multi_line(
            "xs", "ys", source=self.pieces, color="color", line_width=4, nonselection_alpha=0.5
        )
        self.figure.scatter(
            "x", "y", source=self.bends, size=7, color=theme.paper, line_color=theme.ink
        )
        self.samples = ColumnDataSource({"x": [], "y": []})
        self.figure.scatter(
            "x", "y", source=self.samples, size=11, marker="dash", angle=np.pi / 2, color=theme.ink
        )
        self.figure.add_tools(TapTool(renderers=[shown]))

    def show(self, cx: RegionComplex) -> None:
        """Show the first output over its pieces."""
        self.pieces.selected.indices = []
        corners = cx.vertices[cx.vertex_ids]
        x, y = corners[:, 0].reshape(-1, 2), corner_heights(cx).reshape(-1, 2)
        self.pieces.data = {
            "xs": x.tolist(), "ys": y.tolist(), "color": piece_colors(cx, self._theme),
        }  # fmt: skip
        self.bends.data = {"x": x.ravel().tolist(), "y": y.ravel().tolist()}

    def show_crease(self, cx: RegionComplex, at: float | None) -> None:
        """Show where a unit bends, if it does."""
        y = corner_heights(cx)
        ends = [] if at is None else [[float(y.min()), float(y.max())]]
        self.crease.data = {"xs": [[at, at] for _ in ends], "ys": ends}

    def show_target(self, x: NDArray[np.float64], y: NDArray[np.float64]) -> None:
        """Show what is learnt; (n,) each."""
        self.target.data = {"x": x.tolist(), "y": y.tolist()}

    def show_points(self, points: NDArray[np.float64], values: NDArray[np.float64]) -> None:
        """Show points (n, 1) with values (n, 1)."""
        self.points.data = {"x": points[:, 0].tolist(), "y": values[:, 0].tolist()}

    def show_samples(self, report: SamplingReport | None) -> None:
        """Show where the points of a grid are, or none."""
        points = np.zeros((0, 1)) if report is None else report.points
        y = np.zeros(0) if report is None else report.complex(points)[:, 0]
        self.samples.data = {"x": points[:, 0].tolist(), "y": y.tolist()}


class Samples:
    """What a grid of samples shows of a 2-D complex, on the axes of the `plane`.

    Parameters
    ----------
    theme : Theme
    plane : Plane
    """

    def __init__(self, theme: Theme, plane: Plane) -> None:
        self._colors = LinearColorMapper(palette=["white"], nan_color=theme.paper)
        self.image = ColumnDataSource({"image": [], "x": [], "y": [], "dw": [], "dh": []})
        ranges = {"x_range": plane.figure.x_range, "y_range": plane.figure.y_range}
        self.figure = _figure(theme, "x", "y", **ranges)
        self.figure.image(
            "image", "x", "y", "dw", "dh", source=self.image, color_mapper=self._colors
        )

    def show(self, report: SamplingReport, colors: Coloring) -> None:
        """Show a grid in the colours of the exact regions that it found."""
        image = sampled_image(report, colors)
        low, high = report.complex.domain.bounding_box()
        step = (high - low) / (len(image) - 1)
        self._colors.update(palette=list(colors.colors), low=-0.5, high=len(colors.colors) - 0.5)
        self.image.data = {
            "image": [image],
            "x": [float(low[0] - step[0] / 2)],
            "y": [float(low[1] - step[1] / 2)],
            "dw": [float(high[0] - low[0] + step[0])],
            "dh": [float(high[1] - low[1] + step[1])],
        }


def _figure(theme: Theme, x: str, y: str, **options: Any) -> Any:
    found = figure(
        tools=TOOLS, toolbar_location="above", x_axis_label=x, y_axis_label=y, background_fill_color=theme.paper,
        border_fill_color=theme.paper, outline_line_color=theme.faint, sizing_mode="scale_width",
        aspect_ratio=1, **options,
    )  # fmt: skip
    found.grid.grid_line_color = theme.faint
    found.axis.axis_label_text_color = found.axis.major_label_text_color = theme.ink
    found.axis.axis_line_color = found.axis.major_tick_line_color = theme.ink
    found.axis.minor_tick_line_color = None
    found.toolbar.logo = None
    return found


def _ragged(values: NDArray[np.float64], offsets: NDArray[np.int64]) -> list[list[float]]:
    """Return the rows of a ragged array as lists."""
    whole, at = values.tolist(), offsets.tolist()
    return [whole[begin:end] for begin, end in zip(at[:-1], at[1:], strict=True)]


def _by_value(values: NDArray[np.float64]) -> list[str]:
    """Return a colour for each value."""
    if not len(values):
        return []
    colors = ramp(16, LINE_SCALE)
    low, span = values.min(), np.ptp(values) or 1.0
    return [colors[k] for k in ((values - low) / span * 15).astype(np.int64)]
