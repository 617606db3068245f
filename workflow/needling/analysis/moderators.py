"""For whom does it work? Whether the effect depends on what was known of a patient before day 0, on the outcome's scale."""

from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, field_validator

from needling.analysis.formulas import ERROR, NORMAL, OUTCOME, covariance_terms, equation
from needling.analysis.moderation import BASELINE, FEWEST_DF, NO_NUMBERS, NOT_TOLD, check_comparison, why_not
from needling.analysis.results import Output, Question, complete, contrast_rows, structured
from needling.cohort.analysed import Needs
from needling.study.keys import Name, Section, braced, nearest
from needling.study.plan import Study
from needling.study.settings import SCALE, KindSettings, Outcomes, Scale

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from needling.analysis.moderation import Basis, Regression

METHOD, WEIGHTED = "interaction_least_squares", "interaction_overlap_weights"
RISK = "predicted_outcome"
PER_UNIT, PER_SD = "per unit", "per SD"
Row = dict[str, Any]


class Moderator(Section):
    """How a moderator is looked at: as a number or by its levels, never cut in two."""

    spline: int | None = Field(
        None,
        ge=2,
        le=4,
        description="Degrees of freedom of a natural spline. Default: none, a straight line, which needs the fewest patients.",
    )
    at: list[float] = Field(
        default_factory=list,
        description="Values at which arms are compared, rising. Default: the quartiles of the patients analysed, to two digits.",
    )

    @field_validator("at")
    @classmethod
    def _rising(cls, at: list[float]) -> list[float]:
        if sorted(set(at)) != at or len(at) == 1:
            raise ValueError("'at' has two values or more, rising")
        return at


class Settings(KindSettings):
    """Effects at values of moderators: risk first, then each moderator, then all together, shrunken."""

    kind: Literal["moderators"]
    scale: Scale = SCALE
    outcomes: Outcomes
    visits: list[Name] = Field(min_length=1, description="Visits analysed, one set of models each.")
    moderators: dict[Name, Moderator] = Field(
        min_length=1,
        description="Covariate known at day 0, or baseline (the outcome's) -> how it is looked at, {} for a straight line. Only "
        "what was specified before the data were seen belongs here.",
    )

    def check_plan(self, name: str, study: Study) -> None:
        """Refuse a single arm, several groups that chance did not make, and moderators that may follow treatment."""
        place = f"analyses.{name}"
        if not study.arms:
            raise ValueError(
                f"{place}: who benefits is told by a comparison of arms, and this study has one. What goes with a better course in "
                "a single arm predicts the course, not the benefit of treatment; describe the course instead"
            )
        check_comparison(place, "effects at values", self, study)
        if study.primary == name:
            raise ValueError(f"{place}: for whom it works is asked beside the primary analysis, not in its place")
        study.visits.check_follow_up(place, self.visits)
        for covariate, how in self.moderators.items():
            check_moderator(f"{place}.moderators", covariate, how, study)

    def needs(self, study: Study) -> Needs:
        """The visits' measurements with baseline and covariates; in a trial a missing moderator costs no patient."""
        mine = tuple(one for one in self.moderators if one != BASELINE)
        return Needs(tuple(self.visits), columns=(*self.adjust, *mine), filled=mine)


def check_moderator(place: str, name: str, how: Moderator, study: Study) -> None:
    """Refuse what is no covariate known at day 0, and a cut or spline of a category."""
    if name == RISK:
        raise ValueError(
            f"{place}: the predicted outcome is looked at by itself; name a covariate, and rename this one"
        )
    known = [BASELINE, *study.covariate_names]
    if name not in known:
        raise ValueError(f"{place}: covariate '{name}' is not defined{nearest(name, known)}")
    if name in study.code_covariates:
        raise ValueError(f"{place}: '{name}' is a code of a person or place, which no patient brings along")
    if study.known_after_day_0([name]):
        raise ValueError(
            f"{place}: '{name}' is from after day 0, so that treatment may have made it; a moderator is known before"
        )
    column = study.patients.covariates.get(name)
    if column is not None and (column.codes or column.kind == "category") and (how.spline or how.at):
        raise ValueError(f"{place}.{name}: a category has levels; leave spline and at out")


