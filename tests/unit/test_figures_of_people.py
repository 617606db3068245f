"""Figures of who was in a study, who was lost and how clinics treated: what they draw are the released numbers."""

import pandas as pd
import pytest
from made_figures import drawn_texts
from made_results import plan, shown, single_arm_plan, three_arms_plan, trial_plan
from matplotlib.lines import Line2D

from needling.figures import balance, clinics, flow, missingness, patterns, responses
from needling.figures.style import PHONE, REPORT, Profile, style
from needling.labels.words import Labels
from needling.tables.make import tables
from needling.tables.withheld import HIDDEN

TABLES = tables()


def of(room, released, labels, sizes=REPORT):
    """Source, figure and words."""
    source = room.data(released, labels)
    with style(sizes):
        return source, room.draw(source, labels, sizes), *room.words(source, labels)


def marks(ax):
    """Places of all marks of a panel."""
    lines = [line for line in ax.findobj(Line2D) if line.get_marker() in ("s", "o", "^", "D") and line.axes is ax]
    return [(float(x), float(y)) for line in lines for x, y in zip(line.get_xdata(), line.get_ydata(), strict=True)]


def cohort_plan():
    return plan(design="cohort")


def cohort_trial_plan():
    return trial_plan().model_copy(update={"design": "cohort"})


# ---------------------------------------------------------------- balance


def test_balance_draws_each_difference_once_beside_the_guide():
    released, labels = shown(plan)
    table = released["baseline"]
    source, figure, caption, alternative = of(balance, released, labels)
    told = table[table["standardised_difference"].notna() & table["level"].isin(["", "female"])]
    assert len(source) == len(told) == 12  # of two levels one, since the other says the same
    for ax, cohort in zip(figure.axes, labels.plan.cohorts, strict=True):
        mine = told[told["cohort"] == cohort]["standardised_difference"]
        assert sorted(x for x, _ in marks(ax)) == pytest.approx(sorted(mine))
        guide = ax.patches[0].get_extents().transformed(ax.transData.inverted())
        assert (guide.x0, guide.x1) == pytest.approx((-0.25, 0.25))
    beyond = told[told["standardised_difference"].abs() > 0.25]
    assert len(beyond) == 1
    assert caption.startswith("1 of 12 differences")
    assert "Myofascial pain, pain intensity at baseline −0.43" in alternative
    assert "nothing is tested" in caption


def test_balance_is_held_against_the_first_arm_and_nothing_where_there_is_one():
    released, labels = shown(three_arms_plan)
    source, figure, _, _ = of(balance, released, labels)
    assert set(source["arm"]) == {"sham", "dry_needling"}
    words = [text.get_text() for text in drawn_texts(figure)]
    assert "Sham against usual care" in words
    assert balance.data(*shown(single_arm_plan)).empty


def test_groups_that_chance_did_not_make_are_not_said_to_be_randomised():
    released, labels = shown(plan)
    chosen = labels.plan.model_copy(update={"design": "cohort"})
    caption, _ = balance.words(balance.data(released, labels), type(labels)(chosen))
    assert "not allocated at random" in caption


# ---------------------------------------------------------------- why values are missing


def lost_of(released, visit, arm):
    """Patients lost by a visit, and those missing at it, counted from the tables themselves."""
    order = ["month_3", "month_12"]
    mine = released["dropout"].query("outcome == 'score' and arm == @arm")
    gone = mine[mine["visit"].map(order.index) <= order.index(visit)]["n"].sum()
    seen = released["missingness"].query("outcome == 'score' and arm == @arm and visit == @visit").iloc[0]
    return int(gone), int(seen["expected"] - seen["measured"])


