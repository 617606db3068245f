"""How much do therapists and clinics differ? Intraclass correlations, and the distribution of their effects without names."""

from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from needling.analysis.formulas import ERROR, OUTCOME, cluster_effects, covariance_terms, displayed, summed
from needling.analysis.results import Output, Question, complete, structured
from needling.cohort.analysed import Needs
from needling.schema.side import CLUSTER_EFFECTS, CLUSTERS
from needling.study.keys import Name, braced
from needling.study.plan import Study
from needling.study.settings import SCALE, KindSettings, Outcomes, Scale

if TYPE_CHECKING:
    import pandas as pd

    from needling.mixed.fitted import MixedFit

METHOD = "mixed_reml_profile"
SIDE = {"clusters": CLUSTERS, "cluster_effects": CLUSTER_EFFECTS}
SEARCHED_DIGITS = 6  # of limits that a search finds: those after them depend on its path
SMALLEST = 1e-7  # a share of variance that is nothing but the end of the search
FEWEST = 10  # below as many, an interval of their variance rests on few and is said to
# Of simulated trials of 96 patients with six therapists of one arm each: what 95 % intervals held where the variance was estimated
# as 0 (ICC .2: 22 of 34; ICC .1: 70 of 78); docs/analyses/clustering.md.
ONE_ARM_ZERO = (
    "in simulated trials with six therapists of one arm each, 95% intervals of a difference held it in 65 to 90% then"
)
ZERO = "variance estimated as 0: models that hold it count patients as independent here, and their intervals may be too short"

Component = Literal["therapist", "clinic"]


class Settings(KindSettings):
    """Intraclass correlation of therapists and clinics at some visits, with profile intervals."""

    kind: Literal["clustering"]
    scale: Scale = SCALE
    outcomes: Outcomes
    visits: list[Name] = Field(
        default_factory=list, description="Visits, each with its own model. Default: the primary one."
    )
    clusters: list[Component] = Field(
        default=["therapist", "clinic"], min_length=1, description="What patients share. Default: therapist and clinic."
    )
    baseline: Literal["covariate", "unadjusted"] = Field(
        "covariate",
        description="Whether the value at baseline is a covariate. Default: covariate, as in the analyses of effects.",
    )

    def check_plan(self, name: str, study: Study) -> None:
        """Refuse visits and clusters that the study does not have, and what a share of variance cannot mean."""
        place = f"analyses.{name}"
        study.visits.check_follow_up(place, self.visits)
        known = {"therapist": study.visits.therapist, "clinic": study.visits.clinic or study.patients.clinic}
        for component in self.clusters:
            if not known[component]:
                where = "visits.therapist" if component == "therapist" else "patients.clinic or visits.clinic"
                raise ValueError(
                    f"{place}.clusters: the study names no {component}; give its column in {where}, or leave it out"
                )
        if study.primary == name:
            raise ValueError(
                f"{place}: a share of variance is no primary result of this report; name an analysis of an effect"
            )
        if (
            self.family
            or self.framework != "superiority"
            or {"contrasts", "reference", "report_as"} & self.model_fields_set
        ):
            raise ValueError(
                f"{place}: shares of variance are estimated and neither tested nor compared between arms; leave contrasts, "
                "reference, report_as, family, framework and margin out"
            )

    def needs(self, study: Study) -> Needs:
        """The rows that the models use: the visits, with therapist and clinic on record."""
        visits = tuple(self.visits or [study.visits.primary])
        return Needs(visits, baseline=self.baseline == "covariate", columns=(*self.adjust, *self.clusters))


