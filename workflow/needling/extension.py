"""Extensions of a study: a first file for one, and a check of a kind on the awkward frames that real studies make."""

import os
import re
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from multiprocessing import get_context
from pathlib import Path
from types import ModuleType
from typing import Any

from needling.analysis.kinds import NEEDS, kinds
from needling.study.extensions import EXTENSIONS, loaded
from needling.study.keys import StudyError

NULLS = 1000
AT_ONCE = 100  # data sets between two lines of progress
TEMPLATE = EXTENSIONS / "kind.template"


def write_kind(name: str, folder: Path = EXTENSIONS) -> Path:
    """Write the first file of a study's own kind of analysis, which runs as it is.

    Parameters
    ----------
    name : of the kind and its file: small letters, numbers and underscores.
    folder : where it goes.

    Raises
    ------
    StudyError : the name is none, or taken.
    """
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        raise StudyError(
            f"'{name}' cannot be the name of a kind; use small letters, numbers and underscores, e.g. welch_test."
        )
    path = folder / f"{name}.py"
    if name in kinds(folder) or path.exists():
        raise StudyError(f"there is a kind '{name}' already; choose another name.")
    folder.mkdir(parents=True, exist_ok=True)
    path.write_text(new_kind(name), encoding="utf-8")
    kinds.cache_clear()
    return path


def new_kind(name: str) -> str:
    """The text of a kind's first file under a name."""
    return TEMPLATE.read_text(encoding="utf-8").replace("NAME", name)


def check_kind(path: Path, nulls: int = NULLS) -> Iterator[str]:
    """Run a kind on awkward frames and on data without any effect, and say which part of the contract it breaks.

    Parameters
    ----------
    path : the extension's file.
    nulls : data sets without an effect for the share of false positives.

    Yields
    ------
    A line as soon as a part is done: what was run, and whether it holds. The last one is the type I error with its Monte Carlo
    error, where anything was tested.

    Raises
    ------
    StudyError : when all awkward frames are done, a line per breach: the frame, and what is wrong with the rows that came of it;
        or at the end, a type I error too far from 5 %.
    """
    kind = loaded(path, NEEDS)
    wrong = []
    for name, frame in frames().items():
        problems = _problems(kind, path.stem, frame)
        wrong += [f"{name}: {problem}" for problem in problems]
        yield f"{name}: {'breaks the contract' if problems else 'as the contract asks'}"
    if wrong:
        raise StudyError(f"{path.name} breaks the contract of a kind:\n  " + "\n  ".join(wrong))
    rejected = tested = done = 0
    for count, more, of_them in _type_one(path, nulls):
        rejected, tested, done = rejected + more, tested + of_them, done + count
        if done < nulls:
            yield f"{done} of {nulls} data sets without any effect"
    if tested:
        share = rejected / tested
        error = (share * (1 - share) / tested) ** 0.5
        said = (
            f"type I error at 5 %: {100 * share:.1f} % of {tested} comparisons without effect "
            f"(Monte Carlo error {100 * error:.1f} %)"
        )
        if abs(share - 0.05) > 3 * max(error, (0.05 * 0.95 / tested) ** 0.5):
            raise StudyError(f"{path.name}: {said}; a test at 5 % must reject about one true null in twenty.")
        yield said


def frames() -> "dict[str, Any]":
    """Frames of a small two-armed trial that often break an analysis, and one that should not."""
    whole = _trial(1, 60)
    return {
        "an ordinary trial": whole,
        "nobody": whole.head(0),
        "one patient": whole[whole["patient"] == "P001"],
        "one arm": whole[whole["arm"] == "usual_care"],
        "one visit": whole[whole["visit"] == "week_4"],
        "everything missing after baseline": whole[whole["visit"] == "baseline"],
        "a constant outcome": whole.assign(value=3.0, baseline=3.0, change=0.0, improvement=0.0),
        "no baseline": whole[whole["visit"] != "baseline"].assign(baseline=float("nan")),
        "two patients in an arm": whole[whole["patient"].isin(["P000", "P001", "P002", "P003"])],
    }


