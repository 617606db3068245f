"""What a fit answers: tables, contrasts, tests, resampling, refusals."""

import pickle

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from needling.mixed.adjust import MaximumT
from needling.mixed.compare import likelihood_ratio_test
from needling.mixed.errors import MixedModelError
from needling.mixed.fit import fit_ladder, fit_mixed
from needling.mixed.resample import bootstrap_intervals
from needling.mixed.structures import Residual

VISITS = ["baseline", "week_2", "week_12"]


def made_trial(subjects=60, seed=7):
    rng = np.random.default_rng(seed)
    subject = np.repeat(np.arange(subjects), 3)
    visit = np.tile(np.arange(3), subjects)
    arm = np.repeat(np.arange(subjects) % 3, 3)
    level = rng.normal(0, 1.2, subjects)[subject]
    pain = 6 - 0.8 * visit - 0.5 * arm * visit + level + rng.normal(0, 1, len(subject))
    data = pd.DataFrame(
        {
            "patient": subject,
            "visit": pd.Categorical(np.array(VISITS)[visit], categories=VISITS),
            "week": np.array([0.0, 2.0, 12.0])[visit],
            "arm": np.array(["usual", "needling", "sham"])[arm],
            "clinic": np.array(["a", "b", "c", "d"])[subject % 4],
            "age": np.repeat(rng.normal(50, 10, subjects), 3),
            "pain": pain,
        }
    )
    return data[rng.random(len(data)) > 0.15].reset_index(drop=True)


@pytest.fixture(scope="module")
def trial():
    return made_trial()


@pytest.fixture(scope="module")
def fit(trial):
    return fit_mixed(
        "pain ~ age + arm * visit", trial, subject="patient", residual="unstructured(visit)",
        levels={"arm": ["usual", "needling", "sham"]},
    )  # fmt: skip


def test_tables_are_tidy(fit):
    columns = ["estimate", "se", "df", "statistic", "p", "low", "high", "status"]
    assert list(fit.terms().columns) == ["term", *columns]
    assert list(fit.means("arm").columns) == ["arm", *columns]
    assert list(fit.contrast("arm", by="visit").columns) == ["visit", "contrast", *columns]
    assert fit.terms().attrs["df_method"] == "kenward_roger"
    assert fit.terms().attrs["information"] == "observed"


def test_the_reference_level_is_the_one_stated(fit):
    assert "arm[T.needling]" in fit.coefficient_names
    assert "arm[T.usual]" not in fit.coefficient_names
    assert fit.contrast("arm", by="visit")["contrast"].unique().tolist() == ["needling - usual", "sham - usual"]
    other = fit.contrast("arm", by="visit", reference="sham")
    assert other["contrast"].unique().tolist() == ["usual - sham", "needling - sham"]


def test_contrasts_are_differences_of_means(fit):
    means = fit.means(["visit", "arm"]).set_index(["visit", "arm"])["estimate"]
    for _, row in fit.contrast("arm", by="visit", kind="pairwise").iterrows():
        plus, minus = row["contrast"].split(" - ")
        assert row["estimate"] == pytest.approx(means[row["visit"], plus] - means[row["visit"], minus])
    change = fit.contrast("arm", by="visit", kind="difference")
    at = fit.contrast("arm", by="visit").set_index(["visit", "contrast"])["estimate"]
    assert len(change) == 4
    expected = at["week_12", "needling - usual"] - at["baseline", "needling - usual"]
    chosen = change[(change["visit"] == "week_12") & change["contrast"].str.contains("needling")]
    assert chosen["estimate"].item() == pytest.approx(expected)
    custom = fit.contrast("arm", coefficients={"active": {"needling": 0.5, "sham": 0.5, "usual": -1}})
    pooled = fit.means("arm").set_index("arm")["estimate"]
    assert custom["estimate"][0] == pytest.approx((pooled["needling"] + pooled["sham"]) / 2 - pooled["usual"])


@pytest.mark.parametrize("kind", ["reference", "pairwise", "sequential", "difference"])
def test_a_contrast_knows_its_level_and_its_reference(fit, kind):
    means = fit.means(["visit", "arm"]).set_index(["visit", "arm"])["estimate"]
    table = fit.contrast("arm", by="visit", kind=kind)
    pairs = table.attrs["compared"]
    assert len(pairs) == len(table)
    for visit, (level, reference), estimate in zip(table["visit"], pairs, table["estimate"], strict=True):
        before = means["baseline", level] - means["baseline", reference] if kind == "difference" else 0
        assert estimate == pytest.approx(means[visit, level] - means[visit, reference] - before)
    assert fit.contrast("arm", coefficients={"active": {"needling": 1, "usual": -1}}).attrs["compared"] == []


