"""Every float bound with subnormal and with huge numbers, held against exact arithmetic."""

from __future__ import annotations

from fractions import Fraction
from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from numpy.typing import NDArray

import polyenum as pe
from polyenum.arithmetic.integers import integers
from polyenum.arithmetic.linear_program import InfeasibleError, maximise
from polyenum.cells.halfspace.forms import scaled
from polyenum.cells.halfspace.simplex import NO, YES, becomes_positive
from polyenum.cells.halfspace.walker import signs_at, signs_over_box
from polyenum.cells.vertex.candidates import bounding_box
from polyenum.cells.vertex.candidates import test_box as flag_cuts
from polyenum.cells.vertex.engine import VertexEngine
from polyenum.models.load import load
from polyenum.neighborhoods.local import LocalForms
from polyenum.networks.exact_forms import ExactForms
from polyenum.networks.forward import bounded_values, proven_sides
from polyenum.networks.pullback import PulledBack
from polyenum.networks.sides import ExactPoints
from tests.helpers.strategies import Layers, degenerate_networks, share

EXTREME = degenerate_networks(depth=(1, 3), kinds=("subnormal", "huge"))
# Half widths of domains, with which even the largest weights stay in range.
SIZES = st.sampled_from([5e-324, 1e-316, 1e-308, 1e-300, 1e-160, 1e-20, 1.0, 1e20])


def box_for(layers: Layers, size: float, seed: int) -> pe.Box:
    """Return a box around or beside the origin, of such a half width."""
    random = np.random.default_rng(seed)
    dim = np.shape(layers[0][0])[1]
    middle = size * random.integers(-3, 4, dim)
    return pe.Box(middle - size, middle + size * random.choice([1.0, 3.0], dim))


def enumerate_both(layers: Layers, box: pe.Box, engine: str) -> tuple[pe.RegionComplex, ...] | None:
    """Return what an engine and the exact one find; None where values may be too large for floats."""
    try:
        found = pe.enumerate_regions(layers, box, engine=engine, max_regions=200, threads=1)
    except pe.NetworkError:
        return None
    return found, pe.enumerate_regions(layers, box, engine="exact", max_regions=200)


@pytest.mark.parametrize("engine", ["vertex", "lp"])
@given(EXTREME, SIZES, st.integers(0, 2**32 - 1))
def test_regions_and_maps(engine: str, layers: Layers, size: float, seed: int) -> None:
    both = enumerate_both(layers, box_for(layers, size, seed), engine)
    if both is None:
        return
    found, exact = both
    np.testing.assert_array_equal(found.patterns, exact.patterns)
    forms = PulledBack(found.network, found.domain)
    for i in range(min(len(found), 12)):
        sides = found.sides_of(np.array([i]))[0].view(np.uint8)
        numbers, exponent = forms.outputs(sides, np.eye(found.network.output_dim, dtype=int))
        for output, form in enumerate(numbers.tolist()):
            coefficient, constant = (Fraction(x) for x in found.map_error[:, output].tolist())
            for k, x in enumerate(form):
                bound = constant if k == found.dim else coefficient
                error = abs(Fraction(float(found.maps[i, k, output])) - Fraction(x, 1 << exponent))
                assert error <= bound
    if engine == "vertex":
        assert found.f_vector == exact.f_vector
        largest = float(np.abs(found.domain.vertices).max())
        assert found.vertex_error <= 2.0**-20 * largest + 1e-320
        pe.check(found, layers, found.domain)


@given(EXTREME, SIZES, st.integers(0, 2**32 - 1))
def test_bounding_boxes(layers: Layers, size: float, seed: int) -> None:
    """What a box does not flag has one sign on it."""
    network, box = load(layers), box_for(layers, size, seed)
    try:
        engine = VertexEngine(network, box, certified=True)
    except pe.NetworkError:
        return
    walker, tables = engine.walker(), engine._tables
    walker.load(engine.root())
    s, dims = walker.state, (0,) * box.dim
    s.forms[: tables.form[1]] = tables.first
    count = int(tables.hyper[1])
    reach = bounding_box(dims, s)
    flag_cuts(dims, 0, 0, count, reach, tables, s)
    exact = ExactForms(network, box)
    for h in range(count):
        form, _ = exact.hyperplane(h, np.zeros(network.hyperplane_count, np.uint8))
        signs = {
            int(np.sign(sum(a * x for a, x in zip(form, [*corner[:-1], corner[-1]], strict=True))))
            for corner in box.polytope.points
        }
        if not s.cuts_box[h]:
            assert signs == {1 if s.sides[h] else -1}


