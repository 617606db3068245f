"""Blinding: the published trial, the corners, recovery of known guessing, what is refused, hidden, and said."""

import numpy as np
import pandas as pd
import pytest
from made_events import study
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Text
from scipy.optimize import brentq, minimize_scalar
from scipy.stats import chi2

from needling.analysis import blinding
from needling.analysis.blinding import guessing_interval, indices
from needling.analysis.kinds import settings_of_kinds
from needling.analysis.run import analyse
from needling.figures import guesses as figure
from needling.figures.style import PHONE, REPORT, style
from needling.labels.words import Labels
from needling.release.line import release
from needling.report.happened import guesses_sentences
from needling.schema.contract import empty
from needling.schema.frames import BASELINE, DISTRIBUTION, FLOW, FRAME, MISSINGNESS
from needling.schema.intake import ACCOUNT, AUDIT, CODEBOOK, RELIABILITY, TOTALS
from needling.study.disclosure import Disclosure
from needling.study.file import part, section
from needling.study.keys import StudyError
from needling.tables.guesses import TABLES

OBSERVED = {"flow": FLOW, "distribution": DISTRIBUTION, "missingness": MISSINGNESS, "baseline": BASELINE}
OBSERVED |= {"audit": AUDIT, "totals": TOTALS, "reliability": RELIABILITY, "codebook": CODEBOOK}
OBSERVED |= {"unread": ACCOUNT["unread"]}


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


# ---------------------------------------------------------------- the interval of Bang's index


def likeliest(right, wrong, n, level):
    """The score interval by brute force: the multinomial likelihood maximised at each difference, without a closed form."""

    def statistic(d):
        def minus_log(q):
            cells = np.array([q + d, q, 1 - 2 * q - d])
            return -float(np.sum(np.array([right, wrong, n - right - wrong]) * np.log(np.maximum(cells, 1e-300))))

        low, high = max(0.0, -d), (1 - d) / 2
        q = minimize_scalar(minus_log, bounds=(low, high), method="bounded", options={"xatol": 1e-12}).x
        return (right - wrong - n * d) ** 2 / (n * (2 * q + d - d**2)) - chi2.ppf(level, 1)

    at = (right - wrong) / n
    return brentq(statistic, -1 + 1e-9, at - 1e-9), brentq(statistic, at + 1e-9, 1 - 1e-9)


@pytest.mark.parametrize(("right", "wrong", "n"), [(82, 25, 277), (10, 3, 20), (2, 9, 15), (1, 1, 30), (20, 5, 25)])
def test_score_interval_is_that_of_the_likelihood(right, wrong, n):
    np.testing.assert_allclose(guessing_interval(right, wrong, n), likeliest(right, wrong, n, 0.95), atol=2e-6)
    assert np.diff(guessing_interval(right, wrong, n, 0.9)) < np.diff(guessing_interval(right, wrong, n, 0.95))


def test_score_interval_is_near_the_published_one_where_there_are_many_and_has_a_width_where_all_agree():
    np.testing.assert_allclose(guessing_interval(82, 25, 277), (0.136713, 0.274840), atol=2.5e-3)
    low, high = guessing_interval(12, 0, 12)
    assert (low, high) == (
        pytest.approx(2 * 12 / (12 + chi2.ppf(0.95, 1)) - 1),
        1.0,
    )  # Wilson's limit of 12 of 12, on this scale
    np.testing.assert_allclose(guessing_interval(0, 12, 12), (-1.0, -low), atol=1e-9)
    assert guessing_interval(0, 0, 12)[0] == pytest.approx(-guessing_interval(0, 0, 12)[1])


@pytest.mark.parametrize(("n", "shares"), [(15, (0.9, 0.02)), (30, (0.9, 0.02)), (40, (0.2, 0.7)), (30, (0.35, 0.3))])
def test_score_interval_holds_the_truth_in_small_arms(n, shares):
    """Where the normal interval held it in 78, 85, 93 and 93 %."""
    rng, (right, wrong) = np.random.default_rng(7), shares
    inside = []
    for r, w, _ in rng.multinomial(n, [right, wrong, 1 - right - wrong], 600):
        low, high = guessing_interval(int(r), int(w), n)
        inside.append(low <= right - wrong <= high)
    assert np.mean(inside) > 0.95 - 3 * np.sqrt(0.95 * 0.05 / 600)


# ---------------------------------------------------------------- the kind

