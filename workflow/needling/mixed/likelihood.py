"""The restricted and the full likelihood, their gradient and their information matrices.

With V = B + U Gamma U' (B block-diagonal over subjects, U the few-level clusters),
-2 log L = log|V| + r'V^-1 r [+ log|X'V^-1 X|], r = y - X beta at the generalised least-squares beta. Clusters are
eliminated after the subjects: V^-1 = B^-1 - B^-1 U K U'B^-1, K = Lambda (I + Lambda'H Lambda)^-1 Lambda',
H = U'B^-1 U, which stays exact where a cluster variance is zero. H is kept where effects meet, K per connected component.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

import numpy as np

from .blocks import Bucket, Patterns, Remainder
from .connected import Connected, Squares
from .series import Series
from .stacks import cross as cross_products
from .stacks import empty, inverse_factors, product, products, sums_of_products, times
from .structures import Structure

Array = np.ndarray


@cache
def lower_triangle(size: int) -> tuple[Array, Array]:
    """List the lower triangle row by row."""
    return np.tril_indices(size)


@cache
def meeting(size: int) -> tuple[tuple[Array, Array, Array], ...]:
    """List where d(LL')_ab / dL_cd has L_bd (a = c) and where it has L_ad (b = c): 1 there, and the indices of the element."""
    rows, columns = lower_triangle(size)
    a, b, c, d = rows[:, None], columns[:, None], rows[None, :], columns[None, :]
    return ((a == c).astype(float), b, d), ((b == c).astype(float), a, d)


@dataclass(frozen=True)
class CholeskyBlock:
    """A covariance matrix G = LL' of `size` effects; free parameters are L's elements with any sign.

    The sign is left free so that a variance of zero is an ordinary interior point, reached at the speed of Newton.
    """

    size: int

    @property
    def indices(self) -> tuple[Array, Array]:
        """List the lower triangle row by row."""
        return lower_triangle(self.size)

    @property
    def n_parameters(self) -> int:
        """Count the lower triangle."""
        return self.size * (self.size + 1) // 2

    def factor(self, free: Array) -> Array:
        """Fill the lower triangle."""
        factor = np.zeros((self.size, self.size))
        factor[self.indices] = free
        return factor

    def jacobian(self, free: Array) -> Array:
        """Differentiate vech(LL') by vech(L)."""
        factor = self.factor(free)
        (first, b, d), (second, a, _) = meeting(self.size)
        return first * factor[b, d] + second * factor[a, d]

    def curvature(self, gradient: Array) -> Array:
        """Give sum_k gradient_k d2 vech(LL')_k / dL dL, the part of the Hessian that matters at zero variances."""
        square = self.square(gradient)
        rows, columns = self.indices
        return 2 * square[rows[:, None], rows[None, :]] * (columns[:, None] == columns[None, :])

    def square(self, gradient: Array) -> Array:
        """Turn the derivative by vech(G) into the symmetric derivative by G."""
        rows, columns = self.indices
        square = np.zeros((self.size, self.size))
        half = np.where(rows == columns, gradient, gradient / 2)
        square[rows, columns] = half
        square[columns, rows] = half
        return square

    def basis(self) -> Array:
        """Give dG / dG_k."""
        rows, columns = self.indices
        basis = np.zeros((self.n_parameters, self.size, self.size))
        index = np.arange(self.n_parameters)
        basis[index, rows, columns] = 1
        basis[index, columns, rows] = 1
        return basis


@dataclass(frozen=True)
class Components:
    """All covariance parameters of a model in order: subject blocks, residual (per group), clusters."""

    random: tuple[CholeskyBlock, ...]
    structure: Structure
    n_groups: int
    clusters: tuple[tuple[int, CholeskyBlock], ...]  # (levels, block)

    @cached_property
    def slices(self) -> tuple[list[slice], list[slice], list[slice]]:
        """Locate each block in the parameter vector."""
        at = 0
        parts: tuple[list[slice], list[slice], list[slice]] = ([], [], [])
        sizes = (
            [block.n_parameters for block in self.random],
            [self.structure.n_parameters] * self.n_groups,
            [block.n_parameters for _, block in self.clusters],
        )
        for part, lengths in zip(parts, sizes, strict=True):
            for length in lengths:
                part.append(slice(at, at + length))
                at += length
        return parts

    @cached_property
    def blocks(self) -> list[tuple[CholeskyBlock, slice]]:
        """List the covariance matrices of effects, of subjects and of clusters, and where their parameters are."""
        own = zip(self.random, self.slices[0], strict=True)
        above = zip(self.clusters, self.slices[2], strict=True)
        return [*own, *((block, where) for (_, block), where in above)]

    @property
    def n_parameters(self) -> int:
        """Count all parameters."""
        last = (self.slices[2] or self.slices[1])[-1]
        return last.stop

    @property
    def q(self) -> int:
        """Count the random-effect columns of a subject."""
        return sum(block.size for block in self.random)

    @property
    def n_effects(self) -> int:
        """Count all cluster effects."""
        return sum(levels * block.size for levels, block in self.clusters)

    def natural(self, free: Array) -> Array:
        """Map free to natural parameters."""
        theta = np.empty(len(free))
        for block, where in self.blocks:
            factor = block.factor(free[where])
            theta[where] = (factor @ factor.T)[block.indices]
        for where in self.slices[1]:
            theta[where] = self.structure.natural(free[where])
        return theta

    def jacobian(self, free: Array) -> Array:
        """Differentiate natural by free parameters."""
        jacobian = np.zeros((len(free), len(free)))
        for block, where in self.blocks:
            jacobian[where, where] = block.jacobian(free[where])
        for where in self.slices[1]:
            jacobian[where, where] = self.structure.jacobian(free[where])
        return jacobian

    def local_map(self, free: Array) -> Array:
        """Give the natural parameters per local coordinate, along which all derivatives are taken.

        Local coordinates are linear in the natural ones, so that Kenward-Roger does not notice them, and well-conditioned
        where R is nearly singular: they run along the free parameters there. Covariances of random effects stay as they
        are, because a variance of zero is an ordinary point among them.
        """
        local = np.eye(len(free))
        if self.structure.name != "iid":
            for where in self.slices[1]:
                local[where, where] = self.structure.jacobian(free[where])
        return local

    def local_jacobian(self, free: Array) -> Array:
        """Differentiate local coordinates by free parameters."""
        jacobian = self.jacobian(free)
        if self.structure.name != "iid":
            for where in self.slices[1]:
                jacobian[where, where] = np.eye(where.stop - where.start)
        return jacobian

    def curvature(self, gradient: Array) -> Array:
        """Give the curvature of the Cholesky maps weighted by a natural gradient."""
        curvature = np.zeros((len(gradient), len(gradient)))
        for block, where in self.blocks:
            curvature[where, where] = block.curvature(gradient[where])
        return curvature

    def random_covariance(self, theta: Array) -> Array:
        """Give G, q x q, of the subject's random effects."""
        G = np.zeros((self.q, self.q))
        at = 0
        for block, where in zip(self.random, self.slices[0], strict=True):
            stop = at + block.size
            rows, columns = block.indices
            G[at + rows, at + columns] = theta[where]
            G[at + columns, at + rows] = theta[where]
            at = stop
        return G

    def cluster_covariances(self, theta: Array) -> list[Array]:
        """Give Gamma of one level for each cluster factor."""
        result = []
        for (_, block), where in zip(self.clusters, self.slices[2], strict=True):
            rows, columns = block.indices
            square = np.zeros((block.size, block.size))
            square[rows, columns] = theta[where]
            square[columns, rows] = theta[where]
            result.append(square)
        return result

    def _residual_evaluate(self, theta: Array, patterns: Patterns, order: int, local: Array | None = None) -> list[Any]:
        """Give R (order 0) or its derivatives (1, 2) along local coordinates for each group: (..., K, m, m)."""
        results: list[Any] = []
        for where in self.slices[1]:
            natural = theta[where]
            method: Any = (self.structure.matrix, self.structure.first, self.structure.second)[order]
            if self.structure.name == "exponential":
                results.append(_along(method(natural, patterns.time), order, local, where))
            else:
                full = _along(method(natural), order, local, where)
                results.append(full[..., patterns.position[:, :, None], patterns.position[:, None, :]])
        return results

    def block_covariance(self, theta: Array, patterns: Patterns) -> Array:
        """Give B = Z G Z' + R of each pattern: (K, m, m)."""
        if self.q:
            B = product(times(patterns.Z, self.random_covariance(theta)), np.swapaxes(patterns.Z, 1, 2))
        else:
            B = np.zeros((*patterns.position.shape, patterns.position.shape[1]))
        if self.structure.name == "iid":
            np.einsum("kii->ki", B)[:] += theta[self.slices[1][0].start :][patterns.group, None]
            return B
        R = self._residual_evaluate(theta, patterns, 0)
        return B + (R[0] if self.n_groups == 1 else np.stack(R)[patterns.group, np.arange(len(patterns))])

    def residual_derivatives(self, theta: Array, patterns: Patterns, local: Array) -> list[Array]:
        """Give dR along the local coordinates of the residual parameters, per group: (parameters, K, m, m)."""
        derivatives = self._residual_evaluate(theta, patterns, 1, local)
        if self.n_groups == 1:
            return derivatives
        return [first * (patterns.group == group)[:, None, None] for group, first in enumerate(derivatives)]

    def whitened_derivatives(self, theta: Array, patterns: Patterns, local: Array, Linv: Array) -> Array:
        """Give L^-1 dB L'^-1 along the local coordinates of subject and residual parameters: (parameters, K, m, m).

        Those of random effects are L^-1 (z_a z_b' + z_b z_a') L'^-1, of which nothing larger than L^-1 Z is made.
        """
        transposed = np.swapaxes(Linv, 1, 2)
        result = empty(self.slices[1][-1].stop, len(patterns), Linv.shape[1], Linv.shape[1])
        LZ = product(Linv, patterns.Z)
        at = number = 0
        for block in self.random:
            for row, column in zip(*block.indices, strict=True):
                np.multiply(LZ[:, :, at + row, None], LZ[:, None, :, at + column], out=result[number])
                if row != column:
                    result[number] += LZ[:, None, :, at + row] * LZ[:, :, at + column, None]
                number += 1
            at += block.size
        if self.structure.name == "iid":
            own = product(Linv, transposed)
            for group, where in enumerate(self.slices[1]):
                result[where.start] = own if self.n_groups == 1 else own * (patterns.group == group)[:, None, None]
            return result
        for where, derivatives in zip(self.slices[1], self.residual_derivatives(theta, patterns, local), strict=True):
            result[where] = Linv @ derivatives @ transposed
        return result

    def second_derivatives(self, theta: Array, patterns: Patterns, local: Array) -> list[tuple[slice, Array]]:
        """Give d2B along local coordinates of the residual parameters, per group: where, (p, p, K, m, m); empty if linear."""
        if self.structure.linear:
            return []
        parts = []
        for group, second in enumerate(self._residual_evaluate(theta, patterns, 2, local)):
            mine = (patterns.group == group)[:, None, None]
            parts.append((self.slices[1][group], second * mine if self.n_groups > 1 else second))
        return parts


def _along(derivative: Array, order: int, local: Array | None, where: slice) -> Array:
    """Take a first or second derivative of R in natural parameters along the local coordinates."""
    if local is None or order == 0:
        return derivative
    own = local[where, where]
    along = np.tensordot(own.T, derivative, axes=1)
    return along if order == 1 else np.swapaxes(np.tensordot(own.T, np.swapaxes(along, 0, 1), axes=1), 0, 1)


class Likelihood:
    """-2 log L of one data set; `at(free)` evaluates it."""

    def __init__(
        self,
        buckets: list[Bucket],
        remainders: list[Remainder],
        connected: Connected,
        components: Components,
        p: int,
        reml: bool,
        constant: float,
        series: Series | None = None,
    ):
        """Keep the blocks; `constant` is what is added to -2 log L."""
        self.series = series
        self.buckets = buckets
        self.remainders = remainders
        self.connected = connected
        self.components = components
        self.p = p
        self.reml = reml
        self.constant = constant

    def at(self, free: Array) -> Point | None:
        """Evaluate; None where a covariance matrix is not positive definite in floating point."""
        try:
            with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
                point = Point(self, free)
        except np.linalg.LinAlgError:
            return None
        return point if np.isfinite(point.value) else None


class Point:
    """Everything that follows from one value of the covariance parameters."""

    def __init__(self, likelihood: Likelihood, free: Array):
        """Factor all blocks, eliminate the clusters, solve for beta, evaluate -2 log L."""
        self.likelihood = likelihood
        self.components = likelihood.components
        self.buckets = likelihood.buckets
        self.remainders = likelihood.remainders
        self.connected = likelihood.connected
        self.p = likelihood.p
        self.free = free
        self.theta = self.components.natural(free)
        self._eliminate_subjects()
        self._eliminate_clusters()
        p = self.p
        XX = self.M[:p, :p]
        factor = np.linalg.cholesky(XX)
        self.half = np.linalg.inv(factor)  # well-conditioned: X is an orthonormal basis
        whitened = self.half @ self.M[:p, p]
        self.beta = self.half.T @ whitened
        self.rss = float(self.M[p, p] - whitened @ whitened)
        self.log_XX = float(2 * np.log(np.diag(factor)).sum())
        restricted = self.log_XX if likelihood.reml else 0.0
        self.value = self.log_V + restricted + self.rss + likelihood.constant

    def _eliminate_subjects(self) -> None:
        columns = self.p + 1
        effects = self.components.n_effects
        self.M = np.zeros((columns, columns))
        self.H_values = np.zeros(self.connected.n_values)
        self.UA = np.zeros((effects, columns))
        self.log_V = 0.0
        self.Linv: list[Array] = []
        self.LA: list[Array] = []
        self.LU: list[Array] = []
        for bucket in self.buckets:
            Linv, logarithm = inverse_factors(self.components.block_covariance(self.theta, bucket.patterns))
            spread = bucket.spread(Linv)
            LA = product(spread, bucket.A)
            self.M += bucket.weight * cross_products(LA, LA)
            self.log_V += bucket.weight * float(bucket.count @ logarithm)
            LU = product(spread, bucket.U) if effects else bucket.U
            if effects:
                self.H_values += bucket.weight * bucket.add_effect_pairs(np.swapaxes(LU, 1, 2) @ LU)
                self.UA += bucket.weight * bucket.add_effects(np.swapaxes(LU, 1, 2) @ LA)
            self.Linv.append(Linv)
            self.LA.append(LA)
            self.LU.append(LU)
        for rest in self.remainders:
            variance = self.residual_variance(rest)
            if not variance > 0:
                raise np.linalg.LinAlgError("not positive definite")
            self.M += rest.AA / variance
            self.log_V += rest.count * float(np.log(variance))
            self.H_values += rest.UU / variance
            self.UA += rest.UA / variance

    def residual_variance(self, rest: Remainder) -> float:
        """Give the variance of the rows of a remainder."""
        return float(self.theta[self.components.slices[1][rest.group]][0])

    def _eliminate_clusters(self) -> None:
        if not self.connected.n_effects:
            self.K = Squares(self.connected, [])
            return
        factors = [
            block.factor(self.free[where]) for block, where in self.components.blocks[len(self.components.random) :]
        ]
        self.H = self.connected.matrix(self.H_values)
        self.K, logarithm = self.connected.eliminate(self.H_values, factors)
        self.log_V += logarithm
        self.M = self.M - self.UA.T @ (self.K @ self.UA)

    @cached_property
    def Phi(self) -> Array:  # noqa: N802 - the name of the field
        """Give (X'V^-1 X)^-1."""
        return self.half.T @ self.half

    @cached_property
    def adjusted(self) -> tuple[Array, Array]:
        """Give the map from [X y] to [X r], and the cluster effects to subtract so that B^-1 of it is V^-1 [X r]."""
        residual = np.eye(self.p + 1)
        residual[: self.p, self.p] = -self.beta
        return residual, -(self.K @ (self.UA @ residual))

    @cached_property
    def LW(self) -> list[Array]:  # noqa: N802
        """Give L^-1 of the adjusted [X r] per bucket."""
        residual, effects = self.adjusted
        result = []
        for bucket, LA, LU in zip(self.buckets, self.LA, self.LU, strict=True):
            LW = times(LA, residual)
            result.append(LW + LU @ bucket.local_rows(effects) if len(effects) else LW)
        return result

    @cached_property
    def UVW(self) -> Array:  # noqa: N802
        """Give U'V^-1 [X r]."""
        residual, _ = self.adjusted
        through = self.UA @ residual
        return through - self.H @ (self.K @ through)

    @cached_property
    def rest_products(self) -> list[tuple[Array, Array]]:
        """Give the cross-products of each remainder's adjusted [X r]: with itself, and with U."""
        residual, effects = self.adjusted
        if not len(effects):
            return [(residual.T @ rest.AA @ residual, np.zeros((0, self.p + 1))) for rest in self.remainders]
        result = []
        for rest in self.remainders:
            through = rest.UA @ residual
            UW = through + self.connected.matrix(rest.UU) @ effects
            result.append((residual.T @ rest.AA @ residual + effects.T @ through + UW.T @ effects, UW))
        return result

    @cached_property
    def scored_columns(self) -> Array:
        """Give the combinations of [X r] whose squares are in the score: X Phi^1/2 under REML only, and r."""
        columns = np.eye(self.p + 1)
        columns[: self.p, : self.p] = self.half.T if self.likelihood.reml else 0
        return columns

    @cached_property
    def whitened_scores(self) -> list[Array]:
        """Give L'd(-2 log L)/dB L per pattern, without the weight of its bucket: (K, m, m)."""
        columns = self.scored_columns
        scores = []
        for bucket, LW, LU in zip(self.buckets, self.LW, self.LU, strict=True):
            scaled = times(LW, columns)
            outer = product(scaled, np.swapaxes(scaled, 1, 2))
            if bucket.n_effects:
                outer = outer + LU @ bucket.local_pairs(self.K.values) @ np.swapaxes(LU, 1, 2)
            score = -bucket.sum_patterns(outer)
            np.einsum("kii->ki", score)[:] += bucket.count[:, None]
            scores.append(score)
        return scores

    def block_scores(self, index: int) -> Array:
        """Give d(-2 log L) / dB per pattern of a bucket: (K, m, m)."""
        Linv = self.Linv[index]
        return self.buckets[index].weight * (np.swapaxes(Linv, 1, 2) @ self.whitened_scores[index] @ Linv)

    def _rest_scores(self) -> Array:
        """Give d(-2 log L) along the residual variances of what the remainders hold."""
        total = np.zeros(self.n_block_parameters)
        for rest, (WW, _) in zip(self.remainders, self.rest_products, strict=True):
            variance = self.residual_variance(rest)
            outer = np.vdot(self.scored_columns, WW @ self.scored_columns)
            if self.connected.n_effects:
                outer += rest.UU @ self.K.values[:-1]
            total[self.components.slices[1][rest.group]] += (rest.count - outer / variance) / variance
        return total

    @property
    def n_block_parameters(self) -> int:
        """Count the parameters of subjects and residuals, which come before those of the clusters."""
        return self.components.slices[1][-1].stop

    @cached_property
    def local(self) -> Array:
        """Give the natural parameters per local coordinate."""
        return self.components.local_map(self.free)

    @cached_property
    def whitened_derivatives(self) -> list[Array]:
        """Give L^-1 dB L'^-1 along the local coordinates per bucket: (parameters, K, m, m)."""
        return [
            self.components.whitened_derivatives(self.theta, bucket.patterns, self.local, Linv)
            for bucket, Linv in zip(self.buckets, self.Linv, strict=True)
        ]

    @cached_property
    def residual_derivatives(self) -> list[Array]:
        """Give dR along the local coordinates of the residual parameters per bucket: (parameters, K, m, m)."""
        return [
            np.concatenate(self.components.residual_derivatives(self.theta, bucket.patterns, self.local))
            for bucket in self.buckets
        ]

    @cached_property
    def cluster_scores(self) -> list[Array]:
        """Give d(-2 log L) / dGamma of one level, per cluster factor."""
        connected = self.connected
        HK = [connected.times(self.H_values, number, stack) for number, stack in enumerate(self.K.stacks)]
        through = connected.product_level_sums(connected.picked(HK), self.H_values)
        seen = self._per_level(self.UVW @ self.scored_columns)
        squares = [np.einsum("lic,ljc->ij", own, own) for own in seen]
        sums = connected.level_sums(self.H_values)
        return [own - other - square for own, other, square in zip(sums, through, squares, strict=True)]

    def _per_level(self, effects: Array) -> list[Array]:
        """Cut (effects, c) into (levels, slopes, c) per cluster factor."""
        parts, at = [], 0
        for levels, block in self.components.clusters:
            stop = at + levels * block.size
            parts.append(effects[at:stop].reshape(levels, block.size, -1))
            at = stop
        return parts

    @cached_property
    def cluster_bases(self) -> list[tuple[int, Array]]:
        """List factor and dGamma / dtheta of one level for each cluster parameter."""
        return [
            (number, basis) for number, (_, block) in enumerate(self.components.clusters) for basis in block.basis()
        ]

    def along_clusters(self, effects: Array) -> list[Array]:
        """Give d(U-side covariance) / dtheta times (effects, c) for each cluster parameter."""
        parts = self._per_level(effects)
        result = []
        for number, basis in self.cluster_bases:
            moved = [basis @ one if at == number else np.zeros_like(one) for at, one in enumerate(parts)]
            result.append(np.concatenate([one.reshape(-1, effects.shape[1]) for one in moved]))
        return result

    @cached_property
    def gradient(self) -> Array:
        """Give d(-2 log L) along the local coordinates."""
        total = self._rest_scores()
        for bucket, moved, score in zip(self.buckets, self.whitened_derivatives, self.whitened_scores, strict=True):
            total += bucket.weight * sums_of_products(moved, score)
        scores = self.cluster_scores if self.cluster_bases else []
        clusters = [float(np.vdot(basis, scores[number])) for number, basis in self.cluster_bases]
        return np.concatenate([total, clusters])

    @cached_property
    def average_information(self) -> Array:
        """Give y'P V_i P V_j P y, the average of observed and expected Hessian of -2 log L (local coordinates)."""
        n_block = self.n_block_parameters
        p, effects = self.p, self.components.n_effects
        cross = np.zeros((n_block, n_block))
        X_part = np.zeros((p, n_block))
        U_part = np.zeros((effects, n_block))
        for bucket, LW, LU, moved in zip(self.buckets, self.LW, self.LU, self.whitened_derivatives, strict=True):
            # whitened: L^-1 B_i B^-1 r, (N, m, parameters)
            LD = products(bucket.spread_all(moved), LW[..., p:])[..., 0].transpose(1, 2, 0)
            if not bucket.in_series:
                cross += cross_products(LD, LD)
            X_part += bucket.weight * cross_products(LW[..., :p], LD)
            if effects:
                U_part += bucket.weight * bucket.add_effects(np.swapaxes(LU, 1, 2) @ LD)
        if self.likelihood.series:
            r = self.likelihood.series.adjusted(*self.adjusted)[:, p:]
            C = self.likelihood.series.whitened(self.Linv, self.residual_derivatives, r)
            cross += C[..., 0] @ C[..., 0].T
        for rest, (WW, UW) in zip(self.remainders, self.rest_products, strict=True):
            variance, at = self.residual_variance(rest), self.components.slices[1][rest.group].start
            cross[at, at] += WW[p, p] / variance**3
            X_part[:, at] += WW[:p, p] / variance**2
            U_part[:, at] += UW[:, p] / variance**2
        if effects:
            cross -= U_part.T @ (self.K @ U_part)
            u = np.column_stack(self.along_clusters(self.UVW[:, p:]))
            mixed = (U_part - self.H @ (self.K @ U_part)).T @ u
            Hu = self.H @ u
            cross = np.block([[cross, mixed], [mixed.T, u.T @ Hu - Hu.T @ (self.K @ Hu)]])
            X_part = np.concatenate([X_part, self.UVW[:, :p].T @ u], axis=1)
        if self.likelihood.reml or p:
            cross = cross - X_part.T @ self.Phi @ X_part
        return cross