def run(data: "dict[str, pd.DataFrame]", question: Question) -> Output:
    """Estimate for each visit which share of the variance lies between therapists and between clinics.

    value = baseline + arm + covariates + therapist + clinic + e, one row per patient, by restricted maximum likelihood. The
    intraclass correlation of a component is its variance over the sum of all; intervals are of the profile likelihood, which know
    that a share ends at zero (never estimate and standard error).

    Parameters
    ----------
    data, question : as every kind is given them (`needling.analysis.kinds`); of data the visits are used.

    Returns
    -------
    Output. Results: quantities icc and standard_deviation (the outcome's unit) of each component (`term`) and visit. A variance
    estimated as zero has the status singular; notes warn of it, of therapists all of whose patients are in one arm, and of fewer
    than ten. What cannot be told (one therapist; one patient each; a therapist in each clinic) has the status not_estimated.
    `clusters` counts them (CLUSTERS), `cluster_effects` has the predicted effects with their limits, by size and without a name.
    """
    import pandas as pd

    settings, rows = question.settings, data["visits"]
    results: list[dict[str, Any]] = []
    counts: list[dict[str, Any]] = []
    effects: list[pd.DataFrame] = []
    for visit in settings.visits or [question.primary_visit]:
        here = rows[rows["visit"] == visit].drop_duplicates("patient")
        place = {"cohort": question.cohort, "outcome": question.outcome, "site": question.site, "visit": visit}
        numbers = {"n_patients": here["patient"].nunique(), "n_observations": len(here)}
        numbers |= {f"n_{one}s": here[one].nunique() for one in settings.clusters}
        counts += [{**place, "component": one, **_counted(here, one, question)} for one in settings.clusters]
        refused = _untold(here, settings.clusters)
        told = [one for one in settings.clusters if one not in refused]
        fit, why = _fitted(here, told, question) if told else (None, "")
        if fit is None:
            refused |= dict.fromkeys(told, why)
        else:
            results += _estimated(fit, told, here, question, numbers | {"visit": visit})
            effects.append(_effects(fit, here, question).assign(**place))
        results += [
            numbers
            | {"visit": visit, "quantity": quantity, "term": structured([one]), "status": "not_estimated", "note": note}
            for one, note in refused.items()
            for quantity in ("icc", "standard_deviation")
        ]
    made = complete(pd.DataFrame(results), question, method=METHOD, arm="", reference="")
    made["unit"] = ["share of variance" if one == "icc" else question.difference_unit for one in made["quantity"]]
    side = {"clusters": pd.DataFrame(counts)}
    return Output(made, side | ({"cluster_effects": pd.concat(effects, ignore_index=True)} if effects else {}))


def _written(settings: Settings, study: Study) -> list[tuple[str, str]]:
    """The model of one visit, and the share of a component in its variance."""
    random, _ = cluster_effects(list(settings.clusters), "i")
    terms = covariance_terms(bool(study.arms), settings.baseline == "covariate", bool(settings.adjust))
    whole = " + ".join([*(rf"\sigma_{{\text{{{one}}}}}^{{2}}" for one in settings.clusters), r"\sigma^{2}"])
    shares = r", \quad ".join(
        rf"\mathrm{{ICC}}_{{\text{{{one}}}}} = \frac{{\sigma_{{\text{{{one}}}}}^{{2}}}}{{{whole}}}"
        for one in settings.clusters
    )
    named = " and of the ".join(settings.clusters)
    told = f"The intraclass correlation of the {named} is its variance over the sum of all variances"
    return displayed([summed(OUTCOME, [*terms, *random, ERROR]), (shares, told)])


def methods(settings: Settings, study: Study) -> list[tuple[str, str]]:
    """What the analysis does, in sentences with codes in braces, and what shows it."""
    visits = " and ".join(braced("visit", visit) for visit in settings.visits or [study.visits.primary])
    given = [
        *(["the value at baseline"] if settings.baseline == "covariate" else []),
        *(["the arm"] if study.arms else []),
    ]
    model = (
        f"Mixed model (REML) of the values at {visits}, one model for each visit, with random intercepts of "
        f"{' and '.join(settings.clusters)}"
        + (f" given {' and '.join(given)}" if given else "")
        + ". The intraclass correlation is the share of a component in the variance that is left; its interval is of the profile "
        "likelihood. Patients did not come to therapists and clinics by lot, so that differences between these are also of whom "
        "they treat. Those of single ones from the average are predicted, which draws them towards it, and carry no names."
    )
    return [
        ("model", model),
        *_written(settings, study),
        ("uses", f"everybody measured at {visits} with {' and '.join(settings.clusters)} on record"),
        ("missing", "Who was not measured at the visit is left out, which is right where, given the model, they would have looked "
         "like those measured."),
        ("table", "clusters"), ("figure", "clusters"),
    ]  # fmt: skip


def _counted(here: "pd.DataFrame", component: str, question: Question) -> dict[str, Any]:
    """How many there are, and of them those all of whose patients are in one arm."""
    import pandas as pd

    arms = here.groupby(component)["arm"].nunique() if question.arms else None
    one_arm = pd.NA if arms is None else int((arms == 1).sum())
    return {"n": len(here), "clusters": here[component].nunique(), "one_arm": one_arm}


