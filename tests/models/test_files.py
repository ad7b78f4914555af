"""Model files without pickle, and what is refused."""

from __future__ import annotations

import io
import os
import pickle
import subprocess
import sys
import warnings
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save, save_file
from torch import nn

import polyenum as pe


@pytest.fixture
def module() -> nn.Sequential:
    """Eleven layers, so that their names do not sort as words."""
    torch.manual_seed(0)
    widths = [2, 3, 4, 3, 4, 3, 1]
    layers: list[nn.Module] = []
    for m, n in zip(widths[:-1], widths[1:], strict=True):
        layers += [nn.Linear(m, n, bias=n != 4), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def same(net: pe.PiecewiseLinearNetwork, module: nn.Module) -> None:
    expected = pe.load(module)
    assert len(net.stages) == len(expected.stages)
    for a, b in zip(net.stages, expected.stages, strict=True):
        np.testing.assert_array_equal(a.weight, b.weight)
        np.testing.assert_array_equal(a.bias, b.bias)
        np.testing.assert_array_equal(a.activation.slopes, b.activation.slopes)


def test_npz(module: nn.Sequential, tmp_path: Path) -> None:
    arrays = {}
    for i, layer in enumerate(module[::2]):
        arrays[f"W{i}"] = layer.weight.detach().numpy()
        if layer.bias is not None:
            arrays[f"b{i}"] = layer.bias.detach().numpy()
    np.savez_compressed(tmp_path / "net.npz", **arrays)
    same(pe.load(str(tmp_path / "net.npz")), module)
    cx = pe.enumerate_regions(tmp_path / "net.npz", pe.Box(-1, 1, dim=2))
    assert len(cx) == len(pe.enumerate_regions(module, pe.Box(-1, 1, dim=2)))


def test_safetensors(module: nn.Sequential, tmp_path: Path) -> None:
    save_file(module.to(torch.bfloat16).state_dict(), tmp_path / "net.safetensors")
    same(pe.load(tmp_path / "net.safetensors"), module)


@pytest.mark.parametrize("name", ["net.pt", "net.pth"])
@pytest.mark.parametrize("wrap", [False, True])
def test_state_dicts(module: nn.Sequential, tmp_path: Path, name: str, wrap: bool) -> None:
    found: Any = module.state_dict()
    torch.save({"state_dict": found, "epoch": 3} if wrap else found, tmp_path / name)
    same(pe.load(tmp_path / name), module)


class Malicious:
    """Unpickling this would make a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = str(folder)

    def __reduce__(self) -> Any:
        return os.mkdir, (self.folder,)


def written(folder: Path, name: str, data: bytes) -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


def header_of_ten_gigabytes() -> bytes:
    """Return an npz whose array claims to have 10 GB."""
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        header, {"descr": "<f8", "fortran_order": False, "shape": (50_000, 50_000)}
    )
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("W0.npy", header.getvalue())
    return file.getvalue()


def saved(**arrays: Any) -> bytes:
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


def torch_saved(thing: Any) -> bytes:
    file = io.BytesIO()
    torch.save(thing, file)
    return file.getvalue()


def encrypted(data: bytes) -> bytes:
    """Return an archive whose entries all claim to be encrypted."""
    changed = bytearray(data)
    for signature, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = changed.find(signature)
        while at >= 0:
            changed[at + flags] |= 1
            at = changed.find(signature, at + 1)
    return bytes(changed)


def twice(data: bytes) -> bytes:
    """Return an archive that holds its first entry two times."""
    file = io.BytesIO(data)
    with zipfile.ZipFile(file, "a") as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        archive.writestr(archive.namelist()[0], archive.read(archive.namelist()[0]))
    return file.getvalue()


W = np.ones((3, 2))
REFUSED: dict[str, tuple[str, Any, str]] = {
    "unknown kind": ("a.h5", b"", "unknown kind of file '.h5'"),
    "exported program": ("a.pt2", b"", "pass the module"),
    "empty npz": ("a.npz", b"", "damaged"),
    "text as npz": ("a.npz", b"hello", "damaged"),
    "cut npz": ("a.npz", saved(W0=W)[:-30], "damaged"),
    "10 GB declared": ("a.npz", header_of_ten_gigabytes(), "2,500,000,000 elements"),
    "objects in npz": ("a.npz", saved(W0=np.array([None, {}], object)), "plain arrays|npz"),
    "other names": ("a.npz", saved(weights=W), "holds 'weights'"),
    "digits of another script": ("a.npz", saved(W٠=W), "holds 'W٠'"),  # noqa: RUF001
    "a number of many digits": ("a.npz", saved(**{"W" + 5000 * "1": W}), "is too long"),
    "no arrays": ("a.npz", saved(), "no arrays"),
    "bias alone": ("a.npz", saved(b0=np.ones(3)), "no Linear layer"),
    "widths": ("a.npz", saved(W0=W, W1=np.ones((1, 4))), "takes 4 inputs"),
    "a gap": ("a.npz", saved(W0=W, W2=np.ones((1, 3))), "are 0, 2, so some layers seem"),
    "a gap later": ("a.npz", saved(W1=W, W2=np.ones((3, 3)), W4=np.ones((1, 3))), "are 1, 2, 4, so"),
    "the first is missing": ("a.npz", saved(W2=W, W3=np.ones((1, 3))), "are 2, 3, so"),
    "a gap among attributes": ("a.pt", torch_saved({f"fc{k}.weight": torch.ones(2, 2) for k in (1, 3)}),
                               "'fc' are 1, 3"),
    "a gap in a Sequential": ("a.pt", torch_saved({f"net.{k}.weight": torch.ones(2, 2) for k in (0, 2, 6)}),
                              "'net.' are 0, 2, 6"),
    "a gap between blocks": ("a.safetensors", save({f"b.{k}.fc.weight": torch.ones(2, 2) for k in (0, 1, 3)}),
                             "'b.' are 0, 1, 3"),
    "four steps": ("a.pt", torch_saved({f"{k}.weight": torch.ones(2, 2) for k in (0, 4)}), "are 0, 4"),
    "a raised digit": ("a.npz", saved(**dict.fromkeys(["\u00b2.weight", "x.weight"], W)), "takes 2 inputs"),
    "two names": ("a.npz", saved(W0=W, W_0=W), "the weight of layer '0' twice"),
    "no numbers": ("a.pt", torch_saved({"0.weight": torch.ones(1, 2, device="meta")}), "on the device 'meta'"),
    "sparse": ("a.pt", torch_saved({"0.weight": torch.eye(2).to_sparse()}), "is sparse"),
    "complex": ("a.pt", torch_saved({"0.weight": torch.ones(1, 2, dtype=torch.complex64)}), "real numbers"),
    "encrypted": ("a.npz", encrypted(saved(W0=W)), "is encrypted"),
    "twice": ("a.npz", twice(saved(W0=W)), "is there twice"),
    "words": ("a.npz", saved(W0=np.array([["a"]])), "real numbers"),
    "nan": ("a.npz", saved(W0=W * np.nan), "not finite"),
    "text as safetensors": ("a.safetensors", b"hello, safetensors", "damaged"),
    "10 GB of header": ("a.safetensors", (10**10).to_bytes(8, "little") + b"{}", "damaged"),
    "text as pt": ("a.pt", b"hello", "damaged|executed"),
    "cut pt": ("a.pt", torch_saved({"0.weight": torch.ones(3, 2)})[:-50], "damaged"),
    "a module as pt": ("a.pt", torch_saved(nn.Linear(2, 1)), "would have to be executed"),
    "a tensor as pt": ("a.pt", torch_saved(torch.ones(3)), "state dict of tensors, found Tensor"),
    "a convolution": ("a.pt", torch_saved(nn.Conv2d(1, 2, 3).state_dict()), "no Linear layer.*pass the module"),
    "batch norm": ("a.pt", torch_saved(nn.BatchNorm1d(3).state_dict()), "pass the module"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_refusals(name: str, tmp_path: Path) -> None:
    file, data, message = REFUSED[name]
    path = written(tmp_path, file, data)
    with pytest.raises(pe.NetworkError, match=message):
        pe.load(path)


@pytest.mark.parametrize("name", ["a.pt", "a.npz", "a.safetensors", "a.onnx"])
def test_nothing_is_executed(name: str, tmp_path: Path) -> None:
    trap = tmp_path / "sprung"
    for data in (
        pickle.dumps(Malicious(trap)),
        torch_saved({"0.weight": Malicious(trap)}),
        saved(W0=np.array([Malicious(trap)], object)),
    ):
        trap.rmdir() if trap.exists() else None
        path = written(tmp_path, name, data)
        trap.rmdir() if trap.exists() else None
        with pytest.raises(pe.NetworkError):
            pe.load(path)
        assert not trap.exists()


def test_missing_file_and_missing_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(pe.NetworkError, match="no such file"):
        pe.load(tmp_path / "none.onnx")
    for library, name in (("onnx", "a.onnx"), ("safetensors", "a.safetensors")):
        monkeypatch.setitem(__import__("sys").modules, library, None)
        with pytest.raises(pe.MissingExtraError, match=rf"pip install '\.\[{library}\]'"):
            pe.load(written(tmp_path, name, b"x"))


WITHOUT_TORCH = """
import sys

class NoTorch:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == "torch":
            raise ModuleNotFoundError("No module named 'torch'")

sys.meta_path.insert(0, NoTorch())
import numpy as np
import polyenum as pe

net, box = [(np.eye(2), [0.1, 0]), ([[1.0, 1]], [-0.5])], pe.Box(-1, 1, dim=2)
cx = pe.enumerate_regions(net, box)
assert pe.check(cx, net, box).complete
assert pe.verify_sampling(net, box, resolution=10, exact=cx).sampled_count == 4
assert abs(pe.decision_distance(net, [0, 0]).distance - 0.08**0.5) < 1e-9
assert abs(cx[0].project([3, 0])[0]) <= 1
assert "torch" not in sys.modules
try:
    pe.load(sys.argv[1])
except pe.MissingExtraError as error:
    print(error)
"""


def test_without_torch(tmp_path: Path) -> None:
    """torch is an extra: who has a module has it."""
    path = written(tmp_path, "weights.pt", b"x")
    command = [sys.executable, "-c", WITHOUT_TORCH, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "pip install '.[torch]'" in done.stdout


@pytest.mark.parametrize(
    "names",
    [
        ("W0", "W1", "W2"),
        ("W1", "W2", "W3"),
        ("W_0", "W_1", "W_2"),
        ("0.weight", "2.weight", "4.weight"),
        ("1.weight", "4.weight", "7.weight"),
        ("layers.0.weight", "layers.1.weight", "layers.2.weight"),
        ("fc1.weight", "fc2.weight", "out.weight"),
        ("a.linear2d.weight", "b.weight", "c.weight"),
    ],
)
def test_names_without_gaps(tmp_path: Path, names: tuple[str, ...]) -> None:
    weights = [np.full((2, 2), k + 1.0) for k in range(3)]
    np.savez(tmp_path / "a.npz", **dict(zip(names, weights, strict=True)))
    net = pe.load(tmp_path / "a.npz")
    assert [s.weight[0, 0] for s in net.stages] == [1, 2, 3]