def test_observed_means_average_the_predictions_of_the_used_rows(fit, trial):
    frame = fit.model.design.frame
    for arm in ("usual", "needling"):
        expected = fit.predict(frame.assign(arm=arm))["estimate"].mean()
        row = fit.means("arm", weights="observed").set_index("arm").loc[arm]
        assert row["estimate"] == pytest.approx(expected)
    assert fit.means([], weights="observed")["estimate"][0] == pytest.approx(fit.fitted().mean())


def test_weights_on_coefficients_are_in_the_result(fit):
    table = fit.contrast("arm", by="visit")
    weights = table.attrs["coefficients"]["week_2, needling - usual"]
    assert weights == pytest.approx({"arm[T.needling]": 1, "arm[T.needling]:visit[T.week_2]": 1})


def test_slopes_of_a_curve_are_its_derivative(trial):
    fit = fit_mixed("pain ~ arm * (week + I(week**2))", trial, subject="patient", random="1")
    b = fit.coefficients()
    table = fit.slopes("week", by="arm", at={"week": 5.0}).set_index("arm")["estimate"]
    reference = fit.model.design.levels["arm"][0]
    assert table[reference] == pytest.approx(b["week"] + 10 * b["I(week ** 2)"], rel=1e-6)
    compared = fit.contrast("arm", slope="week", at={"week": 5.0}, reference=reference)
    other = compared["contrast"][0].split(" - ")[0]
    assert compared["estimate"][0] == pytest.approx(table[other] - table[reference], rel=1e-6)


def test_splines_and_independent_random_effects_are_fitted(trial):
    fit = fit_mixed("pain ~ arm * week + bs(age, df=4)", trial, subject="patient", random="1 + week ||")
    assert fit.usable
    assert list(fit.variance_components()["quantity"]) == ["variance"] * 3
    assert fit.means("arm", at={"week": 4.0})["se"].notna().all()


def test_simultaneous_comparisons_are_dunnett_and_tukey(fit):
    # equicorrelated 0.5: tables of Dunnett (two-sided 5 %, 2 comparisons, 20 df: 2.38) and of the studentised range
    dunnett = MaximumT(np.array([[1, 0.5], [0.5, 1]]), 20)
    assert dunnett.beyond(2.379) == pytest.approx(0.05, abs=3e-4)
    pairs = np.array([[-1, 1, 0], [-1, 0, 1], [0, -1, 1]]) / np.sqrt(2)
    tukey = MaximumT(pairs @ pairs.T, 15)
    for limit in (1.5, 2.6, 4.5):
        exact = stats.studentized_range.sf(limit * np.sqrt(2), 3, 15)
        assert tukey.beyond(limit) == pytest.approx(exact, rel=5e-3)
    normal = MaximumT(np.eye(3), np.inf)
    assert normal.beyond(2.0) == pytest.approx(1 - stats.chi2.cdf(4, 1) ** 3, rel=5e-3)
    table = fit.contrast("arm", by="visit", kind="pairwise", adjust="simultaneous")
    assert (table["p_adjusted"] >= table["p"] * (1 - 1e-9)).all()
    assert (table["p_adjusted"] <= 3 * table["p"] + 1e-9).all()
    assert (table["high_simultaneous"] > table["high"]).all()
    assert table.equals(fit.contrast("arm", by="visit", kind="pairwise", adjust="simultaneous"))


def test_holm_is_within_each_visit(fit):
    table = fit.contrast("arm", by="visit", adjust="holm")
    for _, rows in table.groupby("visit", observed=True):
        p = np.sort(rows["p"])
        expected = [min(2 * p[0], 1), min(max(2 * p[0], p[1]), 1)]
        assert np.sort(rows["p_adjusted"]) == pytest.approx(expected)


def test_effect_size_is_the_estimate_over_the_sd_with_hedges_factor(fit):
    row = fit.contrast("arm", by="visit", sd=2.0).iloc[0]
    assert row["effect"] == pytest.approx(row["estimate"] / 2 * (1 - 3 / (4 * row["df"] - 1)), rel=2e-3)


