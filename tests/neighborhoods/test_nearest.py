"""The programs behind distances, against other formulations of them."""

from __future__ import annotations

import itertools
import subprocess
import sys
import time
from fractions import Fraction

import cvxpy
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.optimize import linprog

import polyenum as pe
from polyenum.convex.highs import Program
from polyenum.convex.nearest import DUAL, can_vanish, nearest, solver_for
from polyenum.neighborhoods.crossing import Crossing, OpenRegion
from polyenum.neighborhoods.inwards import find_inwards
from polyenum.neighborhoods.local import LocalForms
from polyenum.neighborhoods.local import Rows as Forms
from tests.helpers.strategies import share

NORMS = [1, 2, np.inf]
Rows = NDArray[np.float64]


def reference(
    rows: Rows, values: Rows, equation: int | None, norm: float, low: Rows, high: Rows
) -> float:
    """Return the length of the shortest step, infinite where there is none."""
    dim = rows.shape[1]
    if norm == 2:
        z = cvxpy.Variable(dim)
        constraints = [rows @ z + values >= 0]
        constraints += [z[k] >= low[k] for k in range(dim) if np.isfinite(low[k])]
        constraints += [z[k] <= high[k] for k in range(dim) if np.isfinite(high[k])]
        if equation is not None:
            constraints.append(rows[equation] @ z + values[equation] == 0)
        problem = cvxpy.Problem(cvxpy.Minimize(cvxpy.norm(z)), constraints)
        problem.solve(solver=cvxpy.CLARABEL)
        return float(problem.value)
    # |z_k| <= s_k, of which the sum, or for one s the largest, is least.
    sizes = dim if norm == 1 else 1
    own = np.eye(dim) if norm == 1 else np.ones((dim, 1))
    a = np.vstack(
        [
            np.hstack([-rows, np.zeros((len(rows), sizes))]),
            np.hstack([np.eye(dim), -own]),
            np.hstack([-np.eye(dim), -own]),
        ]
    )
    b = np.concatenate([values, np.zeros(2 * dim)])
    equal = None if equation is None else np.append(rows[equation], np.zeros(sizes))[None]
    found = linprog(
        np.append(np.zeros(dim), np.ones(sizes)),
        A_ub=a,
        b_ub=b,
        A_eq=equal,
        b_eq=None if equation is None else -values[[equation]],
        bounds=[*zip(low, high, strict=True), *[(0, None)] * sizes],
    )
    assert found.status in (0, 2)
    return float(found.fun) if found.status == 0 else np.inf


def polyhedron(random: np.random.Generator, kind: str) -> tuple[Rows, Rows, Rows, Rows]:
    """Return rows, values and bounds of steps, of which 0 is one."""
    dim, count = int(random.integers(1, 6)), int(random.integers(1, 12))
    if kind == "generic":
        rows, values = random.normal(size=(count, dim)), random.normal(size=count)
        bounds = random.exponential(1.5, (2, dim))
    else:
        rows = random.integers(-2, 3, (count, dim)).astype(float)
        rows[~rows.any(axis=1)] = 1.0
        values = random.integers(-2, 3, count).astype(float)
        if kind == "copies":
            rows = np.vstack([rows, 3 * rows, -rows])
            values = np.concatenate([values, 3 * values, -values * random.choice([0, 1])])
        bounds = random.integers(0, 3, (2, dim)).astype(float)
        bounds[1] += bounds.sum(axis=0) == 0
    bounds[random.uniform(size=bounds.shape) < random.choice([0, 0.5, 1])] = np.inf
    return rows, values, -bounds[0], bounds[1]


@pytest.mark.parametrize("norm", NORMS)
@given(st.integers(0, 2**32 - 1), st.sampled_from(["generic", "integer", "copies"]), st.booleans())
@example(1056, "generic", True)  # HiGHS has ended with an error here
@share(0.5)
def test_steps_are_shortest(norm: float, seed: int, kind: str, facet: bool) -> None:
    random = np.random.default_rng(seed)
    rows, values, low, high = polyhedron(random, kind)
    size = np.linalg.norm(rows, DUAL[norm], axis=1)
    equation = int(random.integers(len(rows))) if facet else None
    factor = random.choice([1e-300, 1e-12, 1, 1e9])
    expected = reference(rows, values, equation, norm, low, high)
    with np.errstate(over="ignore"):
        solver = solver_for(rows.shape[1], norm, low * factor, high * factor)
    for _ in range(2):  # and once more, with what the first has left behind
        found = nearest(
            solver, rows / size[:, None], factor * values / size, equation=equation, norm=norm,
            taken=[], patience=np.inf, noise=1e-15 * factor,
        )  # fmt: skip
        accuracy = 1e-6 if norm == 2 else 1e-9  # CLARABEL's, and HiGHS's
        assert found.length / factor == pytest.approx(expected, rel=accuracy, abs=accuracy)
        if found.step is None:
            assert np.isinf(expected)
            continue
        step = found.step / factor
        assert np.linalg.norm(step, norm) == pytest.approx(found.length / factor, rel=1e-12)
        assert ((step >= low * (1 + 1e-15)) & (step <= high * (1 + 1e-15))).all()
        assert (rows @ step + values >= -1e-7 * max(expected, 1)).all()
        if equation is not None:
            assert rows[equation] @ step == pytest.approx(-values[equation], abs=1e-7)


