"""Attacks on released tables: what a reader can solve, subtract, multiply out or search for."""

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_release import ARMS, CELLS, TRIAL, VISITS, plan, study

from needling.release.cells import bounds, exposed_cells, suppress
from needling.release.line import release
from needling.schema.stored import write_table

CELL = 11


def two_way(table):
    """Cells of a two-way table and the sums that its exact margins are."""
    rows, columns = table.shape
    places = np.arange(rows * columns).reshape(rows, columns)
    sums = [(list(places[r]), float(table[r].sum())) for r in range(rows)]
    return sums + [(list(places[:, c]), float(table[:, c].sum())) for c in range(columns)]


counts = st.integers(2, 4).flatmap(
    lambda r: st.integers(2, 4).flatmap(
        lambda c: st.lists(st.integers(0, 40), min_size=r * c, max_size=r * c).map(lambda x: np.array(x).reshape(r, c))
    )
)


@given(counts, st.sampled_from([5, 11]))
@settings(max_examples=40, deadline=None, derandomize=True)
def test_no_small_cell_can_be_solved_for_from_exact_margins(table, minimum):
    values, sums = table.ravel().astype(float), two_way(table)
    reasons = suppress(values, minimum, sums)
    if "withheld" in reasons:
        assert set(reasons) == {"withheld"}
        return
    assert not any(0 < total < minimum for _, total in sums) or not ((values > 0) & (values < minimum)).any()
    hidden = np.array([reason != "" for reason in reasons])
    for cell in np.flatnonzero((values > 0) & (values < minimum)):
        assert hidden[cell]
        low, high = bounds(values, hidden, sums, int(cell))
        assert low == 0
        assert high >= minimum - 1
    assert hidden.any() == ((values > 0) & (values < minimum)).any()


def test_bounds_are_those_of_trying_every_table():
    table = np.array([[3, 12], [8, 20]])
    possible = [(a, 15 - a, 11 - a, 28 - 11 + a) for a in range(44) if min(15 - a, 11 - a) >= 0]
    for cell in range(4):
        found = bounds(table.ravel().astype(float), np.ones(4, bool), two_way(table), cell)
        assert found == (min(p[cell] for p in possible), max(p[cell] for p in possible))


def test_hiding_small_cells_alone_would_leave_them_open():
    table = np.array([[3, 30], [20, 40]])
    values = table.ravel().astype(float)
    assert exposed_cells(values, values < 11, two_way(table), 11).tolist() == [0]
    assert suppress([3, 30, 26], 11, [(range(3), 59)]) == ["few_people", "", "complement"]
    assert suppress([3, 30, 26], 11, [(range(3), 59)], keep=[2]) == ["few_people", "complement", ""]


@pytest.mark.parametrize(
    ("parts", "reasons"),
    [
        ([10, 30, 12], ["few_people", "", "complement"]),
        ([11, 30, 12], ["", "", ""]),
        ([0, 30, 12], ["", "", ""]),
        ([3, 7], ["withheld", "withheld"]),
        ([3, 8], ["few_people", "few_people"]),
        ([4, 5, 30], ["few_people", "few_people", "complement"]),
        ([4, 6, 30], ["few_people", "few_people", ""]),
    ],
)
def test_thresholds_complements_and_bounds_are_these(parts, reasons):
    assert suppress(parts, 11, [(range(len(parts)), sum(parts))]) == reasons


def test_a_small_cell_that_the_margins_bound_from_below_is_withheld_with_its_table():
    table = np.array([[1, 40], [40, 0]])  # the first cell is at least 1, whatever is hidden
    assert bounds(table.ravel().astype(float), np.ones(4, bool), two_way(table), 0) == (1, 41)
    assert suppress(table.ravel(), 11, two_way(table)) == ["withheld"] * 4


