"""What may leave the house: no count of a few people, and none that can be worked out from the others.

The threshold is the plan's ``disclosure.min_cell``: a count from 1 to one less than it is small. A small count is
hidden, and with it as many others as it takes that nobody can bound it more narrowly than "somewhere among the small
ones" from sums, complements and percentages that stay visible. All hidden counts look alike, so a hidden one need not
be small.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from needling.study.keys import StudyError

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

HIDDEN = "‡"


class DisclosureError(StudyError):
    """Something would leave the house that must not."""


def footnote(minimum: int) -> str:
    """Say in one sentence what the mark of a hidden count means."""
    return (
        f"{HIDDEN} Not shown: fewer than {minimum} people, or a number from which fewer than {minimum} could be "
        "worked out; ≥ gives the part of it that can be told."
    )


ROUNDED = "Where n is hidden, the numbers beside it are rounded so that they do not tell it."


def hides(shown: "pd.Series") -> bool:
    """Tell whether a column of texts hides any number."""
    return bool(shown.fillna("").str.contains(f"[{HIDDEN}≥]").any())


@dataclass(frozen=True)
class Sum:
    """An addition that every reader can make: the rows at `parts` give the row `total`, or the number `known`."""

    parts: tuple[int, ...]
    total: int | None = None
    known: float | None = None


def sums_within(table: "pd.DataFrame", count: str, by: Sequence[str]) -> list[Sum]:
    """List the sums of a table whose totals are published elsewhere.

    Parameters
    ----------
    table : one row per cell.
    count : column with the number of people.
    by : columns within whose levels the cells add up to a published number.

    Returns
    -------
    One `Sum` per combination of levels, with the group's total as known.
    """
    positions = table.reset_index(drop=True).groupby(list(by), dropna=False, sort=False).indices
    counts = table[count].to_numpy(float)
    return [Sum(tuple(int(i) for i in rows), known=float(counts[rows].sum())) for rows in positions.values()]


def suppress(
    table: "pd.DataFrame",
    count: str,
    minimum: int,
    sums: Sequence[Sum] = (),
    *,
    blank: Sequence[str] = (),
    keep: Iterable[int] = (),
) -> "pd.DataFrame":
    """Hide small counts and whatever would give them away.

    Parameters
    ----------
    table : one row per cell.
    count : column with the number of people (whole numbers, no blanks).
    minimum : smallest publishable number of people above zero.
    sums : additions that a reader can make over the rows; zero cells count, row positions start at 0.
    blank : columns that tell the count as well (percentages, shares), emptied with it.
    keep : row positions that are hidden to protect others only where nothing else is left.

    Returns
    -------
    The table with hidden counts empty (Int64) and a column ``<count>_shown`` with the text to print: the number, the
    lower bound that can be told, or the mark of a hidden number.

    Raises
    ------
    DisclosureError : a published total is itself small, so nothing can protect its parts.

    Source: primary and complementary cell suppression with interval (linear programming) audit, as in Fischetti and
    Salazar 2001. Checked: `derivable` on random two-way and three-way tables.
    """
    import numpy as np
    import pandas as pd

    values = table[count].to_numpy(float)
    hidden = (values > 0) & (values < minimum)
    protected = set(keep)
    for positions, relations in _components(len(values), sums):
        while (exposed := _first_exposed(values, hidden, positions, relations, minimum)) is not None:
            hidden[_sacrifice(values, hidden, exposed, relations, protected)] = True
    out = table.copy()
    out[count] = pd.array(np.where(hidden, np.nan, values), dtype="Int64")
    shown = [f"{value:.0f}" for value in values]
    for positions, relations in _components(len(values), sums):
        for cell in positions:
            if hidden[cell]:
                low, _ = _interval(values, hidden, cell, relations)
                shown[cell] = f"≥{low:.0f}" if low >= minimum else HIDDEN
    out[f"{count}_shown"] = shown
    for column in blank:
        out[column] = out[column].mask(hidden)
    return out


def suppress_part(
    table: "pd.DataFrame",
    part: str,
    whole: str,
    minimum: int,
    blank: Sequence[str] = (),
) -> "pd.DataFrame":
    """Hide a part of a published whole where the part or its complement is small.

    Parameters
    ----------
    table : one row per whole, e.g. patients measured of patients allocated.
    part, whole : columns with numbers of people.
    minimum : smallest publishable number of people above zero.
    blank : columns that tell the part as well (shares, percentages), emptied with it.

    Returns
    -------
    The table with hidden parts and small wholes empty (Int64) and columns ``<part>_shown`` and ``<whole>_shown``.
    Where only the complement is small, the text gives the bound that says no more than that.
    """
    import numpy as np
    import pandas as pd

    inside, total = table[part].to_numpy(float), table[whole].to_numpy(float)
    whole_small = (total > 0) & (total < minimum)
    part_small = ((inside > 0) & (inside < minimum)) | whole_small
    rest = total - inside
    rest_small = (rest > 0) & (rest < minimum) & ~part_small
    hidden = part_small | rest_small
    out = table.copy()
    out[part] = pd.array(np.where(hidden, np.nan, inside), dtype="Int64")
    out[whole] = pd.array(np.where(whole_small, np.nan, total), dtype="Int64")
    bound = total - minimum + 1
    told = np.where(rest_small & (bound >= minimum), bound, 0)
    out[f"{part}_shown"] = [
        (f"≥{told[i]:.0f}" if told[i] else HIDDEN) if hidden[i] else f"{inside[i]:.0f}" for i in range(len(inside))
    ]
    out[f"{whole}_shown"] = [HIDDEN if small else f"{n:.0f}" for n, small in zip(total, whole_small, strict=True)]
    for column in blank:
        out[column] = out[column].mask(hidden)
    return out


def derivable(values: Sequence[float], hidden: Sequence[bool], sums: Sequence[Sum], minimum: int) -> "pd.DataFrame":
    """Work out from the outside what the visible numbers tell about each hidden one.

    Parameters
    ----------
    values : the true counts, of which only the visible ones are used.
    hidden : which of them are hidden.
    sums : additions that a reader can make.
    minimum : smallest publishable number of people above zero.

    Returns
    -------
    One row per hidden cell: cell (row position), low and high (all that solving the sums for non-negative whole numbers
    tells; high may be infinite), small (whether the true count is), exposed (it is small, and the bounds
    are narrower than 1 to minimum - 1).
    """
    import numpy as np
    import pandas as pd

    counts, mask = np.asarray(values, float), np.asarray(hidden, bool)
    rows = []
    for positions, relations in _components(len(counts), sums):
        for cell in positions:
            if mask[cell]:
                low, high = _interval(counts, mask, cell, relations)
                small = bool(0 < counts[cell] < minimum)
                rows.append((cell, low, high, small, small and (low > 1 or high < minimum - 1)))
    return pd.DataFrame(rows, columns=["cell", "low", "high", "small", "exposed"]).sort_values(
        "cell", ignore_index=True
    )


def people_beyond(n: Any, share: float) -> Any:
    """Count the people on the thinner side of a quantile: n times the smaller of share and 1 - share."""
    return n * min(share, 1 - share)


def grain(spread: "pd.Series") -> "pd.Series":
    """Guess how far apart the values of a score can lie: 1, or 5 where its standard deviation is 10 or more.

    The longest of the usual steps of scores on 0-100 is 2.3 (11 items of 0-4).
    """
    return spread.mask(spread < 10, 1.0).mask(spread >= 10, 5.0)


def steps(lowest: "pd.Series", spread: "pd.Series") -> "pd.Series":
    """Choose the steps to which mean and standard deviation beside a hidden n are rounded.

    Parameters
    ----------
    lowest : smallest n that its text leaves possible.
    spread : standard deviation; empty where n is shown.

    Returns
    -------
    For each row 0.1, or 1 where that is too fine, or from a standard deviation of 100; infinite where 1 is too fine as well, or
    coarser than the standard deviation; empty where n is shown. A step is too fine where it leaves some possible n without a sum
    (a multiple of `grain`) or without a sum of squares (every second multiple of its square).
    """
    import numpy as np

    unit = grain(spread)
    found = spread.mask(spread.notna(), np.inf)
    for step in (1.0, 0.1):
        room = (step * lowest >= unit) & (step * spread * (lowest - 1) >= unit**2)
        found = found.mask(room & (step <= spread) & ((spread < 100) | (step == 1)), step)
    return found


def share_step(lowest: "pd.Series") -> "pd.Series":
    """Choose for shares of a hidden n a step that every possible n has a share in: 1, 5, 10, 20 or 100 percent."""
    found = lowest * 0 + 1
    for step in (0.2, 0.1, 0.05, 0.01):
        found = found.mask(step * lowest >= 1, step)
    return found


def round_to(values: "pd.Series", step: "pd.Series") -> "pd.Series":
    """Round to multiples of a step; to nothing where the step is infinite, and not at all where it is empty."""
    import numpy as np

    rounded = ((values / step).round() * step).round(6)
    return values.where(step.isna(), rounded.mask(np.isinf(step)))


def round_down(values: "pd.Series", step: "pd.Series") -> "pd.Series":
    """Round down to multiples of a step, and not at all where it is empty."""
    return values.where(step.isna(), ((values / step + 1e-9) // 1 * step).round(6))


def _components(size: int, sums: Sequence[Sum]) -> list[tuple[list[int], list[Sum]]]:
    """Split cells into groups that no sum connects."""
    parent = list(range(size))

    def root(cell: int) -> int:
        while parent[cell] != cell:
            parent[cell] = parent[parent[cell]]
            cell = parent[cell]
        return cell

    for one in sums:
        for cell in _members(one):
            parent[root(cell)] = root(_members(one)[0])
    groups: dict[int, tuple[list[int], list[Sum]]] = {}
    for cell in range(size):
        groups.setdefault(root(cell), ([], []))[0].append(cell)
    for one in sums:
        if one.parts:
            groups[root(one.parts[0])][1].append(one)
    return list(groups.values())


def _members(one: Sum) -> tuple[int, ...]:
    return one.parts if one.total is None else (*one.parts, one.total)


def _first_exposed(
    values: "np.ndarray", hidden: "np.ndarray", positions: list[int], sums: list[Sum], minimum: int
) -> int | None:
    for cell in positions:
        if hidden[cell] and 0 < values[cell] < minimum:
            low, high = _interval(values, hidden, cell, sums)
            if low > 1 or high < minimum - 1:
                return cell
    return None


def _interval(values: "np.ndarray", hidden: "np.ndarray", cell: int, sums: list[Sum]) -> tuple[float, float]:
    """Bounds of a hidden cell given all visible ones: two linear programs over the hidden, non-negative cells."""
    import numpy as np

    unknown = sorted({i for one in sums for i in _members(one) if hidden[i]})
    if cell not in unknown:
        return 0.0, math.inf
    column = {i: j for j, i in enumerate(unknown)}
    left, right = [], []
    for one in sums:
        row, constant = np.zeros(len(unknown)), 0.0
        for sign, member in [*((1.0, p) for p in one.parts), *([(-1.0, one.total)] if one.total is not None else [])]:
            if hidden[member]:
                row[column[member]] += sign
            else:
                constant -= sign * values[member]
        if row.any():
            left.append(row)
            right.append(constant + (one.known or 0.0))
    return _bounds(np.array(left), np.array(right), column[cell])


def _bounds(left: "np.ndarray", right: "np.ndarray", unknown: int) -> tuple[float, float]:
    """Smallest and largest whole number that one unknown of left x = right, x >= 0 can be."""
    if left.shape[0] == 1 and (left >= 0).all():
        return (0.0 if left.sum() > 1 else right[0]), right[0]
    import numpy as np
    from scipy.optimize import linprog

    goal = np.zeros(left.shape[1])
    goal[unknown] = 1.0
    lowest = linprog(goal, A_eq=left, b_eq=right, bounds=(0, None), method="highs")
    highest = linprog(-goal, A_eq=left, b_eq=right, bounds=(0, None), method="highs")
    if lowest.status == 2:
        raise DisclosureError("the published sums contradict one another; a table was not counted as described.")
    high = math.inf if highest.status == 3 else math.floor(-highest.fun + 1e-6)
    return float(math.ceil(lowest.fun - 1e-6)), float(high)


def _sacrifice(values: "np.ndarray", hidden: "np.ndarray", exposed: int, sums: list[Sum], protected: set[int]) -> int:
    """Choose the visible cell whose hiding costs least: near the exposed one, not protected, smallest, not zero."""
    reach: set[int] = {exposed}
    near: list[int] = []
    while not near:
        touching = [one for one in sums if reach & set(_members(one))]
        near = [i for one in touching for i in _members(one) if not hidden[i]]
        grown = reach | {i for one in touching for i in _members(one)}
        if not near and grown == reach:
            raise DisclosureError(
                "a published total counts so few people that its parts cannot be hidden; hide the total."
            )
        reach = grown
    return min(near, key=lambda i: (i in protected, values[i] == 0, values[i], i))
