"""What `needling explain ROW_ID` says of a printed number."""

import numpy as np
import pandas as pd
import pytest
from made_results import shown, trial_plan

from needling.labels.words import Labels
from needling.report.explained import explained
from needling.study.keys import StudyError


@pytest.fixture(scope="module")
def published():
    released, labels = shown(trial_plan)
    return released, labels


def row_of(released, **codes):
    rows = released["results"]
    for column, code in codes.items():
        rows = rows[rows[column] == code]
    return rows.iloc[0]


def told(released, labels, row, **changes):
    """Lines by their label, of a row some of whose cells are changed."""
    table = pd.DataFrame([row]).assign(**changes).astype(released["results"].dtypes.to_dict())
    lines = explained(row["row_id"], {**released, "results": table}, labels)
    return dict(line.partition(": ")[::2] for line in lines[1:])


def test_a_comparison_is_told_from_the_number_to_the_entry_that_asked_for_it(published):
    released, labels = published
    row = row_of(released, analysis="primary", quantity="difference", visit="month_3", outcome="score", variant="")
    lines = explained(row["row_id"], released, labels)

    assert lines[0] == (
        "Published analysis, Chronic headache, Headache severity score, 3 months, difference, Dry needling against usual care"
    )
    said = dict(line.partition(": ")[::2] for line in lines)
    low, high = f"{row['low']:.1f}", f"{row['high']:.1f}"
    assert said["Result"] == f"{row['estimate']:.1f} points (95% CI {low} to {high}); higher is better"
    assert said["Test"].startswith(
        f"standard error {row['se']:.3g}, statistic {row['statistic']:.2f}, {row['df']:.1f} degrees"
    )
    assert said["The estimate speaks for"] == "Dry needling"
    assert said["From"] == f"{row['n_patients']} patients and {row['n_observations']} observations"
    assert "value at baseline as a covariate" in said["Method"]
    assert "a slope times the value at baseline" in said["Formula"]
    assert said["Exact number"] == f"reports/example/results/primary.csv, row_id {row['row_id']}"
    assert lines[lines.index("Asked for in config/example.yaml, under analyses:") + 2] == "    kind: ancova"


@pytest.mark.parametrize(
    ("changes", "label", "text"),
    [
        ({"estimate": 0.284, "low": 0.133, "high": 0.435, "unit": "share"}, "Result", "28 percentage points (95% CI 13 to 44)"),
        ({"estimate": 0.37, "low": 0.27, "high": 0.48, "unit": "share", "reference": ""}, "Result", "37% (95% CI 27 to 48)"),
        ({"low": np.nan, "high": np.nan, "estimate": 1.25}, "Result", "1.250 points"),
        ({"estimate": -0.27, "low": -0.44, "high": np.nan}, "Result", "−0.27 points (one-sided 95% limit: at least −0.44)"),
        ({"estimate": -0.27, "low": np.nan, "high": -0.1}, "Result", "−0.27 points (one-sided 95% limit: at most −0.10)"),
        ({"estimate": np.nan, "p": 0.03}, "Result", "no number; see the test"),
        ({"estimate": np.nan, "p": np.nan, "status": "failed"}, "Fit", "The model could not be fitted."),
        ({"hidden": "few_events"}, "Result", "not shown, because it would tell of few events"),
        ({"term": '[["arm", "dry_needling"], ["visit", "month_3"]]'}, "Term", "Arm: dry needling × Visit: 3 months"),
        ({"term": '[["arm", ""], ["visit", ""]]'}, "Term", "Arm × Visit"),
        ({"term": '["age", "baseline"]'}, "Term", "Age, baseline value"),
        ({"term": '[["co_intervention", "exercise"]]'}, "Term", "Other treatment: exercise"),
        ({"term": '["residual", "month_3"]'}, "Term", "Within patient, 3 months"),
        ({"at": '{"age": [30, 50]}'}, "Read at", "age 30 to 50"),
        ({"at": '{"sex": ["female", "male"]}'}, "Read at", "sex: female and male"),
        ({"framework": "non_inferiority", "margin": 2.0, "p": 0.2}, "Test", "non-inferiority with a margin of 2 points"),
    ],
)  # fmt: skip
def test_each_part_of_a_row_is_said_in_words(published, changes, label, text):
    released, labels = published
    row = row_of(released, analysis="primary", quantity="difference", outcome="score", variant="")

    assert text in told(released, labels, row, better="neither", **changes)[label]


def test_a_row_that_is_not_there_is_refused_with_where_the_others_stand(published):
    with pytest.raises(StudyError, match=r"no result 'abc'; the column row_id of reports/example/results/\*\.csv"):
        explained("abc", *published)


def test_every_row_of_a_study_can_be_explained(published):
    released, labels = published
    for row_id in released["results"]["row_id"]:
        lines = explained(row_id, released, labels)
        assert all(line.strip() and not line.endswith(": ") for line in lines)
    assert isinstance(labels, Labels)
