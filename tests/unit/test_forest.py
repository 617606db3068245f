"""The figure of effects: who is better on which side, whose row it is, and where its words stand."""

import pytest
from made_figures import bands, drawn, drawn_texts, place_of, plots
from made_results import ARM, long_plan, plan, shown, single_arm_plan, three_arms_plan
from matplotlib.text import Text

from needling.figures.draw import figures
from needling.figures.forest import MEANS, is_turned, parted, sides
from needling.figures.style import FAINT, INK, PHONE, REPORT, Profile, style
from needling.labels.numbers import format_fixed
from needling.labels.words import Labels


@pytest.mark.parametrize(
    ("quantity", "better", "on_the_left"),
    [
        ("difference", "lower", "arm"),
        ("difference", "higher", "arm"),  # drawn with its sign exchanged
        ("risk_ratio", "lower", "arm"),
        ("risk_ratio", "higher", "reference"),  # a ratio is drawn as it is
    ],
)
@pytest.mark.parametrize(("arm", "reference"), [("dry_needling", "usual_care"), ("usual_care", "dry_needling")])
def test_each_side_names_the_arm_that_is_better_there(quantity, better, on_the_left, arm, reference):
    row = {"quantity": quantity, "better": better, "arm": arm, "reference": reference}
    wanted = (arm, reference) if on_the_left == "arm" else (reference, arm)
    assert sides(row) == wanted
    assert is_turned(row) == (better == "higher" and quantity == "difference")
    assert sides({**row, "better": "neither"}) == ("", "")
    assert sides({**row, "reference": ""}) == ("", "")


def test_an_estimate_is_drawn_on_the_side_of_the_arm_that_it_favours():
    figure, source, _, _ = drawn("forest", plan)
    estimates = [x for _, mine in plots(figure) for x in mine]
    rows = source[source["estimate"].notna()].to_dict("records")
    assert len(estimates) == len(rows) > 3
    assert {row["better"] for row in rows} == {"lower", "higher"}
    for x, row in zip(estimates, rows, strict=True):
        better_with_arm = (row["estimate"] < 0) == (row["better"] == "lower")
        assert (x < 0) == better_with_arm
    (zero, _), *_ = plots(figure)
    assert [x < zero for x in place_of(figure, "Dry needling")] == [True]
    assert [x > zero for x in place_of(figure, "Usual care")] == [True]
    assert {(low < 0, high) for low, high in bands(figure)} == {(True, 0)}


@pytest.mark.parametrize("better", ["lower", "higher"])
def test_a_course_names_the_side_of_improvement(better):
    def turn(released):
        released["results"]["better"] = better

    figure, _, _, _ = drawn("forest", single_arm_plan, turn)
    (zero, _), *_ = plots(figure)
    (place,) = place_of(figure, "improvement")
    assert (place < zero) == (better == "lower")
    assert {(low < 0, high > 0) for low, high in bands(figure)} == {(better == "lower", better == "higher")}


def test_forest_of_three_arms_in_one_cohort_has_a_row_for_each_pair_in_one_plot():
    figure, source, _, _ = drawn("forest", three_arms_plan)
    (ax,) = [ax for ax in figure.axes if ax.get_lines()]
    texts = [t.get_text().replace("\n", " ") for t in drawn_texts(figure)]
    pairs = ["Sham against usual care", "Dry needling against usual care", "Dry needling against sham"]
    assert sorted(pairs) == sorted(text for text in texts if " against " in text)
    assert len(source[source["role"] == "primary"]) == 3
    assert len(ax.get_lines()) == 1 + 2 * len(source) == 25  # with those of the three other visits
    # the outcome is better higher: drawn turned, so that left is better with the first-named arm
    ((zero, _),) = plots(figure)
    for words, left in (("First-named", True), ("Second-named", False)):
        (place,) = place_of(figure, words)
        assert (place < zero) == left
    assert bands(figure)[0][1] == 0


def test_forest_of_three_arms_names_each_pair_on_its_own_sides():
    cohort = {"label": "Sports injury", "outcomes": {"function": "lefs"}}
    two = {"sports": cohort, "myofascial": {**cohort, "label": "Myofascial pain"}}
    codes = {0: "usual_care", 1: "sham", 2: "dry_needling"}
    people = {"id": "id", "arm": {**ARM, "codes": codes}, "cohort": {"from": "c"}, "covariates": {"sex": "sex"}}
    figure, source, _, alternative = drawn("forest", lambda: three_arms_plan(cohorts=two, patients=people))
    texts = [t.get_text() for t in drawn_texts(figure)]
    source = source[source["role"] == "primary"]
    assert len(source) == 6
    words = {"usual_care": "Usual care", "sham": "Sham", "dry_needling": "Dry needling"}
    for row in source.to_dict("records"):
        for arm in (row["arm"], row["reference"]):
            assert f"{words[arm]} better" in texts
    assert [texts.count(f"{words[arm]} better") for arm in words] == [2, 2, 2]
    assert "dry needling against sham" in alternative


