"""The pictures in matplotlib."""

from __future__ import annotations

import io
from collections.abc import Sequence
from itertools import cycle
from typing import Any

import numpy as np
from matplotlib.animation import FuncAnimation
from matplotlib.cm import ScalarMappable
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.colors import ListedColormap, Normalize, to_rgba_array
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator
from mpl_toolkits.mplot3d.art3d import Line3DCollection, Poly3DCollection
from numpy.typing import NDArray

from polyenum.plot.coloring import PALETTE, Coloring, line_colors, piece_colors, ramp
from polyenum.plot.shapes import (
    boundary_faces,
    corner_heights,
    creases_by_layer,
    sampled_image,
)
from polyenum.plot.themes import Theme
from polyenum.regions.complex import RegionComplex
from polyenum.regions.level_sets import Segments
from polyenum.sampling.curve import SamplingCurve
from polyenum.sampling.report import SamplingReport


class Picture(Figure):
    """A figure that shows itself in a notebook, also where pyplot was never imported."""

    def _repr_png_(self) -> bytes:
        stream = io.BytesIO()
        self.savefig(stream, format="png", dpi=100)
        return stream.getvalue()


def function_1d(cx: RegionComplex, target: Any, title: str, theme: Theme) -> Figure:
    """Draw a function of one input."""
    figure, axes = _figure((7, 4.2), theme, xlabel="x", ylabel="f(x)", title=title)
    points, heights = cx.vertices[cx.vertex_ids, 0], corner_heights(cx)
    ends = points.reshape(-1, 2)
    if target is not None:
        x = np.linspace(ends.min(), ends.max(), 400)
        axes.plot(
            x, np.ravel(target(x[:, None])), color="0.5", ls=(0, (4, 3)), lw=1.2, label="target"
        )
        axes.legend(frameon=False, loc="upper center", labelcolor=theme.ink)
    segments = np.stack([ends, heights.reshape(-1, 2)], axis=2)
    colors = piece_colors(cx, theme)
    axes.add_collection(LineCollection(list(segments), colors=colors, linewidths=2.6))
    order = np.argsort(points)
    axes.plot(points[order], heights[order], "o", ms=4.5, mfc=theme.paper, mec=theme.ink, zorder=3)
    for x in np.unique(points)[1:-1]:
        axes.axvline(x, color=theme.faint, lw=0.8, zorder=0)
    axes.autoscale_view()
    axes.spines[["top", "right"]].set_visible(False)
    return figure


def partition(cx: RegionComplex, colors: Coloring, title: str, theme: Theme) -> Figure:
    """Draw the regions of a 2-D complex."""
    figure, axes = _plane(cx, theme, title)
    _fill(axes, cx, [colors.colors[k] for k in colors.of], theme)
    _explain(figure, axes, colors, theme)
    return figure


def creases(cx: RegionComplex, title: str, theme: Theme) -> Figure:
    """Draw the bent hyperplanes of all units."""
    figure, axes = _plane(cx, theme, title)
    for (name, ends), color in zip(creases_by_layer(cx), cycle(theme.lines), strict=False):
        axes.add_collection(LineCollection(list(ends), colors=color, linewidths=1.1, label=name))
    _legend(axes, theme)
    return figure


def level_sets(
    cx: RegionComplex,
    sets: Sequence[tuple[str, Segments]],
    colors: Coloring | None,
    title: str,
    theme: Theme,
) -> Figure:
    """Draw level sets, or a decision boundary, over the regions."""
    figure, axes = _plane(cx, theme, title)
    shown = [theme.plain] * len(cx)
    if colors is not None:
        shown = [colors.colors[k] for k in colors.of]
    _fill(axes, cx, shown, theme, edge=theme.faint)
    chosen = line_colors(len(sets), theme, over_colors=colors is not None)
    for (name, found), color in zip(sets, chosen, strict=True):
        ends = list(found.ends)
        if colors is not None:  # a rim, to be seen on every colour
            axes.add_collection(
                LineCollection(ends, colors=theme.paper, linewidths=4.6, capstyle="round")
            )
        axes.add_collection(
            LineCollection(ends, colors=color, linewidths=2.2, label=name, capstyle="round")
        )
    _legend(axes, theme)
    return figure


