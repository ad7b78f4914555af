"""Properties in VNN-LIB: a box of inputs, and half-spaces of outputs.

The part of the format that the verification competition uses (VNN-LIB 1.0: constants ``X_i`` and ``Y_i``,
``assert`` of ``<=`` and ``>=`` between affine terms, ``and``, ``or``).  Numbers are rounded to float64.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from polyenum.domains.domain import Domain
from polyenum.domains.shapes import Box, Slice
from polyenum.errors import DomainError

MOST_BYTES = 2**28
DEEPEST = 200


@dataclass(frozen=True, eq=False)
class OutputProperty:
    """What a VNN-LIB file asserts of the outputs: a union of polyhedra ``A y <= b``.

    By the format's convention these are the outputs that would *violate* the property.

    Attributes
    ----------
    polyhedra : list of (A, b)
        (rows, outputs) and (rows,) float64; outputs in any one of them satisfy the assertions.

    Examples
    --------
    >>> prop = OutputProperty([(np.array([[1.0, -1.0]]), np.array([0.0]))])  # y_0 <= y_1
    >>> prop.contains([[0.0, 1.0], [1.0, 0.0]])
    array([ True, False])
    """

    polyhedra: list[tuple[NDArray[np.float64], NDArray[np.float64]]]

    def contains(self, y: ArrayLike) -> NDArray[np.bool_]:
        """Return which outputs, (..., outputs), satisfy the assertions, in float64."""
        values = np.asarray(y, np.float64)
        return np.any([(values @ A.T <= b).all(axis=-1) for A, b in self.polyhedra], axis=0)

    def __repr__(self) -> str:
        sizes = sorted({len(b) for _, b in self.polyhedra})
        of = f"{sizes[0]}" if len(sizes) == 1 else f"{sizes[0]} to {sizes[-1]}"
        return f"OutputProperty(polyhedra={len(self.polyhedra)}, half-spaces={of})"


# An affine inequality: coefficients by variable, and ``sum <= constant``.
_Row = tuple[dict[str, float], float]


def load_vnnlib(path: str | os.PathLike[str]) -> tuple[Domain, OutputProperty]:
    """Return the input domain and the output property of a VNN-LIB file.

    Parameters
    ----------
    path : path of a ``.vnnlib`` file

    Returns
    -------
    Domain
        The box of the inputs; where the file fixes some of them, a `Slice` over the others.
    OutputProperty

    Raises
    ------
    DomainError
        If the file is not VNN-LIB, an input is unbounded, or an assertion is of a kind that is not supported
        (inputs mixed with outputs, several input boxes).
    """
    file = Path(path)
    if not file.is_file():
        raise DomainError(f"{file}: no such file")
    if file.stat().st_size > MOST_BYTES:
        raise DomainError(f"{file}: larger than {MOST_BYTES:,} bytes")
    try:
        text = file.read_text("utf-8")
    except UnicodeDecodeError:
        raise DomainError(f"{file}: not a text file, so not VNN-LIB") from None
    try:
        return _read(text)
    except DomainError as error:
        raise DomainError(f"{file}: {error}") from None


def _read(text: str) -> tuple[Domain, OutputProperty]:
    names: set[str] = set()
    alternatives: list[list[_Row]] = [[]]
    rows: list[_Row] = []
    for command in _expressions(text):
        if not isinstance(command, list) or not command:
            raise DomainError(f"expected a command in parentheses, found {command!r}")
        if command[0] == "declare-const" and len(command) == 3 and command[2] == "Real":
            if not re.fullmatch(r"[XY]_\d+", str(command[1])):
                raise DomainError(f"constants are named X_i or Y_i, found {command[1]!r}")
            names.add(command[1])
        elif command[0] == "assert" and len(command) == 2:
            cases = _cases(command[1], names)
            if len(cases) == 1:
                rows += cases[0]
            else:
                alternatives = [a + case for a in alternatives for case in cases]
                if len(alternatives) > 100_000:
                    raise DomainError("the disjunctions multiply to more than 100,000 cases")
        elif command[0] not in ("set-logic", "set-info", "check-sat", "exit"):
            raise DomainError(f"the command {command[0]!r} is not supported")
    counts = []
    for kind in "XY":
        numbers = sorted(int(n[2:]) for n in names if n[0] == kind)
        if not numbers or numbers != list(range(len(numbers))):
            raise DomainError(
                f"expected the constants {kind}_0, {kind}_1, ..., found {len(numbers)}"
            )
        counts.append(len(numbers))
    inputs = [row for row in rows if _kind(row) == "X"]
    outputs = [row for row in rows if _kind(row) == "Y"]
    if any(_kind(row) == "X" for case in alternatives for row in case):
        raise DomainError(
            "several input boxes (an `or` over inputs) are not supported: one file for each"
        )
    polyhedra = []
    for case in alternatives:
        both = outputs + case
        matrix = np.zeros((len(both), counts[1]))
        for i, (coefficients, _) in enumerate(both):
            for name, factor in coefficients.items():
                matrix[i, int(name[2:])] = factor
        polyhedra.append((matrix, np.array([bound for _, bound in both])))
    return _box(inputs, counts[0]), OutputProperty(polyhedra)


def _box(rows: list[_Row], dim: int) -> Domain:
    low, high = np.full(dim, -np.inf), np.full(dim, np.inf)
    for coefficients, bound in rows:
        if len(coefficients) != 1:
            raise DomainError(
                f"inputs must have bounds of their own, found one on {' and '.join(sorted(coefficients))} together"
            )
        ((name, factor),) = coefficients.items()
        k = int(name[2:])
        if factor > 0:
            high[k] = min(high[k], bound / factor + 0.0)
        else:
            low[k] = max(low[k], bound / factor + 0.0)
    for k in range(dim):
        for value, side in ((low[k], "lower"), (high[k], "upper")):
            if not np.isfinite(value):
                raise DomainError(f"X_{k} has no {side} bound")
        if low[k] > high[k]:
            raise DomainError(f"X_{k} has a lower bound {low[k]} above its upper bound {high[k]}")
    free = np.flatnonzero(low < high)
    if len(free) == dim:
        return Box(low, high)
    if not len(free):
        raise DomainError("all inputs are fixed: the domain is a single point")
    basis = np.zeros((dim, len(free)))
    basis[free, np.arange(len(free))] = 1.0
    return Slice(np.where(low < high, 0.0, low), basis, lower=low[free], upper=high[free])


def _kind(row: _Row) -> str:
    kinds = {name[0] for name in row[0]}
    if len(kinds) != 1:
        raise DomainError(
            "an assertion must be about inputs or about outputs, found "
            f"{' and '.join(sorted(row[0])) or 'no constant at all'}"
        )
    return kinds.pop()


def _cases(term: Any, names: set[str]) -> list[list[_Row]]:
    """Return a condition as a disjunction of conjunctions of inequalities."""
    if not isinstance(term, list) or not term:
        raise DomainError(f"expected a condition, found {term!r}")
    head, *rest = term
    if head == "or":
        return [case for part in rest for case in _cases(part, names)]
    if head == "and":
        found: list[list[_Row]] = [[]]
        for part in rest:
            found = [a + b for a in found for b in _cases(part, names)]
            if len(found) > 100_000:
                raise DomainError("the disjunctions multiply to more than 100,000 cases")
        return found
    if head in ("<=", ">=") and len(rest) == 2:
        left, right = (_affine(part, names) for part in (rest if head == "<=" else rest[::-1]))
        return [[_inequality(left, right)]]
    if head == "=" and len(rest) == 2:
        left, right = (_affine(part, names) for part in rest)
        return [[_inequality(left, right), _inequality(right, left)]]
    raise DomainError(f"a condition with {head!r} is not supported; known are <=, >=, =, and, or")


def _inequality(left: tuple[dict, float], right: tuple[dict, float]) -> _Row:
    coefficients = dict(left[0])
    for name, factor in right[0].items():
        coefficients[name] = coefficients.get(name, 0.0) - factor
    return {n: f for n, f in coefficients.items() if f}, right[1] - left[1]


def _affine(term: Any, names: set[str]) -> tuple[dict[str, float], float]:
    """Return a term as coefficients by constant's name, and a number."""
    if isinstance(term, str):
        if term in names:
            return {term: 1.0}, 0.0
        try:
            number = float(term)
        except ValueError:
            raise DomainError(f"{term!r} is neither a number nor a declared constant") from None
        if not math.isfinite(number):
            raise DomainError(f"{term!r} is not a finite number")
        return {}, number
    if not term:
        raise DomainError("expected a term, found ()")
    head, *rest = term
    parts = [_affine(part, names) for part in rest]
    if head == "*" and len(parts) == 2 and not (parts[0][0] and parts[1][0]):
        (_, factor), (coefficients, number) = parts if not parts[0][0] else parts[::-1]
        return {n: factor * f for n, f in coefficients.items()}, factor * number
    if head in ("+", "-") and parts:
        signs = [1.0] * len(parts) if head == "+" else [1.0] + [-1.0] * (len(parts) - 1)
        if head == "-" and len(parts) == 1:
            signs = [-1.0]
        total: dict[str, float] = {}
        for sign, (coefficients, _) in zip(signs, parts, strict=True):
            for name, factor in coefficients.items():
                total[name] = total.get(name, 0.0) + sign * factor
        return total, sum(sign * number for sign, (_, number) in zip(signs, parts, strict=True))
    raise DomainError(f"a term with {head!r} is not supported; known are +, - and * by a number")


def _expressions(text: str) -> Iterator[Any]:
    """Yield the parenthesised expressions of a text as nested lists of words."""
    stack: list[list] = []
    for match in re.finditer(r";[^\n]*|[()]|[^\s();]+", text):
        word = match[0]
        if word[0] == ";":
            continue
        if word == "(":
            if len(stack) >= DEEPEST:
                raise DomainError(f"parentheses are nested deeper than {DEEPEST}")
            stack.append([])
        elif word == ")":
            if not stack:
                raise DomainError("a closing parenthesis without an opening one")
            done = stack.pop()
            if stack:
                stack[-1].append(done)
            else:
                yield done
        elif not stack:
            raise DomainError(f"expected a command in parentheses, found {word!r}")
        else:
            stack[-1].append(word)
    if stack:
        raise DomainError("a parenthesis is not closed: is the file cut off?")
