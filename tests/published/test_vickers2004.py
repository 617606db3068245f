"""A published trial comes out as printed: Vickers et al., BMJ 2004;328:744, Table 2, from the study file alone."""

import json

import pandas as pd
import pytest

from needling.plan import load_study
from stages import Ran, run_stages


@pytest.fixture(scope="module", name="trial")
def _trial(project, reference, tmp_path_factory) -> Ran:
    study = load_study(project / "config/vickers2004.yaml")
    return run_stages(study, tmp_path_factory.mktemp("keys"), reference / "vickers2004/acupuncture.csv")


@pytest.fixture(scope="module", name="published")
def _published(reference) -> dict:
    return json.loads((reference / "vickers2004/published.json").read_text())["published"]


@pytest.fixture(scope="module", name="results")
def _results(trial):
    return trial.results()


def one(results, analysis, outcome, visit, quantity="difference"):
    keys = {"analysis": analysis, "outcome": outcome, "visit": visit, "quantity": quantity, "arm": "acupuncture"}
    keys["reference"] = "usual_care"
    (row,) = results[(results[list(keys)] == pd.Series(keys)).all(axis=1)].to_dict("records")
    return row


def rounded(row) -> list[float]:
    return [round(row[name], 1) for name in ("estimate", "low", "high")]


@pytest.mark.parametrize(
    ("outcome", "visit", "printed"),
    [
        ("headache_score", "month_12", "pk5"),
        ("headache_score", "month_3", "pk2_in_12m_completers"),
        ("headache_days", "month_12", "f5"),
        ("headache_days", "month_3", "f2"),
    ],
)
def test_table_2(results, published, outcome, visit, printed) -> None:
    row = one(results, "published", outcome, visit)
    assert rounded(row) == published[printed][:3]
    assert row["favours"] == "acupuncture"


def test_migraine_only(results, published) -> None:
    row = one(results, "migraine_only", "headache_score", "month_12")
    assert rounded(row) == published["pk5_migraine_n284"]
    assert row["n_patients"] == 284


def test_effect_depends_on_baseline_severity(results, published) -> None:
    row = one(results, "baseline_severity", "headache_score", "month_12", "interaction")
    assert round(row["p"], 3) == published["interaction_baseline_x_group_p"]


def test_observed_means(trial, published) -> None:
    codes = {"baseline": 1, "month_3": 2, "month_12": 5}
    arms = {"acupuncture": "acu", "usual_care": "ctl"}
    letters = {"headache_score": "pk", "headache_days": "f"}
    completers = trial.frame.loc[trial.frame["visit"] == "month_12", "patient"]
    rows = trial.frame[trial.frame["patient"].isin(completers)]
    groups = rows.groupby(["outcome", "visit", "arm"])["value"]
    for (outcome, visit, arm), values in groups:
        mean, sd = published["mean_sd"][f"{letters[outcome]}{codes[visit]}"][arms[arm]]
        assert values.mean() == pytest.approx(mean, abs=0.0501)
        assert values.std() == pytest.approx(sd, abs=0.0501)


def test_zeros_written_for_missing_are_missing_and_audited(trial) -> None:
    audit = trial.cleaned.audit.query("rule == 'missing_with'")
    assert audit.groupby("column").size().to_dict() == {"f2": 75, "f5": 100}
