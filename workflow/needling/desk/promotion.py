"""From a fit in a notebook to an entry of the study file, which must give the same rows and the same numbers."""

import os
from datetime import date
from typing import TYPE_CHECKING, Any

from needling.analysis.kinds import kinds
from needling.desk.entry import with_entry
from needling.desk.fit import Fit, words_in
from needling.desk.held import Held
from needling.mixed.structures import parse_residual
from needling.study.keys import StudyError
from needling.study.plan import Study

if TYPE_CHECKING:
    import pandas as pd

KIND = "model"
CANNOT = "{} Nothing has been written; a kind of your own says more (needling extension new kind NAME)."
# What an analysis says of who is in it and how differences are reported, which a model of one's own takes over.
TAKEN = ("where", "observed_at", "reference", "report_as", "level", "scale")


def promoted(study: Held, fit: Fit, name: str, role: str, label: str) -> tuple[Study, str]:
    """Write a fit into the study file; see `OpenStudy.promote`.

    Returns
    -------
    The plan with the new analysis, and what to say of it.
    """
    if role != "exploratory":
        raise StudyError(f"a model that was found in a notebook is exploratory, not {role}: the data have been seen.")
    if fit.study is not study:
        raise StudyError("the fit is of another study, or of this one opened anew; fit it again here.")
    if fit.analysis:
        raise StudyError(f"this is the model of the plan's analysis '{fit.analysis}'; there is nothing to promote.")
    entry = entry_of(fit, label)
    plan, text = with_entry(study.root, study.plan.study, name, entry)
    _same(study, fit, name, plan)
    path = study.root / "config" / f"{study.plan.study}.yaml"
    draft = path.with_suffix(".yaml.new")
    draft.write_text(text, encoding="utf-8", newline="")
    os.replace(draft, path)
    cohorts = [
        code for code, one in plan.cohorts.items() if not entry.get("outcomes") or entry["outcomes"][0] in one.outcomes
    ]
    contrasts = len(entry.get("contrasts", []))
    said = [
        f"config/{path.name}: analyses.{name} written, exploratory, of a fit of {entry['promoted']}: {entry['formula']}.",
        f"It asks for {contrasts} set{'' if contrasts == 1 else 's'} of comparisons and {len(entry.get('means', []))} of means, "
        f"in each cohort that has the outcome: {', '.join(cohorts)}. The rows and coefficients of this fit come out of it again.",
        f"./run --study {study.plan.study} makes its rows, table and words; fit.matches(study.results) then compares.",
    ]
    return plan, "\n".join(said)


def entry_of(fit: Fit, label: str = "") -> dict[str, Any]:
    """Write a fit as an analysis of kind model.

    Parameters
    ----------
    fit : a fit of one's own.
    label : heading in the report.

    Raises
    ------
    StudyError : the fit has something that an entry cannot say.
    """
    recipe, settings = fit.engine.recipe, fit.question.settings
    sessions = getattr(settings, "frame", "visits") == "sessions"
    for key, words in {"weights": "weights of rows", "offset": "an offset"}.items():
        if recipe[key]:
            raise StudyError(CANNOT.format(f"the study file has no {words} ({recipe[key]})."))
    if recipe["method"] != "reml":
        raise StudyError(CANNOT.format("the study file fits by REML; update(method='reml') first."))
    others = [name for name in recipe["cluster"] if name not in ("therapist", "clinic")]
    if others:
        raise StudyError(CANNOT.format(f"clusters of the study file are therapist and clinic, not {others[0]}."))
    entry: dict[str, Any] = {"kind": KIND}
    entry |= {"label": label} if label else {}
    entry |= {"role": "exploratory", "promoted": _today()}
    entry |= {"frame": "sessions"} if sessions else {"outcomes": [fit.question.outcome]}
    entry["formula"] = fit.formula
    if sessions:
        entry |= {key: getattr(settings, key) for key in ("unit", "better") if getattr(settings, key, "")}
    else:
        entry |= _visits(fit)
    entry |= {"random": recipe["random"]} if recipe["random"] else {}
    entry |= _residual(fit, sessions)
    entry |= {"clusters": _clusters(recipe["cluster"])} if recipe["cluster"] else {}
    entry |= {} if sessions else _completed(fit)
    entry |= {"df": settings.df} if getattr(settings, "df", "kenward_roger") != "kenward_roger" else {}
    fields = type(settings).model_fields
    for key in TAKEN:
        value = getattr(settings, key, None)
        if value and value != fields[key].get_default(call_default_factory=True):
            entry[key] = value
    if any(one.strategy != "treatment_policy" for one in fit.study.plan.strategies(fit.question.analysis).values()):
        entry["estimand"] = settings.estimand
    for what in ("means", "contrasts"):
        asked = [_question(one) for kind, one in fit.asked if kind == what]
        entry |= {what: asked} if asked else {}
    return entry


