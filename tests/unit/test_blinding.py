"""Blinding indices: the published trial, the corners, and recovery of known guessing."""

import numpy as np
import pandas as pd
import pytest

from needling.analysis.blinding import indices


def told(verum, sham):
    """Guesses (verum, sham, don't know) of the two arms."""
    return pd.DataFrame({"verum": verum, "sham": sham}, index=["verum", "sham", "dont_know"])


def test_crisp_trial():
    found = indices(told([82, 25, 170], [27, 29, 83])).set_index(["index", "arm"])
    expected = {  # Bang 2004 table 7, digits by the package BI
        ("james", ""): (0.747928, 0.021737, 0.705323, 0.790532),
        ("bang", "verum"): (0.205776, 0.035237, 0.136713, 0.274840),
        ("bang", "sham"): (0.014388, 0.053823, -0.091103, 0.119880),
    }
    for place, numbers in expected.items():
        np.testing.assert_allclose(
            found.loc[place, ["estimate", "se", "low", "high"]].astype(float), numbers, atol=1.5e-6
        )
    assert found["n"].tolist() == [416, 277, 139]
    assert found["n_unknown"].tolist() == [253, 170, 83]


@pytest.mark.parametrize(
    ("verum", "sham", "james", "bang"),
    [
        ([50, 0, 0], [0, 50, 0], 0.0, (1.0, 1.0)),
        ([0, 50, 0], [50, 0, 0], 1.0, (-1.0, -1.0)),
        ([25, 25, 0], [25, 25, 0], 0.5, (0.0, 0.0)),
        ([0, 0, 50], [0, 0, 50], 1.0, (0.0, 0.0)),
    ],
    ids=["all right", "all wrong", "at random", "nobody guesses"],
)
def test_corners(verum, sham, james, bang):
    found = indices(told(verum, sham))
    np.testing.assert_allclose(found["estimate"], [james, *bang], atol=1e-12)


def test_an_index_that_cannot_be_formed_is_missing():
    assert indices(told([50, 0, 0], [0, 0, 50]))["estimate"].isna().tolist() == [True, False, False]
    assert indices(told([0, 0, 0], [3, 4, 1]))["estimate"].isna().tolist() == [False, True, False]


def test_coverage_of_the_intervals():
    rng = np.random.default_rng(20260101)
    verum, sham = np.array([0.45, 0.25, 0.3]), np.array([0.3, 0.35, 0.35])
    truth = [indices(told(1e6 * verum, 1e6 * sham))["estimate"].iloc[0], 0.2, 0.05]
    inside = []
    for _ in range(400):
        found = indices(told(rng.multinomial(120, verum), rng.multinomial(120, sham)))
        inside.append(((found["low"] <= truth) & (truth <= found["high"])).to_numpy())
    assert (np.abs(np.mean(inside, axis=0) - 0.95) < 4 * np.sqrt(0.95 * 0.05 / 400)).all()


@pytest.mark.parametrize(
    ("counts", "said"),
    [
        (pd.DataFrame({"a": [1, 2]}, index=["a", "b"]), "two arms"),
        (pd.DataFrame({"a": [1], "b": [2]}, index=["a"]), "guessed b"),
        (told([1.5, 0, 0], [1, 1, 1]), "integers"),
        (told([-1, 0, 0], [1, 1, 1]), "integers"),
    ],
)
def test_what_is_no_table_of_guesses_is_refused(counts, said):
    with pytest.raises(ValueError, match=said):
        indices(counts)
