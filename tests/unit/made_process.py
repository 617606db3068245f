"""Made-up sessions and visits for the analyses of process and of dose."""

import numpy as np
import pandas as pd

from needling.cohort.frame import add_baseline

ARMS = {0: "usual_care", 1: "dry_needling"}
# What a study file says whichever of the two kinds is asked for.
SECTIONS = {
    "study": "made",
    "title": "Made",
    "made_up": True,
    "seed": 7,
    "export": {"format": "csv", "records": "records.csv"},
    "primary": "main",
    "visits": {
        "schedule": {"baseline": {"week": 0}, "week_4": {"week": 4}, "week_12": {"week": 12}},
        "primary": "week_4",
    },
}
MAIN = {"kind": "repeated_measures", "outcomes": ["pain"]}


def twitching(seed=1, n=40, sessions=5, within=-0.8, between=0.0, later=0.0):
    """Sessions of one arm whose pain falls within them by `within` at a twitch, and after them by `later`."""
    rng = np.random.default_rng(seed)
    who = np.repeat(np.arange(n), sessions)
    number = np.tile(np.arange(1, sessions + 1), n)
    tendency = rng.uniform(0.2, 0.8, n)
    twitch = (rng.random(n * sessions) < tendency[who]).astype(float)
    share = pd.Series(twitch).groupby(who).transform("mean").to_numpy()
    before = 5 + rng.normal(0, 1.2, n)[who] - 0.2 * number + rng.normal(0, 0.8, n * sessions)
    before = before + later * np.where(number > 1, np.roll(twitch - share, 1), 0.0)
    change = -0.5 + rng.normal(0, 0.4, n)[who] + within * (twitch - share) + between * share
    change = change + rng.normal(0, 0.7, n * sessions)
    return pd.DataFrame(
        {
            "patient": [f"P{i:03d}" for i in who],
            "cohort": "all",
            "arm": "dry_needling",
            "number": number,
            "day": 5.0 * number,
            "pain_before": before,
            "pain_after": before + change,
            "pain_change": change,
            "muscles": 1.0,
            "twitch": twitch,
        }
    )


def measured(seed=1, n=60, r=0.0, gone=0.1, effect=20.0):
    """Pain and two thresholds over three visits: within a person the local one goes with pain by -r, and both improve in time."""
    rng = np.random.default_rng(seed)
    arm = np.arange(n) % 2
    parts = []
    for number, visit in enumerate(["baseline", "week_4", "week_12"]):
        later = number > 0
        passing = rng.multivariate_normal([0, 0, 0], [[1, -r, 0], [-r, 1, 0], [0, 0, 1]], n)
        if number == 0:
            lasting = rng.normal(size=(n, 3))
        pain = 6 - 1.2 * number - 0.8 * arm * later + lasting[:, 0] + passing[:, 0]
        local = 200 + 15 * number + effect * arm * later + 40 * lasting[:, 1] + 30 * passing[:, 1]
        remote = 210 + 10 * number + 40 * lasting[:, 2] + 30 * passing[:, 2]
        stays = rng.random(n) >= (gone if later else 0)
        for outcome, site, values, unit, better in (
            ("pain", "", pain, "0-10 points", "lower"),
            ("ppt", "local", local, "kPa", "higher"),
            ("ppt", "remote", remote, "kPa", "higher"),
        ):
            table = pd.DataFrame(
                {
                    "patient": [f"P{i:03d}" for i in range(n)],
                    "arm": [ARMS[a] for a in arm],
                    "value": values,
                    "visit": visit,
                    "visit_number": number,
                    "week": float([0, 4, 12][number]),
                }
            )
            told = {"outcome": outcome, "site": site, "unit": unit, "better": better}
            parts.append(table[stays].assign(cohort="all", instrument=f"{outcome}_{site}".strip("_"), age=50.0, **told))
    return add_baseline(pd.concat(parts, ignore_index=True), "baseline")


def dosed(seed=1, n=400, per_session=0.0, steep=0.35, most=8, lost=0.0):
    """Patients whose pain falls by `per_session` for each session, and who come again the likelier the worse it is.

    Returns people (patient, baseline, outcome, arm), sessions, and the true mean had everybody received k sessions: at 3, 5, 8.
    """
    rng = np.random.default_rng(seed)
    start, course = rng.normal(6, 1.5, n), rng.normal(0, 1.0, n)
    rows, total = [], np.zeros(n, dtype=int)
    for i in range(n):
        for number in range(1, most + 1):
            pain = start[i] + course[i] * number / 4 + per_session * (number - 1) + rng.normal(0, 0.6)
            rows.append((f"P{i:04d}", number, 5.0 * number, pain))
            total[i] = number
            if number >= 3 and rng.random() > 1 / (1 + np.exp(-steep * (pain - 4.5))):
                break
    after = start + 2 * course + rng.normal(0, 0.8, n)
    people = pd.DataFrame({"patient": [f"P{i:04d}" for i in range(n)], "baseline": start + rng.normal(0, 0.5, n)})
    people = people.assign(outcome=after + per_session * total, arm="dry_needling", cohort="all")
    sessions = pd.DataFrame(rows, columns=["patient", "number", "day", "pain_before"])
    if lost:
        final = sessions.groupby("patient")["pain_before"].last().reindex(people["patient"]).to_numpy()
        people["outcome"] = people["outcome"].where(rng.random(n) > lost / (1 + np.exp(-(final - 5))))
    return people, sessions, {k: 6 + per_session * k for k in (3, 5, 8)}
