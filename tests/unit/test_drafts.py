"""Drafts of study files: small exports of many kinds and languages, each drafted, held to the schema, and checked."""

import datetime
import shutil
from pathlib import Path

import jsonschema
import pytest
import yaml

from needling.cli import main
from needling.plan import load_study
from needling.plan import study_schema as schema
from needling.study import file

CASES = Path(__file__).parent / "cases"


def as_json(part):
    if isinstance(part, dict):
        return {key: as_json(value) for key, value in part.items()}
    if isinstance(part, list):
        return [as_json(value) for value in part]
    return part.isoformat() if isinstance(part, datetime.date) else part


@pytest.fixture
def drafted(tmp_path, monkeypatch, capsys):
    """Draft the study file of an export in a folder of its own, and check it: (study, text of the draft, what check says)."""
    monkeypatch.chdir(tmp_path)
    Path("config").mkdir()

    def draft(name, text=None, dictionary=None):
        if text is None:
            for path in CASES.glob(f"{name}*.csv"):
                shutil.copy(path, path.name)
        else:
            Path(f"{name}.csv").write_text(text, encoding="utf-8")
        more = ["--dictionary", dictionary] if dictionary else []
        said = capsys.readouterr()
        if main(["new", name, "--from", f"{name}.csv", *more]):
            return None, "", capsys.readouterr().err
        path = Path("config") / f"{name}.yaml"
        words = path.read_text(encoding="utf-8")
        assert words.startswith("# yaml-language-server: $schema=study.schema.json\n")
        document = as_json(yaml.load(words, Loader=file._Words))
        assert [error.message for error in jsonschema.Draft202012Validator(schema()).iter_errors(document)] == []
        main(["check", name])
        said = capsys.readouterr()
        return load_study(path), words, said.out + said.err

    return draft


def rows_kept(said):
    """Table -> rows read and kept, from what check says."""
    block = said.split("Rows\n")[1].split("\n\n")[0].splitlines()[1:]
    return {line.split()[0]: tuple(map(int, line.split()[1:3])) for line in block}


def long_table(head, first, later, arms, sexes, more="{pain},{ndi}", start=1):
    """24 patients at two visits in the words of a language."""
    rows = [head]
    for n in range(24):
        for visit, day in ((first, "2024-03-01"), (later, "2024-03-29")):
            values = more.format(pain=(n + len(visit)) % 10, ndi=20 + (n + len(visit)) % 7)
            rows.append(f"{n + start},{visit},{arms[n % 2]},{30 + n},{sexes[n % 3 % 2]},{day},{values}")
    return "\n".join(rows) + "\n"


@pytest.mark.parametrize(
    ("head", "first", "later", "arms", "sexes", "reference"),
    [
        (
            "Patientennummer,Visite,Gruppe,Alter,Geschlecht,Datum,Schmerz,NDI_Summe",
            "Eingang",
            "4 Wochen",
            ("Verum", "Kontrolle"),
            "mw",
            "kontrolle",
        ),
        (
            "Nummer,Zeitpunkt,Behandlung,Alter,Geschlecht,Besuchsdatum,VAS,NDI",
            "T0",
            "Woche 4",
            ("Nadel", "Schein"),
            "mw",
            "schein",
        ),
        (
            "numéro,visite,groupe,âge,sexe,date,EVA,total_ndi",
            "Inclusion",
            "Semaine 4",
            ("Aiguilles", "Témoin"),
            "HF",
            "temoin",
        ),
        (
            "paciente,visita,grupo,edad,sexo,fecha,dolor,ndi_total",
            "Basal",
            "Semana 4",
            ("Punción seca", "Control"),
            "HM",
            "control",
        ),
        (
            "paziente,visita,gruppo,età,sesso,data,dolore,ndi_totale",
            "Basale",
            "4 settimane",
            ("Agopuntura", "Controllo"),
            "MF",
            "controllo",
        ),
        (
            "patiëntnummer,bezoek,groep,leeftijd,geslacht,datum,pijn,ndi_totaal",
            "Nulmeting",
            "4 weken",
            ("Naald", "Wachtlijst"),
            "MV",
            "wachtlijst",
        ),
        (
            "utente,consulta,grupo,idade,sexo,data,dor,ndi_total",
            "Inicial",
            "Semana 4",
            ("Agulha", "Controle"),
            "MF",
            "controle",
        ),
        ("subject,timepoint,laser,age,gender,date,pain_nrs,NDI score", "pre", "Week 4", ("yes", "no"), "mf", None),
        ("USUBJID,AVISIT,TRTP,AGE,SEX,ADT,NRS,NDI", "Baseline", "Week 4", ("Drug", "Placebo"), "MF", "placebo"),
        ("id,week,Th,age,sex,date,pain,ndi", "0", "4", ("1", "2"), "12", None),
    ],
)
def test_drafts_in_six_languages_pass_check(drafted, head, first, later, arms, sexes, reference):
    study, _, said = drafted("six", long_table(head, first, later, arms, sexes))
    assert rows_kept(said) == {"patients": (24, 24), "visits": (48, 48), "outcomes": (96, 96)}
    assert study.design == "randomised"
    columns = head.split(",")
    assert (study.patients.id, study.patients.arm.source, study.visits.date) == (columns[0], columns[2], columns[5])
    assert [visit.week for visit in study.visits.schedule.values()] == [0, 4]
    assert reference is None or study.patients.arm.reference == reference
    assert set(study.patients.covariates) == {"age", "sex"}
    registered = {name: settings.registry or name for name, settings in study.instruments.items()}
    assert "ndi" in registered.values()
    assert {*study.cohorts["everybody"].outcomes} == {"pain", "function"}


