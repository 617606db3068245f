"""An outcome at several sites of the body: its own model, table row and panel at each site, named by site and side."""

import numpy as np
import pandas as pd
import pytest
from made_results import plan, unreleased

from needling.figures.draw import figures, write_figures
from needling.labels.words import Labels
from needling.release.line import release
from needling.report.numbers import primary_sentences
from needling.tables.make import tables

EFFECTS = {"trapezius": -20.0, "levator": 20.0}  # the arms change places between the sites


def sites_plan():
    ppt = {"label": "Pressure pain threshold", "unit": "kPa", "range": [0, 1000], "better": "higher"}
    return plan(
        instruments={
            "ppt_trapezius": {**ppt, "total": "t", "site": "trapezius", "side": "affected"},
            "ppt_levator": {**ppt, "total": "l", "site": "levator", "label": "Threshold of the levator"},
        },
        outcomes={"threshold": "Pain threshold"},
        cohorts={"neck": {"label": "Neck pain", "outcomes": {"threshold": ["ppt_trapezius", "ppt_levator"]}}},
        analyses={
            "primary": {"kind": "repeated_measures", "label": "Primary analysis", "outcomes": ["threshold"]},
            "at_12": {"kind": "ancova", "label": "At week 12", "outcomes": ["threshold"], "visits": ["week_12"]},
            "any": {
                "kind": "model",
                "label": "Model",
                "outcomes": ["threshold"],
                "formula": "value ~ baseline + arm * visit",
                "random": "1",
                "contrasts": [{"by": "visit"}],
            },
        },
        estimands={},
        families={},
    )


def two_sites(patients, frame):
    rng = np.random.default_rng(8)
    parts = []
    for site, effect in EFFECTS.items():
        person = frame["patient"].map(dict(zip(patients["patient"], rng.normal(0, 20, len(patients)), strict=True)))
        treated = (frame["arm"] == "dry_needling") & (frame["visit"] != "baseline")
        value = 300 + person + effect * treated + rng.normal(0, 15, len(frame))
        mine = frame.assign(site=site, instrument=f"ppt_{site}", value=value, unit="kPa", better="higher")
        first = mine[mine["visit"] == "baseline"].set_index("patient")["value"]
        parts.append(mine.assign(baseline=mine["patient"].map(first)))
    return patients, pd.concat(parts, ignore_index=True)


@pytest.fixture(scope="module")
def released():
    study = sites_plan()
    patients_and_more = unreleased(study, 60, spoil=two_sites)
    return release(patients_and_more, study)


def test_each_site_has_a_model_of_its_own(released):
    results = released["results"]
    for analysis in ("primary", "at_12", "any"):
        mine = results[(results["analysis"] == analysis) & results["quantity"].eq("difference")]
        for site, effect in EFFECTS.items():
            here = mine[mine["site"] == site]
            assert len(here) == (1 if analysis == "at_12" else 4)
            assert ((here["low"] < effect) & (effect < here["high"])).mean() >= 0.75
            assert set(here["instrument"]) == {f"ppt_{site}"}
            assert set(here["favours"]) == {"dry_needling" if effect > 0 else "usual_care"}
    assert results["row_id"].is_unique
    for name in ("residual_bins", "residual_quantiles", "cross_check"):
        assert set(released[name]["site"]) == set(EFFECTS)


def test_tables_and_sentences_name_site_and_side(released):
    labels = Labels(sites_plan())
    made = {name: table for name, make in tables().items() if (table := make(released, labels)) is not None}
    first = [row[0] for row in made["primary"].rows]
    assert first == ["Pain threshold, trapezius, affected", "Pain threshold, levator"]
    means = released["results"].query("quantity == 'mean' and visit == 'week_4' and analysis == 'primary'")
    for row, site in zip(made["primary"].rows, EFFECTS, strict=True):
        for cell, arm in zip(row[1:3], ("usual_care", "dry_needling"), strict=True):
            (mean,) = means[(means["site"] == site) & (means["arm"] == arm)]["estimate"]
            assert float(cell) == pytest.approx(mean, abs=0.6)
    said = [one["what"] for one in primary_sentences(released, labels)]
    assert said == ["Pain threshold, trapezius, affected", "Pain threshold, levator"]
    baseline = [row[0] for row in made["baseline"].rows]
    assert any(one.startswith("Pain threshold, levator at baseline") for one in baseline)
    observed = " ".join(row[0] for row in made["observed"].rows if len(row) == 1)
    assert "trapezius, affected" in observed
    assert "levator" in observed


def test_every_figure_has_a_panel_for_each_site(released, tmp_path):
    labels, room = Labels(sites_plan()), figures()
    words = write_figures(released, labels, tmp_path)
    assert {"forest", "trajectories", "distributions", "missingness", "diagnostics"} <= set(words)
    source = room["trajectories"].data(released, labels)
    means = source[source["source"] != "difference"]
    assert means.groupby("site").size().to_dict() == {"levator": 10, "trapezius": 10}
    results = released["results"].query("analysis == 'primary' and quantity == 'mean' and site == 'levator'")
    mine = source[(source["site"] == "levator") & (source["source"] == "modelled")]
    assert sorted(mine["value"]) == sorted(results["estimate"])
    assert labels.measure("neck", "threshold", "levator").label == "Threshold of the levator"
