"""The first screen: one plain sentence per comparison, by direction, sign and null; and four clauses on how sure it is."""

import re

import numpy as np
import pandas as pd
import pytest
from made_results import plan, shown, single_arm_plan, three_arms_plan, trial_plan

from needling.labels.numbers import decimals, format_fixed
from needling.labels.words import Labels
from needling.report.answer import answers, comparison, harms_line, heading, noticed, strip
from needling.report.numbers import primary_sentences
from needling.report.sure import agreement, how_sure, missing, rung, tipping
from needling.tables.published import published

ROW = {
    "analysis": "primary", "cohort": "myofascial", "outcome": "pain", "site": "", "visit": "week_4", "row_id": "x",
    "quantity": "difference", "arm": "dry_needling", "reference": "usual_care", "status": "converged", "note": "", "hidden": "",
    "estimate": -1.0, "low": -1.43, "high": -0.51, "level": 0.95, "p": 0.01, "p_adjusted": np.nan, "unit": "points",
    "margin": np.nan, "framework": "superiority", "better": "lower", "structures_tried": "",
}  # fmt: skip
WORSE = {"estimate": 1.0, "low": 0.51, "high": 1.43}
HIGHER = {"outcome": "function", "cohort": "sports", "better": "higher", "unit": "percentage points"}


def said(**changes):
    one = comparison(ROW | changes, Labels(plan()))
    return "".join(one.headline), "".join(one.precision)


@pytest.mark.parametrize(
    ("changes", "headline", "precision"),
    [
        ({}, "Pain intensity: 1.0 of 10 points lower (better)", "between 0.5 and 1.4 lower"),
        (WORSE, "Pain intensity: 1.0 of 10 points higher (worse)", "between 0.5 and 1.4 higher"),
        # a positive difference where higher is better, and a negative one
        (
            {**HIGHER, "estimate": 4.2, "low": 1.1, "high": 7.6},
            "Function: 4.2 percentage points higher (better)",
            "between 1.1 and 7.6 higher",
        ),
        (
            {**HIGHER, "estimate": -4.2, "low": -7.6, "high": -1.1},
            "Function: 4.2 percentage points lower (worse)",
            "between 1.1 and 7.6 lower",
        ),
        # reported as improvement: the sign is turned, the words stay those of the scale
        (WORSE | {"better": "higher"}, "Pain intensity: 1.0 of 10 points lower (better)", "between 0.5 and 1.4 lower"),
        ({"better": "higher"}, "Pain intensity: 1.0 of 10 points higher (worse)", "between 0.5 and 1.4 higher"),
        # null: both ends with their worth
        (
            {"estimate": -0.4, "low": -1.2, "high": 0.4},
            "Pain intensity: no clear difference",
            "0.4 of 10 points lower (better); between 1.2 lower (better) and 0.4 higher (worse)",
        ),
        (
            {**HIGHER, "estimate": 4.2, "low": -0.44, "high": 8.8},
            "Function: no clear difference",
            "4.2 percentage points higher (better); between 0.4 lower (worse) and 8.8 higher (better)",
        ),
        (
            {"estimate": -0.6, "low": -1.2, "high": 0.0},
            "Pain intensity: no clear difference",
            "0.6 of 10 points lower (better); between 1.2 lower (better) and 0.0",
        ),
        # an end that prints as no difference says on which side it lies, for which there is no clear difference
        (
            {"estimate": -0.6, "low": -1.2, "high": 0.003},
            "Pain intensity: no clear difference",
            "0.6 of 10 points lower (better); between 1.2 lower (better) and 0.0 (barely higher)",
        ),
        (
            {**HIGHER, "estimate": 4.2, "low": -0.04, "high": 8.4},
            "Function: no clear difference",
            "4.2 percentage points higher (better); between 0.0 (barely lower) and 8.4 higher (better)",
        ),
        (
            {"estimate": -0.003, "low": -0.6, "high": 0.6},
            "Pain intensity: no clear difference",
            "between 0.6 lower (better) and 0.6 higher (worse)",
        ),
        # neither direction is better: no worth
        ({"better": "neither"}, "Pain intensity: 1.0 of 10 points lower", "between 0.5 and 1.4 lower"),
        (WORSE | {"better": "neither"}, "Pain intensity: 1.0 of 10 points higher", "between 0.5 and 1.4 higher"),
        # an end that would print as no difference keeps a decimal
        (
            {"estimate": -0.5, "low": -0.96, "high": -0.04},
            "Pain intensity: 0.50 of 10 points lower (better)",
            "between 0.04 and 0.96 lower",
        ),
        (
            {**HIGHER, "estimate": 4.2, "low": 0.04, "high": 8.4},
            "Function: 4.20 percentage points higher (better)",
            "between 0.04 and 8.40 higher",
        ),
    ],
)  # fmt: skip
def test_a_comparison_is_said_by_direction_sign_and_null(changes, headline, precision):
    # the digits of a null are those of its interval
    assert said(**changes) == (headline, precision)


