"""How soon? Times to an event that patients reach once: curves, restricted means and hazard ratios."""

from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from needling.analysis.formulas import ADJUSTED, Term, displayed
from needling.analysis.responders import Response, responded, response_words
from needling.analysis.results import Output, Question, comparisons, complete, favoured, structured
from needling.cohort.analysed import Needs, completed
from needling.schema.contract import empty
from needling.schema.results import RESULTS
from needling.schema.side import EVENT_CURVE
from needling.study.derived import Where
from needling.study.keys import Name, Section, braced, nearest
from needling.study.plan import Study
from needling.study.settings import KindSettings

if TYPE_CHECKING:
    import pandas as pd

READS = ("milestones", "adverse_events", "status")
USES = ("events",)
SIDE = {"event_curve": EVENT_CURVE}
FEWEST_EVENTS = 10
NOT_PROPORTIONAL = 0.05  # P of the check below which the ratio is said to change over time
METHODS = {"curve": "kaplan_meier", "mean": "restricted_mean", "cox": "cox_breslow", "visits": "cloglog_visits"}


class Dated(Section):
    """An event whose day is on record."""

    table: Literal["milestones", "adverse_events", "status"] = Field(description="Table that it is told from.")
    where: Where = Field(
        default_factory=dict, description="Which rows are it: column -> values. Default: all rows of the table."
    )


class Settings(KindSettings):
    """Time to an event of known day, or to the first response, which is known only at visits."""

    kind: Literal["time_to_event"]
    event: Dated | None = Field(
        None, description="The event, where its day is on record. Default: none, it is a response."
    )
    response: Response | None = Field(
        None,
        description="The response whose first visit counts, e.g. {percent: 50}. Default: none, the event has a day.",
    )
    better: Literal["earlier", "later"] = Field(
        description="Whether it is better to have the event earlier (return to sport) or later (relapse). No default."
    )
    horizon: float | None = Field(
        None,
        gt=0,
        description="Weeks up to which the mean time without the event is taken; needed with `event`. No default: it is planned, "
        "and not chosen by how the curves look.",
    )
    cohorts: list[Name] = Field(
        default_factory=list, description="Cohorts in which there is such an event. Default: all."
    )

    def check_plan(self, name: str, study: Study) -> None:
        """Refuse events and cohorts that the study has not, and comparisons that its design does not allow."""
        place = f"analyses.{name}"
        if (self.event is None) == (self.response is None):
            raise ValueError(f"{place}: name either the event (with its table) or a response (with outcomes)")
        if (self.event is None) != bool(self.outcomes):
            raise ValueError(f"{place}: a response is of outcomes, and an event of known day is of none")
        if (self.event is None) != (self.horizon is None):
            raise ValueError(f"{place}: horizon, in weeks, belongs to an event of known day, which needs it")
        if self.response and self.response.threshold:
            raise ValueError(f"{place}.response: say percent, points, at_most or at_least")
        for cohort in self.cohorts:
            if cohort not in study.cohorts:
                raise ValueError(f"{place}.cohorts: '{cohort}' is not defined{nearest(cohort, study.cohorts)}")
        if study.primary == name or self.family or self.framework != "superiority":
            raise ValueError(
                f"{place}: times to an event are neither the primary result of this report nor of a family, and are compared for "
                "superiority only"
            )
        if self.contrasts not in ("reference", "pairwise") or self.observed_at or self.estimand:
            raise ValueError(
                f"{place}: everybody's time is compared, with the reference or pairwise; leave trend, weights, observed_at and "
                "estimand out"
            )
        if study.design == "cohort" and not self.adjust:
            raise ValueError(
                f"{place}: without randomisation a bare difference in times is also one of who was treated how; name under adjust "
                "what it depends on, and the hazard ratio is given it"
            )
        self._check_event(place, study)

    def _check_event(self, place: str, study: Study) -> None:
        if self.event is None:
            return
        table = getattr(study.events, self.event.table)
        if table is None or "date" not in table.columns:
            raise ValueError(f"{place}.event: the study has no table events.{self.event.table} with a column date")
        for column, values in self.event.where.items():
            if column not in table.columns:
                raise ValueError(
                    f"{place}.event: {self.event.table} has no column '{column}'{nearest(column, table.columns)}"
                )
            codes = table.columns[column].codes
            for value in values if codes else ():
                if value not in codes.values():
                    raise ValueError(f"{place}.event: {column} is never '{value}'{nearest(value, codes.values())}")

    def needs(self, study: Study) -> Needs:
        """Of a response: follow-up visits, and the baseline where a change is told."""
        is_change = bool(self.response and self.response.is_change)
        return Needs(tuple(study.visits.follow_up), baseline=is_change, columns=tuple(self.adjust))


