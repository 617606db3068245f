"""Tables say what they hold: words in every cell, the numbers of the released rows, and nothing that is hidden."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from made_results import plan, shown, single_arm_plan, three_arms_plan, trial_plan
from printed_numbers import uneven

from needling.labels.numbers import MISSING, decimals, format_fixed, format_p
from needling.schema.stored import write_table
from needling.tables.make import tables, write_tables
from needling.tables.printed import Printed, Told, markdown_table, without_empty_columns
from needling.tables.select import comparisons, primary
from needling.tables.summary import primary_lines
from needling.tables.withheld import HIDDEN

TABLES = tables()
STUDIES = [plan, trial_plan, single_arm_plan, three_arms_plan]


def table(name, make, change=None, per_arm=60):
    released, labels = shown(make, per_arm)
    if change:
        change(released)
    return TABLES[name](released, labels)


@pytest.mark.parametrize("make", STUDIES)
@pytest.mark.parametrize("name", TABLES)
def test_cells_are_words_and_numbers_for_people(name, make):
    made = table(name, make)
    if made is None:
        return
    assert made.caption.endswith(".")
    assert all(made.head), "a column without a head is none for a screen reader"
    for row in [made.head, *made.rows]:
        assert len(row) in (1, len(made.head))
        for cell in row:
            assert "_" not in cell, cell
            assert "nan" not in cell.lower().split(), cell
            assert "None" not in cell.split() or name == "cross_check", cell
    assert sum(made.widths) == pytest.approx(1)


def stopped_plan():
    return plan(
        events={"status": {"columns": {"date": "d", "reason": "r"}}},
        intercurrent_events={"stopped": {"label": "Stopped early", "table": "status", "where": {"reason": ["left"]}}},
        estimands={},
        analyses={"primary": {"kind": "ancova", "outcomes": ["pain"], "visits": ["week_4"]}},
        families={},
    )


def hide_first(released):
    rows = released["intercurrent"].index[:1]
    released["intercurrent"].loc[rows, ["n", "n_measured"]] = pd.NA
    released["intercurrent"].loc[rows, "hidden"] = "few_people"


def test_intercurrent_events_are_counted_by_arm_and_visit_beside_who_was_measured():
    made = table("intercurrent", stopped_plan)
    exact = made.exact.set_index(["cohort", "outcome", "event", "visit", "arm"])
    at = made.rows.index(["Myofascial pain: pain intensity"])
    assert [row[0] for row in made.rows[at + 1 : at + 9]] == [
        *(f"Stopped early, week {week}" for week in (2, 4, 8, 12)),
        *(f"None of these, week {week}" for week in (2, 4, 8, 12)),
    ]
    for row, visit in zip(made.rows[at + 5 : at + 9], ("week_2", "week_4", "week_8", "week_12"), strict=True):
        for cell, arm in zip(row[1:], ("usual_care", "dry_needling"), strict=True):
            mine = exact.loc[("myofascial", "pain", "", visit, arm)]
            assert cell == f"{mine['n']} ({mine['n_measured']})"
            assert mine["n"] == 60
    hidden = table("intercurrent", stopped_plan, hide_first)
    assert hidden.rows[at + 1][1] == "‡"
    assert "‡" in " ".join(hidden.notes)


@pytest.mark.parametrize("make", STUDIES)
@pytest.mark.parametrize("name", ["primary", "visits", "secondary", "coefficients"])
def test_every_printed_result_is_the_number_of_its_row(name, make):
    made = table(name, make)
    if made is None:
        return
    results = shown(make)[0]["results"].set_index("row_id")
    told = [cell for row in made.rows for cell in row if isinstance(cell, Told)]
    assert told
    for cell in told:
        row = results.loc[cell.row_id]
        if cell.column == "estimate low high":
            digits = len(cell.split(" ")[0].partition(".")[2])
            numbers = [format_fixed(row[c], digits) for c in ("estimate", "low", "high")]
            assert cell == f"{numbers[0]} ({numbers[1]} to {numbers[2]})"
            assert abs(digits - decimals(row["low"], row["high"])) <= 1
        elif cell.column in ("p", "p_adjusted"):
            assert cell == format_p(row[cell.column], name=False)
        elif cell.column == "n_patients":
            assert cell == str(row["n_patients"])
        elif cell.column == "estimate":
            assert float(cell.replace("−", "-")) == pytest.approx(row["estimate"], abs=0.51)


@pytest.mark.parametrize("make", STUDIES)
@pytest.mark.parametrize("name", TABLES)
def test_a_column_has_one_number_of_decimals(name, make):
    """One interval is made much wider than the others, and one much narrower, as small and large cohorts have them."""
    released = shown(make)[0]
    results = released["results"]
    for at, factor in ((0, 12), (1, 0.1)):
        mine = results.index[results["low"].notna()][at::7]
        for end in ("low", "high"):
            estimate = results.loc[mine, "estimate"]
            results.loc[mine, end] = estimate + factor * (results.loc[mine, end] - estimate)
    made = TABLES[name](released, shown(make)[1])
    if made is not None:
        assert uneven(made, results.set_index("row_id")) == {}


def test_primary_table_has_a_row_per_comparison():
    made = table("primary", plan)
    rows = [row for row in made.rows if len(row) > 1]
    assert len(rows) == 6
    assert [row[0] for row in made.rows if len(row) == 1] == ["Myofascial pain", "Fibromyalgia", "Sports injury"]
    exact = comparisons(made.exact)
    wanted = primary(shown(plan)[0])
    assert sorted(exact["row_id"]) == sorted(wanted["row_id"])
    assert set(wanted["visit"]) == {"week_4"}


def test_means_stand_under_their_own_arm():
    """Needling is the better arm here: lower pain."""
    made = table("primary", plan)
    assert made.head[1:3] == ["Usual care", "Dry needling"]
    for row in [row for row in made.rows if row[0] == "Pain intensity"]:
        assert float(row[2]) < float(row[1])
        assert float(row[2]) - float(row[1]) == pytest.approx(float(row[3].split()[0].replace("−", "-")), abs=0.02)


def test_three_arms_are_named_in_pairs():
    made = table("primary", three_arms_plan)
    labels = [row[0] for row in made.rows]
    assert labels == [
        "Function, sham against usual care",
        "Function, dry needling against usual care",
        "Function, dry needling against sham",
    ]


def test_means_of_three_arms_have_a_table_of_their_own_with_who_was_measured():
    """Beside three pairs there is no place for them, and a reader who knows differences alone knows no level."""
    made = table("marginal_means", three_arms_plan)
    labels = shown(three_arms_plan)[1]
    assert [row[0] for row in made.rows if len(row) > 1] == [labels.arm(arm) for arm in three_arms_plan().arms]
    assert made.head == ["Arm", "Marginal mean (95% CI)", "n"]
    exact = made.exact.set_index("arm")
    for (_, text, n), arm in zip(made.rows[1:], three_arms_plan().arms, strict=True):
        row = exact.loc[arm]
        digits = decimals(row["low"], row["high"])
        assert text == f"{row['estimate']:.{digits}f} ({row['low']:.{digits}f} to {row['high']:.{digits}f})"
        assert n == str(row["measured"])
    means = dict(zip(exact.index, exact["estimate"], strict=True))
    difference = primary(shown(three_arms_plan)[0])
    for row in difference[difference["visit"].eq("week_4")].to_dict("records"):
        assert means[row["arm"]] - means[row["reference"]] == pytest.approx(row["estimate"], abs=1e-6)
    assert table("marginal_means", plan) is None


def test_a_mean_or_number_of_few_is_not_printed_and_the_table_says_why():
    def hide(released):
        results, measured = released["results"], released["distribution"]
        first = results.index[results["quantity"].eq("mean") & results["visit"].eq("week_4")][0]
        results.loc[first, "hidden"] = "few_people"
        rows = measured["visit"].eq("week_4") & measured["arm"].eq("sham")
        measured.loc[rows, ["n", "hidden"]] = [pd.NA, "few_people"]

    made = table("marginal_means", three_arms_plan, hide)
    assert [row[1] == HIDDEN for row in made.rows[1:]] == [True, False, False]
    assert [row[2] == HIDDEN for row in made.rows[1:]] == [False, True, False]
    assert made.notes[-1].startswith(HIDDEN)


def test_a_course_begins_with_the_mean_at_the_first_visit():
    made = table("primary", single_arm_plan, per_arm=200)
    first, second, *_ = (row for row in made.rows if len(row) > 1)
    assert first[0].endswith(", baseline")
    assert first[1] not in {"", "–"}
    assert first[2] == "–"
    assert second[2] != "–"
    assert made.head[1:] == ["Mean", "Change from baseline (95% CI)", "P", "n"]


def test_patients_analysed_and_left_out_add_up():
    made = table("participants", plan)
    exact = made.exact.set_index(["cohort", "arm"])
    allocated = exact.loc[exact["stage"] == "allocated", "n"]
    ends = exact[exact["stage"] != "allocated"].groupby(["cohort", "arm", "outcome"])["n"].sum()
    assert (ends == allocated.reindex(ends.index.droplevel("outcome")).to_numpy()).all()
    assert made.head == ["Outcome", "Arm", "Allocated", "Analysed", "Left out"]


def test_change_scores_are_named_once():
    def change(released):
        results = released["results"]
        rows = results["analysis"].eq("week_12") & results["quantity"].eq("difference")
        results.loc[rows, ["quantity", "variant"]] = "change", "change_score"

    labels = {str(row[0]) for row in table("secondary", plan, change, 200).rows}
    named = {one for one in labels if "change" in one}
    assert named
    assert all(one.endswith(", change scores") and one.count("change") == 1 for one in named)


def test_the_only_other_visit_is_named():
    assert "at the other visits" in table("visits", plan).caption

    def keep_two(released):
        released["results"] = released["results"].query("visit in ('week_4', 'week_8', '')")

    assert table("visits", plan, keep_two).caption.endswith(" at week 8.")


def test_n_of_a_mixed_model_is_said_to_be_its_patients():
    assert "n: patients in the model, each measured at least once" in " ".join(table("primary", plan).notes)
    assert "patients in the model" not in " ".join(table("secondary", plan).notes)


def test_the_sign_of_what_is_reported_as_improvement_is_told_where_it_is_turned_and_where_it_is_not():
    notes = " ".join(table("primary", trial_plan).notes)
    assert "reported as improvement, so that a positive difference is better" in notes
    assert "improvement" not in " ".join(table("primary", plan).notes)
    assert any("only comparisons have their sign turned" in one for one in table("coefficients", trial_plan).notes)
    assert not any("sign turned" in one for one in table("coefficients", plan).notes)


def test_covariates_whose_coefficients_are_not_printed_are_named():
    released, labels = shown(trial_plan, 60)
    settings = labels.plan.analyses[labels.plan.primary]
    told = "Of acupuncturist, whose levels are people or places, no coefficient is printed."
    assert told not in TABLES["coefficients"](released, labels).notes
    column = next(iter(labels.plan.patients.covariates.values())).model_copy(
        update={"label": "Acupuncturist", "kind": "code"}
    )
    labels.plan.patients.covariates["acupuncturist"] = column
    settings.adjust.append("acupuncturist")
    assert told in TABLES["coefficients"](released, labels).notes


def test_heading_of_the_coefficients_counts_the_clusters():
    def with_clusters(released):
        released["results"]["n_therapists"], released["results"]["n_clinics"] = 24, 1

    heading = table("coefficients", plan, with_clusters).rows[0][0]
    assert heading.endswith(" measurements, 24 therapists, 1 clinic)")
    assert "therapist" not in table("coefficients", plan).rows[0][0]


def test_standardised_differences_stand_with_their_interval_and_direction():
    made = table("standardised", plan)
    rows = [row for row in made.rows if len(row) > 1]
    assert set(made.exact["analysis"]) == {"primary"}
    assert len(rows) == len(made.exact) == 3 * 2 * 4
    for row, exact in zip(rows, made.exact.to_dict("records"), strict=True):
        low, high = exact["estimate"] - exact["low"], exact["high"] - exact["estimate"]
        assert low == pytest.approx(high)
        told = [float(word.strip("()").replace("−", "-")) for word in row[1].split() if word != "to"]
        assert told == pytest.approx([exact["estimate"], exact["low"], exact["high"]], abs=0.0051)
    assert made.notes[1].startswith("A negative g is better: pain intensity (myofascial pain), ")
    assert made.notes[2] == "A positive g is better: function (sports injury)."
    assert (made.section, made.folded) == ("primary", True)
    assert table("standardised", single_arm_plan) is None


def test_what_is_hidden_has_a_mark_and_one_sentence():
    def hide(released):
        results = released["results"]
        rows = (results["outcome"] == "days") & results["quantity"].isin(["difference", "mean"])
        results.loc[rows, ["estimate", "se", "low", "high", "p", "df"]] = np.nan
        results.loc[rows, "hidden"] = "few_events"

    made = table("primary", trial_plan, hide)
    row = next(row for row in made.rows if row[0] == "Days with headache")
    assert row[1:5] == ["‡", "‡", "‡", "–"]
    assert [note for note in made.notes if note.startswith("‡")] == [
        "‡ Not shown, because it would tell of few events."
    ]
    assert not [note for note in table("primary", trial_plan).notes if "‡" in note]


def test_a_margin_is_said_with_its_test():
    def non_inferior(released):
        rows = released["results"]["quantity"] == "difference"
        released["results"].loc[rows, "framework"] = "non_inferiority"
        released["results"].loc[rows, "margin"] = 1.5

    notes = " ".join(table("primary", trial_plan, non_inferior).notes)
    assert "non-inferiority with a margin of 1.5 points; P is one-sided" in notes
    assert "with a margin" not in " ".join(table("primary", trial_plan).notes)


def test_cleaning_table_counts_by_rule():
    def cleaned(released):
        released["cleaning"] = pd.DataFrame(
            {
                "rule": ["dates", "duplicates", "duplicates"],
                "version": 1,
                "sentence": ["Dates.", "Duplicates.", "Duplicates."],
                "action": ["corrected", "dropped", "dropped"],
                "table": ["", "visits", "outcomes"],
                "n": pd.array([30, 20, None], dtype="Int64"),
                "hidden": ["", "", "few_people"],
            }
        )

    made = table("cleaning", plan, cleaned)
    assert made.rows == [["Dates.", "30 corrected"], ["Duplicates.", "‡ lines taken out"]]
    assert made.notes[-1].startswith("‡ Not shown")


def test_baseline_table_says_how_many_have_a_value_where_somebody_has_none():
    def fewer(released):
        mine = released["baseline"]["variable"] == "age"
        released["baseline"].loc[mine & (released["baseline"]["arm"] == "usual_care"), "n"] = 45

    first = next(row for row in table("baseline", plan, fewer).rows if row[0].startswith("Age"))
    assert first[0] == "Age, years (n = 45, 60)".replace("n = 45, ", "n\u00a0=\u00a045,\u00a0")
    assert next(row for row in table("baseline", plan).rows if row[0].startswith("Age"))[0] == "Age, years"


def test_skewed_numbers_have_quartiles():
    def skew(released):
        mine = released["baseline"]["variable"] == "age"
        released["baseline"].loc[mine, ["mean", "median", "sd", "q25", "q75"]] = [43.0, 38.0, 11.2, 35.0, 51.0]

    first = next(row for row in table("baseline", plan, skew).rows if row[0].startswith("Age"))
    assert first[1:3] == ["38.0 (35.0 to 51.0)"] * 2


def test_studies_without_something_have_no_table_for_it(tmp_path):
    written = write_tables(*shown(single_arm_plan, 200), tmp_path)
    assert set(written) == {"participants", "baseline", "observed", "primary", "coefficients"}
    assert sorted(path.stem for path in tmp_path.iterdir()) == sorted(written)


def test_assumptions_stand_below_the_analysis_they_are_about():
    made = table("assumptions", trial_plan, per_arm=200)
    results = shown(trial_plan, 200)[0]["results"].set_index("row_id")
    labels = [row[0] for row in made.rows]
    assert labels == [
        "Headache severity score", "Published analysis", "Missing at random", "Jump to reference", "Copy reference",
        "Copy increments in reference",
    ]  # fmt: skip
    for row, variant in zip(
        made.rows[2:], ["mar", "jump_to_reference", "copy_reference", "copy_increments"], strict=True
    ):
        one = results.loc[row[1].row_id]
        assert (one["variant"], one["variance"], one["visit"]) == (variant, "information_anchored", "month_12")
        if variant == "mar":  # has one variance, which is not printed twice
            assert row[3:5] == [MISSING, MISSING]
        else:
            other = results.loc[row[3].row_id]
            assert (other["variant"], other["variance"]) == (variant, "frequentist")
        assert row[2] == format_p(one["p"], name=False)
    assert results.loc[made.rows[1][1].row_id, "analysis"] == "primary"


def test_missing_at_random_and_the_analysis_itself_are_explained_where_they_disagree():
    def spoil(released, held=True):
        results = released["results"]
        itself = results["analysis"].eq("primary") & results["visit"].eq("month_12")
        itself &= results["quantity"].eq("difference")
        at_random = (
            results["variant"].eq("mar") & results["visit"].eq("month_12") & results["quantity"].eq("difference")
        )
        numbers = ["estimate", "se", "df", "low", "high"]
        results.loc[itself, numbers] = [-4.0, 1.5, 113.2, -7.0, -1.0]
        results.loc[itself, "status"] = "singular"
        results.loc[at_random, numbers] = [-3.6, 1.9, 9.0, -7.9, 0.7] if held else [-3.6, 1.1, 9.0, -6.1, -1.1]
        results.loc[at_random, "n_clinics"] = 10

    notes = table("assumptions", trial_plan, spoil, per_arm=200).notes
    told = [one for one in notes if "one interval holds 0" in one]
    assert told == [
        "Headache severity score: missing at random and published analysis assume the same of those not measured, yet one interval "
        "holds 0 and the other does not. The estimates are 0.40 points apart; the standard error is 1.90 beside 1.50, its degrees "
        "of freedom 9 beside 113, since it leaves out 10 clinics whole and the model of the analysis itself estimated a variance "
        "as zero and its standard error knows nothing of it. Where they disagree the data decide little either way."
    ]
    agreed = table("assumptions", trial_plan, lambda released: spoil(released, held=False), per_arm=200).notes
    assert not any("one interval holds 0" in one for one in agreed)


def test_where_conclusions_change_is_said_with_direction_and_what_was_seen():
    def spoil(released):
        points, seen = released["tipping_points"], released["distribution"]
        mine = points["method"].eq("mar") & points["shifted"].eq("dry_needling")
        points.loc[mine, ["delta", "at_zero", "n"]] = [None, "significant", 9]
        points.loc[mine & points["side"].eq("above"), ["delta", "mean", "mean_then"]] = [12.0, 30.0, 42.0]
        other = points["method"].eq("mar") & points["shifted"].eq("usual_care")
        points.loc[other, ["delta", "mean_then", "at_zero"]] = [-500.0, -460.0, "not_significant"]
        seen.loc[seen["visit"].eq("month_12") & seen["arm"].eq("dry_needling"), ["q10", "q90"]] = [20.0, 41.0]

    rows = {row[0]: row for row in table("tipping_points", trial_plan, spoil, per_arm=200).rows}
    needling, usual = rows["Dry needling"][-1], rows["Usual care"][-1]
    assert needling == (
        "Significant as imputed; no longer if they were 12.0 points worse (a mean of 42.0, beyond what was seen: 20.0 to 41.0)."
    )
    assert usual == "Not significant, whatever they had on the scale."


def test_the_lost_add_up_and_stand_beside_the_kept():
    released, _ = shown(trial_plan, 200)
    counts = released["dropout"].groupby("arm")["n"].sum()
    first = table("dropout", trial_plan, per_arm=200).rows[1]
    assert [cell.split()[0] for cell in first[2:]] == [str(counts["usual_care"]), str(counts["dry_needling"])]
    beside = released["lost"].iloc[0]
    row = table("lost", trial_plan, per_arm=200).rows[1]
    assert row[0] == "Value at baseline"
    assert row[1].startswith(format_fixed(beside["lost"], 1))
    assert row[2].startswith(format_fixed(beside["kept"], 1))
    assert row[3] == format_fixed(beside["standardised_difference"], 2)


def test_what_the_terminal_shows_has_a_p_of_tests_in_a_family_or_of_a_single_one(tmp_path):
    released, labels = shown(plan, 60)
    results = released["results"]
    at = results["role"].eq("primary") & results["quantity"].eq("difference") & results["estimate"].notna()

    def lines(rows):
        write_table(rows, tmp_path / "results.parquet")
        told = primary_lines(labels.plan, tmp_path, tmp_path / "report.html")
        return [line for line in told if line.startswith("  ")]

    explored = lines(results.assign(p_adjusted=np.nan))
    assert len(explored) > 1
    assert not any("P " in line for line in explored)
    (alone,) = lines(results[at].head(1).assign(p_adjusted=np.nan))
    assert ", P " in alone
    assert "adjusted" not in alone
    adjusted = lines(results[at].assign(p_adjusted=0.04))
    assert all(line.endswith(f"adjusted {format_p(0.04)}") for line in adjusted)


def test_no_column_is_too_narrow_for_a_word_of_its_head():
    """The share that it lacks comes from columns with room to spare; where all have room, nothing changes."""
    head = ["Outcome", "Usual care", "Standardised difference"]
    rules = markdown_table(Printed("", pd.DataFrame(), head, [], widths=[0.7, 0.2, 0.1])).splitlines()[1]
    dashes = [cell.count("-") for cell in rules.strip("|").split("|")]
    assert dashes[2] >= 12
    assert sum(dashes) in (99, 100, 101)
    assert dashes[0] < 70
    wide = markdown_table(Printed("", pd.DataFrame(), head, [], widths=[0.5, 0.3, 0.2])).splitlines()[1]
    assert [cell.count("-") for cell in wide.strip("|").split("|")] == [50, 30, 20]


def test_a_column_in_which_no_row_has_anything_is_left_out_with_its_width_and_its_side():
    given = Printed(
        "Made.", pd.DataFrame(), ["Who", "Mean", "P", "Note"], [["Part"], ["a", MISSING, ".02", ""], ["b", "", MISSING, "x"]],
        widths=[0.4, 0.2, 0.2, 0.2], left=(0, 3),
    )  # fmt: skip
    made = without_empty_columns(given)
    assert (made.head, made.rows) == (["Who", "P", "Note"], [["Part"], ["a", ".02", ""], ["b", MISSING, "x"]])
    assert made.widths == pytest.approx([0.5, 0.25, 0.25])
    assert made.left == (0, 2)
    hidden = replace(given, rows=[["a", HIDDEN, ".02", "x"]])
    assert without_empty_columns(hidden) is hidden  # what is withheld is said, and stays
    nobody = replace(given, rows=[["", "", "", ""]])
    assert without_empty_columns(nobody).head == ["Who"]