def possible_counts(row, names):
    """Counts of the values 0 and 1 that have a shown mean, SD or share, by trying them all."""
    shown = [name for name in names if name in row and pd.notna(row[name])]
    if not shown:
        return None
    n, found = int(row["n"]), []
    for k in range(n + 1):
        p = k / n
        made = {"mean": p, "sd": np.sqrt(n * p * (1 - p) / (n - 1)) if n > 1 else np.nan, "floor": 1 - p, "ceiling": p}
        found += [k] if all(abs(made[name] - row[name]) < 1e-9 for name in shown) else []
    return found


def small(k, n):
    return 0 < k < CELL or 0 < n - k < CELL


@given(
    st.integers(0, 10**6), st.integers(12, 70), st.sampled_from([0.05, 0.2, 0.45]), st.sampled_from([0.02, 0.2, 0.5])
)
@settings(max_examples=40, deadline=None, derandomize=True)
def test_a_reader_of_a_small_study_learns_no_small_number(seed, n, rare, lost):
    rng = np.random.default_rng(seed)
    tables, people = study(seed, n, tuple(rng.integers(0, 30, 3)), rare=rare, lost=lost)
    out = release(tables, plan(CELLS))
    solve_parts(out, people)
    multiply_out(out, people)
    subtract(out, tables)
    events = out["results"].query("outcome == 'sick'")
    for row in events[events["n_events"].notna() | events["estimate"].notna()].to_dict("records"):
        assert not small(row["n_events"], row["n_patients"])
        if row["reference"]:
            assert events["n_events"].notna().all()
    steps = out["survival"]["n_events"].diff().fillna(out["survival"]["n_events"])
    assert ((steps == 0) | (steps >= CELL)).all()


def solve_parts(out, people):
    """Solve reasons and levels from the exact totals around them."""
    flow = out["flow"]
    stage = flow.groupby("stage")["n"].sum()
    groups = [(flow[flow["stage"] == "excluded"], stage["exported"] - stage["enrolled"], None, "n", "reason")]
    for arm in ARMS:
        mine = flow[flow["arm"] == arm].set_index("stage")
        total = mine.loc["allocated", "n"] - mine.loc["analysed", "n"]
        groups.append((flow[(flow["stage"] == "left_out") & (flow["arm"] == arm)], total, None, "n", "reason"))
        for variable in ("sex", "side"):
            rows = out["baseline"].query("variable == @variable and arm == @arm")
            truth = people.loc[people["arm"] == arm, variable].value_counts()
            groups.append((rows, truth.sum(), truth, "count", "level"))
    for rows, total, truth, part, name in groups:
        hidden = rows[part].isna()
        assert not rows[part].between(1, CELL - 1).any()
        left = total - rows[part].sum()
        if not hidden.any():
            assert left == 0
        elif (rows.loc[hidden, name] == "").any():
            assert len(rows[rows[name] != ""]) == 0  # no name of any part
        else:
            assert hidden.sum() >= 2
            assert left >= CELL - 1  # each hidden one can be 0, and CELL - 1
        if truth is not None and not (rows[name] == "").any():
            shown = rows[~hidden].set_index(name)[part]
            assert (shown == truth.reindex(shown.index).fillna(0)).all()


