"""Whom did it harm? Adverse events per person and per session, in the arms that patients were allocated to."""

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from needling.analysis.results import Output, Question, comparisons, complete, favoured, mean_rows, structured
from needling.study.derived import Where
from needling.study.keys import Name, Section, StudyError, nearest, words
from needling.study.plan import Study
from needling.study.settings import KindSettings
from needling.study.sources import EventTable

if TYPE_CHECKING:
    import pandas as pd

READS = ("adverse_events",)
USUAL = ("kind", "severity", "related")
NOT_STATED, UNCLASSIFIED = "not_stated", "unclassified"
# what a term is about: factor and level
ANY = ("adverse_event", "any")


class Soreness(Section):
    """Where the session table has soreness after needling."""

    columns: dict[float, Name] = Field(
        min_length=2,
        description="Hours after the session -> column of the sessions, two times or more, e.g. {24: soreness_24h}.",
    )
    unit: str = Field(description="Unit, e.g. 0-10 points.")


class Settings(KindSettings):
    """Adverse events: people and sessions with one, by kind, severity, relatedness and classes, and soreness over hours."""

    kind: Literal["harms"]
    people: Literal["allocated", "treated"] = Field(
        "allocated",
        description="Who could have had an event: everybody allocated (default, so that the arms stay comparable), or those with a "
        "session on record. Nobody changes arms.",
    )
    by: list[Name] | None = Field(
        None,
        description="Columns of the adverse events that events are told apart by. Default: kind, severity and related, as far as "
        "the table has them.",
    )
    classes: dict[Name, dict[Name, Where]] = Field(
        default_factory=dict,
        description="Classifications: name -> class -> column -> values, e.g. minor_major: {minor: {severity: [mild, moderate]}, "
        "major: {severity: severe}}. An event is in one class at most. No default: which event is major is for the study to say.",
    )
    serious: Where = Field(
        default_factory=dict,
        description="Column -> values of the serious events, which are listed for a narrative by the authors. No default: severe "
        "is not serious.",
    )
    soreness: Soreness | None = Field(
        None, description="Soreness at hours after a session, shown as a course. Default: none."
    )

    def check_plan(self, name: str, study: Study) -> None:
        """Refuse what cannot be said of events, columns and values that are not there, and comparisons without randomisation."""
        place, table = f"analyses.{name}", study.events.adverse_events
        if table is None:
            raise ValueError(f"{place}: the study has no table events.adverse_events; name its columns there")
        if self.outcomes or self.adjust or self.observed_at:
            raise ValueError(f"{place}: harms are counted for everybody; leave outcomes, adjust and observed_at out")
        if study.primary == name:
            raise ValueError(f"{place}: harms are no primary result of this report; name an analysis of an outcome")
        if self.family or self.framework != "superiority":
            raise ValueError(f"{place}: harms are estimated and not tested; leave family, framework and margin out")
        if self.contrasts not in ("reference", "pairwise"):
            raise ValueError(f"{place}: arms are compared with the reference or in pairs; there is no trend of harms")
        if "contrasts" in self.model_fields_set and study.design != "randomised":
            raise ValueError(
                f"{place}.contrasts: without randomisation a difference in harms between arms is also one of who was in them, and "
                "nothing here adjusts for that; leave contrasts out, and each arm is described by itself"
            )
        for column in self.by or []:
            if column not in table.columns:
                raise ValueError(f"{place}.by: adverse_events has no column '{column}'{nearest(column, table.columns)}")
        for kind, classes in self.classes.items():
            for one, where in classes.items():
                _check_values(where, table, f"{place}.classes.{kind}.{one}")
        _check_values(self.serious, table, f"{place}.serious")
        sessions = study.events.sessions
        for column in self.soreness.columns.values() if self.soreness else ():
            if sessions is None or column not in sessions.columns:
                known = sessions.columns if sessions else ()
                raise ValueError(f"{place}.soreness: sessions have no column '{column}'{nearest(column, known)}")


def _check_values(where: dict[str, list[str]], table: EventTable, place: str) -> None:
    """A class that nobody had is a finding, so that a misspelt value must not look like one: the column lists its codes."""
    for column, values in where.items():
        if column not in table.columns:
            raise ValueError(f"{place}: adverse_events has no column '{column}'{nearest(column, table.columns)}")
        codes = table.columns[column].codes
        if not codes:
            raise ValueError(
                f"{place}: list the codes of events.adverse_events.columns.{column}, so that a misspelt value shows"
            )
        for value in values:
            if value not in codes.values():
                raise ValueError(f"{place}: {column} is never '{value}'{nearest(value, codes.values())}")


