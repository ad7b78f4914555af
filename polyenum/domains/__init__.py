"""Domains: where to look.  All are bounded convex polytopes, possibly embedded."""

from polyenum.domains.domain import Domain
from polyenum.domains.shapes import Box, HPolytope, Hull, Segment, Slice

__all__ = ["Box", "Domain", "HPolytope", "Hull", "Segment", "Slice"]
