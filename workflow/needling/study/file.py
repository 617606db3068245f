"""Reading the study file: one YAML document, checked, its mistakes told in sentences with the line."""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Union

import yaml
from pydantic import BaseModel, Field, TypeAdapter, ValidationError, create_model, model_validator

from needling.study.itself import check
from needling.study.keys import ForPeople, Name, StudyError, nearest
from needling.study.plan import Study
from needling.study.settings import KindSettings
from needling.study.sources import regular_file

BOOLEAN, TIME = "tag:yaml.org,2002:bool", "tag:yaml.org,2002:timestamp"
NUMBERS = {
    "tag:yaml.org,2002:int": r"[-+]?[0-9]{1,300}",
    "tag:yaml.org,2002:float": r"[-+]?(?:[0-9]+\.[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?|[-+]?[0-9]+[eE][-+]?[0-9]+|[-+]?\.inf|\.nan",
}


class _TwiceError(Exception):
    """A key that stands twice in one mapping, of which YAML would silently keep the last; or what is no text at all."""


def _only_letters(node: yaml.Node | None, above: tuple[int, ...] = ()) -> None:
    """Refuse characters that no file can hold, and a part that holds itself."""
    if node is None:
        return
    if id(node) in above:
        raise _TwiceError(
            f"line {node.start_mark.line + 1}: a part of the file stands within itself (&, *); write it out."
        )
    if isinstance(node, yaml.ScalarNode):
        if "\0" in node.value or any("\ud800" <= letter <= "\udfff" for letter in node.value):
            place = f"line {node.start_mark.line + 1}"
            raise _TwiceError(
                f"{place}: a character that is no text (a null or half a letter); take out its \\ sequence."
            )
        return
    parts = [part for pair in node.value for part in pair] if isinstance(node, yaml.MappingNode) else node.value
    for part in parts:
        _only_letters(part, (*above, id(node)))


class _Words(yaml.SafeLoader):
    """YAML in which on, off, yes and no are words, keys are texts as written, and no key stands twice in a mapping."""

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        """Compose a mapping, its keys as the file writes them: codes such as 01, yes and -99 are texts."""
        node: yaml.MappingNode = super().compose_mapping_node(anchor)
        lines: dict[str, int] = {}
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode) or key.tag == "tag:yaml.org,2002:merge":
                continue
            if key.value in lines:
                place = f"line {key.start_mark.line + 1}: the key '{key.value}'"
                raise _TwiceError(f"{place} stands twice, first on line {lines[key.value]}; keep one of the two.")
            lines[key.value] = key.start_mark.line + 1
            key.tag = "tag:yaml.org,2002:str"
        return node


# Days, times of day and numbers with marks between their digits stay words: 12:30 is not 750, nor 1_2 twelve.
_Words.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag not in {BOOLEAN, TIME, *NUMBERS}]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
for _tag, _pattern in NUMBERS.items():
    _Words.add_implicit_resolver(_tag, re.compile(f"^(?:{_pattern})$"), list("-+.0123456789"))
# 012 is twelve: YAML's own reader would take it for ten, an octal number
_Words.add_constructor("tag:yaml.org,2002:int", lambda _, node: int(node.value))
_Words.add_implicit_resolver(BOOLEAN, re.compile("^(?:true|false)$"), ["t", "f"])


def study_model(kinds: Mapping[str, type[KindSettings]]) -> type[Study]:
    """Give the study file's type with the settings of these kinds of analysis, by kind."""
    options: Any = Union[tuple(kinds.values())]  # noqa: UP007 - the members are known only now
    analyses = dict[Name, Annotated[options, Field(discriminator="kind")]] if len(kinds) > 1 else dict[Name, options]
    known: Any = (analyses, Field(description=Study.model_fields["analyses"].description))
    checks: Any = {"held_against_itself": model_validator(mode="after")(check)}
    return create_model("Study", __base__=Study, __doc__=Study.__doc__, __validators__=checks, analyses=known)


