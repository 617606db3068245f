"""The first study file of an export: it loads, it reads the export, and it marks its guesses."""

import re

import pytest

from needling.read import guess_study, read_export, to_canonical
from needling.study import StudyError, load_study


def drafted(folder, name, export, dictionary=None, known=()):
    text = guess_study(name, export, dictionary, known)
    path = folder / f"{name}.yaml"
    path.write_text(text, encoding="utf-8")
    study = load_study(path)
    return text, study, to_canonical(read_export(study.export), study)


def test_demo_is_recognised(tmp_path, project):
    folder = project / "data" / "raw" / "demo"
    text, study, tables = drafted(tmp_path, "draft", folder / "records.csv", folder / "dictionary.csv", {"ndi", "nprs"})
    truth = load_study(project / "config" / "demo.yaml")
    assert study.export.format == "redcap"
    assert study.design == "randomised"
    for role in ("id", "clinic", "day_0", "rows"):
        assert getattr(study.patients, role) == getattr(truth.patients, role)
    assert study.patients.arm.codes == truth.patients.arm.codes
    assert study.patients.arm.reference == "usual_care"
    assert study.patients.cohort.codes == truth.patients.cohort.codes
    assert study.visits.date == truth.visits.date
    assert study.visits.therapist == truth.visits.therapist
    assert study.visits.planned.codes == truth.visits.planned.codes
    assert {name: visit.week for name, visit in study.visits.schedule.items()} == {
        name: visit.week for name, visit in truth.visits.schedule.items()
    }
    assert study.instruments["ndi"] == truth.instruments["ndi"]
    assert study.instruments["nprs"] == truth.instruments["nprs"]
    assert study.events.sessions.columns["date"].source == "session_date"
    assert study.events.adverse_events.columns.keys() >= {"date", "kind", "severity"}
    assert {"session_note", "ae_note"} <= set(study.privacy.drop)
    assert len(tables["visits"]) > 1000
    unmarked = [
        line for line in text.split("\n") if line and not line.endswith(("# review", ":")) and not line.startswith("#")
    ]
    assert all(re.match(r" *(study|seed|records|dictionary):", line) for line in unmarked)


def test_one_row_per_patient_is_recognised(tmp_path):
    path = tmp_path / "trial.csv"
    path.write_text(
        "id,group,age,sex,pk1,pk2,pk5,note\n" + "".join(f"{n},{n % 2},4{n},1,{n},2,3,x\n" for n in range(9))
    )
    text, study, tables = drafted(tmp_path, "trial", path)
    assert study.export.shape == "patient"
    assert study.instruments["pk"].total == {"baseline": "pk1", "follow_up_1": "pk2", "follow_up_2": "pk5"}
    assert len(tables["visits"]) == 27
    assert "#   note" in text


def test_spanish_export_is_recognised(tmp_path, reference):
    _, study, tables = drafted(tmp_path, "fibromyalgia", reference / "fibromyalgia_rtms" / "raw.csv")
    assert study.design == "single_arm"
    assert study.patients.id == "Número de Historia Clínica (IP Paciente)"
    assert study.visits.date == "Marca temporal"
    assert study.instruments["fiq"].total == "FIQ_TOTAL"
    assert len(tables["patients"]) == 1674
    assert len(tables["visits"]) == 3568


@pytest.mark.parametrize(
    "name", ["arm-single-longitudinal", "checkboxes-1", "decimal-comma", "longitudinal", "repeating-instruments"]
)
def test_any_redcap_export_gives_a_draft_that_loads(tmp_path, reference, name):
    folder = reference / "redcap" / name
    drafted(tmp_path, "draft", folder / "data.csv", next(folder.glob("diction*.csv")))


@pytest.mark.parametrize("text", ["a,b\n1,2\n", "id;x y;x y 2\n1;a;b\n1;c;d\n", "Ünder,,q1,q2,q3\n,,1,2,3\n,,4,5,6\n"])
def test_odd_exports_give_a_draft_that_loads(tmp_path, text):
    (tmp_path / "odd.csv").write_text(text)
    drafted(tmp_path, "odd", tmp_path / "odd.csv")


def test_unknown_ending_is_told(tmp_path):
    with pytest.raises(StudyError, match="the ending does not say the format"):
        guess_study("x", tmp_path / "export.json")