def run(data: "dict[str, pd.DataFrame]", question: Question) -> Output:
    """Count people and sessions with adverse events, and estimate shares, rates, differences and ratios.

    Parameters
    ----------
    data : patients and sessions of one cohort (frames), adverse_events (clean, all patients; columns patient, session where
        the study has it, and what events are told apart by).
    question : its settings are those of this kind.

    Returns
    -------
    Output with rows of four quantities, whose `term` is [[what, which]]: share of people (variant per_person; exact interval) and
    its risk_difference (Newcombe); session_rate, the share of sessions (per_session; robust by patient, or exact for few),
    and its rate_ratio. `n_events` are the people with the event, `n_observations` the sessions. And means of soreness at
    hours (variant course; `at`). No row has a test. An event of a session that is not on record counts for its person alone;
    [["session", "not_on_record"]] says for how many. An arm without anybody, sessions that events do not name, and ratios of
    too few are rows with the status not_estimated.
    """
    import pandas as pd

    settings, sessions = question.settings, data["sessions"]
    people = data["patients"]
    if settings.people == "treated":
        people = people[people["patient"].isin(sessions["patient"])]
    events = data["adverse_events"]
    events = events[events["patient"].isin(people["patient"])].reset_index(drop=True)
    sessions = sessions[sessions["patient"].isin(people["patient"])]
    linked = "session" in events.columns
    made: list[dict[str, Any]] = []
    for term, rows in _groups(events, question, sessions if linked else None):
        made += _per_person(term, rows, people, question)
        if term[0] != "session" and (linked or term == ANY):
            made += _per_session(term, rows if linked else None, sessions, people, question)
    parts = [complete(pd.DataFrame(made), question, better="lower")]
    parts[0]["favours"] = favoured(parts[0])
    if settings.soreness:
        parts.append(_soreness(sessions, question))
    return Output(pd.concat(parts, ignore_index=True))


def _arms(question: Question) -> tuple[str, ...]:
    return question.arms or ("",)


def _of_arm(rows: "pd.DataFrame", arm: str) -> "pd.DataFrame":
    return rows[rows["arm"] == arm] if arm else rows


def _chosen(events: "pd.DataFrame", where: dict[str, list[str]]) -> "pd.Series":
    import pandas as pd

    kept = pd.Series(True, index=events.index)
    for column, values in where.items():
        kept &= events[column].isin(values)
    return kept


def _groups(
    events: "pd.DataFrame", question: Question, sessions: "pd.DataFrame | None"
) -> "list[tuple[tuple[str, str], pd.DataFrame]]":
    """What events are told apart by: factor and level, with the rows of each; classes that nobody had are there too."""
    import pandas as pd

    settings = question.settings
    found = [(ANY, events)]
    for column in settings.by if settings.by is not None else [one for one in USUAL if one in events.columns]:
        levels = events[column].astype("str").where(events[column].notna(), NOT_STATED)
        found += [((column, level), events[levels == level]) for level in sorted(levels.unique())]
    for name, classes in settings.classes.items():
        masks = {one: _chosen(events, where) for one, where in classes.items()}
        together = pd.concat(masks, axis=1).sum(axis=1)
        if (together > 1).any():
            raise StudyError(
                f"analyses.{question.analysis}.classes.{name}: {int((together > 1).sum())} adverse events are in two classes; an "
                "event is in one at most, so make their values exclude each other."
            )
        found += [((name, one), events.loc[mask]) for one, mask in masks.items()]
        left = events.loc[together == 0]
        found += [((name, UNCLASSIFIED), left)] if len(left) else []
    if settings.serious:
        serious = events[_chosen(events, settings.serious)]
        found.append((("serious", "any"), serious))
        if "kind" in events.columns:
            found += [(("serious", str(kind)), rows) for kind, rows in serious.groupby("kind", sort=True)]
    if sessions is not None:
        keys = ["patient", "session"]
        known = events.set_index(keys).index.isin(sessions.set_index(keys).index)
        found += [(("session", "not_on_record"), events[~known])] if (~known).any() else []
    return found


def _place(term: tuple[str, str], variant: str, arm: str, reference: str = "") -> dict[str, Any]:
    return {"term": structured([list(term)]), "variant": variant, "arm": arm, "reference": reference}


NOTHING = {"method": "counts", "status": "not_estimated"}


