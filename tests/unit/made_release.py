"""Every unreleased table of a small made-up study, counted from its made-up people: for tests of the release line."""

import numpy as np
import pandas as pd

from needling.read.rows import NOT_NAMED
from needling.schema.contract import check
from needling.schema.frames import BASELINE, DISTRIBUTION, FLOW, INTERCURRENT, MISSINGNESS
from needling.schema.intake import ACCOUNT, AUDIT, CODEBOOK, RELIABILITY, TOTALS
from needling.schema.results import METHODS, PEOPLE, RESULTS
from needling.schema.side import (
    BALANCE,
    CLUSTER_EFFECTS,
    CLUSTERS,
    CROSS_CHECK,
    DELIVERED,
    DELIVERED_BY_CLINIC,
    DROPOUT,
    EVENT_CURVE,
    GUESSES,
    LOST,
    NUMBER_NEEDED,
    RELIABLE_CHANGE,
    RESIDUAL_BINS,
    RESIDUAL_QUANTILES,
    RESPONSE_CURVE,
    TIPPING,
    TIPPING_POINTS,
    WEIGHTS,
)
from needling.study.file import part

VISITS = ["baseline", "week_4", "week_12"]
ARMS = ["usual_care", "dry_needling"]
CELLS = {"rule": "cells", "min_cell": 11}
TRIAL = {"rule": "trial", "by": "statistician", "date": "2026-01-01", "why": "aggregates"}


def plan(disclosure, made_up=False):
    """Sections of the study file that release uses."""
    analyses = {name: {"kind": "ancova", "outcomes": ["pain"]} for name in ("primary", "responders")}
    analyses["women"] = analyses["primary"] | {"where": {"sex": "female"}}
    sections = {
        "patients": {"id": "id"},
        "made_up": made_up,
        "analyses": analyses,
        "primary": "primary",
        "disclosure": disclosure,
    }
    return part(sections)


def rows(records, contract):
    """Rows as a table of a contract; texts that they do not name are empty, numbers missing."""
    texts = {name: "" for name, field in contract.items() if field.kind == "text"}
    return check(pd.DataFrame([texts | one for one in records]).reindex(columns=list(contract)), contract, "made")


def people(seed, n, rare=0.1, lost=0.15):
    """One row per person: arm, sex, side, smoker (0 or 1), age, pain and a two-valued outcome at each visit."""
    rng = np.random.default_rng(seed)
    table = pd.DataFrame({"arm": np.repeat(ARMS, n)})
    size = len(table)
    table["sex"] = rng.choice(["female", "male"], size, p=[0.6, 0.4])
    table["side"] = rng.choice(["left", "right", "both", "other"], size, p=[0.5, 0.5 - rare, rare / 2, rare / 2])
    table["smoker"] = rng.binomial(1, rare * 2, size).astype(float)
    table["age"] = rng.integers(20, 80, size).astype(float)
    for number, visit in enumerate(VISITS):
        seen = rng.random(size) > (lost * number / 2 + 0.02)
        table[f"pain {visit}"] = np.where(seen, np.clip(np.round(rng.normal(5 - number, 2.5, size)), 0, 10), np.nan)
        table[f"sick {visit}"] = np.where(seen, rng.binomial(1, rare * 2, size), np.nan)
    table.loc[rng.random(size) < 0.03, "sex"] = None
    return table


def reason(person, where):
    """Why a person is not in an analysis of pain at week 4 with the baseline and sex as covariates."""
    seen = [visit for visit in VISITS if person[f"pain {visit}"] >= 0]
    told = [
        ("never_measured", not seen),
        ("outside_population", where and person["sex"] != "female"),
        ("not_at_visits", "week_4" not in seen),
        ("no_baseline", "baseline" not in seen),
        ("incomplete", not isinstance(person["sex"], str)),
    ]
    return next((name for name, holds in told if holds), "")


def rarest(values):
    """People with the rarest value, of at most three."""
    found = values.value_counts()
    return int(found.min()) if 0 < len(found) <= 3 else None


