"""With what else? Other treatment beside the one compared: what each arm had, and how the difference stands given it."""

from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from needling.analysis.formulas import ERROR, NORMAL, OUTCOME, covariance_terms, equation
from needling.analysis.moderation import FEWEST_DF
from needling.analysis.results import Output, Question, comparisons, complete, contrast_rows, structured
from needling.cohort.analysed import Needs
from needling.study.keys import Name, braced, nearest
from needling.study.plan import Study
from needling.study.settings import SCALE, KindSettings, Outcomes, Scale

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

METHOD = "given_later_treatment_least_squares"
READS = ("co_interventions",)
USES = ("events",)
FACTOR = "co_intervention"
Row = dict[str, Any]


class Settings(KindSettings):
    """Exercise, manual therapy, education, home programme: described by arm, and the difference of arms given each."""

    kind: Literal["multimodal"]
    scale: Scale = SCALE
    outcomes: Outcomes
    visits: list[Name] = Field(
        min_length=1,
        max_length=1,
        description="The visit: what was given before it counts, and its outcome is analysed.",
    )
    co_interventions: dict[Name, list[str] | str] = Field(
        min_length=1,
        description="Co-intervention -> values of the column kind of events.co_interventions that are it.",
    )
    fixed: list[Name] = Field(
        default_factory=list,
        description="Covariates known at day 0 that say which co-treatment a patient was to have: only on these may the effect be "
        "said to depend. Default: none.",
    )

    @property
    def moderators(self) -> dict[str, Any]:
        """Those fixed before day 0, as a kind that looks at moderators takes them."""
        from needling.analysis.moderators import Moderator

        return {name: Moderator() for name in self.fixed}

    def check_plan(self, name: str, study: Study) -> None:
        """Refuse a role that promises an effect, a study without the table, and co-treatment fixed after day 0."""
        place = f"analyses.{name}"
        table = study.events.co_interventions
        if table is None or "kind" not in table.columns:
            raise ValueError(f"{place}: the study has no events.co_interventions with a column kind; name it there")
        if study.role(name) != "exploratory":
            raise ValueError(
                f"{place}: other treatment follows the arm, so that a difference given it is no effect of the arm; write role: "
                "exploratory, and the report says so"
            )
        if self.family or self.framework != "superiority" or self.contrasts != "reference":
            raise ValueError(
                f"{place}: it is described and explored; leave contrasts, family, framework and margin out"
            )
        study.visits.check_follow_up(place, self.visits)
        known = set((table.columns["kind"].codes or {}).values())
        for label, values in self.co_interventions.items():
            for value in [values] if isinstance(values, str) else values:
                if known and value not in known:
                    raise ValueError(f"{place}.co_interventions.{label}: '{value}' is no kind{nearest(value, known)}")
        self._check_fixed(place, study)

    def _check_fixed(self, place: str, study: Study) -> None:
        if self.fixed and not study.arms:
            raise ValueError(f"{place}.fixed: an effect that depends on something needs arms, and this study has one")
        for covariate in self.fixed:
            if covariate not in study.covariate_names:
                raise ValueError(
                    f"{place}.fixed: covariate '{covariate}' is not defined{nearest(covariate, study.covariate_names)}"
                )
            if study.known_after_day_0([covariate]):
                raise ValueError(
                    f"{place}.fixed: '{covariate}' is from after day 0, when the arm may have decided it; only what was fixed "
                    "before can be something that the effect depends on"
                )

    def needs(self, study: Study) -> Needs:
        """The visit's measurements with baseline and covariates; in a trial a missing covariate costs no patient."""
        return Needs(tuple(self.visits), columns=(*self.adjust, *self.fixed), filled=tuple(self.fixed))


