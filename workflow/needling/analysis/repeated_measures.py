"""All follow-up visits at once: a mixed model for repeated measures (MMRM)."""

from typing import Any

import pandas as pd

from needling.analysis.model import appendix_rows, common_columns, covariates, model_frame, residual_tables, too_few
from needling.analysis.results import Output, Question, contrast_rows, mean_rows, not_estimated
from needling.mixed.fit import fit_ladder
from needling.mixed.fitted import MixedFit

METHOD = "Mixed model for repeated measures (REML)"
# Begins the note of a fit that went down the ladder; the report looks for it.
FALLEN = "planned structures that did not hold"
WEIGHTS = "the analysed measurements"
RESIDUAL_WORDS = {
    "unstructured": "unstructured covariance over visits",
    "toeplitz": "Toeplitz covariance over visits",
    "toeplitz_het": "heterogeneous Toeplitz covariance over visits",
    "ar1": "first-order autoregressive covariance over visits",
    "ar1_het": "heterogeneous first-order autoregressive covariance over visits",
    "compound_symmetry": "compound symmetry over visits",
    "compound_symmetry_het": "heterogeneous compound symmetry over visits",
    "antedependence": "first-order ante-dependence over visits",
    "antedependence_het": "heterogeneous first-order ante-dependence over visits",
}


def repeated_measures(rows: pd.DataFrame, question: Question) -> Output:
    """Compare arms at every follow-up visit with a mixed model for repeated measures.

    value = baseline x visit + arm x visit + covariates + e, with e correlated over the visits of a patient. The baseline
    is a covariate; or a response whose mean is common to all arms (constrained); or, in a single arm, the visit that
    the course is measured from. The residual structures of the study file are tried in turn until one converges.
    Estimated by restricted maximum likelihood; right under missing at random given baseline, covariates and the measured visits.

    Parameters
    ----------
    rows : rows of one cohort and outcome (contract FRAME), the measurements that the model uses.
    question : settings must be those of a `RepeatedMeasures`.

    Returns
    -------
    Output: effects (or the course) and marginal means by visit, coefficients, variances; binned and grouped residuals;
    the cross-check. Marginal means average over the covariates of the analysed measurements, so that a patient counts
    once for each visit measured. Patients without baseline (where it is a covariate) or without a covariate are left out.
    """
    settings = question.settings
    data = model_frame(rows, question)
    why = too_few(data, question)
    if why:
        return Output(not_estimated(question, why, METHOD, data["patient"].nunique(), len(data)))
    data, formula = _formula(data, question)
    fit = fit_ladder(
        formula,
        data,
        residuals=[f"{structure}(visit)" for structure in settings.residual],
        subject="patient",
        cluster=dict.fromkeys(settings.clusters, "1") or None,
    )
    if fit.status == "failed":
        return Output(not_estimated(question, fit.message, METHOD, data["patient"].nunique(), len(data)))
    method, inference = _inference(fit, question)
    common = common_columns(fit, method, inference, WEIGHTS, _fallen(fit))
    report = _constrained if settings.baseline == "constrained" else _by_arm if question.arms else _course
    parts = [*report(fit, data, question, common, inference), appendix_rows(fit, data, question, common, inference)]
    return Output(pd.concat(parts), **residual_tables(fit, question), cross_check=pd.DataFrame())


def _fallen(fit: MixedFit) -> str:
    """Say which planned covariance structures were tried and did not hold, if any."""
    rungs = fit.ladder
    if rungs is None or len(rungs) < 2:
        return ""
    tried = [RESIDUAL_WORDS[str(name).partition("(")[0]] for name in rungs["structure"][:-1]]
    return f"{FALLEN}: {', '.join(tried)}"


