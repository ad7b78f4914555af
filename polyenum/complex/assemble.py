"""From the walk's chunks to one `RegionComplex`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from polyenum.cells.vertex.walker import Found, root_cell
from polyenum.complex.region_complex import RegionComplex
from polyenum.domains import Domain
from polyenum.networks import PiecewiseLinearNetwork

if TYPE_CHECKING:
    from polyenum.enumeration.tasks import Walk


def assemble(
    network: PiecewiseLinearNetwork,
    domain: Domain,
    walk: Walk,
    found: list[Found],
    *,
    limit: int | None,
    complete: bool,
) -> RegionComplex:
    """Return the complex of all regions `found`, or the first `limit` of them.

    The chunks are let go field by field, the largest first, so that no more than one is held twice.
    """
    if limit is not None and sum(len(f.vertex_count) for f in found) > limit:
        found = split_found(found, limit)[0]
    words = max((f.masks.shape[1] for f in found), default=1)
    fields: list[list[NDArray]] = [list(field) for field in zip(*found, strict=True)]
    found.clear()
    if not fields:
        fields = [[field] for field in nothing_found(walk, domain.dim)]
    fields[5] = [_widened(m, words) for m in fields[5]]
    joined: dict[int, NDArray] = {}
    for i in sorted(range(len(fields)), key=lambda i: -sum(a.nbytes for a in fields[i])):
        joined[i] = _joined(fields[i])
    whole = Found(*(joined[i] for i in range(len(fields))))
    t = walk.tables
    last = slice(t.row[-2], t.row[-1])
    return RegionComplex(
        network,
        domain,
        complete=complete,
        packed_sides=whole.sides,
        maps=whole.forms,
        map_error=np.stack([t.coef_error[last], t.const_error[last]]),
        vertex_offsets=_offsets(whole.vertex_count),
        corner_points=whole.points,
        corner_masks=whole.masks,
        label_offsets=_offsets(whole.label_count),
        labels=whole.labels,
    )


def nothing_found(walk: Walk, dim: int) -> Found:
    """Return a chunk of no regions."""
    t = walk.tables
    return Found(
        np.zeros((0, -(-int(t.hyper[-1]) // 8)), np.uint8),
        np.zeros((0, int(t.form[-1] - t.form[-2]))),
        np.zeros(0, np.int64),
        np.zeros(0, np.int64),
        np.zeros((0, dim)),
        np.zeros((0, 1), np.uint64),
        np.zeros(0, np.int32),
    )


def split_found(found: list[Found], count: int) -> tuple[list[Found], list[Found]]:
    """Return the first `count` regions of some chunks, and the rest."""
    first: list[Found] = []
    for i, chunk in enumerate(found):
        here = len(chunk.vertex_count)
        if here > count:
            v = int(chunk.vertex_count[:count].sum())
            m = int(chunk.label_count[:count].sum())
            cuts = (count, count, count, count, v, v, m)
            fields: list[NDArray] = list(chunk)
            head = Found(*(a[:c] for a, c in zip(fields, cuts, strict=True)))
            tail = Found(*(a[c:] for a, c in zip(fields, cuts, strict=True)))
            return [*first, head], [tail, *found[i + 1 :]]
        first.append(chunk)
        count -= here
    return first, []


def domain_complex(domain: Domain) -> RegionComplex:
    """Return the complex of one region, the whole domain, under the identity."""
    cell = root_cell(domain)
    network = PiecewiseLinearNetwork.from_arrays([(np.eye(domain.input_dim), None)])
    return RegionComplex(
        network,
        domain,
        complete=True,
        packed_sides=np.zeros((1, 0), np.uint8),
        maps=np.zeros((1, domain.dim + 1)),
        map_error=np.zeros((2, 1)),
        vertex_offsets=np.array([0, len(cell.points)]),
        corner_points=cell.points[:, :-1].copy(),
        corner_masks=cell.masks,
        label_offsets=np.array([0, len(cell.labels)]),
        labels=cell.labels,
    )


def _joined(parts: list[NDArray]) -> NDArray:
    """Return the concatenation of `parts`, emptying the list."""
    joined = parts[0] if len(parts) == 1 else np.concatenate(parts)
    parts.clear()
    return joined


def _offsets(counts: NDArray[np.int64]) -> NDArray[np.int64]:
    offsets = np.zeros(len(counts) + 1, np.int64)
    np.cumsum(counts, out=offsets[1:])
    return offsets


def _widened(masks: NDArray[np.uint64], words: int) -> NDArray[np.uint64]:
    if masks.shape[1] == words:
        return masks
    return np.pad(masks, ((0, 0), (0, words - masks.shape[1])))
