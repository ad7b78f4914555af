"""Checks of what tables of activations and stages are made of: arrays of the right types that fit."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from polyenum.errors import NetworkError
from polyenum.networks.weights import Weight
from polyenum.options import found, has_mask

if TYPE_CHECKING:
    from polyenum.networks.activation import ActivationTable

_NUMBERS = ("breakpoints", "slopes", "starts")


def exact_float64(values: Any, name: str) -> NDArray[np.float64]:
    """Return `values` as a float64 array that holds the same real numbers.

    Raises
    ------
    NetworkError
        If they are not real numbers, some are masked, or float64 does not hold them exactly.
    """
    try:
        if hasattr(values, "detach"):  # a torch tensor
            values = values.detach().cpu()
            values = values.double() if values.is_floating_point() else values
        array = np.asarray(values)
    except MemoryError:
        raise
    except (
        Exception
    ) as error:  # what somebody's own methods raise, and torch's, of tensors without numbers
        raise NetworkError(f"{name}: expected an array of real numbers ({error})") from None
    if array.dtype.kind not in "buif":
        raise NetworkError(f"{name}: expected an array of real numbers, found dtype {array.dtype}")
    if has_mask(values):
        raise NetworkError(f"{name}: expected an array of real numbers, found masked ones")
    with np.errstate(over="ignore"):
        result = np.ascontiguousarray(array, np.float64).reshape(array.shape)
    exact = array.dtype.kind == "b" or array.dtype.itemsize <= 4 or array.dtype == np.float64
    if not exact and not np.array_equal(result.astype(array.dtype), array, equal_nan=True):
        raise NetworkError(f"{name}: float64 does not hold every {array.dtype} number in it")
    return result


def checked_array(values: Any, name: str) -> NDArray[np.float64]:
    """Return a float64 array as it is, and anything else as `exact_float64` does."""
    if type(values) is np.ndarray and values.dtype == np.float64:
        return values
    return exact_float64(values, name)


def checked_weight(weight: Any, name: str) -> Weight:
    """Return a dense weight, or a sparse one as a csr array that holds each entry once, in order.

    Raises
    ------
    NetworkError
        If it is none.
    """
    sparse = sys.modules.get("scipy.sparse")
    if sparse is None or not sparse.issparse(weight):
        return checked_array(weight, name)
    try:
        matrix = weight if isinstance(weight, sparse.csr_array) else sparse.csr_array(weight)
        matrix.check_format(full_check=True)
    except (ValueError, TypeError) as error:
        raise NetworkError(f"{name}: expected a matrix, found a damaged one ({error})") from None
    if matrix.dtype != np.float64:
        data = exact_float64(matrix.data, name)
        matrix = sparse.csr_array((data, matrix.indices, matrix.indptr), matrix.shape)
    if not matrix.has_canonical_format:
        matrix = matrix.copy()
        matrix.sum_duplicates()
    return matrix


def check_words(name: str, folded: Any, where: str) -> None:
    """Raise unless a stage's name is a text, and `folded` some texts, that a file can hold.

    Raises
    ------
    NetworkError
    """
    if not _is_text(name):
        raise NetworkError(
            f"{where}: name must be a string that a file can hold, found {found(name)}"
        )
    if not isinstance(folded, (list, tuple)) or not all(map(_is_text, folded)):
        raise NetworkError(f"{where}: folded must be a list of strings, found {found(folded)}")


def _is_text(word: Any) -> bool:
    """Return whether `word` is a string without half of a pair of surrogates, which no file holds."""
    return isinstance(word, str) and not any("\ud800" <= c <= "\udfff" for c in word)


def check_table(table: ActivationTable) -> None:
    """Make the parts of a table arrays of their types, and raise unless they fit each other.

    Raises
    ------
    NetworkError
    """
    parts: dict[str, Any] = {"offsets": _integers(table.offsets, "offsets")}
    for name in _NUMBERS:
        parts[name] = checked_array(getattr(table, name), f"ActivationTable: {name}")
    if table.groups is not None:
        parts["groups"] = _integers(table.groups, "groups")
    if table.own_intercepts is not None:
        parts["own_intercepts"] = checked_array(
            table.own_intercepts, "ActivationTable: own_intercepts"
        )
    for name, array in parts.items():
        object.__setattr__(table, name, array)
    _check_shapes(table)
    _check_numbers(table)
    if table.own_intercepts is not None:
        _check_intercepts(table)
    if table.groups is not None:
        _check_groups(table)
        if (table.groups < 0).all():
            object.__setattr__(table, "groups", None)
    _check_range(table)


def _integers(values: Any, name: str) -> NDArray[np.int64]:
    """Return an int64 array as it is, and other integers as one."""
    if type(values) is np.ndarray and values.dtype == np.int64:
        return values
    try:
        array = np.asarray(values)
        good = array.dtype.kind in "ui" and not has_mask(values)
        good = good and bool((array < 2**62).all() and (array > -(2**62)).all())
    except MemoryError:
        raise
    except Exception:  # what somebody's own methods raise
        good = False
    if not good:
        raise NetworkError(f"ActivationTable: {name} must be integers, found {found(values)}")
    return np.array(array, np.int64)


def _check_shapes(table: ActivationTable) -> None:
    """Raise unless the arrays have one axis, and the lengths that the offsets ask for."""
    for name in ("offsets", *_NUMBERS, "groups", "own_intercepts"):
        array = getattr(table, name)
        if array is not None and array.ndim != 1:
            raise NetworkError(
                f"ActivationTable: {name} must have one axis, found shape {array.shape}"
            )
    offsets, m, n = table.offsets, len(table.breakpoints), len(table.starts)
    if len(offsets) != n + 1:
        raise NetworkError(
            f"ActivationTable: {n} coordinates (as many as starts) need {n + 1} offsets, found {len(offsets)}"
        )
    if offsets[0] != 0 or offsets[-1] != m or (offsets[1:] < offsets[:-1]).any():
        raise NetworkError(
            f"ActivationTable: offsets must go from 0 to {m}, the number of breakpoints, and never fall; found "
            f"{found(offsets.tolist())}"
        )
    for name, length in (("slopes", m + n), ("own_intercepts", m + n), ("groups", n)):
        array = getattr(table, name)
        if array is not None and len(array) != length:
            raise NetworkError(
                f"ActivationTable: {m} breakpoints of {n} coordinates need {length} {name}, found {len(array)}"
            )


def _check_numbers(table: ActivationTable) -> None:
    """Raise unless all numbers are finite, and the breakpoints of each coordinate increase."""
    for name in _NUMBERS:
        array = getattr(table, name)
        if not np.isfinite(array).all():
            at = int(np.flatnonzero(~np.isfinite(array))[0])
            raise NetworkError(f"ActivationTable: {name}[{at}] is {array[at]}, not finite")
    coordinate, points = table.breakpoint_coordinate, table.breakpoints
    fall = (coordinate[1:] == coordinate[:-1]) & (points[1:] <= points[:-1])
    if fall.any():
        i = int(coordinate[np.flatnonzero(fall)[0]])
        own = points[table.offsets[i] : table.offsets[i + 1]].tolist()
        raise NetworkError(
            f"ActivationTable: the breakpoints of coordinate {i} must increase, found {found(own)}"
        )


def _check_intercepts(table: ActivationTable) -> None:
    """Raise unless each coordinate has all intercepts, of which the first is its start, or none."""
    own = table.own_intercepts
    assert own is not None
    sizes = np.diff(table.slope_offsets)
    coordinate = np.repeat(np.arange(len(table)), sizes)
    known = ~np.isnan(own)
    count = np.bincount(coordinate[known], minlength=len(table))
    bad = (count > 0) & (count != sizes)
    bad[coordinate[np.isinf(own)]] = True
    first = own[table.slope_offsets[:-1]]
    bad |= (count > 0) & (first != table.starts)
    if bad.any():
        i = int(np.flatnonzero(bad)[0])
        at = slice(table.slope_offsets[i], table.slope_offsets[i + 1])
        raise NetworkError(
            f"ActivationTable: own_intercepts of coordinate {i} must be finite, one for each of its slopes, the "
            f"first of them its start {table.starts[i]}, or all NaN; found {found(own[at].tolist())}"
        )


def _check_groups(table: ActivationTable) -> None:
    """Raise unless the members of each maximum stand side by side, with the activation of a member."""
    groups = table.groups
    assert groups is not None
    if (groups < -1).any():
        raise NetworkError(
            f"ActivationTable: groups must be numbers from 0, or -1 of none, found {groups.min()}"
        )
    inside = np.flatnonzero(groups >= 0)
    if not len(inside):
        return
    begins = np.append(True, (np.diff(groups[inside]) != 0) | (np.diff(inside) != 1))
    numbers, sizes = groups[inside[begins]], np.diff(np.append(np.flatnonzero(begins), len(inside)))
    kinds, times = np.unique(numbers, return_counts=True)
    if (times > 1).any():
        raise NetworkError(
            "ActivationTable: the members of a maximum must stand side by side, but group "
            f"{kinds[times > 1][0]} is at several places"
        )
    if (sizes < 2).any():
        raise NetworkError(
            "ActivationTable: a maximum needs two members or more, but group "
            f"{numbers[sizes < 2][0]} has one; -1 is for a coordinate of no group"
        )
    one = np.diff(table.offsets)[inside] == 1
    at = np.where(one, table.slope_offsets[inside], 0)
    point = np.where(one, table.offsets[inside], 0)
    fits = one & (table.slopes[at] == 0) & (table.starts[inside] == 0)
    if one.any():
        fits &= (table.breakpoints[point] == 0) & (table.slopes[at + 1] == 1)
    if table.own_intercepts is not None:
        fits &= np.isnan(table.own_intercepts[at])
    if not fits.all():
        i = int(inside[~fits][0])
        raise NetworkError(
            f"ActivationTable: coordinate {i} is a member of group {groups[i]}, so it must have the breakpoint 0, "
            "the slopes 0 and 1, and the start 0"
        )


def _check_range(table: ActivationTable) -> None:
    """Raise unless float64 has all intercepts; only large numbers are looked at one by one."""
    with np.errstate(over="ignore"):
        steps = 2 * np.abs(table.slopes).max(initial=0) * np.abs(table.breakpoints).max(initial=0)
        most = np.abs(table.starts).max(initial=0) + steps * np.diff(table.offsets).max(initial=0)
    if most < 1e308:
        return
    try:
        finite = bool(np.isfinite(table.intercepts).all())
    except OverflowError:
        finite = False
    if not finite:
        raise NetworkError(
            "ActivationTable: an intercept that follows from the slopes and breakpoints is beyond the range of "
            "float64; give smaller ones"
        )