def multiply_out(out, people):
    """Work out counts of two-valued numbers from means, SDs, percentages and shares."""
    for row in out["distribution"].query("outcome == 'sick'").to_dict("records"):
        values = people.loc[people["arm"] == row["arm"], f"sick {row['visit']}"].dropna()
        if (found := possible_counts(row, ["mean", "sd", "floor", "ceiling"])) is not None:
            assert int(values.sum()) in found
            assert not small(values.sum(), len(values))
    for row in out["baseline"].query("variable in ['smoker', 'sick']").to_dict("records"):
        if (found := possible_counts(row, ["mean", "sd"])) is not None:
            assert not any(small(k, row["n"]) for k in found)
    for row in out["baseline"].query("level != ''").to_dict("records"):
        assert pd.isna(row["percent"]) == pd.isna(row["count"])
    levels = out["baseline"].query("level != ''")
    pairs = levels.groupby(["variable", "level"])
    assert not pairs.apply(lambda one: one["count"].isna().any() and one["standardised_difference"].notna().any()).any()
    for row in out["distribution"].query("outcome == 'pain'").to_dict("records"):
        ends = [row["n"] * row[name] for name in ("floor", "ceiling") if pd.notna(row[name])]
        told = [*ends, *([row["n"] - sum(ends)] if len(ends) == 2 else [])]
        assert not any(0.5 < k < CELL - 0.5 or (len(ends) < 2 and 0.5 < row["n"] - k < CELL - 0.5) for k in told)
        beyond = {name: row["n"] * share for name, share in (("q10", 0.1), ("q25", 0.25), ("median", 0.5))}
        assert not any(pd.notna(row[name]) and n < CELL for name, n in beyond.items())


def subtract(out, tables):
    """Take numbers of the subset from those of everybody, and people from allocated ones."""
    people = out["people"]
    for arm in ARMS:
        n = people[(people["stage"] == "analysed") & (people["arm"] == arm)].set_index("analysis")["n"]
        allocated = out["flow"].query("stage == 'allocated' and arm == @arm")["n"].item()
        if pd.notna(n["women"]):
            assert not any(
                0 < gap < CELL for gap in (n["women"], allocated - n["women"], abs(n["primary"] - n["women"]))
            )
    results = out["results"].query("quantity == 'difference'").set_index("analysis")["n_patients"]
    assert pd.isna(results["women"]) or people.query("analysis == 'women'")["n"].notna().any()
    assert pd.isna(results["women"]) or not 0 < abs(results["primary"] - results["women"]) < CELL
    measured = out["flow"].query("stage == 'measured' and outcome == 'pain'").set_index(["arm", "visit"])["n"]
    exact = out["missingness"].query("outcome == 'pain'").set_index(["arm", "visit"])["measured"]
    assert measured.reindex(exact.index).tolist() == exact.tolist()
    assert set(measured.index.get_level_values("visit")) == set(VISITS)


def test_hidden_words_and_numbers_are_in_no_file(tmp_path):
    tables, _ = study(5, 20, (2, 3, 4))
    rare = {"because 0": "Zanzibar fever", "because 1": "Timbuktu flu", "because 2": "Lhasa cough"}
    tables["flow"]["reason"] = tables["flow"]["reason"].replace(rare)
    tables["results"].loc[tables["results"]["outcome"] == "sick", ["estimate", "low", "favours", "note"]] = [
        0.7319482,
        0.5128346,
        "dry_needling",
        "3 of 20 had it",
    ]
    tables["baseline"].loc[tables["baseline"]["variable"] == "smoker", "mean"] = 0.1938475
    out = release(tables, plan(CELLS))
    for name, table in out.items():
        write_table(table, tmp_path / f"{name}.parquet")
        write_table(table, tmp_path / f"{name}.csv")
        (tmp_path / f"{name}.json").write_text(json.dumps(table.astype(str).to_dict("list")))
    assert leaks(tmp_path, [*rare.values(), "P-secret", "3 of 20", 0.7319482, 0.5128346, 0.1938475]) == []
    assert leaks(tmp_path, ["dry_needling"]) != []  # what is there is found


def leaks(folder, hidden):
    """Find texts and numbers in the bytes of the files of a folder, numbers as text and as a processor holds them."""
    found = []
    for path in sorted(folder.iterdir()):
        data = path.read_bytes()
        for one in hidden:
            looks = [one.encode()] if isinstance(one, str) else [repr(one).encode(), np.float64(one).tobytes()]
            found += [f"{path.name}: {one}" for look in looks if look in data]
    return found


