"""The export of made-up studies: it says what their tables say, and the log of its dirt is complete."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from made_studies import scores, small_study

from needling.plan import load_study
from needling.simulate.demo import DEMO_SEED, ROLES, SHAM_SEED, write_demo
from needling.simulate.dirt import KINDS, inject
from needling.simulate.made_up import simulate_study
from needling.simulate.redcap import redcap_blocks, to_redcap
from needling.simulate.scenario import Scenario, truth
from needling.simulate.soiled import Roles

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def small():
    return small_study()


@pytest.fixture(scope="module")
def clean(small):
    return to_redcap(small, np.random.default_rng(6))[0]


@pytest.fixture(scope="module")
def soiled(clean):
    return inject(clean, ROLES, np.random.default_rng(7), kinds=KINDS)


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    folder = tmp_path_factory.mktemp("demo")
    study = write_demo(folder / "raw", folder / "truth")
    return study, folder


def test_the_export_says_what_the_tables_say(small, clean):
    visits = clean[clean["visit_date"] != ""]
    assert len(visits) == small.visits["attended"].sum()
    assert sorted(visits["nprs"].astype(int)) == sorted(scores(small, "nprs", observed_only=True)["total"].astype(int))
    assert (clean["redcap_repeat_instrument"] == "needling").sum() == len(small.needling)
    enrolled = clean[clean["eligible"] == "1"]
    assert len(enrolled) == len(small.patients)
    assert enrolled["record_id"].is_unique
    assert (clean["eligible"] == "0").sum() == len(small.excluded)
    thresholds = visits[["ppt_1", "ppt_2", "ppt_3"]].astype(float).mean(axis=1)
    assert np.allclose(np.sort(thresholds), np.sort(scores(small, "ppt", observed_only=True)["total"]))


@pytest.mark.parametrize("instrument", ["ndi", "fiqr", "visa_a", "lefs", "quickdash", "csi", "pcs_total", "tsk11"])
def test_exported_totals_are_the_scores_of_the_exported_items(clean, instrument):
    answers = ROLES.questionnaires[instrument]
    table = clean.loc[(clean[list(answers.items)] != "").all(axis=1), [*answers.items, answers.total]].astype(float)
    items = table[list(answers.items)]
    by_hand = {
        "ndi": lambda x: x.sum(axis=1) / 50 * 100,
        "fiqr": lambda x: x.iloc[:, :9].sum(axis=1) / 3 + x.iloc[:, 9:11].sum(axis=1) + x.iloc[:, 11:].sum(axis=1) / 2,
        "quickdash": lambda x: (x.mean(axis=1) - 1) * 25,
    }.get(instrument, lambda x: x.sum(axis=1))(items)
    assert len(table) > 20
    assert np.allclose(by_hand, table[answers.total], atol=0.005)
    assert (items >= list(answers.lows)).to_numpy().all()
    assert (items <= list(answers.highs)).to_numpy().all()


def test_every_column_is_in_the_dictionary_and_no_label_has_an_items_wording(clean):
    _, dictionary = to_redcap(
        simulate_study(Scenario.sized(patients=4), np.random.default_rng(1)), np.random.default_rng(1)
    )
    fields = dictionary["Variable / Field Name"]
    for column in clean.columns:
        assert column.split("___")[0] in set(fields) or column.startswith("redcap_")
    items = dictionary[fields.str.fullmatch(r"(ndi|fiqr|visa_a|lefs|quickdash|csi|pcs|tsk11)_\d+")]
    assert len(items) == 10 + 21 + 8 + 20 + 11 + 25 + 13 + 11
    assert items["Field Label"].str.fullmatch(r"[A-Za-z-]+(-11)? item \d+").all()


def test_the_export_of_a_trial_with_a_sham_asks_its_own_questionnaire_and_for_guesses():
    few = simulate_study(Scenario.sized("sham", 30), np.random.default_rng(1))
    records, dictionary = to_redcap(few, np.random.default_rng(2))
    told = records[records["redcap_repeat_instrument"] == "guess_of_arm"]
    assert len(told) == len(few.guesses) > 20
    assert set(told["guess"]) == {"1", "2", "3"}
    assert set(told["guess_time"]) == {"1", "2"}
    assert {"ndi_1", "guess"} <= set(records.columns)
    assert "fiqr_1" not in records.columns
    forms = dict(zip(dictionary["Variable / Field Name"], dictionary.iloc[:, 5], strict=True))
    assert forms["guess"] == "1, Active | 2, Sham | 3, Do not know"
    assert forms["technique"] == "1, Deep | 2, Superficial | 3, Blunt needle"


@pytest.mark.parametrize("patients", [1, 4, 30])
def test_tiny_studies_are_possible(patients):
    study = simulate_study(Scenario.sized(patients=patients), np.random.default_rng(1))
    records, _ = to_redcap(study, np.random.default_rng(2))
    soiled, log = inject(records, ROLES, np.random.default_rng(3))
    assert (records["redcap_event_name"] == "baseline_arm_1").sum() == patients
    assert len(soiled) == len(records) + (log["column"] == "").sum()


def test_same_generator_same_study_and_blocks_hold_everybody(small):
    again = simulate_study(small.scenario, np.random.default_rng(5))
    pd.testing.assert_frame_equal(again.patients, small.patients)
    pd.testing.assert_frame_equal(again.answers["nprs"], small.answers["nprs"])
    pd.testing.assert_frame_equal(again.needling, small.needling)
    whole, dictionary = to_redcap(small, np.random.default_rng(6))
    blocks = list(redcap_blocks(small, np.random.default_rng(6), 25))
    together = pd.concat(blocks)
    key = ["record_id", "redcap_event_name", "redcap_repeat_instrument", "redcap_repeat_instance", "nprs", "arm"]
    assert len(blocks) == 4
    pd.testing.assert_frame_equal(
        together[key].sort_values(key, ignore_index=True), whole[key].sort_values(key, ignore_index=True)
    )
    assert dictionary.shape[1] == 18


# ---------------------------------------------------------------- dirt


def restored(soiled, log):
    """Undo the log: the added rows go, the old cells come back."""
    cells = log[log["column"] != ""]
    frame = soiled.copy()
    for column, part in cells.groupby("column"):
        values = frame[column].to_numpy(object).copy()
        values[part["line"].to_numpy(int) - 2] = part["old"].to_numpy()
        frame[column] = pd.Series(values, dtype="str")
    added = log.loc[log["column"] == "", "line"].to_numpy(int) - 2
    return frame.drop(index=added).reset_index(drop=True)


def test_the_log_is_complete_undoing_it_gives_the_clean_export(clean, soiled):
    frame, log = soiled
    pd.testing.assert_frame_equal(restored(frame, log), clean)


def test_every_logged_cell_is_in_the_export_and_none_was_touched_twice(soiled):
    frame, log = soiled
    cells = log[log["column"] != ""]
    assert not cells.duplicated(["line", "column"]).any()
    assert (cells["old"] != cells["new"]).all()
    found = [frame[column].iat[line - 2] for column, line in zip(cells["column"], cells["line"], strict=True)]
    assert found == cells["new"].tolist()
    added = log[log["column"] == ""]
    assert not set(cells["line"]) & (set(added["line"]) | set(added["of_line"]))


def test_all_seventeen_kinds_are_there(soiled):
    counts = soiled[1]["kind"].value_counts()
    assert sorted(counts.index) == list(range(1, 18))
    assert counts.min() >= 3


def test_exact_duplicates_are_exact_and_conflicting_ones_conflict(soiled):
    frame, log = soiled
    added = log[log["kind"] == 7]
    for row in added.itertuples():
        copy, original = frame.iloc[row.line - 2], frame.iloc[row.of_line - 2]
        differs = set(frame.columns[(copy != original).to_numpy()])
        if row.variant == "exact":
            assert not differs
        elif row.variant == "entered twice":
            assert differs == {"redcap_repeat_instance"}
        else:
            assert (
                {"redcap_repeat_instance", "pain_after"}
                <= differs
                <= {
                    "redcap_repeat_instance",
                    "pain_after",
                    "session_date",
                }
            )


def test_dirt_does_not_look_at_the_arm(clean):
    exchanged = clean.assign(
        arm=clean["arm"].map({"usual care": "dry needling", "dry needling": "usual care"}).fillna("")
    )
    one = inject(clean, ROLES, np.random.default_rng(9))[1].query("kind != 8")
    two = inject(exchanged, ROLES, np.random.default_rng(9))[1].query("kind != 8")
    columns = ["kind", "variant", "record", "event", "instrument", "instance", "column", "old", "new"]
    pd.testing.assert_frame_equal(
        one[columns].reset_index(drop=True), two[columns].reset_index(drop=True), check_dtype=False
    )


def test_identifiers_come_only_when_asked_for(clean):
    without = inject(clean, ROLES, np.random.default_rng(9))[1]
    assert 15 not in set(without["kind"])
    only = inject(clean, ROLES, np.random.default_rng(9), kinds=[15])[1]
    assert set(only["column"]) == {"session_note", "ae_note"}


def test_other_studies_can_be_soiled_too():
    diary = pd.DataFrame({"id": [f"P{n:03d}" for n in range(40)], "pain": ["4"] * 40, "age": ["50"] * 40}, dtype="str")
    roles = Roles(record="id", pain="pain", numbers={"age": (("230",), ())})
    frame, log = inject(diary, roles, np.random.default_rng(1), kinds=KINDS)
    assert set(log["kind"]) == {6, 12, 14}
    pd.testing.assert_frame_equal(restored(frame, log), diary)
    with pytest.raises(ValueError, match="18"):
        inject(diary, roles, np.random.default_rng(1), kinds=[18])


# ---------------------------------------------------------------- the committed demo


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_the_committed_trial_with_a_sham_is_what_its_seed_gives(tmp_path):
    write_demo(tmp_path, tmp_path, SHAM_SEED, "sham")
    for name in ("records.csv", "dictionary.csv"):
        assert digest(tmp_path / name) == digest(ROOT / "data/raw/demo_sham" / name), name
    for name in ("truth.json", "dirt.csv"):
        assert digest(tmp_path / name) == digest(ROOT / "tests/truth/demo_sham" / name), name
    assert str(SHAM_SEED) in (ROOT / "data/raw/demo_sham/README.md").read_text()


def test_the_committed_demo_is_what_its_seed_gives(demo):
    _, folder = demo
    for name in ("records.csv", "dictionary.csv"):
        assert digest(folder / "raw" / name) == digest(ROOT / "data/raw/demo" / name), name
    for name in ("truth.json", "dirt.csv"):
        assert digest(folder / "truth" / name) == digest(ROOT / "tests/truth" / name), name
    assert str(DEMO_SEED) in (ROOT / "data/raw/demo/README.md").read_text()


def test_the_demo_is_as_large_as_promised(demo):
    study, folder = demo
    assert study.scenario == Scenario()
    assert len(study.patients) >= 360
    assert study.patients["cohort"].nunique() == 3
    assert study.patients["clinic"].nunique() == 9
    assert study.visits["therapist"].nunique() == 24
    assert (folder / "raw" / "records.csv").stat().st_size < 4_000_000
    log = pd.read_csv(folder / "truth" / "dirt.csv", dtype=str, keep_default_na=False)
    assert sorted(set(log["kind"].astype(int))) == [kind for kind in range(1, 18) if kind != 15]
    assert json.loads((folder / "truth" / "truth.json").read_text()) == truth(Scenario())


def test_the_demos_study_file_reads_its_columns():
    study = load_study(ROOT / "config/demo.yaml")
    header = set((ROOT / "data/raw/demo/records.csv").read_text().splitlines()[0].split(","))
    named = {study.patients.id, study.patients.clinic, study.patients.day_0, study.visits.date, study.visits.therapist}
    named |= {column.source for column in study.patients.covariates.values()}
    for instrument in study.instruments.values():
        named |= set(instrument.items or []) | ({instrument.total} if instrument.total else set())
    events = study.events
    for table in (events.sessions, events.needling, events.co_interventions, events.milestones):
        named |= {column.source for column in table.columns.values()}
    assert named <= header
    assert study.seed == DEMO_SEED
    assert study.made_up


def test_made_up_data_never_replace_a_file_that_is_there(tmp_path, capsys):
    from needling.cli import main

    (tmp_path / "records.csv").write_text("precious")
    assert main(["simulate", str(tmp_path), "--truth", str(tmp_path / "truth")]) == 1
    assert "records.csv exists" in capsys.readouterr().err
    assert (tmp_path / "records.csv").read_text() == "precious"
    assert not (tmp_path / "truth").exists()
