"""Figures draw what the tables say, in words, with nobody recognisable, the same bytes each time."""

import re

import pandas as pd
import pytest
from made_results import inputs, plan, single_arm_plan, trial_plan
from matplotlib.text import Text

from needling.figures import FIGURES, make_figure, write_figure
from needling.privacy.disclosure import Sum, derivable
from needling.study.plan import Figures


def journal_plan():
    return trial_plan().model_copy(update={"figures": Figures(profile="journal")})


STUDIES = {"three cohorts": plan, "one trial in a journal": journal_plan, "single arm": single_arm_plan}


@pytest.fixture(scope="module", params=STUDIES)
def study(request):
    made = STUDIES[request.param]()
    return made, inputs(made, 60 if request.param == "three cohorts" else 200)


def drawn_texts(figure):
    """Texts that a reader sees: ticks beyond the axis' ends exist too, but are not drawn."""
    figure.draw_without_rendering()
    texts = {t for t in figure.findobj(Text) if t.get_visible() and t.get_text().strip()}
    for ax in figure.axes:
        for axis in (ax.xaxis, ax.yaxis):
            drawn = {tick.label1 for tick in axis._update_ticks()} | {axis.label} if ax.axison else set()
            texts -= set(axis.findobj(Text)) - drawn
    return sorted(texts, key=lambda t: t.get_window_extent().bounds)


@pytest.mark.parametrize("name", FIGURES)
def test_texts_are_words_inside_the_figure_that_do_not_cover_one_another(name, study):
    made, tables = study
    figure, _, caption, alternative = make_figure(name, tables, made)
    assert caption
    assert alternative
    assert caption.startswith("Made-up data") == made.made_up
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
    assert made.figures.profile == "default" or round(figure.get_figwidth() * 25.4) in (85, 174)


def test_files_are_the_same_bytes_each_time_with_embedded_fonts(tmp_path):
    made = trial_plan()
    tables = inputs(made, 200)
    for folder in ("one", "two"):
        write_figure("forest", tables, made, tmp_path / folder / "forest.csv", tmp_path / folder / "forest.json")
    for ending in ("pdf", "svg", "png", "csv", "json"):
        one = (tmp_path / "one" / f"forest.{ending}").read_bytes()
        assert one == (tmp_path / "two" / f"forest.{ending}").read_bytes()
        assert str(tmp_path).encode() not in one
    pdf = (tmp_path / "one" / "forest.pdf").read_bytes()
    assert b"/FontFile2" in pdf
    assert b"/Type3" not in pdf
    assert b"CreationDate" not in pdf


def test_flow_counts_cannot_be_worked_out():
    made = plan()
    tables = inputs(made)
    _, source, _, _ = make_figure("flow", tables, made)
    true = tables["flow"]["n"].to_numpy()
    stages = tables["flow"]["stage"]
    at = {stage: [i for i, s in enumerate(stages) if s == stage] for stage in set(stages)}
    sums = [
        Sum((*at["excluded"], *at["enrolled"]), total=at["exported"][0]),
        Sum(tuple(at["allocated"]), total=at["enrolled"][0]),
    ]
    place = ["cohort", "arm"]
    ends = source[source["stage"].isin(["analysed", "left_out"])]
    arm = {tuple(source.loc[i, place]): i for i in at["allocated"]}
    sums += [Sum(tuple(rows), total=arm[key[:2]]) for key, rows in ends.groupby([*place, "outcome"]).groups.items()]
    hidden = source["n"].isna().to_numpy()
    assert hidden[at["left_out"]].any()
    assert not derivable(true, hidden, sums, made.disclosure.min_cell)["exposed"].any()
    whole = tables["flow"][stages == "allocated"].set_index(place)["n"]
    parts = source[source["stage"].isin(["followed", "measured", "analysed"])]
    lost = parts.join(whole.rename("whole"), on=place)
    gap = (lost["whole"] - lost["n"].astype(float)).dropna()
    assert not ((gap > 0) & (gap < made.disclosure.min_cell)).any()


def test_means_and_spread_of_few_people_are_not_drawn():
    made = plan()
    tables = inputs(made)
    few = {"cohort": "sports", "outcome": "pain", "visit": "week_12", "arm": "dry_needling"}
    for name, column in (("distribution", "n"), ("missingness", "measured"), ("flow", "n")):
        here = (tables[name][list(few)] == pd.Series(few)).all(axis=1)
        if name == "flow":
            here &= tables[name]["stage"] == "measured"
        assert here.sum() == 1
        tables[name].loc[here, column] = 6
    _, spread, _, _ = make_figure("distributions", tables, made)
    _, course, _, _ = make_figure("trajectories", tables, made)
    spread = spread[(spread[list(few)] == pd.Series(few)).all(axis=1)].iloc[0]
    assert spread[["mean", "sd", "median", "q25", "q75"]].isna().all()
    # nor the other arm's, which with the difference would tell it
    here = pd.Series({key: few[key] for key in ("cohort", "outcome", "visit")})
    assert not (course[list(here.index)] == here).all(axis=1).any()
    assert course["value"].notna().all()


def test_forest_draws_thresholds_only_on_their_own_scale():
    made = plan()
    _, source, _, _ = make_figure("forest", inputs(made), made)
    thresholds = source.set_index(["cohort", "outcome"])["threshold"]
    assert thresholds["fibromyalgia", "pain"] == 1
    assert thresholds["myofascial", "function"] == 15
    assert thresholds[[("fibromyalgia", "function"), ("sports", "function")]].isna().all()


def test_forest_names_the_side_that_each_sign_favours():
    for made, right in ((plan(), "usual care"), (trial_plan(), "dry needling")):
        figure, source, _, _ = make_figure("forest", inputs(made), made)
        texts = [t.get_text() for t in drawn_texts(figure)]
        assert f"favours {right} →" in texts
        assert source["positive_favours"].iloc[0] == (right == "dry needling")


def test_a_failed_fit_is_said_in_the_figure():
    made = trial_plan()
    tables = inputs(made, 200)
    rows = (tables["results"]["term"] == "effect") & (tables["results"]["outcome"] == "days")
    tables["results"].loc[rows, ["estimate", "se", "low", "high", "p"]] = float("nan")
    tables["results"].loc[rows, "status"] = "failed"
    figure, *_ = make_figure("forest", tables, made)
    assert "not estimated" in [t.get_text() for t in drawn_texts(figure)]
