"""Notebooks of a study, executed and written as pages that hold all they show: no path of this machine, no clock, no chance."""

import os
import re
from functools import reduce
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from needling.study.keys import StudyError

MINUTES = 10  # after which a cell is given up
STYLE = Path(__file__).parents[2] / "jupyter/page.css"
CHANCE = [
    (re.compile(r" at 0x[0-9a-f]+"), ""),  # place in memory of an object that has no other face
    (
        re.compile(r"\S*ipykernel_\d+\S*?\.py"),
        "cell",
    ),  # what the kernel calls a cell in warnings: its own number and a hash
]


def notebooks(project: Path, study: str) -> list[Path]:
    """Find the notebooks that open a study.

    Parameters
    ----------
    project : its folder notebooks/ holds them, as Python files with cells.
    study : name of the study.
    """
    opens = re.compile(rf"""^[^#\n]*\bopen\(\s*["']{re.escape(study)}["']""", re.MULTILINE)
    found = sorted((project / "notebooks").glob("*.py"))
    return [path for path in found if opens.search(path.read_text(encoding="utf-8"))]


def write_pages(project: Path, study: str) -> list[Path]:
    """Execute the notebooks that open a study, from top to bottom, and write a page of each.

    Parameters
    ----------
    project, study : as for `notebooks`.

    Returns
    -------
    The pages, in data/processed/<study>/notebooks/: nothing hides small numbers in them, so they do not stand under reports/.

    Raises
    ------
    StudyError : no notebook opens the study, or a cell failed; the sentence names it.
    """
    found = notebooks(project, study)
    if not found:
        raise StudyError(
            f"no notebook opens '{study}'; write one into notebooks/ with nd.open(\"{study}\"), as 1_tour.py has it."
        )
    folder = project / "data/processed" / study / "notebooks"
    folder.mkdir(parents=True, exist_ok=True)
    return [write_page(executed(path, project), path, folder / f"{path.stem}.html") for path in found]


def executed(path: Path, project: Path) -> Any:
    """Run the cells of a notebook in a fresh kernel.

    Parameters
    ----------
    path : the notebook, as Python.
    project : what outputs name by paths within it.

    Returns
    -------
    The notebook with its outputs, without what differs from run to run: times, ids, addresses in memory, the project's place.
    """
    import jupytext
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError

    notebook = jupytext.read(path)
    for number, cell in enumerate(notebook.cells):
        cell["id"] = f"cell-{number}"
    client = NotebookClient(
        notebook,
        timeout=60 * MINUTES,
        kernel_name="python3",
        record_timing=False,
        extra_arguments=["--IPKernelApp.log_level=ERROR"],
        resources={"metadata": {"path": str(path.parent)}},
    )
    try:
        client.execute()
    except CellExecutionError as error:
        number = max(cell.get("execution_count") or 0 for cell in notebook.cells)
        raise StudyError(f"notebooks/{path.name}, code cell {number}: {error.ename}: {error.evalue}") from None
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            _settle(output, str(project))
    return notebook


def _settle(output: Any, project: str) -> None:
    """Take out of the texts of an output what is of this machine and this minute."""
    texts = output.get("data", output)
    for key, told in texts.items():
        if isinstance(told, str) and not key.startswith("image/"):
            texts[key] = reduce(
                lambda text, one: one[0].sub(one[1], text),
                CHANCE,
                told.replace(f"{project}{os.sep}", "").replace(project, "."),
            )


def write_page(notebook: Any, path: Path, page: Path) -> Path:
    """Write an executed notebook as one HTML file, pictures and all.

    Parameters
    ----------
    notebook : with its outputs.
    path : of the Python file, whose name is the title where it has no heading.
    page : where it goes.
    """
    import nbformat
    import pypandoc

    heading = re.search(r"^# (.+)", "\n".join(cell["source"] for cell in notebook.cells), re.MULTILINE)
    title = heading[1] if heading else path.stem
    fixed = ["--standalone", "--embed-resources", "--wrap=none", f"--css={STYLE}", f"--metadata=pagetitle:{title}"]
    fixed += ["--metadata=lang:en", "--mathml"]
    with TemporaryDirectory() as work:
        source = Path(work) / "notebook.ipynb"
        nbformat.write(notebook, source)
        pypandoc.convert_file(str(source), "html5", format="ipynb", extra_args=fixed, outputfile=str(page))
    return page
