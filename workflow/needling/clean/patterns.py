"""Patterns that only ask questions: they flag and query, and change nothing."""

import numpy as np
import pandas as pd

from needling.clean.codes import among, query_similar
from needling.clean.people import People
from needling.clean.trail import Trail
from needling.instruments.definition import Definition
from needling.instruments.scoring import score, wide
from needling.schema.intake import TOTAL
from needling.study.plan import Study
from needling.study.sources import Ticked

MANY_VISITS = 40  # with both scores, from which a correlation below AGAINST is hardly chance
AGAINST = -0.4


def look_for_patterns(
    trail: Trail,
    outcomes: pd.DataFrame,
    visits: pd.DataFrame,
    events: dict[str, pd.DataFrame],
    people: People,
    study: Study,
    definitions: dict[str, Definition],
) -> None:
    """Run the rules that flag and query.

    Parameters
    ----------
    outcomes : clean outcomes with patient, clinic and column; visits and events: clean tables with the export's codes.
    people : the clean patients.
    study : sections patients, cohorts.
    definitions : outcome -> definition.
    """
    on = trail.settings.on
    if on("reversed_scale"):
        _reversed_scale(trail, outcomes, study, definitions)
    if on("answer_patterns"):
        _questionnaires(trail, outcomes, visits, definitions, study)
        _round_numbers(trail, outcomes, definitions)
    if on("transposed_digits"):
        _transposed(trail, outcomes, definitions)
    if on("sides") and "needling" in events:
        _sides(trail, events["needling"], people)
    if on("similar_codes"):
        query_similar(trail, "patients", people.table, "patient")
        tables = {"patients": people.table, "visits": visits, "sessions": events.get("sessions", pd.DataFrame())}
        for table, frame in tables.items():
            for name in ("clinic", "therapist"):
                if name in frame.columns and trail.has_source(table, name):
                    query_similar(trail, table, frame, name)


def as_treated(trail: Trail, needling: pd.DataFrame, people: People) -> None:
    """Flag needling on record for patients of an arm in which most have none; nobody is moved.

    Parameters
    ----------
    needling : clean needling. The one rule beside the arm's own labels that sees the arm: it only flags.
    """
    if not trail.settings.on("as_treated") or not len(needling):
        return
    patients = people.table
    needled = among(patients["patient"], set(needling["patient"].unique()))
    share = needled.groupby(patients["arm"]).mean()
    without = set(share.index[share < trail.settings("as_treated", "share")])
    hit = among(needling["patient"], set(patients.loc[patients["arm"].isin(without), "patient"]))
    source = trail.source("needling", "muscle" if "muscle" in needling.columns else "patient")
    reason = "needling on record in an arm without needling; analysed as allocated"
    trail.note("as_treated", "flagged", "needling", needling["row"][hit], source, reason)


