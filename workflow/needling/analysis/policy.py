"""Whom to treat: a linear rule, learnt and judged on different patients, recommended only where it beats both extremes."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from needling.analysis.formulas import displayed
from needling.analysis.moderation import BASELINE, FEWEST_DF, MEASURED_ALIKE, why_not
from needling.analysis.results import Output, Question, complete, structured
from needling.cohort.analysed import Needs
from needling.study.keys import Name, braced
from needling.study.plan import Study
from needling.study.settings import SCALE, KindSettings, Outcomes, Scale

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

METHOD = "linear_rule_sequential_folds"
USES = ("seed",)
Row = dict[str, Any]


class Settings(KindSettings):
    """A linear treatment rule: its value against treating everybody and nobody."""

    kind: Literal["policy"]
    scale: Scale = SCALE
    outcomes: Outcomes
    visits: list[Name] = Field(min_length=1, description="Visits analysed, a rule each.")
    moderators: list[Name] = Field(
        min_length=1,
        description="Covariates known at day 0, or baseline (the outcome's), on which the rule may rest.",
    )
    folds: int = Field(
        5,
        ge=3,
        le=20,
        description="Parts of the patients: each but the first judges the rule learnt on those before it. Default: 5, so that the "
        "first rule has a fifth of them.",
    )

    def check_plan(self, name: str, study: Study) -> None:
        """Refuse a single arm, groups that chance did not make, more than two arms, and variables that may follow treatment."""
        from needling.analysis.moderators import Moderator, check_moderator

        place = f"analyses.{name}"
        if not study.arms:
            raise ValueError(
                f"{place}: whom to treat is learnt from a comparison of arms, and this study has one; a rule from a single arm "
                "would find who does well, not who does better for being treated"
            )
        if study.design != "randomised":
            raise ValueError(
                f"{place}: a rule is judged by what chance allocated; without randomisation it would be recommended for how "
                "patients were chosen. Look at moderators instead, as associations"
            )
        if len(study.arms) > 2:
            raise ValueError(f"{place}: a rule says yes or no, and this study has more than two arms")
        if self.contrasts != "reference" or self.framework != "superiority" or self.family:
            raise ValueError(f"{place}: a rule is held against all and none; leave contrasts, family and margin out")
        if study.primary == name:
            raise ValueError(f"{place}: a rule is asked for beside the primary analysis, not in its place")
        study.visits.check_follow_up(place, self.visits)
        for covariate in self.moderators:
            check_moderator(f"{place}.moderators", covariate, Moderator(), study)

    def needs(self, study: Study) -> Needs:
        """The visits' measurements with baseline and covariates; a missing variable of the rule costs no patient."""
        mine = tuple(one for one in self.moderators if one != BASELINE)
        return Needs(tuple(self.visits), columns=(*self.adjust, *mine), filled=mine)


@dataclass(frozen=True)
class Judged:
    """A rule's worth: values (higher is better) of rule, all and none with standard errors, and gains over all and none.

    `n` are the patients of the folds that judged, `treated` those of them whom the rule would treat.
    """

    values: dict[str, tuple[float, float]]
    gains: dict[str, tuple[float, float]]
    n: int
    treated: int

    def low(self, level: float) -> float:
        """One-sided lower limit of the gain over the better of all and none: the smaller of the two limits."""
        from scipy.special import ndtri

        return min(gain - float(ndtri(level)) * se for gain, se in self.gains.values())

    @property
    def gain(self) -> float:
        """Gain over the better of all and none."""
        return min(gain for gain, _ in self.gains.values())


