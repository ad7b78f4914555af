"""VNN-LIB: sets of inputs, assertions of outputs, and clear refusals."""

from __future__ import annotations

import contextlib
import gzip
import operator
import time
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import polyenum as pe
from polyenum.domains.vnnlib import text as vnnlib_text
from polyenum.domains.vnnlib.inputs import EmptyError
from tests.helpers.strategies import share

DECLARED = """; a comment (with parentheses
(declare-const X_0 Real)
(declare-const X_1 Real)
(declare-const Y_0 Real)
(declare-const Y_1 Real)
"""
BOX = "(assert (>= X_0 -0.5))(assert (<= X_0 1e-3))\n(assert (<= X_1 2))(assert (>= X_1 0.0))"


def read(tmp_path: Path, text: str) -> Any:
    path = tmp_path / "p.vnnlib"
    path.write_text(text, encoding="utf-8")
    return pe.load_vnnlib(path)


def test_box_and_conjunction(tmp_path: Path) -> None:
    domain, prop = read(tmp_path, DECLARED + BOX + "(assert (<= Y_0 Y_1))(assert (>= Y_1 3))")
    assert isinstance(domain, pe.Box)
    assert domain.lower.tolist() == [-0.5, 0]
    assert domain.upper.tolist() == [1e-3, 2]
    ((a, b),) = prop.polyhedra
    assert a.tolist() == [[1, -1], [0, -1]]
    assert b.tolist() == [0, -3]
    assert prop.contains([[0, 4], [0, 2], [5, 4]]).tolist() == [True, False, False]


def test_disjunctions(tmp_path: Path) -> None:
    text = "(assert (or (and (<= Y_0 0) (<= Y_1 0)) (and (>= Y_0 1))))(assert (<= Y_1 9))"
    _, prop = read(tmp_path, DECLARED + BOX + text)
    assert [a.tolist() for a, _ in prop.polyhedra] == [
        [[0, 1], [1, 0], [0, 1]],
        [[0, 1], [-1, 0]],
    ]
    assert prop.contains([[-1, -1], [2, 2], [2, 10], [0.5, 0]]).tolist() == [1, 1, 0, 0]
    assert repr(prop) == "OutputProperty(polyhedra=2, half-spaces=2 to 3)"


def test_affine_terms(tmp_path: Path) -> None:
    text = "(assert (<= (+ (* 2 Y_0) (* Y_1 -3) 1) (- Y_1 (- 4))))(assert (= Y_0 1))"
    ((a, b),) = read(tmp_path, DECLARED + BOX + text)[1].polyhedra
    assert a.tolist() == [[2, -4], [1, 0], [-1, 0]]
    assert b.tolist() == [3, 1, -1]


def test_fixed_inputs_make_a_slice(tmp_path: Path) -> None:
    text = "(assert (<= X_0 0.25))(assert (>= X_0 0.25))(assert (and (>= X_1 -1) (<= X_1 1)))"
    domain, _ = read(tmp_path, DECLARED + text)
    assert (domain.dim, domain.input_dim) == (1, 2)
    assert domain.embed([[-1.0], [0.5]]).tolist() == [[0.25, -1], [0.25, 0.5]]


def test_property_of_a_network(tmp_path: Path) -> None:
    """The regions where a property can be violated, by their vertices."""
    domain, prop = read(tmp_path, DECLARED + BOX + "(assert (>= Y_0 (+ Y_1 0.1)))")
    net = [(np.eye(2), [0.2, -1]), (np.eye(2), [0, 0])]
    cx = pe.enumerate_regions(net, domain)
    bad = [prop.contains(cx(region.vertices)).any() for region in cx]
    assert 0 < sum(bad) < len(cx)


# -- several sets of inputs ----------------------------------------------------------------------


