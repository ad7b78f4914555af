"""Sampled region counts, as people make them, held against the exact regions."""

from __future__ import annotations

from polyenum.sampling.calls import METHODS, verify_sampling
from polyenum.sampling.curve import SamplingCurve
from polyenum.sampling.points import grid, random_points
from polyenum.sampling.report import SamplingReport

__all__ = [
    "METHODS",
    "SamplingCurve",
    "SamplingReport",
    "grid",
    "random_points",
    "verify_sampling",
]