@pytest.mark.parametrize("norm", NORMS)
def test_bounds_of_many_coordinates(norm: float) -> None:
    """Half of 300 coordinates start at their bound, and most end there."""
    random = np.random.default_rng(3)
    dim = 300
    low, high = -random.uniform(0.01, 0.2, (2, dim)) * [[1], [-1]]
    low[::2] = 0.0
    rows = random.normal(size=(40, dim)) + 0.5 * random.normal(size=dim)
    rows /= np.linalg.norm(rows, DUAL[norm], axis=1)[:, None]
    values = random.uniform(0.0, 0.02, 40)
    # Near the end of what the bounds allow.
    values[0] = -0.7 * np.where(rows[0] > 0, rows[0] * high, rows[0] * low).sum()
    values[1:4] *= -0.2
    found = nearest(
        solver_for(dim, norm, low, high), rows, values,
        equation=0, norm=norm, taken=[], patience=np.inf,
    )  # fmt: skip
    expected = reference(rows, values, 0, norm, low, high)
    assert found.length == pytest.approx(expected, rel=1e-7)
    assert found.step is not None
    assert ((found.step == low) | (found.step == high)).sum() > 30
    values[0] = -1.001 * np.where(rows[0] > 0, rows[0] * high, rows[0] * low).sum()
    assert not can_vanish(np.column_stack([rows, values]), np.zeros((len(rows), 2)), low, high)[0]
    found = nearest(
        solver_for(dim, norm, low, high), rows, values,
        equation=0, norm=norm, taken=[], patience=np.inf,
    )  # fmt: skip
    assert found.length == np.inf


@pytest.mark.parametrize("norm", NORMS)
def test_rows_that_are_the_same_but_for_rounding(norm: float) -> None:
    rows = np.array([[1.0, 0], [1, 0], [-1, 0], [0, 1]])
    for last, distance in ((-0.5, 0.5), (1.0, 0.0)):
        found = nearest(
            solver_for(2, norm), rows, np.array([0.0, -1e-17, -1e-17, last]),
            equation=0, norm=norm, taken=[], patience=np.inf, noise=1e-16,
        )  # fmt: skip
        assert found.length == pytest.approx(distance, rel=1e-9, abs=1e-15)


@given(st.integers(0, 2**32 - 1))
def test_rows_out_of_reach(seed: int) -> None:
    """Exact rational ranges: a row that can be 0 is never left out."""
    random = np.random.default_rng(seed)
    rows, values, low, high = polyhedron(random, "integer")
    scale = float(random.choice([5e-324, 1e-300, 0.1, 1e200]))
    low, high, values = low * scale, high * scale, values * scale / 3
    errors = random.choice([0.0, 1e-9, 0.5], (len(rows), 2)) * np.column_stack(
        [np.abs(rows).max(axis=1), np.abs(values)]
    )
    met = can_vanish(np.column_stack([rows, values]), errors, low, high)
    if not (np.isfinite(low).all() and np.isfinite(high).all()):
        assert met.all()
        return
    # The true form, anywhere within its errors.
    true = [
        [
            Fraction(x) + Fraction(e) * int(random.integers(-1, 2))
            for x, e in zip(form, error, strict=True)
        ]
        for form, error in zip(
            np.column_stack([rows, values]).tolist(),
            np.column_stack(
                [np.repeat(errors[:, :1], rows.shape[1], axis=1), errors[:, 1]]
            ).tolist(),
            strict=True,
        )
    ]
    for (*row, value), loose, found in zip(true, errors.any(axis=1), met, strict=True):
        steps = zip(row, low.tolist(), high.tolist(), strict=True)
        ends = [sorted((a * Fraction(x), a * Fraction(y))) for a, x, y in steps]
        least, most = (sum(e[k] for e in ends) + value for k in (0, 1))
        assert found or least > 0 or most < 0
        if least > abs(most) * Fraction(1, 100) and scale > 1e-290 and not loose:
            assert not found


