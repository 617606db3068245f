"""Mixed models written in the study file: any model of the engine, its means and contrasts, and what is refused."""

import json
import re

import numpy as np
import pandas as pd
import pytest
from made_trials import STUDY, THREE, effects, frame, plan, run, three_arms

from needling.analysis.kinds import settings_of_kinds
from needling.analysis.model import Settings
from needling.analysis.run import analyse
from needling.mixed.fit import fit_mixed
from needling.schema.contract import check
from needling.schema.results import METHODS, RESULTS
from needling.study.file import part

VISITS = {"kind": "model", "adjust": [], "formula": "value ~ baseline + arm * visit", "random": "1"}
AT_VISITS = {**VISITS, "contrasts": [{"by": "visit"}]}
SLOPE = 0.02  # points a day that pain before a session falls more with needling
CHANGE = -0.7  # points by which it falls more within a session


def sessions(patients: int = 200, seed: int = 1) -> pd.DataFrame:
    """Six sessions a week apart: pain before falls by .03 a day in usual care, by SLOPE more with needling."""
    rng = np.random.default_rng(seed)
    arm = np.arange(patients) % 2
    person, slope = rng.normal(6, 1, patients), rng.normal(0, 0.02, patients)
    rows = []
    for number in range(1, 7):
        day = 7.0 * (number - 1) + rng.integers(0, 3, patients)
        before = person - (0.03 + SLOPE * arm + slope) * day + rng.normal(0, 0.5, patients)
        after = before - 0.5 + CHANGE * arm + rng.normal(0, 0.5, patients)
        rows.append(pd.DataFrame({"number": number, "day": day, "pain_before": before, "pain_after": after}))
    table = pd.concat(rows, ignore_index=True)
    who = np.tile(np.arange(patients), 6)
    table["patient"] = [f"P{i:04d}" for i in who]
    table["arm"] = np.where(arm[who] == 1, "dry_needling", "usual_care")
    table["technique"] = rng.choice(["deep", "superficial"], len(table))
    table["therapist"], table["clinic"] = [f"T{i % 8}" for i in who], [f"C{i % 4}" for i in who]
    return table.assign(cohort="neck", pain_change=table["pain_after"] - table["pain_before"], session=table["number"])


def run_sessions(data: pd.DataFrame, **settings):
    study = plan(main={"kind": "model", "frame": "sessions", "role": "exploratory", **settings})
    empty = frame(4)
    people = empty.drop_duplicates("patient")[["patient", "cohort", "arm"]]
    return analyse("main", {"visits": empty, "sessions": data, "patients": people}, study)


def numbers(rows: pd.DataFrame) -> np.ndarray:
    return rows[["estimate", "se", "df", "statistic", "p", "low", "high"]].to_numpy(float)


# ---------------------------------------------------------------- visits


def test_the_same_model_as_repeated_measures_gives_the_same_numbers() -> None:
    settings = {"formula": "value ~ baseline * visit + arm * visit", "random": "", "residual": ["unstructured"]}
    data = frame(150)
    mine = effects(run(data, **{**AT_VISITS, **settings}))
    other = effects(run(data, kind="repeated_measures", residual=["unstructured"], adjust=[]))
    np.testing.assert_allclose(numbers(mine), numbers(other.loc[mine.index]), rtol=1e-8)
    assert (mine["favours"] == other.loc[mine.index, "favours"]).all()
    assert set(mine["structure"]) == {"unstructured"}


def test_contrasts_are_those_of_the_engine_itself() -> None:
    data = frame(120)
    row = effects(run(data, **AT_VISITS)).loc["week_4"]
    used = data[data["visit"] != "baseline"]
    levels = {"arm": ["usual_care", "dry_needling"], "visit": ["week_2", "week_4", "week_8"]}
    fit = fit_mixed("value ~ baseline + arm * visit", used, subject="patient", random="1", levels=levels)
    own = fit.contrast("arm", by="visit", weights="observed", df="kenward_roger").set_index("visit").loc["week_4"]
    assert numbers(row.to_frame().T)[0] == pytest.approx(own[["estimate", "se", "df", "statistic", "p", "low", "high"]])
    assert (row["arm"], row["reference"]) == ("dry_needling", "usual_care")


