"""Release of results: an estimate goes where it rests on few people with an event, a level or a characteristic."""

import json
from typing import TYPE_CHECKING, Any

from needling.cohort.numbered import without_codes
from needling.release.people import small_subsets
from needling.release.rule import Limits, few, hide
from needling.schema.results import COUNTS, NUMBERS

if TYPE_CHECKING:
    import pandas as pd

    from needling.study.plan import Study

MODEL = ["analysis", "cohort", "outcome"]
QUESTION = ["analysis", "variant", "cohort", "outcome", "site", "subset", "visit", "at", "term"]
VARIABLE = ["cohort", "variable", "visit", "site", "level"]
# estimates that, where they have no arm, are about everybody and compare no arms: they count whom a rule treats
OF_EVERYBODY = ("share", "policy_value", "policy_gain")
FEW_TIMES = 6  # at so many times of an event or fewer the products of whole numbers can be tried
PER_PROTOCOL = "per_protocol"  # variant of those who kept to the protocol
GONE = [*NUMBERS, "n_events", "favours", "note"]


def release_results(tables: "dict[str, pd.DataFrame]", study: "Study", limit: Limits) -> "pd.DataFrame":
    """Release the results of all analyses.

    Parameters
    ----------
    tables : results, people, flow, missingness, baseline, distribution, as the analyses wrote them.
    study : sections patients, analyses.
    limit : the rule's limits.

    Returns
    -------
    The results with hidden, without rows about one therapist, clinic or level of a covariate of kind code. Not shown are: an
    estimate of one person, of an arm that is one person at the visit, or of two people in all (own_value); what a number of at
    most three values, a level of a category, or a guess of the arm, of few people lies under (few_people; the counts of a level
    too); an analysis of a subset that few are in or out of, such as those who kept to the protocol, its counts too (few_people);
    an estimate of 1 to min_cell - 1 events or non-events in an arm, and what compares that arm (few_events); what a curve of few
    steps is made of, where few people had the event or were lost at one of them (few_events); and what rests on whom a rule treats
    where few are or few are not. Where that hides one level of what events are told apart by (`term`
    [[what, which]]), all its levels go, and their names: one row without a level stands for them. Of a group of few, such as
    those of an arm who were treated as another one, it stands for the arm (few_people).
    """
    table = without_codes(tables["results"], study).reset_index(drop=True).copy()
    texts = [name for name in QUESTION if name in table.columns]
    table[texts] = table[texts].fillna("")
    table["hidden"] = ""
    groups = table["n_events"].notna() & few(table["n_patients"], max(limit.cell, limit.sd))
    hide_numbers(table, few(table["n_patients"], limit.sd), "own_value")
    hide_numbers(table, _of_visits(table, tables["missingness"], "measured", limit.mean), "own_value")
    hide_numbers(table, _of_levels(table, tables["baseline"], limit.mean, VARIABLE), "own_value")
    if limit.cell > 1:
        hide_numbers(table, _of_visits(table, tables["distribution"], "fewest", limit.cell), "few_people")
        of_levels = _of_levels(table, tables["baseline"], limit.cell, [*VARIABLE, "arm"])
        hide_numbers(table, of_levels, "few_people")
        # how many have a level in all, beside how many have it in the arm in which they are shown, tells the other arm's
        hide(table, of_levels & _at_levels(table), list(COUNTS), "few_people")
        subset = _of_subsets(table, tables, study, limit)
        hide(table, subset, [*GONE, *COUNTS], "few_people")
        hide_numbers(table, _of_guesses(table, tables.get("guesses"), limit), "few_people")
        hide_numbers(table, _of_events(table, tables["flow"], limit), "few_events")
        hide_numbers(table, _of_arms(table, solvable_curves(tables.get("event_curve"), limit)), "few_events")
    table = _close_groups(table, groups)
    return _close_levels(table) if limit.cell > 1 else table


def hide_numbers(table: "pd.DataFrame", rows: "pd.Series", reason: str) -> None:
    """Hide the estimates of some rows and all that would tell them; how many people they are of stays."""
    estimated = rows & table[list(NUMBERS)].notna().any(axis=1)
    hide(table, rows, list(NUMBERS), reason)
    hide(table, estimated | (rows & table["n_events"].notna()), ["n_events"], reason)
    noted = rows & table["note"].fillna("").ne("")  # why there is no estimate may tell how few there are
    table["hidden"] = table["hidden"].mask(noted & table["hidden"].eq(""), reason)
    for column in ("favours", "note"):
        table[column] = table[column].mask(rows, "")


def _of_visits(table: "pd.DataFrame", observed: "pd.DataFrame", column: str, fewest: int) -> "pd.Series":
    """Rows at a visit (without one: of any visit) at which an arm has fewer people in a column than it takes."""
    import pandas as pd

    small = observed[few(observed[column], fewest)]
    known = set(small[["cohort", "outcome", "visit"]].itertuples(index=False, name=None))
    if column == "fewest":
        known |= {(cohort, outcome, "") for cohort, outcome, _ in known}
    keys = table[["cohort", "outcome", "visit"]].itertuples(index=False, name=None)
    return pd.Series([key in known for key in keys], index=table.index, dtype=bool)


