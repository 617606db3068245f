"""The page of the keys of the study file is whole and true; entries that pages of analyses show are entries of a study file."""

import re
from pathlib import Path

import pytest
import yaml

from needling.plan import load_study, study_schema
from needling.study.described import page

PROJECT = Path(__file__).parents[2]
PAGE = PROJECT / "docs/study_file.md"
ELSEWHERE = {
    "blinding",
    "multimodal",
    "overlap_weights",
}  # of studies of another design, or that record what the demo does not
PAGES = sorted(path for path in (PROJECT / "docs/analyses").glob("*.md") if path.stem not in ELSEWHERE)


def every_key(node):
    """Every key of every section of the schema."""
    if isinstance(node, dict):
        yield from node.get("properties", {}) if isinstance(node.get("properties"), dict) else ()
        for one in node.values():
            yield from every_key(one)


def test_every_key_is_told_of_once_in_its_section_with_words():
    text = PAGE.read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \| (.*?) \| ", text, re.M)
    assert set(every_key(study_schema())) == {key for key, _ in rows}
    assert [key for key, words in rows if len(words) < 4] == []
    for section in text.split("\n## ")[1:]:
        keys = re.findall(r"^\| `(\w+)` ", section, re.M)
        assert len(keys) == len(set(keys)), section.splitlines()[0]
        assert section.count("\n| ") == len(keys) + 1


def test_default_value_form_and_example_are_those_of_schema_and_file():
    inner = {
        "title": "Inner",
        "description": "Deep.",
        "properties": {"days": {"type": "array", "items": {"type": "number"}}},
    }
    kind = {
        "title": "Settings",
        "properties": {
            "kind": {"const": "one"},
            "level": {"type": "number", "default": 0.9, "description": "How sure."},
        },
    }
    other = {
        "title": "Settings",
        "properties": {
            "kind": {"const": "two"},
            "level": {"type": "number", "default": 0.9, "description": "How sure."},
        },
    }
    mapping = {"one": "#/$defs/One", "two": "#/$defs/Two"}
    schema = {
        "description": "Everything.",
        "$defs": {"Inner": inner, "One": kind, "Two": other},
        "required": ["design"],
        "properties": {
            "design": {"enum": ["a", "b"], "description": "Which | that."},
            "schedule": {"patternProperties": {"x": {"$ref": "#/$defs/Inner"}}, "description": "Visits."},
            "analyses": {"patternProperties": {"x": {"discriminator": {"propertyName": "kind", "mapping": mapping}}}},
        },
    }
    file = {
        "design": "b",
        "schedule": {"week_2": {"days": [7, 21]}},
        "analyses": {"main": {"kind": "two", "level": 0.95}},
    }
    text = page(schema, [file])
    assert "| `design` | Which \\| that. | `a` \\| `b` | needed | `b` |" in text
    assert "## `schedule.NAME`\n\nDeep.\n" in text
    assert "| `days` |  | list of number |  | `[7, 21]` |" in text
    assert text.count("| `level` | How sure. | number | `0.9` | `0.95` |") == 1
    assert text.index("Keys that every kind") < text.index("`kind: one`") < text.index("`kind: two`")


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_what_a_page_of_an_analysis_shows_is_an_entry_of_the_demo(path, tmp_path):
    """In the place of the demo's analyses of the same names; its primary one stays where a page has none."""
    demo = yaml.safe_load((PROJECT / "config/demo.yaml").read_text(encoding="utf-8"))
    fences = re.findall(r"^```yaml\n(.*?)^```", path.read_text(encoding="utf-8"), re.M | re.S)
    for fence in fences:
        entry = yaml.safe_load(fence)
        demo["analyses"].update(entry.get("analyses", entry))
        (tmp_path / "demo.yaml").write_text(yaml.safe_dump(demo, sort_keys=False), encoding="utf-8")
        assert set(entry.get("analyses", entry)) <= set(load_study(tmp_path / "demo.yaml").analyses)
