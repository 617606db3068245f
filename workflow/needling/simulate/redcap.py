"""A made-up study as the raw export of a REDCap project: longitudinal, with repeating instruments and a dictionary."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from needling.simulate.made_up import SimulatedStudy
from needling.simulate.people import MEDICATION, WHY_NOT_ENROLLED
from needling.simulate.scenario import ASKED_AGAIN, COHORTS, GUESS_TIMES, GUESSES, SCALES, VISITS, Scenario
from needling.simulate.treatment import (
    CO_INTERVENTIONS,
    MILESTONES,
    MINOR_EVENTS,
    REASONS_LEFT,
    REASONS_STOPPED,
    SHAM,
    STIMULATIONS,
    TECHNIQUES,
)

DICTIONARY_COLUMNS = (
    "Variable / Field Name",
    "Form Name",
    "Section Header",
    "Field Type",
    "Field Label",
    "Choices, Calculations, OR Slider Labels",
    "Field Note",
    "Text Validation Type OR Show Slider Number",
    "Text Validation Min",
    "Text Validation Max",
    "Identifier?",
    "Branching Logic (Show field only if...)",
    "Required Field?",
    "Custom Alignment",
    "Question Number (surveys only)",
    "Matrix Group Name",
    "Matrix Ranking?",
    "Field Annotation",
)
KEYS = (
    "record_id",
    "redcap_event_name",
    "redcap_repeat_instrument",
    "redcap_repeat_instance",
    "redcap_data_access_group",
)
ENROLMENT, TREATMENT, END = "enrolment_arm_1", "treatment_arm_1", "study_end_arm_1"
EVENTS = (ENROLMENT, *(f"{visit}_arm_1" for visit in VISITS), TREATMENT, END)
REPEATING = ("treatment_session", "needling", "co_intervention", "adverse_event", "milestone", "guess_of_arm")
REASONS_OF_EXIT = tuple(dict.fromkeys((*REASONS_LEFT, *REASONS_STOPPED)))
EVENT_KINDS = (*MINOR_EVENTS, "prolonged_aggravation")
MUSCLES = tuple(dict.fromkeys(muscle for plan in COHORTS.values() for muscle in plan.muscles))
SUBDIAGNOSES = tuple(dict.fromkeys(name for plan in COHORTS.values() for name in plan.subdiagnoses))
ARM_LABELS = {"usual_care": "usual care", "sham": "sham needling", "dry_needling": "dry needling"}
SESSION_NOTES = ("tolerated well", "sore afterwards", "tired today", "slept badly", "back at work", "stretching shown")
EVENT_NOTES = ("settled by itself", "ice applied", "watched for ten minutes", "told to rest")

# instrument -> the title of its items, and how many may stay unanswered for a total
QUESTIONNAIRES = {
    "ndi": ("NDI", 2),
    "fiqr": ("FIQR", 10),
    "visa_a": ("VISA-A", 0),
    "lefs": ("LEFS", 0),
    "quickdash": ("QuickDASH", 1),
    "csi": ("CSI", 0),
    "pcs_total": ("PCS", 0),
    "tsk11": ("TSK-11", 0),
}
STEMS = {"pcs_total": "pcs"}
ITEM_MISSING = 0.002
READING_SPREAD = 0.04


@dataclass(frozen=True)
class _Field:
    name: str
    form: str
    label: str
    kind: str = "text"
    choices: tuple[str, ...] | str = ()
    validation: str = ""
    low: str = ""
    high: str = ""
    note: str = ""

    def columns(self) -> list[str]:
        """Columns of this field in the records."""
        if self.kind == "checkbox":
            return [f"{self.name}___{number}" for number in range(len(self.choices))]
        return [self.name]

    def row(self) -> dict[str, str]:
        """Row of this field in the dictionary."""
        choices = self.choices
        if isinstance(choices, tuple):
            first = 0 if self.kind == "checkbox" else 1
            choices = " | ".join(f"{code}, {_words(name)}" for code, name in enumerate(choices, first))
        values: tuple[str, ...] = (self.name, self.form, "", self.kind, self.label, choices, self.note)
        values += (self.validation, self.low, self.high, *[""] * 8)
        return dict(zip(DICTIONARY_COLUMNS, values, strict=True))


def _words(name: str) -> str:
    return name.replace("_", " ").capitalize()


def _number(name: str, form: str, label: str, low: float, high: float, kind: str = "integer", note: str = "") -> _Field:
    return _Field(name, form, label, validation=kind, low=f"{low:g}", high=f"{high:g}", note=note)


def _choice(name: str, form: str, label: str, choices: tuple[str, ...]) -> _Field:
    return _Field(name, form, label, "radio", choices)


def _date(name: str, form: str, label: str) -> _Field:
    return _Field(name, form, label, validation="date_ymd")


def stem(instrument: str) -> str:
    """First part of the columns of an instrument, e.g. ndi for ndi_1 and ndi_total."""
    return STEMS.get(instrument, instrument)


def _questionnaire(instrument: str) -> list[_Field]:
    title, _ = QUESTIONNAIRES[instrument]
    scale, name = SCALES[instrument], stem(instrument)
    items = [
        _number(f"{name}_{item + 1}", name, f"{title} item {item + 1}", low, high)
        for item, (low, high) in enumerate(zip(scale.lows, scale.highs, strict=True))
    ]
    return [*items, _Field(f"{name}_total", name, f"{title} total", "calc", note=scale.unit)]


def _enrolment_fields() -> list[_Field]:
    form = "enrolment"
    return [
        _Field("record_id", form, "Record"),
        _date("date_screened", form, "Date of screening"),
        _Field("eligible", form, "Enrolled", "yesno"),
        _choice("reason_excluded", form, "Why not enrolled", WHY_NOT_ENROLLED),
        _choice("cohort", form, "Cohort", tuple(COHORTS)),
        _choice("subdiagnosis", form, "Subdiagnosis", SUBDIAGNOSES),
        _choice("affected_side", form, "Affected side", ("left", "right", "both")),
        _number("age", form, "Age", 18, 110, note="years"),
        _choice("sex", form, "Sex", ("female", "male")),
        _number("height_cm", form, "Height", 120, 220, note="cm"),
        _number("weight_kg", form, "Weight", 35, 220, "number", note="kg"),
        _number("duration_weeks", form, "Duration of complaints", 0, 3000, note="weeks"),
        _Field("medication", form, "Medication", "checkbox", MEDICATION),
        _Field("prior_needling", form, "Needled before", "yesno"),
        _number("expectation", form, "Expected benefit", 0, 10),
        _date("date_randomised", "randomisation", "Date of randomisation"),
        _Field("arm", "randomisation", "Arm"),
    ]


def _visit_fields(questionnaires: list[str]) -> list[_Field]:
    return [
        _date("visit_date", "visit", "Date of visit"),
        _Field("therapist", "visit", "Therapist"),
        _number("nprs", "visit", "Pain (numeric rating)", 0, 10),
        *[
            _number(f"ppt_{reading}", "visit", f"Pressure pain threshold {reading}", 0, 2000, "number")
            for reading in (1, 2, 3)
        ],
        _Field("ppt_unit", "visit", "Unit of the pressure pain threshold"),
        *[field for instrument in questionnaires for field in _questionnaire(instrument)],
        _Field(
            "pgic",
            "pgic",
            "Global impression of change",
            "radio",
            " | ".join(f"{code}, PGIC level {code}" for code in range(1, 8)),
        ),
    ]


def _mechanism_fields() -> list[_Field]:
    """What only the studies without a sham measure: a remote site, modulation, and milestones."""
    remote = [
        _number(f"ppt_remote_{one}", "visit", f"Pressure pain threshold, remote site, {one}", 0, 2000, "number")
        for one in (1, 2, 3)
    ]
    return [
        *remote,
        _number("cpm", "visit", "Conditioned pain modulation", -2000, 2000, note="kPa"),
        _date("milestone_date", "milestone", "Date of the milestone"),
        _choice("milestone_kind", "milestone", "Milestone", MILESTONES),
    ]


def _treatment_fields(techniques: tuple[str, ...]) -> list[_Field]:
    session, needling, co, event, *_ = REPEATING
    return [
        _number("session", session, "Session number", 1, 20),
        _date("session_date", session, "Date of session"),
        _Field("session_therapist", session, "Therapist of the session"),
        _number("pain_before", session, "Pain before the session", 0, 10),
        _number("pain_after", session, "Pain after the session", 0, 10),
        _number("soreness_24h", session, "Soreness after 24 hours", 0, 10),
        _number("soreness_72h", session, "Soreness after 72 hours", 0, 10),
        _Field("session_note", session, "Note", "notes"),
        _number("needling_session", needling, "Session number", 1, 20),
        _date("needling_date", needling, "Date of needling"),
        _choice("technique", needling, "Technique", techniques),
        _choice("muscle", needling, "Muscle", MUSCLES),
        _choice("muscle_side", needling, "Side", ("left", "right")),
        _choice("trigger_point", needling, "Trigger point", ("active", "latent")),
        _number("insertions", needling, "Insertions", 1, 30),
        _number("needles", needling, "Needles", 1, 10),
        _number("depth_mm", needling, "Depth", 3, 60, note="mm"),
        _number("gauge_mm", needling, "Needle diameter", 0.16, 0.35, "number", note="mm"),
        _number("length_mm", needling, "Needle length", 13, 100, note="mm"),
        _choice("response_sought", needling, "Response sought", ("twitch", "sensation")),
        _Field("ltr", needling, "Local twitch response", "yesno"),
        _number("ltr_count", needling, "Local twitch responses", 0, 30),
        _choice("manipulation", needling, "Manipulation", ("none", "pistoning")),
        _number("retention_min", needling, "Needles left in", 0, 30, note="minutes"),
        _Field("ultrasound_guided", needling, "Guided by ultrasound", "yesno"),
        _number("pain_during", needling, "Pain during needling", 0, 10),
        _Field("stopped_early", needling, "Stopped early", "yesno"),
        _number("co_session", co, "Session number", 1, 20),
        _date("co_date", co, "Date"),
        _choice("co_kind", co, "Kind", CO_INTERVENTIONS),
        _number("co_minutes", co, "Duration", 0, 240, note="minutes"),
        _choice("co_adherence", co, "Adherence", ("full", "partial", "none")),
        _number("ae_session", event, "Session number", 1, 20),
        _date("ae_date", event, "Date of the event"),
        _choice("ae_kind", event, "Event", EVENT_KINDS),
        _choice("ae_severity", event, "Severity", ("mild", "moderate", "severe")),
        _choice("ae_related", event, "Related to treatment", ("related", "unrelated")),
        _Field("ae_note", event, "Note", "notes"),
        _date("stop_date", "status", "Date of stopping"),
        _choice("stop_reason", "status", "Reason for stopping", REASONS_OF_EXIT),
        _Field("still_followed", "status", "Still followed", "yesno"),
    ]


def _fields(scenario: Scenario) -> list[_Field]:
    """Fields of the project: a trial with a sham has its own questionnaire and asks for guesses, the others have all."""
    if "sham" not in scenario.arms:
        visit = [*_visit_fields(list(QUESTIONNAIRES)), *_mechanism_fields()]
        stimulation = [
            _choice("stimulation", REPEATING[1], "Stimulation", STIMULATIONS),
            _number("stimulation_hz", REPEATING[1], "Frequency of the stimulation", 2, 100, note="Hz"),
        ]
        return [*_enrolment_fields(), *visit, *_treatment_fields(TECHNIQUES), *stimulation]
    asked = [name for name in QUESTIONNAIRES if any(name in COHORTS[cohort].function for cohort in scenario.cohorts)]
    guess = [
        _choice("guess_time", REPEATING[-1], "When asked", GUESS_TIMES),
        _date("guess_date", REPEATING[-1], "Date of the guess"),
        _choice("guess", REPEATING[-1], "Which needle do you believe you had", GUESSES),
    ]
    return [*_enrolment_fields(), *_visit_fields(asked), *_treatment_fields((*TECHNIQUES, SHAM)), *guess]


def _columns(scenario: Scenario) -> list[str]:
    return list(dict.fromkeys([*KEYS, *(column for field in _fields(scenario) for column in field.columns())]))


def dictionary(scenario: Scenario) -> pd.DataFrame:
    """Return the data dictionary: one row per field, REDCap's 18 columns, all text."""
    return pd.DataFrame([field.row() for field in _fields(scenario)], columns=list(DICTIONARY_COLUMNS)).astype("str")


