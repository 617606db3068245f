"""What another analysis would say if those not measured had fared as some assumption has it, and how wrong it may be."""

from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field, field_validator

from needling.analysis.formulas import ERROR, OUTCOME, covariance_terms, displayed, summed
from needling.analysis.results import (
    Comparison,
    Output,
    Question,
    comparisons,
    contrast_rows,
    mean_rows,
    not_estimated,
)
from needling.cohort.analysed import Needs, values_needed
from needling.schema.contract import empty
from needling.schema.side import DROPOUT, LOST, TIPPING, TIPPING_POINTS
from needling.study.keys import Name, braced
from needling.study.plan import Study
from needling.study.settings import KindSettings, Residual

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from needling.analysis.imputation import Imputed, Trial

READS = ("status",)
SIDE = {"tipping": TIPPING, "tipping_points": TIPPING_POINTS, "dropout": DROPOUT, "lost": LOST}
METHOD = "conditional_mean_ancova"
FEWEST_CLUSTERS = 10  # fewer say too little of how clusters differ for a jackknife that leaves them out whole
GRID = 10  # steps of the surface on either side of 0

Assumption = Literal["mar", "jump_to_reference", "copy_reference", "copy_increments", "last_mean_carried_forward"]
OF_REFERENCE = ("jump_to_reference", "copy_reference", "copy_increments")


class Settings(KindSettings):
    """Another analysis under other assumptions about what was not measured, with its tipping surface."""

    taken: ClassVar[dict[str, str]] = {**KindSettings.taken, "left_out_whole": "clusters", "residual": "residual"}

    kind: Literal["missing_data"]
    of: Name = Field(
        description="The analysis that is looked at again. Its outcomes, covariates, population, estimand, comparisons, sign, "
        "level, clusters and covariance structures hold here too, unless this analysis names its own."
    )
    role: Literal["sensitivity"] = Field(
        "sensitivity", description="Always sensitivity; rows with the variance that does not count are exploratory."
    )
    methods: list[Assumption] = Field(
        default=["mar", "jump_to_reference", "copy_reference", "copy_increments"],
        description="Assumptions about values that were not measured. mar (missing at random) is one of them, since it stands "
        "beside the analysis itself. Default: without last_mean_carried_forward, which nobody who knows pain believes.",
    )
    variance: Literal["information_anchored", "frequentist"] = Field(
        description="The variance that counts; both are shown. information_anchored: an assumption about what nobody saw adds no "
        "information. frequentist: the spread over repeated trials if the assumption holds, which is smaller the more values are "
        "missing. No default, since the two can disagree on what is significant."
    )
    delta_on: Literal["all_missing", "after_event"] = Field(
        "all_missing",
        description="Which imputed values the tipping surface shifts: all (default), or only those after a patient's last measured "
        "visit.",
    )
    delta_in: Literal["points", "points_per_week"] = Field(
        "points",
        description="What the tipping surface adds to these values: the same number of points at every visit (default), or points "
        "for each week since the patient's last measured visit, which add up while somebody stays away.",
    )
    df: Literal["residual", "normal"] = Field(
        "residual",
        description="Distribution of the test: t with the residual degrees of freedom of the analysis of covariance (default; with "
        "clusters left out whole, their number less one), or normal, as R's rbmi.",
    )
    left_out_whole: list[Literal["therapist", "clinic"]] = Field(
        default_factory=list,
        description="Clusters that the jackknife leaves out whole where there are 10 or more. Default: those of `of`.",
    )
    residual: list[Residual] = Field(
        default=["unstructured", "toeplitz_het", "ar1_het", "compound_symmetry"],
        min_length=1,
        description="Covariance structures of the imputation model, tried in this order. Default: those of `of`, else from general "
        "to simple.",
    )

    @field_validator("methods")
    @classmethod
    def _with_missing_at_random(cls, methods: list[str]) -> list[str]:
        if "mar" not in methods or len(set(methods)) < len(methods):
            raise ValueError("name each method once, mar among them: it stands beside the analysis itself")
        return methods

    def check_plan(self, name: str, study: Study) -> None:
        """Refuse one arm, references that chance did not make, tests of other hypotheses, and an analysis without outcomes."""
        if not study.arms:
            raise ValueError(
                f"analyses.{name}: its assumptions are about arms, and this study has one; describe its course instead"
            )
        named = [one for one in self.methods if one in OF_REFERENCE]
        if named and study.design != "randomised":
            raise ValueError(
                f"analyses.{name}: {named[0]} takes the other arm for what these patients would have become, which only "
                "randomisation allows; write methods: [mar]"
            )
        if not self.outcomes:
            raise ValueError(
                f"analyses.{name}: the analysis '{self.of}' names no outcomes, so that none can be missing"
            )
        if self.framework != "superiority" or study.analyses[self.of].framework != "superiority":
            raise ValueError(
                f"analyses.{name}: assumptions are tried for differences from 0 only, not for non-inferiority or equivalence"
            )
        if self.delta_in == "points_per_week" and any(
            one.nominal_week is None for one in study.visits.schedule.values()
        ):
            raise ValueError(
                f"analyses.{name}: delta_in: points_per_week needs the time of every visit of the schedule"
            )
        if self.family:
            raise ValueError(f"analyses.{name}: a sensitivity analysis is in no family of tests; leave family out")

    def needs(self, study: Study) -> Needs:
        """Everybody with a baseline and covariates, also those whom nobody measured again."""
        return Needs(tuple(study.visits.schedule), columns=tuple(self.adjust))


