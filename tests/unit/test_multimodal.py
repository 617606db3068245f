"""Treatment beside the one compared: counted by hand, given it for what that is worth, and refused where it follows."""

import numpy as np
import pandas as pd
import pytest
from made_results import ARM, plan
from statsmodels.api import OLS, add_constant

from needling.analysis.run import analyse
from needling.cohort.frame import add_baseline
from needling.figures import beside as figure
from needling.figures.style import PAPER, REPORT
from needling.labels.words import Labels
from needling.report.whom import beside_sentences
from needling.study.keys import StudyError
from needling.tables.co_interventions import co_interventions

BESIDE = {
    "kind": "multimodal", "role": "exploratory", "outcomes": ["pain"], "visits": ["week_4"],
    "co_interventions": {"exercise": "Exercise", "education": ["Education", "Talk"]},
}  # fmt: skip
EVENTS = {"co_interventions": {"columns": {"date": "d", "kind": "k", "minutes": "m"}}}
COVARIATES = {"age": "age", "prescribed": {"from": "p", "codes": {0: "no", 1: "yes"}}}
TALK = pd.DataFrame({"patient": ["P001"], "kind": ["Talk"], "day": [5.0]})
LATE = {"late": {"instrument": "nprs", "visit": "week_4"}}


def study(design="randomised", settings=None, codes=None, **changes):
    arm = {**ARM, "codes": codes or ARM["codes"]} if design != "single_arm" else None
    course = {"kind": "repeated_measures", "outcomes": ["pain"], "baseline": "response"}
    return plan(**{
        "design": design, "families": {}, "estimands": {}, "events": EVENTS,
        "patients": {"id": "id", "covariates": COVARIATES, **({"arm": arm} if arm else {})},
        "cohorts": {"neck": {"label": "Neck pain", "outcomes": {"pain": "nprs"}}},
        "analyses": {"primary": course, "beside": BESIDE | (settings or {})}, **changes,
    })  # fmt: skip


def made(seed=1, n=80, through=0.0, arms=("usual_care", "dry_needling")):
    """Patients, frame and co-interventions; exercise follows the arm, and helps by `through` a session."""
    rng = np.random.default_rng(seed)
    arm = np.arange(n) % len(arms)
    age, prescribed = rng.normal(45, 10, n).round(), np.where(np.arange(n) % 4 < 2, "no", "yes")
    sessions = rng.poisson(1 + 2.0 * (arm > 0))
    baseline = rng.normal(6, 1.5, n)
    pain = 2 + 0.5 * baseline - 1.0 * (arm > 0) - through * sessions + rng.normal(0, 1, n)
    people = pd.DataFrame({"patient": [f"P{i:03d}" for i in range(n)], "arm": [arms[a] for a in arm], "age": age})
    people = people.assign(prescribed=prescribed, cohort="neck")
    common = people.assign(outcome="pain", instrument="nprs", unit="0-10 points", better="lower", site="", side="")
    visits = {"baseline": (baseline, 0.0), "week_4": (pain, 28.0)}
    frame = pd.concat([common.assign(visit=v, value=x, day=d) for v, (x, d) in visits.items()], ignore_index=True)
    rows = [(f"P{i:03d}", "Exercise", 3.0 + day) for i in range(n) for day in range(sessions[i])]
    others = pd.DataFrame(rows, columns=["patient", "kind", "day"]).astype({"patient": "str", "kind": "str"})
    return people, add_baseline(frame, "baseline"), pd.concat([others, TALK], ignore_index=True)


def run(people, frame, others, known=None):
    given = {"visits": frame, "patients": people, "co_interventions": others}
    return analyse("beside", given, known or study()).results


def one(rows, quantity, name="exercise", arm="dry_needling", variant=None):
    term = f'[["co_intervention", "{name}"]]' if name else ""
    mine = rows[(rows["quantity"] == quantity) & (rows["term"] == term) & (rows["arm"] == arm)]
    mine = mine if variant is None else mine[mine["variant"] == variant]
    assert len(mine) == 1
    return mine.iloc[0]


# ---------------------------------------------------------------- described


