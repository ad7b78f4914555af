"""Checks of what `ActivationTable` is made from, before any of it is computed with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from polyenum.errors import NetworkError, OptionError
from polyenum.options import found, several, whole

MOST_COORDINATES = 10**9


def check_rows(rows: Any) -> None:
    """Raise unless `rows` are triples of breakpoints, slopes, and a start or several.

    Each is looked at once, however often a layer repeats it.

    Raises
    ------
    NetworkError
    """
    if not isinstance(rows, (list, tuple)):
        raise NetworkError(
            f"rows must be a list of (breakpoints, slopes, start), found {found(rows)}"
        )
    for i, row in {id(row): (i, row) for i, row in enumerate(rows)}.values():
        name = f"rows: activation of coordinate {i}"
        if not isinstance(row, (list, tuple)) or len(row) != 3:
            raise NetworkError(f"{name}: expected (breakpoints, slopes, start), found {found(row)}")
        for part, values in zip(("breakpoints", "slopes"), row[:2], strict=True):
            if not _is_numbers(values):
                raise NetworkError(
                    f"{name}: {part} must be real numbers in a list, found {found(values)}"
                )
        if not _is_number(row[2]) and not (isinstance(row[2], Sequence) and _is_numbers(row[2])):
            raise NetworkError(
                f"{name}: start must be a real number, or one for each slope, found {found(row[2])}"
            )


def checked_count(name: str, n: Any, rows: Sequence[Any]) -> int:
    """Return a number of coordinates, after a look at the rows that they are to have.

    Raises
    ------
    NetworkError
        If it is none, or a row is none.
    """
    check_rows(rows)
    try:
        return whole(name, n, least=0, most=MOST_COORDINATES)
    except OptionError as error:
        raise NetworkError(str(error)) from None


def checked_sizes(sizes: Any) -> list[int]:
    """Return the sizes of groups of a maximum each.

    Raises
    ------
    NetworkError
        If they are no whole numbers of at least 1.
    """
    try:
        groups = several("sizes", sizes, "a list of whole numbers")
        return [whole("sizes", n, most=MOST_COORDINATES) for n in groups]
    except OptionError as error:
        raise NetworkError(f"{error}; a maximum has 1 member or more") from None


def _is_numbers(values: Any) -> bool:
    array = isinstance(values, np.ndarray) and values.ndim == 1
    return (array or isinstance(values, (list, tuple, range))) and all(map(_is_number, values))


def _is_number(value: Any) -> bool:
    """Return whether a value is a number that arrays hold; NaN and infinities are refused later."""
    if isinstance(value, int):
        return not isinstance(value, bool) and abs(value) < 2**63
    return isinstance(value, (float, np.floating, np.integer))
