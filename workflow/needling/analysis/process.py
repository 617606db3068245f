"""How might it work? The course of what stands for a mechanism, whether it goes with pain within a person, and twitch responses."""

from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field

from needling.analysis.formulas import ERROR, INTERCEPT, displayed, summed
from needling.analysis.results import Output, Question, complete, not_estimated, structured
from needling.cohort.analysed import Needs
from needling.study.keys import Name, braced, nearest
from needling.study.plan import Study
from needling.study.settings import KindSettings

if TYPE_CHECKING:
    import pandas as pd

METHOD, MODEL, SESSIONS, AGREEMENT = "rm_corr", "mmrm_reml", "mixed_reml", "icc_two_way"
FEWEST_PATIENTS = 10
RESPONSES = {"same_session": "pain_change", "next_session": "next_pain_before"}
SHOWN = ("difference", "change", "mean")
READS, USES = ("readings",), ("instruments",)


class Settings(KindSettings):
    """Measures that stand for mechanisms: course by arm, correlation with pain within patients, twitch responses by session."""

    kind: Literal["process"]
    measures: list[Name] = Field(
        min_length=1,
        description="Outcomes that stand for a mechanism (thresholds, modulation, motion, sensitisation, beliefs), each in each "
        "cohort that has it. No default: which mechanism is meant is for the study to say.",
    )
    pain: Name = Field(description="Outcome of pain that they are read beside. No default.")
    sites: tuple[Name, Name] | None = Field(
        None,
        description="Two sites of the body of which measures have the first minus the second too, within the person, e.g. "
        "[local, remote]. Default: none.",
    )
    needled: list[Name] = Field(
        default_factory=list,
        description="Arms whose sessions with needling are used for twitch responses, which nobody else can have. Default: no "
        "analysis of twitch responses.",
    )

    # The course is the mixed model for repeated measures, as its kind has it by default.
    scale: ClassVar[dict[str, str]] = {}
    baseline: ClassVar[str] = "covariate"
    residual: ClassVar[list[str]] = ["unstructured", "toeplitz_het", "ar1_het", "compound_symmetry"]
    clusters: ClassVar[list[str]] = []
    df: ClassVar[str] = "kenward_roger"

    def check_plan(self, name: str, study: Study) -> None:
        """Refuse measures, sites and arms that are not there, and to be anything but exploratory or secondary."""
        place = f"analyses.{name}"
        offered = {outcome for cohort in study.cohorts.values() for outcome in cohort.outcomes}
        for one in [*self.measures, self.pain]:
            if one not in offered:
                raise ValueError(f"{place}: outcome '{one}' is not defined{nearest(one, offered)}")
        if self.pain in self.measures:
            raise ValueError(f"{place}: '{self.pain}' cannot be read beside itself; leave it out of measures")
        if self.outcomes or self.observed_at:
            raise ValueError(
                f"{place}: what is analysed stands in measures and pain; leave outcomes and observed_at out"
            )
        if study.primary == name or self.family or self.framework != "superiority":
            raise ValueError(
                f"{place}: a measure of process is no primary result; leave family, framework and margin out"
            )
        known = {one.site for one in study.instruments.values() if one.site}
        for site in self.sites or ():
            if site not in known:
                raise ValueError(f"{place}.sites: no instrument has the site '{site}'{nearest(site, known)}")
        if self.sites and self.sites[0] == self.sites[1]:
            raise ValueError(f"{place}.sites: a site minus itself is nothing; name two")
        for arm in self.needled:
            if arm not in study.arms:
                raise ValueError(f"{place}.needled: arm '{arm}' is not defined{nearest(arm, study.arms)}")
        sessions, needling = study.events.sessions, study.events.needling
        has_pain = sessions is not None and {"pain_before", "pain_after"} <= set(sessions.columns)
        has_twitch = needling is not None and {"ltr", "ltr_count"} & set(needling.columns)
        if self.needled and not (has_pain and has_twitch):
            raise ValueError(
                f"{place}.needled: twitch responses are read from events.needling (ltr or ltr_count) and pain from events.sessions "
                "(pain_before, pain_after); name these columns, or leave needled out"
            )

    def of_measure(self, study: Study) -> Needs:
        """The measurements that the course uses: every follow-up visit with a value at baseline; of one arm all visits."""
        if not study.arms:
            return Needs(tuple(study.visits.schedule), baseline=False, columns=tuple(self.adjust))
        return Needs(tuple(study.visits.follow_up), columns=tuple(self.adjust))


