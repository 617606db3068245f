"""A trial without baseline and in hours, from the study file alone: licorice gargle, Ruetzler et al. 2013 (235 patients).

Expected: the numbers of people with any sore throat and their risk ratios with 95 % limits, counted from the published file
apart from the pipeline (Wald limits of the log ratio).
"""

import pytest
from scipy import stats

from needling.analysis.g_computation import g_computation
from needling.figures.draw import write_figures
from needling.labels.words import Labels
from needling.plan import load_study
from needling.report.text import report_text
from needling.tables.make import tables
from stages import run_stages

HOURS = {"min_30": 0.5, "min_90": 1.5, "hour_4": 4.0, "morning": 20.0}
RISK_RATIOS = {
    "min_30": (0.5193, 0.3320, 0.8123),
    "min_90": (0.2902, 0.1609, 0.5234),
    "hour_4": (0.4576, 0.3037, 0.6894),
    "morning": (0.5173, 0.3394, 0.7884),
}


@pytest.fixture(scope="module")
def study(project):
    return load_study(project / "config/licorice.yaml")


@pytest.fixture(scope="module")
def ran(study, reference, tmp_path_factory):
    path = reference / "licorice" / "licorice.csv"
    if not path.exists():
        pytest.skip(f"{path.name} is not here; data/raw/licorice/README.md says where it comes from")
    return run_stages(study, tmp_path_factory.mktemp("keys"), raw=path)


def test_every_line_is_a_patient_and_time_is_in_hours(ran):
    assert len(ran.cleaned.tables["patients"]) == 235
    assert ran.frame["patient"].nunique() == 233  # two have no rating at all
    assert ran.frame.groupby("visit")["hour"].unique().map(list).to_dict() == {v: [h] for v, h in HOURS.items()}
    assert ran.frame["baseline"].isna().all()


def test_any_sore_throat_at_30_minutes(ran):
    rows = ran.frame[ran.frame["visit"] == "min_30"]
    counts = (rows["value"] > 0).groupby(rows["arm"]).agg(["sum", "size"])
    assert counts.loc["licorice"].tolist() == [22, 117]
    assert counts.loc["sugar_water"].tolist() == [42, 116]


@pytest.mark.parametrize("visit", RISK_RATIOS)
def test_risk_ratio_of_any_sore_throat(ran, visit):
    rows = ran.frame[ran.frame["visit"] == visit].assign(any=lambda one: (one["value"] > 0).astype(int))
    found = g_computation(rows, "any", "arm", "any ~ arm", "ge", reference="sugar_water").set_index("quantity")
    assert found.loc["risk_ratio", ["estimate", "low", "high"]].tolist() == pytest.approx(RISK_RATIOS[visit], abs=6e-5)


@pytest.mark.parametrize("visit", HOURS)
def test_complete_data_give_the_difference_of_means_and_their_t_test(ran, visit):
    """Nobody with a rating misses another, so that each visit of the unstructured model is a two-sample t test."""
    results = ran.results("pain")
    row = results[(results["quantity"] == "difference") & (results["visit"] == visit)].iloc[0]
    values = ran.frame[ran.frame["visit"] == visit].groupby("arm")["value"].apply(list)
    test = stats.ttest_ind(values["licorice"], values["sugar_water"])
    assert row["estimate"] == pytest.approx(sum(values["licorice"]) / 117 - sum(values["sugar_water"]) / 116, abs=1e-9)
    assert (row["statistic"], row["df"]) == pytest.approx((test.statistic, test.df), abs=1e-4)
    assert row["favours"] == "licorice"


def test_figures_and_report_do_without_a_baseline(ran, study, project, tmp_path):
    released, labels = ran.released(), Labels(study)
    words = write_figures(released, labels, tmp_path)
    assert {"flow", "forest", "trajectories", "distributions", "missingness", "diagnostics"} <= set(words)
    assert "Means at baseline are observed" not in words["trajectories"]["caption"]
    made = {name: table for name, make in tables().items() if (table := make(released, labels)) is not None}
    text = report_text(labels, released, made, words, software=["x 1"], templates=project / "workflow/report")
    assert "30 minutes" in text
    assert "sore throat at rest at baseline" not in text.lower()
