"""All follow-up visits at once: a mixed model for repeated measures (MMRM)."""

from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from needling.analysis.formulas import (
    ADJUSTED,
    ERROR,
    NORMAL,
    OUTCOME,
    cluster_effects,
    covariance_terms,
    equation,
)
from needling.analysis.results import (
    Comparison,
    Output,
    Question,
    comparisons,
    contrast_rows,
    mean_rows,
    not_estimated,
    spread_within_arms,
    standardised_rows,
)
from needling.cohort.analysed import Needs, used, values_needed
from needling.schema.side import RESIDUAL_BINS, RESIDUAL_QUANTILES
from needling.study.keys import braced
from needling.study.plan import Study
from needling.study.settings import SCALE, KindSettings, Outcomes, Residual, Scale

if TYPE_CHECKING:
    import pandas as pd

    from needling.analysis.fits import Fitted, Frame
    from needling.mixed.fitted import MixedFit

METHOD = "mmrm_reml"
SIDE = {"residual_bins": RESIDUAL_BINS, "residual_quantiles": RESIDUAL_QUANTILES}

DfMethod = Literal["kenward_roger", "satterthwaite", "residual", "between_within", "asymptotic"]


class Settings(KindSettings):
    """All follow-up visits at once, with a residual covariance over visits (MMRM)."""

    kind: Literal["repeated_measures"]
    scale: Scale = SCALE
    outcomes: Outcomes
    baseline: Literal["covariate", "constrained", "response"] = Field(
        "covariate",
        description="Baseline as a covariate (default), as a response with a common mean in all arms (constrained; "
        "randomised designs only), or as a response like the others: the course from baseline, and between arms the "
        "difference in change.",
    )
    residual: list[Residual] = Field(
        default=["unstructured", "toeplitz_het", "ar1_het", "compound_symmetry"],
        min_length=1,
        description="The ladder: structures tried in this order until one converges. Default: from general to simple.",
    )
    clusters: list[Literal["therapist", "clinic"]] = Field(
        default_factory=list, description="Random effects. Default: none."
    )
    df: DfMethod = Field(
        "kenward_roger", description="Degrees of freedom. Default: Kenward-Roger, right in small samples."
    )

    def check_plan(self, name: str, study: Study) -> None:
        """Refuse a constrained baseline where arms were not randomised."""
        if self.baseline == "constrained" and study.design != "randomised":
            raise ValueError(
                f"analyses.{name}: a constrained baseline is only right where arms were randomised; take covariate"
            )

    def needs(self, study: Study) -> Needs:
        """The rows that the model uses: every follow-up visit, and the baseline where it is a response."""
        is_response = self.baseline != "covariate" or not study.arms
        visits = [visit for visit in study.visits.schedule if is_response or visit != study.visits.baseline]
        time = ["week"] if "exponential" in self.residual else []
        return Needs(tuple(visits), baseline=not is_response, columns=(*self.adjust, *self.clusters, *time))


def run(data: "dict[str, pd.DataFrame]", question: Question) -> Output:
    """Compare arms at every follow-up visit with a mixed model for repeated measures.

    value = baseline x visit + arm x visit + covariates + e, with e correlated over the visits of a patient. The baseline
    is a covariate; or a response whose mean is common to all arms (constrained); or a response like the others, whose changes are
    compared between arms, or described in a single one. The residual structures of the study file are tried in turn until one
    converges. Estimated by restricted maximum likelihood; right under missing at random given baseline, covariates and the
    measured visits.

    Parameters
    ----------
    data, question : as every kind is given them (`needling.analysis.kinds`); of data the visits are used.

    Returns
    -------
    Output: comparisons and marginal means by visit, changes from baseline, coefficients, components; binned and grouped residuals.
    Marginal means average over the covariates of the analysed measurements, so that a patient counts once for each visit
    measured. Patients without baseline (where it is a covariate) or without a covariate are left out.
    """
    from needling.analysis.fits import answered, too_few

    settings, rows = question.settings, data["visits"]
    people = rows["patient"].nunique()
    why = too_few(rows, question)
    if (settings.baseline != "covariate" or not question.arms) and rows["visit"].nunique() < 2:
        why = "there is only one visit with measurements"
    said = why or answered(fitted, answers, data, question)
    return said if isinstance(said, Output) else Output(not_estimated(question, said, METHOD, people, len(rows)))