ARMS = ("usual_care", "sham", "dry_needling")
CODES = {"1": "active", "2": "sham", "3": "do_not_know"}
COLUMNS = {
    "guess": {"from": "g", "codes": CODES},
    "time": {"from": "e", "codes": {"w4": "week_4", "w12": "week_12"}},
}
BLINDING = {"kind": "blinding", "guesses": {"active": "dry_needling", "sham": "sham"}, "unknown": ["do_not_know"]}


def trial(settings=BLINDING, columns=COLUMNS, **options):
    events = {"guesses": {name: one for name, one in columns.items() if one}}
    return study(**{"arms": ARMS, "events": events} | options, blinding=settings)


def guesses(counts, time="week_4"):
    """Patients and guesses from arm -> guess -> people; a guess of None is a blank cell."""
    people, told = [], []
    for arm, of_arm in counts.items():
        for guess, n in of_arm.items():
            mine = [f"{arm}{guess}{i}" for i in range(n)]
            people += [(one, arm) for one in mine]
            told += [(one, guess, time) for one in mine]
    patients = pd.DataFrame(people, columns=["patient", "arm"]).assign(clinic="C1", cohort="neck", sex="female")
    return patients.assign(row=range(len(patients))), pd.DataFrame(told, columns=["patient", "guess", "time"])


def found_in(patients, told, one=None):
    one = one or trial()
    given = {"visits": empty(FRAME), "patients": patients, "guesses": told}
    return analyse("blinding", given, one).tables


CRISP = {
    "dry_needling": {"active": 82, "sham": 25, "do_not_know": 170},
    "sham": {"active": 27, "sham": 29, "do_not_know": 83},
    "usual_care": {"active": 3, "do_not_know": 4},
}


def test_an_analysis_gives_the_published_indices_of_the_two_arms_that_were_blind():
    tables = found_in(*guesses(CRISP))
    rows = tables["results"].query("visit == 'week_4'").set_index(["variant", "arm"])
    assert list(rows.index) == [("bang", "sham"), ("bang", "dry_needling"), ("james", "")]
    np.testing.assert_allclose(rows["estimate"], [0.014388, 0.205776, 0.747928], atol=1e-6)
    np.testing.assert_allclose(rows["se"], [0.053823, 0.035237, 0.021737], atol=1e-6)
    np.testing.assert_allclose(rows.loc["james", ["low", "high"]].astype(float), [[0.705323, 0.790532]], atol=1e-6)
    np.testing.assert_allclose(
        rows.loc[("bang", "dry_needling"), ["low", "high"]].astype(float), guessing_interval(82, 25, 277)
    )
    assert list(rows["n_patients"]) == [139, 277, 416]
    assert rows[["p", "statistic"]].isna().all(axis=None)
    side = tables["guesses"].query("visit == 'week_4' and arm == 'dry_needling'").set_index("guess")["n"]
    assert side.to_dict() == {"sham": 25, "dry_needling": 82, "unknown": 170}


def test_a_time_at_which_nobody_answered_is_there():
    rows = found_in(*guesses(CRISP))["results"].query("visit == 'week_12'")
    assert set(rows["status"]) == {"not_estimated"}
    assert set(rows["note"]) == {"nobody answered"}


@pytest.mark.parametrize(
    ("counts", "status", "note"),
    [
        ({"dry_needling": {"active": 1}}, ["not_estimated", "converged", "not_estimated"], "all who named an arm"),
        ({"dry_needling": {"active": 9}}, ["not_estimated", "converged", "not_estimated"], "all who named an arm"),
        ({"dry_needling": {None: 5}, "sham": {None: 5}}, ["not_estimated"] * 3, "nobody answered"),
        ({}, ["not_estimated"] * 3, "nobody answered"),
        (
            {"dry_needling": {"active": 8}, "sham": {"sham": 8}},
            ["converged", "converged", "converged"],
            "all answers were alike in each arm",
        ),
    ],
    ids=["one patient", "one arm", "all missing", "nobody", "all right"],
)
def test_too_little_to_form_an_index_is_a_row_that_says_so(counts, status, note):
    rows = found_in(*guesses(counts))["results"].query("visit == 'week_4'")
    assert list(rows["status"]) == status
    assert note in rows["note"].iloc[-1]
    assert rows["estimate"].notna().tolist() == [one == "converged" for one in status]
    bang = rows[rows["variant"].eq("bang") & rows["estimate"].notna()]
    assert (bang["low"] < bang["high"]).all()


