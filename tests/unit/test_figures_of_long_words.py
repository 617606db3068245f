"""Figures of kinds of analysis that the made studies do not ask for: labels of 70 letters and more have room, on a phone too."""

import json
import math
import re

import pandas as pd
import pytest
from made_figures import drawn_texts, words_that_do_not_fit
from made_results import LONG_ARMS, long_arms_plan, shown, three_arms_plan
from matplotlib.colors import to_hex
from matplotlib.patches import Circle

from needling.figures import (
    clinics,
    delivered,
    doses,
    events,
    families,
    flow,
    groups,
    guesses,
    responses,
    soreness,
    tipping,
    twin,
    weighted,
    whom,
)
from needling.figures.style import PAPER, PHONE, REPORT, style, text_width
from needling.labels.words import Labels

ARMS = list(LONG_ARMS)
PAIRS = [(arm, reference) for i, arm in enumerate(ARMS) for reference in ARMS[:i]]
AT = {
    "analysis": "primary",
    "outcome": "pain",
    "site": "",
    "visit": "week_4",
    "level": 0.95,
    "hidden": "",
    "unit": "points",
}
NUMBER = {
    "estimate": -1.25,
    "low": -2.5,
    "high": 0.75,
    "p": 0.077,
    "n_patients": 42,
    "status": "converged",
    "better": "lower",
}


APART = {"estimate": -0.12, "low": -0.44, "high": 0.31}


def of_cohorts(*rows):
    """Rows of each of both cohorts, with a name each."""
    told = [AT | NUMBER | {"cohort": cohort} | row for cohort in ("neck", "shoulder") for row in rows]
    return pd.DataFrame(told).assign(row_id=[f"r{i}" for i in range(len(told))])


def of_events():
    terms = ['[["adverse_event", "any"]]', '[["kind", "bruising"]]', '[["kind", "soreness"]]']
    shares = [
        {"term": term, "quantity": "share", "arm": arm, "reference": "", "estimate": 0.2 + 0.2 * i, "n_events": 12}
        for term in terms
        for i, arm in enumerate(ARMS)
    ]
    apart = [
        {"term": term, "quantity": "risk_difference", "arm": arm, "reference": reference} | APART
        for term in terms
        for arm, reference in PAIRS
    ]
    return of_cohorts(*shares, *apart)


def of_soreness():
    return of_cohorts(
        *(
            {"arm": arm, "hour": hour, "estimate": 2.0, "low": 1.0, "high": 3.0}
            for arm in ARMS[1:]
            for hour in (24.0, 72.0)
        )
    )


def of_responses():
    steps = [(-1.0, 0.9), (0.5, 0.7), (1.5, 0.4)]
    return of_cohorts(
        *(
            {"arm": arm, "improvement": x, "share": y, "low": y - 0.1, "high": y + 0.1, "left_out": False}
            for arm in ARMS
            for x, y in steps
        )
    )


def of_moderators():
    rows = []
    for arm in ARMS[1:]:
        pair = {"arm": arm, "reference": ARMS[0], "instrument": "", "variant": ""}
        for name, values in (("predicted_outcome", (4.7, 5.5)), ("age", (30.0, 45.0)), ("sex", ("female", "male"))):
            of = pair | {"term": json.dumps([name]), "variant": "risk" if name == "predicted_outcome" else ""}
            rows += [of | {"quantity": "effect_at", "at": json.dumps({name: value})} for value in values]
            rows += [of | {"quantity": one, "at": ""} for one in ("predictive", "moderation")]
    return of_cohorts(*rows)


def of_subgroups():
    rows = []
    for arm in ARMS[1:]:
        pair = {"arm": arm, "reference": ARMS[0], "instrument": "", "term": '["diagnosis"]', "p": None}
        for level in ("neck_pain_that_came_after_an_accident_on_the_road", "shoulder"):
            rows.append(pair | {"quantity": "effect_at", "variant": "own", "at": json.dumps({"diagnosis": level})})
        rows.append(pair | {"quantity": "effect_at", "variant": "pooled", "at": ""})
        rows.append(pair | {"quantity": "moderation", "variant": "", "at": "", "p": 0.4, "estimate": None})
    return of_cohorts(*rows)


def of_weights():
    names = [
        "Age at the first visit to the outpatient clinic, years",
        "Duration of complaints before the first visit, weeks",
    ]
    return of_cohorts(*({"name": name, "before": 0.27, "after": 0.0} for name in [*names, "Sex: male"]))


def of_guesses():
    rows = [{"variant": "bang", "arm": arm, "estimate": 0.2, "low": -0.1, "high": 0.4} for arm in ARMS]
    return of_cohorts(*rows, {"variant": "james", "arm": "", "estimate": 0.6, "low": 0.5, "high": 0.7})


