"""One visit at a time: least squares with the baseline as covariate."""

from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from needling.analysis.formulas import ERROR, NORMAL, OUTCOME, covariance_terms, equation
from needling.analysis.results import (
    Output,
    Question,
    coefficient_rows,
    comparisons,
    complete,
    contrast_rows,
    mean_rows,
    not_estimated,
    spread_within_arms,
    standardised_rows,
    structured,
)
from needling.cohort.analysed import Needs, used, values_needed
from needling.schema.side import RESIDUAL_BINS, RESIDUAL_QUANTILES
from needling.study.keys import Name, braced, nearest
from needling.study.plan import Study
from needling.study.settings import SCALE, KindSettings, Outcomes, Scale

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

METHOD = "ancova_least_squares"
SIDE = {"residual_bins": RESIDUAL_BINS, "residual_quantiles": RESIDUAL_QUANTILES}


class Settings(KindSettings):
    """One visit, least squares, baseline as covariate."""

    kind: Literal["ancova"]
    scale: Scale = SCALE
    outcomes: Outcomes
    visits: list[Name] = Field(min_length=1, description="Visits analysed, one model each.")
    interaction: Name | None = Field(
        None,
        description="Test whether the effect depends on this: baseline or a covariate. Default: no interaction.",
    )

    def check_plan(self, name: str, study: Study) -> None:
        """Refuse a single arm, and visits or an interaction that the study does not have."""
        if not study.arms:
            raise ValueError(
                f"analyses.{name}: an ancova compares arms, and this study has one; describe its course instead"
            )
        for visit in self.visits:
            if visit not in study.visits.schedule:
                raise ValueError(
                    f"analyses.{name}: visit '{visit}' is not defined{nearest(visit, study.visits.schedule)}"
                )
        if self.interaction in study.code_covariates:
            raise ValueError(
                f"analyses.{name}: '{self.interaction}' holds codes of people, of whom no result can be told; name another "
                "interaction"
            )
        known = ["baseline", *study.covariate_names]
        if self.interaction and self.interaction not in known:
            raise ValueError(
                f"analyses.{name}: interaction '{self.interaction}' is not defined{nearest(self.interaction, known)}"
            )

    def needs(self, study: Study) -> Needs:
        """The rows that the models use: their visits, with the baseline and every covariate."""
        columns = (*self.adjust, *([self.interaction] if self.interaction else []))
        return Needs(tuple(self.visits), columns=columns, each=True)


def run(data: "dict[str, pd.DataFrame]", question: Question) -> Output:
    """Compare arms at each visit by least squares, adjusted for baseline and covariates.

    y = X b + e with X = intercept, arms, baseline, covariates; V(b) = s2 (X'X)^-1; t tests with n - rank(X) degrees of
    freedom. Marginal means average the prediction over the analysed patients with everybody put in one arm. A
    column that those before it determine is dropped and named in the note. With an interaction, a second model adds the product of
    arm and the covariate: the coefficient per unit of a number for each arm, or the joint F test of a category.

    Parameters
    ----------
    data, question : as every kind is given them (`needling.analysis.kinds`); of data the visits are used.

    Returns
    -------
    Output with results and the residuals of all visits.
    Patients without baseline, covariates or the visit's value are left out; n is in every row.

    The fit itself is statsmodels' OLS. Checked against a published trial's Table 2 (Vickers 2004).
    """
    import pandas as pd

    from needling.analysis.diagnostics import diagnostics

    made = [_one_visit(data["visits"], question, visit) for visit in question.settings.visits]
    residuals = pd.concat([residual for _, residual in made])
    results = pd.concat([results for results, _ in made], ignore_index=True)
    return Output(results, diagnostics(residuals["fitted"], residuals["residual"], question) if len(residuals) else {})


def methods(settings: Settings, study: Study) -> list[tuple[str, str]]:
    """What the analysis does, in sentences with codes in braces, and what shows it."""
    model = "Analysis of covariance (least squares). One model per visit with the value at baseline as a covariate."
    if settings.interaction:
        what = "value at baseline" if settings.interaction == "baseline" else braced("covariate", settings.interaction)
        model += f" A second model adds the product of arm and {what}; the means and differences are those of the model without it."
    at = [f"at {braced('visit', settings.observed_at)}"] if settings.observed_at else []
    needed = values_needed(study, "at baseline", "on every covariate")
    terms = [*covariance_terms(bool(study.arms), True, bool(settings.adjust)), ERROR]
    return [
        ("model", model),
        *equation(OUTCOME, terms, [NORMAL]),
        ("uses", used("the patients who were measured at the visit", [*at, *needed])),
        ("missing", "Its estimate holds for everybody enrolled only if, given arm, baseline and covariates, those left out would "
         "have had values like those of the patients analysed. No missing measurement was imputed or carried forward."),
        ("averaged", "the analysed patients"),
        *[("visit", braced("visit", one)) for one in settings.needs(study).counted(study.visits.primary).visits],
        ("table", "contrasts"), ("table", "coefficients"),
        ("figure", "forest"), ("figure", "trajectories"), ("figure", "diagnostics"),
    ]  # fmt: skip