def run(data: "dict[str, pd.DataFrame]", question: Question) -> Output:
    """Describe the times of each arm and compare them as far as the design allows.

    Of an event with a day: Kaplan-Meier curves, the share who had it and the mean time without it up to the horizon (restricted
    mean), its difference between randomised arms, and a hazard ratio (Cox), with the check whether it is one. Time is in weeks
    from day 0; patients are observed until their last visit or, if earlier, the day on which they left. Of a response: the same
    curve over the visits, and a hazard ratio by complementary log-log regression; a patient is followed to the first visit missed.
    The variance is robust by clinic from 20 clinics, else by patient.

    Parameters
    ----------
    data : patients and visits of one cohort (frames); milestones, adverse_events and status (clean), as the study has them.
    question : its settings are those of this kind.

    Returns
    -------
    Output. Results: share (of those who had the event; `at` the week), restricted_mean, restricted_mean_difference (weeks, arm
    minus reference), hazard_ratio, and proportionality (statistic and P of the check). `event_curve` (contract EVENT_CURVE).
    What too few events leave open has the status not_estimated.
    """
    import pandas as pd

    settings = question.settings
    if settings.cohorts and question.cohort not in settings.cohorts:
        return Output(empty(RESULTS))
    people = (
        data["patients"]
        if question.outcome
        else completed(data["patients"], settings, Needs((), baseline=False), question.study)
    )
    times = _at_visits(data["visits"], question) if question.outcome else _dated(data, people, question)
    facts = data["visits"] if question.outcome else people
    columns = ["patient", "arm", "clinic", *settings.adjust]
    times = times.merge(facts[columns].drop_duplicates("patient"), on="patient").dropna(subset=settings.adjust)
    rows: list[dict[str, Any]] = []
    curves: list[pd.DataFrame] = []
    last = settings.horizon or float(times["time"].max() if len(times) else 0.0)
    for arm in question.arms or ("",):
        mine = times[times["arm"] == arm] if arm else times
        rows += _of_arm(mine, arm, last, question)
        if len(mine):
            curves.append(_curve(mine, last, question.settings.level).assign(arm=arm))
    if question.arms and question.study.design != "single_arm":
        rows += _compared(times, last, question)
    made = complete(pd.DataFrame(rows), question, better=_better(question, "hazard_ratio"))
    lower = made["quantity"].str.startswith("restricted_mean")
    made["better"] = made["better"].mask(lower, _better(question, "restricted_mean"))
    made.loc[made["quantity"] == "proportionality", "better"] = "neither"
    made["unit"] = (
        made["quantity"]
        .map({"share": "share", "restricted_mean": "weeks", "restricted_mean_difference": "weeks"})
        .fillna("")
    )
    made["favours"] = favoured(made)
    place = {"cohort": question.cohort, "outcome": question.outcome}
    side = {"event_curve": pd.concat(curves, ignore_index=True).assign(**place)} if curves else {}
    return Output(made, side)