def of_needling():
    terms = ['[["muscle", "upper_trapezius_and_levator_scapulae"]]', '[["technique", "deep"]]', '[["ltr", "yes"]]']
    return of_cohorts(
        *({"term": term, "arm": arm, "estimate": 0.4, "n_events": 3} for term in terms for arm in ARMS[1:])
    )


def of_clinics():
    measures = {"sessions": "", "needles": "", "twitch_responses": "", "depth_mm": "mm"}
    return of_cohorts(
        *(
            {"arm": arm, "measure": name, "unit": unit, "rank": i, "estimate": 4.0 + i, "low": 3.0, "high": 9.0}
            | {"all_patients": 5.0}
            for arm in ARMS
            for name, unit in measures.items()
            for i in (1, 2, 3)
        )
    )


def of_doses():
    return of_cohorts(
        *(
            {"arm": arm, "variant": variant, "quantity": "mean", "at": json.dumps({"sessions": k}), "k": k, "note": ""}
            for arm in ARMS
            for variant in ("weighted", "unweighted")
            for k in (2.0, 6.0)
        )
    )


def of_habits():
    return of_cohorts(
        *(
            {"twin": "twin", "arm": arm, "reference": reference, "habit": habit, "visit": visit}
            for arm, reference in PAIRS
            for habit in ("", "t_test", "last_value")
            for visit in ("week_4", "week_12")
        )
    )


SOURCES = {
    events: of_events,
    soreness: of_soreness,
    responses: of_responses,
    whom: of_moderators,
    groups: of_subgroups,
    weighted: of_weights,
    guesses: of_guesses,
    delivered: of_needling,
    clinics: of_clinics,
    doses: of_doses,
    twin: of_habits,
}


def draw(room, source, labels, sizes):
    with style(sizes):
        return room.draw(source, labels, sizes)


@pytest.mark.parametrize("sizes", [REPORT, PHONE], ids=["report", "phone"])
@pytest.mark.parametrize("room", SOURCES, ids=lambda room: room.__name__.rpartition(".")[2])
def test_long_words_are_inside_the_figure_and_cover_no_others(room, sizes):
    source, labels = SOURCES[room](), Labels(long_arms_plan())
    figure = draw(room, source, labels, sizes)
    assert words_that_do_not_fit(figure) == ([], [])
    assert figure.get_figwidth() * 25.4 <= sizes.width + 0.01
    for ax in figure.axes:
        box = ax.get_window_extent()
        assert box.width / figure.dpi * 25.4 > 15 or not ax.axison  # words leave room for what is drawn
    assert all(room.words(source, labels))


# ---------------------------------------------------------------- adverse events


@pytest.mark.parametrize("sizes", [REPORT, PHONE])
def test_of_several_pairs_each_difference_has_the_letter_of_its_pair_and_its_numbers(sizes):
    labels = Labels(three_arms_plan())
    source = of_events()
    source = source[source["cohort"] == "neck"].assign(cohort="sports")
    for number, (arm, reference) in enumerate(PAIRS):
        mine = source["arm"].eq(arm) & source["reference"].eq(reference)
        source.loc[mine, ["estimate", "low", "high"]] = [0.1 * number, 0.1 * number - 0.2, 0.1 * number + 0.3]
    figure = draw(events, source, labels, sizes)
    texts = drawn_texts(figure)
    level = {text: text.get_window_extent().intervaly.mean() for text in texts}
    for letter, number, (arm, reference) in zip("abc", range(3), PAIRS, strict=True):
        told = f"{10 * number} ({10 * number - 20} to {10 * number + 30})".replace("-", "−")
        letters = sorted(level[text] for text in texts if text.get_text() == letter)
        numbers = sorted(level[text] for text in texts if text.get_text() == told)
        assert len(letters) == len(numbers) == 3
        assert letters == pytest.approx(numbers, abs=3)
        pair = labels.compared({"arm": arm, "reference": reference})
        assert f"{letter}: {pair}" in [text.get_text() for text in texts]
        ax = next(ax for ax in figure.axes if ax.collections and len(ax.lines) > 3)
        marks = [
            ax.transData.transform((0, y))[1] for line in ax.lines if line.get_marker() == "s" for y in line.get_ydata()
        ]
        assert all(min(abs(one - mark) for mark in marks) < 4 for one in letters)  # a letter stands beside a square
    caption = events.words(source, labels)[0]
    assert "with a letter each" in caption
    assert "number and percentage" not in caption  # on a phone there are no numbers of patients


