"""Pictures of a fit: what they show is in the tables, and they leave the backend alone."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from needling.mixed.errors import MixedModelError
from needling.mixed.fit import fit_mixed


@pytest.fixture(scope="module")
def fit():
    rng = np.random.default_rng(5)
    patient, visit = np.repeat(np.arange(40), 3), np.tile(np.arange(3), 40)
    y = 6 + rng.normal(0, 1.2, 40)[patient] - (patient % 2) * 0.5 * visit + rng.normal(size=120)
    names = np.array(["week_2", "week_4", "week_12"])[visit]
    arm = np.where(patient % 2, "needling", "usual")
    data = pd.DataFrame({"id": patient, "visit": names, "week": visit * 2.0, "arm": arm, "pain": y})
    return fit_mixed("pain ~ arm * visit", data, subject="id", random="1", levels={"arm": ["usual", "needling"]})


def test_means_lie_where_the_table_says(fit):
    ax = fit.plot("means", ["visit", "arm"], level=0.9)
    table = fit.means(["visit", "arm"], level=0.9)
    drawn = np.concatenate([one.lines[0].get_ydata() for one in ax.containers])
    assert sorted(drawn) == pytest.approx(sorted(table["estimate"]))
    ends = [segment[:, 1] for one in ax.containers for segment in one.lines[2][0].get_segments()]
    assert sorted(low for low, _ in ends) == pytest.approx(sorted(table["low"]))
    assert [one.get_text() for one in ax.get_xticklabels()] == ["week_2", "week_4", "week_12"]
    assert [one.get_text() for one in ax.get_legend().get_texts()] == ["usual", "needling"]
    assert ax.get_ylabel() == "Mean of pain"


def test_a_contrast_is_drawn_on_the_axes_that_are_given(fit):
    given = Figure().subplots()
    ax = fit.plot("contrast", "arm", by="visit", ax=given)
    assert ax is given
    assert ax.containers[0].lines[0].get_ydata() == pytest.approx(fit.contrast("arm", by="visit")["estimate"])
    assert fit.plot("contrast", "visit").get_xticklabels()[0].get_text() == "week_4 - week_2"


def test_residuals_influence_and_effects(fit):
    points = fit.plot("residuals").lines[0]
    assert points.get_ydata() == pytest.approx(fit.residuals("scaled"))
    assert points.get_xdata() == pytest.approx(fit.fitted())
    ax = fit.plot("influence", fit.contrast("arm", by="visit"))
    assert len(ax.get_yticks()) == 3
    assert len(ax.lines[0].get_xdata()) == 40
    far = fit.influence(fit.contrast("arm", by="visit"))
    far = far[far["row"] == far["row"].iloc[0]].set_index("left_out")["change_in_se"].abs().idxmax()
    assert ax.texts[0].get_text() == far
    drawn = fit.plot("random_effects").containers[0].lines[0].get_xdata()
    assert drawn == pytest.approx(fit.random_effects()["estimate"].sort_values())


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (("pie",), "not a kind of plot"),
        (("means",), "Means need the variables"),
        (("contrast",), "needs the variable that is compared"),
        (("random_effects", "clinic"), "has no random effects"),
    ],
)
def test_what_cannot_be_drawn_is_said(fit, asked, message):
    with pytest.raises(MixedModelError, match=message):
        fit.plot(*asked)
    with pytest.raises(MixedModelError, match="must be matplotlib's Axes"):
        fit.plot("residuals", ax="here")


def test_what_a_plot_does_not_know_is_said(fit):
    with pytest.raises(MixedModelError, match="one list"):
        fit.plot("means", "arm", by="visit")
    with pytest.raises(MixedModelError, match="A plot of means knows no 'colour'"):
        fit.plot("means", "arm", colour="red")
    with pytest.raises(MixedModelError, match="A plot of a contrast knows no 'group'"):
        fit.plot("contrast", "arm", group="visit")
    with pytest.raises(MixedModelError, match="A plot of influence knows no 'level'"):
        fit.plot("influence", level=0.9)


def test_the_engine_imports_matplotlib_only_to_draw_and_never_pyplot():
    code = "import sys, needling.mixed.fitted; assert 'matplotlib' not in sys.modules"
    code += "; import needling.mixed.plots as plots; plots.axes(None); assert 'matplotlib.pyplot' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
