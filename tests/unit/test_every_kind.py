"""Every kind on what real studies come to: one patient, arm or visit, no events, nothing measured, three arms, a cohort."""

import re

import numpy as np
import pytest
from made_kinds import BARE, KINDS, OF_ARMS, OF_LOT, OF_TWO, plan, tables

from needling.analysis.kinds import kinds
from needling.analysis.run import analyse
from needling.extension import frames

STATUS = {"converged", "singular", "rank_deficient", "failed", "not_estimated", "abstains"}


def broken(results, frame):
    """Which promises of every row, whatever came, are not kept: a known status, a reason for no number, bounds around one."""
    gone = results["status"].isin(["not_estimated", "failed"])
    known = results[results["estimate"].notna()]
    outside = (known["low"] > known["estimate"] + 1e-9) | (known["high"] < known["estimate"] - 1e-9)
    promises = {
        "there is a row": len(results) >= 1,
        "each status is known": set(results["status"]) <= STATUS,
        "what is not estimated says why": results.loc[gone, "note"].ne("").all(),
        "what is not estimated has no number": results.loc[gone, ["estimate", "p"]].isna().all(axis=None),
        "each row is named once": not results["row_id"].duplicated().any(),
        "estimates are finite": np.isfinite(known["estimate"]).all(),
        "estimates lie in their intervals": not outside.any(),
        "no more patients than there are": (results["n_patients"].fillna(0) <= frame["patient"].nunique()).all(),
        "p is a probability": results["p"].dropna().between(0, 1).all(),
    }
    return [promise for promise, kept in promises.items() if not kept]


@pytest.mark.parametrize("name", list(frames()))
@pytest.mark.parametrize("kind", list(KINDS))
def test_awkward_frames(kind, name):
    frame, study = frames()[name], plan(kind)
    assert broken(analyse("asked", tables(frame, study), study).results, frame) == []


@pytest.mark.parametrize("kind", ["harms", "treatment_delivered", "time_to_event day", "blinding"])
def test_no_events(kind):
    frame, study = frames()["an ordinary trial"], plan(kind)
    given = tables(frame, study, events=False)
    assert given["adverse_events"].empty
    found = analyse("asked", given, study).results
    assert broken(found, frame) == []
    if kind == "harms":
        share = found[(found["term"] == '[["adverse_event", "any"]]') & (found["quantity"] == "share")]
        assert share["estimate"].tolist() == [0, 0]
        assert share["high"].tolist() == pytest.approx([1 - 0.05 ** (1 / 30)] * 2, rel=1e-9)  # one-sided


def test_every_kind_is_here():
    package = {name for name, module in kinds().items() if module.__name__.startswith("needling.analysis.")}
    assert {name.partition(" ")[0] for name in KINDS} == package


@pytest.mark.parametrize("kind", [one for one in KINDS if one not in OF_TWO])
def test_three_arms(kind):
    arms = ("usual_care", "sham", "dry_needling")
    frame = frames()["an ordinary trial"]
    frame = frame.assign(arm=np.array(arms)[frame["patient"].str[1:].astype(int) % 3])
    study = plan(kind, arms)
    found = analyse("asked", tables(frame, study), study).results
    assert broken(found, frame) == []
    pairs = set(found[found["reference"] != ""][["arm", "reference"]].itertuples(index=False, name=None))
    assert pairs == (set() if kind in BARE else {("sham", "usual_care"), ("dry_needling", "usual_care")})


@pytest.mark.parametrize("kind", [one for one in KINDS if one not in OF_LOT])
def test_a_cohort_that_was_not_randomised(kind):
    frame, study = frames()["an ordinary trial"], plan(kind, design="cohort")
    found = analyse("asked", tables(frame, study), study).results
    assert broken(found, frame) == []
    if kind == "harms":
        assert found["reference"].eq("").all()


@pytest.mark.parametrize("kind", list(KINDS))
def test_a_single_arm_is_described_or_refused_in_words(kind):
    if kind in OF_ARMS:
        study = plan(kind, None, "single_arm")
        with pytest.raises(ValueError, match=r"this study has one|not drawn by lot|drawn by lot") as told:
            study.analyses["asked"].check_plan("asked", study)
        assert re.fullmatch(r"analyses\.asked: [^\n]+", str(told.value))
        return
    frame, study = frames()["an ordinary trial"].assign(arm=""), plan(kind, None, "single_arm")
    found = analyse("asked", tables(frame, study), study).results
    assert broken(found, frame) == []
    assert found["arm"].eq("").all()
    assert found["reference"].eq("").all()
    assert not {"difference", "risk_difference", "rate_ratio"} & set(found["quantity"])
