"""When two texts are one label: by their letters, digits and the marks that change what is meant."""

import re

_MARKS = re.compile(r"(?<=\d)[./,](?!\d)|(?<!\d)[./,]|-(?!$)|(?<!\w)-$|[^\w+<>≤≥./,-]|_")


def plain(text: str) -> str:
    """Reduce a label to its letters and digits, lower case: 'DN ' and 'dn', 'Usual care' and 'usual_care' are one.

    Marks that change what is meant stay: plus, smaller, larger, a minus at the end, and marks between digits ('1.5', '1/2').
    """
    lower = re.sub(r"[−‒–]", "-", text.casefold().strip())
    return _MARKS.sub("", re.sub(r"(?<=\d),(?=\d)", ".", lower))
