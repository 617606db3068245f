"""No small count leaves, whatever a reader can add up."""

import itertools
import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from needling.privacy.disclosure import (
    HIDDEN,
    DisclosureError,
    Sum,
    derivable,
    sums_within,
    suppress,
    suppress_part,
)
from needling.privacy.release import release_baseline, release_distribution, release_flow, release_results
from needling.schema import BASELINE, DISTRIBUTION, FLOW, RESULTS, check


def two_way(counts):
    """Cells, row totals, column totals and grand total of a two-way table, and the sums between them."""
    rows, columns = counts.shape
    values = list(counts.ravel()) + list(counts.sum(axis=1)) + list(counts.sum(axis=0)) + [counts.sum()]
    cell = lambda r, c: r * columns + c  # noqa: E731
    row_total = [rows * columns + r for r in range(rows)]
    column_total = [rows * columns + rows + c for c in range(columns)]
    sums = [Sum(tuple(cell(r, c) for c in range(columns)), total=row_total[r]) for r in range(rows)]
    sums += [Sum(tuple(cell(r, c) for r in range(rows)), total=column_total[c]) for c in range(columns)]
    sums += [Sum(tuple(row_total), total=len(values) - 1), Sum(tuple(column_total), total=len(values) - 1)]
    return pd.DataFrame({"n": values}), sums


@given(
    st.integers(2, 4).flatmap(
        lambda r: st.integers(2, 4).flatmap(
            lambda c: st.lists(st.integers(0, 40), min_size=r * c, max_size=r * c).map(
                lambda x: np.array(x).reshape(r, c)
            )
        )
    ),
    st.sampled_from([5, 11]),
)
@settings(max_examples=40, deadline=None)
def test_nothing_small_can_be_solved_for_in_a_table_with_all_its_margins(counts, minimum):
    table, sums = two_way(counts)
    safe = suppress(table, "n", minimum, sums)
    hidden = safe["n"].isna().to_numpy()
    small = ((table["n"] > 0) & (table["n"] < minimum)).to_numpy()
    assert hidden[small].all()
    assert not derivable(table["n"], hidden, sums, minimum)["exposed"].any()
    assert (safe.loc[~hidden, "n"] == table.loc[~hidden, "n"]).all()
    assert hidden.any() == small.any()


def test_bounds_agree_with_trying_every_table():
    counts = np.array([[3, 12], [8, 20]])
    table, sums = two_way(counts)
    hidden = np.zeros(len(table), bool)
    hidden[[0, 1, 2, 3]] = True
    told = derivable(table["n"], hidden, sums, 11).set_index("cell")
    possible = [
        (a, b, c, d)
        for a, b, c, d in itertools.product(range(44), repeat=4)
        if a + b == 15 and c + d == 28 and a + c == 11 and b + d == 32
    ]
    for cell in range(4):
        assert told.loc[cell, "low"] == min(p[cell] for p in possible)
        assert told.loc[cell, "high"] == max(p[cell] for p in possible)


def test_checker_finds_what_primary_suppression_alone_leaves_open():
    table, sums = two_way(np.array([[3, 30], [20, 40]]))
    only_small = ((table["n"] > 0) & (table["n"] < 11)).to_numpy()
    told = derivable(table["n"], only_small, sums, 11)
    assert told["exposed"].tolist() == [True]
    assert told["low"].item() == told["high"].item() == 3


def test_sums_within_groups_are_protected_and_percentages_go_with_the_counts():
    table = pd.DataFrame(
        {"arm": ["a"] * 3 + ["b"] * 2, "n": [4, 30, 26, 25, 35], "percent": [6.7, 50.0, 43.3, 41.7, 58.3]}
    )
    safe = suppress(table, "n", 11, sums_within(table, "n", ["arm"]), blank=["percent"])
    assert safe["n"].isna().tolist() == [True, False, True, False, False]
    assert safe["percent"].isna().tolist() == safe["n"].isna().tolist()
    assert safe["n_shown"].tolist() == [HIDDEN, "30", HIDDEN, "25", "35"]


