"""Outcome instruments: what a score means, how it comes from its items, and which thresholds belong to its scale."""
