"""Made-up studies: their truth is what they say, and they are shaped as a real study is."""

import numpy as np
import pytest
from made_studies import scores, small_study

from needling.simulate.calibration import draw_answers, expected_score, latent_mean, latent_spread, score_sd
from needling.simulate.demo import write_demo
from needling.simulate.frame import to_frame
from needling.simulate.made_up import simulate_study
from needling.simulate.scenario import (
    ASKED_AGAIN,
    CLINIC_SHARE,
    COHORTS,
    GUESS_CHANCES,
    GUESSES,
    MECHANISMS,
    MODERATION,
    OVER_TIME,
    RELAPSE_HAZARD_RATIO,
    RETURN_HAZARD_RATIO,
    SCALES,
    THERAPIST_SHARE,
    VISITS,
    Scenario,
)
from needling.study.keys import StudyError

# Exceeded by chance once in about 30,000 comparisons.
MONTE_CARLO = 4.2


@pytest.fixture(scope="module")
def large():
    return simulate_study(Scenario(patients=12000, clinics=200, therapists=600), np.random.default_rng(11))


@pytest.fixture(scope="module")
def small():
    return small_study()


def arm_difference(table):
    """Difference of the arms' means and its standard error."""
    needled = table["arm"] == "dry_needling"
    one, two = table.loc[needled, "total"], table.loc[~needled, "total"]
    return one.mean() - two.mean(), np.sqrt(one.var() / len(one) + two.var() / len(two))


# ---------------------------------------------------------------- truth


@pytest.mark.parametrize("instrument", ["nprs", "ndi", "fiqr", "visa_a", "lefs", "quickdash", "csi", "tsk11", "ppt"])
def test_answers_have_the_mean_and_spread_they_were_calibrated_to(instrument):
    scale = SCALES[instrument]
    plan = next(plan for plan in COHORTS.values() if instrument in plan.courses)
    mean, sd = plan.courses[instrument].baseline
    spread = latent_spread(scale, mean, sd)
    place = latent_mean(scale, mean, spread)
    assert expected_score(scale, place, spread) == pytest.approx(mean, abs=1e-6)
    assert score_sd(scale, place, spread) == pytest.approx(sd, rel=1e-4)
    n = 20000
    rng = np.random.default_rng(1)
    drawn = scale.score(draw_answers(scale, np.full(n, place), np.full(n, spread), rng.standard_normal(n), rng))
    assert abs(drawn.mean() - mean) < MONTE_CARLO * sd / np.sqrt(n)
    assert abs(drawn.std() / sd - 1) < 0.03


def test_true_effects_are_those_of_the_tables(large):
    planned = {
        ("myofascial", "pain"): (-0.9, -0.5),
        ("fibromyalgia", "pain"): (-0.8, -0.4),
        ("sports", "pain"): (-0.6, -0.2),
        ("myofascial", "function"): (-4, -2),
        ("fibromyalgia", "function"): (-6, -3),
        # percent of maximum possible: LEFS +3/+1 of 80, VISA-A +1/0, QuickDASH -3/-1 (lower is better)
        ("sports", "function"): ((3.75 + 1 + 3) / 3, (1.25 + 0 + 1) / 3),
    }
    for (cohort, outcome), (week_4, week_12) in planned.items():
        effect = large.truth["cohorts"][cohort]["outcomes"][outcome]["effect"]
        assert effect["baseline"] == 0
        assert effect["week_4"] == pytest.approx(week_4, abs=1e-5)
        assert effect["week_12"] == pytest.approx(week_12, abs=1e-5)
        assert min(0, week_4) <= effect["week_2"] <= max(0, week_4)
        assert sorted([week_4, effect["week_8"], week_12])[1] == pytest.approx(effect["week_8"])


@pytest.mark.parametrize("instrument", [*OVER_TIME, *MECHANISMS, *ASKED_AGAIN])
def test_differences_in_means_recover_the_true_effects(large, instrument):
    table = scores(large, instrument)
    for cohort, rows in table.groupby("cohort"):
        course = COHORTS[cohort].courses[instrument]
        for number in sorted(rows["visit_number"].unique()):
            estimate, error = arm_difference(rows[rows["visit_number"] == number])
            assert abs(estimate - course.effects("default")[number]) < MONTE_CARLO * error, (cohort, VISITS[number])


