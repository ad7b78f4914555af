"""Sampled counts against resolution, with the exact count as their limit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from polyenum import arguments
from polyenum.complex.region_complex import RegionComplex
from polyenum.errors import import_extra
from polyenum.sampling.floats import NumPyFloats
from polyenum.sampling.points import check_count
from polyenum.sampling.setup import Setup


@dataclass(frozen=True)
class SamplingCurve:
    """Sampled counts at several resolutions.

    Attributes
    ----------
    setup : Setup
        How they were sampled; its resolution is the last one's.
    resolutions : (n,) int64
    points : (n,) int64
        How many sample points there were.
    sampled : (n,) int64
        The regions that sampling shows.
    seen : (n,) int64
        The exact regions that hold a sample point.
    exact : int
        How many there are.
    """

    setup: Setup
    resolutions: NDArray[np.int64]
    points: NDArray[np.int64]
    sampled: NDArray[np.int64]
    seen: NDArray[np.int64]
    exact: int

    def to_frame(self) -> Any:
        """Return a pandas.DataFrame with a row for each resolution.

        Raises
        ------
        MissingExtraError
            If pandas is not installed.
        """
        pd = import_extra("pandas", "table")
        return pd.DataFrame(
            {
                "points": self.points,
                "sampled": self.sampled,
                "seen": self.seen,
                "exact": self.exact,
            },
            index=pd.Index(self.resolutions, name="resolution"),
        )

    def plot(self, *, title: str = "", backend: str = "matplotlib") -> Any:
        """Draw the counts against the number of points, and the exact count as a line."""
        from polyenum import plot

        return plot.sampling_curve(self, title=title, backend=backend)


def sampling_curve(
    cx: RegionComplex, setup: Setup, floats: NumPyFloats, resolutions: Sequence[int]
) -> SamplingCurve:
    """Return the sampled counts at several resolutions; see `SamplingReport.curve`."""
    from polyenum.sampling.api import sampled

    setups = [
        setup._replace(resolution=arguments.whole("resolutions", resolution, least=2))
        for resolution in arguments.several(
            "resolutions", resolutions, "a list of whole numbers, such as [10, 100]"
        )
    ]
    for setup in setups:
        check_count(cx.domain, setup)
    rows = []
    for setup in setups:
        report = sampled(cx, setup, floats)
        seen = report.exact_count - len(report.missed)
        rows.append((setup.resolution, len(report.points), report.sampled_count, seen))
    resolution_, points, sampled_, seen_ = np.array(rows, np.int64).reshape(-1, 4).T
    exact = len(cx) if setup.method == "patterns" else cx.linear_region_count
    return SamplingCurve(setup, resolution_, points, sampled_, seen_, exact)
