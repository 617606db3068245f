"""Figures draw what released tables say, in words, the same bytes each time."""

import io
import re
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from made_results import (
    long_plan,
    one_cohort,
    one_visit_plan,
    plan,
    scripts_plan,
    shown,
    single_arm_plan,
    three_arms_plan,
    trial_plan,
)
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.text import Text

from needling.figures.draw import figures, write_figures
from needling.figures.flow import boxes
from needling.figures.gallery import gallery
from needling.figures.intervals import tinted
from needling.figures.measures import visit_names
from needling.figures.panels import of_the_primary
from needling.figures.sensitivity import panel as sensitivity_panel
from needling.figures.style import (
    BAND,
    COLOURS,
    KEY_LINE,
    PHONE,
    REPORT,
    Profile,
    Sheet,
    key_height,
    looks,
    save,
    style,
    text_width,
    wrapped,
)
from needling.figures.trajectories import limits_of
from needling.labels.sentences import in_sentence, set_apart
from needling.labels.words import Labels
from needling.report.page import VARIABLES
from needling.tables.withheld import HIDDEN, NOT_DRAWN

FIGURES = figures()
# Of kinds and tables that the made studies do not ask for; their own tests draw them.
ELSEWHERE = {"events", "delivered", "soreness", "responses", "twin", "families", "whom", "beside", "rule"}
ELSEWHERE |= {"guesses", "clusters", "reached", "measures", "doses", "groups", "weighted", "clinics"}
OF_VISITS = sorted(set(FIGURES) - ELSEWHERE)


STUDIES = {
    "three cohorts": plan,
    "one trial": trial_plan,
    "single arm": single_arm_plan,
    "three arms": three_arms_plan,
    "22 per arm, few hidden": one_cohort,
    "one visit": one_visit_plan,
    "long labels": long_plan,
    "other scripts": scripts_plan,
}
PEOPLE = {"three cohorts": 60, "three arms": 60, "22 per arm, few hidden": 22}  # per arm; of the others 200


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


def with_moderator(released, labels, better="lower"):
    """Differences along a number at baseline, as a model of the study file gives them."""
    plan = labels.plan
    place = {
        "analysis": plan.primary,
        "quantity": "difference",
        "unit": "points",
        "level": 0.95,
        "better": better,
        "visit": "week_4",
    }
    rows = [
        {
            **place,
            "cohort": cohort,
            "outcome": outcome,
            "site": site,
            "arm": arm,
            "reference": plan.arms[0],
            "at": f'{{"age": {x}}}',
        }
        | {"estimate": e, "low": e - 0.7, "high": e + 0.7}
        for cohort, outcome, site in labels.places
        for i, arm in enumerate(plan.arms[1:])
        for x in (60, 20, 40)
        for e in [-0.02 * x * (1 + i)]
    ]
    released["results"] = pd.concat([released["results"], pd.DataFrame(rows)], ignore_index=True).fillna(
        {"hidden": "", "site": ""}
    )
    released["methods"].loc[len(released["methods"])] = [plan.primary, "figure", "along"]


def drawn(name, make, change=None, per_arm=60, sizes=REPORT):
    """Draw a figure of a study: figure, source, caption and alternative."""
    released, labels = shown(make, per_arm)
    if name == "sessions":
        with_sessions(released, labels)
    if name == "along" and labels.plan.arms:
        with_moderator(released, labels)
    if change:
        change(released)
    room = FIGURES[name]
    source = room.data(released, labels)
    if source.empty:
        pytest.skip("no analysis of this study asks for it; another study here does")
    with style(sizes):
        figure = room.draw(source, labels, sizes)
    return figure, source, *room.words(source, labels)


def drawn_texts(figure):
    """Texts that a reader sees: ticks beyond the axis' ends exist too, but are not drawn."""
    with style():
        figure.draw_without_rendering()
    texts = {t for t in figure.findobj(Text) if t.get_visible() and t.get_text().strip()}
    for ax in figure.axes:
        for axis in (ax.xaxis, ax.yaxis):
            seen = {tick.label1 for tick in axis._update_ticks()} | {axis.label} if ax.axison else set()
            texts -= set(axis.findobj(Text)) - seen
    return sorted(texts, key=lambda t: t.get_window_extent().bounds)


