"""The release line: what passes it under each rule, and what never does."""

import pandas as pd
import pytest
from made_release import ARMS, CELLS, TRIAL, about_missing, plan, study

from needling.release.line import release, release_side
from needling.release.rule import Limits
from needling.schema.released import RELEASED
from needling.schema.results import NUMBERS
from needling.study.keys import StudyError

CELL = 11


@pytest.fixture(scope="module")
def given():
    return study(1, 22)[0]


@pytest.fixture(scope="module")
def cells(given):
    return release(given, plan(CELLS))


@pytest.fixture(scope="module")
def trial(given):
    return release(given, plan(TRIAL))


def exact(released, given, columns):
    """Whether nothing of some columns was lost or changed."""
    return all(released[column].astype("float64").equals(given[column].astype("float64")) for column in columns)


def test_made_up_data_show_everything_unless_the_file_has_a_rule(given, cells):
    shown = release(given, plan({}, made_up=True))
    assert shown["withheld"].empty
    assert exact(shown["distribution"], given["distribution"], ["n", "mean", "sd", "q10", "q90", "floor"])
    assert exact(shown["results"], given["results"], [*NUMBERS, "n_events"])
    assert len(shown["survival"]) == len(given["survival"])
    assert "rows" not in shown["codebook"].columns
    assert "fewest" not in shown["baseline"].columns
    assert not release(given, plan(CELLS, made_up=True))["withheld"].empty


def test_a_trial_shows_its_aggregates_exactly(given, trial):
    before = [*given["flow"]["n"], *given["people"].query("analysis == 'primary'")["n"]]
    assert trial["flow"]["n"].tolist() == before
    assert exact(trial["baseline"], given["baseline"], ["n", "mean", "sd", "median", "q25", "count", "percent"])
    assert exact(trial["results"].query("outcome == 'sick'"), given["results"].query("outcome == 'sick'"), ["n_events"])
    assert trial["cleaning"]["hidden"].eq("").all()
    assert set(trial["withheld"]["reason"]) <= {"own_value", "withheld"}
    shown = [
        "distribution",
        "residual_bins",
        "residual_quantiles",
        "results",
        "cross_check",
        "tipping",
        "tipping_points",
        "balance",
    ]
    # single values, a level of one person and what belongs to it, points of residuals, two people lost
    assert trial["withheld"]["section"].isin([*shown, "lost"]).all()
    assert trial["survival"]["estimate"].tolist() == given["survival"]["estimate"].tolist()


def test_cells_leave_a_trial_of_22_per_arm_its_result(given, cells):
    primary = cells["results"].query("analysis == 'primary' and quantity in ['difference', 'mean']")
    before = given["results"].loc[primary.index]
    assert primary["hidden"].eq("").all()
    assert exact(primary, before, [*NUMBERS, "n_patients", "n_observations"])
    assert primary["favours"].tolist() == before["favours"].tolist()
    stages = given["flow"].query("stage not in ['excluded']")
    shown = cells["flow"].query("stage not in ['excluded', 'analysed', 'left_out']")
    assert shown["n"].tolist() == stages["n"].tolist()
    assert cells["people"].query("analysis == 'primary' and stage == 'analysed'")["n"].notna().all()
    ages = cells["baseline"].query("variable == 'age'")
    assert ages[["n", "mean", "sd", "median"]].notna().all(axis=None)
    assert cells["missingness"]["measured"].tolist() == given["missingness"]["measured"].tolist()


def test_each_section_says_what_it_does_not_show(cells):
    told = cells["withheld"].set_index(["section", "reason"])["n"]
    for name in ("flow", "results", "baseline", "distribution"):
        assert (cells[name]["hidden"] != "").sum() == told[name].sum()
    assert told["results", "few_people"] > 0
    assert told["survival", "withheld"] > 0


@pytest.mark.parametrize("rule", [CELLS, TRIAL, {}])
def test_released_tables_keep_their_contracts(given, rule):
    shown = release(given, plan(rule, made_up=not rule))
    for name, contract in RELEASED.items():
        assert list(shown[name].columns)[: len(contract)] == list(contract), name
    assert "P-secret" not in str([table.to_csv() for table in shown.values()])


