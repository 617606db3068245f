"""Pictures of a fit in the words and the look of the report's figures, on axes that are given or new."""

import sys
from typing import TYPE_CHECKING, Any

from needling.desk.printed import Table
from needling.figures.panels import visit_positions
from needling.figures.style import BAND, FAINT, light_grid, looks, style
from needling.labels.sentences import in_sentence, titled
from needling.labels.words import Labels
from needling.mixed import plots
from needling.mixed.errors import MixedModelError
from needling.study.keys import nearest

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from needling.desk.asked import Asked

PICTURES = ("means", "contrast", "residuals", "influence", "random_effects")
POINTS = 40  # of a curve
ENDS = (0.05, 0.95)  # percentiles of a number between which it is drawn


def draw(fit: "Asked", what: str, variable: str | None, x: str | None, ax: Any, asked: dict[str, Any]) -> "Axes":
    """Draw a picture of a fit; see `Fit.plot`."""
    if what not in PICTURES:
        raise MixedModelError(f"'{what}' is not a picture of a fit{nearest(what, PICTURES)}")
    if not fit.engine.usable:
        raise MixedModelError(f"The fit failed, so there is nothing to draw: {fit.message}")
    if what not in ("means", "contrast") and (x or asked):
        raise MixedModelError(f"A picture of {what} knows no '{'x' if x else next(iter(asked))}'.")
    if extra := [name for name in asked if name != "at"]:
        raise MixedModelError(f"A picture of {what} knows no '{extra[0]}'; it knows x, at and ax.")
    in_notebook()
    with style():
        ax = plots.axes(ax)
        if what == "residuals":
            plots.residuals(fit.engine.fitted(), fit.residuals("scaled"), _measure(fit, ""), ax)
        elif what == "influence":
            terms = fit.engine.terms(df="asymptotic").set_index("term", drop=False)
            plots.influence(fit._named(fit.engine.influence(terms)), "patient", ax)
        elif what == "random_effects":
            plots.random_effects(plots.effects_of(fit.random_effects(), variable), 0.95, ax)
        else:
            _along(fit, what, variable or "arm", x or _first(fit), dict(asked.get("at") or {}), ax)
    return ax


def in_notebook() -> None:
    """In a notebook, load its own backend, which shows figures; without pyplot it would print their names. Elsewhere nothing."""
    if "IPython" in sys.modules:
        from IPython import get_ipython

        if hasattr(get_ipython(), "kernel"):
            import matplotlib.pyplot as plt

            plt.draw_if_interactive()


def _first(fit: "Asked") -> str:
    if "visit" not in fit.engine.model.design.levels:
        raise MixedModelError("The model has no visit; say what stands along the axis: x=...")
    return "visit"


def _along(fit: "Asked", what: str, variable: str, x: str, at: dict[str, Any], ax: "Axes") -> None:
    """Draw means of the arms, or differences from the reference, along a column of the model."""
    design, labels = fit.engine.model.design, Labels(fit.study.plan)
    used = {*design.levels, *fit.data.columns} & set(fit.variables)
    if x not in used:
        raise MixedModelError(f"The formula has no '{x}'{nearest(x, sorted(used))}")
    is_number = x not in design.levels
    if is_number and x not in at:
        low, high = fit.data.drop_duplicates("patient")[x].quantile(list(ENDS))
        at = {**at, x: [low + (high - low) * step / (POINTS - 1) for step in range(POINTS)]}
    primary = fit.question.primary_visit
    if "visit" in design.levels and x != "visit" and "visit" not in at and primary in fit.data["visit"].cat.categories:
        at = {**at, "visit": primary}
    compared = what == "contrast"
    remembered = list(fit.asked)
    has_arm = variable in design.levels
    by = [x] if compared or not has_arm else [x, variable]
    table = fit.contrast(variable, by=by, at=at) if compared else fit.means(by, at=at)
    fit.asked[:] = remembered  # what is drawn is not what the plan is asked for
    levels = [str(one) for one in dict.fromkeys(table[variable])] if variable in table else [""]
    known = looks(labels.plan.arms)
    look = [known[level] for level in levels] if set(levels) <= set(known) else list(looks(levels).values())
    places = _places(fit, table, x, is_number, labels)
    for level, one in zip(levels, look, strict=True):
        mine = table[table[variable] == level] if variable in table else table
        _line(ax, mine, [places[value] for value in mine[x]], is_number, one, _words(labels, variable, mine))
    light_grid(ax)
    if not is_number:
        ax.set_xticks(list(places.values()), [_word(labels, x, str(place)) for place in places])
    if compared:
        ax.axhline(0, color=FAINT, linewidth=0.8, zorder=1)
        _side(fit, table, ax)
    held = [labels.visit(str(at["visit"]))] if isinstance(at.get("visit"), str) and x != "visit" else []
    ax.set_xlabel(
        labels.covariate(x) if x in labels.plan.covariate_names else "" if x == "visit" else labels.outcome(x)
    )
    told = f"\n{_words(labels, variable, table)}" if compared and len(levels) == 1 else ""
    ax.set_ylabel(_measure(fit, "Difference in " if compared else "Mean of ") + told)
    place = [labels.cohort(fit.question.cohort) if fit.question.cohort else "", *map(in_sentence, held)]
    ax.set_title(", ".join(filter(None, place)), loc="left", fontweight=600)
    if len(levels) > 1:
        ax.legend()


