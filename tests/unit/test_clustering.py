"""How much therapists and clinics differ: recovery and coverage, warnings, too little data, refusals, release, words."""

import json

import numpy as np
import pandas as pd
import pytest
from made_results import ARM, plan

from needling.analysis.kinds import settings_of_kinds
from needling.analysis.run import analyse
from needling.cohort.frame import add_baseline
from needling.figures import clusters as figure
from needling.figures.style import PHONE, REPORT, style
from needling.labels.words import Labels
from needling.mixed.fit import fit_mixed
from needling.release.line import release, release_side
from needling.release.rule import Limits
from needling.report.happened import clusters_sentences
from needling.schema.contract import check, empty
from needling.schema.frames import BASELINE, DISTRIBUTION, FLOW, FRAME, MISSINGNESS
from needling.schema.intake import ACCOUNT, AUDIT, CODEBOOK, RELIABILITY, TOTALS
from needling.study.disclosure import Disclosure
from needling.study.file import part, section
from needling.tables.clusters import TABLES

OBSERVED = {"flow": FLOW, "distribution": DISTRIBUTION, "missingness": MISSINGNESS, "baseline": BASELINE}
OBSERVED |= {"audit": AUDIT, "totals": TOTALS, "reliability": RELIABILITY, "codebook": CODEBOOK}
OBSERVED |= {"unread": ACCOUNT["unread"]}
CLUSTERING = {"kind": "clustering", "outcomes": ["pain"]}
VISITS = {
    "schedule": {"baseline": {"week": 0}, "week_4": {"week": 4}, "week_12": {"week": 12}},
    "primary": "week_4",
    "therapist": "t",
}


def study(settings=CLUSTERING, **changes):
    patients = {"id": "id", "clinic": "c", "arm": ARM, "covariates": {"age": "age"}}
    primary = {"kind": "repeated_measures", "outcomes": ["pain"]}
    base = {
        "patients": patients,
        "visits": VISITS,
        "cohorts": {"neck": {"label": "Neck pain", "outcomes": {"pain": "nprs"}}},
        "estimands": {},
        "families": {},
        "analyses": {"primary": primary, "clustering": settings},
    }
    return plan(**base | changes)


def trial(seed=1, *, therapists=24, clinics=6, patients=240, sd=(0.5, 0.4, 1.2), nested=True, within="both"):
    """Pain at three visits: standard deviations of therapists, clinics and patients; therapists treat both arms or one."""
    rng = np.random.default_rng(seed)
    people = pd.DataFrame({"patient": [f"P{i:04d}" for i in range(patients)]})
    who = rng.integers(0, therapists, patients)
    where = who % clinics if nested else rng.integers(0, clinics, patients)
    place = who % 2 if within == "one" else rng.integers(0, 2, patients)
    own = rng.normal(0, sd[0], therapists)[who] + rng.normal(0, sd[1], clinics)[where]
    people = people.assign(
        therapist=[f"T{i:02d}" for i in who],
        clinic=[f"C{i}" for i in where],
        arm=np.where(place == 1, "dry_needling", "usual_care"),
        age=rng.normal(45, 9, patients).round(),
    )
    start = rng.normal(0, 0.8, patients)
    parts = []
    for number, (visit, week) in enumerate({"baseline": 0, "week_4": 4, "week_12": 12}.items()):
        later = own - 0.8 * place + 0.5 * start + rng.normal(0, sd[2], patients)
        value = 5 + (start if number == 0 else later)
        parts.append(people.assign(visit=visit, visit_number=number, week=float(week), value=value))
    frame = pd.concat(parts, ignore_index=True)
    frame = frame.assign(day=7 * frame["week"], hour=168 * frame["week"], site="", side="", cohort="neck")
    frame = frame.assign(outcome="pain", instrument="nprs", unit="0-10 points", better="lower")
    return check(add_baseline(frame, "baseline"), FRAME, "frame")


def found_in(frame, one=None):
    one = one or study()
    people = frame.drop_duplicates("patient")[["patient", "cohort", "arm", "clinic", "age"]]
    return analyse("clustering", {"visits": frame, "patients": people}, one).tables


def row(results, component, quantity="icc", visit="week_4"):
    mine = results[(results["term"] == json.dumps([component])) & (results["quantity"] == quantity)]
    mine = mine[mine["visit"] == visit]
    assert len(mine) == 1
    return mine.iloc[0]


# ---------------------------------------------------------------- truth


