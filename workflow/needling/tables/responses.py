"""Responders: shares by arm, difference, ratio, numbers needed to treat; odds ratios of separated models; reliable change."""

from typing import Any

import pandas as pd

from needling.labels.numbers import MINUS, MISSING, format_fixed, format_p
from needling.labels.sentences import in_sentence, sentence, spaced
from needling.labels.words import Labels
from needling.tables.printed import Printed, Row, Told, headed, told_interval
from needling.tables.select import asked_for, in_order, said
from needling.tables.withheld import HIDDEN, withheld_note

KEY = ["analysis", "cohort", "outcome", "visit", "variant"]
FINITE = "conditional_odds_ratio"
SIGNS = ("†", "§", "¶")


def response_shares(released: dict[str, pd.DataFrame], labels: Labels) -> Printed | None:
    """Print for each response the share of each arm, and of each comparison the difference, ratio and number needed to treat.

    A number needed to treat says of how many patients one more would respond had they been treated: an effect. In a cohort study
    the difference of shares is an association, and its inverse would be read as what treating does, benefit and harm; there is
    none in the table there (of exposures Bender and Blettner 2002 call it otherwise, and few readers know that name). The
    difference itself, from which it is made, stands there with its interval.
    """
    results, plan = released["results"], labels.plan
    shown = asked_for(released, "table", "response_shares")
    mine = results[
        results["analysis"].isin(shown) & results["quantity"].isin(["share", "risk_difference", "risk_ratio"])
    ]
    if mine.empty:
        return None
    places = {"analysis": list(plan.analyses), "cohort": list(plan.cohorts), "outcome": labels.outcomes}
    exact = in_order(mine, places | {"visit": list(plan.visits.schedule)})
    needed = released.get("number_needed", pd.DataFrame())
    marks = _marks(exact)
    blocks: dict[str, dict[str, list[Row]]] = {}  # by place, then by who is compared where there are several pairs
    for key, rows in exact.groupby(KEY, sort=False):
        place: dict[str, Any] = dict(zip(KEY, key, strict=True))
        shares = {row["arm"]: row for row in rows[rows["quantity"] == "share"].to_dict("records")}
        ratios = {
            (row["arm"], row["reference"]): row for row in rows[rows["quantity"] == "risk_ratio"].to_dict("records")
        }
        for row in rows[rows["quantity"] == "risk_difference"].to_dict("records") or [{}]:
            pair = (row.get("arm", ""), row.get("reference", ""))
            told = [shares[arm] for arm in (pair[::-1] if row else shares) if arm in shares]
            texts = [_share(shares.get(arm)) for arm in (pair[::-1] if row else shares)]
            if row:
                texts += [_difference(row), _ratio(ratios.get(pair))]
                texts += [_needed(needed, place, pair)] if _has_needed(labels) else []
                texts.append(_p(row))
            mark = "".join(marks[note] for note in dict.fromkeys(one.get("note", "") for one in [*told, row]) if note)
            line = [sentence(spaced(place["variant"])) + mark, *texts]
            blocks.setdefault(_heading(place, exact, labels), {}).setdefault(_pair(row, labels), []).append(line)
    pairs = [
        (f"{heading}{compared}", line)
        for heading, of_pairs in blocks.items()
        for compared, block in of_pairs.items()
        for line in block
    ]
    head = ["Response", *_heads(exact, labels)]
    return Printed(_caption(labels), exact, head, headed(pairs), _notes(exact, released, labels), _widths(len(head)))


def _heading(place: dict[Any, Any], exact: pd.DataFrame, labels: Labels) -> str:
    """Name the analysis where there are several, the cohort, the outcome and the visit."""
    parts = [labels.cohort(place["cohort"]), in_sentence(labels.outcome(place["outcome"]))]
    told = ", ".join([*parts, in_sentence(labels.visit(place["visit"]))])
    return f"{labels.analysis(place['analysis'])}: {told}" if exact["analysis"].nunique() > 1 else told


def _pair(row: dict[Any, Any], labels: Labels) -> str:
    """Who is compared, behind a heading, where there are several pairs."""
    return f", {in_sentence(labels.compared(row))}" if row and len(labels.plan.arms) > 2 else ""


