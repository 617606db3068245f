"""What a point-and-click program would have printed: beside a named analysis, so that the gap and its reason can be seen."""

from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field

from needling.analysis.results import Output, Question, comparisons, complete, contrast_rows, not_estimated, structured
from needling.cohort.analysed import Needs
from needling.study.keys import Name, braced, nearest
from needling.study.plan import Study
from needling.study.settings import KindSettings

if TYPE_CHECKING:
    import pandas as pd

WHY = {
    "t_test": "Leaves out who was not measured, and neither the baseline nor the other visits say anything about them: unbiased "
    "only if those who stay are like those who leave; arms' differences at baseline stay in it, so that it is also less precise.",
    "last_value": "A missing value is written as if nothing had changed since the last one, and then counts as measured: who "
    "leaves early keeps an early value, which shifts the difference to where arms were then and makes the interval too short.",
    "mixed_anova": "Only patients measured at every visit. It asks whether the courses differ anywhere, with one variance for all "
    "visits (epsilon mends no more than P), and gives no difference at the primary visit.",
}


class Settings(KindSettings):
    """The twin of another analysis by the habits of the field; exploratory, and labelled as what not to believe."""

    taken: ClassVar[dict[str, str]] = {name: name for name in ("where", "report_as", "reference", "contrasts", "level")}

    kind: Literal["naive"]
    of: Name = Field(description="The analysis that it stands beside.")
    outcomes: list[Name] = Field(min_length=1, description="Outcomes, of those of the other analysis.")
    role: Literal["exploratory"] = Field(
        "exploratory", description="Exploratory, and no other: nothing may rest on it."
    )

    def check_plan(self, name: str, study: Study) -> None:
        """Refuse a single arm, a twin that is not there or has other outcomes, families and margins."""
        if not study.arms:
            raise ValueError(f"analyses.{name}: a naive analysis compares arms, and this study has one")
        if self.of not in study.analyses or study.analyses[self.of].kind == self.kind:
            others = [one for one, plan in study.analyses.items() if plan.kind != self.kind]
            raise ValueError(f"analyses.{name}: of '{self.of}' is no other analysis{nearest(self.of, others)}")
        for outcome in self.outcomes:
            theirs = study.analyses[self.of].outcomes
            if outcome not in theirs:
                raise ValueError(f"analyses.{name}: outcome '{outcome}' is none of {self.of}{nearest(outcome, theirs)}")
        if name == study.primary:
            raise ValueError(f"analyses.{name}: a naive analysis is not the primary one")
        if self.family or self.framework != "superiority":
            raise ValueError(f"analyses.{name}: a naive analysis is in no family and has no margin")
        if self.adjust:
            raise ValueError(f"analyses.{name}: a naive analysis adjusts for nothing")
        if self.contrasts not in ("reference", "pairwise"):
            raise ValueError(
                f"analyses.{name}: a naive analysis compares two arms at a time, and no trend or weights, as {self.of} may; say "
                "contrasts: reference, or pairwise"
            )

    def needs(self, study: Study) -> Needs:
        """Every measurement, the baseline included."""
        return Needs(tuple(study.visits.schedule), baseline=False)


def run(data: "dict[str, pd.DataFrame]", question: Question) -> Output:
    """Compare arms by the habits of the field.

    `variant` says which: t_test, Student's t test at each visit of those measured; last_value, the same after a missing value was
    replaced by the patient's last one before it, the baseline included; mixed_anova, arm x visit in those measured at every
    visit, with Greenhouse and Geisser's epsilon (P with degrees of freedom times it) and partial eta squared.

    Parameters
    ----------
    data : visits, all rows of one cohort and outcome (contract FRAME).
    question : its settings are those of this kind.

    Returns
    -------
    Output with results. By scipy and pingouin; checked against the example that pingouin prints (confirmed there by JASP).
    """
    import pandas as pd

    wide = data["visits"].pivot_table(index="patient", columns="visit", values="value", aggfunc="first", observed=True)
    names = [visit for visit in (question.baseline_visit, *question.visits) if visit in wide]
    wide = wide[names]
    arm = data["visits"].drop_duplicates("patient").set_index("patient")["arm"].reindex(wide.index)
    carried = wide.ffill(axis=1) if names[:1] == [question.baseline_visit] else wide
    parts = []
    for visit in question.visits:
        for variant, table in (("t_test", wide), ("last_value", carried)):
            values = table[visit].dropna() if visit in table else pd.Series(dtype=float)
            parts.append(_t_test(values, arm.reindex(values.index), visit, variant, question))
    parts.append(_mixed_anova(wide.dropna(), arm, question))
    return Output(pd.concat(parts, ignore_index=True))