def run(data: "dict[str, pd.DataFrame]", question: Question) -> Output:
    """Compare arms at values of what is known of patients at day 0.

    At each visit y = arm + f(baseline, covariates, all moderators) + arm x g(moderator) + e by least squares
    (`needling.analysis.moderation`), one model per moderator; first with g the outcome predicted under the reference arm. Without
    randomisation two groups are weighted by overlap on the same f, with a variance that counts the weights' own error. All
    moderators together: their products per standard deviation, as they are and shrunken (`needling.analysis.shrinkage`).

    Parameters
    ----------
    data, question : as every kind is given them (`needling.analysis.kinds`); of data the visits are used.

    Returns
    -------
    Output. For each arm against the reference, visit and moderator (`term`; the predicted outcome with variant risk): effect_at
    (the difference at a value, `at`; without a test), moderation (the change of the effect per unit, or a joint F test without an
    estimate for a spline or a category of three levels), predictive and prognostic (change of the effect, and of the outcome under
    the reference, from the first to the last value, `at` {name: [first, last]}; without a test). Together: interaction of variant
    joint and shrunken (per SD; the latter's se is of the posterior), heterogeneity (F test that no effect depends on any
    moderator) and shrinkage (share of the way to 0).
    What cannot be estimated is a row with the status not_estimated and why.

    Checked against R's lm (summary, anova, and emmeans' contrasts at values) and, weighted, the estimating equations written out.
    """
    import pandas as pd

    parts = [_one_visit(data["visits"], question, visit) for visit in question.settings.visits]
    return Output(pd.concat(parts, ignore_index=True))


def _written(settings: Settings) -> list[tuple[str, str]]:
    """The model with the product of arm and one moderator, or of its spline; the moderator itself is among the covariates."""
    product = (
        r"\boldsymbol{\delta}_{A(i)}^{\top}\mathbf{z}_{i}",
        "what the arm adds for each unit of the moderator, or of the parts of its spline",
    )
    terms = covariance_terms(True, True, True)
    return equation(OUTCOME, [*terms, product, ERROR], [NORMAL])


def methods(settings: Settings, study: Study) -> list[tuple[str, str]]:
    """What the analysis does, in sentences with codes in braces, and what shows it."""
    named = [
        ("the baseline value" if one == BASELINE else braced("covariate", one))
        + (f" (natural spline, {how.spline} df)" if how.spline else "")
        for one, how in settings.moderators.items()
    ]
    weighted = study.design != "randomised"
    model = (
        f"Linear model of the outcome at a visit on arm, baseline, covariates and all moderators ({', '.join(named)}), with the "
        "product of arm and one moderator at a time; numbers stay numbers and are not cut into groups. First the risk: the outcome "
        "predicted under the reference arm by the model without products takes the moderator's place."
    )
    if weighted:
        model += (
            " Groups were weighted by overlap on baseline, covariates and moderators; the variance counts that weights are "
            "estimated. What differs between groups and was not measured can make an association depend on a moderator too."
        )
    if len(settings.moderators) > 1:
        model += (
            " All products together, per standard deviation of each moderator, are also given shrunken: as draws around 0 whose "
            "spread the data tell (normal, averaged over a uniform prior of the spread), because the largest of several estimates "
            "is too large."
        )
    association = (
        "A moderator need not be a cause: patients with more of it may differ in other ways. A difference at a value is one of "
        "patients like these on average; it decides for no single patient (PATH 2020)."
    )
    return [
        ("model", f"{model} {association}"),
        *_written(settings),
        ("uses", "the patients who were measured at the visit"),
        ("missing", "Patients not measured at the visit are left out, which is right where, given arm, baseline, covariates and "
         "moderators, they would have had values like those measured."),
        *[("visit", braced("visit", visit)) for visit in settings.visits],
        ("table", "for_whom"), ("figure", "whom"),
    ]  # fmt: skip


# ---------------------------------------------------------------- one visit