def subtracted(change, disclosure=CELLS):
    """What is released of a study of 60 in each arm, some of whose tables are others."""
    tables, _ = study(3, 60)
    return release(tables | change(tables), plan(disclosure, made_up=not disclosure))


def stepped(events, at_risk):
    """A curve of one arm."""
    place = {"analysis": "primary", "cohort": "all", "outcome": "", "arm": ARMS[1]}
    place |= {"estimate": 0.2, "low": 0.1, "high": 0.3, "level": 0.95}
    steps = [
        {"time": float(t), "n_at_risk": n, "n_events": k} for t, (n, k) in enumerate(zip(at_risk, events, strict=True))
    ]
    return lambda _: {"event_curve": pd.DataFrame([place | step for step in steps])}


LONG = [0, 20, 40, 60, 80, 100, 120, 140]  # events so far; those at risk are counted just before


@pytest.mark.parametrize(
    ("events", "at_risk", "shown"),
    [
        (LONG, [200, 200, 180, 160, 140, 120, 100, 80], LONG),
        # 147 in all, as the results say: 7 after the last step
        ([*LONG, 147], [200, 200, 180, 160, 140, 120, 100, 80, 60], LONG[:-1]),
        ([*LONG, 140], [200, 200, 180, 160, 140, 120, 100, 80, 60], [*LONG, 140]),
        # 9 of 149 without an event
        (LONG, [149, 149, 129, 109, 89, 69, 49, 29], LONG[:-1]),
        # 5 are lost between the fourth step and the fifth, 12 until the sixth
        (LONG, [200, 200, 180, 160, 140, 115, 88, 68], [*LONG[:5], *LONG[6:]]),
    ],
)
def test_a_curve_beside_the_number_of_events_in_all_tells_no_few(events, at_risk, shown):
    out = subtracted(stepped(events, at_risk))["event_curve"]["n_events"].tolist()
    assert out == shown
    assert subtracted(stepped(events, at_risk), TRIAL)["event_curve"]["n_events"].tolist() == events


def times_to_an_event(events, at_risk):
    """A curve, and the results that are made of it: of one arm, of the other, and of both."""
    curve = stepped(events, at_risk)

    def change(tables):
        rows = tables["results"].head(4).assign(
            analysis="primary", variant="", cohort="all", outcome="", site="", subset="", visit="", at="", term="[]",
            quantity=["share", "restricted_mean", "share", "restricted_mean_difference"], estimate=0.4438502673,
            arm=[ARMS[1], ARMS[1], ARMS[0], ARMS[1]], reference=["", "", "", ARMS[0]],
            n_patients=[at_risk[0], at_risk[0], 60, at_risk[0] + 60], n_events=[events[-1], events[-1], 30, events[-1] + 30],
            row_id=["t1", "t2", "t3", "t4"],
        )  # fmt: skip
        return curve(tables) | {"results": pd.concat([tables["results"], rows], ignore_index=True)}

    return change


@pytest.mark.parametrize(
    ("events", "at_risk", "solved"),
    [
        ([0, 8, 14], [34, 34, 22], True),  # (1 - 8 / 34) (1 - 6 / 22) = 0.55615, and no other product of 14 events is
        ([0, 30, 61], [120, 120, 86], True),  # 4 were lost
        ([0, 30, 61], [120, 120, 90], False),
        ([0, *range(5, 40, 5)], [100, *range(100, 65, -5)], False),  # of seven times too many products are near
        ([0, *range(5, 35, 5)], [100, *range(100, 70, -5)], True),
    ],
)
def test_no_step_of_few_is_solved_from_the_estimate_of_a_curve_of_few_times(events, at_risk, solved):
    out = subtracted(times_to_an_event(events, at_risk))
    rows = out["results"].set_index("row_id").loc[["t1", "t2", "t3", "t4"]]
    assert rows["estimate"].isna().tolist() == [solved, solved, False, solved]
    assert rows["n_events"].isna().tolist() == [solved, solved, False, solved]
    assert out["event_curve"].empty or not solved
    kept = subtracted(times_to_an_event(events, at_risk), TRIAL)
    assert kept["results"].set_index("row_id").loc["t1", "estimate"] == 0.4438502673
    assert len(kept["event_curve"]) == len(events)


