"""Where the regions are: their maps, their corners, and a point inside each."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from polyenum.proof import enclosure
from polyenum.proof.case import Case
from polyenum.proof.rational import meeting_point, value_at


def check_geometry(case: Case, begin: int, end: int) -> list[list[int]]:
    """Check maps, corners and interior points of the regions ``begin`` to ``end``.

    Returns
    -------
    list of list of int
        The tight labels of each corner, increasing.
    """
    cx = case.cx
    sides = cx.sides_of(slice(begin, end))
    owner = owners(case, begin, end)
    with np.errstate(all="ignore"):
        forms, outputs = enclosure.through(case.network, sides, enclosure.entering(case.domain))
        check_maps(case, begin, sides, outputs)
        at = slice(cx.vertex_offsets[begin], cx.vertex_offsets[end])
        tight = tight_labels(case, begin, end, owner)
        check_corners(case, begin, sides, forms, cx.corner_points[at], owner, tight)
        check_interior(case, begin, sides, np.bincount(owner))
    return tight


def owners(case: Case, begin: int, end: int) -> NDArray[np.int64]:
    """Return the region of each corner, counted from `begin`."""
    counts = np.diff(case.cx.vertex_offsets[begin : end + 1])
    return np.repeat(np.arange(end - begin), counts)


def tight_labels(case: Case, begin: int, end: int, owner: NDArray[np.int64]) -> list[list[int]]:
    """Return the tight labels of each corner, increasing."""
    cx = case.cx
    masks = cx.corner_masks[cx.vertex_offsets[begin] : cx.vertex_offsets[end]]
    width = 8 * masks.dtype.itemsize * masks.shape[1]
    little = np.ascontiguousarray(masks, "<u8").view(np.uint8)
    bits = np.unpackbits(little.reshape(len(masks), -1), axis=1, count=width, bitorder="little")
    corner, bit = np.nonzero(bits)
    first = cx.label_offsets[begin:end][owner]
    most = np.diff(cx.label_offsets[begin : end + 1])[owner]
    known = bit < most[corner]
    for c in np.unique(corner[~known]):
        case.find(begin + int(owner[c]), "a corner's mask has a bit without a label")
    labels = cx.labels[first[corner[known]] + bit[known]]
    order = np.lexsort((labels, corner[known]))
    splits = np.searchsorted(corner[known][order], np.arange(1, len(masks)))
    return [part.tolist() for part in np.split(labels[order], splits)]


def check_maps(case: Case, begin: int, sides: NDArray[np.bool_], outputs: enclosure.Pair) -> None:
    """Check the affine maps against the network's under the claimed patterns."""
    cx = case.cx
    n = len(sides)
    stored = np.concatenate(
        [cx.weights[begin : begin + n].transpose(0, 2, 1), cx.biases[begin : begin + n, None]],
        axis=1,
    )
    dim = case.domain.dim
    claim = np.concatenate([np.tile(cx.map_error[:1], (dim, 1)), cx.map_error[1:]])
    value, error = (np.broadcast_to(a, stored.shape) for a in outputs)
    # Beyond doubt within the claim, or to be compared exactly.
    sure = (np.abs(stored - value) + error) * enclosure.SAFE <= claim
    for i in np.flatnonzero(~sure.all(axis=(1, 2))).tolist():
        rows = case.rational.outputs(sides[i])
        for k, u in np.argwhere(~sure[i]).tolist():
            off = abs(Fraction(float(stored[i, k, u])) - rows[u][k])
            if off > Fraction(float(claim[k, u])):
                case.find(begin + i, f"its affine map is off by {float(off):.3g}")