class _Visit:
    """What the models of one visit share: outcome, arms, mains and the bases of the moderators."""

    def __init__(self, rows: "pd.DataFrame", question: Question) -> None:
        import numpy as np

        from needling.analysis.moderation import Basis

        settings = question.settings
        self.rows, self.question = rows, question
        self.y, self.arm = rows["value"].to_numpy(float), rows["arm"].to_numpy()
        self.bases: dict[str, Basis] = {}
        self.why: dict[str, str] = {}
        for name, how in settings.moderators.items():
            try:
                made = Basis.of(name, rows[name], question.categories.get(name), how.spline)
            except ValueError:
                self.why[name] = "it has too few different values for its spline"
                made = Basis.of(name, rows[name])
            self.bases[name] = made
            if not made.varies:
                self.why[name] = "it does not vary among the patients analysed"
        others = [one for one in (BASELINE, *settings.adjust) if one not in settings.moderators]
        mains = [Basis.of(one, rows[one], question.categories.get(one)) for one in dict.fromkeys(others)]
        self.first, columns, at = {}, [], 0
        for basis in [*mains, *self.bases.values()]:
            self.first[basis.name] = at
            columns.append(basis.columns)
            at += basis.columns.shape[1]
        self.mains = np.hstack(columns)

    def fit(self, products: "np.ndarray") -> "Regression":
        """The model with some products."""
        import numpy as np

        from needling.analysis.moderation import Regression

        weighted = self.question.study.design != "randomised"
        confounders = np.column_stack([np.ones(len(self.y)), self.mains]) if weighted else None
        return Regression(self.y, self.arm, self.question.arms, self.mains, products, confounders)

    def values(self, name: str) -> list[Any]:
        """Values at which arms are compared: as the study file says, else quartiles to two digits, or the levels."""
        basis = self.bases[name]
        if basis.levels:
            return list(basis.levels)
        return list(self.question.settings.moderators[name].at) or quartiles(self.rows[name].to_numpy(float))


def quartiles(numbers: "np.ndarray") -> list[float]:
    """Quartiles rounded to two significant digits, each once: readable, and nobody's own value.

    Example
    -------
    >>> import numpy as np
    >>> quartiles(np.arange(1.0, 100.0))
    [26.0, 50.0, 74.0]
    """
    import numpy as np

    found = [float(f"{one:.2g}") for one in np.quantile(numbers, [0.25, 0.5, 0.75])]
    inside = [min(max(one, float(numbers.min())), float(numbers.max())) for one in found]
    return sorted(set(inside))


def _one_visit(rows: "pd.DataFrame", question: Question, visit: str) -> "pd.DataFrame":
    """All rows of one visit."""
    place, why, n = _place(rows, question, visit)
    several = len(question.settings.moderators) > 1
    if place is None:
        planned = _planned(question, [RISK, *question.settings.moderators], why)
        return _refused([*planned, *(_planned(question, [], why) if several else [])], question, visit, n)
    made = [*_of_risk(place), *(row for name in question.settings.moderators for row in _of_moderator(place, name))]
    return _as_results([*made, *(_together(place) if several else [])], place, visit)


def by_moderator(rows: "pd.DataFrame", question: Question, visit: str) -> "pd.DataFrame":
    """Rows of each moderator of another kind's settings, without the risk and without those of all together."""
    place, why, n = _place(rows, question, visit)
    names = list(question.settings.moderators)
    if place is None:
        return _refused(_planned(question, names, why), question, visit, n)
    return _as_results([row for name in names for row in _of_moderator(place, name)], place, visit)


def _place(rows: "pd.DataFrame", question: Question, visit: str) -> "tuple[_Visit | None, str, int]":
    """What the models of a visit share; where none can be fitted nothing and why; and the patients."""
    import numpy as np

    here = rows[rows["visit"] == visit].reset_index(drop=True)
    n, why = len(here), why_not(here, question)
    if why:
        return None, why, n
    place = _Visit(here, question)
    try:
        bare = place.fit(np.empty((n, 0)))
    except ValueError as error:
        return None, str(error), n
    if bare.df < FEWEST_DF + len(question.arms):
        return None, f"{n} patients are too few for a model of {bare.rank} terms", n
    if np.square(place.y - bare.fitted) @ bare.weights < 1e-18 * max(1.0, float(np.square(place.y) @ bare.weights)):
        return None, "arm, baseline and covariates determine the outcome", n
    return place, "", n


