"""What is likely no dirt but a mistake in the study file or the export: what cannot be meant, and large losses."""

import sys

import pandas as pd

from needling.clean.cleaning import Cleaned, Key, clean
from needling.clean.parse import dates
from needling.schema.intake import TOTAL
from needling.study.keys import StudyError
from needling.study.plan import Study
from needling.study.sources import Events

LARGE = 0.2  # share of patients, visits or values from which a loss is no dirt any more
FEWEST = 3  # patients or values from which a share says something
MANY = 10  # values from which it is no chance that all are the same


def clean_or_stop(read: dict[str, pd.DataFrame], study: Study, keys: Key) -> Cleaned:
    """Clean the tables of a run; stop where its results could not be meant, and tell the terminal of large losses.

    Parameters
    ----------
    read, study, keys : as for `clean`.

    Raises
    ------
    StudyError : what `clean` raises, or one sentence for each of `impossible`.
    """
    cleaned = clean(read, study, keys)
    if found := impossible(read, cleaned, study):
        raise StudyError("\n".join(found))
    for loss in large_losses(read, cleaned.audit):
        print(f"needling: look at this first: {loss}", file=sys.stderr)
    return cleaned


def impossible(read: dict[str, pd.DataFrame], cleaned: Cleaned, study: Study) -> list[str]:
    """Say what cannot be meant: people measured who are not enrolled, codes of several people, groups and facts without anybody.

    Parameters
    ----------
    read, cleaned, study : tables as read, what cleaning made of them, sections patients, visits, cohorts.

    Returns
    -------
    Sentences, each with the key of the study file to mend.
    """
    patients, visits = cleaned.tables["patients"], cleaned.tables["visits"]
    found = [*_more_measured(read), *_codes_of_several(read), *_codes_alike(read)]
    for name, known in {"arm": study.arms, "cohort": [*study.cohorts]}.items():
        empty = [one for one in known if not (patients[name] == one).any()]
        found += [f"patients.{name}: nobody is in the {name} '{one}'; mend patients.{name}.codes." for one in empty]
    if len(visits) and not (visits["visit"] == study.visits.primary).any():
        found.append(
            f"visits.primary: nobody was seen at the visit '{study.visits.primary}'; mend visits.planned.codes or visits.schedule."
        )
    empty = [name for name in study.patients.covariates if len(patients) and patients[name].isna().all()]
    return [
        *found,
        *(f"patients.covariates.{name}: it is empty in every patient; mend its column or its codes." for name in empty),
    ]


def arms_not_seen(cleaned: Cleaned, study: Study) -> list[str]:
    """Say of which arms nobody was seen at the primary visit, though others were: they cannot be compared there.

    Parameters
    ----------
    cleaned, study : as for `impossible`.

    Returns
    -------
    One sentence per arm. It is not impossible: the export may be of an early day, and events may tell the outcome.
    """
    patients, visits = cleaned.tables["patients"], cleaned.tables["visits"]
    if not (visits["visit"] == study.visits.primary).any():
        return []
    seen = patients["patient"].isin(visits.loc[visits["visit"] == study.visits.primary, "patient"])
    arms = [arm for arm in study.arms if (patients["arm"] == arm).any() and not (seen & (patients["arm"] == arm)).any()]
    return [
        f"visits.primary: nobody of the arm '{arm}' was seen at the visit '{study.visits.primary}'; mend visits.planned.codes, "
        "visits.schedule or the export."
        for arm in arms
    ]


def _more_measured(read: dict[str, pd.DataFrame]) -> list[str]:
    codes = {name: read[name]["patient"].str.strip().replace("", None).nunique() for name in ("patients", "visits")}
    if codes["visits"] <= (1 + LARGE) * codes["patients"]:
        return []
    return [
        f"patients.rows: {codes['visits']} people have visits, but {codes['patients']} are enrolled; mend patients.rows or "
        "patients.id."
    ]