@pytest.mark.parametrize(
    ("better", "estimate", "low", "high", "headline"),
    [
        ("higher", 1.5, 1.2, 1.9, "Pain intensity: risk ratio 1.5 (better)"),
        ("lower", 1.5, 1.2, 1.9, "Pain intensity: risk ratio 1.5 (worse)"),
        ("higher", 0.7, 0.5, 0.9, "Pain intensity: risk ratio 0.7 (worse)"),
        ("higher", 1.1, 0.8, 1.5, "Pain intensity: no clear difference"),
    ],
)
def test_a_ratio_is_held_against_one(better, estimate, low, high, headline):
    made = said(quantity="risk_ratio", better=better, estimate=estimate, low=low, high=high, unit="")
    assert made[0] == headline


def test_an_end_of_a_ratio_that_prints_as_one_says_on_which_side_it_lies():
    ratio = {"quantity": "risk_ratio", "better": "higher", "unit": ""}
    assert (
        said(**ratio, estimate=1.4, low=0.997, high=1.9)[1]
        == "1.4 (better); between 1.0 (barely lower) and 1.9 (better)"
    )


def test_a_share_is_told_in_percentage_points():
    row = {"quantity": "risk_difference", "better": "higher", "estimate": 0.123, "low": 0.02, "high": 0.23, "unit": ""}
    assert said(**row) == (
        "Pain intensity: 12 percentage points higher (better)",
        "between 2 and 23 higher",
    )


def test_an_adjusted_p_that_does_not_agree_with_the_interval_is_told():
    assert "not beyond chance" not in said(p_adjusted=0.049)[0]
    headline, precision = said(p_adjusted=0.06)
    assert headline.endswith("lower (better); not beyond chance once several questions are allowed for")
    assert precision.endswith("; adjusted P = .060")


def test_a_change_without_comparison_and_what_is_not_there():
    alone = {"arm": "", "reference": "", "quantity": "change"}
    assert said(**alone)[0] == "Pain intensity: 1.0 of 10 points lower (better)"
    assert said(**alone, estimate=-0.1, low=-0.6, high=0.4)[0] == "Pain intensity: no clear change"
    assert said(estimate=np.nan, hidden="few_events")[0] == (
        "Pain intensity: not available (it would tell of few events)"
    )


def test_a_margin_is_said_first():
    headline, precision = said(framework="non_inferiority", margin=1.5, estimate=0.2, low=-0.7, high=1.1)
    assert headline.startswith("Pain intensity: the interval excludes that dry needling is worse by the margin of 1.5")
    assert precision.startswith("0.2 of 10 points higher (worse); between 0.7 lower (better)")


def test_comparisons_of_one_scale_have_as_many_decimals():
    """One of them needs two, since an end would print as no difference."""
    released, labels = shown(three_arms_plan)
    results = released["results"]
    mine = results["role"].eq("primary") & results["visit"].eq("week_4") & results["quantity"].eq("difference")
    numbers = ["estimate", "low", "high"]
    assert mine.sum() == 3
    results.loc[mine, numbers] = [(4.2, 0.04, 8.4), (5.1, 1.1, 9.1), (-0.9, -5.0, 3.2)]
    told = ["".join([*one.headline, *one.precision]) for one in answers(released, labels)[0]["said"]]
    sizes = [re.findall(r"\d+\.(\d+)", one) for one in told]
    assert {len(size) for found in sizes for size in found} == {2}
    assert [len(found) for found in sizes] == [3, 3, 3]


@pytest.mark.parametrize("make", [plan, trial_plan, single_arm_plan, three_arms_plan])
def test_every_cohort_has_its_primary_comparisons(make):
    released, labels = shown(make)
    found = answers(released, labels)
    assert [one["cohort"] for one in found] == [labels.cohort(name) for name in labels.plan.cohorts]
    rows = [one["number"].row for one in primary_sentences(released, labels)]
    at_primary = [row for row in rows if row["visit"] == labels.plan.visits.primary]
    assert sum(len(one["said"]) for one in found) == len(at_primary)
    assert all(one.headline for cohort in found for one in cohort["said"])
    if make is three_arms_plan:
        assert any("Dry needling against sham" in "".join(one.headline) for one in found[0]["said"])


