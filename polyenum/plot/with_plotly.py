"""The pictures in plotly: interactive, with each region's pattern and affine map under the pointer."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import cycle
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray
from plotly.subplots import make_subplots

from polyenum.plot.coloring import PALETTE, SCALE, Coloring, line_colors, piece_colors
from polyenum.plot.shapes import (
    boundary_faces,
    corner_heights,
    corner_regions,
    creases_by_layer,
    describe,
    fans,
    rings,
    sampled_image,
)
from polyenum.plot.themes import Theme
from polyenum.regions.complex import RegionComplex
from polyenum.regions.level_sets import Segments
from polyenum.sampling.curve import SamplingCurve
from polyenum.sampling.report import SamplingReport

PLAIN_AXIS = {"constrain": "domain", "showgrid": False, "zeroline": False, "ticks": "outside"}
"""Of a picture that fills its domain."""
MOST_HOVERS = 20_000
"""Beyond so many regions a text for each would make a page of many megabytes."""


def function_1d(cx: RegionComplex, target: Any, title: str, theme: Theme) -> go.Figure:
    """Draw a function of one input."""
    points, heights = cx.vertices[cx.vertex_ids, 0], corner_heights(cx)
    figure = go.Figure()
    if target is not None:
        x = np.linspace(points.min(), points.max(), 400)
        y = np.ravel(target(x[:, None]))
        figure.add_scatter(
            x=x, y=y, mode="lines", line={"color": "gray", "dash": "dash"}, name="target"
        )
    for i, color in enumerate(piece_colors(cx, theme)):
        own = slice(cx.vertex_offsets[i], cx.vertex_offsets[i + 1])
        figure.add_scatter(
            x=points[own],
            y=heights[own],
            mode="lines",
            line={"color": color, "width": 4},
            text=describe(cx, i),
            hoverinfo="text",
            name=f"region {i}",
            showlegend=False,
        )
    order = np.argsort(points)
    figure.add_scatter(
        x=points[order],
        y=heights[order],
        mode="markers",
        marker={"color": theme.paper, "size": 7, "line": {"color": theme.ink, "width": 1}},
        name="breakpoints",
    )
    return _finish(figure, title, theme, "x", "f(x)")


def partition(cx: RegionComplex, colors: Coloring, title: str, theme: Theme) -> go.Figure:
    """Draw the regions of a 2-D complex, and a trace for the hover texts."""
    figure = go.Figure(_hovers(cx), {"shapes": _polygons(cx, colors, theme)})
    _explain(figure, colors, theme)
    return _finish_plane(figure, cx, title, theme)


def creases(cx: RegionComplex, title: str, theme: Theme) -> go.Figure:
    """Draw the bent hyperplanes of all units: one trace per layer."""
    figure = go.Figure()
    for (name, ends), color in zip(creases_by_layer(cx), cycle(theme.lines), strict=False):
        x, y = _broken(ends).T
        figure.add_scatter(
            x=x, y=y, mode="lines", line={"color": color, "width": 1.7}, name=name, hoverinfo="name"
        )
    return _finish_plane(figure, cx, title, theme)


def level_sets(
    cx: RegionComplex,
    sets: Sequence[tuple[str, Segments]],
    colors: Coloring | None,
    title: str,
    theme: Theme,
) -> go.Figure:
    """Draw level sets, or a decision boundary, over the regions."""
    shown = colors or Coloring(np.zeros(len(cx), np.int64), (theme.plain,))
    figure = go.Figure(layout={"shapes": _polygons(cx, shown, theme, edge=theme.faint)})
    chosen = line_colors(len(sets), theme, over_colors=colors is not None)
    for (name, found), color in zip(sets, chosen, strict=True):
        x, y = _broken(found.ends).T
        line = {"x": x, "y": y, "mode": "lines", "legendgroup": name}
        if colors is not None:  # a rim, to be seen on every colour
            figure.add_scatter(
                **line, line={"color": theme.paper, "width": 6}, showlegend=False, hoverinfo="skip"
            )
        figure.add_scatter(**line, line={"color": color, "width": 3}, name=name, showlegend=True)
    return _finish_plane(figure, cx, title, theme)


def surface(
    cx: RegionComplex,
    colors: Coloring,
    levels: Sequence[tuple[float, Segments]],
    title: str,
    theme: Theme,
) -> go.Figure:
    """Draw a function of two inputs: one mesh with sharp edges, and the edges as lines."""
    corners = np.column_stack([cx.vertices[cx.vertex_ids], corner_heights(cx)])
    triangles, owner = fans(cx.vertex_offsets)
    edges = rings(corners, cx.vertex_offsets, np.arange(len(cx)))
    mesh = _mesh(cx, corners, triangles, owner, corner_regions(cx), colors)
    figure = go.Figure([mesh, _edges(edges)])
    for height, found in levels:
        x, y = _broken(found.ends).T
        figure.add_scatter3d(
            x=x, y=y, z=np.full(len(x), height), mode="lines", line={"color": "black", "width": 7},
            name=f"{height:.4g}", hoverinfo="name", showlegend=False,
        )  # fmt: skip
    _explain(figure, colors, theme, trace=go.Scatter3d)
    return _finish_3d(figure, title, theme, "f(x, y)", "cube")


def cells_3d(
    cx: RegionComplex, colors: Coloring, shrink: float, title: str, theme: Theme
) -> go.Figure:
    """Draw the cells of a 3-D complex, each shrunken towards its centroid: one mesh."""
    faces, owner = boundary_faces(cx, shrink)
    counts = [len(face) for face in faces]
    offsets = np.concatenate([[0], np.cumsum(counts)])
    triangles, face = fans(offsets)
    corners, owners = np.concatenate(faces), np.asarray(owner)
    figure = go.Figure(
        [
            _mesh(cx, corners, triangles, owners[face], np.repeat(owners, counts), colors),
            _edges(rings(corners, offsets, np.arange(len(faces)))),
        ]
    )
    _explain(figure, colors, theme, trace=go.Scatter3d)
    return _finish_3d(figure, title, theme, "z", "data")


def adjacency(cx: RegionComplex, colors: Coloring, title: str, theme: Theme) -> go.Figure:
    """Draw the graph of neighbours over the regions."""
    plain = Coloring(np.zeros(len(cx), np.int64), (theme.plain,))
    figure = go.Figure(layout={"shapes": _polygons(cx, plain, theme)})
    x, y = _broken(cx.centroids[cx.adjacent_pairs]).T
    figure.add_scatter(
        x=x, y=y, mode="lines", line={"color": theme.ink, "width": 0.7}, hoverinfo="skip",
        showlegend=False,
    )  # fmt: skip
    text = _texts(cx)
    figure.add_scatter(
        x=cx.centroids[:, 0],
        y=cx.centroids[:, 1],
        mode="markers",
        marker={
            "size": 7,
            "color": [colors.colors[k] for k in colors.of],
            "line": {"color": theme.ink, "width": 0.5},
        },
        text=text,
        hoverinfo="text" if text else "skip",
        showlegend=False,
    )
    _explain(figure, colors, theme)
    return _finish_plane(figure, cx, title, theme)


def histogram(
    values: NDArray[np.float64], label: str, log: bool, title: str, theme: Theme
) -> go.Figure:
    """Draw how often numbers occur."""
    if log:
        edges = np.geomspace(values.min(), values.max() * (1 + 1e-12), 41)
    else:
        edges = np.arange(values.min() - 0.5, values.max() + 1.5)
    counts, _ = np.histogram(values, edges)
    middle = np.sqrt(edges[1:] * edges[:-1]) if log else (edges[1:] + edges[:-1]) / 2
    figure = go.Figure(
        go.Bar(x=middle, y=counts, width=np.diff(edges), marker={"color": PALETTE[0]})
    )
    if log:
        figure.update_xaxes(type="log", exponentformat="power", dtick=1)
    return _finish(figure, title, theme, label, "regions")


def animation(
    frames: Sequence[tuple[str, RegionComplex, Coloring]], title: str, theme: Theme
) -> go.Figure:
    """Draw the partitions of several complexes: frames with a slider and a play button."""
    drawn = [
        go.Frame(layout={"shapes": _polygons(cx, colors, theme)}, name=name)
        for name, cx, colors in frames
    ]
    figure = go.Figure(layout={"shapes": drawn[0].layout.shapes}, frames=drawn)
    still = {
        "mode": "immediate",
        "frame": {"duration": 0, "redraw": True},
        "transition": {"duration": 0},
    }
    steps = [{"label": f.name, "method": "animate", "args": [[f.name], still]} for f in drawn]
    play = {**still, "frame": {"duration": 200, "redraw": True}, "fromcurrent": True}
    figure.update_layout(
        sliders=[{"steps": steps, "x": 0.14, "len": 0.86, "pad": {"t": 55}}],
        updatemenus=[
            {
                "type": "buttons",
                "showactive": False,
                "x": 0,
                "y": 0,
                "xanchor": "left",
                "yanchor": "top",
                "pad": {"t": 70},
                "buttons": [{"label": "play", "method": "animate", "args": [None, play]}],
            }
        ],
    )
    return _finish_plane(figure, frames[0][1], title, theme).update_layout(height=690)


def sampling(report: SamplingReport, title: str, theme: Theme) -> go.Figure:
    """Draw sample points on exact regions."""
    cx = report.complex
    missed = np.isin(report.region_of, report.missed)
    corners = cx.vertices[cx.vertex_ids]
    if cx.dim == 1:
        corners = np.column_stack([corners, corner_heights(cx)])
    figure = go.Figure()
    for flag, name, color in (
        (False, "regions", theme.lines[0]),
        (True, "missed regions", PALETTE[5]),
    ):
        outline = rings(corners, cx.vertex_offsets, np.flatnonzero(missed == flag))
        if len(outline):
            figure.add_scatter(
                x=outline[:, 0],
                y=outline[:, 1],
                mode="lines",
                name=name,
                fill="toself" if cx.dim == 2 else None,
                fillcolor=color if flag else theme.plain,
                line={
                    "color": color if cx.dim == 1 or flag else "gray",
                    "width": (6 if flag else 2) if cx.dim == 1 else 0.7,
                },
                hoverinfo="skip",
            )
    figure.add_scattergl(
        x=report.points[:, 0],
        y=report.points[:, 1] if cx.dim == 2 else cx(report.points)[:, 0],
        mode="markers",
        marker={"color": theme.ink, "size": 3},
        name="sample points",
    )
    shown = title or (
        f"{report.sampled_count:,} sampled, {report.exact_count:,} exact, {len(report.missed):,} missed"
    )
    if cx.dim == 2:
        return _finish_plane(figure, cx, shown, theme)
    return _finish(figure, shown, theme, "x", "f(x)")


def sampled_and_exact(
    report: SamplingReport, colors: Coloring, title: str, theme: Theme
) -> go.Figure:
    """Draw what a grid of gradients shows beside what there is."""
    cx = report.complex
    figure = make_subplots(
        1, 2,
        subplot_titles=(f"sampled: {report.sampled_count:,}", f"exact: {report.exact_count:,}"),
        horizontal_spacing=0.08,
    )  # fmt: skip
    low, high = cx.corner_points.min(axis=0), cx.corner_points.max(axis=0)
    image, palette = sampled_image(report, colors), colors.colors
    rows, columns = image.shape
    steps = [[k / len(palette), c] for k, c in enumerate(palette)]
    stops = [s for k, (a, c) in enumerate(steps) for s in ([a, c], [(k + 1) / len(palette), c])]
    figure.add_trace(
        go.Heatmap(
            z=image,
            x=np.linspace(low[0], high[0], columns),
            y=np.linspace(low[1], high[1], rows),
            colorscale=stops,
            zmin=-0.5,
            zmax=len(palette) - 0.5,
            showscale=False,
            hoverinfo="skip",
        ),
        1,
        1,
    )
    # Without a trace, subplots have no axes to which shapes could be bound.
    figure.add_scatter(x=[None], y=[None], showlegend=False, row=1, col=2)
    figure.update_layout(shapes=_polygons(cx, colors, theme, axes=("x2", "y2")))
    _finish(figure, title, theme, "x", "")
    figure.update_xaxes(range=[low[0], high[0]], **PLAIN_AXIS)
    for k in (1, 2):
        figure.update_yaxes(
            range=[low[1], high[1]], scaleanchor=f"x{k}".removesuffix("1"), title="y" if k == 1 else "", col=k,
            **PLAIN_AXIS,
        )  # fmt: skip
    return figure.update_layout(width=960, height=560)


def sampling_curve(curve: SamplingCurve, title: str, theme: Theme) -> go.Figure:
    """Draw sampled counts against the number of points."""
    figure = go.Figure()
    for y, name, color in (
        (np.full(len(curve.points), curve.exact), "exact", theme.ink),
        (curve.sampled, "sampled", PALETTE[5]),
        (curve.seen, "exact regions with a point", PALETTE[4]),
    ):
        figure.add_scatter(
            x=curve.points,
            y=y,
            mode="lines" if name == "exact" else "lines+markers",
            name=name,
            line={"color": color, "dash": "dash" if name == "exact" else "solid"},
        )
    figure.update_xaxes(type="log", exponentformat="power", dtick=1)
    figure.update_yaxes(rangemode="tozero")
    return _finish(figure, title, theme, "sample points", "regions")


# -- what they share ---------------------------------------------------------------------------------


def _polygons(
    cx: RegionComplex,
    colors: Coloring,
    theme: Theme,
    *,
    edge: str = "",
    axes: tuple[str, str] = ("x", "y"),
) -> list[dict[str, Any]]:
    """Return the regions as one shape for each colour.

    Shapes and not traces, which plotly computes anew at each zoom (100,000 polygons: 6 s, shapes 1 s), and whose
    outlines it bends into each other in an animation.
    """
    corners = cx.vertices[cx.vertex_ids].tolist()
    ends = cx.vertex_offsets.tolist()
    polygons = [
        "M" + "L".join([f"{x:.9g},{y:.9g}" for x, y in corners[begin:end]]) + "Z"
        for begin, end in zip(ends[:-1], ends[1:], strict=True)
    ]
    # Lines of many polygons would cover them.
    width = 0.7 if len(cx) < 3000 else 0.7 * (3000 / len(cx)) ** 0.5
    return [
        {
            "type": "path",
            "path": "".join(polygons[i] for i in np.flatnonzero(colors.of == k)),
            "xref": axes[0],
            "yref": axes[1],
            "layer": "below",
            "fillcolor": colors.colors[k],
            "line": {"color": edge or theme.gap, "width": width},
        }
        for k in np.unique(colors.of).tolist()
    ]


def _texts(cx: RegionComplex) -> list[str] | None:
    """Return a text for each region, if they are not too many."""
    return [describe(cx, i) for i in range(len(cx))] if len(cx) <= MOST_HOVERS else None


def _hovers(cx: RegionComplex) -> list[go.Scatter]:
    """Return invisible markers at the centroids with a text for each region, if they are not too many."""
    text = _texts(cx)
    if text is None:
        return []
    return [
        go.Scatter(
            x=cx.centroids[:, 0],
            y=cx.centroids[:, 1],
            mode="markers",
            marker={"size": 9, "opacity": 0},
            text=text,
            hoverinfo="text",
            showlegend=False,
        )
    ]


def _mesh(
    cx: RegionComplex,
    corners: NDArray[np.float64],
    triangles: NDArray[np.int64],
    owner: NDArray[np.int64],
    corner_owner: NDArray[np.int64],
    colors: Coloring,
) -> go.Mesh3d:
    text = _texts(cx)
    return go.Mesh3d(
        x=corners[:, 0],
        y=corners[:, 1],
        z=corners[:, 2],
        i=triangles[:, 0],
        j=triangles[:, 1],
        k=triangles[:, 2],
        facecolor=[colors.colors[colors.of[r]] for r in owner],
        flatshading=True,
        lighting={"ambient": 0.85, "diffuse": 0.35, "specular": 0.05},
        hovertext=[text[r] for r in corner_owner] if text else None,
        hoverinfo="text" if text else "skip",
    )


def _edges(outline: NDArray[np.float64]) -> go.Scatter3d:
    return go.Scatter3d(
        x=outline[:, 0],
        y=outline[:, 1],
        z=outline[:, 2],
        mode="lines",
        line={"color": "black", "width": 2},
        hoverinfo="skip",
        showlegend=False,
    )


def _explain(
    figure: go.Figure, colors: Coloring, theme: Theme, *, trace: type = go.Scatter
) -> None:
    """Add the legend or the colour bar that a colouring needs, on traces that show nothing else."""
    nowhere = {axis: [None] for axis in ("x", "y", "z")[: 3 if trace is go.Scatter3d else 2]}
    for name, color in zip(colors.names, colors.colors, strict=False):
        outline = {"color": theme.ink, "width": 1}
        marker = {"color": color, "symbol": "square", "size": 12, "line": outline}
        figure.add_trace(
            trace(**nowhere, mode="markers", marker=marker, name=name, showlegend=True)
        )
    if colors.scale is None:
        return
    low, high, label = colors.scale
    stops = [[k / (len(SCALE) - 1), c] for k, c in enumerate(SCALE)]
    marker = {
        "color": [low],
        "cmin": low,
        "cmax": high,
        "colorscale": stops,
        "showscale": True,
        "colorbar": {"title": {"text": label, "side": "right"}, "ticks": "outside", "len": 0.9},
    }
    figure.add_trace(
        trace(**nowhere, mode="markers", showlegend=False, hoverinfo="skip", marker=marker)
    )


def _broken(ends: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return segments (n, 2, 2) as one line with gaps, (3 n, 2)."""
    gap = np.full((len(ends), 1, 2), np.nan)
    return np.concatenate([ends, gap], axis=1).reshape(-1, 2)


