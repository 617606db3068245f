"""Do the models fit? What figures show of residuals, without showing a person's."""

import numpy as np
import pandas as pd

from needling.analysis.results import Question
from needling.schema import FITTED, QUANTILES


def diagnostics(fitted_values: pd.Series, residuals: pd.Series, question: Question) -> dict[str, pd.DataFrame]:
    """Bin a model's residuals and group their quantiles, no bin smaller than the smallest publishable group.

    Parameters
    ----------
    fitted_values : fitted value of each row used.
    residuals : residual of the same rows, scaled so that it has mean 0 and variance 1 if the model holds.
    question : the model.

    Returns
    -------
    fitted (contract FITTED) and quantiles (contract QUANTILES).
    """
    from scipy.special import ndtri

    place = {"cohort": question.cohort, "outcome": question.outcome}
    table = pd.DataFrame({"fitted": fitted_values, "residual": residuals}).dropna()
    bins = max(1, min(20, len(table) // max(question.smallest_group, 20)))
    by_fitted = table.sort_values("fitted", kind="stable").reset_index(drop=True)
    groups = by_fitted.groupby(np.arange(len(by_fitted)) * bins // len(by_fitted))
    fitted = pd.DataFrame(
        {
            "n": groups.size(),
            "fitted": groups["fitted"].mean(),
            "residual": groups["residual"].mean(),
            "low": groups["residual"].quantile(0.1),
            "high": groups["residual"].quantile(0.9),
        }
    )
    points = max(1, min(60, len(table) // question.smallest_group))
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
        "fitted": fitted.rename_axis("bin").reset_index().assign(**place)[list(FITTED)],
        "quantiles": quantiles.assign(**place)[list(QUANTILES)],
    }
