"""Rows of the results table: the one vocabulary in which every analysis reports, codes and no words."""

import hashlib
import json
import math
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from needling.schema.results import COUNTS, KEYS, NUMBERS, RATIOS, RESULTS, SHARES

if TYPE_CHECKING:
    import pandas as pd

    from needling.study.plan import Study
    from needling.study.settings import Contrasts

PER = {"slope": "week", "trend": "unit of dose"}


@dataclass
class Output:
    """What one question gives: its results, and the side tables that its kind writes, by name."""

    results: "pd.DataFrame"
    side: "dict[str, pd.DataFrame]" = field(default_factory=dict)


@dataclass(frozen=True)
class Question:
    """One model of an analysis: which cohort and outcome, measured how, and who is compared. Codes, no words.

    `settings` are those of the analysis' kind; `study` has the sections that every analysis reads, and those that its kind names
    under USES. `arms` has the reference first; a single arm has none.
    `unit` and `better` are those of the outcome.
    """

    analysis: str
    settings: Any
    role: str
    primary: bool
    cohort: str
    outcome: str
    instrument: str
    unit: str
    better: str
    baseline_visit: str
    visits: tuple[str, ...]
    primary_visit: str
    weeks: dict[str, float | None]
    arms: tuple[str, ...]
    doses: dict[str, float]
    categories: dict[str, list[str]]
    study: "Study"
    site: str = ""

    @property
    def reference(self) -> str:
        """The arm that the others are compared with; empty for a single arm."""
        return self.arms[0] if self.arms else ""

    @property
    def turned(self) -> bool:
        """True where contrasts are turned so that positive means more improvement."""
        return self.settings.report_as == "improvement" and self.better == "lower"

    @property
    def difference_unit(self) -> str:
        """Unit of a difference of the outcome: points of a score of 0-10 points, percentage points of a percentage."""
        bare = re.sub(r"^[\d.]+-[\d.]+ ?", "", self.unit)
        return "percentage points" if bare.startswith("%") else bare

    @property
    def difference_better(self) -> str:
        """Direction in which a difference is better, as the analysis reports it."""
        return "higher" if self.turned else self.better


def contrast_rows(
    table: "pd.DataFrame", question: Question, quantity: str = "difference", **common: Any
) -> "pd.DataFrame":
    """Turn differences into results rows, in the orientation that the analysis reports.

    Parameters
    ----------
    table : columns arm, reference, visit, and of estimate, se, df, statistic, p, low, high those that there are; as measured
        (arm minus reference, or a change from baseline).
    question : the model that they come from.
    quantity : difference, change, slope, trend or interaction.
    common : other columns of the results contract.

    Returns
    -------
    Rows of the contract RESULTS. `favours` is the arm for which a comparison speaks: the one with the better value, or
    empty where there is no estimate, no comparison, or a difference of exactly 0. A comparison of the primary analysis that is
    not at the primary visit is secondary.
    """
    rows = _bare(table).assign(**common)
    if question.turned:
        rows["low"], rows["high"] = -rows["high"], -rows["low"]
        rows[["estimate", "statistic"]] *= -1
    if question.primary:
        elsewhere = rows["visit"].ne("") & rows["visit"].ne(question.primary_visit)
        rows["role"] = [("secondary" if other else question.role) for other in elsewhere]
    unit = question.difference_unit
    rows = complete(
        rows,
        question,
        **{"quantity": quantity, "better": question.difference_better},
        **{"unit": f"{unit} per {PER[quantity]}" if quantity in PER else unit},
    )
    rows = rows.assign(favours=favoured(rows))
    is_comparison = bool((rows["reference"] != "").all()) and quantity in {"difference", "change"}
    return against_margin(rows, question) if is_comparison else rows


@dataclass(frozen=True)
class Comparison:
    """A comparison of arms: its weights add up to 0; of two arms it is arm minus reference."""

    arm: str
    reference: str
    weights: dict[str, float]
    quantity: str = "difference"
    term: str = ""


def comparisons(question: Question, asked: "Contrasts | None" = None) -> list[Comparison]:
    """List the comparisons of arms that an analysis asks for.

    Parameters
    ----------
    question : the model; its first arm is the reference.
    asked : which comparisons, where it is not what the analysis says.

    Returns
    -------
    Each arm against the reference, all pairs (later minus earlier), a linear trend (slope per unit of dose), or the weighted sum
    that the study file gives; none for a single arm.
    """
    arms, asked = question.arms, asked or question.settings.contrasts
    if isinstance(asked, dict):
        return [Comparison("", "", {arm: asked.get(arm, 0.0) for arm in arms}, term=structured(asked))]
    if asked == "pairwise":
        return [Comparison(b, a, {b: 1.0, a: -1.0}) for i, a in enumerate(arms) for b in arms[i + 1 :]]
    if asked == "trend":
        centre = sum(question.doses[arm] for arm in arms) / len(arms)
        spread = sum((question.doses[arm] - centre) ** 2 for arm in arms)
        weights = {arm: (question.doses[arm] - centre) / spread for arm in arms}
        return [Comparison("", "", weights, "trend", structured(["dose"]))]
    return [Comparison(arm, question.reference, {arm: 1.0, question.reference: -1.0}) for arm in arms[1:]]


