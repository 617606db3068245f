"""A large export is kept as categories and counted in pieces: the same tables and the same findings as a small one."""

from pathlib import Path

import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from needling.plan import load_study
from needling.privacy.gate import scan
from needling.read import delimited
from needling.read.canonical import to_canonical
from needling.read.export import read_export

PROJECT = Path(__file__).parents[2]


def everything(study):
    raw = read_export(study.export, PROJECT)
    unreviewed = study.model_copy(update={"privacy": study.privacy.model_copy(update={"drop": [], "reviewed": {}})})
    return raw, to_canonical(raw, study), scan(raw, unreviewed)


@pytest.fixture(scope="module")
def study():
    return load_study(PROJECT / "config/demo.yaml")


@pytest.fixture(scope="module")
def small(study):
    return everything(study)


def test_the_same_tables_and_findings(study, small, monkeypatch):
    monkeypatch.setattr(delimited, "MANY_CELLS", 0)
    monkeypatch.setattr(delimited, "PIECE", 1009)
    raw, tables, findings = everything(study)
    assert all(isinstance(dtype, pd.CategoricalDtype) for dtype in raw.sheets[0].frame.dtypes)
    assert_frame_equal(raw.sheets[0].text, small[0].sheets[0].frame, check_categorical=False)
    for name, table in small[1].items():
        assert_frame_equal(tables[name], table, check_categorical=False)
    assert_frame_equal(findings, small[2], check_categorical=False)


@pytest.mark.parametrize("piece", [1, 2, 5, 13])
def test_cells_are_counted_across_pieces(tmp_path, monkeypatch, piece):
    monkeypatch.setattr(delimited, "PIECE", piece)
    path = tmp_path / "a.csv"
    path.write_text('id,note\n1,"a, ""b"",\nc"\n2,\n\n3,"x"\n')
    sheet = delimited.read_delimited(path, "a.csv")
    assert sheet.frame["note"].fillna("").tolist() == ['a, "b",\nc', "", "x"]
    assert sheet.lines.tolist() == [2, 4, 6]