def _of_risk(place: _Visit) -> list[Row]:
    """Does the effect depend on the outcome that a patient is predicted to have under the reference arm?"""
    import numpy as np

    from needling.analysis.moderation import predicted_under_reference

    score = predicted_under_reference(place.y, place.arm, place.question.arms, place.mains)
    if np.ptp(score) <= 1e-9 * max(1.0, float(np.abs(score).max())):
        return _planned(place.question, [RISK], "nothing known at day 0 predicts the outcome")
    fit, values = place.fit(score[:, None]), quartiles(score)
    rows = []
    for arm in place.question.arms[1:]:
        rows += [_row(fit, fit.arm_at(arm, np.array([value])), place, arm, RISK, [value]) for value in values]
        rows.append(_change(fit, place, arm, RISK, values, np.array([values[-1] - values[0]])))
        rows.append(_test(fit, fit.products_of(arm), place, arm, RISK) | {"unit": PER_UNIT})
    return rows


def _of_moderator(place: _Visit, name: str) -> list[Row]:
    """Effects at values of one moderator, how they change, and what the moderator tells of the outcome itself."""
    if name in place.why:
        return _planned(place.question, [name], place.why[name])
    basis = place.bases[name]
    fit, values = place.fit(basis.columns), place.values(name)
    numbers = None if basis.levels else place.rows[name].to_numpy(float)
    apart = basis.at(values[-1]) - basis.at(values[0])
    rows = []
    for arm in place.question.arms[1:]:
        for value in values:
            made = _row(fit, fit.arm_at(arm, basis.at(value)), place, arm, name, [value])
            outside = numbers is not None and not numbers.min() <= value <= numbers.max()
            rows.append(_without(made, "no patient has a value as far out as this") if outside else made)
        rows.append(_change(fit, place, arm, name, values, apart))
        rows.append(_test(fit, fit.products_of(arm), place, arm, name) | {"unit": "" if basis.levels else PER_UNIT})
    told = _row(fit, fit.main_at(place.first[name], apart), place, "", name, [values[0], values[-1]])
    return [*rows, told | {"quantity": "prognostic", "arm": place.question.reference}]


def _together(place: _Visit) -> list[Row]:
    """All moderators' products in one model, per standard deviation: as estimated, shrunken, and their joint test."""
    import numpy as np

    from needling.analysis.shrinkage import shrunken

    question, level = place.question, place.question.settings.level
    bases = [_as_number(one, place) for name, one in place.bases.items() if name not in place.why]
    terms = [[one.name] if not one.levels else [[one.name, x]] for one in bases for x in one.levels[1:] or ("",)]
    if len(terms) < 2:
        return _planned(question, [], "fewer than two moderators vary among the patients analysed")
    fit = place.fit(np.hstack([one.linear for one in bases]))
    places = [at for arm in question.arms[1:] for at in fit.products_of(arm)]
    tested = fit.joint(places)
    if fit.df < FEWEST_DF or tested is None:
        return _planned(question, [], "the patients are too few to tell the moderators apart")
    pulled = shrunken(fit.b[places], fit.V[np.ix_(places, places)], level)
    plain, drawn = [], []
    whose = [(arm, term) for arm in question.arms[1:] for term in terms]
    for i, ((arm, term), at) in enumerate(zip(whose, places, strict=True)):
        shared = {"arm": arm, "reference": question.reference, "term": structured(term), "quantity": "interaction"}
        shared |= {"at": "", "unit": PER_SD, "status": "converged", "note": ""}
        ends = {"estimate": pulled.mean[i], "se": pulled.sd[i], "low": pulled.low[i], "high": pulled.high[i]}
        plain.append({**shared, "variant": "joint", **(fit.estimate(_unit(fit, at), level) or {})})
        drawn.append({**NO_NUMBERS, **shared, "variant": "shrunken", **ends})
    of_all = {**NO_NUMBERS, "arm": "", "reference": "", "term": structured([one.name for one in bases]), "at": ""}
    of_all |= {"variant": "", "unit": "", "status": "converged", "note": ""}
    whole = [of_all | {"quantity": "heterogeneity"} | tested]
    return [*plain, *drawn, *whole, of_all | {"quantity": "shrinkage", "estimate": pulled.shrinkage}]


def _as_number(basis: "Basis", place: _Visit) -> "Basis":
    """A moderator with one column: a spline's moderator as the number that it is."""
    from needling.analysis.moderation import Basis

    return basis if basis.levels else Basis.of(basis.name, place.rows[basis.name])


# ---------------------------------------------------------------- rows


def _unit(fit: "Regression", at: int) -> "np.ndarray":
    import numpy as np

    return np.eye(len(fit.b))[at]


