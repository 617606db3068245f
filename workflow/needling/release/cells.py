"""Cells of few people, and what would give them away: hidden until the known totals bound none better than a small number."""

import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from needling.study.keys import StudyError

if TYPE_CHECKING:
    import numpy as np

# An addition that every reader can make: the cells at these places add up to this number.
Sum = tuple[Sequence[int], float]


def suppress(counts: Sequence[float], minimum: int, sums: Sequence[Sum], keep: Iterable[int] = ()) -> list[str]:
    """Choose the cells to hide: those from 1 to one less than the minimum, and as many others as protect them.

    Parameters
    ----------
    counts : people in each cell; whole numbers.
    minimum : smallest number of people that may be shown; 1 hides nothing.
    sums : places of cells and their total, which everybody knows exactly.
    keep : places hidden for the sake of others only where nothing else is left.

    Returns
    -------
    For each cell '' (shown), few_people, complement, or for all of them withheld: a total is itself below the minimum, or the
    totals tell a small cell even where nothing else is shown. Then the names of the parts go too.

    Source: cell suppression with an audit by linear programming, as in Fischetti and Salazar 2001. Checked: all tables tried
    one by one.
    """
    import numpy as np

    values = np.asarray(counts, float)
    small = (values > 0) & (values < minimum)
    if not small.any():
        return [""] * len(values)
    if any(0 < total < minimum for _, total in sums):
        return ["withheld"] * len(values)
    hidden, later = small.copy(), set(keep)
    while len(exposed := exposed_cells(values, hidden, sums, minimum)):
        open_cells = np.flatnonzero(~hidden)
        if not len(open_cells):
            return ["withheld"] * len(values)
        beside = {i for parts, _ in sums for i in parts if set(parts) & {int(exposed[0])}}
        cost = [(i not in beside, i in later, values[i] == 0, values[i], i) for i in open_cells]
        hidden[min(cost)[-1]] = True
    return ["few_people" if s else "complement" if h else "" for s, h in zip(small, hidden, strict=True)]


def exposed_cells(values: "np.ndarray", hidden: "np.ndarray", sums: Sequence[Sum], minimum: int) -> "np.ndarray":
    """Find the hidden small cells that a reader can bound better than from 0 to one less than the minimum."""
    import numpy as np

    found = []
    for cell in np.flatnonzero(hidden & (values > 0) & (values < minimum)):
        low, high = bounds(values, hidden, sums, int(cell))
        if low > 0 or high < minimum - 1:
            found.append(cell)
    return np.array(found, dtype=int)


def bounds(values: "np.ndarray", hidden: "np.ndarray", sums: Sequence[Sum], cell: int) -> tuple[float, float]:
    """Work out from the shown cells and the totals the smallest and largest number that a hidden cell can be."""
    import numpy as np
    from scipy.optimize import linprog

    unknown = sorted({i for parts, _ in sums for i in parts if hidden[i]})
    if cell not in unknown:
        return 0.0, math.inf
    left = np.array([[float(i in parts) for i in unknown] for parts, _ in sums])
    right = np.array([total - sum(values[i] for i in parts if not hidden[i]) for parts, total in sums])
    if len(sums) == 1:
        return (0.0 if len(unknown) > 1 else right[0]), right[0]
    goal = np.array([float(i == cell) for i in unknown])
    lowest, highest = (
        linprog(sign * goal, A_eq=left, b_eq=right, bounds=(0, None), method="highs") for sign in (1, -1)
    )
    if lowest.status == 2:
        raise StudyError("the totals of a table contradict its cells; it was not counted as described.")
    high = math.inf if highest.status == 3 else math.floor(-highest.fun + 1e-6)
    return float(math.ceil(lowest.fun - 1e-6)), float(high)