def to_redcap(study: SimulatedStudy, rng: np.random.Generator) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Write a made-up study as the raw export of a longitudinal REDCap project.

    Parameters
    ----------
    study : clean tables.
    rng : draws what an export has and the truth has not: a few unanswered items, the three pressure readings around
        their mean, notes.

    Returns
    -------
    The records (all text, blank is missing; one row per event, or per instance of a repeating instrument; sorted by
    record, event, instrument and instance) and the dictionary.
    """
    return next(redcap_blocks(study, rng, len(study.patients))), dictionary(study.scenario)


def redcap_blocks(study: SimulatedStudy, rng: np.random.Generator, patients: int) -> Iterator[pd.DataFrame]:
    """Write the records of so many patients at a time, for studies that do not fit into memory as text."""
    names = _Names(study)
    blocks = -(-len(study.patients) // patients)
    streams = rng.spawn(blocks)
    for block, stream in enumerate(streams):
        part = study if blocks == 1 else _part(study, block, blocks, patients)
        yield _records(part, names, stream)


def _part(study: SimulatedStudy, block: int, blocks: int, patients: int) -> SimulatedStudy:
    first, last = block * patients, (block + 1) * patients

    def of(table: pd.DataFrame) -> pd.DataFrame:
        return table[table["patient"].between(first, last - 1)].reset_index(drop=True)

    tables = (
        "patients",
        "visits",
        "pgic",
        "sessions",
        "needling",
        "co_interventions",
        "adverse_events",
        "milestones",
        "status",
        "guesses",
    )
    parts: dict[str, Any] = {name: of(getattr(study, name)) for name in tables}
    parts["answers"] = {name: of(table) for name, table in study.answers.items()}
    parts["excluded"] = study.excluded[study.excluded.index % blocks == block]
    return replace(study, **parts)


def _records(study: SimulatedStudy, names: "_Names", rng: np.random.Generator) -> pd.DataFrame:
    by = dict(zip(("items", "readings", "notes", "remote"), rng.spawn(4), strict=True))
    frames = [
        _enrolment_rows(study, names),
        _excluded_rows(study, names),
        _visit_rows(study, names, by),
        *_treatment_rows(study, names, by["notes"]),
    ]
    records = pd.concat(frames, ignore_index=True).reindex(columns=_columns(study.scenario)).fillna("")
    event = records["redcap_event_name"].map({name: place for place, name in enumerate(EVENTS)})
    repeat = records["redcap_repeat_instrument"].map({name: place for place, name in enumerate(("", *REPEATING))})
    instance = pd.to_numeric(records["redcap_repeat_instance"]).fillna(0)
    order = np.lexsort((instance, repeat, event, records["record_id"]))
    return records.loc[order].astype("str").reset_index(drop=True)


class _Names:
    """Codes of records, clinics and therapists as the export writes them."""

    def __init__(self, study: SimulatedStudy) -> None:
        people, excluded = study.patients, study.excluded
        clinic = np.r_[people["clinic"].to_numpy(), excluded["clinic"].to_numpy()]
        screened = np.r_[screening_dates(study), excluded["date_screened"].to_numpy().astype("datetime64[D]")]
        order = np.lexsort((np.arange(len(clinic)), screened, clinic))
        number = pd.Series(clinic[order]).groupby(clinic[order]).cumcount().to_numpy() + 1
        digits = max(4, len(str(np.max(number))))
        codes = np.empty(len(clinic), dtype=object)
        codes[order] = [f"C{c + 1:02d}-{k:0{digits}d}" for c, k in zip(clinic[order], number, strict=True)]
        self.record, self.excluded = codes[: len(people)], codes[len(people) :]
        self.clinics = np.array(clinic_names(study.scenario), dtype=object)
        self.therapists = np.array([f"T{t + 1:02d}" for t in range(study.scenario.therapists)], dtype=object)
        self.patient_clinic = self.clinics[people["clinic"].to_numpy()]
        self.day_0 = people["day_0"].to_numpy().astype("datetime64[D]")

    def rows(self, patient: np.ndarray, event: Any, repeat: str = "") -> dict[str, Any]:
        """First columns of rows of these patients."""
        instance: Any = ""
        if repeat:
            instance = (pd.Series(patient).groupby(patient).cumcount() + 1).astype("str").to_numpy()
        return {
            "record_id": self.record[patient],
            "redcap_event_name": event,
            "redcap_repeat_instrument": repeat,
            "redcap_repeat_instance": instance,
            "redcap_data_access_group": self.patient_clinic[patient],
        }

    def dates(self, patient: np.ndarray, day: np.ndarray) -> np.ndarray:
        """Dates of days counted from each patient's day 0."""
        return _iso(self.day_0[patient] + day)


