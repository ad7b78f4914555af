"""The commands of VNN-LIB, and `load_vnnlib`."""

from __future__ import annotations

import contextlib
import itertools
import math
import os
import re
from collections.abc import Hashable, Iterator, Sequence
from fractions import Fraction
from typing import Any, Literal, overload

import numpy as np
from numpy.typing import NDArray

from polyenum.domains.domain import Domain
from polyenum.domains.vnnlib import terms
from polyenum.domains.vnnlib.conditions import Cases, Condition, Several, cases_of, every, negation
from polyenum.domains.vnnlib.expressions import fold, shown
from polyenum.domains.vnnlib.inputs import EmptyError, InputSet, rounded
from polyenum.domains.vnnlib.names import Constants, Names, Tensor
from polyenum.domains.vnnlib.outputs import OutputProperty
from polyenum.domains.vnnlib.terms import Affine, Row
from polyenum.domains.vnnlib.text import text_of
from polyenum.errors import DomainError
from polyenum.options import file_path, flag

Pair = tuple[Domain, OutputProperty]

# Of the inputs or outputs together, and of them times the cases that bound inputs.
_MOST_CONSTANTS = 10_000_000
_MOST_BOUNDS = 50_000_000

_IGNORED = (
    "set-logic",
    "set-info",
    "set-option",
    "check-sat",
    "get-model",
    "get-value",
    "echo",
    "exit",
)
_TYPES = ("Real", "real", "float16", "float32", "float64", "bfloat16")


@overload
def load_vnnlib(path: str | os.PathLike[str], *, as_list: Literal[True]) -> list[Pair]: ...
@overload
def load_vnnlib(path: str | os.PathLike[str], *, as_list: bool = False) -> Any: ...
def load_vnnlib(path: str | os.PathLike[str], *, as_list: bool = False) -> Any:
    """Return the input domain and the output property of a VNN-LIB file, or several of them.

    A file may name several sets of inputs, by an ``or`` over them.  Then there is a pair for each: the assertions
    hold for an input and its output if, for any pair, the domain contains the one and the property the other.
    Equal sets are one, and empty ones are none: that is decided in rational numbers.

    VNN-LIB 1.0 is read: constants ``X_i`` and ``Y_i``; ``<=``, ``>=``, ``<``, ``>``, ``=`` and chains of them;
    ``and``, ``or``, ``not``; sums, differences, and products and quotients by numbers.  Of VNN-LIB 2.0, files
    about one network with one input and one output are.  Numbers are taken as the rational numbers that they are,
    computed with exactly, and what comes out is rounded once to the nearest float64: 0.1 is the float64 nearest to
    0.1.  Domains are closed, so ``X_0 < 1`` is read as ``X_0 <= 1``; the full-dimensional regions are the
    same.  The property knows which of its rows are strict.

    Parameters
    ----------
    path : path of a ``.vnnlib`` file, or of a ``.vnnlib.gz``
    as_list : bool
        Whether to return a list also where there is one pair only.

    Returns
    -------
    (Domain, OutputProperty), or list of (Domain, OutputProperty)
        A list where there are several pairs, in the order of the file, or where `as_list`.  A domain is a `Box`;
        where the file fixes some inputs a `Slice` over the others; where it bounds several together, and
        the bounds of each do not imply that, an `HPolytope`.

    Raises
    ------
    DomainError
        If the file is not VNN-LIB, an input is unbounded, all sets of inputs are empty, one is flat, or an
        assertion is of a kind that is not supported, as one of an input and an output together; the line, the
        input or the set is named.

    Examples
    --------
    >>> import os, tempfile
    >>> text = '''(declare-const X_0 Real) (declare-const Y_0 Real)
    ... (assert (or (<= 0 X_0 1) (<= 3 X_0 4))) (assert (>= Y_0 0.5))'''
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "p.vnnlib")
    ...     with open(path, "w") as file:
    ...         _ = file.write(text)
    ...     pairs = load_vnnlib(path)
    >>> [domain for domain, _ in pairs]
    [Box([0], [1]), Box([3], [4])]
    """
    file = file_path("path", path, DomainError)
    as_list = flag("as_list", as_list)
    text = text_of(file)
    try:
        found = _read(text)
    except DomainError as error:
        raise type(error)(f"{file}: {error}") from None
    return found if as_list or len(found) > 1 else found[0]