def run(data: "dict[str, pd.DataFrame]", question: Question) -> Output:
    """Describe the course of each measure, correlate it with pain within patients, and relate twitch responses to pain.

    Course: the mixed model for repeated measures (`needling.analysis.repeated_measures`) of each measure and site, and of the
    difference between two sites within the person. Correlation: `within_correlation`. Twitch responses, among sessions with
    needling: pain = a + b within + c between + d number + u + e, u ~ N(0, s2) of patients; between is the patient's share of
    sessions with a response, within is 0 or 1 minus it; the response is the change of pain within the session, or pain before
    the next one. Pain at the session is no covariate: with random intercepts an outcome's own past biases every coefficient
    (Nickell 1981).

    Parameters
    ----------
    data : visits (all outcomes of a cohort) and sessions (frames); readings (contract READINGS), where the study has any.
    question : of the cohort; its settings are those of this kind.

    Returns
    -------
    Output of results alone: means and differences of each measure at each visit; quantity correlation with the variants
    within_patients (means of arm and visit removed) and raw; quantity coefficient with the variants same_session and
    next_session and the terms twitch_within and twitch_between; of measures with repeated readings at baseline quantity icc with
    the variants single and mean, standard_error_of_measurement and smallest_detectable_change
    (`needling.analysis.repeatability`). What cannot be estimated is a row that says why.
    """
    import pandas as pd

    settings, visits = question.settings, data["visits"]
    pain = visits[visits["outcome"] == settings.pain]
    parts = []
    for name in [one for one in settings.measures if one in question.study.cohorts[question.cohort].outcomes]:
        for site, rows in _at_sites(visits[visits["outcome"] == name], settings.sites).items():
            about = _about(question, name, site, rows)
            parts += [_course(rows, about), *_correlations(rows, pain, about)]
            if about.instrument:
                parts += _repeatability(data.get("readings"), about)
    if settings.needled:
        parts += [_twitch(data["sessions"], question, variant) for variant in RESPONSES]
    return Output(pd.concat(parts, ignore_index=True) if parts else complete(pd.DataFrame(), question))


def _at_sites(rows: "pd.DataFrame", pair: tuple[str, str] | None) -> "dict[str, pd.DataFrame]":
    """Measurements by site of the body, and those of one site minus another of the same person and visit."""
    from needling.cohort.frame import add_baseline

    sites = rows["site"].fillna("")
    found = {str(site): rows[sites == site] for site in dict.fromkeys(sites)} or {"": rows}
    if pair and set(pair) <= set(found):
        first, second = (found[site] for site in pair)
        other = second.set_index(["patient", "visit"])["value"].rename("_other")
        both = first.join(other, on=["patient", "visit"]).dropna(subset="_other")
        both = both.assign(value=both["value"] - both["_other"], site=f"{pair[0]}_minus_{pair[1]}", better="neither")
        first_visit = both.loc[both["visit_number"] == 0, "visit"]
        both = add_baseline(both.drop(columns="_other"), str(first_visit.iloc[0]) if len(first_visit) else "")
        found[f"{pair[0]}_minus_{pair[1]}"] = both
    return found


