"""What a built page must not say: names of the program, numbers that are none, paragraphs of nothing, a paragraph twice."""

import html
import re
from collections import Counter

# Words of the program, and of its statistics where a clinician would stumble: as whole words, as they would be printed.
FORBIDDEN = (
    "nan", "NaN", "null", "NaT", "inf", "True", "False", "<NA>", "quarantined", "boundary", "singular", "rank deficient",
    "converged", "dataframe", "parquet", "side table", "kwargs", "Traceback", "baseline x", "x visit", "arm x",
)  # fmt: skip
NAMES = re.compile(r"\b[a-z][a-z0-9]*(?:_[a-z0-9]+)+\b|\b\w+\[[^\]]+\]|\bvisit (?:week|month|day)_?\d")
FILES = re.compile(r"\b[\w./]*\w+\.(?:csv|xlsx|yaml|json|py|md|svg|html)\b|\b\w+/(?=[ (,.])")
NOBODY = re.compile(r"(?<=[a-z,] )None\b|\(None\b")  # Python's, and not the first word of a sentence
LEAST = 60  # characters: what is shorter may be said twice (a cell, a name)


def faults(page):
    """Everything in the visible words of a page that a reader should not meet, each with what stands around it.

    Looked at: headings, paragraphs, items, captions, cells, and the words and descriptions of the drawings; not the style, the
    script, the exact numbers in folded tables and addresses.
    """
    seen = re.sub(r"<(style|script|math)\b.*?</\1>|<!--.*?-->", " ", page, flags=re.DOTALL)
    seen = re.sub(r'<details class="data">.*?</details>', " ", seen, flags=re.DOTALL)
    found = [f"empty: {one[:80]}" for one in re.findall(r"<(?:p|li|h\d|dd|figcaption|caption)\b[^>]*>\s*</", seen)]
    blocks = re.findall(r"<(p|li|dd|h\d|figcaption|caption)\b[^>]*>(.*?)</\1>", seen, flags=re.DOTALL)
    said = [_words(inside) for _, inside in blocks]
    found += [f"twice: {one[:120]}" for one, times in Counter(said).items() if times > 1 and len(one) >= LEAST]
    cells = [_words(one) for one in re.findall(r"<t[hd]\b[^>]*>(.*?)</t[hd]>", seen, flags=re.DOTALL)]
    told = [_words(one) for one in re.findall(r"<(?:text|desc)\b[^>]*>(.*?)</", seen, flags=re.DOTALL)]
    labels = [html.unescape(one) for one in re.findall(r'(?:aria-label|title|alt)="([^"]*)"', seen)]
    for text in dict.fromkeys([*said, *cells, *told, *labels]):
        plain = FILES.sub(" ", text)
        wrong = [word for word in FORBIDDEN if re.search(rf"(?<![\w-]){re.escape(word)}(?![\w-])", plain)]
        wrong += [*NAMES.findall(plain), *NOBODY.findall(plain)]
        found += [f"{one}: {text[:160]}" for one in wrong]
    return found


def _words(inside):
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", "", inside))).strip()
