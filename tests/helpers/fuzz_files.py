"""Saved files with something changed, opened, and everything called: ``python -m tests.helpers.fuzz_files``.

Each is said before it is tried, so that who started this process sees what killed it.
"""

from __future__ import annotations

import io
import json
import sys
import tempfile
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import polyenum as pe
from polyenum.networks import ActivationTable, PiecewiseLinearNetwork, Stage
from tests.helpers.everything import call_everything

Arrays = dict[str, Any]
Content = tuple[dict[str, Any], Arrays]


def _layers(*widths: int, seed: int = 0) -> list[tuple[Any, Any]]:
    rng = np.random.default_rng(seed)
    pairs = zip(widths[:-1], widths[1:], strict=True)
    return [(rng.normal(size=(n, m)).round(3), rng.normal(size=n).round(3)) for m, n in pairs]


def _with(table: ActivationTable, inputs: int, *, sparse: bool = False) -> PiecewiseLinearNetwork:
    """Return a network of one hidden layer with these activations."""
    (first, bias), (second, last) = _layers(inputs, len(table), 2, seed=1)
    second[:] = second[:, :1]  # members of a maximum are read with one weight
    weight: Any = first
    if sparse:
        from scipy.sparse import csr_array

        weight = csr_array(np.where(np.abs(first) > 0.3, first, 0.0))
    return PiecewiseLinearNetwork(
        [
            Stage(weight, bias, table, "hidden", ("Linear", "Hardtanh")),
            Stage(second, last, ActivationTable.identity(2), "last"),
        ]
    )


def bases() -> list[tuple[str, pe.RegionComplex]]:
    """Return a few small complexes of all kinds, with names."""
    hardtanh = ActivationTable.uniform(3, breakpoints=[-0.5, 0.5], slopes=[0, 1, 0], start=-0.5)
    jump = ActivationTable.uniform(3, breakpoints=[0.0], slopes=[0.0, 1.0], start=[0.0, 0.5])
    square = pe.Box(-1, 1, dim=2)
    triangle = pe.HPolytope([[1, 1], [-1, 0], [0, -1]], [1, 0.5, 0.5])
    plane = pe.Slice.through(*np.random.default_rng(0).normal(size=(3, 4)))
    return [
        ("relu", pe.enumerate_regions(_layers(2, 5, 3, 1), square)),
        ("3-D", pe.enumerate_regions(_layers(3, 4, 2), pe.Box(-1, 1, dim=3))),
        ("part", pe.enumerate_regions(_layers(2, 5, 3, 1), square, max_regions=3)),
        ("segment", pe.enumerate_regions(_layers(2, 4, 1), pe.Segment([-1, 0], [1, 0.5]))),
        ("polytope", pe.enumerate_regions(_layers(2, 4, 2), triangle)),
        ("hull", pe.enumerate_regions(_layers(2, 4, 1), pe.Hull([[0, 0], [1, 0], [0, 1], [1, 2]]))),
        ("slice", pe.enumerate_regions(_layers(4, 5, 3), plane)),
        ("lp", pe.enumerate_regions(_layers(3, 4, 2), pe.Box(-1, 1, dim=3), engine="lp")),
        ("exact", pe.enumerate_regions(_layers(2, 4, 1), square, engine="exact")),
        ("shapely", pe.enumerate_regions(_layers(2, 4, 1), square, engine="shapely")),
        ("maxima", pe.enumerate_regions(_with(ActivationTable.maxima([2, 3]), 2), square)),
        ("breakpoints", pe.enumerate_regions(_with(hardtanh, 2, sparse=True), square)),
        ("jumps", pe.enumerate_regions(_with(jump, 2), square)),
    ]


def content(cx: pe.RegionComplex, file: Path) -> Content:
    """Return what a saved complex holds."""
    cx.save(file)
    with np.load(file) as data:
        arrays = {name: data[name] for name in data.files}
    return json.loads(arrays.pop("header").tobytes()), arrays