@pytest.mark.parametrize("instrument", [*OVER_TIME, *MECHANISMS, *ASKED_AGAIN])
def test_usual_care_follows_the_planned_course(large, instrument):
    table = scores(large, instrument)
    for cohort, rows in table[table["arm"] == "usual_care"].groupby("cohort"):
        means = COHORTS[cohort].courses[instrument].control_means()
        for number, values in rows.groupby("visit_number")["total"]:
            # Clinics and therapists are shared, so the error is a little larger than that of independent patients.
            error = values.std() * np.sqrt(1 / len(values) + CLINIC_SHARE / 200 + THERAPIST_SHARE / 600)
            assert abs(values.mean() - means[number]) < MONTE_CARLO * error, (cohort, number)


def test_nothing_differs_between_arms_in_the_null_scenario():
    study = simulate_study(Scenario("null", patients=6000, clinics=100, therapists=300), np.random.default_rng(3))
    for cohort in study.truth["cohorts"].values():
        for outcome in cohort["outcomes"].values():
            assert set(outcome["effect"].values()) == {0.0}
    for instrument in (*OVER_TIME, *MECHANISMS, *ASKED_AGAIN):
        for _, rows in scores(study, instrument).groupby(["cohort", "visit_number"]):
            estimate, error = arm_difference(rows)
            assert abs(estimate) < MONTE_CARLO * error
    within = study.sessions.merge(study.needling.groupby(["patient", "session"], as_index=False)["ltr"].any())
    change = (within["pain_after"] - within["pain_before"]).groupby(within["ltr"]).agg(["mean", "var", "size"])
    difference = change["mean"].loc[True] - change["mean"].loc[False]
    assert abs(difference) < MONTE_CARLO * np.sqrt((change["var"] / change["size"]).sum())
    assert study.truth["return_to_sport"]["hazard_ratio"] == 1
    back = study.patients.query("cohort == 'sports'").assign(
        back=lambda t: t["patient"].isin(study.milestones["patient"])
    )
    shares = back.groupby("arm")["back"].agg(["mean", "size"])
    spread = np.sqrt((shares["mean"] * (1 - shares["mean"]) / shares["size"]).sum())
    assert abs(shares["mean"].diff().iloc[1]) < MONTE_CARLO * spread


def test_confounding_by_severity_hides_the_effect_until_baseline_is_adjusted_for():
    study = simulate_study(Scenario("confounded", patients=9000, clinics=100, therapists=300), np.random.default_rng(4))
    assert study.truth["design"] == "cohort"
    table = scores(study, "nprs").merge(study.patients[["patient", "expectation"]], on="patient")
    baseline = table[table["visit_number"] == 0].set_index("patient")["total"]
    gap, error = arm_difference(table[table["visit_number"] == 0])
    assert gap > 10 * error
    week_4 = table[table["visit_number"] == 2].assign(baseline=lambda t: t["patient"].map(baseline))
    for cohort, rows in week_4.groupby("cohort"):
        true = COHORTS[cohort].courses["nprs"].effects("default")[2]
        crude, error = arm_difference(rows)
        assert crude - true > 5 * error
        needled = (rows["arm"] == "dry_needling").to_numpy(float)
        X = np.column_stack([np.ones(len(rows)), needled, rows["expectation"], rows["baseline"], rows["baseline"] ** 2])
        solved = np.linalg.lstsq(X, rows["total"].to_numpy())[0]
        sigma2 = ((rows["total"] - X @ solved) ** 2).sum() / (len(rows) - X.shape[1])
        adjusted_error = np.sqrt(sigma2 * np.linalg.inv(X.T @ X)[1, 1])
        assert abs(solved[1] - true) < MONTE_CARLO * adjusted_error, cohort


def test_drop_out_not_at_random_biases_what_is_observed_but_not_the_truth():
    study = simulate_study(Scenario("mnar", patients=9000, clinics=100, therapists=300), np.random.default_rng(8))
    everybody, seen = scores(study, "nprs"), scores(study, "nprs", observed_only=True)
    for cohort in COHORTS:
        true = COHORTS[cohort].courses["nprs"].effects("mnar")[4]
        estimate, error = arm_difference(everybody.query("cohort == @cohort and visit_number == 4"))
        assert abs(estimate - true) < MONTE_CARLO * error
        biased, error = arm_difference(seen.query("cohort == @cohort and visit_number == 4"))
        assert biased < true - 4 * error


@pytest.fixture(scope="module")
def sham():
    return simulate_study(Scenario("sham", patients=6000, clinics=100, therapists=300), np.random.default_rng(12))


