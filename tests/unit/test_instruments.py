"""The instrument registry, definitions and scoring rules: each instrument against questionnaires that were scored by hand."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from pydantic import ValidationError

from needling.instruments.definition import definition, definitions
from needling.instruments.registry import Entry, entries, registry
from needling.study.keys import StudyError
from needling.study.sources import Instrument

CASES = yaml.safe_load((Path(__file__).parent / "cases" / "instruments.yaml").read_text(encoding="utf-8"))
SCORED = {name: case for name, case in CASES.items() if "worked" in case}


def defined(name: str, **keys) -> "definition":
    entry = registry()[name]
    if entry.scoring is not None and "total" not in keys and "items" not in keys:
        keys["items"] = f"{name}_1 .. {name}_{entry.scoring.count}"
    return definition(name, Instrument.model_validate({"better": "lower"} | keys if entry.better == "none" else keys))


def items(*rows: list[float | None]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=[str(number) for number in range(1, len(rows[0]) + 1)], dtype=float)


def times(text: str) -> tuple[str, int]:
    """Read 5x9 as nine fives, and 5 as one."""
    word, _, count = text.partition("x")
    return word, int(count or 1)


def answers(text: str) -> list[float | None]:
    """Read 5x2 6 - as 5, 5, 6 and a missing answer."""
    return [None if word == "-" else float(word) for word, count in map(times, text.split()) for _ in range(count)]


def item_ranges(text: str) -> list[tuple[float, float]]:
    """Read 2x 0-10, 1x -1-1 as the lowest and highest answers of three items."""
    found = []
    for part in text.split(", "):
        count, _, span = part.partition("x ")
        low, _, high = span.rpartition("-")
        found += [(float(low), float(high))] * int(count)
    return found


# ---------------------------------------------------------------- the registry, held against what was written down apart from it


def test_every_instrument_has_a_case():
    assert list(CASES) == list(registry())


def test_the_registry_has_every_instrument_of_the_field():
    field = """nprs vas ppt ndi odi dash quickdash lefs psfs fiqr fiq wpi sss visa_a visa_p tsk17 tsk11 pcs_total csi pgic groc
        promis_pi promis_pf cpm rom ltr soreness rmdq spadi prtee ffi fhsq_pain faam_adl faam_sport cait womac koos_pain hoos_pain
        ikdc visa_g visa_h bpi_severity bpi_interference sf_mpq_2 dn4 paindetect pseq fabq_physical fabq_work hads_anxiety
        hads_depression phq9 gad7 stai_state stai_trait psqi isi eq5d_index eq_vas sf36_pcs sf36_mcs sf36_scale sf12_pcs sf12_mcs
        promis_fatigue hit6 midas start_back orebro orebro_short credibility expectancy polysymptomatic_distress crom strength
        strength_per_weight jump_height muscle_tone muscle_stiffness temporal_summation pill_count"""
    assert set(field.split()) <= set(registry())


@pytest.mark.parametrize("name", CASES)
def test_direction_range_unit_and_what_is_unverified(name):
    entry, case = registry()[name], CASES[name]
    assert f"{entry.better}; {entry.range[0]:g} to {entry.range[1]:g}; {entry.unit}" == case["score"]
    assert entry.units == case.get("units", {})
    assert list(entry.usual or []) == case.get("usual", [])
    assert entry.unverified == case.get("unverified", [])


@pytest.mark.parametrize("name", CASES)
def test_thresholds_and_bands_with_their_sources(name):
    entry, case = registry()[name], CASES[name]
    told = [[one.kind, one.value, one.scale, one.source or "unverified"] for one in entry.thresholds]
    assert told == case.get("thresholds", [])
    for one in entry.thresholds:
        assert one.scale in {entry.unit, *entry.units, "% of baseline"}
        assert one.percent == (one.scale == "% of baseline")
    assert (entry.bands.limits if entry.bands else []) == case.get("bands", [])
    assert ((entry.bands.source or "unverified") if entry.bands else None) == case.get("bands_source")


@pytest.mark.parametrize("name", SCORED)
def test_items_and_their_answers(name):
    scoring, case = registry()[name].scoring, SCORED[name]
    numbers = range(1, scoring.count + 1)
    assert [scoring.range_of(number) for number in numbers] == item_ranges(case["items"])
    assert {n: scoring.only_of(n) for n in numbers if scoring.only_of(n)} == case.get("only", {})
    assert (scoring.fewest or scoring.count) == case.get("fewest", scoring.count)
    assert scoring.reversed == (list(numbers) if case.get("reversed") == "all" else case.get("reversed", []))


def test_instruments_without_worked_questionnaires_are_scored_elsewhere():
    assert [name for name, entry in registry().items() if entry.scoring] == list(SCORED)


def test_a_text_is_no_substitute_for_the_field_that_says_unverified():
    entry = registry()["ndi"].model_dump()
    for change in ({"source": "Young 2009, missing items unverified"}, {"source": None, "unverified": []}):
        with pytest.raises(ValidationError):
            Entry.model_validate(entry | change)
    threshold = {"value": 1, "scale": "%", "kind": "MCID"}
    for told in ({}, {"source": "unverified"}, {"source": "Young, Spine J 2009", "unverified": True}):
        with pytest.raises(ValidationError):
            Entry.model_validate(entry | {"thresholds": [threshold | told]})
        with pytest.raises(ValidationError):
            Instrument.model_validate({"total": "x", "thresholds": [threshold | told]})
    Entry.model_validate(entry | {"thresholds": [threshold | {"unverified": True}]})


@pytest.mark.parametrize(
    "change",
    [
        {"rule": "median"},
        {"answered": 11},
        {"count": None},
        {"wording": "How much does it hurt?"},
        {"domains": [{"label": "all", "first": 1, "last": 9, "points": 100}], "rule": "domains"},
        {"domains": [{"first": 1, "last": 10, "points": 100}]},
        {"domains": [{"first": 1, "last": 10, "points": 100, "times": 2}], "rule": "domains"},
        {"domains": [{"first": 1, "last": 10, "points": 100, "answered": 11}], "rule": "domains"},
        {"domains": [{"first": 1, "last": 10, "points": 100}], "rule": "domains", "fewest_domains": 2},
        {"reversed": [11]},
        {"ranges": {"9-11": [0, 1]}},
        {"ranges": {"last": [0, 1]}},
        {"banded": {"3": [4, 2]}},
        {"answers": [5, 0]},
    ],
)
def test_a_broken_scoring_is_refused(change):
    entry = registry()["ndi"].model_dump()
    Entry.model_validate(entry)
    with pytest.raises(ValidationError):
        Entry.model_validate(entry | {"scoring": entry["scoring"] | change})


@pytest.mark.parametrize("limits", [[], [40, 30], [30, 100], [-1, 30]])
def test_bands_rise_and_lie_within_the_range(limits):
    entry = registry()["ndi"].model_dump()
    with pytest.raises(ValidationError):
        Entry.model_validate(entry | {"bands": {"limits": limits, "source": "A, B 2000"}})


# ---------------------------------------------------------------- scoring, by hand from the published rules


@pytest.mark.parametrize(
    ("name", "worked"), [(name, worked) for name, case in SCORED.items() for worked in case["worked"]]
)
def test_a_questionnaire_scored_by_hand(name, worked):
    given, _, score = worked.partition(" = ")
    found = defined(name).score(items(answers(given)))[0]
    assert found == (pytest.approx(float(score), abs=1e-6) if score != "none" else pytest.approx(np.nan, nan_ok=True))


@pytest.mark.parametrize(
    "name",
    [name for name, case in SCORED.items() if not any("-" in one.split() or "-x" in one for one in case["worked"])],
)
def test_where_no_rule_for_missing_items_is_known_every_item_is_needed(name):
    given = answers(SCORED[name]["worked"][0].partition(" = ")[0])
    for place in range(len(given)):
        assert defined(name).score(items([*given[:place], None, *given[place + 1 :]])).isna().all()


@pytest.mark.parametrize("name", SCORED)
def test_an_answer_outside_its_range_counts_as_missing(name):
    one, whole = defined(name), answers(SCORED[name]["worked"][0].partition(" = ")[0])
    for place, (low, high) in enumerate(item_ranges(SCORED[name]["items"])):
        missing = one.score(items([*whole[:place], None, *whole[place + 1 :]]))[0]
        for beyond in (low - 1, high + 1):
            found = one.score(items([*whole[:place], beyond, *whole[place + 1 :]]))[0]
            assert found == pytest.approx(missing, nan_ok=True), (place, beyond)


@pytest.mark.parametrize("name", [name for name in SCORED if name != "midas" and not name.endswith("_parts")])
def test_best_and_worst_answers_are_the_ends_of_the_range(name):
    one, scoring = defined(name), registry()[name].scoring
    for end in (0, 1):
        ends = [scoring.range_of(n)[1 - end if n in scoring.reversed else end] for n in range(1, scoring.count + 1)]
        assert one.score(items(ends))[0] == pytest.approx((one.low, one.high)[end], abs=1e-6)


def test_patients_may_have_chosen_fewer_activities():
    psfs = defined("psfs", items=["a", "b", "c"])
    assert psfs.items == ("1", "2", "3")
    assert psfs.score(items([4, 5, 6]))[0] == 5
    with pytest.raises(StudyError, match="has 3 to 5 items"):
        defined("psfs", items=["a", "b"])


def test_scoring_a_million_questionnaires_gives_what_one_by_one_gives():
    given = items(*np.random.default_rng(3).integers(0, 11, (50, 21)).tolist()).mask(
        np.random.default_rng(4).random((50, 21)) < 0.1
    )
    one = defined("fiqr")
    single = [one.score(given.iloc[[place]]).iloc[0] for place in range(50)]
    np.testing.assert_allclose(one.score(given), single)


# ---------------------------------------------------------------- an instrument that only the study describes


def test_an_instrument_of_the_study_is_scored_by_the_rule_in_its_study_file():
    """(1 + 2 + 3 + (4 - 1)) / 16 of 50 points, and the highest of two further items twice."""
    own = Instrument.model_validate(
        {
            "range": (0, 100),
            "better": "lower",
            "items": "q1 .. q6",
            "scoring": {
                "rule": "domains",
                "count": 6,
                "answers": [0, 4],
                "reversed": [4],
                "domains": [
                    {"first": 1, "last": 4, "points": 50, "answered": 3},
                    {"first": 5, "last": 6, "times": 12.5},
                ],
            },
        }
    )
    one = definition("my_scale", own)
    assert (one.items, one.low, one.high, one.better, one.unit) == (tuple("123456"), 0, 100, "lower", "0-100 points")
    scores = one.score(
        items([1, 2, 3, 1, 4, 2], [1, 2, 3, None, 4, None], [1, 2, None, None, 4, 2], [1, 2, 3, 1, None, None])
    )
    assert scores[0] == pytest.approx(9 / 16 * 50 + 37.5)
    assert scores[1] == pytest.approx(6 / 12 * 50 + 50)
    assert scores[2:].isna().all()


def test_the_rule_of_a_study_is_checked_like_the_registrys():
    scoring = {"rule": "domains", "count": 3, "answers": [0, 4], "domains": [{"first": 1, "last": 2, "points": 9}]}
    with pytest.raises(ValidationError, match="the domains must cover every item once"):
        Instrument.model_validate({"range": (0, 9), "better": "lower", "items": "q1 .. q3", "scoring": scoring})


# ---------------------------------------------------------------- definitions, scales, directions


def test_percent_of_maximum_possible_points_up():
    ndi, lefs = defined("ndi"), defined("lefs")
    assert ndi.pomp(pd.Series([0.0, 30.0, 100.0])).tolist() == [100, 70, 0]
    assert lefs.pomp(pd.Series([0.0, 60.0, 80.0])).tolist() == [0, 75, 100]
    assert defined("tsk11").pomp(pd.Series([11.0, 44.0])).tolist() == [100, 0]


def test_a_threshold_is_refused_on_another_scale():
    ndi = defined("ndi")
    assert ndi.threshold("MCID").value == 15
    assert ndi.threshold("MCID", "0-50 points").value == 7.5
    with pytest.raises(StudyError, match=r"published as 7\.5 on '0-50 points'.*cannot be applied to '0-100 points'"):
        ndi.threshold("MCID", "0-100 points")
    with pytest.raises(StudyError, match=r"published as 14 on '% of baseline'.*cannot be applied to '0-100 points'"):
        defined("fiq").threshold("MCID")
    with pytest.raises(StudyError, match="no MCID is known"):
        defined("ppt").threshold("MCID")


def test_the_studys_own_threshold_comes_first():
    own = [{"value": 1.5, "scale": "0-10 points", "kind": "MCID", "unverified": True}]
    one = defined("nprs", total="pain", thresholds=own)
    assert one.threshold("MCID").value == 1.5
    assert one.threshold("MCID", "% of baseline").value == 15


def test_an_outcome_that_only_the_study_describes():
    one = definition(
        "headache", Instrument(label="Headache", range=(0, 140), better="lower", unit="points", total="pk1")
    )
    assert (one.label, one.unit, one.low, one.high, one.items) == ("Headache", "points", 0, 140, ())
    assert one.pomp(pd.Series([35.0]))[0] == 75


def test_what_a_job_is_given_of_the_registry_is_what_its_instruments_are_of():
    used = {
        "worst": Instrument(registry="nprs", total="w"),
        "csi": Instrument(total="c"),
        "headache": Instrument(label="Headache", range=(0, 140), better="lower", total="h"),
    }
    given = entries(used)
    assert list(given) == ["worst", "csi"]  # the third stands in the study file alone
    assert {name: Entry.model_validate(one) for name, one in given.items()} == {
        "worst": registry()["nprs"],
        "csi": registry()["csi"],
    }


def test_the_study_file_says_which_end_of_the_pgic_is_best():
    assert defined("pgic", total="x", better="lower").pomp(pd.Series([1.0, 7.0])).tolist() == [100, 0]
    assert defined("pgic", total="x", better="higher").pomp(pd.Series([1.0, 7.0])).tolist() == [0, 100]


SUM = {"rule": "sum", "count": 2, "answers": [0, 5]}


@pytest.mark.parametrize(
    ("name", "keys", "sentence"),
    [
        ("pain", {"total": "x"}, "the registry does not know it, so the study file must give its range"),
        ("pain", {"total": "x", "range": (0, 10)}, "must give its better"),
        ("pain", {"registry": "nrps", "total": "x"}, "'nrps' is not in the registry; did you mean 'nprs'"),
        ("pain", {"items": ["a", "b"], "range": (0, 10), "better": "lower"}, "must give its scoring, the rule"),
        ("pain", {"total": "x", "range": (0, 10), "better": "lower", "scoring": SUM}, "must give its items"),
        ("pain", {"items": ["a"], "range": (0, 10), "better": "lower", "scoring": SUM}, "has 2 items numbered from 1"),
        ("ndi", {"items": "ndi_1 .. ndi_10", "scoring": SUM}, "is scored by the registry's rule"),
        ("ndi", {"items": "ndi_1 .. ndi_9"}, "has 10 items numbered from 1; the study file gives 9"),
        ("ndi", {"items": {str(n): f"q{n}" for n in range(0, 10)}}, "among them '0'"),
        ("ndi", {"total": "x", "better": "higher"}, "lower is better, the study file says higher"),
        ("ndi", {"total": "x", "range": (0, 50)}, "the range of Neck disability"),
        ("ppt", {"total": "x", "unit": "psi"}, "'psi' is not a unit of Pressure pain threshold; known are: kPa"),
        ("ltr", {"total": "x"}, "has no direction of its own"),
        ("pgic", {"total": "x"}, "has no direction of its own; say under better which one is meant"),
        ("vas", {"items": ["a", "b"]}, "is not scored from items"),
    ],
)
def test_contradictions_are_one_sentence(name, keys, sentence):
    with pytest.raises(StudyError, match=sentence):
        definition(name, Instrument.model_validate(keys))


def test_units_of_the_export():
    assert defined("ndi", total="x", unit="0-50 points").factors["0-50 points"] == 2
    assert definitions({"ppt": Instrument(items="p_1 .. p_3")})["ppt"].measured
    assert not defined("ndi").measured
