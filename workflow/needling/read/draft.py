"""A drafted study file as text: a mark behind every guess, short mappings on one line."""

import re
from contextlib import suppress

import yaml

from needling.read.look import Look
from needling.study.sources import columns_of_span

REVIEW = "# review"
SCHEMA = "# yaml-language-server: $schema=study.schema.json"
# Columns that REDCap adds and a draft does not list as unread.
SYSTEM = ("redcap_repeat_instrument", "redcap_repeat_instance", "redcap_event_name", "redcap_data_access_group")


def as_text(name: str, document: dict[str, object], look: Look, left_out: list[str]) -> str:
    """Write a drafted study file as YAML.

    Parameters
    ----------
    name : of the study.
    document : its sections.
    look : the export, whose notes become remarks at the top and whose other columns are listed at the end.
    left_out : sheets that are not read.

    Returns
    -------
    The text, with a mark behind every guess.
    """
    head = [
        SCHEMA,
        f"# Study file of {name}: a first draft, guessed from the export. Go through every line marked 'review', mend what is",
        f"# wrong, and take the mark away. `.venv/bin/needling check {name}` says what the file would do with the export.",
        *(f"# NOTE: {note}" for note in look.notes),
    ]
    lines: list[str] = []
    for key, value in document.items():
        lines += _lines(key, value, 0) + ([""] if isinstance(value, dict) else [])
    named = {*named_in(document), *SYSTEM, "sheet"}
    rest = [column for column in look.frame.columns if column not in named]
    tail = _comment("Sheets of the workbook that are not read, because their columns differ", left_out)
    tail += _comment("Columns of the export that nothing above names", rest)
    return "\n".join([*head, "", *lines, *tail]).replace("\n\n\n", "\n\n").rstrip("\n") + "\n"


def _comment(words: str, names: list[str]) -> list[str]:
    return ["", f"# {words}:", *(f"#   {' '.join(name.split())}" for name in names)] if names else []


def _lines(key: str, value: object, depth: int) -> list[str]:
    """Write one key as YAML: short mappings on one line, longer ones as a block; every guess with its mark."""
    indent = "  " * depth
    flow = f"{indent}{_flow(key)}: {_flow(value)}"
    if (
        isinstance(value, dict)
        and value
        and (depth == 0 or len(flow) > 100 or any(isinstance(v, dict) for v in value.values()))
    ):
        return [f"{indent}{_flow(key)}:", *(line for k, v in value.items() for line in _lines(k, v, depth + 1))]
    sure = key in {"study", "seed", "records", "dictionary"}
    return [flow if sure else f"{flow}  {REVIEW}"]


def _flow(value: object) -> str:
    text = yaml.safe_dump(value, default_flow_style=True, sort_keys=False, allow_unicode=True, width=100_000)
    return text.removesuffix("\n").removesuffix("\n...")


def named_in(part: object) -> set[str]:
    """Find the columns that a part of a study file names.

    Parameters
    ----------
    part : any part of the drafted document.

    Returns
    -------
    Every text in it, with the columns between the first and last of a run.
    """
    if isinstance(part, dict):
        return set().union(*map(named_in, part.values()), *map(named_in, part))
    if isinstance(part, list):
        return set().union(*map(named_in, part))
    with suppress(ValueError):
        return set(columns_of_span(str(part)))
    return {str(part)}


def run_of(columns: list[str]) -> str | list[str]:
    """Write columns that differ in one number as a span.

    Parameters
    ----------
    columns : names in order.

    Returns
    -------
    `first .. last` where the names between follow from these two, else the list itself.
    """
    first, last = columns[0], columns[-1]
    for place in re.finditer(r"1", first):
        if [f"{first[: place.start()]}{n}{first[place.end() :]}" for n in range(1, len(columns) + 1)] == columns:
            plain = not re.search(r"\s|\.", first)
            return f"{first} .. {last}" if plain else columns
    return columns
