"""What was not measured: results under other assumptions about it, where they tip, who was lost, and how they were at baseline."""

import math
from typing import Any

import pandas as pd

from needling.labels.numbers import MISSING, decimals, format_fixed, format_p, shared_decimals
from needling.labels.sentences import in_sentence, listed, sentence, spaced
from needling.labels.words import VARIANCES, Labels
from needling.tables.printed import Printed, Row, Told, headed, told_interval
from needling.tables.select import asked_for, comparisons, in_order, said
from needling.tables.withheld import HIDDEN, withheld_note

PLACE = ["analysis", "cohort", "outcome"]
OUT_OF_COUNT = "exploratory"  # the role of a row with the variance that does not count


def assumptions(released: dict[str, pd.DataFrame], labels: Labels) -> Printed | None:
    """Print comparisons at the primary visit under each assumption, the analysis itself first, with both variances.

    Returns
    -------
    Exact: the released rows. Printed: one row per assumption below a heading for each cohort, outcome and pair of arms.
    """
    shown, plan = asked_for(released, "table", "assumptions"), labels.plan
    found = comparisons(released["results"])
    found = found[found["quantity"].isin(["difference", "trend"]) & found["visit"].isin(["", plan.visits.primary])]
    of = {name: said(released, name, "of")[0] for name in shown}
    exact = found[found["analysis"].isin([*shown, *of.values()])].reset_index(drop=True)
    exact = in_order(exact, {"cohort": list(plan.cohorts), "outcome": labels.outcomes})
    digits = shared_decimals(exact)
    pairs: list[tuple[str, Row]] = []
    apart: list[str] = []
    by = ["cohort", "outcome", "quantity", "arm", "reference", "term"]
    for name in shown:
        for place, mine in exact[exact["analysis"] == name].groupby(by, sort=False):
            same = exact[(exact["analysis"] == of[name]) & (exact[by] == list(place)).all(axis=1)]
            heading = _heading(mine.iloc[0].to_dict(), labels, len(plan.arms) > 2)
            lines = [_line(row, None, labels.analysis(of[name]), digits) for row in same.to_dict("records")]
            # missing at random has one variance: the other would print the same interval once more
            beside = mine[(mine["role"] == OUT_OF_COUNT) & (mine["variant"] != "mar")]
            other = {row["variant"]: row for row in beside.to_dict("records")}
            for row in mine[mine["role"] != OUT_OF_COUNT].to_dict("records"):
                label = sentence(labels.variant(row["variant"]))
                lines.append(_line(row, other.get(row["variant"]), label, digits))
            pairs += [(heading, line) for line in lines]
            alike = mine[(mine["variant"] == "mar") & (mine["role"] != OUT_OF_COUNT)]
            for itself, at_random in zip(same.to_dict("records"), alike.to_dict("records"), strict=False):
                apart += _apart(itself, at_random, heading, labels)
    if not pairs:
        return None
    level = f"{100 * float(exact['level'].iloc[0]):g}% CI"
    head = ["Assumption", f"{sentence(labels.noun)} ({level})", "P", f"{level}, other variance", "P", "n"]
    at = in_sentence(labels.visit(plan.visits.primary))
    alone = set(exact.loc[exact["analysis"].isin(shown), "variant"]) == {"mar"}
    what = "imputed as missing at random" if alone else "under other assumptions about what was not measured"
    caption = f"Results at {at} {'with what was not measured ' * alone}{what}."
    notes = _notes(exact[exact["analysis"].isin(shown)]) + apart + withheld_note(exact)
    widths = [0.27, 0.26, 0.08, 0.21, 0.08, 0.1]
    return Printed(caption, exact, head, headed(pairs), notes, widths, section="sensitivity", folded=True)


def _heading(row: dict[Any, Any], labels: Labels, several: bool) -> str:
    parts = [labels.cohort(row["cohort"])] if len(labels.plan.cohorts) > 1 else []
    parts += [labels.outcome(row["outcome"])] + ([labels.compared(row)] if several else [])
    return ", ".join([parts[0], *(in_sentence(one) for one in parts[1:])])


