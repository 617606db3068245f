"""The mark of a number that is not shown, and the sentence that says why."""

import pandas as pd

from needling.labels.sentences import listed
from needling.labels.words import WITHHELD

HIDDEN = "‡"
NOT_DRAWN = "What would tell of few people is not drawn."


def withheld_note(rows: pd.DataFrame) -> list[str]:
    """Say in one sentence what is not shown in some rows of a released table; nothing where all is shown."""
    reasons = reasons_told(rows["hidden"])
    return [f"{HIDDEN} Not shown, because it would tell of {reasons}."] if reasons else []


def reasons_told(reasons: "pd.Series[str]") -> str:
    """Say of what hidden numbers would tell, in the order of the words, whichever row comes first; empty where none is hidden."""
    here = set(reasons)
    return listed(list(dict.fromkeys(words for reason, words in WITHHELD.items() if reason in here)), "or")
