"""Which counts of each results and side table add up to which, and so what of it may leave the house.

Each function takes a table as the analyses write it and gives the publishable one: hidden counts are empty and have
their text in a column ``<count>_shown``; estimates of groups below the threshold are empty. A part and its whole are
looked at together (measured of followed of allocated); the difference of two overlapping groups is not a count that
anybody published.
"""

from typing import TYPE_CHECKING, Any

from needling.privacy.disclosure import (
    HIDDEN,
    Sum,
    grain,
    people_beyond,
    round_down,
    round_to,
    share_step,
    steps,
    sums_within,
    suppress,
    suppress_part,
)

if TYPE_CHECKING:
    import pandas as pd

QUANTILES = {"q10": 0.10, "q25": 0.25, "median": 0.50, "q75": 0.75, "q90": 0.90}
ESTIMATES = ["estimate", "se", "df", "statistic", "p", "p_adjusted", "low", "high"]
PLACE = ["cohort", "arm"]
NO_MEASUREMENT = ["never_measured", "outside_population", "not_observed", "not_at_visits"]
# True number of an arm, the smallest that its text in the flow leaves possible, and whether that hides it.
Counted = tuple[int, int, bool]


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
    rest = _hide_followed(rest, flow, minimum)
    rest = _hide_analysed(rest, flow, minimum).drop(columns=["_whole", "_whole_shown"])
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


