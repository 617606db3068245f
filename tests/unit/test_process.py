"""Measures of process: the correlation within patients against R and pingouin, planted truth, and what is refused."""

import json

import numpy as np
import pandas as pd
import pingouin
import pytest
from made_process import MAIN, SECTIONS, measured, twitching

from needling.analysis.kinds import settings_of_kinds
from needling.analysis.process import split, within_correlation
from needling.analysis.run import analyse
from needling.cohort.frame import add_baseline
from needling.labels.words import Labels
from needling.schema.contract import check
from needling.schema.results import RESULTS
from needling.simulate.made_up import simulate_study
from needling.simulate.scenario import Scenario
from needling.study.file import study_model

SESSIONS = {"columns": {"session": "s", "pain_before": "b", "pain_after": "a"}}
NEEDLING = {"columns": {"session": "s", "ltr": "l"}}


def study(events=True, design="randomised", arms=("usual_care", "dry_needling"), **settings):
    codes = {str(number): arm for number, arm in enumerate(arms)}
    arm = {"from": "arm", "codes": codes, "reference": "usual_care"}
    sections = {
        **SECTIONS,
        "design": design,
        "patients": {"id": "id", "covariates": {"age": "age"}, **({"arm": arm} if arms else {})},
        "instruments": {
            "nprs": {"total": "nprs"},
            "local": {"registry": "ppt", "items": "l_1 .. l_3", "site": "local"},
            "remote": {"registry": "ppt", "total": "r", "site": "remote"},
            "csi": {"total": "csi"},
            "cpm": {"total": "cpm"},
        },
        "cohorts": {"all": {"outcomes": {"pain": "nprs", "ppt": ["local", "remote"], "csi": "csi", "cpm": "cpm"}}},
        "events": {"sessions": SESSIONS, "needling": NEEDLING} if events else {},
        "analyses": {
            "main": MAIN,
            "process": {"kind": "process", "role": "exploratory", "measures": ["ppt"], "pain": "pain", **settings},
        },
    }
    return study_model(settings_of_kinds()).model_validate(sections)


def run(visits, sessions=None, **settings):
    plan = study(**settings)
    patients = visits.drop_duplicates("patient")[["patient", "cohort", "arm", "age"]]
    given = {"visits": visits, "patients": patients, "sessions": twitching() if sessions is None else sessions}
    return check(analyse("process", given, plan).results, RESULTS, "results"), plan


def paired(r, seed):
    frame = measured(seed, r=r)
    local = frame[(frame["outcome"] == "ppt") & (frame["site"] == "local")]
    pain = frame.loc[frame["outcome"] == "pain", ["patient", "visit", "value"]]
    both = local.merge(pain, on=["patient", "visit"], suffixes=("", "_pain"))
    return both["value_pain"], both["value"], both["patient"], both["arm"] + both["visit"]


# ---------------------------------------------------------------- correlation within patients


def test_without_means_removed_it_is_pingouins():
    """Bland and Altman's pH and PaCO2: r -0.507, 38 df (printed by pingouin and by R's rmcorr)."""
    data = pingouin.read_dataset("rm_corr")
    found = within_correlation(data["pH"], data["PacO2"], data["Subject"], pd.Series("", data.index))
    assert found["estimate"] == pytest.approx(-0.50677, abs=5e-6)
    assert (found["df"], found["n_patients"], found["n_observations"]) == (38, 8, 47)
    assert found["p"] == pytest.approx(0.000847, abs=5e-7)
    assert (round(found["low"], 2), round(found["high"], 2)) == (-0.71, -0.23)


