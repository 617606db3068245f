"""The report: one text, three formats; every number in it is read from a results table."""

from needling.report.build import build_report

# The tables that the report is made from, beside the comparisons with statsmodels of each analysis.
TABLES = ("results", "flow", "distribution", "missingness", "baseline", "reliability", "audit", "totals")

__all__ = ["TABLES", "build_report"]