def _about(question: Question, name: str, site: str, rows: "pd.DataFrame") -> Question:
    """The question about one measure at one site."""
    first = rows.iloc[0] if len(rows) else {"instrument": "", "unit": "", "better": "neither"}
    instrument = "" if "_minus_" in site else str(first["instrument"])
    return replace(
        question,
        outcome=name,
        site=site,
        instrument=instrument,
        unit=str(first["unit"]),
        better=str(first["better"]),
        visits=tuple(question.study.visits.follow_up),
    )


def _course(rows: "pd.DataFrame", question: Question) -> "pd.DataFrame":
    """Means by arm and visit and the differences of arms, by the model for repeated measures."""
    from needling.analysis import repeated_measures
    from needling.cohort.analysed import analysed, completed

    settings, study = question.settings, question.study
    needs = settings.of_measure(study)
    used = analysed(completed(rows, settings, needs, study), settings, needs, study)
    if not rows["visit"].isin(study.visits.follow_up).any():
        told = replace(question, visits=())
        return not_estimated(told, "not measured after baseline", MODEL, rows["patient"].nunique(), len(rows))
    there = tuple(visit for visit in question.visits if (used["visit"] == visit).any())
    made = repeated_measures.run({"visits": used}, replace(question, visits=there or question.visits)).results
    return made[made["quantity"].isin(SHOWN) & ~(made["quantity"].eq("change") & made["arm"].ne(""))]


# ---------------------------------------------------------------- within patients


def within_correlation(
    x: "pd.Series", y: "pd.Series", patient: "pd.Series", place: "pd.Series", level: float = 0.95
) -> dict[str, Any]:
    """Correlate two measurements within patients once the means of each place (arm and visit) are taken out of both.

    Whatever improves by itself goes with whatever else does; what is left after the means of arm and visit are removed is whether
    the patients whose one measure changed more than others of their arm at that visit changed more in the other too. Both are first
    freed of the means of patients and places together (alternately, which converges to the joint fit), then given to pingouin's
    repeated-measures correlation; the degrees of freedom count the means removed.

    Parameters
    ----------
    x, y : measurements, one per patient and visit, without gaps.
    patient, place : who, and which arm and visit; one place for all removes nothing but the patients' means.
    level : of the confidence interval (Fisher's z with df + 2 pairs).

    Returns
    -------
    estimate, df, statistic (t), p, low, high, n_patients (measured twice or more), n_observations.

    Raises
    ------
    ValueError : nothing varies within patients beyond the means, or too few degrees of freedom.

    Source: Bakdash, Marusich 2017, Frontiers in Psychology 8:456. Checked against pingouin and a linear model with indicators in R.

    Examples
    --------
    >>> import pandas as pd
    >>> x, who = pd.Series([1.0, 2, 3, 2, 4, 7, 1, 2]), pd.Series(list("aaabbbcc"))
    >>> round(within_correlation(x, 2 * x + [0, 1, 0, 0, 0, 1, 0, 0], who, pd.Series("", x.index))["estimate"], 3)
    0.994
    """
    import numpy as np
    import pandas as pd
    import pingouin
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components
    from scipy.special import stdtr

    again = patient.groupby(patient).transform("size") > 1
    table = pd.DataFrame({"x": x, "y": y, "patient": patient, "place": place})[again].reset_index(drop=True)
    who, where = (pd.factorize(table[name])[0] for name in ("patient", "place"))
    people, places = table["patient"].nunique(), table["place"].nunique()
    links = coo_matrix((np.ones(len(table)), (who, people + where)), shape=(people + places,) * 2)
    parts = connected_components(links, directed=False)[0] if len(table) else 0
    df = len(table) - (people + places - parts) - 1
    if df < 2 or people < 3:
        raise ValueError("too few patients measured twice or more")
    free = {name: _freed(table[name].to_numpy(float), [who, where]) for name in ("x", "y")}
    if any(free[name].std() <= 1e-9 * max(table[name].std(), 1e-300) for name in free):
        raise ValueError("nothing varies within patients beyond the means of arm and visit")
    found = pingouin.rm_corr(pd.DataFrame({**free, "patient": table["patient"]}), x="x", y="y", subject="patient")
    r = float(np.clip(found["r"].iloc[0], -1, 1))
    low, high = pingouin.compute_esci(stat=r, nx=df + 2, eftype="pearson", confidence=level, decimals=12)
    t = r * np.sqrt(df / max(1 - r**2, 1e-300))
    numbers = {"estimate": r, "df": float(df), "statistic": float(t), "p": float(2 * stdtr(df, -abs(t)))}
    return {**numbers, "low": float(low), "high": float(high), "n_patients": people, "n_observations": len(table)}


