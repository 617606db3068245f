"""In which diagnosis? The difference of arms in each subgroup by its own instrument, in all together, and whether they differ."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from needling.analysis.formulas import ERROR, NORMAL, OUTCOME, covariance_terms, equation
from needling.analysis.moderation import (
    BASELINE,
    FEWEST_DF,
    MEASURED_ALIKE,
    NO_NUMBERS,
    NOT_TOLD,
    check_comparison,
    why_not,
)
from needling.analysis.results import Output, Question, complete, contrast_rows, spread_within_arms, structured
from needling.cohort.analysed import Needs
from needling.study.keys import Name, braced, nearest
from needling.study.plan import Study
from needling.study.settings import SCALE, KindSettings, Outcomes, Scale

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from needling.analysis.moderation import Regression

USES = ("instruments",)
METHOD, WEIGHTED = "subgroups_least_squares", "subgroups_overlap_weights"
FEWEST_PATIENTS = 20  # of a subgroup: with fewer, the interval says that nothing is known
SD_UNIT = "standard deviations"
BOUND = "each subgroup has an instrument of its own, so that a difference between subgroups may be one of instruments"
Row = dict[str, Any]


class Settings(KindSettings):
    """Difference of arms in each subgroup by its own instrument and in all together, with one test of whether subgroups differ."""

    kind: Literal["subgroups"]
    scale: Scale = SCALE
    outcomes: Outcomes
    visits: list[Name] = Field(min_length=1, description="Visits analysed, one set of models each.")
    by: Name = Field(
        description="Covariate of patients that is a category and known at day 0, such as the diagnosis within a cohort. Who has "
        "none is in no subgroup. No default: only subgroups named before the data were seen belong here."
    )

    def check_plan(self, name: str, study: Study) -> None:
        """Refuse a single arm, several groups that chance did not make, and what is no category known at day 0."""
        place = f"analyses.{name}"
        if not study.arms:
            raise ValueError(
                f"{place}: subgroups are of a comparison of arms, and this study has one; describe their courses instead"
            )
        check_comparison(place, "subgroups", self, study)
        if study.primary == name:
            raise ValueError(f"{place}: subgroups are asked about beside the primary analysis, not in its place")
        study.visits.check_follow_up(place, self.visits)
        known = study.patients.covariates
        if self.by not in known and self.by not in study.covariates:
            raise ValueError(f"{place}.by: covariate '{self.by}' is not defined{nearest(self.by, known)}")
        if self.by in study.code_covariates:
            raise ValueError(f"{place}.by: '{self.by}' is a code of a person or place, which no patient brings along")
        column = known.get(self.by)
        if column is None or not (column.codes or column.kind == "category"):
            raise ValueError(
                f"{place}.by: '{self.by}' is a number, which is not cut into groups; ask kind moderators about it"
            )

    def needs(self, study: Study) -> Needs:
        """The visits' measurements with baseline and covariates, of the patients whose subgroup is known."""
        return Needs(tuple(self.visits), columns=(*self.adjust, self.by))


def run(data: "dict[str, pd.DataFrame]", question: Question) -> Output:
    """Compare arms at each visit in every subgroup, in all together, and test whether the differences are the same.

    Own: in each subgroup (where it has several instruments, for each) y = arm + baseline + covariates + e by least squares, in the
    instrument's own unit. Together: y = arm + subgroup + baseline + covariates + e, and the same with arm x subgroup, whose joint F
    test asks whether the subgroups differ. Where the cohort has one instrument all of it is in that unit. Where instruments
    differ, the models of all together (and beside the own ones each subgroup's difference in them) are in standard deviations:
    each value turned so that higher is better and divided by its instrument's pooled standard deviation within arms at baseline,
    with an intercept for each subgroup and instrument. Without randomisation two groups are weighted by overlap on baseline and
    covariates.

    Parameters
    ----------
    data, question : as every kind is given them (`needling.analysis.kinds`); of data the visits are used.

    Returns
    -------
    Output of results alone. Quantity effect_at with `at` {by: level}: variant own (with its instrument) and standardised; with
    `at` {by: [levels]}, variant pooled; none has a test of its own. Quantity moderation: the joint test, without an estimate.
    A subgroup of fewer than 20 patients is a row that says so, without a count, and is in nothing else.

    Checked against R's lm and anova.
    """
    import pandas as pd

    parts = [_one_visit(data["visits"], question, visit) for visit in question.settings.visits]
    return Output(pd.concat(parts, ignore_index=True))


