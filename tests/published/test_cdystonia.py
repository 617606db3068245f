"""Baseline as a response with three arms: cervical dystonia (Davis 2002, table 6.9), six visits, unstructured covariance.

Expected: R's nlme::gls, `twstrs ~ arm * visit`, REML; the difference in change from baseline against placebo, with its standard
error. Kenward-Roger's standard errors are a little larger; what they are compared with is the model's own.
"""

import pandas as pd
import pytest

from needling.analysis.kinds import settings_of_kinds
from needling.analysis.run import analyse
from needling.cohort.frame import add_baseline
from needling.mixed.fit import fit_mixed
from needling.plan import load_study
from needling.study.file import part
from stages import run_stages

ARMS = {1: "high", 2: "low", 3: "placebo"}  # 10,000 and 5,000 units of botulinum toxin
WEEKS = (0, 2, 4, 8, 12, 16)
EXPECTED = {
    "high": [(-7.2557, 2.0537), (-7.4139, 1.9407), (-5.7973, 2.0448), (-1.8758, 1.9726), (2.1462, 2.1200)],
    "low": [(-5.8321, 2.0771), (-4.8762, 1.9540), (-4.6211, 2.0450), (-1.9435, 1.9652), (-0.5222, 2.1297)],
}
KENWARD_ROGER = [(2.0567, 102.09), (1.9417, 104.14), (2.0467, 105.77), (1.9753, 102.77), (2.1220, 103.14)]


@pytest.fixture(scope="module")
def frame(reference):
    path = reference / "cdystonia" / "cdystonia.csv"
    if not path.exists():
        pytest.skip(f"{path.name} is not here")
    data = pd.read_csv(path)
    data["arm"] = data["treat"].map(ARMS)
    data["patient"] = "S" + data["site"].astype(str) + "P" + data["id"].astype(str)
    data["visit"] = "week_" + data["week"].astype(str)
    data = (
        data.drop(columns="site")
        .rename(columns={"twstrs": "value"})
        .assign(
            therapist="T",
            clinic="C",
            cohort="neck",
            outcome="severity",
            instrument="twstrs",
            unit="0-87 points",
            better="lower",
        )
    )
    return add_baseline(data[data["value"].notna()], "week_0")


def changes(frame, df):
    arm = {"from": "arm", "codes": {"0": "placebo", "1": "low", "2": "high"}, "reference": "placebo"}
    schedule = {f"week_{week}": {"label": f"Week {week}", "week": week} for week in WEEKS}
    main = {"kind": "repeated_measures", "outcomes": ["severity"], "baseline": "response", "df": df}
    study = part(
        {
            "patients": {"id": "id", "arm": arm},
            "visits": {"schedule": schedule, "primary": "week_4"},
            "cohorts": {"neck": {"outcomes": {"severity": "twstrs"}}},
            "design": "randomised",
            "covariates": {},
            "estimands": {},
            "primary": "main",
            "analyses": {"main": {**main, "residual": ["unstructured"]}},
        },
        settings_of_kinds(),
    )
    people = frame.drop_duplicates("patient")[["patient", "cohort", "arm"]]
    found = analyse("main", {"visits": frame, "patients": people}, study).results
    return found[found["quantity"].eq("change") & found["reference"].eq("placebo")]


@pytest.mark.parametrize("arm", EXPECTED)
def test_difference_in_change_from_baseline_is_that_of_r(frame, arm):
    rows = changes(frame, "asymptotic").set_index("arm").loc[[arm]]
    assert rows["visit"].tolist() == [f"week_{week}" for week in WEEKS[1:]]
    for row, (estimate, se) in zip(rows.to_dict("records"), EXPECTED[arm], strict=True):
        assert row["estimate"] == pytest.approx(estimate, abs=1e-3)
        assert row["se"] == pytest.approx(se, abs=1e-3)


def test_kenward_roger_of_the_difference_in_change(frame):
    rows = changes(frame, "kenward_roger").set_index("arm").loc[["high"]]
    for row, (se, df) in zip(rows.to_dict("records"), KENWARD_ROGER, strict=True):
        assert (row["se"], row["df"]) == (pytest.approx(se, abs=1e-3), pytest.approx(df, abs=0.05))