def test_long_words_of_a_row_on_a_phone_stand_between_the_head_of_their_plot_and_the_interval():
    figure, source, *_ = drawn("forest", long_plan, sizes=PHONE)
    places = {t.get_text()[:6]: t.get_window_extent() for t in drawn_texts(figure)}
    (ax,) = figure.axes
    interval = next(line for line in ax.get_lines() if list(line.get_xdata()) == [source["low"][0], source["high"][0]])
    assert places["Adults"].y1 < ax.get_window_extent().y1
    assert places["should"].y0 > interval.get_window_extent().y1 + 1


def test_words_of_a_row_on_a_phone_stand_within_the_plot_before_the_line_of_no_difference_and_above_the_interval():
    figure, source, *_ = drawn("forest", plan, sizes=PHONE)
    seen = []
    for (zero, _), ax in zip(plots(figure), figure.axes, strict=True):
        plot = ax.get_window_extent()
        intervals = [line.get_window_extent() for line in ax.get_lines()[1:] if len(line.get_xdata()) == 2]
        for text in drawn_texts(figure):
            place = text.get_window_extent()
            if plot.y0 < place.y0 < plot.y1 and place.x0 < plot.x1:
                seen.append(text.get_text())
                assert plot.x0 < place.x0
                assert place.x1 < zero * figure.bbox.width
                assert min(place.y0 - line.y1 for line in intervals if line.y1 < place.y0) > 1
                assert min([line.y0 - place.y1 for line in intervals if line.y0 > place.y1], default=1000) > 10
    assert len(seen) == len(source[source["role"] == "primary"]) + 3 == 9  # three rows have two lines
    told = " ".join(seen)
    assert all(
        f"(n = {n})" in told for n in source.loc[source["role"] == "primary", "n_patients"]
    )  # as the caption says


def test_forest_shows_no_threshold_of_one_person_for_a_difference_between_groups():
    figure, source, caption, _ = drawn("forest", plan)
    assert "threshold" not in source
    assert "important change" not in caption
    assert not any("important" in t.get_text() for t in drawn_texts(figure))


@pytest.mark.parametrize("sizes", [REPORT, PHONE])
@pytest.mark.parametrize("make", [plan, three_arms_plan])
def test_other_visits_are_small_marks_below_their_row_nearer_to_it_than_to_the_next(make, sizes):
    """Soft and thin, in the order of time, with the numbers of their rows in the table; the caption says which they are."""
    figure, source, caption, alternative = drawn("forest", make, sizes=sizes)
    printed, others = parted(source, Labels(make()))
    assert len(others) == 3 * len(printed) > 0
    assert "Small marks below each: the same at week 2, week 8 and week 12, from above." in caption
    assert alternative.count(", week 2 ") == len(printed)
    for ax in figure.axes:
        marks = [line for line in ax.get_lines() if line.get_marker() == "s"]
        large = [line for line in marks if line.get_color() == INK]
        small = [line for line in marks if line.get_color() == FAINT]
        assert len(small) == 3 * len(large) > 0
        assert max(line.get_markersize() for line in small) < min(line.get_markersize() for line in large) / 2
        rows = [float(line.get_ydata()[0]) for line in large]
        for place, line in enumerate(small):
            mine, y = rows[place // 3], float(line.get_ydata()[0])
            assert mine < y < mine + 0.65
            assert place % 3 == 0 or y > float(small[place - 1].get_ydata()[0])
        drawn_at = sorted(abs(float(line.get_xdata()[0])) for line in small)
        assert set(map(float, drawn_at)) <= {abs(value) for value in others["estimate"]}


def test_other_visits_that_cannot_be_shown_are_not_drawn_and_a_single_arm_has_its_course_in_rows():
    def hide(released):
        results = released["results"]
        results.loc[results["visit"].ne("week_4"), ["estimate", "low", "high"]] = float("nan")

    _, source, caption, _ = drawn("forest", plan, hide)
    assert set(source["visit"]) == {"week_4"}
    assert "Small marks" not in caption
    assert "Small marks" not in drawn("forest", single_arm_plan)[2]


def test_the_effects_show_the_means_of_both_arms_where_there_is_room():
    released, labels = shown(plan, 60)
    source = figures()["forest"].data(released, labels)
    wide, narrow = (
        {text.get_text() for text in _drawn(source, labels, profile).findobj(Text)}
        for profile in (REPORT, Profile(140))
    )
    source = source[source["role"] == "primary"]
    means = {format_fixed(float(value), 1) for name in MEANS for value in source[name]}
    means |= {format_fixed(float(value), 2) for name in MEANS for value in source[name]}
    assert "Mean at week 4" in wide
    assert len(means & wide) >= 2 * len(source) - 2
    assert "Mean at week 4" not in narrow


def _drawn(source, labels, profile):
    with style(profile):
        return figures()["forest"].draw(source, labels, profile)