FLOATS = [np.nan, np.inf, -np.inf, 0.0, -0.0, 1.0, -1.0, 5e-324, 1e308, -1e308, 2.0**1000, 1e-300]
INTEGERS = [0, 1, -1, 2, 7, 63, 64, 127, 128, 255, 2**15, 2**31 - 1, -(2**31), 2**63 - 1, -(2**63)]
TYPES = [
    "u1",
    "i1",
    "i2",
    "i4",
    "i8",
    "u8",
    "f2",
    "f4",
    "f8",
    ">f8",
    ">i8",
    ">u8",
    ">i4",
    "c16",
    "?",
    "U3",
    "S2",
    "M8[s]",
]
VALUES = [
    None, True, False, 0, 1, -1, 3, 2**63, 10**400, 0.5, float("nan"), float("inf"), "", "x", "\ud800", "nan",
    "0x1p-3", "-0x1p-3", "0x1p5000", "vertex", "lp", "exact", "Box", "Hull", "Slice", "Segment", [], [1],
    [1, 2, 3, 4], [[]], {}, {"name": 1}, [-1, 0, 0, 0], [2, 2], ["a"],
]  # fmt: skip


def _element(array: Any, rng: np.random.Generator) -> Any:
    found = array.copy()
    if not found.size:
        return found
    values = FLOATS if found.dtype.kind == "f" else INTEGERS
    value = values[rng.integers(len(values))]
    at = rng.integers(found.size)
    with np.errstate(all="ignore"):
        if rng.random() < 0.3:
            found.ravel()[at] += np.array(value).astype(found.dtype)
        else:
            found.ravel()[at] = np.array(value).astype(found.dtype)
    return found


def _bit(array: Any, rng: np.random.Generator) -> Any:
    found = array.copy()
    if found.nbytes:
        found.reshape(-1).view(np.uint8)[rng.integers(found.nbytes)] ^= 1 << rng.integers(8)
    return found


def _type(array: Any, rng: np.random.Generator) -> Any:
    with np.errstate(all="ignore"):
        return array.astype(TYPES[rng.integers(len(TYPES))])


def _shape(array: Any, rng: np.random.Generator) -> Any:
    forms: list[Callable[[Any], Any]] = [
        lambda a: a.ravel(), lambda a: a[None], lambda a: a[..., None], lambda a: np.asfortranarray(a.T),
        lambda a: np.asfortranarray(a), lambda a: a[:-1], lambda a: a[1:], lambda a: a[:0], lambda a: a[..., :0],
        lambda a: np.concatenate([a, a]), lambda a: np.concatenate([a, a[-1:]]), lambda a: a[..., :-1],
        lambda a: np.concatenate([a, a], axis=-1), lambda a: a.sum(), lambda a: a[None, None],
        lambda a: a.reshape(-1, 1), lambda a: a.reshape(1, -1), lambda a: np.zeros((0, 10**12), a.dtype),
    ]  # fmt: skip
    return forms[rng.integers(len(forms))](array)


def _order(array: Any, rng: np.random.Generator) -> Any:
    if rng.random() < 0.3:
        return array[::-1].copy()
    if rng.random() < 0.5 and len(array):
        found = array.copy()
        found[rng.integers(len(array))] = array[rng.integers(len(array))]
        return found
    return rng.permutation(array)


def _fill(array: Any, rng: np.random.Generator) -> Any:
    with np.errstate(all="ignore"):
        values = FLOATS if array.dtype.kind == "f" else INTEGERS
        return np.full_like(array, np.array(values[rng.integers(len(values))]).astype(array.dtype))


CHANGES = [_element, _element, _bit, _bit, _type, _shape, _shape, _order, _fill]


