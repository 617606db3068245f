"""Whom to treat: it abstains where nothing was planted and recommends where a strong interaction was; judged on other patients."""

import numpy as np
import pandas as pd
import pytest
from made_results import ARM, plan

from needling.analysis.policy import FEWEST_DF, Judged, judged, learn
from needling.analysis.run import analyse
from needling.cohort.frame import add_baseline
from needling.figures import rule as figure
from needling.figures.style import PHONE, REPORT
from needling.labels.words import Labels
from needling.report.whom import rule_sentences
from needling.tables.policy import policy_value

RULE = {"kind": "policy", "outcomes": ["pain"], "visits": ["week_4"], "moderators": ["expectation", "age"]}
COVARIATES = {"age": "age", "expectation": "expectation", "sex": {"from": "s", "codes": {0: "female", 1: "male"}}}


def drawn(seed, n=300, effect=0.0, slope=0.0, one_in=2):
    """Outcome (higher is better), arm, mains and the rule's three variables, of which the first changes the effect."""
    rng = np.random.default_rng(seed)
    x, treated, baseline = rng.normal(size=(n, 3)), (np.arange(n) % one_in == 1).astype(float), rng.normal(size=n)
    y = 0.6 * baseline + 0.3 * x[:, 0] + treated * (effect + slope * x[:, 0]) + rng.normal(size=n)
    return y, treated, np.column_stack([x, baseline]), x


def of(seed, **planted):
    return judged(*drawn(seed, **planted), 5, np.random.default_rng([7, seed]))


# ---------------------------------------------------------------- abstains, and recommends


def check_abstains(seeds):
    """Without any effect, with one for everybody, and with one that is best left to everybody although it differs."""
    for planted in ({}, {"effect": 0.5}, {"effect": 1.0, "slope": 0.3}):
        kept = [of(seed, n=200, **planted).low(0.95) <= 0 for seed in seeds]
        assert np.mean(kept) >= 0.95


def test_it_abstains_where_no_rule_is_better():
    check_abstains(range(60))


@pytest.mark.slow
def test_it_abstains_in_at_least_95_of_100_of_a_thousand_null_data_sets():
    check_abstains(range(1000))


def test_it_recommends_where_a_strong_interaction_was_planted():
    found = [of(seed, effect=0.2, slope=1.0).low(0.95) > 0 for seed in range(60)]
    assert np.mean(found) >= 0.8


def test_each_gain_alone_rejects_no_more_than_one_true_null_in_twenty():
    """Without any effect the rule's gain over all, and over none, is 0 whatever the rule: martingale variance at n = 150."""
    statistics = np.array([[gain / se if se else -9 for gain, se in of(s, n=150).gains.values()] for s in range(400)])
    assert (np.mean(statistics > 1.645, axis=0) < 0.05 + 4 * np.sqrt(0.05 * 0.95 / 400)).all()
    assert (np.mean(statistics > 1.645, axis=0) > 0.01).all()


def test_values_are_those_of_the_policies():
    """All is better than none by 0.5; the standard error is the spread over data sets."""
    made = [of(seed, effect=0.5).values for seed in range(150)]
    apart = np.array([one["all"][0] - one["none"][0] for one in made])
    assert abs(apart.mean() - 0.5) < 4 * apart.std(ddof=1) / np.sqrt(150)
    se = np.mean([one["all"][1] for one in made])
    assert se == pytest.approx(np.std([one["all"][0] for one in made], ddof=1), rel=0.25)


def test_values_allow_for_arms_of_different_size():
    """One in four is treated: each arm counts by its own chance of being allocated to."""
    made = [of(seed, n=240, effect=0.5, one_in=4).values for seed in range(100)]
    for name, truth in (("all", 0.5), ("none", 0.0)):
        values = np.array([one[name][0] for one in made])
        assert abs(values.mean() - truth) < 4 * values.std(ddof=1) / 10
        assert np.mean([one[name][1] for one in made]) == pytest.approx(values.std(ddof=1), rel=0.3)
    assert np.mean([one["none"][1] < one["all"][1] for one in made]) > 0.9  # three times as many were left untreated


def test_shrinking_keeps_the_gain_of_the_middle():
    y, treated, mains, x = drawn(6, n=80, slope=0.3)
    x = x + 2
    mains = np.column_stack([x, mains[:, 3]])
    rule, middle = learn(y, treated, mains, x), x.mean(axis=0)
    m0, m1 = rule.outcome(mains.mean(axis=0, keepdims=True), middle[None])
    assert rule.gain(middle) == pytest.approx(float((m1 - m0)[0]))
    assert abs(rule.slopes).sum() < abs(rule.b[-3:]).sum()


