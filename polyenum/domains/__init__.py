"""Domains: where to look.  All are bounded convex polytopes, possibly embedded."""

from polyenum.domains.domain import Domain
from polyenum.domains.shapes import Box, HPolytope, Hull, Segment, Slice
from polyenum.domains.vnnlib import OutputProperty, load_vnnlib

__all__ = [
    "Box",
    "Domain",
    "HPolytope",
    "Hull",
    "OutputProperty",
    "Segment",
    "Slice",
    "load_vnnlib",
]
