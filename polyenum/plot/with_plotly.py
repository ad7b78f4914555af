"""The pictures in plotly: interactive, with each region's pattern and affine map under the pointer."""

from __future__ import annotations

from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from polyenum.complex.region_complex import RegionComplex
from polyenum.plot.shapes import PALETTE, corner_heights, describe, fans, neighbor_colors
from polyenum.sampling.curve import SamplingCurve
from polyenum.sampling.report import SamplingReport


def function_1d(cx: RegionComplex, target: Any, title: str) -> go.Figure:
    """Draw a function of one input."""
    points, heights = cx.vertices[cx.vertex_ids, 0], corner_heights(cx)
    figure = go.Figure()
    if target is not None:
        x = np.linspace(points.min(), points.max(), 400)
        y = np.ravel(target(x[:, None]))
        figure.add_scatter(
            x=x, y=y, mode="lines", line={"color": "gray", "dash": "dash"}, name="target"
        )
    colors = neighbor_colors(cx)
    for i in np.argsort(points.reshape(-1, 2).min(axis=1)):
        own = slice(cx.vertex_offsets[i], cx.vertex_offsets[i + 1])
        figure.add_scatter(
            x=points[own],
            y=heights[own],
            mode="lines",
            line={"color": PALETTE[colors[i]], "width": 4},
            text=describe(cx, int(i)),
            hoverinfo="text",
            name=f"region {i}",
            showlegend=False,
        )
    order = np.argsort(points)
    figure.add_scatter(
        x=points[order],
        y=heights[order],
        mode="markers",
        marker={"color": "white", "size": 7, "line": {"color": "black", "width": 1}},
        name="breakpoints",
    )
    return _finish(figure, title, "x", "f(x)")


def partition(cx: RegionComplex, title: str) -> go.Figure:
    """Draw the regions of a 2-D complex: one trace per colour, and one for the hover texts."""
    corners = cx.vertices[cx.vertex_ids]
    colors = neighbor_colors(cx)
    figure = go.Figure()
    for c, color in enumerate(PALETTE):
        rings = _rings(corners, cx.vertex_offsets, np.flatnonzero(colors == c))
        if len(rings):
            figure.add_scatter(
                x=rings[:, 0],
                y=rings[:, 1],
                mode="lines",
                fill="toself",
                fillcolor=color,
                line={"color": "white", "width": 0.7},
                hoverinfo="skip",
                showlegend=False,
            )
    figure.add_scatter(
        x=cx.centroids[:, 0],
        y=cx.centroids[:, 1],
        mode="markers",
        marker={"size": 9, "opacity": 0},
        text=[describe(cx, i) for i in range(len(cx))],
        hoverinfo="text",
        showlegend=False,
    )
    figure.update_yaxes(scaleanchor="x", constrain="domain")
    figure.update_xaxes(constrain="domain")
    return _finish(figure, title, "x", "y")


def surface(cx: RegionComplex, title: str) -> go.Figure:
    """Draw a function of two inputs: one mesh with sharp edges, and the edges as lines."""
    corners = np.column_stack([cx.vertices[cx.vertex_ids], corner_heights(cx)])
    triangles, owner = fans(cx)
    colors = neighbor_colors(cx)
    text = [describe(cx, i) for i in range(len(cx))]
    corner_owner = np.repeat(np.arange(len(cx)), np.diff(cx.vertex_offsets))
    edges = _rings(corners, cx.vertex_offsets, np.arange(len(cx)))
    figure = go.Figure(
        [
            go.Mesh3d(
                x=corners[:, 0],
                y=corners[:, 1],
                z=corners[:, 2],
                i=triangles[:, 0],
                j=triangles[:, 1],
                k=triangles[:, 2],
                facecolor=[PALETTE[colors[r]] for r in owner],
                flatshading=True,
                hovertext=[text[r] for r in corner_owner],
                hoverinfo="text",
            ),
            go.Scatter3d(
                x=edges[:, 0],
                y=edges[:, 1],
                z=edges[:, 2],
                mode="lines",
                line={"color": "black", "width": 2},
                hoverinfo="skip",
                showlegend=False,
            ),
        ]
    )
    figure.update_layout(
        title=title,
        template="plotly_white",
        scene={
            "xaxis_title": "x",
            "yaxis_title": "y",
            "zaxis_title": "f(x, y)",
            "aspectmode": "cube",
            "camera": {"eye": {"x": 1.5, "y": -1.6, "z": 0.9}},
        },
        margin={"l": 0, "r": 0, "b": 0},
        height=640,
    )
    return figure


def sampling(report: SamplingReport, title: str) -> go.Figure:
    """Draw sample points on exact regions."""
    cx = report.complex
    missed = np.isin(report.region_of, report.missed)
    corners = cx.vertices[cx.vertex_ids]
    if cx.dim == 1:
        corners = np.column_stack([corners, corner_heights(cx)])
    figure = go.Figure()
    for flag, name, color in ((False, "regions", PALETTE[0]), (True, "missed regions", PALETTE[5])):
        rings = _rings(corners, cx.vertex_offsets, np.flatnonzero(missed == flag))
        if len(rings):
            figure.add_scatter(
                x=rings[:, 0],
                y=rings[:, 1],
                mode="lines",
                name=name,
                fill="toself" if cx.dim == 2 else None,
                fillcolor=color if flag else "#E8EEF3",
                line={
                    "color": color if cx.dim == 1 or flag else "gray",
                    "width": 2 if cx.dim == 1 else 0.7,
                },
                hoverinfo="skip",
            )
    y = report.points[:, 1] if cx.dim == 2 else cx(report.points)[:, 0]
    figure.add_scattergl(
        x=report.points[:, 0],
        y=y,
        mode="markers",
        marker={"color": "black", "size": 3},
        name="sample points",
    )
    if cx.dim == 2:
        figure.update_yaxes(scaleanchor="x", constrain="domain")
    shown = title or (
        f"{report.sampled_count:,} sampled, {report.exact_count:,} exact, {len(report.missed):,} missed"
    )
    return _finish(figure, shown, "x", "f(x)" if cx.dim == 1 else "y")


def sampling_curve(curve: SamplingCurve, title: str) -> go.Figure:
    """Draw sampled counts against the number of points."""
    figure = go.Figure()
    for y, name, color in (
        (np.full(len(curve.points), curve.exact), "exact", "black"),
        (curve.sampled, "sampled", PALETTE[5]),
        (curve.seen, "exact regions with a point", PALETTE[0]),
    ):
        figure.add_scatter(
            x=curve.points,
            y=y,
            mode="lines" if name == "exact" else "lines+markers",
            name=name,
            line={"color": color, "dash": "dash" if name == "exact" else "solid"},
        )
    figure.update_xaxes(type="log")
    figure.update_yaxes(rangemode="tozero")
    return _finish(figure, title, "sample points", "regions")


def _rings(
    corners: NDArray[np.float64], offsets: NDArray[np.int64], regions: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return the closed outlines of `regions` one after the other, with a row of NaN between them."""
    gap = np.full((1, corners.shape[1]), np.nan)
    parts: list[NDArray[np.float64]] = []
    for i in regions:
        ring = corners[offsets[i] : offsets[i + 1]]
        parts += [ring, ring[:1], gap]
    return np.concatenate(parts) if parts else np.zeros((0, corners.shape[1]))


def _finish(figure: go.Figure, title: str, x: str, y: str) -> go.Figure:
    figure.update_layout(
        title=title, template="plotly_white", xaxis_title=x, yaxis_title=y, height=560
    )
    return figure
