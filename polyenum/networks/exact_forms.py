"""The affine forms of a network's pre-activations, exactly, for given sides of its hyperplanes."""

from __future__ import annotations

from collections import OrderedDict
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from polyenum.arithmetic.integer_matrix import SparseIntegers
from polyenum.arithmetic.integers import Form
from polyenum.domains import Domain
from polyenum.networks import PiecewiseLinearNetwork
from polyenum.networks.stages import ExactStages, Scaled, entering

# Forms of single hyperplanes are kept up to this many.
MOST_FOUND = 1 << 18


class ExactForms:
    """The pre-activations of every layer as exact affine forms in the domain's coordinates.

    Parameters
    ----------
    network : PiecewiseLinearNetwork
    domain : Domain
    cache : int
        How many layers' forms to remember.
    """

    def __init__(
        self, network: PiecewiseLinearNetwork, domain: Domain, *, cache: int = 512
    ) -> None:
        self.network = network
        self.domain = domain
        self._cache: OrderedDict[bytes, Scaled] = OrderedDict()
        self._cache_size = cache
        self._depends: dict[int, NDArray[np.int64] | None] = {}
        self._found: dict[tuple[int, bytes], tuple[Form, int]] = {}
        self._stages = ExactStages(network)

    def before_activation(
        self, layer: int, sides: NDArray[np.uint8], at: NDArray[np.int64] | None = None
    ) -> Scaled:
        """Return the forms of stage `layer` before its activation, (dim + 1, width).

        Parameters
        ----------
        layer : int
        sides : (hyperplanes of earlier stages or more,) uint8
        at : (n,) int64, optional
            The coordinates that are wanted, increasing; all by default.  Where weights are sparse only what
            these depend on is computed.
        """
        if at is not None and isinstance(self._stages.weights[layer][0], SparseIntegers):
            return self._through(layer, sides, at)
        prefix = sides[: self.network.hyperplane_offsets[layer]]
        key = bytes([layer & 255, layer >> 8]) + np.asarray(prefix, np.uint8).tobytes()
        found = self._cache.get(key)
        if found is None:
            found = self._through(layer, sides)
            self._cache[key] = found
            if len(self._cache) > self._cache_size:
                self._cache.popitem(last=False)
        else:
            self._cache.move_to_end(key)
        return found if at is None else (found[0][:, at], found[1])

    def after_activation(
        self, layer: int, sides: NDArray[np.uint8], at: NDArray[np.int64] | None = None
    ) -> Scaled:
        """Return the forms of stage `layer` after its activation; arguments of `before_activation`."""
        forms = self.before_activation(layer, sides, at)
        table = self.network.stages[layer].activation
        begin, end = self.network.hyperplane_offsets[layer : layer + 2]
        piece = table.slope_offsets[:-1] + table.pieces(np.asarray(sides[begin:end], np.bool_))
        return self._stages.activated(layer, forms, piece if at is None else piece[at])

    @cached_property
    def _entering(self) -> Scaled:
        return entering(self.domain)

    def _through(
        self, layer: int, sides: NDArray[np.uint8], at: NDArray[np.int64] | None = None
    ) -> Scaled:
        weights, read = self._stages.weights[layer][0], None
        if at is not None and isinstance(weights, SparseIntegers):
            weights = weights.take(at)
            read = np.unique(weights.columns).astype(np.int64)
            weights = weights.of_columns(read)
        if layer:
            forms = self.after_activation(layer - 1, sides, read)
        else:
            numbers, exponent = self._entering
            forms = numbers if read is None else numbers[:, read], exponent
        return self._stages.affine(layer, forms, weights, at)

    def hyperplane(self, h: int, sides: NDArray[np.uint8]) -> tuple[Form, int]:
        """Return the form that vanishes on hyperplane `h`, and the exponent of its scale.

        The form's values are ``value * 2**-exponent``.  That of a member of a maximum is it less the
        largest, which `sides` says.
        """
        depends = self._dependencies(h)
        if depends is None:
            return self._compute(h, sides)
        key = (h, np.asarray(sides, np.uint8)[depends].tobytes())
        found = self._found.get(key)
        if found is None:
            found = self._compute(h, sides)
            if len(self._found) >= MOST_FOUND:
                self._found.clear()
            self._found[key] = found
        return found

    def _dependencies(self, h: int) -> NDArray[np.int64] | None:
        """Return the hyperplanes whose sides the form of `h` depends on; None if it is all before it."""
        if h not in self._depends:
            self._depends[h] = self._cone(h)
        return self._depends[h]

    def _cone(self, h: int) -> NDArray[np.int64] | None:
        offsets = self.network.hyperplane_offsets
        layer = int(np.searchsorted(offsets, h, side="right")) - 1
        own = np.array([h])
        found = []
        if self.network.groups[h, 0] >= 0:
            own = np.arange(*self.network.groups[h])
            found.append(own)
        at = self.network.stages[layer].activation.breakpoint_coordinate[own - offsets[layer]]
        for below in reversed(range(layer)):
            weights = self._stages.weights[below + 1][0]
            if not isinstance(weights, SparseIntegers):
                return None
            at = np.unique(weights.take(at).columns).astype(np.int64)
            table = self.network.stages[below].activation
            reads = np.isin(table.breakpoint_coordinate, at)
            found.append(offsets[below] + np.flatnonzero(reads))
        return np.concatenate([*found, np.zeros(0)]).astype(np.int64)

    def _compute(self, h: int, sides: NDArray[np.uint8]) -> tuple[Form, int]:
        offsets = self.network.hyperplane_offsets
        layer = int(np.searchsorted(offsets, h, side="right")) - 1
        table = self.network.stages[layer].activation
        k = h - int(offsets[layer])
        at = [int(table.breakpoint_coordinate[k])]
        begin, end = self.network.groups[h].tolist()
        if begin >= 0:  # a member of a maximum, less the largest
            largest = begin + int(np.argmax(sides[begin:end])) - int(offsets[layer])
            at.append(int(table.breakpoint_coordinate[largest]))
        wanted = np.unique(at)
        numbers, exponent = self.before_activation(layer, sides, wanted)
        thresholds, own = self._stages.thresholds[layer]
        common = max(exponent, own)
        shift = common - exponent
        form = numbers[:, np.searchsorted(wanted, at[0])]
        if begin >= 0:
            form = form - numbers[:, np.searchsorted(wanted, at[1])]
        *column, constant = form.tolist()
        constant = (constant << shift) - (thresholds[k] << (common - own))
        return (*(x << shift for x in column), constant), common

    def label(self, label: int, sides: NDArray[np.uint8]) -> Form:
        """Return the form of a facet label: hyperplane `label`, or side ``-1 - label``."""
        return self.domain.sides[-1 - label] if label < 0 else self.hyperplane(label, sides)[0]
