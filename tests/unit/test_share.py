"""Row-level files for others: nobody in them stands alone, and a file in which somebody does is refused."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_trials import STUDY

from needling.privacy.share import in_spans, k_anonymity, l_diversity, shared_file
from needling.study.file import part
from needling.study.keys import StudyError

PLAN = {
    "design": "randomised",
    "patients": STUDY["patients"],
    "visits": {
        "schedule": {
            "baseline": {"label": "Baseline", "days": [-14, 0]},
            "week_4": {"label": "Week 4", "days": [21, 35]},
        },
        "primary": "week_4",
    },
    "instruments": {"nprs": {"total": "pain"}},
    "cohorts": {"neck": {"label": "Neck", "outcomes": {"pain": "nprs"}}},
}
SHARE = {"covariates": ["age", "sex"], "outcomes": ["pain"], "visits": ["baseline", "week_4"], "spans": {"age": [40]}}


def people(n=80, seed=1):
    """Patients, every second a woman, and their pain at two visits; the last patient's second visit is missing."""
    rng = np.random.default_rng(seed)
    codes = [f"P{number}" for number in range(n)]
    patients = pd.DataFrame({"patient": codes, "cohort": "neck", "arm": ["usual_care", "dry_needling"] * (n // 2)})
    patients = patients.assign(
        clinic="C1", age=rng.integers(20, 60, n).astype(float), sex=["f", "f", "m", "m"] * (n // 4)
    )
    frame = pd.DataFrame({"patient": codes * 2, "outcome": "pain", "visit": ["baseline"] * n + ["week_4"] * n})
    return patients, frame.assign(value=rng.integers(0, 11, 2 * n).astype(float)).iloc[:-1]


def made(patients, frame, **settings):
    return shared_file("pain", patients, frame, part({**PLAN, "disclosure": {"share": {"pain": SHARE | settings}}}))


def test_the_file_has_a_row_per_patient_and_nothing_that_tells_who():
    patients, frame = people()
    file, report = made(patients, frame, people=5)
    assert list(file.columns) == ["arm", "age", "sex", "pain_baseline", "pain_week_4"]
    assert len(file) == len(patients)
    assert set(file["age"]) == {"under 40", "40 or over"}
    assert file["pain_week_4"].isna().sum() == 1
    assert sorted(file["pain_baseline"]) == sorted(frame.loc[frame["visit"] == "baseline", "value"])
    again, _ = made(patients.sample(frac=1, random_state=3), frame, people=5)
    pd.testing.assert_frame_equal(again, file)
    counts = file.groupby(["arm", "age", "sex"]).size()
    assert report["value"].tolist()[0] == counts.min() >= 5
    assert report["measure"].tolist()[0] == "k: patients who share arm, age, sex"


def test_a_file_in_which_somebody_stands_out_is_refused_without_showing_a_value():
    patients, frame = people()
    patients.loc[0, "age"] = 87.0
    with pytest.raises(StudyError, match=r"the smallest k: patients who share arm, age, sex is 1, at least 5") as told:
        made(patients, frame, people=5, spans={"age": [40, 80]})
    assert "87" not in str(told.value)


def test_a_group_that_shares_one_answer_is_refused():
    patients, frame = people()
    same = frame["patient"].isin(patients.loc[patients["sex"] == "m", "patient"])
    with pytest.raises(StudyError, match="different values of pain_baseline among them is 1, at least 2"):
        made(patients, frame.assign(value=frame["value"].mask(same, 4.0)), people=5)


def test_spans_rise():
    with pytest.raises(ValueError, match="must rise"):
        made(*people(), spans={"age": [60, 40]})


def test_spans_in_words():
    spans = in_spans(pd.Series([39.9, 40, 59, 60, 90, np.nan]), [40, 60])
    assert spans.dropna().tolist() == ["under 40", *["40 to under 60"] * 2, *["60 or over"] * 2]
    assert spans.isna().tolist() == [False] * 5 + [True]


def test_k_and_l_agree_with_pycanon():
    """Values of pycanon 1.3.6 for this table."""
    rng, n = np.random.default_rng(42), 600
    table = pd.DataFrame(
        {
            "sex": rng.choice(["f", "m"], n, p=[0.8, 0.2]),
            "age": rng.choice(["under 40", "40-59", "60 and over"], n, p=[0.3, 0.5, 0.2]),
            "arm": rng.choice(["a", "b"], n),
            "pain": rng.integers(0, 11, n),
            "opioid": rng.choice(["no", "yes"], n, p=[0.93, 0.07]),
        }
    )
    known = {("sex",): (114, 11, 2), ("sex", "age"): (24, 8, 2), ("sex", "age", "arm"): (11, 6, 1)}
    for columns, (k, pain, opioid) in known.items():
        assert k_anonymity(table, columns) == k
        assert l_diversity(table, columns, "pain") == pain
        assert l_diversity(table, columns, "opioid") == opioid


def test_a_missing_value_is_a_level_and_an_empty_table_has_no_group():
    table = pd.DataFrame({"age": ["40s"] * 4 + [None] * 2, "pain": [1, 2, 2, 3, 5, None]})
    assert k_anonymity(table, ["age"]) == 2
    assert l_diversity(table, ["age"], "pain") == 2
    assert k_anonymity(table, []) == 6
    assert k_anonymity(table.iloc[:0], ["age"]) == 0


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=60))
def test_to_know_less_never_makes_the_crowd_smaller(rows):
    table = pd.DataFrame(rows, columns=["age", "sex", "pain"])
    assert k_anonymity(table, ["age", "sex"]) <= k_anonymity(table, ["age"]) <= k_anonymity(table, [])
    assert l_diversity(table, ["age", "sex"], "pain") <= l_diversity(table, ["age"], "pain")
