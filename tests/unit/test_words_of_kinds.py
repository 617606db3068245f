"""What every kind says of itself, by design: no sentence of cause, and where nobody was allocated by lot no effect of treatment."""

import re

import pytest
from made_kinds import KINDS, OF_ARMS, OF_CHOICE, OF_LOT, TWO, sections, tables
from made_results import ARM, plan

from needling.analysis.kinds import kinds, settings_of_kinds
from needling.analysis.run import analyse
from needling.extension import frames
from needling.figures.draw import figures
from needling.labels.words import Labels
from needling.release.line import release
from needling.report.text import _sentences
from needling.schema.contract import empty
from needling.schema.frames import BASELINE, DISTRIBUTION, FLOW, MISSINGNESS
from needling.schema.intake import ACCOUNT, AUDIT, CODEBOOK, RELIABILITY, TOTALS
from needling.study.file import part, study_model
from needling.tables.make import tables as printers

PAIN = {"outcomes": ["pain"]}
SETTINGS = {
    "ancova": {**PAIN, "visits": ["week_4"], "adjust": ["age"]},
    "blinding": {"guesses": {"needle": "dry_needling", "none": "usual_care"}, "unknown": ["do_not_know"]},
    "clustering": PAIN,
    "dose": {**PAIN, "dose": "observed", "visits": ["week_8"], "sessions": [3, 5], "exposures": ["technique"]},
    "growth_curve": PAIN,
    "harms": {"serious": {"severity": "severe"}},
    "missing_data": {"of": "base", "methods": ["mar"], "variance": "frequentist"},
    "model": {**PAIN, "formula": "value ~ baseline + visit", "random": "1"},
    "moderators": {**PAIN, "visits": ["week_4"], "moderators": {"age": {}, "baseline": {}}},
    "multimodal": {**PAIN, "visits": ["week_4"], "co_interventions": {"exercise": "Exercise"}, "role": "exploratory"},
    "naive": {"of": "base", **PAIN},
    "policy": {**PAIN, "visits": ["week_4"], "moderators": ["age", "baseline"]},
    "process": {"measures": ["function"], "pain": "pain", "needled": ["dry_needling"], "role": "exploratory"},
    "repeated_measures": PAIN,
    "responders": {**PAIN, "visits": ["week_4"]},
    "subgroups": {**PAIN, "visits": ["week_4"], "by": "diagnosis"},
    "time_to_event": {**PAIN, "better": "earlier", "response": {"percent": 50}, "adjust": ["age"]},
    "treatment_delivered": {"needled": ["dry_needling"]},
    "overlap_weights": {**PAIN, "visits": ["week_4"], "adjust": ["age"]},
}
EVENTS = {
    "sessions": {"session": "s", "date": "d", "pain_before": "b", "pain_after": "a"},
    "needling": {"session": "s", "technique": "t", "muscle": "m", "ltr": "l"},
    "co_interventions": {"session": "s", "date": "d", "kind": "k"},
    "adverse_events": {
        "session": "s",
        "date": "d",
        "kind": "k",
        "severity": {"from": "v", "codes": {1: "mild", 2: "severe"}},
    },
    "guesses": {"date": "d", "guess": {"from": "g", "codes": {1: "needle", 2: "none", 3: "do_not_know"}}},
}
DESIGNS = ("randomised", "cohort", "single_arm")
CAUSE = r"\b(caus\w+|because of|due to|leads? to|results? in|thanks to|owing to|works by|mediat\w+)\b"
# What is said of a cause that is denied, of the model's own terms, and of people who left.
DENIED = (
    r"need not be a cause",
    r"need not be what makes a difference",
    r"random effects?",
    r"mixed[- ]effects?",
    r"lack of effect",
    r"no effect of the (arm|group)",
)