def test_soreness_and_harms_are_those_of_the_truth(sham):
    """Of each arm: mean soreness within four standard errors, and the share of sessions with a minor and a severe event."""
    arms = sham.patients["arm"].to_numpy()
    sessions = sham.sessions.assign(arm=arms[sham.sessions["patient"]])
    assert list(sham.truth["soreness"]) == ["sham", "dry_needling"]
    assert sessions.loc[sessions["arm"] == "usual_care", "soreness_24h"].isna().all()
    for arm, means in sham.truth["soreness"].items():
        for hours, mean in means.items():
            seen = sessions.loc[sessions["arm"] == arm, f"soreness_{hours.removeprefix('hours_')}h"].dropna()
            assert abs(seen.mean() - mean) < 4 * seen.std() / len(seen) ** 0.5
    events = sham.adverse_events.assign(arm=arms[sham.adverse_events["patient"]])
    for arm, chances in sham.truth["adverse_events_per_session"].items():
        n, mine = (sessions["arm"] == arm).sum(), events[events["arm"] == arm]
        severe = (mine["severity"] == "severe").sum()
        for seen, chance in (
            (severe, chances["severe"]),
            (len(mine) - severe, chances["minor"] * (1 - chances["severe"])),
        ):
            assert abs(seen / n - chance) <= 4 * (chance * (1 - chance) / n) ** 0.5


def test_a_sham_does_a_part_of_what_needling_does(sham):
    outcomes = sham.truth["cohorts"]["myofascial"]["outcomes"]
    assert list(sham.truth["cohorts"]) == ["myofascial"]
    assert outcomes["pain"]["effect_of_sham"]["week_4"] == pytest.approx(0.4 * -0.9)
    for outcome, instrument in (("pain", "nprs"), ("function", "ndi"), ("ppt", "ppt")):
        table = scores(sham, instrument)
        for number, visit in enumerate(VISITS):
            here = table[table["visit_number"] == number]
            for arm, key in (("dry_needling", "effect"), ("sham", "effect_of_sham")):
                pair = here[here["arm"].isin([arm, "usual_care"])]
                estimate, error = arm_difference(pair.assign(arm=pair["arm"].replace(arm, "dry_needling")))
                assert abs(estimate - outcomes[outcome][key][visit]) < MONTE_CARLO * error, (outcome, visit, arm)


def test_a_trial_with_a_sham_is_drawn_in_thirds_and_nothing_enters_the_skin_of_a_sham(sham):
    strata = sham.patients.groupby("clinic")["arm"].value_counts().unstack()
    assert (strata.max(axis=1) - strata.min(axis=1)).max() <= 2
    arm = sham.needling["patient"].map(sham.patients["arm"])
    assert set(arm) == {"sham", "dry_needling"}
    blunt = sham.needling[arm == "sham"]
    assert set(blunt["technique"]) == {"blunt_needle"}
    assert blunt[["insertions", "depth_mm"]].isna().all(axis=None)
    assert not blunt["ltr"].any()
    assert "blunt_needle" not in set(sham.needling.loc[arm == "dry_needling", "technique"])


def test_guesses_have_the_chances_on_file_and_only_those_with_a_needle_guess(sham):
    told = sham.guesses.assign(arm=sham.guesses["patient"].map(sham.patients["arm"]))
    assert set(told["arm"]) == {"sham", "dry_needling"}
    assert not told.duplicated(["patient", "time"]).any()
    came = sham.visits[(sham.visits["visit"] == "week_12") & sham.visits["attended"]]["patient"]
    assert set(told.loc[told["time"] == "at_the_end", "patient"]) < set(came)
    for (arm, time), mine in told.groupby(["arm", "time"]):
        right, wrong = ("active", "sham") if arm == "dry_needling" else ("sham", "active")
        chances = dict(zip(GUESSES, GUESS_CHANCES[arm][time], strict=True))
        for guess, chance in chances.items():
            error = np.sqrt(chance * (1 - chance) / len(mine))
            assert abs((mine["guess"] == guess).mean() - chance) < MONTE_CARLO * error, (arm, time, guess)
        assert sham.truth["guesses"][arm][time]["bang"] == pytest.approx(chances[right] - chances[wrong])


# ---------------------------------------------------------------- shape


def test_drop_out_by_week_12_is_what_the_plan_says(large):
    left = large.patients["left_before"] < len(VISITS)
    for cohort, share in left.groupby(large.patients["cohort"]).mean().items():
        planned = COHORTS[cohort].drop_out
        n = (large.patients["cohort"] == cohort).sum()
        assert abs(share - planned) < MONTE_CARLO * np.sqrt(planned * (1 - planned) / n)
    attended = large.visits.groupby("visit")["attended"].mean()
    assert attended["baseline"] == 1
    assert attended["week_12"] == pytest.approx(1 - left.mean())


