"""No small count leaves, whatever a reader can add up."""

import itertools

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
