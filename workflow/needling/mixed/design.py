"""From formulas and a frame to the arrays that the likelihood needs: what is used, what is dropped, and why."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd
from formulaic import Formula
from formulaic.errors import FormulaicError

from .errors import MixedModelError
from .places import places_of, stated_visits
from .plain import plain
from .splines import CONTEXT
from .structures import Residual, Structure
from .used import Used, as_category, coded_subjects, complete_rows, is_category

Array = np.ndarray


@dataclass
class ClusterDesign:
    """One few-level factor above the subjects: its codes per row and the columns that vary over its levels."""

    name: str
    codes: Array  # (rows,) level of each row
    levels: list[str]
    columns: Array  # (rows, slopes)
    terms: list[str]
    spec: Any


@dataclass
class Design:
    """All arrays of one model, sorted by subject and, within a subject, by visit."""

    outcome: str
    y: Array  # (rows,)
    X: Array  # (rows, columns of the formula)
    names: list[str]
    terms: dict[str, list[int]]  # term of the formula -> its columns
    spec: Any
    used: Used  # the used rows in the order of the data
    order: Array  # sorted position -> position in `used`
    subject_name: str
    subjects: Array  # (rows,) codes 0..n-1, ascending
    subject_labels: Array
    Z: Array  # (rows, random columns)
    random_terms: list[str]
    random_blocks: list[int]  # sizes of the independent blocks of Z
    random_spec: Any
    clusters: list[ClusterDesign]
    residual: Residual
    structure: Structure
    visits: list[str]
    position: Array  # (rows,) visit code
    time: Array  # (rows, dimensions) time or place for `exponential`, from `time_origin` in units of `time_unit`
    time_unit: float  # the median gap between neighbouring visits of a subject
    groups: list[str]
    group: Array  # (rows,) group code
    weights: Array  # (rows,)
    levels: dict[str, list[Any]]
    n_given: int
    dropped: dict[str, int]
    time_origin: Array  # (dimensions,)
    notes: list[str]
    offset: Array  # (rows,) known part of the outcome, already taken from y
    offset_name: str | None = None
    weights_name: str | None = None

    @property
    def frame(self) -> pd.DataFrame:
        """Give the used rows in the order of the data."""
        return self.used.frame

    @property
    def n_rows(self) -> int:
        """Count the used rows."""
        return len(self.y)

    @property
    def n_subjects(self) -> int:
        """Count the subjects with a used row."""
        return len(self.subject_labels)

    def gaps(self, group: int) -> tuple[float, float]:
        """Give the shortest gap within any subject of a group and the longest time that a subject was seen over."""
        mine = self.group == group
        subjects, time = self.subjects[mine], self.time[mine]
        inside = np.diff(subjects) == 0
        if not inside.any():
            return np.nan, np.nan
        first = np.flatnonzero(np.diff(subjects, prepend=-1))
        last = np.append(first[1:], len(subjects)) - 1
        if time.shape[1] == 1:
            return float(np.diff(time[:, 0])[inside].min()), float((time[last] - time[first]).max())
        from scipy.spatial.distance import pdist

        own = [pdist(time[a : b + 1]) for a, b in zip(first, last, strict=True) if b > a]
        return min(float(one.min()) for one in own), max(float(one.max()) for one in own)

    def take(self, rows: Array, subjects: Array, cluster_codes: list[Array]) -> Design:
        """Choose sorted rows (some perhaps more than once) under new subject and cluster codes, both ascending or not.

        `subjects` and `cluster_codes` are per chosen row; levels are numbered anew.
        """
        order = np.lexsort((self.position[rows], subjects))
        rows, codes = rows[order], subjects[order]
        _, numbered = np.unique(codes, return_inverse=True)
        labels = np.empty(int(np.max(numbered)) + 1, dtype="O")
        labels[numbered] = self.subject_labels[self.subjects[rows]]
        clusters = []
        for cluster, new in zip(self.clusters, cluster_codes, strict=True):
            levels, own = np.unique(new[order], return_inverse=True)
            names = [str(level) for level in levels]
            clusters.append(replace(cluster, codes=own, levels=names, columns=taken(cluster.columns, rows)))
        return replace(
            self, y=self.y[rows], X=taken(self.X, rows), used=self.used.take(self.order[rows]), order=np.arange(len(rows)),
            subjects=numbered, subject_labels=labels, Z=taken(self.Z, rows), clusters=clusters, position=self.position[rows],
            time=self.time[rows], group=self.group[rows], weights=self.weights[rows],
            offset=self.offset[rows],
        )  # fmt: skip


def _formula(text: str, what: str) -> Formula:
    if not isinstance(text, str):
        raise MixedModelError(f"The {what} formula must be text, not {type(text).__name__}.")
    barred = re.search(r"\(([^()|]*)\|\|?([^()|]*)\)", text)
    if barred:
        columns, grouping = (part.strip() for part in barred.groups())
        raise MixedModelError(
            f"Random effects do not stand in the {what} formula: instead of '{barred.group(0)}' write random='{columns}' with "
            f"subject='{grouping}', or cluster={{'{grouping}': '{columns}'}} where '{grouping}' is above the subjects."
        )
    try:
        return _read(text)
    except FormulaicError as error:
        raise MixedModelError(f"The {what} formula '{text}' cannot be read: {str(error).splitlines()[0]}") from error


@lru_cache(maxsize=128)
def _read(text: str) -> Formula:
    """Read a formula, once for many fits."""
    return Formula(text)


def variables(formula: Any) -> list[str]:
    """List the columns that a formula (or a model spec) uses, also inside calls such as bs(age, df=4)."""
    found: set[str] = set()
    for term in formula.formula if hasattr(formula, "formula") else formula:
        for factor in term.factors:
            if factor.eval_method.value == "lookup":
                found.add(str(factor.expr))
            elif factor.eval_method.value == "python":
                found |= _names_in(str(factor.expr))
    return sorted(found)


def _names_in(expression: str) -> set[str]:
    """List the names of an expression that are not functions or modules; back-quoted ones as they are."""
    quoted = re.findall(r"`([^`]+)`", expression)
    tree = ast.parse(re.sub(r"`[^`]+`", "0", expression), mode="eval")
    called = {node.func.id for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}
    modules = {
        node.value.id for node in ast.walk(tree) if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)
    }
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    return (names - called - modules) | set(quoted)


def _mapping(given: Any, what: str, example: str) -> dict[str, Any]:
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        raise MixedModelError(f"`{what}` must be a mapping such as {example}, not {type(given).__name__}.")
    for name, value in given.items():
        if what == "levels" and (isinstance(value, str) or not isinstance(value, Sequence)):
            raise MixedModelError(f"The levels of '{name}' must be a list, not {type(value).__name__}.")
    return dict(given)


def _require(data: pd.DataFrame, names: Sequence[str]) -> None:
    odd = [name for name in names if not isinstance(name, str)]
    if odd:
        raise MixedModelError(f"The model names its columns by text, not by {type(odd[0]).__name__}.")
    twice = [] if data.columns.is_unique else [name for name in names if list(data.columns).count(name) > 1]
    if twice:
        raise MixedModelError(f"The data have the column '{twice[0]}' more than once; keep one.")
    missing = [name for name in names if name not in data.columns]
    if missing:
        raise MixedModelError(
            f"The model names column '{missing[0]}', which the data do not have; its columns are: "
            f"{', '.join(str(column) for column in data.columns[:30])}."
        )


def taken(columns: Array, rows: Array | None) -> Array:
    """Take rows of a matrix or of one column, all without an order; a column's numbers stay together in memory."""
    return columns if rows is None else columns.T.take(rows, axis=-1).T


