"""Files are written whole or not at all, and nothing is left behind; names are checked before any work."""

from __future__ import annotations

import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import polyenum as pe
from polyenum.files import output
from polyenum.files.output import check_folder, check_place, written, written_text
from polyenum.regions.tables import write
from tests.sampling.test_sampling import random_layers

KINDS = ("r.npz", "r.csv", "r.geojson", "r.parquet")


@pytest.fixture(scope="module")
def cx() -> pe.RegionComplex:
    return pe.enumerate_regions(random_layers([2, 8, 1]), pe.Box(-1, 1, dim=2))


@pytest.mark.parametrize("name", KINDS)
def test_every_kind_is_read_again(cx: pe.RegionComplex, tmp_path: Path, name: str) -> None:
    file = tmp_path / name
    for _ in range(2):
        write(cx, file)
    read: dict[str, Callable[[Path], int]] = {
        ".npz": lambda f: len(pe.open_regions(f)),
        ".csv": lambda f: len(pd.read_csv(f)),
        ".parquet": lambda f: len(pd.read_parquet(f)),
        ".geojson": lambda f: len(json.loads(f.read_text())["features"]),
    }
    assert read[file.suffix](file) == len(cx)
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("bytes_before", [0, 40])
def test_a_full_disk(
    cx: pe.RegionComplex, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, bytes_before: int
) -> None:  # fmt: skip
    """The disk takes some bytes and then no more; the earlier file stays, and nothing else does."""
    file = tmp_path / name
    file.write_bytes(b"earlier")
    opened = os.fdopen

    def small(handle: int, *args: Any, **options: Any) -> Any:
        stream = opened(handle, *args, **options)
        left = [bytes_before]
        raw_write = stream.write

        class Small:
            closed = False

            def __getattr__(self, attribute: str) -> Any:
                return getattr(stream, attribute)

            def write(self, data: Any) -> int:
                left[0] -= len(data)
                if left[0] < 0:
                    raise OSError(28, "No space left on device")
                return raw_write(data)

        return Small()

    monkeypatch.setattr(output.os, "fdopen", small)
    with pytest.raises(pe.FileError, match=r"No space left on device.*is unchanged"):
        write(cx, file)
    assert file.read_bytes() == b"earlier"
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize("error", [KeyboardInterrupt, MemoryError, SystemExit])
def test_whatever_ends_a_writer(tmp_path: Path, error: type[BaseException]) -> None:
    file = tmp_path / "a.csv"
    file.write_text("earlier")

    def fail() -> None:
        with written_text(file) as text:
            text.write("x" * 100_000)
            raise error

    with pytest.raises(error):
        fail()
    assert file.read_text() == "earlier"
    assert list(tmp_path.iterdir()) == [file]


WRITER = """
import sys
from polyenum.files.output import written
with written(sys.argv[1]) as stream:
    stream.write(b"x" * 1_000_000)
    print("writing", flush=True)
    sys.stdin.readline()
"""


