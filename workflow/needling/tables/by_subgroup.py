"""Subgroups: the difference of arms in each by its own instrument, in all together, and the test that they are the same."""

from typing import Any

import pandas as pd

from needling.labels.numbers import MISSING, format_p, shared_decimals
from needling.labels.sentences import in_sentence, sentence, spaced
from needling.labels.words import Labels
from needling.tables.for_whom import PLACE, place_and_pair, place_words, shown, value_words
from needling.tables.printed import Printed, Row, Told, headed, told_interval
from needling.tables.withheld import HIDDEN, withheld_note

QUANTITIES = ("effect_at", "moderation")
ALL, SD_UNIT = "All together", "standard deviations"


def units(row: dict[Any, Any], digits: dict[str, int]) -> str:
    """A difference with its unit and interval; what there is none of in words."""
    if row["hidden"]:
        return HIDDEN
    if pd.isna(row["estimate"]):
        return "not estimated" if row["status"] == "not_estimated" else MISSING
    return told_interval(row, digits[row["row_id"]], "" if row["unit"] == SD_UNIT else f" {row['unit']}".rstrip())


def subgroup(row: dict[Any, Any], labels: Labels) -> str:
    """Words for the subgroup of a row; of all together, that."""
    return ALL if row["variant"] == "pooled" else sentence(value_words(row["at"], labels))


Line = tuple[dict[Any, Any] | None, dict[Any, Any] | None, bool]


def lines_of(rows: pd.DataFrame) -> list[Line]:
    """Pair, of one place and arm, each own difference with the standardised one of its subgroup, and say whether it is the first.

    All together comes last.
    """
    mine = rows[rows["quantity"] == "effect_at"]
    standard = {row["at"]: row for row in mine[mine["variant"] == "standardised"].to_dict("records")}
    lines: list[Line] = []
    for at, own in mine[mine["variant"] == "own"].groupby("at", sort=False):
        for place, row in enumerate(own.to_dict("records")):
            lines.append((row, None if place else standard.get(at), not place))
    for row in mine[mine["variant"] == "pooled"].to_dict("records"):
        lines.append((None, row, True) if standard else (row, None, True))
    return lines


def table(released: dict[str, pd.DataFrame], labels: Labels) -> Printed | None:
    """Print for each cohort and outcome the difference in each subgroup in its own unit and, where instruments differ, in SDs."""
    exact = shown(released, labels, ("table", "by_subgroup"), QUANTITIES)
    if exact.empty:
        return None
    adjusted = bool(exact["p_adjusted"].notna().any())
    digits = shared_decimals(exact)
    pairs: list[tuple[str, Row]] = []
    for _, mine in exact.groupby([*PLACE, "arm"], sort=False):
        heading = place_and_pair(mine.iloc[0].to_dict(), labels, exact)
        tests: list[Any] = mine[mine["quantity"] == "moderation"].to_dict("records")
        for place, line in enumerate(lines_of(mine)):
            p = [_p(one, column) for one in tests for column in ("p", *(["p_adjusted"] if adjusted else []))]
            pairs.append((heading, [*_cells(line, labels, digits), *(p if not place else [""] * len(p))]))
    level = f"{100 * float(exact['level'].iloc[0]):g}% CI"
    noun = sentence(labels.noun)
    head = ["Subgroup", "Measured by", "n", f"{noun} in its own unit ({level})", f"{noun} in SDs ({level})", "P"]
    head += ["Adjusted P"] if adjusted else []
    return Printed(
        f"Subgroups: {labels.noun}s by each one's own instrument, and in all together.", exact, head, headed(pairs),
        [*notes(exact, labels), *withheld_note(exact)],
        [0.15, 0.2, 0.06, 0.27, 0.22, 0.1] if not adjusted else [0.14, 0.19, 0.06, 0.25, 0.2, 0.08, 0.08], left=(0, 1),
    )  # fmt: skip


def _cells(line: Line, labels: Labels, digits: dict[str, int]) -> Row:
    own, standard, is_first = line
    row = own or standard or {}
    instrument = labels.instrument(row["instrument"]) if row["instrument"] else MISSING
    n: str = MISSING if pd.isna(row["n_patients"]) else Told(str(row["n_patients"]), row["row_id"], "n_patients")
    name = subgroup(row, labels) if is_first else ""
    return [name, instrument, n, *(units(one, digits) if one else "" for one in (own, standard))]


def _p(row: dict[Any, Any], column: str) -> str:
    if row["hidden"]:
        return HIDDEN
    return MISSING if pd.isna(row["p"]) else Told(format_p(row[column], name=False), row["row_id"], column)


def notes(exact: pd.DataFrame, labels: Labels) -> list[str]:
    """What the columns are, and what cannot be read from them."""
    several = exact["variant"].eq("standardised").any()
    found = [
        f"P: of the test that the {labels.noun} is the same in all subgroups. {sentence(labels.noun)}s in single subgroups are not "
        "tested, since one that differs from 0 in one and not in another does not show that they differ."
    ]
    if several:
        found.append(
            "SDs: where subgroups are measured by different instruments, values turned so that higher is better and divided by the "
            f"instrument's standard deviation within {in_sentence(labels.group)}s at baseline; all together is in these then."
        )
    for note, rows in exact[exact["note"].ne("")].groupby("note", sort=False):
        where = dict.fromkeys(
            place_words(row, labels, exact)
            + (f", {spaced(value_words(row['at'], labels))}" if row["quantity"] == "effect_at" else "")
            for row in rows.to_dict("records")
        )
        found.append(f"{'; '.join(where)}: {note}.")
    return found


TABLES = {"by_subgroup": table}