def test_lost_and_missed_add_up_to_those_not_measured():
    released, labels = shown(trial_plan, 200)
    source, figure, caption, alternative = of(patterns, released, labels)
    for visit in ("month_3", "month_12"):
        for arm in labels.plan.arms:
            mine = source[(source["visit"] == visit) & (source["arm"] == arm)].set_index("block")["n"]
            gone, absent = lost_of(released, visit, arm)
            assert mine["lost"] == gone
            assert mine["lost"] + mine["missed"] == absent
    assert len(figure.axes) == 2
    drawn_shares = sorted(x for ax in figure.axes for x, _ in marks(ax))
    assert drawn_shares == pytest.approx(sorted(source["share"]))
    gone, _ = lost_of(released, "month_12", "usual_care")
    assert f"{gone} of 200" in alternative
    assert "Intercurrent events" not in " ".join(text.get_text() for text in drawn_texts(figure))
    assert "Lost: nothing measured from a visit on" in caption


def absent_box(source, labels, arm):
    """The box of those who were not measured at the primary visit."""
    return next(box for box in flow.boxes(source, labels, arm) if box.head[0][0].startswith("Not measured at "))


@pytest.mark.parametrize("visit", ["month_3", "month_12"])
def test_the_flow_counts_who_was_not_measured_at_the_primary_visit_and_why(visit):
    released, labels = shown(trial_plan, 200)
    visits = labels.plan.visits.model_copy(update={"primary": visit})
    labels = type(labels)(labels.plan.model_copy(update={"visits": visits}))
    source, _, caption, alternative = of(flow, released, labels)
    order = ["month_3", "month_12"]
    for arm in labels.plan.arms:
        gone, absent = lost_of(released, visit, arm)
        box = absent_box(source, labels, arm)
        assert box.head[0][1] == str(absent)
        mine = released["dropout"].query("outcome == 'score' and arm == @arm")
        mine = mine[mine["visit"].isin(order[: order.index(visit) + 1])].groupby("reason")["n"].sum()
        lost = [int(n) for words, n in box.lines if words != "Missed this visit only"]
        assert lost == sorted(mine, reverse=True)
        assert dict(box.lines).get("Missed this visit only", "0") == str(absent - gone)
        assert f"{labels.arm(arm).lower()}: {absent}" in alternative
    assert "for headache severity score, with the reason on record of those lost by then." in caption


def test_reasons_of_the_lost_that_tell_of_few_or_are_too_many_stay_out_of_the_flow():
    released, labels = shown(trial_plan, 200)
    table = released["dropout"]
    table.loc[table["arm"] == "usual_care", "hidden"] = "few_people"
    table.loc[table.index[table["arm"] == "dry_needling"][:1], "n"] += 200
    source, _, caption, _ = of(flow, released, labels)
    for arm in labels.plan.arms:
        box = absent_box(source, labels, arm)
        assert box.head[0][1] == str(lost_of(released, labels.plan.visits.primary, arm)[1])
        assert box.lines == []
    assert "for headache severity score. Analysed" in caption


def test_the_flow_of_cohorts_with_different_outcomes_counts_nobody_as_absent():
    released, labels = shown(plan, 60)
    table = released["flow"]
    elsewhere = table["cohort"].eq("sports") & table["outcome"].eq("pain")
    assert flow.data(released, labels)["stage"].eq("absent").any()
    released["flow"] = table[~elsewhere]
    assert not flow.data(released, labels)["stage"].eq("absent").any()


def left_out_of(source, labels, arm):
    """The lines of the box of those left out of the primary analysis."""
    return [box.lines for box in flow.boxes(source, labels, arm) if box.head[0][0] == "Left out of the analysis"]