def clinic_names(scenario: Scenario) -> list[str]:
    """Codes of the clinics, as data access groups are written."""
    return [f"clinic_{clinic + 1:02d}" for clinic in range(scenario.clinics)]


def screening_dates(study: SimulatedStudy) -> np.ndarray:
    """Date on which each patient was screened."""
    people = study.patients
    return people["day_0"].to_numpy().astype("datetime64[D]") - people["days_screened_before"].to_numpy()


def _iso(dates: np.ndarray) -> np.ndarray:
    return np.datetime_as_string(dates.astype("datetime64[D]"), unit="D").astype(object)


def _code(values: pd.Series, choices: tuple[str, ...]) -> np.ndarray:
    return values.map({name: str(code) for code, name in enumerate(choices, 1)}).fillna("").to_numpy(object)


def _whole(values: Any) -> np.ndarray:
    numbers = pd.Series(np.asarray(values, dtype=float))
    return numbers.astype("Int64").astype("string").fillna("").to_numpy(object)


def _decimal(values: np.ndarray, digits: int) -> np.ndarray:
    """Write numbers with at most `digits` decimals, as a calculated field does."""
    rounded = pd.Series(np.round(values, digits))
    text = rounded.map(lambda value: "" if np.isnan(value) else f"{value:.{digits}f}".rstrip("0").rstrip("."))
    return text.to_numpy(object)