NARROW = [("three cohorts", Profile(140)), ("three arms", Profile(85)), ("three arms", PHONE), ("long labels", PHONE)]


@pytest.mark.parametrize(("study", "sizes"), [*((study, REPORT) for study in STUDIES), *NARROW])
@pytest.mark.parametrize("name", OF_VISITS)
def test_texts_are_words_inside_the_figure_that_do_not_cover_one_another(name, study, sizes):
    make = STUDIES[study]
    per_arm = PEOPLE.get(study, 200)
    figure, _, caption, alternative = drawn(name, make, per_arm=per_arm, sizes=sizes)
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
    assert figure.get_figwidth() * 25.4 <= sizes.width + 0.01
    assert min(t.get_fontsize() for t in texts) >= 7


@pytest.mark.parametrize("make", [plan, trial_plan])
@pytest.mark.parametrize("name", OF_VISITS)
def test_words_of_a_key_have_the_colour_of_their_mark_and_one_weight(name, make):
    figure, *_ = drawn(name, make)
    for key in figure.legends:
        for mark, words in zip(key.legend_handles, key.get_texts(), strict=True):
            own = mark.get_edgecolor() if isinstance(mark, Patch) else mark.get_color()
            assert to_hex(words.get_color()) == to_hex(own)
            assert words.get_fontweight() == 500


def test_every_key_is_made_in_one_way():
    for room in FIGURES.values():
        assert ".legend(" not in Path(str(room.__file__)).read_text("utf-8"), room.__name__


@pytest.mark.parametrize("make", [plan, trial_plan])
@pytest.mark.parametrize("name", OF_VISITS)
def test_colours_of_a_figure_are_those_that_a_dark_page_turns(name, make, tmp_path):
    figure, *_ = drawn(name, make)
    path = next(iter(save(figure, tmp_path / name, REPORT, ["svg"])))
    assert set(re.findall(r"#[0-9a-f]{6}\b", path.read_text("utf-8"))) <= {*VARIABLES}


def test_files_are_the_same_bytes_each_time_with_embedded_fonts(tmp_path):
    released, labels = shown(trial_plan, 200)
    words = [write_figures(released, labels, tmp_path / folder) for folder in ("one", "two")]
    assert words[0] == words[1]
    assert set(words[0]) == set(OF_VISITS) - {"sessions", "along"}  # an analysis of visits alone
    for path in sorted(file for file in (tmp_path / "one").rglob("*") if file.is_file()):
        one = path.read_bytes()
        assert one == (tmp_path / "two" / path.relative_to(tmp_path / "one")).read_bytes()
        assert str(tmp_path).encode() not in one
    pdf = (tmp_path / "one" / "forest.pdf").read_bytes()
    assert b"/FontFile2" in pdf
    assert b"/Type3" not in pdf
    assert b"CreationDate" not in pdf


def test_dollars_in_a_label_are_no_mathematics():
    with style():
        figure = Figure()
        text = figure.text(0, 0, r"$x$ of $\frac$")
        figure.savefig(io.BytesIO())  # as mathematics it could not even be read
    assert not text.get_parse_math()


@pytest.mark.parametrize(("room", "lines"), [(80, 1), (24, 2)])
def test_what_stands_behind_a_label_that_is_read_from_the_right_is_right_of_it(room, lines, tmp_path):
    """In one line, and where the label is broken and its second line begins with the rest of it."""
    with style():
        words = wrapped(f"{set_apart('ציפייה מהטיפול החדש')}, 0–10 points", room, 7.5)
        sheet = Sheet(100, 20)
        sheet.write(5, 15, words)
        path = next(iter(save(sheet.figure, tmp_path / "words", REPORT, ["pdf"])))
        assert text_width(set_apart("ציפייה"), 7.5) == text_width("ציפייה", 7.5)
    assert len(words.split("\n")) == lines
    boxes = subprocess.run(["pdftotext", "-bbox", str(path), "-"], capture_output=True, text=True, check=True).stdout
    found = [
        (float(x), float(y), word) for x, y, word in re.findall(r'xMin="([\d.]+)" yMin="([\d.]+)"[^>]*>([^<]+)<', boxes)
    ]
    last = max(y for _, y, word in found if re.search("[א-ת]", word))
    line = [word for _, y, word in sorted(found) if abs(y - last) < 3]
    assert re.search("[א-ת]", line[0])
    assert line.index("0–10") == line.index("points") - 1 > 0


