"""Facets and neighbours of a complex that holds no vertices, by linear programs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from polyenum.cells.lp.region import RegionBounds
from polyenum.complex.facets import Facets

if TYPE_CHECKING:
    from polyenum.complex.region_complex import RegionComplex


def facets_by_programs(cx: RegionComplex) -> Facets:
    """Return the facets of all regions; see `polyenum.complex.facets.find_facets`."""
    bounds = RegionBounds(cx.network, cx.domain)
    index = {row.tobytes(): i for i, row in enumerate(cx.packed_sides)}
    offsets, bits, neighbors = [0], [], []
    for i in range(len(cx)):
        sides = cx.sides_of(np.array([i]))[0].view(np.uint8)
        labels = cx.labels[cx.label_offsets[i] : cx.label_offsets[i + 1]].tolist()
        for label, beyond in bounds.facets(sides, labels, cx.interior_points[i]):
            bits.append(labels.index(label))
            neighbors.append(-1 if beyond is None else index.get(_packed(beyond), -1))
        offsets.append(len(bits))
    return Facets(
        np.array(offsets, np.int64), np.array(bits, np.int32), np.array(neighbors, np.int32)
    )


def _packed(sides: NDArray[np.uint8]) -> bytes:
    return np.packbits(sides, bitorder="little").tobytes()