def test_values_of_a_moderator_stand_in_at() -> None:
    """The true difference is -1 - 0.05 (age - 45): at 30, 45 and 60 years."""
    data = frame(1500, effect=0, missing=0)
    is_later = data["visit"] != "baseline"
    data["value"] -= data["arm"].eq("dry_needling") * is_later * (1 + 0.05 * (data["age"] - 45))
    settings = {"formula": "value ~ baseline + arm * age", "contrasts": [{"by": "age", "at": {"age": [30, 45, 60]}}]}
    found = run(data, **{**VISITS, **settings}).results
    rows = found[found["quantity"] == "difference"]
    assert [json.loads(at) for at in rows["at"]] == [{"age": 30}, {"age": 45}, {"age": 60}]
    # covariates differ at random between the visits of a patient here, so that the slope of age is that of the rows
    for (_, row), truth in zip(rows.iterrows(), (-0.25, -1.0, -1.75), strict=True):
        assert abs(row["estimate"] - truth) < 4 * row["se"]
    assert rows["row_id"].is_unique


def test_levels_of_a_category_stand_in_at_and_means_differ_by_the_contrast() -> None:
    settings = {
        "formula": "value ~ baseline + arm * C(sex)",
        "contrasts": [{"by": "sex"}],
        "means": [{"by": ["arm", "sex"]}],
    }
    found = run(frame(200), **{**VISITS, **settings}).results
    rows = found[found["quantity"] == "difference"].set_index("at")["estimate"]
    means = found[found["quantity"] == "mean"].set_index(["at", "arm"])["estimate"]
    assert list(rows.index) == ['{"sex": "female"}', '{"sex": "male"}']
    for at, difference in rows.items():
        assert means[at, "dry_needling"] - means[at, "usual_care"] == pytest.approx(difference, abs=1e-9)
    assert {'[["sex", "male"]]', '[["arm", "dry_needling"], ["sex", "male"]]'} <= set(found["term"])


@pytest.mark.parametrize(
    ("compare", "expected"),
    [
        ("reference", [("usual_care", "sham"), ("dry_needling", "sham")]),
        ("pairwise", [("usual_care", "sham"), ("dry_needling", "sham"), ("dry_needling", "usual_care")]),
        ("trend", [("", "")]),
        ({"dry_needling": 1, "sham": -0.5, "usual_care": -0.5}, [("", "")]),
    ],
    ids=["reference", "pairwise", "trend", "weights"],
)
def test_arms_are_compared_as_a_contrast_asks(compare, expected) -> None:
    truth = {"usual_care": 0.0, "sham": -0.4, "dry_needling": -1.0}
    dose = {"usual_care": 0, "sham": 1, "dry_needling": 2}
    contrast = {"reference": "sham", "compare": compare}
    found = run(three_arms(600), arms=THREE, dose=dose, **{**VISITS, "contrasts": [contrast]}).results
    rows = found[found["quantity"].isin(["difference", "trend"])]
    assert list(zip(rows["arm"], rows["reference"], strict=True)) == expected
    for row in rows.to_dict("records"):
        is_pair = row["reference"] != ""
        true = truth[row["arm"]] - truth[row["reference"]] if is_pair else -0.5 if compare == "trend" else -0.8
        assert abs(row["estimate"] - true) < 4 * row["se"] < 0.8
        assert row["favours"] == ("" if not is_pair else row["arm"] if true < 0 else row["reference"])


def test_residual_covariance_by_arm_and_random_slopes() -> None:
    settings = {
        "formula": "value ~ baseline + arm * week",
        "random": "1 + week",
        "residual": ["iid"],
        "residual_by": "arm",
    }
    found = run(frame(150), **{**VISITS, **settings}).results
    parts = found[found["quantity"].isin(["standard_deviation", "covariance"])]
    named = [json.loads(term) for term in parts["term"]]
    assert sum(term[0] == "patient" for term in named) == 3
    assert sum(term[0] == "residual" for term in named) == 2
    assert [term[1] for term in named if term[0] == "residual"] == ["usual_care", "dry_needling"]


def test_improvement_as_response_is_better_higher() -> None:
    found = effects(run(frame(200), **{**AT_VISITS, "formula": "improvement ~ baseline + arm * visit"}))
    plain = effects(run(frame(200), **{**AT_VISITS, "formula": "change ~ baseline + arm * visit"}))
    assert set(found["better"]) == {"higher"}
    assert set(plain["better"]) == {"lower"}
    np.testing.assert_allclose(found["estimate"], -plain["estimate"], rtol=1e-8)
    assert set(found["favours"]) == set(plain["favours"]) == {"dry_needling"}


