"""Results and side tables of three made-up studies, as the analyses would write them, for figures, tables and report."""

import numpy as np
import pandas as pd

from needling.schema import BASELINE, DISTRIBUTION, FITTED, FLOW, MISSINGNESS, QUANTILES, RESULTS, check
from needling.study.plan import Study

POINTS = {"unit": "0-10 points", "range": [0, 10], "better": "lower", "total": "x"}
PERCENT = {"unit": "0-100 %", "range": [0, 100], "better": "lower", "total": "x"}
ARM = {
    "from": "arm",
    "codes": {0: "usual_care", 1: "dry_needling"},
    "reference": "usual_care",
}


def plan(**changes):
    weeks = {"baseline": 0, "week_2": 2, "week_4": 4, "week_8": 8, "week_12": 12}
    label = {name: name.replace("_", " ").capitalize() for name in weeks}
    document = {
        "study": "example",
        "title": "Dry needling beside usual care",
        "design": "randomised",
        "made_up": True,
        "seed": 1,
        "export": {"format": "csv", "records": "data/raw/example/records.csv"},
        "patients": {
            "id": "id",
            "arm": ARM,
            "cohort": {"from": "c"},
            "covariates": {"age": {"from": "age", "label": "Age", "unit": "years"}, "sex": "sex"},
        },
        "visits": {
            "schedule": {name: {"label": label[name], "week": week} for name, week in weeks.items()},
            "primary": "week_4",
        },
        "instruments": {
            "nprs": {"total": "x"},
            "ndi": {"total": "x"},
            "fiqr": {"total": "x"},
            "lefs": {"total": "x"},
            "visa_a": {"total": "x"},
        },
        "outcomes": {"pain": "Pain intensity", "function": "Function"},
        "cohorts": {
            "myofascial": {"label": "Myofascial pain", "outcomes": {"pain": "nprs", "function": "ndi"}},
            "fibromyalgia": {"label": "Fibromyalgia", "outcomes": {"pain": "nprs", "function": "fiqr"}},
            "sports": {"label": "Sports injury", "outcomes": {"pain": "nprs", "function": ["lefs", "visa_a"]}},
        },
        "primary": "primary",
        "families": {"primary": {"method": "holm"}},
        "estimands": {
            "offer": {
                "population": "adults with one of three painful conditions",
                "treatment": "dry needling beside usual care, against usual care",
                "variable": "pain intensity and function at week 4",
                "intercurrent_events": {"treatment stopped early": "treatment policy"},
                "summary": "difference in means",
            }
        },
        "analyses": {
            "primary": {
                "kind": "repeated_measures",
                "label": "Primary analysis",
                "estimand": "offer",
                "outcomes": ["pain", "function"],
                "adjust": ["age", "sex"],
                "family": "primary",
            },
            "week_12": {
                "kind": "ancova",
                "label": "Week 12 alone",
                "outcomes": ["pain", "function"],
                "visits": ["week_12"],
            },
        },
    }
    return Study.model_validate(document | changes)


def trial_plan():
    """One cohort, two outcomes, two visits, improvement reported as positive, one interaction."""
    schedule = {
        "baseline": {"label": "Baseline", "week": 0},
        "month_3": {"label": "3 months", "week": 13},
        "month_12": {"label": "12 months", "week": 52},
    }
    score = {"label": "Headache severity score", "unit": "points", "range": [0, 140], "better": "lower", "total": "x"}
    days = {"label": "Days with headache", "unit": "days in 4 weeks", "range": [0, 28], "better": "lower", "total": "x"}
    common = {"kind": "ancova", "outcomes": ["score", "days"], "visits": ["month_3", "month_12"]}
    return plan(
        title="Acupuncture for headache",
        made_up=False,
        patients={"id": "id", "arm": ARM, "covariates": {"age": {"from": "age", "label": "Age", "unit": "years"}}},
        visits={"schedule": schedule, "primary": "month_12"},
        instruments={"score": score, "days": days},
        outcomes={"score": "Headache severity score", "days": "Days with headache"},
        cohorts={"headache": {"label": "Chronic headache", "outcomes": {"score": "score", "days": "days"}}},
        estimands={},
        families={},
        analyses={
            "primary": {**common, "label": "Published analysis", "report_as": "improvement"},
            "by_baseline": {
                **common,
                "label": "Does the effect depend on baseline severity?",
                "outcomes": ["score"],
                "visits": ["month_12"],
                "interaction": "baseline",
                "report_as": "improvement",
            },
        },
    )


