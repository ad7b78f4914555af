"""Linear regions: neighbouring activation regions with the same affine map, merged."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from polyenum.domains import Domain
from polyenum.networks import PiecewiseLinearNetwork
from polyenum.networks.modular import ModularMaps

_BATCH = 4096


def linear_labels(
    network: PiecewiseLinearNetwork,
    domain: Domain,
    sides: NDArray[np.bool_],
    pairs: NDArray[np.int32],
    maps: NDArray[np.float64],
    error: NDArray[np.float64],
) -> NDArray[np.int32]:
    """Return the linear region, numbered from 0 in order of first appearance, of every region.

    Parameters
    ----------
    network, domain
    sides : (regions, hyperplanes) bool
    pairs : (m, 2) int32
        Neighbours.
    maps : (regions, k) float64
        Their affine maps, in float64 within `error` (k,); maps further apart than twice that are
        different.  All others are compared exactly.
    """
    a, b = pairs[:, 0], pairs[:, 1]
    close = np.ones(len(pairs), np.bool_)
    for begin in range(0, len(pairs), 1 << 18):
        part = slice(begin, begin + (1 << 18))
        apart = np.abs(maps[a[part]] - maps[b[part]])
        # One rounding of the difference itself.
        close[part] = ~np.any(apart * (1 - 2.0**-50) > 2 * error, axis=1)
    a, b = a[close], b[close]
    equal = np.zeros(len(a), np.bool_)
    if len(a):
        exact = ModularMaps(network, domain)
        needed, where = np.unique(np.concatenate([a, b]), return_inverse=True)
        keys = np.empty(len(needed), np.int64)
        names: dict[bytes, int] = {}
        for begin in range(0, len(needed), _BATCH):
            rows = exact.residues(sides[needed[begin : begin + _BATCH]])
            for i, row in enumerate(rows):
                keys[begin + i] = names.setdefault(row.tobytes(), len(names))
        equal = keys[where[: len(a)]] == keys[where[len(a) :]]
    n = len(sides)
    graph = coo_array((np.ones(int(equal.sum()), np.int8), (a[equal], b[equal])), shape=(n, n))
    labels = connected_components(graph, directed=False)[1]
    _, first, inverse = np.unique(labels, return_index=True, return_inverse=True)
    order = np.empty(len(first), np.int32)
    order[np.argsort(first)] = np.arange(len(first), dtype=np.int32)
    return order[inverse]
