"""The engine against R: lme4, lmerTest, pbkrtest, nlme, glmmTMB, emmeans, clubSandwich, and a dense likelihood in R.

`r/models.json` says how each model is called here and in R, `r/expected.csv` holds R's frozen values with the package and
version that gave each and how far a value may lie from it; `r/README.md` says how to make them again. R is not needed
here. LOOSEST names, for every kind of quantity and every source, the loosest tolerance that the file may carry.
"""

import json
import re
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from needling.mixed.effects import Prediction
from needling.mixed.fit import fit_mixed
from needling.mixed.fitted import MixedFit
from needling.mixed.means import fixed_matrix
from needling.mixed.predict import targets_of

HERE = Path(__file__).parent / "r"
MODELS = json.loads((HERE / "models.json").read_text())
EXPECTED = pd.read_csv(HERE / "expected.csv", dtype={"term": str}, keep_default_na=False)

# Per source: estimates in standard errors, log-likelihoods absolute, covariances in products of standard deviations,
# everything else relative.
LOOSEST = {
    "dense.R": {"estimate": 1e-6, "se": 1e-6, "loglik": 1e-7, "covariance": 1e-5, "df": 2e-6, "statistic": 2e-6},
    "lme4": {"estimate": 1e-5, "se": 1e-5, "loglik": 1e-7, "covariance": 1e-4, "df": 1e-6, "statistic": 1e-5},
    "lmerTest": {"df": 2e-5, "statistic": 2e-5},
    "pbkrtest": {"se": 1e-5, "df": 2e-5, "statistic": 2e-5},
    "emmeans": {"estimate": 1e-4, "se": 1e-5, "df": 2e-5},
    "nlme": {"estimate": 5e-5, "se": 2e-5, "loglik": 1e-7},
    "glmmTMB": {"estimate": 1e-3, "loglik": 2e-5},
    "clubSandwich": {"se": 1e-5, "df": 2e-5},
}
LEVELS = {"visit": ["w01", "w02", "w03", "w04", "w08", "w12"], "arm": ["control", "needling"]}


def residual(model: dict) -> str | None:
    """Write the residual structure in the engine's short form."""
    if "residual" not in model:
        return None
    wanted = model["residual"]
    by = f" | {wanted['by']}" if "by" in wanted else ""
    return f"{wanted['structure']}({wanted.get('visit') or wanted.get('time') or ''}{by})"


@cache
def data(name: str) -> pd.DataFrame:
    return pd.read_csv(HERE / "data" / f"{name}.csv")


def levels_of(frame: pd.DataFrame) -> dict[str, list[str]]:
    """Give the levels that a data set has: R numbers visits without those that nobody has."""
    return {
        name: [one for one in levels if one in set(frame[name])] for name, levels in LEVELS.items() if name in frame
    }


@cache
def fitted(name: str, method: str = "reml") -> MixedFit:
    model = MODELS[name]
    frame = data(model["data"])
    random = model.get("random")
    if random and not model.get("correlated", True):
        random += " ||"
    return fit_mixed(
        model["formula"],
        frame,
        subject=model["subject"],
        random=random,
        cluster=model.get("cluster"),
        residual=residual(model),
        weights=model.get("weights"),
        method=method,
        levels=levels_of(frame),
    )


def by_term(table: pd.DataFrame, column: str) -> pd.Series:
    return table.set_index("term")[column]


def df_options(rule: str) -> dict:
    """Turn "kenward_roger_expected_linear" into the engine's arguments."""
    method, information, *linear = re.fullmatch(r"(.*)_(observed|expected)(_linear)?", rule).groups()
    return {"df": method + (linear[0] or ""), "information": information}


def covariance(name: str, method: str) -> pd.Series:
    """Write all covariances as component[row|column]."""
    fit, model = fitted(name, method), MODELS[name]
    values = {}
    table = fit.variance_components()
    for component, rows in table.groupby("component", sort=False):
        if component.startswith("residual"):
            continue  # given as a matrix over visits below
        own = "random" if component == model["subject"] else component
        for term, value in zip(rows["term"], rows["estimate"], strict=True):
            first, _, second = term.partition(", ")
            values[f"{own}[{first}|{second or first}]"] = value
    structure = model.get("residual", {"structure": "iid"})
    groups = LEVELS[structure["by"]] if "by" in structure else [""]
    for group in groups:
        own = f"residual:{group}" if group else "residual"
        if structure["structure"] in ("iid", "exponential"):
            rows = table[table["component"] == own.replace(":", " ")]
            labels = {"iid": ["|"], "exponential": ["variance", "range"]}[structure["structure"]]
            values |= {f"{own}[{label}]": value for label, value in zip(labels, rows["estimate"], strict=True)}
            continue
        matrix = fit.residual_covariance(group)
        for row in range(len(matrix)):
            for column in range(row + 1):
                values[f"{own}[{matrix.index[column]}|{matrix.index[row]}]"] = matrix.iloc[row, column]
    return pd.Series(values)


