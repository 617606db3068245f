"""Parametric and cluster bootstrap: the same replicates in one job or in many."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd

from .components import outer_map
from .errors import MixedModelError
from .inference import estimable, values
from .judge import parameter_names
from .model import Model
from .solution import Solution
from .solving import solve

Array = np.ndarray


def child(generator: np.random.Generator, number: int) -> np.random.Generator:
    """Give the generator of one replicate: the child of that number of the seed, whatever was drawn before."""
    root = generator.bit_generator.seed_seq if isinstance(generator, np.random.Generator) else None
    if not isinstance(root, np.random.SeedSequence):
        raise MixedModelError("The generator must come from a SeedSequence, e.g. numpy.random.default_rng(seed).")
    key = (*root.spawn_key, number)
    return np.random.default_rng(np.random.SeedSequence(root.entropy, spawn_key=key, pool_size=root.pool_size))


def _root(B: Array) -> Array:
    """Give a root of each covariance matrix of a stack, B = root root', also where rounding leaves it just singular."""
    try:
        return np.linalg.cholesky(B)
    except np.linalg.LinAlgError:
        values, vectors = np.linalg.eigh(B)
        return vectors * np.sqrt(np.maximum(values, 0))[:, None, :]


class Simulator:
    """New outcomes from a fitted model."""

    def __init__(self, fit: Solution):
        """Factor every covariance pattern once."""
        self.fit = fit
        rows = fit.rows
        self.factors = [(bucket, _root(rows.covariance(bucket))) for bucket in fit.model.subjects]

    def draw(self, generator: np.random.Generator) -> Array:
        """Draw the outcomes of all sorted rows."""
        fit, rows = self.fit, self.fit.rows
        noise = np.empty(fit.n_observations)
        for bucket, factor in self.factors:
            normal = generator.standard_normal(bucket.rows.shape)
            noise[bucket.rows] = np.einsum("nab,nb->na", factor[bucket.pattern], normal)
        components = fit.model.components
        parts = []
        for (levels, block), where in zip(components.clusters, components.slices[2], strict=True):
            normal = generator.standard_normal((levels, block.size))
            parts.append((normal @ block.factor(fit.point.free[where]).T).ravel())
        if parts:
            noise += rows.cluster_values(np.concatenate(parts)[:, None])[:, 0]
        return rows.marginal + noise * fit.model.coordinates.scale / fit.model.root_weights

    def model(self, generator: np.random.Generator) -> Model:
        """Give the model for other outcomes."""
        return self.fit.model.with_outcome(self.draw(generator))


def simulate(fit: Solution, generator: np.random.Generator, replicates: int) -> pd.DataFrame:
    """Draw outcomes of the used rows; see `MixedFit.simulate`."""
    if not fit.usable:
        raise MixedModelError(f"The fit failed, so there is nothing to simulate from: {fit.message}")
    if not isinstance(generator, np.random.Generator) or not isinstance(replicates, int) or replicates < 1:
        raise MixedModelError("Simulation needs a numpy Generator and a number of replicates above zero.")
    simulator, offset = Simulator(fit), fit.model.design.offset
    draws = [fit.rows.series(simulator.draw(generator) + offset, f"y{number}") for number in range(1, replicates + 1)]
    return pd.concat(draws, axis=1)


class Resampler:
    """Subjects or levels of a cluster drawn with replacement; each copy counts as a new unit."""

    def __init__(self, fit: Solution, unit: str):
        """Find the rows of each unit."""
        self.fit, design = fit, fit.model.design
        self.by_subject = unit == design.subject_name
        found = [one for one in design.clusters if one.name == unit]
        if not found and not self.by_subject:
            known = ", ".join(["parametric", design.subject_name, *(one.name for one in design.clusters)])
            raise MixedModelError(f"'{unit}' is not a kind of bootstrap; known are: {known}.")
        self.codes = design.subjects if self.by_subject else found[0].codes
        order = np.argsort(self.codes, kind="stable")
        self.parts = np.split(order, np.flatnonzero(np.diff(self.codes[order])) + 1)

    def model(self, generator: np.random.Generator) -> Model:
        """Draw as many units as there are."""
        design, parts = self.fit.model.design, self.parts
        drawn = generator.integers(len(parts), size=len(parts))
        rows = np.concatenate([parts[number] for number in drawn])
        copy = np.repeat(np.arange(len(drawn)), [len(parts[number]) for number in drawn])
        if self.by_subject and not design.clusters:
            return self.fit.model.of_subjects(drawn, rows, copy)

        def renumbered(own: Array) -> Array:
            pairs = len(np.unique(np.column_stack([own, self.codes]), axis=0))
            inside = pairs == len(
                np.unique(own)
            )  # each level lies in one drawn unit, so that its copies are new levels
            return copy * (int(own.max()) + 1) + own[rows] if inside else own[rows]

        clusters = [renumbered(one.codes) for one in design.clusters]
        return Model(design.take(rows, renumbered(design.subjects), clusters), self.fit.method)


