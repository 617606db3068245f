"""Mean outcome had everybody received so many sessions, where whoever recovers stops coming: weights over the sessions."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

LARGEST_WEIGHT, SMALLEST_SHARE = 20.0, 0.5
FEWEST_PATIENTS, FEWEST_DECISIONS, GROUPS = 20, 10, 4
DECIDED = 0.1  # share that stops, and that goes on, after a session that tells who does which


@dataclass(frozen=True)
class Received:
    """Patients and what was decided after each of their sessions.

    people : one row per patient: patient, sessions (received by the day), outcome (missing where it was not measured), last_pain,
        and the columns known at baseline. decisions : one row per patient and session after which some went on and some did not:
        patient, number, pain (before the session), another (1: a further session by the day, 0: none).
    known : columns known at baseline that every model has.
    """

    people: "pd.DataFrame"
    decisions: "pd.DataFrame"
    known: tuple[str, ...]


def received(sessions: "pd.DataFrame", people: "pd.DataFrame", known: "tuple[str, ...]", by_day: float) -> Received:
    """Lay out how many sessions each patient received, and what was decided after each.

    Parameters
    ----------
    sessions : patient, number, day, pain_before (0-10) of these patients.
    people : one row per patient: patient, outcome, and the columns known at baseline, the first of them pain at baseline.
    known : those columns, complete.
    by_day : the last day on which a session counts.

    Returns
    -------
    Received. Patients without a session, or without anything known at baseline, are left out. Pain before a session that was not
    rated is the last one known (else that at baseline). After a session number after which everybody, or nobody, went on there
    was nothing to decide.
    """
    counted = sessions[sessions["day"].le(by_day)].sort_values(["patient", "day", "number"], kind="stable")
    people = people.dropna(subset=list(known))
    counted = counted[counted["patient"].isin(people["patient"])]
    start = counted["patient"].map(people.set_index("patient")[known[0]])
    pain = counted.groupby("patient")["pain_before"].ffill().fillna(start).astype(float)
    number = counted.groupby("patient").cumcount() + 1
    total = counted.groupby("patient")["patient"].transform("size")
    rows = counted[["patient"]].assign(number=number, pain=pain, another=(number < total).astype(float))
    share = rows.groupby("number")["another"].transform("mean")
    decisions = rows[(share > 0) & (share < 1)].reset_index(drop=True)
    last = rows.groupby("patient")["pain"].last()
    people = people[people["patient"].isin(rows["patient"])].reset_index(drop=True)
    people = people.assign(
        sessions=people["patient"].map(rows.groupby("patient").size()).astype(float),
        last_pain=people["patient"].map(last).astype(float),
    )
    return Received(people, decisions, known)


def why_no_positivity(decisions: "pd.DataFrame") -> str:
    """Say in which patients everybody did the same, so that nothing shows what would have come of the other.

    Decisions after a session number after which a tenth or more stopped, and a tenth or more went on, are grouped by quarters of
    pain before the session. A group of ten decisions or more after which nobody went on, or everybody did, has no other to learn
    from. After the first sessions hardly anybody stops, whatever the pain: counted too, they would hide that all of a kind stop
    later.
    """
    import pandas as pd

    if decisions.empty:
        return "everybody received as many sessions"
    share = decisions.groupby("number")["another"].transform("mean")
    decisions = decisions[share.between(DECIDED, 1 - DECIDED)]
    if decisions.empty:
        return ""
    cuts = pd.qcut(decisions["pain"], GROUPS, duplicates="drop")
    for span, mine in decisions.groupby(cuts, observed=True):
        came = float(mine["another"].mean())
        told = f"pain of {max(span.left, 0):.3g} to {span.right:.3g}"
        if len(mine) >= FEWEST_DECISIONS and came == 0:
            return f"nobody came again after a session with {told}: nothing shows what more sessions would have done for them"
        if len(mine) >= FEWEST_DECISIONS and came == 1:
            return (
                f"everybody came again after a session with {told}: nothing shows what fewer would have done for them"
            )
    return ""


def mean_by_sessions(given: Received, at: list[int], level: float = 0.95, *, weighted: bool = True) -> "dict[str, Any]":
    """Estimate the mean outcome had everybody received k sessions, by a marginal structural model.

    The chance to go on after each session comes from pooled logistic regressions: the denominator has the number of the session,
    pain before it and what was known at baseline, the numerator the same without that pain. A patient's stabilised weight is the
    product over the decisions of the numerator's chance of what was done over the denominator's; likewise once for being measured
    (denominator with the last pain before a session). Weighted least squares of the outcome on the number of sessions and what
    was known at baseline; the mean at k is the mean prediction over all patients. Standard errors by the jackknife over
    patients, with all models fitted again without each, so that they know that the weights were estimated; t with n - 1 df.

    Parameters
    ----------
    given : from `received`; its columns known at baseline are numbers.
    at : numbers of sessions.
    level : of the confidence intervals.
    weighted : False gives every measured patient the weight 1, the naive estimate.

    Returns
    -------
    slope (per session) and means (at each k) as dictionaries of estimate, se, low, high; weights (of those measured), effective_n
    ((sum w)^2 / sum w^2), n_patients, n_measured, why (refused: a reason; then there are no numbers).

    Sources: Robins, Hernan, Brumback 2000, Epidemiology 11:550; Cole, Hernan 2008, American Journal of Epidemiology 168:656.
    """
    import numpy as np

    people = given.people
    seen = people["outcome"].notna().to_numpy()
    counts = {"n_patients": len(people), "n_measured": int(seen.sum())}
    if seen.sum() < FEWEST_PATIENTS:
        return counts | {"why": f"fewer than {FEWEST_PATIENTS} patients with sessions and the outcome measured"}
    if people.loc[seen, "sessions"].nunique() < 2:
        return counts | {"why": "everybody received as many sessions"}
    model = _Stack(given, at, weighted)
    try:
        theta = model.solved()
        w = np.exp(model.log_weights(theta))[seen]
        se = model.jackknife(theta)
    except np.linalg.LinAlgError:
        return counts | {
            "why": "the models of going on or of the outcome have terms that these patients do not tell apart"
        }
    told = {**counts, "weights": w, "effective_n": float(w.sum() ** 2 / (w**2).sum())}
    if weighted and (why := why_refused(w)):
        return told | {"why": why}
    return told | {"why": "", **model.answers(theta, se, at, level)}


def why_refused(weights: "np.ndarray") -> str:
    """Say why weights are too unequal to be relied on: effective n below half, or one above 20 (or none that is finite)."""
    import numpy as np

    if not np.isfinite(weights).all() or weights.max() > LARGEST_WEIGHT:
        return f"a weight is above {LARGEST_WEIGHT:g}: the estimate would hang on few who did what hardly anybody like them did"
    share = float(weights.sum() ** 2 / (weights**2).sum() / len(weights))
    if share < SMALLEST_SHARE:
        return f"the effective number of patients is {100 * share:.0f}% of those measured, below {100 * SMALLEST_SHARE:.0f}%"
    return ""


class _Stack:
    """The models of going on, of being measured and of the outcome, as estimating equations of each patient."""

    def __init__(self, given: Received, at: list[int], weighted: bool) -> None:
        import numpy as np

        from needling.analysis.weighting import _full_rank

        people, decisions = given.people, given.decisions
        place = {one: i for i, one in enumerate(people["patient"])}
        self.who = decisions["patient"].map(place).to_numpy(int)
        self.n, self.weighted = len(people), weighted
        V = people[list(given.known)].to_numpy(float)
        V = V - V.mean(axis=0)
        ones, k = np.ones((self.n, 1)), people[["sessions"]].to_numpy(float)
        numbers = np.sort(decisions["number"].unique())
        steps = (decisions["number"].to_numpy()[:, None] == numbers).astype(float)
        pain = decisions[["pain"]].to_numpy(float)
        last = people[["last_pain"]].to_numpy(float)
        self.done = decisions["another"].to_numpy(float)
        self.seen = people["outcome"].notna().to_numpy(float)
        self.y = people["outcome"].fillna(0.0).to_numpy(float)
        own = V[self.who]
        self.designs = [_full_rank(np.hstack([steps, own, pain])), _full_rank(np.hstack([steps, own]))]
        self.designs += [_full_rank(np.hstack([ones, k, V, last])), _full_rank(np.hstack([ones, k, V]))]
        self.Z = _full_rank(np.hstack([ones, k, V]))
        self.at = [np.hstack([ones, np.full_like(k, one), V])[:, : self.Z.shape[1]] for one in at]
        self.all_seen = bool(self.seen.all())

    @property
    def parts(self) -> list[slice]:
        """Where the coefficients of each model stand: two of going on, two of being measured, the outcome, the means."""
        import itertools

        sizes = [d.shape[1] for d in self.designs] if self.weighted else [0, 0, 0, 0]
        if self.all_seen:
            sizes[2:] = [0, 0]
        ends = list(itertools.accumulate([*sizes, self.Z.shape[1], len(self.at)]))
        return [slice(start, end) for start, end in itertools.pairwise([0, *ends])]

    def log_weights(self, theta: Any) -> Any:
        """Log of each patient's stabilised weight."""
        import numpy as np

        total = np.zeros(self.n, dtype=theta.dtype)
        if not self.weighted:
            return total
        den, num, seen_den, seen_num, *_ = self.parts
        for sign, design, part in ((-1, self.designs[0], den), (1, self.designs[1], num)):
            # log chance of what was done
            np.add.at(
                total, self.who, sign * -np.log1p(np.exp(np.where(self.done == 1, -1, 1) * (design @ theta[part])))
            )
        if not self.all_seen:
            for sign, design, part in ((-1, self.designs[2], seen_den), (1, self.designs[3], seen_num)):
                total = total + sign * -np.log1p(np.exp(-(design @ theta[part])))
        return total

    def solved(self, kept: "np.ndarray | None" = None, start: "np.ndarray | None" = None) -> "np.ndarray":
        """The coefficients of all models and the means; of the patients kept, and from a start where there is one."""
        import numpy as np

        kept = np.ones(self.n) if kept is None else kept
        theta = np.zeros(self.parts[-1].stop)
        for i, answer in enumerate([self.done, self.done, self.seen, self.seen]):
            part = self.parts[i]
            if part.stop > part.start:
                rows = kept[self.who] if i < 2 else kept
                theta[part] = _logistic(self.designs[i], answer, rows, None if start is None else start[part])
        w = np.exp(self.log_weights(theta)) * self.seen * kept
        beta = np.linalg.solve((self.Z * w[:, None]).T @ self.Z, (self.Z * w[:, None]).T @ self.y)
        theta[self.parts[4]] = beta
        theta[self.parts[5]] = [float(kept @ (Z @ beta) / kept.sum()) for Z in self.at]
        return theta

    def jackknife(self, theta: "np.ndarray") -> "np.ndarray":
        """Standard errors from all models fitted again without each patient: sqrt((n - 1) / n sum (t_i - mean)^2)."""
        import numpy as np

        without = np.array([self.solved(1.0 - unit, theta) for unit in np.eye(self.n)])
        return np.sqrt((self.n - 1) / self.n * ((without - without.mean(axis=0)) ** 2).sum(axis=0))

    def answers(self, theta: "np.ndarray", se: "np.ndarray", at: list[int], level: float) -> dict[str, Any]:
        """The slope and the means with their intervals."""
        from scipy.special import stdtrit

        reach = float(stdtrit(self.n - 1, (1 + level) / 2)) * se

        def told(i: int) -> dict[str, float]:
            numbers = {"estimate": theta[i], "se": se[i], "low": theta[i] - reach[i], "high": theta[i] + reach[i]}
            return {name: float(value) for name, value in numbers.items()} | {"df": float(self.n - 1)}

        first = self.parts[5].start
        return {"slope": told(self.parts[4].start + 1), "means": {k: told(first + i) for i, k in enumerate(at)}}


def _logistic(
    X: "np.ndarray", z: "np.ndarray", weights: "np.ndarray", start: "np.ndarray | None" = None
) -> "np.ndarray":
    """Coefficients of a logistic regression (statsmodels); from a start, which is near, by Newton's steps."""
    import warnings

    import numpy as np
    import statsmodels.api as sm
    from scipy.special import expit

    if start is None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            family = sm.families.Binomial()
            return np.asarray(sm.GLM(z, X, family=family, freq_weights=weights).fit(maxiter=100, tol=1e-12).params)
    beta = start.copy()
    for _ in range(25):
        p = expit(X @ beta)
        step = np.linalg.solve((X * (weights * p * (1 - p))[:, None]).T @ X, X.T @ (weights * (z - p)))
        beta = beta + step
        if np.abs(step).max() < 1e-9:
            break
    return beta
