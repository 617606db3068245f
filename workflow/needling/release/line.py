"""The release line: from what the analyses wrote to what may be shown, by the study's rule of disclosure."""

from typing import TYPE_CHECKING, Any

from needling.cohort.numbered import without_codes
from needling.release.ard import ard
from needling.release.cells import suppress
from needling.release.people import release_flow, release_people
from needling.release.results import release_results, solvable_curves
from needling.release.rule import Limits, few, hide, limits, release_parts
from needling.schema.contract import check
from needling.schema.released import RELEASED
from needling.study.keys import StudyError

if TYPE_CHECKING:
    import pandas as pd

    from needling.study.plan import Study

PERSON = ("patient", "clinic", "therapist")
QUANTILES = {"q05": 0.05, "q10": 0.10, "q25": 0.25, "median": 0.50, "q75": 0.75, "q90": 0.90, "q95": 0.95}
OF_VALUES = ["mean", "sd", *QUANTILES, "floor", "ceiling", "standardised_difference"]
VARIABLE = ["cohort", "variable", "visit", "site"]
# columns of side tables that say where a row stands: they are grids and no findings
AXES = ("bin", "normal", "time", "day", "week", "improvement", "level", "delta_arm", "delta_reference")
# side tables about estimates and not about people: they go where the result goes
CLUSTER_NUMBERS = ("rank", "estimate", "low", "high", "n", "level")
OF_CLUSTERS = ("cluster_effects", "delivered_by_clinic")  # a row for each therapist or clinic, without a name
OF_RESULTS = ("cross_check", "tipping", "tipping_points", "balance")


def release(tables: "dict[str, pd.DataFrame]", study: "Study") -> "dict[str, pd.DataFrame]":
    """Turn unreleased tables into those that may be shown.

    Parameters
    ----------
    tables : by name: results (all analyses, P adjusted), methods, people, flow, baseline, distribution, missingness, codebook,
        audit, totals, reliability, unread (of the reader's account), and the side tables of the kinds. A side table has a count
        `n` or `n_...`.
    study : sections made_up, patients, analyses, primary, disclosure.

    Returns
    -------
    The tables of `schema.RELEASED` (audit becomes cleaning; withheld counts by section what is not shown) and the side tables, each
    with a column hidden: '' or few_people, few_events, complement, own_value, withheld. Numbers not shown are empty; where
    the names of the parts are a secret too, one row without a name stands for all of them.

    Raises
    ------
    StudyError : a table has a row per person, or no count by which its rows could be judged.

    Checked against: `tests/unit/test_release_attack.py`, which solves what is released for what is not.
    """
    given, limit = {name: table.reset_index(drop=True) for name, table in tables.items()}, limits(study)
    refuse_persons(given)
    out = {name: given[name] for name in ("methods",)}
    out["results"] = release_results(given, study, limit)
    out["people"] = release_people(given, study, limit)
    out["flow"] = release_flow(given["flow"], out["people"], study.primary, limit)
    out["baseline"] = release_baseline(given["baseline"], limit)
    out["distribution"] = release_distribution(given["distribution"], limit)
    if "intercurrent" in given:
        out["intercurrent"] = release_intercurrent(given["intercurrent"], limit)
    out["missingness"] = given["missingness"].assign(hidden="")
    out["codebook"] = release_codebook(given["codebook"], limit)
    out["totals"] = release_parts(given["totals"], ["instrument"], "stated", "n", ["finding", "reason"], limit)
    out["cleaning"] = release_cleaning(given["audit"], bool((out["totals"]["hidden"] != "").any()), limit)
    out["unread"] = release_unread(given["unread"])
    out["reliability"] = release_reliability(given["reliability"], limit)
    for name in sorted(given.keys() - out.keys() - {"audit"}):
        side = without_codes(given[name], study).reset_index(drop=True)
        out[name] = release_side(side, name, out["results"], limit)
    out["withheld"] = withheld(out, {name: len(table) for name, table in given.items() if name not in RELEASED})
    out["ard"] = ard(out["results"])
    return {name: check(table, RELEASED.get(name, {}), name) for name, table in out.items()}


