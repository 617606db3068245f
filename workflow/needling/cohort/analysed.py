"""Which measurements an analysis uses: one rule for the models and for the count of who is in them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from needling.study.plan import Analysis, Study

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Needs:
    """What a measurement needs to be a response of a model.

    `visits` are the visits that are responses; `baseline` says that the baseline is a covariate; `columns` may not be missing.
    """

    visits: tuple[str, ...]
    baseline: bool = True
    columns: tuple[str, ...] = ()


def analysed(rows: "pd.DataFrame", settings: Analysis, needs: Needs, study: Study) -> "pd.DataFrame":
    """Keep the measurements that an analysis' model uses, of the patients it is about.

    Parameters
    ----------
    rows : visit frame of one cohort and outcome.
    settings : an analysis of the study file; `where` keeps covariate levels, `observed_at` those measured at a visit.
    needs : what a measurement needs to be in the model.
    study : section patients.
    """
    for _, keep in _conditions(settings, needs, study):
        rows = keep(rows)
    return rows


def left_out(
    patients: "pd.Series", rows: "pd.DataFrame", settings: Analysis, needs: Needs, study: Study
) -> "pd.Series":
    """Say why patients have no measurement in an analysis' model.

    Parameters
    ----------
    patients : codes of the patients of a cohort (and arm).
    rows, settings, needs, study : as for `analysed`.

    Returns
    -------
    The first reason that holds, by patient (index), without those who are in the model: never_measured (at a visit of the
    schedule), outside_population (`where`), not_observed (`observed_at`), not_at_visits (those of the model), no_baseline,
    incomplete (something else that the model needs is missing). Sorted by reason, in this order.
    """
    import pandas as pd

    remaining, reasons = pd.Index(patients.unique(), name="patient"), []
    for reason, keep in [("never_measured", lambda measured: measured), *_conditions(settings, needs, study)]:
        rows = keep(rows)
        gone = remaining[~remaining.isin(rows["patient"])]
        reasons.append(pd.Series(reason, index=gone, dtype="str"))
        remaining = remaining.difference(gone, sort=False)
    return pd.concat(reasons)


Condition = tuple[str, "Callable[[pd.DataFrame], pd.DataFrame]"]


def _conditions(settings: Analysis, needs: Needs, study: Study) -> list[Condition]:
    """What a measurement needs to be in the model, one after the other, each with the reason of whom it leaves out."""
    columns = [*needs.columns, *(["arm"] if study.arms else [])]
    return [
        ("outside_population", lambda rows: of_population(rows, settings)),
        ("not_observed", lambda rows: _observed(rows, settings.observed_at)),
        ("not_at_visits", lambda rows: rows[rows["visit"].isin(needs.visits)]),
        ("no_baseline", lambda rows: rows.dropna(subset="baseline") if needs.baseline else rows),
        ("incomplete", lambda rows: rows.dropna(subset=columns)),
    ]


def of_population(rows: "pd.DataFrame", settings: Analysis) -> "pd.DataFrame":
    """Keep the rows of the patients whom `where` names."""
    for covariate, wanted in settings.where.items():
        rows = rows[rows[covariate].isin([wanted] if isinstance(wanted, str) else wanted)]
    return rows


def _observed(rows: "pd.DataFrame", visit: str | None) -> "pd.DataFrame":
    return rows if visit is None else rows[rows["patient"].isin(rows.loc[rows["visit"] == visit, "patient"])]
