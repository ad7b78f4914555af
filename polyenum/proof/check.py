"""`check`: prove a finished result again, from the result alone.

What is proven, and why it suffices (docs/exactness.md has it in full):

1. Every corner of every region is the one point where its tight hyperplanes meet, and every hyperplane
   of the network has, there, the side that the region's pattern says, or 0 exactly where it is tight.
   So the hull Q of a region's corners lies in the set P of all points with its pattern.
2. The faces of Q, from those incidences, are complete (`lattice`).  Its facets lie on hyperplanes of P,
   so Q is P; and P has interior points, one of which is also evaluated through the network itself.
3. Patterns are distinct, so interiors are disjoint.
4. Every facet lies on a side of the domain or has the sign vector of exactly one other region's facet.
   So no region is missing: the union of all is closed, and its boundary inside the domain would have
   to consist of faces of codimension 2, which separate nothing.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from polyenum.domains import Domain
from polyenum.errors import CheckError, DomainError, NetworkError
from polyenum.networks import as_network
from polyenum.proof import enclosure
from polyenum.proof.lattice import LatticeError, faces
from polyenum.proof.rational import RationalForms, meeting_point, value_at

if TYPE_CHECKING:
    from polyenum.complex.region_complex import RegionComplex

_MOST_FINDINGS = 20
_BATCH_VALUES = 1 << 21


@dataclass(frozen=True)
class CheckReport:
    """What a successful `check` has proven.

    Attributes
    ----------
    regions, corners, facets : int
        How many were checked.
    complete : bool
        Whether it is proven that there is no other region; False for a part of a complex.
    euler_characteristic : int
        Of the union of all regions: 1 where complete.
    float_signs : int
        Signs proven by float64 enclosures.
    exact_signs : int
        Signs that took rational arithmetic.
    volume_gap : float
        How far the volumes' sum is from the domain's volume, relative to it.
    seconds : float
    """

    regions: int
    corners: int
    facets: int
    complete: bool
    euler_characteristic: int
    float_signs: int
    exact_signs: int
    volume_gap: float
    seconds: float


def check(cx: RegionComplex, net: Any, domain: Domain, *, progress: bool = False) -> CheckReport:
    """Prove a result again, from the result alone, with code of its own.

    Proven, for the real numbers that the weights and the domain are: every region has the pattern it
    says, and interior points; its vertices, facets and affine map are right, within the complex's
    ``vertex_error`` and ``map_error``; every facet has exactly one neighbour or lies on a side of the
    domain, and is stored so; and, if the complex says that it is complete, there is no other region.

    Parameters
    ----------
    cx : RegionComplex
    net : torch.nn.Sequential, [(W, b), ...] or PiecewiseLinearNetwork
        The network that the result is claimed for.
    domain : Domain
        The domain that it is claimed for.
    progress : bool
        Whether to show a progress bar.

    Returns
    -------
    CheckReport

    Raises
    ------
    CheckError
        If anything is not as claimed; its ``findings`` say what.

    Examples
    --------
    >>> import polyenum as pe
    >>> net = [([[1.0, 0], [0, 1.0]], [0, 0]), ([[1.0, 1]], [0])]
    >>> box = pe.Box(-1, 1, dim=2)
    >>> report = pe.check(pe.enumerate_regions(net, box), net, box)
    >>> report.regions, report.complete, report.euler_characteristic
    (4, True, 1)
    """
    network = as_network(net)
    if domain.input_dim != network.input_dim:
        raise DomainError(
            f"the network takes {network.input_dim} inputs, but {domain!r} lies in "
            f"{domain.input_dim} dimensions"
        )
    claimed = (cx.network.hyperplane_count, cx.network.output_dim, cx.dim)
    if claimed != (network.hyperplane_count, network.output_dim, domain.dim):
        raise NetworkError(
            f"the complex is of {cx.network!r} in {cx.dim} dimensions, not of {network!r} in "
            f"{domain.dim}"
        )
    return _Check(cx, network, domain).run(progress=progress)


class _Check:
    """One run of `check`; ``found`` collects what is wrong."""

    def __init__(self, cx: RegionComplex, network: Any, domain: Domain) -> None:
        self.began = time.perf_counter()
        self.cx, self.network, self.domain = cx, network, domain
        self.rational = RationalForms(network, domain)
        self.thresholds = np.concatenate([s.activation.breakpoints for s in network.stages])
        sides = [[x / max(map(abs, form[:-1])) for x in form] for form in domain.sides]
        self.domain_rows = np.array(sides, np.float64)
        self.found: list[str] = []
        self.bad: set[int] = set()
        self.float_signs = self.exact_signs = 0
        # Facets and faces by sign vector: sides with the tight ones blanked out, and these.
        self.facets: dict[tuple, list[tuple[int, int]]] = {}
        self.faces: list[set[tuple]] = [set() for _ in range(domain.dim + 1)]
        self.vertex_of: dict[tuple, int] = {}
        self.facet_count = 0

    def find(self, region: int, message: str) -> None:
        """Note what is wrong with a region: once each."""
        if region not in self.bad:
            self.bad.add(region)
            self.found.append(f"region {region}: {message}")

    def run(self, *, progress: bool) -> CheckReport:
        """Check everything."""
        cx = self.cx
        self.check_structure()
        if not self.found:
            patterns = cx.packed_sides[:, : -(-self.network.hyperplane_count // 8)]
            if len({row.tobytes() for row in patterns}) < len(patterns):
                self.found.append("two regions have the same pattern")
            for begin, end in self.batches(progress):
                self.check_batch(begin, end)
            self.match_facets()
            self.check_neighbors()
        gap = self.check_sums() if not self.found else math.nan
        if self.found:
            shown = self.found[:_MOST_FINDINGS]
            more = len(self.found) - len(shown)
            raise CheckError(
                f"the result is not what it claims to be: {shown[0]}"
                + (f" (and {len(self.found) - 1:,} more findings)" if len(self.found) > 1 else ""),
                shown + ([f"and {more:,} more"] if more else []),
            )
        return CheckReport(
            regions=len(cx),
            corners=len(cx.corner_points),
            facets=self.facet_count,
            complete=cx.complete,
            euler_characteristic=self.euler(),
            float_signs=self.float_signs,
            exact_signs=self.exact_signs,
            volume_gap=gap,
            seconds=time.perf_counter() - self.began,
        )

    def euler(self) -> int:
        """Return the alternating sum of the numbers of faces."""
        return sum((-1) ** k * len(faces) for k, faces in enumerate(self.faces))

    # -- shapes ----------------------------------------------------------------------------------

    def check_structure(self) -> None:
        """Check that the arrays fit each other, so that nothing below can be out of range."""
        cx, n = self.cx, len(self.cx.packed_sides)
        labels, masks = cx.labels, cx.corner_masks
        fits = (
            n > 0
            and cx.packed_sides.shape[1] * 8 >= self.network.hyperplane_count
            and len(cx.vertex_offsets) == len(cx.label_offsets) == n + 1
            and cx.vertex_offsets[0] == cx.label_offsets[0] == 0
            and cx.vertex_offsets[-1] == len(cx.corner_points) == len(masks)
            and cx.label_offsets[-1] == len(labels)
            and (np.diff(cx.vertex_offsets) > 0).all()
            and (np.diff(cx.label_offsets) > 0).all()
            and cx.corner_points.shape[1] == self.domain.dim
            and np.isfinite(cx.corner_points).all()
            and len(cx.weights) == len(cx.biases) == n
            and labels.max() < self.network.hyperplane_count
            and labels.min() >= -len(self.domain.sides)
            and 64 * masks.shape[1] >= np.diff(cx.label_offsets).max()
        )
        if not fits:
            self.found.append("the arrays of the complex do not fit each other, or the domain")

    def batches(self, progress: bool) -> Any:
        """Yield ranges of regions."""
        offsets, width = self.cx.vertex_offsets, self.network.hyperplane_count + 1
        ranges, begin = [], 0
        per_region = (self.domain.dim + 1) * width
        while begin < len(self.cx):
            most = offsets[begin] + _BATCH_VALUES // width
            end = int(np.searchsorted(offsets, most, side="right")) - 1
            end = min(end, begin + _BATCH_VALUES // per_region, len(self.cx))
            end = max(end, begin + 1)
            ranges.append((begin, end))
            begin = end
        if progress:
            from tqdm.auto import tqdm

            return tqdm(ranges, desc="check")
        return ranges

    # -- one batch of regions --------------------------------------------------------------------

    def check_batch(self, begin: int, end: int) -> None:
        """Check maps, corners, interior points and faces of the regions ``begin`` to ``end``."""
        cx = self.cx
        sides = cx.sides_of(slice(begin, end))
        with np.errstate(all="ignore"):
            forms, outputs = enclosure.through(self.network, sides, enclosure.entering(self.domain))
            self.check_maps(begin, sides, outputs)
            at = slice(cx.vertex_offsets[begin], cx.vertex_offsets[end])
            counts = np.diff(cx.vertex_offsets[begin : end + 1])
            owner = np.repeat(np.arange(end - begin), counts)
            tight = self.tight_labels(begin, end, owner)
            self.check_corners(begin, sides, forms, cx.corner_points[at], owner, tight)
            self.check_interior(begin, sides, counts)
        self.check_faces(begin, sides, owner, tight)

    def tight_labels(self, begin: int, end: int, owner: NDArray[np.int64]) -> list[list[int]]:
        """Return the tight labels of each corner, increasing."""
        cx = self.cx
        masks = cx.corner_masks[cx.vertex_offsets[begin] : cx.vertex_offsets[end]]
        width = 8 * masks.dtype.itemsize * masks.shape[1]
        little = np.ascontiguousarray(masks, "<u8").view(np.uint8)
        bits = np.unpackbits(little.reshape(len(masks), -1), axis=1, count=width, bitorder="little")
        corner, bit = np.nonzero(bits)
        first = cx.label_offsets[begin:end][owner]
        most = np.diff(cx.label_offsets[begin : end + 1])[owner]
        known = bit < most[corner]
        for c in np.unique(corner[~known]):
            self.find(begin + int(owner[c]), "a corner's mask has a bit without a label")
        labels = cx.labels[first[corner[known]] + bit[known]]
        order = np.lexsort((labels, corner[known]))
        splits = np.searchsorted(corner[known][order], np.arange(1, len(masks)))
        return [part.tolist() for part in np.split(labels[order], splits)]

    def check_maps(self, begin: int, sides: NDArray[np.bool_], outputs: enclosure.Pair) -> None:
        """Check the affine maps against the network's under the claimed patterns."""
        cx = self.cx
        n = len(sides)
        stored = np.concatenate(
            [cx.weights[begin : begin + n].transpose(0, 2, 1), cx.biases[begin : begin + n, None]],
            axis=1,
        )
        dim = self.domain.dim
        claim = np.concatenate([np.tile(cx.map_error[:1], (dim, 1)), cx.map_error[1:]])
        value, error = (np.broadcast_to(a, stored.shape) for a in outputs)
        # Beyond doubt within the claim, or to be compared exactly.
        sure = (np.abs(stored - value) + error) * enclosure.SAFE <= claim
        for i in np.flatnonzero(~sure.all(axis=(1, 2))).tolist():
            rows = self.rational.outputs(sides[i])
            for (k, u), inside in np.ndenumerate(sure[i]):
                off = Fraction(float(stored[i, k, u])) - rows[u][k] if not inside else 0
                if abs(off) > Fraction(float(claim[k, u])):
                    self.find(begin + i, f"its affine map is off by {float(abs(off)):.3g}")

    def check_corners(
        self,
        begin: int,
        sides: NDArray[np.bool_],
        forms: enclosure.Pair,
        points: NDArray[np.float64],
        owner: NDArray[np.int64],
        tight: list[list[int]],
    ) -> None:
        """Prove that corners are where they are said to be, and have the signs they are said to have."""
        dim, m = self.domain.dim, self.network.hyperplane_count
        count = np.array([len(labels) for labels in tight])
        radius = np.full(len(points), np.inf)
        simple = np.flatnonzero(count == dim)
        if len(simple):
            chosen = np.array([tight[c] for c in simple], np.int64)
            radius[simple] = enclosure.distance_to_solution(
                self.label_rows(forms, owner[simple], chosen), points[simple]
            )
        exact: dict[int, list[Fraction]] = {}
        for c in np.flatnonzero(radius > self.cx.vertex_error).tolist():
            i = int(owner[c])
            if begin + i in self.bad:
                continue
            rows = [self.rational.label(label, sides[i]) for label in tight[c]]
            point = meeting_point(rows) if len(rows) >= dim else None
            if point is None:
                self.find(begin + i, "a corner's tight hyperplanes do not meet in one point")
                continue
            self.exact_signs += len(rows)
            exact[c] = point
            off = max(abs(Fraction(float(x)) - y) for x, y in zip(points[c], point, strict=True))
            radius[c] = float(off) * enclosure.SAFE + enclosure.TINY if off else 0.0
            if off > Fraction(self.cx.vertex_error):
                self.find(begin + i, f"a vertex is off by {float(off):.3g}")
        is_tight = np.zeros((len(points), m + len(self.domain.sides)), np.bool_)
        is_tight[np.repeat(np.arange(len(points)), count), np.concatenate(tight)] = True
        # A negative label counts from the end, so the sides come last, in reverse.
        pair = (forms[0][owner], forms[1][owner])
        value, error = enclosure.values_at(pair, self.thresholds, points, radius)
        proven = np.where(sides[owner], value > error, value < -error)
        a = self.domain_rows[::-1]
        rows = np.broadcast_to(a.T, (len(points), *a.T.shape))
        slack = np.abs(rows) * enclosure.U + enclosure.TINY
        inside, doubt = enclosure.values_at((rows, slack), np.zeros(len(a)), points, radius)
        proven = np.concatenate([proven, inside > doubt], axis=1)
        self.float_signs += int(np.count_nonzero(proven))
        for c, column in np.argwhere(~proven & ~is_tight).tolist():
            i = int(owner[c])
            if begin + i in self.bad:
                continue
            label = column if column < m else column - is_tight.shape[1]
            if c not in exact:
                rows = [self.rational.label(k, sides[i]) for k in tight[c]]
                point = meeting_point(rows)
                if point is None:
                    self.find(begin + i, "a corner's tight hyperplanes do not meet in one point")
                    continue
                exact[c] = point
            self.exact_signs += 1
            exact_value = value_at(self.rational.label(label, sides[i]), exact[c])
            above = bool(sides[i, label]) if label >= 0 else True
            if not (exact_value > 0 if above else exact_value < 0):
                what = f"hyperplane {label}" if label >= 0 else f"side {-1 - label} of the domain"
                self.find(begin + i, f"a corner lies on the wrong side of {what}, or untold on it")

    def label_rows(
        self, forms: enclosure.Pair, owner: NDArray[np.int64], labels: NDArray[np.int64]
    ) -> enclosure.Pair:
        """Return the forms of `labels` (n, dim) in the regions `owner`: (n, dim, dim + 1)."""
        value, error = forms
        h = np.maximum(labels, 0)
        if value.shape[2]:
            rows = value[owner[:, None], :, h].copy()
            slack = error[owner[:, None], :, h].copy()
            rows[..., -1] -= self.thresholds[h]
            slack[..., -1] += enclosure.U * np.abs(rows[..., -1])
        else:
            rows = np.zeros((*labels.shape, value.shape[1]))
            slack = np.zeros_like(rows)
        own = labels < 0
        rows[own] = self.domain_rows[-1 - labels[own]]
        slack[own] = np.abs(rows[own]) * enclosure.U + enclosure.TINY
        return rows, slack

    def check_interior(
        self, begin: int, sides: NDArray[np.bool_], counts: NDArray[np.int64]
    ) -> None:
        """Evaluate the network itself at a point of each region, and compare the signs.

        The point is the mean of the corners as they are stored.  Where rounding has moved it out of its
        region (a very thin one), or a unit vanishes on the region, the corners' signs, proven above,
        are what says that their mean is inside.
        """
        at = self.cx.vertex_offsets[begin : begin + len(sides)]
        points = np.add.reduceat(
            self.cx.corner_points[at[0] : at[0] + counts.sum()], at - at[0], axis=0
        )
        points /= counts[:, None]
        rows = enclosure.entering(self.domain)[0]
        extended = np.column_stack([points, np.ones(len(points))])[:, None, :]
        size = np.abs(extended) @ np.abs(rows)
        bound = enclosure.gamma(self.domain.dim + 3) * size * enclosure.SAFE
        bound += np.where(size > 0, 8 * enclosure.TINY, 0.0)
        if self.domain.basis is None:
            bound = np.zeros_like(bound)
        (z, error), _ = enclosure.through(self.network, sides, (extended @ rows, bound))
        value = z[:, 0, :] - self.thresholds
        error = error[:, 0, :] + enclosure.gamma(2) * (np.abs(z[:, 0, :]) + np.abs(self.thresholds))
        against = np.where(sides, value < -error, value > error)
        for i in np.flatnonzero(against.any(axis=1)).tolist():
            if begin + i not in self.bad:
                self.check_thin(begin, i, sides[i], np.flatnonzero(against[i]).tolist())

    def check_thin(self, begin: int, i: int, sides: NDArray[np.bool_], against: list[int]) -> None:
        """Look exactly at hyperplanes of which the rounded mean of the corners is beyond."""
        region = begin + i
        cx = self.cx
        owner = np.zeros(int(cx.vertex_offsets[region + 1] - cx.vertex_offsets[region]), np.int64)
        corners = [
            meeting_point([self.rational.label(k, sides) for k in labels])
            for labels in self.tight_labels(region, region + 1, owner)
        ]
        known = [point for point in corners if point is not None]
        mean = [sum(xs, Fraction(0)) / len(known) for xs in zip(*known, strict=True)]
        for label in against:
            exact = value_at(self.rational.label(label, sides), mean)
            if exact and (exact > 0) != bool(sides[label]):
                self.find(region, f"its interior lies on the other side of hyperplane {label}")

    # -- faces -----------------------------------------------------------------------------------

    def check_faces(
        self,
        begin: int,
        sides: NDArray[np.bool_],
        owner: NDArray[np.int64],
        tight: list[list[int]],
    ) -> None:
        """Prove the faces of each region complete, and enter them by their sign vectors."""
        dim = self.domain.dim
        starts = np.searchsorted(owner, np.arange(len(sides) + 1)).tolist()
        packed = np.packbits(sides, axis=1, bitorder="little")
        ids = self.cx.vertex_ids[self.cx.vertex_offsets[begin] :]
        for i in range(len(sides)):
            region = begin + i
            if region in self.bad:
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
                self.find(region, f"it is no polytope: {error}")
                continue
            pattern = int.from_bytes(packed[i].tobytes(), "little")
            for label, on in members.items():
                if on == whole and (label < 0 or pattern >> label & 1):
                    self.find(
                        region, "a unit that vanishes on it is not off, or the domain is flat"
                    )
            for k, level in enumerate(lattice):
                for face in level:
                    labels = tuple(sorted(x for x, on in members.items() if on & face == face))
                    blank = sum(1 << x for x in labels if x >= 0)
                    key = (pattern & ~blank, labels)
                    self.faces[k].add(key)
                    if k == dim - 1:
                        self.facet_count += 1
                        self.facets.setdefault(key, []).append((region, face))
                    if k == 0:
                        v = face.bit_length() - 1
                        vertex = int(ids[starts[i] + v])
                        if self.vertex_of.setdefault(key, vertex) != vertex:
                            self.find(
                                region, "a vertex that it shares has another number elsewhere"
                            )

    def match_facets(self) -> None:
        """Check that every facet inside the domain has exactly one partner."""
        for (_, labels), owners in self.facets.items():
            expected = 1 if labels[0] < 0 else 2
            if len(owners) != expected and (self.cx.complete or len(owners) > expected):
                region = owners[0][0]
                others = len(owners) - 1
                self.find(region, f"a facet on hyperplane {labels[-1]} has {others} neighbours")
        if len(set(self.vertex_of.values())) < len(self.vertex_of):
            self.found.append("two different vertices have one number")

    def check_neighbors(self) -> None:
        """Compare the stored facets and neighbours with those found here."""
        if self.found:
            return
        stored = self.cx.facet_table
        expected: list[list[tuple[int, int]]] = [[] for _ in range(len(self.cx))]
        for owners in self.facets.values():
            for region, face in owners:
                other = next((j for j, _ in owners if j != region), -1)
                expected[region].append((face, other))
        for region in range(len(self.cx)):
            rows = slice(stored.offsets[region], stored.offsets[region + 1])
            found = []
            at = self.cx.vertex_offsets[region : region + 2]
            masks = self.cx.corner_masks[at[0] : at[1]]
            for bit, other in zip(
                stored.bit[rows].tolist(), stored.neighbor[rows].tolist(), strict=True
            ):
                on = masks[:, bit >> 6] >> np.uint64(bit & 63) & np.uint64(1)
                found.append((sum(1 << v for v in np.flatnonzero(on).tolist()), other))
            if sorted(found) != sorted(expected[region]):
                self.find(region, "its stored facets or neighbours are not those that it has")

    # -- sums ------------------------------------------------------------------------------------

    def check_sums(self) -> float:
        """Check volumes and Euler characteristic of a complete complex; return the volumes' gap."""
        cx = self.cx
        gap = np.abs(cx.vertices[cx.vertex_ids] - cx.corner_points).max()
        if gap > 2 * cx.vertex_error * enclosure.SAFE:
            self.found.append(f"shared vertices are off from the regions' own by {gap:.3g}")
        if not cx.complete:
            return math.nan
        if self.euler() != 1:
            self.found.append(f"the Euler characteristic is {self.euler()}, not 1")
        whole = self.domain_volume()
        off = abs(Fraction(float(math.fsum(cx.volumes.tolist()))) - whole)
        # A polytope within e of another differs in volume by less than their bounding boxes grown by e.
        starts = cx.vertex_offsets[:-1]
        high = np.maximum.reduceat(cx.corner_points, starts)
        width = high - np.minimum.reduceat(cx.corner_points, starts)
        wide = width + 2 * cx.vertex_error
        grown = wide + 2 * cx.vertex_error
        dim = self.domain.dim
        rounding = 2.0**-40 * math.factorial(dim) * grown.prod(axis=1)
        allowed = float((grown.prod(axis=1) - width.prod(axis=1) + rounding).sum())
        if off > Fraction(allowed):
            self.found.append(
                f"the volumes' sum is off by {float(off):.3g}; at most {allowed:.3g} can be rounding"
            )
        return float(off / whole)

    def domain_volume(self) -> Fraction:
        """Return the domain's volume: pyramids from the first vertex of each face over its facets."""
        polytope, dim = self.domain.polytope, self.domain.dim
        points = [[Fraction(x, p[-1]) for x in p[:-1]] for p in polytope.points]
        members: dict[int, int] = {}
        for v, labels in enumerate(polytope.tight):
            for label in labels:
                members[label] = members.get(label, 0) | 1 << v
        whole = (1 << len(points)) - 1
        levels = faces(whole, members.values(), dim)

        def total(face: int, k: int, apexes: list[int]) -> Fraction:
            apex = (face & -face).bit_length() - 1
            if k == 0:
                rows = [
                    [a - b for a, b in zip(points[v], points[apex], strict=True)] for v in apexes
                ]
                return abs(_determinant(rows))
            below = [f for f in levels[k - 1] if f & face == f and not f >> apex & 1]
            return sum((total(f, k - 1, [*apexes, apex]) for f in below), Fraction(0))

        return total(whole, dim, []) / math.factorial(dim)


def _determinant(rows: list[list[Fraction]]) -> Fraction:
    """Return the determinant of a square matrix, which is overwritten."""
    result = Fraction(1)
    for k in range(len(rows)):
        pivot = next((i for i in range(k, len(rows)) if rows[i][k]), None)
        if pivot is None:
            return Fraction(0)
        if pivot != k:
            rows[k], rows[pivot] = rows[pivot], rows[k]
            result = -result
        result *= rows[k][k]
        for i in range(k + 1, len(rows)):
            factor = rows[i][k] / rows[k][k]
            rows[i] = [x - factor * y for x, y in zip(rows[i], rows[k], strict=True)]
    return result
