"""The page: widgets around a `Session`, and pictures of it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import panel as pn

from polyenum import plot
from polyenum.domains import Domain
from polyenum.errors import PolyenumError
from polyenum.playground.figures import Curve, Line, Plane, Samples
from polyenum.playground.session import Session
from polyenum.playground.targets import TARGETS
from polyenum.plot.coloring import COLORS, Coloring, coloring, line_colors
from polyenum.plot.shapes import even_levels
from polyenum.plot.themes import theme_of
from polyenum.regions.complex import RegionComplex
from polyenum.sampling.floats import NumPyFloats
from polyenum.sampling.report import SamplingReport
from polyenum.sampling.samples import sample
from polyenum.sampling.setup import Setup

STEPS_A_TICK, TICK_MS = 10, 80
PAUSE = 0.03
"""Seconds for the browser to draw a picture; sliders send more places than it can draw."""
LEVELS = 7
FORMULA = "a formula"
UNCLICKED = "*Click a region.*"
LINES, BOUNDARY, POINTS, SAMPLES, SURFACE = (
    "level sets", "decision boundary", "training points", "what a grid sees", "surface",
)  # fmt: skip
SHOWN = {1: [POINTS, SAMPLES], 2: [LINES, BOUNDARY, POINTS, SAMPLES, SURFACE]}
FILES = ".npz,.onnx,.safetensors,.pt,.pth"
WIDE = {"flex": "1 1 min(420px, 100%)", "max-width": "560px"}
NARROW = {"flex": "0 1 300px"}


class Slider(pn.widgets.FloatSlider):  # type: ignore[misc]
    """A slider that tells at once where it is; Panel's wait for 50 ms, in case it moves on."""

    _debounce = 1


