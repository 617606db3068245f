"""The statistician's desk: rows and fits are those of the run, and a model of one's own comes back from the plan."""

import ast
import datetime
import json
import re
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import yaml
from made_desk import EFFECT, FILE, INFERENCE, run

import needling as nd
from needling.analysis.kinds import kinds
from needling.desk import current
from needling.desk.entry import inserted, with_entry
from needling.desk.held import FRAMES
from needling.desk.opened import OpenStudy
from needling.desk.printed import Table
from needling.instruments.registry import registry
from needling.mixed.errors import MixedModelError
from needling.mixed.fit import fit_mixed
from needling.plan import load_study
from needling.study.extensions import PACKAGE
from needling.study.keys import StudyError

# ---------------------------------------------------------------- the face


def test_the_face_is_what_dir_shows() -> None:
    assert dir(nd) == ["compare", "fit_mixed", "open"]
    assert all(getattr(nd, name).__doc__ and "Example" in getattr(nd, name).__doc__ for name in ("open", "compare"))
    with pytest.raises(AttributeError, match="its face is"):
        _ = nd.nothing


def test_importing_the_face_imports_nothing_heavy() -> None:
    asked = "import sys; import needling; print(*sys.modules)"
    said = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True).stdout.split()
    assert not {"pandas", "numpy", "matplotlib", "pydantic", "yaml"} & set(said)


def test_every_kind_is_a_method(study) -> None:
    assert set(kinds()) <= set(dir(study))
    found = study.ancova(outcomes=["pain"], visits=["week_4"]).results
    planned = study.results.query("analysis == 'ancova'")
    np.testing.assert_allclose(found[INFERENCE], planned[INFERENCE], rtol=1e-6)
    with pytest.raises(StudyError, match="did you mean 'week_8'"):
        study.ancova(outcomes=["pain"], visits=["week_5"])
    with pytest.raises(AttributeError, match="did you mean 'ancova'"):
        _ = study.ancov


def test_help_on_a_kind_names_its_keys_and_its_example_is_what_the_plan_asks(study) -> None:
    for name in kinds():
        told = getattr(study, name).__doc__
        own = set(kinds()[name].Settings.model_fields) - {"kind", "label", "role", "family", "estimand"}
        assert {line.partition(" : ")[0] for line in told.splitlines() if " : " in line} >= own, name
    (example,) = re.findall(r"^>>> (study\.ancova\(.*\))$", study.ancova.__doc__, re.M)
    found = eval(example, {"study": study}).results
    planned = study.results.query("analysis == 'ancova'")
    np.testing.assert_allclose(found[INFERENCE], planned[INFERENCE], rtol=1e-6)
    assert ">>>" not in study.clustering.__doc__  # the plan has none


# ---------------------------------------------------------------- rows


def test_data_are_the_rows_of_the_model_in_the_order_of_the_plan(study) -> None:
    rows = study.data("main")
    used = study.results.query("analysis == 'main'")["n_observations"].dropna().unique()
    assert list(used) == [len(rows)]
    assert list(rows["arm"].cat.categories) == ["usual_care", "dry_needling"]
    assert list(rows["visit"].cat.categories) == ["week_4", "week_8", "week_12"]
    assert rows["age"].notna().all()  # the mean stands for the two that are missing, as in the run
    assert study.frame()["age"].isna().any()


def test_a_score_at_baseline_is_each_patients_own(study) -> None:
    rows = study.data("main").drop(columns="csi").add_baseline("csi")
    known = study.frame("patients").set_index("patient")["csi"]
    pd.testing.assert_series_equal(rows["csi"], rows["patient"].map(known), check_names=False)
    assert rows["csi"].isna().any()
    with pytest.raises(StudyError, match="did you mean 'csi'"):
        rows.add_baseline("cis")


def test_exposures_are_those_of_the_sessions_before_the_day_of_a_row(study) -> None:
    """Sessions on days 10, 20 and 30 with 2, 3 and 4 needles; visits on days 28 and 84."""
    rows = study.data("main").add_exposure("needles").add_exposure("sessions")
    assert set(rows.loc[rows["visit"] == "week_4", "needles_before"]) == {5.0}
    assert set(rows.loc[rows["visit"] == "week_12", "needles_before"]) == {9.0}
    assert set(rows.loc[rows["visit"] == "week_4", "sessions_before"]) == {2.0}
    assert rows.assign(day=20.0).drop(columns="needles_before").add_exposure("needles")["needles_before"].eq(2).all()


def test_an_open_session_leaves_what_came_before_open(study) -> None:
    frame = study.frame("sessions")
    rows = study.data("main")
    someone = rows["patient"].iloc[0]
    changed = dict(study._numbered)
    changed["sessions"] = frame.assign(
        needles=frame["needles"].mask((frame["patient"] == someone) & (frame["day"] == 20))
    )
    study.__dict__["_numbered"] = changed
    found = rows.add_exposure("needles")
    assert found.loc[found["patient"] == someone, "needles_before"].isna().all()
    assert found.loc[found["patient"] != someone, "needles_before"].notna().all()


