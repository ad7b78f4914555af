"""The faces of a region with more labels than dimensions at some corner, or with maxima: one region at a time."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from polyenum.proof.batch import Batch
from polyenum.proof.case import Case
from polyenum.proof.lattice import LatticeError, faces


class GeneralFaces:
    """Sign vectors of the faces of single regions.

    Parameters
    ----------
    case : Case
    """

    def __init__(self, case: Case) -> None:
        self._case = case
        layout = case.layout
        self._groups = layout.groups.tolist()
        self._rectified = [
            (begin, end, layout.sources[begin:end].tolist())
            for begin, end in layout.maxima
            if layout.sources[begin] >= 0
        ]

    def members(self, batch: Batch, i: int) -> list[int]:
        """Return for each label of a region the set of its corners, as bits, at which it is tight."""
        begin, end = int(batch.starts[i]), int(batch.starts[i + 1])
        first, last = self._case.cx.label_offsets[batch.begin + i : batch.begin + i + 2].tolist()
        little = np.ascontiguousarray(batch.masks[begin:end], "<u8").view(np.uint8)
        on = np.unpackbits(little, axis=1, count=last - first, bitorder="little")
        packed = np.packbits(on.T, axis=1, bitorder="little")
        return [int.from_bytes(row.tobytes(), "little") for row in packed]

    def lattice(self, batch: Batch, i: int) -> list[list[tuple[int, int, list[int], list[int]]]]:
        """Return the faces of region `i` of a batch by dimension, after proving that none is missing.

        Returns
        -------
        list of list of (corners, bit, labels, zeros)
            The corners as a set of bits; the first of the region's labels that is tight on these alone;
            the tight labels, the same from whichever region the face is seen; and the hyperplanes whose
            side counts as 0.

        Raises
        ------
        LatticeError
            If the incidences are not those of a polytope.
        """
        case = self._case
        members = self.members(batch, i)
        first = int(case.cx.label_offsets[batch.begin + i])
        labels = case.cx.labels[first : first + len(members)].tolist()
        corners = int(batch.starts[i + 1] - batch.starts[i])
        whole = (1 << corners) - 1
        found = faces(whole, members, case.dim)
        sides = batch.sides[i]
        for label, on in zip(labels, members, strict=True):
            if on == whole and not self._may_vanish(label, sides):
                raise LatticeError("a unit that vanishes on it is not off, or the domain is flat")
        pairs = list(zip(members, labels, strict=True))
        levels = []
        for level in found:
            rows = []
            for face in level:
                tight = [label for on, label in pairs if on & face == face]
                bit = members.index(face) if face in members else -1
                rows.append((face, bit, *self._sign_vector(sides, tight)))
            levels.append(rows)
        return levels

    def _may_vanish(self, label: int, sides: NDArray[np.bool_]) -> bool:
        """Return whether a hyperplane may vanish on a whole region: off, or not the first of equals."""
        if label < 0:
            return False
        begin = self._groups[label][0]
        return bool(not sides[label] if begin < 0 else sides[begin:label].any())

    def _sign_vector(
        self, sides: NDArray[np.bool_], labels: list[int]
    ) -> tuple[list[int], list[int]]:
        """Return tight labels, and hyperplanes that count as 0, whichever region the face is seen from.

        A maximum's tight labels tell which members tie with the largest, so that one belongs to them.
        Where a maximum of ReLUs' outputs is 0, the ReLUs' hyperplanes say all, and its own bits nothing.
        """
        tight = set(labels)
        zeros: list[int] = []
        for begin, end, sources in self._rectified:
            off = not sides[sources].any()
            if off or any(source in tight and sides[begin + k] for k, source in enumerate(sources)):
                zeros += range(begin, end)
        for label in labels:
            if label >= 0 and self._groups[label][0] >= 0:
                begin, end = self._groups[label]
                tight.add(begin + int(sides[begin:end].argmax()))
        tight -= set(zeros)
        return sorted(tight), zeros
