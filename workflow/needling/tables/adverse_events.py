"""Adverse events: people and sessions with one in each arm, what compares the arms, and the serious ones."""

from typing import Any

import pandas as pd

from needling.labels.numbers import MISSING, PERCENT, format_fixed, shared_decimals
from needling.labels.sentences import in_sentence, listed
from needling.labels.words import Labels
from needling.tables.printed import Printed, Row, Told, headed, told_interval
from needling.tables.select import asked_for, in_order, said
from needling.tables.withheld import HIDDEN, withheld_note

SHOWN = {"adverse_events": ("share", "risk_difference"), "adverse_event_sessions": ("session_rate", "rate_ratio")}
AUTHORS = "narrative by the authors"


def people(released: dict[str, pd.DataFrame], labels: Labels) -> Printed | None:
    """Print the people with each adverse event and the differences between arms."""
    caption = "Patients with adverse events: number of patients, % and 95% CI."
    rows = _rows("adverse_events", released, labels)
    notes = ["Difference: percentage points; no test is made."] if rows["reference"].ne("").any() else []
    if (rows["quantity"].eq("share") & rows["estimate"].eq(0)).any():
        notes.append("At most: one-sided upper limit where nobody had the event.")
    return _table("adverse_events", released, labels, caption, "Difference", notes)


def sessions(released: dict[str, pd.DataFrame], labels: Labels) -> Printed | None:
    """Print the share of sessions with each adverse event and the ratios between arms."""
    caption = "Sessions with adverse events: % of sessions and 95% CI."
    return _table("adverse_event_sessions", released, labels, caption, "Ratio", [])


def _rows(name: str, released: dict[str, pd.DataFrame], labels: Labels) -> pd.DataFrame:
    """The results that a table shows, in the order in which their analysis wrote them."""
    results = released["results"]
    mine = results[results["analysis"].isin(asked_for(released, "table", name))]
    mine = mine[mine["quantity"].isin(SHOWN[name])].copy()
    return in_order(mine, {"analysis": list(labels.plan.analyses), "cohort": list(labels.plan.cohorts)})


def _table(
    name: str, released: dict[str, pd.DataFrame], labels: Labels, caption: str, compared: str, notes: list[str]
) -> Printed | None:
    exact = _rows(name, released, labels)
    if exact.empty:
        return None
    plan = labels.plan
    arms: list[tuple[str, str]] = [(arm, "") for arm in plan.arms or [""]]
    pairs = exact.loc[exact["reference"] != "", ["arm", "reference"]].drop_duplicates()
    columns = [*arms, *pairs.itertuples(index=False, name=None)]
    digits = shared_decimals(exact)
    printed: list[tuple[str, Row]] = []
    of_term: dict[tuple[str, str, str], list[dict[Any, Any]]] = {}
    for one in exact.to_dict("records"):
        of_term.setdefault((one["analysis"], one["cohort"], one["term"]), []).append(one)
    for (analysis, cohort, term), mine in of_term.items():
        factor, level = labels.level_of(term)
        where = [labels.cohort(cohort)] if len(plan.cohorts) > 1 else []
        where = [labels.analysis(analysis), *where] if exact["analysis"].nunique() > 1 else where
        heading = ": ".join([*where, in_sentence(factor) if where else factor])
        cells = {(row["arm"], row["reference"]): _cell(row, digits[row["row_id"]]) for row in mine}
        row = [cells.get(key, HIDDEN if not level else MISSING) for key in columns]
        printed.append((heading, [level or "Every level", *row]))
    names = [labels.arm(arm) for arm, _ in arms]
    names += [
        compared if len(pairs) == 1 else f"{compared}: {labels.compared({'arm': a, 'reference': r})}"
        for a, r in pairs.values
    ]
    width = 0.76 / len(columns)
    head = ["Event", *names]
    few = exact.loc[exact["status"].eq("not_estimated") & exact["note"].ne(""), "note"].unique()
    notes = [*notes, *(f"{MISSING} {note[:1].upper()}{note[1:]}." for note in few)]
    widths = [0.24, *[width] * len(columns)]
    return Printed(caption, exact, head, headed(printed), notes + withheld_note(exact), widths, folded=True)


def _cell(row: dict[Any, Any], digits: int) -> str:
    """One estimate with its interval, as percent where it is a share, with the people where they are counted."""
    if row["hidden"]:
        return HIDDEN
    if pd.isna(row["estimate"]):
        return MISSING
    factor = 100 if row["quantity"] in PERCENT else 1
    if row["quantity"] not in ("share", "session_rate"):
        return told_interval(row, digits, factor=factor)
    estimate, low, high = (format_fixed(factor * row[name], digits) for name in ("estimate", "low", "high"))
    front = f"{row['n_events']}/{row['n_patients']}, " if row["quantity"] == "share" else ""
    span = f"at most {high}" if row["estimate"] == 0 else f"{low} to {high}"
    text = f"{front}{estimate}% ({span})"
    return Told(text, row["row_id"], "n_events estimate low high" if front else "estimate low high")


def counted_as_serious(released: dict[str, pd.DataFrame]) -> str | None:
    """Words for events that count as serious, with the rule where the export does not call them so; none where nothing tells."""
    rules = [text for one in asked_for(released, "table", "adverse_events") for text in said(released, one, "serious")]
    told = [text for text in dict.fromkeys(rules) if text != "not_told"]
    if not told:
        return None
    return "serious" if told == ["told"] else f"counted as serious ({listed([one for one in told if one != 'told'])})"


def serious(released: dict[str, pd.DataFrame], labels: Labels) -> Printed | None:
    """List the serious events by kind and arm; what happened is for the authors to tell, and no person is described."""
    told = [
        one for one in asked_for(released, "table", "serious_events") if said(released, one, "serious") != ["not_told"]
    ]
    exact = _rows("adverse_events", released, labels)
    is_serious = exact["term"].str.startswith('[["serious",')
    exact = exact[exact["analysis"].isin(told) & is_serious & exact["quantity"].eq("share")]
    if exact.empty:
        return None
    printed: list[tuple[str, Row]] = []
    for (cohort, arm), mine in exact.groupby(["cohort", "arm"], sort=False):
        heading = labels.cohort(str(cohort)) if len(labels.plan.cohorts) > 1 else ""
        levels = {labels.level_of(row["term"])[1]: row for row in mine.to_dict("records")}
        whole = levels.pop("Any", None)
        if whole is not None and not whole["hidden"] and whole["n_events"] == 0:
            levels = {"None recorded": whole}
        for level, row in levels.items():
            if level != "None recorded" and not row["hidden"] and row["n_events"] == 0:
                continue
            n = HIDDEN if row["hidden"] else Told(str(row["n_events"]), row["row_id"], "n_events")
            text = MISSING if level == "None recorded" else AUTHORS
            who = labels.arm(str(arm)) if arm or not row["hidden"] else f"Every {in_sentence(labels.group)}"
            printed.append((heading, [who, level or "Every kind", n, text]))
    head = [labels.group, "Serious event", "Patients", "What happened"]
    words = counted_as_serious(released) or "serious"
    caption = "Serious adverse events." if words == "serious" else f"Adverse events {words}."
    notes = withheld_note(exact)
    return Printed(caption, exact, head, headed(printed), notes, [0.25, 0.3, 0.12, 0.33], (0, 1, 3))


TABLES = {"adverse_events": people, "adverse_event_sessions": sessions, "serious_events": serious}
