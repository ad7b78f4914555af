"""How a count was sampled."""

from __future__ import annotations

from typing import NamedTuple


class Setup(NamedTuple):
    """The options of `verify_sampling`, and what computed in floats."""

    method: str
    sampling: str
    resolution: int
    dtype: str
    decimals: int
    rtol: float
    atol: float
    seed: int
    floats: str

    def __str__(self) -> str:
        kind = f"{self.dtype} ({self.floats})"
        how = {
            "unique": f"np.unique of {kind} gradients",
            "rounded": f"np.unique of {kind} gradients rounded to {self.decimals} decimals",
            "slopes": f"neighbouring {kind} slopes, isclose(rtol={self.rtol:g}, atol={self.atol:g})",
            "patterns": f"activation patterns in {self.dtype}",
        }[self.method]
        where = (
            f"a grid of {self.resolution:,} points an axis"
            if self.sampling == "grid"
            else f"{self.resolution:,} random points"
        )
        return f"{how}, on {where}"
