"""Figures draw what released tables say, in words, the same bytes each time."""

import re

import numpy as np
import pandas as pd
import pytest
from made_results import plan, shown, single_arm_plan, three_arms_plan, trial_plan
from matplotlib.text import Text

from needling.figures.draw import figures, write_figures
from needling.figures.forest import sides
from needling.figures.style import style
from needling.labels.words import Labels
from needling.study.plan import Figures

FIGURES = figures()


def journal_plan():
    return trial_plan().model_copy(update={"figures": Figures(profile="journal")})


STUDIES = {
    "three cohorts": plan,
    "one trial in a journal": journal_plan,
    "single arm": single_arm_plan,
    "three arms": three_arms_plan,
}


def with_sessions(released, labels):
    """Means along the day of a session, as an analysis of sessions gives them."""
    place = {
        "analysis": labels.plan.primary,
        "quantity": "mean",
        "unit": "0-10 points",
        "level": 0.95,
        "outcome": "pain_before",
    }
    rows = [
        {
            **place,
            "cohort": cohort,
            "arm": arm,
            "at": f'{{"day": {day}}}',
            "estimate": e,
            "low": e - 0.4,
            "high": e + 0.4,
        }
        for cohort in labels.plan.cohorts
        for i, arm in enumerate(labels.plan.arms or [""])
        for day in (0, 10, 30)
        for e in [6 - 0.05 * day * (1 + i)]
    ]
    released["results"] = pd.concat([released["results"], pd.DataFrame(rows)], ignore_index=True)
    released["methods"].loc[len(released["methods"])] = [labels.plan.primary, "figure", "sessions"]


def drawn(name, make, change=None, per_arm=60):
    """Draw a figure of a study: figure, source, caption and alternative."""
    released, labels = shown(make, per_arm)
    if name == "sessions":
        with_sessions(released, labels)
    if change:
        change(released)
    room = FIGURES[name]
    source = room.data(released, labels)
    with style(labels.plan.figures.profile) as profile:
        figure = room.draw(source, labels, profile)
    return figure, source, *room.words(source, labels)


def drawn_texts(figure):
    """Texts that a reader sees: ticks beyond the axis' ends exist too, but are not drawn."""
    figure.draw_without_rendering()
    texts = {t for t in figure.findobj(Text) if t.get_visible() and t.get_text().strip()}
    for ax in figure.axes:
        for axis in (ax.xaxis, ax.yaxis):
            seen = {tick.label1 for tick in axis._update_ticks()} | {axis.label} if ax.axison else set()
            texts -= set(axis.findobj(Text)) - seen
    return sorted(texts, key=lambda t: t.get_window_extent().bounds)


@pytest.mark.parametrize("study", STUDIES)
@pytest.mark.parametrize("name", FIGURES)
def test_texts_are_words_inside_the_figure_that_do_not_cover_one_another(name, study):
    make = STUDIES[study]
    figure, _, caption, alternative = drawn(name, make, per_arm=60 if study in ("three cohorts", "three arms") else 200)
    assert caption
    assert alternative
    texts = drawn_texts(figure)
    for text in texts:
        assert not re.search(r"[a-z0-9]_[a-z0-9]|\d\.\d{5}|nan|None", text.get_text()), text.get_text()
    boxes = [(t, t.get_window_extent()) for t in texts]
    width, height = figure.bbox.size
    for text, box in boxes:
        assert box.x0 > -2, text.get_text()
        assert box.y0 > -2, text.get_text()
        assert box.x1 < width + 2, text.get_text()
        assert box.y1 < height + 2, text.get_text()
    for i, (one, a) in enumerate(boxes):
        for other, b in boxes[i + 1 :]:
            across = min(a.x1, b.x1) - max(a.x0, b.x0)
            down = min(a.y1, b.y1) - max(a.y0, b.y0)
            assert across < 2 or down < 2, (one.get_text(), other.get_text())
    assert not figure.get_suptitle()
    assert make().figures.profile == "default" or round(figure.get_figwidth() * 25.4) in (85, 174)


def test_files_are_the_same_bytes_each_time_with_embedded_fonts(tmp_path):
    released, labels = shown(trial_plan, 200)
    words = [write_figures(released, labels, tmp_path / folder) for folder in ("one", "two")]
    assert words[0] == words[1]
    assert set(words[0]) == set(FIGURES) - {"sessions"}  # an ancova and no sessions
    for path in sorted((tmp_path / "one").iterdir()):
        one = path.read_bytes()
        assert one == (tmp_path / "two" / path.name).read_bytes()
        assert str(tmp_path).encode() not in one
    pdf = (tmp_path / "one" / "forest.pdf").read_bytes()
    assert b"/FontFile2" in pdf
    assert b"/Type3" not in pdf
    assert b"CreationDate" not in pdf


def test_made_up_data_are_labelled_in_every_caption(tmp_path):
    for make in (plan, single_arm_plan):
        words = write_figures(*shown(make, 60), tmp_path)
        for said in words.values():
            assert {said[key].startswith("Made-up data. ") for key in ("caption", "alternative")} == {make().made_up}