def test_made_up_data_are_labelled_in_every_caption(tmp_path, monkeypatch):
    monkeypatch.setattr("needling.figures.draw.save", lambda *figure: None)  # what counts here are the words
    for make in (plan, single_arm_plan):
        words = write_figures(*shown(make, 60), tmp_path)
        for said in words.values():
            assert {said[key].startswith("Made-up data. ") for key in ("caption", "alternative")} == {make().made_up}


def place_of(figure, words):
    """Middle of a text above the plots, as a share of the figure's width."""
    with style():
        figure.draw_without_rendering()
    edge = figure.axes[0].get_position().x0
    boxes = [t.get_window_extent() for t in figure.texts if t.get_text().startswith(words)]
    middles = [(box.x0 + box.x1) / 2 / figure.bbox.width for box in boxes]
    return [x for x in middles if x > edge]


def plots(figure):
    """The axes with their zero, as a share of the figure's width, and the estimates that are drawn."""
    found = []
    for ax in figure.axes:
        zero = figure.transFigure.inverted().transform(ax.transData.transform((0, 0)))[0]
        found.append((zero, [line.get_xdata()[0] for line in ax.lines if line.get_marker() == "s"]))
    return found


def bands(figure):
    """Left and right end of the shaded side of each plot."""
    found = [patch for ax in figure.axes for patch in ax.patches if to_hex(patch.get_facecolor()) == BAND]
    return [(patch.get_x(), patch.get_x() + patch.get_width()) for patch in found]


@pytest.mark.parametrize(("name", "least"), [("missingness", 12), ("distributions", 22)])
def test_long_words_take_no_height_from_the_panels_of_a_phone(name, least):
    figure, *_ = drawn(name, long_plan, sizes=PHONE)
    drawn_texts(figure)
    assert figure.axes[0].get_window_extent().height / figure.dpi * 25.4 > least
    assert "Four weeks after\nrandomisation" in [t.get_text() for t in figure.axes[0].get_xticklabels()]


def test_what_is_hidden_is_said_of_the_figure_that_lacks_it_and_of_no_other():
    """Under cells 22 per arm have no quantiles of residuals and no difference in sex; none of what is drawn bears a mark."""
    figure, _, caption, _ = drawn("diagnostics", one_cohort, per_arm=22)
    left, right = figure.axes
    assert [t.get_text() for t in left.texts if "Not shown" in t.get_text()] == ["Not shown:\nfew people"]
    assert not left.get_lines()
    assert right.get_lines()
    assert NOT_DRAWN in caption
    _, _, caption, _ = drawn("balance", one_cohort, per_arm=22)
    assert NOT_DRAWN in caption
    assert "‡" not in caption

    def shown_all(released):
        released["baseline"]["standardised_difference"] = released["baseline"]["standardised_difference"].where(
            released["baseline"]["arm"].ne("dry_needling"), 0.1
        )
        for name in ("residual_quantiles", "residual_bins"):
            released[name]["hidden"] = ""

    assert NOT_DRAWN not in drawn("balance", one_cohort, shown_all, per_arm=22)[2]
    assert NOT_DRAWN not in drawn("diagnostics", one_cohort, shown_all, per_arm=22)[2]


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