def test_scores_of_one_person_correlate_and_the_correlation_decays(large):
    for instrument in ("nprs", "ndi", "fiqr", "lefs"):
        wide = scores(large, instrument)
        wide = wide.assign(
            rest=wide["total"] - wide.groupby(["cohort", "arm", "visit_number"])["total"].transform("mean")
        )
        r = wide.pivot(index="patient", columns="visit_number", values="rest").corr().to_numpy()
        assert 0.44 < r[1, 2] < 0.65
        assert 0.44 < r[0, 1] < 0.62
        assert r[0, 1] > r[0, 2] > r[0, 4] > 0.33


def test_therapists_and_clinics_explain_five_to_twelve_percent(large):
    table = scores(large, "nprs").merge(large.visits[["patient", "visit_number", "therapist"]])
    table = table[table["visit_number"] == 2]
    rest = table["total"] - table.groupby(["cohort", "arm"])["total"].transform("mean")
    groups = rest.groupby(table["therapist"])
    n, k = groups.size(), groups.ngroups
    between = (n * groups.mean() ** 2).sum() / (k - 1)
    within = ((n - 1) * groups.var()).sum() / (len(rest) - k)
    per_group = (n.sum() - (n**2).sum() / n.sum()) / (k - 1)
    part = (between - within) / per_group
    # therapists of one clinic share its part, so the variance between therapists holds both
    assert 0.05 < part / (part + within) < 0.12


def test_therapists_are_nested_in_clinics_but_some_work_in_two(small):
    staff = small.staff
    assert (staff["second_clinic"] >= 0).sum() == 4
    assert set(staff["clinic"]) == set(range(9))
    places = small.visits.merge(small.patients[["patient", "clinic"]]).groupby("therapist")["clinic"].unique()
    for therapist, clinics in places.items():
        allowed = set(staff.loc[staff["therapist"] == therapist, ["clinic", "second_clinic"]].to_numpy().ravel())
        assert set(clinics) <= allowed


def test_arms_are_balanced_within_cohort_and_clinic(large):
    strata = large.patients.groupby(["cohort", "clinic"])["arm"]
    difference = strata.apply(lambda arm: abs((arm == "dry_needling").sum() - (arm == "usual_care").sum()))
    assert difference.max() <= 2


def test_sessions_needling_and_exits_hang_together(large):
    sessions, people = large.sessions, large.patients
    stayed = people.loc[~people["patient"].isin(large.status["patient"]), "patient"]
    counts = sessions.groupby("patient").size().reindex(stayed)
    assert counts.min() >= 3
    assert counts.max() <= 8
    assert sessions["day"].between(1, 42).all()
    gaps = sessions.groupby("patient")["day"].diff().dropna()
    assert (gaps >= 2).all()
    assert gaps.std() > 1
    exits = large.status.set_index("patient")["day"]
    assert (sessions["day"] <= sessions["patient"].map(exits).fillna(999)).all()
    came = large.visits[large.visits["attended"]]
    gone = large.status[~large.status["still_followed"]].set_index("patient")["day"]
    assert (came["day"] < came["patient"].map(gone).fillna(999)).all()
    arm = people.set_index("patient")["arm"]
    assert set(large.needling["patient"].map(arm)) == {"dry_needling"}
    assert large.needling.merge(sessions, on=["patient", "session", "day"]).shape[0] == len(large.needling)
    events = large.adverse_events["patient"].map(arm).value_counts()
    needled_sessions = (sessions["patient"].map(arm) == "dry_needling").sum()
    assert 0.35 < events["dry_needling"] / needled_sessions < 0.39
    assert set(large.sessions["pain_before"]) == set(range(11))


# ---------------------------------------------------------------- how, for whom, with what


def slopes(table, of):
    """Slope of week 4's pain on a number known at baseline, by arm, and its standard error."""
    found = {}
    for arm, rows in table.groupby("arm"):
        x, y = rows[of] - rows[of].mean(), rows["total"] - rows["total"].mean()
        slope = (x * y).sum() / (x**2).sum()
        found[arm] = slope, np.sqrt((y - slope * x).var() / (x**2).sum())
    return found


