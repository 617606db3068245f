"""The kinds of analysis: every file of this folder, and of a study's own extensions, that holds settings is one.

A kind is one module. It has

- ``Settings``, a `KindSettings` with ``kind: Literal["<name of the file>"]``: each key with unit, default and reason. Its
  method ``needs(study)`` says which rows a model of it uses (`needling.cohort.analysed.Needs`), where it uses the visits;
- ``READS``, the tables that it is given beside the frames, by name: clean ones, what was observed, scores, readings; default none;
- ``USES``, the sections of the study file that it reads from ``question.study`` beside those of every analysis (e.g. seed);
  default none;
- ``SIDE``, the side tables that it writes beside results, by name with their contracts; default none;
- ``run(data, question) -> Output``, from the rows of one question to its results. ``data`` has tables by name: ``visits``
  (contract FRAME; where the kind asks about outcomes, the rows of one outcome and site that its needs keep), the other frames
  and what READS names, of one cohort where a table knows cohorts; the settings of ``question`` are those of the kind;
- ``methods(settings, study) -> list[tuple[str, str]]``, items and texts of the side table ``methods`` (codes in braces), among
  them how missing values are treated, and which of the standard tables and figures show it;
- where each question is one mixed model, ``fitted(data, question) -> needling.analysis.fits.Fitted`` and ``answers(found,
  question) -> Output``, of which ``run`` is made: with them a notebook has the fit itself (`needling.desk`).

Nothing else knows a kind: not the schema, the workflow, a table, a figure, nor the report.
"""

from functools import cache
from pathlib import Path
from types import ModuleType

from needling.study.extensions import EXTENSIONS, loaded, part_files
from needling.study.settings import KindSettings

NEEDS = ("Settings", "run", "methods")


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
    files = part_files("analysis", r"class Settings\(KindSettings\)", extensions=extensions)
    return {name: loaded(path, NEEDS) for name, path in files.items()}


def settings_of_kinds() -> dict[str, type[KindSettings]]:
    """Give the settings of each kind, by its name."""
    return {name: module.Settings for name, module in kinds().items()}
