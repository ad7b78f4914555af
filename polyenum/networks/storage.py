"""Networks as named arrays, every number as it is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from polyenum.errors import NetworkError
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
        stages.append(Stage(weight, bias, table, about["name"], tuple(folded)))
    return PiecewiseLinearNetwork(stages)


def network_names(header: list[dict[str, Any]]) -> set[str]:
    """Return the names of all arrays that a network of so many stages may have."""
    parts = ("weight", "data", "indices", "indptr", "bias", *_FIELDS)
    return {f"stage{i}.{part}" for i in range(len(header)) for part in parts}


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
    try:
        table = ActivationTable(offsets, breakpoints, slopes, starts, groups, own)
    except NetworkError as error:
        raise ValueError(f"{name}: {error}") from None
    if len(table) != width:
        raise ValueError(f"{name}: {len(table)} activations do not fit a stage of {width}")
    return table