def read_study(path: str | Path, kinds: Mapping[str, type[KindSettings]]) -> Study:
    """Read and check a study file.

    Parameters
    ----------
    path : path of the YAML file; its name without .yaml must be the study's name.
    kinds : kind of analysis -> its settings (`needling.plan` knows them all and calls this).

    Returns
    -------
    The typed study file.

    Raises
    ------
    StudyError : one sentence that names the file, the line and the mend, where YAML, a key or a value is wrong.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8")
        loader = _Words(text)
        node = loader.get_single_node()
        _only_letters(node)
        document = loader.construct_document(node) if node else None
    except FileNotFoundError:
        raise StudyError(f"{path}: there is no such study file{_studies_beside(path)}.") from None
    except UnicodeDecodeError:
        raise StudyError(f"{path}: the study file is not UTF-8 text; save it as UTF-8.") from None
    except RecursionError:
        raise StudyError(f"{path}: brackets or indents are nested too deeply to be a study file.") from None
    except _TwiceError as error:
        raise StudyError(f"{path}, {error}") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}" if mark else ""
        raise StudyError(
            f"{path}{where}: not valid YAML ({getattr(error, 'problem', 'unreadable')}); check indents, quotes, colons."
        ) from None
    if not isinstance(document, dict):
        raise StudyError(f"{path}: the study file must be a mapping of keys such as study, title and export.")
    try:
        study = study_model(kinds).model_validate(document)
    except ValidationError as error:
        raise StudyError("\n".join(_sentences(path, node, error, study_model(kinds)))) from None
    if study.study != path.stem:
        raise StudyError(
            f"{path}: the key study says '{study.study}', but the file is called '{path.stem}'; make them the same."
        )
    return study


def study_files(study: Study, raw: str | None = None) -> tuple[Path, Path | None, Path | None]:
    """Give the files that a run of a study reads, once it is certain that they can be read.

    Parameters
    ----------
    study : the study file; its paths start from the current folder, the project's.
    raw : path of the records that replaces `export.records`, as a person named it.

    Returns
    -------
    Paths of the records, the dictionary and the corrections; None where the study has none.

    Raises
    ------
    StudyError : a path of the study file leads out of the project (links in the project may), or is not that of a file.
    """
    paths = {"export.dictionary": study.export.dictionary, "cleaning.corrections": study.cleaning.corrections}
    if raw is None:
        paths["export.records"] = study.export.records
    project = Path.cwd()
    for key, path in paths.items():
        if path and not Path(os.path.normpath(project / path)).is_relative_to(project):
            raise StudyError(f"{path}: {key} leads out of the project; put the file into data/raw, or give --raw PATH.")
    corrections = study.cleaning.corrections
    return *study.export.files(raw), regular_file(corrections, None, "cleaning.corrections") if corrections else None


def section(study: Study, *names: str, words: bool = False) -> dict[str, Any]:
    """Take some sections of the study as plain data, for a rule that needs only those.

    Parameters
    ----------
    study : the study file.
    names : names of top-level keys.
    words : with what only people read (labels, titles, notes), for what shows results; without, a label changes nothing.

    Returns
    -------
    Top-level key -> plain data (JSON types), to be read again by `part`.
    """
    data = study.model_dump(mode="json", by_alias=True, include=set(names))
    return data if words else _without_words(study, data)


def _without_words(value: Any, data: Any) -> Any:
    """Drop from dumped data every key that is marked `ForPeople`, at any depth."""
    if isinstance(value, BaseModel):
        fields = type(value).model_fields
        kept = {}
        for name, field in fields.items():
            key = field.alias or name
            if key in data and not any(mark is ForPeople or isinstance(mark, ForPeople) for mark in field.metadata):
                kept[key] = _without_words(getattr(value, name), data[key])
        return kept
    if isinstance(value, dict):
        return {str(key): _without_words(one, data[str(key)]) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_without_words(one, given) for one, given in zip(value, data, strict=True)]
    return data


def part(sections: dict[str, Any], kinds: Mapping[str, type[KindSettings]] | None = None) -> Study:
    """Read some sections of a study back from plain data.

    Parameters
    ----------
    sections : what `section` gave.
    kinds : kind of analysis -> its settings, for a job that runs analyses; without, an analysis is what `Analysis` holds.

    Returns
    -------
    A study that has those sections and no others: to ask it for another one is an AttributeError, so a stage cannot
    depend on what its rule does not name.
    """
    model = study_model(kinds) if kinds else Study
    read = {name: _reader(model, name).validate_python(data) for name, data in sections.items()}
    study = model.model_construct(**read)
    for name in model.model_fields:
        if name not in sections:
            study.__dict__.pop(name, None)
    return study


def _reader(model: type[Study], name: str) -> TypeAdapter[Any]:
    annotation: Any = model.model_fields[name].annotation
    return TypeAdapter(annotation)


def schema(kinds: Mapping[str, type[KindSettings]]) -> dict[str, Any]:
    """Return the JSON schema of the study file, for editors."""
    generated = study_model(kinds).model_json_schema(by_alias=True)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **generated}


def _sentences(path: Path, node: yaml.Node | None, error: ValidationError, model: type[Study]) -> list[str]:
    """One sentence for each place of the file in which something is wrong."""
    found: dict[tuple[str, ...], list[Any]] = {}
    for problem in error.errors():
        loc = [str(part) for part in problem["loc"] if part != "[key]"]
        place = _in_file(node, loc, missing=problem["type"] in {"missing", "extra_forbidden"})
        found.setdefault(tuple(place), []).append(problem)
    root = model.model_json_schema(by_alias=True)
    sentences = []
    for keys, problems in found.items():
        inner = [other for other in found if len(other) > len(keys) and other[: len(keys)] == keys]
        if inner and problems[0]["type"] not in {"value_error", "extra_forbidden", "missing"}:
            continue  # of several forms that a key may have, the one that was meant has said more
        line = _line(node, list(keys))
        where = f"{path}, line {line}" if line else str(path)
        words = f"{where}: {_told('.'.join(keys), keys, problems, root)}"
        sentences.append(words if words.endswith("?") else f"{words}.")
    return sentences


def _told(keys: str, place: tuple[str, ...], problems: list[Any], root: dict[str, Any]) -> str:
    """What is wrong in one place, in the words of people who write study files."""
    problem = problems[0]
    kind, context = problem["type"], problem.get("ctx", {})
    own = next((one for one in problems if one["type"] == "value_error"), None)
    if own is not None:
        message = own["msg"].removeprefix("Value error, ")
        return f"{keys + ': ' if keys else ''}{message[:1].lower() + message[1:]}"
    if kind == "extra_forbidden":
        return f"unknown key '{place[-1]}' ({keys}){nearest(place[-1], _keys_beside(root, problem['loc']))}"
    if kind == "missing":
        return f"the key '{keys}' is missing; add it"
    if kind in {"union_tag_invalid", "union_tag_not_found"}:
        tag, known = context.get("tag", ""), re.findall(r"'(\w+)'", context.get("expected_tags", ""))
        return f"{keys}.kind: there is no kind of analysis '{tag}'{nearest(tag, known)}"
    said = _should_be(problems)
    return f"{keys}: {said}" if said.endswith("?") else f"{keys}: {said}{_takes(root, problem['loc'])}"


def _should_be(problems: list[Any]) -> str:
    """What a value is and should not be, where no sentence of the study file's own says it."""
    problem = problems[0]
    kind, context, given = problem["type"], problem.get("ctx", {}), problem.get("input")
    short = isinstance(given, str | int | float) and len(str(given)) < 60
    shown = f"'{given}' is" if short else "this is"
    if kind == "literal_error":
        known = re.findall(r"'([^']*)'", context.get("expected", ""))
        return f"{shown} not known here{nearest(str(given), known)}"
    words = {name: words for names, words in SHOULD_BE.items() for name in names.split()}
    usual = "not what the key takes"
    return f"{shown} {usual if len(problems) > 1 else words.get(kind, usual).format(**context)}"


