"""The command line: every command on a real file, and with bad arguments: one line, and an exit code."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import typer

import polyenum as pe
from polyenum.cli.counting import count_each
from polyenum.cli.main import run
from tests.sampling.test_sampling import random_layers


@pytest.fixture
def model(tmp_path: Path) -> str:
    """A network 2,8,8,1 in a file."""
    arrays = {}
    for i, (weight, bias) in enumerate(random_layers([2, 8, 8, 1])):
        arrays[f"W{i}"], arrays[f"b{i}"] = weight, bias
    np.savez(tmp_path / "net.npz", **arrays)
    return str(tmp_path / "net.npz")


def exact(model: str) -> pe.RegionComplex:
    return pe.enumerate_regions(pe.load(model), pe.Box(-1, 1, dim=2))


def answer(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> Any:
    """Run a command with --json; return what it printed."""
    assert run([*arguments, "--json"]) == code
    out, err = capsys.readouterr()
    assert err == ""
    return json.loads(out)


def test_count(model: str, capsys: pytest.CaptureFixture[str]) -> None:
    found = answer(capsys, "count", model, "--box", "-1:1")
    assert found["activation_regions"] == len(exact(model))
    assert found["complete"]
    part = answer(capsys, "count", model, "--box", "-1:1", "--max-regions", "3", code=3)
    assert (part["activation_regions"], part["complete"]) == (3, False)
    assert run(["count", model, "--box", "-1:1,-0.5:1"]) == 0
    out = capsys.readouterr().out
    assert "Box([-1, -0.5], [1, 1])" in out
    assert "activation regions" in out


def test_slices(model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    layers = random_layers([5, 6, 1])
    np.savez(
        tmp_path / "five.npz", W0=layers[0][0], b0=layers[0][1], W1=layers[1][0], b1=layers[1][1]
    )
    points = np.random.default_rng(0).normal(size=(3, 5))
    files = []
    for name, point in zip("abc", points, strict=True):
        np.save(tmp_path / f"{name}.npy", point)
        files.append(str(tmp_path / f"{name}.npy"))
    found = answer(capsys, "count", str(tmp_path / "five.npz"), "--slice", *files, "--box", "-1:2")
    plane = pe.Slice.through(*points, lower=-1, upper=2)
    assert found["activation_regions"] == pe.count_regions(layers, plane)


def test_enumerate_check_and_plot(
    model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cx, saved = exact(model), str(tmp_path / "r.npz")
    found = answer(capsys, "enumerate", model, "--box", "-1:1", "-o", saved)
    assert found["activation_regions"] == len(cx) == len(pe.open_regions(saved))
    assert answer(capsys, "info", saved)["linear_regions"] == cx.linear_region_count
    assert answer(capsys, "check", saved)["proven"]
    assert answer(capsys, "check", saved, "--model", model)["regions"] == len(cx)
    for name in ("r.png", "r.svg", "r.html"):
        assert run(["plot", saved, "-o", str(tmp_path / name)]) == 0
        assert (tmp_path / name).stat().st_size > 2000
    assert (
        run(["plot", model, "--box", "-1:1", "--kind", "surface", "-o", str(tmp_path / "s.png")])
        == 0
    )


def test_kinds_of_pictures(model: str, tmp_path: Path) -> None:
    for kind in ("partition", "creases", "levels", "decision", "adjacency", "histogram"):
        picture = tmp_path / f"{kind}.png"
        assert run(["plot", model, "--box", "-1:1", "--kind", kind, "-o", str(picture)]) == 0
        assert picture.stat().st_size > 2000
    arguments = ["plot", model, "--box", "-1:1", "--color", "slope", "--theme", "dark"]
    assert run([*arguments, "-o", str(tmp_path / "dark.html")]) == 0


def test_a_wrong_result_is_found(
    model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cx = exact(model)
    cx.corner_points[3] += 1e-3
    cx.save(tmp_path / "wrong.npz")
    found = answer(capsys, "check", str(tmp_path / "wrong.npz"), code=1)
    assert not found["proven"]
    assert "vertex is off" in " ".join(found["findings"])


def test_other_files(model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cx = exact(model)
    for name in ("r.parquet", "r.csv", "r.geojson"):
        assert run(["enumerate", model, "--box", "-1:1", "-o", str(tmp_path / name), "-q"]) == 0
    frame = pd.read_parquet(tmp_path / "r.parquet")
    assert len(frame) == len(cx)
    assert frame["volume"].sum() == pytest.approx(4)
    assert ["".join(map(str, row)) for row in cx.patterns.tolist()] == frame["pattern"].tolist()
    np.testing.assert_array_equal(frame[["weight0_0", "weight0_1"]].to_numpy(), cx.weights[:, 0])
    assert len(pd.read_csv(tmp_path / "r.csv")) == len(cx)
    import shapely.geometry

    features = json.loads((tmp_path / "r.geojson").read_text())["features"]
    shapes = [shapely.geometry.shape(f["geometry"]) for f in features]
    assert sum(s.area for s in shapes) == pytest.approx(4)
    assert features[5]["properties"]["pattern"] == cx.patterns[5].tolist()


def test_info(model: str, capsys: pytest.CaptureFixture[str]) -> None:
    found = answer(capsys, "info", model)
    assert (found["inputs"], found["units"]) == (2, 16)
    assert int(found["bounds"]["serra_2018"]) == 37 * 37
    assert run(["info", model]) == 0
    assert "2 inputs, 1 outputs, 16 units" in capsys.readouterr().out


def test_verify(model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = answer(
        capsys, "sample", model, "--box", "-1:1", "--resolution", "7", "--method", "patterns",
        "-o", str(tmp_path / "v.png"), code=1,
    )  # fmt: skip
    report = pe.verify_sampling(
        pe.load(model), pe.Box(-1, 1, dim=2), method="patterns", resolution=7
    )
    assert [m["region"] for m in found["missed"]] == report.missed.tolist()
    assert (tmp_path / "v.png").stat().st_size > 2000
    assert run(["sample", model, "--box", "-1:1", "--resolution", "7"]) == 1
    assert "missed" in capsys.readouterr().out
    line = [([[1.0]], [0.0]), ([[1.0]], [0.0])]
    np.savez(
        tmp_path / "line.npz",
        **{k: v for i, (w, b) in enumerate(line) for k, v in ((f"W{i}", w), (f"b{i}", b))},
    )
    assert run(["sample", str(tmp_path / "line.npz"), "--box", "-1:1", "--resolution", "10"]) == 0


TWO_BOXES = """(declare-const X_0 Real)(declare-const X_1 Real)(declare-const Y_0 Real)
(assert (<= -1 X_1 1))(assert (or (<= -1 X_0 0) (<= 0.5 X_0 1)))(assert (<= Y_0 0))"""


def test_count_on_several_sets_of_inputs(
    model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "two.vnnlib"
    file.write_text(TWO_BOXES)
    boxes = [pe.Box([-1, -1], [0, 1]), pe.Box([0.5, -1], [1, 1])]
    counts = [int(pe.count_regions(pe.load(model), box)) for box in boxes]
    found = answer(capsys, "count", model, "--vnnlib", str(file))
    assert [d["activation_regions"] for d in found["domains"]] == counts
    assert found["activation_regions"] == sum(counts)
    assert found["complete"]
    assert run(["count", model, "--vnnlib", str(file)]) == 0
    assert "2 of 2" in capsys.readouterr().out
    found = answer(capsys, "count", model, "--vnnlib", str(file), "--max-regions", "2", code=3)
    assert [d["activation_regions"] for d in found["domains"]] == [2, 2]
    output = str(tmp_path / "r.npz")
    assert run(["enumerate", model, "--vnnlib", str(file), "-o", output]) == 2
    assert "names 2 sets of inputs, and this command takes one" in capsys.readouterr().err


BAD = {
    "no command": ([], "no command"),
    "unknown command": (["cuont"], "No such command 'cuont'"),
    "no domain": (["count", "MODEL"], "no domain: give --box"),
    "no file": (["count", "nowhere.onnx", "--box", "0:1"], "nowhere.onnx: no such file"),
    "box": (["count", "MODEL", "--box", "1"], "--box must be LOW:HIGH, as -2:2, found '1'"),
    "boxes": (["count", "MODEL", "--box", "0:1,0:1,0:1"], "3 ranges for 2 axes"),
    "empty box": (["count", "MODEL", "--box", "1:0"], "axis 0: the lower bound"),
    "threads": (["count", "MODEL", "--box", "0:1", "--threads", "x"], "Invalid value for '--threads'"),
    "engine": (["count", "MODEL", "--box", "0:1", "--engine", "gpu"], "engine must be one of"),
    "both": (["count", "MODEL", "--box", "0:1", "--vnnlib", "MODEL"], "--vnnlib says the whole domain"),
    "vnnlib": (["count", "MODEL", "--vnnlib", "MODEL"], "not a text file"),
    "output": (["enumerate", "MODEL", "--box", "0:1", "-o", "r.docx"], "unknown kind of file '.docx'"),
    "no output": (["enumerate", "MODEL", "--box", "0:1"], "Missing option '--output'"),
    "folder": (["enumerate", "MODEL", "--box", "0:1", "-o", "no/where/r.npz"], "there is no folder"),
    "picture": (["plot", "MODEL", "--box", "0:1", "-o", "r.bmp"], "unknown kind of picture"),
    "kind": (["plot", "MODEL", "--box", "0:1", "-o", "r.png", "--kind", "pie"], "--kind must be auto"),
    "dimension": (["plot", "MODEL", "--box", "0:1", "-o", "r.png", "--kind", "cells"], "is for 3 dimensions"),
    "color": (["plot", "MODEL", "--box", "0:1", "-o", "r.png", "--kind", "creases", "--color", "slope"],
              "has colours of its own"),
    "theme": (["plot", "MODEL", "--box", "0:1", "-o", "r.png", "--theme", "sepia"], "theme must be one of"),
    "check a model": (["check", "MODEL"], "not a file that polyenum saved"),
    "method": (["sample", "MODEL", "--box", "0:1", "--method", "guess"], "method must be one of"),
    "slopes": (["sample", "MODEL", "--box", "0:1", "--method", "slopes"], "on a line"),
    "shape": (["count", "MODEL", "--box", "0:1", "--input-shape", "a"], "--input-shape must be"),
    "shape's underscore": (["count", "MODEL", "--box", "0:1", "--input-shape", "1_0"], "--input-shape must be"),
    "shape's digits": (["count", "MODEL", "--box", "0:1", "--input-shape", "\u0663"], "--input-shape must be"),
    "page of nothing": (["explore", "--box", "0:1"], "--box and --slice are of a model"),
    "page's theme": (["explore", "MODEL", "--theme", "blue"], "theme must be one of"),
    "page's box": (["explore", "MODEL", "--box", "0:1,0:1,0:1"], "3 ranges for 2 axes"),
    "points": (["count", "MODEL", "--slice", "MODEL", "MODEL", "MODEL"], "not an .npy file of numbers"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_bad_arguments(
    name: str, model: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    arguments, message = BAD[name]
    before = sorted(tmp_path.iterdir())
    assert run([model if a == "MODEL" else a for a in arguments]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert message in err
    assert err.startswith("polyenum: ")
    assert err.count("\n") == 1
    assert sorted(tmp_path.iterdir()) == before


def test_as_a_program(model: str) -> None:
    """In a process of its own: help, version, and no traceback."""
    program = [sys.executable, "-m", "polyenum"]
    shown = subprocess.run([*program, "--help"], capture_output=True, text=True, check=True).stdout
    for command in ("count", "enumerate", "sample", "plot", "info", "check", "demo"):
        assert command in shown
    version = subprocess.run([*program, "--version"], capture_output=True, text=True, check=True)
    assert version.stdout == f"polyenum {pe.__version__}\n"
    wrong = subprocess.run([*program, "count", model], capture_output=True, text=True)
    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert "Traceback" not in wrong.stderr
    # A reader that stops reading.
    shell = f"{sys.executable} -m polyenum info {model} | head -1"
    assert subprocess.run(shell, shell=True, capture_output=True, env=os.environ).stderr == b""


def commands(model: str, saved: str) -> dict[str, list[str]]:
    """Return a small, quick call of each command that writes, with its output left open."""
    return {
        "enumerate": ["enumerate", model, "--box", "-1:1", "-o"],
        "sample": ["sample", model, "--box", "-1:1", "--resolution", "40", "-o"],
        "plot": ["plot", model, "--box", "-1:1", "-o"],
        "plot saved": ["plot", saved, "-o"],
    }


SUFFIXES = {
    "enumerate": (".npz", ".csv", ".geojson", ".parquet"),
    "sample": (".png", ".html"),
    "plot": (".png", ".svg", ".pdf", ".html"),
    "plot saved": (".png", ".html"),
}
WRITES = [(command, suffix) for command, kinds in SUFFIXES.items() for suffix in kinds]


@pytest.fixture
def saved(model: str, tmp_path: Path) -> str:
    exact(model).save(tmp_path / "saved.npz")
    return str(tmp_path / "saved.npz")


def one_line(capsys: pytest.CaptureFixture[str], arguments: list[str], code: int = 2) -> str:
    """Run a command that must fail; return what it said, in one line."""
    assert run(arguments) == code
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("polyenum: ")
    assert err.count("\n") == 1
    assert "a fault of polyenum" not in err
    return err


@pytest.fixture
def no_work(saved: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever starts to enumerate, or draws, has begun work that would be lost."""

    def started(*_: Any, **__: Any) -> None:
        raise AssertionError("the work was begun")

    for name in ("enumerate_regions", "verify_sampling"):
        monkeypatch.setattr(pe, name, started)


