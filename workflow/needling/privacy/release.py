"""Which counts of each results and side table add up to which, and so what of it may leave the house.

Each function takes a table as the analyses write it and gives the publishable one: hidden counts are empty and have
their text in a column ``<count>_shown``; estimates of groups below the threshold are empty. A part and its whole are
looked at together (measured of followed of allocated); the difference of two overlapping groups is not a count that
anybody published.
"""

from typing import TYPE_CHECKING, Any

from needling.privacy.disclosure import HIDDEN, Sum, people_beyond, sums_within, suppress, suppress_part

if TYPE_CHECKING:
    import pandas as pd

QUANTILES = {"q10": 0.10, "q25": 0.25, "median": 0.50, "q75": 0.75, "q90": 0.90}
ESTIMATES = ["estimate", "se", "df", "statistic", "p", "p_adjusted", "low", "high"]
PLACE = ["cohort", "arm"]
Counted = tuple[int, int]


def release_flow(flow: "pd.DataFrame", minimum: int) -> "pd.DataFrame":
    """Hide small groups of the participant flow (contract FLOW).

    Parameters
    ----------
    flow : counts of people by stage.
    minimum : smallest publishable number of people above zero.

    Returns
    -------
    The flow with n (Int64) and n_shown.
    """
    import pandas as pd

    flow = flow.fillna(dict.fromkeys(("arm", "visit", "outcome", "reason", "cohort"), "")).reset_index(drop=True)
    top = flow[flow["stage"].isin(["exported", "excluded", "enrolled", "allocated"])]
    safe = suppress(top, "n", minimum, _flow_sums(top), keep=_positions(top, "enrolled", "allocated"))
    allocated = flow[flow["stage"] == "allocated"].set_index(PLACE)["n"]
    left = flow[flow["stage"] == "left_out"]
    rest = flow.drop(index=[*top.index, *left.index])
    whole = pd.Series([int(allocated[place]) for place in zip(rest["cohort"], rest["arm"], strict=True)], rest.index)
    rest = suppress_part(rest.assign(_whole=whole.astype("int64")), "n", "_whole", minimum)
    rest = _hide_followed(rest, flow, minimum).drop(columns=["_whole", "_whole_shown"])
    return pd.concat([safe, rest, _release_left_out(left, rest, minimum)]).sort_index()


def _release_left_out(left: "pd.DataFrame", rest: "pd.DataFrame", minimum: int) -> "pd.DataFrame":
    """Hide reasons of few people; all of them where the number analysed is hidden, since they add up to the others."""
    import pandas as pd

    keys = [*PLACE, "outcome"]
    told = rest[(rest["stage"] == "analysed") & rest["n"].notna()]
    is_open = pd.MultiIndex.from_frame(left[keys]).isin(pd.MultiIndex.from_frame(told[keys]))
    shown, closed = left[is_open], left[~is_open]
    shown = suppress(shown, "n", minimum, sums_within(shown, "n", keys))
    return pd.concat([shown, closed.assign(n=pd.array([pd.NA] * len(closed), dtype="Int64"), n_shown=HIDDEN)])


def _positions(table: "pd.DataFrame", *stages: str) -> list[int]:
    return [position for position, stage in enumerate(table["stage"]) if stage in stages]


def _flow_sums(top: "pd.DataFrame") -> list[Sum]:
    """Exported = excluded + enrolled, enrolled = allocated in all arms; only where the counts do add up."""
    sums = []
    for whole, parts in (("exported", ("excluded", "enrolled")), ("enrolled", ("allocated",))):
        total, members = _positions(top, whole), _positions(top, *parts)
        if total and members and top["n"].iloc[members].sum() == top["n"].iloc[total[0]]:
            sums.append(Sum(tuple(members), total=total[0]))
    return sums


def _hide_followed(rest: "pd.DataFrame", flow: "pd.DataFrame", minimum: int) -> "pd.DataFrame":
    """Hide the number followed where few of them were not measured: the measured are the more useful number."""
    keys = ["cohort", "arm", "visit"]
    shown: dict[tuple[str, ...], list[int]] = {}
    for row in rest[(rest["stage"] == "measured") & rest["n"].notna()].to_dict("records"):
        shown.setdefault(tuple(row[key] for key in keys), []).append(int(row["n"]))
    followed = rest[rest["stage"] == "followed"]
    counts: Any = flow["n"]
    for index, place in zip(followed.index, followed[keys].itertuples(index=False, name=None), strict=True):
        measured, n = shown.get(place, []), int(counts[index])
        if any(0 < n - one < minimum for one in measured):
            rest.at[index, "n"] = None
            rest.at[index, "n_shown"] = f"≥{max(measured)}" if max(measured) >= minimum else HIDDEN
    return rest