def _freed(values: Any, groups: list[Any]) -> Any:
    """Values without the means of several groupings at once."""
    import numpy as np

    sizes = [np.bincount(codes) for codes in groups]
    scale = max(values.std(), 1e-300)
    values = values - values.mean()
    for _ in range(10_000):
        before = values
        for codes, size in zip(groups, sizes, strict=True):
            values = values - (np.bincount(codes, values) / size)[codes]
        if np.abs(values - before).max() <= 1e-13 * scale:
            break
    return values


def _correlations(rows: "pd.DataFrame", pain: "pd.DataFrame", question: Question) -> "list[pd.DataFrame]":
    """Correlation with pain within patients: with the means of arm and visit removed, and raw."""
    import pandas as pd

    both = rows.merge(pain[["patient", "visit", "value"]], on=["patient", "visit"], suffixes=("", "_pain"))
    arm = both["arm"].fillna("")
    places = {"within_patients": arm + "|" + both["visit"], "raw": pd.Series("", both.index)}
    made = []
    for variant, place in places.items():
        row: dict[str, Any] = {"variant": variant, "term": structured([question.settings.pain]), "method": METHOD}
        try:
            told = within_correlation(
                both["value_pain"], both["value"], both["patient"], place, question.settings.level
            )
            row |= told | {"status": "converged", "df_method": "residual"}
        except ValueError as error:
            people = both["patient"].nunique()
            row |= {"status": "not_estimated", "note": str(error), "n_patients": people, "n_observations": len(both)}
        made.append(complete(pd.DataFrame([row]), question, quantity="correlation", unit=""))
    return made


# ---------------------------------------------------------------- repeatability


def _repeatability(readings: "pd.DataFrame | None", question: Question) -> "list[pd.DataFrame]":
    """How well the readings of a measure agree at baseline; nothing where it has none."""
    import pandas as pd

    from needling.analysis.repeatability import LEVEL, repeatability

    mine = readings[readings["instrument"] == question.instrument] if readings is not None else pd.DataFrame()
    if mine.empty:
        return []
    common: dict[str, Any] = {"visit": question.baseline_visit, "better": "neither", "method": AGREEMENT}
    try:
        found = repeatability(mine)
    except ValueError as error:
        lost = {"status": "not_estimated", "note": str(error), "n_patients": mine["patient"].nunique()}
        rows = pd.DataFrame([common | lost | {"variant": variant} for variant in ("single", "mean")])
        return [complete(rows, question, quantity="icc", term=structured(["readings"]), unit="")]
    counts = {
        "n_patients": found["n_patients"],
        "n_observations": found["n_patients"] * found["k"],
        "status": "converged",
    }
    common |= counts | {"term": structured(["readings"]), "at": structured({"readings": found["k"]})}
    shares = [common | {"variant": one, "quantity": "icc", "unit": "", **found[one]} for one in ("single", "mean")]
    errors = [
        common | {"variant": "mean", "quantity": quantity, "unit": question.difference_unit, "estimate": found[name]}
        for quantity, name in (("standard_error_of_measurement", "sem"), ("smallest_detectable_change", "sdc"))
    ]
    return [complete(pd.DataFrame([*shares, *errors]), question).assign(level=LEVEL)]


# ---------------------------------------------------------------- twitch responses