def test_joint_test_of_one_row_is_its_t_test(fit):
    term = fit.terms().set_index("term").loc["age"]
    row = fit.joint_test("age").iloc[0]
    assert row["statistic"] == pytest.approx(term["statistic"] ** 2)
    assert row["df_denominator"] == pytest.approx(term["df"])
    assert row["p"] == pytest.approx(term["p"])
    assert fit.joint_test("visit:arm").iloc[0]["df_numerator"] == 4


def test_tests_of_terms_are_those_of_f_and_without_end_of_chi_squared(fit):
    table = fit.anova()
    assert table["df_numerator"].max() == 4
    expected = stats.f.sf(table["statistic"], table["df_numerator"], table["df_denominator"])
    np.testing.assert_allclose(table["p"], expected, rtol=1e-10)
    wald = fit.anova(df="asymptotic")
    assert np.isinf(wald["df_denominator"]).all()
    expected = stats.chi2.sf(wald["statistic"] * wald["df_numerator"], wald["df_numerator"])
    np.testing.assert_allclose(wald["p"], expected, rtol=1e-10)


def test_between_within_degrees_of_freedom(fit):
    table = fit.terms(df="between_within").set_index("term")["df"]
    between = {"Intercept", "age", "arm[T.needling]", "arm[T.sham]"}
    within = set(fit.coefficient_names) - between
    assert set(table[list(between)]) == {fit.n_subjects - len(between)}
    assert set(table[list(within)]) == {fit.n_observations - fit.n_subjects - len(within)}
    assert set(fit.terms(df="residual")["df"]) == {fit.n_observations - 10}
    assert np.isinf(fit.terms(df="asymptotic")["df"]).all()


def test_likelihood_ratio_test_and_its_refusals(trial):
    def fitted(formula, method="reml", **rest):
        return fit_mixed(formula, trial, subject="patient", method=method, **rest)

    small, large = fitted("pain ~ visit", random="1"), fitted("pain ~ visit", random="1 + week")
    row = likelihood_ratio_test(small, large).iloc[0]
    assert row["df"] == 2
    expected = 0.5 * stats.chi2.sf(row["statistic"], 1) + 0.5 * stats.chi2.sf(row["statistic"], 2)
    assert row["p_boundary"] == pytest.approx(expected)
    with pytest.raises(MixedModelError, match="method='ml'"):
        likelihood_ratio_test(small, fitted("pain ~ visit + arm", random="1"))
    ml = [fitted(one, "ml", random="1") for one in ("pain ~ visit", "pain ~ visit + arm")]
    assert likelihood_ratio_test(*ml).iloc[0]["df"] == 2
    with pytest.raises(MixedModelError, match="swapped"):
        likelihood_ratio_test(large, small)
    with pytest.raises(MixedModelError, match="not nested"):
        likelihood_ratio_test(fitted("pain ~ age", "ml", random="1"), ml[1])


def test_kenward_roger_needs_reml(trial):
    fit = fit_mixed("pain ~ visit", trial, subject="patient", random="1", method="ml")
    assert fit.terms().attrs["df_method"] == "satterthwaite"
    with pytest.raises(MixedModelError, match="REML"):
        fit.terms(df="kenward_roger")


def test_chunks_of_a_bootstrap_are_the_whole(trial):
    fit = fit_mixed("pain ~ visit", trial, subject="patient", random="1", cluster={"clinic": "1"})
    for kind in ("parametric", "patient", "clinic"):
        whole = fit.bootstrap(np.random.default_rng(5), 6, kind=kind)
        used = np.random.default_rng(5)
        used.normal(size=10)  # what was drawn before does not matter
        chunks = [fit.bootstrap(used, range(3, 6), kind=kind), fit.bootstrap(np.random.default_rng(5), 3, kind=kind)]
        pd.testing.assert_frame_equal(
            pd.concat(chunks).sort_values("replicate", kind="stable", ignore_index=True), whole
        )
    summary = bootstrap_intervals(whole)
    assert set(summary.columns) == {"component", "term", "mean", "sd", "low", "high", "n", "n_failed"}


def test_bootstrap_spread_is_the_standard_error(trial):
    fit = fit_mixed("pain ~ visit", trial, subject="patient", random="1")
    table = fit.bootstrap(
        np.random.default_rng(11), 150, quantity=lambda one: dict(one.coefficients())
    )  # fmt: skip
    summary = bootstrap_intervals(table).set_index("term")
    se = fit.terms().set_index("term")["se"]
    ratio = summary["sd"] / se
    assert (np.abs(ratio - 1) < 4 / np.sqrt(2 * 150)).all()  # four standard errors of a standard deviation