def test_gains_are_the_differences_of_the_values():
    one = of(5, effect=0.2, slope=1.0)
    for name, (gain, _) in one.gains.items():
        assert gain == pytest.approx(one.values["rule"][0] - one.values[name][0])


def test_gain_is_over_the_better_of_both():
    one = Judged({}, {"all": (0.3, 0.1), "none": (0.5, 0.4)}, 100, 50)
    assert one.gain == 0.3
    assert one.low(0.95) == pytest.approx(0.5 - 1.6448536 * 0.4)


def test_the_rule_treats_who_gains():
    y, treated, mains, x = drawn(3, n=4000, effect=0.5, slope=1.0)
    rule = learn(y, treated, mains, x)
    assert rule.constant == pytest.approx(0.5, abs=0.15)
    np.testing.assert_allclose(rule.slopes, [1, 0, 0], atol=0.15)
    m0, m1 = rule.outcome(mains, x)
    np.testing.assert_allclose(m1 - m0, 0.5 + x[:, 0], atol=0.6)


def test_a_part_too_small_to_learn_from_has_no_rule():
    y, treated, mains, x = drawn(4, n=FEWEST_DF + 8)
    assert learn(y, treated, mains, x) is None
    assert judged(*drawn(4, n=60), 5, np.random.default_rng(1)) is None


# ---------------------------------------------------------------- the analysis


def study(settings=None, **changes):
    arm = changes.pop("arm", ARM)
    primary = {"kind": "repeated_measures", "outcomes": ["pain"], "baseline": "response"}
    return plan(**{
        "families": {}, "estimands": {},
        "patients": {"id": "id", "covariates": COVARIATES, **({"arm": arm} if arm else {})},
        "cohorts": {"neck": {"label": "Neck pain", "outcomes": {"pain": "nprs"}}},
        "analyses": {"primary": primary, "rule": RULE | (settings or {})}, **changes,
    })  # fmt: skip


def trial(seed, n=300, slope=0.0, effect=-0.3):
    """Pain (lower is better); the effect changes by `slope` per point of expectation above 5."""
    rng = np.random.default_rng(seed)
    arm, expectation, baseline = np.arange(n) % 2, rng.integers(0, 11, n).astype(float), rng.normal(6, 1.5, n)
    pain = 2 + 0.5 * baseline + arm * (effect + slope * (expectation - 5)) + rng.normal(0, 1, n)
    people = pd.DataFrame({"patient": [f"P{i:03d}" for i in range(n)], "expectation": expectation})
    people["arm"] = np.where(arm == 1, "dry_needling", "usual_care")
    people = people.assign(age=rng.normal(45, 10, n).round(), cohort="neck", sex=rng.choice(["female", "male"], n))
    common = people.assign(outcome="pain", instrument="nprs", unit="0-10 points", better="lower", site="", side="")
    both = {"baseline": baseline, "week_4": pain}
    frame = pd.concat([common.assign(visit=visit, value=value) for visit, value in both.items()], ignore_index=True)
    return people, add_baseline(frame, "baseline")


def run(people, frame, known=None):
    return analyse("rule", {"patients": people, "visits": frame}, known or study()).tables


def test_a_recommended_rule_is_printed_with_its_numbers():
    rows = run(*trial(1, slope=-0.4))["results"]
    best = rows[rows["variant"] == "over_better"].iloc[0]
    assert (best["status"], best["better"], best["unit"]) == ("converged", "higher", "points")
    assert 0 < best["low"] < best["estimate"]
    each = rows[rows["variant"].isin(["over_all", "over_none"])]
    np.testing.assert_allclose(each["low"], each["estimate"] - 1.6448536 * each["se"], rtol=1e-6)  # one-sided
    rule = rows[rows["quantity"] == "coefficient"].set_index("term")["estimate"]
    assert rule['["expectation"]'] == pytest.approx(
        0.4, abs=0.08
    )  # the gain, in points less pain, per point of expectation
    assert rule['["Intercept"]'] + 5 * rule['["expectation"]'] + 45 * rule['["age"]'] == pytest.approx(0.3, abs=0.3)
    values = rows[rows["quantity"] == "policy_value"].set_index("variant")
    assert values.loc["rule", "estimate"] < min(values.loc["all", "estimate"], values.loc["none", "estimate"])
    assert 3 < values.loc["rule", "estimate"] < 7  # in the outcome's own direction
    assert dict(values["arm"]) == {"rule": "", "all": "dry_needling", "none": "usual_care"}