def _written(settings: Settings) -> list[tuple[str, str]]:
    """The model whose products the joint test is of."""
    groups = [
        (r"\lambda_{G(i)}", "what the subgroup adds"),
        (r"\delta_{A(i)G(i)}", "what the arm adds more in that subgroup"),
    ]
    return equation(OUTCOME, [*covariance_terms(True, True, bool(settings.adjust)), *groups, ERROR], [NORMAL])


def methods(settings: Settings, study: Study) -> list[tuple[str, str]]:
    """What the analysis does, in sentences with codes in braces, and what shows it."""
    by = braced("covariate", settings.by)
    several = any(
        isinstance(plan.outcomes.get(one), list) for plan in study.cohorts.values() for one in settings.outcomes
    )
    model = (
        f"Linear models of the outcome at a visit on arm, baseline and covariates: one in each subgroup ({by}), in the unit of its "
        "own instrument; one of all together; and one with the product of arm and subgroup, whose joint test asks whether the "
        "difference of arms is the same in all."
    )
    if several:
        model += (
            " Where subgroups are measured by different instruments, those of all together are in standard deviations: values "
            "turned so that higher is better, divided by the instrument's standard deviation within arms at baseline; nothing "
            "else is standardised."
        )
    if study.design != "randomised":
        model += (
            f" Groups were weighted by overlap on baseline{' and covariates' if settings.adjust else ''}; what is not among these, "
            "measured or not, can make an association differ between subgroups too."
        )
    model += (
        " Differences in single subgroups are not tested: one that differs from 0 and another that does not do not show that they "
        "differ. A subgroup need not be what makes a difference: its patients differ in other ways too."
    )
    return [
        ("model", model),
        *_written(settings),
        ("uses", f"the patients who were measured at the visit and whose {by} is known"),
        ("missing", MEASURED_ALIKE),
        *[("visit", braced("visit", visit)) for visit in settings.visits],
        ("table", "by_subgroup"), ("figure", "groups"),
    ]  # fmt: skip


# ---------------------------------------------------------------- one visit


def _one_visit(rows: "pd.DataFrame", question: Question, visit: str) -> "pd.DataFrame":
    """All rows of one visit."""
    import pandas as pd

    settings = question.settings
    here = rows[rows["visit"] == visit].reset_index(drop=True)
    groups = {level: here[here[settings.by] == level] for level in question.categories.get(settings.by, [])}
    why = {level: _too_little(mine, question) for level, mine in groups.items()}
    kept = [level for level, reason in why.items() if not reason]
    if 0 < len(kept) < len(groups):
        # what is left out is few people: the rows say of whom they are, so that release compares them with everybody
        where = {**(settings.where or {}), settings.by: kept}
        question = replace(question, settings=settings.model_copy(update={"where": where}))
    parts = [_left_out(question, level, reason, visit) for level, reason in why.items() if reason]
    for level in kept:
        parts += [_own(mine, question, level, visit) for _, mine in groups[level].groupby("instrument", sort=True)]
    if len(kept) < 2:
        told = f"fewer than two subgroups have {FEWEST_PATIENTS} patients measured, with some in each arm"
        return pd.concat([*parts, _untested(question, visit, told)], ignore_index=True)
    together = here[here[settings.by].isin(kept)].reset_index(drop=True)
    return pd.concat([*parts, _together(together, question, kept, visit)], ignore_index=True)


def _too_little(mine: "pd.DataFrame", question: Question) -> str:
    """Why arms are not compared among some patients."""
    if len(mine) < FEWEST_PATIENTS:
        return f"fewer than {FEWEST_PATIENTS} patients"
    return why_not(mine, question)


