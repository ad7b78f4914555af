"""The strategies find bugs planted in copies of the library: part of ``make fuzz``, for copies compile anew."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import polyenum as pe

CLAIM = """
from hypothesis import given, settings
import polyenum as pe
from polyenum.testing import domains, networks

@settings(deadline=None, database=None)
@given(networks(inputs=2), domains(2, kinds="box"))
def claim(net, box):
    pe.check(pe.enumerate_regions(net, box, threads=1), net, box)

claim()
"""

BUGS = {
    "none": ("cells/vertex/stack.py", "", ""),
    "a dropped cell": (
        "cells/vertex/stack.py",
        "    c[DEPTH] += 1\n\n\n@compiled()\ndef push_copy",
        "    c[DEPTH] += 0 if c[CUTS] == 3 else 1\n\n\n@compiled()\ndef push_copy",
    ),
    "a flipped bit": (
        "cells/vertex/output.py",
        "    copy(sharpest(t.layers, s), t.form[t.layers], s.out_maps[r]",
        "    if c[REGIONS] % 8 == 5:\n        packed[0] ^= np.uint8(1)\n"
        "    copy(sharpest(t.layers, s), t.form[t.layers], s.out_maps[r]",
    ),
    "a wrong neighbor": (
        "regions/facets.py",
        "neighbor[f], neighbor[g] = other, region",
        "neighbor[f], neighbor[g] = other, region - (region == 4)",
    ),
}


@pytest.mark.parametrize("bug", BUGS)
def test_bugs_planted_in_a_copy_are_found(bug: str, tmp_path: Path) -> None:
    """Within the default number of examples: 100."""
    shutil.copytree(
        Path(pe.__file__).parent,
        tmp_path / "polyenum",
        ignore=shutil.ignore_patterns("__pycache__"),
    )
    name, right, wrong = BUGS[bug]
    file = tmp_path / "polyenum" / name
    text = file.read_text()
    assert text.count(right) == 1 or bug == "none"
    file.write_text(text.replace(right, wrong, 1))
    (tmp_path / "claim.py").write_text(CLAIM)
    done = subprocess.run(
        [sys.executable, "claim.py"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path), "HYPOTHESIS_PROFILE": "default"},
        capture_output=True,
        text=True,
    )
    if bug == "none":
        assert done.returncode == 0, done.stderr
    else:
        assert done.returncode != 0
        assert "CheckError" in done.stderr
        assert "net=network([" in done.stderr