def test_names_may_hold_any_character() -> None:
    odd = {"female": 'fe"male: a - b|c\\d[T.x]', "male": "{male} <b>*=cmd"}
    arms = {1: "usual: care - 'a'|b", 2: "dry [T.needling] {x} =1+1"}
    settings = {"formula": "value ~ arm * sex", "contrasts": [{"by": "sex", "at": {"sex": list(odd.values())}}]}
    data = frame(150)
    named = data.assign(sex=data["sex"].map(odd), arm=data["arm"].map({"usual_care": arms[1], "dry_needling": arms[2]}))
    found = run(named, arms=arms, **{**VISITS, **settings}).results
    rows = found[found["quantity"] == "difference"]
    assert [json.loads(at)["sex"] for at in rows["at"]] == list(odd.values())
    assert set(rows["arm"]) == {arms[2]}


# ---------------------------------------------------------------- sessions


def test_course_of_pain_before_each_session() -> None:
    settings = {"formula": "pain_before ~ arm * day", "random": "1 + day", "clusters": ["therapist", "clinic"]}
    asked = {"means": [{"by": "arm", "at": {"day": [0, 14]}}], "contrasts": [{"at": {"day": [0, 14]}}]}
    made = run_sessions(sessions(), **settings, **asked, unit="0-10 points", better="lower")
    found = check(made.results, RESULTS, "results")
    check(made.tables["methods"], METHODS, "methods")
    assert set(found["outcome"]) == {"pain_before"}
    slope = found.set_index("term").loc['[["arm", "dry_needling"], ["day"]]']
    assert abs(slope["estimate"] + SLOPE) < 4 * slope["se"] < 0.03
    rows = found[found["quantity"] == "difference"].set_index("at")
    assert abs(rows.loc['{"day": 14}', "estimate"] + 14 * SLOPE) < 4 * rows.loc['{"day": 14}', "se"]
    step = rows.loc['{"day": 14}', "estimate"] - rows.loc['{"day": 0}', "estimate"]
    assert step == pytest.approx(14 * slope["estimate"], abs=1e-8)
    assert rows.loc['{"day": 14}', ["favours", "unit"]].tolist() == ["dry_needling", "points"]
    assert len(found[found["quantity"] == "mean"]) == 4
    assert set(found["n_therapists"]) == {8}
    assert set(found["n_clinics"]) == {4}


def test_change_within_sessions_and_nobody_is_favoured_without_a_direction() -> None:
    data = sessions()
    data.loc[data.index[:30], "pain_after"] = np.nan
    data["pain_change"] = data["pain_after"] - data["pain_before"]
    found = run_sessions(data, formula="pain_change ~ arm + C(number)", random="1", contrasts=[{}]).results
    row = found[found["quantity"] == "difference"].iloc[0]
    assert abs(row["estimate"] - CHANGE) < 4 * row["se"] < 0.4
    assert (row["better"], row["favours"]) == ("neither", "")
    assert row["n_observations"] == len(data) - 30
    numbered = [json.loads(term) for term in found.loc[found["quantity"] == "coefficient", "term"]]
    assert [["number", "6"]] in numbered


def test_curves_over_time() -> None:
    asked = {"means": [{"by": "arm", "at": {"day": [3, 10, 20]}}], "contrasts": [{"at": {"day": 10}}]}
    found = run_sessions(sessions(), formula="pain_before ~ arm * bs(day, df=3)", random="1", **asked).results
    means = found[found["quantity"] == "mean"].set_index(["arm", "at"])["estimate"]
    for day in (3, 10, 20):
        assert means["usual_care", f'{{"day": {day}}}'] == pytest.approx(6 - 0.03 * day, abs=0.3)
    assert len(found[found["quantity"] == "difference"]) == 1


# ---------------------------------------------------------------- what cannot be


def test_one_patient_or_two_rows_a_visit_are_a_row_that_says_so_and_names_nobody() -> None:
    for data, settings in [
        (frame(60).query("patient == 'P0001'"), {}),
        (pd.concat([frame(60)] * 2), {"residual": ["unstructured"], "random": ""}),
        (frame(60).assign(arm="usual_care"), {}),
        (frame(60).head(0), {}),
    ]:
        found = check(run(data, **{**AT_VISITS, **settings}).results, RESULTS, "results")
        assert set(found["status"]) == {"not_estimated"}
        assert found["estimate"].isna().all()
        assert found["note"].str.len().gt(10).all()
        assert not found["note"].str.contains(r"P\d{4}").any()


