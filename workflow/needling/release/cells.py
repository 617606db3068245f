"""Counts of few people: which of them, and which beside them, are hidden so that nobody can work them out."""

from collections.abc import Sequence

FEW, BESIDE, WHOLE = "few_people", "complement", "withheld"


def hidden_cells(counts: Sequence[int], minimum: int) -> list[str]:
    """Say which of the counts that add up to a known total are hidden, and why.

    The total is exact and known to every reader. Small counts (from 1 to minimum - 1) are hidden; then as many others, the smallest
    first, until two are hidden and their sum is at least minimum - 1: each hidden count can then be anything from 0 to
    min(total, minimum - 1), and no reader can bound it better. Where the total itself is small, or that bound cannot be reached, all
    are withheld, their names with them.

    Parameters
    ----------
    counts : people in each part of one total.
    minimum : smallest publishable number of people above zero.

    Returns
    -------
    For each count '' (shown), few_people, complement, or withheld.

    Source: primary and complementary suppression with an interval audit, as in Fischetti and Salazar 2001. Checked: `bounds` solves the
    sums for every hidden count in random tables.
    """
    total = sum(counts)
    reasons = [FEW if 0 < n < minimum else "" for n in counts]
    if not any(reasons):
        return reasons
    if 0 < total < minimum:
        return [WHOLE] * len(counts)
    order = sorted((i for i in range(len(counts)) if not reasons[i]), key=lambda i: (counts[i] == 0, counts[i], i))
    for i in order:
        hidden = [n for n, reason in zip(counts, reasons, strict=True) if reason]
        if len(hidden) > 1 and sum(hidden) >= minimum - 1:
            break
        reasons[i] = BESIDE
    hidden = [n for n, reason in zip(counts, reasons, strict=True) if reason]
    return reasons if len(hidden) > 1 and sum(hidden) >= minimum - 1 else [WHOLE] * len(counts)


def bounds(counts: Sequence[int | None], total: int) -> list[tuple[float, float] | None]:
    """Work out from the outside what visible counts and their total tell about each hidden one (None).

    Returns
    -------
    Smallest and largest whole number that each hidden count can be; None for a visible one.
    """
    rest = total - sum(n for n in counts if n is not None)
    hidden = sum(n is None for n in counts)
    return [None if n is not None else (float(rest) if hidden == 1 else 0.0, float(rest)) for n in counts]
