"""A small made-up study, and scores of made-up studies."""

import numpy as np

from needling.simulate.made_up import simulate_study
from needling.simulate.scenario import Scenario


def small_study():
    """Ninety patients of nine clinics, the same each time."""
    return simulate_study(Scenario(patients=90, clinics=9, therapists=24), np.random.default_rng(5))


def scores(study, instrument, observed_only=False):
    """Totals of an instrument with cohort, arm and clinic: everybody's, or only what was observed."""
    table = study.answers[instrument].merge(study.patients[["patient", "cohort", "arm", "clinic"]], on="patient")
    return table[table["observed"]] if observed_only else table
