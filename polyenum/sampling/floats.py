"""Gradients and patterns at points, computed in floats as a framework does it: by torch itself, or in NumPy."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
from numpy.typing import NDArray

from polyenum.domains import Domain
from polyenum.networks import PiecewiseLinearNetwork
from polyenum.networks.weights import rows_through

_AT_ONCE = 1 << 22


class NumPyFloats:
    """A forward pass and backpropagation in NumPy.

    Weights are rounded to `dtype`, the forward pass says which pieces are on, and the chain of matrix products
    from the outputs back to the inputs is multiplied for a batch of points at a time.

    Parameters
    ----------
    network : PiecewiseLinearNetwork
    domain : Domain
    dtype : str
        "float32" or "float64".
    """

    name = "NumPy"

    def __init__(self, network: PiecewiseLinearNetwork, domain: Domain, dtype: str) -> None:
        self._network, self._domain, self._dtype = network, domain, dtype
        self._weights = [stage.weight.astype(dtype) for stage in network.stages]
        self._biases = [stage.bias.astype(dtype) for stage in network.stages]
        widest = max(len(b) for b in self._biases) + network.input_dim
        self._size = max(1, _AT_ONCE // (widest * network.output_dim))

    def gradients(self, points: NDArray[np.float64]) -> NDArray[np.floating]:
        """Return the outputs' gradients, (n, outputs * dim), in the domain's coordinates."""
        parts = [
            self._gradients(points[begin : begin + self._size])
            for begin in range(0, len(points), self._size)
        ]
        width = self._network.output_dim * self._domain.dim
        return np.concatenate([*parts, np.zeros((0, width), self._dtype)])

    def _gradients(self, points: NDArray[np.float64]) -> NDArray[np.floating]:
        _, slopes = self._forward(points)
        outputs = self._network.output_dim
        back = np.tile(np.eye(outputs, dtype=self._dtype), (len(points), 1))
        for weight, slope in zip(reversed(self._weights), reversed(slopes), strict=True):
            back = back * np.repeat(slope, outputs, axis=0)
            back = rows_through(weight.T, back)
        if self._domain.basis is not None:
            back = back @ self._domain.basis.astype(self._dtype)
        return back.reshape(len(points), -1)

    def _forward(self, points: NDArray[np.float64]) -> tuple[list[NDArray], list[NDArray]]:
        """Return the sides of all hyperplanes and the slopes of all coordinates, stage by stage."""
        value = self._domain.embed(points).astype(self._dtype)
        sides, slopes = [], []
        for weight, bias, stage in zip(
            self._weights, self._biases, self._network.stages, strict=True
        ):
            z = rows_through(weight, value) + bias
            table = stage.activation
            sides.append(table.sides(z))
            piece = table.slope_offsets[:-1] + table.pieces(sides[-1])
            slopes.append(table.slopes[piece].astype(self._dtype))
            value = slopes[-1] * z + table.intercepts[piece].astype(self._dtype)
        return sides, slopes

    def patterns(self, points: NDArray[np.float64]) -> NDArray[np.uint8]:
        """Return the sides of all hyperplanes, eight a byte: (n, bytes) uint8."""
        parts = []
        for begin in range(0, len(points), self._size):
            sides, _ = self._forward(points[begin : begin + self._size])
            parts.append(np.packbits(np.concatenate(sides, axis=1), axis=1))
        width = -(-self._network.hyperplane_count // 8)
        return np.concatenate([*parts, np.zeros((0, width), np.uint8)])


class TorchFloats(NumPyFloats):
    """Gradients by torch's autograd, through the module that the user has.

    Parameters
    ----------
    module : torch.nn.Module
        Takes points (n, inputs).
    network, domain, dtype
        As in `NumPyFloats`, which patterns are from.
    """

    name = "torch"

    def __init__(
        self, module: Any, network: PiecewiseLinearNetwork, domain: Domain, dtype: str
    ) -> None:
        import copy

        super().__init__(network, domain, dtype)
        torch = sys.modules["torch"]
        self._module = copy.deepcopy(module).to(getattr(torch, dtype)).eval()

    def _gradients(self, points: NDArray[np.float64]) -> NDArray[np.floating]:
        torch = sys.modules["torch"]
        x = torch.from_numpy(self._domain.embed(points).astype(self._dtype)).requires_grad_()
        value = self._module(x).reshape(len(points), -1)
        columns = [
            torch.autograd.grad(value[:, k].sum(), x, retain_graph=k < value.shape[1] - 1)[0]
            for k in range(value.shape[1])
        ]
        back = np.stack([g.numpy() for g in columns], axis=1)
        if self._domain.basis is not None:
            back = back @ self._domain.basis.astype(self._dtype)
        return back.reshape(len(points), -1)


def floats_of(net: Any, network: PiecewiseLinearNetwork, domain: Domain, dtype: str) -> NumPyFloats:
    """Return what computes in floats: torch for a module that takes rows of inputs, else NumPy."""
    torch = sys.modules.get("torch")
    if torch is None or not isinstance(net, torch.nn.Module):
        return NumPyFloats(network, domain, dtype)
    found = TorchFloats(net, network, domain, dtype)
    try:
        found.gradients(np.asarray(domain.interior_point(), np.float64)[None])
    except (RuntimeError, ValueError, TypeError, IndexError):  # an image, say
        return NumPyFloats(network, domain, dtype)
    return found
