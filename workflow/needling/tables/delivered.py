"""Treatment as delivered, in the order of the STRICTA items: numbers and categories by arm."""

import json
from typing import Any

import pandas as pd

from needling.labels.numbers import MISSING, format_fixed
from needling.labels.sentences import in_sentence, listed
from needling.labels.words import DELIVERED, Labels
from needling.tables.printed import Printed, Row, Told, headed
from needling.tables.select import asked_for
from needling.tables.withheld import HIDDEN, withheld_note


def delivered(released: dict[str, pd.DataFrame], labels: Labels) -> Printed | None:
    """Print what was delivered by cohort and arm: mean (SD) and median (quartiles) over patients, or patients and percent.

    Returns
    -------
    Exact: the released numbers, then the released shares (measure is their term). Printed: one row per number or level.
    """
    asked = asked_for(released, "table", "delivered")
    if not asked or "delivered" not in released:
        return None
    numbers = released["delivered"][released["delivered"]["analysis"].isin(asked)]
    results = released["results"]
    shares = results[results["analysis"].isin(asked) & results["quantity"].eq("share")]
    items = {code: (number, item) for number, (item, code, _) in enumerate(DELIVERED)}
    printed: list[tuple[str, Row]] = []
    for cohort in labels.plan.cohorts:
        heading = labels.cohort(cohort) if len(labels.plan.cohorts) > 1 else ""
        lines = {
            **_number_lines(numbers[numbers["cohort"] == cohort], labels),
            **_share_lines(shares[shares["cohort"] == cohort], labels),
        }
        for code, *_ in sorted(lines, key=lambda key: (items.get(key[0], (99, ""))[0], key[1] != "")):
            for key in [one for one in lines if one[0] == code]:
                cells = lines.pop(key)
                printed.append((heading, [items.get(code, (99, ""))[1] or MISSING, *cells]))
    if not printed:
        return None
    arms = labels.plan.arms or [""]
    head = ["STRICTA", "What", *(labels.arm(arm) for arm in arms)]
    there = set(numbers["measure"]) | {json.loads(term)[0][0] for term in shares["term"]}
    exact = pd.concat([numbers, _as_measures(shares)], ignore_index=True)
    return Printed(
        "Treatment as delivered.",
        exact,
        head,
        headed(printed),
        [*_notes(there), *withheld_note(exact)],
        [0.1, 0.34, *[0.56 / len(arms)] * len(arms)],
        (0, 1),
        folded=True,
    )


def _as_measures(shares: pd.DataFrame) -> pd.DataFrame:
    columns = [
        "analysis",
        "cohort",
        "arm",
        "term",
        "variant",
        "n_patients",
        "n_observations",
        "n_events",
        "estimate",
        "hidden",
    ]
    return shares[columns].rename(columns={"term": "measure"})


def _notes(there: set[str]) -> list[str]:
    known = sorted({item for item, code, _ in DELIVERED if item and code in there})
    lacking = sorted({item for item, *_ in DELIVERED if item} - set(known))
    notes = ["Numbers: mean (SD); median [quartiles] of patients' own means; n where not everybody has one."]
    notes.append(
        "Categories: patients who ever had it, of those needled (needling) or of all (the rest); then its share of all muscles "
        "needled, or of all other treatments."
    )
    if lacking:
        notes.append(f"Not in the data: STRICTA {listed(lacking)}.")
    return [*notes, "STRICTA 1, 4b, 5 and 6 are for the authors."]


def _number_lines(numbers: pd.DataFrame, labels: Labels) -> dict[tuple[str, str], Row]:
    """Lines of numbers: measure -> what, and a cell for each arm."""
    found: dict[tuple[str, str], Row] = {}
    words = {code: text for _, code, text in DELIVERED}
    whole = numbers[numbers["measure"] == "sessions"].set_index("arm")["n"]
    for measure, mine in numbers.groupby("measure", sort=False):
        digits = 2 if mine["mean"].max() < 1 else 1
        cells = {row["arm"]: _number(row, whole.get(row["arm"]), digits) for row in mine.to_dict("records")}
        unit = next((unit for unit in mine["unit"] if unit), "")
        what = f"{words[str(measure)]}{f', {unit}' if unit else ''}"
        found[(str(measure), "")] = [what, *(cells.get(arm, MISSING) for arm in labels.plan.arms or [""])]
    return found


def _number(row: dict[Any, Any], whole: Any, digits: int) -> str:
    if pd.isna(row["n"]):
        return HIDDEN
    n = "" if row["n"] == whole else f", n\u00a0=\u00a0{row['n']}"
    if pd.isna(row["mean"]):
        return HIDDEN + n
    sd, q25, median, q75 = (
        (HIDDEN if row["hidden"] else MISSING) if pd.isna(row[c]) else format_fixed(row[c], digits)
        for c in ("sd", "q25", "median", "q75")
    )
    return f"{format_fixed(row['mean'], digits)} ({sd}); {median} [{q25}–{q75}]{n}"


def _share_lines(shares: pd.DataFrame, labels: Labels) -> dict[tuple[str, str], Row]:
    """Lines of categories: factor and level -> what, and a cell for each arm; a no goes where there is a yes."""
    found: dict[tuple[str, str], Row] = {}
    terms = {str(term): tuple(json.loads(str(term))[0]) for term in shares["term"].unique()}
    for term, mine in shares.groupby("term", sort=False):
        factor, level = terms[str(term)]
        if level == "no" and (factor, "yes") in terms.values():
            continue
        name, one = labels.level_of(str(term))
        what = name if level == "yes" else f"{name}: {in_sentence(one) or 'every level'}"
        of_arm: dict[str, list[dict[Any, Any]]] = {}
        for row in mine.to_dict("records"):
            of_arm.setdefault(str(row["arm"]), []).append(row)
        blank = HIDDEN if "" in of_arm and not level else MISSING
        found[(factor, level)] = [
            what,
            *(_share(of_arm[arm]) if arm in of_arm else blank for arm in labels.plan.arms or [""]),
        ]
    return found


def _share(rows: list[dict[Any, Any]]) -> str:
    """Patients who had it, and its share of the records where there are any; both come from rows about the same people."""
    row = next((one for one in rows if one["variant"] == "per_patient"), rows[0])
    if row["hidden"]:
        return HIDDEN
    if pd.isna(row["estimate"]):
        return MISSING
    text = f"{row['n_events']}/{row['n_patients']} ({format_fixed(100 * row['estimate'], 0)}%)"
    records = [one["estimate"] for one in rows if one["variant"] == "per_record" and pd.notna(one["estimate"])]
    more = f"; {format_fixed(100 * records[0], 0)}%" if records else ""
    return Told(f"{text}{more}", row["row_id"], "n_events n_patients estimate")


TABLES = {"delivered": delivered}
