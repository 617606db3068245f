"""Numbers as a journal prints them."""

import math
from collections.abc import Iterable
from decimal import ROUND_HALF_UP, Decimal
from statistics import median

import pandas as pd

MINUS, MISSING = "−", "–"
PERCENT = ("share", "risk_difference", "session_rate")  # quantities from 0 to 1 that are printed times 100


def decimals(low: float, high: float) -> int:
    """Choose the decimals that an interval can bear: two significant digits of half its width, at most three decimals."""
    half = (high - low) / 2
    if not math.isfinite(half) or half <= 0:
        return 2
    return min(3, max(0, 1 - math.floor(math.log10(half))))


def column_decimals(intervals: Iterable[tuple[float, float]]) -> int:
    """Choose the decimals of a column: those that a middling interval can bear, and enough for a digit of the narrowest."""
    known = [decimals(low, high) for low, high in intervals if math.isfinite(low) and math.isfinite(high)]
    return max(int(median(known)), max(known) - 1) if known else 2


def shared_decimals(rows: pd.DataFrame) -> dict[str, int]:
    """Choose decimals for rows of results: one number for all of one quantity, outcome and unit, which a column compares.

    Returns
    -------
    row_id -> decimals of its estimate and interval, as percent where the quantity is printed so.
    """
    shared: dict[str, int] = {}
    for (quantity, *_), mine in rows.groupby(["quantity", "outcome", "unit"], sort=False):
        ends = mine[["low", "high"]].astype(float) * (100 if quantity in PERCENT else 1)
        shared |= dict.fromkeys(mine["row_id"], column_decimals(ends.itertuples(index=False, name=None)))
    return shared


def format_fixed(value: float, digits: int) -> str:
    """Print a number with fixed decimals and a true minus sign; a missing one as a dash, a rounded zero without sign."""
    if value is None or not math.isfinite(value):
        return MISSING
    text = rounded(value, digits)
    return text.replace("-", "" if float(text) == 0 else MINUS)


def rounded(value: float, digits: int) -> str:
    """Round as a reader does, halves away from zero: 2.5 % is 3 %, where Python's format makes 2 of it."""
    return str(Decimal(repr(float(value))).quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP))


def format_count(n: float) -> str:
    """Print a number of people or lines as journals do: with a comma from ten thousand on."""
    return f"{int(n):,}" if n >= 10_000 else str(int(n))


def format_estimate(estimate: float, low: float, high: float) -> str:
    """Print an estimate to the digits of its interval, e.g. −0.92 for −0.9213 (−1.38 to −0.46)."""
    return format_fixed(estimate, decimals(low, high))


def format_interval(low: float, high: float, level: float | None = None) -> str:
    """Print an interval, e.g. −1.38 to −0.46, with its level in front where that is given; a missing one as a dash."""
    if not (math.isfinite(low) and math.isfinite(high)):
        return MISSING
    digits = decimals(low, high)
    name = "" if level is None else f"{100 * level:g}% CI "
    return f"{name}{format_fixed(low, digits)} to {format_fixed(high, digits)}"


def format_p(p: float, *, name: bool = True) -> str:
    """Print a p value: three decimals below .10, two above, never as zero or one.

    Parameters
    ----------
    p : probability; missing gives a dash.
    name : with "P = " in front, as a sentence has it; without, only the number (and "<" or ">"), as a column has it.
    """
    if p is None or not math.isfinite(p):
        return MISSING
    if p < 0.001:
        return "P < .001" if name else "<.001"
    if p >= 0.995:
        return "P > .99" if name else ">.99"
    text = rounded(p, 3 if p < 0.0995 else 2).removeprefix("0")
    return f"P = {text}" if name else text


def format_power(value: float) -> str:
    """Print a small number to its order, e.g. 3 × 10⁻⁷; zero as 0 and a missing one as a dash."""
    if value is None or not math.isfinite(value):
        return MISSING
    if value == 0:
        return "0"
    mantissa, exponent = f"{value:.0e}".split("e")
    return f"{mantissa} × 10{str(int(exponent)).translate(str.maketrans('-0123456789', '⁻⁰¹²³⁴⁵⁶⁷⁸⁹'))}"
