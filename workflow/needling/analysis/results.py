"""Rows of the results table: the one vocabulary in which every analysis reports."""

import re
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from needling.schema import RESULTS

NUMBERS = ("estimate", "se", "df", "statistic", "p", "low", "high")


@dataclass
class Output:
    """What one analysis gives: its results and the side tables that figures need."""

    results: pd.DataFrame
    fitted: pd.DataFrame = field(default_factory=pd.DataFrame)
    quantiles: pd.DataFrame = field(default_factory=pd.DataFrame)
    cross_check: pd.DataFrame = field(default_factory=pd.DataFrame)


@dataclass(frozen=True)
class Question:
    """One model of an analysis: which cohort and outcome, measured how, and who is compared."""

    analysis: str
    settings: Any
    cohort: str
    outcome: str
    unit: str
    better: str
    baseline_visit: str
    visits: tuple[str, ...]
    primary_visit: str
    primary_week: float | None
    arms: tuple[str, ...]
    categories: dict[str, list[str]]
    smallest_group: int

    @property
    def reference(self) -> str:
        """The arm that the others are compared with; empty for a single arm."""
        return self.arms[0] if self.arms else ""

    @property
    def turned(self) -> bool:
        """True where contrasts are turned so that positive means more improvement."""
        return bool(self.settings.report_as == "improvement" and self.better == "lower")

    @property
    def scale(self) -> str:
        """Scale of contrasts in words."""
        return f"{self.unit}, positive is better" if self.settings.report_as == "improvement" else self.unit


def contrast_rows(table: pd.DataFrame, question: Question, term: str, **common: Any) -> pd.DataFrame:
    """Turn a tidy table of differences into results rows, in the orientation that the analysis reports.

    Parameters
    ----------
    table : columns visit, contrast, estimate, se, df, statistic, p, low, high.
    question : the model that they come from.
    term : effect, course, slope or interaction.
    common : the other columns of the results contract.

    Returns
    -------
    Rows of the contract RESULTS; favours names the arm that an effect speaks for, or is empty.
    """
    rows = table.copy()
    rows["term"] = term
    rows["favours"] = _favours(rows, question) if term == "effect" else ""
    if question.turned:
        rows["low"], rows["high"] = -rows["high"], -rows["low"]
        rows[["estimate", "statistic"]] *= -1
    rows["scale"] = question.scale
    return complete(rows, question, **common)


def mean_rows(table: pd.DataFrame, question: Question, **common: Any) -> pd.DataFrame:
    """Turn marginal means (columns visit, contrast = arm, estimate, se, df, low, high) into results rows.

    A test of a mean against 0 answers no question, so statistic and p stay empty.
    """
    bare = table.assign(term="mean", scale=question.unit, favours="", statistic=np.nan, p=np.nan)
    return complete(bare, question, **common)


def complete(rows: pd.DataFrame, question: Question, **common: Any) -> pd.DataFrame:
    """Fill the columns of the results contract that all rows of a model share."""
    filled = {
        "analysis": question.analysis,
        "estimand": question.settings.estimand or "",
        "cohort": question.cohort,
        "outcome": question.outcome,
        "level": question.settings.level,
        "p_adjusted": np.nan,
        "n_clusters": np.nan,
        "note": "",
        "favours": "",
        "visit": "",
        "contrast": "",
        **dict.fromkeys(NUMBERS, np.nan),
    }
    rows = rows.assign(**{name: value for name, value in filled.items() if name not in rows.columns})
    return rows.assign(**common)[list(RESULTS)]


def not_estimated(question: Question, why: str, method: str, n_patients: int, n_observations: int) -> pd.DataFrame:
    """One effect row that says why a planned contrast could not be estimated."""
    contrasts = [f"{arm} - {question.reference}" for arm in question.arms[1:]] or [""]
    visits = question.visits or ("",)
    rows = pd.DataFrame([{"visit": v, "contrast": c} for v in visits for c in contrasts])
    rows["term"] = "effect" if question.arms else "course"
    return complete(
        rows,
        question,
        scale=question.scale,
        n_patients=n_patients,
        n_observations=n_observations,
        method=method,
        df_method="",
        weights="",
        status="not_estimated",
        note=why,
    )


def coefficient_rows(table: pd.DataFrame, data: pd.DataFrame, question: Question, **common: Any) -> pd.DataFrame:
    """Turn fixed effects into results rows; those that tell about a few people are empty.

    Parameters
    ----------
    table : column term (the model's name of it) and the numbers.
    data : the analysed measurements: patient, and the covariates.
    question, common : as in `contrast_rows`.

    Returns
    -------
    Rows of the contract RESULTS. Where a level of a category has fewer patients than the smallest publishable group, its
    coefficients and the intercept, which is the reference level's, have no numbers and the status suppressed.
    """
    small = [
        name
        for name in question.categories
        if name in data and data.groupby(name, observed=True)["patient"].nunique().min() < question.smallest_group
    ]
    tells = table["term"].str.contains("|".join([r"^Intercept$", *(rf"(?:^|:){re.escape(name)}\[" for name in small)]))
    few = tells & bool(small)
    numbers = [name for name in NUMBERS if name in table.columns]
    rows = table.assign(contrast=table["term"].map(in_words), term="coefficient")
    rows[numbers] = rows[numbers].mask(few)
    rows = complete(rows, question, **common)
    why = f"a level of {' and '.join(small)} has fewer than {question.smallest_group} patients"
    rows["note"], rows["status"] = rows["note"].mask(few, why), rows["status"].mask(few, "suppressed")
    return rows


def in_words(term: str) -> str:
    """Write a coefficient's name for people: 'visit[T.week_4]:arm[T.x]' becomes 'visit week 4 x arm x'."""
    words = re.sub(r"\[T?\.?([^\]]*)\]", r" \1", term).replace(":", " x ").replace("_", " ")
    return re.sub(r"\s+", " ", words).strip()


def _favours(rows: pd.DataFrame, question: Question) -> list[str]:
    """The arm that a difference (as measured, before it is turned) speaks for."""
    favoured = []
    for contrast, estimate in zip(rows["contrast"], rows["estimate"], strict=True):
        first, _, second = str(contrast).partition(" - ")
        better = first if (estimate < 0) == (question.better == "lower") else second
        favoured.append("" if not np.isfinite(estimate) or estimate == 0 else better)
    return favoured
