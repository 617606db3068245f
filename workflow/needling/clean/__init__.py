"""Cleaning: read tables of text become typed, re-keyed tables; every change has an audit row, no row is lost."""
