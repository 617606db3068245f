"""What a fitted model says of its coefficients, and of the marginal means, slopes and contrasts that they make."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Unpack

import numpy as np
import pandas as pd

from . import means as _means
from .errors import MixedModelError
from .hypotheses import hypothesis_rows, term_of, tested
from .inference import Asked, Hypothesis, Inference, estimates, joint_test
from .means import Rows
from .solution import Solution

Array = np.ndarray


def held(at: Any) -> dict[str, Any]:
    """Read at which values variables are held."""
    if at is not None and not isinstance(at, Mapping):
        raise MixedModelError(f"`at` must be a mapping such as {{'week': [0, 4]}}, not {type(at).__name__}.")
    return dict(at or {})


def numbers(values: Any, what: str) -> Array:
    """Read numbers that a user gives."""
    try:
        return np.asarray(values, dtype=float)
    except (TypeError, ValueError) as error:
        raise MixedModelError(f"{what} must be numbers.") from error


def listed(names: str | Sequence[str]) -> list[str]:
    """Give one name or several as a list, and refuse what is none."""
    several = [names] if isinstance(names, str) else names
    if not isinstance(several, Sequence) or not all(isinstance(name, str) for name in several):
        raise MixedModelError(f"Columns and terms are named by text or a list of texts, not by {names!r}.")
    return list(several)


class Estimated(Solution):
    """A solution whose fixed effects can be asked."""

    # -- fixed effects --------------------------------------------------------------------------------------------

    def coefficients(self) -> pd.Series:
        """Give the estimates by name; NaN for columns left out and for those that only together with them are determined.

        Examples
        --------
        >>> fit.coefficients()["baseline"]
        """
        return self.terms(df="asymptotic").set_index("term")["estimate"]

    def terms(self, **asked: Unpack[Asked]) -> pd.DataFrame:
        """Tabulate the coefficients.

        Parameters
        ----------
        df : str, optional
            "kenward_roger" (default under REML), "kenward_roger_linear" (without second derivatives), "satterthwaite"
            (default under ML), "residual", "between_within", "asymptotic".
        level : float
            Confidence level of the intervals.
        information : {"observed", "expected"}
            For Kenward-Roger and Satterthwaite: observed as PROC MIXED and mmrm, expected as pbkrtest. On a boundary
            the expected one is used; `attrs["information"]` names the one used.
        variance : {"model", "CR0", "CR1", "CR2"}
            Model-based, or sandwich by `groups` (the subject unless a cluster factor or column is named).
        groups : str, optional
            Column whose levels are the independent units of the sandwich.

        Returns
        -------
        pandas.DataFrame
            term, estimate, se, df, statistic, p, low, high, status; `attrs` name df_method, information, level.

        Examples
        --------
        >>> fit.terms(df="satterthwaite")
        """
        rule = Inference.of(self.method, asked)
        L = np.eye(len(self.model.design.names))
        names = self.model.design.names
        table = pd.DataFrame({"term": names, **estimates(self, L, rule).table(rule.level)})
        table.attrs["coefficients"] = {name: {name: 1.0} for name in names}
        return self._signed(table, rule)

    def _signed(self, table: pd.DataFrame, rule: Inference) -> pd.DataFrame:
        used = ""
        if (
            self.usable
            and rule.df in ("kenward_roger", "kenward_roger_linear", "satterthwaite")
            and rule.variance == "model"
        ):
            used = self.parameter_covariance(rule.information)[1]
        table.attrs.update(
            status=self.status, message=self.message, df_method=rule.df, information=used, variance=rule.variance,
            level=rule.level, method=self.method, covariance=self.covariance_structure,
        )  # fmt: skip
        return table

    def joint_test(
        self, term: str | Sequence[str] | Array, *, hypothesis: str = "coefficients", **asked: Unpack[Asked]
    ) -> pd.DataFrame:
        """Test a term (or several, or the rows of a matrix over the coefficients) at once by F.

        Parameters
        ----------
        term : str, sequence of str or numpy.ndarray
            Interactions such as "arm:visit" are found in any order of their parts.
        hypothesis : {"coefficients", "II", "III"}
            Beside an interaction the coefficients of a main effect are its effect at the reference level of the other
            variable. "III" averages over its levels alike (SAS's type III where every cell has rows); "II" adjusts for the
            terms that do not contain it. The column `hypothesis` says which effect was tested.
        asked
            As in `terms`.

        Returns
        -------
        pandas.DataFrame
            One row: term, statistic (F), df_numerator, df_denominator, p, hypothesis, status.

        Examples
        --------
        >>> fit.joint_test("arm:visit")
        """
        rule = Inference.of(self.method, asked)
        design = self.model.design
        if isinstance(term, np.ndarray):
            L, label, words = self._weights_of(term)[1], "custom", "the rows given"
        else:
            chosen = [term_of(design, one) for one in listed(term)]
            L, label = hypothesis_rows(design, chosen, hypothesis), " + ".join(listed(term))
            words = "; ".join(tested(design, one, hypothesis) for one in chosen)
        test = joint_test(self, L, rule)
        status = self.status if not self.usable or np.isfinite(test.statistic) else "not_estimable"
        table = pd.DataFrame(
            {
                "term": [label],
                "statistic": [test.statistic],
                "df_numerator": [test.numerator],
                "df_denominator": [test.denominator],
                "p": [test.p],
                "hypothesis": [words],
                "status": [status],
            }
        )
        return self._signed(table, rule)

    def anova(self, hypothesis: str = "III", **asked: Unpack[Asked]) -> pd.DataFrame:
        """Test every term but the intercept, by default as type III: the rows of `joint_test` below each other.

        Examples
        --------
        >>> fit.anova()
        """
        terms = [term for term in self.model.design.terms if term != "1"]
        if not terms:
            raise MixedModelError("The model has no term but the intercept.")
        tables = [self.joint_test(term, hypothesis=hypothesis, **asked) for term in terms]
        table = pd.concat(tables, ignore_index=True)
        table.attrs = tables[0].attrs
        return table

    def vcov(self, **asked: Unpack[Asked]) -> pd.DataFrame:
        """Give the covariance matrix of the coefficients, as `terms` uses it; NaN where they are not estimable.

        Examples
        --------
        >>> fit.vcov(df="asymptotic").shape
        """
        names = self.model.design.names
        covariance = estimates(self, np.eye(len(names)), Inference.of(self.method, asked)).covariance
        return pd.DataFrame(covariance, index=names, columns=names)

    def _weights_of(self, rows: Any) -> tuple[list[str], Array]:
        names = self.model.design.names
        if isinstance(rows, pd.DataFrame):
            rows = rows.attrs.get("coefficients") or {}
        if isinstance(rows, Mapping):
            unknown = [name for weights in rows.values() for name in weights if name not in names]
            if unknown or not rows:
                what = f"'{unknown[0]}' is not a coefficient" if unknown else "There are no rows"
                raise MixedModelError(f"{what}; the coefficients are: {', '.join(names)}.")
            return list(rows), np.array([[float(one.get(name, 0)) for name in names] for one in rows.values()])
        L = np.atleast_2d(numbers(rows, "Rows over the coefficients"))
        if L.shape[1] != len(names) or not np.isfinite(L).all():
            raise MixedModelError(
                f"Rows over the coefficients need {len(names)} finite numbers each, not {L.shape[1]}."
            )
        return [f"row {number + 1}" for number in range(len(L))], L

    def linear(
        self,
        rows: Array | Mapping[str, Mapping[str, float]] | pd.DataFrame,
        *,
        null: float = 0.0,
        alternative: str = "two-sided",
        margin: float | None = None,
        exponentiate: bool = False,
        adjust: str | None = None,
        **asked: Unpack[Asked],
    ) -> pd.DataFrame:
        """Estimate and test any linear functions of the coefficients, L @ beta.

        Parameters
        ----------
        rows : numpy.ndarray, mapping or pandas.DataFrame
            A matrix with a column per coefficient; {name: {coefficient: weight}}; or a table of this fit's `terms`,
            `means`, `slopes` or `contrast`, whose rows are tested anew.
        null : float
            Value that the test is against.
        alternative : {"two-sided", "less", "greater", "equivalence"}
            "greater" and "less" are one-sided (non-inferiority: a `null` of minus the margin), their interval has one end.
            "equivalence": two one-sided tests that the function lies within `margin` of `null`; p is the larger one, the
            statistic the nearer side's, the interval has level 1 - 2 alpha.
        margin : float, optional
            For equivalence, above zero.
        exponentiate : bool
            For an outcome on the log scale: estimate and limits become ratios, the standard error by the delta method;
            `null`, `margin` and the test stay on the log scale.
        adjust : str, optional
            As in `contrast`, over all rows; for two-sided tests.
        asked
            As in `terms`.

        Returns
        -------
        pandas.DataFrame
            row, estimate, se, df, statistic, p, low, high, status.

        Examples
        --------
        >>> fit.linear({"two points of baseline": {"baseline": 2}})
        """
        rule = Inference.of(self.method, asked)
        labels, L = self._weights_of(rows)
        result = estimates(self, L, rule)
        table = pd.DataFrame({"row": labels, **result.table(rule.level, Hypothesis(null, alternative, margin))})
        table = self._signed(table, rule)
        names = self.model.design.names
        table.attrs["coefficients"] = {
            label: dict(zip(names, row, strict=True)) for label, row in zip(labels, L, strict=True)
        }
        if adjust:
            if alternative != "two-sided" or null != 0:
                raise MixedModelError("`adjust` goes with two-sided tests of zero.")
            from .adjust import adjust_table

            adjust_table(table, result, adjust, (), rule.level)
        if exponentiate:
            limits = table.columns[table.columns.str.match("estimate|low|high")]
            with np.errstate(over="ignore"):  # the ratio of a large difference of logarithms is infinite
                table["se"] = np.exp(table["estimate"]) * table["se"]
                table[limits] = np.exp(table[limits])
        return table

    # -- marginal means -------------------------------------------------------------------------------------------

    def _rows_table(
        self,
        rows: Rows,
        rule: Inference,
        *,
        adjust: str | None = None,
        family: Sequence[str] = (),
        sd: float | None = None,
    ) -> pd.DataFrame:
        result = estimates(self, rows.L, rule)
        table = pd.concat([rows.labels, pd.DataFrame(result.table(rule.level))], axis=1)
        table = self._signed(table, rule)
        table.attrs["weights"] = rows.weights
        table.attrs["coefficients"] = rows.as_dictionary(self.model.design.names)
        if adjust:
            from .adjust import adjust_table

            adjust_table(table, result, adjust, family, rule.level)
        if sd is not None:
            _means.standardise(table, sd, self.model.design.n_subjects)
        return table

    def means(
        self,
        by: str | Sequence[str],
        *,
        at: Mapping[str, Any] | None = None,
        weights: str = "balanced",
        **asked: Unpack[Asked],
    ) -> pd.DataFrame:
        """Estimate marginal means.

        Parameters
        ----------
        by : str or sequence of str
            Variables of the formula; one row per combination of their levels. Numeric ones need values in `at`.
        at : mapping, optional
            Values (one or several) at which a variable is held; otherwise numeric variables are at their mean over
            the used rows.
        weights : {"balanced", "observed"}
            How the other categories are averaged: every level alike, or as they occur in the used rows.
        asked
            As in `terms`.

        Returns
        -------
        pandas.DataFrame
            The `by` columns, estimate, se, df, statistic, p, low, high, status; `attrs["coefficients"]` holds the
            weights on the coefficients, row by row.

        Examples
        --------
        >>> fit.means(["visit", "arm"], weights="observed")
        """
        rows = _means.mean_rows(self.model.design, listed(by), held(at), weights)
        return self._rows_table(rows, Inference.of(self.method, asked))

    def slopes(
        self,
        covariate: str,
        by: str | Sequence[str] = (),
        *,
        at: Mapping[str, Any] | None = None,
        weights: str = "balanced",
        **asked: Unpack[Asked],
    ) -> pd.DataFrame:
        """Estimate the slope of the outcome on a numeric covariate (a trend), at its mean or at each of its values in `at`.

        Returns
        -------
        pandas.DataFrame
            The `by` columns, the covariate's values where `at` gives several, covariate, and the columns of `means`.

        Examples
        --------
        >>> fit.slopes("baseline")
        """
        rows = _means.slope_rows(self.model.design, covariate, listed(by), held(at), weights)
        return self._rows_table(rows, Inference.of(self.method, asked))

    def contrast(
        self,
        variable: str | Sequence[str],
        *,
        by: str | Sequence[str] = (),
        kind: str = "reference",
        reference: Any = None,
        coefficients: Mapping[str, Mapping[Any, float]] | None = None,
        slope: str | None = None,
        at: Mapping[str, Any] | None = None,
        weights: str = "balanced",
        adjust: str | None = None,
        across: bool = False,
        sd: float | None = None,
        **asked: Unpack[Asked],
    ) -> pd.DataFrame:
        """Compare marginal means (or slopes) between the levels of a variable.

        Parameters
        ----------
        variable : str or sequence of str
            Categorical variable of the formula (or numeric with values in `at`). Several are compared across: each combination
            of their levels is one level, called "needling, week_4".
        by : str or sequence of str
            Repeat the comparison at every combination of these, e.g. at every visit.
        kind : {"reference", "pairwise", "sequential", "difference"}
            Each level minus the reference; every later minus every earlier level; each minus the one before;
            "difference": differences of differences, the contrast against the reference at each level of `by` minus the
            same at the first level of (the single) `by`.
        reference : optional
            The reference level; the first if not given.
        coefficients : mapping of name to {level: weight}, optional
            Custom contrasts instead of `kind`.
        slope : str, optional
            Compare slopes on this covariate instead of means.
        at, weights, asked
            As in `means` and `terms`.
        adjust : str, optional
            "simultaneous" (multivariate t: Dunnett for "reference", Tukey for "pairwise"), or a method of statsmodels'
            `multipletests` such as "holm"; within each combination of `by` (over all rows for "difference").
            Adds p_adjusted (and for "simultaneous" low_simultaneous, high_simultaneous).
        across : bool
            Adjust over the whole table instead.
        sd : float, optional
            Standard deviation by which to standardise: adds effect, effect_low, effect_high (with Hedges' factor).

        Returns
        -------
        pandas.DataFrame
            The `by` columns, contrast ("dry_needling - usual_care"), estimate, se, df, statistic, p, low, high, status;
            `attrs["compared"]` holds level and reference of each row, and nothing where `coefficients` are given.

        Examples
        --------
        >>> fit.contrast("arm", by="visit", adjust="holm")
        """
        groups, compared = listed(by), listed(variable)
        every = [*groups, *compared]
        base = (
            _means.slope_rows(self.model.design, slope, every, held(at), weights)
            if slope
            else _means.mean_rows(self.model.design, every, held(at), weights)
        )
        rows = _means.contrast_rows(base, compared, groups, kind, reference, coefficients)
        family = [] if kind == "difference" or across else groups
        rule = Inference.of(self.method, asked)
        table = self._rows_table(rows, rule, adjust=adjust, family=family, sd=sd)
        table.attrs["compared"] = rows.compared
        return table