@pytest.mark.parametrize("rule", [CELLS, TRIAL, {}])
@pytest.mark.parametrize("column", ["patient", "clinic", "therapist"])
def test_a_row_per_person_or_place_is_refused_under_every_rule(given, rule, column):
    table = pd.DataFrame({"analysis": ["primary"], column: ["x"], "n": [100]})
    with pytest.raises(StudyError, match=f"table slopes: column {column}"):
        release(given | {"slopes": table}, plan(rule, made_up=not rule))


def test_a_side_table_that_counts_nobody_is_refused_and_one_that_counts_is_judged(given):
    table = pd.DataFrame({"analysis": ["primary"] * 3, "dose": ["a", "b", "c"], "mean": [1.0, 2.0, 3.0]})
    with pytest.raises(StudyError, match="table doses: no column n"):
        release(given | {"doses": table}, plan(TRIAL))
    shown = release(given | {"doses": table.assign(n=[10, 11, 2])}, plan(CELLS))["doses"]
    assert shown["mean"].isna().tolist() == shown["n"].isna().tolist() == [True, False, True]
    shown = release(given | {"doses": table.assign(n=[10, 11, 2])}, plan(TRIAL))["doses"]
    assert shown["hidden"].tolist() == ["", "", "own_value"]


@pytest.mark.parametrize(
    ("n", "mean", "sd", "median"),
    [(1, False, False, False), (2, True, False, False), (3, True, True, False), (4, True, True, True)],
)
def test_a_persons_own_value_is_never_shown(given, n, mean, sd, median):
    table = given["distribution"].head(1).assign(n=n, mean=4.0, sd=1.0, median=4.0, fewest=None)
    shown = release(given | {"distribution": table}, plan(TRIAL))["distribution"].iloc[0]
    assert [pd.notna(shown[name]) for name in ("mean", "sd", "median")] == [mean, sd, median]
    assert shown["n"] == n


@pytest.mark.parametrize(("n", "shown"), [(43, False), (44, True)])
def test_quantiles_need_the_smallest_cell_beyond_them(given, n, shown):
    table = given["distribution"].head(1).assign(n=n, q25=2.0, q10=1.0, q75=6.0, q90=8.0, fewest=None)
    one = release(given | {"distribution": table}, plan(CELLS))["distribution"].iloc[0]
    assert [pd.notna(one[name]) for name in ("q10", "q25", "q75", "q90")] == [False, shown, shown, False]
    assert pd.notna(one["median"])


@pytest.mark.parametrize(("rarest", "shown"), [(10, False), (11, True), (None, True)])
def test_a_number_of_few_values_is_a_category(given, rarest, shown):
    rows = (
        given["distribution"]
        .query("outcome == 'pain'")
        .assign(n=60, fewest=pd.array([rarest] * 6, dtype="Int64"), floor=0.5, ceiling=0.5)
    )
    given = given | {"distribution": rows}
    out = release(given, plan(CELLS))
    assert out["distribution"][["mean", "sd", "median", "floor", "ceiling"]].notna().all(axis=None) == shown
    results = out["results"].query("analysis == 'primary' and quantity in ['mean', 'difference']")
    assert results["estimate"].notna().all() == shown
    book = release(
        given | {"baseline": given["baseline"].query("variable == 'age'").assign(fewest=rarest)}, plan(CELLS)
    )
    assert book["baseline"][["mean", "sd"]].notna().all(axis=None) == shown
    assert book["baseline"]["standardised_difference"].notna().any() == shown


@pytest.mark.parametrize(
    ("events", "shown"),
    [
        ((11, 11), True),
        ((10, 11), False),
        ((11, 10), False),
        ((0, 11), True),
        ((49, 20), True),
        ((50, 20), False),
        ((60, 20), True),
    ],
)
def test_an_estimate_of_few_events_or_non_events_in_an_arm_is_withheld_with_what_compares_it(given, events, shown):
    rows = given["results"].query("outcome == 'sick'").assign(n_patients=[60, 60, 120])
    rows["n_events"] = pd.array([*events, sum(events)], dtype="Int64")
    for name in ("distribution", "baseline"):
        given = given | {name: given[name].assign(fewest=None)}
    out = release(given | {"results": rows}, plan(CELLS))["results"]
    fine = [n in {0, 60} or 11 <= n <= 49 for n in events]
    assert out["n_events"].notna().tolist() == [*fine, all(fine)]
    assert out["estimate"].notna().tolist() == out["low"].notna().tolist() == [*fine, all(fine)]
    assert all(fine) == shown
    assert out["n_patients"].tolist() == [60, 60, 120]
    alone = release(given | {"results": rows.tail(1)}, plan(CELLS))["results"]
    assert alone["hidden"].tolist() == ["few_events"]  # nobody says how many events each arm had


