"""Balance at baseline: the standardised difference of each characteristic from the first arm, a dot each, beside a guide."""

from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from needling.figures.intervals import difference_axis
from needling.figures.style import FAINT, Look, Profile, Sheet, key_height, lines_below, looks, text_width, wrapped
from needling.labels.numbers import format_fixed
from needling.labels.sentences import in_sentence, listed
from needling.labels.words import Labels
from needling.tables.baseline import characteristic, shown_levels
from needling.tables.select import in_order
from needling.tables.withheld import NOT_DRAWN, withheld_note

SECTION = "baseline"
SUBJECT = "Differences between arms at baseline"
VARIABLE = ["variable", "visit", "site"]
GUIDE = (
    0.25  # SD: what adjustment for a covariate still mends (Rubin 2001, Health Serv Outcomes Res Methodol 2:169-188)
)
COLUMNS = ["cohort", *VARIABLE, "level", "arm", "standardised_difference", "n", "hidden"]
STEP, HEAD, AXIS, GUTTER, LEAST = 4.1, 7.0, 10.0, 5.0, 26.0  # mm: row to row, over and under a panel, between panels


def data(released: dict[str, pd.DataFrame], labels: Labels) -> pd.DataFrame:
    """Take the differences that the table of characteristics prints; nothing of a study without arms."""
    table = released["baseline"].fillna({"site": "", "visit": "", "level": ""})
    kept: list[Any] = []
    for _, rows in table.groupby(["cohort", *VARIABLE], sort=False):
        levels = shown_levels(list(dict.fromkeys(rows["level"])))
        kept += list(rows.index[rows["level"].isin(levels) & rows["standardised_difference"].notna()])
    # Of a row that is shown nothing of the figure is hidden; what is, is a difference that has no dot.
    lost = table[table["standardised_difference"].isna() & table["arm"].isin(labels.plan.arms[1:])]
    why = lost.groupby("cohort")["hidden"].max()
    shown = table.loc[sorted(kept), COLUMNS]
    return in_order(
        shown.assign(hidden=[why.get(cohort, "") for cohort in shown["cohort"]]), {"cohort": list(labels.plan.cohorts)}
    )


def panel(ax: Axes, rows: pd.DataFrame, places: dict[str, float], look: dict[str, Look]) -> Axes:
    """Draw the dots of a cohort on the lines of their characteristics, and the guide on either side of no difference."""
    difference_axis(ax, ax.get_xlim(), 4, GUIDE)
    for arm, one in look.items():
        mine = rows[rows["arm"] == arm]
        y = mine["name"].map(places)
        ax.plot(mine["standardised_difference"], y, **{**one.kwargs, "linestyle": "none"}, zorder=3)  # type: ignore[arg-type]
    return ax