def test_people_and_sessions_are_counted_before_the_visit():
    people, frame, _ = made(n=8)
    others = pd.DataFrame(
        [("P001", "Exercise", 3.0), ("P001", "Exercise", 9.0), ("P001", "Exercise", 28.0), ("P003", "Exercise", 40.0),
         ("P005", "Education", 1.0), ("P005", "Talk", 27.0), ("P000", "Exercise", np.nan), ("P002", "Massage", 2.0)],
        columns=["patient", "kind", "day"],
    )  # fmt: skip
    rows = run(people, frame, others)
    needled, usual = one(rows, "share"), one(rows, "share", arm="usual_care")
    assert (needled["n_events"], needled["n_patients"], needled["estimate"]) == (
        1,
        4,
        0.25,
    )  # on the day itself is not before
    assert (usual["n_events"], usual["n_patients"]) == (1, 4)  # without a date: nobody knows that it was later
    assert one(rows, "mean")["estimate"] == 0.5
    assert one(rows, "mean", "education")["estimate"] == 0.5
    assert one(rows, "mean", "education")["se"] == pytest.approx(np.std([0, 0, 2, 0], ddof=1) / 2)
    apart = one(rows, "risk_difference", "education")
    assert (apart["estimate"], apart["n_events"], apart["reference"]) == (0.25, 1, "usual_care")
    assert pd.isna(apart["p"])


def test_who_missed_the_visit_counts_until_the_planned_day():
    people, frame, _ = made(n=8)
    gone = frame[(frame["patient"] != "P001") | (frame["visit"] == "baseline")]
    had = [("P001", "Exercise", 27.0), ("P001", "Exercise", 29.0), ("P000", "Education", 1.0)]
    others = pd.DataFrame(had, columns=["patient", "kind", "day"])
    assert one(run(people, gone, others), "mean")["estimate"] == 0.25


def test_shares_differ_with_newcombes_interval():
    """56 of 70 and 48 of 80 (Newcombe 1998, method 10): .2 (.0524 to .3339)."""
    people, frame, _ = made(n=150, arms=("usual_care", "dry_needling"))
    people["arm"] = ["dry_needling"] * 70 + ["usual_care"] * 80
    who = [*people["patient"][:56], *people["patient"][70:118]]
    others = pd.DataFrame({"patient": who, "kind": "Exercise", "day": 2.0})
    others.loc[len(others)] = ["P000", "Talk", 1.0]
    row = one(run(people, frame, others), "risk_difference")
    assert row["estimate"] == pytest.approx(0.2)
    assert (row["low"], row["high"]) == (pytest.approx(0.0524, abs=5e-5), pytest.approx(0.3339, abs=5e-5))


# ---------------------------------------------------------------- the difference, given it


@pytest.mark.parametrize("more", [0.25, 0.0])
def test_more_exercise_in_one_arm_is_found_with_the_coverage_it_claims_and_none_where_there_is_none(more):
    """Shares 0.4 + more and 0.4 of the arms; three sessions of whoever has it."""
    people, frame, _ = made(n=80)
    known, held = study(), []
    for seed in range(100):
        rng = np.random.default_rng(4000 + seed)
        needled = people["arm"] == "dry_needling"
        had = rng.random(80) < 0.4 + more * needled
        who = people.loc[had, "patient"].repeat(3)
        days = pd.DataFrame({"patient": who, "kind": "Exercise", "day": np.tile([3.0, 9.0, 15.0], had.sum())})
        rows = run(people, frame, pd.concat([days, TALK], ignore_index=True), known)
        apart, mean = one(rows, "risk_difference"), one(rows, "mean", variant="sessions")
        held.append([apart["low"] <= more <= apart["high"], mean["low"] <= 3 * (0.4 + more) <= mean["high"]])
    assert (np.mean(held, axis=0) > 0.95 - 4 * np.sqrt(0.95 * 0.05 / 100)).all()


def test_the_difference_as_allocated_and_given_is_that_of_least_squares():
    people, frame, others = made(3, through=0.3)
    known = study(settings={"adjust": ["age"]})
    rows = run(people, frame, others, known)
    week_4 = frame[frame["visit"] == "week_4"].set_index("patient")
    counts = others[others["kind"] == "Exercise"].groupby("patient").size().reindex(week_4.index).fillna(0)
    X = week_4[["baseline", "age"]].assign(arm=week_4["arm"].eq("dry_needling") * 1.0)
    for name, columns in (("", X), ("exercise", X.assign(exercise=counts))):
        fit = OLS(week_4["value"], add_constant(columns)).fit()
        row = one(rows, "effect_given", name)
        np.testing.assert_allclose(
            row[["estimate", "se", "df", "low", "high"]].astype(float),
            [fit.params["arm"], fit.bse["arm"], fit.df_resid, *fit.conf_int().loc["arm"]],
        )
        assert pd.isna(row["p"])
    assert rows.loc[rows["variant"] == "given_all", "term"].tolist() == [
        '[["co_intervention", "exercise"], ["co_intervention", "education"]]'
    ]