def split(sessions: "pd.DataFrame", needled: list[str], response: str) -> "pd.DataFrame":
    """Split the twitch response at sessions with needling of some arms into the patient's share and the deviation from it.

    Parameters
    ----------
    sessions : contract SESSIONS_FRAME with muscles and twitch.
    needled : arms.
    response : pain_change, or next_pain_before.

    Returns
    -------
    Those sessions at which it is known whether a muscle twitched and the response is, with twitch_between (0-1, mean over the
    patient's sessions kept), twitch_within (twitch minus it) and next_pain_before (0-10, of the patient's next session on record).

    Example
    -------
    >>> import pandas as pd
    >>> given = {"patient": ["a", "a", "b"], "number": [1, 2, 1], "arm": "needling", "twitch": [1, 0, 1],
    ...     "muscles": 2, "pain_before": [6.0, 5.0, 7.0], "pain_change": [-2.0, 0.0, -1.0]}
    >>> split(pd.DataFrame(given), ["needling"], "pain_change")[["patient", "twitch_between",
    ...     "twitch_within"]].values.tolist()
    [['a', 0.5, 0.5], ['a', 0.5, -0.5], ['b', 1.0, 0.0]]
    """
    rows = sessions.sort_values(["patient", "number"], kind="stable")
    rows = rows.assign(next_pain_before=rows.groupby("patient")["pain_before"].shift(-1))
    rows = rows[rows["arm"].isin(needled) & (rows["muscles"] > 0)].dropna(subset=["twitch", response])
    between = rows.groupby("patient")["twitch"].transform("mean")
    return rows.assign(twitch_between=between, twitch_within=rows["twitch"] - between).reset_index(drop=True)


def _twitch(sessions: "pd.DataFrame", question: Question, variant: str) -> "pd.DataFrame":
    """Coefficients of the twitch response within and between patients, for pain in the same or before the next session."""
    import re

    import pandas as pd

    from needling.analysis.fits import common_columns, safe_frame
    from needling.analysis.results import coefficient_rows
    from needling.mixed.errors import MixedModelError
    from needling.mixed.fit import fit_ladder

    response = RESPONSES[variant]
    terms = ["twitch_within", "twitch_between"]
    rows = split(sessions, question.settings.needled, response)
    about = replace(question, outcome=response, unit="0-10 points", better="lower", site="", instrument="")
    people, varies = rows["patient"].nunique(), rows["twitch_within"].abs() > 0
    why = ""
    if people < FEWEST_PATIENTS:
        why = f"fewer than {FEWEST_PATIENTS} patients with sessions at which a twitch response is on record"
    elif rows.loc[varies, "patient"].nunique() < FEWEST_PATIENTS:
        why = f"fewer than {FEWEST_PATIENTS} patients had sessions with and without a twitch response"
    if not why:
        try:
            frame = safe_frame(rows, [*terms, "number"], [], {})
            fit = fit_ladder(
                f"{response} ~ twitch_within + twitch_between + number",
                frame.data,
                residuals=["iid()"],
                subject="patient",
                random="1",
            )
            why = frame.words(fit.message) if fit.status == "failed" else ""
        except MixedModelError as error:
            why = re.sub(r"of patient '[^']*' ", "of a patient ", str(error)).rstrip(".")
    if why:
        empty = pd.DataFrame({"term": [structured([one]) for one in terms]})
        told = {"n_patients": people, "n_observations": len(rows), "method": SESSIONS, "status": "not_estimated"}
        return coefficient_rows(empty, about, variant=variant, note=why, **told)
    inference = {"df": "kenward_roger", "level": question.settings.level}
    table = fit.terms(**inference).drop(columns="status")
    table = table[table["term"].isin(terms)]
    table["term"] = [structured([str(one)]) for one in table["term"]]
    return coefficient_rows(table, about, variant=variant, **common_columns(fit, frame, SESSIONS, inference))