def release_missingness(missingness: "pd.DataFrame", minimum: int) -> "pd.DataFrame":
    """Hide small groups among those measured and not measured (contract MISSINGNESS), adding the share measured."""
    table = missingness.assign(
        share=missingness["measured"] / missingness["expected"].where(missingness["expected"] > 0)
    )
    return suppress_part(table, "measured", "expected", minimum, blank=["share"])


def release_distribution(distribution: "pd.DataFrame", missingness: "pd.DataFrame", minimum: int) -> "pd.DataFrame":
    """Hide what describes few people in the observed distributions.

    Parameters
    ----------
    distribution, missingness : tables of the contracts DISTRIBUTION and MISSINGNESS.
    minimum : smallest publishable number of people above zero.

    Returns
    -------
    The distribution with n (Int64) and n_shown, floor_shown and ceiling_shown. Mean, SD and shares are empty in small groups; a
    quantile is empty where fewer people than the minimum lie beyond it.
    """
    keys = ["cohort", "outcome", "visit", "arm"]
    table = distribution.fillna({"arm": ""}).reset_index(drop=True)
    expected = missingness.fillna({"arm": ""})[[*keys, "expected"]]
    table = table.merge(expected, on=keys, how="left", validate="one_to_one")
    n = table["n"].astype(float)
    table["expected"] = table["expected"].fillna(n).astype("int64")
    for name, share in QUANTILES.items():
        table[name] = table[name].where(people_beyond(n, share) >= minimum)
    for end in ("floor", "ceiling"):
        count = (table[end] * n).round()
        small = ((count > 0) & (count < minimum)) | ((n - count > 0) & (n - count < minimum))
        table[end] = table[end].where(~small & (n >= minimum))
        table[f"{end}_shown"] = [f"{100 * share:.0f}%" if share >= 0 else HIDDEN for share in table[end]]
    table[["mean", "sd"]] = table[["mean", "sd"]].where(n >= minimum)
    return suppress_part(table, "n", "expected", minimum).drop(columns=["expected", "expected_shown"])


def release_baseline(baseline: "pd.DataFrame", flow: "pd.DataFrame", minimum: int) -> "pd.DataFrame":
    """Hide what describes few people in the baseline table.

    Parameters
    ----------
    baseline, flow : tables of the contracts BASELINE and FLOW.
    minimum : smallest publishable number of people above zero.

    Returns
    -------
    The baseline table with n, count (Int64), n_shown and count_shown. Where a level is small, as many others of the same
    category and arm are hidden that it cannot be worked out, with their percentages and standardised differences.
    """
    import pandas as pd

    table = baseline.fillna({"arm": "", "level": "", "unit": ""}).reset_index(drop=True)
    allocated = flow[flow["stage"] == "allocated"].fillna({"arm": ""})[[*PLACE, "n"]]
    table = table.merge(allocated.rename(columns={"n": "_whole"}), on=PLACE, how="left", validate="many_to_one")
    n = table["n"].astype(float)
    numbers = ["mean", "sd", "median", "standardised_difference"]
    table[numbers] = table[numbers].where((n >= minimum) | (table["level"] != ""))
    for name in ("q25", "q75"):
        table[name] = table[name].where(people_beyond(n, 0.25) >= minimum)
    levels = table[table["level"] != ""].copy()
    if len(levels):
        sums = [one for one in sums_within(levels, "count", [*PLACE, "variable"]) if (one.known or 0) >= minimum]
        small = levels.groupby([*PLACE, "variable"])["count"].transform("sum") < minimum
        levels.loc[small, ["count", "percent"]] = float("nan")
        levels = suppress(levels.fillna({"count": 0}), "count", minimum, sums, blank=["percent"])
        levels.loc[small, "count"], levels.loc[small, "count_shown"] = pd.NA, HIDDEN
        pair = ["cohort", "variable", "level"]
        open_pair = levels["count"].notna().groupby([levels[c] for c in pair]).transform("all")
        levels["standardised_difference"] = levels["standardised_difference"].where(open_pair)
    table["count"], table["count_shown"] = table["count"].astype("Int64"), ""
    if len(levels):
        for column in ("count", "count_shown", "percent", "standardised_difference"):
            table.loc[levels.index, column] = levels[column]
    return suppress_part(table, "n", "_whole", minimum).drop(columns=["_whole", "_whole_shown"])