def against_margin(rows: "pd.DataFrame", question: Question) -> "pd.DataFrame":
    """Test differences against the margin of a non-inferiority or equivalence analysis; superiority stays as it is.

    Non-inferiority: one-sided, H0 that the arm is worse than the reference by the margin or more. Equivalence: the larger P of two
    one-sided tests, and the interval of level 1 - 2 alpha, which lies within the margins just when that P is below alpha.

    Parameters
    ----------
    rows : results rows of differences as they are reported (better is their direction).
    question : the model, whose settings have framework, margin and level.
    """
    import numpy as np
    from scipy.special import stdtr, stdtrit

    settings = question.settings
    if settings.framework == "superiority" or settings.margin is None or rows.empty:
        return rows.assign(framework="superiority")
    rows, margin = rows.assign(framework=settings.framework, margin=settings.margin), settings.margin
    df = rows["df"].fillna(np.inf).clip(upper=1e9)
    above, below = (rows["estimate"] + margin) / rows["se"], (rows["estimate"] - margin) / rows["se"]
    over_low, under_high = stdtr(df, -above), stdtr(df, below)  # P of "not above -margin", of "not below +margin"
    if settings.framework == "equivalence":
        larger = np.where(over_low > under_high, above, below)
        alpha = 1 - settings.level
        reach = stdtrit(df, 1 - alpha) * rows["se"]
        limits = {"low": rows["estimate"] - reach, "high": rows["estimate"] + reach, "level": 1 - 2 * alpha}
        return rows.assign(statistic=larger, p=np.maximum(over_low, under_high), **limits)
    lower = rows["better"] == "lower"
    return rows.assign(statistic=np.where(lower, below, above), p=np.where(lower, under_high, over_low))


def spread_within_arms(values: "pd.Series", arms: "pd.Series") -> tuple[float, int]:
    """Pool the standard deviations of the arms: sqrt(sum (n - 1) s^2 / sum (n - 1)), with sum (n - 1) degrees of freedom.

    Parameters
    ----------
    values : one number per patient, such as the outcome at baseline; missing ones are left out.
    arms : the patients' arms, by the same index.

    Returns
    -------
    Standard deviation (0 where nothing is known of it) and degrees of freedom.
    """
    groups = values.dropna().groupby(arms, observed=True)
    df = int((groups.size() - 1).sum())
    return (float(((groups.var() * (groups.size() - 1)).sum() / df) ** 0.5), df) if df else (0.0, 0)


def standardised_rows(rows: "pd.DataFrame", sd: float, df: float) -> "pd.DataFrame":
    """Put differences between arms (of means, or of changes) on the scale of the pooled standard deviation at baseline: Hedges' g.

    g = J d with d = difference / sd and J = gamma(df / 2) / (sqrt(df / 2) gamma((df - 1) / 2)); its variance
    J^2 ((se / sd)^2 + d^2 / (2 df)) counts the error of the standard deviation; interval by Student's t with df.

    Parameters
    ----------
    rows : results rows; those that compare arms by a difference or a change and have an estimate are used.
    sd : pooled within-arm standard deviation at baseline, in the outcome's unit.
    df : its degrees of freedom, patients less arms.

    Returns
    -------
    One secondary row each, without a test of its own. Source: Hedges 1981, Journal of Educational Statistics 6:107-128.
    """
    import numpy as np
    import pandas as pd
    from scipy.special import gammaln, stdtrit

    if not (sd > 0 and df > 1):
        return rows.head(0)
    compared = rows["quantity"].isin(["difference", "change"]) & rows["reference"].ne("")
    rows = rows[(compared | rows["quantity"].eq("difference")) & rows["estimate"].notna()]
    factor = float(np.exp(gammaln(df / 2) - gammaln((df - 1) / 2)) / np.sqrt(df / 2))
    d = rows["estimate"] / sd
    se = factor * np.sqrt((rows["se"] / sd) ** 2 + d**2 / (2 * df))
    reach = stdtrit(df, (1 + rows["level"]) / 2) * se
    numbers = {"estimate": factor * d, "se": se, "df": float(df), "low": factor * d - reach, "high": factor * d + reach}
    made = rows.assign(quantity="standardised_difference", unit="standard deviations", role="secondary", **numbers)
    made = made.assign(statistic=np.nan, p=np.nan, framework="", margin=np.nan, df_method="residual", information="")
    made["row_id"] = [row_id(row) for row in made[list(KEYS)].to_dict("records")]
    return pd.DataFrame(made)


