"""The study file held against itself: names that are not defined, a column used for two things, parts that contradict."""

from itertools import pairwise
from typing import Any

from needling.schema.contract import is_date
from needling.study.analyses import Cohort
from needling.study.derived import CODES, Strategy
from needling.study.disclosure import Shared
from needling.study.keys import nearest
from needling.study.plan import Study


def check(study: Study) -> Study:
    """Refuse a study file that names what it does not define, or whose parts contradict one another.

    Parameters
    ----------
    study : the study file, each section of which is right by itself.

    Returns
    -------
    The study, as it came.

    Raises
    ------
    ValueError : with the sentence.
    """
    _known("visits.primary", study.visits.primary, study.visits.schedule)
    _known("primary analysis", study.primary, study.analyses)
    if (study.patients.arm is None) != (study.design == "single_arm"):
        raise ValueError("design single_arm has no patients.arm, and every other design needs one")
    if study.patients.arm and study.patients.arm.codes:
        _known("patients.arm.reference", study.patients.arm.reference, study.patients.arm.codes.values())
    if len(study.cohorts) > 1 and study.patients.cohort is None:
        raise ValueError("patients.cohort must name the column that tells the cohorts apart")
    _check_codes(study)
    _check_hypotheses(study)
    _check_published(study)
    check_used_once(study)
    _check_windows(study)
    _check_derived(study)
    _check_events(study)
    offered = {outcome for cohort in study.cohorts.values() for outcome in cohort.outcomes}
    for name, cohort in study.cohorts.items():
        for instrument in cohort.outcomes.values():
            for one in [instrument] if isinstance(instrument, str) else instrument:
                _known(f"cohorts.{name}: instrument", one, study.instruments)
        _check_sites(study, name, cohort)
    for name, settings in study.instruments.items():
        if settings.missing_with:
            _known(f"instruments.{name}.missing_with", settings.missing_with, study.instruments)
            if settings.missing_with == name:
                raise ValueError(f"instruments.{name}.missing_with names the instrument itself; name another one")
        for visit in [*settings.item_visits, *(settings.total if isinstance(settings.total, dict) else [])]:
            _known(f"instruments.{name}: visit", visit, study.visits.schedule)
    for name, analysis in study.analyses.items():
        _check_analysis(study, name, analysis, offered)
    _check_hours(study)
    _check_disclosure(study)
    for name, shared in study.disclosure.share.items():
        _check_shared(study, name, shared, offered)
    return study


def _check_hypotheses(study: Study) -> None:
    """What a hypothesis names must be defined, and its analysis be of the family."""
    for name, family in study.families.items():
        mine = [one for one, plan in study.analyses.items() if plan.family == name]
        for label, one in family.hypotheses.items():
            place = f"families.{name}.hypotheses.{label}"
            outcomes = {o for a in mine if one.analysis in (None, a) for o in study.analyses[a].outcomes}
            for what, given, names in (
                ("analysis of the family", one.analysis, mine),
                ("cohort", one.cohort, study.cohorts),
                ("outcome of its analyses", one.outcome, outcomes),
                ("arm", one.arm, study.arms),
                ("reference", one.reference, study.arms),
            ):
                if given is not None:
                    _known(f"{place}: {what}", given, names)


def _check_published(study: Study) -> None:
    """What a published number is about must be defined in the plan."""
    offered = {outcome for cohort in study.cohorts.values() for outcome in cohort.outcomes}
    for number, one in enumerate(study.published, 1):
        for what, given, names in (
            ("analysis", one.analysis, study.analyses),
            ("cohort", one.cohort, study.cohorts),
            ("outcome", one.outcome, offered),
            ("visit", one.visit, study.visits.schedule),
            ("arm", one.arm, study.arms),
            ("reference", one.reference, study.arms),
        ):
            if given is not None:
                _known(f"published, entry {number}: {what}", given, names)


def _check_disclosure(study: Study) -> None:
    rule = study.disclosure.rule
    if rule is None and not study.made_up:
        raise ValueError(
            "disclosure.rule is missing; write 'cells' (counts of few people are hidden) or 'trial' (aggregates are exact; "
            "with by, date and why)"
        )
    if rule == "trial" and not (
        study.made_up or (study.disclosure.by and study.disclosure.date and study.disclosure.why)
    ):
        raise ValueError(
            "disclosure: the rule trial needs by, date and why: who decided that aggregates are exact, when, why"
        )


