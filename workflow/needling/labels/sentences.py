"""Words put together as a sentence does."""

import re
from unicodedata import bidirectional, category

MADE_UP = "Made-up data"
SMALL = {"and", "at", "by", "de", "for", "from", "in", "of", "on", "or", "the", "to", "von", "with"}  # in names too
LEFT_TO_RIGHT = "\u200e"  # a mark without a look that counts as a letter read from the left
FROM_THE_RIGHT = ("R", "AL", "AN")  # what Unicode calls the letters of Hebrew and of Arabic, and the digits of Arabic


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
    return set_apart(re.sub(r"(?<=\d)-(?=\d)", "–", unit))


def plainly(note: str) -> str:
    """Write a remark of the engine as a reader has it: what was estimated as zero, and no boundary."""
    zero = r"the variance between levels of (\w+) is zero"
    note = re.sub(r"[Ee]stimated at the boundary: ", "", note)
    return re.sub(
        zero, lambda found: f"no difference between {found[1]}s was found (a variance estimated as zero)", note
    )


def is_code(text: str) -> bool:
    """Tell whether a text is a code, of any script: small letters with their marks, digits and underscores alone."""
    # Marks of accents and vowels are no letters to Python, yet parts of words in most scripts.
    return text == text.lower() != "" and all(one == "_" or one.isalnum() or category(one)[0] == "M" for one in text)


def spaced(code: str) -> str:
    """Write a code of the study file with spaces; a text that is no such code stays as it is."""
    return set_apart(code.replace("_", " ") if is_code(code) else code)


def titled(code: str) -> str:
    """Write a code of the study file as a label, where the file gives none; a text that is no such code stays as it is."""
    return sentence(spaced(code)) if is_code(code) else set_apart(code)


def set_apart(words: str) -> str:
    """Close words that are read from the right, so that an English sentence around them keeps its own order."""
    # Else the digits, commas and colons behind such words are read from the right too. A mark goes before them, because
    # matplotlib takes the direction of a line from its first letter, and one behind them, because what is no letter takes the
    # direction of the letter above it; Latin letters at an end need none, and stay the first for who writes them small.
    # The signs that hold a part of a line together (U+2068, U+2069) are in no typeface of the figures, and come in pairs,
    # which a label that is broken into lines parts. This mark is in DejaVu Sans, beside the letters that it stands with; it has
    # no width, and figures, typst, browsers and word processors all heed it.
    kinds = [kind for one in words if (kind := bidirectional(one)) in ("L", *FROM_THE_RIGHT)]
    if not kinds:
        return words
    before, behind = (LEFT_TO_RIGHT if one in FROM_THE_RIGHT else "" for one in (kinds[0], kinds[-1]))
    return f"{before}{words}{behind}"
