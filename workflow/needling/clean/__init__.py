"""Cleaning: read tables of text become typed, re-keyed tables; every change has an audit row, no row is lost."""

from needling.clean.cleaning import Cleaned, clean
from needling.clean.rules import RULES, Rule

__all__ = ["RULES", "Cleaned", "Rule", "clean"]