def _read(text: str) -> list[Pair]:
    reader = _Reader()
    fold(text, value_of=reader.value_of, command=reader.command)
    names = reader.inputs_and_outputs()
    cases = every(reader.several)
    common = InputSet(names[0]).with_rows(row for row in reader.rows if reader.is_input(row))
    common = common.settled()
    outputs = [row for row in reader.rows if not reader.is_input(row)]
    if reader.contradiction or not cases:
        common.refuse_empty()
        return [(common.domain(), OutputProperty([]))]
    if len(names[0]) * len(cases) > _MOST_BOUNDS:
        raise DomainError(
            f"{len(cases):,} cases of {len(names[0]):,} inputs are more than "
            f"{_MOST_BOUNDS:,} bounds; split the file"
        )
    groups: dict[Any, tuple[int, InputSet, list[tuple[Row, ...]]]] = {}
    for number, inputs, rest in _nonempty(cases, common, reader):
        with _named(number, len(cases)):
            group = groups.setdefault(inputs.key, (number, inputs, []))
        group[2].append((*outputs, *rest))
    found = []
    for number, inputs, polyhedra in groups.values():
        with _named(number, len(cases)):
            domain = inputs.domain()
        found.append((domain, _property(list(dict.fromkeys(polyhedra)), names[1])))
    return found


def _nonempty(
    cases: Cases, common: InputSet, reader: _Reader
) -> Iterator[tuple[int, InputSet, list[Row]]]:
    """Yield the number of each case that some inputs satisfy, these inputs, and its rows of outputs.

    Raises
    ------
    EmptyError
        If no case has any.
    """
    first: EmptyError | None = None
    any_found = False
    # Many cases differ in their outputs only.
    common_set: InputSet | None = None
    decided: dict[Hashable, EmptyError | None] = {}
    for number, case in enumerate(cases, 1):
        own = [row for row in case if reader.is_input(row)]
        try:
            if own or common_set is None:
                with _named(number, len(cases)):
                    inputs = common.with_rows(own).settled()
                    _refuse_empty(inputs, decided)
                common_set = common_set if own else inputs
            else:
                inputs = common_set
        except EmptyError as error:
            first = first or error
            continue
        any_found = True
        yield number, inputs, [row for row in case if not reader.is_input(row)]
    if not any_found and first is not None:
        raise EmptyError(f"no inputs satisfy any case: {first}" if len(cases) > 1 else str(first))


def _refuse_empty(inputs: InputSet, decided: dict[Hashable, EmptyError | None]) -> None:
    """Raise where a set is empty; `decided` remembers it of others."""
    key = inputs.exact_key
    if key not in decided:
        decided[key] = None
        try:
            inputs.refuse_empty()
        except EmptyError as error:
            decided[key] = error
    found = decided[key]
    if found is not None:
        raise EmptyError(str(found))


@contextlib.contextmanager
def _named(number: int, count: int) -> Iterator[None]:
    """Say in an error which case it is about, where there are several."""
    try:
        yield
    except DomainError as error:
        if count == 1:
            raise
        raise type(error)(f"case {number:,} of {count:,} of the disjunctions: {error}") from None