def refuse_persons(tables: "dict[str, pd.DataFrame]") -> None:
    """Stop where a table names people or places, or cannot be judged."""
    for name, table in tables.items():
        named = [column for column in PERSON if column in table.columns]
        if named and name != "audit":
            raise StudyError(
                f"table {name}: column {named[0]}: nothing with a row per person or place is released; give counts and summaries."
            )
        if name not in {*RELEASED, *OF_RESULTS, "audit"} and not counts(table):
            raise StudyError(
                f"table {name}: no column n or n_... says how many people a row is about; add one, so that release can judge it."
            )


def counts(table: "pd.DataFrame") -> list[str]:
    """Name the columns that count people or observations."""
    return [str(column) for column in table.columns if column == "n" or str(column).startswith("n_")]


def _describe(table: "pd.DataFrame", limit: Limits) -> None:
    """Hide what tells the values of few people: of one or two, of a number of few values, beyond a quantile."""
    hide(table, few(table["n"], limit.mean), OF_VALUES, "own_value")
    hide(table, few(table["n"], limit.sd), ["sd"], "own_value")
    if limit.cell > 1:
        # n, mean and standard deviation are three equations: they tell the counts of up to three values
        hide(table, few(table["fewest"], limit.cell), OF_VALUES, "few_people")
    _hide_quantiles(table, limit)


def _hide_quantiles(table: "pd.DataFrame", limit: Limits) -> None:
    """Hide quantiles beyond which too few people are."""
    for name, share in QUANTILES.items():
        beyond = (table["n"] * min(share, 1 - share)).round(6)
        hide(table, beyond < limit.beyond, [name], "few_people" if limit.cell > 1 else "own_value")


def release_intercurrent(intercurrent: "pd.DataFrame", limit: Limits) -> "pd.DataFrame":
    """Release counts of intercurrent events: all of an arm or none, since events, visits and missing values are nested in it."""
    import pandas as pd

    table = intercurrent.assign(hidden="")
    since = table.groupby(["cohort", "arm", "outcome", "event"], sort=False)["n"].diff()
    parts = [table["n"], table["n_measured"], table["n"] - table["n_measured"], since.abs()]
    small = pd.concat([part.between(1, limit.cell - 1) for part in parts], axis=1).any(axis=1)
    hide(table, small.groupby([table["cohort"], table["arm"]]).transform("any"), ["n", "n_measured"], "few_people")
    return table


def release_distribution(distribution: "pd.DataFrame", limit: Limits) -> "pd.DataFrame":
    """Release what was observed at each visit: few people at an end of the scale, or between the ends, are hidden."""
    import pandas as pd

    table = distribution.assign(hidden="")
    _describe(table, limit)
    n = table["n"].astype(float)
    ends = pd.DataFrame({name: (n * table[name]).round() for name in ("floor", "ceiling")}).dropna()
    n = n[ends.index]
    cells = ends.assign(between=n - ends.sum(axis=1), n=n)
    reasons = [suppress(row[:3], limit.cell, [(range(3), row[3])], keep=[0, 1]) for row in cells.to_numpy().tolist()]
    for place, name in enumerate(ends.columns):
        lost = pd.Series([bool(one[place]) for one in reasons], ends.index, dtype=bool)
        hide(table, lost.reindex(table.index, fill_value=False), [name], "few_people")
    return table.drop(columns="fewest", errors="ignore")


def release_baseline(baseline: "pd.DataFrame", limit: Limits) -> "pd.DataFrame":
    """Release baseline characteristics: levels of few people are hidden with their percentages and differences."""
    import pandas as pd

    baseline = baseline.fillna(dict.fromkeys([*VARIABLE, "arm", "level"], ""))
    is_level = baseline["level"] != ""
    numbers = baseline[~is_level].assign(hidden="")
    known = numbers[["mean", "sd"]].notna().all(axis=1)
    _describe(numbers, limit)
    lost = known & numbers[["mean", "sd"]].isna().any(axis=1)
    _hide_differences(numbers, lost, VARIABLE)
    levels = baseline[is_level].assign(hidden="")
    if len(levels):
        levels = release_parts(
            baseline[is_level].assign(_place=baseline.index[is_level]),
            [*VARIABLE, "arm"],
            "n",
            "count",
            ["level"],
            limit,
        ).set_index("_place")
        levels["percent"] = levels["percent"].mask(levels["hidden"] != "")
        closed = (levels["level"] == "").groupby([levels[name] for name in VARIABLE]).transform("any")
        # a level that nobody has in one arm would be named because somebody has it in the arm that is closed
        levels = levels[~(closed & (levels["count"] == 0).fillna(False))]
        levels.loc[closed.reindex(levels.index), "standardised_difference"] = float("nan")
        _hide_differences(levels, levels["hidden"] != "", [*VARIABLE, "level"])
    table = pd.concat([numbers.rename_axis(None), levels.rename_axis(None)]).sort_index()
    return table.assign(count=table["count"].astype("Int64")).drop(columns="fewest", errors="ignore")