def test_a_blank_answer_counts_for_the_arm_and_not_for_the_index():
    patients, told = guesses({"dry_needling": {"active": 6, None: 4}, "sham": {"sham": 5, "active": 5}})
    tables = found_in(patients, told)
    assert tables["results"].query("visit == 'week_4' and arm == 'dry_needling'")["n_patients"].item() == 6
    counts = tables["guesses"].query("visit == 'week_4' and arm == 'dry_needling'")
    assert set(zip(counts["n_answered"], counts["n_arm"], strict=True)) == {(6, 10)}


def test_degrees_of_certainty_count_alike():
    codes = {"1": "surely active", "2": "perhaps active", "3": "sham"}
    columns = {"guess": {"from": "g", "codes": codes}}
    settings = {
        "kind": "blinding",
        "guesses": {"surely active": "dry_needling", "perhaps active": "dry_needling", "sham": "sham"},
    }
    patients, told = guesses(
        {"dry_needling": {"surely active": 4, "perhaps active": 3, "sham": 3}, "sham": {"sham": 1}}, ""
    )
    tables = found_in(patients, told.drop(columns="time"), trial(settings, columns))
    row = tables["results"].query("arm == 'dry_needling'").iloc[0]
    assert (row["estimate"], row["visit"]) == (pytest.approx(0.4), "")


def test_two_guesses_at_one_time_stop_the_run():
    patients, told = guesses({"dry_needling": {"active": 2}, "sham": {"sham": 2}})
    with pytest.raises(StudyError, match=r"events\.guesses: 1 guesses are a patient's second at one time"):
        found_in(patients, pd.concat([told, told.head(1).assign(guess="sham")]))


@pytest.mark.parametrize(
    ("settings", "options", "said"),
    [
        ({}, {"design": "cohort"}, "in the design cohort patients and clinicians knew the treatment"),
        (
            {},
            {"design": "single_arm", "arms": ()},
            "in the design single_arm patients and clinicians knew the treatment",
        ),
        ({}, {"columns": {"time": COLUMNS["time"]}}, "no table events.guesses with a column guess"),
        ({}, {"columns": {"guess": "g"}}, "list the codes of events.guesses.columns.guess"),
        ({"outcomes": ["pain"]}, {}, "leave outcomes, adjust and observed_at out"),
        ({"contrasts": "pairwise"}, {}, "neither tested nor compared"),
        ({"guesses": {"active": "dry_needling", "sham": "dry_needling"}}, {}, "name 1 arm(s)"),
        ({"guesses": {"active": "dry_needlin", "sham": "sham"}}, {}, "did you mean 'dry_needling'?"),
        (
            {"guesses": {"activ": "dry_needling", "sham": "sham"}},
            {},
            "nobody can guess 'activ'; did you mean 'active'?",
        ),
        ({"unknown": []}, {}, "the guess 'do_not_know' is named once"),
        ({"unknown": ["do_not_know", "sham"]}, {}, "the guess 'sham' is named once"),
    ],
)
def test_what_cannot_be_meant_is_refused_in_a_sentence(settings, options, said):
    with pytest.raises(ValueError, match=r"blinding") as error:
        trial(BLINDING | settings, **options)
    assert said in str(error.value)


def test_known_guessing_is_recovered_by_the_analysis():
    """Of 40 per arm most believe that they had the active treatment: Bang .5 and -.4, each held in 95 % of the trials."""
    rng, held, trials = np.random.default_rng(11), np.zeros(3), 80
    shares = {"dry_needling": [0.6, 0.1, 0.3], "sham": [0.55, 0.15, 0.3]}
    one = trial()
    truth = {"dry_needling": 0.5, "sham": -0.4}
    exact = indices(told([6e5, 1e5, 3e5], [5.5e5, 1.5e5, 3e5]))["estimate"].iloc[0]
    for _ in range(trials):
        drawn = {
            arm: dict(zip(CODES.values(), rng.multinomial(40, p).tolist(), strict=True)) for arm, p in shares.items()
        }
        rows = found_in(*guesses(drawn), one)["results"].query("visit == 'week_4'").set_index("arm")
        held[:2] += [rows.loc[arm, "low"] <= value <= rows.loc[arm, "high"] for arm, value in truth.items()]
        held[2] += rows.loc["", "low"] <= exact <= rows.loc["", "high"]
    assert (held / trials > 0.95 - 3 * np.sqrt(0.95 * 0.05 / trials)).all(), held


# ---------------------------------------------------------------- from the analysis to the page