entries = st.sampled_from([0.0, 1.0, -1.0, 0.3, 5e-324, -5e-324, 1e-310, -1e-300, 1e300, 2.0**-537])


@st.composite
def programs(draw: st.DrawFn) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Rows (with the form last), a box, and a point in it."""
    dim, count = draw(st.integers(1, 3)), draw(st.integers(1, 4))
    rows = np.array(draw(st.lists(entries, min_size=count * (dim + 1), max_size=count * (dim + 1))))
    size = draw(st.sampled_from([1e-315, 1e-300, 1.0, 1e250]))
    inside = size * np.array(draw(st.lists(st.floats(-0.9, 0.9), min_size=dim, max_size=dim)))
    return rows.reshape(count, dim + 1), size * np.array([[-1.0] * dim, [1.0] * dim]), inside


@given(programs())
def test_programs_and_signs(case: tuple[NDArray[Any], NDArray[Any], NDArray[Any]]) -> None:
    raw, box, inside = case
    dim = box.shape[1]
    raw = raw[np.abs(raw[:, :-1]).max(axis=1) > 0]
    if not len(raw):
        return
    with np.errstate(over="ignore"):
        rows, errors = scaled(raw, np.zeros((len(raw), 2)))
    forms = [integers(map(float, row)) for row in raw]
    corners = [[Fraction(float(x)) for x in c] for c in product(*box.T.tolist())]
    at = [*map(Fraction, inside.tolist())]

    def value(form: tuple[int, ...], point: list[Fraction]) -> Fraction:
        return sum((a * x for a, x in zip(form[:-1], point, strict=True)), Fraction(form[-1]))

    with np.errstate(all="ignore"):
        over, near = signs_over_box(rows, errors, box), signs_at(rows, errors, inside[None])[0]
    for form, whole, here in zip(forms, over, near, strict=True):
        values = [value(form, corner) for corner in corners]
        assert whole != 1 or min(values) > 0
        assert whole != -1 or max(values) < 0
        assert here == 0 or (value(form, at) > 0) == (here > 0)
    if any(value(form, at) <= 0 for form in forms[:-1]):
        return
    point = np.empty(dim)
    answer = becomes_positive(
        rows, errors, len(rows) - 1, box, rows[-1], errors[-1, 0], errors[-1, 1], inside,
        np.zeros((dim + 3, dim)), np.zeros(dim, np.int64), point,
    )  # fmt: skip
    bounds = [[Fraction(float(x)) for x in bound] for bound in box]
    try:
        most, _ = maximise(forms[:-1], *bounds, forms[-1])
    except InfeasibleError:
        most = Fraction(-1)
    if answer == NO:
        assert most <= 0
    if answer == YES:
        found = [*map(Fraction, point.tolist())]
        assert all(value(form, found) > 0 for form in forms)


@given(
    degenerate_networks(depth=(1, 3)),
    st.sampled_from([1e-310, 1e-3, 1.0, 1e9]),
    st.integers(0, 2**32 - 1),
)
def test_outputs_at_points(layers: Layers, size: float, seed: int) -> None:
    """Also where a sign is unsure."""
    network = load(layers)
    points = size * np.random.default_rng(seed).integers(-4, 5, (6, network.input_dim))
    with np.errstate(all="ignore"):
        value, error, _, _ = bounded_values(network, None, points)
    forms = PulledBack(network)
    for point, near, bound in zip(points, value, error, strict=True):
        sides, _ = ExactPoints(network, None).sides(point)
        numbers, exponent = forms.outputs(sides, np.eye(network.output_dim, dtype=int))
        for form, x, e in zip(numbers.tolist(), near.tolist(), bound.tolist(), strict=True):
            at = [*map(Fraction, point.tolist()), Fraction(1)]
            exact = sum(a * b for a, b in zip(form, at, strict=True)) / (1 << exponent)
            assert not np.isfinite(e) or abs(Fraction(x) - exact) <= Fraction(e)


@given(EXTREME, SIZES, st.integers(0, 2**32 - 1))
def test_sides_of_points(layers: Layers, size: float, seed: int) -> None:
    network = load(layers)
    random = np.random.default_rng(seed)
    points = size * random.integers(-4, 5, (6, network.input_dim)) / random.choice([1.0, 3.0])
    with np.errstate(all="ignore"):
        sides, unsure = proven_sides(network, None, points)
    exact = ExactPoints(network, None)
    for point, found, doubt in zip(points, sides, unsure, strict=True):
        if not doubt:
            own, known = exact.sides(point)
            assert known.all()
            np.testing.assert_array_equal(found, own)


@example([([[0.0], [0.0]], [-1.0, -4.34584738e-311]), ([[0.0, -3.0]], [0.0])], 0)
@given(EXTREME, st.integers(0, 2**32 - 1))
@share(0.5)
def test_rows_of_a_region(layers: Layers, seed: int) -> None:
    """Each row is the exact one up to its bounds, and up to a positive factor where it was repaired."""
    network = load(layers)
    sides = np.random.default_rng(seed).integers(0, 2, network.hyperplane_count).astype(np.uint8)
    forms = ExactForms(network, pe.Box(-1, 1, dim=network.input_dim))
    with np.errstate(all="ignore"):
        rows, _ = LocalForms(network)(sides)
    for h in range(network.hyperplane_count):
        form, exponent = forms.hyperplane(h, sides)
        exact = [Fraction(x, 1 << exponent) * (1 if sides[h] else -1) for x in form]
        largest = max((abs(x) for x in exact[:-1]), default=Fraction(0)) or abs(exact[-1])
        # The factor is a power of 2, or takes the largest coefficient to such a power.
        found = max(map(abs, rows.forms[h, :-1].tolist()))
        near = Fraction(2) ** int(np.frexp(found)[1])
        whole = 1 / (largest or Fraction(1))
        power = Fraction(2) ** (whole.numerator.bit_length() - whole.denominator.bit_length())
        factors = (
            {near * p * Fraction(2) ** k for k in range(-2, 3) for p in (power, 1 / largest)}
            if largest
            else {Fraction(1)}
        )
        if not any(exact[:-1]):
            factors.add(Fraction(1))  # a constant is not scaled, unless it was repaired
        bounds = [Fraction(float(e)) for e in rows.errors[h]]
        if largest * 2**1000 < abs(exact[-1]):
            assert rows.forms[h].tolist() == [0.0] * (len(exact) - 1) + [np.sign(exact[-1])]
            continue
        assert any(
            all(
                abs(Fraction(float(x)) - f * y) <= bounds[k == len(exact) - 1]
                for k, (x, y) in enumerate(zip(rows.forms[h], exact, strict=True))
            )
            for f in factors
        )
        # A constant form has coefficients that are exactly 0, and no other has.
        assert rows.forms[h, :-1].any() == any(exact[:-1])


def test_a_product_that_underflows_is_in_the_bound() -> None:
    """A named fault: 0.7 times 5e-324 is 5e-324 in floats, and the bound was 0."""
    net = [([[0.7]], [0]), ([[5e-324]], [0]), ([[1.0]], [0])]
    cx = pe.enumerate_regions(net, pe.Box(-1, 1, dim=1))
    exact = Fraction(0.7) * Fraction(5e-324)
    assert abs(Fraction(float(cx[-1].weight[0, 0])) - exact) <= Fraction(float(cx.map_error[0, 0]))
    pe.check(cx, net, cx.domain)


def test_values_too_large_for_the_walk_are_refused() -> None:
    steep = ([0.0], [0.0, 1e300], 0.0)
    net = pe.PiecewiseLinearNetwork(
        [
            pe.Stage(np.array([[1.0]]), np.array([0.25]), pe.ActivationTable.from_rows([steep])),
            pe.Stage(np.array([[1.0]]), np.array([-1.0]), pe.ActivationTable.relu(1)),
            pe.Stage(np.array([[1.0]]), np.zeros(1), pe.ActivationTable.identity(1)),
        ]
    )
    far = pe.Box(-1e12, 1e12, dim=1)
    for engine in ("vertex", "lp"):
        with pytest.raises(pe.NetworkError, match=r"layer 1: pre-activations .* as large as inf"):
            pe.enumerate_regions(net, far, engine=engine)
    # Between the two breakpoints lie 1e-300, and no float64 number.
    assert len(pe.enumerate_regions(net, pe.Box(-1, 1, dim=1))) == 3


def test_values_of_a_subnormal_size_at_the_ends_of_an_edge() -> None:
    """A named fault: the doubt about where an edge is cut underflowed to none."""
    net = [([[3.0], [5e-324]], [1.0, 0]), ([[1.0, 1], [1, 1]], [0, -1.0]), ([[1.0, 1]], [0])]
    box = pe.Box(-1, 1, dim=1)
    patterns = [
        pe.enumerate_regions(net, box, engine=e).patterns.tolist()
        for e in ("vertex", "lp", "exact")
    ]
    assert patterns[0] == patterns[1] == patterns[2]
    pe.check(pe.enumerate_regions(net, box), net, box)