def test_one_pair_needs_no_letter():
    source = of_events()
    source = source[
        source["cohort"].eq("neck") & source["reference"].isin(["", "usual_care"]) & source["arm"].ne("sham")
    ]
    texts = [
        text.get_text()
        for text in drawn_texts(draw(events, source.assign(cohort="sports"), Labels(three_arms_plan()), PHONE))
    ]
    assert "a" not in texts
    assert "−12 (−44 to 31)" in texts


# ---------------------------------------------------------------- words over a plot


@pytest.mark.parametrize("room", [guesses, whom])
def test_on_a_phone_no_line_touches_the_words_over_a_plot(room):
    """What hangs below the line of a word too: behind the whole of it the plot is covered."""
    labels = Labels(three_arms_plan())
    source = SOURCES[room]()
    figure = draw(room, source[source["cohort"] == "neck"].assign(cohort="sports", outcome="function"), labels, PHONE)
    plots = [ax.get_window_extent() for ax in figure.axes]
    drawn_texts(figure)
    covers = [
        one.get_window_extent() for ax in figure.axes for one in ax.patches if to_hex(one.get_facecolor()) == PAPER
    ]
    zeros = [ax.transData.transform((0, 0))[0] for ax in figure.axes]
    crossed = 0
    for text in figure.texts:
        box = text.get_window_extent()
        for plot, zero in zip(plots, zeros, strict=True):
            if plot.y0 < box.y0 and box.y1 < plot.y1 and box.x0 < zero < box.x1:
                crossed += 1
                assert any(one.y0 <= box.y0 + 1 and box.y1 - 1 <= one.y1 for one in covers), text.get_text()
    assert crossed


# ---------------------------------------------------------------- a graph of weights

GRAPH = {
    "method": "graph",
    "hypotheses": {
        f"{outcome}_{arm}_{reference}": {"arm": arm, "reference": reference, "outcome": outcome}
        for outcome in ("pain", "function")
        for arm, reference in PAIRS
    },
    "weights": {"pain_sham_usual_care": 0.5, "pain_dry_needling_sham": 0.5},
    "transitions": {
        "pain_sham_usual_care": {"function_sham_usual_care": 0.5, "pain_dry_needling_sham": 0.5},
        "pain_dry_needling_sham": {"function_sham_usual_care": 1},
    },
}


def with_graph(make, outcomes=("pain", "function")):
    chosen = {name: one for name, one in GRAPH["hypotheses"].items() if one["outcome"] in outcomes}
    passed = {
        name: {to: g for to, g in of.items() if to in chosen}
        for name, of in GRAPH["transitions"].items()
        if name in chosen
    }
    weights = {name: one for name, one in GRAPH["weights"].items() if name in chosen}
    family = {**GRAPH, "hypotheses": chosen, "weights": weights, "transitions": passed}
    primary = {"kind": "repeated_measures", "outcomes": list(outcomes), "contrasts": "pairwise", "family": "graph"}
    return make(families={"graph": family}, analyses={"primary": primary})


def short_arms(**changes):
    return long_arms_plan(
        **{
            "patients": {
                "id": "id",
                "arm": {"from": "arm", "codes": dict(enumerate(ARMS)), "reference": "usual_care"},
                "cohort": {"from": "c"},
                "covariates": {"sex": "sex"},
            },
            "outcomes": {"pain": "Pain intensity", "function": "Function"},
        }
        | changes
    )


@pytest.mark.parametrize("sizes", [REPORT, PHONE], ids=["report", "phone"])
@pytest.mark.parametrize(
    ("make", "outcomes"),
    [(short_arms, ("pain", "function")), (short_arms, ("pain",)), (long_arms_plan, ("pain", "function"))],
)
def test_words_of_a_hypothesis_stand_within_their_circle(make, outcomes, sizes):
    """Where they have no room in it a number stands there, and the words below."""
    labels = Labels(with_graph(make, outcomes))
    source = families.data({}, labels)
    figure = draw(families, source, labels, sizes)
    assert words_that_do_not_fit(figure) == ([], [])
    ax = figure.axes[0]
    circles = [one for one in ax.patches if isinstance(one, Circle)]
    assert len(circles) == 3 * len(outcomes)
    words = {text.get_text().replace("\n", " ") for text in drawn_texts(figure)}
    for circle in circles:
        (x, y), box = ax.transData.transform(circle.center), circle.get_window_extent()
        assert box.width == pytest.approx(box.height, rel=0.01)
        inside = [text.get_window_extent() for text in ax.texts if math.dist(text.get_position(), circle.center) < 0.01]
        assert len(inside) == 1
        assert inside[0].height < box.height
        assert inside[0].width < box.width
        assert max(math.hypot(one.x1 - x, (one.y1 - y) * 0.5) for one in inside) < box.width / 2
    for i, one in enumerate(circles):
        assert all(math.dist(one.center, other.center) > 2 * one.radius for other in circles[:i])
    is_numbered = make is long_arms_plan
    assert any(one.startswith("1: Average intensity") for one in words) == is_numbered


