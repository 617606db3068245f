"""The report: one text, three formats; every number in it is read from a results table."""

from needling.report.build import build_report

__all__ = ["build_report"]
