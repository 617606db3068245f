"""What the analyses by mixed model share: the model frame in safe codes, the results of a fit, and its diagnostics."""

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from needling.analysis.results import Output, Question, coefficient_rows, complete, structured

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

    from needling.mixed.fitted import MixedFit


def missing_at_random(covariates: bool) -> str:
    """Say what a likelihood of the measurements that exist takes for granted of those that do not.

    Parameters
    ----------
    covariates : whether the model has any.
    """
    return (
        f"If the model is right, it is unbiased where, given the measurements that exist{' and the covariates' * covariates}, "
        "missing ones would have looked like those observed (missing at random); the data cannot show whether they would. No "
        "missing measurement was imputed or carried forward."
    )


FACTOR = re.compile(r"(\w+)\[(?:T\.)?(\w+)\]")


@dataclass(frozen=True)
class Frame:
    """The rows of a model with every level under a safe code, and what each code stands for.

    Levels of arms, visits and categories may hold any character in a study; in a formula they are a0, v1, sex_2 and so on.
    `columns` says what a column stands for that a kind made itself: factors and levels. `schedule` has every planned visit in
    order, also those that no row has, with its nominal week: structures that count visits need to know what lies between two.
    """

    data: "pd.DataFrame"
    original: dict[str, str]
    columns: dict[str, list[list[str]]] = field(default_factory=dict)
    schedule: dict[str, float | None] = field(default_factory=dict)

    @property
    def levels(self) -> dict[str, list[str]] | None:
        """All visits in order, for the engine; nothing where rows have no visits."""
        return {"visit": list(self.schedule)} if self.schedule and "visit" in self.data else None

    def code(self, level: str, factor: str) -> str:
        """The safe code of a level of a factor."""
        return next(code for code, name in self.original.items() if name == level and _stem(code) == _prefix(factor))

    def name(self, code: str) -> str:
        """What a safe code stands for."""
        return self.original.get(code, code)

    def term(self, name: str) -> str:
        """Structure a coefficient's name: 'visit[T.v1]:arm[T.a1]' becomes [["visit", "week_4"], ["arm", "x"]]."""
        if name in self.columns:
            return structured(self.columns[name])
        parts = [FACTOR.fullmatch(part) for part in name.split(":")]
        return structured(
            [[p[1], self.name(p[2])] if p else [part] for p, part in zip(parts, name.split(":"), strict=True)]
        )

    def words(self, message: str) -> str:
        """Write a message of the engine with the levels' own names, for eyes only."""
        named = re.sub(r"\b\w+\b", lambda found: self.name(found[0]), message).rstrip(".")
        return named.replace("variance of Intercept between", "variance between")


@dataclass(frozen=True)
class Fitted:
    """A mixed model as the job of its kind fits it: its rows in safe codes, the fit, and how its results are asked for."""

    frame: Frame
    fit: "MixedFit"
    inference: dict[str, Any]


def answered(
    fitted: "Callable[[dict[str, pd.DataFrame], Question], Fitted]",
    answers: "Callable[[Fitted, Question], Output]",
    data: "dict[str, pd.DataFrame]",
    question: Question,
) -> Output | str:
    """Fit the model of a kind and give its answers, or say why there are none.

    Parameters
    ----------
    fitted, answers : the functions of the kind (`needling.analysis.kinds`).
    data, question : as for the kind's `run`.
    """
    from needling.mixed.errors import MixedModelError

    try:
        found = fitted(data, question)
        return found.frame.words(found.fit.message) if found.fit.status == "failed" else answers(found, question)
    except MixedModelError as error:
        return refusal(error)


def fit_rows(
    rows: "pd.DataFrame",
    question: Question,
    formula: str,
    used: list[str],
    residuals: list[str],
    **arguments: Any,
) -> "tuple[Frame, MixedFit]":
    """Fit a formula to complete rows, levels in safe codes and in the plan's order, by the first structure that holds.

    Parameters
    ----------
    rows : complete in every column used.
    question : its arms, visits and weeks give the order of levels.
    formula : as in `fit_mixed`; C(column) makes a category of a number.
    used : columns of the model, those of the residual structures too.
    residuals : the ladder, e.g. unstructured(visit).
    arguments : random, cluster, method, weights and offset of `fit_mixed`.
    """
    from needling.mixed.fit import fit_ladder

    as_categories = re.findall(r"\bC\( *(\w+) *\)", formula)
    orders = {"visit": [question.baseline_visit, *question.weeks], "arm": list(question.arms)}
    frame = safe_frame(rows, used, as_categories, orders, question.weeks)
    formula = re.sub(r"\bC\( *(\w+) *\)", r"\1", formula)
    levels = frame.levels if "visit" in used else None
    return frame, fit_ladder(formula, frame.data, residuals=residuals, subject="patient", levels=levels, **arguments)


