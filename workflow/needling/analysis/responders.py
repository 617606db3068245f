"""Who got better: shares of responders by arm, their difference and ratio, numbers needed to treat, and the curve behind them."""

from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, model_validator

from needling.analysis.formulas import covariance_terms, displayed, summed
from needling.analysis.g_computation import compared_shares, number_needed, standardised
from needling.analysis.results import Output, Question, comparisons, complete, favoured, not_estimated
from needling.cohort.analysed import Needs, values_needed
from needling.schema.side import NUMBER_NEEDED, RELIABLE_CHANGE, RESPONSE_CURVE
from needling.study.keys import Name, Section, braced, nearest
from needling.study.plan import Study
from needling.study.settings import KindSettings, Outcomes

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from needling.analysis.imputed import Imputed

COUNTED = "shares that are counted instead of modelled are compared by their difference and not by a ratio"
METHOD = "g_computation_logistic"
UNADJUSTED = (
    "shares are unadjusted, intervals Wilson's and Newcombe's, P Fisher's; these can disagree where an interval ends near no "
    "difference"
)
READS = ("reliability",)
USES = ("seed", "instruments")
SIDE = {"number_needed": NUMBER_NEEDED, "response_curve": RESPONSE_CURVE, "reliable_change": RELIABLE_CHANGE}


