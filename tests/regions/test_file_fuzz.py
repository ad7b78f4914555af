"""Saved files with a field changed: refused, or opened to a complex on which everything works.

In processes of their own, for what is compiled would take this one along.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings

import polyenum as pe
from tests.helpers.everything import call_everything
from tests.helpers.fuzz_files import bases

ROOT = str(Path(__file__).parents[2])
# As many as fit into some seconds, and thousands in `make fuzz`.
COUNT = 5 * settings().max_examples


def test_good_files_can_be_asked_everything(tmp_path: Path) -> None:
    for name, cx in bases():
        cx.save(tmp_path / "r.npz")
        assert call_everything(pe.open_regions(tmp_path / "r.npz")) == [], name


@pytest.mark.parametrize("part", [0, 1])
def test_changed_files(part: int) -> None:
    seed = int(np.random.default_rng().integers(2**31))
    command = [sys.executable, "-m", "tests.helpers.fuzz_files", str(seed), str(COUNT)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    lines = done.stdout.splitlines()
    wrong = [line for line in lines if line.startswith("WRONG")]
    assert wrong == [], f"seed {seed}"
    last = lines[-1] if lines else "nothing"
    assert done.returncode == 0, f"seed {seed}, after {last!r}: {done.stderr[-1000:]}"
    print(f"seed {seed}: {last}")
    opened = int(last.split(", ")[1].split()[0])
    assert 0 < opened < COUNT


SEGFAULTS = """
import sys
import polyenum as pe
try:
    cx = pe.open_regions(sys.argv[1])
except pe.FileError as error:
    print(error)
else:
    cx.vertices, cx.volumes, cx.facet_table, cx.f_vector
    sys.exit("opened")
"""


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("corner_masks", lambda a: a | np.uint64(1) << np.uint64(40), "belongs to no label"),
        ("corner_masks", lambda a: np.zeros((len(a), 0), a.dtype), "no words"),
        ("packed_sides", lambda a: a | np.uint8(0x80), "belongs to no hyperplane"),
        ("labels", lambda a: a + 10**6, "labels must be from"),
        ("labels", lambda a: a - 10**6, "labels must be from"),
        ("vertex_offsets", lambda a: a[::-1].copy(), "vertex_offsets must go from 0"),
        ("label_offsets", lambda a: a * 2**61, "label_offsets must go from 0"),
        ("maps", lambda a: a.reshape(-1, 1, 3), "maps is of shape"),
        ("map_error", lambda a: a * np.nan, "map_error holds"),
        ("corner_points", lambda a: a * np.inf, "corner_points holds"),
        ("corner_points", lambda a: a.astype(">f8"), "byte order"),
        ("corner_points", lambda a: a.astype(complex), "no plain arrays of real numbers"),
        ("stage0.weight", lambda a: a.astype("f4"), "stage0.weight is of type float32"),
        (
            "stage0.breakpoints",
            lambda a: a * np.nan,
            "stage0.: ActivationTable: breakpoints[0] is nan",
        ),
        ("domain.lower", lambda a: a.astype(int), "domain.lower is of type"),
        ("domain.lower", lambda a: np.append(a, 0.0), "damaged"),
    ],
)
def test_what_compiled_code_would_not_survive(
    tmp_path: Path, name: str, change: object, message: str
) -> None:  # fmt: skip
    file = tmp_path / "r.npz"
    dict(bases())["relu" if name != "packed_sides" else "hull"].save(file)
    with np.load(file) as data:
        arrays = {key: data[key] for key in data.files}
    with np.errstate(all="ignore"):
        arrays[name] = change(arrays[name])  # type: ignore[operator]
    np.savez(file, **arrays)
    done = subprocess.run(
        [sys.executable, "-c", SEGFAULTS, str(file)], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert message in done.stdout


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"complete": "no"}, "complete is 'no'"),
        ({"certified": 1}, "certified is 1"),
        ({"engine": "abacus"}, "its engine is 'abacus'"),
        ({"engine": "lp"}, "points inside regions do not go with"),
        ({"signs": [1, 2, 3]}, "its counts of signs"),
        ({"signs": [0, 0, -1, 0]}, "its counts of signs"),
        ({"signs": [0, 0, True, 0]}, "its counts of signs"),
        ({"vertex_error": 0.5}, "damaged"),
        ({"vertex_error": "nan"}, "vertex_error must be a finite number"),
        ({"domain": ["Box"]}, "damaged"),
        ({"stages": "many"}, "the stages are str"),
        (
            {"stages": [{"name": "\ud800", "folded": [], "shape": [5, 2]}]},
            "name must be a string that a file can hold",
        ),
    ],
)
def test_headers(tmp_path: Path, changes: dict[str, object], message: str) -> None:
    import json

    file = tmp_path / "r.npz"
    dict(bases())["relu"].save(file)
    with np.load(file) as data:
        arrays = {key: data[key] for key in data.files}
    header = json.loads(arrays["header"].tobytes()) | changes
    arrays["header"] = np.frombuffer(json.dumps(header).encode(), np.uint8)
    np.savez(file, **arrays)
    with pytest.raises(pe.FileError, match=message):
        pe.open_regions(file)


def test_a_name_without_meaning(tmp_path: Path) -> None:
    """A maximum whose groups have another name would be another network."""
    file = tmp_path / "r.npz"
    dict(bases())["maxima"].save(file)
    with np.load(file) as data:
        arrays = {key: data[key] for key in data.files}
    arrays["stage0.group"] = arrays.pop("stage0.groups")
    np.savez(file, **arrays)
    with pytest.raises(pe.FileError, match=r"'stage0\.group', which has no meaning"):
        pe.open_regions(file)
