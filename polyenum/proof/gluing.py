"""How the regions hang together: faces, facets and neighbours, told by sign vectors."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from polyenum.proof.batch import Batch
from polyenum.proof.case import Case
from polyenum.proof.general import GeneralFaces
from polyenum.proof.lattice import LatticeError
from polyenum.proof.signs import Hashing, Keys, classes
from polyenum.proof.simple import SimpleFaces, simple_regions
from polyenum.ragged import rows_and_steps
from polyenum.regions.facets import Facets


class Gluing:
    """The faces of all regions seen so far, each under its sign vector.

    Parameters
    ----------
    case : Case

    Attributes
    ----------
    facet_count : int
        Facets seen, counted once per region.
    f_vector : tuple of int
        The numbers of faces of dimension 0, 1, ..., dim; known after `match`.
    """

    def __init__(self, case: Case) -> None:
        self.case = case
        self.f_vector: tuple[int, ...] = ()
        self._general = GeneralFaces(case)
        self._hashing = Hashing(case, 0)
        self._vertices, self._facets = Keys(), Keys()
        self._distinct_facets = 0
        # Of each facet the first of its region's labels that carries it.
        self._bits: list[NDArray[np.int64]] = []
        # Hashes of the faces between vertices and facets.
        self._between: list[list[NDArray[np.uint64]]] = [[] for _ in range(case.dim + 1)]

    @property
    def facet_count(self) -> int:
        """Facets seen, counted once per region."""
        return len(self._facets)

    def add(self, batch: Batch) -> None:
        """Prove the faces of some regions complete, and enter them."""
        case = self.case
        simple = simple_regions(case, batch)
        if simple.any():
            self._add_simple(batch, simple)
        levels: list[list[tuple[int, int, list[int], list[int]]]] = [
            [] for _ in range(case.dim + 1)
        ]
        vertex_keys: dict[int, tuple[list[int], list[int]]] = {}
        for i in np.flatnonzero(~simple).tolist():
            region = batch.begin + i
            if region in case.bad:
                continue
            try:
                lattice = self._general.lattice(batch, i)
            except LatticeError as error:
                case.find(region, f"it is no polytope: {error}")
                continue
            for k, level in enumerate(lattice):
                levels[k] += [(region, bit, labels, zeros) for _, bit, labels, zeros in level]
            for corners, _, labels, zeros in lattice[0]:
                vertex_keys[int(batch.starts[i]) + corners.bit_length() - 1] = labels, zeros
        if case.findings:
            return
        self._add_vertices(batch, vertex_keys)
        for k in range(1, case.dim):
            if k < case.dim - 1 and levels[k]:
                keys = _keys(levels[k])
                self._between[k].append(np.unique(self._hashing.of(keys)))
        if levels[case.dim - 1]:
            self._facets.add(*_keys(levels[case.dim - 1]).arrays)
            self._bits.append(np.array([bit for _, bit, _, _ in levels[case.dim - 1]]))

    def _add_simple(self, batch: Batch, simple: NDArray[np.bool_]) -> None:
        case = self.case
        faces = SimpleFaces(case, batch, simple)
        for i in faces.incomplete().tolist():
            case.find(batch.begin + i, "it is no polytope: an edge does not have two ends")
        if case.findings:
            return
        regions = batch.begin + np.flatnonzero(simple)
        first = case.cx.label_offsets[regions]
        row, bit = rows_and_steps(case.cx.label_offsets[regions + 1] - first)
        label = case.cx.labels[first[row] + bit].astype(np.int64)
        self._facets.add(regions[row], np.ones(len(row), np.int64), label)
        self._bits.append(bit)
        for k in range(1, case.dim - 1):
            self._between[k].append(faces.hashes(self._hashing, k))

    def _add_vertices(self, batch: Batch, own: dict[int, tuple[list[int], list[int]]]) -> None:
        """Enter all corners of a batch, in order; of a network with maxima all are in `own`."""
        region = batch.begin + batch.owner
        if not self.case.layout.maxima:
            order = np.lexsort((batch.label, batch.corner))
            self._vertices.add(region, batch.count, batch.label[order])
            return
        rows = [(int(region[c]), 0, *own[c]) for c in range(len(region))]
        self._vertices.add(*_keys(rows).arrays)

    def match(self) -> None:
        """Find out which vertices and facets are the same, and hold what is stored against it."""
        case = self.case
        number, first = classes(case, self._vertices)
        facets = self._matched_facets()
        if case.findings:
            return
        inner = [len(np.unique(np.concatenate(x))) for x in self._between[1 : case.dim - 1]]
        ends = [len(first)] if case.dim == 1 else [len(first), *inner, self._distinct_facets]
        self.f_vector = (*ends, len(case.cx))
        self._check_vertices(number, first)
        self._check_facets(facets)

    def _check_vertices(self, number: NDArray[np.int64], first: NDArray[np.int64]) -> None:
        case = self.case
        region = self._vertices.arrays[0]
        pairs = np.lexsort((number, region))
        twice = (region[pairs][1:] == region[pairs][:-1]) & (
            number[pairs][1:] == number[pairs][:-1]
        )
        for k in np.flatnonzero(twice).tolist():
            case.find(int(region[pairs[k]]), "it is no polytope: two corners have the same labels")
        ids = case.fresh.vertex_ids
        points = case.fresh.vertices
        if not np.array_equal(ids, number):
            case.findings.append("shared vertices are not numbered as they are shared")
        elif not np.array_equal(points, case.cx.corner_points[first]):
            case.findings.append("shared vertices are off from the regions' own")

    def _matched_facets(self) -> Facets:
        """Return the regions' facets with their neighbours, as they must be stored."""
        case = self.case
        region, count, label, _, _ = self._facets.arrays
        number, first = classes(case, self._facets)
        self._distinct_facets = len(first)
        sharing = np.bincount(number, minlength=len(first))
        face, _ = rows_and_steps(count)
        # On a side of the domain, or on a jump, a facet has no neighbour.
        side, jump = (np.zeros(len(region), np.bool_) for _ in range(2))
        side[face[label < 0]] = True
        jumping = label >= 0
        jumping[jumping] = case.layout.jumps[label[jumping]]
        jump[face[jumping]] = True
        expected = np.where(side | jump, 1, 2)[first]
        # One on a jump may have the sign vector of another, where some other jump hides behind this one.
        wrong = sharing > np.where(jump[first], 2, expected)
        if case.cx.complete:
            wrong |= ~jump[first] & (sharing < expected)
        ends = np.cumsum(count)
        for k in np.flatnonzero(wrong).tolist():
            f = int(first[k])
            own = int(label[ends[f] - 1])
            where = f"hyperplane {own}" if own >= 0 else f"side {-1 - own} of the domain"
            case.find(
                int(region[f]),
                f"a facet on {where} has {sharing[k] - 1} neighbours, where {expected[k] - 1} must be",
            )
        order = np.argsort(number, kind="stable")
        neighbor = np.full(len(region), -1, np.int64)
        pair = np.flatnonzero((number[order][1:] == number[order][:-1]) & ~(side | jump)[order[1:]])
        a, b = order[pair], order[pair + 1]
        neighbor[a], neighbor[b] = region[b], region[a]
        for k in np.flatnonzero(neighbor == region).tolist():
            case.find(int(region[k]), "two of its facets have the same labels")
        bit = np.concatenate([*self._bits, np.zeros(0, np.int64)])
        order = np.lexsort((bit, region))
        offsets = np.concatenate([[0], np.cumsum(np.bincount(region, minlength=len(case.cx)))])
        return Facets(offsets, bit[order].astype(np.int32), neighbor[order].astype(np.int32))

    def _check_facets(self, expected: Facets) -> None:
        """Compare the stored facets and neighbours with those found here."""
        case = self.case
        stored = case.fresh.facet_table
        if not np.array_equal(stored.offsets, expected.offsets):
            case.findings.append("regions have other numbers of facets than are stored")
            return
        differ = (stored.bit != expected.bit) | (stored.neighbor != expected.neighbor)
        owner, _ = rows_and_steps(np.diff(expected.offsets))
        for i in np.unique(owner[differ]).tolist():
            case.find(i, "its stored facets or neighbours are not those that it has")

    @property
    def euler_characteristic(self) -> int:
        """The alternating sum of the numbers of faces."""
        return sum((-1) ** k * n for k, n in enumerate(self.f_vector))

    def check_euler(self) -> None:
        """Check that the Euler characteristic is that of a convex set."""
        found = self.euler_characteristic
        if found != 1:
            self.case.findings.append(f"the Euler characteristic is {found}, not 1")


def _keys(rows: list[tuple[int, int, list[int], list[int]]]) -> Keys:
    """Return the keys of faces given as (region, bit, labels, zeros)."""
    keys = Keys()
    keys.add(
        np.array([region for region, _, _, _ in rows], np.int64),
        np.array([len(labels) for _, _, labels, _ in rows], np.int64),
        np.array([x for _, _, labels, _ in rows for x in labels], np.int64),
        np.array([len(zeros) for _, _, _, zeros in rows], np.int64),
        np.array([x for _, _, _, zeros in rows for x in zeros], np.int64),
    )
    return keys
