"""The release line: what may leave the house, decided once, for every table."""