def _places(fit: "Asked", table: Table, x: str, is_number: bool, labels: Labels) -> dict[Any, float]:
    """Where each value stands along the axis: numbers as they are, visits at their weeks, other levels one after the other."""
    values = list(dict.fromkeys(table[x]))
    if is_number:
        return {value: float(value) for value in values}
    return visit_positions(labels, values) if x == "visit" else {value: float(n) for n, value in enumerate(values)}


def _line(ax: "Axes", rows: Table, along: list[float], is_number: bool, look: Any, words: str) -> None:
    """A curve with its band along a number; points with intervals along levels."""
    estimate, low, high = (rows[name].to_numpy(dtype=float) for name in ("estimate", "low", "high"))
    if is_number:
        ax.plot(along, estimate, color=look.colour, linestyle=look.line, label=words)
        ax.fill_between(along, low, high, color=look.colour, alpha=0.15, linewidth=0)
        return
    ax.errorbar(along, estimate, yerr=[estimate - low, high - estimate], capsize=2, label=words, **look.kwargs)


def _side(fit: "Asked", table: Table, ax: "Axes") -> None:
    """Tint the side on which the first-named arm is better, as every figure of the report does."""
    better = "higher" if _response(fit) == "improvement" else fit.question.better
    low, high = float(table["low"].min()), float(table["high"].max())
    ends = (min(low, 0.0), max(high, 0.0))
    room = 0.05 * (ends[1] - ends[0])
    ax.set_ylim(ends[0] - room, ends[1] + room)
    if better in ("lower", "higher"):
        ax.axhspan(
            *((ends[0] - room, 0) if better == "lower" else (0, ends[1] + room)), color=BAND, zorder=0, linewidth=0
        )


def _word(labels: Labels, variable: str, level: str) -> str:
    """Words for a level of a column."""
    return {"arm": labels.arm, "visit": labels.visit}.get(variable, str)(level)


def _words(labels: Labels, variable: str, rows: Table) -> str:
    """Words for the level that a line is of, or for the two that it compares; of means of all nothing."""
    if variable not in rows:
        return ""
    level = _word(labels, variable, str(rows[variable].iloc[0]))
    if "reference" not in rows:
        return level
    return f"{level} minus {in_sentence(_word(labels, variable, str(rows['reference'].iloc[0])))}"


def _measure(fit: "Asked", front: str) -> str:
    """What the model explains in words, with its unit: the outcome, its change or improvement, or another column."""
    question, labels, response = fit.question, Labels(fit.study.plan), _response(fit)
    named = labels.outcome(question.outcome or response, question.site)
    is_difference = front.startswith("Difference")
    if question.outcome and response in ("change", "improvement"):
        named, is_difference = f"{titled(response)} in {in_sentence(named)}", True
    unit = question.difference_unit if is_difference else question.unit
    words = f"{front}{in_sentence(named)}" if front else named
    return f"{words}, {unit}" if unit else words


def _response(fit: "Asked") -> str:
    return fit.formula.partition("~")[0].strip()