def _matrix(formula: Any, used: Used, what: str) -> tuple[Array, list[str], dict[str, list[int]], Any]:
    if (found := plain(formula, used.columns)) is not None:
        return found.matrix(used.columns, used.n_rows), list(found.column_names), dict(found.terms), found
    try:
        matrix = formula.get_model_matrix(used.frame, output="numpy", na_action="ignore", context=CONTEXT)
    except FormulaicError as error:
        raise MixedModelError(f"The {what} cannot be computed: {str(error).splitlines()[0]}") from error
    spec = matrix.model_spec
    values = np.asarray(matrix, dtype=float, order="F")
    if not np.isfinite(values).all():
        column = spec.column_names[int(np.flatnonzero(~np.isfinite(values).all(axis=0))[0])]
        raise MixedModelError(f"The {what} column '{column}' is not finite for some rows; check its transformation.")
    terms = {str(term): list(indices) for term, indices in spec.term_indices.items()}
    return values, [str(name) for name in spec.column_names], terms, spec


def columns_of(spec: Any, frame: pd.DataFrame, what: str) -> Array:
    """Compute the columns of a fitted formula for other rows."""
    try:
        matrix = np.asarray(spec.get_model_matrix(frame, na_action="ignore", context=CONTEXT), dtype=float)
    except (FormulaicError, ValueError, TypeError) as error:
        reason = str(error).splitlines()[0]
        if "extend beyond" in reason:
            reason = (
                "a spline of it knows nothing outside the range of the rows that were fitted; ns() goes on as a line"
            )
        raise MixedModelError(f"The {what} cannot be computed for these rows: {reason}") from error
    matrix = matrix.reshape(len(frame), -1)
    if not np.isfinite(matrix).all():
        column = spec.column_names[int(np.flatnonzero(~np.isfinite(matrix).all(axis=0))[0])]
        raise MixedModelError(f"The {what} column '{column}' is not finite for some of these rows.")
    return matrix


