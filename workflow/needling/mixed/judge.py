"""Whether a fit can be believed: what speaks against it before, and on which boundary it ended."""

from __future__ import annotations

import numpy as np

from .connected import LARGEST
from .information import information
from .likelihood import Point
from .model import Model

Array = np.ndarray

SINGULAR = 1e-6  # variance relative to the residual's below which a component counts as zero
IDENTIFIED = 1e-9


def impossible(model: Model) -> str:  # noqa: PLR0911 - one sentence per reason
    """Say why the data cannot identify the model before anything is tried; empty if nothing speaks against it.

    What to do instead stands in parentheses: a semicolon joins notes, and a report takes them apart there.
    """
    design = model.design
    if model.exact:
        return "The fixed effects explain the outcome exactly, so that there is no residual variance to model."
    largest = model.likelihood.connected.largest
    if largest > LARGEST:
        names = ", ".join(one.name for one in design.clusters)
        return (
            f"{design.subject_name.capitalize()}s that meet several levels connect {largest:,} effects of {names}, more than "
            f"the {LARGEST:,} that fit into memory together (leave a factor out, or give each {design.subject_name} one level)."
        )
    if design.n_subjects < 2:
        return "There is one subject, and a mixed model needs two or more."
    if design.residual.structure == "iid" and _saturated(model):
        return (
            "Fixed effects, random effects and clusters together fit every row exactly, so that no residual variance "
            "is left to estimate (leave random effects out)."
        )
    if design.residual.structure == "exponential":
        alone = [name for number, name in enumerate(design.groups) if np.isnan(design.gaps(number)[0])]
        if alone:
            where = f" of group '{alone[0]}'" if alone[0] else ""
            return f"No subject{where} has two rows, so that no correlation over time can be estimated (choose 'iid')."
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
                return (
                    f"No subject{where} was seen at {pair}: their covariance cannot be estimated "
                    f"(choose a simpler structure)."
                )
    return ""


def _saturated(model: Model) -> bool:
    """Say whether effects reach every row; the likelihood then rises for ever as the residual variance falls."""
    left = sum(one.count for one in model.likelihood.remainders)
    p, effects = model.likelihood.p, model.components.n_effects
    if left == 0 or left > p + effects:
        return left == 0
    connected = model.likelihood.connected
    square = np.zeros((p + effects, p + effects))
    for one in model.likelihood.remainders:
        square[:p, :p] += one.AA[:p, :p]
        square[p:, :p] += one.UA[:, :p]
        square[p:, p:] += connected.matrix(one.UU).toarray()
    values = np.linalg.eigvalsh(square)
    return bool((values > 1e-14 * values[-1]).sum() >= left)


def judge(model: Model, point: Point, converged: bool) -> tuple[str, str, list[str]]:
    """Give status, one sentence, and the components on the boundary."""
    residual = _boundary_residual(model, point)
    above = _boundary_random(model, point)
    confounded = _unidentified(model, _interior(model) if residual else point)
    if confounded:
        named = ", ".join(confounded)
        return (
            "failed",
            f"The data do not identify these covariance parameters: {named} (choose a simpler model).",
            above,
        )
    if not converged and not residual:
        return (
            "failed",
            "The likelihood did not reach a maximum (try a simpler covariance structure or fewer random effects).",
            above,
        )
    dropped = [model.design.names[column] for column in model.coordinates.left_out]
    sentences = []
    if residual:
        sentences.append(f"The residual covariance is singular ({residual}): the data do not support this structure.")
    if above:
        sentences.append(f"Estimated at the boundary: {'; '.join(above)}.")
    if dropped:
        sentences.append(f"Left out because other columns determine them: {', '.join(dropped)}.")
    status = "singular" if residual or above else "rank_deficient" if dropped else "converged"
    return status, " ".join(sentences), (["residual"] if residual else []) + above


def _interior(model: Model) -> Point | None:
    """Give the starting point: parameters that are confounded there are confounded everywhere."""
    return model.likelihood.at(model.start())


def residual_variances(model: Model, theta: Array, group: int) -> Array:
    """Give the residual variance at each visit (one number where all visits share it), in inner units."""
    natural = theta[model.components.slices[1][group]]
    if model.components.structure.name in ("iid", "exponential"):
        return natural[:1]
    return np.diag(model.components.structure.matrix(natural))