def test_known_shares_are_recovered_and_held_by_their_intervals():
    """Standard deviations .5, .4 and 1.2 are shares of .135 and .086 of the variance; Wald's interval would begin below zero."""
    whole = 0.25 + 0.16 + 1.44
    truth = {"therapist": 0.25 / whole, "clinic": 0.16 / whole}
    inside, estimates, spread = {one: [] for one in truth}, {one: [] for one in truth}, []
    for seed in range(24):
        results = found_in(trial(seed, clinics=12))["results"]
        for one, share in truth.items():
            made = row(results, one)
            inside[one].append(made["low"] <= share <= made["high"])
            estimates[one].append(made["estimate"])
            assert 0 <= made["low"] <= made["estimate"] <= made["high"] < 1
        made = row(results, "therapist", "standard_deviation")
        spread.append(made["low"] <= 0.5 <= made["high"])
    for one, share in truth.items():
        error = np.std(estimates[one]) / np.sqrt(24)
        assert abs(np.mean(estimates[one]) - share) < 3 * error, one
        assert np.mean(inside[one]) > 0.95 - 3 * np.sqrt(0.95 * 0.05 / 24), one
    assert np.mean(spread) > 0.95 - 3 * np.sqrt(0.95 * 0.05 / 24)


def test_no_difference_at_all_is_held_by_an_interval_from_zero_and_warned_of():
    zeros = 0
    for seed in range(10):
        made = row(found_in(trial(seed, sd=(0.0, 0.0, 1.2)))["results"], "therapist")
        assert made["low"] == pytest.approx(0, abs=1e-6) or made["low"] < 0.05
        warned = "models that hold it count patients as independent" in made["note"]
        assert warned == (made["estimate"] == 0) == (made["status"] == "singular")
        zeros += warned
    assert 2 <= zeros <= 8  # half the estimates of a true zero are zero


def test_the_baseline_is_a_covariate_unless_it_is_left_out():
    frame = trial(2)
    here = frame[frame["visit"] == "week_4"]
    for settings, formula in (({}, "value ~ arm + baseline"), ({"baseline": "unadjusted"}, "value ~ arm")):
        fit = fit_mixed(formula, here, subject="patient", cluster={"therapist": "1", "clinic": "1"})
        made = row(found_in(frame, study(CLUSTERING | settings))["results"], "therapist")
        assert made["estimate"] == pytest.approx(fit.icc().set_index("component").loc["therapist", "icc"], rel=1e-4)


def test_several_visits_have_a_model_each():
    results = found_in(trial(3), study(CLUSTERING | {"visits": ["week_4", "week_12"]}))["results"]
    assert list(results["visit"].unique()) == ["week_4", "week_12"]
    assert row(results, "therapist")["estimate"] != row(results, "therapist", visit="week_12")["estimate"]
    assert set(results["n_patients"]) == {240}


def test_effects_are_in_order_and_without_names():
    tables = found_in(trial(4))
    effects = tables["cluster_effects"]
    assert "level" in effects
    assert not {"therapist", "clinic"} & set(effects.columns)
    mine = effects[effects["component"] == "therapist"]
    assert mine["rank"].tolist() == list(range(1, 25))
    assert mine["estimate"].is_monotonic_increasing
    assert mine["estimate"].sum() == pytest.approx(0, abs=1e-6)
    assert ((mine["low"] < mine["estimate"]) & (mine["estimate"] < mine["high"])).all()
    assert mine["fewest"].sum() == 240
    assert set(mine["unit"]) == {"points"}


# ---------------------------------------------------------------- warnings


def test_therapists_of_one_arm_are_counted_and_warned_of():
    apart = found_in(trial(5, within="one"))
    counts = apart["clusters"].set_index("component")
    assert counts.loc["therapist", ["clusters", "one_arm"]].tolist() == [24, 24]
    assert "24 of 24 therapists have patients of one arm only" in row(apart["results"], "therapist")["note"]
    both = found_in(trial(5))
    assert both["clusters"].set_index("component").loc["therapist", "one_arm"] == 0
    assert "one arm" not in row(both["results"], "therapist")["note"]


