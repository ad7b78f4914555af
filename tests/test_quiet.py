"""Solvers print nothing, whichever call reaches them: what they write goes to the file descriptors themselves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import polyenum as pe

INPUTS = 10


def _network(inputs: int, width: int, outputs: int) -> list[tuple[Any, Any]]:
    random = np.random.default_rng(3)
    return [
        (random.normal(size=(width, inputs)), random.normal(size=width)),
        (random.normal(size=(outputs, width)), np.zeros(outputs)),
    ]


def _around(call: Any, norm: float) -> Any:
    return call(_network(INPUTS, 12, 3), np.zeros(INPUTS), radius=0.2, norm=norm, max_regions=6)


def _regions(inputs: int) -> Any:
    engine = "lp" if inputs > 3 else "auto"
    return pe.enumerate_regions(_network(inputs, 5, 1), pe.Box(-1, 1, dim=inputs), engine=engine)


def _polytope() -> Any:
    rows = np.vstack([np.eye(INPUTS), -np.eye(INPUTS), np.ones(INPUTS)])
    return pe.HPolytope(rows, np.ones(len(rows)))


CALLS: dict[str, Callable[[], Any]] = {
    **{
        f"{call.__name__} {norm}": lambda call=call, norm=norm: _around(call, norm)
        for call in (pe.neighborhood, pe.decision_distance)
        for norm in (1, 2, np.inf)
    },
    "boundary_distance": lambda: pe.boundary_distance(_network(INPUTS, 12, 1), np.zeros(INPUTS)),
    "polytope": _polytope,
    "regions of a polytope": lambda: pe.count_regions(_network(INPUTS, 3, 1), _polytope()),
    "ball": lambda: _regions(3)[0].chebyshev_ball,
    "ellipsoid": lambda: _regions(2)[0].inscribed_ellipsoid(),
    "lp facets": lambda: _regions(5)[0].facets,
    "lp vertices": lambda: _regions(5)[0].vertices,
    **{
        f"project {norm}": lambda norm=norm: _regions(3)[0].project([5.0, 5.0, 5.0], norm=norm)
        for norm in (1, 2, np.inf)
    },
    **{
        f"distance {norm}": lambda norm=norm: _regions(3)[0].distance(_regions(3)[-1], norm=norm)
        for norm in (1, 2, np.inf)
    },
    "sampling": lambda: str(
        pe.verify_sampling(_network(2, 5, 1), pe.Box(-1, 1, dim=2), resolution=4)
    ),
}


@pytest.mark.parametrize("name", CALLS)
def test_nothing_is_printed(name: str, capfd: pytest.CaptureFixture[str]) -> None:
    CALLS[name]()
    assert capfd.readouterr() == ("", "")