def test_kept_cells_are_the_last_to_be_hidden_and_bounds_that_follow_are_told():
    table = pd.DataFrame({"n": [366, 4, 2, 360]})
    safe = suppress(table, "n", 11, [Sum((1, 2, 3), total=0)], keep=[3])
    assert safe["n_shown"].tolist() == ["≥360", HIDDEN, HIDDEN, "360"]


def test_a_small_known_total_is_refused():
    table = pd.DataFrame({"n": [2, 3]})
    with pytest.raises(DisclosureError, match="hide the total"):
        suppress(table, "n", 11, [Sum((0, 1), known=5)])


@pytest.mark.parametrize(
    ("part", "whole", "shown"),
    [
        (60, 60, "60"),
        (57, 60, "≥50"),
        (49, 60, "49"),
        (3, 60, HIDDEN),
        (0, 60, "0"),
        (7, 15, HIDDEN),
        (14, 15, HIDDEN),
    ],
)
def test_part_of_a_whole_hides_small_complements(part, whole, shown):
    safe = suppress_part(pd.DataFrame({"m": [part], "e": [whole], "share": [part / whole]}), "m", "e", 11, ["share"])
    assert safe["m_shown"].item() == shown
    assert safe["share"].isna().item() == safe["m"].isna().item() == (shown != str(part))


def test_small_wholes_are_hidden_with_their_parts():
    safe = suppress_part(pd.DataFrame({"m": [8, 0], "e": [9, 9]}), "m", "e", 11)
    assert safe["e_shown"].tolist() == [HIDDEN, HIDDEN]
    assert safe["m_shown"].tolist() == [HIDDEN, HIDDEN]


def made(rows, contract):
    """Rows as a table of a contract; texts that they do not name are empty, numbers missing."""
    texts = {name: "" for name, field in contract.items() if field.kind == "text"}
    return check(pd.DataFrame([texts | row for row in rows]).reindex(columns=list(contract)), contract, "made")


def flow_of(*rows):
    """Flow of one cohort and outcome from (arm, stage, n) or (arm, stage, n, visit or reason)."""
    table = [
        {"cohort": "c", "arm": arm, "stage": stage, "n": n}
        | ({} if stage == "allocated" else {"outcome": "pain"})
        | ({"reason" if stage == "left_out" else "visit": place[0]} if place else {})
        for arm, stage, n, *place in rows
    ]
    return made(table, FLOW)


def number_row(arm, values, reference=None):
    """A row of the baseline table about whole-number scores."""
    q25, median, q75 = np.quantile(values, [0.25, 0.5, 0.75])
    row = {
        **{"cohort": "c", "arm": arm, "variable": "pain", "label": "Pain", "unit": "", "level": "", "n": len(values)},
        **{"mean": values.mean(), "sd": values.std(ddof=1), "median": median, "q25": q25, "q75": q75},
    }
    if reference is not None:
        spread = math.sqrt((values.var(ddof=1) + reference.var(ddof=1)) / 2)
        row["standardised_difference"] = (values.mean() - reference.mean()) / spread
    return row


def has_scores(n, mean, sd, step):
    """Tell whether some n whole numbers have this mean and SD after rounding: their sum and sum of squares are whole."""
    half = step / 2 + 1e-9
    for total in range(math.ceil(n * (mean - half)), math.floor(n * (mean + half)) + 1):
        low, high = ((n - 1) * max(value, 0) ** 2 + total**2 / n for value in (sd - half, sd + half))
        if any((squares - total) % 2 == 0 for squares in range(math.ceil(low), math.floor(high) + 1)):
            return True
    return False


