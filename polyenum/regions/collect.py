"""From the walk's chunks to one `RegionComplex`."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from polyenum.cells.engine import Engine, Found, SignCounts
from polyenum.domains import Domain
from polyenum.networks import PiecewiseLinearNetwork
from polyenum.regions.complex import RegionComplex

_COUNTS = ("vertex_count", "label_count")


class Collected:
    """Regions in order, in arrays that grow in place.

    Growing moves no data (the allocator remaps pages) and memory that is reserved but not yet written
    costs nothing, so at no time is more than one chunk held twice.

    Parameters
    ----------
    engine : Engine
    network : PiecewiseLinearNetwork
    domain : Domain
    """

    def __init__(self, engine: Engine, network: PiecewiseLinearNetwork, domain: Domain) -> None:
        self._engine, self._network, self._domain = engine, network, domain
        dim = domain.dim
        # Before the counts a 0, so that their sums are offsets, in place.
        self._used = [int(name in _COUNTS) for name in Found._fields]
        self._arrays: list[NDArray] = list(
            Found(
                np.empty((0, -(-network.hyperplane_count // 8)), np.uint8),
                np.empty((0, (dim + 1) * network.output_dim)),
                np.zeros(1, np.int64),
                np.zeros(1, np.int64),
                np.empty((0, dim)),
                np.empty((0, 1), np.uint64),
                np.empty(0, np.int32),
                np.empty((0, 0 if engine.has_vertices else dim)),
            )
        )

    def add(self, found: Found) -> None:
        """Append the regions of one chunk.

        Raises
        ------
        MemoryError
            If there is no room for it: then nothing of it is appended.
        """
        parts: list[NDArray] = list(found)
        masks = Found._fields.index("masks")
        words = max(parts[masks].shape[1], self._arrays[masks].shape[1])
        parts[masks] = _widened(parts[masks], words)
        self._arrays[masks] = _widened(self._arrays[masks], words)
        ends = [begin + len(part) for begin, part in zip(self._used, parts, strict=True)]
        for array, end in zip(self._arrays, ends, strict=True):
            if end > len(array):
                _lengthen(array, end)
        for array, part, begin, end in zip(self._arrays, parts, self._used, ends, strict=True):
            array[begin:end] = part
        self._used = ends

    def complex(self, *, complete: bool, signs: SignCounts, vertex_error: float) -> RegionComplex:
        """Return the complex of all regions added; nothing can be added any more."""
        for array, used in zip(self._arrays, self._used, strict=True):
            array.resize((used, *array.shape[1:]), refcheck=False)
        whole = Found(*self._arrays)
        for counts in (whole.vertex_count, whole.label_count):
            np.cumsum(counts, out=counts)
        return RegionComplex(
            self._network,
            self._domain,
            complete=complete,
            certified=self._engine.certified,
            engine=self._engine.name,
            signs=signs,
            packed_sides=whole.sides,
            maps=whole.forms,
            map_error=self._engine.map_error(),
            vertex_error=vertex_error,
            vertex_offsets=whole.vertex_count,
            corner_points=whole.points,
            corner_masks=whole.masks,
            label_offsets=whole.label_count,
            labels=whole.labels,
            inside=whole.inside,
        )


def split_found(found: Found, count: int) -> tuple[Found, Found]:
    """Return the first `count` regions of a chunk, and the rest."""
    v = int(found.vertex_count[:count].sum())
    m = int(found.label_count[:count].sum())
    cuts = (count, count, count, count, v, v, m, count)
    fields: list[NDArray] = list(found)
    head = Found(*(a[:c] for a, c in zip(fields, cuts, strict=True)))
    tail = Found(*(a[c:] for a, c in zip(fields, cuts, strict=True)))
    return head, tail


def _lengthen(array: NDArray, least: int) -> None:
    """Make an array longer in place: twice as long, or `least` where there is no room for that."""
    try:
        array.resize((max(least, 2 * len(array)), *array.shape[1:]), refcheck=False)
    except MemoryError:
        array.resize((least, *array.shape[1:]), refcheck=False)


def _widened(masks: NDArray[np.uint64], words: int) -> NDArray[np.uint64]:
    if masks.shape[1] == words:
        return masks
    return np.pad(masks, ((0, 0), (0, words - masks.shape[1])))
