"""Weighted groups: R's numbers, recovery under confounding, what is refused, what is little, and what is shown."""

import re
from functools import cache

import numpy as np
import pandas as pd
import pytest
from made_process import SECTIONS
from made_results import ARM, TRIAL, plan, unreleased

from needling.analysis.kinds import settings_of_kinds
from needling.analysis.moderation import Regression
from needling.analysis.run import analyse
from needling.cohort.frame import add_baseline
from needling.figures import weighted as figure
from needling.figures.style import PHONE, REPORT, style
from needling.labels.numbers import MISSING
from needling.labels.words import Labels
from needling.release.line import release
from needling.schema.contract import check
from needling.schema.results import RESULTS
from needling.study.file import study_model
from needling.tables.results import secondary
from needling.tables.weighted import balance, groups

TRIALS = 60  # repetitions; bounds are four of their Monte Carlo errors
TRUTH = -1.0
NEEDLED = "P001"  # somebody whom the frame of seed 4 has needled


def study(design="cohort", arms=("usual_care", "dry_needling"), **settings):
    arm = {"from": "arm", "codes": dict(enumerate(arms)), "reference": arms[0]} if arms else None
    asked = {
        "kind": "overlap_weights",
        "outcomes": ["pain"],
        "visits": ["week_4"],
        "adjust": ["age", "sex"],
        **settings,
    }
    sections = {
        **SECTIONS,
        "design": design,
        "patients": {
            "id": "id",
            "covariates": {"age": "age", "sex": {"from": "sex", "codes": {1: "f", 2: "m"}}},
            **({"arm": arm} if arms else {}),
        },
        "instruments": {"nprs": {"total": "nprs"}},
        "cohorts": {"all": {"outcomes": {"pain": "nprs"}}},
        "primary": "asked",
        "analyses": {"asked": asked},
    }
    return study_model(settings_of_kinds()).model_validate(sections)


def confounded(seed, n=160, better="lower"):
    """The worse the pain and the older the patient, the likelier needling; needling takes one point away."""
    rng = np.random.default_rng(seed)
    first, age, sex = rng.normal(6, 1.5, n), rng.normal(45, 10, n), rng.choice(["f", "m"], n)
    chance = 1 / (1 + np.exp(-(0.6 * (first - 6) + 0.03 * (age - 45) + 0.4 * (sex == "f"))))
    needled = rng.random(n) < chance
    last = 1 + 0.6 * first + 0.02 * age + TRUTH * needled + rng.normal(0, 1.2, n)
    people = pd.DataFrame({"patient": [f"P{i:03d}" for i in range(n)], "age": age, "sex": sex})
    people["arm"] = np.where(needled, "dry_needling", "usual_care")
    told = {"cohort": "all", "outcome": "pain", "instrument": "nprs", "site": "", "side": "", "unit": "0-10 points"}
    visits = [("baseline", 0, 0.0, first), ("week_4", 1, 4.0, last)]
    rows = pd.concat(
        people.assign(visit=visit, visit_number=k, week=week, value=values) for visit, k, week, values in visits
    )
    return add_baseline(rows.assign(better=better, **told).reset_index(drop=True), "baseline")


def run(frame, **settings):
    patients = frame.drop_duplicates("patient")[["patient", "cohort", "arm", "age", "sex"]]
    found = analyse("asked", {"visits": frame, "patients": patients}, study(**settings))
    return check(found.results, RESULTS, "results"), found.tables


def difference(results, variant=""):
    return results[results["quantity"].eq("difference") & results["variant"].eq(variant)].iloc[0]


def test_it_is_least_squares_with_overlap_weights_whose_standard_error_r_has():
    """A regression with these weights and columns, whose equations are written out in tests/reference/r/moderators.R."""
    frame = confounded(1)
    row = difference(run(frame)[0])
    here = frame[frame["visit"] == "week_4"]
    mains = np.column_stack([here["baseline"], here["age"], here["sex"].eq("m").to_numpy(float)])
    arms, y = ["usual_care", "dry_needling"], here["value"].to_numpy(float)
    C = np.column_stack([np.ones(len(y)), mains])
    fit = Regression(y, here["arm"].to_numpy(), arms, mains, np.empty((len(y), 0)), C)
    told = fit.estimate(fit.arm_at("dry_needling", np.empty(0)), 0.95)
    for what in ("estimate", "se", "df", "low", "high", "p"):
        assert row[what] == pytest.approx(told[what], rel=1e-7), what


def test_numbers_of_a_small_group_are_those_of_r():
    """R 4.2: glm for the propensity, weighted.mean, t.test; 200 patients of seed 20260101."""
    results, tables = run(confounded(20260101, n=200))
    means = results[results["quantity"] == "mean"].set_index("arm")["estimate"]
    assert means.to_dict() == pytest.approx({"usual_care": 5.38533260784, "dry_needling": 4.35473396649}, abs=1e-7)
    crude = difference(results, "unweighted")
    assert crude["low"] < crude["estimate"] < crude["high"]
    assert crude[["low", "high"]].tolist() == pytest.approx([-0.762181869613, 0.002178908856], abs=1e-7)
    effective = tables["weights"].set_index("arm")["effective_n"]
    assert effective["dry_needling"] == pytest.approx(92.8642743, abs=1e-5)


