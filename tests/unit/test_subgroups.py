"""Subgroups: R's numbers, planted effects with coverage, silence of the test, what is too little or refused, and the words."""

import json
import re
from functools import cache
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from made_results import TRIAL, plan, unreleased

from needling.analysis.kinds import settings_of_kinds
from needling.analysis.run import analyse
from needling.cohort.frame import add_baseline
from needling.figures import groups as figure
from needling.figures.intervals import better_on_left
from needling.figures.style import PHONE, REPORT, style
from needling.instruments.definition import definition
from needling.labels.words import Labels
from needling.release.line import release
from needling.report.whom import subgroup_sentences
from needling.study.file import part, study_model
from needling.tables.by_subgroup import table

HERE = Path(__file__).parents[1] / "reference/r"
EXPECTED = pd.read_csv(HERE / "subgroups.csv").set_index(["question", "term"])["value"]
TRIALS = 40  # repetitions; every bound below is four of their Monte Carlo errors
LEVELS = ["joint", "strain", "tendon"]
OWN = {"tendon": "visa_a", "strain": "lefs", "joint": "quickdash"}


@cache
def usual_study():
    return study(list(OWN.values()))


def study(instruments="nprs", design="randomised", arms=("usual", "needling"), by="injury", checked=False, **settings):
    arm = {"from": "arm", "codes": dict(enumerate(arms)), "reference": arms[0]} if arms else None
    covariates = {"age": "age", "injury": {"from": "i", "codes": dict(enumerate([*LEVELS, "female", "male"]))}}
    covariates["place"] = {"from": "p", "kind": "code"}
    asked = {"kind": "subgroups", "outcomes": ["pain"], "visits": ["week_4"], "by": by, **settings}
    main = {"kind": "repeated_measures", "outcomes": ["pain"], **({} if arms else {"baseline": "response"})}
    sections = {
        "design": design,
        "primary": "main",
        "patients": {"id": "id", "covariates": covariates, **({"arm": arm} if arm else {})},
        "visits": {"schedule": {"baseline": {"week": 0}, "week_4": {"week": 4}}, "primary": "week_4"},
        "instruments": {name: {"total": name} for name in ("nprs", "visa_a", "lefs", "quickdash")},
        "cohorts": {"all": {"outcomes": {"pain": instruments}}},
        "analyses": {"main": main, "asked": asked},
        "covariates": {},
        "estimands": {},
    }
    if checked:
        about = {"study": "made", "title": "Made", "made_up": True, "seed": 7}
        about |= {"export": {"format": "csv", "records": "r.csv"}}
        return study_model(settings_of_kinds()).model_validate(sections | about)
    return part(sections, settings_of_kinds())


def run(frame, **settings):
    people = frame.drop_duplicates("patient")[["patient", "cohort", "arm", "age", "injury"]]
    one = usual_study() if settings == {"instruments": list(OWN.values())} else study(**settings)
    return analyse("asked", {"visits": frame, "patients": people}, one).results


def framed(people, first, last, unit="0-10 points", better="lower"):
    """A frame of patients measured twice."""
    told = {"cohort": "all", "outcome": "pain", "site": "", "side": "", "unit": unit, "better": better, "place": "x"}
    both = {"baseline": first, "week_4": last}
    frame = pd.concat(
        [people.assign(**told, visit=visit, value=value) for visit, value in both.items()], ignore_index=True
    )
    return add_baseline(frame, "baseline")


def pooled_frame(people, first, last):
    """The same with each patient's own instrument, as percent of maximum possible score, as frames hold it."""
    one = usual_study()
    share = [pd.Series(np.nan, people.index) for _ in range(2)]
    for name in people["instrument"].unique():
        mine = people["instrument"] == name
        for values, target in zip((first, last), share, strict=True):
            target[mine] = definition(name, one.instruments[name]).pomp(values[mine])
    return framed(people, *share, "% of maximum possible score", "higher")


