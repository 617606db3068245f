"""The rows of a model on the desk, which can be given further columns."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from needling.schema.frames import EXPOSURES
from needling.study.keys import StudyError, nearest

if TYPE_CHECKING:
    from needling.desk.held import Held


class Rows(pd.DataFrame):
    """Rows of a study: a pandas table that also knows its study, for `add_baseline` and `add_exposure`."""

    _metadata = ["study"]  # noqa: RUF012 - as pandas asks
    study: "Held"

    @property
    def _constructor(self) -> Callable[..., "Rows"]:
        return Rows

    def add_baseline(self, name: str) -> "Rows":
        """Add what was known of each patient at baseline.

        Parameters
        ----------
        name : a covariate of the study file, or an instrument: its score at the baseline visit.

        Returns
        -------
        The rows with a column `name`, one number (or level) per patient; missing where it was not measured. As they are, where
        they have the column already.

        Raises
        ------
        StudyError : neither a covariate nor an instrument has the name.

        Example
        -------
        >>> study.data("primary", cohort="myofascial", outcome="pain").add_baseline("csi")
        """
        if name in self.columns:
            return self
        plan, people = self.study.plan, self.study.ordered("patients").set_index("patient")
        if name in people.columns and name in plan.covariate_names:
            return self.assign(**{name: self["patient"].map(people[name])})
        if name not in plan.instruments:
            raise StudyError(
                f"there is no covariate and no instrument '{name}'{nearest(name, [*plan.covariate_names, *plan.instruments])}"
            )
        visits, scores = self.study.ordered("measured"), self.study.ordered("scores")
        first = visits.loc[visits["visit"] == plan.visits.baseline].set_index("row")["patient"]
        mine = scores[(scores["instrument"] == name) & scores["visit_row"].isin(first.index)]
        values = (
            mine.assign(patient=mine["visit_row"].map(first)).drop_duplicates("patient").set_index("patient")["value"]
        )
        return self.assign(**{name: self["patient"].map(values).astype(float)})

    def add_exposure(self, name: str) -> "Rows":
        """Add how much treatment each patient had had before the visit, or before the session, of a row.

        Parameters
        ----------
        name : muscles, needles, insertions or twitch_responses: their sum over the patient's sessions before the day of the row;
            or sessions: how many there were.

        Returns
        -------
        The rows with a column `<name>_before`: 0 where no session came before, missing where a session has no date or leaves the
        number open, or where the row itself has no day. It is a consequence of treatment: an effect is not to be adjusted for it.

        Raises
        ------
        StudyError : the study records no sessions, or not this of them.

        Example
        -------
        >>> study.data("growth", cohort="sports", outcome="pain").add_exposure("needles")
        """
        known, column = ["sessions", *EXPOSURES], f"{name}_before"
        if name not in known:
            raise StudyError(f"there is no exposure '{name}'{nearest(name, known)}")
        if column in self.columns:
            return self
        sessions = self.study.ordered("sessions")
        if sessions.empty or (name != "sessions" and sessions[name].isna().all()):
            raise StudyError(f"the study records no {name} of its sessions (events.sessions, events.needling)")
        amounts = sessions[["patient", "day"]].assign(
            amount=1.0 if name == "sessions" else sessions[name].astype(float)
        )
        here = pd.DataFrame(
            {"patient": self["patient"].astype("str"), "at": self["day"].astype(float), "row": np.arange(len(self))}
        )
        both = here.merge(amounts, on="patient", how="left")
        before = both["day"].isna() & both["amount"].notna() | (both["day"] < both["at"])
        open_one = both["day"].isna() & both["row"].isin(both.loc[before, "row"]) & both["amount"].notna()
        open_one |= before & both["amount"].isna()
        total = both["amount"].where(before, 0.0).groupby(both["row"]).sum()
        unknown = open_one.groupby(both["row"]).any() | here.set_index("row")["at"].isna()
        return self.assign(**{column: total.mask(unknown).to_numpy()})
