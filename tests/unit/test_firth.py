"""Firth's penalised likelihood against the closed form of a 2 x 2 table."""

import numpy as np
import pytest

from needling.analysis.firth import firth, pooled


@pytest.mark.parametrize("cells", [(7, 0, 5, 9), (0, 20, 3, 17), (4, 6, 5, 9)])
def test_a_two_by_two_table_gets_one_half_in_each_cell(cells):
    a, b, c, d = cells
    y, x = np.repeat([1.0, 0, 1, 0], cells), np.repeat([1.0, 1, 0, 0], cells)
    coefficients, covariance = firth(y, np.column_stack([np.ones(len(y)), x]))
    assert coefficients[1] == pytest.approx(np.log((a + 0.5) * (d + 0.5) / ((b + 0.5) * (c + 0.5))), rel=1e-7)
    assert np.isfinite(covariance).all()
    both, spread = pooled([(coefficients, covariance)] * 3)
    np.testing.assert_allclose(both, coefficients)
    np.testing.assert_allclose(spread, covariance)


def test_one_outcome_alone_has_no_coefficients():
    assert np.isnan(firth(np.ones(6), np.ones((6, 1)))[0]).all()


def test_separated_by_the_arm_beside_a_covariate_as_brglm2_has_it():
    """R brglm2 0.9, type AS_mean: everybody of one arm responded."""
    y = np.array([1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 1, 0, 0, 1, 0, 1, 0, 0, 0], float)
    base = np.array([6, 7, 5, 8, 4, 6, 7, 5, 9, 6, 5, 7, 8, 4, 6, 5, 9, 7, 3], float)
    X = np.column_stack([np.ones(19), np.repeat([1.0, 0.0], [9, 10]), base])
    coefficients, covariance = firth(y, X)
    np.testing.assert_allclose(coefficients, [2.40629962162, 4.22537295162, -0.54798348932], rtol=1e-6)
    np.testing.assert_allclose(
        np.sqrt(np.diag(covariance)), [2.523467249408, 1.863014038663, 0.437828874391], rtol=1e-6
    )