def test_a_number_needed_to_treat_goes_with_the_difference_that_it_is_the_inverse_of():
    """0 of 22 in one arm is no small number, and 2.44 beside it is 9 of 22 in the other."""

    def change(tables):
        row = tables["results"].head(1).assign(
            analysis="primary", cohort="all", outcome="pain", site="", subset="", visit="week_4", at="", term="[]",
            quantity="risk_difference", variant="half", arm=ARMS[1], reference=ARMS[0], estimate=9 / 22, row_id="d",
            n_patients=44, n_events=9,
        )  # fmt: skip
        shares = [
            row.assign(
                quantity="share", arm=arm, reference="", estimate=k / 22, n_patients=22, n_events=k, row_id=f"s{k}"
            )
            for arm, k in zip(ARMS, (0, 9), strict=True)
        ]
        needed = {
            "analysis": "primary", "cohort": "all", "outcome": "pain", "visit": "week_4", "response": "half",
            "arm": ARMS[1], "reference": ARMS[0], "estimate": 22 / 9, "low": 1.6, "high": 5.6, "through_infinity": 0,
            "n": 22, "n_events": 0, "n_none": 13,
        }  # fmt: skip
        results = pd.concat([tables["results"], row, *shares], ignore_index=True)
        return {"results": results, "number_needed": pd.DataFrame([needed])}

    out = subtracted(change)
    assert out["results"].set_index("row_id").loc["d", "hidden"] == "few_events"
    assert out["number_needed"][["estimate", "low", "high"]].isna().all(axis=None)
    assert out["number_needed"]["hidden"].tolist() == ["withheld"]
    assert subtracted(change, TRIAL)["number_needed"]["estimate"].tolist() == [22 / 9]


def test_who_improved_least_and_most_is_told_by_no_step_that_all_or_none_reach():
    def change(tables):
        curve = tables["response_curve"].head(1)
        steps = [(-3.0, 60), (-2.0, 59), (0.0, 48), (2.0, 20), (5.0, 1), (6.0, 0)]
        return {"response_curve": pd.concat([curve.assign(improvement=x, n_events=k, n=60) for x, k in steps])}

    assert subtracted(change)["response_curve"]["improvement"].tolist() == [0.0, 2.0]
    assert subtracted(change, TRIAL)["response_curve"]["improvement"].tolist() == [0.0, 2.0]
    assert len(subtracted(change, {})["response_curve"]) == 6


def levelled(tables):
    """8 of one arm and 20 of the other have a diagnosis, which an analysis looks at alone: 28 in all."""
    levels = tables["baseline"].query("variable == 'sex' and level == 'female'")
    counted = [("neck", 8, 52), ("shoulder", 52, 8)]
    baseline = pd.concat(
        [levels.assign(variable="diagnosis", level=level, n=60, count=[one, 20 if level == "neck" else 40])
         for level, one, _ in counted], ignore_index=True,
    )  # fmt: skip
    row = tables["results"].query("analysis == 'primary' and quantity == 'difference'")
    at = pd.concat(
        [row.assign(at=json.dumps({"diagnosis": level}), n_patients=n) for level, n in (("neck", 28), ("shoulder", 92))]
    )
    whole = row.assign(at='{"age": 50.0}', n_patients=120)
    return {"baseline": baseline, "results": pd.concat([at, whole], ignore_index=True)}


