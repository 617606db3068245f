"""How sure the answer is: four clauses, each by one rule from released numbers."""

from typing import Any

import pandas as pd

from needling.labels.numbers import decimals, format_fixed
from needling.labels.sentences import in_sentence, listed, sentence
from needling.labels.words import Labels
from needling.report.numbers import Number, primary_sentences
from needling.tables.assumptions import asked_again
from needling.tables.printed import Pieces, Told
from needling.tables.select import anew, asked_for, comparisons

LITTLE, MUCH = 0.05, 0.20  # shares missing, by Schulz and Grimes 2002: below the first little, above the second much
PLACE = ["cohort", "outcome", "site", "arm", "reference"]
FEW = 3  # comparisons whose ranges are told one by one
BEFORE = "before several questions are allowed for, "
WORDS = ("none", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")


def how_sure(released: dict[str, pd.DataFrame], labels: Labels) -> list[Pieces]:
    """Say how much is missing, whether other analyses agree, what it would take to tip, and whether the models held.

    Returns
    -------
    One sentence as pieces for each clause of which the study has numbers; without primary comparisons none.
    """
    rows = [one["number"].row for one in primary_sentences(released, labels)]
    rows = [row for row in rows if row["visit"] in (labels.plan.visits.primary, "")] or rows
    if not rows:
        return []
    clauses = [
        missing(released, labels, rows),
        *agreement(released, labels, rows),
        *tipping(released, labels),
        rung(rows),
    ]
    return [clause for clause in clauses if clause]


def missing(released: dict[str, pd.DataFrame], labels: Labels, rows: list[dict[str, Any]]) -> Pieces:
    """Clause 1: how many of all were measured at the primary visit; of the outcome that has fewest."""
    table, at = released["missingness"], labels.plan.visits.primary
    outcomes = {row["outcome"] for row in rows}
    here = table[table["visit"].eq(at) & table["outcome"].isin(outcomes)]
    here = here[here["hidden"].eq("")] if "hidden" in here else here
    sums = here.groupby("outcome", sort=False)[["measured", "expected"]].sum()
    sums = sums[sums["expected"] > 0]
    if sums.empty:
        return []
    worst = str((sums["measured"] / sums["expected"]).idxmin())
    n, of = int(sums["measured"][worst]), int(sums["expected"][worst])
    lost = 1 - n / of
    verdict = "little is missing" if lost < LITTLE else "much is missing" if lost > MUCH else "some is missing"
    known = f"{labels.outcome(worst)} at {in_sentence(labels.visit(at))} is known of {n} of {of} patients"
    least = ", fewest of the primary outcomes" if len(sums) > 1 else ""
    return [f"{known} ({format_fixed(100 * n / of, 0)}%{least}): {verdict}."]


def others(released: dict[str, pd.DataFrame], row: dict[str, Any]) -> list[dict[str, Any]]:
    """Every other analysis of the same comparison in the same unit that is not exploratory and gives numbers of its own.

    An analysis that is not to be believed is none.
    """
    results = comparisons(released["results"])
    same = (results[PLACE] == pd.Series({name: row[name] for name in PLACE})).all(axis=1)
    same &= (
        results["quantity"].eq(row["quantity"]) & results["visit"].eq(row["visit"]) & results["unit"].eq(row["unit"])
    )
    same &= results["analysis"].ne(row["analysis"]) & results["subset"].eq("") & results["at"].eq("")
    same &= ~results["analysis"].isin(asked_for(released, "table", "twin")) & results["estimate"].notna()
    found = results[same & results["role"].isin(["sensitivity", "secondary"])]
    found = found[anew(found, pd.DataFrame([row]), PLACE)]
    return [{str(key): value for key, value in one.items()} for one in found.to_dict("records")]


def agreement(released: dict[str, pd.DataFrame], labels: Labels, rows: list[dict[str, Any]]) -> list[Pieces]:
    """Clause 2: of how many comparisons every other analysis says the same, with the range; where one does not, which interval.

    Intervals of single comparisons are compared: where the plan adjusts for several questions the clause says that it does not.
    """
    told = [(row, others(released, row)) for row in rows if pd.notna(row["estimate"])]
    told = [(row, found) for row, found in told if found]
    if not told:
        return []
    before = BEFORE if any(pd.notna(row["p_adjusted"]) for row in rows) else ""
    apart = [
        (row, found, differ)
        for row, found in told
        if (differ := [one for one in found if Number(one, labels).side != Number(row, labels).side])
    ]
    most = max(len(found) for _, found in told)
    many = f"{WORDS[most] if most < len(WORDS) else most} other {'analysis' if most == 1 else 'analyses'}"
    if not apart:
        each = " of each" if len(told) > 1 else ""
        says = "comes" if most == 1 else "come"
        return [[sentence(f"{before}{many}{each} {says} to the same conclusion"), *_ranges(told, labels), "."]]
    if len(told) == 1:
        which = f"{many} does not" if most == 1 else f"{len(apart[0][2])} of {many} do not"
        which = which.replace(" do not", " does not") if len(apart[0][2]) == 1 else which
        return [[sentence(f"{before}{which} come to the same conclusion: "), *_reach(*apart[0][::2]), "."]]
    named: Pieces = []
    for row, found, differ in apart:
        named += [
            ", " if named else "",
            f"{_place(row, labels)} ({len(differ)} of {len(found)}: ",
            *_reach(row, differ),
            ")",
        ]
    same = f"the same conclusion in {len(told) - len(apart)} of {len(told)} comparisons"
    return [[sentence(f"{before}other analyses (up to {most}) come to {same}; not in "), *named, "."]]


def _place(row: dict[str, Any], labels: Labels) -> str:
    """Outcome, cohort and pair of arms of a comparison, as far as there are several."""
    where = f" in {in_sentence(labels.cohort(row['cohort']))}" if len(labels.plan.cohorts) > 1 else ""
    pair = f" of {in_sentence(labels.compared(row))}" if len(labels.plan.arms) > 2 else ""
    return f"{in_sentence(labels.outcome(row['outcome'], row['site']))}{where}{pair}"


def _ranges(told: list[tuple[dict[str, Any], list[dict[str, Any]]]], labels: Labels) -> Pieces:
    """The smallest and the largest estimate of each comparison, the planned one among them; of many comparisons none."""
    pieces: Pieces = []
    for row, found in told if len(told) <= FEW else []:
        digits = decimals(row["low"], row["high"])
        ends = min([row, *found], key=lambda one: one["estimate"]), max([row, *found], key=lambda one: one["estimate"])
        first, last = (Told(format_fixed(one["estimate"], digits), one["row_id"], "estimate") for one in ends)
        place = f" for {_place(row, labels)}" if len(told) > 1 else ""
        reach = [first] if first == last else [first, " to ", last]
        pieces += [", " if pieces else "; estimates ", *reach, place]
    return pieces


def _reach(row: dict[str, Any], found: list[dict[str, Any]]) -> Pieces:
    """The lowest and the highest end of intervals; an end near no difference has the digits that tell its side."""
    digits = decimals(row["low"], row["high"])
    low, high = min(found, key=lambda one: one["low"]), max(found, key=lambda one: one["high"])
    return [
        "interval from " if len(found) == 1 else "intervals from ",
        Told(_end(low["low"], digits), low["row_id"], "low"),
        " to ",
        Told(_end(high["high"], digits), high["row_id"], "high"),
    ]


def _end(value: float, digits: int) -> str:
    """An end of an interval; one that is not zero is not printed as zero, up to three decimals."""
    while digits < 3 and value and float(f"{value:.{digits}f}") == 0:
        digits += 1
    return format_fixed(value, digits)


def tipping(released: dict[str, pd.DataFrame], labels: Labels) -> list[Pieces]:
    """Clause 3: whether values of the missing that would change a conclusion lie within what was seen of the measured."""
    table = released.get("tipping_points")
    if table is None or table.empty:
        return []
    seen = released["distribution"]
    table = table[table["method"].eq("mar") & table["hidden"].eq("")]
    within, places = [], 0
    for (cohort, outcome, arm, reference), mine in table.groupby(["cohort", "outcome", "arm", "reference"], sort=False):
        places += 1
        for row in mine[mine["mean_then"].notna()].to_dict("records"):
            at = {"cohort": cohort, "outcome": outcome, "visit": row["visit"], "arm": row["shifted"]}
            there = seen[(seen[list(at)] == pd.Series(at)).all(axis=1)]
            if len(there) == 1 and there["q10"].iloc[0] <= row["mean_then"] <= there["q90"].iloc[0]:
                place = {"cohort": cohort, "outcome": outcome, "site": "", "arm": arm, "reference": reference}
                within.append(_place(place, labels))
                break
    if not places:
        return []
    adjusted = released["results"]["p_adjusted"].notna() & released["results"]["role"].eq("primary")
    before, of = BEFORE if adjusted.any() else "", asked_again(table, released, labels)
    seen_in = "if those not measured had values within what was seen in others"
    if not within:
        return [[sentence(f"{before}no conclusion{of} would change {seen_in}.")]]
    if places == 1:
        return [[sentence(f"{before}the conclusion{of} would change {seen_in}.")]]
    rest = (
        f"every conclusion{of}" if len(within) == places else f"the conclusion{of} for {listed(within)}, and no other,"
    )
    return [[sentence(f"{before}{seen_in}, {rest} would change.")]]


def rung(rows: list[dict[str, Any]]) -> Pieces:
    """Clause 4: whether the models of the primary comparisons were fitted as planned."""
    models = {(row["cohort"], row["outcome"], row["site"]): row for row in rows}
    failed = sum(pd.isna(row["estimate"]) and row["status"] in ("failed", "not_estimated") for row in models.values())
    simpler = sum(bool(row["structures_tried"]) for row in models.values())
    odd = sum(row["status"] == "singular" for row in models.values())
    short = sum(row["status"] == "rank_deficient" for row in models.values())
    if not (failed or simpler or odd or short):
        return [
            "Every primary model was fitted as planned."
            if len(models) > 1
            else "The primary model was fitted as planned."
        ]
    parts = [
        (failed, "could not be fitted"),
        (simpler, "needed a simpler covariance than planned"),
        (odd, "found one planned source of variation to be none"),
        (short, "left out a term that the data could not tell"),
    ]
    told = [f"{n} {words}" for n, words in parts if n]
    return [f"Of {len(models)} primary {'model' if len(models) == 1 else 'models'} {listed(told)}."]
