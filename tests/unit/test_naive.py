"""The naive twin: what other programs print, wrong where it must be, and refused where it has no meaning."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from test_responders import study as responders_study

from needling.analysis.kinds import settings_of_kinds
from needling.analysis.run import analyse
from needling.cohort.frame import add_baseline
from needling.extension import frames
from needling.plan import load_study
from needling.schema.contract import check
from needling.schema.results import RESULTS
from needling.study.file import part
from needling.study.keys import StudyError


def run(frame, kind="naive", arms=None, design="randomised", **settings):
    plan = responders_study(**({"arms": arms} if arms else {}), design=design).model_dump(mode="json", by_alias=True)
    own = {"kind": kind, "outcomes": ["pain"], **({"of": "main"} if kind == "naive" else {}), **settings}
    patients = frame.drop_duplicates("patient")[["patient", "cohort", "arm", "age"]]
    found = analyse(
        "main",
        {"visits": frame, "patients": patients},
        part({**plan, "primary": "other", "analyses": {"main": own}}, settings_of_kinds()),
    )
    return check(found.results, RESULTS, "results")


def long(y, arm):
    visits = ["baseline", "week_4", "week_12"]
    parts = [
        pd.DataFrame(
            {
                "patient": [f"P{i:04d}" for i in range(len(y))],
                "arm": arm,
                "visit": visit,
                "week": week,
                "value": y[:, t],
            }
        )
        for t, (visit, week) in enumerate(zip(visits, [0.0, 4.0, 12.0], strict=True))
    ]
    table = pd.concat(parts, ignore_index=True).dropna(subset="value")
    table = table.assign(cohort="all", outcome="pain", instrument="nprs", unit="0-10 points", better="lower", age=50.0)
    return add_baseline(table, "baseline")


def test_published_mixed_anova():
    """The example that pingouin prints: F(2, 116) = 2.728, P .070, partial eta squared .045, epsilon .999."""
    from pingouin import read_dataset

    data = read_dataset("mixed_anova")
    wide = data.pivot(index="Subject", columns="Time", values="Scores")[["August", "January", "June"]]
    group = data.drop_duplicates("Subject").set_index("Subject")["Group"].reindex(wide.index)
    arm = group.map({"Control": "usual_care", "Meditation": "dry_needling"}).to_numpy()
    found = run(long(wide.to_numpy(), arm)).query("variant == 'mixed_anova'").set_index("quantity")
    assert found.loc["interaction", "statistic"] == pytest.approx(2.728, abs=5e-4)
    assert found.loc["partial_eta_squared", "estimate"] == pytest.approx(0.045, abs=5e-4)
    assert found.loc["epsilon", "estimate"] == pytest.approx(0.998, abs=5e-4)
    assert found.loc["interaction", "p"] == pytest.approx(stats.f.sf(2.727996, 2 * 0.99812, 116 * 0.99812), abs=1e-5)
    assert found.loc["interaction", "p"] == pytest.approx(0.0696, abs=2e-4)


def test_t_test_and_last_value_by_hand():
    y = np.array(
        [
            [5.0, 4, np.nan],
            [6, 5, 5],
            [7, np.nan, 4],
            [5, 5, 5],
            [6, 3, 2],
            [7, 4, np.nan],
            [6, 2, 1],
            [8, np.nan, np.nan],
        ]
    )
    arm = np.array(["usual_care"] * 4 + ["dry_needling"] * 4)
    found = run(long(y, arm)).query("quantity == 'difference' and visit == 'week_12'").set_index("variant")
    seen = stats.ttest_ind([2, 1], [5, 4, 5])
    carried = stats.ttest_ind([2, 4, 1, 8], [4, 5, 4, 5])
    for variant, test, n in (("t_test", seen, 5), ("last_value", carried, 8)):
        interval = test.confidence_interval()
        row = found.loc[variant]
        expected = [test.statistic, test.pvalue, test.df, interval.low, interval.high]
        np.testing.assert_allclose(row[["statistic", "p", "df", "low", "high"]].astype(float), expected, rtol=1e-9)
        assert row["statistic"] == pytest.approx(row["estimate"] / row["se"])
        assert (row["n_patients"], row["role"]) == (n, "exploratory")
    assert found.loc["last_value", "imputation"] == "last_value_carried_forward"


def test_naive_is_wrong_where_the_mixed_model_is_right():
    """Who is still in pain at week 4 leaves usual care: at week 12 usual care looks better than it is, by any habit."""
    truth, errors = -1.0, {"t_test": [], "last_value": [], "mixed": []}
    for seed in range(30):
        rng = np.random.default_rng(seed)
        arm = np.arange(200) % 2
        covariance = 2.0 * np.array([[1, 0.5, 0.4], [0.5, 1, 0.8], [0.4, 0.8, 1]])
        y = (
            np.array([6.0, 5, 4])
            + rng.multivariate_normal(np.zeros(3), covariance, 200)
            - np.outer(arm, [0, 0, -truth])
        )
        y[(arm == 0) & (y[:, 1] > 5) & (rng.random(200) < 0.8), 2] = np.nan
        frame = long(y, np.where(arm == 1, "dry_needling", "usual_care"))
        naive = run(frame).query("quantity == 'difference' and visit == 'week_12'").set_index("variant")["estimate"]
        mixed = (
            run(frame, "repeated_measures").query("quantity == 'difference' and visit == 'week_12'")["estimate"].iloc[0]
        )
        for name, one in (*naive.items(), ("mixed", mixed)):
            errors[name].append(one - truth)
    mean = {name: np.mean(one) for name, one in errors.items()}
    error = {name: np.std(one, ddof=1) / np.sqrt(len(one)) for name, one in errors.items()}
    assert abs(mean["mixed"]) < 4 * error["mixed"]
    assert mean["t_test"] > 6 * error["t_test"]  # usual care seems better than it is
    assert mean["last_value"] < -6 * error["last_value"]  # usual care keeps its pain of week 4


@pytest.mark.parametrize("name", list(frames()))
def test_awkward_frames_give_rows_with_a_status(name):
    results = run(frames()[name])
    assert len(results) >= 5
    assert not results["row_id"].duplicated().any()
    gone = results["status"] == "not_estimated"
    assert results.loc[gone, "note"].ne("").all()
    assert results.loc[gone, ["estimate", "p"]].isna().all().all()
    assert set(results["role"]) == {"exploratory"}


def test_an_arm_with_one_patient_has_no_t_test():
    y = np.array([[5.0, 4, 4], [6, 5, 5], [7, 4, np.nan], [8, 6, 5], [7, 5, np.nan]])
    arm = np.array(["usual_care"] * 3 + ["dry_needling"] * 2)
    found = run(long(y, arm)).query("quantity == 'difference' and variant == 't_test'").set_index("visit")
    assert found.loc["week_12", "status"] == "not_estimated"
    assert found.loc["week_12", "note"] == "an arm has fewer than two patients, or no value varies"
    assert found.loc["week_4", "status"] == "converged"


def test_three_arms_and_a_cohort_design():
    frame = frames()["an ordinary trial"]
    place = frame["patient"].str[1:].astype(int) % 3
    frame = frame.assign(arm=place.map({0: "usual_care", 1: "sham", 2: "dry_needling"}))
    results = run(frame, arms={"0": "usual_care", "1": "sham", "2": "dry_needling"}, design="cohort")
    differences = results[results["quantity"] == "difference"]
    assert set(zip(differences["arm"], differences["reference"], strict=True)) == {
        ("sham", "usual_care"),
        ("dry_needling", "usual_care"),
    }


def test_a_twin_compares_the_pairs_of_the_analysis_that_it_stands_beside(project):
    """The trial with a sham compares every two arms and its twin says nothing of its own; each pair by hand."""
    taken = load_study(project / "config/demo_sham.yaml").analyses["habits"].contrasts
    assert taken == "pairwise"
    arms = {"0": "usual_care", "1": "sham", "2": "dry_needling"}
    frame = frames()["an ordinary trial"]
    frame = frame.assign(arm=(frame["patient"].str[1:].astype(int) % 3).map(lambda place: arms[str(place)]))
    plan = responders_study(arms=arms).model_dump(mode="json", by_alias=True)
    main = {"kind": "repeated_measures", "outcomes": ["pain"], "contrasts": "pairwise"}
    both = {"main": main, "twin": {"kind": "naive", "of": "main", "outcomes": ["pain"], "contrasts": taken}}
    plan = part({**plan, "analyses": both}, settings_of_kinds())
    patients = frame.drop_duplicates("patient")[["patient", "cohort", "arm", "age"]]
    mine, theirs = (
        check(analyse(name, {"visits": frame, "patients": patients}, plan).results, RESULTS, "results").query(
            "quantity == 'difference' and visit == 'week_4'"
        )
        for name in ("twin", "main")
    )
    pairs = [set(zip(one["arm"], one["reference"], strict=True)) for one in (mine, theirs)]
    assert pairs[0] == pairs[1]
    assert len(pairs[0]) == 3
    found = mine[mine["variant"] == "t_test"].set_index(["arm", "reference"])
    at_4 = frame.query("visit == 'week_4'").set_index("arm")["value"]
    for one, reference in pairs[0]:
        test = stats.ttest_ind(at_4[one], at_4[reference])
        row = found.loc[(one, reference)]
        assert (row["statistic"], row["p"]) == pytest.approx((test.statistic, test.pvalue), rel=1e-9)


REFUSED = {
    "of: primry": "there is no such analysis 'primry'; did you mean 'primary'",
    "of: habits": "there is no such analysis 'habits'",
    "of: primary, outcomes: [pian]": "'pian'",
    "of: responders, outcomes: [function]": "outcome 'function' is none of responders",
    "of: primary, family: primary": "in no family and has no margin",
    "of: primary, adjust: [age]": "adjusts for nothing",
    "of: primary, contrasts: {dry_needling: 1, usual_care: -1}": "compares two arms at a time, and no trend or weights",
    "of: primary, role: secondary": "exploratory",
}


@pytest.mark.parametrize("settings", list(REFUSED))
def test_what_cannot_be_asked_is_refused_in_words(settings, project, tmp_path):
    text = (project / "config/demo.yaml").read_text()
    own = f"  asked: {{kind: naive, {settings}" + ("" if "outcomes" in settings else ", outcomes: [pain]") + "}\n"
    path = tmp_path / "demo.yaml"
    path.write_text(text.replace("families:\n", own + "\nfamilies:\n"))
    with pytest.raises(StudyError, match=REFUSED[settings]):
        load_study(path)
