"""Sets of inputs in VNN-LIB: which are empty, flat or fixed, against rational arithmetic of the tests' own."""

from __future__ import annotations

import gzip
import time
import tracemalloc
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import polyenum as pe
from polyenum.domains.vnnlib.inputs import EmptyError, InputSet
from polyenum.domains.vnnlib.names import Tensor
from polyenum.files import unpacking
from tests.helpers.strategies import share

INPUTS = 3
DECLARED = "".join(f"(declare-const X_{k} Real)" for k in range(INPUTS))
DECLARED += "(declare-const Y_0 Real)"
UNIT = "".join(f"(assert (<= 0 X_{k} 1))" for k in range(INPUTS))


def read(folder: Path, text: str) -> Any:
    path = folder / "p.vnnlib"
    path.write_text(text, encoding="utf-8")
    return pe.load_vnnlib(path, as_list=True)


# -- a rational evaluator ------------------------------------------------------------------------


class Bound(NamedTuple):
    """``factors . x <= bound``, or ``<``."""

    factors: tuple[Fraction, ...]
    bound: Fraction
    strict: bool = False

    def slack(self, point: Sequence[Fraction]) -> Fraction:
        terms = zip(self.factors, point, strict=True)
        return self.bound - sum((f * x for f, x in terms), Fraction(0))

    def holds(self, point: Sequence[Fraction]) -> bool:
        slack = self.slack(point)
        return slack > 0 or (slack == 0 and not self.strict)


def solution(rows: Sequence[Bound], dim: int = INPUTS) -> list[Fraction] | None:
    """Return a point where all hold, within their interior if there is one, by Fourier-Motzkin elimination."""
    if dim == 0:
        return [] if all(row.holds([]) for row in rows) else None
    last = dim - 1
    rest = [row._replace(factors=row.factors[:last]) for row in rows if not row.factors[last]]
    split: list[list[Bound]] = [[], []]
    for row in rows:
        size = abs(row.factors[last])
        if size:
            factors = tuple(f / size for f in row.factors[:last])
            scaled = Bound(factors, row.bound / size, row.strict)
            split[row.factors[last] > 0].append(scaled)
    for low in split[0]:
        for high in split[1]:
            factors = tuple(a + b for a, b in zip(low.factors, high.factors, strict=True))
            rest.append(Bound(factors, low.bound + high.bound, low.strict or high.strict))
    found = solution(list(dict.fromkeys(rest)), last)
    if found is None:
        return None
    least = max(-row.slack(found) for row in split[0])
    most = min(row.slack(found) for row in split[1])
    return [*found, (least + most) / 2]


def bound(name: int, sign: int, value: Fraction, *, strict: bool = False) -> Bound:
    return Bound(tuple(Fraction(sign * (k == name)) for k in range(INPUTS)), sign * value, strict)


class Asserted(NamedTuple):
    """What a file says, in words and in rows; the last is a disjunction."""

    text: str
    common: list[Bound]
    cases: list[list[Bound]]
    fixed: dict[int, Fraction]


@st.composite
def oblique(draw: st.DrawFn) -> tuple[str, Bound]:
    factor = st.sampled_from([-1, 0, 1, 2])
    factors = draw(st.lists(factor, min_size=INPUTS, max_size=INPUTS).filter(any))
    value = draw(st.integers(-4, 12))
    strict = draw(st.integers(0, 3)) == 0
    terms = " ".join(f"(* {f} X_{k})" for k, f in enumerate(factors))
    literal = f"{'-' * (value < 0)}{abs(value) // 10}.{abs(value) % 10}"
    row = Bound(tuple(map(Fraction, factors)), Fraction(value, 10), strict)
    return f"({'<' if strict else '<='} (+ {terms}) {literal})", row


