"""From formulas and a frame to the arrays that the likelihood needs: what is used, what is dropped, and why."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
from formulaic import Formula
from formulaic.errors import FormulaicError

from .errors import MixedModelError
from .structures import Residual, Structure, make_structure

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
    frame: pd.DataFrame  # the used rows in the order of the data
    order: Array  # sorted position -> position in `frame`
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
    time: Array  # (rows,) for continuous time: since the first visit of all, in units of `time_unit`
    time_unit: float  # the median gap between neighbouring visits of a subject
    groups: list[str]
    group: Array  # (rows,) group code
    weights: Array  # (rows,)
    levels: dict[str, list[Any]]
    n_given: int
    dropped: dict[str, int] = field(default_factory=dict)

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
        return float(np.diff(time)[inside].min()), float((time[last] - time[first]).max())

    def columns_of(self, term: str) -> list[int]:
        """Find the columns of a term, e.g. "arm:visit", whose parts may stand in any order."""
        wanted = sorted(part.strip() for part in term.split(":"))
        for name, columns in self.terms.items():
            if sorted(part.strip() for part in name.split(":")) == wanted:
                return columns
        raise MixedModelError(f"'{term}' is not a term of the model; its terms are: {', '.join(self.terms)}.")

    def take(self, rows: Array, subjects: Array, cluster_codes: list[Array]) -> Design:
        """Choose sorted rows (some perhaps more than once) under new subject and cluster codes, both ascending or not.

        `subjects` and `cluster_codes` are per chosen row; levels are numbered anew.
        """
        order = np.lexsort((self.position[rows], subjects))
        rows, codes = rows[order], subjects[order]
        _, numbered = np.unique(codes, return_inverse=True)
        labels = np.empty(int(numbered.max()) + 1, dtype=object)
        labels[numbered] = self.subject_labels[self.subjects[rows]]
        clusters = []
        for cluster, new in zip(self.clusters, cluster_codes, strict=True):
            levels, own = np.unique(new[order], return_inverse=True)
            names = [str(level) for level in levels]
            clusters.append(replace(cluster, codes=own, levels=names, columns=cluster.columns[rows]))
        return replace(
            self, y=self.y[rows], X=self.X[rows], frame=self.frame.iloc[self.order[rows]], order=np.arange(len(rows)),
            subjects=numbered, subject_labels=labels, Z=self.Z[rows], clusters=clusters, position=self.position[rows],
            time=self.time[rows], group=self.group[rows], weights=self.weights[rows],
        )  # fmt: skip


def natural_key(value: Any) -> list[Any]:
    """Sort text as a person would: week_2 before week_12."""
    parts = re.split(r"(\d+(?:\.\d+)?)", str(value))
    return [(0, float(part), "") if index % 2 else (1, 0.0, part) for index, part in enumerate(parts)]


def _formula(text: str, what: str) -> Formula:
    try:
        return Formula(text)
    except FormulaicError as error:
        raise MixedModelError(f"The {what} formula '{text}' cannot be read: {str(error).splitlines()[0]}") from error


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


def _require(data: pd.DataFrame, names: Sequence[str], what: str) -> None:
    missing = [name for name in names if name not in data.columns]
    if missing:
        raise MixedModelError(
            f"The {what} names column '{missing[0]}', which the data do not have; its columns are: "
            f"{', '.join(str(column) for column in data.columns[:30])}."
        )


def _drop_incomplete(frame: pd.DataFrame, order: Sequence[str]) -> tuple[pd.DataFrame, dict[str, int]]:
    """Drop rows with a missing or infinite value; count each row once, under the first reason."""
    keep = np.ones(len(frame), dtype=bool)
    dropped: dict[str, int] = {}
    for name in order:
        column = frame[name]
        bad = column.isna().to_numpy()
        if pd.api.types.is_float_dtype(column):
            infinite = np.isinf(column.to_numpy(dtype=float, na_value=np.nan))
            if (infinite & keep).any():
                dropped[f"{name} infinite"] = int((infinite & keep).sum())
                keep &= ~infinite
        if (bad & keep).any():
            dropped[f"{name} missing"] = int((bad & keep).sum())
            keep &= ~bad
    return frame.loc[keep], dropped


def _as_category(column: pd.Series, levels: Sequence[Any] | None) -> pd.Series:
    """Make text, booleans and categories a category of the levels that occur, in a stated or natural order."""
    if levels is not None:
        unknown = [value for value in pd.unique(column) if value not in set(levels)]
        if unknown:
            raise MixedModelError(
                f"Column '{column.name}' holds '{unknown[0]}', which the stated levels leave out: {list(levels)}."
            )
        present = set(pd.unique(column))
        return column.astype(pd.CategoricalDtype([level for level in levels if level in present]))
    if isinstance(column.dtype, pd.CategoricalDtype):
        return column.cat.remove_unused_categories()
    codes, values = pd.factorize(column)
    order = sorted(range(len(values)), key=lambda number: natural_key(values[number]))
    rank = np.empty(len(values), dtype=np.intp)
    rank[order] = np.arange(len(values))
    category = pd.Categorical.from_codes(rank[codes], dtype=pd.CategoricalDtype([values[number] for number in order]))
    return pd.Series(category, index=column.index, name=column.name)


def _is_categorical(column: pd.Series) -> bool:
    return not pd.api.types.is_numeric_dtype(column) or pd.api.types.is_bool_dtype(column)


def _matrix(formula: Any, frame: pd.DataFrame, what: str) -> tuple[Array, list[str], dict[str, list[int]], Any]:
    try:
        matrix = formula.get_model_matrix(frame, output="numpy", na_action="ignore", context={"np": np})
    except FormulaicError as error:
        raise MixedModelError(f"The {what} cannot be computed: {str(error).splitlines()[0]}") from error
    spec = matrix.model_spec
    values = np.asarray(matrix, dtype=float)
    if not np.isfinite(values).all():
        column = spec.column_names[int(np.flatnonzero(~np.isfinite(values).all(axis=0))[0])]
        raise MixedModelError(f"The {what} column '{column}' is not finite for some rows; check its transformation.")
    terms = {str(term): list(indices) for term, indices in spec.term_indices.items()}
    return values, [str(name) for name in spec.column_names], terms, spec


def _random_blocks(text: str) -> tuple[str, bool]:
    stripped = text.strip()
    if stripped.endswith("||"):
        return stripped[:-2].strip(), True
    return stripped, False


def _cluster_codes(frame: pd.DataFrame, name: str) -> tuple[Array, list[str]]:
    """Code the levels of a factor; ``a:b`` is the combination of the columns a and b."""
    parts = name.split(":")
    labels = frame[parts[0]].astype(str) if len(parts) > 1 else frame[parts[0]]
    for part in parts[1:]:
        labels = labels + ":" + frame[part].astype(str)
    category = _as_category(
        labels.astype(object) if isinstance(labels.dtype, pd.CategoricalDtype) else labels, None
    ).cat
    return category.codes.to_numpy().astype(np.intp), [str(level) for level in category.categories]


def _visits(frame: pd.DataFrame, residual: Residual, subject: str) -> tuple[Array, Array, float, list[str], Structure]:
    """Give each row's visit position and time, the unit of that time, the visits in order, and their structure."""
    rows = len(frame)
    if residual.structure == "iid":
        return np.zeros(rows, dtype=np.intp), np.zeros(rows), 1.0, ["all"], make_structure("iid", 1)
    column = frame[residual.visit]
    if residual.structure == "exponential":
        if not pd.api.types.is_numeric_dtype(column):
            raise MixedModelError(f"The exponential structure needs a numeric time; '{residual.visit}' is not numeric.")
        values, position = np.unique(column.to_numpy(dtype=float), return_inverse=True)
        unit = _typical_gap(pd.factorize(frame[subject])[0], values[position])
        scaled = (values - values[0]) / unit
        structure = make_structure("exponential", len(values), scaled)
        return position, scaled[position], unit, [f"{value:g}" for value in values], structure
    if pd.api.types.is_numeric_dtype(column):
        values, position = np.unique(column.to_numpy(), return_inverse=True)
        visits = [str(value) for value in values]
    else:
        position = column.cat.codes.to_numpy().astype(np.intp)
        visits = [str(level) for level in column.cat.categories]
    return position, position.astype(float), 1.0, visits, make_structure(residual.structure, len(visits))


