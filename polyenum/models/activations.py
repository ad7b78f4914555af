"""Activations by name, as breakpoints, slopes and the leftmost intercept."""

from __future__ import annotations

from typing import NamedTuple

from polyenum.errors import NetworkError
from polyenum.models.tensor import Row


class TwoSided(NamedTuple):
    """An activation that has a value of its own at a jump: ``above(z) + below(-z)``, two units.

    At a jump a row has the value of the piece on its left.  That is a whole region's value where a
    pre-activation is constant, as behind another jump: ``sign(0)`` is 0, on no piece of the sign's.
    """

    above: Row
    below: Row


RELU: Row = ([0.0], [0.0, 1.0], 0.0)
RELU6: Row = ([0.0, 6.0], [0.0, 1.0, 0.0], 0.0)
ABS: Row = ([0.0], [-1.0, 1.0], 0.0)
# torch's and ONNX's HardSigmoid differ: 1/6 and 0.2.
HARD_SIGMOID: Row = ([-3.0, 3.0], [0.0, 1 / 6, 0.0], 0.0)
SIGN = TwoSided(([0.0], [0.0, 0.0], [-0.5, 0.5]), ([0.0], [0.0, 0.0], [0.5, -0.5]))

# Not piecewise linear, under the names that torch and ONNX share, of one input and with its shape.
SMOOTH = {
    "celu", "elu", "selu", "gelu", "silu", "mish", "hardswish", "sigmoid", "tanh", "softplus", "exp", "log",
    "sqrt", "sin", "cos", "erf", "pow",
}  # fmt: skip
# Those that torch makes of several operators, and softmax under the names of models' layers.
SMOOTH_CALLS = {"softsign", "tanhshrink", "softmin", "logsigmoid"}


def leaky(slope: float) -> Row:
    """Return the leaky ReLU of that slope."""
    return [0.0], [float(slope), 1.0], 0.0


def clamp(low: float, high: float) -> Row:
    """Return the activation that keeps between two bounds."""
    return [float(low), float(high)], [0.0, 1.0, 0.0], float(low)


def shrink(width: float, offset: float, name: str) -> Row | TwoSided:
    """Return the activation that is 0 from -width to width, and moved towards 0 by `offset` beyond.

    Softshrink for ``offset=width``, Hardshrink, which jumps, for ``offset=0``.
    """
    width, offset = float(width), float(offset)
    if width < 0:
        raise NetworkError(f"{name}: lambda must be at least 0, found {width}")
    if width == offset == 0:
        return [], [1.0], 0.0
    if width == offset:
        return [-width, width], [1.0, 0.0, 1.0], offset
    return TwoSided(([width], [0.0, 1.0], [0.0, -offset]), ([width], [0.0, -1.0], [0.0, offset]))


def threshold(at: float, value: float) -> Row:
    """Return the activation that is the identity above `at`, and `value` at it and below."""
    return [float(at)], [0.0, 1.0], [float(value), 0.0]
