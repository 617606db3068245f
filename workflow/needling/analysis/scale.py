"""Which outcomes a model with normal errors is not for: two values, few levels, counts near zero."""

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

COUNTED = re.compile(
    r"\b(days|nights|attacks|episodes|times|events|sessions|tablets|doses|falls|number|count)\b", re.IGNORECASE
)
SCALE = re.compile(r"^([\d.]+)-([\d.]+)\b")
OVERRIDE = "; or say under scale why it is to be taken as continuous"


def why_not_normal(values: "pd.Series", unit: str) -> str:
    """Say why an outcome is not for a model with normal errors, with the kind to use; nothing where it is.

    Parameters
    ----------
    values : measurements after baseline.
    unit : the outcome's unit, which tells a count ('days in 4 weeks') and the ends of a scale ('1-5 points').

    Returns
    -------
    The sentence for: two values, 0 and 1; a scale of at most five levels; a count whose mean is below 5, or of which a fifth or
    more are 0.

    Examples
    --------
    >>> import pandas as pd
    >>> why_not_normal(pd.Series([0.0, 1.0, 1.0]), "")[:20]
    'the outcome is 0 or '
    >>> why_not_normal(pd.Series([3.0, 4.0, 5.5]), "0-10 points")
    ''
    """
    known = values.dropna()
    if known.nunique() < 2 or (known != known.round()).any():
        return ""
    if set(known) == {0.0, 1.0}:
        return f"the outcome is 0 or 1, and no mean but a share: use the kind responders with at_least: 1{OVERRIDE}"
    ends = SCALE.match(unit)
    if ends and float(ends[2]) - float(ends[1]) <= 4:
        return f"the outcome has at most five levels: use the kind responders with the levels that count{OVERRIDE}"
    if COUNTED.search(unit) and (known >= 0).all():
        zero = float((known == 0).mean())
        if known.mean() < 5 or zero >= 0.2:
            what = f"a mean of {known.mean():.1f}" if known.mean() < 5 else f"{100 * zero:.0f}% zeros"
            return f"the outcome is a count with {what}: use the kind responders with the counts that matter{OVERRIDE}"
    return ""
