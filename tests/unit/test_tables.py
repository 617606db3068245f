"""Numbers as printed, and tables that say what they hold."""

import math

import pandas as pd
import pytest
from made_results import inputs, plan, single_arm_plan, trial_plan

from needling.tables import make_table, write_tables
from needling.tables.format import format_estimate, format_fixed, format_interval, format_p, format_power


@pytest.mark.parametrize(
    ("p", "text"),
    [
        (0.0000001, "P < .001"),
        (0.00095, "P < .001"),
        (0.001, "P = .001"),
        (0.0049, "P = .005"),
        (0.03, "P = .03"),
        (0.0499, "P = .050"),
        (0.0496, "P = .050"),
        (0.0491, "P = .049"),
        (0.0501, "P = .05"),
        (0.2, "P = .20"),
        (0.995, "P > .99"),
        (math.nan, "–"),
    ],
)
def test_p_values_follow_the_journals(p, text):
    assert format_p(p) == text


@pytest.mark.parametrize(
    ("numbers", "text"),
    [
        ((4.604, 2.16, 7.047), "4.6 (2.2 to 7.0)"),
        ((1.769, 0.682, 2.856), "1.8 (0.7 to 2.9)"),
        ((-0.9213, -1.3811, -0.4615), "−0.92 (−1.38 to −0.46)"),
        ((-6.8, -12.1, -1.4), "−6.8 (−12.1 to −1.4)"),
        ((151.2, 101.0, 201.4), "151 (101 to 201)"),
        ((0.0012, -0.0001, 0.0025), "0.001 (0.000 to 0.003)"),
    ],
)
def test_digits_follow_the_width_of_the_interval(numbers, text):
    estimate, low, high = numbers
    assert f"{format_estimate(estimate, low, high)} ({format_interval(low, high)})" == text


def test_missing_numbers_and_rounded_zeros_have_no_sign():
    assert format_fixed(-0.001, 1) == "0.0"
    assert format_fixed(math.nan, 1) == format_interval(math.nan, 1.0) == "–"
    assert format_interval(1.0, 2.0, 0.95) == "95% CI 1.00 to 2.00"
    assert format_power(3.2e-7) == "3 × 10⁻⁷"


def test_primary_table_has_a_row_per_contrast_and_no_raw_name():
    made = plan()
    tables = inputs(made)
    table = make_table("primary", tables, made)
    contrasts = [row for row in table.rows if len(row) > 1]
    assert len(contrasts) == 6
    assert [row[0] for row in table.rows if len(row) == 1] == ["Myofascial pain", "Fibromyalgia", "Sports injury"]
    assert not any("_" in cell for row in [table.head, *table.rows] for cell in row)
    exact = table.exact[table.exact["term"] == "effect"]
    wanted = tables["results"].query("analysis == 'primary' and visit == 'week_4' and term == 'effect'")
    assert exact["estimate"].tolist() == pytest.approx(wanted["estimate"].tolist())


def test_a_course_begins_with_the_mean_at_the_first_visit():
    made = single_arm_plan()
    table = make_table("primary", inputs(made, 200), made)
    first, second, *_ = (row for row in table.rows if len(row) > 1)
    assert first[0].endswith(", baseline")
    assert first[1] not in {"", "–"}
    assert first[2] == "–"
    assert second[2] != "–"


def test_patients_analysed_and_left_out_add_up():
    made = plan()
    table = make_table("participants", inputs(made, 2000), made)
    exact = table.exact.set_index(["cohort", "arm"])
    allocated = exact.loc[exact["stage"] == "allocated", "n"]
    ends = exact[exact["stage"] != "allocated"].groupby(["cohort", "arm", "outcome"])["n"].sum()
    assert (ends == allocated.reindex(ends.index.droplevel("outcome")).to_numpy()).all()
    assert table.head == ["Outcome", "Arm", "Allocated", "Analysed", "Left out"]
    assert any("no measurement at baseline: " in row[-1].lower() for row in table.rows if len(row) > 1)
    assert not any("_" in cell for row in table.rows for cell in row)


def test_the_only_other_visit_is_named():
    made = plan()
    tables = inputs(made)
    assert "at the other visits" in make_table("visits", tables, made).caption
    results = tables["results"]
    other = next(visit for visit in results["visit"].dropna() if visit and visit != made.visits.primary)
    kept = {
        name: table[table["visit"].isin([made.visits.primary, other])] if name == "results" else table
        for name, table in tables.items()
    }
    caption = make_table("visits", kept, made).caption
    assert "other visits" not in caption
    assert made.visit_label(other).lower() in caption