def _better(question: Question, quantity: str) -> str:
    """Which direction is better: a larger hazard is an earlier event, a longer mean time without it a later one."""
    earlier = question.settings.better == "earlier"
    return "higher" if earlier == (quantity == "hazard_ratio") else "lower"


def _dated(data: "dict[str, pd.DataFrame]", people: "pd.DataFrame", question: Question) -> "pd.DataFrame":
    """Weeks to the event or the end of observation, of everybody observed after day 0 without the event before.

    What is on record after the end is known of those only whom it happened to, and does not count.
    """
    import pandas as pd

    from needling.cohort.events import chosen

    asked, who = question.settings.event, people["patient"]
    rows = chosen(data, asked.table, asked.where, f"analyses.{question.analysis}.event", question.study)
    first = who.map(rows.groupby("patient")["day"].min()).astype(float)
    visits = data["visits"]
    came = visits["day"].fillna(7 * visits["week"]).groupby(visits["patient"]).max()
    seen = who.map(came).astype(float)
    status = data.get("status")
    if status is not None and "day" in status:
        gone = status[status["still_followed"] != "yes"] if "still_followed" in status else status
        left = who.map(gone.groupby("patient")["day"].min()).astype(float)
        seen = pd.concat([seen, left], axis=1).min(axis=1)
    happened = first <= seen
    time = first.where(happened, seen)
    made = pd.DataFrame({"patient": who, "time": time / 7, "event": happened.astype(int)})
    return made[made["time"] > 0].reset_index(drop=True)


def _at_visits(visits: "pd.DataFrame", question: Question) -> "pd.DataFrame":
    """Nominal weeks to the first visit with a response, or to the last one before a visit that was missed."""
    import numpy as np
    import pandas as pd

    settings = question.settings
    names = list(question.visits)
    weeks = np.array(
        [question.weeks[name] if question.weeks[name] is not None else i + 1 for i, name in enumerate(names)], float
    )
    hit = responded(
        visits["value"].to_numpy(float), visits["baseline"].to_numpy(float), settings.response, question.better, np.nan
    )
    wide = visits.assign(hit=hit).pivot_table(
        index="patient", columns="visit", values="hit", aggfunc="first", observed=True
    )
    wide = wide.reindex(columns=names)
    made = []
    for patient, values in zip(wide.index, wide.to_numpy(float), strict=True):
        gap = np.flatnonzero(np.isnan(values))
        seen = values[: gap[0]] if len(gap) else values
        at = np.flatnonzero(seen == 1)
        if len(seen):
            period = int(at[0]) if len(at) else len(seen) - 1
            made.append((patient, weeks[period], int(len(at) > 0), period))
    return pd.DataFrame(made, columns=["patient", "time", "event", "period"])


def _of_arm(mine: "pd.DataFrame", arm: str, last: float, question: Question) -> list[dict[str, Any]]:
    """The share of an arm that had the event by the horizon, and its mean time without it."""
    from scipy.special import ndtri

    from needling.analysis.survival import kaplan_meier, known_until, restricted_mean

    level, horizon = question.settings.level, question.settings.horizon
    time, event = mine["time"].to_numpy(float), mine["event"].to_numpy(int)
    common = {
        "arm": arm,
        "reference": "",
        "at": structured({"week": last}),
        "n_patients": len(mine),
        "n_observations": len(mine),
    }
    common |= {"n_events": int((event * (time <= last)).sum()), "variance": "greenwood"}
    if not len(mine) or not known_until(time, event, last):
        why = (
            "nobody in this arm was observed" if not len(mine) else "nobody in this arm was observed up to the horizon"
        )
        quantities = ["share", *(["restricted_mean"] if horizon else [])]
        return [
            common | {"quantity": one, "method": METHODS["curve"], "status": "not_estimated", "note": why}
            for one in quantities
        ]
    curve = kaplan_meier(time, event, level)
    row = curve[curve["time"] <= last].iloc[-1]
    share = {
        "estimate": 1 - row["estimate"],
        "low": 1 - row["high"],
        "high": 1 - row["low"],
        "method": METHODS["curve"],
    }
    made = [common | share | {"quantity": "share", "status": "converged"}]
    if horizon:
        mean, se = restricted_mean(time, event, horizon)
        reach = float(ndtri((1 + level) / 2)) * se
        numbers = {"estimate": mean, "se": se, "low": mean - reach, "high": mean + reach, "method": METHODS["mean"]}
        made.append(common | numbers | {"quantity": "restricted_mean", "status": "converged"})
    return made


