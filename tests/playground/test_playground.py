"""The page: its formulas, its session, its widgets, and all of it in a browser."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import polyenum as pe
from benchmarks.browser import chromium, opened, served, slider_times
from polyenum.playground.formula import parse
from polyenum.playground.page import (
    BOUNDARY,
    FORMULA,
    LINES,
    POINTS,
    SAMPLES,
    SURFACE,
    Page,
)
from polyenum.playground.session import POINTS as POINTS_TO_LEARN
from polyenum.playground.session import Session
from polyenum.playground.targets import TARGETS, of_formula

PLACES = np.random.default_rng(0).uniform(-2, 2, (50, 2))
X, Y = PLACES.T

FORMULAS = {
    "x": X,
    "x^2 + y^2": X**2 + Y**2,
    "-x**3/4 - 2*(y - 1)": -(X**3) / 4 - 2 * (Y - 1),
    "sin(pi*x)*exp(-y)": np.sin(np.pi * X) * np.exp(-Y),
    "max(abs(x), min(y, 0.5))": np.maximum(abs(X), np.minimum(Y, 0.5)),
    "1/x^-1": X,
    "3": np.full(50, 3.0),
}


@pytest.mark.parametrize("text", FORMULAS)
def test_formulas(text: str) -> None:
    np.testing.assert_allclose(parse(text, ["x", "y"])(PLACES)[:, 0], FORMULAS[text])


BAD = {
    "": "not a formula", "x +": "not a formula", "z": "'z' is unknown; known are x, y, pi, e",
    "__import__('os')": "of one argument there are", "x.real": "no Attribute", "[x]": "no List",
    "x if x else y": "no IfExp", "x^y": "constants and exponents", "x^99": "exponents are numbers up to 16",
    "sin": "unknown", "sin(x, y)": "of one argument", "max(x)": "of two", "lambda: x": "no Lambda",
    "'a'": "constants and exponents", "9" * 20: "up to 1e9", "x" * 300: "at most 200 characters",
    "(lambda: 1)()": "no Call", "x @ y": "no BinOp", "x := 1": "not a formula", "1e999": "up to 1e9",
    "(" * 90 + "x" + ")" * 90: "", "-" * 150 + "x": "", "True": "constants",
}  # fmt: skip


@pytest.mark.parametrize("text", BAD)
def test_formulas_that_are_none(text: str) -> None:
    if BAD[text]:
        with pytest.raises(pe.OptionError, match=BAD[text]):
            parse(text, ["x", "y"])
    else:
        assert parse(text, ["x", "y"])(PLACES).shape == (50, 1)


@given(st.text(alphabet="xy0123.+-*/^() ,sinmaxabe_'[]", max_size=30))
def test_any_text_is_a_formula_or_refused(text: str) -> None:
    try:
        values = parse(text, ["x", "y"])(PLACES)
    except pe.OptionError:
        return
    assert values.shape == (50, 1)
    assert np.isfinite(values).all()


def test_targets() -> None:
    assert (of_formula("x^2").dim, of_formula("x*y").dim) == (1, 2)
    for target in TARGETS.values():
        points, values = target.sample(100, 0)
        assert points.shape == (100, target.dim)
        assert values.shape == (100, 1)
        assert np.abs(points).max() <= 2
        assert 0.2 < values.std() < 4


def test_a_session_learns() -> None:
    session = Session()
    session.choose("x²")
    session.train(20)
    early = session.loss
    session.train(300)
    assert session.loss < early / 2
    assert session.steps == 320
    assert session.complex.covered == pytest.approx(1)
    assert len(session.complex) == pe.count_regions(session.network, pe.Box(-2, 2, dim=1))
    session.add_layer()
    assert (session.hidden, session.steps) == ([15, 15], 0)
    with pytest.raises(pe.OptionError, match="1 to 6 hidden layers"):
        session.resize([0])
    with pytest.raises(pe.OptionError, match="unknown"):
        session.choose("q + 1")
    assert session.hidden == [15, 15]


@pytest.mark.parametrize("target", ["x²", "circles"])
def test_a_moved_unit_bends_where_it_should(target: str) -> None:
    session = Session()
    session.choose(target)
    before = session.unit(3)
    session.move(3, scale=before.scale, ratio=before.ratio)
    assert session.unit(3) == pytest.approx(before)
    session.move(3, scale=2.0, ratio=-0.75)
    assert session.unit(3) == pytest.approx((2.0, -0.75))
    first = session.network.stages[0]
    direction = np.asarray(first.weight[3]) / np.linalg.norm(first.weight[3])
    assert first.weight[3] @ (0.75 * direction) + first.bias[3] == pytest.approx(0)
    if target == "x²":
        assert np.abs(session.complex.vertices - 0.75).min() < 1e-6
    session.train(1)  # from where it was moved to
    assert session.unit(3).ratio == pytest.approx(-0.75, abs=0.05)
    with pytest.raises(pe.OptionError, match="unit 15 of a layer of 15"):
        session.unit(15)


def test_networks_of_one_s_own() -> None:
    net = [(np.eye(2), [0, 0]), ([[1.0, 1]], [0])]
    session = Session(net, pe.Box([0, -1], [1, 1]))
    assert len(session.complex) == 2
    session.choose("circles")  # to be learnt by it
    session.train(1)
    assert len(session.network.stages[0].bias) == 2
    with pytest.raises(pe.NetworkError, match="found 3 inputs and no domain"):
        session.adopt([(np.eye(3), None)])
    with pytest.raises(pe.DomainError, match="one or two dimensions, found 3"):
        session.adopt([(np.eye(3), None)], pe.Box(0, 1, dim=3))
    with pytest.raises(pe.DomainError, match="of which network"):
        Session(None, pe.Box(0, 1, dim=2))
    assert (session.dim, len(session.network.stages[0].bias)) == (2, 2)
    session.choose("x²")  # it has other inputs, so a new one
    assert session.network.input_dim == 1
    assert pe.explore(net) is not None


def test_what_cannot_be_trained_is_said() -> None:
    session = Session([(np.eye(2), [0, 0])])
    with pytest.raises(pe.NetworkError, match="not one with 2 outputs"):
        session.train(1)
    session = Session([(np.ones((3, 1)), np.zeros(3)), (np.ones((1, 3)), [0])])
    session.choose("x²")
    session.train(1)
    image = np.zeros(9)
    plane = pe.Slice.through(image, image + np.eye(9)[0], image + np.eye(9)[1])
    session = Session([(np.eye(9), np.full(9, -0.5)), (np.ones((1, 9)), [0])], plane)
    assert (session.dim, session.network.input_dim) == (2, 9)
    assert len(session.complex) == 4
    with pytest.raises(pe.NetworkError, match=r"9 inputs where x² \+ y² has 2"):
        session.train(1)
    session.move(0, scale=1.0, ratio=-0.25)
    assert np.abs(session.complex.vertices[:, 0] - 0.25).min() < 1e-12


def test_files(tmp_path: Any) -> None:
    session = Session()
    file = tmp_path / "mine.npz"
    np.savez(file, W0=np.ones((4, 1)), b0=np.arange(4.0) / 4, W1=np.ones((1, 4)), b1=np.zeros(1))
    session.open("mine.npz", file.read_bytes())
    assert (session.dim, session.target.name, len(session.complex)) == (1, "x²", 5)
    for name, content in (("mine.npz", b"no"), ("mine.pkl", b""), ("", b"")):
        with pytest.raises(pe.NetworkError, match=name or "unknown kind of file"):
            session.open(name, content)
        assert len(session.complex) == 5


def test_bends_in_one_dimension() -> None:
    session = Session([([[2.0], [0.0], [1.0]], [1, 1, 9]), (np.ones((1, 3)), [0])])
    assert session.bend(0) == -0.5
    assert session.bend(1) is None
    assert session.bend(2) is None
    start, end = np.zeros(3), np.array([4.0, 0, 0])
    segment = pe.Segment(start, end)
    session = Session([(np.eye(3), [-1, 0, 0]), (np.ones((1, 3)), [0])], segment)
    bends = np.unique(session.complex.vertices)
    assert session.bend(0) == pytest.approx(bends[1])


def test_the_widgets() -> None:
    page = Page()
    assert "**92 regions**" in page.counts.object
    page.add.clicks += 1
    assert page.hidden.value == "15,15"
    assert f"**{len(page.session.complex)} regions**" in page.counts.object
    cells = page.plane.cells
    assert len(cells.data["xs"]) == len(page.session.complex)
    page.tick()
    assert "10 steps" in page.counts.object
    cells.selected.indices = [7]
    assert "**Region 7**" in page.region.object
    pattern = "".join(map(str, page.session.complex[7].pattern))
    assert f"`{pattern[:15]} {pattern[15:]}`" in page.region.object
    before = cells.data["xs"]
    page.unit.value = 4
    page.ratio.value = 0.5
    assert page.session.unit(4).ratio == pytest.approx(0.5)
    assert cells.data["xs"] is not before
    assert len(page.plane.crease.data["xs"]) > 0
    page.session.move(4, scale=0.1, ratio=7.5)
    page.refresh()
    page.weight.value = 0.2
    assert page.session.unit(4) == pytest.approx((0.2, 7.5))
    before = cells.data["xs"]
    page.again.clicks += 1
    assert cells.data["xs"] != before
    page.hidden.value = "3,x"
    assert page.message.visible
    assert "1 to 6 hidden layers" in page.message.object
    page.hidden.value = "3,4"
    assert not page.message.visible
    assert page.session.hidden == [3, 4]
    page.target.value = FORMULA
    assert page.formula.visible
    page.formula.value = "import os"
    assert "not a formula" in page.message.object
    page.formula.value = "sin(3*x)"
    assert (page.session.dim, page.curve.figure.visible, page.plane.figure.visible) == (
        1,
        True,
        False,
    )
    pieces = page.curve.pieces.data
    assert len(pieces["xs"]) == len(page.session.complex)
    np.testing.assert_allclose(
        page.curve.target.data["y"], np.sin(3 * np.array(page.curve.target.data["x"]))
    )


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_what_is_shown_over_and_beside_the_regions(theme: str) -> None:
    page = Page(theme=theme)
    page.target.value = "two moons"
    page.color.value = "slope"
    assert (page.beside.visible, page.above.visible) == (False, False)
    assert not page.plane.lines.data["xs"]
    page.shown.value = [LINES, BOUNDARY, POINTS, SAMPLES, SURFACE]
    cx = page.session.complex
    names = set(page.plane.lines.data["name"])
    assert len(names) == 8
    ends = np.array([page.plane.lines.data["xs"], page.plane.lines.data["ys"]]).transpose(1, 2, 0)
    own = np.array(page.plane.lines.data["name"]) == BOUNDARY
    np.testing.assert_allclose(cx.network(ends[own].reshape(-1, 2)), 0, atol=1e-9)
    assert len(page.plane.points.data["x"]) == POINTS_TO_LEARN
    report = pe.verify_sampling(page.session.network, cx.domain, method="patterns", resolution=40)
    assert f"40 by 40 points sees {report.sampled_count}" in page.counts.object
    assert f"sees: {report.sampled_count} of {len(cx)} regions" in page.seen.object
    assert f"{len(report.missed)} are missed" in page.seen.object
    assert page.samples.image.data["image"][0].shape == (40, 40)
    page.points.value = 10
    assert page.samples.image.data["image"][0].shape == (10, 10)
    assert page.surface.object.layout.paper_bgcolor == page.theme.paper
    page.target.value = "x²"
    assert page.shown.value == [POINTS, SAMPLES]
    assert (page.beside.visible, page.above.visible) == (False, False)
    assert len(page.curve.samples.data["x"]) == 10
    assert len(page.curve.points.data["x"]) == POINTS_TO_LEARN
    with pytest.raises(pe.OptionError, match="theme must be one of 'light', 'dark'"):
        pe.explore(theme="blue")


def test_a_file_on_the_page(tmp_path: Any) -> None:
    page = Page()
    file = tmp_path / "mine.npz"
    np.savez(file, W0=np.eye(2), b0=np.zeros(2), W1=np.ones((2, 2)), b1=np.zeros(2))
    page.file.filename = "mine.npz"
    page.file.value = file.read_bytes()
    assert "**4 regions**" in page.counts.object
    page.plane.cells.selected.indices = [0]
    assert "affine map of output 1" in page.region.object
    page.train.value = True
    page.tick()
    assert "2 outputs" in page.message.object
    assert page.message.visible
    assert not page.train.value
    page.file.filename = "mine.onnx"
    page.file.value = b"nothing"
    assert "mine.onnx" in page.message.object
    assert "**4 regions**" in page.counts.object


@pytest.mark.skipif(chromium() is None, reason="there is no Chromium")
def test_in_a_browser(tmp_path: Any) -> None:
    """What a person would do: add a layer, train, click a region, move the slider, look at the surface."""
    with served("--theme", "dark") as address, opened(address) as page:
        page.get_by_text("92 regions").wait_for()
        page.get_by_text("add a hidden layer").click()
        page.get_by_text("329 regions").wait_for()
        page.mouse.click(600, 300)
        page.get_by_text("affine map: slope").wait_for()
        times = slider_times(page, 5)
        assert all(t > 0 for t in times)
        page.get_by_role("button", name="train").click()
        page.get_by_text("steps, loss").wait_for()
        page.get_by_role("button", name="train").click()
        page.get_by_text("Click a region").wait_for()
        for shown in (LINES, SAMPLES, SURFACE):
            page.get_by_label(shown, exact=True).check()
        page.locator(".js-plotly-plot").first.wait_for()
        page.get_by_text("are missed").wait_for()
        assert page.evaluate(COUNT, "lines") > 0
        page.set_viewport_size({"width": 390, "height": 844})
        page.wait_for_function("document.scrollingElement.scrollWidth <= 390")
        page.screenshot(path=str(tmp_path / "page.png"))


COUNT = (
    """name => Bokeh.documents.map(d => d.get_model_by_name(name)).find(m => m).data.xs.length"""
)