def test_the_flow_says_who_is_left_out_of_the_analysis_and_why():
    released, labels = shown(trial_plan, 200)
    table = released["flow"]
    released["flow"] = table = table[table["stage"] != "left_out"]
    assert left_out_of(flow.data(released, labels), labels, "usual_care") == []
    outcomes = list(dict.fromkeys(table.loc[table["stage"] == "analysed", "outcome"]))
    first = table[table["stage"].eq("analysed") & table["arm"].eq("usual_care")].iloc[0].to_dict()

    def out(**changes):
        return first | {"stage": "left_out", "reason": "no_baseline", "n": 7} | changes

    def lines(*rows):
        more = pd.DataFrame(rows).astype(table.dtypes.to_dict())
        changed = released | {"flow": pd.concat([table, more], ignore_index=True)}
        return left_out_of(flow.data(changed, labels), labels, "usual_care")

    same = [out(outcome=one) for one in outcomes]
    assert lines(*same) == [[("Not measured at baseline", "7")]]
    assert lines(same[0]) == [[(f"{labels.outcome(outcomes[0])}: not measured at baseline", "7")]]
    assert lines(*same[1:], same[0] | {"n": 3})[0][0][1] == "3"
    assert lines(*same, out(outcome=outcomes[0], reason="", n=pd.NA, hidden="few_people"))[0][0] == (
        f"{labels.outcome(outcomes[0])}: reasons of few people", HIDDEN,
    )  # fmt: skip


def test_the_flow_of_one_group_says_each_number_once():
    """Nobody was excluded after the export, and one group needs no box beside that of the enrolled."""
    released, labels = shown(single_arm_plan, 60)
    one = labels.plan.model_copy(update={"cohorts": dict(list(labels.plan.cohorts.items())[:1])})
    labels = type(labels)(one)
    table = released["flow"]
    table = table[table["cohort"].isin(["", *one.cohorts]) & table["stage"].ne("excluded")]
    n = table.loc[table["stage"] == "allocated", "n"].sum()
    table.loc[table["stage"].isin(["exported", "enrolled"]), "n"] = n
    source = flow.data(released | {"flow": table}, labels)
    assert [box.head for box, _ in flow._head(source, labels)] == [[("Enrolled", str(n))]]
    assert flow.boxes(source, labels, "")[0].head[0][0] != "In the study"
    table.loc[table["stage"] == "exported", "n"] = n + 1
    source = flow.data(released | {"flow": table}, labels)
    assert [box.head[0][0] for box, _ in flow._head(source, labels)] == ["In the export", "Enrolled"]


def test_a_group_that_nobody_was_allocated_to_has_members():
    for make, whole, whom in (
        (plan, "Allocated", "Share of allocated patients"),
        (cohort_plan, "In the group", "Share of patients"),
    ):
        released, labels = shown(make)
        boxes = flow.boxes(flow.data(released, labels), labels, "dry_needling")
        assert boxes[0].head[0][0] == whole
        assert TABLES["participants"](released, labels).head[2] == whole
        assert missingness.words(missingness.data(released, labels), labels)[0].startswith(whom)


def test_reasons_are_shares_of_the_group_where_nobody_was_allocated():
    for make, whom, axis in (
        (trial_plan, "in percent of those allocated to each arm", "% of the arm"),
        (cohort_trial_plan, "in percent of the patients of each group", "% of the group"),
    ):
        _, figure, caption, _ = of(patterns, shown(trial_plan)[0], Labels(make()))
        assert whom in caption
        assert axis in {text.get_text() for text in drawn_texts(figure)}


def test_the_whole_is_called_by_what_the_export_tells():
    released, labels = shown(plan, 60)
    told = [box.head[0][0] for box, _ in flow._head(flow.data(released, labels), labels)]
    assert told == ["In the export", "Randomised"]
    patients = labels.plan.patients.model_copy(update={"excluded": labels.plan.patients.id})
    other = type(labels)(labels.plan.model_copy(update={"patients": patients, "design": "cohort"}))
    assert [box.head[0][0] for box, _ in flow._head(flow.data(released, other), other)] == ["Assessed", "Enrolled"]


def test_reasons_of_an_arm_that_tell_of_few_are_dots_across_and_said():
    released, labels = shown(trial_plan, 200)
    table = released["dropout"]
    closed = table["arm"] == "usual_care"
    table.loc[closed, ["n"]] = pd.NA
    table.loc[closed, ["visit", "reason"]] = ""
    table.loc[closed, "hidden"] = "few_people"
    source, figure, caption, alternative = of(patterns, released, labels)
    assert source.loc[source["arm"] == "usual_care", "share"].isna().all()
    assert source.loc[source["arm"] == "dry_needling", "share"].notna().all()
    dotted = [line for ax in figure.axes for line in ax.lines if line.get_marker() == "None" and line.get_ls() != "-"]
    assert len(dotted) == 4  # two visits, two reasons
    assert "‡ Not shown" in caption
    assert "not shown and" in alternative


