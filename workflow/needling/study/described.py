"""The page of the study file's keys: what each means, its default and an example, from the schema and the study files that ship."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

Schema = Mapping[str, Any]

HEAD = """# The study file, key by key

Written by `.venv/bin/needling schema --page > docs/study_file.md` from the schema that checks a study file
(`config/study.schema.json`) and from the study files in `config/`, where the examples are from; a test holds it current.
[getting_started.md](getting_started.md) leads from an export to a first file, and `config/demo.yaml` uses much of what is here.
`NAME` stands for a name of your own: small letters, digits and `_`. A key that is not needed may be left out. A section that may
stand in several places is told of at the first.

"""
LONGEST = 70  # characters of an example, or of a default
WORDS = {"string": "text", "integer": "whole number", "number": "number", "boolean": "true or false"}
KINDS = "analyses.NAME"


def page(schema: Schema, files: list[Mapping[str, Any]]) -> str:
    """Write the page.

    Parameters
    ----------
    schema : JSON schema of the study file.
    files : study files as read from YAML; the first that has a key gives its example.
    """
    found: dict[tuple[str, str], Any] = {}
    for file in files:
        for section, key, value in _examples(schema, schema, file, ""):
            text = _written(value)
            if text and len(text) <= LONGEST:
                found.setdefault((section, key), text)
    sections = list(_sections(schema))
    shared = _shared([one for place, one in sections if _is_kind(place)])
    first = next(place for place, _ in sections if _is_kind(place))
    parts = []
    for place, one in sections:
        if place == first:
            told = {"description": "Keys that every kind of analysis has."}
            parts.append(_section(KINDS, told, shared, _any_kind(found, shared)))
        own = {key: told for key, told in one["properties"].items() if not (_is_kind(place) and key in shared)}
        required = set(one.get("required", []))
        parts.append(
            _section(place, one, own, {key: found.get((_title(place, one), key), "") for key in own}, required)
        )
    return HEAD + "\n".join(parts)


def _is_kind(place: str) -> bool:
    return place.startswith(f"{KINDS}: ") and "." not in place.removeprefix(f"{KINDS}: ")


def _shared(kinds: list[Schema]) -> dict[str, Any]:
    """Keys that all kinds have with the same words."""
    first, *others = kinds
    return {
        key: told
        for key, told in first["properties"].items()
        if all(one["properties"].get(key) == told for one in others)
    }


def _any_kind(found: dict[tuple[str, str], Any], keys: Schema) -> dict[str, str]:
    return {
        key: next((text for (place, one), text in found.items() if one == key and _is_kind(place)), "") for key in keys
    }


def _sections(schema: Schema) -> Iterator[tuple[str, Schema]]:
    """Each section of the file once, under the first place where it stands, in the order of the file."""
    seen: set[str] = set()
    waiting: list[tuple[str, Schema]] = [("", schema)]
    while waiting:
        place, node = waiting.pop(0)
        inner = []
        if "properties" in node:
            if node.get("title", place) in seen:
                continue
            seen.add(_title(place, node))
            yield place, node
        for where, child in _below(schema, node, place):
            inner.append((where, child))
        waiting = [*inner, *waiting]


def _title(place: str, node: Schema) -> str:
    """What tells sections apart: their name, and of a kind its place, since all are called alike."""
    return place if _is_kind(place) else str(node.get("title", place))


def _below(root: Schema, node: Schema, place: str) -> Iterator[tuple[str, Schema]]:
    """The sections that stand under a place."""
    for key, told in node.get("properties", {}).items():
        yield from _inside(root, told, f"{place}.{key}".lstrip("."))


def _inside(root: Schema, told: Schema, place: str) -> Iterator[tuple[str, Schema]]:
    """The sections that a key's value may be, or hold."""
    if "$ref" in told:
        yield place, _resolved(root, told)
    for kind, target in told.get("discriminator", {}).get("mapping", {}).items():
        yield f"{place}: {kind}", _resolved(root, {"$ref": target})
    if "discriminator" not in told:
        for one in (*told.get("anyOf", ()), *told.get("oneOf", ())):
            yield from _inside(root, one, place)
    for one in [*told.get("patternProperties", {}).values(), told.get("additionalProperties")]:
        if isinstance(one, Mapping):
            yield from _inside(root, one, f"{place}.NAME")
    if isinstance(told.get("items"), Mapping):
        yield from _inside(root, told["items"], place)


