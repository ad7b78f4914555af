"""polyenum: the linear regions of piecewise-linear neural networks, exactly.

>>> import polyenum as pe
>>> net = [([[1.0, 0.0], [0.0, 1.0]], [0.0, 0.0]), ([[1.0, 1.0]], [0.0])]
>>> cx = pe.enumerate_regions(net, pe.Box(-1, 1, dim=2))
>>> len(cx), cx.volumes.sum()
(4, np.float64(4.0))
"""

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
    "RegionCount",
    "RegionError",
    "Segment",
    "Slice",
    "Stage",
    "count_regions",
    "enumerate_regions",
    "iter_regions",
]
