"""Measures of process: their differences between arms, their correlation with pain within patients, and twitch responses."""

from typing import Any

import pandas as pd

from needling.labels.numbers import MISSING, format_fixed, shared_decimals
from needling.labels.sentences import in_sentence, sentence, span
from needling.labels.words import Labels
from needling.tables.printed import Printed, Row, Told, headed, told_interval
from needling.tables.select import asked_for, in_order
from needling.tables.withheld import HIDDEN, withheld_note

SECTION = "mechanism"
PLACE = ["analysis", "cohort", "outcome", "site"]
READINGS = '["readings"]'
AGREEMENT = ("icc", "standard_error_of_measurement", "smallest_detectable_change")
TWITCH = {"same_session": "Change within the session", "next_session": "Pain before the next session"}


def _rows(released: dict[str, pd.DataFrame], labels: Labels, table: str, quantities: list[str]) -> pd.DataFrame:
    results = released["results"]
    mine = results[results["analysis"].isin(asked_for(released, "table", table)) & results["quantity"].isin(quantities)]
    return in_order(mine, {"analysis": list(labels.plan.analyses), "cohort": list(labels.plan.cohorts)})


def _none(row: dict[Any, Any] | None) -> str:
    """What stands for an estimate that there is none of."""
    return HIDDEN if row and row["hidden"] else MISSING


def _number(row: dict[Any, Any] | None, digits: dict[str, int]) -> str:
    if row is None or pd.isna(row["estimate"]):
        return _none(row)
    return told_interval(row, 2 if row["quantity"] == "correlation" else digits[row["row_id"]])


def _count(row: dict[Any, Any]) -> str:
    return Told(str(row["n_patients"]), row["row_id"], "n_patients") if pd.notna(row["n_patients"]) else MISSING


def _level(rows: pd.DataFrame) -> str:
    return " or ".join(f"{100 * one:g}%" for one in sorted(rows["level"].unique())) + " CI"


def _unestimated(rows: pd.DataFrame, labels: Labels) -> list[str]:
    """Why rows have no number, each reason once with where it holds."""
    notes = []
    odd = rows[rows["status"].eq("not_estimated") & rows["note"].ne("")]
    for note, where in odd.groupby("note", sort=False):
        named = dict.fromkeys(
            f"{in_sentence(labels.outcome(row['outcome'], row['site']))} ({in_sentence(labels.cohort(row['cohort']))})"
            for row in where.to_dict("records")
        )
        notes.append(f"{MISSING} {sentence(', '.join(named))}: {note}.")
    return notes


def process(released: dict[str, pd.DataFrame], labels: Labels) -> Printed | None:
    """Print each measure at the primary visit: means of the arms and their difference; of a single arm the change."""
    exact = _rows(released, labels, "process_course", ["difference", "change", "mean"])
    plan = labels.plan
    at = exact[exact["visit"].isin([plan.visits.primary, ""])]
    compared = at[at["quantity"].ne("mean") & (at["reference"].ne("") | at["arm"].eq(""))]
    if compared.empty:
        return None
    arms, digits = plan.arms if len(plan.arms) == 2 else [], shared_decimals(compared)
    means = {(*(row[k] for k in PLACE), row["arm"]): row for row in at[at["quantity"] == "mean"].to_dict("records")}
    pairs: list[tuple[str, Row]] = []
    for row in compared.to_dict("records"):
        place = tuple(row[k] for k in PLACE)
        label = labels.outcome(row["outcome"], row["site"])
        if len(plan.arms) > 2:
            label += f", {in_sentence(labels.compared(row))}"
        told = [_mean(means.get((*place, arm)), digits[row["row_id"]]) for arm in arms]
        pairs.append(
            (labels.cohort(row["cohort"]), [label, span(row["unit"]), *told, _number(row, digits), _count(row)])
        )
    visit = in_sentence(labels.visit(plan.visits.primary))
    what = sentence(labels.noun)
    head = ["Measure", "Unit", *(labels.arm(arm) for arm in arms), f"{what} ({_level(compared)})", "n"]
    fixed = [0.1, *[0.12] * len(arms), 0.24, 0.07]
    notes = [labels.of_groups("Under each arm: its marginal mean.")] if arms else []
    notes += ["Exploratory: no test is made. Other visits are in the exact numbers."]
    return Printed(
        f"Measures of process at {visit}.",
        exact,
        head,
        headed(pairs),
        notes + _unestimated(compared, labels) + withheld_note(exact),
        [1 - sum(fixed), *fixed],
        (0, 1),
        SECTION,
    )


def _mean(row: dict[Any, Any] | None, digits: int) -> str:
    if row is None or pd.isna(row["estimate"]):
        return _none(row)
    return Told(format_fixed(row["estimate"], digits), row["row_id"], "estimate")