def draw(source: pd.DataFrame, labels: Labels, profile: Profile) -> Figure:
    """Draw the cohorts side by side on the same lines where there is room, else below one another."""
    named = _named(source, labels)
    cohorts = list(dict.fromkeys(named["cohort"]))
    names = _in_turn(named)
    size = profile.type
    room = min(max(text_width(name, size) for name in names), 0.42 * profile.width)
    told = {name: wrapped(name, room, size) for name in names}
    left = max(text_width(words, size) for words in told.values()) + 3
    across = len(cohorts) if profile.width - left >= (LEAST + GUTTER) * len(cohorts) else 1
    width = profile.width_of(2 if across > 1 or left > 60 else 1)
    look = {arm: one for arm, one in looks(labels.plan.arms).items() if arm in set(named["arm"])}
    reference = in_sentence(labels.arm(labels.plan.arms[0]))
    key = {f"{labels.arm(arm)} against {reference}": one for arm, one in look.items()}
    wide = (width - left - (across - 1) * GUTTER) / across
    over = {cohort: wrapped(labels.cohort(cohort), wide, profile.head, 600) for cohort in cohorts}
    deepest = max(lines_below(words, profile.head) for words in over.values())
    top, head = key_height(key, 0, width) + 1, HEAD + deepest if len(labels.plan.cohorts) > 1 else 1.0
    blocks = [cohorts] if across > 1 else [[one] for one in cohorts]
    lines = [[n for n in names if n in set(named.loc[named["cohort"].isin(block), "name"])] for block in blocks]
    heights = [sum(_deep(told[name], size) for name in mine) for mine in lines]
    sheet = Sheet(width, top + sum(height + head + AXIS for height in heights))
    sheet.key(0, key, line=False)
    reach = 1.12 * max(2 * GUIDE, float(named["standardised_difference"].abs().max()))
    y = top
    for block, mine, height in zip(blocks, lines, heights, strict=True):
        places: dict[str, float] = {}
        down = 0.0
        for name in mine:
            deep = _deep(told[name], size)
            places[name] = down + deep / 2
            sheet.write(0, y + head + down + deep / 2 + 0.13 * size + 0.21 * size * told[name].count("\n"), told[name])
            down += deep
        for place, cohort in enumerate(block):
            x = left + place * (wide + GUTTER)
            if len(labels.plan.cohorts) > 1:
                sheet.write(x, y + head - 2.2, over[cohort], fontweight=600, fontsize=profile.head)
            ax = sheet.panel(x, y + head, wide, height, xlim=(-reach, reach), ylim=(height, 0))
            panel(ax, named[named["cohort"] == cohort], places, look)
            ax.set_xlabel("Standardised difference, SD" if wide > 38 else "Difference, SD", color=FAINT)
        y += head + height + AXIS
    return sheet.figure


def _deep(words: str, size: float) -> float:
    """Height in mm of the row of a characteristic."""
    return STEP + 0.42 * size * words.count("\n")


def _named(source: pd.DataFrame, labels: Labels) -> pd.DataFrame:
    """The differences with the words of their characteristics."""
    rows = source.to_dict("records")
    return source.assign(name=[characteristic(row, labels, row["level"]) for row in rows])


def _in_turn(named: pd.DataFrame) -> list[str]:
    """Names of all characteristics; one that only a later cohort has stands where that cohort has it."""
    names: list[str] = []
    for _, rows in named.groupby("cohort", sort=False):
        before = 0
        for name in dict.fromkeys(rows["name"]):
            if name in names:
                before = names.index(name) + 1
            else:
                names.insert(before, name)
                before += 1
    return names


def words(source: pd.DataFrame, labels: Labels) -> tuple[str, str]:
    """Caption and alternative text."""
    named = _named(source, labels)
    first = in_sentence(labels.arm(labels.plan.arms[0]))
    far = named[named["standardised_difference"].abs() > GUIDE]
    how = (
        "Arms were allocated at random: what differs came by chance, and nothing is tested."
        if labels.plan.design == "randomised"
        else "Groups were not allocated at random; nothing is tested."
    )
    guide = format_fixed(GUIDE, 2)
    caption = (
        f"{len(far)} of {len(named)} differences at baseline {'is' if len(far) == 1 else 'are'} larger than a quarter of a "
        f"standard deviation. Dots: difference from {first} in units of the standard deviation. Grey: up to {guide} SD, a guide "
        f"and no limit. {how}"
    )
    said = []
    several = labels.plan.cohorts if len(labels.plan.cohorts) > 1 else {}
    for row in sorted(far.to_dict("records"), key=lambda row: -abs(row["standardised_difference"])):
        place = [labels.cohort(row["cohort"])] if several else []
        place += [in_sentence(labels.arm(row["arm"]))] if len(labels.plan.arms) > 2 else []
        said.append(
            f"{', '.join([*place, in_sentence(row['name'])])} {format_fixed(row['standardised_difference'], 2)}"
        )
    ends = [format_fixed(named["standardised_difference"].agg(end), 2) for end in ("min", "max")]
    beyond = f"; beyond {guide}: {listed(said)}" if said else f"; none is beyond {guide}"
    alternative = (
        f"Dot plot of {len(named)} standardised differences from {first}, from {ends[0]} to {ends[1]}{beyond}."
    )
    return caption + (f" {NOT_DRAWN}" if withheld_note(source) else ""), alternative
