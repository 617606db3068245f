"""docs/mixed.md holds what the engine does: its example runs, its calls exist with these arguments, its names are all names."""

import ast
import inspect
import re
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest

from needling.mixed import compare, fit, resample, structures
from needling.mixed.fitted import MixedFit
from needling.mixed.inference import DF_METHODS, VARIANCES, Asked

PAGE = (Path(__file__).parents[2] / "docs/mixed.md").read_text(encoding="utf-8")
FUNCTIONS = {
    "fit_ladder": fit.fit_ladder,
    "update": fit.update,
    "likelihood_ratio_test": compare.likelihood_ratio_test,
}


def spans(page):
    """The texts between single backquotes outside of blocks."""
    return re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", page, flags=re.DOTALL))


def calls(page):
    """The calls of the page that name a method of a fit or a function of the engine."""
    for text in spans(page.replace("\\|", "|")):  # as it is read, and not as a table has it
        written = f"fit{text}" if text.startswith(".") else text
        try:
            node = ast.parse(written, mode="eval").body
        except SyntaxError:
            continue
        if isinstance(node, ast.Call) and ast.unparse(node.func).removeprefix("fit.") not in {"C", "bs", "poly", "I"}:
            name = ast.unparse(node.func)
            if name.startswith("fit.") or name in FUNCTIONS:
                yield written, node


CALLS = list(calls(PAGE))


@pytest.fixture(scope="module")
def names():
    rng = np.random.default_rng(3)
    patient, visit = np.repeat(np.arange(60), 4), np.tile(np.arange(4), 60)
    level = rng.normal(0, 1.5, 60)[patient]
    data = pd.DataFrame(
        {
            "patient": patient,
            "visit": np.array(["week_0", "week_2", "week_4", "week_12"])[visit],
            "week": np.array([0.0, 2, 4, 12])[visit],
            "arm": np.where(patient % 2, "dry_needling", "usual_care"),
            "therapist": [f"t{one % 12}" for one in patient],
            "clinic": [f"c{one % 3}" for one in patient],
            "baseline": rng.normal(6, 1, 60)[patient],
            "pain": 5 + level - 0.6 * visit * (patient % 2) + rng.normal(size=len(patient)),
        }
    )
    made = {"data": data}
    for block in re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL):
        exec(compile(block, "docs/mixed.md", "exec"), made)
    return made


def test_the_example_of_the_page_runs(names):
    assert names["fit"].status in {"converged", "singular"}
    table = names["fit"].contrast("arm", by="visit")
    assert len(table) == 4
    assert set(table["contrast"]) == {"dry_needling - usual_care"}
    assert table["estimate"].iloc[-1] < 0


def test_the_page_shows_calls():
    assert len(CALLS) >= 20


@pytest.mark.parametrize(("text", "node"), CALLS, ids=[text for text, _ in CALLS])
def test_a_call_of_the_page_runs_and_one_with_gaps_names_arguments_that_there_are(names, text, node):
    name = ast.unparse(node.func)
    function = FUNCTIONS.get(name) or getattr(MixedFit, name.removeprefix("fit."))
    known = inspect.signature(function).parameters
    inside = [part for one in [*node.args, *(one.value for one in node.keywords)] for part in ast.walk(one)]
    gaps = [part for part in inside if isinstance(part, ast.Name) or getattr(part, "value", None) is Ellipsis]
    if gaps:
        passed_on = inspect.signature(fit.fit_mixed).parameters if name == "fit_ladder" else Asked.__annotations__
        assert {one.arg for one in node.keywords} <= {*known, *passed_on}
    else:
        with mpl.rc_context({"backend": "agg"}):
            assert eval(text, dict(names)) is not None


def test_every_structure_has_its_row_and_no_other_has(names):
    rows = re.findall(
        r"^\| `(\w+)` \|", PAGE[PAGE.index("## Residual") : PAGE.index("## The likelihood")], re.MULTILINE
    )
    assert rows == list(structures.STRUCTURES)


def test_every_rule_for_degrees_of_freedom_has_its_row():
    rows = re.findall(r"^\| `(\w+)`", PAGE[PAGE.index("| `df=`") : PAGE.index("*Information.*")], re.MULTILINE)
    assert sorted(rows[1:] if rows[0] == "df" else rows) == sorted(DF_METHODS)
    assert all(f'"{one}"' in PAGE for one in VARIANCES if one != "model")


def test_names_of_the_page_are_names(names):
    assert resample.bootstrap_intervals is names["bootstrap_intervals"]
    for attribute in set(re.findall(r"`fit\.(\w+)`", PAGE)):
        assert hasattr(names["fit"], attribute), attribute