def test_the_strip_and_the_heading_fit_the_design():
    released, labels = shown(single_arm_plan)
    assert heading(labels) == "Change from baseline to week 4"
    assert strip(released, labels, 60)[0] == ("Design", "One group, not compared")
    released, labels = shown(plan)
    assert heading(labels) == "Dry needling against usual care, at week 4"
    assert dict(strip(released, labels, 1360)) == {
        "Design": "Randomised, 2 arms",
        "Patients": "1360 in 3 cohorts",
        "Primary": "Pain intensity and function, week 4",
        "Registration": "For the authors to add",
    }
    registered = Labels(plan(metadata={"registration": "ISRCTN00000000"}))
    assert strip(released, registered, 1)[3] == ("Registration", "ISRCTN00000000")
    assert (
        dict(strip(released, Labels(plan(made_up=True)), 480))["Patients"] == "480 in 3 cohorts"
    )  # the flag above says it


# ---------------------------------------------------------------- harms and who notices


def harms(
    events=(70, 30), serious=(1, 0), hidden="", kinds=(("soreness", 60), ("bruising", 20), ("bleeding", 5)), rule="told"
):
    base = {
        "analysis": "harms",
        "quantity": "share",
        "cohort": "myofascial",
        "n_patients": 80,
        "estimate": 0.5,
        "hidden": hidden,
    }
    arms = ("dry_needling", "usual_care")
    rows = [
        {**base, "arm": arm, "term": f'[["{factor}", "any"]]', "n_events": n, "row_id": f"{factor}{arm}"}
        for factor, counts in (("adverse_event", events), ("serious", serious))
        for arm, n in zip(arms, counts, strict=True)
    ]
    rows += [
        {**base, "arm": "dry_needling", "term": f'[["adverse_event", "{kind}"]]', "n_events": n, "row_id": kind}
        for kind, n in kinds
    ]
    methods = [("harms", "table", "adverse_events"), ("harms", "serious", rule)]
    return {
        "results": pd.DataFrame(rows),
        "methods": pd.DataFrame(methods, columns=["analysis", "item", "text"]),
    }  # fmt: skip


def test_harms_are_counted_in_each_arm_and_named():
    line = "".join(harms_line(harms(), Labels(plan())))
    assert line == (
        "At least one harm in 70 of 80 patients with dry needling and 30 of 80 patients with usual care, mostly soreness and "
        "bruising; serious harm in 1 of 80 patients with dry needling and 0 of 80 patients with usual care."
    )
    assert "; no serious harm was recorded." in "".join(harms_line(harms(serious=(0, 0)), Labels(plan())))
    severe = "".join(
        harms_line(harms(rule="severity severe"), Labels(plan()))
    )  # severe is not serious: what counts is said
    assert "; harm counted as serious (severity severe) in 1 of 80 patients with dry needling" in severe
    none = "".join(harms_line(harms(serious=(0, 0), rule="severity severe"), Labels(plan())))
    assert "; no harm counted as serious (severity severe) was recorded." in none
    told = harms_line(harms(hidden="few_events"), Labels(plan()))
    # and not: there are no such data
    assert told == ["How many had one is not shown, because it would tell of few events."]
    assert harms_line(shown(plan)[0], Labels(plan())) == []


def responders(hidden):
    """Shares of responders of which that of one arm is not shown."""
    base = {"analysis": "better", "quantity": "share", "cohort": "myofascial", "outcome": "pain", "visit": "week_4"}
    base |= {"variant": "at_least_30_percent", "reference": "", "n_patients": 22}
    arms = [("dry_needling", np.nan if hidden else 0.36, hidden), ("usual_care", 0.0, "")]
    rows = [base | {"arm": arm, "estimate": share, "hidden": why, "row_id": arm} for arm, share, why in arms]
    methods = pd.DataFrame([("better", "table", "response_shares")], columns=["analysis", "item", "text"])
    return {"results": pd.DataFrame(rows), "methods": methods}


