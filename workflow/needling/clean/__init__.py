"""Cleaning: read tables of text become typed, re-keyed tables; every change has an audit row, no row is lost."""

from needling.clean.cleaning import Cleaned, clean
from needling.clean.codebook import codebook, write_codebook
from needling.clean.rules import RULES, Rule
from needling.clean.workbook import cleaning_summary, write_audit_workbook

__all__ = [
    "RULES",
    "Cleaned",
    "Rule",
    "clean",
    "cleaning_summary",
    "codebook",
    "write_audit_workbook",
    "write_codebook",
]
