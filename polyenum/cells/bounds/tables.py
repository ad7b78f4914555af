"""A network on a domain as flat arrays, with the error bounds that hold on the whole domain.

The walk computes every pre-activation as an affine form ``a . t + c`` in the domain's coordinates,
in float64.  Two numbers per coordinate bound what rounding can have done to it, whatever the
activation pattern: every entry of ``a`` is within ``coef_error``, ``c`` within ``const_error``.

Derivation
----------
``u = 2**-53`` is the unit roundoff and ``gamma(k) = k u / (1 - k u)`` (Higham, *Accuracy and
Stability of Numerical Algorithms*, 2002, section 3.1): a sum of products in which every term sees at
most ``k`` roundings, in any order and with or without fused multiply-adds, errs by at most
``gamma(k)`` times the sum of the terms' absolute values.

Let ``A`` and ``C`` bound the absolute values of coefficients and constant before a layer's weights,
``s`` be the largest absolute slope, ``t`` the largest absolute intercept of a coordinate.  After the
activation they are ``s A`` and ``s C + t``, and after the weights ``|W| s A`` and
``|W| (s C + t) + |b|``.  The walk computes the new form as a start sum over the ``n`` coordinates whose
weight is not 0 and then at most one correction per hyperplane of these (``m`` of them): each correction
adds a term
``W (ds z + dt)`` that is one of the absolute sum's terms, at most twice.  So every partial result is
bounded by ``4 |W| (s A)``, sees at most ``n + m`` additions, and each term at most five roundings of
its own (slope difference, its product, the intercept, its sum, the product with the weight).  With
``k = n + m + 8``::

    coef_error'  = |W| s coef_error  + 4 gamma(k) |W| s A
    const_error' = |W| s const_error + 4 gamma(k) (|W| (s C + t) + |b|)

Underflow: a product that is not a normal number errs by at most half the smallest subnormal number ``q``,
and sums do not underflow.  A term is ``W`` times a number that took at most four operations, so it errs by
at most ``2 q (1 + |W|)`` beyond its relative error, and so does each product within the bounds themselves.
``4 k q (1 + sum |W|)`` covers all of them.  It is added wherever any term can be different from zero.
That is read from the zeros of the weights and slopes, not from a computed sum, which may itself
underflow to zero.

The bounds themselves are computed in float64 from non-negative terms and inflated by ``1 + 2**-20``, which is
more than their own rounding for fewer than 2**30 terms.

Overflow: no pre-activation on the domain, and no breakpoint, may exceed `LARGEST_VALUE`.  All sums and
differences of the walk are then far from the end of the range of float64.

A first layer on a plain box has no rounding at all: its forms are the stored weights.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from polyenum.arithmetic.rounding import INFLATE, SMALLEST, gamma
from polyenum.cells.accuracy import VERTEX_SHARE, map_limits
from polyenum.cells.array_table import ArrayTable
from polyenum.cells.bounds.twins import find_twins
from polyenum.domains import Domain
from polyenum.domains.domain import LARGEST_VERTEX_DIM
from polyenum.errors import NetworkError
from polyenum.networks import ActivationTable, PiecewiseLinearNetwork
from polyenum.networks.weights import Weight, dense_rows, is_sparse, rows_through

LARGEST_VALUE = 2.0**1010


class Tables(ArrayTable):
    """The network and domain as the kernel reads them; all arrays are flat and contiguous.

    Layers are ``0 .. layers``; the last one holds the outputs and has no hyperplanes of its own.
    Layer ``l`` has coordinates ``row[l] .. row[l + 1]`` in the arrays of coordinates, and
    hyperplanes ``hyper[l] .. hyper[l + 1]``.  Its forms take ``(dim + 1) * width`` numbers from
    ``form[l]``: ``dim`` rows of coefficients and one of constants.
    """

    layout = {
        "layers": None,
        "row": ("int64", 1),
        "hyper": ("int64", 1),
        "form": ("int64", 1),
        "weight_at": ("int64", 1),  # where the weights from layer l to l + 1 begin
        # (width[l], width[l + 1]) each: a row is one coordinate's outgoing.
        "weight": ("float64", 1),
        # Of a sparse layer only those that are not 0: per coordinate, from where to where in `weight`,
        # and parallel to it from `target_at[l]` on which coordinate of the next layer each goes to.
        "sparse": ("bool", 1),  # per layer
        "entry": ("int64", 1),
        "entry_end": ("int64", 1),
        "target_at": ("int64", 1),
        "target": ("int32", 1),
        "bias": ("float64", 1),  # per coordinate
        "first": ("float64", 1),  # the forms of layer 0
        "coef_error": ("float64", 1),  # per coordinate
        "const_error": ("float64", 1),
        "first_hyper": ("int64", 1),  # (coordinates + 1,): each coordinate's hyperplanes
        "slope": ("float64", 1),  # at first_hyper[i] + i + piece
        "intercept": ("float64", 1),
        "intercept_error": ("float64", 1),
        "first_slope": ("float64", 1),  # per coordinate: of its leftmost and its rightmost piece
        "last_slope": ("float64", 1),
        "first_intercept": ("float64", 1),
        "last_intercept": ("float64", 1),
        "hyper_row": ("int64", 1),  # per hyperplane: its coordinate, counted within the layer
        "plain": ("bool", 1),  # per layer: hyperplane k is coordinate k's only one
        "twin": (
            "int64",
            2,
        ),  # per hyperplane: an earlier one with the same zero set, or -1; and sign
        "group_first": (
            "int64",
            1,
        ),  # per hyperplane of a maximum's member: where those of all begin
        "group_end": ("int64", 1),  # and end; else -1
        "source": ("int64", 1),  # the ReLU's hyperplane that it is the output of, or -1
        "maxima": ("bool", 1),  # per layer: whether there are any
        "threshold": ("float64", 1),
        "slope_jump": ("float64", 1),
        "intercept_jump": ("float64", 1),
        "sides": ("float64", 2),  # (sides, dim + 1): the domain's own sides
        "reach": ("float64", 1),  # [the largest 1-norm of a point of the domain]
        "vertex_limit": ("float64", 1),  # [how inaccurate a vertex may be]
        "map_limit": ("float64", 1),  # per output: how inaccurate its values may be
        "loose": ("bool", 1),  # [whether the bounds for the whole domain exceed that]
    }


def build_tables(network: PiecewiseLinearNetwork, domain: Domain) -> Tables:
    """Return the tables of `network` on `domain`.

    A stage whose activation follows the last affine map gets an identity layer behind it, so that
    the last layer is always plain outputs.

    Raises
    ------
    NetworkError
        If a pre-activation can exceed `LARGEST_VALUE` on the domain.
    """
    stages = list(network.stages)
    dim = domain.dim
    extent = np.maximum(*np.abs(domain.bounding_box()))
    reach, largest = float(extent.sum()), float(extent.max())
    twins = []
    for stage, first_hyperplane in zip(stages, network.hyperplane_offsets, strict=False):
        twin = find_twins(stage)
        twin[twin[:, 0] >= 0, 0] += first_hyperplane
        twins.append(twin)
    weights: list[Weight] = [stage.weight for stage in stages]
    biases = [stage.bias for stage in stages]
    tables = [stage.activation for stage in stages]
    if len(tables[-1].breakpoints) or not np.all(tables[-1].slopes == 1):
        n = len(biases[-1])
        weights.append(np.eye(n))
        biases.append(np.zeros(n))
    else:
        tables.pop()
    with np.errstate(over="ignore", invalid="ignore"):
        first, coef, const = _first_forms(weights[0], biases[0], domain)
        coef_errors, const_errors = [coef], [const]
        size = np.abs(first).reshape(dim + 1, -1)
        coef_size, const_size = size[:dim].max(axis=0) + coef, size[dim] + const
        # Which coordinates can have a coefficient, and a constant, that is not 0.
        sloped, shifted = coef_size > 0, const_size > 0
        # The largest value of each, by the extent of the domain along each axis.
        most = extent @ size[:dim] + const_size
        _refuse_overflow(0, tables, coef_size, most)
        for i, table in enumerate(tables):
            at = table.slope_offsets[:-1]
            steep = np.maximum.reduceat(np.abs(table.slopes), at)
            high = np.maximum.reduceat(np.abs(table.intercepts), at)
            w, b = abs(weights[i + 1]), np.abs(biases[i + 1])
            reads = (w != 0).astype(np.float64)
            # Terms of a row, and corrections of it by rank one; what is 0 rounds nothing.
            k = reads @ (1.0 + np.diff(table.offsets)) + 8
            coef_sum = w @ (steep * coef_size)
            const_sum = w @ (steep * const_size + high) + b
            tiny = 4 * k * SMALLEST * (1 + np.asarray(w.sum(axis=1)))
            sloped, shifted = (
                reads @ ((steep > 0) & sloped) > 0,
                (reads @ (((steep > 0) & shifted) | (high > 0)) > 0) | (b > 0),
            )
            coef = (
                w @ (steep * coef) + 4 * gamma(k) * coef_sum + np.where(sloped, tiny, 0)
            ) * INFLATE
            const = (
                w @ (steep * const) + 4 * gamma(k) * const_sum + np.where(shifted, tiny, 0)
            ) * INFLATE
            coef_errors.append(coef)
            const_errors.append(const)
            coef_size = (coef_sum + coef) * INFLATE
            const_size = (const_sum + const) * INFLATE
            most = w @ (steep * most + high) + b
            _refuse_overflow(i + 1, tables, coef_size, most)
    limits = map_limits(network, domain)
    with np.errstate(over="ignore"):
        loose = bool((coef_errors[-1] * reach + const_errors[-1] > limits).any())
    widths = [len(b) for b in biases]
    counts = [len(t.breakpoints) for t in tables]
    return Tables(
        layers=len(tables),
        row=_starts(widths),
        hyper=_starts(counts),
        form=_starts([(dim + 1) * n for n in widths]),
        **_outgoing(weights[1:]),
        bias=_joined(biases),
        first=np.ascontiguousarray(first).ravel(),
        coef_error=_joined(coef_errors),
        const_error=_joined(const_errors),
        first_hyper=_starts(_joined([np.diff(t.offsets) for t in tables], np.int64)),
        slope=_joined([t.slopes for t in tables]),
        intercept=_joined([t.intercepts for t in tables]),
        intercept_error=_joined([t.intercept_errors for t in tables]),
        first_slope=_joined([t.slopes[t.slope_offsets[:-1]] for t in tables]),
        last_slope=_joined([t.slopes[t.slope_offsets[1:] - 1] for t in tables]),
        first_intercept=_joined([t.intercepts[t.slope_offsets[:-1]] for t in tables]),
        last_intercept=_joined([t.intercepts[t.slope_offsets[1:] - 1] for t in tables]),
        hyper_row=_joined([t.breakpoint_coordinate for t in tables], np.int64),
        plain=np.array(
            [
                np.array_equal(t.breakpoint_coordinate, np.arange(len(t.breakpoints)))
                for t in tables
            ],
            np.bool_,
        ),
        twin=np.concatenate(twins).astype(np.int64),
        group_first=network.groups[:, 0].copy(),
        group_end=network.groups[:, 1].copy(),
        source=network.sources,
        maxima=np.array([t.groups is not None for t in tables], np.bool_),
        threshold=_joined([t.breakpoints for t in tables]),
        slope_jump=_joined([_jumps(t.slopes, t.breakpoint_coordinate) for t in tables]),
        intercept_jump=_joined([_jumps(t.intercepts, t.breakpoint_coordinate) for t in tables]),
        # Only vertex cells read them.
        sides=domain.side_forms() if domain.dim <= LARGEST_VERTEX_DIM else np.zeros((0, 1)),
        reach=np.array([reach]),
        vertex_limit=np.array([max(VERTEX_SHARE * largest, 64 * SMALLEST)]),
        map_limit=limits,
        loose=np.array([loose]),
    )


def _refuse_overflow(
    layer: int,
    tables: Sequence[ActivationTable],
    coef_size: NDArray[np.float64],
    most: NDArray[np.float64],
) -> None:
    """Raise if a layer's pre-activations, coefficients or breakpoints can exceed `LARGEST_VALUE`."""
    largest = float(np.maximum(coef_size, most).max())
    if layer < len(tables):
        largest = max(largest, float(np.abs(tables[layer].breakpoints).max(initial=0.0)))
    if not largest <= LARGEST_VALUE:
        raise NetworkError(
            f"layer {layer}: pre-activations on this domain can be as large as {largest:.3g}; values "
            f"beyond {LARGEST_VALUE:.3g} come too close to the end of the range of float64; scale the "
            "weights or the domain down"
        )


