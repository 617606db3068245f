"""What was observed, before any model: distributions, missingness and baseline characteristics."""

from typing import Any

import numpy as np
import pandas as pd

from needling.cohort.frame import sites
from needling.instruments.definition import definition
from needling.schema.contract import check
from needling.schema.frames import BASELINE, DISTRIBUTION, MISSINGNESS
from needling.study.plan import Study

KEYS = ["cohort", "outcome", "site", "visit", "arm"]


def distributions(frame: pd.DataFrame, study: Study) -> pd.DataFrame:
    """Describe each outcome at each visit in each arm.

    Parameters
    ----------
    frame : analysis frame.
    study : sections cohorts, instruments, visits, patients.

    Returns
    -------
    Table of the contract DISTRIBUTION: n, mean, SD, five quantiles and the shares at the ends of the scale, in the order
    of the study file.
    """
    rows = []
    for place, group in frame.assign(arm=frame["arm"].fillna("")).groupby(KEYS, sort=False):
        cohort, outcome, site = place[:3]
        values = group["value"]
        low, high = _limits(study, str(cohort), str(outcome), str(site))
        q10, q25, median, q75, q90 = values.quantile([0.1, 0.25, 0.5, 0.75, 0.9])
        rows.append(
            {
                **dict(zip(KEYS, place, strict=True)),
                **{"n": len(values), "fewest": fewest(values), "mean": values.mean(), "sd": values.std()},
                **{"q10": q10, "q25": q25, "median": median, "q75": q75, "q90": q90},
                "floor": np.isclose(values, low).mean(),
                "ceiling": np.isclose(values, high).mean(),
            }
        )
    return check(_in_plan_order(pd.DataFrame(rows, columns=list(DISTRIBUTION)), study), DISTRIBUTION, "distribution")


def missingness(frame: pd.DataFrame, patients: pd.DataFrame, study: Study) -> pd.DataFrame:
    """Count who was measured at each visit of those allocated to each arm (contract MISSINGNESS)."""
    measured = frame.assign(arm=frame["arm"].fillna("")).groupby(KEYS)["patient"].nunique()
    rows = [
        {"cohort": cohort, "outcome": outcome, "site": site, "visit": visit, "arm": arm, "expected": len(group)}
        for cohort, settings in study.cohorts.items()
        for arm in study.arms or [""]
        for group in [patients[(patients["cohort"] == cohort) & ((patients["arm"] == arm) if arm else True)]]
        for outcome in settings.outcomes
        for site in sites(outcome, cohort, study)
        for visit in study.visits.schedule
    ]
    table = pd.DataFrame(rows).set_index(KEYS)
    table["measured"] = measured.reindex(table.index).fillna(0).astype("int64")
    return check(_in_plan_order(table.reset_index(), study), MISSINGNESS, "missingness")


def baseline_characteristics(frame: pd.DataFrame, patients: pd.DataFrame, study: Study) -> pd.DataFrame:
    """Describe covariates and baseline outcomes by arm within cohort, with standardised differences and no tests.

    The standardised difference is (mean - mean of the reference) / sqrt((s1^2 + s2^2) / 2); for a level of a category
    (share - share of the reference) / sqrt((p1(1-p1) + p2(1-p2)) / 2) (Austin 2009).

    Parameters
    ----------
    frame : analysis frame, for the outcomes at baseline.
    patients : clean patients.
    study : sections patients, visits, cohorts, instruments, covariates.

    Returns
    -------
    Table of the contract BASELINE, of what is known at day 0. An outcome that nobody has at baseline has no row, nor one whose
    instrument stands there already as a covariate.
    """
    at_baseline = frame[frame["visit"] == study.visits.baseline]
    told = {one.instrument for one in study.covariates.values() if one.visit == study.visits.baseline}
    rows: list[dict[str, object]] = []
    for cohort, settings in study.cohorts.items():
        people = patients[patients["cohort"] == cohort]
        people = people.set_index("patient")
        variables = [(name, "", "", unit, people[name]) for name, unit in _at_day_0(study).items() if name in people]
        for outcome, site in [(one, site) for one in settings.outcomes for site in sites(one, cohort, study)]:
            is_it = (at_baseline["cohort"] == cohort) & (at_baseline["outcome"] == outcome)
            mine = at_baseline[is_it & (at_baseline["site"] == site)].set_index("patient")
            unit = str(mine["unit"].iloc[0]) if len(mine) else ""
            if len(mine) and not set(sites(outcome, cohort, study)[site]) <= told:
                variables.append((outcome, study.visits.baseline, site, unit, mine["value"]))
        arms = people["arm"]
        for name, visit, site, unit, values in variables:
            place = {"cohort": cohort, "variable": name, "visit": visit, "site": site, "unit": unit}
            is_code = name in study.code_covariates
            shown = _by_size(values, arms.reindex(values.index), study.arms) if is_code else values
            describe = _number_rows if pd.api.types.is_numeric_dtype(shown.dtype) else _level_rows
            rows += [{"level": ""} | place | row for row in describe(shown, arms.reindex(values.index), study.arms)]
    table = pd.DataFrame(rows).reindex(columns=list(BASELINE))
    return check(table, BASELINE, "baseline")


