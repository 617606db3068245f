"""The session frame: one row per patient and treatment session, with what was done at it and before it."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from needling.schema.contract import check, empty
from needling.schema.frames import EXPOSURES, MANNER, SESSIONS_FRAME
from needling.study.keys import StudyError
from needling.study.plan import Study


def session_frame(patients: pd.DataFrame, tables: Mapping[str, pd.DataFrame], study: Study) -> pd.DataFrame:
    """Lay out each patient's sessions, in their order, with pain, exposures and the patient's facts.

    Parameters
    ----------
    patients : clean patients, with derived covariates.
    tables : clean event tables by name: sessions, needling.
    study : sections patients, events, covariates.

    Returns
    -------
    Table of the contract SESSIONS_FRAME; then the exposures of the session (contract EXPOSURES), their sums over the patient's
    earlier sessions (`needles_before` ...), the manner of the session (MANNER), the other columns of the study file's sessions
    (soreness_24h ...) and the covariates. Sorted by the patient's row in the export and the session. A session without rows
    in the needling table had no muscle needled; after a session that leaves an exposure open, its sum is open.
    A session without a date follows the one numbered before it.
    """
    contract = SESSIONS_FRAME | EXPOSURES | {f"{name}_before": field for name, field in EXPOSURES.items()} | MANNER
    covariates = [name for name in study.covariate_names if name in patients.columns]
    if "sessions" not in tables:
        return empty(contract)
    sessions = tables["sessions"]
    facts = patients[["patient", "cohort", "arm", *covariates]].assign(_patient=patients["row"])
    others = [name for name in sessions.columns if name not in {*contract, "row", *facts.columns}]
    frame = _in_order(sessions.merge(facts, on="patient", how="inner"))
    for name in ("pain_before", "pain_after"):
        frame[name] = frame[name] if name in frame.columns else np.nan
    frame["pain_change"] = frame["pain_after"] - frame["pain_before"]
    frame["week"] = frame["day"] / 7
    frame = _with_exposures(frame, tables.get("needling"))
    by = frame.groupby("patient", sort=False)
    for name in EXPOSURES:
        # pandas adds over gaps; an open number leaves every later sum open
        opened = frame[name].isna().groupby(frame["patient"]).cummax()
        so_far = by[name].cumsum().mask(opened)
        frame[f"{name}_before"] = so_far.groupby(frame["patient"]).shift().where(frame["number"] > 1, 0.0)
    return check(frame[[*contract, *others, *covariates]].reset_index(drop=True), contract, "sessions")


def _in_order(frame: pd.DataFrame) -> pd.DataFrame:
    frame = frame.sort_values(["_patient", "session", "row"], kind="stable")
    frame["_day"] = frame["day"].fillna(frame.groupby("patient")["day"].ffill()).fillna(-np.inf)
    frame = frame.sort_values(["_patient", "_day", "session", "row"], kind="stable")
    frame["number"] = frame.groupby("patient").cumcount() + 1
    return frame.drop(columns="_day")


def _with_exposures(frame: pd.DataFrame, needling: pd.DataFrame | None) -> pd.DataFrame:
    """Add what the needling table says of each session: by its number, or by its day where the table has none."""
    if needling is None:
        return frame.assign(**dict.fromkeys([*EXPOSURES, *MANNER], np.nan))
    key = ["patient", "session" if "session" in needling.columns else "day"]
    known = needling.dropna(subset=key)
    twitch = _twitch(known)
    by = [known[name] for name in key]
    made = pd.DataFrame({"muscles": known.groupby(key).size().astype(float), "twitch": _any(twitch, by)})
    for name, column in {"needles": "needles", "insertions": "insertions", "twitch_responses": "ltr_count"}.items():
        made[name] = _complete_sum(known[column], by) if column in known.columns else np.nan
    for name in ("depth_mm", "retention_min"):
        made[name] = known[name].groupby(by).mean() if name in known.columns else np.nan
    made["technique"] = _techniques(known, key).reindex(made.index, fill_value="") if "technique" in known else np.nan
    frame = frame.merge(made.reset_index(), on=key, how="left")
    bare = frame["muscles"].isna() & frame[key[1]].notna()
    for name in ["muscles", *(one for one in [*EXPOSURES, "twitch"] if one in made and made[one].notna().any())]:
        frame[name] = frame[name].mask(bare, 0.0)
    return frame


def _techniques(known: pd.DataFrame, key: list[str]) -> pd.Series:
    """Name the techniques of each session, several in the order of the alphabet."""
    used = known.dropna(subset="technique").drop_duplicates([*key, "technique"]).sort_values("technique", kind="stable")
    several = used.duplicated(key, keep=False)
    joined = used[several].groupby(key)["technique"].agg("+".join)
    return pd.concat([used[~several].set_index(key)["technique"], joined])


def _twitch(rows: pd.DataFrame) -> pd.Series:
    """Whether a muscle twitched: 1 or 0, from `ltr`, else from the count."""
    if "ltr" not in rows.columns:
        counted = rows["ltr_count"] if "ltr_count" in rows.columns else pd.Series(np.nan, index=rows.index)
        return (counted > 0).astype(float).mask(counted.isna())
    if pd.api.types.is_numeric_dtype(rows["ltr"].dtype):
        return (rows["ltr"] > 0).astype(float).mask(rows["ltr"].isna())
    answers = rows["ltr"].str.casefold()
    if not answers.dropna().isin(["yes", "no"]).all():
        raise StudyError(
            "events.needling.columns.ltr holds other answers than yes and no; give its codes the names yes and no, in quotes."
        )
    return (answers == "yes").astype(float).mask(answers.isna())


def _any(twitch: pd.Series, by: list[pd.Series]) -> pd.Series:
    """1 where any muscle twitched, 0 where none did, open where none is known to and one is open."""
    groups = twitch.groupby(by)
    any_one = groups.max()
    return any_one.mask((any_one != 1) & twitch.isna().groupby(by).any())


def _complete_sum(numbers: pd.Series, by: list[pd.Series]) -> pd.Series:
    return numbers.groupby(by).sum().mask(numbers.isna().groupby(by).any())
