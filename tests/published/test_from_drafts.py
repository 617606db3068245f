"""From an export to a report by `needling new` and at most ten lines: four published trials, each with a printed result.

Expected: as in the tests of these trials. Cervical dystonia: R's gls, baseline as a response. Licorice: the t test of each visit.
Antidepressant: R's gls, unstructured. Headache: Table 2 of the publication.
"""

import difflib

import pytest
from scipy import stats

from needling.cli import main
from needling.figures.draw import write_figures
from needling.labels.words import Labels
from needling.plan import load_study
from needling.report.text import report_text
from needling.tables.make import tables
from stages import run_stages

MOST = 10  # lines that may be changed in a draft
TRIALS = {
    "cdystonia": (
        "cdystonia/cdystonia.csv",
        {
            "codes: {'1': code_1, '2': code_2, '3': code_3}": "codes: {1: high, 2: low, 3: placebo}",
            "reference: code_1": "reference: placebo",
            "primary: week_16": "primary: week_4",
            "range: [0, 100]": "range: [0, 87]",
            "    adjust: [age, sex]": "    baseline: response\n    residual: [unstructured]",
        },
    ),
    "licorice": (
        "licorice/licorice.csv",
        {
            "    codes: {'0': code_0, '1': code_1}": "    codes: {0: sugar_water, 1: licorice}",
            "reference: code_0": "reference: sugar_water",
            "primary: pod1am": "primary: pacu30min",
            "kind: repeated_measures": "kind: model",
            "outcomes: [function]": "outcomes: [pain]",
            "    adjust: [age, sex]": "    formula: value ~ arm * visit\n    residual: [unstructured]\n"
            "    means: [{by: [arm, visit]}]\n    contrasts: [{by: visit}]",
        },
    ),
    "antidepressant": (
        "antidepressant/antidepressant_data.csv",
        {
            "  covariates:": "  covariates:\n    severity: BASVAL",
            "kind: repeated_measures": "kind: model",
            "outcomes: [hamatotl, pgiimp]": "outcomes: [hamdtl17]",
            "    adjust: [sex]": "    visits: [visit_4, visit_5, visit_6, visit_7]\n"
            "    formula: value ~ sex + severity * visit + arm * visit\n    residual: [unstructured]\n"
            "    means: [{by: [arm, visit]}]\n    contrasts: [{by: visit}]",
        },
    ),
    "vickers2004": (
        "vickers2004/acupuncture.csv",
        {
            "    codes: {'0': code_0, '1': code_1}": "    codes: {0: usual_care, 1: acupuncture}",
            "reference: code_0": "reference: usual_care",
            "  therapist: acupuncturist": "",
            "    duration: chronicity": "    duration: chronicity\n"
            "    migraine: {from: migraine, codes: {0: no_migraine, 1: migraine}}\n"
            "    acupuncturist: {from: acupuncturist, kind: code}",
            "range: [0, 100]": "range: [0, 140]",
            "range: [0, 50]": "range: [0, 28]\n    missing_with: pk",
            "primary: {kind: repeated_measures, label: Primary analysis, outcomes: [pk, f], adjust: [age, sex]}": "primary: "
            "{kind: ancova, "
            "label: Published analysis, outcomes: [pk, f], visits: [follow_up_1, follow_up_2], observed_at: follow_up_2, adjust: "
            "[age, sex, duration, migraine, acupuncturist], report_as: improvement}",
        },
    ),
}


@pytest.fixture(scope="module", params=TRIALS)
def drafted(request, reference, tmp_path_factory):
    """Draft a study file, change some lines, and run its stages: (name, changed lines, what the stages left)."""
    source, edits = TRIALS[request.param]
    path = reference / source
    if not path.exists():
        pytest.skip(f"{path.name} is not here")
    folder = tmp_path_factory.mktemp(request.param)
    (folder / "config").mkdir()
    (folder / "export.csv").write_bytes(path.read_bytes())
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert main(["new", request.param, "--from", "export.csv"]) == 0
        draft = (folder / "config" / f"{request.param}.yaml").read_text(encoding="utf-8")
        mended = draft
        for old, new in edits.items():
            assert old in mended, old
            mended = mended.replace(old, new, 1)
        (folder / "config" / f"{request.param}.yaml").write_text(mended, encoding="utf-8")
        study = load_study(folder / "config" / f"{request.param}.yaml")
        ran = run_stages(study, folder)
    steps = difflib.SequenceMatcher(None, draft.splitlines(), mended.splitlines()).get_opcodes()
    changed = sum(max(i2 - i1, j2 - j1) for kind, i1, i2, j1, j2 in steps if kind != "equal")
    return request.param, changed, ran


def difference(ran, outcome, visit, arm, quantity="difference"):
    rows = ran.results("primary")
    rows = rows[
        rows["quantity"].eq(quantity) & rows["outcome"].eq(outcome) & rows["visit"].eq(visit) & rows["arm"].eq(arm)
    ]
    return rows[rows["reference"].ne("")].iloc[0]


def test_few_lines_lead_from_a_draft_to_the_printed_result_and_a_report(drafted, project, tmp_path):
    name, changed, ran = drafted
    assert 0 < changed <= MOST
    if name == "cdystonia":
        for arm, expected in {"high": (-7.4139, 1.9407), "low": (-4.8762, 1.9540)}.items():
            row = difference(ran, "twstrs", "week_4", arm, "change")
            assert (row["estimate"], row["se"]) == pytest.approx(expected, abs=2e-3)
    elif name == "licorice":
        row = difference(ran, "pain", "pacu30min", "licorice")
        values = ran.frame[ran.frame["visit"].eq("pacu30min") & ran.frame["outcome"].eq("pain")].groupby("arm")["value"]
        test = stats.ttest_ind(*(values.get_group(arm) for arm in ("licorice", "sugar_water")))
        assert (row["statistic"], row["df"]) == pytest.approx((test.statistic, 231), abs=1e-4)
    elif name == "antidepressant":
        row = difference(ran, "hamdtl17", "visit_7", "drug")
        assert row["estimate"] == pytest.approx(-2.828751, abs=2e-3)
        assert row["se"] == pytest.approx(1.116617, abs=0.02)  # Kenward-Roger's is a little larger
    else:
        for outcome, printed in {"pk": (4.6, 2.2, 7.0), "f": (1.8, 0.6, 2.9)}.items():
            row = difference(ran, outcome, "follow_up_2", "acupuncture")
            assert tuple(round(row[key], 1) for key in ("estimate", "low", "high")) == printed
    released, labels = ran.released(), Labels(ran.study)
    words = write_figures(released, labels, tmp_path)
    made = {each: table for each, make in tables().items() if (table := make(released, labels)) is not None}
    text = report_text(labels, released, made, words, software=["x 1"], templates=project / "workflow/report")
    assert f"{difference(ran, *WHERE[name])['estimate']:.1f}".replace("-", "\N{MINUS SIGN}") in text.replace("\\", "")


WHERE = {
    "cdystonia": ("twstrs", "week_4", "high", "change"),
    "licorice": ("pain", "pacu30min", "licorice"),
    "antidepressant": ("hamdtl17", "visit_7", "drug"),
    "vickers2004": ("pk", "follow_up_2", "acupuncture"),
}
