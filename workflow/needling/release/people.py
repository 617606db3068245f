"""Release of counts of people: how many are at each stage is no secret, why few of them left is one."""

from typing import TYPE_CHECKING

from needling.release.rule import Limits, few, hide, release_parts

if TYPE_CHECKING:
    import pandas as pd

    from needling.release.cells import Sum
    from needling.study.plan import Study

ARM = ["cohort", "arm"]


def release_flow(flow: "pd.DataFrame", people: "pd.DataFrame", primary: str, limit: Limits) -> "pd.DataFrame":
    """Release the participant flow, with those analysed and left out by the primary analysis.

    Parameters
    ----------
    flow : contract FLOW.
    people : what `release_people` gave.
    primary : name of the primary analysis.
    limit : the rule's limits.
    """
    import pandas as pd

    stages = flow[~flow["stage"].isin(["analysed", "left_out"])].assign(hidden="")
    excluded = stages[stages["stage"] == "excluded"].assign(_place=lambda rows: rows.index)
    parts = release_parts(excluded.assign(_whole=excluded["n"].sum()), ["stage"], "_whole", "n", ["reason"], limit)
    rest = stages[stages["stage"] != "excluded"].assign(_place=lambda rows: rows.index)
    top = pd.concat([rest.astype({"n": "Int64"}), parts]).sort_values("_place").drop(columns=["_place", "_whole"])
    mine = people[people["analysis"] == primary].drop(columns="analysis")
    return pd.concat([top, mine], ignore_index=True)


def release_people(tables: "dict[str, pd.DataFrame]", study: "Study", limit: Limits) -> "pd.DataFrame":
    """Release who is in each analysis and who is not, and why.

    Parameters
    ----------
    tables : people (contract PEOPLE) and flow.
    study : sections analyses.
    limit : the rule's limits.

    Returns
    -------
    The rows of people; those of an analysis of a subset that few people are in, or are left out of, are empty.
    """
    import pandas as pd

    people = tables["people"].fillna({"arm": "", "outcome": "", "reason": "", "visit": ""}).reset_index(drop=True)
    flow = tables["flow"].fillna("")
    allocated, measured = flow[flow["stage"] == "allocated"], flow[flow["stage"] == "measured"]

    def subtotals(mine: "pd.DataFrame") -> "list[Sum]":
        """Reasons that add up to those without a measurement at a visit, and the other reasons with them."""
        first, cells = mine.iloc[0], mine["n"].astype(int).tolist()
        whole = allocated.loc[(allocated[ARM] == first[ARM]).all(axis=1), "n"].sum()
        here = measured[(measured[[*ARM, "outcome"]] == first[[*ARM, "outcome"]]).all(axis=1)]
        found: list[Sum] = []
        for end in range(1, len(cells)):
            if sum(cells[:end]) in set(whole - here["n"]):
                found += [(range(end), sum(cells[:end])), (range(end, len(cells)), sum(cells[end:]))]
        return found

    by = ["analysis", *ARM, "outcome"]
    left = people[people["stage"] == "left_out"].assign(_place=lambda rows: rows.index)
    parts = release_parts(
        left.assign(_whole=left.groupby(by)["n"].transform("sum")), by, "_whole", "n", ["reason"], limit, subtotals
    )
    rest = people[people["stage"] != "left_out"].assign(_place=lambda rows: rows.index, hidden="")
    table = pd.concat([rest.astype({"n": "Int64"}), parts]).sort_values("_place").drop(columns=["_place", "_whole"])
    table = table.reset_index(drop=True)
    small = pd.MultiIndex.from_frame(table[["analysis", "cohort", "outcome"]]).isin(small_subsets(tables, study, limit))
    hide(table, pd.Series(small, table.index), ["n"], "few_people")
    table["reason"] = table["reason"].mask(small, "")
    return table.drop_duplicates(ignore_index=True)


def small_subsets(tables: "dict[str, pd.DataFrame]", study: "Study", limit: Limits) -> list[tuple[str, str, str]]:
    """Find the analyses of people with a characteristic (`where`) whose numbers would tell how few have it or lack it in an arm.

    Returns
    -------
    Analysis, cohort and outcome.
    """
    import pandas as pd

    people, flow = tables["people"].fillna(""), tables["flow"].fillna("")
    place = [*ARM, "outcome"]
    analysed = people[people["stage"] == "analysed"]
    is_subset = analysed["analysis"].map(lambda name: bool(study.analyses[name].where)).astype(bool)
    mine, others = analysed[is_subset], analysed.loc[~is_subset, [*place, "n"]]
    allocated = flow.loc[flow["stage"] == "allocated", [*ARM, "n"]]
    beside = pd.concat(
        [
            mine.merge(allocated, on=ARM, suffixes=("", "_whole")),
            mine.merge(others, on=place, suffixes=("", "_whole")),
        ]
    )
    is_small = few(beside["n"], limit.cell) | few((beside["n_whole"] - beside["n"]).abs(), limit.cell)
    found = beside.loc[is_small, ["analysis", "cohort", "outcome"]].drop_duplicates()
    return list(found.itertuples(index=False, name=None))