def _curve(mine: "pd.DataFrame", last: float, level: float) -> "pd.DataFrame":
    """The curve at each event and at each whole week up to the horizon, with the patients still at risk."""
    import numpy as np
    import pandas as pd

    from needling.analysis.survival import kaplan_meier

    time, event = mine["time"].to_numpy(float), mine["event"].to_numpy(int)
    curve = kaplan_meier(time, event, level)
    at = np.unique(np.concatenate([curve["time"], np.arange(0, np.floor(last) + 1)]))
    at = at[at <= last]
    place = np.searchsorted(curve["time"].to_numpy(float), at, side="right") - 1
    found = curve.iloc[place][["estimate", "low", "high"]].reset_index(drop=True)
    counts = {
        "n_at_risk": [int((time >= t).sum()) for t in at],
        "n_events": [int((event * (time <= t)).sum()) for t in at],
    }
    return pd.DataFrame({"time": at, **counts, "level": level}).join(
        1 - found.rename(columns={"low": "high", "high": "low"})
    )


def _compared(times: "pd.DataFrame", last: float, question: Question) -> list[dict[str, Any]]:
    """Differences in restricted means where arms were drawn by lot, and hazard ratios, with their check."""
    randomised, made = question.study.design == "randomised", []
    pairs = comparisons(question)
    by_arm = {arm: times[times["arm"] == arm] for arm in question.arms}
    for pair in pairs:
        two = [by_arm[pair.arm], by_arm[pair.reference]]
        both = {"n_patients": sum(map(len, two)), "n_observations": sum(map(len, two))}
        both |= {"n_events": int(sum((t["event"] * (t["time"] <= last)).sum() for t in two))}
        place: dict[str, Any] = {"arm": pair.arm, "reference": pair.reference}
        if randomised and question.settings.horizon:
            made.append(
                place | both | {"at": structured({"week": last})} | _difference(two, last, question.settings.level)
            )
    why = _too_few(by_arm, pairs)
    ratios = {} if why else _ratios(times, question)
    for pair in pairs:
        two = [by_arm[pair.arm], by_arm[pair.reference]]
        counts = {
            "n_patients": sum(map(len, two)),
            "n_observations": len(times),
            "n_events": int(sum(t["event"].sum() for t in two)),
        }
        place = counts | {"arm": pair.arm, "reference": pair.reference, "at": ""}
        method = METHODS["visits" if question.outcome else "cox"]
        if why:
            made.append(place | {"quantity": "hazard_ratio", "method": method, "status": "not_estimated", "note": why})
        else:
            made += [
                place | {"method": method, "status": "converged"} | one for one in ratios[pair.arm, pair.reference]
            ]
    return made


def _difference(two: "list[pd.DataFrame]", horizon: float, level: float) -> dict[str, Any]:
    """The difference of two restricted means, arm minus reference."""
    from scipy.special import ndtr, ndtri

    from needling.analysis.survival import known_until, restricted_mean

    told = {"quantity": "restricted_mean_difference", "method": METHODS["mean"], "variance": "greenwood"}
    times = [(one["time"].to_numpy(float), one["event"].to_numpy(int)) for one in two]
    if any(not len(time) or not known_until(time, event, horizon) for time, event in times):
        return told | {"status": "not_estimated", "note": "nobody in an arm was observed up to the horizon"}
    (mean, se), (other, error) = (restricted_mean(time, event, horizon) for time, event in times)
    difference, spread = mean - other, (se**2 + error**2) ** 0.5
    if not spread > 0:
        return told | {"status": "not_estimated", "note": "the means of both arms have no spread"}
    reach, z = float(ndtri((1 + level) / 2)) * spread, difference / spread
    numbers = {"estimate": difference, "se": spread, "statistic": z, "p": 2 * float(ndtr(-abs(z)))}
    return told | numbers | {"low": difference - reach, "high": difference + reach, "status": "converged"}