def run(data: "dict[str, pd.DataFrame]", question: Question) -> Output:
    """Describe other treatment by arm, and show the difference of arms with and without taking it into account.

    Per co-intervention and patient the sessions with it before the day of the visit (where that was missed, the planned day) are
    counted. y = arm + baseline + adjust (+ sessions with it) + e by least squares.

    Parameters
    ----------
    data : visits (contract FRAME, rows that the models use), patients (everybody of the population), co_interventions (clean).
    question : its settings are those of this kind.

    Returns
    -------
    Output, for each co-intervention (`term` [["co_intervention", name]]): share of each arm that ever had it and mean (variant
    sessions; with a t interval) of the sessions with it, over everybody allocated; in a trial risk_difference of the shares with
    Newcombe's interval, without a test. effect_given: the difference of arms at the visit, of variant as_allocated (with what the
    arm brought along), given_one and given_all (`term` lists them), without tests: other treatment follows the arm, so that the
    latter are no effects. For what was fixed before day 0 the rows of effects at its values. What cannot be estimated
    is a row that says why.

    Raises
    ------
    StudyError : a kind that the table never holds, although the study file does not list its codes: it may be misspelt.
    """
    import pandas as pd

    from needling.analysis.moderators import by_moderator

    visit = question.settings.visits[0]
    counts = _counts(data, question, visit)
    rows = _described(data["patients"], counts, question)
    here = data["visits"][data["visits"]["visit"] == visit].reset_index(drop=True)
    parts = [complete(pd.DataFrame(rows), question, visit=visit, method="counts")] if rows else []
    parts.append(_given(here, counts, question, visit) if question.arms else pd.DataFrame())
    if question.settings.fixed:
        parts.append(by_moderator(data["visits"], question, visit))
    return Output(pd.concat([one for one in parts if len(one)], ignore_index=True))


def _written(settings: Settings, study: Study) -> list[tuple[str, str]]:
    """The model given the sessions of other treatment; a single arm is described and has none."""
    if not study.arms:
        return []
    given = (r"\boldsymbol{\eta}^{\top}\mathbf{c}_{i}", "slopes times the sessions with other treatment")
    return equation(OUTCOME, [*covariance_terms(True, True, bool(settings.adjust)), given, ERROR], [NORMAL])


def methods(settings: Settings, study: Study) -> list[tuple[str, str]]:
    """What the analysis does, in sentences with codes in braces, and what shows it."""
    at = braced("visit", settings.visits[0])
    model = (
        f"Other treatment on record before {at}, by arm over everybody: patients who ever had it, and sessions with it."
    )
    if study.arms:
        shown = "as allocated" if study.design == "randomised" else "as it is"
        model += (
            f" The difference of arms in the outcome is shown {shown} and given the sessions of each co-intervention (least "
            "squares). Other treatment follows the arm: who was to have more of one thing may need or get less of another, and "
            "what makes patients seek it also goes with the outcome. A difference given it is therefore no effect of the arm; "
            "it is shown to be looked at, without a test."
        )
        if study.design == "cohort":
            model += " Arms were not drawn by lot, so that the difference is an association in either case."
    if settings.fixed:
        named = ", ".join(braced("covariate", one) for one in settings.fixed)
        model += (
            f" Whether the difference depends on co-treatment is asked only of what was fixed before day 0 ({named})."
        )
    return [
        ("model", model),
        *_written(settings, study),
        ("uses", "everybody for the description, and the patients who were measured at the visit for the differences"),
        ("missing", "A co-intervention that is not on record counts as not given. Patients not measured at the visit are left out "
         "of the differences."),
        ("visit", at), ("table", "co_interventions"), ("figure", "beside"),
        *([("table", "for_whom"), ("figure", "whom")] if settings.fixed else []),
    ]  # fmt: skip


# ---------------------------------------------------------------- what was given


def _counts(data: "dict[str, pd.DataFrame]", question: Question, visit: str) -> "pd.DataFrame":
    """Sessions with each co-intervention before the visit: patients (index) x co-interventions."""
    import pandas as pd

    from needling.cohort.events import chosen

    people, week = pd.Index(data["patients"]["patient"]), question.weeks[visit]
    seen = data["visits"].loc[data["visits"]["visit"] == visit].drop_duplicates("patient").set_index("patient")["day"]
    last = pd.Series(people.map(seen), index=people, dtype=float).fillna(float("inf") if week is None else 7 * week)
    tables: dict[str, pd.DataFrame] = {name: data[name] for name in ("co_interventions", "sessions") if name in data}
    made = {}
    for name, values in question.settings.co_interventions.items():
        wanted = {"kind": [values] if isinstance(values, str) else values}
        place = f"analyses.{question.analysis}.co_interventions.{name}"
        mine = chosen(tables, "co_interventions", wanted, place, question.study)
        mine = mine[mine["patient"].isin(people)]
        mine = mine[mine["day"].isna() | (mine["day"] < mine["patient"].map(last).astype(float))]
        made[name] = mine.groupby("patient").size().reindex(people).fillna(0.0).to_numpy(float)
    return pd.DataFrame(made, index=people)