def _per_person(
    term: tuple[str, str], rows: "pd.DataFrame", people: "pd.DataFrame", question: Question
) -> list[dict[str, Any]]:
    """Rows of the people with an event: the share of each arm, and the differences where the design compares arms."""
    from needling.analysis.proportions import exact_share, risk_difference

    level = question.settings.level
    hit = people.assign(hit=people["patient"].isin(rows["patient"]))
    counts = {arm: (int(mine["hit"].sum()), len(mine)) for arm in _arms(question) for mine in [_of_arm(hit, arm)]}
    made = []
    for arm, (events, n) in counts.items():
        row = _place(term, "per_person", arm) | {"quantity": "share", "n_patients": n, "n_events": events}
        told = (
            exact_share(events, n, level) | {"status": "converged"} if n else NOTHING | {"note": "nobody in this arm"}
        )
        made.append(row | told)
    for pair in _compared(question) if term[0] != "session" else []:
        (events, n), (others, m) = counts[pair.arm], counts[pair.reference]
        row = _place(term, "per_person", pair.arm, pair.reference) | {"quantity": "risk_difference"}
        row |= {"n_patients": n + m, "n_events": events + others}
        if n and m:
            made.append(row | risk_difference(events, n, others, m, level) | {"status": "converged"})
        else:
            made.append(row | NOTHING | {"note": "nobody in an arm"})
    return made


def _per_session(
    term: tuple[str, str],
    rows: "pd.DataFrame | None",
    sessions: "pd.DataFrame",
    people: "pd.DataFrame",
    question: Question,
) -> list[dict[str, Any]]:
    """Rows of the sessions with an event: the rate of each arm, and the ratios where the design compares arms."""
    from needling.analysis.proportions import FEWEST_PATIENTS, rate_ratio, session_rate

    level = question.settings.level
    counted = {arm: _sessions_of(arm, rows, sessions) for arm in _arms(question)}
    made: list[dict[str, Any]] = []

    def row(arm: str, reference: str, quantity: str, answer: Callable[[], Any], few: str) -> None:
        tables = [counted[one] for one in ([arm, reference] if reference else [arm])]
        counts = {
            "n_patients": sum(len(_of_arm(people, one)) for one in ([arm, reference] if reference else [arm])),
            "n_observations": int(sum(t["sessions"].sum() for t in tables)),
            "n_events": int(sum((t["events"] > 0).sum() for t in tables)),
        }
        if rows is None:
            told, counts["n_events"] = {"note": "adverse events do not name their session"}, 0
        elif any(t.empty for t in tables):
            told = {"note": "no session on record in an arm" if reference else "no session on record in this arm"}
        else:
            told = answer() or {"note": few}
        status = "converged" if "estimate" in told else "not_estimated"
        start = _place(term, "per_session", arm, reference) | {"quantity": quantity} | counts
        made.append(start | {"method": "counts"} | told | {"status": status})

    def numbers(arm: str) -> tuple[Any, Any]:
        return counted[arm]["events"].to_numpy(), counted[arm]["sessions"].to_numpy()

    for arm in counted:
        row(arm, "", "session_rate", lambda arm=arm: session_rate(*numbers(arm), level), "")  # type: ignore[misc]
    for pair in _compared(question):
        row(
            pair.arm,
            pair.reference,
            "rate_ratio",
            lambda pair=pair: rate_ratio(*numbers(pair.arm), *numbers(pair.reference), level),  # type: ignore[misc]
            f"fewer than {FEWEST_PATIENTS} patients with the event in an arm, too few for a ratio",
        )
    return made


def _sessions_of(arm: str, rows: "pd.DataFrame | None", sessions: "pd.DataFrame") -> "pd.DataFrame":
    """Sessions and sessions with an event, one row per patient with a session."""
    keys = ["patient", "session"]
    mine = _of_arm(sessions, arm)
    hit = mine.set_index(keys).index.isin(rows.set_index(keys).index) if rows is not None else False
    return mine.assign(events=hit).groupby("patient").agg(events=("events", "sum"), sessions=("events", "size"))


def _compared(question: Question) -> list[Any]:
    """The comparisons of arms: none where they were not drawn by lot."""
    return comparisons(question) if question.arms and question.study.design == "randomised" else []


