"""A study's own kind: difference in trimmed means at the primary visit, by Yuen's test."""

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from needling.analysis.results import Output, Question, comparisons, contrast_rows, mean_rows, not_estimated
from needling.cohort.analysed import Needs
from needling.study.keys import braced
from needling.study.plan import Study
from needling.study.settings import KindSettings, Outcomes

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

METHOD = "trimmed_means"


class Settings(KindSettings):
    """Difference in trimmed means at the primary visit, which a few extreme values cannot move."""

    kind: Literal["trimmed_means"]
    outcomes: Outcomes
    trim: float = Field(
        0.2,
        ge=0,
        lt=0.5,
        description="Share of the patients of an arm left out at each end. Default: 0.2, as Yuen and Wilcox.",
    )

    def check_plan(self, name: str, study: Study) -> None:
        """Refuse in a sentence what this kind cannot mean in a study."""
        if not study.arms:
            raise ValueError(f"analyses.{name}: this kind compares arms, and the study has one")

    def needs(self, study: Study) -> Needs:
        """The rows that it uses: the visits that are responses, whether the baseline is needed, columns without blanks."""
        return Needs((study.visits.primary,), baseline=False, columns=tuple(self.adjust))


def run(data: "dict[str, pd.DataFrame]", question: Question) -> Output:
    """Compare trimmed means of each arm with its reference: Yuen's test, Welch's t test of winsorised values.

    d = share trimmed at each end, g = floor(d n), h = n - 2 g; variance of a trimmed mean (n - 1) s_w^2 / (h (h - 1)) with
    s_w^2 the winsorised variance; degrees of freedom by Welch-Satterthwaite with h - 1. Source: Yuen 1974, Biometrika 61:165-170.

    Parameters
    ----------
    data : visits, one row per patient of one cohort and outcome at the primary visit, with the columns arm and value.
    question : the codes of what is asked: arms (reference first), primary_visit, settings, unit, better ...

    Returns
    -------
    Output: one row per comparison and per mean; a row with the status not_estimated where there are too few people.
    """
    import numpy as np
    import pandas as pd
    from scipy import stats

    rows = data["visits"]
    groups = {arm: rows.loc[rows["arm"] == arm, "value"] for arm in question.arms}
    common = {"visit": question.primary_visit, "method": METHOD, "df_method": "satterthwaite", "status": "converged"}
    common |= {"n_patients": len(rows), "n_observations": len(rows)}
    parts_of = {arm: _trimmed(values.to_numpy(float), question.settings.trim) for arm, values in groups.items()}
    if any(h < 2 or not variance > 0 for _, variance, h in parts_of.values()) or not parts_of:
        why = "an arm has fewer than two patients left, or all of them have the same value"
        return Output(not_estimated(question, why, METHOD, len(rows), len(rows)))
    share = (1 + question.settings.level) / 2
    found, means = [], []
    for one in comparisons(question):
        w = np.array([one.weights[arm] for arm in question.arms])
        parts = w**2 * np.array([parts_of[arm][1] for arm in question.arms])
        estimate, se = float(w @ [parts_of[arm][0] for arm in question.arms]), float(np.sqrt(parts.sum()))
        df = float(
            parts.sum() ** 2 / sum(p**2 / (parts_of[a][2] - 1) for p, a in zip(parts, question.arms, strict=True))
        )
        reach = stats.t.ppf(share, df) * se
        numbers = {"estimate": estimate, "se": se, "df": df, "statistic": estimate / se}
        numbers |= {"p": 2 * stats.t.sf(abs(estimate / se), df)}
        codes = {"arm": one.arm, "reference": one.reference, "term": one.term}
        found.append({**codes, **numbers, "low": estimate - reach, "high": estimate + reach})
    for arm, (mean, variance, h) in parts_of.items():
        se, df = float(np.sqrt(variance)), h - 1
        reach = stats.t.ppf(share, df) * se
        means.append({"arm": arm, "estimate": mean, "se": se, "df": df, "low": mean - reach, "high": mean + reach})
    return Output(
        pd.concat(
            [
                contrast_rows(pd.DataFrame(found), question, comparisons(question)[0].quantity, **common),
                mean_rows(pd.DataFrame(means), question, **common),
            ],
            ignore_index=True,
        )
    )


def _trimmed(values: "np.ndarray", trim: float) -> tuple[float, float, int]:
    """Trimmed mean, its variance, and how many values are left."""
    import numpy as np

    n, g = len(values), int(trim * len(values))
    h = n - 2 * g
    if h < 2:
        return float("nan"), float("nan"), h
    ordered = np.sort(values)
    winsorised = np.clip(ordered, ordered[g], ordered[n - 1 - g])
    return float(ordered[g : n - g].mean()), float((n - 1) * winsorised.var(ddof=1) / (h * (h - 1))), h


def methods(settings: Settings, study: Study) -> list[tuple[str, str]]:
    """What it does, in sentences with codes in braces, and which tables and figures show it."""
    visit = braced("visit", study.visits.primary)
    return [
        ("model", f"Difference in {100 * settings.trim:g} % trimmed means at {visit} (Yuen's test)."),
        ("uses", f"the patients who were measured at {visit}"),
        (
            "missing",
            "It holds for everybody only if those who were not measured would have had values like the others.",
        ),
        ("averaged", "the analysed patients"),
        ("table", "contrasts"),
        ("figure", "forest"),
    ]