def _codes_of_several(read: dict[str, pd.DataFrame]) -> list[str]:
    """Codes that repeat between clinics: people rarely move, and not a fifth of them."""
    later = read.get("patient_conflicts", pd.DataFrame(columns=["column", "patient"]))
    known = read["patients"][["patient", "clinic"]].apply(lambda column: column.str.strip()).dropna()
    several = known.groupby("patient")["clinic"].nunique()
    moved = {*later.loc[later["column"] == "clinic", "patient"], *several.index[several > 1]}
    people = read["patients"]["patient"].nunique()
    if len(moved) < FEWEST or len(moved) <= LARGE * people:
        return []
    return [
        f"patients.id: {len(moved)} of {people} codes of patients stand in more than one clinic; if they repeat between clinics, "
        "write patients.id: [column of the clinic, column of the code]."
    ]


def _codes_alike(read: dict[str, pd.DataFrame]) -> list[str]:
    """Codes that are one but for case, spaces and marks (P-001, p001), or noughts before a number, as a spreadsheet leaves it."""
    codes = pd.Series(read["patients"]["patient"].str.strip().dropna().unique(), dtype="str")
    # marks between digits part the numbers of a clinic and of a patient
    letters = codes.str.casefold().str.replace(r"(?<!\d)[\W_]+|[\W_]+(?!\d)", "", regex=True)
    numbers = letters.str.replace(r"(?<!\d)0+(?=\d)", "", regex=True)
    alike = int(numbers.duplicated(keep=False).sum())
    if alike < 2 * FEWEST or alike <= LARGE * len(codes):
        return []
    return [
        f"patients.id: {alike} of {len(codes)} codes of patients differ from another one by case, marks or noughts in front alone "
        "(as P-01 and p01, or 007 and 7, which spreadsheets make of it); write them alike in the export."
    ]


def levels_of_nobody(cleaned: Cleaned, study: Study) -> list[str]:
    """Say which listed levels of covariates nobody has.

    Parameters
    ----------
    cleaned, study : as for `impossible`.

    Returns
    -------
    One sentence per level. It is not impossible: an export may be of the first patients.
    """
    patients = cleaned.tables["patients"]
    found = []
    for name, column in study.patients.covariates.items():
        levels = list(dict.fromkeys((column.codes or {}).values())) if name in patients else []
        held = set(patients[name].dropna()) if levels else set()
        found += [
            f"patients.covariates.{name}: nobody is '{level}'; mend its codes, or leave the level out."
            for level in levels
            if held and level not in held
        ]
    return found


def one_value_only(cleaned: Cleaned) -> list[str]:
    """Say which outcomes have the same value in everybody at a visit.

    Parameters
    ----------
    cleaned : what cleaning made of the export.

    Returns
    -------
    One sentence per outcome and visit with ten values or more.
    """
    found = []
    visits = cleaned.tables["visits"].set_index("row")["visit"]
    outcomes = cleaned.tables["outcomes"]
    scores = outcomes[(outcomes["item"] == TOTAL) & outcomes["value"].notna()]
    by_visit = scores.groupby([scores["instrument"].astype("str"), scores["visit_row"].map(visits)], sort=True)["value"]
    for (instrument, visit), values in by_visit:
        if len(values) >= MANY and values.nunique() == 1:
            found.append(
                f"instruments.{instrument}: all {len(values)} values at the visit '{visit}' are {values.iloc[0] + 0.0:g}; if that "
                f"stands for missing, write instruments.{instrument}.missing_with or export.missing."
            )
    return found


def dated_later(read: dict[str, pd.DataFrame], exported: float) -> list[str]:
    """Say which columns of dates hold days after that on which the export was written.

    Parameters
    ----------
    read : tables as read.
    exported : when the export was written, days from 1970-01-01.

    Returns
    -------
    One sentence per column; dates of which day and month are in doubt do not count.
    """
    found = []
    for table, columns in {"patients": ["day_0"], "visits": ["date"]}.items():
        for name in columns:
            days = dates(read[table][name].str.strip().replace("", None))["date"] if name in read[table] else None
            later = 0 if days is None else int((days > exported).sum())
            if later:
                rows = "row" if later == 1 else "rows"
                found.append(
                    f"{table}.{name}: {later} {rows} of the export hold a date after the day on which it was written; mend them."
                )
    return found


