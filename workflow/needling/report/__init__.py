"""The report: one text, three formats; every number in it is read from a released table."""