def _typical_gap(subjects: Array, time: Array) -> float:
    """Give the median gap between neighbouring visits of a subject; 1 where every subject has one visit."""
    order = np.lexsort((time, subjects))
    gaps = np.diff(time[order])[np.diff(subjects[order]) == 0]
    return float(np.median(gaps[gaps > 0])) if (gaps > 0).any() else 1.0


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


def _subjects(column: pd.Series) -> tuple[Array, Array]:
    """Code the subjects in the order of their labels."""
    codes, values = pd.factorize(column)
    labels = np.array([str(value) for value in values], dtype=object)
    order = np.argsort(labels, kind="stable")
    rank = np.empty(len(order), dtype=np.intp)
    rank[order] = np.arange(len(order))
    return rank[codes], labels[order]


def _weights(frame: pd.DataFrame, name: str | None) -> Array:
    if name is None:
        return np.ones(len(frame))
    weights = frame[name].to_numpy(dtype=float)
    if (weights <= 0).any():
        raise MixedModelError(f"The weights '{name}' must be above zero; {int((weights <= 0).sum())} rows are not.")
    return weights


def _needs_order(frame: pd.DataFrame, residual: Residual, levels: Mapping[str, Sequence[Any]]) -> None:
    if residual.structure in ("iid", "unstructured", "exponential") or residual.structure.startswith("compound"):
        return
    column = frame[residual.visit]
    stated = residual.visit in levels or isinstance(column.dtype, pd.CategoricalDtype)
    if not stated and not pd.api.types.is_numeric_dtype(column):
        raise MixedModelError(
            f"The structure '{residual.structure}' depends on the order of the visits, and '{residual.visit}' is text: "
            f"make it a category in the order of time, or give levels={{'{residual.visit}': [...]}}."
        )


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
) -> Design:
    """Collect the arrays of a model, sorted by subject and visit; see `fit_mixed` for the arguments."""
    levels = dict(levels or {})
    cluster = dict(cluster or {})
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
    needed += [name for name in (residual.visit, residual.by, weights) if name]
    needed = list(dict.fromkeys(needed))
    _require(data, needed, "model")
    frame, dropped = _drop_incomplete(data[needed], needed)
    if frame.empty:
        raise MixedModelError("No row has a value in every column of the model; nothing can be fitted.")
    _needs_order(frame, residual, levels)
    frame = frame.copy()
    keep_as_is = {subject, *(part for name in cluster for part in name.split(":"))}
    for name in needed:
        in_formula = name not in keep_as_is or name in variables(parsed.rhs)
        if in_formula and (name in levels or _is_categorical(frame[name])):
            frame[name] = _as_category(frame[name], levels.get(name))
    return _assemble(
        parsed, frame, random_formula, uncorrelated, cluster_formulas, residual, weights, subject, dropped, len(data)
    )


