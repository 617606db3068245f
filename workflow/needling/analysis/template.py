"""A first file for a study's own kind of analysis: difference in means at the primary visit by Welch's t test."""

KIND = '''"""NAME: difference in means at the primary visit, by Welch's t test."""

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from needling.analysis.results import Output, Question, comparisons, contrast_rows, mean_rows, not_estimated
from needling.cohort.analysed import Needs
from needling.study.keys import Name, braced
from needling.study.plan import KindSettings, Study

if TYPE_CHECKING:
    import pandas as pd

METHOD = "NAME"


class Settings(KindSettings):
    """Difference in means at the primary visit, each arm with a variance of its own."""

    kind: Literal["NAME"]
    outcomes: list[Name] = Field(min_length=1, description="Outcomes analysed, each in each cohort that has it.")

    def check_plan(self, name: str, study: Study) -> None:
        """Refuse in a sentence what this kind cannot mean in a study."""
        if not study.arms:
            raise ValueError(f"analyses.{name}: this kind compares arms, and the study has one")

    def needs(self, study: Study) -> Needs:
        """The rows that it uses: the visits that are responses, whether the baseline is needed, columns without blanks."""
        return Needs((study.visits.primary,), baseline=False, columns=tuple(self.adjust))


def run(data: "dict[str, pd.DataFrame]", question: Question) -> Output:
    """Compare each arm with its reference: m1 - m0, variance s1^2 / n1 + s0^2 / n0, degrees of freedom by Welch-Satterthwaite.

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
    if min(map(len, groups.values()), default=0) < 2 or any(g.var() == 0 for g in groups.values()):
        why = "an arm has fewer than two patients, or all of an arm have the same value"
        return Output(not_estimated(question, why, METHOD, len(rows), len(rows)))
    share = (1 + question.settings.level) / 2
    found, means = [], []
    for one in comparisons(question):
        w = np.array([one.weights[arm] for arm in question.arms])
        parts = w**2 * np.array([groups[arm].var() / len(groups[arm]) for arm in question.arms])
        estimate, se = float(w @ [groups[arm].mean() for arm in question.arms]), float(np.sqrt(parts.sum()))
        df = float(parts.sum() ** 2 / sum(p**2 / (len(groups[a]) - 1) for p, a in zip(parts, question.arms, strict=True)))
        reach = stats.t.ppf(share, df) * se
        numbers = {"estimate": estimate, "se": se, "df": df, "statistic": estimate / se}
        numbers |= {"p": 2 * stats.t.sf(abs(estimate / se), df)}
        codes = {"arm": one.arm, "reference": one.reference, "term": one.term}
        found.append({**codes, **numbers, "low": estimate - reach, "high": estimate + reach})
    for arm, values in groups.items():
        mean, se, df = float(values.mean()), float(values.sem()), len(values) - 1
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


def methods(settings: Settings, study: Study) -> list[tuple[str, str]]:
    """What it does, in sentences with codes in braces, and which tables and figures show it."""
    visit = braced("visit", study.visits.primary)
    return [
        ("model", f"Difference in means at {visit}, each arm with a variance of its own (Welch's t test)."),
        ("uses", f"the patients who were measured at {visit}"),
        ("missing", "It holds for everybody only if those who were not measured would have had values like the others."),
        ("averaged", "the analysed patients"),
        ("table", "contrasts"),
        ("figure", "forest"),
    ]
'''


def new_kind(name: str) -> str:
    """The text of a kind's first file under a name."""
    return KIND.replace("NAME", name)