def _in_own_unit(mine: "pd.DataFrame", question: Question) -> "tuple[pd.DataFrame, Question]":
    """Rows of one instrument in its own unit, and the question about them."""
    from needling.instruments.definition import definition

    if question.instrument:
        return mine, question
    name = str(mine["instrument"].iloc[0])
    one = definition(name, question.study.instruments[name])
    own = {column: one.from_pomp(mine[column]) for column in ("value", "baseline")}
    return mine.assign(**own), replace(question, instrument=name, unit=one.unit, better=one.better)


def _own(mine: "pd.DataFrame", question: Question, level: str, visit: str) -> "pd.DataFrame":
    """The differences of arms among patients of one subgroup and instrument, by a model of their own."""
    rows, about = _in_own_unit(mine, question)
    at = structured({question.settings.by: level})
    why = _too_little(rows, question)
    if not why:
        try:
            fit = _fit(rows, question, rows["value"].to_numpy(float), _mains(rows, question))
            if fit.df >= FEWEST_DF:
                return _effects(fit, about, at, "own", visit)
            why = "too few patients for a model with these covariates"
        except ValueError as error:
            why = str(error)
    return _left_out(about, level, why, visit)


def _mains(rows: "pd.DataFrame", question: Question, cells: "pd.Series | None" = None) -> "np.ndarray":
    """Columns of baseline, covariates and, where given, of each subgroup and instrument."""
    import numpy as np

    from needling.analysis.moderation import Basis

    names = [BASELINE, *question.settings.adjust]
    bases = [Basis.of(one, rows[one], question.categories.get(one)) for one in dict.fromkeys(names)]
    if cells is not None:
        bases.append(Basis.of("cell", cells, sorted(cells.unique())))
    return np.hstack([one.columns for one in bases])


def _fit(
    rows: "pd.DataFrame",
    question: Question,
    y: "np.ndarray",
    mains: "np.ndarray",
    products: "np.ndarray | None" = None,
) -> "Regression":
    """Least squares; without randomisation weighted by overlap on the same columns."""
    import numpy as np

    from needling.analysis.moderation import Regression

    n = len(rows)
    weighted = question.study.design != "randomised"
    confounders = np.column_stack([np.ones(n), mains]) if weighted else None
    products = np.empty((n, 0)) if products is None else products
    return Regression(y, rows["arm"].to_numpy(), question.arms, mains, products, confounders)


@dataclass(frozen=True)
class _Common:
    """Rows of all subgroups on one scale, the question about them, and whether each subgroup has an instrument of its own."""

    rows: "pd.DataFrame"
    question: Question
    bound: bool = False

    @property
    def standardised(self) -> bool:
        """Whether instruments differ."""
        return self.question.unit == SD_UNIT


def _on_one_scale(rows: "pd.DataFrame", question: Question) -> "_Common | None":
    """The values in its unit where there is one instrument, else per standard deviation at baseline, higher better.

    None where an instrument has one value in everybody at baseline.
    """
    import pandas as pd

    if rows["instrument"].nunique() < 2:
        return _Common(*_in_own_unit(rows, question))
    parts = []
    for _, mine in rows.groupby("instrument", sort=True):
        own, about = _in_own_unit(mine, question)
        spread, _ = spread_within_arms(own["baseline"], own["arm"])
        if not spread > 0:
            return None
        factor = (1.0 if about.better == "higher" else -1.0) / spread
        parts.append(
            own.assign(value=factor * own["value"], baseline=factor * (own["baseline"] - own["baseline"].mean()))
        )
    pairs = rows[[question.settings.by, "instrument"]].drop_duplicates()
    bound = len(pairs) == pairs["instrument"].nunique() == pairs[question.settings.by].nunique()
    about = replace(question, instrument="", unit=SD_UNIT, better="higher")
    return _Common(pd.concat(parts).sort_index(), about, bound)


