"""Fit a linear mixed model and let the fit answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from . import means as _means
from .design import build_design
from .errors import MixedModelError
from .inference import estimates, joint_test, make_rule
from .information import Information, information
from .likelihood import Point
from .model import Model
from .optimise import search
from .structures import Residual, parse_residual

if TYPE_CHECKING:
    from .means import Rows

Array = np.ndarray

SINGULAR = 1e-6  # variance relative to the residual's below which a component counts as zero
IDENTIFIED = 1e-9
SMALL_STUDY = 60  # subjects up to which a second start is cheap insurance against a local maximum


def fit_mixed(
    formula: str,
    data: pd.DataFrame,
    *,
    subject: str,
    random: str | None = None,
    cluster: Mapping[str, str] | None = None,
    residual: str | Residual | None = None,
    weights: str | None = None,
    method: str = "reml",
    levels: Mapping[str, Sequence[Any]] | None = None,
) -> MixedFit:
    """Fit a linear mixed model for repeated outcomes of subjects, with clusters above them.

    Parameters
    ----------
    formula : str
        ``"outcome ~ terms"`` in the language of formulaic, e.g. ``"pain ~ baseline + visit * arm"``.
    data : pandas.DataFrame
        One row per subject and visit.
    subject : str
        Column that says whose row it is.
    random : str, optional
        Columns that vary over subjects, e.g. ``"1 + week"`` or ``"bs(week, df=3)"``; correlated unless the text ends
        in ``||`` (each term its own variance).
    cluster : mapping of str to str, optional
        Factors above the subjects and the columns that vary over their levels, e.g.
        ``{"therapist": "1", "clinic": "1 + week"}``. Nested or crossed; a subject may meet several levels.
        ``"clinic:therapist"`` names the combinations of two columns.
    residual : str or Residual, optional
        Covariance of a subject's residuals: None or ``"iid"``; ``"unstructured(visit)"``, ``"ar1(visit)"``, by group
        ``"unstructured(visit | arm)"``; see `Residual` for all.
    weights : str, optional
        Column of known precision weights: the residual variance of a row is divided by its weight.
    method : {"reml", "ml"}
        Restricted or full maximum likelihood.
    levels : mapping of str to sequence, optional
        Order of the categories of a column; the first is the reference. Otherwise a pandas category keeps its
        order and text is sorted as a person would (week_2 before week_12).

    Returns
    -------
    MixedFit
        Look at `status` and `message` first.

    Notes
    -----
    ``y = X beta + Z b + U g + e``, b ~ N(0, G) per subject, g ~ N(0, Gamma) per cluster level, e ~ N(0, R) per subject.
    Rows with a missing value in any column of the model are dropped and counted in `rows_dropped`.
    Checked against PROC MIXED, lme4, nlme, pbkrtest and mmrm in tests/reference.

    Raises
    ------
    MixedModelError
        Missing column, duplicated visit, unknown structure, more coefficients than rows.
    """
    if method not in ("reml", "ml"):
        raise MixedModelError(f"The method must be 'reml' or 'ml', not '{method}'.")
    if not isinstance(data, pd.DataFrame):
        raise MixedModelError(f"The data must be a pandas DataFrame, not {type(data).__name__}.")
    structure = parse_residual(residual)
    design = build_design(
        formula, data, subject=subject, random=random, cluster=cluster, residual=structure, weights=weights,
        levels=levels,
    )  # fmt: skip
    model = Model(design, method)
    recipe = {
        "formula": formula, "subject": subject, "random": random, "cluster": dict(cluster or {}),
        "residual": str(structure), "weights": weights, "method": method,
        "levels": {key: list(value) for key, value in (levels or {}).items()},
    }  # fmt: skip
    return solve(model, recipe)


def solve(model: Model, recipe: dict[str, Any], start: Array | None = None) -> MixedFit:
    """Maximise the likelihood of a model and judge what came out; `start` makes it a warm start."""
    problem = _impossible(model)
    if problem:
        return MixedFit(model, recipe, None, "failed", problem)
    starts = [start] if start is not None else [model.start()]
    if start is None and model.design.n_subjects <= SMALL_STUDY:
        starts.append(model.start(0.05))
        starts += [model.start(0.9)] if model.components.random or model.components.clusters else []
    found = search(model.likelihood, starts)
    if found is None:
        return MixedFit(
            model, recipe, None, "failed", "The likelihood cannot be evaluated at the starting values; check the scale."
        )
    status, message, components = judge(model, found.point, found.converged)
    fit = MixedFit(model, recipe, found.point, status, message, components)
    fit.iterations = found.iterations
    return fit


def _impossible(model: Model) -> str:
    """Say why the data cannot identify the model before anything is tried; empty if nothing speaks against it."""
    design = model.design
    if model.exact:
        return "The fixed effects explain the outcome exactly; there is no residual variance to model."
    if design.n_subjects < 2:
        return "There is one subject; a mixed model needs two or more."
    if design.residual.structure == "unstructured":
        seen = np.zeros((design.n_subjects, len(design.visits)))
        seen[design.subjects, design.position] = 1
        for number, group in enumerate(design.groups):
            members = np.unique(design.subjects[design.group == number])
            together = seen[members].T @ seen[members]
            if (together == 0).any():
                first, second = (int(index[0]) for index in np.nonzero(together == 0))
                where = f" in group '{group}'" if group else ""
                pair = (
                    f"'{design.visits[first]}' and '{design.visits[second]}'"
                    if first != second
                    else (f"'{design.visits[first]}'")
                )
                return f"No subject{where} was seen at {pair}: their covariance cannot be estimated; choose a simpler structure."
    return ""


def judge(model: Model, point: Point, converged: bool) -> tuple[str, str, list[str]]:
    """Give status, one sentence, and the components on the boundary."""
    residual = _boundary_residual(model, point)
    above = _boundary_random(model, point)
    dropped = [model.design.names[column] for column in model.coordinates.left_out]
    sentences = []
    if not converged and not residual:
        return (
            "failed",
            "The likelihood did not reach a maximum; try a simpler covariance structure or fewer random effects.",
            above,
        )
    if residual:
        sentences.append(f"The residual covariance is singular ({residual}): the data do not support this structure.")
    elif confounded := _unidentified(model, point):
        names = ", ".join(confounded)
        return (
            "failed",
            f"The data cannot tell these covariance parameters apart: {names}; leave one of them out.",
            above,
        )
    if above:
        sentences.append(f"Estimated at the boundary: {'; '.join(above)}.")
    if dropped:
        sentences.append(f"Left out because other columns determine them: {', '.join(dropped)}.")
    status = "singular" if residual or above else "rank_deficient" if dropped else "converged"
    return status, " ".join(sentences), (["residual"] if residual else []) + above


def _residual_variance(model: Model, point: Point) -> float:
    parts = [
        np.mean(np.diag(model.components.structure.matrix(point.theta[where]))) for where in model.components.slices[1]
    ]
    return float(np.mean(parts))


def _boundary_residual(model: Model, point: Point) -> str:
    components = model.components
    for number, where in enumerate(components.slices[1]):
        matrix = components.structure.matrix(point.theta[where])
        scale = np.sqrt(np.diag(matrix))
        group = f" in group '{model.design.groups[number]}'" if components.n_groups > 1 else ""
        if scale.min() < 1e-4 * scale.max():
            return f"no variance at visit '{model.design.visits[int(scale.argmin())]}'{group}"
        if components.structure.name != "exponential" and (
            np.linalg.eigvalsh(matrix / np.outer(scale, scale))[0] < SINGULAR
        ):
            return f"visits are perfectly correlated{group}"
        if components.structure.name == "exponential" and not 1e-8 < point.theta[where][1] < 1 - 1e-8:
            return f"the correlation ran to {point.theta[where][1]:.3g}{group}"
        total = float(np.mean(scale**2))
        if total < SINGULAR * (total + float(np.trace(components.random_covariance(point.theta)))):
            return f"no residual variance is left{group}"
    return ""


def _boundary_random(model: Model, point: Point) -> list[str]:
    """Name the random effects whose variance is zero or whose correlation is one, relative to the residual."""
    components, design = model.components, model.design
    residual = _residual_variance(model, point)
    G = components.random_covariance(point.theta)
    blocks = []
    at = 0
    for block in components.random:
        blocks.append(
            (
                design.subject_name,
                design.random_terms[at : at + block.size],
                G[at : at + block.size, at : at + block.size],
            )
        )
        at += block.size
    for cluster, Gamma in zip(design.clusters, components.cluster_covariances(point.theta), strict=True):
        blocks.append((cluster.name, cluster.terms, Gamma))
    found = []
    for name, terms, covariance in blocks:
        variances = np.diag(covariance) / residual
        zero = [
            f"the variance of {term} between levels of {name} is zero"
            for term, value in zip(terms, variances, strict=True)
            if value < SINGULAR
        ]
        found += zero
        if not zero:
            scale = np.sqrt(np.diag(covariance))
            if np.linalg.eigvalsh(covariance / np.outer(scale, scale))[0] < SINGULAR:
                found.append(f"the random effects of {name} ({', '.join(terms)}) are perfectly correlated")
    return found


def _unidentified(model: Model, point: Point) -> list[str]:
    """Name the covariance parameters along which the likelihood is flat."""
    matrix = point.average_information
    scale = np.sqrt(np.maximum(np.diag(matrix), 1e-300))
    values, vectors = np.linalg.eigh(matrix / np.outer(scale, scale))
    if values[0] > IDENTIFIED:
        return []
    exact = information(point).expected
    scale = np.sqrt(np.maximum(np.diag(exact), 1e-300))
    values, vectors = np.linalg.eigh(exact / np.outer(scale, scale))
    if values[0] > IDENTIFIED:
        return []
    names = [f"{component} {quantity} ({term})" for component, quantity, term in parameter_names(model)]
    return [name for name, weight in zip(names, np.abs(vectors[:, 0]), strict=True) if weight > 0.2]


def parameter_names(model: Model) -> list[tuple[str, str, str]]:
    """Give component, quantity and term of each covariance parameter in order."""
    design, components = model.design, model.components
    names = []
    at = 0
    for block in components.random:
        names += _block_names(design.subject_name, design.random_terms[at : at + block.size])
        at += block.size
    for group in design.groups:
        name = f"residual {group}" if group else "residual"
        labels = components.structure.labels(design.visits)
        names += [(name, what, label) for what, label in zip(components.structure.quantities, labels, strict=True)]
    for cluster in design.clusters:
        names += _block_names(cluster.name, cluster.terms)
    return names


def _block_names(component: str, terms: list[str]) -> list[tuple[str, str, str]]:
    rows, columns = np.tril_indices(len(terms))
    return [
        (component, "variance", terms[row])
        if row == column
        else (component, "covariance", f"{terms[column]}, {terms[row]}")
        for row, column in zip(rows, columns, strict=True)
    ]


@dataclass
class MixedFit:
    """A fitted mixed model; look at `status` first.

    Attributes
    ----------
    status : str
        "converged"; "singular": a component lies on its boundary; "rank_deficient": columns were left out;
        "failed": nothing can be concluded and every table is NaN.
    message : str
        One sentence about anything but a plain convergence; empty otherwise.
    boundary : list of str
        The components on the boundary; "residual" if it is the residual structure.
    """

    model: Model
    recipe: dict[str, Any]
    _point: Point | None
    status: str
    message: str = ""
    boundary: list[str] = field(default_factory=list)
    iterations: int = 0
    ladder: pd.DataFrame | None = None

    def __post_init__(self) -> None:
        """Remember the parameters themselves, from which everything else can be computed again."""
        self._free = None if self._point is None else self._point.free.copy()

    def __getstate__(self) -> dict[str, Any]:
        """Leave out what can be computed again."""
        state = self.__dict__.copy()
        state["_point"] = None
        state.pop("information", None)
        return state

    # -- what was fitted ------------------------------------------------------------------------------------------

    @property
    def method(self) -> str:
        """Give "reml" or "ml"."""
        return self.model.method

    @property
    def usable(self) -> bool:
        """Say whether estimates exist."""
        return self.status != "failed" and self._free is not None

    @property
    def point(self) -> Point:
        """Give the likelihood at the maximum."""
        if self._point is None:
            if self._free is None:
                raise MixedModelError(f"The fit failed: {self.message}")
            self._point = self.model.likelihood.at(self._free)
        assert self._point is not None
        return self._point

    @cached_property
    def information(self) -> Information:
        """Give the information about the covariance parameters (inner coordinates)."""
        return information(self.point)

    def parameter_covariance(self, kind: str) -> tuple[Array, str]:
        """Give the variance of the covariance parameters and the information it really came from.

        On a boundary, or where the observed information is not positive definite, the expected one is used.
        """
        if kind == "observed" and not self.boundary:
            W = self.information.covariance("observed")
            if W is not None:
                return W, "observed"
        W = self.information.covariance("expected")
        if W is None:
            hessian = self.information.expected
            W = 2 * np.linalg.pinv(hessian, hermitian=True)
        return W, "expected"

    @property
    def n_observations(self) -> int:
        """Count the rows used."""
        return self.model.design.n_rows

    @property
    def n_subjects(self) -> int:
        """Count the subjects used."""
        return self.model.design.n_subjects

    @property
    def n_clusters(self) -> dict[str, int]:
        """Count the levels of each cluster factor."""
        return {one.name: len(one.levels) for one in self.model.design.clusters}

    @property
    def rows_dropped(self) -> dict[str, int]:
        """Count the rows left out by reason, e.g. {"pain missing": 12}."""
        return dict(self.model.design.dropped)

    @property
    def covariance_structure(self) -> str:
        """Name the residual structure."""
        return str(self.model.design.residual)

    @property
    def coefficient_names(self) -> list[str]:
        """List the columns of the formula."""
        return list(self.model.design.names)

    @property
    def log_likelihood(self) -> float:
        """Give the (restricted) log-likelihood; NaN if failed."""
        return -0.5 * self.point.value if self.usable else np.nan

    @property
    def n_parameters(self) -> int:
        """Count covariance parameters and coefficients."""
        return self.model.components.n_parameters + len(self.model.coordinates.kept)

    @property
    def aic(self) -> float:
        """Give Akaike's criterion; under REML only the covariance parameters count, as in PROC MIXED."""
        return -2 * self.log_likelihood + 2 * self._counted

    @property
    def bic(self) -> float:
        """Give Schwarz's criterion with the number of subjects, as in PROC MIXED."""
        return -2 * self.log_likelihood + np.log(self.n_subjects) * self._counted

    @property
    def _counted(self) -> int:
        return self.model.components.n_parameters if self.method == "reml" else self.n_parameters

    def __repr__(self) -> str:
        """Say in a few lines what was fitted and how it went."""
        clusters = ", ".join(f"{count} {name}s" for name, count in self.n_clusters.items())
        lines = [
            f"MixedFit: {self.recipe['formula']}",
            f"  status       {self.status}" + (f": {self.message}" if self.message else ""),
            f"  data         {self.n_observations} rows, {self.n_subjects} subjects"
            + (f", {clusters}" if clusters else ""),
            f"  dropped      {', '.join(f'{n} ({why})' for why, n in self.rows_dropped.items()) or 'none'}",
            f"  covariance   random {self.recipe['random'] or 'none'}; residual {self.covariance_structure}",
            f"  fit          {self.method.upper()}, log-likelihood {self.log_likelihood:.3f}, AIC {self.aic:.1f}, BIC {self.bic:.1f}",
        ]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        """Show the summary and the coefficients in a notebook."""
        import html

        table = self.terms().to_html(index=False, float_format="{:.4g}".format, border=0)
        return f"<pre>{html.escape(repr(self))}</pre>{table}"

    # -- covariance -----------------------------------------------------------------------------------------------

    @property
    def _outer_scale(self) -> Array:
        """Give the factor from inner to outer covariance parameters."""
        coordinates, components = self.model.coordinates, self.model.components
        squared = coordinates.scale**2
        parts = []
        at = 0
        for block in components.random:
            scale = coordinates.z_scale[at : at + block.size]
            rows, columns = block.indices
            parts.append(squared / (scale[rows] * scale[columns]))
            at += block.size
        for _ in range(components.n_groups):
            parts.append(
                np.array([1.0 if what == "correlation" else squared for what in components.structure.quantities])
            )
        for (_, block), scale in zip(components.clusters, coordinates.u_scales, strict=True):
            rows, columns = block.indices
            parts.append(squared / (scale[rows] * scale[columns]))
        return np.concatenate(parts)

    def variance_components(self) -> pd.DataFrame:
        """Tabulate the covariance parameters.

        Returns
        -------
        pandas.DataFrame
            component (the subject column, "residual" or a cluster), term, quantity (variance, covariance,
            correlation), estimate, se (from the inverse information; NaN on a boundary).
        """
        names = parameter_names(self.model)
        table = pd.DataFrame(names, columns=["component", "quantity", "term"])[["component", "term", "quantity"]]
        table["estimate"] = np.nan
        table["se"] = np.nan
        if self.usable:
            scale = self._outer_scale
            table["estimate"] = self.point.theta * scale
            if not self.boundary:
                W, _ = self.parameter_covariance("observed")
                table["se"] = np.sqrt(np.diag(W)) * scale
        table.attrs["status"] = self.status
        return table

    def residual_covariance(self, group: str = "") -> pd.DataFrame:
        """Give the fitted residual covariance, visits x visits, of one group (`by` level)."""
        design = self.model.design
        group = group or design.groups[0]
        if group not in design.groups:
            raise MixedModelError(f"'{group}' is not a group of this fit; its groups are: {', '.join(design.groups)}.")
        where = self.model.components.slices[1][design.groups.index(group)]
        matrix = design.structure.matrix(self.point.theta[where]) * self.model.coordinates.scale**2
        return pd.DataFrame(matrix, index=design.visits, columns=design.visits)

    def random_covariance(self) -> pd.DataFrame:
        """Give the fitted covariance of a subject's random effects."""
        coordinates = self.model.coordinates
        G = self.model.components.random_covariance(self.point.theta)
        G = G * coordinates.scale**2 / np.outer(coordinates.z_scale, coordinates.z_scale)
        terms = self.model.design.random_terms
        return pd.DataFrame(G, index=terms, columns=terms)

    # -- fixed effects --------------------------------------------------------------------------------------------

    def coefficients(self) -> pd.Series:
        """Give the estimates by name; NaN for columns that were left out."""
        return self.terms(df="asymptotic").set_index("term")["estimate"]

    def terms(
        self,
        df: str | None = None,
        level: float = 0.95,
        *,
        information: str = "observed",
        variance: str = "model",
        groups: str | None = None,
    ) -> pd.DataFrame:
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
        """
        rule = make_rule(self, df, level, information, variance, groups)
        L = np.eye(len(self.model.design.names))
        table = pd.DataFrame({"term": self.model.design.names, **estimates(self, L, rule).table(level)})
        return self._signed(table, rule)

    def _signed(self, table: pd.DataFrame, rule: Any) -> pd.DataFrame:
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
        self,
        term: str | Sequence[str] | Array,
        df: str | None = None,
        *,
        information: str = "observed",
        variance: str = "model",
        groups: str | None = None,
    ) -> pd.DataFrame:
        """Test a term (or several, or the rows of a matrix over the coefficients) at once by F.

        Returns
        -------
        pandas.DataFrame
            One row: term, statistic (F), df_numerator, df_denominator, p, status. Interactions such as "arm:visit" are
            found in any order of their parts.
        """
        rule = make_rule(self, df, 0.95, information, variance, groups)
        if isinstance(term, np.ndarray):
            L, label = np.atleast_2d(term), "custom"
        else:
            chosen = [term] if isinstance(term, str) else list(term)
            columns = [column for one in chosen for column in self._term_columns(one)]
            L, label = np.eye(len(self.model.design.names))[columns], " + ".join(chosen)
        test = joint_test(self, L, rule)
        status = self.status if not self.usable or np.isfinite(test.statistic) else "not_estimable"
        table = pd.DataFrame(
            {
                "term": [label],
                "statistic": [test.statistic],
                "df_numerator": [test.numerator],
                "df_denominator": [test.denominator],
                "p": [test.p],
                "status": [status],
            }  # fmt: skip
        )
        return self._signed(table, rule)

    def _term_columns(self, term: str) -> list[int]:
        wanted = sorted(part.strip() for part in term.split(":"))
        for name, columns in self.model.design.terms.items():
            if sorted(part.strip() for part in name.split(":")) == wanted:
                return columns
        raise MixedModelError(
            f"'{term}' is not a term of the model; its terms are: {', '.join(self.model.design.terms)}."
        )

    # -- marginal means -------------------------------------------------------------------------------------------

    def _rows_table(
        self, rows: Rows, df: str | None, level: float, information: str, variance: str, groups: str | None,
        adjust: str | None = None, family: Sequence[str] = (), sd: float | None = None,
    ) -> pd.DataFrame:  # fmt: skip
        rule = make_rule(self, df, level, information, variance, groups)
        result = estimates(self, rows.L, rule)
        table = pd.concat([rows.labels, pd.DataFrame(result.table(level))], axis=1)
        table = self._signed(table, rule)
        table.attrs["weights"] = rows.weights
        table.attrs["coefficients"] = rows.as_dictionary(self.model.design.names)
        if adjust:
            from .adjust import adjust_table

            adjust_table(table, result, adjust, family, level)
        if sd is not None:
            _means.standardise(table, sd, self.model.design.n_subjects)
        return table

    def means(
        self,
        by: str | Sequence[str],
        *,
        at: Mapping[str, Any] | None = None,
        weights: str = "balanced",
        df: str | None = None,
        level: float = 0.95,
        information: str = "observed",
        variance: str = "model",
        groups: str | None = None,
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
        df, level, information, variance, groups
            As in `terms`.

        Returns
        -------
        pandas.DataFrame
            The `by` columns, estimate, se, df, statistic, p, low, high, status; `attrs["coefficients"]` holds the
            weights on the coefficients, row by row.
        """
        rows = _means.mean_rows(self.model.design, _listed(by), dict(at or {}), weights)
        return self._rows_table(rows, df, level, information, variance, groups)

    def slopes(
        self,
        covariate: str,
        by: str | Sequence[str] = (),
        *,
        at: Mapping[str, Any] | None = None,
        weights: str = "balanced",
        df: str | None = None,
        level: float = 0.95,
        information: str = "observed",
        variance: str = "model",
        groups: str | None = None,
    ) -> pd.DataFrame:
        """Estimate the slope of the outcome on a numeric covariate (a trend), at its mean or at `at`.

        Returns
        -------
        pandas.DataFrame
            The `by` columns, covariate, and the columns of `means`.
        """
        rows = _means.slope_rows(self.model.design, covariate, _listed(by), dict(at or {}), weights)
        return self._rows_table(rows, df, level, information, variance, groups)

    def contrast(
        self,
        variable: str,
        *,
        by: str | Sequence[str] = (),
        kind: str = "reference",
        reference: Any = None,
        coefficients: Mapping[str, Mapping[Any, float]] | None = None,
        slope: str | None = None,
        at: Mapping[str, Any] | None = None,
        weights: str = "balanced",
        df: str | None = None,
        level: float = 0.95,
        information: str = "observed",
        variance: str = "model",
        groups: str | None = None,
        adjust: str | None = None,
        sd: float | None = None,
    ) -> pd.DataFrame:
        """Compare marginal means (or slopes) between the levels of a variable.

        Parameters
        ----------
        variable : str
            Categorical variable of the formula (or numeric with values in `at`).
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
        at, weights, df, level, information, variance, groups
            As in `means` and `terms`.
        adjust : str, optional
            "simultaneous" (multivariate t: Dunnett for "reference", Tukey for "pairwise"), or a method of statsmodels'
            `multipletests` such as "holm"; within each combination of `by` (over all rows for "difference").
            Adds p_adjusted (and for "simultaneous" low_simultaneous, high_simultaneous).
        sd : float, optional
            Standard deviation by which to standardise: adds effect, effect_low, effect_high (with Hedges' factor).

        Returns
        -------
        pandas.DataFrame
            The `by` columns, contrast ("dry_needling - usual_care"), estimate, se, df, statistic, p, low, high, status.
        """
        listed = _listed(by)
        base = (
            _means.slope_rows(self.model.design, slope, [*listed, variable], dict(at or {}), weights)
            if slope
            else _means.mean_rows(self.model.design, [*listed, variable], dict(at or {}), weights)
        )
        rows = _means.contrast_rows(base, variable, listed, kind, reference, coefficients)
        family = [] if kind == "difference" else listed
        return self._rows_table(rows, df, level, information, variance, groups, adjust, family, sd)


