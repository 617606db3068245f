"""What a fit is asked beyond its coefficients, against R: `r/questions.R` says how each frozen value of `r/questions.csv` came."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from needling.mixed.fit import fit_mixed

HERE = Path(__file__).parent / "r"
EXPECTED = pd.read_csv(HERE / "questions.csv").set_index(["question", "term"])["value"]


@pytest.fixture(scope="module")
def trial():
    return pd.read_csv(HERE / "data" / "trial.csv").dropna(subset="pain")


@pytest.fixture(scope="module")
def fit(trial):
    return fit_mixed("pain ~ arm * visit + baseline * visit", trial, subject="id", random="1")


@pytest.mark.parametrize("kind", ["II", "III"])
@pytest.mark.parametrize(
    ("ddf", "asked"),
    [("Satterthwaite", {"df": "satterthwaite"}), ("Kenward-Roger", {"df": "kenward_roger", "information": "expected"})],
)
def test_types_two_and_three_are_those_of_lmertest(fit, kind, ddf, asked):
    table = fit.anova(kind, **asked).set_index("term")
    for term in ("arm", "visit", "baseline", "arm:visit"):
        assert table.loc[term, "statistic"] == pytest.approx(EXPECTED[f"anova {kind} {ddf} statistic", term], rel=2e-5)
        assert table.loc[term, "df_denominator"] == pytest.approx(
            EXPECTED[f"anova {kind} {ddf} denominator", term], rel=2e-5
        )
    assert table.loc["baseline:visit", "p"] == fit.joint_test("visit:baseline", hypothesis=kind, **asked)["p"][0]


def test_degrees_of_freedom_of_nested_groupings_are_those_of_nlme(trial):
    data = trial.assign(clinic_kind=trial["clinic"].isin(["north", "east"]).map({True: "TRUE", False: "FALSE"}))
    fit = fit_mixed(
        "pain ~ arm * week + baseline + clinic_kind", data, subject="id", random="1", cluster={"clinic": "1"}
    )
    df = fit.terms(df="between_within").set_index("term")["df"]
    names = {
        "armneedling": "arm[T.needling]", "week": "week", "baseline": "baseline", "clinic_kindTRUE": "clinic_kind[T.TRUE]",
        "armneedling:week": "arm[T.needling]:week",
    }  # fmt: skip
    for theirs, mine in names.items():
        assert df[mine] == EXPECTED["nested df", theirs]


def test_an_offset_is_that_of_lme4(trial):
    fit = fit_mixed("pain ~ arm + week", trial, subject="id", random="1", offset="baseline")
    assert fit.log_likelihood == pytest.approx(EXPECTED["offset", "loglik"], abs=1e-6)
    names = {"(Intercept)": "Intercept", "armneedling": "arm[T.needling]", "week": "week"}
    for theirs, mine in names.items():
        assert fit.coefficients()[mine] == pytest.approx(EXPECTED["offset", theirs], abs=1e-5)
    values, predicted = fit.fitted("conditional"), fit.predict(random=True)["estimate"]
    for row in (1, 10, 60):
        assert values.iloc[row - 1] == pytest.approx(EXPECTED["offset fitted", str(row)], abs=1e-5)
        assert predicted.iloc[row - 1] == pytest.approx(EXPECTED["offset fitted", str(row)], abs=1e-5)
    simulated = fit.simulate(np.random.default_rng(1), 200).mean(axis=1)
    assert np.corrcoef(simulated, fit.fitted())[0, 1] > 0.99
    again = fit.refit(fit.fitted("conditional") + fit.residuals("conditional"))
    pd.testing.assert_frame_equal(again.terms(), fit.terms(), rtol=1e-5)


def test_natural_splines_are_those_of_r(trial):
    fit = fit_mixed("pain ~ ns(baseline, df=3) * arm", trial, subject="id", random="1", method="ml")
    assert fit.log_likelihood == pytest.approx(EXPECTED["natural spline", "loglik"], abs=1e-6)
    for at in (2, 6, 12):  # baselines lie between 3.6 and 9.6
        value = fit.predict(pd.DataFrame({"baseline": [at], "arm": ["needling"]}))["estimate"].iloc[0]
        assert value == pytest.approx(EXPECTED["natural spline", str(at)], abs=1e-4)


def test_a_missed_visit_is_predicted_from_those_that_were_seen(trial):
    fit = fit_mixed("pain ~ arm * visit", trial, subject="id", residual="unstructured(visit)")
    for patient in ("p02", "p03", "p05"):
        own = trial[trial["id"] == patient]
        gone = sorted({"w02", "w04", "w08", "w12"} - set(own["visit"]))
        value = fit.predict(own.head(1).assign(visit=gone), random=True)["estimate"].iloc[0]
        assert value == pytest.approx(EXPECTED["missed visit", patient], abs=2e-4)


EMMEANS = {"information": "expected"}


@pytest.mark.parametrize(
    ("kind", "question"),
    [
        ("less", {"null": 0.5, "alternative": "less"}),
        ("greater", {"null": -1.0, "alternative": "greater"}),
        ("equivalence", {"margin": 1.0, "alternative": "equivalence"}),
    ],
)
def test_one_sided_and_equivalence_tests_are_those_of_emmeans(fit, kind, question):
    table = fit.linear(fit.contrast("arm", by="visit"), **question, **EMMEANS)
    for row, visit in enumerate(["w02", "w04", "w08", "w12"]):
        assert table["p"][row] == pytest.approx(EXPECTED[f"test {kind} p", visit], rel=1e-4)
        # emmeans writes (|estimate| - margin) / se, we the t of the side that is nearer: the same but for its sign
        assert abs(table["statistic"][row]) == pytest.approx(abs(EXPECTED[f"test {kind} statistic", visit]), rel=1e-4)
        if kind == "equivalence":  # inside the margin an estimate above zero lies below the upper end
            inside = abs(table["estimate"][row]) < 1
            assert (table["statistic"][row] * table["estimate"][row] < 0) == inside
        else:
            assert table["statistic"][row] == pytest.approx(EXPECTED[f"test {kind} statistic", visit], rel=1e-4)
        assert np.isinf(table["low"][row]) == (kind == "less")
        assert np.isinf(table["high"][row]) == (kind == "greater")


def test_adjustment_across_the_whole_table_is_that_of_emmeans(fit):
    table = fit.contrast("arm", by="visit", adjust="holm", across=True, **EMMEANS).set_index("visit")["p_adjusted"]
    alone = fit.contrast("arm", by="visit", adjust="holm", **EMMEANS)
    assert (alone["p_adjusted"] == alone["p"]).all()
    for visit in ("w02", "w04", "w08", "w12"):
        assert table[visit] == pytest.approx(EXPECTED["holm across", visit], rel=1e-4)


def test_slopes_at_several_values_are_those_of_emmeans(trial):
    fit = fit_mixed("pain ~ (week + I(week**2)) * arm", trial, subject="id", random="1")
    table = fit.slopes("week", by="arm", at={"week": [2, 8]}, **EMMEANS).set_index(["arm", "week"])
    assert len(table) == 4
    for arm in ("control", "needling"):
        for week in (2, 8):
            assert table.loc[(arm, week), "estimate"] == pytest.approx(EXPECTED["slopes", f"{arm} {week}"], abs=1e-6)
            assert table.loc[(arm, week), "se"] == pytest.approx(EXPECTED["slopes se", f"{arm} {week}"], rel=1e-5)


def test_ratios_of_a_logged_outcome_are_those_of_emmeans(trial):
    fit = fit_mixed("np.log(pain + 4) ~ arm + baseline", trial, subject="id", random="1")
    row = fit.linear(fit.contrast("arm"), exponentiate=True, **EMMEANS).iloc[0]
    for what in ("estimate", "se", "low"):
        assert row[what] == pytest.approx(EXPECTED["ratio", what], rel=2e-5)


def test_profile_intervals_are_those_of_lme4(trial):
    fit = fit_mixed("pain ~ arm + week", trial, subject="id", random="1 + week", method="ml")
    table = fit.profile().set_index(["quantity", "term"])
    names = {
        "sd_(Intercept)|id": ("standard deviation", "Intercept"), "sd_week|id": ("standard deviation", "week"),
        "cor_week.(Intercept)|id": ("correlation", "Intercept, week"), "sigma": ("standard deviation", "all visits"),
        "(Intercept)": ("coefficient", "Intercept"), "armneedling": ("coefficient", "arm[T.needling]"),
        "week": ("coefficient", "week"),
    }  # fmt: skip
    assert len(table) == len(names)
    for theirs, mine in names.items():
        for end in ("low", "high"):  # lme4 interpolates its profile
            assert table.loc[mine, end] == pytest.approx(EXPECTED[f"profile {end}", theirs], rel=5e-5, abs=5e-5)


@pytest.mark.parametrize(
    ("name", "formula", "clusters"),
    [("therapist", "pain ~ arm + baseline", ["therapist"]), ("both", "pain ~ arm", ["therapist", "clinic"])],
)
def test_profile_intervals_of_shares_of_variance_are_those_of_the_deviance_of_lme4(trial, name, formula, clusters):
    last = trial[trial["visit"] == "w12"]
    table = (
        fit_mixed(formula, last, subject="id", cluster=dict.fromkeys(clusters, "1")).icc(0.95).set_index("component")
    )
    for cluster in clusters:
        expected = [EXPECTED[what, f"{name} {cluster}"] for what in ("share", "share low", "share high")]
        assert table.loc[cluster, ["icc", "low", "high"]].tolist() == pytest.approx(expected, rel=2e-5, abs=2e-6)
    assert table["icc"].sum() == pytest.approx(1)


def test_distances_in_two_dimensions_are_those_of_nlme(trial):
    visit, arm = (
        trial["visit"].map({"w02": 1, "w04": 2, "w08": 3, "w12": 4}),
        trial["arm"].map({"control": 1, "needling": 2}),
    )
    data = trial.assign(x=trial["week"] + 0.37 * arm, z=trial["baseline"] * 3 + visit**2 / 3)
    fit = fit_mixed("pain ~ arm", data, subject="id", residual="exponential(x, z)")
    assert fit.log_likelihood == pytest.approx(EXPECTED["two dimensions", "loglik"], abs=1e-6)
    table = fit.variance_components().set_index("quantity")["estimate"]
    for what in ("range", "variance"):
        assert table[what] == pytest.approx(EXPECTED["two dimensions", what], rel=1e-4)