def means(name: str, quantity: str) -> pd.Series:
    """Answer mean, mean_balanced, mean_observed and their standard errors."""
    by, weights = {
        "mean": (["arm", "visit"], "balanced"),
        "mean_balanced": (["arm"], "balanced"),
        "mean_observed": (["arm"], "observed"),
    }[quantity.removesuffix("_se")]
    table = fitted(name).means(by, weights=weights, df="asymptotic")
    labels = [" ".join(f"{column}={row[column]}" for column in by) for _, row in table.iterrows()]
    return table["se" if quantity.endswith("_se") else "estimate"].set_axis(labels)


def comparison(name: str, quantity: str) -> pd.Series:
    """Answer differences between the arms at each visit, slopes, and the difference of slopes."""
    kind, rule, column = re.fullmatch(
        r"(difference|trend_difference|trend)(?:_((?:kenward_roger|satterthwaite)_\w+?))?(?:_(se|df))?", quantity
    ).groups()
    options = df_options(rule) if rule else {"df": "asymptotic"}
    fit, covariate = fitted(name), MODELS[name]["joint"].removeprefix("arm:")
    if kind == "difference":
        table = fit.contrast("arm", by="visit", **options)
        labels = table["contrast"].astype(str) + " visit=" + table["visit"].astype(str)
    elif kind == "trend":
        table = fit.slopes(covariate, "arm", **options)
        labels = "arm=" + table["arm"].astype(str)
    else:
        table = fit.contrast("arm", slope=covariate, **options)
        labels = table["contrast"].astype(str)
    return table[column or "estimate"].set_axis(labels)


def terms(name: str, quantity: str) -> pd.Series:
    """Answer standard errors and df of the coefficients under every rule."""
    fit = fitted(name)
    rule, column = quantity.rsplit("_", 1)
    if sandwich := re.fullmatch(r"(\w+)_(cr[012])", rule):
        groups, variance = sandwich[1], sandwich[2].upper()
        groups = None if groups == "subject" else groups
        return by_term(fit.terms(variance=variance, groups=groups), column)
    return by_term(fit.terms(**df_options(rule)), column)


def joint(name: str, quantity: str) -> pd.Series:
    rule, column = quantity.removeprefix("joint_").rsplit("_", 1)
    options = df_options("satterthwaite_observed" if rule == "satterthwaite" else rule)
    table = fitted(name).joint_test(MODELS[name]["joint"], **options)
    visits = data(MODELS[name]["data"]).get("visit", pd.Series(dtype=str)).nunique()
    assert table["df_numerator"].item() == (visits - 1 if "visit" in MODELS[name]["joint"] else 1)
    return by_term(table, {"F": "statistic", "df": "df_denominator"}[column])


def likelihood_ratio(name: str, quantity: str) -> pd.Series:
    method, column = quantity.removeprefix("likelihood_ratio_").split("_")
    from needling.mixed.compare import likelihood_ratio_test

    table = likelihood_ratio_test(fitted(MODELS[name]["lrt"], method), fitted(name, method))
    return pd.Series({"": table[{"chisq": "statistic", "df": "df", "p": "p"}[column]].iloc[-1]})


def random_effects(name: str) -> pd.Series:
    table = fitted(name).random_effects()
    labels = table["component"] + "=" + table["level"].astype(str) + " " + table["term"]
    return table["estimate"].set_axis(labels)