def _hide_differences(table: "pd.DataFrame", lost: "pd.Series", by: list[str]) -> None:
    """Hide the differences between arms where one of them lost the numbers that they are made of."""
    beside = lost.groupby([table[name] for name in by]).transform("any") if len(table) else lost
    hide(table, beside, ["standardised_difference"], "complement")


def release_codebook(codebook: "pd.DataFrame", limit: Limits) -> "pd.DataFrame":
    """Release the codebook with the share of missing values, without those that few rows lack or have."""
    rows, missing = codebook["rows"], codebook["missing"]
    table = codebook.assign(missing=(100 * missing / rows.where(rows > 0)), hidden="").drop(columns="rows")
    hide(table, few(missing, limit.cell) | few(rows - missing, limit.cell), ["missing"], "few_people")
    return table


def release_cleaning(audit: "pd.DataFrame", totals_hidden: bool, limit: Limits) -> "pd.DataFrame":
    """Count what each rule did; cells and lines of few are of as few people."""
    from needling.clean.workbook import cleaning_summary

    table = cleaning_summary(audit)
    table = table.assign(n=table["n"].astype("Int64"), hidden="")
    hide(table, few(table["n"], limit.cell), ["n"], "few_people")
    if limit.cell > 1:
        # patients taken out are in the flow by reason, totals in a table of their own: no second sum of the same cells
        hide(table, table["table"] == "patients", ["n"], "withheld")
        hide(table, (table["rule"] == "totals") & totals_hidden, ["n"], "complement")
    return table


def release_unread(unread: "pd.DataFrame") -> "pd.DataFrame":
    """Count the columns of the export that the study file does not name; what they are called is not shown."""
    import pandas as pd

    from needling.read.rows import NOT_NAMED

    closed = unread[unread["reason"] == NOT_NAMED]
    counts = {"not_named": len(closed), "like_identifier": int(closed["looks_like"].notna().sum())}
    return pd.DataFrame({"kind": [*counts], "n": [*counts.values()], "hidden": ""})


def release_reliability(reliability: "pd.DataFrame", limit: Limits) -> "pd.DataFrame":
    """Release Cronbach's alpha where enough people answered every item."""
    table, needed = reliability.assign(hidden=""), max(limit.cell, limit.sd)
    hide(table, few(table["n"], needed), ["alpha", "low", "high"], "few_people" if limit.cell > 1 else "own_value")
    return table