def _of_levels(table: "pd.DataFrame", baseline: "pd.DataFrame", fewest: int, by: list[str]) -> "pd.Series":
    """Rows about a covariate (by term, moderator or subset) of which some level, or rare value of a number, is of few people."""
    import pandas as pd

    is_level = baseline["level"].fillna("") != ""
    people = baseline["count"].where(is_level, baseline["fewest"] if "fewest" in baseline.columns else float("nan"))
    summed = (
        baseline.assign(_people=people.astype("float64"))
        .fillna(dict.fromkeys([*VARIABLE, "arm"], ""))
        .groupby(by)["_people"]
        .sum()
    )
    small = summed[few(summed, fewest)].reset_index()
    known = set(small[["cohort", "variable"]].itertuples(index=False, name=None))
    found = [
        any((cohort, name) in known or (cohort == "" and name in set(small["variable"])) for name in _named(*texts))
        for cohort, *texts in table[["cohort", "term", "at", "subset"]].itertuples(index=False, name=None)
    ]
    return pd.Series(found, index=table.index, dtype=bool)


def _at_levels(table: "pd.DataFrame") -> "pd.Series":
    """Rows at levels of a category, or of a subset: how many people they are of is how many have these levels."""

    def named(text: str) -> bool:
        read = json.loads(text) if text else {}
        return isinstance(read, dict) and any(isinstance(one, str | list) for one in read.values())

    return table["at"].map(named).astype(bool) | table["subset"].map(named).astype(bool)


def _named(*texts: str) -> set[str]:
    """Names in the JSON of a term, a moderator's values or a subset."""
    found: set[str] = set()
    for text in texts:
        try:
            read: Any = json.loads(text) if text else []
        except ValueError:
            continue  # the kind of an event or an exposure
        found |= (
            {str(one[0] if isinstance(one, list) else one) for one in read}
            if isinstance(read, dict | list)
            else {str(read)}
        )
    return found


def _of_subsets(table: "pd.DataFrame", tables: "dict[str, pd.DataFrame]", study: "Study", limit: Limits) -> "pd.Series":
    """Rows of a model of a subset that few people are in, or that leaves out few of those in the analyses of everybody."""
    import pandas as pd

    rows = pd.MultiIndex.from_frame(table[MODEL]).isin(small_subsets(tables, study, limit))
    kept = table["variant"] == PER_PROTOCOL
    plain = (table["subset"] == "") & ~kept & ~table["analysis"].map(lambda name: bool(study.analyses[name].where))
    whole = {key: set(mine.dropna()) for key, mine in table[plain].groupby(["cohort", "outcome"])["n_patients"]}
    measured = tables["missingness"].groupby(["cohort", "outcome", "visit"])["measured"].sum().to_dict()
    beside = []
    for (*of, visit, n), is_plain in zip(table[[*MODEL[1:], "visit", "n_patients"]].to_numpy(), plain, strict=True):
        others = whole.get(tuple(of), set()) | {measured.get((*of, visit), n)}
        gaps = [] if is_plain or pd.isna(n) else [n, *(abs(one - n) for one in others)]
        beside.append(any(0 < gap < limit.cell for gap in gaps))
    small = pd.Series(beside, table.index, dtype=bool)
    # the parts of a subset add up to it
    told = pd.MultiIndex.from_frame(table[MODEL]).isin(pd.MultiIndex.from_frame(table.loc[small & ~kept, MODEL]))
    return pd.Series(rows | told, index=table.index) | (small & kept)


def _of_guesses(table: "pd.DataFrame", guesses: "pd.DataFrame | None", limit: Limits) -> "pd.Series":
    """Rows that tell, with their standard error and number, how many guessed what: of an arm in which few did, and of both arms."""
    import pandas as pd

    known = set()
    for row in [] if guesses is None else guesses[few(guesses["n"], limit.cell)].fillna("").to_dict("records"):
        known |= {(row["analysis"], row["cohort"], row["visit"], arm) for arm in (row["arm"], "")}
    keys = table[["analysis", "cohort", "visit", "arm"]].itertuples(index=False, name=None)
    return pd.Series([key in known for key in keys], index=table.index, dtype=bool)


def _of_events(table: "pd.DataFrame", flow: "pd.DataFrame", limit: Limits) -> "pd.Series":
    """Rows that rest on few events or non-events in an arm or in all; what compares arms needs a row of each that is shown."""
    counted = table["n_events"].notna()
    arms = flow[flow["stage"] == "allocated"].fillna("").groupby("cohort")["arm"].agg(set).to_dict()
    small = counted & (few(table["n_events"], limit.cell) | few(table["n_patients"] - table["n_events"], limit.cell))
    single = (
        counted
        & (table["reference"].fillna("") == "")
        & ((table["arm"].fillna("") != "") | table["cohort"].map(lambda cohort: arms.get(cohort, {""}) == {""}))
    )
    of_everybody = table["quantity"].isin(OF_EVERYBODY) & (table[["arm", "reference"]].fillna("") == "").all(axis=1)
    for key, mine in table[counted].groupby(QUESTION):
        if of_everybody[mine.index].all():
            continue
        shown = set(mine.loc[single & ~small, "arm"].fillna(""))
        needed = arms.get(key[QUESTION.index("cohort")], set().union(*arms.values()))
        if not needed <= shown:
            small.loc[mine.index[~single[mine.index]]] = True
    return small


