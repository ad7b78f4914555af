"""What is compared between sample points: gradients in floats, or activation patterns."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from polyenum.domains import Domain
from polyenum.networks import PiecewiseLinearNetwork
from polyenum.networks.weights import rows_through

_AT_ONCE = 1 << 22


def gradients(
    network: PiecewiseLinearNetwork,
    domain: Domain,
    points: NDArray[np.float64],
    *,
    dtype: str = "float32",
) -> NDArray[np.floating]:
    """Return the outputs' gradients at points by backpropagation in floats, as a framework computes them.

    Weights are rounded to `dtype`, the forward pass says which pieces are on, and the chain of matrix products
    from the outputs back to the inputs is multiplied for a batch of points at a time.

    Parameters
    ----------
    network, domain
    points : (n, dim) float64
        In the domain's coordinates.
    dtype : str
        "float32" or "float64".

    Returns
    -------
    (n, outputs * dim) of that type
        In the domain's coordinates.
    """
    weights = [stage.weight.astype(dtype) for stage in network.stages]
    biases = [stage.bias.astype(dtype) for stage in network.stages]
    widest = max(len(b) for b in biases) + network.input_dim
    size = max(1, _AT_ONCE // (widest * network.output_dim))
    parts = []
    for begin in range(0, len(points), size):
        value = domain.embed(points[begin : begin + size]).astype(dtype)
        count, slopes = len(value), []
        for weight, bias, stage in zip(weights, biases, network.stages, strict=True):
            z = rows_through(weight, value) + bias
            table = stage.activation
            piece = table.slope_offsets[:-1] + table.pieces(table.sides(z))
            slopes.append(table.slopes[piece].astype(dtype))
            value = slopes[-1] * z + table.intercepts[piece].astype(dtype)
        outputs = network.output_dim
        back = np.tile(np.eye(outputs, dtype=dtype), (count, 1))
        for weight, slope in zip(reversed(weights), reversed(slopes), strict=True):
            back = back * np.repeat(slope, outputs, axis=0)
            back = rows_through(weight.T, back)
        if domain.basis is not None:
            back = back @ domain.basis.astype(dtype)
        parts.append(back.reshape(count, -1))
    return np.concatenate(parts) if parts else np.zeros((0, domain.dim), dtype)


def distinct(values: NDArray[np.floating]) -> NDArray[np.int64]:
    """Return which of the distinct rows each row is, as ``np.unique(values, axis=0)`` tells them: (n,)."""
    return np.unique(values + 0.0, axis=0, return_inverse=True)[1].reshape(-1).astype(np.int64)


def by_unique(
    network: PiecewiseLinearNetwork,
    domain: Domain,
    points: NDArray[np.float64],
    *,
    dtype: str,
    **_: float,
) -> NDArray[np.int64]:
    """Tell regions apart by ``np.unique`` of raw gradients."""
    return distinct(gradients(network, domain, points, dtype=dtype))


def by_rounding(
    network: PiecewiseLinearNetwork,
    domain: Domain,
    points: NDArray[np.float64],
    *,
    dtype: str,
    decimals: int,
    **_: float,
) -> NDArray[np.int64]:
    """Tell regions apart by ``np.unique`` of rounded gradients."""
    return distinct(gradients(network, domain, points, dtype=dtype).round(decimals))


def by_slopes(
    network: PiecewiseLinearNetwork,
    domain: Domain,
    points: NDArray[np.float64],
    *,
    dtype: str,
    rtol: float,
    atol: float,
    **_: float,
) -> NDArray[np.int64]:
    """Start a new region in 1-D where the slopes of neighbouring points are not `isclose`."""
    order = np.argsort(points[:, 0], kind="stable")
    slopes = gradients(network, domain, points[order], dtype=dtype)
    new = ~np.isclose(slopes[1:], slopes[:-1], rtol=rtol, atol=atol).all(axis=1)
    found = np.zeros(len(points), np.int64)
    found[order[1:]] = np.cumsum(new)
    return found


def by_patterns(
    network: PiecewiseLinearNetwork,
    domain: Domain,
    points: NDArray[np.float64],
    *,
    dtype: str,
    **_: float,
) -> NDArray[np.int64]:
    """Tell regions apart by activation patterns of the forward pass in floats."""
    weights = [stage.weight.astype(dtype) for stage in network.stages]
    keys = np.zeros((len(points), -(-network.hyperplane_count // 8)), np.uint8)
    size = max(1, _AT_ONCE // (max(len(s.bias) for s in network.stages) + network.input_dim))
    for begin in range(0, len(points), size):
        value = domain.embed(points[begin : begin + size]).astype(dtype)
        sides = []
        for weight, stage in zip(weights, network.stages, strict=True):
            z = rows_through(weight, value) + stage.bias.astype(dtype)
            sides.append(stage.activation.sides(z))
            value = stage.activation(z).astype(dtype)
        packed = np.packbits(np.concatenate(sides, axis=1), axis=1)
        keys[begin : begin + len(packed)] = packed
    rows = np.ascontiguousarray(keys).view(f"V{max(keys.shape[1], 1)}") if keys.size else keys
    if not keys.size:
        return np.zeros(len(points), np.int64)
    return np.unique(rows[:, 0], return_inverse=True)[1].astype(np.int64)


Method = Callable[..., NDArray[np.int64]]

BY_NAME: dict[str, Method] = {
    "unique": by_unique,
    "rounded": by_rounding,
    "slopes": by_slopes,
    "patterns": by_patterns,
}