@given(st.integers(0, 2**32 - 1), st.sampled_from(NORMS))
@share(0.3)
def test_integer_networks_around_integer_points(seed: int, norm: float) -> None:
    """Many hyperplanes through the point, parallel ones and copies; in a box with the point at its edge, too."""
    random = np.random.default_rng(seed)
    dim = int(random.integers(2, 5))
    first = random.integers(-1, 2, (6, dim)).astype(float)
    first[4:] = first[:2] * [[2], [-1]]
    second = random.integers(-1, 2, (3, 6)).astype(float)
    net = [
        (first, random.integers(-1, 2, 6)),
        (second, random.integers(-1, 2, 3)),
        (np.ones((2, 3)), [0, 1]),
    ]
    x = random.integers(-1, 2, dim).astype(float)
    for domain in (None, pe.Box(x - random.integers(0, 2, dim), x + 1)):
        near = pe.neighborhood(net, x, radius=0.9, norm=norm, domain=domain)
        assert len(near) >= 1
        assert (np.diff(near.distances) >= -1e-9).all()
        if domain is not None:
            assert domain.contains(near.interior_points).all()
            whole = pe.enumerate_regions(net, domain, threads=1)
            assert {p.tobytes() for p in near.patterns} <= {p.tobytes() for p in whole.patterns}
        found = pe.decision_distance(net, x, radius=0.9, norm=norm, domain=domain)
        assert 0 <= found.distance <= 0.9


@pytest.mark.parametrize("norm", NORMS)
def test_all_regions_of_a_box_from_its_corner(norm: float) -> None:
    random = np.random.default_rng(5)
    net = [(random.normal(size=(8, 3)), random.normal(size=8)), (np.ones((1, 8)), [0])]
    box = pe.Box(0, 1, dim=3)
    near = pe.neighborhood(net, np.zeros(3), radius=10, norm=norm, domain=box)
    whole = pe.enumerate_regions(net, box, threads=1)
    assert {p.tobytes() for p in near.patterns} == {p.tobytes() for p in whole.patterns}
    assert box.contains(near.interior_points).all()
    assert near.complete
    polytope = pe.HPolytope(np.vstack([np.eye(3), -np.eye(3)]), [1, 1, 1, 0, 0, 0])
    again = pe.neighborhood(net, np.zeros(3), radius=10, norm=norm, domain=polytope)
    np.testing.assert_allclose(again.distances, near.distances, atol=1e-8)


@pytest.mark.parametrize("norm", NORMS)
def test_many_inputs_in_a_box(norm: float) -> None:
    """With rows for the sides of the box this takes minutes in the infinity-norm."""
    random = np.random.default_rng(1)
    sizes = [784, 40, 40, 3]
    net = [
        (random.normal(size=(b, a)) / np.sqrt(a), 0.1 * random.normal(size=b))
        for a, b in itertools.pairwise(sizes)
    ]
    x = random.uniform(size=784)
    box = pe.Box(x - 0.002, x + np.repeat([0.001, 0.004], 392))
    start = time.process_time()
    near = pe.neighborhood(net, x, norm=norm, domain=box, max_regions=12)
    found = pe.decision_distance(net, x, norm=norm, domain=box, max_regions=12)
    assert time.process_time() - start < 60
    assert len(near) > 3
    assert box.contains(near.interior_points).all()
    assert found.distance > 0


def test_directions_to_the_inside_of_a_facet() -> None:
    normal = np.array([1.0, 0.0, 0.0])
    rows = np.array([[0.0, 1.0, 0.0], [0.0, 1.0, 1.0], [1.0, 0.0, 0.0]])
    found = find_inwards(normal, rows, np.zeros(3))  # the last is the facet's own hyperplane again
    assert found.direction is not None
    assert abs(normal @ found.direction) < 1e-9
    assert (rows[:2] @ found.direction > 0.1).all()
    # No direction leads away from both of two opposite rows, unless there is room between them.
    opposite = np.array([[0.0, 1.0, 0.0], [0.0, -1.0, 0.0], [0.0, 0.0, 1.0]])
    found = find_inwards(normal, opposite, np.zeros(3))
    assert found.direction is None
    assert found.against.tolist() == [0, 1]
    assert find_inwards(normal, opposite, np.array([0.0, 0.5, 0.0])).direction is not None


