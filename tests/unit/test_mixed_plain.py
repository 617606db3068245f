"""Formulas that the engine reads itself give what formulaic gives; stacks of small matrices give what numpy gives."""

import numpy as np
import pandas as pd
import pytest
from formulaic import Formula

from needling.mixed import stacks
from needling.mixed.errors import MixedModelError
from needling.mixed.fit import fit_mixed
from needling.mixed.plain import plain
from needling.mixed.resample import _root

READ = [
    "1", "week", "week * arm", "arm * site", "arm * site * sex", "week * arm * site", "age:week", "`my col` * arm",
    "week:arm + week", "age * week + arm",
]  # fmt: skip
LEFT = [
    "arm:site", "week:arm", "arm + arm:site", "0 + arm", "week * arm + 0", "site * age + arm:week", "C(arm) * week",
    "np.log(week + 1)", "arm + site + arm:site:week",
]  # fmt: skip


@pytest.fixture
def frame():
    rng = np.random.default_rng(1)
    rows = 60
    site = pd.Categorical(rng.choice(["x 1", "y", "z", "w"], rows), categories=["z", "y", "x 1", "w"])
    return pd.DataFrame(
        {
            "week": rng.integers(0, 5, rows),
            "age": rng.normal(size=rows),
            "my col": rng.normal(size=rows),
            "arm": pd.Categorical(rng.choice(list("abc"), rows)),
            "sex": pd.Categorical(rng.choice(["m", "f"], rows)),
            "site": site,
        }
    )


@pytest.mark.parametrize("text", READ)
def test_columns_names_and_terms_are_those_of_formulaic(frame, text):
    found = plain(Formula(text), frame)
    matrix = Formula(text).get_model_matrix(frame, output="numpy", na_action="ignore")
    spec = matrix.model_spec
    assert (found.get_model_matrix(frame) == np.asarray(matrix)).all()
    assert list(found.column_names) == list(spec.column_names)
    assert found.terms == {str(term): list(columns) for term, columns in spec.term_indices.items()}
    coded = {
        str(factor.expr): (list(one.levels), type(one.contrasts)) for factor, one in found.factor_contrasts.items()
    }
    assert coded == {str(f.expr): (list(one.levels), type(one.contrasts)) for f, one in spec.factor_contrasts.items()}


@pytest.mark.parametrize("text", LEFT)
def test_what_needs_a_column_for_every_level_or_a_function_is_left_to_formulaic(frame, text):
    assert plain(Formula(text), frame) is None


def test_other_rows_are_coded_by_the_levels_of_the_fit(frame):
    found = plain(Formula("site"), frame)
    other = pd.DataFrame({"site": ["w", "z", "y"]})
    assert found.get_model_matrix(other).tolist() == [[1, 0, 0, 1], [1, 0, 0, 0], [1, 1, 0, 0]]
    with pytest.raises(ValueError, match="'site' holds a level"):
        found.get_model_matrix(pd.DataFrame({"site": ["z", "q"]}))


def test_a_formula_of_numbers_alone_can_be_asked_for_its_tests():
    rng = np.random.default_rng(2)
    data = pd.DataFrame({"id": np.repeat(np.arange(20), 4), "week": np.tile(np.arange(4), 20)})
    data["y"] = rng.normal(size=20)[data["id"]] + 0.5 * data["week"] + rng.normal(size=80)
    fit = fit_mixed("y ~ week", data, subject="id", random="1")
    slope = fit.terms().set_index("term").loc["week"]
    for table in (fit.anova("III"), fit.anova("II"), fit.joint_test("week")):
        assert table["statistic"].item() == pytest.approx(slope["statistic"] ** 2)
        assert table["p"].item() == pytest.approx(slope["p"])
    with pytest.raises(MixedModelError, match="not a term"):
        fit.joint_test("month")


@pytest.mark.parametrize("rows", [1, 2, 3, 4, 5, 7])
def test_stacks_small_and_large_multiply_as_numpy_does(rows):
    rng = np.random.default_rng(rows)
    left, right = stacks.laid(rng.normal(size=(50, rows, rows))), stacks.laid(rng.normal(size=(50, rows, 6)))
    B = left @ np.swapaxes(left, 1, 2) + np.eye(rows)
    inverse, logarithm = stacks.inverse_factors(B)
    assert np.allclose(inverse @ B @ np.swapaxes(inverse, 1, 2), np.eye(rows), atol=1e-11)
    assert (np.triu(inverse, 1) == 0).all()
    assert np.allclose(logarithm, np.linalg.slogdet(B)[1])
    assert np.allclose(stacks.product(left, right), left @ right)
    assert np.allclose(stacks.product(left[:1], right), left[:1] @ right)
    assert np.allclose(stacks.times(right, np.arange(12.0).reshape(6, 2)), right @ np.arange(12.0).reshape(6, 2))
    assert np.allclose(stacks.cross(right, left @ right), np.einsum("nab,nac->bc", right, left @ right))
    several = stacks.empty(3, 50, rows, rows)
    several[:] = rng.normal(size=several.shape)
    assert np.allclose(stacks.sums_of_products(several, left), np.einsum("tnab,nab->t", several, left))


@pytest.mark.parametrize("rows", [2, 5])
def test_a_stack_with_one_matrix_that_is_not_positive_definite_is_refused(rows):
    B = np.stack([np.eye(rows)] * 3)
    B[1, -1, -1] = -1e-9
    with pytest.raises(np.linalg.LinAlgError):
        stacks.inverse_factors(B)


def test_a_singular_covariance_has_a_root_to_simulate_from():
    B = np.array([[[4.0, 2.0], [2.0, 1.0]], [[2.0, 0.0], [0.0, 3.0]]])
    root = _root(B)
    assert np.allclose(root @ np.swapaxes(root, 1, 2), B)
    with pytest.raises(np.linalg.LinAlgError):
        stacks.inverse_factors(B * (1 + 1e-17))
