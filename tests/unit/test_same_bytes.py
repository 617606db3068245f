"""The last bits, which every processor has its own, decide nothing that is written."""

import numpy as np
import pandas as pd
import pytest

from needling.analysis.diagnostics import diagnostics
from needling.analysis.results import Question
from needling.schema.stored import ESTIMATED_DIGITS, read_table, round_significant, write_table


def bits(values, seed):
    """The same numbers as another processor has them: another last bit or two."""
    noise = np.random.default_rng(seed).uniform(-4e-15, 4e-15, np.shape(values))
    return np.asarray(values) * (1 + noise)


def test_a_difference_is_rounded_by_its_standard_error(tmp_path):
    """100 - 100 of two processors: 3e-14 and -1e-14 beside a standard error of 0.3 are both 0."""
    for name, estimate in (("one", 3e-14), ("two", -1e-14)):
        table = pd.DataFrame({"estimate": [estimate, 12.3456789012345], "se": [0.3, 1e-9], "low": [-0.5, np.nan]})
        write_table(table, tmp_path / f"{name}.csv")
    assert (tmp_path / "one.csv").read_bytes() == (tmp_path / "two.csv").read_bytes()
    again = read_table(tmp_path / "one.csv")
    assert again["estimate"].tolist() == [0.0, 12.3456789]
    assert again["low"].iloc[0] == -0.5
    assert "-0," not in (tmp_path / "two.csv").read_text()


def test_fewer_digits_of_estimates_and_any_standard_error_as_scale(tmp_path):
    table = pd.DataFrame({"estimate": [1.23456789e-5, 0.123456789], "se_frequentist": [0.123456789, 0.1]})
    write_table(table, tmp_path / "t.parquet", digits=ESTIMATED_DIGITS)
    again = read_table(tmp_path / "t.parquet")
    assert again["estimate"].tolist() == [1.235e-5, 0.12345679]
    assert again["se_frequentist"].tolist() == [0.12345679, 0.1]


@pytest.mark.parametrize(
    ("value", "scale", "expected"),
    [
        (1.23456789012e-7, 0.0, 1.234567890e-7),
        (1.23456789012e-7, 1.0, 1.23e-7),
        (1.23456789012e-7, np.nan, 1.234567890e-7),
        (123.456789012345, 1.0, 123.4567890),
        (np.inf, 1.0, np.inf),
        (0.0, 0.0, 0.0),
        (1000.0, 0.0, 1000.0),
        (999.9999999999, 0.0, 1000.0),
        (-9.71230570004e-16, 0.0, -9.712305700e-16),
        (1.23456789012e300, 0.0, 1.234567890e300),
        (1.23456789012e-300, 0.0, 1.234567890e-300),
        (5e-324, 0.0, 0.0),
    ],
)
def test_ten_digits_are_counted_from_the_larger_of_number_and_scale(value, scale, expected):
    assert round_significant(pd.Series([value]), scale).tolist() == pytest.approx([expected], rel=4e-16, abs=0)
    assert np.isnan(round_significant(pd.Series([np.nan]), scale).iloc[0])


def test_nobody_changes_bins_by_a_last_bit():
    """Fitted values that many share: whoever is in a bin is told by the residual, not by the fitted value's last bit."""
    rng = np.random.default_rng(1)
    fitted, residual = rng.choice([1 / 3, 2 / 3, 5 / 7], 400), rng.normal(0, 1, 400)
    question = Question(**(dict.fromkeys(Question.__dataclass_fields__, "") | {"analysis": "a"}))
    one, other = (
        diagnostics(pd.Series(bits(fitted, seed)), pd.Series(bits(residual, seed + 9)), question) for seed in (2, 3)
    )
    for name in ("residual_bins", "residual_quantiles"):
        pd.testing.assert_frame_equal(one[name], other[name], rtol=1e-9)


def binned(fitted):
    """The bins of residuals with these fitted values."""
    question = Question(**(dict.fromkeys(Question.__dataclass_fields__, "") | {"analysis": "a"}))
    residual = np.random.default_rng(1).normal(0, 1, len(fitted))
    return diagnostics(pd.Series(fitted), pd.Series(residual), question)["residual_bins"]


def test_a_fitted_value_that_many_share_has_one_bin():
    """A model of visits alone has as many fitted values as visits: cut by rank, one of them had several means."""
    bins = binned([1.0] * 300 + [2.0] * 70 + [3.0] * 130)
    assert bins["fitted"].tolist() == [1.0, 2.0, 3.0]
    assert bins["n"].tolist() == [300, 70, 130]


def test_a_bin_of_few_joins_its_neighbour():
    """A value of three people between two of many would be a bin of three; so would the last."""
    assert binned([1.0] * 200 + [2.0] * 3 + [3.0] * 200)["n"].tolist() == [200, 203]
    assert binned([1.0] * 200 + [2.0] * 200 + [3.0] * 3)["n"].tolist() == [200, 203]
    assert binned([1.0] * 5 + [2.0] * 8)["n"].tolist() == [13]


def test_bins_of_values_that_differ_are_of_one_size():
    assert binned(np.arange(400.0))["n"].tolist() == [20] * 20