def fitted(data: "dict[str, pd.DataFrame]", question: Question) -> "Fitted":
    """Fit the model to the rows of one question.

    Parameters
    ----------
    data, question : as for `run`.
    """
    from needling.analysis.fits import Fitted, model_frame
    from needling.mixed.fit import fit_ladder

    settings, rows = question.settings, data["visits"]
    frame, formula = _formula(model_frame(rows, question), question)
    # of one visit every structure is one variance, and those of several would be refused
    ladder = settings.residual if rows["visit"].nunique() > 1 else ["unstructured"]
    fit = fit_ladder(
        formula,
        frame.data,
        residuals=[f"{name}({'week' if name == 'exponential' else 'visit'})" for name in ladder],
        subject="patient",
        cluster=dict.fromkeys(settings.clusters, "1") or None,
        levels=frame.levels,
    )
    return Fitted(frame, fit, _inference(fit, question))


def answers(found: "Fitted", question: Question) -> Output:
    """What a fit says: comparisons, means and changes by visit, coefficients, components, residuals.

    Parameters
    ----------
    found, question : as `fitted` gives and is given them.
    """
    import pandas as pd

    from needling.analysis.fits import appendix_rows, common_columns, residual_tables, structure_columns

    frame, fit, inference, settings = found.frame, found.fit, found.inference, question.settings
    structures = structure_columns(fit)
    common = common_columns(fit, frame, METHOD, inference, weights="analysed_measurements", **structures)
    report = {"constrained": _constrained, "response": _changes}.get(settings.baseline, _by_arm)
    parts = [
        *(report if question.arms else _course)(fit, frame, question, common, inference),
        appendix_rows(fit, frame, question, {**common, "weights": ""}, inference),
    ]
    return Output(pd.concat(parts, ignore_index=True), residual_tables(fit, question))


def methods(settings: Settings, study: Study) -> list[tuple[str, str]]:
    """What the analysis does, in sentences with codes in braces, and what shows it."""
    from needling.analysis.fits import missing_at_random

    baseline = {
        "covariate": "Baseline is a covariate",
        "constrained": "Baseline is a response with the same mean in all arms",
        "response": "Baseline is a response like the others; what is compared is the change from it",
    }["response" if not study.arms else settings.baseline]
    covariate = settings.baseline == "covariate" and bool(study.arms)
    # In this word: the visit's label may be a phrase that begins with "before".
    after = " after baseline" if covariate else ""
    needed = ["a value at baseline"] if covariate else []
    needed = values_needed(study, *needed, *(["every covariate"] if settings.adjust else []))
    ladder = ", ".join(braced("structure", name) for name in settings.residual)
    alone = _has_one_visit(settings, study)
    averaged = "the analysed measurements, so that a patient counts once for each visit measured"
    averaged = "the analysed patients" if alone else averaged
    if settings.clusters:
        averaged += f", for an average {' and '.join(settings.clusters)}"
    return [
        ("model", f"Linear model of the only visit after baseline (REML). {baseline}." if alone else
         f"Mixed model for repeated measures (REML). {baseline}. The covariance over visits is the first of these with which the "
         f"model converges: {ladder}."),
        *_written(settings, study),
        ("uses", used("the patients who were measured at the visit" if alone else
                      f"every measurement{after} of every patient who has at least one", needed)),
        ("missing", missing_at_random(bool(settings.adjust))),
        ("averaged", averaged),
        *([] if alone else [("people", "over_visits")]),
        ("table", "contrasts"), ("table", "coefficients"),
        ("figure", "forest"), ("figure", "trajectories"), ("figure", "diagnostics"),
    ]  # fmt: skip


def _has_one_visit(settings: Settings, study: Study) -> bool:
    """Whether there is one visit to model: then nothing covaries over visits."""
    return len(settings.needs(study).visits) == 1


def _written(settings: Settings, study: Study) -> list[tuple[str, str]]:
    """The model as a formula: mean of each visit, what the arm adds at each, baseline as it is used, covariates, clusters."""
    if _has_one_visit(settings, study):
        random, spread = cluster_effects(list(settings.clusters), "i")
        terms = [*covariance_terms(bool(study.arms), True, bool(settings.adjust)), *random, ERROR]
        return equation(OUTCOME, terms, [NORMAL, *spread])
    terms = [(r"\mu_{j}", "a mean of the visit")]
    if study.arms:
        after = " after baseline, where the arms have one mean" if settings.baseline == "constrained" else ""
        terms.append((r"\tau_{A(i)j}", f"what the arm adds at the visit{after}"))
        if settings.baseline == "covariate":
            terms.append((r"\beta_{j}\,Y_{i0}", "a slope of the visit times the value at baseline"))
    terms += [ADJUSTED] if settings.adjust else []
    random, spread = cluster_effects(list(settings.clusters), "ij")
    terms += [*random, (r"\varepsilon_{ij}", "an error")]
    error = (
        r"\boldsymbol{\varepsilon}_{i} \sim N(\mathbf{0}, \boldsymbol{\Sigma})",
        "Errors of a patient are normal with one covariance over visits, those of different patients are independent",
    )
    return equation((r"Y_{ij}", "The outcome of a patient at a visit"), terms, [error, *spread])


