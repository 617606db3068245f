"""What is released of adverse events and treatment under the rule of cells: no small number, no name of what few people had."""

import json

import numpy as np
import pandas as pd
import pytest
from made_events import DELIVERED, HARMS, given, study, tables

from needling.analysis.run import analyse
from needling.cohort.describe import baseline_characteristics, distributions, missingness
from needling.cohort.flow import participant_flow
from needling.figures.draw import figures, write_figure
from needling.labels.words import Labels
from needling.release.line import release
from needling.report.happened import harms_sentences
from needling.schema.contract import check, empty
from needling.schema.frames import FRAME
from needling.schema.intake import ACCOUNT, AUDIT, CODEBOOK, RELIABILITY, TOTALS
from needling.schema.results import PEOPLE
from needling.tables.make import tables as tables_of_report

SHOWN = {"adverse_events", "adverse_event_sessions", "serious_events", "delivered"}
SMALL = range(1, 11)
TRIAL = {"rule": "trial", "by": "statistician", "date": "2026-01-05", "why": "as CONSORT asks"}


def plan(disclosure):
    made = study(harms=HARMS, treatment=DELIVERED)
    return made.model_copy(update={"made_up": False, "disclosure": type(made.disclosure)(**disclosure)})


def events_of(seed, n, rate):
    """Clean tables of two arms of n people: each has a session and perhaps events; some kinds and classes are rare."""
    rng = np.random.default_rng(seed)
    people = {f"{arm[0]}{i}": arm for arm in ("usual_care", "dry_needling") for i in range(n)}
    ill = [p for p, arm in people.items() if rng.random() < rate * (1 if arm == "dry_needling" else 0.6)]
    kinds, grades = ["soreness", "bruising", "pneumothorax"], ["mild", "moderate", "severe"]
    events = [
        (p, 1, rng.choice(kinds, p=[0.6, 0.35, 0.05]), rng.choice(grades, p=[0.7, 0.25, 0.05]))
        for p in ill
        for _ in range(1 + rng.integers(2))
    ]
    needled = [
        (p, 1, rng.choice(["deep", "superficial"], p=[0.9, 0.1]), "soleus", "no", 1)
        for p in people
        if people[p] == "dry_needling"
    ]
    return tables(people, dict.fromkeys(people, 1), events, needled)


def measured(patients):
    """Visit frame with pain at baseline for everybody, so that the tables of what was observed can be made."""
    place = {"outcome": "pain", "instrument": "nprs", "unit": "0-10 points", "better": "lower", "visit": "baseline"}
    numbers = {"visit_number": 0, "week": 0.0, "day": 0.0, "hour": 0.0, "change": 0.0, "improvement": 0.0}
    value = 1.0 * (np.arange(len(patients)) % 9)
    frame = patients.assign(**place, **numbers, site="", side="", therapist="T1", value=value, baseline=value)
    return check(frame[[*FRAME, "sex"]], FRAME, "frame")


def both(clean, disclosure):
    """The tables of the two analyses before and after release."""
    one = plan(disclosure)
    data = given(clean, one)
    found = [analyse(name, data, one).tables for name in ("harms", "treatment")]
    joined = {
        key: pd.concat([t[key] for t in found if key in t], ignore_index=True)
        for key in ("results", "methods", "delivered")
    }
    frame, patients = measured(clean["patients"]), clean["patients"]
    exported = patients[["patient"]].assign(row=patients["row"])
    left = pd.DataFrame(columns=["table", "row", "rule", "reason"])
    observed = {
        "people": empty(PEOPLE),
        "flow": participant_flow(exported, patients, left, frame, one),
        "distribution": distributions(frame, one),
        "missingness": missingness(frame, patients, one),
        "baseline": baseline_characteristics(frame, patients, one),
        **{
            n: empty(c)
            for n, c in {"audit": AUDIT, "totals": TOTALS, "reliability": RELIABILITY, "codebook": CODEBOOK}.items()
        },
        "unread": empty(ACCOUNT["unread"]),
    }
    return joined, release(joined | observed, one)


