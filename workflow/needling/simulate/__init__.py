"""Made-up studies with known truth, as clean tables or as an export with injected dirt."""

from needling.simulate.demo import DEMO_SEED, ROLES, write_demo
from needling.simulate.dirt import KINDS, inject
from needling.simulate.frame import to_frame
from needling.simulate.made_up import SimulatedStudy, simulate_study
from needling.simulate.redcap import redcap_blocks, to_redcap
from needling.simulate.scenario import COHORTS, SCALES, VISITS, Scenario, truth
from needling.simulate.soiled import Answers, Roles

__all__ = [
    "COHORTS",
    "DEMO_SEED",
    "KINDS",
    "ROLES",
    "SCALES",
    "VISITS",
    "Answers",
    "Roles",
    "Scenario",
    "SimulatedStudy",
    "inject",
    "redcap_blocks",
    "simulate_study",
    "to_frame",
    "to_redcap",
    "truth",
    "write_demo",
]
