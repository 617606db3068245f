"""Which results a table, a figure or a sentence is about."""

import numpy as np
import pandas as pd

from needling.schema.results import RATIOS
from needling.study.plan import Study

COMPARED = ("difference", "change", "slope", "trend", "interaction", "risk_difference", *RATIOS)


def comparisons(results: pd.DataFrame) -> pd.DataFrame:
    """Keep what is compared: arms with a reference, weighted arms, the course of a single arm."""
    is_compared = results["quantity"].isin(COMPARED) & (results["reference"].ne("") | results["arm"].eq(""))
    return results[is_compared]


def primary(released: "dict[str, pd.DataFrame]") -> pd.DataFrame:
    """The primary result: comparisons whose role is primary."""
    found = comparisons(released["results"])
    return found[found["role"] == "primary"]


def asked_for(released: "dict[str, pd.DataFrame]", item: str, name: str) -> list[str]:
    """Analyses whose methods name a table, figure or section, in the order of the methods."""
    methods = released["methods"]
    return list(dict.fromkeys(methods.loc[(methods["item"] == item) & (methods["text"] == name), "analysis"]))


def said(released: "dict[str, pd.DataFrame]", analysis: str, item: str) -> list[str]:
    """What the methods of an analysis say about an item."""
    methods = released["methods"]
    return list(methods.loc[(methods["analysis"] == analysis) & (methods["item"] == item), "text"])


def section_of(released: "dict[str, pd.DataFrame]", plan: Study, analyses: list[str]) -> str:
    """The section of the report for what shows some analyses: as their kinds say, else by their role."""
    for analysis in analyses:
        for section in said(released, analysis, "section"):
            return section
    roles = {plan.role(one) for one in analyses if one in plan.analyses}
    return "sensitivity" if roles == {"sensitivity"} else "others"


def in_order(rows: pd.DataFrame, order: dict[str, list[str]]) -> pd.DataFrame:
    """Sort rows by the places that their codes have in lists; codes that are in no list come last."""
    ranks = {
        name: rows[name].map({code: i for i, code in enumerate(codes)}).fillna(len(codes))
        for name, codes in order.items()
    }
    places = pd.DataFrame(ranks, index=rows.index).sort_values(list(order), kind="stable").index
    return rows.loc[places].reset_index(drop=True)


def anew(rows: pd.DataFrame, planned: pd.DataFrame, by: list[str]) -> "pd.Series[bool]":
    """Say which rows answer the question of a planned comparison by numbers of their own.

    A model whose further terms leave a comparison as it was (centred moderators) gives the planned numbers once more, and is no
    other answer.

    Parameters
    ----------
    rows, planned : results rows.
    by : columns that tell which comparison a row is of.
    """
    numbers = ["estimate", "low", "high"]
    beside = rows[by].merge(planned.drop_duplicates(by)[[*by, *numbers]], on=by, how="left")
    own, other = (frame[numbers].to_numpy(dtype=float) for frame in (rows, beside))
    return pd.Series(~np.isclose(own, other, rtol=1e-9, atol=0).all(axis=1), index=rows.index)
