"""Each figure of results draws what released tables say, and says it in words."""

import re

import numpy as np
import pandas as pd
import pytest
from made_figures import FIGURES, OF_VISITS, drawn, drawn_texts, with_moderator
from made_results import (
    long_arms_plan,
    one_cohort,
    plan,
    shown,
    single_arm_plan,
    three_arms_plan,
    trial_plan,
)
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from needling.figures.draw import write_figures
from needling.figures.flow import boxes
from needling.figures.intervals import tinted
from needling.figures.measures import visit_names
from needling.figures.panels import of_the_primary
from needling.figures.sensitivity import panel as sensitivity_panel
from needling.figures.style import (
    COLOURS,
    PHONE,
    REPORT,
    looks,
)
from needling.figures.trajectories import limits_of
from needling.labels.sentences import in_sentence
from needling.labels.words import Labels
from needling.tables.withheld import HIDDEN


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


def test_a_course_over_sessions_is_described_from_where_to_where():
    _, source, _, alternative = drawn("sessions", plan)
    mine = source[(source["cohort"] == "myofascial") & (source["arm"] == "dry_needling")].sort_values("x")
    first, last = (f"{mine['estimate'].iloc[place]:.2f}" for place in (0, -1))
    assert f"myofascial pain, dry needling: {first} at day 0 and {last} at day 30" in alternative


def test_distributions_are_described_by_medians_and_quartiles_and_those_of_few_by_means():
    _, source, _, alternative = drawn("distributions", plan)
    rows = source[(source["cohort"] == "myofascial") & (source["outcome"] == "pain") & (source["arm"] == "usual_care")]
    first, last = rows.iloc[[0, -1]].to_dict("records")
    told = " and ".join(
        f"{one['median']:.1f} ({one['q25']:.1f} to {one['q75']:.1f}) at {at}"
        for one, at in ((first, "baseline"), (last, "week 12"))
    )
    assert f"Medians with quartiles in brackets. Pain intensity, myofascial pain: usual care {told}" in alternative

    def hide(released):
        released["distribution"][["q10", "q25", "median", "q75", "q90"]] = np.nan

    _, source, _, alternative = drawn("distributions", one_cohort, hide)
    assert f"mean {source['mean'].iloc[0]:.1f} at baseline" in alternative

    def hide_all(released):
        hide(released)
        released["distribution"]["mean"] = np.nan

    assert drawn("distributions", one_cohort, hide_all)[3].endswith("No value can be shown.")


@pytest.mark.parametrize("name", ["sensitivity", "tipping", "twin"])
def test_of_three_arms_a_description_says_who_is_compared_where(name):
    """The same words for every pair would leave its numbers to guess at."""

    labels = Labels(three_arms_plan())
    cohort, outcome, _ = labels.places[0]
    pairs = [("sham", "usual_care"), ("dry_needling", "usual_care"), ("dry_needling", "sham")]
    rows = [
        dict(zip(("arm", "reference", "variant", "role"), (*pair, variant, role), strict=True))
        | {"habit": variant, "delta_arm": shift, "delta_reference": shift}
        for pair in pairs
        for variant, role, shift in (("", "primary", 0.0), ("t_test", "sensitivity", 1.0))
    ]
    same = {"cohort": cohort, "outcome": outcome, "site": "", "analysis": labels.plan.primary, "unit": "points"}
    same |= {"estimate": 1.0, "low": 0.5, "high": 1.5, "level": 0.95, "visit": labels.plan.visits.primary, "hidden": ""}
    same |= {"quantity": "difference", "better": "lower"}
    source = pd.DataFrame(rows).assign(**same)
    _, alternative = FIGURES[name].words(source, labels)
    for arm, reference in pairs:
        assert in_sentence(labels.compared({"arm": arm, "reference": reference})) in alternative
    clauses = re.sub(r"^.*?\. ", "", alternative).rstrip(".").split("; ")
    names = [re.sub(r": [^:]*$", "", clause) for clause in clauses]
    assert len(set(names)) == len(names)


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
    told = [text.get_text() for text in figure.texts]
    strips = [words for words in told if words.startswith(f"{noun}: dry needling minus usual care;")]
    assert len(strips) == len([ax for ax in figure.axes if ax.patches])
    if make is trial_plan:
        assert all(words.endswith("; higher is better") for words in strips)


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


def test_with_three_arms_each_has_its_difference_from_the_first_in_its_own_look():
    """Who is compared is told by colour and mark; the two others against one another stand in the table."""
    figure, source, caption, alternative = drawn("trajectories", three_arms_plan)
    study, labels = three_arms_plan(), Labels(three_arms_plan())
    mine = source[(source["source"] == "difference") & source["value"].notna()]
    assert set(mine["arm"]) == set(study.arms[1:])
    assert set(mine["reference"]) == {study.arms[0]}
    strip = next(ax for ax in figure.axes if any(line.get_xydata().tolist() == [[0, 0], [1, 0]] for line in ax.lines))
    for arm, look in list(looks(study.arms).items())[1:]:
        marks = [line for line in strip.lines if line.get_marker() == look.marker and line.get_color() == look.colour]
        heights = [float(line.get_ydata()[0]) for line in marks]
        assert heights == pytest.approx(mine.loc[mine["arm"] == arm, "value"].tolist())
    first = in_sentence(labels.arm(study.arms[0]))
    assert f"Below each course: differences of the other arms from {first}. The tinted side is better than" in caption
    for arm in study.arms[1:]:
        pair = {"arm": arm, "reference": study.arms[0]}
        assert f"{in_sentence(labels.compared(pair))}: " in alternative