def test_the_desk_has_every_frame_that_the_workflow_makes() -> None:
    rules = (PACKAGE.parent / "rules/common.smk").read_text()
    made = ast.literal_eval(re.search(r"^FRAMES = (\[.*\])$", rules, re.MULTILINE)[1])
    assert [path for path in FRAMES.values() if path.startswith("frames/")] == [f"frames/{name}" for name in made]


def test_results_are_those_of_the_analyses_that_have_run(study, root) -> None:
    """An analysis that was promoted, or written into the study file, has none until the next run."""
    entry = {"kind": "ancova", "outcomes": ["pain"], "visits": ["week_8"]}
    plan, _ = with_entry(root, "small", "later", entry)
    assert "later" in plan.analyses
    opened = OpenStudy(plan, root)
    assert "analyses/main/results" in opened.tables
    assert "analyses/later/results" not in opened.tables
    assert set(opened.results["analysis"]) == set(study.results["analysis"])


def test_a_study_that_has_not_run_says_so(study, tmp_path) -> None:
    fresh = OpenStudy(study.plan, tmp_path)
    with pytest.raises(StudyError, match=r"small has no results yet; ./run --study small makes them"):
        fresh.results  # noqa: B018
    with pytest.raises(StudyError, match=r"small has no frames yet; ./run --study small makes them"):
        fresh.frame()


# ---------------------------------------------------------------- fits


@pytest.mark.parametrize("analysis", ["main", "lines"])
def test_a_fit_of_the_plan_is_that_of_the_run(study, analysis) -> None:
    fit, results = study.fit(analysis), study.results
    assert fit.matches(results)
    place = results.index[(results["analysis"] == analysis) & results["reference"].ne("")][0]
    results.loc[place, "estimate"] += 1e-4 * results.loc[place, "se"]
    found = fit.differences(results)
    assert list(found["column"]) == ["estimate"]
    assert not fit.matches(results)
    assert not fit.matches(study.results.drop(index=place))


def test_contrasts_compare_with_the_plans_reference(study) -> None:
    fit = study.fit("main")
    found = fit.contrast("arm", by="visit").set_index("visit")
    run = study.results.query("analysis == 'main' and quantity == 'difference'").set_index("visit")
    np.testing.assert_allclose(found[INFERENCE], run.loc[found.index, INFERENCE], rtol=1e-6)
    assert set(found["contrast"]) == {"dry_needling - usual_care"}
    assert abs(found.loc["week_4", "estimate"] - EFFECT) < 3 * found.loc["week_4", "se"]
    turned = fit.contrast("arm", by="visit", reference="dry_needling").set_index("visit")
    np.testing.assert_allclose(turned["estimate"], -found["estimate"])


def test_an_updated_fit_is_that_of_the_engine_on_the_same_rows(study, mod) -> None:
    rows = pd.DataFrame(study.data("main")).dropna(subset="csi")
    own = fit_mixed(
        "value ~ baseline * visit + arm * visit + age + arm * csi",
        rows,
        subject="patient",
        residual="unstructured(visit)",
    )
    mine = mod.contrast("arm", by="csi", at={"csi": [20, 60], "visit": "week_4"})
    theirs = own.contrast("arm", by=["csi", "visit"], at={"csi": [20, 60], "visit": ["week_4"]}, weights="observed")
    np.testing.assert_allclose(mine[INFERENCE], theirs[INFERENCE], rtol=1e-6)
    assert mod.dropped == len(study.data("main")) - len(rows) > 0


@pytest.mark.parametrize(
    ("asked", "formula"),
    [
        ("~ . + arm*csi", "value ~ baseline * visit + arm * visit + age + arm*csi"),
        ("~ . - age", "value ~ baseline * visit + arm * visit + age - age"),
        ("change ~ .", "change ~ baseline * visit + arm * visit + age"),
        ("~ (.):sex", "value ~ ((baseline * visit + arm * visit + age)):sex"),
        ("~ arm", "value ~ arm"),
    ],
)
def test_a_dot_stands_for_the_terms_before(asked, formula) -> None:
    from needling.desk.fit import _dotted

    assert _dotted(asked, "value ~ baseline * visit + arm * visit + age") == formula


