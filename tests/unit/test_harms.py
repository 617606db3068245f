"""Adverse events by arm: counted by hand, in awkward studies, and what is refused."""

import json

import numpy as np
import pandas as pd
import pytest
from made_events import COLUMNS, HARMS, analysed, given, row, study, tables

from needling.analysis.run import analyse
from needling.study.keys import StudyError

ANY = '[["adverse_event", "any"]]'
PEOPLE = {
    "a": "usual_care",
    "b": "usual_care",
    "c": "dry_needling",
    "d": "dry_needling",
    "e": "dry_needling",
    "f": "dry_needling",
}
SESSIONS = {"a": 2, "b": 3, "c": 4, "d": 4, "e": 2}
EVENTS = [
    ("c", 1, "soreness", "mild"),
    ("c", 1, "bruising", "mild"),
    ("c", 3, "soreness", "moderate"),
    ("d", 4, "bruising", "severe"),
    ("d", 9, "soreness", "mild"),
    ("a", 2, "soreness", None),
]


@pytest.fixture
def results():
    return analysed(tables(PEOPLE, SESSIONS, EVENTS))["results"]


@pytest.mark.parametrize(
    ("term", "care", "needling"),
    [
        (ANY, 1, 2),
        ('[["kind", "soreness"]]', 1, 2),
        ('[["kind", "bruising"]]', 0, 2),
        ('[["severity", "mild"]]', 0, 2),
        ('[["severity", "not_stated"]]', 1, 0),
        ('[["magnitude", "minor"]]', 0, 2),
        ('[["magnitude", "major"]]', 0, 1),
        ('[["magnitude", "unclassified"]]', 1, 0),
        ('[["serious", "any"]]', 0, 1),
        ('[["serious", "bruising"]]', 0, 1),
        ('[["session", "not_on_record"]]', 0, 1),
    ],
)
def test_people_are_counted_once_in_the_arm_allocated(results, term, care, needling):
    found = [row(results, term, arm) for arm in ("usual_care", "dry_needling")]
    assert [(one["n_events"], one["n_patients"]) for one in found] == [(care, 2), (needling, 4)]
    assert [one["estimate"] for one in found] == [care / 2, needling / 4]


@pytest.mark.parametrize(
    ("term", "sessions", "people"),
    [
        (ANY, 3, 2),
        ('[["kind", "bruising"]]', 2, 2),
        ('[["kind", "soreness"]]', 2, 1),
        ('[["magnitude", "major"]]', 1, 1),
    ],
)
def test_a_session_counts_once_and_only_where_it_is_on_record(results, term, sessions, people):
    """c had two events at session 1; d's event of a session 9 that is not there counts for d alone."""
    found = row(results, term, "dry_needling", "session_rate")
    assert (found["estimate"], found["n_observations"], found["n_events"]) == (sessions / 10, 10, people)


def test_differences_are_arm_minus_reference_and_fewer_harms_are_better(results):
    found = row(results, ANY, "dry_needling", "risk_difference", "usual_care")
    assert (found["estimate"], found["n_events"], found["n_patients"]) == (0.0, 3, 6)
    bruised = row(results, '[["kind", "bruising"]]', "dry_needling", "risk_difference", "usual_care")
    assert (bruised["estimate"], bruised["better"], bruised["favours"]) == (0.5, "lower", "usual_care")
    unstated = row(results, '[["severity", "not_stated"]]', "dry_needling", "risk_difference", "usual_care")
    assert (unstated["estimate"], unstated["favours"]) == (-0.5, "dry_needling")


def test_nothing_is_tested(results):
    assert results[["p", "statistic"]].isna().all(axis=None)


def test_a_ratio_of_few_is_a_row_that_says_so(results):
    found = row(results, ANY, "dry_needling", "rate_ratio", "usual_care")
    assert (found["status"], found["note"]) == (
        "not_estimated",
        "fewer than 10 patients with the event in an arm, too few for a ratio",
    )
    assert np.isnan(found["estimate"])


