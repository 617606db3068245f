"""Outcome instruments: what a score means, how it comes from its items, and which thresholds belong to its scale."""

from needling.instruments.definition import Definition, definition, definitions
from needling.instruments.registry import Entry, registry
from needling.instruments.scoring import reliability, score

__all__ = ["Definition", "Entry", "definition", "definitions", "registry", "reliability", "score"]