def test_given_what_follows_the_arm_a_part_of_the_effect_is_gone():
    """Needling brings two sessions more, each of which takes 0.3 off: -1.6 in all, of which -1 is left given them."""
    allocated, given = [], []
    for seed in range(12):
        rows = run(*made(seed, n=120, through=0.3))
        allocated.append(one(rows, "effect_given", "")["estimate"])
        given.append(one(rows, "effect_given")["estimate"])
    assert abs(np.mean(allocated) + 1.6) < 4 * np.std(allocated, ddof=1) / np.sqrt(12)
    assert abs(np.mean(given) + 1.0) < 4 * np.std(given, ddof=1) / np.sqrt(12)


def test_only_what_was_fixed_before_day_0_may_moderate():
    people, frame, others = made(4)
    rows = run(people, frame, others, study(settings={"fixed": ["prescribed"]}))
    effects = rows[rows["quantity"] == "effect_at"]
    assert list(effects["at"]) == ['{"prescribed": "no"}', '{"prescribed": "yes"}']
    assert rows.loc[rows["quantity"] == "moderation", "p"].notna().all()
    assert set(rows["role"]) == {"exploratory"}
    holes = people.assign(prescribed=people["prescribed"].mask(people["patient"] < "P010"))
    lacking = frame.assign(prescribed=frame["prescribed"].mask(frame["patient"] < "P010"))
    again = run(holes, lacking, others, study(settings={"fixed": ["prescribed"]}))
    assert set(again.loc[again["quantity"] == "effect_at", "n_patients"]) == {80}


# ---------------------------------------------------------------- awkward studies


def test_groups_that_chance_did_not_make_are_described_and_not_compared_in_what_they_had():
    rows = run(*made(5), study("cohort"))
    assert not rows["quantity"].eq("risk_difference").any()
    assert one(rows, "effect_given", "")["status"] == "converged"


def test_a_single_arm_is_described():
    people, frame, others = made(6)
    rows = run(people.assign(arm=None), frame.assign(arm=None), others, study("single_arm"))
    assert set(rows["quantity"]) == {"share", "mean"}
    assert one(rows, "share", arm="")["n_patients"] == 80


def test_three_arms_are_each_held_against_the_reference():
    people, frame, others = made(7, arms=("usual_care", "sham", "dry_needling"))
    rows = run(people, frame, others, study(codes={0: "usual_care", 1: "sham", 2: "dry_needling"}))
    apart = rows[(rows["quantity"] == "risk_difference") & rows["term"].str.contains("exercise")]
    assert list(apart["arm"]) == ["sham", "dry_needling"]


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda frame: frame[frame["visit"] == "baseline"], "nobody was measured at this visit"),
        (lambda frame: frame[frame["arm"] == "usual_care"], "fewer than two patients"),
        (lambda frame: frame[frame["patient"] < "P010"], "10 patients are too few"),
    ],
)
def test_too_little_is_rows_that_say_so(change, why):
    people, frame, others = made(8)
    rows = run(people, change(frame), others)
    given = rows[rows["quantity"] == "effect_given"]
    assert len(given) == 4
    assert given["note"].str.contains(why).all()
    assert given[["estimate", "low", "p"]].isna().all(axis=None)
    assert one(rows, "share")["n_patients"] == 40


def test_nobody_in_an_arm_has_no_share():
    people, frame, others = made(9)
    rows = run(people[people["arm"] == "usual_care"], frame[frame["arm"] == "usual_care"], others)
    assert one(rows, "share")["status"] == one(rows, "risk_difference")["status"] == "not_estimated"


def test_a_kind_that_nobody_has_may_be_misspelt():
    people, frame, others = made(10)
    with pytest.raises(StudyError, match="no row of co_interventions has kind Exercize; mend the spelling"):
        run(people, frame, others, study(settings={"co_interventions": {"exercise": "Exercize"}}))


CODED = {"co_interventions": {"columns": {"date": "d", "kind": {"from": "k", "codes": {1: "exercise"}}}}}