def _written(settings: Settings, study: Study) -> list[tuple[str, str]]:
    """The correlation within patients, and the model of the sessions where there is one."""
    removed = "of each arm and visit" if study.arms else "of each visit"
    lines = [
        (
            r"r = \frac{\sum_{ij} \tilde{q}_{ij}\,\tilde{p}_{ij}}"
            r"{\sqrt{\sum_{ij} \tilde{q}_{ij}^{2} \sum_{ij} \tilde{p}_{ij}^{2}}}",
            f"The correlation within patients is that of a measure and pain from which the means of patients and {removed} are "
            "removed",
        )
    ]
    if settings.needled:
        terms = [
            INTERCEPT,
            (
                r"\beta_{w}\,(T_{ik} - \bar{T}_{i})",
                "a slope times the twitch response less the patient's share of sessions with one",
            ),
            (r"\beta_{b}\,\bar{T}_{i}", "a slope times that share"),
            (r"\delta\,k", "a slope times the number of the session"),
            (r"b_{i}", "an intercept of the patient"),
            (ERROR[0].replace("{i}", "{ik}"), ERROR[1]),
        ]
        lines.append(summed((r"D_{ik}", "Pain of a patient about a session"), terms))
    return displayed(lines)


def methods(settings: Settings, study: Study) -> list[tuple[str, str]]:
    """What the analysis does, in sentences with codes in braces, and what shows it."""
    named = ", ".join(braced("outcome", one) for one in settings.measures)
    model = (
        f"Measures of process ({named}). Course by arm: mixed model for repeated measures (REML), baseline as a covariate."
        if study.arms
        else f"Measures of process ({named}). Course: mixed model for repeated measures (REML)."
    )
    if settings.sites:
        first, second = (one.replace("_", " ") for one in settings.sites)
        model += f" The threshold at the {first} minus that at the {second} site is analysed in the same way, within the person."
    model += (
        f" Correlation with {braced('outcome', settings.pain)} within patients: repeated-measures correlation after the means of "
        f"{'arm and visit' if study.arms else 'each visit'} were removed from both; raw, two things that both improve go together."
    )
    if settings.needled:
        model += (
            " Local twitch responses: among sessions with needling, split into the patient's share of sessions with one and the "
            "session's deviation from it, against the change of pain within the session and pain before the next one (mixed "
            "models, random intercept of patients, number of the session as a covariate; no earlier pain is one)."
        )
    if any(study.instruments[one].items for one in _measured(settings, study)):
        model += (
            " Repeatability of readings of one visit at baseline: intraclass correlation of absolute agreement, ICC(A,1) of one "
            "reading and ICC(A,k) of their mean, which is what is analysed, with 95% intervals (two-way analysis of variance); "
            "standard error of measurement of the mean; and 1.96 sqrt(2) times it, the smallest detectable change of a person "
            "within a visit."
        )
    return [
        ("model", model),
        *_written(settings, study),
        ("uses", "every measurement of a measure and, for the correlation, those at whose visit pain was rated too"),
        ("missing", "No missing measurement was imputed or carried forward."),
        ("wording", "association"),
        ("limits", PROXY),
        ("averaged", "the analysed measurements"),
        ("table", "process_course"), ("table", "process_relations"), ("figure", "measures"),
    ]  # fmt: skip


def _measured(settings: Settings, study: Study) -> list[str]:
    """Instruments of the measures whose items are repeated readings."""
    from needling.instruments.definition import definition

    named = [plan.outcomes[one] for plan in study.cohorts.values() for one in settings.measures if one in plan.outcomes]
    names = dict.fromkeys(name for one in named for name in ([one] if isinstance(one, str) else one))
    return [name for name in names if definition(name, study.instruments[name]).measured]


PROXY = (
    "Pressure pain thresholds and conditioned pain modulation are proxies of how pain is processed; opioids of the body were not "
    "measured, nor can they be in a clinic. Correlations within patients and twitch responses are associations: who twitches, and "
    "whose thresholds change, was not drawn by lot."
)