def test_the_planted_difference_is_found_with_its_coverage_where_plain_means_hide_it():
    found, inside, crude = [], [], []
    for seed in range(TRIALS):
        results, _ = run(confounded(seed))
        row = difference(results)
        found.append(row["estimate"])
        inside.append(row["low"] <= TRUTH <= row["high"])
        crude.append(difference(results, "unweighted")["estimate"])
    error = np.std(found, ddof=1) / np.sqrt(TRIALS)
    assert abs(np.mean(found) - TRUTH) < 4 * error
    assert abs(np.mean(inside) - 0.95) < 4 * np.sqrt(0.95 * 0.05 / TRIALS)
    assert np.mean(crude) > TRUTH + 0.4


def test_everything_in_the_regression_is_balanced():
    _, tables = run(confounded(3))
    table = tables["balance"].set_index("variable")
    assert table["after"].abs().max() < 1e-9
    assert table.loc["baseline", "before"] > 0.4
    assert list(table["level"].fillna("")) == ["", "", "m"]
    assert tables["weights"]["mean"].to_list() == pytest.approx([1.0, 1.0])


def test_e_values_are_of_the_difference_and_of_the_limit_nearer_to_0():
    results, _ = run(confounded(1))
    row, of = difference(results), results[results["quantity"] == "e_value"].set_index("variant")["estimate"]
    here = confounded(1).query("visit == 'week_4'")
    groups = [values for _, values in here.groupby("arm")["value"]]
    spread = np.sqrt(sum((len(g) - 1) * g.var() for g in groups) / (len(here) - 2))
    ratio, limit = (np.exp(0.91 * abs(one) / spread) for one in (row["estimate"], row["high"]))
    assert row["high"] < 0
    assert of[""] == pytest.approx(ratio + np.sqrt(ratio * (ratio - 1)))
    assert of["limit"] == pytest.approx(limit + np.sqrt(limit * (limit - 1)))


@pytest.mark.parametrize(("better", "favoured"), [("lower", "dry_needling"), ("higher", "usual_care")])
def test_the_better_direction_decides_whom_it_favours(better, favoured):
    results, _ = run(confounded(1, better=better))
    assert difference(results)["favours"] == favoured
    assert set(results.loc[results["quantity"] == "e_value", "favours"]) == {""}


def test_an_improvement_is_the_difference_turned_round():
    plain, turned = (difference(run(confounded(1), report_as=one)[0]) for one in ("difference", "improvement"))
    assert turned["estimate"] == -plain["estimate"]
    assert (turned["low"], turned["high"]) == (-plain["high"], -plain["low"])


def test_the_difference_as_they_came_is_no_member_of_a_family_and_never_primary():
    results, _ = run(confounded(1))
    assert results.loc[results["variant"] == "unweighted", "role"].tolist() == ["sensitivity"]
    assert set(results.loc[results["quantity"] == "e_value", "role"]) == {"secondary"}


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (lambda f: f[f["visit"] == "baseline"], "nobody was measured"),
        (lambda f: f[f["arm"] == "usual_care"], "fewer than two patients"),
        (lambda f: f[f["arm"].eq("usual_care") | f["patient"].eq(NEEDLED)], "fewer than two patients"),
        (lambda f: f[f["patient"] < "P010"], "too few patients"),
        (lambda f: f.assign(value=f["value"].where(f["visit"] == "baseline", 5.0)), "does not vary"),
        (lambda f: f.assign(age=np.where(f["arm"] == "dry_needling", 60.0, 30.0)), "propensity of 0 or 1"),
    ],
)
def test_what_cannot_be_compared_is_a_row_that_says_so(spoil, why):
    results, tables = run(spoil(confounded(4)))
    assert results["status"].tolist() == ["not_estimated"]
    assert why in results["note"].iloc[0]
    assert not {"balance", "weights"} & {name for name, table in tables.items() if len(table)}


def test_who_lacks_a_covariate_is_left_out():
    frame = confounded(5)
    frame.loc[frame["patient"] == "P000", "age"] = np.nan
    assert difference(run(frame)[0])["n_patients"] == 159