def test_treated_are_those_with_a_session(results):
    treated = analysed(tables(PEOPLE, SESSIONS, EVENTS), settings={"people": "treated"})["results"]
    assert row(treated, ANY, "dry_needling")["n_patients"] == 3
    assert row(results, ANY, "dry_needling")["n_patients"] == 4


# ---------------------------------------------------------------- awkward studies


def test_no_events_at_all_have_exact_one_sided_limits():
    found = analysed(tables(PEOPLE, SESSIONS))["results"]
    none = row(found, ANY, "dry_needling")
    assert (none["estimate"], none["low"], none["method"]) == (0.0, 0.0, "clopper_pearson_one_sided")
    assert none["high"] == pytest.approx(1 - 0.05 ** (1 / 4))
    assert row(found, ANY, "dry_needling", "session_rate")["high"] == pytest.approx(1 - 0.05 ** (1 / 10))
    assert row(found, '[["magnitude", "major"]]', "usual_care")["n_events"] == 0
    assert set(found["status"]) == {"converged", "not_estimated"}
    assert set(found.loc[found["status"] == "not_estimated", "quantity"]) == {"rate_ratio"}


def test_one_patient():
    found = analysed(tables({"c": "dry_needling"}, {"c": 2}, EVENTS[:1]))["results"]
    assert (row(found, ANY, "dry_needling")["estimate"], row(found, ANY, "dry_needling")["high"]) == (1.0, 1.0)
    empty = row(found, ANY, "usual_care")
    assert (empty["status"], empty["note"], empty["n_patients"]) == ("not_estimated", "nobody in this arm", 0)
    assert row(found, ANY, "dry_needling", "risk_difference", "usual_care")["status"] == "not_estimated"
    assert row(found, ANY, "usual_care", "session_rate")["note"] == "no session on record in this arm"


def test_nobody():
    found = analysed(tables({}, {}))["results"]
    assert set(found["status"]) == {"not_estimated"}
    assert found["estimate"].isna().all()


def test_a_single_arm_has_no_comparison():
    found = analysed(tables(dict.fromkeys("cdef"), SESSIONS, EVENTS), arms=(), design="single_arm")["results"]
    assert set(found["quantity"]) == {"share", "session_rate"}
    assert (row(found, ANY, "")["n_events"], row(found, ANY, "")["n_patients"]) == (2, 4)


def test_three_arms_and_pairs():
    people = PEOPLE | {"g": "sham", "h": "sham"}
    arms = ("usual_care", "sham", "dry_needling")
    clean = tables(people, SESSIONS | {"g": 3}, [*EVENTS, ("g", 1, "soreness", "mild")])
    found = analysed(clean, arms=arms)["results"]
    assert row(found, ANY, "sham", "risk_difference", "usual_care")["estimate"] == 0.0
    assert len(found[found["term"].eq(ANY) & found["quantity"].eq("risk_difference")]) == 2
    pairs = analysed(clean, arms=arms, settings={"contrasts": "pairwise"})["results"]
    assert row(pairs, ANY, "dry_needling", "risk_difference", "sham")["n_patients"] == 6


def test_arms_that_were_not_drawn_by_lot_are_not_compared():
    found = analysed(tables(PEOPLE, SESSIONS, EVENTS), design="cohort")["results"]
    assert set(found["quantity"]) == {"share", "session_rate"}
    assert (found["reference"] == "").all()
    said = dict(analysed(tables(PEOPLE, SESSIONS, EVENTS), design="cohort")["methods"][["item", "text"]].to_numpy())
    assert "Groups are not compared, because patients were not allocated at random." in said["model"]


def test_all_cells_missing_lose_no_event():
    blank = [(patient, session, None, None) for patient, session, *_ in EVENTS]
    found = analysed(tables(PEOPLE, SESSIONS, blank))["results"]
    for column in ("kind", "severity"):
        assert row(found, f'[["{column}", "not_stated"]]', "dry_needling")["n_events"] == 2
    assert row(found, '[["magnitude", "unclassified"]]', "dry_needling")["n_events"] == 2


