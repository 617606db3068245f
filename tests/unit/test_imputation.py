"""Imputation: what a delta is, thresholds, which clusters leave whole, and replicates that keep an assumption's shift."""

import numpy as np
import pandas as pd
import pytest
from made_trials import effects
from scipy import stats
from test_missing_data import frame, of, of_clinics, run

from needling.analysis.imputation import Trial, accumulated, impute
from needling.analysis.missing_data import _round_step
from needling.mixed.fit import fit_mixed
from needling.mixed.means import fixed_matrix

# ---------------------------------------------------------------- what a delta is


def test_shifts_add_up_as_rbmi_prints_them():
    """rbmi's delta 5 6 7 8 with dlag 1 2 3 4, and 3 points a week over gaps of 1, 4, 1 and 3 weeks; lost from visit 2 or 3."""
    seen = np.array([[True, False, False, False], [True, True, False, False]])
    lagged = accumulated(seen, np.array([5.0, 6, 7, 8]), np.array([1.0, 2, 3, 4]))
    assert lagged.tolist() == [[0, 6, 20, 44], [0, 0, 7, 23]]
    weekly = accumulated(seen[:1], np.array([1.0, 4, 1, 3]), np.full(4, 3.0))
    assert weekly.tolist() == [[0, 12, 15, 24]]
    back = np.array([[False, True, False, False]])  # missed, measured, lost
    assert accumulated(back, np.array([1.0, 4, 1, 3]), np.ones(4)).tolist() == [[1, 0, 1, 4]]
    assert accumulated(back, np.ones(4), np.eye(4)[0]).tolist() == [[1, 0, 1, 1]]


def test_points_per_week_are_points_times_the_weeks_since_the_last_measured_visit():
    data = frame(80, seed=4, missing=0)
    gone = data["patient"].str[1:].astype(int) % 10 < 3
    data = data[~(gone & data["visit"].isin(["week_4", "week_8"]))]  # measured at week 2: two weeks missed at week 4
    plain, weekly = (run(data, methods=["mar"], delta_in=one).tables for one in ("points", "points_per_week"))
    left, right = plain["tipping_points"], weekly["tipping_points"]
    np.testing.assert_allclose(left["delta"], 2 * right["delta"], rtol=1e-9)
    np.testing.assert_allclose(left["mean_then"], right["mean_then"], rtol=1e-9)
    np.testing.assert_allclose(right["mean_then"], right["mean"] + 2 * right["delta"], rtol=1e-9)
    assert left["delta"].notna().any()
    assert left["n"].tolist() == right["n"].tolist()
    assert set(right["unit"]) == {"points per week"}
    assert set(left["unit"]) == {"points"}
    sd = data.loc[data["visit"] == "week_4", "value"].std()
    assert sd <= weekly["tipping"]["delta_arm"].max() < 2.5 * sd  # two weeks of it are two standard deviations or more
    said = weekly["methods"].query("item == 'model' or item == 'missing'")["text"]
    assert said.str.contains("for each week since the patient's last measured visit").any()


# ---------------------------------------------------------------- thresholds, and which of two


def test_ten_clusters_leave_whole_and_nine_do_not():
    ten, nine = (effects(run(of_clinics(54, count), left_out_whole=["clinic"], methods=["mar"])) for count in (10, 9))
    assert set(ten["n_clinics"]) == {10}
    assert set(ten["df"]) == {9}
    assert nine["n_clinics"].isna().all()
    assert nine["note"].str.contains("ignores clinics").all()


