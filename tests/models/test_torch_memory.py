"""What modules of torch keep and share: their state is set back, and memory is known element by element."""

from __future__ import annotations

import random
from collections import OrderedDict, defaultdict, deque
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import polyenum as pe
from polyenum.models.torch.state import undisturbed


def chances() -> list[Any]:
    """Return the states of the random numbers that all of a program shares."""
    state = np.random.get_state()  # noqa: NPY002
    return [random.getstate(), state[1].tolist(), torch.get_rng_state().tolist()]


class Forward(nn.Module):
    """A module of one layer whose forward is a function of it."""

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layer, self.function = nn.Linear(2, 2), function

    def forward(self, x: torch.Tensor) -> Any:
        return self.function(self.layer(x))


def same(function: Callable[..., Any]) -> pe.PiecewiseLinearNetwork:
    """Return the network, which must be the module, compared or not."""
    module = Forward(function)
    x = torch.randn(20, 2, generator=torch.Generator().manual_seed(1)) * 3
    with torch.no_grad():
        expected = torch.cat([module(p[None]).reshape(1, -1) for p in x])
    net = pe.load(module)
    for one in (net, pe.load(module, check=False)):
        np.testing.assert_allclose(one(x), expected, rtol=1e-4, atol=1e-5)
    return net


def filled(number: float) -> Callable[[torch.Tensor], torch.Tensor]:
    """Return what puts a tensor in front of two numbers that nothing is written to."""

    def put(h: torch.Tensor) -> torch.Tensor:
        b = torch.full((1, 4), number)
        b[:, :2] = h
        return b

    return put


def test_infinite_numbers_leave_a_maximum() -> None:
    lowest, highest = filled(-torch.inf), filled(torch.inf)
    masked = torch.tensor([[True, False]])
    for function in (
        lambda h: lowest(h).amax(1),
        lambda h: lowest(h).max(dim=1).values,
        lambda h: highest(h).amin(1),
        lambda h: h.masked_fill(masked, -torch.inf).amax(1),
        lambda h: lowest(h)[:, :2].relu(),
        lambda h: torch.maximum(h, torch.tensor([-torch.inf, 0.0])),
    ):
        same(function)


@pytest.mark.parametrize("number", [-torch.inf, torch.inf, torch.nan])
def test_numbers_that_are_not_finite_are_refused(number: float) -> None:
    """They are where the outputs need them, and nowhere else."""
    put = filled(number)
    needed: list[Callable[..., Any]] = [
        put,
        lambda h: put(h).relu(),
        lambda h: put(h) * 2,
        lambda h: put(h).sum(1),
        lambda h: put(h) @ torch.zeros(4, 1),
        lambda h: put(h)[:, 1:3] + h,
        lambda h: h + torch.tensor([number, 0.0]),
        lambda h: put(h)[:, 2:].amax(1) + h,
    ]
    for wrong, extreme in ((-torch.inf, "amin"), (torch.inf, "amax"), (torch.nan, "amax")):
        if number == wrong or number != number:
            needed.append(lambda h, extreme=extreme: getattr(put(h), extreme)(1))
    for function in needed:
        with pytest.raises(pe.NetworkError, match="not finite"):
            pe.load(Forward(function), check=False)
    same(lambda h: put(h)[:, :2] * 3)


def test_half_of_a_buffer_may_be_refused() -> None:
    def halves(h: torch.Tensor) -> torch.Tensor:
        b = torch.zeros(1, 4)
        b[:, :2] = h
        b[:, 2:] = h.round()
        return b

    def written_again(h: torch.Tensor) -> torch.Tensor:
        b = halves(h)
        b[:, 2:] = -h
        return b

    def the_other_first(h: torch.Tensor) -> torch.Tensor:
        b = torch.zeros(1, 4)
        b[:, 2:] = h.round()
        b[:, :2] = h
        return b

    same(lambda h: halves(h)[:, :2].clone())
    same(written_again)
    same(lambda h: the_other_first(h)[:, :2].relu())
    for function in (halves, the_other_first):
        for part in (slice(2, 4), slice(0, 4), slice(1, 3)):
            with pytest.raises(pe.NetworkError, match="round"):
                pe.load(Forward(lambda h, f=function, p=part: f(h)[:, p]), check=False)


