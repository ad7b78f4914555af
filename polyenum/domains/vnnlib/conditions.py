"""``and``, ``or`` and ``not`` of inequalities, as a disjunction of conjunctions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from polyenum.domains.vnnlib.terms import Row
from polyenum.errors import DomainError

MOST_CASES = 100_000
MOST_ROWS = 5_000_000


class Several(NamedTuple):
    """Conditions of which all hold, or any.

    Attributes
    ----------
    every : bool
        Whether all hold; else any.
    parts : list of conditions
        A condition is a `Row`, a bool or a `Several`.
    negated : bool
        Whether it is the parts' negations that hold.
    """

    every: bool
    parts: list[Any]
    negated: bool = False


Condition = Row | bool | Several
Cases = list[list[Row]]


def negation(condition: Condition) -> Condition:
    """Return the condition that holds where `condition` does not; parts are not looked at."""
    if isinstance(condition, Several):
        return Several(not condition.every, condition.parts, not condition.negated)
    return condition.negated() if isinstance(condition, Row) else not condition


def cases_of(condition: Condition) -> Cases:
    """Return a condition as cases: it holds where all inequalities of any one of them do.

    Raises
    ------
    DomainError
        If there are more than `MOST_CASES`, or more than `MOST_ROWS` inequalities in them.
    """
    done: list[Cases] = []
    todo: list[tuple[Condition, bool]] = [(condition, False)]
    while todo:
        found, parts_done = todo.pop()
        if isinstance(found, Row):
            done.append([[found]])
        elif isinstance(found, bool):
            done.append([[]] if found else [])
        elif not parts_done:
            todo.append((found, True))
            todo += [(negation(part) if found.negated else part, False) for part in found.parts]
        else:
            # The last part was done first.
            parts = [done.pop() for _ in found.parts]
            done.append(every(parts) if found.every else [case for part in parts for case in part])
        check_size(len(done[-1]) if done else 0)
    return done[0]


def every(parts: Sequence[Cases]) -> Cases:
    """Return the cases in which one of each of `parts` holds.

    Raises
    ------
    DomainError
        If they are too many.
    """
    found: Cases = [[]]
    size = 0
    for part in parts:
        rows = sum(map(len, part))
        check_size(len(found) * len(part), size * len(part) + rows * len(found))
        size = size * len(part) + rows * len(found)
        if len(part) == 1:
            for case in found:
                case += part[0]
        else:
            found = [one + other for one in found for other in part]
    return found


def check_size(cases: int, rows: int = 0) -> None:
    """Raise where there are too many cases, or inequalities in them.

    Raises
    ------
    DomainError
    """
    if cases > MOST_CASES:
        raise DomainError(f"the disjunctions multiply to more than {MOST_CASES:,} cases")
    if rows > MOST_ROWS:
        raise DomainError(f"the disjunctions multiply to more than {MOST_ROWS:,} inequalities")
