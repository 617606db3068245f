"""The release line: every table as the analyses wrote it goes in, the tables that may be shown come out."""

from typing import TYPE_CHECKING

from needling.release.ard import ard
from needling.release.cells import BESIDE, FEW, WHOLE, hidden_cells
from needling.schema import COUNTS, NUMBERS
from needling.study.keys import StudyError

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

    from needling.study.plan import Study

    Rule = Callable[[pd.DataFrame, dict[str, pd.DataFrame], int], pd.DataFrame]

OWN, EVENTS = "own_value", "few_events"
QUANTILES = {"q10": 0.10, "q25": 0.25, "median": 0.50, "q75": 0.75, "q90": 0.90}
# Columns that would tell a person, whatever a kind wrote into its side table.
PERSONAL = {"patient", "visit_row", "row", "line", "record", "minimum", "maximum", "min", "max"}


class DisclosureError(StudyError):
    """Something would leave the house that must not."""


def release(tables: "dict[str, pd.DataFrame]", study: "Study") -> "dict[str, pd.DataFrame]":
    """Decide what of each table may be shown.

    Parameters
    ----------
    tables : by name: results (P adjusted), methods, people, flow, baseline, distribution, missingness, codebook, cleaning, totals,
        reliability, and the side tables of kinds. The analysed and left out of the primary analysis (people) join the flow.
    study : sections made_up, primary, disclosure.

    Returns
    -------
    The released tables by the same names, each with a column `hidden`: '' or the reason why numbers of its row are null
    (few_people, complement, few_events, own_value, withheld); `withheld` (table, reason, n rows) and `ard`, the results in the long form.

    Raises
    ------
    DisclosureError : a table has a row per person or names a person's own values; it is no table for others.
    """
    import pandas as pd

    given = dict(tables)
    given["codebook"] = given["codebook"].drop(columns="missing")
    people = given.pop("people")
    mine = people[people["analysis"] == study.primary].drop(columns="analysis")
    given["flow"] = pd.concat([given["flow"], mine], ignore_index=True)
    released = {}
    for name, table in given.items():
        told = sorted(PERSONAL & set(table.columns)) if name != "codebook" else []
        if told:
            raise DisclosureError(
                f"table {name} has a column {told[0]}: a table about single people or their own values is not shown."
            )
        released[name] = _released(name, table.reset_index(drop=True).assign(hidden=""), given, study)
    counted = [
        table.loc[table["hidden"] != "", ["hidden"]].assign(table=name)
        for name, table in released.items()
        if (table["hidden"] != "").any()
    ]
    hidden = pd.concat(counted) if counted else pd.DataFrame({"hidden": [], "table": []})
    withheld = hidden.groupby(["table", "hidden"], sort=True).size().rename("n").reset_index()
    released["withheld"] = withheld.rename(columns={"hidden": "reason"}).astype(
        {"table": "str", "reason": "str", "n": "int64"}
    )
    released["ard"] = ard(released["results"])
    return released


def gathered(tables: "dict[str, pd.DataFrame]", study: "Study") -> "dict[str, pd.DataFrame]":
    """Put the tables of a run together by name: those of every analysis into one, and what cleaning did in counts.

    Parameters
    ----------
    tables : path -> table: audit and totals of cleaning, what was observed, and the tables of each analysis.
    study : section analyses, whose order the rows keep.

    Returns
    -------
    The tables that `release` takes, by name.
    """
    from pathlib import PurePath

    import pandas as pd

    from needling.clean.workbook import cleaning_summary, taken_out

    order = {analysis: place for place, analysis in enumerate(study.analyses)}
    parts: dict[str, list[tuple[int, pd.DataFrame]]] = {}
    for path, table in tables.items():
        parts.setdefault(PurePath(path).stem, []).append((order.get(PurePath(path).parent.name, 0), table))
    joined = {
        name: pd.concat([table for _, table in sorted(found, key=lambda one: one[0])], ignore_index=True)
        for name, found in parts.items()
    }
    audit = joined.pop("audit")
    return joined | {"cleaning": cleaning_summary(audit), "taken_out": taken_out(audit)}