def described(values, quantiles):
    number = {"n": len(values), "mean": values.mean(), "sd": values.std(), "fewest": rarest(values)}
    return number | {name: values.quantile(share) for name, share in quantiles.items()}


def study(seed=1, n=22, reasons=(3, 9, 14), **chances):
    """Every table that release gets, and the people that they were counted from."""
    table = people(seed, n, **chances)
    tables = {"flow": flow(table, reasons), "people": pd.DataFrame()}
    tables["people"], used = analysed(table)
    tables["results"] = results(table, used)
    tables["baseline"], tables["distribution"] = baseline(table), distribution(table)
    measured = [
        {"cohort": "all", "outcome": outcome, "visit": visit, "arm": arm, "expected": n}
        | {"measured": int(table.loc[table["arm"] == arm, f"{outcome} {visit}"].notna().sum())}
        for outcome in ("pain", "sick")
        for visit in VISITS
        for arm in ARMS
    ]
    tables["missingness"] = rows(measured, MISSINGNESS)
    return tables | others(table, used), table


def flow(table, reasons):
    records = [{"stage": "exported", "n": len(table) + sum(reasons)}]
    records += [{"stage": "excluded", "reason": f"because {i}", "n": n} for i, n in enumerate(reasons)]
    records += [{"stage": "enrolled", "n": len(table)}]
    for arm in ARMS:
        mine, place = table[table["arm"] == arm], {"cohort": "all", "arm": arm}
        records += [{**place, "stage": stage, "n": len(mine)} for stage in ("allocated", "treated")]
        for visit in VISITS:
            n = int(mine[f"pain {visit}"].notna().sum())
            records += [{**place, "stage": "followed", "visit": visit, "n": n}]
            records += [{**place, "stage": "measured", "outcome": o, "visit": visit, "n": n} for o in ("pain", "sick")]
    return rows(records, FLOW)


def analysed(table):
    records, used = [], {}
    for name in ("primary", "women"):
        why = table.apply(reason, axis=1, where=name == "women")
        used[name] = table[why == ""]
        for arm in ARMS:
            place = {"analysis": name, "cohort": "all", "arm": arm, "outcome": "pain"}
            records += [{**place, "stage": "analysed", "n": int(((why == "") & (table["arm"] == arm)).sum())}]
            left = why[(why != "") & (table["arm"] == arm)]
            order = ["never_measured", "outside_population", "not_at_visits", "no_baseline", "incomplete"]
            records += [
                {**place, "stage": "left_out", "reason": one, "n": int((left == one).sum())}
                for one in order
                if (left == one).any()
            ]
    return rows(records, PEOPLE), used


def results(table, used):
    common = {"kind": "ancova", "role": "secondary", "cohort": "all", "outcome": "pain", "visit": "week_4"}
    common |= {"better": "lower", "method": "ols", "status": "converged", "level": 0.95}
    numbers = {"estimate": -0.7, "se": 0.6, "df": 37.5, "statistic": -1.1, "p": 0.27, "low": -1.9, "high": 0.5}
    records = []
    for name in ("primary", "women"):
        n = {"analysis": name, "n_patients": len(used[name]), "n_observations": len(used[name])}
        n["subset"] = '{"sex": ["female"]}' if name == "women" else ""
        pair = {"arm": ARMS[1], "reference": ARMS[0], "favours": ARMS[1]}
        records.append(common | numbers | n | pair | {"quantity": "difference"})
        for arm in ARMS:
            mean = used[name].loc[used[name]["arm"] == arm, "pain week_4"].mean()
            records.append(common | numbers | n | {"quantity": "mean", "arm": arm, "estimate": mean})
        for term in ('["age"]', '[["side", "other"]]'):
            records.append(common | numbers | n | {"quantity": "coefficient", "visit": "", "term": term})
    events = common | numbers | {"analysis": "responders", "outcome": "sick"}
    here = table.dropna(subset="sick week_4")
    for arm in ARMS:
        mine = here.loc[here["arm"] == arm, "sick week_4"]
        records.append(events | {"quantity": "share", "arm": arm, "n_patients": len(mine), "n_events": int(mine.sum())})
        records[-1]["estimate"] = mine.mean()
    whole = {"n_patients": len(here), "n_events": int(here["sick week_4"].sum())}
    records.append(events | whole | {"quantity": "risk_difference", "arm": ARMS[1], "reference": ARMS[0]})
    return rows([one | {"row_id": f"{i:012x}"} for i, one in enumerate(records)], RESULTS)