def _inference(fit: "MixedFit", question: Question) -> dict[str, Any]:
    """How results are to be asked for.

    Compound symmetry as the last rung of a ladder is a fallback that nobody believes, so its variance is taken from the data:
    the bias-reduced sandwich by patient (CR2) with its own Satterthwaite degrees of freedom. Where therapists or clinics
    have random effects, patients are not independent and the model's own variance stays.
    """
    settings = question.settings
    structure = fit.covariance_structure.partition("(")[0]
    inference: dict[str, Any] = {"df": settings.df, "level": settings.level}
    if structure == "compound_symmetry" and len(settings.residual) > 1 and not settings.clusters:
        inference |= {"df": "satterthwaite", "variance": "CR2"}
    return inference


def _formula(frame: "Frame", question: Question) -> "tuple[Frame, str]":
    """The fixed effects, and the rows with the columns that they need."""
    from dataclasses import replace

    from needling.analysis.fits import covariates

    data = frame.data
    adjust = covariates(data, question)
    if not question.arms:
        return frame, " + ".join(["value ~ visit", *adjust])
    if question.settings.baseline == "covariate":
        return frame, " + ".join(["value ~ baseline * visit", "arm * visit", *adjust])
    if question.settings.baseline == "response":
        return frame, " + ".join(["value ~ arm * visit", *adjust])
    data, columns = data.copy(), {}
    for arm in data["arm"].cat.categories[1:]:
        for visit in data["visit"].cat.categories[1:]:
            columns[_effect_name(arm, visit)] = [["arm", frame.name(arm)], ["visit", frame.name(visit)]]
            data[_effect_name(arm, visit)] = ((data["arm"] == arm) & (data["visit"] == visit)).astype(float)
    return replace(frame, data=data, columns=columns), " + ".join(["value ~ visit", *columns, *adjust])


def _effect_name(arm: str, visit: str) -> str:
    return f"effect_{arm}_{visit}"


def _weights(frame: "Frame", asked: list[Comparison]) -> dict[str, dict[str, float]]:
    """The comparisons for the engine: a name each, weights by the arms' safe codes."""
    return {
        f"c{i}": {frame.code(arm, "arm"): weight for arm, weight in one.weights.items()} for i, one in enumerate(asked)
    }


def _compared(
    table: "pd.DataFrame",
    visits: list[str],
    asked: list[Comparison],
    question: Question,
    common: dict[str, Any],
    change: bool = False,
) -> "list[pd.DataFrame]":
    """Results rows of the engine's comparisons, which come visit by visit in the order asked for."""
    places = [(visit, one) for visit in visits for one in asked]
    table = table.reset_index(drop=True).assign(
        visit=[visit for visit, _ in places],
        arm=[one.arm for _, one in places],
        reference=[one.reference for _, one in places],
        term=[one.term for _, one in places],
    )
    kinds = {one.quantity for one in asked}
    return [
        contrast_rows(
            table[[one.quantity == kind for _, one in places]],
            question,
            "change" if change and kind == "difference" else kind,
            **common,
        )
        for kind in sorted(kinds)
    ]


def _named(table: "pd.DataFrame", frame: "Frame") -> "pd.DataFrame":
    """Visits and arms of a table of means by their names."""
    columns = {name: [frame.name(str(code)) for code in table[name]] for name in ("visit", "arm") if name in table}
    return table.assign(**columns)