def _too_few(by_arm: "dict[str, pd.DataFrame]", pairs: list[Any]) -> str:
    events = {arm: int(one["event"].sum()) for arm, one in by_arm.items()}
    if not all(len(one) for one in by_arm.values()):
        return "nobody in an arm was observed"
    if any(count == 0 for count in events.values()):
        return "nobody in an arm had the event, so that the ratio has no end"
    return "" if pairs and sum(events.values()) >= FEWEST_EVENTS else f"fewer than {FEWEST_EVENTS} events"


def _ratios(times: "pd.DataFrame", question: Question) -> dict[tuple[str, str], list[dict[str, Any]]]:
    """Hazard ratios of each comparison, each from a fit in which its reference is the reference."""
    import numpy as np
    from scipy.special import ndtr, ndtri

    from needling.analysis.survival import FEWEST_CLINICS, hazards_at_visits, proportional_hazards

    by_clinic = times["clinic"].notna().all() and times["clinic"].nunique() >= FEWEST_CLINICS
    group = "clinic" if by_clinic else "patient"
    reach, found = float(ndtri((1 + question.settings.level) / 2)), {}
    for pair in comparisons(question):
        X = _columns(times, pair.reference, question)
        name = f"arm {pair.arm}"
        if question.outcome:
            periods = _periods(times[["patient", "clinic", "period", "event"]].join(X))
            made, checks = hazards_at_visits(periods, list(X.columns), periods[group].to_numpy()), None
        else:
            made, checks = proportional_hazards(
                times["time"].to_numpy(float), times["event"].to_numpy(int), X, times[group].to_numpy()
            )
        log, se = made["estimate"].to_dict()[name], made["se"].to_dict()[name]
        ends = np.exp([log - reach * se, log + reach * se])
        row = {
            "quantity": "hazard_ratio",
            "estimate": float(np.exp(log)),
            "se": se,
            "statistic": log / se,
            "variance": f"robust_by_{group}",
        }
        row |= {"low": float(ends[0]), "high": float(ends[1]), "p": 2 * float(ndtr(-abs(log / se)))}
        rows = [row]
        if checks is not None:
            test = {one: checks[one].to_dict()[name] for one in ("statistic", "p")}
            rows.append({"quantity": "proportionality", "df": 1.0, "variance": "model", **test})
            if test["p"] < NOT_PROPORTIONAL:
                row["note"] = (
                    "the ratio changes over time, so that one number is its average; the restricted mean does not rest on it"
                )
        found[pair.arm, pair.reference] = rows
    return found


def _columns(times: "pd.DataFrame", reference: str, question: Question) -> "pd.DataFrame":
    """Columns of a regression: the arms but the reference, and the covariates that vary."""
    import pandas as pd

    made = {f"arm {arm}": (times["arm"] == arm) * 1.0 for arm in question.arms if arm != reference}
    for name in question.settings.adjust:
        if pd.api.types.is_numeric_dtype(times[name].dtype):
            made[name] = times[name].astype(float)
        else:
            made |= {f"{name} {level}": (times[name] == level) * 1.0 for level in sorted(times[name].unique())[1:]}
    X = pd.DataFrame(made)
    return X.loc[:, X.nunique() > 1]


