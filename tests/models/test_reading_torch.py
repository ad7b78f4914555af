"""Modules of torch: every layer and call, random compositions, and clear refusals."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from hypothesis import given
from torch import nn

import polyenum as pe
from tests.helpers.modules import convolutional_modules, graph_modules


def same_as_torch(module: nn.Module, shape: tuple[int, ...], *, given: bool = True) -> Any:
    """Hold the network read from a module against the module in float64; return the network."""
    module = module.double().eval()
    net = pe.load(module, input_shape=shape if given else None)
    x = np.random.default_rng(0).normal(size=(40, int(np.prod(shape))))
    expected = module(torch.from_numpy(x).reshape(40, *shape)).detach().reshape(40, -1).numpy()
    np.testing.assert_allclose(net(x), expected, rtol=1e-11, atol=1e-11)
    return net


class Call(nn.Module):
    """A module that computes a function."""

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.function(x)


torch.manual_seed(0)
W, B = torch.randn(3, 5, dtype=torch.float64), torch.randn(3, dtype=torch.float64)
KERNEL = torch.randn(4, 2, 3, 3, dtype=torch.float64)

# Each with the shape of its input.
MODULES: dict[str, tuple[nn.Module, tuple[int, ...]]] = {
    "linear on the last axis": (nn.Linear(5, 2), (3, 5)),
    "conv1d": (nn.Conv1d(2, 3, 2, stride=2, dilation=2), (2, 9)),
    "conv2d": (nn.Conv2d(4, 6, (2, 3), stride=(2, 1), padding=(1, 2), groups=2), (4, 5, 4)),
    "conv2d same": (nn.Conv2d(1, 2, 4, padding="same", dilation=2), (1, 5, 6)),
    "conv2d reflect": (nn.Conv2d(1, 2, 3, padding=1, padding_mode="reflect"), (1, 4, 4)),
    "conv2d circular": (nn.Conv2d(1, 2, 3, padding=1, padding_mode="circular"), (1, 4, 4)),
    "conv2d replicate": (nn.Conv2d(1, 2, 3, padding=1, padding_mode="replicate"), (1, 4, 4)),
    "conv3d": (nn.Conv3d(1, 2, 2, padding=1, bias=False), (1, 2, 3, 2)),
    "transposed 1d": (nn.ConvTranspose1d(2, 3, 3, stride=2), (2, 4)),
    "transposed 2d": (
        nn.ConvTranspose2d(2, 4, 3, stride=2, padding=1, output_padding=1, groups=2), (2, 4, 3),
    ),
    "transposed 2d, dilated": (
        nn.ConvTranspose2d(1, 2, 2, dilation=3, output_padding=2, bias=False), (1, 3, 3),
    ),
    "transposed 3d": (nn.ConvTranspose3d(1, 1, 2, stride=2), (1, 2, 2, 2)),
    "batch norm 1d of signals": (nn.BatchNorm1d(3), (3, 4)),
    "batch norm 2d": (nn.Sequential(nn.Conv2d(1, 3, 2), nn.BatchNorm2d(3), nn.ReLU()), (1, 3, 3)),
    "batch norm first": (nn.Sequential(nn.BatchNorm1d(3), nn.Linear(3, 2)), (3,)),
    "average 1d": (nn.AvgPool1d(3, stride=2, padding=1, ceil_mode=True), (2, 6)),
    "average 2d": (nn.AvgPool2d(2, padding=1, count_include_pad=False, ceil_mode=True), (2, 5, 4)),
    "average 2d, divided": (nn.AvgPool2d(2, divisor_override=3), (1, 4, 4)),
    "average 3d": (nn.AvgPool3d(2), (1, 2, 4, 2)),
    "adaptive average": (nn.AdaptiveAvgPool2d((3, None)), (2, 5, 4)),
    "adaptive average 1d": (nn.AdaptiveAvgPool1d(4), (2, 6)),
    "max of pairs": (nn.MaxPool1d(2), (2, 6)),
    "nearest": (nn.Upsample(scale_factor=2), (1, 2, 3)),
    "nearest to a size": (nn.Upsample(size=(5, 7)), (1, 2, 3)),
    "bilinear": (nn.Upsample(scale_factor=(2, 1.5), mode="bilinear"), (1, 3, 4)),
    "bilinear, corners": (nn.UpsamplingBilinear2d(size=(5, 4)), (1, 3, 2)),
    "linear upsampling": (nn.Upsample(size=5, mode="linear"), (2, 3)),
    "trilinear": (nn.Upsample(scale_factor=2, mode="trilinear"), (1, 2, 2, 2)),
    "zero padding": (nn.ZeroPad2d((1, -1, 0, 2)), (1, 3, 4)),
    "constant padding": (nn.ConstantPad1d(2, 3.5), (2, 3)),
    "reflection padding": (nn.ReflectionPad2d(1), (1, 3, 3)),
    "pixel shuffle": (nn.PixelShuffle(2), (4, 2, 3)),
    "flatten, unflatten": (nn.Sequential(nn.Flatten(), nn.Unflatten(1, (2, 3)), nn.Linear(3, 1)), (6,)),
    "relu": (nn.ReLU(), (4,)),
    "leaky relu": (nn.LeakyReLU(0.1), (4,)),
    "prelu by channel": (nn.PReLU(3), (3, 2)),
    "rrelu": (nn.RReLU(), (4,)),
    "relu6": (nn.ReLU6(), (4,)),
    "hardtanh": (nn.Hardtanh(-0.25, 1.5), (4,)),
    "hardsigmoid": (nn.Hardsigmoid(), (4,)),
    "softshrink": (nn.Softshrink(0.3), (4,)),
    "hardshrink": (nn.Hardshrink(0.3), (4,)),
    "threshold": (nn.Threshold(0.2, -3.5), (4,)),
    "dropout": (nn.Sequential(nn.Dropout(), nn.Dropout2d(), nn.AlphaDropout()), (2, 3, 3)),
}  # fmt: skip

CALLS: dict[str, tuple[Callable[..., Any], tuple[int, ...]]] = {
    "residual": (lambda x: x + torch.relu(x - 1), (3,)),
    "twice": (lambda x: x + x, (3,)),
    "both sides": (lambda x: F.relu(x) - F.relu(-x) * 0.5, (3,)),
    "abs": (lambda x: torch.abs(x).sub(x.abs() / 3), (3,)),
    "clamps": (lambda x: x.clamp(-0.5, 0.25) + x.clamp(min=0.1) - torch.clip(x, max=0.3), (3,)),
    "clamp of arrays": (lambda x: torch.clamp(x, min=B, max=B + 1), (3,)),
    "clamp upside down": (lambda x: x.clamp(1, -1), (3,)),
    "maximum": (lambda x: torch.maximum(x, 2 * x - 1) + torch.minimum(x, -x), (3,)),
    "maximum of a constant": (lambda x: torch.max(x, B), (3,)),
    "largest of two": (lambda x: x.view(-1, 3, 2).max(-1).values + x.reshape(-1, 3, 2).min(2)[0], (6,)),
    "amax": (lambda x: torch.amax(x, dim=1) - x.amin(1), (2, 3)),
    "functional": (lambda x: F.linear(F.leaky_relu(x, 0.2), W, B), (5,)),
    "matmul": (lambda x: F.relu6(x) @ W.T + B, (5,)),
    "matmul from the left": (lambda x: torch.matmul(W, F.hardtanh(x)), (5, 2)),
    "addmm": (lambda x: torch.addmm(B, x, W.T, beta=0.5, alpha=2), (5,)),
    "conv2d": (lambda x: F.conv2d(x, KERNEL, stride=2, padding=1), (2, 4, 4)),
    "transposed": (lambda x: F.conv_transpose2d(x, KERNEL, stride=2), (4, 2, 2)),
    "pools": (lambda x: F.avg_pool2d(x, 2) + F.adaptive_avg_pool2d(x, 2), (1, 4, 4)),
    "max pool of pairs": (lambda x: F.max_pool2d(x, (1, 2)), (2, 3, 4)),
    "shapes": (lambda x: x.view(x.size(0), -1).unsqueeze(1).permute(0, 2, 1).squeeze(2), (2, 3)),
    "slices": (lambda x: torch.cat([x[:, ::2], x[:, -1:], x[..., [1, 0]]], dim=1), (5,)),
    "chunks": (lambda x: torch.chunk(x, 2, 1)[0] - x.split([3, 2], dim=1)[0] * 2, (5,)),
    "stack": (lambda x: torch.stack([x, -x], dim=2).flatten(1), (3,)),
    "flip and roll": (lambda x: torch.flip(x, [1]) + torch.roll(x, 1, 1), (4,)),
    "sums": (lambda x: x.sum(1, keepdim=True) + x.mean(dim=(1,), keepdim=True), (3,)),
    "transpose": (lambda x: x.transpose(1, 2) @ torch.ones(2, 1, dtype=torch.float64), (2, 3)),
    "expand": (lambda x: x.unsqueeze(1).expand(-1, 2, -1) + x.repeat(1, 2).view(-1, 2, 3), (3,)),
    "pad": (lambda x: F.pad(x, (1, 0), value=2.0) + F.pad(x, (0, 1)), (3,)),
    "reflect": (lambda x: F.pad(x, (1, 1, 1, 1), mode="reflect"), (1, 3, 3)),
    "interpolate": (lambda x: F.interpolate(x, scale_factor=2, mode="bilinear"), (1, 2, 2)),
    "softshrink": (lambda x: F.softshrink(x, 0.2) + F.hardsigmoid(x), (3,)),
    "jumps": (lambda x: F.hardshrink(x, 0.2) + F.threshold(x, 0.1, 2) - torch.sign(x), (3,)),
    "constants": (lambda x: x * torch.arange(3.0) / torch.tensor([3.0, 7, 9]) + torch.zeros(3), (3,)),
    "in place": (lambda x: (x * 1).relu_().add_(1), (3,)),
    "rsub": (lambda x: 1 - x, (3,)),
    "casts": (lambda x: x.contiguous().clone().double(), (3,)),
}  # fmt: skip


@pytest.mark.parametrize("name", MODULES)
def test_modules(name: str) -> None:
    module, shape = MODULES[name]
    for layer in module.modules():
        if isinstance(layer, nn.modules.batchnorm._BatchNorm):
            layer.running_mean.uniform_(-1, 1)
            layer.running_var.uniform_(0.5, 2)
    same_as_torch(module, shape)


@pytest.mark.parametrize("name", CALLS)
def test_calls(name: str) -> None:
    function, shape = CALLS[name]
    same_as_torch(Call(function), shape)


@pytest.mark.parametrize("name", MODULES)
def test_exported_modules(name: str) -> None:
    """What torch.export.load(...).module() returns: a graph of ATen's operators."""
    module, shape = MODULES[name]
    module = module.double().eval()
    exported = torch.export.export(module, (torch.zeros(1, *shape, dtype=torch.float64),)).module()
    net, expected = pe.load(exported), pe.load(module, input_shape=shape)
    x = np.random.default_rng(0).normal(size=(20, net.input_dim))
    np.testing.assert_allclose(net(x), expected(x), rtol=1e-12, atol=1e-12)