def surface(
    cx: RegionComplex,
    colors: Coloring,
    levels: Sequence[tuple[float, Segments]],
    title: str,
    theme: Theme,
) -> Figure:
    """Draw a function of two inputs."""
    figure, axes = _space(theme, title)
    corners = np.column_stack([cx.vertices[cx.vertex_ids], corner_heights(cx)])
    # All polygons get as many corners as the largest, the last repeated: matplotlib would fill them
    # up with uninitialised memory, which it then projects.
    counts = np.diff(cx.vertex_offsets)
    steps = np.minimum(np.arange(counts.max()), counts[:, None] - 1)
    facets = corners[cx.vertex_offsets[:-1, None] + steps]
    shown = [colors.colors[k] for k in colors.of]
    axes.add_collection3d(
        Poly3DCollection(
            facets, facecolors=_shaded(shown, facets, colors), edgecolors="black", linewidths=0.35
        )
    )
    for height, found in levels:
        lifted = np.insert(found.ends, 2, height, axis=2)
        axes.add_collection3d(Line3DCollection(list(lifted), colors="black", linewidths=2))
    axes.computed_zorder = not levels
    _limits(axes, corners)
    axes.set(xlabel="x", ylabel="y", zlabel="f(x, y)")
    axes.view_init(elev=28, azim=-58)
    _explain(figure, axes, colors, theme)
    return figure


def cells_3d(
    cx: RegionComplex, colors: Coloring, shrink: float, title: str, theme: Theme
) -> Figure:
    """Draw the cells of a 3-D complex, each shrunken towards its centroid."""
    figure, axes = _space(theme, title)
    faces, owner = boundary_faces(cx, shrink)
    most = max(len(face) for face in faces)
    padded = np.stack([face[np.minimum(np.arange(most), len(face) - 1)] for face in faces])
    shown = [colors.colors[colors.of[r]] for r in owner]
    axes.add_collection3d(
        Poly3DCollection(
            padded, facecolors=_shaded(shown, padded, colors), edgecolors="black", linewidths=0.3
        )
    )
    _limits(axes, cx.vertices)
    axes.set(xlabel="x", ylabel="y", zlabel="z", box_aspect=(1, 1, 1))
    axes.view_init(elev=24, azim=-55)
    _explain(figure, axes, colors, theme)
    return figure


def adjacency(cx: RegionComplex, colors: Coloring, title: str, theme: Theme) -> Figure:
    """Draw the graph of neighbours over the regions."""
    figure, axes = _plane(cx, theme, title)
    _fill(axes, cx, [theme.plain] * len(cx), theme)
    links = cx.centroids[cx.adjacent_pairs]
    axes.add_collection(LineCollection(list(links), colors=theme.ink, linewidths=0.6, alpha=0.6))
    size = max(4.0, min(40.0, 4000 / len(cx)))
    axes.scatter(
        *cx.centroids.T, s=size, c=[colors.colors[k] for k in colors.of], edgecolors=theme.ink,
        linewidths=0.5, zorder=3,
    )  # fmt: skip
    _explain(figure, axes, colors, theme)
    return figure


def histogram(
    values: NDArray[np.float64], label: str, log: bool, title: str, theme: Theme
) -> Figure:
    """Draw how often numbers occur."""
    figure, axes = _figure((6.4, 4.2), theme, xlabel=label, ylabel="regions", title=title)
    if log:
        edges = np.geomspace(values.min(), values.max() * (1 + 1e-12), 41)
        axes.set_xscale("log")
    else:
        edges = np.arange(values.min() - 0.5, values.max() + 1.5)
    axes.hist(values, edges, color=PALETTE[0], edgecolor=theme.paper, linewidth=0.5)
    axes.spines[["top", "right"]].set_visible(False)
    return figure


def animation(
    frames: Sequence[tuple[str, RegionComplex, Coloring]], title: str, theme: Theme
) -> FuncAnimation:
    """Draw the partitions of several complexes, one after the other."""
    figure, axes = _plane(frames[0][1], theme, title)
    held: list[Any] = []

    def show(k: int) -> list[Any]:
        name, cx, colors = frames[k]
        for artist in held:
            artist.remove()
        held[:] = [_fill(axes, cx, [colors.colors[c] for c in colors.of], theme)]
        axes.set_title(f"{title}  {name}".strip(), color=theme.ink)
        return held

    return FuncAnimation(figure, show, frames=len(frames), interval=200)


