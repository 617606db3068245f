"""What the demo says of treatment and harms, counted again by hand from its clean tables."""

import pandas as pd
import pytest


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


def test_the_report_shows_both_and_says_who_tells_the_story(demo):
    page = (demo[0].folder / "reports/demo/report.html").read_text(encoding="utf-8")
    for heading in ("What was done", "Harms"):
        assert f">{heading}</a></h2>" in page
    assert "narrative by the authors" in page
