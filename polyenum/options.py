"""Checks of arguments, all in one place: each returns the argument as the type that it is to have.

What is wrong raises the project's own error, which names the argument, what was found, and what would work.
"""

from __future__ import annotations

import math
import operator
import os
from collections.abc import Sequence
from numbers import Real
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from polyenum.errors import OptionError, PolyenumError, RegionError

NORMS = (1, 2, math.inf)


def found(value: Any) -> str:
    """Return what a message says of a value: its repr, if that is short and can be had, or else its type."""
    try:
        text = repr(value)
    except Exception:  # somebody's own __repr__, or an integer of too many digits
        return f"a value of type {type(value).__name__}"
    return text if len(text) <= 80 else f"{text[:77]}..."


def whole(name: str, value: Any, *, least: int = 1, most: int | None = None) -> int:
    """Return a whole number of at least `least`, and at most `most`.

    Raises
    ------
    OptionError
        If it is none: True and 2.0 are none either.
    """
    good = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
    if not good or value < least or (most is not None and value > most):
        range_ = f"of at least {least}" if most is None else f"from {least} to {most:,}"
        raise OptionError(f"{name} must be a whole number {range_}, found {found(value)}")
    return int(value)


def whole_or_none(name: str, value: Any, *, least: int = 1, most: int | None = None) -> int | None:
    """Return a whole number as `whole` does, or None."""
    return None if value is None else whole(name, value, least=least, most=most)


def real(
    name: str,
    value: Any,
    *,
    above: float | None = None,
    least: float | None = None,
    most: float | None = None,
    infinite: bool = False,
) -> float:
    """Return a real number as a float: above `above`, at least `least`, at most `most`.

    Raises
    ------
    OptionError
        If it is none, as True and NaN; or infinite, unless `infinite` numbers are welcome.
    """
    number = math.nan
    if isinstance(value, Real) and not isinstance(value, (bool, np.bool_)):
        try:
            number = float(value)
        except (OverflowError, ValueError):
            number = math.nan
    good = not math.isnan(number) and (infinite or not math.isinf(number))
    good = good and (above is None or number > above) and (least is None or number >= least)
    if not good or (most is not None and number > most):
        limits = [
            *([f"above {above:g}"] if above is not None else []),
            *([f"of at least {least:g}"] if least is not None else []),
            *([f"of at most {most:g}"] if most is not None else []),
        ]
        kind = "a number" if infinite else "a finite number"
        raise OptionError(
            f"{name} must be {' '.join([kind, ' and '.join(limits)]).strip()}, found {found(value)}"
        )
    return number


def flag(name: str, value: Any) -> bool:
    """Return True or False.

    Raises
    ------
    OptionError
        If it is neither.
    """
    if not isinstance(value, (bool, np.bool_)):
        raise OptionError(f"{name} must be True or False, found {found(value)}")
    return bool(value)


def choice(name: str, value: Any, known: Sequence[str]) -> str:
    """Return one of some words.

    Raises
    ------
    OptionError
        If it is none of them.
    """
    if not isinstance(value, str) or value not in known:
        raise OptionError(
            f"{name} must be one of {', '.join(map(repr, known))}, found {found(value)}"
        )
    return str(value)


def choices(name: str, value: Any, known: Sequence[str]) -> tuple[str, ...]:
    """Return one or several of some words, as a tuple.

    Raises
    ------
    OptionError
        If there are none, or others.
    """
    chosen = (value,) if isinstance(value, str) else value
    good = isinstance(chosen, (list, tuple)) and len(chosen) > 0
    if not good or not all(isinstance(x, str) and x in known for x in chosen):
        raise OptionError(
            f"{name} must be among {', '.join(map(repr, known))}, found {found(value)}"
        )
    return tuple(chosen)


def text(name: str, value: Any) -> str:
    """Return a string.

    Raises
    ------
    OptionError
        If it is none.
    """
    if not isinstance(value, str):
        raise OptionError(f"{name} must be a string, found {found(value)}")
    return value


def several(name: str, value: Any, what: str) -> list[Any]:
    """Return the members of a list, a tuple, a range or an array of one axis.

    Raises
    ------
    OptionError
        If it is none of these; `what` says what would do.
    """
    good = isinstance(value, (list, tuple, range))
    if not good and not (isinstance(value, np.ndarray) and value.ndim == 1):
        raise OptionError(f"{name} must be {what}, found {found(value)}")
    return list(value)