def _released(name: str, table: "pd.DataFrame", given: "dict[str, pd.DataFrame]", study: "Study") -> "pd.DataFrame":
    rule = study.disclosure.rule
    if rule is None and not study.made_up:
        raise DisclosureError("disclosure.rule is missing in the study file; write 'cells' or 'trial'.")
    if rule is None or table.empty or name in {"methods", "codebook", "missingness"}:
        return table
    if name in {"distribution", "baseline"}:
        table = _own_values(table)
    if rule == "trial":
        return table
    special = {
        "flow": _flow,
        "baseline": _baseline,
        "distribution": _distribution,
        "results": _results,
        "totals": _totals,
    }
    return special.get(name, _any)(table, given, study.disclosure.min_cell)


def _own_values(table: "pd.DataFrame") -> "pd.DataFrame":
    """Empty what is one person's own value: every number of a group of one, SD of two, a quantile with nobody beyond it."""
    n = table["n"].astype(float)
    alone = n <= 1
    numbers = [
        name for name in ("mean", "sd", *QUANTILES, "floor", "ceiling", "standardised_difference") if name in table
    ]
    table = _emptied(table, alone & (table[numbers].notna().any(axis=1)), numbers, OWN)
    table = _emptied(table, n == 2, ["sd"], OWN)
    for name, share in QUANTILES.items():
        if name in table:
            table = _emptied(table, (n * min(share, 1 - share) < 1) & table[name].notna(), [name], OWN)
    return table


def _emptied(table: "pd.DataFrame", where: "pd.Series", columns: "list[str]", reason: str) -> "pd.DataFrame":
    """Empty some columns in some rows and say why; a reason that stands there already stays."""
    table = table.copy()
    for column in columns:
        table[column] = table[column].mask(where)
    table["hidden"] = table["hidden"].mask(where & (table["hidden"] == ""), reason)
    return table


def _flow(table: "pd.DataFrame", given: "dict[str, pd.DataFrame]", minimum: int) -> "pd.DataFrame":
    """Numbers of people at a stage are exact; reasons of few people are hidden, with others."""
    import pandas as pd

    table = table.astype({"n": "Int64"})
    parts = []
    is_reason = table["stage"].isin(["excluded", "left_out"])
    for _, mine in table[is_reason].groupby(["stage", "cohort", "arm", "outcome"], sort=False):
        parts.append(_parts(mine, "n", minimum, withhold=["reason"]))
    return pd.concat([table[~is_reason], *parts]).sort_index(kind="stable").reset_index(drop=True)


def _parts(mine: "pd.DataFrame", count: str, minimum: int, withhold: "list[str]") -> "pd.DataFrame":
    """Hide the small parts of one total and others beside them; where all are withheld, one row stands for them."""
    reasons = hidden_cells([int(n) for n in mine[count]], minimum)
    if WHOLE in reasons:
        whole = mine.head(1).assign(**dict.fromkeys(withhold, ""), hidden=WHOLE)
        return whole.assign(**{count: int(mine[count].sum())})
    hidden = [reason != "" for reason in reasons]
    return mine.assign(hidden=reasons, **{count: mine[count].mask(hidden)})


def _baseline(table: "pd.DataFrame", given: "dict[str, pd.DataFrame]", minimum: int) -> "pd.DataFrame":
    """Levels of few people are hidden with others of the same category and arm; two-valued numbers like them."""
    import pandas as pd

    table = table.astype({"count": "Int64"})
    is_level = table["level"] != ""
    numbers = table[~is_level]
    told = ["mean", "sd", "median", "q25", "q75", "standardised_difference"]
    numbers = _emptied(numbers, numbers["n"] < minimum, told, FEW)
    numbers = _emptied(numbers, numbers["n_values"] <= 2, told, WHOLE)
    for name in ("median", "q25", "q75"):
        share = QUANTILES[name]
        numbers = _emptied(
            numbers, (numbers["n"] * min(share, 1 - share) < minimum) & numbers[name].notna(), [name], FEW
        )
    parts = []
    for _, mine in table[is_level].groupby(["cohort", "variable", "arm"], sort=False):
        reasons = hidden_cells([int(n) for n in mine["count"]], minimum)
        gone = [reason != "" for reason in reasons]
        names = {"level": [f"level {i + 1}" for i in range(len(mine))]} if WHOLE in reasons else {}
        parts.append(
            mine.assign(hidden=reasons, count=mine["count"].mask(gone), percent=mine["percent"].mask(gone), **names)
        )
    if not parts:
        return numbers.reset_index(drop=True)
    levels = pd.concat(parts)
    apart = levels["hidden"].ne("").groupby([levels[k] for k in ("cohort", "variable", "level")]).transform("any")
    levels = levels.assign(standardised_difference=levels["standardised_difference"].mask(apart))
    return pd.concat([numbers, levels]).sort_index(kind="stable").reset_index(drop=True)