def release_side(table: "pd.DataFrame", name: str, results: "pd.DataFrame", limit: Limits) -> "pd.DataFrame":
    """Release a side table of a kind: by the people behind each row, step and quantile, or with the results it is about."""
    from statistics import NormalDist

    import pandas as pd

    given, table = table, table.assign(hidden="")
    found = [str(c) for c in table.columns if pd.api.types.is_numeric_dtype(table[c].dtype) and c not in AXES]
    if name in OF_RESULTS:
        keys = [c for c in ("analysis", "cohort", "outcome") if c in table.columns]
        gone = pd.MultiIndex.from_frame(results.loc[results["hidden"] != "", keys])
        hide(table, pd.Series(pd.MultiIndex.from_frame(table[keys]).isin(gone), table.index), found, "withheld")
        if not counts(table):
            return table
    own = {"dropout": release_dropout, "lost": release_lost, "balance": release_balance}.get(name)
    if own:
        return own(table, limit)
    if name == "guesses":
        return release_parts(table, ["analysis", "cohort", "visit", "arm"], "n_answered", "n", ["guess"], limit)
    if name in OF_CLUSTERS:
        return release_clusters(table, limit)
    if "fewest" in table.columns:
        # of one value per patient: n is no secret, as it is not of the values at baseline; that few have one is
        _describe(table, limit)
        hide(table, few(table["n"], limit.cell), found, "few_people")
        return table.drop(columns="fewest")
    needed, reason = max(limit.cell, limit.sd), "few_people" if limit.cell > 1 else "own_value"
    for column in counts(table):
        hide(table, few(table[column], limit.cell if column == "n_events" else needed), found, reason)
    if {*QUANTILES} & {*table.columns}:
        _hide_quantiles(table, limit)
    if name == "residual_bins":
        hide(table, table["n"].astype(float).mul(0.1).round(6) < limit.beyond, ["low", "high"], reason)
    if name == "residual_quantiles":
        share = table["normal"].map(NormalDist().cdf)
        hide(table, table["n"].astype(float) * share.where(share < 0.5, 1 - share) < limit.beyond, ["residual"], reason)
    if name == "number_needed":
        hide(table, _of_hidden_differences(table, results), found, "withheld")
    if name == "event_curve":
        solvable = solvable_curves(given, limit)
        places = table[["analysis", "cohort", "outcome", "arm"]].fillna("").itertuples(index=False, name=None)
        closed = pd.Series([place in solvable for place in places], table.index, dtype=bool)
        table, given = table[~closed].reset_index(drop=True), given[~closed].reset_index(drop=True)
    axis = next((c for c in ("time", "day", "improvement") if c in table.columns), None)
    return on_grid(table, given, axis, limit) if axis else table


def _of_hidden_differences(table: "pd.DataFrame", results: "pd.DataFrame") -> "pd.Series":
    """Numbers needed to treat of which the difference is not shown, whose inverse they are."""
    import pandas as pd

    keys = ["analysis", "cohort", "outcome", "visit", "variant", "arm", "reference"]
    gone = results[results["quantity"].eq("risk_difference") & results["hidden"].ne("")]
    of = pd.MultiIndex.from_frame(table.rename(columns={"response": "variant"})[keys].fillna(""))
    return pd.Series(of.isin(pd.MultiIndex.from_frame(gone[keys].fillna(""))), table.index)


def release_clusters(table: "pd.DataFrame", limit: Limits) -> "pd.DataFrame":
    """Release what therapists or clinics had, by size: nothing of those with few patients, whose place would bound it either."""
    import pandas as pd

    groups = [name for name in table.columns if name not in (*CLUSTER_NUMBERS, "fewest", "hidden")]
    # who knows how many patients one had would know the estimate too
    hide(table, few(table["fewest"], max(limit.cell, limit.sd)), ["estimate", "low", "high"], "few_people")
    order = pd.DataFrame({"group": table.groupby(groups, sort=False).ngroup(), "last": table["hidden"] != ""})
    table = table.loc[order.sort_values(["group", "last"], kind="stable").index]
    table["rank"] = table.groupby(groups, sort=False).cumcount() + 1
    return table.drop(columns="fewest").reset_index(drop=True)


def release_dropout(table: "pd.DataFrame", limit: Limits) -> "pd.DataFrame":
    """Release who was lost when and why: of an arm everything, or one row that tells only how many it had.

    How many are measured at each visit is no secret, so that reasons within a visit would be told by complements.
    """
    import pandas as pd

    parts = []
    for _, mine in table.groupby(["analysis", "cohort", "outcome", "arm"], sort=False):
        shown = mine.astype({"n": "Int64"})
        if few(mine["n"], limit.cell).any():
            shown = shown.head(1).assign(
                visit="", reason="", n=lambda rows: rows["n"].mask(rows["n"] > 0), hidden="few_people"
            )
        parts.append(shown)
    return pd.concat(parts, ignore_index=True) if parts else table