@pytest.mark.usefixtures("saved", "no_work")
@pytest.mark.parametrize(("command", "suffix"), WRITES)
def test_outputs_are_refused_before_any_work(
    command: str, suffix: str, model: str, saved: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:  # fmt: skip
    start = commands(model, saved)[command]
    (tmp_path / f"folder{suffix}").mkdir()
    (tmp_path / f"null{suffix}").symlink_to("/dev/full")
    os.link(start[1], tmp_path / f"same{suffix}")
    before = sorted(tmp_path.iterdir())
    content = Path(start[1]).read_bytes()
    for name, message in (
        (f"folder{suffix}", "is a folder"),
        (f"no/where{suffix}", "there is no folder"),
        (f"null{suffix}", "is no regular file"),
        (f"same{suffix}", "that is read"),
        ("a.docx", "unknown kind of"),
        ("a", "unknown kind of"),
        ("", "unknown kind of"),
        ("x" * 300 + suffix, "cannot be written"),
    ):
        assert message in one_line(capsys, [*start, str(tmp_path / name) if name else ""])
    assert sorted(tmp_path.iterdir()) == before
    assert Path(start[1]).read_bytes() == content


@pytest.mark.parametrize(("command", "suffix"), WRITES)
def test_a_full_disk(
    command: str, suffix: str, model: str, saved: str, tmp_path: Path,
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """It is noticed as the file is brought to the disk; the earlier one stays."""
    output = tmp_path / f"out{suffix}"
    output.write_bytes(b"earlier")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    said = one_line(capsys, [*commands(model, saved)[command], str(output)])
    assert "No space left on device" in said
    assert output.read_bytes() == b"earlier"
    assert not list(tmp_path.glob(".*"))


def test_a_part_is_drawn_and_said(model: str, tmp_path: Path) -> None:
    part = str(tmp_path / "part.npz")
    start = ["enumerate", model, "--box", "-1:1", "--max-regions", "3", "-q"]
    assert run([*start, "-o", part]) == 3
    assert run(["plot", part, "-o", str(tmp_path / "part.png")]) == 3
    assert (tmp_path / "part.png").stat().st_size > 2000


def bad_files(tmp_path: Path) -> dict[str, str]:
    """Return files that are no models, of all kinds."""
    import torch

    (tmp_path / "folder.npz").mkdir()
    for name in (
        "text.npz",
        "text.onnx",
        "text.pt",
        "text.safetensors",
        "text.vnnlib",
        "text.npy",
        "empty.onnx",
    ):
        (tmp_path / name).write_bytes(b"" if "empty" in name else b"hello \xff\x00 there")
    torch.save({"0.weight": torch.empty(1, 2, device="meta")}, tmp_path / "meta.pt")
    np.savez(tmp_path / "gap.npz", W0=np.ones((3, 2)), W2=np.ones((1, 3)))
    np.savez(tmp_path / "nan.npz", W0=np.full((3, 2), np.nan))
    (tmp_path / "pipe.onnx").symlink_to("/dev/null")
    return {file.name: str(file) for file in tmp_path.iterdir()} | {"none": "none.npz"}


def test_bad_files_for_every_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "files").mkdir()
    for file in bad_files(tmp_path / "files").values():
        for start in (["count"], ["enumerate", "-o", str(tmp_path / "r.npz")], ["sample"],
                      ["plot", "-o", str(tmp_path / "r.png")]):  # fmt: skip
            one_line(capsys, [start[0], file, "--box", "-1:1", *start[1:]])
        for start in (["info"], ["check"], ["explore", "--no-browser"]):
            one_line(capsys, [*start, file])
    assert [f.name for f in tmp_path.iterdir()] == ["files"]


ARGUMENTS = """
count MODEL --box -1:1 --threads 0
count MODEL --box -1:1 --threads 999999999
count MODEL --box -1:1 --max-regions 0
count MODEL --box -1:1 --max-regions 1.5
count MODEL --box nan:1
count MODEL --box 0:inf
count MODEL --box 0:1e400
count MODEL --box :
count MODEL --box ''
count MODEL --box -1:1 --engine shapely --uncertified x
count MODEL --box -1:1 --engine lp --uncertified
count MODEL --slice a b c
count MODEL --slice a b
count MODEL --vnnlib none.vnnlib
count MODEL --vnnlib .
count . --box -1:1
count
enumerate
enumerate MODEL
verify
plot
plot MODEL
info
check
verify MODEL --box -1:1 --sampling random --seed -1
verify MODEL --box -1:1 --resolution 1
verify MODEL --box -1:1 --resolution 999999999
verify MODEL --box -1:1 --dtype float16
verify MODEL --box -1:1 --sampling some
verify MODEL --box -1:1 --seed x
explore --port 70000 --no-browser
explore --port -1 --no-browser
explore --theme x
explore --slice a b c
explore MODEL --slice a b c
plot SAVED --box -1:1 -o r.png
plot MODEL --box -1:1 -o r.png --color x
check MODEL
check SAVED --model none.npz
demo -o FILE
info SAVED --input-shape x
count MODEL --box -1:1 --nothing
--nothing
verify MODEL --box -1:1 --method rounded --decimals 99999999999999999999
"""


@pytest.mark.parametrize("line", ARGUMENTS.splitlines())
def test_bad_arguments_of_every_command(
    line: str, model: str, saved: str, tmp_path: Path, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    (tmp_path / "FILE").write_text("")
    before = sorted(tmp_path.iterdir())
    named = {"MODEL": model, "SAVED": saved, "''": ""}
    if line == "info SAVED --input-shape x":
        named["SAVED"] = model
    one_line(capsys, [named.get(word, word) for word in line.split()])
    assert sorted(tmp_path.iterdir()) == before


def test_faults_of_our_own_are_one_line_too(
    model: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit code 1, of a traceback, would say that a result is wrong."""
    for error, code, message in (
        (TypeError("planted"), 2, "a fault of polyenum, not of its input: TypeError: planted"),
        (MemoryError(), 3, "out of memory"),
        (OSError(28, "No space left on device"), 2, "No space left on device"),
        (KeyboardInterrupt(), 130, "interrupted"),
    ):

        def fail(*_: Any, error: BaseException = error, **__: Any) -> None:
            raise error

        with monkeypatch.context() as patch:
            patch.setattr(pe, "count_regions", fail)
            assert run(["count", model, "--box", "-1:1"]) == code
        err = capsys.readouterr().err
        assert message in err
        assert len(err.strip().splitlines()) == 1


def test_nothing_can_be_printed(model: str) -> None:
    """The result goes to a full device: said, and no second error as the interpreter ends."""
    program = f"{sys.executable} -m polyenum info {model} > /dev/full"
    done = subprocess.run(program, shell=True, capture_output=True, text=True, env=os.environ)
    assert done.returncode == 2
    assert done.stderr == "polyenum: No space left on device\n"


def test_no_result_takes_the_place_of_one(
    model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A named fault: Ctrl-C before the first region replaced an earlier whole result by an empty one."""
    kept = tmp_path / "kept.npz"
    exact(model).save(kept)
    before = kept.read_bytes()
    empty = pe.enumerate_regions(pe.load(model), pe.Box(-1, 1, dim=2), max_regions=1)
    monkeypatch.setattr(pe.RegionComplex, "__len__", lambda self: 0)
    monkeypatch.setattr(pe, "enumerate_regions", lambda *_, **__: empty)
    assert run(["enumerate", model, "--box", "-1:1", "-o", str(kept)]) == 3
    assert "was not written" in capsys.readouterr().err
    assert kept.read_bytes() == before


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--box", "1_0:20"], "--box must be LOW:HIGH"),
        (["--box", "\u0663:\u0664"], "--box must be LOW:HIGH"),
        (["--slice", "a.txt", "a.txt", "a.txt"], "not an .npy file of numbers"),
        (["--slice", "bad.npy", "bad.npy", "bad.npy"], "not an .npy file of numbers"),
    ],
)
def test_domains_are_named(
    model: str,
    arguments: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("a.txt", "bad.npy"):
        (tmp_path / name).write_text("1 2 3")
    assert run(["count", model, *arguments]) == 2
    err = capsys.readouterr().err
    assert message in err
    assert "pickle" not in err


def test_what_is_no_model_is_named(
    model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    exact(model).save(tmp_path / "saved.npz")
    assert run(["count", str(tmp_path / "saved.npz"), "--box", "-1:1"]) == 2
    assert "holds saved regions" in capsys.readouterr().err
    assert run(["info", str(tmp_path)]) == 2
    assert "is a folder" in capsys.readouterr().err


@pytest.mark.parametrize("title", [r"$\frac{$", "$$", "\udcff"])
def test_titles_that_cannot_be_drawn(
    model: str, title: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "x.png"
    assert run(["plot", model, "--box", "-1:1", "-o", str(file), "--title", title]) == 2
    assert "--title" in capsys.readouterr().err
    assert not file.exists()


@pytest.mark.parametrize("title", ["a $x$ b $", r"\$5 and $x", "$x_1$"])
def test_dollar_signs_that_can_be_drawn(model: str, title: str, tmp_path: Path) -> None:
    file = tmp_path / "x.png"
    assert run(["plot", model, "--box", "-1:1", "-o", str(file), "-q", "--title", title]) == 0
    assert file.exists()


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_streams_are_no_fault(model: str, closed: str, tmp_path: Path) -> None:
    """A named fault: with all of them closed nothing was written, and errors went to the output."""
    program, file = f"{sys.executable} -m polyenum", tmp_path / "r.npz"
    command = f"{program} enumerate {model} --box -1:1 -o {file} {closed}"
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert len(pe.open_regions(file)) == len(exact(model))
    done = subprocess.run(
        ["sh", "-c", f"{program} info {file}.none {closed}"], capture_output=True, text=True
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(("error", "code"), [(MemoryError, 3), (KeyboardInterrupt, 130)])
def test_what_ends_a_command_after_its_file_was_written(
    model: str, error: type[BaseException], code: int, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    """A named fault: 'out of memory' alone, though the whole result was there."""
    file = tmp_path / "r.npz"

    def fail(*_: Any, **__: Any) -> None:
        raise error

    monkeypatch.setattr("polyenum.cli.output.show", fail)
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        assert run(["enumerate", model, "--box", "-1:1", "-o", str(file)]) == code
    assert "r.npz was written before that, and is whole" in capsys.readouterr().err
    assert len(pe.open_regions(file)) == len(exact(model))


def test_ctrl_c_while_the_commands_are_loaded(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Interrupted:
        def find_spec(self, name: str, *_: Any) -> None:
            if name == "polyenum.cli.app":
                raise KeyboardInterrupt

    monkeypatch.delitem(sys.modules, "polyenum.cli.app", raising=False)
    monkeypatch.setattr(sys, "meta_path", [Interrupted(), *sys.meta_path])
    assert one_line(capsys, ["info", "x"], 130) == "polyenum: interrupted\n"


def test_blas_is_loaded_before_any_thread_of_a_walk() -> None:
    """A named fault: where memory was short, a thread that was the first to load BLAS never came back."""
    code = (
        "import sys, polyenum.cells.vertex.engine; print('scipy.linalg.cython_blas' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "True\n"


def test_ctrl_c_ends_the_counts_on_all_sets(
    model: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    calls = []

    def stopped(net: Any, domain: Any, **_: Any) -> pe.RegionCount:
        calls.append(domain)
        part: pe.RegionCount = first(net, domain, max_regions=1)
        return part

    first = pe.count_regions
    monkeypatch.setattr(pe, "count_regions", stopped)
    boxes = [pe.Box(-1, 1, dim=2), pe.Box(1, 2, dim=2), pe.Box(2, 3, dim=2)]
    for options, counted in (({}, 1), ({"max_regions": 1}, 3)):
        calls.clear()
        with pytest.raises(typer.Exit) as end:
            count_each("net", pe.load(model), boxes, as_json=True, **options)
        assert end.value.exit_code == 3
        assert calls == boxes[:counted]
        assert len(json.loads(capsys.readouterr().out)["domains"]) == counted


def test_counts_on_several_sets_are_shown_in_a_narrow_terminal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A named fault: a domain's long name left no room for its count."""
    layers = random_layers([6, 3, 1])
    np.savez(
        tmp_path / "n.npz",
        **{f"{k}{i}": x for i, pair in enumerate(layers) for k, x in zip("Wb", pair, strict=True)},
    )
    names = [f"X_{i}" for i in range(6)]
    lines = [f"(declare-const {x} Real)" for x in [*names, "Y_0"]]
    lines += [
        f"(assert (<= {0.123456 + i / 10} {x} {1.654321 + i / 10}))"
        for i, x in enumerate(names[1:])
    ]
    lines += ["(assert (or (<= 0.1 X_0 0.2) (<= 0.5 X_0 0.75)))", "(assert (>= Y_0 0))"]
    file = tmp_path / "p.vnnlib"
    file.write_text("\n".join(lines))
    monkeypatch.setenv("COLUMNS", "80")
    assert run(["count", str(tmp_path / "n.npz"), "--vnnlib", str(file)]) == 0
    shown = capsys.readouterr().out
    total = sum(pe.count_regions(layers, domain) for domain, _ in pe.load_vnnlib(file))
    row = next(line for line in shown.splitlines() if "activation regions" in line)
    assert f"{total:,}" in row


def test_no_result_takes_the_place_of_a_models_data(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A named fault: -o named the file in which the model keeps its weights, and they were gone."""
    onnx = pytest.importorskip("onnx")
    from onnx import TensorProto, helper, numpy_helper

    weight = numpy_helper.from_array(np.ones((2, 1), np.float32), "w")
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["h"]), helper.make_node("Relu", ["h"], ["y"])],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 2])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 1])],
        [weight],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    file, data = tmp_path / "m.onnx", tmp_path / "weights.csv"
    (tmp_path / "links").mkdir()
    link = tmp_path / "links" / "l.onnx"
    onnx.save_model(model, file, save_as_external_data=True, location=data.name, size_threshold=0)
    before = data.read_bytes()
    link.symlink_to(file)
    for name in (file, link):
        assert run(["enumerate", str(name), "--box", "-1:1", "-o", str(data)]) == 2
        assert "that is read" in capsys.readouterr().err
        assert data.read_bytes() == before


@pytest.fixture
def several(tmp_path: Path) -> str:
    """An ONNX file of two inputs, whose shapes it leaves open, and two outputs."""
    onnx = pytest.importorskip("onnx")
    from onnx import TensorProto, helper

    def value(name: str) -> Any:
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", "size"])

    nodes = [
        helper.make_node("Add", ["a", "b"], ["h"]),
        helper.make_node("Relu", ["h"], ["0"]),
        helper.make_node("Neg", ["0"], ["y"]),
    ]
    graph = helper.make_graph(nodes, "g", [value("a"), value("b")], [value("0"), value("y")])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save_model(model, tmp_path / "m.onnx")
    return str(tmp_path / "m.onnx")


def test_what_is_read_is_chosen_by_options(
    several: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "give --input-shape, without" in one_line(capsys, ["info", several])
    shapes = ["--input-shape", "2", "--input-shape", "2"]
    found = answer(capsys, "info", several, *shapes)
    assert (found["inputs"], found["outputs"]) == (4, 4)
    found = answer(
        capsys, "info", several, *shapes, "--outputs", "0", "--inputs", "b", "--inputs", "a"
    )
    assert (found["inputs"], found["outputs"]) == (4, 2)
    assert "'nothing'" in one_line(capsys, ["info", several, *shapes, "--outputs", "nothing"])


def test_errors_name_options(
    model: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = []

    def fail(*_: Any, check: bool, **__: Any) -> None:
        asked.append(check)
        raise pe.NetworkError(
            "give input_shape=(1, 28) or input_shape=(7,) or input_shape=; check=False or "
            "ignore_output_activation=True"
        )

    monkeypatch.setattr("polyenum.cli.arguments.load", fail)
    said = one_line(capsys, ["count", model, "--box", "0:1", "--no-check"])
    assert said == (
        "polyenum: give --input-shape 1,28 or --input-shape 7 or --input-shape; --no-check or "
        "--ignore-output-activation\n"
    )
    assert asked == [False]
