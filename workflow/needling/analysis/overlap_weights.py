"""Groups that chance did not make, weighted by overlap until what was measured before day 0 has the same means in both."""

import math
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field

from needling.analysis.formulas import covariance_terms, displayed, summed
from needling.analysis.moderation import BASELINE, FEWEST_DF, MEASURED_ALIKE, Basis, check_comparison, why_not
from needling.analysis.results import (
    Output,
    Question,
    complete,
    contrast_rows,
    mean_rows,
    not_estimated,
    spread_within_arms,
)
from needling.cohort.analysed import Needs
from needling.schema.side import BALANCE, WEIGHTS
from needling.study.keys import Name, braced
from needling.study.plan import Study
from needling.study.settings import SCALE, KindSettings, Outcomes, Scale

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

METHOD = "overlap_weights"
SIDE = {"balance": BALANCE, "weights": WEIGHTS}
CHINN = 0.91  # a standardised difference d is about a risk ratio of exp(0.91 d) (VanderWeele and Ding 2017)


class Settings(KindSettings):
    """One visit of two groups that chance did not make, weighted by overlap on baseline and covariates."""

    kind: Literal["overlap_weights"]
    scale: Scale = SCALE
    outcomes: Outcomes
    visits: list[Name] = Field(min_length=1, description="Visits analysed, one comparison each.")
    adjust: list[Name] = Field(
        min_length=1,
        description="Covariates known at day 0 that may have decided who was treated how; groups are weighted by them and by the "
        "outcome's own value at baseline. No default: what is not named here is not made alike.",
    )

    imputes: ClassVar[str] = MEASURED_ALIKE

    def check_plan(self, name: str, study: Study) -> None:
        """Refuse groups that chance made, a single one, and several."""
        place = f"analyses.{name}"
        if not study.arms:
            raise ValueError(
                f"{place}: weighting compares two groups, and this study has one; describe its course instead"
            )
        if study.design == "randomised":
            raise ValueError(
                f"{place}: arms that were allocated by lot are not weighted; adjust for covariates instead, as kind ancova does"
            )
        check_comparison(place, "weighted groups", self, study)
        study.visits.check_follow_up(place, self.visits)

    def needs(self, study: Study) -> Needs:
        """The visits' measurements with baseline and every covariate."""
        return Needs(tuple(self.visits), columns=tuple(self.adjust), each=True)


def run(data: "dict[str, pd.DataFrame]", question: Question) -> Output:
    """Compare the two groups at each visit, weighted by overlap on baseline and covariates.

    The propensity of a patient comes from a logistic regression on baseline and covariates; patients of either group are weighted
    by the chance of the other one, which makes the means of all columns of the regression equal. The difference of weighted means
    is that of patients whom both treatments might have met. Variance: the sandwich of all equations together, times n / (n - k),
    t with n - k degrees of freedom, k the columns of the regression and one.

    Parameters
    ----------
    data, question : as every kind is given them (`needling.analysis.kinds`); of data the visits are used.

    Returns
    -------
    Output. Results: mean of each group and difference at each visit; the difference of the groups as they came (variant
    unweighted, Welch's t test); quantity e_value of the difference and (variant limit) of the limit nearer to 0. Side tables:
    balance (standardised difference of each column before and after, in unweighted standard deviations) and weights. A visit at
    which the groups cannot be compared, or do not overlap, is a row that says so.

    Sources: Li, Morgan, Zaslavsky 2018, JASA 113:390-400. VanderWeele, Ding 2017, Annals of Internal Medicine 167:268-274. Checked
    against PSweight and R's equations (`needling.analysis.weighting`), and planted differences under confounding.
    """
    import pandas as pd

    made = [_one_visit(data["visits"], question, visit) for visit in question.settings.visits]
    side = {name: pd.concat([one.side[name] for one in made if name in one.side] or [pd.DataFrame()]) for name in SIDE}
    results = pd.concat([one.results for one in made], ignore_index=True)
    return Output(results, {name: table.reset_index(drop=True) for name, table in side.items() if len(table)})


CHANCE = (
    (r"\operatorname{logit} e_{i}", "The logit of a patient's chance of the group that is compared"),
    covariance_terms(False, True, True),
)
WEIGHT = (
    r"w_{i} = A(i)(1 - e_{i}) + (1 - A(i))\,e_{i}",
    "A patient's weight is the chance of the group that the patient is not in",
)
DIFFERENCE = (
    r"\Delta = \frac{\sum_{i} A(i)\,w_{i} Y_{i}}{\sum_{i} A(i)\,w_{i}} - "
    r"\frac{\sum_{i} (1 - A(i))\,w_{i} Y_{i}}{\sum_{i} (1 - A(i))\,w_{i}}",
    "The difference is that of the weighted means of both groups",
)