def test_comparing_fits_takes_the_same_rows_and_fixed_effects(study, mod) -> None:
    fit = study.fit("main")
    slope = fit.update(random="1 + week", residual=None)
    table = nd.compare(fit, slope)
    assert list(table["aic"]) == [fit.engine.aic, slope.engine.aic]
    assert list(table["parameters"]) == [
        6,
        4,
    ]  # of an unstructured covariance over three visits; of two random effects and e
    assert table["d_aic"].min() == 0
    with pytest.raises(MixedModelError, match="different rows"):
        nd.compare(fit, mod)
    with pytest.raises(MixedModelError, match="method='ml'"):
        nd.compare(fit, fit.update("~ . - age"))
    both = nd.compare(fit.update(method="ml"), fit.update("~ . - age", method="ml"))
    assert both["parameters"].diff().iloc[1] == -1


def test_tables_print_to_the_digits_of_their_intervals_and_no_p_as_zero() -> None:
    table = Table(
        {"estimate": [-0.9123, 0.0], "low": [-1.3812, -1], "high": [-0.4435, 1], "p": [2e-5, 0.9999], "df": [120.77, 5]}
    )
    assert "−0.91  −1.38  −0.44   <.001" in " ".join(repr(table).split()).replace(" ", "  ").replace("<", " <")
    assert "0.000" not in repr(table)
    assert "120.8" in repr(table)
    assert table["estimate"].iloc[0] == -0.9123


# ---------------------------------------------------------------- into the plan


def test_a_promoted_model_gives_the_numbers_of_the_notebook(study, mod, root) -> None:
    mine = mod.contrast("arm", by="csi", at={"csi": [20, 40, 60], "visit": "week_4"})
    mod.means(["visit", "arm"])
    said = study.promote(mod, name="csi_moderator", role="exploratory")
    assert "exploratory" in said
    again = load_study(root / "config/small.yaml")
    assert again.role("csi_moderator") == "exploratory"
    assert again.analyses["csi_moderator"].promoted == datetime.date.today().isoformat()
    assert again.analyses["csi_moderator"].completed == ["age"]
    texts = [text for item, text in kinds()["model"].methods(again.analyses["csi_moderator"], again) if item == "model"]
    assert "chosen after the data had been seen" in texts[0]
    assert ("figure", "along") in kinds()["model"].methods(again.analyses["csi_moderator"], again)
    run(root, again, ["csi_moderator"])
    opened = nd.open("small", root=root)
    rows = opened.results.query("analysis == 'csi_moderator' and quantity == 'difference'")
    assert list(rows["at"]) == ['{"csi": 20}', '{"csi": 40}', '{"csi": 60}']
    np.testing.assert_allclose(rows[INFERENCE], mine[INFERENCE], rtol=1e-6)
    assert mod.matches(opened.results)
    assert opened.fit("csi_moderator").matches(opened.results)
    (root / "data/processed/small/analyses/csi_moderator/results.parquet").unlink()


def test_promotion_leaves_every_line_as_it_was(study, mod, root) -> None:
    study.promote(mod, name="csi_moderator", label="Sensitisation: who gains?")
    text = (root / "config/small.yaml").read_text()
    head, tail = FILE.split("    # a remark that belongs to the last analysis\n")
    head += "    # a remark that belongs to the last analysis\n"
    assert text.startswith(head)
    assert text.endswith(tail)
    added = text[len(head) : len(text) - len(tail)]
    assert list(yaml.safe_load(added)) == ["csi_moderator"]
    assert yaml.safe_load(added)["csi_moderator"]["label"] == "Sensitisation: who gains?"


def test_an_entry_keeps_the_line_ends_of_its_file() -> None:
    text = "a: 1\r\nanalyses:\r\n    one: {kind: ancova}\r\n"
    assert inserted(text, "two", {"kind": "model"}, "x") == text + "    two:\r\n      kind: model\r\n"
    with pytest.raises(StudyError, match="no block"):
        inserted("analyses: {one: {kind: ancova}}", "two", {}, "x")