def test_events_stand_apart_with_how_many_had_them_before_the_visit():
    released, labels = shown(trial_plan, 200)
    known = labels.plan.model_copy(
        update={"intercurrent_events": {"stopped": type("Event", (), {"label": "Stopped early"})()}}
    )
    place = {"cohort": "headache", "outcome": "score", "event": "stopped", "n_measured": 1, "hidden": ""}
    before = {"month_3": 4, "month_12": 10}
    rows = [place | {"arm": arm, "visit": visit, "n": n} for visit, n in before.items() for arm in labels.plan.arms]
    released["intercurrent"] = pd.DataFrame(rows)
    source, figure, caption, alternative = of(patterns, released, type(labels)(known))
    events = source[source["block"] == "event"]
    assert sorted(set(events["share"])) == [0.02, 0.05]
    texts = [text.get_text() for text in drawn_texts(figure)]
    assert "Intercurrent events" in texts
    assert "Stopped early" in texts
    assert "stopped early 10 of 200 (5%) and 10 of 200 (5%)" in alternative
    assert "Apart: intercurrent events before the visit" in caption


def test_a_study_without_an_analysis_of_missing_data_has_no_figure_of_its_reasons():
    assert patterns.data(*shown(plan)).empty


# ---------------------------------------------------------------- treatment by clinic


def means_of_clinics(arms=("dry_needling",)):
    """Released means of nine clinics in three cohorts, the last one hidden."""
    released, labels = shown(plan)
    place = {"analysis": "primary", "unit": "", "level": 0.95, "hidden": ""}
    measures = {"sessions": 4.0, "needles": 2.5, "twitch_responses": 1.5, "depth_mm": 20.0}
    rows, whole = [], []
    for cohort in labels.plan.cohorts:
        for arm in arms:
            for measure, mean in measures.items():
                unit = "mm" if measure == "depth_mm" else ""
                at = place | {"cohort": cohort, "arm": arm, "measure": measure, "unit": unit}
                whole.append(at | {"n": 60, "mean": mean})
                rows += [
                    at
                    | {"rank": i, "estimate": mean * (0.8 + 0.04 * i), "low": mean * 0.7, "high": mean * 1.3, "n": 60}
                    for i in range(1, 10)
                ]
                rows.append(
                    at | {"rank": 10, "estimate": None, "low": None, "high": None, "n": 60, "hidden": "few_people"}
                )
    released["delivered_by_clinic"], released["delivered"] = pd.DataFrame(rows), pd.DataFrame(whole)
    released["methods"].loc[len(released["methods"])] = ["primary", "figure", "clinics"]
    return released, labels


@pytest.mark.parametrize("sizes", [REPORT, Profile(90, 7), PHONE])
@pytest.mark.parametrize("arms", [("dry_needling",), ("usual_care", "dry_needling")])
def test_clinics_are_drawn_by_size_with_the_mean_of_all_and_without_a_name(sizes, arms):
    source, figure, caption, alternative = of(clinics, *means_of_clinics(arms), sizes=sizes)
    assert len(figure.axes) == 12
    first = figure.axes[0]
    mine = source[(source["cohort"] == "myofascial") & (source["measure"] == "sessions") & source["estimate"].notna()]
    assert sorted(y for _, y in marks(first)) == pytest.approx(sorted(mine["estimate"]))
    assert [line.get_ydata()[0] for line in first.lines if line.get_marker() == "None"] == [4.0] * len(arms)
    ends = {ax.get_ylim() for ax in figure.axes[::4]}
    assert len(ends) == 1  # a measure has one scale in all cohorts
    assert "9 clinics, 3.4 to 4.6 (all 4.0)" in alternative
    assert "clinics without names" in caption
    assert "‡" in caption
    boxes = [(text.get_text(), text.get_window_extent()) for text in drawn_texts(figure)]
    for i, (one, a) in enumerate(boxes):
        assert a.x0 > -2, one
        assert a.x1 < figure.bbox.width + 2, one
        for other, b in boxes[i + 1 :]:
            assert min(a.x1, b.x1) - max(a.x0, b.x0) < 2 or min(a.y1, b.y1) - max(a.y0, b.y0) < 2, (one, other)