@st.composite
def files(draw: st.DrawFn) -> Asserted:
    words, common, fixed = [], [], {}
    for k in range(INPUTS):
        low, size = draw(st.integers(0, 5)), draw(st.sampled_from([0, 0, 1, 3, 5]))
        high = low + size
        words.append(f"(assert (<= 0.{low} X_{k} {high / 10:.1f}))")
        common += [bound(k, -1, Fraction(low, 10)), bound(k, 1, Fraction(high, 10))]
        if not size:
            fixed[k] = Fraction(low, 10)
    cases = []
    for parts in draw(
        st.lists(st.lists(oblique(), min_size=1, max_size=2), min_size=1, max_size=3)
    ):
        cases.append([row for _, row in parts])
        words.append(f"(and {' '.join(word for word, _ in parts)})")
    whole = " ".join(words[:INPUTS]) + f"(assert (or {' '.join(words[INPUTS:])}))"
    return Asserted(whole, common, cases, fixed)


def has(domain: Any, point: Sequence[Fraction]) -> bool:
    """Return whether a box, a polytope, or a slice along axes, contains a point rounded to float64."""
    x = np.array([float(v) for v in point])
    if domain.basis is None:
        return bool(domain.contains(x))
    free = domain.basis.any(axis=1)
    return bool(domain.contains(x[free])) and x[~free].tolist() == domain.origin[~free].tolist()


@given(files(), st.integers(0, 2**32 - 1))
@share(4)
def test_sets_against_rational_arithmetic(
    tmp_path_factory: pytest.TempPathFactory, asserted: Asserted, seed: int
) -> None:
    every = [[*asserted.common, *case] for case in asserted.cases]
    inside = [solution(case) for case in every]
    try:
        pairs = read(tmp_path_factory.mktemp("v"), DECLARED + asserted.text)
    except EmptyError:
        assert inside == [None] * len(inside)
        return
    except pe.DomainError:
        flat = [solution([row._replace(strict=True) for row in case]) is None for case in every]
        assert any(f and x is not None for f, x in zip(flat, inside, strict=True))
        return
    assert len(pairs) <= len(inside) - inside.count(None)
    for point in inside:
        assert point is None or any(has(domain, point) for domain, _ in pairs)
    random = np.random.default_rng(seed)
    for numbers in random.integers(-1, 12, (40, INPUTS)).tolist():
        point = [asserted.fixed.get(k, Fraction(10 * n + 3, 100)) for k, n in enumerate(numbers)]
        free = set(range(INPUTS)) - asserted.fixed.keys()
        # A point on a bound may be rounded to either side of it.
        if not any(
            row.slack(point) == 0 and any(row.factors[k] for k in free)
            for case in every
            for row in case
        ):
            truth = any(all(row.holds(point) for row in case) for case in every)
            assert any(has(domain, point) for domain, _ in pairs) == truth


# -- fixed inputs --------------------------------------------------------------------------------

FIXED = "(assert (= X_0 0.1))(assert (= X_1 0.2))(assert (<= 0 X_2 1))"


def test_fixed_inputs_are_put_in_as_rational_numbers(tmp_path: Path) -> None:
    """The float64 nearest to 0.1 and that to 0.2 have a sum above the one nearest to 0.3."""
    ((domain, _),) = read(tmp_path, DECLARED + FIXED + "(assert (<= (+ X_0 X_1) 0.3))")
    assert repr(domain) == "Slice(dim=1 in 3, [0], [1])"
    either = "(assert (or (<= X_2 0.25) (and (>= X_2 0.5) (<= (+ X_0 X_1) 0.3))))"
    pairs = read(tmp_path, DECLARED + FIXED + either)
    assert [(d.lower.tolist(), d.upper.tolist()) for d, _ in pairs] == [
        ([0], [0.25]),
        ([0.5], [1]),
    ]
    ((domain, _),) = read(tmp_path, DECLARED + FIXED + "(assert (<= (+ X_0 X_1 X_2) 0.7))")
    assert domain.upper.tolist() == [0.4]


@pytest.mark.parametrize("sign", ["<", ">", "!="])
def test_strict_bounds_on_fixed_inputs_leave_nothing(sign: str, tmp_path: Path) -> None:
    with pytest.raises(EmptyError, match="X_0 and X_1 together contradicts"):
        read(tmp_path, DECLARED + FIXED + f"(assert ({sign} (+ X_0 X_1) 0.3))")
    either = f"(assert (or (<= X_2 0.5) (and (>= X_2 0.5) ({sign} (+ X_0 X_1) 0.3))))"
    ((domain, _),) = read(tmp_path, DECLARED + FIXED + either)
    assert domain.upper.tolist() == [0.5]


