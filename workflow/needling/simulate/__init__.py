"""Made-up studies with known truth, as clean tables or as an export with injected dirt."""

from needling.simulate.made_up import SimulatedStudy, simulate_study
from needling.simulate.scenario import COHORTS, SCALES, VISITS, Scenario, truth

__all__ = ["COHORTS", "SCALES", "VISITS", "Scenario", "SimulatedStudy", "simulate_study", "truth"]
