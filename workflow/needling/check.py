"""A dry run of a study: read, gate and clean it, and say in a table what would happen, without any analysis."""

from pathlib import Path
from shutil import copyfile
from tempfile import TemporaryDirectory

import pandas as pd

from needling.analysis.run import without_baseline
from needling.clean.cleaning import clean
from needling.clean.doubts import arms_not_seen, dated_later, impossible, large_losses, levels_of_nobody, one_value_only
from needling.clean.patterns import against_pain
from needling.clean.workbook import cleaning_summary
from needling.cohort.flow import participant_flow
from needling.cohort.frame import assemble
from needling.instruments.definition import definition
from needling.instruments.scoring import score
from needling.labels.words import Labels
from needling.privacy.answers import stop_on_identifying_answers
from needling.privacy.gate import hide_names, stop_on_identifiers
from needling.privacy.rekey import Keys
from needling.privacy.share import shared_file
from needling.read.canonical import to_canonical
from needling.read.export import read_export
from needling.read.rows import NOT_NAMED
from needling.schema.intake import ACTIONS
from needling.study.file import study_files
from needling.study.plan import Study

DAY = 86_400  # seconds


def dry_run(study: Study, raw: str | None = None) -> str:
    """Read, gate and clean a study in memory and describe what cleaning would do.

    Parameters
    ----------
    study : the whole study file.
    raw : path of the export, where it is not the study file's.

    Returns
    -------
    Text for a person: rows kept and taken out per table, what each rule did, whether totals agree with their items, patients
    measured per outcome and visit, the anonymity of files marked for sharing, and the columns of the export that
    no table uses. Nothing is written; the new codes are thrown away.

    Raises
    ------
    StudyError : what would stop the run.
    """
    study_files(study, raw)
    export = read_export(study.export, raw=raw)
    stop_on_identifiers(export, study)
    stop_on_identifying_answers(study)
    tables = hide_names(to_canonical(export, study))
    with TemporaryDirectory() as folder:
        key, known = Path(folder) / "key.csv", Path(f"data/keys/{study.study}.csv")
        if known.exists():
            copyfile(known, key)
        drawn = study.seed if study.made_up or not known.exists() else None
        cleaned = clean(tables, study, Keys.open(key, seed=drawn))
    definitions = {name: definition(name, settings) for name, settings in study.instruments.items()}
    patients, visits = cleaned.tables["patients"], cleaned.tables["visits"]
    scores = score(cleaned.tables["outcomes"], definitions)
    frame = assemble(patients, visits, scores, study)
    flow = participant_flow(tables["patients"], patients, cleaned.quarantine, frame, study)
    doubts = [*large_losses(tables, cleaned.audit), *impossible(tables, cleaned, study)]
    # no clock: what an export says of visits lies before the day on which it was written
    exported = study.export.files(raw)[0].stat().st_mtime / DAY
    doubts += [
        *arms_not_seen(cleaned, study),
        *levels_of_nobody(cleaned, study),
        *one_value_only(cleaned),
        *dated_later(tables, exported),
    ]
    doubts += against_pain(scores, study, definitions)
    for analysis in study.analyses:
        doubts += without_baseline(analysis, frame, study)
    shared = {name: shared_file(name, patients, frame, study)[1] for name in study.disclosure.share}
    return "\n\n".join(
        [
            f"{Labels(study).title}\nNo identifiers found. Nothing has been written.",
            *(["Likely wrong\n" + "\n".join(f"  - {one}" for one in doubts)] if doubts else []),
            "Rows\n" + _text(_rows(tables, cleaned.tables)),
            "What cleaning would do (docs/cleaning.md says what each rule does)\n" + _text(_rules(cleaned.audit)),
            *(["Totals of the export\n" + _text(_totals(cleaned.totals))] if len(cleaned.totals) else []),
            "Patients measured\n" + _text(_measured(flow, study)),
            *(f"File for sharing: {name}\n" + _text(report) for name, report in shared.items()),
            _unread(tables["unread"]),
            f"What is likely wrong stands at the top; mend config/{study.study}.yaml or the export, and check again."
            if doubts
            else f"If this is as it should be: ./run --study {study.study}",
        ]
    )


def _unread(unread: pd.DataFrame) -> str:
    """Say what of the export gets no further: a column whose name itself names somebody is not shown."""
    named = unread["reason"] != NOT_NAMED
    closed, lost = unread[~named], unread[named]
    alike = closed["looks_like"].notna()
    many = len(closed)
    these = "it" if many == 1 else "them"
    words = f"{many} column{'' if many == 1 else 's'} not read, because the study file does not name {these}"
    if alike.any():
        verb = "looks like an identifier" if alike.sum() == 1 else "look like identifiers"
        words += f"; {alike.sum()} {verb}: better delete {'it' if alike.sum() == 1 else 'them'} from the export"
    why = closed["looks_like"].fillna("").astype("str")
    lines = [
        f"  {name} ({cells} cells){': ' if kind else ''}{kind}"
        for name, cells, kind in zip(closed["source"], closed["cells"], why, strict=True)
    ]
    lines += [f"  {row.source} ({row.cells} cells): {row.reason}" for row in lost.itertuples()]
    return "\n".join([words if many else "No column of the export is left unread", *lines])


def _rows(read: dict[str, pd.DataFrame], clean_tables: dict[str, pd.DataFrame]) -> pd.DataFrame:
    names = [name for name in clean_tables if name in read]
    counts = [
        (name, len(read[name]), len(clean_tables[name]), len(read[name]) - len(clean_tables[name])) for name in names
    ]
    return pd.DataFrame(counts, columns=["table", "read", "kept", "taken out"])


def _rules(audit: pd.DataFrame) -> pd.DataFrame:
    summary = cleaning_summary(audit)[["n", "action", "rule"]]
    return summary.assign(action=summary["action"].map(ACTIONS)).rename(
        columns={"n": "cells or lines", "action": "what happened"}
    )


def _totals(totals: pd.DataFrame) -> pd.DataFrame:
    words = totals["finding"].str.replace("_", " ") + totals["reason"].map(lambda why: f": {why}" if why else "")
    return (
        totals[["label", "n"]]
        .assign(totals=words)
        .rename(columns={"label": "instrument"})[["instrument", "n", "totals"]]
    )


def _measured(flow: pd.DataFrame, study: Study) -> pd.DataFrame:
    rows, labels = flow[flow["stage"] == "measured"], Labels(study)
    table = rows.pivot_table(index=["cohort", "outcome"], columns="visit", values="n", aggfunc="sum", sort=False)
    table.columns = [labels.visit(str(visit)) for visit in table.columns]
    table = table.reset_index()
    table["cohort"] = table["cohort"].map(labels.cohort)
    table["outcome"] = table["outcome"].map(labels.outcome)
    return table


def _text(table: pd.DataFrame) -> str:
    """Lay a table out in columns, words to the left and numbers to the right."""
    cells = [
        [str(column) for column in table.columns],
        *([str(value) for value in row] for row in table.itertuples(index=False)),
    ]
    widths = [max(len(row[i]) for row in cells) for i in range(len(table.columns))]
    right = [pd.api.types.is_numeric_dtype(dtype) for dtype in table.dtypes]
    lines = [
        "  " + "  ".join(c.rjust(w) if r else c.ljust(w) for c, w, r in zip(row, widths, right, strict=True)).rstrip()
        for row in cells
    ]
    return "\n".join(lines)