@pytest.mark.parametrize(("better", "band"), [("lower", "below"), ("higher", "above")])
def test_differences_along_a_number_are_drawn_at_their_values_with_the_better_side_tinted(better, band):
    def turn(released):
        released["results"]["better"] = better

    figure, source, caption, alternative = drawn("along", plan, turn)
    panels = source[["cohort", "outcome", "site"]].drop_duplicates()
    axes = [ax for ax in figure.axes if ax.axison]
    assert len(axes) == len(panels) == 6
    for ax, place in zip(axes, panels.itertuples(index=False), strict=True):
        line = next(one for one in ax.get_lines() if list(one.get_xdata()) == [20, 40, 60])
        assert list(line.get_ydata()) == [-0.4, -0.8, -1.2]
        assert next(tuple(map(tuple, one.round(6))) for one in ax.collections[0].get_segments()) == (
            (20, -1.1),
            (20, 0.3),
        )
        box = ax.patches[0].get_extents().transformed(ax.transData.inverted())
        assert (round(box.y1, 6) == 0) == (band == "below")
        assert (round(box.y0, 6) == 0) == (band == "above")
        assert ax.get_xlabel() == "Age"
        assert ax.get_title(loc="left").replace("\n", " ").startswith(plan().cohorts[place.cohort].label)
    assert "effects at values of age" in caption
    assert "dry needling minus usual care, age 20: −0.4" in alternative


def test_a_number_that_is_held_is_told_and_one_that_does_not_vary_is_not_drawn():
    def hold(released):
        results = released["results"]
        mine = results["at"].ne("") & results["quantity"].eq("difference")
        results.loc[mine, "at"] = [at.replace("}", ', "duration": 12}') for at in results.loc[mine, "at"]]

    figure, *_ = drawn("along", plan, hold)
    assert figure.axes[0].get_xlabel().startswith("Age\n(")
    assert "12" in figure.axes[0].get_xlabel()

    def one_value(released):
        results = released["results"]
        released["results"] = results[~results["at"].isin(['{"age": 20}', '{"age": 60}'])]

    released, labels = shown(plan)
    with_moderator(released, labels)
    one_value(released)
    assert FIGURES["along"].data(released, labels).empty


def test_course_shows_each_arm_its_own_means():
    _, source, _, _ = drawn("trajectories", plan)
    results = shown(plan)[0]["results"].query("analysis == 'primary' and quantity == 'mean'")
    means = results.set_index(["cohort", "outcome", "visit", "arm"])["estimate"]
    modelled = source[source["source"] == "modelled"]
    for row in modelled.to_dict("records"):
        assert row["value"] == means[row["cohort"], row["outcome"], row["visit"], row["arm"]]
    assert set(source.loc[source["source"] == "observed", "visit"]) == {"baseline"}


def test_the_strip_below_a_course_shows_the_differences_on_the_side_of_the_better_arm():
    figure, source, _, alternative = drawn("trajectories", plan)
    results = shown(plan)[0]["results"].query("analysis == 'primary' and quantity == 'difference'")
    compared = source[source["source"] == "difference"]
    assert sorted(compared["value"]) == sorted(results["estimate"])
    strips = [ax for ax in figure.axes if ax.patches]
    assert len(strips) == len(compared[["cohort", "outcome"]].drop_duplicates())
    better = compared.drop_duplicates(["outcome", "cohort"]).sort_values(["outcome"], ascending=False, kind="stable")[
        "better"
    ]
    for ax, side in zip(strips, better, strict=True):
        band = ax.patches[0].get_extents().transformed(ax.transData.inverted())
        assert (round(band.y1, 6) == 0) == (side == "lower")
        assert (round(band.y0, 6) == 0) == (side == "higher")
    assert "Differences at week 4: " in alternative


@pytest.mark.parametrize(("make", "noun"), [(plan, "Difference"), (trial_plan, "Improvement")])
def test_a_strip_says_whether_it_shows_differences_or_improvements(make, noun):
    figure, _, _, _ = drawn("trajectories", make, per_arm=60 if make is plan else 200)
    assert any(text.get_text().startswith(f"{noun} (") for text in figure.texts)


@pytest.mark.parametrize(
    ("ends", "limits", "step"),
    [([(2.9, 7.1), (5.4, 8.0)], [(2, 8), (4, 10)], 2), ([(18.0, 31.0)], [(15, 35)], 5), ([(3.0, 3.0)], [(3, 4)], 1)],
)
def test_scales_of_an_outcome_are_equally_wide(ends, limits, step):
    panels = [pd.DataFrame({"value": end, "low": end, "high": end}) for end in ends]
    assert limits_of(panels) == (limits, step)


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