def _soreness(sessions: "pd.DataFrame", question: Question) -> "pd.DataFrame":
    """Mean soreness at each hour after a session, by a mixed model with a random intercept of patients, robust by patient."""
    import pandas as pd

    from needling.analysis.fits import common_columns, safe_frame
    from needling.mixed.errors import MixedModelError
    from needling.mixed.fit import fit_mixed

    wanted, unit = question.settings.soreness.columns, question.settings.soreness.unit
    question = replace(question, outcome="soreness", unit=unit, better="lower")
    there = {f"{hours:g}": sessions.get(column) for hours, column in sorted(wanted.items())}
    long = [
        sessions[["patient", "arm"]].assign(hour=hour, value=cells)
        for hour, cells in there.items()
        if cells is not None
    ]
    rows = pd.concat(long).dropna(subset="value").reset_index(drop=True)
    by = ["arm", "hour"] if rows["arm"].nunique() > 1 else ["hour"]
    people, method = rows["patient"].nunique(), "mixed_reml"
    few = rows.groupby(by)["patient"].nunique() if len(rows) else pd.Series([0])
    why = "fewer than two patients with soreness in an arm" if few.min() < 2 else ""
    why = why or ("soreness at one time only" if rows["hour"].nunique() < 2 else "")
    if not why:
        frame = safe_frame(rows, by, ["hour"], {"arm": list(question.arms), "hour": list(there)})
        try:
            fit = fit_mixed(f"value ~ {' * '.join(by)}", frame.data, subject="patient", random="1")
            if fit.status != "failed":
                inference = {"df": "satterthwaite", "variance": "CR2", "level": question.settings.level}
                table = fit.means(by=by, **inference)
                arms = [frame.name(str(code)) for code in table["arm"]] if "arm" in by else rows["arm"].iloc[0]
                at = [structured({"hour": float(frame.name(str(code)))}) for code in table["hour"]]
                common = common_columns(fit, frame, method, inference)
                numbers = table[["estimate", "se", "df", "low", "high"]]
                return mean_rows(
                    numbers.assign(arm=arms if question.arms else "", at=at), question, variant="course", **common
                )
            why = frame.words(fit.message)
        except MixedModelError:
            why = "the mixed model could not be fitted"
    told = {"quantity": "mean", "variant": "course", "n_patients": people, "n_observations": len(rows), "unit": unit}
    return complete(pd.DataFrame([told | NOTHING | {"method": method, "note": why}]), question, better="lower")


def _rule(settings: Settings) -> str:
    """By what events are counted as serious where the export does not call them so itself, e.g. 'severity severe'."""
    where = settings.serious
    if not where or any("serious" in column for column in where):
        return ""
    return "; ".join(f"{column.replace('_', ' ')} {' or '.join(map(str, values))}" for column, values in where.items())


def methods(settings: Settings, study: Study) -> list[tuple[str, str]]:
    """What the analysis does, in sentences with codes in braces, and what shows it."""
    everybody = "everybody allocated" if study.design == "randomised" else "everybody"
    who = everybody if settings.people == "allocated" else "everybody with a session on record"
    counted, asked = {
        "randomised": (", counted in the arm that the patient was allocated to", "all arms were asked alike"),
        "cohort": (", counted in the patient's group", "all groups were asked alike"),
        "single_arm": ("", "everybody was asked"),
    }[study.design]
    parts = [
        f"Adverse events as they were recorded{counted}: who had one at least, and at "
        "which share of the sessions. Shares of people have exact intervals (Clopper-Pearson; where nobody or everybody had the "
        "event, the limit is one-sided). Rates per session have intervals from a variance by patient, since some have more events "
        "than others; with fewer than 10 patients with the event they are exact and take sessions as independent.",
    ]
    if study.arms and study.design == "randomised":
        parts.append(
            "Risk differences have Newcombe's score interval; ratios of rates are from a Poisson regression with the variance by "
            "patient."
        )
    elif study.arms:
        parts.append("Groups are not compared, because patients were not allocated at random.")
    for name, classes in settings.classes.items():
        told = [
            "; ".join(f"{k.replace('_', ' ')}: {' or '.join(v)}" for k, v in where.items())
            for where in classes.values()
        ]
        each = ", ".join(f"{words(one).lower()} ({rule})" for one, rule in zip(classes, told, strict=True))
        parts.append(f"{words(name)}: {each}.")
    if rule := _rule(settings):
        parts.append(
            f"Counted as serious: events with {rule}; which were serious in the sense of the regulators is for the authors to tell."
        )
    parts.append("Harms are not tested: an interval that holds no difference does not show that there is none.")
    if settings.soreness:
        parts.append(
            "Soreness: mixed model (REML) of its values at the hours after each session, random intercept of patients, standard "
            "errors by patient."
        )
    return [
        ("model", " ".join(parts)),
        ("uses", who),
        ("missing", f"An event that nobody recorded is none: the shares are right as far as {asked}."),
        ("serious", (_rule(settings) or "told") if settings.serious else "not_told"),
        ("table", "adverse_events"), ("table", "adverse_event_sessions"), ("table", "serious_events"), ("figure", "events"),
        *([("figure", "soreness")] if settings.soreness else []),
    ]  # fmt: skip