def run(data: "dict[str, pd.DataFrame]", question: Question) -> Output:
    """Compare arms at every visit under each assumption about missing values, and find where conclusions change.

    A mixed model for repeated measures (value = baseline x visit + arm x visit + covariates, residuals correlated over the
    visits) is fitted to what was measured; missing values are replaced by their expectation under the assumption; each visit
    is analysed by analysis of covariance with baseline and covariates. Both variances by the jackknife, over patients or whole
    clusters: see `needling.analysis.imputation`.

    Parameters
    ----------
    data : visits, every row of the patients with a baseline and covariates (contract FRAME); status, where the study has it:
        patient and reason.
    question : its settings are those of this kind.

    Returns
    -------
    Output: per assumption and visit the comparisons (role exploratory with the variance that does not count) and the means of
    arms; the surface and its crossings at the primary visit; who was lost, why and when, and how they were at baseline.
    Visits at which an arm has fewer than two measured patients are not estimated, with the reason.
    """
    import pandas as pd

    from needling.analysis.lost import dropout, lost_beside_kept

    rows = data["visits"]
    people = rows.drop_duplicates("patient").reset_index(drop=True)
    follow_up = rows[rows["visit"].isin(question.visits)]
    gone = {
        "dropout": dropout(people, follow_up, data.get("status"), question),
        "lost": lost_beside_kept(people, follow_up, question),
    }
    visits, why = _usable(follow_up, question)
    if people["baseline"].isna().all():
        return Output(_nothing(question, question.visits, "nothing was measured at baseline", people, follow_up), gone)
    if not visits:
        return Output(_nothing(question, question.visits, why[question.visits[0]], people, follow_up), gone)
    made = _imputed(people, follow_up[follow_up["visit"].isin(visits)], visits, question)
    if isinstance(made, str):
        return Output(_nothing(question, question.visits, made, people, follow_up), gone)
    trial, imputed, common = made
    parts = _rows(imputed, visits, question, common)
    parts += [_nothing(question, (visit,), reason, people, follow_up) for visit, reason in why.items()]
    surface = _tipping(trial, imputed, visits, question, common["df"]) if question.primary_visit in visits else {}
    return Output(pd.concat(parts, ignore_index=True), {**gone, **surface})


def _written(settings: Settings) -> list[tuple[str, str]]:
    """What stands in the place of a missing value, the analysis of what is so completed, and its variance."""
    imputed = (
        r"\widehat{\mathbf{Y}}_{i,\text{mis}} = \boldsymbol{\mu}_{i,\text{mis}} + \boldsymbol{\Sigma}_{\text{mis},\text{obs}} "
        r"\boldsymbol{\Sigma}_{\text{obs},\text{obs}}^{-1} (\mathbf{Y}_{i,\text{obs}} - \boldsymbol{\mu}_{i,\text{obs}})",
        "The missing values of a patient are replaced by their mean course under the assumption, plus what the measured values, "
        "less their mean course, tell of them by the covariance over visits",
    )
    jackknife = (
        r"\operatorname{var}(\hat{\tau}) = \frac{n - 1}{n} \sum_{k} (\hat{\tau}_{(k)} - \bar{\tau})^{2}",
        "The variance of an estimate is n minus 1 over n times the sum of squares of the estimates without each of n patients or "
        "clusters about their mean",
    )
    return displayed(
        [imputed, summed(OUTCOME, [*covariance_terms(True, True, bool(settings.adjust)), ERROR]), jackknife]
    )