def _together(rows: "pd.DataFrame", question: Question, levels: list[str], visit: str) -> "pd.DataFrame":
    """Rows of all subgroups in one model: each (where standardised), pooled, and the test that they are the same."""
    import numpy as np
    import pandas as pd

    from needling.analysis.moderation import Basis

    by = question.settings.by
    common = _on_one_scale(rows, question)
    if common is None:
        return _untested(question, visit, "an instrument has the same value in everybody at baseline")
    rows, about = common.rows, common.question
    cells = rows[by] + "\n" + rows["instrument"]
    mains, y = _mains(rows, question, cells), rows["value"].to_numpy(float)
    basis = Basis.of(by, rows[by], levels)
    try:
        pooled, apart = _fit(rows, question, y, mains), _fit(rows, question, y, mains, basis.columns)
    except ValueError as error:
        return _untested(question, visit, str(error))
    parts = []
    if common.standardised:
        sizes = rows[by].value_counts()
        for level in levels:
            made = _effects(apart, about, structured({by: level}), "standardised", visit, basis.at(level))
            parts.append(made.assign(n_patients=int(sizes[level])))
    parts.append(_effects(pooled, about, structured({by: levels}), "pooled", visit, np.empty(0)))
    tests = []
    for arm in question.arms[1:]:
        tested = apart.joint(apart.products_of(arm))
        told: Row = {"status": "not_estimated", "note": "the data do not tell the subgroups apart"}
        if tested:
            told = {**tested, "note": BOUND if common.bound else "", "df_method": "residual"}
        tests.append(_row(question, arm, **told))
    counts = {"n_patients": len(rows), "n_observations": len(rows)}
    return pd.concat([*parts, _moderation(pd.DataFrame(tests).assign(**counts), about, visit)], ignore_index=True)


# ---------------------------------------------------------------- rows


def _method(question: Question) -> Row:
    weighted = question.study.design != "randomised"
    return {
        "method": WEIGHTED if weighted else METHOD, "variance": "stacked_sandwich" if weighted else "model",
        "weights": "overlap" if weighted else "analysed_patients", "term": structured([question.settings.by]),
    }  # fmt: skip


def _row(question: Question, arm: str, **told: Any) -> Row:
    """What an estimate has before its numbers."""
    return NO_NUMBERS | {"arm": arm, "reference": question.reference, "status": "converged", "note": ""} | told


def _effects(
    fit: "Regression", question: Question, at: str, variant: str, visit: str, products: "np.ndarray | None" = None
) -> "pd.DataFrame":
    """Differences of each arm from the reference at a subgroup, without a test of their own."""
    import numpy as np
    import pandas as pd

    rows = []
    for arm in question.arms[1:]:
        numbers = fit.estimate(fit.arm_at(arm, np.empty(0) if products is None else products), question.settings.level)
        told: Row = {key: value for key, value in (numbers or {}).items() if key not in ("statistic", "p")}
        lost = {"status": "not_estimated", "note": NOT_TOLD}
        rows.append(_row(question, arm, df_method="residual" if numbers else "", **(told or lost)))
    table = pd.DataFrame(rows).assign(n_patients=fit.n, n_observations=fit.n)
    return _at_subgroup(table, question, at, variant, visit)


def _left_out(question: Question, level: str, why: str, visit: str) -> "pd.DataFrame":
    """Rows of a subgroup in which arms are not compared."""
    import pandas as pd

    rows = [_row(question, arm, status="not_estimated", note=why) for arm in question.arms[1:]]
    return _at_subgroup(pd.DataFrame(rows), question, structured({question.settings.by: level}), "own", visit)


def _at_subgroup(table: "pd.DataFrame", question: Question, at: str, variant: str, visit: str) -> "pd.DataFrame":
    return contrast_rows(table.assign(at=at, variant=variant, visit=visit, **_method(question)), question, "effect_at")


def _moderation(table: "pd.DataFrame", question: Question, visit: str) -> "pd.DataFrame":
    told = {"quantity": "moderation", "visit": visit, "unit": "", "better": "neither", "favours": ""}
    return complete(table, question, **told, **_method(question))


def _untested(question: Question, visit: str, why: str) -> "pd.DataFrame":
    """Rows of the tests that were planned and cannot be made."""
    import pandas as pd

    rows = [_row(question, arm, status="not_estimated", note=why) for arm in question.arms[1:]]
    return _moderation(pd.DataFrame(rows), question, visit)