def large_losses(read: dict[str, pd.DataFrame], audit: pd.DataFrame) -> list[str]:
    """Say where more than a fifth of the patients, visits, events or values were set aside, and for which reasons.

    Parameters
    ----------
    read : tables as read.
    audit : contract AUDIT.

    Returns
    -------
    One sentence per table, outcome or fact of patients.
    """
    tables = ["patients", "visits", *(name for name in Events.model_fields if name in read)]
    found = [_loss(name, len(read[name]), audit[audit["table"] == name]) for name in tables]
    found += _unread_dates(read, audit[audit["table"] == "visits"])
    found += _unread_values(read["outcomes"], audit[audit["table"] == "outcomes"])
    found += _unread_facts(read, audit[audit["table"] == "patients"])
    return [sentence for sentence in found if sentence]


def _unread_dates(read: dict[str, pd.DataFrame], audit: pd.DataFrame) -> list[str]:
    """Say if more than a fifth of the dates of visits cannot be used."""
    if "date" not in read["visits"]:
        return []
    total = int(read["visits"]["date"].str.strip().replace("", None).notna().sum())
    out = audit[audit["rule"].eq("dates") & audit["action"].eq("query")].drop_duplicates("row")
    if len(out) < FEWEST or len(out) <= LARGE * total:
        return []
    why = "; ".join(f"{reason} ({n})" for reason, n in out["reason"].value_counts().head(3).items())
    return [f"visits.date: {len(out)} of {total} filled cells give no date: {why}."]


def _unread_facts(read: dict[str, pd.DataFrame], audit: pd.DataFrame) -> list[str]:
    """Say which facts of patients lost more than a fifth of their filled cells to what is no value of them."""
    sources = read["sources"]
    sources = sources[sources["table"].eq("patients") & ~sources["column"].isin(["arm", "cohort", "patient"])]
    out = audit[
        audit["action"].isin(["query", "missing"]) & audit["rule"].isin(["numbers", "ranges", "labels", "dates"])
    ]
    sentences = []
    for name, source in sources[["column", "source"]].itertuples(index=False):
        rows = out[out["column"] == source].drop_duplicates("row")
        total = int(read["patients"][name].notna().sum()) if name in read["patients"] else 0
        if len(rows) >= FEWEST and len(rows) > LARGE * total:
            why = "; ".join(f"{reason} ({n})" for reason, n in rows["reason"].value_counts().head(3).items())
            sentences.append(f"patients, column '{source}': {len(rows)} of {total} filled cells give no value: {why}.")
    return sentences


def _unread_values(outcomes: pd.DataFrame, audit: pd.DataFrame) -> list[str]:
    """Say which outcomes lost more than a fifth of their filled cells, and for which reasons."""
    filled = outcomes.loc[outcomes["value"].notna(), ["row", "instrument"]].set_index("row")["instrument"].astype("str")
    out = audit[
        audit["action"].isin(["query", "missing"]) & audit["rule"].isin(["numbers", "ranges", "units", "missing_codes"])
    ]
    out = out[~out["reason"].str.startswith("declared missing")].drop_duplicates("row")
    sentences = []
    for name, rows in out.groupby(out["row"].map(filled), sort=True):
        total = int((filled == name).sum())
        if len(rows) >= FEWEST and len(rows) > LARGE * total:
            why = "; ".join(f"{reason} ({n})" for reason, n in rows["reason"].value_counts().head(3).items())
            sentences.append(f"instruments.{name}: {len(rows)} of {total} filled cells give no value: {why}.")
    return sentences


def _loss(table: str, total: int, audit: pd.DataFrame) -> str:
    again = audit["rule"].eq("duplicates") & audit["action"].eq("dropped") & (table != "patients")
    out = audit[audit["action"].eq("quarantined") | again]  # that rows of visits repeat the patient's facts is usual
    enrolled = total - int((audit["rule"].eq("not_enrolled") & audit["action"].eq("dropped")).sum())
    if len(out) <= LARGE * enrolled:
        return ""
    why = "; ".join(f"{reason} ({n})" for reason, n in out["reason"].value_counts().head(3).items())
    return f"{len(out)} of {enrolled} rows of {table} are taken out: {why}."
