"""Units with the same hyperplane: duplicates, multiples and opposites, found once and exactly."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from polyenum.cells.exact.numbers import integers, primitive
from polyenum.networks import Stage


def find_twins(stage: Stage) -> NDArray[np.int64]:
    """Return for each hyperplane of a stage an earlier one with the same zero set, or none.

    Hyperplanes ``w . x + b - threshold`` of which one is a multiple of the other vanish together,
    whatever comes before the stage.

    Returns
    -------
    (hyperplanes, 2) int64
        The first such hyperplane within the stage, -1 where there is none, and the sign of the factor.
    """
    table = stage.activation
    at = table.breakpoint_coordinate
    found = np.tile(np.array([-1, 1]), (len(at), 1))
    rows = np.column_stack([stage.weight[at], stage.bias[at], table.breakpoints])
    # Multiples of a row have their largest weight in one place, so dividing by it makes them equal, up
    # to rounding; then they are close under any projection.  Those that are close are compared exactly.
    if not len(rows):
        return found
    # A member of a maximum has no hyperplane of its own.
    own = np.flatnonzero(np.ones(len(rows)) if table.groups is None else table.groups[at] < 0)
    largest = np.abs(rows[:, :-2]).argmax(axis=1, keepdims=True)
    with np.errstate(all="ignore"):
        scaled = rows / np.take_along_axis(rows, largest, axis=1)
        scaled[:, -2] -= scaled[:, -1]
        mixed = scaled[:, :-1] @ np.random.default_rng(0).uniform(1, 2, rows.shape[1] - 1)
        slack = np.abs(scaled).sum(axis=1) * 2.0**-40
    order = np.argsort(mixed, kind="stable")
    order = order[np.isfinite(mixed[order]) & np.isfinite(slack[order])]
    order = order[np.isin(order, own)]
    exact: dict[int, tuple[int, ...]] = {}

    def row_of(h: int) -> tuple[int, ...]:
        if h not in exact:
            *weight, bias, threshold = integers(rows[h].tolist())
            exact[h] = primitive([*weight, bias - threshold])
        return exact[h]

    for k, h in enumerate(order.tolist()):
        for g in order[k + 1 :].tolist():
            if mixed[g] - mixed[h] > slack[g] + slack[h]:
                break
            a, b = row_of(min(g, h)), row_of(max(g, h))
            factor = 1 if a == b else -1 if a == tuple(-x for x in b) else 0
            if factor and (found[max(g, h), 0] < 0 or min(g, h) < found[max(g, h), 0]):
                found[max(g, h)] = min(g, h), factor
    return found