def test_one_clinic_is_nothing_to_compare():
    released, labels = means_of_clinics()
    table = released["delivered_by_clinic"]
    table["estimate"] = table["estimate"].where(table["rank"] == 1)
    assert clinics.data(released, labels).empty


COURSE = {
    "analyses": {"primary": {"kind": "repeated_measures", "outcomes": ["pain"], "baseline": "response"}},
    "estimands": {},
    "families": {},
}


def test_curves_of_improvement_show_the_smallest_important_change_of_one_person():
    """1 of 10 points of the numerical rating (Salaffi 2004); an outcome of several instruments has none on its scale."""
    labels = Labels(plan())
    curve = {
        "analysis": "primary",
        "visit": "week_4",
        "arm": "dry_needling",
        "unit": "points",
        "level": 0.95,
        "hidden": "",
        "left_out": False,
    }
    steps = [
        {"improvement": x, "share": y, "low": y - 0.1, "high": y + 0.1} for x, y in ((-1, 0.9), (0.5, 0.7), (1.5, 0.4))
    ]
    places = [{"cohort": "myofascial", "outcome": "pain"}, {"cohort": "sports", "outcome": "function"}]
    source = pd.DataFrame([curve | place | step for place in places for step in steps])
    with style(REPORT):
        pain, function = responses.draw(source, labels, REPORT).axes[:2]
    upright = [[line.get_xdata()[0] for line in ax.lines if len(set(line.get_xdata())) == 1] for ax in (pain, function)]
    assert upright == [[0, 1.0], [0]]
    caption, told = responses.words(source, labels)
    assert "smallest important change of one person (pain intensity (NPRS), 1 on 0–10 points: Salaffi" in caption
    assert "left out" not in caption
    assert "are left out" in responses.words(source.assign(left_out=True), labels)[0]
    assert "70% improved by at least 0.5, 40% by the smallest important change; Function" in told
    assert "it does not say which difference between arms matters" in caption
    alone = Labels(plan(design="single_arm", patients={"id": "id", "cohort": {"from": "c"}}, **COURSE))
    assert "it does not say which mean change matters" in responses.words(source.assign(arm=""), alone)[0]


@pytest.mark.parametrize("sizes", [REPORT, PHONE])
def test_curves_of_several_analyses_are_told_apart(sizes):
    labels = Labels(plan())
    at = {"cohort": "myofascial", "outcome": "pain", "visit": "week_4", "arm": "dry_needling", "unit": "points"}
    at |= {"level": 0.95, "hidden": "", "left_out": False}
    steps = [{"improvement": x, "share": y, "low": y - 0.1, "high": y + 0.1} for x, y in ((-1, 0.9), (1.5, 0.4))]
    source = pd.DataFrame([at | step | {"analysis": one} for one in ("primary", "week_12") for step in steps])
    for mine, heads in (
        (source[source["analysis"] == "primary"], ["Myofascial pain"]),
        (source, ["Primary analysis: myofascial pain", "Week 12 alone: myofascial pain"]),
    ):
        with style(sizes):
            figure = responses.draw(mine, labels, sizes)
        assert [ax.get_title("left").replace("\n", " ") for ax in figure.axes][: len(heads)] == heads
        boxes = [
            text.get_window_extent() for text in drawn_texts(figure) if text.get_text().replace("\n", " ") in heads
        ]
        assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[i + 1 :])
    assert "Week 12 alone: Pain intensity in myofascial pain" in responses.words(source, labels)[1]