def _prefix(factor: str) -> str:
    return {"arm": "a", "visit": "v"}.get(factor, f"{factor}_")


def _stem(code: str) -> str:
    return re.sub(r"\d+$", "", code)


def model_frame(rows: "pd.DataFrame", question: Question) -> Frame:
    """Make arms, visits and categories explicit, reference level first, in safe codes.

    Parameters
    ----------
    rows : the measurements that the model uses.
    question : the model; levels that no row has are left out.
    """
    import pandas as pd

    data = rows.copy()
    original: dict[str, str] = {}
    levels = {"visit": [*question.weeks], **question.categories}
    if question.arms:
        levels["arm"] = list(question.arms)
    for factor, names in levels.items():
        codes = {name: f"{_prefix(factor)}{number}" for number, name in enumerate(names)}
        codes = {name: code for name, code in codes.items() if (data[factor] == name).any()}
        original |= {code: name for name, code in codes.items()}
        data[factor] = pd.Categorical(data[factor].map(codes), list(codes.values()))
    return Frame(data, original, schedule=_schedule(question.weeks))


def _schedule(weeks: dict[str, float | None]) -> dict[str, float | None]:
    return {f"{_prefix('visit')}{number}": week for number, week in enumerate(weeks.values())}


def safe_frame(
    rows: "pd.DataFrame",
    used: list[str],
    as_categories: list[str],
    orders: dict[str, list[str]],
    weeks: dict[str, float | None] | None = None,
) -> Frame:
    """Make every text column of a formula, and numbers that are to be categories, a category in safe codes.

    Parameters
    ----------
    rows : the complete rows of a model.
    used : columns of the model.
    as_categories : numbers to be taken as categories.
    orders : column -> its levels in order, the first is the reference; other texts are sorted, numbers ascend.
    weeks : the planned visits in order with their nominal weeks, where rows are visits.
    """
    import pandas as pd

    data = rows.copy()
    original: dict[str, str] = {}
    for factor in dict.fromkeys(name for name in [*used, *as_categories] if name not in ("therapist", "clinic")):
        is_number = pd.api.types.is_numeric_dtype(data[factor].dtype)
        if is_number and factor not in as_categories:
            continue
        there = sorted(data[factor].unique())
        text = {value: f"{value:g}" if is_number else str(value) for value in there}
        order = dict.fromkeys(orders.get(factor, text.values()))
        codes = {name: f"{_prefix(factor)}{number}" for number, name in enumerate(order)}
        codes = {name: code for name, code in codes.items() if name in text.values()}
        original |= {code: name for name, code in codes.items()}
        data[factor] = pd.Categorical(data[factor].map(text).map(codes), list(codes.values()))
    return Frame(data, original, schedule=_schedule(weeks or {}))


def covariates(data: "pd.DataFrame", question: Question) -> list[str]:
    """The analysis' covariates that vary among its patients; a constant one has no coefficient."""
    return [name for name in question.settings.adjust if data[name].nunique() > 1]


def too_few(data: "pd.DataFrame", question: Question) -> str:
    """Say why no model can be fitted, or nothing where one can."""
    if question.arms and data["arm"].nunique() < len(question.arms):
        return "an arm has no patients with the values that the model needs"
    if data["patient"].nunique() < 2 * max(1, len(question.arms)):
        return "too few patients"
    return ""


def refusal(error: Exception) -> str:
    """The engine's reason for not answering, without the patient that it may name."""
    return re.sub(r"of patient '[^']*' ", "of a patient ", str(error)).rstrip(".")


def spacing(fit: "MixedFit", frame: Frame) -> str:
    """Say so where the residual structure counts visits that are not equally far apart."""
    import numpy as np

    structure, _, rest = fit.covariance_structure.partition("(")
    visits, places = fit.model.design.visits, list(frame.schedule)
    counts = structure.startswith(("ar1", "toeplitz")) and rest.startswith("visit") and set(visits) <= set(places)
    weeks = [frame.schedule[visit] for visit in visits] if counts else []
    if len(weeks) < 3 or None in weeks:
        return ""
    gaps = np.diff(np.array(weeks, dtype=float)) / np.diff([places.index(visit) for visit in visits])
    if np.allclose(gaps, gaps[0]):
        return ""
    told = ", ".join(f"{frame.name(visit)} (week {week:g})" for visit, week in zip(visits, weeks, strict=True))
    return f"{structure} takes the visits for equally spaced, where exponential takes true time: {told}"