def test_with_means_removed_it_is_the_partial_correlation_of_r():
    """Frozen from R 4: residuals of lm(x ~ patient + place), residual df less one, Fisher's z."""
    data = pingouin.read_dataset("rm_corr")
    place = (data.groupby("Subject").cumcount() % 2).map({0: "a", 1: "b"})
    found = within_correlation(data["pH"], data["PacO2"], data["Subject"], place)
    names = ("estimate", "df", "p", "low", "high")
    expected = (-0.5167375143336, 37, 0.0007572447284, -0.7155858144500, -0.2404181109612)
    assert [found[name] for name in names] == pytest.approx(expected, rel=1e-9)
    found = within_correlation(*paired(0.5, 1))
    expected = (-0.4868374262766, 108, 6.933134684e-08, -0.6177657434, -0.3296451435)
    assert [found[name] for name in names] == pytest.approx(expected, rel=1e-9)


def test_its_interval_holds_the_truth_and_the_raw_one_mistakes_improvement_for_a_link():
    held, raw, linked = [], [], []
    for seed in range(60):
        for r, into in ((0.5, held), (0.0, linked)):
            x, y, who, place = paired(r, 1000 + seed)
            found = within_correlation(x, y, who, place)
            into.append(found["low"] <= -r <= found["high"])
            if r == 0:
                bare = within_correlation(x, y, who, pd.Series("", x.index))
                raw.append(bare["low"] <= 0 <= bare["high"])
    # 95 % of 60 is 57, standard deviation 1.7
    assert sum(held) >= 51
    assert sum(linked) >= 51
    assert sum(raw) < 30


def test_who_was_measured_once_is_not_counted():
    x, y, who, place = paired(0.5, 1)
    more = [
        pd.concat([one, pd.Series([value])], ignore_index=True) for one, value in ((x, 5.0), (y, 9.0), (who, "P999"))
    ]
    place = pd.concat([place, place.head(1)], ignore_index=True)
    found, bare = within_correlation(*more, place), within_correlation(*(one.iloc[:-1] for one in (*more, place)))
    assert found == pytest.approx(bare, rel=1e-9)


@pytest.mark.parametrize("why", ["once", "constant"])
def test_nothing_within_patients_is_said(why):
    x = pd.Series([1.0, 2.0, 3.0, 4.0, 5.0, 6.0])
    who = pd.Series(list("abcdef") if why == "once" else list("aabbcc"))
    y = pd.Series([1.0, 1.0, 2.0, 2.0, 3.0, 3.0])
    with pytest.raises(ValueError, match="twice or more" if why == "once" else "nothing varies"):
        within_correlation(x, y, who, pd.Series("", x.index))


# ---------------------------------------------------------------- twitch responses


def test_twitch_is_split_within_the_needled():
    sessions = twitching(n=3, sessions=3)
    sessions["twitch"] = [1.0, 0.0, 0.0, np.nan, 1.0, 1.0, 0.0, 0.0, 1.0]
    sessions.loc[6:, "arm"] = "usual_care"
    rows = split(sessions, ["dry_needling"], "pain_change")
    assert list(rows["twitch_between"]) == pytest.approx([1 / 3] * 3 + [1.0] * 2)
    assert list(rows["twitch_within"]) == pytest.approx([2 / 3, -1 / 3, -1 / 3, 0, 0])
    expected = sessions["pain_before"][[1, 2]].tolist()
    assert rows["next_pain_before"].tolist()[:2] == expected
    assert np.isnan(rows["next_pain_before"].iloc[2])
    assert split(sessions.assign(muscles=0.0), ["dry_needling"], "pain_change").empty


def test_a_session_without_the_response_is_no_part_of_a_patients_share():
    """The last session has no next one: who twitched at it alone never twitched as far as the next session is told."""
    sessions = twitching(n=2, sessions=3).assign(twitch=[0.0, 0.0, 1.0, 1.0, 0.0, 0.0])
    rows = split(sessions, ["dry_needling"], "next_pain_before")
    assert rows["twitch_between"].tolist() == [0.0, 0.0, 0.5, 0.5]
    assert rows["twitch_within"].tolist() == [0.0, 0.0, 0.5, -0.5]
    last = twitching(n=40, sessions=4).assign(twitch=lambda made: (made["number"] == 4) * 1.0)
    found = coefficients_of(last)
    assert {row["status"] for (variant, _), row in found.items() if variant == "next_session"} == {"not_estimated"}