def _check_shared(study: Study, name: str, shared: Shared, offered: set[str]) -> None:
    for covariate in [*shared.covariates, *shared.spans]:
        _known(f"disclosure.share.{name}: covariate", covariate, study.patients.covariates)
        if covariate in study.code_covariates:
            raise ValueError(
                f"disclosure.share.{name}: '{covariate}' is a code of a person, which no file for others holds"
            )
    for covariate in shared.spans:
        if study.patients.covariates[covariate].codes or study.patients.covariates[covariate].kind == "category":
            raise ValueError(
                f"disclosure.share.{name}.spans: '{covariate}' is a category, and only numbers have spans; take it out"
            )
    for outcome in shared.outcomes:
        _known(f"disclosure.share.{name}: outcome", outcome, offered)
    for visit in shared.visits:
        _known(f"disclosure.share.{name}: visit", visit, study.visits.schedule)


def _check_codes(study: Study) -> None:
    for code, name in ((study.patients.cohort.codes if study.patients.cohort else None) or {}).items():
        _known(f"patients.cohort.codes.{code}: cohort", name, study.cohorts)
    for code, name in ((study.visits.planned.codes if study.visits.planned else None) or {}).items():
        _known(f"visits.planned.codes.{code}: visit", name, [*study.visits.schedule, "unscheduled"])


def _check_analysis(study: Study, name: str, analysis: Any, offered: set[str]) -> None:
    for outcome in analysis.outcomes:
        _known(f"analyses.{name}: outcome", outcome, offered)
    _check_covariates(study, name, analysis)
    if analysis.observed_at:
        _known(f"analyses.{name}: visit", analysis.observed_at, study.visits.schedule)
    if analysis.estimand:
        _known(f"analyses.{name}: estimand", analysis.estimand, study.estimands)
    if analysis.family:
        _known(f"analyses.{name}: family", analysis.family, study.families)
    if analysis.reference:
        _known(f"analyses.{name}: reference", analysis.reference, study.arms)
    if (analysis.framework == "superiority") != (analysis.margin is None):
        raise ValueError(f"analyses.{name}: a margin belongs to non_inferiority and equivalence, which need one")
    _check_protocol(study, name, analysis)
    asked: Any = getattr(analysis, "contrasts", "reference")
    for one in asked if isinstance(asked, list) else [asked]:
        _check_contrasts(study, name, getattr(one, "compare", one))
    _check_strategies(name, analysis, study)
    _check_known_at_day_0(name, analysis, study)
    analysis.check_plan(name, study)


def _check_covariates(study: Study, name: str, analysis: Any) -> None:
    for covariate in [*analysis.adjust, *analysis.where]:
        _known(f"analyses.{name}: covariate", covariate, study.covariate_names)
    for covariate, levels in analysis.where.items():
        if covariate in study.code_covariates:
            raise ValueError(
                f"analyses.{name}.where: '{covariate}' is a code that the project deals at random; no level can be named"
            )
        listed = study.patients.covariates[covariate].codes if covariate in study.patients.covariates else None
        for level in [levels] if isinstance(levels, str) else levels:
            if listed:
                _known(f"analyses.{name}.where.{covariate}: level", level, [*dict.fromkeys(listed.values())])


def _check_protocol(study: Study, name: str, analysis: Any) -> None:
    """Non-inferiority stands beside those who kept to the protocol, wherever the data tell who did."""
    broken = getattr(analysis, "per_protocol", None)
    if broken is None:
        if analysis.framework == "non_inferiority" and study.intercurrent_events:
            raise ValueError(
                f"analyses.{name}: non-inferiority is also read in those who kept to the protocol; name in per_protocol the "
                f"intercurrent events that break it ({', '.join(study.intercurrent_events)})"
            )
        return
    if analysis.framework != "non_inferiority" or not analysis.outcomes or not broken:
        raise ValueError(
            f"analyses.{name}: per_protocol belongs to non_inferiority, and names events that break the protocol"
        )
    for event in broken:
        _known(f"analyses.{name}.per_protocol: event", event, study.intercurrent_events)


def _check_contrasts(study: Study, name: str, asked: Any) -> None:
    """A trend needs the dose of every arm, weights are of arms that there are and add up to 0."""
    if isinstance(asked, dict):
        for arm in asked:
            _known(f"analyses.{name}.contrasts: arm", arm, study.arms)
        if abs(sum(asked.values())) > 1e-9 or not any(asked.values()):
            raise ValueError(f"analyses.{name}.contrasts: weights of arms add up to 0 and are not all 0")
    dose = study.patients.arm.dose if study.patients.arm else {}
    if asked == "trend" and (set(dose) != set(study.arms) or len(set(dose.values())) < 2):
        raise ValueError(
            f"analyses.{name}: a trend needs patients.arm.dose, a number for every arm, and two that differ"
        )