@pytest.mark.parametrize(("treated", "hidden"), [(0, ""), (3, "few_events"), (11, ""), (69, ""), (77, "few_events")])
def test_what_rests_on_whom_a_rule_treats_is_withheld_where_few_are_or_few_are_not(given, treated, hidden):
    common = {"arm": "", "reference": "", "n_patients": 80, "n_observations": 80, "n_events": pd.NA}
    split = common | {"n_events": treated}
    rows = [
        split | {"quantity": "share", "variant": "rule_in_folds", "estimate": treated / 80},
        split | {"quantity": "policy_value", "variant": "rule", "estimate": 3.1},
        split | {"quantity": "policy_gain", "variant": "over_none", "estimate": 0.4},
        common | {"quantity": "policy_value", "variant": "all", "arm": ARMS[1], "estimate": 3.0},
    ]
    like = given["results"].query("analysis == 'primary'").head(1).drop(columns=[*rows[0], "variant"])
    mine = pd.concat([like.assign(**row) for row in rows], ignore_index=True)[given["results"].columns]
    mine = mine.astype(given["results"].dtypes)
    after = release(given | {"results": mine}, plan(CELLS))["results"]
    assert after["hidden"].tolist() == [hidden] * 3 + [""]
    assert after["estimate"].isna().tolist() == [bool(hidden)] * 3 + [False]
    assert after["n_events"].isna().tolist() == [bool(hidden)] * 3 + [True]
    assert release(given | {"results": mine}, plan(TRIAL))["results"]["hidden"].eq("").all()


@pytest.mark.parametrize(("n", "shown"), [(10, False), (11, True), (21, True), (22, False), (34, False)])
def test_a_subset_must_not_tell_how_few_have_a_characteristic_or_lack_it(given, n, shown):
    people = given["people"].query("stage == 'analysed'").assign(n=[32, 33, n, n])
    flow = given["flow"].assign(n=given["flow"]["n"].mask(given["flow"]["stage"] == "allocated", 44))
    subset = given["results"]["analysis"] == "women"
    results = given["results"].assign(n_patients=pd.array([2 * n if s else 65 for s in subset], dtype="Int64"))
    ages = given["baseline"].query("variable == 'age'")
    measured = given["missingness"].assign(measured=44)
    changed = {"people": people, "flow": flow, "results": results, "baseline": ages, "missingness": measured}
    out = release(given | changed, plan(CELLS))
    # 44 were allocated to each arm and measured; the analyses of everybody have 32 and 33
    assert out["people"].query("analysis == 'women'")["n"].notna().all() == shown
    mine = out["results"].query("analysis == 'women' and quantity == 'difference'")
    assert mine["n_patients"].notna().all() == mine["estimate"].notna().all() == shown


@pytest.mark.parametrize(("n", "shown"), [(10, False), (11, True), (54, True), (55, False)])
def test_a_row_of_a_subset_tells_neither_how_few_it_has_nor_how_few_it_leaves_out(given, n, shown):
    """Of an analysis of everybody, too: only its number of patients, beside that of all 65, would tell."""
    results = given["results"].query("analysis == 'primary'").assign(n_patients=65)
    part = results.head(1).assign(subset='{"region": ["neck"]}', n_patients=n)
    changed = {"results": pd.concat([results, part]), "missingness": given["missingness"].assign(measured=44)}
    mine = release(given | changed, plan(CELLS))["results"].query("subset != ''")
    assert mine["n_patients"].notna().all() == mine["estimate"].notna().all() == shown


def test_steps_of_a_curve_have_nobody_or_enough():
    given, _ = study(n=60)
    curve = release(given, plan(CELLS))["survival"]
    assert 0 < len(curve) < len(given["survival"])
    steps = curve["n_events"].diff().fillna(curve["n_events"])
    assert ((steps == 0) | (steps >= CELL)).all()
    assert ((curve["n_at_risk"].diff().fillna(0).abs() == 0) | (curve["n_at_risk"].diff().abs() >= CELL)).all()
    assert curve["day"].isin(given["survival"]["day"]).all()