@pytest.mark.parametrize("name", ["german", "french", "pain_change_column", "three_header_rows", "vas_in_cm"])
def test_drafts_of_cases_pass_check(drafted, name):
    study, _, said = drafted(name)
    assert "If this is as it should be" in said
    assert rows_kept(said)["patients"] == (24, 24)
    assert rows_kept(said)["visits"] == (48, 48)
    assert [visit.week for visit in study.visits.schedule.values()] == [0, 4]
    assert study.visits.date is not None
    assert set(study.cohorts["everybody"].outcomes) == {"pain", "function"}


def test_what_the_cases_say(drafted):
    assert drafted("vas_in_cm")[0].instruments["vas"].unit == "cm"
    study, _, said = drafted("pain_change_column")
    assert study.instruments["pain_change"].range == (-10, 10)
    assert study.cohorts["everybody"].outcomes["pain"] == "nprs"
    _, _, said = drafted("three_header_rows")
    assert "line 2 (8 cells): a further row of headings, left out" in said
    assert "line 4 (8 cells): a further row of headings, left out" in said


def test_time_is_a_visit_word(drafted):
    study, _, said = drafted("no_date_no_visit")
    assert (study.visits.planned.source, study.visits.planned.codes) == ("time", {"1": "time_1", "2": "time_2"})
    assert rows_kept(said) == {"patients": (3, 3), "visits": (6, 6), "outcomes": (6, 6)}


def test_rows_without_a_visit_are_told_in_one_sentence(drafted):
    rows = "".join(f"{n},{n % 2},{(n + k) % 9}\n" for n in range(9) for k in range(3))
    _, words, said = drafted("none", "id,group,pain\n" + rows)
    assert "# NOTE: No column tells which visit a row is" in words
    assert "visits: neither visits.date nor visits.planned says which visit a row is" in said


def test_items_side_by_side_are_one_instrument(drafted):
    study, _, said = drafted("wide_items")
    assert list(study.instruments) == ["ndi"]
    assert list(study.instruments["ndi"].items) == ["baseline", "visit_1"]
    assert study.instruments["ndi"].items["visit_1"] == [f"ndi{n}_t1" for n in range(1, 11)]
    patients = rows_kept(said)["patients"]
    assert patients[0] == patients[1] > 5
    names = [f"ndi_t{t}_{n}" for t in (0, 1) for n in range(1, 11)]
    text = ",".join(["id", "group", *names]) + "\n"
    text += "".join(f"P{p},{p % 2}," + ",".join(str((p * n) % 5) for n in range(20)) + "\n" for p in range(9))
    study, _, _ = drafted("middle", text)
    assert study.instruments["ndi"].items["baseline"] == names[:10]


def test_a_crossover_is_refused_at_new(drafted):
    study, _, said = drafted("crossover")
    assert study is None
    assert "A crossover, in which each patient has every treatment, is not supported, because" in said
    assert not list(Path("config").iterdir())


@pytest.mark.parametrize("name", ["code_column_of_names", "code_column_of_numbers"])
def test_patients_called_by_name_or_number_stop_check(drafted, name):
    _, words, said = drafted(name)
    assert "column 'id'" in said
    assert "If this is as it should be" not in said
    assert not any(text in said + words for text in ("John Smith", "Brown", "9434765"))


