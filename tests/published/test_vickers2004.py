"""A published trial comes out as printed: Vickers et al., BMJ 2004;328:744, Table 2, from the study file alone."""

import json

import pandas as pd
import pytest

from needling.analysis.kinds import settings_of_kinds
from needling.analysis.run import analyse
from needling.figures.draw import write_figures
from needling.labels.words import Labels
from needling.plan import load_study
from needling.report.build import build_report
from needling.study.file import part, section
from needling.tables.published import published as published_table
from page_words import faults
from stages import Ran, run_stages

SECTIONS = ("design", "seed", "primary", "patients", "visits", "instruments", "cohorts", "covariates", "estimands")


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


@pytest.mark.parametrize(
    ("visit", "counts", "difference", "ratio", "needed"),
    [
        ("month_3", {"acupuncture": (159, 65), "usual_care": (136, 37)}, (0.136746, 0.029819, 0.243673),
         (1.502635, 1.077640, 2.095236), (7.3, 4.1, 33.5)),
        ("month_12", {"acupuncture": (161, 87), "usual_care": (140, 45)}, (0.218944, 0.109805, 0.328083),
         (1.681159, 1.270992, 2.223694), (4.6, 3.0, 9.1)),
    ],
)  # fmt: skip
def test_responders(trial, visit, counts, difference, ratio, needed) -> None:
    """Improved by 35 % or more, among those measured at the visit and at 12 months; unadjusted. Limits: variances with n - 1."""
    asked = {"kind": "responders", "outcomes": ["headache_score"], "visits": [visit], "observed_at": visit,
             "responses": {"third": {"percent": 35}}, "missing": "non_response", "baseline": "unadjusted"}  # fmt: skip
    plan = part({**section(trial.study, *SECTIONS), "analyses": {"asked": asked}}, settings_of_kinds())
    at_12 = trial.frame.query("visit == 'month_12' and outcome == 'headache_score'")["patient"]
    visits = trial.frame[trial.frame["patient"].isin(at_12)]
    found = analyse("asked", {**trial.made, "visits": visits}, plan)
    results = found.results.set_index(["quantity", "arm"])
    for arm, (n, events) in counts.items():
        assert tuple(results.loc[("share", arm), ["n_patients", "n_events"]]) == (n, events)
    for quantity, expected in (("risk_difference", difference), ("risk_ratio", ratio)):
        made = results.loc[(quantity, "acupuncture"), ["estimate", "low", "high"]].astype(float)
        assert made["estimate"] == pytest.approx(expected[0], abs=1e-6)
        assert list(made) == pytest.approx(expected, abs=4e-3)
    treat = found.tables["number_needed"].iloc[0]
    assert list(treat[["estimate", "low", "high"]]) == pytest.approx(needed, rel=0.02)


def test_what_the_study_file_says_was_published_is_what_was_and_stands_beside_ours_with_the_same_sign(
    trial, results, published
) -> None:
    """The table of the report: each published number with our own of the same row, alike to the digits that were printed."""
    table = published_table({"results": results.assign(hidden="")}, Labels(trial.study))
    keys = ["pk5", "pk2_in_12m_completers", "f5", "f2", "pk5_migraine_n284"]
    for line, key in zip(table.exact.to_dict("records"), keys, strict=True):
        theirs = [line[f"published_{name}"] for name in ("estimate", "low", "high")]
        assert theirs == published[key][:3]
        assert rounded(line) == theirs
        assert len(published[key]) == 3 or line["published_p"] == published[key][3]
    assert [row[1] for row in table.rows] == [row[3] for row in table.rows]
    assert table.rows[0] == [
        "Headache severity score, 12 months",
        "4.6 (2.2 to 7.0)",
        "<.001",
        "4.6 (2.2 to 7.0)",
        "<.001",
    ]


def test_the_page_says_nothing_of_the_program_nothing_empty_and_nothing_twice(trial, tmp_path) -> None:
    released, labels = trial.released(), Labels(trial.study)
    words = write_figures(released, labels, tmp_path / "figures")
    page = build_report(labels, released, words, tmp_path / "figures", tmp_path, ["x 1"])[0]
    assert faults(page.read_text(encoding="utf-8")) == []