def gradients_match(module: nn.Module, cx: pe.RegionComplex) -> None:
    """Hold every region's map against torch's gradient at a point inside.

    Not where a region is so thin (hardsigmoid's 1/6 is rounded) that floats have no point in it.
    """
    wide = np.flatnonzero(cx.volumes > 1e-9)
    inside = cx.centroids[wide]
    x = torch.from_numpy(inside).requires_grad_()
    value = module(x).reshape(len(wide), -1)
    np.testing.assert_allclose(cx(inside), value.detach().numpy(), rtol=1e-8, atol=1e-8)
    for k in range(value.shape[1]):
        (gradient,) = torch.autograd.grad(value[:, k].sum(), x, retain_graph=True)
        np.testing.assert_allclose(cx.weights[wide, k], gradient.numpy(), rtol=1e-6, atol=1e-6)


@given(graph_modules())
def test_random_graphs(module: nn.Module) -> None:
    """Residual sums, concatenations, slices and activations in any order."""
    net = same_as_torch(module, (2,))
    if net.unit_count > 40:
        return
    box = pe.Box(-1, 1, dim=2)
    cx = pe.enumerate_regions(net, box)
    assert cx.volumes.sum() == pytest.approx(4.0, rel=1e-9)
    gradients_match(module, cx)
    assert {tuple(p) for p in net.patterns(np.random.default_rng(0).uniform(-1, 1, (200, 2)))} <= {
        tuple(p) for p in cx.patterns
    }