def test_of_two_kinds_of_clusters_the_one_with_fewer_leaves_and_none_that_a_patient_changes():
    data = frame(72, missing=0.1)
    number = data["patient"].str[1:].astype(int)
    clinic = number // 2 % 12
    data = data.assign(clinic="C" + clinic.astype(str), therapist="T" + (2 * clinic + number // 24 % 2).astype(str))
    found = effects(run(data, left_out_whole=["therapist", "clinic"], methods=["mar"]))
    assert set(found["n_clinics"]) == {12}
    assert found["n_therapists"].isna().all()
    other = (number + data["visit"].eq("week_4")) % 24  # somebody else at week 4
    moved = run(data.assign(therapist="T" + other.astype(str)), left_out_whole=["therapist"], methods=["mar"])
    assert effects(moved)["n_therapists"].isna().all()
    assert effects(moved)["note"].str.contains("ignores therapists").all()


def test_p_is_two_sided():
    row = of(run(frame(40), methods=["mar"]), "mar")
    assert row["p"] == pytest.approx(2 * stats.t.sf(abs(row["estimate"] / row["se"]), row["df"]), rel=1e-9)


def test_an_arm_with_one_patient_at_a_visit_is_not_estimated_there_and_with_two_it_is():
    data = frame(40, missing=0)
    needled = data.loc[data["arm"] == "dry_needling", "patient"].unique()
    for few, status in ((1, "not_estimated"), (2, "converged")):
        away = data["patient"].isin(needled[few:]) & (data["visit"] == "week_8")
        found = effects(run(data[~away], methods=["mar"], adjust=[]))
        assert set(found.loc[["week_8"], "status"]) == {status}
        assert set(found.loc[["week_4"], "status"]) == {"converged"}


def test_the_point_next_to_zero_is_named_with_the_mean_that_it_gives():
    """Between no shift and the point the conclusion stays; beyond the far side of the same arm it may change again."""
    found = run(frame(120, seed=4, missing=0.25), methods=["mar"], variance="frequentist")
    surface, points = found.tables["tipping"], found.tables["tipping_points"]
    points = points[points["delta"].notna()]
    assert set(points["at_zero"]) == {"significant"}
    for point in points.to_dict("records"):
        moved, still = "delta_arm", "delta_reference"
        if point["shifted"] == "usual_care":
            moved, still = still, moved
        along = surface[surface[still] == 0]
        estimate = np.polyfit(along[moved], along["estimate"], 1)
        variance = np.polyfit(along[moved], along["se_frequentist"] ** 2, 2)
        zero = along[along[moved] == 0].iloc[0]
        reach = (zero["high"] - zero["estimate"]) / zero["se_frequentist"]
        between = np.linspace(0, 0.999 * point["delta"], 50)
        assert (np.abs(np.polyval(estimate, between)) > reach * np.polyval(variance, between) ** 0.5).all()
        assert point["mean_then"] == pytest.approx(point["mean"] + point["delta"])


def test_the_surface_reaches_two_standard_deviations_in_round_steps():
    data = frame(120, seed=4, missing=0.25)
    surface = run(data, methods=["mar"]).tables["tipping"]
    deltas = np.sort(surface["delta_arm"].unique())
    sd = data.loc[data["visit"] == "week_4", "value"].std()
    assert len(deltas) == 21
    assert 2 * sd <= deltas[-1] < 5 * sd
    step = deltas[-1] / 10
    assert f"{step:.0e}"[0] in "125"
    assert [_round_step(one) for one in (0.011, 0.02, 0.3, 0.6, 3.0)] == pytest.approx([0.02, 0.02, 0.5, 1.0, 5.0])


def test_the_order_of_the_assumptions_changes_nothing():
    data = frame(60, seed=8, missing=0.3)
    one, other = (run(data, methods=names) for names in (["mar", "jump_to_reference"], ["jump_to_reference", "mar"]))
    for counted in (True, False):
        for method in ("mar", "jump_to_reference"):
            first, second = of(one, method, counted=counted), of(other, method, counted=counted)
            np.testing.assert_allclose(
                first[["estimate", "se"]].astype(float), second[["estimate", "se"]].astype(float)
            )


def test_without_a_unit_each_assumption_keeps_its_shift_and_means_are_those_of_the_average_patient():
    """Information-anchored replicates lie around the estimate itself; an arm's mean is its own at everybody's covariate."""
    rng = np.random.default_rng(2)
    n = 40
    arm, x = np.arange(n) % 2, rng.normal(size=n)
    table = pd.DataFrame({"patient": [f"P{i:02d}" for i in range(n)], "arm": pd.Categorical(arm), "x": x})
    grid = table.merge(pd.DataFrame({"visit": ["a", "b"]}), how="cross")
    value = grid["x"] - 2.0 * (grid["arm"].astype(int) * grid["visit"].eq("b")) + rng.normal(size=2 * n)
    lost = grid["visit"].eq("b") & grid["patient"].isin(table["patient"][:10])
    grid["value"] = value.mask(lost)
    formula = "value ~ x * visit + arm * visit"
    fit = fit_mixed(formula, grid.dropna(), subject="patient", residual="unstructured(visit)")
    under = [grid.assign(arm=pd.Categorical([one] * len(grid), [0, 1])) for one in (0, 1)]
    columns = np.stack([fixed_matrix(fit.model.design, one).reshape(n, 2, -1) for one in under])
    who = table["patient"].to_numpy()
    trial = Trial(grid["value"].to_numpy().reshape(n, 2), arm, who, columns, x[:, None], who)
    found = impute(trial, fit, ["mar", "jump_to_reference"], np.array([[-1.0, 1.0]]))
    apart = found.estimate[1, 1, 0] - found.estimate[0, 1, 0]
    centre = found.information_anchored[:, 1, 1, 0].mean()
    assert abs(apart) > 0.1
    assert abs(centre - found.estimate[1, 1, 0]) < 0.1 * abs(apart)
    y = grid["value"].to_numpy().reshape(n, 2)[:, 0]
    slope = np.linalg.lstsq(np.column_stack([np.ones(n), arm, x]), y, rcond=None)[0][2]
    for one in (0, 1):
        expected = y[arm == one].mean() - slope * (x[arm == one].mean() - x.mean())
        assert found.estimate[0, 0, 1 + one] == pytest.approx(expected)
