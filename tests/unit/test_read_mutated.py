"""Damaged exports: each ends in tables that account for every filled cell, or in one sentence."""

import re

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st
from made_exports import plan

from needling.privacy.gate import scan
from needling.read.canonical import to_canonical
from needling.read.export import read_export
from needling.study.keys import StudyError

RNG = np.random.default_rng(1)
TABLE = pd.DataFrame(
    {
        "id": np.repeat([f"S{n:02d}" for n in range(10)], 3),
        "visit": ["base", "week 4", "week 8"] * 10,
        "day": [f"2024-0{n % 9 + 1}-15" for n in range(30)],
        "arm": np.repeat(["needling", "usual, care"] * 5, 3),
        "pain": RNG.integers(0, 11, 30).astype(str),
        "n1": RNG.integers(0, 6, 30).astype(str),
        "n2": np.where(RNG.random(30) < 0.3, "", "4"),
        "what": ["größer", 'said "fine"', ""] * 10,
    }
)
PLAN = plan(
    visits={"planned": "visit", "date": "day"},
    instruments={"nprs": {"total": "pain"}, "ndi": {"items": "n1 .. n2"}},
    events={"sessions": {"columns": {"kind": "what"}}},
)
CELL = st.text(max_size=12) | st.sampled_from(
    ["#¡DIV/0!", "1,5", '"', "=1+1", "-99", "\x00", "\r", "é", "a@b.org", " "]
)


@st.composite
def damaged(draw):
    """Bytes of an export after one to three accidents."""
    table = TABLE.copy()
    delimiter, encoding = (
        draw(st.sampled_from([",", ";", "\t"])),
        draw(st.sampled_from(["utf-8", "mac_roman", "utf-16"])),
    )
    accidents = draw(
        st.lists(st.sampled_from(["drop", "rename", "double", "cut", "cell", "bytes", "tail"]), min_size=1, max_size=3)
    )
    for accident in accidents:
        column = draw(st.integers(0, table.shape[1] - 1)) if table.shape[1] else 0
        if accident == "drop" and table.shape[1] > 1:
            table = table.drop(columns=table.columns[column])
        elif accident == "rename":
            names = list(table.columns)
            names[column] = draw(CELL)
            table.columns = names
        elif accident == "double" and len(table) > 2:
            table = pd.concat([table, table.sample(3, random_state=column)])
        elif accident == "cut":
            table = table.iloc[: draw(st.integers(0, len(table)))]
        elif accident == "cell" and len(table):
            table = table.copy()
            table.iloc[draw(st.integers(0, len(table) - 1)), column] = draw(CELL)
    data = bytearray(table.to_csv(index=False, sep=delimiter).encode(encoding, errors="replace"))
    if "bytes" in accidents:
        for place in draw(st.lists(st.integers(0, len(data) - 1), max_size=3)):
            data[place] = draw(st.integers(0, 255))
    if "tail" in accidents:
        data = data[: draw(st.integers(0, len(data)))]
    return bytes(data)


@settings(max_examples=100, deadline=None)
@given(data=damaged())
def test_damage_ends_in_a_full_account_or_in_one_sentence(tmp_path_factory, data):
    folder = tmp_path_factory.getbasetemp()
    (folder / "records.csv").write_bytes(data)
    try:
        raw = read_export(PLAN.export, folder)
        scan(raw, PLAN)
        tables = to_canonical(raw, PLAN)
    except StudyError as told:
        # Every sentence says first where the fault is.
        assert re.match(r"records\.csv(, line \d+)?(, (character|column) \d+)?: ", str(told))  # noqa: PT017
        return
    (sheet,) = raw.sheets
    read = set()
    for table, column, source in tables["sources"][["table", "column", "source"]].itertuples(index=False):
        frame = tables[table]
        if table == "outcomes":
            frame = frame[frame["column"] == source]
        cells = frame["value" if table == "outcomes" else column]
        read |= {(line, source) for line in frame.loc[cells.notna(), "line"]}
    filled = {(line, name) for name in sheet.frame for line in sheet.lines[sheet.frame[name].notna().to_numpy()]}
    assert read <= filled
    assert len(read) + int(tables["unread"]["cells"].sum()) == len(filled)
    assert len(tables["visits"]) == len(sheet.frame)
