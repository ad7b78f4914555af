"""The networks of the benchmarks."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np

import polyenum as pe

DATA = Path(__file__).parents[2] / "shared" / "data"


def random_network(
    widths: list[int], *, seed: int = 0, bias: bool = True
) -> pe.PiecewiseLinearNetwork:
    """Return a ReLU network: weights normal with std sqrt(2 / fan_in), biases uniform(-1, 1) or 0."""
    random = np.random.default_rng(seed)
    layers = [
        (random.normal(size=(n, m)) * np.sqrt(2 / m), random.uniform(-1, 1, n))
        for m, n in zip(widths[:-1], widths[1:], strict=True)
    ]
    return pe.PiecewiseLinearNetwork.from_arrays([(w, b if bias else 0 * b) for w, b in layers])


def bunny(name: str) -> pe.PiecewiseLinearNetwork | None:
    """Return a neural signed-distance function of a bunny; None where its file is not at hand."""
    path = DATA / f"{name}.npz"
    if not path.exists():
        return None
    with np.load(path, allow_pickle=False) as data:
        depth = sum(key.startswith("W") for key in data.files)
        return pe.PiecewiseLinearNetwork.from_arrays(
            [(data[f"W{i}"], data[f"b{i}"]) for i in range(depth)]
        )


def mnist() -> tuple[pe.PiecewiseLinearNetwork, np.ndarray] | None:
    """Return an MNIST classifier and an image; None where the files, or onnx, are not at hand."""
    model, image = DATA / "mnist-net_256x2.onnx", DATA / "prop_0_0.03.vnnlib"
    if not model.exists() or not image.exists() or importlib.util.find_spec("onnx") is None:
        return None
    # The property's box is around the image.
    domain, _ = pe.load_vnnlib(image)
    return pe.load(model), np.mean(domain.bounding_box(), axis=0)


def acas_xu(name: str, number: int) -> tuple[pe.PiecewiseLinearNetwork, pe.Domain] | None:
    """Return an ACAS Xu network and a property's box; None where the files, or onnx, are not at hand."""
    folder = DATA / "acasxu"
    if not folder.exists() or importlib.util.find_spec("onnx") is None:
        return None
    domain, _ = pe.load_vnnlib(folder / f"prop_{number}.vnnlib")
    return pe.load(folder / f"ACASXU_run2a_{name}_batch_2000.onnx"), domain


def pooled_cnn() -> tuple[pe.PiecewiseLinearNetwork, pe.Domain]:
    """Return a convolutional network with max pooling, and the plane through three random images."""
    import torch
    from torch import nn

    torch.manual_seed(0)
    module = nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(4, 6, 2), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(6, 3),
    ).eval()  # fmt: skip
    images = torch.rand(3, 64)
    return pe.load(module, input_shape=(1, 8, 8)), pe.Slice.through(*images, lower=-1, upper=2)