def methods(settings: Settings, study: Study) -> list[tuple[str, str]]:
    """What the analysis does, in sentences with codes in braces, and what shows it."""
    named = ", ".join(braced("variant", one) for one in settings.methods)
    each = "one assumption" if len(settings.methods) == 1 else "one assumption after the other"
    counts = {
        "information_anchored": "what an assumption changes was kept as in the whole sample, so that it adds no information",
        "frequentist": "the assumption was applied anew each time",
    }[settings.variance]
    added = {
        "all_missing": "every imputed value",
        "after_event": "the values imputed after a patient's last measured visit",
    }
    weekly = " for each week since the patient's last measured visit" if settings.delta_in == "points_per_week" else ""
    needed = values_needed(study, "a value at baseline", *(["every covariate"] if settings.adjust else []))
    who = f"every patient with {' and '.join(needed)}" if needed else "every patient who was measured at least once"
    return [
        ("model", f"Asks again what {braced('analysis', settings.of)} asks, under {each} about missing values: "
         f"{named}. A mixed model for repeated measures (REML) with the value at baseline and the arm at every visit gave "
         "each missing value its expectation, given the patient's measured values and the assumption; the values so completed "
         "were analysed at each visit by analysis of covariance. Standard errors by the jackknife; in those that count, "
         f"{counts}."),
        *_written(settings),
        ("uses", f"{who}, also those who were not measured again"),
        ("missing", f"Missing values were imputed by their conditional mean, under {each}; what is assumed cannot "
         "be tested with the data. Values missing between measured ones were imputed as missing at random throughout. The tipping "
         f"surface adds a number of points{weekly} to {added[settings.delta_on]} of an arm."),
        ("averaged", "everybody analysed"),
        ("of", settings.of),
        ("section", "sensitivity"),
        ("table", "assumptions"), ("table", "tipping_points"), ("table", "dropout"), ("table", "lost"),
        ("figure", "tipping"),
    ]  # fmt: skip


def _nothing(
    question: Question, visits: "tuple[str, ...]", why: str, people: "pd.DataFrame", follow_up: "pd.DataFrame"
) -> "pd.DataFrame":
    """Rows that say why a visit is not estimated, under every assumption."""
    from dataclasses import replace

    import pandas as pd

    at = replace(question, visits=visits)
    rows = not_estimated(at, why, METHOD, len(people), len(follow_up))
    parts = [rows.assign(variant=one, imputation=one) for one in question.settings.methods]
    return _numbered(pd.concat(parts, ignore_index=True))


def _numbered(rows: "pd.DataFrame") -> "pd.DataFrame":
    from needling.analysis.results import row_id
    from needling.schema.results import KEYS

    return rows.assign(row_id=[row_id(row) for row in rows[list(KEYS)].to_dict("records")])


def _usable(follow_up: "pd.DataFrame", question: Question) -> "tuple[list[str], dict[str, str]]":
    """The visits that can be imputed, and why the others cannot."""
    why = {}
    for visit in question.visits:
        here = follow_up[follow_up["visit"] == visit]
        if here["patient"].duplicated().any():
            why[visit] = "patients have several values at this visit"
        elif min((here["arm"] == arm).sum() for arm in question.arms) < 2:
            why[visit] = "an arm has fewer than two patients measured at this visit"
    return [visit for visit in question.visits if visit not in why], why