def test_equal_boxes_are_one(tmp_path: Path) -> None:
    text = """(assert (or (and (>= X_0 -1) (<= X_0 0.5) (<= 0 X_1 1) (<= Y_0 -3))
      (and (<= X_0 (/ 1 2)) (>= X_1 0) (<= X_1 1.0) (>= X_0 (- 1)) (>= Y_1 7))))"""
    domain, prop = read(tmp_path, DECLARED + text)
    assert repr(domain) == "Box([-1, 0], [0.5, 1])"
    assert prop.contains([[-4, 0], [0, 8], [0, 0]]).tolist() == [True, True, False]


def test_several_boxes_are_a_list(tmp_path: Path) -> None:
    text = "(assert (<= 0 X_0 1))(assert (or (<= 0 X_1 1) (<= 2 X_1 3) (<= 9 X_1 8)))"
    text += "(assert (or (<= Y_0 0) (<= Y_1 0)))"
    pairs = read(tmp_path, DECLARED + text)
    assert [repr(domain) for domain, _ in pairs] == ["Box([0, 0], [1, 1])", "Box([0, 2], [1, 3])"]
    assert all(len(prop.polyhedra) == 2 for _, prop in pairs)
    one = DECLARED + BOX
    (tmp_path / "one.vnnlib").write_text(one)
    ((domain, _),) = pe.load_vnnlib(tmp_path / "one.vnnlib", as_list=True)
    assert domain.dim == 2
    with pytest.raises(pe.OptionError, match="as_list"):
        pe.load_vnnlib(tmp_path / "one.vnnlib", as_list="yes")  # type: ignore[call-overload]


def test_outputs_belong_to_their_own_box(tmp_path: Path) -> None:
    text = """(assert (<= -1 X_1 1))
    (assert (or (and (<= 0 X_0 1) (<= Y_0 0)) (and (<= 2 X_0 3) (>= Y_0 5)) (and (<= 0 X_0 1) (> Y_1 8))))"""
    (_, first), (_, second) = read(tmp_path, DECLARED + text)
    points = [[0, 0], [5, 0], [1, 9], [1, 8]]
    assert first.contains(points).tolist() == [True, False, True, False]
    assert second.contains(points).tolist() == [False, True, False, False]


def test_several_inputs_together_are_a_polytope(tmp_path: Path) -> None:
    text = "(assert (>= X_0 0))(assert (>= X_1 0))(assert (<= (+ (* 2 X_0) X_1) 4))(assert (>= (- X_0 X_1) (- 1)))"
    domain, _ = read(tmp_path, DECLARED + text)
    assert isinstance(domain, pe.HPolytope)
    assert sorted(domain.vertices.tolist()) == [[0, 0], [0, 1], [1, 2], [2, 0]]
    # An input that is fixed leaves a bound of one other.
    text = "(assert (= X_0 0.5))(assert (<= 0 X_1 9))(assert (<= (+ X_0 X_1) 2))"
    domain, _ = read(tmp_path, DECLARED + text)
    assert (repr(domain), domain.embed([[1.5]]).tolist()) == (
        "Slice(dim=1 in 2, [0], [1.5])",
        [[0.5, 1.5]],
    )


# -- what is said in several ways ----------------------------------------------------------------

SAME = {
    "plain": "(assert (<= Y_0 2))",
    "turned": "(assert (>= 2 Y_0))",
    "chain": "(assert (<= Y_0 2 2 3))",
    "not": "(assert (not (> Y_0 2)))",
    "twice not": "(assert (not (not (<= Y_0 2))))",
    "implied": "(assert (=> true (<= Y_0 2)))",
    "sum": "(assert (<= (+ Y_0 Y_1 1) (+ Y_1 3)))",
    "minus": "(assert (>= (- Y_0) (- 2)))",
    "quotient": "(assert (<= (/ Y_0 4) (/ 1 2)))",
    "times": "(assert (<= (* 3 (/ 1 3) Y_0) 2))",
    "number": "(assert (<= Y_0 .2e+1))",
    "trivial": "(assert (>= Y_1 Y_1))(assert (<= Y_0 2.))(assert (or (<= 1 0) (= 3 3.0)))",
    "nested": "(assert (and (and (or (<= Y_0 2))) true))",
    "or": "(assert (or (<= Y_0 2) (and (<= Y_0 2) (<= Y_1 Y_1)) (< Y_0 Y_0)))",
    "quoted": '(assert (<= |Y_0| 2))(set-info :source |a ) of (many; words|)(set-info :x "((")',
    "comment": "; (assert (\n(assert ; <= Y_0\r\n (<= ;)\n Y_0 2))(check-sat)(exit)",
}


