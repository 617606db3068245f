"""The page as people with a screen reader meet it: axe-core in Debian's Chromium, at three widths, light and dark.

Chromium comes from the system and axe-core by `.ci/run`; tests are skipped where either is absent.
"""

import html
import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

CHROMIUM = shutil.which("chromium")
AXE = Path(os.environ.get("NEEDLING_AXE") or Path(__file__).parents[1] / ".ci/node_modules/axe-core/axe.min.js")
VISITS = [(width, scheme) for width in (390, 768, 1280) for scheme in ("light", "dark")]
DARK = "(prefers-color-scheme: dark)"

needs_axe = pytest.mark.skipif(
    CHROMIUM is None or not AXE.exists(), reason="Chromium or axe-core is not here; .ci/run has both"
)

FRAME = """<!DOCTYPE html><html lang="en"><body>
<iframe title="page" src="page.html" style="border:0;width:{width}px;height:900px"></iframe><pre id="told"></pre>
<script>
window.onload = async () => {{
  const page = document.querySelector("iframe").contentWindow, root = page.document.documentElement;
  const told = await page.axe.run(page.document, {{ resultTypes: ["violations"] }});
  const found = {{ sideways: root.scrollWidth - root.clientWidth,
                   violations: told.violations.map((one) => [one.id, one.nodes[0].html.slice(0, 200)]) }};
  document.getElementById("told").textContent = "TOLD" + JSON.stringify(found) + "END";
}};
</script></body></html>
"""


def told(page, width, scheme, folder):
    """Say what axe-core finds on a page (its text) at a width in a scheme, and by how many pixels it scrolls sideways."""
    assert DARK in page
    script = AXE.read_text("utf-8").replace("</script", "<\\/script")
    page = page.replace("</head>", f"<script>{script}</script></head>", 1)
    page = page.replace(DARK, "all" if scheme == "dark" else "not all")
    (folder / "page.html").write_text(page, "utf-8")
    (folder / "frame.html").write_text(FRAME.format(width=width), "utf-8")
    command = [str(CHROMIUM), "--headless=new", "--no-sandbox", "--disable-gpu", "--allow-file-access-from-files"]
    command += [f"--user-data-dir={folder / 'user'}", "--window-size=1400,1000", "--virtual-time-budget=600000"]
    visit = subprocess.run(
        [*command, "--dump-dom", (folder / "frame.html").as_uri()], capture_output=True, text=True, check=True
    )
    found = re.search("TOLD(.*?)END", html.unescape(visit.stdout), re.DOTALL)
    assert found, visit.stdout[-2000:]
    return json.loads(found[1])