def test_influence_with_refits_equals_fitting_without(trial):
    fit = fit_mixed("pain ~ visit", trial[trial["patient"] < 15], subject="patient", random="1")
    table = fit.influence(fit.terms(), refit=True)
    without = trial[(trial["patient"] < 15) & (trial["patient"] != 3)]
    expected = fit_mixed("pain ~ visit", without, subject="patient", random="1").coefficients()
    np.testing.assert_allclose(table.loc[table["left_out"] == "3", "estimate"], expected, rtol=1e-6)


def test_scaled_residuals_are_uncorrelated_with_variance_one(fit):
    scaled = fit.residuals("scaled")
    assert scaled.index.equals(fit.fitted().index)
    assert scaled.var() == pytest.approx(1, abs=0.1)
    raw = fit.residuals("raw")
    np.testing.assert_allclose(raw + fit.fitted(), fit.model.design.frame["pain"])


def test_icc_and_explained_variance(trial):
    fit = fit_mixed("pain ~ arm * visit", trial, subject="patient", random="1")
    icc = fit.icc().set_index("component")["icc"]
    variances = fit.variance_components()["estimate"]
    assert icc["patient"] == pytest.approx(variances[0] / variances.sum())
    r2 = fit.r_squared()
    assert 0 < r2["marginal"] < r2["conditional"] < 1


def test_predictions_of_strangers_have_the_whole_variance(trial):
    fit = fit_mixed("pain ~ visit", trial, subject="patient", random="1")
    row = trial.head(1).assign(patient=999)
    stranger, known = fit.predict(row, random=True), fit.predict(trial.head(1), random=True)
    assert stranger["estimate"].iloc[0] == pytest.approx(fit.predict(row)["estimate"].iloc[0])
    assert stranger["se"].iloc[0] > known["se"].iloc[0]
    new = fit.predict(row, new=True)
    total = fit.variance_components()["estimate"].sum() + fit.predict(row)["se"].iloc[0] ** 2
    assert new["se"].iloc[0] ** 2 == pytest.approx(total)


def test_rank_deficiency_names_what_went(trial):
    empty = trial[~((trial["arm"] == "sham") & (trial["visit"] == "week_12"))]
    fit = fit_mixed(
        "pain ~ arm * visit", empty, subject="patient", random="1", levels={"arm": ["usual", "needling", "sham"]}
    )
    assert fit.status == "rank_deficient"
    assert "arm[T.sham]:visit[T.week_12]" in fit.message
    table = fit.contrast("arm", by="visit").set_index(["visit", "contrast"])
    assert table.loc[("week_12", "sham - usual"), "status"] == "not_estimable"
    assert np.isnan(table.loc[("week_12", "sham - usual"), "p"])
    assert np.isfinite(table.loc[("week_12", "needling - usual"), "p"])
    assert np.isfinite(fit.joint_test("arm:visit")["p"][0])


def test_the_ladder_stops_at_the_first_rung_that_holds(trial):
    few = trial[trial["visit"] != "week_2"].copy()
    few = few.drop_duplicates("patient")  # nobody seen twice: no covariance can be estimated
    both = pd.concat([few, trial[(trial["visit"] == "week_2") & (trial["patient"] < 30)]])
    fit = fit_ladder(
        "pain ~ visit", both, residuals=["unstructured(visit)", "compound_symmetry(visit)", "iid"], subject="patient"
    )
    assert fit.ladder is not None
    assert fit.ladder["status"].tolist()[0] == "failed"
    assert "No subject was seen at" in fit.ladder["message"][0]
    assert fit.covariance_structure == "compound_symmetry(visit)"
    assert fit.ladder["chosen"].tolist() == [False, True]


def test_a_failed_fit_answers_with_its_status(trial):
    fit = fit_mixed("pain ~ visit", trial.assign(pain=2.0), subject="patient", random="1")
    assert fit.status == "failed"
    assert "explain the outcome exactly" in fit.message
    table = fit.terms()
    assert (table["status"] == "failed").all()
    assert table["estimate"].isna().all()
    assert np.isnan(fit.log_likelihood)
    assert fit.means("visit")["se"].isna().all()
    assert fit.residuals().isna().all()
    assert fit.variance_components()["estimate"].isna().all()
    assert "failed" in repr(fit)


