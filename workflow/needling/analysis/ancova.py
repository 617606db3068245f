"""One visit at a time: least squares with the baseline as covariate."""

import numpy as np
import pandas as pd
from statsmodels.regression.linear_model import OLS

from needling.analysis.diagnostics import diagnostics
from needling.analysis.results import (
    Output,
    Question,
    coefficient_rows,
    complete,
    contrast_rows,
    mean_rows,
    not_estimated,
)

METHOD = "Analysis of covariance (least squares)"
DF_METHOD = "residual"
WEIGHTS = "the analysed patients"


def ancova(frame: pd.DataFrame, question: Question) -> Output:
    """Compare arms at each visit by least squares, adjusted for baseline and covariates.

    y = X b + e with X = intercept, arms, baseline, covariates; V(b) = s2 (X'X)^-1; t tests with n - rank(X) degrees of
    freedom. Marginal means average the prediction over the analysed patients with everybody put in one arm. A
    column that those before it determine is dropped and named in the note. With an interaction, its rows have the
    term 'interaction': the coefficient per unit of a number, or the joint F test of a category.

    Parameters
    ----------
    frame : rows of one cohort and outcome (contract FRAME), the measurements that the models use.
    question : settings must be those of an `Ancova`.

    Returns
    -------
    Output with results and the residuals of all visits.
    Patients without baseline, covariates or the visit's value are left out; n is in every row.

    The fit itself is statsmodels' OLS. Checked against a published trial's Table 2 (Vickers 2004).
    """
    made = [_one_visit(frame, question, visit) for visit in question.settings.visits]
    residuals = pd.concat([residual for _, residual in made])
    tables = diagnostics(residuals["fitted"], residuals["residual"], question) if len(residuals) else {}
    return Output(results=pd.concat([results for results, _ in made]), **tables)


