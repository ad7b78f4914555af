"""Units with the same hyperplane: duplicates, multiples and opposites, found once and exactly."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from polyenum.arithmetic.integers import integers, primitive
from polyenum.networks import Stage
from polyenum.networks.weights import dense_rows, largest_entries, rows_through


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
    weight = stage.weight
    # Multiples of a row have their largest weight in one place, so dividing by it makes them equal, up
    # to rounding; then they are close under any projection.  Those that are close are compared exactly.
    if not len(at):
        return found
    # A member of a maximum has no hyperplane of its own.
    own = np.flatnonzero(np.ones(len(at)) if table.groups is None else table.groups[at] < 0)
    factors = np.random.default_rng(0).uniform(1, 2, weight.shape[1] + 1)
    with np.errstate(all="ignore"):
        scale = 1 / largest_entries(weight)
        mixed = (scale * rows_through(weight, factors[:-1]))[at]
        mixed += scale[at] * (stage.bias[at] - table.breakpoints) * factors[-1]
        size = rows_through(abs(weight), np.ones(weight.shape[1]))[at]
        size += np.abs(stage.bias[at]) + np.abs(table.breakpoints)
        slack = np.abs(scale[at]) * size * 2.0**-39
    order = np.argsort(mixed, kind="stable")
    order = order[np.isfinite(mixed[order]) & np.isfinite(slack[order])]
    order = order[np.isin(order, own)]
    exact: dict[int, tuple[int, ...]] = {}

    def row_of(h: int) -> tuple[int, ...]:
        if h not in exact:
            row = [
                *dense_rows(weight, [at[h]])[0].tolist(),
                stage.bias[at[h]],
                table.breakpoints[h],
            ]
            *coefficients, bias, threshold = integers(row)
            exact[h] = primitive([*coefficients, bias - threshold])
        return exact[h]

    sorted_ = order.tolist()
    gap = np.diff(mixed[order]) <= slack[order[1:]] + slack[order[:-1]]
    for k in np.flatnonzero(gap).tolist():
        h = sorted_[k]
        for at_ in range(k + 1, len(sorted_)):
            g = sorted_[at_]
            if mixed[g] - mixed[h] > slack[g] + slack[h]:
                break
            a, b = row_of(min(g, h)), row_of(max(g, h))
            factor = 1 if a == b else -1 if a == tuple(-x for x in b) else 0
            if factor and (found[max(g, h), 0] < 0 or min(g, h) < found[max(g, h), 0]):
                found[max(g, h)] = min(g, h), factor
    return found
