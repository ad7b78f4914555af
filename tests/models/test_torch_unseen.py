"""What a forward does past the operators of torch, or hides: read rightly or refused by name, never wrong."""

from __future__ import annotations

import copy
import ctypes
import pickle
import threading
import zipfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.pool import ThreadPool
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.dlpack import from_dlpack, to_dlpack

import polyenum as pe


class Unseen(nn.Module):
    """A module in float64 whose forward is a function of its input."""

    def __init__(self, function: Callable[[torch.Tensor], Any]) -> None:
        super().__init__()
        self.function = function
        self.register_buffer("kind", torch.ones(1, dtype=torch.float64))

    def forward(self, x: torch.Tensor) -> Any:
        return self.function(x)


def caught(error: type[BaseException]) -> Callable[[torch.Tensor], Any]:
    def forward(x: torch.Tensor) -> Any:
        try:
            if x.max() > 100:
                return 0 * x
        except error:
            pass
        return x.relu() + 1

    return forward


def caught_chance(x: torch.Tensor) -> Any:
    try:
        return x + torch.rand(2)
    except Exception:
        return x


def raised_anew(x: torch.Tensor) -> Any:
    try:
        return x * x.tolist()[0][0]
    except Exception:
        raise KeyError("nothing") from None


def elements(x: torch.Tensor) -> list[torch.Tensor]:
    return list(x.flatten())


def numpy_before(x: torch.Tensor) -> Any:
    buffer = torch.zeros_like(x)
    array = buffer.numpy()
    buffer.copy_(x)
    return torch.from_numpy(np.maximum(array, 0)) + x


def numpy_below(x: torch.Tensor) -> Any:
    array = np.zeros((1, 2))
    torch.from_numpy(array).copy_(x)
    return torch.from_numpy(np.maximum(array, 0)) + x


def by_address(x: torch.Tensor) -> Any:
    memory = (ctypes.c_double * 2).from_address(x.data_ptr())
    return torch.frombuffer(memory, dtype=torch.float64) + x


def in_thread(work: Callable[[torch.Tensor], Any]) -> Callable[[torch.Tensor], Any]:
    def forward(x: torch.Tensor) -> Any:
        with ThreadPoolExecutor(1) as pool:
            return torch.as_tensor(pool.submit(work, x).result()) + x

    return forward


def in_nested_thread(x: torch.Tensor) -> Any:
    return in_thread(in_thread(torch.relu))(x)


@torch.library.custom_op("unseen::clip_below", mutates_args={"h"})
def clip_below(h: torch.Tensor) -> None:
    h.numpy().clip(0, None, out=h.numpy())


@torch.library.custom_op("unseen::relu", mutates_args=())
def relu(h: torch.Tensor) -> torch.Tensor:
    """Return no ReLU at all."""
    return h * 2


def clipped(x: torch.Tensor) -> Any:
    h = x * 1
    torch.ops.unseen.clip_below(h)
    return h + x


