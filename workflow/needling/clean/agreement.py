"""Whether the totals that the export states agree with the scores of their items."""

import pandas as pd

from needling.clean.columns import blank_to_missing
from needling.instruments.definition import Definition
from needling.instruments.scoring import wide
from needling.schema.contract import check
from needling.schema.intake import TOTAL, TOTALS


def totals_agreement(
    read: pd.DataFrame, outcomes: pd.DataFrame, audit: pd.DataFrame, definitions: dict[str, Definition]
) -> pd.DataFrame:
    """Account for every total that the export states: does it agree with its items, and if not, why.

    Parameters
    ----------
    read : outcomes as read (contract READ['outcomes']).
    outcomes : clean outcomes (contract CLEAN['outcomes']).
    audit : contract AUDIT; its rows of the rule `totals` tell which totals were corrected.
    definitions : outcome name -> definition; those without items have nothing to agree with and are left out.

    Returns
    -------
    Table of the contract TOTALS: per instrument and finding one row; the numbers of an instrument add up to its stated totals.
    Findings: agreed; corrected (differed from its items, with the reason); too_few_items (kept as stated); unreadable (no
    number, with the reason); set_aside (its row was quarantined or dropped).
    """
    stated = read[(read["item"] == TOTAL) & blank_to_missing(read["value"]).notna()]
    changed = audit[(audit["rule"] == "totals") & (audit["action"] == "corrected") & (audit["table"] == "outcomes")]
    why = changed.drop_duplicates("row").set_index("row")["reason"]
    kept = outcomes[outcomes["item"] == TOTAL].set_index("row")
    measured = outcomes["value"].notna()
    parts = []
    for name, one in definitions.items():
        totals = stated.loc[stated["instrument"] == name, ["row", "visit_row"]]
        if not one.items or totals.empty:
            continue
        mine = outcomes[(outcomes["instrument"] == name) & measured]
        scored = one.score(wide(mine, one)).dropna().index
        found = pd.DataFrame({"finding": "agreed", "reason": ""}, index=totals["row"])
        found.loc[~totals["visit_row"].isin(scored).to_numpy(), "finding"] = "too_few_items"
        value = kept["value"].reindex(found.index)
        reason = kept["missing_reason"].reindex(found.index).astype("str")
        found.loc[value.isna().to_numpy(), "finding"] = "unreadable"
        found.loc[found.index.isin(why.index), "finding"] = "corrected"
        found["reason"] = found["reason"].where(found["finding"] != "unreadable", reason.fillna("not a number"))
        found["reason"] = found["reason"].where(found["finding"] != "corrected", why.reindex(found.index))
        found.loc[~found.index.isin(kept.index)] = ["set_aside", ""]
        counts = found.groupby(["finding", "reason"], sort=True).size().rename("n").reset_index()
        parts.append(counts.assign(instrument=name, label=one.label, stated=len(found)))
    table = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame({column: [] for column in TOTALS})
    return check(table, TOTALS, "totals")