def _check_sites(study: Study, name: str, cohort: Cohort) -> None:
    """Several instruments of an outcome are all of sites, each of another, or none is."""
    for outcome, instruments in cohort.outcomes.items():
        sites = [study.instruments[one].site for one in instruments] if isinstance(instruments, list) else []
        if any(sites) and (None in sites or len(set(sites)) < len(sites)):
            raise ValueError(
                f"cohorts.{name}.outcomes.{outcome}: instruments of one outcome either have each a site of its own (they stay "
                "apart), or none has one (each patient has one of them, and they are pooled)"
            )


def _check_hours(study: Study) -> None:
    """Visits told by their hour need a name in the export, since its dates tell days."""
    timed = [name for name, plan in study.visits.schedule.items() if plan.hours is not None]
    if timed and study.visits.planned is None and study.export.shape != "patient":
        raise ValueError(
            f"visits.schedule.{timed[0]} has hours, so that a date cannot tell it; name the column that does in visits.planned"
        )


def _check_derived(study: Study) -> None:
    """Refuse derived covariates that name what the study does not have."""
    for name, one in study.covariates.items():
        place = f"covariates.{name}"
        if name in study.patients.covariates:
            raise ValueError(f"{place}: patients.covariates has one of this name; rename one of the two")
        if one.instrument is not None:
            _known(f"{place}: instrument", one.instrument, study.instruments)
            _known(f"{place}: visit", str(one.visit), study.visits.schedule)
            continue
        _known(f"{place}: visit", str(one.until), study.visits.schedule)
        _check_rows(study, place, str(one.table), one.where)
        if one.column:
            _known(f"{place}: column", one.column, getattr(study.events, str(one.table)).columns)
        if one.take == "share_of_sessions" and study.events.sessions is None:
            raise ValueError(f"{place}: a share of sessions needs the table events.sessions")


def _check_events(study: Study) -> None:
    """Refuse intercurrent events that name what the study does not have, and estimands that leave one out."""
    for name, event in study.intercurrent_events.items():
        place = f"intercurrent_events.{name}"
        _check_rows(study, place, event.table, event.where)
        columns = getattr(study.events, event.table).columns
        _known(f"{place}: column of the day", "date" if event.day == "day" else event.day, columns)
        if event.day != "day" and not is_date(event.day):
            raise ValueError(
                f"{place}: the column '{event.day}' holds no dates; those are called date_..., or ..._date"
            )
    for name, estimand in study.estimands.items():
        for part in ("population", "treatment", "variable", "summary"):
            if not getattr(estimand, part):
                raise ValueError(f"the key 'estimands.{name}.{part}' is missing; add it")
        place = f"estimands.{name}.intercurrent_events"
        for named, strategy in estimand.intercurrent_events.items():
            if named in study.intercurrent_events and not isinstance(strategy, Strategy):
                raise ValueError(f"{place}.{named}: there is no strategy '{strategy}'{nearest(strategy, CODES)}")
            if named not in study.intercurrent_events and isinstance(strategy, Strategy):
                raise ValueError(
                    f"{place}: the event '{named}' is not under intercurrent_events"
                    f"{nearest(named, study.intercurrent_events)}; define it there, or write its strategy in words"
                )
        for known_event in study.intercurrent_events:
            if known_event not in estimand.intercurrent_events:
                raise ValueError(
                    f"{place}: no strategy is named for the event '{known_event}'; name one ({', '.join(CODES)})"
                )


def _check_rows(study: Study, place: str, table: str, where: dict[str, list[str]]) -> None:
    settings = getattr(study.events, table)
    if settings is None:
        raise ValueError(f"{place}: the study has no table events.{table}")
    for column, values in where.items():
        _known(f"{place}: column", column, settings.typed_columns)
        codes = settings.typed_columns[column].codes
        for value in values if codes else []:
            _known(f"{place}: value of {column}", value, codes.values())


def _check_strategies(name: str, analysis: Any, study: Study) -> None:
    """Refuse strategies that an analysis of this kind cannot follow."""
    for event, strategy in study.strategies(name).items():
        place = f"analyses.{name}: the estimand {analysis.estimand} answers {event} by {strategy.strategy}"
        if strategy.strategy not in analysis.strategies:
            raise ValueError(
                f"{place}, which the kind {analysis.kind} cannot follow; it can {' or '.join(sorted(analysis.strategies))}"
            )
        if strategy.strategy != "composite":
            continue
        if analysis.binary and strategy.value is not None:
            raise ValueError(
                f"{place} with a value, but the kind {analysis.kind} has two-valued outcomes; leave it out"
            )
        if not analysis.binary and any(strategy.value_of(outcome) is None for outcome in analysis.outcomes):
            raise ValueError(f"{place}, which needs the value of every outcome after the event; add value")
        if isinstance(strategy.value, float) and len(analysis.outcomes) > 1:
            raise ValueError(f"{place} with one value for several outcomes; give a value for each")