REFUSED: dict[str, tuple[Callable[[torch.Tensor], Any], str]] = {
    "caught": (caught(Exception), r"bool \(line .*no `if` on them"),
    "caught as ValueError": (caught(ValueError), r"bool \(line .*no `if` on them"),
    "caught chance": (caught_chance, "is random"),
    "raised anew": (raised_anew, "tolist .*uses the numbers"),
    "apply_": (lambda x: x.clone().apply_(lambda v: max(v, 0.0)), "apply_ .*uses the numbers"),
    "map_": (lambda x: torch.zeros_like(x).map_(x, lambda a, b: b), "map_ .*uses the numbers"),
    "tensor": (lambda x: torch.tensor(elements(x)).relu() + x, "tensor .*uses the numbers"),
    "as_tensor": (lambda x: torch.as_tensor(elements(x)) + x, "as_tensor .*uses the numbers"),
    "new_tensor": (lambda x: x.new_tensor(elements(x)) + x, "new_tensor .*uses the numbers"),
    "new": (lambda x: x.new(elements(x)) + x, "new .*uses the numbers"),
    "DoubleTensor": (lambda x: torch.DoubleTensor(elements(x)) + x, "float .*uses the numbers"),
    "complex": (lambda x: x * complex(x[0, 0]).real, "complex .*uses the numbers"),
    "list of places": (lambda x: x[:, [x.argmax()]] + x, "getitem .*uses the numbers"),
    "capsule": (lambda x: from_dlpack(to_dlpack(x.clone())).relu() + x, "relu .*took the memory"),
    "capsule returned": (lambda x: from_dlpack(to_dlpack(x.relu())), "took the memory"),
    "capsule of a part": (lambda x: from_dlpack(to_dlpack(x[:, 1:])) + x, "took the memory"),
    "dlpack": (lambda x: from_dlpack(x.clone()) + x, "dlpack.* uses the numbers"),
    "dlpack to NumPy": (lambda x: torch.tensor(np.from_dlpack(x)) + x, "dlpack.* uses the"),
    "pickle": (lambda x: pickle.loads(pickle.dumps(x)) + x, "uses the numbers"),
    "copy": (lambda x: copy.copy(x) + x, "uses the numbers"),
    "storage": (lambda x: torch.tensor(list(x.storage())) + x, "storage .*uses the numbers"),
    "address": (by_address, "data_ptr .*uses the numbers"),
    "numpy before": (numpy_before, "copy_ .*memory that NumPy"),
    "numpy below": (numpy_below, "copy_ .*memory that NumPy"),
    "thread": (in_thread(torch.relu), "relu.*in another thread"),
    "thread with numbers": (in_thread(torch.Tensor.tolist), "tolist.*in another thread"),
    "thread of a thread": (in_nested_thread, "in another thread"),
    "changed argument": (clipped, r"clip_below.*changes its arguments"),
    "another relu": (lambda x: torch.ops.unseen.relu(x), "unseen::relu"),
    "sparse product": (
        lambda x: torch.sparse.mm(torch.eye(2).double().to_sparse(), x.T),
        "_sparse_mm .*not supported .*sparse tensors",
    ),
    "to_sparse": (lambda x: x.to_sparse().to_dense(), "to_sparse .*not supported"),
    "to_mkldnn": (lambda x: x.float().to_mkldnn().to_dense(), "to_mkldnn .*not supported"),
    "norm of order 0": (lambda x: x.norm(0, dim=1), "order 0 is not piecewise linear"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_no_operator_shows_is_refused(name: str) -> None:
    function, message = REFUSED[name]
    with pytest.raises(pe.NetworkError, match=message):
        pe.load(Unseen(function), input_shape=(2,), check=False)


class Array(nn.Module):
    """A module that keeps an array of a buffer's memory, or does not."""

    def __init__(self, kept: bool) -> None:
        super().__init__()
        self.register_buffer("now", torch.zeros(1, 2, dtype=torch.float64))
        array = self.now.numpy()
        self.array = array if kept else array.copy()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.now.copy_(x)
        return torch.from_numpy(self.array.copy()) + self.now.relu()


def test_an_array_of_a_buffer_s_memory() -> None:
    with pytest.raises(pe.NetworkError, match="memory that NumPy"):
        pe.load(Array(True), input_shape=(2,), check=False)
    net = pe.load(Array(False), input_shape=(2,), check=False)
    np.testing.assert_array_equal(net([-1.0, 2.0]), [0, 2])


def largest_given(x: torch.Tensor) -> Any:
    h = x * torch.tensor([1.0, -2.0])
    torch.max(x, 1, out=(h[:, 0], torch.zeros(0, dtype=torch.long)))
    return h.relu()


def least_given(x: torch.Tensor) -> Any:
    least, places = torch.zeros(0).double(), torch.zeros(0, dtype=torch.long)
    torch.min(x, 1, True, out=(least, places))
    return least + x


def joined_given(x: torch.Tensor) -> Any:
    out = torch.zeros(1, 4).double()
    torch.cat([x, x.relu()], 1, out=out)
    return out


def other_work(x: torch.Tensor) -> Any:
    with ThreadPoolExecutor(1) as pool:
        return x.relu() + pool.submit(lambda: torch.ones(2).double() * 3).result()


def numpy_read(x: torch.Tensor) -> Any:
    table = torch.from_numpy(np.array([1.0, 2.0]))
    return x.relu() + table + torch.ones(2).numpy().sum() + x.new_tensor([1, 2]) + x[[0]]


READ: dict[str, Callable[[torch.Tensor], Any]] = {
    "max, out": largest_given,
    "min, out": least_given,
    "cat, out": joined_given,
    "norm -inf": lambda x: x.norm(-float("inf"), dim=1),
    "vector norm -inf": lambda x: torch.linalg.vector_norm(x, -float("inf")) + x,
    "other work": other_work,
    "numpy of constants": numpy_read,
    "constant written": lambda x: torch.zeros(1, 2).double().add_(1).copy_(x).relu(),
}


@pytest.mark.parametrize("name", READ)
def test_what_operators_show_is_read(name: str) -> None:
    module = Unseen(READ[name])
    net = pe.load(module, input_shape=(2,), check=False)
    for x in torch.randn(20, 1, 2, generator=torch.Generator().manual_seed(0)).double():
        np.testing.assert_allclose(net(x[0].numpy()), module(x).reshape(-1), atol=1e-12)


def test_an_output_activation_that_writes_where_it_is_told() -> None:
    def forward(x: torch.Tensor) -> Any:
        out = torch.zeros_like(x)
        torch.sigmoid(x.relu(), out=out)
        return out

    with pytest.warns(UserWarning, match="sigmoid"):
        net = pe.load(Unseen(forward), input_shape=(2,), ignore_output_activation=True)
    np.testing.assert_allclose(net([-3.0, 2.0]), [0, 2])


def test_threads_that_were_there_before() -> None:
    before = threading.Thread.start, ThreadPoolExecutor.submit, ThreadPool.imap
    with ThreadPoolExecutor(1) as pool, ThreadPool(1) as threads:
        pool.submit(int).result()
        for function in (
            lambda x: pool.submit(torch.relu, x).result() + x,
            lambda x: threads.map(torch.relu, [x])[0] + x,
            lambda x: threads.apply(torch.relu, [x]) + x,
        ):
            with pytest.raises(pe.NetworkError, match="in another thread"):
                pe.load(Unseen(function), input_shape=(2,), check=False)
        assert pool.submit(torch.relu, torch.ones(1)).result() == 1
    assert before == (threading.Thread.start, ThreadPoolExecutor.submit, ThreadPool.imap)


class Writes(nn.Module):
    def __init__(self, write: Callable[[nn.Linear], Any]) -> None:
        super().__init__()
        self.layer, self.write = nn.Linear(2, 2), write
        nn.init.ones_(self.layer.weight)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.write(self.layer)
        return self.layer(x).relu()


def replaced(layer: nn.Linear) -> None:
    layer.weight.data = layer.weight.data * 0.5


def reshaped(layer: nn.Linear) -> None:
    layer.weight.data = torch.ones(5, 2)


WRITES: list[Callable[[nn.Linear], Any]] = [
    lambda layer: layer.weight.data.mul_(0.5),
    lambda layer: np.multiply(layer.weight.detach().numpy(), 0.5, layer.weight.detach().numpy()),
    lambda layer: layer.bias.data.fill_(float("nan")),
    replaced,
    reshaped,
]


@pytest.mark.parametrize("write", WRITES)
def test_weights_that_a_forward_writes_past_torch_are_set_back(write: Any) -> None:
    module = Writes(write)
    weight, bias = module.layer.weight.detach().clone(), module.layer.bias.detach().clone()
    place = module.layer.weight.data_ptr()
    with pytest.raises(pe.NetworkError):
        pe.load(module)
    assert torch.equal(module.layer.weight, weight)
    assert torch.equal(module.layer.bias, bias)
    assert module.layer.weight.data_ptr() == place


def test_weights_that_are_not_finite_are_left_alone() -> None:
    module = nn.Linear(2, 2)
    nn.init.constant_(module.bias, float("nan"))
    version = module.bias._version
    with pytest.raises(pe.NetworkError):
        pe.load(module)
    assert module.bias._version == version


def test_state_dicts_that_take_more_than_their_file(tmp_path: Path) -> None:
    wide, many = torch.ones(1).expand(2**14, 2**14), torch.ones(2**10, 2**10)
    torch.save({"0.weight": wide}, tmp_path / "wide.pt")
    torch.save({f"{k}.weight": many for k in range(200)}, tmp_path / "many.pt")
    torch.save({"0.weight": torch.ones(2, 2)}, tmp_path / "plain.pt")
    with zipfile.ZipFile(tmp_path / "plain.pt") as plain:
        entries = {e.filename: plain.read(e) for e in plain.infolist()}
    with zipfile.ZipFile(tmp_path / "packed.pt", "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in entries.items():
            packed.writestr(name, content)
        packed.writestr("more", bytes(2**29))
    with pytest.raises(pe.NetworkError, match="has 268435456 elements, of which the file holds 1"):
        pe.load(tmp_path / "wide.pt")
    for name in ("many", "packed"):
        with pytest.raises(pe.NetworkError, match="bytes, more than"):
            pe.load(tmp_path / f"{name}.pt")


def test_layers_that_share_a_weight_are_read_from_a_state_dict(tmp_path: Path) -> None:
    weight = torch.eye(2)
    torch.save({f"{k}.weight": weight for k in range(3)}, tmp_path / "tied.pt")
    np.testing.assert_array_equal(pe.load(tmp_path / "tied.pt")([-1.0, 2.0]), [0, 2])


@pytest.mark.parametrize("key", [0, b"0.weight", ("0", "weight")])
def test_names_in_a_state_dict_are_text(tmp_path: Path, key: Any) -> None:
    torch.save({key: torch.ones(2, 2)}, tmp_path / "keys.pt")
    with pytest.raises(pe.NetworkError, match="are text"):
        pe.load(tmp_path / "keys.pt")