def judged(
    y: "np.ndarray",
    treated: "np.ndarray",
    mains: "np.ndarray",
    rule_on: "np.ndarray",
    folds: int,
    rng: "np.random.Generator",
) -> Judged | None:
    """Learn a linear rule on the first k folds, judge it on the next one, for k = 1, 2, ...; None where the first are too few.

    On the patients before a fold y = arm + mains + arm x z + e is fitted by least squares; the products are shrunken
    (`needling.analysis.shrinkage`); the rule treats where the predicted gain is above 0. In the fold, with g_a = m_a(x) + 1(A = a)
    (y - m_a(x)) / P(A = a), m_a from the earlier patients and P from the allocation, the rule's gain over all is the mean of
    (rule - 1)(g_1 - g_0), over none of rule (g_1 - g_0). Since each fold's rule is fixed before its patients are seen, the sum over
    folds is a martingale with variance sum n_k s_k^2; pooling ordinary cross-validated folds is not, and rejects too often.
    A gain over both is tested by both one-sided tests (intersection-union).

    Parameters
    ----------
    y : outcome, turned so that higher is better.
    treated : 1 or 0, as randomised.
    mains : columns that the outcome is adjusted for.
    rule_on : columns of the rule, per standard deviation.
    folds : how many.
    rng : the source of chance of the split, which is made within arms.

    Sources: Luedtke, van der Laan 2016, Annals of Statistics 44:713-742; Athey, Wager 2021, Econometrica 89:133-161.

    Example
    -------
    >>> import numpy as np
    >>> rng = np.random.default_rng(1)
    >>> z, treated = rng.normal(size=(400, 1)), np.tile([0, 1], 200)
    >>> y = treated * z[:, 0] + rng.normal(size=400)  # treatment helps where z is above 0
    >>> found = judged(y, treated, z, z, 5, rng)
    >>> found.low(0.95) > 0  # such a rule is worth more than to treat all, or none
    True
    """
    import numpy as np

    share, n = treated.mean(), len(y)
    fold = np.empty(n, dtype=int)
    for arm in (0, 1):
        mine = np.flatnonzero(treated == arm)
        fold[rng.permutation(mine)] = np.arange(len(mine)) * folds // len(mine)
    scores: dict[str, list[np.ndarray]] = {name: [] for name in ("rule", "all", "none", "over_all", "over_none")}
    number = 0
    for k in range(1, folds):
        before, now = fold < k, fold == k
        learnt = learn(y[before], treated[before], mains[before], rule_on[before])
        if learnt is None:
            return None
        rule = (learnt.gain(rule_on[now]) > 0).astype(float)
        m0, m1 = learnt.outcome(mains[now], rule_on[now])
        a = treated[now]
        g1, g0 = m1 + a / share * (y[now] - m1), m0 + (1 - a) / (1 - share) * (y[now] - m0)
        number += int(rule.sum())
        parts = {"rule": rule * g1 + (1 - rule) * g0, "all": g1, "none": g0}
        for name, one in (parts | {"over_all": (rule - 1) * (g1 - g0), "over_none": rule * (g1 - g0)}).items():
            scores[name].append(one)
    told = {name: _pooled(parts) for name, parts in scores.items()}
    values = {name: told[name] for name in ("rule", "all", "none")}
    gains = {name: told[f"over_{name}"] for name in ("all", "none")}
    return Judged(values, gains, int((fold > 0).sum()), number)


def _pooled(parts: "list[np.ndarray]") -> tuple[float, float]:
    """Mean over all folds, and its standard error from the variances within them."""
    import numpy as np

    n = sum(map(len, parts))
    variance = sum(len(one) * float(one.var(ddof=1)) for one in parts)
    return float(np.concatenate(parts).mean()), float(np.sqrt(variance)) / n


@dataclass(frozen=True)
class Learnt:
    """What a rule is: the gain from treatment as a linear function, and the outcome model behind it."""

    constant: float
    slopes: "np.ndarray"
    b: "np.ndarray"

    def gain(self, rule_on: "np.ndarray") -> "np.ndarray":
        """Predicted gain of patients, after shrinkage."""
        return self.constant + rule_on @ self.slopes

    def outcome(self, mains: "np.ndarray", rule_on: "np.ndarray") -> "tuple[np.ndarray, np.ndarray]":
        """Predicted outcome untreated and treated, as fitted."""
        p = mains.shape[1]
        base = self.b[0] + mains @ self.b[2 : 2 + p]
        return base, base + self.b[1] + rule_on @ self.b[2 + p :]


