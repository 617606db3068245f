"""A random intercept and slope per patient over the actual time of each visit."""

from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from needling.analysis.formulas import ADJUSTED, INTERCEPT, cluster_effects, equation
from needling.analysis.results import PER, Output, Question, comparisons, contrast_rows, not_estimated
from needling.cohort.analysed import Needs, used, values_needed
from needling.schema.side import CROSS_CHECK, RESIDUAL_BINS, RESIDUAL_QUANTILES
from needling.study.keys import braced
from needling.study.plan import Study
from needling.study.settings import SCALE, KindSettings, Outcomes, Scale

if TYPE_CHECKING:
    import pandas as pd

    from needling.analysis.fits import Fitted, Frame
    from needling.mixed.fitted import MixedFit

METHOD = "random_slope_reml"
SIDE = {"residual_bins": RESIDUAL_BINS, "residual_quantiles": RESIDUAL_QUANTILES, "cross_check": CROSS_CHECK}


class Settings(KindSettings):
    """A random intercept and slope per patient over the actual time of each visit."""

    kind: Literal["growth_curve"]
    scale: Scale = SCALE
    outcomes: Outcomes
    clusters: list[Literal["therapist", "clinic"]] = Field(
        default_factory=list, description="Random effects. Default: none."
    )
    df: Literal["kenward_roger", "satterthwaite", "residual", "between_within", "asymptotic"] = Field(
        "satterthwaite", description="Degrees of freedom. Default: Satterthwaite."
    )

    def check_plan(self, name: str, study: Study) -> None:
        """Refuse a schedule without time, which a slope needs, and a primary visit without it, where the lines are compared."""
        if all(visit.nominal_week is None for visit in study.visits.schedule.values()) and not study.visits.date:
            raise ValueError(
                f"analyses.{name}: a growth curve needs the time of the visits; give each one days or a week"
            )
        if study.arms and study.visits.schedule[study.visits.primary].nominal_week is None:
            raise ValueError(
                f"analyses.{name}: a growth curve compares the arms' lines at the primary visit, and the schedule does not say "
                f"when that is; give visits.schedule.{study.visits.primary} days or a week"
            )

    def needs(self, study: Study) -> Needs:
        """The rows that the model uses: follow-up visits; of a single arm the baseline too."""
        visits = [visit for visit in study.visits.schedule if not study.arms or visit != study.visits.baseline]
        return Needs(tuple(visits), baseline=bool(study.arms), columns=(*self.adjust, *self.clusters, "week"))


def run(data: "dict[str, pd.DataFrame]", question: Question) -> Output:
    """Compare arms by straight lines over the follow-up, at the actual weeks of the visits.

    value = baseline + arm x (week - primary week) + covariates + (1 + week | patient) + e. The arm's coefficient is the
    difference at the primary visit's nominal week, its product with week the difference in slopes per week. In a
    single arm the visits include the baseline and the slope is the course.

    Parameters
    ----------
    data, question : as every kind is given them (`needling.analysis.kinds`); of data the visits are used.

    Returns
    -------
    Output: the difference at the primary visit, slopes of the arms and their difference, coefficients, components, residuals and
    the cross-check with statsmodels. Of patients with a baseline and every covariate, all measurements at a known time are used.
    """
    from needling.analysis.fits import answered, too_few

    rows = data["visits"]
    people = rows["patient"].nunique()
    why = too_few(rows, question)
    said = why or answered(fitted, answers, data, question)
    return said if isinstance(said, Output) else Output(not_estimated(question, said, METHOD, people, len(rows)))


def fitted(data: "dict[str, pd.DataFrame]", question: Question) -> "Fitted":
    """Fit the model to the rows of one question; `time` is weeks from the primary visit, of a single arm from day 0.

    Parameters
    ----------
    data, question : as for `run`.
    """
    from needling.analysis.fits import Fitted, covariates, model_frame
    from needling.mixed.fit import fit_mixed

    settings = question.settings
    frame = model_frame(data["visits"], question)
    known = {visit: week for visit, week in question.weeks.items() if week is not None}
    start = known[question.primary_visit] if question.arms else 0.0
    frame.data["time"] = frame.data["week"] - start
    fixed = ["baseline", "arm * time"] if question.arms else ["time"]
    fit = fit_mixed(
        "value ~ " + " + ".join([*fixed, *covariates(frame.data, question)]),
        frame.data,
        subject="patient",
        random="1 + time",
        cluster=dict.fromkeys(settings.clusters, "1") or None,
    )
    return Fitted(frame, fit, {"df": settings.df, "level": settings.level})