def trial(seed, n=120, effects=(1.0, 3.0, -3.0), spread=10.0):
    """Tendon, strain and joint by VISA-A, LEFS and QuickDASH, each with its effect in its own points."""
    rng = np.random.default_rng(seed)
    place = np.arange(n) % 3
    arm = (np.arange(n) // 3) % 2
    first = 50 + rng.normal(0, spread, n)
    last = 25 + 0.5 * first + np.array(effects)[place] * arm + rng.normal(0, spread, n)
    names = np.array(list(OWN))[place]
    people = pd.DataFrame({"patient": [f"P{i:04d}" for i in range(n)], "arm": np.array(["usual", "needling"])[arm]})
    people = people.assign(age=45.0, injury=names, instrument=[OWN[name] for name in names])
    return pooled_frame(people, pd.Series(first), pd.Series(last))


def at(results, level, variant="own"):
    rows = results[(results["at"] == json.dumps({"injury": level})) & (results["variant"] == variant)]
    assert len(rows) == 1, (level, variant)
    return rows.iloc[0]


# ---------------------------------------------------------------- R


def test_own_models_the_pooled_one_and_the_test_are_those_of_r():
    data = pd.read_csv(HERE / "data/moderators.csv")
    men = data["sex"] == "male"
    people = pd.DataFrame(
        {"patient": data["id"], "arm": data["arm"], "age": data["age"].astype(float), "injury": data["sex"]}
    )
    people["instrument"] = np.where(men, "lefs", "nprs")
    first, last = (data[one].where(~men, 80 - 6 * data[one]).astype(float) for one in ("baseline", "pain"))
    results = run(pooled_frame(people, first, last), instruments=["nprs", "lefs"], adjust=["age"])
    rows = {level: at(results, level) for level in ("female", "male")}
    rows |= {f"{level} in SD": at(results, level, "standardised") for level in ("female", "male")}
    rows["pooled"] = results[results["variant"] == "pooled"].iloc[0]
    for question, row in rows.items():
        for what in ("estimate", "se", "low"):
            assert row[what] == pytest.approx(EXPECTED[question, what], rel=1e-7), (question, what)
    test = results[results["quantity"] == "moderation"].iloc[0]
    assert test["statistic"] == pytest.approx(EXPECTED["test", "F"], rel=1e-7)
    assert test["p"] == pytest.approx(EXPECTED["test", "p"], rel=1e-7)
    assert (rows["female"]["instrument"], rows["female"]["unit"], rows["female"]["better"]) == (
        "nprs",
        "points",
        "lower",
    )
    assert (rows["male"]["instrument"], rows["male"]["better"]) == ("lefs", "higher")
    assert (rows["female"]["favours"], rows["male"]["favours"]) == ("needling", "needling")
    assert {rows["pooled"]["unit"], rows["male in SD"]["unit"]} == {"standard deviations"}
    assert rows["pooled"]["better"] == "higher"
    assert json.loads(rows["pooled"]["at"]) == {"injury": ["female", "male"]}


# ---------------------------------------------------------------- truth


def test_each_effect_is_found_in_its_own_points_with_the_coverage_it_claims():
    truth, inside, middle = {"tendon": 1.0, "strain": 3.0, "joint": -3.0}, [], []
    for seed in range(TRIALS):
        results = run(trial(seed), instruments=list(OWN.values()))
        rows = [at(results, level) for level in truth]
        middle.append([row["estimate"] for row in rows])
        inside.append([row["low"] <= value <= row["high"] for row, value in zip(rows, truth.values(), strict=True)])
    error = np.std(middle, axis=0, ddof=1) / np.sqrt(TRIALS)
    assert (np.abs(np.mean(middle, axis=0) - list(truth.values())) < 4 * error).all()
    assert (np.abs(np.mean(inside, axis=0) - 0.95) < 4 * np.sqrt(0.95 * 0.05 / TRIALS)).all()


def test_one_effect_on_the_common_scale_is_pooled_and_rarely_said_to_differ():
    """Three tenths of a standard deviation everywhere, QuickDASH turned round."""
    inside, rejected = [], []
    for seed in range(TRIALS):
        results = run(trial(500 + seed, effects=(3.0, 3.0, -3.0)), instruments=list(OWN.values()))
        pooled = results[results["variant"] == "pooled"].iloc[0]
        inside.append(pooled["low"] <= 0.3 <= pooled["high"])
        rejected.append(results.loc[results["quantity"] == "moderation", "p"].iloc[0] < 0.05)
        assert pooled["better"] == "higher"
    assert abs(np.mean(inside) - 0.95) < 4 * np.sqrt(0.95 * 0.05 / TRIALS)
    assert np.mean(rejected) < 0.05 + 4 * np.sqrt(0.95 * 0.05 / TRIALS)


def test_opposite_effects_are_told_apart():
    results = run(trial(1, n=240, effects=(10.0, -10.0, 0.0)), instruments=list(OWN.values()))
    assert results.loc[results["quantity"] == "moderation", "p"].iloc[0] < 1e-4


def test_one_instrument_is_never_standardised():
    frame = trial(2)
    people = frame[frame["visit"] == "baseline"].assign(instrument="nprs")
    rng = np.random.default_rng(2)
    first = pd.Series(rng.normal(6, 1.5, len(people)))
    people = people[["patient", "arm", "age", "injury", "instrument"]].reset_index(drop=True)
    results = run(framed(people, first, first - 1 + rng.normal(0, 1, len(people))))
    assert set(results["variant"]) == {"own", "pooled", ""}
    effects = results[results["quantity"] == "effect_at"]
    assert set(effects["unit"]) == {"points"}
    assert set(effects["instrument"]) == {"nprs"}
    assert (results["note"] == "").all()


def test_a_subgroup_measured_by_two_instruments_has_each_and_one_common():
    frame = trial(3, n=240)
    frame.loc[frame["injury"] == "joint", "injury"] = "tendon"
    results = run(frame, instruments=list(OWN.values()))
    own = results[(results["at"] == json.dumps({"injury": "tendon"})) & (results["variant"] == "own")]
    assert set(own["instrument"]) == {"visa_a", "quickdash"}
    assert at(results, "tendon", "standardised")["n_patients"] == 160
    assert at(results, "strain", "standardised")["n_observations"] == 240
    assert (results.loc[results["quantity"] == "moderation", "note"] == "").all()


def test_where_each_has_its_own_instrument_it_is_said_that_they_cannot_be_told_apart():
    results = run(trial(4), instruments=list(OWN.values()))
    assert "may be one of instruments" in results.loc[results["quantity"] == "moderation", "note"].iloc[0]


# ---------------------------------------------------------------- too little, and refused


def test_a_small_subgroup_is_a_row_without_a_count_and_is_in_nothing_else():
    frame = trial(5)
    gone = frame["injury"].eq("joint") & frame["patient"].str[1:].astype(int).gt(55)
    results = run(frame[~gone], instruments=list(OWN.values()))
    small = at(results, "joint")
    assert small["note"] == "fewer than 20 patients"
    assert pd.isna(small["n_patients"])
    assert results.loc[results["variant"] == "pooled", "n_patients"].iloc[0] == 80
    assert json.loads(results.loc[results["variant"] == "pooled", "at"].iloc[0]) == {"injury": ["strain", "tendon"]}
    assert set(results["subset"]) == {'{"injury": ["strain", "tendon"]}'}


def test_who_everybody_is_has_no_subset():
    assert set(run(trial(5), instruments=list(OWN.values()))["subset"]) == {""}


@pytest.mark.parametrize("left", [7, 15])
def test_counts_do_not_tell_how_few_are_in_a_subgroup_that_is_left_out(left):
    """Everybody less all that are shown together is the number in the small subgroup."""

    def one_of_few(patients, frame):
        sports = patients[patients["cohort"] == "sports"].sort_values("patient")
        by_person = pd.Series("female", patients["patient"])
        by_person[sports["patient"].head(left)] = "male"
        return (
            patients.assign(sex=patients["patient"].map(by_person)),
            frame.assign(sex=frame["patient"].map(by_person)),
        )

    one = made(made_up=False, disclosure={"rule": "cells", "min_cell": 11})
    rows = release(unreleased(one, 120, spoil=one_of_few), one)["results"].query(
        "analysis == 'by_sex' and cohort == 'sports' and variant == 'own' and outcome == 'pain'"
    )
    counted = rows["n_patients"].dropna()
    everybody = 0 if counted.empty else int(counted.sum())
    assert (everybody > 0) == (left == 15), rows[["at", "n_patients", "hidden"]]


def test_one_subgroup_alone_is_not_pooled_and_not_tested():
    results = run(trial(6).query("injury == 'tendon'"), instruments=list(OWN.values()))
    assert at(results, "tendon")["status"] == "converged"
    test = results[results["quantity"] == "moderation"]
    assert test["status"].tolist() == ["not_estimated"]
    assert "fewer than two subgroups" in test["note"].iloc[0]
    assert not (results["variant"] == "pooled").any()


def test_who_has_no_diagnosis_is_in_no_subgroup():
    frame = trial(7)
    frame.loc[frame["patient"] == "P0000", "injury"] = None
    results = run(frame, instruments=list(OWN.values()))
    assert results.loc[results["variant"] == "pooled", "n_patients"].iloc[0] == 119


@pytest.mark.parametrize("arms", [("usual", "needling"), ("usual", "needling", "sham")])
def test_every_arm_is_compared_with_the_reference(arms):
    frame = trial(8, n=240)
    if len(arms) == 3:
        frame.loc[frame["patient"].str[1:].astype(int) % 5 == 0, "arm"] = "sham"
    results = run(frame, instruments=list(OWN.values()), arms=arms)
    assert set(results["arm"]) == set(arms[1:])
    assert (results["reference"] == "usual").all()
    assert not results["row_id"].duplicated().any()


def test_a_cohort_is_weighted_by_overlap():
    results = run(trial(9), instruments=list(OWN.values()), design="cohort", adjust=["age"])
    assert set(results.loc[results["estimate"].notna(), "weights"]) == {"overlap"}


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({"arms": (), "design": "single_arm"}, "this study has one"),
        ({"arms": ("usual", "needling", "sham"), "design": "cohort"}, "two groups are weighted"),
        ({"by": "age"}, "a number, which is not cut into groups"),
        ({"by": "place"}, "a code of a person or place"),
        ({"by": "injry"}, "did you mean 'injury'"),
        ({"visits": ["baseline"]}, "none after baseline"),
        ({"contrasts": "pairwise"}, "each arm with the reference"),
    ],
)
def test_what_it_cannot_mean_is_refused(settings, why):
    with pytest.raises(Exception, match=why):
        study(checked=True, **settings)


