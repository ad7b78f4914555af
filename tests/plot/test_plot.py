"""Figures and the demo: they are made, and hold what they should."""

from __future__ import annotations

from pathlib import Path

import matplotlib.figure
import numpy as np
import plotly.graph_objects as go
import pytest

import polyenum as pe
from benchmarks.networks import random_network
from polyenum import demo, plot
from polyenum.plot.coloring import neighbor_colors
from polyenum.plot.shapes import corner_heights, fans


@pytest.fixture(scope="module")
def cx() -> pe.RegionComplex:
    return pe.enumerate_regions(random_network([2, 8, 8, 1], seed=1), pe.Box(-1, 1, dim=2))


def test_shapes(cx: pe.RegionComplex) -> None:
    colors = neighbor_colors(cx)
    i, j = cx.adjacent_pairs.T
    assert (colors[i] != colors[j]).all()
    heights = corner_heights(cx)
    np.testing.assert_allclose(heights, cx.network(cx.vertices[cx.vertex_ids])[:, 0], atol=1e-9)
    triangles, owner = fans(cx.vertex_offsets)
    a, b, c = (cx.vertices[cx.vertex_ids[triangles[:, k]]] for k in range(3))
    areas = np.abs(np.cross(np.c_[b - a, 0 * b[:, 0]], np.c_[c - a, 0 * c[:, 0]])[:, 2]) / 2
    np.testing.assert_allclose(np.bincount(owner, areas), cx.volumes, rtol=1e-9)


@pytest.mark.parametrize("backend", ["matplotlib", "plotly"])
def test_figures(cx: pe.RegionComplex, backend: str) -> None:
    kind = matplotlib.figure.Figure if backend == "matplotlib" else go.Figure
    line = pe.enumerate_regions(random_network([1, 5, 1]), pe.Box(-1, 1, dim=1))
    assert isinstance(plot.function_1d(line, target=np.square, backend=backend), kind)
    assert isinstance(plot.partition(cx, title="t", backend=backend), kind)
    assert isinstance(plot.surface(cx, backend=backend), kind)
    with pytest.raises(pe.RegionError, match="2-D"):
        plot.partition(line, backend=backend)
    with pytest.raises(pe.RegionError, match="1-D"):
        plot.function_1d(cx, backend=backend)


def test_unknown_backend(cx: pe.RegionComplex) -> None:
    with pytest.raises(pe.OptionError, match="'matplotlib', 'plotly'"):
        plot.surface(cx, backend="ascii")


def test_a_missing_extra_is_named(cx: pe.RegionComplex, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "plotly.graph_objects", None)
    monkeypatch.delitem(sys.modules, "polyenum.plot.with_plotly", raising=False)
    monkeypatch.delattr(plot, "with_plotly", raising=False)
    with pytest.raises(pe.MissingExtraError, match=r"'\.\[plot\]'"):
        plot.surface(cx, backend="plotly")


def test_demo(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    demo.main(["--output", str(tmp_path), "--epochs", "20"])
    said = capsys.readouterr().out
    assert "2,15,15,15,1" in said
    assert len(list(tmp_path.glob("*.png"))) == 7
    page = (tmp_path / "regions.html").read_text(encoding="utf-8")
    assert page.count("Plotly.newPlot(") >= 7
    assert "<script src=" not in page


def test_the_grid_never_sees_more_patterns_than_there_are() -> None:
    row, cx = demo.show([2, 15, 1], epochs=50, progress=False)
    assert row.grid_patterns <= row.activation_regions == len(cx)
    assert row.linear_regions <= row.activation_regions