def test_a_level_in_both_arms_less_the_arm_in_which_it_is_shown_tells_nobody():
    out = subtracted(levelled)
    shown = out["baseline"].query("level == 'neck'").set_index("arm")["count"]
    assert shown.isna().tolist() == [True, False]
    assert out["results"]["n_patients"].isna().tolist() == [True, True, False]
    assert out["results"]["hidden"].tolist() == ["few_people", "few_people", ""]
    assert subtracted(levelled, TRIAL)["results"]["n_patients"].tolist() == [28, 92, 120]


def treated_as_another(few):
    """Of one arm few were needled, whose techniques are counted among them; of the other arm all were."""

    def change(tables):
        like = tables["results"].query("outcome == 'sick' and quantity == 'share'").head(1).assign(outcome="", visit="")
        told = [("needled", "yes", ARMS[0], 60, few), ("needled", "yes", ARMS[1], 60, 60)]
        told += [("technique", "deep", ARMS[0], few, few), ("technique", "winged", ARMS[0], few, 1)]
        told += [("technique", "deep", ARMS[1], 60, 40), ("technique", "superficial", ARMS[1], 60, 20)]
        rows = [
            like.assign(term=json.dumps([[what, which]]), arm=arm, n_patients=n, n_events=k, estimate=k / n)
            for what, which, arm, n, k in told
        ]
        delivered = tables["delivered"].assign(measure="needles", n=[few, 60])
        return {"results": pd.concat(rows, ignore_index=True), "delivered": delivered}

    return change


@pytest.mark.parametrize(("few", "disclosure"), [(2, CELLS), (6, CELLS), (10, CELLS), (2, TRIAL)])
def test_what_few_of_an_arm_had_is_named_nowhere_and_neither_is_how_few_they_are(few, disclosure):
    out = subtracted(treated_as_another(few), disclosure)
    mine = out["results"].query("arm == 'usual_care' and term.str.contains('technique')")
    assert mine["term"].tolist() == ['[["technique", ""]]']
    assert mine["n_patients"].isna().all()
    assert mine["hidden"].tolist() == ["few_people"]
    assert not out["results"]["term"].str.contains("winged").any()
    theirs = out["results"].query("arm == 'dry_needling' and term.str.contains('technique')")
    assert theirs["n_events"].tolist() == [40, 20]
    if disclosure == CELLS:
        assert out["results"].query("term.str.contains('needled') and arm == 'usual_care'")["n_events"].isna().all()
        assert out["delivered"]["n"].isna().tolist() == [True, False]


def test_as_many_of_an_arm_as_may_be_shown_are():
    out = subtracted(treated_as_another(11))
    assert out["results"].query("arm == 'usual_care' and term == '[[\"needled\", \"yes\"]]'")["n_events"].tolist() == [
        11
    ]
    assert out["delivered"]["n"].tolist() == [11, 60]


@pytest.mark.parametrize(("n", "shown"), [(120, True), (119, False), (110, False), (109, True), (10, False)])
def test_who_broke_the_protocol_is_not_told_by_how_many_kept_to_it(n, shown):
    def change(tables):
        rows = tables["results"].query("analysis == 'primary' and quantity == 'difference'").assign(n_patients=120)
        measured = tables["missingness"].assign(measured=60)
        kept = rows.assign(variant="per_protocol", n_patients=n)
        return {"results": pd.concat([rows, kept], ignore_index=True), "missingness": measured}

    out = subtracted(change)["results"]
    assert out["n_patients"].notna().tolist() == out["estimate"].notna().tolist() == [True, shown]


@pytest.mark.parametrize(
    ("n", "disclosure", "shown"), [(219, CELLS, False), (220, CELLS, True), (39, TRIAL, False), (40, TRIAL, True)]
)
def test_the_twentieth_part_of_weights_has_enough_people(n, disclosure, shown):
    out = subtracted(lambda tables: {"weights": tables["weights"].assign(n=n)}, disclosure)["weights"]
    assert out[["q05", "q95"]].notna().to_numpy().tolist() == [[shown, shown]]
    assert out["mean"].notna().all()
