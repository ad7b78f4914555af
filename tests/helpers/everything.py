"""Every public property and method of a complex and its regions, called: what a damaged file must survive."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

import polyenum as pe
from polyenum.regions.complex import RegionComplex
from polyenum.regions.region import Region

# Those that need arguments; what is costly is left out, and named.
_METHODS: dict[str, Callable[[RegionComplex], Any]] = {
    "sides_of": lambda cx: cx.sides_of(slice(None)),
    "patterns_of": lambda cx: cx.patterns_of(slice(None)),
    "input_maps": lambda cx: cx.input_maps(),
    "measures_of": lambda cx: [cx.measures_of(i) for i in _few(cx)],
    "facets_of": lambda cx: [cx.facets_of(i) for i in _few(cx)],
    "halfspaces_of": lambda cx: [cx.halfspaces_of(i) for i in _few(cx)],
    "level_set": lambda cx: cx.level_set(0.25),
    "decision_boundary": lambda cx: cx.decision_boundary(),
    "locate": lambda cx: cx.locate(np.linspace(-1.5, 1.5, 7 * cx.dim).reshape(7, cx.dim)),
    "to_frame": lambda cx: cx.to_frame(),
    "to_geojson": lambda cx: cx.to_geojson(),
    "fits": lambda cx: cx.fits(cx.network, cx.domain),
    "check": lambda cx: pe.check(cx, cx.network, cx.domain),
}
_REGION_METHODS: dict[str, Callable[[Region], Any]] = {
    "constraints": lambda r: r.constraints(_variable(r)),
    "project": lambda r: r.project(np.full(r._complex.dim, 3.0)),
    "distance": lambda r: r.distance(r._complex[0]),
    "inscribed_ellipsoid": lambda r: r.inscribed_ellipsoid(),
}
# Written to files elsewhere, and no property of the complex.
_ELSEWHERE = {"save", "helpers"}


def _few(cx: RegionComplex) -> list[int]:
    return sorted({0, len(cx) // 2, len(cx) - 1}) if len(cx) else []


def _variable(region: Region) -> Any:
    import cvxpy

    return cvxpy.Variable(region._complex.dim)


def _of(
    thing: Any, methods: dict[str, Callable[[Any], Any]]
) -> Iterator[tuple[str, Callable[[], Any]]]:
    for name in dir(type(thing)):
        if name.startswith("_") or name in _ELSEWHERE:
            continue
        found = getattr(type(thing), name)
        if name in methods:
            yield name, lambda n=name: methods[n](thing)  # type: ignore[misc]
        elif not callable(found):
            yield name, lambda n=name: getattr(thing, n)  # type: ignore[misc]
        else:
            raise AssertionError(f"nothing here calls {type(thing).__name__}.{name}")
    yield "repr", lambda: repr(thing)


def call_everything(cx: RegionComplex, *, convex: bool = True) -> list[str]:
    """Call it all; return which calls ended in an error that is not polyenum's own.

    `convex` says whether to pose convex problems too, which takes most of the time.
    """
    calls = [
        *_of(cx, _METHODS),
        ("check", lambda: _METHODS["check"](cx)),
        ("html", cx._repr_html_),
        ("call", lambda: cx(np.zeros((1, cx.dim)))),
        ("certificate", lambda: repr(cx.certificate)),
        ("describe", cx.network.describe),
    ]
    for i in _few(cx):
        for name, call in _of(cx[i], _REGION_METHODS):
            if convex or name not in _REGION_METHODS:
                calls.append((f"[{i}].{name}", call))
    wrong = []
    for name, call in calls:
        try:
            call()
        except pe.PolyenumError:
            pass
        except BaseException as error:  # a solver's panic is no Exception
            if isinstance(error, KeyboardInterrupt):
                raise
            place = traceback.extract_tb(error.__traceback__)[-1]
            wrong.append(
                f"{name}: {type(error).__name__}: {error!s:.100} ({place.filename}:{place.lineno})"
            )
    return wrong