def test_memory_read_as_numbers_of_another_kind_is_refused() -> None:
    """Four bytes of one float are no two floats of two bytes, whichever are written."""

    def written_as_another(h: torch.Tensor) -> torch.Tensor:
        b = h.clone()
        b.view(torch.float16)[:, :1] = h[:, :1].half()
        return b

    def half_of_another(h: torch.Tensor) -> torch.Tensor:
        return written_as_another(h).view(torch.float16)[:, 1:].float()

    for function in (
        lambda h: (
            h.view(torch.int32).view(torch.float32)[:, :1].view(torch.float16).float() + h[:, :1]
        ),
        lambda h: h.view(torch.float16).float(),
        lambda h: h.view(torch.int32).float(),
        lambda h: h.half().view(torch.bfloat16).float(),
        lambda h: torch.cat([h, h], 1).view(torch.float64).float(),
        written_as_another,
        half_of_another,
    ):
        with pytest.raises(pe.NetworkError, match="another kind"):
            pe.load(Forward(function), check=False)


class Slotted:
    __slots__ = ("calls",)

    def __init__(self) -> None:
        self.calls = 0


class Untouchable(dict):  # type: ignore[type-arg]
    """A dict of somebody's own whose methods do more than a dict's."""

    def __iter__(self) -> Any:
        raise AssertionError("a method of a user's class was called")

    items = keys = values = copy = update = clear = __iter__  # type: ignore[assignment]


