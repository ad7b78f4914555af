"""Random domains, regions of a complex, and points inside."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from hypothesis import assume
from hypothesis import strategies as st
from numpy.typing import NDArray

from polyenum.domains import Box, Domain, HPolytope, Hull, Segment, Slice
from polyenum.domains.domain import as_domain
from polyenum.errors import DomainError, OptionError, RegionError
from polyenum.options import choices, whole
from polyenum.regions.complex import RegionComplex, as_complex
from polyenum.regions.region import Region

DOMAIN_KINDS = ("box", "polytope", "hull", "slice", "segment")

# Of what is drawn: a hull is computed exactly.
LARGEST_DIM = 1000

_QUARTERS = st.integers(-8, 8).map(lambda k: k / 4)


def domains(
    inputs: int, *, kinds: str | Sequence[str] = ("box", "polytope", "hull")
) -> st.SearchStrategy[Domain]:
    """Return a strategy of bounded domains of a network of so many inputs.

    Parameters
    ----------
    inputs : int
    kinds : str or sequence of str
        "box", "polytope" (a box with corners cut off), "hull" (of random points), "slice" (a plane; from two
        inputs on) or "segment".

    Raises
    ------
    OptionError
        If a kind is not known.

    Examples
    --------
    >>> from hypothesis import find
    >>> find(domains(2, kinds="box"), lambda box: True)
    Box([0, 0], [0.25, 0.25])
    """
    inputs = whole("inputs", inputs, most=LARGEST_DIM)
    chosen = choices("kinds", kinds, DOMAIN_KINDS)
    makers = {
        "box": _boxes,
        "polytope": _polytopes,
        "hull": _hulls,
        "slice": _slices,
        "segment": _segments,
    }
    if inputs == 1 and "slice" in chosen:
        raise OptionError("kinds: a slice is a plane, of two inputs or more")
    return st.one_of([makers[kind](inputs) for kind in chosen])


def _called(draw: st.DrawFn, kind: Callable[..., Domain], *args: Any, **kwargs: Any) -> Domain:
    """Return ``kind(*args, **kwargs)``, which hypothesis prints as this call."""
    return draw(
        st.builds(kind, *map(st.just, args), **{name: st.just(x) for name, x in kwargs.items()})
    )


@st.composite
def _boxes(draw: st.DrawFn, inputs: int) -> Domain:
    lower = [draw(_QUARTERS) for _ in range(inputs)]
    size = [draw(st.integers(1, 16)) / 4 for _ in range(inputs)]
    return Box(lower, [a + s for a, s in zip(lower, size, strict=True)])


@st.composite
def _polytopes(draw: st.DrawFn, inputs: int) -> Domain:
    cuts = draw(st.lists(st.lists(_QUARTERS, min_size=inputs, max_size=inputs), max_size=3))
    cuts = [a for a in cuts if any(a)]
    # The origin stays inside of all.
    offsets = [draw(st.integers(1, 8)) / 4 for _ in cuts]
    A = [*np.eye(inputs).tolist(), *(-np.eye(inputs)).tolist(), *cuts]
    return _called(draw, HPolytope, A, [2.0] * (2 * inputs) + offsets)


@st.composite
def _hulls(draw: st.DrawFn, inputs: int) -> Domain:
    point = st.lists(_QUARTERS, min_size=inputs, max_size=inputs)
    points = draw(st.lists(point, min_size=inputs + 1, max_size=inputs + 4))
    try:
        return _called(draw, Hull, points)
    except DomainError:  # flat
        assume(False)
        raise


@st.composite
def _slices(draw: st.DrawFn, inputs: int) -> Domain:
    origin = [draw(_QUARTERS) for _ in range(inputs)]
    basis = [[draw(_QUARTERS) for _ in range(min(2, inputs))] for _ in range(inputs)]
    try:
        return _called(draw, Slice, origin, basis, lower=-1, upper=1)
    except DomainError:  # dependent columns
        assume(False)
        raise


@st.composite
def _segments(draw: st.DrawFn, inputs: int) -> Domain:
    start = [draw(_QUARTERS) for _ in range(inputs)]
    step = [draw(_QUARTERS) for _ in range(inputs)]
    assume(any(step))
    return _called(draw, Segment, start, [a + s for a, s in zip(start, step, strict=True)])


def regions(cx: RegionComplex) -> st.SearchStrategy[Region]:
    """Return a strategy of the regions of a complex; it shrinks to the first."""
    as_complex("cx", cx)
    if not len(cx):
        raise RegionError("cx: a complex without regions has none to draw")
    return st.integers(0, len(cx) - 1).map(lambda i: cx[i])


@st.composite
def _points_inside(draw: st.DrawFn, vertices: NDArray[np.float64]) -> NDArray[np.float64]:
    weights = np.array([draw(st.integers(1, 8)) for _ in range(len(vertices))], float)
    found: NDArray[np.float64] = weights @ vertices / weights.sum()
    return found


def points_inside(of: Region | Domain) -> st.SearchStrategy[NDArray[np.float64]]:
    """Return a strategy of interior points: means of the vertices with positive integer weights.

    They are inside up to rounding, (dim,) float64 each, in the domain's coordinates.

    Parameters
    ----------
    of : Region or Domain

    Examples
    --------
    >>> from hypothesis import find
    >>> import polyenum as pe
    >>> find(points_inside(pe.Box(0, 1, dim=2)), lambda point: True)
    array([0.5, 0.5])
    """
    if not isinstance(of, Region):
        as_domain("of", of)
    return _points_inside(of.vertices)