def learn(y: "np.ndarray", treated: "np.ndarray", mains: "np.ndarray", rule_on: "np.ndarray") -> Learnt | None:
    """Fit the rule; None where the patients are too few for its model.

    Example
    -------
    >>> import numpy as np
    >>> z, treated = np.linspace(-2, 2, 41)[:, None], np.arange(41) % 2
    >>> y = treated * z[:, 0] + np.cos(np.arange(41)) / 4  # treatment helps where z is above 0
    >>> (learn(y, treated, z, z).gain(np.array([[-2.0], [2.0]])) > 0).tolist()
    [False, True]
    """
    import numpy as np

    from needling.analysis.moderation import Regression
    from needling.analysis.shrinkage import shrunken

    fit = Regression(y, treated, [0, 1], mains, rule_on)  # type: ignore[list-item]
    places = fit.products_of(1)  # type: ignore[arg-type]
    if fit.df < FEWEST_DF or fit.joint(places) is None:
        return None
    V = fit.V[np.ix_(places, places)]
    slopes = shrunken(fit.b[places], V).mean if len(places) > 1 else fit.b[places]
    # shrinking turns the plane around the middle of these patients, where the gain is known best
    middle = rule_on.mean(axis=0)
    return Learnt(float(fit.b[1] + middle @ (fit.b[places] - slopes)), slopes, fit.b)


def run(data: "dict[str, pd.DataFrame]", question: Question) -> Output:
    """Learn a linear treatment rule and say whether it is better than treating everybody and nobody.

    Parameters
    ----------
    data, question : as every kind is given them (`needling.analysis.kinds`); of data the visits are used.

    Returns
    -------
    Output, at each visit, with the patients of the judging folds as n_patients: policy_value of variants rule, all and none (mean
    outcome had they been followed); policy_gain of variants over_all and over_none, and over_better: the smaller gain, with the
    one-sided lower limit of `level`; positive is better. Its status is converged where that limit is above 0 (then the rule
    follows: quantity coefficient, variant rule, predicted gain per unit of each variable and its intercept; and share, of those
    whom it treats), else abstains. What rests on whom a rule treats counts them as n_events, so that release can judge it.
    """
    import pandas as pd

    parts = [_one_visit(data["visits"], question, visit) for visit in question.settings.visits]
    return Output(pd.concat(parts, ignore_index=True))


RULE = (
    r"d_{i} = 1\{\delta_{0} + \boldsymbol{\delta}^{\top}\mathbf{z}_{i} > 0\}",
    "The rule treats a patient whose predicted gain, linear in the variables, is above 0",
)
SCORE = (
    r"g_{ia} = m_{a}(\mathbf{x}_{i}) + \frac{1\{A(i) = a\}}{P(A = a)} \left(Y_{i} - m_{a}(\mathbf{x}_{i})\right)",
    "The score of a patient in an arm is the outcome that the model predicts there plus, of who was in that arm, the error of the "
    "prediction over the chance of being allocated to it",
)
GAIN = (
    r"\Delta_{\text{all}} = \frac{1}{n} \sum_{i} (d_{i} - 1)(g_{i1} - g_{i0}), \quad "
    r"\Delta_{\text{none}} = \frac{1}{n} \sum_{i} d_{i}\,(g_{i1} - g_{i0})",
    "The gain over treating everybody, or nobody, is the mean of the difference of the scores of both arms among those whom "
    "the rule does not treat, with its sign turned, or treats",
)


def methods(settings: Settings, study: Study) -> list[tuple[str, str]]:
    """What the analysis does, in sentences with codes in braces, and what shows it."""
    named = ", ".join("the baseline value" if x == BASELINE else braced("covariate", x) for x in settings.moderators)
    model = (
        f"A linear rule on {named} treats where the predicted gain is above 0 (least squares with products of arm and variables, "
        f"shrunken). Patients were split at random into {settings.folds} parts; each rule was learnt on the parts before the one "
        "that judged it (sequential folds, doubly robust scores). The rule is recommended only if the one-sided lower limit of its "
        "gain over the better of treating everybody and treating nobody is above 0; else the analysis abstains. A rule is about "
        "whom to offer treatment on average; it does not know what a single patient wants."
    )
    return [
        ("model", model), *displayed([RULE, SCORE, GAIN]),
        ("uses", "the patients who were measured at the visit"), ("missing", MEASURED_ALIKE),
        *[("visit", braced("visit", visit)) for visit in settings.visits],
        ("section", "whom"), ("table", "policy_value"), ("figure", "rule"),
    ]  # fmt: skip


