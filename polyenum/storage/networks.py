"""Networks as named arrays, every number as it is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from polyenum.networks import ActivationTable, PiecewiseLinearNetwork, Stage
from polyenum.networks.weights import Weight, is_sparse

Arrays = dict[str, NDArray[Any]]
_FIELDS = ("offsets", "breakpoints", "slopes", "starts", "groups", "own_intercepts")


def network_arrays(network: PiecewiseLinearNetwork) -> tuple[list[dict[str, Any]], Arrays]:
    """Return what a header says of each stage, and the arrays."""
    header, arrays = [], {}
    for i, stage in enumerate(network.stages):
        name = f"stage{i}."
        weight: Any = stage.weight
        if is_sparse(weight):
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


def network_of(header: list[dict[str, Any]], arrays: Mapping[str, Any]) -> PiecewiseLinearNetwork:
    """Return the network that `network_arrays` took apart."""
    stages = []
    for i, about in enumerate(header):
        name = f"stage{i}."
        bias = arrays[name + "bias"]
        table = ActivationTable(
            arrays[name + "offsets"],
            arrays[name + "breakpoints"],
            arrays[name + "slopes"],
            arrays[name + "starts"],
            groups=arrays.get(name + "groups"),
            own_intercepts=arrays.get(name + "own_intercepts"),
        )
        _check_table(table, len(bias))
        weight = _weight(name, tuple(about["shape"]), arrays)
        stages.append(Stage(weight, bias, table, str(about["name"]), tuple(about["folded"])))
    return PiecewiseLinearNetwork(stages)


def _weight(name: str, shape: tuple[int, ...], arrays: Mapping[str, Any]) -> Weight:
    if name + "weight" in arrays:
        found: NDArray[np.float64] = arrays[name + "weight"]
        if found.shape != shape:
            raise ValueError(f"{name}weight has shape {found.shape}, not {shape}")
        return found
    from scipy.sparse import csr_array

    matrix = csr_array(tuple(arrays[name + part] for part in ("data", "indices", "indptr")), shape)
    matrix.check_format(full_check=True)
    return matrix


def _check_table(table: ActivationTable, width: int) -> None:
    offsets = table.offsets
    fits = (
        offsets.dtype == np.int64
        and len(offsets) == width + 1
        and offsets[0] == 0
        and (np.diff(offsets) >= 0).all()
        and len(table.breakpoints) == offsets[-1]
        and len(table.slopes) == offsets[-1] + width
        and len(table.starts) == width
        and (table.groups is None or len(table.groups) == width)
        and (table.own_intercepts is None or len(table.own_intercepts) == len(table.slopes))
    )
    if not fits:
        raise ValueError("an activation table does not fit its stage")