def _distribution(table: "pd.DataFrame", given: "dict[str, pd.DataFrame]", minimum: int) -> "pd.DataFrame":
    """Means of few people, quantiles with few beyond them, and shares at the ends of a scale that tell few."""
    n = table["n"].astype(float)
    told = ["mean", "sd", *QUANTILES, "floor", "ceiling"]
    table = _emptied(table, n < minimum, told, FEW)
    table = _emptied(table, table["n_values"] <= 2, told, WHOLE)
    for name, share in QUANTILES.items():
        table = _emptied(table, (n * min(share, 1 - share) < minimum) & table[name].notna(), [name], FEW)
    ends = {end: (table[end] * n).round().fillna(0).astype(int) for end in ("floor", "ceiling")}
    for i in table.index[table["floor"].notna()]:
        middle = int(n[i]) - ends["floor"][i] - ends["ceiling"][i]
        reasons = hidden_cells([ends["floor"][i], ends["ceiling"][i], middle], minimum)
        for end, reason in zip(ends, reasons, strict=False):
            if reason:
                table.loc[i, end] = float("nan")
                table.loc[i, "hidden"] = table.loc[i, "hidden"] or reason
    return table


def _results(table: "pd.DataFrame", given: "dict[str, pd.DataFrame]", minimum: int) -> "pd.DataFrame":
    """Estimates of few patients or few events; a mean of few is hidden with the other arms', which would give it."""
    told = [name for name in NUMBERS if name in table]
    patients = table["n_patients"].astype("Float64").fillna(minimum).astype(float)
    table = _emptied(table, patients < minimum, told, FEW)
    events = table["n_events"].astype("Float64").astype(float)
    others = patients - events
    tells = ((events > 0) & (events < minimum)) | ((others > 0) & (others < minimum))
    place = ["analysis", "cohort", "outcome", "variant", "site", "visit", "at", "term"]
    together = tells.groupby([table[name] for name in place]).transform("any") & events.notna()
    table = _emptied(table, together, [*told, "n_events"], EVENTS)
    keys = ["cohort", "outcome", "visit", "arm"]
    measured = given["flow"][given["flow"]["stage"] == "measured"].set_index(keys)["n"]
    mean = table["quantity"].isin(["mean", "change"]) & (table["reference"] == "")
    few = mean & [measured.get(tuple(row), minimum) < minimum for row in table[keys].itertuples(index=False, name=None)]
    two = given["distribution"].groupby(["cohort", "outcome"])["n_values"].max()
    few |= mean & [two.get(tuple(row), 3) <= 2 for row in table[keys[:2]].itertuples(index=False, name=None)]
    return _emptied(table, few.groupby([table[name] for name in place]).transform("any") & mean, told, FEW)


def _totals(table: "pd.DataFrame", given: "dict[str, pd.DataFrame]", minimum: int) -> "pd.DataFrame":
    """Findings about few questionnaires are hidden with others of the same instrument."""
    import pandas as pd

    table = table.astype({"n": "Int64"})
    parts = [_parts(mine, "n", minimum, ["finding", "reason"]) for _, mine in table.groupby("instrument", sort=False)]
    return pd.concat(parts, ignore_index=True)


def _any(table: "pd.DataFrame", given: "dict[str, pd.DataFrame]", minimum: int) -> "pd.DataFrame":
    """Any other table: a row that counts few people, or few events, keeps its place and loses its numbers."""
    counts = [name for name in table.columns if name in {"n", "count", *COUNTS} or name.startswith("n_")]
    few = table["hidden"] != table["hidden"]
    for name in counts:
        number = table[name].astype("Float64").astype(float)
        few |= (number > 0) & (number < minimum)
    import pandas as pd

    numbers = [name for name in table.columns if pd.api.types.is_numeric_dtype(table[name].dtype)]
    table = table.astype({name: "Int64" for name in counts if pd.api.types.is_integer_dtype(table[name].dtype)})
    return _emptied(table, few, numbers, FEW)


__all__ = ["BESIDE", "DisclosureError", "release"]