@pytest.mark.parametrize("better", ["lower", "higher"])
@pytest.mark.parametrize(("arm", "reference"), [("dry_needling", "usual_care"), ("usual_care", "dry_needling")])
def test_each_side_names_the_arm_that_is_better_there(better, arm, reference):
    words = {"dry_needling": "dry needling", "usual_care": "usual care"}
    left, right = sides({"better": better, "arm": arm, "reference": reference}, Labels(plan()))
    on_the_right = arm if better == "higher" else reference
    on_the_left = reference if better == "higher" else arm
    assert (left, right) == (f"← favours {words[on_the_left]}", f"favours {words[on_the_right]} →")


def test_a_course_names_the_side_of_improvement():
    row = {"arm": "", "reference": ""}
    assert sides({**row, "better": "lower"}, Labels(plan())) == ("← improvement", "")
    assert sides({**row, "better": "higher"}, Labels(plan())) == ("", "improvement →")
    assert sides({**row, "better": "neither"}, Labels(plan())) == ("", "")


def test_forest_of_three_arms_names_each_pair_on_its_own_sides():
    figure, source, _, alternative = drawn("forest", three_arms_plan)
    texts = [t.get_text() for t in drawn_texts(figure)]
    assert len(source) == 3
    for row in source.to_dict("records"):
        words = {"usual_care": "usual care", "sham": "sham", "dry_needling": "dry needling"}
        assert f"favours {words[row['arm']]} →" in texts  # better is higher
        assert f"← favours {words[row['reference']]}" in texts
    assert "dry needling against sham" in alternative


@pytest.mark.parametrize("make", [plan, single_arm_plan])
def test_the_course_over_sessions_draws_each_arm_its_own_means(make):
    figure, source, caption, _ = drawn("sessions", make)
    arms, cohorts = make().arms or [""], list(make().cohorts)
    assert len(source) == 3 * len(arms) * len(cohorts)
    for ax, cohort in zip(figure.axes, cohorts, strict=True):
        assert ax.get_xlabel() == "Day"
        lines = [line for line in ax.get_lines() if len(line.get_xdata()) == 3]
        for line, arm in zip(lines, arms, strict=True):
            mine = source[(source["cohort"] == cohort) & (source["arm"] == arm)]
            assert list(line.get_ydata()) == mine["estimate"].tolist()
            assert np.allclose(line.get_xdata(), mine["x"], atol=0.5)
    assert "95% confidence intervals" in caption


def test_forest_shows_no_threshold_of_one_person_for_a_difference_between_groups():
    figure, source, caption, _ = drawn("forest", plan)
    assert "threshold" not in source
    assert "important change" not in caption
    assert not any("important" in t.get_text() for t in drawn_texts(figure))


def test_course_shows_each_arm_its_own_means():
    _, source, _, _ = drawn("trajectories", plan)
    results = shown(plan)[0]["results"].query("analysis == 'primary' and quantity == 'mean'")
    means = results.set_index(["cohort", "outcome", "visit", "arm"])["estimate"]
    modelled = source[source["source"] == "modelled"]
    for row in modelled.to_dict("records"):
        assert row["value"] == means[row["cohort"], row["outcome"], row["visit"], row["arm"]]
    assert set(source.loc[source["source"] == "observed", "visit"]) == {"baseline"}


def test_an_outcome_without_baseline_is_drawn_from_its_first_visit():
    def no_baseline(released):
        for name in ("distribution", "missingness"):
            table = released[name]
            released[name] = table[~((table["visit"] == "baseline") & (table["outcome"] == "pain"))]

    for name in ("trajectories", "distributions", "missingness"):
        _, source, _, _ = drawn(name, plan, no_baseline)
        assert "baseline" not in set(source.loc[source["outcome"] == "pain", "visit"])
        assert "baseline" in set(source.loc[source["outcome"] == "function", "visit"])


@pytest.mark.parametrize(
    ("status", "hidden", "told"), [("failed", "", "not estimated"), ("converged", "few_events", "‡")]
)
def test_what_is_not_there_is_said_in_the_figure(status, hidden, told):
    def lose(released):
        results = released["results"]
        rows = (results["quantity"] == "difference") & (results["outcome"] == "days")
        results.loc[rows, ["estimate", "se", "low", "high", "p"]] = np.nan
        results.loc[rows, ["status", "hidden"]] = status, hidden

    figure, _, caption, _ = drawn("forest", trial_plan, lose, 200)
    assert told in [t.get_text() for t in drawn_texts(figure)]
    assert ("‡" in caption) == bool(hidden)


def test_a_study_without_residuals_has_no_figure_of_them(tmp_path):
    released, labels = shown(trial_plan, 200)
    for name in ("residual_bins", "residual_quantiles"):
        released[name] = released[name].head(0)
    words = write_figures(released, labels, tmp_path)
    assert set(words) == set(FIGURES) - {"diagnostics", "sessions"}
    assert not list(tmp_path.glob("diagnostics*"))