def released_of(counts, disclosure=None, time="week_4"):
    one = trial(**({"design": "randomised"}))
    if disclosure:
        one = one.model_copy(update={"made_up": False, "disclosure": Disclosure(**disclosure)})
    patients, told_of = guesses(counts, time)
    tables = found_in(patients, told_of, one)
    beside = {name: empty(contract) for name, contract in OBSERVED.items()}
    return release(tables | beside, one), Labels(one)


def test_table_figure_and_sentence_say_the_same_numbers():
    released, labels = released_of(CRISP)
    printed = TABLES["guesses"](released, labels)
    assert [row[0] for row in printed.rows[:4]] == ["Week 4", "Sham", "Dry needling", "Both arms (James)"]
    assert printed.head[1:5] == ["Answered", "Guessed sham", "Guessed dry needling", "Did not know"]
    assert printed.rows[2][1:] == ["277 of 277", "25 (9%)", "82 (30%)", "170 (61%)", "0.21 (0.14 to 0.27)"]
    assert printed.rows[3][-1] == "0.75 (0.71 to 0.79)"
    assert "Week 12, sham: nobody answered." in printed.notes
    said = ["".join(pieces) for pieces in guesses_sentences(released, labels)]
    assert said == [
        "Week 4: right and wrong guesses not told apart from chance with sham (Bang’s index 0.01 (−0.09 to 0.12)); more right than "
        "wrong guesses with dry needling (Bang’s index 0.21 (0.14 to 0.27)). James’s index 0.75 (0.71 to 0.79)."
    ]
    source = figure.data(released, labels)
    caption, alternative = figure.words(source, labels)
    assert "dry needling 0.21 (0.14 to 0.27)" in alternative
    assert "another scale" in caption


@pytest.mark.parametrize(("sizes", "named"), [(REPORT, "Dry needling"), (PHONE, "Dry needling, n = 277")])
def test_on_a_narrow_sheet_names_with_n_stand_above_their_rows(sizes, named):
    """Beside them the plot would have a centimetre, and its head would run into that of the numbers."""
    released, labels = released_of(CRISP)
    with style(sizes):
        drawn = figure.draw(figure.data(released, labels), labels, sizes)
    plot = next(ax for ax in drawn.axes if ax.get_xlim() == (-1, 1))
    width = plot.get_position().width * sizes.width
    assert width > figure.FEWEST
    words = {text.get_text(): text for text in drawn.findobj(Text)}
    assert named in words
    title = next(text for text in words.values() if "Bang’s index" in text.get_text())
    numbers = next(text for text in words.values() if text.get_text().startswith("Index ("))
    renderer = FigureCanvasAgg(drawn).get_renderer()
    boxes = [one.get_window_extent(renderer) for one in (title, numbers)]
    assert not boxes[0].overlaps(boxes[1])


def test_hope_in_both_arms_is_said_with_its_direction():
    released, labels = released_of({"dry_needling": {"active": 60, "sham": 20}, "sham": {"active": 60, "sham": 20}})
    said = "".join(guesses_sentences(released, labels)[0])
    assert "more wrong than right guesses with sham" in said
    assert "more right than wrong guesses with dry needling" in said


def test_few_guesses_of_a_kind_hide_their_index_and_that_of_both_arms():
    """With index, error and number the count of the few could be worked out."""
    counts = CRISP | {"sham": {"active": 40, "sham": 7, "do_not_know": 83}}
    released, labels = released_of(counts, {"rule": "cells", "min_cell": 11})
    rows = released["results"].query("visit == 'week_4'").set_index("arm")
    assert rows.loc[["", "sham"], ["estimate", "se", "low", "high"]].isna().all(axis=None)
    assert rows.loc["dry_needling", "estimate"] == pytest.approx(0.205776, abs=1e-6)
    hidden = released["guesses"].query("visit == 'week_4' and arm == 'sham'")
    assert hidden["n"].isna().sum() >= 2
    printed = TABLES["guesses"](released, labels)
    assert printed.rows[1][-1] == "‡"
    assert any("few people" in note for note in printed.notes)


def test_the_sections_that_the_workflow_gives_are_enough():
    """A job sees what every analysis sees and what its kind asks for, and nothing else."""
    one = trial()
    common = ["design", "patients", "visits", "cohorts", "covariates", "estimands", "analyses", "primary"]
    part_of = part(section(one, *common, *blinding.USES), settings_of_kinds())
    found = found_in(*guesses(CRISP), part_of)["results"]
    pd.testing.assert_frame_equal(found, found_in(*guesses(CRISP), one)["results"])