@pytest.mark.parametrize("minimum", [5, 11])
@pytest.mark.parametrize("spread", [0.4, 0.9, 1.7, 6, 14, 120])
def test_mean_and_spread_of_whole_numbers_do_not_tell_a_hidden_n(minimum, spread):
    random = np.random.default_rng(5)
    shown = 0
    for whole in [2 * minimum - 1, 24, 33, 80, 160]:
        n = whole - int(random.integers(1, minimum))
        values = np.round(random.normal(4 * spread, spread, n))
        other = np.round(random.normal(4 * spread, spread, whole))
        table = made([number_row("a", values), number_row("b", other, values)], BASELINE)
        safe = release_baseline(table, flow_of(("a", "allocated", whole), ("b", "allocated", whole)), minimum)
        hidden, open_row = safe.iloc[0], safe.iloc[1]
        assert pd.isna(hidden["n"])
        assert open_row["mean"] == other.mean()
        if pd.isna(hidden["mean"]):
            assert hidden[["sd", "median", "q25", "q75"]].isna().all()
            assert pd.isna(open_row["standardised_difference"])
            continue
        shown += 1
        coarse = hidden["mean"] % 1 == hidden["sd"] % 1 == 0
        possible = range(whole - minimum + 1, whole)
        fit = [k for k in possible if has_scores(k, hidden["mean"], hidden["sd"], 1 if coarse else 0.1)]
        assert len(fit) == minimum - 1, (whole, n)
        assert (hidden[["median", "q25", "q75"]].dropna() % 1 == 0).all()
        of_rounded = (other.mean() - hidden["mean"]) / math.sqrt((other.var(ddof=1) + hidden["sd"] ** 2) / 2)
        assert open_row["standardised_difference"] == pytest.approx(of_rounded, abs=0.0051)
    assert shown >= (0 if spread < 0.5 else 2)


def test_exact_mean_and_spread_would_have_told_n():
    values = np.round(np.random.default_rng(5).normal(5, 1.7, 76))
    exact = [n for n in range(70, 80) if has_scores(n, values.mean(), values.std(ddof=1), 1e-9)]
    assert exact == [76]


@given(st.integers(21, 150), st.integers(1, 10), st.floats(0, 1), st.floats(0, 1))
@settings(max_examples=30, deadline=None)
def test_shares_at_the_ends_of_a_scale_do_not_tell_a_hidden_count(whole, lost, low, high):
    minimum, n = 11, whole - lost
    at_floor = round(low * n)
    at_ceiling = round(high * (n - at_floor))
    place = {"cohort": "c", "outcome": "pain", "visit": "week_4", "arm": "a"}
    row = {**place, "n": n, "mean": 5.0, "sd": 2.0} | dict.fromkeys(["q10", "q25", "median", "q75", "q90"], 5.0)
    table = made([row | {"floor": at_floor / n, "ceiling": at_ceiling / n}], DISTRIBUTION)
    missingness = pd.DataFrame([{**place, "expected": whole, "measured": n}])
    safe = release_distribution(table, missingness, minimum).iloc[0]
    assert safe["n_shown"] == f"≥{whole - minimum + 1}"
    for share, true in ((safe["floor"], at_floor), (safe["ceiling"], at_ceiling)):
        if share >= 0:
            assert true == 0 or minimum <= true <= n - minimum or true == n
            assert share <= true / n + 1e-9
            step = next(s for s in (0.01, 0.05, 0.1) if s * (whole - minimum + 1) >= 1)
            for possible in range(whole - minimum + 1, whole):
                assert any(share - 1e-9 <= k / possible < share + step for k in range(possible + 1))
    # beside a visible n the shares are exact, so neither they nor what lies between them may be few people
    seen = release_distribution(table, missingness.assign(expected=n), minimum).iloc[0]
    if seen["floor"] >= 0 and seen["ceiling"] >= 0:
        between = n - at_floor - at_ceiling
        assert not 0 < between < minimum


@given(st.lists(st.integers(0, 40), min_size=2, max_size=5), st.integers(0, 25), st.sampled_from([5, 11]))
@settings(max_examples=30, deadline=None)
def test_levels_and_missing_values_cannot_be_worked_out(counts, missing, minimum):
    n = sum(counts)
    common = {"cohort": "c", "arm": "a", "variable": "side", "label": "Side", "unit": "", "n": n}
    rows = [
        common | {"level": str(i), "count": one, "percent": 100 * one / max(n, 1)} | {"standardised_difference": 0.1}
        for i, one in enumerate(counts)
    ]
    table = made(rows, BASELINE)
    safe = release_baseline(table, flow_of(("a", "allocated", n + missing)), minimum)
    if n + missing < minimum:
        assert (safe["count"].isna() | (safe["count"] == 0)).all()
        return
    n_hidden = bool(safe["n"].isna().all())
    hidden = [*safe["count"].isna(), n_hidden]
    assert n_hidden == (0 < missing < minimum or 0 < n < minimum)
    known = Sum(tuple(range(len(counts) + 1)), known=float(n + missing))
    told = derivable([*map(float, counts), float(missing)], hidden, [known], minimum)
    assert not told["exposed"].any()
    for one, percent in zip(counts, safe["percent"], strict=True):
        assert not (0 < one < minimum and percent >= 0)
        assert not (n_hidden and percent >= 0)
    assert not n_hidden or safe["standardised_difference"].isna().all()
    assert n_hidden or (safe["percent"].notna() == safe["count"].notna()).all()