def _inference(fit: MixedFit, question: Question) -> tuple[str, dict[str, Any]]:
    """The method in words, and how its results are to be asked for.

    Compound symmetry as the last rung of a ladder is a fallback that nobody believes, so its variance is taken from the data:
    the bias-reduced sandwich by patient (CR2) with its own Satterthwaite degrees of freedom. Where therapists or clinics
    have random effects, patients are not independent and the model's own variance stays.
    """
    settings = question.settings
    structure = fit.covariance_structure.partition("(")[0]
    method = f"{METHOD}, {RESIDUAL_WORDS[structure]}"
    inference: dict[str, Any] = {"df": settings.df, "level": settings.level}
    if structure == "compound_symmetry" and len(settings.residual) > 1 and not settings.clusters:
        inference |= {"df": "satterthwaite", "variance": "CR2"}
        method += ", bias-reduced sandwich variance by patient (CR2)"
    return method, inference


def _formula(data: pd.DataFrame, question: Question) -> tuple[pd.DataFrame, str]:
    """The fixed effects, and the data with the columns that they need."""
    adjust = covariates(data, question)
    if question.settings.baseline == "constrained":
        data = data.copy()
        names = []
        for arm in question.arms[1:]:
            for visit in [v for v in data["visit"].cat.categories if v != question.baseline_visit]:
                name = _effect_name(arm, visit)
                data[name] = ((data["arm"] == arm) & (data["visit"] == visit)).astype(float)
                names.append(name)
        return data, " + ".join(["value ~ visit", *names, *adjust])
    if not question.arms:
        return data, " + ".join(["value ~ visit", *adjust])
    return data, " + ".join(["value ~ baseline * visit", "arm * visit", *adjust])


def _effect_name(arm: str, visit: str) -> str:
    return f"effect_{arm}_{visit}"


def _by_arm(
    fit: MixedFit, data: pd.DataFrame, question: Question, common: dict[str, object], inference: dict[str, Any]
) -> list[pd.DataFrame]:
    options = {**inference, "weights": "observed"}
    effects = fit.contrast("arm", by="visit", reference=question.reference, **options)
    means = fit.means(by=["visit", "arm"], **options).rename(columns={"arm": "contrast"})
    return [contrast_rows(_text(effects), question, "effect", **common), mean_rows(_text(means), question, **common)]


def _course(
    fit: MixedFit, data: pd.DataFrame, question: Question, common: dict[str, object], inference: dict[str, Any]
) -> list[pd.DataFrame]:
    options = {**inference, "weights": "observed"}
    changes = fit.contrast("visit", reference=question.baseline_visit, **options)
    changes["visit"] = [str(contrast).partition(" - ")[0] for contrast in changes["contrast"]]
    means = fit.means(by=["visit"], **options).assign(contrast="")
    return [contrast_rows(_text(changes), question, "course", **common), mean_rows(_text(means), question, **common)]


def _constrained(
    fit: MixedFit, data: pd.DataFrame, question: Question, common: dict[str, object], inference: dict[str, Any]
) -> list[pd.DataFrame]:
    """Effects are the coefficients of the arm-at-visit columns; a mean adds them to the reference arm's."""
    terms = fit.terms(**inference).set_index("term")
    visits = [v for v in data["visit"].cat.categories if v != question.baseline_visit]
    pairs = [(arm, visit) for visit in visits for arm in question.arms[1:]]
    effects = terms.loc[[_effect_name(*pair) for pair in pairs]].reset_index(drop=True)
    effects["visit"] = [visit for _, visit in pairs]
    effects["contrast"] = [f"{arm} - {question.reference}" for arm, _ in pairs]
    nobody = {_effect_name(*pair): 0.0 for pair in pairs}
    means = []
    for arm in question.arms:
        for visit in [question.baseline_visit, *visits]:
            at = nobody | ({_effect_name(arm, visit): 1.0} if (arm, visit) in pairs else {})
            mean = fit.means(by=["visit"], at=at, weights="observed", **inference)
            means.append(mean[mean["visit"] == visit].assign(contrast=arm))
    return [
        contrast_rows(effects, question, "effect", **common),
        mean_rows(_text(pd.concat(means, ignore_index=True)), question, **common),
    ]


def _text(table: pd.DataFrame) -> pd.DataFrame:
    """Visits and arms as text."""
    table = table.copy()
    for column in ("visit", "contrast"):
        table[column] = table[column].astype(str)
    return table