def _imputed(
    people: "pd.DataFrame", measured: "pd.DataFrame", visits: list[str], question: Question
) -> "tuple[Trial, Imputed, dict[str, Any]] | str":
    """Fit the imputation model, impute and analyse; a sentence where that cannot be done."""
    import numpy as np
    import pandas as pd
    from formulaic import model_matrix

    from needling.analysis.fits import covariates, model_frame, refusal
    from needling.analysis.imputation import Trial, impute
    from needling.mixed.errors import MixedModelError
    from needling.mixed.fit import fit_ladder
    from needling.mixed.means import fixed_matrix

    settings, n = question.settings, len(people)
    grid = people.drop(columns=["visit", "value"]).merge(pd.DataFrame({"visit": visits}), how="cross")
    grid = grid.merge(measured[["patient", "visit", "value"]], how="left", on=["patient", "visit"])
    frame = model_frame(grid, question)
    adjust = covariates(frame.data, question)
    several = ["baseline * visit", "arm * visit"] if len(visits) > 1 else ["baseline", "arm"]
    ladder = settings.residual if len(visits) > 1 else ["unstructured"]
    try:
        fit = fit_ladder(
            f"value ~ {' + '.join([*several, *adjust])}",
            frame.data[frame.data["value"].notna()],
            residuals=[f"{structure}(visit)" for structure in ladder],
            subject="patient",
            levels={name: list(frame.data[name].cat.categories) for name in ("arm", "visit")},
        )
    except MixedModelError as error:
        return refusal(error)
    if not fit.usable or "residual" in fit.boundary:
        return frame.words(fit.message)
    codes = list(frame.data["arm"].cat.categories)
    under = [frame.data.assign(arm=pd.Categorical([code] * len(grid), codes)) for code in codes]
    columns = np.stack([fixed_matrix(fit.model.design, one).reshape(n, len(visits), -1) for one in under])
    first = frame.data.iloc[:: len(visits)]
    matrix = np.asarray(model_matrix(" + ".join(["baseline", *adjust]), first), dtype=float)[:, 1:]
    units, count, told = _units(people, measured, settings.left_out_whole)
    trial = Trial(
        grid["value"].to_numpy(float).reshape(n, len(visits)),
        first["arm"].cat.codes.to_numpy(int),
        people["patient"].to_numpy(),
        columns,
        matrix,
        units,
    )
    weights = np.array([[one.weights.get(arm, 0.0) for arm in question.arms] for one in comparisons(question)])
    weights = weights.reshape(-1, len(question.arms))
    imputed = impute(trial, fit, settings.methods, weights, settings.delta_on, _amount(trial, visits, question))
    if not np.isfinite(imputed.frequentist).all():
        return "without one of the patients or clusters the imputation model cannot be fitted, so that there is no standard error"
    df = len(set(units)) - 1 if count else n - imputed.parameters
    if df < 1:
        return "more terms than patients"
    notes = [frame.words(fit.message)] if fit.message else []
    return trial, imputed, {
        "df": float("inf") if settings.df == "normal" else float(df),
        "df_method": "asymptotic" if settings.df == "normal" else "clusters" if count else "residual",
        "n_patients": n,
        "n_observations": len(measured),
        **count,
        "method": METHOD,
        "weights": "all_patients",
        "structure": fit.covariance_structure.partition("(")[0],
        "status": fit.status,
        "note": "; ".join([*notes, *told]),
    }  # fmt: skip


def _amount(trial: "Trial", visits: list[str], question: Question) -> "np.ndarray | None":
    """How much each missing value is shifted by a delta of 1: the weeks since the last measured visit, where delta is per week."""
    import numpy as np

    from needling.analysis.imputation import accumulated

    if question.settings.delta_in == "points":
        return None
    weeks = np.array([question.weeks[visit] for visit in (question.baseline_visit, *visits)], dtype=float)
    return accumulated(trial.seen, np.diff(weeks), np.ones(len(visits)))