@given(convolutional_modules())
def test_random_convolutions(case: tuple[nn.Module, tuple[int, ...]]) -> None:
    same_as_torch(*case)


def test_sums_that_cancel() -> None:
    """A tensor that depends on nothing any more."""
    net = pe.load(Call(lambda x: F.relu(x - x + 1) + x), input_shape=(2,))
    assert net.unit_count == 0
    assert net([[2.0, -1.0]]).tolist() == [[3.0, 0.0]]


def test_linear_after_linear_rounds_nothing() -> None:
    """Two maps without activation between them stay two: their product would be rounded."""
    torch.manual_seed(0)
    module = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 2), nn.ReLU()).double()
    net = pe.load(module)
    assert [stage.weight.shape for stage in net.stages] == [(3, 2), (2, 3)]
    # Small integers multiply exactly, so they are one.
    with torch.no_grad():
        for p in module.parameters():
            p.copy_((4 * p).round())
    net = pe.load(module)
    (stage,) = net.stages
    np.testing.assert_array_equal(
        stage.weight, (module[1].weight @ module[0].weight).detach().numpy()
    )


def test_the_input_s_shape_is_asked_for() -> None:
    module = nn.Sequential(nn.Conv2d(1, 2, 2), nn.ReLU(), nn.Flatten(), nn.LazyLinear(1))
    module(torch.zeros(1, 1, 3, 3))
    with pytest.raises(pe.NetworkError, match=r"layer '0' \(Conv2d\).*input_shape="):
        pe.load(module)
    assert pe.load(module, input_shape=(1, 3, 3)).input_dim == 9
    assert pe.load(nn.Sequential(nn.Flatten(), nn.Linear(6, 1))).input_dim == 6
    # The first Linear sees only a part of the input.
    with pytest.raises(pe.NetworkError, match=r"getitem.*input_shape="):
        pe.load(Call(lambda x: F.relu(x[:, :1])))


