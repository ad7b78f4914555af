"""What pictures show: colours, creases, level sets; each made in both libraries and both themes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import matplotlib.animation
import matplotlib.figure
import numpy as np
import plotly.graph_objects as go
import pytest
from hypothesis import given

import polyenum as pe
from benchmarks.networks import random_network
from polyenum import plot
from polyenum.plot.coloring import WHEEL, coloring, last_layers, ramp
from polyenum.plot.shapes import boundary_faces, creases, rings
from tests.helpers.strategies import degenerate_networks, generic_networks, share


@pytest.fixture(scope="module")
def cx() -> pe.RegionComplex:
    return pe.enumerate_regions(random_network([2, 8, 8, 1], seed=1), pe.Box(-1, 1, dim=2))


@pytest.fixture(scope="module")
def cells() -> pe.RegionComplex:
    return pe.enumerate_regions(random_network([3, 4, 3, 1]), pe.Box(-1, 1, dim=3))


@pytest.fixture(scope="module")
def report(cx: pe.RegionComplex) -> pe.SamplingReport:
    return pe.verify_sampling(cx.network, cx.domain, resolution=20, exact=cx)


PICTURES: dict[str, Callable[..., Any]] = {
    **{
        f"partition by {color}": lambda cx, cells, report, color=color, **o: plot.partition(
            cx, color=color, **o
        )
        for color in plot.COLORS
    },
    "partition by an array": lambda cx, cells, report, **o: plot.partition(
        cx, color=cx.centroids[:, 0], **o
    ),
    "creases": lambda cx, cells, report, **o: plot.creases(cx, **o),
    "level sets": lambda cx, cells, report, **o: plot.level_sets(cx, 4, **o),
    "one level": lambda cx, cells, report, **o: plot.level_sets(cx, [0.0], color="active", **o),
    "decision boundary": lambda cx, cells, report, **o: plot.decision_boundary(cx, **o),
    "surface": lambda cx, cells, report, **o: plot.surface(cx, color="slope", **o),
    "surface with levels": lambda cx, cells, report, **o: plot.surface(cx, levels=3, **o),
    "cells": lambda cx, cells, report, **o: plot.cells_3d(cells, **o),
    "adjacency": lambda cx, cells, report, **o: plot.adjacency(cx, **o),
    "volumes": lambda cx, cells, report, **o: plot.histogram(cells, **o),
    "facets": lambda cx, cells, report, **o: plot.histogram(cells, of="facets", **o),
    "sampling": lambda cx, cells, report, **o: plot.sampling(report, **o),
    "sampled and exact": lambda cx, cells, report, **o: plot.sampled_and_exact(report, **o),
    "curve": lambda cx, cells, report, **o: plot.sampling_curve(report.curve([5, 10]), **o),
}


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("backend", ["matplotlib", "plotly"])
@pytest.mark.parametrize("name", PICTURES)
def test_pictures(
    name: str, backend: str, theme: str, cx: Any, cells: Any, report: Any, tmp_path: Any
) -> None:
    figure = PICTURES[name](cx, cells, report, title="a title", backend=backend, theme=theme)
    if backend == "matplotlib":
        assert isinstance(figure, matplotlib.figure.Figure)
        figure.savefig(tmp_path / "picture.png", dpi=40)
        assert "a title" in [
            *(axes.get_title() for axes in figure.axes),
            figure.get_suptitle(),
        ]
    else:
        assert isinstance(figure, go.Figure)
        assert figure.layout.title.text == "a title"
        assert len(figure.to_json()) > 500


@pytest.mark.parametrize("picture", [plot.partition, plot.surface, plot.adjacency])
def test_colours_are_explained(cx: pe.RegionComplex, picture: Any) -> None:
    """Every colour that stands for something has a legend or a bar, in both libraries."""
    by_slope = picture(cx, color="slope", backend="plotly")
    drawn = [t for t in by_slope.data if t.type.startswith("scatter")]
    bars = [t.marker.colorbar.title.text for t in drawn if t.marker.showscale]
    assert bars == ["slope (norm of the gradient)"]
    by_layer = picture(cx, color="layer", backend="plotly")
    named = {t.name: t.marker.color for t in by_layer.data if t.showlegend}
    layers = coloring(cx, "layer")
    assert named == dict(zip(layers.names, layers.colors, strict=True))
    assert len(picture(cx, color="slope").axes) == 2
    texts = [text.get_text() for text in picture(cx, color="layer").legends[0].get_texts()]
    assert tuple(texts) == layers.names


def test_levels_lie_on_the_surface(cx: pe.RegionComplex) -> None:
    figure = plot.surface(cx, levels=3, backend="plotly")
    lines = [trace for trace in figure.data if trace.hoverinfo == "name"]
    assert len(lines) == 3
    for line in lines:
        points = np.column_stack([line.x, line.y])
        points = points[np.isfinite(points).all(axis=1)]
        assert len(points) > 0
        np.testing.assert_allclose(cx.network(points)[:, 0], line.z[0], atol=1e-9)
    with pytest.raises(
        pe.OptionError, match="levels must be a whole number from 1 to 10,000, found -1"
    ):
        plot.surface(cx, levels=-1)


def test_animations(cx: pe.RegionComplex) -> None:
    frames = [cx, pe.enumerate_regions(random_network([2, 8, 8, 1], seed=2), cx.domain)]
    page = plot.animation(frames, names=["before", "after"])
    assert [frame.name for frame in page.frames] == ["before", "after"]
    for frame, shown in zip(page.frames, frames, strict=True):
        assert not frame.data
        assert sum(shape.path.count("M") for shape in frame.layout.shapes) == len(shown)
    film = plot.animation(frames, backend="matplotlib")
    assert isinstance(film, matplotlib.animation.FuncAnimation)
    film._func(1)
    film._draw_was_started = True
    with pytest.raises(pe.OptionError, match="2 complexes need as many strings, found"):
        plot.animation(frames, names=["one"])
    with pytest.raises(pe.OptionError, match="at least one"):
        plot.animation([])


def test_colors_say_what_they_say(cx: pe.RegionComplex) -> None:
    by_pattern = coloring(cx, "pattern")
    part = pe.enumerate_regions(cx.network, pe.Box(-0.5, 0.5, dim=2))
    known = {p.tobytes(): by_pattern.of[i] for i, p in enumerate(cx.patterns)}
    again = coloring(part, "pattern")
    assert all(known[p.tobytes()] == again.of[i] for i, p in enumerate(part.patterns))
    linear = coloring(cx, "linear").of
    i, j = cx.adjacent_pairs.T
    same = cx.linear_regions[i] == cx.linear_regions[j]
    assert (linear[i] == linear[j])[same].all()
    active = coloring(cx, "active")
    assert active.scale is not None
    assert active.scale[:2] == (cx.patterns.sum(axis=1).min(), cx.patterns.sum(axis=1).max())
    assert (np.diff(active.of[np.argsort(cx.patterns.sum(axis=1), kind="stable")]) >= 0).all()
    expected = [
        max((int(cx.network.unit_layer[u]) for f in region.facets for u in f.units), default=-1)
        for region in cx
    ]
    np.testing.assert_array_equal(last_layers(cx), expected)
    assert len(set(WHEEL)) == len(WHEEL)
    assert len(set(ramp(64))) == 64
    with pytest.raises(pe.OptionError, match=r"color must be one of 'neighbors'"):
        plot.partition(cx, color="age")
    with pytest.raises(pe.OptionError, match=r"a number for each of the"):
        plot.partition(cx, color=[1.0])
    with pytest.raises(pe.OptionError, match="theme must be one of 'light', 'dark'"):
        plot.partition(cx, theme="sepia")


@share(0.5)
@given(generic_networks(dims=(2, 2), depth=(1, 3)))
def test_creases_are_where_units_vanish(layers: list) -> None:
    cx = pe.enumerate_regions(layers, pe.Box(-1, 1, dim=2))
    ends, units = creases(cx)
    assert len(ends) == len(cx.adjacent_pairs)
    middle = ends.mean(axis=1)
    value = middle
    for i, stage in enumerate(cx.network.stages[:-1]):
        z = value @ stage.weight.T + stage.bias
        own = cx.network.unit_layer[units] == i
        column = units[own] - int(np.flatnonzero(cx.network.unit_layer == i)[0])
        size = 1 + np.abs(z[own]).max(axis=1, initial=0)
        assert (np.abs(z[own, column]) <= 1e-6 * size).all()
        value = np.maximum(z, 0)
    points = cx.vertices[cx.vertex_ids]
    outline = rings(points, cx.vertex_offsets, np.arange(len(cx)))
    assert np.isnan(outline[:, 0]).sum() == len(cx)
    assert len(outline) == len(points) + 2 * len(cx)


@share(0.5)
@given(generic_networks(dims=(2, 2), depth=(1, 2), outputs=3))
def test_decision_boundaries_are_where_the_largest_output_changes(layers: list) -> None:
    """Every crossing between neighbouring points of a fine grid is near a segment, and each is a tie."""
    cx = pe.enumerate_regions(layers, pe.Box(-1, 1, dim=2))
    found = cx.decision_boundary()
    if len(found):
        values = np.sort(cx.network(found.ends.mean(axis=1)), axis=1)
        assert (values[:, -1] - values[:, -2] <= 1e-6 * (1 + np.abs(values).max())).all()
    line = np.linspace(-1, 1, 2001)
    x = np.column_stack([line, np.full(2001, 0.123)])
    winner = cx.network(x).argmax(axis=1)
    changes = np.flatnonzero(np.diff(winner))
    crossed = ((found.ends[:, :, 1] > 0.123).sum(axis=1) == 1) if len(found) else np.zeros(0, bool)
    p, q = found.ends[crossed, 0], found.ends[crossed, 1]
    share_ = (0.123 - p[:, 1]) / (q[:, 1] - p[:, 1])
    at = p[:, 0] + share_ * (q[:, 0] - p[:, 0])
    for k in changes.tolist():
        assert np.abs(at - line[k]).min(initial=np.inf) <= 0.0011


@share(0.5)
@given(degenerate_networks(dims=(2, 2)))
def test_level_sets_have_the_level(layers: list) -> None:
    cx = pe.enumerate_regions(layers, pe.Box(-1, 1, dim=2))
    middle = float(np.median(cx(cx.centroids)))
    found = cx.level_set(middle)
    if len(found):
        values = (
            np.einsum("nk,nek->ne", cx.weights[found.regions, 0], found.ends)
            + cx.biases[found.regions]
        )
        scale = 1 + np.abs(cx.weights).max() + np.abs(cx.biases).max()
        assert np.abs(values - middle).max() <= 1e-9 * scale


def test_level_sets_are_refused_elsewhere(cells: pe.RegionComplex, cx: pe.RegionComplex) -> None:
    with pytest.raises(pe.RegionError, match="in 2-D"):
        cells.level_set()
    with pytest.raises(pe.RegionError, match="output 3 of a network with 1"):
        cx.level_set(output=3)
    with pytest.raises(pe.RegionError, match="3-D"):
        plot.cells_3d(cx)
    with pytest.raises(pe.OptionError, match="shrink must be"):
        plot.cells_3d(cells, shrink=0)


def test_faces_of_cells_are_whole(cells: pe.RegionComplex) -> None:
    """As polygons in cyclic order they have the surface that the cells' hulls have."""
    from scipy.spatial import ConvexHull

    faces, owner = boundary_faces(cells, 1.0)
    area = np.zeros(len(cells))
    for face, i in zip(faces, owner, strict=True):
        fan = np.cross(face[1:-1] - face[0], face[2:] - face[0])
        area[i] += np.linalg.norm(fan.sum(axis=0)) / 2
    hulls = [ConvexHull(region.vertices).area for region in cells]
    np.testing.assert_allclose(area, hulls, rtol=1e-9)


def test_a_hundred_thousand_polygons_are_a_few_shapes() -> None:
    cx = pe.enumerate_regions(random_network([2, 256, 256, 256, 1]), pe.Box(-1, 1, dim=2))
    assert len(cx) > 100_000
    for color in ("neighbors", "pattern", "slope"):
        figure = plot.partition(cx, color=color, backend="plotly")
        assert len(figure.data) <= 1
        assert len(figure.layout.shapes) <= 64
        assert sum(shape.path.count("Z") for shape in figure.layout.shapes) == len(cx)
