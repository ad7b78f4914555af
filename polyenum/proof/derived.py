"""What a complex keeps of what was computed from its arrays, against the same computed afresh."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from functools import cached_property
from typing import Any

import numpy as np

from polyenum.domains import Domain
from polyenum.networks import ActivationTable, PiecewiseLinearNetwork, Stage
from polyenum.regions.complex import RegionComplex

# What answers questions about points and single regions; it is made afresh instead of compared.
_MADE_AGAIN = RegionComplex.helpers
# What users call what is kept under another name.
_NAMES = {
    "_shared": "vertices and vertex_ids",
    "_measures": "volumes and centroids",
    "_corners": "corners for sharing",
}


def fresh_network(network: PiecewiseLinearNetwork) -> PiecewiseLinearNetwork:
    """Return the same network without anything computed from its numbers."""
    stages = []
    for stage in network.stages:
        table = stage.activation
        own = ActivationTable(*(getattr(table, f.name) for f in fields(ActivationTable)))
        stages.append(Stage(stage.weight, stage.bias, own, stage.name, stage.folded))
    return PiecewiseLinearNetwork(stages)


def fresh_complex(
    cx: RegionComplex, network: PiecewiseLinearNetwork, domain: Domain
) -> RegionComplex:
    """Return a complex of the same arrays without anything computed from them."""
    return RegionComplex(
        network,
        domain,
        cx.arrays,
        complete=cx.complete,
        engine=cx.engine,
        certificate=cx.certificate,
        map_error=cx.map_error,
        vertex_error=cx.vertex_error,
    )


def stale(cx: RegionComplex, fresh: RegionComplex) -> list[str]:
    """Return what a complex, its network or its activations keep that does not follow from their numbers."""
    for name in _MADE_AGAIN:
        cx.__dict__.pop(name, None)
    found = _stale(cx, fresh, "the complex")
    found += _stale(cx.network, fresh.network, "its network")
    for i, (a, b) in enumerate(zip(cx.network.stages, fresh.network.stages, strict=True)):
        found += _stale(a.activation, b.activation, f"the activations of its stage {i}")
    return found


def _stale(thing: Any, fresh: Any, owner: str) -> list[str]:
    found = []
    stored = {f.name for f in fields(fresh)} if is_dataclass(fresh) else set(fresh.__dict__)
    for name in list(thing.__dict__):
        if isinstance(getattr(type(thing), name, None), cached_property):
            if not same(thing.__dict__[name], getattr(fresh, name)):
                what = _NAMES.get(name, name)
                found.append(f"{owner} keeps {what}, which is not what follows from the rest")
        elif name not in stored:
            found.append(f"{owner} has an attribute {name}, which hides what is computed")
    return found


def same(a: Any, b: Any) -> bool:
    """Return whether two things that were computed are the same, bit by bit."""
    if type(a) is not type(b):
        return False
    if isinstance(a, np.ndarray):
        if a.shape != b.shape or a.dtype != b.dtype:
            return False
        if a.dtype.kind == "O":
            return all(same(x, y) for x, y in zip(a.ravel(), b.ravel(), strict=True))
        return bool(np.array_equal(a, b, equal_nan=a.dtype.kind == "f"))
    if isinstance(a, (tuple, list)):
        return len(a) == len(b) and all(same(x, y) for x, y in zip(a, b, strict=True))
    if hasattr(a, "indptr"):  # a sparse matrix
        parts = ("indptr", "indices", "data", "shape")
        return all(same(getattr(a, part), getattr(b, part)) for part in parts)
    return bool(a == b)


def differences(cx: RegionComplex, network: PiecewiseLinearNetwork, domain: Domain) -> list[str]:
    """Return in what a complex's own network and domain differ, as numbers, from those that are given."""
    found = _network_differences(cx.network, network)
    if cx.domain is not domain:
        own = (cx.domain.sides, cx.domain.origin, cx.domain.basis)
        given = (domain.sides, domain.origin, domain.basis)
        for name, a, b in zip(("sides", "origin", "basis"), own, given, strict=True):
            equal = a == b if name == "sides" else _same_numbers(a, b)
            if not equal:
                found.append(f"the {name} of its own domain differ from the given one's")
    return found


def _network_differences(a: PiecewiseLinearNetwork, b: PiecewiseLinearNetwork) -> list[str]:
    if len(a.stages) != len(b.stages):
        return [f"its own network has {len(a.stages)} stages, and the given one {len(b.stages)}"]
    for i, (x, y) in enumerate(zip(a.stages, b.stages, strict=True)):
        for name in ("weight", "bias"):
            if not _same_numbers(getattr(x, name), getattr(y, name)):
                return [f"its own network has another {name} in stage {i} than the given one"]
        for f in fields(ActivationTable):
            if not _same_numbers(getattr(x.activation, f.name), getattr(y.activation, f.name)):
                return [f"its own network has other activations in stage {i}: {f.name}"]
    return []


def _same_numbers(a: Any, b: Any) -> bool:
    if a is None or b is None:
        return a is b
    if not isinstance(a, np.ndarray) or not isinstance(b, np.ndarray):
        return a.shape == b.shape and not abs(a - b).sum()
    return np.array_equal(a, b, equal_nan=True)