def _units(
    people: "pd.DataFrame", measured: "pd.DataFrame", clusters: list[str]
) -> "tuple[np.ndarray, dict[str, int], list[str]]":
    """What the jackknife leaves out whole, how many there are (of clusters), and what is to be said of it.

    Clusters serve where every patient belongs to one of them and there are enough; of two such kinds the one with fewer, which
    holds the other.
    """
    patients = people["patient"].to_numpy()
    fit_for_it, unfit = [], []
    for name in clusters:
        of = measured.dropna(subset=name).groupby("patient")[name].agg(["nunique", "first"])
        own = of["first"].reindex(patients)
        own = own.where(own.notna().to_numpy(), people.set_index("patient")[name].reindex(patients))
        if (of["nunique"] <= 1).all() and own.notna().all() and own.nunique() >= FEWEST_CLUSTERS:
            fit_for_it.append((own.nunique(), name, own.to_numpy()))
        else:
            few = f"fewer than {FEWEST_CLUSTERS} {name}s"
            unfit.append(few if own.nunique() < FEWEST_CLUSTERS else f"some patients have several {name}s or none")
    if fit_for_it:
        count, name, units = min(fit_for_it, key=lambda one: one[0])
        return units, {f"n_{name}s": count}, []
    why = f"the standard error takes patients as independent and ignores {' and '.join(f'{one}s' for one in clusters)}"
    return patients, {}, [f"{why} ({', '.join(unfit)})"] if clusters else []


def _tested(estimate: Any, se: Any, df: float, level: float) -> dict[str, Any]:
    """Test of 0 and interval by Student's t, of numbers or arrays; normal where the degrees of freedom are infinite."""
    import numpy as np
    from scipy.special import ndtr, ndtri, stdtr, stdtrit

    normal, tail = df == float("inf"), (1 + level) / 2
    reach = (ndtri(tail) if normal else stdtrit(df, tail)) * se
    with np.errstate(divide="ignore", invalid="ignore"):
        statistic = np.where(np.asarray(se) > 0, np.divide(estimate, se), np.nan)
    below = -np.abs(statistic)
    numbers = {"estimate": estimate, "se": se, "df": float("nan") if normal else df, "statistic": statistic}
    return {
        **numbers,
        "p": 2 * (ndtr(below) if normal else stdtr(df, below)),
        "low": estimate - reach,
        "high": estimate + reach,
    }


def _rows(imputed: "Imputed", visits: list[str], question: Question, common: dict[str, Any]) -> "list[pd.DataFrame]":
    """Comparisons under each assumption with both variances, and means of arms with the one that counts."""
    import pandas as pd

    settings, asked = question.settings, comparisons(question)
    kinds = sorted({one.quantity for one in asked})
    shared = {key: value for key, value in common.items() if key != "df"}
    parts = []
    for s, name in enumerate(imputed.methods):
        for variance in ("information_anchored", "frequentist"):
            counts = variance == settings.variance
            told = {**shared, "variance": variance, "variant": name, "imputation": name}
            told |= {} if counts else {"role": "exploratory"}

            def numbers(place: dict[str, str], v: int, k: int, variance: str = variance, s: int = s) -> dict[str, Any]:
                values, covariance = imputed.triple(s, v, k, variance)
                return {**place, **_tested(values[0], float(covariance[0, 0]) ** 0.5, common["df"], settings.level)}

            for kind in kinds:
                found = [
                    numbers({"visit": visit, "arm": one.arm, "reference": one.reference, "term": one.term}, v, k)
                    for v, visit in enumerate(visits)
                    for k, one in enumerate(asked)
                    if one.quantity == kind
                ]
                parts.append(contrast_rows(pd.DataFrame(found), question, kind, **told))
            means = [
                numbers({"visit": visit, "arm": arm, "reference": ""}, v, len(asked) + a)
                for v, visit in enumerate(visits)
                for a, arm in enumerate(question.arms)
            ]
            if counts:
                parts.append(mean_rows(pd.DataFrame(means), question, **told))
    return parts


def _tipping(
    trial: "Trial", imputed: "Imputed", visits: list[str], question: Question, df: float
) -> "dict[str, pd.DataFrame]":
    """The surface at the primary visit under each assumption, and where along its axes the conclusion changes."""
    import numpy as np
    import pandas as pd

    v = visits.index(question.primary_visit)
    by = imputed.shifted_by[v][imputed.shifted[v] > 0]
    step = _round_step(2 * float(np.nanstd(trial.values[:, v], ddof=1)) / GRID / (by.max() if len(by) else 1.0))
    grid = [number * step for number in range(-GRID, GRID + 1)]
    pairs = [(k, one) for k, one in enumerate(comparisons(question)) if one.quantity == "difference" and one.reference]
    surface, points = [], []
    for k, one in pairs:
        for s, name in enumerate(imputed.methods):
            place = _place(question, one) | {"method": name}
            surface.append(_surface(imputed, (s, v, k), one, question, grid, df).assign(**place))
            points += [place | row for row in _points(imputed, (s, v, k), one, question, df)]
    return {
        "tipping": pd.concat(surface, ignore_index=True) if surface else empty(TIPPING),
        "tipping_points": pd.DataFrame(points, columns=[name for name in TIPPING_POINTS if name != "analysis"]),
    }