class Response(Section):
    """What makes a patient a responder: exactly one of these."""

    percent: float | None = Field(None, gt=0, description="Improved by at least so many percent of the own baseline.")
    points: float | None = Field(None, gt=0, description="Improved by at least so much, in the outcome's unit.")
    threshold: Literal["MCID", "MDC", "SCB"] | None = Field(
        None,
        description="Improved by at least the instrument's published threshold of this kind, in the outcome's unit.",
    )
    at_most: float | None = Field(None, description="A value of at most this at the visit, e.g. 0: free of it.")
    at_least: float | None = Field(None, description="A value of at least this at the visit.")

    @model_validator(mode="after")
    def _one(self) -> "Response":
        given = [name for name in type(self).model_fields if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError("a response says exactly one of percent, points, threshold, at_most, at_least")
        return self

    @property
    def is_change(self) -> bool:
        """True where the baseline is needed to tell."""
        return self.at_most is None and self.at_least is None


class Settings(KindSettings):
    """Shares of responders at some visits, compared between arms by standardised logistic regression."""

    kind: Literal["responders"]
    outcomes: Outcomes
    visits: list[Name] = Field(min_length=1, description="Visits at which a response is told.")
    responses: dict[Name, Response] = Field(
        default={"at_least_30_percent": Response(percent=30), "at_least_50_percent": Response(percent=50)},
        min_length=1,
        description="Response -> what it takes. Default: 30 and 50 % of baseline, the convention of pain trials.",
    )
    missing: Literal["imputed", "non_response"] = Field(
        "imputed",
        description="Patients not measured at the visit: imputed (default), drawn given what was seen of them and then told "
        "apart, as the mixed models assume; or non_response, counted as not having responded.",
    )
    draws: int = Field(
        50, ge=20, le=1000, description="Completed data sets. Default: 50, so that chance adds 1 % to an SE."
    )
    baseline: Literal["covariate", "unadjusted"] = Field(
        "covariate",
        description="Whether the logistic model has the baseline value. Default: covariate, which is more precise.",
    )
    variance: Literal["ye", "ge"] | None = Field(
        None,
        description="ye: of the population that patients come from, for randomised arms; ge: of these patients. "
        "Default: ye where arms were randomised, else ge.",
    )
    strata: Name | None = Field(
        None, description="Covariate within whose levels randomisation balanced the arms (variance ye). Default: none."
    )
    resamples: int = Field(
        1000, ge=200, le=20000, description="Bootstrap samples for the band of the curve. Default: 1000."
    )

    def check_plan(self, name: str, study: Study) -> None:
        """Refuse visits, strata, thresholds, margins and comparisons that the study or shares of responders do not have."""
        study.visits.check_follow_up(f"analyses.{name}", self.visits)
        if self.strata and self.strata not in study.patients.covariates:
            raise ValueError(
                f"analyses.{name}: strata '{self.strata}' is no covariate of patients"
                f"{nearest(self.strata, study.patients.covariates)}"
            )
        if self.variance == "ye" and study.design != "randomised":
            raise ValueError(f"analyses.{name}: the variance ye rests on randomisation; leave it out, or say ge")
        if self.strata and (self.variance == "ge" or study.design != "randomised"):
            raise ValueError(f"analyses.{name}: strata belong to randomised arms and the variance ye")
        if self.contrasts not in ("reference", "pairwise"):
            raise ValueError(
                f"analyses.{name}: shares are compared with the reference or pairwise, not by trend or weights"
            )
        if self.framework != "superiority":
            raise ValueError(f"analyses.{name}: shares of responders are compared for superiority only")
        self._check_thresholds(name, study)

    def _check_thresholds(self, name: str, study: Study) -> None:
        from needling.instruments.definition import definition

        for label, response in self.responses.items():
            for cohort, plan in study.cohorts.items():
                for outcome in [one for one in self.outcomes if one in plan.outcomes and response.threshold]:
                    instruments = plan.outcomes[outcome]
                    if not isinstance(instruments, str):
                        raise ValueError(
                            f"analyses.{name}.responses.{label}: outcome '{outcome}' of {cohort} pools several instruments, so no "
                            "published threshold is on its scale; say percent or points"
                        )
                    definition(instruments, study.instruments[instruments]).threshold(str(response.threshold))

    def needs(self, study: Study) -> Needs:
        """Every patient enrolled: who was not measured is imputed, or has not responded."""
        after_randomisation = study.design == "randomised"
        columns = () if after_randomisation else tuple(self.adjust)
        return Needs(tuple(study.visits.schedule), baseline=False, columns=columns, everybody=True)


def run(data: "dict[str, pd.DataFrame]", question: Question) -> Output:
    """Tell who responded at each visit, and compare the shares between arms.

    Responders among all enrolled patients of the population, standardised by a logistic model over arm, baseline and covariates
    (`needling.analysis.g_computation`, Ye's variance by default). Missing measurements are drawn
    (`needling.analysis.imputed`) and results joined by Rubin's rules, T = W + (1 + 1/m) B on the covariance of the shares; or
    they count as no response. Where nobody, or everybody, of an arm responded (in any completed data set), the logistic model has
    no finite coefficient:
    shares are then unadjusted with Wilson's, their difference with Newcombe's interval and Fisher's P. There, and where another
    coefficient has no finite value, the odds ratio given baseline and covariates stands beside them by Firth's penalised
    likelihood (`needling.analysis.firth`).

    Parameters
    ----------
    data : visits (contract FRAME, all visits), patients (everybody enrolled, with covariates), reliability.
    question : its settings are those of this kind.

    Returns
    -------
    Output: share of each arm, risk difference, risk ratio and odds ratio of each comparison, response (`variant`) and visit, and
    conditional_odds_ratio where the model is separated;
    numbers needed to treat, cumulative curves of improvement with simultaneous bands, reliable change per person as counts.
    """
    import numpy as np
    import pandas as pd

    from needling.analysis.imputed import drawn
    from needling.analysis.reliable_change import reliable
    from needling.analysis.response_curve import curves

    settings, people = question.settings, data["patients"]
    seed = [question.study.seed, *f"{question.analysis}/{question.cohort}/{question.outcome}".encode()]
    rng = np.random.default_rng(seed)
    people = people.sort_values("patient", kind="stable").reset_index(drop=True)
    present = [arm for arm in question.arms if (people["arm"] == arm).any()]
    if (
        len(people) < 2
        or len(present) < len(question.arms)
        or people["arm"].value_counts().reindex(present).lt(2).any()
    ):
        return _nothing(
            "an arm has fewer than two patients" if len(people) > 1 else "too few patients", question, people
        )
    seen = data["visits"]
    completed = (
        drawn(seen, people, question, settings.draws, rng) if settings.missing == "imputed" else _seen(seen, people)
    )
    rows, needed, curve, changed = [], [], [], []
    for visit in settings.visits:
        told, untold = _tellable(completed, question, visit)
        if untold:
            why = completed.why or "nothing was measured at this visit, or at a baseline that the response needs"
            rows.append(_not(why, question, visit, people, untold))
        for name in told:
            made, numbers = _compared(completed, people, question, visit, name, settings.responses[name])
            rows.append(made)
            needed += numbers
        curve += curves(completed, people, question, visit, rng) if told else []
        changed += reliable(data.get("reliability"), seen, question, visit)
    side = {"number_needed": needed, "response_curve": curve, "reliable_change": changed}
    return Output(pd.concat(rows, ignore_index=True), {name: pd.DataFrame(one) for name, one in side.items()})


def _written(settings: Settings, study: Study) -> list[tuple[str, str]]:
    """The logistic model and the standardised share of an arm; of one arm the share is that of its patients."""
    if not study.arms:
        return []
    terms = covariance_terms(True, settings.baseline == "covariate", bool(settings.adjust))
    logit = summed((r"\operatorname{logit} P(R_{i} = 1)", "The logit of a patient's chance to respond"), terms)
    share = (
        r"\pi_{a} = \frac{1}{n} \sum_{i} P(R_{i} = 1 \mid A(i) = a), \quad \Delta = \pi_{a} - \pi_{b}",
        "The share of an arm is the mean, over all patients, of the chance that the model gives each of them in that arm; the "
        "difference is that of two arms' shares",
    )
    return displayed([logit, share])


def methods(settings: Settings, study: Study) -> list[tuple[str, str]]:
    """What the analysis does, in sentences with codes in braces, and what shows it."""
    said = [
        f"{label.replace('_', ' ')}: {_said(response, settings, study)}"
        for label, response in settings.responses.items()
    ]
    joined = (
        "responders were told in each completed data set, and the results joined by Rubin's rules"
        if study.arms
        else "responders were told in each completed data set"
    )
    needed = values_needed(study, *(["every covariate"] if settings.adjust else []))
    who = f"everybody enrolled with {needed[0]}" if needed else "everybody enrolled"
    missing = (
        f"Missing measurements were drawn {settings.draws} times given what was measured of the patient (missing at random, mixed "
        f"model with the baseline as a response); {joined}."
        if settings.missing == "imputed"
        else "A patient who was not measured counts as not having responded, which is an assumption and no finding."
    )
    return [
        ("model", f"{_shares(settings, study)} Responders: {'; '.join(said)}. {missing}{_separated(study)}"),
        *_written(settings, study),
        ("uses", who),
        ("missing", missing),
        ("averaged", who),
        *[("visit", braced("visit", visit)) for visit in settings.visits],
        ("section", "individual"), ("table", "response_shares"), ("figure", "responses"),
    ]  # fmt: skip


def _shares(settings: Settings, study: Study) -> str:
    """How shares come about: of arms by a model; of one group they are counted, as there is no arm to model."""
    if not study.arms:
        if settings.missing == "imputed":
            return (
                "Shares of responders among all patients, the mean over the completed data sets, with Wilson's intervals widened "
                "by how far these differ (Lott, Reiter 2020)."
            )
        return "Shares of responders among all patients, counted, with Wilson's intervals."
    ye = _variance(settings, study) == "ye"
    return (
        "Shares of responders, standardised over all patients by logistic regression on arm"
        f"{' and baseline' if settings.baseline == 'covariate' else ''} (g-computation); variance of "
        + ("the population that patients come from (Ye 2023)" if ye else "these patients (Ge 2011)")
        + (
            f", corrected for randomisation stratified by {braced('covariate', settings.strata)}"
            if settings.strata
            else ""
        )
        + "."
    )


def _separated(study: Study) -> str:
    """What is done where the logistic model has no finite coefficient."""
    if not study.arms:
        return ""
    return (
        " Where nobody or everybody of an arm responded, shares are counted instead (intervals of Wilson and Newcombe, P of "
        "Fisher). There, and where another coefficient has no finite value, the odds ratio given the columns of the model is "
        "added, by Firth's penalised likelihood, with limits and P of its profile (Heinze, Schemper 2002)."
    )


def response_words(response: Response) -> str:
    """Say what a response is that needs no instrument's threshold."""
    if response.percent is not None:
        return f"improved by at least {response.percent:g}% of the own baseline"
    if response.points is not None:
        return f"improved by at least {response.points:g} in the unit of the outcome"
    return (
        f"a value of at most {response.at_most:g}"
        if response.at_most is not None
        else f"a value of at least {response.at_least:g}"
    )


def _said(response: Response, settings: Settings, study: Study) -> str:
    if response.threshold is None:
        return response_words(response)
    told = []
    for plan in study.cohorts.values():
        for outcome in [one for one in settings.outcomes if one in plan.outcomes]:
            one = _threshold(response, str(plan.outcomes[outcome]), study)
            told.append(f"{one.value:g} of {one.scale} ({one.source})")
    return f"improved by at least the {response.threshold}, {', '.join(dict.fromkeys(told))}"


def _threshold(response: Response, instrument: str, study: Study) -> Any:
    from needling.instruments.definition import definition

    return definition(instrument, study.instruments[instrument]).threshold(str(response.threshold))


# ---------------------------------------------------------------- who responded


def _seen(visits: "pd.DataFrame", people: "pd.DataFrame") -> "Imputed":
    """What was measured, as one data set with gaps."""
    from needling.analysis.imputed import Imputed

    wide = visits.pivot_table(index="patient", columns="visit", values="value", aggfunc="first", observed=True)
    return Imputed(wide.reindex(people["patient"]).to_numpy(float)[None], list(people["patient"]), list(wide.columns))


def responded(
    value: "np.ndarray", baseline: "np.ndarray", response: Response, better: str, least: float
) -> "np.ndarray":
    """Tell who responded: 1 or 0, never missing.

    Parameters
    ----------
    value, baseline : at the visit and before, in the outcome's unit; who lacks what is needed has not responded.
    response : what it takes; of percent, a patient with a baseline of 0 responds with any improvement.
    better : lower or higher.
    least : the improvement that `threshold` stands for.

    Examples
    --------
    >>> import numpy as np
    >>> responded(np.array([7.0, 7.1, np.nan]), np.array([10.0, 10.0, 10.0]), Response(percent=30), "lower", np.nan)
    array([1., 0., 0.])
    """
    import numpy as np

    slack = 1e-9  # a product of decimals that is equal on paper
    with np.errstate(invalid="ignore"):
        if response.at_most is not None:
            return (value <= response.at_most + slack).astype(float)
        if response.at_least is not None:
            return (value >= response.at_least - slack).astype(float)
        gain = baseline - value if better == "lower" else value - baseline
        if response.percent is not None:
            return ((gain >= response.percent / 100 * np.abs(baseline) - slack) & (gain > 0)).astype(float)
        return (gain >= (least if response.points is None else response.points) - slack).astype(float)


def _tellable(completed: "Imputed", question: Question, visit: str) -> tuple[list[str], list[str]]:
    """The responses that can be told at a visit, and those that cannot: a change needs a baseline."""
    there = visit in completed.visits and not completed.why
    has_baseline = question.baseline_visit in completed.visits
    can = {name: there and (has_baseline or not one.is_change) for name, one in question.settings.responses.items()}
    return [name for name in can if can[name]], [name for name in can if not can[name]]


def _compared(
    completed: "Imputed", people: "pd.DataFrame", question: Question, visit: str, name: str, response: Response
) -> "tuple[pd.DataFrame, list[dict[str, Any]]]":
    """Results of one response at one visit, and the numbers needed to treat."""
    import numpy as np
    import pandas as pd

    from needling.analysis.response_curve import before

    settings, arms = question.settings, list(question.arms) or [""]
    least = float("nan")
    if response.threshold:
        least = _threshold(response, question.instrument, question.study).value
    values, baseline = completed.values[:, :, completed.visits.index(visit)], before(completed, question)
    Y = responded(values, baseline, response, question.better, least)
    group = people["arm"].to_numpy() if question.arms else np.full(len(people), "")
    n = {arm: int((group == arm).sum()) for arm in arms}
    events = {arm: (n[arm], round(float(Y[:, group == arm].sum(axis=1).mean()))) for arm in arms}
    pairs = [(one.arm, one.reference) for one in comparisons(question)] if question.arms else []
    note, method, separated = "", METHOD, list[str]()
    shares = np.array([Y[:, group == arm].mean(axis=1) for arm in arms])
    extreme = ((shares == 0) | (shares == 1)).any(axis=0)  # of the completed data sets
    if extreme.any() or not question.arms:
        table = _unadjusted(dict(zip(arms, shares, strict=True)), events, pairs, settings.level)
        method = "unadjusted_wilson_newcombe"
        if extreme.any() and question.arms:  # of one group they are counted in any case
            some = "" if extreme.all() else " of some completed data sets"
            note = f"nobody or everybody responded in an arm{some}: {UNADJUSTED}"
    else:
        shares, covariance, separated = _pooled(_models(Y, baseline, people, question), question)
        table = compared_shares(shares, covariance, arms, pairs, events, settings.level)
        if separated:
            note = f"separation: no finite coefficient of {', '.join(separated)}; the shares stay finite"
    status = np.where(table["estimate"].notna(), "converged", "not_estimated")
    variance = "wilson" if method != METHOD else _variance(settings, question.study)
    table = table.assign(status=status, note=note, method=method, variance=variance)
    is_share = table["quantity"] == "share"
    table["note"] = table["note"].mask(~is_share & table["estimate"].isna(), COUNTED)
    if pairs and (extreme.any() or separated):
        models = _models(Y, baseline, people, question)
        table = pd.concat(
            [table, _finite(models, table[table["quantity"] == "risk_difference"], question)], ignore_index=True
        )
    numbers = [
        {**number_needed(row["estimate"], row["low"], row["high"]), "arm": row["arm"], "reference": row["reference"],
         "cohort": question.cohort, "outcome": question.outcome, "visit": visit, "response": name,
         "n": min(n[row["arm"]], n[row["reference"]]),
         "n_events": min(events[one][1] for one in (row["arm"], row["reference"])),
         "n_none": min(events[one][0] - events[one][1] for one in (row["arm"], row["reference"]))}
        for row in table[table["quantity"] == "risk_difference"].to_dict("records")
    ]  # fmt: skip
    imputation = f"mar_draws_{settings.draws}" if settings.missing == "imputed" else "non_response"
    rows = complete(
        pd.DataFrame(table), question, variant=name, visit=visit, better="higher", imputation=imputation,
        weights="everybody", n_observations=table["n_patients"],
    )  # fmt: skip
    return rows.assign(favours=favoured(rows)), numbers


def _models(
    Y: "np.ndarray", baseline: "np.ndarray", people: "pd.DataFrame", question: Question
) -> "list[tuple[pd.DataFrame, dict[str, str]]]":
    """The data of each completed data set (arm, response, stratum, covariates) and what its columns are beside the arm."""
    import numpy as np
    import pandas as pd

    settings = question.settings
    codes = {arm: f"a{i}" for i, arm in enumerate(question.arms)}
    frame = pd.DataFrame({"arm": pd.Categorical(people["arm"].map(codes), list(codes.values()))})
    names: dict[str, str] = {}
    for name in settings.adjust:
        levels = question.categories.get(name)
        given = [people[name].astype(float)] if levels is None else [(people[name] == one) * 1.0 for one in levels[1:]]
        for column in given:
            if column.nunique() > 1:
                names[f"x{len(names)}"] = name
                frame[f"x{len(names) - 1}"] = column.to_numpy()
    if settings.strata:
        frame["stratum"] = people[settings.strata].fillna("").to_numpy()
    models = []
    for one, base in zip(Y, baseline, strict=True):
        data, columns = frame.assign(response=one, base=base), dict(names)
        if question.study.design == "randomised" and np.isnan(base).any() and not np.isnan(base).all():
            data["base"] = data["base"].fillna(data["base"].mean())
        if settings.baseline == "covariate" and data["base"].nunique() > 1:
            columns["base"] = "baseline"
        models.append((data, columns))
    return models


def _pooled(
    models: "list[tuple[pd.DataFrame, dict[str, str]]]", question: Question
) -> "tuple[np.ndarray, np.ndarray, list[str]]":
    """Shares and their covariance over the completed data sets by Rubin's rules, and what is separated in any of them."""
    import numpy as np

    variance = _variance(question.settings, question.study)
    found, within = [], []
    separated: dict[str, None] = {}
    for all_rows, columns in models:
        data = all_rows.dropna(subset=["arm", *columns])
        group, arms = data["arm"].to_numpy(), list(data["arm"].cat.categories)
        names = ["Intercept", *(f"arm[T.{one}]" for one in arms[1:]), *columns]
        X, *under = (_design(data[list(columns)].to_numpy(float), mine, arms) for mine in (group, *arms))
        strata = data["stratum"].to_numpy() if question.settings.strata else None
        response = data["response"].to_numpy(float)
        shares, covariance, terms = standardised(response, X, under, names, group, arms, variance, strata)
        found.append(shares)
        within.append(covariance)
        for term in terms:
            if term != "Intercept":  # moves with any covariate that is not centred
                separated[_named(term, columns, question)] = None
    shares, covariance = np.mean(found, axis=0), np.mean(within, axis=0)
    if len(found) > 1:
        covariance = covariance + (1 + 1 / len(found)) * np.cov(np.array(found).T, ddof=1)
    return shares, covariance, list(separated)


def _finite(
    models: "list[tuple[pd.DataFrame, dict[str, str]]]", differences: "pd.DataFrame", question: Question
) -> "pd.DataFrame":
    """For each comparison the odds ratio by Firth's penalised likelihood, given baseline and covariates."""
    import numpy as np
    import pandas as pd

    from needling.analysis.firth import firth_odds_ratio
    from needling.schema.results import NUMBERS

    codes = {arm: f"a{i}" for i, arm in enumerate(question.arms)}
    rows: list[dict[Any, Any]] = []
    for row in differences.to_dict("records"):
        completed = []
        for data, columns in models:
            whole = data[["arm", "response", *columns]].dropna()
            others = [
                (whole["arm"] == code).to_numpy(float)
                for arm, code in codes.items()
                if arm not in (row["arm"], row["reference"])
            ] + [whole[name].to_numpy(float) for name in columns]
            compared = (whole["arm"] == codes[row["arm"]]).to_numpy(float)
            beside = np.column_stack(others) if others else np.empty((len(whole), 0))
            completed.append((whole["response"].to_numpy(float), compared, beside))
        try:
            numbers, status, note = firth_odds_ratio(completed, question.settings.level), "converged", ""
        except ValueError as why:
            numbers, status, note = dict.fromkeys(NUMBERS, float("nan")), "not_estimated", str(why)
        rows.append(row | numbers | {"quantity": "conditional_odds_ratio", "status": status, "note": note})
    return pd.DataFrame(rows).assign(method="firth_logistic", variance="profile_penalised_likelihood")


def _variance(settings: Settings, study: Study) -> Literal["ye", "ge"]:
    return settings.variance or ("ye" if study.design == "randomised" else "ge")


def _design(columns: "np.ndarray", group: "np.ndarray | str", arms: list[str]) -> "np.ndarray":
    """The intercept, who is in each arm but the first, and other columns: what a formula of them is turned into."""
    import numpy as np

    inside = [np.broadcast_to(group == arm, len(columns)) for arm in arms[1:]]
    return np.column_stack([np.ones(len(columns)), *inside, columns])


def _named(term: str, columns: dict[str, str], question: Question) -> str:
    arms = {f"arm[T.a{i}]": arm for i, arm in enumerate(question.arms)}
    return {**arms, **columns}.get(term, term)


def _unadjusted(
    shares: "dict[str, np.ndarray]", events: dict[str, tuple[int, int]], pairs: list[tuple[str, str]], level: float
) -> "pd.DataFrame":
    """Shares in the completed data sets with Wilson's intervals, differences with Newcombe's and Fisher's P; no ratio.

    Newcombe's is made of the limits of both shares; Fisher's P is of the whole number of people nearest to the mean.
    """
    import numpy as np
    import pandas as pd
    from scipy.stats import fisher_exact

    from needling.analysis.proportions import score_share

    empty = dict.fromkeys(("se", "statistic", "p", "estimate", "low", "high"), np.nan)
    found = {arm: score_share(shares[arm], n, level) for arm, (n, _) in events.items()}
    rows: list[dict[str, Any]] = []
    for arm, (n, k) in events.items():
        numbers = {name: found[arm][name] for name in ("estimate", "low", "high")}
        rows.append(
            {**empty, **numbers, "quantity": "share", "arm": arm, "reference": "", "n_patients": n, "n_events": k}
        )
    for arm, reference in pairs:
        (n, k), (m, j) = events[arm], events[reference]
        (p, low, high), (q, lower, upper) = (
            [float(found[one][name]) for name in ("estimate", "low", "high")] for one in (arm, reference)
        )
        numbers = {
            "estimate": p - q,
            "low": p - q - np.hypot(p - low, upper - q),
            "high": p - q + np.hypot(high - p, q - lower),
            "p": float(fisher_exact([[k, n - k], [j, m - j]])[1]),
        }
        both = {"arm": arm, "reference": reference, "n_patients": n + m, "n_events": k + j}
        rows.append({**empty, **both, **numbers, "quantity": "risk_difference"})
        rows += [{**empty, **both, "quantity": one} for one in ("risk_ratio", "odds_ratio")]
    return pd.DataFrame(rows)


# ---------------------------------------------------------------- where nothing can be said


def _not(
    why: str, question: Question, visit: str, people: "pd.DataFrame", responses: "list[str] | None" = None
) -> "pd.DataFrame":
    """A row for each response (all, where none are named) and comparison that was planned at a visit, with the reason."""
    from dataclasses import replace

    import pandas as pd

    one = replace(question, visits=(visit,))
    quantity = "risk_difference" if question.arms else "share"
    rows = [
        not_estimated(one, why, METHOD, len(people), 0, quantity).assign(variant=name)
        for name in responses or question.settings.responses
    ]
    return complete(pd.concat(rows, ignore_index=True), question, better="higher")


def _nothing(why: str, question: Question, people: "pd.DataFrame") -> Output:
    import pandas as pd

    return Output(
        pd.concat([_not(why, question, visit, people) for visit in question.settings.visits], ignore_index=True)
    )