def test_confounded_parameters_are_named(trial):
    fit = fit_mixed("pain ~ visit", trial, subject="patient", random="1", residual="compound_symmetry(visit)")
    assert fit.status == "failed"
    assert "patient variance (Intercept)" in fit.message


def test_a_pickled_fit_answers_alike(fit):
    again = pickle.loads(pickle.dumps(fit))
    pd.testing.assert_frame_equal(again.terms(), fit.terms())
    pd.testing.assert_frame_equal(again.means("arm"), fit.means("arm"))
    assert "MixedFit" in repr(again)
    assert "<table" in again._repr_html_()


def test_missing_values_are_counted_by_reason(trial):
    holes = trial.copy()
    holes.loc[:3, "age"] = np.nan
    holes.loc[2:6, "pain"] = np.nan
    fit = fit_mixed("pain ~ age", holes, subject="patient", random="1")
    assert fit.rows_dropped == {"pain missing": 5, "age missing": 2}
    assert fit.n_observations == len(trial) - 7


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"formula": "pain ~ nothing"}, "column 'nothing'"),
        ({"formula": "~ visit"}, "needs an outcome"),
        ({"residual": "banana(visit)"}, "'banana' is not a residual structure"),
        ({"residual": "ar1"}, "needs the visit column"),
        ({"residual": "unstructured(visit"}, "cannot be read"),
        ({"residual": Residual("ar1", "visit_text")}, "depends on the order"),
        ({"residual": "exponential(visit)"}, "numeric time"),
        ({"residual": "ar1(visit | visit)"}, "changes within"),
        ({"cluster": {"planet": "1"}}, "column 'planet'"),
        ({"cluster": {"one": "1"}}, "has one level"),
        ({"weights": "zero"}, "must be above zero"),
        ({"method": "bayes"}, "'reml' or 'ml'"),
        ({"subject": "nobody"}, "column 'nobody'"),
        ({"levels": {"arm": ["usual"]}}, "leave out"),
    ],
)
def test_misuse_is_one_plain_sentence(trial, change, sentence):
    data = trial.assign(one="x", zero=0.0, visit_text=trial["visit"].astype(str).astype(object))
    arguments = {"formula": "pain ~ arm + visit", "subject": "patient", "random": "1"} | change
    with pytest.raises(MixedModelError, match=sentence):
        fit_mixed(data=data, **arguments)


def test_a_visit_twice_is_named(trial):
    twice = pd.concat([trial, trial.iloc[[10]]])
    with pytest.raises(MixedModelError, match=r"occurs twice .* keep one row per patient and visit"):
        fit_mixed("pain ~ visit", twice, subject="patient", residual="unstructured(visit)")


@pytest.mark.parametrize(
    ("ask", "sentence"),
    [
        (lambda fit: fit.terms(df="magic"), "'magic' is not a rule"),
        (lambda fit: fit.terms(level=95), "between 0 and 1"),
        (lambda fit: fit.terms(variance="CR9"), "'CR9'"),
        (lambda fit: fit.terms(df="kenward_roger", variance="CR2"), "do not go with the sandwich"),
        (lambda fit: fit.joint_test("sex"), "'sex' is not a term"),
        (lambda fit: fit.means("sex"), "'sex' is not a variable"),
        (lambda fit: fit.means("age"), "say at which values"),
        (lambda fit: fit.means("arm", at={"arm": ["placebo"]}), "'placebo' is not a level"),
        (lambda fit: fit.contrast("arm", kind="odd"), "'odd' is not a kind"),
        (lambda fit: fit.contrast("arm", reference="placebo"), "'placebo' is not among"),
        (lambda fit: fit.contrast("arm", adjust="odd"), "'odd' is not an adjustment"),
        (lambda fit: fit.residuals("odd"), "'odd' is not a kind"),
        (lambda fit: fit.slopes("arm"), "needs a numeric variable"),
        (lambda fit: fit.bootstrap(np.random.default_rng(1), 1, kind="odd"), "'odd' is not a kind of bootstrap"),
        (lambda fit: fit.predict(pd.DataFrame({"arm": ["usual"]})), "lack the column"),
    ],
)
def test_wrong_questions_are_one_plain_sentence(fit, ask, sentence):
    with pytest.raises(MixedModelError, match=sentence):
        ask(fit)
