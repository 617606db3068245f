"""A study's own cleaning rule: pain after a session that is far above the pain before it is asked about."""

from typing import TYPE_CHECKING

from needling.clean.rules import Rule
from needling.clean.trail import Trail
from needling.study.plan import Study

if TYPE_CHECKING:
    import pandas as pd

RULE = Rule(
    "pain_after",
    1,
    "Sessions after which pain was rated far above the rating before them were queried.",
    {"points": 5},
)


def apply(trail: Trail, tables: "dict[str, pd.DataFrame]", study: Study) -> "dict[str, pd.DataFrame]":
    """Query the sessions whose pain rose by at least `points`; nothing is changed."""
    sessions = tables.get("sessions")
    if sessions is None or not {"pain_before", "pain_after"} <= set(sessions.columns):
        return tables
    risen = sessions["pain_after"] - sessions["pain_before"] >= trail.settings(RULE.id, "points")
    rows, column = sessions["row"][risen], trail.source("sessions", "pain_after")
    trail.note(RULE.id, "query", "sessions", rows, column, "far above the pain before", sessions["pain_after"][risen])
    return tables