@pytest.mark.parametrize("moderator", ["expectation", "csi"])
def test_expectation_moderates_in_one_cohort_and_sensitisation_nowhere(large, moderator):
    csi = scores(large, "csi").query("visit_number == 0").set_index("patient")["total"]
    known = large.patients.assign(csi=lambda t: t["patient"].map(csi)).set_index("patient")
    table = scores(large, "nprs").query("visit_number == 2")
    table = table.assign(**{moderator: table["patient"].map(known[moderator])})
    for cohort, rows in table.groupby("cohort"):
        (needled, one), (others, two) = (slopes(rows, moderator)[arm] for arm in ("dry_needling", "usual_care"))
        true = MODERATION.get(cohort, 0.0) if moderator == "expectation" else 0.0
        assert large.truth["effect_on_pain_per_point"][moderator][cohort]["week_4"] == true
        assert abs(needled - others - true) < MONTE_CARLO * np.hypot(one, two), cohort
        assert true == 0 or abs(needled - others) > 5 * np.hypot(one, two)


def within(study, instrument):
    """Correlation of an instrument with pain within persons, once the means of arm and visit are taken away."""
    both = scores(study, "nprs").merge(scores(study, instrument), on=["patient", "visit_number", "arm", "cohort"])
    places = both.groupby(["cohort", "arm", "visit_number"])
    rest = [both[name] - places[name].transform("mean") for name in ("total_x", "total_y")]
    own = [one - one.groupby(both["patient"]).transform("mean") for one in rest]
    return np.corrcoef(*own)[0, 1]


def test_within_a_person_tenderness_goes_with_pain_and_modulation_and_sensitisation_do_not(large):
    local, remote = within(large, "ppt"), within(large, "ppt_remote")
    assert -0.40 < local < -0.28
    assert local + 0.05 < remote < -0.15
    # 48,000 differences within persons
    assert abs(within(large, "cpm")) < MONTE_CARLO / np.sqrt(48000)
    assert abs(within(large, "csi")) < MONTE_CARLO / np.sqrt(24000)
    first = scores(large, "cpm").query("visit_number == 0").set_index("patient")["total"]
    pain = scores(large, "nprs").query("visit_number == 0").set_index("patient")["total"]
    by_cohort = large.patients.set_index("patient")["cohort"]
    between = [first[who].corr(pain[who]) for who in by_cohort.groupby(by_cohort).groups.values()]
    assert max(between) < -0.08
    # -9 and -99 are codes for missing
    assert not scores(large, "cpm")["total"].isin([-9, -99]).any()


def test_sensitisation_is_asked_again_and_keeps_its_order(large):
    wide = large.answers["csi"].pivot(index="patient", columns="visit_number", values="total")
    assert list(wide.columns) == [0, 2, 4]
    for _, mine in wide.groupby(large.patients.set_index("patient")["cohort"]):
        assert 0.6 < mine[0].corr(mine[4]) < 0.9


def test_a_twitch_matters_within_the_session_and_not_for_the_next(large):
    twitched = large.needling.groupby(["patient", "session"], as_index=False)["ltr"].any()
    table = large.sessions.merge(twitched, on=["patient", "session"])
    table["change"] = table["pain_after"] - table["pain_before"]
    table["next"] = table.groupby("patient")["pain_before"].shift(-1) - table["pain_before"]
    for name, low, high in (("change", -0.9, -0.6), ("next", -0.1, 0.1)):
        means = table.groupby("ltr")[name].mean()
        assert low < means[True] - means[False] < high


def test_sessions_follow_recovery_with_and_without_exceptions(large):
    planned = large.scenario.sessions[1]
    table = large.sessions.merge(large.patients[["patient", "cohort"]])
    last = table.groupby("patient")["session"].transform("max")
    table = table[(table["session"] >= 3) & (table["session"] < planned)].assign(another=table["session"] < last)
    again = table.groupby(["cohort", "pain_before"])["another"].mean()
    myofascial = again["myofascial"]
    assert myofascial.loc[1] > 0.1
    assert myofascial.loc[9] < 0.9
    assert (myofascial.loc[[2, 4, 6, 8]].diff().dropna() > 0.02).all()
    assert again["sports"].loc[:3].max() == 0
    assert again["sports"].loc[4:9].min() > 0.35
    assert again["fibromyalgia"].loc[2:].std() < 0.08


