"""Run one analysis of the study file over its cohorts and outcomes."""

from collections.abc import Callable

import pandas as pd

from needling.analysis.results import Output, Question
from needling.cohort.analysed import analysed
from needling.schema import FITTED, QUANTILES, RESULTS, check
from needling.study.plan import Study

Kind = Callable[[pd.DataFrame, Question], Output]


def analyse(name: str, frame: pd.DataFrame, study: Study) -> Output:
    """Run the analysis that the study file calls `name`.

    Parameters
    ----------
    name : key under analyses.
    frame : analysis frame (contract FRAME with covariates), all cohorts and outcomes.
    study : sections patients, visits, cohorts, analyses, disclosure.

    Returns
    -------
    Output: results (contract RESULTS), and for mixed models fitted, quantiles and cross_check; one model for each outcome
    that the analysis names in each cohort that has it. A model that fails gives rows that say so.
    """
    settings = study.analyses[name]
    run_model = _kind(settings.kind)
    outputs = []
    for cohort, plan in study.cohorts.items():
        for outcome in settings.outcomes:
            if outcome not in plan.outcomes:
                continue
            measured = frame[(frame["cohort"] == cohort) & (frame["outcome"] == outcome)]
            rows = analysed(measured, settings, study)
            question = Question(
                analysis=name,
                settings=settings,
                cohort=cohort,
                outcome=outcome,
                unit=str(measured["unit"].iloc[0]) if len(measured) else "",
                better=str(measured["better"].iloc[0]) if len(measured) else "lower",
                baseline_visit=study.visits.baseline,
                visits=tuple(getattr(settings, "visits", study.visits.follow_up)),
                primary_visit=study.visits.primary,
                primary_week=study.visits.schedule[study.visits.primary].nominal_week,
                arms=tuple(study.arms),
                categories=_categories(rows, settings.adjust),
                smallest_group=study.disclosure.min_cell,
            )
            outputs.append(run_model(rows, question))
    made = Output(
        *(pd.concat([getattr(o, part) for o in outputs], ignore_index=True) for part in Output.__annotations__)
    )
    made.results = check(made.results, RESULTS, "results")
    if len(made.fitted):
        made.fitted = check(made.fitted, FITTED, "fitted")
        made.quantiles = check(made.quantiles, QUANTILES, "quantiles")
    return made


def _kind(kind: str) -> Kind:
    """The function of a kind of analysis; only that kind's libraries are imported."""
    if kind == "ancova":
        from needling.analysis.ancova import ancova

        return ancova
    if kind == "growth_curve":
        from needling.analysis.growth_curve import growth_curve

        return growth_curve
    from needling.analysis.repeated_measures import repeated_measures

    return repeated_measures


def _categories(rows: pd.DataFrame, covariates: list[str]) -> dict[str, list[str]]:
    """Levels of the covariates that are categories, in the order of their names."""
    return {
        name: sorted(rows[name].dropna().unique())
        for name in covariates
        if not pd.api.types.is_numeric_dtype(rows[name].dtype)
    }