def baseline(table):
    records = []
    numbers = {"age": "age", "smoker": "smoker", "pain": "pain baseline", "sick": "sick baseline"}
    for variable, column in numbers.items():
        for arm in ARMS:
            values = table.loc[table["arm"] == arm, column].dropna()
            place = {"cohort": "all", "arm": arm, "variable": variable, "label": variable}
            spread = described(values, {"q25": 0.25, "median": 0.5, "q75": 0.75})
            records.append(place | spread | {"standardised_difference": 0.123 if arm == ARMS[1] else None})
    for variable in ("sex", "side"):
        for level in sorted(table[variable].dropna().unique()):
            for arm in ARMS:
                values = table.loc[table["arm"] == arm, variable].dropna()
                place = {"cohort": "all", "arm": arm, "variable": variable, "label": variable, "level": level}
                found = {"n": len(values), "count": int((values == level).sum())}
                found |= {"percent": 100 * found["count"] / len(values)}
                records.append(place | found | {"standardised_difference": 0.321 if arm == ARMS[1] else None})
    return rows(records, BASELINE)


def distribution(table):
    quantiles = {"q10": 0.1, "q25": 0.25, "median": 0.5, "q75": 0.75, "q90": 0.9}
    records = []
    for outcome, top in (("pain", 10), ("sick", 1)):
        for visit in VISITS:
            for arm in ARMS:
                values = table.loc[table["arm"] == arm, f"{outcome} {visit}"].dropna()
                ends = {"floor": (values == 0).mean(), "ceiling": (values == top).mean()}
                place = {"cohort": "all", "outcome": outcome, "visit": visit, "arm": arm}
                records.append(place | described(values, quantiles) | ends)
    return rows(records, DISTRIBUTION)