def answers(found: "Fitted", question: Question) -> Output:
    """What a fit says: the difference at the primary visit, slopes, coefficients, components, residuals, cross-check.

    Parameters
    ----------
    found, question : as `fitted` gives and is given them.
    """
    import pandas as pd

    from needling.analysis.fits import appendix_rows, common_columns, cross_check, residual_tables

    frame, fit, inference = found.frame, found.fit, found.inference
    common = common_columns(fit, frame, METHOD, inference)
    parts = [
        appendix_rows(fit, frame, question, common, inference),
        *(_lines_of_arms if question.arms else _one_line)(fit, frame, question, common, inference),
    ]
    check = cross_check(fit, question)
    check["quantity"] = [frame.words(str(one)) for one in check["quantity"]]
    return Output(pd.concat(parts, ignore_index=True), {**residual_tables(fit, question), "cross_check": check})


def _lines_of_arms(
    fit: "MixedFit", frame: "Frame", question: Question, common: dict[str, Any], inference: dict[str, Any]
) -> "list[pd.DataFrame]":
    """Difference of the arms' lines at the primary visit, difference of their slopes, and each arm's slope."""
    asked = comparisons(question)
    weights = {f"c{i}": {frame.code(a, "arm"): w for a, w in one.weights.items()} for i, one in enumerate(asked)}
    named = {name: [getattr(one, name) for one in asked] for name in ("arm", "reference", "term")}
    options = {**inference, "weights": "observed"}
    effect = fit.contrast("arm", coefficients=weights, at={"time": 0.0}, **options)
    slope = fit.contrast("arm", coefficients=weights, slope="time", **options)
    slopes = contrast_rows(slope.assign(visit="", **named), question, "slope", **common)
    if asked[0].quantity == "trend":
        slopes["unit"] += f" per {PER['trend']}"
    own = fit.slopes("time", by="arm", **options)
    own = own.assign(visit="", arm=[frame.name(str(code)) for code in own["arm"]], reference="")
    at_primary = effect.assign(visit=question.primary_visit, **named)
    return [
        contrast_rows(at_primary, question, asked[0].quantity, **common),
        slopes,
        contrast_rows(own, question, "slope", **common),
    ]


def _one_line(
    fit: "MixedFit", frame: "Frame", question: Question, common: dict[str, Any], inference: dict[str, Any]
) -> "list[pd.DataFrame]":
    """The course of a single arm: its slope."""
    slope = fit.terms(**inference).set_index("term").loc[["time"]].reset_index(drop=True)
    return [contrast_rows(slope.assign(visit="", arm="", reference=""), question, "slope", **common)]


def methods(settings: Settings, study: Study) -> list[tuple[str, str]]:
    """What the analysis does, in sentences with codes in braces, and what shows it."""
    from needling.analysis.fits import missing_at_random

    if study.arms:
        model = (
            "Straight lines over the actual time of each visit after baseline, one for each arm, with the value at baseline as a "
            f"covariate; the difference is read at {braced('visit', study.visits.primary)}, the difference in slopes per week."
        )
        after, needed = " after baseline", ["a value at baseline"]
    else:
        model = "A straight line over the actual time of each visit, baseline included; the slope is per week."
        after, needed = "", []
    needed = values_needed(study, *needed, *(["every covariate"] if settings.adjust else []))
    return [
        ("model", f"Random intercept and slope per patient (REML). {model}"),
        *_written(settings, study),
        ("uses", used(f"every measurement{after} of every patient who has at least one", needed)),
        ("missing", missing_at_random(bool(settings.adjust))),
        ("people", "over_visits"),
        ("table", "contrasts"), ("table", "coefficients"), ("table", "cross_check"),
        ("figure", "forest"), ("figure", "diagnostics"),
    ]  # fmt: skip


def _written(settings: Settings, study: Study) -> list[tuple[str, str]]:
    """The model as a formula: a line for each arm and each patient over the actual time."""
    line = [INTERCEPT, (r"\delta\,t_{ij}", "a slope times the week")]
    if study.arms:
        line = [
            (r"\alpha_{A(i)}", "an intercept of the arm"),
            (
                r"\delta_{A(i)}\,t_{ij}",
                f"a slope of the arm times the weeks from {braced('visit', study.visits.primary)} on",
            ),
            (r"\beta\,Y_{i0}", "a slope times the value at baseline"),
        ]
    random, spread = cluster_effects(list(settings.clusters), "ij")
    line += [ADJUSTED] if settings.adjust else []
    line += [
        (r"b_{0i} + b_{1i}\,t_{ij}", "an intercept and a slope of the patient"),
        *random,
        (r"\varepsilon_{ij}", "an error"),
    ]
    told = [
        (
            r"(b_{0i}, b_{1i}) \sim N(\mathbf{0}, \mathbf{G})",
            "Intercept and slope of patients are normal with one covariance",
        ),
        (r"\varepsilon_{ij} \sim N(0, \sigma^{2})", "Errors are independent and normal with one variance"),
    ]
    return equation((r"Y_{ij}", "The outcome of a patient at a visit"), line, [*told, *spread])