def _one_visit(rows: "pd.DataFrame", question: Question, visit: str) -> "pd.DataFrame":
    import numpy as np

    from needling.analysis.moderation import Basis

    here = rows[rows["visit"] == visit].reset_index(drop=True)
    settings, n = question.settings, len(here)
    why = why_not(here, question)
    made = None
    if not why:
        bases = [Basis.of(x, here[x], question.categories.get(x)) for x in settings.moderators]
        others = [x for x in dict.fromkeys((BASELINE, *settings.adjust)) if x not in settings.moderators]
        z = np.hstack([one.linear for one in bases])
        mains = np.hstack([z, *(Basis.of(x, here[x], question.categories.get(x)).columns for x in others)])
        y = here["value"].to_numpy(float) * (-1 if question.better == "lower" else 1)
        treated = (here["arm"] == question.arms[1]).to_numpy(float)
        place = f"{question.analysis}/{question.cohort}/{question.outcome}/{question.site}/{visit}"
        rng = np.random.default_rng([question.study.seed, *place.encode()])
        varies = all(one.varies for one in bases)
        made = judged(y, treated, mains, z, settings.folds, rng) if varies else None
        few, flat = "too few patients to learn a rule from a part of them", "a variable of the rule does not vary"
        why = "" if made else few if varies else flat
    if made is None:
        row = {"quantity": "policy_gain", "variant": "over_better", "status": "not_estimated", "note": why}
        return _rows([row | {"n_patients": n, "n_observations": n}], question, visit)
    told = _judgement(made, question)
    if told[-1]["status"] == "converged":
        told += _rule(learn(y, treated, mains, z), bases, z, question)
    return _rows(told, question, visit)


def _judgement(made: Judged, question: Question) -> list[Row]:
    """Values, gains, and whether it is recommended."""
    from scipy.special import ndtr, ndtri

    level, sign = question.settings.level, -1 if question.better == "lower" else 1
    arms = {"all": question.arms[1], "none": question.arms[0]}
    judges: Row = {"status": "converged", "n_patients": made.n, "n_observations": made.n}
    split = judges | {"n_events": made.treated}
    rows: list[Row] = [
        (split if name == "rule" else judges)
        | {"quantity": "policy_value", "variant": name, "arm": arms.get(name, ""), "estimate": sign * value, "se": se,
           "unit": question.unit, "better": question.better}
        for name, (value, se) in made.values.items()
    ]  # fmt: skip
    gain = split | {"quantity": "policy_gain", "unit": question.difference_unit, "better": "higher"}
    ps = []
    for name, (value, se) in made.gains.items():
        ps.append(1 - float(ndtr(value / se)) if se > 0 else 1.0)
        numbers = {"estimate": value, "se": se, "p": ps[-1], "low": value - float(ndtri(level)) * se}
        rows.append(gain | numbers | {"variant": f"over_{name}"})
    low = made.low(level)
    told = {"status": "converged", "note": ""} if low > 0 else {"status": "abstains", "note": "no rule is recommended"}
    share = {"quantity": "share", "variant": "rule_in_folds", "estimate": made.treated / made.n}
    rows.append(split | share | {"better": "neither"})
    return [*rows, gain | {"variant": "over_better", "estimate": made.gain, "low": low, "p": max(ps), **told}]


def _rule(learnt: Learnt | None, bases: list[Any], z: "np.ndarray", question: Question) -> list[Row]:
    """The rule that all patients together give: predicted gain as a linear function of the variables as they are."""
    import numpy as np

    if learnt is None:
        return []
    raw = np.hstack([one.columns for one in bases])
    spread, middle = raw.std(axis=0, ddof=1), raw.mean(axis=0)
    slopes = learnt.slopes / spread
    terms = [[[one.name, x]] if one.levels else [one.name] for one in bases for x in one.levels[1:] or ("",)]
    common: Row = {"quantity": "coefficient", "variant": "rule", "better": "neither", "status": "converged"}
    common |= {"n_patients": len(z), "n_observations": len(z)}
    unit = question.difference_unit
    rows = [common | {"term": '["Intercept"]', "estimate": learnt.constant - float(middle @ slopes), "unit": unit}]
    rows += [
        common | {"term": structured(term), "estimate": float(slope), "unit": f"{unit} per unit"}
        for term, slope in zip(terms, slopes, strict=True)
    ]
    treated = int((learnt.gain(z) > 0).sum())
    share = {"quantity": "share", "estimate": treated / len(z), "n_events": treated}
    return [*rows, common | share]


def _rows(rows: list[Row], question: Question, visit: str) -> "pd.DataFrame":
    import pandas as pd

    common = {"visit": visit, "method": METHOD, "weights": "analysed_patients"}
    return complete(pd.DataFrame(rows).fillna({"arm": "", "note": ""}), question, **common)