def result_rows(**patients):
    """Results rows of analyses at week 4 with as many patients."""
    rows = [
        {"analysis": name, "cohort": "c", "outcome": "pain", "visit": visit, "term": term, "n_patients": n}
        | {"n_observations": n * (3 if name == "course" else 1), "status": "converged", "df_method": "residual"}
        | {"estimate": 1.0, "df": n - 4.0}
        for name, n in patients.items()
        for visit, term in (("week_4", "effect"), ("", "coefficient"))
    ]
    return made(rows, RESULTS)


MEASURED = [
    *(("a", stage, n, visit) for stage, n, visit in [("measured", 90, "baseline"), ("measured", 73, "week_4")]),
    *(("b", stage, n, visit) for stage, n, visit in [("measured", 89, "baseline"), ("measured", 74, "week_4")]),
]
ALLOCATED = [("a", "allocated", 100), ("b", "allocated", 100)]


@pytest.mark.parametrize(
    ("n", "shown"),
    [(147, "147"), (146, "≥143"), (143, "≥143"), (142, "142"), (100, "100")],
)
def test_patients_of_one_visit_do_not_tell_how_few_measured_were_left_out(n, shown):
    safe = release_results(result_rows(week_4=n), flow_of(*ALLOCATED, *MEASURED), 5)
    assert safe["n_patients_shown"].tolist() == safe["n_observations_shown"].tolist() == [shown, shown]
    assert safe["df"].isna().all() == safe["n_patients"].isna().all() == (shown != str(n))


@given(st.integers(150, 199), st.integers(0, 12), st.integers(0, 12), st.integers(0, 20), st.sampled_from([5, 11]))
@settings(max_examples=30, deadline=None)
def test_no_visible_number_of_patients_lies_just_below_a_visible_number_measured(total, late, lost, aside, minimum):
    measured = [total // 2, total - total // 2]
    analysed = [measured[0] - late, measured[1] - lost]
    rows = [*ALLOCATED]
    for arm, m, n in zip("ab", measured, analysed, strict=True):
        rows += [(arm, "measured", 100, "baseline"), (arm, "measured", m, "week_4"), (arm, "analysed", n)]
        rows += [(arm, "left_out", count, why) for count, why in ((100 - m, "not_at_visits"), (m - n, "incomplete"))]
    flow = flow_of(*rows)
    told = release_flow(flow, minimum).set_index(["arm", "stage", "visit"])["n"]
    results = release_results(result_rows(main=sum(analysed), other=sum(measured) - aside), flow, minimum)
    seen = results["n_patients"].dropna().astype(int).tolist()
    gaps = []
    for arm in "ab":
        m, n = told[arm, "measured", "week_4"], told[arm, "analysed", ""]
        gaps += [] if pd.isna(m) or pd.isna(n) else [m - n]
        if pd.isna(n):
            mine = flow["arm"].eq(arm) & flow["stage"].eq("left_out")
            assert release_flow(flow, minimum).loc[mine, "n"].isna().all()
    m = [told[arm, "measured", "week_4"] for arm in "ab"]
    gaps += [] if any(map(pd.isna, m)) else [sum(m) - n for n in seen]
    n = [told[arm, "analysed", ""] for arm in "ab"]
    assert not (pd.isna(n[0]) != pd.isna(n[1]) and sum(analysed) in seen)
    gaps += [] if any(map(pd.isna, n)) else [abs(sum(n) - one) for one in seen]
    gaps += [200 - one for one in seen]
    assert not [gap for gap in gaps if 0 < gap < minimum]
