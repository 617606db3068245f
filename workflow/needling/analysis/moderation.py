"""What kinds share that ask whom treatment helps: products of arm and covariates by least squares, and what is refused."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from needling.analysis.results import Question
    from needling.study.plan import Study
    from needling.study.settings import KindSettings

BASELINE = "baseline"
FEWEST_DF = 10  # with fewer the spread within arms is itself known to a fifth only
NO_NUMBERS = dict.fromkeys(("estimate", "se", "df", "statistic", "p", "low", "high"), float("nan"))
NOT_TOLD = "the data do not tell it apart from other terms"
MEASURED_ALIKE = (
    "Patients not measured at the visit are left out, which is right where, given arm, baseline and covariates, they would have "
    "had values like those measured."
)


def check_comparison(place: str, what: str, settings: "KindSettings", study: "Study") -> None:
    """Refuse several groups that chance did not make, and anything but each arm against the reference; `what` is compared."""
    if study.design != "randomised" and len(study.arms) > 2:
        raise ValueError(f"{place}: without randomisation two groups are weighted, and this study has more")
    if settings.contrasts != "reference" or settings.framework != "superiority":
        raise ValueError(f"{place}: {what} compare each arm with the reference, for superiority only")


def why_not(here: "pd.DataFrame", question: "Question") -> str:
    """Why arms cannot be compared at a visit, where they cannot."""
    if len(here) == 0:
        return "nobody was measured at this visit"
    counts = here["arm"].value_counts().reindex(list(question.arms)).fillna(0)
    if (counts < 2).any():
        return "an arm has fewer than two patients at this visit"
    return "the outcome does not vary" if here["value"].nunique() < 2 else ""


@dataclass(frozen=True)
class Basis:
    """The columns that stand for a covariate: itself, its natural spline, or an indicator of each level but the first.

    `columns` are of the patients; `levels` are those of a category, the first without a column.
    """

    name: str
    columns: "np.ndarray"
    levels: tuple[str, ...] = ()
    _spec: Any = None

    @classmethod
    def of(
        cls, name: str, values: "pd.Series", levels: Sequence[str] | None = None, spline: int | None = None
    ) -> "Basis":
        """Take a number as it is or as a natural spline with so many df, a category by its levels.

        Raises
        ------
        ValueError : knots of the spline coincide.
        """
        import pandas as pd
        from formulaic import model_matrix
        from formulaic.errors import FactorEvaluationError

        from needling.mixed.splines import CONTEXT

        if levels is not None:
            here = tuple(one for one in levels if (values == one).any())
            return cls(name, _indicators(values, here), here)
        numbers = values.to_numpy(float)
        if spline is None:
            return cls(name, numbers[:, None])
        try:
            made = model_matrix(f"0 + ns(v, df={spline})", pd.DataFrame({"v": numbers}), context=CONTEXT)
        except FactorEvaluationError:
            raise ValueError(f"{name} has too few different values for a spline with {spline} df") from None
        return cls(name, made.to_numpy(float), (), made.model_spec)

    def at(self, value: float | str) -> "np.ndarray":
        """The columns at a value."""
        import numpy as np
        import pandas as pd

        from needling.mixed.splines import CONTEXT

        if self.levels:
            return np.array([float(value == one) for one in self.levels[1:]])
        if self._spec is None:
            return np.array([float(value)])
        return self._spec.get_model_matrix(pd.DataFrame({"v": [float(value)]}), context=CONTEXT).to_numpy(float)[0]

    @property
    def linear(self) -> "np.ndarray":
        """Columns in units of their standard deviation around their mean, without those that do not vary."""
        import numpy as np

        spread = self.columns.std(axis=0, ddof=1)
        kept = spread > 1e-12 * np.maximum(np.abs(self.columns).max(axis=0), 1e-300)
        return (self.columns[:, kept] - self.columns[:, kept].mean(axis=0)) / spread[kept]

    @property
    def varies(self) -> bool:
        """Whether it differs between patients at all."""
        return self.linear.shape[1] > 0


def _indicators(values: "pd.Series", levels: tuple[str, ...]) -> "np.ndarray":
    import numpy as np

    columns = [(values == one).to_numpy(float) for one in levels[1:]]
    return np.column_stack(columns) if columns else np.empty((len(values), 0))


class Regression:
    """Least squares of an outcome on arms, mains, and the products of each arm but the first with some columns.

    Columns: intercept, arms, mains, products (arm by arm). Where arms were randomised V(b) = s^2 (X'X)^-1 and t tests have
    n - rank(X) df; with confounders two arms are weighted by overlap (`needling.analysis.weighting.weighted_regression`). A
    combination of coefficients that the data do not determine has no numbers.
    """

    def __init__(
        self,
        y: "np.ndarray",
        arm: "np.ndarray",
        arms: Sequence[str],
        mains: "np.ndarray",
        products: "np.ndarray",
        confounders: "np.ndarray | None" = None,
    ) -> None:
        """Fit it.

        Raises
        ------
        ValueError : with confounders, where there is no overlap.
        """
        import numpy as np

        from needling.mixed.independent import independent_columns

        own = np.column_stack([(arm == one).astype(float) for one in arms[1:]])
        parts = [np.ones((len(y), 1)), own, mains, *(own[:, [i]] * products for i in range(own.shape[1]))]
        X = np.hstack(parts)
        self._arms, self._mains, self._each = list(arms), mains.shape[1], products.shape[1]
        scale = np.maximum(np.linalg.norm(X, axis=0), 1e-300)
        kept, _ = independent_columns(X)
        self._whole = X / scale
        self._scale, self.rank, self.n = scale, len(kept), len(y)
        self.df = self.n - self.rank
        used = X[:, kept]
        self.weights = np.ones(len(y))
        if self.df < 1:
            b, V = np.full(self.rank, np.nan), np.full((self.rank, self.rank), np.nan)
        elif confounders is None:
            b = np.linalg.lstsq(used / scale[kept], y, rcond=None)[0] / scale[kept]
            residual = y - used @ b
            inverse = np.linalg.inv((used / scale[kept]).T @ (used / scale[kept])) / np.outer(scale[kept], scale[kept])
            V = residual @ residual / self.df * inverse
        else:
            from needling.analysis.weighting import weighted_regression

            b, V, self.weights = weighted_regression(y, used, (arm == arms[1]).astype(float), confounders)
        self.b, self.V = np.zeros(X.shape[1]), np.zeros((X.shape[1], X.shape[1]))
        self.b[kept], self.V[np.ix_(kept, kept)] = b, V
        self.fitted = X @ self.b

    def arm_at(self, arm: str, products: "np.ndarray") -> "np.ndarray":
        """Weights of the coefficients that give an arm less the reference where the products' columns have these values."""
        import numpy as np

        row, place = np.zeros(len(self.b)), self._arms.index(arm) - 1
        row[1 + place] = 1.0
        row[self.products_of(arm)] = products
        return row

    def main_at(self, first: int, values: "np.ndarray") -> "np.ndarray":
        """Weights of mains, from the first-th on: the change of the outcome under the reference arm."""
        import numpy as np

        row = np.zeros(len(self.b))
        start = len(self._arms) + first
        row[start : start + len(values)] = values
        return row

    def products_of(self, arm: str) -> list[int]:
        """Places of an arm's products among the coefficients."""
        start = len(self._arms) + self._mains + (self._arms.index(arm) - 1) * self._each
        return list(range(start, start + self._each))

    def estimate(self, row: "np.ndarray", level: float) -> "dict[str, float] | None":
        """Estimate, standard error, t test and interval of a combination; None where the data do not determine it."""
        import numpy as np
        from scipy.special import stdtr, stdtrit

        if not self._determined(row) or self.df < 1:
            return None
        estimate, variance = float(row @ self.b), float(row @ self.V @ row)
        se = float(np.sqrt(max(variance, 0.0)))
        statistic = estimate / se if se > 0 else float("nan")
        reach = float(stdtrit(self.df, (1 + level) / 2)) * se
        numbers = {"estimate": estimate, "se": se, "df": float(self.df), "statistic": statistic}
        p = 2 * float(stdtr(self.df, -abs(statistic)))
        return numbers | {"p": p, "low": estimate - reach, "high": estimate + reach}

    def joint(self, places: Sequence[int]) -> "dict[str, float] | None":
        """F test that some coefficients are all 0; None where the data do not determine them."""
        import numpy as np
        from scipy.special import fdtrc

        rows = np.eye(len(self.b))[list(places)]
        if not len(rows) or self.df < 1 or not all(self._determined(row) for row in rows):
            return None
        b, V = self.b[list(places)], self.V[np.ix_(places, places)]
        statistic = float(b @ np.linalg.solve(V, b)) / len(rows)
        return {"statistic": statistic, "df": float(self.df), "p": float(fdtrc(len(rows), self.df, statistic))}

    def _determined(self, row: "np.ndarray") -> bool:
        """Whether a combination of coefficients is one of fitted values."""
        import numpy as np

        scaled = row / self._scale
        found = np.linalg.lstsq(self._whole.T, scaled, rcond=None)[0]
        return bool(np.abs(self._whole.T @ found - scaled).max() <= 1e-8 * max(np.abs(scaled).max(), 1e-300))


def predicted_under_reference(
    y: "np.ndarray", arm: "np.ndarray", arms: Sequence[str], mains: "np.ndarray"
) -> "np.ndarray":
    """Predict the outcome of each patient under the reference arm, by the model without products.

    y = arm + mains + e is fitted to everybody: arms count and are then set to the reference, so that the prediction has seen no
    difference of the effect between patients. Added to the same model as a product with the arm, it has a t test that is exact
    under normal errors whatever the mains are, since fitted values are independent of residuals.

    Returns
    -------
    One prediction for each patient, in the outcome's unit.

    Source: Milliken, Graybill 1970, Journal of the American Statistical Association 65:797-807.

    Example
    -------
    >>> import numpy as np
    >>> arm = np.array(["usual_care", "needling"] * 3)
    >>> age = np.array([30.0, 30, 40, 40, 50, 50])[:, None]
    >>> y = 5 + 0.1 * age[:, 0] - 2 * (arm == "needling")
    >>> predicted_under_reference(y, arm, ["usual_care", "needling"], age).round(6).tolist()
    [8.0, 8.0, 9.0, 9.0, 10.0, 10.0]
    """
    import numpy as np

    bare = Regression(y, arm, arms, mains, np.empty((len(y), 0)))
    own = np.column_stack([(arm == one).astype(float) for one in arms[1:]])
    return bare.fitted - own @ bare.b[1 : len(arms)]
