"""Reading networks: exact weights, every supported layer, and clear refusals."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import polyenum as pe
from polyenum.models.load import load

ACTIVATIONS = {
    "relu": lambda n: nn.ReLU(),
    "leaky": lambda n: nn.LeakyReLU(0.1),
    "steep": lambda n: nn.LeakyReLU(-0.5),
    "prelu": lambda n: nn.PReLU(n, init=0.3),
    "prelu of one slope": lambda n: nn.PReLU(),
    "relu6": lambda n: nn.ReLU6(),
    "hardtanh": lambda n: nn.Hardtanh(-0.5, 0.75),
    "hardsigmoid": lambda n: nn.Hardsigmoid(),
}


@st.composite
def modules(draw: st.DrawFn) -> nn.Sequential:
    """Return a random Sequential in float64 and eval mode."""
    dim, outputs = draw(st.integers(1, 3)), draw(st.integers(1, 2))
    torch.manual_seed(draw(st.integers(0, 2**32 - 1)))
    layers: list[nn.Module] = [nn.Flatten()]
    width = dim
    for _ in range(draw(st.integers(1, 3))):
        n = draw(st.integers(1, 6))
        layers.append(nn.Linear(width, n, bias=draw(st.booleans())))
        if draw(st.booleans()):
            norm = nn.BatchNorm1d(n, affine=draw(st.booleans()))
            norm.running_mean.uniform_(-1, 1)
            norm.running_var.uniform_(0.5, 2)
            layers.append(norm)
        if draw(st.booleans()):
            layers += [nn.Identity(), nn.Dropout(0.5)]
        activation = ACTIVATIONS[draw(st.sampled_from(sorted(ACTIVATIONS)))](n)
        layers.append(nn.Sequential(activation) if draw(st.booleans()) else activation)
        width = n
    if draw(st.booleans()):
        layers.append(nn.Linear(width, outputs))
    return nn.Sequential(*layers).double().eval()


@given(modules(), st.integers(0, 2**32 - 1))
def test_forward_equals_torch(module: nn.Sequential, seed: int) -> None:
    net = load(module)
    x = np.random.default_rng(seed).uniform(-3, 3, (50, net.input_dim))
    expected = module(torch.from_numpy(x)).detach().numpy()
    np.testing.assert_allclose(net(x), expected, rtol=1e-12, atol=1e-12)


@given(modules())
@settings(max_examples=25)
def test_regions_of_any_activation(module: nn.Sequential) -> None:
    net = load(module)
    cx = pe.enumerate_regions(module, pe.Box(-3, 3, dim=net.input_dim))
    assert cx.volumes.sum() == pytest.approx(6.0**net.input_dim, rel=1e-9)
    inside = cx.centroids
    np.testing.assert_array_equal(net.patterns(inside), cx.patterns)
    x = torch.from_numpy(inside).requires_grad_()
    value = module(x)
    np.testing.assert_allclose(cx(inside), value.detach().numpy(), rtol=1e-9, atol=1e-9)
    for k in range(net.output_dim):
        (gradient,) = torch.autograd.grad(value[:, k].sum(), x, retain_graph=True)
        # torch's gradient of hardsigmoid has 1/6 in float32 even in float64.
        np.testing.assert_allclose(cx.weights[:, k], gradient.numpy(), rtol=1e-6, atol=1e-6)
    random = np.random.default_rng(0).uniform(-3, 3, (300, net.input_dim))
    assert {tuple(p) for p in net.patterns(random)} <= {tuple(p) for p in cx.patterns}
    if net.input_dim > 1:
        assert cx.euler_characteristic == 1


def test_pieces_are_numbered_from_the_left() -> None:
    module = nn.Sequential(nn.Linear(1, 1), nn.ReLU6())
    with torch.no_grad():
        module[0].weight.fill_(1)
        module[0].bias.fill_(0)
    cx = pe.enumerate_regions(module, pe.Box(-1, 8, dim=1))
    assert cx.patterns.ravel().tolist() == [0, 1, 2]
    assert cx.vertices.ravel().tolist() == [-1, 0, 6, 8]


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_weights_are_kept_exactly(dtype: torch.dtype) -> None:
    layer = nn.Linear(3, 4).to(dtype)
    net = load(nn.Sequential(layer, nn.ReLU(), nn.Linear(4, 1).to(dtype)))
    assert torch.equal(torch.from_numpy(net.stages[0].weight).to(dtype), layer.weight)
    np.testing.assert_array_equal(net.stages[0].weight, layer.weight.detach().double().numpy())


def test_float16_arrays_and_tensors() -> None:
    w = np.array([[0.1, 0.2]], np.float16)
    assert load([(w, None)]).stages[0].weight.tolist() == w.astype(float).tolist()
    linear = nn.Linear(2, 1)
    assert load([(linear.weight, linear.bias)]).input_dim == 2


REFUSED = {
    "sigmoid": (
        nn.Sequential(nn.Linear(1, 1), nn.Sigmoid()),
        r"layer '1' \(Sigmoid\).*not piecewise linear",
    ),
    "train dropout": (nn.Sequential(nn.Linear(1, 1), nn.Dropout()), r"'1' \(Dropout\).*eval\(\)"),
    "train norm": (nn.Sequential(nn.Linear(1, 2), nn.BatchNorm1d(2)), r"BatchNorm1d.*eval\(\)"),
    "no statistics": (
        nn.Sequential(nn.Linear(1, 2), nn.BatchNorm1d(2, track_running_stats=False)).eval(),
        "running statistics",
    ),
    "misfit": (nn.Sequential(nn.Linear(1, 2), nn.Linear(3, 1)), "takes 3 inputs.*2 outputs"),
    "no weights": (nn.Sequential(nn.ReLU()), "no layer with weights"),
    "empty": (nn.Sequential(), "no layer with weights"),
    "flatten": (nn.Sequential(nn.Linear(1, 1), nn.Flatten(2, 3)), "Flatten"),
    "pair": ([(np.eye(2),)], "layer 0.*pair"),
    "not finite": ([(np.array([[1.0, np.nan]]), None)], r"layer 0: weight\[0, 1\] is nan"),
    "infinite bias": ([(np.eye(1), [np.inf])], r"bias\[0\] is inf"),
    "shapes": ([(np.eye(2), [0, 0]), (np.eye(3), [0, 0, 0])], "layer 1.*takes 3.*2 outputs"),
    "bias": ([(np.eye(2), [0, 0, 0])], r"layer 0.*\(2,\).*\(3,\)"),
    "vector": ([([1.0, 2.0], [0])], "matrix"),
    "words": ([([["a"]], [0])], "real numbers"),
    "big integers": ([([[2**62 + 1]], [0])], "float64 does not hold"),
    "nothing": ([], "no layers"),
    "other": (42, "cannot read a network from int"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refusals_name_the_thing(name: str) -> None:
    net, message = REFUSED[name]
    with pytest.raises(pe.NetworkError, match=message):
        pe.enumerate_regions(net, pe.Box(-1, 1, dim=1))


def test_overflow_is_refused() -> None:
    layers = [
        (np.full((2, 1), 1e200), None),
        (np.full((2, 2), 1e200), None),
        (np.ones((1, 2)), None),
    ]
    with pytest.raises(pe.NetworkError, match="range of float64"):
        pe.count_regions(layers, pe.Box(-1, 1, dim=1))


def test_activation_tables_check_themselves() -> None:
    for rows, message in (
        ([([0.0], [1.0], 0.0)], "2 slopes"),
        ([([1.0, 0.0], [0.0, 1.0, 0.0], 0.0)], "increase"),
        ([([0.0], [0.0, np.inf], 0.0)], "NaN or an infinity"),
    ):
        with pytest.raises(pe.NetworkError, match=message):
            pe.ActivationTable.from_rows(rows)
    table = pe.ActivationTable.uniform(2, breakpoints=[0.0], slopes=[1.0, 1.0])
    assert len(table.breakpoints) == 0
