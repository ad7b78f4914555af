"""What a complex says of itself: who made it, how its signs were decided, and how large its errors are."""

from __future__ import annotations

import math
from fractions import Fraction
from numbers import Integral
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from polyenum.domains import Domain
from polyenum.proof.layout import Layout
from polyenum.proof.rounding import SMALLEST
from polyenum.regions.certificate import Certificate

if TYPE_CHECKING:
    from polyenum.regions.complex import RegionComplex

NEAR = 2.0**-20
"""The share of the domain's size by which a vertex may miss its hyperplanes, if no small error is claimed."""

_SHARE = 2.0**-24
UNDERFLOWS = 2.0**10 * SMALLEST


def contradictions(cx: RegionComplex) -> list[str]:
    """Return which claims contradict themselves, or are none.

    How a result was made cannot be seen from the result, so `certified` and the counts of signs are believed
    where they can be true.  `certified` is then harmless: where it is True the claimed errors are proven.
    """
    found = []
    engine, own = cx.engine, cx.certificate
    if not isinstance(own, Certificate):
        return [f"the certificate is {own!r}, not a Certificate"]
    certified, signs = own.certified, own[1:]
    if not isinstance(cx.complete, (bool, np.bool_)):
        found.append(f"complete is {cx.complete!r}, neither True nor False")
    if not isinstance(certified, (bool, np.bool_)):
        found.append(f"certified is {certified!r}, neither True nor False")
    if engine not in ("vertex", "exact", "shapely"):
        found.append(f"the engine is {engine!r}; those with vertices are vertex, exact and shapely")
    elif (engine, bool(certified)) in (("exact", False), ("shapely", True)):
        found.append(f"the engine {engine!r} makes no result with certified={bool(certified)}")
    if not all(isinstance(n, Integral) and n >= 0 for n in signs):
        found.append(f"the counts of signs are {signs!r}, not whole numbers of at least 0")
    elif engine == "exact" and (own.box_signs or own.float_signs):
        found.append("the engine 'exact' decides no sign by boxes or floats, but counts some")
    elif not certified and (cx.vertex_error or own.exact_signs or own.exact_cells):
        found.append(
            f"certified is False, but vertex_error is {float(cx.vertex_error):.3g} and {own.exact_signs} signs "
            "are exact: both are 0 without a certificate"
        )
    return found


def exaggerations(cx: RegionComplex, layout: Layout, domain: Domain, size: Fraction) -> list[str]:
    """Return which claimed errors are larger than is promised.

    A vertex is within `NEAR` times the domain's size.  Of a complete result an output's error, anywhere on the
    domain, is within `NEAR` times what the largest of all outputs' maps can be there.  A part of a result may not
    hold the largest; then, and without a certificate, the limit is what the weights allow.
    """
    found = []
    largest = Fraction(NEAR) * size + Fraction(UNDERFLOWS)
    if cx.certificate.certified and Fraction(float(cx.vertex_error)) > largest:
        found.append(
            f"vertex_error is {float(cx.vertex_error):.3g}; a proven complex promises at most "
            f"{_shown(largest)}, {NEAR:.3g} of the domain's largest coordinate"
        )
    if cx.certificate.certified and cx.complete and not found:
        found += _vague_maps(cx, domain)
    largest_maps = largest_map_errors(layout, domain)
    beyond = cx.map_error > largest_maps
    if beyond.any():
        kind, output = np.argwhere(beyond)[0].tolist()
        what = ("coefficients", "constants")[kind]
        found.append(
            f"map_error is {cx.map_error[kind, output]:.3g} for the {what} of output {output}; rounding "
            f"with these weights explains at most {largest_maps[kind, output]:.3g}"
        )
    return found


def _vague_maps(cx: RegionComplex, domain: Domain) -> list[str]:
    """Return which outputs' errors are large against the maps that are stored."""
    reach = sum(Fraction(float(x)) for x in np.maximum(*np.abs(domain.bounding_box())))
    found = []
    steepest, highest = np.abs(cx.weights).max(axis=(0, 2)), np.abs(cx.biases).max(axis=0)
    most = max(
        Fraction(float(a)) * reach + Fraction(float(c))
        for a, c in zip(steepest, highest, strict=True)
    )
    for output in range(len(highest)):
        coefficient, constant = (Fraction(float(x)) for x in cx.map_error[:, output])
        error = coefficient * reach + constant
        if error > Fraction(NEAR) * most + Fraction(UNDERFLOWS) * (reach + 1):
            found.append(
                f"map_error lets output {output} be off by {_shown(error)} on the domain; a proven complex "
                f"promises {NEAR:.3g} of the largest map there, which is at most {_shown(most)}"
            )
    return found


def _shown(number: Fraction) -> str:
    """Return a number as text, also beyond the range of floats."""
    try:
        return f"{float(number):.3g}"
    except OverflowError:
        return "more than 1e308"


def error_limits(
    cx: RegionComplex, layout: Layout, domain: Domain, size: Fraction
) -> tuple[float, NDArray[np.float64]]:
    """Return how far vertices and maps may be off: what is claimed, or, if nothing is, what means something.

    Returns
    -------
    vertex_limit : float
        Infinite where nothing is claimed: then `NEAR` decides.
    map_limits : (2, outputs) float64
    """
    if cx.certificate.certified:
        return float(cx.vertex_error), cx.map_error
    return math.inf, largest_map_errors(layout, domain)


def largest_map_errors(layout: Layout, domain: Domain) -> NDArray[np.float64]:
    """Return the largest error bounds that say something about maps: (2, outputs).

    From layer to layer, whatever the pattern, absolute weights times steepest slopes bound a map's entries.
    An error is carried along likewise; each layer adds 2**-24 of that size, where the engines need some
    2**-46 for layers of a hundred inputs, and 2**10 underflows for each product.
    """
    with np.errstate(all="ignore"):
        first = layout.stages[0].weight.shape[1]
        basis = np.eye(first) if domain.basis is None else np.abs(domain.basis)
        origin = np.zeros(first) if domain.origin is None else np.abs(domain.origin)
        entries = [basis, origin[:, None]]
        errors = [np.zeros_like(x) for x in entries]
        for stage in layout.stages:
            weight = abs(stage.weight)
            floor = UNDERFLOWS * (weight.shape[1] + 8) * (1 + weight.sum(axis=1))[:, None]
            begin = (stage.offsets[:-1] + np.arange(len(stage.bias))).astype(np.int64)
            steep = np.maximum.reduceat(np.abs(stage.slopes), begin)[:, None]
            high = np.maximum.reduceat(np.abs(stage.intercepts), begin)
            for part in (0, 1):
                entries[part] = weight @ entries[part] + part * np.abs(stage.bias)[:, None]
                errors[part] = weight @ errors[part] + _SHARE * entries[part] + floor
                entries[part], errors[part] = steep * entries[part], (1 + steep) * errors[part]
            entries[1] = entries[1] + high[:, None]
            errors[1] = errors[1] + _SHARE * high[:, None]
        found = np.stack([errors[0].max(axis=1), errors[1].max(axis=1)])
    return np.where(np.isnan(found), np.inf, found)