def _property(polyhedra: Sequence[tuple[Row, ...]], names: Names) -> OutputProperty:
    """Return the union of polyhedra, each a conjunction of rows.

    Raises
    ------
    DomainError
        If a number is beyond float64, or there are too many.
    """
    size = sum(map(len, polyhedra)) * len(names)
    if size > _MOST_BOUNDS:
        raise DomainError(
            f"the assertions about {len(names):,} outputs hold {size:,} numbers, more than {_MOST_BOUNDS:,}"
        )
    found: list[tuple[NDArray[np.float64], NDArray[np.float64]]] = []
    for rows in polyhedra:
        matrix = np.zeros((len(rows), len(names)))
        for i, row in enumerate(rows):
            for name, factor in zip(row.names, row.factors, strict=True):
                place = names.place(name)
                assert place is not None
                matrix[i, place] = rounded(factor, name)
        found.append((matrix, np.array([rounded(row.bound, row.names[0]) for row in rows], float)))
    return OutputProperty(found, [np.array([r.strict for r in rows], bool) for rows in polyhedra])


class _Reader:
    """What a file's commands declare and assert.

    Attributes
    ----------
    rows : list of Row
        Those that hold in every case.
    several : list of Cases
        The assertions of which each allows several.
    contradiction : bool
        Whether an assertion holds nowhere.
    """

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self.several: list[Cases] = []
        self.contradiction = False
        self._kinds: dict[str, str] = {}
        self._words: dict[str, Affine] = {}
        self._rows: dict[tuple[str, str, str], Condition] = {}
        self._version = 0
        self._network: tuple[Tensor, Tensor] | None = None

    def is_input(self, row: Row) -> bool:
        """Return whether an inequality is about inputs."""
        return self._kind(row.names[0]) == "X"

    def _kind(self, name: str) -> str | None:
        """Return "X" for an input, "Y" for an output, None for what is neither."""
        if self._network is None:
            return self._kinds.get(name)
        for kind, tensor in zip("XY", self._network, strict=True):
            if tensor.place(name) is not None:
                return kind
        return None

    def inputs_and_outputs(self) -> tuple[Names, Names]:
        """Return the names of the inputs and those of the outputs, in order.

        Raises
        ------
        DomainError
            If some are missing.
        """
        if self._network is not None:
            return self._network
        if self._version == 2:
            raise DomainError("VNN-LIB 2.0 without a (declare-network ...)")
        found: list[Names] = []
        for kind in "XY":
            numbers = sorted(int(n[2:]) for n, k in self._kinds.items() if k == kind)
            if not numbers or numbers != list(range(len(numbers))):
                raise DomainError(
                    f"expected the constants {kind}_0, {kind}_1, ..., found {len(numbers)}"
                    + (f", the last one {kind}_{numbers[-1]}" if numbers else "")
                )
            found.append(Constants(kind, len(numbers)))
        return found[0], found[1]

    # -- commands --------------------------------------------------------------------------------

    def command(self, items: list[Any]) -> None:
        """Take an outermost expression."""
        if not items or not isinstance(items[0], str):
            raise DomainError(
                f"expected a command's name, found {shown(items[0] if items else ())}"
            )
        head, *rest = items
        if head in ("declare-const", "declare-fun"):
            self._declare(head, rest)
        elif head == "assert":
            if len(rest) != 1:
                raise DomainError(f"an assert holds one condition, found {len(rest)}")
            self._assert(self._condition(rest[0]))
        elif head == "vnnlib-version":
            self._set_version(rest)
        elif head == "declare-network":
            self._declare_network(rest)
        elif head not in _IGNORED:
            raise DomainError(
                f"the command {shown(head)} is not supported; known are declare-const, declare-fun and assert"
            )

    def _set_version(self, rest: list[Any]) -> None:
        word = rest[0] if len(rest) == 1 and isinstance(rest[0], str) else ""
        match = re.fullmatch(r"<?([0-9]{1,9})\.[0-9]+>?", word)
        if match is None or int(match[1]) not in (1, 2):
            what = shown(rest[0]) if len(rest) == 1 else f"{len(rest)} words"
            raise DomainError(
                f"VNN-LIB of version {what}; 1.0 and 2.0 are read, as (vnnlib-version <2.0>)"
            )
        self._version = int(match[1])

    def _declare(self, head: str, rest: list[Any]) -> None:
        if self._version == 2 or self._network is not None:
            raise DomainError(
                f"VNN-LIB 2.0 declares its inputs and outputs in (declare-network ...), found {head}"
            )
        if head == "declare-fun" and len(rest) == 3 and rest[1] == ():
            rest = [rest[0], rest[2]]
        if len(rest) != 2:
            raise DomainError(
                "a constant is declared as (declare-const X_0 Real) or (declare-fun X_0 () Real)"
            )
        name, sort = rest
        if not isinstance(name, str) or not re.fullmatch(r"[XY]_(0|[1-9][0-9]{0,8})", name):
            raise DomainError(f"constants are named X_i or Y_i, found {shown(name)}")
        if sort != "Real":
            raise DomainError(f"{name} is of sort {shown(sort)}; inputs and outputs are Real")
        self._kinds[name] = name[0]

    def _declare_network(self, rest: list[Any]) -> None:
        if self._version == 1:
            raise DomainError("VNN-LIB 1.0 has no declare-network")
        if self._network is not None:
            raise DomainError("VNN-LIB 2.0 with several networks is not supported, only with one")
        if self._kinds:
            raise DomainError("VNN-LIB 2.0 has no declare-const beside its declare-network")
        if not rest or not isinstance(rest[0], str):
            raise DomainError(
                f"a network has a name, as in {_NETWORK}; found {shown(rest[0]) if rest else 'none'}"
            )
        found: dict[str, list[Tensor]] = {"declare-input": [], "declare-output": []}
        for part in rest[1:]:
            if isinstance(part, str):
                raise DomainError(
                    f"expected declarations in parentheses, as in {_NETWORK}; found {shown(part)}"
                )
            head = part[0] if part else part
            if head not in found:
                raise DomainError(
                    f"VNN-LIB 2.0 with {shown(head)} in its network is not supported, only with declare-input "
                    "and declare-output"
                )
            found[head].append(_tensor(part))
        for head, tensors in found.items():
            if len(tensors) != 1:
                raise DomainError(
                    f"VNN-LIB 2.0 is read if a network has one input and one output, found {len(tensors)} of "
                    f"{head}"
                )
        (one,), (other,) = found.values()
        if one.name == other.name:
            raise DomainError(
                f"VNN-LIB 2.0: the input and the output have one name, {shown(one.name)}"
            )
        self._network = one, other

    def _assert(self, condition: Condition) -> None:
        cases = cases_of(condition)
        if len(cases) == 1:
            self.rows += cases[0]
        elif cases:
            self.several.append(cases)
        else:
            self.contradiction = True

    # -- conditions and terms --------------------------------------------------------------------

    def value_of(self, items: list[Any], outermost: Any) -> Any:
        """Return the value of an inner expression: a term or a condition within an assert."""
        if outermost != "assert":
            return tuple(items)
        head = items[0] if items else None
        if not isinstance(head, str):
            raise DomainError(f"expected an operator, found {'()' if not items else shown(head)}")
        if head in _CONNECTIVES:
            return _connected(head, [self._condition(part) for part in items[1:]])
        if head in _COMPARISONS:
            return self._comparison(head, items[1:])
        if head not in ("+", "-", "*", "/"):
            raise DomainError(
                f"{shown(head)} is not supported; known are +, -, * and / by a number, "
                f"{', '.join((*_COMPARISONS, *_CONNECTIVES))}; a let is to be written out"
            )
        parts = [self._term(part) for part in items[1:]]
        if len(parts) < (1 if head in "+-" else 2):
            raise DomainError(f"{head!r} of {len(parts)} terms")
        if head == "*":
            return terms.product(parts)
        if head == "/":
            return terms.quotient(parts)
        return terms.total(head, parts, [not isinstance(part, str) for part in items[1:]])

    def _condition(self, part: Any) -> Condition:
        if part in ("true", "false") and isinstance(part, str):
            return part == "true"
        if isinstance(part, (bool, Several, Row)):
            return part
        raise DomainError(
            f"expected a condition, found {shown(part) if isinstance(part, str) else 'a term'}"
        )

    def _term(self, part: Any) -> Affine:
        if isinstance(part, Affine):
            return part
        if not isinstance(part, str):
            raise DomainError("expected a term, found a condition")
        found = self._words.get(part)
        if found is None:
            if self._kind(part) is not None:
                found = Affine({part: Fraction(1)}, Fraction(0))
            else:
                found = Affine({}, terms.number(part))
            self._words[part] = found
        return found

    def _comparison(self, head: str, parts: list[Any]) -> Condition:
        """Return ``head`` of terms, each held against the next."""
        if len(parts) < 2:
            raise DomainError(f"{head!r} compares two terms or more, found {len(parts)}")
        if head in ("!=", "distinct") and len(parts) > 2:
            raise DomainError(f"{head!r} of more than two terms is not supported")
        words = len(parts) == 2 and isinstance(parts[0], str) and isinstance(parts[1], str)
        key = (head, parts[0], parts[1]) if words else None
        if key in self._rows:
            return self._rows[key]
        found: list[Any] = []
        for left, right in itertools.pairwise([self._term(part) for part in parts]):
            found += [terms.comparison(sign, left, right) for sign in _COMPARISONS[head]]
        for row in found:
            self._refuse_mixed(row)
        result = found[0] if len(found) == 1 else Several(head not in ("!=", "distinct"), found)
        if key is not None:
            self._rows[key] = result
        return result

    def _refuse_mixed(self, row: Row | bool) -> None:
        """Raise where an inequality is about inputs and outputs at once."""
        if isinstance(row, Row) and len({self._kind(name) for name in row.names}) > 1:
            names = sorted(row.names)
            raise DomainError(
                "an assertion must be about inputs or about outputs, found "
                f"{' and '.join(names if len(names) < 5 else [*names[:2], '...', *names[-2:]])} together"
            )


