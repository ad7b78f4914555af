"""The notebook runs top to bottom, and shows what it says."""

from __future__ import annotations

from pathlib import Path

import nbformat
from nbclient import NotebookClient

NOTEBOOK = Path(__file__).parents[1] / "docs" / "polytopes.ipynb"


def test_the_notebook_runs(tmp_path: Path) -> None:
    notebook = nbformat.read(NOTEBOOK, 4)
    stored = [len(cell.get("outputs", [])) for cell in notebook.cells]
    resources = {"metadata": {"path": str(tmp_path)}}
    NotebookClient(notebook, timeout=300, kernel_name="python3", resources=resources).execute()
    assert [len(cell.get("outputs", [])) for cell in notebook.cells] == stored
    outputs = [o for cell in notebook.cells for o in cell.get("outputs", [])]
    assert sum("image/png" in o.get("data", {}) for o in outputs) == 10
    said = "".join(o.get("text", "") for o in outputs)
    assert "14 units, 352 regions; Montúfar's construction has 352" in said
    bends, breakpoints = (
        line.split("[")[1]
        for line in said.splitlines()
        if line.startswith(("bends", "exact break"))
    )
    assert bends == breakpoints