def test_numbers_analysed_do_not_tell_how_few_were_not():
    made = plan()
    tables = inputs(made)
    minimum = made.disclosure.min_cell
    for name in ("primary", "visits", "secondary"):
        exact = make_table(name, tables, made).exact
        missing = 120 - exact["n_patients"].dropna().astype(int)
        assert not ((missing > 0) & (missing < minimum)).any()
        assert exact.loc[exact["n_patients"].isna(), "n_patients_shown"].str.match(r"≥\d+|‡").all()


def test_results_of_few_patients_are_not_shown():
    made = trial_plan()
    tables = inputs(made, 200)
    tables["results"].loc[tables["results"]["outcome"] == "days", ["n_patients", "n_observations"]] = 7
    table = make_table("primary", tables, made)
    row = next(row for row in table.rows if row[0] == "Days with headache")
    assert "not shown" in row
    hidden = table.exact[table.exact["outcome"] == "days"]
    assert hidden[["estimate", "se", "low", "high", "p", "df", "n_patients"]].isna().all(axis=None)


def test_small_levels_take_their_partner_with_them_in_the_baseline_table():
    made = plan()
    exact = make_table("baseline", inputs(made), made).exact
    sex = exact[exact["variable"] == "sex"]
    assert sex[["count", "percent", "standardised_difference"]].isna().all(axis=None)
    assert exact[exact["variable"] == "age"]["mean"].notna().all()


def test_cleaning_table_counts_lines_and_hides_few():
    """Forty values of one line were taken out with it: one line; numbers below the threshold are not shown."""
    audit = pd.DataFrame(
        {
            "rule": ["duplicates"] * 40 + ["dates"] * 30 + ["ranges"] * 3,
            "action": ["dropped"] * 40 + ["corrected"] * 30 + ["missing"] * 3,
            "table": ["outcomes"] * 40 + ["visits"] * 33,
            "file": "records.csv",
            "sheet": "",
            "line": [*range(2, 22), *range(2, 22), *range(50, 83)],
        }
    )
    exact = make_table("cleaning", {"audit": audit}, plan()).exact.set_index(["rule", "action"])["n_shown"]
    assert exact.to_dict() == {
        ("dates", "corrected"): "30",
        ("duplicates", "dropped"): "20",
        ("ranges", "missing"): "‡",
    }


def baseline_with(made, variable, counts):
    """Baseline table of the first cohort (60 per arm) where the arms have so many values of a characteristic."""
    tables = inputs(made)
    rows = (tables["baseline"]["variable"] == variable) & (tables["baseline"]["cohort"] == "myofascial")
    for arm, n in counts.items():
        tables["baseline"].loc[rows & (tables["baseline"]["arm"] == arm), "n"] = n
    first = next(iter(made.cohorts.values())).label
    table = make_table("baseline", tables, made)
    start = table.rows.index([first])
    return table, next(row for row in table.rows[start:] if row[0].lower().startswith(variable))


def test_baseline_table_says_how_many_have_a_value_where_somebody_has_none():
    made = plan()
    assert baseline_with(made, "age", {})[1][0] == "Age, years"
    assert baseline_with(made, "age", {"usual_care": 45, "dry_needling": 60})[1][0] == "Age, years (n = 45, 60)"
    assert baseline_with(made, "age", {"usual_care": 57, "dry_needling": 60})[1][0] == "Age, years (n ≥ 50, 60)"
    assert baseline_with(made, "sex", {"usual_care": 40, "dry_needling": 40})[1][0] == "Sex: female (n = 40, 40)"


def test_numbers_beside_a_hidden_n_are_printed_as_rounded():
    made = plan()
    table, row = baseline_with(made, "age", {"usual_care": 57})
    hidden = table.exact[(table.exact["variable"] == "age") & table.exact["n"].isna()]
    assert len(hidden) == 1
    assert row[1] == f"{hidden['mean'].item():.1f} (11.2)"
    assert any("rounded" in note for note in table.notes)
    assert not any("rounded" in note for note in make_table("baseline", inputs(made), made).notes)


def test_rounding_makes_no_distribution_look_skewed():
    made = plan()
    tables = inputs(made)
    mine = (tables["baseline"]["variable"] == "age") & (tables["baseline"]["cohort"] == "myofascial")
    tables["baseline"].loc[mine, ["n", "mean", "median", "sd", "q25", "q75"]] = [57, 43.0, 42.4, 11.2, 35.0, 51.0]
    shown = next(row for row in make_table("baseline", tables, made).rows if row[0].startswith("Age"))
    assert shown[1:3] == ["43.0 (11.2)"] * 2
    tables["baseline"].loc[mine, "median"] = 38.0
    shown = next(row for row in make_table("baseline", tables, made).rows if row[0].startswith("Age"))
    assert shown[1:3] == ["40 (35 to 50)"] * 2


