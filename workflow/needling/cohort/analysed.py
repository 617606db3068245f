"""Which measurements an analysis uses: one rule for the models and for the participant flow."""

import pandas as pd

from needling.study import Ancova, GrowthCurve, RepeatedMeasures, Study


def analysis_set(rows: pd.DataFrame, settings: Ancova | GrowthCurve | RepeatedMeasures) -> pd.DataFrame:
    """Restrict the rows of one cohort and outcome to the patients whom an analysis is about.

    Parameters
    ----------
    rows : analysis frame of one cohort and outcome.
    settings : an analysis of the study file; `where` keeps covariate levels, `observed_at` those measured at a visit.
    """
    for covariate, wanted in settings.where.items():
        rows = rows[rows[covariate].isin([wanted] if isinstance(wanted, str) else wanted)]
    if settings.observed_at:
        rows = rows[rows["patient"].isin(rows.loc[rows["visit"] == settings.observed_at, "patient"])]
    return rows


def analysed(rows: pd.DataFrame, settings: Ancova | GrowthCurve | RepeatedMeasures, study: Study) -> pd.DataFrame:
    """Keep the measurements that an analysis' model uses, of the patients it is about.

    Used are the visits that are responses in the model (an `ancova`'s visits; every follow-up visit; the baseline too
    where it is a response), with nothing missing that the model needs: the outcome, the baseline where it is a
    covariate, the covariates, the clusters, and the week of a growth curve.

    Parameters
    ----------
    rows : analysis frame of one cohort and outcome.
    settings : an analysis of the study file.
    study : sections visits, patients.
    """
    rows = analysis_set(rows, settings)
    baseline = study.visits.baseline
    needed = ["value", *settings.adjust, *(["arm"] if study.arms else [])]
    if isinstance(settings, Ancova):
        interaction = [settings.interaction] if settings.interaction else []
        return rows[rows["visit"].isin(settings.visits)].dropna(subset=[*needed, "baseline", *interaction])
    needed += settings.clusters
    if isinstance(settings, GrowthCurve):
        needed += ["week"]
        response = not study.arms
    else:
        response = settings.baseline != "covariate"
    if response:
        return rows.dropna(subset=needed)
    return rows[rows["visit"] != baseline].dropna(subset=[*needed, "baseline"])
