"""VNN-LIB: boxes, output half-spaces, and clear refusals."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import polyenum as pe

DECLARED = """; a comment (with parentheses
(declare-const X_0 Real)
(declare-const X_1 Real)
(declare-const Y_0 Real)
(declare-const Y_1 Real)
"""
BOX = "(assert (>= X_0 -0.5))(assert (<= X_0 1e-3))\n(assert (<= X_1 2))(assert (>= X_1 0.0))"


def read(tmp_path: Path, text: str) -> tuple[pe.Domain, pe.OutputProperty]:
    path = tmp_path / "p.vnnlib"
    path.write_text(text)
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


REFUSED = {
    "no bound": (DECLARED + "(assert (<= X_0 1))(assert (>= X_0 0))", "X_1 has no lower bound"),
    "empty": (DECLARED + BOX + "(assert (<= X_0 -1))", "lower bound -0.5 above its upper bound -1"),
    "point": (DECLARED + "(assert (= X_0 1))(assert (= X_1 1))", "single point"),
    "mixed": (DECLARED + BOX + "(assert (<= X_0 Y_0))", "X_0 and Y_0"),
    "oblique": (DECLARED + BOX + "(assert (<= (+ X_0 X_1) 1))", "X_0 and X_1 together"),
    "boxes": (DECLARED + BOX + "(assert (or (<= X_0 0) (>= X_1 1)))", "several input boxes"),
    "cut off": (DECLARED + BOX + "(assert (<= Y_0", "not closed"),
    "closed twice": (DECLARED + ")", "without an opening"),
    "word": (DECLARED + "hello", "found 'hello'"),
    "undeclared": (DECLARED + BOX + "(assert (<= Y_2 1))", "'Y_2' is neither"),
    "gap": ("(declare-const X_0 Real)(declare-const Y_1 Real)", "Y_0, Y_1"),
    "names": ("(declare-const Z Real)", "found 'Z'"),
    "product": (DECLARED + BOX + "(assert (<= (* Y_0 Y_1) 1))", r"'\*' is not supported"),
    "less": (DECLARED + BOX + "(assert (< Y_0 1))", "'<' is not supported"),
    "not": (DECLARED + BOX + "(assert (not (<= Y_0 1)))", "'not' is not supported"),
    "infinite": (DECLARED + "(assert (<= X_0 inf))", "not a finite number"),
    "command": (DECLARED + "(define-fun f)", "'define-fun' is not supported"),
    "deep": ("(" * 1000, "nested deeper"),
    "nothing": ("", "X_0, X_1"),
    "many": (DECLARED + BOX + "(assert (or (<= Y_0 1) (<= Y_1 1)))" * 20, "100,000 cases"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refusals_name_the_thing(name: str, tmp_path: Path) -> None:
    text, message = REFUSED[name]
    with pytest.raises(pe.DomainError, match=message):
        read(tmp_path, text)


def test_files_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(pe.DomainError, match="no such file"):
        pe.load_vnnlib(tmp_path / "none.vnnlib")
    (tmp_path / "p.vnnlib").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(pe.DomainError, match="not a text file"):
        pe.load_vnnlib(tmp_path / "p.vnnlib")