def change_arrays(arrays: Arrays, rng: np.random.Generator) -> str:
    """Change one array, or which there are; return in words what was done."""
    names = sorted(arrays)
    name, other = (names[rng.integers(len(names))] for _ in range(2))
    kind = rng.random()
    if kind < 0.04:
        del arrays[name]
        return f"without {name}"
    if kind < 0.08:
        arrays[name], arrays[other] = arrays[other], arrays[name]
        return f"{name} and {other} swapped"
    if kind < 0.12:
        more = (
            "stage0.groups",
            "stage0.own_intercepts",
            "stage0.data",
            "else",
            "stage9.bias",
            name.upper(),
        )
        new = more[rng.integers(len(more))]
        arrays[new] = arrays[name]
        return f"{new} like {name}"
    how = CHANGES[rng.integers(len(CHANGES))]
    arrays[name] = how(arrays[name], rng)
    return f"{name} by {how.__name__}"


def change_header(header: dict[str, Any], rng: np.random.Generator) -> str:
    """Change one entry of the header; return in words what was done."""
    place: Any = header
    key: Any = sorted(header)[rng.integers(len(header))]
    if key in ("stages", "signs") and header[key] and rng.random() < 0.8:
        place, key = header[key], int(rng.integers(len(header[key])))
        if isinstance(place[key], dict) and rng.random() < 0.8:
            place = place[key]
            key = sorted(place)[rng.integers(len(place))]
    if rng.random() < 0.1:
        del place[key]
        return f"header without {key}"
    place[key] = VALUES[rng.integers(len(VALUES))]
    return f"header {key} = {place[key]!r:.40}"


def change_bytes(data: bytes, rng: np.random.Generator) -> tuple[bytes, str]:
    """Change a file as it lies on the disk."""
    kind = rng.integers(4)
    at = int(rng.integers(len(data)))
    if kind == 0:
        return data[:at], f"cut at {at}"
    if kind == 1:
        return data[:at] + data[at + 1 :], f"without byte {at}"
    changed = bytearray(data)
    # Half of them in the table at the end, which says where everything is.
    at = at if kind == 2 else len(data) - 1 - at % 2000
    changed[at % len(data)] ^= 1 << rng.integers(8)
    return bytes(changed), f"a bit of byte {at}"


def changed_file(file: Path, base: Content, rng: np.random.Generator) -> str:
    """Write a file that is a good one but for one or two things; return in words what these are."""
    header = json.loads(json.dumps(base[0]))
    arrays = dict(base[1])
    said = []
    for _ in range(1 + int(rng.random() < 0.2)):
        if rng.random() < 0.25 and isinstance(header, dict) and header:
            said.append(change_header(header, rng))
        elif arrays:
            said.append(change_arrays(arrays, rng))
    text = np.frombuffer(json.dumps(header).encode(), np.uint8)
    buffer = io.BytesIO()
    np.savez(buffer, header=text, **arrays)
    data = buffer.getvalue()
    if rng.random() < 0.1:
        data, what = change_bytes(data, rng)
        said.append(what)
    file.write_bytes(data)
    return "; ".join(said)


def main(seed: int, count: int) -> int:
    """Try so many files; return how many went wrong."""
    warnings.simplefilter("ignore")
    rng = np.random.default_rng(seed)
    wrong = opened = 0
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "r.npz"
        good = [(name, content(cx, file)) for name, cx in bases()]
        for _ in range(count):
            name, base = good[rng.integers(len(good))]
            try:
                what = f"{name}: {changed_file(file, base, rng)}"
            except (ValueError, TypeError, IndexError, zipfile.BadZipFile):
                continue  # a change that this array cannot have
            print(what, flush=True)
            try:
                cx = pe.open_regions(file)
            except pe.FileError:
                continue
            except Exception as error:
                wrong += 1
                print(f"WRONG {what}: {type(error).__name__}: {error}", flush=True)
                continue
            opened += 1
            for found in call_everything(cx, convex=opened % 8 == 0):
                wrong += 1
                print(f"WRONG {what}: {found}", flush=True)
    print(f"{count} files, {opened} opened, {wrong} wrong")
    return wrong


if __name__ == "__main__":
    sys.exit(min(main(int(sys.argv[1]), int(sys.argv[2])), 1))