def _hide_analysed(rest: "pd.DataFrame", flow: "pd.DataFrame", minimum: int) -> "pd.DataFrame":
    """Hide the number analysed where few of those measured at a visit that the analysis needs are not in it.

    It needs the first visit, and a later one where everybody without it is left out for want of a measurement.
    """
    rows = flow[flow["stage"].isin(["allocated", "left_out"])].to_dict("records")
    measured = rest[(rest["stage"] == "measured") & rest["n"].notna()]
    first = flow.loc[flow["stage"] == "measured", "visit"].head(1).tolist()
    for index, one in rest[(rest["stage"] == "analysed") & rest["n"].notna()].iterrows():
        mine = [row for row in rows if (row["cohort"], row["arm"]) == (one["cohort"], one["arm"])]
        allocated = sum(row["n"] for row in mine if row["stage"] == "allocated")
        left = [row for row in mine if row["outcome"] == one["outcome"] and row["reason"] in NO_MEASUREMENT]
        here = measured[(measured[[*PLACE, "outcome"]] == one[[*PLACE, "outcome"]]).all(axis=1)]
        needed = here["visit"].isin(first) | (allocated - here["n"] <= sum(row["n"] for row in left))
        wholes = [int(n) for n in here.loc[needed, "n"] if 0 < n - one["n"] < minimum]
        if wholes:
            bound = min(wholes) - minimum + 1
            rest.at[index, "n"] = None
            rest.at[index, "n_shown"] = f"≥{bound}" if bound >= minimum else HIDDEN
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
    quantile is empty where fewer people than the minimum lie beyond it. Where n is hidden all are rounded until they fit
    every n that its text leaves possible, shares downwards (their text says "≥").
    """
    keys = ["cohort", "outcome", "visit", "arm"]
    table = distribution.fillna({"arm": ""}).reset_index(drop=True)
    expected = missingness.fillna({"arm": ""})[[*keys, "expected"]]
    table = table.merge(expected, on=keys, how="left", validate="one_to_one")
    n = table["n"].astype(float)
    table["expected"] = table["expected"].fillna(n).astype("int64")
    for name, share in QUANTILES.items():
        table[name] = table[name].where(people_beyond(n, share) >= minimum)
    lowest = (table["expected"] - minimum + 1).astype(float)
    table = suppress_part(table, "n", "expected", minimum).drop(columns=["expected", "expected_shown"])
    table = _release_ends(table, n, lowest, minimum)
    return _round_numbers(table, lowest, list(QUANTILES))


def _release_ends(table: "pd.DataFrame", n: "pd.Series", lowest: "pd.Series", minimum: int) -> "pd.DataFrame":
    """Hide the shares at the ends of a scale where they tell few people, at an end or between the ends."""
    ends = {end: (table[end] * n).round() for end in ("floor", "ceiling")}
    parts = [*ends.values(), *(n - count for count in ends.values()), n - ends["floor"] - ends["ceiling"]]
    small = [(count > 0) & (count < minimum) for count in parts]
    step = share_step(lowest).where(table["n"].isna())
    for i, end in enumerate(ends):
        shown = ~(small[i] | small[i + 2] | small[4]) & (table["n_shown"] != HIDDEN)
        table[end] = round_down(table[end].where(shown), step)
        some = step.notna() & (ends[end] > 0)
        table[f"{end}_shown"] = [
            (f"{'≥' * rounded}{100 * share:.0f}%" if share >= 0 else HIDDEN)
            for share, rounded in zip(table[end], some, strict=True)
        ]
    return table


def _round_numbers(table: "pd.DataFrame", lowest: "pd.Series", quantiles: list[str]) -> "pd.DataFrame":
    """Empty mean, SD and quantiles where n has no bound, and round them where it has."""
    hidden = table["n"].isna()
    spread = table["sd"].where(hidden)
    digits = steps(lowest, spread)
    for name in ("mean", "sd"):
        table[name] = round_to(table[name], digits)
    for name in quantiles:
        table[name] = round_to(table[name], grain(spread)).mask(spread < 1)
    numbers = ["mean", "sd", *quantiles]
    table[numbers] = table[numbers].mask(table["n_shown"] == HIDDEN)
    return table


def release_baseline(baseline: "pd.DataFrame", flow: "pd.DataFrame", minimum: int) -> "pd.DataFrame":
    """Hide what describes few people in the baseline table.

    Parameters
    ----------
    baseline, flow : tables of the contracts BASELINE and FLOW.
    minimum : smallest publishable number of people above zero.

    Returns
    -------
    The baseline table with n, count (Int64), n_shown and count_shown. Where a level is small, or few have no value, as many
    levels of the same category and arm are hidden that it cannot be worked out, with their percentages and standardised
    differences. Where n is hidden, the numbers are rounded until they fit every n that its text leaves possible, and a category
    has neither percentages nor standardised differences.
    """
    import pandas as pd

    table = baseline.fillna({"arm": "", "level": "", "unit": ""}).reset_index(drop=True)
    allocated = flow[flow["stage"] == "allocated"].fillna({"arm": ""})[[*PLACE, "n"]]
    table = table.merge(allocated.rename(columns={"n": "_whole"}), on=PLACE, how="left", validate="many_to_one")
    counts = table["n"].astype(float)
    table = suppress_part(table, "n", "_whole", minimum).drop(columns="_whole_shown")
    is_level = table["level"] != ""
    numbers = _release_numbers(table[~is_level].copy(), counts[~is_level], minimum)
    levels = _release_levels(table[is_level].copy(), counts[is_level], minimum)
    safe = pd.concat([numbers, levels]).sort_index().drop(columns="_whole")
    return safe.assign(count=safe["count"].astype("Int64"))


def _release_numbers(table: "pd.DataFrame", n: "pd.Series", minimum: int) -> "pd.DataFrame":
    """Release the rows of characteristics that are numbers."""
    lowest = table["_whole"].astype(float) - minimum + 1
    for name in ("q25", "q75"):
        table[name] = table[name].where(people_beyond(n, 0.25) >= minimum)
    table = _round_numbers(table, lowest, ["median", "q25", "q75"])
    table["standardised_difference"] = _released_difference(table)
    return table.assign(count_shown="")


def _released_difference(table: "pd.DataFrame") -> "pd.Series":
    """Work standardised differences out anew from rounded means and SDs where n of either arm is hidden."""
    import numpy as np

    arms = [table["cohort"], table["variable"]]
    first = table.groupby(arms).cumcount() == 0
    reference = table[["mean", "sd"]].where(first).groupby(arms).transform("max")
    spread = np.sqrt((table["sd"] ** 2 + reference["sd"] ** 2) / 2)
    rounded = ((table["mean"] - reference["mean"]) / spread.where(spread > 0)).round(2)
    hidden = table["n"].isna().groupby(arms).transform("any")
    exact = table["standardised_difference"]
    return exact.mask(hidden, rounded.where(exact.notna()))


def _release_levels(levels: "pd.DataFrame", n: "pd.Series", minimum: int) -> "pd.DataFrame":
    """Release the rows of categories: levels and missing values of an arm add up to its patients."""
    import pandas as pd

    if levels.empty:
        return levels.assign(count_shown="")
    keys = [*PLACE, "variable"]
    cells = levels.assign(count=levels["count"].fillna(0))
    missing = cells.assign(count=levels["_whole"] - n).drop_duplicates(keys)
    cells = pd.concat([cells, missing], ignore_index=True)
    tiny = cells["_whole"] < minimum
    kept = suppress(
        cells.assign(count=cells["count"].mask(tiny, 0)),
        "count",
        minimum,
        [one for one in sums_within(cells, "count", keys) if (one.known or 0) >= minimum],
        keep=range(len(levels), len(cells)),
    ).iloc[: len(levels)]
    few = tiny.iloc[: len(levels)]
    levels["count"] = kept["count"].mask(few).to_numpy()
    levels["count_shown"] = kept["count_shown"].mask(few, HIDDEN).to_numpy()
    is_open = levels["count"].notna() & levels["n"].notna()
    levels["percent"] = levels["percent"].where(is_open)
    pair = is_open.groupby([levels[name] for name in ("cohort", "variable", "level")]).transform("all")
    levels["standardised_difference"] = levels["standardised_difference"].where(pair)
    return levels


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
    mean = table["term"] == "mean"
    # one arm's mean and the difference would give the other's
    together = [table[column].fillna("") for column in ("analysis", "cohort", "outcome", "visit")]
    few |= mean & (mean & _few_measured(table, flow, minimum)).groupby(together).transform("any")
    table.loc[few, ESTIMATES] = float("nan")
    table.loc[few, "status"] = "suppressed"
    table.loc[few, "note"] = f"fewer than {minimum} patients"
    counted = _counted(flow, minimum)
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
    # whole degrees of freedom are the patients less the coefficients
    whole = (table["df"] - table["df"].round()).abs() < 0.01
    table["df"] = table["df"].mask(hidden & (whole | table["df_method"].fillna("").str.startswith("residual")))
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

    It must go where few of the allocated, or few of those measured at a visit that it needs, are not in it; where few are in it
    and not in the primary analysis, or the other way round; and where it would tell a number that the flow hides.
    """
    n, cohort, outcome = int(row["n_patients"]), str(row["cohort"]), str(row["outcome"])
    if 0 < n < minimum:
        return 0
    total = sum(number for number, *_ in counted.get((cohort, "allocated", "", ""), []))
    bounds = [total - minimum + 1] if 0 < total - n < minimum else []
    visits = [visit for c, stage, o, visit in counted if (c, stage, o) == (cohort, "measured", outcome)]
    of_one_visit = n == int(row["n_observations"])
    for visit in visits[:1] + [one for one in visits if of_one_visit and row["visit"] in (one, "")]:
        bounds += _bounds_beside(n, counted[cohort, "measured", outcome, visit], minimum, inside=True)
    bounds += _bounds_beside(n, counted.get((cohort, "analysed", outcome, ""), []), minimum, inside=False)
    return min(bounds, default=None)