def _check_known_at_day_0(name: str, analysis: Any, study: Study) -> None:
    """Refuse covariates from after day 0 in analyses that are not exploratory: what the arms did may show in them."""
    asked = getattr(analysis, "interaction", None)
    later = study.known_after_day_0([*analysis.adjust, *analysis.where, *([asked] if asked else [])])
    if later and study.role(name) != "exploratory":
        raise ValueError(
            f"analyses.{name}: the covariate '{later[0]}' is from after day 0, so that no effect can be adjusted for it; leave it "
            "out, or write role: exploratory, and the report says association"
        )


def check_used_once(study: Study) -> None:
    """Refuse a column that is taken for two things which cannot be the same, and arms that are only one.

    Raises
    ------
    ValueError : with the sentence. An item may also be an outcome of its own, and a fact may be coded in two ways.
    """
    patients = study.patients
    groups = {"arm": patients.arm, "cohort": patients.cohort, "excluded": patients.excluded}
    named = [(f"patients.{name}", column.source.strip()) for name, column in groups.items() if column]
    named += [("patients.id", patients.id_columns[-1])]
    _once(named)
    for name, column in patients.covariates.items():
        _once([*((key, source) for key, source in named), (f"patients.covariates.{name}", column.source.strip())])
    totals: list[tuple[str, str]] = []
    for name, instrument in study.instruments.items():
        total, of = instrument.total, "".join(f" {column} {values}" for column, values in instrument.rows.items())
        totals += [(f"instruments.{name}.total", total + of)] if isinstance(total, str) else []
        if isinstance(total, dict):
            totals += [(f"instruments.{name}.total.{visit}", column + of) for visit, column in total.items()]
        for visit in instrument.item_visits or [""]:
            columns = [column for column in instrument.items_at(visit).values() if isinstance(column, str)]
            twice = next((column for column in columns if columns.count(column) > 1), None)
            if twice is not None:
                raise ValueError(
                    f"instruments.{name}.items: the column '{twice}' is named twice; each item has its own"
                )
    if study.export.values is None:
        _once(totals)
    arm = patients.arm
    if arm is not None and arm.codes and len(set(arm.codes.values())) < 2:
        raise ValueError(
            "patients.arm.codes has one arm only; list the codes of every arm, or write design: single_arm without patients.arm"
        )


def _once(named: list[tuple[str, str]]) -> None:
    first: dict[str, str] = {}
    for key, column in named:
        if column in first:
            raise ValueError(f"{key} and {first[column]} name the same column '{column}'; name the right one in each")
        first[column] = key


def _check_windows(study: Study) -> None:
    """Refuse visits of one label or out of the order of time, and windows that overlap where only the date tells the visit.

    Raises
    ------
    ValueError : with the sentence.
    """
    labels: dict[str, str] = {}
    for name, plan in study.visits.schedule.items():
        if plan.label and plan.label in labels:
            raise ValueError(f"visits.schedule: {labels[plan.label]} and {name} have the same label; give each its own")
        labels[plan.label] = name
    weeks = [(name, plan.week) for name, plan in study.visits.schedule.items() if plan.week is not None]
    for (first, week), (second, next_week) in pairwise(weeks):
        if next_week < week:
            raise ValueError(
                f"visits.schedule: week {next_week:g} of {second} lies before week {week:g} of {first}; write the visits in the "
                "order of time"
            )
    windows = [(name, plan.days) for name, plan in study.visits.schedule.items() if plan.days]
    for (earlier, before), (later, after) in pairwise(windows):
        if sum(after) < sum(before):
            raise ValueError(
                f"visits.schedule: the window of {later} lies before that of {earlier}; write the visits in the order of time"
            )
        if study.visits.planned is None and study.visits.date is not None and after[0] <= before[1]:
            raise ValueError(
                f"visits.schedule: the windows of {earlier} and {later} share day {after[0]}, and only the date tells the visits "
                "apart; end one before the other begins"
            )


def _known(what: str, name: str, names: Any) -> None:
    """Refuse a name that is not among those defined, with the one that was probably meant."""
    if name not in names:
        raise ValueError(f"{what} '{name}' is not defined{nearest(name, names)}")