def _boundary_residual(model: Model, point: Point) -> str:
    components, design = model.components, model.design
    random = float(np.trace(components.random_covariance(point.theta)))
    for number, where in enumerate(components.slices[1]):
        variances = residual_variances(model, point.theta, number)
        group = f" in group '{design.groups[number]}'" if components.n_groups > 1 else ""
        if variances.max() < SINGULAR * max(random, 1.0):
            return f"no residual variance is left{group}"
        if variances.min() < 1e-8 * variances.max():
            return f"no variance at visit '{design.visits[int(np.argmin(variances))]}'{group}"
        if components.structure.name == "exponential":
            shortest, longest = design.gaps(number)
            reach = point.theta[where][1]
            if np.exp(-longest / reach) > 1 - SINGULAR:
                return f"visits are perfectly correlated{group}"
            if np.exp(-shortest / reach) < SINGULAR:
                return f"no correlation between visits is left, iid fits as well{group}"
        if len(variances) == 1:
            continue
        matrix = components.structure.matrix(point.theta[where]) / np.sqrt(np.outer(variances, variances))
        if np.linalg.eigvalsh(matrix)[0] < SINGULAR:
            return f"visits are perfectly correlated{group}"
    return ""


def _boundary_random(model: Model, point: Point) -> list[str]:
    """Name the random effects whose variance is zero or whose correlation is one, relative to the residual."""
    components, design = model.components, model.design
    groups = range(components.n_groups)
    residual = float(np.mean([residual_variances(model, point.theta, group).mean() for group in groups]))
    G, z_map = components.random_covariance(point.theta), model.coordinates.z_map
    blocks = []
    at = 0
    for block in components.random:
        own = slice(at, at + block.size)
        blocks.append((design.subject_name, design.random_terms[own], G[own, own], z_map[own, own], design.Z[:, own]))
        at += block.size
    covariances = components.cluster_covariances(point.theta)
    for cluster, Gamma, to in zip(design.clusters, covariances, model.coordinates.u_maps, strict=True):
        blocks.append((cluster.name, cluster.terms, Gamma, to, cluster.columns))
    found = []
    for name, terms, covariance, to, columns in blocks:
        # a zero variance is one of the user's columns; a correlation of one has to be judged among orthogonal columns,
        # because far from time 0 any intercept and slope are correlated
        variances = np.diag(to @ covariance @ to.T) * (columns**2).mean(axis=0) / residual
        zero = [
            f"the variance of {term} between levels of {name} is zero"
            for term, value in zip(terms, variances, strict=True)
            if value < SINGULAR
        ]
        found += zero
        if not zero:
            scale = np.sqrt(np.maximum(np.diag(covariance), 1e-3 * SINGULAR * residual))
            if np.linalg.eigvalsh(covariance / np.outer(scale, scale))[0] < SINGULAR:
                found.append(f"the random effects of {name} ({', '.join(terms)}) are perfectly correlated")
    return found


def _flattest(information_matrix: Array) -> tuple[float, Array]:
    """Give the smallest eigenvalue of an information matrix scaled to unit diagonal, and its direction."""
    diagonal = np.diag(information_matrix)
    scale = np.sqrt(np.where(diagonal > 1e-14 * diagonal.max(), diagonal, 1.0))
    values, vectors = np.linalg.eigh(information_matrix / np.outer(scale, scale))
    return float(values[0]), vectors[:, 0]


def _unidentified(model: Model, point: Point | None) -> list[str]:
    """Name the covariance parameters along which the likelihood is flat."""
    if point is None:
        return []
    smallest, _ = _flattest(point.average_information)
    if smallest > IDENTIFIED:
        return []
    smallest, direction = _flattest(information(point).expected)
    if smallest > IDENTIFIED:
        return []
    direction = point.local @ direction
    direction = direction / np.abs(direction).max()
    names = [f"{component} {quantity} ({term})" for component, quantity, term in parameter_names(model)]
    return [name for name, weight in zip(names, np.abs(direction), strict=True) if weight > 0.2]


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
