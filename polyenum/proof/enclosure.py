"""The fast tier of a check: float64 values, each with a bound on its distance from the real number.

Every function returns pairs ``(value, error)`` of arrays: the real number is within ``error`` of
``value``.  With ``u = 2**-53``, a sum of ``n`` products in any order, with or without fused
multiply-adds, errs by at most ``gamma(n + 2) = (n + 2) u / (1 - (n + 2) u)`` times the sum of the
absolute products (Higham, *Accuracy and Stability of Numerical Algorithms*, 2002, section 3.1); plus
the smallest subnormal for each operation that may underflow, where anything but zeros is summed.  The
bounds are themselves computed in floats from non-negative terms, and multiplied by `SAFE`, which
exceeds their own rounding for sums of less than 2**25 terms.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from polyenum.domains import Domain
from polyenum.networks import ActivationTable, PiecewiseLinearNetwork
from polyenum.networks.weights import Weight, rows_through

Pair = tuple[NDArray[np.float64], NDArray[np.float64]]

U = 2.0**-53
SAFE = 1 + 2.0**-24
TINY = 5e-324


def gamma(n: int) -> float:
    """Return Higham's ``n u / (1 - n u)``, rounded up."""
    return n * U / (1 - n * U) * SAFE


def affine(weight: Weight, bias: NDArray[np.float64], x: Pair) -> Pair:
    """Return ``x @ weight.T``, plus `bias` in the last of the rows of ``x``.

    Parameters
    ----------
    weight : (m, n) float64, dense or sparse
    bias : (m,) float64
    x : (..., rows, n)
    """
    value, error = x
    n = weight.shape[1]
    size = abs(weight)
    result = rows_through(weight, value)
    terms = rows_through(size, np.abs(value))
    result[..., -1, :] += bias
    terms[..., -1, :] += np.abs(bias)
    bound = (rows_through(size, error) + gamma(n + 3) * terms) * SAFE
    # Products that underflow, and those of the errors and sizes themselves.
    bound += np.where((terms > 0) | (bound > 0), 4 * (n + 2) * TINY, 0.0)
    return result, bound


def activated(x: Pair, slope: NDArray[np.float64], intercept: NDArray[np.float64]) -> Pair:
    """Return ``x * slope``, plus `intercept` in the last of the rows of ``x`` (..., rows, n)."""
    value, error = x
    result = value * slope[..., None, :]
    size = np.abs(result)
    bound = error * np.abs(slope)[..., None, :]
    result[..., -1, :] += intercept
    size[..., -1, :] += np.abs(intercept)
    bound = (bound + gamma(3) * size) * SAFE
    bound += np.where((size > 0) | (bound > 0), 4 * TINY, 0.0)
    # Times 0 and times 1 are exact.
    exact = ((slope == 0) | (slope == 1)) & (intercept == 0)
    plain = error * np.abs(slope)[..., None, :]
    return result, np.where(exact[..., None, :], plain, bound)


def through(
    network: PiecewiseLinearNetwork, sides: NDArray[np.bool_], x: Pair
) -> tuple[Pair, Pair]:
    """Return the pre-activations on all hyperplanes, and the outputs, for given `sides`.

    The thresholds are not taken off.

    Parameters
    ----------
    network : PiecewiseLinearNetwork
    sides : (n, hyperplanes) bool
    x : (1 or n, rows, inputs)
        What enters the network: points (one row), or the rows of affine maps, the constant last.

    Returns
    -------
    hyperplanes : (n, rows, hyperplanes)
    outputs : (n, rows, outputs)
    """
    offsets = network.hyperplane_offsets
    values, errors = [], []
    for i, stage in enumerate(network.stages):
        table = stage.activation
        x = affine(stage.weight, stage.bias, x)
        own = sides[:, offsets[i] : offsets[i + 1]]
        at = table.breakpoint_coordinate
        value, error = less_the_largest(table, own, x[0][..., at], x[1][..., at])
        source = network.sources[offsets[i] : offsets[i + 1]]
        for k in np.flatnonzero(source >= 0).tolist():
            # The output of a ReLU that is off is 0: below the largest, or equal and not the first.
            zero = ~sides[:, source[k]] & ~own[:, k]
            value[zero, :, k] = error[zero, :, k] = 0.0
            value[zero, -1, k] = -1.0
        values.append(value)
        errors.append(error)
        before = np.concatenate([np.zeros((len(own), 1)), np.cumsum(own, axis=1)], axis=1)
        above = (before[:, table.offsets[1:]] - before[:, table.offsets[:-1]]).astype(np.int64)
        piece = table.offsets[:-1] + np.arange(len(table)) + above
        x = activated(x, table.slopes[piece], table.intercepts[piece])
        x[1][..., -1, :] += _rounding(table)[piece]
    n = len(sides)
    whole = [
        np.concatenate([np.broadcast_to(a, (n, *a.shape[1:])) for a in parts], axis=-1)
        for parts in (values, errors)
    ]
    return (whole[0], whole[1]), x


