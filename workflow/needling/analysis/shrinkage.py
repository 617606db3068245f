"""Several estimates that may all be nothing: pulled towards 0 by as much as they themselves speak for it."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

NODES = 200  # of the integral over tau; twice as many change no number of the tests


@dataclass(frozen=True)
class Shrunken:
    """Estimates after shrinkage.

    `mean`, `sd`, `low`, `high` are of each effect's posterior; `shrinkage` is the mean share of the way to 0 (0: as estimated, 1:
    nothing is left); `tau` is the posterior mean of the spread of the effects.
    """

    mean: "np.ndarray"
    sd: "np.ndarray"
    low: "np.ndarray"
    high: "np.ndarray"
    shrinkage: float
    tau: float


def shrunken(estimates: "np.ndarray", covariance: "np.ndarray", level: float = 0.95) -> Shrunken:
    """Estimate effects jointly as random draws around 0, whose spread the estimates tell.

    b ~ N(u, V), u_j ~ N(0, tau^2) independently, tau uniform on the positive numbers. Given tau, u is normal with mean
    tau^2 S^-1 b, covariance tau^2 I - tau^4 S^-1, S = V + tau^2 I; tau is weighed by N(b; 0, S). The integral over tau is
    taken on a fixed grid, so that there is no chance in it. Averaging over tau, where empirical Bayes takes one value of it, keeps
    intervals from vanishing when the best single value is 0.

    Parameters
    ----------
    estimates : b, two or more, on scales on which effects of one size are as plausible for each (per standard deviation).
    covariance : V.
    level : of the (credible) intervals.

    Returns
    -------
    Shrunken; shrinkage is the mean over tau of trace(V S^-1) / k.

    Raises
    ------
    ValueError : fewer than two estimates: one alone does not tell a spread.

    Sources: Gelman 2006, Bayesian Analysis 1:515-534 (uniform prior of a spread). Checked against R: the
    integrals by `integrate`, and for a given spread nlme's predictions.

    Examples
    --------
    >>> import numpy as np
    >>> round(shrunken(np.array([1.0, -1.0]), np.eye(2) * 1e-6).shrinkage, 4)
    0.0
    """
    import numpy as np
    from scipy.optimize import brentq
    from scipy.special import ndtr

    b, V = np.asarray(estimates, float), np.asarray(covariance, float)
    if len(b) < 2:
        raise ValueError("one estimate alone does not tell how far such estimates spread")
    values, vectors = np.linalg.eigh((V + V.T) / 2)
    values = np.maximum(values, 1e-12 * values.max())
    rotated = vectors.T @ b
    x, weight = np.polynomial.legendre.leggauss(NODES)
    share, scale = (x + 1) / 2, float(np.sqrt(values.mean() + (b**2).mean()))
    tau = scale * share / (1 - share)
    spread = values[:, None] + tau**2
    log = -0.5 * (np.log(spread) + rotated[:, None] ** 2 / spread).sum(axis=0) + np.log(weight / (1 - share) ** 2)
    chance = np.exp(log - log.max())
    chance /= chance.sum()
    means = vectors @ (tau**2 / spread * rotated[:, None])  # effects x nodes
    sds = np.sqrt(vectors**2 @ (tau**2 * values[:, None] / spread))
    mean = means @ chance
    sd = np.sqrt((sds**2 + (means - mean[:, None]) ** 2) @ chance)
    ends = []
    for at in ((1 - level) / 2, (1 + level) / 2):
        far = 12 * sd + 1e-12
        ends.append(
            [
                brentq(lambda q, m=m, s=s, at=at: chance @ ndtr((q - m) / s) - at, c - f, c + f, xtol=1e-12)
                for m, s, c, f in zip(means, np.maximum(sds, 1e-300), mean, far, strict=True)
            ]
        )
    shrinkage = float((values[:, None] / spread).mean(axis=0) @ chance)
    return Shrunken(mean, sd, np.array(ends[0]), np.array(ends[1]), shrinkage, float(tau @ chance))
