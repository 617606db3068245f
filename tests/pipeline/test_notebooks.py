"""Notebooks run against a finished demo, are stored without outputs, and say the same as their plain twins."""

import os
import shutil

import jupytext
import nbformat
import pytest
from nbclient import NotebookClient

from conftest import PROJECT

pytestmark = pytest.mark.xdist_group("demo")
NOTEBOOKS = sorted((PROJECT / "notebooks").glob("*.ipynb"))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_stored_without_outputs_and_paired(path) -> None:
    notebook = nbformat.read(path, as_version=4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert code
    assert not any(cell.outputs or cell.execution_count for cell in code)
    twin = jupytext.read(path.with_suffix(".py"))
    assert [(c.cell_type, c.source) for c in notebook.cells] == [(c.cell_type, c.source) for c in twin.cells]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_runs_on_the_demo(path, demo, monkeypatch, tmp_path) -> None:
    copy, _ = demo
    folder = copy.folder / "notebooks"
    folder.mkdir(exist_ok=True)
    shutil.copy(path, folder)
    for name in ("JUPYTER_RUNTIME_DIR", "JUPYTER_CONFIG_DIR", "IPYTHONDIR", "MPLCONFIGDIR"):
        monkeypatch.setenv(name, str(tmp_path / name))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(copy.folder / "workflow"), os.environ.get("PYTHONPATH", "")]))
    notebook = nbformat.read(folder / path.name, as_version=4)
    NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(folder)}}).execute()
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    assert any("image/png" in output.get("data", {}) for output in outputs), "a drawing"
    assert not any(output.output_type == "error" for output in outputs)