def _line(row: dict[Any, Any], other: dict[Any, Any] | None, label: str, digits: dict[str, int]) -> Row:
    n = Told(str(row["n_patients"]), row["row_id"], "n_patients") if pd.notna(row["n_patients"]) else MISSING
    if pd.isna(row["estimate"]):
        return [label, HIDDEN if row["hidden"] else "not estimated", MISSING, MISSING, MISSING, n]
    cells: Row = [
        label,
        told_interval(row, digits[row["row_id"]]),
        Told(format_p(row["p"], name=False), row["row_id"], "p"),
    ]
    if other is None:
        return [*cells, MISSING, MISSING, n]
    low, high = (format_fixed(other[name], digits[row["row_id"]]) for name in ("low", "high"))
    beside = Told(f"{low} to {high}", other["row_id"], "low high")
    return [*cells, beside, Told(format_p(other["p"], name=False), other["row_id"], "p"), n]


def _notes(rows: pd.DataFrame) -> list[str]:
    counted = dict.fromkeys(rows.loc[rows["role"] != OUT_OF_COUNT, "variance"])
    others = dict.fromkeys(rows.loc[rows["role"].eq(OUT_OF_COUNT) & rows["variant"].ne("mar"), "variance"])
    first, other = (" or ".join(VARIANCES[one] for one in found if one in VARIANCES) for found in (counted, others))
    beside = f"; the other: {other}" if other else ""
    notes = [f"Variance that counts: {first}{beside}. The first row of each part is the analysis itself."]
    notes += ["Under missing at random the two are the same."] if other else []
    if rows["n_clinics"].notna().any() or rows["n_therapists"].notna().any():
        whole = [name for name in ("clinics", "therapists") if rows[f"n_{name}"].notna().any()]
        notes.append(f"The jackknife leaves out whole {listed(whole)}.")
    told = dict.fromkeys(one for one in rows["note"] if one)
    return notes + [f"{sentence(str(one)).rstrip('.')}." for one in told]


def _apart(itself: dict[Any, Any], at_random: dict[Any, Any], heading: str, labels: Labels) -> list[str]:
    """Say by what they differ where an analysis and missing at random, which assume the same, come to different conclusions."""
    both = [itself, at_random]
    if any(pd.isna(one["low"]) or one["hidden"] for one in both):
        return []
    if len({(one["low"] > 0) - (one["high"] < 0) for one in both}) == 1:
        return []
    digits = decimals(itself["low"], itself["high"]) + 1
    first, second = (format_fixed(one["se"], digits) for one in both[::-1])
    df, df_itself = (format_fixed(one["df"], 0) for one in both[::-1])
    gap = format_fixed(abs(at_random["estimate"] - itself["estimate"]), digits)
    whole = [name for name in ("clinics", "therapists") if pd.notna(at_random[f"n_{name}"])]
    reasons = [f"it leaves out {at_random[f'n_{name}']} {name} whole" for name in whole]
    if itself["status"] == "singular":
        reasons.append(
            "the model of the analysis itself estimated a variance as zero and its standard error knows nothing of it"
        )
    named = in_sentence(labels.analysis(itself["analysis"]))
    text = (
        f"{heading}: missing at random and {named} assume the same of those not measured, yet one interval holds 0 and the other "
        f"does not. The estimates are {gap} {itself['unit']} apart; the standard error is {first} beside {second}, its degrees of "
        f"freedom {df} beside {df_itself}"
        + (f", since {listed(reasons)}" if reasons else "")
        + ". Where they disagree the data decide little either way."
    )
    return [Told(text, at_random["row_id"], "estimate se df")]


def asked_again(table: pd.DataFrame, released: dict[str, pd.DataFrame], labels: Labels) -> str:
    """Say whose conclusion it is that could tip, where it is not that of the primary analysis: ' of course'; else nothing."""
    names = [text for one in dict.fromkeys(table["analysis"]) for text in said(released, str(one), "of")]
    others = [in_sentence(labels.analysis(one)) for one in dict.fromkeys(names) if one != labels.plan.primary]
    return f" of {listed(others)}" if others else ""