@pytest.mark.parametrize(
    ("shown", "told"),
    [
        ("all", "mean and 10th to 90th percentile of the scaled residuals in bins"),
        (
            "some",
            "mean of the scaled residuals in bins of the fitted value, with their 10th to 90th percentile where it may be",
        ),
        ("none", "mean of the scaled residuals in bins of the fitted value."),
    ],
)
def test_bins_are_captioned_with_percentiles_where_they_have_them(shown, told):
    def hide(released):
        bins = released["residual_bins"]
        gone = {"all": 0, "some": 3, "none": len(bins)}[shown]
        bins.loc[bins.index[:gone], ["low", "high"]] = float("nan")

    _, _, caption, alternative = drawn("diagnostics", plan, hide)
    assert told in caption
    assert ("percentile" in caption) == (shown != "none")
    assert re.search(r"quantiles at most \d\.\d from the line and means of bins from −\d\.\d to \d\.\d", alternative)


def test_a_study_without_residuals_has_no_figure_of_them(tmp_path):
    released, labels = shown(trial_plan, 200)
    for name in ("residual_bins", "residual_quantiles"):
        released[name] = released[name].head(0)
    words = write_figures(released, labels, tmp_path)
    assert set(words) == set(OF_VISITS) - {"diagnostics", "sessions", "along"}
    assert not list(tmp_path.glob("diagnostics*"))


def test_tipping_map_marks_the_better_arm_and_says_what_stays():
    figure, source, caption, alternative = drawn("tipping", trial_plan, per_arm=200)
    middle = source[(source["delta_arm"] == 0) & (source["delta_reference"] == 0)].iloc[0]
    assert middle["low"] > 0  # improvement is positive: needling is better
    filled = [c for c in figure.axes[0].collections if len(c.get_facecolor())]
    blue = to_rgb(COLOURS[1])
    assert filled[0].get_facecolor()[0][2] > filled[0].get_facecolor()[0][0]
    assert blue[2] > blue[0]
    says = (source["low"] > 0).mean()
    assert f"{100 * says:.0f}% of the map keeps" in alternative
    assert "12 months" in caption


# ---------------------------------------------------------------- the flow and the other answers


def test_the_flow_adds_cohorts_and_hides_a_sum_of_which_a_part_is_hidden():
    released, labels = shown(plan, 60)
    source = FIGURES["flow"].data(released, labels)
    allocated = source[(source["stage"] == "allocated") & (source["arm"] == "dry_needling")]
    head = boxes(source, labels, "dry_needling")[0]
    assert head.head == [("Allocated", str(allocated["n"].sum()))]
    assert [n for _, n in head.lines] == [str(n) for n in allocated["n"]]
    assert len(head.lines) == 3
    followed = next(box for box in boxes(source, labels, "dry_needling") if box.head[0][0] == "Followed")
    assert followed.lines[0][0] == "Baseline"
    hidden = source.assign(n=source["n"].mask(source["stage"].eq("allocated") & source["cohort"].eq("fibromyalgia")))
    assert boxes(hidden, labels, "dry_needling")[0].head == [("Allocated", HIDDEN)]


def with_other_answers(released):
    """A sensitivity analysis beside each primary comparison, further away by one, and one that is exploratory."""
    results = released["results"]
    mine = results[results["role"].eq("primary")]
    other = mine.assign(row_id="s" + mine["row_id"], role="sensitivity", variant="mar", estimate=mine["estimate"] - 1)
    loose = other.assign(row_id="e" + mine["row_id"], role="exploratory")
    elsewhere = other.assign(row_id="u" + mine["row_id"], unit="somewhere else")
    released["results"] = pd.concat([results, other, loose, elsewhere], ignore_index=True)