def test_inputs_fix_each_other(tmp_path: Path) -> None:
    text = "(assert (<= 0.2 X_0))(assert (<= X_0 (/ 1 5)))(assert (= (+ X_0 X_1) 0.5))(assert (<= (+ X_1 X_2) 1))"
    ((domain, _),) = read(tmp_path, DECLARED + text + "(assert (>= X_2 0))")
    assert domain.origin.tolist() == [0.2, 0.3, 0]
    assert (domain.lower.tolist(), domain.upper.tolist()) == ([0], [0.7])


# -- empty and flat sets -------------------------------------------------------------------------

EMPTY = {
    "beyond the box": "(<= (+ X_0 X_1) -5)",
    "on its corner": "(< (+ X_0 X_1) 0)",
    "two rows": "(and (<= (+ X_0 X_1) 1.5) (>= (+ X_0 X_1 X_2) 2.51))",
    "two rows, one of which only a corner breaks": "(and (< (+ X_0 X_1) 2) (>= (+ X_0 X_1) 2))",
    "two opposite rows": "(and (< (- X_0 X_1) 0.1) (>= (- X_0 X_1) 0.1))",
    "three rows": "(and (<= (- X_0 X_1) -0.1) (<= (- X_1 X_2) -0.1) (<= (- X_2 X_0) 0.1))",
    "strict ones of each": "(and (> X_0 0) (<= (+ X_0 X_1) (* 0.5 X_0)))",
    "far": "(and (<= X_0 1e-3) (>= X_0 1e400))",
}


@pytest.mark.parametrize("name", EMPTY)
def test_empty_sets_are_dropped(name: str, tmp_path: Path) -> None:
    ((domain, _),) = read(
        tmp_path, DECLARED + UNIT + f"(assert (or (<= X_0 0.5) {EMPTY[name]} (< X_1 0)))"
    )
    assert repr(domain) == "Box([0, 0, 0], [0.5, 1, 1])"
    with pytest.raises(EmptyError):
        read(tmp_path, DECLARED + UNIT + f"(assert {EMPTY[name]})")
    with pytest.raises(EmptyError, match="no inputs satisfy any case: case 1 of 2"):
        read(tmp_path, DECLARED + UNIT + f"(assert (or {EMPTY[name]} (< X_1 0)))")


def test_the_set_that_is_flat_is_named(tmp_path: Path) -> None:
    either = "(assert (or (<= X_0 0.5) (and (<= (+ X_0 X_1) 1.9) (= X_1 X_2))))"
    with pytest.raises(pe.DomainError, match=r"case 2 of 2.*flat.*X_1 and X_2 together") as caught:
        read(tmp_path, DECLARED + UNIT + either)
    assert not isinstance(caught.value, EmptyError)
    # In rational numbers these three bounds meet in one point.
    text = "(assert (>= X_0 0.1))(assert (>= X_1 0.7))(assert (<= (+ X_0 X_1) 0.8))"
    with pytest.raises(pe.DomainError, match="flat: what is said of X_0 and X_1"):
        read(tmp_path, DECLARED + UNIT + text)
    with pytest.raises(pe.DomainError, match=r"case 1 of 2.*X_2 has no upper bound"):
        read(
            tmp_path,
            DECLARED
            + UNIT[: -len("(assert (<= 0 X_2 1))")]
            + "(assert (>= X_2 0))(assert (or (<= X_0 0.5) (<= X_1 0.5)))",
        )


def test_bounds_that_the_box_implies_make_no_polytope(tmp_path: Path) -> None:
    ((domain, _),) = read(tmp_path, DECLARED + UNIT + "(assert (<= (+ X_0 X_1) 2))")
    assert repr(domain) == "Box([0, 0, 0], [1, 1, 1])"
    ((domain, _),) = read(
        tmp_path, DECLARED + FIXED + "(assert (= X_0 0.1))(assert (>= X_2 (- X_0 0.5)))"
    )
    assert repr(domain) == "Slice(dim=1 in 3, [0], [1])"


