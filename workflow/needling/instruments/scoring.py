"""Scores of all outcomes of a study from their items and totals, and how reliable the items are."""

import numpy as np
import pandas as pd

from needling.instruments.definition import Definition
from needling.schema.contract import check
from needling.schema.frames import SCORES
from needling.schema.intake import TOTAL


def score(outcomes: pd.DataFrame, definitions: dict[str, Definition]) -> pd.DataFrame:
    """Score every outcome at every visit; items win over a total, a total stands in where the items do not suffice.

    Parameters
    ----------
    outcomes : table of the contract CLEAN['outcomes'].
    definitions : outcome name -> definition; rows of other instruments are left out.

    Returns
    -------
    Table of the contract SCORES, one row per visit and outcome that has a score, sorted by outcome (in the order of
    `definitions`) and visit row. `answered` is the number of items answered (NaN for an outcome without items);
    `source` is 'items' or 'total'. A visit without a score has no row.
    """

    measured = outcomes[outcomes["value"].notna()]
    named = set(measured["instrument"].unique())
    parts = [_one(measured[measured["instrument"] == name], one) for name, one in definitions.items() if name in named]
    if not parts:
        empty: dict[str, list[object]] = {column: [] for column in SCORES}
        return check(pd.DataFrame(empty), SCORES, "scores")
    return check(pd.concat(parts, ignore_index=True), SCORES, "scores")


def wide(rows: pd.DataFrame, one: Definition) -> pd.DataFrame:
    """Lay the item values of one outcome side by side.

    Parameters
    ----------
    rows : rows of CLEAN['outcomes'] of one outcome.
    one : its definition.

    Returns
    -------
    One row per visit (index visit_row), one column per item in the definition's order; NaN where not answered.
    """

    # thousands of rows share an item: look each item up once
    codes, items = pd.factorize(rows["item"])
    place = np.append(pd.Index(one.items).get_indexer(pd.Index(items, dtype="str")), -1)[codes]
    mine = place >= 0
    visit_codes, visits = pd.factorize(rows["visit_row"].to_numpy()[mine], sort=True)
    values = np.full((len(visits), len(one.items)), np.nan)
    values[visit_codes, place[mine]] = rows["value"].to_numpy()[mine]
    return pd.DataFrame(values, index=pd.Index(visits, name="visit_row"), columns=list(one.items))


def _one(rows: pd.DataFrame, one: Definition) -> pd.DataFrame:

    totals = rows[rows["item"] == TOTAL].drop_duplicates("visit_row").set_index("visit_row")["value"]
    if one.items:
        items = wide(rows, one)
        from_items = one.score(items).dropna()
        answered = items.notna().sum(axis=1).astype(float)
    else:
        from_items = pd.Series(dtype=float, index=totals.index[:0])
        answered = pd.Series(dtype=float, index=totals.index[:0])
    only_total = totals[~totals.index.isin(from_items.index)]
    values = pd.concat([from_items.astype(float), only_total.astype(float)])
    source = np.where(values.index.isin(from_items.index), "items", "total")
    return pd.DataFrame(
        {
            "visit_row": values.index.to_numpy(dtype="int64"),
            "instrument": one.name,
            "value": values.to_numpy(),
            "unit": one.unit,
            "answered": answered.reindex(values.index).to_numpy(),
            "source": source,
        }
    ).sort_values("visit_row", kind="stable")


def reliability(
    outcomes: pd.DataFrame,
    definitions: dict[str, Definition],
    visit_rows: pd.Series,
    level: float = 0.95,
) -> pd.DataFrame:
    """Cronbach's alpha of each outcome that is scored from items.

    Parameters
    ----------
    outcomes : table of the contract CLEAN['outcomes'].
    definitions : outcome name -> definition.
    visit_rows : rows of the visits table that count: one per patient (the baseline), so that people are independent and
        the interval is right.
    level : confidence level.

    Returns
    -------
    One row per outcome with items: instrument, label, items, n (complete questionnaires), alpha, low, high, level.
    alpha is NaN where fewer than ten questionnaires are complete or the items do not vary. Reversed items are turned round
    first; incomplete questionnaires are left out.

    Formula: k/(k-1) * (1 - sum of the items' variances / variance of their sum), with Feldt's interval.
    Checked against: the worked example in the documentation of pingouin, whose function does the computing.
    """

    counted = outcomes[outcomes["visit_row"].isin(visit_rows) & outcomes["value"].notna()]
    rows = []
    for name, one in definitions.items():
        if len(one.items) < 2:
            continue
        items = one.reverse(wide(counted[counted["instrument"] == name], one)).dropna()
        alpha, low, high = _alpha(items, level)
        rows.append((name, one.label, len(one.items), len(items), alpha, low, high, level))
    columns = ["instrument", "label", "items", "n", "alpha", "low", "high", "level"]
    return pd.DataFrame(rows, columns=columns)


def _alpha(items: pd.DataFrame, level: float) -> tuple[float, float, float]:

    if len(items) < 10 or float(items.sum(axis=1).var()) == 0:
        return np.nan, np.nan, np.nan
    import pingouin

    alpha, (low, high) = pingouin.cronbach_alpha(data=items, ci=level)
    return float(alpha), float(low), float(high)