def test_a_variance_of_zero_between_therapists_of_one_arm_is_warned_of_with_the_coverage_that_was_seen():
    said = set()
    for seed in range(8):
        made = row(
            found_in(trial(seed, therapists=6, clinics=3, patients=96, sd=(0.1, 0.0, 1.2), within="one"))["results"],
            "therapist",
        )
        assert ("in 65 to 90% then" in made["note"]) == (made["estimate"] == 0)
        said.add(made["estimate"] == 0)
    assert said == {True, False}
    both = [row(found_in(trial(seed, sd=(0.0, 0.0, 1.2)))["results"], "therapist") for seed in range(4)]
    assert any(one["estimate"] == 0 for one in both)
    assert not any("65 to 90%" in one["note"] for one in both)


@pytest.mark.parametrize(("clinics", "warned"), [(9, True), (10, False)])
def test_fewer_than_ten_are_warned_of(clinics, warned):
    made = row(found_in(trial(6, therapists=20, clinics=clinics, sd=(0.5, 0.8, 1.0)))["results"], "clinic")
    assert ("fewer than ten clinics" in made["note"]) == warned
    assert made["n_clinics"] == clinics


# ---------------------------------------------------------------- too little data


def one_clinic(frame):
    return frame.assign(clinic="C1")


@pytest.mark.parametrize(
    ("change", "component", "note"),
    [
        (lambda frame: frame.head(0), "therapist", "fewer than two therapists"),
        (lambda frame: frame[frame["patient"] == "P0001"], "therapist", "fewer than two therapists"),
        (lambda frame: frame[frame["visit"] == "baseline"], "therapist", "fewer than two therapists"),
        (lambda frame: frame.assign(therapist=None), "therapist", "fewer than two therapists"),
        (one_clinic, "clinic", "fewer than two clinics"),
        (lambda frame: frame.assign(therapist=frame["patient"]), "therapist", "no therapist has two patients"),
        (lambda frame: frame.assign(clinic=frame["therapist"]), "clinic", "each clinic has one therapist"),
        (lambda frame: frame.assign(value=3.0, baseline=3.0), "therapist", ""),
    ],
    ids=["nobody", "one patient", "no follow-up", "no therapist", "one clinic", "one each", "the same", "constant"],
)
def test_what_cannot_be_told_is_a_row_with_its_reason(change, component, note):
    made = row(found_in(change(trial(7)))["results"], component)
    assert made["status"] == "not_estimated"
    assert made[["estimate", "low", "high"]].isna().all()
    assert note in made["note"]
    assert made["note"]


def test_one_arm_on_record_still_has_shares():
    frame = trial(8)
    tables = found_in(frame[frame["arm"] == "usual_care"])
    assert row(tables["results"], "therapist")["status"] in ("converged", "singular")


def test_a_single_arm_has_shares_and_no_count_of_arms():
    patients = {"id": "id", "clinic": "c", "covariates": {"age": "age"}}
    analyses = {"primary": {"kind": "repeated_measures", "outcomes": ["pain"], "baseline": "response"}}
    one = study(design="single_arm", patients=patients, analyses={**analyses, "clustering": CLUSTERING})
    tables = found_in(trial(9).assign(arm=None), one)
    assert row(tables["results"], "therapist")["estimate"] >= 0
    assert tables["clusters"]["one_arm"].isna().all()


# ---------------------------------------------------------------- refused


@pytest.mark.parametrize(
    ("settings", "changes", "said"),
    [
        ({"visits": ["baseline"]}, {}, "visit 'baseline' is none after baseline"),
        ({"visits": ["week_5"]}, {}, "did you mean 'week_4'?"),
        (
            {},
            {"visits": {k: v for k, v in VISITS.items() if k != "therapist"}},
            "names no therapist; give its column in visits.therapist",
        ),
        (
            {},
            {"patients": {"id": "id", "arm": ARM}},
            "names no clinic; give its column in patients.clinic or visits.clinic",
        ),
        ({"contrasts": "pairwise"}, {}, "neither tested nor compared between arms"),
        ({"framework": "equivalence", "margin": 0.1}, {}, "neither tested nor compared between arms"),
    ],
)
def test_what_cannot_be_meant_is_refused_in_a_sentence(settings, changes, said):
    with pytest.raises(ValueError, match=r"analyses\.clustering") as error:
        study(CLUSTERING | settings, **changes)
    assert said in str(error.value)


def test_two_valued_outcomes_are_refused():
    frame = trial(10)
    made = found_in(frame.assign(value=(frame["value"] > 5).astype(float)))["results"]
    assert set(made["status"]) == {"not_estimated"}


