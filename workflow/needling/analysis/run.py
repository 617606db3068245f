"""Run one analysis of the study file over its cohorts and outcomes, whatever its kind."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from types import ModuleType
from typing import TYPE_CHECKING, Any

from needling.analysis.kinds import kinds
from needling.analysis.results import Output, Question, not_estimated, row_id
from needling.analysis.scale import why_not_normal
from needling.cohort.analysed import analysed, completed, enrolled, left_out, of_population
from needling.cohort.numbered import numbered
from needling.schema.contract import check, empty, plain_text
from needling.schema.results import KEYS, METHODS, PEOPLE, RESULTS
from needling.study.analyses import Analysis
from needling.study.keys import braced, of_groups
from needling.study.plan import Study

if TYPE_CHECKING:
    import pandas as pd

PER_PROTOCOL = "per_protocol"
COMPLETED = (
    "A missing covariate at baseline is replaced by the cohort's mean (a category by its most frequent level), which under "
    "randomisation leaves the comparison unbiased, so that no randomised patient is lost for it."
)


@dataclass
class Analysed:
    """What one analysis gives: its tables by name (results, methods, people and the side tables of its kind)."""

    tables: "dict[str, pd.DataFrame]" = field(default_factory=dict)

    @property
    def results(self) -> "pd.DataFrame":
        """The estimates (contract RESULTS)."""
        return self.tables["results"]


def analyse(
    name: str, given: "dict[str, pd.DataFrame]", study: Study, known: dict[str, ModuleType] | None = None
) -> Analysed:
    """Run the analysis that the study file calls `name`.

    Parameters
    ----------
    name : key under analyses.
    given : the frames (visits, contract FRAME with covariates, all cohorts and outcomes; patients; events, where the estimand
        answers some), and what the kind reads.
    study : sections design, patients, visits, cohorts, covariates, estimands, analyses, primary.
    known : kind -> its module. Default: all that there are.

    Returns
    -------
    Analysed: results (contract RESULTS), methods (METHODS), people (PEOPLE: who is in it, who is left out and why), and the
    side tables of its kind; one model for each outcome that the analysis names in each cohort that has it, at each site of the
    body where it was measured, or one for each cohort where the kind asks about no outcome. A model that fails gives rows that
    say so.
    """
    import pandas as pd

    settings: Any = study.analyses[name]
    kind = (known or kinds())[settings.kind]
    given = prepared(name, numbered(given, study), study)
    outputs: list[Output] = []
    for question, data in questions(name, given, study):
        outputs += _answered(kind, data, question, given)
    texts = [*kind.methods(settings, study), *_common_methods(name, settings, study, given)]
    said = [{"analysis": name, "item": item, "text": _worded(text, study)} for item, text in texts]
    results = _joined([o.results for o in outputs], RESULTS, "results")
    tables = {
        "results": results.assign(note=[of_groups(note, study.design) for note in results["note"]]),
        "methods": check(pd.DataFrame(said, columns=list(METHODS)), METHODS, "methods"),
        "people": people(name, given["visits"], given["patients"], study),
    }
    for side, contract in _side(kind).items():
        made = [o.side[side].assign(analysis=name) for o in outputs if side in o.side and len(o.side[side])]
        tables[side] = _joined(made, contract, side)
    return Analysed(tables)


def _worded(text: str, study: Study) -> str:
    """A sentence of the methods in the words of the design; a code, which has no space, as it is."""
    return of_groups(text, study.design) if " " in text else text


def prepared(name: str, given: "dict[str, pd.DataFrame]", study: Study) -> "dict[str, pd.DataFrame]":
    """Make of the frames what an analysis reads: arms and visits as text, its estimand's values.

    Parameters
    ----------
    name, study : as for `analyse`.
    given : the frames, codes of people numbered (`needling.cohort.numbered`).
    """
    given = {table: _as_text(rows) for table, rows in given.items()}
    if answers := study.strategies(name):
        from needling.cohort.events import apply_strategies

        given = {**given, "visits": apply_strategies(given["visits"], given["events"], answers, study.visits)}
    return given


def places(name: str, study: Study) -> list[tuple[str, str]]:
    """Give the cohorts and outcomes of the models of an analysis; no outcome ('') where the kind asks about none.

    Parameters
    ----------
    name : key under analyses.
    study : as for `analyse`.
    """
    asked = study.analyses[name].outcomes
    return [
        (cohort, outcome)
        for cohort, plan in study.cohorts.items()
        for outcome in ([one for one in asked if one in plan.outcomes] if asked else [""])
    ]


def questions(
    name: str, given: "dict[str, pd.DataFrame]", study: Study, wanted: list[tuple[str, str]] | None = None
) -> "Iterator[tuple[Question, dict[str, pd.DataFrame]]]":
    """Give each model of an analysis: what it asks, and the rows of each table that are about it.

    Parameters
    ----------
    name : key under analyses.
    given : frames as `prepared` gives them.
    study : as for `analyse`.
    wanted : cohorts and outcomes whose models are asked for. Default: all its places.
    """
    for place in places(name, study) if wanted is None else wanted:
        yield from _of_place(name, study.analyses[name], place, given, study)


def without_baseline(name: str, visits: "pd.DataFrame", study: Study) -> list[str]:
    """Say which outcomes an analysis cannot use, because it adjusts for a baseline that nobody has.

    Parameters
    ----------
    name : key under analyses.
    visits : contract FRAME, all cohorts and outcomes.
    study : sections visits, cohorts, analyses.

    Returns
    -------
    One sentence per outcome, with the key to mend.
    """
    settings: Any = study.analyses[name]
    found: list[str] = []
    for outcome in settings.outcomes:
        mine = visits[visits["outcome"] == outcome]
        if len(mine) and settings.needs(study).baseline and mine["baseline"].isna().all():
            found.append(
                f"analyses.{name}: nobody has a value of '{outcome}' at the visit '{study.visits.baseline}', and the analysis "
                "adjusts for it; mend the outcome's column, visits.planned.codes or visits.schedule."
            )
    return found


def _as_text(rows: "pd.DataFrame") -> "pd.DataFrame":
    """Take arms and visits, which files hold in the plan's order, as text: a kind says itself which levels its rows have."""
    held = [name for name in ("arm", "visit") if name in rows and rows[name].dtype == "category"]
    return rows.assign(**{name: plain_text(rows[name]) for name in held})


