"""What was done? Sessions, needling and other treatment as delivered, by arm; nothing here is tested."""

from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from needling.analysis.results import Output, Question, complete, structured
from needling.schema.side import DELIVERED, DELIVERED_BY_CLINIC
from needling.study.keys import Name, nearest
from needling.study.plan import Study
from needling.study.settings import KindSettings

if TYPE_CHECKING:
    import pandas as pd

READS = ("needling", "co_interventions")
SIDE = {"delivered": DELIVERED, "delivered_by_clinic": DELIVERED_BY_CLINIC}
NOT_STATED = "not_stated"
# numbers of a session: sums and means over its muscles, as the session frame has them
OF_SESSIONS = ("muscles", "needles", "insertions", "twitch_responses", "depth_mm", "retention_min")
OF_NEEDLING = ("gauge_mm", "length_mm", "stimulation_hz", "pain_during")
BY_CLINIC = ("sessions", "needles", "twitch_responses", "depth_mm")
LEVEL = 0.95  # of intervals of clinics' means
CATEGORIES = (
    "technique",
    "muscle",
    "trigger_point",
    "response_sought",
    "ltr",
    "manipulation",
    "stimulation",
    "ultrasound_guided",
    "stopped_early",
)
UNITS = {"depth_mm": "mm", "gauge_mm": "mm", "length_mm": "mm", "retention_min": "minutes", "co_minutes": "minutes"}
UNITS |= {"days_treated": "days", "stimulation_hz": "Hz"}


class Settings(KindSettings):
    """Treatment as delivered (STRICTA items 2a-2g, 3, 4), adherence, and who was needled in which arm."""

    kind: Literal["treatment_delivered"]
    needled: list[Name] = Field(
        default_factory=list,
        description="Arms whose patients were to be needled; whoever was and should not have been, or the reverse, crossed "
        "over. No default where there are arms and a table of needling: a sham arm may be either.",
    )
    fewest_sessions: int | None = Field(
        None,
        ge=1,
        description="Fewest sessions with which a patient kept to the plan. Default: none; the trial's plan says it.",
    )

    def check_plan(self, name: str, study: Study) -> None:
        """Refuse a study without sessions, arms that are not there, and what a description cannot have."""
        place = f"analyses.{name}"
        if study.events.sessions is None:
            raise ValueError(f"{place}: the study has no table events.sessions; name its columns there")
        if self.outcomes or self.adjust or self.observed_at:
            raise ValueError(
                f"{place}: treatment is described for everybody; leave outcomes, adjust and observed_at out"
            )
        if study.primary == name:
            raise ValueError(f"{place}: treatment is no primary result of this report; name an analysis of an outcome")
        if self.family or self.framework != "superiority" or "contrasts" in self.model_fields_set:
            raise ValueError(
                f"{place}: treatment is described, not compared; leave contrasts, family, framework and margin out"
            )
        for arm in self.needled:
            if arm not in study.arms:
                raise ValueError(f"{place}.needled: arm '{arm}' is not defined{nearest(arm, study.arms)}")
        if study.arms and study.events.needling and not self.needled:
            raise ValueError(f"{place}.needled is missing; name the arms whose patients were to be needled")


