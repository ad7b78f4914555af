"""What the page shows, without the page: a network that is trained and moved, and its exact regions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from polyenum.complex.region_complex import RegionComplex
from polyenum.domains import Box
from polyenum.enumeration.api import enumerate_regions
from polyenum.errors import NetworkError, OptionError, missing_extra
from polyenum.networks import PiecewiseLinearNetwork, load
from polyenum.playground.targets import TARGETS, Target, of_formula

LARGEST_WIDTH, MOST_LAYERS = 64, 6
POINTS, LEARNING_RATE = 500, 0.01
MOST_REGIONS = 20_000


class UnitState(NamedTuple):
    """Where a unit of the first layer bends: on ``direction . x + ratio = 0``, with weight ``scale``."""

    scale: float
    ratio: float


class Session:
    """A network on [-2, 2]^d.

    Parameters
    ----------
    net : whatever `polyenum.load` takes, optional
        Of one or two inputs; by default a new one, to be trained.
    """

    def __init__(self, net: Any = None) -> None:
        self.target: Target = TARGETS["x² + y²"]
        self.hidden: list[int] = [15]
        self.loss = float("nan")
        self.steps = 0
        self._module: Any = None
        self._optimizer: Any = None
        self._complex: RegionComplex | None = None
        if net is None:
            self._network = self._fresh()
        else:
            self._network = load(net)
            if self._network.input_dim not in (1, 2):
                raise NetworkError(
                    f"the page shows networks of one or two inputs, found {self._network.input_dim}; a Slice of a "
                    "larger one can be enumerated and drawn"
                )

    # -- the network -----------------------------------------------------------------------------

    @property
    def network(self) -> PiecewiseLinearNetwork:
        """The network as it is now."""
        return self._network

    @property
    def dim(self) -> int:
        """The number of inputs."""
        return self._network.input_dim

    @property
    def complex(self) -> RegionComplex:
        """Its exact regions, up to `MOST_REGIONS`."""
        if self._complex is None:
            self._complex = enumerate_regions(
                self._network, Box(-2, 2, dim=self.dim), max_regions=MOST_REGIONS, threads=1
            )
        return self._complex

    def choose(self, target: str) -> None:
        """Start anew with one of `TARGETS`, or a formula.

        Raises
        ------
        OptionError
            If it is neither.
        """
        self.target = TARGETS.get(target) or of_formula(target)
        self._restart()

    def resize(self, hidden: Sequence[int]) -> None:
        """Start anew with hidden layers of these widths.

        Raises
        ------
        OptionError
            If there are none, too many, or one is too wide.
        """
        widths = [int(n) for n in hidden]
        if not 1 <= len(widths) <= MOST_LAYERS or not all(1 <= n <= LARGEST_WIDTH for n in widths):
            raise OptionError(
                f"1 to {MOST_LAYERS} hidden layers of 1 to {LARGEST_WIDTH} units, found {widths}"
            )
        self.hidden = widths
        self._restart()

    def add_layer(self) -> None:
        """Add a hidden layer as wide as the last one, and start anew."""
        self.resize([*self.hidden, self.hidden[-1]])

    def _restart(self) -> None:
        self._module = self._optimizer = self._complex = None
        self.loss, self.steps = float("nan"), 0
        self._network = self._fresh()

    def _fresh(self) -> PiecewiseLinearNetwork:
        random = np.random.default_rng(0)
        widths = [self.target.dim, *self.hidden, 1]
        return PiecewiseLinearNetwork.from_arrays(
            [
                (
                    (random.normal(size=(n, m)) * np.sqrt(2 / m)).astype(np.float32),
                    random.uniform(-1, 1, n).astype(np.float32),
                )
                for m, n in zip(widths[:-1], widths[1:], strict=True)
            ]
        )

    # -- training --------------------------------------------------------------------------------

    def train(self, steps: int) -> None:
        """Take some steps of Adam on the target's points; what was moved by hand is where they start from.

        Raises
        ------
        MissingExtraError
            If torch is not installed.
        NetworkError
            If the network is not a plain stack of ReLU layers with as many inputs as the target has.
        """
        try:
            import torch
        except ImportError:
            raise missing_extra("torch", "explore") from None
        if self.dim != self.target.dim or not all(
            stage.activation.is_relu.all() for stage in self._network.stages[:-1]
        ):
            raise NetworkError("only plain ReLU networks of the target's inputs are trained here")
        if self._module is None:
            layers: list[Any] = []
            for stage in self._network.stages:
                linear = torch.nn.Linear(stage.weight.shape[1], stage.weight.shape[0])
                with torch.no_grad():
                    linear.weight.copy_(torch.from_numpy(np.asarray(stage.weight)))
                    linear.bias.copy_(torch.from_numpy(stage.bias))
                layers += [linear, torch.nn.ReLU()]
            self._module = torch.nn.Sequential(*layers[:-1])
            self._optimizer = torch.optim.Adam(self._module.parameters(), lr=LEARNING_RATE)
        points, values = (
            torch.from_numpy(a.astype(np.float32)) for a in self.target.sample(POINTS, 0)
        )
        for _ in range(steps):
            self._optimizer.zero_grad()
            loss = torch.nn.functional.mse_loss(self._module(points), values)
            loss.backward()
            self._optimizer.step()
        self.loss, self.steps = float(loss.detach()), self.steps + steps
        self._network, self._complex = load(self._module), None

    # -- one unit, moved -------------------------------------------------------------------------

    def unit(self, index: int) -> UnitState:
        """Return where unit `index` of the first layer bends."""
        row, bias = self._row(index)
        scale = float(np.linalg.norm(row)) * (np.sign(row[0]) if self.dim == 1 else 1.0)
        return UnitState(float(scale), float(bias / scale) if scale else 0.0)

    def move(self, index: int, *, scale: float, ratio: float) -> None:
        """Give unit `index` of the first layer another weight and bias / weight; its direction stays.

        Parameters
        ----------
        index : int
        scale : float
            The weight, in 1-D with its sign; in 2-D the length of the weight vector, not 0.
        ratio : float
            The bias over it: minus the place of the bend (its distance from the origin in 2-D).
        """
        row, _ = self._row(index)
        first, *rest = self._network.stages
        weight, bias = np.array(first.weight), first.bias.copy()
        length = float(np.linalg.norm(row))
        direction = row / length if length else np.eye(self.dim)[0]
        weight[index] = scale * (np.ones(1) if self.dim == 1 else direction)
        bias[index] = scale * ratio
        stages = [replace(first, weight=weight, bias=bias), *rest]
        self._network = PiecewiseLinearNetwork(stages)
        self._module = self._optimizer = self._complex = None

    def _row(self, index: int) -> tuple[np.ndarray, float]:
        first = self._network.stages[0]
        if not 0 <= index < len(first.bias):
            raise OptionError(f"unit {index} of a layer of {len(first.bias)}")
        return np.asarray(first.weight[[index]]).ravel(), float(first.bias[index])
