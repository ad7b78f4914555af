"""Reading networks: exact weights, every supported layer, and clear refusals."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
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


Z = np.array
TABLE = {"offsets": Z([0, 1, 2]), "breakpoints": Z([0.0, 0.0]), "slopes": Z([0.0, 1.0, 0.0, 1.0])}
TABLE["starts"] = Z([0.0, 0.0])
NO_TABLES: dict[str, tuple[dict[str, Any], str]] = {
    "breakpoints fall": (
        {"offsets": Z([0, 2, 2]), "breakpoints": Z([0.5, -0.5])},
        r"coordinate 0 must increase, found \[0.5, -0.5\]",
    ),
    "one breakpoint twice": ({"offsets": Z([0, 0, 2])}, "coordinate 1 must increase"),
    "offsets too large": ({"offsets": Z([0, 1, 1000])}, r"found \[0, 1, 1000\]"),
    "offsets fall": ({"offsets": Z([0, -5, 2])}, r"found \[0, -5, 2\]"),
    "offsets begin late": ({"offsets": Z([1, 1, 2])}, r"found \[1, 1, 2\]"),
    "offsets are floats": ({"offsets": Z([0.0, 1.0, 2.0])}, "offsets must be integers"),
    "offsets are huge": ({"offsets": [0, 1, 2**70]}, "offsets must be integers"),
    "no offsets": ({"offsets": None}, "offsets must be integers, found None"),
    "few offsets": ({"offsets": Z([0, 2])}, "need 3 offsets, found 2"),
    "few slopes": ({"slopes": Z([0.0, 1.0, 0.0])}, "need 4 slopes, found 3"),
    "no slopes": ({"slopes": None}, "slopes: expected an array of real numbers"),
    "a table of slopes": ({"slopes": np.zeros((2, 2))}, r"found shape \(2, 2\)"),
    "nan": ({"breakpoints": Z([0.0, np.nan])}, r"breakpoints\[1\] is nan"),
    "infinity": ({"starts": Z([-np.inf, 0.0])}, r"starts\[0\] is -inf"),
    "masked": ({"starts": np.ma.masked_array([1.0, 0.0], [1, 0])}, "masked"),
    "maxima of one": ({"groups": Z([0, 7])}, "group 0 has one"),
    "groups of another kind": ({"groups": Z([0.5, 0.5])}, "groups must be integers"),
    "negative group": ({"groups": Z([-2, -2])}, "found -2"),
    "few groups": ({"groups": Z([0])}, "need 2 groups, found 1"),
    "no member": (
        {"groups": Z([3, 3]), "slopes": Z([0.0, 1.0, 0.0, 2.0])},
        "coordinate 1 is a member of group 3",
    ),
    "some intercepts": ({"own_intercepts": Z([0, np.nan, np.nan, np.nan])}, "one for each"),
    "infinite intercept": ({"own_intercepts": Z([0, np.inf, np.nan, np.nan])}, "finite"),
    "another start": ({"own_intercepts": Z([1.0, 2.0, np.nan, np.nan])}, "its start 0"),
    "overflow": (
        {"breakpoints": Z([1e200, 0.0]), "slopes": Z([0.0, 1e200, 0.0, 1.0])},
        "range of float64",
    ),
}


@pytest.mark.parametrize("name", NO_TABLES)
def test_tables_made_directly_are_checked(name: str) -> None:
    parts, message = NO_TABLES[name]
    with pytest.raises(pe.NetworkError, match=message):
        pe.ActivationTable(**(TABLE | parts))


def test_tables_of_lists() -> None:
    table = pe.ActivationTable([0, 1], [0], [0, 1], [0], groups=[-1])
    np.testing.assert_array_equal(table([[-1.0], [2.0]]), [[0.0], [2.0]])
    assert table.groups is None
    assert table.offsets.dtype == np.int64
    assert table.slopes.dtype == np.float64
    large = pe.ActivationTable([0, 1], [1e200], [0, 1e100], [0])  # an intercept of -1e300
    assert large.intercepts.tolist() == [0.0, -(1e100 * 1e200)]


def test_a_sparse_weight_of_any_kind() -> None:
    dense = np.array([[1.0, 0.0, 2.0], [0.0, 3.0, 0.0]])
    twice = sparse.csr_array(([1.0, 2.0, 1.0, 2.0], [2, 0, 2, 1], [0, 3, 4]), shape=(2, 3))
    one = pe.ActivationTable.identity(2)
    for weight in (sparse.csc_array(dense), sparse.coo_matrix(dense), sparse.csr_matrix(dense)):
        stage = pe.Stage(weight, np.zeros(2), one)
        assert isinstance(stage.weight, sparse.csr_array)
        np.testing.assert_array_equal(stage.weight.toarray(), dense)
    stage = pe.Stage(twice, np.zeros(2), one)
    assert stage.weight.has_canonical_format
    assert not twice.has_canonical_format
    np.testing.assert_array_equal(stage.weight.toarray(), [[2, 0, 2], [0, 2, 0]])
    integers = pe.Stage(sparse.csr_array(dense.astype(np.int64)), np.zeros(2), one)
    assert integers.weight.dtype == np.float64


def test_stages_are_checked() -> None:
    beyond = sparse.csr_array(np.array([[1.0, 0.0]]))
    beyond.indices[0] = 1000
    one = pe.ActivationTable.identity(1)
    for weight, bias, more, message in (
        (beyond, [0.0], {}, "weight: expected a matrix, found a damaged one"),
        (np.ma.masked_array([[1.0]], [[True]]), [0.0], {}, "weight.*masked"),
        ([[1.0]], np.ma.masked_array([1.0], [True]), {}, "bias.*masked"),
        ([[2**53 + 1]], [0.0], {}, "float64 does not hold"),
        (sparse.csr_array([[2**53 + 1]]), [0.0], {}, "float64 does not hold"),
        ([[1.0]], [0.0], {"name": "\ud800"}, "name must be a string that"),
        ([[1.0]], [0.0], {"folded": 3}, "folded must be a list of strings"),
        ([[1.0]], [0.0], {"folded": "Linear"}, "folded must be a list of strings"),
    ):
        with pytest.raises(pe.NetworkError, match=message):
            pe.Stage(weight, bias, one, **more)