def methods(settings: Settings, study: Study) -> list[tuple[str, str]]:
    """What the analysis does, in sentences with codes in braces, and what shows it."""
    model = (
        "Overlap weights: a logistic regression on the value at baseline and the covariates gives each patient's chance of each "
        "group, and patients are weighted by their chance of the group that they are not in. Then the means of all that is in the "
        "regression are the same in both, and the difference is one of patients whom either treatment might have met; its variance "
        "is the sandwich of the regression and the means together. Without weights: Welch's t test. What is not in the regression, "
        "measured or not, may differ still: the E-value says how strongly it would have to go with both group and outcome, as a "
        "risk ratio, to account for all of the difference; of a mean, d standard deviations count as a risk ratio of exp(0.91 d), "
        "an approximation (VanderWeele, Ding 2017)."
    )
    return [
        ("model", model),
        *displayed([summed(*CHANCE), WEIGHT, DIFFERENCE]),
        ("uses", "the patients who were measured at the visit, at baseline and on every covariate"),
        ("missing", MEASURED_ALIKE),
        ("averaged", "the analysed patients, weighted by overlap"),
        *[("visit", braced("visit", one)) for one in settings.needs(study).counted(study.visits.primary).visits],
        *([("section", "primary")] if study.analyses.get(study.primary) == settings else []),
        ("table", "contrasts"), ("table", "weighted_groups"), ("table", "weighted_balance"),
        ("figure", "forest"), ("figure", "weighted"),
    ]  # fmt: skip


def _one_visit(rows: "pd.DataFrame", question: Question, visit: str) -> Output:
    """Results, balance and weights at a visit."""
    from dataclasses import replace

    import numpy as np
    import pandas as pd

    from needling.analysis.weighting import weighted_difference

    here = rows[rows["visit"] == visit].reset_index(drop=True)
    one = replace(question, visits=(visit,))
    bases = {name: Basis.of(name, here[name], question.categories.get(name)) for name in _columns(question)}
    mains = np.hstack([basis.linear for basis in bases.values()]) if len(here) > 1 else np.empty((len(here), 0))
    why = why_not(here, question)
    df = len(here) - np.linalg.matrix_rank(np.column_stack([np.ones(len(here)), mains])) - 1
    if not why and df < FEWEST_DF:
        why = "too few patients for weights by these covariates"
    if not why:
        names = [f"x{i}" for i in range(mains.shape[1])]
        frame = pd.DataFrame(mains, columns=names).assign(value=here["value"], arm=here["arm"])
        try:
            found = weighted_difference(frame, "value", "arm", " + ".join(names) or "1", reference=question.reference)
        except ValueError as error:
            why = str(error)
    if why:
        return Output(not_estimated(one, why, METHOD, here["patient"].nunique(), len(here)))
    weights, found.attrs = found.attrs["weights"], {}
    place = {"analysis": question.analysis, "cohort": question.cohort, "outcome": question.outcome, "visit": visit}
    results = pd.concat([_rows(found, int(df), one, visit), _as_they_came(here, one, visit)], ignore_index=True)
    side = {
        "balance": _balance(here, weights, bases, question).assign(**place)[list(BALANCE)],
        "weights": _spread(here["arm"], weights, question).assign(**place)[list(WEIGHTS)],
    }
    return Output(pd.concat([results, _e_values(results, here, one)], ignore_index=True), side)


def _columns(question: Question) -> list[str]:
    return list(dict.fromkeys([BASELINE, *question.settings.adjust]))