def tipping_points(released: dict[str, pd.DataFrame], labels: Labels) -> Printed | None:
    """Say in words how far imputed values would have to be off for a conclusion to change, and whether such values were seen.

    Returns
    -------
    Exact: the released tipping points. Printed: those under missing at random, a row per arm shifted.
    """
    table = released.get("tipping_points")
    if table is None or table.empty:
        return None
    exact = in_order(table, {"cohort": list(labels.plan.cohorts), "outcome": labels.outcomes})
    seen, at = released["distribution"], ["cohort", "outcome", "visit", "arm"]
    pairs: list[tuple[str, Row]] = []
    rows = exact[exact["method"] == "mar"]
    for _, mine in rows.groupby([*PLACE, "arm", "reference"], sort=False):
        heading = _heading(mine.iloc[0].to_dict(), labels, len(labels.plan.arms) > 2)
        for arm, sides in mine.groupby("shifted", sort=False):
            first = sides.iloc[0].to_dict()
            there = seen[(seen[at] == [*(first[name] for name in at[:-1]), arm]).all(axis=1)]
            ends = [float(there[name].iloc[0]) if len(there) == 1 else float("nan") for name in ("q10", "q90")]
            n = HIDDEN if pd.isna(first["n"]) else str(first["n"])
            mean = format_fixed(first["mean"], 1)
            pairs.append((heading, [labels.arm(str(arm)), n, mean, _in_words(sides, ends, labels)]))
    if not pairs or rows["hidden"].ne("").all():
        return None
    adjusted, one = released["results"]["p_adjusted"].notna().any(), in_sentence(labels.group)
    of = asked_again(table, released, labels)
    notes = [
        f"Significant: the interval excludes 0{', not adjusted for several questions' if adjusted else ''}.",
        "n: patients without a value at the visit, imputed as missing at random; mean: of their imputed values. One "
        f"{one} is shifted at a time, the other left as imputed. Seen: the middle 80% of the patients measured in the same {one} "
        "at the visit.",
        *_analysed(table, released, labels),
    ]
    return Printed(
        f"How far those not measured would have to be from what was imputed for the conclusion{of} to change.",
        exact,
        [f"{labels.group} shifted", "n", "Mean", "Conclusion"],
        headed(pairs),
        notes + withheld_note(exact),
        [0.17, 0.06, 0.08, 0.69],
        (0, 3),
        "sensitivity",
    )


def _in_words(sides: pd.DataFrame, seen: "list[float]", labels: Labels) -> str:
    """Say at which shifts the conclusion changes; one after which the mean would not lie on the scale is none."""
    first = sides.iloc[0].to_dict()
    if first["hidden"]:
        return HIDDEN
    if first["n"] == 0:
        return "Nobody is missing."
    measure = labels.measure(first["cohort"], first["outcome"])
    possible = sides[sides["mean_then"].between(measure.low, measure.high)]
    holds = "significant" if first["at_zero"] == "significant" else "not significant"
    told = [_tips(row, seen) for row in possible.to_dict("records")]
    if not told:
        return f"{sentence(holds)}, whatever they had on the scale."
    changes = "no longer" if holds == "significant" else "significant"
    return f"{sentence(holds)} as imputed; {changes} if they were {', or '.join(told)}."


def _tips(row: dict[Any, Any], seen: "list[float]") -> str:
    worse = (row["delta"] > 0) == (row["better"] == "lower")
    # One decimal, as the means beside it have; one that would be printed as zero has more.
    size = format_fixed(abs(row["delta"]), max(1, -math.floor(math.log10(abs(row["delta"]))) if row["delta"] else 1))
    shift = f"{size} {row['unit']} {'worse' if worse else 'better'}".replace("  ", " ")
    then = f"a mean of {format_fixed(row['mean_then'], 1)}"
    if any(pd.isna(end) for end in seen):
        return f"{shift} ({then})"
    where = "within" if seen[0] <= row["mean_then"] <= seen[1] else "beyond"
    return f"{shift} ({then}, {where} what was seen: {format_fixed(seen[0], 1)} to {format_fixed(seen[1], 1)})"


def dropout(released: dict[str, pd.DataFrame], labels: Labels) -> Printed | None:
    """Print how many of each arm were lost, from which visit on and for which reason.

    Returns
    -------
    Exact: the released counts. Printed: a row per visit and reason, a column per arm.
    """
    table = released.get("dropout")
    if table is None or table.empty:
        return None
    plan = labels.plan
    order = {"cohort": list(plan.cohorts), "outcome": labels.outcomes, "visit": list(plan.visits.schedule)}
    exact = in_order(table, order)
    parts: dict[tuple[str, str], list[tuple[str, list[Row]]]] = {}
    for (analysis, cohort, outcome), mine in exact.groupby(PLACE, sort=False):
        parts.setdefault((str(analysis), str(cohort)), []).append((str(outcome), _lost_rows(mine, labels)))
    pairs: list[tuple[str, Row]] = []
    for (_, cohort), several in parts.items():
        for rows in [one for i, (_, one) in enumerate(several) if one not in [other for _, other in several[:i]]]:
            same = listed([in_sentence(labels.outcome(outcome)) for outcome, other in several if other == rows])
            heading = f"{labels.cohort(cohort)}, {same}" if len(plan.cohorts) > 1 else sentence(same)
            pairs += [(heading, row) for row in rows]
    share = 0.4 / len(plan.arms)
    return Printed(
        "Patients lost: nothing measured from a visit on, by reason.",
        exact,
        ["From", "Reason", *(labels.arm(arm) for arm in plan.arms)],
        headed(pairs),
        [
            *_analysed(table, released, labels),
            "Who missed a visit and came back is not among them.",
            *withheld_note(exact),
        ],
        [0.24, 0.36, *[share] * len(plan.arms)],
        (0, 1),
        "observed",
        folded=True,
    )


