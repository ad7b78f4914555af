"""Expressions in parentheses, folded as they close: nothing is kept of one but its value, and nothing recurses."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from polyenum.errors import DomainError

# Of parentheses within parentheses.
DEEPEST = 10_000

# Comments, parentheses, "strings", |quoted words|, words with an index or a shape such as X[0, 1], other words.
# What stands between brackets is short, or a file of nothing but brackets would take forever.
_TOKEN = re.compile(
    r""";[^\n\r]*|[()]|"[^"]*"|\|[^|]*\||[^\s();"|\[\]]*\[[0-9,\s]{0,300}\]|[^\s();"|]+|["|]"""
)


def fold(
    text: str,
    *,
    value_of: Callable[[list[Any], Any], Any],
    command: Callable[[list[Any]], None],
) -> None:
    """Read all expressions of a text: each is a list of words and of values of inner expressions.

    Parameters
    ----------
    text : str
    value_of : callable
        Returns the value of an inner expression, given its list, and what the outermost one begins with.
    command : callable
        Takes the list of an outermost expression.

    Raises
    ------
    DomainError
        If parentheses do not match, or a callable raises it; the line is named.
    """
    stack: list[list[Any]] = []
    place = 0
    try:
        for match in _TOKEN.finditer(text):
            word, place = match[0], match.start()
            if word == "(":
                if len(stack) >= DEEPEST:
                    raise DomainError(f"parentheses are nested deeper than {DEEPEST:,}")
                stack.append([])
            elif word[0] == ";":
                continue
            elif not stack:
                raise DomainError(
                    "a closing parenthesis without an opening one"
                    if word == ")"
                    else f"expected a command in parentheses, found {shown(word)}"
                )
            elif word != ")":
                stack[-1].append(_unquoted(word))
            elif len(stack) > 1:
                items = stack.pop()
                stack[-1].append(value_of(items, stack[0][0] if stack[0] else None))
            else:
                command(stack.pop())
        if stack:
            raise DomainError("a parenthesis is not closed: is the file cut off?")
    except DomainError as error:
        line = text.count("\n", 0, place) + 1
        raise DomainError(f"line {line:,}: {error}") from None


def shown(thing: Any) -> str:
    """Return a word as a message shows it, or what else it is."""
    if not isinstance(thing, str):
        return "an expression in parentheses"
    return repr(thing if len(thing) <= 60 else f"{thing[:57]}...")


def _unquoted(word: str) -> str:
    if word in ('"', "|"):
        raise DomainError(f"a {word} is not closed")
    if word[0] == "|":
        return word[1:-1]
    if word[-1] == "]":
        return "".join(word.split())
    return word
