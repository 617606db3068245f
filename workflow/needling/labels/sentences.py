"""Words put together as a sentence does."""

import re

MADE_UP = "Made-up data"
CODE = re.compile(r"[a-z0-9_]+")


def listed(words: list[str], last: str = "and") -> str:
    """Join words as a sentence does: a, b and c."""
    return f" {last} ".join([", ".join(words[:-1]), words[-1]]) if len(words) > 1 else "".join(words)


def in_sentence(label: str) -> str:
    """Write a label inside a sentence: first letter small, unless the word is an abbreviation."""
    return label if label[:2].isupper() else label[:1].lower() + label[1:]


def sentence(text: str) -> str:
    """Begin a sentence with a text."""
    return text[:1].upper() + text[1:]


def span(unit: str) -> str:
    """Write a unit with the dash of a span: 0–10 points."""
    return re.sub(r"(?<=\d)-(?=\d)", "–", unit)


def plainly(note: str) -> str:
    """Write a remark of the engine as a reader has it: what was estimated as zero, and no boundary."""
    zero = r"the variance between levels of (\w+) is zero"
    note = re.sub(r"[Ee]stimated at the boundary: ", "", note)
    return re.sub(
        zero, lambda found: f"no difference between {found[1]}s was found (a variance estimated as zero)", note
    )


def spaced(code: str) -> str:
    """Write a code of the study file with spaces; a text that is no such code stays as it is."""
    return code.replace("_", " ") if CODE.fullmatch(code) else code


def titled(code: str) -> str:
    """Write a code of the study file as a label, where the file gives none; a text that is no such code stays as it is."""
    return sentence(spaced(code)) if CODE.fullmatch(code) else code