def test_polytopes_in_one_box_are_two(tmp_path: Path) -> None:
    either = "(assert (or (and (<= (+ X_0 X_1) 1) (<= Y_0 0)) (and (>= (+ X_0 X_1) 1) (>= Y_0 5))"
    either += "(and (<= (+ X_1 X_0) 1) (= Y_0 9))))"
    (below, first), (above, second) = read(tmp_path, DECLARED + UNIT + either)
    points = [[0.25, 0.25, 0.5], [0.75, 0.75, 0.5]]
    assert below.contains(points).tolist() == [True, False]
    assert above.contains(points).tolist() == [False, True]
    assert first.contains([[0], [5], [9]]).tolist() == [True, False, True]
    assert second.contains([[0], [5], [9]]).tolist() == [False, True, True]


def test_many_cases_of_one_set_decide_it_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []

    def counted(self: InputSet) -> None:
        calls.append(self)
        whole(self)

    whole = InputSet.refuse_empty
    monkeypatch.setattr(InputSet, "refuse_empty", counted)
    row = "(or " + " ".join(f"(and (<= (+ X_0 X_1) 1) (<= Y_0 {k}))" for k in range(50)) + ")"
    ((_, prop),) = read(tmp_path, DECLARED + UNIT + f"(assert {row})")
    assert (len(prop.polyhedra), len(calls)) == (50, 1)


# -- what a few bytes may cost -------------------------------------------------------------------


def network(shape: str, output: str = "[1]", name: str = "Y") -> str:
    tensors = f"(declare-input X Real {shape})(declare-output {name} Real {output})"
    return f"(vnnlib-version <2.0>)(declare-network N {tensors})"


def test_large_tensors_cost_nothing(tmp_path: Path) -> None:
    began = time.process_time()
    tracemalloc.start()
    try:
        for text, message in (
            (network("[9999999]"), r"X\[0\] has no lower bound"),
            (network("[9999999]") + "(assert (<= 0 X[0] 1))", r"X\[1\] has no lower bound"),
            (network("[9999999]") + "(assert (<= (+ X[0] X[9999998]) 1))", r"X\[1\] has no lower"),
            (network("[2]", "[9999999]") + "(assert (<= 0 X[0] 1))", r"X\[1\] has no lower"),
            (network("[4000,4000]"), "X has 16,000,000 elements, more than 10,000,000"),
        ):
            with pytest.raises(pe.DomainError, match=message):
                read(tmp_path, text)
        assert tracemalloc.get_traced_memory()[1] < 10**7
    finally:
        tracemalloc.stop()
    assert time.process_time() - began < 2


def test_numbers_that_would_not_fit_are_refused(tmp_path: Path) -> None:
    box = "(assert (<= 0 X[0] 1))"
    rows = "(assert (and " + "(<= Y[0] 1) (>= Y[9] 2)" * 3 + "))"
    with pytest.raises(pe.DomainError, match="9,999,999 outputs hold 59,999,994 numbers"):
        read(tmp_path, network("[1]", "[9999999]") + box + rows)
    cases = "(assert (or (<= Y[0] 1) " + "(<= X[0] 0.5)" * 6 + "))"
    with pytest.raises(pe.DomainError, match="7 cases of 9,999,999 inputs"):
        read(tmp_path, network("[9999999]") + cases)


def test_slices_and_polytopes_that_would_not_fit_are_refused(tmp_path: Path) -> None:
    bounds = "".join(f"(<= 0 X[{k}] 1)" for k in range(8000))
    with pytest.raises(pe.DomainError, match=r"X\[0\] is fixed: the slice over the other 7,999"):
        read(tmp_path, network("[8000]") + f"(assert (and (<= X[0] 0) {bounds}))")
    with pytest.raises(pe.DomainError, match="a polytope of 16,001 sides in 8,000 inputs"):
        read(tmp_path, network("[8000]") + f"(assert (and (<= (+ X[0] X[1]) 1) {bounds}))")


