"""How much? Arms of ordered dose as they were drawn, or numbers of sessions that followed recovery, weighted for it."""

from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field

from needling.analysis.formulas import ERROR, NORMAL, OUTCOME, covariance_terms, displayed, equation
from needling.analysis.results import Output, Question, complete, structured
from needling.cohort.analysed import Needs
from needling.schema.side import WEIGHTS
from needling.study.keys import Name, braced, nearest
from needling.study.plan import Study
from needling.study.settings import KindSettings, Outcomes

if TYPE_CHECKING:
    import pandas as pd

METHOD, LINEAR = "marginal_structural", "least_squares_hc3"
SIDE = {"weights": WEIGHTS}
READS = ("needling",)
OF_SESSIONS = ("muscles", "needles", "insertions", "twitch_responses", "depth_mm", "retention_min")
FEWEST_PATIENTS = 20


class Settings(KindSettings):
    """Dose: ordered arms as randomised, or the number of sessions as it came about, with weights for what it followed."""

    kind: Literal["dose"]
    outcomes: Outcomes
    dose: Literal["allocated", "observed"] = Field(
        description="allocated: arms are doses (patients.arm.dose) that were drawn by lot; observed: the number of sessions, which "
        "whoever recovers may stop. No default."
    )
    visits: list[Name] = Field(
        default_factory=list, max_length=1, description="The visit of the outcome. Default: the primary visit."
    )
    sessions: list[int] = Field(
        default_factory=list,
        description="Numbers of sessions that the mean is asked for, where observed. No default there.",
    )
    by_week: float = Field(
        6, gt=0, description="Sessions count until this week from day 0. Default: 6, the length of usual courses."
    )
    arms: list[Name] = Field(
        default_factory=list, description="Arms whose sessions are looked at, each by itself. Default: all."
    )
    exposures: list[Name] = Field(
        default_factory=list,
        description="What else of the treatment is related to the outcome, as association: muscles, needles, insertions, "
        "twitch_responses, depth_mm, retention_min of sessions, or a column of events.needling (technique ...). Default: none.",
    )

    interaction: ClassVar[None] = None

    def at_visits(self, study: Study) -> list[str]:
        """The visit of the outcome."""
        return self.visits or [study.visits.primary]

    def check_plan(self, name: str, study: Study) -> None:
        """Refuse doses that were not drawn, sessions that come after the outcome, and columns that are not there."""
        place, visit = f"analyses.{name}", self.at_visits(study)[0]
        study.visits.check_follow_up(place, [visit])
        if self.family or self.framework != "superiority" or study.primary == name:
            raise ValueError(f"{place}: dose is estimated and not tested; leave family, framework and margin out")
        for arm in self.arms:
            if arm not in study.arms:
                raise ValueError(f"{place}.arms: arm '{arm}' is not defined{nearest(arm, study.arms)}")
        if self.dose == "allocated":
            doses = study.patients.arm.dose if study.patients.arm else {}
            if study.design != "randomised":
                raise ValueError(
                    f"{place}: doses that were not drawn by lot went to whom somebody chose for them; say dose: observed"
                )
            if set(doses) != set(study.arms) or len(set(doses.values())) < 2:
                raise ValueError(
                    f"{place}: allocated doses need patients.arm.dose, a number for every arm, two that differ"
                )
            if self.sessions or self.exposures or self.arms:
                raise ValueError(f"{place}: sessions, exposures and arms belong to dose: observed")
            return
        self._check_observed(place, visit, study)

    def _check_observed(self, place: str, visit: str, study: Study) -> None:
        columns = study.events.sessions.columns if study.events.sessions else {}
        if "pain_before" not in columns:
            raise ValueError(f"{place}: the weights rest on events.sessions with pain_before; name these columns there")
        if len(set(self.sessions)) < 2 or min(self.sessions) < 1:
            raise ValueError(f"{place}.sessions: name two numbers of sessions or more, e.g. [3, 5, 7]")
        week = study.visits.schedule[visit].nominal_week
        if week is not None and week < self.by_week:
            raise ValueError(
                f"{place}: sessions until week {self.by_week:g} include some after {visit} (week {week:g}), for which they cannot "
                "matter; name a later visit, or a smaller by_week"
            )
        for one in self.adjust:
            column = study.patients.covariates.get(one)
            if column and column.codes:
                raise ValueError(
                    f"{place}: the models of going on take numbers, and '{one}' is a category; leave it out"
                )
        known = [*OF_SESSIONS, *(study.events.needling.columns if study.events.needling else [])]
        for one in self.exposures:
            if one not in known or one in ("date", "session"):
                raise ValueError(f"{place}.exposures: there is no '{one}'{nearest(one, known)}")

    def needs(self, study: Study) -> Needs:
        """Allocated: those measured at the visit and before. Observed: everybody, as who was lost has weights for it."""
        if self.dose == "allocated":
            return Needs(tuple(self.at_visits(study)), columns=tuple(self.adjust))
        return Needs(tuple(study.visits.schedule), baseline=False, columns=tuple(self.adjust), everybody=True)