def _of_place(
    name: str,
    settings: Any,
    place: tuple[str, str],
    given: "dict[str, pd.DataFrame]",
    study: Study,
) -> "Iterator[tuple[Question, dict[str, pd.DataFrame]]]":
    """The models of one cohort and outcome: one for each site of the body where it was measured."""
    cohort, outcome = place
    needs = settings.needs(study) if outcome else None
    measured = _of_cohort(given["visits"], cohort, outcome, None)
    measured = completed(measured, settings, needs, study) if needs else measured
    for site in _sites(measured) if outcome else [""]:
        here = measured[measured["site"].fillna("") == site] if site else measured
        data = {table: _of_cohort(rows, cohort, outcome, settings) for table, rows in given.items()}
        if needs:
            data["visits"] = analysed(here, settings, needs, study)
            everybody = completed(_of_cohort(given["patients"], cohort, "", None), settings, needs, study)
            data["patients"] = enrolled(everybody, here, settings, needs, study)
        yield _question(name, settings, (cohort, outcome, site), here, data["visits"], study), data


def _answered(
    kind: ModuleType, data: "dict[str, pd.DataFrame]", question: Question, given: "dict[str, pd.DataFrame]"
) -> list[Output]:
    """What a kind says to one question; beside it per protocol, where that is asked for."""
    why = _refused(data, question) if question.outcome else ""
    if why:
        return [_not_run(why, data, question)]
    broken = getattr(question.settings, "per_protocol", None)
    beside = [_per_protocol(kind, data, question, given["events"], broken)] if broken else []
    return [kind.run(data, question), *beside]