def favoured(rows: "pd.DataFrame") -> list[str]:
    """Name for each results row the arm that its estimate speaks for; ratios speak from 1, all else from 0."""
    found = []
    for row in rows[["quantity", "arm", "reference", "estimate", "better"]].to_dict("records"):
        beyond = row["estimate"] - (1.0 if str(row["quantity"]).endswith("_ratio") else 0.0)
        speaks = (
            row["reference"] != ""
            and row["better"] in ("lower", "higher")
            and beyond not in (0, None)
            and not math.isnan(beyond)
        )
        found.append(
            "" if not speaks else row["arm"] if (beyond > 0) == (row["better"] == "higher") else row["reference"]
        )
    return found


def mean_rows(table: "pd.DataFrame", question: Question, **common: Any) -> "pd.DataFrame":
    """Turn marginal means (columns arm, visit, estimate, se, df, low, high) into results rows.

    A test of a mean against 0 answers no question, so statistic and p stay empty.
    """
    bare = table.drop(columns=["statistic", "p"], errors="ignore")
    return complete(bare, question, quantity="mean", unit=question.unit, better=question.better, **common)


def coefficient_rows(table: "pd.DataFrame", question: Question, **common: Any) -> "pd.DataFrame":
    """Turn fixed effects (column term, structured, and the numbers) into results rows."""
    return complete(table, question, quantity="coefficient", unit=question.unit, better="neither", **common)


def not_estimated(
    question: Question, why: str, method: str, n_patients: int, n_observations: int, quantity: str = ""
) -> "pd.DataFrame":
    """One row for each comparison that was planned and could not be estimated, with the reason.

    `quantity` is what was planned; by default a difference, of a single arm a change.
    """
    import pandas as pd

    visits = question.visits or ("",)
    pairs = [(arm, question.reference) for arm in question.arms[1:]] or [("", "")]
    rows = pd.DataFrame([{"visit": v, "arm": arm, "reference": reference} for v in visits for arm, reference in pairs])
    numbers = dict.fromkeys(NUMBERS, float("nan"))
    people = {"n_patients": n_patients, "n_observations": n_observations}
    quantity = quantity or ("difference" if question.arms else "change")
    return contrast_rows(
        rows.assign(**numbers), question, quantity, method=method, status="not_estimated", note=why, **people
    )


def complete(rows: "pd.DataFrame", question: Question, **common: Any) -> "pd.DataFrame":
    """Fill the columns of the results contract that all rows of a model share, and number the rows."""
    import pandas as pd

    settings = question.settings
    empty = (
        dict.fromkeys(RESULTS, "") | dict.fromkeys([*NUMBERS, "margin"], float("nan")) | dict.fromkeys(COUNTS, pd.NA)
    )
    filled = empty | {
        "analysis": question.analysis,
        "kind": settings.kind,
        "role": question.role,
        "estimand": settings.estimand or "",
        "cohort": question.cohort,
        "outcome": question.outcome,
        "site": question.site,
        "instrument": question.instrument,
        "subset": structured(_listed(settings.where)) if settings.where else "",
        "level": settings.level,
        "variance": "model",
        "better": "neither",
    }
    # a frame made at once: to add forty columns one after the other takes most of the time of an analysis' rows
    rows = pd.DataFrame({**filled, **_bare(rows), **common}, index=rows.index)
    texts = [name for name, value in empty.items() if isinstance(value, str)]
    rows[texts] = rows[texts].fillna("")  # what only some of the rows name
    rows["unit"] = rows["unit"].mask(rows["quantity"].isin(RATIOS), "").mask(rows["quantity"].isin(SHARES), "share")
    rows["row_id"] = [row_id(row) for row in rows[list(KEYS)].to_dict("records")]
    return rows[list(RESULTS)].reset_index(drop=True)


def _bare(rows: "pd.DataFrame") -> "pd.DataFrame":
    """The same rows without what the engine notes of its table, which pandas copies whenever a column is touched."""
    bare = rows.copy(deep=False)
    bare.attrs = {}
    return bare


def row_id(row: "dict[Any, Any]") -> str:
    """Number a row by what it is: the first 12 hexadecimal digits of the SHA-256 of its keys; the same in every run."""
    return hashlib.sha256(json.dumps([str(row[key]) for key in KEYS]).encode()).hexdigest()[:12]


def structured(value: Any) -> str:
    """Write codes that belong together (a term, values, a population) as JSON, always in the same way."""
    return json.dumps(value, ensure_ascii=False)


def _listed(where: dict[str, Any]) -> dict[str, list[str]]:
    return {name: [levels] if isinstance(levels, str) else list(levels) for name, levels in where.items()}
