"""What the mixed-model analyses share: the model frame, the results of a fit, and its diagnostics."""

from typing import Any

import numpy as np
import pandas as pd

from needling.analysis.diagnostics import diagnostics
from needling.analysis.results import Question, coefficient_rows, complete, in_words
from needling.mixed.fitted import MixedFit

DF_WORDS = {
    "kenward_roger": "Kenward-Roger",
    "satterthwaite": "Satterthwaite",
    "residual": "residual",
    "between_within": "between-within",
    "asymptotic": "asymptotic (normal)",
}


def model_frame(rows: pd.DataFrame, question: Question) -> pd.DataFrame:
    """Make arms, visits and categories explicit, reference level first.

    Parameters
    ----------
    rows : the measurements that the model uses.
    question : the model.
    """
    data = rows.copy()
    visits = [visit for visit in [question.baseline_visit, *question.visits] if (data["visit"] == visit).any()]
    data["visit"] = pd.Categorical(data["visit"], visits)
    if question.arms:
        data["arm"] = pd.Categorical(data["arm"], [arm for arm in question.arms if (data["arm"] == arm).any()])
    for name, levels in question.categories.items():
        present = [level for level in levels if (data[name] == level).any()]
        data[name] = pd.Categorical(data[name], present)
    return data


def covariates(data: pd.DataFrame, question: Question) -> list[str]:
    """The analysis' covariates that vary among its patients; a constant one has no coefficient."""
    return [name for name in question.settings.adjust if data[name].nunique() > 1]


def too_few(data: pd.DataFrame, question: Question) -> str:
    """Say why no model can be fitted, or nothing where one can."""
    if question.arms and data["arm"].nunique() < len(question.arms):
        return "an arm has no patients with the values that the model needs"
    if data["patient"].nunique() < 2 * max(1, len(question.arms)):
        return "too few patients"
    return ""


def common_columns(
    fit: MixedFit, method: str, inference: dict[str, Any], weights: str = "", note: str = ""
) -> dict[str, object]:
    """Columns of the results contract that all rows of a fit share.

    Parameters
    ----------
    fit : the fit.
    method : model and estimation in words.
    inference : the arguments df, level and variance with which every result of the fit is asked for.
    weights : what its marginal means average over; empty where it has none.
    note : what else a reader must know of the fit.
    """
    rule = DF_WORDS[inference["df"]]
    information = fit.terms(**inference).attrs.get("information")
    if inference["df"] in {"kenward_roger", "satterthwaite"} and information and inference.get("variance") is None:
        rule += f" ({information} information)"
    clusters = [f"{n} {name}s" for name, n in fit.n_clusters.items()]
    notes = [text for text in (note, fit.message.rstrip("."), ", ".join(clusters)) if text]
    return {
        "n_patients": fit.n_subjects,
        "n_observations": fit.n_observations,
        "n_clusters": max(fit.n_clusters.values()) if fit.n_clusters else np.nan,
        "method": method,
        "df_method": rule,
        "weights": weights,
        "status": fit.status,
        "note": "; ".join(notes),
    }


def appendix_rows(
    fit: MixedFit, data: pd.DataFrame, question: Question, common: dict[str, object], inference: dict[str, Any]
) -> pd.DataFrame:
    """Fixed effects and variance components of a fit to some measurements as results rows."""
    spread = _spread(fit, question)
    common = {**common, "scale": question.unit}
    return pd.concat(
        [
            coefficient_rows(fit.terms(**inference).drop(columns="status"), data, question, **common),
            complete(spread, question, **{k: v for k, v in common.items() if k != "scale"}),
        ]
    )


def _spread(fit: MixedFit, question: Question) -> pd.DataFrame:
    """Covariance parameters: variances as standard deviations, with the words that name them."""
    table = fit.variance_components()
    is_variance = table["quantity"] == "variance"
    quantity = table["quantity"].where(~is_variance, "standard deviation")
    names = table["component"] + " " + table["term"].fillna("") + ": " + quantity
    return pd.DataFrame(
        {
            "contrast": [in_words(name).replace(" x ", ": ") for name in names],
            "estimate": np.sqrt(table["estimate"].where(is_variance)).fillna(table["estimate"]),
            "scale": np.where(
                is_variance, question.unit, np.where(quantity == "correlation", "correlation", "covariance")
            ),
            "term": "variance",
            "visit": "",
        }
    )


def residual_tables(fit: MixedFit, question: Question) -> dict[str, pd.DataFrame]:
    """Diagnostics of a fit's residuals, scaled by the Cholesky factor of their covariance so that they are uncorrelated."""
    return diagnostics(fit.fitted(), fit.residuals("scaled"), question)


def cross_check(fit: MixedFit, question: Question) -> pd.DataFrame:
    """Differences between a fit and statsmodels' MixedLM, where that can express the model; else no rows."""
    table = fit.cross_check()
    place = {"analysis": question.analysis, "cohort": question.cohort, "outcome": question.outcome}
    return table.assign(**place)
