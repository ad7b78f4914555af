"""What the page shows, without the page: a network that is trained and moved, and its exact regions."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from polyenum.domains import Box, Domain
from polyenum.domains.domain import as_domain
from polyenum.enumeration.calls import enumerate_regions
from polyenum.errors import DomainError, NetworkError, OptionError, PolyenumError, import_extra
from polyenum.models.load import load
from polyenum.networks import PiecewiseLinearNetwork
from polyenum.networks.weights import dense_rows
from polyenum.playground.targets import TARGETS, Target, of_formula
from polyenum.regions.complex import RegionComplex

LARGEST_WIDTH, MOST_LAYERS = 64, 6
POINTS, LEARNING_RATE = 500, 0.01
MOST_REGIONS = 20_000


class UnitState(NamedTuple):
    """Where a unit of the first layer bends: on ``direction . x + ratio = 0``, with weight ``scale``."""

    scale: float
    ratio: float


class Session:
    """A network on a domain of one or two dimensions, by default [-2, 2]^d.

    Parameters
    ----------
    net : whatever `polyenum.load` takes, optional
        By default a new one, to be trained.
    domain : Domain, optional
        Of the network given: a box, a slice.
    """

    def __init__(self, net: Any = None, domain: Domain | None = None) -> None:
        self.target: Target = TARGETS["x² + y²"]
        self.hidden: list[int] = [15]
        self.own = False
        self._seed = 0
        self._network: PiecewiseLinearNetwork
        self._domain: Domain
        self._complex: RegionComplex | None
        if net is not None:
            self.adopt(net, domain)
        elif domain is not None:
            raise DomainError(
                "domain: of which network? Without one, the page's own is on [-2, 2]^d"
            )
        else:
            self._start()

    # -- the network -----------------------------------------------------------------------------

    @property
    def network(self) -> PiecewiseLinearNetwork:
        """The network as it is now."""
        return self._network

    @property
    def domain(self) -> Domain:
        """Where its regions are shown."""
        return self._domain

    @property
    def dim(self) -> int:
        """The dimension of the domain."""
        return self._domain.dim

    @property
    def complex(self) -> RegionComplex:
        """Its exact regions, up to `MOST_REGIONS`."""
        if self._complex is None:
            self._complex = _regions(self._network, self._domain)
        return self._complex

    def choose(self, target: str) -> None:
        """Choose one of `TARGETS`, or a formula, to learn: by a new network, or one's own if it can.

        Raises
        ------
        OptionError
            If it is neither.
        """
        self.target = TARGETS.get(target) or of_formula(target)
        if self.own and self.target.dim == self._network.input_dim:
            self.loss, self.steps = float("nan"), 0
        else:
            self._start()

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
        self._start()

    def add_layer(self) -> None:
        """Add a hidden layer as wide as the last one, and start anew."""
        self.resize([*self.hidden, self.hidden[-1]])

    def restart(self) -> None:
        """Start anew with other random weights."""
        self._seed += 1
        self._start()

    def adopt(self, net: Any, domain: Domain | None = None) -> None:
        """Show another network.

        Parameters
        ----------
        net : whatever `polyenum.load` takes
        domain : Domain, optional
            By default [-2, 2]^d, for a network of one or two inputs.

        Raises
        ------
        PolyenumError
            If that cannot be; what was there stays.
        """
        network = load(net)
        if domain is not None:
            as_domain("domain", domain, input_dim=network.input_dim)
        if domain is None:
            if network.input_dim not in (1, 2):
                raise NetworkError(
                    "the page shows networks of one or two inputs, or larger ones on a domain of one or two "
                    f"dimensions, as a Slice; found {network.input_dim} inputs and no domain"
                )
            domain = Box(-2, 2, dim=network.input_dim)
        if domain.dim not in (1, 2):
            raise DomainError(
                f"the page shows domains of one or two dimensions, found {domain.dim}"
            )
        found = _regions(network, domain)
        self._network, self._domain, self._complex, self.own = network, domain, found, True
        self._forget()
        if self.target.dim != network.input_dim:
            same = [target for target in TARGETS.values() if target.dim == network.input_dim]
            self.target = same[0] if same else self.target

    def open(self, name: str, content: bytes) -> None:
        """Show the network in a file that was sent.

        Raises
        ------
        PolyenumError
            If there is none that can be shown; what was there stays.
        """
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / f"model{Path(name).suffix}"
            file.write_bytes(content)
            try:
                self.adopt(file)
            except PolyenumError as error:
                raise type(error)(str(error).replace(str(file), name)) from None

    def _start(self) -> None:
        random = np.random.default_rng(self._seed)
        widths = [self.target.dim, *self.hidden, 1]
        self._network = PiecewiseLinearNetwork.from_arrays(
            [
                (
                    (random.normal(size=(n, m)) * np.sqrt(2 / m)).astype(np.float32),
                    random.uniform(-1, 1, n).astype(np.float32),
                )
                for m, n in zip(widths[:-1], widths[1:], strict=True)
            ]
        )
        self._domain = Box(-2, 2, dim=self.target.dim)
        self._complex = None
        self.own = False
        self._forget()

    def _forget(self) -> None:
        """Forget how the network was trained."""
        self._module: Any = None
        self._optimizer: Any = None
        self.loss, self.steps = float("nan"), 0

    # -- training --------------------------------------------------------------------------------

    @property
    def points(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """What is learnt: points (n, inputs) and values (n, 1)."""
        return self.target.sample(POINTS, 0)

    def train(self, steps: int) -> None:
        """Take some steps of Adam on the target's points; what was moved by hand is where they start from.

        Raises
        ------
        MissingExtraError
            If torch is not installed.
        NetworkError
            If the network is not a plain stack of ReLU layers with as many inputs as the target has.
        """
        torch = import_extra("torch", "torch")
        if self._module is None:
            self._check_trainable()
            layers: list[Any] = []
            for stage in self._network.stages:
                linear = torch.nn.Linear(stage.weight.shape[1], stage.weight.shape[0])
                with torch.no_grad():
                    linear.weight.copy_(torch.from_numpy(dense_rows(stage.weight)))
                    linear.bias.copy_(torch.from_numpy(stage.bias))
                layers += [linear, torch.nn.ReLU()]
            self._module = torch.nn.Sequential(*layers[:-1])
            self._optimizer = torch.optim.Adam(self._module.parameters(), lr=LEARNING_RATE)
        points, values = (torch.from_numpy(a.astype(np.float32)) for a in self.points)
        for _ in range(steps):
            self._optimizer.zero_grad()
            loss = torch.nn.functional.mse_loss(self._module(points), values)
            loss.backward()
            self._optimizer.step()
        self.loss, self.steps = float(loss.detach()), self.steps + steps
        self._network, self._complex = load(self._module), None

    def _check_trainable(self) -> None:
        network = self._network
        found = ""
        if network.input_dim != self.target.dim:
            found = f"{network.input_dim} inputs where {self.target.name} has {self.target.dim}"
        elif network.output_dim != 1:
            found = f"{network.output_dim} outputs"
        elif not all(stage.activation.is_relu.all() for stage in network.stages[:-1]):
            found = "other activations"
        elif network.stages[-1].activation.unit_coordinates.size:
            found = "an activation at the end"
        if found:
            raise NetworkError(
                f"what is trained here is a plain stack of ReLU layers, not one with {found}"
            )

    # -- one unit, moved -------------------------------------------------------------------------

    def unit(self, index: int) -> UnitState:
        """Return where unit `index` of the first layer bends."""
        row, bias = self._row(index)
        scale = float(np.linalg.norm(row)) * (np.sign(row[0]) if len(row) == 1 else 1.0)
        return UnitState(float(scale), float(bias / scale) if scale else 0.0)

    def move(self, index: int, *, scale: float, ratio: float) -> None:
        """Give unit `index` of the first layer another weight and bias / weight; its direction stays.

        Parameters
        ----------
        index : int
        scale : float
            The weight, of one input with its sign; of more the length of the weight vector, not 0.
        ratio : float
            The bias over it: minus the place of the bend (its distance from the origin).
        """
        row, _ = self._row(index)
        first, *rest = self._network.stages
        weight, bias = np.array(dense_rows(first.weight)), first.bias.copy()
        length = float(np.linalg.norm(row))
        direction = row / length if length else np.eye(len(row))[0]
        weight[index] = scale * (np.ones(1) if len(row) == 1 else direction)
        bias[index] = scale * ratio
        stages = [replace(first, weight=weight, bias=bias), *rest]
        self._network = PiecewiseLinearNetwork(stages)
        self._module = self._optimizer = self._complex = None

    def bend(self, index: int) -> float | None:
        """Return where in a domain of one dimension unit `index` of the first layer bends, if it does."""
        row, bias = self._row(index)
        low, high = (float(end[0]) for end in self._domain.bounding_box())
        at_low, at_high = (self._domain.embed([end]) @ row + bias for end in (low, high))
        if at_low == at_high or not 0 <= (share := at_low / (at_low - at_high)) <= 1:
            return None
        return low + float(share) * (high - low)

    def _row(self, index: int) -> tuple[NDArray[np.float64], float]:
        first = self._network.stages[0]
        if not 0 <= index < len(first.bias):
            raise OptionError(f"unit {index} of a layer of {len(first.bias)}")
        return dense_rows(first.weight, [index])[0], float(first.bias[index])


def _regions(network: PiecewiseLinearNetwork, domain: Domain) -> RegionComplex:
    return enumerate_regions(network, domain, max_regions=MOST_REGIONS, threads=1)