def test_redcap_cases(drafted):
    study, _, said = drafted("redcap_missing_codes")
    assert rows_kept(said)["visits"] == (48, 48)
    assert "declared" not in said
    assert list(study.visits.schedule) == ["baseline", "week_4"]
    study, _, said = drafted("redcap_backslash_quotes", dictionary="redcap_backslash_quotes_dictionary.csv")
    assert study.patients.arm.codes == {"0": "sham_dry_needling", "1": "dry_needling"}
    assert study.export.shape == "visit"
    assert rows_kept(said)["visits"] == (48, 48)


def test_checkboxes_of_one_row_per_patient_are_no_visits(drafted):
    head = "id,group,race___1,race___2,race___3,meds_1,meds_2,pain_w0,pain_w4\n"
    study, _, _ = drafted("boxes", head + "".join(f"{n},{n % 2},1,0,1,0,1,{n % 9},{n % 7}\n" for n in range(12)))
    assert list(study.instruments) == ["pain"]
    assert list(study.visits.schedule) == ["baseline", "week_4"]


def test_words_for_missing_are_no_arms(drafted):
    text = "id,visit,arm,pain\n" + "".join(
        f"{n},{v},{'NA' if n > 15 else 'ab'[n % 2]},{(n + v) % 9}\n" for n in range(20) for v in range(2)
    )
    study, _, _ = drafted("missing", text)
    assert study.patients.arm.codes == {"a": "a", "b": "b"}


def test_numbers_in_visit_labels_are_their_weeks_and_give_their_order(drafted):
    labels = ["Week 12", "Screening", "Week 4", "Baseline", "6 months", "Unscheduled", "Day 14"]
    text = "id,visit,arm,pain\n" + "".join(
        f"{n},{label},{'ab'[n % 2]},{(n + k) % 9}\n" for n in range(12) for k, label in enumerate(labels)
    )
    study, _, _ = drafted("weeks", text)
    assert [visit.week for visit in study.visits.schedule.values()] == [0, 2, 4, 12, 26]
    assert study.visits.baseline == "baseline"
    assert study.visits.planned.codes["Screening"] == study.visits.planned.codes["Unscheduled"] == "unscheduled"


def test_labels_of_visits_are_spelt_as_in_the_export_but_for_capitals_throughout(drafted):
    visits = ["Beginn", "4 Wochen", "WOCHE 12"]
    text = "id,visit,arm,pain\n" + "".join(
        f"{n},{visit},{'ab'[n % 2]},{(n + k) % 9}\n" for n in range(12) for k, visit in enumerate(visits)
    )
    study, _, _ = drafted("german", text)
    assert [visit.label for visit in study.visits.schedule.values()] == ["Beginn", "4 Wochen", "Woche 12"]


def test_an_analysis_data_set_has_one_value_per_row(drafted):
    head = "STUDYID,USUBJID,TRTP,AGE,SEX,PARAM,PARAMCD,AVISIT,AVISITN,ADT,AVAL,BASE,CHG,ABLFL\n"
    rows = "".join(
        f"S,{p:03},{'Active' if p % 2 else 'Placebo'},{40 + p},M,Pain of {code},{code},{visit},{k},"
        f"2024-0{k + 1}-02,{(p + k) % 9},3,1,\n"
        for p in range(1, 13)
        for k, visit in enumerate(("Baseline", "Week 4"))
        for code in ("NRS", "NDI")
    )
    study, _, said = drafted("adam", head + rows)
    assert (study.export.shape, study.export.values.name, study.export.values.value) == ("value", ["PARAMCD"], "AVAL")
    assert (study.patients.id, study.patients.arm.source, study.visits.planned.source) == ("USUBJID", "TRTP", "AVISIT")
    assert rows_kept(said) == {"patients": (12, 12), "visits": (24, 24), "outcomes": (48, 48)}


def test_no_column_of_codes_is_said_and_each_row_is_a_patient(drafted):
    head = "treat,preOp_age,pacu30_cough,pod1_cough,pacu30_pain,pod1_pain\n"
    rows = "".join(f"{n % 2},{40 + n},{n % 3},{n % 2},{n % 10},{n % 7}\n" for n in range(20))
    study, words, said = drafted("noid", head + rows)
    assert study.patients.id == "(row)"
    assert "# NOTE: No column holds codes of patients" in words
    assert study.instruments["cough"].total == {"pacu30": "pacu30_cough", "pod1": "pod1_cough"}
    assert rows_kept(said)["patients"] == (20, 20)


