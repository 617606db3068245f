"""The mark of a number that is not shown, and the sentence that says why."""

import pandas as pd

from needling.labels.sentences import in_sentence, listed
from needling.labels.words import WITHHELD, Labels

HIDDEN = "‡"
NOT_DRAWN = "What would tell of few people is not drawn."


def not_shown(rows: pd.DataFrame, labels: Labels) -> str:
    """Say of which arms, beside those that a sentence tells, a number is not shown; nothing where all are."""
    closed = rows[rows["hidden"].ne("") & rows["arm"].ne("")]
    arms = [in_sentence(labels.arm(arm)) for arm in labels.plan.arms if arm in set(closed["arm"])]
    return f" (not shown with {listed(arms)}, since it would tell of {reasons_told(closed['hidden'])})" if arms else ""


def loses_steps(released: dict[str, pd.DataFrame], curve: str) -> bool:
    """Tell whether steps of few people were left out of the curves of a released table."""
    lost = released["withheld"]
    return bool((lost["section"].eq(curve) & lost["reason"].eq("withheld")).any())


def withheld_note(rows: pd.DataFrame) -> list[str]:
    """Say in one sentence what is not shown in some rows of a released table; nothing where all is shown."""
    reasons = reasons_told(rows["hidden"])
    return [f"{HIDDEN} Not shown, because it would tell of {reasons}."] if reasons else []


def reasons_told(reasons: "pd.Series[str]") -> str:
    """Say of what hidden numbers would tell, in the order of the words, whichever row comes first; empty where none is hidden."""
    here = set(reasons)
    return listed(list(dict.fromkeys(words for reason, words in WITHHELD.items() if reason in here)), "or")
