"""polyenum: the linear regions of piecewise-linear neural networks, exactly.

>>> import polyenum as pe
>>> net = [([[1.0, 0.0], [0.0, 1.0]], [0.0, 0.0]), ([[1.0, 1.0]], [0.0])]
>>> cx = pe.enumerate_regions(net, pe.Box(-1, 1, dim=2))
>>> len(cx), cx.volumes.sum()
(4, np.float64(4.0))
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from polyenum.domains import Box, Domain, HPolytope, Hull, Segment, Slice
from polyenum.enumeration.api import RegionCount, count_regions, enumerate_regions, iter_regions
from polyenum.errors import (
    DomainError,
    MissingExtraError,
    NetworkError,
    OptionError,
    PolyenumError,
    RegionError,
)
from polyenum.networks import ActivationTable, PiecewiseLinearNetwork, Stage

if TYPE_CHECKING:
    from polyenum.complex.region_complex import RegionComplex

__version__ = "0.1.0"

__all__ = [
    "ActivationTable",
    "Box",
    "Domain",
    "DomainError",
    "HPolytope",
    "Hull",
    "MissingExtraError",
    "NetworkError",
    "OptionError",
    "PiecewiseLinearNetwork",
    "PolyenumError",
    "RegionComplex",
    "RegionCount",
    "RegionError",
    "Segment",
    "Slice",
    "Stage",
    "count_regions",
    "enumerate_regions",
    "iter_regions",
]


def __getattr__(name: str) -> Any:
    # The complex brings numba along, which takes longer to import than everything else together.
    if name == "RegionComplex":
        from polyenum.complex.region_complex import RegionComplex

        return RegionComplex
    raise AttributeError(f"module 'polyenum' has no attribute {name!r}")
