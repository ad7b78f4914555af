"""polyenum: the linear regions of piecewise-linear neural networks, exactly.

>>> import polyenum as pe
>>> net = [([[1.0, 0.0], [0.0, 1.0]], [0.0, 0.0]), ([[1.0, 1.0]], [0.0])]
>>> cx = pe.enumerate_regions(net, pe.Box(-1, 1, dim=2))
>>> len(cx), cx.volumes.sum()
(4, np.float64(4.0))
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from polyenum.domains import (
    Box,
    Domain,
    HPolytope,
    Hull,
    OutputProperty,
    Segment,
    Slice,
    load_vnnlib,
)
from polyenum.enumeration.api import RegionCount, count_regions, enumerate_regions, iter_regions
from polyenum.errors import (
    CheckError,
    DomainError,
    FileError,
    IncompleteError,
    MissingExtraError,
    NetworkError,
    NumericalError,
    OptionError,
    PolyenumError,
    RegionError,
)
from polyenum.exploration.api import (
    NearestPoint,
    Neighborhood,
    NeighborhoodRegion,
    boundary_distance,
    decision_distance,
    neighborhood,
)
from polyenum.networks import ActivationTable, PiecewiseLinearNetwork, Stage, load
from polyenum.storage.regions import open_regions

if TYPE_CHECKING:
    from polyenum.complex.region_complex import RegionComplex
    from polyenum.playground.api import explore
    from polyenum.proof.certificate import Certificate
    from polyenum.proof.check import CheckReport, check
    from polyenum.sampling.api import verify_sampling
    from polyenum.sampling.curve import SamplingCurve
    from polyenum.sampling.report import SamplingReport

__version__ = "0.1.0"

__all__ = [
    "ActivationTable",
    "Box",
    "Certificate",
    "CheckError",
    "CheckReport",
    "Domain",
    "DomainError",
    "FileError",
    "HPolytope",
    "Hull",
    "IncompleteError",
    "MissingExtraError",
    "NearestPoint",
    "Neighborhood",
    "NeighborhoodRegion",
    "NetworkError",
    "NumericalError",
    "OptionError",
    "OutputProperty",
    "PiecewiseLinearNetwork",
    "PolyenumError",
    "RegionComplex",
    "RegionCount",
    "RegionError",
    "SamplingCurve",
    "SamplingReport",
    "Segment",
    "Slice",
    "Stage",
    "boundary_distance",
    "check",
    "count_regions",
    "decision_distance",
    "enumerate_regions",
    "explore",
    "iter_regions",
    "load",
    "load_vnnlib",
    "neighborhood",
    "open_regions",
    "verify_sampling",
]


# Imported when asked for: the complex brings numba along, which takes longer to import than all else.
_LAZY = {
    "Certificate": "polyenum.proof.certificate",
    "CheckReport": "polyenum.proof.check",
    "RegionComplex": "polyenum.complex.region_complex",
    "explore": "polyenum.playground.api",
    "SamplingCurve": "polyenum.sampling.curve",
    "SamplingReport": "polyenum.sampling.report",
    "check": "polyenum.proof.check",
    "verify_sampling": "polyenum.sampling.api",
}


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        from importlib import import_module

        return getattr(import_module(_LAZY[name]), name)
    raise AttributeError(f"module 'polyenum' has no attribute {name!r}")
