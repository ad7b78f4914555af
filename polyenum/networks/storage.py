"""Networks as named arrays, every number as it is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from polyenum.networks import ActivationTable, PiecewiseLinearNetwork, Stage
from polyenum.networks.weights import Weight, is_sparse

Arrays = dict[str, NDArray[Any]]
# Of a sparse weight, whose file holds no number for each: an image of 8,192 by 8,192.
_MOST_INPUTS = 1 << 26
_FIELDS = ("offsets", "breakpoints", "slopes", "starts", "groups", "own_intercepts")


def network_arrays(network: PiecewiseLinearNetwork) -> tuple[list[dict[str, Any]], Arrays]:
    """Return what a header says of each stage, and the arrays."""
    header, arrays = [], {}
    for i, stage in enumerate(network.stages):
        name = f"stage{i}."
        weight: Any = stage.weight
        if is_sparse(weight):
            if not weight.has_canonical_format:
                weight = weight.copy()
                weight.sum_duplicates()
            arrays[name + "data"] = weight.data
            arrays[name + "indices"] = weight.indices
            arrays[name + "indptr"] = weight.indptr
        else:
            arrays[name + "weight"] = weight
        arrays[name + "bias"] = stage.bias
        for field in _FIELDS:
            array = getattr(stage.activation, field)
            if array is not None:
                arrays[name + field] = array
        header.append(
            {"name": stage.name, "folded": list(stage.folded), "shape": list(weight.shape)}
        )
    return header, arrays


def network_of(header: Any, arrays: Mapping[str, Any]) -> PiecewiseLinearNetwork:
    """Return the network that `network_arrays` took apart.

    Raises
    ------
    ValueError, KeyError, TypeError, NetworkError
        If it is none.
    """
    if not isinstance(header, list):
        raise TypeError(f"the stages are {type(header).__name__}, no list")
    stages = []
    for i, about in enumerate(header):
        name = f"stage{i}."
        bias = of_type(arrays, name + "bias", np.float64, 1)
        table = _table(name, arrays, len(bias))
        shape = about["shape"]
        if not isinstance(shape, list) or not all(type(n) is int for n in shape):
            raise TypeError(f"{name} has the shape {shape!r:.80}")
        folded = about["folded"]
        if not isinstance(folded, list):
            raise TypeError(f"{name} contains {folded!r:.80}")
        weight = _weight(name, tuple(shape), arrays)
        words = tuple(_text(word) for word in folded)
        stages.append(Stage(weight, bias, table, _text(about["name"]), words))
    network = PiecewiseLinearNetwork(stages)
    for i, stage in enumerate(network.stages):
        try:
            finite = np.isfinite(stage.activation.intercepts).all()
        except OverflowError:
            finite = np.False_
        if not finite:
            raise ValueError(f"stage{i}: an activation has values beyond the range of float64")
    return network


def network_names(header: list[dict[str, Any]]) -> set[str]:
    """Return the names of all arrays that a network of so many stages may have."""
    parts = ("weight", "data", "indices", "indptr", "bias", *_FIELDS)
    return {f"stage{i}.{part}" for i in range(len(header)) for part in parts}


def _text(word: Any) -> str:
    """Return a text that can be printed."""
    if not isinstance(word, str):
        raise TypeError(f"a name is {word!r:.80}")
    word.encode()  # not half of a pair of surrogates
    return word


def of_type(arrays: Mapping[str, Any], name: str, dtype: Any, axes: int) -> NDArray[Any]:
    """Return the array of that name, which is of a type and has so many axes.

    Raises
    ------
    KeyError, ValueError
        If there is none, or it is another.
    """
    found: NDArray[Any] = arrays[name]
    if found.dtype != dtype or found.ndim != axes:
        raise ValueError(
            f"{name} is of type {found.dtype} with {found.ndim} axes, not {np.dtype(dtype)} with {axes}"
        )
    return found


def _weight(name: str, shape: tuple[int, ...], arrays: Mapping[str, Any]) -> Weight:
    if name + "weight" in arrays:
        if any(name + part in arrays for part in ("data", "indices", "indptr")):
            raise ValueError(f"{name}weight is there twice, dense and sparse")
        found: NDArray[np.float64] = of_type(arrays, name + "weight", np.float64, 2)
        if found.shape != shape:
            raise ValueError(f"{name}weight has shape {found.shape}, not {shape}")
        return found
    from scipy.sparse import csr_array

    data = of_type(arrays, name + "data", np.float64, 1)
    kind = arrays[name + "indices"].dtype
    if kind not in (np.int32, np.int64):
        raise ValueError(f"{name}indices are of type {kind}")
    indices, indptr = (of_type(arrays, name + part, kind, 1) for part in ("indices", "indptr"))
    if len(shape) != 2 or len(indptr) != shape[0] + 1 or not 0 < shape[1] <= _MOST_INPUTS:
        raise ValueError(f"{name} has the shape {shape}, and {len(indptr)} row pointers")
    if (
        indptr[0] != 0
        or indptr[-1] != len(data)
        or len(indices) != len(data)
        or (indptr[1:] < indptr[:-1]).any()
        or ((indices < 0) | (indices >= shape[1])).any()
    ):
        raise ValueError(f"{name}indices or {name}indptr do not fit")
    row = np.repeat(np.arange(shape[0]), np.diff(indptr))
    if ((row[1:] == row[:-1]) & (indices[1:] <= indices[:-1])).any():
        raise ValueError(f"{name}indices of a row must increase")
    matrix = csr_array((data, indices, indptr), shape)
    matrix.check_format(full_check=True)
    return matrix


def _table(name: str, arrays: Mapping[str, Any], width: int) -> ActivationTable:
    """Return the activations of a stage of that width."""
    offsets = of_type(arrays, name + "offsets", np.int64, 1)
    breakpoints, slopes, starts = (
        of_type(arrays, name + part, np.float64, 1) for part in ("breakpoints", "slopes", "starts")
    )
    groups = own = None
    if name + "groups" in arrays:
        groups = of_type(arrays, name + "groups", np.int64, 1)
    if name + "own_intercepts" in arrays:
        own = of_type(arrays, name + "own_intercepts", np.float64, 1)
    fits = (
        len(offsets) == width + 1
        and offsets[0] == 0
        and offsets[-1] == len(breakpoints)
        and (offsets[1:] >= offsets[:-1]).all()
        and len(slopes) == len(breakpoints) + width
        and len(starts) == width
        and (groups is None or len(groups) == width)
        and (own is None or len(own) == len(slopes))
    )
    if not fits:
        raise ValueError(f"{name}: an activation table does not fit its stage")
    table = ActivationTable(offsets, breakpoints, slopes, starts, groups=groups, own_intercepts=own)
    for part, numbers in (("breakpoints", breakpoints), ("slopes", slopes), ("starts", starts)):
        if not np.isfinite(numbers).all():
            raise ValueError(f"{name}{part} holds a number that is not finite")
    same = table.breakpoint_coordinate[1:] == table.breakpoint_coordinate[:-1]
    if (same & (breakpoints[1:] <= breakpoints[:-1])).any():
        raise ValueError(f"{name}breakpoints of a coordinate must increase")
    if own is not None:
        _check_intercepts(name, own, table)
    if groups is not None:
        _check_groups(name, groups, table)
    return table


def _check_intercepts(name: str, own: NDArray[np.float64], table: ActivationTable) -> None:
    """Raise unless each coordinate has all intercepts, or none."""
    coordinate = np.repeat(np.arange(len(table)), np.diff(table.slope_offsets))
    known = ~np.isnan(own)
    several = np.bincount(coordinate[known], minlength=len(table))
    whole = (several == 0) | (several == np.diff(table.slope_offsets))
    if np.isinf(own).any() or not whole.all():
        raise ValueError(f"{name}own_intercepts must be all or none of a coordinate's, and finite")


def _check_groups(name: str, groups: NDArray[np.int64], table: ActivationTable) -> None:
    """Raise unless the members of each maximum stand side by side, with the activation of a member."""
    inside = np.flatnonzero(groups >= 0)
    numbers = groups[inside]
    begins = np.flatnonzero(np.append(True, numbers[1:] != numbers[:-1])[: len(numbers)])
    sizes = np.diff(np.append(begins, len(numbers)))
    at = table.slope_offsets[inside]
    fits = (
        (groups >= -1).all()
        and len(inside) > 0
        and len(np.unique(numbers[begins])) == len(begins)
        and (sizes >= 2).all()
        and all((np.diff(inside[b : b + n]) == 1).all() for b, n in zip(begins, sizes, strict=True))
        and (np.diff(table.offsets)[inside] == 1).all()
        and (table.breakpoints[table.offsets[inside]] == 0).all()
        and (table.slopes[at] == 0).all()
        and (table.slopes[at + 1] == 1).all()
        and (table.starts[inside] == 0).all()
        and (table.own_intercepts is None or np.isnan(table.own_intercepts[at]).all())
    )
    if not fits:
        raise ValueError(f"{name}groups does not describe maxima")
