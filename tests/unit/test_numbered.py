"""Codes dealt at random decide nothing: with another key the results and what is released of them are the same to the byte."""

import numpy as np
import pandas as pd
import pytest

from needling.analysis.kinds import settings_of_kinds
from needling.analysis.run import analyse
from needling.cohort.describe import baseline_characteristics
from needling.cohort.frame import add_baseline
from needling.cohort.numbered import numbered, without_codes
from needling.release.results import release_results
from needling.release.rule import limits
from needling.study.file import part

N = 90
ARM = {"from": "arm", "codes": {"0": "usual_care", "1": "dry_needling"}, "reference": "usual_care"}
ANALYSES = {
    "at_4": {"kind": "ancova", "outcomes": ["pain"], "visits": ["week_4"], "adjust": ["age", "healer"]},
    "mmrm": {
        "kind": "repeated_measures",
        "outcomes": ["pain"],
        "adjust": ["healer"],
        "clusters": ["clinic"],
    },
    "by_place": {
        "kind": "model",
        "outcomes": ["pain"],
        "formula": "value ~ baseline + arm + clinic",
        "contrasts": [{}],
    },
}
STUDY = part(
    {
        "patients": {
            "id": "id",
            "arm": ARM,
            "covariates": {"age": {"from": "age"}, "healer": {"from": "healer", "kind": "code"}},
        },
        "visits": {"schedule": {f"week_{w}": {"week": w} for w in (0, 4, 12)}, "primary": "week_4"},
        "cohorts": {"neck": {"outcomes": {"pain": "nprs"}}},
        "instruments": {"nprs": {"total": "nprs"}},
        "design": "randomised",
        "made_up": True,
        "covariates": {},
        "estimands": {},
        "primary": "at_4",
        "disclosure": {},
        "analyses": ANALYSES,
    },
    settings_of_kinds(),
)


def trial(key):
    """The same trial under a key: random codes of patients, therapists, clinics and of the covariate of kind code."""
    rng = np.random.default_rng(5)
    place = np.arange(N) % 4
    people = pd.DataFrame({"arm": rng.permutation(np.arange(N) % 2), "age": rng.normal(45, 9, N).round()})
    people["arm"] = people["arm"].map({0: "usual_care", 1: "dry_needling"})
    person, healer = rng.normal(0, 1, N), rng.integers(0, 5, N)
    codes = np.random.default_rng(key)
    people["patient"] = [f"P{i:03d}" for i in codes.permutation(N)]
    people["healer"] = np.array([f"T{i:02d}" for i in codes.permutation(5)])[healer]
    people["therapist"] = np.array([f"T{i:02d}" for i in codes.permutation(8)])[place * 2 + people.index % 2]
    people["clinic"] = np.array([f"C{i:02d}" for i in codes.permutation(4)])[place]
    visits = [
        people.assign(
            visit=f"week_{week}",
            visit_number=number,
            week=float(week),
            day=7.0 * week,
            value=5 + person + 0.4 * healer - (week > 0) * (people["arm"] == "dry_needling") + rng.normal(0, 1, N),
        )
        for number, week in enumerate((0, 4, 12))
    ]
    codes = {"cohort": "neck", "outcome": "pain", "instrument": "nprs", "unit": "0-10 points", "better": "lower"}
    frame = pd.concat(visits, ignore_index=True).assign(**codes, site="", side="", hour=0.0)
    frame = frame[(frame["visit"] == "week_0") | (np.random.default_rng(1).random(len(frame)) > 0.1)]
    return {
        "visits": add_baseline(frame, "week_0"),
        "patients": people.assign(cohort="neck", row=range(N)),
    }


def released(given, name):
    tables = analyse(name, given, STUDY).tables
    baseline = baseline_characteristics(given["visits"], given["patients"], STUDY)
    missing = pd.DataFrame(columns=["cohort", "outcome", "visit", "arm", "measured"])
    tables |= {"baseline": baseline, "missingness": missing}
    return release_results(tables, STUDY, limits(STUDY))


@pytest.mark.parametrize("name", ANALYSES)
def test_another_key_gives_the_same_bytes_and_no_code_of_anybody(name):
    one, other = released(trial(1), name), released(trial(2), name)
    pd.testing.assert_frame_equal(one, other, check_exact=True)
    text = one.to_csv()
    assert "healer_0" not in text
    assert not pd.Series(text.split(",")).str.fullmatch(r"[PTC]\d\d+").any()
    assert len(one) > 3
    assert set(one["n_patients"]) <= set(range(80, N + 1))


def test_nothing_is_lost_before_release(monkeypatch):
    found = analyse("at_4", trial(1), STUDY).results
    assert found["term"].str.contains("healer_000000002").sum() == 1
    assert not found["term"].str.contains(r"T\d\d").any()
    gone = len(found) - len(released(trial(1), "at_4"))
    assert gone == 4  # five healers, one of them the reference


def test_baseline_names_no_code_and_no_order_of_codes():
    one, other = (baseline_characteristics(given["visits"], given["patients"], STUDY) for given in (trial(1), trial(2)))
    pd.testing.assert_frame_equal(one, other, check_exact=True)
    healers = one[one["variable"] == "healer"]
    assert set(healers["level"]) == set("12345")
    totals = healers.groupby("level")["count"].sum()
    assert totals.tolist() == sorted(totals, reverse=True)
    assert totals.sum() == N


def test_numbers_follow_the_patients_rows_in_every_table():
    given = {
        "sessions": pd.DataFrame({"patient": ["P9", "P2", "P7"], "therapist": ["T3", None, "T1"]}),
        "patients": pd.DataFrame({"patient": ["P7", "P9"]}),
    }
    found = numbered(given, STUDY)
    assert found["patients"]["patient"].tolist() == ["patient_000000001", "patient_000000002"]
    assert found["sessions"]["patient"].str[-1].tolist() == ["2", "3", "1"]
    assert found["sessions"]["therapist"].str[-1].tolist()[::2] == ["1", "2"]
    assert found["sessions"]["therapist"].isna().tolist() == [False, True, False]


def test_a_remark_loses_the_number_and_keeps_the_name():
    table = pd.DataFrame({"note": ["left out: healer healer_000000003, age"], "estimate": [1.0]})
    assert without_codes(table, STUDY)["note"].tolist() == ["left out: healer, age"]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"where": {"healer": "T01"}}, "dealt at random|deals at random"),
        (
            {"kind": "model", "formula": "value ~ arm*clinic", "contrasts": [{"by": ["clinic"]}]},
            "holds codes of people",
        ),
        ({"kind": "model", "formula": "value ~ arm", "residual_by": "clinic"}, "holds codes of people"),
    ],
)
def test_what_would_name_a_code_is_refused(change, told, project, tmp_path):
    import yaml

    from needling.plan import load_study
    from needling.study.keys import StudyError

    text = yaml.safe_load((project / "config/vickers2004.yaml").read_text())
    text["patients"]["covariates"]["healer"] = text["patients"]["covariates"].pop("acupuncturist")
    for one in text["analyses"].values():
        one["adjust"] = ["age"]
    text["analyses"]["own"] = {"kind": "ancova", "outcomes": ["headache_score"], **change}
    if text["analyses"]["own"]["kind"] == "ancova":
        text["analyses"]["own"]["visits"] = ["month_12"]
    (tmp_path / "vickers2004.yaml").write_text(yaml.safe_dump(text, sort_keys=False))
    with pytest.raises(StudyError, match=told):
        load_study(tmp_path / "vickers2004.yaml")
