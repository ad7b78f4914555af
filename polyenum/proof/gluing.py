"""How the regions hang together: faces, facets and neighbours, told by sign vectors."""

from __future__ import annotations

import numpy as np

from polyenum.proof.case import Case
from polyenum.proof.enclosure import SAFE
from polyenum.proof.geometry import owners
from polyenum.proof.lattice import LatticeError, faces


class Gluing:
    """The faces of all regions seen so far, each under its sign vector.

    A sign vector is a region's sides with the tight hyperplanes blanked out, and the tight labels.

    Parameters
    ----------
    case : Case

    Attributes
    ----------
    facet_count : int
        Facets seen, counted once per region.
    """

    def __init__(self, case: Case) -> None:
        self.case = case
        self.facet_count = 0
        self.facets: dict[tuple, list[tuple[int, int]]] = {}
        self.faces: list[set[tuple]] = [set() for _ in range(case.domain.dim + 1)]
        self.vertex_of: dict[tuple, int] = {}
        network = case.network
        self.rectified = [
            (begin, end, network.sources[begin:end].tolist())
            for begin, end in sorted({(a, b) for a, b in network.groups.tolist() if a >= 0})
            if network.sources[begin] >= 0
        ]

    def add(self, begin: int, end: int, tight: list[list[int]]) -> None:
        """Prove the faces of the regions ``begin`` to ``end`` complete, and enter them.

        Parameters
        ----------
        begin, end : int
        tight : list of list of int
            The tight labels of each corner of these regions.
        """
        dim = self.case.domain.dim
        sides, owner = self.case.cx.sides_of(slice(begin, end)), owners(self.case, begin, end)
        starts = np.searchsorted(owner, np.arange(len(sides) + 1)).tolist()
        packed = np.packbits(sides, axis=1, bitorder="little")
        ids = self.case.cx.vertex_ids[self.case.cx.vertex_offsets[begin] :]
        for i in range(len(sides)):
            region = begin + i
            if region in self.case.bad:
                continue
            corners = tight[starts[i] : starts[i + 1]]
            members: dict[int, int] = {}
            for v, labels in enumerate(corners):
                for label in labels:
                    members[label] = members.get(label, 0) | 1 << v
            whole = (1 << len(corners)) - 1
            try:
                if len({tuple(labels) for labels in corners}) < len(corners):
                    raise LatticeError("two corners in one place")
                lattice = faces(whole, members.values(), dim)
            except LatticeError as error:
                self.case.find(region, f"it is no polytope: {error}")
                continue
            pattern = int.from_bytes(packed[i].tobytes(), "little")
            zero = self._zero_maxima(pattern)
            for label, on in members.items():
                if on == whole and not self._may_vanish(label, pattern):
                    self.case.find(
                        region, "a unit that vanishes on it is not off, or the domain is flat"
                    )
            for k, level in enumerate(lattice):
                for face in level:
                    on_face = [x for x, on in members.items() if on & face == face]
                    key = self._sign_vector(pattern, on_face, zero)
                    self.faces[k].add(key)
                    if k == dim - 1:
                        self.facet_count += 1
                        self.facets.setdefault(key, []).append((region, face))
                    if k == 0:
                        v = face.bit_length() - 1
                        vertex = int(ids[starts[i] + v])
                        if self.vertex_of.setdefault(key, vertex) != vertex:
                            self.case.find(
                                region, "a vertex that it shares has another number elsewhere"
                            )

    def _may_vanish(self, label: int, pattern: int) -> bool:
        """Return whether a hyperplane may vanish on a whole region: off, or not the first of equals."""
        if label < 0:
            return False
        begin = int(self.case.network.groups[label, 0])
        if begin < 0:
            return not pattern >> label & 1
        return any(pattern >> own & 1 for own in range(begin, label))

    def _zero_maxima(self, pattern: int) -> set[int]:
        """Return the maxima of ReLUs' outputs that are 0 on a whole region: all ReLUs off."""
        return {
            begin
            for begin, end, sources in self.rectified
            if not any(pattern >> source & 1 for source in sources)
        }

    def _sign_vector(self, pattern: int, labels: list[int], zero: set[int]) -> tuple:
        """Return a sign vector that does not depend on the region from which the face is seen.

        A maximum's tight labels tell which members tie with the largest, so that one belongs to them.
        Where a maximum of ReLUs' outputs is 0, the ReLUs' hyperplanes say all, and its own bits nothing.
        """
        groups, tight = self.case.network.groups, set(labels)
        nothing = set(zero)
        for begin, end, sources in self.rectified:
            for member, source in zip(range(begin, end), sources, strict=True):
                if source in tight and pattern >> member & 1:
                    nothing.add(begin)
        for label in labels:
            if label >= 0 and groups[label, 0] >= 0:
                begin, end = groups[label].tolist()
                tight |= {own for own in range(begin, end) if pattern >> own & 1}
        for begin in nothing:
            members = range(begin, int(groups[begin, 1]))
            tight -= set(members)
            pattern &= ~sum(1 << member for member in members)
        # Where an activation jumps, its side stays.
        jumps = self.case.network.jumps
        blank = sum(1 << x for x in tight if x >= 0 and not jumps[x])
        return pattern & ~blank, tuple(sorted(tight))

    def match_facets(self) -> None:
        """Check that every facet inside the domain has exactly one partner."""
        for (_, labels), sharing in self.facets.items():
            alone = labels[0] < 0 or self.case.network.jumps[list(labels)].any()
            expected = 1 if alone else 2
            if len(sharing) != expected and (self.case.cx.complete or len(sharing) > expected):
                region = sharing[0][0]
                others = len(sharing) - 1
                self.case.find(
                    region, f"a facet on hyperplane {labels[-1]} has {others} neighbours"
                )
        if len(set(self.vertex_of.values())) < len(self.vertex_of):
            self.case.findings.append("two different vertices have one number")

    def check_neighbors(self) -> None:
        """Compare the stored facets and neighbours with those found here."""
        stored = self.case.cx.facet_table
        expected: list[list[tuple[int, int]]] = [[] for _ in range(len(self.case.cx))]
        for sharing in self.facets.values():
            for region, face in sharing:
                other = next((j for j, _ in sharing if j != region), -1)
                expected[region].append((face, other))
        for region in range(len(self.case.cx)):
            rows = slice(stored.offsets[region], stored.offsets[region + 1])
            found = []
            at = self.case.cx.vertex_offsets[region : region + 2]
            masks = self.case.cx.corner_masks[at[0] : at[1]]
            for bit, other in zip(
                stored.bit[rows].tolist(), stored.neighbor[rows].tolist(), strict=True
            ):
                on = masks[:, bit >> 6] >> np.uint64(bit & 63) & np.uint64(1)
                found.append((sum(1 << v for v in np.flatnonzero(on).tolist()), other))
            if sorted(found) != sorted(expected[region]):
                self.case.find(region, "its stored facets or neighbours are not those that it has")

    def check_vertices(self) -> None:
        """Check that shared vertices are where the regions' own corners are."""
        cx = self.case.cx
        gap = np.abs(cx.vertices[cx.vertex_ids] - cx.corner_points).max()
        if gap > 2 * cx.vertex_error * SAFE:
            self.case.findings.append(f"shared vertices are off from the regions' own by {gap:.3g}")

    def euler_characteristic(self) -> int:
        """Return the alternating sum of the numbers of faces."""
        return sum((-1) ** k * len(level) for k, level in enumerate(self.faces))

    def check_euler(self) -> None:
        """Check that the Euler characteristic is that of a convex set."""
        if self.euler_characteristic() != 1:
            found = self.euler_characteristic()
            self.case.findings.append(f"the Euler characteristic is {found}, not 1")
