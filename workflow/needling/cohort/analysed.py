"""Which measurements an analysis uses: one rule for the models and for the count of who is in them."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from needling.study.analyses import Analysis
from needling.study.plan import Study

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Needs:
    """What a measurement needs to be a response of a model.

    `visits` are the visits that are responses; `baseline` says that the baseline is a covariate; `columns` may not be missing.
    `everybody` says that patients without any measurement are in the analysis too, because it fills in what is missing.
    `filled` are covariates beside those that are adjusted for that `completed` may fill too. `each` says that every visit has a
    model of its own: who is counted as analysed is then in that of the primary visit.
    """

    visits: tuple[str, ...]
    baseline: bool = True
    columns: tuple[str, ...] = ()
    everybody: bool = False
    filled: tuple[str, ...] = ()
    each: bool = False

    def counted(self, primary: str) -> "Needs":
        """What a measurement needs for its patient to be counted as analysed."""
        return replace(self, visits=(primary,)) if self.each and primary in self.visits else self


def completed(rows: "pd.DataFrame", settings: Analysis, needs: Needs, study: Study) -> "pd.DataFrame":
    """Put a value for each missing baseline value and covariate that an analysis adjusts for, in a randomised trial.

    The mean of the cohort's patients (of the analysis' population) stands for a number, their most frequent level for a category.
    What is put there does not depend on the arm, so that randomisation keeps the comparison unbiased and no randomised
    patient is lost. In other designs nothing is put anywhere: there the covariate is what makes arms comparable.

    Parameters
    ----------
    rows : visit frame of one cohort and outcome, or the patients of one cohort.
    settings : an analysis; its `adjust` names the covariates.
    needs : whether the baseline is one of them, and further ones.
    study : section design.

    Returns
    -------
    The rows with these columns filled; a covariate that nobody has stays missing, and other columns stay as they are.

    Source: White, Thompson 2005, Statistics in Medicine 24:993-1007. A level of its own for those without a value would leave its
    coefficient to few people, whose values it would tell.
    """
    import pandas as pd

    if study.design != "randomised" or rows.empty:
        return rows
    names = [*settings.adjust, *needs.filled, *(["baseline"] if needs.baseline and "baseline" in rows else [])]
    people = of_population(rows, settings).drop_duplicates("patient")
    put = {}
    for name in names:
        known = people[name].dropna() if name in rows else pd.Series(dtype=float)
        if len(known) and pd.api.types.is_numeric_dtype(known.dtype):
            put[name] = rows[name].fillna(known.mean())
        elif len(known):
            put[name] = rows[name].fillna(known.mode().iloc[0])
    return rows.assign(**put)


def analysed(rows: "pd.DataFrame", settings: Analysis, needs: Needs, study: Study) -> "pd.DataFrame":
    """Keep the measurements that an analysis' model uses, of the patients it is about.

    Parameters
    ----------
    rows : visit frame of one cohort and outcome.
    settings : an analysis of the study file; `where` keeps covariate levels, `observed_at` those measured at a visit.
    needs : what a measurement needs to be in the model.
    study : section patients.
    """
    for _, keep in _conditions(settings, needs, study):
        rows = keep(rows)
    return rows


def left_out(
    patients: "pd.DataFrame", rows: "pd.DataFrame", settings: Analysis, needs: Needs, study: Study
) -> "pd.Series":
    """Say why patients have no measurement in an analysis' model.

    Parameters
    ----------
    patients : the patients of a cohort (and arm), with their covariates where the analysis needs everybody.
    rows, settings, needs, study : as for `analysed`.

    Returns
    -------
    The first reason that holds, by patient (index), without those who are in the model: never_measured (at a visit of the
    schedule), outside_population (`where`), not_observed (`observed_at`), not_at_visits (those of the model), no_baseline,
    incomplete (something else that the model needs is missing). Sorted by reason, in this order.
    """
    import pandas as pd

    remaining, reasons = pd.Index(patients["patient"].unique(), name="patient"), []
    steps = [("never_measured", lambda measured: measured), *_conditions(settings, needs, study)]
    if needs.everybody:
        rows, steps = patients, _of_everybody(rows, settings, needs, study)
    for reason, keep in steps:
        rows = keep(rows)
        gone = remaining[~remaining.isin(rows["patient"])]
        reasons.append(pd.Series(reason, index=gone, dtype="str"))
        remaining = remaining.difference(gone, sort=False)
    return pd.concat(reasons)


def enrolled(
    patients: "pd.DataFrame", rows: "pd.DataFrame", settings: Analysis, needs: Needs, study: Study
) -> "pd.DataFrame":
    """Keep the patients whom an analysis is about that needs everybody; of others, those of its population.

    Parameters
    ----------
    patients : the patients of a cohort, with their covariates.
    rows, settings, needs, study : as for `analysed`.
    """
    if not needs.everybody:
        return of_population(patients, settings) if all(one in patients for one in settings.where) else patients
    for _, keep in _of_everybody(rows, settings, needs, study):
        patients = keep(patients)
    return patients


Condition = tuple[str, "Callable[[pd.DataFrame], pd.DataFrame]"]


def _conditions(settings: Analysis, needs: Needs, study: Study) -> list[Condition]:
    """What a measurement needs to be in the model, one after the other, each with the reason of whom it leaves out."""
    columns = [*needs.columns, *(["arm"] if study.arms else [])]
    return [
        ("outside_population", lambda rows: of_population(rows, settings)),
        ("not_observed", lambda rows: _observed(rows, settings.observed_at)),
        ("not_at_visits", lambda rows: rows[rows["visit"].isin(needs.visits)]),
        ("no_baseline", lambda rows: rows.dropna(subset="baseline") if needs.baseline else rows),
        ("incomplete", lambda rows: rows.dropna(subset=columns)),
    ]


def _of_everybody(rows: "pd.DataFrame", settings: Analysis, needs: Needs, study: Study) -> list[Condition]:
    """What a patient needs to be in an analysis that fills in measurements."""
    seen = None if settings.observed_at is None else rows.loc[rows["visit"] == settings.observed_at, "patient"]
    columns = [*needs.columns, *(["arm"] if study.arms else [])]
    return [
        ("outside_population", lambda people: of_population(people, settings)),
        ("not_observed", lambda people: people if seen is None else people[people["patient"].isin(seen)]),
        ("incomplete", lambda people: people.dropna(subset=columns)),
    ]


def of_population(rows: "pd.DataFrame", settings: Analysis) -> "pd.DataFrame":
    """Keep the rows of the patients whom `where` names."""
    for covariate, wanted in settings.where.items():
        rows = rows[rows[covariate].isin([wanted] if isinstance(wanted, str) else wanted)]
    return rows


def _observed(rows: "pd.DataFrame", visit: str | None) -> "pd.DataFrame":
    return rows if visit is None else rows[rows["patient"].isin(rows.loc[rows["visit"] == visit, "patient"])]


def values_needed(study: Study, *values: str) -> list[str]:
    """Name the values before treatment without which a patient is left out: none in a trial, where missing ones are filled."""
    return [] if study.design == "randomised" else list(values)


def used(whose: str, needed: list[str]) -> str:
    """Say whose values an analysis uses and what else they need, as a sentence lists it: those measured, a and b."""
    return ", ".join([whose, *needed[:-1]]) + "".join(f" and {one}" for one in needed[-1:])