def test_usual_care_has_more_exercise(large):
    arm = large.patients.set_index("patient")["arm"]
    exercise = large.co_interventions.query("kind == 'exercise'")["patient"].map(arm).value_counts()
    sessions = large.sessions["patient"].map(arm).value_counts()
    assert exercise["usual_care"] / sessions["usual_care"] == pytest.approx(0.5 * 0.4 + 0.25, abs=0.015)
    assert exercise["dry_needling"] / sessions["dry_needling"] == pytest.approx(0.5 * 0.4, abs=0.015)
    assert not large.co_interventions.drop(columns="day").duplicated().any()


@pytest.mark.parametrize(
    ("kind", "cohort", "truth"),
    [("return_to_sport", "sports", RETURN_HAZARD_RATIO), ("relapse", "myofascial", RELAPSE_HAZARD_RATIO)],
)
def test_a_milestone_is_reached_in_one_cohort_and_sooner_or_later_with_needling(large, kind, cohort, truth):
    people = large.patients[large.patients["cohort"] == cohort].set_index("patient")
    reached = large.milestones[large.milestones["kind"] == kind]
    assert set(reached["patient"]) <= set(people.index)
    day = reached.set_index("patient")["day"].reindex(people.index)
    # of those followed to the end; proportional hazards: ratio of the logs of the shares that have not got there by day 70
    stayed = people["left_before"] == len(VISITS)
    not_yet = (~(day[stayed] <= 70)).groupby(people.loc[stayed, "arm"]).mean()
    ratio = np.log(not_yet["dry_needling"]) / np.log(not_yet["usual_care"])
    assert ratio == pytest.approx(truth, rel=0.12)
    assert large.truth[kind]["hazard_ratio"] == truth
    gone = large.status[~large.status["still_followed"]].set_index("patient")["day"]
    assert (day.dropna() <= day.dropna().index.map(gone).to_series(index=day.dropna().index).fillna(999)).all()


def test_each_sports_injury_has_its_own_instrument_and_other_diagnoses_do_not_follow_one(large):
    pairs = large.patients.query("cohort == 'sports'")[["subdiagnosis", "function"]].drop_duplicates()
    assert sorted(pairs.itertuples(index=False, name=None)) == [
        ("joint", "quickdash"),
        ("strain", "lefs"),
        ("tendon", "visa_a"),
    ]
    assert set(large.patients.query("cohort == 'myofascial'")["subdiagnosis"]) == {"neck", "shoulder"}
    assert set(large.patients.query("cohort == 'fibromyalgia'")["subdiagnosis"]) == {"widespread"}


def test_a_current_goes_through_deep_needles_of_some_sessions_and_changes_nothing(large):
    table = large.needling
    current = table["stimulation"] == "electrical"
    assert set(table.loc[current, "technique"]) == {"deep"}
    assert (table["stimulation_hz"].notna() == current).all()
    assert set(table.loc[current, "stimulation_hz"]) == {2, 80, 100}
    assert current[table["technique"] == "deep"].mean() == pytest.approx(0.2, abs=0.015)
    assert table.loc[current].groupby(["patient", "session"])["stimulation_hz"].nunique().max() == 1


@pytest.mark.parametrize(
    "wrong", [{"patients": 0}, {"clinics": 9, "therapists": 4}, {"sessions": (5, 3)}, {"kind": "x"}]
)
def test_impossible_scenarios_are_refused(wrong, tmp_path):
    with pytest.raises(ValueError):
        Scenario(**wrong)
    with pytest.raises(StudyError):
        write_demo(tmp_path, tmp_path, kind="x")


# ---------------------------------------------------------------- the analysis frame


def test_the_frame_holds_the_truth_for_every_outcome(large):
    frame = to_frame(large, observed_only=False)
    for (cohort, outcome, visit), rows in frame.groupby(["cohort", "outcome", "visit"]):
        true = large.truth["cohorts"][cohort]["outcomes"][outcome]["effect"][visit]
        estimate, error = arm_difference(rows.rename(columns={"value": "total"}))
        assert abs(estimate - true) < MONTE_CARLO * error, (cohort, outcome, visit)


def test_the_frame_holds_what_was_observed(small):
    frame = to_frame(small)
    assert len(frame) == 2 * small.visits["attended"].sum()
    assert frame.groupby(["patient", "outcome"])["instrument"].nunique().max() == 1
    follow_up = frame[frame["visit"] != "baseline"]
    better = follow_up["improvement"] > 0
    lower = follow_up["better"] == "lower"
    assert (
        better
        == np.where(lower, follow_up["value"] < follow_up["baseline"], follow_up["value"] > follow_up["baseline"])
    ).all()