def run(data: "dict[str, pd.DataFrame]", question: Question) -> Output:
    """Compare doses as drawn, or estimate the mean had everybody received k sessions.

    Allocated: analysis of covariance at the visit (`needling.analysis.ancova`): means, differences from the reference, and
    the linear trend per unit of dose. Observed: `needling.analysis.sessions_received.mean_by_sessions` in each arm, weighted
    and naive, and exposures by least squares with baseline (HC3), which are associations.

    Parameters
    ----------
    data : allocated: visits, the rows that the model uses. Observed: visits (all), patients (everybody), sessions, needling.
    question : its settings are those of this kind.

    Returns
    -------
    Output. Allocated: difference, mean and trend. Observed: quantity mean at {"sessions": k} and quantity coefficient (term
    ["sessions"], per session), of the variants weighted and unweighted; coefficients of exposures (variant exposure); side table of
    the weights. What is refused is a row that says why, and the naive estimate beside it says what habit would have printed.
    """
    import pandas as pd

    settings = question.settings
    if settings.dose == "allocated":
        return _allocated(data, question)
    visit, rows, weights = settings.at_visits(question.study)[0], [], []
    for arm in settings.arms or question.arms or ("",):
        people = _people(data, question, arm, visit)
        sessions = data["sessions"][data["sessions"]["patient"].isin(people["patient"])]
        made, spread = _observed(people, sessions, question, arm, visit)
        rows += made
        weights += spread
        rows += _exposures(people, sessions, data.get("needling"), question, arm, visit)
    results = complete(pd.DataFrame(rows), question, better="neither")
    return Output(results, {"weights": pd.DataFrame(weights)} if weights else {})


def _allocated(data: "dict[str, pd.DataFrame]", question: Question) -> Output:
    from dataclasses import replace

    import pandas as pd

    from needling.analysis import ancova

    settings = question.settings.model_copy(update={"visits": question.settings.at_visits(question.study)})
    shown = ancova.run(data, replace(question, settings=settings)).results
    trend = settings.model_copy(update={"contrasts": "trend"})
    parts = [shown[shown["quantity"].isin(["difference", "mean"])]]
    if settings.contrasts != "trend":
        made = ancova.run(data, replace(question, settings=trend)).results
        parts.append(made[made["quantity"] == "trend"])
    else:
        parts.append(shown[shown["quantity"] == "trend"])
    return Output(pd.concat(parts, ignore_index=True))


def _people(data: "dict[str, pd.DataFrame]", question: Question, arm: str, visit: str) -> "pd.DataFrame":
    """Patients of an arm with baseline and outcome."""
    people, visits = data["patients"], data["visits"]
    people = people[people["arm"] == arm] if arm else people
    values = {
        name: visits[visits["visit"] == at].drop_duplicates("patient").set_index("patient")["value"]
        for name, at in (("baseline", question.baseline_visit), ("outcome", visit))
    }
    return people[["patient", *question.settings.adjust]].assign(
        **{name: people["patient"].map(value).astype(float) for name, value in values.items()}
    )