# ---------------------------------------------------------------- shown


def made(**changes):
    analyses = {
        "primary": {"kind": "repeated_measures", "label": "Primary analysis", "outcomes": ["pain"]},
        "by_sex": {"kind": "subgroups", "outcomes": ["pain", "function"], "visits": ["week_4"], "by": "sex"},
    }
    covariates = {"age": {"from": "age", "label": "Age"}, "sex": {"from": "sex", "codes": {0: "female", 1: "male"}}}
    patients = plan().patients.model_dump(by_alias=True, exclude_none=True, exclude={"covariates"})
    return plan(
        analyses=analyses, families={}, estimands={}, patients={**patients, "covariates": covariates}, **changes
    )


def observed():
    return made(design="cohort", made_up=False, disclosure=TRIAL)


def two_instruments(patients, frame):
    """Men with a sports injury are measured by another instrument than women."""
    sports = frame["cohort"].eq("sports") & frame["outcome"].eq("function")
    own = pd.Series(np.where(frame["sex"] == "male", "visa_a", "lefs"), frame.index)
    return patients, frame.assign(instrument=frame["instrument"].mask(sports, own))


@cache
def shown(make):
    one = make()
    return release(unreleased(one, 60, spoil=two_instruments), one), Labels(one)


def test_table_figure_and_sentence_say_the_released_numbers():
    released, labels = shown(made)
    printed = table(released, labels)
    assert printed.left == (0, printed.head.index("Measured by"))  # words stand left, numbers right
    rows = [row for row in printed.rows if len(row) > 1]
    mine = released["results"].query("analysis == 'by_sex'")
    assert len(rows) == int(mine["variant"].isin(["own", "pooled"]).sum())
    pooled = mine[mine["variant"].eq("pooled") & mine["cohort"].eq("sports") & mine["outcome"].eq("function")].iloc[0]
    cells = [cell for row in rows for cell in row if getattr(cell, "row_id", "") == pooled["row_id"]]
    assert any(cell.startswith(("−", "0", "1")) for cell in cells)
    assert "standard deviation within arms at baseline" in " ".join(printed.notes)
    said = ["".join(pieces) for pieces in subgroup_sentences(released, labels)]
    assert len(said) == 6
    assert all("to be the same" in one or "differs between" in one for one in said)
    assert any("all together" in one and "standard deviations" in one for one in said)
    source = figure.data(released, labels)
    for profile in (REPORT, PHONE):
        assert figure.draw(source, labels, profile).axes
    caption, alternative = figure.words(source, labels)
    assert "own unit is in the table" in caption
    assert alternative.count("all together") == 6