def single_arm_plan():
    """One cohort without arms and covariates, one outcome."""
    return plan(
        title="Course of fibromyalgia over the sessions",
        design="single_arm",
        made_up=False,
        patients={"id": "id"},
        instruments={"fiqr": {"total": "x"}},
        outcomes={"impact": "Impact of fibromyalgia"},
        cohorts={"fibromyalgia": {"label": "Fibromyalgia", "outcomes": {"impact": "fiqr"}}},
        estimands={},
        families={},
        analyses={
            "primary": {
                "kind": "repeated_measures",
                "label": "Course over the sessions",
                "outcomes": ["impact"],
                "baseline": "response",
            }
        },
    )


def inputs(study, per_arm=60, seed=3):
    """Tables of one study; every number is drawn from the seed."""
    rng = np.random.default_rng(seed)
    arms = study.arms or [""]
    visits = list(study.visits.schedule)
    everywhere = [(c, o) for c, settings in study.cohorts.items() for o in settings.outcomes]
    measured = {
        (c, o, v, a): int(per_arm - np.sort(rng.integers(0, per_arm // 4, len(visits)))[i] * (i > 0))
        for c, o in everywhere
        for a in arms
        for i, v in enumerate(visits)
    }
    results = _results(study, everywhere, arms, visits, measured, rng)
    return {
        "results": check(results, RESULTS, "results"),
        "flow": check(_flow(study, arms, visits, measured, per_arm), FLOW, "flow"),
        "distribution": check(_distribution(measured, rng), DISTRIBUTION, "distribution"),
        "missingness": check(
            pd.DataFrame(
                [(*place, per_arm, n) for place, n in measured.items()],
                columns=["cohort", "outcome", "visit", "arm", "expected", "measured"],
            ),
            MISSINGNESS,
            "missingness",
        ),
        "baseline": check(_baseline(study, arms, per_arm, rng), BASELINE, "baseline"),
        "fitted": check(_fitted(everywhere, rng), FITTED, "fitted"),
        "quantiles": check(_quantiles(everywhere, rng), QUANTILES, "quantiles"),
    }


def _row(study, analysis, place, visit, term, contrast, estimate, se, n):
    settings = study.analyses[analysis]
    mixed = settings.kind == "repeated_measures"
    df = 0.93 * n
    return {
        "analysis": analysis,
        "estimand": settings.estimand or "",
        "cohort": place[0],
        "outcome": place[1],
        "visit": visit,
        "term": term,
        "contrast": contrast,
        "scale": "points",
        "estimate": estimate,
        "se": se,
        "df": df,
        "statistic": estimate / se,
        "p": float(np.exp(-0.717 * abs(estimate / se) - 0.416 * (estimate / se) ** 2)) if term != "mean" else np.nan,
        "p_adjusted": np.nan,
        "low": estimate - 1.98 * se,
        "high": estimate + 1.98 * se,
        "level": 0.95,
        "n_patients": n,
        "n_observations": n * 3 if mixed else n,
        "n_clusters": np.nan,
        "method": "Mixed model for repeated measures (REML), unstructured covariance over visits"
        if mixed
        else "Analysis of covariance (least squares)",
        "df_method": "Kenward-Roger" if mixed else "residual",
        "weights": "the analysed patients",
        "status": "converged",
        "note": "",
        "favours": "",
    }


def _results(study, everywhere, arms, visits, measured, rng):
    rows = []
    for analysis, settings in study.analyses.items():
        for place in everywhere:
            if place[1] not in settings.outcomes:
                continue
            if not study.arms:
                n = max(measured[(*place, visit, "")] for visit in visits)
                rows.append(_row(study, analysis, place, visits[0], "mean", "", 50.0, 2.0, n))
            for visit in getattr(settings, "visits", visits[1:]):
                n = sum(measured[(*place, visit, arm)] for arm in arms)
                size = 10 if place[1] != "pain" else 1
                for arm in arms:
                    value = size * (4.5 - 0.12 * visits.index(visit) + 0.3 * rng.normal())
                    rows.append(_row(study, analysis, place, visit, "mean", arm, value, 0.2 * size, n))
                effect = size * rng.normal(-0.5, 0.3) * (-1 if settings.report_as == "improvement" else 1)
                term = "effect" if study.arms else "course"
                contrast = "dry_needling - usual_care" if study.arms else f"{visit} - {visits[0]}"
                rows.append(_row(study, analysis, place, visit, term, contrast, effect, 0.24 * size, n))
                if getattr(settings, "interaction", None):
                    rows.append(_row(study, analysis, place, visit, "interaction", "baseline", 0.27, 0.09, n))
    return pd.DataFrame(rows)


def _flow(study, arms, visits, measured, per_arm):
    total = per_arm * len(arms) * len(study.cohorts)
    rows = [
        {"stage": "exported", "n": total + 9},
        {"stage": "excluded", "reason": "the arm is missing", "n": 4},
        {"stage": "excluded", "reason": "the patient's code occurs twice with different values", "n": 5},
        {"stage": "enrolled", "n": total},
    ]
    for cohort, settings in study.cohorts.items():
        for arm in arms:
            place = {"cohort": cohort, "arm": arm}
            rows.append({**place, "stage": "allocated", "n": per_arm})
            for visit in visits:
                most = max(measured[cohort, outcome, visit, arm] for outcome in settings.outcomes)
                rows.append({**place, "stage": "followed", "visit": visit, "n": most})
            for outcome in settings.outcomes:
                counts = [measured[cohort, outcome, visit, arm] for visit in visits]
                rows += [
                    {**place, "stage": "measured", "visit": v, "outcome": outcome, "n": n}
                    for v, n in zip(visits, counts, strict=True)
                ]
                rows.append({**place, "stage": "analysed", "outcome": outcome, "n": max(counts[1:])})
                lost = per_arm - max(counts[1:])
                for reason, n in (
                    ("incomplete", lost // 3),
                    ("no_baseline", lost - lost // 3),
                ):
                    rows += [{**place, "stage": "left_out", "outcome": outcome, "reason": reason, "n": n}] if n else []
    return pd.DataFrame(rows).reindex(columns=list(FLOW)).fillna({c: "" for c in FLOW if c != "n"})


def _distribution(measured, rng):
    rows = []
    for (cohort, outcome, visit, arm), n in measured.items():
        size = 10 if outcome != "pain" else 1
        middle, spread = size * rng.normal(4.8, 0.4), 1.7 * size
        rows.append(
            {
                **{"cohort": cohort, "outcome": outcome, "visit": visit, "arm": arm, "n": n},
                **{"mean": middle + 0.1, "sd": spread, "median": middle, "floor": 0.02, "ceiling": 0.0},
                **{f"q{q}": middle + z * spread for q, z in ((10, -1.28), (25, -0.67), (75, 0.67), (90, 1.28))},
            }
        )
    return pd.DataFrame(rows)


def _baseline(study, arms, per_arm, rng):
    rows = []
    for cohort, settings in study.cohorts.items():
        numbers = [("age", "Age", "years")] if study.patients.covariates else []
        numbers += [(o, f"{study.outcome_label(o)} at baseline", "0-10 points") for o in settings.outcomes]
        for name, label, unit in numbers:
            for i, arm in enumerate(arms):
                mean = rng.normal(45, 2)
                rows.append(
                    {
                        **{"cohort": cohort, "arm": arm, "variable": name, "label": label, "unit": unit, "level": ""},
                        **{"n": per_arm, "mean": mean, "sd": 11.2, "median": mean, "q25": mean - 8, "q75": mean + 8},
                        "standardised_difference": 0.08 if i else np.nan,
                    }
                )
        if "sex" in study.patients.covariates:
            for level, share in (("female", 0.93), ("male", 0.07)):
                for i, arm in enumerate(arms):
                    rows.append(
                        {
                            **{"cohort": cohort, "arm": arm, "variable": "sex", "label": "Sex", "level": level},
                            **{"unit": "", "n": per_arm, "count": round(share * per_arm), "percent": 100 * share},
                            "standardised_difference": 0.03 if i else np.nan,
                        }
                    )
    return pd.DataFrame(rows).reindex(columns=list(BASELINE))


def _fitted(everywhere, rng):
    return pd.DataFrame(
        [
            {
                **{
                    "cohort": c,
                    "outcome": o,
                    "bin": i,
                    "n": 24,
                    "fitted": (2.5 + 0.4 * i) * (10 if o != "pain" else 1),
                },
                **{"residual": rng.normal(0, 0.15), "low": -1.3 + rng.normal(0, 0.1), "high": 1.3 + rng.normal(0, 0.1)},
            }
            for c, o in everywhere
            for i in range(10)
        ]
    )


def _quantiles(everywhere, rng):
    grid = np.linspace(-2.2, 2.2, 25)
    return pd.DataFrame(
        [
            {"cohort": c, "outcome": o, "normal": z, "residual": z + rng.normal(0, 0.05), "n": 18}
            for c, o in everywhere
            for z in grid
        ]
    )