def _rows(found: "pd.DataFrame", df: int, question: Question, visit: str) -> "pd.DataFrame":
    """Means and difference, with the variance and the distribution that small samples need."""
    import pandas as pd
    from scipy.special import stdtr, stdtrit

    n = int(found["n_patients"].max())
    told = found.drop(columns=["quantity", "effective_n"]).assign(se=found["se"] * math.sqrt(n / df), df=float(df))
    reach = float(stdtrit(df, (1 + question.settings.level) / 2)) * told["se"]
    statistic = told["estimate"] / told["se"]
    told = told.assign(
        low=told["estimate"] - reach,
        high=told["estimate"] + reach,
        statistic=statistic,
        p=2 * stdtr(df, -statistic.abs()),
    )
    common: dict[str, Any] = {
        "visit": visit, "method": METHOD, "df_method": "residual", "variance": "stacked_sandwich", "weights": "overlap",
        "status": "converged", "note": "", "n_observations": n, "n_patients": n,
    }  # fmt: skip
    is_mean = found["quantity"] == "mean"
    return pd.concat(
        [contrast_rows(told[~is_mean], question, **common), mean_rows(told[is_mean], question, **common)],
        ignore_index=True,
    )


def _as_they_came(here: "pd.DataFrame", question: Question, visit: str) -> "pd.DataFrame":
    """The difference of plain means, so that it can be seen what weighting did; never the result itself."""
    import pandas as pd
    from scipy.stats import ttest_ind

    arm, reference = question.arms[1], question.arms[0]
    x, y = (here.loc[here["arm"] == one, "value"] for one in (arm, reference))
    if x.var() + y.var() == 0:
        return pd.DataFrame()
    test = ttest_ind(x, y, equal_var=False)
    low, high = test.confidence_interval(question.settings.level)
    row = {
        "arm": arm, "reference": reference, "estimate": x.mean() - y.mean(), "se": math.sqrt(x.var() / len(x) + y.var() / len(y)),
        "df": test.df, "statistic": test.statistic, "p": test.pvalue, "low": low, "high": high,
    }  # fmt: skip
    made = contrast_rows(
        pd.DataFrame([row]), question, visit=visit, variant="unweighted", method="welch_t", status="converged", note="",
        n_patients=len(here), n_observations=len(here),
    )  # fmt: skip
    role = "sensitivity" if question.role != "exploratory" else "exploratory"
    return complete(made.assign(role=role), question)


def _e_values(results: "pd.DataFrame", here: "pd.DataFrame", question: Question) -> "pd.DataFrame":
    """How strong what was not measured would have to be, for the difference and for the limit nearer to 0."""
    import pandas as pd

    from needling.analysis.weighting import e_value

    spread, _ = spread_within_arms(here["value"], here["arm"])
    row = results[results["quantity"].eq("difference") & results["variant"].eq("")].iloc[0]
    if not spread > 0:
        return pd.DataFrame()
    near = row["low"] if row["estimate"] > 0 else row["high"]
    of_estimate, of_limit = e_value(*(math.exp(CHINN * one / spread) for one in (row["estimate"], near)))
    told = [{"variant": "", "estimate": of_estimate}, {"variant": "limit", "estimate": of_limit}]
    common = {
        name: row[name] for name in ("arm", "reference", "visit", "n_patients", "n_observations", "method", "weights")
    }
    role = "secondary" if question.role == "primary" else question.role
    return complete(
        pd.DataFrame(told),
        question,
        **common,
        quantity="e_value",
        unit="risk ratio",
        role=role,
        status="converged",
        variance="",
    )


def _balance(
    here: "pd.DataFrame", weights: "pd.Series", bases: "dict[str, Basis]", question: Question
) -> "pd.DataFrame":
    """Standardised differences of baseline and covariates before and after weighting, with the fewest people behind one."""
    from needling.analysis.weighting import balance

    table = balance(here, list(bases), "arm", weights, question.reference)

    def fewest(row: "pd.Series") -> float:
        """People with the level, or without it, in the arm that has fewest."""
        if not row["level"]:
            return float("nan")
        has = here[row["variable"]].eq(row["level"])
        return float(min(part.groupby(here["arm"]).sum().min() for part in (has, ~has)))

    return table.assign(n=len(here), fewest=table.apply(fewest, axis=1))


def _spread(arm: "pd.Series", weights: "pd.Series", question: Question) -> "pd.DataFrame":
    """How the weights spread in each group, and the number of unweighted patients that would tell as much (Kish)."""
    import pandas as pd

    rows = []
    for one in question.arms:
        w: np.ndarray = weights[arm == one].to_numpy(float)
        rows.append(
            {
                "arm": one, "n": len(w), "mean": w.mean(), "sd": w.std(ddof=1), "q05": float(pd.Series(w).quantile(0.05)),
                "q95": float(pd.Series(w).quantile(0.95)), "effective_n": w.sum() ** 2 / (w**2).sum(),
            }
        )  # fmt: skip
    return pd.DataFrame(rows)