def common_columns(
    fit: "MixedFit", frame: Frame, method: str, inference: dict[str, Any], **others: Any
) -> dict[str, Any]:
    """Columns of the results contract that all rows of a fit share.

    Parameters
    ----------
    fit : the fit.
    frame : its rows.
    method : code of the model and estimation.
    inference : the arguments df, level and variance with which every result of the fit is asked for.
    others : further columns, such as weights.
    """
    information = fit.terms(**inference).attrs.get("information") or ""
    own = inference["df"] in {"kenward_roger", "satterthwaite"} and inference.get("variance") is None
    clusters = fit.n_clusters
    return {
        "n_patients": fit.n_subjects,
        "n_observations": fit.n_observations,
        **{f"n_{name}s": n for name, n in clusters.items()},
        "method": method,
        "df_method": inference["df"],
        "variance": inference.get("variance") or "model",
        "information": information if own else "",
        "status": fit.status,
        "note": "; ".join(filter(None, [frame.words(fit.message), spacing(fit, frame)])),
        **others,
    }


def structure_columns(fit: "MixedFit") -> dict[str, Any]:
    """The covariance structure over visits that a fit has, and those of its ladder with which it did not converge."""
    tried = [str(name).partition("(")[0] for name in fit.ladder["structure"][:-1]] if fit.ladder is not None else []
    return {
        "structure": fit.covariance_structure.partition("(")[0],
        "structures_tried": structured(tried) if tried else "",
    }


def appendix_rows(
    fit: "MixedFit", frame: Frame, question: Question, common: dict[str, Any], inference: dict[str, Any]
) -> "pd.DataFrame":
    """Fixed effects and variance components of a fit as results rows."""
    import pandas as pd

    fixed = fit.terms(**inference).drop(columns="status")
    fixed["term"] = [frame.term(str(name)) for name in fixed["term"]]
    return pd.concat([coefficient_rows(fixed, question, **common), _components(fit, frame, question, common)])


def _components(fit: "MixedFit", frame: Frame, question: Question, common: dict[str, Any]) -> "pd.DataFrame":
    """Covariance parameters: variances as standard deviations. What is nothing beside the whole, as at a boundary, is 0."""
    import numpy as np
    import pandas as pd

    table = fit.variance_components()
    is_variance = table["quantity"] == "variance"
    whole = table.loc[is_variance, "estimate"].sum()
    size = whole if whole > 0 else 1.0
    scale = table["quantity"].map({"variance": size, "covariance": size, "correlation": 1.0}).fillna(0.0)
    estimate = table["estimate"].mask(table["estimate"].abs() < 1e-10 * scale, 0.0)
    parts = [str(term).split(", ") if isinstance(term, str) else [] for term in table["term"]]
    # a residual covariance by group is called "residual a1"
    owners = [str(one).split(" ") for one in table["component"]]
    terms = [[one, *map(frame.name, [*group, *names])] for (one, *group), names in zip(owners, parts, strict=True)]
    rows = pd.DataFrame(
        {
            "quantity": table["quantity"].mask(is_variance, "standard_deviation"),
            "term": [structured(one) for one in terms],
            "estimate": np.sqrt(estimate.where(is_variance)).fillna(estimate),
            "unit": np.where(is_variance, question.unit, ""),
        }
    )
    return complete(rows, question, better="neither", **common)


def residual_tables(fit: "MixedFit", question: Question) -> "dict[str, pd.DataFrame]":
    """Diagnostics of a fit's residuals, scaled by the Cholesky factor of their covariance so that they are uncorrelated."""
    from needling.analysis.diagnostics import diagnostics

    return diagnostics(fit.fitted(), fit.residuals("scaled"), question)


def cross_check(fit: "MixedFit", question: Question) -> "pd.DataFrame":
    """Differences between a fit and statsmodels' MixedLM, where that can express the model; else one row that says why not."""
    place = {"analysis": question.analysis, "cohort": question.cohort, "outcome": question.outcome}
    place["site"] = question.site
    return fit.cross_check().assign(**place)
