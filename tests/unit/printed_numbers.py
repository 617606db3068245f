"""Does what is printed say what the results row says? For tests of the page, the PDF and the document."""

import re
from decimal import ROUND_HALF_UP, Decimal

import pandas as pd

from needling.tables.printed import Told

NUMBER = re.compile(r"[−-]?(?:\d[\d,]*(?:\.\d+)?|\.\d+)")
ONE_BY_ONE = (
    "coefficient",
    "standard_deviation",
    "correlation",
    "covariance",
    "range",
    "icc",
)  # each on a scale of its own
COUNTS = ("n_patients", "n_events", "n_observations")


def shown(text, value, signed):
    """True where a number of the text is the value, rounded half away from zero to the text's decimals."""
    for token in NUMBER.findall(text):
        bare = token.replace("−", "-").replace(",", "")
        places = len(bare.partition(".")[2])
        rounded = Decimal(repr(float(value))).quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP)
        if Decimal(bare) == rounded or (not signed and abs(Decimal(bare)) == abs(rounded)):
            return True
    return False


def uneven(table, results):
    """The estimates of a table that stand in one column, are of one quantity, outcome and unit, and differ in their decimals."""
    found = {}
    for row in table.rows:
        for place, cell in enumerate(row):
            if not isinstance(cell, Told) or not {"estimate", "low"} & set(cell.column.split()):
                continue
            one = results.loc[cell.row_id]
            if one["quantity"] in ONE_BY_ONE:
                continue
            number = NUMBER.findall(cell.rpartition(", ")[2].rpartition("; ")[2])[0]
            key = (place, one["quantity"], one["outcome"], one["unit"])
            found.setdefault(key, {}).setdefault(len(number.partition(".")[2]), str(cell))
    return {key: list(cells.values()) for key, cells in found.items() if len(cells) > 1}


def disagreements(text, rows, columns, signed=True):
    """The columns of results rows whose value the text does not print."""
    text = text.replace("\u00a0", " ").replace("\u2212", "−")
    wrong = []
    for column in columns.split():
        value = rows[column].sum() if column in COUNTS else rows[column].iloc[0]
        if pd.isna(value):
            if "–" not in text:
                wrong.append(column)
        elif column in ("p", "p_adjusted", "statistic") and value < 0.001:
            if "<.001" not in text.replace(" ", ""):
                wrong.append(column)
        elif column in ("p", "p_adjusted") and value >= 0.995:
            if ">.99" not in text.replace(" ", ""):
                wrong.append(column)
        else:
            share = rows["quantity"].iloc[0] in ("share", "risk_difference", "session_rate")
            scales = (100.0,) if share and column in ("estimate", "low", "high") else (1.0,)
            if not any(shown(text, scale * value, signed) for scale in scales):
                wrong.append(column)
    return wrong
