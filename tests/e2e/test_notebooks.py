"""The notebooks of the documentation: they run, and are stored without what came out of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).parents[2] / "docs" / "notebooks"
NOTEBOOKS = sorted(path.name for path in FOLDER.glob("*.ipynb"))


def cells_of(notebook: dict[str, Any]) -> list[dict[str, Any]]:
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]


def test_there_are_three() -> None:
    assert NOTEBOOKS == ["planner.ipynb", "platform_engineer.ipynb", "researcher.ipynb"]


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_notebook_is_stored_without_outputs(name: str) -> None:
    for cell in cells_of(json.loads((FOLDER / name).read_text(encoding="utf-8"))):
        assert (cell["outputs"], cell["execution_count"]) == ([], None)


@pytest.mark.extra("notebooks", "nbclient", "nbformat", "ipykernel")
@pytest.mark.filterwarnings(
    "ignore"
)  # of what runs them; the notebooks have a process of their own
@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_notebook_runs_and_shows_something_in_every_cell(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import nbformat
    from nbclient import NotebookClient

    monkeypatch.setenv("JUPYTER_PLATFORM_DIRS", "1")
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    notebook = nbformat.read(FOLDER / name, as_version=4)
    resources = {"metadata": {"path": str(tmp_path)}}
    NotebookClient(notebook, timeout=300, kernel_name="python3", resources=resources).execute()
    pictures = 0
    for cell in cells_of(notebook)[1:]:
        assert cell["outputs"], cell["source"]
        pictures += sum("image/svg+xml" in out.get("data", {}) for out in cell["outputs"])
    assert pictures >= 2