def visit_of(design: Design, frame: pd.DataFrame) -> tuple[Array, Array]:
    """Give the visit number and the time of other rows; -1 and true time for an unseen moment of continuous time."""
    nothing = np.zeros(len(frame))
    if design.residual.structure == "iid":
        return nothing.astype(np.intp), nothing
    if design.residual.structure == "exponential":
        places = frame[list(design.residual.visits)].to_numpy(dtype=float)
        return np.full(len(frame), -1), (places - design.time_origin) / design.time_unit
    labels = frame[str(design.residual.visit)].astype(str)
    position = pd.Index(design.visits).get_indexer(pd.Index(labels))
    if (position < 0).any():
        value = labels.iloc[int(np.flatnonzero(position < 0)[0])]
        raise MixedModelError(f"The fit knows no visit '{value}'; its visits are: {', '.join(design.visits)}.")
    return position, position.astype(float)


def _random_blocks(text: str) -> tuple[str, bool]:
    stripped = text.strip()
    if stripped.endswith("||"):
        return stripped[:-2].strip(), True
    return stripped, False


def _cluster_codes(columns: Mapping[str, pd.Series], name: str) -> tuple[Array, list[str]]:
    """Code the levels of a factor; ``a:b`` is the combination of the columns a and b."""
    parts = name.split(":")
    labels = columns[parts[0]].astype(str) if len(parts) > 1 else columns[parts[0]]
    for part in parts[1:]:
        labels = labels + ":" + columns[part].astype(str)
    category = as_category(labels.astype(object) if isinstance(labels.dtype, pd.CategoricalDtype) else labels, None).cat
    return category.codes.to_numpy().astype(np.intp), [str(level) for level in category.categories]


def _check_visits(design: Design) -> None:
    if design.residual.structure == "iid":
        return
    same = (np.diff(design.subjects) == 0) & (np.diff(design.position) == 0)
    if same.any():
        row = int(np.flatnonzero(same)[0])
        subject = design.subject_labels[design.subjects[row]]
        raise MixedModelError(
            f"Visit '{design.visits[design.position[row]]}' of {design.subject_name} '{subject}' occurs twice "
            f"({int(same.sum())} such rows in all); keep one row per {design.subject_name} and {design.residual.visit}."
        )


def _check_groups(design: Design) -> None:
    if not design.residual.by:
        return
    changes = (np.diff(design.subjects) == 0) & (np.diff(design.group) != 0)
    if changes.any():
        subject = design.subject_labels[design.subjects[int(np.flatnonzero(changes)[0])]]
        raise MixedModelError(
            f"'{design.residual.by}' changes within {design.subject_name} '{subject}'; "
            f"a residual structure by group needs a group per subject."
        )


def _numbers(used: Used, name: str, what: str) -> Array:
    if is_category(used.columns[name].dtype):
        raise MixedModelError(f"The {what} '{name}' must be a column of numbers.")
    return used.columns[name].to_numpy(dtype=float)


def _weights(used: Used, name: str | None) -> Array:
    if name is None:
        return np.ones(used.n_rows)
    weights = _numbers(used, name, "weights")
    if (weights <= 0).any():
        raise MixedModelError(f"The weights '{name}' must be above zero; {int((weights <= 0).sum())} rows are not.")
    return weights


def _needs_order(used: Used, residual: Residual, levels: Mapping[str, Sequence[Any]]) -> None:
    if residual.structure in ("iid", "unstructured", "exponential") or residual.structure.startswith("compound"):
        return
    column = used.columns[str(residual.visit)]
    stated = residual.visit in levels or isinstance(column.dtype, pd.CategoricalDtype)
    if not stated and not pd.api.types.is_numeric_dtype(column):
        raise MixedModelError(
            f"The structure '{residual.structure}' depends on the order of the visits, and '{residual.visit}' is text: "
            f"make it a category in the order of time, or give levels={{'{residual.visit}': [...]}}."
        )


def _sorting(subjects: Array, position: Array) -> Array | None:
    """Give the order by subject and position; None where rows stand in it."""
    ahead = np.diff(subjects)
    if ((ahead > 0) | ((ahead == 0) & (np.diff(position) >= 0))).all():
        return None
    return np.lexsort((position, subjects))