def _one_visit(frame: pd.DataFrame, question: Question, visit: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Results of one visit's model, and its fitted values and standardised residuals."""
    data = frame[frame["visit"] == visit]
    present = [arm for arm in question.arms if (data["arm"] == arm).any()]
    fit = _LeastSquares(data, question, present)
    if len(present) < len(question.arms) or fit.df < 1:
        why = (
            "an arm has no patients at this visit" if len(present) < len(question.arms) else "more terms than patients"
        )
        one = Question(**{**question.__dict__, "visits": (visit,)})
        nothing = pd.DataFrame({"fitted": [], "residual": []})
        return not_estimated(one, why, METHOD, data["patient"].nunique(), len(data)), nothing
    common = {
        "n_patients": data["patient"].nunique(),
        "n_observations": len(data),
        "method": METHOD,
        "df_method": DF_METHOD,
        "weights": WEIGHTS,
        "status": "rank_deficient" if fit.dropped else "converged",
        "note": f"left out because other terms determine them: {', '.join(fit.dropped)}" if fit.dropped else "",
    }
    effects = [fit.row(fit.arm_column(arm), contrast=f"{arm} - {question.reference}") for arm in present[1:]]
    means = [fit.row(fit.everybody_in(arm), contrast=arm) for arm in present]
    coefficients = [fit.row(unit, term=name) for name, unit in fit.coefficients()]
    parts = [
        contrast_rows(pd.DataFrame(effects).assign(visit=visit), question, "effect", **common),
        mean_rows(pd.DataFrame(means).assign(visit=visit), question, **common),
        coefficient_rows(pd.DataFrame(coefficients).assign(visit=visit, scale=question.unit), data, question, **common),
    ]
    if question.settings.interaction:
        parts.append(_interaction(data, question, present, visit, common))
    residuals = fit.fit.resid / np.sqrt(fit.fit.mse_resid)
    return pd.concat(parts), pd.DataFrame({"fitted": fit.fit.fittedvalues, "residual": residuals})


def _interaction(
    data: pd.DataFrame, question: Question, present: list[str], visit: str, common: dict[str, object]
) -> pd.DataFrame:
    name = question.settings.interaction
    fit = _LeastSquares(data, question, present, interaction=name)
    columns = [i for i, column in enumerate(fit.names) if column.startswith("arm[") and f":{name}" in column]
    if len(columns) == 1:
        row = fit.row(np.eye(len(fit.names))[columns[0]], contrast=name)
        return contrast_rows(pd.DataFrame([row]).assign(visit=visit), question, "interaction", **common)
    rows = fit.joint(columns) | {"contrast": name, "visit": visit, "term": "interaction", "scale": question.scale}
    return complete(pd.DataFrame([rows]), question, **common)


class _LeastSquares:
    """Least squares (statsmodels) with named columns, and linear combinations of its coefficients."""

    def __init__(self, data: pd.DataFrame, question: Question, arms: list[str], interaction: str | None = None) -> None:
        self._arms, self._level = arms, question.settings.level
        columns = {"Intercept": np.ones(len(data)), **_arm_columns(data["arm"], arms)}
        terms = ["baseline", *question.settings.adjust]
        if interaction and interaction not in terms:
            terms.append(interaction)
        for name in terms:
            columns |= _columns(data[name], name, question.categories.get(name))
        if interaction:
            partner = {k: v for k, v in columns.items() if k == interaction or k.startswith(f"{interaction}[")}
            columns |= {
                f"{arm}:{other}": columns[arm] * values
                for arm in list(columns)
                if arm.startswith("arm[")
                for other, values in partner.items()
            }
        names, X = list(columns), np.column_stack(list(columns.values()))
        kept = _independent(X)
        self.dropped = [names[i] for i in range(len(names)) if i not in kept]
        self.names, self._X = [names[i] for i in kept], X[:, kept]
        self.fit = OLS(data["value"].to_numpy(float), self._X).fit()
        self.df = int(self.fit.df_resid)

    def arm_column(self, arm: str) -> np.ndarray:
        """Unit vector of an arm's coefficient."""
        return np.eye(len(self.names))[self.names.index(f"arm[{arm}]")]

    def coefficients(self) -> list[tuple[str, np.ndarray]]:
        """Name and unit vector of each coefficient."""
        return list(zip(self.names, np.eye(len(self.names)), strict=True))

    def everybody_in(self, arm: str) -> np.ndarray:
        """Mean of the design over the analysed patients, had all of them been in one arm."""
        mean = self._X.mean(axis=0)
        for i, name in enumerate(self.names):
            if name.startswith("arm[") and ":" not in name:
                mean[i] = float(name == f"arm[{arm}]")
        return mean

    def row(self, weights: np.ndarray, **labels: str) -> dict[str, object]:
        """Estimate, standard error, t test and interval of a linear combination."""
        test = self.fit.t_test(weights)
        low, high = test.conf_int(alpha=1 - self._level)[0]
        numbers = {"estimate": test.effect[0], "se": test.sd[0, 0], "statistic": test.tvalue[0, 0], "p": test.pvalue}
        return {**labels, **{k: float(v) for k, v in numbers.items()}, "df": self.df, "low": low, "high": high}

    def joint(self, columns: list[int]) -> dict[str, object]:
        """F test that some coefficients are all zero."""
        test = self.fit.f_test(np.eye(len(self.names))[columns])
        return {"statistic": float(test.fvalue), "df": self.df, "p": float(test.pvalue)}


def _arm_columns(arm: pd.Series, arms: list[str]) -> dict[str, np.ndarray]:
    return {f"arm[{name}]": (arm == name).to_numpy(float) for name in arms[1:]}


def _columns(values: pd.Series, name: str, levels: list[str] | None) -> dict[str, np.ndarray]:
    if levels is None:
        return {name: values.to_numpy(float)}
    present = [level for level in levels if (values == level).any()]
    return {f"{name}[{level}]": (values == level).to_numpy(float) for level in present[1:]}


def _independent(X: np.ndarray) -> list[int]:
    """Columns to keep, in order: each one that the columns before it do not determine."""
    scaled = X / np.maximum(np.linalg.norm(X, axis=0), np.finfo(float).tiny)
    kept: list[int] = []
    basis = np.zeros((len(X), 0))
    for i in range(X.shape[1]):
        rest = scaled[:, i] - basis @ (basis.T @ scaled[:, i])
        rest -= basis @ (basis.T @ rest)
        if np.linalg.norm(rest) > 1e-9:
            kept.append(i)
            basis = np.column_stack([basis, rest / np.linalg.norm(rest)])
    return kept