@pytest.mark.parametrize("name", ["forest", "trajectories"])
def test_a_caption_names_the_arm_with_which_the_tinted_side_is_better(name):
    assert "he tinted side is better with dry needling." in drawn(name, plan)[2]
    assert "tinted" not in drawn(name, single_arm_plan)[2]


def test_of_three_arms_the_tint_is_told_by_who_is_named_first():
    """Whoever is named first in one comparison can be the reference of the next."""
    labels = Labels(three_arms_plan())
    pairs = pd.DataFrame([("dry_needling", "usual_care"), ("sham", "usual_care"), ("dry_needling", "sham")])
    pairs = pairs.set_axis(["arm", "reference"], axis=1).assign(better="lower")
    assert tinted(pairs, labels) == ["The tinted side is better with the arm that is named first."]
    chosen = Labels(labels.plan.model_copy(update={"design": "cohort"}))
    assert tinted(pairs, chosen) == ["The tinted side is better with the group that is named first."]
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
    key = [mark.get_marker() for mark in figure.legends[0].legend_handles]  # the key shows what is drawn
    assert key == [one.marker for one in looks(one_cohort().arms).values()]
    figure, _, caption, _ = drawn("distributions", one_cohort)
    assert "box" in caption
    assert all(isinstance(mark, Patch) for mark in figure.legends[0].legend_handles)


def test_a_median_without_its_box_is_explained():
    def hide(released, kept):
        table = released["distribution"]
        table[["q10", "q25", "q75", "q90"]] = np.nan
        table.loc[table.index[kept:], "median"] = np.nan

    for kept, told in (
        (0, "means. n:"),
        (1, "means; a bar without a box: the median. n:"),
        (2, "means; bars without a box"),
    ):
        caption = drawn("distributions", one_cohort, lambda released, kept=kept: hide(released, kept))[2]
        assert told in caption


@pytest.mark.parametrize("name", ["missingness", "distributions"])
def test_a_row_of_numbers_has_the_mark_of_its_arm_before_it(name):
    """Of two rows under a panel the colour alone would not tell whose they are."""
    figure, *_ = drawn(name, plan)
    texts = [text for text in drawn_texts(figure) if text.get_text() == "n"]
    marks = [one for one in figure.artists if isinstance(one, Line2D)]
    arms = looks(plan().arms)
    assert len(texts) == len(marks) == len(figure.axes) * len(arms)
    for text in texts:
        box = text.get_window_extent()
        beside = [
            mark
            for mark in marks
            for x, y in [mark.get_transform().transform((0, 0))]
            if box.y0 < y < box.y1 and 0 < x - box.x1 < 12
        ]
        assert len(beside) == 1
        look = next(one for one in arms.values() if one.colour == to_hex(text.get_color()))
        assert (beside[0].get_marker(), to_hex(beside[0].get_color())) == (look.marker, look.colour)


@pytest.mark.parametrize("sizes", [REPORT, PHONE])
def test_visits_have_their_names_below_a_course_where_these_say_more_than_the_week_and_have_room(sizes):
    """Time stays to scale: 3 months are a quarter of the way to 12."""
    figure, source, *_ = drawn("trajectories", trial_plan, per_arm=200, sizes=sizes)
    texts = drawn_texts(figure)
    told = [text.get_text() for text in texts]
    panels = len(source[["cohort", "outcome"]].drop_duplicates())
    assert told.count("3 months") == told.count("12 months") == told.count("Baseline") == panels
    assert "Week" not in told
    x = {name: min(t.get_window_extent().intervalx.mean() for t in texts if t.get_text() == name) for name in told}
    assert 0.2 < (x["3 months"] - x["Baseline"]) / (x["12 months"] - x["Baseline"]) < 0.3
    told = [text.get_text() for text in drawn_texts(drawn("trajectories", plan, sizes=sizes)[0])]
    assert "Week" in told  # "Week 4" says no more than 4 does
    long = [text.get_text() for text in drawn_texts(drawn("trajectories", long_arms_plan, sizes=sizes)[0])]
    assert "Week" in long
    assert not any(re.fullmatch(r"Twelve.*\.", one) for one in long)  # no name is cut


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


@pytest.mark.parametrize(("scale", "named"), [(5.0, [0, 1, 2, 3]), (2.5, [1, 2, 3]), (0.5, [1])])
def test_of_visits_too_near_each_other_the_primary_one_is_named(scale, named):
    """Of weeks 2, 4, 8 and 12 on an axis of so many mm a week."""
    weeks = {"week_2": 2.0, "week_4": 4.0, "week_8": 8.0, "week_12": 12.0}
    told = visit_names(Labels(plan()), weeks, scale, 8.4)
    assert [place for place, name in enumerate(told) if name] == named