class Page:
    """One reader's page.

    Parameters
    ----------
    net : whatever `polyenum.load` takes, optional
    domain : Domain, optional
        Of the network.
    theme : str
        "light" or "dark".
    """

    def __init__(self, net: Any = None, domain: Domain | None = None, theme: str = "light") -> None:
        self.theme = theme_of(theme)
        self._theme = theme
        self.session = Session(net, domain)
        self._busy = False
        # A notebook's kernel may hear of widgets in one thread while it trains in another; `_busy` is of the one
        # that holds this.
        self._alone = threading.RLock()
        self._training: Any = None
        self._sliding = False
        self._wanted: dict[str, float] = {}
        self._free_at = 0.0
        self._make_widgets()
        self._make_pictures()
        self._lay_out()
        self._connect()
        self.refresh()

    # -- what there is ---------------------------------------------------------------------------

    def _make_widgets(self) -> None:
        w = pn.widgets
        self.target = w.Select(label="learn", options=[*TARGETS, FORMULA])
        self.formula = w.TextInput(label="formula in x, y", value="sin(2*x) + y^2", visible=False)
        self.hidden = w.TextInput(label="units of the hidden layers", value="15")
        self.add = w.Button(label="add a hidden layer")
        self.again = w.Button(label="new weights")
        self.train = w.Toggle(label="train", color="primary")
        self.file = w.FileInput(accept=FILES)
        self.color = w.Select(label="colours", options=list(COLORS), value="neighbors")
        self.shown = w.CheckBoxGroup(label="show", options=SHOWN[2])
        self.points = w.IntSlider(label="points of the grid, an axis", start=5, end=100, value=40)
        self.unit = w.IntSlider(label="unit of the first layer", start=0, end=14, value=0)
        self.weight = Slider(label="its weight", start=-4, end=4, step=0.01, value=1)
        self.ratio = Slider(label="its bias / weight", start=-3, end=3, step=0.01, value=0)
        self.message = pn.pane.Alert("", alert_type="danger", visible=False)
        self.counts = pn.pane.Markdown("", sizing_mode="stretch_width")
        self.region = pn.pane.Markdown(UNCLICKED)
        self.seen = pn.pane.Markdown("")

    def _make_pictures(self) -> None:
        self.plane, self.curve = Plane(self.theme), Curve(self.theme)
        self.samples = Samples(self.theme, self.plane)
        self.surface = pn.pane.Plotly(sizing_mode="stretch_width", height=560)
        column: dict[str, Any] = {"sizing_mode": "stretch_width", "styles": WIDE}
        self.beside = pn.Column(self.samples.figure, self.seen, visible=False, **column)
        self.above = pn.Column(self.surface, visible=False, **column)
        self.middle = pn.Column(self.plane.figure, self.curve.figure, self.region, **column)

    def _connect(self) -> None:
        self.target.param.watch(self._retarget, "value")
        self.formula.param.watch(self._retarget, "value")
        self.hidden.param.watch(lambda _: self._try(self._resize), "value")
        self.add.on_click(lambda _: self._try(self.session.add_layer))
        self.again.on_click(lambda _: self._try(self.session.restart))
        self.train.param.watch(self._toggle, "value")
        self.file.param.watch(lambda _: self._try(self._open), "value")
        for widget in (self.color, self.shown, self.points):
            widget.param.watch(lambda _: self._try(lambda: None, sliders=False), "value")
        self.unit.param.watch(lambda _: self._try(lambda: None), "value")
        for slider in (self.weight, self.ratio):
            slider.param.watch(self._slid, "value")
        for source in (self.plane.cells, self.curve.pieces):
            source.selected.on_change("indices", self._clicked)

    def _lay_out(self) -> None:
        """Put everything in columns that go below each other where it is narrow."""
        settings = pn.Column(
            self.target, self.formula, self.hidden, pn.Row(self.add, self.again), self.train, self.color,
            self.shown, self.points, self.unit, self.weight, self.ratio, "or a network in a file", self.file,
            width=300, styles=NARROW,
        )  # fmt: skip
        self.view = pn.Column(
            self.message,
            self.counts,
            pn.FlexBox(
                settings, self.middle, self.beside, self.above,
                flex_wrap="wrap", gap="12px", sizing_mode="stretch_width",
            ),
            sizing_mode="stretch_width",
            styles={"background": self.theme.paper, "color": self.theme.ink},
        )  # fmt: skip

    # -- what happens ----------------------------------------------------------------------------

    def _try(self, action: Callable[[], None], *, sliders: bool = True) -> bool:
        """Do something and show what is there then; or say in a line what was wrong with it, and return False."""
        with self._alone:
            if self._busy:  # a widget that was set here, not by a reader
                return True
            try:
                action()
                self.refresh(sliders=sliders)
            except PolyenumError as error:
                self.message.object, self.message.visible = str(error), True
                return False
            self.message.visible = False
            return True

    def _retarget(self, _: Any) -> None:
        own = self.target.value == FORMULA
        self.formula.visible = own
        self._try(lambda: self.session.choose(self.formula.value if own else self.target.value))

    def _resize(self) -> None:
        try:
            hidden = [int(n) for n in self.hidden.value.split(",")]
        except ValueError:
            hidden = []
        self.session.resize(hidden)

    def _open(self) -> None:
        if self.file.value:
            self.session.open(self.file.filename or "", self.file.value)

    def _toggle(self, _: Any) -> None:
        if self.train.value and self._training is None:
            self._training = pn.state.add_periodic_callback(self.tick, period=TICK_MS)
        elif not self.train.value and self._training is not None:
            self._stop()
            self._try(lambda: None)

    def _stop(self) -> None:
        training, self._training = self._training, None
        if training is not None:
            training.stop()
        self.train.value = False

    def tick(self) -> None:
        """Train a little, and show it."""
        # Sliders that moved by themselves would tell a notebook's kernel of it when they are elsewhere by now.
        if not self._try(lambda: self.session.train(STEPS_A_TICK), sliders=False):
            self._stop()

    def _slid(self, event: Any) -> None:
        """Follow a slider: at once after a rest, else when the browser has drawn the picture before."""
        document = pn.state.curdoc
        with self._alone:
            if self._busy:
                return
            self._wanted["scale" if event.obj is self.weight else "ratio"] = event.new
            if self._sliding:
                return
        if document is None or document.session_context is None:
            self._follow()
            return
        self._sliding = True
        wait = 1000 * (self._free_at - time.monotonic())
        if wait > 0:
            document.add_timeout_callback(self._follow, int(wait) + 1)
        else:
            document.add_next_tick_callback(self._follow)

    def _follow(self) -> None:
        self._sliding = False
        self._try(self._move, sliders=False)
        self._free_at = time.monotonic() + PAUSE

    def _move(self) -> None:
        # Only what was moved: while it trains the other slider is not where the unit is.
        wanted, self._wanted = self._wanted, {}
        session, unit = self.session, self.unit.value
        state = session.unit(unit)._replace(**wanted)
        if session.network.input_dim == 1 or state.scale != 0:
            session.move(unit, scale=state.scale, ratio=state.ratio)

    def _clicked(self, _: str, __: Any, indices: list[int]) -> None:
        cx = self.session.complex
        if not indices or indices[0] >= len(cx):
            self.region.object = UNCLICKED
            return
        region = cx[indices[0]]
        layers = np.split(region.pattern, np.flatnonzero(np.diff(cx.network.unit_layer)) + 1)
        pattern = " ".join("".join(map(str, layer)) for layer in layers)
        rows = [f"**Region {indices[0]}**", f"pattern, layer by layer: `{pattern}`"]
        for k, (weight, bias) in enumerate(zip(region.weight, region.bias, strict=True)):
            slope = ", ".join(f"{x:.4g}" for x in weight)
            output = f" of output {k}" if len(region.bias) > 1 else ""
            rows.append(f"affine map{output}: slope ({slope}), constant {bias:.4g}")
        rows.append(f"volume {region.volume:.4g}, {len(region.neighbors)} neighbours")
        rows.append("vertices")
        corners = [f"- ({', '.join(f'{x:.4f}' for x in corner)})" for corner in region.vertices]
        self.region.object = "\n\n".join(rows) + "\n\n" + "\n".join(corners)

    # -- what is shown ---------------------------------------------------------------------------

    def refresh(self, *, sliders: bool = True) -> None:
        """Show the session as it is; the sliders need not be set where they said what to do."""
        # One message to the browser instead of one for each change.
        with pn.io.hold():
            cx, dim = self.session.complex, self.session.dim
            self._show_widgets(dim, sliders)
            self.region.object = UNCLICKED
            self.plane.figure.visible, self.curve.figure.visible = dim == 2, dim == 1
            report = self._sample(cx, dim)
            if dim == 2:
                self._show_plane(cx, coloring(cx, self.color.value), report)
            else:
                self._show_curve(cx, report)
            self.beside.visible = dim == 2 and report is not None
            self.above.visible = dim == 2 and SURFACE in self.shown.value
        # In a notebook what is Bokeh's own is sent when it is told to be.
        pn.io.push_notebook(self.view)

    def _show_widgets(self, dim: int, sliders: bool) -> None:
        busy, self._busy = self._busy, True
        try:
            self.hidden.value = ",".join(map(str, self.session.hidden))
            if self.session.target.name in TARGETS:
                self.target.value = self.session.target.name
            self.color.visible = dim == 2
            if self.shown.options != SHOWN[dim]:
                self.shown.value = [name for name in self.shown.value if name in SHOWN[dim]]
                self.shown.options = SHOWN[dim]
            if sliders:
                self._show_unit()
        finally:
            self._busy = busy

    def _show_unit(self) -> None:
        """Set the sliders to the unit that is chosen."""
        last = len(self.session.network.stages[0].bias) - 1
        self.unit.end = max(last, 1)
        self.unit.value = min(self.unit.value, last)
        state = self.session.unit(self.unit.value)
        least = -4.0 if self.session.network.input_dim == 1 else 0.01
        # So that they reach what the unit has.
        for slider, value, low, high in (
            (self.weight, state.scale, least, 4.0),
            (self.ratio, state.ratio, -3.0, 3.0),
        ):
            slider.param.update(start=min(low, value), end=max(high, value), value=value)

    def _sample(self, cx: RegionComplex, dim: int) -> SamplingReport | None:
        """Show how many regions there are, and a grid sees; return what it sees where that is to be drawn."""
        resolution = self.points.value
        regions = f"{len(cx):,} region{'s' if len(cx) > 1 else ''}"
        count = f"**{regions}**" if cx.complete else f"**more than {regions}**"
        floats = NumPyFloats(self.session.network, cx.domain, "float32")
        setup = Setup("patterns", "grid", resolution, "float32", 0, 0.0, 0.0, 0, floats.name)
        report = SamplingReport(cx, setup, floats, *sample(cx.domain, setup, floats))
        points = f"{resolution}" if dim == 1 else f"{resolution} by {resolution}"
        parts = [count, f"a grid of {points} points sees {report.sampled_count:,}"]
        if self.session.steps:
            parts.append(f"{self.session.steps:,} steps, loss {self.session.loss:.4g}")
        self.counts.object = " · ".join(parts)
        return report if SAMPLES in self.shown.value and cx.complete else None

    def _show_plane(
        self, cx: RegionComplex, colors: Coloring, report: SamplingReport | None
    ) -> None:
        self.plane.show(cx, colors)
        self.plane.show_crease(cx, self.unit.value)
        shown = self.shown.value
        lines = []
        if LINES in shown:
            tints = line_colors(LEVELS, self.theme, over_colors=True)
            lines = [
                Line(f"f = {level:.4g}", color, cx.level_set(level).ends)
                for level, color in zip(even_levels(cx, LEVELS), tints, strict=True)
            ]
        if BOUNDARY in shown:
            lines.append(Line(BOUNDARY, self.theme.lines[1], cx.decision_boundary().ends))
        self.plane.show_lines(lines)
        self.plane.show_points(*self._training_points(2))
        if report is not None:
            self.samples.show(report, colors)
            self.seen.object = (
                f"What a grid of {self.points.value} points an axis sees: {report.sampled_count:,} of {len(cx):,} "
                f"regions, in the colours of those. {len(report.missed):,} are missed, "
                f"{report.missed_share:.2%} of the volume."
            )
        if SURFACE in shown:
            self.surface.object = plot.surface(
                cx, color=self.color.value, levels=LEVELS if LINES in shown else 0, backend="plotly",
                theme=self._theme,
            )  # fmt: skip

    def _show_curve(self, cx: RegionComplex, report: SamplingReport | None) -> None:
        self.curve.show(cx)
        self.curve.show_crease(cx, self.session.bend(self.unit.value))
        self.curve.show_samples(report)
        self.curve.show_points(*self._training_points(1))
        function, x = self.session.target.function, np.zeros(0)
        if function is not None and self.session.target.dim == 1 and cx.domain.basis is None:
            low, high = cx.domain.bounding_box()
            x = np.linspace(low[0], high[0], 200)
        self.curve.show_target(
            x, np.zeros(0) if not len(x) or function is None else function(x[:, None])[:, 0]
        )

    def _training_points(self, dim: int) -> tuple[np.ndarray, np.ndarray]:
        """Return what is learnt from, or nothing where that is not to be shown here."""
        session = self.session
        if (
            POINTS in self.shown.value
            and session.target.dim == dim
            and session.domain.basis is None
        ):
            return session.points
        return np.zeros((0, dim)), np.zeros((0, 1))
