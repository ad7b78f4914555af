"""The distribution's name: another project's package has the import name on the index."""

from __future__ import annotations

import ast
import re
import subprocess
from pathlib import Path

import pytest

from polyenum.errors import missing_extra

ROOT = Path(__file__).parents[1]
NAME = "polyenum-regions"

# A requirement with extras, and a plain name after pip install, options between.
FOREIGN = re.compile(
    r"(?<![\w./-])polyenum\["
    r"|(?:pip3?|uv|pipx)\s+(?:install|add)\b[^\n|&;`)]*?(?<![\w./=-])polyenum(?![\w.-]|/|\s+@)"
)


def tracked() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True
    ).stdout
    return [ROOT / name for name in listed.decode().split("\0") if name]


def foreign(text: str) -> list[str]:
    """Return where a text tells people to install the other package."""
    return [found[0] for found in FOREIGN.finditer(text)]


@pytest.mark.parametrize(
    "text",
    [
        "pip install {}", "pip install -U {}", "%pip install -q \"{}[plot]\"", "pip install '{}'",
        "python -m pip install {}==0.1", "uv add {}", "dependencies = ['{}[torch]']",
    ],
)  # fmt: skip
def test_the_search_finds_it(text: str) -> None:
    assert foreign(text.format("polyenum"))
    assert not foreign(text.format(NAME))


def test_no_text_names_the_other_package() -> None:
    found = {}
    for file in tracked():
        try:
            text = file.read_text(encoding="utf-8")
        except (UnicodeDecodeError, FileNotFoundError):
            continue  # a picture, or a file that is being removed
        if wrong := foreign(text):
            found[str(file.relative_to(ROOT))] = wrong
    assert found == {}
    assert len(tracked()) > 100


def project() -> str:
    return (ROOT / "pyproject.toml").read_text(encoding="utf-8")


def extras() -> set[str]:
    table = project().split("[project.optional-dependencies]\n")[1].split("\n[")[0]
    return set(re.findall(r"^(\w+) = \[", table, re.MULTILINE))


def test_the_distribution_has_a_name_of_its_own() -> None:
    assert f'\nname = "{NAME}"\n' in project()
    for own in re.findall(r'"poly(?:enum)[^"]*\[([\w,]+)\]"', project()):
        assert set(own.split(",")) <= extras()


def test_errors_name_extras_that_there_are() -> None:
    asked = set()
    for file in (ROOT / "polyenum").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            name = getattr(getattr(node, "func", None), "id", "")
            if name in ("missing_extra", "import_extra") and isinstance(node.args[1], ast.Constant):
                asked.add(node.args[1].value)
    assert len(asked) > 5
    assert asked <= extras()
    for extra in asked:
        message = str(missing_extra("something", extra))
        assert f"pip install '.[{extra}]'" in message
        assert not foreign(message)
