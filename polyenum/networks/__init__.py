"""Networks: stages of an affine map and an activation table."""

from polyenum.networks.activation import ActivationTable
from polyenum.networks.network import PiecewiseLinearNetwork, Stage

__all__ = ["ActivationTable", "PiecewiseLinearNetwork", "Stage"]
