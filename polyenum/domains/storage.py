"""Domains as named arrays."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from polyenum.domains import Box, Domain, HPolytope, Hull, Segment, Slice
from polyenum.errors import FileError

_FIELDS: dict[str, tuple[type[Domain], tuple[str, ...]]] = {
    "Box": (Box, ("lower", "upper")),
    "HPolytope": (HPolytope, ("A", "b")),
    "Hull": (Hull, ("points",)),
    "Segment": (Segment, ("origin", "basis")),
    "Slice": (Slice, ("origin", "basis", "lower", "upper")),
}


def domain_arrays(domain: Domain) -> tuple[str, dict[str, NDArray[Any]]]:
    """Return the kind of a domain and its arrays.

    Raises
    ------
    FileError
        If it is of a kind of somebody's own.
    """
    kind = type(domain).__name__
    if _FIELDS.get(kind, (None,))[0] is not type(domain):
        raise FileError(f"a domain of type {kind} cannot be saved; {', '.join(_FIELDS)} can")
    return kind, {f"domain.{name}": getattr(domain, name) for name in _FIELDS[kind][1]}


def domain_names(kind: str) -> set[str]:
    """Return the names of the arrays of a kind of domain."""
    return {f"domain.{name}" for name in _FIELDS[kind][1]}


def domain_of(kind: str, arrays: Mapping[str, Any]) -> Domain:
    """Return the domain that `domain_arrays` took apart."""
    found: list[Any] = [arrays[f"domain.{name}"] for name in _FIELDS[kind][1]]
    for name, array in zip(_FIELDS[kind][1], found, strict=True):
        if array.dtype != np.float64:
            raise ValueError(f"domain.{name} is of type {array.dtype}")
    if kind == "Box":
        return Box(*found)
    if kind == "HPolytope":
        return HPolytope(*found)
    if kind == "Hull":
        return Hull(*found)
    if kind == "Segment":  # its basis is the rounded difference of two points, which are gone
        segment = Segment.__new__(Segment)
        Slice.__init__(segment, *found)
        return segment
    origin, basis, lower, upper = found
    return Slice(origin, basis, lower=lower, upper=upper)