def solvable_curves(curves: "pd.DataFrame | None", limit: Limits) -> set[tuple[str, ...]]:
    """Analysis, cohort, outcome and arm of the curves whose estimate and number of events tell how many each step is of.

    A Kaplan-Meier estimate is a product over the times at which somebody had the event. Of few such times, as where they are read
    at visits, few products of whole numbers are near it: whoever has the estimate, the events in all and the patients can try them.
    """
    found: set[tuple[str, ...]] = set()
    if curves is None or limit.cell <= 1:
        return found
    by = [*MODEL, "arm"]
    for key, mine in curves.fillna(dict.fromkeys(by, "")).groupby(by, sort=False):
        ordered = mine.sort_values("time", kind="stable")
        events = ordered["n_events"].diff().fillna(ordered["n_events"]).astype(float)
        steps = ordered[events > 0]
        left = (
            ordered["n_at_risk"].astype(float).iloc[0] - steps["n_at_risk"] - (steps["n_events"] - events[events > 0])
        )
        lost = left.diff().fillna(left)
        if len(steps) <= FEW_TIMES and (few(events, limit.cell).any() or few(lost, limit.cell).any()):
            found.add(tuple(str(one) for one in key))
    return found


def _of_arms(table: "pd.DataFrame", arms: set[tuple[str, ...]]) -> "pd.Series":
    """Rows about or against some arms of an analysis, a cohort and an outcome."""
    import pandas as pd

    places = table[[*MODEL, "arm", "reference"]].fillna("").itertuples(index=False, name=None)
    told = [bool({(*place, arm), (*place, reference)} & arms) for *place, arm, reference in places]
    return pd.Series(told, index=table.index, dtype=bool)


def _close_groups(table: "pd.DataFrame", groups: "pd.Series") -> "pd.DataFrame":
    """Withhold what few people had, such as those of an arm who were treated as another: levels, their names, how many they are.

    A comparison that is hidden goes too: its level would be named.
    """
    factors = table["term"].map(lambda text: (_level(text) or ("",))[0])
    keys = [name for name in QUESTION if name not in ("variant", "term")]
    place = [factors.rename("factor"), *(table[name] for name in keys)]
    alone, dropped = table["reference"].fillna("") == "", []
    for (factor, *_), mine in table[groups & alone & (factors != "")].groupby([*place, "arm"], sort=False):
        same = (table[keys] == table.loc[mine.index[0], keys]).all(axis=1) & (factors == factor)
        first, *others = list(mine.index)
        dropped += [*others, *table.index[same & ~alone & (table["hidden"] != "")]]
        _close(table, first, str(factor), "few_people")
    return table.drop(index=sorted(set(dropped))).reset_index(drop=True)


def _close(table: "pd.DataFrame", row: int, factor: str, reason: str) -> None:
    """Make a row stand for all levels of a factor, without numbers and names."""
    table.loc[row, [*NUMBERS, *COUNTS]] = None
    table.loc[row, ["variant", "reference", "favours", "note"]] = ""
    table.loc[row, "term"] = json.dumps([[factor, ""]], ensure_ascii=False)
    table.loc[row, "hidden"] = reason


def _close_levels(table: "pd.DataFrame") -> "pd.DataFrame":
    """Withhold all levels of a factor of which one rests on few events: the other levels, and all, would bound it."""
    terms = [_level(text) if counted else None for text, counted in zip(table["term"], _counted(table), strict=True)]
    levels = table[[name for name in QUESTION if name not in ("variant", "term")]].assign(
        factor=[one[0] if one else "" for one in terms], level=[one[1] if one else "" for one in terms]
    )
    dropped: list[Any] = []
    for (*_, factor), mine in levels[levels["factor"] != ""].groupby([c for c in levels.columns if c != "level"]):
        if mine["level"].nunique() > 1 and (table.loc[mine.index, "hidden"] == "few_events").any():
            first, *others = list(mine.index)
            dropped += others
            _close(table, first, str(factor), "few_events")
            table.loc[first, "arm"] = ""
    return table.drop(index=dropped).reset_index(drop=True)


def _counted(table: "pd.DataFrame") -> "pd.Series":
    return table["n_events"].notna() | (table["hidden"] == "few_events")


def _level(term: str) -> tuple[str, str] | None:
    """Factor and level of a term [[factor, level]]; None of every other."""
    try:
        read: Any = json.loads(term)
    except ValueError:
        return None
    one = read[0] if isinstance(read, list) and len(read) == 1 else None
    return (str(one[0]), str(one[1])) if isinstance(one, list) and len(one) == 2 else None
