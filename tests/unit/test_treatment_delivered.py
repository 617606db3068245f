"""Treatment as delivered: counted by hand, in awkward studies, and what is refused."""

import numpy as np
import pandas as pd
import pytest
from made_events import COLUMNS, DELIVERED, analysed, row, study, tables

from needling.release.line import release_side
from needling.release.rule import Limits

PEOPLE = {"a": "usual_care", "b": "usual_care", "c": "dry_needling", "d": "dry_needling", "e": "dry_needling"}
SESSIONS = {"a": 3, "b": 1, "c": 4, "d": 2}
NEEDLING = [
    ("c", 1, "deep", "soleus", "yes", 2),
    ("c", 1, "superficial", "soleus", "no", 1),
    ("c", 2, "deep", "splenius", "no", 1),
    ("d", 1, "deep", "soleus", None, 4),
    ("a", 2, "deep", "soleus", "no", 1),
]
OTHERS = [("a", 1, "exercise", 30), ("a", 2, "exercise", 20), ("c", 1, "education", 15), ("d", 1, "exercise", None)]


@pytest.fixture
def made():
    return analysed(tables(PEOPLE, SESSIONS, needling=NEEDLING, others=OTHERS), "treatment")


def number(made, measure, arm):
    """The described number of an arm."""
    found = made["delivered"]
    mine = found[(found["measure"] == measure) & (found["arm"] == arm)]
    assert len(mine) == 1
    return mine.iloc[0]


@pytest.mark.parametrize(
    ("measure", "arm", "n", "mean"),
    [
        ("sessions", "dry_needling", 3, 2.0),  # 4, 2 and, of e, none
        ("sessions", "usual_care", 2, 2.0),
        ("days_treated", "dry_needling", 2, 14.0),  # 21 and 7; nothing to span for e
        ("days_treated", "usual_care", 1, 14.0),  # b came once
        ("muscles", "dry_needling", 2, 1.25),  # c: (2 + 1) / 2 sessions with needling; d: 1
        ("needles", "dry_needling", 2, 3.0),  # c: (3 + 1) / 2; d: 4
        ("co_interventions", "dry_needling", 3, 2 / 3),
        ("co_minutes", "dry_needling", 2, 7.5),  # c 15, e 0; the minutes of d are not known
        ("co_minutes", "usual_care", 2, 25.0),
    ],
)
def test_numbers_are_one_of_each_patient(made, measure, arm, n, mean):
    found = number(made, measure, arm)
    assert (found["n"], found["mean"]) == (n, pytest.approx(mean))


def test_of_up_to_three_values_the_rarest_is_counted_since_a_mean_would_tell_of_it():
    for values, fewest in ((3, 2), (4, None)):
        sessions = {f"p{i}": 1 + i % values for i in range(3 * values - 1)}
        found = number(
            analysed(tables(dict.fromkeys(sessions, "dry_needling"), sessions), "treatment"), "sessions", "dry_needling"
        )
        assert found["fewest"] == fewest if fewest else pd.isna(found["fewest"])


def test_quartiles_and_spread_are_those_of_the_patients():
    sessions = {f"p{i}": 1 + i for i in range(9)}
    found = number(
        analysed(tables(dict.fromkeys(sessions, "dry_needling"), sessions), "treatment"), "sessions", "dry_needling"
    )
    assert (found["q25"], found["median"], found["q75"]) == (3, 5, 7)
    assert found["sd"] == pytest.approx(np.std(range(9), ddof=1))


@pytest.mark.parametrize(
    ("term", "arm", "events", "n"),
    [
        ('[["sessions", "any"]]', "dry_needling", 2, 3),
        ('[["sessions", "enough"]]', "dry_needling", 1, 3),  # three or more
        ('[["sessions", "enough"]]', "usual_care", 1, 2),
        ('[["needled", "yes"]]', "usual_care", 1, 2),
        ('[["crossed_over", "yes"]]', "usual_care", 1, 2),  # needled, and not to be
        ('[["crossed_over", "yes"]]', "dry_needling", 1, 3),  # e was never
        ('[["technique", "superficial"]]', "dry_needling", 1, 2),  # of those needled
        ('[["muscle", "soleus"]]', "dry_needling", 2, 2),
        ('[["ltr", "not_stated"]]', "dry_needling", 1, 2),
        ('[["co_intervention", "exercise"]]', "dry_needling", 1, 3),
    ],
)
def test_people_are_counted_once(made, term, arm, events, n):
    found = row(made["results"], term, arm, variant="per_patient")
    assert (found["n_events"], found["n_patients"], found["estimate"]) == (events, n, events / n)


def test_records_are_counted_each(made):
    found = row(made["results"], '[["muscle", "soleus"]]', "dry_needling", variant="per_record")
    assert (found["estimate"], found["n_observations"], found["n_events"]) == (3 / 4, 4, 2)


def test_nothing_is_compared_or_tested(made):
    assert (made["results"]["reference"] == "").all()
    assert made["results"][["p", "low", "high"]].isna().all(axis=None)


def by_clinic(sessions, clinics, **options):
    """Sessions of patients of one arm by clinic, as the analysis gives them."""
    clean = tables(dict.fromkeys(sessions, "dry_needling"), sessions)
    clean["patients"]["clinic"] = list(clinics)
    found = analysed(clean, "treatment", **options)["delivered_by_clinic"]
    return found[found["measure"] == "sessions"].reset_index(drop=True)


