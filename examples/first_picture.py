"""The picture at the top of the README: the regions of an untrained network, coloured by slope."""

import sys

import torch
from torch import nn

import polyenum as pe
from polyenum import plot


def main(path: str = "regions.png") -> pe.RegionComplex:
    """Draw it."""
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(2, 32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 1))
    cx = pe.enumerate_regions(net, pe.Box(-2, 2, dim=2))
    plot.partition(cx, color="slope").savefig(path, dpi=110)
    print(f"{len(cx)} activation regions, drawn in {path}")
    return cx


if __name__ == "__main__":
    main(*sys.argv[1:])