def test_an_arm_whose_share_is_not_shown_is_not_passed_over():
    one = Labels(plan())
    told = "".join(noticed(responders("few_events"), one))
    assert told == (
        "Better in pain intensity at week 4 (at least 30 percent): 0% with usual care in myofascial pain (not shown with dry "
        "needling, since it would tell of few events)."
    )
    assert "".join(noticed(responders(""), one)).endswith(
        "36% with dry needling against 0% with usual care in myofascial pain."
    )


def test_without_such_an_analysis_nobody_is_said_to_notice():
    assert noticed(shown(plan)[0], Labels(plan())) == []


# ---------------------------------------------------------------- how sure: four clauses, each by one rule


@pytest.mark.parametrize(
    ("measured", "verdict"), [(97, "little is missing"), (90, "some is missing"), (70, "much is missing")]
)
def test_clause_1_the_share_missing(measured, verdict):
    table = pd.DataFrame(
        {"outcome": ["pain", "pain", "function", "function"], "visit": "week_4", "cohort": "myofascial"}
    )
    table = table.assign(arm=["a", "b"] * 2, measured=[measured, measured, 99, 99], expected=100, hidden="")
    rows = [ROW, ROW | {"outcome": "function"}]
    told = "".join(missing({"missingness": table}, Labels(plan()), rows))
    share = f"{measured}%, fewest of the primary outcomes"
    assert told == f"Pain intensity at week 4 is known of {2 * measured} of 200 patients ({share}): {verdict}."


def other(released, labels, **numbers):
    """Results with one other analysis of the first primary comparison, and only that comparison asked about."""
    row = next(one["number"].row for one in primary_sentences(released, labels))
    extra = pd.DataFrame([row | {"analysis": "again", "row_id": "again", "role": "sensitivity", **numbers}])
    results = released["results"]
    return released | {"results": pd.concat([results, extra.astype(results.dtypes.to_dict())], ignore_index=True)}, [
        row
    ]


def test_clause_2_the_range_over_the_other_analyses():
    released, labels = shown(plan, 200)
    once_more, rows = other(released, labels)
    assert agreement(once_more, labels, rows) == []  # the planned numbers once more are no other answer
    low = rows[0]["low"] - 0.001
    assert agreement(other(released, labels, low=low, role="exploratory")[0], labels, rows) == []
    same = other(released, labels, low=low)[0]
    told = "".join("".join(one) for one in agreement(same, labels, rows))
    # single intervals are compared, while the plan adjusts for several questions: it is said
    assert told.startswith(
        "Before several questions are allowed for, one other analysis comes to the same conclusion; "
    )
    estimate = format_fixed(rows[0]["estimate"], decimals(rows[0]["low"], rows[0]["high"]))
    assert told.endswith(f"; estimates {estimate}.")
    past, rows = other(released, labels, low=-2.0, high=0.4)
    told = "".join("".join(one) for one in agreement(past, labels, rows))
    assert told.endswith("one other analysis does not come to the same conclusion: interval from −2.00 to 0.40.")
    alone = {name: table.assign(p_adjusted=np.nan) if name == "results" else table for name, table in past.items()}
    told = "".join("".join(one) for one in agreement(alone, labels, [rows[0] | {"p_adjusted": np.nan}]))
    assert told.startswith("One other analysis does not come")
    near = other(past, labels, low=-2.0, high=0.004, analysis="third", row_id="third")[0]
    near = other(near, labels, low=low, analysis="fourth", row_id="fourth")[0]
    told = "".join("".join(one) for one in agreement(near, labels, rows))
    assert "2 of three other analyses do not come to the same conclusion: intervals from −2.00 to 0.40." in told
    near = near | {"results": near["results"][near["results"]["row_id"].ne("again")]}
    told = "".join("".join(one) for one in agreement(near, labels, rows))
    assert told.endswith("1 of two other analyses does not come to the same conclusion: interval from −2.00 to 0.004.")
    assert agreement(released, labels, rows) == []
    twin = pd.DataFrame([{"analysis": "again", "item": "table", "text": "twin"}])
    unbelieved = past | {"methods": pd.concat([past["methods"], twin])}
    assert agreement(unbelieved, labels, rows) == []