@pytest.mark.parametrize(
    ("settings", "changes", "told"),
    [
        ({"role": None}, {}, "a difference given it is no effect of the arm; write role: exploratory"),
        ({}, {"events": {}}, "no events.co_interventions with a column kind"),
        ({"fixed": ["late"]}, {"covariates": LATE}, "'late' is from after day 0, when the arm may have decided it"),
        ({"fixed": ["perscribed"]}, {}, "covariate 'perscribed' is not defined; did you mean 'prescribed'?"),
        ({"fixed": ["age"]}, {"design": "single_arm"}, "needs arms, and this study has one"),
        ({"visits": ["baseline"]}, {}, "visit 'baseline' is none after baseline"),
        ({"contrasts": "pairwise"}, {}, "leave contrasts, family, framework and margin out"),
        ({"co_interventions": {"x": "exercize"}}, {"events": CODED}, "'exercize' is no kind; did you mean 'exercise'?"),
    ],
)
def test_what_cannot_be_meant_is_refused_in_a_sentence(settings, changes, told):
    with pytest.raises(ValueError, match="beside") as error:
        study(settings=settings, **changes)
    assert told in str(error.value)


def test_words_warn_that_it_follows_the_arm():
    methods = analyse(
        "beside", dict(zip(("patients", "visits", "co_interventions"), made(11), strict=True)), study()
    ).tables["methods"]
    model = methods.loc[methods["item"] == "model", "text"].iloc[0]
    assert "Other treatment follows the arm" in model
    assert "no effect of the arm" in model


# ---------------------------------------------------------------- what is shown


def released(known, seed=12, **options):
    """Released tables of one analysis: what the table, figure and sentences read."""
    people, frame, others = made(seed, **options)
    tables = analyse("beside", {"patients": people, "visits": frame, "co_interventions": others}, known).tables
    return {"results": tables["results"].assign(hidden=""), "methods": tables["methods"]}


def test_one_row_for_each_co_intervention():
    known = study()
    shown, labels = released(known), Labels(known)
    table = co_interventions(shown, labels)
    rows = [row for row in table.rows if len(row) > 1]
    assert [row[0] for row in rows] == ["None taken into account: as allocated", "Exercise", "Education", "All of them"]
    results = shown["results"]
    share = one(results, "share", arm="usual_care")
    assert rows[1][1].row_id == share["row_id"]
    assert rows[1][1].startswith(f"{share['n_events']}/40 (")
    assert rows[1][4].row_id == one(results, "effect_given")["row_id"]
    assert rows[0][4].row_id == one(results, "effect_given", "")["row_id"]
    apart = one(results, "risk_difference")
    assert rows[1][3].row_id == apart["row_id"]
    assert rows[1][3].startswith(f"{100 * apart['estimate']:.0f} (")
    assert "no effect of the arm" in " ".join(table.notes)


def test_sentences_count_and_warn():
    known = study()
    told = ["".join(sentence) for sentence in beside_sentences(released(known), Labels(known))]
    assert "exercise " in told[0]
    assert " of 40 (" in told[0]
    assert told[-1].endswith("is no effect of the arm.")
    single = study("single_arm")
    people, frame, others = made(6)
    given = {"patients": people.assign(arm=None), "visits": frame.assign(arm=None), "co_interventions": others}
    tables = analyse("beside", given, single).tables
    shown = {"results": tables["results"].assign(hidden=""), "methods": tables["methods"]}
    alone = ["".join(sentence) for sentence in beside_sentences(shown, Labels(single))]
    assert len(alone) == 1
    assert "effect" not in alone[0]
    assert co_interventions(shown, Labels(single)).head == ["Co-intervention", "All patients"]
    source = figure.data(shown, Labels(single))
    assert len(figure.draw(source, Labels(single), REPORT).axes) == 1


def test_the_figure_fills_only_what_nothing_was_taken_into_account_for():
    known = study()
    source = figure.data(released(known), Labels(known))
    left, right = figure.draw(source, Labels(known), REPORT).axes
    squares = [line for line in right.lines if line.get_marker() == "s"]
    assert [line.get_markerfacecolor() == PAPER for line in squares] == [False, True, True, True]
    assert left.get_xlim() == (0, 100)
    caption, alternative = figure.words(source, Labels(known))
    assert "no effect of the arm" in caption
    assert "difference given exercise" in alternative


def test_differences_are_drawn_where_no_share_is_shown():
    known = study()
    source = figure.data(released(known), Labels(known))
    hidden = source[source["quantity"] != "share"]
    left, right = figure.draw(hidden, Labels(known), REPORT).axes
    assert left.get_ylim() == right.get_ylim()
    assert len([line for line in right.lines if line.get_marker() == "s"]) == len(hidden) == 4