def _analysed(table: pd.DataFrame, released: dict[str, pd.DataFrame], labels: Labels) -> list[str]:
    """Of whom numbers of an analysis are, which may leave out those without a covariate."""
    used = [text for one in dict.fromkeys(table["analysis"]) for text in said(released, str(one), "uses")]
    return [f"Of {labels.fill(text)}." for text in dict.fromkeys(used)]


def _lost_rows(mine: pd.DataFrame, labels: Labels) -> list[Row]:
    """How many of each arm in all, then by visit and reason."""
    arms = labels.plan.arms
    closed = set(mine.loc[mine["hidden"] != "", "arm"])
    whole = mine.drop_duplicates("arm").set_index("arm")["n_patients"]
    lost = mine.groupby("arm")["n"].sum()
    rows = [["Lost in all", "", *(HIDDEN if arm in closed else _of(lost.get(arm, 0), whole.get(arm)) for arm in arms)]]
    for (visit, reason), here in mine[mine["hidden"] == ""].groupby(["visit", "reason"], sort=False):
        counts = here.set_index("arm")["n"]
        cells = [HIDDEN if arm in closed else str(counts.get(arm, 0)) for arm in arms]
        rows.append([labels.visit(str(visit)), spaced(str(reason)) or "not on record", *cells])
    return rows


def _of(n: Any, whole: Any) -> str:
    return f"{n}" if whole is None or pd.isna(whole) else f"{n} of {whole} ({format_fixed(100 * n / whole, 0)}%)"


def lost(released: dict[str, pd.DataFrame], labels: Labels) -> Printed | None:
    """Print the baseline of the lost beside that of the kept, by arm, with standardised differences and no tests.

    Returns
    -------
    Exact: the released descriptions. Printed: a row per characteristic, three columns per arm.
    """
    table = released.get("lost")
    if table is None or table.empty:
        return None
    plan = labels.plan
    exact = in_order(table, {"cohort": list(plan.cohorts), "outcome": labels.outcomes})
    pairs: list[tuple[str, Row]] = []
    for _, mine in exact.groupby(PLACE, sort=False):
        heading = _heading(mine.iloc[0].to_dict(), labels, False)
        for (variable, level), rows in mine.groupby(["variable", "level"], sort=False):
            by_arm = rows.set_index("arm")
            name = "Value at baseline" if variable == "baseline" else labels.covariate(str(variable))
            label = f"{name}: {labels.level(str(variable), str(level))}" if level else name
            cells = [text for arm in plan.arms for text in _beside(by_arm.loc[arm].to_dict())]
            pairs.append((heading, [label, *cells]))
    share = 0.76 / len(plan.arms)
    return Printed(
        "Baseline of those lost beside those kept.",
        exact,
        ["Characteristic", *(text for arm in plan.arms for text in (f"{labels.arm(arm)}: lost", "kept", "difference"))],
        headed(pairs),
        ["Mean (SD) or percent; differences, lost minus kept, in units of the standard deviation. Nothing is tested.",
         *withheld_note(exact)],
        [0.24, *[part for _ in plan.arms for part in (share * 0.4, share * 0.36, share * 0.24)]],
        section="observed",
        folded=True,
    )  # fmt: skip


def _beside(row: dict[Any, Any]) -> tuple[str, str, str]:
    if row["hidden"]:
        return HIDDEN, HIDDEN, ""
    if row["level"]:
        shares = (format_fixed(100 * row[name], 0) for name in ("lost", "kept"))
        lost_share, kept_share = (MISSING if one == MISSING else f"{one}%" for one in shares)
        return lost_share, kept_share, format_fixed(row["standardised_difference"], 2)
    texts = [
        MISSING if pd.isna(row[name]) else f"{format_fixed(row[name], 1)} ({format_fixed(row[f'{name}_sd'], 1)})"
        for name in ("lost", "kept")
    ]
    return texts[0], texts[1], format_fixed(row["standardised_difference"], 2)


TABLES = {"assumptions": assumptions, "tipping_points": tipping_points, "dropout": dropout, "lost": lost}
