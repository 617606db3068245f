"""The instrument registry, definitions and scoring rules, hand-scored from the published rules."""

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

from needling.instruments.definition import definition, definitions
from needling.instruments.registry import Entry, registry
from needling.study.keys import StudyError
from needling.study.sources import Instrument


def items(name: str, *rows: list[float | None]) -> pd.DataFrame:
    count = registry()[name].items.count
    return pd.DataFrame(rows, columns=[str(number) for number in range(1, count + 1)], dtype=float)


def defined(name: str, **keys) -> "definition":
    entry = registry()[name]
    if entry.items is not None and "total" not in keys and "items" not in keys:
        keys["items"] = f"{name}_1 .. {name}_{entry.items.count}"
    return definition(name, Instrument.model_validate(keys))


# ---------------------------------------------------------------- the registry


def test_every_entry_can_be_defined_and_scores_inside_its_range():
    for name, entry in registry().items():
        keys = {"better": "higher"} if entry.better == "none" else {}
        one = defined(name, **(keys | ({"total": "x"} if entry.items is None else {})))
        assert one.low < one.high
        if entry.items is None:
            continue
        numbers = range(1, entry.items.count + 1)
        for end in (0, 1):
            answers = [
                entry.items.range_of(number)[1 - end if number in entry.items.reversed else end] for number in numbers
            ]
            score = one.score(items(name, answers))[0]
            assert score == pytest.approx((one.low, one.high)[end], abs=0.02), (name, end)


def test_the_registry_has_every_instrument_of_the_data_guide():
    guide = "nprs vas ppt ndi odi dash quickdash lefs psfs fiqr fiq wpi sss visa_a visa_p tsk17 tsk11 pcs_total csi pgic groc"
    assert set(f"{guide} promis_pi promis_pf sf12_pcs cpm rom ltr soreness".split()) <= set(registry())


def test_thresholds_have_a_source_and_a_scale_of_their_instrument():
    for name, entry in registry().items():
        scales = {entry.unit, *entry.units, "% of baseline"}
        for one in entry.thresholds:
            assert one.source
            assert one.scale in scales, name
            assert one.percent == (one.scale == "% of baseline")


@pytest.mark.parametrize(
    "change",
    [
        {"scoring": "median"},
        {"answered": 11},
        {"items": None},
        {"wording": "How much does it hurt?"},
        {"domains": [{"label": "all", "first": 1, "last": 9, "points": 100}], "scoring": "domains"},
        {"thresholds": [{"value": 1, "scale": "%", "kind": "MCID"}]},
    ],
)
def test_a_broken_entry_is_refused(change):
    entry = registry()["ndi"].model_dump()
    Entry.model_validate(entry)
    with pytest.raises(ValidationError):
        Entry.model_validate(entry | change)


# ---------------------------------------------------------------- scoring, by hand from the published rules


def test_ndi_is_the_share_of_the_answered_items():
    """Young 2009: sum / (5 x answered) x 100; at most two missing."""
    score = defined("ndi").score(
        items("ndi", [1, 2, 3, 0, 1, 2, 1, 2, 2, 1], [1, 2, 3, 0, 1, 2, 1, 2, 1, None], [5] * 7 + [None] * 3)
    )
    assert score[0] == 30  # 15 of 50
    assert score[1] == pytest.approx(13 / 45 * 100)
    assert np.isnan(score[2])


def test_dash_needs_27_answers_and_quickdash_10():
    """(mean - 1) x 25: a mean of 2 is 25 points."""
    dash = defined("dash").score(items("dash", [2] * 30, [3] * 27 + [None] * 3, [3] * 26 + [None] * 4))
    assert list(dash[:2]) == [25, 50]
    assert np.isnan(dash[2])
    quick = defined("quickdash").score(items("quickdash", [2] * 10 + [4], [2] * 10 + [None], [2] * 9 + [None] * 2))
    assert quick[0] == pytest.approx((24 / 11 - 1) * 25)
    assert quick[1] == 25
    assert np.isnan(quick[2])


def test_fiqr_prorates_within_its_domains():
    """Bennett 2009: function / 3 + impact + symptoms / 2; missing: x 9/answered, x 2/answered, x 10/answered."""
    full = [5] * 9 + [6, 6] + [7] * 10
    part = [5] * 6 + [None] * 3 + [6, None] + [7] * 8 + [None] * 2
    score = defined("fiqr").score(items("fiqr", full, part, [5] * 9 + [None, None] + [7] * 10))
    assert score[0] == pytest.approx(45 / 3 + 12 + 70 / 2)
    assert score[1] == pytest.approx(score[0])
    assert np.isnan(score[2])  # a domain without an answer


