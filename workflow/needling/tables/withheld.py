"""The mark of a number that is not shown, and the sentence that says why."""

import pandas as pd

from needling.labels.sentences import listed
from needling.labels.words import WITHHELD

HIDDEN = "‡"


def withheld_note(rows: pd.DataFrame) -> list[str]:
    """Say in one sentence what is not shown in some rows of a released table; nothing where all is shown."""
    reasons = dict.fromkeys(WITHHELD[reason] for reason in rows["hidden"] if reason)
    return [f"{HIDDEN} Not shown, because it would tell of {listed(list(reasons), 'or')}."] if reasons else []