def test_programs_that_do_not_end_are_tried_in_other_ways() -> None:
    program = Program(np.array([1.0, 2.0]), np.zeros(2), np.full(2, np.inf))
    program.add(np.array([[1.0, 1.0], [1.0, -1.0]]), np.array([2.0, -1.0]), np.full(2, np.inf))
    never = {"simplex_iteration_limit": 0}
    program._set(never)
    found = program.solve()  # by the interior point method
    assert found is not None
    np.testing.assert_allclose(found.values, [2.0, 0.0], atol=1e-6)
    program._set(never | {"ipm_iteration_limit": 0, "crossover": "off"})
    program.bound(np.zeros(2), np.array([1.0, np.inf]))
    with pytest.raises(pe.NumericalError, match="HiGHS ended with"):
        program.solve()
    program._set({"simplex_iteration_limit": 2**31 - 1})
    found = program.solve()
    assert found is not None
    assert found.values.tolist() == [1.0, 1.0]


SPEAKS_NOT = """
import numpy as np, polyenum as pe
net = [(np.eye(2), np.zeros(2)), (np.ones((1, 2)), np.zeros(1))]
for norm in (1, np.inf):
    assert len(pe.neighborhood(net, [0.25, 0.5], radius=1, norm=norm)) > 1
"""


def test_nothing_is_printed() -> None:
    done = subprocess.run([sys.executable, "-c", SPEAKS_NOT], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@given(st.integers(0, 2**32 - 1), st.sampled_from(NORMS))
@share(0.2)
def test_slivers_at_the_edge_of_a_box(seed: int, norm: float) -> None:
    """A sum that cancels has its breakpoint some ulps inside or outside of the box's end."""
    random = np.random.default_rng(seed)
    w, b = np.abs(random.normal(size=(6, 1))), np.abs(random.normal(size=6)) * 1e3
    v = random.normal(size=(1, 6))
    c = -float((v @ b)[0] + (v @ w)[0, 0] * (1 - random.choice([1e-12, 1e-14, -1e-14])))
    net = [(w, b), (v, [c]), ([[1.0]], [-1e-300])]
    box, x = pe.Box(0, 1, dim=1), 0.25
    near = pe.neighborhood(net, [x], radius=5, domain=box, norm=norm)
    assert near.complete
    assert len(near) == len(pe.enumerate_regions(net, box))

    def output(at: Fraction) -> Fraction:
        terms = zip(v[0].tolist(), w[:, 0].tolist(), b.tolist(), strict=True)
        inner = sum(Fraction(k) * (Fraction(m) * at + Fraction(n)) for k, m, n in terms)
        return max(Fraction(0), inner + Fraction(c)) - Fraction(1e-300)

    # All is affine and not negative before the last ReLU: the output is monotone.
    crosses = output(Fraction(1)) <= 0 if output(Fraction(x)) >= 0 else output(Fraction(1)) >= 0
    decision = pe.decision_distance(net, [x], domain=box, norm=norm)
    assert decision.complete
    assert (decision.distance < np.inf) == crosses


def test_targets_beyond_the_range_of_floats() -> None:
    net = [([[1.0, 0], [1.0, 1e-200], [0, 1e-200]], [-1.0, 1, 1e150]), (np.ones((1, 3)), [-1e120])]
    for norm in NORMS:
        assert pe.decision_distance(net, [0.0, 0], norm=norm).distance == np.inf
    zero = pe.decision_distance([([[1.0, 0]], [0]), ([[1.0]], [0])], [0, 0], norm=1).distance
    assert str(zero) == "0.0"


def test_a_row_has_no_facet_only_where_others_say_so() -> None:
    """Multiples of a row leave its facet whole; others that add up to it leave less than a facet."""
    network = pe.load([(np.array([[1.0, 0], [0, 1], [1, 1], [2, 2], [1, 1]]), [0, 0, 0, 0, 0.5])])
    net = pe.PiecewiseLinearNetwork(
        [
            pe.Stage(network.stages[0].weight, network.stages[0].bias, pe.ActivationTable.relu(5)),
            pe.Stage(np.ones((1, 5)), np.zeros(1), pe.ActivationTable.identity(1)),
        ]
    )
    crossing = Crossing(net, None, LocalForms(net), (np.full(2, -1.0), np.full(2, 1.0)))
    none = np.zeros(0, np.int64)
    rows = Forms(np.zeros((5, 3)), np.zeros((5, 2)))
    region = OpenRegion(np.ones(5, np.uint8), rows, np.ones(5), np.arange(5), none, none)
    # x >= 0 and y >= 0 meet x + y = 0 in a point; 2 x + 2 y >= 0 in all of it; x + y + 0.5 >= 0 does not touch it.
    assert crossing._has_no_facet(region, 2, np.array([0, 1]))
    assert not crossing._has_no_facet(region, 2, np.array([3]))
    assert not crossing._has_no_facet(region, 2, np.array([4]))
    # Where x + y + 0.5 is 0, x + y is below 0: there is nothing at all.
    assert crossing._has_no_facet(region, 4, np.array([2]))
    assert not crossing._has_no_facet(region, 0, np.array([1]))
