"""Saved complexes: a round trip that loses nothing, and files that are something else."""

from __future__ import annotations

import json
import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_array
from torch import nn

import polyenum as pe
from polyenum.testing import ACTIVATIONS, domains, networks
from tests.helpers.strategies import share
from tests.sampling.test_sampling import random_layers


def same(a: pe.RegionComplex, b: pe.RegionComplex) -> None:
    """Hold two complexes against each other, down to the last bit."""
    for name in (
        "packed_sides", "weights", "biases", "map_error", "vertex_offsets", "corner_points", "corner_masks",
        "label_offsets", "labels", "inside",
    ):  # fmt: skip
        x, y = getattr(a, name), getattr(b, name)
        assert x.dtype == y.dtype
        np.testing.assert_array_equal(x, y)
    assert (a.complete, a.engine, a.vertex_error) == (b.complete, b.engine, b.vertex_error)
    assert repr(a.certificate) == repr(b.certificate)
    assert (type(a.domain), repr(a.domain)) == (type(b.domain), repr(b.domain))
    assert a.domain.sides == b.domain.sides
    assert a.network.describe() == b.network.describe()
    x = np.random.default_rng(0).normal(size=(20, a.network.input_dim))
    np.testing.assert_array_equal(a.network(x), b.network(x))


@share(0.3)
@given(
    networks(inputs=(1, 3), activations=ACTIVATIONS),
    st.data(),
    st.sampled_from(["vertex", "lp", "exact"]),
)
def test_round_trips(tmp_path_factory: Any, net: Any, data: Any, engine: str) -> None:
    kinds = ["box", "polytope", "hull", "segment"] + (["slice"] if net.input_dim > 1 else [])
    domain = data.draw(domains(net.input_dim, kinds=kinds))
    cx = pe.enumerate_regions(net, domain, engine=engine)
    file = tmp_path_factory.mktemp("saved") / "regions.npz"
    cx.save(file)
    again = pe.open_regions(file)
    same(cx, again)
    np.testing.assert_array_equal(cx.adjacent_pairs, again.adjacent_pairs)
    assert [s.name for s in file.parent.iterdir()] == ["regions.npz"]