def _observed(
    people: "pd.DataFrame", sessions: "pd.DataFrame", question: Question, arm: str, visit: str
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Rows of the mean at each number of sessions and of the slope, weighted and naive; and how the weights spread."""
    import numpy as np

    from needling.analysis.sessions_received import mean_by_sessions, received, why_no_positivity

    settings = question.settings
    given = received(sessions, people, ("baseline", *settings.adjust), 7 * settings.by_week)
    rows, spread = [], []
    for variant in ("weighted", "unweighted"):
        found = mean_by_sessions(given, settings.sessions, settings.level, weighted=variant == "weighted")
        why = found["why"] or (why_no_positivity(given.decisions) if variant == "weighted" else "")
        if variant == "weighted" and "weights" in found and np.isfinite(found["weights"]).all():
            w = found["weights"]
            place = {"cohort": question.cohort, "outcome": question.outcome, "visit": visit, "arm": arm}
            numbers = {"mean": w.mean(), "sd": w.std(ddof=1), "q05": np.quantile(w, 0.05), "q95": np.quantile(w, 0.95)}
            spread.append({**place, "n": len(w), **numbers, "effective_n": found["effective_n"]})
        common: dict[str, Any] = {
            "variant": variant,
            "arm": arm,
            "visit": visit,
            "n_patients": found["n_measured"],
            "method": METHOD,
            "variance": "jackknife",
            "status": "not_estimated" if why else "converged",
            "note": why,
        }
        asked = [("mean", {"at": structured({"sessions": k})}, question.unit, k) for k in settings.sessions]
        asked.append(("coefficient", {"term": structured(["sessions"])}, f"{question.difference_unit} per session", 0))
        for quantity, where, unit, k in asked:
            numbers = {} if why else found["means"][k] if quantity == "mean" else found["slope"]
            rows.append({**common, **where, "quantity": quantity, "unit": unit, **numbers})
    return rows, spread


# ---------------------------------------------------------------- exposures


def _values(sessions: "pd.DataFrame", needling: "pd.DataFrame | None", exposures: list[str]) -> "dict[str, pd.Series]":
    """One number per patient for each exposure: the mean over these sessions with needling, or the share of muscles at a level."""
    import pandas as pd

    found: dict[str, pd.Series] = {}
    used = sessions[sessions["muscles"] > 0]
    if needling is not None:
        key = ["patient", "session" if "session" in needling.columns else "day"]
        needling = needling.merge(used[key].dropna().drop_duplicates(), on=key)
    for name in exposures:
        if name in OF_SESSIONS:
            found[structured([name])] = used.groupby("patient")[name].mean()
        elif needling is not None and name in needling.columns:
            mine = needling.dropna(subset=[name])
            if pd.api.types.is_numeric_dtype(mine[name].dtype):
                found[structured([name])] = mine.groupby("patient")[name].mean()
                continue
            levels = list(mine[name].value_counts().index)
            for level in sorted(str(one) for one in levels[1:]):
                found[structured([[name, level]])] = (mine[name] == level).groupby(mine["patient"]).mean()
    return found


def _exposures(
    people: "pd.DataFrame",
    sessions: "pd.DataFrame",
    needling: "pd.DataFrame | None",
    question: Question,
    arm: str,
    visit: str,
) -> list[dict[str, Any]]:
    """How the outcome goes with each exposure, given baseline: least squares with HC3."""
    import numpy as np
    from statsmodels.regression.linear_model import OLS

    settings, rows = question.settings, []
    counted = sessions[sessions["day"].le(7 * settings.by_week)]
    for term, values in _values(counted, needling, settings.exposures).items():
        data = people.assign(exposure=people["patient"].map(values).astype(float)).dropna()
        row: dict[str, Any] = {
            "variant": "exposure",
            "arm": arm,
            "visit": visit,
            "quantity": "coefficient",
            "term": term,
        }
        row |= {"n_patients": len(data), "method": LINEAR, "variance": "HC3", "status": "not_estimated"}
        row["unit"] = f"{question.difference_unit} per unit"
        if len(data) < FEWEST_PATIENTS or data["exposure"].nunique() < 2:
            few = len(data) < FEWEST_PATIENTS
            why = f"fewer than {FEWEST_PATIENTS} needled patients with the outcome" if few else "the same in everybody"
            rows.append(row | {"note": why})
            continue
        X = data[["exposure", "baseline", *settings.adjust]].to_numpy(float)
        fit = OLS(data["outcome"].to_numpy(), np.column_stack([np.ones(len(X)), X])).fit(cov_type="HC3", use_t=True)
        low, high = fit.conf_int(1 - settings.level)[1]
        numbers = {"estimate": fit.params[1], "se": fit.bse[1], "df": fit.df_resid, "low": low, "high": high}
        rows.append(row | {name: float(value) for name, value in numbers.items()} | {"status": "converged"})
    return rows


def _written(settings: Settings) -> list[tuple[str, str]]:
    """Allocated: the analysis of covariance. Observed: a patient's weight, and the mean had everybody received so many sessions."""
    if settings.dose == "allocated":
        return equation(OUTCOME, [*covariance_terms(True, True, bool(settings.adjust)), ERROR], [NORMAL])
    weight = (
        r"w_{i} = \frac{P(M_{i} \mid s_{i}, \mathbf{x}_{i})}{P(M_{i} \mid s_{i}, \mathbf{x}_{i}, p_{i s_{i}})} "
        r"\prod_{k} \frac{P(C_{ik} \mid k, \mathbf{x}_{i})}{P(C_{ik} \mid k, \mathbf{x}_{i}, p_{ik})}",
        "A patient's weight is the chance to be measured and, of each session, to come again or not as the patient did, given what "
        "was known at baseline, over the same chances given pain before the session too",
    )
    mean = (
        r"E\,(Y_{i}^{s}) = \alpha + \beta\,s + \boldsymbol{\gamma}^{\top}\mathbf{x}_{i}",
        "The mean outcome had everybody received a number of sessions is the sum of an intercept, a slope times that number and "
        "what was known at baseline with its coefficients",
    )
    return displayed([weight, mean])


def methods(settings: Settings, study: Study) -> list[tuple[str, str]]:
    """What the analysis does, in sentences with codes in braces, and what shows it."""
    visit = settings.at_visits(study)[0]
    if settings.dose == "allocated":
        return [
            ("model", "Arms of ordered dose as drawn by lot: analysis of covariance with the value at baseline; differences from "
             "the reference, and the linear trend per unit of dose."),
            *_written(settings),
            ("uses", "the patients who were measured at the visit"),
            ("missing", "No missing measurement was imputed or carried forward."),
            ("averaged", "the analysed patients"),
            ("visit", braced("visit", visit)),
            ("table", "contrasts"), ("section", "mechanism"),
        ]  # fmt: skip
    model = (
        f"Mean at {braced('visit', visit)} had everybody of an arm received so many sessions by week {settings.by_week:g}: "
        "marginal structural model, linear in the number of sessions, with stabilised inverse-probability weights. Pooled logistic "
        "models of a further session have the number of the session, pain before it and the value at baseline; who was not "
        "measured is weighted for likewise, by the last pain before a session. Jackknife over patients. Nothing is estimated where "
        "the effective number of patients is below 50% of those measured, where a weight is above 20, or where all went on, or all "
        "stopped, of a quarter by pain. Naive: the same without weights, in which those who stop once they have recovered make few "
        "sessions look good."
    )
    limits = (
        "How many sessions somebody received was not drawn by lot: the weighted means hold if nothing but baseline and pain before "
        "each session decided who came again and goes with the outcome."
    )
    if settings.exposures:
        model += " Other exposures: least squares with the value at baseline, one at a time, HC3."
        limits += " Exposures are associations: who was needled how was chosen for the patient."
    return [
        ("model", model),
        *_written(settings),
        ("uses", "the patients with a session and a value at baseline"),
        ("missing", "Those not measured are taken to be like those measured with the same baseline, sessions and last pain."),
        ("wording", "association"),
        ("limits", limits),
        ("averaged", "the patients of the arm with a session"),
        ("table", "dose_sessions"), ("table", "dose_exposures"), ("figure", "doses"), ("section", "mechanism"),
    ]  # fmt: skip