def test_only_a_clear_test_is_said_to_differ():
    released, labels = shown(made)
    results = released["results"].copy()
    tests = results["analysis"].eq("by_sex") & results["quantity"].eq("moderation")
    results.loc[tests, "p"] = 0.5
    results.loc[tests & results["cohort"].eq("sports") & results["outcome"].eq("function"), "p"] = 0.001
    said = ["".join(pieces) for pieces in subgroup_sentences({**released, "results": results}, labels)]
    assert [one.partition(":")[0] for one in said if "the effect differs between subgroups" in one] == [
        "Sports injury, function"
    ]
    assert sum("is not shown to differ between subgroups" in one for one in said) == 5


def test_the_better_side_is_left_where_lower_is_better():
    released, labels = shown(made)
    source = figure.data(released, labels)
    sides = {row["outcome"]: better_on_left(row) for row in source[source["cohort"] == "sports"].to_dict("records")
             if row["quantity"] == "effect_at"}  # fmt: skip
    assert sides == {"pain": True, "function": False}


def test_plots_of_one_outcome_in_one_unit_have_one_scale_that_others_do_not_share():
    released, labels = shown(made)
    source = figure.data(released, labels)
    effects = source[source["quantity"] == "effect_at"]
    scales = {}
    for ax, (place, _) in zip(
        figure.draw(source, labels, REPORT).axes,
        effects.groupby(["cohort", "outcome", "unit"], sort=False),
        strict=True,
    ):
        scales.setdefault(place[1:], set()).add(ax.get_xlim())
    assert all(len(one) == 1 for one in scales.values())
    assert len(set.union(*scales.values())) == len(scales) == 4