def _per_protocol(
    kind: ModuleType,
    data: "dict[str, pd.DataFrame]",
    question: Question,
    events: "pd.DataFrame",
    broken: list[str],
) -> Output:
    """The comparisons once more without the patients who had an event that breaks the protocol."""
    gone = events.loc[events["event"].isin(broken), "patient"]
    kept = {table: rows[~rows["patient"].isin(gone)] if "patient" in rows else rows for table, rows in data.items()}
    rows = kind.run(kept, question).results
    rows = rows[rows["reference"].ne("") & rows["framework"].eq("non_inferiority")]
    rows = rows.assign(variant=PER_PROTOCOL, role="sensitivity")
    return Output(rows.assign(row_id=[row_id(row) for row in rows[list(KEYS)].to_dict("records")]))


def _is_completed(name: str, settings: Any, study: Study, given: "dict[str, pd.DataFrame]") -> bool:
    """Whether a baseline value or covariate is put where an analysis lacks one: of nobody's there is nothing to say."""
    needs = settings.needs(study)
    for cohort, outcome in places(name, study):
        for table, about in (("visits", outcome), ("patients", "")):
            rows = of_population(_of_cohort(given[table], cohort, about, None), settings)
            if (rows.isna() & completed(rows, settings, needs, study).notna()).any(axis=None):
                return True
    return False


def _common_methods(name: str, settings: Any, study: Study, given: "dict[str, pd.DataFrame]") -> list[tuple[str, str]]:
    """What the methods of every kind say of what every analysis has: covariates, clusters, population."""
    said = [("adjusted", braced("covariate", one)) for one in settings.adjust]
    clusters = getattr(settings, "clusters", [])
    if reason := (getattr(settings, "scale", None) or {}).get("continuous"):
        said.append(("scale", f"Analysed by its mean as the study file says: {reason.rstrip('.')}."))
    if settings.outcomes and _is_completed(name, settings, study, given):
        said.append(("scale", COMPLETED))
    said += [("clusters", one) for one in clusters]
    for covariate, levels in settings.where.items():
        said += [
            ("restricted", braced("level", covariate, one)) for one in ([levels] if isinstance(levels, str) else levels)
        ]
    if broken := getattr(settings, "per_protocol", None):
        events = " or ".join(braced("event", one) for one in broken)
        said.append(("model", f"Beside it per protocol: the same without the patients of whom {events} is on record."))
    unreal = [event for event, one in study.strategies(name).items() if one.strategy == "hypothetical"]
    if unreal:
        events = " or ".join(braced("event", one) for one in unreal)
        said.append(
            ("imputation", f"Measurements after {events} count as missing (hypothetical strategy): {settings.imputes}.")
        )
    if settings.outcomes:
        columns = [one for one in settings.needs(study).columns if one != "week"]
        said += [("needs", one if one in clusters else braced("covariate", one)) for one in columns]
    return said


def _refused(data: "dict[str, pd.DataFrame]", question: Question) -> str:
    """Why the outcome is not for a kind with normal errors (those whose settings have a scale)."""
    rows = data["visits"]
    if getattr(question.settings, "scale", None) != {}:
        return ""
    return why_not_normal(rows.loc[rows["visit"] != question.baseline_visit, "value"], question.unit)


def _not_run(why: str, data: "dict[str, pd.DataFrame]", question: Question) -> Output:
    rows = data["visits"]
    return Output(not_estimated(question, why, "refused", rows["patient"].nunique(), len(rows)))


def _side(kind: ModuleType) -> dict:
    return getattr(kind, "SIDE", {})


def _joined(tables: "list[pd.DataFrame]", contract: dict, name: str) -> "pd.DataFrame":
    import pandas as pd

    return check(pd.concat(tables, ignore_index=True) if tables else empty(contract), contract, name)