@pytest.mark.parametrize("name", SAME)
def test_one_half_space_in_many_words(name: str, tmp_path: Path) -> None:
    _, prop = read(tmp_path, DECLARED + BOX + SAME[name])
    assert prop.contains([[2, 0], [2.0000000000000004, 0], [-9, 9]]).tolist() == [True, False, True]
    assert len(prop.polyhedra) == 1


def test_ways_to_write_a_file(tmp_path: Path) -> None:
    text = DECLARED + BOX + "(assert (< Y_0 1))"
    functions = text.replace("declare-const", "declare-fun").replace(" Real", " () Real")
    (tmp_path / "bom.vnnlib").write_text(text, encoding="utf-8-sig")
    (tmp_path / "wide.vnnlib").write_text(text, encoding="utf-16")
    (tmp_path / "functions.vnnlib").write_text(functions)
    (tmp_path / "z.vnnlib.gz").write_bytes(gzip.compress(text.encode()) + gzip.compress(b"; more"))
    for file in tmp_path.iterdir():
        domain, prop = pe.load_vnnlib(file)
        assert domain.upper.tolist() == [1e-3, 2]
        assert prop.contains([[1, 0], [np.nextafter(1, 0), 0]]).tolist() == [False, True]
        assert pe.load_vnnlib(str(file))[0].same_as(domain)


def test_numbers_are_exact_until_the_end(tmp_path: Path) -> None:
    text = "(assert (<= (* 3 X_0) 0.3))(assert (>= X_0 (/ (- 1) 3)))(assert (<= -1e-400 X_1 1))"
    text += "(assert (<= (+ 0.1 Y_0) 0.3))"
    domain, prop = read(tmp_path, DECLARED + text)
    assert (domain.lower.tolist(), domain.upper.tolist()) == ([-1 / 3, 0], [0.1, 1])
    assert prop.polyhedra[0][1].tolist() == [0.2]


def test_strict_bounds_that_leave_nothing(tmp_path: Path) -> None:
    with pytest.raises(pe.DomainError, match="X_0 is to be above 1 and below 1"):
        read(tmp_path, DECLARED + "(assert (< X_0 1))(assert (>= X_0 1))(assert (<= 0 X_1 1))")
    _, never = read(tmp_path, DECLARED + BOX + "(assert (> Y_0 Y_0))")
    assert repr(never) == "OutputProperty(polyhedra=0)"
    assert never.contains([[0, 0], [1, 2]]).tolist() == [False, False]
    _, not_equal = read(tmp_path, DECLARED + BOX + "(assert (!= Y_0 1))")
    assert not_equal.contains([[1, 0], [1.5, 0], [0, 0]]).tolist() == [False, True, True]


# -- membership, against the expression itself ---------------------------------------------------

INPUTS, OUTPUTS = 2, 2


def evaluate(tree: Any, point: dict[str, Fraction]) -> Any:
    """Return the value of an expression at a point, straight from its definition."""
    if isinstance(tree, str):
        return point[tree] if tree in point else Fraction(tree)
    head, *rest = tree
    values = [evaluate(part, point) for part in rest]
    if head in COMPARE:
        return all(COMPARE[head](a, b) for a, b in zip(values, values[1:], strict=False))
    if head in ("and", "or", "not"):
        return {"and": all(values), "or": any(values), "not": not values[0]}[head]
    if head == "*":
        return values[0] * values[1]
    if head == "/":
        return values[0] / values[1]
    if head == "-":
        return -values[0] if len(values) == 1 else values[0] - sum(values[1:])
    return sum(values)


COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "<=": operator.le, ">=": operator.ge, "<": operator.lt, ">": operator.gt, "=": operator.eq,
}  # fmt: skip


def printed(tree: Any) -> str:
    return tree if isinstance(tree, str) else f"({' '.join(map(printed, tree))})"


@st.composite
def numbers_(draw: st.DrawFn, value: int) -> Any:
    text, minus = str(abs(value)), value < 0
    styles = [f"{'-' * minus}{text}", f"{value}.0", f"{value}e0", ("/", str(2 * value), "2")]
    return draw(st.sampled_from([*styles, ("-", text) if minus else ("+", text, "0")]))


@st.composite
def bounds_of_inputs(draw: st.DrawFn) -> Any:
    """Lower bounds are even and upper ones odd, so that no set is flat."""
    name = f"X_{draw(st.integers(0, INPUTS - 1))}"
    low = 2 * draw(st.integers(-2, 2))
    high = 2 * draw(st.integers(-2, 1)) + 1
    below = draw(numbers_(low)), draw(numbers_(high))
    atoms = [
        (">=", name, below[0]), ("<=", below[0], name), ("<=", name, below[1]),
        (">=", ("*", "2", name), ("*", "2", below[0])),
        ("<=", ("-", name, below[1]), "0"), ("<=", ("-", below[1]), ("-", name)), ("<=", below[0], name, below[1]),
    ]  # fmt: skip
    return draw(st.sampled_from(atoms))


@st.composite
def bounds_of_outputs(draw: st.DrawFn) -> Any:
    factors = draw(st.lists(st.integers(-2, 2), min_size=OUTPUTS, max_size=OUTPUTS))
    terms = [("*", draw(numbers_(f)), f"Y_{k}") for k, f in enumerate(factors)]
    sign = draw(st.sampled_from(list(COMPARE)))
    left = ("+", *terms) if draw(st.booleans()) else ("-", terms[0], *terms[1:])
    return (sign, left, draw(numbers_(draw(st.integers(-3, 3)))))