@pytest.fixture
def other(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process in the middle of writing ``a.npz``."""
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(tmp_path / "a.npz")],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.readline() == "writing\n"
    yield process
    process.kill()
    process.communicate()


def test_what_a_killed_process_left_is_removed(
    tmp_path: Path, other: subprocess.Popen[str]
) -> None:
    assert len(list(tmp_path.glob(".a.npz.*.part"))) == 1
    other.kill()
    other.wait()
    assert len(list(tmp_path.iterdir())) == 1  # of a million bytes
    with written(tmp_path / "a.npz") as stream:
        stream.write(b"new")
    assert [f.name for f in tmp_path.iterdir()] == ["a.npz"]


def test_two_processes_write_one_name(tmp_path: Path, other: subprocess.Popen[str]) -> None:
    """The one does not take the other's unfinished file for an abandoned one; the last to end wins."""
    with written(tmp_path / "a.npz") as stream:
        stream.write(b"quick")
    assert len(list(tmp_path.iterdir())) == 2
    other.communicate("go on\n", timeout=60)
    assert other.returncode == 0
    assert [f.name for f in tmp_path.iterdir()] == ["a.npz"]
    assert (tmp_path / "a.npz").stat().st_size == 1_000_000


def test_many_threads_write_one_name(tmp_path: Path) -> None:
    def work(number: int) -> None:
        for _ in range(20):
            with written(tmp_path / "a.csv") as stream:
                stream.write(bytes([number]) * 1000)

    threads = [threading.Thread(target=work, args=(k,)) for k in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [f.name for f in tmp_path.iterdir()] == ["a.csv"]
    content = (tmp_path / "a.csv").read_bytes()
    assert content == content[:1] * 1000


def test_permissions(tmp_path: Path) -> None:
    """A new file is made as `open` makes one, an earlier one's permissions stay, links stay links."""
    plain = tmp_path / "plain"
    plain.write_text("")
    expected = stat.S_IMODE(plain.stat().st_mode)
    with written(tmp_path / "new.npz"):
        pass
    assert stat.S_IMODE((tmp_path / "new.npz").stat().st_mode) == expected
    (tmp_path / "new.npz").chmod(0o640)
    (tmp_path / "link.npz").symlink_to("new.npz")
    with written(tmp_path / "link.npz") as stream:
        stream.write(b"through")
    assert (tmp_path / "link.npz").is_symlink()
    assert (tmp_path / "new.npz").read_bytes() == b"through"
    assert stat.S_IMODE((tmp_path / "new.npz").stat().st_mode) == 0o640


def test_the_umask_is_not_touched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It belongs to the whole process: other threads would make files that everybody can write."""

    def touched(_: int) -> int:
        raise AssertionError("the umask was set")

    monkeypatch.setattr(os, "umask", touched)
    with written(tmp_path / "a.npz"):
        pass


def links(tmp_path: Path) -> dict[str, Path]:
    """Return other names of ``model.npz``."""
    model = tmp_path / "model.npz"
    model.write_bytes(b"model")
    (tmp_path / "soft.npz").symlink_to(model)
    os.link(model, tmp_path / "hard.npz")
    (tmp_path / "folder").mkdir()
    return {
        "itself": model,
        "soft": tmp_path / "soft.npz",
        "hard": tmp_path / "hard.npz",
        "relative": tmp_path / "folder" / ".." / "model.npz",
    }


@pytest.mark.parametrize("name", ["itself", "soft", "hard", "relative"])
def test_a_result_does_not_replace_what_is_read(tmp_path: Path, name: str) -> None:
    file = links(tmp_path)[name]
    with pytest.raises(pe.FileError, match=r"is the file .*model\.npz' that is read"):
        check_place(file, (".npz",), inputs=[tmp_path / "model.npz"])
    assert (tmp_path / "model.npz").read_bytes() == b"model"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("a.docx", r"unknown kind of file '\.docx'"),
        ("", "unknown kind of file ''"),
        ("nowhere/a.npz", "cannot be written; there is no folder"),
        ("file/a.npz", "cannot be written; there is no folder"),
        ("folder.npz", "is a folder"),
        ("pipe.npz", "is no regular file"),
        ("null.npz", "is no regular file"),
        ("lost.npz", "is a link into a folder that does not exist"),
        ("x" * 300 + ".npz", "cannot be written"),
        ("a\0.npz", "zero byte"),
        ("loop.npz", "cannot be written"),
    ],
)
def test_names_that_cannot_be_written(tmp_path: Path, name: str, message: str) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "folder.npz").mkdir()
    os.mkfifo(tmp_path / "pipe.npz")
    (tmp_path / "null.npz").symlink_to("/dev/null")
    (tmp_path / "lost.npz").symlink_to(tmp_path / "no" / "such.npz")
    (tmp_path / "loop.npz").symlink_to("loop.npz")
    before = sorted(tmp_path.iterdir())
    with pytest.raises(pe.FileError, match=message):
        check_place(os.path.join(tmp_path, name), (".npz", ".csv"))
    if "unknown" not in message:
        with pytest.raises(pe.FileError, match=message), written(os.path.join(tmp_path, name)):
            pass
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize("name", [None, 5, ["a.npz"]])
def test_names_that_are_none(cx: pe.RegionComplex, name: Any) -> None:
    for function in (cx.save, pe.open_regions, lambda n: write(cx, n)):
        with pytest.raises(
            pe.FileError, match=r"must be the path of a file|must be a path or text"
        ):
            function(name)


def test_a_folder_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = os.open

    def read_only(path: Any, flags: int, *rest: Any, **more: Any) -> int:
        if flags & os.O_CREAT:
            raise OSError(30, "Read-only file system")
        return opened(path, flags, *rest, **more)

    monkeypatch.setattr(output.os, "open", read_only)
    for check in (
        lambda: check_place(tmp_path / "a.npz", (".npz",)),
        lambda: check_folder(tmp_path),
    ):
        with pytest.raises(pe.FileError, match="Read-only file system"):
            check()


SAVES = """
import sys
import numpy as np
import polyenum as pe
layers = [(np.eye(2), [0.1, 0.2]), ([[1.0, 1.0]], [0.0])]
cx = pe.enumerate_regions(layers, pe.Box(-1, 1, dim=2))
print("ready", flush=True)
while True:
    cx.save(sys.argv[1])
"""


def test_killed_at_any_moment(tmp_path: Path) -> None:
    """What is there is always a whole file."""
    file = tmp_path / "r.npz"
    for k in range(5):
        process = subprocess.Popen(
            [sys.executable, "-c", SAVES, str(file)], stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        while not file.exists():
            time.sleep(0.001)
        time.sleep(0.003 * k)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        assert len(pe.open_regions(file)) == 4
    assert len(list(tmp_path.iterdir())) <= 2
    shutil.copy(file, tmp_path / "copy")
    pe.open_regions(file).save(file)
    assert sorted(f.name for f in tmp_path.iterdir()) == ["copy", "r.npz"]
    with np.load(file) as a, np.load(tmp_path / "copy") as b:
        assert all(np.array_equal(a[name], b[name]) for name in a.files)


def test_two_processes_may_try_one_name(tmp_path: Path) -> None:
    """A named fault: one process removed what the other was about to remove, which then failed."""
    code = (
        "import sys; from polyenum.files.output import check_folder, check_place\n"
        "for _ in range(400): check_place(sys.argv[1] + '/r.csv', ['.csv']); check_folder(sys.argv[1])"
    )
    running = [
        subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stderr=subprocess.PIPE)
        for _ in range(3)
    ]
    for process in running:
        assert process.communicate()[1] == b""
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["n" * 200 + ".csv", "\u00e9" * 120 + ".csv", "[a]*?.csv"])
def test_any_name_that_a_file_can_have(tmp_path: Path, name: str) -> None:
    """What is added to a long name leaves it within what file systems take; a pattern is a name too."""
    file = tmp_path / name
    with written(file) as stream:
        (unfinished,) = tmp_path.glob(".*")
        assert len(os.fsencode(unfinished.name)) <= 150
        stream.write(b"1")
    assert list(tmp_path.iterdir()) == [file]
    unfinished.write_bytes(b"left by a killed process")
    check_place(file, [".csv"])
    assert list(tmp_path.iterdir()) == [file]


def test_a_name_that_looks_like_a_pattern_spares_others(tmp_path: Path) -> None:
    others = tmp_path / f".abc.csv.{'0' * 12}.part"
    others.write_bytes(b"of another file")
    check_place(tmp_path / "a*.csv", [".csv"])
    check_place(tmp_path / "a[b]c.csv", [".csv"])
    assert others.exists()


@pytest.mark.skipif(not hasattr(os, "O_NOFOLLOW"), reason="links are of POSIX")
def test_a_link_among_the_unfinished_is_not_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "target"
    target.write_bytes(b"1")
    link = tmp_path / f".a.csv.{'0' * 12}.part"
    link.symlink_to(target)
    locked: list[tuple[int, int]] = []
    lock = output._lock

    def seen(handle: int, *, wait: bool) -> bool:
        locked.append((os.fstat(handle).st_dev, os.fstat(handle).st_ino))
        return lock(handle, wait=wait)

    monkeypatch.setattr(output, "_lock", seen)
    check_place(tmp_path / "a.csv", [".csv"])
    assert (target.stat().st_dev, target.stat().st_ino) not in locked
    assert target.read_bytes() == b"1"