def _of_cohort(rows: "pd.DataFrame", cohort: str, outcome: str, settings: Analysis | None) -> "pd.DataFrame":
    """Rows of a cohort, of an outcome where the table has them, and of the population that the analysis is about."""
    if "cohort" in rows:
        rows = rows[rows["cohort"] == cohort]
    if outcome and "outcome" in rows:
        rows = rows[rows["outcome"] == outcome]
    if settings is not None and all(name in rows for name in settings.where):
        rows = of_population(rows, settings)
    return rows


def _sites(measured: "pd.DataFrame") -> list[str]:
    """Sites of the body at which an outcome was measured, in the order of the frame; one without a name where it has none."""
    return list(measured["site"].fillna("").unique()) or [""] if "site" in measured else [""]


def _question(
    name: str,
    settings: Analysis,
    place: tuple[str, str, str],
    measured: "pd.DataFrame",
    rows: "pd.DataFrame",
    study: Study,
) -> Question:
    cohort, outcome, site = place
    nothing = {"unit": "", "better": "lower", "instrument": ""}
    first = measured.iloc[0] if outcome and len(measured) else nothing
    instruments = str(first["instrument"]) if site else study.cohorts[cohort].outcomes.get(outcome, "")
    reference = settings.reference or (study.arms[0] if study.arms else "")
    arm = study.patients.arm
    return Question(
        analysis=name,
        settings=settings,
        role=study.role(name),
        primary=name == study.primary,
        cohort=cohort,
        outcome=outcome,
        site=site,
        instrument=instruments if isinstance(instruments, str) else "",
        unit=str(first["unit"]),
        better=str(first["better"]),
        baseline_visit=study.visits.baseline,
        visits=tuple(getattr(settings, "visits", study.visits.follow_up)),
        primary_visit=study.visits.primary,
        weeks={visit: plan.nominal_week for visit, plan in study.visits.schedule.items()},
        arms=tuple([reference, *(one for one in study.arms if one != reference)] if study.arms else []),
        doses=dict(arm.dose) if arm else {},
        categories=_categories(rows, study.covariate_names),
        study=study,
    )


def _categories(rows: "pd.DataFrame", covariates: list[str]) -> dict[str, list[str]]:
    """Levels of the covariates that are categories, in the order of their names."""
    import pandas as pd

    return {
        name: sorted(rows[name].dropna().unique())
        for name in covariates
        if name in rows and not pd.api.types.is_numeric_dtype(rows[name].dtype)
    }


def people(name: str, visits: "pd.DataFrame", patients: "pd.DataFrame", study: Study) -> "pd.DataFrame":
    """Count who is in an analysis and who is left out, by the first reason that holds.

    Parameters
    ----------
    name : key under analyses.
    visits, patients : the visit frame and the clean patients.
    study : sections patients, visits, cohorts, analyses.

    Returns
    -------
    Table of the contract PEOPLE: for each cohort, arm and outcome the analysed (where every visit has a model of its own: at the
    primary visit) and the left out; together the allocated.
    """
    import pandas as pd

    settings: Any = study.analyses[name]
    made = []
    for cohort, plan in study.cohorts.items():
        for outcome in [one for one in settings.outcomes if one in plan.outcomes]:
            needs = settings.needs(study).counted(study.visits.primary)
            rows = completed(_of_cohort(visits, cohort, outcome, None), settings, needs, study)
            everybody = completed(_of_cohort(patients, cohort, "", None), settings, needs, study)
            for arm in study.arms or [""]:
                group = everybody[everybody["arm"] == arm] if arm else everybody
                place = {"analysis": name, "cohort": cohort, "arm": arm, "visit": "", "outcome": outcome}
                reasons = left_out(group, rows[rows["patient"].isin(group["patient"])], settings, needs, study)
                n_analysed = group["patient"].nunique() - len(reasons)
                made.append({**place, "stage": "analysed", "reason": "", "n": n_analysed})
                for reason, n in reasons.groupby(reasons, sort=False).size().items():
                    made.append({**place, "stage": "left_out", "reason": str(reason), "n": int(n)})
    return check(pd.DataFrame(made, columns=list(PEOPLE)), PEOPLE, "people") if made else empty(PEOPLE)
