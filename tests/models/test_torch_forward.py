"""Modules of torch as torch runs them: shared memory, hooks, weights that are computed, forwards in Python."""

from __future__ import annotations

import types
from collections import namedtuple
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.nn.utils import parametrizations, prune

import polyenum as pe


class Forward(nn.Module):
    """A module of two layers whose forward is a function of them."""

    def __init__(self, function: Callable[..., Any], **layers: nn.Module) -> None:
        super().__init__()
        self.function = function
        self.i, self.o = nn.Linear(3, 6), nn.Linear(6, 2)
        for name, layer in layers.items():
            setattr(self, name, layer)

    def forward(self, x: torch.Tensor) -> Any:
        return self.function(self, x)


def held_against(module: nn.Module, shape: tuple[int, ...] = (3,)) -> pe.PiecewiseLinearNetwork:
    """Hold the network against the module, which must be left as it was; return it."""
    before = {name: t.clone() for name, t in module.state_dict().items()}
    modes = [m.training for m in module.modules()]
    attributes = [set(vars(m)) for m in module.modules()]
    chance = torch.get_rng_state()
    net = pe.load(module, input_shape=shape)
    assert torch.equal(chance, torch.get_rng_state())
    assert modes == [m.training for m in module.modules()]
    assert attributes == [set(vars(m)) for m in module.modules()]
    assert all(torch.equal(t, before[name]) for name, t in module.state_dict().items())
    x = torch.randn(20, *shape, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        expected = torch.cat([module(p[None].clone()).reshape(1, -1) for p in x])
    np.testing.assert_allclose(net(x.reshape(20, -1)), expected, rtol=1e-4, atol=1e-5)
    # Without the comparison it is the same network.
    np.testing.assert_array_equal(
        pe.load(module, input_shape=shape, check=False)(x.reshape(20, -1)), net(x.reshape(20, -1))
    )
    return net


def skip_of_a_changed_tensor(m: Any, x: Any) -> Any:
    h = m.i(x)
    return m.o(m.act(h) + h)


def statement(m: Any, x: Any) -> Any:
    h = m.i(x)
    F.relu_(h)
    return m.o(h)


def aliases(m: Any, x: Any) -> Any:
    h = m.i(x)
    g = h
    h += 1
    h *= 2
    return m.o(F.relu(g) + h)


def columns(m: Any, x: Any) -> Any:
    h = m.i(x)
    h[:, :2] += 1
    h[:, 0].relu_()
    h[:, 5] = 0.25
    return m.o(h)


def rows_of_a_view(m: Any, x: Any) -> Any:
    h = m.i(x)
    g = h.view(-1, 2, 3).transpose(1, 2)
    g[:, 1:].relu_()
    g[:, 0] = g[:, 2] * 2
    return m.o(h)


def copied(m: Any, x: Any) -> Any:
    h = m.i(x)
    g = torch.empty_like(h)
    g.copy_(h)
    kept = h.clone()
    h.relu_()
    return m.o(g - h + 2 * kept)


def halves(m: Any, x: Any) -> Any:
    h = m.i(x)
    a, b = h[:, :3], h[:, 3:]
    a.add_(b)
    b.clamp_(min=0)
    return m.o(h)


def detached(m: Any, x: Any) -> Any:
    h = m.i(x)
    h.detach().relu_()
    h.data.abs_()
    return m.o(h)


def filled_buffer(m: Any, x: Any) -> Any:
    b = torch.zeros(x.shape[0], 6)
    b[:, :3] = x
    b[:, 3:] = F.relu(x)
    b[:, 1] = 2
    return m.o(b)


def results_given(m: Any, x: Any) -> Any:
    h = m.i(x)
    g = torch.empty_like(h)
    torch.add(h, 1, out=g)
    torch.clamp(g, min=0, out=h)
    return m.o(h + g)


def masks(m: Any, x: Any) -> Any:
    h = m.i(x)
    mask = torch.tensor([True, False] * 3)
    h[:, mask] = 1.5
    h = h.masked_fill(~mask, -1) + torch.where(mask, h, 2 * h)
    return m.o(F.relu(h))


def sums_at_places(m: Any, x: Any) -> Any:
    h = m.i(x)
    h.index_add_(1, torch.tensor([0, 2]), x[:, :2])
    h.scatter_add_(1, torch.tensor([[1, 1, 3]]), x)
    h.index_put_((torch.tensor([0, 0]), torch.tensor([4, 4])), x[0, :2], accumulate=True)
    h.index_copy_(1, torch.tensor([5]), x[:, 2:])
    return m.o(F.relu(h))


def chain(m: Any, x: Any) -> Any:
    h = (
        m.i(x)
        .sub_(1)
        .neg_()
        .abs_()
        .clamp_(max=1.0)
        .addcmul_(torch.ones(6), torch.ones(6), value=0.5)
    )
    h.unsqueeze_(0).squeeze_(0)
    return m.o(h.mul_(3).div_(2))


IN_PLACE = [
    statement, aliases, columns, rows_of_a_view, copied, halves, detached, filled_buffer, results_given, masks,
    sums_at_places, chain,
]  # fmt: skip
ACTIVATIONS = [
    nn.ReLU(inplace=True), nn.LeakyReLU(0.2, inplace=True), nn.ReLU6(inplace=True), nn.Hardtanh(inplace=True),
    nn.Threshold(0.1, 2, inplace=True), nn.Hardsigmoid(inplace=True), nn.RReLU(inplace=True).eval(),
    nn.Dropout(inplace=True).eval(), nn.ReLU(),
]  # fmt: skip


@pytest.mark.parametrize("function", IN_PLACE, ids=lambda f: f.__name__)
def test_memory_that_is_shared(function: Callable[..., Any]) -> None:
    torch.manual_seed(0)
    held_against(Forward(function))


@pytest.mark.parametrize("activation", ACTIVATIONS, ids=str)
def test_activations_in_place_with_a_skip(activation: nn.Module) -> None:
    torch.manual_seed(0)
    held_against(Forward(skip_of_a_changed_tensor, act=activation))


@pytest.mark.filterwarnings("ignore")  # of torch's own
@pytest.mark.parametrize("decomposed", [False, True])
@pytest.mark.parametrize("function", IN_PLACE, ids=lambda f: f.__name__)
def test_memory_that_is_shared_in_exported_graphs(
    function: Callable[..., Any], decomposed: bool
) -> None:
    torch.manual_seed(0)
    module = Forward(function).eval()
    if function in (results_given, detached):
        with pytest.raises(Exception, match=r"out=|fake tensor"):  # torch does not export these
            torch.export.export(module, (torch.zeros(1, 3),))
        return
    exported = torch.export.export(module, (torch.zeros(1, 3),))
    graph = (exported.run_decompositions() if decomposed else exported).module()
    x = torch.randn(20, 3)
    with torch.no_grad():
        expected = torch.cat([graph(p[None]) for p in x])
    np.testing.assert_allclose(pe.load(graph)(x), expected, rtol=1e-4, atol=1e-5)


def mlp(wrap: Callable[[Any], Any] = lambda layer: layer) -> nn.Sequential:
    return nn.Sequential(wrap(nn.Linear(3, 8)), nn.ReLU(), nn.Linear(8, 2))


def pruned(layer: nn.Module) -> nn.Module:
    prune.l1_unstructured(layer, "weight", 0.4)
    prune.random_unstructured(layer, "bias", 0.3)
    return layer


WEIGHTS = {
    "weight norm, hook": nn.utils.weight_norm,
    "spectral norm, hook": nn.utils.spectral_norm,
    "pruned": pruned,
    "weight norm": parametrizations.weight_norm,
    "spectral norm": parametrizations.spectral_norm,
    "orthogonal": parametrizations.orthogonal,
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", WEIGHTS)
def test_weights_that_a_module_computes(name: str) -> None:
    """Also where the attribute is stale: after a state dict was loaded, or a step of training."""
    torch.manual_seed(0)
    module, other = mlp(WEIGHTS[name]), mlp(WEIGHTS[name])
    module.load_state_dict(other.state_dict())
    held_against(module.eval())
    assert pe.load(module).input_dim == 3  # the shape is known
    module.train()
    optimizer = torch.optim.SGD(module.parameters(), lr=0.3)
    module(torch.randn(9, 3)).square().mean().backward()
    optimizer.step()
    held_against(module.eval())
    module.train()
    module(torch.randn(9, 3)).square().mean().backward()  # nothing of the graph is broken


def hooked(change: Callable[[nn.Sequential], Any]) -> nn.Sequential:
    torch.manual_seed(0)
    module = mlp().eval()
    change(module)
    return module


def patched(module: nn.Sequential) -> None:
    module.forward = types.MethodType(  # type: ignore[method-assign]
        lambda self, x: self[2](3 * self[1](self[0](x))), module
    )


def patched_layer(module: nn.Sequential) -> None:
    forward = module[0].forward
    module[0].forward = lambda x: forward(2 * x) - 1  # type: ignore[method-assign]


def in_place_hook(module: nn.Module, args: Any, out: torch.Tensor) -> None:
    out[:, ::2] += 1


HOOKS: dict[str, Callable[[nn.Sequential], Any]] = {
    "of a layer": lambda m: m[1].register_forward_hook(lambda m, a, out: 0.5 * out),
    "before a layer": lambda m: m[1].register_forward_pre_hook(lambda m, a: (a[0] - 1,)),
    "of the net": lambda m: m.register_forward_hook(lambda m, a, out: F.relu(out)),
    "before the net": lambda m: m.register_forward_pre_hook(lambda m, a: (a[0] / 2,)),
    "in place": lambda m: m[0].register_forward_hook(in_place_hook),
    "that only looks": lambda m: m[1].register_forward_hook(lambda m, a, out: None),
    "patched": patched,
    "patched layer": patched_layer,
}


@pytest.mark.parametrize("name", HOOKS)
def test_hooks_run(name: str) -> None:
    module = hooked(HOOKS[name])
    held_against(module)
    plain = pe.load(mlp().eval())
    changed = name != "that only looks"
    torch.manual_seed(0)
    plain = pe.load(mlp().eval())
    x = np.random.default_rng(0).normal(size=(50, 3))
    assert np.array_equal(pe.load(module)(x), plain(x)) != changed


def test_global_hooks_run() -> None:
    module = mlp().eval()
    hook = torch.nn.modules.module.register_module_forward_hook(
        lambda m, args, out: 2 * out if isinstance(m, nn.Linear) else None
    )
    try:
        held_against(module)
    finally:
        hook.remove()


def keywords(m: Any, x: Any) -> Any:
    h = F.relu(input=m.i(input=x))
    return torch.add(input=m.o(h), other=1).mean(dim=1, keepdims=True)


def axes(m: Any, x: Any) -> Any:
    h = m.i(x)
    parts = [
        h.sum(axis=1, keepdims=True),
        torch.amax(h, axis=1, keepdims=True),
        h.max(axis=1)[0][:, None],
    ]
    return torch.cat([*parts, torch.stack([h, -h], axis=1).flatten(1)], axis=1)


def new_tensors(m: Any, x: Any) -> Any:
    h = torch.maximum(m.i(x), torch.zeros_like(m.i(x)))
    h = h + torch.ones_like(h) + torch.full_like(h, 2) - h.new_ones(6) * h.new_full((6,), 0.5)
    return m.o(h + h.new_zeros(6) + torch.zeros(h.shape, dtype=h.dtype, device=h.device))


def conditions_on_shapes(m: Any, x: Any) -> Any:
    assert x.shape[-1] == 3
    assert x.dim() == 2
    assert x.is_floating_point()
    if x.ndim != 2 or len(x) != x.size(0):
        raise ValueError("a batch of vectors")
    batch, *_ = x.shape
    return m.o(F.relu(m.i(x)).reshape(batch, -1))


def products(m: Any, x: Any) -> Any:
    h = torch.einsum("bi,oi->bo", F.relu(m.i(x)), m.o.weight) + m.o.bias
    left = torch.arange(12.0).view(2, 3, 2) @ h.unsqueeze(-1)
    return (
        left.reshape(1, -1)
        + torch.bmm(h.expand(3, 1, 2), torch.ones(3, 2, 2)).reshape(1, -1)[:, :6]
    )


def batch_inside(m: Any, x: Any) -> Any:
    return m.o(m.i(torch.stack([x, 2 * x, -x], 0)).relu()).mean(0)


def running_sums(m: Any, x: Any) -> Any:
    h = m.i(x).cumsum(1).lerp(torch.ones(6), 0.25)
    return torch.cat([m.o(h.relu()), torch.linalg.vector_norm(h, ord=1, dim=1, keepdim=True)], 1)


def unused(m: Any, x: Any) -> Any:
    h = m.i(x)
    h.sort(), h.sigmoid().mean(), h > 0  # nothing needs what these give
    return m.o(F.relu(h))


@pytest.mark.parametrize(
    "function",
    [
        keywords,
        axes,
        new_tensors,
        conditions_on_shapes,
        products,
        batch_inside,
        running_sums,
        unused,
    ],
    ids=lambda f: f.__name__,
)
def test_forwards_in_python(function: Callable[..., Any]) -> None:
    torch.manual_seed(0)
    held_against(Forward(function))


CONVOLUTIONS: dict[str, tuple[Callable[..., Any], nn.Module, tuple[int, ...]]] = {
    "unbatched": (lambda m, x: m.c(x[0]).relu(), nn.Conv2d(2, 3, 2), (2, 4, 4)),
    "unbatched, transposed": (
        lambda m, x: m.c(x[0]), nn.ConvTranspose1d(2, 3, 2, stride=2), (2, 4),
    ),
    "batched": (lambda m, x: m.c(x.view(3, 2, 4)), nn.Conv1d(2, 3, 2, groups=1), (6, 4)),
    "batched, transposed": (
        lambda m, x: m.c(x.view(2, 2, 3, 3)).relu(), nn.ConvTranspose2d(2, 3, 2, stride=2), (4, 3, 3),
    ),
    "batched, circular": (
        lambda m, x: m.c(x.view(3, 2, 4)).relu_(),
        nn.Conv1d(2, 3, 2, padding=1, padding_mode="circular"), (6, 4),
    ),
    "channels last": (
        lambda m, x: F.max_pool2d(m.c(x.contiguous(memory_format=torch.channels_last)).relu_(), 2),
        nn.Conv2d(2, 3, 2), (2, 5, 5),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CONVOLUTIONS)
def test_convolutions_of_batches(name: str) -> None:
    function, layer, shape = CONVOLUTIONS[name]
    torch.manual_seed(0)
    held_against(Forward(lambda m, x: function(m, x).reshape(1, -1), c=layer), shape)


class Several(nn.Module):
    """Two inputs, one more that has a default, and several outputs with names."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.o = nn.Linear(3, 4), nn.Linear(2, 4), nn.Linear(4, 2)

    def forward(
        self, x: Any, y: Any, scale: float = 2.0, more: Any = None, flag: bool = False
    ) -> Any:
        h = F.relu(self.a(x) - self.b(y)) * scale
        h = h if more is None else h + more
        return h if flag else {"out": self.o(h), "hidden": h, "rest": (h.sum(1), None)}


def test_several_inputs_and_outputs() -> None:
    torch.manual_seed(0)
    module = Several()
    x, y, more = torch.randn(9, 3), torch.randn(9, 2), torch.randn(9, 4)
    found = {name: t.detach() for name, t in module(x, y).items() if name != "rest"}
    close: dict[str, Any] = {"rtol": 1e-4, "atol": 1e-5}
    net = pe.load(module)
    assert (net.input_dim, net.output_dim) == (5, 7)
    np.testing.assert_allclose(net(torch.cat([x, y], 1))[:, :2], found["out"], **close)
    np.testing.assert_allclose(net(torch.cat([x, y], 1))[:, 2:6], found["hidden"], **close)
    swapped = pe.load(module, inputs=["y", 0], outputs=["hidden", 0])
    both = torch.cat([found["hidden"], found["out"]], 1)
    by_name = pe.load(module, input_shape={"y": (2,), "x": (3,)}, outputs=[-2])
    assert by_name.input_dim == 5
    np.testing.assert_allclose(swapped(torch.cat([y, x], 1)), both, **close)
    three = pe.load(
        module, inputs=["x", "y", "more"], input_shape=[(3,), (2,), (4,)], outputs=["out"]
    )
    expected = module(x, y, more=more)["out"].detach()
    np.testing.assert_allclose(three(torch.cat([x, y, more], 1)), expected, **close)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"inputs": ["x"]}, "leaves out 'y', which has no default"),
        ({"inputs": ["x", "z"]}, "there is no 'z'; there are 5: 'x', 'y', 'scale'"),
        ({"inputs": ["x", "x", "y"]}, "each once"),
        ({"inputs": "xy"}, "list of names or positions"),
        ({"outputs": [5]}, "there is no 5; there are 3: 'out', 'hidden'"),
        ({"outputs": []}, "list of names or positions"),
        ({"outputs": [True]}, "every position in outputs must be a whole number"),
        ({"input_shape": (3,)}, "for each of the 2 inputs .'x', 'y'.*found 1"),
        ({"input_shape": [(3,), (-2,)]}, "every size in input_shape must be a whole number from 1"),
        ({"input_shape": {"x": (3,), "z": (2,)}}, "no input 'z'; there are 'x', 'y'"),
        ({"input_shape": {"x": (3,)}}, "found none for 'y'"),
        (
            {"input_shape": [(3,), (2.5,)]},
            "every size in input_shape must be a whole number from 1",
        ),
        ({"input_shape": 3}, "must be a list of whole numbers"),
    ],
)
def test_choices_that_there_are_not(options: dict[str, Any], message: str) -> None:
    with pytest.raises(pe.OptionError, match=message):
        pe.load(Several(), **options)


def test_outputs_that_are_not_chosen_need_not_be_piecewise_linear() -> None:
    Pair = namedtuple("Pair", ["mean", "spread"])
    module = Forward(lambda m, x: Pair(m.o(F.relu(m.i(x))), m.i(x).exp()))
    assert pe.load(module, outputs=["mean"]).output_dim == 2
    with pytest.raises(pe.NetworkError, match="exp is not piecewise linear"):
        pe.load(module)
    with pytest.raises(pe.NetworkError, match="exp is not piecewise linear"):
        pe.load(module, outputs=["spread"])


class Stateful(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer, self.calls, self.seen = nn.Linear(2, 2), 0, [0]
        self.register_buffer("total", torch.zeros(2))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.calls += 1
        self.seen.append(self.calls)
        self.total += 1
        self.last = self.layer(x)
        return F.relu(self.last)


def test_what_a_forward_keeps_is_set_back() -> None:
    module = Stateful()
    pe.load(module)
    assert (module.calls, module.seen, module.total.tolist()) == (0, [0], [0.0, 0.0])
    assert not hasattr(module, "last")
    module.forward = lambda x: module.layer(x) * module.total.add_(1).sum()  # type: ignore
    with pytest.raises(pe.NetworkError, match="different outputs for the same input"):
        pe.load(module, input_shape=(2,))
    assert module.total.tolist() == [0.0, 0.0]


class Modes(nn.Module):
    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__()
        self.layer, self.function = nn.Linear(2, 2), function

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.function(self.layer(x), self.training)


@pytest.mark.parametrize("check", [True, False])
def test_training_mode_that_is_random(check: bool) -> None:
    module = Modes(lambda h, training: F.dropout(h, 0.1, training=training))
    with pytest.raises(pe.NetworkError, match=r"training mode, where it is random.*\.eval\(\)"):
        pe.load(module, check=check)
    assert pe.load(module.eval(), check=check).output_dim == 2


def test_training_mode_that_computes_something_else() -> None:
    module = Modes(lambda h, training: h * (2 if training else 1))
    with pytest.raises(pe.NetworkError, match=r"in training mode.*something else.*\.eval\(\)"):
        pe.load(module)
    assert pe.load(module.eval()).output_dim == 2


def test_the_comparison_finds_a_wrong_reading(monkeypatch: pytest.MonkeyPatch) -> None:
    """A reader that takes every leaky ReLU for another one."""
    from polyenum.models import activations as pieces

    module = nn.Sequential(nn.Linear(2, 20), nn.LeakyReLU(0.01), nn.Linear(20, 1))
    right = pieces.leaky
    monkeypatch.setattr(pieces, "leaky", lambda slope: right(slope + 1e-7))
    with pytest.raises(pe.NetworkError, match="Sequential: what was read is not the model"):
        pe.load(module)
    assert pe.load(module, check=False).unit_count == 20


@pytest.mark.filterwarnings("ignore")  # of torch's own, on TorchScript
def test_other_kinds_of_modules() -> None:
    torch.manual_seed(0)
    plain = mlp().eval()
    held_against(torch.jit.trace(plain, torch.zeros(1, 3)))
    held_against(torch.jit.script(plain))
    with torch.inference_mode():
        held_against(plain)
    held_against(Forward(torch.inference_mode()(columns)))
    for kind in (torch.float16, torch.bfloat16):
        coarse = mlp().to(kind)
        wide = mlp().double()
        wide.load_state_dict(coarse.state_dict())
        x = torch.randn(9, 3).double()
        np.testing.assert_allclose(pe.load(coarse)(x), wide(x).detach(), rtol=1e-12, atol=1e-12)


def test_modules_that_torch_cannot_run() -> None:
    with pytest.raises(
        pe.NetworkError, match=r"layer '2' \(Linear\) takes 5 .*torch cannot run .*1, 4"
    ):
        pe.load(nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(5, 1)))
    with pytest.raises(pe.NetworkError, match="torch cannot run"):
        pe.load(Forward(lambda m, x: m.nothing(x)), input_shape=(3,))
    with pytest.raises(pe.NetworkError, match="meta device"):
        pe.load(mlp().to("meta"))


VIEWS: list[Callable[[torch.Tensor, int], torch.Tensor]] = [
    lambda t, k: t,
    lambda t, k: t[..., k % t.shape[-1] :],
    lambda t, k: t[..., :: 1 + k % 2],
    lambda t, k: t.transpose(0, -1),
    lambda t, k: t.reshape(t.shape[0], -1),
    lambda t, k: t.unsqueeze(k % (t.dim() + 1)),
    lambda t, k: t.chunk(2, -1)[0],
    lambda t, k: t.select(-1, k % t.shape[-1]) if t.dim() > 1 else t,
    lambda t, k: t.flatten(),
    lambda t, k: t.detach(),
    lambda t, k: t.contiguous(),
    lambda t, k: t.clone(),
    lambda t, k: t.expand(2, *t.shape).select(0, 1),
]
WRITES: list[Callable[[torch.Tensor, torch.Tensor], Any]] = [
    lambda t, u: t.relu_(),
    lambda t, u: t.add_(1),
    lambda t, u: t.mul_(-2),
    lambda t, u: t.clamp_(-1, 1),
    lambda t, u: t.copy_(u.sum()),
    lambda t, u: t.sub_(u.flatten()[:1]),
    lambda t, u: t.fill_(0.5),
    lambda t, u: F.leaky_relu(t, 0.5, inplace=True),
    lambda t, u: t.abs_(),
    lambda t, u: t.__setitem__((..., 0), u.mean()),
    lambda t, u: torch.neg(t, out=t),
]


def written_at_random(steps: list[tuple[int, int, int, int]]) -> Callable[..., Any]:
    """Return a forward of views and writes, each to or from one of the tensors before it."""

    def forward(m: Any, x: Any) -> Any:
        found = [m.i(x), x.clone(), torch.arange(6.0).view(2, 3)]
        for i, view, write, j in steps:
            found.append(VIEWS[view % len(VIEWS)](found[i % len(found)], j))
            if write < len(WRITES):
                WRITES[write](found[-1], found[j % len(found)].clone())
        return torch.cat([t.flatten() for t in found])[None]

    return forward


@given(
    st.lists(
        st.tuples(st.integers(0, 9), st.integers(0, 12), st.integers(0, 15), st.integers(0, 9)),
        min_size=1,
        max_size=8,
    )
)
def test_any_views_and_writes(steps: list[tuple[int, int, int, int]]) -> None:
    torch.manual_seed(0)
    module = Forward(written_at_random(steps))
    net = pe.load(module, input_shape=(3,), check=False)
    x = torch.randn(5, 3)
    with torch.no_grad():
        expected = torch.cat([module(p[None]) for p in x])
    np.testing.assert_allclose(net(x), expected, rtol=1e-4, atol=1e-4)
