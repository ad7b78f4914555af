"""Random torch modules."""

from __future__ import annotations

import copy
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812
from hypothesis import strategies as st
from torch import nn

ACTIVATIONS: dict[str, Any] = {
    "relu": F.relu,
    "leaky": lambda x: F.leaky_relu(x, 0.25),
    "abs": torch.abs,
    "relu6": lambda x: F.relu6(3 * x),
    "clamp": lambda x: x.clamp(-0.5, 0.5),
    "shrink": lambda x: F.softshrink(x, 0.25),
    "hardsigmoid": F.hardsigmoid,
}


class GraphModule(nn.Module):
    """Some steps, each on two of the tensors before it."""

    def __init__(self, steps: list[tuple[str, int, int]], widths: list[int]) -> None:
        super().__init__()
        self.steps = steps
        self.maps = nn.ModuleList()
        sizes = [2]
        for (kind, i, j), n in zip(steps, widths, strict=True):
            i, j = i % len(sizes), j % len(sizes)
            layer: nn.Module = nn.Identity()
            if kind == "linear":
                layer, size = nn.Linear(sizes[i], n), n
            elif kind in ("sum", "maximum"):
                layer, size = nn.Linear(sizes[i], sizes[j], bias=kind == "sum"), sizes[j]
            elif kind == "cat":
                size = sizes[i] + sizes[j]
            elif kind == "slice":
                size = -(-sizes[i] // 2)
            elif kind == "norm":
                norm = nn.BatchNorm1d(sizes[i])
                norm.running_mean.uniform_(-1, 1)  # type: ignore[union-attr]
                norm.running_var.uniform_(0.5, 2)  # type: ignore[union-attr]
                layer, size = norm, sizes[i]
            else:
                size = sizes[i]
            self.maps.append(layer)
            sizes.append(size)
        self.last = nn.Linear(sizes[-1], 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        found = [x]
        for (kind, i, j), layer in zip(self.steps, self.maps, strict=True):
            a, b = found[i % len(found)], found[j % len(found)]
            if kind in ("linear", "norm"):
                found.append(layer(a))
            elif kind == "sum":
                found.append(b - layer(a))
            elif kind == "maximum":
                found.append(torch.maximum(layer(a), b))
            elif kind == "cat":
                found.append(torch.cat([a, b], dim=1))
            elif kind == "slice":
                found.append(a[:, ::2])
            else:
                found.append(ACTIVATIONS[kind](a))
        return self.last(found[-1])


@st.composite
def graph_modules(draw: st.DrawFn) -> nn.Module:
    """Return a module of 2 inputs and 1 output, in float64 and eval mode."""
    torch.manual_seed(draw(st.integers(0, 2**32 - 1)))
    kinds = ["linear", "sum", "maximum", "cat", "slice", "norm", *ACTIVATIONS]
    step = st.tuples(st.sampled_from(kinds), st.integers(0, 9), st.integers(0, 9))
    steps = draw(st.lists(step, min_size=1, max_size=7))
    widths = [draw(st.integers(1, 4)) for _ in steps]
    module = GraphModule(steps, widths).double().eval()
    if draw(st.booleans()):  # numbers whose products and sums are exact
        with torch.no_grad():
            for p in module.parameters():
                p.copy_((2 * p).round() / 2)
    return module


@st.composite
def convolutional_modules(draw: st.DrawFn) -> tuple[nn.Module, tuple[int, ...]]:
    """Return a small convolutional module and its input's shape."""
    torch.manual_seed(draw(st.integers(0, 2**32 - 1)))
    shape = (draw(st.integers(1, 2)), draw(st.integers(4, 6)), draw(st.integers(4, 6)))
    layers: list[nn.Module] = []
    channels = shape[0]
    for _ in range(draw(st.integers(1, 2))):
        out = draw(st.integers(1, 3))
        if draw(st.booleans()):
            layers.append(
                nn.Conv2d(
                    channels,
                    out,
                    draw(st.integers(1, 3)),
                    stride=draw(st.integers(1, 2)),
                    padding=draw(st.integers(1, 2)),
                )
            )
        else:
            layers.append(nn.ConvTranspose2d(channels, out, 2, stride=draw(st.integers(1, 2))))
        if draw(st.booleans()):
            norm = nn.BatchNorm2d(out)
            norm.running_mean.uniform_(-1, 1)  # type: ignore[union-attr]
            layers.append(norm)
        layers.append(draw(st.sampled_from([nn.ReLU(), nn.LeakyReLU(), nn.PReLU(out)])))
        if draw(st.booleans()):
            layers.append(nn.AvgPool2d(2, stride=1, padding=1))
        channels = out
    layers += [nn.Flatten(), nn.LazyLinear(2)]
    module = nn.Sequential(*layers)
    module(torch.zeros(1, *shape))
    return module.double().eval(), shape


class MaxoutModule(nn.Module):
    """Maxout layers of (units, members), then a linear one."""

    def __init__(self, inputs: int, layers: list[tuple[int, int]]) -> None:
        super().__init__()
        widths = [inputs, *(n for n, _ in layers)]
        self.layers = layers
        self.maps = nn.ModuleList(
            nn.Linear(m, n * k) for m, (n, k) in zip(widths[:-1], layers, strict=True)
        )
        self.last = nn.Linear(widths[-1], 1)
        self.by_relus = False

    def largest(self, z: torch.Tensor, members: int) -> torch.Tensor:
        if not self.by_relus:
            return z.max(-1).values
        found = z[..., -1]
        for k in reversed(range(members - 1)):
            found = found + torch.relu(z[..., k] - found)
        return found

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for layer, (n, k) in zip(self.maps, self.layers, strict=True):
            x = self.largest(layer(x).view(-1, n, k), k)
        return self.last(x)

    def tournament(self) -> MaxoutModule:
        """Return the same function made of ReLUs."""
        other = copy.deepcopy(self)
        other.by_relus = True
        return other


@st.composite
def maxout_modules(draw: st.DrawFn) -> MaxoutModule:
    """Return a maxout module of 2 inputs."""
    torch.manual_seed(draw(st.integers(0, 2**32 - 1)))
    layer = st.tuples(st.integers(1, 3), st.integers(2, 4))
    return MaxoutModule(2, draw(st.lists(layer, min_size=1, max_size=2))).double().eval()
