"""The folders are the architecture: no circles, and documents that name what is there."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import polyenum

PACKAGE = Path(polyenum.__file__).parent
ROOT = PACKAGE.parent


def modules() -> dict[str, Path]:
    """Return every module of the package by its dotted name."""
    found = {}
    for path in PACKAGE.rglob("*.py"):
        name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        found[name.removesuffix(".__init__")] = path
    return found


def imports(path: Path, known: dict[str, Path]) -> Iterator[str]:
    """Yield what of the package a module imports anywhere, but for what only types need."""
    tree = ast.parse(path.read_text())
    for_types = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        for part in node.body
        for inner in ast.walk(part)
    }
    for node in ast.walk(tree):
        if id(node) in for_types:
            continue
        if isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                name = whole if whole in known else node.module
                if name in known:
                    yield name
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in known)


def test_no_circles_between_modules_or_packages() -> None:
    known = modules()
    by_module: dict[str, set[str]] = {}
    by_package: dict[str, set[str]] = defaultdict(set)
    for name, path in known.items():
        if name == "polyenum":  # its names are imported when they are used
            continue
        by_module[name] = {x for x in imports(path, known) if x not in ("polyenum", name)}
        for other in by_module[name]:
            one, two = name.split(".")[1], other.split(".")[1]
            if one != two:
                by_package[one].add(two)
    assert len(by_module) > 150
    assert "networks" in by_package["cells"]
    # Each raises CycleError, which names the circle.
    list(TopologicalSorter(by_module).static_order())
    list(TopologicalSorter(by_package).static_order())


def test_documents_name_files_that_exist() -> None:
    """A path in backticks is a file of the package, from its root or from a folder named before it."""
    files = {str(path.relative_to(PACKAGE)) for path in PACKAGE.rglob("*") if path.is_file()}
    files |= {str(path.relative_to(ROOT)) for path in (ROOT / "tests").rglob("*.py")}
    files |= {str(path.relative_to(ROOT)) for path in (ROOT / "benchmarks").rglob("*.py")}
    count = 0
    for document in (*sorted((ROOT / "docs").glob("*.md")), ROOT / "README.md"):
        for name in re.findall(r"`([\w/]+\.py)`", document.read_text()):
            count += 1
            assert any(f"/{file}".endswith(f"/{name}") for file in files), (document.name, name)
    assert count > 100
