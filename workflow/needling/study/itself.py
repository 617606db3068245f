"""The study file held against itself: a column used for two things, windows that cannot tell visits apart, arms that are one."""

from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from needling.study.plan import Study


def check_used_once(study: "Study") -> None:
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


def check_windows(study: "Study") -> None:
    """Refuse windows out of the schedule's order, and windows that overlap where only the date tells the visit.

    Raises
    ------
    ValueError : with the sentence.
    """
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
