"""Words put together as a sentence does."""

import re

MADE_UP = "Made-up data"
CODE = re.compile(r"[a-z0-9_]+")
SMALL = {"and", "at", "by", "de", "for", "from", "in", "of", "on", "or", "the", "to", "von", "with"}  # in names too


def listed(words: list[str], last: str = "and") -> str:
    """Join words as a sentence does: a, b and c."""
    return f" {last} ".join([", ".join(words[:-1]), words[-1]]) if len(words) > 1 else "".join(words)


def in_sentence(label: str) -> str:
    """Write a label inside a sentence: first letter small, unless it begins with an abbreviation or is a name.

    Examples
    --------
    >>> [in_sentence(one) for one in ("Pain intensity (NPRS)", "ODI", "Neck Disability Index, %")]
    ['pain intensity (NPRS)', 'ODI', 'Neck Disability Index, %']
    """
    return label if label[:2].isupper() or _is_name(label) else label[:1].lower() + label[1:]


def _is_name(label: str) -> bool:
    """Tell whether all further words begin with capitals: Neck Disability Index; abbreviations and numbers tell nothing."""
    first = re.split(r"[,(:;×]", label)[0]  # a unit, a scale or another label follows
    further = [word for word in first.split()[1:] if word not in SMALL and not word.isupper() and word[0].isalpha()]
    return bool(further) and all(word[0].isupper() for word in further)


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