def sampling(report: SamplingReport, title: str, theme: Theme) -> Figure:
    """Draw sample points on exact regions."""
    cx = report.complex
    missed = np.isin(report.region_of, report.missed)
    shown = title or (
        f"{report.sampled_count:,} sampled, {report.exact_count:,} exact, "
        f"{len(report.missed):,} missed (coloured)"
    )
    if cx.dim == 1:
        figure, axes = _figure((7, 4.2), theme, xlabel="x", ylabel="f(x)", title=shown)
        ends = cx.vertices[cx.vertex_ids, 0].reshape(-1, 2)
        pieces = np.stack([ends, corner_heights(cx).reshape(-1, 2)], axis=2)
        for flag, color, width in ((False, theme.lines[0], 2.0), (True, PALETTE[5], 4.0)):
            own = list(pieces[missed == flag])
            axes.add_collection(LineCollection(own, colors=color, linewidths=width))
        axes.plot(report.points[:, 0], cx(report.points)[:, 0], ".", color=theme.ink, ms=3)
        axes.autoscale_view()
        axes.spines[["top", "right"]].set_visible(False)
        return figure
    figure, axes = _plane(cx, theme, shown)
    _fill(axes, cx, np.where(missed, PALETTE[5], theme.plain).tolist(), theme, edge="0.45")
    size = max(0.3, min(3.0, 300 / max(len(report.points), 1) ** 0.5 / 4))
    axes.plot(*report.points.T, ".", color=theme.ink, ms=size, mew=0)
    return figure


def sampled_and_exact(report: SamplingReport, colors: Coloring, title: str, theme: Theme) -> Figure:
    """Draw what a grid of gradients shows beside what there is."""
    cx = report.complex
    figure = Picture(figsize=(10.4, 5.4), layout="constrained", facecolor=theme.paper)
    left, right = figure.subplots(1, 2)
    low, high = _extent(cx)
    image = sampled_image(report, colors)
    # The outermost points lie on the border, so half of their squares is beyond it.
    half = (high - low) / (len(image) - 1) / 2
    extent = (low[0] - half[0], high[0] + half[0], low[1] - half[1], high[1] + half[1])
    left.imshow(
        image, origin="lower", extent=extent, interpolation="nearest",
        cmap=ListedColormap(colors.colors), vmin=-0.5, vmax=len(colors.colors) - 0.5,
    )  # fmt: skip
    _fill(right, cx, [colors.colors[k] for k in colors.of], theme)
    for axes, name in (
        (left, f"sampled: {report.sampled_count:,}"),
        (right, f"exact: {report.exact_count:,}"),
    ):
        axes.set(
            xlim=(low[0], high[0]), ylim=(low[1], high[1]), aspect="equal", xlabel="x", ylabel="y"
        )
        axes.set_title(name)
        _paint(axes, theme)
    if title:
        figure.suptitle(title, color=theme.ink)
    return figure


def sampling_curve(curve: SamplingCurve, title: str, theme: Theme) -> Figure:
    """Draw sampled counts against the number of points."""
    figure, axes = _figure((6.4, 4.2), theme, xlabel="sample points", ylabel="regions", title=title)
    axes.axhline(curve.exact, color=theme.ink, lw=1.2, ls=(0, (5, 3)), label="exact")
    axes.plot(curve.points, curve.sampled, "o-", color=PALETTE[5], label="sampled")
    axes.plot(
        curve.points, curve.seen, "s-", color=PALETTE[4], ms=4, label="exact regions with a point"
    )
    axes.set_xscale("log")
    axes.set_ylim(0, None)
    axes.legend(frameon=False, labelcolor=theme.ink)
    axes.spines[["top", "right"]].set_visible(False)
    return figure


# -- what they share ---------------------------------------------------------------------------------


def _figure(size: tuple[float, float], theme: Theme, **labels: str) -> tuple[Figure, Any]:
    figure = Picture(figsize=size, layout="constrained", facecolor=theme.paper)
    axes = figure.add_subplot()
    axes.set(**labels)
    _paint(axes, theme)
    return figure, axes


def _extent(cx: RegionComplex) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    return cx.corner_points.min(axis=0), cx.corner_points.max(axis=0)