# What a value should have been, by pydantic's name for what it is not.
SHOULD_BE = {
    "string_type": "no text; put it in quotes if it is one",
    "string_pattern_mismatch": "no name for this; use small letters, digits and _, beginning with a letter",
    "string_too_short": "blank; write something",
    "int_parsing int_type int_from_float int_parsing_size": "no whole number",
    "float_parsing float_type": "no number",
    "finite_number": "no number that anything can be; write one",
    "bool_parsing bool_type": "neither true nor false",
    "list_type tuple_type": "no list; write it in brackets, e.g. [a, b]",
    "dict_type model_type model_attributes_type": "no group of keys; write keys with their values",
    "too_short": "too short; {min_length} are needed",
    "too_long": "too long; {max_length} are allowed",
    "missing_argument": "too short",
    "greater_than": "too small; it must be above {gt}",
    "greater_than_equal": "too small; it must be {ge} or more",
    "less_than": "too large; it must be below {lt}",
    "less_than_equal": "too large; it must be {le} or less",
}


def _takes(root: dict[str, Any], location: tuple[Any, ...]) -> str:
    """What the schema says of a key, as the end of a sentence."""
    for upto in range(len(location), 0, -1):
        described = _described(root, location[: upto - 1], str(location[upto - 1]))
        if described:
            return "; it is: " + described.split(" Default:")[0].rstrip(".")
    return ""


