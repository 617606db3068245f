"""Any mixed model of the engine, written in the study file: visits or sessions, a formula, random effects, contrasts."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, field_validator

from needling.analysis.formulas import as_written
from needling.analysis.results import (
    Comparison,
    Output,
    Question,
    comparisons,
    contrast_rows,
    mean_rows,
    not_estimated,
    structured,
)
from needling.cohort.analysed import Needs
from needling.schema.frames import EXPOSURES, FRAME, MANNER, SESSIONS_FRAME
from needling.schema.side import CROSS_CHECK, RESIDUAL_BINS, RESIDUAL_QUANTILES
from needling.study.formula import Formula, check_columns, read_formula
from needling.study.keys import Name, Section, braced, nearest
from needling.study.plan import Study
from needling.study.settings import SCALE, Contrasts, KindSettings, Residual, Scale

if TYPE_CHECKING:
    import pandas as pd

    from needling.analysis.fits import Fitted, Frame
    from needling.mixed.fitted import MixedFit

METHOD = "mixed_reml"
SIDE = {"residual_bins": RESIDUAL_BINS, "residual_quantiles": RESIDUAL_QUANTILES, "cross_check": CROSS_CHECK}
RESPONSES = ("value", "change", "improvement")  # of a visit; a session's is any of its numbers
TIMES = ("visit", "visit_number", "week", "day", "hour", "session", "number")  # no consequence of treatment
FACTS = ("arm", "baseline", "site", "side", "instrument", "clinic", "therapist")

Cluster = Literal["therapist", "clinic"]
At = dict[Name, float | str | list[float] | list[str]]


class Means(Section):
    """Marginal means, one for each combination of `by` and `at`."""

    by: list[Name] = Field(
        default_factory=list, description="Columns of the formula that tell the means apart. Default: none, one mean."
    )
    at: At = Field(default_factory=dict, description="Column -> values at which it is held. Default: as observed.")

    _one_is_a_list = field_validator("by", mode="before", json_schema_input_type=list[Name] | Name)(
        lambda value: [value] if isinstance(value, str) else value
    )


class Contrast(Means):
    """Comparisons of arms, one set for each combination of `by` and `at`."""

    reference: str | None = Field(
        None, description="Arm that others are compared with. Default: the analysis' reference."
    )
    compare: Contrasts = Field(
        "reference",
        description="Which arms: each with the reference (default), all pairs, a linear trend over patients.arm.dose, or weights "
        "by arm that add up to 0.",
    )

    @property
    def along(self) -> list[str]:
        """Numbers at several values of which the arms are compared."""
        return [name for name, values in self.at.items() if isinstance(values, list) and _are_numbers(values)]


def _are_numbers(values: Sequence[object]) -> bool:
    return len(values) > 1 and all(isinstance(one, int | float) for one in values)


class Settings(KindSettings):
    """Any mixed model: rows are visits or sessions, with a formula, random effects, residual structure and contrasts."""

    kind: Literal["model"]
    scale: Scale = SCALE
    frame: Literal["visits", "sessions"] = Field(
        "visits", description="What a row is: a visit (default) or a treatment session."
    )
    formula: str = Field(
        description="Fixed effects, e.g. 'value ~ baseline + arm * visit' of visits (value, change or improvement of outcomes), "
        "'pain_before ~ arm * day' of sessions. Columns, + - * / : ^ ( ), log, sqrt, exp, center, scale, poly, bs, ns, cr, C."
    )
    visits: list[Name] = Field(
        default_factory=list,
        description="Visits whose rows are used. Default: every one after baseline, which is the first of the schedule; a model "
        "with baseline as a response, as 'value ~ arm * visit' over all visits, has to name it here.",
    )
    random: str = Field(
        "", description="Columns that vary over patients, e.g. '1 + day'; '||' at the end: uncorrelated. Default: none."
    )
    residual: list[Literal["iid", Residual]] = Field(
        default=["iid"],
        min_length=1,
        description="Covariance of a patient's residuals: a ladder, tried in turn. Default: independent, given random effects.",
    )
    residual_by: Name | None = Field(
        None, description="Column whose levels have a residual covariance of their own, e.g. arm. Default: one for all."
    )
    clusters: dict[Cluster, str] = Field(
        default_factory=dict,
        description="Random effects of therapists and clinics: a list, or factor -> columns. Default: none.",
    )
    df: Literal["kenward_roger", "satterthwaite", "residual", "between_within", "asymptotic"] = Field(
        "kenward_roger", description="Degrees of freedom. Default: Kenward-Roger, right in small samples."
    )
    means: list[Means] = Field(default_factory=list, description="Marginal means. Default: none.")
    contrasts: list[Contrast] = Field(default_factory=list, description="Comparisons of arms. Default: none.")  # type: ignore[assignment]
    unit: str = Field(
        "", description="Unit of the response of sessions, e.g. 0-10 points. Default: none; visits know theirs."
    )
    better: Literal["lower", "higher", "neither"] = Field(
        "neither", description="Better direction of the response of sessions. Default: neither; visits know theirs."
    )

    completed: list[Name] = Field(
        default_factory=list,
        description="Covariates of the formula whose missing values are the cohort's mean (of a category its most frequent level), "
        "as under adjust of the other kinds; randomised designs only. Default: none, such rows are left out.",
    )
    promoted: str | None = Field(
        None,
        pattern=r"^\d{4}-\d{2}-\d{2}$",
        description="Day on which the entry was made of a fit in a notebook, after the data had been seen: it is exploratory, and "
        "the report says so. Default: none, it was planned.",
    )

    @field_validator("clusters", mode="before", json_schema_input_type=list[Cluster] | dict[Cluster, str])
    @classmethod
    def _a_list_means_intercepts(cls, value: Any) -> Any:
        return dict.fromkeys(value, "1") if isinstance(value, list) else value

    @property
    def fixed(self) -> Formula:
        """The formula, read."""
        return read_formula(self.formula)

    @property
    def varying(self) -> list[Formula]:
        """What varies over patients and clusters, read."""
        texts = [self.random.strip().removesuffix("||").strip(), *self.clusters.values()]
        return [read_formula(text) for text in texts if text]

    @property
    def used(self) -> list[str]:
        """Columns that the model uses beside the response."""
        names = [*self.fixed.columns, *(name for one in self.varying for name in one.columns), *self.clusters]
        return list(dict.fromkeys([*names, *([self.residual_by] if self.residual_by else [])]))

    def check_plan(self, name: str, study: Study) -> None:
        """Refuse formulas that are none, columns that are not there, and what came after day 0 where the report says effect."""
        place = f"analyses.{name}"
        known = _columns(self.frame, study)
        try:
            for text, read in [("formula", [self.fixed]), ("random or clusters", self.varying)]:
                for one in read:
                    check_columns(one, known, f"{place}: {text}")
        except ValueError as error:
            raise ValueError(str(error) if str(error).startswith(place) else f"{place}: {error}") from None
        if self.adjust:
            raise ValueError(f"{place}: write covariates into the formula; adjust belongs to the other kinds")
        if not self.fixed.response or any(one.response for one in self.varying):
            raise ValueError(f"{place}: the formula needs a response (response ~ terms), and random terms have none")
        self._check_frame(name, study)
        self._check_questions(place, study)
        for covariate in self.completed:
            if covariate not in self.fixed.columns or covariate not in study.covariate_names:
                raise ValueError(f"{place}: completed names covariates of the formula, and '{covariate}' is none")
            if study.design != "randomised":
                raise ValueError(
                    f"{place}: a missing covariate is completed where arms were randomised, and nowhere else"
                )
        if self.promoted and study.role(name) != "exploratory":
            raise ValueError(f"{place}: what was found in a notebook is exploratory; write role: exploratory")
        later = self._after_day_0(study)
        if later and study.role(name) != "exploratory":
            raise ValueError(
                f"{place}: '{later[0]}' is from after day 0, so that no effect can be adjusted for it; leave it out, or write "
                "role: exploratory, and the report says association"
            )

    def _check_frame(self, name: str, study: Study) -> None:
        place = f"analyses.{name}"
        if self.frame == "visits":
            if self.fixed.response not in RESPONSES:
                raise ValueError(
                    f"{place}: the response of visits is {', '.join(RESPONSES)}, not '{self.fixed.response}'"
                )
            if not self.outcomes or self.unit or self.better != "neither":
                raise ValueError(f"{place}: a model of visits needs outcomes, which know their unit and direction")
        elif self.outcomes or self.visits or self.observed_at:
            raise ValueError(f"{place}: a model of sessions has no outcomes and visits; its formula names the response")
        elif acting := [event for event, one in study.strategies(name).items() if one.strategy != "treatment_policy"]:
            raise ValueError(
                f"{place}: a model of sessions keeps what was measured after '{acting[0]}'; answer it by treatment_policy in the "
                "estimand, or leave the estimand out"
            )
        elif study.events.sessions is None:
            raise ValueError(f"{place}: the study has no table events.sessions")
        for visit in self.visits:
            if visit not in study.visits.schedule:
                raise ValueError(f"{place}: visit '{visit}' is not defined{nearest(visit, study.visits.schedule)}")
        if self.residual_by in study.code_columns:
            raise ValueError(
                f"{place}: residual_by '{self.residual_by}' holds codes of people or places, which no result names"
            )
        if "arm" in self.used and not study.arms:
            raise ValueError(f"{place}: the formula uses arm, and this study has one arm")

    def _check_questions(self, place: str, study: Study) -> None:
        """Means and contrasts ask about columns of the formula; contrasts compare arms that there are."""
        for one in [*self.means, *self.contrasts]:
            for column in [*one.by, *one.at]:
                if column not in self.fixed.columns:
                    raise ValueError(f"{place}: the formula has no '{column}'{nearest(column, self.fixed.columns)}")
                if column in study.code_columns:
                    raise ValueError(f"{place}: '{column}' holds codes of people or places, which no result names")
            for column in one.by:
                if column in study.covariate_names and column not in one.at and not _is_category(column, study):
                    raise ValueError(f"{place}: '{column}' is a number; say at which values (at)")
        for one in self.contrasts:
            if "arm" not in self.fixed.columns:
                raise ValueError(f"{place}: contrasts compare arms, and the formula has no arm")
            if one.reference and one.reference not in study.arms:
                raise ValueError(
                    f"{place}: reference '{one.reference}' is not defined{nearest(one.reference, study.arms)}"
                )

    def _after_day_0(self, study: Study) -> list[str]:
        """Columns of the formula that treatment may have changed: of events, of later visits, of the sessions themselves."""
        derived = study.known_after_day_0(self.used)
        own = [c for c in self.used if c not in (*study.covariate_names, *TIMES, *FACTS)]
        return [*derived, *own]

    def needs(self, study: Study) -> Needs:
        """The rows of visits that the model uses, complete in every column of the model."""
        columns = [c for c in self.used if c not in ("arm", "visit", "baseline")]
        baseline = "baseline" in self.used or self.fixed.response != "value"
        visits = tuple(self.visits or study.visits.follow_up)
        return Needs(visits, baseline=baseline, columns=tuple(columns), filled=tuple(self.completed))


def _columns(frame: str, study: Study) -> list[str]:
    """Columns of a frame that a formula may name."""
    own = [
        name
        for name in (FRAME if frame == "visits" else SESSIONS_FRAME)
        if name not in ("patient", "cohort", "outcome")
    ]
    if frame == "sessions":
        sessions = study.events.sessions
        own += [*EXPOSURES, *(f"{name}_before" for name in EXPOSURES), *MANNER, *(sessions.columns if sessions else [])]
    return [*own, *study.covariate_names]


def _is_category(name: str, study: Study) -> bool:
    column = study.patients.covariates.get(name)
    return bool(column and column.codes)


def run(data: "dict[str, pd.DataFrame]", question: Question) -> Output:
    """Fit the mixed model of the study file and answer its means and contrasts.

    y = X b + Z u + G g + e: b by the formula, u ~ N(0, D) of patients, g of therapists and clinics, e ~ N(0, R) with R by the first
    structure of the ladder that converges. Estimated by restricted maximum likelihood.

    Parameters
    ----------
    data : visits (contract FRAME), the rows of one cohort and outcome that the model uses; or sessions (SESSIONS_FRAME).
    question : its settings are those of this kind.

    Returns
    -------
    Output: means and comparisons of arms at the values asked for (column `at`), coefficients, components, residuals, and the
    cross-check with statsmodels. Means average over the analysed rows. Rows that lack a column of the model are left out.
    """
    from needling.analysis.fits import answered, too_few

    settings = question.settings
    rows = _complete(data[settings.frame], settings)
    people = rows["patient"].nunique()
    why = too_few(rows, question if "arm" in settings.used else replace(question, arms=()))
    said = why or answered(fitted, answers, data, question)
    if isinstance(said, Output):
        return said
    planned = replace(_of_response(question), visits=(), arms=question.arms if settings.contrasts else ())
    quantity = "difference" if settings.contrasts else "mean"
    return Output(not_estimated(planned, said, METHOD, people, len(rows), quantity))


def _complete(rows: "pd.DataFrame", settings: Settings) -> "pd.DataFrame":
    """The rows that lack no column of the model."""
    return rows.dropna(subset=[settings.fixed.response, *(c for c in settings.used if c in rows)])


def _of_response(question: Question) -> Question:
    """The question about the response of the formula, in its unit and direction."""
    settings = question.settings
    response = settings.fixed.response
    if settings.frame == "sessions":
        question = replace(question, outcome=response, unit=settings.unit, better=settings.better)
    elif response != "value":
        better = "higher" if response == "improvement" else question.better
        question = replace(question, unit=question.difference_unit, better=better)
    return question


def fitted(data: "dict[str, pd.DataFrame]", question: Question) -> "Fitted":
    """Fit the model to the rows of one question.

    Parameters
    ----------
    data, question : as for `run`.
    """
    from needling.analysis.fits import Fitted, fit_rows

    settings = question.settings
    over, time = {"visits": ("visit", "week"), "sessions": ("number", "day")}[settings.frame]
    by = f" | {settings.residual_by}" if settings.residual_by else ""
    of = {name: {"iid": "", "exponential": time}.get(name, over) for name in settings.residual}
    used = [*settings.used, *(name for name in of.values() if name)]
    ladder = [f"{name}({at}{by})" for name, at in of.items()]
    random, cluster = settings.random or None, dict(settings.clusters) or None
    rows = _complete(data[settings.frame], settings)
    found = fit_rows(rows, question, settings.formula, used, ladder, random=random, cluster=cluster)
    return Fitted(*found, {"df": settings.df, "level": settings.level})


def answers(found: "Fitted", question: Question) -> Output:
    """What a fit says: means and comparisons asked for, coefficients, components, residuals, cross-check.

    Parameters
    ----------
    found, question : as `fitted` gives and is given them.
    """
    import pandas as pd

    from needling.analysis.fits import appendix_rows, common_columns, cross_check, residual_tables, structure_columns

    frame, fit, inference, settings = found.frame, found.fit, found.inference, question.settings
    question = _of_response(question)
    common = common_columns(fit, frame, METHOD, inference, **structure_columns(fit))
    averaged, options = {**common, "weights": "analysed_measurements"}, {**inference, "weights": "observed"}
    parts = []
    for one in settings.means:
        by, at = _grid(one, frame, fit)
        table = _placed(fit.means(by=by, at=at, **options), frame)
        parts.append(mean_rows(table, question, **averaged))
    for contrast in settings.contrasts:
        by, at = _grid(contrast, frame, fit)
        asked = _asked(question, contrast)
        named = {f"c{i}": {frame.code(a, "arm"): w for a, w in c.weights.items()} for i, c in enumerate(asked)}
        table = fit.contrast("arm", by=[name for name in by if name != "arm"], coefficients=named, at=at, **options)
        parts.append(_compared(_placed(table, frame), asked, question, averaged))
    parts.append(appendix_rows(fit, frame, question, common, inference))
    check = cross_check(fit, question)
    check["quantity"] = [frame.words(str(one)) for one in check["quantity"]]
    results = pd.concat(parts, ignore_index=True).drop_duplicates("row_id", ignore_index=True)
    return Output(results, {**residual_tables(fit, question), "cross_check": check})


def _grid(one: Means, frame: "Frame", fit: "MixedFit") -> tuple[list[str], dict[str, Any]]:
    """Columns that tell the answers apart, and the values at which they are held, in safe codes."""
    at: dict[str, Any] = {}
    for name, values in one.at.items():
        listed = values if isinstance(values, list) else [values]
        is_category = name in fit.model.design.levels
        at[name] = [frame.code(str(value), name) for value in listed] if is_category else listed
    return list(dict.fromkeys([*one.by, *at])), at


def _asked(question: Question, contrast: Contrast) -> list[Comparison]:
    first = contrast.reference or question.reference
    arms = (first, *(arm for arm in question.arms if arm != first))
    return comparisons(replace(question, arms=arms), contrast.compare)


def _placed(table: "pd.DataFrame", frame: "Frame") -> "pd.DataFrame":
    """Put arms and visits into their columns, and what else tells rows apart into `at`."""
    numbers = ["estimate", "se", "df", "statistic", "p", "low", "high"]
    places = [name for name in table.columns if name not in (*numbers, "status", "contrast", "arm", "visit")]
    at = [
        structured({str(name): _value(value, frame) for name, value in row.items()})
        for row in table[places].to_dict("records")
    ]
    columns = {
        name: [frame.name(str(code)) for code in table[name]] if name in table else "" for name in ("arm", "visit")
    }
    return table[numbers].assign(at=at if places else "", **columns).reset_index(drop=True)


def _value(value: Any, frame: "Frame") -> str | float:
    """A value for `at`: a level by its name, a whole number without a point."""
    return frame.name(value) if isinstance(value, str) else int(value) if float(value).is_integer() else float(value)


def _compared(
    table: "pd.DataFrame", asked: list[Comparison], question: Question, common: dict[str, Any]
) -> "pd.DataFrame":
    """Results rows of the engine's comparisons, which come place by place in the order asked for."""
    each = [asked[i % len(asked)] for i in range(len(table))]
    table = table.assign(
        arm=[one.arm for one in each], reference=[one.reference for one in each], term=[one.term for one in each]
    )
    return contrast_rows(table, question, asked[0].quantity, **common)


