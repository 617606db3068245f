"""A model ready to be fitted: the design in well-conditioned coordinates, its blocks, and starting values.

Inside, X is replaced by an orthonormal basis of its columns, the outcome by its least-squares residual over that
residual's standard deviation, and the random-effect columns of a block by orthogonal combinations of unit mean square. Estimates,
standard errors, degrees of freedom and status therefore do not depend on the units of anything, nor on where time is 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from . import rotation, series
from .blocks import Apart, RowData, Subjects, apart, blocks_of, subject_buckets, unit_buckets
from .connected import Connected
from .design import Design
from .errors import MixedModelError
from .independent import RANK_TOLERANCE, split_columns, triangle, triangular_factor
from .likelihood import CholeskyBlock, Components, Likelihood
from .reordered import Reordered, with_effects_as_clusters
from .stacks import product

Array = np.ndarray

SAME_BASIS = 1e-6  # smallest eigenvalue of the cross-products for which a basis of more rows still serves


def orthogonal_map(columns: Array) -> Array:
    """Give the triangular matrix that makes columns orthogonal with unit mean square; only scales if they are dependent."""
    size = np.sqrt((columns**2).mean(axis=0)) if columns.shape[1] else np.zeros(0)
    size = np.where(size > 0, size, 1.0)
    R = triangle(columns / size) / np.sqrt(len(columns))
    if len(R) < len(size) or (np.abs(np.diag(R)) < RANK_TOLERANCE).any():
        return np.diag(1 / size)
    inverse = np.linalg.inv(R * np.sign(np.diag(R))[:, None])
    return np.triu(inverse) / size[:, None]


def mapped(columns: Array, to: Array) -> Array:
    """Give columns @ to, adding in the same order for every row: equal rows stay equal to the last bit."""
    result = np.zeros((len(columns), to.shape[1]), order="F")
    for (row, column), weight in np.ndenumerate(to):
        if weight:
            result[:, column] += columns[:, row] * weight
    return result


@dataclass
class Coordinates:
    """How the inner coordinates relate to the outer ones."""

    kept: list[int]
    left_out: list[int]
    alias: Array  # (kept, left out): left-out columns as combinations of kept ones
    R: Array  # X_kept = basis @ R
    beta: Array  # least-squares coefficients of the kept columns
    scale: float  # standard deviation of the outcome's residual
    z_map: Array  # inner columns of Z = Z @ z_map, so that effects b = z_map @ inner ones
    u_maps: list[Array]


class Model:
    """A design, its coordinates and its likelihood."""

    def __init__(self, design: Design, method: str):
        """Find the rank, change coordinates, cut the blocks."""
        self.design = design
        self.method = method
        self.root_weights = np.sqrt(design.weights)
        self.change_outcome(design.y)

    def change_outcome(self, y: Array) -> None:
        """Project the outcome on the fixed effects and scale what is left."""
        self.y = y
        kept, left, Q, R, alias = self._basis
        weighted = self.root_weights * y
        effects = Q.T @ weighted
        residual = weighted - Q @ effects
        residual -= Q @ (Q.T @ residual)
        degrees = len(y) - len(kept)
        if degrees < 1:
            raise MixedModelError(
                f"The model has {len(kept)} coefficients for {len(y)} rows (leave terms out or bring more rows)."
            )
        scale = float(np.sqrt(residual @ residual / degrees))
        self.exact = scale <= 1e-12 * float(np.sqrt(weighted @ weighted / len(y)))
        scale = 1.0 if self.exact else scale
        beta = np.linalg.solve(R, effects)
        root = np.sqrt(len(y))
        z_map, u_maps = self._column_maps
        self.coordinates = Coordinates(kept, left, alias, R / root, beta, scale, z_map, u_maps)
        self._W = np.column_stack([Q * root, residual / scale])
        self.__dict__.pop("likelihood", None)
        self.__dict__.pop("apart", None)

    @cached_property
    def _basis(self) -> tuple[list[int], list[int], Array, Array, Array]:
        """Give the columns kept and left out, Q and R of those kept, and the others in terms of them."""
        weighted = self.root_weights[:, None] * self.design.X
        norms = np.sqrt((weighted**2).sum(axis=0))
        Q, R = triangular_factor(weighted / np.where(norms > 0, norms, 1.0))
        kept, left = split_columns(R, norms)
        if not left:
            return kept, left, Q, R * norms, np.zeros((len(kept), 0))
        Q, R = triangular_factor(weighted[:, kept])
        return kept, left, Q, R, np.linalg.solve(R, Q.T @ weighted[:, left])

    @cached_property
    def _column_maps(self) -> tuple[Array, list[Array]]:
        design = self.design
        z_map = np.zeros((design.Z.shape[1], design.Z.shape[1]))
        at = 0
        for size in design.random_blocks:
            block = slice(at, at + size)
            z_map[block, block] = orthogonal_map(design.Z[:, block])
            at += size
        return z_map, [orthogonal_map(cluster.columns) for cluster in design.clusters]

    @cached_property
    def components(self) -> Components:
        """List the covariance parameters."""
        design = self.design
        return Components(
            tuple(CholeskyBlock(size) for size in design.random_blocks),
            design.structure,
            len(design.groups),
            tuple((len(one.levels), CholeskyBlock(one.columns.shape[1])) for one in design.clusters),
        )

    @property
    def row_data(self) -> RowData:
        """Give the rows in inner coordinates, with the square roots of the weights multiplied in."""
        design, root = self.design, self.root_weights[:, None]
        return RowData(
            design.subjects,
            self._W,
            root * mapped(design.Z, self.coordinates.z_map),
            design.position,
            design.time,
            design.group,
            [one.codes for one in design.clusters],
            [root * mapped(one.columns, to) for one, to in zip(design.clusters, self.coordinates.u_maps, strict=True)],
            [len(one.levels) for one in design.clusters],
        )

    @cached_property
    def subjects(self) -> list[Subjects]:
        """Group the real subjects by size and pattern."""
        return subject_buckets(self.row_data, self.design.residual.structure == "exponential")

    @cached_property
    def apart(self) -> Apart:
        """Keep what each subject brings to the likelihood, for fits to some of them (models without clusters)."""
        if self.design.structure.name == "iid":
            return rotation.apart(self.row_data)
        return apart(self.row_data, self.subjects)

    @cached_property
    def likelihood(self) -> Likelihood:
        """Cut the compressed blocks; long series of a Markov process into pairs of neighbouring rows."""
        data = self.row_data
        longest = int(np.max(np.bincount(self.design.subjects)))
        if self.design.structure.markov and longest > series.LONG and not (data.Z.shape[1] and self.design.clusters):
            return self._likelihood_of_series(data)
        independent = self.design.structure.name == "iid"
        if independent and not self.design.clusters:
            connected = Connected([], [])
            parts = (*rotation.cut(data, connected), connected)
        else:
            parts = unit_buckets(data, self.subjects, independent, len(self.design.groups))
        p = len(self.coordinates.kept)
        return Likelihood(*parts, self.components, p, self.method == "reml", self.constant)

    def _likelihood_of_series(self, data: RowData) -> Likelihood:
        components = self.components
        if components.random:
            data, components = with_effects_as_clusters(data, components)
        found = series.cut(data, self.design.structure)
        p = len(self.coordinates.kept)
        inside = Likelihood(
            found.buckets, [], found.connected, components, p, self.method == "reml", self.constant, found.series
        )
        return Reordered(inside, self.components) if self.components.random else inside

    def with_outcome(self, y: Array) -> Model:
        """Copy with another outcome for the same rows (simulation, bootstrap)."""
        copy = Model.__new__(Model)
        copy.__dict__.update(self.__dict__)
        copy.change_outcome(y)
        return copy

    def without(self, rows: Array) -> Model:
        """Copy without some sorted rows; without whole subjects as `of_subjects`."""
        design = self.design
        left = np.setdiff1d(np.arange(design.n_rows), rows)
        gone = np.unique(design.subjects[rows])
        if np.isin(design.subjects[left], gone).any():
            part = design.take(left, design.subjects[left], [one.codes[left] for one in design.clusters])
            return Model(part, self.method)
        return self.of_subjects(np.setdiff1d(np.arange(design.n_subjects), gone), left, design.subjects[left])

    def of_subjects(self, subjects: Array, rows: Array, codes: Array) -> Model:
        """Copy with some subjects, perhaps several times: their codes, their sorted rows and new codes of the rows, ascending.

        Without clusters the blocks are made of what each subject brings to them, and coordinates stay. Where
        these subjects may determine fewer coefficients, or fit exactly, and in all other models, everything is made anew.
        """
        design = self.design
        part = design.take(rows, codes, [one.codes[rows] for one in design.clusters])
        W = self._W[rows]
        if design.clusters or self.likelihood.series or self.exact or len(rows) <= W.shape[1]:
            return Model(part, self.method)
        scaled = W / np.sqrt((self._W**2).sum(axis=0))
        if np.linalg.eigvalsh(scaled.T @ scaled)[0] < SAME_BASIS:
            return Model(part, self.method)
        copy = Model.__new__(Model)
        copy.__dict__.update(self.without_caches().__dict__)
        copy.design, copy.y, copy.root_weights, copy._W = part, part.y, self.root_weights[rows], W
        connected = self.likelihood.connected
        parts = blocks_of(self.likelihood.buckets, self.apart, subjects, connected)
        p = len(self.coordinates.kept)
        copy.likelihood = Likelihood(*parts, connected, self.components, p, self.method == "reml", copy.constant)
        return copy

    def without_caches(self) -> Model:
        """Copy without what can be computed again."""
        copy = Model.__new__(Model)
        copy.__dict__.update(
            {key: value for key, value in self.__dict__.items() if key not in ("likelihood", "subjects", "apart")}
        )
        return copy

    @property
    def constant(self) -> float:
        """Give the part of -2 log L that no covariance parameter changes, in the outcome's own units."""
        rows, p = len(self.y), len(self.coordinates.kept)
        log_scale = 2 * np.log(self.coordinates.scale)
        weights = -2 * float(np.log(self.root_weights).sum())
        if self.method == "ml":
            return rows * (np.log(2 * np.pi) + log_scale) + weights
        log_R = float(np.log(np.abs(np.diag(self.coordinates.R))).sum())
        return (rows - p) * (np.log(2 * np.pi) + log_scale) + weights + 2 * log_R

    def empirical_covariance(self) -> Array:
        """Average the products of least-squares residuals over the subjects seen at both visits."""
        design = self.design
        visits = len(design.visits)
        if design.structure.name in ("iid", "exponential"):
            return np.ones((1, 1))
        residual = np.zeros((design.n_subjects, visits))
        seen = np.zeros((design.n_subjects, visits))
        residual[design.subjects, design.position] = self._W[:, -1]
        seen[design.subjects, design.position] = 1
        covariance = (residual.T @ residual) / np.maximum(seen.T @ seen, 1)
        diagonal = np.arange(visits)
        covariance[diagonal, diagonal] = np.maximum(covariance[diagonal, diagonal], 0.02)
        scale = np.sqrt(np.diag(covariance))
        correlation = np.clip(covariance / np.outer(scale, scale), -0.95, 0.95)
        correlation[diagonal, diagonal] = 1
        return correlation * np.outer(scale, scale)

    def first_start(self) -> Array:
        """Give the start from which the search begins: by moments where residuals are independent, so that few steps are left.

        With R b the rows that random effects reach, E(rr') = R G R' + v I; v is the mean square of all other rows, and G the
        least-squares solution over the subjects, with eigenvalues no smaller than a hundredth of v.
        """
        free, components = self.start(), self.components
        blocks = self.likelihood
        if self.design.structure.name != "iid" or not components.random or not blocks.remainders:
            return free
        variance = np.exp(free[[where.start for where in components.slices[1]]])
        for rest in blocks.remainders:
            variance[rest.group] = max(rest.AA[-1, -1] / rest.count, 1e-4)
            free[components.slices[1][rest.group]] = np.log(variance[rest.group])
        q = components.q
        left, right = np.zeros((q, q, q, q)), np.zeros((q, q))
        for bucket in blocks.buckets:
            transposed, r = np.swapaxes(bucket.patterns.Z, 1, 2), bucket.A[..., -1:]
            spread = product(bucket.spread(transposed), r)[..., 0]
            noise = bucket.count * variance[bucket.patterns.group]
            flat = product(transposed, bucket.patterns.Z).reshape(len(noise), -1)
            right += spread.T @ spread - (noise @ flat).reshape(q, q)
            left += ((flat * bucket.count[:, None]).T @ flat).reshape(q, q, q, q)
        G = np.linalg.lstsq(left.transpose(0, 2, 1, 3).reshape(q * q, -1), right.ravel(), rcond=1e-8)[0].reshape(q, q)
        at = 0
        for block, where in zip(components.random, components.slices[0], strict=True):
            own = G[at : at + block.size, at : at + block.size]
            values, vectors = np.linalg.eigh((own + own.T) / 2)
            inside = np.clip(values, 0.01 * variance.mean(), 100.0)
            free[where] = np.linalg.cholesky((vectors * inside) @ vectors.T)[block.indices]
            at += block.size
        return free

    def other_starts(self) -> list[Array]:
        """Give starts far from each other, always the same: little or much variance above, and shaken ones."""
        generator = np.random.default_rng(20260101)
        shares = [0.05, 0.9] if self.components.random or self.components.clusters else []
        starts = [self.start(share) for share in shares]
        return starts + [self.start(share) + generator.normal(0, 0.5, len(self.start())) for share in (0.1, 0.4, 0.8)]

    def range_starts(self) -> list[Array]:
        """Give starts at ranges of the shortest gap and of the longest time of a subject (exponential only)."""
        if self.components.structure.name != "exponential":
            return []
        starts = [self.start(), self.start()]
        for number, where in enumerate(self.components.slices[1]):
            for start, reach in zip(starts, self.design.gaps(number), strict=True):
                start[where.stop - 1] = np.log(reach)
        return starts

    def nested_limits(self, free: Array) -> list[Array]:
        """Give points at which a simpler model lies at infinity: a range far below every gap is independence."""
        if self.components.structure.name != "exponential":
            return []
        ends = [
            (where.stop - 1, np.log(self.design.gaps(n)[0] / 40)) for n, where in enumerate(self.components.slices[1])
        ]
        limits = [free.copy() for _ in ends]
        for limit, (place, value) in zip(limits, ends, strict=True):
            limit[place] = value
        if len(ends) > 1:
            everywhere = free.copy()
            for place, value in ends:
                everywhere[place] = value
            limits.append(everywhere)
        return limits

    def start(self, share: float = 0.5) -> Array:
        """Choose starting values: `share` of the variance to random effects and clusters, the rest to residuals."""
        components = self.components
        random, residual, clusters = components.slices
        free = np.zeros(components.n_parameters)
        empirical = self.empirical_covariance()
        above = share if components.random else 0.0
        for block, where in zip(components.random, random, strict=True):
            free[where] = (np.sqrt(above / components.q) * np.eye(block.size))[block.indices]
        for (_, block), where in zip(components.clusters, clusters, strict=True):
            free[where] = (np.sqrt(0.15 * share / block.size) * np.eye(block.size))[block.indices]
        for where in residual:
            free[where] = components.structure.start((1 - above) * empirical)
        return free
