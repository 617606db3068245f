"""Which measurements an analysis uses: one rule for the models and for the participant flow."""

from collections.abc import Callable

import pandas as pd

from needling.study.plan import Ancova, GrowthCurve, RepeatedMeasures, Study

Settings = Ancova | GrowthCurve | RepeatedMeasures


def analysed(rows: pd.DataFrame, settings: Settings, study: Study) -> pd.DataFrame:
    """Keep the measurements that an analysis' model uses, of the patients it is about.

    Used are the visits that are responses in the model (an `ancova`'s visits; every follow-up visit; the baseline too
    where it is a response), with nothing missing that the model needs: the outcome, the baseline where it is a
    covariate, the covariates, the clusters, and the week of a growth curve.

    Parameters
    ----------
    rows : analysis frame of one cohort and outcome.
    settings : an analysis of the study file; `where` keeps covariate levels, `observed_at` those measured at a visit.
    study : sections visits, patients.
    """
    for _, keep in _conditions(settings, study):
        rows = keep(rows)
    return rows


def left_out(patients: pd.Series, rows: pd.DataFrame, settings: Settings, study: Study) -> pd.Series:
    """Say why patients have no measurement in an analysis' model.

    Parameters
    ----------
    patients : codes of the patients of a cohort (and arm).
    rows, settings, study : as for `analysed`.

    Returns
    -------
    The first reason that holds, by patient (index), without those who are in the model: never_measured (at a visit of the
    schedule), outside_population (`where`), not_observed (`observed_at`), not_at_visits (those of the model), no_baseline,
    incomplete (something else that the model needs is missing). Sorted by reason, in this order.
    """
    remaining, reasons = pd.Index(patients.unique(), name="patient"), []
    for reason, keep in [("never_measured", lambda measured: measured), *_conditions(settings, study)]:
        rows = keep(rows)
        gone = remaining[~remaining.isin(rows["patient"])]
        reasons.append(pd.Series(reason, index=gone, dtype="str"))
        remaining = remaining.difference(gone, sort=False)
    return pd.concat(reasons)


Condition = tuple[str, Callable[[pd.DataFrame], pd.DataFrame]]


def _conditions(settings: Settings, study: Study) -> list[Condition]:
    """What a measurement needs to be in the model, one after the other, each with the reason of whom it leaves out."""
    first, needed = study.visits.baseline, [*settings.adjust, *(["arm"] if study.arms else [])]
    if isinstance(settings, Ancova):
        response, visits = False, list(settings.visits)
        needed += [settings.interaction] if settings.interaction else []
    else:
        response = not study.arms if isinstance(settings, GrowthCurve) else settings.baseline != "covariate"
        visits = [visit for visit in study.visits.schedule if visit != first or response]
        needed += [*settings.clusters, *(["week"] if isinstance(settings, GrowthCurve) else [])]
    return [
        ("outside_population", lambda rows: _of_population(rows, settings)),
        ("not_observed", lambda rows: _observed(rows, settings.observed_at)),
        ("not_at_visits", lambda rows: rows[rows["visit"].isin(visits)]),
        ("no_baseline", lambda rows: rows if response else rows.dropna(subset="baseline")),
        ("incomplete", lambda rows: rows.dropna(subset=needed)),
    ]


def _of_population(rows: pd.DataFrame, settings: Settings) -> pd.DataFrame:
    for covariate, wanted in settings.where.items():
        rows = rows[rows[covariate].isin([wanted] if isinstance(wanted, str) else wanted)]
    return rows


def _observed(rows: pd.DataFrame, visit: str | None) -> pd.DataFrame:
    return rows if visit is None else rows[rows["patient"].isin(rows.loc[rows["visit"] == visit, "patient"])]
