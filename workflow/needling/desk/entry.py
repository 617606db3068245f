"""A new analysis in the text of a study file: every line that is there stays as it is, and the file must still be a plan."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import yaml

from needling.plan import load_study
from needling.study.keys import StudyError
from needling.study.plan import Study


def with_entry(root: Path, study: str, name: str, entry: dict[str, Any]) -> tuple[Study, str]:
    """Put one more analysis at the end of a study file's analyses.

    Parameters
    ----------
    root : the project's folder.
    study : the study's name.
    name, entry : the key of the analysis and what it says.

    Returns
    -------
    The plan with the analysis, checked as a file is, and the text of that file. Nothing is written.

    Raises
    ------
    StudyError : the plan has such an analysis already, or the entry is not one that a study file may have.
    """
    path = Path("config") / f"{study}.yaml"
    with (root / path).open(encoding="utf-8", newline="") as file:
        text = file.read()
    text = inserted(text, name, entry, str(path))
    with TemporaryDirectory() as folder:
        draft = Path(folder) / path.name
        draft.write_text(text, encoding="utf-8", newline="")
        try:
            return load_study(draft), text
        except StudyError as error:
            raise StudyError(str(error).replace(str(draft), str(path))) from None


def inserted(text: str, name: str, entry: dict[str, Any], file: str) -> str:
    """Write an entry behind the last one under analyses, in the indents and line ends of the file.

    Parameters
    ----------
    text : of the study file.
    name, entry : as for `with_entry`.
    file : what the file is called in errors.
    """
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    found = (
        [value for key, value in root.value if key.value == "analyses"] if isinstance(root, yaml.MappingNode) else []
    )
    if not found or not isinstance(found[0], yaml.MappingNode) or found[0].flow_style or not found[0].value:
        raise StudyError(f"{file}: the key analyses is no block of entries, a line each; write it so, and try again.")
    keys = [key for key, _ in found[0].value]
    if name in [key.value for key in keys]:
        raise StudyError(f"{file}: there is an analysis '{name}' already; choose another name.")
    column, ending = keys[0].start_mark.column, "\r\n" if "\r\n" in text else "\n"
    lines = text.splitlines(keepends=True)
    last = min(found[0].end_mark.line, len(lines))
    # blank lines, and remarks at the margin, belong to what follows
    while last > keys[-1].start_mark.line + 1 and (not lines[last - 1].strip() or _at_margin(lines[last - 1], column)):
        last -= 1
    if not lines[last - 1].endswith(("\n", "\r")):
        lines[last - 1] += ending
    block = [f"{name}:", *(f"  {_pair(key, value)}" for key, value in entry.items())]
    return "".join([*lines[:last], *(f"{' ' * column}{line}{ending}" for line in block), *lines[last:]])


def _at_margin(line: str, column: int) -> bool:
    bare = line.lstrip(" ")
    return bare.startswith("#") and len(line) - len(bare) < column


def _pair(key: str, value: Any) -> str:
    """A key and its value on one line: PyYAML has such lines within braces only."""
    told = yaml.safe_dump({key: value}, sort_keys=False, default_flow_style=True, allow_unicode=True, width=10_000)
    return str(told).strip()[1:-1]