def _first_rows(frame: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    return frame.drop_duplicates(keys).set_index(keys)[["row", "column"]]


def _reversed_scale(trail: Trail, outcomes: pd.DataFrame, study: Study, definitions: dict[str, Definition]) -> None:
    """Query clinics in which a score runs against pain although it runs with it elsewhere."""
    pain, table = _beside_pain(score(outcomes, definitions), study, definitions)
    if pain not in table.columns:
        return
    clinic = outcomes.drop_duplicates("visit_row").set_index("visit_row")["clinic"].reindex(table.index)
    first = _first_rows(outcomes, ["clinic", "instrument"])
    limit, fewest = (trail.settings("reversed_scale", key) for key in ("correlation", "fewest"))
    for name in table.columns:
        both = table[[pain, name]].dropna() if name != pain else table.iloc[:0]
        where = clinic.loc[both.index]
        for one_clinic, here in both.groupby(where, observed=True):
            if len(here) < fewest or not _correlation(here) < -limit:
                continue
            elsewhere = both[(where != one_clinic).to_numpy()]
            if not _correlation(elsewhere) <= 0:
                row, column = first.loc[(one_clinic, name)]
                reason = f"{definitions[name].label} runs against pain in this clinic: is its scale reversed?"
                trail.note("reversed_scale", "query", "outcomes", np.array([row]), str(column), reason)


def _beside_pain(scores: pd.DataFrame, study: Study, definitions: dict[str, Definition]) -> tuple[str, pd.DataFrame]:
    """Name of the first rating of pain ('' where there is none), and all scores by row of the visit, higher being better."""
    pains = {settings.outcomes.get("pain") for settings in study.cohorts.values()} | {"nprs", "vas"}
    by_name = {str(name): mine.set_index("visit_row")["value"] for name, mine in scores.groupby("instrument")}
    table = pd.DataFrame({name: definitions[name].pomp(mine) for name, mine in by_name.items()})
    return next((name for name in definitions if name in pains), ""), table


def against_pain(scores: pd.DataFrame, study: Study, definitions: dict[str, Definition]) -> list[str]:
    """Say which scores run against pain in everybody, so that they, or the pain, may stand the other way round in the export.

    Parameters
    ----------
    scores : of the clean outcomes: visit_row, instrument, value.
    study : section cohorts, which say what pain is.
    definitions : outcome -> definition.

    Returns
    -------
    One sentence per score with a correlation below -0.4 at 40 visits or more, both oriented so that higher is better.
    """
    pain, table = _beside_pain(scores, study, definitions)
    found = []
    for name in [name for name in table.columns if pain in table.columns and name != pain]:
        both = table[[pain, name]].dropna()
        if len(both) >= MANY_VISITS and _correlation(both) < AGAINST:
            better = [f"{definitions[each].better} is better in {each}" for each in (name, pain)]
            found.append(
                f"instruments.{name}: it runs against {pain} (correlation {_correlation(both):.2f} over {len(both)} visits, higher "
                f"being better), though {' and '.join(better)}; if a column of the export is turned round, mend it or better."
            )
    return found


def _correlation(pair: pd.DataFrame) -> float:
    """Correlation of two columns; NaN where one does not vary."""
    values = pair.to_numpy()
    varies = len(values) > 2 and bool((values.std(axis=0) > 0).all())
    return float(np.corrcoef(values.T)[0, 1]) if varies else np.nan


def _questionnaires(
    trail: Trail, outcomes: pd.DataFrame, visits: pd.DataFrame, definitions: dict[str, Definition], study: Study
) -> None:
    """Flag questionnaires with one answer throughout, or all answers as at the visit before; query lists left blank.

    The best answer throughout is only odd before treatment (why did this person enrol?) or with reversed items. A list of
    options to tick may well have all of them ticked; with none ticked nobody knows whether it was answered.
    """
    fewest = trail.settings("answer_patterns", "items")
    place = visits.set_index("row")[["patient", "day"]]
    at_baseline = visits.loc[visits["visit"] == study.visits.baseline, "row"]
    for name, one in definitions.items():
        if len(one.items) < fewest or one.measured:
            continue
        mine = outcomes[(outcomes["instrument"] == name) & (outcomes["item"] != TOTAL)]
        items = wide(mine[mine["value"].notna()], one).dropna()
        if not len(items):
            continue
        first = mine.drop_duplicates("visit_row").set_index("visit_row")[["row", "column"]]
        flat = items.min(axis=1) == items.max(axis=1)
        best = np.array([one.item_range(item)[one.better == "higher"] for item in items.columns])
        well = (items == best).all(axis=1) & ~items.index.isin(at_baseline)
        if any(isinstance(column, Ticked) for column in study.instruments[name].numbered_items.values()):
            found = first.loc[items.index[(items == 0).all(axis=1)]]
            reason = "nothing is ticked in the whole list: was there nothing to tick, or was it not answered?"
            trail.note("answer_patterns", "query", "outcomes", found["row"], found["column"], reason)
        else:
            found = first.loc[items.index[flat & ~(well & (not one.turns_items))]]
            trail.note("answer_patterns", "flagged", "outcomes", found["row"], found["column"], "one answer throughout")
        order = (
            place.reindex(items.index)
            .rename_axis(None)
            .assign(visit_row=items.index)
            .sort_values(["patient", "day", "visit_row"])
        )
        values = items.loc[order["visit_row"]].to_numpy()
        same = np.zeros(len(order), dtype=bool)
        patients = order["patient"].to_numpy()
        same[1:] = (values[1:] == values[:-1]).all(axis=1) & (patients[1:] == patients[:-1])
        copied = order["visit_row"][same & ~flat.loc[order["visit_row"]].to_numpy()]
        found = first.loc[copied]
        reason = "every answer as at the visit before"
        trail.note("answer_patterns", "flagged", "outcomes", found["row"], found["column"], reason)


def _round_numbers(trail: Trail, outcomes: pd.DataFrame, definitions: dict[str, Definition]) -> None:
    """Flag clinics whose measurements end in 0 or 5 far more often than the fifth expected."""
    limit, fewest = (trail.settings("answer_patterns", key) for key in ("digits", "fewest"))
    first = _first_rows(outcomes, ["clinic", "instrument"])
    for name, one in definitions.items():
        if one.high - one.low < 100 or (one.items and not one.measured):
            continue
        whole = (outcomes["instrument"] == name) & (outcomes["value"] % 1 == 0)
        by = (outcomes["value"][whole] % 5 == 0).groupby(outcomes["clinic"][whole], observed=True)
        share, count = by.mean(), by.size()
        for clinic in share.index[(share > 0.2 + limit) & (count >= fewest)]:
            row, column = first.loc[(clinic, name)]
            reason = f"{share[clinic]:.0%} of {one.label} in this clinic end in 0 or 5"
            trail.note("answer_patterns", "flagged", "outcomes", np.array([row]), str(column), reason)


def exchanged(values: np.ndarray) -> np.ndarray:
    """Values with two neighbouring digits exchanged: one column per pair of digits (the last two, the two before).

    Parameters
    ----------
    values : whole numbers from 0 to 999.

    Returns
    -------
    Array (n, 2); where a pair does not exist the value itself.
    """
    whole = values.astype(np.int64)
    hundreds, tens, ones = whole // 100, whole // 10 % 10, whole % 10
    last = hundreds * 100 + ones * 10 + tens
    front = np.where(hundreds > 0, tens * 100 + hundreds * 10 + ones, last)
    return np.column_stack([np.where(whole >= 10, last, whole), np.where(whole >= 10, front, whole)])


def _transposed(trail: Trail, outcomes: pd.DataFrame, definitions: dict[str, Definition]) -> None:
    """Flag values far from the patient's others which two exchanged digits would bring back among them."""
    distance = trail.settings("transposed_digits", "distance")
    for name, one in definitions.items():
        if one.items and not one.measured:
            continue  # totals are held to their items
        mine = outcomes[(outcomes["instrument"] == name) & outcomes["value"].notna() & (one.high > 10)]
        if len(mine) < 20:
            continue
        value = mine["value"]
        by = value.groupby([mine["patient"], mine["visit_row"]] if one.measured else mine["patient"])
        count = by.transform("size")
        others = (by.transform("sum") - value) / (count - 1).where(count > 2 - one.measured)
        gap = (value - others).abs()
        spread = 1.4826 * float(gap.median())
        candidates = (value >= 10) & (value < 1000) & (value % 1 == 0) & (gap > distance * max(spread, 1e-9))
        candidates &= gap == gap.groupby(by.ngroup()).transform("max")
        if not candidates.any():
            continue
        swaps = exchanged(value[candidates].to_numpy())
        left = np.abs(swaps - others[candidates].to_numpy()[:, None]).min(axis=1)
        near = left <= gap[candidates].to_numpy() / 4
        found = mine[candidates][near]
        reason = "far from the patient's other values, which it would fit with two digits exchanged"
        trail.note(
            "transposed_digits",
            "flagged",
            "outcomes",
            found["row"],
            found["column"],
            reason,
            found["value"],
            found["value"],
        )


def _sides(trail: Trail, needling: pd.DataFrame, people: People) -> None:
    """Query muscles needled on the side opposite to the affected one."""
    affected = next((name for name in ("affected_side", "side") if name in people.table.columns), None)
    if affected is None or "side" not in needling.columns:
        return
    side = needling["patient"].map(people.table.set_index("patient")[affected])
    other = {"left": "right", "right": "left"}
    swapped = side.map(other) == needling["side"]
    source = trail.source("needling", "side")
    trail.note("sides", "query", "needling", needling["row"][swapped], source, "opposite to the affected side")