def methods(settings: Settings, study: Study) -> list[tuple[str, str]]:
    """What the analysis does, in sentences with codes in braces, and what shows it."""
    unlike = " Groups that were not alike before differ for that too." if study.design == "cohort" else ""
    return [
        ("model", f"What many programs and papers would print in the place of {braced('analysis', settings.of)}, shown so that "
         "the gap can be seen and not to be believed: Student's t test at each visit; the same with the last value carried "
         "forward; a mixed analysis of variance of those measured at every visit (Greenhouse and Geisser's epsilon, partial eta "
         "squared)."),
        ("uses", "those measured, by the habits named"),
        ("missing", "It is wrong about missing values on purpose."),
        ("twin", settings.of),
        *[(f"why_{variant}", f"{text}{unlike}") for variant, text in WHY.items()],
        ("section", "sensitivity"), ("table", "twin"), ("figure", "twin"),
    ]  # fmt: skip


def _t_test(values: "pd.Series", arm: "pd.Series", visit: str, variant: str, question: Question) -> "pd.DataFrame":
    """Student's t test of each arm against the reference (scipy)."""
    from dataclasses import replace

    import pandas as pd
    from scipy.stats import ttest_ind

    imputation = "last_value_carried_forward" if variant == "last_value" else ""
    rows = []
    for one in comparisons(question):
        x, y = values[arm == one.arm], values[arm == one.reference]
        n = len(x) + len(y)
        if min(len(x), len(y)) < 2 or x.var() + y.var() == 0:
            pair = replace(question, visits=(visit,), arms=(one.reference, one.arm))
            made = not_estimated(pair, "an arm has fewer than two patients, or no value varies", "student_t", n, n)
            rows.append(complete(made.assign(variant=variant), question, imputation=imputation))
            continue
        test = ttest_ind(x, y)
        low, high = test.confidence_interval(question.settings.level)
        estimate = float(x.mean() - y.mean())
        se = float(high - low) / 2 / float(_quantile(test.df, question.settings.level))
        numbers = {"estimate": estimate, "se": se, "df": float(test.df), "low": float(low), "high": float(high)}
        numbers |= {"statistic": float(test.statistic), "p": float(test.pvalue)}
        table = pd.DataFrame([{**numbers, "arm": one.arm, "reference": one.reference, "visit": visit}])
        told: dict[str, Any] = {
            "variant": variant,
            "method": "student_t",
            "df_method": "residual",
            "status": "converged",
        }
        told |= {"n_patients": n, "n_observations": n, "imputation": imputation}
        rows.append(contrast_rows(table, question, **told))
    return pd.concat(rows, ignore_index=True)


def _quantile(df: float, level: float) -> float:
    from scipy.special import stdtrit

    return float(stdtrit(df, (1 + level) / 2))


def _mixed_anova(wide: "pd.DataFrame", arm: "pd.Series", question: Question) -> "pd.DataFrame":
    """Arm x visit in those measured at every visit (pingouin): the test, epsilon and partial eta squared."""
    import numpy as np
    import pandas as pd

    arm = arm.reindex(wide.index)
    sizes = arm.value_counts().reindex(list(question.arms)).fillna(0)
    common: dict[str, Any] = {
        "variant": "mixed_anova",
        "method": "mixed_anova",
        "n_patients": len(wide),
        "n_observations": int(wide.size),
        "term": structured([["arm"], ["visit"]]),
    }
    empty = dict.fromkeys(("estimate", "se", "df", "statistic", "p", "low", "high"), np.nan)
    why = ""
    if wide.shape[1] < 2:
        why = "there is only one visit with measurements"
    elif sizes.min() < 2:
        why = "an arm has fewer than two patients measured at every visit"
    elif (wide - wide.mean(axis=1).to_numpy()[:, None]).abs().to_numpy().max() < 1e-12:
        why = "no patient's value varies"
    if why:
        gone = pd.DataFrame([{**empty, "quantity": "interaction", "status": "not_estimated", "note": why}])
        return complete(gone, question, better="neither", unit="", **common)
    from pingouin import mixed_anova
    from scipy.special import fdtrc

    long = wide.reset_index().melt("patient", var_name="visit", value_name="value")
    long["arm"] = long["patient"].map(arm)
    table = mixed_anova(long, dv="value", within="visit", between="arm", subject="patient").set_index("Source")
    test = table.loc["Interaction"]
    epsilon = float(test["eps"]) if wide.shape[1] > 2 else 1.0
    df, error = float(test["DF1"]) * epsilon, float(test["DF2"]) * epsilon
    tested = {
        **empty,
        "quantity": "interaction",
        "df": error,
        "statistic": float(test["F"]),
        "p": float(fdtrc(df, error, test["F"])),
    }
    rows = [
        tested,
        {**empty, "quantity": "partial_eta_squared", "estimate": float(test["np2"])},
        {**empty, "quantity": "epsilon", "estimate": epsilon},
    ]
    return complete(pd.DataFrame(rows), question, better="neither", unit="", status="converged", **common)