def build_design(
    formula: str,
    data: pd.DataFrame,
    *,
    subject: str,
    random: str | None,
    cluster: Mapping[str, str] | None,
    residual: Residual,
    weights: str | None,
    levels: Mapping[str, Sequence[Any]] | None,
    offset: str | None = None,
) -> Design:
    """Collect the arrays of a model, sorted by subject and visit; see `fit_mixed` for the arguments."""
    levels = _mapping(levels, "levels", "{'arm': ['usual_care', 'dry_needling']}")
    cluster = _mapping(cluster, "cluster", "{'therapist': '1'}")
    parsed = _formula(formula, "model")
    if not hasattr(parsed, "lhs") or not hasattr(parsed, "rhs"):
        raise MixedModelError(f"The formula '{formula}' needs an outcome: 'outcome ~ terms'.")
    random_text, uncorrelated = _random_blocks(random) if random else ("0", False)
    random_formula = _formula(random_text, "random")
    cluster_formulas = {name: _formula(text, f"cluster '{name}'") for name, text in cluster.items()}
    outcome_variables = variables(parsed.lhs)
    needed = [*outcome_variables, subject, *variables(parsed.rhs), *variables(random_formula)]
    needed += [part for name in cluster for part in name.split(":")]
    needed += [name for one in cluster_formulas.values() for name in variables(one)]
    needed += [name for name in (*residual.visits, residual.by, weights, offset) if name]
    _require(data, needed)
    needed = list(dict.fromkeys(needed))
    unknown = [name for name in levels if name not in data.columns]
    if unknown:
        raise MixedModelError(f"`levels` orders the column '{unknown[0]}', which the data do not have.")
    used, dropped = complete_rows(data, needed)
    if not used.n_rows:
        raise MixedModelError("No row has a value in every column of the model, so that nothing can be fitted.")
    _needs_order(used, residual, levels)
    stated = stated_visits(used.columns, residual, levels)
    keep_as_is = {subject, *(part for name in cluster for part in name.split(":"))} - set(variables(parsed.rhs))
    for name, column in used.columns.items():
        if name not in keep_as_is and (name in levels or is_category(column.dtype)):
            used.columns[name] = as_category(column, levels.get(name))
    return _assemble(
        parsed,
        used,
        random_formula,
        uncorrelated,
        cluster_formulas,
        residual,
        weights,
        subject,
        dropped,
        len(data),
        offset,
        stated,
    )


def _assemble(
    parsed: Any,
    used: Used,
    random_formula: Any,
    uncorrelated: bool,
    cluster_formulas: dict[str, Any],
    residual: Residual,
    weights: str | None,
    subject: str,
    dropped: dict[str, int],
    n_given: int,
    offset: str | None,
    stated: Sequence[Any] | None,
) -> Design:
    """Compute the matrices of the complete rows and sort them."""
    y, outcome, _, _ = _matrix(parsed.lhs, used, "outcome")
    if y.shape[1] != 1:
        raise MixedModelError(f"The outcome must be one numeric column; the formula gives {y.shape[1]}.")
    X, names, terms, spec = _matrix(parsed.rhs, used, "fixed part")
    Z, random_terms, blocks, random_spec = _matrix(random_formula, used, "random part")
    sizes = [len(indices) for indices in blocks.values()] if uncorrelated else [Z.shape[1]] * (Z.shape[1] > 0)
    places = places_of(used, residual, subject, stated)
    if residual.by:
        by = used.columns[residual.by]
        by = by if isinstance(by.dtype, pd.CategoricalDtype) else as_category(by, None)
        group, groups = by.cat.codes.to_numpy().astype(np.intp), [str(level) for level in by.cat.categories]
    else:
        group, groups = np.zeros(used.n_rows, dtype=np.intp), [""]
    subjects, labels = coded_subjects(used.columns[subject])
    order = _sorting(subjects, places.position)
    clusters = []
    for name, one in cluster_formulas.items():
        codes, cluster_levels = _cluster_codes(used.columns, name)
        if len(cluster_levels) < 2:
            raise MixedModelError(
                f"The cluster '{name}' has one level, and a variance between clusters needs two or more."
            )
        columns, cluster_terms, _, cluster_spec = _matrix(one, used, f"cluster '{name}'")
        codes, columns = taken(codes, order), taken(columns, order)
        clusters.append(ClusterDesign(name, codes, cluster_levels, columns, cluster_terms, cluster_spec))
    categories = {
        name: list(column.dtype.categories)
        for name, column in used.columns.items()
        if isinstance(column.dtype, pd.CategoricalDtype)
    }
    known = taken(_numbers(used, offset, "offset"), order) if offset else np.zeros(used.n_rows)
    design = Design(
        outcome[0], taken(y[:, 0], order) - known, taken(X, order), names, terms, spec, used,
        np.arange(used.n_rows) if order is None else order, subject, taken(subjects, order), labels,
        taken(Z, order), random_terms, sizes, random_spec, clusters, residual, places.structure, places.visits,
        taken(places.position, order), taken(places.time, order), places.unit, groups, taken(group, order),
        taken(_weights(used, weights), order), categories, n_given, dropped, places.origin, places.notes, known,
        offset, weights,
    )  # fmt: skip
    _check_visits(design)
    _check_groups(design)
    return design
