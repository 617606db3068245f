"""From clean tables to the analysis frame and the participant flow."""

from needling.cohort.analysed import analysed
from needling.cohort.flow import participant_flow
from needling.cohort.frame import assemble

__all__ = ["analysed", "assemble", "participant_flow"]
