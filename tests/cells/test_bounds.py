"""Every error bound, attacked; and each multiplied by zero, to see that these tests can fail."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from fractions import Fraction
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import polyenum as pe
from polyenum.cells.vertex.engine import VertexEngine
from polyenum.cells.vertex.refine import refine
from polyenum.cells.vertex.tighten import loosen, tighten
from polyenum.cells.vertex.vertices import cut_edge, solve_vertex
from polyenum.cells.vertex.walker import PendingCell, VertexWalker
from polyenum.models.load import load
from polyenum.networks.exact_forms import ExactForms
from polyenum.proof.rational import RationalForms, meeting_point
from tests.helpers.strategies import (
    Layers,
    degenerate_networks,
    generic_networks,
    near_miss_networks,
)

ANY_NETWORK = st.one_of(
    generic_networks(dims=(1, 4), depth=(1, 3), width=9, outputs=9),
    degenerate_networks(depth=(1, 3), width=8),
    near_miss_networks(width=6),
)
RANDOM = np.random.default_rng(0)
FULL_MANTISSAS = [(RANDOM.normal(size=(9, m)), RANDOM.normal(size=9)) for m in (2, 9, 9)]


# -- affine forms ------------------------------------------------------------------------------------


def check_maps(layers: Layers, factor: float = 1.0) -> None:
    """Hold every region's affine map against the exact one, within the bounds times `factor`.

    The maps of a network are the pre-activations of its last layer, kept up by rank-one corrections.
    """
    box = pe.Box(-1, 1, dim=layers[0][0].shape[1])
    cx = pe.enumerate_regions(layers, box)
    rational = RationalForms(cx.network, box)
    for i in range(len(cx)):
        rows = rational.outputs(cx.sides_of(np.array([i]))[0])
        for output, row in enumerate(rows):
            coefficient, constant = (factor * Fraction(x) for x in cx.map_error[:, output].tolist())
            for k, exact in enumerate(row):
                bound = constant if k == box.dim else coefficient
                assert abs(Fraction(float(cx.maps[i, k, output])) - exact) <= bound


@given(ANY_NETWORK)
def test_forms(layers: Layers) -> None:
    check_maps(layers)


def test_forms_without_a_bound_fail() -> None:
    with pytest.raises(AssertionError):
        check_maps(FULL_MANTISSAS, factor=0.0)


# -- vertices ----------------------------------------------------------------------------------------


def pending_cells(
    layers: Layers, floor: float | None
) -> Iterator[tuple[VertexWalker, PendingCell]]:
    """Yield cells from the stack at many moments of a walk, each with its walker.

    With an infinite `floor` vertices are cut from edges only, and their bounds compound; with 0 each is
    solved afresh.
    """
    box = pe.Box(-1, 1, dim=layers[0][0].shape[1])
    engine = VertexEngine(load(layers), box, certified=True)
    todo = [engine.root()]
    walker = engine.walker()
    if floor is not None:
        walker._floor = floor
    while todo:
        walker.load(todo.pop())
        while not walker.run(3, store=False):
            given_away = walker.give_away_half()
            yield from ((walker, cell) for cell in given_away)
            todo += given_away[:1]  # the others' subtrees are not followed


def check_vertices(layers: Layers, floor: float | None, factor: float = 1.0) -> None:
    """Hold the vertices of pending cells against the exact ones, within their radii times `factor`."""
    network = load(layers)
    rational = RationalForms(network, pe.Box(-1, 1, dim=network.input_dim))
    for _, cell in pending_cells(layers, floor):
        sides = np.zeros(network.hyperplane_count, np.bool_)
        sides[: len(cell.sides)] = cell.sides
        for point, mask in zip(cell.points, cell.masks, strict=True):
            labels = [
                int(label)
                for bit, label in enumerate(cell.labels)
                if int(mask[bit >> 6]) >> (bit & 63) & 1
            ]
            exact = meeting_point([rational.label(label, sides) for label in labels])
            assert exact is not None
            *near, radius = point.tolist()
            for x, y in zip(near, exact, strict=True):
                assert abs(Fraction(x) - y) <= factor * Fraction(radius)


@given(ANY_NETWORK, st.sampled_from([None, 0.0, np.inf]))
def test_vertices(layers: Layers, floor: float | None) -> None:
    check_vertices(layers, floor)


@pytest.mark.parametrize("floor", [None, 0.0, np.inf])
def test_vertices_without_a_bound_fail(floor: float | None) -> None:
    with pytest.raises(AssertionError):
        check_vertices(FULL_MANTISSAS, floor, factor=0.0)


numbers = st.floats(-1e3, 1e3) | st.floats(-1e-300, 1e-300) | st.floats(-1e200, 1e200)
radii = st.sampled_from([0.0, 5e-324, 1e-310, 2.0**-53, 1e-9, 0.5])


def check_cut(
    p: list[float], q: list[float], z: tuple, errors: tuple, reach: tuple, factor: float = 1.0
) -> None:
    """Cut an edge, and hold the point against those of all extreme true ends and values."""
    dim = len(p)
    out = np.zeros(dim + 1)
    ends = [np.array([*p, reach[0]]), np.array([*q, reach[1]])]
    cut_edge((0,) * dim, ends[0], ends[1], z[0], errors[0], z[1], errors[1], out)
    for signs in product((-1, 0, 1), repeat=4):
        x, y = (abs(Fraction(z[i]) + s * Fraction(errors[i])) for i, s in enumerate(signs[:2]))
        a = [Fraction(v) + signs[2] * Fraction(reach[0]) for v in p]
        b = [Fraction(v) + signs[3] * Fraction(reach[1]) for v in q]
        for k in range(dim):
            exact = (a[k] * y + b[k] * x) / (x + y)
            assert abs(Fraction(out[k]) - exact) <= factor * Fraction(out[dim])


@given(
    st.integers(1, 3).flatmap(
        lambda d: st.tuples(*[st.lists(numbers, min_size=d, max_size=d)] * 2)
    ),
    st.tuples(st.floats(1e-320, 1e150), st.floats(1e-320, 1e150)),
    st.tuples(st.floats(0, 0.999), st.floats(0, 0.999)),
    st.tuples(radii, radii),
)
def test_cut_edges(ends: tuple, sizes: tuple, doubts: tuple, reach: tuple) -> None:
    z = (-sizes[0], sizes[1])
    errors = tuple(size * doubt * 0.999 for size, doubt in zip(sizes, doubts, strict=True))
    check_cut(*ends, z, errors, reach)


def test_cut_edges_without_a_bound_fail() -> None:
    with pytest.raises(AssertionError):
        check_cut([0.1], [0.7], (-1.0, 3.0), (0.0, 0.0), (0.0, 0.0), factor=0.0)
    with pytest.raises(AssertionError):
        check_cut([0.0], [1.0], (-1.0, 1.0), (0.5, 0.0), (0.0, 0.0), factor=0.0)
    with pytest.raises(AssertionError):
        check_cut([0.0], [1.0], (-1.0, 1.0), (0.0, 0.0), (1e-9, 1e-9), factor=0.0)


def check_solved(rows: np.ndarray, factor: float = 1.0) -> int:
    """Solve every vertex of a polytope with sides `rows` from scratch; return how many were solved."""
    try:
        domain = pe.HPolytope(rows[:, :-1], rows[:, -1])
    except pe.DomainError:
        return 0
    dim = domain.dim
    network = load([(np.ones((1, dim)), np.zeros(1))])
    engine = VertexEngine(network, domain, certified=True)
    walker = engine.walker()
    root = engine.root()
    walker.load(root)
    solved = 0
    order = domain.polytope.vertex_order()
    for v, mask in zip(order, root.masks, strict=True):
        point = np.array([*[0.0] * dim, np.inf])
        solve_vertex((0,) * dim, root.labels, mask, engine._tables, walker.state, point)
        if point[dim] < np.inf:
            solved += 1
            *whole, w = domain.polytope.points[v]
            for x, y in zip(point[:dim].tolist(), whole, strict=True):
                assert abs(Fraction(x) - Fraction(y, w)) <= factor * Fraction(point[dim])
    return solved


@st.composite
def side_rows(draw: st.DrawFn) -> np.ndarray:
    """Sides of a polytope around the origin, some of them almost parallel."""
    dim = draw(st.integers(1, 4))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    angle = 10.0 ** draw(st.integers(-16, 0))
    box = np.vstack([np.eye(dim), -np.eye(dim)])
    tilted = box + angle * random.normal(size=box.shape)
    normals = np.vstack([tilted, random.normal(size=(2, dim))])
    size = 10.0 ** draw(st.integers(-20, 20))
    return np.column_stack([normals, np.append(np.ones(2 * dim), random.uniform(0.5, 1, 2)) * size])


@given(side_rows())
def test_solved_vertices(rows: np.ndarray) -> None:
    check_solved(rows)


def test_almost_parallel_sides() -> None:
    solved = 0
    for k in range(1, 17):
        tilt = 10.0**-k
        rows = np.array([[1, 0, 1], [-1, 0, 1], [tilt, 1, 1], [-tilt, 1, 1], [0, -1, 1.0]])
        solved += check_solved(rows)
        rows = np.array([[1, tilt, 1], [1, -tilt, 1], [-1, 0, 1], [0, 1, 1 / 3], [0, -1, 1 / 3]])
        solved += check_solved(rows)
    assert solved > 50


def test_solved_vertices_without_a_bound_fail() -> None:
    rows = np.array([[1.0, 0.3, 1], [-0.7, 1, 1], [0.1, -1, 1], [-1, -0.9, 1]])
    assert check_solved(rows) == 4
    with pytest.raises(AssertionError):
        check_solved(rows, factor=0.0)


# -- forms of one cell -------------------------------------------------------------------------------


def check_tight(net: list, box: pe.Box, factor: float = 1.0, *, refined: bool = False) -> float:
    """Walk region by region; hold the forms in hand against the exact ones, within bounds for one cell.

    With `refined`, the forms in double precision.  Returns how many times smaller the last layer's bounds are
    than those for the whole domain.
    """
    network = load(net)
    engine = VertexEngine(network, box, certified=True)
    walker, tables, forms = engine.walker(), engine._tables, ExactForms(network, box)
    walker.load(engine.root())
    gain = 1.0
    for _ in range(30):
        if walker.run(1, store=False):
            break
        s = walker.state
        loosen(int(tables.layers), tables, s)  # outputs are never asked for in a walk
        tighten((0,) * box.dim, int(tables.layers), tables, s)
        if refined:
            refine((0,) * box.dim, int(tables.layers), tables, s)
        for layer in range(len(network.stages)):
            numbers, exponent = forms.before_activation(layer, s.sides)
            size = numbers.shape[1]
            at, row = tables.form[layer], slice(tables.row[layer], tables.row[layer + 1])
            own = s.high if s.refined[layer] else s.forms
            found = own[at : at + (box.dim + 1) * size].reshape(-1, size)
            bounds = np.stack([s.coef_error[row]] * box.dim + [s.const_error[row]])
            for x, exact, bound in zip(found.flat, numbers.flat, bounds.flat, strict=True):
                error = abs(Fraction(float(x)) - Fraction(int(exact), 1 << exponent))
                assert error <= factor * Fraction(float(bound))
        gain = max(gain, float((tables.coef_error[row] / s.coef_error[row].clip(1e-200)).max()))
    return gain


@st.composite
def deep_networks(draw: st.DrawFn) -> tuple[list, pe.Box]:
    """Up to seven layers of full mantissas, on boxes of any place and size."""
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    dim = draw(st.integers(1, 3))
    widths = [dim, *draw(st.lists(st.integers(1, 7), min_size=2, max_size=6)), 2]
    biased = draw(st.booleans())
    net = [
        (random.normal(size=(n, m)) * random.choice([1, 3]), random.uniform(-1, 1, n) * biased)
        for m, n in zip(widths[:-1], widths[1:], strict=True)
    ]
    middle = random.uniform(-1, 1, dim) * draw(st.sampled_from([0, 1, 1e6]))
    half = draw(st.sampled_from([1e-6, 1.0]))
    return net, pe.Box(middle - half, middle + half)


@given(deep_networks(), st.booleans())
def test_forms_of_one_cell(case: tuple[list, pe.Box], refined: bool) -> None:
    check_tight(*case, refined=refined)


@given(degenerate_networks(depth=(1, 4), width=5), st.booleans())
def test_forms_of_one_cell_of_degenerate_networks(layers: Layers, refined: bool) -> None:
    check_tight(layers, pe.Box(-1, 1, dim=len(layers[0][0][0])), refined=refined)


def test_forms_of_one_cell_without_a_bound_fail() -> None:
    random = np.random.default_rng(0)
    widths = [2, 8, 8, 8, 8, 8, 1]
    net = [
        (random.normal(size=(n, m)), random.uniform(-1, 1, n))
        for m, n in zip(widths[:-1], widths[1:], strict=True)
    ]
    assert check_tight(net, pe.Box(-1, 1, dim=2)) > 10
    assert check_tight(net, pe.Box(-1, 1, dim=2), refined=True) > 1e3
    for refined in (False, True):
        with pytest.raises(AssertionError):
            check_tight(net, pe.Box(-1, 1, dim=2), factor=0.0, refined=refined)


# -- signs: a walk with a bound missing goes wrong ---------------------------------------------------

NEAR_MISSES = """
import numpy as np, polyenum as pe
from polyenum.enumeration import engines
def networks():
    for seed in range(60):
        random = np.random.default_rng(seed)
        corner, layers = random.choice([-1.0, 1.0], 2), []
        at = corner
        for m, n in ((2, 4), (4, 4)):
            weight = random.normal(size=(n, m))
            bias = -(weight @ at)
            if m == 2:
                bias[:2] = random.uniform(-1, 1, 2)
            if seed % 2:
                weight[n // 2:], bias[n // 2:] = 3 * weight[:n // 2], 3 * bias[:n // 2]
            layers.append((weight, bias))
            at = np.maximum(weight @ at + bias, 0)
        yield [*layers, (np.ones((1, 4)), np.zeros(1))]
        # Two lines at a small angle, and others through the ill-conditioned point where they meet.
        point = random.integers(-300, 301, 2) / 1024
        lines = random.integers(-9, 10, (5, 2)).astype(float)
        lines[:2, 0] = 3.0**13
        yield [(lines, -(lines @ point)), (np.ones((1, 5)), np.zeros(1))]
wrong = 0
for net in networks():
    box = pe.Box(-1, 1, dim=2)
    right = pe.enumerate_regions(net, box, engine="exact", threads=1)
    try:
        found = pe.enumerate_regions(net, box, threads=1)
        wrong += not np.array_equal(found.packed_sides, right.packed_sides)
    except Exception:
        wrong += 1
print(wrong)
"""

MUTANTS = {
    "none": "",
    "one cell": """
import polyenum.cells.vertex.tighten as module
from polyenum.cells.compiled import compiled
right = module.tighten
@compiled()
def without(dims, layer, t, s):
    found = right(dims, layer, t, s)
    s.coef_error[t.row[1]:] = 0.0
    s.const_error[t.row[1]:] = 0.0
    return found
module.tighten = without
""",
    "rounding": "import polyenum.arithmetic.rounding as k; k.UNIT = k.SMALLEST = 0.0\n",
    "forms": """
import polyenum.cells.vertex.engine as e
made = e.build_tables
def without(*arguments):
    tables = made(*arguments)
    tables.coef_error[:] = tables.const_error[:] = 0
    return tables
e.build_tables = without
""",
    "vertices": """
import polyenum.cells.vertex.split as split
from polyenum.cells.compiled import compiled
from polyenum.cells.vertex.vertices import cut_edge
@compiled()
def without(dims, p, q, zp, ep, zq, eq, out):
    cut_edge(dims, p, q, zp, ep, zq, eq, out)
    out[len(dims)] = 0.0
split.cut_edge = without
""",
}


@pytest.mark.parametrize("mutant", MUTANTS)
def test_walks_with_a_bound_times_zero_go_wrong(mutant: str, tmp_path: Path) -> None:
    """In a process of its own, since the bounds are compiled in."""
    environment = dict(os.environ)
    if mutant in ("rounding", "vertices", "one cell"):
        environment["NUMBA_CACHE_DIR"] = str(tmp_path)
    script = tmp_path / "mutant.py"
    script.write_text(MUTANTS[mutant] + NEAR_MISSES)
    done = subprocess.run(
        [sys.executable, str(script)],
        capture_output=True,
        text=True,
        env=environment,
        check=True,
    )
    wrong = int(done.stdout)
    assert wrong == 0 if mutant == "none" else wrong > 0
