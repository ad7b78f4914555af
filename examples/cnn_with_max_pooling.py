"""A convolutional network with max pooling, on the plane through three images."""

import torch
from torch import nn

import polyenum as pe


def main() -> pe.RegionComplex:
    """Print the network's stages, the regions of the plane, and the proof of them."""
    torch.manual_seed(0)
    module = nn.Sequential(
        nn.Conv2d(1, 4, 3),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(4, 6, 2),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(6, 3),
    ).eval()
    net = pe.load(module, input_shape=(1, 8, 8))
    print(net.describe())
    images = torch.rand(3, 64)
    plane = pe.Slice.through(*images, lower=-1, upper=2)
    cx = pe.enumerate_regions(net, plane)
    print(f"{len(cx)} activation regions, {cx.linear_region_count} linear regions")
    print(pe.check(cx, net, plane))
    return cx


if __name__ == "__main__":
    main()
