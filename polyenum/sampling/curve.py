"""Sampled counts against resolution, with the exact count as their limit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from polyenum.errors import import_extra
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
