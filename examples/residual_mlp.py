"""A residual network, as torch users write it: its exact regions beside what a grid of gradients sees."""

import numpy as np
import torch
from torch import nn

import polyenum as pe


class ResidualMLP(nn.Module):
    """Two residual blocks with batch normalisation."""

    def __init__(self, width: int = 12) -> None:
        super().__init__()
        self.enter = nn.Linear(2, width)
        self.blocks = nn.ModuleList(
            nn.Sequential(nn.Linear(width, width), nn.BatchNorm1d(width), nn.ReLU())
            for _ in range(2)
        )
        self.leave = nn.Linear(width, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = torch.relu(self.enter(x))
        for block in self.blocks:
            x = x + block(x)
        return self.leave(x)


def main() -> pe.RegionComplex:
    """Print the network's stages, its regions, and the proof of them."""
    torch.manual_seed(0)
    module = ResidualMLP().eval()
    net = pe.load(module)
    print(net.describe())
    box = pe.Box(-2, 2, dim=2)
    cx = pe.enumerate_regions(net, box)
    axis = torch.linspace(-2, 2, 50)
    grid = torch.cartesian_prod(axis, axis).requires_grad_()
    (gradients,) = torch.autograd.grad(module(grid).sum(), grid)
    sampled = len(np.unique(gradients.numpy().round(4), axis=0))
    print(f"{len(cx)} activation regions, {cx.linear_region_count} linear regions")
    print(f"a grid of 50 x 50 gradients shows {sampled}")
    print(pe.check(cx, net, box))
    return cx


if __name__ == "__main__":
    main()