def test_events_that_name_no_session_have_no_rate():
    columns = {**COLUMNS, "adverse_events": {k: v for k, v in COLUMNS["adverse_events"].items() if k != "session"}}
    clean = tables(PEOPLE, SESSIONS, EVENTS)
    clean["adverse_events"] = clean["adverse_events"].drop(columns="session")
    found = analysed(clean, events=columns)["results"]
    rate = row(found, ANY, "dry_needling", "session_rate")
    assert (rate["status"], rate["note"]) == ("not_estimated", "adverse events do not name their session")
    assert row(found, ANY, "dry_needling")["n_events"] == 2


def test_an_event_in_two_classes_stops_the_run():
    both = {"magnitude": {"minor": {"severity": ["mild", "severe"]}, "major": {"severity": "severe"}}}
    with pytest.raises(StudyError, match=r"analyses\.harms\.classes\.magnitude: 1 adverse events are in two classes"):
        analysed(tables(PEOPLE, SESSIONS, EVENTS), settings={"classes": both})


def test_a_subset_is_of_its_people_alone():
    clean = tables(PEOPLE, SESSIONS, EVENTS)
    clean["patients"]["sex"] = ["male", "male", "male", "female", "female", "female"]
    found = analysed(clean, settings={"where": {"sex": "female"}})["results"]
    one = row(found, ANY, "dry_needling")
    assert (one["n_events"], one["n_patients"], json.loads(one["subset"])) == (1, 3, {"sex": ["female"]})


# ---------------------------------------------------------------- soreness


def sore(n=40, spread=1.0, arms=("dry_needling",)):
    """Sessions with soreness that falls from 4 at 24 to 1.5 at 72 hours, around each patient's own level."""
    rng = np.random.default_rng(5)
    people = {f"{arm[0]}{i}": arm for arm in ("usual_care", "dry_needling") for i in range(n)}
    clean = tables(people, dict.fromkeys(people, 5))
    own = clean["sessions"]["patient"].map(dict(zip(people, rng.normal(0, spread, len(people)), strict=True)))
    there = clean["sessions"]["patient"].map(people).isin(arms)
    for column, mean in (("soreness_24h", 4.0), ("soreness_72h", 1.5)):
        clean["sessions"][column] = (mean + own + rng.normal(0, 0.8, len(own))).where(there)
    return clean


SORENESS = {"soreness": {"columns": {24: "soreness_24h", 72: "soreness_72h"}, "unit": "0-10 points"}}


def test_the_course_of_soreness_is_recovered():
    found = analysed(sore(), settings=SORENESS)["results"].query("variant == 'course'")
    assert list(zip(found["arm"], found["at"], strict=True)) == [
        ("dry_needling", '{"hour": 24.0}'),
        ("dry_needling", '{"hour": 72.0}'),
    ]
    assert ((found["low"] < [4.0, 1.5]) & (found["high"] > [4.0, 1.5])).all()
    wide = analysed(sore(spread=3.0), settings=SORENESS)["results"].query("variant == 'course'")
    assert (wide["se"] > 2 * found["se"]).all()
    assert set(found["n_patients"]) == {40}
    assert set(found["n_observations"]) == {400}


def test_balanced_means_of_soreness_are_those_of_the_patients():
    """With as many sessions for everybody a mean is the mean of the patients' means, and so is its error."""
    clean = sore()
    found = analysed(clean, settings=SORENESS)["results"].query("variant == 'course'")
    means = clean["sessions"].dropna().groupby("patient")[["soreness_24h", "soreness_72h"]].mean()
    np.testing.assert_allclose(found["estimate"], means.mean(), rtol=1e-8)
    np.testing.assert_allclose(found["se"], means.sem(), rtol=1e-3)


