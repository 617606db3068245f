"""The kinds of analysis: every file of this folder, and of a study's own extensions, that holds settings is one.

A kind is one module. It has

- ``Settings``, a `KindSettings` with ``kind: Literal["<name of the file>"]``: each key with unit, default and reason. Its
  method ``needs(study)`` says which rows a model of it uses (`needling.cohort.analysed.Needs`), where it uses the visits;
- ``READS``, the tables that it is given beside the visits (names of `needling.analysis.run.Given`); default none;
- ``USES``, the sections of the study file that it reads from ``question.study`` beside those of every analysis (e.g. seed);
  default none;
- ``SIDE``, the side tables that it writes beside results, by name with their contracts; default none;
- ``run(data, question) -> Output``, from the rows of one question to its results;
- ``methods(settings, study) -> list[tuple[str, str]]``, items and texts of the side table ``methods`` (codes in braces), among
  them how missing values are treated, and which of the standard tables and figures show it.

Nothing else knows a kind: not the schema, the workflow, a table, a figure, nor the report.
"""

import re
from functools import cache
from importlib import import_module, util
from pathlib import Path
from types import ModuleType

from needling.study.keys import StudyError
from needling.study.plan import KindSettings

HOLDS_SETTINGS = re.compile(r"^class Settings\(KindSettings\)", re.MULTILINE)
HERE = Path(__file__).parent
EXTENSIONS = HERE.parents[1] / "extensions"


@cache
def kinds(extensions: Path = EXTENSIONS) -> dict[str, ModuleType]:
    """Find the kinds of analysis.

    Parameters
    ----------
    extensions : folder with a study's own kinds.

    Returns
    -------
    Kind -> its module, sorted by name, the package's own first.

    Raises
    ------
    StudyError : an extension has the name of a kind that exists, or lacks part of what a kind has.
    """
    found = {path.stem: import_module(f"needling.analysis.{path.stem}") for path in _holding_settings(HERE)}
    for path in _holding_settings(extensions):
        if path.stem in found:
            raise StudyError(
                f"workflow/extensions/{path.name}: there is a kind '{path.stem}' already; rename the file."
            )
        found[path.stem] = loaded(path)
    return found


def settings_of_kinds() -> dict[str, type[KindSettings]]:
    """Give the settings of each kind, by its name."""
    return {name: module.Settings for name, module in kinds().items()}


def _holding_settings(folder: Path) -> list[Path]:
    """Files that hold the settings of a kind: told by their text, so that nothing else is imported."""
    files = sorted(folder.glob("*.py")) if folder.is_dir() else []
    return [path for path in files if HOLDS_SETTINGS.search(path.read_text(encoding="utf-8"))]


def loaded(path: Path) -> ModuleType:
    """Load the kind of an extension; refuse a file that lacks part of what a kind has."""
    spec = util.spec_from_file_location(f"extension_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise StudyError(f"workflow/extensions/{path.name}: it cannot be read as Python.")
    module = util.module_from_spec(spec)
    spec.loader.exec_module(module)
    lacking = [name for name in ("Settings", "run", "methods") if not hasattr(module, name)]
    if lacking:
        raise StudyError(f"workflow/extensions/{path.name}: a kind of analysis has {', '.join(lacking)} too.")
    return module