def file_path(name: str, value: Any, error: type[PolyenumError]) -> Path:
    """Return a path.

    Raises
    ------
    PolyenumError
        The given `error`, if it is none.
    """
    if not isinstance(value, (str, os.PathLike)) or isinstance(value, bytes):
        raise error(f"{name} must be the path of a file, found {found(value)}")
    try:
        path = os.fspath(value)
    except Exception:  # what somebody's own method raises
        path = ""
    if not isinstance(path, str) or not path:
        raise error(f"{name} must be the path of a file, found {found(value)}")
    if "\0" in path:
        raise error(f"{name} must be the path of a file, without a zero byte, found {found(value)}")
    return Path(path)


def seed(name: str, value: Any) -> int:
    """Return a seed of random numbers: a whole number of at least 0.

    Raises
    ------
    OptionError
        If it is none.
    """
    return whole(name, value, least=0)


def norm(name: str, value: Any) -> float:
    """Return 1, 2 or infinity.

    Raises
    ------
    OptionError
        If it is none of them.
    """
    if isinstance(value, Real) and not isinstance(value, (bool, np.bool_)):
        for known in NORMS:
            if value == known:
                return known
    raise OptionError(f"{name} must be 1, 2 or numpy.inf, found {found(value)}")


def has_mask(value: Any) -> bool:
    """Return whether any number is masked, in a masked array or in lists of them."""
    if isinstance(value, np.ma.MaskedArray):
        return bool(np.ma.is_masked(value))
    if not isinstance(value, (list, tuple)):
        return False
    return any(has_mask(x) for x in value if isinstance(x, (list, tuple, np.ma.MaskedArray)))


def numbers(
    name: str, value: Any, error: type[PolyenumError], *, shape: tuple[int, ...] | None = None
) -> NDArray[np.float64]:
    """Return an array of real numbers as a float64 array of its own, of a shape if one is given.

    Raises
    ------
    PolyenumError
        The given `error`, if it is none.
    """
    try:
        given = np.asarray(value)
        # What NumPy takes for objects may be numbers, such as fractions.
        if given.dtype.kind not in "uifO" or (
            given.dtype.kind == "O"
            and not all(isinstance(x, (Real, np.number)) for x in given.flat)
        ):
            raise TypeError
        array = np.array(given, np.float64)
    except MemoryError:
        raise
    except Exception:  # what somebody's own methods raise, too
        raise error(f"{name}: expected real numbers, found {found(value)}") from None
    if has_mask(value):
        raise error(f"{name}: expected real numbers, found masked ones: {found(value)}")
    if shape is not None and array.shape != shape:
        raise error(f"{name}: expected shape {shape}, found shape {array.shape}")
    return array


def place(name: str, index: Any, count: int, of: str) -> int:
    """Return the place, from 0, that an index of a list of `count` things means; negative ones count from the end.

    Raises
    ------
    IndexError
        If there is none.
    RegionError
        If the index is no integer.
    """
    try:
        number = None if isinstance(index, (bool, np.bool_)) else operator.index(index)
    except Exception:  # what somebody's own method raises, too
        number = None
    if number is None:
        raise RegionError(f"{name}: an index must be an integer or a slice, found {found(index)}")
    if not -count <= number < count:
        raise IndexError(f"{name} {found(number)} of {of} of {count:,} regions")
    return number % count


def chosen(name: str, value: Any, count: int) -> Any:
    """Return what chooses some of `count` regions: a slice, or an array of integers or of True and False.

    Raises
    ------
    RegionError
        If it is something else, or beyond their number.
    """
    if isinstance(value, slice):
        parts = (value.start, value.stop, value.step)
        if value.step != 0 and all(x is None or isinstance(x, (int, np.integer)) for x in parts):
            return value
    else:
        try:
            array = (
                np.asarray(value) if isinstance(value, (list, tuple, np.ndarray)) else np.zeros(0)
            )
        except Exception:  # lists of several lengths, or what somebody's own methods raise
            array = np.zeros(0, object)
        if has_mask(value):
            array = np.zeros(0, object)
        if array.dtype == np.bool_ and array.shape == (count,):
            return array
        if array.dtype.kind in "ui" and array.ndim == 1:
            if np.all((array >= -count) & (array < count)):
                return array
        elif isinstance(value, (list, tuple)) and not value:
            return array.astype(np.int64)
    raise RegionError(
        f"{name} must be a slice, or integers below {count:,} in a list or an array, found {found(value)}"
    )
