"""The page: widgets around a `Session`, pictures in Bokeh, whose polygons can be clicked, and plotly."""

from __future__ import annotations

from typing import Any

import numpy as np
import panel as pn
from bokeh.models import ColumnDataSource, TapTool
from bokeh.plotting import figure

from polyenum import plot
from polyenum.errors import PolyenumError
from polyenum.playground.session import Session
from polyenum.playground.targets import TARGETS
from polyenum.plot.coloring import COLORS, coloring
from polyenum.plot.shapes import PALETTE, corner_heights, creases
from polyenum.sampling.floats import NumPyFloats
from polyenum.sampling.points import grid

STEPS_A_TICK, TICK_MS = 10, 80
RESOLUTION = {1: 200, 2: 40}
FORMULA = "a formula"


class Page:
    """One reader's page.

    Parameters
    ----------
    net : whatever `polyenum.load` takes, optional
    """

    def __init__(self, net: Any = None) -> None:
        self.session = Session(net)
        self._given = net is not None
        self._busy = False
        self._grids: dict[int, np.ndarray] = {}
        self._training: Any = None
        self._make_widgets()
        self._make_pictures()
        self._connect()
        self.refresh()

    # -- what there is ---------------------------------------------------------------------------

    def _make_widgets(self) -> None:
        w = pn.widgets
        self.target = w.Select(label="learn", options=[*TARGETS, FORMULA], value="x² + y²")
        self.formula = w.TextInput(label="formula in x, y", value="sin(2*x) + y^2", disabled=True)
        self.hidden = w.TextInput(label="units of the hidden layers", value="15")
        self.add = w.Button(label="add a hidden layer")
        self.train = w.Toggle(label="train", color="primary")
        self.color = w.Select(label="colours", options=list(COLORS), value="neighbors")
        self.unit = w.IntSlider(label="unit of the first layer", start=0, end=14, value=0)
        self.weight = w.FloatSlider(label="its weight", start=-4, end=4, step=0.01, value=1)
        self.ratio = w.FloatSlider(label="its bias / weight", start=-3, end=3, step=0.01, value=0)
        self.message = pn.pane.Alert("", alert_type="danger", visible=False)
        self.counts = pn.pane.Markdown("", width=560)
        self.region = pn.pane.Markdown("*Click a region.*", width=320)

    def _make_pictures(self) -> None:
        self.cells = ColumnDataSource({"xs": [], "ys": [], "color": []}, name="cells")
        self.crease = ColumnDataSource({"xs": [], "ys": []})
        self.pieces = ColumnDataSource({"xs": [], "ys": [], "color": []})
        self.bends = ColumnDataSource({"x": [], "y": []})
        self.line = ColumnDataSource({"x": [], "y": []})
        options: dict[str, Any] = {"tools": "pan,wheel_zoom,reset", "toolbar_location": "above"}
        self.plane = figure(
            width=560, height=560, match_aspect=True, x_axis_label="x", y_axis_label="y", **options
        )
        self.plane.patches(
            "xs", "ys", source=self.cells, color="color", line_color="white", line_width=0.6,
            nonselection_alpha=0.75, selection_line_color="black", selection_line_width=2.5,
        )  # fmt: skip
        self.plane.multi_line("xs", "ys", source=self.crease, color="black", line_width=2.5)
        self.curve = figure(width=560, height=420, x_axis_label="x", y_axis_label="f(x)", **options)
        self.curve.line("x", "y", source=self.line, color="gray", line_dash="dashed")
        self.curve.multi_line(
            "xs", "ys", source=self.pieces, color="color", line_width=4, nonselection_alpha=0.5
        )
        self.curve.scatter("x", "y", source=self.bends, size=7, color="white", line_color="black")
        for picture, source in ((self.plane, self.cells), (self.curve, self.pieces)):
            picture.add_tools(
                TapTool(renderers=[picture.renderers[-2 if picture is self.plane else 1]])
            )
            source.selected.on_change("indices", self._clicked)
        self.surface = pn.pane.Plotly(sizing_mode="fixed", width=560, height=560)
        self.tabs = pn.Tabs(
            ("regions", pn.Column(self.plane, self.curve)), ("surface", self.surface)
        )

    def _connect(self) -> None:
        self.target.param.watch(self._retarget, "value")
        self.formula.param.watch(self._retarget, "value")
        self.hidden.param.watch(lambda _: self._try(self._resize), "value")
        self.add.on_click(lambda _: self._try(self._add_layer))
        self.train.param.watch(self._toggle, "value")
        self.color.param.watch(lambda _: self.refresh(), "value")
        self.tabs.param.watch(lambda _: self.refresh(), "active")
        self.unit.param.watch(lambda _: self._choose_unit(), "value")
        for slider in (self.weight, self.ratio):
            slider.param.watch(lambda _: self._try(self._move, sliders=False), "value")

    def view(self) -> Any:
        """Return the page as Panel shows it."""
        settings = [self.target, self.formula, self.hidden, self.add, self.train]
        if self._given:
            settings = []
        return pn.Row(
            pn.Column(
                *settings, self.color, self.unit, self.weight, self.ratio, self.message, width=320
            ),
            pn.Column(self.counts, self.tabs),
            self.region,
        )

    # -- what happens ----------------------------------------------------------------------------

    def _try(self, action: Any, *, sliders: bool = True) -> None:
        """Do something; say in a line what was wrong with it."""
        if self._busy:
            return
        try:
            action()
        except PolyenumError as error:
            self.message.object, self.message.visible = str(error), True
            return
        self.message.visible = False
        self.refresh(sliders=sliders)

    def _retarget(self, _: Any) -> None:
        own = self.target.value == FORMULA
        self.formula.disabled = not own
        self._try(lambda: self.session.choose(self.formula.value if own else self.target.value))

    def _resize(self) -> None:
        try:
            hidden = [int(n) for n in self.hidden.value.split(",")]
        except ValueError:
            hidden = []
        self.session.resize(hidden)

    def _add_layer(self) -> None:
        self.session.add_layer()
        self._busy = True
        self.hidden.value = ",".join(map(str, self.session.hidden))
        self._busy = False

    def _toggle(self, _: Any) -> None:
        if self._training is None and self.train.value:
            self._training = pn.state.add_periodic_callback(self.tick, period=TICK_MS)
        elif self._training is not None and not self.train.value:
            self._training.stop()
            self._training = None

    def tick(self) -> None:
        """Train a little, and show it."""
        self._try(lambda: self.session.train(STEPS_A_TICK))

    def _move(self) -> None:
        if self.session.dim == 2 and self.weight.value == 0:
            return
        self.session.move(self.unit.value, scale=self.weight.value, ratio=self.ratio.value)

    def _clicked(self, _: str, __: Any, indices: list[int]) -> None:
        if not indices or indices[0] >= len(self.session.complex):
            self.region.object = "*Click a region.*"
            return
        region = self.session.complex[indices[0]]
        pattern = "".join(map(str, region.pattern))
        rows = [f"**Region {indices[0]}**", f"pattern `{pattern}`"]
        slope = ", ".join(f"{x:.4g}" for x in region.weight[0])
        rows.append(f"affine map: slope ({slope}), constant {region.bias[0]:.4g}")
        rows.append(f"volume {region.volume:.4g}, {len(region.neighbors)} neighbours")
        rows.append("vertices")
        corners = [f"- ({', '.join(f'{x:.4f}' for x in corner)})" for corner in region.vertices]
        self.region.object = "\n\n".join(rows) + "\n\n" + "\n".join(corners)

    # -- what is shown ---------------------------------------------------------------------------

    def refresh(self, *, sliders: bool = True) -> None:
        """Show the session as it is; the sliders need not be set where they said what to do."""
        # One message to the browser instead of one for each change.
        with pn.io.hold():
            self._refresh(sliders)

    def _refresh(self, sliders: bool) -> None:
        cx, dim = self.session.complex, self.session.dim
        colors = coloring(cx, self.color.value) if dim == 2 else None
        self.plane.visible, self.curve.visible = dim == 2, dim == 1
        # What was clicked is another region by now.
        self.cells.selected.indices = self.pieces.selected.indices = []
        corners = cx.vertices[cx.vertex_ids]
        if dim == 2 and colors is not None:
            polygons = np.split(corners, cx.vertex_offsets[1:-1])
            self.cells.data = {
                # Lists: Bokeh sends each small array in a message of its own, 300 of them in 0.5 s.
                "xs": [p[:, 0].tolist() for p in polygons],
                "ys": [p[:, 1].tolist() for p in polygons],
                "color": [colors.colors[k] for k in colors.of],
            }
            if self.tabs.active == 1:
                self.surface.object = plot.surface(cx, color=self.color.value, backend="plotly")
        else:
            x, y = corners[:, 0].reshape(-1, 2), corner_heights(cx).reshape(-1, 2)
            order = np.argsort(x[:, 0])
            shown = [PALETTE[k % len(PALETTE)] for k in np.argsort(order)]
            self.pieces.data = {"xs": x.tolist(), "ys": y.tolist(), "color": shown}
            self.bends.data = {"x": x.ravel(), "y": y.ravel()}
            at = np.linspace(-2, 2, 200)
            function = self.session.target.function
            same = function is not None and self.session.target.dim == 1 and not self._given
            value = (
                function(at[:, None])[:, 0]
                if same and function is not None
                else np.full(200, np.nan)
            )
            self.line.data = {"x": at, "y": value}
        self._show_counts()
        if sliders:
            self._show_unit()
        self._show_crease()

    def _show_counts(self) -> None:
        session, cx = self.session, self.session.complex
        if session.dim not in self._grids:
            self._grids[session.dim] = grid(cx.domain, RESOLUTION[session.dim])
        points = self._grids[session.dim]
        floats = NumPyFloats(session.network, cx.domain, "float32")
        seen = len({row.tobytes() for row in floats.patterns(points)})
        parts = [
            f"**{len(cx):,} regions**" if cx.complete else f"**more than {len(cx):,} regions**"
        ]
        parts.append(f"a grid of {RESOLUTION[session.dim]} points an axis sees {seen:,}")
        if session.steps:
            parts.append(f"{session.steps:,} steps, loss {session.loss:.4g}")
        self.counts.object = " · ".join(parts)

    def _choose_unit(self) -> None:
        self._show_unit()
        self._show_crease()

    def _show_unit(self) -> None:
        """Set the sliders to the unit that is chosen."""
        busy, self._busy = self._busy, True
        last = len(self.session.network.stages[0].bias) - 1
        self.unit.end = max(last, 1)
        self.unit.value = min(self.unit.value, last)
        state = self.session.unit(self.unit.value)
        least = -4.0 if self.session.dim == 1 else 0.01
        # A slider that could not reach what the unit has would move it when the other one is moved.
        for slider, value, low, high in (
            (self.weight, state.scale, least, 4.0),
            (self.ratio, state.ratio, -3.0, 3.0),
        ):
            slider.start, slider.end = min(low, value), max(high, value)
            slider.value = value
        self._busy = busy

    def _show_crease(self) -> None:
        if self.session.dim == 2:
            ends, unit = creases(self.session.complex)
            own = ends[unit == self.unit.value]
            self.crease.data = {"xs": own[:, :, 0].tolist(), "ys": own[:, :, 1].tolist()}