def others(table, used):
    """The tables about the data, the side tables, and a curve of the days at which people left."""
    model = {"analysis": "primary", "cohort": "all", "outcome": "pain"}
    lost = int(table["sex"].isna().sum())
    given = {
        "methods": rows([{"analysis": "primary", "item": "model", "text": "ANCOVA in {arm:dry_needling}"}], METHODS)
    }
    book = {"table": "patients", "name": "sex", "label": "Sex", "rows": len(table), "missing": lost}
    given["codebook"] = rows([book, book | {"name": "age", "label": "Age", "missing": 0}], CODEBOOK)
    cells = [
        ("ranges", "missing", "outcomes", 4),
        ("ranges", "flagged", "outcomes", 30),
        ("totals", "corrected", "outcomes", 20),
    ]
    cells += [("duplicates", "dropped", "visits", 12), ("not_enrolled", "dropped", "patients", 26)]
    noted = [
        {"rule": rule, "action": action, "table": name, "row": i, "file": "f", "line": i, "column": "c"}
        | {"reason": "r", "patient": "P-secret"}
        for rule, action, name, n in cells
        for i in range(n)
    ]
    given["audit"] = rows(noted, AUDIT)
    found = [("agreed", "", 60), ("corrected", "differs", 3), ("corrected", "raw scale", 17), ("set_aside", "", 2)]
    stated = {"instrument": "ndi", "label": "NDI", "stated": 82}
    event = {"cohort": "myofascial", "arm": "dry_needling", "outcome": "pain", "visit": "week_4"}
    had = [event | {"event": "stopped", "n": 3, "n_measured": 2}, event | {"event": "", "n": 19, "n_measured": 19}]
    given["intercurrent"] = rows(had, INTERCURRENT)
    given["totals"] = rows([stated | {"finding": f, "reason": r, "n": n} for f, r, n in found], TOTALS)
    alpha = {"instrument": "ndi", "items": 10, "n": len(table), "alpha": 0.9, "low": 0.8, "high": 0.95, "level": 0.95}
    columns = [
        ("phone_home", 12, NOT_NAMED, "phone number"),
        ("shoe", 40, NOT_NAMED, None),
        ("form", 9, "only selects rows", None),
    ]
    given["unread"] = rows([dict(zip(ACCOUNT["unread"], column, strict=True)) for column in columns], ACCOUNT["unread"])
    given["reliability"] = rows([alpha, alpha | {"instrument": "fiqr", "n": 7}], RELIABILITY)
    bins = [
        model | {"bin": i, "n": n, "fitted": 1.0 * i, "residual": 0.1, "low": -1.5, "high": 1.5}
        for i, n in enumerate([1, 8, 40])
    ]
    given["residual_bins"] = rows(bins, RESIDUAL_BINS)
    normal = [-2.5, -1.5, 0.0, 1.5, 2.5]
    n = len(used["primary"])
    given["residual_quantiles"] = rows(
        [model | {"normal": z, "residual": z * 1.1, "n": n} for z in normal], RESIDUAL_QUANTILES
    )
    check_row = {"quantity": "difference", "needling": -0.7, "statsmodels": -0.7, "difference": 0.0}
    given["cross_check"] = rows([model | check_row], CROSS_CHECK)
    given |= about_missing(len(table))
    given |= about_responders(n)
    sessions = {
        "analysis": "primary",
        "cohort": "all",
        "measure": "sessions",
        "n": n,
        "mean": 5.0,
        "sd": 1.2,
        "median": 5.0,
    }
    told = [("sham", 20), ("dry_needling", 31), ("unknown", n - 51)]
    asked = {"analysis": "primary", "cohort": "all", "visit": "week_4", "arm": ARMS[1], "n_answered": n, "n_arm": n + 3}
    given["guesses"] = rows([asked | {"guess": guess, "n": max(k, 0)} for guess, k in told], GUESSES)
    at = [{"time": 1.0 * week, "n_at_risk": n - 12 * week, "n_events": 11 * week} for week in range(3)]
    curve = {
        "analysis": "primary",
        "cohort": "all",
        "arm": ARMS[1],
        "estimate": 0.2,
        "low": 0.1,
        "high": 0.3,
        "level": 0.95,
    }
    given["event_curve"] = rows([curve | step for step in at], EVENT_CURVE)
    therapists = {"visit": "week_4", "component": "therapist", "n": n}
    given["clusters"] = rows([model | therapists | {"clusters": 12, "one_arm": 1}], CLUSTERS)
    effects = [
        {"rank": i, "estimate": i - 2.0, "low": i - 3.0, "high": i - 1.0, "fewest": k} for i, k in ((1, 4), (2, 20))
    ]
    given["cluster_effects"] = rows([model | therapists | {"level": 0.95} | one for one in effects], CLUSTER_EFFECTS)
    given["delivered"] = rows([sessions | {"q25": 4.0, "q75": 6.0, "arm": arm} for arm in ARMS], DELIVERED)
    at = {name: sessions[name] for name in ("analysis", "cohort", "measure", "n")} | {"arm": ARMS[1], "level": 0.95}
    given["delivered_by_clinic"] = rows([at | one for one in effects], DELIVERED_BY_CLINIC)
    left = np.sort(np.random.default_rng(len(table)).integers(1, 84, len(table) // 3))
    steps = [{"day": int(day), "n_events": int((left <= day).sum())} for day in np.unique(left)]
    for step in steps:
        step |= {"n_at_risk": len(table) - step["n_events"], "estimate": 1 - step["n_events"] / len(table)}
    given["survival"] = pd.DataFrame([model | step for step in steps])
    return given


def about_responders(n):
    """Side tables of who responded: numbers needed, a curve of two points, reliable change."""
    place = {"analysis": "primary", "cohort": "all", "outcome": "pain", "visit": "week_4"}
    needed = place | {
        "response": "30%",
        "arm": ARMS[1],
        "reference": ARMS[0],
        "estimate": 6.0,
        "low": 3.5,
        "high": 20.0,
    }
    curve = place | {"arm": ARMS[1], "unit": "points", "low": 0.2, "high": 0.6, "level": 0.95, "n": n}
    change = place | {"arm": ARMS[1], "unit": "points", "reliability": 0.9, "beyond": 2.0, "n": n}
    weights = {"analysis": "primary", "cohort": "all", "outcome": "pain", "visit": "week_12", "arm": ARMS[1], "n": 80}
    weighed = {name: weights[name] for name in ("analysis", "cohort", "outcome", "visit", "n")}
    level = {"variable": "sex", "level": "male", "before": 0.2, "after": 0.0}
    weights |= {"mean": 1.0, "sd": 0.3, "q05": 0.7, "q95": 1.6, "effective_n": 74.0}
    return {
        "number_needed": rows([needed | {"through_infinity": 0, "n": n, "n_events": 30, "n_none": 25}], NUMBER_NEEDED),
        "response_curve": rows(
            [curve | {"improvement": x, "share": y, "n_events": k} for x, y, k in [(0.0, 0.5, 40), (2.0, 0.4, 30)]],
            RESPONSE_CURVE,
        ),
        "weights": rows([weights], WEIGHTS),
        "balance": rows(
            [weighed | one for one in (level | {"fewest": 7}, level | {"fewest": 30, "variable": "dx"})], BALANCE
        ),
        "reliable_change": rows([change | {"n_improved": 30, "n_worse": 12, "n_unchanged": 38}], RELIABLE_CHANGE),
    }


def about_missing(n):
    """Side tables of assumptions about missing values: a surface of two points, where it tips, who was lost."""
    place = {"analysis": "primary", "cohort": "all", "outcome": "pain"}
    at = place | {"visit": "week_4", "method": "mar", "arm": ARMS[1], "reference": ARMS[0], "unit": "points"}
    numbers = {"estimate": -0.7, "se_frequentist": 0.5, "se_information": 0.6, "p": 0.27, "low": -1.9, "high": 0.5}
    surface = [at | numbers | {"delta_arm": delta, "delta_reference": 0.0} for delta in (-1.0, 0.0, 1.0)]
    point = at | {"shifted": ARMS[1], "side": "above", "at_zero": "significant", "better": "lower", "delta": 2.5}
    counts = [(ARMS[0], "week_4", "moved", 12), (ARMS[0], "week_12", "", 15)]
    counts += [(ARMS[1], "week_4", "moved", 3), (ARMS[1], "week_12", "", 20)]
    gone = [place | {"arm": a, "visit": v, "reason": r, "n": k, "n_patients": n} for a, v, r, k in counts]
    mean = {"lost": 5.0, "lost_sd": 2.0, "kept": 4.0, "kept_sd": 2.0, "standardised_difference": 0.5}
    share = {"lost": 0.2, "kept": 0.5, "standardised_difference": -0.6}
    beside = [
        place | {"arm": arm, "variable": name, "level": level, "n_lost": lost, "n_kept": 60} | described
        for arm, lost in ((ARMS[0], 30), (ARMS[1], 2))
        for name, level, described in (("baseline", "", mean), ("sex", "male", share))
    ]
    return {
        "tipping": rows(surface, TIPPING),
        "tipping_points": rows([point | {"n": 12, "mean": 4.0, "mean_then": 6.5}], TIPPING_POINTS),
        "dropout": rows(gone, DROPOUT),
        "lost": rows(beside, LOST),
    }
