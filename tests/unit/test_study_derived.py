"""Covariates and intercurrent events of the study file: what a plan may say, and the sentence where it may not."""

from copy import deepcopy
from typing import ClassVar, Literal

import pytest
import yaml

from needling.study.derived import Strategy
from needling.study.file import part, read_study, section
from needling.study.keys import StudyError
from needling.study.settings import KindSettings


class Means(KindSettings):
    """A kind that knows means."""

    kind: Literal["means"]


class Shares(KindSettings):
    """A kind with two-valued outcomes that can stop at an intercurrent event."""

    kind: Literal["shares"]
    strategies: ClassVar = frozenset({"treatment_policy", "composite", "while_on_treatment"})
    binary: ClassVar = True


KINDS = {"means": Means, "shares": Shares}
PLAN = yaml.safe_load(
    """
study: small
design: randomised
seed: 1
disclosure: {rule: cells}
export: {format: csv, records: x.csv}
patients:
  id: patient
  arm: {from: group, codes: {"0": control, "1": needles}, reference: control}
  covariates: {age: age}
visits:
  date: date
  schedule:
    baseline: {days: [-14, 0]}
    week_4: {days: [21, 42]}
  primary: week_4
instruments: {nprs: {total: pain}, csi: {total: csi}, ndi: {total: ndi}}
events:
  sessions: {columns: {session: number, date: seen}}
  needling: {columns: {session: number, muscle: muscle, needles: n, ltr: {from: ltr, codes: {"0": "no", "1": "yes"}}}}
  status: {columns: {date: left, date_told: told, reason: {from: why, codes: {"1": lost, "2": harmed}}}}
covariates:
  csi: {instrument: csi, visit: baseline}
  csi_later: {instrument: csi, visit: week_4}
  sessions: {table: sessions, take: count, until: week_4}
  twitches: {table: needling, take: share_of_sessions, where: {ltr: "yes"}, until: week_4}
  needles: {table: needling, take: sum, column: needles, until: week_4}
intercurrent_events:
  stopped: {table: status, where: {reason: [lost, harmed]}}
estimands:
  offer:
    population: adults
    treatment: needles against none
    variable: pain at week 4
    summary: difference in means
    intercurrent_events: {stopped: treatment_policy, other treatment: as it comes}
cohorts: {all: {outcomes: {pain: nprs, function: ndi}}}
primary: main
analyses:
  main: {kind: means, outcomes: [pain], adjust: [age, csi], estimand: offer}
  course: {kind: shares, outcomes: [pain]}
"""
)


@pytest.fixture(name="read")
def _read(tmp_path):
    """Read the plan with some of it changed: dotted key -> value, None takes the key out."""

    def read(changes=None):
        plan = deepcopy(PLAN)
        for keys, value in (changes or {}).items():
            *place, last = keys.split(".")
            here = plan
            for key in place:
                here = here[key]
            if value is None:
                del here[last]
            else:
                here[last] = value
        path = tmp_path / "small.yaml"
        path.write_text(yaml.safe_dump(plan, sort_keys=False), encoding="utf-8")
        return read_study(path, KINDS)

    return read


def test_a_derived_covariate_is_used_wherever_one_of_the_export_is(read):
    study = read({"analyses.course.role": "exploratory", "analyses.course.where": {"needles": ["3"]}})
    assert study.covariate_names == ["age", "csi", "csi_later", "sessions", "twitches", "needles"]
    assert study.analyses["main"].adjust == ["age", "csi"]
    assert study.covariates["twitches"].where == {"ltr": ["yes"]}


def test_what_is_known_after_day_0_is_told(read):
    study = read()
    assert study.known_after_day_0(study.covariate_names) == ["csi_later", "sessions", "twitches", "needles"]


@pytest.mark.parametrize("covariate", ["csi_later", "sessions"])
@pytest.mark.parametrize("where", [False, True])
def test_an_effect_is_not_adjusted_for_what_came_after_day_0(read, covariate, where):
    use = {"analyses.main.where": {covariate: ["1"]}} if where else {"analyses.main.adjust": ["age", covariate]}
    with pytest.raises(StudyError, match=f"the covariate '{covariate}' is from after day 0.*role: exploratory"):
        read(use)
    assert read(use | {"analyses.main.role": "exploratory"}).role("main") == "exploratory"


