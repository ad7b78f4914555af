"""The pictures in matplotlib."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.figure import Figure
from mpl_toolkits.mplot3d.art3d import Poly3DCollection

from polyenum.complex.region_complex import RegionComplex
from polyenum.plot.shapes import PALETTE, corner_heights, neighbor_colors
from polyenum.sampling.curve import SamplingCurve
from polyenum.sampling.report import SamplingReport


def function_1d(cx: RegionComplex, target: Any, title: str) -> Figure:
    """Draw a function of one input."""
    figure = Figure(figsize=(7, 4.2), layout="constrained")
    axes = figure.add_subplot()
    points, heights = cx.vertices[cx.vertex_ids, 0], corner_heights(cx)
    ends = points.reshape(-1, 2)
    if target is not None:
        x = np.linspace(ends.min(), ends.max(), 400)
        axes.plot(
            x, np.ravel(target(x[:, None])), color="0.45", ls=(0, (4, 3)), lw=1.2, label="target"
        )
        axes.legend(frameon=False, loc="upper center")
    segments = np.stack([ends, heights.reshape(-1, 2)], axis=2)
    colors = [PALETTE[c] for c in neighbor_colors(cx)]
    axes.add_collection(LineCollection(list(segments), colors=colors, linewidths=2.6))
    order = np.argsort(points)
    axes.plot(points[order], heights[order], "o", ms=4.5, mfc="white", mec="black", zorder=3)
    for x in np.unique(points)[1:-1]:
        axes.axvline(x, color="0.85", lw=0.8, zorder=0)
    axes.autoscale_view()
    axes.set(xlabel="x", ylabel="f(x)", title=title)
    axes.spines[["top", "right"]].set_visible(False)
    return figure


def partition(cx: RegionComplex, title: str) -> Figure:
    """Draw the regions of a 2-D complex."""
    figure = Figure(figsize=(5.6, 5.6), layout="constrained")
    axes = figure.add_subplot(aspect="equal")
    corners = cx.vertices[cx.vertex_ids]
    polygons = np.split(corners, cx.vertex_offsets[1:-1])
    colors = [PALETTE[c] for c in neighbor_colors(cx)]
    axes.add_collection(
        PolyCollection(polygons, facecolors=colors, edgecolors="white", linewidths=0.6, alpha=0.85)
    )
    low, high = corners.min(axis=0), corners.max(axis=0)
    axes.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]))
    axes.set(xlabel="x", ylabel="y", title=title)
    return figure


def surface(cx: RegionComplex, title: str) -> Figure:
    """Draw a function of two inputs."""
    figure = Figure(figsize=(6.4, 5.6), layout="constrained")
    axes: Any = figure.add_subplot(projection="3d")
    corners = np.column_stack([cx.vertices[cx.vertex_ids], corner_heights(cx)])
    # All polygons get as many corners as the largest, the last repeated: matplotlib would fill them
    # up with uninitialised memory, which it then projects.
    counts = np.diff(cx.vertex_offsets)
    steps = np.minimum(np.arange(counts.max()), counts[:, None] - 1)
    facets = corners[cx.vertex_offsets[:-1, None] + steps]
    colors = [PALETTE[c] for c in neighbor_colors(cx)]
    axes.add_collection3d(
        Poly3DCollection(facets, facecolors=colors, edgecolors="black", linewidths=0.35, shade=True)
    )
    low, high = corners.min(axis=0), corners.max(axis=0)
    axes.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]), zlim=(low[2], high[2]))
    axes.set(xlabel="x", ylabel="y", zlabel="f(x, y)", title=title)
    axes.view_init(elev=28, azim=-58)
    return figure


def sampling(report: SamplingReport, title: str) -> Figure:
    """Draw sample points on exact regions."""
    cx = report.complex
    missed = np.isin(report.region_of, report.missed)
    figure = Figure(figsize=(7, 4.2) if cx.dim == 1 else (5.8, 6.2), layout="constrained")
    axes = figure.add_subplot(aspect="auto" if cx.dim == 1 else "equal")
    corners = cx.vertices[cx.vertex_ids]
    if cx.dim == 1:
        heights = corner_heights(cx).reshape(-1, 2)
        ends = corners[:, 0].reshape(-1, 2)
        for flag, color, width in ((False, PALETTE[0], 2.0), (True, PALETTE[5], 4.0)):
            own = np.stack([ends, heights], axis=2)[missed == flag]
            axes.add_collection(LineCollection(list(own), colors=color, linewidths=width))
        axes.plot(report.points[:, 0], cx(report.points)[:, 0], ".", color="black", ms=3)
        axes.autoscale_view()
        axes.set(xlabel="x", ylabel="f(x)")
        axes.spines[["top", "right"]].set_visible(False)
    else:
        polygons = np.split(corners, cx.vertex_offsets[1:-1])
        colors = np.where(missed, PALETTE[5], "#E8EEF3")
        axes.add_collection(
            PolyCollection(polygons, facecolors=colors, edgecolors="0.45", linewidths=0.4)
        )
        size = max(0.3, min(3.0, 300 / max(len(report.points), 1) ** 0.5 / 4))
        axes.plot(*report.points.T, ".", color="black", ms=size, mew=0)
        low, high = corners.min(axis=0), corners.max(axis=0)
        axes.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]), xlabel="x", ylabel="y")
    axes.set_title(title or _sampling_title(report), fontsize=10)
    return figure


def _sampling_title(report: SamplingReport) -> str:
    return (
        f"{report.sampled_count:,} sampled, {report.exact_count:,} exact, "
        f"{len(report.missed):,} missed (coloured)"
    )


def sampling_curve(curve: SamplingCurve, title: str) -> Figure:
    """Draw sampled counts against the number of points."""
    figure = Figure(figsize=(6.4, 4.2), layout="constrained")
    axes = figure.add_subplot()
    axes.axhline(curve.exact, color="black", lw=1.2, ls=(0, (5, 3)), label="exact")
    axes.plot(curve.points, curve.sampled, "o-", color=PALETTE[5], label="sampled")
    axes.plot(
        curve.points, curve.seen, "s-", color=PALETTE[0], ms=4, label="exact regions with a point"
    )
    axes.set_xscale("log")
    axes.set(xlabel="sample points", ylabel="regions", title=title, ylim=(0, None))
    axes.legend(frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
    return figure