def _bounds_beside(n: int, arms: "list[Counted]", minimum: int, *, inside: bool) -> list[int]:
    """Bound for a number that differs from the sum of the arms' numbers by few people, or that tells a hidden one of them.

    `inside` says that the people are among those of the arms.
    """
    whole, told = sum(number for number, *_ in arms), sum(low for _, low, _ in arms)
    gap = whole - n if inside else abs(whole - n)
    if not arms or not 0 <= gap < minimum or (gap == 0 and not any(hidden for *_, hidden in arms)):
        return []
    return [told if n >= told else told - minimum + 1]


def _counted(flow: "pd.DataFrame", minimum: int) -> "dict[tuple[str, ...], list[Counted]]":
    """Number of each arm and what the publishable flow tells of it, by cohort, stage, outcome and visit."""
    flow = flow.fillna(dict.fromkeys(("cohort", "arm", "visit", "outcome"), "")).reset_index(drop=True)
    shown = release_flow(flow, minimum)["n_shown"]
    counted: dict[tuple[str, ...], list[Counted]] = {}
    for row, text in zip(flow.to_dict("records"), shown, strict=True):
        if row["stage"] in ("allocated", "measured", "analysed"):
            key = (row["cohort"], row["stage"], row["outcome"], row["visit"])
            low = int(text.lstrip(f"≥{HIDDEN}") or 0)
            counted.setdefault(key, []).append((int(row["n"]), low, not text.isdigit()))
    return counted