def test_names_of_a_tensor() -> None:
    tensor = Tensor("X", (2, 3, 2))
    names = [f"X[{i},{j},{k}]" for i in range(2) for j in range(3) for k in range(2)]
    assert list(tensor) == names
    assert tensor[-1] == names[-1]
    assert tensor[2:4] == names[2:4]
    assert [tensor.place(name) for name in names] == list(range(12))
    for name in (
        "X",
        "X[0,0]",
        "X[0,3,0]",
        "X[00,0,0]",
        "X[0,0,٣]",
        "X[0,0,]",
        "Y[0,0,0]",
        "X[0,0,0",
        "",
    ):
        assert tensor.place(name) is None
    assert (list(Tensor("Z", ())), Tensor("Z", ()).place("Z"), Tensor("Z", ()).place("Z[0]")) == (
        ["Z"],
        0,
        None,
    )


WORDS = {
    "version": ("(vnnlib-version (1 0))", "version an expression in parentheses; 1.0 and 2.0"),
    "versions": ("(vnnlib-version <1.0> <2.0>)", "version 2 words; 1.0 and 2.0"),
    "bare word": ("(declare-network N declare-input)", "in parentheses, .*; found 'declare-input'"),
    "no name": ("(declare-network)", "a network has a name, .*; found none"),
    "no word": ("(declare-network (N))", "a network has a name, .*; found an expression"),
    "empty": ("(declare-network N ())", "VNN-LIB 2.0 with an expression in parentheses"),
    "one name": (network("[2]", "[3]", "X"), "the input and the output have one name, 'X'"),
    "xor": (DECLARED + "(assert (xor true true))", "'xor' is not.*==, !=, distinct, and, or, not, =>"),
    "let": (DECLARED + "(assert (let ((a 1)) (<= X_0 a)))", "a let is to be written out"),
}  # fmt: skip


@pytest.mark.parametrize("name", WORDS)
def test_words_that_are_not_understood(name: str, tmp_path: Path) -> None:
    text, message = WORDS[name]
    with pytest.raises(pe.DomainError, match=message):
        read(tmp_path, text)


def test_sums_that_vanish_are_numbers(tmp_path: Path) -> None:
    text = "(assert (<= (* (- X_0 X_0) X_1) 1))(assert (<= (* X_0 (+ 0.5 (- X_1 X_1))) 0.25))"
    ((domain, _),) = read(tmp_path, DECLARED + UNIT + text)
    assert repr(domain) == "Box([0, 0, 0], [0.5, 1, 1])"


# -- bombs ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [10**6, 10**6 + 1, 10**8])
def test_what_unpacks_to_too_much_is_not_read_on(
    size: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, most = tmp_path / "a.gz", 10**6
    path.write_bytes(gzip.compress(b" " * size))
    taken = []

    class Counted(gzip.GzipFile):
        def read(self, size: int | None = -1) -> bytes:
            found = super().read(size)
            taken.append(len(found))
            return found

    monkeypatch.setattr(gzip, "open", Counted)
    found = unpacking.unpacked(path, most)
    assert (found is None) == (size > most)
    assert found is None or len(found) == size
    assert 0 < sum(taken) <= 2 * most + 2**20


# -- the property decides exactly ----------------------------------------------------------------


def test_sums_that_floats_get_wrong_are_decided_exactly() -> None:
    """Rows through a point, and points one float beside them: floats alone say the wrong thing of many."""
    random = np.random.default_rng(3)
    for _ in range(100):
        row, y = random.normal(size=(2, 6)) * 10.0 ** random.integers(-8, 9, (2, 6))
        exact = sum(
            Fraction(a) * Fraction(b) for a, b in zip(row.tolist(), y.tolist(), strict=True)
        )
        b = float(exact)
        for offset in (np.nextafter(b, -np.inf), b, np.nextafter(b, np.inf)):
            for strict in (False, True):
                prop = pe.OutputProperty([(row[None], np.array([offset]))], [np.array([strict])])
                truth = exact < Fraction(float(offset)) or (
                    not strict and exact == Fraction(float(offset))
                )
                assert bool(prop.contains(y)) == truth