def _plane(cx: RegionComplex, theme: Theme, title: str) -> tuple[Figure, Any]:
    low, high = _extent(cx)
    figure, axes = _figure((5.8, 5.8), theme, xlabel="x", ylabel="y", title=title)
    axes.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]), aspect="equal")
    return figure, axes


def _space(theme: Theme, title: str) -> tuple[Figure, Any]:
    figure = Picture(figsize=(6.4, 5.6), layout="constrained", facecolor=theme.paper)
    axes: Any = figure.add_subplot(projection="3d")
    axes.set_title(title)
    _paint(axes, theme)
    return figure, axes


def _limits(axes: Any, points: NDArray[np.float64]) -> None:
    low, high = points.min(axis=0), points.max(axis=0)
    axes.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]), zlim=(low[2], high[2]))


def _shaded(
    shown: Sequence[str], facets: NDArray[np.float64], colors: Coloring
) -> NDArray[np.float64]:
    """Return the facets' colours, (n, 4), shaded unless they are to be compared with a legend.

    matplotlib's own shading takes away up to 70 %, and depends on the order of a polygon's corners.
    """
    found = to_rgba_array(list(shown))
    if colors.names or colors.scale is not None:
        return found
    span = np.ptp(facets.reshape(-1, 3), axis=0)
    first, second, third = (facets[:, k] / np.where(span > 0, span, 1) for k in range(3))
    normals = np.cross(second - first, third - first)
    length = np.linalg.norm(normals, axis=1)
    normals /= np.where(length > 0, length, 1)[:, None]
    light = np.abs(normals @ np.array([0.3, -0.5, 0.8]))
    found[:, :3] *= 0.7 + 0.3 * np.minimum(light, 1)[:, None]
    return found


def _paint(axes: Any, theme: Theme) -> None:
    axes.set_facecolor(theme.paper)
    axes.tick_params(colors=theme.ink, which="both")
    for spine in axes.spines.values():
        spine.set_color(theme.ink)
    for text in (axes.title, axes.xaxis.label, axes.yaxis.label):
        text.set_color(theme.ink)
    if hasattr(axes, "zaxis"):
        axes.zaxis.label.set_color(theme.ink)
        for axis in (axes.xaxis, axes.yaxis, axes.zaxis):
            # The first and the last would meet those of the next axis.
            axis.set_major_locator(MaxNLocator(5, prune="both"))
            axis.set_pane_color(theme.paper)
            axis._axinfo["grid"]["color"] = theme.faint


def _fill(
    axes: Any, cx: RegionComplex, colors: Sequence[str], theme: Theme, *, edge: str = ""
) -> Any:
    polygons = np.split(cx.vertices[cx.vertex_ids], cx.vertex_offsets[1:-1])
    # Lines of many polygons would cover them.
    width = 0.6 if len(cx) < 3000 else 0.6 * (3000 / len(cx)) ** 0.5
    found = PolyCollection(
        polygons, facecolors=list(colors), edgecolors=edge or theme.gap, linewidths=width
    )
    return axes.add_collection(found)


def _explain(figure: Figure, axes: Any, colors: Coloring, theme: Theme) -> None:
    """Add the legend or the colour bar that a colouring needs."""
    if colors.scale is not None:
        low, high, label = colors.scale
        scale = ScalarMappable(Normalize(low, high), ListedColormap(ramp(256)))
        bar = figure.colorbar(scale, ax=axes, shrink=0.75)
        bar.set_label(label, color=theme.ink)
        bar.ax.tick_params(colors=theme.ink)
    elif colors.names:
        patches = [
            Patch(facecolor=c, edgecolor=theme.ink, linewidth=0.5, label=name)
            for c, name in zip(colors.colors, colors.names, strict=True)
        ]
        figure.legend(
            handles=patches, loc="outside lower center", ncols=min(5, len(patches)), frameon=False,
            labelcolor=theme.ink,
        )  # fmt: skip


def _legend(axes: Any, theme: Theme) -> None:
    handles, names = axes.get_legend_handles_labels()
    if names:
        axes.figure.legend(
            handles, names, loc="outside lower center", ncols=min(4, len(names)), frameon=False,
            labelcolor=theme.ink,
        )  # fmt: skip
