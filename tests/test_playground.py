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
from polyenum.playground.page import FORMULA, Page
from polyenum.playground.session import Session
from polyenum.playground.targets import TARGETS, of_formula

POINTS = np.random.default_rng(0).uniform(-2, 2, (50, 2))
X, Y = POINTS.T

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
    np.testing.assert_allclose(parse(text, ["x", "y"])(POINTS)[:, 0], FORMULAS[text])


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
        assert parse(text, ["x", "y"])(POINTS).shape == (50, 1)


@given(st.text(alphabet="xy0123.+-*/^() ,sinmaxabe_'[]", max_size=30))
def test_any_text_is_a_formula_or_refused(text: str) -> None:
    try:
        values = parse(text, ["x", "y"])(POINTS)
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
    assert len(Session(net).complex) == 4
    with pytest.raises(pe.NetworkError, match="one or two inputs, found 3"):
        Session([(np.eye(3), None)])
    assert pe.explore(net) is not None


def test_the_widgets() -> None:
    page = Page()
    assert "**92 regions**" in page.counts.object
    page.add.clicks += 1
    assert page.hidden.value == "15,15"
    assert f"**{len(page.session.complex)} regions**" in page.counts.object
    assert len(page.cells.data["xs"]) == len(page.session.complex)
    page.tick()
    assert "10 steps" in page.counts.object
    page.cells.selected.indices = [7]
    assert "**Region 7**" in page.region.object
    assert "".join(map(str, page.session.complex[7].pattern)) in page.region.object
    before = page.cells.data["xs"]
    page.unit.value = 4
    page.ratio.value = 0.5
    assert page.session.unit(4).ratio == pytest.approx(0.5)
    assert page.cells.data["xs"] is not before
    assert len(page.crease.data["xs"]) > 0
    page.session.move(4, scale=0.1, ratio=7.5)
    page.refresh()
    page.weight.value = 0.2
    assert page.session.unit(4) == pytest.approx((0.2, 7.5))
    page.hidden.value = "3,x"
    assert page.message.visible
    assert "1 to 6 hidden layers" in page.message.object
    page.hidden.value = "3,4"
    assert not page.message.visible
    assert page.session.hidden == [3, 4]
    page.target.value = FORMULA
    page.formula.value = "import os"
    assert "not a formula" in page.message.object
    page.formula.value = "sin(3*x)"
    assert (page.session.dim, page.curve.visible, page.plane.visible) == (1, True, False)
    assert len(page.pieces.data["xs"]) == len(page.session.complex)
    page.color.value = "slope"
    page.target.value = "two moons"
    page.tabs.active = 1
    assert page.surface.object is not None


@pytest.mark.skipif(chromium() is None, reason="there is no Chromium")
def test_in_a_browser(tmp_path: Any) -> None:
    """What a person would do: add a layer, train, click a region, move the slider, look at the surface."""
    with served() as address, opened(address) as page:
        page.get_by_text("92 regions").wait_for()
        page.get_by_text("add a hidden layer").click()
        page.get_by_text("329 regions").wait_for()
        page.mouse.click(450, 500)
        page.get_by_text("affine map: slope").wait_for()
        times = slider_times(page, 5)
        assert all(t > 0 for t in times)
        page.get_by_role("button", name="train").click()
        page.get_by_text("steps, loss").wait_for()
        page.get_by_text("surface").click()
        page.locator(".js-plotly-plot").first.wait_for()
        page.screenshot(path=str(tmp_path / "page.png"))
