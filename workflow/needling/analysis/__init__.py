"""From the analysis frame to results tables: one function per kind of analysis, one entry for all."""

from needling.analysis.run import analyse

__all__ = ["analyse"]