@pytest.mark.parametrize(
    ("key", "value", "told"),
    [
        ("csi", {"instrument": "csi"}, "needs visit"),
        ("csi", {"instrument": "csi", "visit": "baseline", "until": "week_4"}, "has no take, column, where or until"),
        (
            "csi",
            {"instrument": "cis", "visit": "baseline"},
            "covariates.csi: instrument 'cis' is not defined; did you mean",
        ),
        ("csi", {"instrument": "csi", "visit": "week_5"}, "covariates.csi: visit 'week_5' is not defined"),
        ("csi", {"visit": "baseline"}, "is of an instrument (with visit) or of a table of events"),
        ("sessions", {"table": "sessions", "take": "count"}, "needs take and until"),
        ("sessions", {"table": "sessions", "take": "count", "until": "week_5"}, "visit 'week_5' is not defined"),
        (
            "sessions",
            {"table": "adverse_events", "take": "count", "until": "week_4"},
            "has no table events.adverse_events",
        ),
        ("needles", {"table": "needling", "take": "sum", "until": "week_4"}, "need the column that they take"),
        (
            "needles",
            {"table": "needling", "take": "count", "column": "needles", "until": "week_4"},
            "the others have none",
        ),
        (
            "needles",
            {"table": "needling", "take": "sum", "column": "pins", "until": "week_4"},
            "column 'pins' is not def",
        ),
        (
            "twitches",
            {"table": "needling", "take": "count", "where": {"lrt": "yes"}, "until": "week_4"},
            "'lrt' is not",
        ),
        (
            "twitches",
            {"table": "needling", "take": "count", "where": {"ltr": "yse"}, "until": "week_4"},
            "of ltr 'yse' is",
        ),
        ("age", {"instrument": "csi", "visit": "baseline"}, "patients.covariates has one of this name"),
    ],
)
def test_a_covariate_that_cannot_be_is_refused(read, key, value, told):
    with pytest.raises(StudyError) as error:
        read({f"covariates.{key}": value})
    assert told in str(error.value)


def test_a_covariate_of_an_instrument_beside_columns_of_the_export_is_told_its_place(read):
    with pytest.raises(
        StudyError, match="'pcs' is no column of the export; write it under the study's own key covariates"
    ):
        read({"patients.covariates": {"age": "age", "pcs": {"instrument": "csi", "visit": "baseline"}}})


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"intercurrent_events.stopped.table": "adverse_events"}, "has no table events.adverse_events"),
        (
            {"intercurrent_events.stopped.where": {"reason": "lots"}},
            "value of reason 'lots' is not defined; did you mean",
        ),
        ({"intercurrent_events.stopped.where": {"reasons": "lost"}}, "column 'reasons' is not defined"),
        ({"intercurrent_events.stopped.day": "date_end"}, "column of the day 'date_end' is not defined"),
        ({"intercurrent_events.stopped.day": "reason"}, "the column 'reason' holds no dates"),
        ({"events.status.columns.date": None}, "column of the day 'date' is not defined"),
    ],
)
def test_an_event_that_cannot_be_told_from_the_data_is_refused(read, changes, told):
    with pytest.raises(StudyError) as error:
        read(changes)
    assert told in str(error.value)
    assert read({"intercurrent_events.stopped.day": "date_told"}).intercurrent_events["stopped"].day == "date_told"


STOPPED = "estimands.offer.intercurrent_events"


def test_a_strategy_acts_and_other_texts_are_words_for_the_report(read):
    study = read()
    assert study.strategies("main") == {"stopped": Strategy(strategy="treatment_policy")}
    assert study.strategies("course") == {}, "an analysis without estimand answers no event"
    assert study.estimands["offer"].intercurrent_events["other treatment"] == "as it comes"
    again = part(section(study, "estimands", "analyses"), KINDS)
    assert again.strategies("main") == study.strategies("main")