def test_the_sections_that_the_workflow_gives_are_enough():
    one = study()
    common = ["design", "patients", "visits", "cohorts", "covariates", "estimands", "analyses", "primary"]
    part_of = part(section(one, *common), settings_of_kinds())
    pd.testing.assert_frame_equal(found_in(trial(1), part_of)["results"], found_in(trial(1))["results"])


# ---------------------------------------------------------------- from the analysis to the page


@pytest.fixture(scope="module")
def analysed():
    """What the analysis of one trial found."""
    return found_in(trial(11))


def released_of(tables, disclosure=None):
    one = study()
    if disclosure:
        one = one.model_copy(update={"made_up": False, "disclosure": Disclosure(**disclosure)})
    return release(tables | {name: empty(c) for name, c in OBSERVED.items()}, one), Labels(one)


def test_table_and_figure_say_the_numbers_of_the_results(analysed):
    released, labels = released_of(analysed)
    results = released["results"]
    printed = TABLES["clusters"](released, labels)
    assert [line[0] for line in printed.rows] == ["Pain intensity, week 4", "Therapists", "Clinics"]
    icc = row(results, "therapist")
    assert printed.rows[1][1:4] == ["24", "10.0", "0"]
    assert printed.rows[1][5] == f"{icc['estimate']:.2f} ({icc['low']:.2f} to {icc['high']:.2f})"
    assert "Fewer than ten clinics" in " ".join(printed.notes)
    said = "".join(clusters_sentences(released, labels)[0])
    assert said.startswith(
        f"Pain intensity, week 4: share of the variance {printed.rows[1][5]} between therapists and "
    )
    assert "Fewer than ten clinics, too few to tell how much they differ." in said
    source = figure.data(released, labels)
    caption, alternative = figure.words(source, labels)
    assert "24 therapists: differences from " in alternative
    assert "without names" in caption


@pytest.mark.parametrize("sizes", [REPORT, PHONE])
def test_names_of_the_axes_stand_beside_their_panels(analysed, sizes):
    """A long unit (percentage points) had made the name longer than the panel is high: it stood on the words above."""
    released, labels = released_of(analysed)
    source = figure.data(released, labels).assign(unit="percentage points")
    with style(sizes):
        drawn = figure.draw(source, labels, sizes)
        drawn.draw_without_rendering()
    assert len(drawn.axes) == 2
    words_above = 2 * drawn.dpi / 25.4  # mm above the panel, where they stand
    for ax in drawn.axes:
        name, panel = ax.yaxis.label.get_window_extent(), ax.get_window_extent()
        assert "percentage points" in ax.get_ylabel()
        assert panel.y0 - words_above < name.y0
        assert name.y1 < panel.y1 + words_above
        ticks = [tick.label1.get_window_extent() for tick in ax.yaxis._update_ticks()]
        assert name.x0 >= 0
        assert name.x1 < min(tick.x0 for tick in ticks)


def test_words_are_of_differences_and_never_of_cause():
    """They are the same whoever was measured, so that nobody needs to be."""
    for design in ("randomised", "cohort"):
        one = study(design=design)
        said = " ".join(found_in(trial(12).head(0), one)["methods"]["text"]).replace("a random effect of the", "")
        assert "did not come to therapists and clinics by lot" in said
        for word in ("cause", "because of", "due to", "leads to", "effect"):
            assert word not in said


@pytest.mark.parametrize(
    ("disclosure", "fewest"),
    [
        ({"rule": "cells", "min_cell": 11}, 11),
        ({"rule": "trial", "by": "a person", "date": "2026-01-01", "why": "x y"}, 3),
    ],
)
def test_effects_of_few_patients_are_not_shown_and_how_many_they_are_never(analysed, disclosure, fewest):
    released, _ = released_of(analysed, disclosure)
    shown, effects = released["cluster_effects"], analysed["cluster_effects"].copy()
    assert "fewest" not in shown
    expected = effects["fewest"] >= fewest
    effects.loc[0, "fewest"] = 2
    for component, mine in shown.groupby("component", sort=False):
        kept = effects[expected & effects["component"].eq(component)]
        assert list(mine["estimate"].dropna()) == list(kept["estimate"])
        assert mine["estimate"].isna().is_monotonic_increasing  # those not shown stand last, wherever they were
        assert list(mine["rank"]) == list(range(1, len(mine) + 1))
    limit = Limits(11, 11, 2, 3) if fewest == 11 else Limits(1, 2, 2, 3)
    one = release_side(effects, "cluster_effects", released["results"], limit)
    assert effects["estimate"].iloc[0] not in set(one["estimate"])