def test_other_answers_stand_beside_the_planned_one_on_its_scale_and_no_exploratory_one_does():
    figure, source, caption, alternative = drawn("sensitivity", plan, with_other_answers)
    assert set(source["role"]) == {"primary", "sensitivity"}
    for _, rows in source.groupby(["cohort", "outcome"]):
        planned, other = rows["estimate"]
        assert rows["role"].tolist() == ["primary", "sensitivity"]
        assert other == planned - 1
    assert "Missing at random" in [text.get_text() for text in drawn_texts(figure)]
    assert "The tinted side is better with dry needling." in caption
    assert alternative.count("planned") == source["role"].eq("primary").sum()


@pytest.mark.parametrize("name", ["forest", "trajectories"])
def test_a_caption_names_the_arm_with_which_the_tinted_side_is_better(name):
    assert "he tinted side is better with dry needling." in drawn(name, plan)[2]
    assert "tinted" not in drawn(name, single_arm_plan)[2]


def test_of_three_arms_the_tint_is_told_for_each_comparison():
    """Whoever is named first in one comparison can be the reference of the next."""
    labels = Labels(three_arms_plan())
    pairs = pd.DataFrame([("dry_needling", "usual_care"), ("sham", "usual_care"), ("dry_needling", "sham")])
    pairs = pairs.set_axis(["arm", "reference"], axis=1).assign(better="lower")
    told = [f"{in_sentence(labels.compared(row))}" for row in pairs.to_dict("records")]
    assert tinted(pairs, labels) == [f"The tinted side is better with {told[0]}, {told[1]} and {told[2]}."]
    one = in_sentence(labels.arm("dry_needling"))
    assert tinted(pairs.iloc[[0]], labels) == [f"The tinted side is better with {one}."]
    assert tinted(pairs.assign(better="neither"), labels) == tinted(pairs.assign(reference=""), labels) == []


def test_where_nothing_can_be_shown_no_empty_figure_is_drawn():
    """Of 22 in an arm all boxes are hidden: the means stand in the look of their arm, and the caption speaks of no box."""

    def hide(released):
        table = released["distribution"]
        table[["q10", "q25", "median", "q75", "q90"]] = np.nan
        table["hidden"] = "few_people"

    figure, _, caption, alternative = drawn("distributions", one_cohort, hide)
    assert caption.startswith("Observed values of pain intensity: means. n:")
    assert alternative.startswith("Means of")
    looked = {line.get_marker() for ax in figure.axes for line in ax.lines if line.get_marker() not in ("None", "")}
    assert looked == {one.marker for one in looks(one_cohort().arms).values()}
    assert "box" in drawn("distributions", one_cohort)[2]


def test_what_stands_beside_the_planned_comparison_or_has_no_estimate_is_no_other_answer():
    """Groups as they came are of the primary analysis itself; an analysis without a number would have a row without a mark."""

    def beside(released):
        results = released["results"]
        mine = results[results["role"].eq("primary")]
        other = mine.assign(
            row_id="s" + mine["row_id"], role="secondary", analysis="again", estimate=mine["estimate"] - 1
        )
        as_they_came = mine.assign(row_id="u" + mine["row_id"], role="sensitivity", variant="unweighted", estimate=0.0)
        none = mine.assign(row_id="n" + mine["row_id"], role="secondary", analysis="growth", estimate=np.nan)
        hidden = none.assign(row_id="h" + mine["row_id"], analysis="closed", hidden="few_people")
        released["results"] = pd.concat([results, other, as_they_came, none, hidden], ignore_index=True)

    released, labels = shown(plan, 60)
    beside(released)
    assert {one[0] for one in FIGURES["sensitivity"].data(released, labels)["row_id"]} & set("sunh") == {"s", "h"}


def test_the_planned_numbers_once_more_are_no_other_answer():
    def the_same(released):
        results = released["results"]
        mine = results[results["role"].eq("primary")]
        again = mine.assign(row_id="s" + mine["row_id"], role="secondary", analysis="again")
        released["results"] = pd.concat(
            [results, again, again.assign(low=again["low"] - 1).iloc[:1]], ignore_index=True
        )

    released, labels = shown(plan, 60)
    the_same(released)
    source = FIGURES["sensitivity"].data(released, labels)
    assert source["role"].tolist() == ["primary", "secondary"]
    assert source["low"].diff().iloc[1] == pytest.approx(-1)


