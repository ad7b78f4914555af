"""Networks: everything that can be enumerated becomes a `PiecewiseLinearNetwork`."""

from __future__ import annotations

from typing import Any

from polyenum.errors import NetworkError
from polyenum.networks.activation import ActivationTable
from polyenum.networks.network import PiecewiseLinearNetwork, Stage
from polyenum.networks.torch_modules import from_sequential, is_torch_module

__all__ = ["ActivationTable", "PiecewiseLinearNetwork", "Stage", "as_network"]


def as_network(net: Any) -> PiecewiseLinearNetwork:
    """Return `net` as a `PiecewiseLinearNetwork`.

    Parameters
    ----------
    net : PiecewiseLinearNetwork, torch.nn.Sequential, or sequence of (weight, bias)
        A list of pairs means a ReLU after every layer but the last.

    Raises
    ------
    NetworkError
        If it is none of these, or not piecewise linear.
    """
    if isinstance(net, PiecewiseLinearNetwork):
        return net
    if is_torch_module(net):
        return from_sequential(net)
    if isinstance(net, (list, tuple)):
        return PiecewiseLinearNetwork.from_arrays(net)
    raise NetworkError(
        f"cannot read a network from {type(net).__name__}; give a torch.nn.Sequential, a list "
        "[(W, b), ...] or a PiecewiseLinearNetwork"
    )