def bootstrap(
    fit: Solution,
    generator: np.random.Generator,
    replicates: int | range,
    kind: str,
    quantity: Callable[[Solution], Mapping[str, float]] | None,
) -> pd.DataFrame:
    """Fit replicates; see `MixedFit.bootstrap`."""
    if not fit.usable:
        raise MixedModelError(f"The fit failed, so there is nothing to simulate from: {fit.message}")
    if not isinstance(replicates, (int, range)):
        raise MixedModelError(f"The replicates must be a number or a range, not {replicates!r}.")
    chosen = range(replicates) if isinstance(replicates, int) else replicates
    draw = Simulator(fit).model if kind == "parametric" else Resampler(fit, kind).model
    names = _names(fit)
    tables = []
    for number in chosen:
        again = solve(draw(child(generator, number)), fit.warm_start)
        if quantity is None:
            labels, numbers = names, _everything(again)
        else:
            kept = dict(quantity(again)) if again.usable else {}
            labels, numbers = [("quantity", name) for name in kept], np.array(list(kept.values()), dtype=float)
        tables.append((number, labels, numbers, again.status))
    return _tabulated(tables)


def _names(fit: Solution) -> list[tuple[str, str]]:
    fixed = [("fixed", name) for name in fit.coefficient_names]
    return fixed + [(component, f"{what} {term}") for component, what, term in parameter_names(fit.model)]


def _everything(fit: Solution) -> Array:
    count = len(fit.coefficient_names)
    if not fit.usable:
        return np.full(count + fit.model.components.n_parameters, np.nan)
    L = np.eye(count)
    fixed = np.where(estimable(fit, L), values(fit, L), np.nan)
    return np.concatenate([fixed, outer_map(fit) @ fit.point.theta])


def _tabulated(tables: list[tuple[int, list[tuple[str, str]], Array, str]]) -> pd.DataFrame:
    columns: dict[str, list] = {"replicate": [], "component": [], "term": [], "estimate": [], "status": []}
    for number, labels, numbers, status in tables:
        columns["replicate"] += [number] * len(labels)
        columns["component"] += [component for component, _ in labels]
        columns["term"] += [term for _, term in labels]
        columns["estimate"] += list(numbers)
        columns["status"] += [status] * len(labels)
    return pd.DataFrame(columns)


def bootstrap_intervals(table: pd.DataFrame, level: float = 0.95) -> pd.DataFrame:
    """Summarise bootstrap replicates.

    Parameters
    ----------
    table : pandas.DataFrame
        What `Solution.bootstrap` returned, or several chunks of it behind each other.
    level : float
        Confidence level.

    Returns
    -------
    pandas.DataFrame
        component, term, mean, sd, low, high (percentiles), n (replicates with an estimate), n_failed.

    Examples
    --------
    >>> bootstrap_intervals(fit.bootstrap(np.random.default_rng(1), 2))
    """
    tail = (1 - level) / 2
    grouped = table.sort_values("replicate", kind="stable").groupby(["component", "term"], sort=False)["estimate"]
    return pd.DataFrame(
        {
            "mean": grouped.mean(),
            "sd": grouped.std(),
            "low": grouped.quantile(tail),
            "high": grouped.quantile(1 - tail),
            "n": grouped.count(),
            "n_failed": grouped.size() - grouped.count(),
        }
    ).reset_index()
