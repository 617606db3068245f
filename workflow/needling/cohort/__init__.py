"""From clean tables to the analysis frame and the participant flow."""

from needling.cohort.flow import participant_flow
from needling.cohort.frame import assemble

__all__ = ["assemble", "participant_flow"]