_CONNECTIVES = ("and", "or", "not", "=>")
_COMPARISONS = {
    "<=": ("<=",),
    ">=": (">=",),
    "<": ("<",),
    ">": (">",),
    "=": ("<=", ">="),
    "==": ("<=", ">="),
    "!=": ("<", ">"),
    "distinct": ("<", ">"),
}


def _connected(head: str, parts: list[Condition]) -> Condition:
    if head == "not":
        if len(parts) != 1:
            raise DomainError(f"'not' of {len(parts)} conditions")
        return negation(parts[0])
    if head == "=>":
        if len(parts) < 2:
            raise DomainError(f"'=>' of {len(parts)} conditions")
        return Several(False, [*map(negation, parts[:-1]), parts[-1]])
    return Several(head == "and", parts)


_NETWORK = "(declare-network N (declare-input X float32 [1, 5]) (declare-output Y float32 [1, 2]))"


def _tensor(part: tuple[Any, ...]) -> Tensor:
    """Return the tensor that ``(declare-input X Real [1, 5])`` declares."""
    if len(part) != 4 or not all(isinstance(word, str) for word in part):
        raise DomainError(
            f"VNN-LIB 2.0 declares a tensor as ({part[0]} X float32 [1, 5]), found {len(part)} words"
        )
    _, name, kind, shape = part
    if kind not in _TYPES:
        raise DomainError(
            f"VNN-LIB 2.0 with a tensor of type {shown(kind)}; {', '.join(_TYPES)} are read"
        )
    if not re.fullmatch(r"\[(([1-9][0-9]{0,8})(,[1-9][0-9]{0,8}){0,15})?\]", shape):
        raise DomainError(
            f"VNN-LIB 2.0: {shown(shape)} is not the shape of a tensor, such as [1, 5]"
        )
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_.-]{0,99}", name):
        raise DomainError(f"VNN-LIB 2.0: {shown(name)} is not the name of a tensor")
    sizes = [int(n) for n in shape[1:-1].split(",") if n]
    if math.prod(sizes) > _MOST_CONSTANTS:
        raise DomainError(
            f"{name} has {math.prod(sizes):,} elements, more than {_MOST_CONSTANTS:,}"
        )
    return Tensor(name, sizes)
