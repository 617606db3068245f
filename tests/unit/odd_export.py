"""Exports of 24 patients, drafted and checked as a person does it: for tests of what is read right, asked about or told."""

import datetime
from pathlib import Path

import pandas as pd
from small_export import OwnCodes

from needling.clean.cleaning import clean
from needling.cli import main
from needling.plan import load_study
from needling.read.canonical import to_canonical
from needling.read.export import read_export

PAIN = [2 + (3 * n) % 7 for n in range(48)]
NDI = [10 + (7 * n) % 61 for n in range(48)]


def table(**columns) -> pd.DataFrame:
    """24 patients at two visits, some columns given otherwise."""
    rows = pd.DataFrame(
        {
            "id": [f"P{n // 2 + 1:03}" for n in range(48)],
            "visit": ["Baseline", "Week 4"] * 24,
            "date": [str(datetime.date(2024, 3, 1) + datetime.timedelta(28 * (n % 2))) for n in range(48)],
            "group": [["Needling", "Sham"][n // 2 % 2] for n in range(48)],
            "nprs": PAIN,
            "ndi": NDI,
        }
    )
    made = rows.assign(**columns)
    return made[[name for name in made.columns if made[name].notna().any()]]


def checking(tmp_path, monkeypatch, capsys):
    """Give what drafts and checks an export in a folder of its own: (what check says, values by instrument)."""
    monkeypatch.chdir(tmp_path)
    Path("config").mkdir()

    def check(export, *edits, name="x.csv"):
        text = export.to_csv(index=False) if isinstance(export, pd.DataFrame) else export
        if isinstance(export, bytes):
            Path(name).write_bytes(export)
        elif name.endswith(".csv"):
            Path(name).write_text(text, encoding="utf-8")
        if main(["new", "s", "--from", name]):
            return capsys.readouterr().err, {}
        path = Path("config/s.yaml")
        words = path.read_text(encoding="utf-8")
        for old, new in edits:
            assert old in words, old
            words = words.replace(old, new, 1)
        path.write_text(words, encoding="utf-8")
        capsys.readouterr()
        code = main(["check", "s"])
        said = capsys.readouterr()
        path.unlink()
        if code:
            return said.err, {}
        path.write_text(words, encoding="utf-8")
        study = load_study(path)
        path.unlink()
        outcomes = clean(to_canonical(read_export(study.export), study), study, OwnCodes()).tables["outcomes"]
        return said.out, {
            str(n): one["value"].tolist() for n, one in outcomes.groupby(outcomes["instrument"].astype("str"))
        }

    return check