def text_of(kind, design):
    """All that a kind says in a design, in words; nothing where the design forbids the kind."""
    arms = design != "single_arm"
    covariates = {
        "age": {"from": "age", "label": "Age"},
        "diagnosis": {"from": "dx", "codes": {1: "neck", 2: "shoulder"}},
    }
    patients = {"id": "id", "clinic": "c", "covariates": covariates, **({"arm": ARM} if arms else {})}
    schedule = {name: {"week": int(name.partition("_")[2] or 0)} for name in ("baseline", "week_4", "week_8")}
    asked = {"kind": kind, **SETTINGS[kind]}
    if not arms:
        asked = {key: value for key, value in asked.items() if key not in ("needled", "arms")}
        asked |= {"baseline": "response"} if kind == "repeated_measures" else {}
    base = {"kind": "repeated_measures", **PAIN, **({} if arms else {"baseline": "response"})}
    try:
        one = plan(
            design=design,
            patients=patients,
            visits={"schedule": schedule, "primary": "week_4", "therapist": "t"},
            cohorts={"neck": {"label": "Neck", "outcomes": {"pain": "nprs", "function": "ndi"}}},
            events={name: {"columns": columns} for name, columns in EVENTS.items()},
            estimands={},
            families={},
            primary="base",
            analyses={"base": base, "asked": asked},
        )
    except ValueError:
        return ""
    told = kinds()[kind].methods(one.analyses["asked"], one)
    words = [text for item, text in told if item not in ("table", "figure", "section", "people", "wording")]
    return Labels(one).fill(" ".join(words))


def test_every_kind_has_its_settings_here():
    package = {name for name, module in kinds().items() if module.__name__.startswith("needling.analysis.")}
    assert set(SETTINGS) == package


@pytest.mark.parametrize("kind", list(SETTINGS))
def test_no_kind_speaks_of_a_cause_and_without_allocation_by_lot_of_no_effect(kind):
    texts = {design: text_of(kind, design) for design in DESIGNS}
    assert any(texts.values())
    for design, text in texts.items():
        bare = text.lower()
        for phrase in DENIED:
            bare = re.sub(phrase, "", bare)
        assert not re.search(CAUSE, bare), (design, re.search(CAUSE, bare)[0])
        if design != "randomised":
            assert not re.search(r"\beffects? of (the )?(arm|treatment|needling|dry needling)\b", bare), design
            assert not re.search(r"\b(treatment|needling) effects?\b", bare), design


@pytest.mark.parametrize("kind", ["dose", "moderators", "multimodal", "process", "subgroups", "time_to_event"])
def test_what_was_not_drawn_by_lot_is_called_an_association(kind):
    text = text_of(kind, "cohort")
    assert text
    assert re.search(r"associat|not (drawn|allocated) by lot|not allocated at random", text.lower())
    assert not re.search(r"\beffects?\b", re.sub("|".join(DENIED), "", text.lower()))


def test_a_single_arm_is_compared_with_nothing():
    for kind in ("ancova", "blinding", "dose", "moderators", "multimodal", "policy", "subgroups"):
        text = text_of(kind, "single_arm").lower()
        assert not re.search(r"difference (between|of) (the )?arms|against the reference", text), kind
    assert (
        text_of("moderators", "single_arm")
        == text_of("subgroups", "single_arm")
        == text_of("policy", "single_arm")
        == ""
    )


def test_the_methods_of_one_group_speak_of_no_arms():
    for kind in ("harms", "responders", "treatment_delivered"):
        text = text_of(kind, "single_arm")
        assert text
        assert not re.search(r"\barms?\b|logistic|Newcombe|Rubin", text), kind
    assert (
        "Shares of responders among all patients, the mean over the completed data sets, with Wilson's intervals widened"
        in text_of("responders", "single_arm")
    )
    assert "counted in the patient's group:" in text_of("harms", "cohort")
    assert "counted in the arm that the patient was allocated to:" in text_of("harms", "randomised")
    assert "shares are counted instead" in text_of("responders", "randomised")


def test_exposures_are_spoken_of_where_one_is_named(monkeypatch):
    assert "Exposures are associations" in text_of("dose", "randomised")
    monkeypatch.setitem(SETTINGS, "dose", {key: one for key, one in SETTINGS["dose"].items() if key != "exposures"})
    assert "weighted means hold" in text_of("dose", "randomised")
    assert "xposures" not in text_of("dose", "randomised")


# ---------------------------------------------------------------- what is shown

OBSERVED = {"flow": FLOW, "distribution": DISTRIBUTION, "missingness": MISSINGNESS, "baseline": BASELINE}
OBSERVED |= {"audit": AUDIT, "totals": TOTALS, "reliability": RELIABILITY, "codebook": CODEBOOK}
OBSERVED |= {"unread": ACCOUNT["unread"]}
WHOLE = {
    "study": "made",
    "title": "Made",
    "made_up": True,
    "export": {"format": "csv", "records": "records.csv"},
    "outcomes": {"pain": "Pain", "function": "Function"},
}