def test_fiqr_needs_half_of_each_domain_and_not_of_all_items():
    enough = [5] * 5 + [None] * 4 + [6, None] + [7] * 5 + [None] * 5
    few_function = [5] * 4 + [None] * 5 + [6, 6] + [7] * 10
    few_symptoms = [5] * 9 + [6, 6] + [7] * 4 + [None] * 6
    score = defined("fiqr").score(items("fiqr", enough, few_function, few_symptoms))
    assert score[0] == pytest.approx(45 / 3 + 12 + 70 / 2)
    assert score[1:].isna().all()


def test_fiq_uses_the_published_factors():
    """Function mean x 3.33; days felt well turned round x 1.43; days of work missed x 1.43; seven ratings."""
    answers = [3, 3, 2, 3, 3, 3, 2, 2, 3, 3, 3] + [0, 0] + [10] * 7
    score = defined("fiq").score(items("fiq", answers, [*answers[:13], *[10] * 6, None]))
    assert score[0] == pytest.approx(30 / 11 * 3.33 + 7 * 1.43 + 0 + 70)
    assert score[1] == pytest.approx((30 / 11 * 3.33 + 7 * 1.43 + 60) * 10 / 9)


def test_sums_means_and_reversed_items():
    assert defined("lefs").score(items("lefs", [3] * 20))[0] == 60
    assert defined("psfs").score(items("psfs", [4, 5, 6, None, None], [4, 5, None, None, None])).tolist()[0] == 5
    assert defined("visa_a").score(items("visa_a", [7] * 7 + [20]))[0] == 69
    assert defined("sss").score(items("sss", [3, 2, 1, 1, 0, 1]))[0] == 8
    assert defined("tsk17").score(items("tsk17", [1] * 17))[0] == 13 * 1 + 4 * 4  # items 4, 8, 12, 16 are turned round
    assert defined("ppt").score(items("ppt", [200, 220, 240], [200, None, 240], [200, None, None])).tolist()[:2] == [
        220,
        220,
    ]
    assert np.isnan(defined("pcs_total").score(items("pcs_total", [4] * 12 + [None]))[0])


def test_an_answer_outside_its_range_counts_as_missing():
    one = defined("ndi")
    assert one.score(items("ndi", [9] + [2] * 9)).tolist() == one.score(items("ndi", [None] + [2] * 9)).tolist()


def test_scoring_a_million_questionnaires_gives_what_one_by_one_gives():
    answers = items("fiqr", *np.random.default_rng(3).integers(0, 11, (50, 21)).tolist()).mask(
        np.random.default_rng(4).random((50, 21)) < 0.1
    )
    one = defined("fiqr")
    single = [one.score(answers.iloc[[place]]).iloc[0] for place in range(50)]
    np.testing.assert_allclose(one.score(answers), single)


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
    own = [{"value": 1.5, "scale": "0-10 points", "kind": "MCID", "source": "unverified"}]
    one = defined("nprs", total="pain", thresholds=own)
    assert one.threshold("MCID").value == 1.5
    assert one.threshold("MCID", "% of baseline").value == 15


def test_an_outcome_that_only_the_study_describes():
    one = definition(
        "headache", Instrument(label="Headache", range=(0, 140), better="lower", unit="points", total="pk1")
    )
    assert (one.label, one.unit, one.low, one.high, one.items) == ("Headache", "points", 0, 140, ())
    assert one.pomp(pd.Series([35.0]))[0] == 75


@pytest.mark.parametrize(
    ("name", "keys", "sentence"),
    [
        ("pain", {"total": "x"}, "the registry does not know it, so the study file must give its range"),
        ("pain", {"total": "x", "range": (0, 10)}, "must give its better"),
        ("pain", {"registry": "nrps", "total": "x"}, "'nrps' is not in the registry; did you mean 'nprs'"),
        ("pain", {"items": ["a", "b"], "range": (0, 10), "better": "lower"}, "items need a scoring rule"),
        ("ndi", {"items": "ndi_1 .. ndi_9"}, "has 10 items numbered from 1; the study file gives 9"),
        ("ndi", {"items": {str(n): f"q{n}" for n in range(0, 10)}}, "among them '0'"),
        ("ndi", {"total": "x", "better": "higher"}, "lower is better, the study file says higher"),
        ("ndi", {"total": "x", "range": (0, 50)}, "the range of Neck disability"),
        ("ppt", {"total": "x", "unit": "psi"}, "'psi' is not a unit of Pressure pain threshold; known are: kPa"),
        ("ltr", {"total": "x"}, "has no direction of its own"),
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
