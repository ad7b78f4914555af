"""ONNX's Resize and Upsample: each axis is multiplied by a matrix."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from polyenum.errors import NetworkError
from polyenum.models.tensor import SymbolicTensor, checked_size


@dataclass(frozen=True)
class Manner:
    """How values between the grid's points are found; ONNX's attributes, by their names there."""

    mode: str
    coordinate_transformation_mode: str = "half_pixel"
    nearest_mode: str = "round_prefer_floor"
    cubic_coeff_a: float = -0.75
    exclude_outside: bool = False
    antialias: bool = False
    extrapolation_value: float = 0.0


@dataclass(frozen=True)
class AxisPlan:
    """What becomes of one axis: its length before and after, the scale, and the part of it (`roi`) looked at."""

    length: int
    size: int
    scale: float
    roi: tuple[float, float] = (0.0, 1.0)


def resize(x: SymbolicTensor, plans: Sequence[AxisPlan], how: Manner, name: str) -> SymbolicTensor:
    """Return `x` with each axis resized as its plan says."""
    shape = [plan.size for plan in plans]
    checked_size(shape, name)
    whole = sparse.eye_array(1, format="csr")
    outside = np.zeros((1,) * len(plans), np.bool_)
    for axis, plan in enumerate(plans):
        matrix, beyond = _axis_matrix(plan, how, name)
        whole = sparse.kron(whole, matrix, format="csr")
        outside = outside | beyond.reshape([-1 if k == axis else 1 for k in range(len(plans))])
    offset = np.where(np.broadcast_to(outside, shape).ravel(), how.extrapolation_value, 0.0)
    keep = sparse.diags_array(
        np.where(np.broadcast_to(outside, shape).ravel(), 0.0, 1.0), format="csr"
    )
    if not outside.any():
        return x.affine(whole, None, shape, name)
    return x.affine(keep @ whole, offset, shape, name)


def _axis_matrix(plan: AxisPlan, how: Manner, name: str) -> tuple[Any, NDArray[np.bool_]]:
    """Return the matrix (size, length) of one axis, and which places lie outside of what there is."""
    n = plan.length
    if (
        plan.size == n
        and plan.scale == 1
        and how.coordinate_transformation_mode != "tf_crop_and_resize"
    ):
        return sparse.eye_array(n, format="csr"), np.zeros(n, np.bool_)
    at, outside = _coordinates(plan, how, name)
    # A place on a point counts as the end of the step on its left.
    left = np.ceil(at) - 1
    ratio = at - left
    if how.mode == "nearest":
        chosen = left + _nearest(ratio, how.nearest_mode, name)
        columns, weights = chosen[:, None], np.ones((len(at), 1))
    else:
        steps, weights = _weights(ratio, plan.scale, how, name)
        columns = left[:, None] + steps
    if how.exclude_outside:
        weights = np.where((columns >= 0) & (columns < n), weights, 0.0)
        weights = weights / weights.sum(axis=1, keepdims=True)
    rows = np.broadcast_to(np.arange(len(at))[:, None], columns.shape)
    inside = np.clip(columns, 0, n - 1).astype(np.int64)
    matrix = sparse.csr_array(
        (weights.ravel(), (rows.ravel(), inside.ravel())), shape=(plan.size, n)
    )
    return matrix, outside


def _coordinates(
    plan: AxisPlan, how: Manner, name: str
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return where on the axis each new place lies, and which of them lie outside."""
    n, exact_size = plan.length, plan.scale * plan.length
    x = np.arange(plan.size, dtype=np.float64)
    outside = np.zeros(plan.size, np.bool_)
    kind = how.coordinate_transformation_mode
    if kind == "align_corners":
        return (x * (n - 1) / (exact_size - 1) if exact_size != 1 else 0 * x), outside
    if kind == "asymmetric":
        return x / plan.scale, outside
    if kind == "tf_crop_and_resize":
        begin, end = plan.roi
        if exact_size == 1:
            at = np.full(plan.size, (begin + end) * (n - 1) / 2)
        else:
            at = x * (end - begin) * (n - 1) / (exact_size - 1) + begin * (n - 1)
        return at, (at < 0) | (at > n - 1)
    at = (x + 0.5) / plan.scale - 0.5
    if kind == "pytorch_half_pixel":
        return (at if exact_size != 1 else np.full(plan.size, -0.5)), outside
    if kind == "half_pixel_symmetric":
        return n / 2 * (1 - plan.size / exact_size) + at, outside
    if kind == "half_pixel":
        return at, outside
    raise NetworkError(f"{name}: coordinate_transformation_mode={kind!r} is not known")


def _nearest(ratio: NDArray[np.float64], kind: str, name: str) -> NDArray[np.int64]:
    """Return 0 for the point on the left, 1 for the one on the right, which a place with ratio 1 lies on."""
    on_right = {
        "round_prefer_floor": ratio > 0.5,
        "round_prefer_ceil": ratio >= 0.5,
        "floor": ratio == 1,
        "ceil": ratio > 0,
    }.get(kind)
    if on_right is None:
        raise NetworkError(f"{name}: nearest_mode={kind!r} is not known")
    return on_right.astype(np.int64)


def _weights(
    ratio: NDArray[np.float64], scale: float, how: Manner, name: str
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return the steps from the left point to those that count, and their weights (places, steps)."""
    reach = {"linear": 1, "cubic": 2}.get(how.mode)
    if reach is None:
        raise NetworkError(f"{name}: mode={how.mode!r} is not known")
    narrow = min(scale, 1.0) if how.antialias else 1.0
    start = math.floor(-reach / narrow) + 1
    steps = np.arange(start, 2 - start)
    checked_size([len(ratio), len(steps)], name)
    distance = np.abs(steps - ratio[:, None]) * narrow
    if how.mode == "linear":
        weights = np.clip(1 - distance, 0, None)
    else:
        a, d = how.cubic_coeff_a, distance
        near = ((a + 2) * d - (a + 3)) * d * d + 1
        far = ((a * d - 5 * a) * d + 8 * a) * d - 4 * a
        weights = np.where(d <= 1, near, np.where(d < 2, far, 0.0))
    if how.antialias:
        weights = weights / weights.sum(axis=1, keepdims=True)
    return steps, weights
