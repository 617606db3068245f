"""Baseline as a response with three arms: cervical dystonia (Davis 2002, table 6.9), six visits, unstructured covariance.

Expected: R's nlme::gls, `twstrs ~ arm * visit`, REML; the difference in change from baseline against placebo, with its standard
error. Kenward-Roger's standard errors are a little larger; what they are compared with is the model's own.
"""

import pandas as pd
import pytest

from needling.analysis.kinds import settings_of_kinds
from needling.analysis.run import analyse
from needling.cohort.frame import add_baseline
from needling.study.file import part

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
    data = data.rename(columns={"twstrs": "value"}).assign(
        therapist="T",
        clinic="C",
        cohort="neck",
        outcome="severity",
        instrument="twstrs",
        unit="0-87 points",
        better="lower",
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
