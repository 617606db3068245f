"""Whether the results of a study are those of its plan, its export and the code that is there now: by content, never by clocks."""

import hashlib
import json
from pathlib import Path

from needling.analysis.kinds import kinds
from needling.instruments.registry import entries
from needling.study.code import OWN_RULES, digest, modules_of
from needling.study.extensions import EXTENSIONS, PACKAGE
from needling.study.file import section
from needling.study.plan import Study

FILE = "made_from.json"
OTHER = "other"  # what changed code sums up to: that it is another is all that is asked, and told without looking for all of it
STEPS = ("read", "clean", "assemble", "release")  # beside the analyses: those that results come from
WORDS = {
    "plan": "the study file",
    "instruments": "the registry of instruments",
    "data": "the export or its corrections",
    "code": "the code",
}


def sums(study: Study, files: list[Path | None], code: str | None = None) -> dict[str, str]:
    """Sum up what results are made from.

    Parameters
    ----------
    study : the study file.
    files : export, dictionary and corrections; None for what the study has not. A file that is not here leaves data open.
    code : what the code is known to sum up to. Default: it is looked for.

    Returns
    -------
    SHA-256 of the plan (without what only people read), of what the registry says of its instruments, of the data ('' where a file
    is not here), and of the code that the steps up to the release line run, the kinds of the plan's analyses among it.
    """
    plan, used = (
        json.dumps(values, sort_keys=True)
        for values in (section(study, *type(study).model_fields), entries(study.instruments))
    )
    given = [path for path in files if path is not None]
    data = (
        [hashlib.sha256(path.read_bytes()).hexdigest() for path in given] if all(p.is_file() for p in given) else None
    )
    return {
        "plan": hashlib.sha256(plan.encode()).hexdigest(),
        "instruments": hashlib.sha256(used.encode()).hexdigest(),
        "data": "" if data is None else hashlib.sha256(json.dumps(data).encode()).hexdigest(),
        "code": digest(*computing(study)) if code is None else code,
    }


def computing(study: Study) -> list[Path]:
    """Name the files of the code that the results of a study come from: of the steps up to the release line, and of its kinds."""
    asked = [Path(str(kinds()[one.kind].__file__)) for one in study.analyses.values()]
    return sorted({*modules_of("analyse", *asked), *(path for step in STEPS for path in modules_of(step))})


def record(study: Study, files: list[Path | None], processed: Path) -> None:
    """Write down what the results of a finished run were made from.

    Parameters
    ----------
    study, files : as for `sums`.
    processed : the study's folder of tables.
    """
    names = [path.relative_to(PACKAGE.parent).as_posix() for path in computing(study)]
    made = {**sums(study, files), "files": names}
    (processed / FILE).write_text(json.dumps(made, indent=1) + "\n", encoding="utf-8")


def _same_code(before: dict[str, str]) -> bool:
    """Whether the files whose code counted then hold what they held, and no file of a study's own has come: then they are all.

    What a file imports is told by what it holds, so that nothing has to be parsed.
    """
    paths = [PACKAGE.parent / name for name in before.get("files", [])]
    return {*EXTENSIONS.glob(OWN_RULES)} <= {*paths} and digest(*paths) == before["code"]


def remark(study: Study, files: list[Path | None], processed: Path) -> str:
    """Say in one line whether a study's results are current.

    Parameters
    ----------
    study, files, processed : as for `record`.
    """
    if not (processed / "release/results.parquet").exists():
        return f"{study.study}: there are no results yet; ./run --study {study.study} makes them."
    file = processed / FILE
    if not file.exists():
        return f"{study.study}: nobody wrote down what its results were made from; ./run --study {study.study} does."
    before = json.loads(file.read_text(encoding="utf-8"))
    now = sums(study, files, code=before["code"] if _same_code(before) else OTHER if "files" in before else None)
    changed = [words for name, words in WORDS.items() if now[name] and before.get(name) != now[name]]
    if changed:
        verb = "has" if len(changed) == 1 else "have"
        return (
            f"{study.study}: {' and '.join(changed)} {verb} changed since its results were made; ./run --study {study.study} "
            "makes anew what that concerns."
        )
    return f"{study.study}: its results are current" + (
        "." if now["data"] else ", as far as the plan and the code go: the export is not here."
    )
