"""docs/getting_started.md to the letter: its commands in their order, its lines of the study file put into the draft."""

import re
import sys
from pathlib import Path

import yaml

PAGE = (Path(__file__).parents[2] / "docs/getting_started.md").read_text(encoding="utf-8")
FENCES = re.findall(r"^```(\w*)\n(.*?)^```$", PAGE, re.M | re.S)
COMMANDS = [line for language, fence in FENCES if not language for line in fence.splitlines()]


def put(new, old):
    """Put the lines of the page into the draft: what they name is replaced, what they do not name stays."""
    for key, value in new.items():
        is_section = isinstance(value, dict) and isinstance(old.get(key), dict) and key != "codes"
        old[key] = put(value, old[key]) if is_section else value
    return old


def test_the_page_leads_from_an_export_to_a_report(copy):
    (lines,) = [fence for language, fence in FENCES if language == "yaml"]
    file = copy.folder / "config/mystudy.yaml"
    said = {}
    assert [line.split()[0] for line in COMMANDS] == [
        "mkdir",
        "cp",
        ".venv/bin/needling",
        ".venv/bin/needling",
        "./run",
    ]
    for command in COMMANDS:
        first, *words = command.split()
        if first == "./run":
            done = copy.run("--cores", "2", *words)
        elif first == ".venv/bin/needling":
            done = copy.call(sys.executable, "-m", "needling.cli", *words)
        else:
            done = copy.call(first, *words)
        assert done.returncode == 0, (command, done.stdout[-2000:])
        said[words[0]] = done.stdout
        if words[0] == "new":
            draft = yaml.safe_load(file.read_text(encoding="utf-8"))
            file.write_text(yaml.safe_dump(put(yaml.safe_load(lines), draft), sort_keys=False), encoding="utf-8")
    assert re.search(r"patients +552 +480 +72\n", said["check"])
    assert "reports/mystudy/report.html" in said["--study"]
    for name in ("report.html", "report.pdf", "audit/audit.xlsx"):
        assert (copy.folder / "reports/mystudy" / name).stat().st_size > 10_000