def run(data: "dict[str, pd.DataFrame]", question: Question) -> Output:
    """Describe the treatment that the patients of one cohort had.

    Parameters
    ----------
    data : patients and sessions of one cohort (frames); needling and co_interventions (clean, all patients), where the study
        has them.
    question : its settings are those of this kind.

    Returns
    -------
    Output. `delivered` (contract DELIVERED): numbers with one value per patient: sessions, days from first to last, and over
    the sessions with needling the patient's mean of muscles, needles, insertions, twitch responses, depth and retention; over the
    muscles needled of diameter, length and pain; co-interventions and their minutes. Patients without a value are left out, so
    that n says of whom it is. `delivered_by_clinic` (contract DELIVERED_BY_CLINIC): of sessions, needles, twitch responses and
    depth the means over the patients of each clinic, in arms that were to be needled, by size and without a name. Results:
    quantity share, term [[what, which]], n_events people: of variant per_patient those who were needled, crossed over, kept to the
    plan, or ever had a technique, muscle or co-intervention; of per_record the same among the rows of the table (n_observations).
    An arm without anybody is a row with the status not_estimated.
    """
    import pandas as pd

    people, sessions = data["patients"], data["sessions"]
    needling, others = (_of(data.get(name), people) for name in READS)
    rows: list[dict[str, Any]] = []
    numbers: list[dict[str, Any]] = []
    clinics: list[dict[str, Any]] = []
    for arm in question.arms or ("",):
        mine = people[people["arm"] == arm] if arm else people
        if mine.empty:
            rows.append(
                _place("sessions", "any", "per_patient", arm)
                | {"n_patients": 0, "n_events": 0, "status": "not_estimated", "note": "nobody in this arm"}
            )
            continue
        own = sessions[sessions["patient"].isin(mine["patient"])]
        rows += _adherence(arm, mine, own, needling, question)
        values = _values(mine, own, needling, others)
        numbers += [_described(name, one, arm, question) for name, one in values.items() if one.notna().any()]
        if "clinic" in mine and (arm in question.settings.needled or not question.settings.needled):
            clinics += [
                row
                for name in BY_CLINIC
                if name in values
                for row in _of_clinics(name, mine["clinic"], values[name], arm, question)
            ]
        if needling is not None:
            needled = mine[mine["patient"].isin(needling["patient"])]
            for column in [one for one in CATEGORIES if one in needling.columns]:
                rows += _shares(column, needling, column, needled, arm)
        if others is not None:
            for factor, column in {"co_intervention": "kind", "co_intervention_adherence": "adherence"}.items():
                rows += _shares(factor, others, column, mine, arm) if column in others.columns else []
    made = {"delivered": numbers, "delivered_by_clinic": clinics}
    side = {name: pd.DataFrame(made[name], columns=[one for one in SIDE[name] if one != "analysis"]) for name in SIDE}
    return Output(complete(pd.DataFrame(rows), question, quantity="share", method="counts"), side)


def _of(table: "pd.DataFrame | None", people: "pd.DataFrame") -> "pd.DataFrame | None":
    return None if table is None else table[table["patient"].isin(people["patient"])]


def _place(factor: str, level: str, variant: str, arm: str) -> dict[str, Any]:
    return {"term": structured([[factor, level]]), "variant": variant, "arm": arm}


def _share(factor: str, level: str, hit: "pd.Series", arm: str) -> dict[str, Any]:
    """The row of the people for whom something holds."""
    counts = {"n_patients": len(hit), "n_events": int(hit.sum()), "estimate": float(hit.mean())}
    return _place(factor, level, "per_patient", arm) | counts | {"status": "converged"}


def _adherence(
    arm: str, people: "pd.DataFrame", sessions: "pd.DataFrame", needling: "pd.DataFrame | None", question: Question
) -> list[dict[str, Any]]:
    """Who came at all, who kept to the plan, who was needled, and who was not treated as allocated."""
    settings, who = question.settings, people["patient"]
    number = who.map(sessions.groupby("patient").size()).fillna(0)
    made = [_share("sessions", "any", number > 0, arm)]
    if settings.fewest_sessions is not None:
        made.append(_share("sessions", "enough", number >= settings.fewest_sessions, arm))
    if needling is not None:
        was = who.isin(needling["patient"])
        made.append(_share("needled", "yes", was, arm))
        if arm:
            made.append(_share("crossed_over", "yes", was != (arm in settings.needled), arm))
    return made


def _values(
    people: "pd.DataFrame", sessions: "pd.DataFrame", needling: "pd.DataFrame | None", others: "pd.DataFrame | None"
) -> "dict[str, pd.Series]":
    """One value per patient of each number; missing where the patient has none."""
    who = people["patient"]
    days = sessions.groupby("patient")["day"].agg(["min", "max", "count"])
    span = (days["max"] - days["min"]).where(days["count"] > 1)
    values = {"sessions": who.map(sessions.groupby("patient").size()).fillna(0), "days_treated": who.map(span)}
    with_needles = sessions[sessions["muscles"] > 0].groupby("patient")
    values |= {name: who.map(with_needles[name].mean()) for name in OF_SESSIONS}
    if needling is not None:
        of_rows = needling.groupby("patient")
        values |= {name: who.map(of_rows[name].mean()) for name in OF_NEEDLING if name in needling.columns}
    if others is not None:
        values["co_interventions"] = who.map(others.groupby("patient").size()).fillna(0)
        if "minutes" in others.columns:
            complete_sum = others.groupby("patient")["minutes"].agg(lambda minutes: minutes.sum(skipna=False))
            values["co_minutes"] = who.map(complete_sum).where(who.isin(others["patient"]), 0.0)
    return values


