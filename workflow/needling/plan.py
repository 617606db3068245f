"""The plan: a study file with every kind of analysis known, and one error rate for the tests of a family."""

from pathlib import Path

from needling.analysis.kinds import settings_of_kinds
from needling.study.file import read_study, schema
from needling.study.plan import Study


def load_study(path: str | Path) -> Study:
    """Read and check a study file, the settings of its analyses included.

    Parameters
    ----------
    path : path of the YAML file; its name without .yaml must be the study's name.

    Raises
    ------
    StudyError : one sentence that names the file, the line and the mend, where YAML, a key or a value is wrong.
    """
    return read_study(path, settings_of_kinds())


def study_schema() -> dict[str, object]:
    """Return the JSON schema of the study file, for editors."""
    return schema(settings_of_kinds())
