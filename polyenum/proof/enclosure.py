"""The fast tier of a check: float64 values, each with a bound on its distance from the real number.

Every function returns pairs ``(value, error)`` of arrays: the real number is within ``error`` of
``value``, or ``error`` is infinite or NaN, which proves nothing.  With ``u = 2**-53``, a sum of ``n``
products in any order, with or without fused multiply-adds, errs by at most
``gamma(n + 2) = (n + 2) u / (1 - (n + 2) u)`` times the sum of the absolute products (Higham, *Accuracy
and Stability of Numerical Algorithms*, 2002, section 3.1); plus the smallest subnormal for each product
that may underflow (sums and differences never do: a result below the normal range is exact).  The bounds
are themselves computed in floats from non-negative terms, and multiplied by `SAFE`, which exceeds their
own rounding for sums of less than 2**25 terms.

Coordinates are scaled (`case.Case`), so points of the domain have coordinates of at most 2.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from polyenum.domains import Domain
from polyenum.networks.weights import Weight
from polyenum.proof.layout import Layout, StageLayout
from polyenum.proof.rounding import SAFE, SMALLEST, gamma

Pair = tuple[NDArray[np.float64], NDArray[np.float64]]

# Two numbers whose product exceeds this leave it, and gamma times it, in the normal range.
_SURE = 2.0**-960


def _times(rows: NDArray[np.float64], weight: Weight) -> NDArray[np.float64]:
    """Return ``rows @ weight.T``, (..., outputs), for a dense or sparse weight."""
    if isinstance(weight, np.ndarray):
        return rows @ weight.T
    product = weight @ rows.reshape(-1, rows.shape[-1]).T
    return np.ascontiguousarray(product.T).reshape(*rows.shape[:-1], weight.shape[0])


def _least(array: NDArray[np.float64]) -> float:
    """Return the least absolute value but 0; infinity where all are 0."""
    size = np.abs(array)
    return float(size.min(initial=np.inf, where=size > 0))


def affine(weight: Weight, bias: NDArray[np.float64], x: Pair) -> Pair:
    """Return ``x @ weight.T``, plus `bias` in the last of the rows of ``x``.

    Where products may underflow, 0 is no longer known to be 0: ``n`` products of the value, and as many of
    the error and of the sizes, are each off by half of the smallest subnormal or less.

    Parameters
    ----------
    weight : (m, n) float64, dense or sparse
    bias : (m,) float64
    x : (..., rows, n)
    """
    value, error = x
    n = weight.shape[1]
    size = abs(weight)
    result = _times(value, weight)
    terms = _times(np.abs(value), size)
    result[..., -1, :] += bias
    terms[..., -1, :] += np.abs(bias)
    bound = (_times(error, size) + gamma(n + 3) * terms) * SAFE
    least = _least(weight if isinstance(weight, np.ndarray) else weight.data)
    if min(least, 1.0) * min(_least(value), _least(error), _least(bias), 1.0) > _SURE:
        return result, bound
    return result, bound + 4 * (n + 2) * SMALLEST


def activated(
    x: Pair,
    slope: NDArray[np.float64],
    intercept: NDArray[np.float64],
    intercept_error: NDArray[np.float64],
) -> Pair:
    """Return ``x * slope``, plus `intercept` in the last of the rows of ``x`` (..., rows, n)."""
    value, error = x
    result = value * slope[..., None, :]
    size = np.abs(result)
    bound = plain = error * np.abs(slope)[..., None, :]
    result[..., -1, :] += intercept
    size[..., -1, :] += np.abs(intercept)
    bound = (bound + gamma(3) * size) * SAFE
    bound += np.where((value != 0) | (bound > 0), 4 * SMALLEST, 0.0)
    # Times 0 and times 1 are exact.
    exact = ((slope == 0) | (slope == 1)) & (intercept == 0)
    bound = np.where(exact[..., None, :], plain, bound)
    bound[..., -1, :] += intercept_error
    return result, bound


def through(layout: Layout, sides: NDArray[np.bool_], x: Pair) -> tuple[Pair, Pair]:
    """Return the pre-activations on all hyperplanes, and the outputs, for given `sides`.

    The thresholds are not taken off.

    Parameters
    ----------
    layout : Layout
    sides : (n, hyperplanes) bool
    x : (1 or n, rows, inputs)
        What enters the network: points (one row), or the rows of affine maps, the constant last.

    Returns
    -------
    hyperplanes : (n, rows, hyperplanes)
    outputs : (n, rows, outputs)
    """
    offsets = layout.offsets
    values, errors = [], []
    for i, stage in enumerate(layout.stages):
        x = affine(stage.weight, stage.bias, x)
        own = sides[:, offsets[i] : offsets[i + 1]]
        at = stage.coordinate
        value, error = less_the_largest(stage, own, x[0][..., at], x[1][..., at])
        source = layout.sources[offsets[i] : offsets[i + 1]]
        for k in np.flatnonzero(source >= 0).tolist():
            # The output of a ReLU that is off is 0: below the largest, or equal and not the first.
            zero = ~sides[:, source[k]] & ~own[:, k]
            value[zero, :, k] = error[zero, :, k] = 0.0
            value[zero, -1, k] = -1.0
        values.append(value)
        errors.append(error)
        piece = stage.pieces(own)
        x = activated(
            x, stage.slopes[piece], stage.intercepts[piece], stage.intercept_errors[piece]
        )
    n = len(sides)
    whole = [
        np.concatenate([np.broadcast_to(a, (n, *a.shape[1:])) for a in parts], axis=-1)
        for parts in (values, errors)
    ]
    return (whole[0], whole[1]), x


def less_the_largest(
    stage: StageLayout, sides: NDArray[np.bool_], value: NDArray, error: NDArray
) -> Pair:
    """Return forms (1 or n, rows, hyperplanes), those of a maximum's members less the largest's.

    The largest's own become the constant 1: on its own region it has no hyperplane, and is above all.
    """
    if not stage.maxima:
        return value, error
    n = len(sides)
    value, error = (np.broadcast_to(a, (n, *a.shape[1:])).copy() for a in (value, error))
    for begin, end in stage.maxima:
        largest = begin + sides[:, begin:end].argmax(axis=1)
        top, doubt = (a[np.arange(n), :, largest][:, :, None] for a in (value, error))
        members = slice(begin, end)
        difference = value[:, :, members] - top
        error[:, :, members] += doubt
        error[:, :, members] += gamma(2) * np.abs(difference)
        error[:, :, members] *= SAFE
        error[:, :, members] += np.where(difference != 0, 2 * SMALLEST, 0.0)
        value[:, :, members] = difference
        value[np.arange(n), :, largest] = 0.0
        value[np.arange(n), -1, largest] = 1.0
        error[np.arange(n), :, largest] = 0.0
    return value, error


def entering(domain: Domain, exponents: NDArray[np.int64]) -> Pair:
    """Return the embedding of scaled coordinates: (1, dim + 1, inputs)."""
    if domain.basis is None or domain.origin is None:
        rows = np.vstack([np.eye(domain.dim), np.zeros(domain.dim)])
    else:
        rows = np.vstack([domain.basis.T, domain.origin])
    scaled = rows.copy()
    scaled[:-1] = np.ldexp(rows[:-1], exponents[:, None])
    # Exact, but for what underflows.
    back = np.ldexp(scaled[:-1], -exponents[:, None])
    error = np.zeros_like(rows)
    error[:-1] = np.where(back == rows[:-1], 0.0, SMALLEST)
    return scaled[None], error[None]


def are_above(
    forms: Pair,
    points: NDArray[np.float64],
    radius: NDArray[np.float64],
    starts: NDArray[np.int64],
) -> NDArray[np.bool_]:
    """Return whether regions' affine forms are proven to be positive at their corners: (corners, m) bool.

    The bound of a region's forms is one for all its corners: over the box of their coordinates, with the
    largest of their radii.  It is taken off the constants; so each sum has ``dim + 2`` terms.

    Parameters
    ----------
    forms : (n, dim + 1, m)
    points : (corners, dim) float64
    radius : (corners,) float64
        How far off they are, in every coordinate.
    starts : (n + 1,) int64
        Where each region's corners begin.
    """
    a, e = forms
    n, dim, m = len(a), points.shape[1], a.shape[2]
    blur = np.maximum.reduceat(radius, starts[:-1])
    reach = (np.maximum.reduceat(np.abs(points), starts[:-1]) + blur[:, None]) * SAFE
    box = np.concatenate([reach, np.ones((n, 1))], axis=1)[:, None, :]
    size = np.abs(a)
    bound = (box @ (gamma(2 * dim + 8) * size + e))[:, 0, :]
    bound += size[:, :dim].sum(axis=1) * blur[:, None]
    lowered = a.copy()
    lowered[:, dim] -= bound * SAFE + 16 * (dim + 2) * SMALLEST
    extended = np.concatenate([points, np.ones((len(points), 1))], axis=1)
    counts = np.diff(starts)
    found = np.empty((len(points), m), np.bool_)
    for count in np.unique(counts).tolist():
        same = np.flatnonzero(counts == count)
        corners = starts[same][:, None] + np.arange(count)
        found[corners] = extended[corners] @ lowered[same] > 0
    return found


def distance_to_solution(rows: Pair, points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how far `points` are at most from where `rows` vanish, in each coordinate: (n, dim).

    Infinite where that is not proven.  With an approximate inverse ``B`` of the float matrix ``M`` of
    a system ``M x + c = 0``, the real system's solution is unique and within
    ``|B| |M x + c| / (1 - |I - B M|)`` of any ``x``, norms of rows, if the divisor is positive (Rump,
    "Verification methods", Acta Numerica 19, 2010, section 10); errors of ``M`` and ``c`` add to both
    factors.  Coordinate by coordinate it is within ``|B| |M x + c|`` plus ``|I - B M|`` times that bound.

    Parameters
    ----------
    rows : (n, dim, dim + 1)
    points : (n, dim)
    """
    a, e = rows
    dim = points.shape[1]
    with np.errstate(all="ignore"):
        largest = np.abs(a[:, :, :dim]).max(axis=2, keepdims=True)
        # Powers of two: scaling is exact unless it underflows, which SMALLEST covers.
        exponent = -np.frexp(np.where(np.isfinite(largest), largest, 1.0))[1]
        if np.abs(exponent).max(initial=0) < 1000:
            factor = np.ldexp(1.0, exponent)  # which float64 holds: a product is faster
            a, e = a * factor, e * factor + SMALLEST
        else:
            a, e = np.ldexp(a, exponent), np.ldexp(e, exponent) + SMALLEST
        m = a[:, :, :dim]
        inverse = _inverses(m)
        big = np.abs(inverse)
        # What rounding does to a row of a sum, and errors of the row itself, for each coordinate of 1.
        doubt = gamma(dim + 3) * np.abs(a) + e
        extended = np.concatenate([points, np.ones((len(points), 1))], axis=1)[:, :, None]
        residual = np.abs((a @ extended)[:, :, 0]) + (doubt @ np.abs(extended))[:, :, 0]
        residual = residual * SAFE + 8 * (dim + 2) * SMALLEST
        defect = inverse @ m
        defect[:, np.arange(dim), np.arange(dim)] -= 1
        sums = np.abs(defect).sum(axis=2) + gamma(dim + 3)
        sums += (big @ doubt[:, :, :dim].sum(axis=2, keepdims=True))[:, :, 0]
        beta = sums.max(axis=1) * SAFE + 1e-300
        step = (big @ residual[:, :, None])[:, :, 0] * SAFE + 8 * (dim + 2) * SMALLEST
        whole = step.max(axis=1) / (1 - beta) * SAFE
        bound = (step + (beta * whole)[:, None]) * SAFE + 8 * SMALLEST
    proven = (beta < 0.5) & np.isfinite(whole)
    return np.where(proven[:, None], bound, np.inf)


def _inverses(m: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return approximate inverses; NaN for a matrix that has none."""
    result = np.full_like(m, np.nan)
    usable = np.arange(len(m))
    if not np.isfinite(m).all():
        usable = np.flatnonzero(np.isfinite(m).all(axis=(1, 2)))
    try:
        result[usable] = np.linalg.inv(m if len(usable) == len(m) else m[usable])
    except np.linalg.LinAlgError:
        # One of them is singular; its elimination met a pivot of 0, and so its determinant is 0.
        for i in usable[np.linalg.slogdet(m[usable])[0] != 0].tolist():
            try:
                result[i] = np.linalg.inv(m[i])
            except np.linalg.LinAlgError:
                continue
    return result
