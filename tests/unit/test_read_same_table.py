"""One table in four formats gives the same tables: a published trial as .csv, .sav, .xlsx and .dta."""

import hashlib

import pandas as pd
import pyreadstat
import pytest

from needling.clean.cleaning import clean
from needling.plan import load_study
from needling.privacy.rekey import Keys
from needling.read.canonical import to_canonical
from needling.read.export import read_export
from needling.schema.stored import write_table


@pytest.fixture(scope="module")
def trial(reference, project, tmp_path_factory):
    folder = reference / "vickers2004"
    study = load_study(project / "config" / "vickers2004.yaml")
    from_csv = to_canonical(read_export(study.export, raw=folder / "acupuncture.csv"), study)
    return folder, study, from_csv, _bytes_of_clean(from_csv, study, tmp_path_factory.mktemp("csv"))


def _bytes_of_clean(tables, study, folder):
    """Fingerprint of the file of every clean table, cleaned with a key of its own from the same seed."""
    for name, table in clean(tables, study, Keys.open(folder / "key.csv", seed=1)).tables.items():
        write_table(table, folder / f"{name}.parquet")
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.glob("*.parquet"))}


def assert_same_tables(trial, path):
    """Hold canonical tables to those of the .csv but for the place of each cell; return them."""
    _, study, from_csv, _ = trial
    tables = to_canonical(read_export(study.export, raw=path), study)
    assert tables.keys() == from_csv.keys()
    for name, table in from_csv.items():
        pd.testing.assert_frame_equal(_without_place(tables[name]), _without_place(table))
    return tables


def _without_place(table):
    return table.drop(columns=["file", "sheet", "line"], errors="ignore")


@pytest.mark.parametrize("ending", ["sav", "xlsx"])
def test_formats_of_the_publication(trial, tmp_path, ending):
    folder, study, _, bytes_of_clean = trial
    tables = assert_same_tables(trial, folder / f"acupuncture.{ending}")
    assert _bytes_of_clean(tables, study, tmp_path / "clean") == bytes_of_clean


@pytest.mark.parametrize("writer", ["pandas", "pyreadstat"])
def test_stata_file_made_from_it(trial, tmp_path, writer):
    folder, study, _, bytes_of_clean = trial
    table = pd.read_csv(folder / "acupuncture.csv", encoding="utf-8-sig")
    path = tmp_path / "acupuncture.dta"
    if writer == "pandas":
        table.to_stata(path, write_index=False)
    else:
        pyreadstat.write_dta(table.astype(float), path)
    tables = assert_same_tables(trial, path)
    assert _bytes_of_clean(tables, study, tmp_path / "clean") == bytes_of_clean


def test_tables_have_the_trial(trial):
    _, _, expected, bytes_of_clean = trial
    assert len(expected["patients"]) == 401
    assert len(expected["visits"]) == 3 * 401
    scores = expected["outcomes"].query("instrument == 'headache_score' and column == 'pk5'")["value"].astype(float)
    assert len(scores) == 301
    assert not len(expected["unread"])
    assert set(bytes_of_clean) == {"patients.parquet", "visits.parquet", "outcomes.parquet"}