def _untold(here: "pd.DataFrame", components: list[Component]) -> dict[str, str]:
    """What cannot be told apart in these rows, with the reason."""
    found: dict[str, str] = {}
    for one in components:
        if here[one].nunique() < 2:
            found[one] = f"fewer than two {one}s, so that there is nothing between them"
        elif here[one].value_counts().max() < 2:
            found[one] = f"no {one} has two patients, so that {one}s and patients cannot be told apart"
    if len(components) == 2 and not found:
        pairs = len(here[list(components)].drop_duplicates())
        if pairs == here["therapist"].nunique() == here["clinic"].nunique():
            found["clinic"] = (
                "each clinic has one therapist, so that the two cannot be told apart and what is told of therapists is of both"
            )
    return found


def _fitted(here: "pd.DataFrame", told: list[str], question: Question) -> "tuple[MixedFit | None, str]":
    """The fit, or why there is none."""
    from needling.analysis.fits import covariates, safe_frame
    from needling.mixed.errors import MixedModelError
    from needling.mixed.fit import fit_mixed

    by = ["arm"] if here["arm"].nunique() > 1 and question.arms else []
    by += ["baseline"] if question.settings.baseline == "covariate" and here["baseline"].nunique() > 1 else []
    by += covariates(here, question)
    if len(here) < len(by) + 3:
        return None, "too few patients"
    frame = safe_frame(here, by, [], {"arm": list(question.arms)})
    try:
        fit = fit_mixed(
            f"value ~ {' + '.join(by) or '1'}", frame.data, subject="patient", cluster=dict.fromkeys(told, "1")
        )
    except MixedModelError as error:
        return None, frame.words(str(error))
    return (None, frame.words(fit.message)) if fit.status == "failed" or "residual" in fit.boundary else (fit, "")


def _estimated(
    fit: "MixedFit", told: list[str], here: "pd.DataFrame", question: Question, numbers: dict[str, Any]
) -> list[dict[str, Any]]:
    """Rows of the shares and standard deviations with their profile intervals."""
    level = question.settings.level
    shares = {row["component"]: row for row in fit.icc(level, told).to_dict("records")}
    profile = fit.profile(level, told)
    spread = {row["component"]: row for row in profile[profile["quantity"] == "standard deviation"].to_dict("records")}
    made = []
    for one in told:
        zero = bool(shares[one]["icc"] < SMALLEST)
        common = numbers | {"term": structured([one]), "status": "singular" if zero else "converged"}
        common["note"] = "; ".join(_warnings(one, here, zero, question))
        for quantity, row, column in (("icc", shares[one], "icc"), ("standard_deviation", spread[one], "estimate")):
            estimate = 0.0 if zero else row[column]
            limits = {name: float(f"{row[name]:.{SEARCHED_DIGITS}g}") for name in ("low", "high")}
            made.append(common | {"quantity": quantity, "estimate": estimate, **limits})
    return made


def _warnings(one: str, here: "pd.DataFrame", zero: bool, question: Question) -> list[str]:
    """What a reader must know of a component: each a clause."""
    found = [ZERO] if zero else []
    number, counted = here[one].nunique(), _counted(here, one, question)["one_arm"]
    if question.arms and counted:
        found.append(
            f"{counted} of {number} {one}s have patients of one arm only, so that arm and {one} cannot be told apart there"
        )
        if zero and counted == number:
            found.append(ONE_ARM_ZERO)
    if number < FEWEST:
        found.append(f"fewer than ten {one}s, too few to tell how much they differ")
    return found


def _effects(fit: "MixedFit", here: "pd.DataFrame", question: Question) -> "pd.DataFrame":
    """Predicted effects of each component in the order of their size, without names."""
    import pandas as pd
    from scipy.special import ndtri

    level = question.settings.level
    reach = float(ndtri((1 + level) / 2))
    parts = []
    for component, rows in fit.random_effects().groupby("component", sort=False):
        size = here[str(component)].value_counts()
        mine = rows.assign(fewest=rows["level"].map(size).astype("Int64"), n=len(here))
        mine = mine.sort_values(["estimate", "fewest"], kind="stable")
        mine["low"], mine["high"] = mine["estimate"] - reach * mine["se"], mine["estimate"] + reach * mine["se"]
        parts.append(mine.assign(rank=range(1, len(mine) + 1), level=level, unit=question.difference_unit))
    columns = ["component", "unit", "rank", "estimate", "low", "high", "level", "n", "fewest"]
    return pd.concat(parts, ignore_index=True)[columns]
