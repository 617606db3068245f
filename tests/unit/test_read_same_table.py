"""One table in four formats gives the same canonical tables: a published trial as .csv, .sav, .xlsx and .dta."""

import pandas as pd
import pyreadstat
import pytest

from needling.read import read_export, to_canonical
from needling.study import load_study


@pytest.fixture(scope="module")
def trial(reference, project):
    folder = reference / "vickers2004"
    study = load_study(project / "config" / "vickers2004.yaml")
    return folder, study, _without_place(folder / "acupuncture.csv", study)


def _without_place(path, study):
    tables = to_canonical(read_export(study.export, raw=path), study)
    return {name: table.drop(columns=["file", "sheet", "line"], errors="ignore") for name, table in tables.items()}


def _same(found, expected):
    assert found.keys() == expected.keys()
    for name, table in expected.items():
        pd.testing.assert_frame_equal(found[name], table)


@pytest.mark.parametrize("ending", ["sav", "xlsx"])
def test_formats_of_the_publication(trial, ending):
    folder, study, expected = trial
    _same(_without_place(folder / f"acupuncture.{ending}", study), expected)


@pytest.mark.parametrize("writer", ["pandas", "pyreadstat"])
def test_stata_file_made_from_it(trial, tmp_path, writer):
    folder, study, expected = trial
    table = pd.read_csv(folder / "acupuncture.csv", encoding="utf-8-sig")
    path = tmp_path / "acupuncture.dta"
    if writer == "pandas":
        table.to_stata(path, write_index=False)
    else:
        pyreadstat.write_dta(table.astype(float), path)
    _same(_without_place(path, study), expected)


def test_tables_have_the_trial(trial):
    _, _, expected = trial
    assert len(expected["patients"]) == 401
    assert len(expected["visits"]) == 3 * 401
    scores = expected["outcomes"].query("instrument == 'headache_score' and column == 'pk5'")["value"].astype(float)
    assert len(scores) == 301
    assert not len(expected["unread"])