def test_two_arms_with_soreness_have_a_course_each():
    found = analysed(sore(arms=("usual_care", "dry_needling")), settings=SORENESS)["results"].query(
        "variant == 'course'"
    )
    assert list(found["arm"]) == ["usual_care", "usual_care", "dry_needling", "dry_needling"]


def test_no_soreness_is_a_row_that_says_so():
    found = analysed(tables(PEOPLE, SESSIONS), settings=SORENESS)["results"].query("variant == 'course'")
    assert list(found["status"]) == ["not_estimated"]
    assert found["estimate"].isna().all()


# ---------------------------------------------------------------- what is refused


@pytest.mark.parametrize(
    ("settings", "options", "told"),
    [
        ({}, {"events": {"sessions": COLUMNS["sessions"]}}, "the study has no table events.adverse_events"),
        ({"outcomes": ["pain"]}, {}, "leave outcomes, adjust and observed_at out"),
        ({"framework": "equivalence", "margin": 0.1}, {}, "harms are estimated and not tested"),
        ({"contrasts": {"usual_care": -1, "dry_needling": 1}}, {}, "there is no trend of harms"),
        ({"contrasts": "pairwise"}, {"design": "cohort"}, "without randomisation a difference in harms"),
        ({"by": ["kinds"]}, {}, "adverse_events has no column 'kinds'; did you mean 'kind'?"),
        ({"serious": {"severity": "severest"}}, {}, "severity is never 'severest'; did you mean 'severe'?"),
        ({"classes": {"x": {"y": {"grade": "1"}}}}, {}, "adverse_events has no column 'grade'"),
        (
            {"soreness": {"columns": {24: "soreness_24h", 72: "soreness_27h"}, "unit": "points"}},
            {},
            "sessions have no column",
        ),
    ],
)
def test_what_cannot_be_meant_is_refused_in_a_sentence(settings, options, told):
    with pytest.raises(ValueError, match=r"harms") as error:
        study(**options, harms=HARMS | settings)
    assert told in str(error.value)


def test_a_class_of_a_column_without_codes_is_refused():
    columns = {**COLUMNS, "adverse_events": {"session": "s", "severity": "v"}}
    with pytest.raises(ValueError, match=r"list the codes of events\.adverse_events\.columns\.severity"):
        study(events=columns, harms=HARMS)


# ---------------------------------------------------------------- simulated trials


def test_rates_and_their_ratio_hold_the_truth():
    """Of each session 50 % in the needling arm and 20 % in the other bring an event, whoever the patient is."""
    rng, held, trials = np.random.default_rng(3), np.zeros(3), 60
    one = study(harms={"kind": "harms"})
    people = {f"{arm[0]}{i}": arm for arm in ("usual_care", "dry_needling") for i in range(60)}
    for _ in range(trials):
        sessions = dict(zip(people, rng.integers(3, 9, len(people)).tolist(), strict=True))
        rate = {"usual_care": 0.2, "dry_needling": 0.5}
        events = [
            (p, s, "soreness", "mild")
            for p, n in sessions.items()
            for s in range(1, n + 1)
            if rng.random() < rate[people[p]]
        ]
        found = analyse("harms", given(tables(people, sessions, events), one), one).results
        rates = [row(found, ANY, arm, "session_rate") for arm in rate]
        held[:2] += [r["low"] <= truth <= r["high"] for r, truth in zip(rates, rate.values(), strict=True)]
        ratio = row(found, ANY, "dry_needling", "rate_ratio", "usual_care")
        held[2] += ratio["low"] <= 2.5 <= ratio["high"]
    assert (held / trials > 0.95 - 3 * np.sqrt(0.95 * 0.05 / trials)).all()


def test_results_are_the_same_whatever_the_order_of_the_rows(results):
    clean = tables(PEOPLE, SESSIONS, EVENTS)
    clean["adverse_events"] = clean["adverse_events"].sample(frac=1, random_state=1)
    pd.testing.assert_frame_equal(analysed(clean)["results"], results)