def _yes(values: pd.Series) -> np.ndarray:
    return np.where(values.to_numpy(bool), "1", "0").astype(object)


def _enrolment_rows(study: SimulatedStudy, names: _Names) -> pd.DataFrame:
    people = study.patients
    patient = people["patient"].to_numpy()
    columns = names.rows(patient, ENROLMENT) | {
        "date_screened": _iso(screening_dates(study)),
        "eligible": "1",
        "cohort": _code(people["cohort"], tuple(COHORTS)),
        "subdiagnosis": _code(people["subdiagnosis"], SUBDIAGNOSES),
        "affected_side": _code(people["affected_side"], ("left", "right", "both")),
        "age": _whole(people["age"]),
        "sex": _code(people["sex"], ("female", "male")),
        "height_cm": _whole(people["height_cm"]),
        "weight_kg": _decimal(people["weight_kg"].to_numpy(), 1),
        "duration_weeks": _whole(people["duration_weeks"]),
        "prior_needling": _yes(people["prior_needling"]),
        "expectation": _whole(people["expectation"]),
        "date_randomised": _iso(names.day_0[patient]),
        "arm": people["arm"].map(ARM_LABELS).to_numpy(object),
    }
    for number, name in enumerate(MEDICATION):
        columns[f"medication___{number}"] = _yes(people[f"medication_{name}"])
    return pd.DataFrame(columns)