def test_clinics_have_the_mean_and_interval_of_their_patients_by_size_and_without_a_name():
    """R: t.test(c(1, 2, 6)) gives a mean of 3 and -3.572411 to 9.572411; t.test(c(4, 6, 8, 6)) 6 and 3.401543 to 8.598457."""
    found = by_clinic({"a": 4, "b": 1, "c": 6, "d": 2, "e": 8, "f": 6, "g": 6, "h": 9}, "YXYXYXYZ")
    assert "clinic" not in found
    assert list(found["rank"]) == [1, 2, 3]
    assert list(found["estimate"]) == [3.0, 6.0, 9.0]
    assert list(found["low"][:2]) == pytest.approx([0.0, 3.401543], abs=1e-6)  # of what is counted, nothing is below 0
    assert list(found["high"][:2]) == pytest.approx([9.572411, 8.598457], abs=1e-6)
    assert found.loc[2, ["low", "high"]].isna().all()  # one patient has no interval
    assert list(found["fewest"]) == [1, 1, 1]  # one patient each with the rarest of up to three values
    assert set(found["n"]) == {8}


def test_clinics_are_told_of_the_arms_that_were_to_be_needled():
    clean = tables(PEOPLE, SESSIONS, needling=NEEDLING)
    found = analysed(clean, "treatment")["delivered_by_clinic"]
    assert set(found["arm"]) == {"dry_needling"}
    assert set(found["measure"]) == {"sessions", "needles"}  # no depth, and twitch responses that nobody counted
    del clean["patients"]["clinic"]
    assert analysed(clean, "treatment")["delivered_by_clinic"].empty


@pytest.mark.parametrize(("fewest", "cell", "shown"), [(10, 11, False), (11, 11, True), (2, 1, False), (3, 1, True)])
def test_a_clinic_of_few_patients_is_not_shown_and_its_place_tells_nothing(fewest, cell, shown):
    place = {"analysis": "t", "cohort": "c", "arm": "a", "measure": "sessions", "unit": "", "level": 0.95, "n": 70}
    rows = [
        place | {"rank": rank, "estimate": 2.0 + rank, "low": 2.0, "high": 9.0, "fewest": few}
        for rank, few in ((1, 20), (2, fewest), (3, 30))
    ]
    out = release_side(
        pd.DataFrame(rows), "delivered_by_clinic", pd.DataFrame({"hidden": []}), Limits(cell, cell, 2, 3)
    )
    assert list(out["rank"]) == [1, 2, 3]
    assert list(out["estimate"].dropna()) == ([3.0, 4.0, 5.0] if shown else [3.0, 5.0])
    assert pd.isna(out["estimate"].iloc[-1]) == (not shown)  # last, wherever it stood
    assert "fewest" not in out


# ---------------------------------------------------------------- awkward studies


def test_nobody_and_an_empty_arm():
    nobody = analysed(tables({}, {}), "treatment")
    assert set(nobody["results"]["status"]) == {"not_estimated"}
    assert nobody["delivered"].empty
    one = analysed(tables({"c": "dry_needling"}, {"c": 1}, needling=NEEDLING[:1]), "treatment")
    empty = one["results"][one["results"]["arm"] == "usual_care"]
    assert list(empty["note"]) == ["nobody in this arm"]
    assert (number(one, "sessions", "dry_needling")["n"], number(one, "sessions", "dry_needling")["mean"]) == (1, 1.0)


def test_nothing_on_record():
    found = analysed(tables(PEOPLE, {}), "treatment")
    assert row(found["results"], '[["needled", "yes"]]', "dry_needling")["n_events"] == 0
    assert row(found["results"], '[["crossed_over", "yes"]]', "dry_needling")["n_events"] == 3
    assert set(found["delivered"]["measure"]) == {"sessions", "co_interventions", "co_minutes"}
    assert (found["delivered"]["mean"] == 0).all()


def test_a_single_arm_does_not_cross_over():
    clean = tables(dict.fromkeys("cde"), SESSIONS, needling=NEEDLING)
    found = analysed(clean, "treatment", arms=(), design="single_arm", settings={"needled": []})["results"]
    assert row(found, '[["needled", "yes"]]', "")["n_events"] == 2
    assert not found["term"].str.contains("crossed_over").any()


def test_three_arms_and_a_cohort():
    people, arms = PEOPLE | {"s": "sham"}, ("usual_care", "sham", "dry_needling")
    clean = tables(people, SESSIONS | {"s": 2}, needling=[*NEEDLING, ("s", 1, "superficial", "soleus", "no", 1)])
    both = analysed(clean, "treatment", arms=arms, settings={"needled": ["sham", "dry_needling"]}, design="cohort")[
        "results"
    ]
    assert row(both, '[["crossed_over", "yes"]]', "sham")["n_events"] == 0
    one = analysed(clean, "treatment", arms=arms)["results"]
    assert row(one, '[["crossed_over", "yes"]]', "sham")["n_events"] == 1


def test_a_study_without_needling_table_describes_its_sessions():
    found = analysed(
        tables(PEOPLE, SESSIONS), "treatment", events={"sessions": COLUMNS["sessions"]}, settings={"needled": []}
    )
    assert set(found["delivered"]["measure"]) == {"sessions", "days_treated"}
    assert not found["results"]["term"].str.contains("needled").any()


@pytest.mark.parametrize(
    ("settings", "options", "told"),
    [
        ({}, {"events": {"needling": COLUMNS["needling"]}}, "the study has no table events.sessions"),
        ({"needled": ["needling"]}, {}, "arm 'needling' is not defined; did you mean 'dry_needling'?"),
        ({"needled": []}, {}, "needled is missing"),
        ({"contrasts": "pairwise"}, {}, "treatment is described, not compared"),
        ({"outcomes": ["pain"]}, {}, "leave outcomes, adjust and observed_at out"),
    ],
)
def test_what_cannot_be_meant_is_refused_in_a_sentence(settings, options, told):
    with pytest.raises(ValueError, match="treatment") as error:
        study(**options, treatment=DELIVERED | settings)
    assert told in str(error.value)
