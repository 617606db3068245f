"""Effects at values of moderators against R: `r/moderators.R` says how each frozen value of `r/moderators.csv` came."""

import json
from pathlib import Path

import pandas as pd
import pytest

from needling.analysis.kinds import settings_of_kinds
from needling.analysis.run import analyse
from needling.cohort.frame import add_baseline
from needling.study.file import part

HERE = Path(__file__).parent / "r"
EXPECTED = pd.read_csv(HERE / "moderators.csv").set_index(["question", "term"])["value"]


def found(design="randomised", **moderators):
    """Results rows of the made-up patients, looked at by some moderators."""
    data = pd.read_csv(HERE / "data" / "moderators.csv")
    arm = {"from": "arm", "codes": {"u": "usual", "n": "needling"}, "reference": "usual"}
    covariates = {name: name for name in ("age", "expectation", "csi")}
    covariates["sex"] = {"from": "sex", "codes": {0: "female", 1: "male"}}
    asked = {
        "kind": "moderators",
        "outcomes": ["pain"],
        "visits": ["week_4"],
        "adjust": ["age"],
        "moderators": moderators,
    }
    sections = {
        "design": design,
        "primary": "main",
        "patients": {"id": "id", "arm": arm, "covariates": covariates},
        "visits": {"schedule": {"baseline": {"week": 0}, "week_4": {"week": 4}}, "primary": "week_4"},
        "instruments": {"nprs": {"total": "nprs"}},
        "cohorts": {"all": {"outcomes": {"pain": "nprs"}}},
        "analyses": {"main": {"kind": "ancova", "outcomes": ["pain"], "visits": ["week_4"]}, "whom": asked},
        "covariates": {},
        "estimands": {},
    }
    people = data.rename(columns={"id": "patient"}).assign(cohort="all", outcome="pain", instrument="nprs", site="")
    people = people.assign(unit="0-10 points", better="lower", side="")
    visits = {"baseline": people.assign(value=people["baseline"]), "week_4": people.assign(value=people["pain"])}
    frame = add_baseline(pd.concat([rows.assign(visit=visit) for visit, rows in visits.items()]), "baseline")
    given = {"visits": frame, "patients": people.drop(columns=["pain", "baseline"])}
    return analyse("whom", given, part(sections, settings_of_kinds())).results


def check_effects(rows, question, name, values, low=True):
    for value in values:
        row = rows[(rows["quantity"] == "effect_at") & (rows["at"] == json.dumps({name: value}))].iloc[0]
        shown = value if isinstance(value, str) else int(value)
        assert row["estimate"] == pytest.approx(EXPECTED[question, f"effect {shown}"], rel=1e-7, abs=1e-9)
        assert row["se"] == pytest.approx(EXPECTED[question, f"se {shown}"], rel=1e-6)
        if low:
            assert row["low"] == pytest.approx(EXPECTED[question, f"low {shown}"], rel=1e-6)


def test_a_straight_line_is_that_of_lm_and_emmeans():
    rows = found(expectation={"at": [4, 6, 8]}, csi={}, sex={})
    check_effects(rows, "line", "expectation", [4.0, 6.0, 8.0])
    one = rows[(rows["quantity"] == "moderation") & (rows["term"] == '["expectation"]')].iloc[0]
    for column, term in {"estimate": "product", "se": "product se", "statistic": "product t", "p": "product p"}.items():
        assert one[column] == pytest.approx(EXPECTED["line", term], rel=1e-7)
    told = rows[(rows["quantity"] == "prognostic") & (rows["term"] == '["expectation"]')].iloc[0]
    assert told["estimate"] == pytest.approx(EXPECTED["line", "prognostic"], rel=1e-7)
    assert told["se"] == pytest.approx(EXPECTED["line", "prognostic se"], rel=1e-7)
    change = rows[(rows["quantity"] == "predictive") & (rows["term"] == '["expectation"]')].iloc[0]
    assert change["estimate"] == pytest.approx(4 * EXPECTED["line", "product"], rel=1e-7)


def test_a_natural_spline_is_that_of_lm_and_emmeans():
    rows = found(expectation={}, csi={"spline": 3, "at": [25, 40, 55]}, sex={})
    check_effects(rows, "spline", "csi", [25.0, 40.0, 55.0])
    one = rows[(rows["quantity"] == "moderation") & (rows["term"] == '["csi"]')].iloc[0]
    assert one["statistic"] == pytest.approx(EXPECTED["spline", "F"], rel=1e-7)
    assert one["p"] == pytest.approx(EXPECTED["spline", "p"], rel=1e-7)
    assert pd.isna(one["estimate"])


def test_levels_are_those_of_lm_and_emmeans():
    check_effects(found(expectation={}, csi={}, sex={}), "category", "sex", ["female", "male"])


def test_the_product_with_the_predicted_outcome_is_that_of_lm():
    rows = found(expectation={}, csi={}, sex={})
    rows = rows[rows["variant"] == "risk"]
    one = rows[rows["quantity"] == "moderation"].iloc[0]
    for column, term in {"estimate": "product", "se": "product se", "statistic": "product t", "p": "product p"}.items():
        assert one[column] == pytest.approx(EXPECTED["risk", term], rel=1e-7)
    line = rows[rows["quantity"] == "effect_at"]
    at = line["at"].map(lambda text: json.loads(text)["predicted_outcome"])
    slope, level = EXPECTED["risk", "product"], EXPECTED["risk", "effect 3"] - 3 * EXPECTED["risk", "product"]
    assert line["estimate"].to_numpy() == pytest.approx(level + slope * at.to_numpy(), rel=1e-6)


def test_overlap_weights_count_their_own_error_as_the_stacked_equations_do():
    rows = found(design="cohort", expectation={"at": [4, 6, 8]}, csi={}, sex={})
    check_effects(rows, "weighted", "expectation", [4.0, 6.0, 8.0], low=False)
    assert set(rows["weights"]) == {"overlap"}


def test_all_together_as_estimated_and_shrunken():
    rows = found(expectation={}, csi={}, sex={})
    whole = rows[rows["quantity"] == "heterogeneity"].iloc[0]
    assert whole["statistic"] == pytest.approx(EXPECTED["joint", "F"], rel=1e-7)
    drawn = rows[rows["variant"] == "shrunken"].set_index("term")
    for term, name in {'["expectation"]': "expectation", '["csi"]': "csi", '[["sex", "male"]]': "sex"}.items():
        assert drawn.loc[term, "estimate"] == pytest.approx(EXPECTED["shrunken", name], rel=1e-5)
        assert drawn.loc[term, "se"] == pytest.approx(EXPECTED["shrunken", f"{name} sd"], rel=1e-5)
        assert drawn.loc[term, "low"] == pytest.approx(EXPECTED["shrunken", f"{name} low"], rel=1e-5)
    left = rows[rows["quantity"] == "shrinkage"].iloc[0]
    assert left["estimate"] == pytest.approx(EXPECTED["shrunken", "shrinkage"], rel=1e-5)
