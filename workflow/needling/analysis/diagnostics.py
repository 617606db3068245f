"""Do the models fit? What figures show of residuals, without showing a person's."""

from typing import TYPE_CHECKING, Any

from needling.analysis.results import Question
from needling.schema.side import RESIDUAL_BINS, RESIDUAL_QUANTILES
from needling.schema.stored import round_significant

if TYPE_CHECKING:
    import pandas as pd

# Residuals in a bin, and behind a point of the quantile plot: enough that none of them is one person's.
IN_A_BIN, BEHIND_A_POINT = 20, 11


def diagnostics(fitted_values: "pd.Series", residuals: "pd.Series", question: Question) -> "dict[str, pd.DataFrame]":
    """Bin a model's residuals and group their quantiles, so that no bin or point shows a person.

    Parameters
    ----------
    fitted_values : fitted value of each row used.
    residuals : residual of the same rows, scaled so that it has mean 0 and variance 1 if the model holds.
    question : the model.

    Returns
    -------
    residual_bins and residual_quantiles (contracts of these names); none where there are fewer residuals than a point needs.
    """
    import numpy as np
    import pandas as pd
    from scipy.special import ndtri

    place = {"analysis": question.analysis, "cohort": question.cohort, "outcome": question.outcome}
    place["site"] = question.site
    table = pd.DataFrame({"fitted": fitted_values, "residual": residuals}).dropna()
    # who shares a fitted value is told by ten digits: the last bits, which processors have each their own, put nobody into a bin
    table = table.assign(fitted=round_significant(table["fitted"], table["fitted"].abs().max()))
    table = table.assign(residual=round_significant(table["residual"], 1.0))
    if len(table) < BEHIND_A_POINT:
        return {}
    bins = max(1, min(20, len(table) // IN_A_BIN))
    by_fitted = table.sort_values(["fitted", "residual"], ignore_index=True)
    # those of one fitted value stay together, at the middle of their places, and a bin of few joins the next one
    place_of = (by_fitted["fitted"].rank(method="average") - 1) * bins // len(by_fitted)
    groups = by_fitted.groupby(place_of.map(_enough_in_each(place_of.value_counts().sort_index().to_dict())))
    fitted = pd.DataFrame(
        {
            "n": groups.size(),
            "fitted": groups["fitted"].mean(),
            "residual": groups["residual"].mean(),
            "low": groups["residual"].quantile(0.1),
            "high": groups["residual"].quantile(0.9),
        }
    )
    points = min(60, len(table) // BEHIND_A_POINT)
    ordered = np.sort(table["residual"].to_numpy())
    normal = ndtri((np.arange(len(ordered)) + 0.5) / len(ordered))
    part = pd.Series(np.arange(len(ordered)) * points // len(ordered))
    quantiles = pd.DataFrame(
        {
            "normal": pd.Series(normal).groupby(part).mean(),
            "residual": pd.Series(ordered).groupby(part).mean(),
            "n": part.value_counts().sort_index(),
        }
    )
    return {
        "residual_bins": fitted.rename_axis("bin").reset_index().assign(**place)[list(RESIDUAL_BINS)],
        "residual_quantiles": quantiles.assign(**place)[list(RESIDUAL_QUANTILES)],
    }


def _enough_in_each(sizes: dict[Any, int]) -> dict[Any, int]:
    """Number bins anew so that each has enough: one of few is joined to the next, the last to the one before."""
    found, number, filled = {}, 0, 0
    for old, n in sizes.items():
        found[old], filled = number, filled + n
        if filled >= IN_A_BIN:
            number, filled = number + 1, 0
    return {old: min(new, max(number - 1, 0)) if filled else new for old, new in found.items()}