CHANGED = {
    "rows taken out": (lambda fit, rows: fit.update(data=rows[rows["age"] > 40]), "the entry takes"),
    "a changed value": (lambda fit, rows: fit.update(data=rows.assign(value=rows["value"] + 1)), "values of value"),
    "a changed covariate": (lambda fit, rows: fit.update(data=rows.assign(age=rows["age"] * 2)), "values of age"),
    "a column of one's own": (
        lambda fit, rows: fit.update("~ . + old", data=rows.assign(old=rows["age"] // 9)),
        "'old'",
    ),
    "maximum likelihood": (lambda fit, rows: fit.update(method="ml"), "REML"),
    "weights": (lambda fit, rows: fit.update(weights="w", data=rows.assign(w=2.0)), "weights"),
    "another function": (lambda fit, rows: fit.update("~ . + np.sin(age)"), "formula"),
    "the plan's own": (lambda fit, rows: fit, "nothing to promote"),
}


@pytest.mark.parametrize("what", CHANGED)
def test_what_an_entry_cannot_say_is_refused_and_nothing_written(study, root, what) -> None:
    change, words = CHANGED[what]
    fit = change(study.fit("main"), pd.DataFrame(study.data("main")))
    with pytest.raises(StudyError, match=words):
        study.promote(fit, name="own")
    assert (root / "config/small.yaml").read_text() == FILE


def test_what_was_found_in_a_notebook_is_exploratory(study, mod) -> None:
    with pytest.raises(StudyError, match="exploratory, not primary"):
        study.promote(mod, name="own", role="primary")
    with pytest.raises(StudyError, match="analysis 'main' already"):
        study.promote(mod, name="main")


def test_visits_and_population_go_along(study) -> None:
    fit = study.fit("main").update(
        "value ~ baseline + arm", residual=None, data=study.data("main").query("visit == 'week_4'")
    )
    study.promote(fit, name="one_visit")
    assert study.plan.analyses["one_visit"].visits == ["week_4"]


# ---------------------------------------------------------------- current or not


def test_the_code_that_counts_is_that_of_the_steps_up_to_the_release_line(study) -> None:
    named = {
        path.relative_to(PACKAGE).as_posix() for path in current.computing(study.plan) if path.is_relative_to(PACKAGE)
    }
    rooms = {name.partition("/")[0] for name in named}
    assert {"mixed", "read", "clean", "cohort", "analysis", "release", "plan.py"} <= rooms
    assert not {"figures", "report", "tables", "submission", "desk"} & rooms
    assert "analysis/growth_curve.py" in named
    assert "analysis/policy.py" not in named  # a kind that the plan does not ask for
    assert "read/draft.py" not in named  # of `needling new`, which no step imports


def test_results_are_current_as_long_as_plan_data_and_code_are_the_same(study, root, monkeypatch) -> None:
    records = root / "data/raw/small.csv"
    records.parent.mkdir(exist_ok=True)
    records.write_text("id\n1\n")
    assert "nobody wrote down" in study.remark
    current.record(study.plan, study.files, study.processed)
    assert study.remark == "small: its results are current."
    file = root / "config/small.yaml"
    file.write_text(FILE.replace("csi: {instrument: csi,", "csi: {label: Sensitisation, instrument: csi,"))
    assert nd.open("small", root=root).remark == "small: its results are current."
    file.write_text(FILE.replace("adjust: [age]", "adjust: []"))
    assert "the study file has changed" in nd.open("small", root=root).remark
    file.write_text(FILE)
    rough = registry() | {"nprs": registry()["nprs"].model_copy(update={"recall": "last month"})}
    with monkeypatch.context() as other:
        other.setattr("needling.instruments.registry.registry", lambda: rough)
        assert "the registry of instruments has changed" in nd.open("small", root=root).remark
    unused = registry() | {"odi": registry()["odi"].model_copy(update={"recall": "last month"})}
    with monkeypatch.context() as other:
        other.setattr("needling.instruments.registry.registry", lambda: unused)
        assert nd.open("small", root=root).remark == "small: its results are current."
    records.write_text("id\n2\n")
    assert "the export or its corrections has changed" in nd.open("small", root=root).remark
    records.unlink()
    assert "the export is not here" in nd.open("small", root=root).remark
    (study.processed / current.FILE).unlink()


def test_code_is_looked_for_only_where_the_record_names_no_files(study, tmp_path, monkeypatch) -> None:
    """Files keep their places in a copy of the workflow: a changed one, and a rule that came, are found."""
    workflow = tmp_path / "workflow"
    (workflow / "extensions").mkdir(parents=True)
    (workflow / "needling").mkdir()
    step = workflow / "needling/step.py"
    step.write_text("1")
    monkeypatch.setattr(current, "PACKAGE", workflow / "needling")
    monkeypatch.setattr(current, "EXTENSIONS", workflow / "extensions")
    monkeypatch.setattr(current, "computing", lambda study: [step])
    monkeypatch.setattr(OpenStudy, "processed", tmp_path)
    (tmp_path / "release").mkdir()
    (tmp_path / "release/results.parquet").touch()
    current.record(study.plan, study.files, study.processed)
    assert json.loads((tmp_path / current.FILE).read_text())["files"] == ["needling/step.py"]

    def looked(study):
        raise AssertionError("parsed")

    monkeypatch.setattr(current, "computing", looked)
    assert "its results are current" in study.remark
    step.write_text("2")
    assert "the code has changed" in study.remark
    step.write_text("1")
    (workflow / "extensions/rule_new.py").touch()
    assert "the code has changed" in study.remark
    file = tmp_path / current.FILE
    file.write_text(json.dumps({key: one for key, one in json.loads(file.read_text()).items() if key != "files"}))
    with pytest.raises(AssertionError, match="parsed"):  # a record of before names no files
        _ = study.remark