REFUSED = [
    ({"formula": "value ~ arm * vist"}, "the column 'vist', which is not there; did you mean 'visit'?"),
    ({"formula": "value ~ I(__import__('os').system('true'))"}, "holds"),
    ({"formula": "arm * visit"}, "needs a response"),
    ({"formula": "week ~ arm"}, "value, change, improvement, not 'week'"),
    ({"random": "1 + wek"}, "the column 'wek'"),
    ({"random": "1 + open('x')"}, "holds"),
    ({"contrasts": [{"by": "age"}]}, "the formula has no 'age'"),
    ({"formula": "value ~ arm + age", "contrasts": [{"by": "age"}]}, "say at which values"),
    ({"formula": "value ~ visit", "contrasts": [{}]}, "the formula has no arm"),
    ({"contrasts": [{"reference": "shame"}]}, "reference 'shame' is not defined"),
    ({"contrasts": [{"compare": "trend"}]}, "needs patients.arm.dose"),
    ({"contrasts": [{"compare": {"dry_needling": 1}}]}, "add up to 0"),
    ({"adjust": ["age"]}, "write covariates into the formula"),
    ({"outcomes": []}, "needs outcomes"),
    ({"unit": "points"}, "know their unit"),
    ({"visits": ["week_3"]}, "visit 'week_3' is not defined"),
    ({"formula": "value ~ arm + change"}, "from after day 0"),
]


@pytest.mark.parametrize(("change", "message"), REFUSED, ids=[message for _, message in REFUSED])
def test_what_cannot_be_meant_is_refused_in_a_sentence(change, message, project) -> None:
    import yaml

    from needling.study.file import study_model

    study = yaml.safe_load((project / "config/demo.yaml").read_text(encoding="utf-8"))
    study["analyses"]["mine"] = {"outcomes": ["pain"], **VISITS, **change}
    with pytest.raises(ValueError, match=re.escape(message)):
        study_model(settings_of_kinds()).model_validate(study)


def test_what_treatment_may_have_changed_makes_it_exploratory(project) -> None:
    import yaml

    from needling.study.file import study_model

    study = yaml.safe_load((project / "config/demo.yaml").read_text(encoding="utf-8"))
    mine = {"kind": "model", "frame": "sessions", "formula": "pain_after ~ arm + pain_before + needles", "random": "1"}
    study["analyses"]["mine"] = mine
    with pytest.raises(ValueError, match="'pain_before' is from after day 0"):
        study_model(settings_of_kinds()).model_validate(study)
    study["analyses"]["mine"] = {**mine, "role": "exploratory"}
    read = study_model(settings_of_kinds()).model_validate(study)
    from needling.analysis.model import methods

    assert ("wording", "association") in methods(read.analyses["mine"], read)
    study["analyses"]["mine"] = {**mine, "formula": "pain_after ~ arm * day + age"}
    read = study_model(settings_of_kinds()).model_validate(study)
    assert not [item for item, _ in methods(read.analyses["mine"], read) if item == "wording"]


@pytest.mark.parametrize(
    ("visits", "used"),
    [
        ({}, "every planned visit but the first ({visit:baseline})"),
        ({"visits": ["baseline", "week_4"]}, "every one of these visits ({visit:baseline}, {visit:week_4})"),
    ],
)
def test_methods_say_which_visits_are_used(visits, used) -> None:
    from needling.analysis.model import methods

    study = plan(mine={"kind": "model", "outcomes": ["pain"], "formula": "value ~ arm * visit", **visits})
    said = dict(methods(study.analyses["mine"], study))
    assert said["uses"] == f"{used} at which the response and all that the model uses are known"


def test_what_shows_results_reads_no_more_than_an_analysis() -> None:
    """Its keys are for its job alone: floor 5 reads the analysis without them."""
    sections = {**STUDY, "analyses": {"main": {**AT_VISITS, "outcomes": ["pain"]}}}
    assert not hasattr(part(sections).analyses["main"], "contrasts")
    assert isinstance(part(sections, settings_of_kinds()).analyses["main"], Settings)