def _one_visit(rows: "pd.DataFrame", question: Question, visit: str) -> "tuple[pd.DataFrame, pd.DataFrame]":
    """Results of one visit's model, and its fitted values and standardised residuals."""
    import numpy as np
    import pandas as pd

    data = rows[rows["visit"] == visit]
    present = [arm for arm in question.arms if (data["arm"] == arm).any()]
    people = data["patient"].nunique()
    if len(present) < len(question.arms):
        return _nothing(question, visit, "an arm has no patients at this visit", people, len(data))
    fit = _LeastSquares(data, question)
    if fit.df < 1:
        return _nothing(question, visit, "more terms than patients", people, len(data))
    common: dict[str, Any] = {
        "visit": visit,
        "n_patients": people,
        "n_observations": len(data),
        "method": METHOD,
        "df_method": "residual",
        "weights": "analysed_patients",
        "status": "rank_deficient" if fit.dropped else "converged",
        "note": f"left out because other terms determine them: {', '.join(fit.dropped)}" if fit.dropped else "",
    }
    asked = comparisons(question)
    effects = [fit.row(fit.combined(c.weights), arm=c.arm, reference=c.reference, term=c.term) for c in asked]
    means = [fit.row(fit.everybody_in(arm), arm=arm, reference="") for arm in present]
    contrasts = contrast_rows(pd.DataFrame(effects), question, asked[0].quantity, **common) if asked else pd.DataFrame()
    coefficients = pd.DataFrame([fit.row(unit, term=term) for term, unit in fit.coefficients()])
    sd, inner = spread_within_arms(data["baseline"], data["arm"])
    parts = [
        contrasts,
        _change_scores(data, question, common, sd),
        mean_rows(pd.DataFrame(means), question, **common),
        standardised_rows(contrasts, sd, inner),
        coefficient_rows(coefficients, question, **{**common, "weights": ""}),
    ]
    if question.settings.interaction:
        parts.append(_interaction(data, question, common))
    residuals = fit.fit.resid / np.sqrt(fit.fit.mse_resid)
    return pd.concat(parts, ignore_index=True), pd.DataFrame({"fitted": fit.fit.fittedvalues, "residual": residuals})


def _nothing(question: Question, visit: str, why: str, people: int, rows: int) -> "tuple[pd.DataFrame, pd.DataFrame]":
    """What there is of a visit without a model: rows that say why, for the comparisons and the interaction that were planned."""
    from dataclasses import replace

    import pandas as pd

    one = replace(question, visits=(visit,))
    parts = [not_estimated(one, why, METHOD, people, rows)]
    if question.settings.interaction:
        place = {"visit": visit, "n_patients": people, "n_observations": rows, "method": METHOD}
        parts.append(_untested(one, why, place))
    none = pd.Series(dtype=float)
    return pd.concat(parts, ignore_index=True), pd.DataFrame({"fitted": none, "residual": none})


def _untested(question: Question, why: str, common: dict[str, Any]) -> "pd.DataFrame":
    """The row of an interaction that was planned and cannot be tested."""
    import numpy as np
    import pandas as pd

    row = pd.DataFrame([dict.fromkeys(("estimate", "se", "df", "statistic", "p", "low", "high"), np.nan)])
    return complete(row, question, **{**common, **_of_interaction(question), "status": "not_estimated", "note": why})


def _of_interaction(question: Question) -> dict[str, Any]:
    """What all rows of an interaction share. It qualifies the result, and is never itself the primary one."""
    return {
        "quantity": "interaction",
        "term": structured([question.settings.interaction]),
        "unit": f"{question.difference_unit} per unit",
        "better": "neither",
        "role": "secondary" if question.role == "primary" else question.role,
    }


APART = 0.25  # standard deviations at baseline beyond which change score and covariance are shown beside each other


def _change_scores(data: "pd.DataFrame", question: Question, common: dict[str, Any], sd: float) -> "pd.DataFrame":
    """Differences in change from baseline (t tests) of arms more than 0.25 SD apart at baseline, for comparison."""
    import pandas as pd
    from scipy.special import stdtrit
    from scipy.stats import ttest_ind

    rows, level = [], question.settings.level
    for one in [one for one in comparisons(question) if one.arm]:
        mine, other = (data[data["arm"] == arm] for arm in (one.arm, one.reference))
        apart = abs(mine["baseline"].mean() - other["baseline"].mean())
        if not sd > 0 or apart <= APART * sd or min(len(mine), len(other)) < 2:
            continue
        x, y = (group["value"] - group["baseline"] for group in (mine, other))
        if x.var() + y.var() == 0:
            continue
        test = ttest_ind(x, y)
        low, high = test.confidence_interval(level)
        se = (high - low) / 2 / float(stdtrit(test.df, (1 + level) / 2))
        numbers = {
            "estimate": x.mean() - y.mean(),
            "se": se,
            "df": test.df,
            "low": low,
            "high": high,
            "statistic": test.statistic,
        }
        rows.append({"arm": one.arm, "reference": one.reference, **numbers, "p": test.pvalue})
    if not rows:
        return pd.DataFrame()
    told = {
        **common,
        "variant": "change_score",
        "method": "student_t",
        "weights": "",
        "note": "",
        "status": "converged",
    }
    made = contrast_rows(pd.DataFrame(rows), question, "change", **told)
    role = "sensitivity" if question.role != "exploratory" else "exploratory"
    return complete(made.assign(role=role), question)