def _marks(exact: pd.DataFrame) -> dict[str, str]:
    """What is remarked of shares and differences -> the mark at their rows: the signs of footnotes, then doubled."""
    remarked = exact["note"].ne("") & exact["quantity"].ne("risk_ratio")
    notes = dict.fromkeys(exact.loc[remarked, "note"])
    return {note: SIGNS[number % 3] * (1 + number // 3) for number, note in enumerate(notes)}


def _caption(labels: Labels) -> str:
    return (
        "Who got better: shares of responders."
        if labels.plan.design == "single_arm"
        else labels.of_groups("Who got better: shares of responders by arm.")
    )


def _heads(exact: pd.DataFrame, labels: Labels) -> Row:
    plan, level = labels.plan, f"{100 * float(exact['level'].iloc[0]):g}% CI"
    if not plan.arms:
        return [f"Share ({level})"]
    arms = [labels.arm(arm) for arm in plan.arms] if len(plan.arms) == 2 else ["Reference", labels.group]
    return [
        *arms,
        f"Difference, percentage points ({level})",
        f"Ratio ({level})",
        *([f"Number needed to treat ({level})"] if _has_needed(labels) else []),
        "P",
    ]


def _has_needed(labels: Labels) -> bool:
    return labels.plan.design == "randomised"


def _widths(n: int) -> list[float]:
    known = {7: [0.17, 0.105, 0.105, 0.19, 0.17, 0.19, 0.07], 6: [0.21, 0.13, 0.13, 0.24, 0.21, 0.08]}
    return known.get(n) or [0.5, *[0.5 / (n - 1)] * (n - 1)]


def _share(row: dict[Any, Any] | None) -> str:
    if row is None or pd.isna(row["estimate"]):
        return HIDDEN if row and row["hidden"] else MISSING
    if row["reference"] == "" and row["arm"] == "":
        text = f"{told_interval(row, 0, '%', 100)}, n\u00a0=\u00a0{row['n_patients']}"
        return Told(text, row["row_id"], "estimate low high n_patients")
    return Told(
        f"{format_fixed(100 * row['estimate'], 0)}% of {row['n_patients']}", row["row_id"], "estimate n_patients"
    )


def _difference(row: dict[Any, Any]) -> str:
    if row["hidden"]:
        return HIDDEN
    if pd.isna(row["estimate"]):
        return "not estimated"
    return told_interval(row, 1, factor=100)


def _ratio(row: dict[Any, Any] | None) -> str:
    if row is None or pd.isna(row["estimate"]):
        return HIDDEN if row and row["hidden"] else MISSING
    return told_interval(row, 2)


def _needed(needed: pd.DataFrame, place: dict[str, Any], pair: tuple[str, str]) -> str:
    """Write a number needed to treat; through infinity as benefit to infinity to harm (Altman 1998)."""
    if needed.empty:
        return MISSING
    keys = {
        **{name: place[name] for name in KEY[:4]},
        "response": place["variant"],
        "arm": pair[0],
        "reference": pair[1],
    }
    rows = needed[(needed[list(keys)] == pd.Series(keys)).all(axis=1)]
    if len(rows) != 1:
        return MISSING
    row = rows.iloc[0]
    if row["hidden"]:
        return HIDDEN
    if row["through_infinity"]:
        point = _number(row["estimate"]) + ("" if row["estimate"] >= 0 else " to harm")
        return f"{point} (benefit {_number(row['low'])} to ∞ to harm {_number(row['high'])})"
    harm = " to harm" if row["estimate"] < 0 else ""
    return f"{_number(row['estimate'])}{harm} ({_number(row['low'])} to {_number(row['high'])})"


def _number(value: float) -> str:
    return "∞" if abs(value) == float("inf") else format_fixed(abs(value), 1 if abs(value) < 9.95 else 0)


def _p(row: dict[Any, Any]) -> str:
    return Told(format_p(row["p"], name=False), row["row_id"], "p")


def _notes(exact: pd.DataFrame, released: dict[str, pd.DataFrame], labels: Labels) -> list[str]:
    missing = {name: labels.fill(" ".join(said(released, name, "missing"))) for name in exact["analysis"].unique()}
    differ = len(set(missing.values())) > 1
    notes = [
        f"{labels.analysis(name)}: {in_sentence(text)}" if differ else text for name, text in missing.items() if text
    ]
    ps = exact.loc[exact["quantity"].eq("risk_difference"), ["p", "p_adjusted"]]
    if ps["p"].count() > 1 and ps["p_adjusted"].isna().all():
        notes.append("P values are of the differences and not adjusted for several questions.")
    if labels.plan.arms:
        needed = (
            "A number needed to treat that runs from benefit over infinity (∞) to harm is compatible with no difference. "
            if _has_needed(labels)
            else ""
        )
        notes.append(
            f"Shares are standardised, so they need not be whole numbers of patients. {needed}{MINUS}: fewer responders."
        )
    notes += [f"{mark} {sentence(note)}." for note, mark in _marks(exact).items()]
    return [*dict.fromkeys(notes), *withheld_note(exact)]


def response_odds(released: dict[str, pd.DataFrame], labels: Labels) -> Printed | None:
    """Print the odds ratios of responses whose models have a coefficient without a finite value, or why there is none."""
    results = released["results"]
    asked = results["analysis"].isin(asked_for(released, "table", "response_shares"))
    exact = results[asked & results["quantity"].eq(FINITE)]
    if exact.empty:
        return None
    places = {"analysis": list(labels.plan.analyses), "cohort": list(labels.plan.cohorts), "outcome": labels.outcomes}
    exact = in_order(exact, places | {"visit": list(labels.plan.visits.schedule)})
    pairs = [
        (_heading(row, exact, labels) + _pair(row, labels), [sentence(spaced(row["variant"])), _finite(row), _p(row)])
        for row in exact.to_dict("records")
    ]
    level, one = f"{100 * float(exact['level'].iloc[0]):g}% CI", labels.of_groups("an arm")
    notes = [
        f"Where nobody or everybody responded in {one}, or another coefficient has no finite value, Firth's penalised likelihood "
        "still has one; limits and P of its profile. An odds ratio of a response that is not rare is further from 1 than the ratio "
        "of shares.",
        *(f"{sentence(note)}." for note in dict.fromkeys(exact.loc[exact["hidden"].eq(""), "note"]) if note),
    ]
    return Printed(
        "Odds ratios of responses whose model has no finite estimate otherwise.",
        exact,
        ["Response", f"Odds ratio ({level})", "P"],
        headed(pairs),
        notes + withheld_note(exact),
        [0.5, 0.35, 0.15],
        section="individual",
        folded=True,
    )


def _finite(row: dict[Any, Any]) -> str:
    """An odds ratio with its interval, to as many digits as each has."""
    if row["hidden"]:
        return HIDDEN
    if pd.isna(row["estimate"]):
        return "not estimated"
    odds, low, high = (_odds(row[name]) for name in ("estimate", "low", "high"))
    return Told(f"{odds} ({low} to {high})", row["row_id"], "estimate low high")


def _odds(value: float) -> str:
    """Write an odds ratio, which may run to thousands, to three digits or as a whole number."""
    return format_fixed(value, 2 if value < 10 else 1 if value < 100 else 0)


def reliable_change(released: dict[str, pd.DataFrame], labels: Labels) -> Printed | None:
    """Print how many changed by more than error of measurement explains."""
    exact = released.get("reliable_change")
    if exact is None or exact.empty:
        return None
    pairs = []
    for row in exact.to_dict("records"):
        heading = ", ".join(
            [
                labels.cohort(row["cohort"]),
                in_sentence(labels.outcome(row["outcome"])),
                in_sentence(labels.visit(row["visit"])),
            ]
        )
        counts = [HIDDEN if row["hidden"] else str(row[name]) for name in ("n_improved", "n_unchanged", "n_worse", "n")]
        beyond = f"{format_fixed(row['beyond'], 1)} {row['unit']}".rstrip() if not row["hidden"] else HIDDEN
        pairs.append((heading, [labels.arm(row["arm"]), beyond, *counts]))
    notes = [
        "Reliable is a change beyond 1.96 SD √(2 (1 − r)), SD at baseline, r Cronbach's alpha of this study (Jacobson and Truax "
        "1991). Counts of those measured at both visits; no test."
    ]
    head = [labels.group, "Beyond", "Better", "Neither", "Worse", "n"]
    return Printed(
        "Reliable change per person.",
        exact,
        head,
        headed(pairs),
        notes + withheld_note(exact),
        [0.3, 0.26, 0.11, 0.11, 0.11, 0.11],
        section="individual",
    )


TABLES = {"response_shares": response_shares, "response_odds": response_odds, "reliable_change": reliable_change}