def test_points_of_single_people_do_not_pass(trial, cells):
    assert trial["residual_bins"]["residual"].isna().tolist() == [True, False, False]
    assert cells["residual_bins"]["residual"].isna().tolist() == [True, True, False]
    assert trial["residual_quantiles"]["residual"].isna().tolist() == [True, False, False, False, True]
    assert cells["residual_quantiles"]["residual"].isna().tolist() == [True, True, False, True, True]


def test_results_data_hold_every_released_number_once(cells):
    long, results = cells["ard"], cells["results"]
    estimates = long[long["stat_name"] == "estimate"].set_index("row_id")
    assert estimates["stat"].equals(results.set_index("row_id")["estimate"].rename("stat"))
    hidden = results.set_index("row_id")["hidden"] != ""
    assert (estimates["warning"] != "").equals(hidden.rename("warning"))
    assert not long.duplicated(["row_id", "stat_name"]).any()
    whole = long[long["stat_name"] == "N"].set_index("row_id")["stat"]
    assert whole.to_dict() == results.set_index("row_id")["n_patients"].dropna().astype(float).to_dict()
    first = long.iloc[0]
    assert (first["group3"], first["group3_level"], first["variable"], first["context"]) == (
        "cohort",
        "all",
        "pain",
        "ancova:difference",
    )
    assert first["group7_level"] == ARMS[1]


@pytest.mark.parametrize("cell", [1, 11])
def test_reasons_for_being_lost_are_told_of_an_arm_or_not_at_all(cell):
    dropout = about_missing(60)["dropout"]
    limit = Limits(cell, 2, 2, 3)
    made = release_side(dropout, "dropout", pd.DataFrame(), limit)
    assert made[made["arm"] == ARMS[0]]["n"].tolist() == [12, 15]
    mine = made[made["arm"] == ARMS[1]]
    if cell == 1:
        assert mine["n"].tolist() == [3, 20]
    else:
        assert len(mine) == 1
        assert mine[["visit", "reason"]].iloc[0].tolist() == ["", ""]
        assert mine["n"].isna().all()
        assert mine["hidden"].tolist() == ["few_people"]


@pytest.mark.parametrize("cell", [1, 11])
def test_baseline_of_few_lost_is_not_told(cell):
    lost = about_missing(60)["lost"]
    made = release_side(lost, "lost", pd.DataFrame(), Limits(cell, 2, 2, 3)).set_index(["arm", "variable"])
    assert made.loc[ARMS[1], "lost"].isna().all()  # of two people, whatever the rule
    assert made.loc[(ARMS[0], "baseline"), "lost"] == 5.0
    # six men of 30 lost are few: no arm tells the shares of a category of which one is hidden
    assert pd.isna(made.loc[(ARMS[0], "sex"), "lost"]) == (cell == 11)
    assert made["n_lost"].tolist() == [30, 30, 2, 2]


def test_a_surface_goes_where_its_result_goes_and_a_tipping_point_needs_people():
    tables = about_missing(60)
    hidden = pd.DataFrame({"analysis": ["primary"], "cohort": ["all"], "outcome": ["pain"], "hidden": ["few_people"]})
    shown = hidden.assign(hidden="")
    for name in ("tipping", "tipping_points"):
        gone = release_side(tables[name], name, hidden, Limits(11, 11, 2, 3))
        assert gone["hidden"].eq("withheld").all()
        assert release_side(tables[name], name, shown, Limits(11, 11, 2, 3))["hidden"].eq("").all()
    few = tables["tipping_points"].assign(n=4)
    assert release_side(few, "tipping_points", shown, Limits(11, 11, 2, 3))["delta"].isna().all()
    assert release_side(few, "tipping_points", shown, Limits(1, 2, 2, 3))["delta"].notna().all()


def test_columns_that_are_not_read_are_counted_and_not_called_by_name(cells, trial):
    for unread in (cells["unread"], trial["unread"]):
        assert dict(unread[["kind", "n"]].itertuples(index=False, name=None)) == {"not_named": 2, "like_identifier": 1}
        assert not unread.astype(str).apply(lambda column: column.str.contains("phone|shoe")).any(axis=None)