def _resolved(root: Schema, told: Schema) -> Schema:
    found: Schema = root["$defs"][told["$ref"].rpartition("/")[2]]
    return found


def _examples(root: Schema, node: Schema, value: Any, place: str) -> Iterator[tuple[str, str, Any]]:
    """Section, key and value of every key that a file gives."""
    if isinstance(value, Mapping) and "properties" in node:
        for key, given in value.items():
            told = node["properties"].get(key)
            if told is None:
                continue
            yield _title(place, node), key, given
            yield from _deeper(root, told, given, f"{place}.{key}".lstrip("."))


def _deeper(root: Schema, told: Schema, value: Any, place: str) -> Iterator[tuple[str, str, Any]]:
    """The examples inside a key's value."""
    if "discriminator" in told and isinstance(value, Mapping):
        kind = value.get(told["discriminator"]["propertyName"])
        target = told["discriminator"]["mapping"].get(kind)
        if target:
            yield from _examples(root, _resolved(root, {"$ref": target}), value, f"{place}: {kind}")
        return
    if "$ref" in told:
        yield from _examples(root, _resolved(root, told), value, place)
    for one in (*told.get("anyOf", ()), *told.get("oneOf", ())):
        yield from _deeper(root, one, value, place)
    if isinstance(value, Mapping):
        for one in [*told.get("patternProperties", {}).values(), told.get("additionalProperties")]:
            if isinstance(one, Mapping):
                for given in value.values():
                    yield from _deeper(root, one, given, f"{place}.NAME")
    if isinstance(value, list) and isinstance(told.get("items"), Mapping):
        for given in value:
            yield from _deeper(root, told["items"], given, place)


def _section(
    place: str, node: Schema, keys: Schema, examples: Mapping[str, str], required: set[str] | None = None
) -> str:
    """A heading, a sentence and a table of keys."""
    title = f"`{place}`" if place else "The file"
    if _is_kind(place):
        title = f"`{KINDS}`: `kind: {place.rpartition(' ')[2]}`"
    lines = [f"## {title}", "", _cell(node.get("description", "")), ""]
    lines += ["| key | what it says | value | default | example |", "|---|---|---|---|---|"]
    for key, told in keys.items():
        default = "needed" if key in (required or ()) else _default(told)
        example = f"`{_cell(examples[key])}`" if examples.get(key) else ""
        lines.append(
            f"| `{key}` | {_cell(told.get('description', ''))} | {_cell(_value(told))} | {_cell(default)} | {example} |"
        )
    return "\n".join([*lines, ""])


def _default(told: Schema) -> str:
    """A default, or nothing where it is to leave the key out."""
    default = told.get("default")
    if default in (None, "", [], {}):
        return ""
    text = _written(default)
    return f"`{text}`" if len(text) <= LONGEST else "see what it says"


def _value(told: Schema) -> str:
    """What may stand there, in words."""
    if "const" in told or "enum" in told:
        return " \\| ".join(f"`{one}`" for one in told.get("enum", [told.get("const")]))
    forms = [one for one in (*told.get("anyOf", ()), *told.get("oneOf", ())) if one.get("type") != "null"]
    if forms and "discriminator" not in told:
        return " or ".join(dict.fromkeys(_value(one) for one in forms))
    maps = [*told.get("patternProperties", {}).values(), told.get("additionalProperties")]
    if named := [one for one in maps if isinstance(one, Mapping)]:
        return f"name → {_value(named[0])}"
    if told.get("type") == "array":
        inner = told.get("items")
        return f"list of {_value(inner)}" if isinstance(inner, Mapping) else f"list of {told.get('minItems', 'some')}"
    return WORDS.get(str(told.get("type")), "a section")


def _written(value: Any) -> str:
    """A value on one line, as YAML has it within braces."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_written(key)}: {_written(one)}" for key, one in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_written, value)) + "]"
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "null"}[value]
    text = str(value)
    return (
        json.dumps(text, ensure_ascii=False)
        if isinstance(value, str) and (not text or set(text) & set(",:{}[]#&*!|>'\"%@`"))
        else text
    )


def _cell(text: str) -> str:
    """Text that stands in a cell of a Markdown table."""
    return " ".join(text.replace("\\|", "\0").replace("|", "\\|").replace("\0", "\\|").split())