def _excluded_rows(study: SimulatedStudy, names: _Names) -> pd.DataFrame:
    people = study.excluded
    return pd.DataFrame(
        {
            "record_id": names.excluded[people.index],
            "redcap_event_name": ENROLMENT,
            "redcap_repeat_instrument": "",
            "redcap_repeat_instance": "",
            "redcap_data_access_group": names.clinics[people["clinic"].to_numpy()],
            "date_screened": _iso(people["date_screened"].to_numpy()),
            "eligible": "0",
            "reason_excluded": _code(people["reason_excluded"], WHY_NOT_ENROLLED),
            "cohort": _code(people["cohort"], tuple(COHORTS)),
            "age": _whole(people["age"]),
            "sex": _code(people["sex"], ("female", "male")),
        }
    )


def _visit_rows(study: SimulatedStudy, names: _Names, by: dict[str, np.random.Generator]) -> pd.DataFrame:
    came = study.visits[study.visits["attended"]]
    patient = came["patient"].to_numpy()
    event = np.array(EVENTS[1 : 1 + len(VISITS)], dtype=object)[came["visit_number"].to_numpy()]
    rows = pd.DataFrame(
        names.rows(patient, event)
        | {
            "visit_date": names.dates(patient, came["day"].to_numpy()),
            "therapist": names.therapists[came["therapist"].to_numpy()],
        },
        index=pd.MultiIndex.from_frame(came[["patient", "visit_number"]]),
    )
    parts: list[Any] = [_scores(study.answers[name], {name: "item_1"}) for name in ("nprs", "cpm")]
    parts.append(_readings("ppt", study.answers["ppt"], by["readings"]).assign(ppt_unit="kPa"))
    parts.append(_readings("ppt_remote", study.answers["ppt_remote"], by["remote"]))
    parts += [_questionnaire_columns(name, study.answers[name], by["items"]) for name in QUESTIONNAIRES]
    parts.append(_scores(study.pgic, {"pgic": "pgic"}))
    return rows.join(parts).reset_index(drop=True)