def test_counts_stand_alone_where_percentages_would_tell_how_few_have_no_value():
    made = plan()
    tables = inputs(made)
    is_sex = (tables["baseline"]["variable"] == "sex") & (tables["baseline"]["arm"] == "usual_care")
    tables["baseline"].loc[is_sex, "n"] = 57
    tables["baseline"].loc[is_sex, "count"] = tables["baseline"].loc[is_sex, "level"].map({"female": 32, "male": 25})
    table = make_table("baseline", tables, made)
    row = next(row for row in table.rows if row[0].startswith("Sex: female"))
    assert row[1] == "32"
    assert row[3] == "–"


def test_patients_of_a_small_group_are_not_counted_in_the_heading():
    made = plan()
    tables = inputs(made)
    few = (tables["flow"]["stage"] == "allocated") & (tables["flow"]["cohort"] == "sports")
    tables["flow"].loc[few, "n"] = 7
    for name in ("baseline", "missingness"):
        tables[name].loc[tables[name]["cohort"] == "sports", {"baseline": "n", "missingness": "expected"}[name]] = 7
    table = make_table("baseline", tables, made)
    counts = [row[1:3] for row in table.rows if row[0] == "Patients"]
    assert counts == [["n = 60", "n = 60"], ["n = 60", "n = 60"], ["n = ‡", "n = ‡"]]


def test_n_of_a_mixed_model_is_said_to_be_its_patients():
    made = plan()
    tables = inputs(made)
    said = {name: " ".join(make_table(name, tables, made).notes) for name in ("primary", "secondary")}
    assert "n: patients in the model, each measured at least once" in said["primary"]
    assert "patients in the model" not in said["secondary"]


def test_heading_of_the_coefficients_counts_the_clusters():
    made = single_arm_plan()
    made.analyses["primary"].clusters.append("clinic")
    tables = inputs(made, 200)
    row = tables["results"].iloc[[0]].assign(term="coefficient", contrast="Intercept", n_clusters=7.0)
    tables["results"] = pd.concat([tables["results"], row], ignore_index=True)
    tables["flow"].loc[tables["flow"]["stage"] == "analysed", "n"] = row["n_patients"].item()
    tables["flow"] = tables["flow"][tables["flow"]["stage"] != "left_out"]
    n = row["n_patients"].item()
    heading = make_table("coefficients", tables, made).rows[0][0]
    assert heading.endswith(f"({n} patients, {3 * n} measurements, 7 clinics)")
    made.analyses["primary"].clusters.insert(0, "therapist")
    assert make_table("coefficients", tables, made).rows[0][0].endswith(f"{3 * n} measurements)")
    tables["results"]["note"] = "24 therapists, 7 clinics"
    assert make_table("coefficients", tables, made).rows[0][0].endswith(", 24 therapists, 7 clinics)")


def test_studies_without_something_have_no_table_for_it(tmp_path):
    made = single_arm_plan()
    written = write_tables(inputs(made, 200), made, tmp_path)
    assert set(written) == {"participants", "baseline", "observed", "primary"}
    assert sorted(path.stem for path in tmp_path.iterdir()) == sorted(written)
    assert written["primary"].head[1:] == ["Mean", "Change from baseline (95% CI)", "P", "n"]


def test_coefficients_of_few_people_are_left_out_with_the_reason():
    made = trial_plan()
    tables = inputs(made, 200)
    first = tables["results"].iloc[0]
    why = "a level of sex has fewer than 11 patients"
    rows = [
        ("Intercept", "suppressed", math.nan, why),
        ("sex a third", "suppressed", math.nan, why),
        ("age", "converged", 0.2, ""),
    ]
    new = [
        first.to_dict()
        | {"analysis": "primary", "term": "coefficient", "contrast": c, "status": s, "estimate": e, "note": n}
        for c, s, e, n in rows
    ]
    tables["results"] = pd.concat([tables["results"], pd.DataFrame(new)], ignore_index=True)
    table = make_table("coefficients", tables, made)
    assert [row[0] for row in table.rows if len(row) > 1] == ["age"]
    assert table.notes == [f"Left out are the intercept and coefficients that would tell about a few people: {why}."]