def _by_arm(
    fit: "MixedFit", frame: "Frame", question: Question, common: dict[str, Any], inference: dict[str, Any]
) -> "list[pd.DataFrame]":
    options = {**inference, "weights": "observed"}
    asked = comparisons(question)
    visits = [frame.name(code) for code in frame.data["visit"].cat.categories]
    effects = _compared(
        fit.contrast("arm", by="visit", coefficients=_weights(frame, asked), **options), visits, asked, question, common
    )
    means = _named(fit.means(by=["visit", "arm"], **options), frame)
    middle = float(frame.data["baseline"].mean())
    shift = {name: means[name] - middle for name in ("estimate", "low", "high")}
    patients = frame.data.drop_duplicates("patient")
    spread = spread_within_arms(patients["baseline"], patients["arm"])
    return [
        *effects,
        mean_rows(means, question, **common),
        contrast_rows(
            means.assign(reference="", **shift, statistic=float("nan"), p=float("nan")), question, "change", **common
        ),
        *[standardised_rows(one, *spread) for one in effects],
    ]


def _spread_of_responses(frame: "Frame") -> tuple[float, int]:
    """The spread at baseline, where baseline is a visit among the others."""
    first = frame.data[frame.data["visit"] == frame.data["visit"].cat.categories[0]]
    return spread_within_arms(first["value"], first["arm"])


def _course(
    fit: "MixedFit", frame: "Frame", question: Question, common: dict[str, Any], inference: dict[str, Any]
) -> "list[pd.DataFrame]":
    options = {**inference, "weights": "observed"}
    first, *later = frame.data["visit"].cat.categories
    changes = fit.contrast("visit", reference=first, **options)
    changes = changes.assign(visit=[frame.name(code) for code in later], arm="", reference="")
    means = _named(fit.means(by=["visit"], **options), frame).assign(arm="")
    return [contrast_rows(changes, question, "change", **common), mean_rows(means, question, **common)]


def _changes(
    fit: "MixedFit", frame: "Frame", question: Question, common: dict[str, Any], inference: dict[str, Any]
) -> "list[pd.DataFrame]":
    """Change from baseline in each arm, and its difference between arms."""
    options = {**inference, "weights": "observed"}
    first, *later = frame.data["visit"].cat.categories
    asked = comparisons(question)
    visits = [frame.name(code) for code in later]
    compared = fit.contrast("arm", by="visit", kind="difference", coefficients=_weights(frame, asked), **options)
    own = fit.contrast("visit", by="arm", reference=first, **options)
    own = _named(own, frame).assign(visit=visits * len(frame.data["arm"].cat.categories), reference="")
    means = _named(fit.means(by=["visit", "arm"], **options), frame)
    effects = _compared(compared, visits, asked, question, common, change=True)
    return [
        *effects,
        contrast_rows(own, question, "change", **common),
        mean_rows(means, question, **common),
        *[standardised_rows(one, *_spread_of_responses(frame)) for one in effects],
    ]


def _constrained(
    fit: "MixedFit", frame: "Frame", question: Question, common: dict[str, Any], inference: dict[str, Any]
) -> "list[pd.DataFrame]":
    """Effects are the coefficients of the arm-at-visit columns; a mean adds them to the reference arm's.

    The common mean at baseline is part of the model, so that a change from it has that mean's error too.
    """
    import numpy as np
    import pandas as pd

    first, *later = frame.data["visit"].cat.categories
    base, *others = frame.data["arm"].cat.categories
    asked = comparisons(question)
    names = list(fit.coefficient_names)
    rows = []
    for visit in later:
        for one in asked:
            weights = np.zeros(len(names))
            for arm, weight in one.weights.items():
                if frame.code(arm, "arm") != base:
                    weights[names.index(_effect_name(frame.code(arm, "arm"), visit))] = weight
            rows.append(weights)
    effects = fit.linear(np.array(rows), **inference).drop(columns="row")
    nobody = {_effect_name(arm, visit): 0.0 for arm in others for visit in later}
    means, changes = [], {}
    for arm in [base, *others]:
        for visit in [first, *later]:
            own = {_effect_name(arm, visit): 1.0} if _effect_name(arm, visit) in nobody else {}
            mean = fit.means(by=["visit"], at=nobody | own, weights="observed", **inference)
            means.append(mean[mean["visit"] == visit].assign(arm=arm))
            if visit != first:
                changes[arm, visit] = {f"visit[T.{visit}]": 1.0, **own}
    change = fit.linear({" ".join(place): weights for place, weights in changes.items()}, **inference)
    places = pd.DataFrame(list(changes), columns=["arm", "visit"])
    compared = _compared(effects, [frame.name(code) for code in later], asked, question, common)
    return [
        *compared,
        mean_rows(_named(pd.concat(means, ignore_index=True), frame), question, **common),
        contrast_rows(_named(change.assign(**places, reference=""), frame), question, "change", **common),
        *[standardised_rows(one, *_spread_of_responses(frame)) for one in compared],
    ]