def _periods(times: "pd.DataFrame") -> "pd.DataFrame":
    """One row per patient and visit until the event or the last one seen."""
    import numpy as np

    again = times.index.repeat(times["period"] + 1)
    rows = times.loc[again].reset_index(drop=True)
    rows["visit"] = np.concatenate([np.arange(n + 1) for n in times["period"]])
    rows["event"] = ((rows["visit"] == rows["period"]) & (rows["event"] == 1)).astype(int)
    return rows


def _written(settings: Settings, study: Study) -> list[tuple[str, str]]:
    """The share without the event; for arms their hazards, or of what is known at visits the chance of an event at each."""
    curve: Term = (
        r"S(t) = \prod_{t_{k} \le t} \left(1 - \frac{d_{k}}{n_{k}}\right)",
        "The share without the event by a time is the product, over all earlier times with an event, of 1 less the events over "
        "those at risk",
    )
    if not study.arms:
        return displayed([curve])
    more, also = (rf" + {ADJUSTED[0]}", f" and {ADJUSTED[1]}") if settings.adjust else ("", "")
    if settings.event:
        hazard: Term = (
            rf"h_{{i}}(t) = h_{{0}}(t) \exp(\tau_{{A(i)}}{more})",
            f"The hazard of a patient is one that all share times the exponential of what the arm adds{also}",
        )
    else:
        hazard = (
            rf"\log(-\log(1 - p_{{ij}})) = \alpha_{{j}} + \tau_{{A(i)}}{more}",
            "The complementary log-log of the chance of the event at a visit, had it not come before, is the sum of an "
            f"intercept of the visit, what the arm adds{also}",
        )
    return displayed([curve, hazard])


def _event(settings: Settings) -> str:
    """What a response is; of an event of known day nothing."""
    return response_words(settings.response) if settings.response else ""


def _counted(settings: Settings, study: Study) -> str:
    """Whose time is counted: of a response those of whom the first visit can tell it."""
    if settings.event:
        return "everybody observed after day 0"
    asked = settings.needs(study)
    visits = [study.visits.baseline, asked.visits[0]] if asked.baseline else [asked.visits[0]]
    return f"patients measured at {' and '.join(braced('visit', one) for one in visits)}, each until the first visit missed"


def methods(settings: Settings, study: Study) -> list[tuple[str, str]]:
    """What the analysis does, in sentences with codes in braces, and what shows it."""
    if settings.event:
        what = " or ".join(
            one for values in settings.event.where.values() for one in values
        ) or settings.event.table.replace("_", " ")
        parts = [
            f"Weeks from day 0 to {what}. Patients were observed until their last visit or, if earlier, the day on which they "
            f"left. Curves by Kaplan and Meier; mean time without the event up to week {settings.horizon:g} (restricted mean), "
            "which the plan names."
        ]
    else:
        parts = [
            f"First visit with a response ({_event(settings)}), which is known at visits only; a patient is followed up to the "
            "first visit missed. Curves over the visits by Kaplan and Meier."
        ]
    how = "Cox regression" if settings.event else "complementary log-log regression"
    if study.arms:
        parts.append(
            f"Hazard ratios by {how}"
            + (f" given {' and '.join(braced('covariate', one) for one in settings.adjust)}" if settings.adjust else "")
            + ", their variance robust by clinic from 20 clinics, else by patient."
            + (" Whether a ratio is one over time is tested by scaled Schoenfeld residuals." if settings.event else "")
        )
    if study.arms and study.design == "cohort":
        means = ", and means are described and not compared" if settings.event else ""
        parts.append(f"Arms were not drawn by lot: a ratio is an association{means}.")
    return [
        ("model", " ".join(parts)),
        *_written(settings, study),
        *([("event", f"The event is the first visit with a response: {_event(settings)}.")] if settings.response else []),
        ("uses", _counted(settings, study)),
        ("missing", "Whose observation ended without the event is taken to be like those still observed then (independent "
         "censoring); the data cannot show whether it was so."),
        ("table", "reached"), ("figure", "reached"),
    ]  # fmt: skip