def check_corners(
    case: Case,
    begin: int,
    sides: NDArray[np.bool_],
    forms: enclosure.Pair,
    points: NDArray[np.float64],
    owner: NDArray[np.int64],
    tight: list[list[int]],
) -> None:
    """Prove that corners are where they are said to be, and have the signs they are said to have."""
    dim, m = case.domain.dim, case.network.hyperplane_count
    count = np.array([len(labels) for labels in tight])
    radius = np.full(len(points), np.inf)
    simple = np.flatnonzero(count == dim)
    if len(simple):
        chosen = np.array([tight[c] for c in simple], np.int64)
        radius[simple] = enclosure.distance_to_solution(
            label_rows(case, forms, owner[simple], chosen), points[simple]
        )
    exact: dict[int, list[Fraction]] = {}
    for c in np.flatnonzero(radius > case.cx.vertex_error).tolist():
        i = int(owner[c])
        if begin + i in case.bad:
            continue
        rows = [case.rational.label(label, sides[i]) for label in tight[c]]
        point = meeting_point(rows) if len(rows) >= dim else None
        if point is None:
            case.find(begin + i, "a corner's tight hyperplanes do not meet in one point")
            continue
        case.exact_signs += len(rows)
        exact[c] = point
        off = max(abs(Fraction(float(x)) - y) for x, y in zip(points[c], point, strict=True))
        radius[c] = float(off) * enclosure.SAFE + enclosure.TINY if off else 0.0
        if off > Fraction(case.cx.vertex_error):
            case.find(begin + i, f"a vertex is off by {float(off):.3g}")
    is_tight = np.zeros((len(points), m + len(case.domain.sides)), np.bool_)
    is_tight[np.repeat(np.arange(len(points)), count), np.concatenate(tight)] = True
    # A negative label counts from the end, so the sides come last, in reverse.
    pair = (forms[0][owner], forms[1][owner])
    value, error = enclosure.values_at(pair, case.thresholds, points, radius)
    proven = np.where(sides[owner], value > error, value < -error)
    a = case.domain_rows[::-1]
    own = np.broadcast_to(a.T, (len(points), *a.T.shape))
    slack = np.abs(own) * enclosure.U + enclosure.TINY
    inside, doubt = enclosure.values_at((own, slack), np.zeros(len(a)), points, radius)
    proven = np.concatenate([proven, inside > doubt], axis=1)
    case.float_signs += int(np.count_nonzero(proven))
    for c, column in np.argwhere(~proven & ~is_tight).tolist():
        i = int(owner[c])
        if begin + i in case.bad:
            continue
        label = column if column < m else column - is_tight.shape[1]
        if c not in exact:
            rows = [case.rational.label(k, sides[i]) for k in tight[c]]
            point = meeting_point(rows)
            if point is None:
                case.find(begin + i, "a corner's tight hyperplanes do not meet in one point")
                continue
            exact[c] = point
        case.exact_signs += 1
        exact_value = value_at(case.rational.label(label, sides[i]), exact[c])
        above = bool(sides[i, label]) if label >= 0 else True
        if not (exact_value > 0 if above else exact_value < 0):
            what = f"hyperplane {label}" if label >= 0 else f"side {-1 - label} of the domain"
            case.find(begin + i, f"a corner lies on the wrong side of {what}, or untold on it")


def label_rows(
    case: Case, forms: enclosure.Pair, owner: NDArray[np.int64], labels: NDArray[np.int64]
) -> enclosure.Pair:
    """Return the forms of `labels` (n, dim) in the regions `owner`: (n, dim, dim + 1)."""
    value, error = forms
    h = np.maximum(labels, 0)
    if value.shape[2]:
        rows = value[owner[:, None], :, h].copy()
        slack = error[owner[:, None], :, h].copy()
        rows[..., -1] -= case.thresholds[h]
        slack[..., -1] += enclosure.U * np.abs(rows[..., -1])
    else:
        rows = np.zeros((*labels.shape, value.shape[1]))
        slack = np.zeros_like(rows)
    own = labels < 0
    rows[own] = case.domain_rows[-1 - labels[own]]
    slack[own] = np.abs(rows[own]) * enclosure.U + enclosure.TINY
    return rows, slack


def check_interior(
    case: Case, begin: int, sides: NDArray[np.bool_], counts: NDArray[np.int64]
) -> None:
    """Evaluate the network itself at a point of each region, and compare the signs.

    The point is the mean of the corners as they are stored.  Where rounding has moved it out of its
    region (a very thin one), or a unit vanishes on the region, the corners' signs, proven above,
    are what says that their mean is inside.
    """
    at = case.cx.vertex_offsets[begin : begin + len(sides)]
    points = np.add.reduceat(
        case.cx.corner_points[at[0] : at[0] + counts.sum()], at - at[0], axis=0
    )
    points /= counts[:, None]
    rows = enclosure.entering(case.domain)[0]
    extended = np.column_stack([points, np.ones(len(points))])[:, None, :]
    size = np.abs(extended) @ np.abs(rows)
    bound = enclosure.gamma(case.domain.dim + 3) * size * enclosure.SAFE
    bound += np.where(size > 0, 8 * enclosure.TINY, 0.0)
    if case.domain.basis is None:
        bound = np.zeros_like(bound)
    (z, error), _ = enclosure.through(case.network, sides, (extended @ rows, bound))
    value = z[:, 0, :] - case.thresholds
    error = error[:, 0, :] + enclosure.gamma(2) * (np.abs(z[:, 0, :]) + np.abs(case.thresholds))
    against = np.where(sides, value < -error, value > error)
    for i in np.flatnonzero(against.any(axis=1)).tolist():
        if begin + i not in case.bad:
            check_thin(case, begin, i, sides[i], np.flatnonzero(against[i]).tolist())


def check_thin(
    case: Case, begin: int, i: int, sides: NDArray[np.bool_], against: list[int]
) -> None:
    """Look exactly at hyperplanes of which the rounded mean of the corners is beyond."""
    region = begin + i
    cx = case.cx
    owner = np.zeros(int(cx.vertex_offsets[region + 1] - cx.vertex_offsets[region]), np.int64)
    corners = [
        meeting_point([case.rational.label(k, sides) for k in labels])
        for labels in tight_labels(case, region, region + 1, owner)
    ]
    known = [point for point in corners if point is not None]
    mean = [sum(xs, Fraction(0)) / len(known) for xs in zip(*known, strict=True)]
    for label in against:
        exact = value_at(case.rational.label(label, sides), mean)
        if exact and (exact > 0) != bool(sides[label]):
            case.find(region, f"its interior lies on the other side of hyperplane {label}")
