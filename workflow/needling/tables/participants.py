"""Whom the primary analysis is about: how many are in its model, and why the others are not."""

from typing import TYPE_CHECKING

import pandas as pd

from needling.privacy.disclosure import footnote, hides
from needling.privacy.release import release_flow
from needling.study.keys import words
from needling.tables.printed import Printed, Row, headed
from needling.tables.words import in_sentence

if TYPE_CHECKING:
    from needling.study.plan import Study

STAGES = ["allocated", "analysed", "left_out"]


def participants(inputs: dict[str, pd.DataFrame], plan: "Study") -> Printed | None:
    """Print for every outcome and arm how many were allocated, analysed, and left out by reason; the numbers add up.

    Returns
    -------
    Exact: cohort, arm, outcome, stage (allocated, analysed, left_out), reason, n (empty where hidden), n_shown. Printed: one
    row per outcome and arm.
    """
    flow = release_flow(inputs["flow"], plan.disclosure.min_cell)
    exact = flow.loc[flow["stage"].isin(STAGES), ["cohort", "arm", "outcome", "stage", "reason", "n", "n_shown"]]
    pairs: list[tuple[str, Row]] = []
    for (cohort, outcome), mine in exact[exact["outcome"] != ""].groupby(["cohort", "outcome"], sort=False):
        heading = plan.cohorts[str(cohort)].label if len(plan.cohorts) > 1 else ""
        for arm in plan.arms or [""]:
            group = exact[(exact["cohort"] == cohort) & (exact["arm"] == arm) & (exact["stage"] == "allocated")]
            analysed = mine[(mine["arm"] == arm) & (mine["stage"] == "analysed")]
            out = mine[(mine["arm"] == arm) & (mine["stage"] == "left_out")]
            said = "; ".join(f"{_why(code, plan)}: {n}" for code, n in zip(out["reason"], out["n_shown"], strict=True))
            counts = [group["n_shown"].iloc[0], analysed["n_shown"].iloc[0], f"{said[:1].upper()}{said[1:]}" or "none"]
            pairs.append(
                (heading, [plan.outcome_label(str(outcome)), *([plan.arm_label(arm)] if arm else []), *counts])
            )
    if not pairs:
        return None
    notes = ["Each patient is left out for the first of the reasons that holds."]
    notes += [footnote(plan.disclosure.min_cell)] if hides(exact["n_shown"]) else []
    arms = plan.arms
    return Printed(
        "Patients in the primary analysis.",
        exact,
        ["Outcome", *(["Arm"] if arms else []), "Allocated" if arms else "In the cohort", "Analysed", "Left out"],
        headed(pairs),
        notes,
        [0.2, 0.16, 0.12, 0.12, 0.4] if arms else [0.3, 0.15, 0.12, 0.43],
        (0, 1, 4) if arms else (0, 3),
    )


def _why(reason: str, plan: "Study") -> str:
    """Put a reason of `left_out` into words."""
    primary = plan.analyses[plan.primary]
    label = {visit: in_sentence(plan.visit_label(visit)) for visit in plan.visits.schedule}
    visits = [label[visit] for visit in getattr(primary, "visits", [])]
    needed = [_label(name, plan) for name in [*primary.adjust, *getattr(primary, "clusters", [])]]
    return {
        "never_measured": "no measurement at a visit of the plan",
        "outside_population": "not of the population of this analysis",
        "not_observed": f"no measurement at {label.get(primary.observed_at or '', '')}",
        "not_at_visits": f"no measurement {f'at {_either(visits)}' if visits else f'after {label[plan.visits.baseline]}'}",
        "no_baseline": f"no measurement at {label[plan.visits.baseline]}",
        "incomplete": f"{_either(needed) or 'time of the visit'} missing",
    }[reason]


def _label(name: str, plan: "Study") -> str:
    column = plan.patients.covariates.get(name)
    return in_sentence(column.label if column and column.label else words(name))


def _either(names: list[str]) -> str:
    return " or ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
