"""What the demo says of treatment, harms and responders, counted again by hand from its clean tables."""

import pandas as pd
import pytest

from needling.analysis.kinds import settings_of_kinds
from needling.analysis.run import analyse
from needling.plan import load_study
from needling.study.file import part, section

SECTIONS = ("design", "seed", "primary", "patients", "visits", "instruments", "cohorts", "covariates", "estimands")


@pytest.fixture(scope="module")
def clean(demo):
    """The clean tables of the demo, with cohort and arm beside every row."""
    folder = demo[0].folder / "data/processed/demo/clean"
    names = ("patients", "sessions", "adverse_events", "needling")
    tables = {name: pd.read_parquet(folder / f"{name}.parquet") for name in names}
    place = tables["patients"].set_index("patient")[["cohort", "arm"]]
    return {
        name: table if name == "patients" else table.join(place, on="patient", how="inner")
        for name, table in tables.items()
    }


def results(demo, name):
    return pd.read_csv(demo[0].folder / f"reports/demo/results/{name}.csv", keep_default_na=False)


def people(table, arms):
    """Different people in each cohort and arm."""
    return table.groupby(["cohort", "arm"])["patient"].nunique().reindex(arms, fill_value=0)


@pytest.mark.parametrize("kind", ["", "soreness", "bruising", "prolonged aggravation"])
def test_persons_with_an_event(demo, clean, kind):
    shown = results(demo, "harms")
    term = f'[["kind", "{kind}"]]' if kind else '[["adverse_event", "any"]]'
    mine = shown[(shown["term"] == term) & (shown["quantity"] == "share")].set_index(["cohort", "arm"])
    events = clean["adverse_events"]
    chosen = events[events["kind"] == kind] if kind else events
    by_hand = people(chosen, mine.index)
    assert list(mine["n_events"].astype(float)) == list(by_hand)
    assert list(mine["n_patients"].astype(float)) == list(people(clean["patients"], mine.index))


def test_share_of_sessions_with_an_event(demo, clean):
    shown = results(demo, "harms")
    mine = shown[(shown["term"] == '[["adverse_event", "any"]]') & (shown["quantity"] == "session_rate")]
    hit = {(one.patient, one.session) for one in clean["adverse_events"].itertuples()}
    sessions = clean["sessions"]
    happened = pd.Series([(one.patient, one.session) in hit for one in sessions.itertuples()], sessions.index)
    by_hand = happened.groupby([sessions["cohort"], sessions["arm"]]).mean()
    for row in mine.to_dict("records"):
        assert float(row["estimate"]) == pytest.approx(
            by_hand[(row["cohort"], row["arm"])], rel=1e-7
        )  # 8 digits are written


def test_sessions_per_patient(demo, clean):
    shown = pd.read_parquet(demo[0].folder / "data/processed/demo/release/delivered.parquet")
    mine = shown[shown["measure"] == "sessions"]
    assert len(mine) == 6
    for row in mine.to_dict("records"):
        patients = clean["patients"]
        who = patients.loc[(patients["cohort"] == row["cohort"]) & (patients["arm"] == row["arm"]), "patient"]
        number = [int((clean["sessions"]["patient"] == one).sum()) for one in who]
        assert (row["n"], row["mean"]) == (len(number), pytest.approx(sum(number) / len(number)))
        assert row["median"] == pd.Series(number).median()


def test_who_was_needled_in_the_other_arm(demo, clean):
    shown = results(demo, "treatment")
    mine = shown[shown["term"] == '[["needled", "yes"]]'].set_index(["cohort", "arm"])
    assert list(mine["n_events"].astype(float)) == list(people(clean["needling"], mine.index))


@pytest.mark.parametrize("percent", [30, 50])
def test_responders(demo, clean, percent):
    """Pain of the clean table at baseline and week 4; who was not measured has not responded, or has been imputed."""
    folder = demo[0].folder / "data/processed/demo"
    told = pd.read_parquet(folder / "clean/outcomes.parquet").query("instrument == 'nprs' and item == 'total'")
    visits = pd.read_parquet(folder / "clean/visits.parquet")[["row", "patient", "visit"]]
    told = told.dropna(subset="value").merge(visits, left_on="visit_row", right_on="row")
    pain = {visit: rows.set_index("patient")["value"].to_dict() for visit, rows in told.groupby("visit")}
    responded, missed = {}, {}
    for one in clean["patients"].itertuples():
        place, before, now = (one.cohort, one.arm), pain["baseline"].get(one.patient), pain["week_4"].get(one.patient)
        known = before is not None and now is not None
        responded[place] = responded.get(place, 0) + (
            known and now < before and 100 * (before - now) >= percent * before
        )
        missed[place] = missed.get(place, 0) + (not known)
    shown = results(demo, "responders")
    shown = shown[(shown["variant"] == f"at_least_{percent}_percent") & (shown["quantity"] == "share")]
    imputed = shown.set_index(["cohort", "arm"])["n_events"].astype(float)
    assert set(imputed.index) == set(responded)
    assert sum(missed.values()) > 0
    for place, events in imputed.items():
        assert responded[place] <= events <= responded[place] + missed[place]

    study = load_study(demo[0].folder / "config/demo.yaml")
    asked = {"kind": "responders", "outcomes": ["pain"], "visits": ["week_4"], "missing": "non_response"}
    asked["responses"] = {"enough": {"percent": percent}}
    plan = part({**section(study, *SECTIONS), "analyses": {"asked": asked}}, settings_of_kinds())
    frames = {name: pd.read_parquet(folder / f"frames/{name}.parquet") for name in ("visits", "patients")}
    found = analyse("asked", frames, plan).results.query("quantity == 'share'").set_index(["cohort", "arm"])
    assert found["n_events"].astype(int).to_dict() == responded


def test_the_report_shows_both_and_says_who_tells_the_story(demo):
    page = (demo[0].folder / "reports/demo/report.html").read_text(encoding="utf-8")
    for heading in ("What was done", "Harms"):
        assert f">{heading}</a></h2>" in page
    assert "narrative by the authors" in page