def _trial(seed: int, n: int, effect: float = 0.0) -> Any:
    import numpy as np
    import pandas as pd

    from needling.cohort.frame import add_baseline
    from needling.schema.contract import check
    from needling.schema.frames import FRAME

    rng = np.random.default_rng(seed)
    visits = {"baseline": 0.0, "week_4": 4.0, "week_12": 12.0}
    people = pd.DataFrame(
        {
            "patient": [f"P{i:03d}" for i in range(n)],
            "person": rng.normal(0, 1.2, n),
            "age": rng.normal(45, 9, n).round(),
        }
    )
    people["arm"] = np.where(np.arange(n) % 2 == 0, "usual_care", "dry_needling")
    parts = [
        people.assign(
            visit=visit,
            visit_number=number,
            week=week,
            day=7 * week,
            hour=168 * week,
            value=5
            + people["person"]
            + rng.normal(0, 1, n)
            + effect * (number > 0) * (people["arm"] == "dry_needling"),
        )
        for number, (visit, week) in enumerate(visits.items())
    ]
    frame = pd.concat(parts, ignore_index=True)
    frame = frame[(frame["visit"] == "baseline") | (rng.random(len(frame)) > 0.1)]
    codes = {"cohort": "all", "outcome": "pain", "instrument": "nprs", "unit": "0-10 points", "better": "lower"}
    codes |= {"clinic": "C1", "therapist": "T1", "site": "", "side": ""}
    return check(add_baseline(frame.assign(**codes), "baseline"), FRAME, "frame")


@cache
def _plan(name: str, kind: ModuleType) -> Any:
    from needling.study.file import part

    visits = {"baseline": {"week": 0}, "week_4": {"week": 4}, "week_12": {"week": 12}}
    arm = {"from": "arm", "codes": {"0": "usual_care", "1": "dry_needling"}, "reference": "usual_care"}
    sections = {
        "design": "randomised",
        "primary": "checked",
        "patients": {"id": "id", "arm": arm, "covariates": {"age": "age"}},
        "visits": {"schedule": visits, "primary": "week_4"},
        "cohorts": {"all": {"outcomes": {"pain": "nprs"}}},
        "analyses": {"checked": {"kind": name, "outcomes": ["pain"]}},
        "covariates": {},
        "estimands": {},
    }
    return part(sections, {name: kind.Settings})


def _analysed(kind: ModuleType, name: str, frame: Any) -> Any:
    from needling.analysis.run import analyse

    people = frame.drop_duplicates("patient")[["patient", "cohort", "arm", "age"]]
    return analyse("checked", {"visits": frame, "patients": people}, _plan(name, kind), {name: kind})


def _problems(kind: ModuleType, name: str, frame: Any) -> list[str]:
    """What the rows that come of a frame do not keep of the contract."""
    try:
        results = _analysed(kind, name, frame).results
    except Exception as error:  # whatever it is, a study would end in it
        return [f"{type(error).__name__}: {error}"]
    problems = []
    if results.empty:
        problems.append("no row at all; a comparison that cannot be made is a row with the status not_estimated")
    known = {"converged", "singular", "rank_deficient", "failed", "not_estimated", "abstains"}
    problems += [f"a status '{one}' that no contract knows" for one in sorted(set(results["status"]) - known)]
    numbers = results["estimate"].notna() & results["status"].isin(["failed", "not_estimated"])
    problems += ["a number where a status says that there is none"] if numbers.any() else []
    silent = results["estimate"].isna() & results["p"].isna() & results["status"].eq("converged")
    problems += ["a row without a number and without a status that says why"] if silent.any() else []
    turned = (results["low"] > results["estimate"]) | (results["high"] < results["estimate"])
    problems += ["an estimate outside its interval"] if turned.any() else []
    people = results["n_patients"].astype("Float64").fillna(0) > frame["patient"].nunique()
    problems += ["more patients than the frame has"] if people.any() else []
    compared = results["reference"].ne("") & results["quantity"].eq("difference") & results["estimate"].notna()
    unit = compared & results["unit"].ne("points")
    problems += ["a difference of a score in points has another unit"] if unit.any() else []
    problems += ["two rows with the same keys"] if results["row_id"].duplicated().any() else []
    return problems


def _type_one(path: Path, nulls: int) -> Iterator[tuple[int, int, int]]:
    """What `_rejections` says of each few data sets without effect, on all processors where there are many data sets."""
    parts = [range(start, min(start + AT_ONCE, nulls)) for start in range(0, nulls, AT_ONCE)]
    paths = [path] * len(parts)
    if len(parts) < 5:  # another process needs seconds to begin
        yield from map(_rejections, paths, parts)
        return
    with ProcessPoolExecutor(min(len(parts), os.cpu_count() or 1), get_context("spawn")) as pool:
        yield from pool.map(_rejections, paths, parts)


def _rejections(path: Path, seeds: range) -> tuple[int, int, int]:
    """How many data sets; how many comparisons at the primary visit reject, of how many tested, where there is no effect."""
    kind = loaded(path, NEEDS)
    rejected = tested = 0
    for seed in seeds:
        results = _analysed(kind, path.stem, _trial(seed, 60)).results
        p = results.loc[
            results["reference"].ne("") & results["visit"].isin(["", "week_4"]) & results["role"].eq("primary"), "p"
        ].dropna()
        rejected, tested = rejected + int((p < 0.05).sum()), tested + len(p)
    return len(seeds), rejected, tested