@pytest.mark.parametrize(("visits", "analysed", "reason"), [(["week_4"], 157, "3"), (["week_4", "week_12"], 157, "3")])
def test_who_is_analysed_is_in_the_model_of_the_primary_visit(visits, analysed, reason):
    """Every visit has a model of its own: whoever is in another one only is in no number of the primary result."""
    frame = confounded(5)
    later = frame[frame["visit"] == "week_4"].assign(visit="week_12", visit_number=2, week=12.0)
    frame = pd.concat([frame, later], ignore_index=True)
    gone = frame["patient"].isin(["P001", "P002", "P003"]) & frame["visit"].eq("week_4")
    results, tables = run(frame[~gone], visits=visits)
    people = tables["people"]
    assert people.loc[people["stage"] == "analysed", "n"].sum() == analysed
    assert people.loc[people["stage"] == "left_out", "n"].sum() == int(reason)
    at = results[results["quantity"].eq("difference") & results["variant"].eq("") & results["visit"].eq("week_4")]
    assert at["n_patients"].tolist() == [analysed]
    said = tables["methods"]
    assert said.loc[said["item"] == "visit", "text"].tolist() == ["{visit:week_4}"]


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({"design": "randomised"}, "allocated by lot are not weighted"),
        ({"design": "single_arm", "arms": ()}, "this study has one"),
        ({"arms": ("usual_care", "dry_needling", "sham")}, "two groups are weighted"),
        ({"adjust": []}, "adjust"),
        ({"visits": ["baseline"]}, "none after baseline"),
        ({"contrasts": "pairwise"}, "each arm with the reference"),
    ],
)
def test_what_it_cannot_mean_is_refused(settings, why):
    with pytest.raises(Exception, match=why):
        study(**settings)


# ---------------------------------------------------------------- shown


COHORTS = ("Myofascial pain", "Fibromyalgia", "Sports injury")


def observed(**changes):
    patients = {"id": "id", "arm": ARM, "cohort": {"from": "c"}}
    covariates = {
        "age": {"from": "age", "label": "Age", "unit": "years"},
        "sex": {"from": "sex", "label": "Sex", "codes": {0: "female", 1: "male"}},
    }
    analyses = {
        "primary": {"kind": "repeated_measures", "label": "Primary analysis", "outcomes": ["pain"]},
        "alike": {"kind": "overlap_weights", "outcomes": ["pain"], "visits": ["week_4"], "adjust": ["age", "sex"]},
    }
    given = {"design": "cohort", "made_up": False, "disclosure": TRIAL, "families": {}, "estimands": {}}
    return plan(patients=patients | {"covariates": covariates}, analyses=analyses, **{**given, **changes})


@cache
def released_of(rule):
    one = observed(disclosure=TRIAL if rule == "trial" else {"rule": "cells", "min_cell": 11})

    def few_men(patients, frame):
        """Eight men in one cohort, half and half in the others."""
        place = patients["patient"].rank().astype(int)
        sports = patients["cohort"] == "sports"
        men = (place % 2 == 0) & ~sports | sports & (patients.groupby(["cohort", "arm"]).cumcount() < 4)
        by_person = pd.Series(np.where(men, "male", "female"), patients["patient"])
        return (
            patients.assign(sex=patients["patient"].map(by_person)),
            frame.assign(sex=frame["patient"].map(by_person)),
        )

    return release(unreleased(one, 60, spoil=few_men), one), Labels(one)


def test_table_and_figure_show_balance_before_and_after():
    released, labels = released_of("trial")
    printed = balance(released, labels)
    rows = [row for row in printed.rows if len(row) > 1]
    assert len(rows) == 9
    assert {row[2] for row in rows} == {"0.00"}
    amount = groups(released, labels)
    assert [row[0] for row in amount.rows] == [f"{one}, pain intensity" for one in COHORTS]
    assert all(re.fullmatch(r"\d\d of \d\d", cell) for row in amount.rows for cell in row[1:3])
    e_values = released["results"].query("quantity == 'e_value'")["estimate"]
    assert [cell for row in amount.rows for cell in row[3:]] == [f"{one:.2f}" for one in e_values]
    source = figure.data(released, labels)
    with style(REPORT):
        for profile in (REPORT, PHONE):
            assert len(figure.draw(source, labels, profile).axes) == 1 + len(COHORTS)
    caption, alternative = figure.words(source, labels)
    assert "What is not shown, measured or not, may differ still" in caption
    assert alternative.count("before and") == 9 + 1
    contrasts = secondary(released, labels)
    plain = [row for row in contrasts.rows if "unweighted" in str(row[0]).lower()]
    assert len(plain) == 3
    assert {cell for row in plain for cell in row[1:3]} == {MISSING}  # means are those of the weighted groups
    assert any("as they came" in note for note in contrasts.notes)


def test_few_people_with_a_level_are_not_told_by_balance():
    released, _ = released_of("cells")
    table = released["balance"]
    sports = table[table["cohort"].eq("sports") & table["variable"].eq("sex")]
    assert sports["before"].isna().all()
    assert sports["after"].isna().all()
    assert "fewest" not in table
    assert table.loc[table["cohort"] != "sports", "before"].notna().all()


def test_no_word_of_effect():
    released, labels = released_of("trial")
    texts = [
        text for one in (balance, groups) for text in (one(released, labels).caption, *one(released, labels).notes)
    ]
    texts += figure.words(figure.data(released, labels), labels)
    assert not re.search(r"\beffects?\b|\bcaus", " ".join(texts))