def _outgoing(weights: Sequence[Weight]) -> dict[str, NDArray]:
    """Return the fields of `Tables` that hold weights."""
    values, targets = [np.zeros(0)], [np.zeros(0)]
    entries: list[NDArray] = []
    ends: list[NDArray] = []
    weight_at = [0]
    for w in weights:
        by_input = w.T if isinstance(w, np.ndarray) else w.tocsc()
        if isinstance(by_input, np.ndarray):
            values.append(by_input.ravel())
            entries.append(np.zeros(len(by_input)))
            ends.append(np.zeros(len(by_input)))
        else:
            values.append(by_input.data)
            entries.append(weight_at[-1] + by_input.indptr[:-1].astype(np.int64))
            ends.append(weight_at[-1] + by_input.indptr[1:].astype(np.int64))
            targets.append(by_input.indices)
        weight_at.append(weight_at[-1] + len(values[-1]))
    sparse = np.array([is_sparse(w) for w in weights], np.bool_)
    return {
        "weight_at": np.array(weight_at, np.int64),
        "weight": _joined(values),
        "sparse": sparse,
        "entry": _joined(entries, np.int64),
        "entry_end": _joined(ends, np.int64),
        "target_at": _starts(np.diff(weight_at) * sparse),
        "target": _joined(targets, np.int32),
    }