def _described(root: dict[str, Any], above: tuple[Any, ...], key: str) -> str:
    for option in _options(root, _section_at(root, above)):
        words = option.get("properties", {}).get(key, {}).get("description")
        if words:
            return str(words)
    return ""


def _in_file(node: yaml.Node | None, loc: list[str], *, missing: bool) -> list[str]:
    """The part of pydantic's location that stands in the file: keys and places in lists, not the forms that a value may have."""
    place = []
    for number, part in enumerate(loc):
        if isinstance(node, yaml.MappingNode):
            following = next((value for key, value in node.value if key.value == part), None)
            if following is None:
                if missing and number == len(loc) - 1:
                    place.append(part)
                continue
            node = following
        elif isinstance(node, yaml.SequenceNode) and part.isdigit():
            node = node.value[int(part)] if int(part) < len(node.value) else None
        else:
            continue
        place.append(part)
    return place


def _keys_beside(root: dict[str, Any], location: tuple[Any, ...]) -> list[str]:
    """Known keys of the section that a location points into, found by walking the study file's schema."""
    return [key for option in _options(root, _section_at(root, location[:-1])) for key in option.get("properties", {})]


def _options(root: dict[str, Any], here: dict[str, Any]) -> list[dict[str, Any]]:
    return [_resolve(root, option) for option in here.get("anyOf", here.get("oneOf", [here]))]


def _section_at(root: dict[str, Any], location: tuple[Any, ...]) -> dict[str, Any]:
    here: Any = root
    for part in location:
        following = None
        for option in _options(root, here):
            if str(part) in option.get("properties", {}):
                following = option["properties"][str(part)]
            elif option.get("properties", {}).get("kind", {}).get("const") == part:
                following = option
            elif isinstance(option.get("additionalProperties"), dict):
                following = option["additionalProperties"]
            elif "patternProperties" in option:
                following = next(iter(option["patternProperties"].values()))
            elif isinstance(part, int) and "items" in option:
                following = option["items"]
        here = _resolve(root, following or {})
    return dict(here)


def _resolve(root: dict[str, Any], node: dict[str, Any]) -> dict[str, Any]:
    return root["$defs"][node["$ref"].rsplit("/", 1)[1]] if "$ref" in node else node


def _line(node: yaml.Node | None, place: list[str]) -> int | None:
    line = None
    for part in place:
        if isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                if key.value == part:
                    line, node = key.start_mark.line + 1, value
                    break
        elif isinstance(node, yaml.SequenceNode) and part.isdecimal() and int(part) < len(node.value):
            node = node.value[int(part)]
            line = node.start_mark.line + 1
    return line


def _studies_beside(path: Path) -> str:
    names = sorted(p.stem for p in path.parent.glob("*.yaml")) if path.parent.is_dir() else []
    return f"; there are: {', '.join(names)}" if names else ""