def methods(settings: Settings, study: Study) -> list[tuple[str, str]]:
    """What the analysis does, in sentences with codes in braces, and what shows it."""
    from needling.analysis.fits import missing_at_random

    row = {"visits": "visit", "sessions": "treatment session"}[settings.frame]
    rows = f"every {row}"
    if settings.visits:
        rows = f"every one of these visits ({', '.join(braced('visit', visit) for visit in settings.visits)})"
    elif settings.frame == "visits":
        rows = f"every planned visit but the first ({braced('visit', study.visits.baseline)})"
    parts = [f"Mixed model (REML) with a row for each {row}, as the formula says; random effects stand in brackets."]
    if settings.residual != ["iid"]:
        ladder = ", ".join(braced("structure", name) for name in settings.residual)
        parts.append(
            f"The covariance of a patient's residuals is the first of these with which the model converges: {ladder}."
        )
    if settings.residual_by:
        parts.append(f"It is a separate one for each {braced('covariate', settings.residual_by)}.")
    if settings.promoted:
        parts.append(
            f"It was chosen after the data had been seen, on {settings.promoted}: its P values test nothing that was planned."
        )
    said = [
        ("model", " ".join(parts)),
        *as_written(settings.formula, settings.random, list(settings.clusters)),
        ("uses", f"{rows} at which the response and all that the model uses are known"),
        ("missing", missing_at_random(True)),
        ("averaged", "the analysed measurements, so that a patient counts once for each of them"),
        ("df", settings.df),
        *([("people", "over_visits")] if settings.frame == "visits" else []),
        ("table", "contrasts"), ("table", "coefficients"), ("table", "cross_check"), ("figure", "diagnostics"),
        *[("figure", "forest") for one in settings.contrasts[:1] if "visit" in one.by],
        *[("figure", "along") for one in settings.contrasts if one.along][:1],
        *[("figure", "trajectories") for one in settings.means[:1] if {"arm", "visit"} <= {*one.by}],
        *([("section", "mechanism")] if settings.frame == "sessions" else []),
        *[("figure", "sessions") for one in settings.means[:1] if settings.frame == "sessions" and len(one.at) == 1],
    ]  # fmt: skip
    if settings._after_day_0(study):
        said.append(("wording", "association"))
        said.append(
            (
                "limits",
                "The model uses what was only known after treatment began, so that its estimates are associations.",
            )
        )
    return said