def test_sparse_networks_and_parts(tmp_path: Path) -> None:
    torch.manual_seed(0)
    module = nn.Sequential(
        nn.Conv2d(1, 2, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(32, 2)
    )
    net = pe.load(module.eval(), input_shape=(1, 10, 10))
    plane = pe.Slice.through(*np.random.default_rng(0).uniform(size=(3, 100)))
    cx = pe.enumerate_regions(net, plane, max_regions=5)
    cx.save(tmp_path / "part.npz")
    again = pe.open_regions(tmp_path / "part.npz")
    same(cx, again)
    assert not again.complete
    assert type(again.network.stages[0].weight) is type(net.stages[0].weight)


def test_saving_keeps_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cx = pe.enumerate_regions(random_layers([2, 4, 1]), pe.Box(-1, 1, dim=2))
    file = tmp_path / "r.npz"
    cx.save(file)
    before = file.read_bytes()

    def full(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez", full)
    with pytest.raises(pe.FileError, match=r"No space.*is unchanged"):
        cx.save(file)
    assert file.read_bytes() == before
    assert list(tmp_path.iterdir()) == [file]
    with pytest.raises(pe.FileError, match=r"an \.npz file"):
        cx.save(tmp_path / "r.pkl")
    with pytest.raises(pe.FileError, match="cannot be written"):
        cx.save(tmp_path / "nowhere" / "r.npz")


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    file = tmp_path / "saved.npz"
    pe.enumerate_regions(random_layers([2, 6, 1]), pe.Box(-1, 1, dim=2)).save(file)
    return file


@pytest.mark.parametrize("share_", [0.0, 0.1, 0.5, 0.9, 0.999])
def test_truncated_files(saved: Path, share_: float) -> None:
    content = saved.read_bytes()
    saved.write_bytes(content[: int(share_ * len(content))])
    with pytest.raises(pe.FileError, match="not a file that polyenum saved, or damaged"):
        pe.open_regions(saved)


def changed(file: Path, **arrays: Any) -> None:
    """Write the file again with some arrays other than they were; None takes one out."""
    with np.load(file) as data:
        found = {name: data[name] for name in data.files}
    found |= arrays
    np.savez(file, **{name: a for name, a in found.items() if a is not None})


def header(file: Path, **entries: Any) -> np.ndarray:
    with np.load(file) as data:
        found = json.loads(data["header"].tobytes())
    return np.frombuffer(json.dumps(found | entries).encode(), np.uint8)


def test_foreign_and_damaged_files(saved: Path, tmp_path: Path) -> None:
    original = saved.read_bytes()

    def refused(message: str) -> None:
        with pytest.raises(pe.FileError, match=message):
            pe.open_regions(saved)
        saved.write_bytes(original)

    with pytest.raises(pe.FileError, match="no such file"):
        pe.open_regions(tmp_path / "none.npz")
    np.savez(saved, W0=np.eye(2), b0=np.zeros(2))
    refused("it has no header")
    changed(saved, header=header(saved, version=2))
    refused("of version 2; this polyenum reads version 1")
    changed(saved, header=header(saved, format="something"))
    refused("holds no regions, but 'something'")
    changed(saved, header=np.frombuffer(b"{", np.uint8))
    refused("its header is damaged")
    changed(saved, labels=None)
    refused("labels")
    changed(saved, labels=np.zeros(3, np.int32))
    refused("do not fit each other")
    changed(saved, corner_masks=np.zeros((4, 1), np.uint32))
    refused("corner_masks is of type uint32")
    changed(saved, **{"stage0.offsets": np.array([0, 5, 9])})
    refused("6 coordinates .* need 7 offsets, found 3")
    changed(saved, header=header(saved, domain="Ball"))
    refused("damaged.*Ball")
    with np.load(saved) as data:
        labels = data["labels"].copy()
    labels[0] = 10**6
    changed(saved, labels=labels)
    refused("do not fit each other")
    changed(saved, header=header(saved, stages=[]))
    refused("damaged")


class Evil:
    def __reduce__(self) -> Any:
        return (Path.touch, (Path("executed"),))


def test_nothing_is_executed(saved: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    np.savez(saved, header=np.array([Evil()], object))
    with pytest.raises(pe.FileError):
        pe.open_regions(saved)
    saved.write_bytes(pickle.dumps(Evil()))
    with pytest.raises(pe.FileError):
        pe.open_regions(saved)
    assert not (tmp_path / "executed").exists()


def test_bombs_are_not_blown_up(saved: Path) -> None:
    """A gigabyte of zeros in a megabyte, and an array that only claims its size."""
    with zipfile.ZipFile(saved, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("header.npy", b"\0" * (1 << 24))
    with pytest.raises(pe.FileError, match="is compressed"):
        pe.open_regions(saved)
    with zipfile.ZipFile(saved, "w") as archive:
        shape = (
            f"{{'descr': '|u1', 'fortran_order': False, 'shape': ({10**13},), }}".ljust(117) + "\n"
        )
        archive.writestr(
            "header.npy", b"\x93NUMPY\x01\x00" + (118).to_bytes(2, "little") + shape.encode()
        )
    with pytest.raises(pe.FileError):
        pe.open_regions(saved)


@pytest.mark.parametrize("what", ["network", "regions"])
def test_no_bit_of_the_directory_hides_an_entry(what: str, tmp_path: Path) -> None:
    """A named fault: an entry that claimed a longer comment took up those behind it, and so layers were lost."""
    file = tmp_path / "whole.npz"
    random = np.random.default_rng(0)
    layers = [
        (random.normal(size=(3, 2)), np.zeros(3)),
        (random.normal(size=(2, 3)), np.zeros(2)),
        (np.ones((1, 2)), [0.0]),
    ]
    if what == "network":
        np.savez(
            file,
            **{
                f"{k}{i}": x
                for i, pair in enumerate(layers)
                for k, x in zip("Wb", pair, strict=True)
            },
        )
        read: Any = pe.load
        shape = repr(pe.load(file))
    else:
        pe.enumerate_regions(layers, pe.Box(-1, 1, dim=2)).save(file)
        read = pe.open_regions
        shape = repr(pe.open_regions(file))
    whole = file.read_bytes()
    start = whole.index(b"PK\1\2")
    places = range(start, len(whole)) if what == "network" else range(start, len(whole), 7)
    refused = 0
    for place in places:
        for bit in range(8):
            changed = bytearray(whole)
            changed[place] ^= 1 << bit
            file.write_bytes(changed)
            try:
                assert repr(read(file)) == shape, (place, bit)
            except pe.PolyenumError:
                refused += 1
    assert refused > 100


@pytest.fixture
def mixed(tmp_path: Path) -> Path:
    """Return a file of a network with a jump, two maxima and a sparse weight."""
    step = pe.ActivationTable.from_rows([([0.0], [1.0, 1.0], [0.0, 1.0])])
    table = pe.ActivationTable.concatenate([step, pe.ActivationTable.maxima([2, 2])])
    first = np.array([[1.0, 0.5], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0], [-1.0, 2.0]])
    second = csr_array(np.array([[1.0, 1.0, 1.0, 0.0, 0.0], [0.0, 0.0, 0.0, 2.0, 2.0]]))
    net = pe.PiecewiseLinearNetwork(
        [
            pe.Stage(first, np.zeros(5), table, "first"),
            pe.Stage(second, np.zeros(2), pe.ActivationTable.identity(2), "second"),
        ]
    )
    pe.enumerate_regions(net, pe.Box(-1, 1, dim=2)).save(tmp_path / "mixed.npz")
    assert len(pe.open_regions(tmp_path / "mixed.npz").network.stages) == 2
    return tmp_path / "mixed.npz"


@pytest.mark.parametrize(
    ("name", "array", "message"),
    [
        ("stage1.indices", np.array([1, 0, 2, 3, 4], np.int32), "of a row must increase"),
        ("stage1.indices", np.array([0, 0, 2, 3, 4], np.int32), "of a row must increase"),
        ("stage0.own_intercepts", np.array([0, np.inf] + 8 * [np.nan]), "finite"),
        ("stage0.own_intercepts", np.array([0, np.nan] + 8 * [np.nan]), "one for each"),
        ("stage0.own_intercepts", np.array([2.0, 1.0] + 8 * [np.nan]), "its start 0"),
        ("stage0.groups", np.array([0, 0, -1, 0, 0]), "group 0 is at several places"),
        ("stage0.groups", np.array([-1, 0, 1, 0, 1]), "group 0 is at several places"),
        ("stage0.groups", np.array([-1, 0, 0, 1, 2]), "group 1 has one"),
        ("stage0.slopes", np.array([1, 1, 0, 1, 0, 1, 0, 1, 0, 2.0]), "coordinate 4 is a member"),
    ],
)
def test_networks_in_files_are_checked(
    mixed: Path, name: str, array: np.ndarray, message: str
) -> None:
    changed(mixed, **{name: array})
    with pytest.raises(pe.FileError, match=f"damaged.*{message}"):
        pe.open_regions(mixed)


def stored(net: pe.PiecewiseLinearNetwork, file: Path) -> dict[str, Any]:
    """Save the regions of a network, and return the file's arrays."""
    pe.enumerate_regions(net, pe.Box(-1, 1, dim=net.input_dim)).save(file)
    assert len(pe.open_regions(file))
    with np.load(file) as data:
        return {name: data[name] for name in data.files}


@pytest.mark.parametrize("wrong", [[1, 0], [1, 1], [0, 0]])
def test_columns_of_sparse_rows_that_do_not_increase(tmp_path: Path, wrong: list[int]) -> None:
    sparse = pytest.importorskip("scipy.sparse")
    file = tmp_path / "r.npz"
    identity = pe.ActivationTable.identity(1)
    relu = pe.ActivationTable.uniform(2, breakpoints=[0.0], slopes=[0.0, 1.0])
    net = pe.PiecewiseLinearNetwork(
        [
            pe.Stage(sparse.csr_array(np.array([[1.0, 2.0], [0.0, 1.0]])), np.zeros(2), relu),
            pe.Stage(np.ones((1, 2)), np.zeros(1), identity),
        ]
    )
    indices = stored(net, file)["stage0.indices"]
    changed(file, **{"stage0.indices": np.array([*wrong, *indices[2:]], indices.dtype)})
    with pytest.raises(pe.FileError, match="damaged"):
        pe.open_regions(file)


def test_intercepts_and_groups_that_are_none(tmp_path: Path) -> None:
    file = tmp_path / "r.npz"
    identity = pe.ActivationTable.identity(1)
    jump = pe.ActivationTable.uniform(2, breakpoints=[0.0], slopes=[0.0, 0.0], start=[-1.0, 1.0])
    weight = np.array([[1.0, 0.25], [0.5, -1.0]])
    net = pe.PiecewiseLinearNetwork(
        [pe.Stage(weight, np.zeros(2), jump), pe.Stage(np.ones((1, 2)), np.zeros(1), identity)]
    )
    own = stored(net, file)["stage0.own_intercepts"]
    own[0] = np.inf
    changed(file, **{"stage0.own_intercepts": own})
    with pytest.raises(pe.FileError, match="damaged"):
        pe.open_regions(file)
    maxima = pe.ActivationTable.maxima([2, 2, 2])
    net = pe.PiecewiseLinearNetwork(
        [
            pe.Stage(np.array([[1.0], [0.5], [-1.0], [0.25], [2.0], [3.0]]), np.zeros(6), maxima),
            pe.Stage(np.ones((1, 6)), np.zeros(1), identity),
        ]
    )
    assert stored(net, file)["stage0.groups"].tolist() == [0, 0, 1, 1, 2, 2]
    for groups in ([0, 0, 1, 1, 0, 0], [0, 1, 0, 1, 2, 2], [0, 0, -1, 1, 2, 2]):
        stored(net, file)
        changed(file, **{"stage0.groups": np.array(groups)})
        with pytest.raises(pe.FileError, match="damaged"):
            pe.open_regions(file)
