"""Formulas of the study file: what the closed grammar takes, what it refuses, and that nothing else ever passes."""

import ast
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from needling.study.formula import FUNCTIONS, SETTINGS, check_columns, read_formula


@pytest.mark.parametrize(
    ("text", "response", "columns"),
    [
        ("pain_before ~ arm + bs(day, df=3) + csi", "pain_before", ("arm", "day", "csi")),
        ("1 + day", "", ("day",)),
        ("0 + arm:visit", "", ("arm", "visit")),
        ("value ~ (arm + visit + age)^2 - 1", "value", ("arm", "visit", "age")),
        ("log(age + 1) * C(arm) + scale(center(weight) / 2)", "", ("age", "arm", "weight")),
        ("poly(age, 2) + poly(weight, degree=3) + ns(day, 4) + cr(week, df=5)", "", ("age", "weight", "day", "week")),
        ("bs(day, 5, 2) + bs(week, degree=2, df=4)", "", ("day", "week")),
        ("sqrt(-age * 2.5) + exp(log(age))", "", ("age",)),
        ("-1 + arm / visit", "", ("arm", "visit")),
        ("1", "", ()),
    ],
)
def test_formulas_of_the_grammar_are_read_with_their_columns(text, response, columns):
    formula = read_formula(text)
    assert (formula.text, formula.response, formula.columns) == (text, response, columns)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("I(__import__('os').system('id'))", "holds '_' at character 3"),
        ("I(age)", "uses 'I' as a function; it may use log, sqrt"),
        ("__import__('os')", "holds '_' at character 1"),
        ("arm + np.log(age)", "holds '.' at character 9"),
        ("arm + eval(age)", "uses 'eval' as a function"),
        ("`a b`", "holds '`' at character 1"),
        ("{age + 1}", "holds '{'"),
        ("age.values", "holds '.'"),
        ("a | b", "holds '|'"),
        ("a[0]", "holds '['"),
        ("a ** 2", "'*' at character 4 where a column"),
        ("", "ends where a column, a function or a bracket should come"),
        ("arm +", "ends where"),
        ("arm age", "'age' at character 5 where an operator"),
        ("(arm + age", "ends where ')' should come"),
        ("arm)", "')' at character 4"),
        ("2 * age", "no numbers but 0 and 1"),
        ("age^5", "where 2, 3 or 4"),
        ("age^2^2", "'^' at character 6"),
        ("log(age^2)", "'^' at character 8 where ')'"),
        ("log(age:arm)", "':' at character 8 where ')'"),
        ("log(C(arm))", "uses 'C' within another function"),
        ("C(age + 1)", "'+' at character 7 where ')'"),
        ("C(1)", "where the column that C takes"),
        ("log(age, 2)", "',' at character 8 where ')'"),
        ("bs(day, knots=3)", "'knots' at character 9 where df or degree = a number"),
        ("bs(day, df=3, df=4)", "gives 'df' twice"),
        ("bs(day, df=0)", "a whole number from 1 to 20"),
        ("bs(day, df=99)", "a whole number from 1 to 20"),
        ("bs(day, df=2.5)", "a whole number from 1 to 20"),
        ("bs(day, df=age)", "a whole number from 1 to 20"),
        ("log + age", "'log' at character 1"),
        ("arm + class", "'class' at character 7"),
        ("log(value) ~ arm", "left of ~ a formula has the name of one column"),
        ("a ~ b ~ c", "'~' at character 7"),
        ("~ arm", "left of ~"),
        ("a*b*c*d*e*f*g*h", "more than 200 terms when written out"),
        ("(a + b + c + d + e + f)^4", "more than 200 terms"),
        ("(" * 21 + "a" + ")" * 21, "more than 20 deep"),
        ("log(" * 21 + "a" + ")" * 21, "more than 20 deep"),
        ("a + " * 300 + "a", "at most 1000 characters"),
    ],
)
def test_anything_else_is_refused_in_one_sentence(text, told):
    with pytest.raises(ValueError, match=re.escape(told)) as error:
        read_formula(text)
    assert "\n" not in str(error.value)


def test_seven_factors_are_still_few_enough():
    assert len(read_formula("a*b*c*d*e*f*g").columns) == 7


def test_a_column_that_is_not_there_is_named_with_the_nearest():
    formula = read_formula("pain ~ arm + agee")
    with pytest.raises(ValueError, match="the column 'agee', which is not there; did you mean 'age'"):
        check_columns(formula, ["pain", "arm", "age"], "model: formula")
    check_columns(formula, {"pain": 1, "arm": 2, "agee": 3}, "model: formula")


SIGNS = [*"+-*/:^(),=~.'[]{}|`\\;@_01é²\u0661", "2", "2.5", "007"]
WORDS = ["arm", "age", "_x", "__import__", "I", "np", "os", "lambda", "df", "degree"]
PIECES = st.sampled_from([*SIGNS, *WORDS, *FUNCTIONS, " ", '"', "\n", "\u00a0"])


@given(st.one_of(st.text(max_size=40), st.lists(PIECES, max_size=12).map("".join)))
def test_what_passes_holds_allowed_tokens_and_names_only(text):
    try:
        formula = read_formula(text)
    except ValueError:
        return
    assert re.fullmatch(r"[A-Za-z0-9_+\-*/:^(),=~. ]*", text)
    names = set(re.findall(r"[A-Za-z_]\w*", text))
    settings = {name for names in SETTINGS.values() for name in names}
    assert names <= {*FUNCTIONS, *settings, *formula.columns, formula.response}
    assert not {*formula.columns, formula.response} & set(FUNCTIONS)
    python = text.rpartition("~")[2].replace("^", "**").replace(":", "*").strip()
    called = {ast.unparse(n.func) for n in ast.walk(ast.parse(python, mode="eval")) if isinstance(n, ast.Call)}
    assert called <= set(FUNCTIONS)
    assert not [n for n in ast.walk(ast.parse(python, mode="eval")) if isinstance(n, ast.Attribute | ast.Subscript)]