def relations(released: dict[str, pd.DataFrame], labels: Labels) -> Printed | None:
    """Print the correlation of each measure with pain within patients, beside the raw one."""
    exact = _rows(released, labels, "process_relations", ["correlation"])
    exact = exact[exact["variant"].isin(["within_patients", "raw"])]
    if exact.empty:
        return None
    pairs: list[tuple[str, Row]] = []
    for place, mine in exact.groupby(PLACE, sort=False):
        rows = {row["variant"]: row for row in mine.to_dict("records")}
        own = rows["within_patients"]
        _, cohort, outcome, site = map(str, place)
        cells = [_number(own, {}), _number(rows.get("raw"), {}), _count(own), str(own["n_observations"])]
        pairs.append((labels.cohort(cohort), [labels.outcome(outcome, site), *cells]))
    removed = labels.of_groups("arm and visit") if labels.plan.arms else "each visit"
    head = ["Measure", f"r, means of {removed} removed ({_level(exact)})", f"Raw r ({_level(exact)})", "n", "Visits"]
    notes = ["Raw: two measures that both improve go together whatever they measure. Associations; no test is made."]
    if labels.plan.arms:
        notes.insert(
            0,
            labels.of_groups(
                "Within patients: whether those whose measure changed more than others' of their arm changed more in pain."
            ),
        )
    return Printed(
        "Correlation of measures of process with pain within patients.",
        exact,
        head,
        headed(pairs),
        notes + _unestimated(exact, labels) + withheld_note(exact),
        [0.34, 0.25, 0.22, 0.09, 0.1],
        section=SECTION,
    )


def twitch(released: dict[str, pd.DataFrame], labels: Labels) -> Printed | None:
    """Print how pain of the same and of the next session goes with twitch responses, within and between patients."""
    exact = _rows(released, labels, "process_course", ["coefficient"])
    exact = exact[exact["variant"].isin(TWITCH)]
    if exact.empty:
        return None
    digits = shared_decimals(exact)
    pairs: list[tuple[str, Row]] = []
    for (_, cohort, variant), mine in exact.groupby(["analysis", "cohort", "variant"], sort=False):
        rows = {row["term"]: row for row in mine.to_dict("records")}
        within, between = rows['["twitch_within"]'], rows.get('["twitch_between"]')
        cells = [_number(within, digits), _number(between, digits), _count(within), str(within["n_observations"])]
        pairs.append((labels.cohort(str(cohort)), [TWITCH[str(variant)], *cells]))
    notes = [
        "Within: a session with a local twitch response less one without, of the same patient. Between: patients who twitch at "
        "every session less those who never do. Points of 0–10; negative is less pain. Associations; no test is made."
    ]
    return Printed(
        "Pain by local twitch response.",
        exact,
        ["Pain", f"Within patients ({_level(exact)})", f"Between patients ({_level(exact)})", "n", "Sessions"],
        headed(pairs),
        notes + _unestimated(exact, labels) + withheld_note(exact),
        [0.3, 0.25, 0.25, 0.09, 0.11],
        section=SECTION,
    )


def repeatability(released: dict[str, pd.DataFrame], labels: Labels) -> Printed | None:
    """Print how well repeated readings at baseline agree, with the error of measurement and the smallest detectable change."""
    exact = _rows(released, labels, "process_course", list(AGREEMENT))
    exact = exact[exact["term"].eq(READINGS)]
    if exact.empty:
        return None
    pairs: list[tuple[str, Row]] = []
    for place, mine in exact.groupby(PLACE, sort=False):
        of = {(row["quantity"], row["variant"]): row for row in mine.to_dict("records")}
        _, cohort, outcome, site = map(str, place)
        first = of["icc", "single"]
        cells = [
            _share(first),
            _share(of.get(("icc", "mean"))),
            *(_error(of.get((one, "mean"))) for one in AGREEMENT[1:]),
        ]
        pairs.append((labels.cohort(cohort), [labels.outcome(outcome, site), *cells, _count(first)]))
    head = ["Measure", "ICC(A,1), one reading (95% CI)", "ICC(A,k), mean of readings (95% CI)"]
    head += ["SEM of the mean", "Smallest detectable change", "n"]
    notes = [
        "ICC(A,1), ICC(A,k): intraclass correlation of absolute agreement between the readings of one visit at baseline, of "
        "one reading and of their mean. SEM: standard error of measurement. Smallest detectable change: 1.96 √2 SEM, for one "
        "person's change between two means of readings, as far as they vary within a visit; from day to day they vary more."
    ]
    return Printed(
        "Repeatability of readings at baseline.",
        exact,
        head,
        headed(pairs),
        notes + _unestimated(exact, labels) + withheld_note(exact),
        [0.26, 0.2, 0.2, 0.12, 0.15, 0.07],
        section=SECTION,
    )


def _share(row: dict[Any, Any] | None) -> str:
    """An intraclass correlation with its interval, three decimals: the readings of one visit agree closely."""
    if row is None or pd.isna(row["estimate"]):
        return _none(row)
    if pd.isna(row["low"]):
        return Told(format_fixed(row["estimate"], 3), row["row_id"], "estimate")
    return told_interval(row, 3)


def _error(row: dict[Any, Any] | None) -> str:
    if row is None or pd.isna(row["estimate"]):
        return _none(row)
    return Told(f"{format_fixed(row['estimate'], 1)} {row['unit']}", row["row_id"], "estimate")


TABLES = {
    "process_repeatability": repeatability,
    "process_course": process,
    "process_relations": relations,
    "process_twitch": twitch,
}
