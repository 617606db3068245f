"""Public functions of the face, the engine and the statistics show an example each, which run; the desk's run on the demo."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from documented import run, statistics, without_example
from needling.desk.asked import Asked
from needling.desk.compared import compare
from needling.desk.fit import Fit
from needling.desk.held import Held
from needling.desk.opened import OpenStudy, open_study
from needling.desk.rows import Rows
from needling.mixed.compare import likelihood_ratio_test
from needling.mixed.estimated import Estimated
from needling.mixed.fit import fit_ladder, fit_mixed, update
from needling.mixed.fitted import MixedFit
from needling.mixed.resample import bootstrap_intervals
from needling.mixed.splines import cr, ns

# What is a fact of its owner, read and not called, or what the desk's own modules ask of each other.
FACTS = {f"Asked.{name}" for name in ("engine", "status", "message", "formula", "data", "variables")}
FACTS |= {f"Held.{name}" for name in ("processed", "remark", "files", "ordered", "asked")}


@pytest.fixture(scope="module")
def data():
    """Pain of 60 people at three visits, two arms."""
    rng = np.random.default_rng(4)
    n = 60
    people = pd.DataFrame({"patient": [f"P{i}" for i in range(n)], "arm": ["needling", "usual_care"] * (n // 2)})
    people = people.assign(baseline=rng.normal(6, 1, n), level=rng.normal(0, 1, n), slope=rng.normal(0, 0.2, n))
    visits = pd.DataFrame({"visit": ["week_2", "week_4", "week_8"], "week": [2.0, 4.0, 8.0]})
    rows = people.merge(visits.assign(visit=pd.Categorical(visits["visit"])), how="cross")
    effect = rows["arm"].eq("needling") * -1.0
    rows["pain"] = (
        rows["baseline"] + effect + rows["level"] + rows["slope"] * rows["week"] + rng.normal(0, 0.6, len(rows))
    )
    return rows


def test_every_public_function_of_the_face_and_the_engine_shows_an_example():
    found = without_example(
        open_study,
        compare,
        fit_mixed,
        Held,
        OpenStudy,
        Rows,
        Asked,
        Fit,
        Estimated,
        MixedFit,
        update,
        fit_ladder,
        ns,
        cr,
    )
    assert set(found) == FACTS


def test_the_examples_of_the_engine_run(data, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("matplotlib.pyplot.subplots", lambda *a, **b: (one := Figure(), one.subplots()))
    fit = fit_mixed("pain ~ baseline + visit * arm", data, subject="patient", random="1 + week")
    mmrm = update(fit, data, random=None, residual="unstructured(visit)")
    names = {"fit": fit, "mmrm": mmrm, "data": data, "np": np, "pd": pd, "update": update}
    names |= {one.__name__: one for one in (fit_mixed, fit_ladder, likelihood_ratio_test, bootstrap_intervals)}
    owners = (fit_mixed, update, fit_ladder, likelihood_ratio_test, bootstrap_intervals, ns, cr, Estimated, MixedFit)
    tried, failed = run(names, *owners)
    assert not failed, failed
    assert tried > 30


def test_every_statistic_that_takes_numbers_or_a_table_shows_an_example_that_runs():
    """What the kinds compute with can be called with numbers of one's own: each shows how (docs/api.md names where they are)."""
    found = statistics()
    named = {"graph.test", "blinding.indices", "g_computation.g_computation", "weighting.weighted_difference"}
    assert named <= set(found)
    assert without_example(*found.values()) == []
    tried, failed = run({}, *found.values())
    assert not failed, failed
    assert tried > 2 * len(found)


def test_the_page_of_the_desk_names_statistics_that_there_are():
    page = (Path(__file__).parents[2] / "docs/api.md").read_text(encoding="utf-8")
    lines = re.findall(r"^\| (`[a-z_`, ]+) \| (.+) \|$", page.partition("## What the kinds compute with")[2], re.M)
    modules = [re.findall(r"`(\w+)`", left) for left, _ in lines]
    functions = [re.findall(r"`(\w+)`", right) for _, right in lines]
    assert len(lines) > 6
    known = set(statistics())
    for places, names in zip(modules, functions, strict=True):
        assert all(any(f"{place}.{name}" in known for place in places) for name in names), (places, names)


def test_an_example_that_is_wrong_is_found():
    def lame():
        """Nothing.

        >>> 1 + 1
        3
        """

    assert "Expected" in run({}, lame)[1]