def _indexed(table: pd.DataFrame) -> pd.DataFrame:
    return table[table["observed"]].set_index(["patient", "visit_number"])


def _scores(table: pd.DataFrame, columns: dict[str, str]) -> pd.DataFrame:
    seen = _indexed(table)
    return pd.DataFrame({new: _whole(seen[old]) for new, old in columns.items()}, index=seen.index)


def _readings(stem: str, table: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Three readings (kPa) whose mean is the threshold."""
    seen = _indexed(table)
    middle = seen["item_1"].to_numpy()
    spread = np.maximum(middle * READING_SPREAD, 1)
    one, two = (np.rint(rng.normal(0, 1, len(seen)) * spread).clip(-2 * spread, 2 * spread).astype(int) for _ in "12")
    values = {f"{stem}_1": middle + one, f"{stem}_2": middle + two, f"{stem}_3": middle - one - two}
    return pd.DataFrame({k: _whole(v) for k, v in values.items()}, index=seen.index)


def _questionnaire_columns(instrument: str, table: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Items and total; a few items are unanswered, and the total is blank where too many are. Asked again: the total alone."""
    seen = _indexed(table)
    again = seen[seen.index.get_level_values("visit_number").isin(ASKED_AGAIN.get(instrument, ()))]
    seen = seen.drop(again.index)
    scale, name = SCALES[instrument], stem(instrument)
    answers = seen[[f"item_{item + 1}" for item in range(scale.items)]].to_numpy(float, copy=True)
    answers[rng.random(answers.shape) < ITEM_MISSING] = np.nan
    total = scale.score_answered(answers)
    total[np.isnan(answers).sum(axis=1) > QUESTIONNAIRES[instrument][1]] = np.nan
    columns = {f"{name}_{item + 1}": _whole(answers[:, item]) for item in range(scale.items)}
    first = pd.DataFrame(columns | {f"{name}_total": _decimal(total, 2)}, index=seen.index)
    if not len(again):
        return first
    later = pd.DataFrame({f"{name}_total": _decimal(again["total"].to_numpy(float), 2)}, index=again.index)
    return pd.concat([first, later]).fillna("")


def _treatment_rows(study: SimulatedStudy, names: _Names, rng: np.random.Generator) -> list[pd.DataFrame]:
    session, needling, co, event, milestone, guess = REPEATING

    def rows(table: pd.DataFrame, repeat: str, columns: dict[str, Any], at: str = TREATMENT) -> pd.DataFrame:
        return pd.DataFrame(names.rows(table["patient"].to_numpy(), at, repeat) | columns)

    def date(table: pd.DataFrame) -> np.ndarray:
        return names.dates(table["patient"].to_numpy(), table["day"].to_numpy())

    def note(count: int, phrases: tuple[str, ...], share: float) -> np.ndarray:
        said = rng.choice(np.array(phrases, dtype=object), count)
        return np.where(rng.random(count) < share, said, "")

    s, n, c, a, left = study.sessions, study.needling, study.co_interventions, study.adverse_events, study.status
    reached = study.milestones
    session_columns = {
        "session": _whole(s["session"]),
        "session_date": date(s),
        "session_therapist": names.therapists[s["therapist"].to_numpy()],
        **{name: _whole(s[name]) for name in ("pain_before", "pain_after", "soreness_24h", "soreness_72h")},
        "session_note": note(len(s), SESSION_NOTES, 0.2),
    }
    needling_columns = {"needling_session": _whole(n["session"]), "needling_date": date(n)}
    needling_columns |= _needling_columns(n)
    co_columns = {
        "co_session": _whole(c["session"]),
        "co_date": date(c),
        "co_kind": _code(c["kind"], CO_INTERVENTIONS),
        "co_minutes": _whole(c["minutes"]),
        "co_adherence": _code(c["adherence"], ("full", "partial", "none")),
    }
    event_columns = {
        "ae_session": _whole(a["session"]),
        "ae_date": date(a),
        "ae_kind": _code(a["kind"], EVENT_KINDS),
        "ae_severity": _code(a["severity"], ("mild", "moderate", "severe")),
        "ae_related": _code(a["related"], ("related", "unrelated")),
        "ae_note": note(len(a), EVENT_NOTES, 0.3),
    }
    status_columns = {
        "stop_date": date(left),
        "stop_reason": _code(left["reason"], REASONS_OF_EXIT),
        "still_followed": _yes(left["still_followed"]),
    }
    milestone_columns = {"milestone_date": date(reached), "milestone_kind": _code(reached["kind"], MILESTONES)}
    told = study.guesses
    guess_columns = {
        "guess_time": _code(told["time"], GUESS_TIMES),
        "guess_date": date(told),
        "guess": _code(told["guess"], GUESSES),
    }
    return [
        rows(s, session, session_columns),
        rows(n, needling, needling_columns),
        rows(c, co, co_columns),
        rows(a, event, event_columns),
        rows(reached, milestone, milestone_columns),
        rows(left, "", status_columns, END),
        rows(told, guess, guess_columns),
    ]


def _needling_columns(table: pd.DataFrame) -> dict[str, Any]:
    whole = ("insertions", "needles", "depth_mm", "length_mm", "ltr_count", "retention_min", "pain_during")
    stimulation = {}
    if "stimulation" in table:
        stimulation = {
            "stimulation": _code(table["stimulation"], STIMULATIONS),
            "stimulation_hz": _whole(table["stimulation_hz"]),
        }
    return {
        "technique": _code(table["technique"], (*TECHNIQUES, SHAM)),
        "muscle": _code(table["muscle"], MUSCLES),
        "muscle_side": _code(table["side"], ("left", "right")),
        "trigger_point": _code(table["trigger_point"], ("active", "latent")),
        "gauge_mm": _decimal(table["gauge_mm"].to_numpy(), 2),
        "response_sought": _code(table["response_sought"], ("twitch", "sensation")),
        "ltr": _yes(table["ltr"]),
        "manipulation": _code(table["manipulation"], ("none", "pistoning")),
        "ultrasound_guided": _yes(table["ultrasound_guided"]),
        "stopped_early": _yes(table["stopped_early"]),
        **stimulation,
        **{name: _whole(table[name]) for name in whole},
    }