def release_lost(table: "pd.DataFrame", limit: Limits) -> "pd.DataFrame":
    """Release the baseline of the lost beside the kept: no mean of few, and of a category all levels or none."""
    import pandas as pd

    numbers = ["lost", "lost_sd", "kept", "kept_sd", "standardised_difference"]
    fewest = pd.concat([table["n_lost"], table["n_kept"]], axis=1).min(axis=1)
    hide(table, few(fewest, limit.sd), numbers, "own_value")
    if limit.cell > 1 and len(table):
        # beside the released baseline of all, a share among the kept tells the count among the lost
        groups = ((table["n_lost"], table["lost"]), (table["n_kept"], table["kept"]))
        cells = [n * share for n, share in groups] + [n * (1 - share) for n, share in groups]
        small = pd.concat([few(one.round(), limit.cell) for one in cells], axis=1).any(axis=1) & (table["level"] != "")
        by = [table[name] for name in ("analysis", "cohort", "outcome", "variable")]
        hide(table, small.groupby(by).transform("any"), numbers, "few_people")
        hide(table, few(fewest, limit.cell) & (table["level"] == ""), numbers, "few_people")
    return table


def release_balance(table: "pd.DataFrame", limit: Limits) -> "pd.DataFrame":
    """Release what weighted groups differed by: of a category all levels, or none where few people are in one or out of it."""
    by = [table[name] for name in ("analysis", "cohort", "outcome", "visit", "variable")]
    hide(table, few(table["fewest"], limit.cell).groupby(by).transform("any"), ["before", "after"], "few_people")
    return table.drop(columns="fewest")


def on_grid(table: "pd.DataFrame", given: "pd.DataFrame", axis: str, limit: Limits) -> "pd.DataFrame":
    """Keep of a curve the steps at which 0 or enough people came or went since the step before.

    How many events there were in all is told elsewhere, so that 0 or enough must also be left between the last step and the end,
    and without an event at every step (`given`: the table before anything of it was hidden). Of amounts (`improvement`), the
    steps that all or none reach would tell the least and most.
    """
    import pandas as pd

    people = counts(table)
    texts = [str(c) for c in table.columns if not pd.api.types.is_numeric_dtype(table[c].dtype) and c != "hidden"]
    kept: list[Any] = []
    for _, mine in table.groupby(texts, sort=False, dropna=False):
        ordered = mine.sort_values(axis, kind="stable")
        numbers = given.loc[ordered.index, people].fillna(0).astype(float)
        events = numbers.get("n_events", pd.Series(0.0, numbers.index))
        if {"n_at_risk", "n_events"} <= {*numbers}:
            # who is no longer at risk and had no event was lost
            numbers["lost"] = numbers["n_at_risk"].iloc[0] - numbers["n_at_risk"] - events.shift(1).fillna(0.0)
        whole = next((numbers[c].iloc[0] for c in ("n", "n_at_risk") if c in numbers), float("inf"))
        beyond = pd.concat([events, whole - events], axis=1).min(axis=1)
        closed = ordered["hidden"].ne("") | few(whole - events, limit.cell)
        if axis == "improvement":
            closed |= beyond < limit.beyond
        counted = list(numbers)
        last, steps = {c: 0.0 if c == "n_events" else float(numbers[c].iloc[0]) for c in counted}, []
        for index in ordered.index[~closed]:
            if not any(0 < abs(numbers[c][index] - last[c]) < limit.cell for c in counted):
                steps.append(index)
                last = numbers.loc[index].to_dict()
        while steps and 0 < abs(events.iloc[-1] - events[steps[-1]]) < limit.cell:
            steps.pop()
        kept += steps
    return table.loc[sorted(kept)].reset_index(drop=True)


def withheld(released: "dict[str, pd.DataFrame]", before: dict[str, int]) -> "pd.DataFrame":
    """Count by table and reason the rows of which numbers are not shown, or that a curve lost (`before`: rows of side tables)."""
    import pandas as pd

    parts = [
        table.loc[table["hidden"] != "", ["hidden"]].assign(section=name)
        for name, table in released.items()
        if "hidden" in table.columns
    ]
    for name in [name for name in before if name in released]:
        lost = before[name] - len(released[name])
        parts.append(pd.DataFrame({"hidden": ["withheld"] * lost, "section": [name] * lost}, dtype="str"))
    rows = pd.concat(parts).groupby(["section", "hidden"], sort=True).size()
    return rows.rename("n").reset_index().rename(columns={"hidden": "reason"})[["section", "reason", "n"]]