def release_results(results: "pd.DataFrame", flow: "pd.DataFrame", minimum: int) -> "pd.DataFrame":
    """Hide the results of few people, and the numbers analysed that would tell how few were not.

    Parameters
    ----------
    results, flow : tables of the contracts RESULTS and FLOW.
    minimum : smallest publishable number of people above zero.

    Returns
    -------
    The results with n_patients and n_observations (Int64) and their texts n_patients_shown and n_observations_shown.
    A result of fewer patients than the minimum, and a marginal mean of an arm and visit with fewer, is empty and has status
    suppressed; where the patients of a least-squares model are hidden its degrees of freedom are too.
    """
    import pandas as pd

    table = results.reset_index(drop=True).copy()
    patients = table["n_patients"].to_numpy(float)
    few = (table["n_patients"] > 0) & (table["n_patients"] < minimum)
    few |= (table["term"] == "mean") & _few_measured(table, flow, minimum)
    table.loc[few, ESTIMATES] = float("nan")
    table.loc[few, "status"] = "suppressed"
    table.loc[few, "note"] = f"fewer than {minimum} patients"
    counted = _counted(flow)
    keys = ["cohort", "outcome", "visit", "n_patients", "n_observations"]
    told_of = {
        tuple(row.values()): _patients_shown(row, counted, minimum)
        for row in table[keys].fillna("").drop_duplicates().to_dict("records")
    }
    bounds = [told_of[tuple(row.values())] for row in table[keys].fillna("").to_dict("records")]
    hidden = pd.Series([bound is not None for bound in bounds], index=table.index)
    same = table["n_observations"] == table["n_patients"]
    texts: dict[str, list[str]] = {"n_patients": [], "n_observations": []}
    for i, bound in enumerate(bounds):
        told = HIDDEN if bound is None or bound < minimum else f"≥{bound}"
        texts["n_patients"].append(told if hidden[i] else f"{patients[i]:.0f}")
        observations = f"{table['n_observations'].iloc[i]:.0f}"
        texts["n_observations"].append((told if same.iloc[i] else HIDDEN) if hidden[i] else observations)
    for column, shown in texts.items():
        table[column] = table[column].astype("Int64").mask(hidden)
        table[f"{column}_shown"] = shown
    table["df"] = table["df"].mask(hidden & table["df_method"].fillna("").str.startswith("residual"))
    return table


def _few_measured(table: "pd.DataFrame", flow: "pd.DataFrame", minimum: int) -> "pd.Series":
    """Tell for each row whether the arm named in its contrast had fewer than the minimum measured at its visit."""
    import pandas as pd

    measured = flow[flow["stage"] == "measured"].fillna("")
    known = {(row["cohort"], row["outcome"], row["visit"], row["arm"]): row["n"] for row in measured.to_dict("records")}
    keys = table[["cohort", "outcome", "visit", "contrast"]].fillna("").itertuples(index=False, name=None)
    return pd.Series([known.get(key, minimum) < minimum for key in keys], index=table.index)


def _patients_shown(row: "dict[Any, Any]", counted: "dict[tuple[str, ...], list[Counted]]", minimum: int) -> int | None:
    """Lower bound to print instead of a result's number of patients, or None where the number may stay.

    It must go where few of the allocated are not in it, and where it is the sum over arms of numbers of which one is
    hidden.
    """
    n, cohort = int(row["n_patients"]), str(row["cohort"])
    if 0 < n < minimum:
        return 0
    total = sum(part for part, _ in counted[cohort, "allocated", "", ""])
    if 0 < total - n < minimum:
        return total - minimum + 1
    of_one_visit = n == int(row["n_observations"])
    for stage, visit in (("analysed", ""), *([("measured", str(row["visit"]))] if of_one_visit else [])):
        arms = counted.get((cohort, stage, str(row["outcome"]), visit), [])
        lower = [_lowest(part, whole, minimum) for part, whole in arms]
        if sum(part for part, _ in arms) == n and lower != [part for part, _ in arms]:
            return sum(lower)
    return None


def _lowest(part: int, whole: int, minimum: int) -> int:
    """The smallest number that a reader must think possible for a part of a whole: itself where it is shown."""
    if 0 < part < minimum:
        return 0
    return whole - minimum + 1 if 0 < whole - part < minimum else part


def _counted(flow: "pd.DataFrame") -> "dict[tuple[str, ...], list[Counted]]":
    """Number and number allocated of each arm, by cohort, stage, outcome and visit."""
    rows = flow.fillna(dict.fromkeys(("cohort", "arm", "visit", "outcome"), "")).to_dict("records")
    allocated = {(row["cohort"], row["arm"]): int(row["n"]) for row in rows if row["stage"] == "allocated"}
    counted: dict[tuple[str, ...], list[Counted]] = {}
    for row in rows:
        if (whole := allocated.get((row["cohort"], row["arm"]))) is not None:
            key = (row["cohort"], row["stage"], row["outcome"], row["visit"])
            counted.setdefault(key, []).append((int(row["n"]), whole))
    return counted
