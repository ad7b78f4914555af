"""polyenum: the linear regions of piecewise-linear neural networks, exactly.

>>> import polyenum as pe
>>> net = [([[1.0, 0.0], [0.0, 1.0]], [0.0, 0.0]), ([[1.0, 1.0]], [0.0])]
>>> cx = pe.enumerate_regions(net, pe.Box(-1, 1, dim=2))
>>> len(cx), cx.volumes.sum()
(4, np.float64(4.0))
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
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
    from polyenum.enumeration.calls import (
        RegionCount,
        count_regions,
        enumerate_regions,
        iter_regions,
    )
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
    from polyenum.models.load import load
    from polyenum.neighborhoods.calls import (
        NearestPoint,
        Neighborhood,
        NeighborhoodRegion,
        boundary_distance,
        decision_distance,
        neighborhood,
    )
    from polyenum.networks import ActivationTable, PiecewiseLinearNetwork, Stage
    from polyenum.playground.calls import explore
    from polyenum.proof.check import CheckReport, check
    from polyenum.regions.certificate import Certificate
    from polyenum.regions.complex import RegionComplex
    from polyenum.regions.opening import open_regions
    from polyenum.sampling.calls import verify_sampling
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


# Each name is imported when it is first used, so that `import polyenum` loads nothing else.
_HOME = {
    "ActivationTable": "polyenum.networks",
    "Box": "polyenum.domains",
    "Certificate": "polyenum.regions.certificate",
    "CheckError": "polyenum.errors",
    "CheckReport": "polyenum.proof.check",
    "Domain": "polyenum.domains",
    "DomainError": "polyenum.errors",
    "FileError": "polyenum.errors",
    "HPolytope": "polyenum.domains",
    "Hull": "polyenum.domains",
    "IncompleteError": "polyenum.errors",
    "MissingExtraError": "polyenum.errors",
    "NearestPoint": "polyenum.neighborhoods.calls",
    "Neighborhood": "polyenum.neighborhoods.calls",
    "NeighborhoodRegion": "polyenum.neighborhoods.calls",
    "NetworkError": "polyenum.errors",
    "NumericalError": "polyenum.errors",
    "OptionError": "polyenum.errors",
    "OutputProperty": "polyenum.domains",
    "PiecewiseLinearNetwork": "polyenum.networks",
    "PolyenumError": "polyenum.errors",
    "RegionComplex": "polyenum.regions.complex",
    "RegionCount": "polyenum.enumeration.calls",
    "RegionError": "polyenum.errors",
    "SamplingCurve": "polyenum.sampling.curve",
    "SamplingReport": "polyenum.sampling.report",
    "Segment": "polyenum.domains",
    "Slice": "polyenum.domains",
    "Stage": "polyenum.networks",
    "boundary_distance": "polyenum.neighborhoods.calls",
    "check": "polyenum.proof.check",
    "count_regions": "polyenum.enumeration.calls",
    "decision_distance": "polyenum.neighborhoods.calls",
    "enumerate_regions": "polyenum.enumeration.calls",
    "explore": "polyenum.playground.calls",
    "iter_regions": "polyenum.enumeration.calls",
    "load": "polyenum.models.load",
    "load_vnnlib": "polyenum.domains",
    "neighborhood": "polyenum.neighborhoods.calls",
    "open_regions": "polyenum.regions.opening",
    "verify_sampling": "polyenum.sampling.calls",
}


# Modules that users call by name, such as `polyenum.plot.partition`.
_MODULES = ("plot", "testing", "theory")


def __dir__() -> list[str]:
    return sorted({*__all__, *_MODULES, "__all__", "__doc__", "__name__", "__version__"})


def __getattr__(name: str) -> Any:
    if name in _HOME:
        from importlib import import_module

        globals()[name] = value = getattr(import_module(_HOME[name]), name)
        return value
    if name in _MODULES:
        from importlib import import_module

        return import_module(f"polyenum.{name}")
    raise AttributeError(f"module 'polyenum' has no attribute {name!r}")