def less_the_largest(
    table: ActivationTable, sides: NDArray[np.bool_], value: NDArray, error: NDArray
) -> Pair:
    """Return forms (1 or n, rows, hyperplanes), those of a maximum's members less the largest's.

    The largest's own become the constant 1: on its own region it has no hyperplane, and is above all.
    """
    if table.groups is None:
        return value, error
    n = len(sides)
    value, error = (np.broadcast_to(a, (n, *a.shape[1:])).copy() for a in (value, error))
    for begin, end in table.group_ranges.tolist():
        largest = begin + sides[:, begin:end].argmax(axis=1)
        top, doubt = (a[np.arange(n), :, largest][:, :, None] for a in (value, error))
        members = slice(begin, end)
        difference = value[:, :, members] - top
        error[:, :, members] += doubt
        error[:, :, members] += gamma(2) * np.abs(difference)
        error[:, :, members] *= SAFE
        value[:, :, members] = difference
        value[np.arange(n), :, largest] = 0.0
        value[np.arange(n), -1, largest] = 1.0
        error[np.arange(n), :, largest] = 0.0
    return value, error


def _rounding(table: ActivationTable) -> NDArray[np.float64]:
    """Return bounds on the rounding of a table's intercepts."""
    pairs = zip(table.intercepts.tolist(), table.exact_intercepts, strict=True)
    return np.array([0.0 if x == exact else 2 * U * abs(x) + TINY for x, exact in pairs])


def entering(domain: Domain) -> Pair:
    """Return the embedding of the domain's coordinates: (1, dim + 1, inputs), without error."""
    if domain.basis is None or domain.origin is None:
        rows = np.vstack([np.eye(domain.dim), np.zeros(domain.dim)])
    else:
        rows = np.vstack([domain.basis.T, domain.origin])
    return rows[None], np.zeros((1, *rows.shape))


def values_at(
    forms: Pair, thresholds: NDArray[np.float64], points: NDArray[np.float64], radius: NDArray
) -> Pair:
    """Return the values of affine forms, less `thresholds`, at points known within `radius`.

    Parameters
    ----------
    forms : (n, dim + 1, m)
    thresholds : (m,) float64
    points : (n, dim) float64
    radius : (n,) float64
        In every coordinate.

    Returns
    -------
    (n, m)
    """
    a, e = forms
    dim = points.shape[1]
    value, size = a[:, dim, :] - thresholds, np.abs(a[:, dim, :]) + np.abs(thresholds)
    slack = e[:, dim, :].copy()
    for k in range(dim):
        x, r = points[:, k, None], radius[:, None]
        term = a[:, k, :] * x
        value = value + term
        size += np.abs(term)
        slack += e[:, k, :] * (np.abs(x) + r) + np.abs(a[:, k, :]) * r
    bound = (slack + gamma(dim + 4) * size) * SAFE
    return value, bound + np.where((size > 0) | (bound > 0), 8 * (dim + 2) * TINY, 0.0)


def distance_to_solution(rows: Pair, points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how far `points` are at most from where `rows` vanish, in the largest coordinate.

    Infinite where that is not proven.  With an approximate inverse ``B`` of the float matrix ``M`` of
    a system ``M x + c = 0``, the real system's solution is unique and within
    ``|B| |M x + c| / (1 - |I - B M|)`` of any ``x``, norms of rows, if the divisor is positive (Rump,
    "Verification methods", Acta Numerica 19, 2010, section 10); errors of ``M`` and ``c`` add to both
    factors.

    Parameters
    ----------
    rows : (n, dim, dim + 1)
    points : (n, dim)
    """
    a, e = rows
    dim = points.shape[1]
    with np.errstate(all="ignore"):
        largest = np.abs(a[:, :, :dim]).max(axis=2, keepdims=True)
        # Powers of two: scaling is exact unless it underflows, which TINY covers.
        scale = np.exp2(-np.floor(np.log2(largest)))
        a, e = a * scale, e * scale + np.where((a == 0) & (e == 0), 0.0, TINY)
        m, c = a[:, :, :dim], a[:, :, dim]
        inverse = _inverses(m)
        size = np.abs(m) @ np.abs(points)[:, :, None]
        residual = np.abs((m @ points[:, :, None])[:, :, 0] + c)
        residual += gamma(dim + 3) * (size[:, :, 0] + np.abs(c))
        residual += (e[:, :, :dim] @ np.abs(points)[:, :, None])[:, :, 0] + e[:, :, dim]
        residual = residual * SAFE + 8 * (dim + 2) * TINY
        big = np.abs(inverse)
        defect = np.abs(np.eye(dim) - inverse @ m) + gamma(dim + 3) * (
            big @ np.abs(m) + np.eye(dim)
        )
        defect += big @ e[:, :, :dim]
        beta = defect.sum(axis=2).max(axis=1) * SAFE + 1e-300
        step = (big @ residual[:, :, None])[:, :, 0].max(axis=1) * SAFE
        bound = step / (1 - beta) * SAFE + 8 * TINY
    return np.where((beta < 0.5) & np.isfinite(bound), bound, np.inf)


def _inverses(m: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return approximate inverses; NaN for a matrix that has none."""
    usable = np.isfinite(m).all(axis=(1, 2))
    result = np.full_like(m, np.nan)
    try:
        result[usable] = np.linalg.inv(m[usable])
    except np.linalg.LinAlgError:
        for i in np.flatnonzero(usable):
            try:
                result[i] = np.linalg.inv(m[i])
            except np.linalg.LinAlgError:
                continue
    return result
