"""What a network is trained on."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from polyenum.playground.formula import parse


class Target(NamedTuple):
    """Something to learn on [-2, 2]^dim.

    Attributes
    ----------
    name : str
    dim : int
    sample : callable
        From a number of points and a seed: points (n, dim) and values (n, 1).
    function : callable or None
        Where there is one: from points to values.
    """

    name: str
    dim: int
    sample: Callable[[int, int], tuple[NDArray[np.float64], NDArray[np.float64]]]
    function: Callable[[NDArray[np.float64]], NDArray[np.float64]] | None


def of_formula(text: str) -> Target:
    """Return the target that a formula in x, or in x and y, names.

    Raises
    ------
    OptionError
        If it is no formula.
    """
    try:
        function, dim = parse(text, ["x"]), 1
    except ValueError:
        function, dim = parse(text, ["x", "y"]), 2

    def sample(count: int, seed: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        points = np.random.default_rng(seed).uniform(-2, 2, (count, dim))
        return points, function(points)

    return Target(text, dim, sample, function)


def two_moons(count: int, seed: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return points of two interleaving half circles, labelled -1 and 1."""
    random = np.random.default_rng(seed)
    label = random.integers(0, 2, count)
    angle = random.uniform(0, np.pi, count)
    upper = np.column_stack([np.cos(angle), np.sin(angle)])
    lower = np.column_stack([1 - np.cos(angle), 0.5 - np.sin(angle)])
    points = np.where(label[:, None] == 0, upper, lower) - [0.5, 0.25]
    noise = random.normal(scale=0.08, size=points.shape)
    return np.asarray(points + noise, np.float64), np.asarray(2.0 * label[:, None] - 1, np.float64)


def circles(count: int, seed: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return points of two circles, one within the other, labelled -1 and 1."""
    random = np.random.default_rng(seed)
    label = random.integers(0, 2, count)
    angle, radius = random.uniform(0, 2 * np.pi, count), np.where(label == 0, 0.6, 1.4)
    points = radius[:, None] * np.column_stack([np.cos(angle), np.sin(angle)])
    noise = random.normal(scale=0.08, size=points.shape)
    return np.asarray(points + noise, np.float64), np.asarray(2.0 * label[:, None] - 1, np.float64)


TARGETS: dict[str, Target] = {
    "x²": of_formula("x^2")._replace(name="x²"),
    "x² + y²": of_formula("x^2 + y^2")._replace(name="x² + y²"),
    "two moons": Target("two moons", 2, two_moons, None),
    "circles": Target("circles", 2, circles, None),
}