@pytest.mark.parametrize("profile", [REPORT, PHONE])
def test_both_sides_are_named_and_no_words_stand_on_others(profile):
    released, labels = shown(made)
    with style(profile):
        drawn = figure.draw(figure.data(released, labels), labels, profile)
        drawn.draw_without_rendering()
        texts = [*drawn.texts, *(ax.xaxis.label for ax in drawn.axes)]
        boxes = {text: text.get_window_extent().padded(-1) for text in texts}
    said = [text.get_text() for text in texts]
    assert sum(one.endswith("better") for one in said) == 12
    assert sum(one == "Do subgroups differ?" for one in said) == 6
    on_each_other = [
        (one.get_text(), other.get_text()) for one, other in combinations(texts, 2) if boxes[one].overlaps(boxes[other])
    ]
    assert on_each_other == []


def test_words_are_by_design_and_of_no_cause():
    for make, noun in ((made, "effect"), (observed, "adjusted difference")):
        released, labels = shown(make)
        told = " ".join(["".join(one) for one in subgroup_sentences(released, labels)])
        told += " ".join(
            [table(released, labels).caption, *table(released, labels).notes, *table(released, labels).head]
        )
        told += " ".join(figure.words(figure.data(released, labels), labels))
        assert noun in told
        assert not re.search(r"\b(causes?d?|because of|due to|leads to)\b", told)
        if make is observed:
            assert not re.search(r"\beffects?\b", told.lower())