def fewest(values: pd.Series) -> Any:
    """Count the people with the rarest value, where there are at most three: n, mean and SD would tell how many they are."""
    counts = values.value_counts()
    return int(counts.min()) if 0 < len(counts) <= 3 else pd.NA


def _groups(values: pd.Series, arms: pd.Series, names: list[str]) -> dict[str, pd.Series]:
    return {arm: values[arms == arm].dropna() for arm in names} if names else {"": values.dropna()}


def _number_rows(values: pd.Series, arms: pd.Series, names: list[str]) -> list[dict[str, object]]:
    groups = _groups(values, arms, names)
    reference = next(iter(groups.values()))
    rows: list[dict[str, object]] = []
    for number, (arm, group) in enumerate(groups.items()):
        spread = np.sqrt((group.var() + reference.var()) / 2)
        rows.append(
            {
                "arm": arm,
                **{"n": len(group), "fewest": fewest(group), "mean": group.mean(), "sd": group.std()},
                "median": group.median(),
                **{"q25": group.quantile(0.25), "q75": group.quantile(0.75)},
                "standardised_difference": (group.mean() - reference.mean()) / spread
                if number and spread > 0
                else np.nan,
            }
        )
    return rows


def _level_rows(values: pd.Series, arms: pd.Series, names: list[str]) -> list[dict[str, object]]:
    groups = _groups(values, arms, names)
    reference = next(iter(groups.values()))
    rows: list[dict[str, object]] = []
    for level in sorted(values.dropna().unique()):
        share_reference = (reference == level).mean()
        for number, (arm, group) in enumerate(groups.items()):
            share = (group == level).mean()
            spread = np.sqrt((share * (1 - share) + share_reference * (1 - share_reference)) / 2)
            rows.append(
                {
                    **{"arm": arm, "level": str(level), "n": len(group)},
                    **{"count": int((group == level).sum()), "percent": 100 * share},
                    "standardised_difference": (share - share_reference) / spread if number and spread > 0 else np.nan,
                }
            )
    return rows


def _by_size(codes: pd.Series, arms: pd.Series, names: list[str]) -> pd.Series:
    """Name codes of people or places by how many patients they have, most first: a distribution without names."""
    groups = {"all of them": codes.dropna(), **_groups(codes, arms, names)}
    counts = pd.DataFrame({arm: group.value_counts() for arm, group in groups.items()}).fillna(0)
    order = counts.sort_values(list(counts.columns), ascending=False, kind="stable").index
    width = len(str(len(order)))
    return codes.map({code: f"{place:0{width}d}" for place, code in enumerate(order, 1)}).astype("str")


def _at_day_0(study: Study) -> dict[str, str]:
    """Covariates known at day 0 with their units."""
    later = study.known_after_day_0(study.covariate_names)
    units = {name: column.unit or "" for name, column in study.patients.covariates.items()}
    for name, one in study.covariates.items():
        units[name] = one.unit or (
            definition(one.instrument, study.instruments[one.instrument]).unit if one.instrument else ""
        )
    return {name: unit for name, unit in units.items() if name not in later}


def _limits(study: Study, cohort: str, outcome: str, site: str) -> tuple[float, float]:
    instruments = sites(outcome, cohort, study)[site]
    if len(instruments) > 1:
        return (0.0, 100.0)
    one = definition(instruments[0], study.instruments[instruments[0]])
    return (one.low, one.high)


def _in_plan_order(table: pd.DataFrame, study: Study) -> pd.DataFrame:
    outcomes = list(dict.fromkeys(o for cohort in study.cohorts.values() for o in cohort.outcomes))
    orders = {
        "cohort": list(study.cohorts),
        "outcome": outcomes,
        "visit": list(study.visits.schedule),
        "arm": study.arms,
        "site": list(dict.fromkeys(table["site"])),
    }
    ranks = {column: {name: rank for rank, name in enumerate(names)} for column, names in orders.items()}
    return table.sort_values(KEYS, key=lambda column: column.map(ranks[str(column.name)]), kind="stable").reset_index(
        drop=True
    )