# ---------------------------------------------------------------- flow


def test_boxes_of_one_stage_stand_on_one_level_in_all_arms_and_no_word_is_broken_that_has_room():
    released, labels = shown(long_arms_plan)
    table = released["flow"]
    mine = table[table["stage"].eq("analysed") & table["arm"].ne("dry_needling")]
    out = mine.assign(stage="left_out", reason="no_baseline", n=2).astype(table.dtypes.to_dict())
    source = flow.data(
        released | {"flow": pd.concat([table[table["stage"] != "left_out"], out], ignore_index=True)}, labels
    )
    heads = [box.head[0][0] for box in flow.boxes(source, labels, "dry_needling")]
    assert "Left out of the analysis" not in heads
    figure = draw(flow, source, labels, PHONE)
    assert words_that_do_not_fit(figure) == ([], [])
    texts = drawn_texts(figure)
    for head, times in (("Allocated", 3), ("Followed", 3), ("Left out of the", 2), ("Analysed", 3)):
        levels = {round(text.get_window_extent().y0) for text in texts if text.get_text() == head}
        assert len([text for text in texts if text.get_text() == head]) == times
        assert len(levels) == 1
    ends = [text.get_text() for text in texts if re.search(r"[a-z]-$", text.get_text())]
    assert [one for one in ends if not one.lower().endswith("self-")] == []  # at its own hyphen a word may end a line


# ---------------------------------------------------------------- tipping


def maps_of(*says):
    """Maps of shifts of both cohorts and both outcomes, of which each says one thing throughout, or tips."""
    places = [(outcome, cohort) for outcome in ("pain", "function") for cohort in ("neck", "shoulder")]
    rows = []
    for (outcome, cohort), said in zip(places, says, strict=True):
        for x in (-5.0, 0.0, 5.0):
            for y in (-5.0, 0.0, 5.0):
                estimate = {"holds": 0.0, "below": -9.0, "above": 9.0, "tips": y - x}[said]
                at = {"outcome": outcome, "cohort": cohort, "delta_arm": y, "delta_reference": x}
                rows.append(
                    AT
                    | at
                    | {"low": estimate - 3, "high": estimate + 3, "arm": "dry_needling", "reference": "usual_care"}
                )
    return pd.DataFrame(rows)


@pytest.mark.parametrize("sizes", [REPORT, PHONE], ids=["report", "phone"])
def test_maps_that_say_one_thing_throughout_are_words_and_no_panels(sizes):
    labels = Labels(long_arms_plan())
    source = maps_of("tips", "holds", "below", "tips")
    figure = draw(tipping, source, labels, sizes)
    assert len(figure.axes) == 2
    assert words_that_do_not_fit(figure) == ([], [])
    lines = [text.get_text() for text in figure.texts]
    told = " ".join(reversed(lines[next(i for i, one in enumerate(lines) if "Not drawn" in one) :: -1]))
    note = " ".join(lines)
    assert "Not drawn" in note
    assert told
    both = tipping._note(tipping._parted(source)[1], labels)
    assert re.search(r"seven days, shoulder complaints .*: the interval holds 0 \(deep .*; ", both)
    assert re.search(r"neck complaints, chronic .*: favours deep dry needling", both)
    caption, alternative = tipping.words(source, labels)
    assert "Drawn are 2 of 4 maps" in caption
    assert alternative.count("100% of the map") == 2
    sides = {text.get_text().replace("\n", " ") for text in drawn_texts(figure)}
    assert "Added in deep dry needling with local twitch responses and an exercise programme" in sides


def test_where_nothing_tips_one_map_stands_for_all():
    labels = Labels(long_arms_plan())
    source = maps_of("holds", "holds", "holds", "above")
    assert len(draw(tipping, source, labels, PHONE).axes) == 1
    assert "Drawn are 1 of 4 maps" in tipping.words(source, labels)[0]
    whole = maps_of("tips", "tips", "tips", "tips")
    assert "Drawn are" not in tipping.words(whole, labels)[0]


def test_a_title_has_the_width_of_its_map():
    """Beside the arms, which stand along the axes, it would run over a dozen lines."""
    labels = Labels(long_arms_plan())
    maps = maps_of("tips", "tips", "tips", "tips")
    for sizes, most in ((REPORT, 5), (PHONE, 4)):
        figure = draw(tipping, maps, labels, sizes)
        bold = [text.get_text() for text in figure.texts if text.get_fontweight() == 600]
        assert 4 <= len(bold) <= 4 * most
        with style(sizes):
            assert max(text_width(line, sizes.head, 600) for line in bold) > 0.25 * sizes.width