class Keeper(nn.Module):
    """A module that writes to all that it has, however deep."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(2, 2)
        self.nested: Any = [[torch.zeros(1)], {"seen": [], "more": {"deep": [torch.zeros(2)]}}]
        self.queue: Any = deque([0], maxlen=3)
        self.order: Any = OrderedDict(a=1, b=2)
        self.counts: Any = defaultdict(int)
        self.members: Any = {1}
        self.pair: Any = ([], torch.zeros(1))
        self.config = SimpleNamespace(calls=0, inner=SimpleNamespace(log=[]))
        self.slotted, self.own = Slotted(), Untouchable(a=1)
        self.array, self.bytes = np.zeros(2), bytearray(b"ab")
        self.unregistered = [nn.Linear(1, 1)]
        self.numbers = torch.zeros(3)
        self.alias = self.numbers[1:]
        self.given = torch.zeros(2)
        with torch.inference_mode():
            self.inference = torch.zeros(2)
        self.chances = (random.Random(1), np.random.default_rng(1), torch.Generator())
        self.chances[2].manual_seed(1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.nested[0][0] += 1
        self.nested[1]["seen"].append(1)
        self.nested[1]["more"]["deep"][0].mul_(0).add_(3)
        self.queue.append(1)
        self.order.move_to_end("a")
        self.counts["calls"] += 1
        self.members.add(len(self.members) + 5)
        self.pair[0].append(1)
        self.pair[1].add_(1)
        self.config.calls += 1
        self.config.inner.log.append(1)
        self.slotted.calls += 1
        self.own["a"] += 1
        self.array += 1
        self.bytes[0] += 1
        self.unregistered[0].weight.data += 1
        self.alias.data.add_(1)
        self.given.data = torch.ones(5)
        with torch.inference_mode():
            self.inference.add_(1)
        self.chances[0].random()
        self.chances[1].random()
        torch.rand(1, generator=self.chances[2])
        random.random()
        np.random.random()  # noqa: NPY002
        return self.layer(x)

    def kept(self) -> list[Any]:
        """Return all of it, as numbers that can be compared."""
        return [
            repr(self.nested), repr(self.queue), [*self.order], dict(self.counts), set(self.members),
            repr(self.pair),
            repr(self.config), self.slotted.calls, self.own["a"], self.array.tolist(), bytes(self.bytes),
            self.unregistered[0].weight.item(), self.numbers.tolist(), self.given.tolist(),
            self.inference.tolist(), self.chances[0].getstate(), self.chances[1].bit_generator.state,
            self.chances[2].get_state().tolist(), *chances()[:2],
        ]  # fmt: skip


def test_all_that_a_module_keeps_is_set_back() -> None:
    module = Keeper()
    objects = dict(vars(module))
    before = module.kept()
    # `load` refuses it, as it draws random numbers.
    with undisturbed(module):
        for _ in range(3):
            module(torch.zeros(1, 2))
        assert module.kept() != before
    for now, then in zip(module.kept(), before, strict=True):
        assert now == then
    assert vars(module).keys() == objects.keys()
    assert all(vars(module)[name] is value for name, value in objects.items())
    assert module.alias.data_ptr() == module.numbers[1:].data_ptr()


class Hidden:
    """An object that answers nothing."""

    __dict__ = property(lambda self: 1 / 0)  # type: ignore[assignment]

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(name)


@pytest.mark.filterwarnings("ignore")  # of torch's own, on kinds of tensors
def test_tensors_and_objects_of_all_kinds_are_let_be() -> None:
    module = Forward(lambda h: h)
    module.held = [
        torch.eye(3).to_sparse(), torch.eye(3).to_sparse_csr(), torch.zeros(2, device="meta"),
        torch.quantize_per_tensor(torch.ones(2), 0.1, 0, torch.quint8), torch.zeros(0, 2),
        torch.nested.nested_tensor([torch.zeros(2), torch.zeros(3)]), torch.zeros(1).expand(5),
        torch.zeros(2, dtype=torch.complex64), torch.tensor(True), iter([1]), Hidden(), module,
    ]  # fmt: skip
    before = list(module.held)
    pe.load(module)
    assert len(module.held) == len(before)
    assert all(a is b for a, b in zip(module.held, before, strict=True))


def test_containers_in_containers_are_set_back_by_load() -> None:
    class Counting(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer, self.cache, self.log = nn.Linear(2, 2), [[torch.zeros(1)]], {"seen": []}
            self.members, self.names = {0}, {0: 0}
            with torch.inference_mode():
                self.inference = torch.zeros(1)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            self.cache[0][0] += 1
            self.log["seen"].append(1)
            self.members.add(len(self.members))
            self.names[len(self.names)] = 1
            with torch.inference_mode():
                self.inference += 1
            return self.layer(x)

    module = Counting()
    pe.load(module)
    assert module.cache[0][0].item() == 0
    assert (module.log, module.members, module.names) == ({"seen": []}, {0}, {0: 0})
    assert module.inference.item() == 0


def test_random_numbers_go_on_as_if_nothing_was_read() -> None:
    def drawn(h: torch.Tensor) -> torch.Tensor:
        np.random.random()  # noqa: NPY002
        random.random()
        torch.manual_seed(7)
        return h

    module = Forward(drawn)
    before = chances()
    pe.load(module)
    assert chances() == before


def test_modules_that_fail_at_some_points_are_refused() -> None:
    class Stepping(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer, self.table, self.at = nn.Linear(2, 2), torch.randn(4, 2), -1

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            self.at += 1
            return self.layer(x) + self.table[self.at]

    with pytest.raises(pe.NetworkError, match=r"Stepping cannot be run at every.*IndexError"):
        pe.load(Stepping())
    assert pe.load(Stepping(), check=False).output_dim == 2

    class Training(Stepping):
        def __init__(self) -> None:
            super().__init__()
            self.table = torch.zeros(2, 2)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return super().forward(x) if self.training else self.layer(x)

    with pytest.raises(pe.NetworkError, match=r"in training mode.*\.eval\(\).*IndexError"):
        pe.load(Training())