@pytest.mark.parametrize("rate", [0.02, 0.3, 0.6, 0.95])
@pytest.mark.parametrize("seed", range(4))
def test_no_small_number_of_people_can_be_read_or_bounded(seed, rate):
    joined, released = both(events_of(seed, 60, rate), {"rule": "cells", "min_cell": 11})
    before = joined["results"][joined["results"]["n_events"].notna()]
    after = released["results"]
    shown = after[after["n_events"].notna()]
    assert not shown["n_events"].isin(SMALL).any()
    assert not (shown["n_patients"] - shown["n_events"]).isin(SMALL).any()
    hidden = after[after["hidden"] == "few_events"]
    assert hidden[["estimate", "low", "high", "se", "n_events"]].isna().all(axis=None)
    factor = before["term"].map(lambda term: json.loads(term)[0][0])
    levels = before.groupby(factor)["term"].nunique()
    for name in levels[levels > 1].index:
        mine = before[factor == name]
        small = mine[
            (mine["reference"] == "")
            & (mine["n_events"].isin(SMALL) | (mine["n_patients"] - mine["n_events"]).isin(SMALL))
        ]
        if len(small):
            told = after[after["term"].map(lambda term: json.loads(term)[0][0] if term else "") == name]
            assert (told["estimate"].isna() & told["n_events"].isna()).all(), name
            assert {json.loads(term)[0][1] for term in told["term"]} == {""}, name


def test_the_rule_of_trials_shows_all_that_is_of_three_people_or_more():
    joined, released = both(events_of(1, 60, 0.3), TRIAL)
    of_two = joined["results"]["n_patients"] < 3
    assert (released["results"].loc[~of_two, "hidden"] == "").all()
    pd.testing.assert_series_equal(released["results"]["n_events"], joined["results"]["n_events"])


def test_numbers_of_one_value_for_few_are_hidden():
    """All have one session but three, who have two: mean and spread would tell of the three."""
    people = {f"p{i}": "dry_needling" for i in range(30)}
    clean = tables(people, {name: 2 if i < 3 else 1 for i, name in enumerate(people)})
    cells = both(clean, {"rule": "cells", "min_cell": 11})[1]["delivered"].set_index("measure").loc["sessions"]
    assert (cells["n"], cells["hidden"]) == (30, "few_people")
    assert np.isnan(cells["mean"])
    assert "fewest" not in cells.index
    exact = both(clean, TRIAL)[1]["delivered"].set_index("measure").loc["sessions"]
    assert exact["mean"] == pytest.approx(33 / 30)


@pytest.mark.parametrize("rule", [TRIAL, {"rule": "cells", "min_cell": 11}])
def test_what_shows_them_has_no_number_that_is_hidden(rule, tmp_path):
    released, labels = both(events_of(1, 60, 0.3), rule)[1], Labels(plan(rule))
    told = {name: make(released, labels) for name, make in tables_of_report().items() if name in SHOWN}
    assert set(told) == SHOWN
    printed = " ".join(cell for table in told.values() if table for row in table.rows for cell in row)
    assert ("‡" in printed) == (rule["rule"] == "cells")
    assert ("Pneumothorax" in printed) == (rule["rule"] == "trial")
    pieces = " ".join(piece for one in harms_sentences(released, labels) for piece in one)
    assert pieces.startswith("Any adverse event in ")
    rooms = figures()
    for name in ("events", "delivered"):
        said = write_figure(rooms[name], released, labels, tmp_path / name)
        assert said
        assert "nan" not in said["alternative"]
        assert ", dry needling: " in said["alternative"]


def test_of_several_differences_each_says_who_is_compared():
    released, labels = both(events_of(1, 60, 0.3), TRIAL)[1], Labels(plan(TRIAL))
    results = released["results"]
    mine = results[results["quantity"].eq("risk_difference") & results["term"].eq('[["adverse_event", "any"]]')].iloc[
        :1
    ]
    one = "".join(harms_sentences(released, labels)[0])
    assert one.count("(difference ") == 1
    turned = mine.assign(arm=mine["reference"], reference=mine["arm"], estimate=-mine["estimate"])
    more = {**released, "results": pd.concat([results, turned], ignore_index=True)}
    two = "".join(harms_sentences(more, labels)[0])
    first, second = (labels.compared(row).lower() for row in pd.concat([mine, turned]).to_dict("records"))
    assert f"(differences: {first} " in two
    assert f"; {second} " in two
    assert "(difference " not in two