def test_log_likelihood_of_r(frame):
    """nlme::gls, twstrs ~ base * week + arm * week + age + sex, unstructured, REML, 522 rows: -1727.182."""
    rows = frame[(frame["visit"] != "week_0") & frame["baseline"].notna()]
    rows = rows.assign(week=pd.Categorical(rows["visit"], [f"week_{week}" for week in WEEKS[1:]]))
    rows["arm"] = pd.Categorical(rows["arm"], ["placebo", "low", "high"])
    formula = "value ~ baseline * week + arm * week + age + sex"
    fit = fit_mixed(formula, rows, subject="patient", residual="unstructured(week)")
    assert len(rows) == 522
    assert fit.log_likelihood == pytest.approx(-1727.182, abs=1e-3)


# ---------------------------------------------------------------- the same from the study file alone

# R's nlme::gls, twstrs ~ base * week + arm * week + age + sex, unstructured, REML, 522 rows of 108 patients: dose against placebo
ADJUSTED = {
    "units_10000": [(-7.0095, 2.1059), (-7.4651, 1.9607), (-5.9366, 2.0807), (-1.4680, 2.0132), (2.8820, 2.1181)],
    "units_5000": [(-6.0400, 2.1313), (-5.3414, 1.9721), (-5.1847, 2.0792), (-2.0508, 1.9988), (-0.3547, 2.1164)],
}
NAMES = {"high": "units_10000", "low": "units_5000"}


@pytest.fixture(scope="module")
def ran(project, reference, tmp_path_factory):
    path = reference / "cdystonia" / "cdystonia.csv"
    if not path.exists():
        pytest.skip(f"{path.name} is not here; data/raw/cdystonia/README.md says where it comes from")
    return run_stages(load_study(project / "config/cdystonia.yaml"), tmp_path_factory.mktemp("keys"), path)


def test_codes_that_repeat_between_sites_are_109_people(ran):
    people = ran.cleaned.tables["patients"]
    assert len(people) == people["patient"].nunique() == 109
    assert people["clinic"].nunique() == 9
    assert len(ran.frame) == 631


@pytest.mark.parametrize("arm", ADJUSTED)
def test_doses_against_placebo_are_those_of_r(ran, arm):
    """R's standard errors are the model's; those of Kenward and Roger are a little larger, at most by half a percent here."""
    results = ran.results("doses")
    rows = results[results["quantity"].eq("difference") & results["arm"].eq(arm)].to_dict("records")
    assert [row["visit"] for row in rows] == [f"week_{week}" for week in WEEKS[1:]]
    for row, (estimate, se) in zip(rows, ADJUSTED[arm], strict=True):
        assert row["estimate"] == pytest.approx(estimate, abs=1e-4)
        assert se < row["se"] < 1.005 * se
        assert (row["n_patients"], row["n_observations"]) == (108, 522)


@pytest.mark.parametrize("arm", EXPECTED)
def test_change_from_baseline_from_the_study_file(ran, arm):
    results = ran.results("change")
    rows = results[
        results["quantity"].eq("change") & results["reference"].eq("placebo") & results["arm"].eq(NAMES[arm])
    ]
    assert rows["estimate"].tolist() == pytest.approx([estimate for estimate, _ in EXPECTED[arm]], abs=1e-3)


# R's lm(twstrs ~ arm + base + age + sex) at week 4: doses against placebo, and the linear trend per 1,000 units
ALLOCATED = {"units_10000": (-7.516790978, 1.968746662), "units_5000": (-5.293249297, 1.979236126)}
ALLOCATED_TREND = (-0.751679098, 0.196874666)


def test_allocated_doses_and_their_trend_at_one_visit_are_those_of_lm(ran):
    results = ran.results("week_4")
    rows = results[results["quantity"] == "difference"].set_index("arm")
    for arm, (estimate, se) in ALLOCATED.items():
        assert rows.loc[arm, ["estimate", "se"]].tolist() == pytest.approx([estimate, se], abs=1e-6)
    trend = results[results["quantity"] == "trend"].iloc[0]
    assert [trend["estimate"], trend["se"]] == pytest.approx(ALLOCATED_TREND, abs=1e-6)
    assert trend["unit"] == "points per unit of dose"
    assert set(results["visit"]) == {"week_4"}
    assert sorted(results.loc[results["quantity"] == "mean", "arm"]) == ["placebo", "units_10000", "units_5000"]


def test_the_trend_is_the_slope_over_thousands_of_units(ran):
    trend = ran.results("dose_response").query("quantity == 'trend' and visit == 'week_4'").iloc[0]
    # least squares over the doses 0, 5, 10 of the means 0, low, high against placebo
    low, high = ADJUSTED["units_5000"][1][0], ADJUSTED["units_10000"][1][0]
    assert trend["estimate"] == pytest.approx((-5 * 0 + 0 * low + 5 * high) / 50, abs=2e-4)
    assert trend["unit"] == "points per unit of dose"
