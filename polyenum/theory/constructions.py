"""Networks that have as many regions as a bound says."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from itertools import combinations, islice

import numpy as np
from numpy.typing import NDArray

from polyenum import options
from polyenum.errors import OptionError
from polyenum.networks import PiecewiseLinearNetwork
from polyenum.options import whole
from polyenum.theory.bounds import LARGEST_WIDTH, _widths

MOST_VERTICES = 20_000_000


def tent_map(depth: int) -> PiecewiseLinearNetwork:
    """Return the tent map ``1 - |2 x - 1|`` iterated `depth` times: ``2**depth`` pieces on [0, 1].

    Two units a layer.  Telgarsky, "Benefits of depth in neural networks", COLT 2016.

    Examples
    --------
    >>> import polyenum as pe
    >>> pe.count_regions(tent_map(5), pe.Box(0, 1, dim=1))
    32
    """
    whole("depth", depth, most=1000)
    tent = np.array([[2.0, -4.0]])
    enter, kinks = np.ones((2, 1)), np.array([0.0, -0.5])
    layers: list[tuple[NDArray[np.float64], NDArray[np.float64]]] = [(enter, kinks)]
    layers += [(enter @ tent, kinks)] * (depth - 1)
    return PiecewiseLinearNetwork.from_arrays([*layers, (tent, np.zeros(1))])


def folding_network(inputs: int, hidden: Sequence[int], *, seed: int = 0) -> PiecewiseLinearNetwork:
    """Return the network that attains `montufar_2014` on the box [0, 1]^inputs.

    Each layer but the last folds every axis ``p = floor(n_l / n_0)`` times onto [0, 1]; the last one
    is a generic arrangement, all of whose cells then lie in each of the folds.  Widths that are no multiple of
    `inputs` leave units over, which stay off.

    Montúfar, Pascanu, Cho, Bengio, "On the number of linear regions of deep neural networks", NIPS 2014,
    section 3.

    Parameters
    ----------
    inputs : int
    hidden : sequence of int
        Each of at least `inputs`, but for the last.
    seed : int
        Of the last layer's arrangement.

    Examples
    --------
    >>> import polyenum as pe
    >>> from polyenum import theory
    >>> net = folding_network(2, [4, 6, 3])
    >>> pe.count_regions(net, pe.Box(0, 1, dim=2)), theory.montufar_2014(2, [4, 6, 3])
    (252, 252)
    """
    _widths(inputs, hidden)
    inputs = int(inputs)
    *folding, last = map(int, hidden)
    for n in folding:
        whole("every width in hidden but the last", n, least=inputs, most=LARGEST_WIDTH)
    before = np.eye(inputs)
    layers = []
    for n in folding:
        folds = n // inputs
        # Per axis: relu(p x) - 2 relu(p x - 1) + 2 relu(p x - 2) - ... goes up and down p times.
        enter, kinks = np.zeros((n, inputs)), np.zeros(n)
        leave = np.zeros((inputs, n))
        for axis in range(inputs):
            own = axis * folds + np.arange(folds)
            enter[own, axis] = folds
            kinks[own] = -np.arange(folds)
            leave[axis, own] = 2.0 * (-1.0) ** np.arange(folds)
            leave[axis, own[0]] = 1.0
        kinks[inputs * folds :] = -1.0
        layers.append((enter @ before, kinks))
        before = leave
    normals, offsets = generic_arrangement(last, inputs, seed=seed)
    layers += [(normals @ before, offsets), (np.ones((1, last)), np.zeros(1))]
    return PiecewiseLinearNetwork.from_arrays(layers)


def generic_arrangement(
    hyperplanes: int, dim: int, *, seed: int = 0
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return hyperplanes ``A x + b = 0`` in general position, all of whose vertices lie within (0, 1)^dim.

    Short dyadic numbers, so that networks made of them are exact.

    Returns
    -------
    A : (hyperplanes, dim) float64
    b : (hyperplanes,) float64
    """
    hyperplanes = whole("hyperplanes", hyperplanes, most=LARGEST_WIDTH)
    dim = whole("dim", dim, most=LARGEST_WIDTH)
    seed = options.seed("seed", seed)
    _refuse_many(hyperplanes, dim)
    random = np.random.default_rng(seed)
    while True:
        normals = random.integers(-512, 513, (hyperplanes, dim)) / 512.0
        offsets = random.integers(-(2**20), 2**20 + 1, hyperplanes) / 2.0**20
        reach = 1.0
        # The vertices; where there are too few hyperplanes for any, where all meet.
        for some in batched(combinations(range(hyperplanes), min(dim, hyperplanes)), 10_000):
            own = normals[np.array(some)]
            square = own @ own.transpose(0, 2, 1)
            # Too flat to compute with: another draw.  What is drawn is counted exactly, whatever this says.
            if (np.linalg.det(square) < 1e-9).any():
                break
            nearest = np.linalg.solve(square, -offsets[np.array(some)][..., None])
            corners = own.transpose(0, 2, 1) @ nearest
            reach = max(reach, float(np.abs(corners).max()))
        else:
            # All corners within a quarter of the centre.
            offsets /= 2.0 ** np.ceil(np.log2(4 * reach))
            return normals, offsets - normals.sum(axis=1) / 2


def _refuse_many(hyperplanes: int, dim: int) -> None:
    """Refuse an arrangement that has too many vertices for all of them to be looked at.

    Raises
    ------
    OptionError
    """
    count = math.comb(hyperplanes, min(dim, hyperplanes))
    if count > MOST_VERTICES or hyperplanes * dim > MOST_VERTICES:
        raise OptionError(
            f"hyperplanes, dim: {hyperplanes:,} hyperplanes in {dim:,} dimensions have more vertices than the "
            f"{MOST_VERTICES:,} that are looked at; take fewer"
        )


def batched(items: Iterable[tuple[int, ...]], size: int) -> Iterator[list[tuple[int, ...]]]:
    """Yield lists of up to `size` items (itertools.batched, which Python 3.12 brings)."""
    rest = iter(items)
    while part := list(islice(rest, size)):
        yield part
