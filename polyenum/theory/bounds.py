"""Bounds on the number of activation regions of ReLU networks, as exact integers.

`inputs` is the number of inputs, `hidden` the widths of the hidden layers; the outputs split nothing.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from functools import cache
from typing import Any

from polyenum.domains import Domain
from polyenum.domains.domain import as_domain
from polyenum.errors import NetworkError, OptionError
from polyenum.models.load import load
from polyenum.options import real, several, whole

# Of a layer: numbers of more digits than fit into memory would come out.
LARGEST_WIDTH = 100_000


def zaslavsky(hyperplanes: int, dim: int) -> int:
    """Return the regions of an arrangement of hyperplanes in general position: ``sum_{j <= d} C(n, j)``.

    No arrangement of so many has more.  This is the largest number of regions of one hidden layer.

    Zaslavsky, *Facing up to arrangements: face-count formulas for partitions of space by hyperplanes*,
    Memoirs of the American Mathematical Society 154, 1975.

    Parameters
    ----------
    hyperplanes, dim : int

    Examples
    --------
    >>> [zaslavsky(n, 2) for n in range(5)]
    [1, 2, 4, 7, 11]
    """
    hyperplanes = whole("hyperplanes", hyperplanes, least=0, most=LARGEST_WIDTH)
    dim = whole("dim", dim, least=0, most=LARGEST_WIDTH)
    return sum(math.comb(hyperplanes, j) for j in range(dim + 1))


def montufar_2014(inputs: int, hidden: Sequence[int]) -> int:
    """Return a lower bound on the *largest* number of regions of any network of these widths.

    ``prod_{l < L} floor(n_l / n_0)^n_0  sum_{j <= n_0} C(n_L, j)``, which `folding_network` attains.

    Montúfar, Pascanu, Cho, Bengio, "On the number of linear regions of deep neural networks", NIPS 2014,
    theorem 5.

    Examples
    --------
    >>> montufar_2014(2, [4, 4, 4])
    176
    """
    _widths(inputs, hidden)
    *folding, last = map(int, hidden)
    return math.prod((n // inputs) ** inputs for n in folding) * zaslavsky(last, inputs)


def montufar_2017(inputs: int, hidden: Sequence[int]) -> int:
    """Return an upper bound: ``prod_l sum_{j <= m_l} C(n_l, j)``, ``m_l = min(n_0, ..., n_{l-1})``.

    Montúfar, "Notes on the number of linear regions of deep neural networks", SampTA 2017, proposition 3.

    Examples
    --------
    >>> montufar_2017(2, [32, 32, 32])
    148035889
    """
    _widths(inputs, hidden)
    narrow, total = inputs, 1
    for n in map(int, hidden):
        total *= zaslavsky(n, narrow)
        narrow = min(narrow, n)
    return total


def serra_2018(inputs: int, hidden: Sequence[int]) -> int:
    """Return an upper bound that takes into account how many units can be on at once.

    ``sum prod_l C(n_l, j_l)`` over all ``j`` with
    ``0 <= j_l <= min(n_0, n_1 - j_1, ..., n_{l-1} - j_{l-1}, n_l)``.

    Serra, Tjandraatmadja, Ramalingam, "Bounding and counting linear regions of deep neural networks",
    ICML 2018, theorem 1.

    Examples
    --------
    >>> serra_2018(2, [3, 3, 3]), montufar_2017(2, [3, 3, 3])
    (208, 343)
    """
    _widths(inputs, hidden)

    @cache
    def total(layer: int, rank: int) -> int:
        if layer == len(hidden):
            return 1
        n = int(hidden[layer])
        return sum(
            math.comb(n, j) * total(layer + 1, min(rank, n - j)) for j in range(min(rank, n) + 1)
        )

    return total(0, inputs)


def arora_2018(hidden: Sequence[int]) -> int:
    """Return an upper bound for one input: ``2^(k-1) (w_1 + 1) w_2 ... w_k``.

    Arora, Basu, Mianjy, Mukherjee, "Understanding deep neural networks with rectified linear units", ICLR
    2018 (the lemma on the number of pieces in the appendix).

    Examples
    --------
    >>> arora_2018([5]), arora_2018([2, 2, 2])
    (6, 48)
    """
    _widths(1, hidden)
    first, *others = map(int, hidden)
    return 2 ** len(others) * (first + 1) * math.prod(others)


def hanin_rolnick_2019(
    inputs: int, hidden: Sequence[int], *, volume: float = 1.0, constant: float = 1.0
) -> float:
    """Return the order of the *average* number of regions at random initialisation, depth or not.

    ``volume (T N)^n_0 / n_0!`` for ``N >= n_0`` units, else ``volume 2^N``.  The theorem bounds the expected
    number in cubes that are not too small; its ``T`` depends on how large gradients and the density of the
    biases are, and on nothing else.  ``T = 1`` is about what standard initialisations show.

    Hanin, Rolnick, "Deep ReLU networks have surprisingly few activation patterns", NeurIPS 2019, theorem 5.

    Parameters
    ----------
    inputs : int
    hidden : sequence of int
    volume : float
        Of the cube.
    constant : float
        ``T``.

    Examples
    --------
    >>> hanin_rolnick_2019(2, [32, 32])
    2048.0
    """
    _widths(inputs, hidden)
    volume = real("volume", volume, least=0)
    constant = real("constant", constant, least=0)
    units = sum(map(int, hidden))
    if units < inputs:
        exact = Fraction(volume) * 2**units
    else:
        exact = Fraction(volume) * (Fraction(constant) * units) ** inputs / math.factorial(inputs)
    try:
        return float(exact)
    except OverflowError:
        return math.inf


def bounds(net: Any, *, domain: Domain | None = None) -> dict[str, int]:
    """Return all upper bounds that hold for a network, by name.

    All of them use the number of inputs; on a slice or a segment its own dimension takes that place, for there
    the network is one of so many inputs, whose first layer is the old one after the embedding.

    Parameters
    ----------
    net : whatever `polyenum.load` takes
        A plain stack of ReLU layers.
    domain : Domain, optional
        Where the regions are counted; by default in the whole input space.

    Returns
    -------
    dict
        "montufar_2017" and "serra_2018"; in one dimension "arora_2018", too.

    Raises
    ------
    NetworkError
        If it is something else, for which these bounds are not made.
    DomainError
        If the domain does not lie in the network's inputs.

    Examples
    --------
    >>> bounds([([[1.0], [2.0]], [0, 1]), ([[1.0, 1.0]], [0])])
    {'montufar_2017': 3, 'serra_2018': 3, 'arora_2018': 3}
    >>> import polyenum as pe
    >>> wide = [([[1.0] * 100, [2.0] * 100], [0, 1]), ([[1.0, 1.0]], [0])]
    >>> bounds(wide)["serra_2018"], bounds(wide, domain=pe.Segment([0] * 100, [1] * 100))["serra_2018"]
    (4, 3)
    """
    network = load(net)
    inputs = (
        network.input_dim
        if domain is None
        else as_domain("domain", domain, input_dim=network.input_dim).dim
    )
    *inner, last = network.stages
    hidden = []
    for stage in inner:
        if not stage.activation.is_relu.all():
            raise NetworkError(
                f"{stage.name}: not a plain layer of ReLUs, for which these bounds are made"
            )
        hidden.append(len(stage.bias))
    if last.activation.is_relu.all():
        hidden.append(len(last.bias))
    elif len(last.activation.breakpoints):
        raise NetworkError(f"{last.name}: its activation is neither ReLU nor none")
    if not hidden:
        return {}
    known = {
        "montufar_2017": montufar_2017(inputs, hidden),
        "serra_2018": serra_2018(inputs, hidden),
    }
    if inputs == 1:
        known["arora_2018"] = arora_2018(hidden)
    return known


def _widths(inputs: int, hidden: Sequence[int]) -> None:
    whole("inputs", inputs, most=LARGEST_WIDTH)
    widths = several("hidden", hidden, "a list of widths, such as [16, 16]")
    if not widths:
        raise OptionError("hidden must name at least one hidden layer, found none")
    for n in widths:
        whole("every width in hidden", n, most=LARGEST_WIDTH)
