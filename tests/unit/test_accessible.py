"""The page for everybody: axe-core finds nothing at three widths, light and dark, and no width scrolls sideways.

Needs Debian's Chromium and axe-core, which `.ci/run` fetches; skipped where either is absent.
"""

import html
import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from made_results import plan, shown

from needling.figures.draw import write_figures
from needling.report.build import build_report

CHROMIUM = shutil.which("chromium")
AXE = Path(os.environ.get("NEEDLING_AXE") or Path(__file__).parents[2] / ".ci/node_modules/axe-core/axe.min.js")
WIDTHS = (390, 768, 1280)

pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here; .ci/run has one"),
    pytest.mark.skipif(not AXE.exists(), reason="axe-core is not here; .ci/run fetches it"),
]
SCRIPT = """
window.onload = async () => {
  const found = [];
  for (const frame of document.querySelectorAll("iframe")) {
    const page = frame.contentWindow, told = await page.axe.run(page.document, { resultTypes: ["violations"] });
    const root = page.document.documentElement;
    found.push({ name: frame.title, sideways: root.scrollWidth - root.clientWidth,
                 violations: told.violations.map((one) => [one.id, one.nodes[0].html.slice(0, 200)]) });
  }
  document.getElementById("told").textContent = "TOLD" + JSON.stringify(found) + "END";
};
"""


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """What axe-core and the browser say of the page, in one visit: a frame for each width and scheme."""
    folder = tmp_path_factory.mktemp("page")
    released, labels = shown(plan, 60)
    words = write_figures(released, labels, folder / "figures")
    page = build_report(labels, released, words, folder / "figures", folder, ["numpy 2.0.0"])[0].read_text("utf-8")
    script = AXE.read_text("utf-8").replace("</script", "<\\/script")
    page = page.replace("</head>", f"<script>{script}</script></head>", 1)
    assert "(prefers-color-scheme: dark)" in page
    (folder / "light.html").write_text(page.replace("(prefers-color-scheme: dark)", "not all"), "utf-8")
    (folder / "dark.html").write_text(page.replace("(prefers-color-scheme: dark)", "all"), "utf-8")
    frames = "".join(
        f'<iframe title="{width} {scheme}" src="{scheme}.html" style="border:0;width:{width}px;height:900px"></iframe>'
        for width in WIDTHS
        for scheme in ("light", "dark")
    )
    whole = f'<!DOCTYPE html><html lang="en"><body>{frames}<pre id="told"></pre><script>{SCRIPT}</script></body></html>'
    (folder / "frames.html").write_text(whole, "utf-8")
    command = [str(CHROMIUM), "--headless=new", "--no-sandbox", "--disable-gpu", "--allow-file-access-from-files"]
    command += [
        f"--user-data-dir={folder / 'user'}",
        "--window-size=1400,1000",
        "--virtual-time-budget=120000",
        "--dump-dom",
    ]
    said = subprocess.run(
        [*command, (folder / "frames.html").as_uri()], capture_output=True, text=True, check=True
    ).stdout
    found = re.search("TOLD(.*?)END", html.unescape(said), re.DOTALL)
    assert found, said[-2000:]
    return {one["name"]: one for one in json.loads(found[1])}


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
def test_axe_finds_nothing_and_the_page_does_not_scroll_sideways(told, width, scheme):
    one = told[f"{width} {scheme}"]
    assert one["violations"] == []
    assert one["sideways"] <= 0