@pytest.mark.parametrize(
    ("answers", "told"),
    [
        ({}, "no strategy is named for the event 'stopped'"),
        ({"stopped": "as it comes"}, "stopped: there is no strategy 'as it comes'"),
        ({"stopped": "hypothetcal"}, "there is no strategy 'hypothetcal'; did you mean 'hypothetical'?"),
        (
            {"stopped": "hypothetical", "stoped": "hypothetical"},
            "the event 'stoped' is not under intercurrent_events; did you",
        ),
        ({"stopped": "composite"}, "needs the value of every outcome after the event"),
        ({"stopped": {"strategy": "composite", "value": {"function": 10.0}}}, "needs the value of every outcome"),
        ({"stopped": {"strategy": "hypothetical", "value": 10}}, "the strategy hypothetical has no value"),
        (
            {"stopped": "while_on_treatment"},
            "kind means cannot follow; it can composite or hypothetical or treatment_policy",
        ),
        ({"stopped": "principal_stratum"}, "by principal_stratum, which the kind means cannot follow"),
    ],
)
def test_a_pairing_that_means_nothing_is_refused(read, answers, told):
    with pytest.raises(StudyError) as error:
        read({STOPPED: answers})
    assert told in str(error.value)


def test_a_composite_has_a_value_for_each_outcome(read):
    both = {"analyses.main.outcomes": ["pain", "function"]}
    with pytest.raises(StudyError, match="with one value for several outcomes; give a value for each"):
        read(both | {STOPPED: {"stopped": {"strategy": "composite", "value": 10}}})
    study = read(both | {STOPPED: {"stopped": {"strategy": "composite", "value": {"pain": 10, "function": 100}}}})
    assert study.strategies("main")["stopped"].value_of("function") == 100
    study = read({STOPPED: {"stopped": {"strategy": "composite", "value": 0}}})
    assert study.strategies("main")["stopped"].value_of("pain") == 0


def test_two_valued_outcomes_need_no_value_and_have_none(read):
    shares = {"analyses.main.kind": "shares"}
    assert read(shares | {STOPPED: {"stopped": "composite"}}).strategies("main")["stopped"].value is None
    assert read(shares | {STOPPED: {"stopped": "while_on_treatment"}})
    with pytest.raises(StudyError, match="the kind shares has two-valued outcomes; leave it out"):
        read(shares | {STOPPED: {"stopped": {"strategy": "composite", "value": 0}}})
    with pytest.raises(StudyError, match="kind shares cannot follow"):
        read(shares | {STOPPED: {"stopped": "hypothetical"}})


# ---------------------------------------------------------------- hours, sites


def test_time_points_of_one_day_have_hours_and_a_name_in_the_export(read):
    schedule = {"before": {"hours": 0}, "at_once": {"hours": 0.5}, "next_day": {"hours": 24}}
    clock = {"visits.schedule": schedule, "visits.primary": "next_day", "visits.planned": "point"}
    none = {"covariates": {}, "analyses.main.adjust": ["age"]}
    study = read(clock | none)
    assert [plan.nominal_week for plan in study.visits.schedule.values()] == [0, 0.5 / 168, 1 / 7]
    with pytest.raises(
        StudyError, match=r"before has hours, so that a date cannot tell it; name the column.*visits\.planned"
    ):
        read({key: value for key, value in clock.items() if key != "visits.planned"} | none)
    with pytest.raises(StudyError, match="hours, or days and week, not both"):
        read(clock | none | {"visits.schedule": {"before": {"hours": 0, "week": 0}}})


def test_sites_of_an_outcome_are_told_apart(read):
    sites = {"ppt_near": {"registry": "ppt", "total": "a"}, "ppt_far": {"registry": "ppt", "total": "b"}}
    plan = {
        "instruments": PLAN["instruments"] | sites,
        "cohorts.all.outcomes": {"pain": "nprs", "pressure": ["ppt_near", "ppt_far"]},
    }
    assert read(plan).instruments["ppt_near"].site is None
    sites["ppt_near"] |= {"site": "trapezius", "side": "left"}
    plan["instruments"] = PLAN["instruments"] | sites
    with pytest.raises(StudyError, match="either have each a site of its own"):
        read(plan)
    sites["ppt_far"] |= {"site": "trapezius"}
    with pytest.raises(StudyError, match="either have each a site of its own"):
        read(plan)
    sites["ppt_far"] |= {"site": "tibialis"}
    assert read(plan).instruments["ppt_near"].side == "left"