def _described(people: "pd.DataFrame", counts: "pd.DataFrame", question: Question) -> list[Row]:
    """Who ever had it and how often, by arm; in a trial how far apart the shares are."""
    from statsmodels.stats.proportion import confint_proportions_2indep

    rows: list[Row] = []
    level = question.settings.level
    for name in counts.columns:
        had: dict[str, tuple[int, int]] = {}
        term = structured([[FACTOR, name]])
        for arm in question.arms or ("",):
            mine = counts[name].to_numpy(float)
            mine = mine[(people["arm"] == arm).to_numpy()] if arm else mine
            had[arm] = (int((mine > 0).sum()), len(mine))
            rows += _of_arm(mine, term, arm, level)
        if question.study.design != "randomised":
            continue
        for one in comparisons(question):
            (k, n), (j, m) = had[one.arm], had[one.reference]
            row: Row = {"quantity": "risk_difference", "term": term, "arm": one.arm, "reference": one.reference}
            row |= {"n_patients": n + m, "n_events": k + j}
            if not n or not m:
                rows.append(row | {"status": "not_estimated", "note": "nobody in an arm"})
                continue
            low, high = confint_proportions_2indep(k, n, j, m, method="newcomb", compare="diff", alpha=1 - level)
            rows.append(row | {"estimate": k / n - j / m, "low": low, "high": high, "status": "converged"})
    return rows


def _of_arm(counts: "np.ndarray", term: str, arm: str, level: float) -> list[Row]:
    """Share of an arm that ever had it, and its mean number of sessions with a t interval where there are two patients."""
    import numpy as np
    from scipy.special import stdtrit

    n = len(counts)
    place: Row = {"term": term, "arm": arm, "reference": "", "n_patients": n, "n_events": int((counts > 0).sum())}
    if not n:
        gone = {"status": "not_estimated", "note": "nobody in this arm"}
        return [place | {"quantity": "share"} | gone, place | {"quantity": "mean", "variant": "sessions"} | gone]
    share = place | {"quantity": "share", "estimate": float((counts > 0).mean()), "status": "converged"}
    mean = place | {"quantity": "mean", "variant": "sessions", "estimate": float(counts.mean()), "status": "converged"}
    if n > 1:
        se = float(counts.std(ddof=1) / np.sqrt(n))
        reach = float(stdtrit(n - 1, (1 + level) / 2)) * se
        mean |= {"se": se, "df": float(n - 1), "low": mean["estimate"] - reach, "high": mean["estimate"] + reach}
    return [share, mean]


# ---------------------------------------------------------------- the difference, given it


def _given(here: "pd.DataFrame", counts: "pd.DataFrame", question: Question, visit: str) -> "pd.DataFrame":
    """The difference of arms as allocated, given each co-intervention, and given all; without tests."""
    import numpy as np
    import pandas as pd

    from needling.analysis.moderation import NO_NUMBERS, Basis, Regression, why_not

    names = list(counts.columns)
    models: dict[str, list[list[str]]] = {"as_allocated": [[]], "given_one": [[one] for one in names]}
    models |= {"given_all": [names]} if len(names) > 1 else {}
    why = why_not(here, question)
    given = counts.reindex(here["patient"]).to_numpy(float)
    base = (
        []
        if why
        else [Basis.of(x, here[x], question.categories.get(x)).columns for x in ("baseline", *question.settings.adjust)]
    )
    rows = []
    for variant, sets in models.items():
        for chosen in sets:
            reason, fit = why, None
            if not why:
                columns = given[:, [names.index(one) for one in chosen]]
                fit = Regression(
                    here["value"].to_numpy(float), here["arm"].to_numpy(), question.arms, np.hstack([*base, columns]),
                    np.empty((len(here), 0)),
                )  # fmt: skip
                reason = (
                    "" if fit.df >= FEWEST_DF else f"{len(here)} patients are too few for a model of {fit.rank} terms"
                )
            for arm in question.arms[1:]:
                row = {**NO_NUMBERS, "arm": arm, "reference": question.reference, "variant": variant, "note": reason}
                row |= {"term": structured([[FACTOR, one] for one in chosen]) if chosen else ""}
                made = (
                    fit.estimate(fit.arm_at(arm, np.empty(0)), question.settings.level) if fit and not reason else None
                )
                numbers = {key: value for key, value in (made or {}).items() if key not in ("statistic", "p")}
                told = reason or ("" if made else "the data do not tell the arm apart from the co-intervention")
                rows.append(row | numbers | {"status": "converged" if made else "not_estimated", "note": told})
    common = {
        "visit": visit,
        "n_patients": len(here),
        "n_observations": len(here),
        "method": METHOD,
        "weights": "analysed_patients",
    }
    return contrast_rows(pd.DataFrame(rows), question, "effect_given", df_method="residual", **common)
