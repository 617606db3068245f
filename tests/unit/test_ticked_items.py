"""Items that are options ticked in one cell, and items recorded as a count that is put into bands."""

import pandas as pd
import pytest
from made_exports import plan, tables

from needling.clean.cleaning import clean
from needling.instruments.definition import definition
from needling.privacy.rekey import Keys
from needling.study.file import part
from needling.study.keys import StudyError
from needling.study.sources import Instrument

SITES = {
    "items": {
        1: {"from": "jaw", "ticked": "Left"},
        2: {"from": "jaw", "ticked": "Right"},
        3: {"from": "trunk", "ticked": "Back"},
        4: {"from": "trunk", "ticked": "Back, upper"},
    },
    "total": "sites",
    "range": [0, 4],
    "better": "lower",
}
HEAD = "id,visit,jaw,trunk,sites\n"


def values(folder, rows, **sections):
    study = plan(visits={"planned": "visit"} | sections.pop("visits", {}), instruments={"sites": SITES}, **sections)
    table = tables(folder, HEAD + rows, study)["outcomes"]
    items = table[table["item"] != "total"]
    return items.pivot(index="visit_row", columns="item", values="value").to_numpy().tolist()


def test_options_become_items(tmp_path):
    found = values(tmp_path, '1,a,"Left, Right",Back,3\n2,a,,"Back, upper, Back",2\n3,a,Right; Left ,,2\n')
    assert found == [["1", "1", "1", "0"], ["0", "0", "1", "1"], ["1", "1", "0", "0"]]


def test_a_form_that_was_not_filled_in_has_no_items(tmp_path):
    assert values(tmp_path, "1,a,,,0\n2,a,,,\n") == [["0", "0", "0", "0"]]


def test_an_unknown_option_stays_a_text_to_be_asked_about(tmp_path):
    (found,) = values(tmp_path, '1,a,"Left, Chin",Back,2\n')
    assert found == ["not an option: Left, Chin"] * 2 + ["1", "0"]


def test_every_cell_is_accounted_for(tmp_path):
    study = plan(visits={"planned": "visit"}, instruments={"sites": SITES})
    assert tables(tmp_path, HEAD + "1,a,Left,Back,2\n", study)["unread"].empty


def test_values_below_each_other_cannot_be_ticked(tmp_path):
    export = {"shape": "value", "values": {"name": "jaw", "value": "trunk"}}
    with pytest.raises(StudyError, match="ticked in one cell"):
        values(tmp_path, "1,a,Left,2,\n", export=export)


def test_a_count_is_scored_by_its_band():
    sss = definition("sss", Instrument.model_validate({"registry": "sss_2010", "items": ["a", "b", "c", "d"]}))
    counts = [0, 1, 10, 11, 24, 25, 41, None, 42]
    items = pd.DataFrame({"1": 1.0, "2": 2.0, "3": 3.0, "4": pd.Series(counts, dtype=float)})
    assert sss.score(items).fillna(-1).tolist() == [6, 7, 7, 8, 8, 9, 9, -1, -1]
    assert sss.reverse(items)["4"].fillna(-1).tolist() == [0, 1, 1, 2, 2, 3, 3, -1, 3]


def test_a_list_in_which_nothing_is_ticked_is_queried_and_a_full_one_is_not(tmp_path):
    sites = [f"Site {number}" for number in range(1, 20)]
    items = {number: {"from": "sites", "ticked": site} for number, site in enumerate(sites, 1)}
    sections = {
        "cohorts": {"all": {"label": "All", "outcomes": {"sites": "wpi"}}},
        "design": "single_arm",
        "cleaning": {},
    }
    study = plan(visits={"planned": "visit"}, instruments={"wpi": {"items": items, "total": "n"}})
    study = study.model_copy(update={name: getattr(part(sections), name) for name in sections})
    read = tables(tmp_path, f'id,visit,sites,n\n1,baseline,,0\n2,baseline,"{", ".join(sites)}",19\n', study)
    audit = clean(read, study, Keys.open(tmp_path / "key.csv", seed=1)).audit
    patterns = audit[audit["rule"] == "answer_patterns"]
    assert patterns[["action", "line", "column"]].to_numpy().tolist() == [["query", 2, "sites"]]