def test_the_tint_of_other_answers_lies_where_the_first_named_arm_is_better():
    for better, side in (("lower", (-1.0, 0.0)), ("higher", (0.0, 1.0))):
        row = {"better": better, "estimate": 0.5, "low": 0.2, "high": 0.8, "role": "primary"}
        ax = sensitivity_panel(Figure().add_subplot(), [row, None], (-1.0, 1.0))
        band = ax.patches[0]
        assert (band.get_x(), band.get_x() + band.get_width()) == side


def test_an_answer_alone_is_no_comparison_of_answers():
    released, labels = shown(plan, 60)
    assert FIGURES["sensitivity"].data(released, labels).empty


def test_figures_of_what_was_observed_keep_to_the_outcomes_of_the_primary_analysis():
    released, labels = shown(plan, 60)
    table = released["distribution"]
    more = pd.concat([table, table[table["outcome"] == "pain"].assign(outcome="function_again")], ignore_index=True)
    kept = of_the_primary(more, released, labels)
    assert set(kept["outcome"]) == {"pain", "function"}
    none = {**released, "results": released["results"].iloc[:0]}
    assert len(of_the_primary(more, none, labels)) == len(more)  # nothing is lost where the primary analysis has no row


@pytest.mark.parametrize(("width", "lines"), [(200, 1), (60, 3)])
def test_a_key_goes_on_in_a_new_line_where_there_is_no_room(width, lines):
    entries = {
        f"{name} with supervised exercise": look for name, look in looks(["Usual care", "Sham", "Needling"]).items()
    }
    with style(REPORT):
        sheet = Sheet(width, 30)
        sheet.key(5, entries)
        assert key_height(entries, 5, width) == pytest.approx(lines * KEY_LINE)
    words = [text for text in sheet.figure.texts if text.get_text() in entries]
    assert len({round(text.get_position()[1], 6) for text in words}) == lines
    assert [text.get_color() for text in words] == [look.colour for look in entries.values()]
    with style(REPORT):
        broken = Sheet(40, 60)
        broken.key(5, entries)
        assert all(text_width(text.get_text(), REPORT.type, 500) <= 40 - 5 for text in broken.figure.texts)
        assert key_height(entries, 5, 40) > 3 * KEY_LINE
    samples = [one.get_marker() for one in sheet.figure.findobj(Line2D) if one.get_marker() != "None"]
    assert samples == [look.marker for look in entries.values()]


@pytest.mark.parametrize(("scale", "named"), [(5.0, [0, 1, 2, 3]), (2.5, [1, 2, 3]), (0.5, [1])])
def test_of_visits_too_near_each_other_the_primary_one_is_named(scale, named):
    """Of weeks 2, 4, 8 and 12 on an axis of so many mm a week."""
    weeks = {"week_2": 2.0, "week_4": 4.0, "week_8": 8.0, "week_12": 12.0}
    told = visit_names(Labels(plan()), weeks, scale, 8.4)
    assert [place for place, name in enumerate(told) if name] == named


def test_the_gallery_is_current():
    """Else: python -m needling.figures.gallery > ../docs/gallery.md, in the folder workflow."""
    page = Path(__file__).parents[2] / "docs" / "gallery.md"
    assert page.read_text(encoding="utf-8") == gallery(Path("none"))
    assert page.read_text(encoding="utf-8").count("figures/forest.svg") == 1


def test_a_word_too_long_is_broken_behind_its_hyphen_and_else_anywhere():
    room = text_width("Second-na", 7)
    assert wrapped("Second-named arm", room, 7).split("\n") == ["Second-", "named", "arm"]
    assert wrapped("Secondnamed", room, 7).split("\n")[0].startswith("Secondn")
    broken = wrapped("Secondnamed", room, 7).split("\n")
    assert "".join(line.removesuffix("-") for line in broken) == "Secondnamed"
    assert all(line.endswith("-") for line in broken[:-1])
    assert all(text_width(line, 7) <= room for line in broken)
    assert "".join(wrapped("0.0000000001", room / 2, 7).split("\n")) == "0.0000000001"  # a number has no hyphen
    assert wrapped("Second-named arm", 200, 7) == "Second-named arm"