def _listed(names: str | Sequence[str]) -> list[str]:
    return [names] if isinstance(names, str) else list(names)


def fit_ladder(
    formula: str,
    data: pd.DataFrame,
    *,
    residuals: Sequence[str | Residual],
    **arguments: Any,
) -> MixedFit:
    """Fit pre-specified residual structures in order and keep the first that the data support.

    A rung holds if the search converged and the residual covariance is not singular; a zero variance of a random effect
    or of a cluster does not change the rung, it stays in the fit's status.

    Parameters
    ----------
    formula, data, arguments
        As in `fit_mixed`.
    residuals : sequence of str or Residual
        The rungs, e.g. ``["unstructured(visit)", "toeplitz_het(visit)", "ar1_het(visit)"]``.

    Returns
    -------
    MixedFit
        The fit of the first rung that holds, or the last failure. Its `ladder` has one row per rung tried: structure,
        status, message, log_likelihood, aic, bic, chosen.
    """
    if not residuals:
        raise MixedModelError("The ladder has no rung; name at least one residual structure.")
    rungs = []
    chosen: MixedFit | None = None
    fit: MixedFit | None = None
    for residual in residuals:
        fit = fit_mixed(formula, data, residual=residual, **arguments)
        holds = fit.usable and "residual" not in fit.boundary
        rungs.append((fit.covariance_structure, fit.status, fit.message, fit.log_likelihood, fit.aic, fit.bic, holds))
        if holds:
            chosen = fit
            break
    assert fit is not None
    result = chosen or fit
    columns = ["structure", "status", "message", "log_likelihood", "aic", "bic", "chosen"]
    result.ladder = pd.DataFrame(rungs, columns=columns)
    return result