def coefficients(sessions):
    results, _ = run(measured(), sessions, needled=["dry_needling"])
    rows = results[results["quantity"] == "coefficient"]
    return {(row["variant"], json.loads(row["term"])[0]): row for row in rows.to_dict("records")}


def test_twitch_coefficients_are_those_of_lmer():
    """Frozen from R 4, lmerTest: lmer(y ~ twitch_within + twitch_between + number + (1 | patient)), Kenward-Roger."""
    found = coefficients(twitching())
    expected = {
        ("same_session", "twitch_within"): (-0.66862695126, 0.12563228810, 158.0),
        ("same_session", "twitch_between"): (0.16928364499, 0.39148441444, 38.0),
        ("next_session", "twitch_within"): (-0.00010205207, 0.14182817763, 118.0),
        ("next_session", "twitch_between"): (0.86666624095, 0.66954801024, 38.0),
    }
    assert set(found) == set(expected)
    for key, (estimate, se, df) in expected.items():
        assert found[key]["estimate"] == pytest.approx(estimate, rel=1e-5, abs=1e-6)
        assert found[key]["se"] == pytest.approx(se, rel=1e-5)
        assert found[key]["df"] == pytest.approx(df, rel=1e-3)
        assert found[key]["unit"] == "0-10 points"


def test_a_twitch_that_matters_within_the_session_only_is_found_there_only():
    held = dict.fromkeys(("same", "next", "between"), 0)
    for seed in range(40):
        found = coefficients_of(twitching(500 + seed, within=-0.8))
        held["same"] += (
            found["same_session", "twitch_within"]["low"] <= -0.8 <= found["same_session", "twitch_within"]["high"]
        )
        held["next"] += (
            found["next_session", "twitch_within"]["low"] <= 0 <= found["next_session", "twitch_within"]["high"]
        )
        held["between"] += (
            found["same_session", "twitch_between"]["low"] <= 0 <= found["same_session", "twitch_between"]["high"]
        )
    # 95 % of 40 is 38, standard deviation 1.4
    assert min(held.values()) >= 33
    later = coefficients_of(twitching(9, n=200, later=1.0))["next_session", "twitch_within"]
    assert later["low"] > 0.5


def coefficients_of(sessions):
    """The twitch models alone, without the courses."""
    from needling.analysis.process import _twitch
    from needling.analysis.run import _question

    plan = study(needled=["dry_needling"])
    question = _question("process", plan.analyses["process"], ("all", "", ""), pd.DataFrame(), pd.DataFrame(), plan)
    rows = pd.concat([_twitch(sessions, question, one) for one in ("same_session", "next_session")])
    return {(row["variant"], json.loads(row["term"])[0]): row for row in rows.to_dict("records")}


# ---------------------------------------------------------------- the kind


@pytest.fixture(scope="module")
def found():
    return run(measured(4, n=200, r=0.5), sites=["local", "remote"], needled=["dry_needling"])


def test_course_of_each_site_and_of_their_difference(found):
    results, _ = found
    at = results[results["quantity"].eq("difference") & results["visit"].eq("week_4")].set_index("site")
    assert list(at.index) == ["local", "remote", "local_minus_remote"]
    assert at.loc["local", "low"] <= 20 <= at.loc["local", "high"]
    assert at.loc["remote", "low"] <= 0 <= at.loc["remote", "high"]
    assert at.loc["local_minus_remote", "low"] <= 20 <= at.loc["local_minus_remote", "high"]
    assert at["favours"].to_dict()["local"] == "dry_needling"
    assert at["favours"].to_dict()["local_minus_remote"] == ""
    assert set(results["role"]) == {"exploratory"}
    assert set(results["family"]) == {""}


