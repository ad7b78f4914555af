"""From the chunks of a walk to one `RegionComplex`."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from polyenum.cells.engine import Engine
from polyenum.cells.found import RegionArrays, SignCounts
from polyenum.domains import Domain
from polyenum.networks import PiecewiseLinearNetwork
from polyenum.regions.certificate import Certificate
from polyenum.regions.complex import RegionComplex

_OFFSETS = ("vertex_offsets", "label_offsets")


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
        self._arrays = RegionArrays(
            packed_sides=np.empty((0, -(-network.hyperplane_count // 8)), np.uint8),
            maps=np.empty((0, dim + 1, network.output_dim)),
            vertex_offsets=np.zeros(1, np.int64),
            corner_points=np.empty((0, dim)),
            corner_masks=np.empty((0, 1), np.uint64),
            label_offsets=np.zeros(1, np.int64),
            labels=np.empty(0, np.int32),
            inside=np.empty((0, 0 if engine.has_vertices else dim)),
        )
        self._used = [len(array) for array in self._arrays]

    def add(self, chunk: RegionArrays) -> None:
        """Append the regions of one chunk.

        Raises
        ------
        MemoryError
            If there is no room for it: then nothing of it is appended.
        """
        words = max(chunk.corner_masks.shape[1], self._arrays.corner_masks.shape[1])
        self._arrays = self._arrays._replace(
            corner_masks=_widened(self._arrays.corner_masks, words)
        )
        parts: tuple[NDArray, ...] = chunk._replace(
            corner_masks=_widened(chunk.corner_masks, words),
            vertex_offsets=chunk.vertex_offsets[1:],
            label_offsets=chunk.label_offsets[1:],
        )
        ends = [begin + len(part) for begin, part in zip(self._used, parts, strict=True)]
        own: tuple[NDArray, ...] = self._arrays
        for array, end in zip(own, ends, strict=True):
            if end > len(array):
                _lengthen(array, end)
        for name, array, part, begin, end in zip(
            RegionArrays._fields, own, parts, self._used, ends, strict=True
        ):
            if name in _OFFSETS:
                np.add(part, array[begin - 1], out=array[begin:end])
            else:
                array[begin:end] = part
        self._used = ends

    def complex(self, *, complete: bool, signs: SignCounts, vertex_error: float) -> RegionComplex:
        """Return the complex of all regions added; nothing can be added any more."""
        own: tuple[NDArray, ...] = self._arrays
        for array, used in zip(own, self._used, strict=True):
            array.resize((used, *array.shape[1:]), refcheck=False)
        return RegionComplex(
            self._network,
            self._domain,
            self._arrays,
            complete=complete,
            engine=self._engine.name,
            certificate=Certificate(self._engine.certified, *signs),
            map_error=self._engine.map_error(),
            vertex_error=vertex_error,
        )


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
