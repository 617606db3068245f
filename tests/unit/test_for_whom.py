"""What is shown of moderators and of treatment beside the one compared: numbers, words by design, nothing of a cause."""

import re

import pytest
from made_results import ARM, TRIAL, plan, shown
from matplotlib.colors import to_hex

from needling.figures import whom as figure
from needling.figures.intervals import better_on_left
from needling.figures.style import PAPER, PHONE, REPORT
from needling.labels.words import Labels
from needling.report.whom import whom_sentences
from needling.tables.for_whom import for_whom, together

ASKED = {"kind": "moderators", "outcomes": ["pain"], "visits": ["week_4"], "moderators": {"age": {}, "sex": {}}}


def trial(**changes):
    base = plan()
    analyses = {
        "primary": {"kind": "repeated_measures", "label": "Primary analysis", "outcomes": ["pain"]},
        "whom": {**ASKED, "label": "For whom", "family": "whom"},
    }
    cohorts = {
        name: {"label": base.cohorts[name].label, "outcomes": {"pain": "nprs"}} for name in ("myofascial", "sports")
    }
    return plan(analyses=analyses, cohorts=cohorts, families={"whom": {}}, estimands={}, **changes)


def observed():
    return trial(design="cohort", made_up=False, disclosure=TRIAL)


def three_arms():
    arm = {**ARM, "codes": {0: "usual_care", 1: "sham", 2: "dry_needling"}}
    covariates = {"age": {"from": "age", "label": "Age", "unit": "years"}, "sex": "sex"}
    return trial(patients={"id": "id", "arm": arm, "cohort": {"from": "c"}, "covariates": covariates})


@pytest.mark.parametrize("make", [trial, observed, three_arms])
def test_the_table_prints_the_rows_that_there_are(make):
    released, labels = shown(make)
    results = released["results"]
    table = for_whom(released, labels)
    cells = [row for row in table.rows if len(row) > 1]
    mine = results[results["analysis"] == "whom"]
    assert len(cells) == int((mine["quantity"] == "effect_at").sum())
    effect = mine[mine["quantity"] == "effect_at"].iloc[0]
    shown_id = next(row[2] for row in cells)
    assert shown_id.row_id == effect["row_id"]
    assert [row[0] for row in cells if row[0]][:2] != ["", ""]
    assert any(row[0].startswith("Age, years") for row in cells)
    assert {row[1] for row in cells if row[0].startswith("Sex")} == {"female"}
    assert "do not show that they differ" in " ".join(table.notes).replace("does", "do")
    assert "Adjusted P" in table.head
    pulled = together(released, labels)
    assert sum(row[0].startswith("All together") for row in pulled.rows) == 2


def test_a_trial_has_effects_and_other_designs_have_none():
    for make, noun in ((trial, "effect"), (observed, "adjusted difference")):
        released, labels = shown(make)
        said = " ".join("".join(piece) for piece in whom_sentences(released, labels) for piece in piece)
        texts = [
            for_whom(released, labels).caption,
            *for_whom(released, labels).head,
            said,
            *figure.words(figure.data(released, labels), labels),
        ]
        told = " ".join(texts)
        assert noun in told
        assert not re.search(r"\b(causes?d?|because of|responders?)\b", told.replace("need not be a cause", ""))
        if make is observed:
            assert not re.search(r"\beffects?\b", told)


def test_a_clear_moderator_is_named_with_its_ends_and_no_other():
    released, labels = shown(trial)
    results = released["results"]
    age = (results["analysis"] == "whom") & results["term"].eq('["age"]') & results["cohort"].eq("sports")
    results.loc[age & results["quantity"].eq("moderation"), ["p", "p_adjusted"]] = [0.0004, 0.012]
    results.loc[~age & results["quantity"].eq("moderation"), ["p", "p_adjusted"]] = [0.03, 0.2]
    told = ["".join(one) for one in whom_sentences(released, labels)]
    assert "is not shown to depend on any of what was looked at, nor shown to be the same for all" in told[0]
    assert "(smallest adjusted P = .20, for " in told[0]
    assert "goes with age, years (P = .012): " in told[1]
    assert told[1].count(" at ") == 2
    assert "sex" not in told[1]


def test_the_figure_has_a_side_for_each_arm_and_one_scale():
    released, labels = shown(trial)
    source = figure.data(released, labels)
    drawn = figure.draw(source, labels, REPORT)
    axes = drawn.axes
    assert len(axes) == 2
    assert axes[0].get_xlim() == axes[1].get_xlim()
    effects = source[source["quantity"] == "effect_at"]
    assert sum(len(line.get_xdata()) for ax in axes for line in ax.lines if line.get_marker() == "s") == len(effects)
    assert better_on_left({"better": "lower"})
    assert not better_on_left({"better": "higher"})


def test_on_a_phone_names_stand_over_their_values():
    released, labels = shown(trial)
    drawn = figure.draw(figure.data(released, labels), labels, PHONE)
    told = [text.get_text() for text in drawn.texts]
    assert "Age, years" in told
    # The caption explains change and P, which on a wide sheet have columns: here a line below the values.
    source = figure.data(released, labels)
    changes = [one for one in told if re.fullmatch(r"Change .+ \(.+ to .+\); P .+", one)]
    assert len(changes) == (source["quantity"] == "predictive").sum() == 6
    assert all(ax.get_position().width * PHONE.width > 30 for ax in drawn.axes)
    # No line runs through a name: behind each the plot is covered, over the line of no difference.
    covers = [one for ax in drawn.axes for one in ax.patches if to_hex(one.get_facecolor()) == PAPER]
    names = [text for text in drawn.texts if re.match("Outcome predicted|Age, years|Sex", text.get_text())]
    assert len(names) == 6
    assert len(covers) == len(names) + len(changes)
    assert all(one.zorder > one.axes.lines[0].zorder for one in covers)
    for name in [*names, *(text for text in drawn.texts if text.get_text() in changes)]:
        middle = name.get_window_extent().intervaly.mean()
        assert any(box.y0 < middle < box.y1 for box in (one.get_window_extent() for one in covers)), name.get_text()


def test_a_study_without_it_shows_nothing():
    released, labels = shown(plan)
    assert for_whom(released, labels) is None
    assert together(released, labels) is None
    assert whom_sentences(released, Labels(plan())) == []
    assert figure.data(released, labels).empty