def _row(fit: "Regression", weights: "np.ndarray", place: _Visit, arm: str, name: str, at: list[Any]) -> Row:
    """Numbers of a combination of coefficients, without a test of its own; where the data do not determine it, why not."""
    numbers = fit.estimate(weights, place.question.settings.level)
    row = {**NO_NUMBERS, "arm": arm, "reference": place.question.reference if arm else "", "quantity": "effect_at"}
    row |= {"at": structured({name: at[0] if len(at) == 1 else at}), "term": structured([name]), "unit": ""}
    row |= {"variant": "risk" if name == RISK else "", "status": "converged", "note": ""}
    untested = {key: value for key, value in (numbers or {}).items() if key not in ("statistic", "p")}
    return row | untested if numbers else _without(row, NOT_TOLD)


def _without(row: Row, why: str) -> Row:
    return {**row, **NO_NUMBERS, "status": "not_estimated", "note": why}


def _change(fit: "Regression", place: _Visit, arm: str, name: str, values: list[Any], apart: "np.ndarray") -> Row:
    """Change of the effect from the first to the last value."""
    weights = fit.arm_at(arm, apart) - fit.arm_at(arm, 0 * apart)
    return _row(fit, weights, place, arm, name, [values[0], values[-1]]) | {"quantity": "predictive"}


def _test(fit: "Regression", places: list[int], place: _Visit, arm: str, name: str) -> Row:
    """The test that the effect does not depend on a moderator: t of a slope, F of a spline or several levels."""
    level = place.question.settings.level
    numbers = fit.estimate(_unit(fit, places[0]), level) if len(places) == 1 else fit.joint(places)
    row = {**NO_NUMBERS, "arm": arm, "reference": place.question.reference, "quantity": "moderation", "at": ""}
    row |= {"variant": "risk" if name == RISK else "", "term": structured([name]), "status": "converged", "note": ""}
    return row | numbers if numbers else _without(row, NOT_TOLD)


def _planned(question: Question, names: list[str], why: str) -> list[Row]:
    """A row for each test that was planned, with the reason: of some moderators, or (without a name) of all together."""
    row = {**NO_NUMBERS, "at": "", "unit": "", "status": "not_estimated", "note": why}
    if not names:
        of_all = structured(list(question.settings.moderators))
        return [{**row, "arm": "", "reference": "", "variant": "", "term": of_all, "quantity": "heterogeneity"}]
    return [
        {**row, "arm": arm, "reference": question.reference, "variant": "risk" if name == RISK else "",
         "term": structured([name]), "quantity": "moderation"}
        for name in names for arm in question.arms[1:]
    ]  # fmt: skip


def _refused(rows: list[Row], question: Question, visit: str, n: int) -> "pd.DataFrame":
    """Results rows of what was planned at a visit where no model can be fitted."""
    import pandas as pd

    return complete(pd.DataFrame(rows), question, visit=visit, **_method(question, n))


def _method(question: Question, n: int) -> dict[str, Any]:
    weighted = question.study.design != "randomised"
    return {
        "n_patients": n, "n_observations": n, "method": WEIGHTED if weighted else METHOD,
        "variance": "stacked_sandwich" if weighted else "model", "weights": "overlap" if weighted else "analysed_patients",
    }  # fmt: skip


def _as_results(rows: list[Row], place: _Visit, visit: str) -> "pd.DataFrame":
    """Results rows: effects favour an arm; slopes and changes have a sign and no better side; joint tests have no sign."""
    import pandas as pd

    question = place.question
    table = pd.DataFrame(rows).assign(visit=visit, **_method(question, len(place.y)))
    table["df_method"] = ["residual" if known else "" for known in table["df"].notna()]
    effects = table["quantity"] == "effect_at"
    unsigned = table["quantity"].isin(["heterogeneity", "shrinkage"]) | table["estimate"].isna() & ~effects
    signed = table[~effects & ~unsigned].reset_index(drop=True)
    made = [contrast_rows(table[effects].drop(columns="unit"), question, "effect_at")]
    turned = contrast_rows(signed, question, "interaction")
    units = [f"{question.difference_unit} {one}".rstrip() for one in signed["unit"]]
    told = {"quantity": signed["quantity"], "unit": units, "favours": "", "better": "neither"}
    made += [complete(turned, question, **told), complete(table[unsigned].assign(unit=""), question)]
    return pd.concat(made, ignore_index=True)