def _today() -> str:
    return date.today().isoformat()


def _visits(fit: Fit) -> dict[str, Any]:
    """The visits of the rows, where they are not those after baseline."""
    there = [visit for visit in fit.study.plan.visits.schedule if (fit.data["visit"].astype("str") == visit).any()]
    return {} if there == list(fit.study.plan.visits.follow_up) else {"visits": there}


def _completed(fit: Fit) -> dict[str, Any]:
    """The covariates in whose gaps the analysis that the fit comes from put the mean."""
    settings, people = fit.question.settings, fit.study.ordered("patients")
    adjusted = [*settings.adjust, *getattr(settings, "completed", [])]
    used = [name for name in adjusted if name in fit.variables and people[name].isna().any()]
    return {"completed": used} if used and fit.study.plan.design == "randomised" else {}


def _residual(fit: Fit, sessions: bool) -> dict[str, Any]:
    residual = parse_residual(fit.engine.recipe["residual"])
    if residual.structure == "iid" and not residual.by:
        return {}
    over = (
        ("day" if sessions else "week") if residual.structure == "exponential" else ("number" if sessions else "visit")
    )
    if residual.structure != "iid" and residual.visit != over:
        raise StudyError(
            CANNOT.format(f"the study file takes {residual.structure} over {over}, not over {residual.visit}.")
        )
    return {"residual": [residual.structure]} | ({"residual_by": residual.by} if residual.by else {})


def _clusters(cluster: dict[str, str]) -> Any:
    return list(cluster) if set(cluster.values()) == {"1"} else dict(cluster)


def _question(asked: dict[str, Any]) -> dict[str, Any]:
    """What was asked, without what goes without saying."""
    kept = {key: value for key, value in asked.items() if value and (key, value) != ("compare", "reference")}
    if "at" in kept:
        kept["at"] = {name: _plain(value) for name, value in kept["at"].items()}
    return kept


def _plain(value: Any) -> Any:
    """A value as YAML has it: numbers of numpy are Python's."""
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return value.item() if hasattr(value, "item") else value


def _same(study: Held, fit: Fit, name: str, plan: Study) -> None:
    """Refuse an entry whose rows or coefficients are not those of the fit.

    Raises
    ------
    StudyError : the sentence says what differs.
    """
    import numpy as np

    question, data = study.asked(name, fit.question.cohort, fit.question.outcome, fit.question.site, plan)
    again = Fit(study, kinds()[KIND].fitted(data, question), question, name)
    columns = _columns(fit)
    mine, theirs = digest(fit.data, columns), digest(again.data, columns)
    if mine != theirs:
        raise StudyError(CANNOT.format(_told(fit.data, again.data, columns)))
    a, b = (one.terms(df="asymptotic").set_index("term")[["estimate", "se"]] for one in (fit, again))
    if set(a.index) != set(b.index) or not np.allclose(a, b.loc[a.index], rtol=1e-6, atol=1e-9, equal_nan=True):
        raise StudyError(CANNOT.format("the entry fits the same rows, and gives other coefficients."))


def _columns(fit: Fit) -> list[str]:
    """The columns of the data that the model uses, the response among them."""
    words = words_in(*fit.engine.recipe.values())
    return ["patient", *(str(name) for name in fit.data.columns if name in words and name != "patient")]


def digest(rows: "pd.DataFrame", columns: list[str]) -> str:
    """Sum up rows, whatever their order and index.

    Parameters
    ----------
    rows : of a model.
    columns : those that count.

    Returns
    -------
    SHA-256; levels by name, numbers with ten significant digits, a column that the rows lack as such.
    """
    import hashlib

    return hashlib.sha256("\n".join(_lines(rows, columns)).encode()).hexdigest()


def _lines(rows: "pd.DataFrame", columns: list[str]) -> list[str]:
    import pandas as pd

    parts = []
    for name in columns:
        if name not in rows:
            parts.append(pd.Series("absent", index=rows.index))
        elif pd.api.types.is_numeric_dtype(rows[name].dtype):
            parts.append(rows[name].astype(float).map("{:.10g}".format))
        else:
            parts.append(rows[name].astype("str"))
    return sorted("\t".join(line) for line in zip(*parts, strict=True))


def _told(mine: "pd.DataFrame", theirs: "pd.DataFrame", columns: list[str]) -> str:
    """Say how the rows of the notebook differ from those of the entry; no value of a patient is named."""
    if len(mine) != len(theirs):
        return (
            f"the model was fitted to {len(mine)} rows, and the entry takes {len(theirs)}: rows that were taken out by hand, or "
            "filled in, are none that it can name (`where` and `visits` can)."
        )
    changed = [name for name in columns if digest(mine, ["patient", name]) != digest(theirs, ["patient", name])]
    told = ", ".join(changed or columns)
    return f"values of {told} are not those of the study's frame; a column of your own belongs under covariates."