def _place(question: Question, one: Comparison) -> dict[str, str]:
    place = {"cohort": question.cohort, "outcome": question.outcome, "visit": question.primary_visit}
    per = " per week" if question.settings.delta_in == "points_per_week" else ""
    return place | {"arm": one.arm, "reference": one.reference, "unit": f"{question.difference_unit}{per}".strip()}


def _round_step(step: float) -> float:
    """The number of 1, 2 or 5 times a power of ten next above a step, so that axes have round numbers."""
    from math import floor, log10

    if not step > 0:
        return 1.0
    power = 10.0 ** floor(log10(step))
    return next(times * power for times in (1, 2, 5, 10) if times * power >= step * (1 - 1e-9))


def _surface(
    imputed: "Imputed", at: tuple[int, int, int], one: Comparison, question: Question, grid: list[float], df: float
) -> "pd.DataFrame":
    """Estimate, both standard errors and interval at every pair of deltas: exact, from three numbers per replicate."""
    import numpy as np
    import pandas as pd

    settings, sign = question.settings, -1.0 if question.turned else 1.0
    chosen = [0, *(1 + question.arms.index(arm) for arm in (one.arm, one.reference))]
    found = {name: imputed.triple(*at, name) for name in ("frequentist", "information_anchored")}
    numbers = found["frequentist"][0][chosen]
    spread = {name: covariance[np.ix_(chosen, chosen)] for name, (_, covariance) in found.items()}
    arm, reference = (part.ravel() for part in np.meshgrid(grid, grid, indexing="ij"))
    deltas = np.column_stack([np.ones(len(arm)), arm, reference])
    ses = {name: np.sqrt(np.einsum("gi,ij,gj->g", deltas, square, deltas)) for name, square in spread.items()}
    tested = _tested(sign * (deltas @ numbers), ses[settings.variance], df, settings.level)
    table = pd.DataFrame({"delta_arm": arm, "delta_reference": reference})
    return table.assign(
        **{name: tested[name] for name in ("estimate", "p", "low", "high")},
        se_frequentist=ses["frequentist"],
        se_information=ses["information_anchored"],
    )


def _points(
    imputed: "Imputed", at: tuple[int, int, int], one: Comparison, question: Question, df: float
) -> list[dict[str, Any]]:
    """The delta next to 0 on either side at which the conclusion changes, one arm shifted at a time; missing where none does."""
    import numpy as np
    from scipy.special import ndtri, stdtrit

    from needling.analysis.imputation import crossings

    settings, (s, v, _) = question.settings, at
    numbers, covariance = imputed.triple(*at, settings.variance)
    tail = (1 + settings.level) / 2
    critical = float(ndtri(tail) if df == float("inf") else stdtrit(df, tail))
    rows = []
    for arm in (one.arm, one.reference):
        place = question.arms.index(arm)
        chosen = [0, 1 + place]
        roots = crossings(numbers[chosen], covariance[np.ix_(chosen, chosen)], critical)
        mean, n = float(imputed.shifted_mean[s, v, place]), int(imputed.shifted[v, place])
        by = float(imputed.shifted_by[v, place])
        significant = abs(numbers[0]) > critical * covariance[0, 0] ** 0.5
        for side, inside in (("below", [r for r in roots if r < 0]), ("above", [r for r in roots if r >= 0])):
            delta = min(inside, key=abs) if inside and n else float("nan")
            rows.append(
                {"shifted": arm, "side": side, "delta": delta, "n": n, "mean": mean, "mean_then": mean + delta * by}
                | {"at_zero": "significant" if significant else "not_significant", "better": question.better}
            )
    return rows