def _first_forms(
    weight: Weight, bias: NDArray[np.float64], domain: Domain
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return the forms of layer 0, (dim + 1, width), and the errors of their two kinds of entry."""
    n = len(bias)
    if domain.basis is None or domain.origin is None:
        return np.vstack([dense_rows(weight).T, bias]), np.zeros(n), np.zeros(n)
    a, c = rows_through(weight, domain.basis.T), weight @ domain.origin + bias
    k = (weight != 0) @ np.ones(weight.shape[1]) + 4
    coef_sum = (abs(weight) @ np.abs(domain.basis)).max(axis=1)
    const_sum = abs(weight) @ np.abs(domain.origin) + np.abs(bias)
    reads = (weight != 0).astype(np.float64)
    sloped = reads @ (domain.basis != 0).any(axis=1) > 0
    shifted = (reads @ (domain.origin != 0) > 0) | (bias != 0)
    # Each of the products, and of those in the bounds, may underflow.
    tiny = 2 * k * SMALLEST
    coef_error = (gamma(k) * coef_sum + np.where(sloped, tiny, 0)) * INFLATE
    const_error = (gamma(k) * const_sum + np.where(shifted, tiny, 0)) * INFLATE
    return np.vstack([a, c]), coef_error, const_error


def _jumps(values: NDArray[np.float64], coordinate: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the step of `values` (slopes or intercepts) across each breakpoint."""
    left = np.arange(len(coordinate)) + coordinate
    return values[left + 1] - values[left]


def _starts(lengths: object) -> NDArray[np.int64]:
    return np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)  # type: ignore[call-overload]


def _joined(parts: list, dtype: type = np.float64) -> NDArray:
    return np.concatenate([*(np.ravel(p) for p in parts), np.zeros(0)]).astype(dtype)