def _assemble(
    parsed: Any,
    frame: pd.DataFrame,
    random_formula: Any,
    uncorrelated: bool,
    cluster_formulas: dict[str, Any],
    residual: Residual,
    weights: str | None,
    subject: str,
    dropped: dict[str, int],
    n_given: int,
) -> Design:
    """Compute the matrices of the complete rows and sort them."""
    y, outcome, _, _ = _matrix(parsed.lhs, frame, "outcome")
    if y.shape[1] != 1:
        raise MixedModelError(f"The outcome must be one numeric column; the formula gives {y.shape[1]}.")
    X, names, terms, spec = _matrix(parsed.rhs, frame, "fixed part")
    Z, random_terms, blocks, random_spec = _matrix(random_formula, frame, "random part")
    sizes = [len(indices) for indices in blocks.values()] if uncorrelated else [Z.shape[1]] * (Z.shape[1] > 0)
    position, time, time_unit, visits, structure = _visits(frame, residual, subject)
    if residual.by:
        by = frame[residual.by]
        by = by if isinstance(by.dtype, pd.CategoricalDtype) else _as_category(by, None)
        group, groups = by.cat.codes.to_numpy().astype(np.intp), [str(level) for level in by.cat.categories]
    else:
        group, groups = np.zeros(len(frame), dtype=np.intp), [""]
    subjects, labels = _subjects(frame[subject])
    order = np.lexsort((position, subjects))
    clusters = []
    for name, one in cluster_formulas.items():
        codes, cluster_levels = _cluster_codes(frame, name)
        if len(cluster_levels) < 2:
            raise MixedModelError(f"The cluster '{name}' has one level; a variance between clusters needs two or more.")
        columns, cluster_terms, _, cluster_spec = _matrix(one, frame, f"cluster '{name}'")
        clusters.append(ClusterDesign(name, codes[order], cluster_levels, columns[order], cluster_terms, cluster_spec))
    categories = {
        str(name): list(frame[name].cat.categories)
        for name in frame.columns
        if isinstance(frame[name].dtype, pd.CategoricalDtype)
    }
    design = Design(
        outcome[0], y[order, 0], X[order], names, terms, spec, frame, order, subject, subjects[order], labels,
        Z[order], random_terms, sizes, random_spec, clusters, residual, structure, visits, position[order],
        time[order], time_unit, groups, group[order], _weights(frame, weights)[order], categories, n_given, dropped,
    )  # fmt: skip
    _check_visits(design)
    _check_groups(design)
    return design