def _interaction(data: "pd.DataFrame", question: Question, common: dict[str, Any]) -> "pd.DataFrame":
    """Does the effect depend on the covariate? Per unit of a number (each arm against the reference), or jointly for a category."""
    import numpy as np
    import pandas as pd

    name, shared = question.settings.interaction, _of_interaction(question)
    fit = _LeastSquares(data, question, interaction=name)
    products = {place: i for i, place in enumerate(fit.products) if place}
    if not products or fit.df < 1:
        why = f"{name} does not vary among the patients of each arm" if fit.df >= 1 else "more terms than patients"
        return _untested(question, why, common)
    if question.categories.get(name):
        tested = pd.DataFrame([fit.joint(list(products.values()))])
        return complete(tested, question, **{**common, **shared, "unit": ""})
    rows = [
        fit.row(np.eye(len(fit.terms))[i], arm=arm, reference=question.reference) for (arm, _), i in products.items()
    ]
    made = contrast_rows(pd.DataFrame(rows), question, "interaction", **{**common, "term": shared["term"]})
    return complete(made.assign(favours=""), question, **shared)


class _LeastSquares:
    """Least squares (statsmodels) with structured terms, and linear combinations of its coefficients."""

    def __init__(self, data: "pd.DataFrame", question: Question, interaction: str | None = None) -> None:
        import numpy as np
        from statsmodels.regression.linear_model import OLS

        from needling.mixed.independent import independent_columns

        self._arms, self._level = question.arms, question.settings.level
        names = ["baseline", *question.settings.adjust]
        if interaction and interaction not in names:
            names.append(interaction)
        columns: list[Any] = [([["Intercept"]], "", np.ones(len(data)))]
        columns += [([["arm", arm]], arm, (data["arm"] == arm).to_numpy(float)) for arm in question.arms[1:]]
        partners = []
        for name in names:
            made = _columns(data[name], name, question.categories.get(name))
            columns += [([part], "", values) for part, values in made]
            partners += [(part, values) for part, values in made if name == interaction]
        products: list[Any] = [None] * len(columns)
        for _, arm, own in columns[1 : len(question.arms)]:
            for part, values in partners:
                products.append((arm, structured(part)))
                columns.append(([["arm", arm], part], "", own * values))
        X = np.column_stack([values for *_, values in columns])
        kept, left = independent_columns(X)
        self.dropped = [" x ".join(" ".join(map(str, p)) for p in columns[i][0]) for i in left]
        self.terms = [structured(columns[i][0]) for i in kept]
        self.products = [products[i] for i in kept]
        self._arm_of, self._X = [columns[i][1] for i in kept], X[:, kept]
        self.fit = OLS(data["value"].to_numpy(float), self._X).fit()
        self.df = int(self.fit.df_resid)

    def combined(self, weights: dict[str, float]) -> "np.ndarray":
        """The arms' coefficients weighted; the reference has none."""
        import numpy as np

        return np.array([weights.get(arm, 0.0) if arm else 0.0 for arm in self._arm_of])

    def coefficients(self) -> "list[tuple[str, np.ndarray]]":
        """Term and unit vector of each coefficient."""
        import numpy as np

        return list(zip(self.terms, np.eye(len(self.terms)), strict=True))

    def everybody_in(self, arm: str) -> "np.ndarray":
        """Mean of the design over the analysed patients, had all of them been in one arm."""
        mean = self._X.mean(axis=0)
        for i, own in enumerate(self._arm_of):
            if own:
                mean[i] = float(own == arm)
        return mean

    def row(self, weights: "np.ndarray", **codes: str) -> dict[str, object]:
        """Estimate, standard error, t test and interval of a linear combination."""
        test = self.fit.t_test(weights)
        low, high = test.conf_int(alpha=1 - self._level)[0]
        numbers = {"estimate": test.effect[0], "se": test.sd[0, 0], "statistic": test.tvalue[0, 0], "p": test.pvalue}
        return {**codes, **{k: float(v) for k, v in numbers.items()}, "df": self.df, "low": low, "high": high}

    def joint(self, columns: list[int]) -> dict[str, object]:
        """F test that some coefficients are all zero."""
        import numpy as np

        test = self.fit.f_test(np.eye(len(self.terms))[columns])
        return {"statistic": float(test.fvalue), "df": self.df, "p": float(test.pvalue)}


def _columns(values: "pd.Series", name: str, levels: list[str] | None) -> "list[tuple[list[str], np.ndarray]]":
    if levels is None:
        return [([name], values.to_numpy(float))]
    present = [level for level in levels if (values == level).any()]
    return [([name, level], (values == level).to_numpy(float)) for level in present[1:]]
