"""A random intercept and slope per patient over the actual time of each visit."""

import pandas as pd

from needling.analysis.model import (
    appendix_rows,
    common_columns,
    covariates,
    cross_check,
    model_frame,
    residual_tables,
    too_few,
)
from needling.analysis.results import Output, Question, contrast_rows, not_estimated
from needling.mixed.fit import fit_mixed

METHOD = "Random intercept and slope per patient (REML)"


def growth_curve(rows: pd.DataFrame, question: Question) -> Output:
    """Compare arms by straight lines over the follow-up, at the actual weeks of the visits.

    value = baseline + arm x (week - primary week) + covariates + (1 + week | patient) + e. The arm's coefficient is the
    difference at the primary visit's nominal week, its product with week the difference in slopes per week. In a
    single arm the visits include the baseline and the slope is the course.

    Parameters
    ----------
    rows : rows of one cohort and outcome (contract FRAME), the measurements that the model uses.
    question : settings must be those of a `GrowthCurve`.

    Returns
    -------
    Output: the effect at the primary visit, the slope (or its difference), coefficients, variances, residuals and the cross-check
    with statsmodels. Patients without baseline or a covariate are left out.
    """
    settings = question.settings
    data = model_frame(rows, question)
    why = too_few(data, question)
    if why:
        return Output(not_estimated(question, why, METHOD, data["patient"].nunique(), len(data)))
    data["time"] = data["week"] - (question.primary_week or 0.0 if question.arms else 0.0)
    fixed = ["baseline", "arm * time"] if question.arms else ["time"]
    fit = fit_mixed(
        "value ~ " + " + ".join([*fixed, *covariates(data, question)]),
        data,
        subject="patient",
        random="1 + time",
        cluster=dict.fromkeys(settings.clusters, "1") or None,
    )
    if fit.status == "failed":
        return Output(not_estimated(question, fit.message, METHOD, data["patient"].nunique(), len(data)))
    inference = {"df": settings.df, "level": settings.level}
    common = common_columns(fit, METHOD, inference)
    terms = fit.terms(**inference).set_index("term")
    parts = [appendix_rows(fit, data, question, common, inference)]
    for arm in question.arms[1:]:
        contrast = f"{arm} - {question.reference}"
        effect = terms.loc[[f"arm[T.{arm}]"]].assign(visit=question.primary_visit, contrast=contrast)
        slope = terms.loc[[f"arm[T.{arm}]:time"]].assign(visit="", contrast=contrast)
        parts += [
            contrast_rows(effect.reset_index(drop=True), question, "effect", **common),
            contrast_rows(slope.reset_index(drop=True), question, "slope", **common | {"note": "per week"}),
        ]
    if not question.arms:
        slope = terms.loc[["time"]].assign(visit="", contrast="")
        parts.append(contrast_rows(slope.reset_index(drop=True), question, "slope", **common | {"note": "per week"}))
    return Output(pd.concat(parts), **residual_tables(fit, question), cross_check=cross_check(fit, question))