def test_where_it_abstains_there_is_no_rule():
    rows = run(*trial(2))["results"]
    best = rows[rows["variant"] == "over_better"].iloc[0]
    assert (best["status"], best["note"]) == ("abstains", "no rule is recommended")
    assert best["low"] <= 0
    assert not rows["quantity"].eq("coefficient").any()


def test_what_rests_on_whom_the_rule_treats_counts_them():
    rows = run(*trial(1, slope=-0.4))["results"]
    shares = rows[rows["quantity"] == "share"].set_index("variant")
    assert dict(shares["n_patients"]) == {"rule_in_folds": 240, "rule": 300}
    np.testing.assert_allclose(shares["estimate"], (shares["n_events"] / shares["n_patients"]).astype(float))
    judged_rows = rows[rows["quantity"].isin(["policy_value", "policy_gain"])].set_index("variant")
    assert judged_rows["n_patients"].eq(240).all()
    rests = judged_rows["n_events"].dropna()
    assert set(rests.index) == {"rule", "over_all", "over_none", "over_better"}
    assert set(rests) == {shares.loc["rule_in_folds", "n_events"]}


def test_chance_is_seeded():
    one, other = (run(*trial(3, slope=-0.2))["results"] for _ in range(2))
    pd.testing.assert_frame_equal(one, other)


def test_a_missing_variable_costs_no_patient():
    people, frame = trial(4)
    lacking = frame.assign(expectation=frame["expectation"].mask(frame["patient"] < "P030"))
    assert set(run(people, lacking)["results"]["n_patients"]) == {240}  # of 300, the four parts of five that judge


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda frame: frame[frame["visit"] == "baseline"], "nobody was measured"),
        (lambda frame: frame[frame["arm"] == "usual_care"], "fewer than two patients"),
        (lambda frame: frame[frame["patient"] < "P040"], "too few patients to learn a rule"),
        (lambda frame: frame.assign(expectation=5.0), "a variable of the rule does not vary"),
    ],
)
def test_too_little_is_a_row_that_says_so(change, why):
    people, frame = trial(5)
    rows = run(people, change(frame))["results"]
    assert len(rows) == 1
    assert rows["status"].iloc[0] == "not_estimated"
    assert why in rows["note"].iloc[0]


THREE = {**ARM, "codes": {0: "usual_care", 1: "sham", 2: "dry_needling"}}


@pytest.mark.parametrize(
    ("settings", "changes", "told"),
    [
        ({}, {"design": "single_arm", "arm": None}, "a rule from a single arm would find who does well"),
        ({}, {"design": "cohort"}, "a rule is judged by what chance allocated"),
        ({}, {"arm": THREE}, "this study has more than two arms"),
        ({"moderators": ["aeg"]}, {}, "covariate 'aeg' is not defined; did you mean 'age'?"),
        ({"visits": ["baseline"]}, {}, "visit 'baseline' is none after baseline"),
        ({"contrasts": "pairwise"}, {}, "a rule is held against all and none"),
        ({}, {"primary": "rule"}, "beside the primary analysis, not in its place"),
        ({"folds": 2}, {}, "folds"),
    ],
)
def test_what_a_design_forbids_is_refused_in_a_sentence(settings, changes, told):
    with pytest.raises(ValueError, match="rule") as error:
        study(settings, **changes)
    assert told in str(error.value)


@pytest.mark.parametrize(("slope", "told"), [(-0.4, "recommended"), (0.0, "not recommended: the analysis abstains")])
def test_what_is_shown_says_whether_it_is_recommended(slope, told):
    known = study()
    tables = run(*trial(1, slope=slope), known)
    released, labels = {"results": tables["results"].assign(hidden=""), "methods": tables["methods"]}, Labels(known)
    printed = policy_value(released, labels)
    assert printed.left == (0, printed.head.index("Verdict"))  # words stand left, numbers right
    lines = [row for row in printed.rows if len(row) > 1]
    last = next(row for row in lines if row[0] == "Gain over the better")
    best = tables["results"][tables["results"]["variant"] == "over_better"].iloc[0]
    assert last[3] == told
    assert last[1].row_id == last[2].row_id == best["row_id"]
    assert any(row[0].startswith("per unit: expectation") for row in lines) == (told == "recommended")
    said = "".join(rule_sentences(released, labels)[0])
    assert f"a rule for whom to treat: {told} (gain over the better of all and none " in said
    source = figure.data(released, labels)
    assert list(source["variant"]) == ["over_all", "over_none", "over_better"]
    for profile in (REPORT, PHONE):
        ax = figure.draw(source, labels, profile).axes[0]
        assert sum(line.get_marker() == "s" for line in ax.lines) == 3
    assert told in figure.words(source, labels)[1]