def shown_of(kind, design):
    """Captions, heads, cells and notes of a kind's tables, captions and alternative texts of its figures, and its sentences."""
    arms = None if design == "single_arm" else TWO
    one = study_model(settings_of_kinds()).model_validate(WHOLE | sections(kind, arms, design))
    frame = frames()["an ordinary trial"]
    found = analyse("asked", tables(frame if arms else frame.assign(arm=""), one), one).tables
    released, labels = release(found | {name: empty(contract) for name, contract in OBSERVED.items()}, one), Labels(one)
    said = ["".join(map(str, pieces)) for told in _sentences(released, labels).values() for pieces in told]
    asked = {item: found["methods"].query("item == @item")["text"] for item in ("table", "figure")}
    for name in [one for one in asked["table"] if one in printers()]:
        if (printed := printers()[name](released, labels)) is not None:
            said += [
                printed.caption,
                *printed.head,
                *printed.notes,
                *(str(cell) for row in printed.rows for cell in row),
            ]
    for name in asked["figure"]:
        room = figures()[name]
        if len(source := room.data(released, labels)):
            said += room.words(source, labels)
    methods = found["methods"][found["methods"]["text"].str.contains(" ")]["text"]
    return " | ".join([*said, *map(labels.fill, methods)])


SHOWN = [
    (kind, design)
    for kind in KINDS
    for design in DESIGNS
    if kind not in {"single_arm": OF_ARMS, "cohort": OF_LOT, "randomised": OF_CHOICE}[design]
    if kind not in ("ancova", "repeated_measures", "growth_curve", "model", "naive", "missing_data", "dose allocated")
]


@pytest.mark.parametrize(("kind", "design"), SHOWN)
def test_no_table_figure_or_sentence_names_a_cause_and_without_allocation_by_lot_an_effect(kind, design):
    said = shown_of(kind, design).lower()
    assert len(said) > 200
    bare = re.sub("|".join(DENIED), "", said)
    assert not re.search(CAUSE, bare), re.search(CAUSE, bare)
    if design != "randomised":
        assert not re.search(r"\beffects?\b", bare), re.search(r".{60}\beffects?\b", bare)
        words = f"{bare} {text_of(kind.partition(' ')[0], design).lower()}"
        assert not re.search(r"\barms?\b", said), re.search(
            r".{60}\barms?\b", said
        )  # groups, where nobody was allocated
        lot = re.sub(r"not allocated|were allocated by lot", "", words)
        assert not re.search(r"allocated|crossed over|needed to treat", lot), re.search(
            r".{60}(allocated|crossed)", lot
        )


def test_the_table_of_harms_explains_what_stands_in_it():
    trial, alone = shown_of("harms", "randomised"), shown_of("harms", "single_arm")
    assert "Difference: percentage points; no test is made." in trial
    assert "Difference:" not in alone
    for said in (trial, alone):
        assert ("At most: one-sided" in said) == bool(re.search(r"\d+/\d+, 0\.?0*% \(at most", said))


def test_a_number_needed_to_treat_is_one_of_a_trial():
    assert "Number needed to treat" in shown_of("responders", "randomised")
    assert "Ratio" in shown_of("responders", "cohort")


@pytest.mark.parametrize("kind", ["ancova", "repeated_measures", "growth_curve", "missing_data"])
def test_whom_an_analysis_uses_is_as_it_does_a_missing_baseline_or_covariate_costs_nobody_in_a_trial(kind):
    frame = frames()["an ordinary trial"]
    frame = frame[~(frame["patient"].eq("P003") & frame["visit"].eq("baseline"))]
    frame = frame.assign(baseline=frame["baseline"].mask(frame["patient"].eq("P003")))
    frame = frame.assign(age=frame["age"].mask(frame["patient"].eq("P004")))
    for design, said in (("randomised", False), ("cohort", True)):
        made = sections(kind, TWO, design)
        made["analyses"]["asked"] |= {"adjust": ["age"], "outcomes": ["pain"]}
        study = part(made, settings_of_kinds())
        found = analyse("asked", tables(frame, study), study).tables
        (uses,) = found["methods"].query("item == 'uses'")["text"]
        assert ("every covariate" in uses) == said
        assert ("baseline" in uses.replace("after baseline", "")) == said
        lost = found["people"].query("stage == 'left_out' and reason != 'not_at_visits'")["n"].sum()
        assert lost == (2 if said else 0)