def test_tenderness_is_found_where_the_needle_is_and_nowhere_else_with_the_coverage_it_claims():
    """Course of the threshold at two sites: 20 kPa more where the needle is, nothing elsewhere, 20 within the person.

    Of 20 sets; bounds are four of their Monte Carlo errors.
    """
    truth, middle, inside = {"local": 20.0, "remote": 0.0, "local_minus_remote": 20.0}, [], []
    for seed in range(20):
        results, _ = run(measured(100 + seed, gone=0.15), sites=["local", "remote"])
        at = results[results["quantity"].eq("difference") & results["visit"].eq("week_4")].set_index("site")
        middle.append(at.loc[list(truth), "estimate"])
        inside.append([at.loc[site, "low"] <= value <= at.loc[site, "high"] for site, value in truth.items()])
    error = np.std(middle, axis=0, ddof=1) / np.sqrt(20)
    assert (np.abs(np.mean(middle, axis=0) - list(truth.values())) < 4 * error).all()
    assert (np.abs(np.mean(inside, axis=0) - 0.95) < 4 * np.sqrt(0.95 * 0.05 / 20)).all()


def drawn_like_the_demo(seed, cohort):
    """The frame of a cohort's measures at three visits, and the true differences between arms at week 4 by measure and site."""
    made = simulate_study(Scenario(), np.random.default_rng(seed))
    people = made.patients.query("cohort == @cohort")[["patient", "arm", "age"]]
    measures = {"nprs": ("pain", ""), "ppt": ("ppt", "local"), "ppt_remote": ("ppt", "remote")}
    measures |= {"cpm": ("cpm", ""), "csi": ("csi", "")}
    visits = {0: ("baseline", 0.0), 2: ("week_4", 4.0), 4: ("week_12", 12.0)}
    parts = []
    for name, (outcome, site) in measures.items():
        rows = made.answers[name].query("observed and visit_number in @visits").merge(people, on="patient")
        told = {"outcome": outcome, "site": site, "instrument": site or name, "unit": "points", "better": "higher"}
        parts.append(rows.assign(value=rows["total"], cohort="all", **told))
    frame = pd.concat(parts, ignore_index=True)
    frame["visit"], frame["week"] = (frame["visit_number"].map(lambda n, i=i: visits[n][i]) for i in (0, 1))
    planted = made.truth["cohorts"][cohort]["outcomes"]
    truth = {place: planted[name]["effect"]["week_4"] for name, place in measures.items() if name != "nprs"}
    return add_baseline(frame, "baseline"), truth


CENTRAL = {("ppt", "local"): 20.0, ("ppt", "remote"): 20.0, ("cpm", ""): 15.0}


@pytest.mark.parametrize(("cohort", "planted"), [("myofascial", {("ppt", "local"): 30.0}), ("fibromyalgia", CENTRAL)])
def test_what_the_demo_plants_in_measures_of_process_is_found_and_nothing_elsewhere(cohort, planted):
    """Of 6 studies drawn like the demo: local where pain is, everywhere where it is central; nothing in sensitisation."""
    errors, inside = [], []
    for seed in range(6):
        frame, truth = drawn_like_the_demo(seed, cohort)
        results, _ = run(frame, measures=["ppt", "cpm", "csi"])
        at = results[results["quantity"].eq("difference") & results["visit"].eq("week_4")].set_index(
            ["outcome", "site"]
        )
        errors.append([at.loc[place, "estimate"] - value for place, value in truth.items()])
        inside += [at.loc[place, "low"] <= value <= at.loc[place, "high"] for place, value in truth.items()]
    assert {place: value for place, value in truth.items() if place in planted or value} == planted
    assert (np.abs(np.mean(errors, axis=0)) < 4 * np.std(errors, axis=0, ddof=1) / np.sqrt(6)).all()
    assert np.mean(inside) > 0.95 - 4 * np.sqrt(0.95 * 0.05 / len(inside))