def test_clause_2_says_of_several_comparisons_which_analyses_differ():
    released, labels = shown(plan, 200)
    rows = [one["number"].row for one in primary_sentences(released, labels)][:2]
    results = released["results"]
    extra = [rows[0] | {"analysis": "again", "row_id": "a", "role": "sensitivity", "low": -2.0, "high": 0.4}]
    extra += [rows[0] | {"analysis": "third", "row_id": "b", "role": "sensitivity", "low": rows[0]["low"] - 0.001}]
    extra += [rows[1] | {"analysis": "again", "row_id": "c", "role": "sensitivity", "low": rows[1]["low"] - 0.001}]
    more = pd.concat([results, pd.DataFrame(extra).astype(results.dtypes.to_dict())], ignore_index=True)
    told = "".join("".join(one) for one in agreement(released | {"results": more}, labels, rows))
    assert "(up to 2) come to the same conclusion in 1 of 2 comparisons; not in " in told
    assert told.endswith("(1 of 2: interval from −2.00 to 0.40).")
    agreed = released | {"results": more[more["row_id"].ne("a")]}
    told = "".join("".join(one) for one in agreement(agreed, labels, rows))
    assert re.search(r"; estimates \S+ for pain .*, \S+ for function", told)


@pytest.mark.parametrize(
    ("mean", "told"),
    [
        (6.0, "The conclusion would change if those not measured had values within what was seen in others."),
        (9.5, "No conclusion would change if those not measured had values within what was seen in others."),
    ],
)
def test_clause_3_tipping_within_or_beyond_what_was_seen(mean, told):
    place = {"cohort": "myofascial", "outcome": "pain", "visit": "week_4"}
    points = pd.DataFrame([{**place, "analysis": "loss", "method": "mar",
                            "arm": "dry_needling", "reference": "usual_care", "shifted": "dry_needling",
                            "mean_then": mean, "hidden": ""}])  # fmt: skip
    seen = pd.DataFrame([{**place, "arm": "dry_needling", "q10": 1.0, "q90": 8.0}])
    methods = pd.DataFrame([("loss", "of", "primary")], columns=["analysis", "item", "text"])
    results = pd.DataFrame({"role": ["primary"], "p_adjusted": [np.nan]})
    given = {"tipping_points": points, "distribution": seen, "methods": methods, "results": results}
    assert "".join(tipping(given, Labels(plan()))[0]) == told
    adjusted = "".join(tipping(given | {"results": results.assign(p_adjusted=0.04)}, Labels(plan()))[0])
    assert adjusted == f"Before several questions are allowed for, {told[0].lower()}{told[1:]}"
    other_one = "".join(tipping(given | {"methods": methods.assign(text="week_12")}, Labels(plan()))[0])
    assert "onclusion of week 12 alone would change" in other_one
    assert tipping({"distribution": seen}, Labels(plan())) == []


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({}, "The primary model was fitted as planned."),
        ({"structures_tried": '["unstructured"]'}, "Of 1 primary model 1 needed a simpler covariance than planned."),
        ({"status": "singular"}, "Of 1 primary model 1 found one planned source of variation to be none."),
        ({"status": "rank_deficient"}, "Of 1 primary model 1 left out a term that the data could not tell."),
        ({"status": "failed", "estimate": np.nan}, "Of 1 primary model 1 could not be fitted."),
    ],
)
def test_clause_4_the_rung_of_the_ladder(changes, told):
    assert "".join(rung([ROW | changes])) == told


def test_no_clause_is_empty():
    for make in (plan, trial_plan, single_arm_plan, three_arms_plan):
        clauses = how_sure(*shown(make))
        assert clauses
        assert all("".join(clause).endswith(".") for clause in clauses)


# ---------------------------------------------------------------- published beside computed


def published_plan(better, estimate):
    one = {"cohort": "myofascial", "outcome": "pain", "better": better, "estimate": estimate, "low": 0.5, "high": 1.5}
    return plan(published=[one | {"source": "A 2020"}])


@pytest.mark.parametrize(("better", "printed"), [("higher", "−1.0 (−1.5 to −0.5)"), ("lower", "1.0 (0.5 to 1.5)")])
def test_a_published_sign_is_turned_to_mean_the_same(better, printed):
    released, _ = shown(plan)
    made = published(released, Labels(published_plan(better, 1.0)))
    assert made.rows[0][1] == printed
    row = primary_sentences(released, Labels(plan()))[0]["number"].row
    assert made.rows[0][3].row_id == row["row_id"]
    assert ("turned" in " ".join(made.notes)) == (better == "higher")


def test_a_published_number_of_nothing_is_refused():
    with pytest.raises(ValueError, match="published, entry 1: outcome 'pian' is not defined; did you mean 'pain'"):
        plan(published=[{"outcome": "pian", "better": "lower", "estimate": 1, "source": "A"}])
