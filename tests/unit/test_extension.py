"""A study's own kind of analysis: one file that runs as written, and a check that says which part of the contract broke."""

import numpy as np
import pytest
from scipy import stats

from needling import extension
from needling.analysis.kinds import NEEDS, kinds
from needling.extension import _analysed, check_kind, frames, new_kind, write_kind
from needling.study.extensions import loaded
from needling.study.keys import StudyError


@pytest.fixture
def kind(tmp_path):
    """Write the template as a kind, with pieces replaced by others; return its path."""

    def write(*pieces):
        text = new_kind("own")
        for old, new in pieces:
            assert old in text
            text = text.replace(old, new, 1)
        path = tmp_path / "own.py"
        path.write_text(text, encoding="utf-8")
        return path

    return write


def test_the_first_file_is_a_welch_test(kind):
    data = frames()["an ordinary trial"]
    found = _analysed(loaded(kind(), NEEDS), "own", data)
    row = found.results[found.results["quantity"] == "difference"].iloc[0]
    at_4 = data[data["visit"] == "week_4"].set_index("arm")["value"]
    test = stats.ttest_ind(at_4["dry_needling"], at_4["usual_care"], equal_var=False)
    interval = test.confidence_interval()
    expected = [test.statistic, test.pvalue, test.df, interval.low, interval.high]
    np.testing.assert_allclose(row[["statistic", "p", "df", "low", "high"]].astype(float), expected, rtol=1e-9)
    assert (row["unit"], row["better"], row["kind"]) == ("points", "lower", "own")


def test_the_first_file_keeps_the_contract_and_the_error_rate(kind):
    said = check_kind(kind(), nulls=200)
    assert next(said) == "an ordinary trial: as the contract asks", "told before the others are run"
    others = list(said)
    assert len(others) == len(frames()) - 1 + 2
    assert others[-2] == "100 of 200 data sets without any effect"
    assert others[-1].startswith("type I error at 5 %: ")


def test_data_sets_are_the_same_on_one_processor_and_on_many(kind, monkeypatch):
    path = kind()
    monkeypatch.setattr(extension, "AT_ONCE", 2)
    spread = list(extension._type_one(path, 11))
    assert [count for count, _, _ in spread] == [2, 2, 2, 2, 2, 1]
    assert np.sum(spread, axis=0).tolist() == list(extension._rejections(path, range(11)))


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('"p": 2 * stats.t.sf(', '"p": 0.2 * stats.t.sf(', "must reject about one true null in twenty"),
        (
            "if min(map(len, groups.values()), default=0) < 2 or any(g.var() == 0 for g in groups.values()):",
            "if False:",
            "nobody: ",
        ),
        ('"status": "converged"}', '"status": "fine"}', "a status 'fine' that no contract knows"),
        ('"status": "converged"}', '"status": "failed"}', "a number where a status says that there is none"),
        ('"low": estimate - reach', '"low": estimate + 2 * reach', "an estimate outside its interval"),
        (
            "return Output(not_estimated(",
            "return Output(not_estimated(question, why, METHOD, 1, 1).head(0)) or Output((",
            "no row at all",
        ),
        ('{"n_patients": len(rows)', '{"n_patients": 1000', "more patients than the frame has"),
    ],
)
def test_a_breach_of_the_contract_is_named(kind, old, new, told):
    with pytest.raises(StudyError, match=r"own\.py") as error:
        list(check_kind(kind((old, new)), nulls=120))
    assert told in str(error.value)


def test_names_that_are_taken_or_none_are_refused(tmp_path):
    for name in ("Welch", "1st", "a b", ""):
        with pytest.raises(StudyError, match="cannot be the name"):
            write_kind(name, tmp_path)
    with pytest.raises(StudyError, match="already"):
        write_kind("ancova", tmp_path)
    write_kind("own", tmp_path)
    with pytest.raises(StudyError, match="already"):
        write_kind("own", tmp_path)


def test_a_file_that_lacks_a_part_is_refused(kind):
    with pytest.raises(StudyError, match="it lacks methods"):
        loaded(kind(("def methods(", "def method(")), NEEDS)


def test_a_kind_beside_a_study_is_found_and_may_not_hide_one_of_the_package(tmp_path):
    write_kind("own", tmp_path)
    assert list(kinds(tmp_path))[-1] == "own"
    (tmp_path / "ancova.py").write_text(new_kind("ancova"))
    kinds.cache_clear()
    with pytest.raises(StudyError, match="the name 'ancova' is taken"):
        kinds(tmp_path)