def test_output_activations() -> None:
    module = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 2), nn.Softmax(dim=1))
    with pytest.raises(pe.NetworkError, match=r"'3' \(Softmax\).*ignore_output_activation=True"):
        pe.load(module)
    with pytest.warns(UserWarning, match=r"'3' \(Softmax\).*taken without it"):
        net = pe.load(module, ignore_output_activation=True)
    x = torch.randn(5, 2)
    np.testing.assert_allclose(net(x), module[:3](x).detach(), rtol=1e-5, atol=1e-5)
    middle = nn.Sequential(nn.Linear(2, 3), nn.Sigmoid(), nn.Linear(3, 1))
    with pytest.raises(
        pe.NetworkError, match=r"'1' \(Sigmoid\).*not at the very end.*'2' \(Linear\)"
    ):
        pe.load(middle, ignore_output_activation=True)


class Branches(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x if x.sum() > 0 else -x


class TwoInputs(nn.Module):
    def forward(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return x + y


REFUSED: dict[str, tuple[nn.Module, str]] = {
    "layer norm": (nn.Sequential(nn.Linear(2, 2), nn.LayerNorm(2)), r"'1' \(LayerNorm\).*spread"),
    "gelu inside": (nn.Sequential(nn.Linear(2, 2), nn.GELU(), nn.Linear(2, 1)), r"'1' \(GELU\)"),
    "lstm": (nn.Sequential(nn.Linear(2, 2), nn.LSTM(2, 2)), r"'1' \(LSTM\) is not supported"),
    "product": (Call(lambda x: x * x), r"mul.*both depend on the input"),
    "quotient": (Call(lambda x: 1 / x), "division"),
    "function": (Call(lambda x: torch.sort(x)[0]), r"sort.*not supported"),
    "branches": (Branches(), r"bool \(line \d+ of test_reading_torch.py\).*no `if` on them"),
    "numbers": (Call(lambda x: x + torch.tensor(x.numpy())), r"numpy .*uses the numbers"),
    "a list": (Call(lambda x: x * x.tolist()[0][0]), r"tolist .*uses the numbers"),
    "dropout": (Call(lambda x: F.dropout(x)), "training mode"),
    "shapes": (Call(lambda x: x + torch.ones(3)), r"add .*torch cannot run.*must match"),
    "reshape": (Call(lambda x: x.view(7)), r"view .*torch cannot run"),
    "constant": (Call(lambda x: torch.ones(1, 2)), "must return a tensor that depends"),
    "no tensor": (Call(lambda x: (x, "x")), "must return one or more tensors, found str"),
    "nothing returned": (Call(lambda x: None), "returns nothing"),
    "linear": (Call(lambda x: F.linear(x, torch.ones(2, 5))), r"linear .*1x2 and 5x2"),
    "indices": (Call(lambda x: torch.max(x, 1)[1]), "indices of a maximum"),
    "nan": (Call(lambda x: x * float("nan")), "not finite"),
    "nothing": (Call(lambda x: x[:, :0]), "no elements"),
    "huge": (Call(lambda x: x.repeat(1, 2**40)), "more than"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refusals_name_the_thing(name: str) -> None:
    module, message = REFUSED[name]
    with pytest.raises(pe.NetworkError, match=message):
        pe.load(module.eval(), input_shape=(2,))