def trees(atoms: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    several, negated = st.sampled_from(["and", "or"]), st.just("not")
    return st.recursive(
        atoms,
        lambda inner: st.one_of(
            st.tuples(several, inner, inner),
            st.tuples(several, inner, inner, inner),
            st.tuples(negated, inner),
        ),
        max_leaves=6,
    )  # fmt: skip


@given(
    st.lists(trees(st.one_of(bounds_of_inputs(), bounds_of_outputs())), min_size=1, max_size=3),
    st.integers(0, 2**32 - 1),
)
@share(2)
def test_sets_are_those_of_the_expression(
    tmp_path_factory: pytest.TempPathFactory, asserted: Sequence[Any], seed: int
) -> None:
    box = [("<=", "-5", f"X_{k}", "6") for k in range(INPUTS)]
    path = tmp_path_factory.mktemp("v") / "p.vnnlib"
    path.write_text(DECLARED + "\n".join(f"(assert {printed(tree)})" for tree in [*box, *asserted]))
    random = np.random.default_rng(seed)
    # Halves are on no bound of an input; thirds of an output are none, so that equalities happen.
    x = random.integers(-11, 11, (60, INPUTS)) + 0.5
    y = random.integers(-4, 5, (60, OUTPUTS)).astype(float)
    truth = []
    for a, b in zip(x.tolist(), y.tolist(), strict=True):
        point = {f"X_{k}": Fraction(v) for k, v in enumerate(a)}
        point |= {f"Y_{k}": Fraction(v) for k, v in enumerate(b)}
        truth.append(all(evaluate(tree, point) for tree in [*box, *asserted]))
    pairs: list[Any] = []
    with contextlib.suppress(EmptyError):
        pairs = pe.load_vnnlib(path, as_list=True)
    found = np.zeros(len(x), bool)
    for domain, prop in pairs:
        found |= domain.contains(x) & prop.contains(y)
    assert found.tolist() == truth
    assert len({repr(domain) for domain, _ in pairs}) == len(pairs)


# -- VNN-LIB 2.0 ---------------------------------------------------------------------------------

NETWORK = """(vnnlib-version <2.0>)
(declare-network N (declare-input X float32 [1, 2]) (declare-output Y Real []))
"""


def test_version_2_of_one_network(tmp_path: Path) -> None:
    text = (
        "(assert (or (and (<= 0 X[0,0] 1) (<= Y 2)) (and (<= 3 X[0, 0]) (<= X[0,0] 4) (== Y 1))))"
    )
    text += "(assert (<= -1 X[0,1] 0.5))"
    (first, below), (second, equal) = read(tmp_path, NETWORK + text)
    assert repr(first) == "Box([0, -1], [1, 0.5])"
    assert repr(second) == "Box([3, -1], [4, 0.5])"
    assert below.contains([[2.0], [3.0]]).tolist() == [True, False]
    assert equal.contains([[1.0], [2.0]]).tolist() == [True, False]


REFUSED_2 = {
    "const": ("(vnnlib-version <2.0>)" + DECLARED, "VNN-LIB 2.0 declares its inputs"),
    "none": ("(vnnlib-version <2.0>)", r"VNN-LIB 2.0 without a \(declare-network"),
    "version": ("(vnnlib-version <3.1>)", "VNN-LIB of version '<3.1>'"),
    "two": (
        NETWORK + "(declare-network M (declare-input A Real [1]) (declare-output B Real [1]))",
        "VNN-LIB 2.0 with several networks",
    ),
    "inputs": (
        "(declare-network N (declare-input A Real [1]) (declare-input C Real [1]) "
        "(declare-output B Real [1]))",
        "found 2 of declare-input",
    ),
    "hidden": (
        NETWORK.replace("declare-output", 'declare-hidden H Real [3] "n") (declare-output'),
        "VNN-LIB 2.0 with 'declare-hidden'",
    ),
    "type": (NETWORK.replace("float32", "int8"), "tensor of type 'int8'"),
    "shape": (NETWORK.replace("[1, 2]", "[1, 0]"), "'\\[1,0\\]' is not the shape"),
    "index": (NETWORK + "(assert (<= X[0,2] 1))", "'X\\[0,2\\]' is neither a number nor"),
    "unbounded": (
        NETWORK + "(assert (<= 0 X[0,0] 1))(assert (<= X[0,1] 1))",
        "X\\[0,1\\] has no lower bound",
    ),
}


@pytest.mark.parametrize("name", REFUSED_2)
def test_version_2_is_refused_by_name(name: str, tmp_path: Path) -> None:
    text, message = REFUSED_2[name]
    with pytest.raises(pe.DomainError, match=message):
        read(tmp_path, text)


# -- what is refused -----------------------------------------------------------------------------

LITERALS = [
    "1_0",
    "nan",
    "inf",
    "-Infinity",
    "0x10",
    "1e",
    "1.2.3",
    "--1",
    "#b1",
    "1/3",
    "1e99999",
    "1,5",
    "٣",
    "9" * 5000,
]

FRACTIONS = " ".join(f"(/ 1 {k})" for k in range(1, 30_000))

REFUSED = {
    "no bound": (DECLARED + "(assert (<= X_0 1))(assert (>= X_0 0))", "X_1 has no lower bound"),
    "no upper bound": (
        DECLARED + BOX.replace("(<= X_1 2)", "(<= -1 X_1)"),
        "X_1 has no upper bound",
    ),
    "empty": (
        DECLARED + BOX + "(assert (<= X_0 -1))",
        "X_0 has a lower bound -0.5 above its upper bound -1",
    ),
    "empty cases": (
        DECLARED + BOX + "(assert (or (<= X_0 -1) (>= X_1 3)))",
        "X_0 has a lower bound -0.5 above",
    ),
    "point": (DECLARED + "(assert (= X_0 1))(assert (= X_1 1))", "single point"),
    "mixed": (DECLARED + BOX + "(assert\n (<= X_0 Y_0))", "line 8: .*X_0 and Y_0 together"),
    "flat": (DECLARED + BOX + "(assert (= X_0 X_1))", "flat: what is said of X_0 and X_1 together"),
    "no polytope": (
        DECLARED + "(assert (>= X_0 0))(assert (>= X_1 0))(assert (>= (+ X_0 X_1) 1))",
        "unbounded.*X_0 has no upper bound",
    ),
    "fixed of three": (
        DECLARED + "(declare-const X_2 Real)(assert (= X_0 1))(assert (<= 0 X_1 1))"
        "(assert (<= 0 X_2 1))(assert (<= (+ X_1 X_2) 1))",
        "X_0 is fixed, and X_1 and X_2",
    ),
    "together": (
        DECLARED + "(assert (= X_0 1))(assert (= X_1 1))(assert (<= (+ X_0 X_1) 1))",
        "X_0 and X_1 together contradicts",
    ),
    "far": (
        DECLARED + BOX + "(assert (<= X_0 1e400))(assert (<= Y_0 1e400))",
        "Y_0: a number beyond the range of float64",
    ),
    "cut off": (DECLARED + BOX + "(assert (<= Y_0", "line 7: a parenthesis is not closed"),
    "closed twice": (DECLARED + ")", "without an opening"),
    "word": (DECLARED + "hello", "found 'hello'"),
    "quote": (DECLARED + "(set-info :x |never)", "a \\| is not closed"),
    "undeclared": (DECLARED + BOX + "(assert (<= Y_2 1))", "'Y_2' is neither"),
    "gap": ("(declare-const X_0 Real)(declare-const Y_1 Real)", "Y_0, Y_1"),
    "many constants": ("(declare-const X_999999999 Real)", "the last one X_999999999"),
    "names": ("(declare-const Z Real)", "found 'Z'"),
    "zero": ("(declare-const X_00 Real)", "found 'X_00'"),
    "sort": ("(declare-const X_0 Int)", "X_0 is of sort 'Int'"),
    "function": ("(declare-fun X_0 (Real) Real)", "declared as"),
    "product": (
        DECLARED + BOX + "(assert (<= (* Y_0 Y_1) 1))",
        "product of Y_0 and Y_1 is not linear",
    ),
    "division": (DECLARED + BOX + "(assert (<= (/ 1 Y_1) 1))", "division by Y_1"),
    "by zero": (DECLARED + BOX + "(assert (<= (/ Y_1 (- 1 1)) 1))", "division by 0"),
    "ite": (DECLARED + BOX + "(assert (<= (ite (< Y_0 1) 1 2) 1))", "'ite' is not supported"),
    "let": (DECLARED + BOX + "(assert (let ((a 1)) (<= Y_0 a)))", "'a' is not supported"),
    "condition": (DECLARED + BOX + "(assert Y_0)", "expected a condition, found 'Y_0'"),
    "term": (DECLARED + BOX + "(assert (<= Y_0 (and true)))", "expected a term, found a condition"),
    "sum of nothing": (DECLARED + BOX + "(assert (<= (+) 1))", "'\\+' of 0 terms"),
    "one": (DECLARED + BOX + "(assert (<= Y_0))", "compares two terms or more, found 1"),
    "nothing asserted": (DECLARED + "(assert)", "holds one condition, found 0"),
    "no operator": (DECLARED + BOX + "(assert ())", "expected an operator"),
    "command": (DECLARED + "(define-fun f)", "'define-fun' is not supported"),
    "no command": (DECLARED + "((a) b)", "expected a command's name"),
    "nothing": ("", "X_0, X_1"),
    "many": (DECLARED + BOX + "(assert (or (<= Y_0 1) (<= Y_1 1)))" * 20, "100,000 cases"),
    "many within": (
        DECLARED + BOX + "(assert (and " + "(or (<= Y_0 1) (<= Y_1 1))" * 40 + "))",
        "100,000 cases",
    ),
    "many rows": (
        DECLARED
        + BOX
        + "(assert (or (<= Y_0 1) (<= Y_1 1)))" * 14
        + f"(assert (or true (and {'(<= Y_0 1)' * 900})))",
        "5,000,000 inequalities",
    ),
    "fractions": (DECLARED + BOX + f"(assert (<= (+ {FRACTIONS}) Y_0))", "more than 20,000 bits"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refusals_name_the_thing(name: str, tmp_path: Path) -> None:
    text, message = REFUSED[name]
    with pytest.raises(pe.DomainError, match=message):
        read(tmp_path, text)


@pytest.mark.parametrize("literal", LITERALS)
def test_literals_that_are_none(literal: str, tmp_path: Path) -> None:
    with pytest.raises(pe.DomainError, match="line 7: ") as caught:
        read(tmp_path, DECLARED + BOX + f"(assert (<= X_0 {literal}))")
    assert literal[:50] in str(caught.value)
    assert len(str(caught.value)) < 400


HOSTILE = {
    "deep": "(" * 10**6,
    "deep and closed": "(assert " + "(not " * 10**5 + "true" + ")" * (10**5 + 1),
    "closing": ")" * 10**6,
    "brackets": "(assert (" + "[ " * 10**6,
    "quotes": '(assert "' + "a" * 10**6,
    "words": "(assert (" + "a" * 10**7 + "))",
    "no line": "(" + "x " * 10**6,
    "spaces": " " * 10**7,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_files_end_soon(name: str, tmp_path: Path) -> None:
    began = time.process_time()
    with pytest.raises(pe.DomainError) as caught:
        read(tmp_path, DECLARED + BOX + HOSTILE[name] if name != "spaces" else HOSTILE[name])
    assert time.process_time() - began < 10
    assert len(str(caught.value)) < 500


def test_deep_conditions_are_no_recursion(tmp_path: Path) -> None:
    depth = 4001
    nots = "(assert " + "(not " * depth + "(> Y_0 1)" + ")" * (depth + 1)
    sums = "(assert (<= " + "(+ Y_0 " * depth + "1" + ")" * depth + " 1))"
    ors = "(assert " + "(or (<= Y_1 -9) (and true " * depth + "(<= Y_1 0)" + "))" * depth + ")"
    _, prop = read(tmp_path, DECLARED + BOX + nots + sums + ors)
    assert prop.contains([[0, 0], [0.5, 0], [0, 1]]).tolist() == [True, False, False]


def test_files_that_are_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(pe.DomainError, match="no such file"):
        pe.load_vnnlib(tmp_path / "none.vnnlib")
    with pytest.raises(pe.DomainError, match="a folder"):
        pe.load_vnnlib(tmp_path)
    for data in (b"\xff\xfe\x00", b"(assert \x00)", bytes(range(256))):
        (tmp_path / "p.vnnlib").write_bytes(data)
        with pytest.raises(pe.DomainError, match="not a text file"):
            pe.load_vnnlib(tmp_path / "p.vnnlib")
    whole = gzip.compress(DECLARED.encode() * 100)
    for data in (whole[:-9], b"plain", b"", whole[:20] + b"\0\0\0\0" + whole[24:]):
        (tmp_path / "p.vnnlib.gz").write_bytes(data)
        with pytest.raises(pe.DomainError, match=r"gzip|constants"):
            pe.load_vnnlib(tmp_path / "p.vnnlib.gz")
    monkeypatch.setattr(vnnlib_text, "MOST_BYTES", 10**6)
    (tmp_path / "bomb.vnnlib.gz").write_bytes(gzip.compress(b" " * 10**8))
    with pytest.raises(pe.DomainError, match="holds more than 1,000,000 bytes"):
        pe.load_vnnlib(tmp_path / "bomb.vnnlib.gz")
    (tmp_path / "long.vnnlib").write_bytes(b" " * (10**6 + 1))
    with pytest.raises(pe.DomainError, match="larger than 1,000,000 bytes"):
        pe.load_vnnlib(tmp_path / "long.vnnlib")


# -- the property itself -------------------------------------------------------------------------


def test_membership_is_exact() -> None:
    tenth = 0.1
    prop = pe.OutputProperty([(np.array([[1.0, 1.0, 1.0]]), np.array([0.3]))])
    exact = sum(Fraction(tenth) for _ in range(3)) <= Fraction(0.3)
    assert prop.contains([tenth] * 3).tolist() == exact
    huge = pe.OutputProperty([(np.array([[1e300, -1e300]]), np.array([0.0]))])
    assert huge.contains([[1e300, 1e300], [1e300, np.nextafter(1e300, 0)]]).tolist() == [
        True,
        False,
    ]
    assert prop.contains([[np.nan, 0, 0], [-np.inf, 0, 0]]).tolist() == [False, False]
    strict = pe.OutputProperty([(np.eye(1), np.zeros(1))], [np.array([True])])
    assert strict.contains([[0.0], [-5e-324], [5e-324]]).tolist() == [False, True, False]


@pytest.mark.parametrize(
    ("polyhedra", "strict", "message"),
    [
        ("x", None, "polyhedra must be a list"),
        ([3], None, r"polyhedra\[0\] must be a pair"),
        ([(np.eye(2), np.zeros(3))], None, "needs b of shape"),
        ([(np.full((1, 1), np.nan), np.zeros(1))], None, "finite"),
        ([(np.eye(1), np.zeros(1)), (np.eye(2), np.zeros(2))], None, "one number of outputs"),
        ([(np.eye(1), np.zeros(1))], [np.zeros(2, bool)], "strict must hold"),
        ([(np.eye(1), np.zeros(1))], [[1.0]], "strict must hold"),
    ],
)
def test_properties_that_do_not_fit(polyhedra: Any, strict: Any, message: str) -> None:
    with pytest.raises(pe.DomainError, match=message):
        pe.OutputProperty(polyhedra, strict)


def test_damaged_files_are_refused_or_read(tmp_path: Path) -> None:
    """Words and bytes taken out, doubled and exchanged: nothing but a domain or a `DomainError` comes out."""
    whole = DECLARED + BOX + "".join(SAME.values()) + "(assert (or (<= (* 2 X_0) 0) (> X_1 1)))"
    random = np.random.default_rng(5)
    words = whole.replace("(", " ( ").replace(")", " ) ").split(" ")
    path = tmp_path / "p.vnnlib"
    read_, refused = 0, 0
    for k in range(600):
        damaged = list(words if k % 2 else whole)
        for _ in range(random.integers(1, 4)):
            i, j = random.integers(0, len(damaged), 2).tolist()
            damaged[i : i + 1] = [[], [damaged[j]], [damaged[i]] * 2][int(random.integers(3))]
        path.write_text((" " if k % 2 else "").join(damaged), encoding="utf-8")
        try:
            pairs = pe.load_vnnlib(path, as_list=True)
        except pe.DomainError as error:
            refused += 1
            assert str(error).startswith(str(path))  # noqa: PT017
        else:
            read_ += 1
            assert all(domain.input_dim == 2 for domain, _ in pairs)
    assert min(read_, refused) > 20