def _finish(figure: go.Figure, title: str, theme: Theme, x: str, y: str) -> go.Figure:
    figure.update_layout(title=title, template=theme.template, height=560)
    figure.update_layout(margin={"l": 60, "r": 20, "t": 60, "b": 60})
    figure.update_layout(paper_bgcolor=theme.paper, plot_bgcolor=theme.paper)
    figure.update_xaxes(title=x)
    figure.update_yaxes(title=y)
    return figure


def _finish_plane(figure: go.Figure, cx: RegionComplex, title: str, theme: Theme) -> go.Figure:
    """Finish a picture of a 2-D domain: as wide as high, without what lies around it."""
    _finish(figure, title, theme, "x", "y")
    low, high = cx.corner_points.min(axis=0), cx.corner_points.max(axis=0)
    figure.update_xaxes(range=[low[0], high[0]], **PLAIN_AXIS)
    figure.update_yaxes(range=[low[1], high[1]], scaleanchor="x", **PLAIN_AXIS)
    explained = any(trace.showlegend or trace.marker.showscale for trace in figure.data)
    return figure.update_layout(width=720 if explained else 600, height=600)


def _finish_3d(figure: go.Figure, title: str, theme: Theme, z: str, aspect: str) -> go.Figure:
    figure.update_layout(
        title=title,
        template=theme.template,
        paper_bgcolor=theme.paper,
        scene={
            "xaxis_title": "x",
            "yaxis_title": "y",
            "zaxis_title": z,
            "aspectmode": aspect,
            "camera": {
                "eye": {"x": 1.4, "y": -1.5, "z": 0.8},
                "center": {"x": 0, "y": 0, "z": -0.12},
            },
        },
        margin={"l": 0, "r": 0, "t": 50, "b": 0},
        height=600,
    )
    return figure