def test_the_difference_between_sites_is_within_the_person():
    from needling.analysis.process import _at_sites

    frame = measured(5, n=20)
    ppt = frame[frame["outcome"] == "ppt"]
    wide = ppt.pivot_table(index=["patient", "visit"], columns="site", values="value")
    rows = _at_sites(ppt, ("local", "remote"))["local_minus_remote"].set_index(["patient", "visit"])
    assert rows["value"].to_dict() == pytest.approx((wide["local"] - wide["remote"]).to_dict())
    at_0 = rows["value"].xs("baseline", level="visit")
    assert rows["baseline"].to_numpy() == pytest.approx(
        rows.index.get_level_values("patient").map(at_0).to_numpy(float)
    )


def test_correlations_have_both_forms(found):
    rows = found[0][found[0]["quantity"] == "correlation"]
    own = rows[rows["variant"] == "within_patients"].set_index("site")
    assert own.loc["local", "low"] <= -0.5 <= own.loc["local", "high"]
    assert own.loc["remote", "low"] <= 0 <= own.loc["remote", "high"]
    assert set(rows["variant"]) == {"within_patients", "raw"}
    assert set(rows["term"]) == {'["pain"]'}


def test_a_measure_asked_once_is_a_row_that_says_so():
    frame = measured()
    once = frame[(frame["outcome"] == "pain") & (frame["visit"] == "baseline")].assign(outcome="csi", instrument="csi")
    results, _ = run(pd.concat([frame, once]), measures=["csi"])
    assert set(results["status"]) == {"not_estimated"}
    notes = set(results["note"])
    assert notes == {"not measured after baseline", "too few patients measured twice or more"}


def test_too_little_is_a_row_that_says_so():
    results, _ = run(measured(), twitching(n=6), needled=["dry_needling"])
    rows = results[results["quantity"] == "coefficient"]
    assert set(rows["status"]) == {"not_estimated"}
    assert rows["note"].str.contains("fewer than 10 patients").all()
    never = twitching().assign(twitch=1.0)
    rows = run(measured(), never, needled=["dry_needling"])[0].query("quantity == 'coefficient'")
    assert rows["note"].str.contains("with and without a twitch response").all()


def test_a_single_arm_has_a_course_and_no_comparison():
    frame = measured().assign(arm=None)
    results, _ = run(frame, design="single_arm", arms=())
    assert set(results.loc[results["quantity"] == "change", "reference"]) == {""}
    assert results.query("variant == 'within_patients'")["status"].eq("converged").all()


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({"measures": ["pptt"]}, "'pptt' is not defined; did you mean 'ppt'"),
        ({"measures": ["ppt", "pain"]}, "cannot be read beside itself"),
        ({"outcomes": ["pain"]}, "leave outcomes and observed_at out"),
        ({"sites": ["local", "loca"]}, "no instrument has the site 'loca'"),
        ({"sites": ["local", "local"]}, "a site minus itself"),
        ({"needled": ["needling"]}, "arm 'needling' is not defined"),
        ({"needled": ["dry_needling"], "events": False}, "twitch responses are read from events.needling"),
        ({"framework": "non_inferiority", "margin": 1.0}, "no primary result"),
    ],
)
def test_what_it_cannot_mean_is_refused(settings, why):
    with pytest.raises(Exception, match=why):
        study(**settings)


# ---------------------------------------------------------------- what is said


def test_words_are_those_of_association_and_of_proxies(found):
    from needling.analysis.process import methods

    _, plan = found
    said = dict(methods(plan.analyses["process"], plan))
    assert said["wording"] == "association"
    assert "proxies" in said["limits"]
    assert "opioids of the body were not measured" in said["limits"]
    text = Labels(plan).fill(" ".join(said.values()))
    for word in ("cause", "because of", "effect", "due to", "leads to", "mediat"):
        assert word not in text
    assert "no earlier pain is one" in said["model"]