def test_codes_under_an_unusual_name_are_the_patients(drafted):
    """A German 'Pat.-Nr.' was not known, and each visit became a patient."""
    row = "{code};{visit};{arm};{pain};C{clinic}\n"
    rows = "".join(
        row.format(code=f"K-{n:02}", visit=visit, arm="ab"[n % 2], pain=2 + (n + len(visit)) % 7, clinic=n % 2)
        for n in range(12)
        for visit in ("Eingang", "nach 4 Wochen")
    )
    for name, heading in (("known", "Pat.-Nr."), ("unknown", "Kennung der Studie")):
        study, words, said = drafted(name, f"{heading};Visite;Gruppe;Schmerz;Ort\n{rows}")
        assert study.patients.id == heading
        assert rows_kept(said)["patients"] == (12, 12)
    assert (
        "# NOTE: No column is called a patient's code; 'Kennung der Studie' holds codes and is taken for it." in words
    )


@pytest.mark.parametrize("visits", ["pre 4w 12w", "pre week4 week12", "pre wk4 wk12"])
def test_the_number_of_a_visit_before_the_measure_is_its_week(drafted, visits):
    rows = "".join(f"P{n:02},{'ab'[n % 2]},{n % 9},{n % 8},{n % 7},{n % 19},{n % 21},{n % 17}\n" for n in range(20))
    columns = [f"{visit}_{measure}" for measure in ("nprs", "stiffness") for visit in visits.split()]
    study, _, said = drafted("first", ",".join(["id", "group", *columns]) + "\n" + rows)
    assert study.instruments["nprs"].total == dict(zip(["pre", "week_4", "week_12"], columns, strict=False))
    assert [visit.week for visit in study.visits.schedule.values()] == [0, 4, 12]
    assert rows_kept(said)["patients"] == (20, 20)


@pytest.mark.parametrize(
    ("name", "source", "shape"),
    [
        ("licorice", "licorice/licorice.csv", "patient"),
        ("vickers", "vickers2004/acupuncture.csv", "patient"),
        ("antidepressant", "antidepressant/antidepressant_data.csv", "visit"),
    ],
)
def test_drafts_of_published_trials_pass_check(drafted, reference, name, source, shape):
    study, _, said = drafted(name, (reference / source).read_text(encoding="utf-8-sig"))
    assert study.design == "randomised"
    assert study.export.shape == shape
    assert "If this is as it should be" in said
    assert all(read == kept for read, kept in rows_kept(said).values())


def test_codes_that_repeat_between_clinics_are_no_crossover(drafted, reference):
    study, words, _ = drafted("cdystonia", (reference / "cdystonia/cdystonia.csv").read_text())
    assert "id: [site, id]" in words
    assert study.patients.arm.source == "treat"
    assert [visit.week for visit in study.visits.schedule.values()] == [0, 2, 4, 8, 12, 16]
    assert list(study.instruments) == ["twstrs"]


def recheck(name, capsys, old, new):
    """Check a drafted study again with a piece of its file replaced."""
    path = Path("config") / f"{name}.yaml"
    words = path.read_text(encoding="utf-8")
    assert old in words
    path.write_text(words.replace(old, new, 1), encoding="utf-8")
    capsys.readouterr()
    main(["check", name])
    said = capsys.readouterr()
    return said.out + said.err


def test_a_large_loss_is_said_first_and_check_does_not_end_with_run(drafted, capsys):
    rows = "".join(f"{n},{v},{'abc'[n % 3]},{'' if n else 50},{(n + v) % 9}\n" for n in range(24) for v in range(2))
    drafted("loss", "id,visit,arm,age,pain\n" + rows)
    said = recheck("loss", capsys, ", c: c}", ", d: d}")
    assert said.split("\n\n")[1].startswith(
        "Likely wrong\n  - 8 of 24 rows of patients are taken out: unknown arm (8).\n"
    )
    assert "  - 16 of 48 rows of visits are taken out: patient set aside (16).\n" in said
    assert "  - patients.arm: nobody is in the arm 'd'; mend patients.arm.codes" in said
    assert said.rstrip().endswith("and check again.")
    assert "./run" not in said


def test_a_path_out_of_the_project_is_refused_by_check_too(drafted, capsys):
    drafted("out", "id,visit,arm,pain\n" + "".join(f"{n},{v},{n % 2},{n % 9}\n" for n in range(9) for v in range(2)))
    assert "leads out of the project" in recheck("out", capsys, "out.csv", "../../etc/passwd")
