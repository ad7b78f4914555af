"""What a sampled count got right and wrong."""

from __future__ import annotations

import math
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from polyenum import options
from polyenum.errors import OptionError, import_extra
from polyenum.regions.complex import RegionComplex
from polyenum.sampling.curve import SamplingCurve
from polyenum.sampling.points import check_count
from polyenum.sampling.samples import sample
from polyenum.sampling.setup import Setup

if TYPE_CHECKING:
    from collections.abc import Sequence

    from polyenum.sampling.curve import SamplingCurve
    from polyenum.sampling.floats import NumPyFloats

SURE = 0.99
"""Random points are said to see a region if they do with this probability."""


class Merged(NamedTuple):
    """Regions that the sampled count takes for one.

    Attributes
    ----------
    regions : tuple of int
    same_gradient : bool
        Whether their gradients are the same, as far as ``complex.map_error`` can tell; else they are too close
        for the method's tolerance.
    """

    regions: tuple[int, ...]
    same_gradient: bool


class SamplingReport:
    """A sampled count beside the exact regions; made by `verify_sampling`.

    "Regions" here are linear regions where gradients are sampled and activation regions where patterns are,
    numbered as in ``complex.linear_regions`` and ``complex``.

    Parameters
    ----------
    cx : RegionComplex
    setup : Setup
    floats : NumPyFloats
        What computes gradients and patterns in floats.
    points : (n, dim) float64
    labels : (n,) int64
        Which sampled region each point is in.
    """

    def __init__(
        self,
        cx: RegionComplex,
        setup: Setup,
        floats: NumPyFloats,
        points: NDArray[np.float64],
        labels: NDArray[np.int64],
    ) -> None:
        self.complex = cx
        self.setup = setup
        self.floats = floats
        self.points = points
        self.labels = labels

    @cached_property
    def located(self) -> NDArray[np.int64]:
        """(n,) int64: the activation region of each sample point, exactly."""
        return self.complex.locate(self.points)

    @property
    def of_patterns(self) -> bool:
        """Whether activation regions are what is counted; else linear regions."""
        return self.setup.method == "patterns"

    @cached_property
    def region_of(self) -> NDArray[np.int64]:
        """(activation regions,) int64: the region, as counted here, of each activation region."""
        if self.of_patterns:
            return np.arange(len(self.complex))
        return self.complex.linear_regions.astype(np.int64)

    @cached_property
    def at(self) -> NDArray[np.int64]:
        """(n,) int64: the exact region of each sample point."""
        return self.region_of[self.located]

    @property
    def exact_count(self) -> int:
        """The number of regions."""
        return int(self.region_of.max(initial=-1)) + 1

    @cached_property
    def sampled_count(self) -> int:
        """The number of regions that sampling shows."""
        return len(np.unique(self.labels))

    @cached_property
    def missed(self) -> NDArray[np.int64]:
        """The regions in which no sample point lies, increasing."""
        seen = np.zeros(self.exact_count, np.bool_)
        seen[self.at] = True
        return np.flatnonzero(~seen)

    @cached_property
    def _pairs(self) -> NDArray[np.int64]:
        """The distinct pairs of an exact and a sampled region that share a point: (pairs, 2)."""
        return np.unique(np.column_stack([self.at, self.labels]), axis=0)

    @cached_property
    def split(self) -> dict[int, int]:
        """The regions that sampling shows as several, and as how many.

        Inside one exact region the gradient is one and the same, so it is rounding that told them apart, or a
        forward pass in floats that took a unit next to (or on) its breakpoint for on where it is off.
        """
        regions, counts = np.unique(self._pairs[:, 0], return_counts=True)
        return {int(r): int(c) for r, c in zip(regions, counts, strict=True) if c > 1}

    @cached_property
    def merged(self) -> list[Merged]:
        """The groups of regions that sampling shows as one."""
        order = np.argsort(self._pairs[:, 1], kind="stable")
        pairs = self._pairs[order]
        starts = np.flatnonzero(np.diff(pairs[:, 1], prepend=-1))
        found: dict[tuple[int, ...], Merged] = {}
        first = np.unique(self.region_of, return_index=True)[1]
        gradient = self.complex.weights
        error = self.complex.map_error[0][:, None]
        for group in np.split(pairs[:, 0], starts[1:]):
            if len(group) > 1:
                key = tuple(group.tolist())
                own = gradient[first[group]]
                same = bool((np.abs(own - own[0]) <= 2 * error).all())
                found[key] = Merged(key, same)
        return list(found.values())

    # -- geometry --------------------------------------------------------------------------------

    @cached_property
    def volumes(self) -> NDArray[np.float64]:
        """(regions,) float64; NaN where the cells hold no vertices (beyond 8 dimensions)."""
        if not self.complex.has_vertices:
            return np.full(self.exact_count, np.nan)
        found: NDArray[np.float64] = np.zeros(self.exact_count)
        np.add.at(found, self.region_of, self.complex.volumes)
        return found

    def inradius(self, region: int) -> float:
        """Return the radius of a largest ball in one of the activation regions that make up a region."""
        number = options.whole("region", region, least=0, most=self.exact_count - 1)
        members = np.flatnonzero(self.region_of == number)
        return max(self.complex[int(i)].chebyshev_ball[1] for i in members)

    @cached_property
    def missed_inradii(self) -> NDArray[np.float64]:
        """(missed,) float64: `inradius` of each missed region; a linear program each."""
        return np.array([self.inradius(int(r)) for r in self.missed])

    @property
    def missed_share(self) -> float:
        """The share of the domain's volume that the missed regions have; NaN where there are no volumes."""
        return float(self.volumes[self.missed].sum() / self.volumes.sum())

    @cached_property
    def smallest(self) -> int:
        """The region of least volume, or, without volumes, of least inradius."""
        if self.complex.has_vertices:
            return int(self.volumes.argmin())
        return int(np.argmin([self.inradius(r) for r in range(self.exact_count)]))

    @cached_property
    def resolution_needed(self) -> int:
        """The resolution with which the smallest region would be seen.

        On a grid one that has a point in every ball of that region's inradius, wherever it lies: a spacing whose
        cells have no larger half diagonal.  For random points the number of which one hits the region with a
        probability of 0.99.  Seen is not yet told apart: that takes gradients that differ by more than the
        method's tolerance.
        """
        if self.setup.sampling == "random":
            share = self.volumes[self.smallest] / self.volumes.sum()
            if not share > 0:
                raise OptionError(
                    "without volumes (beyond 8 dimensions) no number of points is known"
                )
            return max(2, math.ceil(math.log(1 - SURE) / math.log1p(-min(share, 1 - 1e-16))))
        low, high = self.complex.domain.bounding_box()
        diagonal = float(np.linalg.norm(high - low))
        radius = self.inradius(self.smallest)
        # Rounding must not make a grid too coarse or, where it just fits, too fine.
        return 1 + max(1, math.ceil(diagonal / (2 * radius) * (1 - 1e-9)))

    # -- other resolutions -----------------------------------------------------------------------

    def curve(self, resolutions: Sequence[int]) -> SamplingCurve:
        """Return the sampled counts at several resolutions, beside the exact one that is their limit.

        Parameters
        ----------
        resolutions : sequence of int
        """
        setups = [
            self.setup._replace(resolution=options.whole("resolutions", resolution, least=2))
            for resolution in options.several(
                "resolutions", resolutions, "a list of whole numbers, such as [10, 100]"
            )
        ]
        cx = self.complex
        for setup in setups:
            check_count(cx.domain, setup)
        rows = []
        for setup in setups:
            points, labels = sample(cx.domain, setup, self.floats)
            report = SamplingReport(cx, setup, self.floats, points, labels)
            seen = report.exact_count - len(report.missed)
            rows.append((setup.resolution, len(points), report.sampled_count, seen))
        resolution_, points_, sampled, seen_ = np.array(rows, np.int64).reshape(-1, 4).T
        last = setups[-1] if setups else self.setup
        return SamplingCurve(last, resolution_, points_, sampled, seen_, self.exact_count)

    # -- how it looks ----------------------------------------------------------------------------

    def to_dict(self) -> dict[str, Any]:
        """Return the report as plain numbers, strings and lists."""
        return {
            **self.setup._asdict(),
            "regions": "activation regions" if self.of_patterns else "linear regions",
            "points": len(self.points),
            "exact_count": self.exact_count,
            "sampled_count": self.sampled_count,
            "missed": [
                {"region": int(r), "volume": float(v), "inradius": float(radius)}
                for r, v, radius in zip(
                    self.missed, self.volumes[self.missed], self.missed_inradii, strict=True
                )
            ],
            "missed_share": self.missed_share,
            "merged": [m._asdict() for m in self.merged],
            "split": [{"region": r, "into": n} for r, n in self.split.items()],
            "smallest_region": self.smallest,
            "resolution_needed": self.resolution_needed,
        }

    def to_frame(self) -> Any:
        """Return a pandas.DataFrame with a row for each exact region.

        Its columns: volume, the number of sample points inside, the number of sampled regions that these are
        shown as, whether it is missed, split, and merged with others.

        Raises
        ------
        MissingExtraError
            If pandas is not installed.
        """
        pd = import_extra("pandas", "table")
        n = self.exact_count
        together = np.zeros(n, np.bool_)
        for group in self.merged:
            together[list(group.regions)] = True
        shown = np.bincount(self._pairs[:, 0], minlength=n)
        return pd.DataFrame(
            {
                "volume": self.volumes,
                "points": np.bincount(self.at, minlength=n),
                "shown_as": shown,
                "missed": shown == 0,
                "split": shown > 1,
                "merged": together,
            }
        ).rename_axis("region")

    def __str__(self) -> str:
        kind = "activation regions" if self.of_patterns else "linear regions"
        n, missed = self.exact_count, len(self.missed)
        same = [m for m in self.merged if m.same_gradient]
        close = [m for m in self.merged if not m.same_gradient]
        lines = [
            f"sampled: {self.sampled_count:,} {kind} by {self.setup}",
            f"exact:   {n:,} {kind}"
            + (f" ({len(self.complex):,} activation regions)" if not self.of_patterns else ""),
            f"missed:  {missed:,} regions hold no sample point"
            + (f", {self.missed_share:.3%} of the volume" if self.complex.has_vertices else ""),
            f"merged:  {_groups(same)} have the same gradient, {_groups(close)} are too close for the method",
            f"split:   {len(self.split):,} regions are shown as {sum(self.split.values()):,}, by float noise",
        ]
        try:
            needed = f"{self.resolution_needed:,}"
        except OptionError:
            needed = "unknown"
        unit = "points an axis" if self.setup.sampling == "grid" else "random points"
        size = (
            f"volume {self.volumes[self.smallest]:.3g}"
            if self.complex.has_vertices
            else "least inradius"
        )
        lines.append(
            f"needed:  {needed} {unit}, to see the smallest region ({size}, inradius "
            f"{self.inradius(self.smallest):.3g})"
        )
        return "\n".join(lines)

    def __repr__(self) -> str:
        return (
            f"SamplingReport({self.sampled_count:,} sampled, {self.exact_count:,} exact, "
            f"{len(self.missed):,} missed, {len(self.merged):,} groups merged, {len(self.split):,} split)"
        )


def _groups(groups: list[Merged]) -> str:
    regions = sum(len(g.regions) for g in groups)
    return f"{len(groups):,} groups of regions ({regions:,} in all)"