def predictions(name: str, quantity: str) -> pd.Series:
    """Give what the effects alone predict: in an MMRM with clusters the residual is left out of the target."""
    fit = fitted(name)
    if quantity == "fitted_conditional":
        return fit.fitted("conditional")
    design = fit.model.design
    if design.random_terms or not fit.model.components.clusters:
        return fit.predict(random=True, df="asymptotic")["se"]
    targets = targets_of(fit, design.frame, design.frame, fixed_matrix(design, design.frame))
    prediction = Prediction(fit.rows, replace(targets, position=None))
    return pd.Series(np.sqrt(prediction.variance) * fit.model.coordinates.scale, index=design.frame.index)


ANSWERS = {
    "rows": lambda name, quantity: pd.Series({"": fitted(name).n_observations}),
    "loglik": lambda name, quantity: pd.Series({"": fitted(name, quantity.split("_")[1]).log_likelihood}),
    "estimate": lambda name, quantity: fitted(name, "ml" if quantity.endswith("_ml") else "reml").coefficients(),
    "se": lambda name, quantity: by_term(fitted(name).terms(df="asymptotic"), "se"),
    "covariance": lambda name, quantity: covariance(name, quantity.split("_")[1]),
    "fitted": predictions,
    "prediction": predictions,
    "random": lambda name, quantity: random_effects(name),
    "mean": means,
    "difference": comparison,
    "trend": comparison,
    "joint": joint,
    "likelihood": likelihood_ratio,
}


def actual(name: str, quantity: str) -> pd.Series:
    """Ask the engine for a quantity of a model: values by term."""
    return ANSWERS.get(quantity.split("_", maxsplit=1)[0], terms)(name, quantity).rename(index=str)


CASES = list(EXPECTED[["model", "quantity"]].drop_duplicates().itertuples(index=False, name=None))


@pytest.mark.parametrize(("name", "quantity"), CASES, ids=[f"{name}-{quantity}" for name, quantity in CASES])
def test_engine_gives_the_value_of_r(name: str, quantity: str) -> None:
    frozen = EXPECTED[(EXPECTED["model"] == name) & (EXPECTED["quantity"] == quantity)]
    found = actual(name, quantity)
    compared = frozen[["term", "value", "tolerance", "source"]].assign(engine=found.reindex(frozen["term"]).to_numpy())
    compared["gap"] = (compared["engine"] - compared["value"]).abs()
    wrong = compared[~(compared["gap"] <= compared["tolerance"])]
    assert wrong.empty, f"{name}, {quantity}:\n{wrong.to_string(index=False)}"


@pytest.mark.parametrize("name", MODELS)
def test_status_says_what_lme4_found(name: str) -> None:
    fit = fitted(name)
    assert fit.status == MODELS[name].get("status", "converged"), fit.message
    assert bool(fit.boundary) == (fit.status == "singular")


def kind_of(quantity: str) -> str:
    endings = {
        "se": r"(^|_)se$", "df": "_df$", "statistic": "_(F|chisq|p)$", "loglik": "^loglik",
        "covariance": "^covariance",
    }  # fmt: skip
    return next((kind for kind, ending in endings.items() if re.search(ending, quantity)), "estimate")


def test_frozen_tolerances_are_no_looser_than_stated() -> None:
    frozen = EXPECTED[EXPECTED["quantity"] != "rows"].copy()
    frozen["kind"] = frozen["quantity"].map(kind_of)
    frozen["stated"] = [
        LOOSEST[source.split()[0]][kind] for source, kind in zip(frozen["source"], frozen["kind"], strict=True)
    ]
    relative = frozen["kind"].isin(["se", "df", "statistic"])
    scale = frozen["value"].abs().where(relative, 1.0)
    se = frozen[frozen["quantity"] == "se"].drop_duplicates(["model", "term"]).set_index(["model", "term"])["value"]
    coefficients = frozen["quantity"].isin(["estimate", "estimate_ml"])
    index = pd.MultiIndex.from_frame(frozen.loc[coefficients, ["model", "term"]])
    scale.loc[coefficients] = se.reindex(index).to_numpy()
    held = relative | coefficients | (frozen["kind"] == "loglik")
    assert (frozen["tolerance"] <= 1.06 * frozen["stated"] * scale)[held].all()
    assert len(MODELS) >= 25


def test_every_structure_and_every_package_is_covered() -> None:
    from needling.mixed.structures import STRUCTURES

    used = {model["residual"]["structure"] if "residual" in model else "iid" for model in MODELS.values()}
    assert used == set(STRUCTURES)
    assert {source.split()[0] for source in EXPECTED["source"]} == set(LOOSEST)