def _described(name: str, values: "pd.Series", arm: str, question: Question) -> dict[str, Any]:
    known = values.dropna().astype(float)
    rarest = known.value_counts()
    return {
        "cohort": question.cohort,
        "arm": arm,
        "measure": name,
        "unit": UNITS.get(name, ""),
        "n": len(known),
        "mean": known.mean(),
        "sd": known.std(),
        **{column: known.quantile(share) for column, share in (("q25", 0.25), ("median", 0.5), ("q75", 0.75))},
        "fewest": int(rarest.min()) if len(rarest) <= 3 else None,
    }


def _of_clinics(
    name: str, clinics: "pd.Series", values: "pd.Series", arm: str, question: Question
) -> list[dict[str, Any]]:
    """The mean of each clinic's patients with the interval of a mean (t), from the lowest to the highest."""
    from scipy.stats import t

    known = values.dropna().astype(float)
    made = known.groupby(clinics.reindex(known.index)).agg(["mean", "sem", "size"]).sort_values("mean", kind="stable")
    rows = []
    for rank, (clinic, one) in enumerate(made.iterrows(), 1):
        half = one["sem"] * t.ppf((1 + LEVEL) / 2, one["size"] - 1) if one["size"] > 1 else float("nan")
        values_of = known[clinics.reindex(known.index) == clinic].value_counts()
        rows.append(
            {
                "cohort": question.cohort,
                "arm": arm,
                "measure": name,
                "unit": UNITS.get(name, ""),
                "rank": rank,
                "estimate": one["mean"],
                "low": max(0.0, one["mean"] - half) if one["size"] > 1 else float("nan"),
                "high": one["mean"] + half,
                "level": LEVEL,
                "n": len(known),
                "fewest": int(min(one["size"], values_of.min() if len(values_of) <= 3 else one["size"])),
            }
        )
    return rows


def _shares(factor: str, table: "pd.DataFrame", column: str, people: "pd.DataFrame", arm: str) -> list[dict[str, Any]]:
    """People who ever had each level of a column, and the share of the table's rows that have it."""
    mine = table[table["patient"].isin(people["patient"])]
    levels = mine[column].astype("str").where(mine[column].notna(), NOT_STATED)
    made = []
    for level in sorted(levels.unique()):
        hit = people["patient"].isin(mine.loc[levels == level, "patient"])
        made.append(_share(factor, level, hit, arm))
        counts = {"n_patients": len(people), "n_events": int(hit.sum()), "n_observations": len(mine)}
        told = {"estimate": float((levels == level).mean()), "status": "converged"}
        made.append(_place(factor, level, "per_record", arm) | counts | told)
    return made


def methods(settings: Settings, study: Study) -> list[tuple[str, str]]:
    """What the analysis does, in sentences with codes in braces, and what shows it."""
    model = (
        "Description of the treatment on record, without a test. Each number is first made one of each patient (a mean over the "
        "patient's sessions with needling, or over the muscles needled), so that whoever came often does not count more; "
        "categories are shown as patients who ever had them."
    )
    if settings.fewest_sessions is not None:
        model += f" Kept to the plan: at least {settings.fewest_sessions} sessions."
    if settings.needled:
        model += (
            " Crossed over: needled in an arm that was not to be, or never needled in one that was; everybody stays in the arm "
            "allocated."
            if study.design == "randomised"
            else " Treated otherwise than the group: needled in a group that was not to be, or never needled in one that was; "
            "everybody stays in the own group."
        )
    return [
        ("model", model),
        ("uses", "everybody allocated" if study.design == "randomised" else "everybody"),
        ("missing", "A session, muscle or co-intervention that is not on record counts as not given."),
        ("table", "delivered"), ("figure", "delivered"), ("figure", "clinics"),
    ]  # fmt: skip
